/* SPDX-License-Identifier: MIT */
#include "core/sieve.h"

#include "core/limits.h"
#include "support/chance.h"
#include "support/literals.h"
#include "support/make_tile.h"
#include "support/open_tile.h"

static struct make_tag whole_tag(const char *key, int64_t i)
{
    return (struct make_tag){.key = key, .value = {.encoding = MAKE_INT, .integer = i}};
}

/* An image on each of these ids, with a creator of the same number. */
static struct bytes make_creators(const int64_t *ids, size_t n)
{
    struct bytes tile = {.size = 0};
    struct make_tag tags[8][2];
    struct make_feature features[8];
    assert_true(n <= COUNT(features));
    for (size_t i = 0; i < n; i++) {
        tags[i][0] = whole_tag("id", ids[i]);
        tags[i][1] = whole_tag("creator_id", ids[i]);
        features[i] = (struct make_feature){.x = 1, .y = 1, .tags = tags[i], .n_tags = 2};
    }
    make_layer(&tile, &(struct make_layer){.name = "image", .features = features, .n_features = n});
    return tile;
}

static const struct mly_expr *test_of(struct mly_arena *arena, const char *column, enum mly_op op, int64_t wanted)
{
    const struct mly_literal number = literal(whole(wanted));
    const int index = column ? mly_schema_column(mly_schema_find("images"), column) : MLY_EXPR_FID;
    const struct mly_expr *e = mly_expr_test(arena, index, op, &number, op == MLY_OP_IS_NULL ? 0 : 1);
    assert_non_null(e);
    return e;
}

static struct mly_sieve *open_sieve(struct open_tile *open, const struct mly_expr *e)
{
    struct mly_sieve *sieve = NULL;
    assert_status(mly_sieve_open(e, open->mvt, &open->arena, &sieve, &open->err), MLY_OK, &open->err);
    return sieve;
}

static void without_a_filter_every_row_passes(void **state)
{
    (void)state;
    struct bytes tile = make_images(1, 3);
    struct open_tile open;
    open_tile(&open, bytes_view(&tile), "images");
    struct mly_sieve *sieve = open_sieve(&open, NULL);

    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(mly_sieve_test(sieve, i), MLY_YES);

    open_tile_close(&open);
    bytes_free(&tile);
}

static void a_tile_without_rows_can_be_sieved(void **state)
{
    (void)state;
    struct open_tile open;
    open_tile(&open, (struct mly_span){.data = NULL}, "images");

    assert_non_null(open_sieve(&open, test_of(&open.arena, "creator_id", MLY_OP_EQ, 1)));

    open_tile_close(&open);
}

static void rows_pass_by_their_values_and_their_id(void **state)
{
    (void)state;
    static const int64_t ids[] = {5, 7, 0, 5};
    struct bytes tile = make_creators(ids, COUNT(ids));
    struct open_tile open;
    open_tile(&open, bytes_view(&tile), "images");
    struct mly_sieve *creator = open_sieve(&open, test_of(&open.arena, "creator_id", MLY_OP_GE, 5));
    struct mly_sieve *no_creator = open_sieve(&open, test_of(&open.arena, "creator_id", MLY_OP_EQ, 0));
    struct mly_sieve *id = open_sieve(&open, test_of(&open.arena, NULL, MLY_OP_EQ, 7));
    struct mly_sieve *no_id = open_sieve(&open, test_of(&open.arena, "id", MLY_OP_IS_NULL, 0));
    struct mly_sieve *no_fid = open_sieve(&open, test_of(&open.arena, NULL, MLY_OP_EQ, -1));
    struct mly_sieve *graph = open_sieve(&open, test_of(&open.arena, "width", MLY_OP_EQ, 7));

    for (uint32_t i = 0; i < COUNT(ids); i++) {
        assert_int_equal(mly_sieve_test(creator, i), ids[i] >= 5 ? MLY_YES : MLY_NO);
        assert_int_equal(mly_sieve_test(no_creator, i), ids[i] == 0 ? MLY_YES : MLY_NO);
        assert_int_equal(mly_sieve_test(id, i), ids[i] == 7 ? MLY_YES : MLY_NO);
        assert_int_equal(mly_sieve_test(no_id, i), ids[i] == 0 ? MLY_YES : MLY_NO); /* 0 is no id, but a number */
        assert_int_equal(mly_sieve_test(no_fid, i), ids[i] == 0 ? MLY_MAYBE : MLY_NO);
        assert_int_equal(mly_sieve_test(graph, i), MLY_MAYBE);
    }

    open_tile_close(&open);
    bytes_free(&tile);
}

