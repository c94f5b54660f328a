/* SPDX-License-Identifier: MIT */
/* What protobuf-c's own unpacking costs: the whole tile, on memory that is only ever handed out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "reference.pb-c.h"

enum { ARENA = 512 << 20 }; /* of address space; what a tile does not need is never touched */

static uint8_t *arena;
static size_t used;

static void *arena_alloc(void *ctx, size_t size)
{
    (void)ctx;
    const size_t begin = used;
    used += (size + 15) / 16 * 16;
    return used <= ARENA ? arena + begin : NULL;
}

static void arena_free(void *ctx, void *block)
{
    (void)ctx;
    (void)block;
}

static double latitude(const struct bench_tile *tile, int32_t y)
{
    static double table[4096];
    static uint32_t of_row = UINT32_MAX;
    for (uint32_t i = 0; of_row != tile->y && i < 4096; i++)
        table[i] = NAN;
    of_row = tile->y;
    if (isnan(table[y]))
        table[y] = atan(sinh(3.14159265358979323846 * (1 - 2 * (tile->y + y / 4096.0) / 16384))) *
                   (180 / 3.14159265358979323846);
    return table[y];
}

static int32_t unzigzag(uint32_t v)
{
    return (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
}

static void read_feature(const Reference__Tile__Feature *feature, const Reference__Tile__Layer *layer,
                         const unsigned *columns, const struct bench_tile *tile, struct columns *out)
{
    const size_t row = out->n++;
    for (unsigned c = 0; c < N_COLUMNS; c++)
        out->words[c][row].i = ABSENT;
    for (size_t i = 0; i + 1 < feature->n_tags; i += 2) {
        const unsigned column = columns[feature->tags[i]];
        const Reference__Tile__Value *value = layer->values[feature->tags[i + 1]];
        if (column == N_COLUMNS)
            continue;
        union word *word = &out->words[column][row];
        if (value->has_string_value) {
            word->text = (const char *)value->string_value.data;
            out->text_size[row] = (uint32_t)value->string_value.len;
        } else if (value->has_double_value) {
            word->r = value->double_value;
        } else {
            word->i = value->has_bool_value ? value->bool_value : value->int_value;
        }
    }
    out->longitude[row] = (tile->x + unzigzag(feature->geometry[1]) / 4096.0) * (360.0 / 16384) - 180;
    out->latitude[row] = latitude(tile, unzigzag(feature->geometry[2]));
}

static void read_layer(const Reference__Tile__Layer *layer, const struct bench_tile *tile, struct columns *out)
{
    unsigned columns[64];
    for (size_t i = 0; i < layer->n_keys && i < 64; i++) {
        const ProtobufCBinaryData *key = &layer->keys[i];
        columns[i] = 0;
        while (columns[i] < N_COLUMNS && (strlen(decode_names[columns[i]]) != key->len ||
                                          memcmp(decode_names[columns[i]], key->data, key->len) != 0))
            columns[i]++;
    }
    for (size_t i = 0; i < layer->n_features; i++)
        read_feature(layer->features[i], layer, columns, tile, out);
}

void decode_by_protobuf_c(const struct bench_tile *tile, struct columns *out)
{
    ProtobufCAllocator allocator = {.alloc = arena_alloc, .free = arena_free};
    if (!arena)
        arena = bench_must(malloc(ARENA));
    used = 0;
    out->n = 0;
    const Reference__Tile *unpacked = bench_must(reference__tile__unpack(&allocator, tile->size, tile->data));
    for (size_t i = 0; i < unpacked->n_layers; i++) {
        const Reference__Tile__Layer *layer = unpacked->layers[i];
        if (layer->name.len == 5 && memcmp(layer->name.data, "image", 5) == 0)
            read_layer(layer, tile, out);
    }
}
