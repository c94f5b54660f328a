/* SPDX-License-Identifier: MIT */
#include "detections.h"

#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "graph.h"
#include "losses.h"
#include "mvt.h"
#include "request.h"

struct detections {
    struct mly_machine base;
    struct mly_read_options options;
    const struct mly_plan *plan;
    struct mly_ring *ring;
    size_t next_owner;
    struct mly_graph *list; /* of which rows are being given; NULL between answers */
    size_t row;
    int64_t owner;
    struct mly_arena arena;                 /* a row's digits and its outline, decoded */
    struct mly_buf points, rings, polygons; /* the row's geometry */
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
};

/* An outline's only layer, whose attributes (type=polygon) say nothing. */
static const struct mly_layer *outline_layer(void)
{
    static const struct mly_layer layer = {.name = "outline", .tile_layer = "mpy-or", .shape = MLY_POLYGONS};
    return &layer;
}

static enum mly_status next_request(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err)
{
    struct detections *d = ctx;
    const struct mly_ids_source owners = mly_plan_ids(d->plan);
    if (d->next_owner == owners.n_values)
        return MLY_DONE;
    const int64_t owner = owners.values[d->next_owner++].as.i;
    *tag = (uint64_t)owner;
    return mly_request_detections(d->options.graph_service, owner, out, err);
}

/* ---- outlines ---- */

/* Twice the ring's area, positive for an outer ring (MVT 4.3.4.4): with y down, as vertices stand on the tile's grid.
 */
static double signed_area(const struct mly_point *points, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const struct mly_point *a = &points[i], *b = &points[(i + 1) % n];
        sum += a->x * b->y - b->x * a->y;
    }
    return sum;
}

static uint32_t count_points(const struct detections *d)
{
    return (uint32_t)(d->points.size / sizeof(struct mly_point));
}

/* Ends the ring that began at point `first`: an outer one, or the first of a feature, begins a polygon. */
static enum mly_status end_ring(struct detections *d, uint32_t first, bool is_first)
{
    const uint32_t n_points = count_points(d);
    const struct mly_point *points = (const void *)d->points.data;
    if (n_points == first)
        return MLY_OK;
    MLY_TRY(mly_buf_append(&d->rings, &n_points, sizeof n_points));
    const uint32_t n_rings = (uint32_t)(d->rings.size / sizeof n_rings);
    if (is_first || signed_area(points + first, n_points - first) > 0.0)
        return mly_buf_append(&d->polygons, &n_rings, sizeof n_rings);
    uint32_t *ends = (void *)d->polygons.data; /* a hole belongs to the polygon before it */
    ends[d->polygons.size / sizeof *ends - 1] = n_rings;
    return MLY_OK;
}

static enum mly_status append_feature(struct detections *d, const struct mly_mvt *mvt, uint32_t index)
{
    const double extent = mly_mvt_extent(mvt);
    struct mly_mvt_walk walk;
    enum mly_mvt_vertex step;
    uint32_t ring = count_points(d);
    bool is_first = true;
    mly_mvt_walk_open(mvt, index, &walk);
    while ((step = mly_mvt_walk_next(&walk)) != MLY_MVT_END) {
        if (step == MLY_MVT_FIRST && count_points(d) > ring) {
            MLY_TRY(end_ring(d, ring, is_first));
            ring = count_points(d);
            is_first = false;
        }
        const struct mly_point point = {.x = walk.x / extent, .y = walk.y / extent};
        MLY_TRY(mly_buf_append(&d->points, &point, sizeof point));
    }
    return end_ring(d, ring, is_first);
}

static enum mly_status decode_outline(struct detections *d, struct mly_value geometry, struct mly_error *err)
{
    const struct mly_tile nowhere = {.z = 0};
    struct mly_span text = {.data = NULL};
    struct mly_mvt *mvt = NULL;
    struct mly_span bytes = {.data = NULL};
    if (geometry.type == MLY_TEXT)
        text = (struct mly_span){.data = (const uint8_t *)geometry.as.text, .size = geometry.n_bytes};
    uint8_t *decoded = mly_arena_alloc(&d->arena, text.size / 4 * 3);
    if (!decoded)
        return mly_arena_fail(&d->arena, "an outline", err);
    if (text.size == 0 || !mly_base64_decode(text, decoded, &bytes.size))
        return mly_fail(err, MLY_E_CORRUPT, "it is no base64");
    bytes.data = decoded;
    MLY_TRY(mly_mvt_open(bytes, nowhere, outline_layer(), &d->arena, &mvt, err));
    if (mly_mvt_count(mvt) == 0)
        return mly_fail(err, MLY_E_CORRUPT, "it has no polygon");
    for (uint32_t i = 0; i < mly_mvt_count(mvt); i++) {
        const enum mly_status status = append_feature(d, mvt, i);
        if (status < 0)
            return mly_fail(err, status, "out of memory for an outline");
    }
    return MLY_OK;
}

static void warn_of_outline(const struct detections *d, int64_t id, const struct mly_error *error)
{
    char text[MLY_ERROR_TEXT + 96];
    if (!d->options.warn)
        return;
    (void)snprintf(text, sizeof text, "detections: the outline of %lld cannot be read (%s); its geometry is NULL",
                   (long long)id, error->text);
    d->options.warn(d->options.debug_ctx, text);
}

/* ---- rows ---- */

/* Which column the answer cannot fill, or fills less surely than the question does. */
static void fill_owner(struct detections *d, struct mly_value *values)
{
    const char *name = d->plan->owner == MLY_OWNER_IMAGE ? "image_id" : "map_feature_id";
    for (uint32_t i = 0; i < d->plan->layer->n_columns; i++) {
        if (strcmp(d->plan->layer->columns[i].name, name) == 0)
            values[i] = (struct mly_value){.as.i = d->owner, .type = MLY_INT};
    }
}

