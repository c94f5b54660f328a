/* SPDX-License-Identifier: MIT */
#include "near.h"

#include <math.h>
#include <stdlib.h>

#include "limits.h"

static const double radians = 3.14159265358979323846 / 180.0;

/* What rounding may do to a distance: far more than it does, and far less than a position's grid (API.md 1.3). */
static double margin_of(double distance)
{
    return distance * 1e-9 + 1e-6;
}

/* Nearer than this to the place, an image has no direction to it. */
static const double same_place_m = 1e-3;

/* ---- the sphere ---- */

static double square(double value)
{
    return value * value;
}

/* From one meridian to the other the short way, in degrees, [-180, 180]. */
static double turn(double from, double to)
{
    return remainder(to - from, 360.0);
}

/* By haversines: exact for near points, where cosines are not. */
double mly_near_distance(struct mly_point a, struct mly_point b)
{
    const double h = square(sin((b.y - a.y) * radians / 2)) +
                     cos(a.y * radians) * cos(b.y * radians) * square(sin(turn(a.x, b.x) * radians / 2));
    return 2 * MLY_NEAR_EARTH_M * asin(sqrt(fmin(h, 1.0)));
}

/* The usual formula, with the difference of two products written such that near points do not cancel it. */
double mly_near_bearing(struct mly_point a, struct mly_point b)
{
    const double lambda = turn(a.x, b.x) * radians, phi = b.y * radians;
    const double east = sin(lambda) * cos(phi);
    const double north = sin((b.y - a.y) * radians) + 2 * sin(a.y * radians) * cos(phi) * square(sin(lambda / 2));
    const double bearing = atan2(east, north) / radians;
    const double positive = bearing < 0 ? bearing + 360.0 : bearing;
    return positive < 360.0 ? positive : 0.0;
}

/* ---- boxes ---- */

static bool is_between(double longitude, const struct mly_box *box)
{
    return longitude >= box->west && longitude <= box->east;
}

/* On any parallel, the distance grows with the angle between the meridians: the nearest point lies on the place's own
 * meridian or on the edge that is nearer by that angle. There it is an end, or the foot of the perpendicular. */
double mly_near_to_box(struct mly_point place, const struct mly_box *box)
{
    const double longitude = remainder(place.x, 360.0);
    if (is_between(longitude, box) || is_between(longitude - 360.0, box) || is_between(longitude + 360.0, box)) {
        const double off = place.y < box->south ? box->south - place.y : fmax(place.y - box->north, 0.0);
        return off * radians * MLY_NEAR_EARTH_M;
    }
    const double to_west = fabs(turn(longitude, box->west)), to_east = fabs(turn(longitude, box->east));
    const double edge = to_west < to_east ? box->west : box->east;
    const double lambda = fmin(to_west, to_east) * radians, phi = place.y * radians;
    const double foot = atan2(sin(phi), cos(phi) * cos(lambda)) / radians;
    const double south = mly_near_distance(place, (struct mly_point){edge, box->south});
    const double north = mly_near_distance(place, (struct mly_point){edge, box->north});
    const double ends = fmin(south, north);
    if (foot <= box->south || foot >= box->north) /* beyond a pole, too */
        return ends;
    return fmin(ends, mly_near_distance(place, (struct mly_point){edge, foot}));
}

/* The distance to the farthest point, a corner; infinity where it might be another one, which takes a box or a distance
 * of a quarter of the world. */
static double farthest(struct mly_point place, const struct mly_box *box)
{
    const double longitude = remainder(place.x, 360.0);
    double most = 0.0;
    if (box->east - box->west > 90.0 || fabs(turn(longitude, box->west)) > 90.0 ||
        fabs(turn(longitude, box->east)) > 90.0)
        return (double)INFINITY;
    for (unsigned i = 0; i < 4; i++) {
        const struct mly_point corner = {i & 1 ? box->west : box->east, i & 2 ? box->south : box->north};
        most = fmax(most, mly_near_distance(place, corner));
    }
    return most;
}

static enum mly_touch touch_ring(void *ctx, const struct mly_box *box)
{
    const struct mly_near *near = ctx;
    const double least = mly_near_to_box(near->place, box);
    if (least > near->radius_m + margin_of(near->radius_m))
        return MLY_OUTSIDE;
    const double most = farthest(near->place, box);
    if (most < near->min_radius_m - margin_of(near->min_radius_m))
        return MLY_OUTSIDE;
    const bool is_whole = most <= near->radius_m - margin_of(near->radius_m) &&
                          (near->min_radius_m <= 0.0 || least >= near->min_radius_m + margin_of(near->min_radius_m));
    return is_whole ? MLY_INSIDE : MLY_PARTLY;
}

