/* SPDX-License-Identifier: MIT */
#include "io/transports.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/flights.h"
#include "support/fail_mem.h"
#include "support/fake_clock.h"
#include "support/script_transport.h"

enum { READERS = 3 };

/* Readers with a transport each, which share what is under way. Each is on a thread of its own, or so it is told. */
struct bench {
    struct fail_mem mem;
    struct fake_clock clock;
    struct mly_flights *flights;
    struct script_transport scripts[READERS];
    struct mly_transport *shares[READERS];
    bool is_made[READERS];
    uint64_t threads[READERS];
    uint64_t thread; /* the one that runs now */
    struct mly_error err;
};

static uint64_t current_thread(void *bench)
{
    return ((struct bench *)bench)->thread;
}

static enum mly_status make(struct bench *bench)
{
    const struct mly_flights_options options = {.mem = &bench->mem.mem, .thread = current_thread, .thread_ctx = bench};
    MLY_TRY(mly_flights_new(&options, &bench->flights, &bench->err));
    for (size_t i = 0; i < READERS; i++) {
        bench->is_made[i] = true; /* also when it fails, the inner one is owned */
        MLY_TRY(mly_transport_share(&bench->scripts[i].base, bench->flights, &bench->clock.clock, &bench->mem.mem,
                                    &bench->shares[i], &bench->err));
    }
    return MLY_OK;
}

static void prepare(struct bench *bench)
{
    *bench = (struct bench){.flights = NULL};
    fail_mem_init(&bench->mem);
    fake_clock_init(&bench->clock, 1000);
    for (size_t i = 0; i < READERS; i++) {
        bench->threads[i] = 100 + i;
        script_init(&bench->scripts[i], &bench->mem.mem, &bench->clock);
    }
}

static void begin(struct bench *bench)
{
    prepare(bench);
    assert_status(make(bench), MLY_OK, &bench->err);
}

static void close_share(struct bench *bench, size_t reader)
{
    mly_transport_free(bench->shares[reader]);
    bench->shares[reader] = NULL;
}

static void end(struct bench *bench)
{
    for (size_t i = 0; i < READERS; i++) {
        close_share(bench, i);
        assert_int_equal(bench->scripts[i].n_destroyed, bench->is_made[i] ? 1 : 0);
        assert_script_is_used_up(&bench->scripts[i]);
    }
    mly_flights_free(bench->flights);
    assert_nothing_leaks(&bench->mem);
}

/* The reader's own transport will answer this key with the text, so late. */
static void expect(struct bench *bench, size_t reader, const char *key, const char *text, uint32_t after_ms)
{
    const struct mly_span body = {.data = (const uint8_t *)text, .size = strlen(text)};
    script_add(&bench->scripts[reader], (struct script_answer){.key = key, .body = body, .after_ms = after_ms});
}

static struct mly_request request_for(const char *key, uint64_t ticket)
{
    struct mly_request request = {.ticket = ticket, .kind = MLY_REQUEST_TILE, .max_bytes = 100};
    (void)snprintf(request.key, sizeof request.key, "%s", key);
    (void)snprintf(request.url, sizeof request.url, "https://tiles.example/%s", key);
    return request;
}

static enum mly_status submit_request(struct bench *bench, size_t reader, const struct mly_request *request)
{
    bench->thread = bench->threads[reader];
    return bench->shares[reader]->vtbl->submit(bench->shares[reader], request, &bench->err);
}

static void submit(struct bench *bench, size_t reader, const char *key, uint64_t ticket)
{
    const struct mly_request request = request_for(key, ticket);
    assert_status(submit_request(bench, reader, &request), MLY_OK, &bench->err);
}

static enum mly_status poll(struct bench *bench, size_t reader, uint32_t timeout_ms, struct mly_response *out)
{
    bench->thread = bench->threads[reader];
    return bench->shares[reader]->vtbl->poll(bench->shares[reader], timeout_ms, out, &bench->err);
}

static void assert_nothing_yet(struct bench *bench, size_t reader)
{
    struct mly_response response;
    assert_status(poll(bench, reader, 0, &response), MLY_AGAIN, &bench->err);
}

static void assert_nothing_owed(struct bench *bench, size_t reader)
{
    struct mly_response response;
    assert_status(poll(bench, reader, 100, &response), MLY_DONE, &bench->err);
}

/* The reader's next answer is this text, for this ticket. */
static void assert_answer(struct bench *bench, size_t reader, uint64_t ticket, const char *text)
{
    struct mly_response response;
    assert_status(poll(bench, reader, 1000, &response), MLY_OK, &bench->err);
    assert_int_equal(response.ticket, ticket);
    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.http, 200);
    assert_span(mly_buf_view(&response.body), text, strlen(text));
    mly_transport_fini_response(&response);
}

