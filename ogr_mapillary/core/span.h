/* SPDX-License-Identifier: MIT */
/* span.h — borrowed bytes: a pointer and a length, never a terminator.
 * Owner: whoever made the bytes; a span frees nothing. Threads: a value. */
#ifndef MLY_SPAN_H
#define MLY_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct mly_span {
    const uint8_t *data; /* may be NULL when `size` is 0 */
    size_t size;
};

#endif
