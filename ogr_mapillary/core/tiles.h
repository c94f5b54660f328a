/* SPDX-License-Identifier: MIT */
/* tiles.h — a plan → rows in the plan's order, one for each feature of its tiles, as a machine without I/O.
 * Owner: whoever called _new; the plan is borrowed. Threads: one machine, one thread at a time.
 * Law: the rows and their order do not depend on the order in which answers arrive. */
#ifndef MLY_TILES_H
#define MLY_TILES_H

#include "fetch.h"
#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_tiles;

/* Whether the host will want a sequence of which the covered tiles hold this much: only then is it worth following. */
typedef bool mly_keep_fn(void *ctx, const struct mly_row *row);

struct mly_tiles_options {
    const struct mly_mem *mem;
    const char *service;    /* address of the tile service, or of the Graph where the plan asks that; borrowed */
    uint32_t max_in_flight; /* 1 to MLY_LIMIT_CONNECTIONS */
    mly_debug_fn *debug;    /* may be NULL */
    void *debug_ctx;
    mly_debug_fn *warn; /* likewise, for what a user should see; may be NULL */
    mly_keep_fn *keep;  /* for sequences; NULL keeps all */
    void *keep_ctx;
};

enum mly_status mly_tiles_new(const struct mly_plan *plan, const struct mly_tiles_options *options,
                              struct mly_tiles **out, struct mly_error *err);

/* As mly_ring_want and mly_ring_feed. */
enum mly_status mly_tiles_want(struct mly_tiles *tiles, struct mly_request *out, struct mly_error *err);
enum mly_status mly_tiles_feed(struct mly_tiles *tiles, struct mly_response *response, struct mly_error *err);

/* MLY_OK: a row, valid until the next call. MLY_AGAIN: feed first. MLY_DONE: that was the last one.
 * After a failure only _free is allowed. */
enum mly_status mly_tiles_take(struct mly_tiles *tiles, struct mly_row *out, struct mly_error *err);

/* Accepts NULL. */
void mly_tiles_free(struct mly_tiles *tiles);

#ifdef __cplusplus
}
#endif

#endif
