/* SPDX-License-Identifier: MIT */
/* cover.h — an area of the earth → the tiles that touch it, found by descending the tile tree.
 * Owner: the cover owns its nodes until _fini; the area is borrowed during _make only. Threads: one cover, one thread
 * while it is made; then constant. */
#ifndef MLY_COVER_H
#define MLY_COVER_H

#include <stdbool.h>

#include "buf.h"
#include "tile.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mly_touch { MLY_OUTSIDE, MLY_PARTLY, MLY_INSIDE };

/* How `box` lies to the area. May answer MLY_PARTLY when in doubt, never MLY_OUTSIDE. Must not throw. */
typedef enum mly_touch mly_area_fn(void *ctx, const struct mly_box *box);

struct mly_area {
    struct mly_box box; /* infinities are allowed, NaN is not */
    mly_area_fn *touch; /* the area is what is in the box and in this shape; NULL when it is the box */
    void *ctx;
    bool closed; /* what lies on a tile's border belongs to both sides, as lines do: see _make */
};

/* A square of 4^(zoom - z) tiles. */
struct mly_cover_node {
    uint32_t x, y;
    uint8_t z;
    bool inside; /* the area holds all of it */
};

struct mly_cover {
    struct mly_buf nodes; /* of struct mly_cover_node, in Z-order: neighbours stay close */
    uint64_t n_tiles;
    uint8_t zoom;
};

/* A place in the walk; zeroed means the beginning. */
struct mly_cover_cursor {
    size_t node;
    uint64_t tile;
};

/* The tiles of `zoom` that hold a point of the area, borders included. Tiles are half open: a point on a border
 * belongs to the tile that begins there, to the east or south (API.md 1.3); with `closed`, to the other one as well. An
 * inverted box is empty. More than `max_tiles`: MLY_E_LIMIT, with the number in `out->n_tiles` and no nodes. `out` is
 * to be finished in any case. */
enum mly_status mly_cover_make(const struct mly_area *area, uint8_t zoom, uint64_t max_tiles, const struct mly_mem *mem,
                               struct mly_cover *out, struct mly_error *err);

/* A cover of just these tiles, in their order. */
enum mly_status mly_cover_of(const struct mly_tile *tiles, size_t n_tiles, uint8_t zoom, const struct mly_mem *mem,
                             struct mly_cover *out, struct mly_error *err);

/* The tiles of the lower `zoom` that hold a tile of `of` or one of the eight beside it; columns go on across 180°. In
 * the order of mly_cover_make, none inside. Failures as there. */
enum mly_status mly_cover_parents(const struct mly_cover *of, uint8_t zoom, uint64_t max_tiles,
                                  const struct mly_mem *mem, struct mly_cover *out, struct mly_error *err);

/* The next tile; false at the end. `inside` (may be NULL) tells whether the area holds all of it. */
bool mly_cover_next(const struct mly_cover *cover, struct mly_cover_cursor *cursor, struct mly_tile *out, bool *inside);

void mly_cover_fini(struct mly_cover *cover);

#ifdef __cplusplus
}
#endif

#endif
