/* SPDX-License-Identifier: MIT */
#include "cover.h"

#include <math.h>

#include "limits.h"

/* The box in tiles of the cover's zoom, ends included. */
struct range {
    uint32_t x_first, x_last, y_first, y_last;
};

struct walk {
    const struct mly_area *area;
    struct mly_cover *cover;
    struct range range;
    uint64_t max_tiles, tests;
};

/* A point on the east or south edge of the area may be the first of the next tile; 1e-9 tiles (some micrometres)
 * outweighs the rounding of the projection, so that no such point is missed. */
static const double edge_tolerance = 1e-9;

static uint32_t tile_index(double position, uint8_t zoom)
{
    const double last = (double)((UINT64_C(1) << zoom) - 1);
    return (uint32_t)(position > last ? last : position < 0.0 ? 0.0 : floor(position));
}

static bool find_range(const struct mly_area *area, uint8_t zoom, struct range *out)
{
    const struct mly_box *box = &area->box;
    const double before = area->closed ? edge_tolerance : 0.0;
    if (box->west > box->east || box->south > box->north || box->east < -180.0 || box->west > 180.0 ||
        box->north < -MLY_TILE_MAX_LATITUDE || box->south > MLY_TILE_MAX_LATITUDE)
        return false;
    *out = (struct range){
        .x_first = tile_index(mly_tile_x(box->west, zoom) - before, zoom),
        .x_last = tile_index(mly_tile_x(box->east, zoom) + edge_tolerance, zoom),
        .y_first = tile_index(mly_tile_y(box->north, zoom) - before, zoom),
        .y_last = tile_index(mly_tile_y(box->south, zoom) + edge_tolerance, zoom),
    };
    return true;
}

/* The tiles of a node, in those of the cover's zoom. */
static struct range range_of(const struct walk *walk, const struct mly_cover_node *node)
{
    const unsigned shift = walk->cover->zoom - node->z;
    const uint32_t last = (UINT32_C(1) << shift) - 1, x = node->x << shift, y = node->y << shift;
    return (struct range){.x_first = x, .x_last = x + last, .y_first = y, .y_last = y + last};
}

static enum mly_touch touch_range(const struct range *r, const struct range *n)
{
    if (n->x_last < r->x_first || n->x_first > r->x_last || n->y_last < r->y_first || n->y_first > r->y_last)
        return MLY_OUTSIDE;
    const bool whole = n->x_first >= r->x_first && n->x_last <= r->x_last && n->y_first >= r->y_first &&
                       n->y_last <= r->y_last;
    return whole ? MLY_INSIDE : MLY_PARTLY;
}

/* Strictly between the first and last row and column of tiles, the box holds all of each tile. */
static bool is_inner(const struct range *r, const struct range *n)
{
    return n->x_first > r->x_first && n->x_last < r->x_last && n->y_first > r->y_first && n->y_last < r->y_last;
}

/* MLY_INSIDE: take all tiles of the node. `node->inside` is then what the area itself says. */
static enum mly_touch classify(struct walk *walk, struct mly_cover_node *node)
{
    const struct range tiles = range_of(walk, node);
    const enum mly_touch ranged = touch_range(&walk->range, &tiles);
    if (ranged == MLY_OUTSIDE)
        return MLY_OUTSIDE;
    node->inside = is_inner(&walk->range, &tiles);
    if (!walk->area->touch)
        return ranged;
    walk->tests++;
    const struct mly_box box = mly_tile_box((struct mly_tile){.x = node->x, .y = node->y, .z = node->z});
    const enum mly_touch touch = walk->area->touch(walk->area->ctx, &box);
    node->inside = node->inside && touch == MLY_INSIDE;
    return touch == MLY_INSIDE ? ranged : touch; /* the box may cut what the shape holds */
}

static enum mly_status take_node(struct walk *walk, const struct mly_cover_node *node)
{
    struct mly_cover *cover = walk->cover;
    cover->n_tiles += UINT64_C(1) << (2 * (cover->zoom - node->z));
    if (cover->n_tiles > walk->max_tiles) { /* from now on only the number is of interest */
        mly_buf_fini(&cover->nodes);
        return MLY_OK;
    }
    return mly_buf_append(&cover->nodes, node, sizeof *node);
}

/* The deepest walk has three waiting siblings on each level. */
enum { MAX_WAITING = 4 + 3 * MLY_LIMIT_ZOOM };

static enum mly_status descend(struct walk *walk)
{
    struct mly_cover_node waiting[MAX_WAITING] = {{.z = 0}};
    size_t n_waiting = 1;
    while (n_waiting > 0) {
        struct mly_cover_node node = waiting[--n_waiting];
        const enum mly_touch touch = classify(walk, &node);
        if (walk->tests > MLY_LIMIT_COVER_TESTS)
            return MLY_E_LIMIT;
        if (touch == MLY_OUTSIDE)
            continue;
        if (touch == MLY_INSIDE || node.z == walk->cover->zoom) {
            MLY_TRY(take_node(walk, &node));
            continue;
        }
        for (unsigned i = 4; i-- > 0;) /* the last one pushed is walked first */
            waiting[n_waiting++] = (struct mly_cover_node){
                .x = node.x * 2 + (i & 1), .y = node.y * 2 + (i >> 1), .z = (uint8_t)(node.z + 1)};
    }
    return MLY_OK;
}

