/* SPDX-License-Identifier: MIT */
#include "street.h"

#include <stdio.h>

#include "check.h"
#include "make_tile.h"

static const struct mly_tile first_tile = {.x = 8574, .y = 5735, .z = 14};

static struct mly_area area_of(size_t n_tiles)
{
    const double latitude = mly_tile_latitude(first_tile, 1, 2);
    const struct mly_tile last = {.x = first_tile.x + (uint32_t)n_tiles - 1, .y = first_tile.y, .z = first_tile.z};
    struct mly_area area = {.box = {.south = latitude, .north = latitude}};
    area.box.west = mly_tile_longitude(first_tile, 1, 2);
    area.box.east = n_tiles ? mly_tile_longitude(last, 1, 2) : area.box.west - 1; /* inverted: no tile */
    return area;
}

void street_init(struct street *street, size_t n_tiles)
{
    const struct mly_area area = area_of(n_tiles);
    const struct mly_query query = {.layer = mly_schema_find("images"), .area = &area, .max_tiles = STREET_MAX};
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_error err = {.code = MLY_OK};
    *street = (struct street){.n_tiles = n_tiles};
    assert_status(mly_plan_make(&query, mly_mem_system(), &street->plan, &err), MLY_OK, &err);
    assert_int_equal(street->plan.cover.n_tiles, n_tiles);
    for (size_t i = 0; i < n_tiles; i++) {
        assert_true(mly_cover_next(&street->plan.cover, &cursor, &street->tiles[i], NULL));
        (void)snprintf(street->keys[i], sizeof street->keys[i], "mly1_public/14/%u/%u", street->tiles[i].x,
                       street->tiles[i].y);
        street->bodies[i] = make_images(street_id(i, 0), STREET_ROWS);
    }
}

int64_t street_id(size_t tile, size_t row)
{
    return (int64_t)(10000 * (tile + 1) + row);
}

struct mly_span street_body(const struct street *street, size_t tile)
{
    return bytes_view(&street->bodies[tile]);
}

void street_free(struct street *street)
{
    for (size_t i = 0; i < street->n_tiles; i++)
        bytes_free(&street->bodies[i]);
    mly_plan_fini(&street->plan);
}
