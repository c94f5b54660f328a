/* SPDX-License-Identifier: MIT */
#include "core/arena.h"

#include <stdalign.h>
#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"

static void memory_is_aligned_for_any_type(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);

    for (size_t size = 0; size < 200; size++)
        assert_int_equal((uintptr_t)mly_arena_alloc(&arena, size) % alignof(max_align_t), 0);

    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void what_was_handed_out_does_not_overlap(void **state)
{
    (void)state;
    enum { N = 500 };
    struct fail_mem mem;
    struct mly_arena arena;
    unsigned char *parts[N];
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 4 << 20);

    for (size_t i = 0; i < N; i++) {
        parts[i] = mly_arena_alloc(&arena, i * 7);
        assert_non_null(parts[i]);
        memset(parts[i], (int)(i % 251), i * 7);
    }

    for (size_t i = 0; i < N; i++) {
        for (size_t at = 0; at < i * 7; at++)
            assert_int_equal(parts[i][at], i % 251);
    }
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void nothing_at_all_still_has_an_address_of_its_own(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1024);

    const void *first = mly_arena_alloc(&arena, 0), *second = mly_arena_array(&arena, 0, 100);

    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    assert_int_equal(arena.trouble, MLY_OK);
    mly_arena_fini(&arena);
}

static void the_ceiling_itself_can_be_reached(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);

    assert_non_null(mly_arena_alloc(&arena, 1 << 20));

    assert_int_equal(arena.used, 1 << 20);
    assert_null(mly_arena_alloc(&arena, 1));
    assert_int_equal(arena.trouble, MLY_E_LIMIT);
    mly_arena_fini(&arena);
}

static void beyond_the_ceiling_the_allocator_is_not_even_asked(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);

    assert_null(mly_arena_alloc(&arena, (1 << 20) + 1));

    assert_int_equal(arena.trouble, MLY_E_LIMIT);
    assert_int_equal(mem.n_allocs, 0);
    mly_arena_fini(&arena);
}

static void many_small_things_meet_the_ceiling_as_one_large_one_does(void **state)
{
    (void)state;
    enum { CEILING = 100000 };
    struct fail_mem mem;
    struct mly_arena arena;
    size_t n = 0;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, CEILING);

    while (mly_arena_alloc(&arena, alignof(max_align_t)))
        n++;

    assert_int_equal(n, CEILING / alignof(max_align_t));
    assert_int_equal(arena.trouble, MLY_E_LIMIT);
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void after_a_refusal_smaller_things_still_fit_and_the_trouble_is_remembered(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1024);
    assert_null(mly_arena_alloc(&arena, 2048));

    assert_non_null(mly_arena_alloc(&arena, 512));

    assert_int_equal(arena.trouble, MLY_E_LIMIT);
    mly_arena_fini(&arena);
}

static void a_product_that_overflows_is_refused(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, SIZE_MAX / 2);

    assert_null(mly_arena_array(&arena, SIZE_MAX / 2 + 1, 2)); /* is 0, modulo 2^64 */
    assert_null(mly_arena_array(&arena, SIZE_MAX / 16 + 2, 16));
    assert_null(mly_arena_array(&arena, SIZE_MAX, SIZE_MAX)); /* is 1 */

    assert_int_equal(arena.trouble, MLY_E_LIMIT);
    assert_int_equal(mem.n_allocs, 0);
    mly_arena_fini(&arena);
}

static void rounding_up_does_not_overflow(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, SIZE_MAX / 2);

    for (size_t less = 0; less < 64; less++)
        assert_null(mly_arena_alloc(&arena, SIZE_MAX - less));

    assert_int_equal(arena.trouble, MLY_E_LIMIT);
    assert_int_equal(mem.n_allocs, 0);
    mly_arena_fini(&arena);
}

static void a_ceiling_of_all_memory_there_is_does_not_overflow(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init_failing(&mem, 0, SIZE_MAX);
    mly_arena_init(&arena, &mem.mem, SIZE_MAX);

    for (size_t less = 0; less < 256; less++)
        assert_null(mly_arena_alloc(&arena, SIZE_MAX - less));

    mly_arena_fini(&arena);
}

