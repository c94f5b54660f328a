/* SPDX-License-Identifier: MIT */
#include "core/stitch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/make_tile.h"

enum { E = MLY_STITCH_EXTENT };

/* A stitch. Where tests name vertices of rows, they count from the corner of the tile `home`. */
struct rig {
    struct fail_mem mem;
    struct mly_stitch *stitch;
    struct mly_error err;
    struct mly_tile home;
    bool is_round;      /* vertices in the far west count as those beyond the east */
    struct mly_row row; /* asked for last */
};

static const struct mly_tile usual_home = {.x = 8574, .y = 5735, .z = 14};

static void set_up_at(struct rig *rig, struct mly_tile home)
{
    *rig = (struct rig){.home = home};
    fail_mem_init(&rig->mem);
    assert_status(mly_stitch_new(mly_schema_find("sequences"), home.z, &rig->mem.mem, &rig->stitch, &rig->err), MLY_OK,
                  &rig->err);
}

static void set_up(struct rig *rig)
{
    set_up_at(rig, usual_home);
}

static void tear_down(struct rig *rig)
{
    mly_stitch_free(rig->stitch);
    assert_nothing_leaks(&rig->mem);
}

/* A tile `dx` to the east and `dy` to the south of home. */
static struct mly_tile tile_at(const struct rig *rig, int dx, int dy)
{
    const struct mly_tile home = rig->home;
    const uint32_t across = 1u << home.z;
    return (struct mly_tile){.x = (home.x + (uint32_t)dx) % across, .y = home.y + (uint32_t)dy, .z = home.z};
}

/* ---- tiles ---- */

/* A vertex list and its length, as two arguments. */
#define VERTICES(...) (const struct make_vertex[]){__VA_ARGS__}, COUNT(((const struct make_vertex[]){__VA_ARGS__}))

/* Adds a tile, whose bytes and decoded form are gone when this returns. */
static enum mly_status add_bytes(struct rig *rig, struct mly_tile tile, struct bytes *bytes, bool known_only)
{
    struct mly_arena arena;
    struct mly_mvt *mvt = NULL;
    mly_arena_init(&arena, mly_mem_system(), SIZE_MAX);
    assert_status(mly_mvt_open(bytes_view(bytes), tile, mly_schema_find("sequences"), &arena, &mvt, &rig->err), MLY_OK,
                  &rig->err);
    const enum mly_status status = mly_stitch_add(rig->stitch, mvt, known_only, &rig->err);
    mly_arena_fini(&arena);
    memset(bytes->data, 0x5a, bytes->size);
    bytes_free(bytes);
    return status;
}

/* Adds the tile; `lines` is empty then, for the next one. */
static void add(struct rig *rig, int dx, int dy, struct make_lines *lines)
{
    struct bytes bytes = make_lines_tile(lines, E);
    assert_status(add_bytes(rig, tile_at(rig, dx, dy), &bytes, false), MLY_OK, &rig->err);
}

/* Likewise, one that following found. */
static void add_known(struct rig *rig, int dx, int dy, struct make_lines *lines)
{
    struct bytes bytes = make_lines_tile(lines, E);
    assert_status(add_bytes(rig, tile_at(rig, dx, dy), &bytes, true), MLY_OK, &rig->err);
}

/* ---- rows ---- */

static struct make_vertex vertex_of(const struct rig *rig, struct mly_point point)
{
    struct make_vertex at = make_vertex_at(rig->home, point.x, point.y);
    if (rig->is_round && at.x < -E)
        at.x += E << rig->home.z;
    return at;
}

static void ask_row(struct rig *rig, uint32_t number)
{
    assert_status(mly_stitch_row(rig->stitch, number, &rig->row, &rig->err), MLY_OK, &rig->err);
}

static uint32_t part_begin(const struct rig *rig, uint32_t part)
{
    return part ? rig->row.part_ends[part - 1] : 0;
}

static void assert_part(const struct rig *rig, uint32_t part, const struct make_vertex *expected, size_t n)
{
    assert_true(part < rig->row.n_parts);
    const uint32_t begin = part_begin(rig, part);
    assert_int_equal(rig->row.part_ends[part] - begin, n);
    for (size_t i = 0; i < n; i++) {
        const struct make_vertex at = vertex_of(rig, rig->row.points[begin + i]);
        if (at.x != expected[i].x || at.y != expected[i].y)
            fail_msg("vertex %zu of part %u is (%d, %d), not (%d, %d)", i, part, at.x, at.y, expected[i].x,
                     expected[i].y);
    }
}

/* The sequence is this one line. */
static void assert_line(struct rig *rig, uint32_t number, const struct make_vertex *expected, size_t n)
{
    ask_row(rig, number);
    assert_int_equal(rig->row.n_parts, 1);
    assert_part(rig, 0, expected, n);
}

/* ---- one tile ---- */

static void a_piece_alone_is_a_line(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({0, 0}, {4096, 4096}, {1, 4095}, {1, 4095}, {2048, 7}));

    add(&rig, 0, 0, &lines);

    assert_int_equal(mly_stitch_count(rig.stitch), 1);
    assert_line(&rig, 0, VERTICES({0, 0}, {4096, 4096}, {1, 4095}, {1, 4095}, {2048, 7}));
    tear_down(&rig);
}

static void every_step_keeps_its_length(void **state)
{
    (void)state;
    enum { N = 400 };
    struct chance chance = {.state = 5};
    for (int round = 0; round < 20; round++) {
        struct make_vertex at[N];
        struct rig rig;
        struct make_lines lines = {.n = 0};
        set_up(&rig);
        for (size_t i = 0; i < N; i++) { /* from single units to the whole tile and its neighbours */
            const size_t reach = (size_t)1 << (1 + chance_below(&chance, 13));
            at[i].x = (int32_t)chance_below(&chance, reach) - (int32_t)reach / 2;
            at[i].y = (int32_t)chance_below(&chance, reach) - (int32_t)reach / 2;
        }
        make_lines_add(&lines, "a", at, N);

        add(&rig, 0, 0, &lines);

        assert_line(&rig, 0, at, N);
        tear_down(&rig);
    }
}

static void a_line_that_meets_itself_goes_on_in_the_order_of_capture(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({100, 100}, {200, 100})); /* two parts end at (200, 100), and two begin */
    make_lines_add(&lines, "a", VERTICES({200, 100}, {300, 100}, {300, 50}, {200, 50}, {200, 100}));
    make_lines_add(&lines, "a", VERTICES({200, 100}, {200, 300}));

    add(&rig, 0, 0, &lines);

    assert_line(&rig, 0, VERTICES({100, 100}, {200, 100}, {300, 100}, {300, 50}, {200, 50}, {200, 100}, {200, 300}));
    tear_down(&rig);
}

static void several_loops_at_one_vertex_keep_their_order(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({0, 0}, {9, 9}));
    make_lines_add(&lines, "a", VERTICES({9, 9}, {8, 1}, {9, 9}));
    make_lines_add(&lines, "a", VERTICES({9, 9}, {7, 2}, {9, 9}));
    make_lines_add(&lines, "a", VERTICES({9, 9}, {6, 3}, {9, 9}));
    make_lines_add(&lines, "a", VERTICES({9, 9}, {20, 20}));

    add(&rig, 0, 0, &lines);

    assert_line(&rig, 0, VERTICES({0, 0}, {9, 9}, {8, 1}, {9, 9}, {7, 2}, {9, 9}, {6, 3}, {9, 9}, {20, 20}));
    tear_down(&rig);
}

static void nested_loops_keep_their_order(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({0, 0}, {10, 0})); /* through P and Q, and back through Q and P */
    make_lines_add(&lines, "a", VERTICES({10, 0}, {20, 0}));
    make_lines_add(&lines, "a", VERTICES({20, 0}, {25, 5}, {20, 0}));
    make_lines_add(&lines, "a", VERTICES({20, 0}, {15, 9}, {10, 0}));
    make_lines_add(&lines, "a", VERTICES({10, 0}, {10, 50}));

    add(&rig, 0, 0, &lines);

    assert_line(&rig, 0, VERTICES({0, 0}, {10, 0}, {20, 0}, {25, 5}, {20, 0}, {15, 9}, {10, 0}, {10, 50}));
    tear_down(&rig);
}

static void gaps_stay_apart(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {50, 50}));
    make_lines_add(&lines, "a", VERTICES({51, 50}, {99, 99})); /* as near as can be */
    make_lines_add(&lines, "a", VERTICES({3000, 3000}, {50, 51}));

    add(&rig, 0, 0, &lines);

    ask_row(&rig, 0);
    assert_int_equal(rig.row.n_parts, 3);
    assert_part(&rig, 0, VERTICES({1, 1}, {50, 50}));
    assert_part(&rig, 1, VERTICES({51, 50}, {99, 99}));
    assert_part(&rig, 2, VERTICES({3000, 3000}, {50, 51}));
    tear_down(&rig);
}

static void lines_that_only_begin_or_only_end_together_stay_apart(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({5, 5}, {1, 1}));
    make_lines_add(&lines, "a", VERTICES({5, 5}, {9, 9}));
    make_lines_add(&lines, "b", VERTICES({1, 1}, {5, 5}));
    make_lines_add(&lines, "b", VERTICES({9, 9}, {5, 5}));

    add(&rig, 0, 0, &lines);

    ask_row(&rig, 0);
    assert_int_equal(rig.row.n_parts, 2); /* no line runs against its direction */
    ask_row(&rig, 1);
    assert_int_equal(rig.row.n_parts, 2);
    tear_down(&rig);
}

static void different_sequences_never_join(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 5}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "b", VERTICES({0, 5}, {9, 9}));
    add(&rig, 1, 0, &lines);

    assert_int_equal(mly_stitch_count(rig.stitch), 2);
    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 5}));
    assert_line(&rig, 1, VERTICES({4096, 5}, {4105, 9}));
    tear_down(&rig);
}

/* ---- over borders ---- */

