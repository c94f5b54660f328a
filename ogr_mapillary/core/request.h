/* SPDX-License-Identifier: MIT */
/* request.h — how the service spells addresses and keys.
 * Owner: values. Threads: pure functions. Source: API.md 1.1, 2.2 to 2.4. `service` is an address without a slash at
 * its end; tickets are left 0. Each: MLY_E_LIMIT when the address is too long. */
#ifndef MLY_REQUEST_H
#define MLY_REQUEST_H

#include "schema.h"
#include "span.h"
#include "tile.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mly_status mly_request_tile(const char *service, const char *tileset, struct mly_tile tile,
                                 struct mly_request *out, struct mly_error *err);

/* The list of what was detected in an image, or of a map feature's detections (API.md 2.6). */
enum mly_status mly_request_detections(const char *service, int64_t owner_id, struct mly_request *out,
                                       struct mly_error *err);

/* `/?ids=…&fields=…`: 1 to MLY_LIMIT_BATCH entities, with the fields that these columns of the layer, and the position
 * if `geometry` names one (NULL: none), are made of, each once, in the schema's order; object_type too where the layer
 * tells signs from other features and `with_kind`. The key names the first id and the number of others.
 * MLY_E_ARG: none, or more than that. */
enum mly_status mly_request_entities(const char *service, const struct mly_layer *layer, const int64_t *ids,
                                     uint32_t n_ids, uint64_t columns, const char *geometry, bool with_kind,
                                     struct mly_request *out, struct mly_error *err);

/* Reads what the function above made: the ids, and the fields as a comma list, which is borrowed from the request.
 * Returns the number of ids; 0: this is another request. */
uint32_t mly_request_read_entities(const struct mly_request *request, int64_t ids[MLY_LIMIT_BATCH],
                                   const char **fields);

/* The same request about 1 to MLY_LIMIT_BATCH of its ids only. MLY_E_ARG: it is another request, or there are none.
 * `out` may not be `request`. */
enum mly_status mly_request_narrow(const struct mly_request *request, const int64_t *ids, uint32_t n_ids,
                                   struct mly_request *out, struct mly_error *err);

/* `/image_ids?sequence_id=…`: the images of a sequence, in the order of capture. The key goes out as it is spelled, but
 * for the escapes of an address. MLY_E_ARG: it is empty or longer than MLY_LIMIT_NAME. */
enum mly_status mly_request_image_ids(const char *service, struct mly_span sequence, struct mly_request *out,
                                      struct mly_error *err);

/* `/images?creator_username=…&fields=creator&limit=1`: whose name it is. As above. */
enum mly_status mly_request_creator(const char *service, struct mly_span name, struct mly_request *out,
                                    struct mly_error *err);

/* The first page of all images of a creator (by name), or of an organization (by id): `/images?…&fields=id&limit=2000`.
 */
enum mly_status mly_request_images_of_creator(const char *service, struct mly_span name, struct mly_request *out,
                                              struct mly_error *err);
enum mly_status mly_request_images_of_organization(const char *service, int64_t id, struct mly_request *out,
                                                   struct mly_error *err);

/* The page at `next`, an address that the service gave (API.md 2.4). `previous` is the request that it came with,
 * and may be `out`. MLY_E_REMOTE: it leads to another host than `service`'s, or to another path: never followed. A
 * token in it is taken out: the transport adds its own. */
enum mly_status mly_request_page(const char *service, struct mly_span next, const struct mly_request *previous,
                                 struct mly_request *out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
