/* SPDX-License-Identifier: MIT */
/* check.h — cmocka, with the headers that it wants before it and the assertions that it lacks.
 * Owner: nothing is kept. Threads: one test at a time. */
#ifndef MLY_TEST_CHECK_H
#define MLY_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/span.h"
#include "core/status.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Doubles that are at most `tolerance` apart; NaN is near nothing. */
#define assert_near(actual, expected, tolerance) check_near(actual, expected, tolerance, __FILE__, __LINE__)

/* On failure names both codes, and the message in `err` (may be NULL). */
#define assert_status(actual, expected, err) check_status(actual, expected, err, __FILE__, __LINE__)

/* `part` stands somewhere in `text`, or nowhere. */
#define assert_says(text, part)  check_says(text, part, __FILE__, __LINE__)
#define assert_lacks(text, part) check_lacks(text, part, __FILE__, __LINE__)

/* The bytes of `span` are `n` bytes at `expected`. */
#define assert_span(span, expected, n) check_span(span, expected, n, __FILE__, __LINE__)

void check_near(double actual, double expected, double tolerance, const char *file, int line);
void check_status(enum mly_status actual, enum mly_status expected, const struct mly_error *err, const char *file,
                  int line);
void check_says(const char *text, const char *part, const char *file, int line);
void check_lacks(const char *text, const char *part, const char *file, int line);
void check_span(struct mly_span actual, const void *expected, size_t n, const char *file, int line);

#endif
