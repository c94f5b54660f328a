/* SPDX-License-Identifier: MIT */
/* hamlet.h — a made-up place of two tiles, and a service that knows it: a few of everything, in tiles of all zooms and
 * in the Graph. For whole reads of any layer, by any way. Owner: constants; answers are the transport's. Threads: any.
 * Source: API.md 1.2 and 2. */
#ifndef MLY_TEST_HAMLET_H
#define MLY_TEST_HAMLET_H

#include "core/plan.h"
#include "service_transport.h"

/* The tile in the west; the other one is its neighbour in the east. */
extern const struct mly_tile hamlet_home;

extern const char hamlet_tile_service[], hamlet_graph_service[];

/* A service_answer_fn; `ctx` is a uint64_t, of which another value gives another order of arrival: 0, that of asking.
 */
void hamlet_answer(void *ctx, const struct mly_request *request, struct service_answer *out);

/* A read that the hamlet has rows for. */
struct hamlet_read {
    const char *name, *layer;
    const char *where, *is; /* a column and a text or a number that it equals; NULL: no filter */
    int64_t number;         /* instead of `is` */
    bool has_area, has_near, is_looking, is_exact, is_pruned, has_fields;
    enum mly_stitch_mode stitch;
    const int64_t *ids; /* ending with 0; NULL: none */
    size_t n_rows;
};

/* Every way to rows; NULL past the end. */
const struct hamlet_read *hamlet_read(size_t index);

/* A query with all that it points to; must not move. */
struct hamlet_query {
    struct mly_query query;
    struct mly_area area;
    struct mly_near near;
    struct mly_arena arena; /* of the filter */
};

/* To be finished. `mem` is the filter's. */
void hamlet_ask(const struct hamlet_read *read, const struct mly_mem *mem, struct hamlet_query *out);
void hamlet_fini(struct hamlet_query *query);

#endif
