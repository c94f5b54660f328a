/* SPDX-License-Identifier: MIT */
/* listing.h — a plan's cover as rows: one for each tileset and tile, with what the cache knows of it. Asks nothing.
 * Owner: whoever called _new, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h.
 * Source: SPEC.md 2, tiles. */
#ifndef MLY_LISTING_H
#define MLY_LISTING_H

#include "machine.h"
#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tiles in the order of the cover; of each, the tilesets in the order of the schema. A row's id is made of its place,
 * the same in every run: see mly_listing_tile. */
enum mly_status mly_listing_new(const struct mly_plan *plan, const struct mly_read_options *options,
                                struct mly_machine **out, struct mly_error *err);

/* The tile of a row's id; false when no row has it. */
bool mly_listing_tile(int64_t id, struct mly_tile *out);

#ifdef __cplusplus
}
#endif

#endif
