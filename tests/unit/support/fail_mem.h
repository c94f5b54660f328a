/* SPDX-License-Identifier: MIT */
/* fail_mem.h — memory that counts, finds leaks and foreign pointers, and fails where it is told to.
 * Owner: the test, on its stack; `mem` is what the code under test gets. Threads: one. */
#ifndef MLY_TEST_FAIL_MEM_H
#define MLY_TEST_FAIL_MEM_H

#include "check.h"
#include "core/mem.h"

struct fail_mem {
    struct mly_mem mem;
    size_t first_failure, n_failures; /* these allocations fail, counted from 0 */
    size_t n_allocs;                  /* how many were asked for, those that failed among them */
    size_t n_failed;
    size_t n_live, live_bytes, peak_bytes;
};

/* Never fails. */
void fail_mem_init(struct fail_mem *mem);

/* Allocation number `first` fails, counted from 0, and the `n - 1` after it. */
void fail_mem_init_failing(struct fail_mem *mem, size_t first, size_t n);

#define assert_nothing_leaks(fail_mem_) fail_mem_check(fail_mem_, __FILE__, __LINE__)
void fail_mem_check(const struct fail_mem *mem, const char *file, int line);

#endif
