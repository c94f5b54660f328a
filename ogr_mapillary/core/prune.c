/* SPDX-License-Identifier: MIT */
#include "prune.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "fetch.h"
#include "limits.h"

enum { BLOCK_BITS = 4, BLOCK_SIDE = 1 << BLOCK_BITS }; /* a square of tiles, one bit each */

struct block {
    uint32_t number;           /* of the block in its zoom, plus one; 0: a free place */
    uint16_t rows[BLOCK_SIDE]; /* bit x of row y */
};

/* The marked tiles of a zoom: a hash table with open addressing, at most three quarters full. */
struct marks {
    struct block *blocks;
    size_t capacity, n; /* capacity: a power of two, or 0 */
    size_t last;        /* the place that was found last: lines stay in a block for a while */
    uint8_t zoom;
};

struct prune {
    const struct mly_read_options *options;
    const struct mly_plan *plan; /* as it was given */
    struct mly_cover_cursor cursor;
    struct mly_fetch *fetch; /* of the scout */
    struct marks marks;
    enum mly_status trouble; /* of marking what is under a tile that was lost */
    struct mly_plan pruned;  /* borrows all but its cover */
};

/* ---- marks ---- */

static uint32_t block_number(const struct marks *marks, uint32_t x, uint32_t y)
{
    const unsigned across_bits = marks->zoom > BLOCK_BITS ? marks->zoom - BLOCK_BITS : 0;
    return (y >> BLOCK_BITS << across_bits | x >> BLOCK_BITS) + 1;
}

/* The place of the block, or the free one at which it belongs; the table is not full. */
static size_t place_of(const struct marks *marks, uint32_t number)
{
    const uint32_t hash = number * UINT32_C(2654435769); /* 2^32 / golden ratio: neighbours are far apart */
    size_t place = (hash ^ hash >> 15) & (marks->capacity - 1);
    while (marks->blocks[place].number != 0 && marks->blocks[place].number != number)
        place = (place + 1) & (marks->capacity - 1);
    return place;
}

static enum mly_status grow(struct marks *marks, const struct mly_mem *mem)
{
    enum { FIRST_CAPACITY = 256 };
    const struct marks old = *marks;
    const size_t capacity = old.capacity ? old.capacity * 2 : FIRST_CAPACITY;
    if (capacity > MLY_LIMIT_PRUNE_MEMORY / sizeof(struct block))
        return MLY_E_LIMIT;
    struct block *blocks = mem->alloc(mem->ctx, capacity * sizeof *blocks);
    if (!blocks)
        return MLY_E_NOMEM;
    for (size_t i = 0; i < capacity; i++)
        blocks[i] = (struct block){.number = 0};
    marks->blocks = blocks;
    marks->capacity = capacity;
    marks->last = 0;
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.blocks[i].number != 0)
            blocks[place_of(marks, old.blocks[i].number)] = old.blocks[i];
    }
    mem->release(mem->ctx, old.blocks);
    return MLY_OK;
}

static enum mly_status mark(struct marks *marks, const struct mly_mem *mem, uint32_t x, uint32_t y)
{
    const uint32_t number = block_number(marks, x, y);
    if (marks->capacity == 0 || marks->blocks[marks->last].number != number) {
        if (marks->n >= marks->capacity / 4 * 3)
            MLY_TRY(grow(marks, mem));
        marks->last = place_of(marks, number);
    }
    struct block *block = &marks->blocks[marks->last];
    marks->n += block->number == 0;
    block->number = number;
    block->rows[y % BLOCK_SIDE] |= (uint16_t)(1u << x % BLOCK_SIDE);
    return MLY_OK;
}

static bool is_marked(struct marks *marks, uint32_t x, uint32_t y)
{
    const uint32_t number = block_number(marks, x, y);
    if (marks->blocks[marks->last].number != number)
        marks->last = place_of(marks, number);
    const struct block *block = &marks->blocks[marks->last];
    return block->number != 0 && (block->rows[y % BLOCK_SIDE] >> x % BLOCK_SIDE & 1);
}

/* The tile or one of the eight beside it; columns go on across 180°. */
static bool is_near_mark(struct marks *marks, struct mly_tile tile)
{
    const uint32_t across = UINT32_C(1) << marks->zoom;
    if (marks->capacity == 0)
        return false;
    for (uint32_t y = tile.y > 0 ? tile.y - 1 : 0; y <= tile.y + 1 && y < across; y++) {
        for (uint32_t i = 0; i < 3; i++) {
            if (is_marked(marks, (tile.x + across + i - 1) & (across - 1), y))
                return true;
        }
    }
    return false;
}

/* ---- lines ---- */

/* In tiles of the plan's zoom, from its upper left corner. */
struct place {
    double x, y;
};

/* What rounding may do to a place, thousandfold: a line along a border marks the tiles on both sides of it. */
static const double edge_tolerance = 1e-6;

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* The line's y where it crosses the column, as far as it does. */
static double y_at(struct place a, struct place b, double x)
{
    const double way = b.x > a.x ? clamp((x - a.x) / (b.x - a.x), 0.0, 1.0) : 0.0;
    return a.y + way * (b.y - a.y);
}

