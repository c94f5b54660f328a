/* SPDX-License-Identifier: MIT */
/* schema.h — the layers and their columns, as constant tables. Adding a field is adding a row.
 * Owner: static, never freed. Threads: constant, shared by all. Source: SPEC.md 2, API.md 1.2. */
#ifndef MLY_SCHEMA_H
#define MLY_SCHEMA_H

#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A row's scratch is an array of this length. Sets of columns are numbers of 64 bits, the first column the lowest. */
enum { MLY_SCHEMA_MAX_COLUMNS = 48 };

enum mly_shape { MLY_POINT, MLY_LINES, MLY_POLYGONS, MLY_BOX };

/* How a layer's rows are reached. */
enum mly_way {
    MLY_WAY_COVER,    /* the tiles of an area */
    MLY_WAY_OVERVIEW, /* likewise, of a zoom that suits the size of the area */
    MLY_WAY_OWNERS,   /* the Graph's list for each image, or map feature, that has them */
    MLY_WAY_PLAN      /* none: the rows are the tiles that a read of the area would ask for */
};

/* Who fills a column. */
enum mly_origin {
    MLY_FROM_TILE,  /* tiles carry it; the Graph has it as well, where `graph` says so */
    MLY_FROM_GRAPH, /* only the Graph has it: a field of the layer where the user asked for it */
    MLY_FROM_NEAR,  /* worked out from the place that NEAR or LOOKING_AT names */
    MLY_FROM_AIM    /* likewise, LOOKING_AT only */
};

struct mly_column {
    const char *name;  /* the field's name, and the attribute's key in the tiles */
    const char *label; /* a person's words for it, with the unit */
    enum mly_type type;
    enum mly_origin origin;
    const char *graph; /* its place in the Graph's answer, e.g. image.id, see graph.h; NULL if it is not there */
};

/* What the Graph has of a layer's rows. */
enum mly_entity {
    MLY_ENTITY_NONE,
    MLY_ENTITY_IMAGE,       /* a row's id is an entity's */
    MLY_ENTITY_MAP_FEATURE, /* likewise, but no traffic sign; both share the space of ids (SPEC.md 3) */
    MLY_ENTITY_SIGN,
    MLY_ENTITY_SEQUENCE /* no entity: the list of its images, by its key */
};

struct mly_layer {
    const char *name;
    const char *label;
    const char *tileset;              /* the part of a tile's address that names the tileset */
    const char *computed_tileset;     /* the one with positions computed from the images; NULL if there is none */
    const char *tile_layer;           /* the name of the layer inside those tiles */
    const char *viewer;               /* where a person sees a row, with {field} for its values; NULL if nowhere */
    const struct mly_column *columns; /* the first is the id; those of MLY_FROM_TILE come first */
    uint32_t n_columns, n_tile_columns;
    enum mly_way way;
    enum mly_entity entity;
    enum mly_shape shape;
    uint8_t min_zoom, zoom; /* the layer exists from the one to the other; `zoom` is the whole truth */
    bool by_name_only;      /* not one of those that a dataset lists */
};

/* Listed layers come first: the position is the index in a dataset. NULL past the end. */
const struct mly_layer *mly_schema_layer(uint32_t index);

uint32_t mly_schema_count(void);

/* The number of the column of that name, or -1. */
int mly_schema_column(const struct mly_layer *layer, const char *name);

/* The set of the columns of that origin. */
uint64_t mly_schema_columns(const struct mly_layer *layer, enum mly_origin origin);

/* By exact name; NULL if there is none. */
const struct mly_layer *mly_schema_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif
