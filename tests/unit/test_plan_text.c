/* SPDX-License-Identifier: MIT */
#include "core/plan_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/limits.h"
#include "support/chance.h"
#include "support/fail_mem.h"
#include "support/hamlet.h"
#include "support/literals.h"
#include "support/parse_plan.h"

enum { TEXT_ROOM = 4 << 20, N_ROWS = 8, MAX_IDS = 20, MAX_TILES = 20, DEPTH = 4 };

static struct mly_buf write_plan(const struct mly_plan *plan)
{
    struct mly_buf text;
    mly_buf_init(&text, mly_mem_system(), TEXT_ROOM);
    assert_status(mly_plan_text_write(plan, &text), MLY_OK, NULL);
    return text;
}

/* ---- the same plan ---- */

static void assert_same_cover(const struct mly_cover *a, const struct mly_cover *b)
{
    struct mly_cover_cursor at_a = {.node = 0}, at_b = {.node = 0};
    struct mly_tile tile_a = {.z = 0}, tile_b = {.z = 0};
    bool inside_a = false, inside_b = false;
    assert_int_equal(a->zoom, b->zoom);
    assert_true(a->n_tiles == b->n_tiles);
    assert_int_equal(a->nodes.size, b->nodes.size);
    for (uint64_t i = 0; i < a->n_tiles; i++) {
        assert_true(mly_cover_next(a, &at_a, &tile_a, &inside_a) && mly_cover_next(b, &at_b, &tile_b, &inside_b));
        assert_true(tile_a.x == tile_b.x && tile_a.y == tile_b.y && tile_a.z == tile_b.z && inside_a == inside_b);
    }
    assert_false(mly_cover_next(b, &at_b, &tile_b, &inside_b));
}

static void assert_same_values(const struct mly_buf *a, const struct mly_buf *b)
{
    const struct mly_value *x = (const void *)a->data, *y = (const void *)b->data;
    assert_int_equal(a->size, b->size);
    for (size_t i = 0; i < a->size / sizeof *x; i++) {
        assert_int_equal(x[i].type, y[i].type);
        if (x[i].type == MLY_TEXT)
            assert_span(((struct mly_span){.data = (const uint8_t *)x[i].as.text, .size = x[i].n_bytes}), y[i].as.text,
                        y[i].n_bytes);
        else
            assert_true(x[i].as.i == y[i].as.i);
    }
}

static void assert_same_demand(const struct mly_expr *a, const struct mly_expr *b, int column)
{
    struct mly_buf of_a, of_b;
    mly_buf_init(&of_a, mly_mem_system(), 1 << 20);
    mly_buf_init(&of_b, mly_mem_system(), 1 << 20);
    assert_int_equal(mly_expr_demand(a, column, &of_a), mly_expr_demand(b, column, &of_b));
    assert_same_values(&of_a, &of_b);
    mly_buf_fini(&of_a);
    mly_buf_fini(&of_b);
}

static struct mly_value random_value(enum mly_type type, struct chance *chance)
{
    static const char *const texts[] = {"", "x", "X%", "it's", "\\", "Z\xc3\xbcrich", "\x01\xff", "ab_"};
    static const double reals[] = {0, -0.5, 1, 2, 1e300, 0.1, 9007199254740993.0};
    static const int64_t wholes[] = {0, 1, -1, 7, 300, INT64_MAX, INT64_MIN};
    switch (type) {
    case MLY_BOOL:
        return yes_or_no(chance_below(chance, 2));
    case MLY_REAL:
        return real(reals[chance_below(chance, COUNT(reals))]);
    case MLY_TEXT:
        return words(texts[chance_below(chance, COUNT(texts))]);
    case MLY_TIME:
        return moment(1 + (int64_t)(chance_next(chance) % MLY_TIME_MAX));
    case MLY_INT:
        return whole(wholes[chance_below(chance, COUNT(wholes))]);
    default:
        return nothing();
    }
}

/* Trees that look the same to every question that the core asks them. */
static void assert_same_filter(const struct mly_layer *layer, const struct mly_expr *a, const struct mly_expr *b,
                               struct chance *chance)
{
    assert_int_equal(!a, !b);
    if (!a)
        return;
    assert_true(mly_expr_columns(a) == mly_expr_columns(b));
    assert_int_equal(mly_expr_is_never(a), mly_expr_is_never(b));
    assert_int_equal(mly_expr_count(a), mly_expr_count(b));
    for (int column = MLY_EXPR_FID; column < (int)layer->n_columns; column++)
        assert_same_demand(a, b, column);
    for (int i = 0; i < N_ROWS; i++) {
        struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
        const int64_t fid = random_value(MLY_INT, chance).as.i;
        const uint64_t known = chance_next(chance);
        for (uint32_t j = 0; j < layer->n_columns; j++)
            values[j] = chance_below(chance, 4) ? random_value(layer->columns[j].type, chance) : nothing();
        assert_int_equal(mly_expr_eval(a, fid, values, known), mly_expr_eval(b, fid, values, known));
        assert_int_equal(mly_expr_is_exact(a, known), mly_expr_is_exact(b, known));
    }
}

static void assert_same_text(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

static void assert_same_near(const struct mly_plan *a, const struct mly_plan *b)
{
    assert_int_equal(a->has_near, b->has_near);
    if (!a->has_near)
        return;
    assert_true(a->near.place.x == b->near.place.x && a->near.place.y == b->near.place.y);
    assert_true(a->near.min_radius_m == b->near.min_radius_m && a->near.radius_m == b->near.radius_m);
    assert_int_equal(a->near.is_looking, b->near.is_looking);
    assert_true(!a->near.is_looking || a->near.fov_degrees == b->near.fov_degrees);
}

static void assert_same_plan(const struct mly_plan *a, const struct mly_plan *b, struct chance *chance)
{
    assert_ptr_equal(a->layer, b->layer);
    assert_int_equal(a->source, b->source);
    assert_same_text(a->tileset, b->tileset);
    assert_same_text(a->geometry, b->geometry);
    assert_true(a->max_tiles == b->max_tiles && a->max_requests == b->max_requests);
    assert_int_equal(a->stitch, b->stitch);
    assert_int_equal(a->zoom, b->zoom);
    assert_same_cover(&a->cover, &b->cover);
    assert_same_cover(&a->scout, &b->scout);
    assert_true(a->ids.size == 0 || a->ids_kind == b->ids_kind);
    assert_int_equal(a->owner, b->owner);
    assert_same_values(&a->ids, &b->ids);
    assert_same_values(&a->names, &b->names);
    assert_true(a->graph_columns == b->graph_columns);
    assert_int_equal(a->computed, b->computed);
    assert_int_equal(a->is_exact, b->is_exact);
    assert_same_near(a, b);
    assert_same_filter(a->layer, a->filter, b->filter, chance);
}

static void assert_comes_back(const struct mly_plan *plan, struct chance *chance)
{
    struct mly_arena arena;
    struct mly_buf text = write_plan(plan);
    mly_arena_init(&arena, mly_mem_system(), 64 << 20);
    struct mly_plan parsed = parse_plan(mly_buf_view(&text), &arena);
    assert_same_plan(plan, &parsed, chance);
    struct mly_buf again = write_plan(&parsed);
    assert_span(mly_buf_view(&again), text.data, text.size);
    mly_buf_fini(&again);
    mly_buf_fini(&text);
    mly_plan_fini(&parsed);
    mly_arena_fini(&arena);
}

/* ---- plans by chance ---- */

struct question {
    struct mly_query query;
    struct mly_area area;
    struct mly_near near;
    struct mly_tile tiles[MAX_TILES];
    int64_t ids[MAX_IDS];
    struct mly_arena arena; /* of the filter */
    struct mly_plan plan;
};

static struct mly_literal random_literal(enum mly_type type, struct chance *chance)
{
    static const enum mly_type types[] = {MLY_NULL, MLY_BOOL, MLY_INT, MLY_REAL, MLY_TEXT, MLY_TIME};
    const struct mly_value value = random_value(chance_below(chance, 8) ? type : types[chance_below(chance, 6)],
                                                chance);
    if (value.type != MLY_TIME || chance_below(chance, 2))
        return literal(value);
    return interval(value.as.i - (int64_t)chance_below(chance, 1000) * (1 << 20),
                    chance_below(chance, 8) ? value.as.i + (int64_t)chance_below(chance, 90000000)
                                            : (int64_t)chance_next(chance));
}

/* Any, but most of them such as decide where rows come from. */
static int random_column(const struct mly_layer *layer, struct chance *chance)
{
    static const char *const deciding[] = {"id",
                                           "id",
                                           "id",
                                           "sequence_id",
                                           "creator_username",
                                           "organization_id",
                                           "image_id",
                                           "map_feature_id",
                                           "creator_username"};
    if (chance_below(chance, 2))
        return (int)chance_below(chance, layer->n_columns + 1) - 1;
    return mly_schema_column(layer, deciding[chance_below(chance, COUNT(deciding))]);
}

static const struct mly_expr *random_test(struct question *question, struct chance *chance)
{
    static const enum mly_op ops[] = {MLY_OP_EQ, MLY_OP_NE, MLY_OP_LT,   MLY_OP_LE,    MLY_OP_GT,      MLY_OP_EQ,
                                      MLY_OP_GE, MLY_OP_IN, MLY_OP_LIKE, MLY_OP_ILIKE, MLY_OP_IS_NULL, MLY_OP_IN};
    const struct mly_layer *layer = question->query.layer;
    struct mly_literal literals[MAX_IDS];
    const int column = random_column(layer, chance);
    const enum mly_op op = ops[chance_below(chance, COUNT(ops))];
    const enum mly_type type = column < 0 ? MLY_INT : layer->columns[column].type;
    const uint32_t n = op == MLY_OP_IN ? (uint32_t)chance_below(chance, MAX_IDS) : op != MLY_OP_IS_NULL;
    for (uint32_t i = 0; i < n; i++)
        literals[i] = random_literal(type, chance);
    return mly_expr_test(&question->arena, column, op, literals, n);
}

/* NOLINTNEXTLINE(misc-no-recursion): a tree of a given depth */
static const struct mly_expr *random_expr(struct question *question, struct chance *chance, int depth)
{
    static const char *const labels[] = {"SUBSTR", "a field by itself", "it's \\ odd", ""};
    const size_t luck = chance_below(chance, 12);
    if (luck == 0)
        return mly_expr_unknown(&question->arena, labels[chance_below(chance, COUNT(labels))]);
    if (luck == 1)
        return mly_expr_unknown_value(&question->arena, labels[chance_below(chance, COUNT(labels))]);
    if (luck == 2)
        return mly_expr_constant(&question->arena, chance_below(chance, 2));
    if (depth == 0 || luck < 5)
        return random_test(question, chance);
    const struct mly_expr *l = random_expr(question, chance, depth - 1);
    if (luck == 5)
        return mly_expr_not(&question->arena, l);
    const struct mly_expr *r = random_expr(question, chance, depth - 1);
    return luck < 9 ? mly_expr_and(&question->arena, l, r) : mly_expr_or(&question->arena, l, r);
}

static void choose_place(struct question *question, struct chance *chance)
{
    const struct mly_layer *layer = question->query.layer;
    const size_t luck = chance_below(chance, 4);
    const double west = chance_between(chance, -179, 178), south = chance_between(chance, -80, 79);
    if (luck == 0)
        return;
    question->query.area = &question->area;
    if (luck == 1 && layer->shape == MLY_POINT && layer->entity != MLY_ENTITY_NONE) {
        question->near = (struct mly_near){.place = {west, south},
                                           .min_radius_m = chance_between(chance, 0, 100),
                                           .radius_m = chance_between(chance, 100, 9000),
                                           .is_looking = chance_below(chance, 2),
                                           .fov_degrees = chance_between(chance, 0, 360)};
        mly_near_area(&question->near, &question->area);
        question->query.near = &question->near;
        return;
    }
    const double size = chance_below(chance, 4) ? 0.1 : 2;
    question->area.box = (struct mly_box){.west = west,
                                          .south = south,
                                          .east = west + chance_between(chance, 0, size),
                                          .north = south + chance_between(chance, 0, size)};
}

static void choose_rows(struct question *question, struct chance *chance)
{
    struct mly_query *query = &question->query;
    const size_t luck = chance_below(chance, 6);
    if (luck == 0 && query->layer->way != MLY_WAY_OWNERS && query->layer->way != MLY_WAY_PLAN) {
        query->tiles = question->tiles;
        query->n_tiles = 1 + chance_below(chance, MAX_TILES);
        for (size_t i = 0; i < query->n_tiles; i++)
            question->tiles[i] = (struct mly_tile){.x = (uint32_t)chance_below(chance, 16384),
                                                   .y = (uint32_t)chance_below(chance, 16384),
                                                   .z = query->layer->zoom};
    }
    if (luck == 1 && query->layer->columns[0].type == MLY_INT) {
        query->ids = question->ids;
        query->n_ids = 1 + chance_below(chance, MAX_IDS);
        for (size_t i = 0; i < query->n_ids; i++)
            question->ids[i] = (int64_t)(chance_next(chance) >> 1);
    }
}

/* False: it is refused. To be finished in any case. */
static bool ask(struct question *question, struct chance *chance)
{
    struct mly_query *query = &question->query;
    const uint64_t flags = chance_next(chance);
    *question = (struct question){
        .query = {.layer = mly_schema_layer((uint32_t)chance_below(chance, mly_schema_count())),
                  .max_tiles = 1 + chance_below(chance, 20000),
                  .max_requests = 1 + chance_below(chance, 10000),
                  .columns = chance_next(chance),
                  .computed = flags & 1,
                  .is_exact = flags & 2,
                  .is_pruned = flags & 4,
                  .is_local = (flags & 24) == 0,
                  .stitch = (enum mly_stitch_mode)(flags >> 8 & 255) % 3,
                  .owner = flags & 32 ? MLY_OWNER_IMAGE : MLY_OWNER_MAP_FEATURE}};
    mly_arena_init(&question->arena, mly_mem_system(), 16 << 20);
    choose_place(question, chance);
    choose_rows(question, chance);
    if (chance_below(chance, 4))
        query->filter = random_expr(question, chance, DEPTH);
    return mly_plan_make(query, mly_mem_system(), &question->plan, NULL) == MLY_OK;
}

static void forget(struct question *question)
{
    mly_plan_fini(&question->plan);
    mly_arena_fini(&question->arena);
}

static void a_plan_written_and_read_back_is_the_same_plan(void **state)
{
    (void)state;
    struct chance chance = {.state = 1};
    unsigned long n_plans = 0, n_of[MLY_SOURCE_LISTING + 1] = {0}, n_scouted = 0, n_named = 0, n_filtered = 0;
    const unsigned long rounds = chance_rounds(4000);
    for (unsigned long round = 0; round < rounds; round++) {
        struct question question;
        if (ask(&question, &chance)) {
            assert_comes_back(&question.plan, &chance);
            n_plans++;
            n_of[question.plan.source]++;
            n_scouted += question.plan.scout.n_tiles > 0;
            n_named += question.plan.names.size > 0;
            n_filtered += question.plan.filter != NULL;
        }
        forget(&question);
    }
    assert_true(n_plans > rounds / 4 && n_filtered > rounds / 8 && n_scouted > 0 && n_named > 0);
    for (size_t i = 0; i < COUNT(n_of); i++) /* from nowhere come only those that are refused */
        assert_true((n_of[i] > 0) == (i != MLY_SOURCE_NOWHERE));
}

static void every_way_to_rows_comes_back(void **state)
{
    (void)state;
    const struct hamlet_read *read;
    struct chance chance = {.state = 2};
    for (size_t i = 0; (read = hamlet_read(i)) != NULL; i++) {
        struct hamlet_query query;
        struct mly_plan plan;
        hamlet_ask(read, mly_mem_system(), &query);
        assert_status(mly_plan_make(&query.query, mly_mem_system(), &plan, NULL), MLY_OK, NULL);
        assert_comes_back(&plan, &chance);
        mly_plan_fini(&plan);
        hamlet_fini(&query);
    }
}

/* ---- its words ---- */

static void assert_written(const struct mly_plan *plan, const char *expected)
{
    struct mly_buf text = write_plan(plan);
    assert_status(mly_buf_append(&text, "", 1), MLY_OK, NULL);
    assert_string_equal((const char *)text.data, expected);
    mly_buf_fini(&text);
}

static void a_read_of_tiles_in_words(void **state)
{
    (void)state;
    static const struct mly_area area = {.box = {8.54, 50.01, 8.56, 50.03}};
    struct mly_query query = {
        .layer = mly_schema_find("images"), .area = &area, .max_tiles = 10000, .max_requests = 50};
    struct mly_plan plan;
    struct mly_arena arena;
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);
    const int pano = mly_schema_column(query.layer, "is_pano"), at = mly_schema_column(query.layer, "captured_at"),
              by = mly_schema_column(query.layer, "creator_username"),
              key = mly_schema_column(query.layer, "sequence_id");
    const struct mly_literal one = literal(whole(1)), name = literal(words("O'Hara\n")),
                             since = interval(1672531200000, 1672534800500),
                             keys[] = {literal(words("x")), literal(nothing())};
    query.filter = mly_expr_and(&arena,
                                mly_expr_and(&arena, mly_expr_test(&arena, pano, MLY_OP_EQ, &one, 1),
                                             mly_expr_test(&arena, at, MLY_OP_GE, &since, 1)),
                                mly_expr_or(&arena,
                                            mly_expr_not(&arena, mly_expr_test(&arena, by, MLY_OP_EQ, &name, 1)),
                                            mly_expr_or(&arena, mly_expr_test(&arena, key, MLY_OP_IN, keys, 2),
                                                        mly_expr_unknown(&arena, "SUBSTR"))));
    query.columns = UINT64_C(1) << mly_schema_column(query.layer, "make");
    assert_status(mly_plan_make(&query, mly_mem_system(), &plan, NULL), MLY_OK, NULL);

    assert_written(&plan, "layer images\nsource tiles\ntileset mly1_public\nzoom 14\nstitch whole\n"
                          "limits 10000 tiles 50 requests\ncover z14 4 tiles\n"
                          "square 13/4290/2777\nowner image\n"
                          "name 'O''Hara\\x0a'\ngraph make\n"
                          "filter ((is_pano = 1 AND captured_at >= 2023-01-01T00:00:00.000Z TO "
                          "2023-01-01T01:00:00.500Z) AND (NOT creator_username = 'O''Hara\\x0a' OR "
                          "(sequence_id IN ('x', NULL) OR UNKNOWN 'SUBSTR')))\n");
    mly_plan_fini(&plan);
    mly_arena_fini(&arena);
}

