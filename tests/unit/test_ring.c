/* SPDX-License-Identifier: MIT */
#include "core/ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/losses.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"

enum { MAX_REQUESTS = MLY_LIMIT_CONNECTIONS + 16 };

static const uint64_t tag_base = UINT64_C(0xfedcba9876543210);

/* A ring over a list of requests, key/0, key/1 and so on, fed by hand. */
struct rig {
    struct mly_losses losses;
    struct fail_mem mem;
    struct mly_ring *ring;
    struct mly_error err;
    enum mly_request_kind kind;
    size_t n_requests, n_made;       /* of the list; how often it was asked, its end among them */
    size_t broken;                   /* making this one fails */
    bool is_ready[MAX_REQUESTS + 1]; /* these need not be sent */
    size_t n_in_flight;
    char debug[4096]; /* the lines so far */
};

static enum mly_status make_request(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err)
{
    struct rig *rig = ctx;
    const size_t number = rig->n_made++;
    if (number == rig->broken)
        return mly_fail(err, MLY_E_LIMIT, "the address of number %zu is too long", number);
    if (number == rig->n_requests)
        return MLY_DONE;
    assert_true(number < rig->n_requests); /* nobody asks beyond the end */
    *out = (struct mly_request){.kind = rig->is_ready[number] ? MLY_REQUEST_NONE : rig->kind,
                                .max_bytes = MLY_LIMIT_BODY};
    (void)snprintf(out->key, sizeof out->key, "key/%zu", number);
    (void)snprintf(out->url, sizeof out->url, "https://tiles.example.org/%zu", number);
    *tag = tag_base + number;
    return MLY_OK;
}

static void note(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    const size_t used = strlen(rig->debug);
    assert_true(used + strlen(text) + 2 < sizeof rig->debug);
    memcpy(rig->debug + used, text, strlen(text) + 1);
    memcpy(rig->debug + used + strlen(text), "\n", 2);
}

static size_t number_of(const struct mly_request *request)
{
    assert_int_equal(strncmp(request->key, "key/", 4), 0);
    return strtoul(request->key + 4, NULL, 10);
}

static struct mly_ring_options options_of(struct rig *rig, uint32_t max_in_flight)
{
    return (struct mly_ring_options){
        .mem = &rig->mem.mem,
        .max_in_flight = max_in_flight,
        .max_held_bytes = MLY_LIMIT_HELD_BYTES,
        .next = make_request,
        .next_ctx = rig,
        .debug = note,
        .debug_ctx = rig,
    };
}

static void prepare(struct rig *rig, size_t n_requests)
{
    *rig = (struct rig){.n_requests = n_requests, .broken = SIZE_MAX};
    fail_mem_init(&rig->mem);
}

static void set_up(struct rig *rig, size_t n_requests, uint32_t max_in_flight)
{
    prepare(rig, n_requests);
    const struct mly_ring_options options = options_of(rig, max_in_flight);
    assert_status(mly_ring_new(&options, &rig->ring, &rig->err), MLY_OK, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_ring_free(rig->ring);
    assert_nothing_leaks(&rig->mem);
}

static enum mly_status want(struct rig *rig, struct mly_request *out)
{
    const enum mly_status status = mly_ring_want(rig->ring, out, &rig->err);
    rig->n_in_flight += status == MLY_OK;
    return status;
}

/* Takes all requests that are wanted now; gives how many. Their tickets are kept under the numbers in their keys. */
static size_t want_all(struct rig *rig, uint64_t tickets[MAX_REQUESTS])
{
    struct mly_request request;
    enum mly_status status;
    size_t n = 0;
    while ((status = want(rig, &request)) == MLY_OK) {
        tickets[number_of(&request)] = request.ticket;
        n++;
    }
    assert_status(status, MLY_AGAIN, &rig->err);
    return n;
}

static enum mly_status answer(struct rig *rig, struct mly_response response, struct mly_span body)
{
    response.attempts = response.attempts ? response.attempts : 1;
    mly_buf_init(&response.body, &rig->mem.mem, MLY_LIMIT_BODY);
    assert_status(mly_buf_append(&response.body, body.data, body.size), MLY_OK, NULL);
    const enum mly_status status = mly_ring_feed(rig->ring, &response, &rig->err);
    mly_transport_fini_response(&response);
    rig->n_in_flight -= status == MLY_OK;
    return status;
}

static struct mly_span span_of(const char *text)
{
    return (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)};
}

/* Feeds a body of `n` bytes. */
static void feed_bytes(struct rig *rig, uint64_t ticket, size_t n)
{
    struct mly_response response = {.ticket = ticket, .http = 200, .attempts = 1};
    mly_buf_init(&response.body, &rig->mem.mem, MLY_LIMIT_BODY);
    assert_status(mly_buf_reserve(&response.body, n), MLY_OK, NULL);
    memset(response.body.data, 0x1a, n);
    response.body.size = n;
    assert_status(mly_ring_feed(rig->ring, &response, &rig->err), MLY_OK, &rig->err);
    rig->n_in_flight--;
    mly_transport_fini_response(&response);
}

/* What the service says to request `number` when all is well. */
static void feed_body(struct rig *rig, uint64_t ticket, size_t number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "body of %zu", number);
    assert_status(answer(rig, (struct mly_response){.ticket = ticket, .http = 200}, span_of(text)), MLY_OK, &rig->err);
}

static enum mly_status feed_http(struct rig *rig, uint64_t ticket, int http)
{
    return answer(rig, (struct mly_response){.ticket = ticket, .http = http}, (struct mly_span){.data = NULL});
}

static enum mly_status feed_silence(struct rig *rig, uint64_t ticket, enum mly_status status, const char *why)
{
    struct mly_response response = {.ticket = ticket, .status = status};
    (void)snprintf(response.why, sizeof response.why, "%s", why);
    return answer(rig, response, (struct mly_span){.data = NULL});
}

static enum mly_status take(struct rig *rig)
{
    struct mly_ring_answer answer;
    return mly_ring_take(rig->ring, &answer, &rig->err);
}

/* The next answer is that to request `number`. */
static void assert_takes(struct rig *rig, size_t number)
{
    char text[32];
    struct mly_ring_answer answer;
    (void)snprintf(text, sizeof text, "body of %zu", number);
    assert_status(mly_ring_take(rig->ring, &answer, &rig->err), MLY_OK, &rig->err);
    assert_int_equal(answer.kind, MLY_ANSWER_BODY);
    assert_true(answer.tag == tag_base + number);
    assert_span(answer.body, text, strlen(text));
}

