/* SPDX-License-Identifier: MIT */
#include "tiles.h"

struct mly_tiles {
    const struct mly_mem *mem;
    const struct mly_plan *plan;
    struct mly_cover_cursor cursor;
    struct mly_fetch *fetch;
    struct mly_mvt *mvt; /* of which rows are being given; NULL between tiles */
    uint32_t row;
    struct mly_mvt_space space;
};

static bool next_tile(void *ctx, struct mly_tile *out)
{
    struct mly_tiles *tiles = ctx;
    return mly_cover_next(&tiles->plan->cover, &tiles->cursor, out, NULL);
}

enum mly_status mly_tiles_new(const struct mly_plan *plan, const struct mly_tiles_options *options,
                              struct mly_tiles **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct mly_tiles *tiles = mem->alloc(mem->ctx, sizeof *tiles);
    if (!tiles)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *tiles = (struct mly_tiles){.mem = mem, .plan = plan};
    const struct mly_fetch_options fetch = {
        .mem = mem,
        .layer = plan->layer,
        .service = options->service,
        .tileset = plan->tileset,
        .max_in_flight = options->max_in_flight,
        .next = next_tile,
        .next_ctx = tiles,
        .debug = options->debug,
        .debug_ctx = options->debug_ctx,
    };
    const enum mly_status status = mly_fetch_new(&fetch, &tiles->fetch, err);
    if (status < 0) {
        mem->release(mem->ctx, tiles);
        return status;
    }
    *out = tiles;
    return MLY_OK;
}

enum mly_status mly_tiles_want(struct mly_tiles *tiles, struct mly_request *out, struct mly_error *err)
{
    return mly_fetch_want(tiles->fetch, out, err);
}

enum mly_status mly_tiles_feed(struct mly_tiles *tiles, struct mly_response *response, struct mly_error *err)
{
    return mly_fetch_feed(tiles->fetch, response, err);
}

enum mly_status mly_tiles_take(struct mly_tiles *tiles, struct mly_row *out, struct mly_error *err)
{
    while (!tiles->mvt || tiles->row == mly_mvt_count(tiles->mvt)) {
        tiles->mvt = NULL;
        tiles->row = 0;
        const enum mly_status status = mly_fetch_take(tiles->fetch, &tiles->mvt, err);
        if (status != MLY_OK)
            return status;
    }
    mly_mvt_row(tiles->mvt, tiles->row++, &tiles->space, out);
    return MLY_OK;
}

void mly_tiles_free(struct mly_tiles *tiles)
{
    if (!tiles)
        return;
    mly_fetch_free(tiles->fetch);
    tiles->mem->release(tiles->mem->ctx, tiles);
}
