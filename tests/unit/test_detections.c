/* SPDX-License-Identifier: MIT */
/* Detections as a reader gives them: lists of owners → rows with outlines. */
#include "core/detections.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reader.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/fake_clock.h"
#include "support/make_tile.h"
#include "support/recorded.h"
#include "support/script_transport.h"

enum { MAX_OWNERS = 8 };

/* A vertex list and its length, as two arguments. */
#define VERTICES(...) (const struct make_vertex[]){__VA_ARGS__}, COUNT(((const struct make_vertex[]){__VA_ARGS__}))

/* ---- outlines ---- */

/* An outline while it is written: each feature's rings. */
struct outline {
    struct make_path features[4];
    size_t n;
    uint32_t extent; /* 0 is not written */
    uint32_t shape;  /* 0: polygons */
    const char *layer;
};

static void add_feature(struct outline *outline)
{
    assert_true(outline->n < COUNT(outline->features));
    outline->features[outline->n++] = (struct make_path){.n = 0};
}

/* A ring of the feature added last. */
static void add_ring(struct outline *outline, const struct make_vertex *at, size_t n)
{
    make_ring(&outline->features[outline->n - 1], at, n);
}

/* The bytes in base64; the outline is freed. */
static struct bytes encode(struct outline *outline)
{
    struct make_feature features[COUNT(outline->features)];
    struct bytes tile = {.size = 0};
    for (size_t i = 0; i < outline->n; i++)
        features[i] = (struct make_feature){.shape = outline->shape ? outline->shape : SHAPE_POLYGON,
                                            .parts = outline->features[i].numbers,
                                            .n_parts = outline->features[i].n};
    make_layer(&tile, &(struct make_layer){.name = outline->layer ? outline->layer : "mpy-or",
                                           .extent = outline->extent,
                                           .features = features,
                                           .n_features = outline->n});
    struct bytes text = make_base64(bytes_view(&tile));
    for (size_t i = 0; i < outline->n; i++)
        make_free_path(&outline->features[i]);
    bytes_free(&tile);
    return text;
}

/* A square of that size, in the direction of outer rings: y grows downwards. */
#define SQUARE(x, y, size) VERTICES({x, y}, {(x) + (size), y}, {(x) + (size), (y) + (size)}, {x, (y) + (size)})
#define HOLE(x, y, size)   VERTICES({x, y}, {x, (y) + (size)}, {(x) + (size), (y) + (size)}, {(x) + (size), y})

static struct bytes encode_square(int32_t x, int32_t y, int32_t size)
{
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, SQUARE(x, y, size));
    return encode(&outline);
}

/* ---- answers ---- */

static void put_text(struct bytes *json, const char *text)
{
    bytes_append(json, text, strlen(text));
}

/* One entity of a list: an id, and members that may be NULL. */
static void put_entity(struct bytes *json, const char *id, const char *value, const struct bytes *geometry)
{
    put_text(json, json->size ? ",{\"created_at\":\"2017-08-23T21:32:26+0000\""
                              : "{\"data\":[{\"created_at\":\"2017-08-23T21:32:26+0000\"");
    if (geometry) {
        put_text(json, ",\"geometry\":\"");
        bytes_append(json, geometry->data, geometry->size);
        put_text(json, "\"");
    }
    put_text(json,
             ",\"image\":{\"geometry\":{\"type\":\"Point\",\"coordinates\":[13.4,52.5]},\"id\":\"4711\"},\"value\":\"");
    put_text(json, value);
    put_text(json, "\",\"id\":\"");
    put_text(json, id);
    put_text(json, "\"}");
}

static void end_list(struct bytes *json)
{
    put_text(json, json->size ? "]}" : "{\"data\":[]}");
}

/* A list of one entity with this geometry, which is freed. */
static struct bytes list_of(const char *id, struct bytes *geometry)
{
    struct bytes json = {.size = 0};
    put_entity(&json, id, "object--bench", geometry);
    end_list(&json);
    if (geometry)
        bytes_free(geometry);
    return json;
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
    char keys[MAX_OWNERS][MLY_LIMIT_KEY];
    size_t n_keys;
    char warnings[2048]; /* the lines so far */
    size_t n_warnings;
};

static void note(void *ctx, const char *text)
{
    struct read *read = ctx;
    const size_t used = strlen(read->warnings);
    assert_true(used + strlen(text) + 2 < sizeof read->warnings);
    memcpy(read->warnings + used, text, strlen(text) + 1);
    memcpy(read->warnings + used + strlen(text), "\n", 2);
    read->n_warnings++;
}

static void prepare(struct read *read)
{
    *read = (struct read){.n_keys = 0};
    fail_mem_init(&read->mem);
    fake_clock_init(&read->clock, 1000);
    script_init(&read->script, &read->mem.mem, &read->clock);
}

