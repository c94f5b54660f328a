/* SPDX-License-Identifier: MIT */
#include "core/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/schema.h"
#include "io/entry.h"
#include "support/check.h"

static const char graph[] = "https://graph.mapillary.com";

static struct mly_span span_of(const char *text)
{
    return (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)};
}

/* A key names an answer on disk: what the store refuses would never be kept. */
static void assert_key(const struct mly_request *request)
{
    const struct mly_entry_name name = {.scope = graph, .key = request->key};
    if (!mly_entry_is_name(&name))
        fail_msg("'%s' is no key", request->key);
    for (const char *c = request->key; *c; c++)
        assert_in_range(*c, '!', '~');
}

static void assert_graph_request(const struct mly_request *request)
{
    assert_int_equal(request->kind, MLY_REQUEST_GRAPH);
    assert_int_equal(request->max_bytes, MLY_LIMIT_JSON);
    assert_int_equal(request->ticket, 0);
    assert_false(request->fresh);
    assert_key(request);
}

static const struct mly_tile place = {.x = 8574, .y = 5735, .z = 14};

static void a_tile_is_asked_for_as_the_service_spells_it(void **state)
{
    (void)state;
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};

    const enum mly_status status = mly_request_tile("https://tiles.mapillary.com", "mly1_public", place, &request,
                                                    &err);

    assert_status(status, MLY_OK, &err);
    assert_string_equal(request.url, "https://tiles.mapillary.com/maps/vtp/mly1_public/2/14/8574/5735");
    assert_string_equal(request.key, "mly1_public/14/8574/5735");
    assert_int_equal(request.kind, MLY_REQUEST_TILE);
}

static void a_new_request_asks_nothing_special(void **state)
{
    (void)state;
    struct mly_request request;
    memset(&request, 0xff, sizeof request);

    assert_status(mly_request_tile("https://a", "b", place, &request, NULL), MLY_OK, NULL);

    assert_int_equal(request.ticket, 0);
    assert_false(request.fresh);
    assert_true(request.max_bytes == MLY_LIMIT_BODY);
}

static void the_largest_numbers_fit(void **state)
{
    (void)state;
    const struct mly_tile last = {.x = UINT32_MAX, .y = UINT32_MAX, .z = UINT8_MAX};
    struct mly_request request;
    char service[MLY_LIMIT_ADDRESS];
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';

    assert_status(mly_request_tile(service, "mly_map_feature_traffic_sign", last, &request, NULL), MLY_OK, NULL);

    assert_string_equal(request.key, "mly_map_feature_traffic_sign/255/4294967295/4294967295");
    assert_int_equal(strlen(request.url), MLY_LIMIT_ADDRESS - 1 + strlen("/maps/vtp//2") + strlen(request.key));
}

static void an_address_that_does_not_fit_is_refused_not_cut(void **state)
{
    (void)state;
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};
    char service[MLY_LIMIT_URL];
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';

    assert_status(mly_request_tile(service, "mly1_public", place, &request, &err), MLY_E_LIMIT, NULL);
    assert_says(err.text, "too long");

    service[MLY_LIMIT_KEY] = '\0';
    assert_status(mly_request_tile("https://a", service, place, &request, &err), MLY_E_LIMIT, NULL);
}

static void detections_are_asked_for_by_their_owner(void **state)
{
    (void)state;
    struct mly_request request;

    assert_status(mly_request_detections("https://graph.mapillary.com", INT64_C(59042170395811371), &request, NULL),
                  MLY_OK, NULL);

    assert_int_equal(request.kind, MLY_REQUEST_GRAPH);
    assert_string_equal(request.key, "59042170395811371/detections");
    assert_string_equal(request.url, "https://graph.mapillary.com/59042170395811371/detections"
                                     "?fields=created_at,geometry,image,value");
}

/* ---- entities ---- */

/* The set of these columns, named with a space between them. */
static uint64_t set_of(const struct mly_layer *layer, const char *names)
{
    uint64_t set = 0;
    while (*names) {
        char name[64];
        const size_t n = strcspn(names, " ");
        assert_true(n < sizeof name);
        memcpy(name, names, n);
        name[n] = '\0';
        const int column = mly_schema_column(layer, name);
        assert_true(column >= 0);
        set |= UINT64_C(1) << column;
        names += n + (names[n] == ' ');
    }
    return set;
}

