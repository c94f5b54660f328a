/* SPDX-License-Identifier: MIT */
#include "tiles.h"

#include <string.h>

#include "mvt.h"
#include "sieve.h"

struct tiles {
    struct mly_machine base;
    struct mly_read_options options;
    const struct mly_plan *plan;
    struct mly_cover_cursor cursor, taken; /* the tiles asked for, and those whose rows are being given */
    struct mly_fetch *fetch;
    const struct mly_mvt *mvt; /* of which rows are being given; NULL between tiles */
    struct mly_arena arena;    /* of its sieve */
    struct mly_sieve *sieve;
    bool is_inside;
    uint32_t row;                   /* of the tile, to be looked at next */
    uint32_t found[MLY_BLOCK_ROWS]; /* those that the sieve lets pass */
    uint32_t n_ready, n_given;
    struct mly_row ready[MLY_ROW_SPACES]; /* of those, when rows are given one by one */
    struct mly_row_spaces spaces;
};

static bool next_tile(void *ctx, struct mly_tile *out)
{
    struct tiles *tiles = ctx;
    return mly_cover_next(&tiles->plan->cover, &tiles->cursor, out, NULL);
}

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    return mly_fetch_want(((struct tiles *)m)->fetch, out, err);
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    return mly_fetch_feed(((struct tiles *)m)->fetch, response, err);
}

/* Tiles are taken in the order of the cover, but for empty ones. */
static bool is_inside(struct tiles *tiles, struct mly_tile tile)
{
    struct mly_tile at = {.z = 0};
    bool inside = false;
    while (mly_cover_next(&tiles->plan->cover, &tiles->taken, &at, &inside)) {
        if (at.x == tile.x && at.y == tile.y)
            return inside;
    }
    return false;
}

static enum mly_status open_tile(struct tiles *tiles, struct mly_error *err)
{
    tiles->mvt = NULL;
    tiles->row = 0;
    const enum mly_status status = mly_fetch_take(tiles->fetch, &tiles->mvt, err);
    if (status != MLY_OK)
        return status;
    tiles->is_inside = is_inside(tiles, mly_mvt_tile(tiles->mvt));
    mly_arena_reset(&tiles->arena);
    return mly_sieve_open(tiles->plan->filter, tiles->mvt, &tiles->arena, &tiles->sieve, err);
}

static uint32_t find_rows(struct tiles *tiles, uint32_t max)
{
    const uint32_t end = tiles->mvt ? mly_mvt_count(tiles->mvt) : 0;
    uint32_t n = 0;
    const bool passes = !tiles->plan->filter;
    while (tiles->row < end && n < max) {
        const uint32_t row = tiles->row++;
        if (passes || mly_sieve_test(tiles->sieve, row) != MLY_NO)
            tiles->found[n++] = row;
    }
    return n;
}

/* At least one row, of the tile at hand or of the next one that has any. */
static enum mly_status next_rows(struct tiles *tiles, uint32_t max, uint32_t *n, struct mly_error *err)
{
    while ((*n = find_rows(tiles, max)) == 0) {
        const enum mly_status status = open_tile(tiles, err);
        if (status != MLY_OK)
            return status;
    }
    return MLY_OK;
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct tiles *tiles = (struct tiles *)m;
    if (tiles->n_given == tiles->n_ready) {
        tiles->n_given = tiles->n_ready = 0;
        const enum mly_status status = next_rows(tiles, MLY_ROW_SPACES, &tiles->n_ready, err);
        if (status != MLY_OK)
            return status;
        mly_mvt_rows(tiles->mvt, tiles->found, tiles->n_ready, &tiles->spaces, tiles->ready);
    }
    *out = tiles->ready[tiles->n_given++];
    out->is_inside = tiles->is_inside;
    return MLY_OK;
}

/* What take has found, but not given, comes first. */
static enum mly_status block(struct mly_machine *m, uint32_t max, struct mly_block *out, struct mly_error *err)
{
    struct tiles *tiles = (struct tiles *)m;
    const uint32_t first = tiles->n_given;
    uint32_t n = tiles->n_ready - first;
    if (n > 0) {
        n = n < max ? n : max;
        tiles->n_given += n;
    } else {
        const enum mly_status status = next_rows(tiles, max < MLY_BLOCK_ROWS ? max : MLY_BLOCK_ROWS, &n, err);
        if (status != MLY_OK)
            return status;
        tiles->n_given = tiles->n_ready = 0;
    }
    *out = (struct mly_block){
        .mvt = tiles->mvt, .rows = tiles->found + (tiles->n_ready ? first : 0), .n = n, .is_inside = tiles->is_inside};
    return MLY_OK;
}

static void destroy(struct mly_machine *m)
{
    struct tiles *tiles = (struct tiles *)m;
    mly_fetch_free(tiles->fetch);
    mly_arena_fini(&tiles->arena);
    const struct mly_mem *mem = tiles->options.mem;
    mem->release(mem->ctx, tiles);
}

enum mly_status mly_tiles_new(const struct mly_plan *plan, const struct mly_read_options *options,
                              struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {
        .want = want, .feed = feed, .take = take, .block = block, .destroy = destroy};
    const struct mly_mem *mem = options->mem;
    struct tiles *tiles = mem->alloc(mem->ctx, sizeof *tiles);
    if (!tiles)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    memset(tiles, 0, sizeof *tiles);
    tiles->base.vtbl = &vtbl;
    tiles->options = *options;
    tiles->plan = plan;
    mly_arena_init(&tiles->arena, mem, MLY_LIMIT_TILE_MEMORY);
    const struct mly_fetch_options fetch = {
        .read = &tiles->options,
        .layer = plan->layer,
        .tileset = plan->tileset,
        .next = next_tile,
        .next_ctx = tiles,
        .loss = "its rows are missing",
    };
    const enum mly_status status = mly_fetch_new(&fetch, &tiles->fetch, err);
    if (status < 0) {
        mem->release(mem->ctx, tiles);
        return status;
    }
    *out = &tiles->base;
    return MLY_OK;
}
