/* SPDX-License-Identifier: MIT */
/* Tiles in use are not evicted: that would free nothing. So the ceiling holds whatever readers hold on to. */
#include "hold.h"

#include <stdlib.h>
#include <string.h>

#include "mvt.h"

enum { N_BUCKETS = 1024 };
enum { MAX_TILES = 4096 }; /* looking for a row goes through all of them */
enum { LARGE = 2 };        /* a tile that takes more than this part of the room would drive out too many others */

struct mly_held {
    struct mly_held *newer, *older; /* by use */
    struct mly_held *next;          /* in the bucket; or of what is to be freed */
    struct mly_hold_tile tile;
    const struct mly_layer *layer;
    struct mly_tile place;
    uint64_t hash;
    int64_t said_ms;
    size_t bytes; /* all that it takes, an index among it */
    uint32_t n_users;
    bool is_listed; /* else it has left the hold, and the last user frees it */
    bool has_index;
    uint32_t *index; /* row numbers, by id; of rows that have one */
    uint32_t n_indexed;
    const char *tileset; /* in `names`, behind the scope */
    char names[];
};

struct mly_hold {
    struct mly_hold_options options;
    struct mly_held *newest, *oldest;
    size_t bytes, used_bytes; /* of all tiles; of those that have users */
    uint32_t n_tiles;
    struct mly_held *buckets[N_BUCKETS];
};

static void lock(struct mly_hold *hold)
{
    if (hold->options.lock.lock)
        hold->options.lock.lock(hold->options.lock.ctx);
}

static void unlock(struct mly_hold *hold)
{
    if (hold->options.lock.unlock)
        hold->options.lock.unlock(hold->options.lock.ctx);
}

enum mly_status mly_hold_new(const struct mly_hold_options *options, struct mly_hold **out, struct mly_error *err)
{
    struct mly_hold *hold = options->mem->alloc(options->mem->ctx, sizeof *hold);
    if (!hold)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for decoded tiles");
    *hold = (struct mly_hold){.options = *options};
    *out = hold;
    return MLY_OK;
}

/* ---- the list ---- */

static uint64_t hash_of(const struct mly_hold_name *name)
{
    const uint32_t place[] = {name->tile.x, name->tile.y, name->tile.z};
    int64_t hash = mly_value_hash(0, name->scope, strlen(name->scope) + 1);
    hash = mly_value_hash(hash, name->tileset, strlen(name->tileset) + 1);
    return (uint64_t)mly_value_hash(hash, place, sizeof place);
}

static bool is_of(const struct mly_held *held, const struct mly_hold_name *name)
{
    return held->layer == name->layer && strcmp(held->names, name->scope) == 0 &&
           strcmp(held->tileset, name->tileset) == 0;
}

static bool is_named(const struct mly_held *held, const struct mly_hold_name *name)
{
    return held->place.x == name->tile.x && held->place.y == name->tile.y && held->place.z == name->tile.z &&
           is_of(held, name);
}

static bool is_fresh(const struct mly_held *held, uint64_t now_ms, uint64_t max_age_ms)
{
    return (int64_t)now_ms <= held->said_ms || now_ms - (uint64_t)held->said_ms <= max_age_ms;
}

static struct mly_held *look_up(const struct mly_hold *hold, const struct mly_hold_name *name, uint64_t hash)
{
    struct mly_held *held = hold->buckets[hash % N_BUCKETS];
    while (held && !is_named(held, name))
        held = held->next;
    return held;
}

static void unlink_from_order(struct mly_hold *hold, struct mly_held *held)
{
    *(held->newer ? &held->newer->older : &hold->newest) = held->older;
    *(held->older ? &held->older->newer : &hold->oldest) = held->newer;
}

static void make_newest(struct mly_hold *hold, struct mly_held *held)
{
    held->newer = NULL;
    held->older = hold->newest;
    *(hold->newest ? &hold->newest->newer : &hold->oldest) = held;
    hold->newest = held;
}

static void touch(struct mly_hold *hold, struct mly_held *held)
{
    unlink_from_order(hold, held);
    make_newest(hold, held);
}

static void add_user(struct mly_hold *hold, struct mly_held *held)
{
    if (held->n_users++ == 0)
        hold->used_bytes += held->bytes;
}

static void list(struct mly_hold *hold, struct mly_held *held)
{
    struct mly_held **bucket = &hold->buckets[held->hash % N_BUCKETS];
    held->next = *bucket;
    *bucket = held;
    held->is_listed = true;
    make_newest(hold, held);
    hold->bytes += held->bytes;
    hold->n_tiles++;
}

/* What has neither a place nor a user goes to `garbage`: it is freed when the lock is open again. */
static void bury(struct mly_hold *hold, struct mly_held *held, struct mly_held **garbage)
{
    if (held->is_listed || held->n_users > 0)
        return;
    hold->bytes -= held->bytes;
    hold->n_tiles--;
    held->next = *garbage;
    *garbage = held;
}