/* The circle's box. Where it meets a pole or 180°, all longitudes: what is too much, the shape sorts out. */
static struct mly_box box_of(const struct mly_near *near)
{
    const double radius = (near->radius_m + margin_of(near->radius_m)) / MLY_NEAR_EARTH_M, reach = radius / radians;
    const double longitude = remainder(near->place.x, 360.0), latitude = near->place.y;
    struct mly_box box = {-180.0, latitude - reach, 180.0, latitude + reach};
    if (box.south <= -90.0 || box.north >= 90.0)
        return box;
    const double half = asin(fmin(sin(radius) / cos(latitude * radians), 1.0)) / radians;
    if (longitude - half < -180.0 || longitude + half > 180.0)
        return box;
    box.west = longitude - half;
    box.east = longitude + half;
    return box;
}

void mly_near_area(const struct mly_near *near, struct mly_area *out)
{
    *out = (struct mly_area){.box = box_of(near), .touch = touch_ring, .ctx = (void *)near};
}

/* ---- tiles in order ---- */

struct ranked {
    double distance;
    size_t number; /* as they came */
    struct mly_cover_node node;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *l = a, *r = b;
    if (l->distance != r->distance)
        return l->distance < r->distance ? -1 : 1;
    return (l->number > r->number) - (l->number < r->number);
}

static enum mly_status rank_tiles(const struct mly_near *near, const struct mly_cover *cover, struct mly_buf *out)
{
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_tile tile;
    bool inside = false;
    for (size_t number = 0; mly_cover_next(cover, &cursor, &tile, &inside); number++) {
        const struct mly_box box = mly_tile_box(tile);
        const struct ranked ranked = {
            .distance = mly_near_to_box(near->place, &box),
            .number = number,
            .node = {.x = tile.x, .y = tile.y, .z = tile.z, .inside = inside},
        };
        MLY_TRY(mly_buf_append(out, &ranked, sizeof ranked));
    }
    return MLY_OK;
}

static enum mly_status take_ranked(const struct mly_buf *ranked, struct mly_buf *nodes)
{
    const struct ranked *tiles = (const void *)ranked->data;
    for (size_t i = 0; i < ranked->size / sizeof *tiles; i++)
        MLY_TRY(mly_buf_append(nodes, &tiles[i].node, sizeof tiles[i].node));
    return MLY_OK;
}

enum mly_status mly_near_sort(const struct mly_near *near, struct mly_cover *cover, const struct mly_mem *mem,
                              struct mly_error *err)
{
    struct mly_buf ranked, nodes;
    mly_buf_init(&ranked, mem, SIZE_MAX);
    mly_buf_init(&nodes, mem, SIZE_MAX);
    enum mly_status status = rank_tiles(near, cover, &ranked);
    if (status == MLY_OK && ranked.size > 0)
        qsort(ranked.data, ranked.size / sizeof(struct ranked), sizeof(struct ranked), compare_ranked);
    if (status == MLY_OK)
        status = take_ranked(&ranked, &nodes);
    mly_buf_fini(&ranked);
    if (status < 0) {
        mly_buf_fini(&nodes);
        return mly_fail(err, status, "out of memory for the list of tiles");
    }
    mly_cover_fini(cover);
    mly_buf_move(&cover->nodes, &nodes);
    return MLY_OK;
}

/* ---- rows ---- */

/* Where a layer has what is looked at and what is filled; -1: it has not. */
struct columns {
    int compass, pano, distance, bearing, angle_off;
};

static struct columns columns_of(const struct mly_layer *layer)
{
    return (struct columns){
        .compass = mly_schema_column(layer, "compass_angle"),
        .pano = mly_schema_column(layer, "is_pano"),
        .distance = mly_schema_column(layer, "distance"),
        .bearing = mly_schema_column(layer, "bearing"),
        .angle_off = mly_schema_column(layer, "angle_off"),
    };
}

static bool is_pano(const struct columns *columns, const struct mly_row *row)
{
    if (columns->pano < 0)
        return false;
    const struct mly_value *value = &row->values[columns->pano];
    return value->type == MLY_BOOL && value->as.i != 0;
}

