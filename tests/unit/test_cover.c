/* SPDX-License-Identifier: MIT */
#include "core/cover.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"

static const long double pi = 3.14159265358979323846264338327950288L;
#define INF ((double)INFINITY)

/* Fractional tile coordinates, by another formula than the code under test and in more digits. */
static long double column_of(long double longitude, unsigned z)
{
    return (longitude + 180) / 360 * (long double)(UINT64_C(1) << z);
}

static long double row_of(long double latitude, unsigned z)
{
    return (1 - logl(tanl(pi / 4 + latitude * pi / 360)) / pi) / 2 * (long double)(UINT64_C(1) << z);
}

/* The cover of a rectangle; the test owns it. */
static struct mly_cover cover_box(struct mly_box box, uint8_t zoom)
{
    const struct mly_area area = {.box = box};
    struct mly_cover cover;
    struct mly_error err;
    assert_status(mly_cover_make(&area, zoom, UINT64_MAX, mly_mem_system(), &cover, &err), MLY_OK, &err);
    return cover;
}

static bool holds(const struct mly_cover *cover, uint32_t x, uint32_t y)
{
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_tile tile;
    while (mly_cover_next(cover, &cursor, &tile, NULL)) {
        if (tile.x == x && tile.y == y)
            return true;
    }
    return false;
}

static uint64_t walk_count(const struct mly_cover *cover)
{
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_tile tile;
    uint64_t n = 0;
    while (mly_cover_next(cover, &cursor, &tile, NULL))
        n++;
    return n;
}

static struct mly_box random_box(struct chance *chance, double size)
{
    const double west = chance_between(chance, -180, 180 - size), south = chance_between(chance, -84, 84 - size);
    return (struct mly_box){
        .west = west,
        .south = south,
        .east = west + chance_between(chance, 0, size),
        .north = south + chance_between(chance, 0, size),
    };
}

/* ---- rectangles ---- */

static void a_box_within_one_tile_takes_that_tile(void **state)
{
    (void)state;
    struct mly_cover cover = cover_box((struct mly_box){13.3776, 52.5162, 13.3778, 52.5163}, 14);
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_tile tile;

    assert_true(mly_cover_next(&cover, &cursor, &tile, NULL));

    assert_int_equal(tile.x, 8800);
    assert_int_equal(tile.y, 5373);
    assert_int_equal(tile.z, 14);
    assert_false(mly_cover_next(&cover, &cursor, &tile, NULL));
    assert_int_equal(cover.n_tiles, 1);
    mly_cover_fini(&cover);
}

static void a_box_over_a_corner_takes_the_four_tiles_around_it(void **state)
{
    (void)state;
    struct mly_cover cover = cover_box((struct mly_box){-0.001, -0.001, 0.001, 0.001}, 14);

    assert_int_equal(cover.n_tiles, 4);
    assert_true(holds(&cover, 8191, 8191));
    assert_true(holds(&cover, 8192, 8191));
    assert_true(holds(&cover, 8191, 8192));
    assert_true(holds(&cover, 8192, 8192));
    mly_cover_fini(&cover);
}

static void a_point_on_a_border_belongs_to_the_tile_that_begins_there(void **state)
{
    (void)state;
    struct mly_cover cover = cover_box((struct mly_box){0, 0, 0, 0}, 14);

    assert_true(holds(&cover, 8192, 8192));
    assert_false(holds(&cover, 8191, 8192));
    assert_true(cover.n_tiles <= 2); /* the projection of latitude 0 may round to the north */
    mly_cover_fini(&cover);
}

static void a_tile_s_own_outline_takes_the_tiles_that_begin_on_it(void **state)
{
    (void)state;
    struct chance chance = {.state = 5};
    for (int i = 0; i < 2000; i++) {
        const uint32_t x = (uint32_t)chance_below(&chance, (1 << 14) - 1),
                       y = (uint32_t)chance_below(&chance, (1 << 14) - 1);
        struct mly_cover cover = cover_box(mly_tile_box((struct mly_tile){.x = x, .y = y, .z = 14}), 14);

        assert_true(holds(&cover, x, y));
        assert_true(holds(&cover, x + 1, y));
        assert_true(holds(&cover, x, y + 1));
        assert_true(holds(&cover, x + 1, y + 1));
        assert_true(cover.n_tiles <= 9); /* west and north by rounding only */
        mly_cover_fini(&cover);
    }
}