static void the_allocator_s_refusal_is_told_from_the_ceiling_s(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init_failing(&mem, 0, 1);
    mly_arena_init(&arena, &mem.mem, 1 << 20);

    assert_null(mly_arena_alloc(&arena, 100));

    assert_int_equal(arena.trouble, MLY_E_NOMEM);
    assert_non_null(mly_arena_alloc(&arena, 100)); /* the next time there is some */
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    bool has_failed = true;
    for (size_t k = 0; has_failed; k++) {
        struct fail_mem mem;
        struct mly_arena arena;
        size_t n_refused = 0;
        fail_mem_init_failing(&mem, k, 1);
        mly_arena_init(&arena, &mem.mem, 16 << 20);

        for (int i = 0; i < 100; i++)
            n_refused += mly_arena_alloc(&arena, 30000) == NULL;

        has_failed = mem.n_failed > 0;
        assert_int_equal(n_refused, has_failed);
        assert_int_equal(arena.trouble, has_failed ? MLY_E_NOMEM : MLY_OK);
        mly_arena_fini(&arena);
        assert_nothing_leaks(&mem);
    }
}

static void trouble_becomes_words(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    struct mly_error err;
    fail_mem_init_failing(&mem, 0, 1);
    mly_arena_init(&arena, &mem.mem, 4096);

    assert_null(mly_arena_alloc(&arena, 1));
    assert_status(mly_arena_fail(&arena, "the tile", &err), MLY_E_NOMEM, NULL);
    assert_says(err.text, "the tile");
    assert_null(mly_arena_alloc(&arena, 5000));
    assert_status(mly_arena_fail(&arena, "the tile", &err), MLY_E_LIMIT, NULL);
    assert_says(err.text, "4096");

    mly_arena_fini(&arena);
}

