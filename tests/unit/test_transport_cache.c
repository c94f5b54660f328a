/* SPDX-License-Identifier: MIT */
#include "io/transports.h"

#include <stdio.h>
#include <string.h>

#include "support/fake_clock.h"
#include "support/make_tile.h"
#include "support/script_transport.h"
#include "support/store_kit.h"

static const char key[] = "mly1_public/14/8574/5735";
static const char scope[] = "https://tiles.example";
static const char *const scopes[MLY_SERVICES] = {scope, "https://graph.example"};
static const struct mly_span nothing = {.data = NULL, .size = 0};

static struct mly_span span_of(const char *text)
{
    return (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)};
}

/* A cache over a script, or over nothing. */
struct bench {
    struct store_kit kit;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_transport *cache;
    uint64_t ticket; /* of the last request */
};

static void begin(struct bench *bench)
{
    *bench = (struct bench){.cache = NULL};
    store_kit_begin(&bench->kit);
    store_kit_open(&bench->kit);
    fake_clock_init(&bench->clock, 1000);
    script_init(&bench->script, &bench->kit.mem.mem, &bench->clock);
    assert_status(
        mly_transport_cache(&bench->script.base, bench->kit.store, scopes, &bench->kit.mem.mem, &bench->cache, NULL),
        MLY_OK, NULL);
}

/* From here on nobody is asked. */
static void go_offline(struct bench *bench)
{
    mly_transport_free(bench->cache);
    assert_status(mly_transport_cache(NULL, bench->kit.store, scopes, &bench->kit.mem.mem, &bench->cache, NULL), MLY_OK,
                  NULL);
}

static void end(struct bench *bench)
{
    mly_transport_free(bench->cache);
    assert_int_equal(bench->script.n_destroyed, 1);
    assert_script_is_used_up(&bench->script);
    store_kit_end(&bench->kit);
}

static void expect(struct bench *bench, const char *of_key, int http, struct mly_span body)
{
    script_add(&bench->script, (struct script_answer){.key = of_key, .http = http, .body = body});
}

static struct mly_request request_of(struct bench *bench, const char *of_key)
{
    struct mly_request request = {.ticket = ++bench->ticket, .kind = MLY_REQUEST_TILE, .max_bytes = MLY_LIMIT_BODY};
    (void)snprintf(request.key, sizeof request.key, "%s", of_key);
    (void)snprintf(request.url, sizeof request.url, "%s/maps/vtp/%s", scope, of_key);
    return request;
}

static void submit(struct bench *bench, const struct mly_request *request)
{
    struct mly_error err;
    assert_status(bench->cache->vtbl->submit(bench->cache, request, &err), MLY_OK, &err);
}

static enum mly_status poll(struct bench *bench, uint32_t timeout_ms, struct mly_response *out)
{
    struct mly_error err;
    return bench->cache->vtbl->poll(bench->cache, timeout_ms, out, &err);
}

/* One request, answered. */
static struct mly_response exchange(struct bench *bench, const struct mly_request *request)
{
    struct mly_response response;
    submit(bench, request);
    assert_status(poll(bench, 1000, &response), MLY_OK, NULL);
    assert_true(response.ticket == request->ticket);
    return response;
}

/* The key is asked for and answered so. */
static void check_exchange(struct bench *bench, const struct mly_request *request, int http, struct mly_span body)
{
    struct mly_response response = exchange(bench, request);
    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.http, http);
    assert_span(mly_buf_view(&response.body), body.data, body.size);
    mly_transport_fini_response(&response);
}

static void check(struct bench *bench, const char *of_key, int http, struct mly_span body)
{
    const struct mly_request request = request_of(bench, of_key);
    check_exchange(bench, &request, http, body);
}

static void check_failure(struct bench *bench, const struct mly_request *request, enum mly_status status,
                          const char *why)
{
    struct mly_response response = exchange(bench, request);
    assert_status(response.status, status, NULL);
    assert_says(response.why, why);
    assert_int_equal(response.body.size, 0);
    mly_transport_fini_response(&response);
}

/* ---- hits ---- */

static void a_tile_is_asked_for_once(void **state)
{
    (void)state;
    struct bench bench;
    struct bytes tile = make_images(1, 1000);
    begin(&bench);
    expect(&bench, key, 200, bytes_view(&tile));
    for (int i = 0; i < 3; i++)
        check(&bench, key, 200, bytes_view(&tile));
    assert_int_equal(script_count(&bench.script, key), 1);
    bytes_free(&tile);
    end(&bench);
}

static void so_is_a_tile_without_anything_in_it(void **state)
{
    (void)state;
    static const int statuses[] = {200, 204, 404};
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < COUNT(statuses); i++) {
        char of_key[MLY_LIMIT_KEY];
        (void)snprintf(of_key, sizeof of_key, "empty/%zu", i);
        expect(&bench, of_key, statuses[i], nothing);
        for (int round = 0; round < 3; round++)
            check(&bench, of_key, statuses[i], nothing);
    }
    end(&bench);
}

static void the_words_of_a_404_are_not_kept(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, key, 404, span_of("<html>Not here</html>"));
    check(&bench, key, 404, span_of("<html>Not here</html>"));
    check(&bench, key, 404, nothing);
    end(&bench);
}

static void a_hit_was_asked_of_nobody(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a"));
    const struct mly_request request = request_of(&bench, key);
    struct mly_response response = exchange(&bench, &request);
    assert_int_equal(response.attempts, 0);
    assert_int_equal(response.retry_after_ms, 0);
    mly_transport_fini_response(&response);
    assert_status(poll(&bench, 1000, &response), MLY_DONE, NULL);
    end(&bench);
}

/* By the clock of the store, so that whoever keeps it in memory knows when it must be asked for again. */
static void a_hit_tells_how_old_it_is(void **state)
{
    (void)state;
    struct bench bench;
    struct bytes tile = make_images(1, 10);
    begin(&bench);
    expect(&bench, key, 200, bytes_view(&tile));
    expect(&bench, "mly1_public/14/1/1", 204, nothing);
    const struct mly_request requests[] = {request_of(&bench, key), request_of(&bench, "mly1_public/14/1/1")};
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct mly_response first = exchange(&bench, &requests[i]);
        assert_false(first.is_stored);
        assert_int_equal(first.age_ms, 0);
        mly_transport_fini_response(&first);
    }
    bench.kit.now_ms += 5000;

    for (size_t i = 0; i < COUNT(requests); i++) {
        struct mly_response second = exchange(&bench, &requests[i]);
        assert_true(second.is_stored);
        assert_int_equal(second.age_ms, 5000);
        mly_transport_fini_response(&second);
    }
    bench.kit.now_ms -= 9000; /* somebody set it back */
    struct mly_response third = exchange(&bench, &requests[0]);
    assert_int_equal(third.age_ms, 0);
    mly_transport_fini_response(&third);
    bytes_free(&tile);
    end(&bench);
}

static void the_next_process_finds_what_this_one_has_fetched(void **state)
{
    (void)state;
    struct bench bench;
    struct mly_transport *another;
    struct script_transport script;
    begin(&bench);
    expect(&bench, key, 200, span_of("\x1a tile"));
    check(&bench, key, 200, span_of("\x1a tile"));

    script_init(&script, &bench.kit.mem.mem, &bench.clock); /* that expects no request */
    assert_status(mly_transport_cache(&script.base, bench.kit.store, scopes, &bench.kit.mem.mem, &another, NULL),
                  MLY_OK, NULL);
    struct mly_transport *first = bench.cache;
    bench.cache = another;
    check(&bench, key, 200, span_of("\x1a tile"));
    mly_transport_free(another);
    bench.cache = first;
    end(&bench);
}

/* ---- age ---- */

static void what_is_too_old_is_asked_for_again(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, key, 200, span_of("\x1a old"));
    check(&bench, key, 200, span_of("\x1a old"));
    bench.kit.now_ms += 86400000 - 1;
    check(&bench, key, 200, span_of("\x1a old"));
    bench.kit.now_ms += 1;
    expect(&bench, key, 200, span_of("\x1a new"));
    check(&bench, key, 200, span_of("\x1a new"));
    check(&bench, key, 200, span_of("\x1a new"));
    end(&bench);
}

static void a_missing_tile_is_asked_for_again_after_ten_minutes(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, key, 404, nothing);
    check(&bench, key, 404, nothing);
    bench.kit.now_ms += 599000;
    check(&bench, key, 404, nothing);
    bench.kit.now_ms += 1000;
    expect(&bench, key, 200, span_of("\x1a"));
    check(&bench, key, 200, span_of("\x1a"));
    check(&bench, key, 200, span_of("\x1a"));
    end(&bench);
}

static void while_a_tile_is_missing_what_is_known_of_it_serves(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a tile"));
    bench.kit.now_ms += 86400000;
    for (int i = 0; i < 2; i++) { /* each read asks again */
        expect(&bench, key, 404, nothing);
        check(&bench, key, 200, span_of("\x1a tile"));
    }
    assert_stored(&bench.kit, key, 200, span_of("\x1a tile"));
    expect(&bench, key, 204, nothing); /* this is said with more weight */
    check(&bench, key, 204, nothing);
    assert_stored(&bench.kit, key, 204, nothing);
    end(&bench);
}

/* ---- what may still be true ---- */

static const char etag[] = "If-None-Match: \"abc\"", later_etag[] = "If-None-Match: \"def\"";

static void expect_marked(struct bench *bench, int http, const char *validator, struct mly_span body)
{
    script_add(&bench->script, (struct script_answer){.key = key, .http = http, .body = body, .validator = validator});
}

static void a_tile_that_is_too_old_is_asked_about(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect_marked(&bench, 200, etag, span_of("\x1a tile"));
    check(&bench, key, 200, span_of("\x1a tile"));
    bench.kit.now_ms += INT64_C(2) * 86400 * 1000;
    expect_marked(&bench, 304, NULL, nothing);

    check(&bench, key, 200, span_of("\x1a tile"));
    check(&bench, key, 200, span_of("\x1a tile")); /* it is young again */
    bench.kit.now_ms += INT64_C(2) * 86400 * 1000;
    expect_marked(&bench, 200, later_etag, span_of("\x1a other"));
    check(&bench, key, 200, span_of("\x1a other"));

    assert_int_equal(bench.script.n_log, 3);
    assert_string_equal(bench.script.log[0].validator, "");
    assert_string_equal(bench.script.log[1].validator, etag);
    assert_string_equal(bench.script.log[2].validator, etag);
    end(&bench);
}

static void what_has_gone_while_it_was_asked_about_is_asked_for(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect_marked(&bench, 200, etag, span_of("\x1a tile"));
    check(&bench, key, 200, span_of("\x1a tile"));
    bench.kit.now_ms += INT64_C(2) * 86400 * 1000;
    expect_marked(&bench, 304, NULL, nothing);
    expect_marked(&bench, 200, NULL, span_of("\x1a anew"));
    const struct mly_request request = request_of(&bench, key);
    submit(&bench, &request);
    {
        const struct mly_entry_name name = store_kit_name(key);
        mly_store_remove(bench.kit.store, &name);
    }

    struct mly_response response;
    assert_status(poll(&bench, 1000, &response), MLY_AGAIN, NULL);
    assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);
    assert_span(mly_buf_view(&response.body), "\x1a anew", 6);
    mly_transport_fini_response(&response);
    assert_string_equal(bench.script.log[2].validator, "");
    end(&bench);
}

static void an_answer_that_nobody_asked_about_is_a_failure(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect_marked(&bench, 304, NULL, nothing);
    check(&bench, key, 304, nothing);
    assert_not_stored(&bench.kit, key);
    end(&bench);
}

static void what_is_asked_for_past_the_cache_is_not_asked_about(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect_marked(&bench, 200, etag, span_of("\x1a tile"));
    check(&bench, key, 200, span_of("\x1a tile"));
    struct mly_request request = request_of(&bench, key);
    request.fresh = true;
    expect_marked(&bench, 200, etag, span_of("\x1a tile"));
    check_exchange(&bench, &request, 200, span_of("\x1a tile"));
    assert_string_equal(bench.script.log[1].validator, "");
    end(&bench);
}

/* ---- what is not kept ---- */

static void failures_are_not_kept(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 400, 401, 403, 408, 410, 416, 429, 500, 502, 503, 504};
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < COUNT(statuses); i++) {
        for (int round = 0; round < 2; round++) {
            expect(&bench, key, statuses[i], span_of("\x1a"));
            check(&bench, key, statuses[i], span_of("\x1a"));
        }
    }
    assert_int_equal(scratch_count(bench.kit.folder.path, ".mlyc"), 0);
    end(&bench);
}

static void silence_is_not_kept(void **state)
{
    (void)state;
    static const enum mly_status statuses[] = {MLY_E_NETWORK, MLY_E_REMOTE, MLY_E_AUTH, MLY_E_LIMIT, MLY_E_CORRUPT};
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < COUNT(statuses); i++) {
        for (int round = 0; round < 2; round++) {
            const struct mly_request request = request_of(&bench, key);
            script_add(&bench.script, (struct script_answer){.key = key, .status = statuses[i], .why = "cut off"});
            check_failure(&bench, &request, statuses[i], "cut off");
        }
    }
    assert_int_equal(scratch_count(bench.kit.folder.path, ".mlyc"), 0);
    end(&bench);
}

static void what_is_no_tile_is_not_kept(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "<!DOCTYPE html><html>Log in</html>",
        "{\"error\":{\"message\":\"An unknown error has occurred.\",\"code\":1}}",
        "{\"data\":[]}",
        "\x1f\x8b still compressed",
        "\x12\x03 field 2",
        "\n",
    };
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < COUNT(bodies); i++) {
        for (int round = 0; round < 2; round++) {
            expect(&bench, key, 200, span_of(bodies[i]));
            check(&bench, key, 200, span_of(bodies[i]));
        }
    }
    assert_int_equal(scratch_count(bench.kit.folder.path, ".mlyc"), 0);
    end(&bench);
}

static struct mly_request list_request(struct bench *bench, const char *of_key)
{
    struct mly_request request = request_of(bench, of_key);
    request.kind = MLY_REQUEST_GRAPH;
    (void)snprintf(request.url, sizeof request.url, "%s/images?organization_id=1", scopes[MLY_REQUEST_GRAPH]);
    return request;
}

/* The service is asked for the list, and then what is kept of it serves. */
static void check_list(struct bench *bench, const char *said, const char *kept)
{
    const struct mly_request first = list_request(bench, "list"), second = list_request(bench, "list");
    expect(bench, "list", 200, span_of(said));
    check_exchange(bench, &first, 200, span_of(said));
    check_exchange(bench, &second, 200, span_of(kept));
}

static void a_list_of_the_graph_is_asked_for_once(void **state)
{
    (void)state;
    static const struct {
        const char *said, *kept;
    } lists[] = {
        {"{\"data\":[]}", "{\"data\":[]}"},
        {"{ \"data\": [ {\"id\": \"7\"}, {\"id\": 9007199254740993.0} ] }\n",
         "{\"data\":[{\"id\":\"7\"},{\"id\":9007199254740993.0}]}"},
        {"{\"data\":[{\"id\":\"7\"}],\"paging\":{\"cursors\":{\"after\":\"b\"},\"previous\":\"https://graph.example/"
         "images?access_token=s3cr3t\",\"next\":\"https://graph.example/images?access_token=s3cr3t&after=b\"}}",
         "{\"data\":[{\"id\":\"7\"}],\"paging\":{\"next\":\"https://graph.example/images?after=b\"}}"},
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct bench bench;
        begin(&bench);
        bench.script.secret = "s3cr3t";
        check_list(&bench, lists[i].said, lists[i].kept);
        end(&bench);
    }
}

/* Asked for twice, whatever the answer says. */
static void check_not_kept(struct bench *bench, const struct mly_request *request, int http, const char *body)
{
    for (int round = 0; round < 2; round++) {
        expect(bench, request->key, http, span_of(body));
        check_exchange(bench, request, http, span_of(body));
    }
}

static void what_is_no_whole_list_is_not_kept(void **state)
{
    (void)state;
    static const struct {
        int http;
        const char *body;
    } answers[] = {
        {200, "\x1a\n"}, /* even if it looks like a tile */
        {200, "{\"error\":\"words\"}"},
        {200, "{\"data\":5}"},
        {200, "{\"data\":[{\"id\":\"it is s3cr3t\"}]}"},
        {200, "{\"data\":[],\"paging\":{\"next\":\"https://elsewhere.example/images?after=b\"}}"},
        {400, "{\"error\":{\"code\":100,\"error_subcode\":33}}"},
        {500, "{\"data\":[]}"},
    };
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct bench bench;
        begin(&bench);
        bench.script.secret = "s3cr3t";
        const struct mly_request request = list_request(&bench, "list");
        check_not_kept(&bench, &request, answers[i].http, answers[i].body);
        end(&bench);
    }
}

static void a_full_page_of_a_search_that_nothing_follows_is_not_kept(void **state)
{
    (void)state;
    static char page[16 + 3 * MLY_LIMIT_PAGE] = "{\"data\":[0";
    struct bench bench;
    begin(&bench);
    for (size_t i = 1; i < MLY_LIMIT_PAGE; i++)
        memcpy(page + strlen(page), ",0", 3);
    memcpy(page + strlen(page), "]}", 3);
    const struct mly_request search = list_request(&bench, "images/organization/1");
    check_not_kept(&bench, &search, 200, page);
    check_list(&bench, page, page); /* other lists are whole, however long */
    end(&bench);
}

static void requests_for_entities_pass_through(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mly_request request = list_request(&bench, "entities/7");
    (void)snprintf(request.url, sizeof request.url, "%s/?ids=7&fields=make", scopes[MLY_REQUEST_GRAPH]);
    check_not_kept(&bench, &request, 200, "{\"data\":[]}");
    end(&bench);
}

static void services_do_not_get_each_others_answers(void **state)
{
    (void)state;
    struct bench bench;
    struct script_transport script;
    struct mly_transport *first, *second;
    begin(&bench);
    script_init(&script, &bench.kit.mem.mem, &bench.clock);
    static const char *const others[MLY_SERVICES] = {"http://127.0.0.1:8080", "http://127.0.0.1:8080"};
    assert_status(mly_transport_cache(&script.base, bench.kit.store, others, &bench.kit.mem.mem, &second, NULL), MLY_OK,
                  NULL);
    first = bench.cache;
    expect(&bench, key, 200, span_of("\x1a true"));
    check(&bench, key, 200, span_of("\x1a true"));
    bench.cache = second;
    script_add(&script, (struct script_answer){.key = key, .body = span_of("\x1a made up")});
    for (int round = 0; round < 2; round++)
        check(&bench, key, 200, span_of("\x1a made up"));
    bench.cache = first;
    check(&bench, key, 200, span_of("\x1a true"));
    mly_transport_free(second);
    end(&bench);
}

static void what_has_no_scope_passes_through(void **state)
{
    (void)state;
    static const char *const none[MLY_SERVICES] = {NULL, NULL};
    struct bench bench;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a stored"));
    mly_transport_free(bench.cache);
    script_init(&bench.script, &bench.kit.mem.mem, &bench.clock);
    assert_status(
        mly_transport_cache(&bench.script.base, bench.kit.store, none, &bench.kit.mem.mem, &bench.cache, NULL), MLY_OK,
        NULL);
    for (int round = 0; round < 4; round++) {
        struct mly_request request = request_of(&bench, key);
        request.kind = round % 2 ? MLY_REQUEST_GRAPH : MLY_REQUEST_TILE;
        request.fresh = round == 2;
        expect(&bench, key, 200, span_of("\x1a asked"));
        check_exchange(&bench, &request, 200, span_of("\x1a asked"));
    }
    assert_stored(&bench.kit, key, 200, span_of("\x1a stored"));
    end(&bench);
}

static void only_the_inner_transport_knows_what_to_mask(void **state)
{
    (void)state;
    char text[] = "a hush b";
    struct bench bench;
    begin(&bench);
    bench.script.secret = "hush";
    mly_transport_mask(bench.cache, text);
    assert_string_equal(text, "a **** b");
    go_offline(&bench);
    mly_transport_mask(bench.cache, text);
    assert_string_equal(text, "a **** b");
    end(&bench);
}

static void no_address_is_written_but_the_services(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mly_request request = request_of(&bench, key);
    (void)snprintf(request.url, sizeof request.url, "%s/maps/vtp?access_token=hush",
                   scope); /* no request is like this */
    expect(&bench, key, 200, span_of("\x1a tile"));
    check_exchange(&bench, &request, 200, span_of("\x1a tile"));
    assert_true(scratch_holds(bench.kit.folder.path, scope) && scratch_holds(bench.kit.folder.path, key));
    assert_false(scratch_holds(bench.kit.folder.path, "hush"));
    assert_false(scratch_holds(bench.kit.folder.path, "/maps/vtp"));
    end(&bench);
}

/* ---- answers that do not decode ---- */

static void a_fresh_request_goes_past_the_store_and_replaces_what_is_there(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a broken"));
    struct mly_request request = request_of(&bench, key);
    request.fresh = true;
    expect(&bench, key, 200, span_of("\x1a whole"));
    check_exchange(&bench, &request, 200, span_of("\x1a whole"));
    assert_true(bench.script.log[0].fresh);
    check(&bench, key, 200, span_of("\x1a whole"));
    end(&bench);
}

static void what_does_not_decode_is_forgotten_whatever_comes_after(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mly_request request = request_of(&bench, key);
    request.fresh = true;
    store_kit_put(&bench.kit, key, 200, span_of("\x1a broken"));
    script_add(&bench.script, (struct script_answer){.key = key, .status = MLY_E_NETWORK, .why = "cut off"});
    check_failure(&bench, &request, MLY_E_NETWORK, "cut off");
    assert_not_stored(&bench.kit, key);

    store_kit_put(&bench.kit, key, 200, span_of("\x1a broken"));
    expect(&bench, key, 404, nothing);
    check_exchange(&bench, &request, 404, nothing);
    assert_stored(&bench.kit, key, 404, nothing);
    end(&bench);
}

static void an_entry_that_is_damaged_or_gone_by_the_time_is_asked_for(void **state)
{
    (void)state;
    struct bench bench;
    struct bytes tile = make_images(1, 100);
    begin(&bench);
    for (int round = 0; round < 2; round++) {
        store_kit_put(&bench.kit, key, 200, bytes_view(&tile));
        const struct scratch file = store_kit_file(&bench.kit, key);
        const struct mly_request request = request_of(&bench, key);
        struct mly_response response;
        expect(&bench, key, 200, span_of("\x1a new"));
        submit(&bench, &request);
        struct bytes content = scratch_read(file.path);
        content.data[content.size - 1] ^= 1;
        if (round == 0)
            scratch_write(file.path, bytes_view(&content));
        else
            assert_int_equal(remove(file.path), 0);

        assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);

        assert_span(mly_buf_view(&response.body), "\x1a new", 5);
        assert_stored(&bench.kit, key, 200, span_of("\x1a new"));
        mly_transport_fini_response(&response);
        bytes_free(&content);
    }
    bytes_free(&tile);
    end(&bench);
}

static void an_entry_larger_than_the_request_allows_is_asked_for(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a far too long"));
    struct mly_request request = request_of(&bench, key);
    request.max_bytes = 4;
    expect(&bench, key, 200, span_of("\x1a..."));
    check_exchange(&bench, &request, 200, span_of("\x1a..."));
    end(&bench);
}

/* ---- offline ---- */

static void offline_whatever_is_there_serves(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a old"));
    store_kit_put(&bench.kit, "empty", 204, nothing);
    store_kit_put(&bench.kit, "missing", 404, nothing);
    bench.kit.now_ms += INT64_C(10) * 365 * 86400 * 1000;
    go_offline(&bench);
    check(&bench, key, 200, span_of("\x1a old"));
    check(&bench, "empty", 204, nothing);
    check(&bench, "missing", 404, nothing);
    end(&bench);
}

static void offline_what_is_missing_is_an_error_that_says_so(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    go_offline(&bench);
    const struct mly_request request = request_of(&bench, key);
    struct mly_request graph = request_of(&bench, "graph");
    graph.kind = MLY_REQUEST_GRAPH;
    check_failure(&bench, &request, MLY_E_REMOTE, "not in the cache (OFFLINE=YES)");
    check_failure(&bench, &graph, MLY_E_REMOTE, "not in the cache (OFFLINE=YES)");
    end(&bench);
}

static void offline_what_does_not_decode_stays_and_is_an_error(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a broken"));
    go_offline(&bench);
    struct mly_request request = request_of(&bench, key);
    request.fresh = true;
    check_failure(&bench, &request, MLY_E_REMOTE, "does not decode");
    assert_stored(&bench.kit, key, 200, span_of("\x1a broken"));
    end(&bench);
}

static void offline_an_entry_that_is_gone_by_the_time_is_an_error(void **state)
{
    (void)state;
    struct bench bench;
    struct mly_response response;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, span_of("\x1a"));
    go_offline(&bench);
    const struct mly_request request = request_of(&bench, key);
    submit(&bench, &request);
    assert_int_equal(remove(store_kit_file(&bench.kit, key).path), 0);
    assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);
    assert_status(response.status, MLY_E_REMOTE, NULL);
    mly_transport_fini_response(&response);
    end(&bench);
}

/* ---- as a transport ---- */

static void answers_come_from_both_sides_each_once(void **state)
{
    (void)state;
    enum { N = 20 };
    struct bench bench;
    char keys[N][MLY_LIMIT_KEY];
    bool is_answered[N + 1] = {false};
    struct mly_response response;
    begin(&bench);
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "tile/%zu", i);
        if (i % 3 == 0)
            store_kit_put(&bench.kit, keys[i], 200, span_of(keys[i]));
        else
            script_add(&bench.script, (struct script_answer){
                                          .key = keys[i], .body = span_of(keys[i]), .after_ms = (uint32_t)(i * 7 % N)});
        const struct mly_request request = request_of(&bench, keys[i]);
        submit(&bench, &request);
    }
    for (size_t i = 0; i < N; i++) {
        assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);
        assert_true(response.ticket >= 1 && response.ticket <= N && !is_answered[response.ticket]);
        is_answered[response.ticket] = true;
        const char *expected = keys[response.ticket - 1];
        assert_span(mly_buf_view(&response.body), expected, strlen(expected));
        mly_transport_fini_response(&response);
    }
    assert_status(poll(&bench, 1000, &response), MLY_DONE, NULL);
    end(&bench);
}

static void hits_do_not_wait_for_the_network_nor_does_it_wait_for_them(void **state)
{
    (void)state;
    struct bench bench;
    struct mly_response response;
    begin(&bench);
    script_add(&bench.script, (struct script_answer){.key = "slow", .after_ms = 500});
    const struct mly_request slow = request_of(&bench, "slow");
    submit(&bench, &slow);
    for (int i = 0; i < 3; i++) {
        store_kit_put(&bench.kit, key, 200, span_of("\x1a"));
        const struct mly_request hit = request_of(&bench, key);
        submit(&bench, &hit);
    }

    assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);
    assert_int_equal(response.ticket, 2);
    assert_int_equal(bench.clock.now_ms, 1000); /* no time has passed */
    mly_transport_fini_response(&response);
    bench.clock.now_ms += 500;
    assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);
    assert_int_equal(response.ticket, 1); /* before the hits that are left */
    mly_transport_fini_response(&response);
    for (uint64_t ticket = 3; ticket <= 4; ticket++) {
        assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);
        assert_int_equal(response.ticket, ticket);
        mly_transport_fini_response(&response);
    }
    end(&bench);
}

static void one_body_is_held_at_once_however_many_are_asked_for(void **state)
{
    (void)state;
    enum { N = 16 };
    const size_t size = 100000;
    struct bench bench;
    struct bytes body = store_kit_body(1, size);
    struct mly_response response;
    begin(&bench);
    store_kit_put(&bench.kit, key, 200, bytes_view(&body));
    const size_t before = bench.kit.mem.live_bytes;
    for (size_t i = 0; i < N; i++) {
        const struct mly_request request = request_of(&bench, key);
        submit(&bench, &request);
    }
    for (size_t i = 0; i < N; i++) {
        assert_status(poll(&bench, 0, &response), MLY_OK, NULL);
        mly_transport_fini_response(&response);
    }
    assert_true(bench.kit.mem.peak_bytes < before + 4 * size);
    bytes_free(&body);
    end(&bench);
}

static void a_poll_waits_no_longer_than_it_may(void **state)
{
    (void)state;
    struct bench bench;
    struct mly_response response;
    begin(&bench);
    script_add(&bench.script, (struct script_answer){.key = key, .after_ms = 500});
    const struct mly_request request = request_of(&bench, key);
    submit(&bench, &request);
    assert_status(poll(&bench, 100, &response), MLY_AGAIN, NULL);
    assert_int_equal(bench.clock.now_ms, 1100);
    assert_status(poll(&bench, 1000, &response), MLY_OK, NULL);
    mly_transport_fini_response(&response);
    end(&bench);
}

static void a_reset_forgets_what_is_asked_for_on_both_sides(void **state)
{
    (void)state;
    struct bench bench;
    struct mly_response response;
    begin(&bench);
    store_kit_put(&bench.kit, "stored", 200, span_of("\x1a"));
    for (int round = 0; round < 2; round++) {
        const struct mly_request hit = request_of(&bench, "stored"), miss = request_of(&bench, key);
        expect(&bench, key, 200, span_of("\x1a"));
        submit(&bench, &hit);
        submit(&bench, &miss);
        bench.cache->vtbl->reset(bench.cache);
        assert_status(poll(&bench, 1000, &response), MLY_DONE, NULL);
        assert_int_equal(bench.script.n_in_flight, 0);
    }
    check(&bench, "stored", 200, span_of("\x1a"));
    end(&bench);
}

static void what_the_inner_transport_refuses_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    struct mly_error err;
    struct mly_response response;
    begin(&bench);
    const struct mly_request request = request_of(&bench, key);
    script_add(&bench.script, (struct script_answer){.key = key, .refused = MLY_E_NETWORK, .why = "no sockets"});
    assert_status(bench.cache->vtbl->submit(bench.cache, &request, &err), MLY_E_NETWORK, NULL);
    assert_says(err.text, "no sockets");
    assert_status(poll(&bench, 1000, &response), MLY_DONE, NULL);

    store_kit_put(&bench.kit, key, 200, span_of("\x1a")); /* and also when it is asked late */
    submit(&bench, &request);
    assert_int_equal(remove(store_kit_file(&bench.kit, key).path), 0);
    script_add(&bench.script, (struct script_answer){.key = key, .refused = MLY_E_NETWORK, .why = "no sockets"});
    assert_status(poll(&bench, 1000, &response), MLY_E_NETWORK, NULL);
    end(&bench);
}

static void a_key_that_cannot_be_stored_is_asked_for_every_time(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int round = 0; round < 2; round++) {
        expect(&bench, "a/../b", 200, span_of("\x1a"));
        check(&bench, "a/../b", 200, span_of("\x1a"));
    }
    assert_int_equal(bench.kit.n_notes, 0);
    end(&bench);
}

static void a_scope_that_cannot_be_stored_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][MLY_SERVICES] = {
        {"", scope}, {scope, ""}, {"https://a\nb", scope}, {scope, "https://a\nb"}, {NULL, ""}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench bench;
        struct mly_transport *cache;
        struct mly_error err;
        struct script_transport script;
        begin(&bench);
        script_init(&script, &bench.kit.mem.mem, &bench.clock);
        assert_status(mly_transport_cache(&script.base, bench.kit.store, cases[i], &bench.kit.mem.mem, &cache, &err),
                      MLY_E_ARG, NULL);
        assert_int_equal(script.n_destroyed, 1); /* it was taken over all the same */
        end(&bench);
    }
}

/* A miss and a hit. Whatever fails, it is for want of memory, and nothing is lost. */
static void ask_twice(struct bench *bench)
{
    for (int round = 0; round < 2; round++) {
        const struct mly_request request = request_of(bench, key);
        struct mly_response response;
        const enum mly_status sent = bench->cache->vtbl->submit(bench->cache, &request, NULL);
        assert_true(sent == MLY_OK || sent == MLY_E_NOMEM);
        if (sent != MLY_OK)
            continue;
        assert_status(poll(bench, 1000, &response), MLY_OK, NULL);
        assert_true(response.status == MLY_OK || response.status == MLY_E_NOMEM);
        if (response.status == MLY_OK)
            assert_span(mly_buf_view(&response.body), "\x1a tile", 6);
        mly_transport_fini_response(&response);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool is_over = false;
    for (size_t first = 0; !is_over; first++) {
        struct bench bench;
        begin(&bench);
        bench.kit.options.max_bytes = UINT64_MAX; /* no sweep by chance, which takes memory too */
        store_kit_open(&bench.kit);
        mly_transport_free(bench.cache);
        bench.cache = NULL;
        script_init(&bench.script, &bench.kit.mem.mem, &bench.clock);
        for (int i = 0; i < 3; i++)
            expect(&bench, key, 200, span_of("\x1a tile"));
        bench.kit.mem.first_failure = bench.kit.mem.n_allocs + first;
        bench.kit.mem.n_failures = 1;

        const enum mly_status made = mly_transport_cache(&bench.script.base, bench.kit.store, scopes,
                                                         &bench.kit.mem.mem, &bench.cache, NULL);
        assert_status(made, first == 0 ? MLY_E_NOMEM : MLY_OK, NULL);
        if (made == MLY_OK)
            ask_twice(&bench);

        is_over = bench.kit.mem.n_failed == 0;
        mly_transport_free(bench.cache);
        assert_int_equal(bench.script.n_destroyed, 1);
        store_kit_end(&bench.kit);
        assert_true(first < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_is_asked_for_once),
        cmocka_unit_test(so_is_a_tile_without_anything_in_it),
        cmocka_unit_test(the_words_of_a_404_are_not_kept),
        cmocka_unit_test(a_hit_was_asked_of_nobody),
        cmocka_unit_test(a_hit_tells_how_old_it_is),
        cmocka_unit_test(the_next_process_finds_what_this_one_has_fetched),
        cmocka_unit_test(what_is_too_old_is_asked_for_again),
        cmocka_unit_test(a_missing_tile_is_asked_for_again_after_ten_minutes),
        cmocka_unit_test(while_a_tile_is_missing_what_is_known_of_it_serves),
        cmocka_unit_test(a_tile_that_is_too_old_is_asked_about),
        cmocka_unit_test(what_has_gone_while_it_was_asked_about_is_asked_for),
        cmocka_unit_test(an_answer_that_nobody_asked_about_is_a_failure),
        cmocka_unit_test(what_is_asked_for_past_the_cache_is_not_asked_about),
        cmocka_unit_test(failures_are_not_kept),
        cmocka_unit_test(silence_is_not_kept),
        cmocka_unit_test(what_is_no_tile_is_not_kept),
        cmocka_unit_test(a_list_of_the_graph_is_asked_for_once),
        cmocka_unit_test(what_is_no_whole_list_is_not_kept),
        cmocka_unit_test(a_full_page_of_a_search_that_nothing_follows_is_not_kept),
        cmocka_unit_test(requests_for_entities_pass_through),
        cmocka_unit_test(services_do_not_get_each_others_answers),
        cmocka_unit_test(what_has_no_scope_passes_through),
        cmocka_unit_test(only_the_inner_transport_knows_what_to_mask),
        cmocka_unit_test(no_address_is_written_but_the_services),
        cmocka_unit_test(a_fresh_request_goes_past_the_store_and_replaces_what_is_there),
        cmocka_unit_test(what_does_not_decode_is_forgotten_whatever_comes_after),
        cmocka_unit_test(an_entry_that_is_damaged_or_gone_by_the_time_is_asked_for),
        cmocka_unit_test(an_entry_larger_than_the_request_allows_is_asked_for),
        cmocka_unit_test(offline_whatever_is_there_serves),
        cmocka_unit_test(offline_what_is_missing_is_an_error_that_says_so),
        cmocka_unit_test(offline_what_does_not_decode_stays_and_is_an_error),
        cmocka_unit_test(offline_an_entry_that_is_gone_by_the_time_is_an_error),
        cmocka_unit_test(answers_come_from_both_sides_each_once),
        cmocka_unit_test(hits_do_not_wait_for_the_network_nor_does_it_wait_for_them),
        cmocka_unit_test(one_body_is_held_at_once_however_many_are_asked_for),
        cmocka_unit_test(a_poll_waits_no_longer_than_it_may),
        cmocka_unit_test(a_reset_forgets_what_is_asked_for_on_both_sides),
        cmocka_unit_test(what_the_inner_transport_refuses_is_refused),
        cmocka_unit_test(a_key_that_cannot_be_stored_is_asked_for_every_time),
        cmocka_unit_test(a_scope_that_cannot_be_stored_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