/* False: there is none. Negative ones stand for that, too. */
static bool find_compass(const struct columns *columns, const struct mly_row *row, double *out)
{
    if (columns->compass < 0)
        return false;
    const struct mly_value *value = &row->values[columns->compass];
    if (value->type != MLY_REAL || !(value->as.r >= 0.0))
        return false;
    *out = fmod(value->as.r, 360.0);
    return true;
}

static struct mly_value real(double value)
{
    return (struct mly_value){.as.r = value, .type = MLY_REAL};
}

static double angle_between(double a, double b)
{
    return fabs(turn(a, b));
}

static bool sees(const struct mly_near *near, const struct columns *columns, const struct mly_row *row,
                 struct mly_near_view *out)
{
    const struct mly_point position = {row->longitude, row->latitude};
    double compass = 0.0;
    *out = (struct mly_near_view){.distance = {.type = MLY_NULL}};
    if (!row->has_position)
        return false;
    const double distance = mly_near_distance(position, near->place);
    out->distance = real(distance);
    if (distance >= same_place_m) {
        out->bearing = real(mly_near_bearing(position, near->place));
        if (find_compass(columns, row, &compass))
            out->angle_off = real(angle_between(compass, out->bearing.as.r));
    }
    if (distance < near->min_radius_m || distance > near->radius_m)
        return false;
    if (!near->is_looking || is_pano(columns, row))
        return true;
    return out->angle_off.type != MLY_NULL && out->angle_off.as.r <= near->fov_degrees / 2;
}

bool mly_near_sees(const struct mly_near *near, const struct mly_layer *layer, const struct mly_row *row,
                   struct mly_near_view *out)
{
    const struct columns columns = columns_of(layer);
    struct mly_near_view view;
    return sees(near, &columns, row, out ? out : &view);
}

/* By how many degrees the direction to the place can change when the image moves by `slack` metres: by the angle under
 * which the place sees that circle, by what north turns on the way from one meridian to another, and by the excess of
 * the triangle of both positions and the place. 180: it can be anything. */
static double turn_within(double slack, double distance, double latitude)
{
    const double small = slack / MLY_NEAR_EARTH_M, large = distance / MLY_NEAR_EARTH_M;
    if (slack >= distance || small > 1.0 || sin(small) >= sin(large) || sin(small) >= cos(latitude * radians))
        return 180.0;
    const double seen = asin(sin(small) / sin(large)), north = asin(sin(small) / cos(latitude * radians));
    return (seen + north + small * large) / radians + 1e-9;
}

bool mly_near_may_see(const struct mly_near *near, const struct mly_layer *layer, const struct mly_row *row,
                      double slack_m)
{
    const struct columns columns = columns_of(layer);
    const struct mly_point position = {row->longitude, row->latitude};
    double compass = 0.0;
    if (!row->has_position)
        return true;
    const double distance = mly_near_distance(position, near->place);
    const double slack = slack_m + margin_of(slack_m) + margin_of(distance);
    if (distance < near->min_radius_m - slack || distance > near->radius_m + slack)
        return false;
    if (!near->is_looking || is_pano(&columns, row))
        return true;
    if (!find_compass(&columns, row, &compass))
        return false;
    const double off = angle_between(compass, mly_near_bearing(position, near->place));
    return off <= near->fov_degrees / 2 + turn_within(slack, distance, row->latitude);
}

/* ---- rows that wait ---- */

/* Rows are copied into batches, which go when all their rows have been given: a long read with tiles in order holds
 * what waits, and not what it has seen. */
struct batch {
    struct batch *next; /* the one before */
    struct mly_arena arena;
    size_t n_left;
};

enum { BATCH_BYTES = 224 << 10 }; /* nearly what an arena's first four blocks hold: a fifth would stay empty */

/* A row in a heap that is a tree of pairs: all of it lies with the row, and grows with it. */
struct held {
    double distance;
    uint64_t number;      /* as they came */
    uint64_t columns;     /* of which it has values; the others are not worth their memory */
    struct mly_row *row;  /* its values are those alone */
    struct batch *batch;  /* in which all of this lies */
    struct held *child;   /* none of them comes before this one */
    struct held *sibling; /* another child of the same */
};

