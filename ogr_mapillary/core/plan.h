/* SPDX-License-Identifier: MIT */
/* plan.h — a query → what has to be asked, decided before anything is asked.
 * Owner: the plan owns its cover until _fini; layers are constant. Threads: a made plan is constant.
 * Source: SPEC.md 3. */
#ifndef MLY_PLAN_H
#define MLY_PLAN_H

#include "cover.h"
#include "schema.h"

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

struct mly_query {
    const struct mly_layer *layer;
    const struct mly_area *area;  /* NULL: nothing bounds the query */
    const struct mly_tile *tiles; /* or just these, of the layer's zoom, in this order; else NULL */
    size_t n_tiles;
    uint64_t max_tiles;
    uint8_t zoom;  /* 0: the layer's own */
    bool computed; /* computed positions, where the layer has them */
    enum mly_stitch_mode stitch;
    const int64_t *owners; /* of MLY_WAY_OWNERS: whose rows, each once, in the order of the rows; NULL: nobody named */
    uint32_t n_owners;
    enum mly_owner owner;
    uint64_t max_requests;
};

struct mly_plan {
    const struct mly_layer *layer;
    const char *tileset;
    uint64_t max_tiles; /* also for what following a sequence adds */
    enum mly_stitch_mode stitch;
    struct mly_cover cover; /* in the order of the rows */
    struct mly_buf owners;  /* of int64_t, likewise */
    enum mly_owner owner;
};

enum { MLY_PLAN_TEXT = 160 };

/* MLY_E_ARG: nothing bounds the query. MLY_E_LIMIT: more tiles or requests than allowed. Both messages say what to do.
 * `out` is to be finished in any case. */
enum mly_status mly_plan_make(const struct mly_query *query, const struct mly_mem *mem, struct mly_plan *out,
                              struct mly_error *err);

/* The plan in one line, e.g. "images: 12 z14 tiles of mly1_public". */
void mly_plan_print(const struct mly_plan *plan, char text[MLY_PLAN_TEXT]);

/* Accepts a zeroed plan. */
void mly_plan_fini(struct mly_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
