/* SPDX-License-Identifier: MIT */
/* The machine that gives rows nearest first, on top of one that gives them as a test wrote them down. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/near.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"

enum { N_KEY = 22 };

static const struct mly_layer *images(void)
{
    return mly_schema_find("images");
}

static size_t column(const char *name)
{
    return (size_t)mly_schema_column(images(), name);
}

static struct mly_tile tile_of(struct mly_point at)
{
    return (struct mly_tile){.x = (uint32_t)fmin(floor(mly_tile_x(at.x, 14)), 16383),
                             .y = (uint32_t)fmin(floor(mly_tile_y(at.y, 14)), 16383),
                             .z = 14};
}

/* ---- the machine below ---- */

struct made {
    struct mly_point at;
    int64_t id;
    double compass; /* negative: none */
    bool pano, has_position;
};

struct below {
    struct mly_machine base;
    const struct made *rows;
    size_t n, next, fail_at; /* fail_at: instead of this row it fails */
    struct chance chance;    /* of answering MLY_AGAIN first */
    bool hesitates;
    size_t n_again, n_freed, n_wanted, n_fed;
    uint32_t n_key; /* length of its sequence ids */
    char *key;
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS]; /* of one row: the next one overwrites it */
};

static enum mly_status below_want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    (void)out;
    (void)err;
    ((struct below *)m)->n_wanted++;
    return MLY_AGAIN;
}

static enum mly_status below_feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    (void)response;
    ((struct below *)m)->n_fed++;
    return mly_fail(err, MLY_E_AUTH, "the service refuses");
}

static enum mly_status below_take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct below *below = (struct below *)m;
    memset(below->values, 0x77, sizeof below->values); /* what was given is gone */
    memset(below->key, '?', below->n_key);
    if (below->hesitates && chance_below(&below->chance, 3) == 0) {
        below->n_again++;
        return MLY_AGAIN;
    }
    if (below->next == below->fail_at)
        return mly_fail(err, MLY_E_REMOTE, "the service fails");
    if (below->next == below->n)
        return MLY_DONE;
    const struct made *made = &below->rows[below->next++];
    memset(below->values, 0, sizeof below->values);
    memset(below->key, 'a' + (int)(made->id % 26), below->n_key);
    below->values[0] = (struct mly_value){.as.i = made->id, .type = MLY_INT};
    below->values[column("sequence_id")] = (struct mly_value){
        .as.text = below->key, .n_bytes = below->n_key, .type = MLY_TEXT};
    below->values[column("is_pano")] = (struct mly_value){.as.i = made->pano, .type = MLY_BOOL};
    if (made->compass >= 0)
        below->values[column("compass_angle")] = (struct mly_value){.as.r = made->compass, .type = MLY_REAL};
    *out = (struct mly_row){.id = made->id,
                            .tile = tile_of(made->at),
                            .has_position = made->has_position,
                            .longitude = made->at.x,
                            .latitude = made->at.y,
                            .values = below->values};
    return MLY_OK;
}

static enum mly_status below_find(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err)
{
    (void)m;
    (void)err;
    *out = (struct mly_row){.id = id};
    return MLY_OK;
}

static enum mly_status below_tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    (void)m;
    return fn(ctx, (struct mly_tile){.x = 1, .y = 2, .z = 3});
}

static void below_free(struct mly_machine *m)
{
    struct below *below = (struct below *)m;
    below->n_freed++;
    free(below->key);
}

/* ---- the rig ---- */

struct rig {
    struct fail_mem mem;
    struct below below;
    struct mly_machine *machine;
    struct mly_error err;
};

static void set_up_below(struct rig *rig, const struct made *rows, size_t n)
{
    static const struct mly_machine_vtbl vtbl = {.want = below_want,
                                                 .feed = below_feed,
                                                 .take = below_take,
                                                 .find = below_find,
                                                 .tiles = below_tiles,
                                                 .destroy = below_free};
    memset(rig, 0, sizeof *rig);
    fail_mem_init(&rig->mem);
    rig->below = (struct below){.base = {.vtbl = &vtbl}, .rows = rows, .n = n, .fail_at = SIZE_MAX, .n_key = N_KEY};
    rig->below.key = malloc(N_KEY);
    assert_non_null(rig->below.key);
}