static void pieces_join_over_a_border_whichever_comes_first(void **state)
{
    (void)state;
    for (int eastern_first = 0; eastern_first < 2; eastern_first++) {
        struct rig rig;
        struct make_lines west = {.n = 0}, east = {.n = 0};
        set_up(&rig);
        make_lines_add(&west, "a", VERTICES({4000, 10}, {4050, 15}, {4096, 20}));
        make_lines_add(&east, "a", VERTICES({0, 20}, {70, 27}));

        if (eastern_first)
            add(&rig, 1, 0, &east);
        add(&rig, 0, 0, &west);
        if (!eastern_first)
            add(&rig, 1, 0, &east);

        assert_int_equal(mly_stitch_count(rig.stitch), 1);
        assert_line(&rig, 0, VERTICES({4000, 10}, {4050, 15}, {4096, 20}, {4166, 27}));
        tear_down(&rig);
    }
}

static void pieces_join_over_a_border_to_every_side(void **state)
{
    (void)state;
    static const struct {
        int dx, dy;
        struct make_vertex leaves, enters, is;
    } sides[] = {
        {1, 0, {4096, 7}, {0, 7}, {4096, 7}},       {-1, 0, {0, 7}, {4096, 7}, {0, 7}},
        {0, 1, {7, 4096}, {7, 0}, {7, 4096}},       {0, -1, {7, 0}, {7, 4096}, {7, 0}},
        {1, 1, {4096, 4096}, {0, 0}, {4096, 4096}}, {-1, -1, {0, 0}, {4096, 4096}, {0, 0}},
        {1, -1, {4096, 0}, {0, 4096}, {4096, 0}},   {-1, 1, {0, 4096}, {4096, 0}, {0, 4096}},
    };
    for (size_t i = 0; i < COUNT(sides); i++) {
        struct rig rig;
        struct make_lines here = {.n = 0}, there = {.n = 0};
        set_up(&rig);
        make_lines_add(&here, "a", VERTICES({2000, 2000}, sides[i].leaves));
        make_lines_add(&there, "a", VERTICES(sides[i].enters, {2000, 2000}));

        add(&rig, 0, 0, &here);
        add(&rig, sides[i].dx, sides[i].dy, &there);

        assert_line(&rig, 0, VERTICES({2000, 2000}, sides[i].is, {sides[i].dx * E + 2000, sides[i].dy * E + 2000}));
        tear_down(&rig);
    }
}

static void a_line_goes_through_the_tile_between(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({0, 300}, {5, 5}));
    add(&rig, 2, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({9, 9}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 100}, {4096, 300}));
    add(&rig, 1, 0, &lines);

    assert_line(&rig, 0, VERTICES({9, 9}, {4096, 100}, {8192, 300}, {8197, 5}));
    tear_down(&rig);
}

static void ends_beside_each_other_on_a_border_stay_apart(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({9, 9}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 102}, {50, 50}));
    add(&rig, 1, 0, &lines);

    ask_row(&rig, 0);
    assert_int_equal(rig.row.n_parts, 2);
    assert_part(&rig, 0, VERTICES({9, 9}, {4096, 100}));
    assert_part(&rig, 1, VERTICES({4096, 102}, {4146, 50}));
    tear_down(&rig);
}

static void a_line_that_comes_back_through_its_own_vertex_takes_the_way_beyond_first(void **state)
{
    (void)state;
    for (int eastern_first = 0; eastern_first < 2; eastern_first++) {
        struct rig rig;
        struct make_lines west = {.n = 0}, east = {.n = 0};
        set_up(&rig);
        make_lines_add(&west, "a", VERTICES({10, 10}, {4096, 50}));
        make_lines_add(&west, "a", VERTICES({4096, 50}, {10, 90}));
        make_lines_add(&east, "a", VERTICES({0, 50}, {30, 30}, {0, 50}));

        if (eastern_first)
            add(&rig, 1, 0, &east);
        add(&rig, 0, 0, &west);
        if (!eastern_first)
            add(&rig, 1, 0, &east);

        assert_line(&rig, 0, VERTICES({10, 10}, {4096, 50}, {4126, 30}, {4096, 50}, {10, 90}));
        tear_down(&rig);
    }
}

static void a_line_may_come_back_through_its_own_vertex_again_and_again(void **state)
{
    (void)state;
    for (int eastern_first = 0; eastern_first < 2; eastern_first++) {
        struct rig rig;
        struct make_lines west = {.n = 0}, east = {.n = 0};
        set_up(&rig);
        make_lines_add(&west, "a", VERTICES({1, 1}, {4096, 50}));
        make_lines_add(&west, "a", VERTICES({4096, 50}, {2, 2}, {4096, 50}));
        make_lines_add(&west, "a", VERTICES({4096, 50}, {3, 3}));
        make_lines_add(&east, "a", VERTICES({0, 50}, {10, 10}, {0, 50}));
        make_lines_add(&east, "a", VERTICES({0, 50}, {20, 20}, {0, 50}));

        if (eastern_first)
            add(&rig, 1, 0, &east);
        add(&rig, 0, 0, &west);
        if (!eastern_first)
            add(&rig, 1, 0, &east);

        assert_line(
            &rig, 0,
            VERTICES({1, 1}, {4096, 50}, {4106, 10}, {4096, 50}, {2, 2}, {4096, 50}, {4116, 20}, {4096, 50}, {3, 3}));
        tear_down(&rig);
    }
}

static void a_line_may_turn_at_the_edge_of_what_was_read(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({10, 10}, {4096, 50}));
    make_lines_add(&lines, "a", VERTICES({4096, 50}, {10, 90})); /* what is beyond never comes */

    add(&rig, 0, 0, &lines);

    assert_line(&rig, 0, VERTICES({10, 10}, {4096, 50}, {10, 90}));
    tear_down(&rig);
}

/* ---- closed lines ---- */

static void a_loop_ends_where_it_began(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({10, 10}, {20, 10}, {20, 20}, {10, 10}));

    add(&rig, 0, 0, &lines);

    assert_line(&rig, 0, VERTICES({10, 10}, {20, 10}, {20, 20}, {10, 10}));
    tear_down(&rig);
}

static void a_loop_over_borders_opens_where_it_began_within_a_tile(void **state)
{
    (void)state;
    int order[] = {0, 1, 2, 3};
    do {
        struct rig rig;
        set_up(&rig);
        for (size_t i = 0; i < 4; i++) {
            struct make_lines lines = {.n = 0};
            switch (order[i]) {
            case 0: /* from (4000, 4000) around the corner at (4096, 4096) and back */
                make_lines_add(&lines, "a", VERTICES({4000, 4000}, {4096, 4010}));
                make_lines_add(&lines, "a", VERTICES({4010, 4096}, {4000, 4000}));
                add(&rig, 0, 0, &lines);
                break;
            case 1:
                make_lines_add(&lines, "a", VERTICES({0, 4010}, {100, 4000}, {110, 4096}));
                add(&rig, 1, 0, &lines);
                break;
            case 2:
                make_lines_add(&lines, "a", VERTICES({110, 0}, {100, 100}, {0, 90}));
                add(&rig, 1, 1, &lines);
                break;
            default:
                make_lines_add(&lines, "a", VERTICES({4096, 90}, {4000, 100}, {4010, 0}));
                add(&rig, 0, 1, &lines);
            }
        }

        assert_line(&rig, 0,
                    VERTICES({4000, 4000}, {4096, 4010}, {4196, 4000}, {4206, 4096}, {4196, 4196}, {4096, 4186},
                             {4000, 4196}, {4010, 4096}, {4000, 4000}));
        tear_down(&rig);
        for (size_t i = 0; i < 4; i++) /* each of the four comes first, and last, once */
            order[i] = (order[i] + 1) % 4;
    } while (order[0] != 0);
}

static void a_loop_that_begins_on_a_border_is_one_line_all_the_way_round(void **state)
{
    (void)state;
    for (int eastern_first = 0; eastern_first < 2; eastern_first++) {
        struct rig rig;
        struct make_lines west = {.n = 0}, east = {.n = 0};
        set_up(&rig);
        make_lines_add(&west, "a", VERTICES({4096, 10}, {4000, 50}, {4096, 90}));
        make_lines_add(&east, "a", VERTICES({0, 90}, {100, 50}, {0, 10}));

        if (eastern_first)
            add(&rig, 1, 0, &east);
        add(&rig, 0, 0, &west);
        if (!eastern_first)
            add(&rig, 1, 0, &east);

        ask_row(&rig, 0); /* where it opens nobody can know */
        assert_int_equal(rig.row.n_parts, 1);
        assert_int_equal(rig.row.part_ends[0], 5);
        const struct make_vertex first = vertex_of(&rig, rig.row.points[0]);
        const struct make_vertex last = vertex_of(&rig, rig.row.points[4]);
        assert_true(first.x == last.x && first.y == last.y);
        tear_down(&rig);
    }
}

static void two_loops_at_one_vertex_are_one_line(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({9, 9}, {8, 1}, {9, 9}));
    make_lines_add(&lines, "a", VERTICES({9, 9}, {7, 2}, {9, 9}));

    add(&rig, 0, 0, &lines);

    assert_line(&rig, 0, VERTICES({9, 9}, {8, 1}, {9, 9}, {7, 2}, {9, 9}));
    tear_down(&rig);
}

static void one_loop_twice_over_is_one_line(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines west = {.n = 0}, east = {.n = 0};
    set_up(&rig);
    make_lines_add(&west, "a", VERTICES({1, 1}, {4096, 90}));
    make_lines_add(&west, "a", VERTICES({4096, 10}, {4000, 50}, {4096, 90}));
    make_lines_add(&west, "a", VERTICES({4096, 10}, {2, 2}));
    make_lines_add(&east, "a", VERTICES({0, 90}, {100, 50}, {0, 10}));
    make_lines_add(&east, "a", VERTICES({0, 90}, {100, 50}, {0, 10}));

    add(&rig, 0, 0, &west);
    add(&rig, 1, 0, &east);

    assert_line(
        &rig, 0,
        VERTICES({1, 1}, {4096, 90}, {4196, 50}, {4096, 10}, {4000, 50}, {4096, 90}, {4196, 50}, {4096, 10}, {2, 2}));
    tear_down(&rig);
}