/* The next answer was there before request `number` could be made. */
static void assert_takes_ready(struct rig *rig, size_t number)
{
    struct mly_ring_answer answer;
    assert_status(mly_ring_take(rig->ring, &answer, &rig->err), MLY_OK, &rig->err);
    assert_int_equal(answer.kind, MLY_ANSWER_READY);
    assert_true(answer.tag == tag_base + number);
    assert_int_equal(answer.body.size, 0);
}

/* A ring over this list: R is ready, any other letter is a request. */
static void set_up_list(struct rig *rig, const char *list, uint32_t max_in_flight)
{
    prepare(rig, strlen(list));
    for (size_t i = 0; list[i]; i++)
        rig->is_ready[i] = list[i] == 'R';
    const struct mly_ring_options options = options_of(rig, max_in_flight);
    assert_status(mly_ring_new(&options, &rig->ring, &rig->err), MLY_OK, &rig->err);
}

/* ---- the list ---- */

static void an_empty_list_is_done_at_once(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request request;
    set_up(&rig, 0, 4);

    assert_status(take(&rig), MLY_DONE, &rig.err);

    assert_status(want(&rig, &request), MLY_AGAIN, &rig.err);
    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void nothing_is_done_before_it_was_asked_for(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, 1);

    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    assert_status(take(&rig), MLY_AGAIN, &rig.err);

    tear_down(&rig);
}

static void the_end_is_known_when_the_last_answer_is_taken(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 5; n++) {
        struct rig rig;
        uint64_t tickets[MAX_REQUESTS];
        set_up(&rig, n, 1);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(want_all(&rig, tickets), 1);
            feed_body(&rig, tickets[i], i);
            assert_takes(&rig, i);
        }

        assert_status(take(&rig), MLY_DONE, &rig.err);
        tear_down(&rig);
    }
}

static void the_end_is_known_also_when_the_last_answers_are_empty(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 3, 4);
    assert_int_equal(want_all(&rig, tickets), 3);
    feed_body(&rig, tickets[0], 0);
    assert_status(feed_http(&rig, tickets[1], 204), MLY_OK, &rig.err);
    assert_status(feed_http(&rig, tickets[2], 404), MLY_OK, &rig.err);

    assert_takes(&rig, 0);

    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void the_list_is_asked_once_for_each_request_and_once_for_its_end(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 3, 4);
    assert_int_equal(want_all(&rig, tickets), 3);
    for (size_t i = 0; i < 3; i++)
        feed_body(&rig, tickets[i], i);

    for (size_t i = 0; i < 3; i++)
        assert_takes(&rig, i);
    assert_status(take(&rig), MLY_DONE, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 0);

    assert_int_equal(rig.n_made, 4);
    tear_down(&rig);
}

static void a_request_goes_out_as_the_list_makes_it(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request request;
    set_up(&rig, 2, 2);

    assert_status(want(&rig, &request), MLY_OK, &rig.err);

    assert_string_equal(request.key, "key/0");
    assert_string_equal(request.url, "https://tiles.example.org/0");
    assert_int_equal(request.kind, MLY_REQUEST_TILE);
    assert_int_equal(request.max_bytes, MLY_LIMIT_BODY);
    assert_false(request.fresh);
    tear_down(&rig);
}

static void a_list_that_fails_at_once_makes_no_ring(void **state)
{
    (void)state;
    struct rig rig;
    prepare(&rig, 3);
    rig.broken = 0;
    const struct mly_ring_options options = options_of(&rig, 2);

    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_E_LIMIT, &rig.err);

    assert_says(rig.err.text, "number 0");
    assert_null(rig.ring);
    assert_nothing_leaks(&rig.mem);
}

static void a_list_that_fails_later_fails_the_asking(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request request;
    prepare(&rig, 3);
    rig.broken = 2;
    const struct mly_ring_options options = options_of(&rig, 2);
    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);
    assert_status(want(&rig, &request), MLY_OK, &rig.err);

    assert_status(want(&rig, &request), MLY_E_LIMIT, &rig.err);

    assert_says(rig.err.text, "number 2");
    tear_down(&rig);
}

static void a_ring_without_memory_is_none(void **state)
{
    (void)state;
    struct rig rig;
    prepare(&rig, 3);
    fail_mem_init_failing(&rig.mem, 0, SIZE_MAX);
    const struct mly_ring_options options = options_of(&rig, 2);

    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_E_NOMEM, &rig.err);

    assert_null(rig.ring);
    assert_nothing_leaks(&rig.mem);
}

static void no_ring_is_freed_too(void **state)
{
    (void)state;

    mly_ring_free(NULL);
}

/* ---- order ---- */

