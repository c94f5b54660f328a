/* SPDX-License-Identifier: MIT */
#include "core/retry.h"

#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"
#include "support/script_transport.h"

enum { START_MS = 1000000 };

/* A retry around a script, on a clock of its own. */
struct rig {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_transport *retry;
};

static void set_up(struct rig *rig, uint32_t max_retries, uint32_t first_delay_ms)
{
    const struct mly_retry_policy policy = {.max_retries = max_retries, .first_delay_ms = first_delay_ms};
    fail_mem_init(&rig->mem);
    fake_clock_init(&rig->clock, START_MS);
    script_init(&rig->script, &rig->mem.mem, &rig->clock);
    assert_status(mly_retry_new(&rig->script.base, &policy, &rig->clock.clock, &rig->mem.mem, &rig->retry, NULL),
                  MLY_OK, NULL);
}

static void tear_down(struct rig *rig)
{
    mly_transport_free(rig->retry);
    assert_int_equal(rig->script.n_destroyed, 1);
    assert_nothing_leaks(&rig->mem);
}

static void expect_http(struct rig *rig, const char *key, int http, uint32_t retry_after_ms)
{
    script_add(&rig->script, (struct script_answer){.key = key, .http = http, .retry_after_ms = retry_after_ms});
}

static void send(struct rig *rig, const char *key, uint64_t ticket)
{
    struct mly_request request = {.ticket = ticket, .kind = MLY_REQUEST_TILE, .max_bytes = 1000};
    struct mly_error err = {.code = MLY_OK};
    (void)snprintf(request.key, sizeof request.key, "%s", key);
    (void)snprintf(request.url, sizeof request.url, "https://example.org/%s", key);
    assert_status(rig->retry->vtbl->submit(rig->retry, &request, &err), MLY_OK, &err);
}

static enum mly_status poll(struct rig *rig, uint32_t timeout_ms, struct mly_response *out)
{
    struct mly_error err = {.code = MLY_OK};
    return rig->retry->vtbl->poll(rig->retry, timeout_ms, out, &err);
}

/* The next answer, however long it takes by the clock. */
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

/* How long the script waited between request `i` and the one before it. */
static uint64_t gap_before(const struct rig *rig, size_t i)
{
    assert_true(i < rig->script.n_log);
    return rig->script.log[i].at_ms - rig->script.log[i - 1].at_ms;
}

/* ---- what may go out ---- */

static enum mly_status send_counted(struct rig *rig, enum mly_request_kind kind, const char *key,
                                    struct mly_budget *budget, struct mly_error *err)
{
    struct mly_request request = {.ticket = 1, .kind = kind, .max_bytes = 1000, .budget = budget};
    (void)snprintf(request.key, sizeof request.key, "%s", key);
    return rig->retry->vtbl->submit(rig->retry, &request, err);
}

static void what_goes_out_counts_once_however_often_it_is_tried(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_error err;
    struct mly_budget budget = {.layer = "images", .max = 2};
    set_up(&rig, 3, 500);
    for (int i = 0; i < 2; i++) {
        expect_http(&rig, "a", 503, 0);
        expect_http(&rig, "a", 200, 0);
        assert_status(send_counted(&rig, MLY_REQUEST_GRAPH, "a", &budget, &err), MLY_OK, &err);
        struct mly_response response = wait_for_answer(&rig);
        assert_int_equal(response.attempts, 2);
        mly_transport_fini_response(&response);
    }

    assert_status(send_counted(&rig, MLY_REQUEST_GRAPH, "a", &budget, &err), MLY_E_LIMIT, NULL);

    assert_says(err.text, "images: this read needs more Graph requests than the 2 that MAX_REQUESTS allows");
    assert_int_equal(rig.script.n_log, 4);
    tear_down(&rig);
}

static void tiles_and_what_has_no_budget_go_out_uncounted(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_error err;
    struct mly_budget budget = {.layer = "images", .max = 0};
    const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    struct mly_budget *const budgets[] = {&budget, NULL};
    set_up(&rig, 3, 500);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        expect_http(&rig, "a", 200, 0);
        assert_status(send_counted(&rig, kinds[i], "a", budgets[i], &err), MLY_OK, &err);
        struct mly_response response = wait_for_answer(&rig);
        mly_transport_fini_response(&response);
    }
    assert_int_equal(budget.n_sent, 0);
    tear_down(&rig);
}

/* ---- what passes at once ---- */