static enum mly_status mark_column(struct prune *p, int64_t column, double y_first, double y_last)
{
    const uint32_t across = UINT32_C(1) << p->marks.zoom;
    const uint32_t x = (uint32_t)(column & (int64_t)(across - 1)); /* goes on across 180° */
    if (y_last + edge_tolerance < 0.0 || y_first - edge_tolerance >= (double)across)
        return MLY_OK;
    const uint32_t last = (uint32_t)clamp(floor(y_last + edge_tolerance), 0.0, (double)(across - 1));
    for (uint32_t y = (uint32_t)clamp(floor(y_first - edge_tolerance), 0.0, (double)(across - 1)); y <= last; y++)
        MLY_TRY(mark(&p->marks, p->options->mem, x, y));
    return MLY_OK;
}

/* All tiles that the closed line touches: in each column that it meets, from where it enters to where it leaves. */
static enum mly_status mark_line(struct prune *p, struct place from, struct place to)
{
    const bool is_eastward = from.x <= to.x;
    const struct place a = is_eastward ? from : to, b = is_eastward ? to : from;
    const int64_t last = (int64_t)floor(b.x + edge_tolerance);
    for (int64_t column = (int64_t)floor(a.x - edge_tolerance); column <= last; column++) {
        const double west = (double)column - edge_tolerance, east = (double)column + 1.0 + edge_tolerance;
        double enter = y_at(a, b, west), leave = y_at(a, b, east);
        if (b.x - a.x <= 2 * edge_tolerance) { /* upright: all of it lies in the column */
            enter = a.y;
            leave = b.y;
        }
        MLY_TRY(mark_column(p, column, fmin(enter, leave), fmax(enter, leave)));
    }
    return MLY_OK;
}

static enum mly_status mark_tile(struct prune *p, const struct mly_mvt *mvt)
{
    const struct mly_tile tile = mly_mvt_tile(mvt);
    const double side = (double)(UINT32_C(1) << (p->marks.zoom - tile.z)), extent = mly_mvt_extent(mvt);
    for (uint32_t row = 0; row < mly_mvt_count(mvt); row++) {
        struct place last = {0.0, 0.0};
        struct mly_mvt_walk walk;
        enum mly_mvt_vertex step;
        mly_mvt_walk_open(mvt, row, &walk);
        while ((step = mly_mvt_walk_next(&walk)) != MLY_MVT_END) {
            const struct place at = {(tile.x + walk.x / extent) * side, (tile.y + walk.y / extent) * side};
            MLY_TRY(mark_line(p, step == MLY_MVT_FIRST ? at : last, at));
            last = at;
        }
    }
    return MLY_OK;
}

/* A mly_tile_fn: nobody knows where its lines are. */
static enum mly_status mark_all_under(void *self, struct mly_tile tile)
{
    struct prune *p = self;
    const uint32_t side = UINT32_C(1) << (p->marks.zoom - tile.z);
    for (uint32_t y = 0; y < side; y++) {
        for (uint32_t x = 0; x < side; x++) {
            p->trouble = mark(&p->marks, p->options->mem, tile.x * side + x, tile.y * side + y);
            if (p->trouble < 0)
                return p->trouble;
        }
    }
    return MLY_OK;
}

/* ---- what is left ---- */

static enum mly_status keep_near_marks(struct prune *p)
{
    struct mly_cover *kept = &p->pruned.cover;
    const uint64_t n_scouts = p->plan->scout.n_tiles, max_tiles = p->plan->max_tiles;
    const uint64_t n_allowed = max_tiles > n_scouts ? max_tiles - n_scouts : 0;
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_cover_node node = {.z = kept->zoom};
    struct mly_tile tile;
    while (mly_cover_next(&p->plan->cover, &cursor, &tile, &node.inside)) {
        if (!is_near_mark(&p->marks, tile))
            continue;
        node.x = tile.x;
        node.y = tile.y;
        if (++kept->n_tiles <= n_allowed) /* beyond it only the number is of interest */
            MLY_TRY(mly_buf_append(&kept->nodes, &node, sizeof node));
    }
    return kept->n_tiles > n_allowed ? MLY_E_LIMIT : MLY_OK;
}

static void tell(const struct prune *p)
{
    const char *name = p->plan->layer->name;
    char text[160];
    if (p->options->debug) {
        (void)snprintf(text, sizeof text, "%s: PRUNE=YES: %" PRIu64 " of %" PRIu64 " z%u tiles are left", name,
                       p->pruned.cover.n_tiles, p->plan->cover.n_tiles, p->plan->cover.zoom);
        p->options->debug(p->options->debug_ctx, text);
    }
    if (!p->options->warn)
        return;
    if (p->plan->layer->shape == MLY_LINES)
        (void)snprintf(text, sizeof text,
                       "%s: PRUNE=YES: sequences that the generalised lines of zoom %u leave out may be missed", name,
                       p->plan->scout.zoom);
    else
        (void)snprintf(
            text, sizeof text,
            "%s: PRUNE=YES: images whose sequence has a single position, or is not drawn at zoom %u, may be missed",
            name, p->plan->scout.zoom);
    p->options->warn(p->options->debug_ctx, text);
}

