/* SPDX-License-Identifier: MIT */
#include "stitch.h"

#include <stdlib.h>
#include <string.h>

#include "limits.h"

/* On the grid of all tiles of the zoom, 4096 units to a tile: below 2^27. */
struct vertex {
    int32_t x, y;
};

enum { NONE = 0 }; /* numbers of parts and sequences in links count from 1 */

struct part {
    uint32_t next; /* of the same sequence, in the order of arrival */
    uint32_t n_points;
    uint64_t deltas; /* where they begin; the first vertex is `start` */
    struct vertex start, end;
    uint32_t tile_x, tile_y;
    bool is_covered;   /* a piece of the covered tiles */
    bool is_connected; /* with one of those, or one itself */
};

struct sequence {
    int64_t id;            /* the row's: a hash of the text; -1 without one */
    uint64_t text, values; /* where they stand in `texts` and `values` */
    uint32_t n_text;
    uint32_t first_part, last_part;
    uint32_t n_loose; /* parts that are not connected */
    bool is_kept;
};

/* A part while its sequence is being joined: its neighbours along the line, as indices; `head` and `tail` are those of
 * its chain, true at the chain's ends; `chain` leads to a part that stands for all of the chain. */
struct link {
    const struct part *part;
    uint32_t successor, predecessor, head, tail, chain;
    bool is_next_in_tile; /* the part before it is of the same piece */
};

struct mly_stitch {
    const struct mly_layer *layer;
    const struct mly_mem *mem;
    uint8_t zoom;
    struct mly_buf sequences, parts;      /* of struct sequence, struct part */
    struct mly_buf texts, values, deltas; /* bytes, struct mly_value, differences */
    struct mly_buf slots;                 /* of uint32_t: hash table of sequences by id, open addressing */
    uint32_t n_with_id;
    struct mly_buf links, order, points, ends; /* scratch of one row */
    struct mly_tile_latitudes latitudes;
    struct mly_row_space space;
    struct mly_value row_values[MLY_SCHEMA_MAX_COLUMNS];
};

static const uint32_t no_link = UINT32_MAX;

static struct sequence *sequence_at(const struct mly_stitch *s, uint32_t number)
{
    return (struct sequence *)(void *)s->sequences.data + number;
}

static struct part *part_at(const struct mly_stitch *s, uint32_t from_one)
{
    return (struct part *)(void *)s->parts.data + (from_one - 1);
}

enum mly_status mly_stitch_new(const struct mly_layer *layer, uint8_t zoom, const struct mly_mem *mem,
                               struct mly_stitch **out, struct mly_error *err)
{
    struct mly_stitch *s = mem->alloc(mem->ctx, sizeof *s);
    if (!s)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for sequences");
    *s = (struct mly_stitch){.layer = layer, .mem = mem, .zoom = zoom};
    struct mly_buf *buffers[] = {&s->sequences, &s->parts, &s->texts, &s->values, &s->deltas,
                                 &s->slots,     &s->links, &s->order, &s->points, &s->ends};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        mly_buf_init(buffers[i], mem, MLY_LIMIT_STITCH_MEMORY);
    *out = s;
    return MLY_OK;
}

void mly_stitch_free(struct mly_stitch *s)
{
    if (!s)
        return;
    struct mly_buf *buffers[] = {&s->sequences, &s->parts, &s->texts, &s->values, &s->deltas,
                                 &s->slots,     &s->links, &s->order, &s->points, &s->ends};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        mly_buf_fini(buffers[i]);
    s->mem->release(s->mem->ctx, s);
}

/* ---- ids ---- */

static uint32_t *slots_of(const struct mly_stitch *s)
{
    return (void *)s->slots.data;
}

static uint32_t n_slots(const struct mly_stitch *s)
{
    return (uint32_t)(s->slots.size / sizeof(uint32_t)); /* a power of two, or 0 */
}

static bool has_text(const struct mly_stitch *s, const struct sequence *sequence, const struct mly_value *text)
{
    return sequence->n_text == text->n_bytes &&
           memcmp(s->texts.data + sequence->text, text->as.text, text->n_bytes) == 0;
}

/* The slot that holds the id, or the free one where it belongs. Precondition: a slot is free. */
static uint32_t *find_slot(const struct mly_stitch *s, int64_t id, const struct mly_value *text)
{
    uint32_t *slots = slots_of(s);
    const uint32_t mask = n_slots(s) - 1;
    for (uint32_t i = (uint32_t)id & mask;; i = (i + 1) & mask) {
        if (slots[i] == NONE)
            return &slots[i];
        const struct sequence *sequence = sequence_at(s, slots[i] - 1);
        if (sequence->id == id && (!text || has_text(s, sequence, text)))
            return &slots[i];
    }
}

/* At most half of the slots are taken. */
static enum mly_status grow_slots(struct mly_stitch *s)
{
    enum { FIRST = 1024 };
    if (s->n_with_id < n_slots(s) / 2)
        return MLY_OK;
    const size_t size = (n_slots(s) ? n_slots(s) * 2 : FIRST) * sizeof(uint32_t);
    struct mly_buf grown;
    mly_buf_init(&grown, s->mem, MLY_LIMIT_STITCH_MEMORY);
    MLY_TRY(mly_buf_reserve(&grown, size));
    memset(grown.data, 0, size);
    grown.size = size;
    mly_buf_fini(&s->slots);
    mly_buf_move(&s->slots, &grown);
    const uint32_t n = mly_stitch_count(s);
    for (uint32_t i = 0; i < n; i++) {
        const struct sequence *sequence = sequence_at(s, i);
        const struct mly_value text = {
            .as.text = (const char *)s->texts.data + sequence->text, .n_bytes = sequence->n_text, .type = MLY_TEXT};
        if (sequence->id >= 0)
            *find_slot(s, sequence->id, &text) = i + 1;
    }
    return MLY_OK;
}

uint32_t mly_stitch_find(const struct mly_stitch *s, int64_t id)
{
    const uint32_t number = n_slots(s) && id >= 0 ? *find_slot(s, id, NULL) : NONE;
    return number != NONE && sequence_at(s, number - 1)->is_kept ? number - 1 : UINT32_MAX;
}

/* ---- adding ---- */

static enum mly_status add_sequence(struct mly_stitch *s, const struct mly_row *row, uint32_t *out)
{
    const struct mly_value *text = &row->values[0];
    const struct sequence sequence = {
        .id = row->id,
        .text = s->texts.size,
        .values = s->values.size,
        .n_text = text->type == MLY_TEXT ? text->n_bytes : 0,
        .is_kept = true,
    };
    const uint32_t number = mly_stitch_count(s);
    MLY_TRY(mly_buf_append(&s->texts, text->as.text, sequence.n_text));
    MLY_TRY(mly_buf_append(&s->values, row->values, s->layer->n_tile_columns * sizeof *row->values));
    MLY_TRY(mly_buf_append(&s->sequences, &sequence, sizeof sequence));
    if (row->id >= 0) {
        *find_slot(s, row->id, text) = number + 1;
        s->n_with_id++;
    }
    *out = number;
    return MLY_OK;
}

/* MLY_DONE: the sequence is not wanted. */
static enum mly_status sequence_of(struct mly_stitch *s, const struct mly_row *row, bool known_only, uint32_t *out)
{
    MLY_TRY(grow_slots(s));
    const uint32_t known = row->id >= 0 ? *find_slot(s, row->id, &row->values[0]) : NONE;
    if (known != NONE) {
        *out = known - 1;
        return sequence_at(s, *out)->is_kept ? MLY_OK : MLY_DONE;
    }
    return known_only ? MLY_DONE : add_sequence(s, row, out);
}

static enum mly_status append_delta(struct mly_stitch *s, int32_t delta)
{
    uint8_t bytes[5];
    size_t n = 0;
    uint32_t v = ((uint32_t)delta << 1) ^ (delta < 0 ? UINT32_MAX : 0);
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (uint8_t)(v | 0x80);
    bytes[n++] = (uint8_t)v;
    return mly_buf_append(&s->deltas, bytes, n);
}

