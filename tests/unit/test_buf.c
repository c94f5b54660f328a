/* SPDX-License-Identifier: MIT */
#include "core/buf.h"

#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"

static void bytes_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf buf;
    unsigned char expected[100000];
    fail_mem_init(&mem);
    mly_buf_init(&buf, &mem.mem, sizeof expected);
    for (size_t i = 0; i < sizeof expected; i++)
        expected[i] = (unsigned char)(i * 31 >> 3);

    for (size_t at = 0, n = 1; at < sizeof expected; at += n, n = n * 3 % 1009) { /* pieces of many sizes */
        n = n > sizeof expected - at ? sizeof expected - at : n;
        assert_status(mly_buf_append(&buf, expected + at, n), MLY_OK, NULL);
    }

    assert_span(mly_buf_view(&buf), expected, sizeof expected);
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

static void nothing_appended_takes_no_memory(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf buf;
    fail_mem_init(&mem);
    mly_buf_init(&buf, &mem.mem, 100);

    assert_status(mly_buf_append(&buf, NULL, 0), MLY_OK, NULL);

    assert_int_equal(mly_buf_view(&buf).size, 0);
    assert_int_equal(mem.n_allocs, 0);
}

static void the_ceiling_can_be_reached_and_not_passed(void **state)
{
    (void)state;
    static const size_t ceilings[] = {1, 100, 4095, 4096, 4097, 10000};
    static const unsigned char bytes[10001];
    for (size_t i = 0; i < COUNT(ceilings); i++) {
        struct fail_mem mem;
        struct mly_buf buf;
        fail_mem_init(&mem);
        mly_buf_init(&buf, &mem.mem, ceilings[i]);

        assert_status(mly_buf_append(&buf, bytes, ceilings[i] + 1), MLY_E_LIMIT, NULL);
        assert_status(mly_buf_append(&buf, bytes, ceilings[i]), MLY_OK, NULL);
        assert_status(mly_buf_append(&buf, bytes, 1), MLY_E_LIMIT, NULL);

        assert_int_equal(mly_buf_view(&buf).size, ceilings[i]);
        assert_true(mem.peak_bytes <= ceilings[i]);
        mly_buf_fini(&buf);
        assert_nothing_leaks(&mem);
    }
}

