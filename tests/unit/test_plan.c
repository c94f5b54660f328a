/* SPDX-License-Identifier: MIT */
#include "core/plan.h"

#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"

/* Ten by ten tiles at zoom 14: 4.55 to each side of the zero meridian and the equator. */
static const struct mly_area hundred_tiles = {.box = {-0.1, -0.1, 0.1, 0.1}};

static struct mly_query query_of(const char *layer, const struct mly_area *area)
{
    return (struct mly_query){.layer = mly_schema_find(layer), .area = area, .max_tiles = 10000, .max_requests = 10000};
}

static enum mly_status make(const struct mly_query *query, struct mly_plan *out, struct mly_error *err)
{
    err->text[0] = '\0';
    return mly_plan_make(query, mly_mem_system(), out, err);
}

static void a_bounded_query_becomes_tiles(void **state)
{
    (void)state;
    const struct mly_query query = query_of("images", &hundred_tiles);
    struct mly_plan plan;
    struct mly_error err;
    char text[MLY_PLAN_TEXT];

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    mly_plan_print(&plan, -1, text);

    assert_string_equal(text,
                        "images: 100 z14 tiles of mly1_public; pushed nothing; left to OGR: nothing; Graph: none");
    assert_int_equal(plan.cover.n_tiles, 100);
    mly_plan_fini(&plan);
}

static void one_tile_is_one_tile(void **state)
{
    (void)state;
    const struct mly_area place = {.box = {13.377, 52.516, 13.3771, 52.5161}};
    const struct mly_query query = query_of("traffic_signs", &place);
    struct mly_plan plan;
    struct mly_error err;
    char text[MLY_PLAN_TEXT];

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    mly_plan_print(&plan, -1, text);

    assert_string_equal(
        text, "traffic_signs: 1 z14 tile of mly_map_feature_traffic_sign; pushed nothing; left to OGR: nothing; "
              "Graph: none");
    mly_plan_fini(&plan);
}

static void what_nothing_bounds_is_refused_with_advice(void **state)
{
    (void)state;
    static const char *const layers[] = {"images", "sequences", "map_features", "traffic_signs"};
    for (size_t i = 0; i < COUNT(layers); i++) {
        const struct mly_query query = query_of(layers[i], NULL);
        struct mly_plan plan;
        struct mly_error err;

        assert_status(make(&query, &plan, &err), MLY_E_ARG, &err);

        assert_says(err.text, layers[i]);
        assert_says(err.text, "-spat");
        mly_plan_fini(&plan);
    }
}

static void a_coordinate_that_is_no_number_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct mly_area area = hundred_tiles;
        const struct mly_query query = query_of("images", &area);
        struct mly_plan plan;
        struct mly_error err;
        double *const sides[] = {&area.box.west, &area.box.south, &area.box.east, &area.box.north};
        *sides[i] = (double)NAN;

        assert_status(make(&query, &plan, &err), MLY_E_ARG, &err);

        mly_plan_fini(&plan);
    }
}

static void too_many_tiles_are_refused_with_both_numbers_and_advice(void **state)
{
    (void)state;
    struct mly_query query = query_of("images", &hundred_tiles);
    struct mly_plan plan;
    struct mly_error err;
    query.max_tiles = 99;

    assert_status(make(&query, &plan, &err), MLY_E_LIMIT, &err);

    assert_says(err.text, "needs 100 tiles");
    assert_says(err.text, "allows 99");
    assert_says(err.text, "MAX_TILES");
    mly_plan_fini(&plan);
}

static enum mly_touch always_in_doubt(void *ctx, const struct mly_box *box)
{
    (void)ctx;
    (void)box;
    return MLY_PARTLY;
}

static void an_outline_that_is_too_detailed_is_not_counted_in_part(void **state)
{
    (void)state;
    const struct mly_area area = {.box = {-180, -85, 180, 85}, .touch = always_in_doubt};
    const struct mly_query query = query_of("images", &area);
    struct mly_plan plan;
    struct mly_error err;

    assert_status(make(&query, &plan, &err), MLY_E_LIMIT, &err);

    assert_says(err.text, "too detailed");
    assert_lacks(err.text, "needs");
    mly_plan_fini(&plan);
}

