/* SPDX-License-Identifier: MIT */
/* sweep.h — removes from a store's folder what is too much or was left behind: files of the store's own naming, and
 * never anything else.
 * Owner: `folder` is a descriptor of the caller's. Threads: any number at once, in any number of processes: a file that
 * is gone already counts as removed. */
#ifndef MLY_SWEEP_H
#define MLY_SWEEP_H

#include "core/mem.h"
#include "core/span.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a file of `n_bytes` takes of the ceiling. */
uint64_t mly_sweep_cost(uint64_t n_bytes);

/* Removes the temporary files of writers that died. */
void mly_sweep_leftovers(int folder, int64_t now_ms);

/* Removes the answer whose file is named after `hash`. */
void mly_sweep_remove(int folder, uint64_t hash);

/* Looks at every answer, by its name and as a regular file. When they take more than `max_bytes`, removes the oldest
 * until they take nine tenths of it. Returns what those that are left take; without memory or rights they are more. */
uint64_t mly_sweep_oldest(int folder, uint64_t max_bytes, const struct mly_mem *mem);

#ifdef __cplusplus
}
#endif

#endif
