/* SPDX-License-Identifier: MIT */
/* hash.h — XXH64, a checksum about as fast as memory: against accidents, not against malice.
 * Owner: nothing is kept. Threads: pure functions. Source: the xxHash specification, XXH64 with seed 0. */
#ifndef MLY_HASH_H
#define MLY_HASH_H

#include "core/span.h"

#ifdef __cplusplus
extern "C" {
#endif

uint64_t mly_hash_bytes(struct mly_span bytes);

#ifdef __cplusplus
}
#endif

#endif
