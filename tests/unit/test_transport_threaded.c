/* SPDX-License-Identifier: MIT */
#include "io/transports.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/fail_mem.h"
#include "support/no_threads.h"
#include "support/threads.h"

/* ---- memory that two threads may use ---- */

struct counted_mem {
    struct mly_mem mem;
    atomic_size_t live_bytes, peak_bytes;
};

static void *counted_alloc(void *ctx, size_t n)
{
    struct counted_mem *mem = ctx;
    size_t *block = malloc(sizeof(max_align_t) + n);
    assert_non_null(block);
    *block = n;
    const size_t live = atomic_fetch_add(&mem->live_bytes, n) + n;
    size_t peak = atomic_load(&mem->peak_bytes);
    while (live > peak && !atomic_compare_exchange_weak(&mem->peak_bytes, &peak, live)) {}
    return (char *)block + sizeof(max_align_t);
}

static void counted_release(void *ctx, void *block)
{
    struct counted_mem *mem = ctx;
    if (!block)
        return;
    size_t *head = (void *)((char *)block - sizeof(max_align_t));
    atomic_fetch_sub(&mem->live_bytes, *head);
    free(head);
}

/* ---- a network that answers when a test lets it, and waits for ever unless it is woken ---- */

enum { MAX_WAITING = 64 };

struct network {
    struct mly_transport base;
    const struct mly_mem *mem;
    uint64_t waiting[MAX_WAITING]; /* tickets; the worker's */
    size_t n_waiting, n_resets, n_destroyed;
    size_t body_bytes;     /* of each answer */
    atomic_size_t held;    /* what was said to be held elsewhere */
    uint64_t refused;      /* this ticket is */
    uint64_t breaks_at;    /* instead of this answer, all breaks */
    atomic_uint n_allowed; /* answers that may be given */
    sem_t has_sent, has_given;
    int pipe[2]; /* wakes and permissions */
};

static enum mly_status network_submit(struct mly_transport *t, const struct mly_request *request, struct mly_error *err)
{
    struct network *network = (struct network *)t;
    if (request->ticket == network->refused)
        return mly_fail(err, MLY_E_ARG, "refused");
    assert_true(network->n_waiting < MAX_WAITING);
    network->waiting[network->n_waiting++] = request->ticket;
    sem_post(&network->has_sent);
    return MLY_OK;
}

static bool is_allowed(struct network *network)
{
    unsigned n = atomic_load(&network->n_allowed);
    while (n > 0 && !atomic_compare_exchange_weak(&network->n_allowed, &n, n - 1)) {}
    return n > 0;
}

static enum mly_status network_poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                                    struct mly_error *err)
{
    struct network *network = (struct network *)t;
    char byte;
    (void)timeout_ms;
    if (network->n_waiting == 0)
        return MLY_DONE;
    if (!is_allowed(network)) {
        assert_int_equal(read(network->pipe[0], &byte, 1), 1);
        return MLY_AGAIN;
    }
    const uint64_t ticket = network->waiting[0];
    if (ticket == network->breaks_at)
        return mly_fail(err, MLY_E_NETWORK, "broken");
    network->n_waiting--;
    memmove(network->waiting, network->waiting + 1, network->n_waiting * sizeof network->waiting[0]);
    *out = (struct mly_response){.ticket = ticket, .http = 200, .attempts = 1};
    mly_buf_init(&out->body, network->mem, network->body_bytes);
    assert_status(mly_buf_reserve(&out->body, network->body_bytes), MLY_OK, NULL);
    memset(out->body.data, 0x1a, network->body_bytes);
    out->body.size = network->body_bytes;
    sem_post(&network->has_given);
    return MLY_OK;
}

static void network_reset(struct mly_transport *t)
{
    struct network *network = (struct network *)t;
    network->n_waiting = 0;
    network->n_resets++;
}

static void network_destroy(struct mly_transport *t)
{
    ((struct network *)t)->n_destroyed++;
}

static void network_mask(struct mly_transport *t, char *text)
{
    (void)t;
    char *found = strstr(text, "s3cr3t");
    if (found)
        memset(found, '*', strlen("s3cr3t"));
}

static void network_held(struct mly_transport *t, size_t n_bytes)
{
    atomic_store(&((struct network *)t)->held, n_bytes);
}

static void network_wake(struct mly_transport *t)
{
    assert_int_equal(write(((struct network *)t)->pipe[1], "", 1), 1);
}

static void allow(struct network *network, unsigned n)
{
    atomic_fetch_add(&network->n_allowed, n);
    network_wake(&network->base);
}

struct rig {
    struct counted_mem mem;
    struct network network;
    struct mly_transport *threaded;
    struct mly_error err;
};

static const struct mly_transport_vtbl network_vtbl = {.submit = network_submit,
                                                       .poll = network_poll,
                                                       .reset = network_reset,
                                                       .destroy = network_destroy,
                                                       .mask = network_mask,
                                                       .wake = network_wake,
                                                       .held = network_held};

static void set_up(struct rig *rig)
{
    *rig = (struct rig){.mem.mem = {.alloc = counted_alloc, .release = counted_release}};
    rig->mem.mem.ctx = &rig->mem;
    rig->network = (struct network){.base = {.vtbl = &network_vtbl},
                                    .mem = &rig->mem.mem,
                                    .body_bytes = 10,
                                    .refused = UINT64_MAX,
                                    .breaks_at = UINT64_MAX};
    sem_init(&rig->network.has_sent, 0, 0);
    sem_init(&rig->network.has_given, 0, 0);
    assert_int_equal(pipe(rig->network.pipe), 0);
    assert_status(mly_transport_threaded(&rig->network.base, &rig->mem.mem, &rig->threaded, &rig->err), MLY_OK,
                  &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_transport_free(rig->threaded);
    assert_int_equal(rig->network.n_destroyed, 1);
    assert_int_equal(atomic_load(&rig->mem.live_bytes), 0);
    sem_destroy(&rig->network.has_sent);
    sem_destroy(&rig->network.has_given);
    close(rig->network.pipe[0]);
    close(rig->network.pipe[1]);
}

static void ask(struct rig *rig, uint64_t ticket)
{
    const struct mly_request request = {.ticket = ticket, .kind = MLY_REQUEST_TILE, .max_bytes = 100};
    assert_status(rig->threaded->vtbl->submit(rig->threaded, &request, &rig->err), MLY_OK, &rig->err);
}

static enum mly_status answer(struct rig *rig, uint32_t timeout_ms, struct mly_response *out)
{
    return rig->threaded->vtbl->poll(rig->threaded, timeout_ms, out, &rig->err);
}

static void check_answer(struct rig *rig, uint64_t ticket)
{
    struct mly_response response;
    assert_status(answer(rig, 60000, &response), MLY_OK, &rig->err);
    assert_int_equal(response.ticket, ticket);
    assert_int_equal(response.body.size, rig->network.body_bytes);
    mly_transport_fini_response(&response);
}

static void wait_for(sem_t *event, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(sem_wait(event), 0);
}

/* ---- what it does ---- */

static void every_request_is_answered_once_in_the_order_of_answers(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_response response;
    set_up(&rig);
    for (uint64_t ticket = 0; ticket < 50; ticket++)
        ask(&rig, ticket);
    allow(&rig.network, 50);
    for (uint64_t ticket = 0; ticket < 50; ticket++)
        check_answer(&rig, ticket);
    assert_status(answer(&rig, 0, &response), MLY_DONE, NULL);
    tear_down(&rig);
}

static void the_network_goes_on_while_the_reader_does_not_look(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    allow(&rig.network, 3);
    for (uint64_t ticket = 0; ticket < 3; ticket++)
        ask(&rig, ticket);

    wait_for(&rig.network.has_given, 3); /* would never end if a poll were needed */

    for (uint64_t ticket = 0; ticket < 3; ticket++)
        check_answer(&rig, ticket);
    tear_down(&rig);
}

static void a_request_is_sent_while_others_are_waited_for(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    ask(&rig, 1);
    wait_for(&rig.network.has_sent, 1);
    ask(&rig, 2);
    wait_for(&rig.network.has_sent, 1); /* would never end if the worker were not woken */
    allow(&rig.network, 2);
    check_answer(&rig, 1);
    check_answer(&rig, 2);
    tear_down(&rig);
}

static void answers_that_wait_are_bounded_in_bytes(void **state)
{
    (void)state;
    enum { BODY = 3 << 20, BOUND = MLY_LIMIT_ARRIVING_BYTES + BODY + (1 << 20) };
    struct rig rig;
    set_up(&rig);
    rig.network.body_bytes = BODY;
    allow(&rig.network, 20);
    for (uint64_t ticket = 0; ticket < 20; ticket++)
        ask(&rig, ticket);
    wait_for(&rig.network.has_given, 3);
    for (uint64_t ticket = 0; ticket < 20; ticket++)
        check_answer(&rig, ticket);
    assert_true(atomic_load(&rig.mem.peak_bytes) < BOUND + BODY);
    tear_down(&rig);
}

static void hold(struct rig *rig, size_t n_bytes)
{
    mly_transport_held(rig->threaded, n_bytes);
}

static void while_the_reader_holds_much_answers_come_one_by_one(void **state)
{
    (void)state;
    enum { BODY = 1 << 20, N = 20 };
    struct rig rig;
    set_up(&rig);
    rig.network.body_bytes = BODY;
    hold(&rig, MLY_LIMIT_ARRIVING_BYTES);
    allow(&rig.network, N);
    for (uint64_t ticket = 0; ticket < N; ticket++)
        ask(&rig, ticket);
    for (uint64_t ticket = 0; ticket < N; ticket++)
        check_answer(&rig, ticket); /* whoever waits gets one */
    assert_true(atomic_load(&rig.mem.peak_bytes) < 2 * BODY + BODY / 2);
    tear_down(&rig);
}

static void when_the_reader_holds_less_answers_come_by_themselves(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    hold(&rig, MLY_LIMIT_ARRIVING_BYTES);
    allow(&rig.network, 3);
    for (uint64_t ticket = 0; ticket < 3; ticket++)
        ask(&rig, ticket);
    check_answer(&rig, 0);
    wait_for(&rig.network.has_given, 1);

    hold(&rig, MLY_LIMIT_ARRIVING_BYTES - 1000);

    wait_for(&rig.network.has_given, 2); /* would never end if a poll were needed */
    assert_int_equal(atomic_load(&rig.network.held), MLY_LIMIT_ARRIVING_BYTES - 1000 + rig.network.body_bytes);
    check_answer(&rig, 1);
    check_answer(&rig, 2);
    tear_down(&rig);
}

static void what_a_reader_held_is_forgotten_with_it(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    hold(&rig, MLY_LIMIT_ARRIVING_BYTES);
    rig.threaded->vtbl->reset(rig.threaded);
    allow(&rig.network, 1);

    ask(&rig, 7);

    wait_for(&rig.network.has_given, 1);
    assert_int_equal(atomic_load(&rig.network.held), 0);
    check_answer(&rig, 7);
    tear_down(&rig);
}

static void a_poll_waits_no_longer_than_it_may(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_response response;
    set_up(&rig);
    assert_status(answer(&rig, 60000, &response), MLY_DONE, NULL);
    ask(&rig, 1);
    assert_status(answer(&rig, 0, &response), MLY_AGAIN, NULL);
    assert_status(answer(&rig, 5, &response), MLY_AGAIN, NULL);
    allow(&rig.network, 1);
    check_answer(&rig, 1);
    tear_down(&rig);
}

/* ---- failures ---- */

static void a_refusal_comes_back_as_an_answer(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_response response;
    set_up(&rig);
    rig.network.refused = 1;
    ask(&rig, 1);
    ask(&rig, 2);
    allow(&rig.network, 1);
    assert_status(answer(&rig, 60000, &response), MLY_OK, NULL);
    assert_int_equal(response.ticket, 1);
    assert_status(response.status, MLY_E_ARG, NULL);
    assert_string_equal(response.why, "refused");
    mly_transport_fini_response(&response);
    check_answer(&rig, 2);
    tear_down(&rig);
}

static void a_failure_comes_after_the_answers_before_it(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_response response;
    set_up(&rig);
    rig.network.breaks_at = 2;
    ask(&rig, 1);
    ask(&rig, 2);
    allow(&rig.network, 2);
    check_answer(&rig, 1);
    for (int i = 0; i < 2; i++) {
        assert_status(answer(&rig, 60000, &response), MLY_E_NETWORK, NULL);
        assert_string_equal(rig.err.text, "broken");
    }
    rig.threaded->vtbl->reset(rig.threaded);
    rig.network.breaks_at = UINT64_MAX;
    allow(&rig.network, 1);
    ask(&rig, 3);
    check_answer(&rig, 3);
    tear_down(&rig);
}

static void without_memory_nothing_starts(void **state)
{
    const size_t n_threads = *(const size_t *)*state;
    struct rig rig;
    struct fail_mem mem;
    struct mly_transport *out = NULL;
    set_up(&rig);
    fail_mem_init_failing(&mem, 0, 1);
    assert_status(mly_transport_threaded(&rig.network.base, &mem.mem, &out, &rig.err), MLY_E_NOMEM, NULL);
    assert_int_equal(rig.network.n_destroyed, 1);
    rig.network.n_destroyed = 0;

    fail_mem_init_failing(&mem, 1, 1);
    assert_status(mly_transport_threaded(&rig.network.base, &mem.mem, &out, &rig.err), MLY_OK, NULL);
    const struct mly_request request = {.ticket = 1};
    assert_status(out->vtbl->submit(out, &request, &rig.err), MLY_E_NOMEM, NULL);
    mly_transport_free(out);
    rig.network.n_destroyed = 0;
    assert_threads(n_threads);
    assert_nothing_leaks(&mem);
    tear_down(&rig);
}

/* Nobody can be in two places, but whoever never waits need not. */
static void without_a_thread_an_inner_transport_that_never_waits_is_asked_by_the_reader(void **state)
{
    const size_t n_threads = *(const size_t *)*state;
    struct mly_transport_vtbl never_waits = network_vtbl;
    struct mly_response response;
    struct rig rig;
    never_waits.wake = NULL;
    set_up(&rig);
    allow(&rig.network, 4);
    rig.network.base.vtbl = &never_waits;
    no_threads(true);
    ask(&rig, 1);
    ask(&rig, 2);
    no_threads(false);
    ask(&rig, 3); /* it stays so for this read */
    for (uint64_t ticket = 1; ticket <= 3; ticket++)
        check_answer(&rig, ticket);
    assert_status(answer(&rig, 0, &response), MLY_DONE, NULL);
    assert_threads(n_threads);

    rig.threaded->vtbl->reset(rig.threaded);
    assert_int_equal(rig.network.n_resets, 1);
    ask(&rig, 4);
    check_answer(&rig, 4);
    assert_threads(n_threads + 1);
    rig.network.base.vtbl = &network_vtbl; /* so that the thread can be woken */
    tear_down(&rig);
}

static void without_a_thread_there_is_no_network(void **state)
{
    (void)state;
    struct rig rig;
    const struct mly_request request = {.ticket = 1, .kind = MLY_REQUEST_TILE, .max_bytes = 100};
    set_up(&rig);
    no_threads(true);

    assert_status(rig.threaded->vtbl->submit(rig.threaded, &request, &rig.err), MLY_E_NOMEM, NULL);

    no_threads(false);
    assert_non_null(strstr(rig.err.text, "no thread left"));
    allow(&rig.network, 1);
    ask(&rig, 2);
    check_answer(&rig, 2);
    tear_down(&rig);
}

/* ---- ends ---- */

static void at_rest_there_is_no_thread(void **state)
{
    const size_t n_threads = *(const size_t *)*state;
    struct rig rig;
    struct mly_response response;
    set_up(&rig);
    assert_threads(n_threads);
    for (size_t round = 1; round <= 3; round++) {
        ask(&rig, 1); /* never answered */
        ask(&rig, 2);
        assert_threads(n_threads + 1);
        rig.threaded->vtbl->reset(rig.threaded);
        assert_threads(n_threads);
        assert_int_equal(rig.network.n_resets, round);
        assert_status(answer(&rig, 0, &response), MLY_DONE, NULL);
    }
    tear_down(&rig);
}

static void it_may_end_at_any_moment(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 200; n++) {
        struct rig rig;
        set_up(&rig);
        allow(&rig.network, n % 7);
        for (uint64_t ticket = 0; ticket < n % 11; ticket++)
            ask(&rig, ticket);
        if (n % 3 == 0 && n % 7 > 0 && n % 11 > 0)
            check_answer(&rig, 0);
        tear_down(&rig);
    }
}

/* The child's part; 0 when all is as it should be. It has no worker, and must not wait for one. */
static int use_in_child(struct rig *rig)
{
    struct mly_error err = {.code = MLY_OK};
    struct mly_response response = {.ticket = 0};
    const struct mly_request request = {.ticket = 9};
    const struct mly_transport_vtbl *vtbl = rig->threaded->vtbl;
    const size_t n_resets = rig->network.n_resets;
    if (vtbl->poll(rig->threaded, 60000, &response, &err) != MLY_E_ARG || !strstr(err.text, "has forked"))
        return 1;
    if (vtbl->submit(rig->threaded, &request, &err) != MLY_E_ARG || !strstr(err.text, "has forked"))
        return 2;
    vtbl->reset(rig->threaded);
    mly_transport_free(rig->threaded);
    return rig->network.n_resets == n_resets && rig->network.n_destroyed == 0 ? 0 : 3;
}

static void a_child_refuses_waits_for_nothing_and_leaves_the_network_alone(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    ask(&rig, 1);
    ask(&rig, 2);
    wait_for(&rig.network.has_sent, 2);

    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(30); /* a child that hangs is killed */
        _exit(use_in_child(&rig));
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    allow(&rig.network, 2); /* and the parent goes on */
    check_answer(&rig, 1);
    check_answer(&rig, 2);
    tear_down(&rig);
}

