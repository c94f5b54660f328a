/* SPDX-License-Identifier: MIT */
/* The driver's own decoder, its rows written to columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/mvt.h"
#include "decode.h"

enum { CHUNK = MLY_BLOCK_ROWS };

static void read_words(const struct mly_mvt *mvt, unsigned column, const uint32_t *rows, uint32_t n, union word *out)
{
    bool are_there[CHUNK];
    if (mly_mvt_words(mvt, column, rows, n, &out->i, are_there) == n)
        return;
    for (uint32_t i = 0; i < n; i++)
        out[i].i = are_there[i] ? out[i].i : ABSENT;
}

static void read_texts(const struct mly_mvt *mvt, unsigned column, const uint32_t *rows, uint32_t n, union word *out,
                       uint32_t *sizes)
{
    static struct mly_block_text texts;
    mly_mvt_texts(mvt, column, rows, n, &texts);
    for (uint32_t i = 0; i < n; i++) {
        if (texts.texts[i].type == MLY_NULL)
            out[i].i = ABSENT;
        else
            out[i].text = texts.texts[i].as.text;
        sizes[i] = texts.texts[i].n_bytes;
    }
}

static void read_rows(const struct mly_mvt *mvt, uint32_t first, uint32_t n, const unsigned *columns,
                      struct columns *out)
{
    uint32_t rows[CHUNK];
    for (uint32_t i = 0; i < n; i++)
        rows[i] = first + i;
    for (unsigned c = 0; c < N_COLUMNS; c++) {
        if (c == COLUMN_SEQUENCE_ID)
            read_texts(mvt, columns[c], rows, n, out->words[c] + first, out->text_size + first);
        else
            read_words(mvt, columns[c], rows, n, out->words[c] + first);
    }
    mly_mvt_points(mvt, rows, n, out->longitude + first, out->latitude + first);
}

void decode_by_driver(const struct bench_tile *tile, struct columns *out)
{
    static struct mly_arena arena;
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
    const uint32_t n = mly_mvt_count(mvt);
    for (uint32_t first = 0; first < n; first += CHUNK)
        read_rows(mvt, first, n - first < CHUNK ? n - first : CHUNK, columns, out);
}
