/* SPDX-License-Identifier: MIT */
/* schema.h — the layers and their columns, as constant tables. Adding a field is adding a row.
 * Owner: static, never freed. Threads: constant, shared by all. Source: SPEC.md 2, API.md 1.2. */
#ifndef MLY_SCHEMA_H
#define MLY_SCHEMA_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MLY_SCHEMA_MAX_COLUMNS = 32 }; /* a row's scratch is an array of this length */

enum mly_shape { MLY_POINT, MLY_LINES, MLY_POLYGONS };

/* How a layer's rows are reached. */
enum mly_way {
    MLY_WAY_COVER,    /* the tiles of an area */
    MLY_WAY_OVERVIEW, /* likewise, of a zoom that suits the size of the area */
    MLY_WAY_OWNERS    /* the Graph's list for each image, or map feature, that has them */
};

struct mly_column {
    const char *name;  /* the field's name, and the attribute's key in the tiles */
    const char *label; /* a person's words for it, with the unit */
    enum mly_type type;
    const char *graph; /* its place in the Graph's answer, e.g. image.id; NULL if it is not taken from there */
};

struct mly_layer {
    const char *name;
    const char *label;
    const char *tileset;              /* the part of a tile's address that names the tileset */
    const char *computed_tileset;     /* the one with positions computed from the images; NULL if there is none */
    const char *tile_layer;           /* the name of the layer inside those tiles */
    const char *viewer;               /* where a person sees a row, with {field} for its values; NULL if nowhere */
    const struct mly_column *columns; /* the first is the id */
    uint32_t n_columns;
    enum mly_way way;
    enum mly_shape shape;
    uint8_t min_zoom, zoom; /* the layer exists from the one to the other; `zoom` is the whole truth */
    bool by_name_only;      /* not one of those that a dataset lists */
};

/* Listed layers come first: the position is the index in a dataset. NULL past the end. */
const struct mly_layer *mly_schema_layer(uint32_t index);

uint32_t mly_schema_count(void);

/* By exact name; NULL if there is none. */
const struct mly_layer *mly_schema_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif
