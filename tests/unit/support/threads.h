/* SPDX-License-Identifier: MIT */
/* threads.h — how many threads this process has.
 * Owner: none. Threads: any. */
#ifndef MLY_TEST_THREADS_H
#define MLY_TEST_THREADS_H

#include <stddef.h>

size_t count_threads(void);

/* Of a group of tests, before the first one: how many there are without those that they begin, a sanitizer's among
 * them. Tests find it as `*state`. */
int count_threads_before(void **state);

/* A thread that has been waited for may stay on the system's list a moment longer. */
#define assert_threads(n) threads_check(n, __FILE__, __LINE__)
void threads_check(size_t n, const char *file, int line);

#endif
