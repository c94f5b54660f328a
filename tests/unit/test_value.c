/* SPDX-License-Identifier: MIT */
#include "core/value.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "support/check.h"

static struct mly_value integer(int64_t i)
{
    return (struct mly_value){.as.i = i, .type = MLY_INT};
}

static struct mly_value real(double r)
{
    return (struct mly_value){.as.r = r, .type = MLY_REAL};
}

static struct mly_value boolean(int64_t i)
{
    return (struct mly_value){.as.i = i, .type = MLY_BOOL};
}

static struct mly_value text(const char *words)
{
    return (struct mly_value){.as.text = words, .n_bytes = (uint32_t)strlen(words), .type = MLY_TEXT};
}

static char scratch[MLY_VALUE_SCRATCH];

static void assert_null_as(enum mly_type want, struct mly_value raw)
{
    assert_int_equal(mly_value_coerce(want, raw, scratch).type, MLY_NULL);
}

static void assert_integer(enum mly_type want, struct mly_value raw, int64_t expected)
{
    const struct mly_value value = mly_value_coerce(want, raw, scratch);
    assert_int_equal(value.type, want);
    assert_true(value.as.i == expected);
}

static void assert_real(struct mly_value raw, double expected)
{
    const struct mly_value value = mly_value_coerce(MLY_REAL, raw, scratch);
    assert_int_equal(value.type, MLY_REAL);
    assert_true(value.as.r >= expected && value.as.r <= expected);
}

static void assert_words(struct mly_value raw, const char *expected)
{
    const struct mly_value value = mly_value_coerce(MLY_TEXT, raw, scratch);
    assert_int_equal(value.type, MLY_TEXT);
    assert_int_equal(value.n_bytes, strlen(expected));
    assert_memory_equal(value.as.text, expected, strlen(expected));
}

static void values_of_the_wanted_type_stay_what_they_are(void **state)
{
    (void)state;

    assert_integer(MLY_INT, integer(INT64_MIN), INT64_MIN);
    assert_integer(MLY_INT, integer(INT64_MAX), INT64_MAX);
    assert_integer(MLY_BOOL, boolean(0), 0);
    assert_integer(MLY_BOOL, boolean(1), 1);
    assert_real(real(-0.25), -0.25);
    assert_words(text("7nfcwfvjdtphz7yj6zat6a"), "7nfcwfvjdtphz7yj6zat6a");
}

static void nothing_stays_nothing(void **state)
{
    (void)state;
    const struct mly_value nothing = {.type = MLY_NULL};

    for (enum mly_type want = MLY_NULL; want <= MLY_TIME; want++)
        assert_null_as(want, nothing);
}

static void lists_are_nothing_but_lists(void **state)
{
    (void)state;
    static const int64_t wholes[] = {1, 2};
    static const double reals[] = {0.5};
    char scratch[MLY_VALUE_SCRATCH];
    const struct mly_value ints = {.as.ints = wholes, .n_bytes = sizeof wholes, .type = MLY_INTS};
    const struct mly_value doubles = {.as.reals = reals, .n_bytes = sizeof reals, .type = MLY_REALS};

    const struct mly_value kept = mly_value_coerce(MLY_INTS, ints, scratch);
    assert_int_equal(kept.type, MLY_INTS);
    assert_ptr_equal(kept.as.ints, wholes);
    assert_int_equal(kept.n_bytes, sizeof wholes);
    assert_ptr_equal(mly_value_coerce(MLY_REALS, doubles, scratch).as.reals, reals);
    assert_null_as(MLY_REALS, ints);
    assert_null_as(MLY_INTS, integer(1));
    assert_null_as(MLY_INTS, text("1"));
    for (enum mly_type want = MLY_NULL; want <= MLY_TIME; want++)
        assert_null_as(want, ints);
    assert_null_as(MLY_NULL, integer(1));
}

static void an_empty_text_is_nothing(void **state)
{
    (void)state;
    const struct mly_value empty = {.as.text = NULL, .n_bytes = 0, .type = MLY_TEXT};

    for (enum mly_type want = MLY_BOOL; want <= MLY_TIME; want++) {
        assert_null_as(want, text(""));
        assert_null_as(want, empty);
    }
}

static void ids_beyond_2_to_the_53_keep_every_digit(void **state)
{
    (void)state;

    assert_integer(MLY_INT, text("9007199254740993"), INT64_C(9007199254740993)); /* 2^53 + 1: no double */
    assert_integer(MLY_INT, text("59042170395811371"), INT64_C(59042170395811371));
    assert_integer(MLY_INT, text("9223372036854775807"), INT64_MAX);
    assert_integer(MLY_INT, text("-9223372036854775808"), INT64_MIN);
    assert_words(integer(INT64_C(9007199254740993)), "9007199254740993");
}

