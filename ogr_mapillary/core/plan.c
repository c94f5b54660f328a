/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- where rows come from ---- */

static bool is_point_entity(const struct mly_layer *layer)
{
    return layer->entity == MLY_ENTITY_IMAGE || layer->entity == MLY_ENTITY_MAP_FEATURE ||
           layer->entity == MLY_ENTITY_SIGN;
}

/* MLY_OK: the filter demands values of the column; `out` has them. */
static enum mly_status demand(const struct mly_query *query, int column, struct mly_buf *out)
{
    out->size = 0;
    return query->filter ? mly_expr_demand(query->filter, column, out) : MLY_DONE;
}

/* A row without an id has the FID -1, and nobody can look it up. */
static bool has_no_number(const struct mly_buf *ids)
{
    const struct mly_value *values = (const void *)ids->data;
    for (size_t i = 0; i < ids->size / sizeof *values; i++) {
        if (values[i].as.i < 0)
            return true;
    }
    return false;
}

static enum mly_status demand_ids(const struct mly_query *query, struct mly_buf *out)
{
    const enum mly_status status = demand(query, 0, out);
    if (status != MLY_DONE)
        return status;
    const enum mly_status by_fid = demand(query, MLY_EXPR_FID, out);
    return by_fid == MLY_OK && has_no_number(out) ? MLY_DONE : by_fid;
}

/* Images that the service lists by something else than their place. */
static enum mly_status demand_list(const struct mly_query *query, enum mly_ids_kind *kind, struct mly_buf *out)
{
    static const struct {
        const char *column;
        enum mly_ids_kind kind;
    } lists[] = {
        {"sequence_id", MLY_IDS_SEQUENCES},
        {"creator_username", MLY_IDS_CREATORS},
        {"organization_id", MLY_IDS_ORGANIZATIONS},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const enum mly_status status = demand(query, mly_schema_column(query->layer, lists[i].column), out);
        *kind = lists[i].kind;
        if (status != MLY_DONE)
            return status;
    }
    return MLY_DONE;
}

/* A map feature's list goes first: it names the images as well. */
static enum mly_status demand_owners(const struct mly_query *query, enum mly_owner *owner, struct mly_buf *out)
{
    *owner = MLY_OWNER_MAP_FEATURE;
    const enum mly_status status = demand(query, mly_schema_column(query->layer, "map_feature_id"), out);
    if (status != MLY_DONE)
        return status;
    *owner = MLY_OWNER_IMAGE;
    return demand(query, mly_schema_column(query->layer, "image_id"), out);
}

static enum mly_status take_given(const struct mly_query *query, struct mly_buf *out)
{
    for (size_t i = 0; i < query->n_ids; i++) {
        const struct mly_value id = {.as.i = query->ids[i], .type = MLY_INT};
        MLY_TRY(mly_buf_append(out, &id, sizeof id));
    }
    return MLY_OK;
}

/* Ids that only filter what the area's tiles hold: where nobody else can be asked; and where the area decides how much
 * of a sequence is shown, so that a filter must not add tiles to it. */
static bool filters_tiles(const struct mly_query *query)
{
    const bool is_cut = query->layer->entity == MLY_ENTITY_SEQUENCE && query->stitch != MLY_STITCH_WHOLE;
    return query->area && (query->is_local || is_cut);
}

/* MLY_OK: out->ids has them, and out->source is set. MLY_DONE: the query names none. */
static enum mly_status choose_ids(const struct mly_query *query, struct mly_plan *out)
{
    const struct mly_layer *layer = query->layer;
    out->source = layer->way == MLY_WAY_OWNERS           ? MLY_SOURCE_OWNERS
                  : layer->entity == MLY_ENTITY_SEQUENCE ? MLY_SOURCE_TRACE
                                                         : MLY_SOURCE_ENTITIES;
    out->ids_kind = MLY_IDS_GIVEN;
    out->owner = query->owner;
    if (query->ids)
        return take_given(query, &out->ids);
    if (layer->way == MLY_WAY_OWNERS)
        return demand_owners(query, &out->owner, &out->ids);
    if (filters_tiles(query))
        return MLY_DONE;
    if (layer->entity == MLY_ENTITY_SEQUENCE) {
        out->ids_kind = MLY_IDS_SEQUENCES;
        return demand(query, 0, &out->ids);
    }
    if (!is_point_entity(layer))
        return MLY_DONE;
    const enum mly_status status = demand_ids(query, &out->ids);
    if (status != MLY_DONE || query->area || layer->entity != MLY_ENTITY_IMAGE)
        return status;
    return demand_list(query, &out->ids_kind, &out->ids);
}