/* One request for the owner's list is expected. Answers borrow their bodies. */
static void expect(struct read *read, int64_t owner, struct script_answer answer)
{
    assert_true(read->n_keys < MAX_OWNERS);
    char *key = read->keys[read->n_keys++];
    (void)snprintf(key, MLY_LIMIT_KEY, "%" PRId64 "/detections", owner);
    answer.key = key;
    script_add(&read->script, answer);
}

static void expect_body(struct read *read, int64_t owner, const struct bytes *body)
{
    expect(read, owner, (struct script_answer){.body = bytes_view(body)});
}

static enum mly_status open_reader(struct read *read, const int64_t *owners, uint32_t n_owners, enum mly_owner owner)
{
    const struct mly_query query = {
        .layer = mly_schema_find("detections"), .ids = owners, .n_ids = n_owners, .owner = owner, .max_requests = 100};
    MLY_TRY(mly_plan_make(&query, &read->mem.mem, &read->plan, &read->err));
    const struct mly_read_options options = {
        .mem = &read->mem.mem,
        .graph_service = "https://graph.example.org",
        .max_in_flight = 4,
        .debug_ctx = read,
        .warn = note,
    };
    return mly_reader_new(&read->plan, &options, &read->script.base, &read->reader, &read->err);
}

/* For the detections of images. */
static void start(struct read *read, const int64_t *owners, uint32_t n_owners)
{
    assert_status(open_reader(read, owners, n_owners, MLY_OWNER_IMAGE), MLY_OK, &read->err);
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

static struct mly_value value_of(const struct read *read, const char *column)
{
    const struct mly_layer *layer = mly_schema_find("detections");
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (strcmp(layer->columns[i].name, column) == 0)
            return read->row.values[i];
    }
    fail_msg("there is no column %s", column);
    return (struct mly_value){.type = MLY_NULL};
}

static void assert_integer(const struct read *read, const char *column, enum mly_type type, int64_t expected)
{
    const struct mly_value value = value_of(read, column);
    assert_int_equal(value.type, type);
    assert_true(value.as.i == expected);
}

static void assert_next(struct read *read, int64_t id)
{
    assert_status(next(read), MLY_OK, &read->err);
    assert_true(read->row.id == id);
    assert_integer(read, "id", MLY_INT, id);
}

static void assert_done(struct read *read)
{
    assert_status(next(read), MLY_DONE, &read->err);
    assert_status(next(read), MLY_DONE, &read->err);
}

static void assert_no_outline(const struct read *read)
{
    assert_int_equal(read->row.n_polygons, 0);
    assert_int_equal(read->row.n_parts, 0);
}

/* A ring of the row, in units of the outline's grid. */
static void assert_ring(const struct read *read, uint32_t ring, double extent, const struct make_vertex *expected,
                        size_t n)
{
    assert_true(ring < read->row.n_parts);
    const uint32_t begin = ring ? read->row.part_ends[ring - 1] : 0;
    assert_int_equal(read->row.part_ends[ring] - begin, n);
    for (size_t i = 0; i < n; i++) {
        assert_near(read->row.points[begin + i].x, expected[i].x / extent, 0.0);
        assert_near(read->row.points[begin + i].y, expected[i].y / extent, 0.0);
    }
}

/* The row's polygons have so many rings. */
static void assert_polygons(const struct read *read, const uint32_t *n_rings, size_t n)
{
    uint32_t end = 0;
    assert_int_equal(read->row.n_polygons, n);
    for (size_t i = 0; i < n; i++) {
        end += n_rings[i];
        assert_int_equal(read->row.polygon_ends[i], end);
    }
    assert_int_equal(read->row.n_parts, end);
}

#define RINGS(...) (const uint32_t[]){__VA_ARGS__}, COUNT(((const uint32_t[]){__VA_ARGS__}))

/* Reads the only row of a list with this outline, which is freed; the test stops the read. */
static void read_outline(struct read *read, struct outline *outline)
{
    struct bytes geometry = encode(outline), body = list_of("77", &geometry);
    prepare(read);
    expect_body(read, 1, &body);
    start(read, (const int64_t[]){1}, 1);
    assert_next(read, 77);
    bytes_free(&body); /* the answer was copied when it was handed over */
}

/* ---- owners ---- */

static void nobody_named_means_no_request(void **state)
{
    (void)state;
    struct read read;
    prepare(&read);
    start(&read, (const int64_t[]){1}, 0);

    assert_done(&read);

    assert_int_equal(read.script.n_log, 0);
    stop(&read);
}

static void a_request_names_owner_and_fields(void **state)
{
    (void)state;
    struct read read;
    struct bytes body = {.size = 0};
    end_list(&body);
    prepare(&read);
    expect_body(&read, INT64_C(59042170395811371), &body);
    start(&read, (const int64_t[]){INT64_C(59042170395811371)}, 1);

    assert_done(&read);

    assert_string_equal(read.script.log[0].key, "59042170395811371/detections");
    assert_string_equal(
        read.script.log[0].url,
        "https://graph.example.org/59042170395811371/detections?fields=created_at,geometry,image,value");
    stop(&read);
    bytes_free(&body);
}

