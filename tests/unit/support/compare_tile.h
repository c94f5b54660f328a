/* SPDX-License-Identifier: MIT */
/* compare_tile.h — core/mvt.c beside the plain reader of reference.h: the same bytes must be accepted or refused by
 * both, and give the same rows. Owner: nothing is kept. Threads: one. */
#ifndef MLY_TEST_COMPARE_TILE_H
#define MLY_TEST_COMPARE_TILE_H

#include "core/span.h"

/* What became of many tiles: a comparison of nothing but refusals would prove little. */
struct compare_tally {
    unsigned long n_tiles, n_refused, n_with_rows;
};

/* `layer` is a layer's name in the schema. Fails the test where the two differ. */
void compare_tile(struct mly_span bytes, const char *layer, struct compare_tally *tally);

#endif
