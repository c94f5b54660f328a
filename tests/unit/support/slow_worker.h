/* SPDX-License-Identifier: MIT */
/* slow_worker.h — a worker (core/worker.h) without a thread, who does everything at the last moment: between begin and
 * end, whatever the job has must stay untouched. Or who never does it, as in a child of the process.
 * Owner: a value. Threads: one. */
#ifndef MLY_TEST_SLOW_WORKER_H
#define MLY_TEST_SLOW_WORKER_H

#include "core/worker.h"

enum { SLOW_WORKER_JOBS = 4 };

struct slow_worker {
    struct mly_worker base;
    struct mly_job *jobs[SLOW_WORKER_JOBS]; /* begun and not ended */
    size_t n_jobs, n_begun;                 /* now; ever */
    bool is_gone;                           /* jobs begun are not done any more */
};

void slow_worker_init(struct slow_worker *worker);

#endif
