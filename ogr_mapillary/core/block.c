/* SPDX-License-Identifier: MIT */
#include "block.h"

#include <string.h>

#include "mvt.h"

static bool is_carried(const struct mly_block *block, uint32_t column)
{
    return column < mly_mvt_layer(block->mvt)->n_tile_columns;
}

uint32_t mly_block_words(const struct mly_block *block, uint32_t column, int64_t words[MLY_BLOCK_ROWS],
                         bool are_there[MLY_BLOCK_ROWS])
{
    if (is_carried(block, column))
        return mly_mvt_words(block->mvt, column, block->rows, block->n, words, are_there);
    memset(words, 0, block->n * sizeof *words);
    memset(are_there, false, block->n * sizeof *are_there);
    return 0;
}

void mly_block_texts(const struct mly_block *block, uint32_t column, struct mly_block_text *out)
{
    if (is_carried(block, column))
        mly_mvt_texts(block->mvt, column, block->rows, block->n, out);
    for (uint32_t i = 0; i < block->n && !is_carried(block, column); i++)
        out->texts[i] = (struct mly_value){.type = MLY_NULL};
}

uint32_t mly_block_longest_text(const struct mly_block *block)
{
    return mly_mvt_longest_text(block->mvt);
}

uint32_t mly_block_ids(const struct mly_block *block, int64_t ids[MLY_BLOCK_ROWS])
{
    return mly_mvt_ids(block->mvt, block->rows, block->n, ids);
}

void mly_block_points(const struct mly_block *block, double longitudes[MLY_BLOCK_ROWS],
                      double latitudes[MLY_BLOCK_ROWS])
{
    mly_mvt_points(block->mvt, block->rows, block->n, longitudes, latitudes);
}

void mly_block_row(const struct mly_block *block, uint32_t index, struct mly_row_space *space, struct mly_row *out)
{
    mly_mvt_row(block->mvt, block->rows[index], space, out);
    out->is_inside = block->is_inside;
}

void mly_block_rows(const struct mly_block *block, uint32_t n, struct mly_row_spaces *spaces, struct mly_row *out)
{
    mly_mvt_rows(block->mvt, block->rows, n, spaces, out);
    for (uint32_t i = 0; i < n; i++)
        out[i].is_inside = block->is_inside;
}

struct mly_tile mly_block_tile(const struct mly_block *block)
{
    return mly_mvt_tile(block->mvt);
}
