/* SPDX-License-Identifier: MIT */
#include "core/tiles.h"

#include <string.h>

#include "core/mvt.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/make_tile.h"
#include "support/street.h"

/* A machine over a street, fed by hand. */
struct rig {
    struct fail_mem mem;
    struct street street;
    struct mly_machine *tiles;
    struct mly_error err;
    char debug[8192]; /* the lines so far */
};

static void note(void *ctx, const char *text)
{
    struct rig *rig = ctx;
    const size_t used = strlen(rig->debug);
    assert_true(used + strlen(text) + 2 < sizeof rig->debug);
    memcpy(rig->debug + used, text, strlen(text) + 1);
    memcpy(rig->debug + used + strlen(text), "\n", 2);
}

static void set_up(struct rig *rig, size_t n_tiles, uint32_t max_in_flight)
{
    fail_mem_init(&rig->mem);
    street_init(&rig->street, n_tiles);
    rig->err = (struct mly_error){.code = MLY_OK};
    rig->debug[0] = '\0';
    const struct mly_read_options options = {
        .mem = &rig->mem.mem,
        .tile_service = "https://tiles.example.org",
        .max_in_flight = max_in_flight,
        .debug = note,
        .debug_ctx = rig,
    };
    assert_status(mly_tiles_new(&rig->street.plan, &options, &rig->tiles, &rig->err), MLY_OK, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_machine_free(rig->tiles);
    street_free(&rig->street);
    assert_nothing_leaks(&rig->mem);
}

/* Takes all requests that are wanted now; gives their number and, in `last`, the last one. */
static size_t want_all(struct rig *rig, struct mly_request *last)
{
    struct mly_request request;
    enum mly_status status;
    size_t n = 0;
    while ((status = mly_machine_want(rig->tiles, &request, &rig->err)) == MLY_OK) {
        n++;
        if (last)
            *last = request;
    }
    assert_status(status, MLY_AGAIN, &rig->err);
    return n;
}

static enum mly_status feed(struct rig *rig, uint64_t ticket, int http, struct mly_span body)
{
    struct mly_response response = {.ticket = ticket, .http = http, .attempts = 1};
    mly_buf_init(&response.body, &rig->mem.mem, MLY_LIMIT_BODY);
    assert_status(mly_buf_append(&response.body, body.data, body.size), MLY_OK, NULL);
    const enum mly_status status = mly_machine_feed(rig->tiles, &response, &rig->err);
    mly_transport_fini_response(&response);
    return status;
}

static void feed_whole(struct rig *rig, uint64_t ticket)
{
    assert_status(feed(rig, ticket, 200, street_body(&rig->street, ticket)), MLY_OK, &rig->err);
}

static void feed_broken(struct rig *rig, uint64_t ticket)
{
    static const char page[] = "<html>";
    const struct mly_span body = {.data = (const uint8_t *)page, .size = sizeof page - 1};
    assert_status(feed(rig, ticket, 200, body), MLY_OK, &rig->err);
}

static void feed_nothing(struct rig *rig, uint64_t ticket, int http)
{
    assert_status(feed(rig, ticket, http, (struct mly_span){.data = NULL}), MLY_OK, &rig->err);
}

static enum mly_status take(struct rig *rig, int64_t *id)
{
    struct mly_row row;
    const enum mly_status status = mly_machine_take(rig->tiles, &row, &rig->err);
    if (status == MLY_OK)
        *id = row.id;
    return status;
}

/* The rows of one tile come next. */
static void assert_rows_of(struct rig *rig, size_t tile)
{
    for (size_t i = 0; i < STREET_ROWS; i++) {
        int64_t id = 0;
        assert_status(take(rig, &id), MLY_OK, &rig->err);
        assert_true(id == street_id(tile, i));
    }
}

static void assert_takes(struct rig *rig, enum mly_status expected)
{
    int64_t id = 0;
    assert_status(take(rig, &id), expected, &rig->err);
}

/* ---- wanting ---- */

static void tiles_are_wanted_in_the_plan_s_order(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 5, 5);
    for (size_t i = 0; i < 5; i++) {
        struct mly_request request;

        assert_status(mly_machine_want(rig.tiles, &request, &rig.err), MLY_OK, &rig.err);

        assert_string_equal(request.key, rig.street.keys[i]);
        assert_says(request.url, "https://tiles.example.org/maps/vtp/mly1_public/2/14/");
        assert_false(request.fresh);
    }
    assert_int_equal(want_all(&rig, NULL), 0);
    tear_down(&rig);
}

static void no_more_are_in_flight_than_allowed(void **state)
{
    (void)state;
    for (uint32_t max = 1; max <= 6; max++) {
        struct rig rig;
        set_up(&rig, 6, max);

        assert_int_equal(want_all(&rig, NULL), max);

        feed_whole(&rig, 0);
        assert_int_equal(want_all(&rig, NULL), max < 6 ? 1 : 0);
        tear_down(&rig);
    }
}

static void no_number_in_flight_and_too_many_are_refused(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0, MLY_LIMIT_CONNECTIONS + 1, UINT32_MAX};
    struct street street;
    street_init(&street, 1);
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct fail_mem mem;
        struct mly_machine *tiles = NULL;
        struct mly_error err = {.code = MLY_OK};
        fail_mem_init(&mem);
        const struct mly_read_options options = {
            .mem = &mem.mem, .tile_service = "https://a", .max_in_flight = numbers[i]};

        assert_status(mly_tiles_new(&street.plan, &options, &tiles, &err), MLY_E_ARG, NULL);

        assert_null(tiles);
        assert_nothing_leaks(&mem);
    }
    street_free(&street);
}

static void an_address_that_is_too_long_is_an_error_not_a_short_read(void **state)
{
    (void)state;
    struct street street;
    struct fail_mem mem;
    struct mly_machine *tiles = NULL;
    struct mly_error err = {.code = MLY_OK};
    char service[MLY_LIMIT_URL];
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';
    street_init(&street, 2);
    fail_mem_init(&mem);
    const struct mly_read_options options = {.mem = &mem.mem, .tile_service = service, .max_in_flight = 2};
    struct mly_request request;

    enum mly_status status = mly_tiles_new(&street.plan, &options, &tiles, &err);
    if (status == MLY_OK)
        status = mly_machine_want(tiles, &request, &err);

    assert_status(status, MLY_E_LIMIT, NULL);
    mly_machine_free(tiles);
    street_free(&street);
    assert_nothing_leaks(&mem);
}

static void a_plan_of_nothing_is_done_at_once(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0, 4);

    assert_int_equal(want_all(&rig, NULL), 0);
    assert_takes(&rig, MLY_DONE);
    assert_takes(&rig, MLY_DONE);

    tear_down(&rig);
}

static void answers_wait_for_their_turn_in_a_window(void **state)
{
    (void)state;
    enum { MAX = 3 };
    struct rig rig;
    size_t n_asked = 0;
    set_up(&rig, 20, MAX);

    n_asked += want_all(&rig, NULL);
    for (uint64_t ticket = 1; ticket < n_asked; ticket++) { /* all but the first come in */
        feed_whole(&rig, ticket);
        n_asked += want_all(&rig, NULL);
    }

    assert_int_equal(n_asked, 2 * MAX);
    assert_takes(&rig, MLY_AGAIN);
    feed_whole(&rig, 0);
    for (size_t i = 0; i < (size_t)2 * MAX; i++)
        assert_rows_of(&rig, i);
    assert_int_equal(want_all(&rig, NULL), MAX);
    tear_down(&rig);
}

/* Makes a body large by a field that nobody reads. */
static void pad(struct bytes *body, size_t n)
{
    struct bytes padding = {.size = 0};
    bytes_append(&padding, body->data, body->size);
    for (size_t i = 0; i < n; i += 1 << 16) {
        static const uint8_t zeros[1 << 16];
        bytes_put_data(&padding, 100, zeros, sizeof zeros);
    }
    bytes_free(body);
    *body = padding;
}

