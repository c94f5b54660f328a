/* SPDX-License-Identifier: MIT */
/* Tiles that are opened while rows of the one before are read. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fetch.h"
#include "core/reader.h"
#include "io/helper.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/fake_clock.h"
#include "support/make_tile.h"
#include "support/script_transport.h"
#include "support/slow_worker.h"
#include "support/street.h"

/* MANY images have some 60 kB: worth handing over. */
enum { MANY = 2000, MAX_ROWS = 16 * MANY, ROOMY = 12 << 20 };

struct rig {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct street street;
    struct slow_worker worker;
    struct mly_hold *hold;
    struct mly_read_options options;
    struct mly_reader *reader;
    struct mly_error err;
    size_t rows_of[STREET_MAX], n_rows; /* of each tile; and of the read, so far */
};

static void make_large(struct rig *rig, size_t i, size_t n)
{
    bytes_free(&rig->street.bodies[i]);
    rig->street.bodies[i] = make_images(street_id(i, 0), n);
    rig->rows_of[i] = n;
}

static void set_up(struct rig *rig, size_t n_tiles, bool has_hold)
{
    *rig = (struct rig){.hold = NULL};
    fail_mem_init(&rig->mem);
    fake_clock_init(&rig->clock, 1000);
    script_init(&rig->script, &rig->mem.mem, &rig->clock);
    street_init(&rig->street, n_tiles);
    slow_worker_init(&rig->worker);
    const struct mly_hold_options hold = {.mem = &rig->mem.mem, .max_bytes = ROOMY};
    if (has_hold)
        assert_status(mly_hold_new(&hold, &rig->hold, &rig->err), MLY_OK, &rig->err);
    for (size_t i = 0; i < n_tiles; i++)
        make_large(rig, i, MANY);
    rig->options = (struct mly_read_options){
        .mem = &rig->mem.mem,
        .tile_service = "https://tiles.example.org",
        .max_in_flight = 4,
        .hold = rig->hold,
        .hold_scope = "",
        .clock = has_hold ? &rig->clock.clock : NULL,
        .hold_max_age_ms = 1000,
        .worker = &rig->worker.base,
    };
}

static void tear_down(struct rig *rig)
{
    mly_reader_free(rig->reader);
    assert_int_equal(rig->worker.n_jobs, 0);
    mly_hold_free(rig->hold);
    street_free(&rig->street);
    assert_nothing_leaks(&rig->mem);
}

static void expect(struct rig *rig, size_t i, struct mly_span body, uint32_t after_ms)
{
    script_add(&rig->script, (struct script_answer){.key = rig->street.keys[i], .body = body, .after_ms = after_ms});
}

static void expect_all(struct rig *rig)
{
    for (size_t i = 0; i < rig->street.n_tiles; i++)
        expect(rig, i, street_body(&rig->street, i), 0);
}

/* Which row the `n`th of the read is. */
static int64_t id_of(const struct rig *rig, size_t n)
{
    size_t i = 0;
    while (n >= rig->rows_of[i])
        n -= rig->rows_of[i++];
    return street_id(i, 0) + (int64_t)n;
}

/* Reads so many rows, or as many as there are. */
static enum mly_status read_rows(struct rig *rig, size_t n)
{
    struct mly_row row;
    enum mly_status status = MLY_OK;
    if (!rig->reader)
        status = mly_reader_new(&rig->street.plan, &rig->options, &rig->script.base, &rig->reader, &rig->err);
    for (; n > 0 && status == MLY_OK; n--) {
        status = mly_reader_next(rig->reader, &row, &rig->err);
        if (status == MLY_OK)
            assert_true(row.id == id_of(rig, rig->n_rows++));
    }
    return status;
}

static size_t count_rows(const struct rig *rig)
{
    size_t n = 0;
    for (size_t i = 0; i < rig->street.n_tiles; i++)
        n += rig->rows_of[i];
    return n;
}

/* ---- who opens what ---- */

static void all_but_the_first_tile_are_opened_by_the_worker(void **state)
{
    (void)state;
    for (int has_hold = 0; has_hold < 2; has_hold++) {
        struct rig rig;
        set_up(&rig, 8, has_hold);
        expect_all(&rig);

        assert_status(read_rows(&rig, SIZE_MAX), MLY_DONE, &rig.err);

        assert_int_equal(rig.n_rows, 8 * MANY);
        assert_int_equal(rig.worker.n_begun, 7);
        assert_script_is_used_up(&rig.script);
        tear_down(&rig);
    }
}