static void every_position_a_tile_can_hold_finds_its_tile(void **state)
{
    (void)state;
    struct chance chance = {.state = 6};
    for (int i = 0; i < 50000; i++) {
        const struct mly_tile tile = {
            .x = (uint32_t)chance_below(&chance, 1 << 14), .y = (uint32_t)chance_below(&chance, 1 << 14), .z = 14};
        const double px = (double)(chance_below(&chance, 3) ? chance_below(&chance, 4096) : 0);
        const double py = (double)(chance_below(&chance, 3) ? chance_below(&chance, 4096) : 0);
        const double longitude = mly_tile_longitude(tile, px, 4096), latitude = mly_tile_latitude(tile, py, 4096);

        struct mly_cover cover = cover_box((struct mly_box){longitude, latitude, longitude, latitude}, 14);

        assert_true(holds(&cover, tile.x, tile.y));
        mly_cover_fini(&cover);
    }
}

static void every_point_of_a_box_lies_in_its_cover(void **state)
{
    (void)state;
    struct chance chance = {.state = 7};
    for (int i = 0; i < 2000; i++) {
        const uint8_t zoom = (uint8_t)(6 + chance_below(&chance, 9));
        const struct mly_box box = random_box(&chance, 0.05);
        struct mly_cover cover = cover_box(box, zoom);
        for (int j = 0; j < 20; j++) {
            const double longitude = j % 4 == 0   ? box.west
                                     : j % 4 == 1 ? box.east
                                                  : chance_between(&chance, box.west, box.east);
            const double latitude = j % 5 == 0   ? box.south
                                    : j % 5 == 1 ? box.north
                                                 : chance_between(&chance, box.south, box.north);

            assert_true(holds(&cover, (uint32_t)column_of(longitude, zoom), (uint32_t)row_of(latitude, zoom)));
        }
        mly_cover_fini(&cover);
    }
}

/* Whether the half-open tile holds a point of the closed box. */
static bool expected_in_box(const struct mly_box *box, uint32_t x, uint32_t y, uint8_t z)
{
    return column_of(box->west, z) < x + 1 && column_of(box->east, z) >= x && row_of(box->north, z) < y + 1 &&
           row_of(box->south, z) >= y;
}

static void a_cover_is_what_looking_at_every_tile_finds(void **state)
{
    (void)state;
    struct chance chance = {.state = 8};
    for (int i = 0; i < 300; i++) {
        const uint8_t zoom = (uint8_t)chance_below(&chance, 7);
        const uint32_t side = UINT32_C(1) << zoom;
        const struct mly_box box = random_box(&chance, chance_between(&chance, 0.01, 160));
        bool taken[64][64] = {{false}};
        uint64_t n_expected = 0;
        struct mly_cover cover = cover_box(box, zoom);
        struct mly_cover_cursor cursor = {.node = 0};
        struct mly_tile tile;

        while (mly_cover_next(&cover, &cursor, &tile, NULL))
            taken[tile.y][tile.x] = true;

        for (uint32_t y = 0; y < side; y++) {
            for (uint32_t x = 0; x < side; x++) {
                assert_int_equal(taken[y][x], expected_in_box(&box, x, y, zoom));
                n_expected += taken[y][x];
            }
        }
        assert_int_equal(cover.n_tiles, n_expected);
        mly_cover_fini(&cover);
    }
}

static uint64_t z_order(struct mly_tile tile)
{
    uint64_t code = 0;
    for (unsigned bit = 0; bit < tile.z; bit++)
        code |= (uint64_t)(tile.x >> bit & 1) << (2 * bit) | (uint64_t)(tile.y >> bit & 1) << (2 * bit + 1);
    return code;
}

static void tiles_come_once_each_in_z_order_and_as_many_as_counted(void **state)
{
    (void)state;
    struct chance chance = {.state = 9};
    for (int i = 0; i < 500; i++) {
        const uint8_t zoom = (uint8_t)(10 + chance_below(&chance, 5));
        struct mly_cover cover = cover_box(random_box(&chance, 2), zoom);
        struct mly_cover_cursor cursor = {.node = 0};
        struct mly_tile tile;
        uint64_t n = 0, last = 0;

        while (mly_cover_next(&cover, &cursor, &tile, NULL)) {
            const uint64_t code = z_order(tile);
            assert_int_equal(tile.z, zoom);
            assert_true(n == 0 || code > last);
            last = code;
            n++;
        }

        assert_int_equal(cover.n_tiles, n);
        assert_false(mly_cover_next(&cover, &cursor, &tile, NULL)); /* the end stays the end */
        mly_cover_fini(&cover);
    }
}

