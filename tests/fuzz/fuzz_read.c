/* SPDX-License-Identifier: MIT */
/* A whole read: a query, and a script of answers (status, body, delay) that a service might give to whatever it is
 * asked. A read ends in a bounded number of steps, with whole rows or an error that says something; the same script
 * gives the same rows, in whatever order the answers arrive, with decoded tiles at hand, and through the cache of a
 * dataset: cold, warm and offline, where a read that came to its end asks for nothing any more. Input: the numbers that
 * make the query, then the script's: a few kinds of answers, each with the numbers that make it. Which request gets
 * which of them its address decides, so that the order of arrival cannot. */
#include <stdio.h>
#include <string.h>

#include "core/hold.h"
#include "core/reader.h"
#include "core/retry.h"
#include "fuzz.h"
#include "io/flights.h"
#include "io/transports.h"
#include "unit/support/chance.h"
#include "unit/support/check_row.h"
#include "unit/support/fail_mem.h"
#include "unit/support/gzip.h"
#include "unit/support/literals.h"
#include "unit/support/make_tile.h"
#include "unit/support/mutate.h"
#include "unit/support/random_tile.h"
#include "unit/support/service_transport.h"
#include "unit/support/store_kit.h"

enum { MAX_KINDS = 8, MAX_TESTS = 3, MAX_IDS = 4, MAX_ASKED = 1 << 14 };
enum { MAX_TILES = 40, MAX_REQUESTS = 60, MAX_ROWS = 1 << 16, MAX_SUBMITS = 1 << 13, MAX_POLLS = 1 << 18 };

static const char graph_service[] = "https://graph.example.org", tile_service[] = "https://tiles.example.org";
static const struct mly_tile home = {.x = 8574, .y = 5735, .z = 14};

/* ---- the script ---- */

enum answer_kind { GOOD, DAMAGED, RAW, REFUSAL, EMPTY, SILENCE };

struct kind {
    enum answer_kind what;
    unsigned n_failures; /* so often it fails before */
    uint32_t delay_ms;
    bool is_gzipped;
    const uint8_t *bytes;
    size_t n_bytes;
};

struct script {
    struct kind kinds[MAX_KINDS];
    size_t n_kinds;
    const struct mly_layer *layer;
    uint64_t order;           /* another one, another order of arrival */
    uint8_t asked[MAX_ASKED]; /* how often; of request and ticket, by their hash */
    size_t n_requests;
};

static uint64_t hash_of(const void *bytes, size_t n, uint64_t seed)
{
    return (uint64_t)mly_value_hash((int64_t)(seed & INT64_MAX), bytes, n);
}

static void read_script(struct script *script, struct chance *steered)
{
    static const enum answer_kind whats[] = {GOOD, GOOD, GOOD, DAMAGED, RAW, REFUSAL, EMPTY, SILENCE};
    script->n_kinds = 1 + chance_below(steered, MAX_KINDS);
    for (size_t i = 0; i < script->n_kinds; i++) {
        struct kind *kind = &script->kinds[i];
        const size_t luck = chance_below(steered, 16);
        kind->what = whats[chance_below(steered, COUNT(whats))];
        kind->n_failures = luck < 12 ? 0 : (unsigned)luck - 11;
        kind->is_gzipped = luck % 4 == 1;
        kind->delay_ms = (uint32_t)chance_below(steered, 256) * 20;
        const size_t wanted = chance_below(steered, 256);
        kind->bytes = steered->bytes;
        kind->n_bytes = wanted < steered->n_bytes ? wanted : steered->n_bytes;
        steered->bytes += kind->n_bytes;
        steered->n_bytes -= kind->n_bytes;
    }
}

/* The kind's numbers from some place on, so that not all requests of a kind get the same answer. */
static struct chance numbers_of(const struct kind *kind, uint64_t place)
{
    static const uint8_t none = 0;
    const size_t from = kind->n_bytes ? place % kind->n_bytes : 0;
    return (struct chance){.bytes = kind->n_bytes ? kind->bytes + from : &none, .n_bytes = kind->n_bytes - from};
}

/* ---- what the Graph might say ---- */

