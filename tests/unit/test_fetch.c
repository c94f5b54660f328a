/* SPDX-License-Identifier: MIT */
/* Reads that share what was decoded: what is asked of the service a second time, and what comes of it. */
#include "core/fetch.h"

#include <stdio.h>
#include <string.h>

#include "core/reader.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/fake_clock.h"
#include "support/make_tile.h"
#include "support/script_transport.h"
#include "support/street.h"

enum { MAX_ROWS = 4096, ROOMY = 4 << 20, MAX_AGE_MS = 60 * 1000 };

/* Readers of one street, one after another, and what they leave behind. */
struct rig {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct street street;
    struct mly_hold *hold;
    struct mly_read_options options; /* of the next reader */
    struct mly_error err;
    int64_t ids[MAX_ROWS]; /* of the rows of the last reader */
    size_t n_ids;
};

static void set_up_with(struct rig *rig, size_t n_tiles, size_t max_bytes)
{
    *rig = (struct rig){.hold = NULL};
    fail_mem_init(&rig->mem);
    fake_clock_init(&rig->clock, 1000);
    script_init(&rig->script, &rig->mem.mem, &rig->clock);
    street_init(&rig->street, n_tiles);
    const struct mly_hold_options hold = {.mem = &rig->mem.mem, .max_bytes = max_bytes};
    assert_status(mly_hold_new(&hold, &rig->hold, &rig->err), MLY_OK, &rig->err);
    rig->options = (struct mly_read_options){
        .mem = &rig->mem.mem,
        .tile_service = "https://tiles.example.org",
        .max_in_flight = 4,
        .hold = rig->hold,
        .hold_scope = "https://tiles.example.org, kept here",
        .clock = &rig->clock.clock,
        .hold_max_age_ms = MAX_AGE_MS,
    };
}

static void set_up(struct rig *rig, size_t n_tiles)
{
    set_up_with(rig, n_tiles, ROOMY);
}

static void tear_down(struct rig *rig)
{
    assert_script_is_used_up(&rig->script);
    mly_hold_free(rig->hold);
    street_free(&rig->street);
    assert_nothing_leaks(&rig->mem);
}

static void expect_tile(struct rig *rig, size_t i, uint32_t after_ms)
{
    script_add(
        &rig->script,
        (struct script_answer){.key = rig->street.keys[i], .body = street_body(&rig->street, i), .after_ms = after_ms});
}

static void expect_http(struct rig *rig, size_t i, int http)
{
    script_add(&rig->script, (struct script_answer){.key = rig->street.keys[i], .http = http});
}

static void expect_all(struct rig *rig)
{
    for (size_t i = 0; i < rig->street.n_tiles; i++)
        expect_tile(rig, i, (uint32_t)(i % 3));
}

/* One reader's whole life. */
static enum mly_status read_all(struct rig *rig)
{
    struct mly_reader *reader = NULL;
    struct mly_row row;
    rig->n_ids = 0;
    enum mly_status status = mly_reader_new(&rig->street.plan, &rig->options, &rig->script.base, &reader, &rig->err);
    while (status == MLY_OK) {
        status = mly_reader_next(reader, &row, &rig->err);
        if (status != MLY_OK)
            break;
        assert_true(rig->n_ids < MAX_ROWS);
        rig->ids[rig->n_ids++] = row.id;
    }
    mly_reader_free(reader);
    return status;
}

static void assert_all_rows(const struct rig *rig)
{
    assert_int_equal(rig->n_ids, rig->street.n_tiles * STREET_ROWS);
    for (size_t i = 0; i < rig->n_ids; i++)
        assert_true(rig->ids[i] == street_id(i / STREET_ROWS, i % STREET_ROWS));
}

/* Reads, and gives how many requests that took. */
static size_t count_requests(struct rig *rig)
{
    const size_t before = rig->script.n_log;
    assert_status(read_all(rig), MLY_DONE, &rig->err);
    return rig->script.n_log - before;
}

static struct mly_hold_name name_of(const struct rig *rig, size_t i)
{
    return (struct mly_hold_name){.scope = rig->options.hold_scope,
                                  .tileset = rig->street.plan.tileset,
                                  .layer = rig->street.plan.layer,
                                  .tile = rig->street.tiles[i]};
}

static bool is_held(struct rig *rig, size_t i)
{
    const struct mly_hold_name name = name_of(rig, i);
    struct mly_held *held = mly_hold_get(rig->hold, &name, rig->clock.now_ms, UINT64_MAX);
    mly_hold_drop(rig->hold, held);
    return held != NULL;
}

/* Puts tile `i` into the hold, as another reader of the process would. */
static void hold_tile(struct rig *rig, size_t i)
{
    const struct mly_hold_name name = name_of(rig, i);
    const struct mly_span bytes = street_body(&rig->street, i);
    struct mly_hold_tile tile = {.mvt = NULL};
    struct mly_mvt *mvt = NULL;
    mly_buf_init(&tile.body, &rig->mem.mem, MLY_LIMIT_BODY);
    mly_arena_init(&tile.arena, &rig->mem.mem, MLY_LIMIT_TILE_MEMORY);
    assert_status(mly_buf_append(&tile.body, bytes.data, bytes.size), MLY_OK, NULL);
    assert_status(mly_mvt_open(mly_buf_view(&tile.body), name.tile, name.layer, &tile.arena, &mvt, &rig->err), MLY_OK,
                  &rig->err);
    tile.mvt = mvt;
    struct mly_held *held = mly_hold_put(rig->hold, &name, &tile, (int64_t)rig->clock.now_ms);
    assert_non_null(held);
    mly_hold_drop(rig->hold, held);
}

/* ---- again ---- */

static void a_second_read_sends_nothing_and_gives_the_same_rows(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 8, 9, 60}; /* up to many more than are in the ring at once */
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct rig rig;
        set_up(&rig, lengths[i]);
        expect_all(&rig);
        assert_int_equal(count_requests(&rig), lengths[i]);
        assert_all_rows(&rig);

        assert_int_equal(count_requests(&rig), 0);

        assert_all_rows(&rig);
        tear_down(&rig);
    }
}

static void a_read_without_a_hold_asks_for_everything_again(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3);
    expect_all(&rig);
    expect_all(&rig);
    rig.options.hold = NULL;
    rig.options.clock = NULL;

    assert_int_equal(count_requests(&rig), 3);
    assert_int_equal(count_requests(&rig), 3);

    assert_all_rows(&rig);
    assert_int_equal(mly_hold_measure(rig.hold), 0);
    tear_down(&rig);
}

static void tiles_that_are_too_old_are_asked_for_again(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3);
    expect_all(&rig);
    assert_int_equal(count_requests(&rig), 3);
    rig.clock.now_ms += MAX_AGE_MS + 10;
    expect_all(&rig);

    assert_int_equal(count_requests(&rig), 3);

    assert_all_rows(&rig);
    assert_int_equal(count_requests(&rig), 0);
    tear_down(&rig);
}

/* The cache had it for a while; and it counts from when it came, not from when its turn came. */
static void the_age_of_a_tile_counts_from_what_the_service_said(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3);
    for (size_t i = 0; i < 3; i++)
        script_add(&rig.script, (struct script_answer){.key = rig.street.keys[i],
                                                       .body = street_body(&rig.street, i),
                                                       .after_ms = i == 0 ? 50 : 0,
                                                       .age_ms = i == 1   ? MAX_AGE_MS - 60
                                                                 : i == 2 ? UINT32_MAX
                                                                          : 0});
    assert_int_equal(count_requests(&rig), 3);
    expect_tile(&rig, 2, 0);
    assert_int_equal(count_requests(&rig), 1);
    rig.clock.now_ms += 20;
    expect_tile(&rig, 1, 0);

    assert_int_equal(count_requests(&rig), 1);

    assert_all_rows(&rig);
    tear_down(&rig);
}

static void what_others_keep_elsewhere_is_asked_for_anew(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3);
    expect_all(&rig);
    assert_int_equal(count_requests(&rig), 3);
    rig.options.hold_scope = "https://tiles.example.org, kept elsewhere";
    expect_all(&rig);

    assert_int_equal(count_requests(&rig), 3);

    tear_down(&rig);
}

/* ---- some are held ---- */

static void whatever_is_held_and_whatever_comes_first_the_rows_are_the_same(void **state)
{
    (void)state;
    enum { N = 30 };
    struct chance chance = {.state = 5};
    for (unsigned long round = chance_rounds(100); round > 0; round--) {
        struct rig rig;
        size_t n_asked = 0;
        const size_t share = chance_below(&chance, 11);
        set_up(&rig, 1 + chance_below(&chance, N));
        rig.options.max_in_flight = 1 + (uint32_t)chance_below(&chance, 9);
        for (size_t i = 0; i < rig.street.n_tiles; i++) {
            if (chance_below(&chance, 10) < share) {
                hold_tile(&rig, i);
                continue;
            }
            expect_tile(&rig, i, (uint32_t)chance_below(&chance, 100));
            n_asked++;
        }

        assert_int_equal(count_requests(&rig), n_asked);

        assert_all_rows(&rig);
        assert_int_equal(count_requests(&rig), 0);
        assert_all_rows(&rig);
        tear_down(&rig);
    }
}

static void no_more_are_in_flight_than_allowed_whatever_is_held(void **state)
{
    (void)state;
    enum { N = 24 };
    struct rig rig;
    set_up(&rig, N);
    for (size_t i = 0; i < N; i++) {
        if (i % 3 == 0)
            expect_tile(&rig, i, 10);
        else
            hold_tile(&rig, i);
    }

    assert_int_equal(count_requests(&rig), N / 3);

    assert_in_range(rig.script.peak_in_flight, 2, 4);
    assert_all_rows(&rig);
    tear_down(&rig);
}

static void a_tile_stays_with_its_reader_when_another_one_drives_it_out(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_reader *reader = NULL;
    struct mly_row row;
    set_up(&rig, 3);
    expect_all(&rig);
    assert_int_equal(count_requests(&rig), 3);
    assert_status(mly_reader_new(&rig.street.plan, &rig.options, &rig.script.base, &reader, &rig.err), MLY_OK,
                  &rig.err);
    assert_status(mly_reader_next(reader, &row, &rig.err), MLY_OK, &rig.err);

    rig.clock.now_ms += UINT64_C(2) *
                        MAX_AGE_MS; /* another reader finds all of them too old, and newer ones take their place */
    expect_all(&rig);
    assert_int_equal(count_requests(&rig), 3);

    for (size_t i = 1; i < (size_t)3 * STREET_ROWS; i++) {
        assert_status(mly_reader_next(reader, &row, &rig.err), MLY_OK, &rig.err);
        assert_true(row.id == street_id(i / STREET_ROWS, i % STREET_ROWS));
    }
    assert_status(mly_reader_next(reader, &row, &rig.err), MLY_DONE, &rig.err);
    mly_reader_free(reader);
    tear_down(&rig);
}

static void a_reader_that_leaves_early_gives_back_what_it_had_found(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_reader *reader = NULL;
    struct mly_row row;
    set_up(&rig, 20);
    expect_all(&rig);
    assert_int_equal(count_requests(&rig), 20);
    assert_status(mly_reader_new(&rig.street.plan, &rig.options, &rig.script.base, &reader, &rig.err), MLY_OK,
                  &rig.err);
    assert_status(mly_reader_next(reader, &row, &rig.err), MLY_OK, &rig.err);

    mly_reader_free(reader);

    tear_down(&rig); /* a tile that somebody had would leak */
}

/* ---- what is held ---- */

static void what_is_empty_is_remembered_and_what_is_missing_is_not(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 4);
    expect_http(&rig, 0, 204);
    expect_http(&rig, 1, 404);
    expect_http(&rig, 2, 200);
    expect_tile(&rig, 3, 0);
    assert_int_equal(count_requests(&rig), 4);
    expect_http(&rig, 1, 404);

    assert_int_equal(count_requests(&rig), 1);

    assert_int_equal(rig.n_ids, STREET_ROWS);
    assert_true(rig.ids[0] == street_id(3, 0));
    assert_true(is_held(&rig, 0));
    assert_false(is_held(&rig, 1));
    assert_true(is_held(&rig, 2));
    tear_down(&rig);
}

static void a_broken_tile_is_not_remembered(void **state)
{
    (void)state;
    static const char page[] = "<html>";
    const struct mly_span broken = {.data = (const void *)page, .size = sizeof page - 1};
    struct rig rig;
    set_up(&rig, 1);
    script_add(&rig.script, (struct script_answer){.key = rig.street.keys[0], .body = broken});
    script_add(&rig.script, (struct script_answer){.key = rig.street.keys[0], .body = broken});

    assert_status(read_all(&rig), MLY_E_CORRUPT, &rig.err);

    assert_false(is_held(&rig, 0));
    assert_int_equal(mly_hold_measure(rig.hold), 0);
    tear_down(&rig);
}

static void a_tile_that_does_not_decode_at_once_is_remembered_as_it_came_whole(void **state)
{
    (void)state;
    static const char page[] = "<html>";
    struct rig rig;
    set_up(&rig, 2);
    script_add(&rig.script, (struct script_answer){.key = rig.street.keys[0],
                                                   .body = {.data = (const void *)page, .size = sizeof page - 1}});
    expect_tile(&rig, 0, 0);
    expect_tile(&rig, 1, 0);
    assert_int_equal(count_requests(&rig), 3);

    assert_int_equal(count_requests(&rig), 0);

    assert_all_rows(&rig);
    tear_down(&rig);
}

static void a_tile_that_is_too_large_to_remember_is_read_all_the_same(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    struct rig rig;
    set_up_with(&rig, 3, 64 << 10);
    bytes_free(&rig.street.bodies[1]);
    rig.street.bodies[1] = make_images(street_id(1, 0), MANY);
    expect_all(&rig);
    assert_int_equal(count_requests(&rig), 3);
    assert_int_equal(rig.n_ids, 2 * STREET_ROWS + MANY);
    expect_tile(&rig, 1, 0);

    assert_int_equal(count_requests(&rig), 1);

    assert_int_equal(rig.n_ids, 2 * STREET_ROWS + MANY);
    assert_true(rig.ids[STREET_ROWS + MANY - 1] == street_id(1, MANY - 1));
    assert_true(rig.ids[STREET_ROWS + MANY] == street_id(2, 0));
    tear_down(&rig);
}

static void memory_stays_below_the_ceiling_however_many_tiles_are_read(void **state)
{
    (void)state;
    enum { CEILING = 100 << 10, N = 60 };
    struct rig rig;
    set_up_with(&rig, N, CEILING);
    const size_t base_bytes = rig.mem.live_bytes;
    expect_all(&rig);

    assert_int_equal(count_requests(&rig), N);

    assert_all_rows(&rig);
    assert_in_range(rig.mem.live_bytes, base_bytes + CEILING / 2, base_bytes + CEILING);
    tear_down(&rig);
}

static void what_is_held_makes_way_before_a_tile_is_decoded(void **state)
{
    (void)state;
    enum { CEILING = 512 << 10, N = 12, MANY = 1000 };
    struct rig rig;
    set_up_with(&rig, N, CEILING);
    rig.options.is_folder = true; /* one answer at a time */
    const size_t base_bytes = rig.mem.live_bytes;
    size_t largest = 0;
    for (size_t i = 0; i < N; i++) {
        bytes_free(&rig.street.bodies[i]);
        rig.street.bodies[i] = make_images(street_id(i, 0) * MANY, MANY);
        largest = rig.street.bodies[i].size > largest ? rig.street.bodies[i].size : largest;
        expect_tile(&rig, i, 0);
    }
    struct mly_reader *reader = NULL;
    struct mly_row row;
    assert_status(mly_reader_new(&rig.street.plan, &rig.options, &rig.script.base, &reader, &rig.err), MLY_OK,
                  &rig.err);
    while (mly_reader_next(reader, &row, &rig.err) == MLY_OK) {}

    assert_true(mly_hold_measure(rig.hold) > CEILING / 2); /* it is full */
    assert_in_range(rig.mem.peak_bytes, base_bytes + CEILING / 2, base_bytes + CEILING + 3 * largest);
    mly_reader_free(reader);
    tear_down(&rig);
}

static void a_row_that_was_read_is_found_by_its_id(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_arena arena;
    struct mly_row *row = NULL;
    set_up(&rig, 3);
    expect_all(&rig);
    assert_int_equal(count_requests(&rig), 3);
    const struct mly_hold_name name = name_of(&rig, 0);
    mly_arena_init(&arena, &rig.mem.mem, 1 << 20);

    assert_status(mly_hold_find(rig.hold, &name, street_id(2, 1), rig.clock.now_ms, MAX_AGE_MS, &arena, &row, &rig.err),
                  MLY_OK, &rig.err);

    assert_true(row->id == street_id(2, 1));
    assert_int_equal(row->tile.x, rig.street.tiles[2].x);
    mly_arena_fini(&arena);
    tear_down(&rig);
}

