/* SPDX-License-Identifier: MIT */
/* Which machines stand on which: told by what is asked of the hamlet's service, and in which order. */
#include "core/stack.h"

#include <stdio.h>
#include <string.h>

#include "core/reader.h"
#include "support/check_row.h"
#include "support/fail_mem.h"
#include "support/hamlet.h"
#include "support/literals.h"

enum { MAX_LOG = 64, MAX_ROWS = 32 };

struct rig {
    struct fail_mem mem;
    struct fake_clock clock;
    struct service_transport service;
    struct hamlet_query query;
    struct mly_plan plan;
    struct mly_reader *reader;
    struct mly_error err;
    char log[MAX_LOG][MLY_LIMIT_KEY + 16]; /* keys of what was asked, in that order; "R" and an id of each row */
    size_t n_log;
    int64_t ids[MAX_ROWS];
    size_t n_rows;
    bool keeps_none;
};

static void note(struct rig *rig, const char *text)
{
    assert_true(rig->n_log < MAX_LOG);
    (void)snprintf(rig->log[rig->n_log++], sizeof rig->log[0], "%s", text);
}

static void answer(void *ctx, const struct mly_request *request, struct service_answer *out)
{
    uint64_t order = 0;
    note(ctx, request->key);
    hamlet_answer(&order, request, out);
}

static bool keep(void *ctx, const struct mly_row *row)
{
    (void)row;
    return !((const struct rig *)ctx)->keeps_none;
}

static void begin(struct rig *rig, const char *read)
{
    const struct hamlet_read *known = NULL;
    memset(rig, 0, sizeof *rig);
    for (size_t i = 0; (known = hamlet_read(i)) != NULL && strcmp(known->name, read) != 0;)
        i++;
    if (!known)
        fail_msg("the hamlet knows no read '%s'", read);
    fail_mem_init(&rig->mem);
    fake_clock_init(&rig->clock, 1000);
    service_init(&rig->service, &rig->mem.mem, &rig->clock, answer, rig);
    hamlet_ask(known, &rig->mem.mem, &rig->query);
}

static enum mly_status open_reader(struct rig *rig)
{
    const struct mly_read_options options = {.mem = &rig->mem.mem,
                                             .tile_service = hamlet_tile_service,
                                             .graph_service = hamlet_graph_service,
                                             .max_in_flight = 1,
                                             .keep = keep,
                                             .keep_ctx = rig};
    MLY_TRY(mly_plan_make(&rig->query.query, &rig->mem.mem, &rig->plan, &rig->err));
    return mly_reader_new(&rig->plan, &options, &rig->service.base, &rig->reader, &rig->err);
}

/* At most `n` rows. */
static enum mly_status take_rows(struct rig *rig, size_t n)
{
    struct mly_row row;
    enum mly_status status = MLY_OK;
    for (size_t i = 0; i < n && status == MLY_OK; i++) {
        char text[32];
        status = mly_reader_next(rig->reader, &row, &rig->err);
        if (status != MLY_OK)
            continue;
        (void)check_row(rig->query.query.layer, &row);
        rig->ids[rig->n_rows++] = row.id;
        (void)snprintf(text, sizeof text, "R%lld", (long long)row.id);
        note(rig, text);
    }
    return status;
}

static void run(struct rig *rig, const char *read)
{
    begin(rig, read);
    assert_status(open_reader(rig), MLY_OK, &rig->err);
    assert_status(take_rows(rig, MAX_ROWS), MLY_DONE, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_reader_free(rig->reader);
    mly_plan_fini(&rig->plan);
    hamlet_fini(&rig->query);
    assert_nothing_leaks(&rig->mem);
}

/* Where in the log an entry stands that begins so; behind its end if none does. */
static size_t place_of(const struct rig *rig, const char *beginning)
{
    size_t i = 0;
    while (i < rig->n_log && strncmp(rig->log[i], beginning, strlen(beginning)) != 0)
        i++;
    return i;
}

static size_t count(const struct rig *rig, const char *beginning)
{
    size_t n = 0;
    for (size_t i = 0; i < rig->n_log; i++)
        n += strncmp(rig->log[i], beginning, strlen(beginning)) == 0;
    return n;
}

#define assert_asked_before(rig, first, second)                                                                        \
    do {                                                                                                               \
        assert_true(place_of(rig, first) < (rig)->n_log);                                                              \
        assert_true(place_of(rig, first) < place_of(rig, second));                                                     \
    } while (0)

/* ---- one machine ---- */

static void without_fields_only_tiles_are_asked_for(void **state)
{
    (void)state;
    static const char *const reads[] = {"images", "sequences", "map features", "signs"};
    for (size_t i = 0; i < COUNT(reads); i++) {
        struct rig rig;
        run(&rig, reads[i]);
        assert_int_equal(count(&rig, "mly"), rig.service.n_requests);
        assert_int_equal(count(&rig, "mly"), 2);
        tear_down(&rig);
    }
}

static void a_list_of_tiles_asks_nobody(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "tiles");
    assert_int_equal(rig.service.n_requests, 0);
    assert_int_equal(rig.n_rows, 6);
    tear_down(&rig);
}