static enum mly_status start(struct rig *rig, const struct mly_near *near, bool is_sorted)
{
    const struct mly_read_options options = {.mem = &rig->mem.mem};
    return mly_near_new(near, images(), is_sorted, &options, &rig->below.base, &rig->machine, &rig->err);
}

static void set_up(struct rig *rig, const struct mly_near *near, bool is_sorted, const struct made *rows, size_t n)
{
    set_up_below(rig, rows, n);
    assert_status(start(rig, near, is_sorted), MLY_OK, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_machine_free(rig->machine);
    assert_int_equal(rig->below.n_freed, 1);
    assert_nothing_leaks(&rig->mem);
}

static enum mly_status take(struct rig *rig, struct mly_row *row)
{
    return mly_machine_take(rig->machine, row, &rig->err);
}

static void assert_next(struct rig *rig, int64_t id)
{
    struct mly_row row;
    assert_status(take(rig, &row), MLY_OK, &rig->err);
    assert_true(row.id == id);
}

static void assert_takes(struct rig *rig, enum mly_status expected)
{
    struct mly_row row;
    assert_status(take(rig, &row), expected, &rig->err);
}

static const struct mly_near around_zero = {.place = {0.01, 0.01}, .radius_m = 10000};

/* So far to the north of that place. */
static struct made north_by(double meters, int64_t id)
{
    return (struct made){.at = {0.01, 0.01 + meters / 111195}, .id = id, .compass = -1, .has_position = true};
}

/* ---- order ---- */

static void rows_come_nearest_first_and_equal_ones_as_they_came(void **state)
{
    (void)state;
    const struct made rows[] = {north_by(50, 1), north_by(10, 2), north_by(50, 3), north_by(30, 4),
                                north_by(10, 5), north_by(0, 6),  north_by(50, 7)};
    static const int64_t expected[] = {6, 2, 5, 4, 1, 3, 7};
    struct rig rig;
    set_up(&rig, &around_zero, false, rows, COUNT(rows));

    for (size_t i = 0; i < COUNT(expected); i++)
        assert_next(&rig, expected[i]);
    assert_takes(&rig, MLY_DONE);
    assert_takes(&rig, MLY_DONE);

    tear_down(&rig);
}

static void rows_that_do_not_see_the_place_are_left_out(void **state)
{
    (void)state;
    struct mly_near near = around_zero;
    near.min_radius_m = 20;
    near.radius_m = 100;
    near.is_looking = true;
    near.fov_degrees = 90;
    struct made rows[] = {north_by(50, 1), north_by(10, 2), north_by(50, 3), north_by(90, 4), north_by(130, 5)};
    rows[0].compass = rows[1].compass = rows[4].compass = 180;
    rows[2].compass = 100;
    rows[3].pano = true;
    struct rig rig;
    set_up(&rig, &near, false, rows, COUNT(rows));

    assert_next(&rig, 1);
    assert_next(&rig, 4);
    assert_takes(&rig, MLY_DONE);

    tear_down(&rig);
}

static void values_are_those_that_came_and_those_of_the_place(void **state)
{
    (void)state;
    struct made rows[] = {north_by(50, 1), north_by(10, 2)};
    rows[1].compass = 170;
    struct rig rig;
    struct mly_row row;
    set_up(&rig, &around_zero, false, rows, COUNT(rows));

    assert_status(take(&rig, &row), MLY_OK, &rig.err);

    assert_true(row.id == 2 && row.values[0].as.i == 2);
    assert_int_equal(row.tile.x, tile_of(rows[1].at).x);
    assert_near(row.latitude, rows[1].at.y, 0);
    assert_int_equal(row.values[column("sequence_id")].n_bytes, N_KEY);
    assert_memory_equal(row.values[column("sequence_id")].as.text, "cccccccccccccccccccccc", N_KEY);
    assert_int_equal(row.values[column("altitude")].type, MLY_NULL);
    assert_near(row.values[column("distance")].as.r, 10, 0.01);
    assert_near(row.values[column("bearing")].as.r, 180, 1e-6);
    assert_near(row.values[column("angle_off")].as.r, 10, 1e-6);

    assert_status(take(&rig, &row), MLY_OK, &rig.err);
    assert_int_equal(row.values[column("distance")].type, MLY_REAL);
    assert_int_equal(row.values[column("compass_angle")].type, MLY_NULL);
    assert_int_equal(row.values[column("angle_off")].type, MLY_NULL);
    tear_down(&rig);
}

static void a_layer_without_bearings_gets_its_distance(void **state)
{
    (void)state;
    const struct mly_layer *signs = mly_schema_find("traffic_signs");
    const struct made rows[] = {north_by(50, 1)};
    struct rig rig;
    struct mly_row row;
    set_up_below(&rig, rows, COUNT(rows));
    const struct mly_read_options options = {.mem = &rig.mem.mem};
    assert_status(mly_near_new(&around_zero, signs, false, &options, &rig.below.base, &rig.machine, &rig.err), MLY_OK,
                  &rig.err);

    assert_status(take(&rig, &row), MLY_OK, &rig.err);

    assert_near(row.values[mly_schema_column(signs, "distance")].as.r, 50, 0.1);
    tear_down(&rig);
}

/* ---- by chance, against sorting all of them ---- */

enum { MAX_ROWS = 400 };

struct expected {
    double distance;
    size_t number;
    int64_t id;
};

static int compare_expected(const void *a, const void *b)
{
    const struct expected *l = a, *r = b;
    if (l->distance != r->distance)
        return l->distance < r->distance ? -1 : 1;
    return l->number < r->number ? -1 : 1;
}

static const struct mly_near *ranking;

static int compare_tiles(const void *a, const void *b)
{
    const struct mly_box l = mly_tile_box(tile_of(((const struct made *)a)->at)),
                         r = mly_tile_box(tile_of(((const struct made *)b)->at));
    const double dl = mly_near_to_box(ranking->place, &l), dr = mly_near_to_box(ranking->place, &r);
    if (dl != dr)
        return dl < dr ? -1 : 1;
    if (l.west != r.west)
        return l.west < r.west ? -1 : 1;
    return (l.north > r.north) - (l.north < r.north);
}

/* Points on the grid of tiles, some of them twice, by tiles in the order of their distance. */
static size_t random_rows(struct chance *chance, const struct mly_near *near, struct made rows[MAX_ROWS])
{
    const size_t n = chance_below(chance, MAX_ROWS);
    for (size_t i = 0; i < n; i++) {
        const double reach = 1.2 * near->radius_m / 111195, cosine = cos(near->place.y * 3.14159265358979 / 180);
        struct mly_point at = {near->place.x + chance_between(chance, -reach, reach) / cosine,
                               near->place.y + chance_between(chance, -reach, reach)};
        at.x = at.x < -180 ? at.x + 360 : at.x >= 180 ? at.x - 360 : at.x;
        at.y = fmin(fmax(at.y, -85.05), 85.05);
        const struct mly_tile tile = tile_of(at);
        at.x = mly_tile_longitude(tile, chance_below(chance, 9) ? (double)chance_below(chance, 4096) : 0, 4096);
        at.y = mly_tile_latitude(tile, chance_below(chance, 9) ? (double)chance_below(chance, 4096) : 0, 4096);
        rows[i] = (struct made){.at = i && chance_below(chance, 8) == 0 ? rows[i - 1].at : at,
                                .id = (int64_t)i,
                                .compass = chance_below(chance, 5) ? chance_between(chance, 0, 360) : -1,
                                .pano = chance_below(chance, 5) == 0,
                                .has_position = chance_below(chance, 20) > 0};
    }
    ranking = near;
    if (n > 0)
        qsort(rows, n, sizeof rows[0], compare_tiles);
    return n;
}

static size_t expect_rows(const struct mly_near *near, const struct made *rows, size_t n, struct expected *out)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++) {
        const double distance = mly_near_distance(rows[i].at, near->place);
        const double bearing = mly_near_bearing(rows[i].at, near->place);
        const double turn = fabs(rows[i].compass - bearing), off = turn > 180 ? 360 - turn : turn;
        const bool looks = rows[i].pano || (rows[i].compass >= 0 && off <= near->fov_degrees / 2 && distance > 1e-3);
        if (rows[i].has_position && distance >= near->min_radius_m && distance <= near->radius_m &&
            (looks || !near->is_looking))
            out[n_out++] = (struct expected){.distance = distance, .number = i, .id = rows[i].id};
    }
    if (n_out > 0)
        qsort(out, n_out, sizeof out[0], compare_expected);
    return n_out;
}

static void random_rows_come_as_sorting_all_of_them_says(void **state)
{
    (void)state;
    static struct made rows[MAX_ROWS];
    static struct expected expected[MAX_ROWS];
    struct chance chance = {.state = 31};
    size_t n_early = 0;
    for (unsigned long round = chance_rounds(400); round > 0; round--) {
        const double longitudes[] = {chance_between(&chance, -180, 180), 180, -180, 179.999, -179.99};
        const double latitudes[] = {chance_between(&chance, -85, 85), 85.04, -85.05, 0};
        const struct mly_near near = {
            .place = {longitudes[chance_below(&chance, 5)], latitudes[chance_below(&chance, 4)]},
            .min_radius_m = chance_below(&chance, 2) ? 100 : 0,
            .radius_m = chance_between(&chance, 100, 10000),
            .is_looking = chance_below(&chance, 2),
            .fov_degrees = chance_between(&chance, 0, 360),
        };
        const bool is_sorted = chance_below(&chance, 2);
        struct rig rig;
        const size_t n = random_rows(&chance, &near, rows), n_expected = expect_rows(&near, rows, n, expected);
        set_up(&rig, &near, is_sorted, rows, n);
        rig.below.hesitates = chance_below(&chance, 2);
        rig.below.chance.state = round;

        for (size_t i = 0; i < n_expected; i++) {
            struct mly_row row;
            enum mly_status status;
            while ((status = take(&rig, &row)) == MLY_AGAIN)
                continue;
            assert_status(status, MLY_OK, &rig.err);
            assert_true(row.id == expected[i].id);
            assert_near(row.values[column("distance")].as.r, expected[i].distance, 0);
            n_early += rig.below.next < n;
            assert_true(is_sorted || rig.below.next == n);
        }
        struct mly_row row;
        enum mly_status status;
        while ((status = take(&rig, &row)) == MLY_AGAIN)
            continue;
        assert_status(status, MLY_DONE, &rig.err);
        tear_down(&rig);
    }
    assert_true(n_early > 1000);
}

