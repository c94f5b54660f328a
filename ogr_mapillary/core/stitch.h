/* SPDX-License-Identifier: MIT */
/* stitch.h — the pieces of sequences, one for each tile → whole lines.
 * Owner: whoever called _new. Threads: one stitch, one thread at a time.
 * Source: API.md 1.3. Lines are clipped to the closed tile without a buffer: a vertex on a border stands in both tiles,
 * so pieces join exactly, by id and end vertex. Within a tile a line is cut wherever it meets itself; the parts of one
 * piece stand in the order of capture. Vertices are held as differences, a few bytes each. */
#ifndef MLY_STITCH_H
#define MLY_STITCH_H

#include "buf.h"
#include "mvt.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_stitch;

enum { MLY_STITCH_EXTENT = 4096 }; /* of the service's tiles; others cannot be joined */

enum mly_status mly_stitch_new(const struct mly_layer *layer, uint8_t zoom, const struct mly_mem *mem,
                               struct mly_stitch **out, struct mly_error *err);

/* Adds the pieces of a tile; those without an id become sequences of their own. `known_only`: only pieces of sequences
 * that are kept, and not yet part of them: they count once they are connected with a piece of the first kind.
 * MLY_E_CORRUPT: another extent. MLY_E_LIMIT, MLY_E_NOMEM. */
enum mly_status mly_stitch_add(struct mly_stitch *s, const struct mly_mvt *mvt, bool known_only, struct mly_error *err);

/* Sequences are numbered as they first appeared. All are kept until they are dropped. */
uint32_t mly_stitch_count(const struct mly_stitch *s);
void mly_stitch_drop(struct mly_stitch *s, uint32_t sequence);
bool mly_stitch_is_kept(const struct mly_stitch *s, uint32_t sequence);

/* The number of the kept sequence with this id (a row's), or UINT32_MAX. */
uint32_t mly_stitch_find(const struct mly_stitch *s, int64_t id);

/* Joins what is connected, across tiles wherever pieces meet; at 180° a line is split, so that longitudes stay within
 * ±180. The row is valid until the next call. */
enum mly_status mly_stitch_row(struct mly_stitch *s, uint32_t number, struct mly_row *out, struct mly_error *err);

/* Calls `fn` for each tile that meets an end of a connected piece, its own among them, perhaps more than once. */
enum mly_status mly_stitch_neighbours(struct mly_stitch *s, uint32_t sequence, mly_tile_fn *fn, void *ctx);

/* Calls `fn` for each tile that gave a piece of the sequence's while `known_only` was false, perhaps more than once:
 * with these the same line can be joined again. */
enum mly_status mly_stitch_tiles(const struct mly_stitch *s, uint32_t sequence, mly_tile_fn *fn, void *ctx);

/* What is held, for whoever debugs or measures. */
struct mly_stitch_size {
    uint64_t n_sequences, n_parts, n_vertices;
    size_t n_bytes; /* of all of it, without what one row takes */
};
struct mly_stitch_size mly_stitch_measure(const struct mly_stitch *s);

/* Accepts NULL. */
void mly_stitch_free(struct mly_stitch *s);

#ifdef __cplusplus
}
#endif

#endif
