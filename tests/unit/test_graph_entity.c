/* SPDX-License-Identifier: MIT */
/* Entities: paths through arrays, lists, spellings, points, entities by id. */
#include "core/graph.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"
#include "support/recorded.h"

/* An open answer, and memory for its values. */
struct rig {
    struct mly_graph *answer;
    struct mly_error err;
    struct fail_mem mem;
    struct mly_arena arena;
};

/* Opens bytes that are gone when it returns. */
static enum mly_status open_bytes(struct rig *rig, const void *bytes, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    *rig = (struct rig){.answer = NULL};
    fail_mem_init(&rig->mem);
    mly_arena_init(&rig->arena, &rig->mem.mem, SIZE_MAX);
    const enum mly_status status = mly_graph_open((struct mly_span){.data = exact, .size = n}, &rig->answer, &rig->err);
    memset(exact, 0x5a, n);
    free(exact);
    assert_int_equal(rig->answer == NULL, status < 0);
    return status;
}

static void set_up(struct rig *rig, const char *json)
{
    assert_status(open_bytes(rig, json, strlen(json)), MLY_OK, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_graph_free(rig->answer);
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

/* The value at a path of the answer itself, as a column of this type has it. */
static struct mly_value value_at(struct rig *rig, const char *path, enum mly_type type)
{
    const struct mly_column column = {.name = "x", .type = type, .graph = path};
    const struct mly_layer layer = {.name = "made up", .columns = &column, .n_columns = 1};
    struct mly_value value;
    memset(&value, 0xff, sizeof value);
    assert_status(mly_graph_values(mly_graph_root(rig->answer), &layer, 1, &rig->arena, &value, &rig->err), MLY_OK,
                  &rig->err);
    return value;
}

static void assert_integer(struct rig *rig, const char *path, int64_t expected)
{
    const struct mly_value value = value_at(rig, path, MLY_INT);
    assert_int_equal(value.type, MLY_INT);
    assert_true(value.as.i == expected);
}

static void assert_text(struct mly_value value, const char *expected)
{
    assert_int_equal(value.type, MLY_TEXT);
    assert_span(((struct mly_span){.data = (const uint8_t *)value.as.text, .size = value.n_bytes}), expected,
                strlen(expected));
}

static void assert_ints(struct mly_value value, const int64_t *expected, size_t n)
{
    assert_int_equal(value.type, MLY_INTS);
    assert_int_equal(value.n_bytes, n * sizeof *expected);
    for (size_t i = 0; i < n; i++)
        assert_true(value.as.ints[i] == expected[i]);
}

static void assert_reals(struct mly_value value, const double *expected, size_t n)
{
    assert_int_equal(value.type, MLY_REALS);
    assert_int_equal(value.n_bytes, n * sizeof *expected);
    for (size_t i = 0; i < n; i++)
        assert_near(value.as.reals[i], expected[i], 0.0);
}

/* Elements, and their number, as two arguments. */
#define INTS(...)  (const int64_t[]){__VA_ARGS__}, COUNT(((const int64_t[]){__VA_ARGS__}))
#define REALS(...) (const double[]){__VA_ARGS__}, COUNT(((const double[]){__VA_ARGS__}))

static void assert_null_in_every_type(struct rig *rig, const char *path)
{
    static const enum mly_type types[] = {MLY_BOOL, MLY_INT, MLY_REAL, MLY_TEXT, MLY_TIME, MLY_INTS, MLY_REALS};
    for (size_t i = 0; i < COUNT(types); i++) {
        if (value_at(rig, path, types[i]).type != MLY_NULL)
            fail_msg("%s is a value of type %d", path, types[i]);
    }
}

/* ---- answers ---- */

static void any_object_is_an_answer_and_its_own_entity(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"slug\":\"a\",\"id\":\"815\"}");

    assert_integer(&rig, "id", 815);
    assert_text(value_at(&rig, "slug", MLY_TEXT), "a");

    tear_down(&rig);
    set_up(&rig, "{}");
    assert_non_null(mly_graph_root(rig.answer));
    tear_down(&rig);
}

static void what_is_no_object_is_no_answer(void **state)
{
    (void)state;
    static const char *const others[] = {"",    "[]",   "[{\"id\":\"7\"}]", "null",        "7",   "\"id\"",
                                         "{id", "{}{}", "{\"id\":}",        "{\"id\":07}", " {}", "{\"a\":1,}",
                                         "{}x", "<p>",  "{\"a\":[}",        "{\"a\":\"b}"};
    for (size_t i = 0; i < COUNT(others); i++) {
        struct rig rig;

        assert_status(open_bytes(&rig, others[i], strlen(others[i])), MLY_E_CORRUPT, &rig.err);

        assert_int_equal(rig.err.code, MLY_E_CORRUPT);
        assert_says(rig.err.text, "JSON");
        tear_down(&rig);
    }
}

static void put(struct bytes *json, const char *text)
{
    bytes_append(json, text, strlen(text));
}

static void assert_opens(struct bytes *json, enum mly_status expected, const char *words)
{
    struct rig rig;
    assert_status(open_bytes(&rig, json->data, json->size), expected, &rig.err);
    assert_says(rig.err.text, words);
    tear_down(&rig);
    bytes_clear(json);
}

static void answers_have_the_ceilings_of_lists(void **state)
{
    (void)state;
    struct bytes json = {.size = 0};
    for (size_t excess = 0; excess < 2; excess++) {
        put(&json, "{}");
        while (json.size < MLY_LIMIT_JSON + excess)
            bytes_byte(&json, ' ');
        assert_opens(&json, excess ? MLY_E_LIMIT : MLY_OK, excess ? "8388608" : "");
    }

    put(&json, "{\"a\":[{}");
    while (json.size < MLY_LIMIT_JSON / 2)
        put(&json, ",{}");
    put(&json, "]}");
    assert_opens(&json, MLY_E_CORRUPT, "brackets");

    put(&json, "{\"a\":");
    while (json.size < 1000)
        bytes_byte(&json, '[');
    assert_opens(&json, MLY_E_CORRUPT, "JSON");
    bytes_free(&json);
}

static void no_answer_is_freed_too(void **state)
{
    (void)state;

    mly_graph_free(NULL);
}

/* ---- paths ---- */

static void a_number_in_a_path_is_a_place_in_an_array(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"c\":[10,20,30],\"d\":[{\"id\":\"7\"},{\"id\":\"8\"}],\"e\":[[1,2],[3,4]],\"o\":{\"0\":5}}");

    assert_integer(&rig, "c.0", 10);
    assert_integer(&rig, "c.1", 20);
    assert_integer(&rig, "c.2", 30);
    assert_integer(&rig, "d.1.id", 8);
    assert_integer(&rig, "e.1.0", 3);
    static const char *const others[] = {"c.3",    "c.18446744073709551616",
                                         "c.-1",   "c.x",
                                         "c.1x",   "c. 1",
                                         "c.0.0",  "d.id",
                                         "d.2.id", "0",
                                         "c.0x",   "c.",
                                         "d.0",    "o.0"};
    for (size_t i = 0; i < COUNT(others); i++) {
        if (value_at(&rig, others[i], MLY_INT).type != MLY_NULL)
            fail_msg("%s is a value", others[i]);
    }

    tear_down(&rig);
}