/* The next permutation in the order of the dictionary; false after the last one. */
static bool permute(size_t *order, size_t n)
{
    size_t i = n - 1, j = n - 1;
    while (i > 0 && order[i - 1] >= order[i])
        i--;
    if (i == 0)
        return false;
    while (order[j] <= order[i - 1])
        j--;
    const size_t pivot = order[i - 1];
    order[i - 1] = order[j];
    order[j] = pivot;
    for (j = n - 1; i < j; i++, j--) {
        const size_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    return true;
}

static void every_order_of_arrival_gives_the_list_s_order(void **state)
{
    (void)state;
    enum { N = 6 };
    size_t order[N] = {0, 1, 2, 3, 4, 5}, n_orders = 0;
    do {
        struct rig rig;
        uint64_t tickets[MAX_REQUESTS];
        set_up(&rig, N, N);
        assert_int_equal(want_all(&rig, tickets), N);
        for (size_t i = 0; i < N; i++)
            feed_body(&rig, tickets[order[i]], order[i]);

        for (size_t i = 0; i < N; i++)
            assert_takes(&rig, i);
        assert_status(take(&rig), MLY_DONE, &rig.err);
        tear_down(&rig);
        n_orders++;
    } while (permute(order, N));
    assert_int_equal(n_orders, 720);
}

static void what_can_be_taken_is_given_as_soon_as_its_turn_comes(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 3, 3);
    assert_int_equal(want_all(&rig, tickets), 3);

    feed_body(&rig, tickets[1], 1);
    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    feed_body(&rig, tickets[0], 0);
    assert_takes(&rig, 0);
    assert_takes(&rig, 1);
    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    feed_body(&rig, tickets[2], 2);
    assert_takes(&rig, 2);

    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void a_body_is_moved_and_stays_until_the_next_one_is_taken(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    struct mly_ring_answer answer;
    set_up(&rig, 2, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[0], 0);
    assert_status(mly_ring_take(rig.ring, &answer, &rig.err), MLY_OK, &rig.err);

    feed_body(&rig, tickets[1], 1);
    assert_int_equal(want_all(&rig, tickets), 0);

    assert_span(answer.body, "body of 0", 9);
    assert_int_equal(rig.mem.n_live, 3); /* the ring and two bodies: nothing was copied */
    assert_takes(&rig, 1);
    assert_int_equal(rig.mem.n_live, 2); /* the first body is gone */
    tear_down(&rig);
}

static void a_body_that_is_moved_is_the_taker_s(void **state)
{
    (void)state;
    enum { MUCH = MLY_LIMIT_HELD_BYTES };
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    struct mly_ring_answer answer;
    struct mly_buf body = {.data = NULL};
    set_up(&rig, 4, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_bytes(&rig, tickets[0], MUCH);
    assert_int_equal(want_all(&rig, tickets), 0); /* too much is held */
    assert_status(mly_ring_take(rig.ring, &answer, &rig.err), MLY_OK, &rig.err);

    mly_ring_move(rig.ring, &body);

    assert_ptr_equal(body.data, answer.body.data);
    assert_int_equal(body.size, MUCH);
    assert_int_equal(want_all(&rig, tickets), 1); /* it no longer counts */
    feed_body(&rig, tickets[1], 1);
    assert_takes(&rig, 1);
    assert_int_equal(body.data[MUCH - 1], 0x1a);
    mly_buf_fini(&body);
    tear_down(&rig);
}

static void a_body_that_was_moved_can_still_be_refused(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    struct mly_ring_answer answer;
    struct mly_buf body = {.data = NULL};
    set_up(&rig, 1, 2);
    assert_int_equal(want_all(&rig, tickets), 1);
    feed_body(&rig, tickets[0], 0);
    assert_status(mly_ring_take(rig.ring, &answer, &rig.err), MLY_OK, &rig.err);
    mly_ring_move(rig.ring, &body);

    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_AGAIN, &rig.err);

    mly_buf_fini(&body);
    assert_int_equal(want_all(&rig, tickets), 1);
    feed_body(&rig, tickets[0], 0);
    assert_takes(&rig, 0);
    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

/* ---- what need not be asked ---- */

static void what_is_ready_is_not_sent_and_comes_in_its_turn(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_list(&rig, "RaRbRR", 4);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[3], 3);

    assert_takes_ready(&rig, 0);
    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    feed_body(&rig, tickets[1], 1);
    assert_takes(&rig, 1);
    assert_takes_ready(&rig, 2);
    assert_takes(&rig, 3);
    assert_takes_ready(&rig, 4);
    assert_takes_ready(&rig, 5);

    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void a_list_that_is_all_ready_is_taken_without_anybody_wanting(void **state)
{
    (void)state;
    struct rig rig;
    prepare(&rig, MAX_REQUESTS);
    for (size_t i = 0; i < MAX_REQUESTS; i++)
        rig.is_ready[i] = true;
    const struct mly_ring_options options = options_of(&rig, 2);
    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);

    for (size_t i = 0; i < MAX_REQUESTS; i++)
        assert_takes_ready(&rig, i);

    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void what_is_ready_behind_empty_answers_needs_nobody_to_want_it(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_list(&rig, "aaRR", 1); /* two slots: both are taken */
    assert_int_equal(want_all(&rig, tickets), 1);
    assert_status(feed_http(&rig, tickets[0], 204), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 1);
    assert_status(feed_http(&rig, tickets[1], 204), MLY_OK, &rig.err);

    assert_takes_ready(&rig, 2);
    assert_takes_ready(&rig, 3);

    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void what_is_ready_does_not_count_as_in_flight(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_list(&rig, "RRRaRbRc", 2);

    assert_int_equal(want_all(&rig, tickets), 1); /* four slots: RRRa */
    for (size_t i = 0; i < 3; i++)
        assert_takes_ready(&rig, i);
    assert_int_equal(want_all(&rig, tickets), 1); /* the third may still be looked at: RaRb */
    feed_body(&rig, tickets[3], 3);
    assert_takes(&rig, 3);
    assert_int_equal(want_all(&rig, tickets), 0); /* aRbR */
    assert_takes_ready(&rig, 4);
    assert_int_equal(want_all(&rig, tickets), 1); /* RbRc, two of them in flight */

    tear_down(&rig);
}

static void what_is_ready_behind_a_failure_is_not_given(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_list(&rig, "RaR", 3);
    assert_int_equal(want_all(&rig, tickets), 1);
    assert_status(feed_http(&rig, tickets[1], 500), MLY_OK, &rig.err);

    assert_takes_ready(&rig, 0);
    assert_status(take(&rig), MLY_E_REMOTE, &rig.err);

    assert_says(rig.err.text, "key/1");
    tear_down(&rig);
}

static void a_list_that_fails_behind_what_is_ready_fails_the_taking(void **state)
{
    (void)state;
    struct rig rig;
    prepare(&rig, 3);
    rig.is_ready[0] = rig.is_ready[1] = true;
    rig.broken = 1;
    const struct mly_ring_options options = options_of(&rig, 2);
    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);

    assert_status(take(&rig), MLY_E_LIMIT, &rig.err);

    assert_says(rig.err.text, "number 1");
    tear_down(&rig);
}

static void an_answer_to_what_is_ready_is_the_caller_s_mistake(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_list(&rig, "Ra", 2);
    assert_int_equal(want_all(&rig, tickets), 1);

    assert_status(feed_http(&rig, tickets[1] - 1, 200), MLY_E_ARG, &rig.err);

    tear_down(&rig);
}

static void who_takes_all_is_told_what_is_missing_from_what_is_empty(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    struct mly_ring_answer answer;
    prepare(&rig, 2);
    struct mly_ring_options options = options_of(&rig, 2);
    options.takes_all = true;
    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 2);
    assert_status(feed_http(&rig, tickets[0], 404), MLY_OK, &rig.err);
    assert_status(feed_http(&rig, tickets[1], 204), MLY_OK, &rig.err);

    assert_status(mly_ring_take(rig.ring, &answer, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(answer.kind, MLY_ANSWER_EMPTY);
    assert_true(answer.is_missing);
    assert_status(mly_ring_take(rig.ring, &answer, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(answer.kind, MLY_ANSWER_EMPTY);
    assert_false(answer.is_missing);

    tear_down(&rig);
}

/* ---- how much at a time ---- */

static void the_number_in_flight_has_bounds(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0, MLY_LIMIT_CONNECTIONS + 1, UINT32_MAX};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct rig rig;
        prepare(&rig, 3);
        const struct mly_ring_options options = options_of(&rig, numbers[i]);

        assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_E_ARG, &rig.err);

        assert_null(rig.ring);
        assert_nothing_leaks(&rig.mem);
    }
}

static void as_many_are_in_flight_as_allowed_and_no_more(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {1, 2, 7, MLY_LIMIT_CONNECTIONS};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct rig rig;
        uint64_t tickets[MAX_REQUESTS];
        set_up(&rig, MAX_REQUESTS, numbers[i]);

        assert_int_equal(want_all(&rig, tickets), numbers[i]);
        feed_body(&rig, tickets[0], 0);
        assert_int_equal(want_all(&rig, tickets), 1);

        tear_down(&rig);
    }
}

static void second_attempts_count_among_those_in_flight(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request request;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 9, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    assert_status(feed_silence(&rig, tickets[0], MLY_E_CORRUPT, "cut"), MLY_OK, &rig.err);
    assert_status(feed_silence(&rig, tickets[1], MLY_E_CORRUPT, "cut"), MLY_OK, &rig.err);

    assert_status(want(&rig, &request), MLY_OK, &rig.err);
    assert_string_equal(request.key, "key/0");
    assert_status(want(&rig, &request), MLY_OK, &rig.err);
    assert_string_equal(request.key, "key/1");
    assert_status(want(&rig, &request), MLY_AGAIN, &rig.err);

    tear_down(&rig);
}

static void a_second_attempt_waits_until_something_comes_in(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request request;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 9, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[0], 0);
    assert_int_equal(want_all(&rig, tickets), 1);
    assert_takes(&rig, 0);
    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_AGAIN, &rig.err);

    assert_status(want(&rig, &request), MLY_AGAIN, &rig.err);
    feed_body(&rig, tickets[1], 1);
    assert_status(want(&rig, &request), MLY_OK, &rig.err);

    assert_string_equal(request.key, "key/0"); /* before anything new */
    assert_true(request.fresh);
    tear_down(&rig);
}

