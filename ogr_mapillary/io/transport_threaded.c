/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "io/transports.h"

/* The worker waits for the network at most so long; whoever wants something of it wakes it. */
enum { POLL_MS = 1000 };

/* A request on its way in, or an answer on its way out. */
struct item {
    struct item *next;
    struct mly_request request;
    struct mly_response response;
};

/* In the order in which they came. */
struct queue {
    struct item *first, **last;
};

struct threaded {
    struct mly_transport base;
    struct mly_transport *inner; /* the worker's, while it runs */
    const struct mly_mem *mem;
    pid_t process; /* that made it. A child of it has no worker, and shares its connections */
    pthread_t worker;
    bool is_running;
    bool is_direct; /* the reader asks the inner transport itself: there was no thread to be had */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t has_work, has_answer;
    struct queue requests, answers;
    size_t n_owed;        /* answers, the reader's to take */
    size_t waiting_bytes; /* of the answers' bodies */
    size_t held_bytes;    /* of those that the reader has taken and that wait for their turn */
    bool is_awaited;      /* the reader can do nothing without another answer */
    bool is_ending;
    enum mly_status broken; /* below 0: the inner transport has failed, and says why */
    struct mly_error trouble;
};

/* ---- queues ---- */

static void append(struct queue *queue, struct item *item)
{
    item->next = NULL;
    *queue->last = item;
    queue->last = &item->next;
}

/* NULL when it is empty. */
static struct item *take(struct queue *queue)
{
    struct item *item = queue->first;
    if (item)
        queue->first = item->next;
    if (!queue->first)
        queue->last = &queue->first;
    return item;
}

static void release(const struct threaded *t, struct item *item)
{
    mly_transport_fini_response(&item->response);
    t->mem->release(t->mem->ctx, item);
}

static void drop_all(const struct threaded *t, struct queue *queue)
{
    for (struct item *item = take(queue); item; item = take(queue))
        release(t, item);
}

/* ---- the worker; it holds the mutex but for the calls of the inner transport ---- */

static void give(struct threaded *t, struct item *item)
{
    t->waiting_bytes += item->response.body.size;
    t->is_awaited = false;
    append(&t->answers, item);
    (void)pthread_cond_signal(&t->has_answer);
}

/* What is refused here is refused to a reader that has gone on: the refusal becomes the answer. */
static void send(struct threaded *t, struct item *item, size_t *n_in_flight)
{
    struct mly_error err = {.code = MLY_OK};
    (void)pthread_mutex_unlock(&t->mutex);
    const enum mly_status status = t->inner->vtbl->submit(t->inner, &item->request, &err);
    (void)pthread_mutex_lock(&t->mutex);
    if (status >= 0) {
        ++*n_in_flight;
        release(t, item);
        return;
    }
    item->response = (struct mly_response){.ticket = item->request.ticket, .status = status, .attempts = 1};
    (void)snprintf(item->response.why, sizeof item->response.why, "%s", err.text);
    give(t, item);
}

static void break_down(struct threaded *t, enum mly_status status, const struct mly_error *err)
{
    t->broken = status;
    t->trouble = *err;
    (void)pthread_cond_signal(&t->has_answer);
}

/* Waits for an answer, and gives it. */
static void receive(struct threaded *t, size_t *n_in_flight)
{
    struct mly_error err = {.code = MLY_OK};
    struct item *item = t->mem->alloc(t->mem->ctx, sizeof *item);
    if (!item) {
        (void)mly_fail(&err, MLY_E_NOMEM, "out of memory for an answer");
        break_down(t, MLY_E_NOMEM, &err);
        return;
    }
    *item = (struct item){.next = NULL};
    const size_t there = t->waiting_bytes + t->held_bytes;
    (void)pthread_mutex_unlock(&t->mutex);
    mly_transport_held(t->inner, there);
    const enum mly_status status = t->inner->vtbl->poll(t->inner, POLL_MS, &item->response, &err);
    (void)pthread_mutex_lock(&t->mutex);
    if (status == MLY_OK) {
        --*n_in_flight;
        give(t, item);
        return;
    }
    release(t, item);
    if (status < 0)
        break_down(t, status, &err);
    else if (status == MLY_DONE)
        *n_in_flight = 0;
}

