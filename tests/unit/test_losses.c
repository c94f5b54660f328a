/* SPDX-License-Identifier: MIT */
/* What a read goes on without: told, counted, summed up; and a reader that does so. */
#include "core/losses.h"

#include <stdio.h>
#include <string.h>

#include "core/hold.h"
#include "core/reader.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/script_transport.h"
#include "support/street.h"

enum { MAX_ROWS = STREET_MAX * STREET_ROWS, TEXT = 64 << 10 };

/* A reader over a street, what it lost, and what it said. Warnings and debug lines are lines. */
struct rig {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct street street;
    struct mly_losses losses;
    struct mly_progress progress;
    struct mly_read_options options;
    struct mly_reader *reader;
    struct mly_error err;
    int64_t ids[MAX_ROWS];
    size_t n_ids;
    char warnings[TEXT];
    size_t n_warnings, n_debugged, n_steps;
    uint64_t done, total; /* as told last */
};

static void warn(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    const size_t used = strlen(rig->warnings);
    assert_true(used + strlen(text) + 2 < sizeof rig->warnings);
    (void)snprintf(rig->warnings + used, sizeof rig->warnings - used, "%s\n", text);
    rig->n_warnings++;
}

static void debug(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    rig->n_debugged += strstr(text, "skipped (ON_ERROR=SKIP)") != NULL;
}

static void step(void *ctx, uint64_t done, uint64_t total)
{
    struct rig *rig = ctx;
    assert_true(done == rig->done + 1 && done <= total);
    rig->done = done;
    rig->total = total;
    rig->n_steps++;
}

static void set_up(struct rig *rig, size_t n_tiles)
{
    memset(rig, 0, sizeof *rig);
    fail_mem_init(&rig->mem);
    fake_clock_init(&rig->clock, 1000);
    script_init(&rig->script, &rig->mem.mem, &rig->clock);
    street_init(&rig->street, n_tiles);
    rig->progress = (struct mly_progress){.tell = step, .ctx = rig};
    rig->options = (struct mly_read_options){
        .mem = &rig->mem.mem,
        .tile_service = "https://tiles.example.org",
        .max_in_flight = 4,
        .debug = debug,
        .debug_ctx = rig,
        .warn = warn,
        .losses = &rig->losses,
        .progress = &rig->progress,
    };
    rig->losses.layer = "images";
}

static void stop(struct rig *rig)
{
    mly_reader_free(rig->reader);
    rig->reader = NULL;
}

static void tear_down(struct rig *rig)
{
    stop(rig);
    assert_int_equal(rig->script.n_in_flight, 0);
    street_free(&rig->street);
    assert_nothing_leaks(&rig->mem);
}

static void expect(struct rig *rig, size_t i, struct script_answer answer)
{
    answer.key = rig->street.keys[i];
    script_add(&rig->script, answer);
}

static void expect_tile(struct rig *rig, size_t i, uint32_t after_ms)
{
    expect(rig, i, (struct script_answer){.body = street_body(&rig->street, i), .after_ms = after_ms});
}

/* Reads on until something else than a row comes. */
static enum mly_status read_on(struct rig *rig)
{
    struct mly_row row;
    enum mly_status status = MLY_OK;
    if (!rig->reader)
        status = mly_reader_new(&rig->street.plan, &rig->options, &rig->script.base, &rig->reader, &rig->err);
    while (status == MLY_OK && (status = mly_reader_next(rig->reader, &row, &rig->err)) == MLY_OK) {
        assert_true(rig->n_ids < MAX_ROWS);
        rig->ids[rig->n_ids++] = row.id;
    }
    return status;
}

/* The rows are those of all tiles but the lost ones, in order. */
static void assert_rows_without(const struct rig *rig, const bool *is_lost)
{
    size_t n = 0;
    for (size_t tile = 0; tile < rig->street.n_tiles; tile++) {
        for (size_t row = 0; row < STREET_ROWS && !is_lost[tile]; row++, n++)
            assert_true(n < rig->n_ids && rig->ids[n] == street_id(tile, row));
    }
    assert_int_equal(rig->n_ids, n);
}

/* ---- the module ---- */

static enum mly_status bear(struct rig *rig, enum mly_loss what, enum mly_status failure, struct mly_error *err)
{
    struct mly_error why = {.code = MLY_OK};
    mly_fail(&why, failure, "tile 14/1/2: HTTP 500");
    return mly_losses_bear(&rig->options, what, &why, "its rows are missing", err);
}

