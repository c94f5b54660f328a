/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <string.h>

enum { FIRST_CAPACITY = 4096 };

void mly_buf_init(struct mly_buf *buf, const struct mly_mem *mem, size_t limit)
{
    *buf = (struct mly_buf){.mem = mem, .limit = limit};
}

enum mly_status mly_buf_reserve(struct mly_buf *buf, size_t n)
{
    if (n > buf->limit - buf->size)
        return MLY_E_LIMIT;
    if (n <= buf->capacity - buf->size)
        return MLY_OK;

    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
    while (capacity - buf->size < n && capacity <= buf->limit / 2)
        capacity *= 2;
    if (capacity - buf->size < n || capacity > buf->limit)
        capacity = buf->limit;

    uint8_t *data = buf->mem->alloc(buf->mem->ctx, capacity);
    if (!data)
        return MLY_E_NOMEM;
    if (buf->size)
        memcpy(data, buf->data, buf->size);
    buf->mem->release(buf->mem->ctx, buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return MLY_OK;
}

enum mly_status mly_buf_append(struct mly_buf *buf, const void *bytes, size_t n)
{
    if (n == 0)
        return MLY_OK;
    MLY_TRY(mly_buf_reserve(buf, n));
    memcpy(buf->data + buf->size, bytes, n);
    buf->size += n;
    return MLY_OK;
}

void mly_buf_move(struct mly_buf *to, struct mly_buf *from)
{
    *to = *from;
    mly_buf_init(from, to->mem, to->limit);
}

struct mly_span mly_buf_view(const struct mly_buf *buf)
{
    return (struct mly_span){.data = buf->data, .size = buf->size};
}

void mly_buf_fini(struct mly_buf *buf)
{
    if (buf->data)
        buf->mem->release(buf->mem->ctx, buf->data);
    mly_buf_init(buf, buf->mem, buf->limit);
}