static void text_that_is_a_whole_number_is_one(void **state)
{
    (void)state;

    assert_integer(MLY_INT, text("0"), 0);
    assert_integer(MLY_INT, text("-42"), -42);
    assert_integer(MLY_INT, text("007"), 7);
    assert_integer(MLY_INT, text("42.0"), 42);
    assert_integer(MLY_INT, text("1e3"), 1000);
    assert_integer(MLY_INT, text("1.5E1"), 15);
}

static void text_that_is_no_whole_number_is_no_integer(void **state)
{
    (void)state;
    static const char *const others[] = {
        "0x10", " 1", "1 ", "nan", "NAN", "inf", "-inf", "Infinity", "1.5",   "1e-1", "true", "one", "1,000", ".",
        "-",    "+",  "e",  "e5",  "1e",  "--1", "+-1",  "1.2.3",    "1e2e3", "1\n",  "\t1",  "0b1", "1_000",
    };

    for (size_t i = 0; i < COUNT(others); i++)
        assert_null_as(MLY_INT, text(others[i]));
}

static void numbers_beyond_64_bits_are_nothing_rather_than_another_number(void **state)
{
    (void)state;

    assert_null_as(MLY_INT, text("9223372036854775808"));
    assert_null_as(MLY_INT, text("-9223372036854775809"));
    assert_null_as(MLY_INT, text("18446744073709551615"));
    assert_null_as(MLY_INT, text("1e19"));
    assert_null_as(MLY_INT, text("1e400"));
    assert_null_as(MLY_INT, real(9223372036854775808.0));
    assert_null_as(MLY_INT, real(-1e19));
    assert_null_as(MLY_INT, real(1e300));
}

static void a_number_is_read_to_its_end_also_when_the_text_goes_on_in_memory(void **state)
{
    (void)state;
    const struct mly_value part = {.as.text = "123456", .n_bytes = 3, .type = MLY_TEXT};
    const struct mly_value with_zero = {.as.text = "1\0"
                                                   "2",
                                        .n_bytes = 3,
                                        .type = MLY_TEXT};

    assert_integer(MLY_INT, part, 123);
    assert_null_as(MLY_INT, with_zero);
}

static void text_of_any_length_is_bounded(void **state)
{
    (void)state;
    char digits[1000];
    memset(digits, '1', sizeof digits);

    for (uint32_t n = 1; n < sizeof digits; n++) {
        const struct mly_value number = {.as.text = digits, .n_bytes = n, .type = MLY_TEXT};
        const struct mly_value value = mly_value_coerce(MLY_INT, number, scratch);
        assert_int_equal(value.type, n <= 19 ? MLY_INT : MLY_NULL); /* 19 ones are below 2^63, 20 above */
    }
}

static void whole_reals_and_booleans_are_integers_too(void **state)
{
    (void)state;

    assert_integer(MLY_INT, real(1577836800000.0), INT64_C(1577836800000));
    assert_integer(MLY_INT, real(-3.0), -3);
    assert_integer(MLY_INT, boolean(1), 1);
    assert_null_as(MLY_INT, real(0.5));
    assert_null_as(MLY_INT, real(-1e-300));
}

static void reals_come_from_every_number(void **state)
{
    (void)state;

    assert_real(integer(-7), -7.0);
    assert_real(boolean(1), 1.0);
    assert_real(text("12.75"), 12.75);
    assert_real(text("-1e-3"), -0.001);
    assert_real(text("9223372036854775808"), 9223372036854775808.0);
    assert_real(integer(INT64_C(9007199254740993)), 9007199254740992.0); /* the nearest one, to even */
}

static void numbers_that_are_not_finite_are_nothing(void **state)
{
    (void)state;
    static const enum mly_type types[] = {MLY_BOOL, MLY_INT, MLY_REAL, MLY_TEXT, MLY_TIME};

    for (size_t i = 0; i < COUNT(types); i++) {
        assert_null_as(types[i], real((double)NAN));
        assert_null_as(types[i], real((double)INFINITY));
        assert_null_as(types[i], real(-(double)INFINITY));
    }
    assert_null_as(MLY_REAL, text("nan"));
    assert_null_as(MLY_REAL, text("inf"));
    assert_null_as(MLY_REAL, text("1e400"));
    assert_null_as(MLY_REAL, text("0x1p4"));
}

