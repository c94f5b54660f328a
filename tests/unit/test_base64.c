/* SPDX-License-Identifier: MIT */
#include "core/base64.h"

#include <stdlib.h>
#include <string.h>

#include "support/chance.h"
#include "support/check.h"
#include "support/make_tile.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Decodes on bytes that end where they end, into room that ends where the header says; the test frees `out`. */
static bool decode(const void *text, size_t n, struct bytes *out)
{
    const size_t room = n / 4 * 3;
    uint8_t *exact = malloc(n ? n : 1), *decoded = malloc(room ? room : 1);
    size_t n_out = SIZE_MAX;
    assert_non_null(exact);
    assert_non_null(decoded);
    if (n)
        memcpy(exact, text, n);
    *out = (struct bytes){.size = 0};

    const bool ok = mly_base64_decode((struct mly_span){.data = n ? exact : NULL, .size = n}, decoded, &n_out);
    if (ok) {
        assert_true(n_out <= room);
        bytes_append(out, decoded, n_out);
    } else {
        assert_true(n_out == SIZE_MAX); /* nothing is given on failure */
    }
    free(exact);
    free(decoded);
    return ok;
}

static void assert_decodes(const char *text, const char *expected)
{
    struct bytes out;
    assert_true(decode(text, strlen(text), &out));
    assert_span(bytes_view(&out), expected, strlen(expected));
    bytes_free(&out);
}

static void assert_refused(const char *text)
{
    struct bytes out;
    if (decode(text, strlen(text), &out))
        fail_msg("\"%s\" was decoded", text);
}

static void the_examples_of_the_standard_decode(void **state)
{
    (void)state;

    assert_decodes("", ""); /* RFC 4648, clause 10 */
    assert_decodes("Zg==", "f");
    assert_decodes("Zm8=", "fo");
    assert_decodes("Zm9v", "foo");
    assert_decodes("Zm9vYg==", "foob");
    assert_decodes("Zm9vYmE=", "fooba");
    assert_decodes("Zm9vYmFy", "foobar");
}

static void whatever_was_encoded_comes_back(void **state)
{
    (void)state;
    struct chance chance = {.state = 64};
    for (size_t n = 0; n < 400; n++) {
        uint8_t data[400];
        struct bytes out;
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)chance_next(&chance);
        struct bytes text = make_base64((struct mly_span){.data = data, .size = n});

        assert_true(decode(text.data, text.size, &out));

        assert_span(bytes_view(&out), data, n);
        bytes_free(&out);
        bytes_free(&text);
    }
}

static void all_the_letters_count_up(void **state)
{
    (void)state;
    uint8_t counted[48] = {0}; /* the numbers from 0 to 63, of six bits each */
    struct bytes out;
    for (unsigned bit = 0; bit < 64 * 6; bit++)
        counted[bit / 8] |= (uint8_t)((bit / 6 >> (5 - bit % 6) & 1u) << (7 - bit % 8));

    assert_true(decode(alphabet, 64, &out));

    assert_span(bytes_view(&out), counted, sizeof counted);
    bytes_free(&out);
}

static void only_the_alphabet_is_accepted(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 8; at++) {
            uint8_t text[8];
            struct bytes out;
            memset(text, 'Q', sizeof text);
            text[at] = (uint8_t)byte;
            const bool of_alphabet = byte != 0 && strchr(alphabet, (int)byte) != NULL;
            const bool pads = byte == '=' && at == 7;

            assert_int_equal(decode(text, sizeof text, &out), of_alphabet || pads);

            bytes_free(&out);
        }
    }
}

static void other_spellings_are_refused(void **state)
{
    (void)state;

    assert_refused("Zm9v\n");
    assert_refused("Zm9v Zm9v");
    assert_refused("Zm9v\r\nZm9v\r\n");
    assert_refused("-___");
    assert_refused("data:;base64,Zm9v");
    assert_refused("Zm8\\u003d");
}

static void text_that_is_not_whole_groups_is_refused(void **state)
{
    (void)state;
    char text[41];
    memset(text, 'A', sizeof text);
    for (size_t n = 0; n < sizeof text; n++) {
        struct bytes out;

        assert_int_equal(decode(text, n, &out), n % 4 == 0);

        bytes_free(&out);
    }
}

static void padding_stands_at_the_end_only(void **state)
{
    (void)state;
    static const char *const others[] = {
        "=",    "==",   "===",  "====",     "A===",     "=AAA",     "A=AA",     "AA=A",         "==AA",
        "A=A=", "A==A", "=A==", "AA==AA==", "AA==AAAA", "AAA=AAAA", "AAAA====", "AAAAA===",     "AAAA=",
        "AA=",  "AAA",  "AA",   "AAAA==",   "AAAA===",  "AAAAAA",   "AAAAAA=",  "AAAA====AAAA",
    };

    for (size_t i = 0; i < COUNT(others); i++)
        assert_refused(others[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard_decode),
        cmocka_unit_test(whatever_was_encoded_comes_back),
        cmocka_unit_test(all_the_letters_count_up),
        cmocka_unit_test(only_the_alphabet_is_accepted),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(text_that_is_not_whole_groups_is_refused),
        cmocka_unit_test(padding_stands_at_the_end_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
