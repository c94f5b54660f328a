/* SPDX-License-Identifier: MIT */
#include "core/graph.h"

#include <string.h>

#include "support/check.h"
#include "support/recorded.h"

/* Reads a text that is not terminated: one byte too many would be seen. */
static bool read_error(const char *text, struct mly_graph_error *out)
{
    struct bytes exact = {.size = 0};
    bytes_append(&exact, text, strlen(text));
    const bool found = mly_graph_read_error(bytes_view(&exact), out);
    bytes_free(&exact);
    return found;
}

static void all_parts_of_an_error_are_read(void **state)
{
    (void)state;
    struct mly_graph_error error;

    assert_true(read_error("{\"error\":{\"message\":\"Application request limit reached\",\"type\":\"MLYApiException\","
                           "\"is_transient\":true,\"code\":4,\"error_subcode\":99,\"fbtrace_id\":\"A\"}}",
                           &error));

    assert_int_equal(error.code, 4);
    assert_int_equal(error.subcode, 99);
    assert_true(error.is_transient);
    assert_string_equal(error.message, "Application request limit reached");
}

static void an_error_may_be_a_mere_sentence(void **state)
{
    (void)state;
    struct mly_graph_error error;

    assert_true(read_error("{\"error\": \"Param radius must be a number less than or equal to 50\"}", &error));

    assert_int_equal(error.code, 0);
    assert_false(error.is_transient);
    assert_string_equal(error.message, "Param radius must be a number less than or equal to 50");
}

static void what_an_error_does_not_say_is_zero_and_empty(void **state)
{
    (void)state;
    struct mly_graph_error error;
    memset(&error, 0xff, sizeof error);

    assert_true(read_error("{\"error\":{}}", &error));

    assert_int_equal(error.code, 0);
    assert_int_equal(error.subcode, 0);
    assert_false(error.is_transient);
    assert_string_equal(error.message, "");
}

static void other_types_than_expected_do_no_harm(void **state)
{
    (void)state;
    struct mly_graph_error error;

    assert_true(read_error("{\"error\":{\"message\":{\"a\":1},\"code\":\"190\",\"error_subcode\":[],"
                           "\"is_transient\":0}}",
                           &error));

    assert_string_equal(error.message, "");
    assert_int_equal(error.code, 190);
    assert_int_equal(error.subcode, 0);
    assert_false(error.is_transient);
}

static void json_without_an_error_is_none(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{}",
        "{\"data\":[]}",
        "{\"errors\":{\"code\":190}}",
        "{\"data\":{\"error\":{\"code\":190}}}",
        "[]",
        "[{\"error\":\"x\"}]",
        "\"error\"",
        "null",
        "190",
        "{\"error\":null}",
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct mly_graph_error error;

        assert_false(read_error(others[i], &error));
        assert_int_equal(error.code, 0);
        assert_string_equal(error.message, "");
    }
}

static void what_is_no_json_is_no_error(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "{",
        "{\"error\"",
        "{\"error\":",
        "{\"error\":{",
        "{\"error\":{\"code\":190}",
        "{\"error\":\"cut",
        "<html>",
        "\x1a\x05",
        "{error:}",
        "{\"error\":{\"code\":}}",
        "x{\"error\":{}}",
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct mly_graph_error error;

        assert_false(read_error(others[i], &error));
    }
}

static void an_error_cut_anywhere_is_none(void **state)
{
    (void)state;
    static const char whole[] = "{\"error\":{\"message\":\"\\u00fcber\",\"code\":190,\"is_transient\":true}}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char cut[sizeof whole];
        struct mly_graph_error error;
        memcpy(cut, whole, n);
        cut[n] = '\0';

        assert_false(read_error(cut, &error));
    }
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
    (void)state;
    struct mly_graph_error error;

    assert_true(read_error("{\"error\":{\"message\":\"a\\u001b[31mb\\r\\nc\\u007fd\\te\"}}", &error));

    assert_string_equal(error.message, "a [31mb  c d e");
}

