/* SPDX-License-Identifier: MIT */
/* Rows and what a Graph made up of a table says of them. What must come out is worked out from the table. */
#include "core/enrich.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/losses.h"
#include "support/fail_mem.h"
#include "support/fake_graph.h"
#include "support/make_tile.h"
#include "support/open_tile.h"

static const char service[] = "https://graph.example.org";

enum { MAX_ENTITIES = 1200, LOG_SIZE = 400 * 1024 };
static const int64_t first_id = INT64_C(900719925474099301); /* beyond what a double holds */

/* What the Graph has of an entity. Its altitude and its maker follow from its number. */
struct entity {
    bool is_unknown;
    unsigned n_silent;   /* so many answers pass over it */
    bool is_asked_badly; /* asking for it is an error of code 100, and not because it is unknown */
    const char *kind, *value;
    bool has_other_id; /* it says of itself */
    bool has_point;
    double longitude, latitude;
};

/* A row of the machine below. */
struct source_row {
    int64_t id;
    bool has_creator, is_unwanted;
    bool is_gone; /* no row, but a failure */
};

struct world {
    struct fail_mem mem;
    struct fake_graph graph;
    struct mly_error err;
    struct mly_read_options options;
    struct mly_losses losses;
    char warnings[4096]; /* the lines so far */
    struct mly_enrich_options enrich;
    struct mly_machine *machine;

    struct entity entities[MAX_ENTITIES];
    size_t too_much; /* more ids than this are too much for one answer */
    size_t n_broken; /* so many answers do not decode */
    size_t n_graph, n_fresh, max_ids;
    size_t n_asked[MAX_ENTITIES];
    char fields[512]; /* of the request last */

    struct source_row rows[MAX_ENTITIES];
    size_t n_rows, n_pulled;
    size_t rows_per_tile; /* so many rows come with an answer to a request of the machine below; 0: all are there */
    size_t n_tile_rows;   /* that are there */
    bool is_tile_asked;
    bool is_ids;     /* of ids only */
    bool is_freed;   /* so was the machine below */
    bool has_failed; /* likewise */
    bool has_long_keys;
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
    char key[MLY_LIMIT_NAME + 2];

    char log[LOG_SIZE]; /* the rows that came, a line each */
    size_t log_size, n_given;
};

/* ---- the service ---- */

static double altitude_of(int64_t id)
{
    return (double)(id - first_id) * 0.25 + 1;
}

static int creator_of(int64_t id)
{
    return (int)((id - first_id) % 5) + 1;
}

static bool asks_for(const char *fields, const char *field)
{
    for (const char *at = strstr(fields, field); at; at = strstr(at + 1, field)) {
        const char after = at[strlen(field)];
        if ((at == fields || at[-1] == ',') && (after == '\0' || after == ',' || after == '{' || after == '%'))
            return true;
    }
    return false;
}

static void say_point(struct fake_answer *out, const char *name, const struct entity *entity)
{
    fake_graph_say(out, "\"%s\":{\"type\":\"Point\",\"coordinates\":[%.14g,%.14g]},", name, entity->longitude,
                   entity->latitude);
}

static void say_entity(const struct world *world, int64_t id, struct fake_answer *out)
{
    const struct entity *entity = &world->entities[id - first_id];
    const char *fields = world->fields;
    fake_graph_say(out, "\"%" PRId64 "\":{", id);
    if (asks_for(fields, "altitude"))
        fake_graph_say(out, "\"altitude\":%.17g,", altitude_of(id));
    if (asks_for(fields, "make"))
        fake_graph_say(out, "\"make\":\"maker %" PRId64 "\",", id);
    if (asks_for(fields, "creator"))
        fake_graph_say(out, "\"creator\":{\"username\":\"user %d\",\"id\":\"%d\"},", creator_of(id), creator_of(id));
    if (asks_for(fields, "camera_parameters"))
        fake_graph_say(out, "\"camera_parameters\":[0.5,%.17g],", altitude_of(id));
    if (asks_for(fields, "object_type") && entity->kind)
        fake_graph_say(out, "\"object_type\":\"%s\",", entity->kind);
    if (asks_for(fields, "object_value") && entity->value)
        fake_graph_say(out, "\"object_value\":\"%s\",", entity->value);
    if (asks_for(fields, "geometry") && entity->has_point)
        say_point(out, "geometry", entity);
    if (asks_for(fields, "computed_geometry") && entity->has_point)
        say_point(out, "computed_geometry", entity);
    fake_graph_say(out, "\"id\":\"%" PRId64 "\"}", entity->has_other_id ? id + 1 : id);
}

static void answer_sequence(struct world *world, const struct mly_request *request, struct fake_answer *out)
{
    char key[64];
    assert_true(fake_graph_parameter(request, "sequence_id=", '&', key, sizeof key));
    const size_t number = strtoul(key + strlen("key-"), NULL, 10);
    world->n_asked[number]++;
    if (world->entities[number].is_unknown) {
        fake_graph_refuse(out, 400, 100, 33, "Unsupported get request");
        return;
    }
    if (world->too_much == 0) {
        fake_graph_refuse(out, 500, 1, 99, "Please reduce the amount of data");
        return;
    }
    fake_graph_say(out, "{\"data\":[");
    for (size_t i = 0; i < number; i++)
        fake_graph_say(out, "%s{\"id\":\"%zu\"}", i ? "," : "", number * 1000 + i);
    fake_graph_say(out, "]%s}", world->entities[number].has_point ? ",\"paging\":{\"next\":\"x\"}" : "");
}

static size_t read_ids(const struct mly_request *request, int64_t ids[MLY_LIMIT_BATCH])
{
    char text[MLY_LIMIT_URL], *at = text;
    size_t n = 0;
    assert_true(fake_graph_parameter(request, "ids=", '&', text, sizeof text));
    while (*at) {
        assert_true(n < MLY_LIMIT_BATCH);
        ids[n++] = strtoll(at, &at, 10);
        at += *at == ',' ? 1 : *at == '%' ? 3 : 0;
    }
    return n;
}

static void answer_entities(struct world *world, const struct mly_request *request, struct fake_answer *out)
{
    int64_t ids[MLY_LIMIT_BATCH];
    const size_t n = read_ids(request, ids);
    bool has_unknown = false, is_bad = false, has_any = false;
    assert_true(fake_graph_parameter(request, "fields=", '&', world->fields, sizeof world->fields));
    world->max_ids = n > world->max_ids ? n : world->max_ids;
    for (size_t i = 0; i < n; i++) {
        assert_true(ids[i] >= first_id && ids[i] < first_id + MAX_ENTITIES);
        world->n_asked[ids[i] - first_id]++;
        has_unknown = has_unknown || world->entities[ids[i] - first_id].is_unknown;
        is_bad = is_bad || world->entities[ids[i] - first_id].is_asked_badly;
    }
    if (is_bad)
        fake_graph_refuse(out, 400, 100, 0, "Tried accessing nonexisting field");
    else if (n > world->too_much)
        fake_graph_refuse(out, 500, 1, 99, "Please reduce the amount of data");
    else if (has_unknown)
        fake_graph_refuse(out, 400, 100, 33, "Unsupported get request");
    if (out->http)
        return;
    fake_graph_say(out, "{");
    for (size_t i = n; i-- > 0;) { /* in another order than asked for */
        struct entity *entity = &world->entities[ids[i] - first_id];
        if (entity->n_silent > 0) {
            entity->n_silent--;
            continue;
        }
        fake_graph_say(out, "%s", has_any ? "," : "");
        say_entity(world, ids[i], out);
        has_any = true;
    }
    fake_graph_say(out, "}");
}