static void as_many_wait_for_their_turn_as_are_on_their_way(void **state)
{
    (void)state;
    enum { IN_FLIGHT = 3 };
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 20, IN_FLIGHT);
    size_t n_asked = want_all(&rig, tickets);

    for (size_t i = 1; i < n_asked; i++) { /* all but the first */
        feed_body(&rig, tickets[i], i);
        n_asked += want_all(&rig, tickets);
    }
    assert_int_equal(n_asked, 2 * IN_FLIGHT);
    feed_body(&rig, tickets[0], 0);
    assert_int_equal(want_all(&rig, tickets), 0); /* none of them has left */
    assert_takes(&rig, 0);
    assert_int_equal(want_all(&rig, tickets), 0); /* its body may still be looked at */
    assert_takes(&rig, 1);
    assert_int_equal(want_all(&rig, tickets), 1);

    tear_down(&rig);
}

static void nothing_new_is_asked_for_while_much_is_held(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 20, 4);
    assert_int_equal(want_all(&rig, tickets), 4);
    feed_bytes(&rig, tickets[1], MLY_LIMIT_HELD_BYTES / 2);
    assert_int_equal(want_all(&rig, tickets), 1);

    feed_bytes(&rig, tickets[2], MLY_LIMIT_HELD_BYTES / 2);
    assert_int_equal(want_all(&rig, tickets), 0); /* although the window has room, and two are in flight */
    feed_bytes(&rig, tickets[0], 1);
    assert_status(take(&rig), MLY_OK, &rig.err);
    assert_status(take(&rig), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 0);
    assert_status(take(&rig), MLY_OK, &rig.err); /* one half is gone */
    assert_int_equal(want_all(&rig, tickets), 2);

    tear_down(&rig);
}

static void of_large_answers_fewer_are_asked_for_at_a_time(void **state)
{
    (void)state;
    enum { N = 12, IN_FLIGHT = 8 };
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 40, IN_FLIGHT);
    size_t n_asked = want_all(&rig, tickets);
    assert_int_equal(n_asked, IN_FLIGHT); /* nothing is known yet */

    for (size_t i = 0; i < N; i++) { /* and none of them waits */
        feed_bytes(&rig, tickets[i], MLY_LIMIT_HELD_BYTES / 2);
        assert_status(take(&rig), MLY_OK, &rig.err);
        n_asked += want_all(&rig, tickets);
    }

    assert_int_equal(rig.n_in_flight, 2); /* beside the one that may still be looked at */
    for (size_t i = N; i < 30; i++) {
        feed_body(&rig, tickets[i], i);
        assert_takes(&rig, i);
        n_asked += want_all(&rig, tickets);
    }
    assert_int_equal(rig.n_in_flight, IN_FLIGHT); /* and of small ones as many as allowed */
    tear_down(&rig);
}

static void a_second_attempt_is_made_even_while_much_is_held(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request request;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 20, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_bytes(&rig, tickets[1], MLY_LIMIT_HELD_BYTES);

    assert_status(feed_silence(&rig, tickets[0], MLY_E_CORRUPT, "cut"), MLY_OK, &rig.err);

    assert_status(want(&rig, &request), MLY_OK, &rig.err); /* nothing moves without it */
    assert_string_equal(request.key, "key/0");
    tear_down(&rig);
}

static void bodies_beyond_the_bound_come_one_by_one(void **state)
{
    (void)state;
    enum { N = 3 };
    struct rig rig;
    struct mly_request request;
    set_up(&rig, N, 1);
    for (size_t i = 0; i < N; i++) {
        assert_status(take(&rig), MLY_AGAIN, &rig.err);
        assert_status(want(&rig, &request), MLY_OK, &rig.err);
        feed_bytes(&rig, request.ticket, MLY_LIMIT_HELD_BYTES + 1);
        assert_status(want(&rig, &request), MLY_AGAIN, &rig.err);
        assert_status(take(&rig), MLY_OK, &rig.err);
    }

    assert_status(take(&rig), MLY_DONE, &rig.err);
    assert_true(rig.mem.peak_bytes < 3 * (size_t)MLY_LIMIT_HELD_BYTES); /* one, in a buffer that doubles as it grows */
    tear_down(&rig);
}

/* ---- empty answers ---- */

static void empty_answers_are_passed_over(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 6, 6);
    assert_int_equal(want_all(&rig, tickets), 6);
    assert_status(feed_http(&rig, tickets[0], 204), MLY_OK, &rig.err);
    feed_body(&rig, tickets[1], 1);
    assert_status(feed_http(&rig, tickets[2], 200), MLY_OK, &rig.err);
    assert_status(feed_http(&rig, tickets[3], 404), MLY_OK, &rig.err);
    feed_body(&rig, tickets[4], 4);
    assert_status(feed_http(&rig, tickets[5], 204), MLY_OK, &rig.err);

    assert_takes(&rig, 1);
    assert_takes(&rig, 4);

    assert_status(take(&rig), MLY_DONE, &rig.err);
    assert_string_equal(rig.debug, "tile key/3: HTTP 404, taken as empty\n"); /* it may have been a passing one */
    tear_down(&rig);
}

