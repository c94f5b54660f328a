/* SPDX-License-Identifier: MIT */
/* Times in text, as the Graph spells them: ISO 8601 → milliseconds since 1970. */
#include "core/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static const int64_t second_ms = 1000, minute_ms = 60000, hour_ms = 3600000, day_ms = 86400000;

/* Reads text that is not terminated: one byte too many would be seen. */
static struct mly_value read_bytes(const char *text, size_t n)
{
    char scratch[MLY_VALUE_SCRATCH];
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, text, n);
    const struct mly_value raw = {.as.text = exact, .n_bytes = (uint32_t)n, .type = MLY_TEXT};
    const struct mly_value out = mly_value_coerce(MLY_TIME, raw, scratch);
    free(exact);
    return out;
}

static void assert_time(const char *text, int64_t expected_ms)
{
    const struct mly_value value = read_bytes(text, strlen(text));
    if (value.type != MLY_TIME || value.as.i != expected_ms)
        fail_msg("\"%s\" is %" PRId64 " of type %d, not %" PRId64, text, value.as.i, (int)value.type, expected_ms);
}

static void assert_no_time(const char *text)
{
    const struct mly_value value = read_bytes(text, strlen(text));
    if (value.type != MLY_NULL)
        fail_msg("\"%s\" was read as %" PRId64, text, value.as.i);
}

/* ---- days ---- */

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

static void assert_day(int year, int month, int day, int64_t number)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT00:00:01+0000", year, month, day);
    assert_time(text, number * day_ms + second_ms);
}

static void every_day_follows_the_one_before(void **state)
{
    (void)state;
    int64_t number = 0;
    for (int year = 1970; year < 2110; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= days_of_month(year, month); day++)
                assert_day(year, month, day, number++);
        }
    }
}

static void every_month_of_every_year_begins_and_ends_where_it_should(void **state)
{
    (void)state;
    int64_t number = 0;
    for (int year = 1970; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            assert_day(year, month, 1, number);
            number += days_of_month(year, month);
            assert_day(year, month, days_of_month(year, month), number - 1);
        }
    }
    assert_true(number * day_ms == MLY_TIME_MAX + 1); /* the year 10000 is not reached by a millisecond */
}

static void known_times_are_read(void **state)
{
    (void)state;

    assert_time("2017-08-23T21:32:26+0000", INT64_C(1503523946000)); /* as API.md 2.1 quotes it */
    assert_time("2000-02-29T12:00:00Z", INT64_C(951825600000));
    assert_time("2001-09-09T01:46:40Z", INT64_C(1000000000000));
    assert_time("2038-01-19T03:14:08Z", INT64_C(2147483648000));
    assert_time("1970-01-01T00:00:01Z", 1000);
    assert_time("9999-12-31T23:59:59Z", MLY_TIME_MAX - 999);
}

/* ---- the time of day ---- */

static void every_second_of_a_day_is_read(void **state)
{
    (void)state;
    char text[64];
    for (int i = 0; i < 24 * 60 * 60; i++) {
        (void)snprintf(text, sizeof text, "1970-01-02T%02d:%02d:%02dZ", i / 3600, i / 60 % 60, i % 60);
        assert_time(text, day_ms + i * second_ms);
    }
}

static void a_leap_second_is_the_first_of_the_next_minute(void **state)
{
    (void)state;

    assert_time("2016-12-31T23:59:60Z", INT64_C(1483228800000)); /* 2017-01-01T00:00:00Z */
    assert_no_time("9999-12-31T23:59:60Z");
}

static void fractions_are_cut_to_milliseconds(void **state)
{
    (void)state;

    assert_time("1970-01-01T00:00:01.5Z", 1500);
    assert_time("1970-01-01T00:00:01.25Z", 1250);
    assert_time("1970-01-01T00:00:01.125Z", 1125);
    assert_time("1970-01-01T00:00:01.007Z", 1007);
    assert_time("1970-01-01T00:00:01.0009Z", 1000);
    assert_time("1970-01-01T00:00:01.9999999Z", 1999);
    assert_time("1970-01-01T00:00:00.001Z", 1);
    assert_time("1970-01-01T00:00:01.5", 1500);
    assert_time("1970-01-01T00:00:01.000000+0000", 1000);
    assert_time("9999-12-31T23:59:59.999999Z", MLY_TIME_MAX);
    assert_time("2017-08-23T21:32:26.123456789012345678901234567890+00:00", INT64_C(1503523946123));
}

static void every_millisecond_is_read(void **state)
{
    (void)state;
    char text[64];
    for (int i = 1; i < 1000; i++) {
        (void)snprintf(text, sizeof text, "1970-01-01T00:00:00.%03d+0000", i);
        assert_time(text, i);
    }
}

/* ---- zones ---- */

static void time_without_a_zone_is_utc(void **state)
{
    (void)state;

    assert_time("2017-08-23T21:32:26", INT64_C(1503523946000));
    assert_time("2017-08-23T21:32:26Z", INT64_C(1503523946000));
    assert_time("2017-08-23T21:32:26+00:00", INT64_C(1503523946000));
    assert_time("2017-08-23T21:32:26-0000", INT64_C(1503523946000));
    assert_time("2017-08-23T21:32:26-00:00", INT64_C(1503523946000));
}

static void zones_to_the_east_are_ahead(void **state)
{
    (void)state;

    assert_time("2017-08-23T23:32:26+0200", INT64_C(1503523946000));
    assert_time("2017-08-24T03:02:26+0530", INT64_C(1503523946000));
    assert_time("2017-08-24T03:17:26+05:45", INT64_C(1503523946000));
    assert_time("2017-08-24T11:32:26+14:00", INT64_C(1503523946000));
    assert_time("2017-08-23T14:32:26-0700", INT64_C(1503523946000));
    assert_time("2017-08-23T18:02:26-03:30", INT64_C(1503523946000));
    assert_time("2017-08-23T09:32:26.75-1200", INT64_C(1503523946750));
}

static void every_zone_moves_the_time_by_as_much(void **state)
{
    (void)state;

    const int64_t midnight = INT64_C(946684800000);
    for (int minutes = -12 * 60; minutes <= 14 * 60; minutes++) {
        const char sign = minutes < 0 ? '-' : '+';
        char text[2][64];
        (void)snprintf(text[0], sizeof text[0], "2000-01-01T00:00:00%c%02d%02d", sign, abs(minutes) / 60,
                       abs(minutes) % 60);
        (void)snprintf(text[1], sizeof text[1], "2000-01-01T00:00:00%c%02d:%02d", sign, abs(minutes) / 60,
                       abs(minutes) % 60);
        for (size_t i = 0; i < COUNT(text); i++)
            assert_time(text[i], midnight - minutes * minute_ms);
    }
}

static void a_zone_may_carry_a_time_over_the_end_of_a_year(void **state)
{
    (void)state;

    assert_time("2019-12-31T23:30:00-0100", INT64_C(1577838600000)); /* 2020-01-01T00:30:00Z */
    assert_time("2020-01-01T00:30:00+0100", INT64_C(1577835000000)); /* 2019-12-31T23:30:00Z */
    assert_time("1969-12-31T23:30:00-0100", 30 * minute_ms);
    assert_time("2020-02-28T23:00:00-0200", INT64_C(1582938000000)); /* 2020-02-29T01:00:00Z */
}

/* ---- what is no time ---- */

static void times_that_no_column_holds_are_nothing(void **state)
{
    (void)state;

    assert_no_time("1970-01-01T00:00:00Z"); /* 0 means that the time is not known */
    assert_no_time("1969-12-31T23:59:59.999Z");
    assert_no_time("1970-01-01T00:30:00+0100");
    assert_no_time("1582-10-15T00:00:00Z");
    assert_no_time("0001-01-01T00:00:00Z");
    assert_no_time("0000-01-01T00:00:00Z");
    assert_no_time("9999-12-31T23:59:59-0001");
    assert_no_time("9999-12-31T12:00:00-1400");
    assert_time("9999-12-31T23:59:59+0001", MLY_TIME_MAX - 999 - minute_ms);
    assert_time("1970-01-01T00:00:00-0100", hour_ms);
}