static void entities_are_asked_for_by_what_their_columns_are_made_of(void **state)
{
    (void)state;
    static const struct {
        const char *layer, *columns, *geometry;
        bool with_kind;
        const char *fields;
    } cases[] = {
        {"images", "make", NULL, false, "make"},
        {"images", "model make captured_at", NULL, false, "captured_at,make,model"},
        {"images", "sequence_id organization_id", NULL, false, "sequence,organization"},
        {"images", "creator_username creator_id", NULL, false, "creator"},
        {"images", "mesh_url mesh_id sfm_cluster_url", NULL, false, "mesh,sfm_cluster"},
        {"images", "id width", NULL, false, "width"},
        {"images", "altitude", "geometry", false, "altitude,geometry"},
        {"images", "computed_altitude", "computed_geometry", false, "computed_altitude,computed_geometry"},
        {"images", "computed_lat computed_lon", "geometry", false, "computed_geometry,geometry"},
        {"images", "computed_lat make", "computed_geometry", false, "computed_geometry,make"},
        {"images", "", "geometry", false, "geometry"},
        {"images", "altitude distance", NULL, false, "altitude"},
        {"images", "", NULL, true, "id"}, /* images have no object_type, and an unknown field is an error */
        {"images", "id", NULL, false, "id"},
        {"images", "distance bearing", NULL, false, "id"},
        {"map_features", "value image_ids", "geometry", true, "object_value,images,geometry,object_type"},
        {"map_features", "object_type aligned_direction", NULL, true, "object_type,aligned_direction"},
        {"traffic_signs", "", NULL, true, "object_type"},
        {"traffic_signs", "first_seen_at", NULL, false, "first_seen_at"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mly_layer *layer = mly_schema_find(cases[i].layer);
        const int64_t id = INT64_C(59042170395811371);
        struct mly_error err = {.code = MLY_OK};
        struct mly_request request;
        char expected[256];
        memset(&request, 0xff, sizeof request);
        (void)snprintf(expected, sizeof expected, "https://graph.mapillary.com/?ids=59042170395811371&fields=%s",
                       cases[i].fields);

        assert_status(mly_request_entities(graph, layer, &id, 1, set_of(layer, cases[i].columns), cases[i].geometry,
                                           cases[i].with_kind, &request, &err),
                      MLY_OK, &err);

        assert_string_equal(request.url, expected);
        assert_string_equal(request.key, "entities/59042170395811371");
        assert_graph_request(&request);
    }
}

static void a_field_whose_name_begins_another_one_is_asked_for_too(void **state)
{
    (void)state;
    static const struct mly_column columns[] = {
        {.name = "id", .type = MLY_INT, .graph = "id"},
        {.name = "a", .type = MLY_INT, .graph = "ab.x"},
        {.name = "b", .type = MLY_INT, .graph = "a"},
        {.name = "c", .type = MLY_INT, .graph = "b"},
        {.name = "d", .type = MLY_INT, .graph = "abc.data.*.id"},
        {.name = "e", .type = MLY_INT, .graph = "ab.y"},
    };
    const struct mly_layer layer = {.name = "made up", .columns = columns, .n_columns = COUNT(columns)};
    const int64_t id = 1;
    struct mly_request request;

    assert_status(mly_request_entities("https://a", &layer, &id, 1, ~UINT64_C(0), "abc", false, &request, NULL), MLY_OK,
                  NULL);

    assert_string_equal(request.url, "https://a/?ids=1&fields=ab,a,b,abc");
}

static void entities_are_asked_for_together(void **state)
{
    (void)state;
    static const int64_t ids[] = {30, INT64_C(9007199254740993), 20};
    const struct mly_layer *layer = mly_schema_find("images");
    struct mly_request request;

    assert_status(mly_request_entities(graph, layer, ids, 3, set_of(layer, "make"), NULL, false, &request, NULL),
                  MLY_OK, NULL);

    assert_string_equal(request.url, "https://graph.mapillary.com/?ids=30,9007199254740993,20&fields=make");
    assert_string_equal(request.key, "entities/30+2");
    assert_graph_request(&request);
}

static void what_a_request_for_entities_asks_can_be_read_back(void **state)
{
    (void)state;
    const struct mly_layer *layer = mly_schema_find("images");
    int64_t ids[MLY_LIMIT_BATCH], read[MLY_LIMIT_BATCH];
    struct mly_request request;
    const char *fields = NULL;
    for (uint32_t i = 0; i < MLY_LIMIT_BATCH; i++)
        ids[i] = INT64_MAX - i;
    for (uint32_t n = 1; n <= MLY_LIMIT_BATCH; n++) {
        assert_status(
            mly_request_entities(graph, layer, ids, n, set_of(layer, "make model"), NULL, false, &request, NULL),
            MLY_OK, NULL);
        assert_int_equal(mly_request_read_entities(&request, read, &fields), n);
        assert_memory_equal(read, ids, n * sizeof ids[0]);
        assert_string_equal(fields, "make,model");
    }
}

static void other_requests_are_none_for_entities(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "https://a/7/detections?fields=value", "https://a/image_ids?ids=7&fields=make", "https://a/?ids=7",
        "https://a/?ids=7,8&field=make",       "https://a/?id=7&fields=make",           "?ids=7&fields=make",
        "https://a/?ids=7;8&fields=make",
    };
    int64_t ids[MLY_LIMIT_BATCH];
    const char *fields = NULL;
    struct mly_request request = {.kind = MLY_REQUEST_GRAPH}, out;
    for (size_t i = 0; i < COUNT(urls); i++) {
        (void)snprintf(request.url, sizeof request.url, "%s", urls[i]);
        assert_int_equal(mly_request_read_entities(&request, ids, &fields), 0);
        assert_status(mly_request_narrow(&request, (int64_t[]){7}, 1, &out, NULL), MLY_E_ARG, NULL);
    }
    (void)snprintf(request.url, sizeof request.url, "https://a/?ids=7&fields=make");
    request.kind = MLY_REQUEST_TILE;
    assert_int_equal(mly_request_read_entities(&request, ids, &fields), 0);
}

