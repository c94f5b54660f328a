/* SPDX-License-Identifier: MIT */
/* Lines and polygons: what a walk over them meets, and what is refused. */
#include "core/mvt.h"

#include <string.h>

#include "support/check.h"
#include "support/make_tile.h"
#include "support/open_tile.h"

struct step {
    enum mly_mvt_vertex kind;
    int32_t x, y;
};

static void open_parts(struct open_tile *open, uint32_t shape, const uint32_t *numbers, size_t n)
{
    const struct make_feature feature = {.shape = shape, .parts = numbers, .n_parts = n};
    const char *name = shape == SHAPE_LINE ? "sequence" : "mpy-or";
    struct bytes tile = {.size = 0};
    make_layer(&tile, &(struct make_layer){.name = name, .extent = 4096, .features = &feature, .n_features = 1});
    open_tile(open, bytes_view(&tile), shape == SHAPE_LINE ? "sequences" : "detections");
    bytes_free(&tile);
}

static void assert_walk(uint32_t shape, const uint32_t *numbers, size_t n, const struct step *steps, size_t n_steps)
{
    struct open_tile open;
    struct mly_mvt_walk walk;
    open_parts(&open, shape, numbers, n);
    assert_status(open.status, MLY_OK, &open.err);
    assert_int_equal(open.n_rows, 1);

    mly_mvt_walk_open(open.mvt, 0, &walk);
    for (size_t i = 0; i < n_steps; i++) {
        assert_int_equal(mly_mvt_walk_next(&walk), steps[i].kind);
        assert_int_equal(walk.x, steps[i].x);
        assert_int_equal(walk.y, steps[i].y);
    }
    assert_int_equal(mly_mvt_walk_next(&walk), MLY_MVT_END);
    assert_int_equal(mly_mvt_walk_next(&walk), MLY_MVT_END); /* the end stays the end */
    open_tile_close(&open);
}

static void assert_refused(uint32_t shape, const uint32_t *numbers, size_t n, const char *words)
{
    struct open_tile open;
    open_parts(&open, shape, numbers, n);
    assert_status(open.status, MLY_E_CORRUPT, &open.err);
    assert_says(open.err.text, words);
    open_tile_close(&open);
}

/* Numbers as MVT writes them: commands as they are, then positions relative to the one before. */
#define M       make_command(MOVE_TO, 1)
#define L(n)    make_command(LINE_TO, n)
#define C       make_command(CLOSE_PATH, 1)
#define D(x, y) bytes_zigzag32(x), bytes_zigzag32(y)

/* ---- lines ---- */

static void a_line_is_walked_from_end_to_end(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(2, 2), L(2), D(0, 8), D(8, 0)}; /* MVT 2.1, 4.3.5.3 */
    static const struct step steps[] = {{MLY_MVT_FIRST, 2, 2}, {MLY_MVT_NEXT, 2, 10}, {MLY_MVT_NEXT, 10, 10}};

    assert_walk(SHAPE_LINE, numbers, COUNT(numbers), steps, COUNT(steps));
}

static void every_part_begins_where_the_cursor_is(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(2, 2), L(2), D(0, 8), D(8, 0), M, D(-9, -9), L(1), D(2, 4)}; /* 4.3.5.4 */
    static const struct step steps[] = {{MLY_MVT_FIRST, 2, 2},
                                        {MLY_MVT_NEXT, 2, 10},
                                        {MLY_MVT_NEXT, 10, 10},
                                        {MLY_MVT_FIRST, 1, 1},
                                        {MLY_MVT_NEXT, 3, 5}};

    assert_walk(SHAPE_LINE, numbers, COUNT(numbers), steps, COUNT(steps));
}

static void a_line_may_stand_still(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(4096, 0), L(2), D(0, 0), D(0, 4096)};
    static const struct step steps[] = {{MLY_MVT_FIRST, 4096, 0}, {MLY_MVT_NEXT, 4096, 0}, {MLY_MVT_NEXT, 4096, 4096}};

    assert_walk(SHAPE_LINE, numbers, COUNT(numbers), steps, COUNT(steps));
}

static void a_buffer_of_the_tile_s_own_size_is_walked(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(-4096, -4096), L(1), D(3 * 4096, 3 * 4096)};
    static const struct step steps[] = {{MLY_MVT_FIRST, -4096, -4096}, {MLY_MVT_NEXT, 8192, 8192}};

    assert_walk(SHAPE_LINE, numbers, COUNT(numbers), steps, COUNT(steps));
}