static enum mly_status choose_source(const struct mly_query *query, struct mly_plan *out)
{
    const struct mly_layer *layer = query->layer;
    if (query->filter && mly_expr_is_never(query->filter)) {
        out->source = MLY_SOURCE_NOTHING;
        return MLY_OK;
    }
    if (!query->tiles) {
        const enum mly_status status = choose_ids(query, out);
        if (status < 0)
            return status;
        if (status == MLY_OK) {
            out->source = out->ids.size > 0 ? out->source : MLY_SOURCE_NOTHING;
            return MLY_OK;
        }
    }
    out->ids.size = 0;
    if (layer->way == MLY_WAY_OWNERS)
        out->source = MLY_SOURCE_NOWHERE;
    else if (layer->way == MLY_WAY_PLAN)
        out->source = query->area || query->tiles ? MLY_SOURCE_LISTING : MLY_SOURCE_NOWHERE;
    else
        out->source = query->area || query->tiles || layer->way == MLY_WAY_OVERVIEW ? MLY_SOURCE_TILES
                                                                                    : MLY_SOURCE_NOWHERE;
    return MLY_OK;
}

/* ---- tiles ---- */

static bool has_nan(const struct mly_box *box)
{
    return isnan(box->west) || isnan(box->south) || isnan(box->east) || isnan(box->north);
}

static enum mly_status check_area(const struct mly_query *query, struct mly_error *err)
{
    if (query->area && has_nan(&query->area->box))
        return mly_fail(err, MLY_E_ARG, "%s: the spatial filter has a coordinate that is no number; give degrees",
                        query->layer->name);
    return MLY_OK;
}

static enum mly_status refuse_unbounded(const struct mly_query *query, struct mly_error *err)
{
    const char *name = query->layer->name;
    if (query->layer->way == MLY_WAY_OWNERS)
        return mly_fail(
            err, MLY_E_ARG,
            "%s: the service lists them for an image or a map feature only. Add an attribute filter such as "
            "\"image_id = 123\", \"image_id IN (123, 456)\" or \"map_feature_id = 123\"",
            name);
    return mly_fail(err, MLY_E_ARG,
                    "%s: nothing bounds this read, and the service has billions of rows. Add a spatial filter, "
                    "e.g. -spat WEST SOUTH EAST NORTH in degrees with ogr2ogr (-clipsrc is none), or "
                    "SetSpatialFilter() in code; or the open option AOI%s",
                    name,
                    is_point_entity(query->layer) || query->layer->entity == MLY_ENTITY_SEQUENCE
                        ? "; or name ids in the attribute filter"
                        : "");
}

static enum mly_status too_many_tiles(const struct mly_query *query, uint64_t n_tiles, struct mly_error *err)
{
    return mly_fail(err, MLY_E_LIMIT,
                    "%s: this read needs %" PRIu64 " tiles and MAX_TILES allows %" PRIu64 ". Make the spatial "
                    "filter smaller, or set the open option MAX_TILES (or MAPILLARY_MAX_TILES) higher; the "
                    "service allows about 50,000 tiles a day",
                    query->layer->name, n_tiles, query->max_tiles);
}

/* Each step down reads a quarter of the tiles, with coarser lines; a z6 tile can hold 190,000 sequences (API.md 1.3),
 * so the finest zoom that is cheap is chosen. Where even that saves nothing, there is no scout. */
static enum mly_status plan_scout(const struct mly_mem *mem, struct mly_plan *out, struct mly_error *err)
{
    enum { FINEST = 10, COARSEST = 6, A_FEW_TILES = 2000, WORTH_IT = 4 };
    if (out->cover.zoom <= FINEST)
        return MLY_OK;
    const uint64_t worth_it = out->cover.n_tiles / WORTH_IT;
    for (uint8_t zoom = FINEST;; zoom--) {
        const uint64_t most = zoom == COARSEST || worth_it < A_FEW_TILES ? worth_it : A_FEW_TILES;
        const enum mly_status status = mly_cover_parents(&out->cover, zoom, most, mem, &out->scout, err);
        if (status == MLY_OK)
            return MLY_OK;
        mly_cover_fini(&out->scout);
        out->scout = (struct mly_cover){.zoom = 0};
        if (status != MLY_E_LIMIT)
            return status;
        if (zoom == COARSEST)
            return MLY_OK;
    }
}

static bool can_prune(const struct mly_query *query)
{
    return query->is_pruned &&
           (query->layer->entity == MLY_ENTITY_IMAGE || query->layer->entity == MLY_ENTITY_SEQUENCE);
}