static void a_request_can_be_narrowed_to_some_of_its_ids(void **state)
{
    (void)state;
    static const int64_t ids[] = {30, 20, 10};
    struct mly_request request, out;
    assert_status(mly_request_entities(graph, mly_schema_find("images"), ids, 3, 0, "geometry", false, &request, NULL),
                  MLY_OK, NULL);
    request.ticket = 5;
    request.fresh = true;

    assert_status(mly_request_narrow(&request, ids + 1, 2, &out, NULL), MLY_OK, NULL);

    assert_string_equal(out.url, "https://graph.mapillary.com/?ids=20,10&fields=geometry");
    assert_string_equal(out.key, "entities/20+1");
    assert_true(out.ticket == 5 && out.fresh && out.max_bytes == request.max_bytes);
    assert_status(mly_request_narrow(&request, ids, 0, &out, NULL), MLY_E_ARG, NULL);
}

static void all_fields_of_a_full_batch_fit_with_the_longest_address(void **state)
{
    (void)state;
    const struct mly_layer *layer = mly_schema_find("images");
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};
    int64_t ids[MLY_LIMIT_BATCH + 1];
    char service[MLY_LIMIT_ADDRESS];
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';
    for (size_t i = 0; i < COUNT(ids); i++)
        ids[i] = INT64_C(999999999999999900) + (int64_t)i;

    assert_status(
        mly_request_entities(service, layer, ids, MLY_LIMIT_BATCH, ~UINT64_C(0), "geometry", true, &request, &err),
        MLY_OK, &err);

    assert_string_equal(request.key, "entities/999999999999999900+49");
    assert_memory_equal(request.url, service, sizeof service - 1);
    assert_says(request.url, "/?ids=999999999999999900,");
    assert_says(request.url, ",999999999999999949&fields=captured_at,");
    assert_says(request.url, ",thumb_original_url,geometry");
    assert_lacks(request.url, "object_type");
    assert_status(mly_request_entities(service, layer, ids, MLY_LIMIT_BATCH + 1, 1, NULL, false, &request, &err),
                  MLY_E_ARG, NULL);
    assert_status(mly_request_entities(service, layer, ids, 0, 1, NULL, false, &request, &err), MLY_E_ARG, NULL);
}