static void empty_answers_alone_are_done(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 10, 2);
    for (size_t i = 0; i < 10; i += 2) {
        assert_int_equal(want_all(&rig, tickets), 2);
        assert_status(feed_http(&rig, tickets[i + 1], 204), MLY_OK, &rig.err);
        assert_status(take(&rig), MLY_AGAIN, &rig.err);
        assert_status(feed_http(&rig, tickets[i], 204), MLY_OK, &rig.err);
        assert_status(take(&rig), i < 8 ? MLY_AGAIN : MLY_DONE, &rig.err);
    }
    tear_down(&rig);
}

static void an_entity_that_the_graph_does_not_know_is_passed_over(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    prepare(&rig, 2);
    rig.kind = MLY_REQUEST_GRAPH;
    const struct mly_ring_options options = options_of(&rig, 2);
    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 2);
    const struct mly_span unknown = span_of("{\"error\":{\"code\":100,\"error_subcode\":33}}");
    assert_status(answer(&rig, (struct mly_response){.ticket = tickets[0], .http = 400}, unknown), MLY_OK, &rig.err);
    feed_body(&rig, tickets[1], 1);

    assert_takes(&rig, 1);

    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

/* ---- answers that do not decode ---- */

static void a_body_that_does_not_decode_is_asked_for_once_more_past_every_cache(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_request first, second;
    set_up(&rig, 1, 4);
    assert_status(want(&rig, &first), MLY_OK, &rig.err);
    feed_body(&rig, first.ticket, 0);
    assert_takes(&rig, 0);

    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_AGAIN, &rig.err);

    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    assert_status(want(&rig, &second), MLY_OK, &rig.err);
    assert_false(first.fresh);
    assert_true(second.fresh);
    assert_string_equal(second.key, first.key);
    assert_string_equal(second.url, first.url);
    assert_says(rig.debug, "tile key/0: the answer does not decode");
    feed_body(&rig, second.ticket, 0);
    assert_takes(&rig, 0);
    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void a_body_that_does_not_decode_twice_fails_and_is_named(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 2, 4);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[0], 0);
    assert_takes(&rig, 0);
    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_AGAIN, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 1);
    feed_body(&rig, tickets[0], 0);
    assert_takes(&rig, 0);

    mly_fail(&rig.err, MLY_E_CORRUPT, "extent 0");
    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_E_CORRUPT, &rig.err);

    assert_string_equal(rig.err.text, "tile key/0 (asked for twice): extent 0");
    tear_down(&rig);
}

static void order_is_kept_around_a_second_attempt(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 3, 3);
    assert_int_equal(want_all(&rig, tickets), 3);
    for (size_t i = 0; i < 3; i++)
        feed_body(&rig, tickets[i], i);
    assert_takes(&rig, 0);
    assert_takes(&rig, 1);
    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_AGAIN, &rig.err);

    assert_status(take(&rig), MLY_AGAIN, &rig.err); /* not the third, although it is here */
    assert_int_equal(want_all(&rig, tickets), 1);
    feed_body(&rig, tickets[1], 1);

    assert_takes(&rig, 1);
    assert_takes(&rig, 2);
    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void a_transport_that_cannot_decode_gets_the_same_second_chance(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    struct mly_request request;
    set_up(&rig, 1, 4);
    assert_int_equal(want_all(&rig, tickets), 1);

    assert_status(feed_silence(&rig, tickets[0], MLY_E_CORRUPT, "gzip is cut"), MLY_OK, &rig.err);

    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    assert_status(want(&rig, &request), MLY_OK, &rig.err);
    assert_true(request.fresh);
    assert_status(feed_silence(&rig, request.ticket, MLY_E_CORRUPT, "gzip is cut"), MLY_OK, &rig.err);
    assert_status(want(&rig, &request), MLY_AGAIN, &rig.err);
    assert_status(take(&rig), MLY_E_CORRUPT, &rig.err);
    assert_string_equal(rig.err.text, "tile key/0 (asked for twice): gzip is cut");
    tear_down(&rig);
}

static void there_is_one_second_chance_whoever_cannot_decode(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 1, 4);
    assert_int_equal(want_all(&rig, tickets), 1);
    assert_status(feed_silence(&rig, tickets[0], MLY_E_CORRUPT, "gzip is cut"), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 1);
    feed_body(&rig, tickets[0], 0);
    assert_takes(&rig, 0);

    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_E_CORRUPT, &rig.err);

    tear_down(&rig);
}

static void what_is_refused_for_another_reason_fails_at_once(void **state)
{
    (void)state;
    static const enum mly_status statuses[] = {MLY_E_NOMEM, MLY_E_LIMIT, MLY_E_REMOTE};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct rig rig;
        uint64_t tickets[MAX_REQUESTS];
        set_up(&rig, 2, 4);
        assert_int_equal(want_all(&rig, tickets), 2);
        feed_body(&rig, tickets[0], 0);
        assert_takes(&rig, 0);

        mly_fail(&rig.err, statuses[i], "it does not fit");
        assert_status(mly_ring_refuse(rig.ring, statuses[i], &rig.err), statuses[i], &rig.err);

        assert_int_equal(rig.err.code, statuses[i]);
        assert_string_equal(rig.err.text, "tile key/0: it does not fit");
        tear_down(&rig);
    }
}

/* ---- failures ---- */

static void a_failure_waits_for_its_turn(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 9, 4);
    assert_int_equal(want_all(&rig, tickets), 4);

    assert_status(feed_http(&rig, tickets[2], 500), MLY_OK, &rig.err);
    feed_body(&rig, tickets[1], 1);
    feed_body(&rig, tickets[3], 3);
    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    feed_body(&rig, tickets[0], 0);

    assert_takes(&rig, 0);
    assert_takes(&rig, 1);
    assert_status(take(&rig), MLY_E_REMOTE, &rig.err);
    assert_string_equal(rig.err.text, "tile key/2: HTTP 500; repeat the read later");
    tear_down(&rig);
}

static void nothing_new_is_asked_for_once_something_failed(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 9, 4);
    assert_int_equal(want_all(&rig, tickets), 4);

    assert_status(feed_http(&rig, tickets[3], 410), MLY_OK, &rig.err);
    feed_body(&rig, tickets[0], 0);

    assert_int_equal(want_all(&rig, tickets), 0);
    tear_down(&rig);
}

