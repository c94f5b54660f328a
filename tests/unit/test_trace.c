/* SPDX-License-Identifier: MIT */
/* Sequences by key, and a service that knows where their images are. */
#include "core/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ids.h"
#include "support/fail_mem.h"
#include "support/fake_graph.h"
#include "support/hamlet.h"
#include "support/literals.h"

enum { MAX_IMAGES = 200, MAX_TILES = 64 };

/* An image, in a tile that lies so many to the east and south of home. */
struct image {
    char sequence;
    unsigned east, south;
    bool has_no_position, is_gone;
};

struct rig {
    struct fail_mem mem;
    struct mly_arena arena;
    struct mly_plan plan;
    struct mly_read_options options;
    struct fake_graph graph;
    struct mly_machine *machine;
    struct mly_error err;
    struct image images[MAX_IMAGES]; /* whose ids are their numbers, from 1 on */
    size_t n_images, n_lists, n_batches;
    char last_url[MLY_LIMIT_URL];
    bool is_refused;
    const struct mly_plan *found;
    struct mly_tile tiles[MAX_TILES]; /* of the found plan */
    size_t n_tiles;
};

/* ---- the service ---- */

static void say_images(const struct rig *rig, char sequence, struct fake_answer *out)
{
    const char *separator = "";
    fake_graph_say(out, "{\"data\":[");
    for (size_t i = 0; i < rig->n_images; i++) {
        if (rig->images[i].sequence != sequence)
            continue;
        fake_graph_say(out, "%s{\"id\":\"%zu\"}", separator, i + 1);
        separator = ",";
    }
    fake_graph_say(out, "]}");
}

static void say_position(const struct rig *rig, size_t id, const char *name, struct fake_answer *out)
{
    const struct image *image = &rig->images[id - 1];
    const struct mly_tile tile = {
        .x = hamlet_home.x + image->east, .y = hamlet_home.y + image->south, .z = hamlet_home.z};
    fake_graph_say(out, "\"%zu\":{\"id\":\"%zu\"", id, id);
    if (!image->has_no_position)
        fake_graph_say(out, ",\"%s\":{\"type\":\"Point\",\"coordinates\":[%.14g,%.14g]}", name,
                       mly_tile_longitude(tile, 1, 2), mly_tile_latitude(tile, 1, 2));
    fake_graph_say(out, "}");
}

static void say_positions(const struct rig *rig, const char *ids, const char *name, struct fake_answer *out)
{
    const char *separator = "";
    fake_graph_say(out, "{");
    while (*ids && *ids != '&') {
        char *end = NULL;
        const size_t id = strtoul(ids, &end, 10);
        assert_true(id >= 1 && id <= rig->n_images);
        if (!rig->images[id - 1].is_gone) {
            fake_graph_say(out, "%s", separator);
            say_position(rig, id, name, out);
            separator = ",";
        }
        ids = end + (*end == ',');
    }
    fake_graph_say(out, "}");
}

static void answer(void *ctx, const struct mly_request *request, struct fake_answer *out)
{
    struct rig *rig = ctx;
    char key[64];
    memcpy(rig->last_url, request->url, sizeof rig->last_url);
    const char *ids = strstr(request->url, "/?ids=");
    if (rig->is_refused) {
        fake_graph_refuse(out, 400, 100, 0, "no");
    } else if (ids) {
        rig->n_batches++;
        say_positions(rig, ids + strlen("/?ids="),
                      strstr(request->url, "computed_geometry") ? "computed_geometry" : "geometry", out);
    } else {
        assert_true(fake_graph_parameter(request, "sequence_id=", '&', key, sizeof key));
        rig->n_lists++;
        if (*key == '?')
            fake_graph_refuse(out, 400, 100, 33, "Unsupported get request");
        else
            say_images(rig, *key, out);
    }
}

/* A mly_make_fn: the machine that reads would begin here. */
static enum mly_status note_plan(const struct mly_plan *plan, const struct mly_read_options *options,
                                 struct mly_machine **out, struct mly_error *err)
{
    struct rig *rig = options->keep_ctx;
    const struct mly_ids_source nothing = {.kind = MLY_IDS_GIVEN};
    struct mly_cover_cursor cursor = {.node = 0};
    rig->found = plan;
    while (rig->n_tiles < MAX_TILES && mly_cover_next(&plan->cover, &cursor, &rig->tiles[rig->n_tiles], NULL))
        rig->n_tiles++;
    return mly_ids_new(&nothing, options, out, err);
}

/* ---- the rig ---- */

static void begin(struct rig *rig, uint64_t seed)
{
    memset(rig, 0, sizeof *rig);
    fail_mem_init(&rig->mem);
    mly_arena_init(&rig->arena, mly_mem_system(), 1 << 20);
    rig->graph = (struct fake_graph){.answer = answer, .ctx = rig, .chance = {.state = seed}};
}

static void add_images(struct rig *rig, char sequence, size_t n, unsigned east, unsigned south)
{
    for (size_t i = 0; i < n; i++) {
        assert_true(rig->n_images < MAX_IMAGES);
        rig->images[rig->n_images++] = (struct image){.sequence = sequence, .east = east, .south = south};
    }
}

struct wish {
    const char *keys; /* a letter each */
    uint8_t zoom;
    bool computed;
    uint64_t max_tiles;
};

static enum mly_status run(struct rig *rig, struct wish wish)
{
    struct mly_literal keys[8];
    struct mly_row row;
    const uint32_t n = (uint32_t)strlen(wish.keys);
    assert_true(n <= COUNT(keys));
    for (uint32_t i = 0; i < n; i++)
        keys[i] = literal((struct mly_value){.as.text = wish.keys + i, .n_bytes = 1, .type = MLY_TEXT});
    const struct mly_query query = {.layer = mly_schema_find("sequences"),
                                    .filter = mly_expr_test(&rig->arena, 0, MLY_OP_IN, keys, n),
                                    .zoom = wish.zoom,
                                    .computed = wish.computed,
                                    .max_tiles = wish.max_tiles ? wish.max_tiles : MAX_TILES,
                                    .max_requests = 100};
    assert_status(mly_plan_make(&query, mly_mem_system(), &rig->plan, &rig->err), MLY_OK, &rig->err);
    assert_int_equal(rig->plan.source, MLY_SOURCE_TRACE);
    rig->options = (struct mly_read_options){
        .mem = &rig->mem.mem, .graph_service = hamlet_graph_service, .max_in_flight = 3, .keep_ctx = rig};
    const enum mly_status status = mly_trace_new(&rig->plan, &rig->options, note_plan, &rig->machine, &rig->err);
    return status < 0 ? status : fake_graph_take(&rig->graph, rig->machine, &row, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_machine_free(rig->machine);
    mly_plan_fini(&rig->plan);
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

static void assert_tile(const struct rig *rig, size_t i, unsigned east, unsigned south)
{
    assert_true(i < rig->n_tiles);
    assert_int_equal(rig->tiles[i].x, hamlet_home.x + east);
    assert_int_equal(rig->tiles[i].y, hamlet_home.y + south);
    assert_int_equal(rig->tiles[i].z, 14);
}

/* ---- tests ---- */

static void the_tiles_of_the_images_are_read_each_once_row_by_row(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= chance_rounds(30); seed++) {
        struct rig rig;
        begin(&rig, seed);
        add_images(&rig, 'a', 60, 2, 1);
        add_images(&rig, 'a', 30, 1, 0);
        add_images(&rig, 'a', 10, 2, 1); /* back again */
        add_images(&rig, 'b', 1, 0, 1);
        add_images(&rig, 'c', 1, 9, 9); /* nobody asks for it */

        assert_status(run(&rig, (struct wish){.keys = "ab"}), MLY_DONE, &rig.err);

        assert_int_equal(rig.n_tiles, 3);
        assert_tile(&rig, 0, 1, 0);
        assert_tile(&rig, 1, 0, 1);
        assert_tile(&rig, 2, 2, 1);
        assert_int_equal(rig.n_lists, 2);
        assert_int_equal(rig.n_batches, 3); /* 101 images */
        tear_down(&rig);
    }
}

static void all_else_of_the_plan_stays_as_it_was(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, 1);
    add_images(&rig, 'a', 3, 0, 0);

    assert_status(run(&rig, (struct wish){.keys = "a"}), MLY_DONE, &rig.err);

    assert_int_equal(rig.found->source, MLY_SOURCE_TILES);
    assert_ptr_equal(rig.found->layer, rig.plan.layer);
    assert_ptr_equal(rig.found->filter, rig.plan.filter);
    assert_int_equal(rig.found->max_tiles, rig.plan.max_tiles);
    assert_int_equal(rig.found->stitch, MLY_STITCH_WHOLE);
    tear_down(&rig);
}

static void of_a_lower_zoom_the_tiles_are_that_zoom_s(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, 1);
    add_images(&rig, 'a', 1, 0, 0);
    add_images(&rig, 'a', 1, 1, 0);
    add_images(&rig, 'a', 1, 40, 0);

    assert_status(run(&rig, (struct wish){.keys = "a", .zoom = 10}), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_tiles, 2);
    assert_int_equal(rig.tiles[0].z, 10);
    assert_int_equal(rig.tiles[0].x, hamlet_home.x >> 4);
    assert_int_equal(rig.tiles[1].x, (hamlet_home.x + 40) >> 4);
    assert_int_equal(rig.tiles[0].y, hamlet_home.y >> 4);
    tear_down(&rig);
}

static void images_without_a_position_or_gone_lead_nowhere(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, 1);
    add_images(&rig, 'a', 3, 0, 0);
    rig.images[0].has_no_position = true;
    rig.images[0].east = 5;
    rig.images[1].is_gone = true;
    rig.images[1].east = 6;

    assert_status(run(&rig, (struct wish){.keys = "a"}), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_tiles, 1);
    assert_tile(&rig, 0, 0, 0);
    tear_down(&rig);
}

static void a_sequence_that_nobody_knows_has_no_tiles(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, 1);
    add_images(&rig, 'a', 1, 0, 0);

    assert_status(run(&rig, (struct wish){.keys = "?"}), MLY_DONE, &rig.err);

    assert_non_null(rig.found);
    assert_int_equal(rig.found->cover.n_tiles, 0);
    assert_int_equal(rig.n_batches, 0);
    tear_down(&rig);
}

static void computed_positions_decide_where_those_are_read(void **state)
{
    (void)state;
    for (int computed = 0; computed < 2; computed++) {
        struct rig rig;
        begin(&rig, 1);
        add_images(&rig, 'a', 1, 0, 0);

        assert_status(run(&rig, (struct wish){.keys = "a", .computed = computed}), MLY_DONE, &rig.err);

        assert_says(rig.last_url, computed ? "fields=computed_geometry" : "fields=geometry");
        assert_int_equal(rig.n_tiles, 1);
        tear_down(&rig);
    }
}

static void more_tiles_than_allowed_are_refused_with_both_numbers_and_advice(void **state)
{
    (void)state;
    for (uint64_t max_tiles = 2; max_tiles <= 3; max_tiles++) {
        struct rig rig;
        begin(&rig, 1);
        for (unsigned i = 0; i < 3; i++)
            add_images(&rig, 'a', 2, i, 0);

        const enum mly_status status = run(&rig, (struct wish){.keys = "a", .max_tiles = max_tiles});

        assert_status(status, max_tiles < 3 ? MLY_E_LIMIT : MLY_DONE, &rig.err);
        if (max_tiles < 3) {
            assert_says(rig.err.text, "3 tiles");
            assert_says(rig.err.text, "allows 2");
            assert_says(rig.err.text, "MAX_TILES");
            assert_null(rig.found);
        }
        tear_down(&rig);
    }
}

static void a_service_that_refuses_ends_the_read(void **state)
{
    (void)state;
    struct rig rig;
    begin(&rig, 1);
    rig.is_refused = true;

    assert_status(run(&rig, (struct wish){.keys = "a"}), MLY_E_REMOTE, &rig.err);

    assert_null(rig.found);
    tear_down(&rig);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    size_t n_failed = 1, k = 0;
    for (; n_failed > 0; k++) {
        struct rig rig;
        begin(&rig, 1);
        add_images(&rig, 'a', 60, 0, 0);
        add_images(&rig, 'b', 60, 1, 1);
        rig.mem.first_failure = k;
        rig.mem.n_failures = 1;

        const enum mly_status status = run(&rig, (struct wish){.keys = "ab"});

        n_failed = rig.mem.n_failed;
        assert_status(status, n_failed ? MLY_E_NOMEM : MLY_DONE, &rig.err);
        tear_down(&rig);
    }
    assert_true(k > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tiles_of_the_images_are_read_each_once_row_by_row),
        cmocka_unit_test(all_else_of_the_plan_stays_as_it_was),
        cmocka_unit_test(of_a_lower_zoom_the_tiles_are_that_zoom_s),
        cmocka_unit_test(images_without_a_position_or_gone_lead_nowhere),
        cmocka_unit_test(a_sequence_that_nobody_knows_has_no_tiles),
        cmocka_unit_test(computed_positions_decide_where_those_are_read),
        cmocka_unit_test(more_tiles_than_allowed_are_refused_with_both_numbers_and_advice),
        cmocka_unit_test(a_service_that_refuses_ends_the_read),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
