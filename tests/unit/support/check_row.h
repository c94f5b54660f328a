/* SPDX-License-Identifier: MIT */
/* check_row.h — what holds of every row and value, whatever the service sent.
 * Owner: nothing is kept. Threads: one. */
#ifndef MLY_TEST_CHECK_ROW_H
#define MLY_TEST_CHECK_ROW_H

#include "core/row.h"

/* The value is one of a column of type `want`, or MLY_NULL; all its bytes can be read. Returns a number that is the
 * same for the same value, mixed with `seed`. */
int64_t check_value(enum mly_type want, struct mly_value value, int64_t seed);

/* Likewise, of a row of the layer: ids, positions, parts and values. */
int64_t check_row(const struct mly_layer *layer, const struct mly_row *row);

#endif
