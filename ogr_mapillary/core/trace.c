/* SPDX-License-Identifier: MIT */
#include "trace.h"

#include <inttypes.h>
#include <stdlib.h>

#include "enrich.h"
#include "ids.h"

struct trace {
    const struct mly_plan *plan; /* as it was given */
    const struct mly_read_options *options;
    struct mly_machine *images; /* of the sequences, with their positions */
    struct mly_buf tiles;       /* of struct mly_tile */
    struct mly_plan found;      /* borrows the plan's buffers, but for its cover */
};

/* Of the plan's zoom; images come from z14. */
static struct mly_tile tile_of(const struct trace *t, const struct mly_row *row)
{
    const unsigned shift = MLY_LIMIT_ZOOM - t->plan->zoom;
    return (struct mly_tile){.x = row->tile.x >> shift, .y = row->tile.y >> shift, .z = t->plan->zoom};
}

/* Images follow each other along the way: most lie where the last one did. */
static enum mly_status add_tile(struct trace *t, struct mly_tile tile)
{
    const struct mly_tile *tiles = (const void *)t->tiles.data;
    const size_t n = t->tiles.size / sizeof tile;
    if (n > 0 && tiles[n - 1].x == tile.x && tiles[n - 1].y == tile.y)
        return MLY_OK;
    return mly_buf_append(&t->tiles, &tile, sizeof tile);
}

static int compare_tiles(const void *a, const void *b)
{
    const struct mly_tile *l = a, *r = b;
    if (l->y != r->y)
        return l->y < r->y ? -1 : 1;
    return (l->x > r->x) - (l->x < r->x);
}

static void sort_tiles(struct mly_buf *buf)
{
    struct mly_tile *tiles = (void *)buf->data;
    const size_t n_tiles = buf->size / sizeof *tiles;
    size_t n = 0;
    if (n_tiles > 0)
        qsort(tiles, n_tiles, sizeof *tiles, compare_tiles);
    for (size_t i = 0; i < n_tiles; i++) {
        if (n == 0 || compare_tiles(&tiles[n - 1], &tiles[i]) != 0)
            tiles[n++] = tiles[i];
    }
    buf->size = n * sizeof *tiles;
}

static enum mly_status plan_tiles(struct trace *t, struct mly_error *err)
{
    sort_tiles(&t->tiles);
    const uint64_t n = t->tiles.size / sizeof(struct mly_tile);
    if (n > t->plan->max_tiles)
        return mly_fail(err, MLY_E_LIMIT,
                        "%s: these sequences lie in %" PRIu64 " tiles and MAX_TILES allows %" PRIu64 ". Name fewer of "
                        "them, or set the open option MAX_TILES (or MAPILLARY_MAX_TILES) higher",
                        t->plan->layer->name, n, t->plan->max_tiles);
    t->found = *t->plan;
    t->found.source = MLY_SOURCE_TILES;
    return mly_cover_of((const void *)t->tiles.data, n, t->plan->zoom, t->options->mem, &t->found.cover, err);
}

/* ---- the part ---- */

static enum mly_status want(void *self, struct mly_request *out, struct mly_error *err)
{
    return mly_machine_want(((struct trace *)self)->images, out, err);
}

static enum mly_status feed(void *self, struct mly_response *response, struct mly_error *err)
{
    return mly_machine_feed(((struct trace *)self)->images, response, err);
}

static enum mly_status step(void *self, const struct mly_plan **plan, struct mly_error *err)
{
    struct trace *t = self;
    struct mly_row row;
    enum mly_status status;
    while ((status = mly_machine_take(t->images, &row, err)) == MLY_OK) {
        const enum mly_status added = add_tile(t, tile_of(t, &row));
        if (added < 0)
            return mly_fail(err, added, "out of memory for the list of tiles");
    }
    *plan = &t->found;
    if (status != MLY_DONE)
        return status;
    MLY_TRY(plan_tiles(t, err));
    mly_progress_expect(t->options->progress, t->found.cover.n_tiles);
    return MLY_DONE;
}

static void destroy(void *self)
{
    struct trace *t = self;
    mly_machine_free(t->images);
    mly_buf_fini(&t->tiles);
    mly_cover_fini(&t->found.cover);
    t->options->mem->release(t->options->mem->ctx, t);
}

static enum mly_status make_images(struct trace *t, struct mly_error *err)
{
    static const char loss[] = "the sequences may be cut, or missing";
    struct mly_machine *ids = NULL;
    struct mly_ids_source source = mly_plan_ids(t->plan);
    const struct mly_enrich_options enrich = {
        .layer = mly_schema_find("images"),
        .geometry = t->plan->computed ? "computed_geometry" : "geometry",
        .is_lookup = true,
        .loss = loss,
    };
    source.loss = loss;
    MLY_TRY(mly_ids_new(&source, t->options, &ids, err));
    return mly_enrich_new(&enrich, t->options, ids, &t->images, err);
}

enum mly_status mly_trace_new(const struct mly_plan *plan, const struct mly_read_options *options, mly_make_fn *make,
                              struct mly_machine **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct trace *t = mem->alloc(mem->ctx, sizeof *t);
    if (!t)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *t = (struct trace){.plan = plan, .options = options};
    mly_buf_init(&t->tiles, mem, MLY_LIMIT_IDS * sizeof(struct mly_tile));
    const enum mly_status status = make_images(t, err);
    if (status < 0) {
        destroy(t);
        return status;
    }
    const struct mly_prelude_part part = {.self = t, .want = want, .feed = feed, .step = step, .destroy = destroy};
    return mly_prelude_new(&part, options, make, out, err);
}
