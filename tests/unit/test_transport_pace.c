/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "core/retry.h"
#include "core/verdict.h"
#include "io/transports.h"
#include "support/fail_mem.h"
#include "support/script_transport.h"

enum { START_MS = 1000000 };
static const char page[] = "<h1>Not logged in</h1>", message[] = " \n{\"data\":[]}", tile[] = "\x1a\x02\x0a\x00";

/* A pace around a script, with a bucket of the process's own, all on one clock. */
struct rig {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_pace *bucket; /* NULL: none */
    struct mly_transport_pace_options options;
    struct mly_transport *pace;
    size_t n_lines;
    char line[256];
};

static int64_t bucket_now_ms(void *ctx)
{
    const struct fake_clock *clock = ctx;
    return (int64_t)clock->now_ms;
}

static void listen(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    rig->n_lines++;
    (void)snprintf(rig->line, sizeof rig->line, "%s", text);
}

static void begin(struct rig *rig, struct mly_pace_limit limit)
{
    *rig = (struct rig){.n_lines = 0};
    fail_mem_init(&rig->mem);
    fake_clock_init(&rig->clock, START_MS);
    script_init(&rig->script, &rig->mem.mem, &rig->clock);
    if (limit.burst > 0) {
        const struct mly_pace_options options = {.mem = &rig->mem.mem, .now_ms = bucket_now_ms, .now_ctx = &rig->clock};
        assert_status(mly_pace_open(&options, &rig->bucket, NULL), MLY_OK, NULL);
    }
    rig->options = (struct mly_transport_pace_options){.bucket = rig->bucket,
                                                       .limit = limit,
                                                       .clock = &rig->clock.clock,
                                                       .mem = &rig->mem.mem,
                                                       .debug = listen,
                                                       .debug_ctx = rig};
}

static void set_up(struct rig *rig, struct mly_pace_limit limit)
{
    begin(rig, limit);
    assert_status(mly_transport_pace(&rig->script.base, &rig->options, &rig->pace, NULL), MLY_OK, NULL);
}

static void set_up_without_bucket(struct rig *rig)
{
    set_up(rig, (struct mly_pace_limit){.burst = 0});
}

static void tear_down(struct rig *rig)
{
    mly_transport_free(rig->pace);
    mly_pace_close(rig->bucket);
    assert_int_equal(rig->script.n_destroyed, 1);
    assert_nothing_leaks(&rig->mem);
}

static enum mly_status try_send(struct rig *rig, enum mly_request_kind kind, const char *key, uint64_t ticket)
{
    struct mly_request request = {.ticket = ticket, .kind = kind, .max_bytes = 1000};
    (void)snprintf(request.key, sizeof request.key, "%s", key);
    return rig->pace->vtbl->submit(rig->pace, &request, NULL);
}

/* Requests with answers at once, whose keys are their tickets. */
static void send_as(struct rig *rig, enum mly_request_kind kind, uint64_t first, uint64_t n)
{
    static const char keys[][3] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"};
    for (uint64_t ticket = first; ticket < first + n; ticket++) {
        assert_true(ticket < COUNT(keys));
        script_add(&rig->script, (struct script_answer){.key = keys[ticket]});
        assert_status(try_send(rig, kind, keys[ticket], ticket), MLY_OK, NULL);
    }
}

static void send_tiles(struct rig *rig, uint64_t first, uint64_t n)
{
    send_as(rig, MLY_REQUEST_TILE, first, n);
}

static enum mly_status poll(struct rig *rig, uint32_t timeout_ms, struct mly_response *out)
{
    return rig->pace->vtbl->poll(rig->pace, timeout_ms, out, NULL);
}

static struct mly_response wait_for_answer(struct rig *rig)
{
    struct mly_response response;
    enum mly_status status;
    do
        status = poll(rig, 1000, &response);
    while (status == MLY_AGAIN);
    assert_status(status, MLY_OK, NULL);
    return response;
}