/* ---- one asks ---- */

static void of_two_who_need_the_same_one_asks_and_both_have_the_answer(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, 0, "a", "what a is", 50);
    submit(&bench, 0, "a", 7);
    submit(&bench, 1, "a", 9);

    assert_nothing_yet(&bench, 1);
    assert_answer(&bench, 0, 7, "what a is");
    assert_answer(&bench, 1, 9, "what a is");

    assert_nothing_owed(&bench, 0);
    assert_nothing_owed(&bench, 1);
    assert_int_equal(bench.scripts[1].n_log, 0);
    end(&bench);
}

static void any_number_may_wait(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, 1, "a", "it", 50);
    for (size_t i = 0; i < READERS; i++)
        submit(&bench, (i + 1) % READERS, "a", i);

    assert_answer(&bench, 1, 0, "it");
    assert_answer(&bench, 0, 2, "it");
    assert_answer(&bench, 2, 1, "it");
    end(&bench);
}

static void waiting_for_others_and_for_the_own_answers_goes_side_by_side(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, 0, "a", "late", 300);
    expect(&bench, 1, "b", "own", 100);
    submit(&bench, 0, "a", 1);
    submit(&bench, 1, "a", 1);
    submit(&bench, 1, "b", 2);

    assert_answer(&bench, 1, 2, "own");
    assert_answer(&bench, 0, 1, "late");
    assert_answer(&bench, 1, 1, "late");
    end(&bench);
}

static void what_is_another_request_is_asked_by_everybody(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mly_request graph = request_for("graph", 2), fresh = request_for("a", 3), newer = request_for("a", 4);
    graph.kind = MLY_REQUEST_GRAPH;
    fresh.fresh = true;
    (void)snprintf(newer.validator, sizeof newer.validator, "held");
    expect(&bench, 0, "a", "1", 0);
    expect(&bench, 0, "graph", "2", 0);
    expect(&bench, 1, "graph", "3", 0);
    expect(&bench, 1, "a", "4", 0);
    expect(&bench, 1, "a", "5", 0);
    submit(&bench, 0, "a", 1);
    assert_status(submit_request(&bench, 0, &graph), MLY_OK, &bench.err);

    assert_status(submit_request(&bench, 1, &graph), MLY_OK, &bench.err);
    assert_status(submit_request(&bench, 1, &fresh), MLY_OK, &bench.err);
    assert_status(submit_request(&bench, 1, &newer), MLY_OK, &bench.err);

    assert_int_equal(bench.scripts[1].n_log, 3);
    end(&bench);
}

static void what_has_landed_is_asked_for_again(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, 0, "a", "then", 0);
    expect(&bench, 1, "a", "now", 0);
    submit(&bench, 0, "a", 1);
    assert_answer(&bench, 0, 1, "then");

    submit(&bench, 1, "a", 1);
    assert_answer(&bench, 1, 1, "now");
    end(&bench);
}

static void that_there_is_nothing_or_nothing_new_is_an_answer_for_all(void **state)
{
    (void)state;
    static const int codes[] = {204, 404, 304};
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct bench bench;
        struct mly_response response;
        begin(&bench);
        script_add(&bench.scripts[0],
                   (struct script_answer){.key = "a", .http = codes[i], .after_ms = 10, .validator = "v2"});
        submit(&bench, 0, "a", 1);
        submit(&bench, 1, "a", 2);
        for (size_t reader = 0; reader < 2; reader++) {
            assert_status(poll(&bench, reader, 100, &response), MLY_OK, &bench.err);
            assert_int_equal(response.http, codes[i]);
            assert_string_equal(response.validator, "v2");
            mly_transport_fini_response(&response);
        }
        end(&bench);
    }
}

/* ---- no answer comes of it ---- */

static void a_failure_is_the_askers_alone(void **state)
{
    (void)state;
    static const struct script_answer failures[] = {
        {.key = "a", .http = 503, .after_ms = 10},
        {.key = "a", .http = 302, .after_ms = 10},
        {.key = "a", .status = MLY_E_NETWORK, .why = "gone", .after_ms = 10},
        {.key = "a", .status = MLY_E_AUTH, .why = "no token", .after_ms = 10},
    };
    for (size_t i = 0; i < COUNT(failures); i++) {
        struct bench bench;
        struct mly_response response;
        begin(&bench);
        script_add(&bench.scripts[0], failures[i]);
        expect(&bench, 1, "a", "it", 0);
        submit(&bench, 0, "a", 1);
        submit(&bench, 1, "a", 2);
        submit(&bench, 2, "a", 3);

        assert_status(poll(&bench, 0, 100, &response), MLY_OK, &bench.err);
        assert_true(response.http == failures[i].http && response.status == failures[i].status);
        mly_transport_fini_response(&response);
        assert_answer(&bench, 1, 2, "it");
        expect(&bench, 2, "a", "it, again", 0);
        assert_answer(&bench, 2, 3, "it, again");
        end(&bench);
    }
}