static void a_good_answer_passes_as_it_is(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, 500);
    script_add(&rig.script, (struct script_answer){.key = "a", .body = {.data = (const uint8_t *)"body", .size = 4}});
    send(&rig, "a", 77);

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.ticket, 77);
    assert_int_equal(response.http, 200);
    assert_int_equal(response.attempts, 1);
    assert_span(mly_buf_view(&response.body), "body", 4);
    assert_int_equal(rig.clock.now_ms, START_MS);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void what_would_not_come_out_better_is_not_asked_again(void **state)
{
    (void)state;
    static const int statuses[] = {204, 302, 400, 401, 403, 404, 410, 501};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct rig rig;
        set_up(&rig, 3, 500);
        expect_http(&rig, "a", statuses[i], 0);
        send(&rig, "a", 1);

        struct mly_response response = wait_for_answer(&rig);

        assert_int_equal(response.http, statuses[i]);
        assert_int_equal(rig.script.n_log, 1);
        assert_int_equal(rig.clock.now_ms, START_MS);
        mly_transport_fini_response(&response);
        tear_down(&rig);
    }
}

static void too_much_data_is_not_asked_for_again(void **state)
{
    (void)state;
    static const char body[] = "{\"error\":{\"code\":1}}";
    struct rig rig;
    set_up(&rig, 3, 500);
    script_add(
        &rig.script,
        (struct script_answer){.key = "a", .http = 500, .body = {.data = (const void *)body, .size = sizeof body - 1}});
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.http, 500);
    assert_int_equal(response.attempts, 1);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

/* A slow consumer lets connections run out of their time: that says nothing about the service. */
static void what_breaks_while_nobody_polls_costs_no_attempt(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0, 500);
    for (int i = 0; i < 3; i++)
        script_add(&rig.script, (struct script_answer){.key = "a", .status = MLY_E_NETWORK, .after_ms = 10});
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1);

    struct mly_response response;
    for (int i = 0; i < 5; i++) { /* one poll learns of a failure, the next one sends the request again */
        rig.clock.now_ms += 5000;
        assert_status(poll(&rig, 0, &response), MLY_AGAIN, NULL);
    }
    response = wait_for_answer(&rig);

    assert_int_equal(response.http, 200);
    assert_int_equal(response.attempts, 1);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void what_breaks_while_somebody_waits_costs_its_attempt(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0, 500);
    script_add(&rig.script, (struct script_answer){.key = "a", .status = MLY_E_NETWORK});
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.status, MLY_E_NETWORK);
    assert_int_equal(rig.script.n_log, 1);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void with_nothing_asked_nothing_is_owed(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, 3, 500);

    assert_status(poll(&rig, 1000, &response), MLY_DONE, NULL);

    assert_int_equal(rig.clock.now_ms, START_MS);
    tear_down(&rig);
}

/* ---- asking again ---- */

static void a_failure_is_asked_again_and_the_better_answer_passes(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, 500);
    expect_http(&rig, "a", 503, 0);
    script_add(&rig.script, (struct script_answer){.key = "a", .status = MLY_E_NETWORK, .why = "connection lost"});
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 5);

    struct mly_response response = wait_for_answer(&rig);

    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.http, 200);
    assert_int_equal(response.ticket, 5);
    assert_int_equal(response.attempts, 3);
    assert_script_is_used_up(&rig.script);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void delays_double_with_up_to_a_quarter_more(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 6, 100);
    for (int i = 0; i < 6; i++)
        expect_http(&rig, "a", 500, 0);
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    for (size_t i = 1; i <= 6; i++) {
        const uint64_t least = UINT64_C(100) << (i - 1);
        assert_in_range(gap_before(&rig, i), least, least + least / 4);
    }
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void delays_differ_from_client_to_client(void **state)
{
    (void)state;
    uint64_t smallest = UINT64_MAX, largest = 0;
    for (uint64_t start = 0; start < 200; start++) {
        struct rig rig;
        const struct mly_retry_policy policy = {.max_retries = 1, .first_delay_ms = 10000};
        fail_mem_init(&rig.mem);
        fake_clock_init(&rig.clock, START_MS + start * 7);
        script_init(&rig.script, &rig.mem.mem, &rig.clock);
        assert_status(mly_retry_new(&rig.script.base, &policy, &rig.clock.clock, &rig.mem.mem, &rig.retry, NULL),
                      MLY_OK, NULL);
        expect_http(&rig, "a", 503, 0);
        expect_http(&rig, "a", 200, 0);
        send(&rig, "a", 1);

        struct mly_response response = wait_for_answer(&rig);

        const uint64_t gap = gap_before(&rig, 1);
        assert_in_range(gap, 10000, 12500);
        smallest = gap < smallest ? gap : smallest;
        largest = gap > largest ? gap : largest;
        mly_transport_fini_response(&response);
        tear_down(&rig);
    }
    assert_true(largest - smallest > 1500); /* two hundred clients spread over most of the 2500 */
}