static void a_vertex_farther_out_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static const int32_t far[] = {8193, -4097, 1 << 20, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT(far); i++) {
        const int32_t back = far[i] == INT32_MIN ? INT32_MAX : -far[i];
        const uint32_t first[] = {M, D(far[i], 0), L(1), D(back, 0)};
        const uint32_t middle[] = {M, D(0, 0), L(2), D(0, far[i]), D(0, back)};
        const uint32_t last[] = {M, D(0, 0), L(1), D(far[i], 0)};
        const uint32_t last_of_a_part[] = {M, D(0, 0), L(1), D(0, far[i]), M, D(0, back), L(1), D(1, 1)};

        assert_refused(SHAPE_LINE, first, COUNT(first), "leaves the tile");
        assert_refused(SHAPE_LINE, middle, COUNT(middle), "leaves the tile");
        assert_refused(SHAPE_LINE, last, COUNT(last), "leaves the tile");
        assert_refused(SHAPE_LINE, last_of_a_part, COUNT(last_of_a_part), "leaves the tile");
    }
}

static void steps_that_add_up_beyond_32_bits_are_refused(void **state)
{
    (void)state;
    enum { N = 8 };
    uint32_t numbers[4 + 2 * N] = {M, D(0, 0), L(N)};
    for (size_t i = 0; i < N; i++)
        numbers[4 + 2 * i] = bytes_zigzag32(INT32_MAX);

    assert_refused(SHAPE_LINE, numbers, COUNT(numbers), "leaves the tile");
}

static void a_line_that_does_not_begin_with_one_move_to_is_refused(void **state)
{
    (void)state;
    const uint32_t only_line_to[] = {L(1), D(1, 1)};
    const uint32_t two_at_once[] = {make_command(MOVE_TO, 2), D(1, 1), D(2, 2), L(1), D(1, 1)};
    const uint32_t none[] = {make_command(MOVE_TO, 0), L(1), D(1, 1)};
    const uint32_t second_part[] = {M, D(0, 0), L(1), D(1, 1), L(1), D(1, 1)};

    assert_refused(SHAPE_LINE, only_line_to, COUNT(only_line_to), "4.3.4.3");
    assert_refused(SHAPE_LINE, two_at_once, COUNT(two_at_once), "4.3.4.3");
    assert_refused(SHAPE_LINE, none, COUNT(none), "4.3.4.3");
    assert_refused(SHAPE_LINE, second_part, COUNT(second_part), "4.3.4.3");
}

static void a_line_that_does_not_go_on_with_line_to_is_refused(void **state)
{
    (void)state;
    const uint32_t two_moves[] = {M, D(0, 0), M, D(1, 1)};
    const uint32_t nowhere[] = {M, D(0, 0), L(0)};
    const uint32_t closed[] = {M, D(0, 0), C};
    const uint32_t unknown[] = {M, D(0, 0), make_command(4, 1), D(1, 1)};

    assert_refused(SHAPE_LINE, two_moves, COUNT(two_moves), "4.3.4.3");
    assert_refused(SHAPE_LINE, nowhere, COUNT(nowhere), "4.3.4.3");
    assert_refused(SHAPE_LINE, closed, COUNT(closed), "4.3.4.3");
    assert_refused(SHAPE_LINE, unknown, COUNT(unknown), "4.3.4.3");
}

static void a_line_that_is_closed_is_refused(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(0, 0), L(2), D(1, 0), D(0, 1), C};

    assert_refused(SHAPE_LINE, numbers, COUNT(numbers), "4.3.4.3");
}

static void a_line_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(2, 2), L(2), D(0, 8), D(8, 0), M, D(-9, -9), L(1), D(2, 4)};
    for (size_t n = 1; n < COUNT(numbers); n++) {
        if (n != 8) /* where the first part ends */
            assert_refused(SHAPE_LINE, numbers, n, "feature 0");
    }
}

static void more_vertices_than_numbers_are_refused(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(0, 0), L((1 << 29) - 1), D(1, 1)};

    assert_refused(SHAPE_LINE, numbers, COUNT(numbers), "feature 0");
    assert_refused(SHAPE_POLYGON, numbers, COUNT(numbers), "feature 0");
}

static void a_point_is_no_line_and_no_polygon(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(1, 1)};

    assert_refused(SHAPE_LINE, numbers, COUNT(numbers), "feature 0");
    assert_refused(SHAPE_POLYGON, numbers, COUNT(numbers), "feature 0");
}

/* ---- polygons ---- */

static void a_ring_is_walked_without_its_first_vertex_again(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(3, 6), L(2), D(5, 6), D(12, 22), C}; /* 4.3.5.5 */
    static const struct step steps[] = {{MLY_MVT_FIRST, 3, 6}, {MLY_MVT_NEXT, 8, 12}, {MLY_MVT_NEXT, 20, 34}};

    assert_walk(SHAPE_POLYGON, numbers, COUNT(numbers), steps, COUNT(steps));
}