static void a_line_that_touches_a_border_before_it_crosses_there_is_one_line(void **state)
{
    (void)state;
    for (int eastern_first = 0; eastern_first < 2; eastern_first++) {
        struct rig rig;
        struct make_lines west = {.n = 0}, east = {.n = 0};
        set_up(&rig);
        make_lines_add(&west, "a", VERTICES({1, 1}, {4096, 50}));
        make_lines_add(&west, "a", VERTICES({4096, 50}, {10, 10}, {20, 10}, {4096, 50}));
        make_lines_add(&east, "a", VERTICES({0, 50}, {9, 9}));

        if (eastern_first)
            add(&rig, 1, 0, &east);
        add(&rig, 0, 0, &west);
        if (!eastern_first)
            add(&rig, 1, 0, &east);

        assert_line(&rig, 0, VERTICES({1, 1}, {4096, 50}, {10, 10}, {20, 10}, {4096, 50}, {4105, 9}));
        tear_down(&rig);
    }
}

static void loops_from_a_border_keep_their_order_also_where_the_line_crosses_it(void **state)
{
    (void)state;
    for (int eastern_first = 0; eastern_first < 2; eastern_first++) {
        struct rig rig;
        struct make_lines west = {.n = 0}, east = {.n = 0};
        set_up(&rig);
        make_lines_add(&west, "a", VERTICES({4096, 9}, {7, 7}, {4096, 9}));
        make_lines_add(&west, "a", VERTICES({4096, 9}, {8, 8}, {4096, 9}));
        make_lines_add(&east, "a", VERTICES({50, 50}, {0, 9}));
        make_lines_add(&east, "a", VERTICES({0, 9}, {60, 60}));

        if (eastern_first)
            add(&rig, 1, 0, &east);
        add(&rig, 0, 0, &west);
        if (!eastern_first)
            add(&rig, 1, 0, &east);

        assert_line(&rig, 0, VERTICES({4146, 50}, {4096, 9}, {7, 7}, {4096, 9}, {8, 8}, {4096, 9}, {4156, 60}));
        tear_down(&rig);
    }
}

static void a_loop_goes_in_where_another_line_passes_and_nowhere_else(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {50, 50}));
    make_lines_add(&lines, "a", VERTICES({50, 50}, {4096, 9}));
    make_lines_add(&lines, "a",
                   VERTICES({50, 50}, {60, 40}, {50, 50})); /* not at (4096, 9), where the one before ends */
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 9}, {9, 9}));
    add(&rig, 1, 0, &lines);

    assert_line(&rig, 0, VERTICES({1, 1}, {50, 50}, {60, 40}, {50, 50}, {4096, 9}, {4105, 9}));
    tear_down(&rig);
}

static void several_loops_go_in_together_where_a_line_passes_later(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({50, 50}, {60, 40}, {50, 50}));
    make_lines_add(&lines, "a", VERTICES({50, 50}, {60, 60}, {50, 50}));
    make_lines_add(&lines, "a", VERTICES({900, 900}, {950, 950}));
    make_lines_add(&lines, "a", VERTICES({1, 1}, {50, 50}));
    make_lines_add(&lines, "a", VERTICES({50, 50}, {70, 70}));
    add(&rig, 0, 0, &lines);

    ask_row(&rig, 0);

    assert_int_equal(rig.row.n_parts, 2);
    assert_part(&rig, 0, VERTICES({900, 900}, {950, 950}));
    assert_part(&rig, 1, VERTICES({1, 1}, {50, 50}, {60, 40}, {50, 50}, {60, 60}, {50, 50}, {70, 70}));
    tear_down(&rig);
}

static void two_loops_that_meet_twice_are_one_line(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({80, 80}, {70, 60}, {50, 50})); /* from one of the two vertices */
    make_lines_add(&lines, "a", VERTICES({50, 50}, {60, 70}, {80, 80}));
    make_lines_add(&lines, "a", VERTICES({50, 50}, {20, 90}, {80, 80})); /* from the other one */
    make_lines_add(&lines, "a", VERTICES({80, 80}, {90, 20}, {50, 50}));
    add(&rig, 0, 0, &lines);

    ask_row(&rig, 0);

    assert_int_equal(rig.row.n_parts, 1);
    assert_int_equal(rig.row.part_ends[0], 9);
    const struct make_vertex first = vertex_of(&rig, rig.row.points[0]), last = vertex_of(&rig, rig.row.points[8]);
    assert_true(first.x == last.x && first.y == last.y);
    tear_down(&rig);
}

static void a_loop_that_meets_no_other_line_stays_a_part_of_its_own(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {50, 50}));
    make_lines_add(&lines, "a", VERTICES({50, 50}, {90, 90}));
    make_lines_add(&lines, "a", VERTICES({51, 50}, {60, 60}, {51, 50}));

    add(&rig, 0, 0, &lines);

    ask_row(&rig, 0);
    assert_int_equal(rig.row.n_parts, 2);
    assert_part(&rig, 0, VERTICES({1, 1}, {50, 50}, {90, 90}));
    assert_part(&rig, 1, VERTICES({51, 50}, {60, 60}, {51, 50}));
    tear_down(&rig);
}

/* ---- over 180° ---- */

static const struct mly_tile easternmost = {.x = (1 << 14) - 1, .y = 9000, .z = 14};

/* What the tile at the other side is, counted from home in the far east: one beyond it, or a whole turn before it. */
enum { A_TURN = 1 - (1 << 14) };

static void a_line_over_180_degrees_is_one_sequence_split_there(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up_at(&rig, easternmost);
    make_lines_add(&lines, "a", VERTICES({4000, 10}, {4096, 20}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 20}, {70, 27}));
    add(&rig, A_TURN, 0, &lines);

    ask_row(&rig, 0);

    assert_int_equal(mly_stitch_count(rig.stitch), 1);
    assert_int_equal(rig.row.n_parts, 2);
    assert_part(&rig, 0, VERTICES({4000, 10}, {4096, 20}));
    assert_part(&rig, 1, VERTICES({A_TURN * E, 20}, {A_TURN * E + 70, 27}));
    assert_near(rig.row.points[1].x, 180.0, 0.0);
    assert_near(rig.row.points[2].x, -180.0, 0.0);
    assert_near(rig.row.points[1].y, rig.row.points[2].y, 0.0);
    tear_down(&rig);
}

static void a_loose_piece_is_connected_over_180_degrees(void **state)
{
    (void)state;
    for (int begins_in_the_west = 0; begins_in_the_west < 2; begins_in_the_west++) {
        struct rig rig;
        struct make_lines east = {.n = 0}, west = {.n = 0};
        set_up_at(&rig, easternmost);
        make_lines_add(&east, "a", VERTICES({4000, 10}, {4096, 20}));
        make_lines_add(&west, "a", VERTICES({0, 20}, {70, 27}));

        if (begins_in_the_west) {
            add(&rig, A_TURN, 0, &west);
            add_known(&rig, 0, 0, &east);
        } else {
            add(&rig, 0, 0, &east);
            add_known(&rig, A_TURN, 0, &west);
        }

        ask_row(&rig, 0);
        assert_int_equal(rig.row.n_parts, 2);
        tear_down(&rig);
    }
}

static void what_is_far_apart_at_180_degrees_is_not_connected(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up_at(&rig, easternmost);
    make_lines_add(&lines, "a", VERTICES({4000, 10}, {4096, 20}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 21}, {70, 27}));
    add_known(&rig, A_TURN, 0, &lines);

    assert_line(&rig, 0, VERTICES({4000, 10}, {4096, 20}));
    tear_down(&rig);
}

/* ---- loose pieces ---- */

static void a_loose_piece_counts_once_it_is_connected(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 300}, {5, 5}));
    add_known(&rig, 2, 0, &lines);
    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}));

    make_lines_add(&lines, "a", VERTICES({0, 100}, {4096, 300}));
    add_known(&rig, 1, 0, &lines);

    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}, {8192, 300}, {8197, 5}));
    tear_down(&rig);
}

static void connection_spreads_through_any_number_of_loose_pieces(void **state)
{
    (void)state;
    enum { N = 40 };
    for (int from_afar = 0; from_afar < 2; from_afar++) {
        struct rig rig;
        struct make_lines lines = {.n = 0};
        set_up(&rig);
        make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 7}));
        add(&rig, 0, 0, &lines);
        for (int i = 1; i <= N; i++) {
            make_lines_add(&lines, "a", VERTICES({0, 7}, {4096, 7}));
            add_known(&rig, from_afar ? N + 1 - i : i, 0, &lines);
        }

        ask_row(&rig, 0);

        assert_int_equal(rig.row.n_parts, 1);
        assert_int_equal(rig.row.part_ends[0], N + 2);
        tear_down(&rig);
    }
}

static void a_loose_piece_is_connected_by_either_end(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({4096, 7}, {1, 1}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({50, 50}, {0, 7}));   /* comes in */
    make_lines_add(&lines, "a", VERTICES({0, 100}, {60, 60})); /* goes out */
    make_lines_add(&lines, "a", VERTICES({0, 101}, {70, 70})); /* does neither */
    add_known(&rig, 1, 0, &lines);

    assert_line(&rig, 0, VERTICES({4146, 50}, {4096, 7}, {1, 1}, {4096, 100}, {4156, 60}));
    tear_down(&rig);
}

static void loose_pieces_connected_with_each_other_alone_do_not_count(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({7, 7}, {4096, 200}));
    add_known(&rig, 1, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 200}, {9, 9}));
    add_known(&rig, 2, 0, &lines);

    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}));
    tear_down(&rig);
}

static void all_parts_of_the_covered_tiles_count_connected_or_not(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {2, 2}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({3, 3}, {4, 4}));
    add(&rig, 5, 5, &lines);

    ask_row(&rig, 0);

    assert_int_equal(rig.row.n_parts, 2);
    tear_down(&rig);
}

static void following_brings_no_new_sequences(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "b", VERTICES({0, 100}, {5, 5}));
    make_lines_add(&lines, NULL, VERTICES({0, 100}, {6, 6}));

    add_known(&rig, 1, 0, &lines);

    assert_int_equal(mly_stitch_count(rig.stitch), 1);
    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}));
    tear_down(&rig);
}

/* ---- neighbours ---- */

struct seen {
    struct mly_tile tiles[64];
    size_t n;
    enum mly_status answer; /* of the callback */
};

static enum mly_status see(void *ctx, struct mly_tile tile)
{
    struct seen *seen = ctx;
    for (size_t i = 0; i < seen->n; i++) {
        if (seen->tiles[i].x == tile.x && seen->tiles[i].y == tile.y)
            return seen->answer;
    }
    assert_true(seen->n < COUNT(seen->tiles));
    seen->tiles[seen->n++] = tile;
    return seen->answer;
}