static void the_first_failure_of_the_list_is_the_one_told(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 3, 3);
    assert_int_equal(want_all(&rig, tickets), 3);
    assert_status(feed_silence(&rig, tickets[2], MLY_E_NETWORK, "no route"), MLY_OK, &rig.err);
    assert_status(feed_silence(&rig, tickets[0], MLY_E_IO, "disk is full"), MLY_OK, &rig.err);

    assert_status(take(&rig), MLY_E_IO, &rig.err);

    assert_string_equal(rig.err.text, "tile key/0: disk is full");
    tear_down(&rig);
}

static void a_failure_keeps_its_code_and_says_how_often_it_was_tried(void **state)
{
    (void)state;
    static const enum mly_status statuses[] = {MLY_E_NOMEM, MLY_E_LIMIT, MLY_E_NETWORK, MLY_E_IO};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        struct rig rig;
        uint64_t tickets[MAX_REQUESTS];
        struct mly_response response = {.status = statuses[i], .attempts = 4, .why = "no answer"};
        set_up(&rig, 1, 1);
        assert_int_equal(want_all(&rig, tickets), 1);
        response.ticket = tickets[0];
        assert_status(answer(&rig, response, (struct mly_span){.data = NULL}), MLY_OK, &rig.err);

        assert_status(take(&rig), statuses[i], &rig.err);

        assert_int_equal(rig.err.code, statuses[i]);
        assert_string_equal(rig.err.text, "tile key/0: 4 attempts: no answer");
        tear_down(&rig);
    }
}

static void a_caller_who_is_refused_stops_at_once(void **state)
{
    (void)state;
    static const struct {
        int http;
        enum mly_status status;
    } refusals[] = {{401, MLY_E_AUTH}, {403, MLY_E_AUTH}, {302, MLY_E_QUOTA}, {307, MLY_E_QUOTA}};
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct rig rig;
        uint64_t tickets[MAX_REQUESTS];
        set_up(&rig, 9, 4);
        assert_int_equal(want_all(&rig, tickets), 4);
        feed_body(&rig, tickets[0], 0);

        assert_status(feed_http(&rig, tickets[2], refusals[i].http), refusals[i].status, &rig.err);

        assert_int_equal(rig.err.code, refusals[i].status);
        assert_int_equal(strncmp(rig.err.text, "tile key/2: HTTP ", 17), 0);
        tear_down(&rig);
    }
}

static void a_transport_without_a_token_stops_at_once(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 9, 4);
    assert_int_equal(want_all(&rig, tickets), 4);

    assert_status(feed_silence(&rig, tickets[3], MLY_E_AUTH, "there is no token"), MLY_E_AUTH, &rig.err);

    assert_string_equal(rig.err.text, "tile key/3: there is no token");
    tear_down(&rig);
}

/* ---- going on ---- */

static void set_up_skipping(struct rig *rig, size_t n_requests, uint32_t max_in_flight)
{
    prepare(rig, n_requests);
    struct mly_ring_options options = options_of(rig, max_in_flight);
    options.losses = &rig->losses;
    assert_status(mly_ring_new(&options, &rig->ring, &rig->err), MLY_OK, &rig->err);
}

static void assert_takes_lost(struct rig *rig, size_t number, enum mly_status failure, const char *words)
{
    struct mly_ring_answer answer = {.tag = 0};
    assert_status(mly_ring_take(rig->ring, &answer, &rig->err), MLY_OK, &rig->err);
    assert_int_equal(answer.kind, MLY_ANSWER_LOST);
    assert_true(answer.tag == tag_base + number);
    assert_status(mly_ring_give_up(rig->ring, &rig->err), failure, &rig->err);
    assert_string_equal(rig->err.text, words);
}

static void what_is_lost_is_an_answer_and_the_rest_is_asked_for(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_skipping(&rig, 4, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    assert_status(feed_http(&rig, tickets[1], 500), MLY_OK, &rig.err);
    assert_status(feed_silence(&rig, tickets[0], MLY_E_NETWORK, "no route"), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[2], 2);
    assert_status(feed_silence(&rig, tickets[3], MLY_E_LIMIT, "too large"), MLY_OK, &rig.err);

    assert_takes_lost(&rig, 0, MLY_E_NETWORK, "tile key/0: no route");
    assert_takes_lost(&rig, 1, MLY_E_REMOTE, "tile key/1: HTTP 500; repeat the read later");
    assert_takes(&rig, 2);
    assert_takes_lost(&rig, 3, MLY_E_LIMIT, "tile key/3: too large");
    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void what_does_not_decode_twice_may_be_gone_on_after(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_skipping(&rig, 2, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[0], 0);
    feed_body(&rig, tickets[1], 1);
    assert_takes(&rig, 0);
    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_AGAIN, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 1);
    feed_body(&rig, tickets[0], 0);
    assert_takes(&rig, 0);
    mly_fail(&rig.err, MLY_E_CORRUPT, "it is cut");

    assert_status(mly_ring_refuse(rig.ring, MLY_E_CORRUPT, &rig.err), MLY_E_CORRUPT, &rig.err);

    assert_string_equal(rig.err.text, "tile key/0 (asked for twice): it is cut");
    assert_takes(&rig, 1);
    assert_status(take(&rig), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void what_no_read_can_do_without_is_a_failure_still(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up_skipping(&rig, 9, 3);
    assert_int_equal(want_all(&rig, tickets), 3);

    assert_status(feed_http(&rig, tickets[1], 429), MLY_OK, &rig.err);
    assert_status(feed_silence(&rig, tickets[2], MLY_E_NOMEM, "no room"), MLY_OK, &rig.err);
    feed_body(&rig, tickets[0], 0);

    assert_int_equal(want_all(&rig, tickets), 0);
    assert_takes(&rig, 0);
    assert_status(take(&rig), MLY_E_QUOTA, &rig.err);
    assert_string_equal(rig.err.text, "tile key/1: HTTP 429; wait an hour, then read less at a time");
    tear_down(&rig);
}

static void a_graph_request_is_called_by_its_name(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    prepare(&rig, 1);
    rig.kind = MLY_REQUEST_GRAPH;
    const struct mly_ring_options options = options_of(&rig, 1);
    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 1);
    assert_status(feed_http(&rig, tickets[0], 500), MLY_OK, &rig.err);

    assert_status(take(&rig), MLY_E_REMOTE, &rig.err);

    assert_string_equal(rig.err.text, "Graph request key/0: HTTP 500; repeat the read later");
    tear_down(&rig);
}

static void nobody_needs_the_words_of_a_failure(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    struct mly_ring_answer answer;
    set_up(&rig, 3, 3);
    assert_int_equal(want_all(&rig, tickets), 3);
    struct mly_response gone = {.ticket = tickets[0], .http = 410}, refused = {.ticket = tickets[1], .http = 401};

    assert_status(mly_ring_feed(rig.ring, &gone, NULL), MLY_OK, NULL);
    assert_status(mly_ring_feed(rig.ring, &refused, NULL), MLY_E_AUTH, NULL);
    assert_status(mly_ring_take(rig.ring, &answer, NULL), MLY_E_REMOTE, NULL);

    tear_down(&rig);
}

/* ---- answers nobody asked for ---- */

static void an_answer_to_nothing_is_the_caller_s_mistake(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 9, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    const uint64_t others[] = {2, 3, 4, 1000, UINT64_MAX, UINT64_MAX - 1};
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_true(others[i] != tickets[0] && others[i] != tickets[1]);
        assert_status(feed_http(&rig, others[i], 200), MLY_E_ARG, &rig.err);
    }
    tear_down(&rig);
}

static void an_answer_to_what_is_not_asked_yet_is_the_caller_s_mistake(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS], highest = 0;
    set_up(&rig, 20, 3);
    size_t n_asked = want_all(&rig, tickets);
    for (size_t i = 1; i < n_asked; i++) { /* all but the first: the window is full */
        feed_body(&rig, tickets[i], i);
        n_asked += want_all(&rig, tickets);
    }
    for (size_t i = 0; i < n_asked; i++)
        highest = tickets[i] > highest ? tickets[i] : highest;

    for (uint64_t ticket = highest + 1; ticket < highest + 20; ticket++)
        assert_status(feed_http(&rig, ticket, 200), MLY_E_ARG, &rig.err);

    feed_body(&rig, tickets[0], 0);
    assert_takes(&rig, 0);
    tear_down(&rig);
}