static int32_t read_delta(const uint8_t **at)
{
    uint32_t v = 0;
    unsigned shift = 0;
    for (; **at & 0x80; shift += 7)
        v |= (uint32_t)(*(*at)++ & 0x7f) << shift;
    v |= (uint32_t) * (*at)++ << shift;
    return (int32_t)((v >> 1) ^ (~(v & 1) + 1));
}

static enum mly_status append_part(struct mly_stitch *s, uint32_t number, const struct part *part)
{
    if (s->parts.size / sizeof *part >= UINT32_MAX - 1)
        return MLY_E_LIMIT;
    MLY_TRY(mly_buf_append(&s->parts, part, sizeof *part));
    const uint32_t from_one = (uint32_t)(s->parts.size / sizeof *part);
    struct sequence *sequence = sequence_at(s, number);
    if (sequence->last_part == NONE)
        sequence->first_part = from_one;
    else
        part_at(s, sequence->last_part)->next = from_one;
    sequence->last_part = from_one;
    sequence->n_loose += !part->is_connected;
    return MLY_OK;
}

static enum mly_status add_vertex(struct mly_stitch *s, struct part *part, struct vertex at)
{
    if (part->n_points == 0) {
        part->start = at;
        part->deltas = s->deltas.size;
    } else {
        MLY_TRY(append_delta(s, at.x - part->end.x));
        MLY_TRY(append_delta(s, at.y - part->end.y));
    }
    part->end = at;
    part->n_points++;
    return MLY_OK;
}

static enum mly_status add_piece(struct mly_stitch *s, const struct mly_mvt *mvt, uint32_t row, uint32_t number,
                                 bool is_covered)
{
    const struct mly_tile tile = mly_mvt_tile(mvt);
    const struct part empty = {
        .tile_x = tile.x, .tile_y = tile.y, .is_covered = is_covered, .is_connected = is_covered};
    struct part part = empty;
    struct mly_mvt_walk walk;
    enum mly_mvt_vertex step;
    mly_mvt_walk_open(mvt, row, &walk);
    while ((step = mly_mvt_walk_next(&walk)) != MLY_MVT_END) {
        if (step == MLY_MVT_FIRST && part.n_points > 0) {
            MLY_TRY(append_part(s, number, &part));
            part = empty;
        }
        const struct vertex at = {.x = (int32_t)(tile.x * MLY_STITCH_EXTENT) + walk.x,
                                  .y = (int32_t)(tile.y * MLY_STITCH_EXTENT) + walk.y};
        MLY_TRY(add_vertex(s, &part, at));
    }
    return part.n_points > 0 ? append_part(s, number, &part) : MLY_OK;
}

static enum mly_status too_much(enum mly_status status, struct mly_error *err)
{
    if (status == MLY_E_LIMIT)
        return mly_fail(err, status,
                        "the sequences of this area need more than %d MB; make the spatial filter smaller, or set the "
                        "open option STITCH=NO",
                        MLY_LIMIT_STITCH_MEMORY >> 20);
    return mly_fail(err, status, "out of memory for sequences");
}

enum mly_status mly_stitch_add(struct mly_stitch *s, const struct mly_mvt *mvt, bool known_only, struct mly_error *err)
{
    const uint32_t n_rows = mly_mvt_count(mvt);
    if (n_rows > 0 && mly_mvt_extent(mvt) != MLY_STITCH_EXTENT)
        return mly_fail(err, MLY_E_CORRUPT, "extent %u: sequences join on a grid of %d", mly_mvt_extent(mvt),
                        MLY_STITCH_EXTENT);
    for (uint32_t i = 0; i < n_rows; i++) {
        struct mly_row row;
        uint32_t number = 0;
        mly_mvt_row(mvt, i, &s->space, &row);
        enum mly_status status = sequence_of(s, &row, known_only, &number);
        if (status == MLY_OK)
            status = add_piece(s, mvt, i, number, !known_only);
        if (status < 0)
            return too_much(status, err);
    }
    return MLY_OK;
}

/* ---- which ---- */

uint32_t mly_stitch_count(const struct mly_stitch *s)
{
    return (uint32_t)(s->sequences.size / sizeof(struct sequence));
}

