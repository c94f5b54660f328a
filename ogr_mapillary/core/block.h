/* SPDX-License-Identifier: MIT */
/* block.h — several rows of one decoded tile at once, for who reads by columns. Of points only.
 * Owner: borrowed from the reader that yielded the block, until the next call on that reader.
 * Threads: the reader's. */
#ifndef MLY_BLOCK_H
#define MLY_BLOCK_H

#include "row.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_mvt;

enum { MLY_BLOCK_ROWS = 256 }; /* at most: what is read of them stays in the nearest memory */

/* A part of a block is a block, too: `rows` may be moved on, or replaced by some of them. */
struct mly_block {
    const struct mly_mvt *mvt;
    const uint32_t *rows; /* their numbers in the tile */
    uint32_t n;
    bool is_inside; /* the area that was asked for holds all of the tile */
};

/* What the rows have in a column of numbers, times or booleans: `as` of their values, and whether there is one.
 * Returns in how many there is: in none where tiles do not carry the column. */
uint32_t mly_block_words(const struct mly_block *block, uint32_t column, int64_t words[MLY_BLOCK_ROWS],
                         bool are_there[MLY_BLOCK_ROWS]);

/* Likewise in a column of texts. The digits of numbers lie beside them. */
struct mly_block_text {
    struct mly_value texts[MLY_BLOCK_ROWS];
    char digits[MLY_BLOCK_ROWS][MLY_VALUE_SCRATCH];
};

void mly_block_texts(const struct mly_block *block, uint32_t column, struct mly_block_text *out);

/* No text has more bytes; all may have less. */
uint32_t mly_block_longest_text(const struct mly_block *block);

/* Returns how many of the ids are not -1. */
uint32_t mly_block_ids(const struct mly_block *block, int64_t ids[MLY_BLOCK_ROWS]);

/* Degrees. */
void mly_block_points(const struct mly_block *block, double longitudes[MLY_BLOCK_ROWS],
                      double latitudes[MLY_BLOCK_ROWS]);

/* One of them, whole, as the reader would have given it. `index` is below `n`. */
void mly_block_row(const struct mly_block *block, uint32_t index, struct mly_row_space *space, struct mly_row *out);

/* The first `n` of them likewise, MLY_ROW_SPACES at most, which costs less. */
void mly_block_rows(const struct mly_block *block, uint32_t n, struct mly_row_spaces *spaces, struct mly_row *out);

/* The tile that all of them are in. */
struct mly_tile mly_block_tile(const struct mly_block *block);

#ifdef __cplusplus
}
#endif

#endif
