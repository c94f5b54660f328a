/* SPDX-License-Identifier: MIT */
#include "threads.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>

#include "check.h"

size_t count_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t n = 0;
    assert_non_null(tasks);
    while (readdir(tasks))
        n++;
    closedir(tasks);
    return n - 2; /* "." and ".." */
}

static void *do_nothing(void *ctx)
{
    return ctx;
}

/* The thread sanitizer begins its own with the first one that the program begins. */
int count_threads_before(void **state)
{
    enum { A_MOMENT_MS = 100 };
    static size_t n;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)poll(NULL, 0, A_MOMENT_MS);
    n = count_threads();
    *state = &n;
    return 0;
}

void threads_check(size_t n, const char *file, int line)
{
    enum { TRIES = 5000 };
    for (int i = 0; i < TRIES && count_threads() != n; i++)
        (void)poll(NULL, 0, 1);
    _assert_int_equal(count_threads(), n, file, line);
}