static enum mly_status fail_keep(const struct prune *p, enum mly_status status, struct mly_error *err)
{
    const char *name = p->plan->layer->name;
    if (status == MLY_E_LIMIT)
        return mly_fail(err, status,
                        "%s: after pruning, this read needs %" PRIu64 " tiles and MAX_TILES allows %" PRIu64 ". Make "
                        "the spatial filter smaller, or set the open option MAX_TILES (or MAPILLARY_MAX_TILES) higher; "
                        "the service allows about 50,000 tiles a day",
                        name, p->plan->scout.n_tiles + p->pruned.cover.n_tiles, p->plan->max_tiles);
    return mly_fail(err, status, "%s: out of memory for the list of tiles", name);
}

/* The scout has been read: from now on it is the inner machine's read. */
static enum mly_status begin(struct prune *p, struct mly_error *err)
{
    const struct mly_mem *mem = p->options->mem;
    mly_fetch_free(p->fetch);
    p->fetch = NULL;
    const enum mly_status status = keep_near_marks(p);
    if (status < 0)
        return fail_keep(p, status, err);
    mem->release(mem->ctx, p->marks.blocks);
    p->marks = (struct marks){.zoom = p->marks.zoom};
    mly_progress_expect_only(p->options->progress, p->pruned.cover.n_tiles);
    tell(p);
    return MLY_DONE;
}

static enum mly_status fail_mark(const struct prune *p, enum mly_status status, struct mly_error *err)
{
    const char *name = p->plan->layer->name;
    if (status == MLY_E_LIMIT)
        return mly_fail(err, status,
                        "%s: PRUNE=YES: the lines touch more tiles than %d MB can mark. Make the spatial filter "
                        "smaller, or set the open option PRUNE to NO",
                        name, MLY_LIMIT_PRUNE_MEMORY >> 20);
    return mly_fail(err, status, "%s: out of memory for the tiles that lines touch", name);
}

/* ---- the part ---- */

static enum mly_status want(void *self, struct mly_request *out, struct mly_error *err)
{
    return mly_fetch_want(((struct prune *)self)->fetch, out, err);
}

static enum mly_status feed(void *self, struct mly_response *response, struct mly_error *err)
{
    return mly_fetch_feed(((struct prune *)self)->fetch, response, err);
}

static enum mly_status step(void *self, const struct mly_plan **plan, struct mly_error *err)
{
    struct prune *p = self;
    const struct mly_mvt *mvt = NULL;
    enum mly_status status;
    while ((status = mly_fetch_take(p->fetch, &mvt, err)) == MLY_OK) {
        status = mark_tile(p, mvt);
        if (status < 0)
            return fail_mark(p, status, err);
    }
    *plan = &p->pruned;
    if (p->trouble < 0)
        return fail_mark(p, p->trouble, err);
    return status == MLY_DONE ? begin(p, err) : status;
}

static void destroy(void *self)
{
    struct prune *p = self;
    const struct mly_mem *mem = p->options->mem;
    mly_fetch_free(p->fetch);
    mly_cover_fini(&p->pruned.cover);
    mem->release(mem->ctx, p->marks.blocks);
    mem->release(mem->ctx, p);
}

static bool next_scout(void *ctx, struct mly_tile *out)
{
    struct prune *p = ctx;
    return mly_cover_next(&p->plan->scout, &p->cursor, out, NULL);
}

static enum mly_status start_scout(struct prune *p, struct mly_error *err)
{
    const struct mly_fetch_options options = {
        .read = p->options,
        .layer = mly_schema_find("sequences"),
        .tileset = p->plan->tileset,
        .lane = MLY_LANE_SCOUT,
        .next = next_scout,
        .next_ctx = p,
        .loss = "PRUNE=YES: all tiles under it are read",
        .lost = mark_all_under,
    };
    return mly_fetch_new(&options, &p->fetch, err);
}

enum mly_status mly_prune_new(const struct mly_plan *plan, const struct mly_read_options *options, mly_make_fn *make,
                              struct mly_machine **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    if (plan->scout.zoom > plan->cover.zoom)
        return mly_fail(err, MLY_E_ARG, "zoom %u is no lower zoom than %u", plan->scout.zoom, plan->cover.zoom);
    struct prune *p = mem->alloc(mem->ctx, sizeof *p);
    if (!p)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *p = (struct prune){.options = options, .plan = plan, .pruned = *plan};
    p->marks.zoom = plan->cover.zoom;
    p->pruned.cover = (struct mly_cover){.zoom = plan->cover.zoom};
    p->pruned.scout = (struct mly_cover){.zoom = 0};
    mly_buf_init(&p->pruned.cover.nodes, mem, SIZE_MAX);
    const enum mly_status status = start_scout(p, err);
    if (status < 0) {
        destroy(p);
        return status;
    }
    const struct mly_prelude_part part = {.self = p, .want = want, .feed = feed, .step = step, .destroy = destroy};
    return mly_prelude_new(&part, options, make, out, err);
}
