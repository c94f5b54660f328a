/* SPDX-License-Identifier: MIT */
#include "make_tile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

uint32_t make_command(uint32_t id, uint32_t count)
{
    return id | count << 3;
}

/* ---- whole tiles ---- */

void make_value(struct bytes *out, struct make_value value)
{
    const float single = (float)value.real;
    uint32_t bits32 = 0;
    uint64_t bits64 = 0;
    memcpy(&bits32, &single, sizeof bits32);
    memcpy(&bits64, &value.real, sizeof bits64);

    switch (value.encoding) {
    case MAKE_TEXT:
        bytes_put_text(out, MAKE_TEXT, value.text);
        break;
    case MAKE_FLOAT:
        bytes_put_32(out, MAKE_FLOAT, bits32);
        break;
    case MAKE_DOUBLE:
        bytes_put_64(out, MAKE_DOUBLE, bits64);
        break;
    case MAKE_SINT:
        bytes_put_varint(out, MAKE_SINT, bytes_zigzag64(value.integer));
        break;
    default:
        bytes_put_varint(out, (uint32_t)value.encoding, (uint64_t)value.integer);
    }
}

/* The keys of a layer, each once, in the order in which they are first used. */
struct keys {
    const char *names[32];
    size_t n;
};

static uint32_t index_of(struct keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (strcmp(keys->names[i], name) == 0)
            return (uint32_t)i;
    }
    assert_true(keys->n < COUNT(keys->names));
    keys->names[keys->n] = name;
    return (uint32_t)keys->n++;
}

static void put_feature(struct bytes *features, struct bytes *values, struct keys *keys, uint32_t *n_values,
                        const struct make_feature *made)
{
    struct bytes feature = {.size = 0}, tags = {.size = 0};
    for (size_t i = 0; i < made->n_tags; i++) {
        struct bytes value = {.size = 0};
        make_value(&value, made->tags[i].value);
        bytes_put_message(values, LAYER_VALUE, &value);
        bytes_varint(&tags, index_of(keys, made->tags[i].key));
        bytes_varint(&tags, (*n_values)++);
    }
    if (tags.size > 0)
        bytes_put_message(&feature, FEATURE_TAGS, &tags);
    const uint32_t point[] = {make_command(MOVE_TO, 1), bytes_zigzag32(made->x), bytes_zigzag32(made->y)};
    bytes_put_varint(&feature, FEATURE_TYPE, made->shape ? made->shape : SHAPE_POINT);
    if (made->parts)
        bytes_put_packed(&feature, FEATURE_GEOMETRY, made->parts, made->n_parts);
    else
        bytes_put_packed(&feature, FEATURE_GEOMETRY, point, COUNT(point));
    bytes_put_message(features, LAYER_FEATURE, &feature);
}

void make_layer(struct bytes *tile, const struct make_layer *layer)
{
    struct bytes fields = {.size = 0}, features = {.size = 0}, dictionaries = {.size = 0}, values = {.size = 0};
    struct keys keys = {.n = 0};
    uint32_t n_values = 0;
    for (size_t i = 0; i < layer->n_features; i++)
        put_feature(&features, &values, &keys, &n_values, &layer->features[i]);
    for (size_t i = 0; i < keys.n; i++)
        bytes_put_text(&dictionaries, LAYER_KEY, keys.names[i]);
    bytes_append(&dictionaries, values.data, values.size);

    const bool features_first = layer->order == MAKE_FEATURES_FIRST;
    const struct bytes *first = features_first ? &features : &dictionaries;
    const struct bytes *second = features_first ? &dictionaries : &features;
    bytes_put_varint(&fields, LAYER_VERSION, layer->version ? layer->version : 2);
    bytes_put_text(&fields, LAYER_NAME, layer->name);
    bytes_append(&fields, first->data, first->size);
    bytes_append(&fields, second->data, second->size);
    if (layer->extent)
        bytes_put_varint(&fields, LAYER_EXTENT, layer->extent);
    bytes_put_message(tile, TILE_LAYER, &fields);
    bytes_free(&features);
    bytes_free(&dictionaries);
    bytes_free(&values);
}

struct bytes make_images(int64_t first_id, size_t n)
{
    struct make_tag *tags = calloc(n ? n : 1, sizeof *tags);
    struct make_feature *features = calloc(n ? n : 1, sizeof *features);
    assert_non_null(tags);
    assert_non_null(features);
    for (size_t i = 0; i < n; i++) {
        tags[i] = (struct make_tag){.key = "id", .value = {.encoding = MAKE_INT, .integer = first_id + (int64_t)i}};
        features[i] = (struct make_feature){
            .x = (int32_t)(i % 4096), .y = (int32_t)(2 * i % 4096), .tags = &tags[i], .n_tags = 1};
    }
    struct bytes tile = {.size = 0};
    make_layer(&tile, &(struct make_layer){.name = "image", .extent = 4096, .features = features, .n_features = n});
    free(features);
    free(tags);
    return tile;
}

