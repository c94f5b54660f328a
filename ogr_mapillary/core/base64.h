/* SPDX-License-Identifier: MIT */
/* base64.h — text → bytes (RFC 4648, clause 4).
 * Owner: the caller owns both. Threads: a pure function. */
#ifndef MLY_BASE64_H
#define MLY_BASE64_H

#include <stdbool.h>

#include "span.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `out` has room for size / 4 * 3 bytes. False: the text is not whole groups of the alphabet, with padding only at the
 * end. */
bool mly_base64_decode(struct mly_span text, uint8_t *out, size_t *n_out);

#ifdef __cplusplus
}
#endif

#endif