/* ---- streams ---- */

static void rows_nearer_than_the_tile_in_hand_come_at_once(void **state)
{
    (void)state;
    const struct made rows[] = {north_by(300, 1), north_by(100, 2), north_by(3000, 3), north_by(5000, 4)};
    struct rig rig;
    set_up(&rig, &around_zero, true, rows, COUNT(rows));

    assert_next(&rig, 2);
    assert_int_equal(rig.below.next, 3); /* the first row of another tile tells that the place's own is through */
    assert_next(&rig, 1);
    assert_int_equal(rig.below.next, 3);
    assert_next(&rig, 3);
    assert_int_equal(rig.below.next, 4);

    tear_down(&rig); /* in the middle of it */
}

/* Tiles one after another, each full of rows: what was given makes room for what comes. */
static void what_was_given_is_not_held(void **state)
{
    (void)state;
    enum { N_TILES = 4, EACH = 5000 };
    struct made *rows = calloc((size_t)N_TILES * EACH, sizeof *rows);
    struct rig rig;
    assert_non_null(rows);
    for (size_t i = 0; i < (size_t)N_TILES * EACH; i++) {
        const size_t tile = i / EACH, row = i % EACH;
        rows[i] = north_by(0, (int64_t)i);
        rows[i].at.y = 0.01 + 0.0219726 * (double)tile + 0.01 * (double)row / EACH;
    }
    set_up(&rig, &around_zero, true, rows, (size_t)N_TILES * EACH);

    for (size_t i = 0; i < (size_t)N_TILES * EACH; i++)
        assert_next(&rig, (int64_t)i);
    assert_takes(&rig, MLY_DONE);
    assert_true(rig.mem.peak_bytes < (size_t)EACH * 450 + (1 << 20)); /* one tile's rows, not four */
    assert_true(rig.mem.live_bytes < 1 << 20);
    mly_machine_free(rig.machine);
    rig.below.key = malloc(N_KEY);

    rig.below.next = 0;
    rig.below.n_freed = 0;
    assert_status(start(&rig, &around_zero, false), MLY_OK, &rig.err);
    assert_next(&rig, 0);
    assert_true(rig.mem.live_bytes < (size_t)N_TILES * EACH * 450); /* a row of a tile takes 350 bytes */
    tear_down(&rig);
    free(rows);
}