void mly_stitch_drop(struct mly_stitch *s, uint32_t sequence)
{
    sequence_at(s, sequence)->is_kept = false;
}

bool mly_stitch_is_kept(const struct mly_stitch *s, uint32_t sequence)
{
    return sequence_at(s, sequence)->is_kept;
}

struct mly_stitch_size mly_stitch_measure(const struct mly_stitch *s)
{
    struct mly_stitch_size size = {
        .n_sequences = mly_stitch_count(s),
        .n_parts = s->parts.size / sizeof(struct part),
        .n_bytes = s->sequences.size + s->parts.size + s->texts.size + s->values.size + s->deltas.size + s->slots.size,
    };
    for (uint32_t i = 1; i <= size.n_parts; i++)
        size.n_vertices += part_at(s, i)->n_points;
    return size;
}

/* ---- connecting ---- */

/* 180° east and west are one place for the line, though not for its coordinates. */
static struct vertex unwrapped(const struct mly_stitch *s, struct vertex v)
{
    if (v.x == (int32_t)(MLY_STITCH_EXTENT << s->zoom))
        v.x = 0;
    return v;
}

static bool is_same(struct vertex a, struct vertex b)
{
    return a.x == b.x && a.y == b.y;
}

/* An end of a part; NONE for a place that has been looked at. */
struct place {
    struct vertex at;
    uint32_t part;
};

static int compare_vertices(struct vertex a, struct vertex b)
{
    if (a.x != b.x)
        return a.x < b.x ? -1 : 1;
    return (a.y > b.y) - (a.y < b.y);
}

static int compare_places(const void *a, const void *b)
{
    return compare_vertices(((const struct place *)a)->at, ((const struct place *)b)->at);
}

static enum mly_status list_places(struct mly_stitch *s, const struct sequence *sequence)
{
    s->order.size = s->links.size = 0;
    for (uint32_t i = sequence->first_part; i != NONE; i = part_at(s, i)->next) {
        const struct part *part = part_at(s, i);
        const struct place ends[2] = {{unwrapped(s, part->start), i}, {unwrapped(s, part->end), i}};
        MLY_TRY(mly_buf_append(&s->order, ends, sizeof ends));
        if (part->is_connected)
            MLY_TRY(mly_buf_append(&s->links, &i, sizeof i));
    }
    qsort(s->order.data, s->order.size / sizeof(struct place), sizeof(struct place), compare_places);
    return MLY_OK;
}