static void answer(void *ctx, const struct mly_request *request, struct fake_answer *out)
{
    struct world *world = ctx;
    if (request->kind == MLY_REQUEST_TILE) {
        fake_graph_say(out, "a tile");
        return;
    }
    world->n_graph++;
    world->n_fresh += request->fresh;
    if (world->n_broken > 0) {
        world->n_broken--;
        fake_graph_say(out, "{\"900");
        return;
    }
    if (world->enrich.layer->entity == MLY_ENTITY_SEQUENCE)
        answer_sequence(world, request, out);
    else
        answer_entities(world, request, out);
}

/* ---- the machine below ---- */

struct source {
    struct mly_machine base;
    struct world *world;
};

static enum mly_status source_want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    struct world *world = ((struct source *)m)->world;
    (void)err;
    assert_false(world->has_failed);
    if (world->rows_per_tile == 0 || world->is_tile_asked || world->n_tile_rows > world->n_rows)
        return MLY_AGAIN;
    world->is_tile_asked = true;
    *out = (struct mly_request){.kind = MLY_REQUEST_TILE, .ticket = (uint64_t)MLY_LANE_TILES << 56 | 5};
    return MLY_OK;
}

static enum mly_status source_feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    struct world *world = ((struct source *)m)->world;
    (void)err;
    assert_false(world->has_failed);
    assert_true(world->is_tile_asked);
    assert_int_equal(mly_machine_lane(response->ticket), MLY_LANE_TILES);
    world->is_tile_asked = false;
    world->n_tile_rows += world->rows_per_tile;
    return MLY_OK;
}

/* What the row before pointed to is gone. */
static void scribble(struct world *world)
{
    memset(world->values, 0x5a, sizeof world->values);
    memset(world->key, 0x5a, sizeof world->key);
}

static void make_row(struct world *world, const struct source_row *source, struct mly_row *out)
{
    const struct mly_layer *layer = world->enrich.layer;
    const int creator = mly_schema_column(layer, "creator_id"), sequence = mly_schema_column(layer, "sequence_id");
    const bool is_sequence = layer->entity == MLY_ENTITY_SEQUENCE;
    memset(world->values, 0, sizeof world->values);
    *out = (struct mly_row){.id = source->id, .values = world->values};
    if (world->is_ids)
        return;
    (void)snprintf(world->key, sizeof world->key, "key-%" PRId64, source->id);
    if (world->has_long_keys)
        memset(world->key, 'k', sizeof world->key - 1);
    const struct mly_value key = {.as.text = world->key, .n_bytes = (uint32_t)strlen(world->key), .type = MLY_TEXT};
    if (source->id > 0)
        world->values[0] = is_sequence ? key : (struct mly_value){.as.i = source->id, .type = MLY_INT};
    if (creator >= 0 && source->has_creator)
        world->values[creator] = (struct mly_value){.as.i = creator_of(source->id), .type = MLY_INT};
    if (sequence >= 0)
        world->values[sequence] = key;
    if (layer->shape != MLY_POINT)
        return;
    out->has_position = out->is_inside = true;
    out->longitude = 1.5;
    out->latitude = 2.5;
    out->tile = (struct mly_tile){.x = 8260, .y = 8078, .z = 14};
}

static enum mly_status source_take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct world *world = ((struct source *)m)->world;
    assert_false(world->has_failed);
    scribble(world);
    if (world->rows_per_tile > 0 && world->n_pulled >= world->n_tile_rows)
        return MLY_AGAIN;
    if (world->n_pulled == world->n_rows)
        return MLY_DONE;
    const struct source_row *source = &world->rows[world->n_pulled++];
    world->has_failed = source->is_gone;
    if (source->is_gone)
        return mly_fail(err, MLY_E_NETWORK, "the tile is gone");
    make_row(world, source, out);
    return MLY_OK;
}

/* The row that is given by id, and a tile that tells its number. */
static enum mly_status source_find(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err)
{
    (void)m, (void)err;
    *out = (struct mly_row){.id = id};
    return id == 77 ? MLY_OK : MLY_DONE;
}

static enum mly_status source_tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    struct world *world = ((struct source *)m)->world;
    const uint32_t id = (uint32_t)world->rows[world->n_pulled - 1].id;
    MLY_TRY(fn(ctx, (struct mly_tile){.x = id, .y = 1, .z = 14}));
    return fn(ctx, (struct mly_tile){.x = id, .y = 2, .z = 14});
}

static void source_destroy(struct mly_machine *m)
{
    struct source *source = (struct source *)m;
    assert_false(source->world->is_freed);
    source->world->is_freed = true;
    free(source);
}

static struct mly_machine *make_source(struct world *world)
{
    static const struct mly_machine_vtbl points = {
        .want = source_want, .feed = source_feed, .take = source_take, .destroy = source_destroy};
    static const struct mly_machine_vtbl lines = {.want = source_want,
                                                  .feed = source_feed,
                                                  .take = source_take,
                                                  .find = source_find,
                                                  .tiles = source_tiles,
                                                  .destroy = source_destroy};
    struct source *source = malloc(sizeof *source);
    assert_non_null(source);
    *source = (struct source){.base = {.vtbl = world->enrich.layer->shape == MLY_POINT ? &points : &lines},
                              .world = world};
    return &source->base;
}

/* ---- reading ---- */

static bool keep_wanted(void *ctx, const struct mly_row *row)
{
    const struct world *world = ctx;
    const struct source_row *source = &world->rows[world->n_pulled - 1];
    assert_int_equal(row->id, source->id);
    return !source->is_unwanted;
}

static uint64_t column_set(const struct mly_layer *layer, const char *names)
{
    uint64_t columns = 0;
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (asks_for(names, layer->columns[i].name))
            columns |= UINT64_C(1) << i;
    }
    return columns;
}

/* `n` rows of entities that the Graph knows, each once. Large: not for the stack. */
static struct world *set_up(const char *layer, const char *columns, size_t n)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->enrich.layer = mly_schema_find(layer);
    world->enrich.columns = column_set(world->enrich.layer, columns);
    world->graph = (struct fake_graph){.answer = answer, .ctx = world, .chance = {.state = 1}};
    world->too_much = MLY_LIMIT_BATCH;
    world->n_rows = n;
    for (size_t i = 0; i < n; i++)
        world->rows[i] = (struct source_row){.id = first_id + (int64_t)i, .has_creator = true};
    fail_mem_init(&world->mem);
    world->options = (struct mly_read_options){
        .mem = &world->mem.mem,
        .graph_service = service,
        .max_in_flight = 4,
        .keep = keep_wanted,
        .keep_ctx = world,
    };
    return world;
}

static struct world *set_up_lookup(const char *layer, const char *columns, size_t n)
{
    struct world *world = set_up(layer, columns, n);
    world->enrich.is_lookup = true;
    world->is_ids = true;
    return world;
}

static enum mly_status start(struct world *world)
{
    return mly_enrich_new(&world->enrich, &world->options, make_source(world), &world->machine, &world->err);
}

static void note_text(struct world *world, const char *text, size_t n)
{
    assert_true(n < sizeof world->log - world->log_size);
    memcpy(world->log + world->log_size, text, n);
    world->log_size += n;
}