static void the_number_of_elements_is_a_value(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[{\"id\":\"7\"},null,5],\"none\":[],\"o\":{\"#\":9,\"a\":[1]},\"t\":\"abc\"}");

    assert_integer(&rig, "data.#", 3);
    assert_integer(&rig, "none.#", 0);
    assert_integer(&rig, "o.a.#", 1);
    assert_text(value_at(&rig, "data.#", MLY_TEXT), "3");
    assert_near(value_at(&rig, "data.#", MLY_REAL).as.r, 3.0, 0.0);
    static const char *const others[] = {"#", "o.#", "t.#", "absent.#", "data.#.id", "data.##", "absent.absent.#"};
    for (size_t i = 0; i < COUNT(others); i++)
        assert_null_in_every_type(&rig, others[i]);
    assert_int_equal(value_at(&rig, "data.#", MLY_INTS).type, MLY_NULL);

    tear_down(&rig);
}

/* ---- lists ---- */

static void a_star_stands_for_all_elements(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"images\":{\"data\":[{\"id\":\"9007199254740993\",\"p\":{\"c\":[1.5,2]}},"
                 "{\"p\":{\"c\":[2.5,3]},\"id\":20},{\"id\":\"10\",\"p\":{\"c\":[\"3.5\",4]}}]}}");

    assert_ints(value_at(&rig, "images.data.*.id", MLY_INTS), INTS(INT64_C(9007199254740993), 20, 10));
    assert_reals(value_at(&rig, "images.data.*.id", MLY_REALS), REALS(9007199254740992.0, 20, 10));
    assert_reals(value_at(&rig, "images.data.*.p.c.0", MLY_REALS), REALS(1.5, 2.5, 3.5));
    assert_ints(value_at(&rig, "images.data.*.p.c.#", MLY_INTS), INTS(2, 2, 2));

    tear_down(&rig);
}

static void a_list_column_takes_an_array_s_elements(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"r\":[0.85136388143343,-6.6499673206348e-05,3],\"i\":[\"3\",2,1.0]}");

    assert_reals(value_at(&rig, "r", MLY_REALS), REALS(0.85136388143343, -6.6499673206348e-05, 3));
    assert_reals(value_at(&rig, "r.*", MLY_REALS), REALS(0.85136388143343, -6.6499673206348e-05, 3));
    assert_ints(value_at(&rig, "i", MLY_INTS), INTS(3, 2, 1));
    assert_int_equal(value_at(&rig, "r", MLY_INTS).type, MLY_NULL); /* 0.85 is no whole number */

    tear_down(&rig);
}

static void an_array_without_elements_is_a_list_without_elements(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"data\":[],\"r\":[]}");

    const struct mly_value ids = value_at(&rig, "data.*.id", MLY_INTS), reals = value_at(&rig, "r", MLY_REALS);

    assert_int_equal(ids.type, MLY_INTS);
    assert_int_equal(ids.n_bytes, 0);
    assert_int_equal(reals.type, MLY_REALS);
    assert_int_equal(reals.n_bytes, 0);
    tear_down(&rig);
}

