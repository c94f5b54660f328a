/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include "request.h"

struct mly_fetch {
    struct mly_fetch_options options;
    struct mly_ring *ring;
    struct mly_arena arena; /* the tile taken last, decoded */
};

/* A tile in the ring's tag. */
static uint64_t tag_of(struct mly_tile tile)
{
    return (uint64_t)tile.z << 56 | (uint64_t)tile.y << 28 | tile.x;
}

static struct mly_tile tile_of(uint64_t tag)
{
    const uint32_t mask = (UINT32_C(1) << 28) - 1;
    return (struct mly_tile){.x = (uint32_t)tag & mask, .y = (uint32_t)(tag >> 28) & mask, .z = (uint8_t)(tag >> 56)};
}

static enum mly_status next_request(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err)
{
    const struct mly_fetch_options *options = &((struct mly_fetch *)ctx)->options;
    struct mly_tile tile;
    if (!options->next(options->next_ctx, &tile))
        return MLY_DONE;
    *tag = tag_of(tile);
    return mly_request_tile(options->service, options->tileset, tile, out, err);
}

enum mly_status mly_fetch_new(const struct mly_fetch_options *options, struct mly_fetch **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct mly_fetch *fetch = mem->alloc(mem->ctx, sizeof *fetch);
    if (!fetch)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *fetch = (struct mly_fetch){.options = *options};
    mly_arena_init(&fetch->arena, mem, MLY_LIMIT_TILE_MEMORY);
    const struct mly_ring_options ring = {
        .mem = mem,
        .max_in_flight = options->max_in_flight,
        .lane = options->lane,
        .next = next_request,
        .next_ctx = fetch,
        .debug = options->debug,
        .debug_ctx = options->debug_ctx,
    };
    const enum mly_status status = mly_ring_new(&ring, &fetch->ring, err);
    if (status < 0) {
        mem->release(mem->ctx, fetch);
        return status;
    }
    *out = fetch;
    return MLY_OK;
}

enum mly_status mly_fetch_want(struct mly_fetch *fetch, struct mly_request *out, struct mly_error *err)
{
    return mly_ring_want(fetch->ring, out, err);
}

enum mly_status mly_fetch_feed(struct mly_fetch *fetch, struct mly_response *response, struct mly_error *err)
{
    return mly_ring_feed(fetch->ring, response, err);
}

enum mly_status mly_fetch_take(struct mly_fetch *fetch, struct mly_mvt **out, struct mly_error *err)
{
    for (;;) {
        struct mly_ring_answer answer;
        mly_arena_reset(&fetch->arena);
        enum mly_status status = mly_ring_take(fetch->ring, &answer, err);
        if (status != MLY_OK)
            return status;
        status = mly_mvt_open(answer.body, tile_of(answer.tag), fetch->options.layer, &fetch->arena, out, err);
        if (status < 0) {
            status = mly_ring_refuse(fetch->ring, status, err);
            if (status != MLY_AGAIN)
                return status;
            continue;
        }
        if (mly_mvt_outside(*out) > 0)
            mly_ring_debug(fetch->ring, "has points beyond its border, left to its neighbours");
        return MLY_OK;
    }
}

void mly_fetch_free(struct mly_fetch *fetch)
{
    if (!fetch)
        return;
    mly_ring_free(fetch->ring);
    mly_arena_fini(&fetch->arena);
    fetch->options.mem->release(fetch->options.mem->ctx, fetch);
}
