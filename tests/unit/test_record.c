/* SPDX-License-Identifier: MIT */
#include "io/record.h"

#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"

static struct mly_span span_of(const char *text)
{
    return (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)};
}

static void assert_text(struct mly_span span, const char *expected)
{
    assert_span(span, expected, strlen(expected));
}

static void lines_come_back_as_they_were_appended(void **state)
{
    (void)state;
    static const struct {
        int64_t fetched_ms, expires_ms;
        const char *name, *json;
    } lines[] = {
        {1700000000000, 0, "altitude", "12.50"},
        {0, 1, "creator", "{\"username\":\"a b\",\"id\":\"7\"}"},
        {999999999999999, 999999999999999, "make", "null"},
        {5, 0, "mesh", ""}, /* asked for, and not there */
        {5, 0, "model", "\" two  spaces \""},
    };
    struct fail_mem mem;
    struct mly_buf record;
    struct mly_record_field field;
    fail_mem_init(&mem);
    mly_buf_init(&record, &mem.mem, 4096);
    for (size_t i = 0; i < COUNT(lines); i++) {
        field = (struct mly_record_field){.name = span_of(lines[i].name),
                                          .json = span_of(lines[i].json),
                                          .fetched_ms = lines[i].fetched_ms,
                                          .expires_ms = lines[i].expires_ms};
        assert_status(mly_record_append(&record, &field), MLY_OK, NULL);
    }

    struct mly_span rest = mly_buf_view(&record);
    for (size_t i = 0; i < COUNT(lines); i++) {
        assert_status(mly_record_next(&rest, &field), MLY_OK, NULL);
        assert_text(field.name, lines[i].name);
        assert_text(field.json, lines[i].json);
        assert_true(field.fetched_ms == lines[i].fetched_ms && field.expires_ms == lines[i].expires_ms);
        assert_status(mly_record_find(mly_buf_view(&record), span_of(lines[i].name), &field), MLY_OK, NULL);
        assert_text(field.json, lines[i].json);
    }
    assert_status(mly_record_next(&rest, &field), MLY_DONE, NULL);
    assert_status(mly_record_find(mly_buf_view(&record), span_of("mode"), &field), MLY_DONE, NULL);
    mly_buf_fini(&record);
    assert_nothing_leaks(&mem);
}

static void what_is_no_record_is_refused_and_nothing_is_found_behind_it(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\n",
        "make",
        "1 2 make 3",
        "x 2 make 3\n",
        "1 -2 make 3\n",
        "1 2 make\n",
        "1 2  3\n",
        " 1 2 make 3\n",
        "1234567890123456 2 make 3\n",
        "1 2\tmake 3\n",
    };
    struct mly_record_field field;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct mly_span rest = span_of(texts[i]);
        assert_status(mly_record_next(&rest, &field), MLY_E_CORRUPT, NULL);
        assert_status(mly_record_find(span_of(texts[i]), span_of("make"), &field), MLY_DONE, NULL);
    }
    assert_status(mly_record_find(span_of("1 2 a 3\nbroken\n1 2 make 3\n"), span_of("make"), &field), MLY_DONE, NULL);
}

static void what_would_break_a_line_is_not_appended(void **state)
{
    (void)state;
    static const struct mly_record_field fields[] = {
        {.name = {.data = NULL, .size = 0}},
        {.name = {.data = (const uint8_t *)"a b", .size = 3}},
        {.name = {.data = (const uint8_t *)"a\nb", .size = 3}},
        {.name = {.data = (const uint8_t *)"ab", .size = 2}, .json = {.data = (const uint8_t *)"1\n", .size = 2}},
        {.name = {.data = (const uint8_t *)"ab", .size = 2}, .fetched_ms = -1},
        {.name = {.data = (const uint8_t *)"ab", .size = 2}, .expires_ms = -1},
    };
    struct fail_mem mem;
    struct mly_buf record;
    fail_mem_init(&mem);
    mly_buf_init(&record, &mem.mem, 4096);
    for (size_t i = 0; i < COUNT(fields); i++)
        assert_status(mly_record_append(&record, &fields[i]), MLY_E_ARG, NULL);
    assert_int_equal(record.size, 0);
    mly_buf_fini(&record);
    assert_nothing_leaks(&mem);
}

static void a_line_is_appended_whole_or_not_at_all(void **state)
{
    (void)state;
    const struct mly_record_field field = {.name = span_of("make"), .json = span_of("\"x\""), .fetched_ms = 1};
    struct fail_mem mem;
    fail_mem_init(&mem);
    for (size_t limit = 0; limit < strlen("1 0 make \"x\"\n"); limit++) {
        struct mly_buf record;
        mly_buf_init(&record, &mem.mem, limit);
        assert_status(mly_record_append(&record, &field), MLY_E_LIMIT, NULL);
        assert_int_equal(record.size, 0);
        mly_buf_fini(&record);
    }
    assert_nothing_leaks(&mem);
}

static void names_are_taken_off_a_list_one_by_one(void **state)
{
    (void)state;
    const char *list = "a,bc,d";
    struct mly_span name;
    assert_true(mly_record_next_name(&list, &name));
    assert_text(name, "a");
    assert_true(mly_record_next_name(&list, &name));
    assert_text(name, "bc");
    assert_true(mly_record_next_name(&list, &name));
    assert_text(name, "d");
    assert_false(mly_record_next_name(&list, &name));
}

static void the_first_signed_address_to_end_decides(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t ms;
    } cases[] = {
        {"\"https://x.example/a?oh=00_A&oe=6A5E3F11\"", INT64_C(0x6A5E3F11) * 1000},
        {"\"https://x.example/a?oe=6a5e3f11&x=1\"", INT64_C(0x6A5E3F11) * 1000},
        {"[\"?oe=20\",\"?oe=10\",\"?oe=30\"]", 16000},
        {"\"https://x.example/shoe=12\"", 0}, /* another name */
        {"\"https://x.example/?oe=zz\"", 0},
        {"oe=10", 0},
        {"\"?oe=", 0},
        {"\"?oe=ffffffffffffffffffffffff\"", INT64_C(0xfffffffff) * 1000},
        {"", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_true(mly_record_expiry(span_of(cases[i].json)) == cases[i].ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_back_as_they_were_appended),
        cmocka_unit_test(what_is_no_record_is_refused_and_nothing_is_found_behind_it),
        cmocka_unit_test(what_would_break_a_line_is_not_appended),
        cmocka_unit_test(a_line_is_appended_whole_or_not_at_all),
        cmocka_unit_test(names_are_taken_off_a_list_one_by_one),
        cmocka_unit_test(the_first_signed_address_to_end_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
