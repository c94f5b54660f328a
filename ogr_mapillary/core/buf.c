/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <string.h>

enum { FIRST_CAPACITY = 4096 };
enum { UNPROVEN = 1 << 20, PROOF = 8 }; /* what is believed of a size: so much, or so many times what is there */

void mly_buf_init(struct mly_buf *buf, const struct mly_mem *mem, size_t limit)
{
    *buf = (struct mly_buf){.mem = mem, .limit = limit};
}

static enum mly_status set_capacity(struct mly_buf *buf, size_t capacity)
{
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

enum mly_status mly_buf_reserve(struct mly_buf *buf, size_t n)
{
    if (n > buf->limit - buf->size)
        return MLY_E_LIMIT;
    return n <= buf->capacity - buf->size ? MLY_OK : set_capacity(buf, buf->size + n);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum mly_status mly_buf_expect(struct mly_buf *buf, size_t n)
{
    const size_t wanted = smaller(n, buf->limit);
    const size_t room = wanted <= UNPROVEN || wanted / PROOF <= buf->size ? wanted : UNPROVEN;
    return room > buf->capacity ? set_capacity(buf, room) : MLY_OK;
}

/* What an append makes of the capacity: twice as much, or what is needed if that is more. */
static size_t grown(const struct mly_buf *buf, size_t need)
{
    const size_t twice = buf->capacity > buf->limit / 2 ? buf->limit : buf->capacity * 2;
    const size_t usual = smaller(twice > FIRST_CAPACITY ? twice : FIRST_CAPACITY, buf->limit);
    return usual > need ? usual : need;
}

enum mly_status mly_buf_append(struct mly_buf *buf, const void *bytes, size_t n)
{
    if (n == 0)
        return MLY_OK;
    if (n > buf->limit - buf->size)
        return MLY_E_LIMIT;
    if (n > buf->capacity - buf->size)
        MLY_TRY(set_capacity(buf, grown(buf, buf->size + n)));
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
