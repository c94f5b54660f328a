/* SPDX-License-Identifier: MIT */
#include "io/entry.h"

#include <stdio.h>
#include <string.h>

#include "support/check.h"

static const struct mly_entry_name name = {.scope = "https://tiles.example", .key = "mly1_public/14/8574/5735"};
static const struct mly_entry entry = {.http = 200,
                                       .fetched_ms = INT64_C(1700000000123),
                                       .n_bytes = 12345,
                                       .body_hash = UINT64_C(0x0123456789abcdef),
                                       .validator = "If-None-Match: \"a\""};

static void a_head_says_what_was_written_into_it(void **state)
{
    (void)state;
    static const struct mly_entry entries[] = {
        {.http = 100, .fetched_ms = 0, .n_bytes = 0, .body_hash = 0},
        {.http = 404, .fetched_ms = INT64_C(1700000000123), .n_bytes = 0, .body_hash = 7},
        {.http = 999, .fetched_ms = INT64_C(253402300799999), .n_bytes = MLY_LIMIT_BODY, .body_hash = UINT64_MAX},
        {.http = 200, .validator = "If-None-Match: \"abc\""},
        {.http = 200, .validator = "If-Modified-Since: Sat, 21 Jun 2025 10:00:00 GMT"},
    };
    for (size_t i = 0; i < COUNT(entries); i++) {
        uint8_t head[MLY_ENTRY_HEAD];
        struct mly_entry read;
        mly_entry_write_head(&name, &entries[i], head);

        assert_true(mly_entry_read_head(&name, head, &read));

        assert_int_equal(read.http, entries[i].http);
        assert_true(read.fetched_ms == entries[i].fetched_ms);
        assert_int_equal(read.n_bytes, entries[i].n_bytes);
        assert_true(read.body_hash == entries[i].body_hash);
        assert_string_equal(read.validator, entries[i].validator);
    }
}

static void what_is_no_validator_is_not_read_as_one(void **state)
{
    (void)state;
    static const char *const texts[] = {"Host: elsewhere.example", "If-None-Match: a\nHost: x", "If-None-Match: "};
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint8_t head[MLY_ENTRY_HEAD];
        struct mly_entry odd = entry, read;
        (void)snprintf(odd.validator, sizeof odd.validator, "%s", texts[i]);
        mly_entry_write_head(&name, &odd, head);
        assert_true(mly_entry_read_head(&name, head, &read));
        assert_string_equal(read.validator, "");
    }
}

static void the_form_is_the_one_that_is_described(void **state)
{
    (void)state;
    uint8_t head[MLY_ENTRY_HEAD];
    static const uint8_t fields[] = {
        0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, /* hash of the body */
        0x7b, 0x68, 0xe5, 0xcf, 0x8b, 0x01, 0,    0,    /* 1700000000123 */
        0x39, 0x30, 0,    0,                            /* 12345 */
        200,  0,    21,   0,    24,   0,                /* status, lengths */
        0,    0,    0,    0,    0,    0,
    };
    mly_entry_write_head(&name, &entry, head);

    assert_memory_equal(head, "MLYC\r\n\x1a\x02", 8);
    assert_memory_equal(head + 16, fields, sizeof fields);
    assert_memory_equal(head + 48, "If-None-Match: \"a\"\0", 20);
    assert_memory_equal(head + 176, "https://tiles.examplemly1_public/14/8574/5735", 45);
    assert_int_equal(mly_entry_head_size(&name), 176 + 45);
}