static void secrets_are_masked_by_the_inner_transport(void **state)
{
    (void)state;
    char text[] = "it is s3cr3t";
    struct rig rig;
    set_up(&rig);
    mly_transport_mask(rig.threaded, text);
    assert_string_equal(text, "it is ******");
    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_answered_once_in_the_order_of_answers),
        cmocka_unit_test(the_network_goes_on_while_the_reader_does_not_look),
        cmocka_unit_test(a_request_is_sent_while_others_are_waited_for),
        cmocka_unit_test(answers_that_wait_are_bounded_in_bytes),
        cmocka_unit_test(while_the_reader_holds_much_answers_come_one_by_one),
        cmocka_unit_test(when_the_reader_holds_less_answers_come_by_themselves),
        cmocka_unit_test(what_a_reader_held_is_forgotten_with_it),
        cmocka_unit_test(a_poll_waits_no_longer_than_it_may),
        cmocka_unit_test(a_refusal_comes_back_as_an_answer),
        cmocka_unit_test(a_failure_comes_after_the_answers_before_it),
        cmocka_unit_test(without_memory_nothing_starts),
        cmocka_unit_test(without_a_thread_an_inner_transport_that_never_waits_is_asked_by_the_reader),
        cmocka_unit_test(without_a_thread_there_is_no_network),
        cmocka_unit_test(at_rest_there_is_no_thread),
        cmocka_unit_test(it_may_end_at_any_moment),
        cmocka_unit_test(a_child_refuses_waits_for_nothing_and_leaves_the_network_alone),
        cmocka_unit_test(secrets_are_masked_by_the_inner_transport),
    };
    return cmocka_run_group_tests(tests, count_threads_before, NULL);
}