static void an_inverted_box_is_empty(void **state)
{
    (void)state;
    static const struct mly_box inverted[] = {{1, 0, -1, 1},
                                              {0, 1, 1, -1},
                                              {INF, 0, -INF, 1},
                                              {0, INF, 1, -INF},
                                              {179, 0, -179, 1},
                                              {0.002, 0.001, 0.001, 0.002},
                                              {0.001, 0.002, 0.002, 0.001}};
    for (size_t i = 0; i < COUNT(inverted); i++) {
        struct mly_cover cover = cover_box(inverted[i], 14);

        assert_int_equal(cover.n_tiles, 0);
        assert_int_equal(walk_count(&cover), 0);
        mly_cover_fini(&cover);
    }
}

static void boxes_beyond_the_world_are_empty(void **state)
{
    (void)state;
    static const struct mly_box beyond[] = {
        {180.0001, 0, 190, 1}, {-200, 0, -180.0001, 1}, {0, 85.06, 1, 90},  {0, -90, 1, -85.06},
        {1e300, 0, INF, 1},    {0, 90, 1, 90},          {0, 1e300, 1, INF},
    };
    for (size_t i = 0; i < COUNT(beyond); i++) {
        struct mly_cover cover = cover_box(beyond[i], 14);

        assert_int_equal(cover.n_tiles, 0);
        mly_cover_fini(&cover);
    }
}

static void the_world_has_four_to_the_zoom_tiles_however_it_is_spelled(void **state)
{
    (void)state;
    static const struct mly_box worlds[] = {
        {-180, -90, 180, 90}, {-INF, -INF, INF, INF}, {-1e300, -1e300, 1e300, 1e300}, {-180, -85.0512, 180, 85.0512}};
    for (size_t i = 0; i < COUNT(worlds); i++) {
        for (uint8_t zoom = 0; zoom <= 14; zoom++) {
            struct mly_cover cover = cover_box(worlds[i], zoom);

            assert_true(cover.n_tiles == UINT64_C(1) << (2 * zoom));
            if (zoom <= 8)
                assert_int_equal(walk_count(&cover), cover.n_tiles);
            mly_cover_fini(&cover);
        }
    }
}

static void the_last_meridian_belongs_to_the_last_tiles(void **state)
{
    (void)state;
    static const struct mly_box at_the_edge[] = {
        {179.99, 10, 180, 10.001}, {180, 10, 180, 10.001}, {179.99, 10, 1e300, 10.001}, {179.99, 10, INF, 10.001}};
    for (size_t i = 0; i < COUNT(at_the_edge); i++) {
        struct mly_cover cover = cover_box(at_the_edge[i], 14);

        assert_int_equal(cover.n_tiles, 1);
        assert_true(holds(&cover, 16383, (uint32_t)row_of(10, 14)));
        mly_cover_fini(&cover);
    }
}

static void the_first_meridian_belongs_to_the_first_tiles(void **state)
{
    (void)state;
    static const struct mly_box at_the_edge[] = {
        {-180, 10, -179.99, 10.001}, {-180, 10, -180, 10.001}, {-INF, 10, -179.99, 10.001}};
    for (size_t i = 0; i < COUNT(at_the_edge); i++) {
        struct mly_cover cover = cover_box(at_the_edge[i], 14);

        assert_int_equal(cover.n_tiles, 1);
        assert_true(holds(&cover, 0, (uint32_t)row_of(10, 14)));
        mly_cover_fini(&cover);
    }
}

static void a_box_up_to_a_pole_ends_where_tiles_do(void **state)
{
    (void)state;
    struct mly_cover north = cover_box((struct mly_box){0.001, 85.05, 0.002, 90}, 14);
    struct mly_cover south = cover_box((struct mly_box){0.001, -90, 0.002, -85.05}, 14);

    assert_int_equal(north.n_tiles, 1);
    assert_true(holds(&north, 8192, 0));
    assert_int_equal(south.n_tiles, 1);
    assert_true(holds(&south, 8192, 16383));
    mly_cover_fini(&north);
    mly_cover_fini(&south);
}