static void a_head_with_any_bit_turned_is_refused(void **state)
{
    (void)state;
    uint8_t head[MLY_ENTRY_HEAD];
    struct mly_entry read;
    mly_entry_write_head(&name, &entry, head);
    for (size_t bit = 0; bit < 8 * mly_entry_head_size(&name); bit++) {
        head[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(mly_entry_read_head(&name, head, &read));
        head[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(mly_entry_read_head(&name, head, &read));
}

static void a_head_of_another_name_is_refused(void **state)
{
    (void)state;
    static const struct mly_entry_name others[] = {
        {.scope = "https://tiles.example", .key = "mly1_public/14/8574/5736"},
        {.scope = "https://tiles.exbmple", .key = "mly1_public/14/8574/5735"},
        {.scope = "https://tiles.examplem", .key = "ly1_public/14/8574/5735"},
        {.scope = "https://tiles.example", .key = "mly1_public/14/8574/573"},
    };
    uint8_t head[MLY_ENTRY_HEAD];
    struct mly_entry read;
    mly_entry_write_head(&name, &entry, head);
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_false(mly_entry_read_head(&others[i], head, &read));
        assert_true(mly_entry_hash(&others[i]) != mly_entry_hash(&name));
    }
}

static void a_whole_head_with_impossible_numbers_is_refused(void **state)
{
    (void)state;
    static const struct mly_entry entries[] = {
        {.http = 99, .fetched_ms = 1},
        {.http = 1000, .fetched_ms = 1},
        {.http = 200, .fetched_ms = -1},
        {.http = 200, .fetched_ms = INT64_C(253402300800000)},
    };
    for (size_t i = 0; i < COUNT(entries); i++) {
        uint8_t head[MLY_ENTRY_HEAD];
        struct mly_entry read;
        mly_entry_write_head(&name, &entries[i], head);
        assert_false(mly_entry_read_head(&name, head, &read));
    }
}

static bool is_key(const char *key)
{
    const struct mly_entry_name with_key = {.scope = "https://tiles.example", .key = key};
    return mly_entry_is_name(&with_key);
}

static bool is_scope(const char *scope)
{
    const struct mly_entry_name with_scope = {.scope = scope, .key = "key"};
    return mly_entry_is_name(&with_scope);
}

static void keys_that_lead_out_or_cannot_be_printed_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {"",     "/etc/passwd", "..",   "../secret", "a/../../b",
                                          "a/..", "a\n",         "\x01", "a\x7f",     "a\tb"};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_false(is_key(refused[i]));
    assert_true(is_key("mly1_public/14/8574/5735"));
    assert_true(is_key("a.b/c d"));
    assert_true(is_key("\xc3\xa4"));
}

static void names_up_to_their_ceilings_fit_into_a_head(void **state)
{
    (void)state;
    char key[MLY_LIMIT_KEY + 1] = "", scope[MLY_LIMIT_ADDRESS + 1] = "";
    memset(key, 'k', MLY_LIMIT_KEY - 1);
    memset(scope, 's', MLY_LIMIT_ADDRESS - 1);
    const struct mly_entry_name longest = {.scope = scope, .key = key};
    uint8_t head[MLY_ENTRY_HEAD];
    struct mly_entry read;

    assert_true(is_key(key) && is_scope(scope));
    assert_true(mly_entry_head_size(&longest) <= sizeof head);
    mly_entry_write_head(&longest, &entry, head);
    assert_true(mly_entry_read_head(&longest, head, &read));
    assert_true(mly_entry_hash(&longest) != mly_entry_hash(&name));

    key[MLY_LIMIT_KEY - 1] = 'k';
    scope[MLY_LIMIT_ADDRESS - 1] = 's';
    assert_false(is_key(key));
    assert_false(is_scope(scope));
    assert_false(is_scope(""));
    assert_false(is_scope("https://a\r\nb"));
}

static void file_names_are_parsed_as_they_are_printed(void **state)
{
    (void)state;
    static const uint64_t hashes[] = {0, 1, UINT64_C(0x0123456789abcdef), UINT64_C(0xff00000000000000), UINT64_MAX};
    for (size_t i = 0; i < COUNT(hashes); i++) {
        char folder[MLY_ENTRY_FOLDER], file[MLY_ENTRY_FILE], temporary[MLY_ENTRY_FILE];
        uint64_t number = 1;
        mly_entry_print_folder(hashes[i], folder);
        mly_entry_print_file(hashes[i], file);
        mly_entry_print_temporary(hashes[i], temporary);

        assert_true(mly_entry_parse_folder(folder, &number) && number == hashes[i] >> 56);
        assert_true(mly_entry_parse_file(file, &number) && number == hashes[i]);
        assert_true(mly_entry_parse_temporary(temporary, &number) && number == hashes[i]);
        assert_false(mly_entry_parse_temporary(file, &number) || mly_entry_parse_file(temporary, &number));
        assert_memory_equal(file, folder, 2);
    }
}

static void file_names_of_others_are_not_taken_for_ours(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "",
        ".",
        "..",
        "0",
        "123456789abcdef.mlyc",
        "00123456789abcdef.mlyc",
        "0123456789ABCDEF.mlyc",
        "0123456789abcdeg.mlyc",
        "0123456789abcdef",
        "0123456789abcdef.mly",
        "0123456789abcdef.mlyc~",
        "0123456789abcdef.mlycc",
        " 0123456789abcdef.mlyc",
        "0x23456789abcdef.mlyc",
        "README.mlyc",
        "pace",
        "0g",
        "abc",
        "AB",
    };
    uint64_t number;
    for (size_t i = 0; i < COUNT(foreign); i++) {
        assert_false(mly_entry_parse_folder(foreign[i], &number));
        assert_false(mly_entry_parse_file(foreign[i], &number));
        assert_false(mly_entry_parse_temporary(foreign[i], &number));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_says_what_was_written_into_it),
        cmocka_unit_test(what_is_no_validator_is_not_read_as_one),
        cmocka_unit_test(the_form_is_the_one_that_is_described),
        cmocka_unit_test(a_head_with_any_bit_turned_is_refused),
        cmocka_unit_test(a_head_of_another_name_is_refused),
        cmocka_unit_test(a_whole_head_with_impossible_numbers_is_refused),
        cmocka_unit_test(keys_that_lead_out_or_cannot_be_printed_are_refused),
        cmocka_unit_test(names_up_to_their_ceilings_fit_into_a_head),
        cmocka_unit_test(file_names_are_parsed_as_they_are_printed),
        cmocka_unit_test(file_names_of_others_are_not_taken_for_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
