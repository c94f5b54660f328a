/* SPDX-License-Identifier: MIT */
/* names.h — asks whose the user names in a plan's filter are; then the filter asks for their numbers, which tiles know.
 * Owner: whoever called _new, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h.
 * Source: SPEC.md 3, `creator_username = / IN` with an area. */
#ifndef MLY_NAMES_H
#define MLY_NAMES_H

#include "prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One request for each of plan->names; a name that nobody has is nobody's, and so is one
 * without whose answer the read goes on. `make` gets the same plan with another
 * filter and no more names to ask for; its plan->creators tells the names of the numbers. */
enum mly_status mly_names_new(const struct mly_plan *plan, const struct mly_read_options *options, mly_make_fn *make,
                              struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