/* The tiles named for the only sequence are these, in whatever order. */
static void assert_neighbours(struct rig *rig, const struct mly_tile *expected, size_t n)
{
    struct seen seen = {.n = 0, .answer = MLY_OK};
    assert_status(mly_stitch_neighbours(rig->stitch, 0, see, &seen), MLY_OK, NULL);
    assert_int_equal(seen.n, n);
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (j < seen.n && (seen.tiles[j].x != expected[i].x || seen.tiles[j].y != expected[i].y))
            j++;
        if (j == seen.n)
            fail_msg("tile %u/%u is not named", expected[i].x, expected[i].y);
        assert_int_equal(seen.tiles[j].z, rig->home.z);
    }
}

/* Those of a line that ends at `end`, both ways: they do not depend on its direction. */
static void assert_neighbours_of(struct mly_tile home, struct make_vertex end, const struct mly_tile *expected,
                                 size_t n)
{
    for (int backwards = 0; backwards < 2; backwards++) {
        struct rig rig;
        struct make_lines lines = {.n = 0};
        set_up_at(&rig, home);
        if (backwards)
            make_lines_add(&lines, "a", VERTICES(end, {2000, 2000}));
        else
            make_lines_add(&lines, "a", VERTICES({2000, 2000}, end));

        add(&rig, 0, 0, &lines);

        assert_neighbours(&rig, expected, n);
        tear_down(&rig);
    }
}

#define TILES(...) (const struct mly_tile[]){__VA_ARGS__}, COUNT(((const struct mly_tile[]){__VA_ARGS__}))

static void an_end_within_a_tile_names_that_tile(void **state)
{
    (void)state;
    static const struct make_vertex ends[] = {{1, 1}, {4095, 4095}, {1, 4095}, {4095, 1}, {2000, 2001}};

    for (size_t i = 0; i < COUNT(ends); i++)
        assert_neighbours_of((struct mly_tile){100, 200, 14}, ends[i], TILES({100, 200, 14}));
}

static void an_end_on_a_border_names_both_tiles(void **state)
{
    (void)state;
    const struct mly_tile home = {100, 200, 14};

    assert_neighbours_of(home, (struct make_vertex){4096, 1}, TILES({100, 200, 14}, {101, 200, 14}));
    assert_neighbours_of(home, (struct make_vertex){0, 4095}, TILES({100, 200, 14}, {99, 200, 14}));
    assert_neighbours_of(home, (struct make_vertex){1, 4096}, TILES({100, 200, 14}, {100, 201, 14}));
    assert_neighbours_of(home, (struct make_vertex){4095, 0}, TILES({100, 200, 14}, {100, 199, 14}));
}

static void an_end_at_a_corner_names_all_four_tiles(void **state)
{
    (void)state;
    const struct mly_tile home = {100, 200, 14};

    assert_neighbours_of(home, (struct make_vertex){0, 0},
                         TILES({100, 200, 14}, {99, 200, 14}, {100, 199, 14}, {99, 199, 14}));
    assert_neighbours_of(home, (struct make_vertex){4096, 4096},
                         TILES({100, 200, 14}, {101, 200, 14}, {100, 201, 14}, {101, 201, 14}));
    assert_neighbours_of(home, (struct make_vertex){4096, 0},
                         TILES({100, 200, 14}, {101, 200, 14}, {100, 199, 14}, {101, 199, 14}));
    assert_neighbours_of(home, (struct make_vertex){0, 4096},
                         TILES({100, 200, 14}, {99, 200, 14}, {100, 201, 14}, {99, 201, 14}));
}

static void nothing_is_beyond_the_north_and_the_south(void **state)
{
    (void)state;
    const struct mly_tile north = {20, 0, 6}, south = {20, 63, 6};

    assert_neighbours_of(north, (struct make_vertex){7, 0}, TILES({20, 0, 6}));
    assert_neighbours_of(south, (struct make_vertex){7, 4096}, TILES({20, 63, 6}));
    assert_neighbours_of(north, (struct make_vertex){0, 0}, TILES({20, 0, 6}, {19, 0, 6}));
    assert_neighbours_of(south, (struct make_vertex){4096, 4096}, TILES({20, 63, 6}, {21, 63, 6}));
}

static void east_and_west_meet_at_180_degrees(void **state)
{
    (void)state;
    const struct mly_tile east = {63, 30, 6}, west = {0, 30, 6};

    assert_neighbours_of(east, (struct make_vertex){4096, 7}, TILES({63, 30, 6}, {0, 30, 6}));
    assert_neighbours_of(west, (struct make_vertex){0, 7}, TILES({63, 30, 6}, {0, 30, 6}));
    assert_neighbours_of(east, (struct make_vertex){4096, 0}, TILES({63, 30, 6}, {0, 30, 6}, {63, 29, 6}, {0, 29, 6}));
    assert_neighbours_of((struct mly_tile){0, 0, 6}, (struct make_vertex){0, 0}, TILES({63, 0, 6}, {0, 0, 6}));
    assert_neighbours_of((struct mly_tile){63, 63, 6}, (struct make_vertex){4096, 4096},
                         TILES({63, 63, 6}, {0, 63, 6}));
}

static void every_part_names_the_tiles_at_its_ends(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up_at(&rig, (struct mly_tile){100, 200, 14});
    make_lines_add(&lines, "a", VERTICES({0, 10}, {0, 4096}, {4096, 20})); /* what it passes by counts for nothing */
    make_lines_add(&lines, "a", VERTICES({10, 0}, {20, 20}));

    add(&rig, 0, 0, &lines);

    assert_neighbours(&rig, TILES({99, 200, 14}, {100, 200, 14}, {101, 200, 14}, {100, 199, 14}));
    tear_down(&rig);
}

static void loose_pieces_name_no_tiles_until_they_are_connected(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up_at(&rig, (struct mly_tile){100, 200, 14});
    make_lines_add(&lines, "a", VERTICES({9, 9}, {4096, 10}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({9, 9}, {9, 4096}));
    add_known(&rig, 1, 0, &lines);
    assert_neighbours(&rig, TILES({100, 200, 14}, {101, 200, 14}));

    make_lines_add(&lines, "a", VERTICES({0, 10}, {9, 9}));
    add_known(&rig, 1, 0, &lines);

    assert_neighbours(&rig, TILES({100, 200, 14}, {101, 200, 14}, {101, 201, 14}));
    tear_down(&rig);
}

static void who_cannot_take_a_neighbour_stops_the_naming(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    struct seen seen = {.n = 0, .answer = MLY_E_NOMEM};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({0, 0}, {4096, 4096}));
    add(&rig, 0, 0, &lines);

    assert_status(mly_stitch_neighbours(rig.stitch, 0, see, &seen), MLY_E_NOMEM, NULL);

    assert_int_equal(seen.n, 1);
    tear_down(&rig);
}

static void what_has_no_id_has_no_neighbours(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, NULL, VERTICES({0, 0}, {4096, 4096}));

    add(&rig, 0, 0, &lines);

    assert_neighbours(&rig, NULL, 0); /* nothing beyond could be known to belong to it */
    tear_down(&rig);
}

static void a_sequence_names_the_covered_tiles_that_gave_it(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    struct seen seen = {.n = 0, .answer = MLY_OK}, unable = {.n = 0, .answer = MLY_E_NOMEM};
    set_up_at(&rig, (struct mly_tile){100, 200, 14});
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 10}));
    make_lines_add(&lines, "a", VERTICES({2, 2}, {3, 3}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "b", VERTICES({1, 1}, {4096, 10}));
    add(&rig, 5, 5, &lines);
    make_lines_add(&lines, "a", VERTICES({7, 7}, {8, 8}));
    add(&rig, 3, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 10}, {9, 9}));
    add_known(&rig, 1, 0, &lines); /* connected, but not covered */

    assert_status(mly_stitch_tiles(rig.stitch, 0, see, &seen), MLY_OK, NULL);

    assert_int_equal(seen.n, 2);
    assert_true(seen.tiles[0].x == 100 && seen.tiles[0].y == 200 && seen.tiles[0].z == 14);
    assert_true(seen.tiles[1].x == 103 && seen.tiles[1].y == 200 && seen.tiles[1].z == 14);
    assert_status(mly_stitch_tiles(rig.stitch, 0, see, &unable), MLY_E_NOMEM, NULL);
    assert_int_equal(unable.n, 1);
    tear_down(&rig);
}

static void what_is_held_is_counted(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    assert_true(mly_stitch_measure(rig.stitch).n_bytes == 0);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {2, 2}, {3, 3}));
    make_lines_add(&lines, "a", VERTICES({1, 1}, {2, 2}));
    make_lines_add(&lines, "b", VERTICES({1, 1}, {2, 2}, {3, 3}, {4, 4}));
    add(&rig, 0, 0, &lines);

    const struct mly_stitch_size size = mly_stitch_measure(rig.stitch);

    assert_int_equal(size.n_sequences, 2);
    assert_int_equal(size.n_parts, 3);
    assert_int_equal(size.n_vertices, 9);
    assert_true(size.n_bytes > 0 && size.n_bytes <= rig.mem.live_bytes);
    tear_down(&rig);
}

/* ---- which sequences ---- */

/* The number of the sequence with this key, which the row repeats. */
static uint32_t assert_found(struct rig *rig, const char *key)
{
    const int64_t id = mly_value_hash(0, key, strlen(key));
    const uint32_t number = mly_stitch_find(rig->stitch, id);
    assert_int_not_equal(number, UINT32_MAX);
    ask_row(rig, number);
    assert_true(rig->row.id == id);
    assert_int_equal(rig->row.values[0].type, MLY_TEXT);
    assert_int_equal(rig->row.values[0].n_bytes, strlen(key));
    assert_memory_equal(rig->row.values[0].as.text, key, strlen(key));
    return number;
}

