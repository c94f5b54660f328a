/* SPDX-License-Identifier: MIT */
#include "io/pages.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/chance.h"
#include "support/check.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

struct rig {
    struct mly_pages *pages;
    const struct mly_mem *mem;
};

static void set_up(struct rig *rig, size_t max_bytes)
{
    struct mly_error err = {.code = MLY_OK};
    assert_status(mly_pages_new(max_bytes, &rig->pages, &err), MLY_OK, &err);
    rig->mem = mly_pages_mem(rig->pages);
}

static void tear_down(struct rig *rig)
{
    mly_pages_free(rig->pages);
}

static void *get(struct rig *rig, size_t n)
{
    void *block = rig->mem->alloc(rig->mem->ctx, n);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % alignof(max_align_t), 0);
    return block;
}

static void give(struct rig *rig, void *block)
{
    rig->mem->release(rig->mem->ctx, block);
}

static bool is_filled(const unsigned char *block, size_t n, unsigned char with)
{
    return block[0] == with && memcmp(block, block + 1, n - 1) == 0;
}

/* ---- any number of blocks, of any size ---- */

enum { MAX_BLOCKS = 12 };

/* Of 2 to LARGE * 20 bytes, as many small as large ones. */
static size_t any_size(struct chance *chance)
{
    const size_t most = (size_t)(size_t)MLY_PAGES_LARGE * 20;
    return 2 + chance_below(chance, chance_below(chance, 2) ? most : (size_t)MLY_PAGES_LARGE * 2);
}

static void use_at_random(struct rig *rig, uint64_t seed, unsigned long rounds)
{
    struct chance chance = {.state = seed};
    unsigned char *blocks[MAX_BLOCKS] = {NULL};
    size_t sizes[MAX_BLOCKS] = {0};
    for (; rounds > 0; rounds--) {
        const size_t i = chance_below(&chance, MAX_BLOCKS);
        if (blocks[i])
            assert_true(is_filled(blocks[i], sizes[i], (unsigned char)(seed + i)));
        give(rig, blocks[i]);
        blocks[i] = NULL;
        if (chance_below(&chance, 3) == 0)
            continue;
        sizes[i] = any_size(&chance);
        blocks[i] = get(rig, sizes[i]);
        memset(blocks[i], (int)((seed + i) & 0xff), sizes[i]);
    }
    for (size_t i = 0; i < MAX_BLOCKS; i++)
        give(rig, blocks[i]);
}

static void what_is_written_stays_until_it_is_released(void **state)
{
    (void)state;
    static const size_t bounds[] = {0, MIB, 8 * MIB, SIZE_MAX};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        struct rig rig;
        set_up(&rig, bounds[i]);
        use_at_random(&rig, i + 1, chance_rounds(300));
        tear_down(&rig);
    }
}

static void *work(void *ctx)
{
    use_at_random(ctx, (uint64_t)(uintptr_t)pthread_self(), 100);
    return NULL;
}

static void threads_may_share_them(void **state)
{
    (void)state;
    enum { N = 4 };
    struct rig rig;
    pthread_t threads[N];
    set_up(&rig, 4 * MIB);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &rig), 0);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_in_range(mly_pages_kept(rig.pages), 0, 4 * MIB);
    tear_down(&rig);
}

/* ---- what waits ---- */

static void a_large_block_waits_for_the_next_and_a_small_one_does_not(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, SIZE_MAX);

    give(&rig, get(&rig, MLY_PAGES_LARGE - 1));
    assert_int_equal(mly_pages_kept(rig.pages), 0);
    give(&rig, get(&rig, MLY_PAGES_LARGE));
    assert_in_range(mly_pages_kept(rig.pages), MLY_PAGES_LARGE, (size_t)2 * MLY_PAGES_LARGE);

    give(&rig, NULL);
    tear_down(&rig);
}

static void a_block_that_waits_serves_smaller_ones(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, SIZE_MAX);
    unsigned char *whole = get(&rig, 4 * MIB);
    give(&rig, whole);
    const size_t kept = mly_pages_kept(rig.pages);

    unsigned char *first = get(&rig, MIB);
    assert_ptr_equal(first, whole);
    assert_in_range(mly_pages_kept(rig.pages), kept - MIB - 64 * KIB, kept - MIB);
    unsigned char *second = get(&rig, MIB);
    assert_true(second > first && second < whole + 4 * MIB);

    give(&rig, first);
    give(&rig, second);
    assert_int_equal(mly_pages_kept(rig.pages), kept);
    tear_down(&rig);
}

static void a_block_that_is_too_small_is_not_left_over(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, SIZE_MAX);
    give(&rig, get(&rig, MIB));

    unsigned char *block = get(&rig, 3 * MIB);

    assert_int_equal(mly_pages_kept(rig.pages), 0); /* it has grown */
    memset(block, 1, 3 * MIB);
    give(&rig, block);
    tear_down(&rig);
}

