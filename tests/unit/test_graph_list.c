/* SPDX-License-Identifier: MIT */
/* Lists of entities: {"data":[…]} → values. */
#include "core/graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"
#include "support/recorded.h"

/* An open list and the values of one of its entities. */
struct rig {
    struct mly_graph *list;
    struct mly_error err;
    struct fail_mem mem;
    struct mly_arena arena;
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
};

/* Opens bytes that end where they end, and are gone when it returns: a list borrows nothing of them. */
static enum mly_status open_bytes(struct rig *rig, const void *bytes, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    *rig = (struct rig){.list = NULL};
    fail_mem_init(&rig->mem);
    mly_arena_init(&rig->arena, &rig->mem.mem, SIZE_MAX);
    const enum mly_status status = mly_graph_open_list((struct mly_span){.data = exact, .size = n}, &rig->list,
                                                       &rig->err);
    memset(exact, 0x5a, n);
    free(exact);
    assert_int_equal(rig->list == NULL, status < 0);
    return status;
}

static void set_up(struct rig *rig, const char *json)
{
    assert_status(open_bytes(rig, json, strlen(json)), MLY_OK, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_graph_free(rig->list);
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

static void assert_refused(const char *json, enum mly_status expected)
{
    struct rig rig;
    const enum mly_status status = open_bytes(&rig, json, strlen(json));
    if (status != expected)
        fail_msg("%.200s: '%s'", json, mly_status_name(status));
    assert_int_equal(rig.err.code, expected);
    assert_int_not_equal(rig.err.text[0], '\0');
    tear_down(&rig);
}

/* The value of entity `index` at a path, as a column of this type has it. */
static struct mly_value value_at(struct rig *rig, size_t index, const char *path, enum mly_type type)
{
    const struct mly_column column = {.name = "x", .type = type, .graph = path};
    const struct mly_layer layer = {.name = "made up", .columns = &column, .n_columns = 1};
    memset(rig->values, 0xff, sizeof rig->values);
    assert_status(mly_graph_values(mly_graph_at(rig->list, index), &layer, 1, &rig->arena, rig->values, &rig->err),
                  MLY_OK, &rig->err);
    return rig->values[0];
}

static void assert_integer(struct rig *rig, size_t index, const char *path, enum mly_type type, int64_t expected)
{
    const struct mly_value value = value_at(rig, index, path, type);
    assert_int_equal(value.type, type);
    assert_true(value.as.i == expected);
}

static void assert_words(struct rig *rig, size_t index, const char *path, const char *expected, size_t n)
{
    const struct mly_value value = value_at(rig, index, path, MLY_TEXT);
    assert_int_equal(value.type, MLY_TEXT);
    assert_int_equal(value.n_bytes, n);
    assert_memory_equal(value.as.text, expected, n);
}

/* A text by its path; without bytes where there is none. */
static struct mly_span text_of(const struct rig *rig, size_t index, const char *path)
{
    const struct mly_value value = mly_graph_text(mly_graph_at(rig->list, index), path);
    if (value.type == MLY_NULL)
        return (struct mly_span){.data = NULL};
    assert_int_equal(value.type, MLY_TEXT);
    assert_true(value.n_bytes > 0);
    return (struct mly_span){.data = (const uint8_t *)value.as.text, .size = value.n_bytes};
}

static void assert_nothing(struct rig *rig, size_t index, const char *path)
{
    static const enum mly_type types[] = {MLY_BOOL, MLY_INT, MLY_REAL, MLY_TEXT, MLY_TIME};
    for (size_t i = 0; i < COUNT(types); i++)
        assert_int_equal(value_at(rig, index, path, types[i]).type, MLY_NULL);
}

/* ---- what a list says ---- */

static void a_list_is_counted_and_keeps_its_order(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[{\"id\":\"30\"},{\"id\":\"10\"},{\"id\":\"20\"},{\"id\":\"10\"}]}");

    assert_int_equal(mly_graph_count(rig.list), 4);
    assert_integer(&rig, 0, "id", MLY_INT, 30);
    assert_integer(&rig, 1, "id", MLY_INT, 10);
    assert_integer(&rig, 2, "id", MLY_INT, 20);
    assert_integer(&rig, 3, "id", MLY_INT, 10);

    tear_down(&rig);
}

static void an_empty_list_has_no_entities(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "{\"data\":[]}",   "{ \"data\" : [ ] }", "{\"other\":5,\"data\":[]}", "{\"data\":[],\"paging\":{}}",
        "{\"data\":[]}\n",
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct rig rig;
        set_up(&rig, lists[i]);

        assert_int_equal(mly_graph_count(rig.list), 0);

        tear_down(&rig);
    }
}

static void a_long_list_is_whole(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct bytes json = {.size = 0};
    struct rig rig;
    bytes_append(&json, "{\"data\":[", 9);
    for (int i = 0; i < N; i++) {
        char text[48];
        const int n = snprintf(text, sizeof text, "%s{\"id\":\"%d\"}", i ? "," : "", 1000000 + i);
        bytes_append(&json, text, (size_t)n);
    }
    bytes_append(&json, "]}", 2);

    assert_status(open_bytes(&rig, json.data, json.size), MLY_OK, &rig.err);

    assert_int_equal(mly_graph_count(rig.list), N);
    for (int i = 0; i < N; i++)
        assert_integer(&rig, (size_t)i, "id", MLY_INT, 1000000 + i);
    bytes_free(&json);
    tear_down(&rig);
}

static void columns_are_filled_from_their_places(void **state)
{
    (void)state;
    const struct mly_layer *layer = mly_schema_find("detections");
    struct rig rig;
    set_up(&rig,
           "{\"data\":[{\"created_at\":\"2017-08-23T21:32:26+0000\",\"geometry\":\"GgA=\","
           "\"image\":{\"geometry\":{\"type\":\"Point\",\"coordinates\":[13.4,52.5]},\"id\":\"59042170395811371\"},"
           "\"value\":\"object--bench\",\"id\":\"9007199254740993\"}]}");

    assert_status(mly_graph_values(mly_graph_at(rig.list, 0), layer, ~UINT64_C(0), &rig.arena, rig.values, &rig.err),
                  MLY_OK, &rig.err);

    for (uint32_t i = 0; i < layer->n_columns; i++) {
        const char *name = layer->columns[i].name;
        const struct mly_value *value = &rig.values[i];
        if (strcmp(name, "id") == 0)
            assert_true(value->type == MLY_INT && value->as.i == INT64_C(9007199254740993)); /* no double holds it */
        else if (strcmp(name, "image_id") == 0)
            assert_true(value->type == MLY_INT && value->as.i == INT64_C(59042170395811371));
        else if (strcmp(name, "value") == 0)
            assert_true(value->type == MLY_TEXT && value->n_bytes == 13 &&
                        memcmp(value->as.text, "object--bench", 13) == 0);
        else if (strcmp(name, "created_at") == 0)
            assert_true(value->type == MLY_TIME && value->as.i == INT64_C(1503523946000));
        else
            assert_int_equal(value->type, MLY_NULL); /* map_feature_id: no answer names it */
    }
    tear_down(&rig);
}

static void a_path_goes_down_as_far_as_it_says(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[{\"a\":{\"b\":{\"c\":{\"d\":\"deep\",\"\":\"unnamed\"}},\"b.c\":1},\"a.b\":2}]}");

    assert_words(&rig, 0, "a.b.c.d", "deep", 4);
    assert_nothing(&rig, 0, "a.b.c.e");
    assert_nothing(&rig, 0, "a.b.c.d.e"); /* beyond a text */
    assert_nothing(&rig, 0, "a.b.c");     /* an object is no value */
    assert_nothing(&rig, 0, "b");
    assert_nothing(&rig, 0, "a.c");
    assert_nothing(&rig, 0, "A");
    assert_nothing(&rig, 0, "aa");

    tear_down(&rig);
}

static void a_member_that_is_absent_anywhere_on_the_way_is_nothing(void **state)
{
    (void)state;
    static const char *const entities[] = {
        "{}",
        "{\"image\":null}",
        "{\"image\":{}}",
        "{\"image\":{\"id\":null}}",
        "{\"image\":{\"ID\":\"7\"}}",
        "{\"image\":\"7\"}",
        "{\"image\":7}",
        "{\"image\":[]}",
        "{\"image\":[{\"id\":\"7\"}]}",
        "{\"image\":{\"id\":{}}}",
        "{\"image\":{\"id\":[7]}}",
        "{\"image\":{\"id\":\"\"}}",
        "{\"image.id\":\"7\"}",
    };
    for (size_t i = 0; i < COUNT(entities); i++) {
        char json[128];
        struct rig rig;
        (void)snprintf(json, sizeof json, "{\"data\":[%s]}", entities[i]);
        set_up(&rig, json);

        assert_nothing(&rig, 0, "image.id");

        tear_down(&rig);
    }
}

static void what_is_no_entity_is_a_row_of_nothing(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[null,5,\"id\",[],[{\"id\":\"7\"}],true,{},{\"id\":\"7\"}]}");

    assert_int_equal(mly_graph_count(rig.list), 8);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(mly_graph_at(rig.list, i) == NULL, i < 6);
        assert_nothing(&rig, i, "id");
        assert_int_equal(text_of(&rig, i, "id").size, 0);
    }
    assert_integer(&rig, 7, "id", MLY_INT, 7);

    tear_down(&rig);
}

static void values_of_another_type_are_read_where_that_is_possible(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[{\"t\":true,\"f\":false,\"i\":-12,\"r\":2.5,\"w\":3.0,\"e\":1.5e+3,\"s\":\"12\","
                 "\"ms\":1503523946000,\"iso\":\"2017-08-23T21:32:26+0000\",\"bad\":\"soon\"}]}");

    assert_integer(&rig, 0, "t", MLY_BOOL, 1);
    assert_integer(&rig, 0, "f", MLY_BOOL, 0);
    assert_integer(&rig, 0, "t", MLY_INT, 1);
    assert_integer(&rig, 0, "i", MLY_INT, -12);
    assert_integer(&rig, 0, "w", MLY_INT, 3);
    assert_integer(&rig, 0, "s", MLY_INT, 12);
    assert_integer(&rig, 0, "e", MLY_INT, 1500);
    assert_int_equal(value_at(&rig, 0, "r", MLY_INT).type, MLY_NULL);
    assert_integer(&rig, 0, "ms", MLY_TIME, INT64_C(1503523946000));
    assert_integer(&rig, 0, "iso", MLY_TIME, INT64_C(1503523946000));
    assert_int_equal(value_at(&rig, 0, "bad", MLY_TIME).type, MLY_NULL);
    assert_words(&rig, 0, "i", "-12", 3);
    assert_words(&rig, 0, "r", "2.5", 3);
    assert_words(&rig, 0, "t", "true", 4);

    tear_down(&rig);
}

static void digits_made_for_a_text_column_outlive_the_next_row_s(void **state)
{
    (void)state;
    static const struct mly_column columns[] = {{.name = "a", .type = MLY_TEXT, .graph = "a"},
                                                {.name = "b", .type = MLY_TEXT, .graph = "b"}};
    const struct mly_layer layer = {.name = "made up", .columns = columns, .n_columns = COUNT(columns)};
    struct rig rig;
    struct mly_value next[COUNT(columns)];
    set_up(&rig, "{\"data\":[{\"a\":111,\"b\":222},{\"a\":333,\"b\":true}]}");

    assert_status(mly_graph_values(mly_graph_at(rig.list, 0), &layer, 3, &rig.arena, rig.values, &rig.err), MLY_OK,
                  &rig.err);
    assert_status(mly_graph_values(mly_graph_at(rig.list, 1), &layer, 3, &rig.arena, next, &rig.err), MLY_OK, &rig.err);

    assert_memory_equal(rig.values[0].as.text, "111", 3);
    assert_memory_equal(rig.values[1].as.text, "222", 3);
    assert_memory_equal(next[0].as.text, "333", 3);
    assert_memory_equal(next[1].as.text, "true", 4);
    tear_down(&rig);
}

static void texts_are_taken_out_of_their_escapes(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig,
           "{\"data\":[{\"x\":\"a\\/b\\\"\\u00fc\\ud83d\\ude80\\n\",\"z\":\"a\\u0000b\",\"u\":\"\xe5\xb0\x9a\"}]}");

    assert_words(&rig, 0, "x", "a/b\"\xc3\xbc\xf0\x9f\x9a\x80\n", 11);
    assert_words(&rig, 0, "z", "a\0b", 3);
    assert_words(&rig, 0, "u", "\xe5\xb0\x9a", 3);
    assert_span(text_of(&rig, 0, "x"), "a/b\"\xc3\xbc\xf0\x9f\x9a\x80\n", 11);

    tear_down(&rig);
}

static void a_text_is_given_as_it_is_or_not_at_all(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[{\"geometry\":\"GgA=\",\"image\":{\"geometry\":{\"type\":\"Point\"}},\"number\":5,"
                 "\"empty\":\"\",\"nothing\":null}]}");

    assert_span(text_of(&rig, 0, "geometry"), "GgA=", 4);
    assert_span(text_of(&rig, 0, "image.geometry.type"), "Point", 5);
    static const char *const others[] = {"number",         "empty",  "nothing",  "image",
                                         "image.geometry", "absent", "image.x.y"};
    for (size_t i = 0; i < COUNT(others); i++)
        assert_int_equal(text_of(&rig, 0, others[i]).size, 0);

    tear_down(&rig);
}

static void a_name_too_long_for_a_column_is_nothing(void **state)
{
    (void)state;
    for (size_t n = 60; n < 200; n++) {
        char json[512], name[201], path[256];
        struct rig rig;
        memset(name, 'n', n);
        name[n] = '\0';
        (void)snprintf(json, sizeof json, "{\"data\":[{\"%s\":\"7\",\"a\":{\"%s\":\"8\"}}]}", name, name);
        (void)snprintf(path, sizeof path, "a.%s", name);
        set_up(&rig, json);

        if (n < 64) {
            assert_integer(&rig, 0, name, MLY_INT, 7);
            assert_integer(&rig, 0, path, MLY_INT, 8);
        } else { /* no column has such a name */
            assert_nothing(&rig, 0, name);
            assert_nothing(&rig, 0, path);
        }

        tear_down(&rig);
    }
}

static void numbers_beyond_64_bits_are_nothing_rather_than_another_number(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "-9223372036854775809",
        "-99999999999999999999",
        "1e30",
        "-1e30",
        "\"9223372036854775808\"",
        "\"-9223372036854775809\"",
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char json[128];
        struct rig rig;
        (void)snprintf(json, sizeof json, "{\"data\":[{\"id\":%s}]}", numbers[i]);
        set_up(&rig, json);

        assert_int_equal(value_at(&rig, 0, "id", MLY_INT).type, MLY_NULL);

        tear_down(&rig);
    }
}

static void ids_keep_every_digit(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[{\"id\":9007199254740993},{\"id\":\"9007199254740993\"},{\"id\":9223372036854775806}]}");

    assert_integer(&rig, 0, "id", MLY_INT, INT64_C(9007199254740993)); /* 2^53 + 1: no double */
    assert_integer(&rig, 1, "id", MLY_INT, INT64_C(9007199254740993));
    assert_integer(&rig, 2, "id", MLY_INT, INT64_MAX - 1);

    tear_down(&rig);
}

/* ---- what is no list ---- */

static void other_json_is_no_list(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "{}",
        "[]",
        "[{\"data\":[]}]",
        "null",
        "5",
        "\"data\"",
        "{\"data\":null}",
        "{\"data\":{}}",
        "{\"data\":{\"data\":[]}}",
        "{\"data\":5}",
        "{\"data\":\"[]\"}",
        "{\"data\":true}",
        "{\"Data\":[]}",
        "{\"data \":[]}",
        "{\"datum\":[]}",
        "{\"id\":\"7\"}",
        "{\"error\":{\"code\":2}}",
        "{\"data\":{\"0\":{\"id\":\"7\"}}}",
    };
    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(others[i], MLY_E_CORRUPT);
}

static void what_is_no_json_is_no_list(void **state)
{
    (void)state;
    static const char *const others[] = {
        "<!DOCTYPE html><html></html>",
        " {\"data\":[]}",
        "\xef\xbb\xbf{\"data\":[]}",
        "{\"data\":[}",
        "{\"data\":]}",
        "{\"data\":[{]}",
        "{\"data\":[{}}",
        "{\"data\":[{\"id\"}]}",
        "{\"data\":[{\"id\":}]}",
        "{\"data\":[{\"id\":\"7}]}",
        "{\"data\":[{id:\"7\"}]}",
        "{\"data\":[{\"id\":7 8}]}",
        "{\"data\":[{} {}]}",
        "{\"data\"[]}",
        "{data:[]}",
        "{\"data\":[\"\\u12\"]}",
        "{\"data\":[\"\\x\"]}",
        "\x1a\x05",
        "data",
    };
    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(others[i], MLY_E_CORRUPT);
}

static void json_that_is_nearly_so_is_no_list(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{\"data\":['7']}",  "{\"data\":[{\"id\":\"7\"},]}", "{\"data\":[{\"id\":\"7\",}]}",
        "{\"data\":[],}",    "{\"data\":[]/* nothing */}",   "{\"data\":[007]}",
        "{\"data\":[True]}",
    };
    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(others[i], MLY_E_CORRUPT);
}

static void what_stands_behind_a_list_makes_it_none(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{\"data\":[]}x",  "{\"data\":[]}}",   "{\"data\":[]}{\"data\":[{\"id\":\"7\"}]}",
        "{\"data\":[]},",  "{\"data\":[]} []", "{\"data\":[]}\n{",
        "{\"data\":[]}\"",
    };
    struct rig rig;
    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(others[i], MLY_E_CORRUPT);
    assert_status(open_bytes(&rig, "{\"data\":[]}\0", 12), MLY_E_CORRUPT, &rig.err);
    set_up(&rig, "{\"data\":[]} \r\n\n ");
    tear_down(&rig);
}

static void a_list_cut_anywhere_is_none(void **state)
{
    (void)state;
    static const char whole[] =
        "{\"data\":[{\"created_at\":\"2017-08-23T21:32:26+0000\",\"image\":{\"id\":\"59042170395811371\",\"geometry\":"
        "{\"type\":\"Point\",\"coordinates\":[-8.25e1,52.5]}},\"value\":\"\\u00fc\\/\",\"id\":\"7\",\"none\":null,"
        "\"is\":true},{\"id\":8}],\"paging\":{\"cursors\":{\"before\":\"a\",\"after\":\"b\"}}}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct rig rig;

        assert_status(open_bytes(&rig, whole, n), MLY_E_CORRUPT, &rig.err);

        tear_down(&rig);
    }
    assert_status(open_bytes(&(struct rig){.list = NULL}, "{\"data\":[]\0}", 12), MLY_E_CORRUPT, NULL);
}

static void a_page_of_a_longer_list_names_the_next_one(void **state)
{
    (void)state;
    static const struct {
        const char *list, *next;
    } pages[] = {
        {"{\"data\":[{\"id\":\"7\"}],\"paging\":{\"next\":\"https:\\/\\/graph.mapillary.com\\/7?a=b&c=%7C\"}}",
         "https://graph.mapillary.com/7?a=b&c=%7C"},
        {"{\"paging\":{\"cursors\":{\"after\":\"b\"},\"next\":\"https://x\"},\"data\":[]}", "https://x"},
    };
    for (size_t i = 0; i < COUNT(pages); i++) {
        struct rig rig;
        set_up(&rig, pages[i].list);

        assert_span(mly_graph_next(rig.list), pages[i].next, strlen(pages[i].next));

        tear_down(&rig);
    }
}

static void a_next_page_that_is_no_address_makes_no_list(void **state)
{
    (void)state;
    static const char *const nexts[] = {"5", "{}", "[\"https://x\"]", "true", "\"\""};
    for (size_t i = 0; i < COUNT(nexts); i++) {
        char json[128];
        (void)snprintf(json, sizeof json, "{\"data\":[{\"id\":\"7\"}],\"paging\":{\"next\":%s}}", nexts[i]);

        assert_refused(json, MLY_E_CORRUPT); /* taken for the end, it would make a part look whole */
    }
}

static void paging_without_a_next_page_is_the_whole_list(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "{\"data\":[{\"id\":\"7\"}],\"paging\":{}}",
        "{\"data\":[{\"id\":\"7\"}],\"paging\":null}",
        "{\"data\":[{\"id\":\"7\"}],\"paging\":{\"next\":null}}",
        "{\"data\":[{\"id\":\"7\"}],\"paging\":{\"cursors\":{\"before\":\"a\",\"after\":\"b\"}}}",
        "{\"data\":[{\"id\":\"7\"}],\"paging\":{\"previous\":\"https://x\"}}",
        "{\"data\":[{\"id\":\"7\",\"paging\":{\"next\":\"https://x\"}}]}",
        "{\"data\":[{\"id\":\"7\"}],\"next\":\"https://x\"}",
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct rig rig;
        set_up(&rig, lists[i]);

        assert_int_equal(mly_graph_count(rig.list), 1);
        assert_int_equal(mly_graph_next(rig.list).size, 0);

        tear_down(&rig);
    }
}

/* ---- bounds ---- */

/* `depth` arrays in each other, within the one entity of a list; the test frees them. */
static struct bytes nest(size_t depth)
{
    struct bytes json = {.size = 0};
    static const char head[] = "{\"data\":[{\"id\":\"7\",\"x\":";
    bytes_append(&json, head, sizeof head - 1);
    for (size_t i = 0; i < depth; i++)
        bytes_byte(&json, '[');
    for (size_t i = 0; i < depth; i++)
        bytes_byte(&json, ']');
    bytes_append(&json, "}]}", 3);
    return json;
}

static void what_the_service_nests_is_read(void **state)
{
    (void)state;
    struct rig rig;
    struct bytes json = nest(8); /* an image's GeoJSON has three */

    assert_status(open_bytes(&rig, json.data, json.size), MLY_OK, &rig.err);

    assert_integer(&rig, 0, "id", MLY_INT, 7);
    assert_nothing(&rig, 0, "x");
    bytes_free(&json);
    tear_down(&rig);
}

static void huge_depth_is_refused_without_harm(void **state)
{
    (void)state;
    static const size_t depths[] = {MLY_LIMIT_JSON_DEPTH, 100, 10000, 4000000};
    for (size_t i = 0; i < COUNT(depths); i++) {
        struct rig rig;
        struct bytes json = nest(depths[i]);

        assert_status(open_bytes(&rig, json.data, json.size), MLY_E_CORRUPT, &rig.err);

        bytes_free(&json);
        tear_down(&rig);
    }
}

static void open_brackets_without_end_are_refused_without_harm(void **state)
{
    (void)state;
    struct rig rig;
    struct bytes json = {.size = 0};
    for (size_t i = 0; i < 500000; i++)
        bytes_append(&json, "{\"data\":[", 9 - i % 2);

    assert_status(open_bytes(&rig, json.data, json.size), MLY_E_CORRUPT, &rig.err);

    bytes_free(&json);
    tear_down(&rig);
}

static void the_ceiling_counts_every_byte(void **state)
{
    (void)state;
    static const char head[] = "{\"data\":[{\"id\":\"7\"}", tail[] = "]}";
    const size_t n_head = sizeof head - 1, n_tail = sizeof tail - 1;
    char *json = malloc(MLY_LIMIT_JSON + 1);
    struct rig rig;
    assert_non_null(json);
    memset(json, ' ', MLY_LIMIT_JSON + 1);
    memcpy(json, head, n_head);
    memcpy(json + MLY_LIMIT_JSON - n_tail, tail, n_tail);

    assert_status(open_bytes(&rig, json, MLY_LIMIT_JSON), MLY_OK, &rig.err);
    assert_int_equal(mly_graph_count(rig.list), 1);
    tear_down(&rig);
    assert_status(open_bytes(&rig, json, MLY_LIMIT_JSON + 1), MLY_E_LIMIT, &rig.err);

    assert_says(rig.err.text, "8388608");
    free(json);
}