static void what_waits_is_bounded_in_bytes(void **state)
{
    (void)state;
    enum { EACH = MLY_LIMIT_HELD_BYTES / 4, MAX = 8 };
    struct rig rig;
    set_up(&rig, 20, MAX);
    for (size_t i = 0; i < 5; i++)
        pad(&rig.street.bodies[i], EACH);
    assert_int_equal(want_all(&rig, NULL), MAX);

    feed_whole(&rig, 1);
    feed_whole(&rig, 2);
    assert_int_equal(want_all(&rig, NULL), 2); /* half of the bytes wait, and the others seem small: there is room */
    feed_whole(&rig, 3);
    assert_int_equal(want_all(&rig, NULL), 0); /* three quarters, and the others seem large: there is none */
    assert_takes(&rig, MLY_AGAIN);

    feed_whole(&rig, 0);
    assert_rows_of(&rig, 0);
    assert_rows_of(&rig, 1);
    assert_rows_of(&rig, 2);
    assert_true(want_all(&rig, NULL) > 0); /* what was read has gone */
    tear_down(&rig);
}

/* ---- feeding ---- */

static void an_answer_nobody_asked_for_is_an_error(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 5, 2);
    assert_int_equal(want_all(&rig, NULL), 2);
    feed_whole(&rig, 0);

    assert_status(feed(&rig, 0, 200, street_body(&rig.street, 0)), MLY_E_ARG, NULL); /* twice */
    assert_status(feed(&rig, 4, 200, street_body(&rig.street, 4)), MLY_E_ARG, NULL); /* not yet */
    assert_status(feed(&rig, UINT64_MAX, 200, street_body(&rig.street, 0)), MLY_E_ARG, NULL);
    assert_rows_of(&rig, 0);
    assert_takes(&rig, MLY_AGAIN);
    assert_status(feed(&rig, 0, 200, street_body(&rig.street, 0)), MLY_E_ARG, NULL); /* long gone */

    tear_down(&rig);
}

static void tiles_that_are_not_there_have_no_rows(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 4, 4);
    assert_int_equal(want_all(&rig, NULL), 4);

    feed_nothing(&rig, 0, 404);
    feed_nothing(&rig, 1, 204);
    feed_nothing(&rig, 2, 200);
    feed_whole(&rig, 3);

    assert_rows_of(&rig, 3);
    assert_takes(&rig, MLY_DONE);
    assert_says(rig.debug, rig.street.keys[0]);
    assert_says(rig.debug, "404");
    tear_down(&rig);
}

static void a_tile_with_other_layers_only_has_no_rows(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 2, 2);
    assert_int_equal(want_all(&rig, NULL), 2);
    bytes_clear(&rig.street.bodies[0]);
    make_layer(&rig.street.bodies[0], &(struct make_layer){.name = "sequence"});

    feed_whole(&rig, 0);
    feed_whole(&rig, 1);

    assert_rows_of(&rig, 1);
    assert_takes(&rig, MLY_DONE);
    tear_down(&rig);
}

static void points_beyond_the_border_are_told_to_whoever_debugs(void **state)
{
    (void)state;
    const struct make_feature outside = {.x = 4096, .y = 0};
    struct rig rig;
    set_up(&rig, 1, 1);
    assert_int_equal(want_all(&rig, NULL), 1);
    bytes_clear(&rig.street.bodies[0]);
    make_layer(&rig.street.bodies[0], &(struct make_layer){.name = "image", .features = &outside, .n_features = 1});

    feed_whole(&rig, 0);

    assert_takes(&rig, MLY_DONE);
    assert_says(rig.debug, "border");
    tear_down(&rig);
}

/* ---- failing ---- */