static void entities_that_do_not_fit_are_refused_not_cut(void **state)
{
    (void)state;
    const struct mly_layer *layer = mly_schema_find("images");
    static const int64_t ids[] = {1, 2, 3};
    const char tail[] = "/?ids=1,2,3&fields=make,geometry";
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};
    char service[MLY_LIMIT_URL + 1];
    for (size_t n = MLY_LIMIT_URL - sizeof tail - 3; n <= MLY_LIMIT_URL; n++) {
        memset(service, 's', n);
        service[n] = '\0';
        const bool fits = n + sizeof tail <= MLY_LIMIT_URL;

        const enum mly_status status = mly_request_entities(service, layer, ids, 3, set_of(layer, "make"), "geometry",
                                                            false, &request, &err);

        assert_status(status, fits ? MLY_OK : MLY_E_LIMIT, &err);
        if (fits)
            assert_string_equal(request.url + n, tail);
    }
    assert_says(err.text, "too long");
}

/* ---- names ---- */

static void names_are_asked_for_where_the_service_has_them(void **state)
{
    (void)state;
    struct mly_request request;

    assert_status(mly_request_image_ids(graph, span_of("7nfcwfvjdtphz7yj6zat6a"), &request, NULL), MLY_OK, NULL);
    assert_string_equal(request.url, "https://graph.mapillary.com/image_ids?sequence_id=7nfcwfvjdtphz7yj6zat6a");
    assert_string_equal(request.key, "image_ids/7nfcwfvjdtphz7yj6zat6a");
    assert_graph_request(&request);

    assert_status(mly_request_creator(graph, span_of("bob"), &request, NULL), MLY_OK, NULL);
    assert_string_equal(request.url, "https://graph.mapillary.com/images?creator_username=bob&fields=creator&limit=1");
    assert_string_equal(request.key, "creator/bob");
    assert_graph_request(&request);

    assert_status(mly_request_images_of_creator(graph, span_of("bob"), &request, NULL), MLY_OK, NULL);
    assert_string_equal(request.url, "https://graph.mapillary.com/images?creator_username=bob&fields=id&limit=2000");
    assert_string_equal(request.key, "images/creator/bob");
    assert_graph_request(&request);

    assert_status(mly_request_images_of_organization(graph, INT64_C(1805883732926354), &request, NULL), MLY_OK, NULL);
    assert_string_equal(request.url,
                        "https://graph.mapillary.com/images?organization_id=1805883732926354&fields=id&limit=2000");
    assert_string_equal(request.key, "images/organization/1805883732926354");
    assert_graph_request(&request);
}

static void names_go_out_as_they_are_spelled_but_for_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *escaped;
    } cases[] = {
        {"AZaz09-._~", "AZaz09-._~"},
        {"a b", "a%20b"},
        {"a+b&c=d#e?f/g", "a%2Bb%26c%3Dd%23e%3Ff%2Fg"},
        {"100%", "100%25"},
        {"%41", "%2541"},
        {"j\xc3\xbcrgen", "j%C3%BCrgen"},
        {"a\r\nHost: evil", "a%0D%0AHost%3A%20evil"},
        {"a,b;c", "a%2Cb%3Bc"},
        {"\xff\x01\x7f", "%FF%01%7F"},
        {"../..", "..%2F.."},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mly_request request;
        char expected[256];

        assert_status(mly_request_image_ids(graph, span_of(cases[i].name), &request, NULL), MLY_OK, NULL);
        (void)snprintf(expected, sizeof expected, "%s/image_ids?sequence_id=%s", graph, cases[i].escaped);
        assert_string_equal(request.url, expected);
        assert_graph_request(&request);

        assert_status(mly_request_images_of_creator(graph, span_of(cases[i].name), &request, NULL), MLY_OK, NULL);
        (void)snprintf(expected, sizeof expected, "%s/images?creator_username=%s&fields=id&limit=2000", graph,
                       cases[i].escaped);
        assert_string_equal(request.url, expected);
        assert_graph_request(&request);
    }
}

static void a_zero_byte_does_not_end_a_name(void **state)
{
    (void)state;
    struct mly_request request;

    assert_status(
        mly_request_creator(graph, (struct mly_span){.data = (const uint8_t *)"a\0b", .size = 3}, &request, NULL),
        MLY_OK, NULL);

    assert_says(request.url, "?creator_username=a%00b&");
    assert_string_equal(request.key, "creator/a%00b");
}

typedef enum mly_status ask_fn(const char *service, struct mly_span name, struct mly_request *out,
                               struct mly_error *err);

static ask_fn *const asks[] = {mly_request_image_ids, mly_request_creator, mly_request_images_of_creator};

static void names_are_bounded(void **state)
{
    (void)state;
    char name[MLY_LIMIT_NAME + 1], service[MLY_LIMIT_ADDRESS];
    memset(name, '\xff', sizeof name); /* each takes three characters */
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';
    for (size_t i = 0; i < COUNT(asks); i++) {
        struct mly_request request;
        struct mly_error err = {.code = MLY_OK};
        struct mly_span span = {.data = (const uint8_t *)name, .size = MLY_LIMIT_NAME};

        assert_status(asks[i](service, span, &request, &err), MLY_OK, &err);
        assert_graph_request(&request);
        span.size++;
        assert_status(asks[i](service, span, &request, &err), MLY_E_ARG, NULL);
        assert_says(err.text, "256");
        assert_status(asks[i](service, (struct mly_span){.data = NULL}, &request, &err), MLY_E_ARG, NULL);
    }
}

static void an_address_that_leaves_no_room_for_a_name_is_refused(void **state)
{
    (void)state;
    char service[MLY_LIMIT_URL];
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';
    struct mly_request request;
    for (size_t i = 0; i < COUNT(asks); i++)
        assert_status(asks[i](service, span_of("bob"), &request, NULL), MLY_E_LIMIT, NULL);
    assert_status(mly_request_images_of_organization(service, 7, &request, NULL), MLY_E_LIMIT, NULL);
}

static void different_names_have_different_keys_of_which_none_is_a_path(void **state)
{
    (void)state;
    enum { LONGEST = 120, MAX_KEYS = 4 * LONGEST + 600 };
    static char keys[MAX_KEYS][MLY_LIMIT_KEY];
    static const char *const odd[] = {
        ".", "..", "...", "a..b", "a.b", "a.%2Eb", "%2E%2E", "/", "//", "/etc/passwd", "..\\x", "a/page#0", "page#0",
    };
    size_t n = 0;
    struct mly_request request;
    for (size_t i = 0; i < COUNT(odd); i++, n++) {
        assert_status(mly_request_creator(graph, span_of(odd[i]), &request, NULL), MLY_OK, NULL);
        assert_key(&request);
        memcpy(keys[n], request.key, MLY_LIMIT_KEY);
    }
    for (size_t length = 1; length <= LONGEST; length++) { /* equal beginnings, and other ends */
        for (size_t end = 0; end < 4; end++, n++) {
            static const char ends[] = {'a', 'b', '.', '\xfc'};
            char name[LONGEST];
            memset(name, 'n', length);
            name[length - 1] = ends[end];
            if (length == 1 && ends[end] == '.')
                name[0] = '!';
            const struct mly_span span = {.data = (const uint8_t *)name, .size = length};
            assert_status(mly_request_creator(graph, span, &request, NULL), MLY_OK, NULL);
            assert_key(&request);
            memcpy(keys[n], request.key, MLY_LIMIT_KEY);
        }
    }
    for (size_t length = 4; length <= LONGEST; length++, n++) {
        char dots[LONGEST];
        memset(dots, '.', length);
        const struct mly_span span = {.data = (const uint8_t *)dots, .size = length};
        assert_status(mly_request_creator(graph, span, &request, NULL), MLY_OK, NULL);
        assert_key(&request);
        memcpy(keys[n], request.key, MLY_LIMIT_KEY);
    }

    assert_true(n <= MAX_KEYS);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[i], keys[j]);
    }
}

static void a_long_name_s_key_still_shows_its_beginning(void **state)
{
    (void)state;
    struct mly_request request;

    assert_status(mly_request_creator(graph,
                                      span_of("a-name-longer-than-any-that-anybody-was-ever-seen-to-have-anywhere"),
                                      &request, NULL),
                  MLY_OK, NULL);

    assert_says(request.key, "creator/a-name-longer-than-any");
}

/* ---- pages ---- */

static struct mly_request first_page(void)
{
    struct mly_request request;
    assert_status(mly_request_images_of_creator(graph, span_of("bob"), &request, NULL), MLY_OK, NULL);
    return request;
}