static void one_element_that_cannot_be_read_makes_the_list_nothing(void **state)
{
    (void)state;
    static const char *const elements[] = {
        "{}",
        "null",
        "5",
        "\"5\"",
        "[]",
        "{\"id\":null}",
        "{\"id\":\"\"}",
        "{\"id\":\"x\"}",
        "{\"id\":{}}",
        "{\"id\":[5]}",
        "{\"id\":1.5}",
        "{\"id\":99999999999999999999}",
        "{\"ID\":\"5\"}",
    };
    for (size_t i = 0; i < COUNT(elements); i++) {
        for (size_t place = 0; place < 3; place++) {
            char json[256];
            struct rig rig;
            (void)snprintf(json, sizeof json, "{\"data\":[%s,%s,%s]}", place == 0 ? elements[i] : "{\"id\":\"1\"}",
                           place == 1 ? elements[i] : "{\"id\":\"2\"}", place == 2 ? elements[i] : "{\"id\":\"3\"}");
            set_up(&rig, json);

            assert_int_equal(value_at(&rig, "data.*.id", MLY_INTS).type, MLY_NULL);
            assert_integer(&rig, "data.#", 3);

            tear_down(&rig);
        }
    }
}

static void reals_of_a_list_are_finite(void **state)
{
    (void)state;
    static const char *const lists[] = {"[1,1e999]", "[-1e999]", "[NaN]", "[1,Infinity]", "[\"nan\"]"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        char json[64];
        struct rig rig;
        const int n = snprintf(json, sizeof json, "{\"r\":%s}", lists[i]);
        if (open_bytes(&rig, json, (size_t)n) == MLY_OK)
            assert_int_equal(value_at(&rig, "r", MLY_REALS).type, MLY_NULL);
        tear_down(&rig);
    }
}

static void what_is_no_array_is_no_list(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig,
           "{\"data\":{\"0\":{\"id\":\"7\"},\"*\":{\"id\":\"8\"}},\"s\":\"7\",\"i\":7,\"n\":null,\"aa\":[[1],[2]],"
           "\"a\":[{\"id\":\"7\"}]}");

    static const char *const others[] = {"data", "data.*", "data.*.id", "s",      "i",
                                         "n",    "n.*",    "absent.*",  "absent", "aa.*.*",
                                         "aa",   "*",      "a.**.id",   "a.*id",  "a.*.id.x"};
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(value_at(&rig, others[i], MLY_INTS).type, MLY_NULL);
        assert_int_equal(value_at(&rig, others[i], MLY_REALS).type, MLY_NULL);
    }
    assert_reals(value_at(&rig, "aa.*.0", MLY_REALS), REALS(1, 2));

    tear_down(&rig);
}

static void a_list_is_no_single_value(void **state)
{
    (void)state;
    static const enum mly_type types[] = {MLY_BOOL, MLY_INT, MLY_REAL, MLY_TEXT, MLY_TIME};
    struct rig rig;
    set_up(&rig, "{\"data\":[{\"id\":\"7\"}],\"r\":[1]}");

    for (size_t i = 0; i < COUNT(types); i++) {
        assert_int_equal(value_at(&rig, "data.*.id", types[i]).type, MLY_NULL);
        assert_int_equal(value_at(&rig, "r.*", types[i]).type, MLY_NULL);
        assert_int_equal(value_at(&rig, "r", types[i]).type, MLY_NULL);
    }

    tear_down(&rig);
}

static void the_images_of_a_long_sequence_are_all_there(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct rig rig;
    struct bytes json = {.size = 0};
    for (int i = 0; i < N; i++) {
        char text[64];
        const int n = snprintf(text, sizeof text, "%s{\"id\":\"%lld\"}", i ? "," : "{\"data\":[",
                               900000000000000000LL - 7LL * i);
        bytes_append(&json, text, (size_t)n);
    }
    bytes_append(&json, "]}", 2);
    assert_status(open_bytes(&rig, json.data, json.size), MLY_OK, &rig.err);

    const struct mly_value ids = value_at(&rig, "data.*.id", MLY_INTS);

    assert_int_equal(ids.type, MLY_INTS);
    assert_int_equal(ids.n_bytes, N * sizeof(int64_t));
    for (int i = 0; i < N; i++)
        assert_true(ids.as.ints[i] == INT64_C(900000000000000000) - INT64_C(7) * i);
    bytes_free(&json);
    tear_down(&rig);
}

/* ---- spellings ---- */

static void a_number_asked_for_as_text_keeps_its_spelling(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "5.2826592657222e+17",
        "528265926572220123",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551614",
        "-9223372036854775807",
        "1.0",
        "1.50",
        "1E5",
        "1e-7",
        "0",
        "-12",
        "0.1000000000000000055511151231257827021181583404541015625",
        "1e999",
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char json[128];
        struct rig rig;
        (void)snprintf(json, sizeof json, "{\"merge_cc\":%s}", numbers[i]);
        set_up(&rig, json);

        assert_text(value_at(&rig, "merge_cc", MLY_TEXT), numbers[i]);

        tear_down(&rig);
    }
}

static void a_number_whose_digits_are_lost_is_no_text(void **state)
{
    (void)state;
    static const char *const numbers[] = {"18446744073709551616",
                                          "99999999999999999999",
                                          "-9223372036854775809",
                                          "-99999999999999999999",
                                          "NaN",
                                          "Infinity",
                                          "-Infinity"};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char json[128];
        struct rig rig;
        const int n = snprintf(json, sizeof json, "{\"merge_cc\":%s}", numbers[i]);
        if (open_bytes(&rig, json, (size_t)n) == MLY_OK) /* a parser may as well refuse it */
            assert_int_equal(value_at(&rig, "merge_cc", MLY_TEXT).type, MLY_NULL);
        tear_down(&rig);
    }
}

static void texts_that_are_no_numbers_are_as_they_were(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"url\":\"https:\\/\\/x\\/a?b=c\",\"name\":\"\\u00fcber\",\"t\":true,\"f\":false,\"empty\":\"\","
                 "\"none\":null,\"n\":\"1.50\"}");

    assert_text(value_at(&rig, "url", MLY_TEXT), "https://x/a?b=c");
    assert_text(value_at(&rig, "name", MLY_TEXT), "\xc3\xbc"
                                                  "ber");
    assert_text(value_at(&rig, "t", MLY_TEXT), "true");
    assert_text(value_at(&rig, "f", MLY_TEXT), "false");
    assert_text(value_at(&rig, "n", MLY_TEXT), "1.50");
    assert_int_equal(value_at(&rig, "empty", MLY_TEXT).type, MLY_NULL);
    assert_int_equal(value_at(&rig, "none", MLY_TEXT).type, MLY_NULL);

    tear_down(&rig);
}

static void the_host_program_s_decimal_comma_changes_nothing(void **state)
{
    (void)state;
    struct rig rig;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        skip();
    set_up(&rig, "{\"a\":1.5,\"r\":[1.5,\"2.5\"],\"g\":{\"type\":\"Point\",\"coordinates\":[13.25,52.5]}}");

    const struct mly_value text = value_at(&rig, "a", MLY_TEXT), reals = value_at(&rig, "r", MLY_REALS);
    double x = 0, y = 0;
    const bool found = mly_graph_point(mly_graph_root(rig.answer), "g", &x, &y);
    (void)setlocale(LC_NUMERIC, "C");

    assert_text(text, "1.5");
    assert_reals(reals, REALS(1.5, 2.5));
    assert_true(found);
    assert_near(x, 13.25, 0.0);
    assert_near(y, 52.5, 0.0);
    tear_down(&rig);
}

/* ---- sets of columns ---- */

static void only_columns_of_the_set_that_the_graph_has_are_filled(void **state)
{
    (void)state;
    static const struct mly_column columns[] = {
        {.name = "a", .type = MLY_INT, .graph = "a"},
        {.name = "b", .type = MLY_INT, .graph = "b"},
        {.name = "elsewhere", .type = MLY_INT, .graph = NULL},
        {.name = "absent", .type = MLY_INT, .graph = "absent"},
    };
    const struct mly_layer layer = {.name = "made up", .columns = columns, .n_columns = COUNT(columns)};
    struct rig rig;
    set_up(&rig, "{\"a\":1,\"b\":2,\"elsewhere\":3}");
    for (uint64_t set = 0; set < 16; set++) {
        struct mly_value values[COUNT(columns)];
        for (size_t i = 0; i < COUNT(values); i++)
            values[i] = (struct mly_value){.as.i = -77, .type = MLY_TIME};

        assert_status(
            mly_graph_values(mly_graph_root(rig.answer), &layer, set | ~UINT64_C(15), &rig.arena, values, &rig.err),
            MLY_OK, &rig.err);

        for (size_t i = 0; i < COUNT(values); i++) {
            const bool is_filled = i != 2 && (set >> i & 1);
            const enum mly_type type = !is_filled ? MLY_TIME : i == 3 ? MLY_NULL : MLY_INT;
            assert_int_equal(values[i].type, type);
            if (type != MLY_NULL)
                assert_true(values[i].as.i == (is_filled ? (int64_t)i + 1 : -77));
        }
    }
    tear_down(&rig);
}

static void no_entity_says_nothing(void **state)
{
    (void)state;
    const struct mly_layer *layer = mly_schema_find("images");
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
    struct rig rig;
    double x = 5, y = 6;
    set_up(&rig, "{}");
    memset(values, 0xff, sizeof values);

    assert_status(mly_graph_values(NULL, layer, ~UINT64_C(0), &rig.arena, values, &rig.err), MLY_OK, &rig.err);

    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (layer->columns[i].graph)
            assert_int_equal(values[i].type, MLY_NULL);
    }
    assert_int_equal(mly_graph_int(NULL, "id").type, MLY_NULL);
    assert_int_equal(mly_graph_text(NULL, "id").type, MLY_NULL);
    assert_false(mly_graph_point(NULL, "geometry", &x, &y));
    tear_down(&rig);
}

/* ---- one value ---- */

static void one_value_is_found_by_its_path(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig,
           "{\"creator\":{\"username\":\"j\\u00fcrgen\",\"id\":\"9007199254740993\"},\"n\":5,\"r\":5.5,\"b\":true,"
           "\"e\":\"\",\"data\":[{\"id\":\"7\"}]}");
    const struct mly_graph_entity *root = mly_graph_root(rig.answer);

    assert_true(mly_graph_int(root, "creator.id").type == MLY_INT);
    assert_true(mly_graph_int(root, "creator.id").as.i == INT64_C(9007199254740993));
    assert_true(mly_graph_int(root, "n").as.i == 5);
    assert_true(mly_graph_int(root, "data.#").as.i == 1);
    assert_true(mly_graph_int(root, "data.0.id").as.i == 7);
    assert_text(mly_graph_text(root, "creator.username"), "j\xc3\xbcrgen");
    assert_text(mly_graph_text(root, "data.0.id"), "7");
    static const char *const no_ints[] = {"creator", "creator.username", "r", "e", "absent", "data.*.id", "data"};
    for (size_t i = 0; i < COUNT(no_ints); i++)
        assert_int_equal(mly_graph_int(root, no_ints[i]).type, MLY_NULL);
    static const char *const no_texts[] = {"creator", "n", "r", "b", "e", "absent", "data.*.id", "data.#", "data"};
    for (size_t i = 0; i < COUNT(no_texts); i++)
        assert_int_equal(mly_graph_text(root, no_texts[i]).type, MLY_NULL);

    tear_down(&rig);
}

/* ---- entities by id ---- */

static void an_entity_is_found_by_its_id(void **state)
{
    (void)state;
    static const int64_t absent[] = {0, 2, -1, 1, INT64_MIN, INT64_MAX, 10};
    struct rig rig;
    set_up(&rig, "{\"9007199254740993\":{\"id\":\"9007199254740993\",\"x\":1},\"9007199254740992\":{\"x\":2},"
                 "\"3\":null,\"4\":[],\"5\":\"5\",\"01\":{\"x\":3},\"6\":{}}");

    const struct mly_graph_entity *entity = mly_graph_get(rig.answer, INT64_C(9007199254740993));

    assert_non_null(entity);
    assert_true(mly_graph_int(entity, "x").as.i == 1);
    assert_true(mly_graph_int(mly_graph_get(rig.answer, INT64_C(9007199254740992)), "x").as.i == 2);
    assert_non_null(mly_graph_get(rig.answer, 6));
    for (int64_t id = 3; id <= 5; id++)
        assert_null(mly_graph_get(rig.answer, id));
    for (size_t i = 0; i < COUNT(absent); i++)
        assert_null(mly_graph_get(rig.answer, absent[i]));

    tear_down(&rig);
}

/* ---- points ---- */

static bool read_point(const char *geometry, double *x, double *y)
{
    char json[256];
    struct rig rig;
    const int n = snprintf(json, sizeof json, "{\"geometry\":%s}", geometry);
    bool found = false;
    if (open_bytes(&rig, json, (size_t)n) == MLY_OK)
        found = mly_graph_point(mly_graph_root(rig.answer), "geometry", x, y);
    tear_down(&rig);
    return found;
}

static void a_point_is_longitude_and_latitude(void **state)
{
    (void)state;
    static const struct {
        const char *geometry;
        double x, y;
    } points[] = {
        {"{\"type\":\"Point\",\"coordinates\":[2.3013506935803,48.848225624039]}", 2.3013506935803, 48.848225624039},
        {"{\"coordinates\":[-108,39],\"type\":\"Point\"}", -108, 39},
        {"{\"type\":\"Point\",\"coordinates\":[180,90]}", 180, 90},
        {"{\"type\":\"Point\",\"coordinates\":[-180,-90]}", -180, -90},
        {"{\"type\":\"Point\",\"coordinates\":[0,0]}", 0, 0},
        {"{\"type\":\"Point\",\"coordinates\":[1,2,345.6]}", 1, 2}, /* an altitude */
    };
    for (size_t i = 0; i < COUNT(points); i++) {
        double x = 999, y = 999;

        assert_true(read_point(points[i].geometry, &x, &y));

        assert_near(x, points[i].x, 0.0);
        assert_near(y, points[i].y, 0.0);
    }
}