static void a_failure_waits_for_its_turn(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 6, 3);
    assert_int_equal(want_all(&rig, NULL), 3);

    feed_nothing(&rig, 1, 500);
    assert_int_equal(want_all(&rig, NULL), 0); /* nothing behind it is worth asking for */
    feed_whole(&rig, 2);
    feed_whole(&rig, 0);

    assert_rows_of(&rig, 0);
    assert_takes(&rig, MLY_E_REMOTE);
    assert_says(rig.err.text, rig.street.keys[1]);
    assert_says(rig.err.text, "HTTP 500");
    tear_down(&rig);
}

static void a_failure_names_its_attempts(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, 1);
    assert_int_equal(want_all(&rig, NULL), 1);
    struct mly_response response = {.ticket = 0, .status = MLY_E_NETWORK, .attempts = 4, .why = "time-out"};

    assert_status(mly_machine_feed(rig.tiles, &response, &rig.err), MLY_OK, &rig.err);

    assert_takes(&rig, MLY_E_NETWORK);
    assert_says(rig.err.text, "4 attempts");
    assert_says(rig.err.text, "time-out");
    tear_down(&rig);
}

static void a_refused_caller_ends_the_read_at_once(void **state)
{
    (void)state;
    static const struct {
        int http;
        enum mly_status status;
    } cases[] = {{302, MLY_E_QUOTA}, {401, MLY_E_AUTH}, {403, MLY_E_AUTH}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        set_up(&rig, 3, 3);
        assert_int_equal(want_all(&rig, NULL), 3);

        assert_status(feed(&rig, 2, cases[i].http, (struct mly_span){.data = NULL}), cases[i].status, NULL);

        assert_int_equal(rig.err.code, cases[i].status);
        assert_says(rig.err.text, rig.street.keys[2]);
        tear_down(&rig);
    }
}

static void nobody_has_to_listen_to_failures(void **state)
{
    (void)state;
    struct mly_response refused = {.ticket = 0, .http = 401}, failed = {.ticket = 0, .http = 400};
    struct mly_row row;
    struct rig first, second;
    set_up(&first, 1, 1);
    set_up(&second, 1, 1);
    assert_int_equal(want_all(&first, NULL), 1);
    assert_int_equal(want_all(&second, NULL), 1);

    assert_status(mly_machine_feed(first.tiles, &refused, NULL), MLY_E_AUTH, NULL);
    assert_status(mly_machine_feed(second.tiles, &failed, NULL), MLY_OK, NULL);
    assert_status(mly_machine_take(second.tiles, &row, NULL), MLY_E_REMOTE, NULL);

    tear_down(&first);
    tear_down(&second);
}

/* ---- answers that do not decode ---- */

static void a_broken_tile_is_asked_for_once_more_past_every_cache(void **state)
{
    (void)state;
    struct mly_request again = {.ticket = 0};
    struct rig rig;
    set_up(&rig, 2, 2);
    assert_int_equal(want_all(&rig, NULL), 2);
    feed_broken(&rig, 0);
    assert_takes(&rig, MLY_AGAIN);

    assert_int_equal(want_all(&rig, &again), 1);

    assert_string_equal(again.key, rig.street.keys[0]);
    assert_true(again.fresh);
    feed_whole(&rig, again.ticket);
    feed_whole(&rig, 1);
    assert_rows_of(&rig, 0);
    assert_rows_of(&rig, 1);
    assert_takes(&rig, MLY_DONE);
    tear_down(&rig);
}

static void a_tile_that_is_broken_twice_fails_and_is_named(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 2, 2);
    assert_int_equal(want_all(&rig, NULL), 2);
    feed_broken(&rig, 0);
    assert_takes(&rig, MLY_AGAIN);
    assert_int_equal(want_all(&rig, NULL), 1);
    feed_broken(&rig, 0);

    assert_takes(&rig, MLY_E_CORRUPT);

    assert_says(rig.err.text, rig.street.keys[0]);
    assert_says(rig.err.text, "twice");
    assert_says(rig.err.text, "no vector tile");
    tear_down(&rig);
}