static void note_value(struct world *world, const struct mly_value *value)
{
    char text[64] = "-";
    if (value->type == MLY_TEXT) {
        note_text(world, value->as.text, value->n_bytes);
        return;
    }
    if (value->type == MLY_REAL)
        (void)snprintf(text, sizeof text, "%.17g", value->as.r);
    else if (value->type == MLY_INTS || value->type == MLY_REALS)
        (void)snprintf(text, sizeof text, "%zu of them", value->n_bytes / sizeof(int64_t));
    else if (value->type != MLY_NULL)
        (void)snprintf(text, sizeof text, "%" PRId64, value->as.i);
    note_text(world, text, strlen(text));
}

/* id, and the value of each column that was asked for. */
static void note_row(struct world *world, const struct mly_row *row)
{
    char text[64];
    const int n = snprintf(text, sizeof text, "%" PRId64, row->id);
    note_text(world, text, (size_t)n);
    for (uint32_t i = 0; i < world->enrich.layer->n_columns; i++) {
        if (!(world->enrich.columns >> i & 1))
            continue;
        note_text(world, " ", 1);
        note_value(world, &row->values[i]);
    }
    note_text(world, "\n", 1);
    world->n_given++;
}

static enum mly_status take(struct world *world, struct mly_row *out)
{
    return fake_graph_take(&world->graph, world->machine, out, &world->err);
}

static enum mly_status take_all(struct world *world)
{
    struct mly_row row;
    enum mly_status status;
    while ((status = take(world, &row)) == MLY_OK)
        note_row(world, &row);
    world->log[world->log_size] = '\0';
    return status;
}

static enum mly_status read_all(struct world *world)
{
    MLY_TRY(start(world));
    return take_all(world);
}

static void tear_down(struct world *world)
{
    mly_machine_free(world->machine);
    assert_true(world->is_freed);
    assert_nothing_leaks(&world->mem);
    free(world);
}

static void assert_log(const struct world *world, const char *expected)
{
    assert_string_equal(world->log, expected);
}

/* What must come of images with altitude and make: all rows, or all that the Graph knows. */
static char *expect_images(const struct world *world)
{
    char *text = malloc(LOG_SIZE), *at = text;
    assert_non_null(text);
    *at = '\0';
    for (size_t i = 0; i < world->n_rows; i++) {
        const struct source_row *source = &world->rows[i];
        const struct entity *entity = source->id > 0 ? &world->entities[source->id - first_id] : NULL;
        const bool is_known = entity && !entity->is_unknown && entity->n_silent < 2;
        if (source->is_gone)
            break;
        if (source->is_unwanted || (world->enrich.is_lookup && !is_known))
            continue;
        at += is_known ? sprintf(at, "%" PRId64 " %.17g maker %" PRId64 "\n", source->id, altitude_of(source->id),
                                 source->id)
                       : sprintf(at, "%" PRId64 " - -\n", source->id);
    }
    return text;
}

static const char of_images[] = "altitude,make";

/* Reads images to the end, and compares. */
static void assert_reads_images(struct world *world)
{
    char *expected = expect_images(world);
    assert_status(read_all(world), MLY_DONE, &world->err);
    assert_log(world, expected);
    free(expected);
}

/* ---- columns ---- */

static void rows_get_what_the_graph_says_of_them(void **state)
{
    (void)state;
    struct world *world = set_up("images", "id,sequence_id,altitude,camera_parameters,make,creator_username,model", 2);
    char expected[512];
    (void)snprintf(expected, sizeof expected,
                   "%" PRId64 " %" PRId64 " key-%" PRId64 " 1 2 of them maker %" PRId64 " - user 1\n"
                   "%" PRId64 " %" PRId64 " key-%" PRId64 " 1.25 2 of them maker %" PRId64 " - user 2\n",
                   first_id, first_id, first_id, first_id, first_id + 1, first_id + 1, first_id + 1, first_id + 1);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    assert_int_equal(world->n_graph, 1);
    tear_down(world);
}

static void lists_hold_what_the_graph_says(void **state)
{
    (void)state;
    struct world *world = set_up("images", "camera_parameters", 1);
    const int column = mly_schema_column(world->enrich.layer, "camera_parameters");
    struct mly_row row;
    assert_status(start(world), MLY_OK, &world->err);

    assert_status(take(world, &row), MLY_OK, &world->err);

    const struct mly_value *value = &row.values[column];
    assert_int_equal(value->type, MLY_REALS);
    assert_int_equal(value->n_bytes, 2 * sizeof(double));
    assert_true(value->as.reals[0] == 0.5 && value->as.reals[1] == 1.0);
    tear_down(world);
}

static void what_tiles_carry_is_left_alone(void **state)
{
    (void)state;
    struct world *world = set_up("images", "creator_id,altitude", 1);
    char expected[64];
    world->rows[0].has_creator = false;
    (void)snprintf(expected, sizeof expected, "%" PRId64 " - 1\n", first_id);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    tear_down(world);
}

static void many_rows_go_out_in_full_batches(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 1000);

    assert_reads_images(world);

    assert_int_equal(world->n_graph, 1000 / MLY_LIMIT_BATCH);
    assert_int_equal(world->max_ids, MLY_LIMIT_BATCH);
    assert_int_equal(world->graph.peak_in_flight, world->options.max_in_flight);
    tear_down(world);
}

static void rows_of_which_nothing_is_missing_ask_for_nothing(void **state)
{
    (void)state;
    static const char *const columns[] = {"", "id,captured_at", "distance,bearing"};
    for (size_t i = 0; i < COUNT(columns); i++) {
        struct world *world = set_up("images", columns[i], 1000);

        assert_status(read_all(world), MLY_DONE, &world->err);

        assert_int_equal(world->n_given, 1000);
        assert_int_equal(world->n_graph, 0);
        tear_down(world);
    }
}

static void rows_without_an_id_are_given_in_their_turn(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 700);
    for (size_t i = 0; i < 700; i++) {
        if (i % 3 == 0 || (i > 100 && i < 500))
            world->rows[i].id = -1;
    }

    assert_reads_images(world);

    tear_down(world);
}

static void the_same_id_is_asked_for_once_in_a_batch(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 90);
    for (size_t i = 0; i < 90; i++)
        world->rows[i].id = first_id + (int64_t)(i % 45);

    assert_reads_images(world);

    assert_int_equal(world->n_graph, 1);
    tear_down(world);
}

static void rows_that_the_host_does_not_want_are_not_asked_about(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 300);
    for (size_t i = 0; i < 300; i++)
        world->rows[i].is_unwanted = i % 4 != 2;

    assert_reads_images(world);

    for (size_t i = 0; i < 300; i++)
        assert_int_equal(world->n_asked[i], i % 4 == 2);
    assert_int_equal(world->n_graph, 2);
    tear_down(world);
}

/* ---- names ---- */

static const struct mly_creator names[] = {{.id = 2, .name = "bea", .n_bytes = 3},
                                           {.id = 4, .name = "dan (cut off)", .n_bytes = 3}};

static void a_creator_s_name_that_is_known_is_not_asked_for(void **state)
{
    (void)state;
    struct world *world = set_up("images", "creator_username", 6);
    char expected[512] = "";
    static const char *const filled[] = {"user 1", "bea", "user 3", "dan", "user 5", "user 1"};
    world->enrich.creators = names;
    world->enrich.n_creators = COUNT(names);
    for (size_t i = 0; i < COUNT(filled); i++)
        (void)sprintf(expected + strlen(expected), "%" PRId64 " %s\n", first_id + (int64_t)i, filled[i]);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    for (size_t i = 0; i < COUNT(filled); i++)
        assert_int_equal(world->n_asked[i], i != 1 && i != 3);
    tear_down(world);
}