static void only_what_may_befall_one_request_alone_can_be_borne(void **state)
{
    (void)state;
    static const enum mly_status bearable[] = {MLY_E_LIMIT, MLY_E_CORRUPT, MLY_E_NETWORK, MLY_E_REMOTE, MLY_E_IO};
    static const enum mly_status others[] = {MLY_E_NOMEM, MLY_E_ARG, MLY_E_AUTH, MLY_E_QUOTA, MLY_OK};
    for (size_t i = 0; i < COUNT(bearable); i++)
        assert_true(mly_losses_can_bear(bearable[i]));
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(mly_losses_can_bear(others[i]));
}

static void a_read_that_skips_nothing_gets_the_failure_as_it_is(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0);
    rig.options.losses = NULL;

    assert_status(bear(&rig, MLY_LOSS_TILE, MLY_E_REMOTE, &rig.err), MLY_E_REMOTE, &rig.err);
    assert_status(bear(&rig, MLY_LOSS_TILE, MLY_E_NETWORK, NULL), MLY_E_NETWORK, NULL);

    assert_int_equal(rig.err.code, MLY_E_REMOTE);
    assert_string_equal(rig.err.text, "tile 14/1/2: HTTP 500");
    assert_int_equal(rig.n_warnings, 0);
    mly_losses_sum_up(&rig.options);
    assert_false(mly_losses_are_there(NULL));
    assert_int_equal(rig.n_warnings, 0);
    tear_down(&rig);
}

static void what_cannot_be_borne_is_no_loss(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0);

    assert_status(bear(&rig, MLY_LOSS_TILE, MLY_E_AUTH, &rig.err), MLY_E_AUTH, &rig.err);

    assert_int_equal(rig.err.code, MLY_E_AUTH);
    assert_false(mly_losses_are_there(&rig.losses));
    assert_int_equal(rig.n_warnings, 0);
    tear_down(&rig);
}

static void a_loss_is_told_with_its_reason_and_its_meaning(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0);

    assert_status(bear(&rig, MLY_LOSS_TILE, MLY_E_REMOTE, &rig.err), MLY_OK, &rig.err);

    assert_string_equal(rig.warnings, "images: skipped (ON_ERROR=SKIP): tile 14/1/2: HTTP 500; its rows are missing\n");
    assert_true(mly_losses_are_there(&rig.losses));
    tear_down(&rig);
}

static void the_longest_reason_leaves_room_for_the_meaning(void **state)
{
    (void)state;
    struct mly_error why = {.code = MLY_E_REMOTE};
    struct rig rig;
    set_up(&rig, 0);
    memset(why.text, 'x', sizeof why.text - 1);

    assert_status(mly_losses_bear(&rig.options, MLY_LOSS_TILE, &why, "its rows are missing", NULL), MLY_OK, NULL);

    assert_says(rig.warnings, "xxx; its rows are missing\n");
    tear_down(&rig);
}

static void all_are_summed_up_once(void **state)
{
    (void)state;
    static const struct {
        unsigned n_tiles, n_requests;
        const char *words;
    } cases[] = {
        {1, 0, "skipped were 1 tile and 0 requests to the Graph\n"},
        {0, 1, "skipped were 0 tiles and 1 request to the Graph\n"},
        {2, 3, "skipped were 2 tiles and 3 requests to the Graph\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        set_up(&rig, 0);
        for (unsigned n = 0; n < cases[i].n_tiles; n++)
            assert_status(bear(&rig, MLY_LOSS_TILE, MLY_E_REMOTE, NULL), MLY_OK, NULL);
        for (unsigned n = 0; n < cases[i].n_requests; n++)
            assert_status(bear(&rig, MLY_LOSS_GRAPH, MLY_E_CORRUPT, NULL), MLY_OK, NULL);

        mly_losses_sum_up(&rig.options);
        mly_losses_sum_up(&rig.options);

        assert_int_equal(rig.n_warnings, cases[i].n_tiles + cases[i].n_requests + 1);
        assert_says(rig.warnings, "\nimages: ON_ERROR=SKIP: the result is not complete: ");
        assert_says(rig.warnings, cases[i].words);
        tear_down(&rig);
    }
}

static void what_is_made_good_is_told_and_not_counted(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0);

    assert_status(bear(&rig, MLY_LOSS_MADE_GOOD, MLY_E_REMOTE, NULL), MLY_OK, NULL);
    mly_losses_sum_up(&rig.options);

    assert_int_equal(rig.n_warnings, 1);
    assert_false(mly_losses_are_there(&rig.losses));
    tear_down(&rig);
}

