/* SPDX-License-Identifier: MIT */
/* detections.h — a plan of ids → the detections of each, as a machine without I/O: it wants, is fed, and gives.
 * Owner: whoever called _new; the plan is borrowed. Threads: one machine, one thread at a time.
 * Source: API.md 2.6. An outline is a vector tile in base64: rings with y down, several polygons perhaps, and holes. */
#ifndef MLY_DETECTIONS_H
#define MLY_DETECTIONS_H

#include "tiles.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_detections;

enum mly_status mly_detections_new(const struct mly_plan *plan, const struct mly_tiles_options *options,
                                   struct mly_detections **out, struct mly_error *err);

/* As mly_tiles_want, _feed and _take. A row whose outline cannot be read has no polygons, and there is a warning. */
enum mly_status mly_detections_want(struct mly_detections *detections, struct mly_request *out, struct mly_error *err);
enum mly_status mly_detections_feed(struct mly_detections *detections, struct mly_response *response,
                                    struct mly_error *err);
enum mly_status mly_detections_take(struct mly_detections *detections, struct mly_row *out, struct mly_error *err);

/* Accepts NULL. */
void mly_detections_free(struct mly_detections *detections);

#ifdef __cplusplus
}
#endif

#endif
