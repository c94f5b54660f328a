/* SPDX-License-Identifier: MIT */
/* fetch.h — a list of tiles → decoded tiles in the list's order, as a machine without I/O: it wants, is fed, and gives.
 * Owner: whoever called _new; what the options point to is borrowed. Threads: one machine, one thread at a time. */
#ifndef MLY_FETCH_H
#define MLY_FETCH_H

#include "hold.h"
#include "mvt.h"
#include "ring.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_fetch;

/* The next tile of the list; false at its end. */
typedef bool mly_fetch_next_fn(void *ctx, struct mly_tile *out);

struct mly_fetch_options {
    const struct mly_read_options *read; /* tiles that its hold has are not asked for, and others are left in it */
    const struct mly_layer *layer;
    const char *tileset;
    enum mly_lane lane;
    mly_fetch_next_fn *next; /* called in order, each tile once */
    void *next_ctx;
    const char *loss;  /* what it means for the rows when a read goes on without a tile (losses.h) */
    mly_tile_fn *lost; /* makes good for such a tile; called in its turn, with next_ctx. NULL: it is missing */
};

enum mly_status mly_fetch_new(const struct mly_fetch_options *options, struct mly_fetch **out, struct mly_error *err);

/* As mly_ring_want and mly_ring_feed. */
enum mly_status mly_fetch_want(struct mly_fetch *fetch, struct mly_request *out, struct mly_error *err);
enum mly_status mly_fetch_feed(struct mly_fetch *fetch, struct mly_response *response, struct mly_error *err);

/* MLY_OK: the next tile that is not empty, nor lost, valid until the next call; others may read it at the same time.
 * MLY_AGAIN: want and feed first. MLY_DONE: that was the last one. After a failure only _free is allowed. */
enum mly_status mly_fetch_take(struct mly_fetch *fetch, const struct mly_mvt **out, struct mly_error *err);

/* Accepts NULL. */
void mly_fetch_free(struct mly_fetch *fetch);

#ifdef __cplusplus
}
#endif

#endif
