/* SPDX-License-Identifier: MIT */
#include "io/header.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

/* The line lies in a block of its own size: nothing behind it may be read. */
static void read_bytes(struct mly_response *response, const char *line, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, line, n);
    mly_header_read((struct mly_span){.data = copy, .size = n}, response);
    free(copy);
}

static void read_line(struct mly_response *response, const char *line)
{
    read_bytes(response, line, strlen(line));
}

static void seconds_to_wait_become_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint32_t ms;
    } lines[] = {
        {"Retry-After: 7\r\n", 7000}, {"retry-after:7", 7000},          {"RETRY-AFTER:    120\r\n", 120000},
        {"Retry-After: 0\r\n", 0},    {"Retry-After: 3 minutes", 3000}, {"Retry-After: 86400\n", 86400000},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct mly_response response = {.ticket = 1};
        read_line(&response, lines[i].line);
        assert_int_equal(response.retry_after_ms, lines[i].ms);
    }
}

static void a_wait_without_end_is_longer_than_any_that_is_obeyed_and_fits(void **state)
{
    (void)state;
    static const char *const lines[] = {"Retry-After: 4294967", "Retry-After: 4294968000",
                                        "Retry-After: 99999999999999999999999999"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct mly_response response = {.ticket = 1};
        read_line(&response, lines[i]);
        assert_true(response.retry_after_ms > MLY_LIMIT_RETRY_AFTER_MS);
    }
}

static void a_date_to_wait_for_is_left_to_the_growing_delay(void **state)
{
    (void)state;
    struct mly_response response = {.ticket = 1};
    read_line(&response, "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n");
    assert_int_equal(response.retry_after_ms, 0);
}

static void an_answer_that_is_tagged_can_be_asked_about(void **state)
{
    (void)state;
    struct mly_response response = {.ticket = 1};
    read_line(&response, "ETag: W/\"abc\"\r\n");
    assert_string_equal(response.validator, "If-None-Match: W/\"abc\"");
}

static void an_answer_that_is_dated_can_be_asked_about(void **state)
{
    (void)state;
    struct mly_response response = {.ticket = 1};
    read_line(&response, "last-modified: Sun, 13 Jun 2021 00:00:00 GMT\n");
    assert_string_equal(response.validator, "If-Modified-Since: Sun, 13 Jun 2021 00:00:00 GMT");
}

static void of_a_tag_and_a_date_the_tag_is_kept_whichever_comes_first(void **state)
{
    (void)state;
    struct mly_response response = {.ticket = 1}, other = {.ticket = 1};
    read_line(&response, "ETag: \"1\"\r\n");
    read_line(&response, "Last-Modified: x\r\n");
    read_line(&other, "Last-Modified: x\r\n");
    read_line(&other, "ETag: \"1\"\r\n");
    assert_string_equal(response.validator, "If-None-Match: \"1\"");
    assert_string_equal(other.validator, "If-None-Match: \"1\"");
}

static void what_could_begin_another_header_is_no_validator(void **state)
{
    (void)state;
    static const char *const lines[] = {"ETag: \"a\"\r\nAuthorization: x\r\n", "ETag: a\tb\r\n", "ETag: \xc3\xa9\r\n",
                                        "ETag:\r\n", "ETag: "};
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct mly_response response = {.ticket = 1};
        read_line(&response, lines[i]);
        assert_string_equal(response.validator, "");
    }
}

static void a_tag_that_is_too_long_is_none(void **state)
{
    (void)state;
    char line[8 + MLY_LIMIT_VALIDATOR] = "ETag: ";
    struct mly_response response = {.ticket = 1};
    memset(line + strlen("ETag: "), 'x', MLY_LIMIT_VALIDATOR);
    read_bytes(&response, line, strlen("ETag: ") + MLY_LIMIT_VALIDATOR);
    assert_string_equal(response.validator, "");
}

static void other_lines_say_nothing_and_no_line_is_read_beyond_its_end(void **state)
{
    (void)state;
    static const char whole[] = "Retry-After: 5";
    struct mly_response response = {.ticket = 1};
    read_line(&response, "HTTP/1.1 200 OK\r\n");
    read_line(&response, "X-Retry-After: 5\r\n");
    read_line(&response, "Retry-After-All: 5\r\n");
    read_line(&response, "\r\n");
    for (size_t n = 0; n < sizeof whole - 1; n++)
        read_bytes(&response, whole, n);
    assert_int_equal(response.retry_after_ms, 0);
    assert_string_equal(response.validator, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_to_wait_become_milliseconds),
        cmocka_unit_test(a_wait_without_end_is_longer_than_any_that_is_obeyed_and_fits),
        cmocka_unit_test(a_date_to_wait_for_is_left_to_the_growing_delay),
        cmocka_unit_test(an_answer_that_is_tagged_can_be_asked_about),
        cmocka_unit_test(an_answer_that_is_dated_can_be_asked_about),
        cmocka_unit_test(of_a_tag_and_a_date_the_tag_is_kept_whichever_comes_first),
        cmocka_unit_test(what_could_begin_another_header_is_no_validator),
        cmocka_unit_test(a_tag_that_is_too_long_is_none),
        cmocka_unit_test(other_lines_say_nothing_and_no_line_is_read_beyond_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