static void a_name_that_is_known_does_not_come_twice(void **state)
{
    (void)state;
    struct world *world = set_up("images", "altitude,creator_username", 2);
    char expected[256];
    world->enrich.creators = names;
    world->enrich.n_creators = COUNT(names);
    world->rows[0] = world->rows[1];
    world->rows[1].id = first_id + 3;
    (void)snprintf(expected, sizeof expected, "%" PRId64 " 1.25 bea\n%" PRId64 " 1.75 dan\n", first_id + 1,
                   first_id + 3);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    assert_false(asks_for(world->fields, "creator"));
    tear_down(world);
}

static void rows_without_a_creator_are_looked_up_by_name(void **state)
{
    (void)state;
    struct world *world = set_up("images", "creator_username", 2);
    char expected[256];
    world->enrich.creators = names;
    world->enrich.n_creators = COUNT(names);
    world->rows[1].has_creator = false;
    (void)snprintf(expected, sizeof expected, "%" PRId64 " user 1\n%" PRId64 " user 2\n", first_id, first_id + 1);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    tear_down(world);
}

/* ---- what the Graph does not know ---- */

static void one_unknown_id_is_found_by_halving(void **state)
{
    (void)state;
    for (size_t unknown = 0; unknown < 1000; unknown += 37) {
        struct world *world = set_up("images", of_images, 1000);
        world->entities[unknown].is_unknown = true;

        assert_reads_images(world);

        assert_in_range(world->n_graph, 20 + 2 * 5, 20 + 2 * 6); /* fifty are halved five or six times */
        tear_down(world);
    }
}

static void several_unknown_ids_are_found(void **state)
{
    (void)state;
    static const size_t unknown[] = {0, 1, 49, 50, 333, 334, 999};
    struct world *world = set_up("images", of_images, 1000);
    for (size_t i = 0; i < COUNT(unknown); i++)
        world->entities[unknown[i]].is_unknown = true;

    assert_reads_images(world);

    assert_in_range(world->n_graph, 20, 20 + COUNT(unknown) * 12);
    tear_down(world);
}

static void a_thousand_unknown_ids_end_too(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 1000);
    for (size_t i = 0; i < 1000; i++)
        world->entities[i].is_unknown = true;

    assert_reads_images(world);

    assert_int_equal(world->n_graph, 20 * (2 * MLY_LIMIT_BATCH - 1)); /* the nodes of a tree with fifty leaves */
    assert_int_equal(world->n_given, 1000);
    tear_down(world);
}

static void an_id_that_is_passed_over_is_asked_for_once_more(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 200);
    world->entities[20].n_silent = 1;
    world->entities[199].n_silent = 1;

    char *expected = expect_images(world);
    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    assert_int_equal(world->n_graph, 4 + 2);
    assert_int_equal(world->n_asked[20], 2);
    assert_int_equal(world->n_asked[21], 1);
    free(expected);
    tear_down(world);
}

static void an_id_that_is_passed_over_twice_is_unknown(void **state)
{
    (void)state;
    for (int is_lookup = 0; is_lookup < 2; is_lookup++) {
        struct world *world = is_lookup ? set_up_lookup("images", of_images, 3) : set_up("images", of_images, 3);
        world->entities[1].n_silent = 9;

        assert_reads_images(world);

        assert_int_equal(world->n_asked[1], 2);
        tear_down(world);
    }
}

static void too_much_for_one_answer_is_asked_for_in_parts(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 130);
    world->too_much = 7;
    world->entities[77].is_unknown = true;

    assert_reads_images(world);

    tear_down(world);
}

static void too_much_for_one_id_is_a_failure_in_the_service_s_words(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 130);
    world->too_much = 0;

    assert_status(read_all(world), MLY_E_REMOTE, NULL);

    assert_int_equal(world->n_given, 0);
    assert_says(world->err.text, "reduce the amount");
    tear_down(world);
}

/* ---- going on ---- */

static void warn(void *ctx, const char *text)
{
    struct world *world = ctx;
    const size_t used = strlen(world->warnings);
    assert_true(used + strlen(text) + 2 < sizeof world->warnings);
    (void)snprintf(world->warnings + used, sizeof world->warnings - used, "%s\n", text);
}

/* From now on the read goes on without what fails. */
static void go_on(struct world *world)
{
    world->options.losses = &world->losses;
    world->options.warn = warn;
    world->options.debug_ctx = world;
    world->losses.layer = "images";
}

/* The Graph's answer about these entities is lost: they count as unknown. */
static void lose_entities(struct world *world, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        world->entities[first + i].is_unknown = true;
}

static void rows_of_a_lost_batch_stay_and_are_named(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world *world = set_up("images", of_images, 260);
        world->graph.chance.state = seed;
        world->entities[70].is_asked_badly = world->entities[255].is_asked_badly = true;
        go_on(world);
        assert_status(read_all(world), MLY_DONE, &world->err);
        assert_int_equal(world->losses.n_requests, 2);
        assert_int_equal(world->n_asked[70], 1);
        assert_int_equal(world->n_graph, 6);
        assert_says(world->warnings, "entities/900719925474099351+49: HTTP 400");
        assert_says(world->warnings, "50 ids, the first of them 900719925474099351: fields from the Graph stay NULL");
        assert_says(world->warnings, "10 ids, the first of them 900719925474099551: ");

        lose_entities(world, 50, 50);
        lose_entities(world, 250, 10);
        char *expected = expect_images(world);
        assert_log(world, expected);
        free(expected);
        tear_down(world);
    }
}

static void looked_up_rows_of_a_lost_batch_are_missing(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("images", of_images, 120);
    world->entities[0].is_asked_badly = true;
    go_on(world);
    assert_status(read_all(world), MLY_DONE, &world->err);
    assert_says(world->warnings, "50 ids, the first of them 900719925474099301: their rows are missing");

    lose_entities(world, 0, 50);
    char *expected = expect_images(world);
    assert_log(world, expected);
    assert_int_equal(world->n_given, 70);
    free(expected);
    tear_down(world);
}

static void an_id_that_is_too_much_alone_costs_no_other(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 3);
    world->too_much = 0;
    go_on(world);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_int_equal(world->losses.n_requests, 3);
    assert_int_equal(world->n_given, 3);
    assert_says(world->warnings, "; id 900719925474099302: fields from the Graph stay NULL");
    tear_down(world);
}

static void a_batch_that_does_not_decode_twice_is_lost(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 50);
    world->n_broken = 2;
    go_on(world);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_int_equal(world->losses.n_requests, 1);
    assert_int_equal(world->n_graph, 2);
    assert_int_equal(world->n_given, 50);
    assert_says(world->warnings, "(asked for twice)");
    tear_down(world);
}

static void lists_of_sequences_that_are_lost_leave_nulls(void **state)
{
    (void)state;
    struct world *world = set_up("sequences", "image_count", 2);
    world->rows[0].id = 3;
    world->rows[1].id = 4;
    world->entities[4].has_point = true; /* only a page comes */
    go_on(world);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, "3 3\n4 -\n");
    assert_says(world->warnings, "only a page of the sequence");
    assert_says(world->warnings, "; this sequence: fields from the Graph stay NULL");
    tear_down(world);
}