static enum mly_status check_tiles(const struct mly_query *query, const struct mly_plan *plan, struct mly_error *err)
{
    const uint64_t n_tiles = plan->scout.n_tiles > 0 ? plan->scout.n_tiles : plan->cover.n_tiles;
    return n_tiles > query->max_tiles ? too_many_tiles(query, n_tiles, err) : MLY_OK;
}

static enum mly_status plan_cover(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                                  struct mly_error *err)
{
    const struct mly_layer *layer = query->layer;
    if (query->tiles)
        return mly_cover_of(query->tiles, query->n_tiles, out->zoom, mem, &out->cover, err);
    struct mly_area area = *query->area;
    const bool is_free = can_prune(query) || layer->way == MLY_WAY_PLAN; /* how many tiles will be read is not known */
    const uint64_t max_tiles = is_free ? UINT64_MAX : query->max_tiles;
    area.closed = layer->shape == MLY_LINES;
    enum mly_status status = mly_cover_make(&area, out->zoom, max_tiles, mem, &out->cover, err);
    if (status == MLY_E_LIMIT && out->cover.n_tiles > max_tiles)
        return too_many_tiles(query, out->cover.n_tiles, err);
    if (status < 0)
        return mly_wrap(err, status, "%s", layer->name);
    if (can_prune(query))
        MLY_TRY(plan_scout(mem, out, err));
    if (layer->way != MLY_WAY_PLAN)
        MLY_TRY(check_tiles(query, out, err));
    return query->near && layer->way != MLY_WAY_PLAN ? mly_near_sort(query->near, &out->cover, mem, err) : MLY_OK;
}

/* The largest zoom at which the area is a handful of tiles; without an area, the world in one tile. */
static enum mly_status plan_overview(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                                     struct mly_error *err)
{
    enum { A_HANDFUL = 9 }; /* as many as a screen shows of a zoom that suits it */
    const struct mly_area world = {.box = {-180.0, -90.0, 180.0, 90.0}};
    const struct mly_layer *layer = query->layer;
    for (uint8_t zoom = query->area ? layer->zoom : layer->min_zoom;; zoom--) {
        const enum mly_status status = mly_cover_make(query->area ? query->area : &world, zoom, A_HANDFUL, mem,
                                                      &out->cover, err);
        if (status != MLY_E_LIMIT || zoom == layer->min_zoom)
            return status < 0 ? mly_wrap(err, status, "%s", layer->name) : MLY_OK;
        mly_cover_fini(&out->cover);
    }
}

static enum mly_status plan_tiles(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                                  struct mly_error *err)
{
    MLY_TRY(check_area(query, err));
    if (query->layer->way == MLY_WAY_OVERVIEW && !query->tiles)
        return plan_overview(query, mem, out, err);
    return plan_cover(query, mem, out, err);
}

/* ---- the Graph ---- */

static enum mly_status add_name(void *ctx, const char *text, uint32_t n_bytes)
{
    struct mly_plan *plan = ctx;
    const struct mly_value name = {.as.text = text, .n_bytes = n_bytes, .type = MLY_TEXT};
    const struct mly_value *names = (const void *)plan->names.data;
    const size_t n = plan->names.size / sizeof name;
    for (size_t i = 0; i < n && n <= plan->max_requests; i++) { /* with more than that, the read is refused anyway */
        if (names[i].n_bytes == n_bytes && memcmp(names[i].as.text, text, n_bytes) == 0)
            return MLY_OK;
    }
    return mly_buf_append(&plan->names, &name, sizeof name);
}

/* Tiles know creators by number; a filter by name is one by number once the numbers have been asked for. */
static enum mly_status plan_names(const struct mly_query *query, struct mly_plan *out)
{
    const int column = mly_schema_column(query->layer, "creator_username");
    if (out->source != MLY_SOURCE_TILES || !query->filter || column < 0)
        return MLY_OK;
    return mly_expr_texts(query->filter, column, add_name, out);
}

static uint64_t bit_of(const struct mly_layer *layer, const char *name)
{
    const int column = mly_schema_column(layer, name);
    return column < 0 ? 0 : UINT64_C(1) << column;
}