static void delays_stop_growing(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 40, 1000);
    for (int i = 0; i < 40; i++)
        expect_http(&rig, "a", 502, 0);
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    for (size_t i = 8; i <= 40; i++)
        assert_in_range(gap_before(&rig, i), MLY_LIMIT_RETRY_DELAY_MS, MLY_LIMIT_RETRY_DELAY_MS * 5 / 4);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void the_longest_delay_there_is_does_not_overflow(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 2, UINT32_MAX);
    expect_http(&rig, "a", 500, 0);
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_in_range(gap_before(&rig, 1), MLY_LIMIT_RETRY_DELAY_MS, MLY_LIMIT_RETRY_DELAY_MS * 5 / 4);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void without_a_delay_it_is_asked_again_all_the_same(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, 0);
    expect_http(&rig, "a", 500, 0);
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.http, 200);
    assert_true(gap_before(&rig, 1) <= 1);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void the_same_request_goes_out_again(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request request = {.ticket = 9,
                                  .kind = MLY_REQUEST_GRAPH,
                                  .fresh = true,
                                  .max_bytes = 123,
                                  .key = "k",
                                  .url = "https://example.org/k"};
    set_up(&rig, 1, 10);
    expect_http(&rig, "k", 429, 0);
    expect_http(&rig, "k", 200, 0);
    assert_status(rig.retry->vtbl->submit(rig.retry, &request, NULL), MLY_OK, NULL);
    memset(&request, 0, sizeof request); /* it was copied */

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.ticket, 9);
    assert_true(rig.script.log[1].fresh);
    assert_string_equal(rig.script.log[1].url, "https://example.org/k");
    assert_int_equal(response.body.limit, 123);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

/* ---- when it ends ---- */

static void after_the_last_attempt_the_failure_passes(void **state)
{
    (void)state;
    for (uint32_t max_retries = 0; max_retries <= 4; max_retries++) {
        struct rig rig;
        set_up(&rig, max_retries, 10);
        for (uint32_t i = 0; i <= max_retries; i++)
            expect_http(&rig, "a", 503, 0);
        send(&rig, "a", 1);

        struct mly_response response = wait_for_answer(&rig);

        assert_int_equal(response.http, 503);
        assert_int_equal(response.attempts, max_retries + 1);
        assert_int_equal(rig.script.n_log, max_retries + 1);
        mly_transport_fini_response(&response);
        tear_down(&rig);
    }
}

static void the_service_s_own_delay_is_obeyed(void **state)
{
    (void)state;
    static const uint32_t wishes[] = {7000, 30000, MLY_LIMIT_RETRY_AFTER_MS};
    for (size_t i = 0; i < COUNT(wishes); i++) {
        struct rig rig;
        set_up(&rig, 3, 100);
        expect_http(&rig, "a", 429, wishes[i]);
        expect_http(&rig, "a", 200, 0);
        send(&rig, "a", 1);

        struct mly_response response = wait_for_answer(&rig);

        assert_int_equal(response.http, 200);
        assert_true(gap_before(&rig, 1) >= wishes[i]);
        assert_true(gap_before(&rig, 1) <= wishes[i] + 1000);
        mly_transport_fini_response(&response);
        tear_down(&rig);
    }
}

static void a_shorter_wish_does_not_shorten_the_delay(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, 5000);
    expect_http(&rig, "a", 429, 1000);
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_true(gap_before(&rig, 1) >= 5000);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void a_wish_for_too_long_a_wait_ends_it_at_once(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, 100);
    expect_http(&rig, "a", 429, MLY_LIMIT_RETRY_AFTER_MS + 1);
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_int_equal(response.http, 429);
    assert_int_equal(response.attempts, 1);
    assert_int_equal(rig.clock.now_ms, START_MS);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

/* ---- beside each other ---- */

