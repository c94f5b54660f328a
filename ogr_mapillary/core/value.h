/* SPDX-License-Identifier: MIT */
/* value.h — one attribute, as it came or as a column wants it.
 * Owner: text is borrowed from the tile, or from the caller's scratch. Threads: values. */
#ifndef MLY_VALUE_H
#define MLY_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mly_type {
    MLY_NULL = 0,
    MLY_BOOL, /* as.i is 0 or 1 */
    MLY_INT,  /* as.i */
    MLY_REAL, /* as.r, finite */
    MLY_TEXT, /* as.text, n_bytes; any bytes at all: who shows it checks the encoding */
    MLY_TIME, /* as.i: milliseconds since 1970-01-01T00:00:00Z, positive, before the year 10000 */
    MLY_INTS, /* as.ints, n_bytes of them */
    MLY_REALS /* as.reals, n_bytes of them; each is finite */
};

struct mly_value {
    union {
        int64_t i;
        double r;
        const char *text; /* not terminated */
        const int64_t *ints;
        const double *reals;
    } as;
    uint32_t n_bytes; /* of text and lists */
    enum mly_type type;
};

enum { MLY_VALUE_SCRATCH = 32 }; /* any number's digits fit */

/* The last millisecond of the year 9999: ISO 8601 and every GDAL format end there. */
#define MLY_TIME_MAX INT64_C(253402300799999)

/* `raw` as a column of type `want` has it. Encodings other than the expected one are accepted (API.md 1.2: a number as
 * text, a boolean as a number, a time in ISO 8601); what cannot be read, an empty string among them, is MLY_NULL. Text
 * made from a number lies in `scratch`. Lists are nothing but lists. */
struct mly_value mly_value_coerce(enum mly_type want, struct mly_value raw, char scratch[MLY_VALUE_SCRATCH]);

/* 63 bits of FNV-1a: the same number for the same text on every machine, never negative. `seed` is 0, or the hash of
 * what stands before the text. */
int64_t mly_value_hash(int64_t seed, const void *text, size_t n);

#ifdef __cplusplus
}
#endif

#endif