static void the_next_tile_is_begun_with_the_first_row_of_the_one_before(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, true);
    expect_all(&rig);

    assert_status(read_rows(&rig, 1), MLY_OK, &rig.err);
    assert_status(read_rows(&rig, MANY / 2), MLY_OK, &rig.err); /* meanwhile all answers have come */
    assert_int_equal(rig.worker.n_begun, 1);
    assert_int_equal(rig.worker.n_jobs, 1);

    assert_status(read_rows(&rig, MANY), MLY_OK, &rig.err);
    assert_int_equal(rig.worker.n_begun, 2);
    tear_down(&rig);
}

static void small_tiles_and_very_large_ones_are_opened_by_the_reader(void **state)
{
    (void)state;
    enum { HUGE_ROWS = 200000 };
    struct rig rig;
    set_up(&rig, 3, false);
    make_large(&rig, 1, 10);
    make_large(&rig, 2, HUGE_ROWS);
    assert_true(street_body(&rig.street, 2).size > MLY_LIMIT_AHEAD_BYTES);
    expect_all(&rig);

    assert_status(read_rows(&rig, SIZE_MAX), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_rows, MANY + 10 + HUGE_ROWS);
    assert_int_equal(rig.worker.n_begun, 0);
    tear_down(&rig);
}

static void without_a_worker_the_rows_and_requests_are_the_same(void **state)
{
    (void)state;
    struct chance chance = {.state = 17};
    for (unsigned long round = chance_rounds(20); round > 0; round--) {
        uint32_t after_ms[STREET_MAX];
        const size_t n_tiles = 1 + chance_below(&chance, 10);
        const size_t small = chance_below(&chance, n_tiles), empty = chance_below(&chance, n_tiles);
        for (size_t i = 0; i < n_tiles; i++)
            after_ms[i] = (uint32_t)chance_below(&chance, 50);
        for (int has_worker = 0; has_worker < 2; has_worker++) {
            struct rig rig;
            set_up(&rig, n_tiles, round % 2);
            make_large(&rig, small, 3);
            make_large(&rig, empty, 0);
            if (!has_worker)
                rig.options.worker = NULL;
            for (size_t i = 0; i < n_tiles; i++)
                expect(&rig, i, street_body(&rig.street, i), after_ms[i]);

            assert_status(read_rows(&rig, SIZE_MAX), MLY_DONE, &rig.err);

            assert_int_equal(rig.n_rows, count_rows(&rig));
            assert_int_equal(rig.script.n_log, n_tiles);
            assert_in_range(rig.script.peak_in_flight, 1, 4);
            tear_down(&rig);
        }
    }
}

/* Which the thread sanitizer looks at. */
static void a_worker_with_a_thread_of_its_own_does_the_same(void **state)
{
    (void)state;
    for (int has_hold = 0; has_hold < 2; has_hold++) {
        struct rig rig;
        struct mly_helper *helper = NULL;
        set_up(&rig, 20, false);
        const struct mly_hold_options hold = {.mem = mly_mem_system(), .max_bytes = 1 << 20}; /* five tiles */
        if (has_hold)
            assert_status(mly_hold_new(&hold, &rig.hold, &rig.err), MLY_OK, &rig.err);
        assert_status(mly_helper_new(mly_mem_system(), &helper, &rig.err), MLY_OK, &rig.err);
        rig.options.hold = rig.hold;
        rig.options.clock = &rig.clock.clock;
        rig.options.mem = mly_mem_system(); /* two threads allocate */
        rig.options.worker = mly_helper_worker(helper);
        expect_all(&rig);

        assert_status(read_rows(&rig, SIZE_MAX), MLY_DONE, &rig.err);

        assert_int_equal(rig.n_rows, 20 * MANY);
        tear_down(&rig);
        mly_helper_free(helper);
    }
}

/* ---- what goes wrong ---- */

/* A page of another kind, as large as a tile. */
static struct mly_span broken_body(void)
{
    static unsigned char page[64 << 10];
    memset(page, '<', sizeof page);
    return (struct mly_span){.data = page, .size = sizeof page};
}

static void a_broken_tile_is_asked_for_once_more(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, true);
    expect(&rig, 0, street_body(&rig.street, 0), 0);
    expect(&rig, 1, broken_body(), 0);
    expect(&rig, 1, street_body(&rig.street, 1), 0);
    expect(&rig, 2, street_body(&rig.street, 2), 0);

    assert_status(read_rows(&rig, SIZE_MAX), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_rows, 3 * MANY);
    assert_script_is_used_up(&rig.script);
    tear_down(&rig);
}

