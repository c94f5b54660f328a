/* SPDX-License-Identifier: MIT */
/* random_tile.h — vector tiles by chance, all of them valid: few features, odd values, keys known and unknown.
 * Owner: the caller's bytes. Threads: one. */
#ifndef MLY_TEST_RANDOM_TILE_H
#define MLY_TEST_RANDOM_TILE_H

#include "bytes.h"
#include "chance.h"

/* Appends a layer of that name to a tile; `shape` as in make_tile.h. */
void random_tile_layer(struct bytes *tile, const char *name, uint32_t shape, struct chance *chance);

#endif