static void unlist(struct mly_hold *hold, struct mly_held *held, struct mly_held **garbage)
{
    struct mly_held **link = &hold->buckets[held->hash % N_BUCKETS];
    while (*link != held)
        link = &(*link)->next;
    *link = held->next;
    unlink_from_order(hold, held);
    held->is_listed = false;
    bury(hold, held, garbage);
}

static void free_all(const struct mly_hold *hold, struct mly_held *garbage)
{
    const struct mly_mem *mem = hold->options.mem;
    while (garbage) {
        struct mly_held *next = garbage->next;
        mly_arena_fini(&garbage->tile.arena);
        if (garbage->tile.body.mem)
            mly_buf_fini(&garbage->tile.body);
        mem->release(mem->ctx, garbage->index);
        mem->release(mem->ctx, garbage);
        garbage = next;
    }
}

void mly_hold_free(struct mly_hold *hold)
{
    if (!hold)
        return;
    struct mly_held *garbage = NULL;
    while (hold->oldest)
        unlist(hold, hold->oldest, &garbage);
    free_all(hold, garbage);
    hold->options.mem->release(hold->options.mem->ctx, hold);
}

/* ---- tiles ---- */

struct mly_held *mly_hold_get(struct mly_hold *hold, const struct mly_hold_name *name, uint64_t now_ms,
                              uint64_t max_age_ms)
{
    const uint64_t hash = hash_of(name);
    struct mly_held *garbage = NULL;
    lock(hold);
    struct mly_held *held = look_up(hold, name, hash);
    if (held && !is_fresh(held, now_ms, max_age_ms)) {
        unlist(hold, held, &garbage);
        held = NULL;
    }
    if (held) {
        touch(hold, held);
        add_user(hold, held);
    }
    unlock(hold);
    free_all(hold, garbage);
    return held;
}

/* The room for an index is counted from the beginning: then making one never drives out what is being looked through.
 */
static size_t bytes_of(const struct mly_hold_tile *tile, size_t own_bytes)
{
    return own_bytes + tile->body.capacity + mly_arena_measure(&tile->arena) +
           mly_mvt_count(tile->mvt) * sizeof(uint32_t);
}

/* As far as it is not in use. */
static void shrink(struct mly_hold *hold, size_t max_bytes, struct mly_held **garbage)
{
    struct mly_held *held = hold->oldest;
    while (held && (hold->bytes > max_bytes || hold->n_tiles >= MAX_TILES)) {
        struct mly_held *newer = held->newer;
        if (held->n_users == 0)
            unlist(hold, held, garbage);
        held = newer;
    }
}

void mly_hold_make_way(struct mly_hold *hold, size_t bytes)
{
    const size_t half = hold->options.max_bytes / LARGE;
    struct mly_held *garbage = NULL;
    lock(hold);
    shrink(hold, hold->options.max_bytes - (bytes < half ? bytes : half), &garbage);
    unlock(hold);
    free_all(hold, garbage);
}

/* False: what is in use leaves too little. */
static bool has_way(struct mly_hold *hold, size_t bytes, struct mly_held **garbage)
{
    if (hold->used_bytes > hold->options.max_bytes - bytes)
        return false;
    shrink(hold, hold->options.max_bytes - bytes, garbage);
    return hold->n_tiles < MAX_TILES;
}

static struct mly_held *make_held(const struct mly_hold *hold, const struct mly_hold_name *name,
                                  const struct mly_hold_tile *tile, int64_t said_ms)
{
    const struct mly_mem *mem = hold->options.mem;
    const size_t scope_size = strlen(name->scope) + 1, tileset_size = strlen(name->tileset) + 1;
    const size_t own_bytes = sizeof(struct mly_held) + scope_size + tileset_size;
    const size_t bytes = bytes_of(tile, own_bytes);
    struct mly_held *held = bytes <= hold->options.max_bytes / LARGE ? mem->alloc(mem->ctx, own_bytes) : NULL;
    if (!held)
        return NULL;
    *held = (struct mly_held){
        .layer = name->layer, .place = name->tile, .hash = hash_of(name), .said_ms = said_ms, .bytes = bytes};
    memcpy(held->names, name->scope, scope_size);
    memcpy(held->names + scope_size, name->tileset, tileset_size);
    held->tileset = held->names + scope_size;
    return held;
}

struct mly_held *mly_hold_put(struct mly_hold *hold, const struct mly_hold_name *name, struct mly_hold_tile *tile,
                              int64_t said_ms)
{
    struct mly_held *garbage = NULL, *held = make_held(hold, name, tile, said_ms);
    if (!held)
        return NULL;
    lock(hold);
    struct mly_held *earlier = look_up(hold, name, held->hash);
    if (earlier)
        unlist(hold, earlier, &garbage);
    const bool is_kept = has_way(hold, held->bytes, &garbage);
    if (is_kept) {
        held->tile = *tile;
        list(hold, held);
        add_user(hold, held);
    }
    unlock(hold);
    free_all(hold, garbage);
    if (!is_kept) {
        hold->options.mem->release(hold->options.mem->ctx, held);
        return NULL;
    }
    *tile = (struct mly_hold_tile){.mvt = NULL};
    return held;
}

