/* SPDX-License-Identifier: MIT */
#include "core/status.h"

#include <stdio.h>
#include <string.h>

#include "support/check.h"

static const enum mly_status failures[] = {
    MLY_E_NOMEM, MLY_E_ARG, MLY_E_LIMIT, MLY_E_CORRUPT, MLY_E_NETWORK, MLY_E_AUTH, MLY_E_QUOTA, MLY_E_REMOTE, MLY_E_IO,
};

static void a_failure_carries_its_code_and_its_words(void **state)
{
    (void)state;
    struct mly_error err = {.code = MLY_OK};

    const enum mly_status status = mly_fail(&err, MLY_E_LIMIT, "%d tiles of %s", 12, "images");

    assert_status(status, MLY_E_LIMIT, NULL);
    assert_int_equal(err.code, MLY_E_LIMIT);
    assert_string_equal(err.text, "12 tiles of images");
}

static void context_stands_in_front_of_what_happened(void **state)
{
    (void)state;
    struct mly_error err = {.code = MLY_OK};
    mly_fail(&err, MLY_E_CORRUPT, "the extent is 0");

    mly_wrap(&err, MLY_E_CORRUPT, "layer '%s'", "image");
    mly_wrap(&err, MLY_E_CORRUPT, "tile %u/%u/%u", 14u, 8574u, 5735u);

    assert_string_equal(err.text, "tile 14/8574/5735: layer 'image': the extent is 0");
}

static void wrapping_may_change_the_code(void **state)
{
    (void)state;
    struct mly_error err = {.code = MLY_OK};
    mly_fail(&err, MLY_E_IO, "no such file");

    const enum mly_status status = mly_wrap(&err, MLY_E_ARG, "ACCESS_TOKEN_FILE");

    assert_status(status, MLY_E_ARG, NULL);
    assert_int_equal(err.code, MLY_E_ARG);
}

static void nobody_has_to_listen(void **state)
{
    (void)state;

    assert_status(mly_fail(NULL, MLY_E_NETWORK, "time-out after %d ms", 1), MLY_E_NETWORK, NULL);
    assert_status(mly_wrap(NULL, MLY_E_NETWORK, "tile %d", 1), MLY_E_NETWORK, NULL);
}

static void a_message_that_is_too_long_is_cut_at_its_end(void **state)
{
    (void)state;
    char words[2 * MLY_ERROR_TEXT];
    struct mly_error err = {.code = MLY_OK};
    memset(words, 'w', sizeof words);
    words[sizeof words - 1] = '\0';

    mly_fail(&err, MLY_E_REMOTE, "%s", words);

    assert_int_equal(strlen(err.text), MLY_ERROR_TEXT - 1);
    assert_memory_equal(err.text, words, MLY_ERROR_TEXT - 1);
}

static void context_survives_when_both_do_not_fit(void **state)
{
    (void)state;
    char words[MLY_ERROR_TEXT];
    struct mly_error err = {.code = MLY_OK};
    memset(words, 'w', sizeof words);
    words[sizeof words - 1] = '\0';
    mly_fail(&err, MLY_E_REMOTE, "%s", words);

    mly_wrap(&err, MLY_E_REMOTE, "tile 1/0/0");

    assert_int_equal(strlen(err.text), MLY_ERROR_TEXT - 1);
    assert_int_equal(strncmp(err.text, "tile 1/0/0: www", 15), 0);
}

static void context_that_fills_everything_leaves_no_room_and_no_harm(void **state)
{
    (void)state;
    for (int length = MLY_ERROR_TEXT - 4; length <= MLY_ERROR_TEXT + 4; length++) {
        struct mly_error err = {.code = MLY_OK};
        mly_fail(&err, MLY_E_REMOTE, "inner");

        mly_wrap(&err, MLY_E_REMOTE, "%*s", length, "outer");

        assert_int_equal(strlen(err.text), MLY_ERROR_TEXT - 1);
    }
}

static void only_failures_are_negative(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(failures); i++)
        assert_true(failures[i] < 0);
    assert_true(MLY_OK == 0);
    assert_true(MLY_AGAIN > 0);
    assert_true(MLY_DONE > 0);
}

static void every_code_has_a_word_of_its_own(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(failures); i++) {
        assert_string_not_equal(mly_status_name(failures[i]), "unknown");
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(mly_status_name(failures[i]), mly_status_name(failures[j]));
    }
    assert_string_equal(mly_status_name(MLY_OK), "ok");
    assert_string_equal(mly_status_name((enum mly_status)1000), "unknown");
}

static enum mly_status try(enum mly_status inner)
{
    MLY_TRY(inner);
    return MLY_DONE;
}

static void trying_returns_failures_and_nothing_else(void **state)
{
    (void)state;

    assert_status(try(MLY_E_IO), MLY_E_IO, NULL);
    assert_status(try(MLY_OK), MLY_DONE, NULL);
    assert_status(try(MLY_AGAIN), MLY_DONE, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_carries_its_code_and_its_words),
        cmocka_unit_test(context_stands_in_front_of_what_happened),
        cmocka_unit_test(wrapping_may_change_the_code),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(a_message_that_is_too_long_is_cut_at_its_end),
        cmocka_unit_test(context_survives_when_both_do_not_fit),
        cmocka_unit_test(context_that_fills_everything_leaves_no_room_and_no_harm),
        cmocka_unit_test(only_failures_are_negative),
        cmocka_unit_test(every_code_has_a_word_of_its_own),
        cmocka_unit_test(trying_returns_failures_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
