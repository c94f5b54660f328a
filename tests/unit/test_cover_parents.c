/* SPDX-License-Identifier: MIT */
/* Tiles of a cover → the tiles of a lower zoom that hold them or what lies beside them. */
#include <string.h>

#include "core/cover.h"
#include "core/limits.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"

enum { MAX_ZOOM = 8, MAX_SIDE = 1 << MAX_ZOOM };

/* A cover put together by hand. */
struct made {
    struct mly_cover cover;
    bool taken[MAX_SIDE][MAX_SIDE]; /* its tiles, by row and column */
};

static void make(struct made *made, uint8_t zoom)
{
    memset(made, 0, sizeof *made);
    made->cover.zoom = zoom;
    mly_buf_init(&made->cover.nodes, mly_mem_system(), SIZE_MAX);
}

static void add(struct made *made, uint32_t x, uint32_t y, uint8_t z)
{
    const struct mly_cover_node node = {.x = x, .y = y, .z = z, .inside = true};
    const unsigned shift = made->cover.zoom - z;
    assert_status(mly_buf_append(&made->cover.nodes, &node, sizeof node), MLY_OK, NULL);
    made->cover.n_tiles += UINT64_C(1) << (2 * shift);
    for (uint32_t row = y << shift; made->cover.zoom <= MAX_ZOOM && row < (y + 1) << shift; row++)
        for (uint32_t column = x << shift; column < (x + 1) << shift; column++)
            made->taken[row][column] = true;
}

static uint64_t z_order(struct mly_tile tile)
{
    uint64_t code = 0;
    for (unsigned bit = 0; bit < tile.z; bit++)
        code |= (uint64_t)(tile.x >> bit & 1) << (2 * bit) | (uint64_t)(tile.y >> bit & 1) << (2 * bit + 1);
    return code;
}

/* Every tile of the cover and its eight neighbours, one by one. */
static void look_at_every_tile(const struct made *made, uint8_t zoom, bool expected[MAX_SIDE][MAX_SIDE])
{
    const int side = 1 << made->cover.zoom, up = made->cover.zoom - zoom;
    memset(expected, 0, sizeof(bool[MAX_SIDE][MAX_SIDE]));
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            for (int i = 0; made->taken[y][x] && i < 9; i++) {
                const int row = y + i / 3 - 1, column = (x + i % 3 - 1 + side) % side;
                if (row >= 0 && row < side)
                    expected[row >> up][column >> up] = true;
            }
        }
    }
}

static void assert_parents(const struct made *made, uint8_t zoom)
{
    static bool expected[MAX_SIDE][MAX_SIDE];
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_cover parents;
    struct mly_error err;
    struct mly_tile tile;
    uint64_t n = 0, last = 0, n_expected = 0;
    bool inside = true;
    look_at_every_tile(made, zoom, expected);

    assert_status(mly_cover_parents(&made->cover, zoom, UINT64_MAX, mly_mem_system(), &parents, &err), MLY_OK, &err);

    while (mly_cover_next(&parents, &cursor, &tile, &inside)) {
        assert_int_equal(tile.z, zoom);
        assert_false(inside);
        assert_true(expected[tile.y][tile.x]);
        assert_true(n == 0 || z_order(tile) > last);
        last = z_order(tile);
        n++;
    }
    for (size_t i = 0; i < (size_t)MAX_SIDE * MAX_SIDE; i++)
        n_expected += expected[i / MAX_SIDE][i % MAX_SIDE];
    assert_int_equal(n, n_expected);
    assert_int_equal(parents.n_tiles, n);
    assert_int_equal(parents.zoom, zoom);
    mly_cover_fini(&parents);
}

static void a_tile_amid_its_parent_has_one_and_one_at_a_corner_has_four(void **state)
{
    (void)state;
    static const struct mly_tile tiles[] = {{8574, 5735, 14}, {8703, 5760, 14}};
    static const size_t expected[] = {1, 4};
    for (size_t i = 0; i < COUNT(tiles); i++) {
        struct mly_cover of, parents;
        struct mly_error err;
        assert_status(mly_cover_of(&tiles[i], 1, 14, mly_mem_system(), &of, &err), MLY_OK, &err);

        assert_status(mly_cover_parents(&of, 8, 100, mly_mem_system(), &parents, &err), MLY_OK, &err);

        const struct mly_cover_node *nodes = (const void *)parents.nodes.data;
        assert_int_equal(parents.n_tiles, expected[i]);
        assert_int_equal(nodes[i].x, tiles[i].x >> 6);
        assert_int_equal(nodes[i].y, tiles[i].y >> 6);
        mly_cover_fini(&parents);
        mly_cover_fini(&of);
    }
}

static void columns_go_on_across_the_antimeridian_and_rows_end_at_the_poles(void **state)
{
    (void)state;
    static const uint32_t at[] = {0, 1, 127, 128, 254, 255};
    static struct made made;
    for (size_t i = 0; i < COUNT(at) * COUNT(at); i++) {
        for (int zoom = 0; zoom <= MAX_ZOOM; zoom++) {
            make(&made, MAX_ZOOM);
            add(&made, at[i / COUNT(at)], at[i % COUNT(at)], MAX_ZOOM);

            assert_parents(&made, (uint8_t)zoom);

            mly_cover_fini(&made.cover);
        }
    }
}

