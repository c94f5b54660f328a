/* SPDX-License-Identifier: MIT */
#include "core/prune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/tiles.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/make_tile.h"

enum { MAX_SCOUTS = 64, MAX_IN_FLIGHT = 8, MAX_LINES = 24, MAX_VERTICES = 6 };

/* A vertex list and its length, as two arguments. */
#define VERTICES(...) (const struct make_vertex[]){__VA_ARGS__}, COUNT(((const struct make_vertex[]){__VA_ARGS__}))

/* A line as it was drawn, for the truth. */
struct line {
    size_t scout; /* the tile that it is in */
    struct make_vertex at[MAX_VERTICES];
    size_t n;
};

struct flight {
    uint64_t ticket;
    char key[MLY_LIMIT_KEY];
};

struct rig {
    struct fail_mem mem;
    struct mly_plan plan;
    struct mly_tile scouts[MAX_SCOUTS];
    struct make_lines drawn[MAX_SCOUTS];
    struct bytes bodies[MAX_SCOUTS]; /* made when they are asked for */
    size_t n_scouts;
    uint32_t extent;
    struct line lines[MAX_LINES];
    size_t n_lines;
    struct mly_read_options options;
    struct mly_machine *machine;
    struct mly_error err;
    struct flight flights[MAX_IN_FLIGHT];
    size_t n_flights, n_scouted, n_read;
    struct chance chance;
    int http; /* of the scout's answers; 0: 200 */
    const struct mly_plan *pruned;
    enum mly_status refusal; /* of the machine's maker */
    char debug[1024], warning[1024];
    size_t n_warnings;
};

static void note(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    (void)snprintf(rig->debug, sizeof rig->debug, "%s", text);
}

static void warn(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    rig->n_warnings++;
    (void)snprintf(rig->warning, sizeof rig->warning, "%s", text);
}

/* Notes the plan, and makes the machine that reads its tiles. */
static enum mly_status make_tiles(const struct mly_plan *plan, const struct mly_read_options *options,
                                  struct mly_machine **out, struct mly_error *err)
{
    struct rig *rig = options->debug_ctx;
    rig->pruned = plan;
    return rig->refusal < 0 ? mly_fail(err, rig->refusal, "no machine") : mly_tiles_new(plan, options, out, err);
}

/* ---- the rig ---- */

/* `size` tiles of the zoom to each side, from `first` on. */
static void plan_square(struct rig *rig, const char *layer, struct mly_tile first, unsigned size, uint8_t scout_zoom)
{
    const struct mly_tile last = {.x = first.x + size - 1, .y = first.y + size - 1, .z = first.z};
    const struct mly_area area = {.box = {.west = mly_tile_longitude(first, 1, 4),
                                          .north = mly_tile_latitude(first, 1, 4),
                                          .east = mly_tile_longitude(last, 3, 4),
                                          .south = mly_tile_latitude(last, 3, 4)}};
    struct mly_cover_cursor cursor = {.node = 0};
    memset(rig, 0, sizeof *rig);
    fail_mem_init(&rig->mem);
    rig->extent = 4096;
    rig->chance.state = 3;
    rig->plan = (struct mly_plan){
        .layer = mly_schema_find(layer), .tileset = "mly1_public", .max_tiles = 1000000, .stitch = MLY_STITCH_NO};
    assert_status(mly_cover_make(&area, first.z, UINT64_MAX, mly_mem_system(), &rig->plan.cover, NULL), MLY_OK, NULL);
    assert_status(mly_cover_parents(&rig->plan.cover, scout_zoom, MAX_SCOUTS, mly_mem_system(), &rig->plan.scout, NULL),
                  MLY_OK, NULL);
    while (mly_cover_next(&rig->plan.scout, &cursor, &rig->scouts[rig->n_scouts], NULL))
        rig->n_scouts++;
}

static size_t scout_of(const struct rig *rig, uint32_t x, uint32_t y)
{
    for (size_t i = 0; i < rig->n_scouts; i++) {
        if (rig->scouts[i].x == x && rig->scouts[i].y == y)
            return i;
    }
    fail_msg("%u/%u is no tile of the scout", x, y);
    return 0;
}

