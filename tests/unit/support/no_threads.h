/* SPDX-License-Identifier: MIT */
/* no_threads.h — a system that has no thread left, for tests that are linked with --wrap=pthread_create.
 * Owner: none; the process has one switch. Threads: one. */
#ifndef MLY_TEST_NO_THREADS_H
#define MLY_TEST_NO_THREADS_H

#include <stdbool.h>

/* From now on there are none, or as many as one likes. */
void no_threads(bool are_there_none);

#endif