static void detections_are_lists_alone(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "detections of an image");
    assert_int_equal(rig.service.n_requests, 1);
    assert_string_equal(rig.log[0], "101/detections");
    tear_down(&rig);
}

static void a_filter_that_nothing_passes_asks_nobody(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, "images");
    rig.query.query.filter = mly_expr_constant(&rig.query.arena, false);
    assert_status(open_reader(&rig), MLY_OK, &rig.err);

    assert_status(take_rows(&rig, 1), MLY_DONE, &rig.err);

    assert_int_equal(rig.plan.source, MLY_SOURCE_NOTHING);
    assert_int_equal(rig.service.n_requests, 0);
    tear_down(&rig);
}

/* ---- one on the other ---- */

static void what_only_the_graph_knows_comes_after_the_tiles(void **state)
{
    (void)state;
    static const char *const reads[] = {"images with FIELDS", "map features with FIELDS", "signs with FIELDS",
                                        "images, exactly"};
    for (size_t i = 0; i < COUNT(reads); i++) {
        struct rig rig;
        run(&rig, reads[i]);
        assert_asked_before(&rig, "mly", "entities/");
        assert_asked_before(&rig, "entities/", "R");
        tear_down(&rig);
    }
}

static void the_graph_is_not_asked_about_rows_that_nobody_wants(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, "images with FIELDS");
    rig.keeps_none = true;
    assert_status(open_reader(&rig), MLY_OK, &rig.err);

    assert_status(take_rows(&rig, 1), MLY_DONE, &rig.err);

    assert_int_equal(count(&rig, "entities/"), 0);
    tear_down(&rig);
}

static void lists_of_images_come_after_their_sequences_tiles(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "sequences with FIELDS");
    assert_int_equal(rig.n_rows, 2);
    assert_int_equal(rig.service.n_requests, 4); /* two tiles, two lists */
    tear_down(&rig);
}

/* Rows of tiles are near before the Graph is asked, so that it is asked about those alone. */
static void the_graph_is_asked_only_about_what_is_near(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "images with NEAR and FIELDS");
    assert_int_equal(rig.n_rows, 2);
    assert_int_equal(rig.ids[0], 101);
    assert_int_equal(rig.ids[1], 102);
    assert_true(place_of(&rig, "entities/101+1") < rig.n_log);
    tear_down(&rig);
}

/* Positions from the Graph decide: all rows of the tiles are asked about first. */
static void exact_positions_decide_what_is_near(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "images with NEAR, exactly");
    assert_int_equal(rig.n_rows, 2);
    assert_true(place_of(&rig, "entities/101+2") < rig.n_log); /* of the tile's three */
    tear_down(&rig);
}

static void looked_up_rows_are_near_after_the_graph_has_answered(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "images by id with NEAR");
    assert_int_equal(rig.n_rows, 1);
    assert_int_equal(rig.ids[0], 101);
    assert_string_equal(rig.log[0], "entities/101+2");
    assert_int_equal(count(&rig, "mly"), 0);
    tear_down(&rig);
}

/* ---- preludes ---- */

static void names_are_asked_for_before_tiles(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "images of a creator in an area");
    assert_int_equal(place_of(&rig, "mly"), 1);
    assert_asked_before(&rig, "mly", "entities/");
    assert_int_equal(rig.n_rows, 5);
    tear_down(&rig);
}

