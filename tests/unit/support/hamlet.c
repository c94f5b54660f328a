/* SPDX-License-Identifier: MIT */
#include "hamlet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "literals.h"
#include "make_tile.h"

enum { HOME_X = 8574, HOME_Y = 5735, UNITS = 4096 };

const struct mly_tile hamlet_home = {.x = HOME_X, .y = HOME_Y, .z = 14};
const char hamlet_tile_service[] = "https://tiles.example.org", hamlet_graph_service[] = "https://graph.example.org";

/* ---- what is there ---- */

/* Positions are in the units of z14 tiles, from the corner of home. */
struct thing {
    int64_t id;
    int32_t x, y;
    const char *tileset_layer; /* in tiles */
    const char *sequence;      /* of images */
    const char *value;         /* of the others */
    bool is_pano;
    double angle;
};

static const struct thing things[] = {
    {101, 1000, 1000, "image", "a", NULL, false, 45},
    {102, 1200, 900, "image", "a", NULL, true, 90},
    {103, 4000, 500, "image", "a", NULL, false, 270},
    {201, 4200, 500, "image", "a", NULL, false, 200},
    {202, 5000, 3000, "image", "b", NULL, true, 10},
    {301, 1010, 1010, "point", NULL, "object--bench", false, 0},
    {302, 4300, 700, "point", NULL, "object--fire-hydrant", false, 0},
    {401, 1020, 990, "traffic_sign", NULL, "regulatory--stop--g1", false, 0},
};

static const struct way {
    const char *id;
    struct make_vertex at[3];
} ways[] = {
    {"a", {{1000, 1000}, {1200, 900}, {4096, 500}}},
    {"a", {{4096, 500}, {4200, 500}, {4300, 600}}},
    {"b", {{5000, 3000}, {5100, 3100}, {5200, 3000}}},
};

/* ---- tiles ---- */

/* A position in a tile of any zoom; false: it is not in that tile. A border belongs to both of its tiles. */
static bool place(struct mly_tile tile, int32_t x, int32_t y, struct make_vertex *out)
{
    const unsigned shift = 14 - tile.z;
    const int64_t across = (((int64_t)HOME_X * UNITS + x) >> shift) - (int64_t)tile.x * UNITS;
    const int64_t down = (((int64_t)HOME_Y * UNITS + y) >> shift) - (int64_t)tile.y * UNITS;
    *out = (struct make_vertex){.x = (int32_t)across, .y = (int32_t)down};
    return across >= 0 && across <= UNITS && down >= 0 && down <= UNITS;
}

static struct make_value number(int64_t i)
{
    return (struct make_value){.encoding = MAKE_INT, .integer = i};
}

static struct make_value text(const char *t)
{
    return (struct make_value){.encoding = MAKE_TEXT, .text = t};
}

static size_t tags_of(const struct thing *thing, struct make_tag tags[8])
{
    size_t n = 0;
    tags[n++] = (struct make_tag){"id", number(thing->id)};
    if (!thing->sequence) {
        tags[n++] = (struct make_tag){"value", text(thing->value)};
        tags[n++] = (struct make_tag){"first_seen_at", number(1600000000000)};
        return n;
    }
    tags[n++] = (struct make_tag){"captured_at", number(1623542400000 + thing->id)};
    tags[n++] = (struct make_tag){"compass_angle", {.encoding = MAKE_DOUBLE, .real = thing->angle}};
    tags[n++] = (struct make_tag){"sequence_id", text(thing->sequence)};
    tags[n++] = (struct make_tag){"is_pano", {.encoding = MAKE_BOOL, .integer = thing->is_pano}};
    tags[n++] = (struct make_tag){"organization_id", number(5)};
    tags[n++] = (struct make_tag){"creator_id", number(9)};
    return n;
}

static void put_things(struct bytes *out, struct mly_tile tile, const char *kind, const char *as)
{
    struct make_feature features[COUNT(things)];
    struct make_tag tags[COUNT(things)][8];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(things); i++) {
        struct make_vertex at;
        if (strcmp(things[i].tileset_layer, kind) != 0 || !place(tile, things[i].x, things[i].y, &at))
            continue;
        const size_t n_tags = tags_of(&things[i], tags[n]);
        features[n] = (struct make_feature){.x = at.x, .y = at.y, .tags = tags[n], .n_tags = n_tags};
        n++;
    }
    make_layer(out, &(struct make_layer){.name = as, .extent = UNITS, .features = features, .n_features = n});
}