static void all_columns_are_filled(void **state)
{
    (void)state;
    struct read read;
    struct bytes square = encode_square(0, 0, 4096), body = list_of("9007199254740993", &square);
    prepare(&read);
    expect_body(&read, 4711, &body);
    start(&read, (const int64_t[]){4711}, 1);

    assert_next(&read, INT64_C(9007199254740993)); /* 2^53 + 1: no double */

    assert_integer(&read, "image_id", MLY_INT, 4711);
    assert_int_equal(value_of(&read, "map_feature_id").type, MLY_NULL);
    assert_integer(&read, "created_at", MLY_TIME, INT64_C(1503523946000));
    const struct mly_value value = value_of(&read, "value");
    assert_int_equal(value.type, MLY_TEXT);
    assert_int_equal(value.n_bytes, 13);
    assert_memory_equal(value.as.text, "object--bench", 13);
    assert_int_equal(read.n_warnings, 0);
    assert_done(&read);
    stop(&read);
    bytes_free(&body);
}

static void whoever_was_asked_for_is_the_owner(void **state)
{
    (void)state;
    static const struct {
        enum mly_owner owner;
        int64_t image_id; /* in the row */
        bool has_map_feature;
    } cases[] = {{MLY_OWNER_IMAGE, 815, false}, {MLY_OWNER_MAP_FEATURE, 4711, true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct read read;
        struct bytes square = encode_square(0, 0, 8), body = list_of("77", &square);
        prepare(&read);
        expect_body(&read, 815, &body);
        assert_status(open_reader(&read, (const int64_t[]){815}, 1, cases[i].owner), MLY_OK, &read.err);

        assert_next(&read, 77);

        assert_integer(&read, "image_id", MLY_INT, cases[i].image_id);
        if (cases[i].has_map_feature)
            assert_integer(&read, "map_feature_id", MLY_INT, 815);
        else
            assert_int_equal(value_of(&read, "map_feature_id").type, MLY_NULL);
        stop(&read);
        bytes_free(&body);
    }
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

static void rows_come_in_the_order_of_owners_whatever_comes_in_first(void **state)
{
    (void)state;
    static const int64_t owners[] = {30, 10, 20, 40};
    struct bytes bodies[COUNT(owners)] = {{.size = 0}};
    uint32_t late[] = {1, 2, 3, 4};
    for (size_t i = 0; i < COUNT(owners); i++) {
        for (int64_t row = 0; row < 2; row++) {
            struct bytes square = encode_square(1, 2, 3);
            char id[16];
            (void)snprintf(id, sizeof id, "%d", (int)(10 * owners[i] + row));
            put_entity(&bodies[i], id, "object--bench", &square);
            bytes_free(&square);
        }
        end_list(&bodies[i]);
    }

    do {
        struct read read;
        prepare(&read);
        for (size_t i = 0; i < COUNT(owners); i++)
            expect(&read, owners[i], (struct script_answer){.body = bytes_view(&bodies[i]), .after_ms = late[i]});
        start(&read, owners, COUNT(owners));
        for (size_t i = 0; i < COUNT(owners); i++) {
            assert_next(&read, 10 * owners[i]);
            assert_integer(&read, "image_id", MLY_INT, owners[i]);
            assert_next(&read, 10 * owners[i] + 1);
            assert_integer(&read, "image_id", MLY_INT, owners[i]);
        }
        assert_done(&read);
        stop(&read);
    } while (permute(late, COUNT(late)));

    for (size_t i = 0; i < COUNT(owners); i++)
        bytes_free(&bodies[i]);
}

static void owners_that_nobody_knows_or_without_detections_have_no_rows(void **state)
{
    (void)state;
    static const char unknown[] = "{\"error\":{\"message\":\"Unsupported get request\",\"type\":\"MLYApiException\","
                                  "\"code\":100,\"error_subcode\":33}}";
    const struct mly_span refusal = {.data = (const uint8_t *)unknown, .size = sizeof unknown - 1};
    struct read read;
    struct bytes square = encode_square(1, 2, 3), body = list_of("77", &square), empty = {.size = 0};
    end_list(&empty);
    prepare(&read);
    expect(&read, 1, (struct script_answer){.http = 400, .body = refusal});
    expect_body(&read, 2, &empty);
    expect_body(&read, 3, &body);
    expect(&read, 4, (struct script_answer){.http = 400, .body = refusal});
    start(&read, (const int64_t[]){1, 2, 3, 4}, 4);

    assert_next(&read, 77);
    assert_integer(&read, "image_id", MLY_INT, 3);
    assert_done(&read);

    assert_script_is_used_up(&read.script);
    assert_int_equal(read.n_warnings, 0);
    stop(&read);
    bytes_free(&body);
    bytes_free(&empty);
}

static void a_row_without_a_usable_id_stays(void **state)
{
    (void)state;
    static const char *const ids[] = {"", "0", "-5", "x", "9223372036854775808", "1.5"};
    struct read read;
    struct bytes square = encode_square(1, 2, 3), body = {.size = 0};
    for (size_t i = 0; i < COUNT(ids); i++)
        put_entity(&body, ids[i], "object--bench", &square);
    end_list(&body);
    prepare(&read);
    expect_body(&read, 1, &body);
    start(&read, (const int64_t[]){1}, 1);

    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_status(next(&read), MLY_OK, &read.err);
        assert_true(read.row.id == -1);
        assert_int_equal(value_of(&read, "id").type, MLY_NULL);
        assert_polygons(&read, RINGS(1));
    }

    assert_done(&read);
    stop(&read);
    bytes_free(&square);
    bytes_free(&body);
}

static void detections_are_not_found_again(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, SQUARE(0, 0, 1));
    read_outline(&read, &outline);

    assert_status(mly_reader_find(read.reader, 77, &read.row, &read.err), MLY_DONE, &read.err);

    stop(&read);
}

