/* SPDX-License-Identifier: MIT */
/* hold.h — tiles that were decoded a short while ago, for whoever in the process needs them next.
 * Owner: whoever called _new, with its options' memory; who was given a tile gives it back by _drop, before _free.
 * Threads: any number at once, with a lock that is one and memory for any thread. Source: SPEC.md 1 (CACHE), 2
 * (GetFeature). */
#ifndef MLY_HOLD_H
#define MLY_HOLD_H

#include "buf.h"
#include "row.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_mvt;
struct mly_hold;
struct mly_held; /* a decoded tile; constant */

/* The host's: the core knows no threads. Need not be recursive; must not throw. NULL: one thread only. */
struct mly_hold_lock {
    void (*lock)(void *ctx);
    void (*unlock)(void *ctx);
    void *ctx;
};

struct mly_hold_options {
    const struct mly_mem *mem;
    size_t max_bytes; /* of all tiles, those in use among them; see MLY_LIMIT_DECODED_BYTES */
    struct mly_hold_lock lock;
};

/* Names what a tile was made of; nothing else is alike. `scope` says where from: readers who may use each other's tiles
 * give the same one. It and `tileset` are copied. */
struct mly_hold_name {
    const char *scope, *tileset;
    const struct mly_layer *layer;
    struct mly_tile tile;
};

/* A tile and what it lies in. Memory that outlives the hold and that any thread may release. */
struct mly_hold_tile {
    struct mly_buf body;
    struct mly_arena arena;
    const struct mly_mvt *mvt;
};

enum mly_status mly_hold_new(const struct mly_hold_options *options, struct mly_hold **out, struct mly_error *err);

/* Nobody has a tile of it any more. Accepts NULL. */
void mly_hold_free(struct mly_hold *hold);

/* The tile, to be given back; NULL when it is not held, or older than `max_age_ms`. `now_ms` is of the clock that all
 * callers share, see transport.h. */
struct mly_held *mly_hold_get(struct mly_hold *hold, const struct mly_hold_name *name, uint64_t now_ms,
                              uint64_t max_age_ms);

/* Before a tile is decoded that will take so many bytes: lets go of what was used least recently, so that both together
 * stay below the ceiling. For a tile that will not be kept, half of the room is not touched. */
void mly_hold_make_way(struct mly_hold *hold, size_t bytes);

/* Keeps a tile, in the place of one of that name; it goes when it is the one used least recently and room is needed.
 * Its age counts from `said_ms`, when the service said so by that clock: below zero for what is older than the clock.
 * Moves `tile` and gives it back as _get does. NULL: there is no room for it, and it stays the caller's. */
struct mly_held *mly_hold_put(struct mly_hold *hold, const struct mly_hold_name *name, struct mly_hold_tile *tile,
                              int64_t said_ms);

/* Valid until the tile is given back. */
const struct mly_mvt *mly_hold_mvt(const struct mly_held *held);

/* Accepts NULL. */
void mly_hold_drop(struct mly_hold *hold, struct mly_held *held);

/* The row of that id in any tile of the name's scope, tileset and layer, whatever the name's tile: of those used most
 * recently, the first one. MLY_OK: a copy in `arena`. MLY_DONE: none is held, or it has another shape than a point.
 * MLY_E_LIMIT, MLY_E_NOMEM: the arena's. */
enum mly_status mly_hold_find(struct mly_hold *hold, const struct mly_hold_name *name, int64_t id, uint64_t now_ms,
                              uint64_t max_age_ms, struct mly_arena *arena, struct mly_row **out,
                              struct mly_error *err);

/* What all tiles take now. */
size_t mly_hold_measure(struct mly_hold *hold);

#ifdef __cplusplus
}
#endif

#endif
