/* SPDX-License-Identifier: MIT */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "reference.pb-c.h"

typedef Reference__Tile__Layer layer_message;
typedef Reference__Tile__Feature feature_message;
typedef Reference__Tile__Value value_message;

static const uint8_t *data_of(struct mly_span bytes)
{
    static const uint8_t none = 0;
    return bytes.size ? bytes.data : &none;
}

static bool is_text(const ProtobufCBinaryData *bytes, const char *text)
{
    return bytes->len == strlen(text) && (bytes->len == 0 || memcmp(bytes->data, text, bytes->len) == 0);
}

/* ---- the layer ---- */

/* The one layer of that name; NULL with a refusal, or without one when there is none. */
static const ProtobufCBinaryData *find_layer(const Reference__TileFrame *tile, const char *name, const char **refusal)
{
    const ProtobufCBinaryData *found = NULL;
    for (size_t i = 0; i < tile->n_layers && !*refusal; i++) {
        const ProtobufCBinaryData *bytes = &tile->layers[i];
        Reference__LayerFrame *frame = reference__layer_frame__unpack(
            NULL, bytes->len, data_of((struct mly_span){.data = bytes->data, .size = bytes->len}));
        if (!frame)
            *refusal = "a layer is no message";
        else if (frame->n_name > 0 && is_text(&frame->name[frame->n_name - 1], name)) { /* the last one counts */
            if (found)
                *refusal = "4.1: two layers of one name";
            found = bytes;
        }
        reference__layer_frame__free_unpacked(frame, NULL);
    }
    return *refusal ? NULL : found;
}

static layer_message *unpack_layer(struct mly_span bytes, const char *name, const char **refusal)
{
    layer_message *layer = NULL;
    Reference__TileFrame *tile = reference__tile_frame__unpack(NULL, bytes.size, data_of(bytes));
    if (!tile)
        *refusal = "the tile is no message";
    else if (bytes.size > 0 && tile->n_layers == 0)
        *refusal = "the tile has no layer";
    else {
        const ProtobufCBinaryData *found = find_layer(tile, name, refusal);
        if (found) {
            layer = (layer_message *)protobuf_c_message_unpack(&reference__tile__layer__descriptor, NULL, found->len,
                                                               found->data);
            if (!layer)
                *refusal = "the layer is no message";
        }
    }
    reference__tile_frame__free_unpacked(tile, NULL);
    return layer;
}

/* ---- MVT's rules ---- */

static size_t count_types(const value_message *v)
{
    return (size_t)v->has_string_value + (size_t)v->has_float_value + (size_t)v->has_double_value +
           (size_t)v->has_int_value + (size_t)v->has_uint_value + (size_t)v->has_sint_value + (size_t)v->has_bool_value;
}

static const char *refuse_layer(const layer_message *layer)
{
    if (layer->version != 1 && layer->version != 2)
        return "4.1: the version";
    if (layer->extent == 0 || layer->extent > 1 << 28) /* no position is finer */
        return "4.1: the extent";
    for (size_t i = 0; i < layer->n_values; i++) {
        if (count_types(layer->values[i]) > 1)
            return "4.1: a value of several types";
    }
    return NULL;
}

enum { MOVE_TO_ONE = 1 << 3 | 1, CLOSE_PATH_ONE = 1 << 3 | 7, LINE_TO = 2 };

static int64_t unzigzag(uint32_t value)
{
    return value % 2 ? -(int64_t)(value / 2) - 1 : (int64_t)(value / 2);
}