enum mly_status mly_cover_make(const struct mly_area *area, uint8_t zoom, uint64_t max_tiles, const struct mly_mem *mem,
                               struct mly_cover *out, struct mly_error *err)
{
    *out = (struct mly_cover){.zoom = zoom};
    mly_buf_init(&out->nodes, mem, SIZE_MAX);
    if (zoom > MLY_LIMIT_ZOOM)
        return mly_fail(err, MLY_E_ARG, "zoom %u: tiles end at zoom %d", zoom, MLY_LIMIT_ZOOM);

    struct walk walk = {.area = area, .cover = out, .max_tiles = max_tiles};
    if (!find_range(area, zoom, &walk.range))
        return MLY_OK;
    const enum mly_status status = descend(&walk);
    if (status == MLY_E_LIMIT) { /* counted in part: no number to tell */
        out->n_tiles = 0;
        mly_buf_fini(&out->nodes);
        return mly_fail(err, status, "the outline of the area is too detailed for so large an area; simplify it");
    }
    if (status < 0)
        return mly_fail(err, status, "out of memory for the list of tiles");
    if (out->n_tiles > max_tiles)
        return mly_fail(err, MLY_E_LIMIT, "%llu tiles are needed, %llu are allowed", (unsigned long long)out->n_tiles,
                        (unsigned long long)max_tiles);
    return MLY_OK;
}

enum mly_status mly_cover_of(const struct mly_tile *tiles, size_t n_tiles, uint8_t zoom, const struct mly_mem *mem,
                             struct mly_cover *out, struct mly_error *err)
{
    *out = (struct mly_cover){.zoom = zoom, .n_tiles = n_tiles};
    mly_buf_init(&out->nodes, mem, SIZE_MAX);
    for (size_t i = 0; i < n_tiles; i++) {
        const struct mly_cover_node node = {.x = tiles[i].x, .y = tiles[i].y, .z = zoom};
        if (mly_buf_append(&out->nodes, &node, sizeof node) < 0)
            return mly_fail(err, MLY_E_NOMEM, "out of memory for the list of tiles");
    }
    return MLY_OK;
}

/* Every second bit of `code`, beginning with bit `first`: one coordinate of a place on the Z-order curve. */
static uint32_t deinterleave(uint64_t code, unsigned first)
{
    uint32_t value = 0;
    for (unsigned bit = 0; bit < MLY_LIMIT_ZOOM; bit++)
        value |= (uint32_t)((code >> (2 * bit + first)) & 1) << bit;
    return value;
}

/* ---- parents ---- */

/* A bit for each tile of a zoom, in Z-order: 32 MiB at the deepest zoom, and walking it gives the cover's order. */
struct marks {
    uint64_t *words;
    size_t n_words;
    uint8_t zoom;
};