static void put_ways(struct bytes *out, struct mly_tile tile)
{
    struct make_lines lines = {.n = 0};
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct make_vertex at[3];
        bool is_there = true;
        for (size_t k = 0; k < 3; k++)
            is_there = place(tile, ways[i].at[k].x, ways[i].at[k].y, &at[k]) && is_there;
        if (is_there)
            make_lines_add(&lines, ways[i].id, at, 3);
    }
    struct bytes layer = make_lines_tile(&lines, UNITS);
    bytes_append(out, layer.data, layer.size);
    bytes_free(&layer);
}

static void answer_tile(const char *key, struct bytes *out)
{
    char tileset[64];
    const char *slash = strchr(key, '/');
    assert_non_null(slash);
    (void)snprintf(tileset, sizeof tileset, "%.*s", (int)(slash - key), key);
    char *end = NULL;
    struct mly_tile tile = {.z = (uint8_t)strtoul(slash + 1, &end, 10)};
    tile.x = (uint32_t)strtoul(end + 1, &end, 10);
    tile.y = (uint32_t)strtoul(end + 1, &end, 10);
    if (strcmp(tileset, "mly_map_feature_point") == 0)
        put_things(out, tile, "point", "point");
    else if (strcmp(tileset, "mly_map_feature_traffic_sign") == 0)
        put_things(out, tile, "traffic_sign", "traffic_sign");
    else if (tile.z <= 5)
        put_things(out, tile, "image", "overview");
    else
        put_ways(out, tile);
    if (strncmp(tileset, "mly1", 4) == 0 && tile.z == 14)
        put_things(out, tile, "image", "image");
}

/* ---- the Graph ---- */

static void say(struct bytes *out, const char *format, ...) MLY_PRINTF(2, 3);
static void say(struct bytes *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof line);
    bytes_append(out, line, (size_t)n);
}

static void say_thing(struct bytes *out, const struct thing *thing)
{
    const double longitude = mly_tile_longitude(hamlet_home, thing->x + 0.5, UNITS);
    const double latitude = mly_tile_latitude(hamlet_home, thing->y + 0.5, UNITS);
    say(out, "\"%" PRId64 "\":{\"id\":\"%" PRId64 "\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[%.14g,%.14g]}",
        thing->id, thing->id, longitude, latitude);
    if (thing->sequence)
        say(out,
            ",\"altitude\":12.5,\"make\":\"maker\",\"compass_angle\":%g,\"is_pano\":%s,\"sequence\":\"%s\","
            "\"creator\":{\"username\":\"ann\",\"id\":\"9\"},\"organization\":{\"id\":\"5\"},"
            "\"camera_parameters\":[0.5,0.1,0]}",
            thing->angle, thing->is_pano ? "true" : "false", thing->sequence);
    else
        say(out, ",\"object_value\":\"%s\",\"object_type\":\"%s\",\"images\":{\"data\":[{\"id\":\"101\"}]}}",
            thing->value, strcmp(thing->tileset_layer, "point") == 0 ? "mvd_fast" : "trafficsign");
}

static void answer_entities(const char *ids, struct bytes *out)
{
    const char *separator = "";
    say(out, "{");
    while (*ids && *ids != '&') {
        char *end = NULL;
        const int64_t id = strtoll(ids, &end, 10);
        for (size_t i = 0; i < COUNT(things); i++) {
            if (things[i].id != id)
                continue;
            say(out, "%s", separator);
            say_thing(out, &things[i]);
            separator = ",";
        }
        ids = end + (*end == ',');
    }
    say(out, "}");
}

/* Images, all of them or those of a sequence. */
static void answer_images(const char *sequence, struct bytes *out)
{
    const char *separator = "";
    say(out, "{\"data\":[");
    for (size_t i = 0; i < COUNT(things); i++) {
        if (!things[i].sequence || (sequence && *sequence != *things[i].sequence))
            continue;
        say(out, "%s{\"id\":\"%" PRId64 "\",\"creator\":{\"username\":\"ann\",\"id\":\"9\"}}", separator, things[i].id);
        separator = ",";
    }
    say(out, "]}");
}