/* ---- random tiles ---- */

static void put_random_value(struct bytes *values, struct chance *chance)
{
    static const char *const texts[] = {"", "1", "true", "-1", "abc", "ABC", "aBd", "1.5", "2000-01-01T00:00:00Z", "I"};
    static const double reals[] = {0, 1, 1.5, -2, 0x1p53, 1e300};
    static const int64_t wholes[] = {-1, 0, 1, 2, 946684800000, (INT64_C(1) << 53) + 1, INT64_MIN, INT64_MAX};
    struct bytes message = {.size = 0};
    struct make_value value = {
        .encoding = (enum make_encoding)(MAKE_TEXT + chance_below(chance, 7)),
        .text = texts[chance_below(chance, COUNT(texts))],
        .real = reals[chance_below(chance, COUNT(reals))],
        .integer = wholes[chance_below(chance, COUNT(wholes))],
    };
    if (value.encoding == MAKE_BOOL)
        value.integer &= 1;
    make_value(&message, value);
    bytes_put_message(values, LAYER_VALUE, &message);
}

enum { N_VALUES = 24 };

/* A feature whose tags point into a dictionary that all share, over all columns and types. */
static void put_random_feature(struct bytes *layer, const struct mly_layer *schema, struct chance *chance)
{
    const uint32_t point[] = {make_command(MOVE_TO, 1), 2, 2};
    const uint32_t line[] = {make_command(MOVE_TO, 1), 2, 2, make_command(LINE_TO, 1), 2, 2};
    const bool is_line = schema->shape == MLY_LINES;
    uint32_t tags[2 * MLY_SCHEMA_MAX_COLUMNS];
    size_t n = 0;
    struct bytes feature = {.size = 0};
    for (uint32_t i = 0; i < schema->n_tile_columns; i++) {
        if (chance_below(chance, 4) == 0)
            continue;
        tags[n++] = i;
        tags[n++] = (uint32_t)chance_below(chance, N_VALUES);
    }
    bytes_put_packed(&feature, FEATURE_TAGS, tags, n);
    bytes_put_varint(&feature, FEATURE_TYPE, is_line ? SHAPE_LINE : SHAPE_POINT);
    bytes_put_packed(&feature, FEATURE_GEOMETRY, is_line ? line : point, is_line ? COUNT(line) : COUNT(point));
    bytes_put_message(layer, LAYER_FEATURE, &feature);
}

static struct bytes random_tile(const struct mly_layer *schema, struct chance *chance)
{
    struct bytes tile = {.size = 0}, layer = {.size = 0};
    bytes_put_text(&layer, LAYER_NAME, schema->tile_layer);
    bytes_put_varint(&layer, LAYER_VERSION, 2);
    for (uint32_t i = 0; i < schema->n_tile_columns; i++)
        bytes_put_text(&layer, LAYER_KEY, schema->columns[i].name);
    for (int i = 0; i < N_VALUES; i++)
        put_random_value(&layer, chance);
    for (int i = 0; i < 30; i++)
        put_random_feature(&layer, schema, chance);
    bytes_put_message(&tile, TILE_LAYER, &layer);
    return tile;
}

static struct mly_literal random_literal(enum mly_type type, struct chance *chance)
{
    static const char *const texts[] = {"1", "abc", "ABD", "true", "i", "a%", "%b%", "_"};
    static const int64_t wholes[] = {-1, 0, 1, 2, INT64_C(1) << 53, INT64_MAX};
    if (type == MLY_TEXT)
        return literal(words(texts[chance_below(chance, COUNT(texts))]));
    if (type == MLY_TIME)
        return interval(1 + (int64_t)chance_below(chance, 3), 3 + (int64_t)chance_below(chance, 2) * 946684800000);
    if (type == MLY_REAL || chance_below(chance, 4) == 0)
        return literal(real(chance_below(chance, 2) ? 1.5 : 1));
    return literal(whole(wholes[chance_below(chance, COUNT(wholes))]));
}