/* A list, as long as may be, of the same entity over and over; the test frees it. */
static struct bytes repeat(const char *entity)
{
    const size_t n = strlen(entity);
    struct bytes json = {.size = 0};
    bytes_append(&json, "{\"data\":[", 9);
    while (json.size + n + 3 <= MLY_LIMIT_JSON) {
        if (json.size > 9)
            bytes_byte(&json, ',');
        bytes_append(&json, entity, n);
    }
    bytes_append(&json, "]}", 2);
    return json;
}

static void small_text_that_would_take_much_memory_is_refused_unparsed(void **state)
{
    (void)state;
    static const char *const entities[] = {"{}", "[]", "{\"\":{}}", "[[[]]]", "[{},{}]", "0", "\"\""};
    for (size_t i = 0; i < COUNT(entities); i++) {
        struct rig rig;
        struct bytes json = repeat(entities[i]);

        assert_status(open_bytes(&rig, json.data, json.size), MLY_E_CORRUPT, &rig.err);

        assert_says(rig.err.text, "brackets");
        bytes_free(&json);
        tear_down(&rig);
    }
}

static void a_list_far_longer_than_any_real_one_is_read(void **state)
{
    (void)state;
    static const char entity[] =
        "{\"created_at\":\"2017-08-23T21:32:26+0000\",\"geometry\":\"GjgKBm1weS1vchIYEgIAABgDIhAJkCawDRq4BgAA\","
        "\"image\":{\"geometry\":{\"type\":\"Point\",\"coordinates\":[13.4,52.5]},\"id\":\"135511895288847\"},"
        "\"value\":\"object--bench\",\"id\":\"138291978344172\"}";
    enum { N = 10000 }; /* real images have some hundred */
    struct bytes json = {.size = 0};
    struct rig rig;
    for (int i = 0; i < N; i++) {
        bytes_append(&json, i ? "," : "{\"data\":[", i ? 1 : 9);
        bytes_append(&json, entity, sizeof entity - 1);
    }
    bytes_append(&json, "]}", 2);

    assert_status(open_bytes(&rig, json.data, json.size), MLY_OK, &rig.err);

    assert_int_equal(mly_graph_count(rig.list), N);
    bytes_free(&json);
    tear_down(&rig);
}

