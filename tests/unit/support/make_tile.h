/* SPDX-License-Identifier: MIT */
/* make_tile.h — vector tiles for tests: whole ones from points and tags, and sketches, valid tiles in parts of which a
 * test writes one anew.
 * Owner: the caller frees the bytes it gets. Threads: one. Source: MVT 2.1, 4 and appendix A. */
#ifndef MLY_TEST_MAKE_TILE_H
#define MLY_TEST_MAKE_TILE_H

#include "bytes.h"
#include "core/tile.h"

/* Field numbers. */
enum { TILE_LAYER = 3 };
enum { LAYER_NAME = 1, LAYER_FEATURE = 2, LAYER_KEY = 3, LAYER_VALUE = 4, LAYER_EXTENT = 5, LAYER_VERSION = 15 };
enum { FEATURE_ID = 1, FEATURE_TAGS = 2, FEATURE_TYPE = 3, FEATURE_GEOMETRY = 4 };
enum { SHAPE_UNKNOWN = 0, SHAPE_POINT = 1, SHAPE_LINE = 2, SHAPE_POLYGON = 3 };
enum { MOVE_TO = 1, LINE_TO = 2, CLOSE_PATH = 7 };

/* The integer that begins a command (4.3.1). */
uint32_t make_command(uint32_t id, uint32_t count);

/* ---- whole tiles ---- */

/* A value's encodings, by their field number. */
enum make_encoding {
    MAKE_TEXT = 1,
    MAKE_FLOAT = 2,
    MAKE_DOUBLE = 3,
    MAKE_INT = 4,
    MAKE_UINT = 5,
    MAKE_SINT = 6,
    MAKE_BOOL = 7
};

struct make_value {
    enum make_encoding encoding;
    const char *text; /* of MAKE_TEXT */
    double real;      /* of MAKE_FLOAT and MAKE_DOUBLE */
    int64_t integer;  /* of the others; MAKE_UINT takes its bits as unsigned */
};

struct make_tag {
    const char *key;
    struct make_value value;
};

/* A point at x, y; or lines or polygons, when there are parts of them. */
struct make_feature {
    int32_t x, y;
    uint32_t shape;        /* 0: SHAPE_POINT */
    const uint32_t *parts; /* commands and parameters (4.3) */
    size_t n_parts;
    const struct make_tag *tags;
    size_t n_tags;
};

enum make_order { MAKE_DICTIONARIES_FIRST, MAKE_FEATURES_FIRST };

struct make_layer {
    const char *name;
    uint32_t version; /* 0: 2 */
    uint32_t extent;  /* 0: not written, so 4096 */
    enum make_order order;
    const struct make_feature *features;
    size_t n_features;
};

/* The fields of the message Value. */
void make_value(struct bytes *out, struct make_value value);

/* Appends the layer to a tile. Keys are shared by its features, values are not. */
void make_layer(struct bytes *tile, const struct make_layer *layer);

/* A tile of the layer `image` with `n` points, whose ids count up from `first_id`. Point i stands at (i, 2 i), modulo
 * 4096. */
struct bytes make_images(int64_t first_id, size_t n);

/* ---- lines and rings ---- */

struct make_vertex {
    int32_t x, y;
};

/* A geometry while it is written; zeroed is an empty one. Its numbers are a feature's `parts`. */
struct make_path {
    uint32_t *numbers;
    size_t n, capacity;
    struct make_vertex cursor;
};

/* One more part (4.3.4.3, 4.3.4.4). A ring's first vertex is not repeated at its end. */
void make_line(struct make_path *path, const struct make_vertex *at, size_t n);
void make_ring(struct make_path *path, const struct make_vertex *at, size_t n);

void make_free_path(struct make_path *path);

/* RFC 4648, clause 4. */
struct bytes make_base64(struct mly_span data);

/* A tile of the layer `sequence` while it is written; zeroed is an empty one. */
struct make_lines {
    struct make_piece *pieces;
    size_t n, capacity;
};

/* One more part of the piece with this id, which is borrowed. NULL: a piece without an id, of this part alone. */
void make_lines_add(struct make_lines *lines, const char *id, const struct make_vertex *at, size_t n);

/* The tile; `lines` is freed. An `extent` of 0 is not written. */
struct bytes make_lines_tile(struct make_lines *lines, uint32_t extent);

/* The way back: the vertex at a position in degrees, which must be one of the grid of 4096 to a tile. It counts from
 * the corner of `home`. By another formula than the code under test, and in more digits. */
struct make_vertex make_vertex_at(struct mly_tile home, double longitude, double latitude);

/* ---- sketches ---- */

enum make_part { MAKE_NAME, MAKE_FEATURES, MAKE_KEYS, MAKE_VALUES, MAKE_EXTENT, MAKE_VERSION, MAKE_N_PARTS };
enum make_feature_part { MAKE_ID, MAKE_TAGS, MAKE_TYPE, MAKE_GEOMETRY, MAKE_N_FEATURE_PARTS };

/* The fields of a layer `image` with one point: at (100, 200), extent 4096, with the keys `id` and `is_pano` and the
 * values 7 and true. Each part holds whole fields. */
struct make_sketch {
    struct bytes feature[MAKE_N_FEATURE_PARTS];
    struct bytes layer[MAKE_N_PARTS]; /* MAKE_FEATURES holds features besides the sketched one */
};

struct make_sketch make_sketch(void);

/* The part, emptied, to be written anew; or as it is, to be written on. */
struct bytes *make_rewrite(struct make_sketch *sketch, enum make_part part);
struct bytes *make_rewrite_feature(struct make_sketch *sketch, enum make_feature_part part);

/* The feature's lists written anew, packed. */
void make_put_geometry(struct make_sketch *sketch, const uint32_t *numbers, size_t n);
void make_put_tags(struct make_sketch *sketch, const uint32_t *numbers, size_t n);

/* The values written anew: the first has these fields, which are freed; the second is `true`. */
void make_put_first_value(struct make_sketch *sketch, struct bytes *message);

/* The sketched layer's, the sketched feature's fields. */
struct bytes make_sketched_feature(const struct make_sketch *sketch);
struct bytes make_sketched_layer(const struct make_sketch *sketch);

/* The tile; the sketch is freed. */
struct bytes make_sketched_tile(struct make_sketch *sketch);

void make_free_sketch(struct make_sketch *sketch);

#endif