/* Lines are a MoveTo and a LineTo each; rings have at least three vertices, and a ClosePath. */
static const char *refuse_parts(const feature_message *feature, enum mly_shape shape)
{
    const bool is_ring = shape == MLY_POLYGONS;
    const size_t n = feature->n_geometry;
    for (size_t at = 0; at < n;) {
        if (feature->geometry[at] != MOVE_TO_ONE || n - at < 4)
            return "4.3.4: not one MoveTo and one LineTo";
        const uint32_t command = feature->geometry[at + 3], count = command >> 3;
        if ((command & 7) != LINE_TO || count < (is_ring ? 2u : 1u) || (n - at - 4) / 2 < count)
            return "4.3.4: not one MoveTo and one LineTo";
        at += 4 + 2 * (size_t)count;
        if (is_ring && (at == n || feature->geometry[at++] != CLOSE_PATH_ONE))
            return "4.3.4.4: no ClosePath";
    }
    return NULL;
}

static const char *refuse_geometry(const feature_message *feature, enum mly_shape shape)
{
    static const Reference__Tile__GeomType expected[] = {
        [MLY_POINT] = REFERENCE__TILE__GEOM_TYPE__POINT,
        [MLY_LINES] = REFERENCE__TILE__GEOM_TYPE__LINESTRING,
        [MLY_POLYGONS] = REFERENCE__TILE__GEOM_TYPE__POLYGON,
    };
    if (feature->type != REFERENCE__TILE__GEOM_TYPE__UNKNOWN && feature->type != expected[shape])
        return "4.3.4: the type";
    if (feature->n_geometry == 0)
        return "4.2: no geometry";
    if (shape != MLY_POINT)
        return refuse_parts(feature, shape);
    if (feature->n_geometry != 3 || feature->geometry[0] != MOVE_TO_ONE)
        return "4.3.4.2: not one position";
    return NULL;
}

static int column_of(const struct mly_layer *layer, const ProtobufCBinaryData *key)
{
    for (uint32_t i = 0; i < layer->n_tile_columns; i++) {
        if (is_text(key, layer->columns[i].name))
            return (int)i;
    }
    return -1;
}

static const char *refuse_tags(const layer_message *message, const feature_message *feature,
                               const struct mly_layer *layer)
{
    bool seen[MLY_SCHEMA_MAX_COLUMNS] = {false};
    if (feature->n_tags % 2)
        return "4.4: an odd number of tags";
    for (size_t i = 0; i < feature->n_tags; i += 2) {
        if (feature->tags[i] >= message->n_keys || feature->tags[i + 1] >= message->n_values)
            return "4.4: beyond the dictionary";
        const int column = column_of(layer, &message->keys[feature->tags[i]]);
        if (column >= 0 && seen[column])
            return "4.4: a key twice";
        if (column >= 0)
            seen[column] = true;
    }
    return NULL;
}

/* ---- rows ---- */

static struct mly_value value_of(const value_message *v)
{
    if (v->has_string_value)
        return (struct mly_value){
            .as.text = (const char *)v->string_value.data, .n_bytes = (uint32_t)v->string_value.len, .type = MLY_TEXT};
    if (v->has_float_value)
        return (struct mly_value){.as.r = (double)v->float_value, .type = MLY_REAL};
    if (v->has_double_value)
        return (struct mly_value){.as.r = v->double_value, .type = MLY_REAL};
    if (v->has_int_value)
        return (struct mly_value){.as.i = v->int_value, .type = MLY_INT};
    if (v->has_sint_value)
        return (struct mly_value){.as.i = v->sint_value, .type = MLY_INT};
    if (v->has_uint_value && v->uint_value <= INT64_MAX)
        return (struct mly_value){.as.i = (int64_t)v->uint_value, .type = MLY_INT};
    if (v->has_uint_value)
        return (struct mly_value){.as.r = (double)v->uint_value, .type = MLY_REAL};
    if (v->has_bool_value)
        return (struct mly_value){.as.i = v->bool_value ? 1 : 0, .type = MLY_BOOL};
    return (struct mly_value){.type = MLY_NULL};
}

/* The inverse Mercator projection by way of the exponential, in more digits than a double has. */
static double latitude_of(struct mly_tile tile, int64_t y, uint32_t extent)
{
    const long double pi = 3.14159265358979323846264338327950288L;
    const long double way = ((long double)tile.y + (long double)y / extent) / (long double)(UINT64_C(1) << tile.z);
    return (double)((2 * atanl(expl(pi * (1 - 2 * way))) - pi / 2) * 180 / pi);
}

