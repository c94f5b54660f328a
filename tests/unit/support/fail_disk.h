/* SPDX-License-Identifier: MIT */
/* fail_disk.h — stands between the code under test and the system: counts its calls, refuses where it is told to, and
 * lets the process die where it is told to.
 * A program that uses it is linked with --wrap for each call; CMakeLists.txt has the list.
 * Owner: one state for the process. Threads: one. */
#ifndef MLY_TEST_FAIL_DISK_H
#define MLY_TEST_FAIL_DISK_H

#include <stddef.h>

/* Counts from 0 and refuses nothing. */
void fail_disk_reset(void);

/* Call number `first` fails with `error`, counted from 0, and the `n - 1` after it. */
void fail_disk_refuse(size_t first, size_t n, int error);

/* Instead of call number `number`, the process is killed. */
void fail_disk_die(size_t number);

/* One call reads or writes no more than this. */
void fail_disk_shorten(size_t max_bytes);

/* Calls since the last reset. */
size_t fail_disk_count(void);

#endif