static void plan_columns(const struct mly_query *query, struct mly_plan *out)
{
    const struct mly_layer *layer = query->layer;
    const char *geometry = out->computed ? "computed_geometry" : "geometry";
    out->graph_columns = query->columns & mly_schema_columns(layer, MLY_FROM_GRAPH);
    if (out->source == MLY_SOURCE_ENTITIES) {
        out->graph_columns |= query->columns & mly_schema_columns(layer, MLY_FROM_TILE);
        if (query->near) /* decides by these */
            out->graph_columns |= bit_of(layer, "compass_angle") | bit_of(layer, "is_pano");
        out->geometry = geometry;
    } else if (out->is_exact) {
        out->geometry = geometry;
    }
}

static size_t count_ids(const struct mly_plan *plan)
{
    return plan->ids.size / sizeof(struct mly_value);
}

static size_t count_names(const struct mly_plan *plan)
{
    return plan->names.size / sizeof(struct mly_value);
}

/* What is known beforehand. */
static uint64_t count_requests(const struct mly_plan *plan)
{
    const uint64_t n = count_ids(plan);
    if (plan->source == MLY_SOURCE_ENTITIES && plan->ids_kind == MLY_IDS_GIVEN)
        return (n + MLY_LIMIT_BATCH - 1) / MLY_LIMIT_BATCH;
    return n + count_names(plan);
}

static enum mly_status check_requests(const struct mly_plan *plan, struct mly_error *err)
{
    const uint64_t n = count_requests(plan);
    if (n <= plan->max_requests)
        return MLY_OK;
    return mly_fail(err, MLY_E_LIMIT,
                    "%s: this read needs %" PRIu64 " requests and MAX_REQUESTS allows %" PRIu64 ". Name fewer ids, "
                    "or set the open option MAX_REQUESTS (or MAPILLARY_MAX_REQUESTS) higher",
                    plan->layer->name, n, plan->max_requests);
}

/* ---- the plan ---- */

static struct mly_plan begin(const struct mly_query *query, const struct mly_mem *mem)
{
    const struct mly_layer *layer = query->layer;
    const bool computed = query->computed && (layer->computed_tileset || layer->way == MLY_WAY_PLAN);
    struct mly_plan plan = {
        .layer = layer,
        .filter = query->filter,
        .tileset = computed ? layer->computed_tileset : layer->tileset,
        .max_tiles = query->max_tiles,
        .max_requests = query->max_requests,
        .stitch = query->stitch,
        .zoom = query->zoom ? query->zoom : layer->zoom,
        .computed = computed,
        .is_exact = query->is_exact && is_point_entity(layer),
        .has_near = query->near != NULL,
    };
    if (query->near)
        plan.near = *query->near;
    mly_buf_init(&plan.ids, mem, MLY_LIMIT_IDS * sizeof(struct mly_value));
    mly_buf_init(&plan.names, mem, MLY_LIMIT_IDS * sizeof(struct mly_value));
    return plan;
}

static enum mly_status no_room(const struct mly_query *query, enum mly_status status, struct mly_error *err)
{
    if (status == MLY_E_LIMIT)
        return mly_fail(err, status, "%s: the attribute filter names more than %d values; name fewer at a time",
                        query->layer->name, MLY_LIMIT_IDS);
    return mly_fail(err, MLY_E_NOMEM, "%s: out of memory for the values in the filter", query->layer->name);
}

enum mly_status mly_plan_make(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                              struct mly_error *err)
{
    *out = begin(query, mem);
    enum mly_status status = choose_source(query, out);
    if (status == MLY_OK)
        status = plan_names(query, out);
    if (status < 0)
        return no_room(query, status, err);
    plan_columns(query, out);
    switch (out->source) {
    case MLY_SOURCE_NOWHERE:
        return refuse_unbounded(query, err);
    case MLY_SOURCE_TILES:
    case MLY_SOURCE_LISTING:
        MLY_TRY(plan_tiles(query, mem, out, err));
        break;
    default:
        break;
    }
    return check_requests(out, err);
}

bool mly_plan_is_bounded(const struct mly_query *query, const struct mly_mem *mem)
{
    struct mly_plan plan = begin(query, mem);
    const enum mly_status status = choose_source(query, &plan);
    const bool is_bounded = status < 0 || plan.source != MLY_SOURCE_NOWHERE;
    mly_plan_fini(&plan);
    return is_bounded;
}

struct mly_ids_source mly_plan_ids(const struct mly_plan *plan)
{
    return (struct mly_ids_source){
        .kind = plan->ids_kind, .values = (const void *)plan->ids.data, .n_values = count_ids(plan)};
}

/* ---- in words ---- */

struct text {
    char *at;
    size_t room;
    bool is_first; /* of a list */
};

