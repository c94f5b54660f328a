/* SPDX-License-Identifier: MIT */
#include "compare_tile.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "open_tile.h"
#include "reference.h"

static bool is_same_value(struct mly_value a, struct mly_value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case MLY_NULL:
        return true;
    case MLY_REAL:
        return a.as.r >= b.as.r && a.as.r <= b.as.r; /* what a column holds is finite */
    case MLY_TEXT:
        return a.n_bytes == b.n_bytes && (a.n_bytes == 0 || memcmp(a.as.text, b.as.text, a.n_bytes) == 0);
    default:
        return a.as.i == b.as.i;
    }
}

/* What the column makes of a raw value is tested for itself; here it is the same function for both. */
static bool has_same_values(const struct mly_layer *layer, const struct mly_row *row,
                            const struct reference_row *expected)
{
    for (uint32_t i = 0; i < layer->n_tile_columns; i++) {
        char scratch[MLY_VALUE_SCRATCH];
        struct mly_value value = mly_value_coerce(layer->columns[i].type, expected->values[i], scratch);
        if (i == 0 && value.type == MLY_INT && value.as.i <= 0)
            value.type = MLY_NULL; /* no id */
        if (!is_same_value(row->values[i], value))
            return false;
        if (i == 0 && value.type != MLY_TEXT && row->id != (value.type == MLY_INT ? value.as.i : -1))
            return false;
    }
    return true;
}

static bool has_same_parts(const struct mly_mvt *mvt, uint32_t index, const struct reference_row *expected)
{
    struct mly_mvt_walk walk;
    mly_mvt_walk_open(mvt, index, &walk);
    for (size_t i = 0; i < expected->n_vertices; i++) {
        const struct reference_vertex *vertex = &expected->vertices[i];
        const enum mly_mvt_vertex kind = vertex->is_first ? MLY_MVT_FIRST : MLY_MVT_NEXT;
        if (mly_mvt_walk_next(&walk) != kind || walk.x != vertex->x || walk.y != vertex->y)
            return false;
    }
    return mly_mvt_walk_next(&walk) == MLY_MVT_END;
}

static bool has_same_rows(struct open_tile *open, const struct mly_layer *layer, const struct reference *reference)
{
    if (open->n_rows != reference->n_rows || mly_mvt_outside(open->mvt) != reference->n_outside)
        return false;
    for (uint32_t i = 0; i < open->n_rows; i++) {
        const struct mly_row row = open_tile_row(open, i);
        const struct reference_row *expected = &reference->rows[i];
        const bool same_place = layer->shape != MLY_POINT ? has_same_parts(open->mvt, i, expected)
                                                          : fabs(row.longitude - expected->longitude) <= 1e-9 &&
                                                                fabs(row.latitude - expected->latitude) <= 1e-9;
        if (!same_place || !has_same_values(layer, &row, expected))
            return false;
    }
    return true;
}

/* What several rows have in a column, against what each has for itself. Rows go in some order, one of them twice. */
static bool has_same_column(struct open_tile *open, enum mly_type type, uint32_t column, const uint32_t *rows,
                            uint32_t n)
{
    struct mly_block_text texts;
    int64_t words[MLY_BLOCK_ROWS];
    bool are_there[MLY_BLOCK_ROWS];
    uint32_t n_there = 0;
    if (type == MLY_TEXT)
        mly_mvt_texts(open->mvt, column, rows, n, &texts);
    else
        n_there = mly_mvt_words(open->mvt, column, rows, n, words, are_there);
    for (uint32_t i = 0; i < n; i++) {
        struct mly_value value = texts.texts[i];
        if (type != MLY_TEXT)
            value = (struct mly_value){.as.i = words[i], .type = are_there[i] ? type : MLY_NULL};
        n_there -= type != MLY_TEXT && are_there[i];
        if (!is_same_value(open_tile_row(open, rows[i]).values[column], value))
            return false;
    }
    return n_there == 0;
}

static bool has_same_points(struct open_tile *open, const uint32_t *rows, uint32_t n)
{
    double longitudes[MLY_BLOCK_ROWS], latitudes[MLY_BLOCK_ROWS];
    mly_mvt_points(open->mvt, rows, n, longitudes, latitudes);
    for (uint32_t i = 0; i < n; i++) {
        const struct mly_row row = open_tile_row(open, rows[i]);
        if (islessgreater(row.longitude, longitudes[i]) || islessgreater(row.latitude, latitudes[i]))
            return false;
    }
    return true;
}

static bool has_same_ids(struct open_tile *open, const uint32_t *rows, uint32_t n)
{
    int64_t ids[MLY_BLOCK_ROWS];
    uint32_t n_there = mly_mvt_ids(open->mvt, rows, n, ids);
    for (uint32_t i = 0; i < n; i++) {
        if (ids[i] != open_tile_row(open, rows[i]).id)
            return false;
        n_there -= ids[i] >= 0;
    }
    return n_there == 0;
}

static bool has_same_columns(struct open_tile *open, const struct mly_layer *layer)
{
    uint32_t rows[MLY_BLOCK_ROWS], n = 0;
    for (uint32_t i = open->n_rows; i > 0 && n < MLY_BLOCK_ROWS - 1; i--)
        rows[n++] = i - 1;
    if (n > 0)
        rows[n++] = open->n_rows - 1;
    for (uint32_t column = 0; column < layer->n_tile_columns; column++) {
        if (!has_same_column(open, layer->columns[column].type, column, rows, n))
            return false;
    }
    return has_same_ids(open, rows, n) && (layer->shape != MLY_POINT || has_same_points(open, rows, n));
}

static void show(struct mly_span bytes)
{
    for (size_t i = 0; i < bytes.size && i < 1000; i++)
        print_error("%02x", bytes.data[i]);
    print_error("%s\n", bytes.size > 1000 ? "…" : "");
}

void compare_tile(struct mly_span bytes, const char *layer, struct compare_tally *tally)
{
    struct open_tile open;
    struct reference reference;
    open_tile(&open, bytes, layer);
    reference_read(bytes, open_tile_place, mly_schema_find(layer), &reference);

    const bool same = reference.refusal
                          ? open.status == MLY_E_CORRUPT
                          : open.status == MLY_OK && has_same_rows(&open, mly_schema_find(layer), &reference) &&
                                has_same_columns(&open, mly_schema_find(layer));
    if (!same) {
        print_error("tile %lu of layer %s: '%s' against '%s'\n", tally->n_tiles, layer,
                    open.status < 0 ? open.err.text : "accepted", reference.refusal ? reference.refusal : "accepted");
        show(bytes);
    }
    assert_true(same);

    tally->n_tiles++;
    tally->n_refused += reference.refusal != NULL;
    tally->n_with_rows += reference.n_rows > 0 && !reference.refusal;
    reference_free(&reference);
    open_tile_close(&open);
}
