/* SPDX-License-Identifier: MIT */
/* Sequences as a reader gives them: what is asked of the service, in which order, and what comes of it. */
#include "core/sequences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reader.h"
#include "core/value.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/fake_clock.h"
#include "support/make_tile.h"
#include "support/script_transport.h"

enum { E = 4096, MAX_PLACES = 64 };

/* A vertex list and its length, as two arguments. */
#define VERTICES(...) (const struct make_vertex[]){__VA_ARGS__}, COUNT(((const struct make_vertex[]){__VA_ARGS__}))

/* ---- what the service has ---- */

struct place {
    int dx, dy; /* tiles to the east and south of home */
    struct make_lines lines;
    struct bytes body;
    char key[MLY_LIMIT_KEY];
};

struct world {
    struct mly_tile home;
    struct place places[MAX_PLACES];
    size_t n;
};

static const struct mly_tile usual_home = {.x = 8574, .y = 5735, .z = 14};

static struct place *place_at(struct world *world, int dx, int dy)
{
    for (size_t i = 0; i < world->n; i++) {
        if (world->places[i].dx == dx && world->places[i].dy == dy)
            return &world->places[i];
    }
    assert_true(world->n < MAX_PLACES);
    struct place *place = &world->places[world->n++];
    const unsigned across = 1u << world->home.z;
    *place = (struct place){.dx = dx, .dy = dy};
    (void)snprintf(place->key, sizeof place->key, "mly1_public/%u/%u/%u", world->home.z,
                   (world->home.x + across + (unsigned)dx) % across, world->home.y + (unsigned)dy);
    return place;
}

/* A part of a sequence in a tile, which has no body yet. */
static void draw(struct world *world, int dx, int dy, const char *id, const struct make_vertex *at, size_t n)
{
    make_lines_add(&place_at(world, dx, dy)->lines, id, at, n);
}

static struct mly_span body_of(struct place *place)
{
    if (place->body.size == 0)
        place->body = make_lines_tile(&place->lines, E);
    return bytes_view(&place->body);
}

static void free_world(struct world *world)
{
    for (size_t i = 0; i < world->n; i++) {
        (void)body_of(&world->places[i]); /* frees the lines of places that nobody asked for */
        bytes_free(&world->places[i].body);
    }
}

/* Seven tiles have to be read for what two of them, (0, 0) and (1, 0), hold. "east" leaves through (2, 0) into (3, 0);
 * "corner" leaves (0, 0) at its upper left corner, at which three more tiles meet; "between" and "inside" leave
 * nowhere; and the tiles beyond hold more than is wanted. */
static void draw_seven(struct world *world)
{
    *world = (struct world){.home = usual_home};
    draw(world, 0, 0, "corner", VERTICES({500, 500}, {0, 0}));
    draw(world, 0, 0, "between", VERTICES({10, 10}, {4096, 50}));
    draw(world, 0, 0, "inside", VERTICES({100, 100}, {200, 200}));
    draw(world, 1, 0, "east", VERTICES({900, 900}, {4096, 100}));
    draw(world, 1, 0, "between", VERTICES({0, 50}, {60, 60}));
    draw(world, 2, 0, "east", VERTICES({0, 100}, {4096, 200}));
    draw(world, 2, 0, "other", VERTICES({0, 100}, {4096, 4096}));
    draw(world, 2, 0, "inside", VERTICES({7, 7}, {4096, 8})); /* a part out of reach */
    draw(world, 3, 0, "east", VERTICES({0, 200}, {50, 50}));
    draw(world, -1, -1, "corner", VERTICES({4096, 4096}, {4000, 4000}));
    (void)place_at(world, 0, -1); /* these two have nothing */
    (void)place_at(world, -1, 0);
}

/* ---- reads ---- */

struct read {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_plan plan;
    struct mly_reader *reader;
    struct mly_error err;
    struct mly_row row; /* the one given last */
    struct mly_tile home;
    char debug[2048]; /* the lines so far */
};

struct wish {
    int west, north, east, south; /* tiles, from home */
    enum mly_stitch_mode stitch;
    uint64_t max_tiles;
    uint32_t max_in_flight;
    mly_keep_fn *keep;
    void *keep_ctx;
};

/* The two tiles that the seven are read for. */
static const struct wish both = {.east = 1, .max_tiles = 100, .max_in_flight = 4};

static void note(void *ctx, const char *text)
{
    struct read *read = ctx;
    const size_t used = strlen(read->debug);
    assert_true(used + strlen(text) + 2 < sizeof read->debug);
    memcpy(read->debug + used, text, strlen(text) + 1);
    memcpy(read->debug + used + strlen(text), "\n", 2);
}

static void prepare(struct read *read, const struct world *world)
{
    *read = (struct read){.home = world->home};
    fail_mem_init(&read->mem);
    fake_clock_init(&read->clock, 1000);
    script_init(&read->script, &read->mem.mem, &read->clock);
}

/* One request for a place is expected, and answered by what is there. */
static void expect_late(struct read *read, struct world *world, int dx, int dy, uint32_t after_ms)
{
    struct place *place = place_at(world, dx, dy);
    const struct mly_span body = place->lines.n + place->body.size ? body_of(place) : (struct mly_span){.data = NULL};
    script_add(
        &read->script,
        (struct script_answer){.key = place->key, .body = body, .http = body.size ? 200 : 204, .after_ms = after_ms});
}

static void expect(struct read *read, struct world *world, int dx, int dy)
{
    expect_late(read, world, dx, dy, 0);
}

static void expect_seven(struct read *read, struct world *world)
{
    static const int places[][2] = {{0, 0}, {1, 0}, {-1, -1}, {0, -1}, {-1, 0}, {2, 0}, {3, 0}};
    for (size_t i = 0; i < COUNT(places); i++)
        expect(read, world, places[i][0], places[i][1]);
}

/* The area of a wish: from the middle of one tile to the middle of another. */
static struct mly_area area_of(const struct read *read, const struct wish *wish)
{
    const struct mly_tile home = read->home;
    const double half = 0.5;
    return (struct mly_area){.box = {.west = mly_tile_longitude(home, wish->west + half, 1),
                                     .north = mly_tile_latitude(home, wish->north + half, 1),
                                     .east = mly_tile_longitude(home, wish->east + half, 1),
                                     .south = mly_tile_latitude(home, wish->south + half, 1)}};
}