/* How many answers come before nothing is owed. */
static size_t drain(struct rig *rig)
{
    struct mly_response response;
    size_t n = 0;
    for (;;) {
        const enum mly_status status = poll(rig, 1000, &response);
        if (status == MLY_DONE)
            return n;
        if (status == MLY_AGAIN)
            continue;
        assert_status(status, MLY_OK, NULL);
        mly_transport_fini_response(&response);
        n++;
    }
}

/* When request `i` was sent, since the beginning. */
static uint64_t sent_at(const struct rig *rig, size_t i)
{
    assert_true(i < rig->script.n_log);
    return rig->script.log[i].at_ms - START_MS;
}

/* ---- the bucket ---- */

static void without_a_bucket_all_goes_at_once(void **state)
{
    (void)state;
    struct rig rig;
    set_up_without_bucket(&rig);
    send_tiles(&rig, 0, 12);
    assert_int_equal(rig.script.n_log, 12);
    assert_int_equal(drain(&rig), 12);
    assert_int_equal(rig.clock.now_ms, START_MS);
    assert_int_equal(rig.n_lines, 0);
    tear_down(&rig);
}

static void after_the_burst_tiles_go_one_by_one_in_their_order(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 5000, .burst = 3});
    send_tiles(&rig, 0, 8);
    assert_int_equal(rig.script.n_log, 3);
    assert_int_equal(drain(&rig), 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(rig.script.log[i].key[0], '0' + i);
        assert_int_equal(sent_at(&rig, i), i < 3 ? 0 : (i - 2) * 200);
    }
    tear_down(&rig);
}

static void a_poll_returns_in_its_time_while_requests_wait(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 100, .burst = 1});
    send_tiles(&rig, 0, 2);
    response = wait_for_answer(&rig);
    mly_transport_fini_response(&response);

    assert_status(poll(&rig, 0, &response), MLY_AGAIN, NULL);
    assert_int_equal(rig.clock.now_ms, START_MS);
    assert_status(poll(&rig, 70, &response), MLY_AGAIN, NULL);
    assert_int_equal(rig.clock.now_ms, START_MS + 70);
    assert_status(poll(&rig, 60000, &response), MLY_OK, NULL);
    assert_int_equal(rig.clock.now_ms, START_MS + 10000); /* and no later than it must */
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void answers_come_while_other_requests_wait(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 100, .burst = 1});
    script_add(&rig.script, (struct script_answer){.key = "slow", .after_ms = 300});
    assert_status(try_send(&rig, MLY_REQUEST_TILE, "slow", 9), MLY_OK, NULL);
    send_tiles(&rig, 0, 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.ticket, 9);
    assert_int_equal(rig.clock.now_ms, START_MS + 300);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void requests_to_the_graph_take_nothing_and_do_not_wait_for_tiles(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 1000, .burst = 2});
    send_as(&rig, MLY_REQUEST_GRAPH, 0, 4);
    send_tiles(&rig, 4, 3);
    send_as(&rig, MLY_REQUEST_GRAPH, 7, 4);
    assert_int_equal(rig.script.n_log, 10);
    assert_int_equal(drain(&rig), 11);
    assert_string_equal(rig.script.log[10].key, "6");
    assert_int_equal(sent_at(&rig, 10), 1000);
    tear_down(&rig);
}

static void a_reset_drops_what_waits_at_once(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 10, .burst = 2});
    for (int read = 0; read < 2; read++) {
        for (uint64_t ticket = 0; ticket < 6; ticket++) {
            if (read == 0 && ticket < 2)
                script_add(&rig.script, (struct script_answer){.key = "x", .after_ms = 500});
            assert_status(try_send(&rig, MLY_REQUEST_TILE, "x", ticket), MLY_OK, NULL);
        }
        assert_status(poll(&rig, 100, &response), MLY_AGAIN, NULL);
        const uint64_t before_ms = rig.clock.now_ms, n_sleeps = rig.clock.n_sleeps;

        rig.pace->vtbl->reset(rig.pace);

        assert_int_equal(rig.clock.now_ms, before_ms);
        assert_int_equal(rig.clock.n_sleeps, n_sleeps);
        assert_int_equal(rig.script.n_in_flight, 0);
        assert_status(poll(&rig, 1000, &response), MLY_DONE, NULL);
    }
    assert_int_equal(rig.script.n_log, 2); /* nothing was sent after it */
    tear_down(&rig);
}