static const struct mly_expr *random_test(struct mly_arena *arena, const struct mly_layer *schema,
                                          const struct mly_row *row, struct chance *chance)
{
    const int column = (int)chance_below(chance, schema->n_columns + 1) - 1;
    const enum mly_type type = column < 0 ? MLY_INT : schema->columns[column].type;
    const enum mly_op op = (enum mly_op)chance_below(chance, MLY_OP_IS_NULL + 1);
    struct mly_literal literals[4];
    for (size_t i = 0; i < COUNT(literals); i++)
        literals[i] = random_literal(type, chance);
    if (column < 0 && chance_below(chance, 2))
        literals[0] = literal(whole(row->id)); /* hashes are met by no accident */
    const uint32_t n = op == MLY_OP_IN ? (uint32_t)COUNT(literals) : op == MLY_OP_IS_NULL ? 0 : 1;
    return mly_expr_test(arena, column, op, literals, n);
}

// NOLINTNEXTLINE(misc-no-recursion): `depth` bounds it
static const struct mly_expr *random_tree(struct mly_arena *arena, const struct mly_layer *schema,
                                          const struct mly_row *row, struct chance *chance, int depth)
{
    const size_t luck = chance_below(chance, 10);
    if (luck == 0)
        return mly_expr_unknown(arena, "CAST");
    if (depth == 0 || luck < 4)
        return random_test(arena, schema, row, chance);
    const struct mly_expr *l = random_tree(arena, schema, row, chance, depth - 1);
    if (luck < 6)
        return mly_expr_not(arena, l);
    const struct mly_expr *r = random_tree(arena, schema, row, chance, depth - 1);
    return luck < 8 ? mly_expr_and(arena, l, r) : mly_expr_or(arena, l, r);
}

/* Over and over in any order, so that what is kept is used. Counts what was said. */
static void assert_sieve_agrees(struct open_tile *open, const struct mly_expr *e, uint64_t known,
                                struct mly_sieve *sieve, struct chance *chance, unsigned long n_seen[3])
{
    for (int i = 0; i < 60; i++) {
        const uint32_t index = (uint32_t)chance_below(chance, open->n_rows);
        const struct mly_row row = open_tile_row(open, index);
        const enum mly_truth expected = mly_expr_eval(e, row.id, row.values, known);
        assert_int_equal(mly_mvt_id(open->mvt, index), row.id);
        assert_int_equal(mly_sieve_test(sieve, index), expected);
        n_seen[expected]++;
    }
}

static void a_sieve_says_what_the_filter_says_of_the_row(void **state)
{
    (void)state;
    static const char *const names[] = {"images", "sequences", "map_features", "overview"};
    struct chance chance = {.state = 6};
    unsigned long n_seen[3] = {0};
    const unsigned long rounds = chance_rounds(400);
    for (unsigned long round = 0; round < rounds; round++) {
        const struct mly_layer *schema = mly_schema_find(names[round % COUNT(names)]);
        struct bytes tile = random_tile(schema, &chance);
        struct open_tile open;
        open.space = (struct mly_row_space){0};
        open_tile(&open, bytes_view(&tile), schema->name);
        assert_status(open.status, MLY_OK, &open.err);
        for (int i = 0; i < 8; i++) {
            const struct mly_row row = open_tile_row(&open, (uint32_t)chance_below(&chance, open.n_rows));
            const struct mly_expr *e = random_tree(&open.arena, schema, &row, &chance, 3);
            struct mly_sieve *sieve = open_sieve(&open, e);
            const uint64_t known = (UINT64_C(1) << schema->n_tile_columns) - 1;
            assert_sieve_agrees(&open, e, known, sieve, &chance, n_seen);
        }
        open_tile_close(&open);
        bytes_free(&tile);
    }
    assert_true(n_seen[MLY_NO] > rounds && n_seen[MLY_YES] > rounds && n_seen[MLY_MAYBE] > rounds);
}

/* ---- memory ---- */