static void say(struct bytes *out, const char *text)
{
    bytes_append(out, text, strlen(text));
}

static void say_number(struct bytes *out, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    say(out, text);
}

static void say_value(struct bytes *out, struct chance *chance)
{
    static const char *const values[] = {
        "null",
        "true",
        "1",
        "7",
        "-5",
        "1.5",
        "1e999",
        "\"\"",
        "\"x\"",
        "\"7\"",
        "\"300\"",
        "1623542400123",
        "\"2021-06-13T00:00:00+0000\"",
        "18446744073709551616",
        "[1,2]",
        "[0.5,null]",
        "[]",
        "{}",
        "\"trafficsign\"",
        "\"regulatory--stop--g1\"",
        "{\"id\":\"7\",\"username\":\"x\"}",
        "{\"id\":\"1\"}",
        "{\"type\":\"Point\",\"coordinates\":[8.4,50.2]}",
        "{\"type\":\"Point\",\"coordinates\":[8.41,50.21]}",
        "{\"type\":\"Point\",\"coordinates\":[181,50]}",
        "{\"data\":[{\"id\":\"1\"},{\"id\":\"7\"}]}",
        "\"\\u0000\"",
    };
    say(out, values[chance_below(chance, COUNT(values))]);
}

static void say_point(struct bytes *out, struct chance *chance)
{
    const double longitude = mly_tile_longitude(home, (double)chance_below(chance, 256) * 32 - 2048, 4096);
    const double latitude = mly_tile_latitude(home, (double)chance_below(chance, 256) * 32 - 2048, 4096);
    char text[96];
    (void)snprintf(text, sizeof text, "{\"type\":\"Point\",\"coordinates\":[%.14g,%.14g]}", longitude, latitude);
    say(out, text);
}

/* An object with the fields that were asked for, most of them. `fields` ends at its end or at an ampersand. */
static void say_entity(struct bytes *out, const char *id, size_t n_id, const char *fields, struct chance *chance)
{
    say(out, "{\"id\":\"");
    bytes_append(out, id, n_id);
    say(out, "\"");
    while (*fields && *fields != '&') {
        const size_t n = strcspn(fields, ",&");
        const size_t luck = chance_below(chance, 8);
        if (luck > 0) {
            say(out, ",\"");
            bytes_append(out, fields, n);
            say(out, "\":");
            if (luck > 2 && n > 7 && memcmp(fields + n - 8, "geometry", 8) == 0)
                say_point(out, chance);
            else
                say_value(out, chance);
        }
        fields += n + (fields[n] == ',');
    }
    say(out, "}");
}

/* Each entity as its own id decides: whoever asks, with whichever others. */
static void say_entities(struct bytes *out, const char *ids, const char *fields, const struct kind *kind)
{
    const char *separator = "";
    say(out, "{");
    while (*ids && *ids != '&') {
        const size_t n = strcspn(ids, ",&");
        struct chance chance = numbers_of(kind, hash_of(ids, n, 1));
        if (chance_below(&chance, 8) > 0) {
            say(out, separator);
            say(out, "\"");
            bytes_append(out, ids, n);
            say(out, "\":");
            say_entity(out, ids, n, fields, &chance);
            separator = ",";
        }
        ids += n + (ids[n] == ',');
    }
    say(out, "}");
}

static void say_outline(struct bytes *out, struct chance *chance)
{
    struct bytes tile = {.size = 0};
    random_tile_layer(&tile, "mpy-or", SHAPE_POLYGON, chance);
    struct bytes text = make_base64(bytes_view(&tile));
    say(out, ",\"geometry\":\"");
    bytes_append(out, text.data, text.size);
    say(out, "\"");
    bytes_free(&text);
    bytes_free(&tile);
}

/* A list, of which there may be a next page; a page never leads back, but for once in a while. */
static void say_list(struct bytes *out, const char *url, struct chance *chance)
{
    static const char *const nexts[] = {
        "https://graph.example.org/images?after=1&access_token=x", "https://graph.example.org/images?after=2",
        "https://elsewhere.example.org/images?after=3", "", "https://graph.example.org/images?after=1"};
    const bool is_detections = strstr(url, "/detections?") != NULL;
    const size_t n = chance_below(chance, 6);
    say(out, "{\"data\":[");
    for (size_t i = 0; i < n; i++) {
        say(out, i ? ",{\"id\":" : "{\"id\":");
        say_value(out, chance);
        say(out, ",\"creator\":");
        say_value(out, chance);
        if (is_detections) {
            say(out, ",\"created_at\":");
            say_value(out, chance);
            say_outline(out, chance);
        }
        say(out, "}");
    }
    say(out, "]");
    const size_t luck = chance_below(chance, 3 * COUNT(nexts));
    if (luck < COUNT(nexts)) {
        say(out, ",\"paging\":{\"next\":\"");
        say(out, nexts[luck]);
        say(out, "\"}");
    }
    say(out, "}");
}

static void say_refusal(struct bytes *out, struct chance *chance)
{
    static const unsigned codes[] = {1, 2, 4, 100, 190, 0, 7};
    static const unsigned subcodes[] = {0, 33, 99};
    say(out, "{\"error\":{\"message\":\"no\",\"type\":\"MLYApiException\",\"code\":");
    say_number(out, codes[chance_below(chance, COUNT(codes))]);
    say(out, ",\"error_subcode\":");
    say_number(out, subcodes[chance_below(chance, COUNT(subcodes))]);
    say(out, chance_below(chance, 4) ? "}}" : ",\"is_transient\":true}}");
}

/* ---- answers ---- */

static uint32_t shape_of(const struct mly_layer *layer)
{
    return layer->shape == MLY_LINES ? SHAPE_LINE : layer->shape == MLY_POLYGONS ? SHAPE_POLYGON : SHAPE_POINT;
}

static void say_tile(struct bytes *out, const struct mly_layer *layer, struct chance *chance)
{
    random_tile_layer(out, layer->tile_layer ? layer->tile_layer : "image", shape_of(layer), chance);
    if (layer->shape != MLY_LINES && chance_below(chance, 2)) /* a scout looks at these */
        random_tile_layer(out, "sequence", SHAPE_LINE, chance);
}

static void say_good(const struct script *script, const struct kind *kind, const struct mly_request *request,
                     uint64_t hash, struct bytes *out)
{
    struct chance chance = numbers_of(kind, hash);
    const char *ids = strstr(request->url, "/?ids="), *fields = strstr(request->url, "&fields=");
    if (request->kind == MLY_REQUEST_TILE)
        say_tile(out, script->layer, &chance);
    else if (ids && fields)
        say_entities(out, ids + strlen("/?ids="), fields + strlen("&fields="), kind);
    else
        say_list(out, request->url, &chance);
}

static void fail_for_now(const struct kind *kind, unsigned attempt, struct service_answer *out)
{
    static const int statuses[] = {503, 500, 429, 408, 0};
    struct chance chance = numbers_of(kind, attempt);
    out->http = statuses[chance_below(&chance, COUNT(statuses))];
    out->status = out->http ? MLY_OK : MLY_E_NETWORK;
    out->retry_after_ms = (uint32_t)chance_below(&chance, 256) * 1000;
}

static void make_body(const struct script *script, const struct kind *kind, const struct mly_request *request,
                      uint64_t hash, struct service_answer *out)
{
    static const int refusals[] = {400, 200, 500, 403, 401, 429, 302, 404};
    static const int empty[] = {404, 204, 200};
    static const enum mly_status silences[] = {MLY_E_NETWORK, MLY_E_CORRUPT, MLY_E_LIMIT, MLY_E_REMOTE, MLY_E_AUTH};
    struct chance chance = numbers_of(kind, 0);
    switch (kind->what) {
    case GOOD:
        say_good(script, kind, request, hash, &out->body);
        break;
    case DAMAGED:
        say_good(script, kind, request, hash, &out->body);
        for (size_t n = 1 + chance_below(&chance, 3); n > 0; n--)
            mutate_bytes(&out->body, &chance);
        break;
    case RAW:
        bytes_append(&out->body, kind->bytes, kind->n_bytes);
        break;
    case REFUSAL:
        out->http = refusals[chance_below(&chance, COUNT(refusals))];
        say_refusal(&out->body, &chance);
        break;
    case EMPTY:
        out->http = empty[chance_below(&chance, COUNT(empty))];
        break;
    case SILENCE:
        out->status = silences[chance_below(&chance, COUNT(silences))];
        break;
    }
}

/* The same request of the same asker gets the same answers, one after another. */
static void answer(void *ctx, const struct mly_request *request, struct service_answer *out)
{
    struct script *script = ctx;
    const uint64_t hash = hash_of(request->url, strlen(request->url), 0);
    const uint64_t asker = hash_of(&request->ticket, sizeof request->ticket, hash);
    const struct kind *kind = &script->kinds[hash % script->n_kinds];
    uint8_t *n_asked = &script->asked[asker % MAX_ASKED];
    assert_true(++script->n_requests <= MAX_SUBMITS); /* a read that goes on asking never ends */
    assert_true(request->max_bytes > 0);
    assert_int_equal(
        memcmp(request->url, request->kind == MLY_REQUEST_TILE ? tile_service : graph_service, strlen(tile_service)),
        0);
    out->after_ms = kind->delay_ms;
    if (script->order)
        out->after_ms = (uint32_t)(hash_of(&asker, sizeof asker, script->order + *n_asked) % 5000);
    if (*n_asked < kind->n_failures)
        fail_for_now(kind, *n_asked, out);
    else
        make_body(script, kind, request, hash, out);
    if (kind->is_gzipped && out->body.size > 0) {
        struct bytes packed = gzip_store(out->body.data, out->body.size);
        bytes_free(&out->body);
        out->body = packed;
    }
    if (*n_asked < UINT8_MAX)
        ++*n_asked;
}

/* ---- the query ---- */

struct question {
    struct mly_query query;
    struct mly_area area;
    struct mly_near near;
    int64_t ids[MAX_IDS];
    struct mly_arena arena; /* of the filter */
    struct mly_plan plan;
    uint32_t max_in_flight, max_retries;
    bool has_keep;
};

static const struct mly_expr *random_test(struct question *question, struct chance *steered)
{
    static const char *const columns[] = {"id",      "sequence_id",  "creator_username", "organization_id", "image_id",
                                          "is_pano", "captured_at",  "map_feature_id",   "creator_id",      "make",
                                          "value",   "quality_score"};
    static const enum mly_op ops[] = {MLY_OP_EQ, MLY_OP_IN, MLY_OP_EQ, MLY_OP_IN, MLY_OP_GE, MLY_OP_NE, MLY_OP_IS_NULL};
    static const char *const texts[] = {"x", "7nfcwfvjdtphz7yj6zat6a", "42", "%"};
    static const int64_t numbers[] = {1, 7, 300, 42, 0, -1, 1623542400123};
    const int column = mly_schema_column(question->query.layer, columns[chance_below(steered, COUNT(columns))]);
    const enum mly_op op = ops[chance_below(steered, COUNT(ops))];
    struct mly_literal literals[3];
    if (column < 0)
        return mly_expr_unknown(&question->arena, "SUBSTR");
    const enum mly_type type = question->query.layer->columns[column].type;
    const uint32_t n = op == MLY_OP_IN ? 1 + (uint32_t)chance_below(steered, COUNT(literals)) : op != MLY_OP_IS_NULL;
    for (uint32_t i = 0; i < n; i++) {
        const size_t which = chance_below(steered, 256);
        literals[i] = literal(type == MLY_TEXT   ? words(texts[which % COUNT(texts)])
                              : type == MLY_REAL ? real((double)numbers[which % COUNT(numbers)])
                              : type == MLY_TIME ? moment(1000000 + numbers[which % COUNT(numbers)])
                                                 : whole(numbers[which % COUNT(numbers)]));
    }
    return mly_expr_test(&question->arena, column, op, literals, n);
}

