/* SPDX-License-Identifier: MIT */
#include "inflate.h"

#include <stdio.h>

enum { GZIP_SMALLEST = 18 };       /* RFC 1952: ten bytes of header, eight of trailer */
enum { DEFLATE_RATIO_MAX = 1032 }; /* no deflate stream expands further; a trailer that promises more lies */

static bool is_gzip(const struct mly_buf *body)
{
    return body->size >= 2 && body->data[0] == 0x1f && body->data[1] == 0x8b;
}

/* The trailer's last field: the size of what was compressed, modulo 2^32. */
static size_t promised_size(const struct mly_buf *body)
{
    const uint8_t *last = body->data + body->size - 4;
    return (size_t)last[0] | (size_t)last[1] << 8 | (size_t)last[2] << 16 | (size_t)last[3] << 24;
}

size_t mly_inflate_size(const struct mly_buf *body)
{
    if (!is_gzip(body) || body->size < GZIP_SMALLEST)
        return body->size;
    const size_t size = promised_size(body);
    return size > body->limit ? body->limit + 1 : size;
}

static void fail(struct mly_response *response, enum mly_status status, const char *why)
{
    mly_buf_fini(&response->body);
    response->status = status;
    (void)snprintf(response->why, sizeof response->why, "%s", why);
}

void mly_inflate_body(mly_inflate_fn *inflate, struct mly_response *response)
{
    struct mly_buf *body = &response->body;
    if (response->status < 0 || !is_gzip(body))
        return;

    const size_t size = body->size < GZIP_SMALLEST ? SIZE_MAX : promised_size(body);
    if (size / DEFLATE_RATIO_MAX > body->size) {
        fail(response, MLY_E_CORRUPT, "the gzipped answer is broken");
        return;
    }
    if (size > body->limit) {
        fail(response, MLY_E_LIMIT, "the answer is larger than its ceiling when decompressed; please report it");
        return;
    }
    struct mly_buf plain;
    uint8_t none;
    mly_buf_init(&plain, body->mem, body->limit);
    if (size && mly_buf_reserve(&plain, size) < 0) {
        fail(response, MLY_E_NOMEM, "out of memory for the decompressed answer");
        return;
    }
    if (!inflate(body->data, body->size, size ? plain.data : &none, size)) { /* also a trailer of zeros must be true */
        mly_buf_fini(&plain);
        fail(response, MLY_E_CORRUPT, "the gzipped answer is broken");
        return;
    }
    plain.size = size;
    mly_buf_fini(body);
    mly_buf_move(body, &plain);
}