static void ending_it_while_requests_wait_takes_no_time_and_leaks_nothing(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 10, .burst = 1});
    send_tiles(&rig, 0, 6);
    send_as(&rig, MLY_REQUEST_GRAPH, 6, 2);
    tear_down(&rig);
    assert_int_equal(rig.clock.now_ms, START_MS);
    assert_int_equal(rig.clock.n_sleeps, 0);
}

static void what_others_spend_is_waited_for(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 1000, .burst = 2});
    assert_int_equal(mly_pace_take(rig.bucket, rig.options.limit), 0);
    send_tiles(&rig, 0, 2);
    rig.clock.now_ms += 1000;
    assert_int_equal(mly_pace_take(rig.bucket, rig.options.limit), 0); /* comes first */
    assert_int_equal(drain(&rig), 2);
    assert_int_equal(sent_at(&rig, 0), 0);
    assert_int_equal(sent_at(&rig, 1), 2000);
    tear_down(&rig);
}

static void each_attempt_counts(void **state)
{
    (void)state;
    static const struct mly_retry_policy policy = {.max_retries = 3, .first_delay_ms = 1};
    struct mly_transport *retry = NULL;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 1000, .burst = 1});
    assert_status(mly_retry_new(rig.pace, &policy, &rig.clock.clock, &rig.mem.mem, &retry, NULL), MLY_OK, NULL);
    rig.pace = retry;
    for (int i = 0; i < 3; i++)
        script_add(&rig.script, (struct script_answer){.key = "x", .http = 503});
    script_add(&rig.script, (struct script_answer){.key = "x"});
    assert_status(try_send(&rig, MLY_REQUEST_TILE, "x", 1), MLY_OK, NULL);

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.http, 200);
    assert_int_equal(response.attempts, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sent_at(&rig, i), i * 1000);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void that_a_read_waits_is_told_once_for_each_read(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 2500, .burst = 3});
    send_tiles(&rig, 0, 3);
    assert_int_equal(rig.n_lines, 0);
    send_tiles(&rig, 3, 3);
    assert_int_equal(drain(&rig), 6);
    assert_int_equal(rig.n_lines, 1);
    assert_says(rig.line, "burst of 3 ");
    assert_says(rig.line, "2.500 a second");
    assert_says(rig.line, "RATE");
    rig.pace->vtbl->reset(rig.pace);
    send_tiles(&rig, 6, 2);
    assert_int_equal(rig.n_lines, 2);
    tear_down(&rig);
}

/* ---- the quota ---- */

/* Sends and answers one request after the other; each answer tells this usage. */
static void exchange(struct rig *rig, enum mly_request_kind kind, uint32_t usage)
{
    script_add(&rig->script, (struct script_answer){.key = "x", .usage = usage});
    assert_status(try_send(rig, kind, "x", 1), MLY_OK, NULL);
    struct mly_response response = wait_for_answer(rig);
    mly_transport_fini_response(&response);
}

static void near_the_end_of_the_quota_requests_keep_a_distance(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    static const struct {
        uint32_t usage;
        uint64_t gap_ms;
    } cases[] = {{0, 0}, {50, 0}, {95, 0}, {96, 1000}, {100, 5000}, {105, 10000}, {1000, 10000}};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct rig rig;
            set_up_without_bucket(&rig);
            for (int n = 0; n < 3; n++)
                exchange(&rig, kinds[k], cases[i].usage);
            assert_int_equal(sent_at(&rig, 1), cases[i].gap_ms);
            assert_int_equal(sent_at(&rig, 2), 2 * cases[i].gap_ms);
            assert_int_equal(rig.n_lines, cases[i].gap_ms > 0);
            tear_down(&rig);
        }
    }
}