static void a_next_page_is_followed(void **state)
{
    (void)state;
    static const struct {
        const char *service, *next, *url;
    } cases[] = {
        {"https://graph.mapillary.com",
         "https://graph.mapillary.com/images?creator_username=bob&fields=id&limit=2000&after=QVFIUk%3D_-~.",
         "https://graph.mapillary.com/images?creator_username=bob&fields=id&limit=2000&after=QVFIUk%3D_-~."},
        {"https://graph.mapillary.com", "HTTPS://Graph.Mapillary.COM/images?a=b",
         "https://graph.mapillary.com/images?a=b"},
        {"https://Graph.Example", "https://graph.example/images?a=b", "https://Graph.Example/images?a=b"},
        {"http://127.0.0.1:8080/v4", "http://127.0.0.1:8080/v4/images?a=B", "http://127.0.0.1:8080/v4/images?a=B"},
        {"https://a", "https://a/images?b=https://c/@d?e", "https://a/images?b=https://c/@d?e"},
    };
    const struct mly_request previous = first_page();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mly_request request;
        struct mly_error err = {.code = MLY_OK};
        memset(&request, 0xff, sizeof request);

        assert_status(mly_request_page(cases[i].service, span_of(cases[i].next), &previous, &request, &err), MLY_OK,
                      &err);

        assert_string_equal(request.url, cases[i].url);
        assert_graph_request(&request);
        assert_int_equal(strncmp(request.key, "images/creator/bob/", 19), 0);
    }
}

static void a_token_is_taken_out_however_it_is_spelled(void **state)
{
    (void)state;
    static const struct {
        const char *query, *without;
    } cases[] = {
        {"access_token=SECRET&a=1&b=2", "a=1&b=2"},
        {"a=1&access_token=SECRET&b=2", "a=1&b=2"},
        {"a=1&b=2&access_token=SECRET", "a=1&b=2"},
        {"access_token=SECRET", ""},
        {"access_token=SECRET&access_token=SECRET&a=1&access_token=SECRET", "a=1"},
        {"a=1&access_token=SECRET=SECRET&b=2", "a=1&b=2"},
        {"a=1&access_token&b=2", "a=1&b=2"},
        {"a=1&access_token=&b=2", "a=1&b=2"},
        {"a=1&access_token=MLY|SECRET|SECRET&b=2", "a=1&b=2"},
        {"a=1&ACCESS_TOKEN=SECRET&b=2", "a=1&b=2"},
        {"a=1&Access_Token=SECRET&b=2", "a=1&b=2"},
        {"a=1&access%5Ftoken=SECRET&b=2", "a=1&b=2"},
        {"a=1&access%5ftoken=SECRET&b=2", "a=1&b=2"},
        {"a=1&%61%63%63%65%73%73%5f%74%6f%6b%65%6e=SECRET&b=2", "a=1&b=2"},
        {"a=1&%41ccess_toke%4E=SECRET&b=2", "a=1&b=2"},
        {"a=1;access_token=SECRET;b=2", "a=1;b=2"},
        {"a=1;access_token=SECRET&b=2", "a=1&b=2"},
        {"a=1&&access_token=SECRET&&b=2", "a=1&b=2"},
        {"a=1&access_tokens=2&my_access_token=3&access_toke=4&b=access_token", /* others that look like one */
         "a=1&access_tokens=2&my_access_token=3&access_toke=4&b=access_token"},
        {"a=%26access_token%3Dx&b=%&%=1&%6=2&%zz=3", "a=%26access_token%3Dx&b=%&%=1&%6=2&%zz=3"},
    };
    const struct mly_request previous = first_page();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char next[256], expected[256];
        struct mly_request request, clean;
        (void)snprintf(next, sizeof next, "%s/images?%s", graph, cases[i].query);
        (void)snprintf(expected, sizeof expected, "%s/images?%s", graph, cases[i].without);

        assert_status(mly_request_page(graph, span_of(next), &previous, &request, NULL), MLY_OK, NULL);

        assert_string_equal(request.url, expected);
        assert_status(mly_request_page(graph, span_of(expected), &previous, &clean, NULL), MLY_OK, NULL);
        assert_string_equal(request.key, clean.key); /* nothing of the token is left in it */
    }
}