/* The bits of a coordinate with a zero behind each: one half of a place on the Z-order curve. */
static uint64_t interleave(uint64_t value)
{
    value = (value | value << 16) & UINT64_C(0x0000ffff0000ffff);
    value = (value | value << 8) & UINT64_C(0x00ff00ff00ff00ff);
    value = (value | value << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    value = (value | value << 2) & UINT64_C(0x3333333333333333);
    return (value | value << 1) & UINT64_C(0x5555555555555555);
}

static uint64_t z_order_of(uint32_t x, uint32_t y)
{
    return interleave(x) | interleave(y) << 1;
}

static bool init_marks(struct marks *marks, uint8_t zoom, const struct mly_mem *mem)
{
    const uint64_t n_tiles = UINT64_C(1) << (2 * zoom);
    *marks = (struct marks){.n_words = (size_t)((n_tiles + 63) / 64), .zoom = zoom};
    marks->words = mem->alloc(mem->ctx, marks->n_words * sizeof *marks->words);
    for (size_t i = 0; marks->words && i < marks->n_words; i++)
        marks->words[i] = 0;
    return marks->words != NULL;
}

static void mark(struct marks *marks, uint32_t x, uint32_t y)
{
    const uint64_t code = z_order_of(x, y);
    marks->words[code / 64] |= UINT64_C(1) << (code % 64);
}

/* Columns from one to the other, going on across 180°; rows likewise, without. */
static void mark_block(struct marks *marks, uint32_t x_first, uint32_t x_last, uint32_t y_first, uint32_t y_last)
{
    const uint32_t mask = (UINT32_C(1) << marks->zoom) - 1;
    for (uint32_t y = y_first; y <= y_last; y++) {
        mark(marks, x_last, y);
        for (uint32_t x = x_first; x != x_last; x = (x + 1) & mask)
            mark(marks, x, y);
    }
}

/* The descendants of a tile of a lower zoom lie side by side on the curve: some bits of one word, or whole words. */
static void mark_descendants(struct marks *marks, const struct mly_cover_node *node)
{
    const unsigned shift = 2u * (unsigned)(marks->zoom - node->z);
    const uint64_t first = z_order_of(node->x, node->y) << shift, n = UINT64_C(1) << shift;
    if (n < 64) {
        marks->words[first / 64] |= ((UINT64_C(1) << n) - 1) << (first % 64);
        return;
    }
    for (uint64_t word = first / 64; word < (first + n) / 64; word++)
        marks->words[word] = UINT64_MAX;
}

/* The parents of the node and of the ring of tiles around it. */
static void mark_node(struct marks *marks, const struct mly_cover_node *node, uint8_t zoom)
{
    const unsigned down = zoom - node->z, up = zoom - marks->zoom;
    const uint32_t world = UINT32_C(1) << zoom, side = UINT32_C(1) << down;
    const uint32_t x = node->x << down, y = node->y << down;
    const uint32_t before = ((x + world - 1) & (world - 1)) >> up, behind = ((x + side) & (world - 1)) >> up;
    const uint32_t above = (y > 0 ? y - 1 : y) >> up, below = (y + side < world ? y + side : world - 1) >> up;
    if (node->z > marks->zoom) { /* no larger than a parent: all of them are the ring's */
        mark_block(marks, before, behind, above, below);
        return;
    }
    mark_descendants(marks, node);
    mark_block(marks, x >> up, (x + side - 1) >> up, above, above);
    mark_block(marks, x >> up, (x + side - 1) >> up, below, below);
    mark_block(marks, before, before, above, below);
    mark_block(marks, behind, behind, above, below);
}

static uint64_t count_marks(const struct marks *marks)
{
    uint64_t n = 0;
    for (size_t i = 0; i < marks->n_words; i++) {
        for (uint64_t word = marks->words[i]; word != 0; word &= word - 1)
            n++;
    }
    return n;
}

static enum mly_status take_marks(const struct marks *marks, struct mly_cover *out)
{
    MLY_TRY(mly_buf_reserve(&out->nodes, (size_t)out->n_tiles * sizeof(struct mly_cover_node)));
    for (size_t i = 0; i < marks->n_words; i++) {
        for (unsigned bit = 0; marks->words[i] != 0 && bit < 64; bit++) {
            const uint64_t code = (uint64_t)i * 64 + bit;
            const struct mly_cover_node node = {
                .x = deinterleave(code, 0), .y = deinterleave(code, 1), .z = marks->zoom};
            if (marks->words[i] >> bit & 1)
                MLY_TRY(mly_buf_append(&out->nodes, &node, sizeof node));
        }
    }
    return MLY_OK;
}

enum mly_status mly_cover_parents(const struct mly_cover *of, uint8_t zoom, uint64_t max_tiles,
                                  const struct mly_mem *mem, struct mly_cover *out, struct mly_error *err)
{
    const struct mly_cover_node *nodes = (const void *)of->nodes.data;
    struct marks marks;
    *out = (struct mly_cover){.zoom = zoom};
    mly_buf_init(&out->nodes, mem, SIZE_MAX);
    if (zoom > of->zoom || of->zoom > MLY_LIMIT_ZOOM)
        return mly_fail(err, MLY_E_ARG, "zoom %u holds no parents of tiles of zoom %u", zoom, of->zoom);
    if (!init_marks(&marks, zoom, mem))
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the list of tiles");

    for (size_t i = 0; i < of->nodes.size / sizeof *nodes; i++)
        mark_node(&marks, &nodes[i], of->zoom);
    out->n_tiles = count_marks(&marks);
    const enum mly_status status = out->n_tiles > max_tiles ? MLY_E_LIMIT : take_marks(&marks, out);
    mem->release(mem->ctx, marks.words);
    if (status == MLY_E_LIMIT)
        return mly_fail(err, status, "%llu tiles are needed, %llu are allowed", (unsigned long long)out->n_tiles,
                        (unsigned long long)max_tiles);
    return status < 0 ? mly_fail(err, status, "out of memory for the list of tiles") : MLY_OK;
}

/* ---- the walk ---- */

bool mly_cover_next(const struct mly_cover *cover, struct mly_cover_cursor *cursor, struct mly_tile *out, bool *inside)
{
    const struct mly_cover_node *nodes = (const void *)cover->nodes.data;
    if (cursor->node >= cover->nodes.size / sizeof *nodes)
        return false;

    const struct mly_cover_node *node = &nodes[cursor->node];
    const unsigned shift = cover->zoom - node->z;
    *out = (struct mly_tile){
        .x = (node->x << shift) + deinterleave(cursor->tile, 0),
        .y = (node->y << shift) + deinterleave(cursor->tile, 1),
        .z = cover->zoom,
    };
    if (inside)
        *inside = node->inside;
    if (++cursor->tile == UINT64_C(1) << (2 * shift))
        *cursor = (struct mly_cover_cursor){.node = cursor->node + 1};
    return true;
}

void mly_cover_fini(struct mly_cover *cover)
{
    if (cover->nodes.mem)
        mly_buf_fini(&cover->nodes);
}
