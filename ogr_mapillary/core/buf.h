/* SPDX-License-Identifier: MIT */
/* buf.h — bytes that grow up to a ceiling and are handed over by moving.
 * Owner: whoever holds the struct; mly_buf_move transfers. Threads: one buffer, one thread at a time. */
#ifndef MLY_BUF_H
#define MLY_BUF_H

#include "mem.h"
#include "span.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_buf {
    const struct mly_mem *mem;
    uint8_t *data;
    size_t size, capacity, limit;
};

void mly_buf_init(struct mly_buf *buf, const struct mly_mem *mem, size_t limit);

/* All or nothing. Room grows by doubling. MLY_E_LIMIT beyond the ceiling, MLY_E_NOMEM; the bytes that are there stay.
 */
enum mly_status mly_buf_append(struct mly_buf *buf, const void *bytes, size_t n);

/* Room for `n` more bytes and no others, so that they can be written at data + size. Same failures. */
enum mly_status mly_buf_reserve(struct mly_buf *buf, size_t n);

/* Before an append: there will be `n` bytes in all, says somebody who may be wrong. Makes exactly that much room where
 * it is at most a mebibyte, or about eight times what is there; else a mebibyte. MLY_E_NOMEM. */
enum mly_status mly_buf_expect(struct mly_buf *buf, size_t n);

/* `to` must be zeroed or finished; `from` ends up empty, with its allocator and ceiling. */
void mly_buf_move(struct mly_buf *to, struct mly_buf *from);

/* Valid until the next append, move or fini. */
struct mly_span mly_buf_view(const struct mly_buf *buf);

/* Frees the bytes and leaves an empty buffer that can be used again. Accepts a zeroed one. */
void mly_buf_fini(struct mly_buf *buf);

#ifdef __cplusplus
}
#endif

#endif