/* ---- polygons ---- */

static void one_ring_is_one_polygon(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, VERTICES({2441, 2012}, {2485, 2012}, {2485, 2082}, {2441, 2083}));

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(1));
    assert_ring(&read, 0, 4096, VERTICES({2441, 2012}, {2485, 2012}, {2485, 2082}, {2441, 2083}));
    assert_int_equal(read.n_warnings, 0);
    stop(&read);
}

static void an_outline_reaches_from_0_to_1_on_any_grid(void **state)
{
    (void)state;
    static const uint32_t extents[] = {1, 100, 4096, 65536};
    for (size_t i = 0; i < COUNT(extents); i++) {
        struct read read;
        struct outline outline = {.extent = extents[i]};
        add_feature(&outline);
        add_ring(&outline, SQUARE(0, 0, (int32_t)extents[i]));

        read_outline(&read, &outline);

        assert_polygons(&read, RINGS(1));
        assert_near(read.row.points[0].x, 0.0, 0.0);
        assert_near(read.row.points[0].y, 0.0, 0.0);
        assert_near(read.row.points[2].x, 1.0, 0.0);
        assert_near(read.row.points[2].y, 1.0, 0.0);
        stop(&read);
    }
}

static void every_feature_is_a_polygon(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    for (int32_t i = 0; i < 3; i++) {
        add_feature(&outline);
        add_ring(&outline, SQUARE(100 * i, 200 * i, 10 + i));
    }

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(1, 1, 1));
    for (int32_t i = 0; i < 3; i++)
        assert_ring(&read, (uint32_t)i, 4096, SQUARE(100 * i, 200 * i, 10 + i));
    stop(&read);
}

static void every_outer_ring_begins_a_polygon(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, SQUARE(0, 0, 10));
    add_ring(&outline, SQUARE(100, 0, 10));
    add_ring(&outline, SQUARE(200, 0, 10));

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(1, 1, 1));
    stop(&read);
}

static void a_hole_belongs_to_the_polygon_before_it(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, SQUARE(0, 0, 100));
    add_ring(&outline, HOLE(10, 10, 5));
    add_ring(&outline, HOLE(50, 50, 20));
    add_ring(&outline, SQUARE(1000, 0, 100));
    add_feature(&outline);
    add_ring(&outline, SQUARE(2000, 0, 100));
    add_ring(&outline, HOLE(2010, 10, 5));

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(3, 1, 2));
    assert_ring(&read, 0, 4096, SQUARE(0, 0, 100));
    assert_ring(&read, 1, 4096, HOLE(10, 10, 5));
    assert_ring(&read, 2, 4096, HOLE(50, 50, 20));
    assert_ring(&read, 3, 4096, SQUARE(1000, 0, 100));
    assert_ring(&read, 4, 4096, SQUARE(2000, 0, 100));
    assert_ring(&read, 5, 4096, HOLE(2010, 10, 5));
    stop(&read);
}

static void the_first_ring_of_a_feature_is_an_outer_one_whichever_way_it_runs(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, HOLE(0, 0, 100));
    add_ring(&outline, HOLE(10, 10, 5));
    add_ring(&outline, SQUARE(500, 0, 100));
    add_feature(&outline);
    add_ring(&outline, HOLE(1000, 0, 100));

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(2, 1, 1));
    assert_ring(&read, 0, 4096, HOLE(0, 0, 100));
    assert_ring(&read, 3, 4096, HOLE(1000, 0, 100));
    stop(&read);
}

static void a_ring_without_area_is_no_polygon_of_its_own_unless_it_is_the_first(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, VERTICES({5, 5}, {9, 9}, {5, 5}));
    add_ring(&outline, VERTICES({1, 1}, {2, 1}, {3, 1}));
    add_feature(&outline);
    add_ring(&outline, SQUARE(0, 0, 10));

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(2, 1));
    stop(&read);
}

static void a_small_hole_at_the_far_corner_is_one(void **state)
{
    (void)state;
    struct read read;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, SQUARE(0, 0, 4096));
    add_ring(&outline, HOLE(4094, 4094, 1));
    add_ring(&outline, VERTICES({4090, 4090}, {4090, 4091}, {4091, 4091})); /* half a unit */
    add_ring(&outline, VERTICES({4080, 4080}, {4081, 4080}, {4081, 4081})); /* half a unit the other way */

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(3, 1));
    stop(&read);
}