static void beyond_the_ceiling_losses_are_told_to_who_debugs_and_all_are_counted(void **state)
{
    (void)state;
    enum { N = 3 * MLY_LIMIT_TOLD_LOSSES };
    struct rig rig;
    set_up(&rig, 0);

    for (size_t i = 0; i < N; i++)
        assert_status(bear(&rig, MLY_LOSS_TILE, MLY_E_REMOTE, NULL), MLY_OK, NULL);
    mly_losses_sum_up(&rig.options);

    assert_int_equal(rig.n_warnings, MLY_LIMIT_TOLD_LOSSES + 2);
    assert_int_equal(rig.n_debugged, N - MLY_LIMIT_TOLD_LOSSES);
    assert_says(rig.warnings, "what else is skipped is only counted");
    assert_says(rig.warnings, "skipped were 300 tiles");
    tear_down(&rig);
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0);
    rig.options.warn = rig.options.debug = NULL;

    for (size_t i = 0; i < (size_t)2 * MLY_LIMIT_TOLD_LOSSES; i++)
        assert_status(bear(&rig, MLY_LOSS_TILE, MLY_E_REMOTE, NULL), MLY_OK, NULL);
    mly_losses_sum_up(&rig.options);

    assert_int_equal(rig.losses.n_tiles, 2 * MLY_LIMIT_TOLD_LOSSES);
    tear_down(&rig);
}

/* ---- a reader ---- */

/* Answers that are lost for good, each in so many requests. */
static void expect_lost(struct rig *rig, size_t i, size_t kind, uint32_t after_ms)
{
    static const char page[] = "<html>";
    const struct mly_span broken = {.data = (const void *)page, .size = sizeof page - 1};
    const struct script_answer answers[] = {{.http = 500},
                                            {.status = MLY_E_NETWORK, .why = "no route"},
                                            {.status = MLY_E_LIMIT, .why = "larger than that"},
                                            {.body = broken},
                                            {.status = MLY_E_CORRUPT, .why = "broken gzip"}};
    struct script_answer answer = answers[kind % COUNT(answers)];
    answer.after_ms = after_ms;
    expect(rig, i, answer);
    if (kind % COUNT(answers) >= 3)
        expect(rig, i, answer);
}

static void any_tiles_may_be_lost_and_the_order_of_arrival_changes_nothing(void **state)
{
    (void)state;
    enum { N = 5 };
    char first[TEXT] = "";
    for (unsigned set = 0; set < 1u << N; set++) {
        for (uint32_t order = 0; order < 8; order++) {
            bool is_lost[N];
            struct rig rig;
            set_up(&rig, N);
            for (size_t i = 0; i < N; i++) {
                const uint32_t after_ms = (uint32_t)((i * (order + 1) * 7) % 11 * 10);
                is_lost[i] = set >> i & 1;
                if (is_lost[i])
                    expect_lost(&rig, i, i + set, after_ms);
                else
                    expect_tile(&rig, i, after_ms);
            }
            rig.options.max_in_flight = 1 + order % 4;

            assert_status(read_on(&rig), MLY_DONE, &rig.err);

            assert_rows_without(&rig, is_lost);
            assert_int_equal(mly_losses_are_there(&rig.losses), set != 0);
            assert_int_equal(rig.done, N);
            if (order == 0)
                memcpy(first, rig.warnings, sizeof first);
            assert_string_equal(rig.warnings, first);
            assert_script_is_used_up(&rig.script);
            tear_down(&rig);
        }
    }
}

/* ---- nobody there ---- */

static const struct script_answer silence = {.status = MLY_E_NETWORK, .why = "connection refused"};

static void read_in_silence(struct rig *rig, uint32_t max_in_flight, size_t n_silent)
{
    set_up(rig, 40);
    rig->options.max_in_flight = max_in_flight;
    for (size_t i = 2; i < 40; i++) {
        if (i < 2 + n_silent)
            expect(rig, i, silence);
        else
            expect_tile(rig, i, 0);
    }
    expect_tile(rig, 0, 0);
    expect_tile(rig, 1, 0);
}