static void a_number_is_true_unless_it_is_zero(void **state)
{
    (void)state;

    assert_integer(MLY_BOOL, integer(0), 0);
    assert_integer(MLY_BOOL, integer(1), 1);
    assert_integer(MLY_BOOL, integer(-1), 1);
    assert_integer(MLY_BOOL, integer(INT64_MIN), 1);
    assert_integer(MLY_BOOL, real(0.0), 0);
    assert_integer(MLY_BOOL, real(-0.0), 0);
    assert_integer(MLY_BOOL, real(0.25), 1);
    assert_integer(MLY_BOOL, text("0"), 0);
    assert_integer(MLY_BOOL, text("1"), 1);
}

static void true_and_false_are_words_for_booleans(void **state)
{
    (void)state;

    assert_integer(MLY_BOOL, text("true"), 1);
    assert_integer(MLY_BOOL, text("false"), 0);
    assert_null_as(MLY_BOOL, text("yes"));
    assert_null_as(MLY_BOOL, text("truely"));
    assert_null_as(MLY_BOOL, text("tru"));
    assert_null_as(MLY_INT, text("true"));
}

static void numbers_have_digits_where_text_is_wanted(void **state)
{
    (void)state;

    assert_words(integer(0), "0");
    assert_words(integer(-15), "-15");
    assert_words(integer(INT64_MIN), "-9223372036854775808");
    assert_words(real(0.5), "0.5");
    assert_words(real(-1e300), "-1.0000000000000001e+300"); /* 17 digits: enough for any double to come back */
    assert_words(boolean(1), "true");
    assert_words(boolean(0), "false");
}

static void the_longest_number_fits(void **state)
{
    (void)state;
    static const double longest[] = {-DBL_MAX, -DBL_MIN, -DBL_TRUE_MIN, -1.0 / 3.0 * 1e-300};

    for (size_t i = 0; i < COUNT(longest); i++) {
        const struct mly_value value = mly_value_coerce(MLY_TEXT, real(longest[i]), scratch);
        assert_int_equal(value.type, MLY_TEXT);
        assert_true(value.n_bytes < MLY_VALUE_SCRATCH);
        assert_real(value, longest[i]);
    }
}

static void text_is_borrowed_and_may_hold_any_bytes(void **state)
{
    (void)state;
    static const char bytes[] = {'a', '\0', '\xff', '\x01'};
    const struct mly_value raw = {.as.text = bytes, .n_bytes = sizeof bytes, .type = MLY_TEXT};

    const struct mly_value value = mly_value_coerce(MLY_TEXT, raw, scratch);

    assert_int_equal(value.type, MLY_TEXT);
    assert_ptr_equal(value.as.text, bytes);
    assert_int_equal(value.n_bytes, sizeof bytes);
}

static int64_t days_before_year(int year)
{
    int64_t days = 0;
    for (int y = 1970; y < year; y++)
        days += y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) ? 366 : 365;
    return days;
}

static void time_ends_with_the_year_9999(void **state)
{
    (void)state;
    const int64_t end = days_before_year(10000) * INT64_C(86400000);

    assert_true(MLY_TIME_MAX == end - 1);
    assert_integer(MLY_TIME, integer(end - 1), end - 1);
    assert_null_as(MLY_TIME, integer(end));
    assert_null_as(MLY_TIME, integer(INT64_C(10000000000000000))); /* the year 318857 */
    assert_null_as(MLY_TIME, integer(INT64_MAX));
}

static void time_zero_and_before_is_nothing(void **state)
{
    (void)state;

    assert_null_as(MLY_TIME, integer(0));
    assert_null_as(MLY_TIME, integer(-1));
    assert_null_as(MLY_TIME, integer(INT64_MIN));
    assert_null_as(MLY_TIME, text("0"));
    assert_null_as(MLY_TIME, boolean(0));
    assert_integer(MLY_TIME, integer(1), 1);
}

static void times_are_read_from_every_number(void **state)
{
    (void)state;

    assert_integer(MLY_TIME, integer(INT64_C(1623542400123)), INT64_C(1623542400123));
    assert_integer(MLY_TIME, real(1623542400123.0), INT64_C(1623542400123));
    assert_integer(MLY_TIME, text("1623542400123"), INT64_C(1623542400123));
    assert_null_as(MLY_TIME, real(1623542400123.5));
}

static void a_day_that_does_not_exist_is_no_time(void **state)
{
    (void)state;

    assert_null_as(MLY_TIME, text("2021-02-29T00:00:00Z"));
    assert_null_as(MLY_TIME, text("2100-02-29T00:00:00Z"));
    assert_null_as(MLY_TIME, text("2020-02-30T00:00:00Z"));
    assert_null_as(MLY_TIME, text("2021-06-31T00:00:00Z"));
}