static void tiles_strictly_within_a_box_are_marked_so(void **state)
{
    (void)state;
    struct chance chance = {.state = 10};
    for (int i = 0; i < 300; i++) {
        const struct mly_box box = random_box(&chance, 1);
        struct mly_cover cover = cover_box(box, 12);
        struct mly_cover_cursor cursor = {.node = 0};
        struct mly_tile tile;
        bool inside = false;

        while (mly_cover_next(&cover, &cursor, &tile, &inside)) {
            const struct mly_box outline = mly_tile_box(tile);
            const bool within = outline.west >= box.west && outline.east <= box.east && outline.south >= box.south &&
                                outline.north <= box.north;
            assert_true(within || !inside); /* whoever believes it tests no point */
        }
        mly_cover_fini(&cover);
    }
}

/* ---- shapes ---- */

struct circle {
    double x, y, radius; /* degrees */
};

static double nearest(double at, double low, double high)
{
    return at < low ? low - at : at > high ? at - high : 0;
}

static double farthest(double at, double low, double high)
{
    return fmax(fabs(at - low), fabs(at - high));
}

static enum mly_touch touch_circle(void *ctx, const struct mly_box *box)
{
    const struct circle *c = ctx;
    if (hypot(farthest(c->x, box->west, box->east), farthest(c->y, box->south, box->north)) <= c->radius)
        return MLY_INSIDE;
    const double near = hypot(nearest(c->x, box->west, box->east), nearest(c->y, box->south, box->north));
    return near > c->radius ? MLY_OUTSIDE : MLY_PARTLY;
}

static void a_circle_s_cover_is_what_looking_at_every_tile_finds(void **state)
{
    (void)state;
    struct chance chance = {.state = 11};
    for (int i = 0; i < 40; i++) {
        const uint8_t zoom = 8;
        struct circle circle = {.x = chance_between(&chance, -150, 150),
                                .y = chance_between(&chance, -60, 60),
                                .radius = chance_between(&chance, 0.01, 20)};
        const struct mly_area area = {
            .box = {circle.x - circle.radius, circle.y - circle.radius, circle.x + circle.radius,
                    circle.y + circle.radius},
            .touch = touch_circle,
            .ctx = &circle,
        };
        static bool taken[256][256], within[256][256];
        struct mly_cover cover;
        struct mly_cover_cursor cursor = {.node = 0};
        struct mly_tile tile;
        bool inside = false;
        memset(taken, 0, sizeof taken);
        memset(within, 0, sizeof within);

        assert_status(mly_cover_make(&area, zoom, UINT64_MAX, mly_mem_system(), &cover, NULL), MLY_OK, NULL);
        while (mly_cover_next(&cover, &cursor, &tile, &inside)) {
            taken[tile.y][tile.x] = true;
            within[tile.y][tile.x] = inside;
        }

        uint64_t n = 0;
        for (uint32_t y = 0; y < 256; y++) {
            for (uint32_t x = 0; x < 256; x++) {
                const struct mly_box box = mly_tile_box((struct mly_tile){.x = x, .y = y, .z = zoom});
                const enum mly_touch touch = touch_circle(&circle, &box);
                assert_int_equal(taken[y][x], touch != MLY_OUTSIDE);
                assert_int_equal(within[y][x], touch == MLY_INSIDE);
                n += taken[y][x];
            }
        }
        assert_int_equal(cover.n_tiles, n);
        mly_cover_fini(&cover);
    }
}

/* The triangle under the diagonal from the south west to the north east of its box. */
static enum mly_touch touch_triangle(void *ctx, const struct mly_box *box)
{
    const struct mly_box *whole = ctx;
    const double slope = (whole->north - whole->south) / (whole->east - whole->west);
    const double diagonal_at_east = whole->south + slope * (fmin(box->east, whole->east) - whole->west);
    const double diagonal_at_west = whole->south + slope * (box->west - whole->west);
    if (box->west > whole->east || box->east < whole->west || box->north < whole->south ||
        box->south > diagonal_at_east)
        return MLY_OUTSIDE;
    if (box->west >= whole->west && box->east <= whole->east && box->south >= whole->south &&
        box->north <= diagonal_at_west)
        return MLY_INSIDE;
    return MLY_PARTLY;
}