static void of_those_that_wait_the_one_that_fits_best_is_taken(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, SIZE_MAX);
    void *large = get(&rig, 4 * MIB), *middle = get(&rig, 2 * MIB), *small = get(&rig, MIB);
    give(&rig, middle);
    give(&rig, large);
    give(&rig, small);

    void *block = get(&rig, 2 * MIB - 100);

    assert_ptr_equal(block, middle);
    give(&rig, block);
    tear_down(&rig);
}

static void what_is_used_and_what_waits_stay_within_the_bound_together(void **state)
{
    (void)state;
    const size_t bound = 4 * MIB;
    struct rig rig;
    set_up(&rig, bound);
    void *a = get(&rig, 3 * MIB), *b = get(&rig, 3 * MIB), *c = get(&rig, MIB);

    give(&rig, a); /* the others use as much already */
    assert_int_equal(mly_pages_kept(rig.pages), 0);
    give(&rig, b);
    assert_in_range(mly_pages_kept(rig.pages), bound - MIB - 64 * KIB, bound - MIB);
    give(&rig, c);
    assert_in_range(mly_pages_kept(rig.pages), bound - MLY_PAGES_LARGE, bound);

    a = get(&rig, 10 * MIB); /* what is in use may be more */
    give(&rig, a);
    assert_in_range(mly_pages_kept(rig.pages), bound - MLY_PAGES_LARGE, bound);
    tear_down(&rig);
}

static void what_waits_can_be_given_back(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, SIZE_MAX);
    unsigned char *used = get(&rig, MIB);
    memset(used, 5, MIB);
    give(&rig, get(&rig, 2 * MIB));

    mly_pages_trim(rig.pages);

    assert_int_equal(mly_pages_kept(rig.pages), 0);
    assert_true(is_filled(used, MIB, 5));
    give(&rig, used);
    tear_down(&rig);
    mly_pages_free(NULL);
}

/* ---- forks ---- */

struct busy {
    struct rig rig;
    pthread_mutex_t mutex;
    bool is_over;
};

static bool is_over(struct busy *busy)
{
    (void)pthread_mutex_lock(&busy->mutex);
    const bool is = busy->is_over;
    (void)pthread_mutex_unlock(&busy->mutex);
    return is;
}

static void *use_until_it_is_over(void *ctx)
{
    struct busy *busy = ctx;
    while (!is_over(busy))
        give(&busy->rig, get(&busy->rig, MLY_PAGES_LARGE));
    return NULL;
}

static void a_child_may_go_on_whatever_other_threads_did_when_it_began(void **state)
{
    (void)state;
    enum { N = 30 };
    struct busy busy = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    set_up(&busy.rig, MIB);
    assert_int_equal(pthread_create(&thread, NULL, use_until_it_is_over, &busy), 0);
    for (int i = 0; i < N; i++) {
        int status = 0;
        mly_pages_before_fork(busy.rig.pages);
        const pid_t child = fork();
        mly_pages_after_fork(busy.rig.pages);
        if (child == 0) {
            (void)alarm(60); /* ends it, should it hang */
            give(&busy.rig, get(&busy.rig, MIB));
            _exit(0);
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    (void)pthread_mutex_lock(&busy.mutex);
    busy.is_over = true;
    (void)pthread_mutex_unlock(&busy.mutex);
    assert_int_equal(pthread_join(thread, NULL), 0);
    tear_down(&busy.rig);
}

/* ---- what cannot be had ---- */

static void more_than_there_can_be_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 100, SIZE_MAX / 2 + 1, SIZE_MAX / 2, SIZE_MAX / 4};
    const size_t bound = 2 * MIB;
    struct rig rig;
    set_up(&rig, bound);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        give(&rig, get(&rig, MIB)); /* what waits does not help, and does not suffer */
        assert_null(rig.mem->alloc(rig.mem->ctx, sizes[i]));
        unsigned char *block = get(&rig, MIB);
        memset(block, 1, MIB);
        give(&rig, block);
    }

    give(&rig, get(&rig, 3 * MIB));
    assert_in_range(mly_pages_kept(rig.pages), bound - MLY_PAGES_LARGE,
                    bound); /* nothing was counted that is not there */
    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_stays_until_it_is_released),
        cmocka_unit_test(threads_may_share_them),
        cmocka_unit_test(a_large_block_waits_for_the_next_and_a_small_one_does_not),
        cmocka_unit_test(a_block_that_waits_serves_smaller_ones),
        cmocka_unit_test(a_block_that_is_too_small_is_not_left_over),
        cmocka_unit_test(of_those_that_wait_the_one_that_fits_best_is_taken),
        cmocka_unit_test(what_is_used_and_what_waits_stay_within_the_bound_together),
        cmocka_unit_test(what_waits_can_be_given_back),
        cmocka_unit_test(a_child_may_go_on_whatever_other_threads_did_when_it_began),
        cmocka_unit_test(more_than_there_can_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
