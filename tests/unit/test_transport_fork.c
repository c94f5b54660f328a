/* SPDX-License-Identifier: MIT */
#include "io/transports.h"

#include <stdio.h>
#include <string.h>

#include "support/fail_mem.h"
#include "support/fake_clock.h"
#include "support/script_transport.h"

static const char why[] = "nobody is there";

/* A fork over two scripts that share a clock, or over one or none. */
struct bench {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport sides[MLY_SERVICES]; /* by kind */
    bool has[MLY_SERVICES];
    struct mly_transport *fork;
    struct mly_error err;
    uint64_t ticket; /* of the last request */
};

static enum mly_status make(struct bench *bench)
{
    struct mly_transport *inner[MLY_SERVICES];
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        script_init(&bench->sides[kind], &bench->mem.mem, &bench->clock);
        inner[kind] = bench->has[kind] ? &bench->sides[kind].base : NULL;
    }
    return mly_transport_fork(inner[MLY_REQUEST_TILE], inner[MLY_REQUEST_GRAPH], why, &bench->mem.mem, &bench->fork,
                              &bench->err);
}

static void begin(struct bench *bench, bool has_tiles, bool has_graph)
{
    *bench = (struct bench){.has = {[MLY_REQUEST_TILE] = has_tiles, [MLY_REQUEST_GRAPH] = has_graph}};
    fail_mem_init(&bench->mem);
    fake_clock_init(&bench->clock, 1000);
    assert_status(make(bench), MLY_OK, &bench->err);
}

static void end(struct bench *bench)
{
    mly_transport_free(bench->fork);
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        assert_int_equal(bench->sides[kind].n_destroyed, bench->has[kind] ? 1 : 0);
        assert_script_is_used_up(&bench->sides[kind]);
    }
    assert_nothing_leaks(&bench->mem);
}

/* The request is answered with its own key, so late. */
static void expect(struct bench *bench, enum mly_request_kind kind, const char *key, uint32_t after_ms)
{
    const struct mly_span body = {.data = (const uint8_t *)key, .size = strlen(key)};
    script_add(&bench->sides[kind], (struct script_answer){.key = key, .body = body, .after_ms = after_ms});
}

/* Returns its ticket. */
static uint64_t submit(struct bench *bench, enum mly_request_kind kind, const char *key)
{
    struct mly_request request = {.ticket = ++bench->ticket, .kind = kind, .max_bytes = 1000};
    (void)snprintf(request.key, sizeof request.key, "%s", key);
    assert_status(bench->fork->vtbl->submit(bench->fork, &request, &bench->err), MLY_OK, &bench->err);
    return request.ticket;
}

static uint64_t ask(struct bench *bench, enum mly_request_kind kind, const char *key, uint32_t after_ms)
{
    expect(bench, kind, key, after_ms);
    return submit(bench, kind, key);
}

static enum mly_status poll(struct bench *bench, uint32_t timeout_ms, struct mly_response *out)
{
    return bench->fork->vtbl->poll(bench->fork, timeout_ms, out, &bench->err);
}

/* The next answer is to this request, and is its key. */
static void check(struct bench *bench, uint32_t timeout_ms, uint64_t ticket, const char *key)
{
    struct mly_response response;
    assert_status(poll(bench, timeout_ms, &response), MLY_OK, &bench->err);
    assert_int_equal(response.ticket, ticket);
    assert_status(response.status, MLY_OK, NULL);
    assert_span(mly_buf_view(&response.body), key, strlen(key));
    mly_transport_fini_response(&response);
}

static void check_refused(struct bench *bench, uint64_t ticket)
{
    struct mly_response response;
    assert_status(poll(bench, 1000, &response), MLY_OK, &bench->err);
    assert_int_equal(response.ticket, ticket);
    assert_status(response.status, MLY_E_REMOTE, NULL);
    assert_string_equal(response.why, why);
    assert_int_equal(response.http, 0);
    assert_int_equal(response.body.size, 0);
    mly_transport_fini_response(&response);
}

static void check_over(struct bench *bench)
{
    struct mly_response response;
    const uint64_t before_ms = bench->clock.now_ms;
    assert_status(poll(bench, 1000, &response), MLY_DONE, &bench->err);
    assert_int_equal(bench->clock.now_ms, before_ms);
}

/* ---- who is asked ---- */

static void each_request_goes_to_the_transport_of_its_kind(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, true, true);
    check_over(&bench);

    const uint64_t tile = ask(&bench, MLY_REQUEST_TILE, "tile", 0);
    check(&bench, 1000, tile, "tile");
    const uint64_t graph = ask(&bench, MLY_REQUEST_GRAPH, "graph", 0);
    check(&bench, 1000, graph, "graph");

    assert_int_equal(script_count(&bench.sides[MLY_REQUEST_TILE], "tile"), 1);
    assert_int_equal(script_count(&bench.sides[MLY_REQUEST_GRAPH], "graph"), 1);
    check_over(&bench);
    end(&bench);
}