static void without_memory_a_read_does_not_go_on(void **state)
{
    (void)state;
    size_t n_ended = 0;
    for (size_t at = 0; n_ended == 0; at++) {
        struct world *world = set_up("images", of_images, 60);
        world->entities[5].is_asked_badly = true;
        fail_mem_init_failing(&world->mem, at, 1);
        go_on(world);

        const enum mly_status status = read_all(world);

        if (status == MLY_DONE)
            assert_int_equal(world->n_given, 60);
        else
            assert_status(status, MLY_E_NOMEM, &world->err);
        assert_true(world->losses.n_requests <= 1);
        n_ended += world->mem.n_failed == 0;
        tear_down(world);
    }
}

/* ---- failures ---- */

static void a_bad_request_fails_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world *world = set_up("images", of_images, 500);
        world->graph.chance.state = seed;
        world->entities[120].is_asked_badly = true;

        assert_status(read_all(world), MLY_E_REMOTE, NULL);

        assert_int_equal(world->n_given, 100); /* the batches before it came */
        assert_int_equal(world->n_asked[120], 1);
        assert_int_equal(world->err.code, MLY_E_REMOTE);
        assert_says(world->err.text, "nonexisting field");
        tear_down(world);
    }
}

static void a_broken_answer_is_asked_for_once_more(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 100);
    world->n_broken = 1;

    assert_reads_images(world);

    assert_int_equal(world->n_graph, 3);
    assert_int_equal(world->n_fresh, 1);
    tear_down(world);
}

static void an_answer_that_is_broken_twice_fails(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 50);
    world->n_broken = 2;

    assert_status(read_all(world), MLY_E_CORRUPT, NULL);

    assert_int_equal(world->n_graph, 2);
    assert_says(world->err.text, "twice");
    tear_down(world);
}

static void a_failure_below_comes_after_the_rows_before_it(void **state)
{
    (void)state;
    static const size_t places[] = {0, 1, 49, 50, 51, 149};
    for (size_t i = 0; i < COUNT(places); i++) {
        struct world *world = set_up("images", of_images, 150);
        world->rows_per_tile = i % 2 ? 30 : 0;
        world->rows[places[i]].is_gone = true;
        char *expected = expect_images(world);

        assert_status(read_all(world), MLY_E_NETWORK, NULL);

        assert_log(world, expected);
        assert_int_equal(world->n_given, places[i]);
        assert_int_equal(world->err.code, MLY_E_NETWORK);
        assert_says(world->err.text, "the tile is gone");
        free(expected);
        tear_down(world);
    }
}

static void answers_to_a_machine_that_failed_are_let_go(void **state)
{
    (void)state;
    struct mly_request request = {.ticket = 0};
    struct mly_response response = {.ticket = (uint64_t)MLY_LANE_TILES << 56 | 5, .http = 200};
    struct mly_row row;
    struct world *world = set_up("images", of_images, 10);
    world->rows[0].is_gone = true;
    assert_status(start(world), MLY_OK, &world->err);
    assert_status(mly_machine_want(world->machine, &request, &world->err), MLY_AGAIN, &world->err);

    assert_status(mly_machine_feed(world->machine, &response, &world->err), MLY_OK, &world->err);

    assert_status(mly_machine_take(world->machine, &row, &world->err), MLY_E_NETWORK, NULL);
    tear_down(world);
}

static void a_refused_caller_ends_the_read_at_once(void **state)
{
    (void)state;
    struct mly_request request;
    struct world *world = set_up("images", of_images, 200);
    assert_status(start(world), MLY_OK, &world->err);
    assert_status(mly_machine_want(world->machine, &request, &world->err), MLY_OK, &world->err);
    struct mly_response response = {.ticket = request.ticket, .http = 401};

    assert_status(mly_machine_feed(world->machine, &response, &world->err), MLY_E_AUTH, NULL);

    assert_int_equal(mly_machine_lane(request.ticket), MLY_LANE_ENRICH);
    tear_down(world);
}

/* ---- how far it reads ahead ---- */

static void what_is_open_is_bounded(void **state)
{
    (void)state;
    struct mly_request request;
    size_t n_wanted = 0;
    struct world *world = set_up("images", of_images, 1200);
    world->options.max_in_flight = 3;
    assert_status(start(world), MLY_OK, &world->err);

    while (mly_machine_want(world->machine, &request, &world->err) == MLY_OK)
        n_wanted++;

    assert_int_equal(n_wanted, 3);
    assert_true(world->n_pulled <= (size_t)(2 * 3 + 1) * MLY_LIMIT_BATCH);
    tear_down(world);
}

static void what_is_open_is_bounded_in_rows_that_miss_nothing_too(void **state)
{
    (void)state;
    struct mly_request request;
    struct world *world = set_up("images", of_images, 1200);
    for (size_t i = 0; i < 1200; i++)
        world->rows[i].id = i % 200 == 199 ? first_id : -1;
    world->options.max_in_flight = 1;
    assert_status(start(world), MLY_OK, &world->err);

    while (mly_machine_want(world->machine, &request, &world->err) == MLY_OK)
        continue;

    assert_true(world->n_pulled <= (size_t)(2 * 1 + 1) * 4 * MLY_LIMIT_BATCH);
    tear_down(world);
}

static void nothing_is_read_before_it_is_wanted(void **state)
{
    (void)state;
    struct world *world = set_up("images", of_images, 100);

    assert_status(start(world), MLY_OK, &world->err);

    assert_int_equal(world->n_pulled, 0);
    tear_down(world);
}

static void a_part_of_a_batch_waits_for_the_rest(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 50, 60, 999};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct world *world = set_up("images", of_images, 320);
        world->rows_per_tile = sizes[i];

        assert_reads_images(world);

        assert_int_equal(world->n_graph, 7);
        tear_down(world);
    }
}

/* ---- positions ---- */

struct position {
    double longitude, latitude;
    struct mly_tile tile;
};

/* What a tile with a point there makes of it. */
static struct position read_tile(struct mly_tile tile, uint32_t x, uint32_t y)
{
    const struct make_feature feature = {.x = (int32_t)x, .y = (int32_t)y};
    struct bytes bytes = {.size = 0};
    struct mly_arena arena;
    struct mly_mvt *mvt = NULL;
    struct mly_row_space space;
    struct mly_error err;
    struct mly_row row;
    make_layer(&bytes, &(struct make_layer){.name = "image", .features = &feature, .n_features = 1});
    mly_arena_init(&arena, mly_mem_system(), MLY_LIMIT_TILE_MEMORY);
    assert_status(mly_mvt_open(bytes_view(&bytes), tile, mly_schema_find("images"), &arena, &mvt, &err), MLY_OK, &err);
    mly_mvt_row(mvt, 0, &space, &row);
    mly_arena_fini(&arena);
    bytes_free(&bytes);
    return (struct position){.longitude = row.longitude, .latitude = row.latitude, .tile = row.tile};
}

static void place(struct world *world, size_t number, double longitude, double latitude)
{
    world->entities[number].has_point = true;
    world->entities[number].longitude = longitude;
    world->entities[number].latitude = latitude;
}

static void assert_same_position(const struct mly_row *row, const struct position *expected)
{
    assert_true(row->has_position);
    assert_memory_equal(&row->longitude, &expected->longitude, sizeof row->longitude);
    assert_memory_equal(&row->latitude, &expected->latitude, sizeof row->latitude);
    assert_int_equal(row->tile.x, expected->tile.x);
    assert_int_equal(row->tile.y, expected->tile.y);
    assert_int_equal(row->tile.z, expected->tile.z);
}