static enum mly_status give_row(struct detections *d, struct mly_row *out, struct mly_error *err)
{
    struct mly_error error = {.code = MLY_OK};
    const struct mly_graph_entity *entity = mly_graph_at(d->list, d->row++);
    mly_arena_reset(&d->arena);
    MLY_TRY(mly_graph_values(entity, d->plan->layer, ~UINT64_C(0), &d->arena, d->values, err));
    fill_owner(d, d->values);
    struct mly_value *id = &d->values[0];
    if (id->type == MLY_INT && id->as.i <= 0)
        *id = (struct mly_value){.type = MLY_NULL};
    *out = (struct mly_row){.id = id->type == MLY_INT ? id->as.i : -1, .values = d->values};

    d->points.size = d->rings.size = d->polygons.size = 0;
    const enum mly_status status = decode_outline(d, mly_graph_text(entity, "geometry"), &error);
    if (status == MLY_E_NOMEM)
        return mly_fail(err, status, "%s", error.text);
    if (status < 0) {
        d->polygons.size = 0;
        warn_of_outline(d, out->id, &error);
    }
    out->points = (const void *)d->points.data;
    out->part_ends = (const void *)d->rings.data;
    out->n_parts = (uint32_t)(d->rings.size / sizeof(uint32_t));
    out->polygon_ends = (const void *)d->polygons.data;
    out->n_polygons = (uint32_t)(d->polygons.size / sizeof(uint32_t));
    return MLY_OK;
}

/* API.md 2.6: no such list is known to come in pages. One that does was not read to its end. */
static enum mly_status read_list(struct detections *d, struct mly_span json, struct mly_error *err)
{
    MLY_TRY(mly_graph_open_list(json, &d->list, err));
    if (mly_graph_next(d->list).size == 0)
        return MLY_OK;
    mly_graph_free(d->list);
    d->list = NULL;
    return mly_fail(err, MLY_E_REMOTE,
                    "the service gives this list in pages, of which only the first was read; please report it");
}

/* What an answer holds. MLY_AGAIN: it will be asked for once more. */
static enum mly_status open_answer(struct detections *d, const struct mly_ring_answer *answer, struct mly_error *err)
{
    if (answer->kind != MLY_ANSWER_BODY)
        return mly_ring_give_up(d->ring, err);
    const enum mly_status status = read_list(d, answer->body, err);
    return status < 0 ? mly_ring_refuse(d->ring, status, err) : MLY_OK;
}

/* MLY_OK: the next answer's list is open, unless it is lost. MLY_AGAIN: want and feed first. */
static enum mly_status open_list(struct detections *d, struct mly_error *err)
{
    struct mly_ring_answer answer;
    struct mly_error why = {.code = MLY_OK};
    enum mly_status status = mly_ring_take(d->ring, &answer, err);
    if (status != MLY_OK)
        return status;
    status = open_answer(d, &answer, &why);
    if (status < 0)
        return mly_losses_bear(&d->options, MLY_LOSS_GRAPH, &why, "its detections are missing", err);
    if (status != MLY_OK)
        return status;
    d->owner = (int64_t)answer.tag;
    d->row = 0;
    return MLY_OK;
}

/* ---- the machine ---- */

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    return mly_ring_want(((struct detections *)m)->ring, out, err);
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    return mly_ring_feed(((struct detections *)m)->ring, response, err);
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct detections *d = (struct detections *)m;
    for (;;) {
        if (d->list && d->row < mly_graph_count(d->list))
            return give_row(d, out, err);
        mly_graph_free(d->list);
        d->list = NULL;
        const enum mly_status status = open_list(d, err);
        if (status != MLY_OK)
            return status;
    }
}

static void destroy(struct mly_machine *m)
{
    struct detections *d = (struct detections *)m;
    mly_ring_free(d->ring);
    mly_graph_free(d->list);
    mly_arena_fini(&d->arena);
    mly_buf_fini(&d->points);
    mly_buf_fini(&d->rings);
    mly_buf_fini(&d->polygons);
    d->options.mem->release(d->options.mem->ctx, d);
}

enum mly_status mly_detections_new(const struct mly_plan *plan, const struct mly_read_options *options,
                                   struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {.want = want, .feed = feed, .take = take, .destroy = destroy};
    const struct mly_mem *mem = options->mem;
    struct detections *d = mem->alloc(mem->ctx, sizeof *d);
    if (!d)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *d = (struct detections){.base = {.vtbl = &vtbl}, .options = *options, .plan = plan};
    mly_arena_init(&d->arena, mem, MLY_LIMIT_TILE_MEMORY);
    mly_buf_init(&d->points, mem, MLY_LIMIT_TILE_MEMORY);
    mly_buf_init(&d->rings, mem, MLY_LIMIT_TILE_MEMORY);
    mly_buf_init(&d->polygons, mem, MLY_LIMIT_TILE_MEMORY);
    const struct mly_ring_options ring = {
        .mem = mem,
        .max_in_flight = options->max_in_flight,
        .losses = options->losses,
        .next = next_request,
        .next_ctx = d,
        .debug = options->debug,
        .debug_ctx = options->debug_ctx,
        .max_held_bytes = MLY_LIMIT_HELD_BYTES,
        .held_bytes = options->held_bytes,
    };
    const enum mly_status status = mly_ring_new(&ring, &d->ring, err);
    if (status < 0) {
        destroy(&d->base);
        return status;
    }
    *out = &d->base;
    return MLY_OK;
}
