/* SPDX-License-Identifier: MIT */
/* prune.h — reads the lines of a lower zoom first, and of the plan's tiles only those that a line touches, or that lie
 * beside one.
 * Owner: whoever called _new, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h.
 * Source: SPEC.md 1 (PRUNE), API.md 1.3: at zooms 6 to 13 lines are generalised, but nearly all sequences are there. An
 * image whose sequence has a single position has no line. */
#ifndef MLY_PRUNE_H
#define MLY_PRUNE_H

#include "prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads the tiles of plan->scout (under one that the read goes on without, all tiles are left), then gives the rows of
 * the machine that `make` makes of the same plan with what is left of its cover, in its order, flags kept. Warns once
 * of what may be missed. MLY_E_LIMIT: more tiles are left than plan->max_tiles allows, those of the scout counted in;
 * the message says how many and what to do. */
enum mly_status mly_prune_new(const struct mly_plan *plan, const struct mly_read_options *options, mly_make_fn *make,
                              struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