static void computed_positions_come_from_the_tileset_that_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *layer, *tileset;
    } expected[] = {
        {"images", "mly1_computed_public"},
        {"sequences", "mly1_computed_public"},
        {"map_features", "mly_map_feature_point"}, /* there is but one */
        {"traffic_signs", "mly_map_feature_traffic_sign"},
    };
    for (size_t i = 0; i < COUNT(expected); i++) {
        struct mly_query query = query_of(expected[i].layer, &hundred_tiles);
        struct mly_plan plan;
        struct mly_error err;
        query.computed = true;

        assert_status(make(&query, &plan, &err), MLY_OK, &err);

        assert_string_equal(plan.tileset, expected[i].tileset);
        mly_plan_fini(&plan);
    }
}

static void another_zoom_takes_other_tiles(void **state)
{
    (void)state;
    struct mly_query query = query_of("sequences", &hundred_tiles);
    struct mly_plan plan;
    struct mly_error err;
    char text[MLY_PLAN_TEXT];
    query.zoom = 6;

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    mly_plan_print(&plan, -1, text);

    assert_string_equal(text,
                        "sequences: 4 z6 tiles of mly1_public; pushed nothing; left to OGR: nothing; Graph: none");
    mly_plan_fini(&plan);
}

static void an_area_without_a_tile_is_a_plan_of_nothing(void **state)
{
    (void)state;
    const struct mly_area nowhere = {.box = {1, 1, -1, -1}};
    const struct mly_query query = query_of("images", &nowhere);
    struct mly_plan plan;
    struct mly_error err;

    assert_status(make(&query, &plan, &err), MLY_OK, &err);

    assert_int_equal(plan.cover.n_tiles, 0);
    mly_plan_fini(&plan);
}

static void an_overview_takes_the_finest_zoom_with_a_handful_of_tiles(void **state)
{
    (void)state;
    static const struct {
        struct mly_area area;
        unsigned zoom;
    } cases[] = {
        {{.box = {13.0, 52.3, 13.8, 52.7}}, 5}, /* a city */
        {{.box = {-180, -90, 180, 90}}, 1},     /* the world: 4 tiles; the next zoom has 16 */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mly_query query = query_of("overview", &cases[i].area);
        struct mly_plan plan;
        struct mly_error err;

        assert_status(make(&query, &plan, &err), MLY_OK, &err);

        assert_int_equal(plan.cover.zoom, cases[i].zoom);
        mly_plan_fini(&plan);
    }
}

static void an_overview_of_nothing_in_particular_is_the_world_in_one_tile(void **state)
{
    (void)state;
    const struct mly_query query = query_of("overview", NULL);
    struct mly_plan plan;
    struct mly_error err;

    assert_status(make(&query, &plan, &err), MLY_OK, &err);

    assert_int_equal(plan.cover.zoom, 0);
    assert_int_equal(plan.cover.n_tiles, 1);
    mly_plan_fini(&plan);
}

static void detections_are_planned_by_their_owners(void **state)
{
    (void)state;
    int64_t owners[] = {7, INT64_C(59042170395811371)};
    struct mly_query query = query_of("detections", NULL);
    struct mly_plan plan;
    struct mly_error err;
    char text[MLY_PLAN_TEXT];
    query.ids = owners;
    query.n_ids = COUNT(owners);

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    owners[0] = 0; /* they were copied */
    mly_plan_print(&plan, -1, text);

    assert_string_equal(text, "detections: Graph lists of 2 images; pushed nothing; left to OGR: nothing");
    assert_true(mly_plan_ids(&plan).values[0].as.i == 7);
    mly_plan_fini(&plan);
}

static void detections_of_nobody_and_of_too_many_are_refused_with_advice(void **state)
{
    (void)state;
    static const int64_t owners[] = {1, 2, 3};
    struct mly_query query = query_of("detections", NULL);
    struct mly_plan plan;
    struct mly_error err;

    assert_status(make(&query, &plan, &err), MLY_E_ARG, &err);
    assert_says(err.text, "image_id");
    mly_plan_fini(&plan);

    query.ids = owners;
    query.n_ids = COUNT(owners);
    query.max_requests = 2;
    assert_status(make(&query, &plan, &err), MLY_E_LIMIT, &err);
    assert_says(err.text, "MAX_REQUESTS");
    mly_plan_fini(&plan);
}

/* ---- where rows come from: SPEC.md 3, row by row ---- */

struct wish {
    const char *layer, *column; /* NULL: the FID */
    struct mly_literal literals[2];
    uint32_t n_literals;
    bool has_area;
    enum mly_source source;
    enum mly_ids_kind kind;
};

#define WHOLE(number)                                                                                                  \
    {                                                                                                                  \
        .value = {.as.i = (number), .type = MLY_INT }                                                                  \
    }
#define WORD(word)                                                                                                     \
    {                                                                                                                  \
        .value = {.as.text = (word), .n_bytes = sizeof(word) - 1, .type = MLY_TEXT }                                   \
    }

static const struct wish wishes[] = {
    {"images", "id", {WHOLE(5), WHOLE(7)}, 2, false, MLY_SOURCE_ENTITIES, MLY_IDS_GIVEN},
    {"images", "id", {WHOLE(5), WHOLE(7)}, 2, true, MLY_SOURCE_ENTITIES, MLY_IDS_GIVEN},
    {"map_features", NULL, {WHOLE(5)}, 1, false, MLY_SOURCE_ENTITIES, MLY_IDS_GIVEN},
    {"traffic_signs", "id", {WHOLE(5)}, 1, false, MLY_SOURCE_ENTITIES, MLY_IDS_GIVEN},
    {"images", NULL, {WHOLE(-1)}, 1, false, MLY_SOURCE_NOWHERE, MLY_IDS_GIVEN}, /* nobody can look that up */
    {"images", NULL, {WHOLE(-1)}, 1, true, MLY_SOURCE_TILES, MLY_IDS_GIVEN},
    {"sequences", "id", {WORD("abc")}, 1, false, MLY_SOURCE_TRACE, MLY_IDS_SEQUENCES},
    {"sequences", "id", {WORD("abc")}, 1, true, MLY_SOURCE_TRACE, MLY_IDS_SEQUENCES},
    {"images", "sequence_id", {WORD("abc"), WORD("def")}, 2, false, MLY_SOURCE_ENTITIES, MLY_IDS_SEQUENCES},
    {"images", "sequence_id", {WORD("abc")}, 1, true, MLY_SOURCE_TILES, MLY_IDS_GIVEN},
    {"images", "creator_username", {WORD("bea")}, 1, false, MLY_SOURCE_ENTITIES, MLY_IDS_CREATORS},
    {"images", "creator_username", {WORD("bea")}, 1, true, MLY_SOURCE_TILES, MLY_IDS_GIVEN},
    {"images", "organization_id", {WHOLE(9)}, 1, false, MLY_SOURCE_ENTITIES, MLY_IDS_ORGANIZATIONS},
    {"images", "organization_id", {WHOLE(9)}, 1, true, MLY_SOURCE_TILES, MLY_IDS_GIVEN},
    {"images", "make", {WORD("Nordlicht")}, 1, false, MLY_SOURCE_NOWHERE, MLY_IDS_GIVEN},
    {"images", "make", {WORD("Nordlicht")}, 1, true, MLY_SOURCE_TILES, MLY_IDS_GIVEN},
    {"map_features", "value", {WORD("object--bench")}, 1, false, MLY_SOURCE_NOWHERE, MLY_IDS_GIVEN},
    {"detections", "image_id", {WHOLE(5)}, 1, false, MLY_SOURCE_OWNERS, MLY_IDS_GIVEN},
    {"detections", "id", {WHOLE(5)}, 1, false, MLY_SOURCE_NOWHERE, MLY_IDS_GIVEN},
    {"overview", "id", {WHOLE(5)}, 1, false, MLY_SOURCE_TILES, MLY_IDS_GIVEN},
    {"tiles", "x", {WHOLE(5)}, 1, true, MLY_SOURCE_LISTING, MLY_IDS_GIVEN},
    {"tiles", "x", {WHOLE(5)}, 1, false, MLY_SOURCE_NOWHERE, MLY_IDS_GIVEN},
};

static const struct mly_expr *test_of(struct mly_arena *arena, const struct wish *wish)
{
    const struct mly_layer *layer = mly_schema_find(wish->layer);
    const int column = wish->column ? mly_schema_column(layer, wish->column) : MLY_EXPR_FID;
    const enum mly_op op = wish->n_literals == 1 ? MLY_OP_EQ : MLY_OP_IN;
    return mly_expr_test(arena, column, op, wish->literals, wish->n_literals);
}

static void what_a_filter_demands_decides_where_rows_come_from(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wishes); i++) {
        const struct wish *wish = &wishes[i];
        struct mly_arena arena;
        struct mly_plan plan;
        struct mly_error err;
        mly_arena_init(&arena, mly_mem_system(), 1 << 20);
        struct mly_query query = query_of(wish->layer, wish->has_area ? &hundred_tiles : NULL);
        query.filter = test_of(&arena, wish);
        query.columns = UINT64_MAX;
        const bool is_refused = wish->source == MLY_SOURCE_NOWHERE;

        assert_int_equal(mly_plan_is_bounded(&query, mly_mem_system()), !is_refused);
        assert_status(make(&query, &plan, &err), is_refused ? MLY_E_ARG : MLY_OK, &err);
        assert_int_equal(plan.source, wish->source);
        const bool names_ids = wish->source == MLY_SOURCE_ENTITIES || wish->source == MLY_SOURCE_TRACE ||
                               wish->source == MLY_SOURCE_OWNERS;
        assert_int_equal(mly_plan_ids(&plan).n_values, names_ids ? wish->n_literals : 0);
        if (names_ids)
            assert_int_equal(plan.ids_kind, wish->kind);
        assert_int_equal(plan.cover.n_tiles > 0,
                         wish->source == MLY_SOURCE_TILES || wish->source == MLY_SOURCE_LISTING);

        mly_plan_fini(&plan);
        mly_arena_fini(&arena);
    }
}

static void without_a_graph_ids_in_an_area_filter_its_tiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wishes); i++) {
        const struct wish *wish = &wishes[i];
        const bool is_by_id = wish->source == MLY_SOURCE_ENTITIES || wish->source == MLY_SOURCE_TRACE;
        struct mly_arena arena;
        struct mly_plan plan;
        struct mly_error err;
        mly_arena_init(&arena, mly_mem_system(), 1 << 20);
        struct mly_query query = query_of(wish->layer, wish->has_area ? &hundred_tiles : NULL);
        query.filter = test_of(&arena, wish);
        query.is_local = true;

        assert_status(make(&query, &plan, &err), wish->source == MLY_SOURCE_NOWHERE ? MLY_E_ARG : MLY_OK, &err);
        assert_int_equal(plan.source, is_by_id && wish->has_area ? MLY_SOURCE_TILES : wish->source);
        assert_int_equal(mly_plan_ids(&plan).n_values > 0,
                         (is_by_id && !wish->has_area) || wish->source == MLY_SOURCE_OWNERS);

        mly_plan_fini(&plan);
        mly_arena_fini(&arena);
    }
}

static void an_area_that_cuts_sequences_is_not_left_for_one_of_them(void **state)
{
    (void)state;
    static const struct {
        enum mly_stitch_mode stitch;
        bool has_area;
        enum mly_source source;
    } cases[] = {
        {MLY_STITCH_WHOLE, true, MLY_SOURCE_TRACE}, {MLY_STITCH_AREA, true, MLY_SOURCE_TILES},
        {MLY_STITCH_NO, true, MLY_SOURCE_TILES},    {MLY_STITCH_AREA, false, MLY_SOURCE_TRACE},
        {MLY_STITCH_NO, false, MLY_SOURCE_TRACE},
    };
    static const struct wish wish = {.layer = "sequences", .column = "id", .literals = {WORD("abc")}, .n_literals = 1};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mly_arena arena;
        struct mly_plan plan;
        struct mly_error err;
        mly_arena_init(&arena, mly_mem_system(), 1 << 20);
        struct mly_query query = query_of(wish.layer, cases[i].has_area ? &hundred_tiles : NULL);
        query.filter = test_of(&arena, &wish);
        query.stitch = cases[i].stitch;

        assert_status(make(&query, &plan, &err), MLY_OK, &err);
        assert_int_equal(plan.source, cases[i].source);

        mly_plan_fini(&plan);
        mly_arena_fini(&arena);
    }
}

static void a_filter_that_nothing_can_pass_asks_for_nothing(void **state)
{
    (void)state;
    struct mly_arena arena;
    struct mly_plan plan;
    struct mly_error err;
    char text[MLY_PLAN_TEXT];
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);
    struct mly_query query = query_of("images", &hundred_tiles);
    query.filter = mly_expr_constant(&arena, false);

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    mly_plan_print(&plan, -1, text);

    assert_int_equal(plan.source, MLY_SOURCE_NOTHING);
    assert_int_equal(plan.cover.n_tiles, 0);
    assert_says(text, "nothing is asked");
    mly_plan_fini(&plan);
    mly_arena_fini(&arena);
}

static void the_graph_is_asked_for_what_somebody_looks_at(void **state)
{
    (void)state;
    const struct mly_layer *images = mly_schema_find("images");
    const uint64_t make_bit = UINT64_C(1) << mly_schema_column(images, "make");
    struct mly_query query = query_of("images", &hundred_tiles);
    struct mly_plan plan;
    struct mly_error err;
    query.columns = make_bit | 1;

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    assert_true(plan.graph_columns == make_bit);
    assert_null(plan.geometry);
    mly_plan_fini(&plan);

    query.is_exact = true;
    query.computed = true;
    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    assert_string_equal(plan.geometry, "computed_geometry");
    mly_plan_fini(&plan);
}

static void a_creator_s_name_in_an_area_is_asked_for_once(void **state)
{
    (void)state;
    struct mly_arena arena;
    struct mly_plan plan;
    struct mly_error err;
    char text[MLY_PLAN_TEXT];
    const struct wish wish = {"images", "creator_username", {WORD("bea"), WORD("dan")}, 2, true, 0, 0};
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);
    const struct mly_expr *test = test_of(&arena, &wish);
    struct mly_query query = query_of("images", &hundred_tiles);
    query.filter = mly_expr_or(&arena, test, mly_expr_and(&arena, test, mly_expr_unknown(&arena, "SUBSTR")));

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    mly_plan_print(&plan, 7, text);

    assert_int_equal(plan.names.size / sizeof(struct mly_value), 2);
    assert_string_equal(text, "images: 100 z14 tiles of mly1_public, 7 cached; pushed creator_username; left to OGR: "
                              "SUBSTR; Graph: creators of 2 names");
    mly_plan_fini(&plan);
    mly_arena_fini(&arena);
}

static void a_large_area_is_scouted_and_a_small_one_is_not(void **state)
{
    (void)state;
    const struct mly_area country = {.box = {8.0, 49.6, 9.2, 50.5}};
    struct mly_query query = query_of("images", &country);
    struct mly_plan plan;
    struct mly_error err;
    query.is_pruned = true;
    query.max_tiles = 100; /* of the scout; what is left of the cover is not known yet */

    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    assert_int_equal(plan.scout.zoom, 10);
    assert_in_range(plan.scout.n_tiles, 9, 36);
    assert_true(plan.cover.n_tiles > 3000);
    mly_plan_fini(&plan);

    query.max_tiles = 5;
    assert_status(make(&query, &plan, &err), MLY_E_LIMIT, &err);
    mly_plan_fini(&plan);

    const struct mly_area place = {.box = {8.54, 50.01, 8.541, 50.011}};
    query.area = &place;
    assert_status(make(&query, &plan, &err), MLY_OK, &err);
    assert_int_equal(plan.scout.n_tiles, 0);
    mly_plan_fini(&plan);

    query = query_of("map_features", &country);
    query.is_pruned = true;
    query.max_tiles = 100;
    assert_status(make(&query, &plan, &err), MLY_E_LIMIT, &err); /* they have no lines */
    mly_plan_fini(&plan);
}