static void the_other_service_is_not_slowed_down(void **state)
{
    (void)state;
    struct rig rig;
    set_up_without_bucket(&rig);
    exchange(&rig, MLY_REQUEST_GRAPH, 99);
    exchange(&rig, MLY_REQUEST_TILE, 0);
    assert_int_equal(rig.clock.now_ms, START_MS);
    assert_says(rig.line, "99 %");
    assert_says(rig.line, "Graph requests");
    exchange(&rig, MLY_REQUEST_GRAPH, 99);
    assert_int_equal(rig.clock.now_ms, START_MS + 4000);
    tear_down(&rig);
}

static void a_quota_that_has_room_again_ends_the_distance(void **state)
{
    (void)state;
    struct rig rig;
    set_up_without_bucket(&rig);
    exchange(&rig, MLY_REQUEST_GRAPH, 97);
    exchange(&rig, MLY_REQUEST_GRAPH, 20);
    assert_int_equal(rig.clock.now_ms, START_MS + 2000);
    exchange(&rig, MLY_REQUEST_GRAPH, 0);
    exchange(&rig, MLY_REQUEST_GRAPH, 0);
    assert_int_equal(rig.clock.now_ms, START_MS + 2000);
    tear_down(&rig);
}

static void what_the_service_says_of_the_quota_outlives_a_read(void **state)
{
    (void)state;
    struct rig rig;
    set_up_without_bucket(&rig);
    exchange(&rig, MLY_REQUEST_GRAPH, 98);
    rig.pace->vtbl->reset(rig.pace);
    exchange(&rig, MLY_REQUEST_GRAPH, 98);
    assert_int_equal(rig.clock.now_ms, START_MS + 3000);
    tear_down(&rig);
}

/* ---- answers that are no tiles ---- */

static struct mly_response ask(struct rig *rig, enum mly_request_kind kind, int http, const char *body)
{
    script_add(&rig->script, (struct script_answer){.key = "x",
                                                    .http = http,
                                                    .status = http ? MLY_OK : MLY_E_NETWORK,
                                                    .body = {.data = (const uint8_t *)body, .size = strlen(body)}});
    assert_status(try_send(rig, kind, "x", 1), MLY_OK, NULL);
    return wait_for_answer(rig);
}

static void expect_passes(struct rig *rig, int http, const char *body)
{
    struct mly_response response = ask(rig, MLY_REQUEST_TILE, http, body);
    assert_status(response.status, http ? MLY_OK : MLY_E_NETWORK, NULL);
    assert_span(mly_buf_view(&response.body), body, strlen(body));
    mly_transport_fini_response(&response);
}

static void expect_block(struct rig *rig, const char *body)
{
    struct mly_error err = {.code = MLY_OK};
    struct mly_response response = ask(rig, MLY_REQUEST_TILE, 200, body);
    assert_status(response.status, MLY_E_QUOTA, NULL);
    assert_says(response.why, "blocks the address");
    assert_says(response.why, "Wait");
    assert_int_equal(response.body.size, 0);
    assert_int_equal(mly_verdict_of_tile(&response, &err), MLY_VERDICT_STOP);
    assert_status(err.code, MLY_E_QUOTA, &err);
    mly_transport_fini_response(&response);
}

static void the_fifth_answer_in_a_row_that_is_no_tile_says_that_the_caller_is_blocked(void **state)
{
    (void)state;
    struct rig rig;
    set_up_without_bucket(&rig);
    expect_passes(&rig, 200, page);
    expect_passes(&rig, 200, message);
    expect_passes(&rig, 200, "\xef\xbb\xbf<html>");
    expect_passes(&rig, 200, "[]");
    expect_block(&rig, page);
    expect_block(&rig, message); /* and so does the sixth, in this read or another */
    rig.pace->vtbl->reset(rig.pace);
    expect_block(&rig, page);
    expect_passes(&rig, 200, tile); /* until the block is over */
    expect_passes(&rig, 200, page);
    tear_down(&rig);
}

/* Requests 0 to 3 are sent; how many of them have left so far. */
static size_t count_sent_of_four(struct rig *rig)
{
    const size_t before = rig->script.n_log;
    send_tiles(rig, 0, 4);
    return rig->script.n_log - before;
}

