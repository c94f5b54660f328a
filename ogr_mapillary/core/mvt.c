/* SPDX-License-Identifier: MIT */
/* protobuf-c unpacks a layer's head. Values and features are walked on the bytes, in the one form that encoders write;
 * whatever has another form (tags not packed, chunks split, unknown fields) goes through protobuf-c first. */
#include "mvt.h"

#include <math.h>
#include <string.h>

#include "limits.h"
#include "vector_tile.pb-c.h"
#include "verdict.h"
#include "wire.h"

/* Field numbers: MVT 2.1, appendix A. */
enum { TILE_LAYERS = 3 };
enum { FEATURE_TAG = 2 << 3 | MLY_WIRE_BYTES, VALUE_TAG = 4 << 3 | MLY_WIRE_BYTES };
enum { LAYER_NAME = 1, LAYER_FEATURES = 2, LAYER_KEYS = 3, LAYER_VALUES = 4, LAYER_EXTENT = 5, LAYER_VERSION = 15 };

enum { MOVE_TO = 1, LINE_TO = 2, CLOSE_PATH = 7 }; /* 4.3.1 */
enum { CLOSE_PATH_ONE = 1 << 3 | CLOSE_PATH };
enum { MOVE_TO_ONE = 1 << 3 | MOVE_TO }; /* a count of 1 */
enum { MAX_EXTENT = 1 << 28 };           /* a finer grid than any position has; coordinates fit 32 bits with room */
enum { USUAL_TEXT = 127 };               /* bytes, at most: what read_usual_value reads */
enum { NOT_A_COLUMN = UINT16_MAX };
enum { USUAL_HEAD_FIELDS = 32 }; /* the service's layers have name, extent, version and up to ten keys */

struct mly_mvt {
    const struct mly_layer *layer;
    struct mly_tile tile;
    uint32_t extent, n_rows, n_outside;
    uint32_t n_columns;     /* that tiles carry */
    uint32_t longest_text;  /* at least as long as any in the dictionary */
    int32_t *x, *y;         /* of points, on the tile's grid, [0, extent) */
    struct mly_span *parts; /* of lines and polygons: commands, checked, in plain form */
    uint32_t *cells;        /* of each row, for each column: index into `values` */
    struct mly_value
        *values;       /* nothing, which is what an absent key holds; then the dictionary, as the wire types it */
    uint32_t n_values; /* of the dictionary */
    double unit, size; /* of the grid in tiles, of the tile in worlds; `unit` 0: no power of two */
    struct mly_tile_latitudes latitudes;
};

/* What one look over a layer's fields tells. */
struct survey {
    struct mly_span name;
    size_t n_features, n_values, n_head_fields, head_bytes;
    struct mly_span head_fields[USUAL_HEAD_FIELDS]; /* whole, the first so many of them */
};

struct decoder {
    struct mly_mvt *mvt;
    struct mly_arena *arena;  /* for what lives as long as the tile */
    struct mly_arena scratch; /* for one odd feature or value */
    uint16_t *column_of_key;
    size_t n_keys;
    uint32_t n_features, n_values; /* read so far */
    struct mly_error *err;
};

/* The two parts of a feature that are read; `data` NULL when the feature lacks one. */
struct feature {
    struct mly_span tags, geometry;
    bool has_tags, has_geometry;
    uint64_t type;
};

/* ---- protobuf-c ---- */

static void *arena_alloc(void *arena, size_t size)
{
    return mly_arena_alloc(arena, size);
}

static void arena_free(void *arena, void *block)
{
    (void)arena; /* the arena dies whole */
    (void)block;
}

/* NULL with a message: corrupt bytes, or the arena's trouble. */
static void *unpack(const ProtobufCMessageDescriptor *type, struct mly_span bytes, struct mly_arena *arena)
{
    ProtobufCAllocator allocator = {.alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
    static const uint8_t none = 0;
    return protobuf_c_message_unpack(type, &allocator, bytes.size, bytes.size ? bytes.data : &none);
}

static enum mly_status unpack_failed(const struct mly_arena *arena, const char *what, struct mly_error *err)
{
    if (arena->trouble != MLY_OK)
        return mly_arena_fail(arena, what, err);
    return mly_fail(err, MLY_E_CORRUPT, "%s breaks the protocol buffers format", what);
}

/* ---- layers ---- */

static bool is_head_field(const struct mly_wire_field *field)
{
    return field->number == LAYER_NAME || field->number == LAYER_KEYS || field->number == LAYER_EXTENT ||
           field->number == LAYER_VERSION;
}

static size_t field_size(const struct mly_wire_field *field)
{
    return (size_t)(field->payload.data + field->payload.size - field->start);
}

/* Features and values in the short form, one after another: what a layer is made of. */
static MLY_APART void count_usual_fields(struct mly_wire *wire, struct survey *out)
{
    const uint8_t *at = wire->at;
    size_t n_features = 0, n_values = 0, size;
    for (; (size = mly_wire_short_size(at, wire->end)) > 0; at += size) {
        mly_wire_look_ahead(at, wire->end);
        if (at[0] == FEATURE_TAG)
            n_features++;
        else if (at[0] == VALUE_TAG)
            n_values++;
        else
            break;
    }
    wire->at = at;
    out->n_features += n_features;
    out->n_values += n_values;
}

static enum mly_status survey_layer(struct mly_span layer, struct survey *out, struct mly_error *err)
{
    *out = (struct survey){.n_features = 0};
    struct mly_wire wire = mly_wire_open(layer);
    struct mly_wire_field field;
    enum mly_wire_step step;
    while (count_usual_fields(&wire, out), (step = mly_wire_next(&wire, &field)) == MLY_WIRE_FIELD) {
        if (is_head_field(&field)) {
            if (out->n_head_fields < USUAL_HEAD_FIELDS)
                out->head_fields[out->n_head_fields] = (struct mly_span){.data = field.start,
                                                                         .size = field_size(&field)};
            out->head_bytes += field_size(&field);
            out->n_head_fields++;
        }
        if (field.number >= LAYER_NAME && field.number <= LAYER_VALUES && field.type != MLY_WIRE_BYTES)
            return mly_fail(err, MLY_E_CORRUPT, "a layer's field %u has the wrong wire type (MVT A)", field.number);
        if (field.number == LAYER_NAME)
            out->name = field.payload; /* the last one counts */
        out->n_features += field.number == LAYER_FEATURES;
        out->n_values += field.number == LAYER_VALUES;
    }
    if (step == MLY_WIRE_BROKEN)
        return mly_fail(err, MLY_E_CORRUPT, "a layer breaks the protocol buffers format");
    return MLY_OK;
}

/* Finds the one layer of that name; `found->data` stays NULL if there is none. */
static enum mly_status find_layer(struct mly_span tile, const char *name, struct mly_span *found, struct survey *survey,
                                  struct mly_error *err)
{
    struct mly_wire wire = mly_wire_open(tile);
    struct mly_wire_field field;
    enum mly_wire_step step;
    size_t n_layers = 0;
    while ((step = mly_wire_next(&wire, &field)) == MLY_WIRE_FIELD) {
        if (field.number != TILE_LAYERS)
            continue;
        if (field.type != MLY_WIRE_BYTES)
            return mly_fail(err, MLY_E_CORRUPT, "the tile's layers have the wrong wire type (MVT A)");
        struct survey seen;
        MLY_TRY(survey_layer(field.payload, &seen, err));
        n_layers++;
        if (!seen.name.data || seen.name.size != strlen(name) || memcmp(seen.name.data, name, seen.name.size) != 0)
            continue;
        if (found->data)
            return mly_fail(err, MLY_E_CORRUPT, "two layers have the name '%s' (MVT 4.1)", name);
        *found = field.payload;
        *survey = seen;
    }
    if (step == MLY_WIRE_BROKEN || (tile.size && n_layers == 0))
        return mly_fail(err, MLY_E_CORRUPT, "these %zu bytes are no vector tile%s", tile.size,
                        mly_verdict_is_page(tile) ? " but a page or a message: the service may be blocking this machine"
                                                  : "");
    return MLY_OK;
}

/* Side by side. Only where the survey had no room for all of them, the layer is looked over once more. */
static size_t copy_head(struct mly_span layer, const struct survey *survey, uint8_t *out)
{
    size_t n = 0;
    struct mly_wire wire = mly_wire_open(layer);
    struct mly_wire_field field;
    if (survey->n_head_fields <= USUAL_HEAD_FIELDS) {
        for (size_t i = 0; i < survey->n_head_fields; n += survey->head_fields[i++].size)
            memcpy(out + n, survey->head_fields[i].data, survey->head_fields[i].size);
        return n;
    }
    while (mly_wire_next(&wire, &field) == MLY_WIRE_FIELD) {
        if (!is_head_field(&field))
            continue;
        memcpy(out + n, field.start, field_size(&field));
        n += field_size(&field);
    }
    return n;
}

/* The head's fields alone, so that protobuf-c can unpack them without the features. */
static enum mly_status unpack_head(const struct decoder *d, struct mly_span layer, const struct survey *survey,
                                   MlyPb__Head **out)
{
    uint8_t *bytes = mly_arena_alloc(d->arena, survey->head_bytes);
    if (!bytes)
        return mly_arena_fail(d->arena, "the layer's head", d->err);
    const size_t n = copy_head(layer, survey, bytes);
    MlyPb__Head *head = unpack(&mly_pb__head__descriptor, (struct mly_span){.data = bytes, .size = n}, d->arena);
    if (!head)
        return unpack_failed(d->arena, "the layer's head", d->err);
    if (head->version < 1 || head->version > 2)
        return mly_fail(d->err, MLY_E_CORRUPT, "version %u is not 1 or 2 (MVT 4.1)", head->version);
    if (head->extent == 0 || head->extent > MAX_EXTENT)
        return mly_fail(d->err, MLY_E_CORRUPT, "the extent is %u (MVT 4.1)", head->extent);
    *out = head;
    return MLY_OK;
}

/* ---- values ---- */

static struct mly_value unsigned_value(uint64_t v)
{
    if (v <= INT64_MAX)
        return (struct mly_value){.as.i = (int64_t)v, .type = MLY_INT};
    return (struct mly_value){.as.r = (double)v, .type = MLY_REAL};
}

static struct mly_value text_value(const void *text, size_t n)
{
    return (struct mly_value){.as.text = text, .n_bytes = (uint32_t)n, .type = MLY_TEXT};
}

static double double_of_bits(const uint8_t bytes[8])
{
    const uint64_t bits = mly_wire_fixed64(bytes);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_bits(const uint8_t bytes[4])
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < 4; i++)
        bits |= (uint32_t)bytes[i] << (8 * i);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* As protobuf-c: true if any of its bits is set, also one beyond the 64th. */
static bool has_bit(struct mly_span payload)
{
    for (size_t i = 0; i < payload.size; i++) {
        if (payload.data[i] & 0x7f)
            return true;
    }
    return false;
}

static struct mly_value varint_value(uint32_t number, struct mly_span payload)
{
    struct mly_wire wire = mly_wire_open(payload);
    uint64_t v = 0;
    (void)mly_wire_varint(&wire, 10, &v); /* mly_wire_next has been over it */
    switch (number) {
    case 4:
        return (struct mly_value){.as.i = (int64_t)v, .type = MLY_INT};
    case 5:
        return unsigned_value(v);
    case 6:
        return (struct mly_value){.as.i = mly_wire_zigzag64(v), .type = MLY_INT};
    default:
        return (struct mly_value){.as.i = has_bit(payload), .type = MLY_BOOL};
    }
}

/* What nine of ten values are: a number of a few bytes, a double, or a short text. `end` is that of the layer. False:
 * something else. */
static inline bool read_usual_value(struct mly_span bytes, const uint8_t *end, struct mly_value *out)
{
    enum { TEXT = 1 << 3 | MLY_WIRE_BYTES, DOUBLE = 3 << 3 | MLY_WIRE_64, INT = 4 << 3 | MLY_WIRE_VARINT };
    if (bytes.size < 2)
        return false;
    uint64_t v = 0;
    switch (bytes.data[0]) {
    case TEXT:
        *out = text_value(bytes.data + 2, bytes.size - 2);
        return bytes.data[1] == bytes.size - 2 && bytes.data[1] < 0x80;
    case DOUBLE:
        if (bytes.size != 9)
            return false;
        *out = (struct mly_value){.as.r = double_of_bits(bytes.data + 1), .type = MLY_REAL};
        return true;
    case INT:
        if (!mly_wire_whole_varint(bytes.data + 1, bytes.size - 1, end, &v))
            return false;
        *out = (struct mly_value){.as.i = (int64_t)v, .type = MLY_INT};
        return true;
    default:
        return false;
    }
}

/* The form that encoders write: one known field and nothing else. False: something else. */
static bool read_plain_value(struct mly_span bytes, struct mly_value *out)
{
    struct mly_wire wire = mly_wire_open(bytes);
    struct mly_wire_field field;
    if (mly_wire_next(&wire, &field) != MLY_WIRE_FIELD || wire.at != wire.end)
        return false;
    static const enum mly_wire_type expected[] = {
        [1] = MLY_WIRE_BYTES,  [2] = MLY_WIRE_32,     [3] = MLY_WIRE_64,     [4] = MLY_WIRE_VARINT,
        [5] = MLY_WIRE_VARINT, [6] = MLY_WIRE_VARINT, [7] = MLY_WIRE_VARINT,
    };
    if (field.number < 1 || field.number > 7 || field.type != expected[field.number])
        return false;
    if (field.number == 1)
        *out = text_value(field.payload.data, field.payload.size);
    else if (field.number == 2)
        *out = (struct mly_value){.as.r = float_of_bits(field.payload.data), .type = MLY_REAL};
    else if (field.number == 3)
        *out = (struct mly_value){.as.r = double_of_bits(field.payload.data), .type = MLY_REAL};
    else
        *out = varint_value(field.number, field.payload);
    return true;
}

/* A value without any field is accepted as "nothing said"; one with several cannot be told apart. */
static enum mly_status read_odd_value(const struct decoder *d, struct mly_span bytes, struct mly_value *out)
{
    const MlyPb__Value *v = unpack(&mly_pb__value__descriptor, bytes, d->arena);
    if (!v)
        return unpack_failed(d->arena, "a value", d->err);
    const int n_set = v->has_string_value + v->has_float_value + v->has_double_value + v->has_int_value +
                      v->has_uint_value + v->has_sint_value + v->has_bool_value;
    if (n_set > 1)
        return mly_fail(d->err, MLY_E_CORRUPT, "a value of %d types at once (MVT 4.1)", n_set);
    *out = (struct mly_value){.type = MLY_NULL};
    if (v->has_string_value)
        *out = text_value(v->string_value.data, v->string_value.len);
    else if (v->has_float_value || v->has_double_value)
        *out = (struct mly_value){.as.r = v->has_float_value ? v->float_value : v->double_value, .type = MLY_REAL};
    else if (v->has_int_value || v->has_sint_value)
        *out = (struct mly_value){.as.i = v->has_int_value ? v->int_value : v->sint_value, .type = MLY_INT};
    else if (v->has_uint_value)
        *out = unsigned_value(v->uint_value);
    else if (v->has_bool_value)
        *out = (struct mly_value){.as.i = v->bool_value != 0, .type = MLY_BOOL};
    return MLY_OK;
}

static enum mly_status read_value(const struct decoder *d, struct mly_span bytes, struct mly_value *out)
{
    if (!read_plain_value(bytes, out))
        MLY_TRY(read_odd_value(d, bytes, out));
    if (out->type == MLY_TEXT && out->n_bytes > d->mvt->longest_text)
        d->mvt->longest_text = out->n_bytes;
    return MLY_OK;
}

/* Values in the usual form, one after another. Stops at whatever else there is. */
static MLY_APART void read_usual_values(struct decoder *d, struct mly_wire *layer)
{
    const uint8_t *at = layer->at;
    struct mly_value *out = d->mvt->values + d->n_values + 1;
    for (size_t size; (size = mly_wire_short_size(at, layer->end)) > 0 && *at == VALUE_TAG; at += size) {
        if (!read_usual_value((struct mly_span){.data = at + 2, .size = size - 2}, layer->end, out))
            break;
        out++;
    }
    d->n_values = (uint32_t)(out - d->mvt->values) - 1;
    layer->at = at;
}

/* ---- features ---- */

/* A list of less than 128 bytes, and what is around it, as far as it is there. */
static inline bool take_short_list(struct mly_wire *wire, uint8_t tag, struct mly_span *out)
{
    struct mly_wire_field field;
    return wire->at < wire->end && *wire->at == tag && mly_wire_short_bytes(wire, &field) &&
           (*out = field.payload, true);
}

/* A point's feature as the service spells it: counter, tags, type, geometry. False: some other way. */
static inline bool read_usual_feature(struct mly_span bytes, struct feature *out)
{
    enum { ID = 1 << 3, TAGS = 2 << 3 | MLY_WIRE_BYTES, TYPE = 3 << 3, GEOMETRY = 4 << 3 | MLY_WIRE_BYTES };
    struct mly_wire wire = mly_wire_open(bytes);
    uint64_t counter = 0;
    if (wire.at < wire.end && *wire.at == ID) {
        wire.at++;
        if (!mly_wire_varint(&wire, 10, &counter))
            return false;
    }
    if (!take_short_list(&wire, TAGS, &out->tags) || wire.end - wire.at < 2 || wire.at[0] != TYPE || wire.at[1] >= 0x80)
        return false;
    out->type = wire.at[1];
    wire.at += 2;
    out->has_tags = out->has_geometry = true;
    return take_short_list(&wire, GEOMETRY, &out->geometry) && wire.at == wire.end;
}

/* The form that encoders write: each known field at most once, lists packed, nothing unknown. False: something else. */
static bool read_plain_feature(struct mly_span bytes, struct feature *out)
{
    if (read_usual_feature(bytes, out))
        return true;
    *out = (struct feature){.type = 0};
    struct mly_wire wire = mly_wire_open(bytes);
    struct mly_wire_field field;
    enum mly_wire_step step;
    while ((step = mly_wire_next(&wire, &field)) == MLY_WIRE_FIELD) {
        struct mly_wire number = mly_wire_open(field.payload);
        if (field.number == 1 && field.type == MLY_WIRE_VARINT)
            continue; /* counts within the tile: no id (API.md 1.3) */
        if (field.number == 3 && field.type == MLY_WIRE_VARINT && mly_wire_varint(&number, 10, &out->type)) {
            out->type &= UINT32_MAX; /* enums have 32 bits, whatever the wire holds */
            continue;
        }
        if (field.type != MLY_WIRE_BYTES || (field.number != 2 && field.number != 4))
            return false;
        bool *has = field.number == 2 ? &out->has_tags : &out->has_geometry;
        if (*has)
            return false;
        *has = true;
        *(field.number == 2 ? &out->tags : &out->geometry) = field.payload;
    }
    return step == MLY_WIRE_END;
}

/* Has protobuf-c read the feature and write it again: then it has the plain form. It lies where the tile does, since
 * lines are kept as they stand. */
static enum mly_status normalise_feature(struct decoder *d, struct mly_span bytes, struct mly_span *out)
{
    MlyPb__Feature *feature = unpack(&mly_pb__feature__descriptor, bytes, &d->scratch);
    if (!feature)
        return unpack_failed(&d->scratch, "the feature", d->err);
    feature->base.n_unknown_fields = 0;
    const size_t size = protobuf_c_message_get_packed_size(&feature->base);
    uint8_t *packed = mly_arena_alloc(d->arena, size);
    if (!packed)
        return mly_arena_fail(d->arena, "the feature", d->err);
    *out = (struct mly_span){.data = packed, .size = protobuf_c_message_pack(&feature->base, packed)};
    return MLY_OK;
}

/* MLY_AGAIN: a number in the list is longer than encoders write it. */
static enum mly_status read_tags(const struct decoder *d, struct mly_span tags, uint32_t *cells)
{
    struct mly_wire wire = mly_wire_open(tags);
    while (wire.at < wire.end) {
        uint32_t key = 0, value = 0;
        if (!mly_wire_uint32(&wire, &key))
            return MLY_AGAIN;
        if (wire.at == wire.end)
            return mly_fail(d->err, MLY_E_CORRUPT, "a key without a value (MVT 4.4)");
        if (!mly_wire_uint32(&wire, &value))
            return MLY_AGAIN;
        if (key >= d->n_keys)
            return mly_fail(d->err, MLY_E_CORRUPT, "key %u of %zu (MVT 4.4)", key, d->n_keys);
        if (value >= d->mvt->n_values)
            return mly_fail(d->err, MLY_E_CORRUPT, "value %u of %u (MVT 4.4)", value, d->mvt->n_values);
        const uint16_t column = d->column_of_key[key];
        if (column == NOT_A_COLUMN)
            continue;
        if (cells[column])
            return mly_fail(d->err, MLY_E_CORRUPT, "the key of '%s' twice (MVT 4.4)",
                            d->mvt->layer->columns[column].name);
        cells[column] = value + 1;
    }
    return MLY_OK;
}

static enum mly_status check_type(const struct decoder *d, uint64_t type)
{
    static const unsigned expected[] = {
        [MLY_POINT] = MLY_PB__FEATURE__SHAPE__POINT,
        [MLY_LINES] = MLY_PB__FEATURE__SHAPE__LINESTRING,
        [MLY_POLYGONS] = MLY_PB__FEATURE__SHAPE__POLYGON,
    };
    if (type == MLY_PB__FEATURE__SHAPE__UNKNOWN || type == expected[d->mvt->layer->shape])
        return MLY_OK;
    return mly_fail(d->err, MLY_E_CORRUPT, "a geometry of type %llu where type %u is expected (MVT 4.3.4)",
                    (unsigned long long)type, expected[d->mvt->layer->shape]);
}

/* MLY_AGAIN as in read_tags. */
static enum mly_status read_point(const struct decoder *d, const struct feature *feature, int32_t *x, int32_t *y)
{
    struct mly_wire wire = mly_wire_open(feature->geometry);
    uint32_t command = 0, dx = 0, dy = 0;
    if (wire.at == wire.end)
        return mly_fail(d->err, MLY_E_CORRUPT, "no geometry (MVT 4.2)");
    MLY_TRY(check_type(d, feature->type));
    if (!mly_wire_uint32(&wire, &command))
        return MLY_AGAIN;
    if (command != MOVE_TO_ONE)
        return mly_fail(d->err, MLY_E_CORRUPT, "a point's geometry is not one MoveTo with one position (MVT 4.3.4.2)");
    if (wire.at == wire.end)
        return mly_fail(d->err, MLY_E_CORRUPT, "a point's geometry ends too early (MVT 4.3.2)");
    if (!mly_wire_uint32(&wire, &dx))
        return MLY_AGAIN;
    if (wire.at == wire.end)
        return mly_fail(d->err, MLY_E_CORRUPT, "a point's geometry ends too early (MVT 4.3.2)");
    if (!mly_wire_uint32(&wire, &dy))
        return MLY_AGAIN;
    if (wire.at != wire.end)
        return mly_fail(d->err, MLY_E_CORRUPT, "a point's geometry goes on after its position (MVT 4.3.4.2)");
    *x = mly_wire_zigzag32(dx);
    *y = mly_wire_zigzag32(dy);
    return MLY_OK;
}

static bool next_vertex(struct mly_wire *wire, int64_t *x, int64_t *y)
{
    uint32_t dx = 0, dy = 0;
    if (!mly_wire_uint32(wire, &dx) || !mly_wire_uint32(wire, &dy))
        return false;
    *x += mly_wire_zigzag32(dx);
    *y += mly_wire_zigzag32(dy);
    return true;
}

/* Within a tile's size of the tile: no buffer is larger, and 32 bits hold it. */
static bool is_near(const struct mly_mvt *mvt, int64_t x, int64_t y)
{
    const int64_t extent = mvt->extent;
    return x >= -extent && x <= 2 * extent && y >= -extent && y <= 2 * extent;
}

/* One line: MoveTo with one position, LineTo with at least one. One ring: LineTo with at least two, and ClosePath.
 * MLY_AGAIN as in read_tags, or too few numbers: then the plain form fails as well. */
static enum mly_status check_part(const struct decoder *d, struct mly_wire *wire, int64_t *x, int64_t *y)
{
    const bool is_ring = d->mvt->layer->shape == MLY_POLYGONS;
    uint32_t command = 0;
    if (!mly_wire_uint32(wire, &command))
        return MLY_AGAIN;
    if (command != MOVE_TO_ONE)
        return mly_fail(d->err, MLY_E_CORRUPT, "a part does not begin with one MoveTo (MVT 4.3.4.3, 4.3.4.4)");
    if (!next_vertex(wire, x, y) || !mly_wire_uint32(wire, &command))
        return MLY_AGAIN;
    if ((command & 7) != LINE_TO || command >> 3 < (is_ring ? 2 : 1))
        return mly_fail(d->err, MLY_E_CORRUPT, "a part does not go on with LineTo (MVT 4.3.4.3, 4.3.4.4)");
    for (uint32_t n = command >> 3; n > 0 && is_near(d->mvt, *x, *y); n--) {
        if (!next_vertex(wire, x, y))
            return MLY_AGAIN;
    }
    if (!is_near(d->mvt, *x, *y))
        return mly_fail(d->err, MLY_E_CORRUPT, "a geometry leaves the tile by more than its size");
    if (!is_ring)
        return MLY_OK;
    if (!mly_wire_uint32(wire, &command))
        return MLY_AGAIN;
    if (command != CLOSE_PATH_ONE)
        return mly_fail(d->err, MLY_E_CORRUPT, "a ring does not end with ClosePath (MVT 4.3.4.4)");
    return MLY_OK;
}

/* MLY_AGAIN as in read_tags. */
static enum mly_status read_parts(const struct decoder *d, const struct feature *feature, struct mly_span *out)
{
    struct mly_wire wire = mly_wire_open(feature->geometry);
    int64_t x = 0, y = 0;
    if (wire.at == wire.end)
        return mly_fail(d->err, MLY_E_CORRUPT, "no geometry (MVT 4.2)");
    MLY_TRY(check_type(d, feature->type));
    while (wire.at < wire.end) {
        const enum mly_status status = check_part(d, &wire, &x, &y);
        if (status != MLY_OK)
            return status;
    }
    *out = feature->geometry;
    return MLY_OK;
}

static uint32_t *cells_of(const struct mly_mvt *mvt, uint32_t row)
{
    return mvt->cells + (size_t)row * mvt->n_columns;
}

static void clear_cells(const struct mly_mvt *mvt, uint32_t row, size_t n_rows)
{
    memset(cells_of(mvt, row), 0, n_rows * mvt->n_columns * sizeof *mvt->cells);
}

static bool is_outside(const struct mly_mvt *mvt, uint32_t row)
{
    const int32_t extent = (int32_t)mvt->extent;
    return mvt->layer->shape == MLY_POINT &&
           (mvt->x[row] < 0 || mvt->x[row] >= extent || mvt->y[row] < 0 || mvt->y[row] >= extent);
}

/* Appends a row. MLY_AGAIN: the feature has not the plain form. */
static enum mly_status add_plain_feature(const struct decoder *d, struct mly_span bytes)
{
    struct mly_mvt *mvt = d->mvt;
    const uint32_t row = mvt->n_rows;
    struct feature feature;
    if (!read_plain_feature(bytes, &feature))
        return MLY_AGAIN;

    enum mly_status status = mvt->layer->shape == MLY_POINT ? read_point(d, &feature, &mvt->x[row], &mvt->y[row])
                                                            : read_parts(d, &feature, &mvt->parts[row]);
    if (status != MLY_OK)
        return status;
    clear_cells(mvt, row, 1); /* whoever tried before */
    status = read_tags(d, feature.tags, cells_of(mvt, row));
    if (status != MLY_OK)
        return status;
    if (is_outside(mvt, row)) {
        mvt->n_outside++;
        clear_cells(mvt, row, 1);
    } else {
        mvt->n_rows++;
    }
    return MLY_OK;
}

/* Into cells that are all 0. Up to `end`, which is the layer's, bytes can be looked at. False: another form, or a
 * fault. */
static inline bool read_usual_tags(const struct decoder *d, struct mly_span tags, const uint8_t *end, uint32_t *cells)
{
    const uint8_t *tags_end = tags.data + tags.size;
    const size_t n_keys = d->n_keys < 0x80 ? d->n_keys : 0x80;
    const uint16_t *column_of_key = d->column_of_key;
    const uint32_t n_values = d->mvt->n_values;
    struct mly_wire wire = {.at = tags.data, .end = end};
    while (wire.at < tags_end) {
        const uint32_t key = *wire.at++;
        uint32_t value = 0;
        if (key >= n_keys || !mly_wire_uint32(&wire, &value) || value >= n_values)
            return false;
        const uint16_t column = column_of_key[key];
        if (column == NOT_A_COLUMN)
            continue;
        if (cells[column])
            return false;
        cells[column] = value + 1;
    }
    return wire.at == tags_end;
}

/* Likewise. */
static inline bool read_usual_point(struct mly_span geometry, const uint8_t *end, int32_t *x, int32_t *y)
{
    struct mly_wire wire = {.at = geometry.data, .end = end};
    uint32_t dx = 0, dy = 0;
    if (geometry.size < 3 || *wire.at++ != MOVE_TO_ONE || !mly_wire_uint32(&wire, &dx) ||
        !mly_wire_uint32(&wire, &dy) || wire.at != geometry.data + geometry.size)
        return false;
    *x = mly_wire_zigzag32(dx);
    *y = mly_wire_zigzag32(dy);
    return true;
}

/* Rows of features in the usual form, one after another. Stops at whatever else there is, for add_feature to read. */
static MLY_APART void add_usual_points(struct decoder *d, struct mly_wire *layer)
{
    struct mly_mvt *mvt = d->mvt;
    const uint32_t n_columns = mvt->n_columns;
    uint32_t row = mvt->n_rows, *cells = cells_of(mvt, row);
    const uint8_t *at = layer->at;
    for (size_t size; (size = mly_wire_short_size(at, layer->end)) > 0 && *at == FEATURE_TAG; at += size) {
        struct feature feature;
        if (!read_usual_feature((struct mly_span){.data = at + 2, .size = size - 2}, &feature) ||
            feature.type != MLY_PB__FEATURE__SHAPE__POINT ||
            !read_usual_point(feature.geometry, layer->end, &mvt->x[row], &mvt->y[row]) || is_outside(mvt, row) ||
            !read_usual_tags(d, feature.tags, layer->end, cells))
            break;
        cells += n_columns;
        row++;
        d->n_features++;
    }
    mvt->n_rows = row;
    layer->at = at;
}

static enum mly_status add_feature(struct decoder *d, struct mly_span bytes)
{
    enum mly_status status = add_plain_feature(d, bytes);
    if (status != MLY_AGAIN)
        return status;
    struct mly_span plain;
    status = normalise_feature(d, bytes, &plain);
    mly_arena_reset(&d->scratch);
    if (status < 0)
        return status;
    status = add_plain_feature(d, plain);
    return status == MLY_AGAIN ? mly_fail(d->err, MLY_E_CORRUPT, "the feature cannot be read") : status;
}

/* ---- the layer as a whole ---- */

static uint16_t find_column(const struct mly_layer *layer, ProtobufCBinaryData key)
{
    for (uint32_t i = 0; i < layer->n_tile_columns; i++) {
        const char *name = layer->columns[i].name;
        if (strlen(name) == key.len && memcmp(name, key.data, key.len) == 0)
            return (uint16_t)i;
    }
    return NOT_A_COLUMN;
}

static enum mly_status map_keys(struct decoder *d, const MlyPb__Head *head)
{
    d->n_keys = head->n_keys;
    d->column_of_key = mly_arena_array(d->arena, head->n_keys, sizeof *d->column_of_key);
    if (!d->column_of_key)
        return mly_arena_fail(d->arena, "the layer's keys", d->err);
    for (size_t i = 0; i < head->n_keys; i++)
        d->column_of_key[i] = find_column(d->mvt->layer, head->keys[i]);
    return MLY_OK;
}

static size_t bytes_of_geometry(const struct mly_layer *layer)
{
    return layer->shape == MLY_POINT ? 2 * sizeof(int32_t) : sizeof(struct mly_span);
}

/* About what a layer of the service takes, so that one block of the arena holds it: what protobuf-c unpacks of the head
 * is a guess, a little too high. No sum wraps: each count is below the tile's bytes. */
static size_t estimate(const struct mly_layer *layer, const struct survey *survey)
{
    enum { PLAIN_HEAD_FIELDS = 16 }; /* for more fields than that protobuf-c keeps lists */
    const size_t n_arrays = 8;
    const size_t for_each_field = survey->n_head_fields <= PLAIN_HEAD_FIELDS ? 48 : 256;
    size_t bytes = sizeof(struct mly_mvt) + sizeof(MlyPb__Head) + n_arrays * (sizeof(uint32_t *) + 16);
    bytes += survey->head_bytes + survey->n_head_fields * for_each_field;
    bytes += (survey->n_values + 1) * sizeof(struct mly_value);
    bytes += survey->n_features * (layer->n_tile_columns * sizeof(uint32_t) + bytes_of_geometry(layer));
    return bytes;
}

static bool make_geometry_room(const struct decoder *d, size_t n_features)
{
    struct mly_mvt *mvt = d->mvt;
    if (mvt->layer->shape != MLY_POINT)
        return (mvt->parts = mly_arena_array(d->arena, n_features, sizeof *mvt->parts)) != NULL;
    mvt->x = mly_arena_array(d->arena, n_features, sizeof *mvt->x);
    mvt->y = mly_arena_array(d->arena, n_features, sizeof *mvt->y);
    return mvt->x && mvt->y;
}

static enum mly_status make_room(const struct decoder *d, const struct survey *survey)
{
    struct mly_mvt *mvt = d->mvt;
    mvt->n_columns = mvt->layer->n_tile_columns;
    mvt->n_values = (uint32_t)survey->n_values; /* below 2^31: protobuf's sizes are */
    mvt->values = mly_arena_array(d->arena, survey->n_values + 1, sizeof *mvt->values);
    mvt->cells = mly_arena_array(d->arena, survey->n_features, mvt->n_columns * sizeof *mvt->cells);
    if (!mvt->values || !mvt->cells || !make_geometry_room(d, survey->n_features))
        return mly_arena_fail(d->arena, "the tile", d->err);
    mvt->values[0] = (struct mly_value){.type = MLY_NULL};
    clear_cells(mvt, 0, survey->n_features);
    return MLY_OK;
}

/* One field of the layer, whatever form it has. */
static enum mly_status read_field(struct decoder *d, const struct mly_wire_field *field)
{
    if (field->number == LAYER_VALUES)
        return read_value(d, field->payload, &d->mvt->values[++d->n_values]);
    if (field->number != LAYER_FEATURES)
        return MLY_OK;
    const enum mly_status status = add_feature(d, field->payload);
    if (status < 0)
        return mly_wrap(d->err, status, "feature %u", d->n_features);
    d->n_features++;
    return MLY_OK;
}

static enum mly_status read_fields(struct decoder *d, struct mly_span layer)
{
    struct mly_wire wire = mly_wire_open(layer);
    struct mly_wire_field field;
    for (;;) {
        read_usual_values(d, &wire);
        if (d->mvt->layer->shape == MLY_POINT)
            add_usual_points(d, &wire);
        if (mly_wire_next(&wire, &field) != MLY_WIRE_FIELD) /* the survey has been over it: this is its end */
            return MLY_OK;
        MLY_TRY(read_field(d, &field));
    }
}

static enum mly_status read_layer(struct decoder *d, struct mly_span layer, const struct survey *survey)
{
    MlyPb__Head *head = NULL;
    const enum mly_status status = unpack_head(d, layer, survey, &head);
    if (!head)
        return status;
    d->mvt->extent = head->extent;
    d->mvt->unit = (head->extent & (head->extent - 1)) == 0 ? 1.0 / head->extent : 0;
    d->mvt->size = ldexp(1.0, -d->mvt->tile.z);
    d->mvt->latitudes = mly_tile_latitudes(d->mvt->tile);
    MLY_TRY(map_keys(d, head));
    MLY_TRY(make_room(d, survey));
    return read_fields(d, layer);
}

enum mly_status mly_mvt_open(struct mly_span bytes, struct mly_tile tile, const struct mly_layer *layer,
                             struct mly_arena *arena, struct mly_mvt **out, struct mly_error *err)
{
    struct mly_span found = {.data = NULL};
    struct survey survey = {.n_features = 0};
    MLY_TRY(find_layer(bytes, layer->tile_layer, &found, &survey, err));
    struct mly_mvt *mvt = NULL;
    if (mly_arena_reserve(arena, found.data ? estimate(layer, &survey) : sizeof *mvt))
        mvt = mly_arena_alloc(arena, sizeof *mvt);
    if (!mvt)
        return mly_arena_fail(arena, "the tile", err);
    *mvt = (struct mly_mvt){.layer = layer, .tile = tile, .longest_text = USUAL_TEXT};

    if (found.data) {
        struct decoder d = {.mvt = mvt, .arena = arena, .err = err};
        mly_arena_init(&d.scratch, arena->mem, MLY_LIMIT_SCRATCH_MEMORY);
        const enum mly_status status = read_layer(&d, found, &survey);
        mly_arena_fini(&d.scratch);
        if (status < 0)
            return mly_wrap(err, status, "layer '%s'", layer->tile_layer);
    }
    *out = mvt;
    return MLY_OK;
}

uint32_t mly_mvt_count(const struct mly_mvt *mvt)
{
    return mvt->n_rows;
}

uint32_t mly_mvt_outside(const struct mly_mvt *mvt)
{
    return mvt->n_outside;
}

uint32_t mly_mvt_n_values(const struct mly_mvt *mvt)
{
    return mvt->n_values;
}

uint32_t mly_mvt_longest_text(const struct mly_mvt *mvt)
{
    return mvt->longest_text;
}

uint32_t mly_mvt_cell(const struct mly_mvt *mvt, uint32_t column, uint32_t index)
{
    return cells_of(mvt, index)[column];
}

/* Raw values that a column takes as they are, which is what the service nearly always sends: of that type, with so many
 * bytes, and a word, shifted, in [low, low + range]. */
struct usual {
    enum mly_type raw, type;
    uint32_t min_bytes;
    unsigned shift;
    uint64_t low, range;
};

static struct usual usual_of(const struct mly_mvt *mvt, uint32_t column)
{
    static const struct usual all[] = {
        [MLY_BOOL] = {.raw = MLY_BOOL, .range = UINT64_MAX},
        [MLY_INT] = {.raw = MLY_INT, .range = UINT64_MAX},
        [MLY_REAL] = {.raw = MLY_REAL, .shift = 1, .range = (UINT64_C(0x7ff) << 53) - 1}, /* finite, of either sign */
        [MLY_TEXT] = {.raw = MLY_TEXT, .min_bytes = 1, .range = UINT64_MAX},
        [MLY_TIME] = {.raw = MLY_INT, .low = 1, .range = MLY_TIME_MAX - 1},
    };
    static const struct usual id = {.raw = MLY_INT, .low = 1, .range = INT64_MAX - 1};
    const enum mly_type type = mvt->layer->columns[column].type;
    struct usual usual = column == 0 && type == MLY_INT ? id : all[type];
    usual.type = type;
    return usual;
}

static inline bool is_in_range(const struct usual *usual, int64_t word)
{
    return ((uint64_t)word << usual->shift) - usual->low <= usual->range;
}

static inline bool is_usual(const struct usual *usual, const struct mly_value *raw)
{
    return raw->type == usual->raw && raw->n_bytes >= usual->min_bytes && is_in_range(usual, raw->as.i);
}

static struct mly_value odd_value(const struct mly_mvt *mvt, uint32_t column, uint32_t cell,
                                  char scratch[MLY_VALUE_SCRATCH])
{
    const struct mly_value value = mly_value_coerce(mvt->layer->columns[column].type, mvt->values[cell], scratch);
    if (column == 0 && value.type == MLY_INT && value.as.i <= 0) /* no id of the service's, and no FID of OGR's */
        return mvt->values[0];
    return value;
}

static inline struct mly_value value_of(const struct mly_mvt *mvt, uint32_t column, const struct usual *usual,
                                        uint32_t cell, char scratch[MLY_VALUE_SCRATCH])
{
    struct mly_value value = mvt->values[cell];
    if (is_usual(usual, &value))
        value.type = usual->type;
    else if (cell > 0)
        value = odd_value(mvt, column, cell, scratch);
    return value;
}

/* Copies words as they are, of at least one row: without rows there need not be cells. Returns how many of them are of
 * the usual type: most often all, and then no more has to be looked at. */
static MLY_APART uint32_t copy_words(const struct mly_mvt *mvt, uint32_t column, enum mly_type type,
                                     const uint32_t *rows, uint32_t n, int64_t *words)
{
    const uint32_t *cells = mvt->cells + column;
    const struct mly_value *values = mvt->values;
    const size_t stride = mvt->n_columns;
    uint32_t n_usual = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct mly_value *raw = &values[cells[rows[i] * stride]];
        words[i] = raw->as.i;
        n_usual += raw->type == type;
    }
    return n_usual;
}