static enum mly_status open_reader(struct read *read, const struct wish *wish)
{
    const struct mly_area area = area_of(read, wish);
    const struct mly_query query = {.layer = mly_schema_find("sequences"),
                                    .area = &area,
                                    .max_tiles = wish->max_tiles,
                                    .zoom = read->home.z,
                                    .stitch = wish->stitch};
    MLY_TRY(mly_plan_make(&query, &read->mem.mem, &read->plan, &read->err));
    const struct mly_read_options options = {
        .mem = &read->mem.mem,
        .tile_service = "https://tiles.example.org",
        .max_in_flight = wish->max_in_flight,
        .debug = note,
        .debug_ctx = read,
        .keep = wish->keep,
        .keep_ctx = wish->keep_ctx,
    };
    return mly_reader_new(&read->plan, &options, &read->script.base, &read->reader, &read->err);
}

static void start(struct read *read, const struct wish *wish)
{
    assert_status(open_reader(read, wish), MLY_OK, &read->err);
}

static enum mly_status next(struct read *read)
{
    return mly_reader_next(read->reader, &read->row, &read->err);
}

static void stop(struct read *read)
{
    mly_reader_free(read->reader);
    mly_plan_fini(&read->plan);
    mly_transport_free(&read->script.base);
    assert_nothing_leaks(&read->mem);
}

static void assert_is(const struct read *read, const char *id)
{
    const struct mly_value *text = &read->row.values[0];
    assert_int_equal(text->type, MLY_TEXT);
    assert_int_equal(text->n_bytes, strlen(id));
    assert_memory_equal(text->as.text, id, strlen(id));
    assert_true(read->row.id == mly_value_hash(0, id, strlen(id)) || read->plan.stitch == MLY_STITCH_NO);
}

static void assert_part(const struct read *read, uint32_t part, const struct make_vertex *expected, size_t n)
{
    assert_true(part < read->row.n_parts);
    const uint32_t begin = part ? read->row.part_ends[part - 1] : 0;
    assert_int_equal(read->row.part_ends[part] - begin, n);
    for (size_t i = 0; i < n; i++) {
        const struct mly_point point = read->row.points[begin + i];
        const struct make_vertex at = make_vertex_at(read->home, point.x, point.y);
        assert_int_equal(at.x, expected[i].x);
        assert_int_equal(at.y, expected[i].y);
    }
}

/* The row is this sequence, and this one line. */
static void assert_row(const struct read *read, const char *id, const struct make_vertex *expected, size_t n)
{
    assert_is(read, id);
    assert_int_equal(read->row.n_parts, 1);
    assert_part(read, 0, expected, n);
}

/* The next row is this sequence, and this one line. */
static void assert_next(struct read *read, const char *id, const struct make_vertex *expected, size_t n)
{
    assert_status(next(read), MLY_OK, &read->err);
    assert_row(read, id, expected, n);
}

static void assert_done(struct read *read)
{
    assert_status(next(read), MLY_DONE, &read->err);
    assert_status(next(read), MLY_DONE, &read->err);
}

/* Requests `first` to `first + n - 1` are those of these places, in whatever order. */
static void assert_asked(const struct read *read, struct world *world, size_t first, const int (*places)[2], size_t n)
{
    assert_true(first + n <= read->script.n_log);
    for (size_t i = 0; i < n; i++) {
        const char *key = place_at(world, places[i][0], places[i][1])->key;
        size_t j = first;
        while (j < first + n && strcmp(read->script.log[j].key, key) != 0)
            j++;
        if (j == first + n)
            fail_msg("%s was not asked for in its round", key);
    }
}

/* ---- whole sequences ---- */

static void whole_sequences_come_with_all_that_is_connected(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    draw_seven(&world);
    prepare(&read, &world);
    expect_seven(&read, &world);
    start(&read, &both);

    assert_next(&read, "corner", VERTICES({500, 500}, {0, 0}, {-96, -96}));
    assert_next(&read, "between", VERTICES({10, 10}, {4096, 50}, {4156, 60}));
    assert_next(&read, "inside", VERTICES({100, 100}, {200, 200}));
    assert_next(&read, "east", VERTICES({4996, 900}, {8192, 100}, {12288, 200}, {12338, 50}));
    assert_done(&read);

    assert_script_is_used_up(&read.script);
    stop(&read);
    free_world(&world);
}

static void tiles_are_asked_for_in_rounds_and_none_twice(void **state)
{
    (void)state;
    static const int covered[][2] = {{0, 0}, {1, 0}}, first[][2] = {{-1, -1}, {0, -1}, {-1, 0}, {2, 0}},
                     second[][2] = {{3, 0}};
    struct world world;
    struct read read;
    draw_seven(&world);
    prepare(&read, &world);
    expect_seven(&read, &world);
    start(&read, &both);
    assert_int_equal(read.script.n_log, 0); /* nothing before the first row is asked for */

    assert_status(next(&read), MLY_OK, &read.err);

    assert_int_equal(read.script.n_log, 7);
    assert_asked(&read, &world, 0, covered, COUNT(covered));
    assert_asked(&read, &world, 2, first, COUNT(first));
    assert_asked(&read, &world, 6, second, COUNT(second));
    assert_says(read.debug, "sequences held: 4\n"); /* what the two tiles gave */
    assert_says(read.debug, "vertices held: 10\n");
    assert_says(read.debug, "following them, tiles: 4\n");
    assert_says(read.debug, "following them, tiles: 1\n");
    stop(&read);
    free_world(&world);
}

