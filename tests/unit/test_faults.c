/* SPDX-License-Identifier: MIT */
/* Whole reads, of every layer and by every way: the same rows in any order of arrival, and an end with an error that
 * says so, and without a leak, when memory runs out at any point. */
#include <string.h>

#include "core/hold.h"
#include "core/reader.h"
#include "core/retry.h"
#include "support/chance.h"
#include "support/check_row.h"
#include "support/fail_mem.h"
#include "support/hamlet.h"

enum { MAX_ROWS = 16 };

/* What came of a read. */
struct outcome {
    enum mly_status status;
    struct mly_error err;
    size_t n_rows;
    int64_t digests[MAX_ROWS];
};

static void take_rows(struct mly_reader *reader, const struct mly_layer *layer, struct outcome *out)
{
    struct mly_row row;
    while ((out->status = mly_reader_next(reader, &row, &out->err)) == MLY_OK) {
        assert_true(out->n_rows < MAX_ROWS);
        out->digests[out->n_rows++] = check_row(layer, &row);
    }
}

static enum mly_status open_all(const struct hamlet_read *read, const struct mly_plan *plan,
                                const struct mly_read_options *options, struct mly_transport *inner,
                                struct mly_transport **retry, struct outcome *out)
{
    const struct mly_retry_policy policy = {.max_retries = 1, .first_delay_ms = 1};
    struct mly_reader *reader = NULL;
    MLY_TRY(mly_retry_new(inner, &policy, options->clock, options->mem, retry, &out->err));
    MLY_TRY(mly_reader_new(plan, options, *retry, &reader, &out->err));
    take_rows(reader, mly_schema_find(read->layer), out);
    mly_reader_free(reader);
    return out->status;
}

/* From the filter and the plan to the last row; all that takes memory takes it from `mem`. */
static void read_all(const struct hamlet_read *read, struct fail_mem *mem, struct mly_hold *hold, uint64_t order,
                     struct outcome *out)
{
    struct fake_clock clock;
    struct service_transport service;
    struct hamlet_query query;
    struct mly_plan plan;
    struct mly_transport *retry = NULL;
    fake_clock_init(&clock, 1000);
    service_init(&service, &mem->mem, &clock, hamlet_answer, &order);
    const struct mly_read_options options = {.mem = &mem->mem,
                                             .tile_service = hamlet_tile_service,
                                             .graph_service = hamlet_graph_service,
                                             .max_in_flight = 3,
                                             .hold = hold,
                                             .hold_scope = "here",
                                             .clock = &clock.clock,
                                             .hold_max_age_ms = UINT64_MAX};
    *out = (struct outcome){.status = MLY_E_NOMEM};
    hamlet_ask(read, &mem->mem, &query);
    if (!read->where || query.query.filter) {
        out->status = mly_plan_make(&query.query, &mem->mem, &plan, &out->err);
        if (out->status == MLY_OK)
            out->status = open_all(read, &plan, &options, &service.base, &retry, out);
        mly_plan_fini(&plan);
    }
    mly_transport_free(retry);
    assert_int_equal(service.n_in_flight, 0);
    hamlet_fini(&query);
}

/* Rows before a failure are those of the whole read, in its order. */
static void assert_begins_like(const struct outcome *actual, const struct outcome *whole)
{
    assert_true(actual->n_rows <= whole->n_rows);
    for (size_t i = 0; i < actual->n_rows; i++)
        assert_true(actual->digests[i] == whole->digests[i]);
}

static void every_way_gives_its_rows_in_any_order_of_arrival(void **state)
{
    (void)state;
    const struct hamlet_read *read;
    for (size_t i = 0; (read = hamlet_read(i)) != NULL; i++) {
        struct fail_mem mem;
        struct outcome whole, other;
        fail_mem_init(&mem);
        read_all(read, &mem, NULL, 0, &whole);
        if (whole.status != MLY_DONE || whole.n_rows != read->n_rows)
            print_error("%s: %zu rows, '%s'\n", read->name, whole.n_rows, whole.err.text);
        assert_status(whole.status, MLY_DONE, &whole.err);
        assert_int_equal(whole.n_rows, read->n_rows);
        for (uint64_t order = 1; order <= chance_rounds(10); order++) {
            read_all(read, &mem, NULL, order, &other);
            assert_status(other.status, MLY_DONE, &other.err);
            assert_int_equal(other.n_rows, whole.n_rows);
            assert_begins_like(&other, &whole);
        }
        assert_nothing_leaks(&mem);
    }
}