static void a_page_that_leads_elsewhere_is_never_followed(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "/images?a=SECRET",
        "//graph.mapillary.com/images?a=SECRET",
        "https://evil.example/images?a=SECRET",
        "https://graph.mapillary.com@evil.example/images?a=SECRET",
        "https://graph.mapillary.com:443@evil.example/images?a=SECRET",
        "https://user:SECRET@graph.mapillary.com/images?a=1",
        "https://graph.mapillary.com.evil.example/images?a=SECRET",
        "https://graph.mapillary.comevil/images?a=SECRET",
        "https://graph.mapillary.com\\@evil.example/images?a=SECRET",
        "https://graph.mapillary.com:8443/images?a=SECRET",
        "http://graph.mapillary.com/images?a=SECRET",
        "ftp://graph.mapillary.com/images?a=SECRET",
        "https:/graph.mapillary.com/images?a=SECRET",
        " https://graph.mapillary.com/images?a=SECRET",
        "https://graph.mapillary.com/images",
        "https://graph.mapillary.com/images/?a=SECRET",
        "https://graph.mapillary.com/Images?a=SECRET",
        "https://graph.mapillary.com/images%3Fa=SECRET",
        "https://graph.mapillary.com/%69mages?a=SECRET",
        "https://graph.mapillary.com//images?a=SECRET",
        "https://graph.mapillary.com/x/../images?a=SECRET",
        "https://graph.mapillary.com/graphql?a=SECRET",
        "https://graph.mapillary.com/?a=SECRET",
        "https://graph.mapillary.com?a=SECRET",
        "https://graph.mapillary.com/images?a=SECRET#b",
        "https://graph.mapillary.com/images?a=SECRET b",
        "https://graph.mapillary.com/images?a=SECRET\r\nHost: evil.example",
        "https://graph.mapillary.com/images?a=SECRET\tb",
        "https://graph.mapillary.com/images?a=SECRET\x7f",
        "https://graph.mapillary.com/images?a=SECRET\xc3\xbc",
        "https://graph.mapillary.com/images?a=SECRET ",
    };
    const struct mly_request previous = first_page();
    for (size_t i = 0; i < COUNT(others); i++) {
        struct mly_request request = {.kind = MLY_REQUEST_GRAPH};
        struct mly_error err = {.code = MLY_OK};

        const enum mly_status status = mly_request_page(graph, span_of(others[i]), &previous, &request, &err);

        if (status != MLY_E_REMOTE)
            fail_msg("%s: '%s'", others[i], mly_status_name(status));
        assert_says(err.text, "elsewhere");
        assert_lacks(err.text, "SECRET");
        assert_lacks(err.text, "evil");
        assert_string_equal(request.url, "");
    }
    const struct mly_span zero = {.data = (const uint8_t *)"https://graph.mapillary.com/images?a=1\0b=2", .size = 42};
    assert_status(mly_request_page(graph, zero, &previous, &(struct mly_request){.ticket = 0}, NULL), MLY_E_REMOTE,
                  NULL);
}

static void a_page_s_path_has_the_letter_case_of_the_service_s(void **state)
{
    (void)state;
    const struct mly_request previous = first_page();
    struct mly_request request;
    static const char service[] = "http://localhost:8080/Graph/v4";

    assert_status(
        mly_request_page(service, span_of("HTTP://LocalHost:8080/Graph/v4/images?a=1"), &previous, &request, NULL),
        MLY_OK, NULL);
    assert_status(
        mly_request_page(service, span_of("http://localhost:8080/graph/v4/images?a=1"), &previous, &request, NULL),
        MLY_E_REMOTE, NULL);
    assert_status(mly_request_page(service, span_of("http://localhost:8080/images?a=1"), &previous, &request, NULL),
                  MLY_E_REMOTE, NULL);
}

static void a_page_s_address_is_bounded(void **state)
{
    (void)state;
    static const char head[] = "https://graph.mapillary.com/images?after=";
    const struct mly_request previous = first_page();
    char next[MLY_LIMIT_URL + 2];
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};
    memset(next, 'a', sizeof next);
    memcpy(next, head, sizeof head - 1);
    struct mly_span span = {.data = (const uint8_t *)next, .size = MLY_LIMIT_URL - 1};

    assert_status(mly_request_page(graph, span, &previous, &request, &err), MLY_OK, &err);
    assert_int_equal(strlen(request.url), MLY_LIMIT_URL - 1);
    assert_memory_equal(request.url, next, MLY_LIMIT_URL - 1);

    for (span.size = MLY_LIMIT_URL; span.size <= sizeof next; span.size++)
        assert_status(mly_request_page(graph, span, &previous, &request, &err), MLY_E_LIMIT, NULL);
    assert_lacks(err.text, "aaaa");
}