static void sequences_are_numbered_as_they_appear(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "b", VERTICES({1, 1}, {2, 2}));
    make_lines_add(&lines, "a", VERTICES({1, 1}, {2, 2}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "c", VERTICES({1, 1}, {2, 2}));
    make_lines_add(&lines, "b", VERTICES({1, 1}, {2, 2}));
    add(&rig, 1, 0, &lines);

    assert_int_equal(mly_stitch_count(rig.stitch), 3);
    assert_int_equal(assert_found(&rig, "b"), 0);
    assert_int_equal(assert_found(&rig, "a"), 1);
    assert_int_equal(assert_found(&rig, "c"), 2);
    assert_int_equal(mly_stitch_find(rig.stitch, mly_value_hash(0, "d", 1)), UINT32_MAX);

    tear_down(&rig);
}

static void nothing_is_found_before_anything_was_added(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);

    assert_int_equal(mly_stitch_count(rig.stitch), 0);
    assert_int_equal(mly_stitch_find(rig.stitch, 0), UINT32_MAX);
    assert_int_equal(mly_stitch_find(rig.stitch, 77), UINT32_MAX);
    assert_int_equal(mly_stitch_find(rig.stitch, -1), UINT32_MAX);

    tear_down(&rig);
}

static void a_dropped_sequence_is_neither_found_nor_followed(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 100}));
    make_lines_add(&lines, "b", VERTICES({2, 2}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    assert_true(mly_stitch_is_kept(rig.stitch, 0));

    mly_stitch_drop(rig.stitch, 0);

    assert_false(mly_stitch_is_kept(rig.stitch, 0));
    assert_true(mly_stitch_is_kept(rig.stitch, 1));
    assert_int_equal(mly_stitch_find(rig.stitch, mly_value_hash(0, "a", 1)), UINT32_MAX);
    assert_int_equal(assert_found(&rig, "b"), 1);
    const size_t n_live = rig.mem.live_bytes;
    make_lines_add(&lines, "a", VERTICES({0, 100}, {3, 3}));
    add_known(&rig, 1, 0, &lines);
    assert_int_equal(mly_stitch_count(rig.stitch), 2);
    assert_int_equal(rig.mem.live_bytes, n_live);
    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}));
    tear_down(&rig);
}

static void pieces_without_an_id_are_sequences_of_their_own(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, NULL, VERTICES({1, 1}, {4096, 100}));
    make_lines_add(&lines, NULL, VERTICES({4096, 100}, {2, 2}));
    make_lines_add(&lines, "", VERTICES({4096, 100}, {3, 3})); /* an empty id is none */
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, NULL, VERTICES({0, 100}, {4, 4}));
    add(&rig, 1, 0, &lines);

    assert_int_equal(mly_stitch_count(rig.stitch), 4);
    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}));
    assert_line(&rig, 1, VERTICES({4096, 100}, {2, 2}));
    assert_line(&rig, 2, VERTICES({4096, 100}, {3, 3}));
    assert_line(&rig, 3, VERTICES({4096, 100}, {4100, 4}));
    assert_true(rig.row.id == -1);
    assert_int_equal(rig.row.values[0].type, MLY_NULL);
    assert_int_equal(mly_stitch_find(rig.stitch, -1), UINT32_MAX);
    tear_down(&rig);
}

static void a_number_as_id_is_the_same_as_its_digits(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    struct make_path path = {.n = 0};
    const struct make_tag tag = {.key = "id", .value = {.encoding = MAKE_INT, .integer = 4711}};
    struct bytes bytes = {.size = 0};
    set_up(&rig);
    make_lines_add(&lines, "4711", VERTICES({1, 1}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_line(&path, VERTICES({0, 100}, {5, 5}));
    const struct make_feature feature = {
        .shape = SHAPE_LINE, .parts = path.numbers, .n_parts = path.n, .tags = &tag, .n_tags = 1};
    make_layer(&bytes, &(struct make_layer){.name = "sequence", .features = &feature, .n_features = 1});

    assert_status(add_bytes(&rig, tile_at(&rig, 1, 0), &bytes, false), MLY_OK, &rig.err);

    assert_int_equal(mly_stitch_count(rig.stitch), 1);
    assert_int_equal(assert_found(&rig, "4711"), 0);
    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}, {4101, 5}));
    make_free_path(&path);
    tear_down(&rig);
}

static void the_values_are_those_of_the_first_piece_and_outlive_their_tile(void **state)
{
    (void)state;
    const struct mly_layer *layer = mly_schema_find("sequences");
    struct rig rig;
    set_up(&rig);
    for (int64_t i = 0; i < 2; i++) {
        struct make_path path = {.n = 0};
        struct bytes bytes = {.size = 0};
        const struct make_tag tags[] = {
            {.key = "captured_at", .value = {.encoding = MAKE_INT, .integer = 1503523946000 + i}},
            {.key = "image_id", .value = {.encoding = MAKE_INT, .integer = 59042170395811371 + i}},
            {.key = "is_pano", .value = {.encoding = MAKE_BOOL, .integer = 1 - i}},
            {.key = "id", .value = {.encoding = MAKE_TEXT, .text = "7nfcwfvjdtphz7yj6zat6a"}},
        };
        make_line(&path, VERTICES({1, 1}, {2, 2}));
        const struct make_feature feature = {
            .shape = SHAPE_LINE, .parts = path.numbers, .n_parts = path.n, .tags = tags, .n_tags = COUNT(tags)};
        make_layer(&bytes, &(struct make_layer){.name = "sequence", .features = &feature, .n_features = 1});
        assert_status(add_bytes(&rig, tile_at(&rig, (int)i, 0), &bytes, false), MLY_OK, &rig.err);
        make_free_path(&path);
    }

    assert_int_equal(assert_found(&rig, "7nfcwfvjdtphz7yj6zat6a"), 0);

    for (uint32_t i = 1; i < layer->n_columns; i++) {
        const struct mly_value *value = &rig.row.values[i];
        if (strcmp(layer->columns[i].name, "captured_at") == 0)
            assert_true(value->type == MLY_TIME && value->as.i == INT64_C(1503523946000));
        else if (strcmp(layer->columns[i].name, "image_id") == 0)
            assert_true(value->type == MLY_INT && value->as.i == INT64_C(59042170395811371));
        else if (strcmp(layer->columns[i].name, "is_pano") == 0)
            assert_true(value->type == MLY_BOOL && value->as.i == 1);
        else
            assert_int_equal(value->type, MLY_NULL);
    }
    tear_down(&rig);
}

/* Keys whose hashes share so many low bits that every table up to 2^`bits` puts them into one slot. */
static void find_crowded_keys(char (*keys)[24], size_t n, unsigned bits)
{
    const int64_t mask = (INT64_C(1) << bits) - 1;
    size_t n_found = 0;
    int64_t wanted = 0;
    for (unsigned long i = 0; n_found < n; i++) {
        const int length = snprintf(keys[n_found], sizeof keys[n_found], "key-%lu", i);
        const int64_t hash = mly_value_hash(0, keys[n_found], (size_t)length);
        if (n_found == 0)
            wanted = hash & mask;
        n_found += (hash & mask) == wanted;
    }
}

static void keys_that_want_the_same_slot_stay_apart(void **state)
{
    (void)state;
    enum { N = 40 };
    char keys[N][24];
    struct rig rig;
    find_crowded_keys(keys, N, 12);
    set_up(&rig);
    for (int tile = 0; tile < 2; tile++) { /* to the border in one tile, and on in the next */
        struct make_lines lines = {.n = 0};
        for (int i = 0; i < N; i++) {
            const int32_t y = 10 * i;
            if (tile == 0)
                make_lines_add(&lines, keys[i], VERTICES({i, i}, {4096, y}));
            else
                make_lines_add(&lines, keys[N - 1 - i], VERTICES({0, 10 * (N - 1) - y}, {5, 5}));
        }
        add(&rig, tile, 0, &lines);
    }

    assert_int_equal(mly_stitch_count(rig.stitch), N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(assert_found(&rig, keys[i]), i);
        assert_line(&rig, (uint32_t)i, VERTICES({i, i}, {4096, 10 * i}, {4101, 5}));
    }
    tear_down(&rig);
}

static void keys_of_one_hash_stay_apart(void **state)
{
    (void)state;
    static const char one[] = "8yn0iYCKYHlIj4-BwPqk", other[] = "GReLUrM4wMqfg9yzV3KQ";
    struct rig rig;
    struct make_lines lines = {.n = 0};
    assert_true(mly_value_hash(0, one, 20) == mly_value_hash(0, other, 20)); /* all 64 bits of FNV-1a */
    set_up(&rig);
    make_lines_add(&lines, one, VERTICES({1, 1}, {4096, 100}));
    make_lines_add(&lines, other, VERTICES({2, 2}, {4096, 100}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, other, VERTICES({0, 100}, {4, 4}));
    make_lines_add(&lines, one, VERTICES({0, 100}, {3, 3}));
    add_known(&rig, 1, 0, &lines);

    assert_int_equal(mly_stitch_count(rig.stitch), 2);
    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}, {4099, 3}));
    assert_memory_equal(rig.row.values[0].as.text, one, 20);
    assert_line(&rig, 1, VERTICES({2, 2}, {4096, 100}, {4100, 4}));
    assert_memory_equal(rig.row.values[0].as.text, other, 20);
    tear_down(&rig);
}

static void what_is_not_there_is_not_found_however_many_there_are(void **state)
{
    (void)state;
    char keys[2100][8];
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < COUNT(keys); i++) { /* as the table fills, and grows */
        struct make_lines lines = {.n = 0};
        (void)snprintf(keys[i], sizeof keys[i], "%zu", i);
        make_lines_add(&lines, keys[i], VERTICES({1, 1}, {2, 2}));
        add(&rig, 0, 0, &lines);

        assert_int_equal(mly_stitch_find(rig.stitch, mly_value_hash(0, "absent", 6)), UINT32_MAX);
        assert_int_equal(mly_stitch_find(rig.stitch, mly_value_hash(0, keys[i], strlen(keys[i]))), i);
    }
    tear_down(&rig);
}