/* The Graph's position lies anywhere in the cell, its upper left corner included; the tile has that corner. */
static void a_looked_up_position_is_the_one_that_its_tile_has(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct world *world = set_up_lookup("images", "", N);
    struct position expected[N];
    struct mly_row row;
    struct chance chance = {.state = 5};
    world->enrich.geometry = "computed_geometry";
    for (size_t i = 0; i < N; i++) {
        const struct mly_tile tile = {
            .x = (uint32_t)chance_below(&chance, 16384), .y = (uint32_t)chance_below(&chance, 16384), .z = 14};
        const uint32_t x = (uint32_t)chance_below(&chance, 4096), y = (uint32_t)chance_below(&chance, 4096);
        const double within = i % 2 ? chance_between(&chance, 0.01, 0.99) : 0.0;
        expected[i] = read_tile(tile, x, y);
        place(world, i, mly_tile_longitude(tile, x + within, 4096), mly_tile_latitude(tile, y + within, 4096));
    }
    assert_status(start(world), MLY_OK, &world->err);

    for (size_t i = 0; i < N; i++) {
        assert_status(take(world, &row), MLY_OK, &world->err);
        assert_same_position(&row, &expected[i]);
        assert_false(row.is_inside);
    }
    assert_status(take(world, &row), MLY_DONE, &world->err);
    tear_down(world);
}

static void the_ends_of_the_world_are_on_the_grid(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("images", "", 2);
    struct position expected;
    struct mly_row row;
    world->enrich.geometry = "geometry";
    place(world, 0, 180.0, -90.0);
    place(world, 1, -180.0, 90.0);
    assert_status(start(world), MLY_OK, &world->err);

    assert_status(take(world, &row), MLY_OK, &world->err);
    expected = read_tile((struct mly_tile){.x = 16383, .y = 16383, .z = 14}, 4095, 4095);
    assert_same_position(&row, &expected);
    assert_status(take(world, &row), MLY_OK, &world->err);
    expected = read_tile((struct mly_tile){.x = 0, .y = 0, .z = 14}, 0, 0);
    assert_same_position(&row, &expected);
    tear_down(world);
}

static void an_exact_position_is_as_the_graph_has_it(void **state)
{
    (void)state;
    struct world *world = set_up("images", "", 3);
    struct mly_row row;
    world->enrich.geometry = "geometry";
    world->enrich.is_exact = true;
    place(world, 0, 1.5000123, 2.5000456); /* in the tile that the row came from */
    place(world, 1, 1.6, 2.5);             /* in another */
    assert_status(start(world), MLY_OK, &world->err);

    assert_status(take(world, &row), MLY_OK, &world->err);
    assert_true(row.has_position && row.longitude == 1.5000123 && row.latitude == 2.5000456);
    assert_true(row.is_inside);
    assert_int_equal(row.tile.x, 8260);
    assert_int_equal(row.tile.y, 8078);
    assert_status(take(world, &row), MLY_OK, &world->err);
    assert_true(row.has_position && row.longitude == 1.6 && row.latitude == 2.5);
    assert_false(row.is_inside); /* what is known of the one tile does not hold for the other */
    assert_int_equal(row.tile.x, 8264);
    assert_status(take(world, &row), MLY_OK, &world->err); /* without a position in the Graph */
    assert_true(row.has_position && row.longitude == 1.5 && row.latitude == 2.5 && row.is_inside);
    tear_down(world);
}

/* ---- looking up ---- */

static void a_lookup_gives_what_the_graph_knows(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("images", of_images, 1000);
    world->entities[3].is_unknown = world->entities[500].is_unknown = true;
    world->entities[700].n_silent = 9;
    world->rows[20].id = 0;
    world->rows[21].id = -7;

    assert_reads_images(world);

    assert_int_equal(world->n_given, 1000 - 5);
    tear_down(world);
}

static void a_lookup_fills_the_id_and_what_was_asked_for(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("images", "id,creator_id,altitude", 1);
    struct mly_row row;
    world->entities[0].has_other_id = true; /* what was asked for counts */
    assert_status(start(world), MLY_OK, &world->err);

    assert_status(take(world, &row), MLY_OK, &world->err);

    assert_int_equal(row.values[0].type, MLY_INT);
    assert_int_equal(row.values[0].as.i, first_id);
    for (uint32_t i = 1; i < world->enrich.layer->n_columns; i++) {
        const bool is_filled = world->enrich.columns >> i & 1;
        assert_int_equal(row.values[i].type != MLY_NULL, is_filled);
    }
    assert_false(row.has_position);
    tear_down(world);
}

static void a_lookup_of_ids_alone_asks_whether_they_are_there(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("images", "", 3);
    char expected[128];
    world->entities[1].is_unknown = true;
    (void)snprintf(expected, sizeof expected, "%" PRId64 "\n%" PRId64 "\n", first_id, first_id + 2);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    tear_down(world);
}

static void a_lookup_does_not_ask_the_host_about_rows_that_it_knows_nothing_of(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("images", "altitude", 3);
    for (size_t i = 0; i < 3; i++)
        world->rows[i].is_unwanted = true;

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_int_equal(world->n_given, 3);
    tear_down(world);
}

static const struct {
    const char *kind, *value;
    bool is_sign;
} kinds[] = {
    {"trafficsign", "regulatory--stop--g1", true},
    {"traffic_sign", "regulatory--stop--g1", true},
    {"trafficsign", "object--bench", true}, /* the kind decides */
    {"mvd_fast", "object--bench", false},
    {"panoptic", "regulatory--stop--g1", false},
    {NULL, "regulatory--stop--g1", true},
    {NULL, "warning--curve-left--g1", true},
    {NULL, "information--parking--g1", true},
    {NULL, "complementary--buses--g1", true},
    {NULL, "general--traffic-sign--g1", true},
    {NULL, "object--traffic-sign--front", false},
    {NULL, "general--bench", false},
    {NULL, "warning-", false},
    {NULL, NULL, false},
};

static void a_lookup_drops_what_belongs_to_the_other_layer(void **state)
{
    (void)state;
    static const char *const layers[] = {"map_features", "traffic_signs"};
    for (size_t layer = 0; layer < 2; layer++) {
        struct world *world = set_up_lookup(layers[layer], "", COUNT(kinds));
        char expected[1024] = "";
        for (size_t i = 0; i < COUNT(kinds); i++) {
            world->entities[i].kind = kinds[i].kind;
            world->entities[i].value = kinds[i].value;
            if (kinds[i].is_sign == (layer == 1))
                (void)sprintf(expected + strlen(expected), "%" PRId64 "\n", first_id + (int64_t)i);
        }

        assert_status(read_all(world), MLY_DONE, &world->err);

        assert_log(world, expected);
        tear_down(world);
    }
}

static void features_are_not_told_apart_where_tiles_have_done_it(void **state)
{
    (void)state;
    struct world *world = set_up("map_features", "aligned_direction", 1);
    world->entities[0].kind = "trafficsign";

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_int_equal(world->n_given, 1);
    assert_false(asks_for(world->fields, "object_type"));
    tear_down(world);
}

static void images_without_the_position_are_not_in_that_tileset(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("images", "", 3);
    char expected[128];
    world->enrich.geometry = "computed_geometry";
    place(world, 1, 8.5, 50.0);
    (void)snprintf(expected, sizeof expected, "%" PRId64 "\n", first_id + 1);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    tear_down(world);
}

