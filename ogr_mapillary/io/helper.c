/* SPDX-License-Identifier: MIT */
#include "io/helper.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

struct mly_helper {
    struct mly_worker base;
    const struct mly_mem *mem;
    pid_t process; /* that made it */
    pthread_t thread;
    bool is_running;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t has_changed;
    struct mly_job *job; /* until it has run */
    bool is_ending;
};

static bool is_ours(const struct mly_helper *helper)
{
    return getpid() == helper->process;
}

/* ---- the thread; it holds the mutex but while a job runs ---- */

static void *work(void *ctx)
{
    struct mly_helper *helper = ctx;
    (void)pthread_mutex_lock(&helper->mutex);
    while (helper->job || !helper->is_ending) {
        struct mly_job *job = helper->job;
        if (!job) {
            (void)pthread_cond_wait(&helper->has_changed, &helper->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&helper->mutex);
        job->run(job);
        (void)pthread_mutex_lock(&helper->mutex);
        helper->job = NULL;
        (void)pthread_cond_broadcast(&helper->has_changed);
    }
    (void)pthread_mutex_unlock(&helper->mutex);
    return NULL;
}

/* The host's signals are for the host's threads. */
static bool start(struct mly_helper *helper)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    helper->is_ending = false;
    helper->is_running = pthread_create(&helper->thread, NULL, work, helper) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return helper->is_running;
}

/* ---- whoever has something to be done ---- */

/* False: it is busy. */
static bool hand_over(struct mly_helper *helper, struct mly_job *job)
{
    (void)pthread_mutex_lock(&helper->mutex);
    const bool is_free = !helper->job;
    if (is_free) {
        helper->job = job;
        (void)pthread_cond_broadcast(&helper->has_changed);
    }
    (void)pthread_mutex_unlock(&helper->mutex);
    return is_free;
}

static void begin(struct mly_worker *worker, struct mly_job *job)
{
    struct mly_helper *helper = (struct mly_helper *)worker;
    const bool is_child = !is_ours(helper);
    if (is_child && helper->job == job) /* its place in memory was that of one which never ends */
        helper->job = NULL;
    const bool has_thread = !is_child && (helper->is_running || start(helper));
    if (!has_thread || !hand_over(helper, job))
        job->run(job);
}

/* In a child this only looks: whoever held the mutex is not there to let it go. A job that is no longer in hands had
 * run before the fork, or was done at once. */
static bool end(struct mly_worker *worker, struct mly_job *job)
{
    struct mly_helper *helper = (struct mly_helper *)worker;
    if (!is_ours(helper))
        return helper->job != job;
    (void)pthread_mutex_lock(&helper->mutex);
    while (helper->job == job)
        (void)pthread_cond_wait(&helper->has_changed, &helper->mutex);
    (void)pthread_mutex_unlock(&helper->mutex);
    return true;
}

/* ---- life ---- */

enum mly_status mly_helper_new(const struct mly_mem *mem, struct mly_helper **out, struct mly_error *err)
{
    static const struct mly_worker_vtbl vtbl = {.begin = begin, .end = end};
    struct mly_helper *helper = mem->alloc(mem->ctx, sizeof *helper);
    bool is_well = helper != NULL;
    if (helper) {
        *helper = (struct mly_helper){.base = {.vtbl = &vtbl}, .mem = mem, .process = getpid()};
        is_well = pthread_mutex_init(&helper->mutex, NULL) == 0;
        if (is_well && pthread_cond_init(&helper->has_changed, NULL) != 0) {
            (void)pthread_mutex_destroy(&helper->mutex);
            is_well = false;
        }
    }
    if (!is_well) {
        mem->release(mem->ctx, helper);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a thread");
    }
    *out = helper;
    return MLY_OK;
}

struct mly_worker *mly_helper_worker(struct mly_helper *helper)
{
    return &helper->base;
}

void mly_helper_rest(struct mly_helper *helper)
{
    if (!helper->is_running || !is_ours(helper))
        return;
    (void)pthread_mutex_lock(&helper->mutex);
    helper->is_ending = true;
    (void)pthread_cond_broadcast(&helper->has_changed);
    (void)pthread_mutex_unlock(&helper->mutex);
    (void)pthread_join(helper->thread, NULL);
    helper->is_running = false;
}

/* What a child has of it is its parent's, and may be locked for ever. */
void mly_helper_free(struct mly_helper *helper)
{
    if (!helper || !is_ours(helper))
        return;
    mly_helper_rest(helper);
    (void)pthread_cond_destroy(&helper->has_changed);
    (void)pthread_mutex_destroy(&helper->mutex);
    helper->mem->release(helper->mem->ctx, helper);
}