static void five_thousand_sequences_are_all_found_and_joined(void **state)
{
    (void)state;
    enum { N = 5000 };
    char(*keys)[24] = calloc(N, sizeof *keys);
    struct rig rig;
    struct make_lines west = {.n = 0}, east = {.n = 0};
    assert_non_null(keys);
    set_up(&rig);
    for (int i = 0; i < N; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "sequence %d", i);
        make_lines_add(&west, keys[i], VERTICES({i % 4000, i % 17}, {4096, i % 4096}));
    }
    for (int i = N; i-- > 0;)
        make_lines_add(&east, keys[i], VERTICES({0, i % 4096}, {1 + i % 13, 9}));

    add(&rig, 0, 0, &west);
    add(&rig, 1, 0, &east);

    assert_int_equal(mly_stitch_count(rig.stitch), N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(assert_found(&rig, keys[i]), i);
        assert_line(&rig, (uint32_t)i, VERTICES({i % 4000, i % 17}, {4096, i % 4096}, {4097 + i % 13, 9}));
    }
    assert_true(rig.mem.live_bytes < 600 * (size_t)N); /* some 200 a sequence, in buffers that double as they grow */
    free(keys);
    tear_down(&rig);
}

/* ---- other tiles ---- */

static void another_extent_is_refused(void **state)
{
    (void)state;
    static const uint32_t extents[] = {512, 4095, 8192};
    for (size_t i = 0; i < COUNT(extents); i++) {
        struct rig rig;
        struct make_lines lines = {.n = 0};
        set_up(&rig);
        make_lines_add(&lines, "a", VERTICES({1, 1}, {2, 2}));
        struct bytes bytes = make_lines_tile(&lines, extents[i]);

        assert_status(add_bytes(&rig, rig.home, &bytes, false), MLY_E_CORRUPT, &rig.err);

        assert_says(rig.err.text, "4096");
        assert_int_equal(mly_stitch_count(rig.stitch), 0);
        tear_down(&rig);
    }
}

static void an_extent_that_is_not_written_is_the_usual_one(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {2, 2}));
    struct bytes bytes = make_lines_tile(&lines, 0);

    assert_status(add_bytes(&rig, rig.home, &bytes, false), MLY_OK, &rig.err);

    assert_line(&rig, 0, VERTICES({1, 1}, {2, 2}));
    tear_down(&rig);
}

static void a_tile_without_sequences_changes_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct bytes images = make_images(1, 3);
    set_up(&rig);

    assert_status(add_bytes(&rig, rig.home, &images, false), MLY_OK, &rig.err);

    assert_int_equal(mly_stitch_count(rig.stitch), 0);
    tear_down(&rig);
}

static void lines_of_every_zoom_join(void **state)
{
    (void)state;
    for (uint8_t zoom = 6; zoom <= 14; zoom++) {
        struct rig rig;
        struct make_lines lines = {.n = 0};
        set_up_at(&rig, (struct mly_tile){.x = (1u << zoom) - 2, .y = (1u << zoom) - 2, .z = zoom});
        make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 4096}));
        add(&rig, 0, 0, &lines);
        make_lines_add(&lines, "a", VERTICES({0, 0}, {4096, 4096}));
        add(&rig, 1, 1, &lines);

        assert_line(&rig, 0, VERTICES({1, 1}, {4096, 4096}, {8192, 8192}));

        assert_near(rig.row.points[2].x, 180.0, 0.0);
        assert_near(rig.row.points[2].y, -MLY_TILE_MAX_LATITUDE, 1e-12);
        tear_down(&rig);
    }
}

static void a_row_may_be_asked_for_again(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 100}));
    make_lines_add(&lines, "b", VERTICES({7, 7}, {8, 8}, {9, 9}));
    add(&rig, 0, 0, &lines);
    make_lines_add(&lines, "a", VERTICES({0, 100}, {5, 5}));
    add(&rig, 1, 0, &lines);

    for (int round = 0; round < 3; round++) {
        assert_line(&rig, 0, VERTICES({1, 1}, {4096, 100}, {4101, 5}));
        assert_line(&rig, 1, VERTICES({7, 7}, {8, 8}, {9, 9}));
    }

    tear_down(&rig);
}

static void no_stitch_is_freed_too(void **state)
{
    (void)state;

    mly_stitch_free(NULL);
}

/* ---- much of it ---- */

/* These end because nothing is looked at again and again: with the cube of the number of parts it would take days. */
enum { MANY = 30000 };

/* A vertex within the tile, for each number another one. */
static struct make_vertex vertex_number(int i)
{
    return (struct make_vertex){.x = 10 + i % 4000, .y = 10 + i / 4000};
}

static void many_loose_parts_in_a_row_are_connected_from_their_last(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    struct seen seen = {.n = 0, .answer = MLY_OK};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({4096, 7}, {1, 1}));
    add(&rig, 0, 0, &lines);
    for (int i = 0; i < MANY; i++) {
        const struct make_vertex to = i + 1 < MANY ? vertex_number(i + 1) : (struct make_vertex){.x = 0, .y = 7};
        make_lines_add(&lines, "a", VERTICES(vertex_number(i), to));
    }
    add_known(&rig, 1, 0, &lines);

    assert_status(mly_stitch_neighbours(rig.stitch, 0, see, &seen), MLY_OK, NULL);
    ask_row(&rig, 0);

    assert_int_equal(rig.row.n_parts, 1);
    assert_int_equal(rig.row.part_ends[0], MANY + 2);
    tear_down(&rig);
}

static void many_loose_parts_that_nothing_connects_stay_loose(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    struct seen seen = {.n = 0, .answer = MLY_OK};
    set_up(&rig);
    make_lines_add(&lines, "a", VERTICES({1, 1}, {4096, 7}));
    add(&rig, 0, 0, &lines);
    for (int i = 0; i < MANY; i++) {
        const struct make_vertex from = vertex_number(i);
        make_lines_add(&lines, "a", VERTICES(from, {from.x, from.y + 2000}));
    }
    add_known(&rig, 1, 0, &lines);

    assert_status(mly_stitch_neighbours(rig.stitch, 0, see, &seen), MLY_OK, NULL);

    assert_line(&rig, 0, VERTICES({1, 1}, {4096, 7}));
    tear_down(&rig);
}

static void many_loops_at_one_vertex_are_one_line(void **state)
{
    (void)state;
    static const struct make_vertex centres[] = {{9, 9}, {4096, 9}};
    for (size_t c = 0; c < COUNT(centres); c++) {
        struct rig rig;
        struct make_lines lines = {.n = 0};
        set_up(&rig);
        for (int i = 0; i < MANY; i++)
            make_lines_add(&lines, "a", VERTICES(centres[c], vertex_number(i), centres[c]));
        add(&rig, 0, 0, &lines);

        ask_row(&rig, 0);

        assert_int_equal(rig.row.n_parts, 1);
        assert_int_equal(rig.row.part_ends[0], 2 * MANY + 1);
        for (int i = 0; i < MANY; i += 1000) {
            const struct make_vertex at = vertex_of(&rig, rig.row.points[2 * i + 1]);
            assert_true(at.x == vertex_number(i).x && at.y == vertex_number(i).y);
        }
        tear_down(&rig);
    }
}

static void many_loops_to_both_sides_of_a_border_are_one_line(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    for (int tile = 0; tile < 2; tile++) {
        const struct make_vertex centre = {.x = tile ? 0 : 4096, .y = 9};
        struct make_lines lines = {.n = 0};
        for (int i = 0; i < MANY; i++)
            make_lines_add(&lines, "a", VERTICES(centre, vertex_number(i), centre));
        add(&rig, tile, 0, &lines);
    }

    ask_row(&rig, 0);

    assert_int_equal(rig.row.n_parts, 1);
    assert_int_equal(rig.row.part_ends[0], 4 * MANY + 1);
    tear_down(&rig);
}

static void many_ways_out_and_back_are_one_line(void **state)
{
    (void)state;
    struct rig rig;
    struct make_lines lines = {.n = 0};
    set_up(&rig);
    for (int i = 0; i < MANY; i++)
        make_lines_add(&lines, "a", VERTICES({9, 9}, vertex_number(i)));
    for (int i = 0; i < MANY; i++)
        make_lines_add(&lines, "a", VERTICES(vertex_number(i), {9, 9}));
    add(&rig, 0, 0, &lines);

    ask_row(&rig, 0);

    assert_int_equal(rig.row.n_parts, 1);
    assert_int_equal(rig.row.part_ends[0], 2 * MANY + 1);
    tear_down(&rig);
}

/* ---- memory ---- */

/* One of everything: pieces that join, loose ones, sequences enough for buffers to grow. */
static enum mly_status use_everything(struct rig *rig)
{
    struct seen seen = {.n = 0, .answer = MLY_OK};
    char keys[600][8];
    MLY_TRY(mly_stitch_new(mly_schema_find("sequences"), 14, &rig->mem.mem, &rig->stitch, &rig->err));
    for (int tile = 0; tile < 3; tile++) {
        struct make_lines lines = {.n = 0};
        for (int i = 0; i < 600; i++) {
            (void)snprintf(keys[i], sizeof keys[i], "%d", i);
            make_lines_add(&lines, keys[i], VERTICES({0, i}, {9, 9}, {2000, 5}, {30, 40}, {9, 9}, {4096, i}));
        }
        struct make_vertex way[700];
        for (int i = 0; i < 700; i++)
            way[i] = (struct make_vertex){.x = 8 * i % 4096, .y = i};
        make_lines_add(&lines, "long", way, COUNT(way));
        struct bytes bytes = make_lines_tile(&lines, E);
        MLY_TRY(add_bytes(rig, tile_at(rig, tile, 0), &bytes, tile == 2));
    }
    for (uint32_t i = 0; i < mly_stitch_count(rig->stitch); i++) {
        const enum mly_status status = mly_stitch_neighbours(rig->stitch, i, see, &seen);
        if (status < 0) /* it has no words of its own: the caller knows what it was for */
            return mly_fail(&rig->err, status, "out of memory for neighbours");
        MLY_TRY(mly_stitch_row(rig->stitch, i, &rig->row, &rig->err));
    }
    return MLY_OK;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct rig whole = {.home = usual_home};
    fail_mem_init(&whole.mem);
    assert_status(use_everything(&whole), MLY_OK, &whole.err);
    tear_down(&whole);
    assert_true(whole.mem.n_allocs > 20);

    for (size_t i = 0; i < whole.mem.n_allocs; i++) {
        struct rig rig = {.home = usual_home};
        fail_mem_init_failing(&rig.mem, i, 1);

        assert_status(use_everything(&rig), MLY_E_NOMEM, &rig.err);

        assert_int_equal(rig.err.code, MLY_E_NOMEM);
        assert_says(rig.err.text, "out of memory");
        tear_down(&rig);
    }
}

