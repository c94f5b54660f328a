/* SPDX-License-Identifier: MIT */
#include "sequences.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "losses.h"
#include "stitch.h"

enum phase { PHASE_COVER, PHASE_FOLLOW, PHASE_GIVE };

struct sequences {
    struct mly_machine base;
    struct mly_read_options options;
    const struct mly_plan *plan;
    enum phase phase;
    struct mly_cover_cursor cursor;
    struct mly_fetch *fetch;
    struct mly_stitch *stitch;
    struct mly_buf visited;    /* of uint64_t, tile keys, sorted */
    struct mly_buf ahead;      /* likewise: the tiles of the next round */
    size_t n_listed;           /* of them, in this round */
    uint32_t next;             /* sequence to give */
    const struct mly_mvt *mvt; /* pieces: the tile of which rows are being given */
    uint32_t row;
    struct mly_buf points, ends; /* pieces: the row's lines */
    struct mly_tile_latitudes latitudes;
    struct mly_row_space space;
};

/* ---- sets of tiles ---- */

static uint64_t key_of(struct mly_tile tile)
{
    return (uint64_t)tile.y << 32 | tile.x;
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t l = *(const uint64_t *)a, r = *(const uint64_t *)b;
    return (l > r) - (l < r);
}

static uint64_t *keys_of(const struct mly_buf *set)
{
    return (void *)set->data;
}

static size_t n_keys(const struct mly_buf *set)
{
    return set->size / sizeof(uint64_t);
}

static void sort_keys(struct mly_buf *set)
{
    if (set->size == 0)
        return;
    qsort(set->data, n_keys(set), sizeof(uint64_t), compare_keys);
    uint64_t *keys = keys_of(set);
    size_t n = 1;
    for (size_t i = 1; i < n_keys(set); i++) {
        if (keys[i] != keys[n - 1])
            keys[n++] = keys[i];
    }
    set->size = n * sizeof *keys;
}

static bool is_visited(const struct sequences *s, uint64_t key)
{
    return s->visited.size && bsearch(&key, s->visited.data, n_keys(&s->visited), sizeof key, compare_keys) != NULL;
}

/* ---- lists of tiles, for the fetch ---- */

static bool next_covered(void *ctx, struct mly_tile *out)
{
    struct sequences *s = ctx;
    return mly_cover_next(&s->plan->cover, &s->cursor, out, NULL);
}

static bool next_ahead(void *ctx, struct mly_tile *out)
{
    struct sequences *s = ctx;
    if (s->n_listed == n_keys(&s->ahead))
        return false;
    const uint64_t key = keys_of(&s->ahead)[s->n_listed++];
    *out = (struct mly_tile){.x = (uint32_t)key, .y = (uint32_t)(key >> 32), .z = s->plan->cover.zoom};
    return true;
}

/* What the rows are without a tile. */
static const char *loss(const struct sequences *s)
{
    if (s->plan->stitch == MLY_STITCH_NO)
        return "its pieces of sequences are missing";
    return s->phase == PHASE_FOLLOW ? "sequences that run into it are cut at its border"
                                    : "sequences that run through it may be cut at its border, or missing";
}

static enum mly_status start_fetch(struct sequences *s, mly_fetch_next_fn *next, struct mly_error *err)
{
    const struct mly_fetch_options options = {
        .read = &s->options,
        .layer = s->plan->layer,
        .tileset = s->plan->tileset,
        .next = next,
        .next_ctx = s,
        .loss = loss(s),
    };
    mly_fetch_free(s->fetch);
    s->fetch = NULL;
    return mly_fetch_new(&options, &s->fetch, err);
}

static void debug(const struct sequences *s, const char *what, uint64_t n)
{
    char text[96];
    if (!s->options.debug)
        return;
    (void)snprintf(text, sizeof text, "%s: %s: %" PRIu64, s->plan->layer->name, what, n);
    s->options.debug(s->options.debug_ctx, text);
}

static void debug_size(const struct sequences *s)
{
    const struct mly_stitch_size size = mly_stitch_measure(s->stitch);
    debug(s, "sequences held", size.n_sequences);
    debug(s, "vertices held", size.n_vertices);
    debug(s, "bytes held", size.n_bytes);
}

/* ---- following ---- */

static enum mly_status look_ahead(void *ctx, struct mly_tile tile)
{
    struct sequences *s = ctx;
    const uint64_t key = key_of(tile);
    return is_visited(s, key) ? MLY_OK : mly_buf_append(&s->ahead, &key, sizeof key);
}

/* The host's filters decide which sequences are worth following. */
static enum mly_status drop_unwanted(struct sequences *s, struct mly_error *err)
{
    const uint32_t n = mly_stitch_count(s->stitch);
    for (uint32_t i = 0; s->options.keep && i < n; i++) {
        struct mly_row row;
        MLY_TRY(mly_stitch_row(s->stitch, i, &row, err));
        if (!s->options.keep(s->options.keep_ctx, &row))
            mly_stitch_drop(s->stitch, i);
    }
    return MLY_OK;
}

