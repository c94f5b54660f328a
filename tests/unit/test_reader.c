/* SPDX-License-Identifier: MIT */
#include "core/reader.h"

#include <string.h>

#include "core/retry.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/make_tile.h"
#include "support/script_transport.h"
#include "support/street.h"

enum { MAX_ROWS = 8192 };

/* A reader over a street, whose answers come from a script. */
struct rig {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct street street;
    struct mly_reader *reader;
    struct mly_error err;
    int64_t ids[MAX_ROWS]; /* of the rows so far */
    size_t n_ids;
};

static void set_up(struct rig *rig, size_t n_tiles)
{
    fail_mem_init(&rig->mem);
    fake_clock_init(&rig->clock, 1000);
    script_init(&rig->script, &rig->mem.mem, &rig->clock);
    street_init(&rig->street, n_tiles);
    rig->reader = NULL;
    rig->n_ids = 0;
    rig->err = (struct mly_error){.code = MLY_OK};
}

static enum mly_status open_reader(struct rig *rig, struct mly_transport *transport, uint32_t max_in_flight)
{
    const struct mly_read_options options = {
        .mem = &rig->mem.mem, .tile_service = "https://tiles.example.org", .max_in_flight = max_in_flight};
    return mly_reader_new(&rig->street.plan, &options, transport, &rig->reader, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_reader_free(rig->reader);
    assert_int_equal(rig->script.n_in_flight, 0);
    street_free(&rig->street);
    assert_nothing_leaks(&rig->mem);
}

/* Tile `i` is answered with its body, `after_ms` after it is asked for. */
static void expect_tile(struct rig *rig, size_t i, uint32_t after_ms)
{
    script_add(
        &rig->script,
        (struct script_answer){.key = rig->street.keys[i], .body = street_body(&rig->street, i), .after_ms = after_ms});
}

static void expect_http(struct rig *rig, size_t i, int http, uint32_t after_ms)
{
    script_add(&rig->script, (struct script_answer){.key = rig->street.keys[i], .http = http, .after_ms = after_ms});
}

static void expect_broken(struct rig *rig, size_t i, uint32_t after_ms)
{
    static const char page[] = "<html>";
    script_add(&rig->script, (struct script_answer){.key = rig->street.keys[i],
                                                    .body = {.data = (const void *)page, .size = sizeof page - 1},
                                                    .after_ms = after_ms});
}

/* Reads rows until something else comes. */
static enum mly_status read_on(struct rig *rig)
{
    struct mly_row row;
    enum mly_status status;
    while ((status = mly_reader_next(rig->reader, &row, &rig->err)) == MLY_OK) {
        assert_true(rig->n_ids < MAX_ROWS);
        rig->ids[rig->n_ids++] = row.id;
    }
    return status;
}

/* The rows so far are those of tiles 0 to `n` - 1, in order. */
static void assert_rows_of_the_first(const struct rig *rig, size_t n)
{
    assert_int_equal(rig->n_ids, n * STREET_ROWS);
    for (size_t i = 0; i < rig->n_ids; i++)
        assert_true(rig->ids[i] == street_id(i / STREET_ROWS, i % STREET_ROWS));
}

/* ---- any order ---- */

/* The next permutation in lexicographic order; false after the last one. */
static bool permute(uint32_t *order, size_t n)
{
    size_t i = n - 1, j = n - 1;
    while (i > 0 && order[i - 1] >= order[i])
        i--;
    if (i == 0)
        return false;
    while (order[j] <= order[i - 1])
        j--;
    const uint32_t swapped = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swapped;
    for (size_t a = i, b = n - 1; a < b; a++, b--) {
        const uint32_t moved = order[a];
        order[a] = order[b];
        order[b] = moved;
    }
    return true;
}

static void all_orders_of_arrival_give_the_same_rows(void **state)
{
    (void)state;
    enum { N = 5 };
    uint32_t order[N] = {0, 1, 2, 3, 4};
    size_t n_orders = 0;
    do {
        for (uint32_t max = 1; max <= N; max++) {
            struct rig rig;
            set_up(&rig, N);
            for (size_t i = 0; i < N; i++)
                expect_tile(&rig, i, order[i] * 10 + 1);
            assert_status(open_reader(&rig, &rig.script.base, max), MLY_OK, &rig.err);

            assert_status(read_on(&rig), MLY_DONE, &rig.err);

            assert_rows_of_the_first(&rig, N);
            assert_true(rig.script.peak_in_flight <= max);
            tear_down(&rig);
        }
        n_orders++;
    } while (permute(order, N));
    assert_int_equal(n_orders, 120);
}

static void holes_and_second_chances_change_no_order(void **state)
{
    (void)state;
    enum { N = 5 };
    uint32_t order[N] = {0, 1, 2, 3, 4};
    do {
        struct rig rig;
        set_up(&rig, N);
        expect_tile(&rig, 0, order[0] * 10);
        expect_broken(&rig, 1, order[1] * 10);
        expect_tile(&rig, 1, 15);
        expect_tile(&rig, 2, order[2] * 10);
        expect_http(&rig, 3, 404, order[3] * 10);
        expect_http(&rig, 4, 204, order[4] * 10);
        assert_status(open_reader(&rig, &rig.script.base, 4), MLY_OK, &rig.err);

        assert_status(read_on(&rig), MLY_DONE, &rig.err);

        assert_rows_of_the_first(&rig, 3);
        assert_true(rig.script.peak_in_flight <= 4);
        assert_script_is_used_up(&rig.script);
        tear_down(&rig);
    } while (permute(order, N));
}

static void expect_by_chance(struct rig *rig, struct chance *chance)
{
    for (size_t i = 0; i < rig->street.n_tiles; i++) {
        for (size_t failures = chance_below(chance, 3); failures > 0; failures--)
            expect_http(rig, i, 503, (uint32_t)chance_below(chance, 200));
        if (chance_below(chance, 5) == 0)
            expect_broken(rig, i, (uint32_t)chance_below(chance, 200));
        expect_tile(rig, i, (uint32_t)chance_below(chance, 200));
    }
}

static void whatever_goes_wrong_on_the_way_the_rows_are_the_same(void **state)
{
    (void)state;
    for (unsigned long round = chance_rounds(500); round > 0; round--) {
        const struct mly_retry_policy policy = {.max_retries = 3, .first_delay_ms = 50};
        struct chance chance = {.state = round};
        struct mly_transport *retry = NULL;
        struct rig rig;
        const size_t n_tiles = 1 + chance_below(&chance, 20);
        const uint32_t max = 1 + (uint32_t)chance_below(&chance, 8);
        set_up(&rig, n_tiles);
        expect_by_chance(&rig, &chance);
        assert_status(mly_retry_new(&rig.script.base, &policy, &rig.clock.clock, &rig.mem.mem, &retry, NULL), MLY_OK,
                      NULL);
        assert_status(open_reader(&rig, retry, max), MLY_OK, &rig.err);

        assert_status(read_on(&rig), MLY_DONE, &rig.err);

        assert_rows_of_the_first(&rig, n_tiles);
        assert_true(rig.script.peak_in_flight <= max);
        assert_script_is_used_up(&rig.script);
        mly_reader_free(rig.reader);
        rig.reader = NULL;
        mly_transport_free(retry);
        tear_down(&rig);
    }
}

/* ---- asking ---- */

static void nothing_is_sent_before_the_first_row_is_asked_for(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3);