static void where_nobody_answers_any_more_the_read_ends_soon(void **state)
{
    (void)state;
    static const uint32_t in_flight[] = {1, 4, 10};
    for (size_t i = 0; i < COUNT(in_flight); i++) {
        struct rig rig;
        const uint32_t patience = in_flight[i] < 4 ? 5 : in_flight[i] + 1;
        read_in_silence(&rig, in_flight[i], 38);

        assert_status(read_on(&rig), MLY_E_NETWORK, NULL);

        assert_int_equal(rig.n_ids, 2 * STREET_ROWS); /* what came before it */
        assert_in_range(rig.script.n_log, 2 + patience, 2 + patience + in_flight[i]);
        assert_in_range(rig.n_warnings, 2, 1 + patience); /* each that was lost, and the summary */
        assert_says(rig.warnings, "skipped were ");
        assert_says(rig.err.text, "images: ON_ERROR=SKIP: the last ");
        assert_says(rig.err.text, " requests got no answer, so the read ends here: tile ");
        assert_says(rig.err.text, "connection refused");
        stop(&rig);
        street_free(&rig.street);
        assert_nothing_leaks(&rig.mem);
    }
}

static void a_silence_that_is_over_in_time_costs_its_own_tiles(void **state)
{
    (void)state;
    static const uint32_t in_flight[] = {1, 4, 10};
    for (size_t i = 0; i < COUNT(in_flight); i++) {
        struct rig rig;
        const size_t n_silent = in_flight[i] < 4 ? 4 : in_flight[i];
        read_in_silence(&rig, in_flight[i], n_silent);

        assert_status(read_on(&rig), MLY_DONE, &rig.err);

        assert_int_equal(rig.n_ids, (40 - n_silent) * STREET_ROWS);
        assert_int_equal(rig.n_warnings, n_silent + 1);
        tear_down(&rig);
    }
}

/* Any answer will do, but not one that the cache gives. */
static void only_the_service_breaks_the_silence(void **state)
{
    (void)state;
    for (int is_stored = 0; is_stored < 2; is_stored++) {
        struct rig rig;
        set_up(&rig, 20);
        rig.options.max_in_flight = 1;
        for (size_t i = 0; i < 20; i++) {
            if (i % 4 == 3)
                expect(&rig, i, (struct script_answer){.http = 503, .is_stored = is_stored});
            else
                expect(&rig, i, silence);
        }
        assert_status(read_on(&rig), is_stored ? MLY_E_NETWORK : MLY_DONE, &rig.err);
        assert_int_equal(rig.script.n_log, is_stored ? 6 : 20);
        stop(&rig);
        street_free(&rig.street);
        assert_nothing_leaks(&rig.mem);
    }
}

static void a_tile_that_is_lost_is_not_shared_as_an_empty_one(void **state)
{
    (void)state;
    static const bool is_lost[2] = {true, false};
    struct mly_hold *hold = NULL;
    struct rig rig;
    set_up(&rig, 2);
    const struct mly_hold_options options = {.mem = &rig.mem.mem, .max_bytes = 1 << 20};
    assert_status(mly_hold_new(&options, &hold, &rig.err), MLY_OK, &rig.err);
    rig.options.hold = hold;
    rig.options.hold_scope = "here";
    rig.options.clock = &rig.clock.clock;
    rig.options.hold_max_age_ms = 1000000;
    expect(&rig, 0, (struct script_answer){.http = 500});
    expect_tile(&rig, 1, 0);
    assert_status(read_on(&rig), MLY_DONE, &rig.err);
    assert_rows_without(&rig, is_lost);
    stop(&rig);
    rig.n_ids = rig.done = 0;
    rig.progress.done = rig.progress.total = 0;
    expect_tile(&rig, 0, 0);

    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_rows_without(&rig, (bool[2]){false, false});
    assert_script_is_used_up(&rig.script);
    stop(&rig);
    mly_hold_free(hold);
    tear_down(&rig);
}

static void what_would_befall_every_request_ends_the_read(void **state)
{
    (void)state;
    static const struct {
        struct script_answer answer;
        enum mly_status status;
    } cases[] = {
        {{.http = 302}, MLY_E_QUOTA},
        {{.http = 401}, MLY_E_AUTH},
        {{.http = 429}, MLY_E_QUOTA},
        {{.status = MLY_E_AUTH, .why = "no token"}, MLY_E_AUTH},
        {{.status = MLY_E_NOMEM, .why = "out of memory"}, MLY_E_NOMEM},
        {{.refused = MLY_E_ARG, .why = "no address"}, MLY_E_ARG},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        set_up(&rig, 6);
        rig.options.max_in_flight = 1;
        expect(&rig, 0, (struct script_answer){.http = 500});
        expect(&rig, 1, cases[i].answer);

        assert_status(read_on(&rig), cases[i].status, &rig.err);

        assert_int_equal(rig.losses.n_tiles, 1);
        assert_int_equal(rig.n_warnings, 2); /* summed up before the failure was given */
        assert_says(rig.warnings, "skipped were 1 tile and");
        assert_int_equal(rig.script.n_log, 2);
        tear_down(&rig);
        assert_int_equal(rig.n_warnings, 2);
    }
}