static void the_longest_plan_fits_its_line(void **state)
{
    (void)state;
    struct mly_plan plan = {.layer = mly_schema_find("traffic_signs"),
                            .source = MLY_SOURCE_TILES,
                            .tileset = "mly_map_feature_traffic_sign"};
    char text[MLY_PLAN_TEXT];
    plan.cover.n_tiles = UINT64_MAX;

    mly_plan_print(&plan, -1, text);

    assert_true(strlen(text) < MLY_PLAN_TEXT - 1);
    assert_says(text, "mly_map_feature_traffic_sign");
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    const struct mly_area large = {.box = {-3.01, -3.02, 3.03, 3.04}};
    struct mly_query query = query_of("images", &large);
    enum mly_status status = MLY_E_NOMEM;
    query.max_tiles = UINT64_MAX;
    for (size_t k = 0; status != MLY_OK; k++) {
        struct fail_mem mem;
        struct mly_plan plan;
        struct mly_error err = {.code = MLY_OK};
        fail_mem_init_failing(&mem, k, 1);

        status = mly_plan_make(&query, &mem.mem, &plan, &err);

        assert_status(status, mem.n_failed ? MLY_E_NOMEM : MLY_OK, &err);
        mly_plan_fini(&plan);
        assert_nothing_leaks(&mem);
    }
}

static void a_zeroed_plan_can_be_finished(void **state)
{
    (void)state;
    struct mly_plan plan = {.layer = NULL};

    mly_plan_fini(&plan);

    assert_int_equal(plan.cover.n_tiles, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bounded_query_becomes_tiles),
        cmocka_unit_test(one_tile_is_one_tile),
        cmocka_unit_test(what_nothing_bounds_is_refused_with_advice),
        cmocka_unit_test(a_coordinate_that_is_no_number_is_refused),
        cmocka_unit_test(too_many_tiles_are_refused_with_both_numbers_and_advice),
        cmocka_unit_test(an_outline_that_is_too_detailed_is_not_counted_in_part),
        cmocka_unit_test(computed_positions_come_from_the_tileset_that_has_them),
        cmocka_unit_test(another_zoom_takes_other_tiles),
        cmocka_unit_test(an_area_without_a_tile_is_a_plan_of_nothing),
        cmocka_unit_test(an_overview_takes_the_finest_zoom_with_a_handful_of_tiles),
        cmocka_unit_test(an_overview_of_nothing_in_particular_is_the_world_in_one_tile),
        cmocka_unit_test(detections_are_planned_by_their_owners),
        cmocka_unit_test(detections_of_nobody_and_of_too_many_are_refused_with_advice),
        cmocka_unit_test(what_a_filter_demands_decides_where_rows_come_from),
        cmocka_unit_test(without_a_graph_ids_in_an_area_filter_its_tiles),
        cmocka_unit_test(an_area_that_cuts_sequences_is_not_left_for_one_of_them),
        cmocka_unit_test(a_filter_that_nothing_can_pass_asks_for_nothing),
        cmocka_unit_test(the_graph_is_asked_for_what_somebody_looks_at),
        cmocka_unit_test(a_creator_s_name_in_an_area_is_asked_for_once),
        cmocka_unit_test(a_large_area_is_scouted_and_a_small_one_is_not),
        cmocka_unit_test(the_longest_plan_fits_its_line),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(a_zeroed_plan_can_be_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
