/* SPDX-License-Identifier: MIT */
/* row.h — a feature on its way out.
 * Owner: everything is borrowed from the reader that yielded it, until the next call on that reader.
 * Threads: the reader's. */
#ifndef MLY_ROW_H
#define MLY_ROW_H

#include "arena.h"
#include "schema.h"
#include "tile.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longitude and latitude in degrees; in an image, 0 to 1 from its left and upper edge. */
struct mly_point {
    double x, y;
};

struct mly_row {
    int64_t id;                     /* -1: the service sent none that can be used */
    struct mly_tile tile;           /* in which it was found; of points */
    bool is_inside;                 /* the area that was asked for holds all of that tile */
    bool has_position;              /* of MLY_POINT: false when the service gave none */
    double longitude, latitude;     /* degrees; of MLY_POINT */
    const struct mly_point *points; /* of the others: all parts, or rings, one after another */
    const uint32_t *part_ends;      /* index behind each part's last point */
    uint32_t n_parts;
    const uint32_t *polygon_ends; /* of MLY_POLYGONS: index behind each one's last ring; its first is the outer one */
    uint32_t n_polygons;
    const struct mly_value *values; /* one for each column of the layer, in its type or MLY_NULL */
};

/* What a row's values lie in, and the digits of numbers that a text column asked for. Zeroed once, before its first
 * row: columns that tiles do not carry stay MLY_NULL. */
struct mly_row_space {
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
    char digits[MLY_SCHEMA_MAX_COLUMNS][MLY_VALUE_SCRATCH];
};

/* Likewise of several rows, which are made together. */
enum { MLY_ROW_SPACES = 16 };

struct mly_row_spaces {
    struct mly_value values[MLY_ROW_SPACES][MLY_SCHEMA_MAX_COLUMNS];
    char digits[MLY_ROW_SPACES][MLY_SCHEMA_MAX_COLUMNS][MLY_VALUE_SCRATCH];
};

/* A copy with all that it points to, in `arena`; NULL when that has no room. */
struct mly_row *mly_row_copy(struct mly_arena *arena, const struct mly_row *row, uint32_t n_columns);

#ifdef __cplusplus
}
#endif

#endif