/* Beyond the ceiling the worker rests, and what is on its way waits in the system. A reader that waits gets an answer
 * all the same: the one whose turn it is may be among those to come. */
static bool may_receive(const struct threaded *t)
{
    return t->is_awaited || t->waiting_bytes + t->held_bytes < MLY_LIMIT_ARRIVING_BYTES;
}

static void *work(void *ctx)
{
    struct threaded *t = ctx;
    size_t n_in_flight = 0;
    (void)pthread_mutex_lock(&t->mutex);
    while (!t->is_ending && t->broken == MLY_OK) {
        struct item *item = take(&t->requests);
        if (item)
            send(t, item, &n_in_flight);
        else if (n_in_flight > 0 && may_receive(t))
            receive(t, &n_in_flight);
        else
            (void)pthread_cond_wait(&t->has_work, &t->mutex);
    }
    (void)pthread_mutex_unlock(&t->mutex);
    return NULL;
}

/* ---- the reader's side ---- */

static void wake(struct threaded *t)
{
    (void)pthread_cond_signal(&t->has_work);
    mly_transport_wake(t->inner);
}

/* The host's signals are for the host's threads. */
static bool start(struct threaded *t)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    t->is_ending = false;
    t->is_running = pthread_create(&t->worker, NULL, work, t) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return t->is_running;
}

static bool is_ours(const struct threaded *t)
{
    return getpid() == t->process;
}

static enum mly_status fail_in_child(struct mly_error *err)
{
    return mly_fail(err, MLY_E_ARG,
                    "the program has forked since this read began, and its answers stay with the parent; begin the "
                    "read anew");
}

/* A transport whose polls never wait does without a thread, if it must. */
static enum mly_status submit_directly(struct threaded *t, const struct mly_request *request, struct mly_error *err)
{
    if (t->inner->vtbl->wake)
        return mly_fail(err, MLY_E_NOMEM, "the system has no thread left for the read");
    t->is_direct = true;
    return t->inner->vtbl->submit(t->inner, request, err);
}

static enum mly_status submit(struct mly_transport *base, const struct mly_request *request, struct mly_error *err)
{
    struct threaded *t = (struct threaded *)base;
    if (!is_ours(t))
        return fail_in_child(err);
    if (t->is_direct)
        return submit_directly(t, request, err);
    struct item *item = t->mem->alloc(t->mem->ctx, sizeof *item);
    if (!item)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *item = (struct item){.request = *request};
    if (!t->is_running && !start(t)) {
        t->mem->release(t->mem->ctx, item);
        return submit_directly(t, request, err);
    }
    (void)pthread_mutex_lock(&t->mutex);
    append(&t->requests, item);
    t->n_owed++;
    wake(t);
    (void)pthread_mutex_unlock(&t->mutex);
    return MLY_OK;
}

static struct timespec deadline_after(uint32_t ms)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* MLY_OK: `out` has it. */
static enum mly_status take_answer(struct threaded *t, struct mly_response *out)
{
    struct item *item = take(&t->answers);
    if (!item)
        return MLY_AGAIN;
    t->waiting_bytes -= item->response.body.size;
    t->n_owed--;
    (void)pthread_cond_signal(&t->has_work);
    *out = item->response;
    item->response = (struct mly_response){.ticket = 0}; /* moved */
    release(t, item);
    return MLY_OK;
}