static void a_long_outline_is_whole(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct make_vertex at[N];
    struct read read;
    struct outline outline = {.n = 0};
    for (int32_t i = 0; i < N; i++)
        at[i] = (struct make_vertex){.x = i < N / 2 ? i : N - i, .y = i < N / 2 ? i % 2 : 4096 - i % 3};
    add_feature(&outline);
    add_ring(&outline, at, N);

    read_outline(&read, &outline);

    assert_polygons(&read, RINGS(1));
    assert_ring(&read, 0, 4096, at, N);
    stop(&read);
}

static void an_outline_does_not_linger_in_the_next_row(void **state)
{
    (void)state;
    struct read read;
    struct bytes first = encode_square(1, 2, 3), third = encode_square(7, 8, 9), body = {.size = 0};
    put_entity(&body, "71", "a", &first);
    put_entity(&body, "72", "b", NULL);
    put_entity(&body, "73", "c", &third);
    end_list(&body);
    prepare(&read);
    expect_body(&read, 1, &body);
    start(&read, (const int64_t[]){1}, 1);

    assert_next(&read, 71);
    assert_ring(&read, 0, 4096, SQUARE(1, 2, 3));
    assert_next(&read, 72);
    assert_no_outline(&read);
    assert_next(&read, 73);
    assert_polygons(&read, RINGS(1));
    assert_ring(&read, 0, 4096, SQUARE(7, 8, 9));
    assert_done(&read);

    stop(&read);
    bytes_free(&first);
    bytes_free(&third);
    bytes_free(&body);
}

/* ---- outlines that cannot be read ---- */

/* Between two good ones, a row with this geometry has none, and a warning names it and says why. */
static void assert_no_geometry(const char *geometry, size_t n, const char *why)
{
    struct read read;
    struct bytes square = encode_square(1, 2, 3), bad = {.size = 0}, body = {.size = 0};
    bytes_append(&bad, geometry, n);
    put_entity(&body, "71", "a", &square);
    put_entity(&body, "72", "object--bench", &bad);
    put_entity(&body, "73", "c", &square);
    end_list(&body);
    prepare(&read);
    expect_body(&read, 1, &body);
    start(&read, (const int64_t[]){1}, 1);

    assert_next(&read, 71);
    assert_next(&read, 72);
    assert_no_outline(&read);
    assert_int_equal(value_of(&read, "value").n_bytes, 13);
    assert_integer(&read, "created_at", MLY_TIME, INT64_C(1503523946000));
    assert_next(&read, 73);
    assert_polygons(&read, RINGS(1));
    assert_done(&read);

    assert_int_equal(read.n_warnings, 1);
    assert_says(read.warnings, "72");
    assert_says(read.warnings, why);
    assert_int_equal(read.script.n_log, 1); /* nobody asks again for one outline */
    stop(&read);
    bytes_free(&square);
    bytes_free(&bad);
    bytes_free(&body);
}

static void what_is_no_base64_leaves_a_row_without_geometry_and_a_warning(void **state)
{
    (void)state;
    static const char *const others[] = {"", "=", "Zm9", "Zm9v====", "Zm9*", "<svg>", "-_-_", "Zm 9v"};

    for (size_t i = 0; i < COUNT(others); i++)
        assert_no_geometry(others[i], strlen(others[i]), "it is no base64");
}

static void what_is_no_tile_leaves_a_row_without_geometry_and_a_warning(void **state)
{
    (void)state;
    static const char *const others[] = {"Zm9v", "AAAA", "Gv//", "/////////w=="};

    for (size_t i = 0; i < COUNT(others); i++)
        assert_no_geometry(others[i], strlen(others[i]), "no vector tile");
}

static void an_outline_cut_anywhere_leaves_a_row_without_geometry_and_a_warning(void **state)
{
    (void)state;
    struct outline outline = {.n = 0};
    add_feature(&outline);
    add_ring(&outline, SQUARE(0, 0, 100));
    add_ring(&outline, HOLE(10, 10, 5));
    struct bytes whole = encode(&outline);

    for (size_t n = 0; n < whole.size; n++) /* also at whole groups: then it is base64, but of a broken tile */
        assert_no_geometry((const char *)whole.data, n, n % 4 || n == 0 ? "it is no base64" : "");

    bytes_free(&whole);
}

static void an_outline_of_another_kind_leaves_a_row_without_geometry_and_a_warning(void **state)
{
    (void)state;
    struct outline other = {.layer = "mpy-and"}, line = {.shape = SHAPE_LINE}, none = {.n = 0};
    add_feature(&other);
    add_ring(&other, SQUARE(0, 0, 100));
    add_feature(&line);
    make_line(&line.features[0], VERTICES({0, 0}, {5, 5}));
    struct bytes texts[] = {encode(&other), encode(&line), encode(&none)};

    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_no_geometry((const char *)texts[i].data, texts[i].size, i == 1 ? "MVT 4.3.4" : "it has no polygon");
        bytes_free(&texts[i]);
    }
}

