/* SPDX-License-Identifier: MIT */
/* The driver's own decoder, its rows written to columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/mvt.h"
#include "decode.h"

static void read_row(const struct mly_mvt *mvt, uint32_t row, struct mly_mvt_space *space, const unsigned *columns,
                     struct columns *out)
{
    struct mly_row found;
    mly_mvt_row(mvt, row, space, &found);
    out->longitude[row] = found.longitude;
    out->latitude[row] = found.latitude;
    for (unsigned c = 0; c < N_COLUMNS; c++) {
        const struct mly_value *value = &found.values[columns[c]];
        union word *word = &out->words[c][row];
        switch (value->type) {
        case MLY_NULL:
            word->i = ABSENT;
            break;
        case MLY_REAL:
            word->r = value->as.r;
            break;
        case MLY_TEXT:
            word->text = value->as.text;
            out->text_size[row] = value->n_bytes;
            break;
        default:
            word->i = value->as.i;
        }
    }
}

void decode_by_driver(const struct bench_tile *tile, struct columns *out)
{
    static struct mly_arena arena;
    static struct mly_mvt_space space;
    struct mly_error error;
    struct mly_mvt *mvt = NULL;
    unsigned columns[N_COLUMNS];
    const struct mly_layer *layer = mly_schema_find("images");
    for (unsigned c = 0; c < N_COLUMNS; c++)
        columns[c] = (unsigned)mly_schema_column(layer, decode_names[c]);
    if (!arena.mem)
        mly_arena_init(&arena, mly_mem_system(), MLY_LIMIT_TILE_MEMORY);
    mly_arena_reset(&arena);
    const struct mly_span bytes = {.data = tile->data, .size = tile->size};
    if (mly_mvt_open(bytes, (struct mly_tile){.x = tile->x, .y = tile->y, .z = 14}, layer, &arena, &mvt, &error) < 0) {
        fprintf(stderr, "bench: %s: %s\n", tile->path, error.text);
        exit(1);
    }
    out->n = mly_mvt_count(mvt);
    for (uint32_t row = 0; row < out->n; row++)
        read_row(mvt, row, &space, columns, out);
}