/* Small worlds too, in which a tile's neighbours to the east and west are one. */
static void squares_of_every_size_have_the_parents_of_their_tiles(void **state)
{
    (void)state;
    static struct made made;
    for (uint8_t of = 0; of <= 5; of++) {
        for (uint8_t z = 0; z <= of; z++) {
            for (uint32_t i = 0; i < UINT32_C(1) << (2 * z); i++) {
                for (uint8_t zoom = 0; zoom <= of; zoom++) {
                    make(&made, of);
                    add(&made, i & ((UINT32_C(1) << z) - 1), i >> z, z);

                    assert_parents(&made, zoom);

                    mly_cover_fini(&made.cover);
                }
            }
        }
    }
}

static void random_covers_have_the_parents_of_their_tiles_once_each_in_z_order(void **state)
{
    (void)state;
    static struct made made;
    struct chance chance = {.state = 21};
    for (unsigned long round = chance_rounds(300); round > 0; round--) {
        const uint8_t of = (uint8_t)chance_below(&chance, MAX_ZOOM + 1);
        make(&made, of);
        for (size_t n = chance_below(&chance, 12); n > 0; n--) {
            const uint8_t z = (uint8_t)(of - chance_below(&chance, of < 4 ? of + 1u : 4u));
            add(&made, (uint32_t)chance_below(&chance, (size_t)1 << z), (uint32_t)chance_below(&chance, (size_t)1 << z),
                z);
        }

        assert_parents(&made, (uint8_t)chance_below(&chance, of + 1u));

        mly_cover_fini(&made.cover);
    }
}

static void nothing_has_no_parents(void **state)
{
    (void)state;
    static struct made made;
    make(&made, 5);
    assert_parents(&made, 3);
    mly_cover_fini(&made.cover);
}

static void the_world_and_hundreds_of_thousands_of_tiles_take_no_time(void **state)
{
    (void)state;
    static struct made made;
    struct mly_cover parents;
    struct mly_error err;
    make(&made, 14);
    add(&made, 0, 0, 0);
    for (uint32_t i = 0; i < 300000; i++)
        add(&made, i * 7919 % 16384, i * 104729 % 16384, 14);

    assert_status(mly_cover_parents(&made.cover, 11, UINT64_MAX, mly_mem_system(), &parents, &err), MLY_OK, &err);

    assert_true(parents.n_tiles == UINT64_C(1) << 22);
    mly_cover_fini(&parents);
    mly_cover_fini(&made.cover);
}

/* ---- failing ---- */

static void one_parent_too_many_is_refused_with_the_number_needed(void **state)
{
    (void)state;
    static struct made made;
    struct fail_mem mem;
    struct mly_cover parents;
    struct mly_error err = {.code = MLY_OK};
    fail_mem_init(&mem);
    make(&made, MAX_ZOOM);
    add(&made, 3, 3, 4); /* 16 by 16 tiles, with their ring 18 by 18: of zoom 7, ten by ten */

    assert_status(mly_cover_parents(&made.cover, 7, 100, &mem.mem, &parents, &err), MLY_OK, &err);
    mly_cover_fini(&parents);
    assert_status(mly_cover_parents(&made.cover, 7, 99, &mem.mem, &parents, &err), MLY_E_LIMIT, &err);

    assert_says(err.text, "100 tiles");
    assert_says(err.text, "99");
    assert_int_equal(parents.n_tiles, 100);
    assert_int_equal(parents.nodes.size, 0);
    mly_cover_fini(&parents);
    mly_cover_fini(&made.cover);
    assert_nothing_leaks(&mem);
}

static void a_zoom_below_the_tiles_is_refused(void **state)
{
    (void)state;
    static struct made made;
    struct mly_cover parents;
    struct mly_error err = {.code = MLY_OK};
    make(&made, 6);
    add(&made, 1, 1, 6);

    assert_status(mly_cover_parents(&made.cover, 7, 100, mly_mem_system(), &parents, &err), MLY_E_ARG, &err);

    assert_says(err.text, "zoom 7");
    mly_cover_fini(&parents);
    mly_cover_fini(&made.cover);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static struct made made;
    make(&made, 8);
    add(&made, 1, 1, 2);
    enum mly_status status = MLY_E_NOMEM;
    size_t k = 0;
    for (; status != MLY_OK; k++) {
        struct fail_mem mem;
        struct mly_cover parents;
        struct mly_error err = {.code = MLY_OK};
        fail_mem_init_failing(&mem, k, 1);

        status = mly_cover_parents(&made.cover, 7, UINT64_MAX, &mem.mem, &parents, &err);

        assert_status(status, mem.n_failed ? MLY_E_NOMEM : MLY_OK, &err);
        mly_cover_fini(&parents);
        assert_nothing_leaks(&mem);
    }
    assert_true(k > 2);
    mly_cover_fini(&made.cover);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_amid_its_parent_has_one_and_one_at_a_corner_has_four),
        cmocka_unit_test(columns_go_on_across_the_antimeridian_and_rows_end_at_the_poles),
        cmocka_unit_test(squares_of_every_size_have_the_parents_of_their_tiles),
        cmocka_unit_test(random_covers_have_the_parents_of_their_tiles_once_each_in_z_order),
        cmocka_unit_test(nothing_has_no_parents),
        cmocka_unit_test(the_world_and_hundreds_of_thousands_of_tiles_take_no_time),
        cmocka_unit_test(one_parent_too_many_is_refused_with_the_number_needed),
        cmocka_unit_test(a_zoom_below_the_tiles_is_refused),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
