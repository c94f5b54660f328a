/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <inttypes.h>
#include <stdio.h>

static enum mly_status check_fit(const struct mly_request *request, int n_key, int n_url, struct mly_error *err)
{
    if (n_key < 0 || (size_t)n_key >= sizeof request->key || n_url < 0 || (size_t)n_url >= sizeof request->url)
        return mly_fail(err, MLY_E_LIMIT, "the address of the service is too long");
    return MLY_OK;
}

enum mly_status mly_request_tile(const char *service, const char *tileset, struct mly_tile tile,
                                 struct mly_request *out, struct mly_error *err)
{
    *out = (struct mly_request){.kind = MLY_REQUEST_TILE, .max_bytes = MLY_LIMIT_BODY};
    const int n_key = snprintf(out->key, sizeof out->key, "%s/%u/%u/%u", tileset, tile.z, tile.x, tile.y);
    const int n_url = snprintf(out->url, sizeof out->url, "%s/maps/vtp/%s/2/%u/%u/%u", service, tileset, tile.z, tile.x,
                               tile.y);
    return check_fit(out, n_key, n_url, err);
}

enum mly_status mly_request_detections(const char *service, int64_t owner_id, struct mly_request *out,
                                       struct mly_error *err)
{
    *out = (struct mly_request){.kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
    const int n_key = snprintf(out->key, sizeof out->key, "%" PRId64 "/detections", owner_id);
    const int n_url = snprintf(out->url, sizeof out->url,
                               "%s/%" PRId64 "/detections?fields=created_at,geometry,image,value", service, owner_id);
    return check_fit(out, n_key, n_url, err);
}
