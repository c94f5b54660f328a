/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include <string.h>

#include "request.h"

enum { MAX_TILESETS = 4 };
enum { TILE_BITS = MLY_LIMIT_ZOOM, ZOOM_BITS = 5 };
enum { COLUMN_TILESET, COLUMN_Z, COLUMN_X, COLUMN_Y, COLUMN_CACHED, COLUMN_FETCHED_AT, COLUMN_BYTES, N_COLUMNS };

struct listing {
    struct mly_machine base;
    const struct mly_plan *plan;
    const struct mly_read_options *options;
    const char *tilesets[MAX_TILESETS];
    uint32_t n_tilesets;
    struct mly_cover_cursor cursor;
    struct mly_tile tile;
    uint32_t next; /* tileset of `tile`; n_tilesets: it is done with */
    struct mly_point corners[4];
    uint32_t ring_end;
    struct mly_value values[N_COLUMNS];
};

/* Those of the layers that a dataset lists, each once. */
static void list_tilesets(struct listing *l)
{
    for (uint32_t i = 0; i < mly_schema_count(); i++) {
        const struct mly_layer *layer = mly_schema_layer(i);
        const char *tileset = l->plan->computed && layer->computed_tileset ? layer->computed_tileset : layer->tileset;
        bool is_new = !layer->by_name_only && tileset && l->n_tilesets < MAX_TILESETS;
        for (uint32_t known = 0; is_new && known < l->n_tilesets; known++)
            is_new = strcmp(l->tilesets[known], tileset) != 0;
        if (is_new)
            l->tilesets[l->n_tilesets++] = tileset;
    }
}

static int64_t id_of(struct mly_tile tile, uint32_t tileset)
{
    const uint64_t place = ((uint64_t)tileset << ZOOM_BITS | tile.z) << TILE_BITS | tile.y;
    return (int64_t)(place << TILE_BITS | tile.x);
}

bool mly_listing_tile(int64_t id, struct mly_tile *out)
{
    const uint32_t mask = (1U << TILE_BITS) - 1;
    const uint64_t place = (uint64_t)id;
    *out = (struct mly_tile){.x = (uint32_t)place & mask,
                             .y = (uint32_t)(place >> TILE_BITS) & mask,
                             .z = (uint8_t)(place >> 2 * TILE_BITS & ((1U << ZOOM_BITS) - 1))};
    return id >= 0 && place >> (2 * TILE_BITS + ZOOM_BITS) < MAX_TILESETS && out->z <= MLY_LIMIT_ZOOM &&
           out->x >> out->z == 0 && out->y >> out->z == 0;
}

static struct mly_value integer(enum mly_type type, int64_t i)
{
    return (struct mly_value){.as.i = i, .type = type};
}

static enum mly_status fill_values(struct listing *l, const char *tileset, struct mly_error *err)
{
    struct mly_request request;
    struct mly_stored stored = {.is_fresh = false};
    MLY_TRY(mly_request_tile(l->options->tile_service, tileset, l->tile, &request, err));
    const bool is_known = l->options->stored && l->options->stored(l->options->stored_ctx, request.key, &stored);
    struct mly_value *v = l->values;
    v[COLUMN_TILESET] = (struct mly_value){.as.text = tileset, .n_bytes = (uint32_t)strlen(tileset), .type = MLY_TEXT};
    v[COLUMN_Z] = integer(MLY_INT, l->tile.z);
    v[COLUMN_X] = integer(MLY_INT, l->tile.x);
    v[COLUMN_Y] = integer(MLY_INT, l->tile.y);
    v[COLUMN_CACHED] = integer(MLY_BOOL, is_known && stored.is_fresh);
    v[COLUMN_FETCHED_AT] = integer(is_known ? MLY_TIME : MLY_NULL, stored.fetched_ms);
    v[COLUMN_BYTES] = integer(is_known ? MLY_INT : MLY_NULL, (int64_t)stored.n_bytes);
    return MLY_OK;
}

static void fill_corners(struct listing *l)
{
    const struct mly_box box = mly_tile_box(l->tile);
    const struct mly_point corners[4] = {
        {box.west, box.south}, {box.west, box.north}, {box.east, box.north}, {box.east, box.south}};
    memcpy(l->corners, corners, sizeof corners);
    l->ring_end = 4;
}

/* ---- the machine ---- */

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    (void)m;
    (void)out;
    (void)err;
    return MLY_AGAIN;
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    (void)m;
    (void)response;
    return mly_fail(err, MLY_E_ARG, "an answer nobody asked for");
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct listing *l = (struct listing *)m;
    for (;;) {
        if (l->next == l->n_tilesets) {
            if (!mly_cover_next(&l->plan->cover, &l->cursor, &l->tile, NULL))
                return MLY_DONE;
            l->next = 0;
            fill_corners(l);
        }
        const uint32_t tileset = l->next++;
        MLY_TRY(fill_values(l, l->tilesets[tileset], err));
        *out = (struct mly_row){
            .id = id_of(l->tile, tileset),
            .tile = l->tile,
            .points = l->corners,
            .part_ends = &l->ring_end,
            .n_parts = 1,
            .values = l->values,
        };
        if (!l->plan->filter || mly_expr_eval(l->plan->filter, out->id, out->values, UINT64_MAX) != MLY_NO)
            return MLY_OK;
    }
}

static void destroy(struct mly_machine *m)
{
    const struct mly_mem *mem = ((struct listing *)m)->options->mem;
    mem->release(mem->ctx, m);
}

enum mly_status mly_listing_new(const struct mly_plan *plan, const struct mly_read_options *options,
                                struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {.want = want, .feed = feed, .take = take, .destroy = destroy};
    struct listing *l = options->mem->alloc(options->mem->ctx, sizeof *l);
    if (!l)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *l = (struct listing){.base = {.vtbl = &vtbl}, .plan = plan, .options = options};
    list_tilesets(l);
    l->next = l->n_tilesets;
    *out = &l->base;
    return MLY_OK;
}
