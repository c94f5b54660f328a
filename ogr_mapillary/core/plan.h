/* SPDX-License-Identifier: MIT */
/* plan.h — a query → what has to be asked, decided before anything is asked.
 * Owner: the plan owns its buffers until _fini; layers are constant; the filter, and the texts in it, are borrowed and
 * must outlive the plan. Threads: a made plan is constant. Source: SPEC.md 3. */
#ifndef MLY_PLAN_H
#define MLY_PLAN_H

#include "cover.h"
#include "expr.h"
#include "near.h"
#include "schema.h"
#include "source.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of a sequence's pieces, one for each tile. */
enum mly_stitch_mode {
    MLY_STITCH_WHOLE, /* joined, and followed out of the area until the sequence is whole */
    MLY_STITCH_AREA,  /* joined within the covered tiles */
    MLY_STITCH_NO     /* a row for each piece */
};

/* Whose detections are asked for. */
enum mly_owner { MLY_OWNER_IMAGE, MLY_OWNER_MAP_FEATURE };

/* Where rows come from. */
enum mly_source {
    MLY_SOURCE_NOWHERE,  /* nothing bounds the query */
    MLY_SOURCE_NOTHING,  /* no row can pass the filter: nothing is asked */
    MLY_SOURCE_TILES,    /* the tiles of the cover */
    MLY_SOURCE_ENTITIES, /* the Graph, by ids: see plan.ids */
    MLY_SOURCE_TRACE,    /* sequences by key: their images' ids, the positions of these, the tiles there */
    MLY_SOURCE_OWNERS,   /* the Graph's lists of detections */
    MLY_SOURCE_LISTING   /* the cover itself: a row for each tileset and tile */
};

struct mly_query {
    const struct mly_layer *layer;
    const struct mly_expr *filter; /* NULL: none */
    const struct mly_area *area;   /* NULL: none. With `near`, the circle is part of it */
    const struct mly_near *near;   /* NULL: none */
    const struct mly_tile *tiles;  /* or just these, of the layer's zoom, in this order; else NULL */
    size_t n_tiles;
    const int64_t *ids; /* or just the rows with these ids, or of these owners (`owner`); else NULL */
    size_t n_ids;
    enum mly_owner owner;
    uint64_t max_tiles, max_requests;
    uint64_t columns; /* that somebody looks at */
    uint8_t zoom;     /* 0: the layer's own */
    bool computed;    /* computed positions, where the layer has them */
    bool is_exact;    /* positions from the Graph, as it has them */
    bool is_pruned;   /* lines of a lower zoom decide which tiles are read */
    bool is_local;    /* there are tiles and no Graph: in an area, ids are conditions on what its tiles hold */
    enum mly_stitch_mode stitch;
};

struct mly_plan {
    const struct mly_layer *layer;
    enum mly_source source;
    const struct mly_expr *filter;
    const char *tileset;
    uint64_t max_tiles; /* also for what following a sequence adds */
    uint64_t max_requests;
    enum mly_stitch_mode stitch;
    uint8_t zoom;           /* of the tiles */
    struct mly_cover cover; /* in the order of the rows */
    struct mly_cover scout; /* with PRUNE: tiles of a lower zoom, whose lines decide which of `cover` are read */
    enum mly_ids_kind ids_kind;
    enum mly_owner owner;
    struct mly_buf ids;   /* of struct mly_value: ids, keys or names, as the source has them */
    struct mly_buf names; /* of struct mly_value: user names in the filter whose creator_id is to be asked first */
    const struct mly_creator *creators; /* that have been asked for; borrowed, NULL in a plan just made */
    size_t n_creators;
    uint64_t graph_columns; /* that the Graph fills */
    const char *geometry;   /* the Graph's name of the position that it gives, too; NULL: none */
    bool computed, is_exact, has_near;
    struct mly_near near;
};

/* MLY_E_ARG: nothing bounds the query. MLY_E_LIMIT: more tiles or requests than allowed. Both messages say what to do.
 * `out` is to be finished in any case. */
enum mly_status mly_plan_make(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                              struct mly_error *err);

/* Whether rows can come from somewhere: mly_plan_make may still refuse to go there. True without memory to tell. */
bool mly_plan_is_bounded(const struct mly_query *query, const struct mly_mem *mem);

/* An id source of the plan's. */
struct mly_ids_source mly_plan_ids(const struct mly_plan *plan);

enum { MLY_PLAN_TEXT = 1024 }; /* all columns of a layer, twice */

/* The plan in one line, e.g. "images: 12 z14 tiles of mly1_public, 3 cached; pushed captured_at; left to OGR: LIKE;
 * Graph: none". `n_cached`: tiles that need no request; negative: nobody counted. */
void mly_plan_print(const struct mly_plan *plan, int64_t n_cached, char text[MLY_PLAN_TEXT]);

/* Accepts a zeroed plan. */
void mly_plan_fini(struct mly_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