static void features_without_a_position_stay(void **state)
{
    (void)state;
    struct world *world = set_up_lookup("map_features", "", 2);
    struct mly_row row;
    world->enrich.geometry = "geometry";
    place(world, 1, 8.5, 50.0);
    assert_status(start(world), MLY_OK, &world->err);

    assert_status(take(world, &row), MLY_OK, &world->err);
    assert_false(row.has_position);
    assert_status(take(world, &row), MLY_OK, &world->err);
    assert_true(row.has_position);
    assert_status(take(world, &row), MLY_DONE, &world->err);
    tear_down(world);
}

/* ---- the filter ---- */

static const struct mly_expr *compare(struct mly_arena *arena, const struct mly_layer *layer, const char *name,
                                      enum mly_op op, double number)
{
    const struct mly_literal literal = {.value = {.as.r = number, .type = MLY_REAL}};
    const struct mly_expr *expr = mly_expr_test(arena, mly_schema_column(layer, name), op, &literal, 1);
    assert_non_null(expr);
    return expr;
}

static void rows_that_the_filter_refuses_are_not_given(void **state)
{
    (void)state;
    struct world *world = set_up("images", "altitude", 200);
    struct mly_arena arena;
    struct mly_row row;
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);
    world->enrich.filter = compare(&arena, world->enrich.layer, "altitude", MLY_OP_LT, 26.0);
    assert_status(start(world), MLY_OK, &world->err);

    for (size_t i = 0; i < 100; i++) {
        assert_status(take(world, &row), MLY_OK, &world->err);
        assert_int_equal(row.id, first_id + (int64_t)i);
    }
    assert_status(take(world, &row), MLY_DONE, &world->err);

    mly_arena_fini(&arena);
    tear_down(world);
}

static void what_is_not_filled_could_be_anything_to_the_filter(void **state)
{
    (void)state;
    static const char *const others[] = {"width", "distance", "quality_score"};
    for (size_t i = 0; i < 2 * COUNT(others) - 1; i++) { /* the last one is carried by tiles */
        struct world *world = i < COUNT(others) ? set_up_lookup("images", "altitude,distance", 20)
                                                : set_up("images", "altitude", 20);
        struct mly_arena arena;
        mly_arena_init(&arena, mly_mem_system(), 1 << 20);
        world->enrich.filter = compare(&arena, world->enrich.layer, others[i % COUNT(others)], MLY_OP_GT, 5.0);

        assert_status(read_all(world), MLY_DONE, &world->err);

        assert_int_equal(world->n_given, 20);
        mly_arena_fini(&arena);
        tear_down(world);
    }
}

/* ---- sequences ---- */

static void sequences_are_asked_for_one_by_one(void **state)
{
    (void)state;
    struct world *world = set_up("sequences", "image_count,image_ids", 20);
    char expected[2048] = "";
    for (size_t i = 0; i < 20; i++)
        world->rows[i].id = (int64_t)i + 1;
    world->rows[5].id = -1;
    world->entities[8].is_unknown = true;
    for (size_t i = 1; i <= 20; i++) {
        if (i == 6)
            (void)sprintf(expected + strlen(expected), "-1 - -\n");
        else if (i == 8)
            (void)sprintf(expected + strlen(expected), "8 - -\n");
        else
            (void)sprintf(expected + strlen(expected), "%zu %zu %zu of them\n", i, i, i);
    }

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_log(world, expected);
    assert_int_equal(world->n_graph, 19);
    assert_int_equal(world->graph.peak_in_flight, world->options.max_in_flight);
    tear_down(world);
}

static void a_sequence_s_images_are_in_the_order_of_the_list(void **state)
{
    (void)state;
    struct world *world = set_up("sequences", "image_ids", 1);
    struct mly_row row;
    world->rows[0].id = 3;
    assert_status(start(world), MLY_OK, &world->err);

    assert_status(take(world, &row), MLY_OK, &world->err);

    const struct mly_value *value = &row.values[mly_schema_column(world->enrich.layer, "image_ids")];
    assert_int_equal(value->type, MLY_INTS);
    assert_int_equal(value->n_bytes, 3 * sizeof(int64_t));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(value->as.ints[i], 3000 + i);
    assert_int_equal(row.values[mly_schema_column(world->enrich.layer, "image_count")].type, MLY_NULL);
    tear_down(world);
}

static void sequences_of_which_nothing_is_missing_are_not_asked_for(void **state)
{
    (void)state;
    struct world *world = set_up("sequences", "id,captured_at", 300);

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_int_equal(world->n_given, 300);
    assert_int_equal(world->n_graph, 0);
    tear_down(world);
}

static void a_key_that_no_sequence_has_is_not_asked_for(void **state)
{
    (void)state;
    struct world *world = set_up("sequences", "image_count", 1);
    world->has_long_keys = true;

    assert_status(read_all(world), MLY_DONE, &world->err);

    assert_int_equal(world->n_given, 1);
    assert_int_equal(world->n_graph, 0);
    tear_down(world);
}

static void a_sequence_that_is_too_much_or_only_a_page_is_a_failure(void **state)
{
    (void)state;
    struct world *much = set_up("sequences", "image_count", 1), *page = set_up("sequences", "image_count", 1);
    much->rows[0].id = page->rows[0].id = 3;
    much->too_much = 0;
    page->entities[3].has_point = true;

    assert_status(read_all(much), MLY_E_REMOTE, NULL);
    assert_status(read_all(page), MLY_E_REMOTE, NULL);

    assert_says(much->err.text, "reduce the amount");
    assert_says(page->err.text, "only a page");
    tear_down(much);
    tear_down(page);
}

static enum mly_status check_tile(void *ctx, struct mly_tile tile)
{
    uint32_t *expected = ctx;
    assert_int_equal(tile.x, expected[0]);
    assert_int_equal(tile.y, ++expected[1]);
    return MLY_OK;
}

static void tiles_are_those_of_the_row_that_was_given(void **state)
{
    (void)state;
    struct world *world = set_up("sequences", "image_count", 12);
    struct mly_row row;
    for (size_t i = 0; i < 12; i++)
        world->rows[i].id = (int64_t)i + 1;
    assert_status(start(world), MLY_OK, &world->err);
    for (uint32_t i = 1; i <= 12; i++) {
        uint32_t expected[] = {i, 0};
        assert_status(take(world, &row), MLY_OK, &world->err);

        assert_status(mly_machine_tiles(world->machine, check_tile, expected), MLY_OK, &world->err);

        assert_int_equal(expected[1], 2);
    }
    assert_status(mly_machine_find(world->machine, 77, &row, &world->err), MLY_OK, &world->err);
    assert_status(mly_machine_find(world->machine, 78, &row, &world->err), MLY_DONE, &world->err);
    tear_down(world);
}

/* ---- memory ---- */

