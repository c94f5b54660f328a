/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <stdio.h>

#include "losses.h"
#include "request.h"

enum { MAX_READY = MLY_RING_MAX_SLOTS + 1 }; /* and the one that the ring makes ahead */

struct mly_fetch {
    struct mly_fetch_options options;
    struct mly_ring *ring;
    struct mly_hold_tile tile;         /* the one taken last, unless it is held */
    struct mly_held *held;             /* or this; NULL: neither */
    struct mly_held *ready[MAX_READY]; /* between the list and the taker, who comes by them in the list's order */
    uint32_t first_ready, n_ready;
    bool has_warned; /* that a tile is missing */
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

/* ---- tiles that are held ---- */

static struct mly_hold_name name_of(const struct mly_fetch_options *options, struct mly_tile tile)
{
    return (struct mly_hold_name){
        .scope = options->read->hold_scope, .tileset = options->tileset, .layer = options->layer, .tile = tile};
}

static uint64_t now_ms(const struct mly_fetch *fetch)
{
    const struct mly_clock *clock = fetch->options.read->clock;
    return clock->now_ms(clock->ctx);
}

static bool find_ready(struct mly_fetch *fetch, struct mly_tile tile)
{
    const struct mly_read_options *read = fetch->options.read;
    if (!read->hold)
        return false;
    const struct mly_hold_name name = name_of(&fetch->options, tile);
    struct mly_held *held = mly_hold_get(read->hold, &name, now_ms(fetch), read->hold_max_age_ms);
    if (held)
        fetch->ready[(fetch->first_ready + fetch->n_ready++) % MAX_READY] = held;
    return held != NULL;
}

static struct mly_held *next_ready(struct mly_fetch *fetch)
{
    struct mly_held *held = fetch->ready[fetch->first_ready];
    fetch->first_ready = (fetch->first_ready + 1) % MAX_READY;
    fetch->n_ready--;
    return held;
}

/* Leaves the tile taken last to others. If it is not kept, it stays here until the next one. */
static void share(struct mly_fetch *fetch, const struct mly_ring_answer *answer)
{
    const struct mly_hold_name name = name_of(&fetch->options, tile_of(answer->tag));
    fetch->held = mly_hold_put(fetch->options.read->hold, &name, &fetch->tile, answer->said_ms);
}

/* A tile that is shared takes its memory with it, and no more than it needs. */
static void release_tile(struct mly_fetch *fetch)
{
    const struct mly_read_options *read = fetch->options.read;
    mly_buf_fini(&fetch->tile.body);
    if (!read->hold) {
        mly_arena_reset(&fetch->tile.arena);
        return;
    }
    mly_hold_drop(read->hold, fetch->held);
    fetch->held = NULL;
    mly_arena_fini(&fetch->tile.arena);
    mly_arena_init(&fetch->tile.arena, read->mem, MLY_LIMIT_TILE_MEMORY);
}

/* ---- the machine ---- */

static enum mly_status next_request(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err)
{
    struct mly_fetch *fetch = ctx;
    const struct mly_fetch_options *options = &fetch->options;
    struct mly_tile tile;
    if (!options->next(options->next_ctx, &tile))
        return MLY_DONE;
    *tag = tag_of(tile);
    if (!find_ready(fetch, tile))
        return mly_request_tile(options->read->tile_service, options->tileset, tile, out, err);
    *out = (struct mly_request){.kind = MLY_REQUEST_NONE};
    return MLY_OK;
}

enum mly_status mly_fetch_new(const struct mly_fetch_options *options, struct mly_fetch **out, struct mly_error *err)
{
    const struct mly_read_options *read = options->read;
    const struct mly_mem *mem = read->mem;
    struct mly_fetch *fetch = mem->alloc(mem->ctx, sizeof *fetch);
    if (!fetch)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *fetch = (struct mly_fetch){.options = *options};
    mly_arena_init(&fetch->tile.arena, mem, MLY_LIMIT_TILE_MEMORY);
    const struct mly_ring_options ring = {
        .mem = mem,
        .max_in_flight = read->is_folder ? 1 : read->max_in_flight, /* files are there when they are needed */
        .lane = options->lane,
        .takes_all = true, /* to remember what is empty, and to count */
        .clock = read->hold ? read->clock : NULL,
        .losses = read->losses,
        .next = next_request,
        .next_ctx = fetch,
        .debug = read->debug,
        .debug_ctx = read->debug_ctx,
        .held_bytes = read->held_bytes,
    };
    const enum mly_status status = mly_ring_new(&ring, &fetch->ring, err);
    if (status < 0) {
        mly_fetch_free(fetch);
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

static enum mly_status decode(struct mly_fetch *fetch, struct mly_span body, struct mly_tile tile,
                              struct mly_error *err)
{
    struct mly_mvt *mvt = NULL;
    MLY_TRY(mly_mvt_open(body, tile, fetch->options.layer, &fetch->tile.arena, &mvt, err));
    fetch->tile.mvt = mvt;
    if (mly_mvt_outside(mvt) > 0)
        mly_ring_debug(fetch->ring, "has points beyond its border, left to its neighbours");
    return MLY_OK;
}

/* Of a decoded tile with its body: tiles were seen to take 2 to 2.5 times their bytes in all. */
static size_t expected_bytes(const struct mly_buf *body)
{
    return body->capacity + body->size / 2 * 3;
}

/* MLY_AGAIN: it will be asked for once more. */
static enum mly_status take_body(struct mly_fetch *fetch, const struct mly_ring_answer *answer,
                                 const struct mly_mvt **out, struct mly_error *err)
{
    const struct mly_tile tile = tile_of(answer->tag);
    mly_ring_move(fetch->ring, &fetch->tile.body);
    if (fetch->options.read->hold)
        mly_hold_make_way(fetch->options.read->hold, expected_bytes(&fetch->tile.body));
    const enum mly_status status = decode(fetch, answer->body, tile, err);
    if (status < 0) {
        release_tile(fetch);
        return mly_ring_refuse(fetch->ring, status, err);
    }
    *out = fetch->tile.mvt;
    if (fetch->options.read->hold)
        share(fetch, answer);
    return MLY_OK;
}

/* There is nothing to give, but to remember; what is missing may be there soon (API.md 1.4). Without memory it is not
 * remembered. */
static void note_empty(struct mly_fetch *fetch, const struct mly_ring_answer *answer)
{
    char text[192];
    const struct mly_tile tile = tile_of(answer->tag);
    const struct mly_read_options *read = fetch->options.read;
    if (answer->is_missing && !read->is_folder && read->warn && !fetch->has_warned) {
        fetch->has_warned = true;
        (void)snprintf(
            text, sizeof text,
            "tile %s/%u/%u/%u: HTTP 404, taken as empty; it may have data later, so repeat the read to be sure",
            fetch->options.tileset, tile.z, tile.x, tile.y);
        read->warn(read->debug_ctx, text);
    }
    if (fetch->options.read->hold && !answer->is_missing &&
        decode(fetch, (struct mly_span){.data = NULL}, tile, NULL) == MLY_OK)
        share(fetch, answer);
}

/* What an answer holds: MLY_OK, and a tile if there is something in it. MLY_AGAIN: it will be asked for once more. */
static enum mly_status open_answer(struct mly_fetch *fetch, const struct mly_ring_answer *answer,
                                   const struct mly_mvt **out, struct mly_error *err)
{
    switch (answer->kind) {
    case MLY_ANSWER_BODY:
        return take_body(fetch, answer, out, err);
    case MLY_ANSWER_READY:
        fetch->held = next_ready(fetch);
        *out = mly_hold_mvt(fetch->held);
        break;
    case MLY_ANSWER_EMPTY:
        note_empty(fetch, answer);
        break;
    case MLY_ANSWER_LOST:
    case MLY_ANSWER_TOO_MUCH:
        return mly_ring_give_up(fetch->ring, err);
    }
    return MLY_OK;
}

/* MLY_OK: the read goes on without the tile. */
static enum mly_status lose(struct mly_fetch *fetch, struct mly_tile tile, const struct mly_error *why,
                            struct mly_error *err)
{
    const struct mly_fetch_options *options = &fetch->options;
    const enum mly_loss what = options->lost ? MLY_LOSS_MADE_GOOD : MLY_LOSS_TILE;
    MLY_TRY(mly_losses_bear(options->read, what, why, options->loss, err));
    return options->lost ? options->lost(options->next_ctx, tile) : MLY_OK;
}

enum mly_status mly_fetch_take(struct mly_fetch *fetch, const struct mly_mvt **out, struct mly_error *err)
{
    for (;;) {
        const struct mly_mvt *mvt = NULL;
        struct mly_ring_answer answer;
        struct mly_error why = {.code = MLY_OK};
        release_tile(fetch);
        enum mly_status status = mly_ring_take(fetch->ring, &answer, err);
        if (status != MLY_OK)
            return status;
        status = open_answer(fetch, &answer, &mvt, &why);
        if (status == MLY_AGAIN)
            continue;
        if (status < 0)
            MLY_TRY(lose(fetch, tile_of(answer.tag), &why, err));
        mly_progress_step(fetch->options.read->progress);
        if (mvt && (answer.kind == MLY_ANSWER_BODY || mly_mvt_count(mvt) > 0)) {
            *out = mvt;
            return MLY_OK;
        }
    }
}

void mly_fetch_free(struct mly_fetch *fetch)
{
    if (!fetch)
        return;
    release_tile(fetch);
    while (fetch->n_ready > 0)
        mly_hold_drop(fetch->options.read->hold, next_ready(fetch));
    mly_ring_free(fetch->ring);
    mly_arena_fini(&fetch->tile.arena);
    const struct mly_mem *mem = fetch->options.read->mem;
    mem->release(mem->ctx, fetch);
}