static void no_two_pages_of_a_list_share_a_key(void **state)
{
    (void)state;
    enum { N = 60 };
    static const char *const names[] = {"bob", "a-name-longer-than-any-that-anybody-was-ever-seen-to-have-anywhere",
                                        "......................................................"};
    static char keys[N * COUNT(names)][MLY_LIMIT_KEY];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct mly_request request;
        assert_status(mly_request_images_of_creator(graph, span_of(names[i]), &request, NULL), MLY_OK, NULL);
        for (size_t page = 0; page < N; page++, n++) {
            char next[128];
            memcpy(keys[n], request.key, MLY_LIMIT_KEY);
            /* Every other page is the one before it again: whether that is allowed is not for a key to tell. */
            (void)snprintf(next, sizeof next, "%s/images?after=%zu", graph, page / 2);
            assert_status(mly_request_page(graph, span_of(next), &request, &request, NULL), MLY_OK, NULL);
            assert_graph_request(&request);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(keys[i], keys[j]);
    }
}

static void the_same_page_has_the_same_key_in_every_run(void **state)
{
    (void)state;
    static const char next[] = "https://graph.mapillary.com/images?creator_username=bob&after=x";
    const struct mly_request previous = first_page();
    struct mly_request one, two;

    assert_status(mly_request_page(graph, span_of(next), &previous, &one, NULL), MLY_OK, NULL);
    assert_status(mly_request_page(graph, span_of(next), &previous, &two, NULL), MLY_OK, NULL);

    assert_string_equal(one.key, two.key);
}

static void the_longest_key_is_followed_by_a_page_s(void **state)
{
    (void)state;
    struct mly_request previous = {.kind = MLY_REQUEST_GRAPH}, request, other;
    memset(previous.key, 'k', sizeof previous.key - 1);

    assert_status(mly_request_page("https://a", span_of("https://a/images?b"), &previous, &request, NULL), MLY_OK,
                  NULL);
    assert_status(mly_request_page("https://a", span_of("https://a/images?c"), &previous, &other, NULL), MLY_OK, NULL);

    assert_key(&request);
    assert_int_equal(strlen(request.key), MLY_LIMIT_KEY - 1);
    assert_string_not_equal(request.key, other.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_is_asked_for_as_the_service_spells_it),
        cmocka_unit_test(a_new_request_asks_nothing_special),
        cmocka_unit_test(the_largest_numbers_fit),
        cmocka_unit_test(an_address_that_does_not_fit_is_refused_not_cut),
        cmocka_unit_test(detections_are_asked_for_by_their_owner),
        cmocka_unit_test(entities_are_asked_for_by_what_their_columns_are_made_of),
        cmocka_unit_test(a_field_whose_name_begins_another_one_is_asked_for_too),
        cmocka_unit_test(entities_are_asked_for_together),
        cmocka_unit_test(what_a_request_for_entities_asks_can_be_read_back),
        cmocka_unit_test(other_requests_are_none_for_entities),
        cmocka_unit_test(a_request_can_be_narrowed_to_some_of_its_ids),
        cmocka_unit_test(all_fields_of_a_full_batch_fit_with_the_longest_address),
        cmocka_unit_test(entities_that_do_not_fit_are_refused_not_cut),
        cmocka_unit_test(names_are_asked_for_where_the_service_has_them),
        cmocka_unit_test(names_go_out_as_they_are_spelled_but_for_escapes),
        cmocka_unit_test(a_zero_byte_does_not_end_a_name),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(an_address_that_leaves_no_room_for_a_name_is_refused),
        cmocka_unit_test(different_names_have_different_keys_of_which_none_is_a_path),
        cmocka_unit_test(a_long_name_s_key_still_shows_its_beginning),
        cmocka_unit_test(a_next_page_is_followed),
        cmocka_unit_test(a_token_is_taken_out_however_it_is_spelled),
        cmocka_unit_test(a_page_that_leads_elsewhere_is_never_followed),
        cmocka_unit_test(a_page_s_path_has_the_letter_case_of_the_service_s),
        cmocka_unit_test(a_page_s_address_is_bounded),
        cmocka_unit_test(no_two_pages_of_a_list_share_a_key),
        cmocka_unit_test(the_same_page_has_the_same_key_in_every_run),
        cmocka_unit_test(the_longest_key_is_followed_by_a_page_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