static void a_second_answer_is_the_caller_s_mistake_and_its_body_is_left_to_him(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 9, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[0], 0);
    const struct mly_response again = {.ticket = tickets[0], .http = 200};

    assert_status(answer(&rig, again, span_of("held")), MLY_E_ARG, &rig.err);
    assert_takes(&rig, 0);
    assert_status(answer(&rig, again, span_of("being looked at")), MLY_E_ARG, &rig.err);
    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    assert_status(answer(&rig, again, span_of("gone")), MLY_E_ARG, &rig.err);

    tear_down(&rig);
}

/* ---- debug lines ---- */

static void a_debug_line_names_the_answer_taken_last(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    set_up(&rig, 2, 2);
    assert_int_equal(want_all(&rig, tickets), 2);
    feed_body(&rig, tickets[0], 0);
    feed_body(&rig, tickets[1], 1);
    assert_takes(&rig, 0);
    assert_takes(&rig, 1);

    mly_ring_debug(rig.ring, "is odd");

    assert_string_equal(rig.debug, "tile key/1: is odd\n");
    tear_down(&rig);
}

static void debug_lines_need_no_listener(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS];
    prepare(&rig, 2);
    struct mly_ring_options options = options_of(&rig, 2);
    options.debug = NULL;
    assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, tickets), 2);
    assert_status(feed_http(&rig, tickets[0], 404), MLY_OK, &rig.err);
    assert_status(feed_silence(&rig, tickets[1], MLY_E_CORRUPT, "cut"), MLY_OK, &rig.err);

    mly_ring_debug(rig.ring, "is odd");

    assert_string_equal(rig.debug, "");
    tear_down(&rig);
}

/* ---- everything at once ---- */

enum fate { A_BODY, EMPTY, READY, CUT_ONCE, REFUSED_ONCE, N_FATES };

struct trial {
    enum fate fates[MAX_REQUESTS];
    uint32_t n_asked[MAX_REQUESTS];
    size_t waiting[MAX_REQUESTS]; /* numbers in flight */
    uint64_t tickets[MAX_REQUESTS];
    uint32_t max_in_flight;
};

static void ask(struct rig *rig, struct trial *trial)
{
    struct mly_request request;
    while (want(rig, &request) == MLY_OK) {
        const size_t number = number_of(&request);
        assert_true(rig->n_in_flight <= trial->max_in_flight);
        assert_int_equal(request.fresh, trial->n_asked[number] > 0);
        for (size_t i = 0; i + 1 < rig->n_in_flight; i++)
            assert_true(trial->tickets[trial->waiting[i]] != request.ticket);
        trial->n_asked[number]++;
        trial->tickets[number] = request.ticket;
        trial->waiting[rig->n_in_flight - 1] = number;
    }
}

/* Answers one of the requests in flight, whichever chance says. */
static void reply(struct rig *rig, struct trial *trial, struct chance *chance)
{
    const size_t i = chance_below(chance, rig->n_in_flight), number = trial->waiting[i];
    const uint64_t ticket = trial->tickets[number];
    trial->waiting[i] = trial->waiting[rig->n_in_flight - 1];
    if (trial->fates[number] == EMPTY)
        assert_status(feed_http(rig, ticket, 204), MLY_OK, &rig->err);
    else if (trial->fates[number] == CUT_ONCE && trial->n_asked[number] == 1)
        assert_status(feed_silence(rig, ticket, MLY_E_CORRUPT, "cut"), MLY_OK, &rig->err);
    else
        feed_body(rig, ticket, number);
}

/* Takes what there is, from number `*next` on; false at the end. */
static bool take_some(struct rig *rig, const struct trial *trial, size_t *next)
{
    for (;;) {
        struct mly_ring_answer answer;
        const enum mly_status status = mly_ring_take(rig->ring, &answer, &rig->err);
        if (status != MLY_OK) {
            assert_true(status == MLY_AGAIN || status == MLY_DONE);
            return status == MLY_AGAIN;
        }
        while (trial->fates[*next] == EMPTY)
            ++*next;
        assert_true(answer.tag == tag_base + *next);
        assert_int_equal(answer.kind, trial->fates[*next] == READY ? MLY_ANSWER_READY : MLY_ANSWER_BODY);
        if (trial->fates[*next] == REFUSED_ONCE && trial->n_asked[*next] == 1)
            assert_status(mly_ring_refuse(rig->ring, MLY_E_CORRUPT, &rig->err), MLY_AGAIN, &rig->err);
        else
            ++*next;
    }
}