/* ---- lines and rings ---- */

static void put_number(struct make_path *path, uint32_t number)
{
    if (path->n == path->capacity) {
        path->capacity = 2 * path->capacity + 16;
        path->numbers = realloc(path->numbers, path->capacity * sizeof *path->numbers);
        assert_non_null(path->numbers);
    }
    path->numbers[path->n++] = number;
}

static void put_vertex(struct make_path *path, struct make_vertex at)
{
    put_number(path, bytes_zigzag32(at.x - path->cursor.x));
    put_number(path, bytes_zigzag32(at.y - path->cursor.y));
    path->cursor = at;
}

void make_line(struct make_path *path, const struct make_vertex *at, size_t n)
{
    assert_true(n > 1);
    put_number(path, make_command(MOVE_TO, 1));
    put_vertex(path, at[0]);
    put_number(path, make_command(LINE_TO, (uint32_t)n - 1));
    for (size_t i = 1; i < n; i++)
        put_vertex(path, at[i]);
}

void make_ring(struct make_path *path, const struct make_vertex *at, size_t n)
{
    make_line(path, at, n);
    put_number(path, make_command(CLOSE_PATH, 1));
}

void make_free_path(struct make_path *path)
{
    free(path->numbers);
    *path = (struct make_path){.n = 0};
}

/* Bit by bit: six of them make a letter, from the most significant one on. */
struct bytes make_base64(struct mly_span data)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t n_bits = 8 * data.size;
    struct bytes out = {.size = 0};
    for (size_t bit = 0; bit < n_bits; bit += 6) {
        unsigned letter = 0;
        for (size_t i = bit; i < bit + 6; i++)
            letter = letter << 1 | (i < n_bits ? (unsigned)data.data[i / 8] >> (7 - i % 8) & 1u : 0u);
        bytes_byte(&out, (uint8_t)alphabet[letter]);
    }
    while (out.size % 4 != 0)
        bytes_byte(&out, '=');
    return out;
}

struct make_piece {
    const char *id;
    struct make_path path;
};

static struct make_piece *piece_of(struct make_lines *lines, const char *id)
{
    for (size_t i = 0; id && i < lines->n; i++) {
        if (lines->pieces[i].id && strcmp(lines->pieces[i].id, id) == 0)
            return &lines->pieces[i];
    }
    if (lines->n == lines->capacity) {
        lines->capacity = 2 * lines->capacity + 16;
        lines->pieces = realloc(lines->pieces, lines->capacity * sizeof *lines->pieces);
        assert_non_null(lines->pieces);
    }
    lines->pieces[lines->n] = (struct make_piece){.id = id};
    return &lines->pieces[lines->n++];
}

void make_lines_add(struct make_lines *lines, const char *id, const struct make_vertex *at, size_t n)
{
    make_line(&piece_of(lines, id)->path, at, n);
}

struct bytes make_lines_tile(struct make_lines *lines, uint32_t extent)
{
    const size_t n = lines->n;
    struct make_tag *tags = calloc(n + 1, sizeof *tags);
    struct make_feature *features = calloc(n + 1, sizeof *features);
    assert_non_null(tags);
    assert_non_null(features);
    for (size_t i = 0; i < n; i++) {
        const struct make_piece *piece = &lines->pieces[i];
        tags[i] = (struct make_tag){.key = "id", .value = {.encoding = MAKE_TEXT, .text = piece->id}};
        features[i] = (struct make_feature){.shape = SHAPE_LINE,
                                            .parts = piece->path.numbers,
                                            .n_parts = piece->path.n,
                                            .tags = &tags[i],
                                            .n_tags = piece->id ? 1 : 0};
    }
    struct bytes tile = {.size = 0};
    make_layer(&tile,
               &(struct make_layer){.name = "sequence", .extent = extent, .features = features, .n_features = n});
    for (size_t i = 0; i < n; i++)
        make_free_path(&lines->pieces[i].path);
    free(lines->pieces);
    free(features);
    free(tags);
    *lines = (struct make_lines){.n = 0};
    return tile;
}

