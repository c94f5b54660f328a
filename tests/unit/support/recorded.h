/* SPDX-License-Identifier: MIT */
/* recorded.h — answers that the real service once gave, where a machine has them. The folder is named when the tests
 * are configured (MLY_RECORDED). Owner: the caller frees the bytes it gets. Threads: one. */
#ifndef MLY_TEST_RECORDED_H
#define MLY_TEST_RECORDED_H

#include "bytes.h"

/* Skips the test, with a word, when the folder has no such file. */
struct bytes recorded_read(const char *name);

#endif