    assert_status(open_reader(&rig, &rig.script.base, 3), MLY_OK, &rig.err);

    assert_int_equal(rig.script.n_log, 0);
    tear_down(&rig);
}

static void a_plan_of_nothing_sends_nothing(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0);
    assert_status(open_reader(&rig, &rig.script.base, 3), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_DONE, &rig.err);
    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_int_equal(rig.script.n_log, 0);
    tear_down(&rig);
}

static void a_consumer_that_stops_asking_stops_the_requests(void **state)
{
    (void)state;
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 20);
    for (size_t i = 0; i < 20; i++)
        expect_tile(&rig, i, 1);
    assert_status(open_reader(&rig, &rig.script.base, 2), MLY_OK, &rig.err);

    assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);

    assert_true(rig.script.n_log <= 4);
    tear_down(&rig);
}

static void the_network_has_its_turns_while_a_large_tile_is_read(void **state)
{
    (void)state;
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 6);
    bytes_free(&rig.street.bodies[0]);
    rig.street.bodies[0] = make_images(1, 3000);
    for (size_t i = 0; i < 6; i++)
        expect_tile(&rig, i, 0);
    assert_status(open_reader(&rig, &rig.script.base, 2), MLY_OK, &rig.err);

    for (int i = 0; i < 2000; i++)
        assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);

    assert_int_equal(rig.script.n_log, 4); /* the window of twice two, of which one is being read */
    assert_true(rig.script.peak_in_flight <= 2);
    tear_down(&rig);
}