static const struct mly_expr *random_filter(struct question *question, struct chance *steered)
{
    const size_t n = chance_below(steered, MAX_TESTS + 1);
    const struct mly_expr *filter = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct mly_expr *test = random_test(question, steered);
        const size_t luck = chance_below(steered, 8);
        if (luck == 7)
            test = mly_expr_not(&question->arena, test);
        filter = !filter    ? test
                 : luck < 5 ? mly_expr_and(&question->arena, filter, test)
                            : mly_expr_or(&question->arena, filter, test);
    }
    return filter;
}

static bool can_be_near(const struct mly_layer *layer)
{
    return layer->shape == MLY_POINT && layer->entity != MLY_ENTITY_NONE;
}

static void choose_area(struct question *question, struct chance *steered)
{
    const uint32_t across = (uint32_t)chance_below(steered, 3), down = (uint32_t)chance_below(steered, 3);
    const struct mly_tile last = {.x = home.x + across, .y = home.y + down, .z = home.z};
    const size_t luck = chance_below(steered, 4);
    if (luck == 0)
        return;
    question->area = (struct mly_area){.box = {.west = mly_tile_longitude(home, 1, 4),
                                               .north = mly_tile_latitude(home, 1, 4),
                                               .east = mly_tile_longitude(last, 3, 4),
                                               .south = mly_tile_latitude(last, 3, 4)}};
    question->query.area = &question->area;
    if (luck != 1 || !can_be_near(question->query.layer))
        return;
    question->near = (struct mly_near){.place = {question->area.box.west, question->area.box.north},
                                       .min_radius_m = (double)chance_below(steered, 256),
                                       .radius_m = 256 + (double)chance_below(steered, 256) * 4,
                                       .is_looking = question->query.layer->entity == MLY_ENTITY_IMAGE && across == 1,
                                       .fov_degrees = 100};
    mly_near_area(&question->near, &question->area);
    question->query.near = &question->near;
}

/* The plan; false: it is refused, with words. */
static bool read_question(struct question *question, struct chance *steered)
{
    struct mly_error err = {.code = MLY_OK};
    *question = (struct question){.max_in_flight = 1};
    mly_arena_init(&question->arena, mly_mem_system(), 1 << 20);
    struct mly_query *query = &question->query;
    query->layer = mly_schema_layer((uint32_t)chance_below(steered, mly_schema_count()));
    const size_t flags = chance_below(steered, 256);
    query->is_exact = flags & 1;
    query->computed = flags & 2;
    query->is_pruned = flags & 4;
    question->has_keep = flags & 8;
    query->stitch = (enum mly_stitch_mode)((flags >> 4) % 3);
    query->owner = flags & 64 ? MLY_OWNER_IMAGE : MLY_OWNER_MAP_FEATURE;
    question->max_in_flight = 1 + (uint32_t)chance_below(steered, 6);
    question->max_retries = (uint32_t)chance_below(steered, 3);
    query->columns = chance_below(steered, 2) ? chance_next(steered) : UINT64_MAX;
    query->max_tiles = MAX_TILES;
    query->max_requests = MAX_REQUESTS;
    choose_area(question, steered);
    query->filter = random_filter(question, steered);
    if (flags & 128 && can_be_near(query->layer)) {
        query->n_ids = 1 + chance_below(steered, MAX_IDS);
        for (size_t i = 0; i < query->n_ids; i++)
            question->ids[i] = (int64_t)chance_below(steered, 256);
        query->ids = question->ids;
    }
    const enum mly_status status = mly_plan_make(query, mly_mem_system(), &question->plan, &err);
    char text[MLY_PLAN_TEXT];
    if (status == MLY_OK)
        mly_plan_print(&question->plan, -1, text);
    else
        assert_int_not_equal(err.text[0], '\0');
    return status == MLY_OK;
}

/* ---- the read ---- */

struct outcome {
    enum mly_status status;
    size_t n_rows;
    int64_t digests[MAX_ROWS];
};

static bool keep(void *ctx, const struct mly_row *row)
{
    (void)ctx;
    return row->id % 4 != 3;
}

static void listen(void *ctx, const char *text)
{
    (void)ctx;
    assert_true(strlen(text) < 2048);
}