static void a_triangle_takes_about_half_of_its_box(void **state)
{
    (void)state;
    struct mly_box whole = {10, 45, 12, 47};
    const struct mly_area area = {.box = whole, .touch = touch_triangle, .ctx = &whole};
    struct mly_cover triangle, box = cover_box(whole, 12);

    assert_status(mly_cover_make(&area, 12, UINT64_MAX, mly_mem_system(), &triangle, NULL), MLY_OK, NULL);

    assert_true(triangle.n_tiles > box.n_tiles * 50 / 100);
    assert_true(triangle.n_tiles < box.n_tiles * 60 / 100);
    assert_int_equal(walk_count(&triangle), triangle.n_tiles);
    assert_true(holds(&triangle, (uint32_t)column_of(11.9, 12), (uint32_t)row_of(45.1, 12)));
    assert_false(holds(&triangle, (uint32_t)column_of(10.1, 12), (uint32_t)row_of(46.9, 12)));
    mly_cover_fini(&triangle);
    mly_cover_fini(&box);
}

static enum mly_touch always_in_doubt(void *ctx, const struct mly_box *box)
{
    (void)box;
    if (ctx)
        ++*(uint64_t *)ctx;
    return MLY_PARTLY;
}

static void a_shape_in_doubt_takes_its_whole_box(void **state)
{
    (void)state;
    const struct mly_box box = {7.1, 50.6, 7.4, 50.8};
    const struct mly_area area = {.box = box, .touch = always_in_doubt};
    struct mly_cover doubted, plain = cover_box(box, 14);
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_tile tile;
    bool inside = false;

    assert_status(mly_cover_make(&area, 14, UINT64_MAX, mly_mem_system(), &doubted, NULL), MLY_OK, NULL);

    assert_int_equal(doubted.n_tiles, plain.n_tiles);
    while (mly_cover_next(&doubted, &cursor, &tile, &inside))
        assert_false(inside);
    mly_cover_fini(&doubted);
    mly_cover_fini(&plain);
}

static void a_shape_is_asked_about_little_more_than_its_own_tiles(void **state)
{
    (void)state;
    uint64_t n_tests = 0;
    const struct mly_area area = {.box = {7.1, 50.6, 7.1001, 50.6001}, .touch = always_in_doubt, .ctx = &n_tests};
    struct mly_cover cover;

    assert_status(mly_cover_make(&area, 14, UINT64_MAX, mly_mem_system(), &cover, NULL), MLY_OK, NULL);

    assert_true(n_tests <= UINT64_C(4) * 15 * cover.n_tiles);
    mly_cover_fini(&cover);
}

static void an_outline_that_is_too_detailed_ends_with_an_error_and_without_a_number(void **state)
{
    (void)state;
    uint64_t n_tests = 0;
    const struct mly_area area = {.box = {-180, -85, 180, 85}, .touch = always_in_doubt, .ctx = &n_tests};
    struct fail_mem mem;
    struct mly_cover cover;
    struct mly_error err = {.code = MLY_OK};
    fail_mem_init(&mem);

    const enum mly_status status = mly_cover_make(&area, 14, 10000, &mem.mem, &cover, &err);

    assert_status(status, MLY_E_LIMIT, &err);
    assert_true(n_tests <= MLY_LIMIT_COVER_TESTS + 1);
    assert_says(err.text, "too detailed");
    assert_int_equal(cover.n_tiles, 0);
    assert_int_equal(walk_count(&cover), 0);
    mly_cover_fini(&cover);
    assert_nothing_leaks(&mem);
}

/* ---- limits ---- */

static void one_tile_too_many_is_refused_with_the_number_needed(void **state)
{
    (void)state;
    const struct mly_area area = {.box = {-0.1, -0.1, 0.1, 0.1}}; /* 4.55 tiles to each side: ten by ten */
    struct fail_mem mem;
    struct mly_cover cover;
    struct mly_error err = {.code = MLY_OK};
    fail_mem_init(&mem);

    assert_status(mly_cover_make(&area, 14, 99, &mem.mem, &cover, &err), MLY_E_LIMIT, &err);

    assert_says(err.text, "100 tiles");
    assert_says(err.text, "99");
    assert_int_equal(cover.n_tiles, 100);
    assert_int_equal(walk_count(&cover), 0);
    mly_cover_fini(&cover);
    assert_nothing_leaks(&mem);
}

static void as_many_tiles_as_allowed_are_allowed(void **state)
{
    (void)state;
    const struct mly_area area = {.box = {-0.1, -0.1, 0.1, 0.1}};
    struct mly_cover cover;
    struct mly_error err = {.code = MLY_OK};

    assert_status(mly_cover_make(&area, 14, 100, mly_mem_system(), &cover, &err), MLY_OK, &err);

    assert_int_equal(walk_count(&cover), 100);
    mly_cover_fini(&cover);
}