static void print(struct text *text, const char *format, ...) MLY_PRINTF(2, 3);
static void print(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text->at, text->room, format, args);
    va_end(args);
    const size_t n_bytes = n < 0 ? 0 : (size_t)n < text->room ? (size_t)n : text->room - 1;
    text->at += n_bytes;
    text->room -= n_bytes;
}

static void print_item(void *ctx, const char *item)
{
    struct text *text = ctx;
    print(text, "%s%s", text->is_first ? "" : ", ", item);
    text->is_first = false;
}

static void print_columns(struct text *text, const struct mly_layer *layer, uint64_t columns)
{
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (columns >> i & 1)
            print_item(text, layer->columns[i].name);
    }
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void print_tiles(struct text *text, const struct mly_plan *plan, int64_t n_cached)
{
    const struct mly_cover *cover = &plan->cover, *scout = &plan->scout;
    if (plan->source == MLY_SOURCE_LISTING) {
        print(text, "a list of %" PRIu64 " z%u tile%s", cover->n_tiles, cover->zoom, plural(cover->n_tiles));
        return;
    }
    if (scout->n_tiles > 0)
        print(text, "%" PRIu64 " z%u tile%s, then at most ", scout->n_tiles, scout->zoom, plural(scout->n_tiles));
    print(text, "%" PRIu64 " z%u tile%s of %s", cover->n_tiles, cover->zoom, plural(cover->n_tiles), plan->tileset);
    if (n_cached >= 0)
        print(text, ", %" PRId64 " cached", n_cached);
}

static void print_source(struct text *text, const struct mly_plan *plan, int64_t n_cached)
{
    static const char *const lists[] = {
        [MLY_IDS_GIVEN] = "Graph entities by id: ",
        [MLY_IDS_SEQUENCES] = "Graph entities, the images of sequences: ",
        [MLY_IDS_CREATORS] = "Graph entities, the images of creators: ",
        [MLY_IDS_ORGANIZATIONS] = "Graph entities, the images of organizations: ",
    };
    const size_t n = count_ids(plan);
    switch (plan->source) {
    case MLY_SOURCE_NOWHERE:
    case MLY_SOURCE_NOTHING:
        print(text, "no row can pass the filter, so nothing is asked");
        break;
    case MLY_SOURCE_TILES:
    case MLY_SOURCE_LISTING:
        print_tiles(text, plan, n_cached);
        break;
    case MLY_SOURCE_ENTITIES:
        print(text, "%s%zu", lists[plan->ids_kind], n);
        break;
    case MLY_SOURCE_TRACE:
        print(text, "tiles of %s where the images of %zu sequence%s are", plan->tileset, n, plural(n));
        break;
    case MLY_SOURCE_OWNERS:
        print(text, "Graph lists of %zu %s%s", n, plan->owner == MLY_OWNER_IMAGE ? "image" : "map feature", plural(n));
        break;
    }
}

static void print_pushed(struct text *text, const struct mly_plan *plan)
{
    print(text, "; pushed ");
    text->is_first = true;
    print_columns(text, plan->layer, plan->filter ? mly_expr_columns(plan->filter) : 0);
    print(text, "%s; left to OGR: ", text->is_first ? "nothing" : "");
    text->is_first = true;
    if (plan->filter)
        mly_expr_unknowns(plan->filter, print_item, text);
    print(text, "%s", text->is_first ? "nothing" : "");
}

static void print_graph(struct text *text, const struct mly_plan *plan)
{
    print(text, "; Graph: ");
    text->is_first = true;
    if (plan->names.size > 0)
        print(text, "creators of %zu name%s", count_names(plan), plural(count_names(plan)));
    text->is_first = plan->names.size == 0;
    print_columns(text, plan->layer, plan->graph_columns);
    if (plan->geometry)
        print_item(text, plan->geometry);
    print(text, "%s", text->is_first ? "none" : "");
}

// NOLINTNEXTLINE(readability-non-const-parameter): written to through `out`
void mly_plan_print(const struct mly_plan *plan, int64_t n_cached, char text[MLY_PLAN_TEXT])
{
    struct text out = {.at = text, .room = MLY_PLAN_TEXT};
    print(&out, "%s: ", plan->layer->name);
    print_source(&out, plan, n_cached);
    print_pushed(&out, plan);
    if (plan->layer->entity != MLY_ENTITY_NONE)
        print_graph(&out, plan);
}

void mly_plan_fini(struct mly_plan *plan)
{
    mly_cover_fini(&plan->cover);
    mly_cover_fini(&plan->scout);
    if (plan->ids.mem)
        mly_buf_fini(&plan->ids);
    if (plan->names.mem)
        mly_buf_fini(&plan->names);
}