static bool are_in_range(const struct usual *usual, const int64_t *words, uint32_t n)
{
    uint32_t n_odd = 0;
    for (uint32_t i = 0; i < n && usual->range < UINT64_MAX; i++)
        n_odd += !is_in_range(usual, words[i]);
    return n_odd == 0;
}

uint32_t mly_mvt_words(const struct mly_mvt *mvt, uint32_t column, const uint32_t *rows, uint32_t n, int64_t *words,
                       bool *are_there)
{
    char digits[MLY_VALUE_SCRATCH];
    const struct usual usual = usual_of(mvt, column);
    uint32_t n_there = 0;
    if (n == 0)
        return 0;
    if (copy_words(mvt, column, usual.raw, rows, n, words) == n && are_in_range(&usual, words, n)) {
        memset(are_there, true, n);
        return n;
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct mly_value value = value_of(mvt, column, &usual, cells_of(mvt, rows[i])[column], digits);
        words[i] = value.as.i;
        are_there[i] = value.type != MLY_NULL;
        n_there += are_there[i];
    }
    return n_there;
}

void mly_mvt_texts(const struct mly_mvt *mvt, uint32_t column, const uint32_t *rows, uint32_t n,
                   struct mly_block_text *out)
{
    const struct usual usual = usual_of(mvt, column);
    for (uint32_t i = 0; i < n; i++)
        out->texts[i] = value_of(mvt, column, &usual, cells_of(mvt, rows[i])[column], out->digits[i]);
}

