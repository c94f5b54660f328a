/* SPDX-License-Identifier: MIT */
#include "slow_worker.h"

#include "check.h"

static void begin(struct mly_worker *base, struct mly_job *job)
{
    struct slow_worker *worker = (struct slow_worker *)base;
    for (size_t i = 0; i < worker->n_jobs; i++)
        assert_ptr_not_equal(worker->jobs[i], job);
    assert_true(worker->n_jobs < SLOW_WORKER_JOBS);
    worker->jobs[worker->n_jobs++] = job;
    worker->n_begun++;
}

static bool end(struct mly_worker *base, struct mly_job *job)
{
    struct slow_worker *worker = (struct slow_worker *)base;
    size_t i = 0;
    while (i < worker->n_jobs && worker->jobs[i] != job)
        i++;
    assert_true(i < worker->n_jobs);
    worker->jobs[i] = worker->jobs[--worker->n_jobs];
    if (!worker->is_gone)
        job->run(job);
    return !worker->is_gone;
}

void slow_worker_init(struct slow_worker *worker)
{
    static const struct mly_worker_vtbl vtbl = {.begin = begin, .end = end};
    *worker = (struct slow_worker){.base = {.vtbl = &vtbl}};
}
