/* SPDX-License-Identifier: MIT */
/* helper.h — a worker (core/worker.h) with a thread of its own, which does one job at a time.
 * Owner: whoever called _new. Threads: one helper, one thread at a time; any number beside each other. */
#ifndef MLY_HELPER_H
#define MLY_HELPER_H

#include "core/mem.h"
#include "core/status.h"
#include "core/worker.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_helper;

/* Its thread begins with the first job. */
enum mly_status mly_helper_new(const struct mly_mem *mem, struct mly_helper **out, struct mly_error *err);

/* A job that is begun while another one runs, or for which the system has no thread, is done at once. In a child of the
 * process that made the helper there is no thread: jobs are done at once, and those begun before never end. */
struct mly_worker *mly_helper_worker(struct mly_helper *helper);

/* Ends the thread, when its job has run; the next job begins another one. */
void mly_helper_rest(struct mly_helper *helper);

/* Precondition: no job is begun and not ended. Accepts NULL. */
void mly_helper_free(struct mly_helper *helper);

#ifdef __cplusplus
}
#endif

#endif
