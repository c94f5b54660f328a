/* SPDX-License-Identifier: MIT */
#include "core/inflate.h"

#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"
#include "support/gzip.h"

enum { CEILING = 1 << 20 };

/* An answer with a body of these bytes, in the test's memory. */
static struct mly_response answer(struct fail_mem *mem, const void *bytes, size_t n, size_t ceiling)
{
    struct mly_response response = {.http = 200};
    mly_buf_init(&response.body, &mem->mem, ceiling);
    assert_status(mly_buf_append(&response.body, bytes, n), MLY_OK, NULL);
    return response;
}

static void finish(struct fail_mem *mem, struct mly_response *response)
{
    mly_transport_fini_response(response);
    assert_nothing_leaks(mem);
}

static bool never(const void *bytes, size_t n, void *out, size_t n_out)
{
    (void)bytes;
    (void)n;
    (void)out;
    (void)n_out;
    fail_msg("nothing here is to be inflated");
    return false;
}

static void put_size(struct bytes *gzip, uint32_t size)
{
    for (size_t i = 0; i < 4; i++)
        gzip->data[gzip->size - 4 + i] = (uint8_t)(size >> (8 * i));
}

/* Inflates `gzip`, whose bytes it frees, and expects this to fail. */
static void assert_fails(struct bytes gzip, enum mly_status expected)
{
    struct fail_mem mem;
    fail_mem_init(&mem);
    struct mly_response response = answer(&mem, gzip.data, gzip.size, CEILING);

    mly_inflate_body(gzip_unstore, &response);

    assert_status(response.status, expected, NULL);
    assert_int_not_equal(response.why[0], '\0');
    assert_int_equal(response.body.size, 0);
    assert_int_equal(mem.n_live, 0); /* the body is gone at once, not at the end */
    finish(&mem, &response);
    bytes_free(&gzip);
}

static void a_gzipped_body_becomes_what_was_compressed(void **state)
{
    (void)state;
    static unsigned char plain[200000];
    struct fail_mem mem;
    fail_mem_init(&mem);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (unsigned char)(i * i >> 7);
    struct bytes gzip = gzip_store(plain, sizeof plain);
    struct mly_response response = answer(&mem, gzip.data, gzip.size, CEILING);

    mly_inflate_body(gzip_unstore, &response);

    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.http, 200);
    assert_span(mly_buf_view(&response.body), plain, sizeof plain);
    assert_int_equal(response.body.limit, CEILING);
    finish(&mem, &response);
    bytes_free(&gzip);
}

static void what_a_body_will_take_is_known_before(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf body;
    static const uint8_t gzip[20] = {0x1f, 0x8b, [16] = 0x39, 0x30};
    fail_mem_init(&mem);
    mly_buf_init(&body, &mem.mem, 20000);
    assert_status(mly_buf_append(&body, gzip, 10), MLY_OK, NULL);
    assert_int_equal(mly_inflate_size(&body), 10); /* no trailer: it will be refused */
    assert_status(mly_buf_append(&body, gzip + 10, 10), MLY_OK, NULL);
    assert_int_equal(mly_inflate_size(&body), 12345);
    body.limit = 12000;
    assert_int_equal(mly_inflate_size(&body), 12001);
    body.data[0] = 'x';
    assert_int_equal(mly_inflate_size(&body), 20);
    mly_buf_fini(&body);
    assert_nothing_leaks(&mem);
}

static void what_is_not_gzipped_stays_as_it_is(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "\x1f", "\x1f\x8c\x08", "\x8b\x1f", "\x1a\x05\x0a", "{}", "<html>"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct fail_mem mem;
        fail_mem_init(&mem);
        struct mly_response response = answer(&mem, bodies[i], strlen(bodies[i]), CEILING);

        mly_inflate_body(never, &response);

        assert_status(response.status, MLY_OK, NULL);
        assert_span(mly_buf_view(&response.body), bodies[i], strlen(bodies[i]));
        finish(&mem, &response);
    }
}

static void an_answer_that_did_not_come_is_left_alone(void **state)
{
    (void)state;
    struct mly_response response = {.status = MLY_E_NETWORK, .why = "lost"};

    mly_inflate_body(never, &response);

    assert_status(response.status, MLY_E_NETWORK, NULL);
    assert_string_equal(response.why, "lost");
}

static void nothing_compressed_becomes_an_empty_body(void **state)
{
    (void)state;
    struct fail_mem mem;
    fail_mem_init(&mem);
    struct bytes gzip = gzip_store("", 0);
    struct mly_response response = answer(&mem, gzip.data, gzip.size, CEILING);

    mly_inflate_body(gzip_unstore, &response);

    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.body.size, 0);
    finish(&mem, &response);
    bytes_free(&gzip);
}

static void a_trailer_of_zeros_does_not_make_a_body_empty(void **state)
{
    (void)state;
    struct bytes lie = gzip_store("a tile", 6), zeros = {.size = 0};
    put_size(&lie, 0);
    bytes_append(&zeros, "\x1f\x8b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);

    assert_fails(lie, MLY_E_CORRUPT);
    assert_fails(zeros, MLY_E_CORRUPT);
}

static void a_trailer_that_lies_is_found_out(void **state)
{
    (void)state;
    static const uint32_t lies[] = {1, 5, 7, 100, 20000};
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct bytes lie = gzip_store("a tile", 6);
        put_size(&lie, lies[i]);

        assert_fails(lie, MLY_E_CORRUPT);
    }
}

static void more_than_deflate_can_expand_to_takes_no_memory(void **state)
{
    (void)state;
    static const uint32_t lies[] = {1033 * 29 * 2, 900000, UINT32_MAX, 1u << 31};
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct fail_mem mem;
        fail_mem_init(&mem);
        struct bytes bomb = gzip_store("a tile", 6);
        struct mly_response response = answer(&mem, bomb.data, bomb.size, SIZE_MAX);
        const size_t n_allocs = mem.n_allocs;
        put_size(&bomb, lies[i]);
        memcpy(response.body.data, bomb.data, bomb.size);

        mly_inflate_body(never, &response);

        assert_status(response.status, MLY_E_CORRUPT, NULL);
        assert_int_equal(mem.n_allocs, n_allocs);
        finish(&mem, &response);
        bytes_free(&bomb);
    }
}

static void a_body_beyond_its_ceiling_is_refused_before_it_is_made(void **state)
{
    (void)state;
    static const unsigned char plain[10000];
    struct fail_mem mem;
    fail_mem_init(&mem);
    struct bytes gzip = gzip_store(plain, sizeof plain);
    struct mly_response response = answer(&mem, gzip.data, gzip.size, 0x2800);
    put_size(&gzip, 0x2801);
    memcpy(response.body.data, gzip.data, gzip.size);
    const size_t n_allocs = mem.n_allocs;

    mly_inflate_body(never, &response);

    assert_status(response.status, MLY_E_LIMIT, NULL);
    assert_says(response.why, "ceiling");
    assert_int_equal(mem.n_allocs, n_allocs);
    finish(&mem, &response);
    bytes_free(&gzip);
}

static void a_body_of_exactly_its_ceiling_is_made(void **state)
{
    (void)state;
    static const unsigned char plain[10000];
    struct fail_mem mem;
    fail_mem_init(&mem);
    struct bytes gzip = gzip_store(plain, sizeof plain);
    struct mly_response response = answer(&mem, gzip.data, gzip.size, gzip.size);
    response.body.limit = sizeof plain;

    mly_inflate_body(gzip_unstore, &response);

    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.body.size, sizeof plain);
    finish(&mem, &response);
    bytes_free(&gzip);
}

static void a_stream_cut_anywhere_is_broken(void **state)
{
    (void)state;
    static const char plain[] = "some sixty bytes, so that the trailer's size is small enough";
    struct bytes whole = gzip_store(plain, sizeof plain);
    for (size_t n = 2; n < whole.size; n++) {
        struct bytes cut = {.size = 0};
        bytes_append(&cut, whole.data, n);

        assert_fails(cut, MLY_E_CORRUPT);
    }
    bytes_free(&whole);
}

static void without_memory_for_the_plain_bytes_it_says_so(void **state)
{
    (void)state;
    struct fail_mem mem;
    fail_mem_init_failing(&mem, 1, 1);
    struct bytes gzip = gzip_store("a tile", 6);
    struct mly_response response = answer(&mem, gzip.data, gzip.size, CEILING);

    mly_inflate_body(gzip_unstore, &response);

    assert_status(response.status, MLY_E_NOMEM, NULL);
    assert_int_equal(response.body.size, 0);
    finish(&mem, &response);
    bytes_free(&gzip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gzipped_body_becomes_what_was_compressed),
        cmocka_unit_test(what_a_body_will_take_is_known_before),
        cmocka_unit_test(what_is_not_gzipped_stays_as_it_is),
        cmocka_unit_test(an_answer_that_did_not_come_is_left_alone),
        cmocka_unit_test(nothing_compressed_becomes_an_empty_body),
        cmocka_unit_test(a_trailer_of_zeros_does_not_make_a_body_empty),
        cmocka_unit_test(a_trailer_that_lies_is_found_out),
        cmocka_unit_test(more_than_deflate_can_expand_to_takes_no_memory),
        cmocka_unit_test(a_body_beyond_its_ceiling_is_refused_before_it_is_made),
        cmocka_unit_test(a_body_of_exactly_its_ceiling_is_made),
        cmocka_unit_test(a_stream_cut_anywhere_is_broken),
        cmocka_unit_test(without_memory_for_the_plain_bytes_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
