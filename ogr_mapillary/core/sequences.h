/* SPDX-License-Identifier: MIT */
/* sequences.h — a plan of sequence tiles → sequences.
 * First the plan's tiles are read; then, if the plan says so, what leaves them is followed from border to border; then
 * rows are given, in the order in which sequences first appeared.
 * Owner: whoever called _new, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h. */
#ifndef MLY_SEQUENCES_H
#define MLY_SEQUENCES_H

#include "fetch.h"
#include "plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* mly_machine_find knows all rows once _take has given one or answered MLY_DONE, but no pieces (MLY_STITCH_NO). With
 * the tiles that mly_machine_tiles names, and the id, a row can be made again. */
enum mly_status mly_sequences_new(const struct mly_plan *plan, const struct mly_read_options *options,
                                  struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