/* ---- failing ---- */

static void a_failure_behind_held_tiles_waits_for_its_turn(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 4);
    hold_tile(&rig, 0);
    hold_tile(&rig, 1);
    hold_tile(&rig, 3);
    expect_http(&rig, 2, 410);

    assert_status(read_all(&rig), MLY_E_REMOTE, &rig.err);

    assert_says(rig.err.text, rig.street.keys[2]);
    assert_int_equal(rig.n_ids, 2 * STREET_ROWS);
    tear_down(&rig);
}

/* Two reads, with tiles that are held, empty and missing. The first one's memory fails, but not its transport's. */
static enum mly_status read_twice_with_failure(size_t k, size_t *n_failed, size_t *n_requests)
{
    struct rig rig;
    set_up(&rig, 5);
    hold_tile(&rig, 1);
    expect_tile(&rig, 0, 30);
    expect_http(&rig, 2, 204);
    expect_http(&rig, 3, 404);
    expect_tile(&rig, 4, 1);
    rig.script.mem = mly_mem_system();
    rig.mem.first_failure = rig.mem.n_allocs + k;
    rig.mem.n_failures = 1;

    const enum mly_status status = read_all(&rig);
    *n_failed = rig.mem.n_failed;
    rig.mem.n_failures = 0;
    if (status == MLY_DONE) {
        assert_int_equal(rig.n_ids, 3 * STREET_ROWS);
        for (size_t i = 0; i < 5; i++)
            expect_tile(&rig, i, 0); /* as many of them as are not held */
        *n_requests = count_requests(&rig);
        assert_in_range(rig.n_ids, 3 * STREET_ROWS, 5 * STREET_ROWS);
    }

    mly_hold_free(rig.hold);
    street_free(&rig.street);
    assert_nothing_leaks(&rig.mem);
    return status;
}

static void any_allocation_may_fail_and_only_those_for_remembering_pass_unnoticed(void **state)
{
    (void)state;
    size_t n_failed = 1, n_unnoticed = 0, n_refused = 0, k = 0;
    for (; n_failed > 0; k++) {
        size_t n_requests = 0;
        const enum mly_status status = read_twice_with_failure(k, &n_failed, &n_requests);
        if (status == MLY_DONE && n_failed > 0)
            n_unnoticed++;
        else if (n_failed > 0)
            n_refused++;
        assert_true(status == MLY_DONE || status == MLY_E_NOMEM);
        assert_true(n_failed > 0 || n_requests == 1); /* the missing one */
        assert_in_range(n_requests, 0, 2);            /* and the one that was not remembered */
    }
    assert_true(n_unnoticed >= 3 && n_refused >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_read_sends_nothing_and_gives_the_same_rows),
        cmocka_unit_test(a_read_without_a_hold_asks_for_everything_again),
        cmocka_unit_test(tiles_that_are_too_old_are_asked_for_again),
        cmocka_unit_test(the_age_of_a_tile_counts_from_what_the_service_said),
        cmocka_unit_test(what_others_keep_elsewhere_is_asked_for_anew),
        cmocka_unit_test(whatever_is_held_and_whatever_comes_first_the_rows_are_the_same),
        cmocka_unit_test(no_more_are_in_flight_than_allowed_whatever_is_held),
        cmocka_unit_test(a_tile_stays_with_its_reader_when_another_one_drives_it_out),
        cmocka_unit_test(a_reader_that_leaves_early_gives_back_what_it_had_found),
        cmocka_unit_test(what_is_empty_is_remembered_and_what_is_missing_is_not),
        cmocka_unit_test(a_broken_tile_is_not_remembered),
        cmocka_unit_test(a_tile_that_does_not_decode_at_once_is_remembered_as_it_came_whole),
        cmocka_unit_test(a_tile_that_is_too_large_to_remember_is_read_all_the_same),
        cmocka_unit_test(memory_stays_below_the_ceiling_however_many_tiles_are_read),
        cmocka_unit_test(what_is_held_makes_way_before_a_tile_is_decoded),
        cmocka_unit_test(a_row_that_was_read_is_found_by_its_id),
        cmocka_unit_test(a_failure_behind_held_tiles_waits_for_its_turn),
        cmocka_unit_test(any_allocation_may_fail_and_only_those_for_remembering_pass_unnoticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