static enum mly_status remember_cover(struct sequences *s, struct mly_error *err)
{
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_tile tile;
    while (mly_cover_next(&s->plan->cover, &cursor, &tile, NULL)) {
        const uint64_t key = key_of(tile);
        const enum mly_status status = mly_buf_append(&s->visited, &key, sizeof key);
        if (status < 0)
            return mly_fail(err, status, "out of memory for the list of tiles");
    }
    sort_keys(&s->visited);
    return MLY_OK;
}

static enum mly_status list_ahead(struct sequences *s, struct mly_error *err)
{
    const uint32_t n = mly_stitch_count(s->stitch);
    s->ahead.size = s->n_listed = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!mly_stitch_is_kept(s->stitch, i))
            continue;
        const enum mly_status status = mly_stitch_neighbours(s->stitch, i, look_ahead, s);
        if (status < 0)
            return mly_fail(err, status, "out of memory for the list of tiles");
        if (i % 64 == 0) /* keeps the list short while many sequences name the same tiles */
            sort_keys(&s->ahead);
    }
    sort_keys(&s->ahead);
    return MLY_OK;
}

static enum mly_status check_budget(const struct sequences *s, struct mly_error *err)
{
    const uint64_t n = n_keys(&s->visited) + n_keys(&s->ahead);
    if (n <= s->plan->max_tiles)
        return MLY_OK;
    return mly_fail(err, MLY_E_LIMIT,
                    "%s: following the sequences out of the area needs at least %" PRIu64 " tiles and MAX_TILES allows "
                    "%" PRIu64 ". Set the open option STITCH=AREA to join only what the area holds, or MAX_TILES (or "
                    "MAPILLARY_MAX_TILES) higher",
                    s->plan->layer->name, n, s->plan->max_tiles);
}

/* One round: the tiles behind the borders at which kept sequences end. None left: they are whole. */
static enum mly_status follow(struct sequences *s, struct mly_error *err)
{
    MLY_TRY(list_ahead(s, err));
    if (s->ahead.size == 0) {
        s->phase = PHASE_GIVE;
        return MLY_OK;
    }
    MLY_TRY(check_budget(s, err));
    if (mly_buf_append(&s->visited, s->ahead.data, s->ahead.size) < 0)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the list of tiles");
    sort_keys(&s->visited);
    debug(s, "following them, tiles", n_keys(&s->ahead));
    mly_progress_expect(s->options.progress, n_keys(&s->ahead));
    s->phase = PHASE_FOLLOW;
    return start_fetch(s, next_ahead, err);
}

static enum mly_status end_cover(struct sequences *s, struct mly_error *err)
{
    debug_size(s);
    MLY_TRY(drop_unwanted(s, err));
    if (s->plan->stitch != MLY_STITCH_WHOLE) {
        s->phase = PHASE_GIVE;
        return MLY_OK;
    }
    MLY_TRY(remember_cover(s, err));
    return follow(s, err);
}

/* ---- taking ---- */

static enum mly_status add_tile(struct sequences *s, const struct mly_mvt *mvt, struct mly_error *err)
{
    const struct mly_tile tile = mly_mvt_tile(mvt);
    struct mly_error why = {.code = MLY_OK};
    const enum mly_status status = mly_stitch_add(s->stitch, mvt, s->phase == PHASE_FOLLOW, &why);
    if (status == MLY_OK)
        return MLY_OK;
    mly_wrap(&why, status, "tile %s/%u/%u/%u", s->plan->tileset, tile.z, tile.x, tile.y);
    if (status == MLY_E_CORRUPT) /* nothing of it was added */
        return mly_losses_bear(&s->options, MLY_LOSS_TILE, &why, loss(s), err);
    if (err)
        *err = why;
    return status;
}

/* Reads on until rows can be given: MLY_OK. */
static enum mly_status gather(struct sequences *s, struct mly_error *err)
{
    while (s->phase != PHASE_GIVE) {
        const struct mly_mvt *mvt = NULL;
        enum mly_status status = mly_fetch_take(s->fetch, &mvt, err);
        if (status == MLY_OK)
            status = add_tile(s, mvt, err);
        else if (status == MLY_DONE)
            status = s->phase == PHASE_COVER ? end_cover(s, err) : follow(s, err);
        if (status != MLY_OK)
            return status;
    }
    return MLY_OK;
}

static enum mly_status take_joined(struct sequences *s, struct mly_row *out, struct mly_error *err)
{
    const enum mly_status status = gather(s, err);
    if (status != MLY_OK)
        return status;
    while (s->next < mly_stitch_count(s->stitch)) {
        const uint32_t number = s->next++;
        if (mly_stitch_is_kept(s->stitch, number))
            return mly_stitch_row(s->stitch, number, out, err);
    }
    return MLY_DONE;
}

