/* SPDX-License-Identifier: MIT */
/* reference.h — a plain reader of vector tiles: protobuf-c unpacks everything, then MVT's rules are looked at one by
 * one. Slow and short; core/mvt.c must refuse what it refuses, and read what it reads. Owner: _free gives back what a
 * reading holds; texts point into it. Threads: one. */
#ifndef MLY_TEST_REFERENCE_H
#define MLY_TEST_REFERENCE_H

#include <stdbool.h>

#include "core/schema.h"
#include "core/span.h"
#include "core/tile.h"

struct reference_vertex {
    int64_t x, y;  /* in the tile's units */
    bool is_first; /* of its part */
};

struct reference_row {
    double longitude, latitude;        /* of points */
    struct reference_vertex *vertices; /* of the others */
    size_t n_vertices;
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS]; /* for each column, as the wire types it; MLY_NULL when absent */
};

struct reference {
    const char *refusal; /* NULL: the tile is accepted */
    struct reference_row *rows;
    size_t n_rows, n_outside;
    void *unpacked;
};

/* `out` is to be freed in any case. */
void reference_read(struct mly_span bytes, struct mly_tile tile, const struct mly_layer *layer, struct reference *out);
void reference_free(struct reference *reference);

#endif