static void requests_that_nobody_can_answer_are_answered_with_the_reason(void **state)
{
    (void)state;
    static const bool there[][MLY_SERVICES] = {{false, true}, {true, false}, {false, false}};
    for (size_t i = 0; i < COUNT(there); i++) {
        struct bench bench;
        begin(&bench, there[i][MLY_REQUEST_TILE], there[i][MLY_REQUEST_GRAPH]);
        for (enum mly_request_kind kind = MLY_REQUEST_TILE; kind <= MLY_REQUEST_GRAPH; kind++) {
            if (bench.has[kind]) {
                const uint64_t ticket = ask(&bench, kind, "here", 5);
                check(&bench, 1000, ticket, "here");
                continue;
            }
            for (int round = 0; round < 2; round++) {
                const uint64_t first = submit(&bench, kind, "gone"), second = submit(&bench, kind, "gone");
                check_refused(&bench, first);
                check_refused(&bench, second);
            }
        }
        check_over(&bench);
        end(&bench);
    }
}

static void what_an_inner_transport_refuses_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    const struct mly_request request = {.ticket = 1, .kind = MLY_REQUEST_GRAPH, .key = "graph", .max_bytes = 10};
    begin(&bench, true, true);
    script_add(&bench.sides[MLY_REQUEST_GRAPH],
               (struct script_answer){.key = "graph", .refused = MLY_E_NETWORK, .why = "no sockets"});
    assert_status(bench.fork->vtbl->submit(bench.fork, &request, &bench.err), MLY_E_NETWORK, NULL);
    assert_says(bench.err.text, "no sockets");
    check_over(&bench);
    end(&bench);
}

/* ---- when ---- */

static void neither_side_keeps_the_other_from_being_heard(void **state)
{
    (void)state;
    enum { N = 6 };
    char keys[MLY_SERVICES][N][8];
    struct mly_response response;
    struct bench bench;
    begin(&bench, true, true);
    for (size_t i = 0; i < N; i++) {
        for (enum mly_request_kind kind = MLY_REQUEST_TILE; kind <= MLY_REQUEST_GRAPH; kind++) {
            (void)snprintf(keys[kind][i], sizeof keys[kind][i], "%zu", i);
            (void)ask(&bench, kind, keys[kind][i], 0);
        }
    }
    uint64_t previous = 0;
    for (size_t i = 0; i < (size_t)MLY_SERVICES * N; i++) { /* odd tickets are tiles' */
        assert_status(poll(&bench, 0, &response), MLY_OK, &bench.err);
        assert_true(i == 0 || response.ticket % 2 != previous % 2);
        previous = response.ticket;
        mly_transport_fini_response(&response);
    }
    check_over(&bench);
    end(&bench);
}

static void what_is_ready_does_not_wait_for_the_other_side(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct bench bench;
        begin(&bench, true, true);
        const uint64_t slow = ask(&bench, kinds[i], "slow", 500);
        const uint64_t a = ask(&bench, kinds[1 - i], "a", 0), b = ask(&bench, kinds[1 - i], "b", 0);
        check(&bench, 1000, a, "a");
        check(&bench, 1000, b, "b");
        assert_int_equal(bench.clock.now_ms, 1000); /* no time has passed */
        check(&bench, 1000, slow, "slow");
        assert_int_equal(bench.clock.now_ms, 1500);
        end(&bench);
    }
}

static void the_only_side_that_owes_is_waited_for_as_long_as_allowed(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    for (size_t i = 0; i < 2 * COUNT(kinds); i++) {
        struct mly_response response;
        struct bench bench;
        const enum mly_request_kind kind = kinds[i % 2];
        const bool is_alone = i >= COUNT(kinds);
        begin(&bench, kind == MLY_REQUEST_TILE || !is_alone, kind == MLY_REQUEST_GRAPH || !is_alone);
        const uint64_t ticket = ask(&bench, kind, "late", 500);
        assert_status(poll(&bench, 100, &response), MLY_AGAIN, &bench.err);
        assert_int_equal(bench.clock.now_ms, 1100);
        assert_status(poll(&bench, 0, &response), MLY_AGAIN, &bench.err);
        assert_int_equal(bench.clock.now_ms, 1100);
        check(&bench, 1000, ticket, "late");
        assert_int_equal(bench.clock.now_ms, 1500);
        check_over(&bench);
        end(&bench);
    }
}

static void two_sides_that_owe_are_both_listened_to(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct bench bench;
        begin(&bench, true, true);
        const uint64_t later = ask(&bench, kinds[i], "later", 300);
        const uint64_t sooner = ask(&bench, kinds[1 - i], "sooner", 105);
        check(&bench, 1000, sooner, "sooner");
        assert_in_range(bench.clock.now_ms, 1105, 1120); /* the other has kept it waiting for a moment at most */
        check(&bench, 1000, later, "later");
        assert_int_equal(bench.clock.now_ms, 1300);
        end(&bench);
    }
}

