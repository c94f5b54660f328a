/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <math.h>
#include <string.h>

void check_near(double actual, double expected, double tolerance, const char *file, int line)
{
    if (fabs(actual - expected) <= tolerance) /* false for NaN */
        return;
    print_error("%.17g is not within %g of %.17g\n", actual, tolerance, expected);
    _fail(file, line);
}

void check_status(enum mly_status actual, enum mly_status expected, const struct mly_error *err, const char *file,
                  int line)
{
    if (actual == expected)
        return;
    print_error("status '%s' where '%s' is expected%s%s\n", mly_status_name(actual), mly_status_name(expected),
                err && actual < 0 ? ": " : "", err && actual < 0 ? err->text : "");
    _fail(file, line);
}

void check_says(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part))
        return;
    print_error("\"%s\" does not say \"%s\"\n", text, part);
    _fail(file, line);
}

void check_lacks(const char *text, const char *part, const char *file, int line)
{
    if (!strstr(text, part))
        return;
    print_error("\"%s\" says \"%s\"\n", text, part);
    _fail(file, line);
}

void check_span(struct mly_span actual, const void *expected, size_t n, const char *file, int line)
{
    if (actual.size == n && (n == 0 || memcmp(actual.data, expected, n) == 0))
        return;
    print_error("%zu bytes are not the expected %zu\n", actual.size, n);
    _fail(file, line);
}