static void ids_and_a_place_in_words(void **state)
{
    (void)state;
    static const int64_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9007199254740993};
    const struct mly_near near = {.place = {8.5, 50}, .radius_m = 50, .is_looking = true, .fov_degrees = 100};
    const struct mly_query query = {.layer = mly_schema_find("images"),
                                    .near = &near,
                                    .ids = ids,
                                    .n_ids = COUNT(ids),
                                    .computed = true,
                                    .max_tiles = 1,
                                    .max_requests = 1};
    struct mly_plan plan;
    assert_status(mly_plan_make(&query, mly_mem_system(), &plan, NULL), MLY_OK, NULL);

    assert_written(&plan, "layer images\nsource entities\ntileset mly1_computed_public\nzoom 14\noptions computed\n"
                          "stitch whole\nlimits 1 tiles 1 requests\nnear 8.5 50 from 0 to 50 m\nlooking 100 degrees\n"
                          "ids given\nid 1, 2, 3, 4, 5, 6, 7, 8\nid 9007199254740993\nowner image\n"
                          "graph compass_angle, is_pano\nposition computed_geometry\n");
    mly_plan_fini(&plan);
}

static void a_text_without_room_is_refused(void **state)
{
    (void)state;
    static const struct mly_area area = {.box = {8.54, 50.01, 8.56, 50.03}};
    const struct mly_query query = {
        .layer = mly_schema_find("images"), .area = &area, .max_tiles = 4, .max_requests = 1};
    struct mly_plan plan;
    struct fail_mem mem;
    struct mly_buf text;
    assert_status(mly_plan_make(&query, mly_mem_system(), &plan, NULL), MLY_OK, NULL);

    mly_buf_init(&text, mly_mem_system(), 100);
    assert_int_equal(mly_plan_text_write(&plan, &text), MLY_E_LIMIT);
    assert_true(text.size <= 100);
    mly_buf_fini(&text);
    for (size_t n_failed = 1, k = 0; n_failed > 0; k++) {
        fail_mem_init_failing(&mem, k, 1);
        mly_buf_init(&text, &mem.mem, TEXT_ROOM);
        const enum mly_status status = mly_plan_text_write(&plan, &text);
        assert_int_equal(status, mem.n_failed > 0 ? MLY_E_NOMEM : MLY_OK);
        n_failed = mem.n_failed;
        mly_buf_fini(&text);
        assert_nothing_leaks(&mem);
    }
    mly_plan_fini(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_written_and_read_back_is_the_same_plan),
        cmocka_unit_test(every_way_to_rows_comes_back),
        cmocka_unit_test(a_read_of_tiles_in_words),
        cmocka_unit_test(ids_and_a_place_in_words),
        cmocka_unit_test(a_text_without_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