/* Tiles that find no room among the remembered ones are only asked for again: all else ends the read. */
static void assert_ends_well(const struct hamlet_read *read, const struct fail_mem *mem, size_t k,
                             const struct outcome *out, const struct outcome *whole)
{
    const bool is_well = out->status == MLY_E_NOMEM ? out->err.code == MLY_OK || out->err.text[0] != '\0'
                                                    : out->status == MLY_DONE && out->n_rows == whole->n_rows;
    if (!is_well)
        print_error("%s, allocation %zu: '%s', %zu rows: %s\n", read->name, k, mly_status_name(out->status),
                    out->n_rows, out->err.text);
    assert_true(is_well);
    assert_begins_like(out, whole);
    assert_nothing_leaks(mem);
}

/* Returns how many allocations the whole read makes. */
static size_t run_out(const struct hamlet_read *read, size_t n_failures)
{
    struct outcome whole, out;
    struct fail_mem mem;
    size_t n_noticed = 0, k = 0;
    fail_mem_init(&mem);
    read_all(read, &mem, NULL, 0, &whole);
    const size_t n_allocs = mem.n_allocs;
    for (; k < n_allocs; k++) {
        fail_mem_init_failing(&mem, k, n_failures);
        read_all(read, &mem, NULL, 0, &out);
        n_noticed += out.status == MLY_E_NOMEM;
        assert_ends_well(read, &mem, k, &out, &whole);
    }
    assert_int_equal(n_noticed, n_allocs); /* without a hold, none is for nothing */
    return n_allocs;
}

static void memory_may_run_out_once_anywhere(void **state)
{
    (void)state;
    const struct hamlet_read *read;
    for (size_t i = 0; (read = hamlet_read(i)) != NULL; i++)
        assert_true(run_out(read, 1) >= 2);
}

static void memory_may_run_out_for_good_anywhere(void **state)
{
    (void)state;
    const struct hamlet_read *read;
    for (size_t i = 0; (read = hamlet_read(i)) != NULL; i++)
        (void)run_out(read, SIZE_MAX);
}

/* Twice in a row, the second time with what the first left behind. */
static void memory_may_run_out_while_tiles_are_remembered(void **state)
{
    (void)state;
    const struct hamlet_read *read;
    size_t n_unnoticed = 0;
    for (size_t i = 0; (read = hamlet_read(i)) != NULL; i++) {
        struct outcome whole, first, second;
        struct fail_mem mem;
        fail_mem_init(&mem);
        read_all(read, &mem, NULL, 0, &whole);
        for (size_t k = 0, n_failed = 1; n_failed > 0; k++) {
            struct mly_hold *hold = NULL;
            const struct mly_hold_options options = {.mem = &mem.mem, .max_bytes = 1 << 20};
            fail_mem_init_failing(&mem, k, 1);
            if (mly_hold_new(&options, &hold, NULL) == MLY_OK) {
                read_all(read, &mem, hold, 0, &first);
                read_all(read, &mem, hold, 0, &second);
                assert_begins_like(&first, &whole);
                n_unnoticed += mem.n_failed > 0 && first.status == MLY_DONE && second.status == MLY_DONE;
                mly_hold_free(hold);
                assert_ends_well(read, &mem, k, &first, &whole);
                assert_ends_well(read, &mem, k, &second, &whole);
            }
            n_failed = mem.n_failed;
        }
    }
    assert_true(n_unnoticed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_its_rows_in_any_order_of_arrival),
        cmocka_unit_test(memory_may_run_out_once_anywhere),
        cmocka_unit_test(memory_may_run_out_for_good_anywhere),
        cmocka_unit_test(memory_may_run_out_while_tiles_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