static void who_waits_asks_when_the_asker_gives_up_or_goes(void **state)
{
    (void)state;
    for (int goes = 0; goes < 2; goes++) {
        struct bench bench;
        begin(&bench);
        expect(&bench, 0, "a", "never seen", 50);
        submit(&bench, 0, "a", 1);
        submit(&bench, 1, "a", 2);
        submit(&bench, 2, "a", 3);
        assert_nothing_yet(&bench, 1);

        if (goes)
            close_share(&bench, 0);
        else
            bench.shares[0]->vtbl->reset(bench.shares[0]);
        expect(&bench, 1, "a", "it", 50);

        assert_nothing_yet(&bench, 1);
        assert_nothing_yet(&bench, 2);
        assert_answer(&bench, 1, 2, "it");
        assert_answer(&bench, 2, 3, "it");
        end(&bench);
    }
}

static void who_gives_up_waiting_disturbs_nobody(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, 0, "a", "it", 50);
    for (size_t i = 0; i < READERS; i++)
        submit(&bench, i, "a", i);

    bench.shares[1]->vtbl->reset(bench.shares[1]);

    assert_nothing_owed(&bench, 1);
    assert_answer(&bench, 0, 0, "it");
    close_share(&bench, 0);
    assert_answer(&bench, 2, 2, "it");
    end(&bench);
}

static void nobody_waits_for_a_reader_at_rest(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, 0, "a", "first", 50);
    submit(&bench, 0, "a", 1);
    assert_nothing_yet(&bench, 0);
    submit(&bench, 1, "a", 2);
    bench.clock.now_ms += MLY_FLIGHTS_PATIENCE_MS;
    assert_nothing_yet(&bench, 1);
    assert_int_equal(bench.scripts[1].n_log, 0);

    expect(&bench, 1, "a", "second", 0);
    bench.clock.now_ms += 1;
    assert_answer(&bench, 1, 2, "second");

    expect(&bench, 2, "a", "third", 0); /* it does not wait either, now that the second has landed */
    submit(&bench, 2, "a", 3);
    assert_answer(&bench, 2, 3, "third");
    assert_answer(&bench, 0, 1, "first");
    end(&bench);
}

static void a_poll_that_lasts_waits_until_the_reader_is_at_rest(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, 0, "a", "first", 5000);
    expect(&bench, 1, "a", "second", 0);
    submit(&bench, 0, "a", 1);
    submit(&bench, 1, "a", 2);

    assert_answer(&bench, 1, 2, "second");

    assert_in_range(bench.scripts[1].log[0].at_ms, 1000 + MLY_FLIGHTS_PATIENCE_MS, 1100 + MLY_FLIGHTS_PATIENCE_MS);
    end(&bench);
}

static void nobody_waits_for_the_own_thread(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    bench.threads[1] = bench.threads[0];
    expect(&bench, 0, "a", "first", 50);
    expect(&bench, 1, "a", "second", 10);
    submit(&bench, 0, "a", 1);
    submit(&bench, 1, "a", 2);

    assert_answer(&bench, 1, 2, "second");
    assert_answer(&bench, 0, 1, "first");
    end(&bench);
}

/* ---- refusals ---- */

static void a_request_that_cannot_be_sent_is_not_under_way(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    const struct mly_request request = request_for("a", 1);
    script_add(&bench.scripts[0], (struct script_answer){.key = "a", .refused = MLY_E_NETWORK, .why = "no way"});
    expect(&bench, 1, "a", "it", 0);

    assert_status(submit_request(&bench, 0, &request), MLY_E_NETWORK, &bench.err);

    assert_nothing_owed(&bench, 0);
    submit(&bench, 1, "a", 2);
    assert_answer(&bench, 1, 2, "it");
    end(&bench);
}

/* Two readers, one after the other, as far as they come. */
static enum mly_status read_in_pairs(struct bench *bench)
{
    MLY_TRY(make(bench));
    for (size_t reader = 0; reader < 2; reader++) {
        const struct mly_request request = request_for("a", reader);
        MLY_TRY(submit_request(bench, reader, &request));
    }
    for (size_t reader = 0; reader < 2; reader++) {
        struct mly_response response;
        const enum mly_status status = poll(bench, reader, 1000, &response);
        if (status != MLY_OK)
            return status;
        const enum mly_status answer = response.status;
        mly_transport_fini_response(&response);
        if (answer < 0)
            return answer;
    }
    return MLY_OK;
}