static void draw(struct rig *rig, size_t scout, const struct make_vertex *at, size_t n)
{
    struct line *line = &rig->lines[rig->n_lines++];
    assert_true(rig->n_lines <= MAX_LINES && n <= MAX_VERTICES);
    make_lines_add(&rig->drawn[scout], NULL, at, n);
    *line = (struct line){.scout = scout, .n = n};
    memcpy(line->at, at, n * sizeof *at);
}

static enum mly_status start(struct rig *rig)
{
    rig->options = (struct mly_read_options){
        .mem = &rig->mem.mem,
        .tile_service = "https://tiles.example.org",
        .max_in_flight = 4,
        .debug = note,
        .debug_ctx = rig,
        .warn = warn,
    };
    return mly_prune_new(&rig->plan, &rig->options, make_tiles, &rig->machine, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_machine_free(rig->machine);
    for (size_t i = 0; i < rig->n_scouts; i++) {
        if (rig->bodies[i].size == 0)
            rig->bodies[i] = make_lines_tile(&rig->drawn[i], rig->extent);
        bytes_free(&rig->bodies[i]);
    }
    mly_cover_fini(&rig->plan.scout);
    mly_cover_fini(&rig->plan.cover);
    assert_nothing_leaks(&rig->mem);
}

/* The body of a request: lines for the scout, else two images whose ids tell the tile. */
static struct bytes answer(struct rig *rig, const struct flight *flight)
{
    static const char tileset[] = "mly1_public/";
    char *rest;
    struct bytes copy = {.size = 0};
    assert_memory_equal(flight->key, tileset, sizeof tileset - 1);
    const uint32_t z = (uint32_t)strtoul(flight->key + sizeof tileset - 1, &rest, 10);
    const uint32_t x = (uint32_t)strtoul(rest + 1, &rest, 10), y = (uint32_t)strtoul(rest + 1, &rest, 10);
    assert_int_equal(*rest, '\0');
    if (mly_machine_lane(flight->ticket) != MLY_LANE_SCOUT) {
        assert_int_equal(z, rig->plan.cover.zoom);
        rig->n_read++;
        return make_images((int64_t)x << 20 | (int64_t)y << 1, 2);
    }
    const size_t scout = scout_of(rig, x, y);
    assert_int_equal(z, rig->plan.scout.zoom);
    rig->n_scouted++;
    if (rig->bodies[scout].size == 0)
        rig->bodies[scout] = make_lines_tile(&rig->drawn[scout], rig->extent);
    bytes_append(&copy, rig->bodies[scout].data, rig->bodies[scout].size);
    return copy;
}

static enum mly_status answer_one(struct rig *rig)
{
    const size_t i = chance_below(&rig->chance, rig->n_flights);
    const struct flight flight = rig->flights[i];
    struct mly_response response = {.ticket = flight.ticket, .http = rig->http ? rig->http : 200, .attempts = 1};
    struct bytes body = answer(rig, &flight);
    rig->flights[i] = rig->flights[--rig->n_flights];
    mly_buf_init(&response.body, mly_mem_system(), MLY_LIMIT_BODY);
    assert_status(mly_buf_append(&response.body, body.data, body.size), MLY_OK, NULL);
    bytes_free(&body);
    const enum mly_status status = mly_machine_feed(rig->machine, &response, &rig->err);
    mly_transport_fini_response(&response);
    return status;
}

/* As a reader does. */
static enum mly_status next(struct rig *rig, struct mly_row *row)
{
    for (;;) {
        struct mly_request request;
        enum mly_status status = mly_machine_take(rig->machine, row, &rig->err);
        if (status != MLY_AGAIN)
            return status;
        while ((status = mly_machine_want(rig->machine, &request, &rig->err)) == MLY_OK) {
            struct flight *flight = &rig->flights[rig->n_flights++];
            assert_true(rig->n_flights <= MAX_IN_FLIGHT);
            flight->ticket = request.ticket;
            memcpy(flight->key, request.key, sizeof flight->key);
        }
        if (status < 0)
            return status;
        if (rig->n_flights == 0) /* it waits for nothing */
            return MLY_E_ARG;
        MLY_TRY(answer_one(rig));
    }
}

static void run(struct rig *rig)
{
    struct mly_row row;
    assert_status(start(rig), MLY_OK, &rig->err);
    enum mly_status status;
    while ((status = next(rig, &row)) == MLY_OK)
        continue;
    assert_status(status, MLY_DONE, &rig->err);
}

/* ---- the truth: a line and a square ---- */

/* What of the way [0, 1] from `from` to `to` lies in [low, high]; false when nothing does. */
static bool clip(long double from, long double to, long double low, long double high, long double way[2])
{
    if (from == to)
        return from >= low && from <= high;
    const long double a = (low - from) / (to - from), b = (high - from) / (to - from);
    way[0] = fmaxl(way[0], fminl(a, b));
    way[1] = fminl(way[1], fmaxl(a, b));
    return way[0] <= way[1];
}

/* Whether the line touches the closed square of nine tiles around one, of those that the world has, grown by `more`. */
static bool touches(const struct rig *rig, const struct line *line, struct mly_tile tile, long double more)
{
    const struct mly_tile scout = rig->scouts[line->scout];
    const unsigned shift = rig->plan.cover.zoom - scout.z;
    const long double across = (long double)(1u << rig->plan.cover.zoom), side = (long double)(1u << shift);
    const long double unit = side / (rig->extent ? rig->extent : 4096);
    for (size_t i = 1; i < line->n; i++) {
        const struct make_vertex a = line->at[i - 1], b = line->at[i];
        for (int turn = -1; turn <= 1; turn++) {
            long double way[2] = {0, 1};
            const long double x = tile.x + turn * across;
            const long double top = fmaxl(tile.y - 1.0L, 0), bottom = fminl(tile.y + 2.0L, across);
            if (clip(scout.x * side + a.x * unit, scout.x * side + b.x * unit, x - 1 - more, x + 2 + more, way) &&
                clip(scout.y * side + a.y * unit, scout.y * side + b.y * unit, top - more, bottom + more, way))
                return true;
        }
    }
    return false;
}

static bool any_touches(const struct rig *rig, struct mly_tile tile, long double more)
{
    for (size_t i = 0; i < rig->n_lines; i++) {
        if (touches(rig, &rig->lines[i], tile, more))
            return true;
    }
    return false;
}

/* The pruned plan has the tiles that a line touches or lies beside, in the plan's order, with their flags. */
static void assert_pruned(const struct rig *rig)
{
    struct mly_cover_cursor all = {.node = 0}, left = {.node = 0};
    struct mly_tile tile, kept = {.z = 0};
    bool inside = false, kept_inside = false;
    bool has_kept = mly_cover_next(&rig->pruned->cover, &left, &kept, &kept_inside);
    uint64_t n = 0;
    while (mly_cover_next(&rig->plan.cover, &all, &tile, &inside)) {
        if (has_kept && kept.x == tile.x && kept.y == tile.y) {
            assert_true(any_touches(rig, tile, 1e-5L));
            assert_int_equal(kept_inside, inside);
            has_kept = mly_cover_next(&rig->pruned->cover, &left, &kept, &kept_inside);
            n++;
        } else {
            assert_false(any_touches(rig, tile, 0));
        }
    }
    assert_false(has_kept);
    assert_int_equal(rig->pruned->cover.n_tiles, n);
    assert_int_equal(rig->n_read, n);
    assert_int_equal(rig->n_scouted, rig->n_scouts);
}

/* ---- what is left ---- */

/* Zoom 14 in tiles of zoom 11: a tile takes 512 units. */
static const struct mly_tile home = {.x = 8576, .y = 5736, .z = 14};

static void tiles_with_a_line_and_those_beside_them_are_read(void **state)
{
    (void)state;
    struct rig rig;
    plan_square(&rig, "images", home, 8, 11);
    draw(&rig, scout_of(&rig, 1072, 717), VERTICES({600, 600}, {700, 700})); /* tile (1, 1) */

    run(&rig);

    assert_pruned(&rig);
    assert_int_equal(rig.pruned->cover.n_tiles, 9);
    assert_int_equal(rig.pruned->scout.n_tiles, 0);
    assert_int_equal(rig.n_scouts, 9); /* the square is a whole tile: those around it reach into its margin */
    assert_says(rig.debug, "images: PRUNE=YES: 9 of 64 z14 tiles are left");
    tear_down(&rig);
}

static void rows_are_those_of_the_tiles_that_are_left_in_the_plan_s_order(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_row row;
    plan_square(&rig, "images", home, 8, 11);
    draw(&rig, scout_of(&rig, 1072, 717), VERTICES({600, 600}, {700, 700}));
    assert_status(start(&rig), MLY_OK, &rig.err);
    static const unsigned order[][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {2, 0}, {2, 1}, {0, 2}, {1, 2}, {2, 2}};

    for (size_t i = 0; i < 2 * COUNT(order); i++) {
        const int64_t x = home.x + order[i / 2][0], y = home.y + order[i / 2][1];
        assert_status(next(&rig, &row), MLY_OK, &rig.err);
        assert_true(row.id == (x << 20 | y << 1) + (int64_t)(i % 2));
    }
    assert_status(next(&rig, &row), MLY_DONE, &rig.err);

    tear_down(&rig);
}

static void a_line_at_a_corner_belongs_to_all_that_meet_there(void **state)
{
    (void)state;
    struct rig rig;
    plan_square(&rig, "images", home, 8, 11);
    draw(&rig, scout_of(&rig, 1072, 717), VERTICES({2048, 2048}, {2048, 2048})); /* where (3, 3) and (4, 4) meet */

    run(&rig);

    assert_pruned(&rig);
    assert_int_equal(rig.pruned->cover.n_tiles, 16);
    tear_down(&rig);
}

static void without_lines_nothing_is_read_and_nothing_comes(void **state)
{
    (void)state;
    static const int https[] = {200, 204, 404};
    for (size_t i = 0; i < COUNT(https); i++) {
        struct rig rig;
        plan_square(&rig, "images", home, 8, 11);
        rig.http = https[i];

        run(&rig);

        assert_int_equal(rig.pruned->cover.n_tiles, 0);
        assert_int_equal(rig.n_read, 0);
        tear_down(&rig);
    }
}

static void an_empty_plan_is_done_at_once(void **state)
{
    (void)state;
    struct rig rig;
    plan_square(&rig, "images", home, 1, 11);
    mly_cover_fini(&rig.plan.cover);
    mly_cover_fini(&rig.plan.scout);
    rig.plan.cover.n_tiles = rig.plan.scout.n_tiles = rig.n_scouts = 0;

    run(&rig);

    assert_int_equal(rig.n_scouted, 0);
    tear_down(&rig);
}

static struct make_vertex random_vertex(struct chance *chance, int32_t extent)
{
    static const int32_t special[] = {0, 1, 2, 4, 8};
    struct make_vertex at;
    int32_t *coordinates[] = {&at.x, &at.y};
    for (size_t i = 0; i < 2; i++) {
        if (chance_below(chance, 3) == 0)
            *coordinates[i] = extent / 8 * special[chance_below(chance, COUNT(special))];
        else if (chance_below(chance, 6) == 0)
            *coordinates[i] = (int32_t)chance_below(chance, 3 * (size_t)extent + 1) - extent;
        else
            *coordinates[i] = (int32_t)chance_below(chance, (size_t)extent + 1);
    }
    return at;
}

/* Lines long and short, upright and level, along borders and out of their tile, at 180° and at the ends of the world.
 */
static void random_lines_leave_the_tiles_that_geometry_says(void **state)
{
    (void)state;
    static const uint32_t extents[] = {4096, 4096, 0, 512, 1000, 77, 1 << 20};
    struct chance chance = {.state = 41};
    for (unsigned long round = chance_rounds(150); round > 0; round--) {
        const uint32_t size = 1 + (uint32_t)chance_below(&chance, 24), last = 16384 - size;
        const uint32_t at[] = {0, last, (uint32_t)chance_below(&chance, last), home.x & ~63u};
        const struct mly_tile first = {
            .x = at[chance_below(&chance, COUNT(at))], .y = at[chance_below(&chance, COUNT(at))], .z = 14};
        struct rig rig;
        plan_square(&rig, "images", first, size, (uint8_t)(size > 4 ? 8 + chance_below(&chance, 5) : 14));
        rig.extent = extents[chance_below(&chance, COUNT(extents))];
        rig.chance.state = round;
        for (size_t n = chance_below(&chance, MAX_LINES); n > 0; n--) {
            const int32_t extent = rig.extent ? (int32_t)rig.extent : 4096;
            struct make_vertex vertices[MAX_VERTICES];
            const size_t n_vertices = 2 + chance_below(&chance, MAX_VERTICES - 1);
            for (size_t i = 0; i < n_vertices; i++) {
                vertices[i] = random_vertex(&chance, extent);
                if (i > 0 && chance_below(&chance, 2)) /* a short step */
                    vertices[i] = (struct make_vertex){
                        vertices[i - 1].x + (vertices[i - 1].x < extent ? (int32_t)chance_below(&chance, 2) : 0),
                        vertices[i - 1].y};
            }
            draw(&rig, chance_below(&chance, rig.n_scouts), vertices, n_vertices);
        }

        run(&rig);

        assert_pruned(&rig);
        tear_down(&rig);
    }
}

/* ---- words ---- */

static void a_read_warns_once_of_what_may_be_missed(void **state)
{
    (void)state;
    static const char *const layers[] = {"images", "sequences"};
    static const char *const words[] = {
        "images: PRUNE=YES: images whose sequence has a single position, or is not drawn at zoom 11, may",
        "sequences: PRUNE=YES: sequences that the generalised lines of zoom 11"};
    for (size_t i = 0; i < COUNT(layers); i++) {
        struct rig rig;
        plan_square(&rig, layers[i], home, 8, 11);

        run(&rig);

        assert_int_equal(rig.n_warnings, 1);
        assert_says(rig.warning, words[i]);
        tear_down(&rig);
    }
}

/* ---- limits and failures ---- */

static void tiles_that_are_left_and_those_of_the_scout_are_within_the_limit_together(void **state)
{
    (void)state;
    for (uint64_t max = 8; max <= 18; max++) { /* nine of the scout, and nine that are left */
        struct rig rig;
        struct mly_row row;
        plan_square(&rig, "images", home, 8, 11);
        draw(&rig, scout_of(&rig, 1072, 717), VERTICES({600, 600}, {700, 700}));
        rig.plan.max_tiles = max;
        assert_status(start(&rig), MLY_OK, &rig.err);

        const enum mly_status status = next(&rig, &row);

        assert_status(status, max < 18 ? MLY_E_LIMIT : MLY_OK, &rig.err);
        if (max < 18) {
            char needed[64];
            (void)snprintf(needed, sizeof needed, "needs 18 tiles and MAX_TILES allows %u.", (unsigned)max);
            assert_says(rig.err.text, "images: after pruning, ");
            assert_says(rig.err.text, needed);
        }
        tear_down(&rig);
    }
}

static void a_scout_of_the_tiles_own_children_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    plan_square(&rig, "images", home, 1, 14);
    rig.plan.cover.zoom = 13;

    assert_status(start(&rig), MLY_E_ARG, &rig.err);

    tear_down(&rig);
}

static void a_failure_of_the_scout_ends_the_read(void **state)
{
    (void)state;
    static const int https[] = {500, 401};
    static const enum mly_status expected[] = {MLY_E_REMOTE, MLY_E_AUTH};
    for (size_t i = 0; i < COUNT(https); i++) {
        struct rig rig;
        struct mly_row row;
        plan_square(&rig, "images", home, 4, 11);
        rig.http = https[i];
        assert_status(start(&rig), MLY_OK, &rig.err);

        assert_status(next(&rig, &row), expected[i], &rig.err);

        assert_says(rig.err.text, "mly1_public/11/");
        assert_null(rig.pruned);
        tear_down(&rig);
    }
}

static void a_machine_that_cannot_be_made_is_a_failure(void **state)
{
    (void)state;
    struct rig rig;
    struct mly_row row;
    plan_square(&rig, "images", home, 4, 11);
    rig.refusal = MLY_E_NETWORK;
    assert_status(start(&rig), MLY_OK, &rig.err);

    assert_status(next(&rig, &row), MLY_E_NETWORK, &rig.err);

    assert_says(rig.err.text, "no machine");
    tear_down(&rig);
}

static void answers_that_nobody_asked_for_are_errors(void **state)
{
    (void)state;
    const uint64_t of_the_scout = (uint64_t)MLY_LANE_SCOUT << 56;
    struct mly_response tile = {.ticket = 0, .http = 200}, scout = {.ticket = of_the_scout, .http = 200};
    struct mly_row row;
    struct rig rig;
    plan_square(&rig, "images", home, 4, 11);
    draw(&rig, 0, VERTICES({0, 0}, {4096, 4096}));
    assert_status(start(&rig), MLY_OK, &rig.err);

    assert_status(mly_machine_feed(rig.machine, &tile, &rig.err), MLY_E_ARG, &rig.err);
    assert_status(mly_machine_find(rig.machine, 1, &row, &rig.err), MLY_DONE, &rig.err);
    assert_status(mly_machine_tiles(rig.machine, NULL, NULL), MLY_OK, NULL);
    assert_status(mly_machine_feed(rig.machine, &scout, &rig.err), MLY_E_ARG, &rig.err); /* not wanted yet */
    while (next(&rig, &row) == MLY_OK)
        continue;
    assert_status(mly_machine_feed(rig.machine, &scout, &rig.err), MLY_E_ARG, &rig.err); /* long gone */
    assert_status(mly_machine_find(rig.machine, 1, &row, &rig.err), MLY_DONE, &rig.err);

    tear_down(&rig);
}