static void a_round_begins_when_the_one_before_has_come_in(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    draw_seven(&world);
    prepare(&read, &world);
    expect_late(&read, &world, 0, 0, 5000);
    expect_late(&read, &world, 1, 0, 10);
    expect_late(&read, &world, -1, -1, 700);
    expect_late(&read, &world, 0, -1, 20);
    expect_late(&read, &world, -1, 0, 30);
    expect_late(&read, &world, 2, 0, 40);
    expect_late(&read, &world, 3, 0, 50);
    start(&read, &both);

    assert_status(next(&read), MLY_OK, &read.err);

    static const uint64_t at_ms[] = {1000, 1000, 6000, 6000, 6000, 6000, 6700};
    for (size_t i = 0; i < COUNT(at_ms); i++)
        assert_true(read.script.log[i].at_ms == at_ms[i]);
    stop(&read);
    free_world(&world);
}

static void a_long_way_is_followed_to_its_end(void **state)
{
    (void)state;
    enum { N = 40 };
    struct world world = {.home = usual_home};
    struct read read;
    struct make_vertex way[N + 1];
    prepare(&read, &world);
    for (int i = 0; i < N; i++) {
        draw(&world, i, 0, "a", VERTICES({i ? 0 : 1, 7}, {i + 1 < N ? 4096 : 5, 7}));
        way[i] = (struct make_vertex){.x = i ? i * E : 1, .y = 7};
        expect(&read, &world, i, 0);
    }
    way[N] = (struct make_vertex){.x = (N - 1) * E + 5, .y = 7};
    const struct wish wish = {.west = 20, .east = 20, .max_tiles = N, .max_in_flight = 4}; /* in its middle */
    start(&read, &wish);

    assert_next(&read, "a", way, COUNT(way));
    assert_done(&read);

    assert_script_is_used_up(&read.script);
    stop(&read);
    free_world(&world);
}

static void what_has_no_id_is_not_followed(void **state)
{
    (void)state;
    struct world world = {.home = usual_home};
    struct read read;
    prepare(&read, &world);
    draw(&world, 0, 0, NULL, VERTICES({5, 5}, {4096, 7}));
    expect(&read, &world, 0, 0);
    start(&read, &(struct wish){.max_tiles = 100, .max_in_flight = 4});

    assert_status(next(&read), MLY_OK, &read.err);

    assert_int_equal(read.row.values[0].type, MLY_NULL);
    assert_true(read.row.id == -1);
    assert_part(&read, 0, VERTICES({5, 5}, {4096, 7}));
    assert_done(&read);
    stop(&read);
    free_world(&world);
}

static void a_line_that_ends_on_a_border_for_good_is_looked_for_beyond_it_once(void **state)
{
    (void)state;
    struct world world = {.home = usual_home};
    struct read read;
    prepare(&read, &world);
    draw(&world, 0, 0, "a", VERTICES({5, 5}, {4096, 7}));
    draw(&world, 1, 0, "b", VERTICES({0, 7}, {8, 8}));
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    start(&read, &(struct wish){.max_tiles = 100, .max_in_flight = 4});

    assert_next(&read, "a", VERTICES({5, 5}, {4096, 7}));
    assert_done(&read);

    assert_script_is_used_up(&read.script);
    stop(&read);
    free_world(&world);
}

static void many_sequences_over_one_border_need_one_tile(void **state)
{
    (void)state;
    enum { N = 300 };
    struct world world = {.home = usual_home};
    struct read read;
    char keys[N][8];
    prepare(&read, &world);
    for (int i = 0; i < N; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "%d", i);
        draw(&world, 0, 0, keys[i], VERTICES({5, i + 1}, {4096, i + 1}));
    }
    for (int i = N; i-- > 0;)
        draw(&world, 1, 0, keys[i], VERTICES({0, i + 1}, {6, 6}));
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    start(&read, &(struct wish){.max_tiles = 100, .max_in_flight = 4});

    for (int i = 0; i < N; i++)
        assert_next(&read, keys[i], VERTICES({5, i + 1}, {4096, i + 1}, {4102, 6}));
    assert_done(&read);

    assert_script_is_used_up(&read.script);
    stop(&read);
    free_world(&world);
}

static void a_sequence_is_followed_over_180_degrees(void **state)
{
    (void)state;
    struct world world = {.home = {.x = (1 << 14) - 1, .y = 9000, .z = 14}};
    struct read read;
    prepare(&read, &world);
    draw(&world, 0, 0, "a", VERTICES({5, 5}, {4096, 7}));
    draw(&world, 1, 0, "a", VERTICES({0, 7}, {8, 8}));
    assert_string_equal(place_at(&world, 1, 0)->key, "mly1_public/14/0/9000");
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    start(&read, &(struct wish){.max_tiles = 100, .max_in_flight = 4});

    assert_status(next(&read), MLY_OK, &read.err);

    assert_is(&read, "a");
    assert_int_equal(read.row.n_parts, 2);
    assert_near(read.row.points[1].x, 180.0, 0.0);
    assert_near(read.row.points[2].x, -180.0, 0.0);
    assert_done(&read);
    stop(&read);
    free_world(&world);
}

static void nothing_is_looked_for_beyond_the_north(void **state)
{
    (void)state;
    struct world world = {.home = {.x = 20, .y = 0, .z = 6}};
    struct read read;
    prepare(&read, &world);
    draw(&world, 0, 0, "a", VERTICES({5, 5}, {7, 0}));
    expect(&read, &world, 0, 0);
    start(&read, &(struct wish){.max_tiles = 100, .max_in_flight = 4});

    assert_next(&read, "a", VERTICES({5, 5}, {7, 0}));
    assert_done(&read);

    stop(&read);
    free_world(&world);
}

static void an_area_without_sequences_asks_for_its_tiles_only(void **state)
{
    (void)state;
    struct world world = {.home = usual_home};
    struct read read;
    prepare(&read, &world);
    for (int dx = 0; dx < 3; dx++)
        expect(&read, &world, dx, 0);
    start(&read, &(struct wish){.east = 2, .max_tiles = 100, .max_in_flight = 4});

    assert_done(&read);

    assert_script_is_used_up(&read.script);
    stop(&read);
    free_world(&world);
}

/* ---- the budget ---- */

