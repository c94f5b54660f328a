/* SPDX-License-Identifier: MIT */
#include "core/tile.h"

#include <math.h>

#include "support/chance.h"
#include "support/check.h"

static const long double pi = 3.14159265358979323846264338327950288L;

/* The Mercator projection and its inverse by way of logarithm and exponential (the code under test goes by way of
 * hyperbolic functions), in more digits than a double has. */
static long double expected_latitude(long double tile_rows, unsigned z)
{
    const long double way = tile_rows / (long double)(UINT64_C(1) << z);
    return (2 * atanl(expl(pi * (1 - 2 * way))) - pi / 2) * 180 / pi;
}

static long double expected_longitude(long double tile_columns, unsigned z)
{
    return 360 * tile_columns / (long double)(UINT64_C(1) << z) - 180;
}

static long double expected_y(long double latitude, unsigned z)
{
    const long double phi = latitude * pi / 180;
    return (1 - logl(tanl(pi / 4 + phi / 2)) / pi) / 2 * (long double)(UINT64_C(1) << z);
}

static void positions_are_exact_to_a_billionth_of_a_degree(void **state)
{
    (void)state;
    struct chance chance = {.state = 1};
    for (int i = 0; i < 200000; i++) {
        const uint8_t z = (uint8_t)chance_below(&chance, 15);
        const struct mly_tile tile = {
            .x = (uint32_t)chance_below(&chance, UINT64_C(1) << z),
            .y = (uint32_t)chance_below(&chance, UINT64_C(1) << z),
            .z = z,
        };
        const double px = (double)chance_below(&chance, 4096), py = (double)chance_below(&chance, 4096);

        assert_near(mly_tile_longitude(tile, px, 4096), (double)expected_longitude(tile.x + px / 4096.0L, z), 1e-9);
        assert_near(mly_tile_latitude(tile, py, 4096), (double)expected_latitude(tile.y + py / 4096.0L, z), 1e-9);
    }
}

static void the_series_within_a_tile_is_exact_to_the_last_bits(void **state)
{
    (void)state;
    struct chance chance = {.state = 2};
    for (int i = 0; i < 20000; i++) {
        const uint8_t z = (uint8_t)(MLY_TILE_SERIES_ZOOM + chance_below(&chance, 3));
        const uint32_t last = (UINT32_C(1) << z) - 1;
        const uint32_t rows[] = {(uint32_t)chance_below(&chance, last), 0, last, last / 2};
        const struct mly_tile tile = {.y = rows[chance_below(&chance, 16) < COUNT(rows) ? chance_below(&chance, 4) : 0],
                                      .z = z};
        const struct mly_tile_latitudes latitudes = mly_tile_latitudes(tile);
        const double ways[] = {0, 4095.0 / 4096, 0.5, (double)chance_below(&chance, 4096) / 4096};

        for (size_t k = 0; k < COUNT(ways); k++) {
            assert_near(mly_tile_latitude_at(&latitudes, ways[k]),
                        (double)expected_latitude(tile.y + (long double)ways[k], z), 3e-14);
            assert_near(mly_tile_latitude(tile, ways[k], 1), mly_tile_latitude_at(&latitudes, ways[k]), 0);
        }
    }
}

/* From the tile itself, from its neighbours, and counted from the corner of the world. */
static void a_position_is_the_same_from_whatever_tile_it_is_reached(void **state)
{
    (void)state;
    struct chance chance = {.state = 3};
    struct mly_tile_latitudes latitudes = {.z = 0};
    for (int i = 0; i < 20000; i++) {
        const uint8_t z = (uint8_t)(1 + chance_below(&chance, 14));
        const uint32_t y = (uint32_t)chance_below(&chance, UINT64_C(1) << z);
        const double way = chance_below(&chance, 8) ? (double)chance_below(&chance, 4096) : 0;
        const double expected = mly_tile_latitude((struct mly_tile){.y = y, .z = z}, way, 4096);

        if (y > 0)
            assert_near(mly_tile_latitude((struct mly_tile){.y = y - 1, .z = z}, way + 4096, 4096), expected, 0);
        if (y + 1 < UINT32_C(1) << z)
            assert_near(mly_tile_latitude((struct mly_tile){.y = y + 1, .z = z}, way - 4096, 4096), expected, 0);
        const struct mly_tile whole = {.z = z};
        assert_near(mly_tile_latitude_again(&latitudes, whole, way + 4096.0 * y, 4096), expected, 0);
    }
}

static void any_extent_divides_the_tile(void **state)
{
    (void)state;
    const struct mly_tile tile = {.x = 8574, .y = 5735, .z = 14};

    assert_near(mly_tile_longitude(tile, 1, 2), mly_tile_longitude(tile, 2048, 4096), 1e-12);
    assert_near(mly_tile_latitude(tile, 1, 2), mly_tile_latitude(tile, 2048, 4096), 1e-12);
    assert_near(mly_tile_latitude(tile, 2147483646, 2147483647), mly_tile_box(tile).south, 1e-9);
}