static void names_whose_numbers_are_known_need_no_field_of_the_graph(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, "images of a creator in an area");
    rig.query.query.columns = UINT64_C(1) << mly_schema_column(rig.query.query.layer, "creator_username");
    assert_status(open_reader(&rig), MLY_OK, &rig.err);

    assert_status(take_rows(&rig, MAX_ROWS), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_rows, 5);
    assert_int_equal(count(&rig, "entities/"), 0);
    tear_down(&rig);
}

static void lines_of_a_lower_zoom_are_read_before_what_they_decide(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "images with PRUNE");
    assert_true(rig.plan.scout.n_tiles > 0);
    assert_int_equal(place_of(&rig, "mly1_public/10/"), 0);
    assert_asked_before(&rig, "mly1_public/10/", "mly1_public/14/");
    assert_true(count(&rig, "mly1_public/14/") < 40); /* of 256 */
    assert_int_equal(rig.n_rows, 5);
    tear_down(&rig);
}

static void both_preludes_may_stand_before_one_read(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, "images of a creator in an area");
    rig.query.query.is_pruned = true;
    rig.query.area.box = mly_tile_box((struct mly_tile){.x = hamlet_home.x >> 4, .y = hamlet_home.y >> 4, .z = 10});
    rig.query.query.columns = 1;
    assert_status(open_reader(&rig), MLY_OK, &rig.err);
    assert_true(rig.plan.scout.n_tiles > 0);

    assert_status(take_rows(&rig, MAX_ROWS), MLY_DONE, &rig.err);

    assert_int_equal(place_of(&rig, "mly1_public/10/"), 1); /* after the name */
    assert_asked_before(&rig, "mly1_public/10/", "mly1_public/14/");
    assert_true(count(&rig, "mly1_public/14/") < 40); /* of 256 */
    assert_int_equal(rig.n_rows, 5);
    tear_down(&rig);
}

static void a_sequence_s_images_and_positions_come_before_its_tiles(void **state)
{
    (void)state;
    struct rig rig;
    run(&rig, "a sequence by its key");
    assert_int_equal(place_of(&rig, "entities/101+3"), 1); /* after the list */
    assert_asked_before(&rig, "entities/101+3", "mly1_public/14/");
    tear_down(&rig);
}

/* ---- all of them ---- */

static void no_machine_asks_for_more_at_once_than_the_read_may(void **state)
{
    (void)state;
    const struct hamlet_read *read;
    for (size_t i = 0; (read = hamlet_read(i)) != NULL; i++) {
        struct rig rig;
        run(&rig, read->name);
        assert_true(rig.service.peak_in_flight <= 1);
        assert_int_equal(rig.n_rows, read->n_rows);
        tear_down(&rig);
    }
}

static void a_reader_that_stops_early_stops_the_requests(void **state)
{
    (void)state;
    static const char *const reads[] = {"images", "images with NEAR", "images by id"};
    for (size_t i = 0; i < COUNT(reads); i++) {
        struct rig rig;
        begin(&rig, reads[i]);
        assert_status(open_reader(&rig), MLY_OK, &rig.err);

        assert_status(take_rows(&rig, 1), MLY_OK, &rig.err);

        assert_true(rig.service.n_requests <= 2);
        tear_down(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_fields_only_tiles_are_asked_for),
        cmocka_unit_test(a_list_of_tiles_asks_nobody),
        cmocka_unit_test(detections_are_lists_alone),
        cmocka_unit_test(a_filter_that_nothing_passes_asks_nobody),
        cmocka_unit_test(what_only_the_graph_knows_comes_after_the_tiles),
        cmocka_unit_test(the_graph_is_not_asked_about_rows_that_nobody_wants),
        cmocka_unit_test(lists_of_images_come_after_their_sequences_tiles),
        cmocka_unit_test(the_graph_is_asked_only_about_what_is_near),
        cmocka_unit_test(exact_positions_decide_what_is_near),
        cmocka_unit_test(looked_up_rows_are_near_after_the_graph_has_answered),
        cmocka_unit_test(names_are_asked_for_before_tiles),
        cmocka_unit_test(names_whose_numbers_are_known_need_no_field_of_the_graph),
        cmocka_unit_test(lines_of_a_lower_zoom_are_read_before_what_they_decide),
        cmocka_unit_test(both_preludes_may_stand_before_one_read),
        cmocka_unit_test(a_sequence_s_images_and_positions_come_before_its_tiles),
        cmocka_unit_test(no_machine_asks_for_more_at_once_than_the_read_may),
        cmocka_unit_test(a_reader_that_stops_early_stops_the_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