struct near_machine {
    struct mly_machine base;
    struct mly_near near;
    const struct mly_layer *layer;
    const struct mly_mem *mem;
    struct mly_machine *inner;
    struct columns columns;
    bool is_sorted, is_done; /* is_done: no row is left behind */
    double bound;            /* all rows to come are at least that far */
    struct mly_tile tile;    /* for which it is */
    struct held *first;
    uint64_t n_held;
    struct batch *batches; /* the newest, which is written to, first */
    size_t older_bytes;    /* in the others */
    struct batch *given;   /* in which the row given last lies */
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
};

static struct held *merge(struct held *a, struct held *b)
{
    if (!a || !b)
        return a ? a : b;
    const bool a_first = a->distance < b->distance || (a->distance == b->distance && a->number < b->number);
    struct held *first = a_first ? a : b, *second = a_first ? b : a;
    second->sibling = first->child;
    first->child = second;
    return first;
}

/* What is left of the heap without its first: the children in pairs, then the pairs one after another. */
static struct held *merge_children(struct held *first)
{
    struct held *pairs = NULL, *rest = NULL;
    for (struct held *at = first->child; at;) {
        struct held *a = at, *b = at->sibling;
        at = b ? b->sibling : NULL;
        a->sibling = NULL;
        if (b)
            b->sibling = NULL;
        a = merge(a, b);
        a->sibling = pairs;
        pairs = a;
    }
    while (pairs) {
        struct held *next = pairs->sibling;
        pairs->sibling = NULL;
        rest = merge(rest, pairs);
        pairs = next;
    }
    return rest;
}

static void free_batch(struct near_machine *n, struct batch *batch)
{
    mly_arena_fini(&batch->arena);
    n->mem->release(n->mem->ctx, batch);
}

/* The batch goes when nothing in it is of use, and nothing more will be written to it. */
static void leave_batch(struct near_machine *n, struct batch *batch)
{
    if (batch->n_left > 0 || batch == n->batches)
        return;
    struct batch **link = &n->batches;
    while (*link != batch)
        link = &(*link)->next;
    *link = batch->next;
    n->older_bytes -= batch->arena.used;
    free_batch(n, batch);
}

static enum mly_status open_batch(struct near_machine *n)
{
    struct batch *full = n->batches;
    struct batch *batch = n->mem->alloc(n->mem->ctx, sizeof *batch);
    if (!batch)
        return MLY_E_NOMEM;
    *batch = (struct batch){.next = full};
    mly_arena_init(&batch->arena, n->mem, 0);
    n->batches = batch;
    if (full) {
        n->older_bytes += full->arena.used;
        leave_batch(n, full);
    }
    return MLY_OK;
}

/* The row with the values that it has, packed. */
static struct held *copy_row(struct near_machine *n, struct batch *batch, const struct mly_row *row)
{
    struct mly_value packed[MLY_SCHEMA_MAX_COLUMNS];
    struct mly_row source = *row;
    uint32_t n_packed = 0;
    struct held *held = mly_arena_alloc(&batch->arena, sizeof *held);
    if (!held)
        return NULL;
    *held = (struct held){.number = n->n_held, .batch = batch};
    for (uint32_t i = 0; i < n->layer->n_columns; i++) {
        if (row->values[i].type == MLY_NULL)
            continue;
        held->columns |= UINT64_C(1) << i;
        packed[n_packed++] = row->values[i];
    }
    source.values = packed;
    held->row = mly_row_copy(&batch->arena, &source, n_packed);
    return held->row ? held : NULL;
}

static enum mly_status fail_hold(const struct near_machine *n, enum mly_status status, struct mly_error *err)
{
    if (status == MLY_E_LIMIT)
        return mly_fail(err, status,
                        "%s: more than %llu rows wait to be sorted by distance, which takes more than %d MB. Set the "
                        "open option RADIUS smaller, or add a stricter attribute filter",
                        n->layer->name, (unsigned long long)n->n_held, MLY_LIMIT_NEAR_MEMORY >> 20);
    return mly_fail(err, status, "%s: out of memory for the rows that wait to be sorted by distance", n->layer->name);
}

