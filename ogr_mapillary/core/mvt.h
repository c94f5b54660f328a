/* SPDX-License-Identifier: MIT */
/* mvt.h — the bytes of a vector tile → the rows of one of its layers. The only module that knows protobuf-c.
 * Owner: a decoded tile lives in the arena it was opened in and borrows the bytes; both must outlive it.
 * Threads: opening is one thread's; a decoded tile is constant, shared by any number of them. Source: MVT 2.1; clause
 * numbers stand in the messages. */
#ifndef MLY_MVT_H
#define MLY_MVT_H

#include "arena.h"
#include "block.h"
#include "span.h"
#include "tile.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads all of `layer` in `bytes`: a tile is either whole or refused, so no row of a broken one ever gets out.
 * Layers of other names are stepped over. No layer of that name, or no bytes at all: a tile without rows.
 * MLY_E_CORRUPT: this is no vector tile, or a broken one. MLY_E_LIMIT, MLY_E_NOMEM: the arena's ceiling or allocator.
 */
enum mly_status mly_mvt_open(struct mly_span bytes, struct mly_tile tile, const struct mly_layer *layer,
                             struct mly_arena *arena, struct mly_mvt **out, struct mly_error *err);

uint32_t mly_mvt_count(const struct mly_mvt *mvt);

/* Points outside [0, extent) are a neighbour's, repeated as a buffer (API.md 1.3 knows of none), and are no rows here.
 */
uint32_t mly_mvt_outside(const struct mly_mvt *mvt);

/* Row `index`, below the count. Of lines and polygons, without the geometry: see the walk below. The row lies in
 * `space` and borrows the tile. */
void mly_mvt_row(const struct mly_mvt *mvt, uint32_t index, struct mly_row_space *space, struct mly_row *out);

/* The same of several rows at once, MLY_ROW_SPACES at most, which costs less. */
void mly_mvt_rows(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, struct mly_row_spaces *spaces,
                  struct mly_row *out);

/* Or column by column. What these rows have in a column of numbers, times or booleans: `as` of their values, and
 * whether there is one. Returns in how many there is. */
uint32_t mly_mvt_words(const struct mly_mvt *mvt, uint32_t column, const uint32_t *rows, uint32_t n, int64_t *words,
                       bool *are_there);

/* What they have in a column of texts. */
void mly_mvt_texts(const struct mly_mvt *mvt, uint32_t column, const uint32_t *rows, uint32_t n,
                   struct mly_block_text *out);

/* The ids that mly_mvt_row gives them. Returns how many are not -1. */
uint32_t mly_mvt_ids(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, int64_t *ids);

/* Their positions, in degrees; of a layer of MLY_POINT. */
void mly_mvt_points(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, double *longitudes, double *latitudes);

/* What a step over lines or rings arrives at; FIRST begins a part. A ring's first vertex is not repeated at its end. */
enum mly_mvt_vertex { MLY_MVT_END, MLY_MVT_FIRST, MLY_MVT_NEXT };

/* A walk along the lines or rings of one row of a layer of MLY_LINES or MLY_POLYGONS. The vertex is at x, y: in the
 * tile's units, y to the south, within [-extent, 2 extent]. */
struct mly_mvt_walk {
    const uint8_t *at, *end;
    int32_t x, y;
    uint32_t n_left; /* vertices of the current command */
};

void mly_mvt_walk_open(const struct mly_mvt *mvt, uint32_t index, struct mly_mvt_walk *out);
enum mly_mvt_vertex mly_mvt_walk_next(struct mly_mvt_walk *walk);

/* Rows share their values: a row's cell in a column that tiles carry is 0 for nothing, else a number up to
 * mly_mvt_n_values. Cells of one number hold one value. */
uint32_t mly_mvt_n_values(const struct mly_mvt *mvt);
uint32_t mly_mvt_cell(const struct mly_mvt *mvt, uint32_t column, uint32_t index);

/* No text of any row has more bytes; one may have less. */
uint32_t mly_mvt_longest_text(const struct mly_mvt *mvt);

/* What mly_mvt_row makes of a cell of that column; it may lie in `scratch`. */
struct mly_value mly_mvt_value(const struct mly_mvt *mvt, uint32_t column, uint32_t cell,
                               char scratch[MLY_VALUE_SCRATCH]);

/* The id that mly_mvt_row gives row `index`. */
int64_t mly_mvt_id(const struct mly_mvt *mvt, uint32_t index);

const struct mly_layer *mly_mvt_layer(const struct mly_mvt *mvt);
struct mly_tile mly_mvt_tile(const struct mly_mvt *mvt);
uint32_t mly_mvt_extent(const struct mly_mvt *mvt);

#ifdef __cplusplus
}
#endif

#endif