const struct mly_mvt *mly_hold_mvt(const struct mly_held *held)
{
    return held->tile.mvt;
}

void mly_hold_drop(struct mly_hold *hold, struct mly_held *held)
{
    struct mly_held *garbage = NULL;
    if (!held)
        return;
    lock(hold);
    if (--held->n_users == 0) {
        hold->used_bytes -= held->bytes;
        bury(hold, held, &garbage);
    }
    unlock(hold);
    free_all(hold, garbage);
}

size_t mly_hold_measure(struct mly_hold *hold)
{
    lock(hold);
    const size_t bytes = hold->bytes;
    unlock(hold);
    return bytes;
}

/* ---- rows ---- */

struct entry {
    int64_t id;
    uint32_t row;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *l = a, *r = b;
    if (l->id != r->id)
        return l->id < r->id ? -1 : 1;
    return l->row < r->row ? -1 : 1;
}

/* The tile's rows by id. Without memory it stays without an index, and rows are looked at one by one. */
static void make_index(const struct mly_hold *hold, struct mly_held *held)
{
    const struct mly_mem *mem = hold->options.mem;
    const uint32_t n_rows = mly_mvt_count(held->tile.mvt);
    struct entry *entries = mem->alloc(mem->ctx, n_rows * sizeof *entries);
    uint32_t *index = entries ? mem->alloc(mem->ctx, n_rows * sizeof *index) : NULL;
    if (index) {
        uint32_t n = 0;
        for (uint32_t row = 0; row < n_rows; row++) {
            const int64_t id = mly_mvt_id(held->tile.mvt, row);
            if (id >= 0)
                entries[n++] = (struct entry){.id = id, .row = row};
        }
        qsort(entries, n, sizeof *entries, compare_entries);
        for (uint32_t i = 0; i < n; i++)
            index[i] = entries[i].row;
        held->index = index;
        held->n_indexed = n;
        held->has_index = true;
    }
    mem->release(mem->ctx, entries);
}

static bool search(const struct mly_held *held, int64_t id, uint32_t *row)
{
    uint32_t low = 0, high = held->n_indexed;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (mly_mvt_id(held->tile.mvt, held->index[middle]) < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == held->n_indexed)
        return false;
    *row = held->index[low];
    return mly_mvt_id(held->tile.mvt, *row) == id;
}

static bool scan(const struct mly_held *held, int64_t id, uint32_t *row)
{
    const uint32_t n_rows = mly_mvt_count(held->tile.mvt);
    *row = 0;
    while (*row < n_rows && mly_mvt_id(held->tile.mvt, *row) != id)
        ++*row;
    return *row < n_rows;
}

static bool has_row(const struct mly_hold *hold, struct mly_held *held, int64_t id, uint32_t *row)
{
    if (mly_mvt_count(held->tile.mvt) == 0)
        return false;
    if (!held->has_index)
        make_index(hold, held);
    return held->has_index ? search(held, id, row) : scan(held, id, row);
}

/* With the lock closed. */
static struct mly_held *find_tile(const struct mly_hold *hold, const struct mly_hold_name *name, int64_t id,
                                  uint64_t now_ms, uint64_t max_age_ms, uint32_t *row)
{
    struct mly_held *held = hold->newest;
    while (held && !(is_of(held, name) && is_fresh(held, now_ms, max_age_ms) && has_row(hold, held, id, row)))
        held = held->older;
    return held;
}

static struct mly_row *copy_row(const struct mly_held *held, uint32_t index, struct mly_arena *arena)
{
    struct mly_row_space space = {.digits = {{0}}};
    struct mly_row row;
    mly_mvt_row(held->tile.mvt, index, &space, &row);
    return mly_row_copy(arena, &row, held->layer->n_columns);
}

enum mly_status mly_hold_find(struct mly_hold *hold, const struct mly_hold_name *name, int64_t id, uint64_t now_ms,
                              uint64_t max_age_ms, struct mly_arena *arena, struct mly_row **out, struct mly_error *err)
{
    uint32_t row = 0;
    if (id < 0 || name->layer->shape != MLY_POINT)
        return MLY_DONE;
    lock(hold);
    struct mly_held *held = find_tile(hold, name, id, now_ms, max_age_ms, &row);
    if (held) {
        touch(hold, held); /* the next row is likely to be there as well */
        add_user(hold, held);
    }
    unlock(hold);
    if (!held)
        return MLY_DONE;
    struct mly_row *copy = copy_row(held, row, arena);
    mly_hold_drop(hold, held);
    if (!copy)
        return mly_arena_fail(arena, "a row", err);
    *out = copy;
    return MLY_OK;
}