static void the_whole_world_is_one_tile(void **state)
{
    (void)state;

    const struct mly_box world = mly_tile_box((struct mly_tile){.z = 0});

    assert_near(world.west, -180, 0);
    assert_near(world.east, 180, 0);
    assert_near(world.north, 85.05112877980659, 1e-12);
    assert_near(world.south, -85.05112877980659, 1e-12);
    assert_near(MLY_TILE_MAX_LATITUDE, (double)expected_latitude(0, 0), 1e-13);
}

static void a_known_place_lies_in_its_known_tile(void **state)
{
    (void)state;

    /* The Brandenburg Gate; its z14 tile is 8800/5373 in every slippy map. */
    assert_int_equal((int)mly_tile_x(13.377704, 14), 8800);
    assert_int_equal((int)mly_tile_y(52.516275, 14), 5373);
}

static void neighbours_share_their_borders_to_the_last_bit(void **state)
{
    (void)state;
    for (uint32_t i = 0; i + 1 < 1 << 14; i++) {
        const struct mly_box here = mly_tile_box((struct mly_tile){.x = i, .y = i, .z = 14});
        const struct mly_box next = mly_tile_box((struct mly_tile){.x = i + 1, .y = i + 1, .z = 14});

        assert_near(here.east, next.west, 0);
        assert_near(here.south, next.north, 0);
        assert_true(here.west < here.east);
        assert_true(here.south < here.north);
    }
}

static void a_grandparent_s_border_is_its_grandchild_s(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1 << 10; i++) {
        const struct mly_box large = mly_tile_box((struct mly_tile){.x = i, .y = i, .z = 10});
        const struct mly_box small = mly_tile_box((struct mly_tile){.x = i * 16, .y = i * 16, .z = 14});

        assert_near(large.west, small.west, 0);
        assert_near(large.north, small.north, 0);
    }
}

static void fractional_coordinates_follow_the_projection(void **state)
{
    (void)state;
    struct chance chance = {.state = 2};
    for (int i = 0; i < 100000; i++) {
        const uint8_t z = (uint8_t)chance_below(&chance, 15);
        const double longitude = chance_between(&chance, -180, 180), latitude = chance_between(&chance, -85, 85);

        assert_near(mly_tile_x(longitude, z), (double)((longitude + 180.0L) / 360 * (UINT64_C(1) << z)), 1e-9);
        assert_near(mly_tile_y(latitude, z), (double)expected_y(latitude, z), 1e-9);
    }
}

static void there_and_back_is_where_one_was(void **state)
{
    (void)state;
    struct chance chance = {.state = 3};
    for (int i = 0; i < 100000; i++) {
        const struct mly_tile tile = {
            .x = (uint32_t)chance_below(&chance, 1 << 14), .y = (uint32_t)chance_below(&chance, 1 << 14), .z = 14};
        const double px = (double)chance_below(&chance, 4096), py = (double)chance_below(&chance, 4096);

        assert_near(mly_tile_x(mly_tile_longitude(tile, px, 4096), 14), tile.x + px / 4096, 1e-9);
        assert_near(mly_tile_y(mly_tile_latitude(tile, py, 4096), 14), tile.y + py / 4096, 1e-9);
    }
}

static void whatever_lies_beyond_the_world_is_taken_to_its_edge(void **state)
{
    (void)state;
    static const double far[] = {180.0, 181.0, 1e300, (double)INFINITY};
    for (size_t i = 0; i < COUNT(far); i++) {
        assert_near(mly_tile_x(far[i], 14), 16384, 0);
        assert_near(mly_tile_x(-far[i], 14), 0, 0);
        assert_near(mly_tile_y(far[i], 14), 0, 1e-9);
        assert_near(mly_tile_y(-far[i], 14), 16384, 1e-9);
    }
    assert_near(mly_tile_y(90, 14), 0, 1e-9); /* a pole is infinitely far in this projection */
    assert_near(mly_tile_y(-90, 14), 16384, 1e-9);
}

static void coordinates_never_leave_the_grid(void **state)
{
    (void)state;
    struct chance chance = {.state = 4};
    for (int i = 0; i < 100000; i++) {
        const double latitude = chance_between(&chance, -90, 90), longitude = chance_between(&chance, -180, 180);
        const double x = mly_tile_x(longitude, 14), y = mly_tile_y(latitude, 14);

        assert_true(x >= 0 && x <= 16384);
        assert_true(y >= 0 && y <= 16384);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_are_exact_to_a_billionth_of_a_degree),
        cmocka_unit_test(the_series_within_a_tile_is_exact_to_the_last_bits),
        cmocka_unit_test(a_position_is_the_same_from_whatever_tile_it_is_reached),
        cmocka_unit_test(any_extent_divides_the_tile),
        cmocka_unit_test(the_whole_world_is_one_tile),
        cmocka_unit_test(a_known_place_lies_in_its_known_tile),
        cmocka_unit_test(neighbours_share_their_borders_to_the_last_bit),
        cmocka_unit_test(a_grandparent_s_border_is_its_grandchild_s),
        cmocka_unit_test(fractional_coordinates_follow_the_projection),
        cmocka_unit_test(there_and_back_is_where_one_was),
        cmocka_unit_test(whatever_lies_beyond_the_world_is_taken_to_its_edge),
        cmocka_unit_test(coordinates_never_leave_the_grid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