static void whoever_reads_much_asks_before_a_tile_is_decoded(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 6);
    for (size_t i = 0; i < 6; i++) {
        bytes_free(&rig.street.bodies[i]);
        rig.street.bodies[i] = make_images((int64_t)(i * MANY + 1), MANY);
        expect_tile(&rig, i, 10);
    }
    assert_status(open_reader(&rig, &rig.script.base, 1), MLY_OK, &rig.err);

    assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(rig.script.n_log, 1); /* a row may be all that is wanted */
    for (int i = 1; i <= MANY; i++)
        assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);

    assert_int_equal(row.id, MANY + 1);
    assert_int_equal(rig.script.n_log, 3); /* the third one went out before the second was opened */
    tear_down(&rig);
}

static void what_would_be_too_much_is_left_with_the_network_until_it_is_needed(void **state)
{
    (void)state;
    enum { N = 12, MANY = 70000 };
    struct mly_row row;
    struct rig rig;
    set_up(&rig, N);
    for (size_t i = 0; i < N; i++) {
        bytes_free(&rig.street.bodies[i]);
        rig.street.bodies[i] = make_images((int64_t)i * MANY + 1, MANY);
        expect_tile(&rig, i, 0);
    }
    const size_t n_bytes = rig.street.bodies[1].size;
    assert_status(open_reader(&rig, &rig.script.base, N), MLY_OK, &rig.err);

    for (int i = 0; i < 2000; i++)
        assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);
    assert_true(rig.script.n_in_flight > 0);
    /* the last answer taken made it so many, and is told, too */
    assert_in_range(rig.script.held_bytes, MLY_LIMIT_ARRIVING_BYTES, MLY_LIMIT_ARRIVING_BYTES + n_bytes);

    for (int64_t i = 2000; i < INT64_C(1) * N * MANY; i++) {
        assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);
        assert_true(row.id == i + 1);
    }
    assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_DONE, &rig.err);
    assert_int_equal(rig.script.held_bytes, 0);
    tear_down(&rig);
}

static void a_large_tile_s_rows_survive_the_network_s_turns(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3);
    for (size_t i = 0; i < 3; i++) {
        bytes_free(&rig.street.bodies[i]);
        rig.street.bodies[i] = make_images((int64_t)(i * 2000 + 1), 2000);
        expect_tile(&rig, i, (uint32_t)(100 - 10 * i));
    }
    assert_status(open_reader(&rig, &rig.script.base, 3), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_ids, 6000);
    for (size_t i = 0; i < rig.n_ids; i++)
        assert_true(rig.ids[i] == (int64_t)(i + 1));
    tear_down(&rig);
}

static void asking_again_while_reading_keeps_within_what_may_be_in_flight(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 8);
    bytes_free(&rig.street.bodies[0]);
    rig.street.bodies[0] = make_images(1, 2000);
    expect_tile(&rig, 0, 20);
    expect_broken(&rig, 1, 10);
    expect_tile(&rig, 1, 10);
    for (size_t i = 2; i < 8; i++)
        expect_tile(&rig, i, 1000);
    assert_status(open_reader(&rig, &rig.script.base, 2), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_ids, 2000 + 7 * STREET_ROWS);
    assert_true(rig.script.peak_in_flight <= 2);
    assert_script_is_used_up(&rig.script);
    tear_down(&rig);
}

