/* SPDX-License-Identifier: MIT */
/* trace.h — sequences by key → the tiles where their images are: their images' ids, the positions of these, the tiles.
 * Owner: whoever called _new, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h.
 * Source: SPEC.md 3, `id = / IN` (sequences); API.md 2.2. */
#ifndef MLY_TRACE_H
#define MLY_TRACE_H

#include "prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `make` gets the same plan with these tiles as its cover. MLY_E_LIMIT: more of them than plan->max_tiles. */
enum mly_status mly_trace_new(const struct mly_plan *plan, const struct mly_read_options *options, mly_make_fn *make,
                              struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