static void a_second_round_of_the_same_needs_no_new_memory(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 16 << 20);
    for (int i = 0; i < 1000; i++)
        assert_non_null(mly_arena_alloc(&arena, 1000));
    mly_arena_reset(&arena);
    const size_t n_allocs = mem.n_allocs;

    for (int i = 0; i < 400; i++) /* the largest block holds about half of all */
        assert_non_null(mly_arena_alloc(&arena, 1000));

    assert_int_equal(mem.n_allocs, n_allocs);
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void reset_keeps_one_block_and_forgets_the_trouble(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);
    while (mly_arena_alloc(&arena, 1000))
        ;
    assert_true(mem.n_live > 1);

    mly_arena_reset(&arena);

    assert_int_equal(mem.n_live, 1);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.trouble, MLY_OK);
    assert_non_null(mly_arena_alloc(&arena, 1 << 20)); /* all of it is there again */
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void reset_works_round_after_round(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);

    for (size_t round = 0; round < 50; round++) {
        mly_arena_reset(&arena);
        unsigned char *large = mly_arena_alloc(&arena, 20000 * round), *small = mly_arena_alloc(&arena, 16);
        assert_non_null(large);
        assert_non_null(small);
        memset(large, 1, 20000 * round);
        memset(small, 2, 16);
        assert_true(mem.n_live <= 2);
    }

    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void a_reserve_is_one_block_of_that_size(void **state)
{
    (void)state;
    enum { N = 10, EACH = 100000 };
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 16 << 20);
    assert_int_equal(mly_arena_measure(&arena), 0);

    assert_true(mly_arena_reserve(&arena, (size_t)N * EACH));
    for (int i = 0; i < N; i++)
        assert_non_null(mly_arena_alloc(&arena, EACH));

    assert_int_equal(mem.n_allocs, 1);
    assert_in_range(mly_arena_measure(&arena), (size_t)N * EACH, (size_t)N * EACH + 100);
    assert_int_equal(mly_arena_measure(&arena), mem.live_bytes);
    assert_non_null(mly_arena_alloc(&arena, 1)); /* it goes on beyond the guess */
    assert_int_equal(mly_arena_measure(&arena), mem.live_bytes);
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void a_reserve_takes_the_place_of_a_smaller_block_and_uses_a_larger_one(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);
    assert_non_null(mly_arena_alloc(&arena, 1000));
    mly_arena_reset(&arena);

    assert_true(mly_arena_reserve(&arena, 100000));
    assert_int_equal(mem.n_live, 1);
    assert_true(mly_arena_reserve(&arena, 50000));

    assert_int_equal(mem.n_allocs, 2);
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void a_reserve_leaves_alone_what_is_handed_out_and_what_the_ceiling_forbids(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);

    assert_true(mly_arena_reserve(&arena, (1 << 20) + 1));
    assert_int_equal(mem.n_allocs, 0);
    assert_non_null(mly_arena_alloc(&arena, 1000));
    assert_true(mly_arena_reserve(&arena, 100000));

    assert_int_equal(mem.n_allocs, 1);
    assert_int_equal(arena.trouble, MLY_OK);
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void a_reserve_without_memory_says_so(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    fail_mem_init_failing(&mem, 0, 1);
    mly_arena_init(&arena, &mem.mem, 1 << 20);

    assert_false(mly_arena_reserve(&arena, 1000));

    assert_int_equal(arena.trouble, MLY_E_NOMEM);
    assert_non_null(mly_arena_alloc(&arena, 1000));
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void an_arena_that_was_never_used_can_be_reset_and_finished(void **state)
{
    (void)state;
    struct mly_arena zeroed = {0}, fresh;
    mly_arena_init(&fresh, mly_mem_system(), 100);

    mly_arena_reset(&fresh);
    mly_arena_fini(&fresh);
    mly_arena_fini(&zeroed);

    assert_null(zeroed.block);
    assert_null(fresh.block);
}

static void the_system_s_memory_can_be_written_and_given_back(void **state)
{
    (void)state;
    const struct mly_mem *mem = mly_mem_system();

    void *block = mem->alloc(mem->ctx, 1000);
    assert_non_null(block);
    memset(block, 1, 1000);

    mem->release(mem->ctx, block);
    mem->release(mem->ctx, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_for_any_type),
        cmocka_unit_test(what_was_handed_out_does_not_overlap),
        cmocka_unit_test(nothing_at_all_still_has_an_address_of_its_own),
        cmocka_unit_test(the_ceiling_itself_can_be_reached),
        cmocka_unit_test(beyond_the_ceiling_the_allocator_is_not_even_asked),
        cmocka_unit_test(many_small_things_meet_the_ceiling_as_one_large_one_does),
        cmocka_unit_test(after_a_refusal_smaller_things_still_fit_and_the_trouble_is_remembered),
        cmocka_unit_test(a_product_that_overflows_is_refused),
        cmocka_unit_test(rounding_up_does_not_overflow),
        cmocka_unit_test(a_ceiling_of_all_memory_there_is_does_not_overflow),
        cmocka_unit_test(the_allocator_s_refusal_is_told_from_the_ceiling_s),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(trouble_becomes_words),
        cmocka_unit_test(a_second_round_of_the_same_needs_no_new_memory),
        cmocka_unit_test(reset_keeps_one_block_and_forgets_the_trouble),
        cmocka_unit_test(reset_works_round_after_round),
        cmocka_unit_test(a_reserve_is_one_block_of_that_size),
        cmocka_unit_test(a_reserve_takes_the_place_of_a_smaller_block_and_uses_a_larger_one),
        cmocka_unit_test(a_reserve_leaves_alone_what_is_handed_out_and_what_the_ceiling_forbids),
        cmocka_unit_test(a_reserve_without_memory_says_so),
        cmocka_unit_test(an_arena_that_was_never_used_can_be_reset_and_finished),
        cmocka_unit_test(the_system_s_memory_can_be_written_and_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