/* ---- failing ---- */

static void rows_before_a_failure_come_and_none_after_it(void **state)
{
    (void)state;
    enum { N = 5 };
    uint32_t order[N] = {0, 1, 2, 3, 4};
    do {
        for (size_t bad = 0; bad < N; bad++) {
            struct rig rig;
            set_up(&rig, N);
            for (size_t i = 0; i < N; i++) {
                if (i == bad)
                    expect_http(&rig, i, 500, order[i] * 10);
                else
                    expect_tile(&rig, i, order[i] * 10);
            }
            assert_status(open_reader(&rig, &rig.script.base, N), MLY_OK, &rig.err);

            assert_status(read_on(&rig), MLY_E_REMOTE, &rig.err);

            assert_rows_of_the_first(&rig, bad);
            assert_says(rig.err.text, rig.street.keys[bad]);
            tear_down(&rig);
        }
    } while (permute(order, N));
}

static void a_broken_tile_ends_the_read_before_any_of_its_rows(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3);
    struct bytes *cut = &rig.street.bodies[1];
    cut->size--; /* the last row lacks a byte */
    expect_tile(&rig, 0, 0);
    expect_tile(&rig, 1, 0);
    expect_tile(&rig, 1, 0);
    expect_tile(&rig, 2, 0);
    assert_status(open_reader(&rig, &rig.script.base, 3), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_E_CORRUPT, &rig.err);

    assert_rows_of_the_first(&rig, 1);
    assert_says(rig.err.text, rig.street.keys[1]);
    assert_true(rig.script.log[rig.script.n_log - 1].fresh);
    tear_down(&rig);
}

static void a_refused_caller_ends_the_read_at_once(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 4);
    expect_tile(&rig, 0, 500);
    expect_tile(&rig, 1, 500);
    expect_http(&rig, 2, 302, 1);
    expect_tile(&rig, 3, 500);
    assert_status(open_reader(&rig, &rig.script.base, 4), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_E_QUOTA, &rig.err);

    assert_int_equal(rig.n_ids, 0);
    assert_int_equal(rig.clock.now_ms, 1001); /* nobody waited for the others */
    tear_down(&rig);
}

static void retries_are_counted_in_the_message(void **state)
{
    (void)state;
    const struct mly_retry_policy policy = {.max_retries = 3, .first_delay_ms = 1};
    struct mly_transport *retry = NULL;
    struct rig rig;
    set_up(&rig, 1);
    for (int i = 0; i < 4; i++)
        expect_http(&rig, 0, 503, 0);
    assert_status(mly_retry_new(&rig.script.base, &policy, &rig.clock.clock, &rig.mem.mem, &retry, NULL), MLY_OK, NULL);
    assert_status(open_reader(&rig, retry, 1), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_E_REMOTE, &rig.err);

    assert_says(rig.err.text, "4 attempts");
    assert_says(rig.err.text, "HTTP 503");
    mly_reader_free(rig.reader);
    rig.reader = NULL;
    mly_transport_free(retry);
    tear_down(&rig);
}

static void a_request_that_cannot_be_sent_ends_the_read(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 2);
    script_add(&rig.script,
               (struct script_answer){.key = rig.street.keys[0], .refused = MLY_E_ARG, .why = "no such address"});
    assert_status(open_reader(&rig, &rig.script.base, 2), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_E_ARG, &rig.err);

    assert_says(rig.err.text, "no such address");
    tear_down(&rig);
}

static enum mly_status swallow(struct mly_transport *t, const struct mly_request *request, struct mly_error *err)
{
    (void)t;
    (void)request;
    (void)err;
    return MLY_OK;
}

static enum mly_status owe_nothing(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                                   struct mly_error *err)
{
    (void)t;
    (void)timeout_ms;
    (void)out;
    (void)err;
    return MLY_DONE;
}

static void forget(struct mly_transport *t)
{
    (void)t;
}

static void a_transport_that_loses_requests_does_not_make_it_hang(void **state)
{
    (void)state;
    static const struct mly_transport_vtbl vtbl = {
        .submit = swallow, .poll = owe_nothing, .reset = forget, .destroy = forget};
    struct mly_transport forgetful = {.vtbl = &vtbl};
    struct rig rig;
    set_up(&rig, 2);
    assert_status(open_reader(&rig, &forgetful, 2), MLY_OK, &rig.err);

    assert_status(read_on(&rig), MLY_E_ARG, &rig.err);

    tear_down(&rig);
}

/* ---- leaving ---- */

static void leaving_in_the_middle_resets_the_transport(void **state)
{
    (void)state;
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 8);
    for (size_t i = 0; i < 8; i++)
        expect_tile(&rig, i, (uint32_t)(i * 100));
    assert_status(open_reader(&rig, &rig.script.base, 4), MLY_OK, &rig.err);
    assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);
    assert_true(rig.script.n_in_flight > 0);

    mly_reader_free(rig.reader);
    rig.reader = NULL;

    assert_int_equal(rig.script.n_resets, 1);
    assert_int_equal(rig.script.n_in_flight, 0);
    assert_int_equal(rig.script.n_destroyed, 0); /* it was borrowed */
    tear_down(&rig);
}

static void leaving_before_the_first_row_resets_the_transport(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 2);
    assert_status(open_reader(&rig, &rig.script.base, 4), MLY_OK, &rig.err);

    mly_reader_free(rig.reader);
    rig.reader = NULL;

    assert_int_equal(rig.script.n_resets, 1);
    mly_reader_free(NULL);
    tear_down(&rig);
}

static void a_transport_serves_one_reader_after_another(void **state)
{
    (void)state;
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 3);
    for (size_t i = 0; i < 3; i++)
        expect_tile(&rig, i, 10);
    for (size_t i = 0; i < 3; i++)
        expect_tile(&rig, i, (uint32_t)(30 - 10 * i));
    assert_status(open_reader(&rig, &rig.script.base, 3), MLY_OK, &rig.err);
    assert_status(mly_reader_next(rig.reader, &row, &rig.err), MLY_OK, &rig.err);
    mly_reader_free(rig.reader);

    assert_status(open_reader(&rig, &rig.script.base, 3), MLY_OK, &rig.err);
    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_rows_of_the_first(&rig, 3);
    tear_down(&rig);
}

static void points_are_not_held_after_they_were_given(void **state)
{
    (void)state;
    struct mly_row row;
    struct rig rig;
    set_up(&rig, 1);
    expect_tile(&rig, 0, 0);
    assert_status(open_reader(&rig, &rig.script.base, 1), MLY_OK, &rig.err);
    assert_status(read_on(&rig), MLY_DONE, &rig.err);

    assert_status(mly_reader_find(rig.reader, street_id(0, 0), &row, &rig.err), MLY_DONE, NULL);

    tear_down(&rig);
}

/* ---- memory ---- */

/* A whole read, with a hole and a broken answer among its answers. */
static enum mly_status read_with_failure(size_t k, size_t n_failures, size_t *n_failed)
{
    struct rig rig;
    set_up(&rig, 5);
    expect_tile(&rig, 0, 30);
    expect_broken(&rig, 1, 10);
    expect_tile(&rig, 1, 10);
    expect_tile(&rig, 2, 20);
    expect_http(&rig, 3, 404, 5);
    expect_tile(&rig, 4, 1);
    rig.mem.first_failure = k;
    rig.mem.n_failures = n_failures;

    enum mly_status status = open_reader(&rig, &rig.script.base, 3);
    if (status == MLY_OK)
        status = read_on(&rig);

    *n_failed = rig.mem.n_failed;
    if (status < 0)
        assert_int_equal(rig.err.code, status);
    if (status == MLY_DONE)
        assert_int_equal(rig.n_ids, 4 * STREET_ROWS);
    for (size_t i = 0; i < rig.n_ids; i++) /* whatever came before the failure is right */
        assert_true(rig.ids[i] == street_id(i / STREET_ROWS + (i >= (size_t)3 * STREET_ROWS), i % STREET_ROWS));
    tear_down(&rig);
    return status;
}

static void any_allocation_of_a_whole_read_may_fail(void **state)
{
    (void)state;
    size_t n_failed = 1, k = 0;
    for (; n_failed > 0; k++) {
        const enum mly_status status = read_with_failure(k, 1, &n_failed);
        assert_status(status, n_failed ? MLY_E_NOMEM : MLY_DONE, NULL);
    }
    assert_true(k > 10);
}

static void all_allocations_from_any_on_may_fail(void **state)
{
    (void)state;
    size_t n_failed = 1;
    for (size_t k = 0; n_failed > 0; k++) {
        const enum mly_status status = read_with_failure(k, SIZE_MAX, &n_failed);
        assert_status(status, n_failed ? MLY_E_NOMEM : MLY_DONE, NULL);
    }
}

static void memory_does_not_grow_with_the_number_of_tiles(void **state)
{
    (void)state;
    static const size_t lengths[] = {20, 60}; /* the window has been full in both */
    size_t peaks[COUNT(lengths)];
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct rig rig;
        set_up(&rig, lengths[i]);
        for (size_t tile = 0; tile < lengths[i]; tile++)
            expect_tile(&rig, tile, (uint32_t)(tile % 7));
        assert_status(open_reader(&rig, &rig.script.base, 4), MLY_OK, &rig.err);

        assert_status(read_on(&rig), MLY_DONE, &rig.err);

        peaks[i] = rig.mem.peak_bytes;
        assert_rows_of_the_first(&rig, lengths[i]);
        tear_down(&rig);
    }
    assert_int_equal(peaks[0], peaks[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_orders_of_arrival_give_the_same_rows),
        cmocka_unit_test(holes_and_second_chances_change_no_order),
        cmocka_unit_test(whatever_goes_wrong_on_the_way_the_rows_are_the_same),
        cmocka_unit_test(nothing_is_sent_before_the_first_row_is_asked_for),
        cmocka_unit_test(a_plan_of_nothing_sends_nothing),
        cmocka_unit_test(a_consumer_that_stops_asking_stops_the_requests),
        cmocka_unit_test(the_network_has_its_turns_while_a_large_tile_is_read),
        cmocka_unit_test(whoever_reads_much_asks_before_a_tile_is_decoded),
        cmocka_unit_test(what_would_be_too_much_is_left_with_the_network_until_it_is_needed),
        cmocka_unit_test(a_large_tile_s_rows_survive_the_network_s_turns),
        cmocka_unit_test(asking_again_while_reading_keeps_within_what_may_be_in_flight),
        cmocka_unit_test(rows_before_a_failure_come_and_none_after_it),
        cmocka_unit_test(a_broken_tile_ends_the_read_before_any_of_its_rows),
        cmocka_unit_test(a_refused_caller_ends_the_read_at_once),
        cmocka_unit_test(retries_are_counted_in_the_message),
        cmocka_unit_test(a_request_that_cannot_be_sent_ends_the_read),
        cmocka_unit_test(a_transport_that_loses_requests_does_not_make_it_hang),
        cmocka_unit_test(leaving_in_the_middle_resets_the_transport),
        cmocka_unit_test(leaving_before_the_first_row_resets_the_transport),
        cmocka_unit_test(a_transport_serves_one_reader_after_another),
        cmocka_unit_test(points_are_not_held_after_they_were_given),
        cmocka_unit_test(any_allocation_of_a_whole_read_may_fail),
        cmocka_unit_test(all_allocations_from_any_on_may_fail),
        cmocka_unit_test(memory_does_not_grow_with_the_number_of_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