static void without_memory_an_answer_may_be_asked_for_twice_but_nothing_leaks(void **state)
{
    (void)state;
    size_t n_refused = 0, n_passed = 0;
    for (size_t first = 0; first < 40; first++) {
        struct bench bench;
        prepare(&bench);
        bench.mem.first_failure = first;
        bench.mem.n_failures = 1;
        for (size_t reader = 0; reader < 2; reader++)
            expect(&bench, reader, "a", "it", 10);

        const enum mly_status status = read_in_pairs(&bench);

        assert_true(status == MLY_OK || status == MLY_E_NOMEM);
        n_refused += status == MLY_E_NOMEM;
        n_passed += status == MLY_OK && bench.mem.n_failed > 0;
        for (size_t i = 0; i < READERS; i++)
            close_share(&bench, i);
        mly_flights_free(bench.flights);
        assert_nothing_leaks(&bench.mem);
    }
    assert_true(n_refused > 5 && n_passed > 1);
}

static void a_secret_is_masked_by_who_knows_it(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    char text[] = "it says hush";
    bench.scripts[0].secret = "hush";

    mly_transport_mask(bench.shares[0], text);

    assert_string_equal(text, "it says ****");
    end(&bench);
}

/* ---- forks ---- */

struct crowd {
    struct mly_flights *flights;
    atomic_bool is_over;
};

static void *look_on(void *ctx)
{
    struct crowd *crowd = ctx;
    struct mly_flight_asker asker = {.thread = 0};
    while (!atomic_load(&crowd->is_over)) {
        mly_flights_begin_poll(crowd->flights, &asker, 1);
        mly_flights_end_poll(crowd->flights, &asker, 2);
    }
    return NULL;
}

/* Another thread is in the middle of something most of the time. */
static void a_child_finds_no_lock_that_nobody_will_open(void **state)
{
    (void)state;
    const struct mly_flights_options options = {.mem = mly_mem_system()};
    struct crowd crowd = {.flights = NULL};
    struct mly_flight_asker asker = {.thread = 0};
    pthread_t other;
    assert_status(mly_flights_new(&options, &crowd.flights, NULL), MLY_OK, NULL);
    assert_int_equal(pthread_create(&other, NULL, look_on, &crowd), 0);
    for (int i = 0; i < 50; i++) {
        int status = -1;
        mly_flights_before_fork(crowd.flights);
        const pid_t child = fork();
        mly_flights_after_fork(crowd.flights);
        if (child == 0) {
            (void)alarm(30); /* one that hangs is killed */
            mly_flights_begin_poll(crowd.flights, &asker, 1);
            mly_flights_end_poll(crowd.flights, &asker, 2);
            _exit(0);
        }
        assert_true(child > 0 && waitpid(child, &status, 0) == child);
        assert_true(WIFEXITED(status));
    }
    atomic_store(&crowd.is_over, true);
    assert_int_equal(pthread_join(other, NULL), 0);
    mly_flights_free(crowd.flights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_who_need_the_same_one_asks_and_both_have_the_answer),
        cmocka_unit_test(any_number_may_wait),
        cmocka_unit_test(waiting_for_others_and_for_the_own_answers_goes_side_by_side),
        cmocka_unit_test(what_is_another_request_is_asked_by_everybody),
        cmocka_unit_test(what_has_landed_is_asked_for_again),
        cmocka_unit_test(that_there_is_nothing_or_nothing_new_is_an_answer_for_all),
        cmocka_unit_test(a_failure_is_the_askers_alone),
        cmocka_unit_test(who_waits_asks_when_the_asker_gives_up_or_goes),
        cmocka_unit_test(who_gives_up_waiting_disturbs_nobody),
        cmocka_unit_test(nobody_waits_for_a_reader_at_rest),
        cmocka_unit_test(a_poll_that_lasts_waits_until_the_reader_is_at_rest),
        cmocka_unit_test(nobody_waits_for_the_own_thread),
        cmocka_unit_test(a_request_that_cannot_be_sent_is_not_under_way),
        cmocka_unit_test(without_memory_an_answer_may_be_asked_for_twice_but_nothing_leaks),
        cmocka_unit_test(a_secret_is_masked_by_who_knows_it),
        cmocka_unit_test(a_child_finds_no_lock_that_nobody_will_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