struct make_vertex make_vertex_at(struct mly_tile home, double longitude, double latitude)
{
    const long double pi = 3.14159265358979323846264338327950288L, units = 4096;
    const long double across = (long double)(UINT64_C(1) << home.z) * units;
    const long double x = ((long double)longitude + 180) / 360 * across;
    const long double y = (1 - logl(tanl(pi / 4 + (long double)latitude * pi / 360)) / pi) / 2 * across;
    assert_near((double)(x - roundl(x)), 0, 1e-4);
    assert_near((double)(y - roundl(y)), 0, 1e-4);
    return (struct make_vertex){.x = (int32_t)(llroundl(x) - (long long)home.x * 4096),
                                .y = (int32_t)(llroundl(y) - (long long)home.y * 4096)};
}

/* ---- sketches ---- */

struct make_sketch make_sketch(void)
{
    static const uint32_t tags[] = {0, 0, 1, 1};
    const uint32_t geometry[] = {make_command(MOVE_TO, 1), bytes_zigzag32(100), bytes_zigzag32(200)};
    struct bytes seven = {.size = 0};
    struct make_sketch sketch = {.layer = {{.size = 0}}};

    bytes_put_varint(&sketch.feature[MAKE_ID], FEATURE_ID, 1);
    bytes_put_packed(&sketch.feature[MAKE_TAGS], FEATURE_TAGS, tags, COUNT(tags));
    bytes_put_varint(&sketch.feature[MAKE_TYPE], FEATURE_TYPE, SHAPE_POINT);
    bytes_put_packed(&sketch.feature[MAKE_GEOMETRY], FEATURE_GEOMETRY, geometry, COUNT(geometry));

    bytes_put_text(&sketch.layer[MAKE_NAME], LAYER_NAME, "image");
    bytes_put_text(&sketch.layer[MAKE_KEYS], LAYER_KEY, "id");
    bytes_put_text(&sketch.layer[MAKE_KEYS], LAYER_KEY, "is_pano");
    make_value(&seven, (struct make_value){.encoding = MAKE_INT, .integer = 7});
    make_put_first_value(&sketch, &seven);
    bytes_put_varint(&sketch.layer[MAKE_EXTENT], LAYER_EXTENT, 4096);
    bytes_put_varint(&sketch.layer[MAKE_VERSION], LAYER_VERSION, 2);
    return sketch;
}

struct bytes *make_rewrite(struct make_sketch *sketch, enum make_part part)
{
    bytes_clear(&sketch->layer[part]);
    return &sketch->layer[part];
}

struct bytes *make_rewrite_feature(struct make_sketch *sketch, enum make_feature_part part)
{
    bytes_clear(&sketch->feature[part]);
    return &sketch->feature[part];
}

void make_put_geometry(struct make_sketch *sketch, const uint32_t *numbers, size_t n)
{
    bytes_put_packed(make_rewrite_feature(sketch, MAKE_GEOMETRY), FEATURE_GEOMETRY, numbers, n);
}

void make_put_tags(struct make_sketch *sketch, const uint32_t *numbers, size_t n)
{
    bytes_put_packed(make_rewrite_feature(sketch, MAKE_TAGS), FEATURE_TAGS, numbers, n);
}

void make_put_first_value(struct make_sketch *sketch, struct bytes *message)
{
    struct bytes *values = make_rewrite(sketch, MAKE_VALUES), second = {.size = 0};
    make_value(&second, (struct make_value){.encoding = MAKE_BOOL, .integer = 1});
    bytes_put_message(values, LAYER_VALUE, message);
    bytes_put_message(values, LAYER_VALUE, &second);
}

struct bytes make_sketched_feature(const struct make_sketch *sketch)
{
    struct bytes feature = {.size = 0};
    for (int i = 0; i < MAKE_N_FEATURE_PARTS; i++)
        bytes_append(&feature, sketch->feature[i].data, sketch->feature[i].size);
    return feature;
}

struct bytes make_sketched_layer(const struct make_sketch *sketch)
{
    struct bytes layer = {.size = 0};
    for (int i = 0; i < MAKE_N_PARTS; i++) {
        if (i == MAKE_FEATURES) {
            struct bytes feature = make_sketched_feature(sketch);
            bytes_put_message(&layer, LAYER_FEATURE, &feature);
        }
        bytes_append(&layer, sketch->layer[i].data, sketch->layer[i].size);
    }
    return layer;
}

struct bytes make_sketched_tile(struct make_sketch *sketch)
{
    struct bytes tile = {.size = 0}, layer = make_sketched_layer(sketch);
    bytes_put_message(&tile, TILE_LAYER, &layer);
    make_free_sketch(sketch);
    return tile;
}

void make_free_sketch(struct make_sketch *sketch)
{
    for (int i = 0; i < MAKE_N_FEATURE_PARTS; i++)
        bytes_free(&sketch->feature[i]);
    for (int i = 0; i < MAKE_N_PARTS; i++)
        bytes_free(&sketch->layer[i]);
}