static void parts_out_of_their_range_are_no_time(void **state)
{
    (void)state;
    static const char *const others[] = {
        "2017-00-23T21:32:26Z",     "2017-13-23T21:32:26Z",     "2017-99-23T21:32:26Z",     "2017-08-00T21:32:26Z",
        "2017-08-32T21:32:26Z",     "2017-08-99T21:32:26Z",     "2017-08-23T24:00:00Z",     "2017-08-23T99:32:26Z",
        "2017-08-23T21:60:26Z",     "2017-08-23T21:32:61Z",     "2017-08-23T21:32:99Z",     "2017-08-23T21:32:26+1500",
        "2017-08-23T21:32:26+9900", "2017-08-23T21:32:26-0060", "2017-08-23T21:32:26+0099", "12017-08-23T21:32:26Z",
    };

    for (size_t i = 0; i < COUNT(others); i++)
        assert_no_time(others[i]);
}

static void days_that_do_not_exist_are_no_time(void **state)
{
    (void)state;
    char text[64];
    for (int year = 1990; year < 2110; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = days_of_month(year, month) + 1; day <= 31; day++) {
                (void)snprintf(text, sizeof text, "%04d-%02d-%02dT21:32:26Z", year, month, day);
                assert_no_time(text);
            }
        }
    }
    assert_no_time("9999-02-29T21:32:26Z");
    assert_no_time("9999-12-32T21:32:26Z");
}

static void a_part_with_more_or_fewer_digits_is_no_time(void **state)
{
    (void)state;
    static const char *const others[] = {
        "217-08-23T21:32:26Z",      "2017-8-23T21:32:26Z",   "2017-08-3T21:32:26Z",     "2017-08-23T1:32:26Z",
        "2017-08-23T21:2:26Z",      "2017-08-23T21:32:6Z",   "2017-08-23T21:32:26+000", "2017-08-23T21:32:26+0:00",
        "2017-08-23T21:32:26+00:0", "2017-08-23T21:32:26+5", "2017-008-23T21:32:26Z",   "2017-08-023T21:32:26Z",
        "2017-08-23T021:32:26Z",    "2017-08-23T21:032:26Z", "2017-08-23T21:32:026Z",   "02017-08-23T21:32:26Z",
    };

    for (size_t i = 0; i < COUNT(others); i++)
        assert_no_time(others[i]);
}

static void a_time_cut_anywhere_is_not_another_time(void **state)
{
    (void)state;
    static const char whole[] = "2017-08-23T21:32:26+0530";
    for (size_t n = 5; n < sizeof whole - 1; n++) { /* four digits would be milliseconds */
        const struct mly_value value = read_bytes(whole, n);

        assert_int_equal(value.type, n == 19 ? MLY_TIME : MLY_NULL); /* whole but for its zone */
    }
}