static void a_geometry_that_is_no_text_leaves_a_row_without_geometry(void **state)
{
    (void)state;
    static const char *const members[] = {"null", "5", "{\"type\":\"Polygon\"}", "[]", "true"};
    for (size_t i = 0; i < COUNT(members); i++) {
        struct read read;
        struct bytes body = {.size = 0};
        put_text(&body, "{\"data\":[{\"id\":\"72\",\"geometry\":");
        put_text(&body, members[i]);
        put_text(&body, "}]}");
        prepare(&read);
        expect_body(&read, 1, &body);
        start(&read, (const int64_t[]){1}, 1);

        assert_next(&read, 72);

        assert_no_outline(&read);
        assert_int_equal(value_of(&read, "value").type, MLY_NULL);
        assert_done(&read);
        stop(&read);
        bytes_free(&body);
    }
}

static void warnings_need_no_listener(void **state)
{
    (void)state;
    struct read read;
    struct bytes body = list_of("72", NULL);
    const struct mly_query query = {
        .layer = mly_schema_find("detections"), .ids = (const int64_t[]){1}, .n_ids = 1, .max_requests = 100};
    prepare(&read);
    expect_body(&read, 1, &body);
    assert_status(mly_plan_make(&query, &read.mem.mem, &read.plan, &read.err), MLY_OK, &read.err);
    const struct mly_read_options options = {
        .mem = &read.mem.mem, .graph_service = "https://graph.example.org", .max_in_flight = 4};
    assert_status(mly_reader_new(&read.plan, &options, &read.script.base, &read.reader, &read.err), MLY_OK, &read.err);

    assert_next(&read, 72);

    assert_no_outline(&read);
    stop(&read);
    bytes_free(&body);
}

/* ---- answers that are not whole ---- */

/* A list of three, with everything in it that a list has. */
static struct bytes list_of_three(void)
{
    struct bytes body = {.size = 0};
    for (int i = 1; i <= 3; i++) {
        struct bytes square = encode_square(i, i, i);
        char id[8];
        (void)snprintf(id, sizeof id, "%d", 70 + i);
        put_entity(&body, id, "object--bench", &square);
        bytes_free(&square);
    }
    end_list(&body);
    return body;
}

static void an_answer_cut_anywhere_twice_fails_and_gives_no_row(void **state)
{
    (void)state;
    struct bytes whole = list_of_three();
    for (size_t n = 0; n < whole.size; n++) {
        struct read read;
        const struct script_answer cut = {.body = {.data = whole.data, .size = n}};
        prepare(&read);
        expect(&read, 1, cut);
        expect(&read, 1, cut);
        start(&read, (const int64_t[]){1}, 1);

        assert_status(next(&read), MLY_E_CORRUPT, &read.err);

        assert_says(read.err.text, "1/detections");
        assert_says(read.err.text, "asked for twice");
        assert_script_is_used_up(&read.script);
        stop(&read);
    }
    bytes_free(&whole);
}

static void an_answer_cut_anywhere_once_is_asked_for_again_and_comes_whole(void **state)
{
    (void)state;
    struct bytes whole = list_of_three();
    for (size_t n = 0; n < whole.size; n++) {
        struct read read;
        prepare(&read);
        expect(&read, 1, (struct script_answer){.body = {.data = whole.data, .size = n}});
        expect_body(&read, 1, &whole);
        start(&read, (const int64_t[]){1}, 1);

        for (int64_t id = 71; id <= 73; id++)
            assert_next(&read, id);
        assert_done(&read);

        assert_false(read.script.log[0].fresh);
        assert_true(read.script.log[1].fresh);
        stop(&read);
    }
    bytes_free(&whole);
}

static void rows_before_a_broken_answer_are_given_before_it_fails(void **state)
{
    (void)state;
    struct bytes whole = list_of_three();
    const struct script_answer cut = {.body = {.data = whole.data, .size = whole.size - 1}};
    struct read read;
    prepare(&read);
    expect(&read, 1, (struct script_answer){.body = bytes_view(&whole), .after_ms = 50});
    expect(&read, 2, cut);
    expect(&read, 2, cut);
    expect_body(&read, 3, &whole);
    start(&read, (const int64_t[]){1, 2, 3}, 3);

    for (int64_t id = 71; id <= 73; id++)
        assert_next(&read, id);
    assert_status(next(&read), MLY_E_CORRUPT, &read.err);

    assert_says(read.err.text, "Graph request 2/detections");
    stop(&read);
    bytes_free(&whole);
}

