/* SPDX-License-Identifier: MIT */
/* request.h — how the service spells addresses and keys.
 * Owner: values. Threads: pure functions. Source: API.md 1.1, 2.2. */
#ifndef MLY_REQUEST_H
#define MLY_REQUEST_H

#include "tile.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `service` is the address of the tile service, without a slash at its end; `ticket` is left 0. MLY_E_LIMIT: the
 * address is too long. */
enum mly_status mly_request_tile(const char *service, const char *tileset, struct mly_tile tile,
                                 struct mly_request *out, struct mly_error *err);

/* The list of what was detected in an image, or of a map feature's detections (API.md 2.6), from the Graph at
 * `service`. */
enum mly_status mly_request_detections(const char *service, int64_t owner_id, struct mly_request *out,
                                       struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