/* Connects what has an end at `at`, and puts it on the pile. */
static enum mly_status flood(struct mly_stitch *s, struct sequence *sequence, struct vertex at)
{
    struct place *places = (void *)s->order.data;
    uint32_t low = 0, high = (uint32_t)(s->order.size / sizeof *places);
    const uint32_t n = high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (compare_vertices(places[middle].at, at) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (places[low].part == NONE)
        return MLY_OK;
    for (uint32_t i = low; i < n && is_same(places[i].at, at); i++) {
        const uint32_t number = places[i].part;
        if (!part_at(s, number)->is_connected) {
            part_at(s, number)->is_connected = true;
            sequence->n_loose--;
            MLY_TRY(mly_buf_append(&s->links, &number, sizeof number));
        }
    }
    places[low].part = NONE;
    return MLY_OK;
}

/* Lets connection spread from the parts that have it to those that share an end with them. */
static enum mly_status connect(struct mly_stitch *s, struct sequence *sequence)
{
    if (sequence->n_loose == 0)
        return MLY_OK;
    MLY_TRY(list_places(s, sequence));
    while (s->links.size > 0 && sequence->n_loose > 0) {
        uint32_t number;
        s->links.size -= sizeof number;
        memcpy(&number, s->links.data + s->links.size, sizeof number);
        MLY_TRY(flood(s, sequence, unwrapped(s, part_at(s, number)->start)));
        MLY_TRY(flood(s, sequence, unwrapped(s, part_at(s, number)->end)));
    }
    return MLY_OK;
}

/* The tiles that hold the vertex in their closed squares: one, two on a border, four at a corner. */
static enum mly_status tiles_at(const struct mly_stitch *s, struct vertex v, mly_tile_fn *fn, void *ctx)
{
    const int32_t across = (int32_t)(UINT32_C(1) << s->zoom);
    const int32_t x = v.x / MLY_STITCH_EXTENT, y = v.y / MLY_STITCH_EXTENT;
    for (int32_t dy = v.y % MLY_STITCH_EXTENT == 0 ? -1 : 0; dy <= 0; dy++) {
        for (int32_t dx = v.x % MLY_STITCH_EXTENT == 0 ? -1 : 0; dx <= 0; dx++) {
            if (y + dy < 0 || y + dy >= across)
                continue;
            const struct mly_tile tile = {
                .x = (uint32_t)((x + dx + across) % across), .y = (uint32_t)(y + dy), .z = s->zoom};
            MLY_TRY(fn(ctx, tile));
        }
    }
    return MLY_OK;
}

enum mly_status mly_stitch_neighbours(struct mly_stitch *s, uint32_t sequence, mly_tile_fn *fn, void *ctx)
{
    if (sequence_at(s, sequence)->id < 0) /* nothing can be known to belong to it */
        return MLY_OK;
    MLY_TRY(connect(s, sequence_at(s, sequence)));
    for (uint32_t i = sequence_at(s, sequence)->first_part; i != NONE; i = part_at(s, i)->next) {
        const struct part *part = part_at(s, i);
        if (!part->is_connected)
            continue;
        MLY_TRY(tiles_at(s, part->start, fn, ctx));
        MLY_TRY(tiles_at(s, part->end, fn, ctx));
    }
    return MLY_OK;
}

enum mly_status mly_stitch_tiles(const struct mly_stitch *s, uint32_t sequence, mly_tile_fn *fn, void *ctx)
{
    for (uint32_t i = sequence_at(s, sequence)->first_part; i != NONE; i = part_at(s, i)->next) {
        const struct part *part = part_at(s, i);
        if (part->is_covered)
            MLY_TRY(fn(ctx, (struct mly_tile){.x = part->tile_x, .y = part->tile_y, .z = s->zoom}));
    }
    return MLY_OK;
}

/* ---- joining ---- */

/* A part's first vertex. Those of a tile stand together, in the order of its parts: a block. */
struct start {
    struct vertex at;
    uint32_t tile_x, tile_y, link;
    uint32_t next; /* once its part has a predecessor: where to look on for one that has none */
};

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_starts(const void *a, const void *b)
{
    const struct start *l = a, *r = b;
    int order = compare_vertices(l->at, r->at);
    if (order == 0)
        order = compare_numbers(l->tile_y, r->tile_y);
    if (order == 0)
        order = compare_numbers(l->tile_x, r->tile_x);
    return order ? order : compare_numbers(l->link, r->link);
}

static struct link *links_of(const struct mly_stitch *s)
{
    return (void *)s->links.data;
}

static enum mly_status list_links(struct mly_stitch *s, const struct sequence *sequence, uint32_t *n_links)
{
    uint32_t n = 0;
    const struct part *before = NULL;
    s->links.size = s->order.size = 0;
    for (uint32_t i = sequence->first_part; i != NONE; i = part_at(s, i)->next) {
        const struct part *part = part_at(s, i);
        if (!part->is_connected)
            continue;
        const bool same_tile = before && before->tile_x == part->tile_x && before->tile_y == part->tile_y;
        const struct link link = {.part = part,
                                  .successor = no_link,
                                  .predecessor = no_link,
                                  .head = n,
                                  .tail = n,
                                  .chain = n,
                                  .is_next_in_tile = same_tile};
        const struct start start = {.at = part->start, .tile_x = part->tile_x, .tile_y = part->tile_y, .link = n};
        MLY_TRY(mly_buf_append(&s->links, &link, sizeof link));
        MLY_TRY(mly_buf_append(&s->order, &start, sizeof start));
        before = part;
        n++;
    }
    struct start *order = (void *)s->order.data;
    if (n > 0)
        qsort(order, n, sizeof *order, compare_starts);
    for (uint32_t i = 0; i < n; i++)
        order[i].next = i + 1;
    *n_links = n;
    return MLY_OK;
}

/* The index in the order of the first one that is not before `key`. */
static uint32_t lower_bound(const struct start *order, uint32_t n, const struct start *key)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (compare_starts(&order[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The index behind the block that begins at `first`. */
static uint32_t end_of_block(const struct start *order, uint32_t n, uint32_t first)
{
    struct start key = order[first];
    key.link = no_link;
    return lower_bound(order, n, &key);
}

/* A chain never closes on itself: a walk that ends where it began stays open there. */
static bool may_follow(const struct link *links, uint32_t from, uint32_t to)
{
    return links[to].predecessor == no_link && links[from].successor == no_link && links[from].head != to;
}

static uint32_t chain_of(struct link *links, uint32_t link)
{
    while (links[link].chain != link) {
        links[link].chain = links[links[link].chain].chain; /* shortens the way for the next one */
        link = links[link].chain;
    }
    return link;
}

static void join(struct link *links, uint32_t from, uint32_t to)
{
    const uint32_t head = links[from].head, tail = links[to].tail;
    links[from].successor = to;
    links[to].predecessor = from;
    links[head].tail = tail;
    links[tail].head = head;
    links[chain_of(links, to)].chain = chain_of(links, from);
}

static bool is_taken(const struct link *links, const struct start *start)
{
    return links[start->link].predecessor != no_link;
}

/* The first index from `i` on whose part has no predecessor, or `end`. Shortens the way for the next search. */
static uint32_t first_free(const struct link *links, struct start *order, uint32_t i, uint32_t end)
{
    while (i < end && is_taken(links, &order[i])) {
        const uint32_t next = order[i].next;
        if (next < end && is_taken(links, &order[next]))
            order[i].next = order[next].next;
        i = next;
    }
    return i;
}

/* The first part of a block that may follow `from`, or no_link. Of those that are free, it may be the one that closes
 * `from`'s own chain, but only one of them. */
static uint32_t free_in_block(const struct link *links, struct start *order, uint32_t first, uint32_t end,
                              uint32_t from)
{
    uint32_t i = first_free(links, order, first, end);
    if (i < end && !may_follow(links, from, order[i].link))
        i = first_free(links, order, i + 1, end);
    return i < end ? order[i].link : no_link;
}

/* Joins each part that ends where another begins, if `across` only with those of other tiles. At most four tiles, and
 * so four blocks, meet in a point. */
static void join_ends(const struct mly_stitch *s, uint32_t n, bool across)
{
    struct link *links = links_of(s);
    struct start *order = (void *)s->order.data;
    for (uint32_t i = 0; i < n; i++) {
        if (links[i].successor != no_link)
            continue;
        const struct part *part = links[i].part;
        const struct start key = {.at = part->end};
        uint32_t best = no_link;
        for (uint32_t j = lower_bound(order, n, &key); j < n && is_same(order[j].at, part->end);) {
            const uint32_t end = end_of_block(order, n, j);
            const bool is_own = order[j].tile_x == part->tile_x && order[j].tile_y == part->tile_y;
            const uint32_t found = across && is_own ? no_link : free_in_block(links, order, j, end, i);
            best = found < best ? found : best;
            j = end;
        }
        if (best != no_link)
            join(links, i, best);
    }
}

/* Puts the closed chain that begins with `first` between `from` and what follows it. False: they are of one chain, or
 * nothing follows. */
static bool splice_behind(struct link *links, uint32_t first, uint32_t from)
{
    const uint32_t last = links[first].tail, to = links[from].successor;
    if (to == no_link || chain_of(links, from) == chain_of(links, first))
        return false;
    links[from].successor = first;
    links[first].predecessor = from;
    links[last].successor = to;
    links[to].predecessor = last;
    links[chain_of(links, first)].chain = chain_of(links, from);
    return true;
}

/* A chain that ends where it begins, in a point that another one passes, is a part of that one's way: best behind the
 * part before it in its own tile. */
static void splice_loop(const struct mly_stitch *s, uint32_t n, uint32_t first)
{
    enum { MAX_TRIES = 64 }; /* more chains through one point are no road's */
    struct link *links = links_of(s);
    const struct start *order = (const void *)s->order.data;
    const struct start key = {.at = links[first].part->start};
    if (!is_same(links[links[first].tail].part->end, key.at))
        return;
    if (links[first].is_next_in_tile && is_same(links[first - 1].part->end, key.at) &&
        splice_behind(links, first, first - 1))
        return;
    const uint32_t begin = lower_bound(order, n, &key);
    for (uint32_t j = begin; j < n && j - begin < MAX_TRIES && is_same(order[j].at, key.at); j++) {
        const uint32_t from = links[order[j].link].predecessor;
        if (from != no_link && splice_behind(links, first, from))
            return;
    }
}

/* Where several parts meet in a point, a line that crosses a border goes on behind it, and one that meets itself goes
 * on with the next part of its piece; only what is left may join as it comes. */
static void join_all(const struct mly_stitch *s, uint32_t n)
{
    struct link *links = links_of(s);
    join_ends(s, n, true);
    for (uint32_t i = 0; i + 1 < n; i++) {
        if (links[i + 1].is_next_in_tile && is_same(links[i].part->end, links[i + 1].part->start) &&
            may_follow(links, i, i + 1))
            join(links, i, i + 1);
    }
    join_ends(s, n, false);
    for (uint32_t i = 0; i < n; i++) {
        if (links[i].predecessor == no_link)
            splice_loop(s, n, i);
    }
}

static enum mly_status append_point(struct mly_stitch *s, struct vertex v)
{
    const struct mly_tile whole = {.z = s->zoom}; /* positions count from the corner of the world */
    const struct mly_point point = {
        .x = mly_tile_longitude(whole, v.x, MLY_STITCH_EXTENT),
        .y = mly_tile_latitude_again(&s->latitudes, whole, v.y, MLY_STITCH_EXTENT),
    };
    return mly_buf_append(&s->points, &point, sizeof point);
}

static enum mly_status append_points(struct mly_stitch *s, const struct part *part, bool with_first)
{
    const uint8_t *at = s->deltas.data + part->deltas;
    struct vertex v = part->start;
    if (with_first)
        MLY_TRY(append_point(s, v));
    for (uint32_t i = 1; i < part->n_points; i++) {
        v.x += read_delta(&at);
        v.y += read_delta(&at);
        MLY_TRY(append_point(s, v));
    }
    return MLY_OK;
}

static enum mly_status append_chain(struct mly_stitch *s, uint32_t head)
{
    for (uint32_t i = head; i != no_link; i = links_of(s)[i].successor)
        MLY_TRY(append_points(s, links_of(s)[i].part, i == head));
    const uint32_t end = (uint32_t)(s->points.size / sizeof(struct mly_point));
    return mly_buf_append(&s->ends, &end, sizeof end);
}

static enum mly_status make_lines(struct mly_stitch *s, struct sequence *sequence)
{
    uint32_t n = 0;
    MLY_TRY(connect(s, sequence));
    MLY_TRY(list_links(s, sequence, &n));
    join_all(s, n);
    s->points.size = s->ends.size = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (links_of(s)[i].predecessor == no_link)
            MLY_TRY(append_chain(s, i));
    }
    return MLY_OK;
}

enum mly_status mly_stitch_row(struct mly_stitch *s, uint32_t number, struct mly_row *out, struct mly_error *err)
{
    struct sequence *sequence = sequence_at(s, number);
    const enum mly_status status = make_lines(s, sequence);
    if (status < 0)
        return too_much(status, err);
    memcpy(s->row_values, s->values.data + sequence->values, s->layer->n_tile_columns * sizeof s->row_values[0]);
    if (s->row_values[0].type == MLY_TEXT) /* the first column is the id; no other one is text */
        s->row_values[0].as.text = (const char *)s->texts.data + sequence->text;
    *out = (struct mly_row){
        .id = sequence->id,
        .points = (const void *)s->points.data,
        .part_ends = (const void *)s->ends.data,
        .n_parts = (uint32_t)(s->ends.size / sizeof(uint32_t)),
        .values = s->row_values,
    };
    return MLY_OK;
}