static void one_that_waits_does_not_hold_up_the_others(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, 10000);
    expect_http(&rig, "slow", 500, 0);
    expect_http(&rig, "slow", 200, 0);
    script_add(&rig.script, (struct script_answer){.key = "quick", .after_ms = 20});
    send(&rig, "slow", 1);
    send(&rig, "quick", 2);

    struct mly_response first = wait_for_answer(&rig);
    assert_int_equal(first.ticket, 2);
    assert_int_equal(rig.clock.now_ms, START_MS + 20);
    struct mly_response second = wait_for_answer(&rig);

    assert_int_equal(second.ticket, 1);
    assert_int_equal(second.attempts, 2);
    mly_transport_fini_response(&first);
    mly_transport_fini_response(&second);
    tear_down(&rig);
}

static void many_requests_fail_and_come_back_each_in_its_time(void **state)
{
    (void)state;
    enum { N = 20 };
    static const char *const keys[N] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                        "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    bool seen[N] = {false};
    struct rig rig;
    set_up(&rig, 3, 1000);
    for (uint64_t i = 0; i < N; i++) {
        for (uint64_t failures = i % 4; failures > 0; failures--)
            expect_http(&rig, keys[i], 503, 0);
        expect_http(&rig, keys[i], 200, 0);
        send(&rig, keys[i], i);
    }

    for (int n = 0; n < N; n++) {
        struct mly_response response = wait_for_answer(&rig);
        assert_int_equal(response.http, 200);
        assert_int_equal(response.attempts, response.ticket % 4 + 1);
        assert_false(seen[response.ticket]);
        seen[response.ticket] = true;
        mly_transport_fini_response(&response);
    }

    assert_script_is_used_up(&rig.script);
    tear_down(&rig);
}

static void a_poll_without_time_does_not_wait(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, 3, 1000);
    expect_http(&rig, "a", 500, 0);
    send(&rig, "a", 1);

    assert_status(poll(&rig, 0, &response), MLY_AGAIN, NULL); /* the failure, put aside */
    assert_status(poll(&rig, 0, &response), MLY_AGAIN, NULL);

    assert_int_equal(rig.clock.now_ms, START_MS);
    tear_down(&rig);
}

static void a_poll_ends_when_its_time_is_up(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, 3, 5000);
    expect_http(&rig, "a", 500, 0);
    send(&rig, "a", 1);

    assert_status(poll(&rig, 700, &response), MLY_AGAIN, NULL);

    assert_int_equal(rig.clock.now_ms, START_MS + 700);
    tear_down(&rig);
}

static void waiting_is_sleeping_not_spinning(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, 60000);
    expect_http(&rig, "a", 500, 0);
    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1);

    struct mly_response response = wait_for_answer(&rig);

    assert_true(rig.clock.n_sleeps <= 80); /* a minute and a quarter, in polls of a second */
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

/* ---- dropping and failing ---- */

static void reset_drops_what_waits(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, 3, 1000);
    expect_http(&rig, "a", 500, 0);
    script_add(&rig.script, (struct script_answer){.key = "b", .after_ms = 100000});
    send(&rig, "a", 1);
    send(&rig, "b", 2);
    assert_status(poll(&rig, 0, &response), MLY_AGAIN, NULL);

    rig.retry->vtbl->reset(rig.retry);

    assert_int_equal(rig.script.n_resets, 1);
    assert_int_equal(rig.script.n_in_flight, 0);
    assert_status(poll(&rig, 100000, &response), MLY_DONE, NULL);
    assert_int_equal(rig.script.n_log, 2); /* nothing was asked again */
    tear_down(&rig);
}

static void after_a_reset_it_serves_the_next_one(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, 3, 1000);
    expect_http(&rig, "a", 500, 0);
    send(&rig, "a", 1);
    assert_status(poll(&rig, 0, &response), MLY_AGAIN, NULL);
    rig.retry->vtbl->reset(rig.retry);

    expect_http(&rig, "a", 200, 0);
    send(&rig, "a", 1); /* the same ticket as before */
    response = wait_for_answer(&rig);

    assert_int_equal(response.attempts, 1);
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void freeing_it_with_requests_waiting_leaks_nothing(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    set_up(&rig, 3, 1000);
    expect_http(&rig, "a", 500, 0);
    script_add(&rig.script, (struct script_answer){.key = "b", .after_ms = 5});
    send(&rig, "a", 1);
    send(&rig, "b", 2);
    assert_status(poll(&rig, 0, &response), MLY_AGAIN, NULL);

    tear_down(&rig);
}