static void whatever_happens_the_answers_come_in_order_and_once(void **state)
{
    (void)state;
    struct chance chance = {.state = 20};
    for (unsigned long round = chance_rounds(300); round > 0; round--) {
        struct rig rig;
        struct trial trial = {.max_in_flight = 1 + (uint32_t)chance_below(&chance, 9)};
        const size_t n = chance_below(&chance, MAX_REQUESTS);
        size_t next = 0;
        prepare(&rig, n);
        for (size_t i = 0; i < MAX_REQUESTS; i++) {
            trial.fates[i] = i < n ? (enum fate)chance_below(&chance, N_FATES) : A_BODY;
            rig.is_ready[i] = trial.fates[i] == READY;
        }
        const struct mly_ring_options options = options_of(&rig, trial.max_in_flight);
        assert_status(mly_ring_new(&options, &rig.ring, &rig.err), MLY_OK, &rig.err);

        while (take_some(&rig, &trial, &next)) {
            ask(&rig, &trial);
            assert_true(rig.n_in_flight > 0); /* it never waits for nothing */
            reply(&rig, &trial, &chance);
            rig.debug[0] = '\0';
        }

        while (next < n && trial.fates[next] == EMPTY)
            next++;
        assert_int_equal(next, n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(trial.n_asked[i], trial.fates[i] == READY ? 0 : trial.fates[i] >= CUT_ONCE ? 2 : 1);
        tear_down(&rig);
    }
}

static void a_ring_is_freed_with_whatever_is_in_it(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t tickets[MAX_REQUESTS] = {0};
    set_up(&rig, 9, 5);
    assert_int_equal(want_all(&rig, tickets), 5);
    feed_body(&rig, tickets[0], 0);
    feed_body(&rig, tickets[1], 1);
    assert_status(feed_http(&rig, tickets[2], 500), MLY_OK, &rig.err);
    assert_status(feed_silence(&rig, tickets[3], MLY_E_CORRUPT, "cut"), MLY_OK, &rig.err);
    assert_takes(&rig, 0);

    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_list_is_done_at_once),
        cmocka_unit_test(nothing_is_done_before_it_was_asked_for),
        cmocka_unit_test(the_end_is_known_when_the_last_answer_is_taken),
        cmocka_unit_test(the_end_is_known_also_when_the_last_answers_are_empty),
        cmocka_unit_test(the_list_is_asked_once_for_each_request_and_once_for_its_end),
        cmocka_unit_test(a_request_goes_out_as_the_list_makes_it),
        cmocka_unit_test(a_list_that_fails_at_once_makes_no_ring),
        cmocka_unit_test(a_list_that_fails_later_fails_the_asking),
        cmocka_unit_test(a_ring_without_memory_is_none),
        cmocka_unit_test(no_ring_is_freed_too),
        cmocka_unit_test(every_order_of_arrival_gives_the_list_s_order),
        cmocka_unit_test(what_can_be_taken_is_given_as_soon_as_its_turn_comes),
        cmocka_unit_test(a_body_is_moved_and_stays_until_the_next_one_is_taken),
        cmocka_unit_test(a_body_that_is_moved_is_the_taker_s),
        cmocka_unit_test(a_body_that_was_moved_can_still_be_refused),
        cmocka_unit_test(what_is_ready_is_not_sent_and_comes_in_its_turn),
        cmocka_unit_test(a_list_that_is_all_ready_is_taken_without_anybody_wanting),
        cmocka_unit_test(what_is_ready_behind_empty_answers_needs_nobody_to_want_it),
        cmocka_unit_test(what_is_ready_does_not_count_as_in_flight),
        cmocka_unit_test(what_is_ready_behind_a_failure_is_not_given),
        cmocka_unit_test(a_list_that_fails_behind_what_is_ready_fails_the_taking),
        cmocka_unit_test(an_answer_to_what_is_ready_is_the_caller_s_mistake),
        cmocka_unit_test(who_takes_all_is_told_what_is_missing_from_what_is_empty),
        cmocka_unit_test(the_number_in_flight_has_bounds),
        cmocka_unit_test(as_many_are_in_flight_as_allowed_and_no_more),
        cmocka_unit_test(second_attempts_count_among_those_in_flight),
        cmocka_unit_test(a_second_attempt_waits_until_something_comes_in),
        cmocka_unit_test(as_many_wait_for_their_turn_as_are_on_their_way),
        cmocka_unit_test(nothing_new_is_asked_for_while_much_is_held),
        cmocka_unit_test(of_large_answers_fewer_are_asked_for_at_a_time),
        cmocka_unit_test(a_second_attempt_is_made_even_while_much_is_held),
        cmocka_unit_test(bodies_beyond_the_bound_come_one_by_one),
        cmocka_unit_test(empty_answers_are_passed_over),
        cmocka_unit_test(empty_answers_alone_are_done),
        cmocka_unit_test(an_entity_that_the_graph_does_not_know_is_passed_over),
        cmocka_unit_test(a_body_that_does_not_decode_is_asked_for_once_more_past_every_cache),
        cmocka_unit_test(a_body_that_does_not_decode_twice_fails_and_is_named),
        cmocka_unit_test(order_is_kept_around_a_second_attempt),
        cmocka_unit_test(a_transport_that_cannot_decode_gets_the_same_second_chance),
        cmocka_unit_test(there_is_one_second_chance_whoever_cannot_decode),
        cmocka_unit_test(what_is_refused_for_another_reason_fails_at_once),
        cmocka_unit_test(a_failure_waits_for_its_turn),
        cmocka_unit_test(nothing_new_is_asked_for_once_something_failed),
        cmocka_unit_test(the_first_failure_of_the_list_is_the_one_told),
        cmocka_unit_test(a_failure_keeps_its_code_and_says_how_often_it_was_tried),
        cmocka_unit_test(a_caller_who_is_refused_stops_at_once),
        cmocka_unit_test(a_transport_without_a_token_stops_at_once),
        cmocka_unit_test(what_is_lost_is_an_answer_and_the_rest_is_asked_for),
        cmocka_unit_test(what_does_not_decode_twice_may_be_gone_on_after),
        cmocka_unit_test(what_no_read_can_do_without_is_a_failure_still),
        cmocka_unit_test(a_graph_request_is_called_by_its_name),
        cmocka_unit_test(nobody_needs_the_words_of_a_failure),
        cmocka_unit_test(an_answer_to_nothing_is_the_caller_s_mistake),
        cmocka_unit_test(an_answer_to_what_is_not_asked_yet_is_the_caller_s_mistake),
        cmocka_unit_test(a_second_answer_is_the_caller_s_mistake_and_its_body_is_left_to_him),
        cmocka_unit_test(a_debug_line_names_the_answer_taken_last),
        cmocka_unit_test(debug_lines_need_no_listener),
        cmocka_unit_test(whatever_happens_the_answers_come_in_order_and_once),
        cmocka_unit_test(a_ring_is_freed_with_whatever_is_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
