/* SPDX-License-Identifier: MIT */
/* Attributes in whatever encoding they come: what the column wants, or nothing.
 * Input: the type that the column wants, how the value came, and the value. */
#include "core/value.h"

#include <string.h>

#include "fuzz.h"
#include "unit/support/check_row.h"

static struct mly_value raw_value(uint8_t how, const uint8_t *data, size_t size)
{
    static const enum mly_type types[] = {MLY_TEXT, MLY_TEXT, MLY_INT, MLY_REAL, MLY_BOOL, MLY_TIME, MLY_NULL};
    struct mly_value value = {.as.i = 0, .type = types[how % (sizeof types / sizeof types[0])]};
    if (value.type == MLY_TEXT) {
        value.as.text = (const char *)data;
        value.n_bytes = (uint32_t)size;
        return value;
    }
    memcpy(&value.as.i, data, size < sizeof value.as.i ? size : sizeof value.as.i);
    if (value.type == MLY_BOOL)
        value.as.i &= 1;
    if (value.type == MLY_TIME) /* a time that is one */
        value.as.i = (value.as.i & INT64_C(0xffffffffff)) + 1;
    return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char scratch[MLY_VALUE_SCRATCH], again[MLY_VALUE_SCRATCH];
    if (size < 3)
        return 0;
    const enum mly_type want = (enum mly_type)(MLY_BOOL + data[0] % MLY_TIME);
    const struct mly_value value = mly_value_coerce(want, raw_value(data[1], data + 2, size - 2), scratch);
    const int64_t digest = check_value(want, value, 0);
    if (check_value(want, mly_value_coerce(want, value, again), 0) != digest) /* it is what the column wants already */
        __builtin_trap();
    if (value.type == MLY_INT) { /* and an integer survives being spelled */
        const struct mly_value text = mly_value_coerce(MLY_TEXT, value, scratch);
        if (mly_value_coerce(MLY_INT, text, again).as.i != value.as.i)
            __builtin_trap();
    }
    return 0;
}