struct mly_value mly_mvt_value(const struct mly_mvt *mvt, uint32_t column, uint32_t cell,
                               char scratch[MLY_VALUE_SCRATCH])
{
    const struct usual usual = usual_of(mvt, column);
    return value_of(mvt, column, &usual, cell, scratch);
}

const struct mly_layer *mly_mvt_layer(const struct mly_mvt *mvt)
{
    return mvt->layer;
}

struct mly_tile mly_mvt_tile(const struct mly_mvt *mvt)
{
    return mvt->tile;
}

uint32_t mly_mvt_extent(const struct mly_mvt *mvt)
{
    return mvt->extent;
}

/* mly_tile_longitude to the last bit: to multiply by a power of two is as exact as to divide. */
static double longitude(const struct mly_mvt *mvt, int32_t x)
{
    if (mvt->unit > 0)
        return (mvt->tile.x + x * mvt->unit) * mvt->size * 360.0 - 180.0;
    return mly_tile_longitude(mvt->tile, x, mvt->extent);
}

/* Likewise mly_tile_latitude; of rows that are within the tile. */
static double latitude(const struct mly_mvt *mvt, int32_t y)
{
    if (mvt->unit > 0 && mvt->tile.z >= MLY_TILE_SERIES_ZOOM)
        return mly_tile_latitude_at(&mvt->latitudes, y * mvt->unit);
    return mly_tile_latitude(mvt->tile, y, mvt->extent);
}

/* The service's number, or a hash of its key; -1 for none that can be used. */
static int64_t row_id(struct mly_value id)
{
    if (id.type == MLY_INT)
        return id.as.i;
    return id.type == MLY_TEXT ? mly_value_hash(0, id.as.text, id.n_bytes) : -1;
}

int64_t mly_mvt_id(const struct mly_mvt *mvt, uint32_t index)
{
    char digits[MLY_VALUE_SCRATCH];
    return row_id(mly_mvt_value(mvt, 0, mly_mvt_cell(mvt, 0, index), digits));
}

uint32_t mly_mvt_ids(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, int64_t *ids)
{
    bool are_there[MLY_BLOCK_ROWS];
    uint32_t n_there = n;
    if (mvt->layer->columns[0].type != MLY_INT) {
        for (uint32_t i = 0; i < n; i++)
            n_there -= (ids[i] = mly_mvt_id(mvt, rows[i])) < 0;
        return n_there;
    }
    n_there = mly_mvt_words(mvt, 0, rows, n, ids, are_there);
    for (uint32_t i = 0; i < n && n_there < n; i++)
        ids[i] = are_there[i] ? ids[i] : -1;
    return n_there;
}

static void place_rows(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, struct mly_row *out)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i].longitude = longitude(mvt, mvt->x[rows[i]]);
        out[i].latitude = latitude(mvt, mvt->y[rows[i]]);
    }
}

/* Column by column: what is the same for all rows is looked up once. Values and digits of one row after another. Rows
 * begin as copies of one: to make each of nothing costs more. */
static void read_rows(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, struct mly_value *values,
                      char (*digits)[MLY_VALUE_SCRATCH], struct mly_row *out)
{
    const size_t stride = MLY_SCHEMA_MAX_COLUMNS;
    const bool is_point = mvt->layer->shape == MLY_POINT;
    const struct mly_row blank = {.tile = is_point ? mvt->tile : (struct mly_tile){.z = 0}, .has_position = is_point};
    for (uint32_t column = 0; column < mvt->n_columns; column++) {
        const struct usual usual = usual_of(mvt, column);
        for (uint32_t i = 0; i < n; i++)
            values[i * stride + column] = value_of(mvt, column, &usual, cells_of(mvt, rows[i])[column],
                                                   digits[i * stride + column]);
    }
    for (uint32_t i = 0; i < n; i++, values += stride) {
        out[i] = blank;
        out[i].id = row_id(values[0]);
        out[i].values = values;
    }
    if (is_point)
        place_rows(mvt, rows, n, out);
}

void mly_mvt_rows(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, struct mly_row_spaces *spaces,
                  struct mly_row *out)
{
    read_rows(mvt, rows, n, spaces->values[0], spaces->digits[0], out);
}