static void a_value_that_was_coerced_once_can_be_coerced_again(void **state)
{
    (void)state;
    const struct mly_value time = {.as.i = INT64_C(1623542400123), .type = MLY_TIME};

    assert_integer(MLY_TIME, time, INT64_C(1623542400123));
    assert_integer(MLY_INT, time, INT64_C(1623542400123));
    assert_real(time, 1623542400123.0);
    assert_words(time, "1623542400123");
}

static void the_language_of_the_host_program_does_not_matter(void **state)
{
    (void)state;
    static const char *const with_comma[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",      "fr_FR.UTF-8",
                                             "fr_FR.utf8",  "nl_NL.UTF-8", "ru_RU.UTF-8"};
    const char *chosen = NULL;
    for (size_t i = 0; i < COUNT(with_comma) && !chosen; i++)
        chosen = setlocale(LC_NUMERIC, with_comma[i]);
    if (!chosen) {
        print_message("no locale with a decimal comma is installed here\n");
        skip();
    }

    const struct mly_value number = mly_value_coerce(MLY_REAL, text("1.5"), scratch);
    const struct mly_value comma = mly_value_coerce(MLY_REAL, text("1,5"), scratch);
    const struct mly_value words = mly_value_coerce(MLY_TEXT, real(0.25), scratch);
    (void)setlocale(LC_NUMERIC, "C");

    assert_real(number, 1.5);
    assert_int_equal(comma.type, MLY_NULL);
    assert_words(words, "0.25");
}

static void a_hash_is_the_same_everywhere_and_never_negative(void **state)
{
    (void)state;

    /* FNV-1a's own test vectors, without the highest bit. */
    assert_true(mly_value_hash(0, "", 0) == INT64_C(0x4bf29ce484222325));
    assert_true(mly_value_hash(0, "a", 1) == INT64_C(0x2f63dc4c8601ec8c));
    assert_true(mly_value_hash(0, "foobar", 6) == INT64_C(0x05944171f73967e8));
}

static void a_hash_sees_every_byte_and_the_seed(void **state)
{
    (void)state;
    const int64_t plain = mly_value_hash(0, "key\0one", 7);

    assert_true(mly_value_hash(0, "key\0two", 7) != plain);
    assert_true(mly_value_hash(0, "key", 3) != plain);
    assert_true(mly_value_hash(1, "key\0one", 7) != plain);
    assert_true(mly_value_hash(plain, "x", 1) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_the_wanted_type_stay_what_they_are),
        cmocka_unit_test(nothing_stays_nothing),
        cmocka_unit_test(lists_are_nothing_but_lists),
        cmocka_unit_test(an_empty_text_is_nothing),
        cmocka_unit_test(ids_beyond_2_to_the_53_keep_every_digit),
        cmocka_unit_test(text_that_is_a_whole_number_is_one),
        cmocka_unit_test(text_that_is_no_whole_number_is_no_integer),
        cmocka_unit_test(numbers_beyond_64_bits_are_nothing_rather_than_another_number),
        cmocka_unit_test(a_number_is_read_to_its_end_also_when_the_text_goes_on_in_memory),
        cmocka_unit_test(text_of_any_length_is_bounded),
        cmocka_unit_test(whole_reals_and_booleans_are_integers_too),
        cmocka_unit_test(reals_come_from_every_number),
        cmocka_unit_test(numbers_that_are_not_finite_are_nothing),
        cmocka_unit_test(a_number_is_true_unless_it_is_zero),
        cmocka_unit_test(true_and_false_are_words_for_booleans),
        cmocka_unit_test(numbers_have_digits_where_text_is_wanted),
        cmocka_unit_test(the_longest_number_fits),
        cmocka_unit_test(text_is_borrowed_and_may_hold_any_bytes),
        cmocka_unit_test(time_ends_with_the_year_9999),
        cmocka_unit_test(time_zero_and_before_is_nothing),
        cmocka_unit_test(times_are_read_from_every_number),
        cmocka_unit_test(a_day_that_does_not_exist_is_no_time),
        cmocka_unit_test(a_value_that_was_coerced_once_can_be_coerced_again),
        cmocka_unit_test(the_language_of_the_host_program_does_not_matter),
        cmocka_unit_test(a_hash_is_the_same_everywhere_and_never_negative),
        cmocka_unit_test(a_hash_sees_every_byte_and_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