static void rows_take_no_memory(void **state)
{
    (void)state;
    struct bytes tile = make_images(1, 1000);
    struct open_tile open;
    open_tile(&open, bytes_view(&tile), "images");
    struct mly_sieve *sieve = open_sieve(&open, test_of(&open.arena, "id", MLY_OP_GT, 500));
    const size_t used = open.arena.used, n_allocs = open.mem.n_allocs;

    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(mly_sieve_test(sieve, i), i >= 500 ? MLY_YES : MLY_NO);

    assert_int_equal(open.arena.used, used);
    assert_int_equal(open.mem.n_allocs, n_allocs);
    open_tile_close(&open);
    bytes_free(&tile);
}

/* A tree of 2^n tests, most of which are the same. */
static const struct mly_expr *make_wide(struct mly_arena *arena, int n)
{
    const struct mly_expr *e = test_of(arena, "creator_id", MLY_OP_EQ, 0);
    for (int i = 0; i < n; i++)
        e = mly_expr_or(arena, e, e);
    assert_non_null(e);
    assert_int_equal(mly_expr_count(e), 1 << n);
    return e;
}

static void outcomes_that_would_take_too_much_memory_are_not_kept(void **state)
{
    (void)state;
    enum { N = 1100 };
    struct bytes tile = make_images(1, N);
    struct open_tile open;
    open_tile(&open, bytes_view(&tile), "images");
    const struct mly_expr *few = test_of(&open.arena, "id", MLY_OP_EQ, 7);
    const struct mly_expr *none_of_many = mly_expr_not(&open.arena, make_wide(&open.arena, 16));
    const struct mly_expr *many = mly_expr_and(&open.arena, few, none_of_many);
    assert_true((size_t)N << 16 > MLY_LIMIT_SIEVE_MEMORY);
    const size_t used = open.arena.used;

    struct mly_sieve *sieve = open_sieve(&open, many);

    assert_true(open.arena.used - used < 1024);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(mly_sieve_test(sieve, i), i == 6 ? MLY_MAYBE : MLY_NO); /* no creator: NOT of NULL */
    open_tile_close(&open);
    bytes_free(&tile);
}

static void a_tile_that_fits_is_not_refused_for_its_filter(void **state)
{
    (void)state;
    struct bytes tile = make_images(1, 1000);
    struct open_tile open;
    open_tile(&open, bytes_view(&tile), "images");
    const struct mly_expr *e = test_of(&open.arena, "id", MLY_OP_EQ, 7);
    open.arena.limit = open.arena.used + 500;

    struct mly_sieve *sieve = open_sieve(&open, e);

    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(mly_sieve_test(sieve, i), i == 6 ? MLY_YES : MLY_NO);
    open_tile_close(&open);
    bytes_free(&tile);
}

static void without_memory_there_is_no_sieve(void **state)
{
    (void)state;
    struct bytes tile = make_images(1, 100000);
    struct open_tile open;
    struct mly_sieve *sieve = NULL;
    open_tile(&open, bytes_view(&tile), "images");
    const struct mly_expr *e = make_wide(&open.arena, 7); /* so that the table needs a block of its own */

    open.mem.first_failure = open.mem.n_allocs;
    open.mem.n_failures = 1;
    assert_status(mly_sieve_open(e, open.mvt, &open.arena, &sieve, &open.err), MLY_E_NOMEM, &open.err);
    assert_int_equal(open.mem.n_failed, 1);
    open.arena.limit = open.arena.used;
    assert_status(mly_sieve_open(e, open.mvt, &open.arena, &sieve, &open.err), MLY_E_LIMIT, &open.err);

    assert_null(sieve);
    open_tile_close(&open);
    bytes_free(&tile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_filter_every_row_passes),
        cmocka_unit_test(a_tile_without_rows_can_be_sieved),
        cmocka_unit_test(rows_pass_by_their_values_and_their_id),
        cmocka_unit_test(a_sieve_says_what_the_filter_says_of_the_row),
        cmocka_unit_test(rows_take_no_memory),
        cmocka_unit_test(outcomes_that_would_take_too_much_memory_are_not_kept),
        cmocka_unit_test(a_tile_that_fits_is_not_refused_for_its_filter),
        cmocka_unit_test(without_memory_there_is_no_sieve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