static void assert_over_budget(uint64_t max_tiles, uint64_t needed, size_t n_asked)
{
    struct world world;
    struct read read;
    struct wish wish = both;
    char number[32];
    draw_seven(&world);
    prepare(&read, &world);
    expect_seven(&read, &world);
    wish.max_tiles = max_tiles;
    start(&read, &wish);

    assert_status(next(&read), MLY_E_LIMIT, &read.err);

    assert_int_equal(read.err.code, MLY_E_LIMIT);
    (void)snprintf(number, sizeof number, "at least %d tiles", (int)needed);
    assert_says(read.err.text, number);
    (void)snprintf(number, sizeof number, "MAX_TILES allows %d.", (int)max_tiles);
    assert_says(read.err.text, number);
    assert_says(read.err.text, "STITCH=AREA");
    assert_int_equal(read.script.n_log, n_asked); /* and not one request of the round that is too much */
    stop(&read);
    free_world(&world);
}

static void following_beyond_the_budget_fails_before_it_is_asked_for_and_says_what_to_do(void **state)
{
    (void)state;

    assert_over_budget(2, 6, 2);
    assert_over_budget(5, 6, 2);
    assert_over_budget(6, 7, 6);
}

static void a_budget_that_is_just_enough_is_enough(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    expect_seven(&read, &world);
    wish.max_tiles = 7;
    start(&read, &wish);

    for (int i = 0; i < 4; i++)
        assert_status(next(&read), MLY_OK, &read.err);
    assert_done(&read);

    stop(&read);
    free_world(&world);
}

/* ---- what the host wants ---- */

/* Wants one sequence, and writes down whom it was asked about. */
struct taste {
    const char *id;
    size_t n_asked, n_vertices;
};

static bool likes(void *ctx, const struct mly_row *row)
{
    struct taste *taste = ctx;
    const struct mly_value *text = &row->values[0];
    taste->n_asked++;
    taste->n_vertices += row->part_ends[row->n_parts - 1];
    return text->n_bytes == strlen(taste->id) && memcmp(text->as.text, taste->id, text->n_bytes) == 0;
}

static void only_wanted_sequences_are_followed_and_given(void **state)
{
    (void)state;
    static const int asked[][2] = {{0, 0}, {1, 0}, {2, 0}, {3, 0}};
    struct world world;
    struct read read;
    struct taste taste = {.id = "east"};
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    for (size_t i = 0; i < COUNT(asked); i++)
        expect(&read, &world, asked[i][0], asked[i][1]);
    wish.keep = likes;
    wish.keep_ctx = &taste;
    start(&read, &wish);

    assert_next(&read, "east", VERTICES({4996, 900}, {8192, 100}, {12288, 200}, {12338, 50}));
    assert_done(&read);

    assert_script_is_used_up(&read.script);
    assert_int_equal(taste.n_asked, 4);                /* once for each */
    assert_int_equal(taste.n_vertices, 2 + 3 + 2 + 2); /* by what the covered tiles hold */
    stop(&read);
    free_world(&world);
}

static void when_nothing_is_wanted_nothing_is_followed(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct taste taste = {.id = "nobody"};
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.keep = likes;
    wish.keep_ctx = &taste;
    start(&read, &wish);

    assert_done(&read);

    assert_int_equal(taste.n_asked, 4);
    stop(&read);
    free_world(&world);
}

/* ---- other ways to join ---- */

static void within_the_area_only_its_tiles_are_asked_for_and_joined(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.stitch = MLY_STITCH_AREA;
    wish.max_tiles = 2;
    start(&read, &wish);

    assert_next(&read, "corner", VERTICES({500, 500}, {0, 0}));
    assert_next(&read, "between", VERTICES({10, 10}, {4096, 50}, {4156, 60}));
    assert_next(&read, "inside", VERTICES({100, 100}, {200, 200}));
    assert_next(&read, "east", VERTICES({4996, 900}, {8192, 100}));
    assert_done(&read);

    stop(&read);
    free_world(&world);
}

static void within_the_area_too_only_wanted_sequences_are_given(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct taste taste = {.id = "between"};
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.stitch = MLY_STITCH_AREA;
    wish.keep = likes;
    wish.keep_ctx = &taste;
    start(&read, &wish);

    assert_next(&read, "between", VERTICES({10, 10}, {4096, 50}, {4156, 60}));
    assert_done(&read);

    stop(&read);
    free_world(&world);
}

static void without_joining_every_piece_is_a_row(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct wish wish = both;
    draw_seven(&world);
    draw(&world, 1, 0, "east", VERTICES({5, 5}, {6, 6}, {7, 7})); /* a second part of a piece */
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.stitch = MLY_STITCH_NO;
    start(&read, &wish);

    assert_next(&read, "corner", VERTICES({500, 500}, {0, 0}));
    assert_next(&read, "between", VERTICES({10, 10}, {4096, 50}));
    assert_next(&read, "inside", VERTICES({100, 100}, {200, 200}));
    assert_status(next(&read), MLY_OK, &read.err);
    assert_is(&read, "east");
    assert_int_equal(read.row.n_parts, 2);
    assert_part(&read, 0, VERTICES({4996, 900}, {8192, 100}));
    assert_part(&read, 1, VERTICES({4101, 5}, {4102, 6}, {4103, 7}));
    assert_next(&read, "between", VERTICES({4096, 50}, {4156, 60}));
    assert_done(&read);

    stop(&read);
    free_world(&world);
}

static void without_joining_rows_come_while_the_tiles_do(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.stitch = MLY_STITCH_NO;
    wish.max_in_flight = 1;
    start(&read, &wish);

    assert_status(next(&read), MLY_OK, &read.err);

    assert_int_equal(read.script.n_log, 1);
    stop(&read);
    free_world(&world);
}

enum { PIECES_ACROSS = 5, PIECE_KEYS = 6, PIECES = PIECES_ACROSS * PIECES_ACROSS * PIECE_KEYS };

/* The ids of all pieces of six sequences in 25 tiles. */
static void read_piece_ids(int64_t *ids)
{
    struct world world = {.home = usual_home};
    struct read read;
    size_t n = 0;
    static const char *const keys[PIECE_KEYS] = {
        "a", "b", "1", "11", "7nfcwfvjdtphz7yj6zat6a", "7nfcwfvjdtphz7yj6zat6b"};
    prepare(&read, &world);
    for (int dy = 0; dy < PIECES_ACROSS; dy++) {
        for (int dx = 0; dx < PIECES_ACROSS; dx++) {
            for (size_t i = 0; i < COUNT(keys); i++)
                draw(&world, dx, dy, keys[i], VERTICES({0, 7}, {4096, 7}));
            expect(&read, &world, dx, dy);
        }
    }
    start(&read, &(struct wish){.east = PIECES_ACROSS - 1,
                                .south = PIECES_ACROSS - 1,
                                .max_tiles = 100,
                                .max_in_flight = 4,
                                .stitch = MLY_STITCH_NO});
    while (next(&read) == MLY_OK) {
        assert_true(n < PIECES);
        ids[n++] = read.row.id;
    }
    assert_int_equal(n, PIECES);
    stop(&read);
    free_world(&world);
}

static void every_piece_has_an_id_of_its_own_and_always_the_same(void **state)
{
    (void)state;
    int64_t ids[PIECES], again[COUNT(ids)];

    read_piece_ids(ids);
    read_piece_ids(again);

    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_true(ids[i] >= 0);
        assert_true(ids[i] == again[i]);
        for (size_t j = 0; j < i; j++)
            assert_true(ids[i] != ids[j]);
    }
}

static void a_piece_of_what_has_no_id_has_none_either(void **state)
{
    (void)state;
    struct world world = {.home = usual_home};
    struct read read;
    prepare(&read, &world);
    draw(&world, 0, 0, NULL, VERTICES({5, 5}, {4096, 7}));
    expect(&read, &world, 0, 0);
    start(&read, &(struct wish){.max_tiles = 100, .max_in_flight = 4, .stitch = MLY_STITCH_NO});

    assert_status(next(&read), MLY_OK, &read.err);

    assert_true(read.row.id == -1);
    assert_int_equal(read.row.values[0].type, MLY_NULL);
    assert_done(&read);
    stop(&read);
    free_world(&world);
}

/* ---- order ---- */

static void write_row(struct bytes *out, const struct mly_row *row)
{
    bytes_append(out, &row->id, sizeof row->id);
    bytes_append(out, row->values[0].as.text, row->values[0].n_bytes);
    bytes_append(out, &row->n_parts, sizeof row->n_parts);
    bytes_append(out, row->part_ends, row->n_parts * sizeof *row->part_ends);
    bytes_append(out, row->points, row->part_ends[row->n_parts - 1] * sizeof *row->points);
}

static void write_all_rows(struct read *read, struct bytes *out)
{
    enum mly_status status;
    while ((status = next(read)) == MLY_OK)
        write_row(out, &read->row);
    assert_status(status, MLY_DONE, &read->err);
}

/* The next permutation in the order of the dictionary; false after the last one. */
static bool permute(uint32_t *order, size_t n)
{
    size_t i = n - 1, j = n - 1;
    while (i > 0 && order[i - 1] >= order[i])
        i--;
    if (i == 0)
        return false;
    while (order[j] <= order[i - 1])
        j--;
    const uint32_t pivot = order[i - 1];
    order[i - 1] = order[j];
    order[j] = pivot;
    for (j = n - 1; i < j; i++, j--) {
        const uint32_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
    return true;
}

/* Reads the seven tiles, each of which answers so late. */
static struct bytes read_seven_late(struct world *world, const uint32_t covered[2], const uint32_t beyond[4],
                                    uint32_t max_in_flight)
{
    struct read read;
    struct bytes out = {.size = 0};
    struct wish wish = both;
    prepare(&read, world);
    expect_late(&read, world, 0, 0, covered[0]);
    expect_late(&read, world, 1, 0, covered[1]);
    expect_late(&read, world, -1, -1, beyond[0]);
    expect_late(&read, world, 0, -1, beyond[1]);
    expect_late(&read, world, -1, 0, beyond[2]);
    expect_late(&read, world, 2, 0, beyond[3]);
    expect_late(&read, world, 3, 0, 0);
    wish.max_in_flight = max_in_flight;
    start(&read, &wish);
    write_all_rows(&read, &out);
    assert_script_is_used_up(&read.script);
    stop(&read);
    return out;
}

static void every_order_of_arrival_gives_the_same_rows(void **state)
{
    (void)state;
    struct world world;
    uint32_t covered[] = {1, 2};
    draw_seven(&world);
    struct bytes expected = read_seven_late(&world, covered, (const uint32_t[]){1, 2, 3, 4}, 1);
    assert_true(expected.size > 0);

    do {
        uint32_t beyond[] = {1, 2, 3, 4};
        do {
            for (uint32_t max_in_flight = 2; max_in_flight <= 5; max_in_flight++) {
                struct bytes rows = read_seven_late(&world, covered, beyond, max_in_flight);
                assert_span(bytes_view(&rows), expected.data, expected.size);
                bytes_free(&rows);
            }
        } while (permute(beyond, COUNT(beyond)));
    } while (permute(covered, COUNT(covered)));

    bytes_free(&expected);
    free_world(&world);
}

/* ---- rows again ---- */

static enum mly_status find(struct read *read, const char *id)
{
    return mly_reader_find(read->reader, mly_value_hash(0, id, strlen(id)), &read->row, &read->err);
}

static void a_row_is_found_again_once_rows_are_given(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    draw_seven(&world);
    prepare(&read, &world);
    expect_seven(&read, &world);
    start(&read, &both);
    assert_status(find(&read, "east"), MLY_DONE, &read.err);

    assert_status(next(&read), MLY_OK, &read.err);

    assert_status(find(&read, "east"), MLY_OK, &read.err); /* its turn is still to come */
    assert_row(&read, "east", VERTICES({4996, 900}, {8192, 100}, {12288, 200}, {12338, 50}));
    assert_status(find(&read, "other"), MLY_DONE, &read.err);                  /* it is not of this area */
    assert_next(&read, "between", VERTICES({10, 10}, {4096, 50}, {4156, 60})); /* nor is a turn lost */
    assert_status(next(&read), MLY_OK, &read.err);
    assert_status(next(&read), MLY_OK, &read.err);
    assert_done(&read);
    mly_reader_detach(read.reader);
    assert_status(find(&read, "corner"), MLY_OK, &read.err);
    assert_row(&read, "corner", VERTICES({500, 500}, {0, 0}, {-96, -96}));
    stop(&read);
    free_world(&world);
}

static void an_unwanted_row_is_not_found(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct taste taste = {.id = "inside"};
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.keep = likes;
    wish.keep_ctx = &taste;
    start(&read, &wish);
    assert_status(next(&read), MLY_OK, &read.err);

    assert_status(find(&read, "between"), MLY_DONE, &read.err);
    assert_status(find(&read, "inside"), MLY_OK, &read.err);

    stop(&read);
    free_world(&world);
}

static void a_piece_is_not_found(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct wish wish = both;
    draw_seven(&world);
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.stitch = MLY_STITCH_NO;
    start(&read, &wish);
    assert_status(next(&read), MLY_OK, &read.err);
    const int64_t id = read.row.id;

    assert_status(mly_reader_find(read.reader, id, &read.row, &read.err), MLY_DONE, &read.err);
    assert_status(find(&read, "corner"), MLY_DONE, &read.err);

    stop(&read);
    free_world(&world);
}

struct tiles {
    int dx[8], dy[8];
    size_t n;
    struct mly_tile home;
};

static enum mly_status list_tile(void *ctx, struct mly_tile tile)
{
    struct tiles *tiles = ctx;
    assert_true(tiles->n < COUNT(tiles->dx));
    assert_int_equal(tile.z, tiles->home.z);
    tiles->dx[tiles->n] = (int)tile.x - (int)tiles->home.x;
    tiles->dy[tiles->n++] = (int)tile.y - (int)tiles->home.y;
    return MLY_OK;
}

static void a_row_names_the_tiles_of_the_plan_that_gave_it(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct tiles none = {.home = usual_home}, two = none, one = none;
    draw_seven(&world);
    prepare(&read, &world);
    expect_seven(&read, &world);
    start(&read, &both);

    assert_status(mly_reader_tiles(read.reader, list_tile, &none), MLY_OK, NULL);
    assert_int_equal(none.n, 0);
    assert_status(next(&read), MLY_OK, &read.err);
    assert_status(next(&read), MLY_OK, &read.err);
    assert_is(&read, "between");
    assert_status(mly_reader_tiles(read.reader, list_tile, &two), MLY_OK, NULL);
    assert_int_equal(two.n, 2);
    assert_true(two.dx[0] == 0 && two.dx[1] == 1 && two.dy[0] == 0 && two.dy[1] == 0);
    assert_status(next(&read), MLY_OK, &read.err);
    assert_status(next(&read), MLY_OK, &read.err);
    assert_is(&read, "east");
    assert_status(mly_reader_tiles(read.reader, list_tile, &one), MLY_OK, NULL);
    assert_int_equal(one.n, 1); /* not those that following found */
    assert_true(one.dx[0] == 1 && one.dy[0] == 0);

    stop(&read);
    free_world(&world);
}

static void a_piece_names_its_own_tile(void **state)
{
    (void)state;
    struct world world;
    struct read read;
    struct wish wish = both;
    struct tiles none = {.home = usual_home};
    draw_seven(&world);
    prepare(&read, &world);
    expect(&read, &world, 0, 0);
    expect(&read, &world, 1, 0);
    wish.stitch = MLY_STITCH_NO;
    start(&read, &wish);
    assert_status(mly_reader_tiles(read.reader, list_tile, &none), MLY_OK, NULL);
    assert_int_equal(none.n, 0);

    for (int i = 0; i < 5; i++) {
        struct tiles one = {.home = usual_home};
        assert_status(next(&read), MLY_OK, &read.err);
        assert_status(mly_reader_tiles(read.reader, list_tile, &one), MLY_OK, NULL);
        assert_int_equal(one.n, 1);
        assert_int_equal(one.dx[0], i < 3 ? 0 : 1);
        assert_int_equal(one.dy[0], 0);
    }

    stop(&read);
    free_world(&world);
}

/* ---- failures ---- */

/* Expects the seven tiles, but of the last round an answer of its own, `times` times. */
static void expect_six_and(struct read *read, struct world *world, struct script_answer last, size_t times)
{
    static const int places[][2] = {{0, 0}, {1, 0}, {-1, -1}, {0, -1}, {-1, 0}, {2, 0}};
    for (size_t i = 0; i < COUNT(places); i++)
        expect(read, world, places[i][0], places[i][1]);
    last.key = place_at(world, 3, 0)->key;
    for (size_t i = 0; i < times; i++)
        script_add(&read->script, last);
}

static void a_broken_tile_in_the_second_round_is_asked_for_once_more(void **state)
{
    (void)state;
    static const char broken[] = "\x1a\x05 cut";
    struct world world;
    struct read read;
    draw_seven(&world);
    prepare(&read, &world);
    expect_six_and(&read, &world,
                   (struct script_answer){.body = {.data = (const uint8_t *)broken, .size = sizeof broken}}, 1);
    expect(&read, &world, 3, 0);
    start(&read, &both);

    for (int i = 0; i < 4; i++)
        assert_status(next(&read), MLY_OK, &read.err);

    assert_row(&read, "east", VERTICES({4996, 900}, {8192, 100}, {12288, 200}, {12338, 50}));
    assert_true(read.script.log[7].fresh);
    assert_done(&read);
    stop(&read);
    free_world(&world);
}

static void a_tile_broken_twice_in_the_second_round_fails_the_read_before_any_row(void **state)
{
    (void)state;
    static const char broken[] = "\x1a\x05 cut";
    struct world world;
    struct read read;
    draw_seven(&world);
    prepare(&read, &world);
    expect_six_and(&read, &world,
                   (struct script_answer){.body = {.data = (const uint8_t *)broken, .size = sizeof broken}}, 2);
    start(&read, &both);

    assert_status(next(&read), MLY_E_CORRUPT, &read.err);

    assert_says(read.err.text, place_at(&world, 3, 0)->key);
    assert_says(read.err.text, "asked for twice");
    assert_script_is_used_up(&read.script);
    stop(&read);
    free_world(&world);
}

static void a_failure_in_any_round_fails_the_read_before_any_row(void **state)
{
    (void)state;
    static const int places[][2] = {{0, 0}, {1, 0}, {-1, -1}, {0, -1}, {-1, 0}, {2, 0}, {3, 0}};
    static const struct {
        struct script_answer answer;
        enum mly_status status;
    } failures[] = {
        {{.http = 500}, MLY_E_REMOTE},
        {{.http = 401}, MLY_E_AUTH},
        {{.http = 302}, MLY_E_QUOTA},
        {{.status = MLY_E_NETWORK, .why = "no route"}, MLY_E_NETWORK},
        {{.status = MLY_E_IO, .why = "not in the cache"}, MLY_E_IO},
        {{.refused = MLY_E_ARG, .why = "no more"}, MLY_E_ARG},
    };
    for (size_t i = 0; i < COUNT(failures); i++) {
        for (size_t bad = 0; bad < COUNT(places); bad++) {
            struct world world;
            struct read read;
            draw_seven(&world);
            prepare(&read, &world);
            for (size_t j = 0; j < COUNT(places); j++) {
                struct script_answer answer = failures[i].answer;
                answer.key = place_at(&world, places[j][0], places[j][1])->key;
                if (j == bad)
                    script_add(&read.script, answer);
                else
                    expect(&read, &world, places[j][0], places[j][1]);
            }
            start(&read, &both);

            assert_status(next(&read), failures[i].status, &read.err);

            assert_int_equal(read.err.code, failures[i].status);
            stop(&read);
            free_world(&world);
        }
    }
}

static void another_extent_fails_where_pieces_must_join_and_only_there(void **state)
{
    (void)state;
    for (int joins = 0; joins < 2; joins++) {
        struct world world = {.home = usual_home};
        struct read read;
        prepare(&read, &world);
        draw(&world, 0, 0, "a", VERTICES({128, 64}, {512, 256}));
        struct place *place = place_at(&world, 0, 0);
        place->body = make_lines_tile(&place->lines, 512);
        expect(&read, &world, 0, 0);
        start(&read,
              &(struct wish){.max_tiles = 100, .max_in_flight = 4, .stitch = joins ? MLY_STITCH_AREA : MLY_STITCH_NO});

        const enum mly_status status = next(&read);

        assert_status(status, joins ? MLY_E_CORRUPT : MLY_OK, &read.err);
        if (joins)
            assert_says(read.err.text, "extent 512");
        else
            assert_row(&read, "a", VERTICES({1024, 512}, {4096, 2048}));
        stop(&read);
        free_world(&world);
    }
}

/* ---- memory ---- */

/* A whole read of the seven tiles; MLY_DONE is its good end. */
static enum mly_status read_seven(struct read *read, struct world *world, const struct wish *wish)
{
    fake_clock_init(&read->clock, 1000);
    script_init(&read->script, &read->mem.mem, &read->clock);
    expect_seven(read, world);
    MLY_TRY(open_reader(read, wish));
    enum mly_status status;
    while ((status = next(read)) == MLY_OK)
        continue;
    return status;
}

static void assert_every_allocation_may_fail(const struct wish *wish)
{
    struct world world;
    struct read whole = {.home = usual_home};
    draw_seven(&world);
    fail_mem_init(&whole.mem);
    assert_status(read_seven(&whole, &world, wish), MLY_DONE, &whole.err);
    stop(&whole);
    assert_true(whole.mem.n_allocs > 10);

    for (size_t i = 0; i < whole.mem.n_allocs; i++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            struct read read = {.home = usual_home};
            fail_mem_init_failing(&read.mem, i, for_good ? SIZE_MAX : 1);

            assert_status(read_seven(&read, &world, wish), MLY_E_NOMEM, &read.err);

            assert_int_equal(read.err.code, MLY_E_NOMEM);
            assert_int_not_equal(read.err.text[0], '\0');
            stop(&read);
        }
    }
    free_world(&world);
}

static void every_allocation_of_a_whole_read_may_fail(void **state)
{
    (void)state;

    assert_every_allocation_may_fail(&both);
}

static void every_allocation_may_fail_also_without_following_or_joining(void **state)
{
    (void)state;
    struct wish area = both, pieces = both;
    area.stitch = MLY_STITCH_AREA;
    pieces.stitch = MLY_STITCH_NO;

    assert_every_allocation_may_fail(&area);
    assert_every_allocation_may_fail(&pieces);
}

/* ---- any area ---- */

enum { BLOCK = 6, BLOCK_TILES = BLOCK * BLOCK, MAX_WAYS = 8 };

/* A straight way along a row or a column of the block's tiles; it ends within the tiles `first` and `last`. */
struct way {
    bool is_row;
    int at, first, last; /* tiles */
    int32_t begin, end, across;
    char id[16];
};

static struct make_vertex vertex_on(const struct way *way, int32_t along)
{
    return way->is_row ? (struct make_vertex){.x = along, .y = way->across}
                       : (struct make_vertex){.x = way->across, .y = along};
}

static void draw_way(struct world *world, struct way *way, size_t number, struct chance *chance)
{
    const int a = (int)chance_below(chance, BLOCK), b = (int)chance_below(chance, BLOCK);
    *way = (struct way){
        .is_row = chance_below(chance, 2),
        .at = (int)chance_below(chance, BLOCK),
        .first = a < b ? a : b,
        .last = a < b ? b : a,
        .begin = 1 + (int32_t)chance_below(chance, 2000),
        .end = 2001 + (int32_t)chance_below(chance, 2000),
        .across = 1 + (int32_t)chance_below(chance, E - 1),
    };
    (void)snprintf(way->id, sizeof way->id, "way %zu", number);
    for (int i = way->first; i <= way->last; i++) {
        const int32_t from = i == way->first ? way->begin : 0, to = i == way->last ? way->end : E;
        draw(world, way->is_row ? i : way->at, way->is_row ? way->at : i, way->id,
             VERTICES(vertex_on(way, from), vertex_on(way, to)));
    }
}

static bool passes(const struct way *way, int dx, int dy)
{
    const int along = way->is_row ? dx : dy, across = way->is_row ? dy : dx;
    return across == way->at && along >= way->first && along <= way->last;
}

static bool is_covered(const struct wish *wish, int dx, int dy)
{
    return dx >= wish->west && dx <= wish->east && dy >= wish->north && dy <= wish->south;
}

static bool enters(const struct way *way, const struct wish *wish)
{
    for (int i = 0; i < BLOCK_TILES; i++) {
        if (is_covered(wish, i % BLOCK, i / BLOCK) && passes(way, i % BLOCK, i / BLOCK))
            return true;
    }
    return false;
}

/* Whether a tile has to be read: it is covered, or on the way of something that enters the covered ones. */
static bool is_needed(const struct wish *wish, const struct way *ways, size_t n_ways, int dx, int dy)
{
    for (size_t i = 0; i < n_ways; i++) {
        if (passes(&ways[i], dx, dy) && enters(&ways[i], wish))
            return true;
    }
    return is_covered(wish, dx, dy);
}

static void assert_is_way(const struct read *read, const struct way *way)
{
    struct make_vertex expected[BLOCK + 1];
    const int32_t base = way->at * E;
    size_t n = 0;
    struct way global = *way;
    global.across += base;
    expected[n++] = vertex_on(&global, way->first * E + way->begin);
    for (int i = way->first + 1; i <= way->last; i++)
        expected[n++] = vertex_on(&global, i * E);
    expected[n++] = vertex_on(&global, way->last * E + way->end);
    assert_row(read, way->id, expected, n);
}

static void whatever_the_area_a_sequence_in_it_comes_whole_and_no_tile_too_many_is_read(void **state)
{
    (void)state;
    struct chance chance = {.state = 7};
    for (unsigned long round = chance_rounds(300); round > 0; round--) {
        struct world world = {.home = usual_home};
        struct read read;
        struct way ways[MAX_WAYS];
        struct wish wish = {.max_tiles = BLOCK_TILES, .max_in_flight = 1 + (uint32_t)chance_below(&chance, 6)};
        size_t n_ways = chance_below(&chance, MAX_WAYS + 1), n_rows = 0, n_entering = 0;
        wish.west = (int)chance_below(&chance, BLOCK);
        wish.east = wish.west + (int)chance_below(&chance, (size_t)(BLOCK - wish.west));
        wish.north = (int)chance_below(&chance, BLOCK);
        wish.south = wish.north + (int)chance_below(&chance, (size_t)(BLOCK - wish.north));
        for (size_t i = 0; i < n_ways; i++) {
            draw_way(&world, &ways[i], i, &chance);
            n_entering += enters(&ways[i], &wish);
        }
        prepare(&read, &world);
        for (int i = 0; i < BLOCK_TILES; i++) {
            if (is_needed(&wish, ways, n_ways, i % BLOCK, i / BLOCK))
                expect_late(&read, &world, i % BLOCK, i / BLOCK, (uint32_t)chance_below(&chance, 50));
        }
        start(&read, &wish);

        for (; next(&read) == MLY_OK; n_rows++) {
            const struct mly_value *id = &read.row.values[0];
            const size_t number = (size_t)(id->as.text[id->n_bytes - 1] - '0');
            assert_is_way(&read, &ways[number]);
            assert_true(enters(&ways[number], &wish));
        }
        assert_done(&read);

        assert_int_equal(n_rows, n_entering);
        assert_script_is_used_up(&read.script);
        stop(&read);
        free_world(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_sequences_come_with_all_that_is_connected),
        cmocka_unit_test(tiles_are_asked_for_in_rounds_and_none_twice),
        cmocka_unit_test(a_round_begins_when_the_one_before_has_come_in),
        cmocka_unit_test(a_long_way_is_followed_to_its_end),
        cmocka_unit_test(what_has_no_id_is_not_followed),
        cmocka_unit_test(a_line_that_ends_on_a_border_for_good_is_looked_for_beyond_it_once),
        cmocka_unit_test(many_sequences_over_one_border_need_one_tile),
        cmocka_unit_test(a_sequence_is_followed_over_180_degrees),
        cmocka_unit_test(nothing_is_looked_for_beyond_the_north),
        cmocka_unit_test(an_area_without_sequences_asks_for_its_tiles_only),
        cmocka_unit_test(following_beyond_the_budget_fails_before_it_is_asked_for_and_says_what_to_do),
        cmocka_unit_test(a_budget_that_is_just_enough_is_enough),
        cmocka_unit_test(only_wanted_sequences_are_followed_and_given),
        cmocka_unit_test(when_nothing_is_wanted_nothing_is_followed),
        cmocka_unit_test(within_the_area_only_its_tiles_are_asked_for_and_joined),
        cmocka_unit_test(within_the_area_too_only_wanted_sequences_are_given),
        cmocka_unit_test(without_joining_every_piece_is_a_row),
        cmocka_unit_test(without_joining_rows_come_while_the_tiles_do),
        cmocka_unit_test(every_piece_has_an_id_of_its_own_and_always_the_same),
        cmocka_unit_test(a_piece_of_what_has_no_id_has_none_either),
        cmocka_unit_test(every_order_of_arrival_gives_the_same_rows),
        cmocka_unit_test(a_row_is_found_again_once_rows_are_given),
        cmocka_unit_test(an_unwanted_row_is_not_found),
        cmocka_unit_test(a_piece_is_not_found),
        cmocka_unit_test(a_row_names_the_tiles_of_the_plan_that_gave_it),
        cmocka_unit_test(a_piece_names_its_own_tile),
        cmocka_unit_test(a_broken_tile_in_the_second_round_is_asked_for_once_more),
        cmocka_unit_test(a_tile_broken_twice_in_the_second_round_fails_the_read_before_any_row),
        cmocka_unit_test(a_failure_in_any_round_fails_the_read_before_any_row),
        cmocka_unit_test(another_extent_fails_where_pieces_must_join_and_only_there),
        cmocka_unit_test(every_allocation_of_a_whole_read_may_fail),
        cmocka_unit_test(every_allocation_may_fail_also_without_following_or_joining),
        cmocka_unit_test(whatever_the_area_a_sequence_in_it_comes_whole_and_no_tile_too_many_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