static void other_languages_stay_whole(void **state)
{
    (void)state;
    struct mly_graph_error error;

    assert_true(read_error("{\"error\":{\"message\":\"\xe5\xb0\x9a\xe6\x9c\xaa \\u767b\\u5f55\"}}", &error));

    assert_string_equal(error.message, "\xe5\xb0\x9a\xe6\x9c\xaa \xe7\x99\xbb\xe5\xbd\x95");
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    struct mly_graph_error error;
    struct bytes body = {.size = 0};
    bytes_append(&body, "{\"error\":\"", 10);
    for (int i = 0; i < 1500; i++)
        bytes_byte(&body, 'm');
    bytes_append(&body, "\"}", 2);

    assert_true(mly_graph_read_error(bytes_view(&body), &error));

    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    bytes_free(&body);
}

/* An error body of `size` bytes, most of them white space. */
static bool read_padded_error(size_t size)
{
    static const char head[] = "{\"error\":", tail[] = "{}}";
    struct mly_graph_error error;
    struct bytes body = {.size = 0};
    bytes_append(&body, head, sizeof head - 1);
    while (body.size < size - (sizeof tail - 1))
        bytes_byte(&body, ' ');
    bytes_append(&body, tail, sizeof tail - 1);
    assert_int_equal(body.size, size);
    const bool found = mly_graph_read_error(bytes_view(&body), &error);
    bytes_free(&body);
    return found;
}

static void a_body_beyond_the_ceiling_is_not_even_parsed(void **state)
{
    (void)state;

    assert_true(read_padded_error(MLY_LIMIT_ERROR_BODY));
    assert_false(read_padded_error(MLY_LIMIT_ERROR_BODY + 1));
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct mly_graph_error error;
    struct bytes body = {.size = 0};
    bytes_append(&body, "{\"error\":", 9);
    for (int i = 0; i < 30000; i++)
        bytes_byte(&body, '[');
    for (int i = 0; i < 30000; i++)
        bytes_byte(&body, ']');
    bytes_byte(&body, '}');

    assert_false(mly_graph_read_error(bytes_view(&body), &error));

    bytes_free(&body);
}

static void the_service_s_own_words_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code, subcode;
        bool is_transient;
        const char *words;
    } recorded[] = {
        {"errors/application_request_limit_reached.json", 4, 0, true, "Application request limit reached"},
        {"errors/error_malformed_token_http401.json", 190, 0, false, "Failed to decode"},
        {"errors/error_no_token_http500.json", 190, 0, false, "Invalid OAuth 2.0 Access Token"},
        {"errors/error_radius_http200.json", 0, 0, false, "Param radius must be a number less than or equal to 50"},
        {"errors/error_unknown_object_http400.json", 100, 33, false, "Unsupported get request"},
        {"errors/error_unknown_token_header_http401.json", 190, 0, false, "Error validating application"},
        {"errors/error_unknown_token_query_http400.json", 190, 0, false, "Error validating application"},
    };
    for (size_t i = 0; i < COUNT(recorded); i++) {
        struct mly_graph_error error;
        struct bytes body = recorded_read(recorded[i].name);

        assert_true(mly_graph_read_error(bytes_view(&body), &error));

        assert_int_equal(error.code, recorded[i].code);
        assert_int_equal(error.subcode, recorded[i].subcode);
        assert_int_equal(error.is_transient, recorded[i].is_transient);
        assert_says(error.message, recorded[i].words);
        bytes_free(&body);
    }
}

static void the_service_s_login_page_is_no_error_body(void **state)
{
    (void)state;
    struct mly_graph_error error;
    struct bytes body = recorded_read("errors/tile_ip_block_login_body.html");

    assert_false(mly_graph_read_error(bytes_view(&body), &error));

    bytes_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_parts_of_an_error_are_read),
        cmocka_unit_test(an_error_may_be_a_mere_sentence),
        cmocka_unit_test(what_an_error_does_not_say_is_zero_and_empty),
        cmocka_unit_test(other_types_than_expected_do_no_harm),
        cmocka_unit_test(json_without_an_error_is_none),
        cmocka_unit_test(what_is_no_json_is_no_error),
        cmocka_unit_test(an_error_cut_anywhere_is_none),
        cmocka_unit_test(control_characters_do_not_reach_a_terminal),
        cmocka_unit_test(other_languages_stay_whole),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(a_body_beyond_the_ceiling_is_not_even_parsed),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(the_service_s_own_words_are_read),
        cmocka_unit_test(the_service_s_login_page_is_no_error_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