static void sizes_that_would_overflow_are_refused(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf buf;
    fail_mem_init_failing(&mem, 1, SIZE_MAX);
    mly_buf_init(&buf, &mem.mem, SIZE_MAX);
    assert_status(mly_buf_append(&buf, "x", 1), MLY_OK, NULL);

    assert_status(mly_buf_reserve(&buf, SIZE_MAX), MLY_E_LIMIT, NULL);
    assert_status(mly_buf_reserve(&buf, SIZE_MAX - 1), MLY_E_NOMEM, NULL);
    assert_status(mly_buf_reserve(&buf, SIZE_MAX / 2 + 1), MLY_E_NOMEM, NULL);

    assert_span(mly_buf_view(&buf), "x", 1);
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

static void an_append_that_fails_leaves_what_is_there(void **state)
{
    (void)state;
    static const unsigned char more[10000];
    struct fail_mem mem;
    struct mly_buf buf;
    fail_mem_init_failing(&mem, 1, 1);
    mly_buf_init(&buf, &mem.mem, 1 << 20);
    assert_status(mly_buf_append(&buf, "first", 5), MLY_OK, NULL);

    assert_status(mly_buf_append(&buf, more, sizeof more), MLY_E_NOMEM, NULL);

    assert_span(mly_buf_view(&buf), "first", 5);
    assert_status(mly_buf_append(&buf, more, sizeof more), MLY_OK, NULL); /* the next time there is memory */
    assert_int_equal(mly_buf_view(&buf).size, 5 + sizeof more);
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

static void reserved_room_can_be_written_without_another_allocation(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf buf;
    fail_mem_init_failing(&mem, 1, SIZE_MAX);
    mly_buf_init(&buf, &mem.mem, 1 << 20);

    assert_status(mly_buf_reserve(&buf, 5000), MLY_OK, NULL);
    memset(buf.data + buf.size, 'r', 5000);
    buf.size += 5000;

    assert_int_equal(mem.n_allocs, 1);
    assert_int_equal(mem.peak_bytes, 5000); /* and no more than that */
    assert_int_equal(mly_buf_view(&buf).data[4999], 'r');
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

static void growing_byte_by_byte_takes_few_allocations(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf buf;
    fail_mem_init(&mem);
    mly_buf_init(&buf, &mem.mem, 64 << 20);

    for (int i = 0; i < 1 << 20; i++)
        assert_status(mly_buf_append(&buf, "b", 1), MLY_OK, NULL);

    assert_true(mem.n_allocs <= 20); /* doubling: log2 of a mebibyte */
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

static void bytes_of_a_known_number_take_no_room_beyond(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 5000, 300000, (1 << 20) + 1, 3 << 20};
    static const unsigned char chunk[100000];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct fail_mem mem;
        struct mly_buf buf;
        fail_mem_init(&mem);
        mly_buf_init(&buf, &mem.mem, 64 << 20);

        while (buf.size < sizes[i]) {
            assert_status(mly_buf_expect(&buf, sizes[i]), MLY_OK, NULL);
            const size_t n_left = sizes[i] - buf.size;
            assert_status(mly_buf_append(&buf, chunk, n_left < sizeof chunk ? n_left : sizeof chunk), MLY_OK, NULL);
        }

        assert_int_equal(buf.capacity, sizes[i]);
        assert_true(mem.n_allocs <= 3);
        mly_buf_fini(&buf);
        assert_nothing_leaks(&mem);
    }
}

static void a_large_number_is_believed_when_an_eighth_of_it_has_come(void **state)
{
    (void)state;
    enum { MEBIBYTE = 1 << 20, CHUNK = 100000, MANY = 32 * CHUNK };
    static const unsigned char chunk[CHUNK];
    struct fail_mem mem;
    struct mly_buf buf;
    fail_mem_init(&mem);
    mly_buf_init(&buf, &mem.mem, 64 << 20);

    assert_status(mly_buf_expect(&buf, SIZE_MAX), MLY_OK, NULL);
    assert_int_equal(buf.capacity, MEBIBYTE);
    for (int i = 0; i < 4; i++) {
        assert_status(mly_buf_append(&buf, chunk, CHUNK), MLY_OK, NULL);
        assert_status(mly_buf_expect(&buf, MANY + 8), MLY_OK, NULL);
        assert_int_equal(buf.capacity, MEBIBYTE);
    }
    assert_status(mly_buf_expect(&buf, MANY), MLY_OK, NULL);
    assert_int_equal(buf.capacity, MANY);
    assert_status(mly_buf_expect(&buf, 3), MLY_OK, NULL); /* fewer than there are */
    assert_int_equal(buf.capacity, MANY);

    assert_int_equal(buf.size, 4 * CHUNK);
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

static void what_is_expected_ends_at_the_ceiling_and_may_find_no_memory(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf buf;
    fail_mem_init_failing(&mem, 1, 1);
    mly_buf_init(&buf, &mem.mem, 100);
    assert_status(mly_buf_expect(&buf, 1000), MLY_OK, NULL);
    assert_int_equal(buf.capacity, 100);

    mly_buf_fini(&buf);
    assert_status(mly_buf_expect(&buf, 1000), MLY_E_NOMEM, NULL);
    assert_int_equal(buf.capacity, 0);
    assert_status(mly_buf_append(&buf, "then", 4), MLY_OK, NULL);

    assert_span(mly_buf_view(&buf), "then", 4);
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

static void moving_hands_the_bytes_over(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf from, to = {.size = 0};
    fail_mem_init(&mem);
    mly_buf_init(&from, &mem.mem, 100);
    assert_status(mly_buf_append(&from, "body", 4), MLY_OK, NULL);
    const uint8_t *data = from.data;

    mly_buf_move(&to, &from);

    assert_ptr_equal(mly_buf_view(&to).data, data);
    assert_span(mly_buf_view(&to), "body", 4);
    assert_int_equal(mly_buf_view(&from).size, 0);
    assert_status(mly_buf_append(&from, "next", 4), MLY_OK, NULL); /* its allocator and ceiling stayed */
    assert_int_equal(from.limit, 100);
    mly_buf_fini(&from);
    mly_buf_fini(&to);
    assert_nothing_leaks(&mem);
}

static void a_finished_buffer_can_be_used_again(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_buf buf, zeroed = {.size = 0};
    fail_mem_init(&mem);
    mly_buf_init(&buf, &mem.mem, 100);
    assert_status(mly_buf_append(&buf, "once", 4), MLY_OK, NULL);

    mly_buf_fini(&buf);
    mly_buf_fini(&buf);
    mly_buf_fini(&zeroed);

    assert_status(mly_buf_append(&buf, "twice", 5), MLY_OK, NULL);
    assert_span(mly_buf_view(&buf), "twice", 5);
    mly_buf_fini(&buf);
    assert_nothing_leaks(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(nothing_appended_takes_no_memory),
        cmocka_unit_test(the_ceiling_can_be_reached_and_not_passed),
        cmocka_unit_test(sizes_that_would_overflow_are_refused),
        cmocka_unit_test(an_append_that_fails_leaves_what_is_there),
        cmocka_unit_test(reserved_room_can_be_written_without_another_allocation),
        cmocka_unit_test(growing_byte_by_byte_takes_few_allocations),
        cmocka_unit_test(bytes_of_a_known_number_take_no_room_beyond),
        cmocka_unit_test(a_large_number_is_believed_when_an_eighth_of_it_has_come),
        cmocka_unit_test(what_is_expected_ends_at_the_ceiling_and_may_find_no_memory),
        cmocka_unit_test(moving_hands_the_bytes_over),
        cmocka_unit_test(a_finished_buffer_can_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