static enum mly_status poll(struct mly_transport *base, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct threaded *t = (struct threaded *)base;
    const struct timespec deadline = deadline_after(timeout_ms);
    bool is_late = timeout_ms == 0;
    if (t->is_direct)
        return t->inner->vtbl->poll(t->inner, timeout_ms, out, err);
    if (!t->is_running)
        return MLY_DONE;
    if (!is_ours(t))
        return t->n_owed > 0 ? fail_in_child(err) : MLY_DONE;
    (void)pthread_mutex_lock(&t->mutex);
    enum mly_status status = take_answer(t, out);
    while (status == MLY_AGAIN && !is_late && t->n_owed > 0 && t->broken == MLY_OK) {
        t->is_awaited = true;
        (void)pthread_cond_signal(&t->has_work);
        is_late = pthread_cond_timedwait(&t->has_answer, &t->mutex, &deadline) != 0;
        status = take_answer(t, out);
    }
    t->is_awaited = false;
    if (status == MLY_AGAIN && t->broken < 0)
        status = mly_fail(err, t->broken, "%s", t->trouble.text);
    else if (status == MLY_AGAIN && t->n_owed == 0)
        status = MLY_DONE;
    (void)pthread_mutex_unlock(&t->mutex);
    return status;
}

/* When there is less, what is paused may go on. */
static void held(struct mly_transport *base, size_t n_bytes)
{
    struct threaded *t = (struct threaded *)base;
    if (!is_ours(t))
        return;
    (void)pthread_mutex_lock(&t->mutex);
    const bool is_less = n_bytes < t->held_bytes;
    t->held_bytes = n_bytes;
    if (is_less && t->is_running)
        wake(t);
    (void)pthread_mutex_unlock(&t->mutex);
}

/* The worker ends as soon as it has noticed; afterwards the inner transport is ours. */
static void stop(struct threaded *t)
{
    if (!t->is_running)
        return;
    (void)pthread_mutex_lock(&t->mutex);
    t->is_ending = true;
    wake(t);
    (void)pthread_mutex_unlock(&t->mutex);
    (void)pthread_join(t->worker, NULL);
    t->is_running = false;
}

/* In a child everything stays as it is: there is nobody to wait for, what the worker had in hands may be half done, and
 * what is said on the connections would be said to the parent's service in its name. */
static void reset(struct mly_transport *base)
{
    struct threaded *t = (struct threaded *)base;
    if (!is_ours(t))
        return;
    stop(t);
    t->inner->vtbl->reset(t->inner);
    drop_all(t, &t->requests);
    drop_all(t, &t->answers);
    t->n_owed = 0;
    t->waiting_bytes = t->held_bytes = 0;
    t->broken = MLY_OK;
    t->is_direct = false;
}

/* Of the inner transport this reads what never changes. */
static void mask(struct mly_transport *base, char *text)
{
    mly_transport_mask(((struct threaded *)base)->inner, text);
}

static void destroy(struct mly_transport *base)
{
    struct threaded *t = (struct threaded *)base;
    if (!is_ours(t))
        return;
    reset(base);
    mly_transport_free(t->inner);
    (void)pthread_cond_destroy(&t->has_answer);
    (void)pthread_cond_destroy(&t->has_work);
    (void)pthread_mutex_destroy(&t->mutex);
    t->mem->release(t->mem->ctx, t);
}

/* Deadlines are on the clock that nobody sets. */
static bool init_conditions(struct threaded *t)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool is_well = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                   pthread_cond_init(&t->has_answer, &monotonic) == 0;
    (void)pthread_condattr_destroy(&monotonic);
    if (is_well && pthread_cond_init(&t->has_work, NULL) != 0) {
        (void)pthread_cond_destroy(&t->has_answer);
        is_well = false;
    }
    return is_well;
}

static bool init_sync(struct threaded *t)
{
    if (pthread_mutex_init(&t->mutex, NULL) != 0)
        return false;
    if (init_conditions(t))
        return true;
    (void)pthread_mutex_destroy(&t->mutex);
    return false;
}

enum mly_status mly_transport_threaded(struct mly_transport *inner, const struct mly_mem *mem,
                                       struct mly_transport **out, struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    struct threaded *t = mem->alloc(mem->ctx, sizeof *t);
    if (t)
        *t = (struct threaded){.base = {.vtbl = &vtbl}, .inner = inner, .mem = mem, .process = getpid()};
    if (!t || !init_sync(t)) {
        if (t)
            mem->release(mem->ctx, t);
        mly_transport_free(inner);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    }
    t->requests.last = &t->requests.first;
    t->answers.last = &t->answers.first;
    *out = &t->base;
    return MLY_OK;
}
