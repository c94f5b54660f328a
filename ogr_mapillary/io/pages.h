/* SPDX-License-Identifier: MIT */
/* pages.h — memory for what is large, lives for a moment and comes in every size: bodies of answers, decoded tiles.
 * Large blocks are whole pages of their own. malloc, between two threads, leaves gaps of such blocks that hold half as
 * much again as what is in use, and gives little of it back; here what is released serves the next ones, whatever their
 * size, and what is too much goes back to the system at once. Small blocks are malloc's.
 * Owner: whoever called _new; _free comes when everything has been released. Threads: any number at once. */
#ifndef MLY_PAGES_H
#define MLY_PAGES_H

#include "core/mem.h"
#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_pages;

enum { MLY_PAGES_LARGE = 128 << 10 }; /* from here on a block has pages of its own */

/* What waits for the next use goes back to the system as far as it and what is in use are more than `max_bytes`, at
 * each release of a large block. What is in use alone may be more. */
enum mly_status mly_pages_new(size_t max_bytes, struct mly_pages **out, struct mly_error *err);

/* As long as the pages live. */
const struct mly_mem *mly_pages_mem(struct mly_pages *pages);

/* What waits now. */
size_t mly_pages_kept(struct mly_pages *pages);

/* Gives back to the system what waits. */
void mly_pages_trim(struct mly_pages *pages);

/* The process forks between these two: nobody else is in the middle of something then. */
void mly_pages_before_fork(struct mly_pages *pages);
void mly_pages_after_fork(struct mly_pages *pages);

/* Accepts NULL. */
void mly_pages_free(struct mly_pages *pages);

#ifdef __cplusplus
}
#endif

#endif