static void whoever_is_blocked_asks_for_one_tile_at_a_time_until_one_comes(void **state)
{
    (void)state;
    struct mly_response response;
    for (int is_redirect = 0; is_redirect < 2; is_redirect++) {
        struct rig rig;
        set_up_without_bucket(&rig);
        for (int n = 0; n < 4 && !is_redirect; n++)
            expect_passes(&rig, 200, page);
        if (is_redirect)
            expect_passes(&rig, 302, "");
        else
            expect_block(&rig, page);
        rig.pace->vtbl->reset(rig.pace);

        assert_int_equal(count_sent_of_four(&rig), 1);
        send_as(&rig, MLY_REQUEST_GRAPH, 4, 2); /* not these */
        assert_int_equal(rig.script.n_in_flight, 3);
        response = wait_for_answer(&rig);
        assert_int_equal(response.ticket, 0);
        mly_transport_fini_response(&response);
        assert_int_equal(drain(&rig), 5); /* an empty answer is as good as a tile */
        assert_int_equal(count_sent_of_four(&rig), 4);
        assert_int_equal(drain(&rig), 4);
        assert_int_equal(rig.clock.now_ms, START_MS);
        tear_down(&rig);
    }
}

static void failures_do_not_end_a_block(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up_without_bucket(&rig);
    expect_passes(&rig, 302, "");
    for (uint64_t ticket = 0; ticket < 3; ticket++) {
        script_add(&rig.script, (struct script_answer){.key = "x", .http = 503});
        assert_status(try_send(&rig, MLY_REQUEST_TILE, "x", ticket), MLY_OK, NULL);
    }
    for (size_t n = 2; n <= 4; n++) {
        response = wait_for_answer(&rig);
        assert_int_equal(rig.script.n_log, n);
        mly_transport_fini_response(&response);
    }
    assert_int_equal(rig.script.peak_in_flight, 1);
    tear_down(&rig);
}

static void a_tile_or_an_empty_one_in_between_begins_the_row_anew(void **state)
{
    (void)state;
    static const struct {
        int http;
        const char *body;
    } good[] = {{200, tile}, {200, ""}, {204, ""}, {304, ""}, {404, "<h1>Not found</h1>"}, {200, "noise"}};
    for (size_t i = 0; i < COUNT(good); i++) {
        struct rig rig;
        set_up_without_bucket(&rig);
        for (int n = 0; n < 4; n++)
            expect_passes(&rig, 200, page);
        expect_passes(&rig, good[i].http, good[i].body);
        for (int n = 0; n < 4; n++)
            expect_passes(&rig, 200, page);
        expect_block(&rig, page);
        tear_down(&rig);
    }
}

static void failures_in_between_leave_the_row_as_it_is(void **state)
{
    (void)state;
    struct rig rig;
    set_up_without_bucket(&rig);
    for (int n = 0; n < 4; n++) {
        expect_passes(&rig, 200, page);
        expect_passes(&rig, 503, page);
        expect_passes(&rig, 500, message);
        expect_passes(&rig, 0, "");
    }
    expect_block(&rig, page);
    tear_down(&rig);
}

static void messages_of_the_graph_are_its_answers(void **state)
{
    (void)state;
    struct rig rig;
    set_up_without_bucket(&rig);
    for (int n = 0; n < 10; n++) {
        struct mly_response response = ask(&rig, MLY_REQUEST_GRAPH, 200, message);
        assert_status(response.status, MLY_OK, NULL);
        mly_transport_fini_response(&response);
        if (n < 4)
            expect_passes(&rig, 200, page);
    }
    expect_block(&rig, page);
    tear_down(&rig);
}

/* ---- what goes wrong ---- */

