/* SPDX-License-Identifier: MIT */
/* stack.h — a plan → the machines that read it, one standing on the other.
 * Owner: whoever called _make, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h. */
#ifndef MLY_STACK_H
#define MLY_STACK_H

#include "machine.h"
#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From the ground up: names of creators, images of sequences, and lines of a lower zoom come before what they decide;
 * then tiles, entities, lists; then the order by distance; then what only the Graph knows. */
enum mly_status mly_stack_make(const struct mly_plan *plan, const struct mly_read_options *options,
                               struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