void mly_mvt_row(const struct mly_mvt *mvt, uint32_t index, struct mly_row_space *space, struct mly_row *out)
{
    read_rows(mvt, &index, 1, space->values, space->digits, out);
}

void mly_mvt_points(const struct mly_mvt *mvt, const uint32_t *rows, uint32_t n, double *longitudes, double *latitudes)
{
    for (uint32_t i = 0; i < n; i++)
        longitudes[i] = longitude(mvt, mvt->x[rows[i]]);
    for (uint32_t i = 0; i < n; i++)
        latitudes[i] = latitude(mvt, mvt->y[rows[i]]);
}

void mly_mvt_walk_open(const struct mly_mvt *mvt, uint32_t index, struct mly_mvt_walk *out)
{
    const struct mly_wire wire = mly_wire_open(mvt->parts[index]);
    *out = (struct mly_mvt_walk){.at = wire.at, .end = wire.end};
}

/* The commands have been checked when the tile was opened: nothing here can fail. */
enum mly_mvt_vertex mly_mvt_walk_next(struct mly_mvt_walk *walk)
{
    struct mly_wire wire = {.at = walk->at, .end = walk->end};
    uint32_t command = 0, dx = 0, dy = 0;
    while (walk->n_left == 0) {
        if (wire.at == wire.end)
            return MLY_MVT_END;
        (void)mly_wire_uint32(&wire, &command);
        if (command != CLOSE_PATH_ONE)
            walk->n_left = command >> 3;
    }
    (void)mly_wire_uint32(&wire, &dx);
    (void)mly_wire_uint32(&wire, &dy);
    walk->x += mly_wire_zigzag32(dx);
    walk->y += mly_wire_zigzag32(dy);
    walk->n_left--;
    walk->at = wire.at;
    return command == MOVE_TO_ONE ? MLY_MVT_FIRST : MLY_MVT_NEXT;
}