static void what_stands_behind_a_list_makes_it_no_list(void **state)
{
    (void)state;
    static const char *const tails[] = {"x", "{}", "]", "{\"data\":[]}", ",", " 5"};
    for (size_t i = 0; i < COUNT(tails); i++) {
        struct read read;
        struct bytes body = list_of_three();
        put_text(&body, tails[i]);
        prepare(&read);
        expect_body(&read, 1, &body);
        expect_body(&read, 1, &body);
        start(&read, (const int64_t[]){1}, 1);

        assert_status(next(&read), MLY_E_CORRUPT, &read.err);

        stop(&read);
        bytes_free(&body);
    }
}

static void a_page_of_a_longer_list_fails_at_once(void **state)
{
    (void)state;
    static const char page[] =
        "{\"data\":[{\"id\":\"71\"}],\"paging\":{\"next\":\"https:\\/\\/graph.mapillary.com\\/1\"}}";
    struct read read;
    prepare(&read);
    expect(&read, 1, (struct script_answer){.body = {.data = (const uint8_t *)page, .size = sizeof page - 1}});
    start(&read, (const int64_t[]){1}, 1);

    assert_status(next(&read), MLY_E_REMOTE, &read.err);

    assert_says(read.err.text, "1/detections");
    assert_says(read.err.text, "pages");
    stop(&read);
}

static void refusals_have_their_codes_whatever_the_status_that_goes_with_them(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int http;
        enum mly_status status;
    } refusals[] = {
        {"{\"error\":{\"code\":190,\"message\":\"Invalid OAuth 2.0 Access Token\"}}", 500, MLY_E_AUTH},
        {"{\"error\":{\"code\":190}}", 400, MLY_E_AUTH},
        {"{\"error\":{\"code\":190}}", 200, MLY_E_AUTH},
        {"{\"error\":{\"code\":4,\"is_transient\":true}}", 403, MLY_E_QUOTA},
        {"{\"error\":\"Param fields is wrong\"}", 200, MLY_E_REMOTE},
        {"{\"error\":{\"code\":100}}", 400, MLY_E_REMOTE},
        {"{\"error\":{\"code\":1}}", 500, MLY_E_REMOTE},
        {"{\"data\":[{\"id\":\"71\"}],\"error\":{\"code\":2}}", 200, MLY_E_REMOTE},
        {"", 302, MLY_E_QUOTA},
    };
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct read read;
        const struct mly_span body = {.data = (const uint8_t *)refusals[i].body, .size = strlen(refusals[i].body)};
        prepare(&read);
        expect(&read, 1, (struct script_answer){.http = refusals[i].http, .body = body});
        start(&read, (const int64_t[]){1}, 1);

        assert_status(next(&read), refusals[i].status, &read.err);

        assert_int_equal(read.err.code, refusals[i].status);
        stop(&read);
    }
}

/* ---- memory ---- */

static enum mly_status read_everything(struct read *read, const struct bytes *first, const struct bytes *second)
{
    fake_clock_init(&read->clock, 1000);
    script_init(&read->script, &read->mem.mem, &read->clock);
    expect_body(read, 1, first);
    expect_body(read, 2, second);
    MLY_TRY(open_reader(read, (const int64_t[]){1, 2}, 2, MLY_OWNER_IMAGE));
    enum mly_status status;
    while ((status = next(read)) == MLY_OK)
        continue;
    return status;
}

static void every_allocation_of_a_read_may_fail(void **state)
{
    (void)state;
    enum { N = 1500 };
    struct make_vertex at[N];
    struct outline outline = {.n = 0};
    struct read whole = {.n_keys = 0};
    for (int32_t i = 0; i < N; i++)
        at[i] = (struct make_vertex){.x = i, .y = i % 7};
    add_feature(&outline);
    for (int i = 0; i < 3; i++)
        add_ring(&outline, at, N);
    struct bytes geometry = encode(&outline), first = list_of("77", &geometry), second = list_of_three();
    fail_mem_init(&whole.mem);
    assert_status(read_everything(&whole, &first, &second), MLY_DONE, &whole.err);
    stop(&whole);
    assert_true(whole.mem.n_allocs > 12);

    for (size_t i = 0; i < whole.mem.n_allocs; i++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            struct read read = {.n_keys = 0};
            fail_mem_init_failing(&read.mem, i, for_good ? SIZE_MAX : 1);

            assert_status(read_everything(&read, &first, &second), MLY_E_NOMEM, &read.err);

            assert_int_equal(read.err.code, MLY_E_NOMEM);
            assert_int_not_equal(read.err.text[0], '\0');
            assert_int_equal(read.n_warnings, 0); /* memory that is short is no broken outline */
            stop(&read);
        }
    }
    bytes_free(&first);
    bytes_free(&second);
}