static void waiting_and_failing_pass_through(void **state)
{
    (void)state;
    const struct made rows[] = {north_by(300, 1), north_by(100, 2)};
    struct mly_response response = {.ticket = 0};
    struct mly_request request;
    struct rig rig;
    set_up(&rig, &around_zero, false, rows, COUNT(rows));

    assert_status(mly_machine_want(rig.machine, &request, &rig.err), MLY_AGAIN, &rig.err);
    assert_status(mly_machine_feed(rig.machine, &response, &rig.err), MLY_E_AUTH, &rig.err);
    assert_int_equal(rig.below.n_wanted, 1);
    assert_int_equal(rig.below.n_fed, 1);
    rig.below.fail_at = 1;
    assert_takes(&rig, MLY_E_REMOTE);
    assert_says(rig.err.text, "the service fails");

    tear_down(&rig);
}

static enum mly_status note_tile(void *ctx, struct mly_tile tile)
{
    *(struct mly_tile *)ctx = tile;
    return MLY_OK;
}

static void what_the_machine_below_finds_and_its_tiles_pass_through(void **state)
{
    (void)state;
    struct mly_tile tile = {.z = 0};
    struct mly_row row = {.id = 0};
    struct rig rig;
    set_up(&rig, &around_zero, false, NULL, 0);

    assert_status(mly_machine_find(rig.machine, 77, &row, &rig.err), MLY_OK, &rig.err);
    assert_status(mly_machine_tiles(rig.machine, note_tile, &tile), MLY_OK, NULL);

    assert_true(row.id == 77);
    assert_int_equal(tile.z, 3);
    tear_down(&rig);
}

/* ---- limits ---- */

static void more_rows_than_memory_holds_are_refused_with_a_remedy(void **state)
{
    (void)state;
    enum { LONG = 60 << 20 };
    struct made rows[10];
    struct rig rig;
    for (size_t i = 0; i < COUNT(rows); i++)
        rows[i] = north_by(100, (int64_t)i);
    set_up(&rig, &around_zero, false, rows, COUNT(rows));
    free(rig.below.key);
    rig.below.key = malloc(LONG);
    rig.below.n_key = LONG;

    assert_takes(&rig, MLY_E_LIMIT);

    assert_int_equal(rig.below.next, 9); /* eight of them are 480 MiB */
    assert_says(rig.err.text, "images: ");
    assert_says(rig.err.text, "RADIUS");
    assert_says(rig.err.text, "filter");
    assert_true(rig.mem.peak_bytes <= (size_t)MLY_LIMIT_NEAR_MEMORY + (1 << 20));
    tear_down(&rig);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct made *rows = calloc(N, sizeof *rows);
    enum mly_status status = MLY_E_NOMEM;
    size_t k = 0;
    assert_non_null(rows);
    for (size_t i = 0; i < N; i++)
        rows[i] = north_by((double)(i * 7919 % N), (int64_t)i);
    for (; status != MLY_DONE; k++) {
        struct rig rig;
        set_up_below(&rig, rows, N);
        fail_mem_init_failing(&rig.mem, k, 1);

        status = start(&rig, &around_zero, true);
        while (status == MLY_OK) {
            struct mly_row row;
            status = take(&rig, &row);
        }

        assert_status(status, rig.mem.n_failed ? MLY_E_NOMEM : MLY_DONE, &rig.err);
        tear_down(&rig);
    }
    assert_true(k > 5);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_nearest_first_and_equal_ones_as_they_came),
        cmocka_unit_test(rows_that_do_not_see_the_place_are_left_out),
        cmocka_unit_test(values_are_those_that_came_and_those_of_the_place),
        cmocka_unit_test(a_layer_without_bearings_gets_its_distance),
        cmocka_unit_test(random_rows_come_as_sorting_all_of_them_says),
        cmocka_unit_test(rows_nearer_than_the_tile_in_hand_come_at_once),
        cmocka_unit_test(what_was_given_is_not_held),
        cmocka_unit_test(waiting_and_failing_pass_through),
        cmocka_unit_test(what_the_machine_below_finds_and_its_tiles_pass_through),
        cmocka_unit_test(more_rows_than_memory_holds_are_refused_with_a_remedy),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
