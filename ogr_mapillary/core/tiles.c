/* SPDX-License-Identifier: MIT */
#include "tiles.h"

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
    uint32_t row;
    struct mly_mvt_space space;
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

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct tiles *tiles = (struct tiles *)m;
    for (;;) {
        while (!tiles->mvt || tiles->row == mly_mvt_count(tiles->mvt)) {
            const enum mly_status status = open_tile(tiles, err);
            if (status != MLY_OK)
                return status;
        }
        const uint32_t row = tiles->row++;
        if (mly_sieve_test(tiles->sieve, row) == MLY_NO)
            continue;
        mly_mvt_row(tiles->mvt, row, &tiles->space, out);
        out->is_inside = tiles->is_inside;
        return MLY_OK;
    }
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
    static const struct mly_machine_vtbl vtbl = {.want = want, .feed = feed, .take = take, .destroy = destroy};
    const struct mly_mem *mem = options->mem;
    struct tiles *tiles = mem->alloc(mem->ctx, sizeof *tiles);
    if (!tiles)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *tiles = (struct tiles){.base = {.vtbl = &vtbl}, .options = *options, .plan = plan};
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
