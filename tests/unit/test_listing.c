/* SPDX-License-Identifier: MIT */
#include "core/listing.h"

#include <string.h>

#include "support/check_row.h"
#include "support/fail_mem.h"
#include "support/hamlet.h"
#include "support/literals.h"

enum { MAX_ROWS = 32 };

struct listed {
    int64_t id;
    char tileset[64];
    int64_t z, x, y, cached, bytes;
    enum mly_type fetched;
};

struct rig {
    struct fail_mem mem;
    struct mly_area area;
    struct mly_plan plan;
    struct mly_read_options options;
    struct mly_machine *machine;
    struct mly_error err;
    struct mly_arena arena;
    struct listed rows[MAX_ROWS];
    size_t n_rows;
    const char *stored_key; /* of the only answer that the cache has; NULL: none */
    bool is_stale;
};

/* A mly_stored_fn. */
static bool look_up(void *ctx, const char *key, struct mly_stored *out)
{
    const struct rig *rig = ctx;
    *out = (struct mly_stored){.fetched_ms = 1700000000000, .n_bytes = 1234, .is_fresh = !rig->is_stale};
    return rig->stored_key && strcmp(key, rig->stored_key) == 0;
}

/* `n` tiles from home to the east. */
static void set_up(struct rig *rig, uint32_t n, bool computed, const struct mly_expr *filter)
{
    const struct mly_tile last = {.x = hamlet_home.x + n - 1, .y = hamlet_home.y, .z = hamlet_home.z};
    memset(rig, 0, sizeof *rig);
    fail_mem_init(&rig->mem);
    mly_arena_init(&rig->arena, &rig->mem.mem, 1 << 20);
    rig->area = (struct mly_area){.box = {.west = mly_tile_longitude(hamlet_home, 1, 4),
                                          .north = mly_tile_latitude(hamlet_home, 1, 4),
                                          .east = mly_tile_longitude(last, 3, 4),
                                          .south = mly_tile_latitude(last, 3, 4)}};
    const struct mly_query query = {.layer = mly_schema_find("tiles"),
                                    .area = &rig->area,
                                    .filter = filter,
                                    .computed = computed,
                                    .max_tiles = 1, /* which does not apply */
                                    .max_requests = 1};
    assert_status(mly_plan_make(&query, &rig->mem.mem, &rig->plan, &rig->err), MLY_OK, &rig->err);
}

static enum mly_status start(struct rig *rig)
{
    rig->options = (struct mly_read_options){.mem = &rig->mem.mem,
                                             .tile_service = hamlet_tile_service,
                                             .max_in_flight = 1,
                                             .stored = look_up,
                                             .stored_ctx = rig};
    return mly_listing_new(&rig->plan, &rig->options, &rig->machine, &rig->err);
}

static void read_all(struct rig *rig)
{
    struct mly_row row;
    enum mly_status status;
    assert_status(start(rig), MLY_OK, &rig->err);
    while ((status = mly_machine_take(rig->machine, &row, &rig->err)) == MLY_OK) {
        assert_true(rig->n_rows < MAX_ROWS);
        struct listed *listed = &rig->rows[rig->n_rows++];
        (void)check_row(rig->plan.layer, &row);
        *listed = (struct listed){.id = row.id,
                                  .z = row.values[1].as.i,
                                  .x = row.values[2].as.i,
                                  .y = row.values[3].as.i,
                                  .cached = row.values[4].as.i,
                                  .fetched = row.values[5].type,
                                  .bytes = row.values[6].type == MLY_NULL ? -1 : row.values[6].as.i};
        memcpy(listed->tileset, row.values[0].as.text, row.values[0].n_bytes);
        const struct mly_box box = mly_tile_box(row.tile);
        assert_int_equal(row.part_ends[0], 4);
        assert_near(row.points[0].x, box.west, 0);
        assert_near(row.points[2].y, box.north, 0);
    }
    assert_status(status, MLY_DONE, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_machine_free(rig->machine);
    mly_plan_fini(&rig->plan);
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

/* ---- rows ---- */

static void each_tile_is_listed_once_for_each_tileset_in_the_schema_s_order(void **state)
{
    (void)state;
    static const char *const tilesets[] = {"mly1_public", "mly_map_feature_point", "mly_map_feature_traffic_sign"};
    struct rig rig;
    set_up(&rig, 2, false, NULL);

    read_all(&rig);

    assert_int_equal(rig.n_rows, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(rig.rows[i].tileset, tilesets[i % 3]);
        assert_int_equal(rig.rows[i].z, 14);
        assert_int_equal(rig.rows[i].x, hamlet_home.x + i / 3);
        assert_int_equal(rig.rows[i].y, hamlet_home.y);
    }
    tear_down(&rig);
}

static void computed_positions_have_a_tileset_of_their_own(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, true, NULL);

    read_all(&rig);

    assert_int_equal(rig.n_rows, 3);
    assert_string_equal(rig.rows[0].tileset, "mly1_computed_public");
    assert_string_equal(rig.rows[1].tileset, "mly_map_feature_point");
    tear_down(&rig);
}

static void what_the_cache_knows_is_told(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, false, NULL);
    rig.stored_key = "mly_map_feature_point/14/8574/5735";

    read_all(&rig);

    assert_int_equal(rig.rows[0].cached, 0);
    assert_int_equal(rig.rows[0].fetched, MLY_NULL);
    assert_int_equal(rig.rows[0].bytes, -1);
    assert_int_equal(rig.rows[1].cached, 1);
    assert_int_equal(rig.rows[1].fetched, MLY_TIME);
    assert_int_equal(rig.rows[1].bytes, 1234);
    tear_down(&rig);
}

static void what_is_too_old_is_told_and_does_not_count_as_cached(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, false, NULL);
    rig.stored_key = "mly1_public/14/8574/5735";
    rig.is_stale = true;

    read_all(&rig);

    assert_int_equal(rig.rows[0].cached, 0);
    assert_int_equal(rig.rows[0].fetched, MLY_TIME);
    assert_int_equal(rig.rows[0].bytes, 1234);
    tear_down(&rig);
}

static void rows_that_the_filter_refuses_are_left_out(void **state)
{
    (void)state;
    const struct mly_literal x = literal(whole(hamlet_home.x + 1));
    struct rig rig;
    struct mly_arena arena;
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);
    set_up(&rig, 3, false, mly_expr_test(&arena, 2, MLY_OP_EQ, &x, 1));

    read_all(&rig);

    assert_int_equal(rig.n_rows, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(rig.rows[i].x, hamlet_home.x + 1);
    tear_down(&rig);
    mly_arena_fini(&arena);
}

/* ---- ids ---- */

static void an_id_tells_its_tile_and_is_nobody_else_s(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, false, NULL);
    read_all(&rig);
    for (size_t i = 0; i < rig.n_rows; i++) {
        struct mly_tile tile;
        assert_true(mly_listing_tile(rig.rows[i].id, &tile));
        assert_int_equal(tile.x, rig.rows[i].x);
        assert_int_equal(tile.y, rig.rows[i].y);
        assert_int_equal(tile.z, rig.rows[i].z);
        for (size_t k = 0; k < i; k++)
            assert_true(rig.rows[i].id != rig.rows[k].id);
    }
    tear_down(&rig);
}

static void numbers_that_are_no_tile_s_are_refused(void **state)
{
    (void)state;
    static const int64_t strange[] = {
        -1, INT64_MIN, INT64_MAX, INT64_C(15) << 28, /* a zoom that does not exist */
        INT64_C(14) << 28 | (1 << 14)                /* fine: row 1, column 0 */
    };
    struct mly_tile tile;
    for (size_t i = 0; i + 1 < COUNT(strange); i++)
        assert_false(mly_listing_tile(strange[i], &tile));
    assert_true(mly_listing_tile(strange[COUNT(strange) - 1], &tile));
    assert_int_equal(tile.y, 1);
    assert_false(mly_listing_tile(1, &tile));                                    /* column 1 of one */
    assert_false(mly_listing_tile(INT64_C(5) << 28 | 32 << 14, &tile));          /* row 32 of 32 */
    assert_true(mly_listing_tile(INT64_C(5) << 28 | 31 << 14, &tile));           /* the last one */
    assert_false(mly_listing_tile(INT64_C(4) << 33 | INT64_C(14) << 28, &tile)); /* a fifth tileset */
}

/* ---- requests ---- */

static void nothing_is_asked_and_no_answer_is_taken(void **state)
{
    (void)state;
    struct mly_request request;
    struct mly_response response = {.http = 200};
    struct rig rig;
    set_up(&rig, 1, false, NULL);
    assert_status(start(&rig), MLY_OK, &rig.err);

    assert_status(mly_machine_want(rig.machine, &request, &rig.err), MLY_AGAIN, NULL);
    assert_status(mly_machine_feed(rig.machine, &response, &rig.err), MLY_E_ARG, &rig.err);

    tear_down(&rig);
}

static void a_service_with_too_long_an_address_is_an_error(void **state)
{
    (void)state;
    static char address[MLY_LIMIT_URL];
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 1, false, NULL);
    memset(address, 'x', sizeof address - 1);
    assert_status(start(&rig), MLY_OK, &rig.err);
    rig.options.tile_service = address;

    assert_status(mly_machine_take(rig.machine, &row, &rig.err), MLY_E_LIMIT, &rig.err);

    tear_down(&rig);
}

static void without_memory_there_is_no_machine(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, false, NULL);
    rig.mem.first_failure = rig.mem.n_allocs;
    rig.mem.n_failures = 1;

    assert_status(start(&rig), MLY_E_NOMEM, &rig.err);

    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tile_is_listed_once_for_each_tileset_in_the_schema_s_order),
        cmocka_unit_test(computed_positions_have_a_tileset_of_their_own),
        cmocka_unit_test(what_the_cache_knows_is_told),
        cmocka_unit_test(what_is_too_old_is_told_and_does_not_count_as_cached),
        cmocka_unit_test(rows_that_the_filter_refuses_are_left_out),
        cmocka_unit_test(an_id_tells_its_tile_and_is_nobody_else_s),
        cmocka_unit_test(numbers_that_are_no_tile_s_are_refused),
        cmocka_unit_test(nothing_is_asked_and_no_answer_is_taken),
        cmocka_unit_test(a_service_with_too_long_an_address_is_an_error),
        cmocka_unit_test(without_memory_there_is_no_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