static void the_number_is_right_however_far_it_lies_beyond(void **state)
{
    (void)state;
    const struct mly_area world = {.box = {-INF, -INF, INF, INF}};
    struct mly_cover cover;
    struct mly_error err = {.code = MLY_OK};

    assert_status(mly_cover_make(&world, 14, 0, mly_mem_system(), &cover, &err), MLY_E_LIMIT, &err);

    assert_says(err.text, "268435456");
    assert_true(cover.n_tiles == UINT64_C(268435456));
    mly_cover_fini(&cover);
}

static void a_zoom_without_tiles_is_refused(void **state)
{
    (void)state;
    const struct mly_area area = {.box = {0, 0, 1, 1}};
    struct mly_cover cover;
    struct mly_error err = {.code = MLY_OK};

    assert_status(mly_cover_make(&area, 15, UINT64_MAX, mly_mem_system(), &cover, &err), MLY_E_ARG, &err);
    mly_cover_fini(&cover);
    assert_status(mly_cover_make(&area, 255, UINT64_MAX, mly_mem_system(), &cover, &err), MLY_E_ARG, &err);
    mly_cover_fini(&cover);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    const struct mly_area area = {.box = {-3.01, -3.02, 3.03, 3.04}}; /* its border takes many nodes */
    enum mly_status status = MLY_E_NOMEM;
    size_t k = 0;
    for (; status != MLY_OK; k++) {
        struct fail_mem mem;
        struct mly_cover cover;
        struct mly_error err = {.code = MLY_OK};
        fail_mem_init_failing(&mem, k, 1);

        status = mly_cover_make(&area, 14, UINT64_MAX, &mem.mem, &cover, &err);

        assert_status(status, mem.n_failed ? MLY_E_NOMEM : MLY_OK, &err);
        mly_cover_fini(&cover);
        assert_nothing_leaks(&mem);
    }
    assert_true(k > 3);
}

static void a_zeroed_cover_can_be_finished_and_walked(void **state)
{
    (void)state;
    struct mly_cover cover = {.zoom = 0};

    assert_int_equal(walk_count(&cover), 0);
    mly_cover_fini(&cover);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_box_within_one_tile_takes_that_tile),
        cmocka_unit_test(a_box_over_a_corner_takes_the_four_tiles_around_it),
        cmocka_unit_test(a_point_on_a_border_belongs_to_the_tile_that_begins_there),
        cmocka_unit_test(a_tile_s_own_outline_takes_the_tiles_that_begin_on_it),
        cmocka_unit_test(every_position_a_tile_can_hold_finds_its_tile),
        cmocka_unit_test(every_point_of_a_box_lies_in_its_cover),
        cmocka_unit_test(a_cover_is_what_looking_at_every_tile_finds),
        cmocka_unit_test(tiles_come_once_each_in_z_order_and_as_many_as_counted),
        cmocka_unit_test(an_inverted_box_is_empty),
        cmocka_unit_test(boxes_beyond_the_world_are_empty),
        cmocka_unit_test(the_world_has_four_to_the_zoom_tiles_however_it_is_spelled),
        cmocka_unit_test(the_last_meridian_belongs_to_the_last_tiles),
        cmocka_unit_test(the_first_meridian_belongs_to_the_first_tiles),
        cmocka_unit_test(a_box_up_to_a_pole_ends_where_tiles_do),
        cmocka_unit_test(tiles_strictly_within_a_box_are_marked_so),
        cmocka_unit_test(a_circle_s_cover_is_what_looking_at_every_tile_finds),
        cmocka_unit_test(a_triangle_takes_about_half_of_its_box),
        cmocka_unit_test(a_shape_in_doubt_takes_its_whole_box),
        cmocka_unit_test(a_shape_is_asked_about_little_more_than_its_own_tiles),
        cmocka_unit_test(an_outline_that_is_too_detailed_ends_with_an_error_and_without_a_number),
        cmocka_unit_test(one_tile_too_many_is_refused_with_the_number_needed),
        cmocka_unit_test(as_many_tiles_as_allowed_are_allowed),
        cmocka_unit_test(the_number_is_right_however_far_it_lies_beyond),
        cmocka_unit_test(a_zoom_without_tiles_is_refused),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(a_zeroed_cover_can_be_finished_and_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