static void take_rows(struct mly_reader *reader, const struct mly_layer *layer, struct outcome *out)
{
    struct mly_error err = {.code = MLY_OK};
    struct mly_row row, found;
    out->n_rows = 0;
    while ((out->status = mly_reader_next(reader, &row, &err)) == MLY_OK) {
        assert_true(out->n_rows < MAX_ROWS);
        const int64_t id = row.id, digest = check_row(layer, &row);
        out->digests[out->n_rows++] = digest;
        if (mly_reader_find(reader, id, &found, &err) == MLY_OK)
            assert_true(found.id == id);
    }
    assert_int_not_equal(out->status, MLY_AGAIN);
    if (out->status < 0) {
        assert_int_equal(err.code, out->status);
        assert_int_not_equal(err.text[0], '\0');
    }
}

/* What stands between a dataset's reader and the network, from the outside in; all NULL: nothing. */
struct cache {
    struct mly_store *store;
    struct mly_flights *flights;
    bool is_offline;
};

/* As the dataset does it. Owns `service` from the call on. */
static enum mly_status stack(const struct cache *cache, struct mly_transport *service, const struct mly_clock *clock,
                             const struct mly_mem *mem, struct mly_transport **out)
{
    const char *const scopes[MLY_SERVICES] = {tile_service, graph_service};
    struct mly_transport *cached = NULL;
    *out = service;
    if (!cache->store)
        return MLY_OK;
    if (cache->is_offline) {
        mly_transport_free(service);
        *out = NULL;
    } else {
        MLY_TRY(mly_transport_share(service, cache->flights, clock, mem, out, NULL));
    }
    MLY_TRY(mly_transport_cache(*out, cache->store, scopes, mem, &cached, NULL));
    return mly_transport_entities(cached, cache->store, graph_service, cache->is_offline, mem, out, NULL);
}

static void run(const struct question *question, struct script *script, uint64_t order, struct mly_hold *hold,
                const struct cache *cache, struct fail_mem *mem, struct outcome *out)
{
    const struct mly_retry_policy policy = {.max_retries = question->max_retries, .first_delay_ms = 100};
    struct fake_clock clock;
    struct service_transport service;
    struct mly_transport *retry = NULL, *transport = NULL;
    struct mly_reader *reader = NULL;
    memset(script->asked, 0, sizeof script->asked);
    script->n_requests = 0;
    script->order = order;
    script->layer = question->query.layer;
    fake_clock_init(&clock, 1000);
    service_init(&service, &mem->mem, &clock, answer, script);
    const struct mly_read_options options = {.mem = &mem->mem,
                                             .tile_service = tile_service,
                                             .graph_service = graph_service,
                                             .max_in_flight = question->max_in_flight,
                                             .debug = listen,
                                             .warn = listen,
                                             .keep = question->has_keep ? keep : NULL,
                                             .hold = hold,
                                             .hold_scope = "here",
                                             .clock = &clock.clock,
                                             .hold_max_age_ms = UINT64_MAX};
    out->n_rows = 0;
    out->status = mly_retry_new(&service.base, &policy, &clock.clock, &mem->mem, &retry, NULL);
    if (out->status == MLY_OK)
        out->status = stack(cache, retry, &clock.clock, &mem->mem, &transport);
    if (out->status == MLY_OK)
        out->status = mly_reader_new(&question->plan, &options, transport, &reader, NULL);
    if (out->status == MLY_OK)
        take_rows(reader, question->query.layer, out);
    assert_true(service.peak_in_flight <= question->max_in_flight);
    assert_true(service.n_polls <= MAX_POLLS);
    mly_reader_free(reader);
    mly_transport_free(transport);
}

/* All rows are the same, or both reads failed, one of them perhaps earlier: a service that refuses the caller ends a
 * read whenever it says so. */
static void check_same(const struct outcome *a, const struct outcome *b)
{
    const size_t n = a->n_rows < b->n_rows ? a->n_rows : b->n_rows;
    assert_int_equal(a->status < 0, b->status < 0);
    if (a->status == MLY_DONE)
        assert_int_equal(a->n_rows, b->n_rows);
    for (size_t i = 0; i < n; i++)
        assert_true(a->digests[i] == b->digests[i]);
}