/* ---- any walk ---- */

enum { BLOCK = 4, MAX_WALK = 24, MAX_VERTICES = 8 * MAX_WALK, MAX_RUNS = 3 }; /* tiles each way; vertices */

/* A walk over a block of tiles, cut at their borders: part i of it leads from vertex i to the next one, in a tile. */
struct run {
    struct make_vertex at[MAX_VERTICES];
    size_t tiles[MAX_VERTICES];
    size_t n;
};

static bool is_same(struct make_vertex a, struct make_vertex b)
{
    return a.x == b.x && a.y == b.y;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* A fraction of the way along a segment. */
struct fraction {
    int64_t n, d;
};

static int compare_fractions(const void *a, const void *b)
{
    const struct fraction *l = a, *r = b;
    const int64_t left = l->n * r->d, right = r->n * l->d;
    return (left > right) - (left < right);
}

/* Where the segment crosses the grid, the end among it, in order and each once. */
static size_t list_cuts(struct make_vertex a, struct make_vertex b, struct fraction *cuts)
{
    const int32_t from[] = {a.x, a.y}, to[] = {b.x, b.y};
    size_t n = 0, n_kept = 0;
    for (int axis = 0; axis < 2; axis++) {
        const int32_t low = from[axis] < to[axis] ? from[axis] : to[axis];
        const int32_t high = from[axis] < to[axis] ? to[axis] : from[axis];
        for (int32_t border = (low / E + 1) * E; border < high; border += E)
            cuts[n++] = (struct fraction){.n = labs((long)border - from[axis]), .d = (int64_t)high - low};
    }
    cuts[n++] = (struct fraction){.n = 1, .d = 1};
    qsort(cuts, n, sizeof *cuts, compare_fractions);
    for (size_t i = 0; i < n; i++) {
        if (n_kept == 0 || compare_fractions(&cuts[n_kept - 1], &cuts[i]) != 0)
            cuts[n_kept++] = cuts[i];
    }
    return n_kept;
}

/* The grid's vertex nearest to a point of the segment; halves go up, whichever way it runs. */
static struct make_vertex nearest(struct make_vertex a, struct make_vertex b, struct fraction t)
{
    const int64_t x = 2 * (a.x * t.d + (b.x - a.x) * t.n) + t.d, y = 2 * (a.y * t.d + (b.y - a.y) * t.n) + t.d;
    return (struct make_vertex){.x = (int32_t)floor_div(x, 2 * t.d), .y = (int32_t)floor_div(y, 2 * t.d)};
}

/* The tile that holds the point: on a border, the one to the east or south. */
static size_t tile_of(struct make_vertex a, struct make_vertex b, struct fraction t)
{
    const int64_t x = floor_div(a.x * t.d + (b.x - a.x) * t.n, E * t.d);
    const int64_t y = floor_div(a.y * t.d + (b.y - a.y) * t.n, E * t.d);
    assert_true(x >= 0 && x < BLOCK && y >= 0 && y < BLOCK);
    return (size_t)(y * BLOCK + x);
}

static void walk_on(struct run *run, struct make_vertex b)
{
    const struct make_vertex a = run->at[run->n - 1];
    struct fraction cuts[2 * BLOCK + 1], before = {.n = 0, .d = 1};
    const size_t n = list_cuts(a, b, cuts);
    for (size_t i = 0; i < n; before = cuts[i++]) {
        const struct make_vertex q = nearest(a, b, cuts[i]);
        if (is_same(q, run->at[run->n - 1]))
            continue;
        const struct fraction middle = {.n = before.n * cuts[i].d + cuts[i].n * before.d,
                                        .d = 2 * before.d * cuts[i].d};
        assert_true(run->n < MAX_VERTICES);
        run->tiles[run->n - 1] = tile_of(a, b, middle);
        run->at[run->n++] = q;
    }
}

static struct make_vertex any_vertex(const struct run *runs, size_t r, struct chance *chance)
{
    const struct run *run = &runs[r];
    const int32_t last = BLOCK * E - 1;
    struct make_vertex at = {.x = (int32_t)chance_below(chance, (size_t)last + 1),
                             .y = (int32_t)chance_below(chance, (size_t)last + 1)};
    const size_t kind = chance_below(chance, 16);
    if (kind < 4 && run->n > 0) /* where it was before */
        return run->at[chance_below(chance, run->n)];
    if (kind < 9 && run->n > 0) { /* near by */
        at.x = run->at[run->n - 1].x + (int32_t)chance_below(chance, 801) - 400;
        at.y = run->at[run->n - 1].y + (int32_t)chance_below(chance, 801) - 400;
    }
    if (kind == 9 || kind == 11) /* on a border, or at a corner */
        at.x = at.x / E * E;
    if (kind == 10 || kind == 11)
        at.y = at.y / E * E;
    at.x = at.x < 0 ? 0 : at.x > last ? last : at.x;
    at.y = at.y < 0 ? 0 : at.y > last ? last : at.y;
    return at;
}

static void make_run(struct run *runs, size_t r, struct chance *chance)
{
    struct run *run = &runs[r];
    const size_t n = 2 + chance_below(chance, MAX_WALK - 1);
    run->n = 0;
    run->at[0] = any_vertex(runs, r, chance);
    run->n = 1;
    for (size_t i = 1; i < n || run->n < 2; i++)
        walk_on(run, any_vertex(runs, r, chance));
}

static size_t count_visits(const struct run *runs, size_t n_runs, struct make_vertex at)
{
    size_t n = 0;
    for (size_t r = 0; r < n_runs; r++) {
        for (size_t i = 0; i < runs[r].n; i++)
            n += is_same(runs[r].at[i], at);
    }
    return n;
}

/* Whether only one walk has these pieces: where it meets itself on a border it goes straight through, between the same
 * two tiles each time; and runs do not end where another one is. */
static bool is_unambiguous(const struct run *runs, size_t n_runs)
{
    for (size_t r = 0; r < n_runs; r++) {
        const struct run *run = &runs[r];
        for (size_t i = 0; i < run->n; i++) {
            const struct make_vertex at = run->at[i];
            const bool is_end = i == 0 || i + 1 == run->n;
            const bool on_border = at.x % E == 0 || at.y % E == 0;
            if (count_visits(runs, n_runs, at) == 1 || (!on_border && !(is_end && n_runs > 1)))
                continue;
            if (is_end || (at.x % E == 0 && at.y % E == 0) || run->tiles[i - 1] == run->tiles[i])
                return false;
        }
    }
    return true;
}

/* The pieces of a sequence in a tile, in the order of capture. A part ends where the line leaves the tile, and at every
 * vertex that the line visits more than once. */
static struct bytes clip(const struct run *runs, size_t n_runs, size_t tile)
{
    const struct make_vertex corner = {.x = (int32_t)(tile % BLOCK) * E, .y = (int32_t)(tile / BLOCK) * E};
    struct make_lines lines = {.n = 0};
    for (size_t r = 0; r < n_runs; r++) {
        const struct run *run = &runs[r];
        struct make_vertex part[MAX_VERTICES];
        size_t n = 0;
        for (size_t i = 0; i + 1 < run->n; i++) {
            if (run->tiles[i] != tile)
                continue;
            if (n == 0)
                part[n++] = (struct make_vertex){.x = run->at[i].x - corner.x, .y = run->at[i].y - corner.y};
            part[n++] = (struct make_vertex){.x = run->at[i + 1].x - corner.x, .y = run->at[i + 1].y - corner.y};
            if (i + 2 == run->n || run->tiles[i + 1] != tile || count_visits(runs, n_runs, run->at[i + 1]) > 1) {
                make_lines_add(&lines, "a", part, n);
                n = 0;
            }
        }
    }
    return make_lines_tile(&lines, E);
}

/* All tiles of the block in any order, of which those up to the first one with a piece, and others, are covered. */
static void add_block(struct rig *rig, const struct run *runs, size_t n_runs, struct chance *chance)
{
    size_t order[BLOCK * BLOCK];
    const bool follows = n_runs == 1 && chance_below(chance, 2);
    for (size_t i = 0; i < COUNT(order); i++) {
        const size_t j = chance_below(chance, i + 1);
        order[i] = i;
        order[i] = order[j];
        order[j] = i;
    }
    for (size_t i = 0; i < COUNT(order); i++) {
        struct bytes bytes = clip(runs, n_runs, order[i]);
        const bool known_only = follows && mly_stitch_count(rig->stitch) > 0 && chance_below(chance, 8) > 0;
        assert_status(
            add_bytes(rig, tile_at(rig, (int)(order[i] % BLOCK), (int)(order[i] / BLOCK)), &bytes, known_only), MLY_OK,
            &rig->err);
    }
}

/* Whether a part of the row is this run, vertex by vertex. */
static bool is_run(const struct rig *rig, uint32_t part, const struct run *run)
{
    const uint32_t begin = part_begin(rig, part);
    if (rig->row.part_ends[part] - begin != run->n)
        return false;
    for (size_t i = 0; i < run->n; i++) {
        if (!is_same(vertex_of(rig, rig->row.points[begin + i]), run->at[i]))
            return false;
    }
    return true;
}

static void assert_runs_come_back(const struct rig *rig, const struct run *runs, size_t n_runs)
{
    assert_int_equal(rig->row.n_parts, n_runs);
    for (size_t r = 0; r < n_runs; r++) {
        uint32_t part = 0;
        while (part < n_runs && !is_run(rig, part, &runs[r]))
            part++;
        assert_true(part < n_runs);
    }
}

/* How often a step is made by the runs, less how often by the row. */
static int count_steps(const struct rig *rig, const struct run *runs, size_t n_runs, struct make_vertex a,
                       struct make_vertex b)
{
    int n = 0;
    for (size_t r = 0; r < n_runs; r++) {
        for (size_t i = 0; i + 1 < runs[r].n; i++)
            n += is_same(runs[r].at[i], a) && is_same(runs[r].at[i + 1], b);
    }
    for (uint32_t part = 0; part < rig->row.n_parts; part++) {
        for (uint32_t i = part_begin(rig, part); i + 1 < rig->row.part_ends[part]; i++)
            n -= is_same(vertex_of(rig, rig->row.points[i]), a) && is_same(vertex_of(rig, rig->row.points[i + 1]), b);
    }
    return n;
}

/* Whatever way a line takes where it meets itself on a border: each step is there once, in its direction, and no line
 * ends where another begins. */
static void assert_steps_come_back(const struct rig *rig, const struct run *runs, size_t n_runs)
{
    size_t n_steps = 0;
    for (size_t r = 0; r < n_runs; r++) {
        for (size_t i = 0; i + 1 < runs[r].n; i++, n_steps++)
            assert_int_equal(count_steps(rig, runs, n_runs, runs[r].at[i], runs[r].at[i + 1]), 0);
    }
    assert_int_equal(rig->row.part_ends[rig->row.n_parts - 1] - rig->row.n_parts, n_steps);
    for (uint32_t i = 0; i < rig->row.n_parts; i++) {
        const struct make_vertex end = vertex_of(rig, rig->row.points[rig->row.part_ends[i] - 1]);
        for (uint32_t j = 0; j < rig->row.n_parts; j++)
            assert_true(i == j || !is_same(end, vertex_of(rig, rig->row.points[part_begin(rig, j)])));
    }
}

static void any_walk_comes_back_in_any_order_of_tiles(void **state)
{
    (void)state;
    struct chance chance = {.state = 4096};
    unsigned long n_exact = 0, n_rounds = chance_rounds(1500);
    for (unsigned long round = 0; round < n_rounds; round++) {
        struct run runs[MAX_RUNS];
        struct rig rig;
        const size_t n_runs = chance_below(&chance, 4) ? 1 : 1 + chance_below(&chance, MAX_RUNS);
        for (size_t r = 0; r < n_runs; r++)
            make_run(runs, r, &chance);
        set_up(&rig);

        add_block(&rig, runs, n_runs, &chance);
        ask_row(&rig, 0);

        if (is_unambiguous(runs, n_runs)) {
            assert_runs_come_back(&rig, runs, n_runs);
            n_exact++;
        }
        assert_steps_come_back(&rig, runs, n_runs);
        tear_down(&rig);
    }
    assert_true(n_exact > n_rounds / 3); /* enough of them say what they should */
}

/* ---- any walk over 180° ---- */

enum { MAX_CUTS = MAX_RUNS * MAX_VERTICES };

/* The runs, cut wherever they go over the middle of the block. */
static size_t cut_runs(const struct run *runs, size_t n_runs, struct run *out)
{
    size_t n = 0;
    for (size_t r = 0; r < n_runs; r++) {
        const struct run *run = &runs[r];
        for (size_t i = 0; i < run->n; i++) {
            const bool crosses = i > 0 && i + 1 < run->n &&
                                 (run->tiles[i - 1] % BLOCK < BLOCK / 2) != (run->tiles[i] % BLOCK < BLOCK / 2);
            if (i == 0)
                out[n++].n = 0;
            out[n - 1].at[out[n - 1].n++] = run->at[i];
            if (crosses) {
                out[n].n = 0;
                out[n].at[out[n].n++] = run->at[i];
                n++;
            }
        }
    }
    return n;
}

/* Whether a walk's pieces tell where it is to be cut: not when it meets itself in the middle of the block, where it may
 * turn as well, nor when its end joins its beginning. */
static bool tells_its_cuts(const struct run *run)
{
    for (size_t i = 0; i < run->n; i++) {
        if (run->at[i].x == BLOCK / 2 * E && count_visits(run, 1, run->at[i]) > 1)
            return false;
    }
    return is_unambiguous(run, 1) && !is_same(run->at[0], run->at[run->n - 1]);
}

static void any_walk_over_180_degrees_is_cut_there_and_nowhere_else(void **state)
{
    (void)state;
    struct chance chance = {.state = 180};
    struct run *cuts = calloc(MAX_CUTS, sizeof *cuts);
    unsigned long n_exact = 0, n_rounds = chance_rounds(500);
    assert_non_null(cuts);
    for (unsigned long round = 0; round < n_rounds; round++) {
        struct run run;
        struct rig rig;
        make_run(&run, 0, &chance);
        set_up_at(&rig, (struct mly_tile){.x = (1u << 14) - BLOCK / 2, .y = 9000, .z = 14});
        rig.is_round = true;

        add_block(&rig, &run, 1, &chance);
        ask_row(&rig, 0);

        for (size_t i = 0; i + 1 < run.n; i++)
            assert_int_equal(count_steps(&rig, &run, 1, run.at[i], run.at[i + 1]), 0);
        if (tells_its_cuts(&run)) {
            assert_runs_come_back(&rig, cuts, cut_runs(&run, 1, cuts));
            n_exact++;
        }
        tear_down(&rig);
    }
    assert_true(n_exact > n_rounds / 4); /* enough of them say what they should */
    free(cuts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_alone_is_a_line),
        cmocka_unit_test(every_step_keeps_its_length),
        cmocka_unit_test(a_line_that_meets_itself_goes_on_in_the_order_of_capture),
        cmocka_unit_test(several_loops_at_one_vertex_keep_their_order),
        cmocka_unit_test(nested_loops_keep_their_order),
        cmocka_unit_test(gaps_stay_apart),
        cmocka_unit_test(lines_that_only_begin_or_only_end_together_stay_apart),
        cmocka_unit_test(different_sequences_never_join),
        cmocka_unit_test(pieces_join_over_a_border_whichever_comes_first),
        cmocka_unit_test(pieces_join_over_a_border_to_every_side),
        cmocka_unit_test(a_line_goes_through_the_tile_between),
        cmocka_unit_test(ends_beside_each_other_on_a_border_stay_apart),
        cmocka_unit_test(a_line_that_comes_back_through_its_own_vertex_takes_the_way_beyond_first),
        cmocka_unit_test(a_line_may_come_back_through_its_own_vertex_again_and_again),
        cmocka_unit_test(a_line_may_turn_at_the_edge_of_what_was_read),
        cmocka_unit_test(a_loop_ends_where_it_began),
        cmocka_unit_test(a_loop_over_borders_opens_where_it_began_within_a_tile),
        cmocka_unit_test(a_loop_that_begins_on_a_border_is_one_line_all_the_way_round),
        cmocka_unit_test(two_loops_at_one_vertex_are_one_line),
        cmocka_unit_test(one_loop_twice_over_is_one_line),
        cmocka_unit_test(a_line_that_touches_a_border_before_it_crosses_there_is_one_line),
        cmocka_unit_test(loops_from_a_border_keep_their_order_also_where_the_line_crosses_it),
        cmocka_unit_test(a_loop_goes_in_where_another_line_passes_and_nowhere_else),
        cmocka_unit_test(several_loops_go_in_together_where_a_line_passes_later),
        cmocka_unit_test(two_loops_that_meet_twice_are_one_line),
        cmocka_unit_test(a_loop_that_meets_no_other_line_stays_a_part_of_its_own),
        cmocka_unit_test(a_line_over_180_degrees_is_one_sequence_split_there),
        cmocka_unit_test(a_loose_piece_is_connected_over_180_degrees),
        cmocka_unit_test(what_is_far_apart_at_180_degrees_is_not_connected),
        cmocka_unit_test(a_loose_piece_counts_once_it_is_connected),
        cmocka_unit_test(connection_spreads_through_any_number_of_loose_pieces),
        cmocka_unit_test(a_loose_piece_is_connected_by_either_end),
        cmocka_unit_test(loose_pieces_connected_with_each_other_alone_do_not_count),
        cmocka_unit_test(all_parts_of_the_covered_tiles_count_connected_or_not),
        cmocka_unit_test(following_brings_no_new_sequences),
        cmocka_unit_test(an_end_within_a_tile_names_that_tile),
        cmocka_unit_test(an_end_on_a_border_names_both_tiles),
        cmocka_unit_test(an_end_at_a_corner_names_all_four_tiles),
        cmocka_unit_test(nothing_is_beyond_the_north_and_the_south),
        cmocka_unit_test(east_and_west_meet_at_180_degrees),
        cmocka_unit_test(every_part_names_the_tiles_at_its_ends),
        cmocka_unit_test(loose_pieces_name_no_tiles_until_they_are_connected),
        cmocka_unit_test(who_cannot_take_a_neighbour_stops_the_naming),
        cmocka_unit_test(what_has_no_id_has_no_neighbours),
        cmocka_unit_test(a_sequence_names_the_covered_tiles_that_gave_it),
        cmocka_unit_test(what_is_held_is_counted),
        cmocka_unit_test(sequences_are_numbered_as_they_appear),
        cmocka_unit_test(nothing_is_found_before_anything_was_added),
        cmocka_unit_test(a_dropped_sequence_is_neither_found_nor_followed),
        cmocka_unit_test(pieces_without_an_id_are_sequences_of_their_own),
        cmocka_unit_test(a_number_as_id_is_the_same_as_its_digits),
        cmocka_unit_test(the_values_are_those_of_the_first_piece_and_outlive_their_tile),
        cmocka_unit_test(keys_that_want_the_same_slot_stay_apart),
        cmocka_unit_test(keys_of_one_hash_stay_apart),
        cmocka_unit_test(what_is_not_there_is_not_found_however_many_there_are),
        cmocka_unit_test(five_thousand_sequences_are_all_found_and_joined),
        cmocka_unit_test(another_extent_is_refused),
        cmocka_unit_test(an_extent_that_is_not_written_is_the_usual_one),
        cmocka_unit_test(a_tile_without_sequences_changes_nothing),
        cmocka_unit_test(lines_of_every_zoom_join),
        cmocka_unit_test(a_row_may_be_asked_for_again),
        cmocka_unit_test(no_stitch_is_freed_too),
        cmocka_unit_test(many_loose_parts_in_a_row_are_connected_from_their_last),
        cmocka_unit_test(many_loose_parts_that_nothing_connects_stay_loose),
        cmocka_unit_test(many_loops_at_one_vertex_are_one_line),
        cmocka_unit_test(many_loops_to_both_sides_of_a_border_are_one_line),
        cmocka_unit_test(many_ways_out_and_back_are_one_line),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(any_walk_comes_back_in_any_order_of_tiles),
        cmocka_unit_test(any_walk_over_180_degrees_is_cut_there_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
