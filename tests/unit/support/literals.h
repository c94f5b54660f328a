/* SPDX-License-Identifier: MIT */
/* literals.h — values and literals, as a test writes them down.
 * Owner: texts are borrowed. Threads: values. */
#ifndef MLY_TEST_LITERALS_H
#define MLY_TEST_LITERALS_H

#include <string.h>

#include "core/expr.h"

static inline struct mly_value nothing(void)
{
    return (struct mly_value){.type = MLY_NULL};
}

static inline struct mly_value whole(int64_t i)
{
    return (struct mly_value){.as.i = i, .type = MLY_INT};
}

static inline struct mly_value yes_or_no(bool truth)
{
    return (struct mly_value){.as.i = truth, .type = MLY_BOOL};
}

static inline struct mly_value real(double r)
{
    return (struct mly_value){.as.r = r, .type = MLY_REAL};
}

static inline struct mly_value words(const char *text)
{
    return (struct mly_value){.as.text = text, .n_bytes = (uint32_t)strlen(text), .type = MLY_TEXT};
}

static inline struct mly_value moment(int64_t ms)
{
    return (struct mly_value){.as.i = ms, .type = MLY_TIME};
}

static inline struct mly_literal literal(struct mly_value value)
{
    return (struct mly_literal){.value = value, .until = value.type == MLY_TIME ? value.as.i : 0};
}

/* Any moment from the one to the other. */
static inline struct mly_literal interval(int64_t from, int64_t until)
{
    return (struct mly_literal){.value = moment(from), .until = until};
}

#endif