static void run_without_memory(const struct question *question, struct script *script, size_t first)
{
    static struct outcome out;
    struct fail_mem mem;
    fail_mem_init_failing(&mem, first, 1);
    run(question, script, 0, NULL, &(struct cache){.store = NULL}, &mem, &out);
    assert_true(mem.n_failed == 0 || out.status < 0);
    assert_nothing_leaks(&mem);
}

/* Whether all answers are such as are kept. Others that a reader can do with are not, and missing offline: bodies that
 * only look like a tile, and lists whose next page, which whoever asks for names never wants, leads elsewhere. */
static bool is_kept(const struct question *question, const struct script *script)
{
    bool is_plain = question->plan.names.size == 0;
    for (size_t i = 0; i < script->n_kinds; i++)
        is_plain = is_plain && (script->kinds[i].what == GOOD || script->kinds[i].what == EMPTY);
    return is_plain;
}

/* Without a request: what there is, whole, or an error that says that something is missing. */
static void check_offline(const struct question *question, const struct script *script, const struct outcome *plain,
                          const struct outcome *out)
{
    assert_int_equal(script->n_requests, 0);
    assert_true(out->n_rows <= plain->n_rows);
    if (out->status != MLY_E_REMOTE || is_kept(question, script))
        check_same(plain, out);
    for (size_t i = 0; i < out->n_rows; i++)
        assert_true(plain->digests[i] == out->digests[i]);
}

/* Through a cache that is cold, warm, and all that there is. Failures are not kept, so after one anything may come. */
static void run_cached(const struct question *question, struct script *script, const struct outcome *plain)
{
    static struct outcome out;
    struct store_kit kit;
    struct cache cache = {.store = NULL};
    store_kit_begin(&kit);
    const struct mly_flights_options options = {.mem = &kit.mem.mem};
    assert_status(mly_flights_new(&options, &cache.flights, NULL), MLY_OK, NULL);
    store_kit_open(&kit);
    cache.store = kit.store;
    run(question, script, 0, NULL, &cache, &kit.mem, &out);
    check_same(plain, &out);
    if (out.status == MLY_DONE) {
        run(question, script, 0, NULL, &cache, &kit.mem, &out);
        check_same(plain, &out);
        kit.options.use = MLY_STORE_READ_ONLY;
        kit.now_ms += INT64_C(1000) * 86400 * 365; /* offline, age does not matter */
        store_kit_open(&kit);
        cache.store = kit.store;
        cache.is_offline = true;
        run(question, script, 0, NULL, &cache, &kit.mem, &out);
        check_offline(question, script, plain, &out);
    }
    mly_flights_free(cache.flights);
    store_kit_end(&kit);
}

/* Cold, in another order, and once more with what the first left behind. */
static void run_all(const struct question *question, struct script *script, size_t luck)
{
    static const struct cache none = {.store = NULL};
    static struct outcome first, other;
    struct fail_mem mem;
    struct mly_hold *hold = NULL;
    fail_mem_init(&mem);
    const struct mly_hold_options options = {.mem = &mem.mem, .max_bytes = 1 << 20};
    assert_status(mly_hold_new(&options, &hold, NULL), MLY_OK, NULL);
    run(question, script, 0, hold, &none, &mem, &first);
    run(question, script, 1 + luck, NULL, &none, &mem, &other);
    check_same(&first, &other);
    if (first.status == MLY_DONE) {
        run(question, script, 0, hold, &none, &mem, &other);
        check_same(&first, &other);
    }
    mly_hold_free(hold);
    assert_nothing_leaks(&mem);
    if (luck % 4 == 1)
        run_cached(question, script, &first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script;
    static struct question question;
    if (size < 8)
        return 0;
    struct chance steered = {.bytes = data, .n_bytes = size};
    const size_t luck = chance_below(&steered, 256);
    if (read_question(&question, &steered)) {
        read_script(&script, &steered);
        run_all(&question, &script, luck);
        if (luck % 4 == 0)
            run_without_memory(&question, &script, luck);
    }
    mly_plan_fini(&question.plan);
    mly_arena_fini(&question.arena);
    return 0;
}