static void a_reader_that_is_left_sums_up(void **state)
{
    (void)state;
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 3);
    expect(&rig, 0, (struct script_answer){.http = 500});
    expect_tile(&rig, 1, 0);
    expect_tile(&rig, 2, 0);
    assert_status(mly_reader_new(&rig.street.plan, &rig.options, &rig.script.base, &rig.reader, &rig.err), MLY_OK,
                  &rig.err);
    assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(rig.n_warnings, 1);

    mly_reader_detach(rig.reader);
    assert_int_equal(rig.n_warnings, 2);
    mly_reader_detach(rig.reader);

    assert_int_equal(rig.n_warnings, 2);
    tear_down(&rig);
    assert_int_equal(rig.n_warnings, 2);
}

static void what_the_service_says_of_a_loss_passes_the_transport_s_mask(void **state)
{
    (void)state;
    static const char words[] = "{\"error\":{\"code\":100,\"message\":\"no s3cret here\"}}";
    struct rig rig;
    set_up(&rig, 1);
    rig.script.secret = "s3cret";
    expect(&rig, 0,
           (struct script_answer){.http = 400, .body = {.data = (const void *)words, .size = sizeof words - 1}});

    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_says(rig.warnings, "no ****** here");
    assert_lacks(rig.warnings, "s3cret");
    tear_down(&rig);
}

static void every_tile_of_the_plan_is_a_step(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 5);
    expect_tile(&rig, 0, 50);
    expect(&rig, 1, (struct script_answer){.http = 404});
    expect(&rig, 2, (struct script_answer){.http = 204});
    expect(&rig, 3, (struct script_answer){.status = MLY_E_CORRUPT, .why = "broken gzip"});
    expect_tile(&rig, 3, 0);
    expect_tile(&rig, 4, 0);

    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_steps, 5);
    assert_int_equal(rig.done, 5);
    assert_int_equal(rig.total, 5);
    tear_down(&rig);
}

static void every_allocation_may_fail_and_none_is_taken_for_a_loss(void **state)
{
    (void)state;
    static const bool is_lost[3] = {false, true, false};
    size_t n_ended = 0;
    for (size_t at = 0; n_ended == 0; at++) {
        struct rig rig;
        set_up(&rig, 3);
        fail_mem_init_failing(&rig.mem, at, 1);
        expect_tile(&rig, 0, 0);
        expect(&rig, 1, (struct script_answer){.http = 500});
        expect_tile(&rig, 2, 0);

        const enum mly_status status = read_on(&rig);

        assert_true(rig.losses.n_tiles <= 1);
        if (status == MLY_DONE)
            assert_rows_without(&rig, is_lost);
        else
            assert_status(status, MLY_E_NOMEM, &rig.err);
        n_ended += rig.mem.n_failed == 0;
        tear_down(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_may_befall_one_request_alone_can_be_borne),
        cmocka_unit_test(a_read_that_skips_nothing_gets_the_failure_as_it_is),
        cmocka_unit_test(what_cannot_be_borne_is_no_loss),
        cmocka_unit_test(a_loss_is_told_with_its_reason_and_its_meaning),
        cmocka_unit_test(the_longest_reason_leaves_room_for_the_meaning),
        cmocka_unit_test(all_are_summed_up_once),
        cmocka_unit_test(what_is_made_good_is_told_and_not_counted),
        cmocka_unit_test(beyond_the_ceiling_losses_are_told_to_who_debugs_and_all_are_counted),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(any_tiles_may_be_lost_and_the_order_of_arrival_changes_nothing),
        cmocka_unit_test(where_nobody_answers_any_more_the_read_ends_soon),
        cmocka_unit_test(a_silence_that_is_over_in_time_costs_its_own_tiles),
        cmocka_unit_test(only_the_service_breaks_the_silence),
        cmocka_unit_test(a_tile_that_is_lost_is_not_shared_as_an_empty_one),
        cmocka_unit_test(what_would_befall_every_request_ends_the_read),
        cmocka_unit_test(a_reader_that_is_left_sums_up),
        cmocka_unit_test(what_the_service_says_of_a_loss_passes_the_transport_s_mask),
        cmocka_unit_test(every_tile_of_the_plan_is_a_step),
        cmocka_unit_test(every_allocation_may_fail_and_none_is_taken_for_a_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
