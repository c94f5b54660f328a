/* SPDX-License-Identifier: MIT */
/* detections.h — a plan of ids → the detections of each.
 * Owner: whoever called _new, by mly_machine_free; the plan and the options are borrowed. Threads: see machine.h.
 * Source: API.md 2.6. An outline is a vector tile in base64: rings with y down, several polygons perhaps, and holes. */
#ifndef MLY_DETECTIONS_H
#define MLY_DETECTIONS_H

#include "plan.h"
#include "ring.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A row whose outline cannot be read has no polygons, and there is a warning. */
enum mly_status mly_detections_new(const struct mly_plan *plan, const struct mly_read_options *options,
                                   struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