static enum mly_status append_vertex(struct sequences *s, const struct mly_mvt_walk *walk)
{
    const struct mly_tile tile = mly_mvt_tile(s->mvt);
    const double extent = mly_mvt_extent(s->mvt);
    const struct mly_point point = {.x = mly_tile_longitude(tile, walk->x, extent),
                                    .y = mly_tile_latitude_again(&s->latitudes, tile, walk->y, extent)};
    return mly_buf_append(&s->points, &point, sizeof point);
}

static enum mly_status end_part(struct sequences *s)
{
    const uint32_t end = (uint32_t)(s->points.size / sizeof(struct mly_point));
    return end ? mly_buf_append(&s->ends, &end, sizeof end) : MLY_OK;
}

static enum mly_status make_piece_lines(struct sequences *s)
{
    struct mly_mvt_walk walk;
    enum mly_mvt_vertex step;
    s->points.size = s->ends.size = 0;
    mly_mvt_walk_open(s->mvt, s->row, &walk);
    while ((step = mly_mvt_walk_next(&walk)) != MLY_MVT_END) {
        if (step == MLY_MVT_FIRST)
            MLY_TRY(end_part(s));
        MLY_TRY(append_vertex(s, &walk));
    }
    return end_part(s);
}

/* A piece has no id of its own: its row's is made from the sequence's and the tile's. */
static int64_t piece_id(const struct sequences *s, int64_t id)
{
    char text[48];
    const struct mly_tile tile = mly_mvt_tile(s->mvt);
    const int n = snprintf(text, sizeof text, "/%u/%u/%u", tile.z, tile.x, tile.y);
    return id < 0 || n < 0 ? -1 : mly_value_hash(id, text, (size_t)n);
}

static enum mly_status take_piece(struct sequences *s, struct mly_row *out, struct mly_error *err)
{
    while (!s->mvt || s->row == mly_mvt_count(s->mvt)) {
        s->mvt = NULL;
        s->row = 0;
        const enum mly_status status = mly_fetch_take(s->fetch, &s->mvt, err);
        if (status != MLY_OK)
            return status;
    }
    if (make_piece_lines(s) < 0)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a line");
    mly_mvt_row(s->mvt, s->row++, &s->space, out);
    out->id = piece_id(s, out->id);
    out->points = (const void *)s->points.data;
    out->part_ends = (const void *)s->ends.data;
    out->n_parts = (uint32_t)(s->ends.size / sizeof(uint32_t));
    return MLY_OK;
}

/* ---- the machine ---- */

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    struct sequences *s = (struct sequences *)m;
    return s->phase == PHASE_GIVE ? MLY_AGAIN : mly_fetch_want(s->fetch, out, err);
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    return mly_fetch_feed(((struct sequences *)m)->fetch, response, err);
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct sequences *s = (struct sequences *)m;
    return s->plan->stitch == MLY_STITCH_NO ? take_piece(s, out, err) : take_joined(s, out, err);
}

static enum mly_status find(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err)
{
    struct sequences *s = (struct sequences *)m;
    const uint32_t number = s->phase == PHASE_GIVE ? mly_stitch_find(s->stitch, id) : UINT32_MAX;
    return number == UINT32_MAX ? MLY_DONE : mly_stitch_row(s->stitch, number, out, err);
}

static enum mly_status tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    const struct sequences *s = (const struct sequences *)m;
    if (s->plan->stitch == MLY_STITCH_NO)
        return s->mvt ? fn(ctx, mly_mvt_tile(s->mvt)) : MLY_OK;
    return s->next > 0 ? mly_stitch_tiles(s->stitch, s->next - 1, fn, ctx) : MLY_OK;
}

static void destroy(struct mly_machine *m)
{
    struct sequences *s = (struct sequences *)m;
    mly_fetch_free(s->fetch);
    mly_stitch_free(s->stitch);
    mly_buf_fini(&s->visited);
    mly_buf_fini(&s->ahead);
    mly_buf_fini(&s->points);
    mly_buf_fini(&s->ends);
    s->options.mem->release(s->options.mem->ctx, s);
}

enum mly_status mly_sequences_new(const struct mly_plan *plan, const struct mly_read_options *options,
                                  struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {
        .want = want, .feed = feed, .take = take, .find = find, .tiles = tiles, .destroy = destroy};
    const struct mly_mem *mem = options->mem;
    struct sequences *s = mem->alloc(mem->ctx, sizeof *s);
    if (!s)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *s = (struct sequences){.base = {.vtbl = &vtbl}, .options = *options, .plan = plan};
    struct mly_buf *buffers[] = {&s->visited, &s->ahead, &s->points, &s->ends};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        mly_buf_init(buffers[i], mem, MLY_LIMIT_STITCH_MEMORY);
    enum mly_status status = mly_stitch_new(plan->layer, plan->cover.zoom, mem, &s->stitch, err);
    if (status == MLY_OK)
        status = start_fetch(s, next_covered, err);
    if (status < 0) {
        destroy(&s->base);
        return status;
    }
    *out = &s->base;
    return MLY_OK;
}
