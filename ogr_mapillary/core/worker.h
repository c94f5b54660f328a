/* SPDX-License-Identifier: MIT */
/* worker.h — somebody who does a piece of work while the reader goes on with another. The host's: the core knows no
 * threads.
 * Owner: as said at the maker; jobs are the asker's. Threads: what is called here, one at a time; a job's `run` on any.
 */
#ifndef MLY_WORKER_H
#define MLY_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whatever is to be done begins with this. Between begin and end it belongs to the worker, with all that `run` touches.
 * A job needs no order among others, and must not throw. */
struct mly_job {
    void (*run)(struct mly_job *job);
};

struct mly_worker;

struct mly_worker_vtbl {
    /* The job has run, or runs, or will. */
    void (*begin)(struct mly_worker *worker, struct mly_job *job);
    /* Waits until a job that was begun has run. False: it never will, and what it had in hands may be half done: this
     * is a child of the process that began it. */
    bool (*end)(struct mly_worker *worker, struct mly_job *job);
};

/* Implementations begin with this. */
struct mly_worker {
    const struct mly_worker_vtbl *vtbl;
};

/* Accepts NULL: nobody but the caller works. */
static inline void mly_worker_begin(struct mly_worker *worker, struct mly_job *job)
{
    if (worker)
        worker->vtbl->begin(worker, job);
    else
        job->run(job);
}

static inline bool mly_worker_end(struct mly_worker *worker, struct mly_job *job)
{
    return !worker || worker->vtbl->end(worker, job);
}

#ifdef __cplusplus
}
#endif

#endif