static void answer_detections(struct bytes *out)
{
    static const struct make_vertex ring[] = {{100, 100}, {900, 100}, {900, 900}};
    struct make_path path = {.n = 0};
    struct bytes tile = {.size = 0};
    make_ring(&path, ring, COUNT(ring));
    const struct make_feature feature = {.shape = SHAPE_POLYGON, .parts = path.numbers, .n_parts = path.n};
    make_layer(&tile, &(struct make_layer){.name = "mpy-or", .extent = UNITS, .features = &feature, .n_features = 1});
    struct bytes outline = make_base64(bytes_view(&tile));
    bytes_byte(&outline, '\0');
    say(out, "{\"data\":[{\"id\":\"501\",\"value\":\"object--bench\",\"image\":{\"id\":\"101\"},\"geometry\":\"%s\"},",
        (const char *)outline.data);
    say(out, "{\"id\":\"502\",\"image\":{\"id\":\"101\"},\"geometry\":\"%s\"}]}", (const char *)outline.data);
    bytes_free(&outline);
    bytes_free(&tile);
    make_free_path(&path);
}

static void answer_graph(const char *url, struct bytes *out)
{
    const char *ids = strstr(url, "/?ids="), *sequence = strstr(url, "sequence_id=");
    if (ids)
        answer_entities(ids + strlen("/?ids="), out);
    else if (sequence)
        answer_images(sequence + strlen("sequence_id="), out);
    else if (strstr(url, "/detections?"))
        answer_detections(out);
    else
        answer_images(NULL, out);
}

void hamlet_answer(void *ctx, const struct mly_request *request, struct service_answer *out)
{
    const uint64_t order = *(const uint64_t *)ctx;
    if (order)
        out->after_ms = (uint32_t)((uint64_t)mly_value_hash((int64_t)order, request->url, strlen(request->url)) % 1000);
    if (request->kind == MLY_REQUEST_TILE)
        answer_tile(request->key, &out->body);
    else
        answer_graph(request->url, &out->body);
}

/* ---- reads ---- */

static const int64_t image_ids[] = {101, 202, 999, 0}, sign_ids[] = {301, 401, 0}, owner_ids[] = {101, 0};

static const struct hamlet_read reads[] = {
    {.name = "images", .layer = "images", .has_area = true, .n_rows = 5},
    {.name = "images with FIELDS", .layer = "images", .has_area = true, .has_fields = true, .n_rows = 5},
    {.name = "images, exactly", .layer = "images", .has_area = true, .is_exact = true, .n_rows = 5},
    {.name = "images, filtered", .layer = "images", .has_area = true, .where = "sequence_id", .is = "b", .n_rows = 1},
    {.name = "images, filtered by the Graph",
     .layer = "images",
     .has_area = true,
     .has_fields = true,
     .where = "make",
     .is = "maker",
     .n_rows = 5},
    {.name = "images with PRUNE", .layer = "images", .has_area = true, .is_pruned = true, .n_rows = 5},
    {.name = "images with NEAR", .layer = "images", .has_near = true, .n_rows = 2},
    {.name = "images with NEAR and FIELDS", .layer = "images", .has_near = true, .has_fields = true, .n_rows = 2},
    {.name = "images with NEAR, exactly", .layer = "images", .has_near = true, .is_exact = true, .n_rows = 2},
    {.name = "images with LOOKING_AT", .layer = "images", .has_near = true, .is_looking = true, .n_rows = 1},
    {.name = "images by id", .layer = "images", .ids = image_ids, .n_rows = 2},
    {.name = "images by id with NEAR", .layer = "images", .ids = image_ids, .has_near = true, .n_rows = 1},
    {.name = "images by a filter of ids", .layer = "images", .where = "id", .number = 102, .n_rows = 1},
    {.name = "images of a sequence", .layer = "images", .where = "sequence_id", .is = "a", .n_rows = 4},
    {.name = "images of a creator", .layer = "images", .where = "creator_username", .is = "ann", .n_rows = 5},
    {.name = "images of a creator in an area",
     .layer = "images",
     .has_area = true,
     .has_fields = true,
     .where = "creator_username",
     .is = "ann",
     .n_rows = 5},
    {.name = "images of an organization", .layer = "images", .where = "organization_id", .number = 5, .n_rows = 5},
    {.name = "sequences", .layer = "sequences", .has_area = true, .n_rows = 2},
    {.name = "sequences of the area", .layer = "sequences", .has_area = true, .stitch = MLY_STITCH_AREA, .n_rows = 2},
    {.name = "pieces of sequences", .layer = "sequences", .has_area = true, .stitch = MLY_STITCH_NO, .n_rows = 3},
    {.name = "sequences with FIELDS", .layer = "sequences", .has_area = true, .has_fields = true, .n_rows = 2},
    {.name = "sequences with PRUNE", .layer = "sequences", .has_area = true, .is_pruned = true, .n_rows = 2},
    /* The other one lies in the same tiles, and sequences are left to whoever has the last word. */
    {.name = "a sequence by its key", .layer = "sequences", .where = "id", .is = "a", .n_rows = 2},
    {.name = "map features", .layer = "map_features", .has_area = true, .n_rows = 2},
    {.name = "map features with FIELDS", .layer = "map_features", .has_area = true, .has_fields = true, .n_rows = 2},
    {.name = "map features with NEAR", .layer = "map_features", .has_near = true, .n_rows = 1},
    {.name = "map features by id", .layer = "map_features", .ids = sign_ids, .n_rows = 1},
    {.name = "signs", .layer = "traffic_signs", .has_area = true, .n_rows = 1},
    {.name = "signs with FIELDS", .layer = "traffic_signs", .has_area = true, .has_fields = true, .n_rows = 1},
    {.name = "signs by id", .layer = "traffic_signs", .ids = sign_ids, .n_rows = 1},
    {.name = "detections of an image", .layer = "detections", .where = "image_id", .number = 101, .n_rows = 2},
    {.name = "detections by their owner", .layer = "detections", .ids = owner_ids, .n_rows = 2},
    {.name = "detections of a map feature",
     .layer = "detections",
     .where = "map_feature_id",
     .number = 301,
     .n_rows = 2},
    {.name = "overview", .layer = "overview", .has_area = true, .n_rows = 5},
    {.name = "overview of the world", .layer = "overview", .n_rows = 5},
    {.name = "tiles", .layer = "tiles", .has_area = true, .n_rows = 6},
};

const struct hamlet_read *hamlet_read(size_t index)
{
    return index < COUNT(reads) ? &reads[index] : NULL;
}

static struct mly_area area_of(uint32_t n_tiles)
{
    const struct mly_tile last = {.x = hamlet_home.x + n_tiles - 1, .y = hamlet_home.y, .z = hamlet_home.z};
    return (struct mly_area){.box = {.west = mly_tile_longitude(hamlet_home, 1, 64),
                                     .north = mly_tile_latitude(hamlet_home, 1, 64),
                                     .east = mly_tile_longitude(last, 63, 64),
                                     .south = mly_tile_latitude(last, 63, 64)}};
}

static const struct mly_expr *filter_of(const struct hamlet_read *read, const struct mly_layer *layer,
                                        struct mly_arena *arena)
{
    const struct mly_literal wanted = literal(read->is ? words(read->is) : whole(read->number));
    const int column = mly_schema_column(layer, read->where);
    assert_true(column >= 0);
    return mly_expr_test(arena, column, MLY_OP_EQ, &wanted, 1);
}

void hamlet_ask(const struct hamlet_read *read, const struct mly_mem *mem, struct hamlet_query *out)
{
    const struct mly_layer *layer = mly_schema_find(read->layer);
    assert_non_null(layer);
    *out = (struct hamlet_query){.query = {.layer = layer,
                                           .max_tiles = 100,
                                           .max_requests = 100,
                                           .ids = read->ids,
                                           .owner = MLY_OWNER_IMAGE,
                                           .is_exact = read->is_exact,
                                           .is_pruned = read->is_pruned,
                                           .stitch = read->stitch,
                                           .columns = ~UINT64_C(0)}};
    mly_arena_init(&out->arena, mem, 1 << 20);
    if (!read->has_fields && !read->ids) /* of ids, the Graph fills what tiles would */
        out->query.columns &= ~mly_schema_columns(layer, MLY_FROM_GRAPH);
    while (read->ids && read->ids[out->query.n_ids])
        out->query.n_ids++;
    out->area = area_of(2);
    if (read->is_pruned) /* of a few tiles, all are read */
        out->area.box = mly_tile_box((struct mly_tile){.x = HOME_X >> 4, .y = HOME_Y >> 4, .z = 10});
    if (read->has_area)
        out->query.area = &out->area;
    if (read->has_near) {
        out->near = (struct mly_near){
            .place = {mly_tile_longitude(hamlet_home, 1000, UNITS), mly_tile_latitude(hamlet_home, 1000, UNITS)},
            .radius_m = 200,
            .is_looking = read->is_looking,
            .fov_degrees = 90};
        mly_near_area(&out->near, &out->area);
        out->query.near = &out->near;
        out->query.area = &out->area;
    }
    if (read->where)
        out->query.filter = filter_of(read, layer, &out->arena);
}

void hamlet_fini(struct hamlet_query *query)
{
    mly_arena_fini(&query->arena);
}