static void no_list_is_freed_too(void **state)
{
    (void)state;

    mly_graph_free(NULL);
}

/* ---- recorded ones ---- */

static void recorded_lists_are_read(void **state)
{
    (void)state;
    const struct mly_layer *layer = mly_schema_find("detections");
    struct bytes body = recorded_read("graph/496980935069177/detections.json");
    struct rig rig;

    assert_status(open_bytes(&rig, body.data, body.size), MLY_OK, &rig.err);

    assert_true(mly_graph_count(rig.list) > 0);
    for (size_t i = 0; i < mly_graph_count(rig.list); i++) {
        const struct mly_graph_entity *entity = mly_graph_at(rig.list, i);
        assert_status(mly_graph_values(entity, layer, ~UINT64_C(0), &rig.arena, rig.values, &rig.err), MLY_OK,
                      &rig.err);
        assert_int_equal(rig.values[0].type, MLY_INT);
        assert_true(rig.values[0].as.i > 0);
        assert_true(text_of(&rig, i, "geometry").size > 0);
    }
    bytes_free(&body);
    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_counted_and_keeps_its_order),
        cmocka_unit_test(an_empty_list_has_no_entities),
        cmocka_unit_test(a_long_list_is_whole),
        cmocka_unit_test(columns_are_filled_from_their_places),
        cmocka_unit_test(a_path_goes_down_as_far_as_it_says),
        cmocka_unit_test(a_member_that_is_absent_anywhere_on_the_way_is_nothing),
        cmocka_unit_test(what_is_no_entity_is_a_row_of_nothing),
        cmocka_unit_test(values_of_another_type_are_read_where_that_is_possible),
        cmocka_unit_test(digits_made_for_a_text_column_outlive_the_next_row_s),
        cmocka_unit_test(texts_are_taken_out_of_their_escapes),
        cmocka_unit_test(a_text_is_given_as_it_is_or_not_at_all),
        cmocka_unit_test(a_name_too_long_for_a_column_is_nothing),
        cmocka_unit_test(numbers_beyond_64_bits_are_nothing_rather_than_another_number),
        cmocka_unit_test(ids_keep_every_digit),
        cmocka_unit_test(other_json_is_no_list),
        cmocka_unit_test(what_is_no_json_is_no_list),
        cmocka_unit_test(json_that_is_nearly_so_is_no_list),
        cmocka_unit_test(what_stands_behind_a_list_makes_it_none),
        cmocka_unit_test(a_list_cut_anywhere_is_none),
        cmocka_unit_test(a_page_of_a_longer_list_names_the_next_one),
        cmocka_unit_test(a_next_page_that_is_no_address_makes_no_list),
        cmocka_unit_test(paging_without_a_next_page_is_the_whole_list),
        cmocka_unit_test(what_the_service_nests_is_read),
        cmocka_unit_test(huge_depth_is_refused_without_harm),
        cmocka_unit_test(open_brackets_without_end_are_refused_without_harm),
        cmocka_unit_test(the_ceiling_counts_every_byte),
        cmocka_unit_test(small_text_that_would_take_much_memory_is_refused_unparsed),
        cmocka_unit_test(a_list_far_longer_than_any_real_one_is_read),
        cmocka_unit_test(no_list_is_freed_too),
        cmocka_unit_test(recorded_lists_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