static void rows_share_the_memory_of_one(void **state)
{
    (void)state;
    enum { N = 200, CORNERS = 2000 };
    struct make_vertex at[CORNERS];
    struct outline outline = {.n = 0};
    struct bytes body = {.size = 0};
    struct read read;
    for (int32_t i = 0; i < CORNERS; i++)
        at[i] = (struct make_vertex){.x = i, .y = i % 7};
    add_feature(&outline);
    add_ring(&outline, at, CORNERS);
    struct bytes geometry = encode(&outline);
    for (int i = 0; i < N; i++)
        put_entity(&body, "77", "object--bench", &geometry);
    end_list(&body);
    prepare(&read);
    expect_body(&read, 1, &body);
    start(&read, (const int64_t[]){1}, 1);

    for (int i = 0; i < N; i++)
        assert_next(&read, 77);
    assert_done(&read);

    const size_t one = CORNERS * (sizeof(struct mly_point) + 16), room = 4; /* buffers double as they grow */
    assert_true(read.mem.peak_bytes < room * body.size / 2 + room * one);
    stop(&read);
    bytes_free(&geometry);
    bytes_free(&body);
}

/* ---- recorded ones ---- */

static void recorded_outlines_are_read_without_a_warning(void **state)
{
    (void)state;
    static const struct {
        int64_t owner;
        size_t n_rows, n_polygons, n_rings;
    } recorded[] = {
        {INT64_C(135511895288847), 2, 2, 2},
        {INT64_C(148137757289079), 5, 7, 7},
        {INT64_C(308609047601518), 5, 5, 6}, /* with a hole */
    };
    for (size_t i = 0; i < COUNT(recorded); i++) {
        char name[64];
        struct read read;
        size_t n_rows = 0, n_polygons = 0, n_rings = 0;
        (void)snprintf(name, sizeof name, "graph/%" PRId64 "/detections.json", recorded[i].owner);
        struct bytes body = recorded_read(name);
        prepare(&read);
        expect_body(&read, recorded[i].owner, &body);
        start(&read, &recorded[i].owner, 1);

        for (; next(&read) == MLY_OK; n_rows++) {
            n_polygons += read.row.n_polygons;
            n_rings += read.row.n_parts;
            for (uint32_t p = 0; p < read.row.part_ends[read.row.n_parts - 1]; p++) {
                const struct mly_point at = read.row.points[p];
                assert_true(at.x >= 0 && at.x <= 1 && at.y >= 0 && at.y <= 1);
            }
        }
        assert_done(&read);

        assert_int_equal(n_rows, recorded[i].n_rows);
        assert_int_equal(n_polygons, recorded[i].n_polygons);
        assert_int_equal(n_rings, recorded[i].n_rings);
        assert_int_equal(read.n_warnings, 0);
        stop(&read);
        bytes_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_named_means_no_request),
        cmocka_unit_test(a_request_names_owner_and_fields),
        cmocka_unit_test(all_columns_are_filled),
        cmocka_unit_test(whoever_was_asked_for_is_the_owner),
        cmocka_unit_test(rows_come_in_the_order_of_owners_whatever_comes_in_first),
        cmocka_unit_test(owners_that_nobody_knows_or_without_detections_have_no_rows),
        cmocka_unit_test(a_row_without_a_usable_id_stays),
        cmocka_unit_test(detections_are_not_found_again),
        cmocka_unit_test(one_ring_is_one_polygon),
        cmocka_unit_test(an_outline_reaches_from_0_to_1_on_any_grid),
        cmocka_unit_test(every_feature_is_a_polygon),
        cmocka_unit_test(every_outer_ring_begins_a_polygon),
        cmocka_unit_test(a_hole_belongs_to_the_polygon_before_it),
        cmocka_unit_test(the_first_ring_of_a_feature_is_an_outer_one_whichever_way_it_runs),
        cmocka_unit_test(a_ring_without_area_is_no_polygon_of_its_own_unless_it_is_the_first),
        cmocka_unit_test(a_small_hole_at_the_far_corner_is_one),
        cmocka_unit_test(a_long_outline_is_whole),
        cmocka_unit_test(an_outline_does_not_linger_in_the_next_row),
        cmocka_unit_test(what_is_no_base64_leaves_a_row_without_geometry_and_a_warning),
        cmocka_unit_test(what_is_no_tile_leaves_a_row_without_geometry_and_a_warning),
        cmocka_unit_test(an_outline_cut_anywhere_leaves_a_row_without_geometry_and_a_warning),
        cmocka_unit_test(an_outline_of_another_kind_leaves_a_row_without_geometry_and_a_warning),
        cmocka_unit_test(a_geometry_that_is_no_text_leaves_a_row_without_geometry),
        cmocka_unit_test(warnings_need_no_listener),
        cmocka_unit_test(an_answer_cut_anywhere_twice_fails_and_gives_no_row),
        cmocka_unit_test(an_answer_cut_anywhere_once_is_asked_for_again_and_comes_whole),
        cmocka_unit_test(rows_before_a_broken_answer_are_given_before_it_fails),
        cmocka_unit_test(what_stands_behind_a_list_makes_it_no_list),
        cmocka_unit_test(a_page_of_a_longer_list_fails_at_once),
        cmocka_unit_test(refusals_have_their_codes_whatever_the_status_that_goes_with_them),
        cmocka_unit_test(every_allocation_of_a_read_may_fail),
        cmocka_unit_test(rows_share_the_memory_of_one),
        cmocka_unit_test(recorded_outlines_are_read_without_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
