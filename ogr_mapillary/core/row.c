/* SPDX-License-Identifier: MIT */
#include "row.h"

#include <string.h>

/* NULL also for no bytes. */
static void *copy_bytes(struct mly_arena *arena, const void *bytes, size_t n)
{
    void *copy = n > 0 ? mly_arena_alloc(arena, n) : NULL;
    if (copy)
        memcpy(copy, bytes, n);
    return copy;
}

static bool has_bytes(const struct mly_value *value)
{
    return value->n_bytes > 0 && (value->type == MLY_TEXT || value->type == MLY_INTS || value->type == MLY_REALS);
}

static bool copy_values(struct mly_arena *arena, struct mly_value *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!has_bytes(&values[i]))
            continue;
        values[i].as.text = copy_bytes(arena, values[i].as.text, values[i].n_bytes);
        if (!values[i].as.text)
            return false;
    }
    return true;
}

static bool copy_geometry(struct mly_arena *arena, struct mly_row *row)
{
    const uint32_t n_points = row->n_parts > 0 ? row->part_ends[row->n_parts - 1] : 0;
    row->points = copy_bytes(arena, row->points, n_points * sizeof *row->points);
    row->part_ends = copy_bytes(arena, row->part_ends, row->n_parts * sizeof *row->part_ends);
    row->polygon_ends = copy_bytes(arena, row->polygon_ends, row->n_polygons * sizeof *row->polygon_ends);
    return (row->points || n_points == 0) && (row->part_ends || row->n_parts == 0) &&
           (row->polygon_ends || row->n_polygons == 0);
}

struct mly_row *mly_row_copy(struct mly_arena *arena, const struct mly_row *row, uint32_t n_columns)
{
    struct mly_row *copy = mly_arena_alloc(arena, sizeof *copy);
    struct mly_value *values = mly_arena_array(arena, n_columns, sizeof *values);
    if (!copy || !values)
        return NULL;
    *copy = *row;
    memcpy(values, row->values, n_columns * sizeof *values);
    copy->values = values;
    return copy_values(arena, values, n_columns) && copy_geometry(arena, copy) ? copy : NULL;
}