/* Lines along every second border between rows of blocks touch all blocks of the world: more than the table holds. */
static void more_lines_than_can_be_marked_are_refused_with_a_remedy(void **state)
{
    (void)state;
    enum { EXTENT = 1024 };
    struct make_vertex level[2] = {{0, 0}, {EXTENT, 0}};
    struct mly_row row;
    struct rig rig;
    plan_square(&rig, "images", home, 1, 0);
    rig.extent = EXTENT;
    for (int32_t y = 1; y < EXTENT; y += 2) {
        level[0].y = level[1].y = y;
        make_lines_add(&rig.drawn[0], NULL, level, 2);
    }
    assert_status(start(&rig), MLY_OK, &rig.err);

    assert_status(next(&rig, &row), MLY_E_LIMIT, &rig.err);

    assert_says(rig.err.text, "PRUNE to NO");
    assert_true(rig.mem.peak_bytes < (size_t)MLY_LIMIT_PRUNE_MEMORY + (4 << 20));
    tear_down(&rig);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    enum mly_status status = MLY_E_NOMEM;
    size_t k = 0;
    for (; status != MLY_DONE; k++) {
        struct rig rig;
        plan_square(&rig, "images", (struct mly_tile){.x = 8576, .y = 5736, .z = 14}, 8, 6);
        draw(&rig, 0, VERTICES({-4096, -4096}, {8192, 8192})); /* marks more than the table's first size */
        draw(&rig, 0, VERTICES({0, 4096}, {4096, 0}));
        fail_mem_init_failing(&rig.mem, k, 1);

        status = start(&rig);
        while (status == MLY_OK) {
            struct mly_row row;
            status = next(&rig, &row);
        }

        assert_status(status, rig.mem.n_failed ? MLY_E_NOMEM : MLY_DONE, &rig.err);
        tear_down(&rig);
    }
    assert_true(k > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_with_a_line_and_those_beside_them_are_read),
        cmocka_unit_test(rows_are_those_of_the_tiles_that_are_left_in_the_plan_s_order),
        cmocka_unit_test(a_line_at_a_corner_belongs_to_all_that_meet_there),
        cmocka_unit_test(without_lines_nothing_is_read_and_nothing_comes),
        cmocka_unit_test(an_empty_plan_is_done_at_once),
        cmocka_unit_test(random_lines_leave_the_tiles_that_geometry_says),
        cmocka_unit_test(a_read_warns_once_of_what_may_be_missed),
        cmocka_unit_test(tiles_that_are_left_and_those_of_the_scout_are_within_the_limit_together),
        cmocka_unit_test(a_scout_of_the_tiles_own_children_is_refused),
        cmocka_unit_test(a_failure_of_the_scout_ends_the_read),
        cmocka_unit_test(a_machine_that_cannot_be_made_is_a_failure),
        cmocka_unit_test(answers_that_nobody_asked_for_are_errors),
        cmocka_unit_test(more_lines_than_can_be_marked_are_refused_with_a_remedy),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
