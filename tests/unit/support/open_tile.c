/* SPDX-License-Identifier: MIT */
#include "open_tile.h"

#include <stdlib.h>
#include <string.h>

const struct mly_tile open_tile_place = {.x = 8574, .y = 5735, .z = 14};

enum { CEILING = 64 << 20 };

void open_tile(struct open_tile *open, struct mly_span bytes, const char *layer)
{
    fail_mem_init(&open->mem);
    open_tile_in(open, bytes, layer, CEILING);
}

void open_tile_in(struct open_tile *open, struct mly_span bytes, const char *layer, size_t ceiling)
{
    const struct mly_layer *wanted = mly_schema_find(layer);
    assert_non_null(wanted);
    open->bytes = malloc(bytes.size ? bytes.size : 1);
    assert_non_null(open->bytes);
    if (bytes.size)
        memcpy(open->bytes, bytes.data, bytes.size);
    const struct mly_span copy = {.data = bytes.size ? open->bytes : NULL, .size = bytes.size};

    mly_arena_init(&open->arena, &open->mem.mem, ceiling);
    open->mvt = NULL;
    open->err = (struct mly_error){.code = MLY_OK};
    open->status = mly_mvt_open(copy, open_tile_place, wanted, &open->arena, &open->mvt, &open->err);
    open->n_rows = open->status == MLY_OK ? mly_mvt_count(open->mvt) : 0;
    if (open->status < 0) {
        assert_null(open->mvt); /* nothing of a broken tile gets out */
        assert_int_equal(open->err.code, open->status);
        assert_int_not_equal(open->err.text[0], '\0');
    }
}

struct mly_row open_tile_row(struct open_tile *open, uint32_t index)
{
    struct mly_row row;
    assert_status(open->status, MLY_OK, &open->err);
    assert_true(index < open->n_rows);
    mly_mvt_row(open->mvt, index, &open->space, &row);
    assert_true(mly_mvt_id(open->mvt, index) == row.id);
    return row;
}

struct mly_value open_tile_value(const char *layer, const struct mly_row *row, const char *column)
{
    const struct mly_layer *known = mly_schema_find(layer);
    for (uint32_t i = 0; i < known->n_columns; i++) {
        if (strcmp(known->columns[i].name, column) == 0)
            return row->values[i];
    }
    fail_msg("%s has no column %s", layer, column);
    return (struct mly_value){.type = MLY_NULL};
}

void open_tile_close(struct open_tile *open)
{
    mly_arena_fini(&open->arena);
    free(open->bytes);
    assert_nothing_leaks(&open->mem);
}
