/* SPDX-License-Identifier: MIT */
/* arena.h — bump allocation with a ceiling; everything in it dies at once.
 * Owner: whoever called _init. Threads: one arena, one thread at a time. */
#ifndef MLY_ARENA_H
#define MLY_ARENA_H

#include <stdbool.h>

#include "mem.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_arena_block;

struct mly_arena {
    const struct mly_mem *mem;
    struct mly_arena_block *block; /* newest first */
    size_t used, limit;            /* bytes handed out since the last reset, padding included */
    enum mly_status trouble;       /* why it last gave NULL: MLY_E_LIMIT or MLY_E_NOMEM; MLY_OK if it never did.
                                      protobuf-c answers NULL for these and for corrupt bytes alike. */
};

void mly_arena_init(struct mly_arena *arena, const struct mly_mem *mem, size_t limit);

/* Aligned for any type, not zeroed; NULL sets `trouble`. A `size` of 0 gives a valid pointer. */
void *mly_arena_alloc(struct mly_arena *arena, size_t size);

/* `count` things of `size` bytes; NULL also when the product overflows (MLY_E_LIMIT). */
void *mly_arena_array(struct mly_arena *arena, size_t count, size_t size);

/* In an arena of which nothing is handed out: room for `size` bytes in one block, so that no larger one is made for
 * them. Each allocation takes a multiple of max_align_t's alignment. What the ceiling does not allow is left to the
 * allocations that follow. False sets `trouble`: MLY_E_NOMEM. */
bool mly_arena_reserve(struct mly_arena *arena, size_t size);

/* What the blocks take, used or not. */
size_t mly_arena_measure(const struct mly_arena *arena);

/* Turns `trouble` into a message. Precondition: an allocation has just failed. */
enum mly_status mly_arena_fail(const struct mly_arena *arena, const char *what, struct mly_error *err);

/* Invalidates all that was handed out; keeps the largest block for the next round. */
void mly_arena_reset(struct mly_arena *arena);

/* Accepts a zeroed arena. */
void mly_arena_fini(struct mly_arena *arena);

#ifdef __cplusplus
}
#endif

#endif