static double longitude_of(struct mly_tile tile, int64_t x, uint32_t extent)
{
    const long double way = ((long double)tile.x + (long double)x / extent) / (long double)(UINT64_C(1) << tile.z);
    return (double)(360 * way - 180);
}

static void add_point(const layer_message *message, const feature_message *feature, struct mly_tile tile,
                      struct reference *out)
{
    const int64_t x = unzigzag(feature->geometry[1]), y = unzigzag(feature->geometry[2]);
    if (x < 0 || x >= message->extent || y < 0 || y >= message->extent) {
        out->n_outside++;
        return;
    }
    out->rows[out->n_rows++] = (struct reference_row){
        .longitude = longitude_of(tile, x, message->extent),
        .latitude = latitude_of(tile, y, message->extent),
    };
}

/* What leaves the tile by more than its size is refused: nothing of it could be right. */
static void add_parts(const layer_message *message, const feature_message *feature, struct reference *out)
{
    const int64_t extent = message->extent;
    struct reference_row *row = &out->rows[out->n_rows++];
    int64_t x = 0, y = 0;
    *row = (struct reference_row){.vertices = calloc(feature->n_geometry, sizeof *row->vertices)};
    assert_non_null(row->vertices);
    for (size_t at = 0; at < feature->n_geometry;) {
        const uint32_t command = feature->geometry[at++];
        for (uint32_t i = 0; command != CLOSE_PATH_ONE && i < command >> 3; i++, at += 2) {
            x += unzigzag(feature->geometry[at]);
            y += unzigzag(feature->geometry[at + 1]);
            row->vertices[row->n_vertices++] = (struct reference_vertex){
                .x = x, .y = y, .is_first = command == MOVE_TO_ONE};
            if (x < -extent || x > 2 * extent || y < -extent || y > 2 * extent)
                out->refusal = "a geometry leaves the tile";
        }
    }
}

static void add_row(const layer_message *message, const feature_message *feature, struct mly_tile tile,
                    const struct mly_layer *layer, struct reference *out)
{
    const size_t n_rows = out->n_rows;
    if (layer->shape == MLY_POINT)
        add_point(message, feature, tile, out);
    else
        add_parts(message, feature, out);
    for (size_t i = 0; i < feature->n_tags && out->n_rows > n_rows; i += 2) {
        const int column = column_of(layer, &message->keys[feature->tags[i]]);
        if (column >= 0)
            out->rows[n_rows].values[column] = value_of(message->values[feature->tags[i + 1]]);
    }
}

void reference_read(struct mly_span bytes, struct mly_tile tile, const struct mly_layer *layer, struct reference *out)
{
    *out = (struct reference){.refusal = NULL};
    layer_message *message = unpack_layer(bytes, layer->tile_layer, &out->refusal);
    if (!message)
        return;
    out->unpacked = message;
    out->refusal = refuse_layer(message);
    for (size_t i = 0; i < message->n_features && !out->refusal; i++) {
        out->refusal = refuse_geometry(message->features[i], layer->shape);
        if (!out->refusal)
            out->refusal = refuse_tags(message, message->features[i], layer);
    }
    if (out->refusal)
        return;
    out->rows = calloc(message->n_features + 1, sizeof *out->rows);
    assert_non_null(out->rows);
    for (size_t i = 0; i < message->n_features; i++)
        add_row(message, message->features[i], tile, layer, out);
}

void reference_free(struct reference *reference)
{
    if (reference->unpacked)
        protobuf_c_message_free_unpacked(reference->unpacked, NULL);
    for (size_t i = 0; i < reference->n_rows; i++)
        free(reference->rows[i].vertices);
    free(reference->rows);
    *reference = (struct reference){.refusal = NULL};
}