static void what_is_no_point_on_earth_is_none(void **state)
{
    (void)state;
    static const char *const others[] = {
        "null",
        "5",
        "[1,2]",
        "{}",
        "{\"type\":\"Point\"}",
        "{\"coordinates\":[1,2]}",
        "{\"type\":\"Point\",\"coordinates\":[]}",
        "{\"type\":\"Point\",\"coordinates\":[1]}",
        "{\"type\":\"Point\",\"coordinates\":{\"0\":1,\"1\":2}}",
        "{\"type\":\"Point\",\"coordinates\":[null,2]}",
        "{\"type\":\"Point\",\"coordinates\":[1,\"north\"]}",
        "{\"type\":\"Point\",\"coordinates\":[[1,2],[3,4]]}",
        "{\"type\":\"Point\",\"coordinates\":\"1,2\"}",
        "{\"type\":\"point\",\"coordinates\":[1,2]}",
        "{\"type\":\"Points\",\"coordinates\":[1,2]}",
        "{\"type\":\"LineString\",\"coordinates\":[1,2]}",
        "{\"type\":[\"Point\"],\"coordinates\":[1,2]}",
        "{\"type\":\"Point\",\"coordinates\":[180.0000001,2]}",
        "{\"type\":\"Point\",\"coordinates\":[-180.0000001,2]}",
        "{\"type\":\"Point\",\"coordinates\":[1,90.0000001]}",
        "{\"type\":\"Point\",\"coordinates\":[1,-90.0000001]}",
        "{\"type\":\"Point\",\"coordinates\":[1e999,2]}",
        "{\"type\":\"Point\",\"coordinates\":[1,-1e999]}",
        "{\"type\":\"Point\",\"coordinates\":[NaN,2]}",
        "{\"type\":\"Point\",\"coordinates\":[1,Infinity]}",
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        double x = 5, y = 6;

        if (read_point(others[i], &x, &y))
            fail_msg("%s is a point", others[i]);

        assert_near(x, 5, 0.0);
        assert_near(y, 6, 0.0);
    }
}

/* ---- memory ---- */

static const char rich[] = "{\"merge_cc\":5.2826592657222e+17,\"make\":5,\"model\":true,\"camera_parameters\":[1,2,3],"
                           "\"computed_rotation\":[]}";

static enum mly_status fill(struct rig *rig, size_t limit)
{
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
    mly_arena_init(&rig->arena, &rig->mem.mem, limit);
    return mly_graph_values(mly_graph_root(rig->answer), mly_schema_find("images"), ~UINT64_C(0), &rig->arena, values,
                            &rig->err);
}

static void memory_that_is_short_is_told_from_a_value_that_is_absent(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, rich);
    assert_status(fill(&rig, SIZE_MAX), MLY_OK, &rig.err);
    const size_t need = rig.arena.used;
    mly_arena_fini(&rig.arena);
    assert_true(need > 0);
    assert_status(fill(&rig, need), MLY_OK, &rig.err);
    mly_arena_fini(&rig.arena);

    for (size_t limit = 0; limit < need; limit++) {
        rig.err = (struct mly_error){.code = MLY_OK};
        assert_status(fill(&rig, limit), MLY_E_LIMIT, &rig.err);
        assert_int_equal(rig.err.code, MLY_E_LIMIT);
        mly_arena_fini(&rig.arena);
    }

    fail_mem_init_failing(&rig.mem, 0, 1);
    assert_status(fill(&rig, SIZE_MAX), MLY_E_NOMEM, &rig.err);
    assert_int_equal(rig.err.code, MLY_E_NOMEM);
    tear_down(&rig);
}

static void single_values_take_no_memory(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, "{\"id\":\"7\",\"make\":\"Garmin\",\"width\":4160,\"altitude\":1.5,\"is_pano\":false}");

    assert_status(fill(&rig, 0), MLY_OK, &rig.err);

    assert_int_equal(rig.mem.n_allocs, 0);
    tear_down(&rig);
}

/* ---- recorded ones ---- */

/* An entity's values, by the columns of a layer. */
struct entity {
    struct rig rig;
    const struct mly_layer *layer;
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
};

static void read_entity(struct entity *entity, const char *name, const char *layer)
{
    struct bytes body = recorded_read(name);
    while (body.size > 0 && body.data[body.size - 1] == '\n')
        body.size--;
    assert_status(open_bytes(&entity->rig, body.data, body.size), MLY_OK, &entity->rig.err);
    bytes_free(&body);
    entity->layer = mly_schema_find(layer);
    memset(entity->values, 0, sizeof entity->values);
    assert_status(mly_graph_values(mly_graph_root(entity->rig.answer), entity->layer, ~UINT64_C(0), &entity->rig.arena,
                                   entity->values, &entity->rig.err),
                  MLY_OK, &entity->rig.err);
}

static struct mly_value column_of(const struct entity *entity, const char *name)
{
    const int column = mly_schema_column(entity->layer, name);
    assert_true(column >= 0);
    return entity->values[column];
}

static void a_recorded_image_is_read(void **state)
{
    (void)state;
    struct entity image;
    double x = 0, y = 0;
    read_entity(&image, "graph/135511895288847.json", "images");

    assert_true(column_of(&image, "id").as.i == INT64_C(135511895288847));
    assert_int_equal(column_of(&image, "captured_at").type, MLY_TIME);
    assert_true(column_of(&image, "captured_at").as.i == INT64_C(1563721072184));
    assert_near(column_of(&image, "compass_angle").as.r, 336.74, 0.0);
    assert_text(column_of(&image, "sequence_id"), "7nfcwfvjdtphz7yj6zat6a");
    assert_near(column_of(&image, "quality_score").as.r, 0.7561310782241, 0.0);
    assert_near(column_of(&image, "altitude").as.r, 1364.617, 0.0);
    assert_near(column_of(&image, "computed_lon").as.r, -108.57081597085, 0.0);
    assert_near(column_of(&image, "computed_lat").as.r, 39.068354912098, 0.0);
    assert_reals(column_of(&image, "computed_rotation"),
                 REALS(1.3642214091955, -0.0019509766093401, 0.035317244081076));
    assert_reals(column_of(&image, "camera_parameters"),
                 REALS(0.85136388143343, -6.6499673206348e-05, -3.8067681992196e-05));
    assert_text(column_of(&image, "camera_type"), "perspective");
    assert_true(column_of(&image, "width").as.i == 4160);
    assert_true(column_of(&image, "exif_orientation").as.i == 1);
    assert_text(column_of(&image, "merge_cc"), "4.546427159383e+18");
    assert_true(column_of(&image, "mesh_id").as.i == INT64_C(903987176835273));
    assert_text(column_of(&image, "mesh_url"), "mesh_filler_url");
    assert_true(column_of(&image, "sfm_cluster_id").as.i == INT64_C(306951457725231));
    assert_text(column_of(&image, "thumb_original_url"), "thumb_original_filler_url");
    static const char *const absent[] = {"is_pano", "organization_id", "creator_id", "creator_username", "make",
                                         "model"};
    for (size_t i = 0; i < COUNT(absent); i++)
        assert_int_equal(column_of(&image, absent[i]).type, MLY_NULL);
    const struct mly_graph_entity *root = mly_graph_root(image.rig.answer);
    assert_true(mly_graph_point(root, "geometry", &x, &y));
    assert_near(x, -108.57081597222, 0.0);
    assert_near(y, 39.068354972222, 0.0);
    assert_true(mly_graph_point(root, "computed_geometry", &x, &y));
    assert_near(x, -108.57081597085, 0.0);
    tear_down(&image.rig);
}

static void a_recorded_image_without_a_mesh_is_read(void **state)
{
    (void)state;
    struct entity image;
    read_entity(&image, "graph/308609047601518.json", "images");

    assert_int_equal(column_of(&image, "mesh_id").type, MLY_NULL);
    assert_int_equal(column_of(&image, "mesh_url").type, MLY_NULL);
    assert_text(column_of(&image, "merge_cc"), "4.546427159383e+18");
    assert_true(column_of(&image, "sfm_cluster_id").as.i == INT64_C(306951457725231));

    tear_down(&image.rig);
    read_entity(&image, "graph/148137757289079.json", "images");
    assert_text(column_of(&image, "merge_cc"), "5.2826592657222e+17");
    tear_down(&image.rig);
}

static void a_recorded_answer_as_it_comes_over_the_wire_is_read(void **state)
{
    (void)state;
    struct entity image;
    read_entity(&image, "graph/image_raw_compact.json.txt", "images");

    assert_true(column_of(&image, "id").as.i == INT64_C(1156350815484235));
    assert_text(column_of(&image, "thumb_1024_url"), "https://scontent-waw2-1...");
    assert_near(column_of(&image, "computed_lat").as.r, 48.848225624039, 0.0);

    tear_down(&image.rig);
}

static void a_recorded_traffic_sign_is_read(void **state)
{
    (void)state;
    struct entity sign;
    double x = 0, y = 0;
    read_entity(&sign, "graph/496980935069177.json", "traffic_signs");

    assert_true(column_of(&sign, "id").as.i == INT64_C(496980935069177));
    assert_text(column_of(&sign, "value"), "complementary--both-directions--g2");
    assert_text(column_of(&sign, "object_type"), "trafficsign");
    assert_true(column_of(&sign, "first_seen_at").as.i == INT64_C(1503523946000));
    assert_int_equal(column_of(&sign, "aligned_direction").type, MLY_NULL);
    assert_ints(column_of(&sign, "image_ids"),
                INTS(INT64_C(133075088816573), INT64_C(512146709982392), INT64_C(828719391332432)));
    assert_true(mly_graph_point(mly_graph_root(sign.rig.answer), "geometry", &x, &y));
    assert_near(x, -83.417193328459, 0.0);
    assert_near(y, 41.341166490122, 0.0);
    tear_down(&sign.rig);
}

static void recorded_ids_of_a_sequence_are_read(void **state)
{
    (void)state;
    struct entity sequence;
    int64_t sum = 0;
    read_entity(&sequence, "graph/image_ids/7nfcwfvjdtphz7yj6zat6a.json", "sequences");

    const struct mly_value ids = column_of(&sequence, "image_ids");

    assert_true(column_of(&sequence, "image_count").as.i == 8);
    assert_int_equal(ids.type, MLY_INTS);
    assert_int_equal(ids.n_bytes, 8 * sizeof(int64_t));
    for (size_t i = 0; i < 8; i++)
        sum += ids.as.ints[i];
    assert_true(ids.as.ints[0] == INT64_C(148137757289079));
    assert_true(ids.as.ints[7] == INT64_C(311681117131457));
    assert_true(sum == INT64_C(6253332926668264));
    tear_down(&sequence.rig);
}