static void other_spellings_are_no_time(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "T",
        "Z",
        "2017-08-23",
        "2017-08-23T",
        "2017-08-23T21",
        "2017-08-23T21:32",
        "2017-08-23T21:32:",
        "2017-08-23T21:32Z",
        "21:32:26Z",
        "2017-08-23 21:32:26",
        "2017-08-23t21:32:26Z",
        "2017-08-23T21:32:26z",
        "2017/08/23T21:32:26Z",
        "2017-08-23T21.32.26Z",
        "20170823T213226Z",
        "-2017-08-23T21:32:26Z",
        "+2017-08-23T21:32:26Z",
        " 2017-08-23T21:32:26Z",
        "2017-08-23T21:32:26Z ",
        "2017-08-23T21:32:26 Z",
        "2017-08-23T21:32:26 +0000",
        "2017-08-23T21:32:26.Z",
        "2017-08-23T21:32:26.",
        "2017-08-23T21:32:26,5Z",
        "2017-08-23T21:32:26.-5Z",
        "2017-08-23T21:32:26.5.5Z",
        "2017-08-23T21:32:26ZZ",
        "2017-08-23T21:32:26Z+0000",
        "2017-08-23T21:32:26+",
        "2017-08-23T21:32:26-",
        "2017-08-23T21:32:26+0",
        "2017-08-23T21:32:26+00",
        "2017-08-23T21:32:26+00:",
        "2017-08-23T21:32:26+00000",
        "2017-08-23T21:32:26+00:00:00",
        "2017-08-23T21:32:26+-100",
        "2017-08-23T21:32:26+0000Z",
        "2017-08-23T21:32:26UTC",
        "2017-08-23T21:32:0x1AZ",
        "2017-08-23T-1:32:26Z",
        "2017--8-23T21:32:26Z",
        "Wed, 23 Aug 2017 21:32:26 GMT",
        "\xef\xbc\x92\x30\x31\x37-08-23T21:32:26Z", /* a wide 2 */
    };

    for (size_t i = 0; i < COUNT(others); i++)
        assert_no_time(others[i]);
}

static void a_time_ends_with_its_text_whatever_stands_behind_it(void **state)
{
    (void)state;
    static const char text[] = "2017-08-23T21:32:26\0+0200";

    assert_int_equal(read_bytes(text, 20).type, MLY_NULL); /* with a zero byte in it */
    assert_int_equal(read_bytes(text, 25).type, MLY_NULL);
    assert_true(read_bytes(text, 19).as.i == INT64_C(1503523946000));
}

static void a_time_is_read_for_columns_of_times_only(void **state)
{
    (void)state;
    char scratch[MLY_VALUE_SCRATCH];
    const struct mly_value raw = {.as.text = "2017-08-23T21:32:26Z", .n_bytes = 20, .type = MLY_TEXT};

    assert_int_equal(mly_value_coerce(MLY_INT, raw, scratch).type, MLY_NULL);
    assert_int_equal(mly_value_coerce(MLY_REAL, raw, scratch).type, MLY_NULL);
    assert_int_equal(mly_value_coerce(MLY_BOOL, raw, scratch).type, MLY_NULL);
    assert_int_equal(mly_value_coerce(MLY_TEXT, raw, scratch).type, MLY_TEXT);
}

static void milliseconds_as_text_are_a_time_too(void **state)
{
    (void)state;

    assert_time("1503523946000", INT64_C(1503523946000));
    assert_time("253402300799999", MLY_TIME_MAX);
    assert_no_time("253402300800000");
    assert_no_time("0");
    assert_no_time("-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(every_month_of_every_year_begins_and_ends_where_it_should),
        cmocka_unit_test(known_times_are_read),
        cmocka_unit_test(every_second_of_a_day_is_read),
        cmocka_unit_test(a_leap_second_is_the_first_of_the_next_minute),
        cmocka_unit_test(fractions_are_cut_to_milliseconds),
        cmocka_unit_test(every_millisecond_is_read),
        cmocka_unit_test(time_without_a_zone_is_utc),
        cmocka_unit_test(zones_to_the_east_are_ahead),
        cmocka_unit_test(every_zone_moves_the_time_by_as_much),
        cmocka_unit_test(a_zone_may_carry_a_time_over_the_end_of_a_year),
        cmocka_unit_test(times_that_no_column_holds_are_nothing),
        cmocka_unit_test(parts_out_of_their_range_are_no_time),
        cmocka_unit_test(days_that_do_not_exist_are_no_time),
        cmocka_unit_test(a_part_with_more_or_fewer_digits_is_no_time),
        cmocka_unit_test(a_time_cut_anywhere_is_not_another_time),
        cmocka_unit_test(other_spellings_are_no_time),
        cmocka_unit_test(a_time_ends_with_its_text_whatever_stands_behind_it),
        cmocka_unit_test(a_time_is_read_for_columns_of_times_only),
        cmocka_unit_test(milliseconds_as_text_are_a_time_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