static void closing_a_ring_does_not_move_the_cursor(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(0, 0),  L(3), D(10, 0), D(0, 10), D(-10, 0), C, /* 4.3.5.6 */
                                M, D(11, 1), L(3), D(9, 0),  D(0, 9),  D(-9, 0),  C,
                                M, D(2, -7), L(3), D(0, 4),  D(4, 0),  D(0, -4),  C};
    static const struct step steps[] = {
        {MLY_MVT_FIRST, 0, 0},   {MLY_MVT_NEXT, 10, 0},  {MLY_MVT_NEXT, 10, 10}, {MLY_MVT_NEXT, 0, 10},
        {MLY_MVT_FIRST, 11, 11}, {MLY_MVT_NEXT, 20, 11}, {MLY_MVT_NEXT, 20, 20}, {MLY_MVT_NEXT, 11, 20},
        {MLY_MVT_FIRST, 13, 13}, {MLY_MVT_NEXT, 13, 17}, {MLY_MVT_NEXT, 17, 17}, {MLY_MVT_NEXT, 17, 13},
    };

    assert_walk(SHAPE_POLYGON, numbers, COUNT(numbers), steps, COUNT(steps));
}

static void a_ring_that_is_not_closed_is_refused(void **state)
{
    (void)state;
    const uint32_t open_end[] = {M, D(0, 0), L(2), D(1, 0), D(0, 1)};
    const uint32_t next_ring[] = {M, D(0, 0), L(2), D(1, 0), D(0, 1), M, D(0, 0), L(2), D(1, 0), D(0, 1), C};
    const uint32_t closed_twice[] = {M, D(0, 0), L(2), D(1, 0), D(0, 1), make_command(CLOSE_PATH, 2)};
    const uint32_t closed_and_closed[] = {M, D(0, 0), L(2), D(1, 0), D(0, 1), C, C};

    assert_refused(SHAPE_POLYGON, open_end, COUNT(open_end), "feature 0");
    assert_refused(SHAPE_POLYGON, next_ring, COUNT(next_ring), "4.3.4.4");
    assert_refused(SHAPE_POLYGON, closed_twice, COUNT(closed_twice), "4.3.4.4");
    assert_refused(SHAPE_POLYGON, closed_and_closed, COUNT(closed_and_closed), "4.3.4.4");
}

static void a_ring_of_two_vertices_is_refused(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(0, 0), L(1), D(1, 0), C};

    assert_refused(SHAPE_POLYGON, numbers, COUNT(numbers), "4.3.4.4");
}

/* ---- both ---- */

static void lines_are_no_polygons_and_polygons_no_lines(void **state)
{
    (void)state;
    const uint32_t line[] = {M, D(0, 0), L(2), D(1, 0), D(0, 1)}, ring[] = {M, D(0, 0), L(2), D(1, 0), D(0, 1), C};
    const struct make_feature line_feature = {.shape = SHAPE_LINE, .parts = line, .n_parts = COUNT(line)};
    const struct make_feature ring_feature = {.shape = SHAPE_POLYGON, .parts = ring, .n_parts = COUNT(ring)};
    struct bytes tile = {.size = 0};
    struct open_tile open;
    make_layer(&tile, &(struct make_layer){.name = "sequence", .features = &ring_feature, .n_features = 1});
    make_layer(&tile, &(struct make_layer){.name = "mpy-or", .features = &line_feature, .n_features = 1});
    make_layer(&tile, &(struct make_layer){.name = "image", .features = &line_feature, .n_features = 1});

    static const char *const layers[] = {"sequences", "detections", "images"};
    for (size_t i = 0; i < COUNT(layers); i++) {
        open_tile(&open, bytes_view(&tile), layers[i]);
        assert_status(open.status, MLY_E_CORRUPT, &open.err);
        assert_says(open.err.text, "4.3.4");
        open_tile_close(&open);
    }
    bytes_free(&tile);
}

