/* SPDX-License-Identifier: MIT */
/* tiles.h — a plan → rows in the plan's order, one for each feature of its tiles.
 * Owner: whoever called _new, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h. */
#ifndef MLY_TILES_H
#define MLY_TILES_H

#include "fetch.h"
#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rows of which the plan's filter says no are not given. */
enum mly_status mly_tiles_new(const struct mly_plan *plan, const struct mly_read_options *options,
                              struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
