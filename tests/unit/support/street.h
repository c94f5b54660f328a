/* SPDX-License-Identifier: MIT */
/* street.h — a plan of a few tiles in a row, with the answers that the service would give: what readers are tested on.
 * Owner: _free gives back everything. Threads: one. */
#ifndef MLY_TEST_STREET_H
#define MLY_TEST_STREET_H

#include "bytes.h"
#include "core/plan.h"
#include "core/transport.h"

enum { STREET_MAX = 64, STREET_ROWS = 3 };

struct street {
    struct mly_plan plan;
    size_t n_tiles;
    struct mly_tile tiles[STREET_MAX]; /* in the plan's order */
    char keys[STREET_MAX][MLY_LIMIT_KEY];
    struct bytes bodies[STREET_MAX]; /* STREET_ROWS images each; a test may replace them */
};

/* Of the layer of images; `n_tiles` from 0 to STREET_MAX. */
void street_init(struct street *street, size_t n_tiles);

/* The id of row `row` of tile `tile`. */
int64_t street_id(size_t tile, size_t row);

struct mly_span street_body(const struct street *street, size_t tile);

void street_free(struct street *street);

#endif
