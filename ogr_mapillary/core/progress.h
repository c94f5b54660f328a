/* SPDX-License-Identifier: MIT */
/* progress.h — how far a read has come, in tiles.
 * Owner: whoever reads; borrowed by its machines for the read's life. Threads: the read's. */
#ifndef MLY_PROGRESS_H
#define MLY_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `done` of `total` tiles have been taken, in their order. More may turn up (sequences that are followed), others may
 * prove needless (PRUNE). Called after each tile. Must not throw. */
typedef void mly_progress_fn(void *ctx, uint64_t done, uint64_t total);

struct mly_progress {
    mly_progress_fn *tell;
    void *ctx;
    uint64_t done, total; /* set by the reader and its machines */
};

/* All of these accept NULL: nobody looks. */
static inline void mly_progress_expect(struct mly_progress *progress, uint64_t n_more)
{
    if (progress)
        progress->total += n_more;
}

/* Of what has not been done, so much is left. */
static inline void mly_progress_expect_only(struct mly_progress *progress, uint64_t n_left)
{
    if (progress)
        progress->total = progress->done + n_left;
}

static inline void mly_progress_step(struct mly_progress *progress)
{
    if (progress)
        progress->tell(progress->ctx, ++progress->done, progress->total);
}

#ifdef __cplusplus
}
#endif

#endif