static void a_body_that_does_not_inflate_is_asked_for_once_more(void **state)
{
    (void)state;
    struct mly_response broken = {.ticket = 0, .status = MLY_E_CORRUPT, .http = 200, .why = "the gzip is broken"};
    struct mly_request again = {.ticket = 0};
    struct rig rig;
    set_up(&rig, 1, 1);
    assert_int_equal(want_all(&rig, NULL), 1);

    assert_status(mly_machine_feed(rig.tiles, &broken, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(want_all(&rig, &again), 1);
    assert_true(again.fresh);
    broken.status = MLY_E_CORRUPT;
    assert_status(mly_machine_feed(rig.tiles, &broken, &rig.err), MLY_OK, &rig.err);

    assert_takes(&rig, MLY_E_CORRUPT);
    assert_says(rig.err.text, "the gzip is broken");
    tear_down(&rig);
}

static void a_second_answer_may_be_empty_or_fail(void **state)
{
    (void)state;
    struct rig empty, failed;
    set_up(&empty, 1, 1);
    set_up(&failed, 1, 1);
    assert_int_equal(want_all(&empty, NULL), 1);
    assert_int_equal(want_all(&failed, NULL), 1);
    feed_broken(&empty, 0);
    feed_broken(&failed, 0);
    assert_takes(&empty, MLY_AGAIN);
    assert_takes(&failed, MLY_AGAIN);
    assert_int_equal(want_all(&empty, NULL), 1);
    assert_int_equal(want_all(&failed, NULL), 1);

    feed_nothing(&empty, 0, 404);
    feed_nothing(&failed, 0, 503);

    assert_takes(&empty, MLY_DONE);
    assert_takes(&failed, MLY_E_REMOTE);
    tear_down(&empty);
    tear_down(&failed);
}

static void asking_again_keeps_within_what_may_be_in_flight(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 6, 2);
    assert_int_equal(want_all(&rig, NULL), 2); /* 0 and 1 */
    feed_broken(&rig, 1);
    assert_int_equal(want_all(&rig, NULL), 1); /* 2 */
    feed_whole(&rig, 0);
    assert_int_equal(want_all(&rig, NULL), 1); /* 3: as many as allowed */
    assert_rows_of(&rig, 0);
    assert_takes(&rig, MLY_AGAIN); /* 1 does not decode */

    assert_int_equal(want_all(&rig, NULL), 0);
    feed_whole(&rig, 2);
    assert_int_equal(want_all(&rig, NULL), 1); /* 1 once more */

    feed_whole(&rig, 1);
    assert_rows_of(&rig, 1);
    assert_rows_of(&rig, 2);
    tear_down(&rig);
}

/* ---- by chance ---- */

struct arrivals {
    struct chance chance;
    uint64_t in_flight[STREET_MAX];
    size_t n_in_flight;
    bool was_broken[STREET_MAX], is_empty[STREET_MAX];
};

static void answer_one(struct arrivals *arrivals, struct rig *rig)
{
    struct chance *chance = &arrivals->chance;
    const size_t i = chance_below(chance, arrivals->n_in_flight);
    const uint64_t ticket = arrivals->in_flight[i];
    arrivals->in_flight[i] = arrivals->in_flight[--arrivals->n_in_flight];
    if (!arrivals->was_broken[ticket] && chance_below(chance, 4) == 0) {
        arrivals->was_broken[ticket] = true;
        feed_broken(rig, ticket);
    } else if (chance_below(chance, 5) == 0) {
        arrivals->is_empty[ticket] = true;
        feed_nothing(rig, ticket, 404);
    } else {
        feed_whole(rig, ticket);
    }
}

/* A row, or a block of up to as many as the tile has: the ids of what comes. */
static enum mly_status take_some(struct rig *rig, struct chance *chance, int64_t ids[STREET_ROWS], uint32_t *n)
{
    struct mly_block block;
    const uint32_t max = (uint32_t)chance_below(chance, STREET_ROWS + 1);
    *n = 1;
    if (max == 0)
        return take(rig, ids);
    const enum mly_status status = mly_machine_block(rig->tiles, max, &block, &rig->err);
    if (status != MLY_OK)
        return status;
    *n = block.n;
    assert_true(block.n >= 1 && block.n <= max);
    assert_int_equal(mly_mvt_ids(block.mvt, block.rows, block.n, ids), block.n);
    return status;
}

/* Reads all, and notes which tile each row is of: a tile whole, or not at all. */
static void read_all(struct arrivals *arrivals, struct rig *rig, uint32_t max, size_t n_rows[STREET_MAX])
{
    enum mly_status status = MLY_AGAIN;
    int64_t ids[STREET_ROWS], last_id = 0;
    uint32_t n = 0;
    while (status != MLY_DONE) {
        struct mly_request request;
        while (chance_below(&arrivals->chance, 4) && mly_machine_want(rig->tiles, &request, &rig->err) == MLY_OK)
            arrivals->in_flight[arrivals->n_in_flight++] = request.ticket;
        assert_true(arrivals->n_in_flight <= max);
        status = take_some(rig, &arrivals->chance, ids, &n);
        assert_true(status >= 0);
        for (uint32_t i = 0; status == MLY_OK && i < n; i++) {
            assert_true(ids[i] > last_id); /* as the plan orders them */
            last_id = ids[i];
            n_rows[ids[i] / 10000 - 1]++;
        }
        if (status != MLY_OK && arrivals->n_in_flight > 0) {
            answer_one(arrivals, rig);
        }
    }
}

/* Whatever comes in whatever order: the same rows, and never more in flight than allowed. */
static void random_arrivals_give_the_plan_s_rows(void **state)
{
    (void)state;
    for (unsigned long round = chance_rounds(500); round > 0; round--) {
        struct arrivals arrivals = {.chance = {.state = round}};
        const size_t n_tiles = 1 + chance_below(&arrivals.chance, 30);
        const uint32_t max = 1 + (uint32_t)chance_below(&arrivals.chance, 6);
        size_t n_rows[STREET_MAX] = {0};
        struct rig rig;
        set_up(&rig, n_tiles, max);

        read_all(&arrivals, &rig, max, n_rows);

        for (size_t i = 0; i < n_tiles; i++)
            assert_int_equal(n_rows[i], arrivals.is_empty[i] ? 0 : STREET_ROWS);
        assert_int_equal(arrivals.n_in_flight, 0);
        tear_down(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_are_wanted_in_the_plan_s_order),
        cmocka_unit_test(no_more_are_in_flight_than_allowed),
        cmocka_unit_test(no_number_in_flight_and_too_many_are_refused),
        cmocka_unit_test(an_address_that_is_too_long_is_an_error_not_a_short_read),
        cmocka_unit_test(a_plan_of_nothing_is_done_at_once),
        cmocka_unit_test(answers_wait_for_their_turn_in_a_window),
        cmocka_unit_test(what_waits_is_bounded_in_bytes),
        cmocka_unit_test(an_answer_nobody_asked_for_is_an_error),
        cmocka_unit_test(tiles_that_are_not_there_have_no_rows),
        cmocka_unit_test(a_tile_with_other_layers_only_has_no_rows),
        cmocka_unit_test(points_beyond_the_border_are_told_to_whoever_debugs),
        cmocka_unit_test(a_failure_waits_for_its_turn),
        cmocka_unit_test(a_failure_names_its_attempts),
        cmocka_unit_test(a_refused_caller_ends_the_read_at_once),
        cmocka_unit_test(nobody_has_to_listen_to_failures),
        cmocka_unit_test(a_broken_tile_is_asked_for_once_more_past_every_cache),
        cmocka_unit_test(a_tile_that_is_broken_twice_fails_and_is_named),
        cmocka_unit_test(a_body_that_does_not_inflate_is_asked_for_once_more),
        cmocka_unit_test(a_second_answer_may_be_empty_or_fail),
        cmocka_unit_test(asking_again_keeps_within_what_may_be_in_flight),
        cmocka_unit_test(random_arrivals_give_the_plan_s_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