/* Images or sequences with all that can happen to them, read with memory that fails from allocation `first` on. */
static size_t read_with_failing_memory(bool is_sequences, size_t first, enum mly_status expected)
{
    struct world *world = is_sequences ? set_up("sequences", "image_count,image_ids", 10)
                                       : set_up("images", "altitude,make,camera_parameters", 120);
    for (size_t i = 0; is_sequences && i < world->n_rows; i++)
        world->rows[i].id = (int64_t)i + 1;
    world->entities[60].is_unknown = true;
    world->entities[7].n_silent = 1;
    fail_mem_init_failing(&world->mem, first, SIZE_MAX);

    assert_status(read_all(world), expected, &world->err);

    assert_int_equal(world->err.text[0] != '\0', expected < 0);
    const size_t n_allocs = world->mem.n_allocs;
    tear_down(world);
    return n_allocs;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int is_sequences = 0; is_sequences < 2; is_sequences++) {
        const size_t n_allocs = read_with_failing_memory(is_sequences, SIZE_MAX, MLY_DONE);
        assert_true(n_allocs > 4);
        for (size_t i = 0; i < n_allocs; i++)
            (void)read_with_failing_memory(is_sequences, i, MLY_E_NOMEM);
    }
}

static void batches_use_the_memory_of_those_before_them(void **state)
{
    (void)state;
    struct world *few = set_up("images", of_images, 600), *many = set_up("images", of_images, 1200);
    few->options.max_in_flight = many->options.max_in_flight = 1;

    assert_reads_images(few);
    assert_reads_images(many);

    assert_int_equal(many->mem.peak_bytes, few->mem.peak_bytes);
    tear_down(few);
    tear_down(many);
}

/* ---- by chance ---- */

static void make_chance_world(struct world *world, struct chance *chance)
{
    static const size_t tiles[] = {0, 1, 13, 100, 5000};
    const size_t rarity = 1 + chance_below(chance, 60);
    world->n_rows = chance_below(chance, MAX_ENTITIES);
    world->rows_per_tile = tiles[chance_below(chance, COUNT(tiles))];
    world->options.max_in_flight = 1 + (uint32_t)chance_below(chance, 12);
    world->too_much = chance_below(chance, 4) ? MLY_LIMIT_BATCH : 1 + chance_below(chance, 49);
    for (size_t i = 0; i < MAX_ENTITIES; i++) {
        world->entities[i].is_unknown = chance_below(chance, rarity * 4) == 0;
        if (chance_below(chance, rarity * 4) == 0)
            world->entities[i].n_silent = chance_below(chance, 2) ? 1 : 1000000;
    }
    for (size_t i = 0; i < world->n_rows; i++) {
        world->rows[i].id = chance_below(chance, rarity) == 0 ? -1 : first_id + (int64_t)chance_below(chance, 1200);
        world->rows[i].is_unwanted = !world->is_ids && chance_below(chance, rarity) == 0;
    }
}

/* Whatever comes in whatever order: what the table says, row by row, and as many requests. */
static void arrival_order_never_matters(void **state)
{
    (void)state;
    for (unsigned long round = chance_rounds(60); round > 0; round--) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct chance chance = {.state = round};
            const bool is_lookup = chance_below(&chance, 2);
            struct world *world = is_lookup ? set_up_lookup("images", of_images, 0) : set_up("images", of_images, 0);
            make_chance_world(world, &chance);
            world->graph.chance.state = seed;

            assert_reads_images(world);

            assert_true(world->graph.peak_in_flight <= world->options.max_in_flight + 1);
            tear_down(world);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_get_what_the_graph_says_of_them),
        cmocka_unit_test(lists_hold_what_the_graph_says),
        cmocka_unit_test(what_tiles_carry_is_left_alone),
        cmocka_unit_test(many_rows_go_out_in_full_batches),
        cmocka_unit_test(rows_of_which_nothing_is_missing_ask_for_nothing),
        cmocka_unit_test(rows_without_an_id_are_given_in_their_turn),
        cmocka_unit_test(the_same_id_is_asked_for_once_in_a_batch),
        cmocka_unit_test(rows_that_the_host_does_not_want_are_not_asked_about),
        cmocka_unit_test(a_creator_s_name_that_is_known_is_not_asked_for),
        cmocka_unit_test(a_name_that_is_known_does_not_come_twice),
        cmocka_unit_test(rows_without_a_creator_are_looked_up_by_name),
        cmocka_unit_test(one_unknown_id_is_found_by_halving),
        cmocka_unit_test(several_unknown_ids_are_found),
        cmocka_unit_test(a_thousand_unknown_ids_end_too),
        cmocka_unit_test(an_id_that_is_passed_over_is_asked_for_once_more),
        cmocka_unit_test(an_id_that_is_passed_over_twice_is_unknown),
        cmocka_unit_test(too_much_for_one_answer_is_asked_for_in_parts),
        cmocka_unit_test(too_much_for_one_id_is_a_failure_in_the_service_s_words),
        cmocka_unit_test(rows_of_a_lost_batch_stay_and_are_named),
        cmocka_unit_test(looked_up_rows_of_a_lost_batch_are_missing),
        cmocka_unit_test(an_id_that_is_too_much_alone_costs_no_other),
        cmocka_unit_test(a_batch_that_does_not_decode_twice_is_lost),
        cmocka_unit_test(lists_of_sequences_that_are_lost_leave_nulls),
        cmocka_unit_test(without_memory_a_read_does_not_go_on),
        cmocka_unit_test(a_bad_request_fails_at_once),
        cmocka_unit_test(a_broken_answer_is_asked_for_once_more),
        cmocka_unit_test(an_answer_that_is_broken_twice_fails),
        cmocka_unit_test(a_failure_below_comes_after_the_rows_before_it),
        cmocka_unit_test(answers_to_a_machine_that_failed_are_let_go),
        cmocka_unit_test(a_refused_caller_ends_the_read_at_once),
        cmocka_unit_test(what_is_open_is_bounded),
        cmocka_unit_test(what_is_open_is_bounded_in_rows_that_miss_nothing_too),
        cmocka_unit_test(nothing_is_read_before_it_is_wanted),
        cmocka_unit_test(a_part_of_a_batch_waits_for_the_rest),
        cmocka_unit_test(a_looked_up_position_is_the_one_that_its_tile_has),
        cmocka_unit_test(the_ends_of_the_world_are_on_the_grid),
        cmocka_unit_test(an_exact_position_is_as_the_graph_has_it),
        cmocka_unit_test(a_lookup_gives_what_the_graph_knows),
        cmocka_unit_test(a_lookup_fills_the_id_and_what_was_asked_for),
        cmocka_unit_test(a_lookup_of_ids_alone_asks_whether_they_are_there),
        cmocka_unit_test(a_lookup_does_not_ask_the_host_about_rows_that_it_knows_nothing_of),
        cmocka_unit_test(a_lookup_drops_what_belongs_to_the_other_layer),
        cmocka_unit_test(features_are_not_told_apart_where_tiles_have_done_it),
        cmocka_unit_test(images_without_the_position_are_not_in_that_tileset),
        cmocka_unit_test(features_without_a_position_stay),
        cmocka_unit_test(rows_that_the_filter_refuses_are_not_given),
        cmocka_unit_test(what_is_not_filled_could_be_anything_to_the_filter),
        cmocka_unit_test(sequences_are_asked_for_one_by_one),
        cmocka_unit_test(a_sequence_s_images_are_in_the_order_of_the_list),
        cmocka_unit_test(sequences_of_which_nothing_is_missing_are_not_asked_for),
        cmocka_unit_test(a_key_that_no_sequence_has_is_not_asked_for),
        cmocka_unit_test(a_sequence_that_is_too_much_or_only_a_page_is_a_failure),
        cmocka_unit_test(tiles_are_those_of_the_row_that_was_given),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(batches_use_the_memory_of_those_before_them),
        cmocka_unit_test(arrival_order_never_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
