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
                          : open.status == MLY_OK && has_same_rows(&open, mly_schema_find(layer), &reference);
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