static void a_line_in_an_odd_form_is_walked_as_in_the_plain_one(void **state)
{
    (void)state;
    struct bytes feature = {.size = 0}, geometry = {.size = 0}, layer = {.size = 0}, tile = {.size = 0};
    struct open_tile open;
    struct mly_mvt_walk walk;
    bytes_long_varint(&geometry, M, 4);
    bytes_long_varint(&geometry, bytes_zigzag32(2), 10);
    bytes_varint(&geometry, bytes_zigzag32(2));
    bytes_put_message(&feature, FEATURE_GEOMETRY, &geometry);
    bytes_put_varint(&feature, FEATURE_GEOMETRY, L(1));
    bytes_put_varint(&feature, FEATURE_GEOMETRY, bytes_zigzag32(-1));
    bytes_put_varint(&feature, FEATURE_GEOMETRY,
                     (UINT64_C(1) << 32) + bytes_zigzag32(5)); /* has 32 bits all the same */
    bytes_put_text(&feature, 77, "unknown");
    bytes_put_text(&layer, LAYER_NAME, "sequence");
    bytes_put_varint(&layer, LAYER_VERSION, 2);
    bytes_put_message(&layer, LAYER_FEATURE, &feature);
    bytes_put_message(&tile, TILE_LAYER, &layer);

    open_tile(&open, bytes_view(&tile), "sequences");
    assert_status(open.status, MLY_OK, &open.err);
    mly_mvt_walk_open(open.mvt, 0, &walk);

    assert_int_equal(mly_mvt_walk_next(&walk), MLY_MVT_FIRST);
    assert_int_equal(mly_mvt_walk_next(&walk), MLY_MVT_NEXT);
    assert_int_equal(walk.x, 1);
    assert_int_equal(walk.y, 7);
    assert_int_equal(mly_mvt_walk_next(&walk), MLY_MVT_END);
    open_tile_close(&open);
    bytes_free(&tile);
}

static void a_row_of_a_text_id_is_found_by_its_hash(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(0, 0), L(1), D(1, 1)};
    const struct make_tag tag = {.key = "id", .value = {.encoding = MAKE_TEXT, .text = "7nfcwfvjdtphz7yj6zat6a"}};
    const struct make_feature features[] = {
        {.shape = SHAPE_LINE, .parts = numbers, .n_parts = COUNT(numbers), .tags = &tag, .n_tags = 1},
        {.shape = SHAPE_LINE, .parts = numbers, .n_parts = COUNT(numbers)},
    };
    struct bytes tile = {.size = 0};
    struct open_tile open;
    make_layer(&tile, &(struct make_layer){.name = "sequence", .features = features, .n_features = 2});

    open_tile(&open, bytes_view(&tile), "sequences");

    assert_true(open_tile_row(&open, 0).id == mly_value_hash(0, "7nfcwfvjdtphz7yj6zat6a", 22));
    assert_true(open_tile_row(&open, 1).id == -1);
    open_tile_close(&open);
    bytes_free(&tile);
}

static void a_tile_tells_where_it_is_and_how_fine(void **state)
{
    (void)state;
    const uint32_t numbers[] = {M, D(0, 0), L(1), D(1, 1)};
    struct open_tile open;
    open_parts(&open, SHAPE_LINE, numbers, COUNT(numbers));

    assert_int_equal(mly_mvt_tile(open.mvt).x, open_tile_place.x);
    assert_int_equal(mly_mvt_tile(open.mvt).y, open_tile_place.y);
    assert_int_equal(mly_mvt_tile(open.mvt).z, open_tile_place.z);
    assert_int_equal(mly_mvt_extent(open.mvt), 4096);
    open_tile_close(&open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_walked_from_end_to_end),
        cmocka_unit_test(every_part_begins_where_the_cursor_is),
        cmocka_unit_test(a_line_may_stand_still),
        cmocka_unit_test(a_buffer_of_the_tile_s_own_size_is_walked),
        cmocka_unit_test(a_vertex_farther_out_is_refused_wherever_it_stands),
        cmocka_unit_test(steps_that_add_up_beyond_32_bits_are_refused),
        cmocka_unit_test(a_line_that_does_not_begin_with_one_move_to_is_refused),
        cmocka_unit_test(a_line_that_does_not_go_on_with_line_to_is_refused),
        cmocka_unit_test(a_line_that_is_closed_is_refused),
        cmocka_unit_test(a_line_cut_anywhere_is_refused),
        cmocka_unit_test(more_vertices_than_numbers_are_refused),
        cmocka_unit_test(a_point_is_no_line_and_no_polygon),
        cmocka_unit_test(a_ring_is_walked_without_its_first_vertex_again),
        cmocka_unit_test(closing_a_ring_does_not_move_the_cursor),
        cmocka_unit_test(a_ring_that_is_not_closed_is_refused),
        cmocka_unit_test(a_ring_of_two_vertices_is_refused),
        cmocka_unit_test(lines_are_no_polygons_and_polygons_no_lines),
        cmocka_unit_test(a_line_in_an_odd_form_is_walked_as_in_the_plain_one),
        cmocka_unit_test(a_row_of_a_text_id_is_found_by_its_hash),
        cmocka_unit_test(a_tile_tells_where_it_is_and_how_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
