/* SPDX-License-Identifier: MIT */
#include "threads.h"

#include <dirent.h>
#include <poll.h>

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

int count_threads_before(void **state)
{
    static size_t n;
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