static void a_request_that_is_refused_is_not_owed(void **state)
{
    (void)state;
    struct mly_request request = {.ticket = 1, .key = "a"};
    struct mly_response response;
    struct mly_error err = {.code = MLY_OK};
    struct rig rig;
    set_up(&rig, 3, 1000);
    script_add(&rig.script, (struct script_answer){.key = "a", .refused = MLY_E_ARG, .why = "no such address"});

    assert_status(rig.retry->vtbl->submit(rig.retry, &request, &err), MLY_E_ARG, NULL);

    assert_string_equal(err.text, "no such address");
    assert_status(poll(&rig, 0, &response), MLY_DONE, NULL);
    tear_down(&rig);
}

static void a_second_attempt_that_cannot_be_sent_is_an_error(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig rig;
    enum mly_status status;
    set_up(&rig, 3, 100);
    expect_http(&rig, "a", 500, 0);
    script_add(&rig.script, (struct script_answer){.key = "a", .refused = MLY_E_NOMEM});
    send(&rig, "a", 1);

    do
        status = poll(&rig, 1000, &response);
    while (status == MLY_AGAIN);

    assert_status(status, MLY_E_NOMEM, NULL);
    tear_down(&rig);
}

static void without_memory_nothing_is_sent(void **state)
{
    (void)state;
    struct mly_request request = {.ticket = 1, .key = "a"};
    struct rig rig;
    set_up(&rig, 3, 1000);
    rig.mem.first_failure = rig.mem.n_allocs;
    rig.mem.n_failures = 1;

    assert_status(rig.retry->vtbl->submit(rig.retry, &request, NULL), MLY_E_NOMEM, NULL);

    assert_int_equal(rig.script.n_log, 0);
    tear_down(&rig);
}

static void without_memory_for_itself_it_still_owns_the_inner_one(void **state)
{
    (void)state;
    const struct mly_retry_policy policy = {.max_retries = 3, .first_delay_ms = 100};
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_transport *retry = NULL;
    struct mly_error err = {.code = MLY_OK};
    fail_mem_init_failing(&mem, 0, 1);
    fake_clock_init(&clock, START_MS);
    script_init(&script, &mem.mem, &clock);

    assert_status(mly_retry_new(&script.base, &policy, &clock.clock, &mem.mem, &retry, &err), MLY_E_NOMEM, NULL);

    assert_null(retry);
    assert_int_equal(script.n_destroyed, 1);
    assert_nothing_leaks(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_out_counts_once_however_often_it_is_tried),
        cmocka_unit_test(tiles_and_what_has_no_budget_go_out_uncounted),
        cmocka_unit_test(a_good_answer_passes_as_it_is),
        cmocka_unit_test(what_would_not_come_out_better_is_not_asked_again),
        cmocka_unit_test(too_much_data_is_not_asked_for_again),
        cmocka_unit_test(what_breaks_while_nobody_polls_costs_no_attempt),
        cmocka_unit_test(what_breaks_while_somebody_waits_costs_its_attempt),
        cmocka_unit_test(with_nothing_asked_nothing_is_owed),
        cmocka_unit_test(a_failure_is_asked_again_and_the_better_answer_passes),
        cmocka_unit_test(delays_double_with_up_to_a_quarter_more),
        cmocka_unit_test(delays_differ_from_client_to_client),
        cmocka_unit_test(delays_stop_growing),
        cmocka_unit_test(the_longest_delay_there_is_does_not_overflow),
        cmocka_unit_test(without_a_delay_it_is_asked_again_all_the_same),
        cmocka_unit_test(the_same_request_goes_out_again),
        cmocka_unit_test(after_the_last_attempt_the_failure_passes),
        cmocka_unit_test(the_service_s_own_delay_is_obeyed),
        cmocka_unit_test(a_shorter_wish_does_not_shorten_the_delay),
        cmocka_unit_test(a_wish_for_too_long_a_wait_ends_it_at_once),
        cmocka_unit_test(one_that_waits_does_not_hold_up_the_others),
        cmocka_unit_test(many_requests_fail_and_come_back_each_in_its_time),
        cmocka_unit_test(a_poll_without_time_does_not_wait),
        cmocka_unit_test(a_poll_ends_when_its_time_is_up),
        cmocka_unit_test(waiting_is_sleeping_not_spinning),
        cmocka_unit_test(reset_drops_what_waits),
        cmocka_unit_test(after_a_reset_it_serves_the_next_one),
        cmocka_unit_test(freeing_it_with_requests_waiting_leaks_nothing),
        cmocka_unit_test(a_request_that_is_refused_is_not_owed),
        cmocka_unit_test(a_second_attempt_that_cannot_be_sent_is_an_error),
        cmocka_unit_test(without_memory_nothing_is_sent),
        cmocka_unit_test(without_memory_for_itself_it_still_owns_the_inner_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