static void two_sides_that_owe_are_waited_for_no_longer_than_allowed(void **state)
{
    (void)state;
    static const uint32_t timeouts[] = {0, 1, 9, 10, 11, 95, 200};
    struct mly_response response;
    struct bench bench;
    begin(&bench, true, true);
    (void)ask(&bench, MLY_REQUEST_TILE, "tile", 10000);
    (void)ask(&bench, MLY_REQUEST_GRAPH, "graph", 10000);
    for (size_t i = 0; i < COUNT(timeouts); i++) {
        const uint64_t before_ms = bench.clock.now_ms;
        assert_status(poll(&bench, timeouts[i], &response), MLY_AGAIN, &bench.err);
        assert_int_equal(bench.clock.now_ms - before_ms, timeouts[i]);
    }
    end(&bench);
}

/* ---- life ---- */

static void a_reset_forgets_what_is_asked_for_on_all_sides(void **state)
{
    (void)state;
    static const bool there[][MLY_SERVICES] = {{true, true}, {false, true}, {true, false}};
    for (size_t i = 0; i < COUNT(there); i++) {
        struct bench bench;
        begin(&bench, there[i][MLY_REQUEST_TILE], there[i][MLY_REQUEST_GRAPH]);
        for (enum mly_request_kind kind = MLY_REQUEST_TILE; kind <= MLY_REQUEST_GRAPH; kind++) {
            if (bench.has[kind])
                expect(&bench, kind, "lost", 0);
            (void)submit(&bench, kind, "lost");
        }

        bench.fork->vtbl->reset(bench.fork);

        check_over(&bench);
        for (enum mly_request_kind kind = MLY_REQUEST_TILE; kind <= MLY_REQUEST_GRAPH; kind++) {
            assert_int_equal(bench.sides[kind].n_resets, bench.has[kind] ? 1 : 0);
            if (bench.has[kind])
                check(&bench, 1000, ask(&bench, kind, "new", 0), "new");
            else
                check_refused(&bench, submit(&bench, kind, "new"));
        }
        end(&bench);
    }
}

static void ending_it_with_requests_in_flight_leaks_nothing(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench, true, false);
    (void)ask(&bench, MLY_REQUEST_TILE, "tile", 0);
    (void)submit(&bench, MLY_REQUEST_GRAPH, "graph");
    end(&bench);
}

static void each_side_masks_what_it_knows(void **state)
{
    (void)state;
    static const char *const masked[][MLY_SERVICES] = {{"hush psst", "hush ****"}, {"**** psst", "**** ****"}};
    for (size_t tiles = 0; tiles < 2; tiles++) {
        for (size_t graph = 0; graph < 2; graph++) {
            char text[] = "hush psst";
            struct bench bench;
            begin(&bench, tiles, graph);
            bench.sides[MLY_REQUEST_TILE].secret = "hush";
            bench.sides[MLY_REQUEST_GRAPH].secret = "psst";
            mly_transport_mask(bench.fork, text);
            assert_string_equal(text, masked[tiles][graph]);
            end(&bench);
        }
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool has_failed = true;
    for (size_t k = 0; has_failed; k++) {
        struct bench bench = {.has = {[MLY_REQUEST_TILE] = true}};
        const struct mly_request request = {.ticket = 1, .kind = MLY_REQUEST_GRAPH, .key = "graph", .max_bytes = 10};
        fail_mem_init_failing(&bench.mem, k, 1);
        fake_clock_init(&bench.clock, 1000);

        enum mly_status status = make(&bench);
        if (status == MLY_OK)
            status = bench.fork->vtbl->submit(bench.fork, &request, &bench.err);

        has_failed = bench.mem.n_failed > 0;
        assert_status(status, has_failed ? MLY_E_NOMEM : MLY_OK, &bench.err);
        end(&bench);
        assert_true(k < 10);
    }
}

static void a_maker_that_fails_ends_both_sides(void **state)
{
    (void)state;
    struct bench bench = {.has = {[MLY_REQUEST_TILE] = true, [MLY_REQUEST_GRAPH] = true}};
    fail_mem_init_failing(&bench.mem, 0, 1);
    fake_clock_init(&bench.clock, 1000);
    assert_status(make(&bench), MLY_E_NOMEM, NULL);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_goes_to_the_transport_of_its_kind),
        cmocka_unit_test(requests_that_nobody_can_answer_are_answered_with_the_reason),
        cmocka_unit_test(what_an_inner_transport_refuses_is_refused),
        cmocka_unit_test(neither_side_keeps_the_other_from_being_heard),
        cmocka_unit_test(what_is_ready_does_not_wait_for_the_other_side),
        cmocka_unit_test(the_only_side_that_owes_is_waited_for_as_long_as_allowed),
        cmocka_unit_test(two_sides_that_owe_are_both_listened_to),
        cmocka_unit_test(two_sides_that_owe_are_waited_for_no_longer_than_allowed),
        cmocka_unit_test(a_reset_forgets_what_is_asked_for_on_all_sides),
        cmocka_unit_test(ending_it_with_requests_in_flight_leaks_nothing),
        cmocka_unit_test(each_side_masks_what_it_knows),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_maker_that_fails_ends_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
