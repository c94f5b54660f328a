/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <stdio.h>

#include "losses.h"
#include "request.h"

enum { MAX_READY = MLY_RING_MAX_SLOTS + 1 }; /* and the one that the ring makes ahead */

/* A smaller tile takes less time to open than to hand to somebody else. */
enum { MIN_AHEAD_BYTES = 32 << 10 };

/* A tile on its way from an answer to the taker. */
struct opening {
    struct mly_job job;
    const struct mly_layer *layer;
    struct mly_tile place;
    struct mly_hold_tile tile;
    struct mly_mvt *mvt;
    enum mly_status status;
    struct mly_error why;
    bool is_begun;             /* and not adopted nor refused */
    struct mly_worker *worker; /* who may still have it in hands */
};

struct mly_fetch {
    struct mly_fetch_options options;
    struct mly_ring *ring;
    struct mly_hold_tile tile;    /* the one given last, unless it is held */
    struct mly_held *held;        /* or this; NULL: neither */
    bool is_giving;               /* rows are being read of either */
    enum mly_status early_status; /* of the answer that was taken before its turn; MLY_AGAIN: none was */
    struct mly_ring_answer early;
    struct mly_error early_why;
    struct opening next;               /* of the answer taken last */
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

/* Leaves the tile given last to others. If it is not kept, it stays here until the next one. */
static void share(struct mly_fetch *fetch, const struct mly_ring_answer *answer)
{
    const struct mly_hold_name name = name_of(&fetch->options, tile_of(answer->tag));
    fetch->held = mly_hold_put(fetch->options.read->hold, &name, &fetch->tile, answer->said_ms);
}

/* A tile that is shared takes its memory with it, and no more than it needs. */
static void empty_tile(const struct mly_fetch *fetch, struct mly_hold_tile *tile)
{
    const struct mly_read_options *read = fetch->options.read;
    mly_buf_fini(&tile->body);
    if (!read->hold) {
        mly_arena_reset(&tile->arena);
        return;
    }
    mly_arena_fini(&tile->arena);
    mly_arena_init(&tile->arena, read->mem, MLY_LIMIT_TILE_MEMORY);
}

static void release_tile(struct mly_fetch *fetch)
{
    if (fetch->held)
        mly_hold_drop(fetch->options.read->hold, fetch->held);
    fetch->held = NULL;
    empty_tile(fetch, &fetch->tile);
}

/* ---- opening ---- */

static void open_tile(struct mly_job *job)
{
    struct opening *next = (struct opening *)job;
    next->status = mly_mvt_open(mly_buf_view(&next->tile.body), next->place, next->layer, &next->tile.arena, &next->mvt,
                                &next->why);
}

/* Of a decoded tile with its body: tiles were seen to take 2 to 2.5 times their bytes in all. */
static size_t expected_bytes(const struct mly_buf *body)
{
    return body->capacity + body->size / 2 * 3;
}

/* Opens the body of the answer taken last. */
static void begin_opening(struct mly_fetch *fetch, const struct mly_ring_answer *answer, struct mly_worker *worker)
{
    struct opening *next = &fetch->next;
    mly_ring_move(fetch->ring, &next->tile.body);
    if (fetch->options.read->hold)
        mly_hold_make_way(fetch->options.read->hold, expected_bytes(&next->tile.body));
    next->place = tile_of(answer->tag);
    next->is_begun = true;
    next->worker = worker;
    mly_worker_begin(worker, &next->job);
}

/* What the worker had in hands when the process forked stays as it is: it may be half done. */
static void abandon_opening(struct mly_fetch *fetch)
{
    fetch->next.tile = (struct mly_hold_tile){.mvt = NULL};
    mly_arena_init(&fetch->next.tile.arena, fetch->options.read->mem, MLY_LIMIT_TILE_MEMORY);
    fetch->next.status = mly_fail(&fetch->next.why, MLY_E_ARG,
                                  "the program has forked since this read began, and a tile that was being opened "
                                  "stays with the parent; begin the read anew");
}

static void end_opening(struct mly_fetch *fetch)
{
    if (fetch->next.worker && !mly_worker_end(fetch->next.worker, &fetch->next.job))
        abandon_opening(fetch);
    fetch->next.worker = NULL;
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

/* Files are there when they are needed. Where another thread reads them, several small ones are handed over at once. */
static uint32_t max_in_flight(const struct mly_read_options *read)
{
    return read->is_folder && !read->worker ? 1 : read->max_in_flight;
}

enum mly_status mly_fetch_new(const struct mly_fetch_options *options, struct mly_fetch **out, struct mly_error *err)
{
    const struct mly_read_options *read = options->read;
    const struct mly_mem *mem = read->mem;
    struct mly_fetch *fetch = mem->alloc(mem->ctx, sizeof *fetch);
    if (!fetch)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *fetch = (struct mly_fetch){
        .options = *options, .early_status = MLY_AGAIN, .next = {.job = {.run = open_tile}, .layer = options->layer}};
    mly_arena_init(&fetch->tile.arena, mem, MLY_LIMIT_TILE_MEMORY);
    mly_arena_init(&fetch->next.tile.arena, mem, MLY_LIMIT_TILE_MEMORY);
    const struct mly_ring_options ring = {
        .mem = mem,
        .max_in_flight = max_in_flight(read),
        .lane = options->lane,
        .takes_all = true, /* to remember what is empty, and to count */
        .clock = read->hold ? read->clock : NULL,
        .losses = read->losses,
        .next = next_request,
        .next_ctx = fetch,
        .debug = read->debug,
        .debug_ctx = read->debug_ctx,
        .max_held_bytes = read->is_folder ? MLY_LIMIT_HELD_FILES_BYTES : MLY_LIMIT_HELD_BYTES,
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

/* What was opened becomes the tile to be given; its memory changes places with that of the one before. */
static void adopt_next(struct mly_fetch *fetch)
{
    const struct mly_hold_tile spare = fetch->tile;
    fetch->tile = fetch->next.tile;
    fetch->tile.mvt = fetch->next.mvt;
    fetch->next.tile = spare;
    if (mly_mvt_outside(fetch->tile.mvt) > 0)
        mly_ring_debug(fetch->ring, "has points beyond its border, left to its neighbours");
}

/* MLY_AGAIN: it will be asked for once more. */
static enum mly_status take_body(struct mly_fetch *fetch, const struct mly_ring_answer *answer,
                                 const struct mly_mvt **out, struct mly_error *err)
{
    if (!fetch->next.is_begun)
        begin_opening(fetch, answer, NULL);
    end_opening(fetch);
    fetch->next.is_begun = false;
    if (fetch->next.status < 0) {
        if (err)
            *err = fetch->next.why;
        empty_tile(fetch, &fetch->next.tile);
        return mly_ring_refuse(fetch->ring, fetch->next.status, err);
    }
    adopt_next(fetch);
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
    struct mly_mvt *none = NULL;
    if (!read->hold || answer->is_missing ||
        mly_mvt_open((struct mly_span){.data = NULL}, tile, fetch->options.layer, &fetch->tile.arena, &none, NULL) < 0)
        return;
    fetch->tile.mvt = none;
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

/* Takes the next answer before its turn, so that a tile is opened while rows of the one before it are read. */
static void look_ahead(struct mly_fetch *fetch)
{
    const struct mly_read_options *read = fetch->options.read;
    if (!read->worker || !fetch->is_giving || fetch->early_status != MLY_AGAIN)
        return;
    fetch->early_status = mly_ring_take(fetch->ring, &fetch->early, &fetch->early_why);
    if (fetch->early_status == MLY_OK && fetch->early.kind == MLY_ANSWER_BODY &&
        fetch->early.body.size >= MIN_AHEAD_BYTES && fetch->early.body.size <= MLY_LIMIT_AHEAD_BYTES)
        begin_opening(fetch, &fetch->early, read->worker);
}

static enum mly_status take_answer(struct mly_fetch *fetch, struct mly_ring_answer *out, struct mly_error *err)
{
    const enum mly_status early = fetch->early_status;
    if (early == MLY_AGAIN)
        return mly_ring_take(fetch->ring, out, err);
    fetch->early_status = MLY_AGAIN;
    *out = fetch->early;
    if (early < 0 && err)
        *err = fetch->early_why;
    return early;
}

enum mly_status mly_fetch_feed(struct mly_fetch *fetch, struct mly_response *response, struct mly_error *err)
{
    MLY_TRY(mly_ring_feed(fetch->ring, response, err));
    look_ahead(fetch);
    return MLY_OK;
}

enum mly_status mly_fetch_take(struct mly_fetch *fetch, const struct mly_mvt **out, struct mly_error *err)
{
    fetch->is_giving = false;
    for (;;) {
        const struct mly_mvt *mvt = NULL;
        struct mly_ring_answer answer;
        struct mly_error why = {.code = MLY_OK};
        release_tile(fetch);
        enum mly_status status = take_answer(fetch, &answer, err);
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
            fetch->is_giving = true;
            look_ahead(fetch);
            return MLY_OK;
        }
    }
}

void mly_fetch_free(struct mly_fetch *fetch)
{
    if (!fetch)
        return;
    end_opening(fetch);
    release_tile(fetch);
    while (fetch->n_ready > 0)
        mly_hold_drop(fetch->options.read->hold, next_ready(fetch));
    mly_ring_free(fetch->ring);
    empty_tile(fetch, &fetch->next.tile);
    mly_arena_fini(&fetch->next.tile.arena);
    mly_arena_fini(&fetch->tile.arena);
    const struct mly_mem *mem = fetch->options.read->mem;
    mem->release(mem->ctx, fetch);
}