static void a_request_that_cannot_be_sent_fails_where_it_is_sent(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 1000, .burst = 1});
    script_add(&rig.script, (struct script_answer){.key = "x", .refused = MLY_E_NOMEM});
    script_add(&rig.script, (struct script_answer){.key = "x", .refused = MLY_E_NOMEM});
    assert_status(try_send(&rig, MLY_REQUEST_TILE, "x", 1), MLY_E_NOMEM, NULL); /* at once */
    assert_status(poll(&rig, 0, &response), MLY_DONE, NULL);
    assert_status(try_send(&rig, MLY_REQUEST_TILE, "x", 2), MLY_OK, NULL); /* later */
    assert_status(poll(&rig, 999, &response), MLY_AGAIN, NULL);
    assert_status(poll(&rig, 999, &response), MLY_E_NOMEM, NULL);
    assert_status(poll(&rig, 0, &response), MLY_DONE, NULL);
    tear_down(&rig);
}

static void with_nothing_asked_nothing_is_owed(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, (struct mly_pace_limit){.rate_mhz = 1000, .burst = 1});
    assert_status(poll(&rig, 1000, &response), MLY_DONE, NULL);
    assert_int_equal(rig.clock.now_ms, START_MS);
    tear_down(&rig);
}

static void secrets_are_masked_by_the_inner_transport(void **state)
{
    (void)state;
    char text[] = "a secret word";
    struct rig rig;
    set_up_without_bucket(&rig);
    rig.script.secret = "secret";
    mly_transport_mask(rig.pace, text);
    assert_string_equal(text, "a ****** word");
    tear_down(&rig);
}

static void any_of_its_allocations_may_fail(void **state)
{
    (void)state;
    bool has_failed = true;
    for (size_t k = 0; has_failed; k++) {
        struct rig rig;
        begin(&rig, (struct mly_pace_limit){.burst = 0});
        fail_mem_init_failing(&rig.mem, k, 1);
        script_add(&rig.script, (struct script_answer){.key = "x"});
        enum mly_status status = mly_transport_pace(&rig.script.base, &rig.options, &rig.pace, NULL);
        if (status == MLY_OK)
            status = try_send(&rig, MLY_REQUEST_TILE, "x", 1);
        has_failed = rig.mem.n_failed > 0;
        assert_status(status, has_failed ? MLY_E_NOMEM : MLY_OK, NULL);
        tear_down(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_bucket_all_goes_at_once),
        cmocka_unit_test(after_the_burst_tiles_go_one_by_one_in_their_order),
        cmocka_unit_test(a_poll_returns_in_its_time_while_requests_wait),
        cmocka_unit_test(answers_come_while_other_requests_wait),
        cmocka_unit_test(requests_to_the_graph_take_nothing_and_do_not_wait_for_tiles),
        cmocka_unit_test(a_reset_drops_what_waits_at_once),
        cmocka_unit_test(ending_it_while_requests_wait_takes_no_time_and_leaks_nothing),
        cmocka_unit_test(what_others_spend_is_waited_for),
        cmocka_unit_test(each_attempt_counts),
        cmocka_unit_test(that_a_read_waits_is_told_once_for_each_read),
        cmocka_unit_test(near_the_end_of_the_quota_requests_keep_a_distance),
        cmocka_unit_test(the_other_service_is_not_slowed_down),
        cmocka_unit_test(a_quota_that_has_room_again_ends_the_distance),
        cmocka_unit_test(what_the_service_says_of_the_quota_outlives_a_read),
        cmocka_unit_test(the_fifth_answer_in_a_row_that_is_no_tile_says_that_the_caller_is_blocked),
        cmocka_unit_test(whoever_is_blocked_asks_for_one_tile_at_a_time_until_one_comes),
        cmocka_unit_test(failures_do_not_end_a_block),
        cmocka_unit_test(a_tile_or_an_empty_one_in_between_begins_the_row_anew),
        cmocka_unit_test(failures_in_between_leave_the_row_as_it_is),
        cmocka_unit_test(messages_of_the_graph_are_its_answers),
        cmocka_unit_test(a_request_that_cannot_be_sent_fails_where_it_is_sent),
        cmocka_unit_test(with_nothing_asked_nothing_is_owed),
        cmocka_unit_test(secrets_are_masked_by_the_inner_transport),
        cmocka_unit_test(any_of_its_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