static void rows_before_a_tile_that_stays_broken_come_first(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, true);
    expect(&rig, 0, street_body(&rig.street, 0), 0);
    expect(&rig, 1, broken_body(), 0);
    expect(&rig, 1, broken_body(), 0);
    expect(&rig, 2, street_body(&rig.street, 2), 0);

    assert_status(read_rows(&rig, SIZE_MAX), MLY_E_CORRUPT, &rig.err);

    assert_int_equal(rig.n_rows, MANY);
    assert_non_null(strstr(rig.err.text, rig.street.keys[1]));
    assert_non_null(strstr(rig.err.text, "asked for twice"));
    tear_down(&rig);
}

static void rows_before_a_refusal_come_first(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, true);
    expect(&rig, 0, street_body(&rig.street, 0), 0);
    script_add(&rig.script, (struct script_answer){.key = rig.street.keys[1], .http = 500});
    expect(&rig, 2, street_body(&rig.street, 2), 0);

    assert_status(read_rows(&rig, SIZE_MAX), MLY_E_REMOTE, &rig.err);

    assert_int_equal(rig.n_rows, MANY);
    assert_non_null(strstr(rig.err.text, rig.street.keys[1]));
    tear_down(&rig);
}

static void a_reader_may_leave_while_a_tile_is_being_opened(void **state)
{
    (void)state;
    for (int has_hold = 0; has_hold < 2; has_hold++) {
        struct rig rig;
        set_up(&rig, 3, has_hold);
        expect_all(&rig);
        assert_status(read_rows(&rig, MANY / 2), MLY_OK, &rig.err);
        assert_int_equal(rig.worker.n_jobs, 1);

        tear_down(&rig);
    }
}

/* 0: all as it should be. What the parent's thread has in hands is left to it. */
static int go_on_in_child(struct rig *rig)
{
    rig->worker.is_gone = true;
    if (read_rows(rig, SIZE_MAX) != MLY_E_ARG || rig->n_rows != MANY)
        return 1;
    mly_reader_free(rig->reader);
    return strstr(rig->err.text, "forked") ? 0 : 2;
}

static void a_child_of_the_process_gives_the_rows_at_hand_and_says_why_there_are_no_more(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 3, true);
    expect_all(&rig);
    assert_status(read_rows(&rig, MANY / 2), MLY_OK, &rig.err);
    assert_int_equal(rig.worker.n_jobs, 1);

    const pid_t child = fork();
    if (child == 0)
        _exit(go_on_in_child(&rig));
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    assert_status(read_rows(&rig, SIZE_MAX), MLY_DONE, &rig.err);
    assert_int_equal(rig.n_rows, 3 * MANY);
    tear_down(&rig);
}

/* Allocation number `k` of the read fails. False: there was none of that number. */
static bool read_with_failure(size_t k, bool has_hold)
{
    struct rig rig;
    set_up(&rig, 3, has_hold);
    expect_all(&rig);
    rig.mem.first_failure = rig.mem.n_allocs + k;
    rig.mem.n_failures = 1;

    const enum mly_status status = read_rows(&rig, SIZE_MAX);

    const bool has_failed = rig.mem.n_failed > 0;
    assert_true(status == MLY_DONE || (status == MLY_E_NOMEM && has_failed));
    assert_true(status != MLY_DONE || rig.n_rows == (size_t)3 * MANY);
    tear_down(&rig);
    return has_failed;
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    for (int has_hold = 0; has_hold < 2; has_hold++) {
        size_t k = 0;
        while (read_with_failure(k, has_hold))
            k++;
        assert_true(k > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_but_the_first_tile_are_opened_by_the_worker),
        cmocka_unit_test(the_next_tile_is_begun_with_the_first_row_of_the_one_before),
        cmocka_unit_test(small_tiles_and_very_large_ones_are_opened_by_the_reader),
        cmocka_unit_test(without_a_worker_the_rows_and_requests_are_the_same),
        cmocka_unit_test(a_worker_with_a_thread_of_its_own_does_the_same),
        cmocka_unit_test(a_broken_tile_is_asked_for_once_more),
        cmocka_unit_test(rows_before_a_tile_that_stays_broken_come_first),
        cmocka_unit_test(rows_before_a_refusal_come_first),
        cmocka_unit_test(a_reader_may_leave_while_a_tile_is_being_opened),
        cmocka_unit_test(a_child_of_the_process_gives_the_rows_at_hand_and_says_why_there_are_no_more),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
