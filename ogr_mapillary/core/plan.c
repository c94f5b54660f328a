/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static bool has_nan(const struct mly_box *box)
{
    return isnan(box->west) || isnan(box->south) || isnan(box->east) || isnan(box->north);
}

static enum mly_status need_area(const struct mly_query *query, struct mly_error *err)
{
    if (!query->area)
        return mly_fail(err, MLY_E_ARG,
                        "%s: nothing bounds this read, and the service has billions of rows. Add a spatial filter, "
                        "e.g. -spat WEST SOUTH EAST NORTH in degrees with ogr2ogr (-clipsrc is none), or "
                        "SetSpatialFilter() in code",
                        query->layer->name);
    if (has_nan(&query->area->box))
        return mly_fail(err, MLY_E_ARG, "%s: the spatial filter has a coordinate that is no number",
                        query->layer->name);
    return MLY_OK;
}

static enum mly_status plan_cover(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                                  struct mly_error *err)
{
    const struct mly_layer *layer = query->layer;
    const uint8_t zoom = query->zoom ? query->zoom : layer->zoom;
    if (query->tiles)
        return mly_cover_of(query->tiles, query->n_tiles, zoom, mem, &out->cover, err);
    MLY_TRY(need_area(query, err));
    struct mly_area area = *query->area;
    area.closed = layer->shape == MLY_LINES;
    const enum mly_status status = mly_cover_make(&area, zoom, query->max_tiles, mem, &out->cover, err);
    if (status == MLY_E_LIMIT && out->cover.n_tiles > query->max_tiles)
        return mly_fail(err, status,
                        "%s: this read needs %" PRIu64 " tiles and MAX_TILES allows %" PRIu64 ". Make the spatial "
                        "filter smaller, or set the open option MAX_TILES (or MAPILLARY_MAX_TILES) higher; the "
                        "service allows about 50,000 tiles a day",
                        layer->name, out->cover.n_tiles, query->max_tiles);
    return status < 0 ? mly_wrap(err, status, "%s", layer->name) : MLY_OK;
}

/* The largest zoom at which the area is a handful of tiles; without an area, the world in one tile. */
static enum mly_status plan_overview(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                                     struct mly_error *err)
{
    enum { A_HANDFUL = 9 }; /* as many as a screen shows of a zoom that suits it */
    const struct mly_area world = {.box = {-180.0, -90.0, 180.0, 90.0}};
    const struct mly_layer *layer = query->layer;
    if (query->area)
        MLY_TRY(need_area(query, err));
    for (uint8_t zoom = query->area ? layer->zoom : layer->min_zoom;; zoom--) {
        const enum mly_status status = mly_cover_make(query->area ? query->area : &world, zoom, A_HANDFUL, mem,
                                                      &out->cover, err);
        if (status != MLY_E_LIMIT || zoom == layer->min_zoom)
            return status < 0 ? mly_wrap(err, status, "%s", layer->name) : MLY_OK;
        mly_cover_fini(&out->cover);
    }
}

static enum mly_status plan_owners(const struct mly_query *query, struct mly_plan *out, struct mly_error *err)
{
    const char *name = query->layer->name;
    if (!query->owners)
        return mly_fail(
            err, MLY_E_ARG,
            "%s: the service lists them for an image or a map feature only. Add an attribute filter such as "
            "\"image_id = 123\", \"image_id IN (123, 456)\" or \"map_feature_id = 123\"",
            name);
    if (query->n_owners > query->max_requests)
        return mly_fail(err, MLY_E_LIMIT,
                        "%s: this read needs %" PRIu32 " requests and MAX_REQUESTS allows %" PRIu64 ". Name fewer ids, "
                        "or set the open option MAX_REQUESTS (or MAPILLARY_MAX_REQUESTS) higher",
                        name, query->n_owners, query->max_requests);
    if (mly_buf_append(&out->owners, query->owners, query->n_owners * sizeof *query->owners) < 0)
        return mly_fail(err, MLY_E_NOMEM, "%s: out of memory for the list of ids", name);
    return MLY_OK;
}

enum mly_status mly_plan_make(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                              struct mly_error *err)
{
    const struct mly_layer *layer = query->layer;
    const bool computed = query->computed && layer->computed_tileset;
    *out = (struct mly_plan){
        .layer = layer,
        .tileset = computed ? layer->computed_tileset : layer->tileset,
        .max_tiles = query->max_tiles,
        .stitch = query->stitch,
        .owner = query->owner,
    };
    mly_buf_init(&out->owners, mem, SIZE_MAX);
    switch (layer->way) {
    case MLY_WAY_OWNERS:
        return plan_owners(query, out, err);
    case MLY_WAY_OVERVIEW:
        return plan_overview(query, mem, out, err);
    default:
        return plan_cover(query, mem, out, err);
    }
}

void mly_plan_print(const struct mly_plan *plan, char text[MLY_PLAN_TEXT])
{
    const size_t n_owners = plan->owners.size / sizeof(int64_t);
    const uint64_t n_tiles = plan->cover.n_tiles;
    if (plan->layer->way == MLY_WAY_OWNERS)
        (void)snprintf(text, MLY_PLAN_TEXT, "%s: Graph lists of %zu %s%s", plan->layer->name, n_owners,
                       plan->owner == MLY_OWNER_IMAGE ? "image" : "map feature", n_owners == 1 ? "" : "s");
    else
        (void)snprintf(text, MLY_PLAN_TEXT, "%s: %" PRIu64 " z%u tile%s of %s", plan->layer->name, n_tiles,
                       plan->cover.zoom, n_tiles == 1 ? "" : "s", plan->tileset);
}

void mly_plan_fini(struct mly_plan *plan)
{
    mly_cover_fini(&plan->cover);
    if (plan->owners.mem)
        mly_buf_fini(&plan->owners);
}