/* ---- JSON again ---- */

static void a_member_is_printed_on_one_line_as_it_was_spelled(void **state)
{
    (void)state;
    static const struct {
        const char *json, *printed;
    } cases[] = {
        {"{ \"a\" : 1.50 }", "1.50"},
        {"{\"a\":1e2}", "1e2"},
        {"{\"a\":18446744073709551614}", "18446744073709551614"},
        {"{\"a\":null}", "null"},
        {"{\"a\":[ true, {\"b\": \"x\\ny/\\u0000\"} ]}", "[true,{\"b\":\"x\\ny/\\u0000\"}]"},
        {"{\"b\":1}", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rig rig;
        struct mly_span json;
        set_up(&rig, cases[i].json);
        assert_status(mly_graph_member(mly_graph_root(rig.answer), "a", &json, &rig.err), MLY_OK, &rig.err);
        assert_span(json, cases[i].printed, strlen(cases[i].printed));
        tear_down(&rig);
    }
    struct mly_span json;
    assert_status(mly_graph_member(NULL, "a", &json, NULL), MLY_OK, NULL);
    assert_int_equal(json.size, 0);
}

static void a_list_is_printed_so_that_it_opens_again(void **state)
{
    (void)state;
    static const char *const nexts[] = {NULL, "https://x/images?a=\"b\"&c"};
    for (size_t i = 0; i < COUNT(nexts); i++) {
        struct rig rig;
        struct mly_buf text;
        struct mly_graph *again = NULL;
        set_up(&rig, "{\"data\":[{\"id\":\"7\"},{\"id\":\"8\"}],\"paging\":{\"next\":\"gone\"},\"more\":1}");
        mly_buf_init(&text, &rig.mem.mem, 4096);
        assert_status(mly_graph_print_list(rig.answer, nexts[i], &text, &rig.err), MLY_OK, &rig.err);
        assert_status(mly_graph_open_list(mly_buf_view(&text), &again, &rig.err), MLY_OK, &rig.err);
        assert_int_equal(mly_graph_count(again), 2);
        const char *next = nexts[i] ? nexts[i] : "";
        assert_span(mly_graph_next(again), next, strlen(next));
        mly_graph_free(again);
        const size_t n = text.size;
        mly_buf_fini(&text);
        for (size_t limit = 0; limit < n; limit++) {
            mly_buf_init(&text, &rig.mem.mem, limit);
            assert_status(mly_graph_print_list(rig.answer, nexts[i], &text, &rig.err), MLY_E_LIMIT, NULL);
            mly_buf_fini(&text);
        }
        tear_down(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_is_printed_on_one_line_as_it_was_spelled),
        cmocka_unit_test(a_list_is_printed_so_that_it_opens_again),
        cmocka_unit_test(any_object_is_an_answer_and_its_own_entity),
        cmocka_unit_test(what_is_no_object_is_no_answer),
        cmocka_unit_test(answers_have_the_ceilings_of_lists),
        cmocka_unit_test(no_answer_is_freed_too),
        cmocka_unit_test(a_number_in_a_path_is_a_place_in_an_array),
        cmocka_unit_test(the_number_of_elements_is_a_value),
        cmocka_unit_test(a_star_stands_for_all_elements),
        cmocka_unit_test(a_list_column_takes_an_array_s_elements),
        cmocka_unit_test(an_array_without_elements_is_a_list_without_elements),
        cmocka_unit_test(one_element_that_cannot_be_read_makes_the_list_nothing),
        cmocka_unit_test(reals_of_a_list_are_finite),
        cmocka_unit_test(what_is_no_array_is_no_list),
        cmocka_unit_test(a_list_is_no_single_value),
        cmocka_unit_test(the_images_of_a_long_sequence_are_all_there),
        cmocka_unit_test(a_number_asked_for_as_text_keeps_its_spelling),
        cmocka_unit_test(a_number_whose_digits_are_lost_is_no_text),
        cmocka_unit_test(texts_that_are_no_numbers_are_as_they_were),
        cmocka_unit_test(the_host_program_s_decimal_comma_changes_nothing),
        cmocka_unit_test(only_columns_of_the_set_that_the_graph_has_are_filled),
        cmocka_unit_test(no_entity_says_nothing),
        cmocka_unit_test(one_value_is_found_by_its_path),
        cmocka_unit_test(an_entity_is_found_by_its_id),
        cmocka_unit_test(a_point_is_longitude_and_latitude),
        cmocka_unit_test(what_is_no_point_on_earth_is_none),
        cmocka_unit_test(memory_that_is_short_is_told_from_a_value_that_is_absent),
        cmocka_unit_test(single_values_take_no_memory),
        cmocka_unit_test(a_recorded_image_is_read),
        cmocka_unit_test(a_recorded_image_without_a_mesh_is_read),
        cmocka_unit_test(a_recorded_answer_as_it_comes_over_the_wire_is_read),
        cmocka_unit_test(a_recorded_traffic_sign_is_read),
        cmocka_unit_test(recorded_ids_of_a_sequence_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