static enum mly_status hold(struct near_machine *n, const struct mly_row *row, double distance, struct mly_error *err)
{
    if (!n->batches || n->batches->arena.used >= BATCH_BYTES) {
        const enum mly_status status = open_batch(n);
        if (status < 0)
            return fail_hold(n, status, err);
    }
    struct batch *batch = n->batches;
    batch->arena.limit = MLY_LIMIT_NEAR_MEMORY - n->older_bytes; /* which grow by what this one had, and shrink */
    struct held *held = copy_row(n, batch, row);
    if (!held)
        return fail_hold(n, batch->arena.trouble, err);
    held->distance = distance;
    n->n_held++;
    batch->n_left++;
    n->first = merge(n->first, held);
    return MLY_OK;
}

/* ---- the machine ---- */

static bool is_same(struct mly_tile a, struct mly_tile b)
{
    return a.x == b.x && a.y == b.y && a.z == b.z;
}

/* Rows to come lie in this row's tile, or in one that is at least as far. */
static void move_bound(struct near_machine *n, struct mly_tile tile)
{
    if (!n->is_sorted || is_same(tile, n->tile))
        return;
    const struct mly_box box = mly_tile_box(tile);
    const double distance = mly_near_to_box(n->near.place, &box);
    n->tile = tile;
    n->bound = distance - margin_of(distance);
}

static void forget_given(struct near_machine *n)
{
    struct batch *batch = n->given;
    n->given = NULL;
    if (!batch)
        return;
    batch->n_left--;
    leave_batch(n, batch);
}

static void fill(struct near_machine *n, int column, struct mly_value value)
{
    if (column >= 0)
        n->values[column] = value;
}

static enum mly_status give(struct near_machine *n, struct mly_row *out)
{
    const struct held *held = n->first;
    const struct mly_value *packed = held->row->values;
    struct mly_near_view view;
    n->first = merge_children(n->first);
    n->given = held->batch;
    for (uint32_t i = 0; i < n->layer->n_columns; i++)
        n->values[i] = held->columns >> i & 1 ? *packed++ : (struct mly_value){.type = MLY_NULL};
    *out = *held->row;
    out->values = n->values;
    (void)sees(&n->near, &n->columns, out, &view);
    fill(n, n->columns.distance, view.distance);
    fill(n, n->columns.bearing, view.bearing);
    fill(n, n->columns.angle_off, view.angle_off);
    return MLY_OK;
}

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    return mly_machine_want(((struct near_machine *)m)->inner, out, err);
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    return mly_machine_feed(((struct near_machine *)m)->inner, response, err);
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct near_machine *n = (struct near_machine *)m;
    struct mly_near_view view;
    struct mly_row row;
    forget_given(n);
    while (!n->is_done && !(n->first && n->first->distance < n->bound)) {
        const enum mly_status status = mly_machine_take(n->inner, &row, err);
        n->is_done = status == MLY_DONE;
        if (status == MLY_DONE)
            break;
        if (status != MLY_OK)
            return status;
        move_bound(n, row.tile);
        if (sees(&n->near, &n->columns, &row, &view))
            MLY_TRY(hold(n, &row, view.distance.as.r, err));
    }
    return n->first ? give(n, out) : MLY_DONE;
}

static enum mly_status find(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err)
{
    return mly_machine_find(((struct near_machine *)m)->inner, id, out, err);
}

static enum mly_status tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    return mly_machine_tiles(((struct near_machine *)m)->inner, fn, ctx);
}

static void destroy(struct mly_machine *m)
{
    struct near_machine *n = (struct near_machine *)m;
    while (n->batches) {
        struct batch *next = n->batches->next;
        free_batch(n, n->batches);
        n->batches = next;
    }
    mly_machine_free(n->inner);
    n->mem->release(n->mem->ctx, n);
}

enum mly_status mly_near_new(const struct mly_near *near, const struct mly_layer *layer, bool is_sorted,
                             const struct mly_read_options *options, struct mly_machine *inner,
                             struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {
        .want = want, .feed = feed, .take = take, .find = find, .tiles = tiles, .destroy = destroy};
    const struct mly_mem *mem = options->mem;
    struct near_machine *n = mem->alloc(mem->ctx, sizeof *n);
    if (!n) {
        mly_machine_free(inner);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    }
    *n = (struct near_machine){
        .base = {.vtbl = &vtbl},
        .near = *near,
        .layer = layer,
        .mem = mem,
        .inner = inner,
        .columns = columns_of(layer),
        .is_sorted = is_sorted,
        .bound = -1.0,
        .tile = {.z = UINT8_MAX}, /* none */
    };
    *out = &n->base;
    return MLY_OK;
}
