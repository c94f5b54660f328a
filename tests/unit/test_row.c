/* SPDX-License-Identifier: MIT */
#include "core/row.h"

#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"

enum { N_COLUMNS = 8, N_POINTS = 7, N_PARTS = 3, N_POLYGONS = 2 };

/* A row of polygons with a value of each type, and the memory that it borrows. */
struct original {
    char text[16];
    int64_t ints[3];
    double reals[2];
    struct mly_value values[N_COLUMNS];
    struct mly_point points[N_POINTS];
    uint32_t part_ends[N_PARTS], polygon_ends[N_POLYGONS];
    struct mly_row row;
};

static void write_original(struct original *original)
{
    *original = (struct original){
        .text = "N\xc3\xbcrnberg",
        .ints = {INT64_MIN, 0, INT64_MAX},
        .reals = {-0.5, 1e300},
        .part_ends = {3, 4, N_POINTS},
        .polygon_ends = {1, N_PARTS},
    };
    for (size_t i = 0; i < N_POINTS; i++)
        original->points[i] = (struct mly_point){.x = (double)i, .y = -(double)i / 3};
    const struct mly_value values[N_COLUMNS] = {
        {.as.i = 4711, .type = MLY_INT},
        {.as.text = original->text, .n_bytes = 9, .type = MLY_TEXT},
        {.as.ints = original->ints, .n_bytes = 3 * sizeof original->ints[0], .type = MLY_INTS},
        {.as.reals = original->reals, .n_bytes = 2 * sizeof original->reals[0], .type = MLY_REALS},
        {.as.r = 0.1, .type = MLY_REAL},
        {.as.i = 1, .type = MLY_BOOL},
        {.as.i = 1700000000000, .type = MLY_TIME},
        {.type = MLY_NULL},
    };
    memcpy(original->values, values, sizeof values);
    original->row = (struct mly_row){
        .id = 4711,
        .tile = {.x = 8574, .y = 5735, .z = 14},
        .is_inside = true,
        .has_position = true,
        .longitude = 8.5,
        .latitude = 50.25,
        .points = original->points,
        .part_ends = original->part_ends,
        .n_parts = N_PARTS,
        .polygon_ends = original->polygon_ends,
        .n_polygons = N_POLYGONS,
        .values = original->values,
    };
}

static void assert_is_copy(const struct mly_row *copy)
{
    struct original expected;
    write_original(&expected);
    assert_int_equal(copy->id, 4711);
    assert_int_equal(copy->tile.x, 8574);
    assert_int_equal(copy->tile.y, 5735);
    assert_int_equal(copy->tile.z, 14);
    assert_true(copy->is_inside && copy->has_position);
    assert_true(copy->longitude == 8.5 && copy->latitude == 50.25);
    assert_int_equal(copy->n_parts, N_PARTS);
    assert_int_equal(copy->n_polygons, N_POLYGONS);
    assert_memory_equal(copy->points, expected.points, sizeof expected.points);
    assert_memory_equal(copy->part_ends, expected.part_ends, sizeof expected.part_ends);
    assert_memory_equal(copy->polygon_ends, expected.polygon_ends, sizeof expected.polygon_ends);
    for (size_t i = 0; i < N_COLUMNS; i++) {
        assert_int_equal(copy->values[i].type, expected.values[i].type);
        assert_int_equal(copy->values[i].n_bytes, expected.values[i].n_bytes);
    }
    assert_int_equal(copy->values[0].as.i, 4711);
    assert_memory_equal(copy->values[1].as.text, expected.text, 9);
    assert_memory_equal(copy->values[2].as.ints, expected.ints, sizeof expected.ints);
    assert_memory_equal(copy->values[3].as.reals, expected.reals, sizeof expected.reals);
    assert_true(copy->values[4].as.r == 0.1);
    assert_int_equal(copy->values[5].as.i, 1);
    assert_int_equal(copy->values[6].as.i, 1700000000000);
}

static void a_copy_outlives_all_that_the_row_pointed_to(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_arena arena;
    struct original original;
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 1 << 20);
    write_original(&original);

    const struct mly_row *copy = mly_row_copy(&arena, &original.row, N_COLUMNS);
    memset(&original, 0x5a, sizeof original);

    assert_non_null(copy);
    assert_is_copy(copy);
    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
}

static void values_beyond_the_columns_are_not_looked_at(void **state)
{
    (void)state;
    static const char *const nowhere = (const char *)1;
    const struct mly_value values[] = {{.as.i = 5, .type = MLY_INT},
                                       {.as.text = nowhere, .n_bytes = 100, .type = MLY_TEXT}};
    const struct mly_row row = {.id = 5, .values = values};
    struct mly_arena arena;
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);

    const struct mly_row *copy = mly_row_copy(&arena, &row, 1);

    assert_non_null(copy);
    assert_int_equal(copy->values[0].as.i, 5);
    mly_arena_fini(&arena);
}

static void what_is_empty_stays_empty(void **state)
{
    (void)state;
    const struct mly_value values[] = {{.as.text = "", .type = MLY_TEXT}, {.type = MLY_INTS}, {.type = MLY_REALS}};
    const struct mly_row row = {.id = -1, .values = values};
    struct mly_arena arena;
    mly_arena_init(&arena, mly_mem_system(), 1 << 20);

    const struct mly_row *copy = mly_row_copy(&arena, &row, COUNT(values)), *bare = mly_row_copy(&arena, &row, 0);

    assert_non_null(copy);
    assert_non_null(bare);
    assert_int_equal(copy->id, -1);
    assert_int_equal(copy->n_parts, 0);
    assert_int_equal(copy->n_polygons, 0);
    assert_false(copy->has_position);
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_int_equal(copy->values[i].type, values[i].type);
        assert_int_equal(copy->values[i].n_bytes, 0);
    }
    mly_arena_fini(&arena);
}

static void an_arena_without_room_gives_no_copy(void **state)
{
    (void)state;
    size_t limit = 0;
    bool was_copied = false;
    for (; !was_copied; limit += 8) {
        struct fail_mem mem;
        struct mly_arena arena;
        struct original original;
        fail_mem_init(&mem);
        mly_arena_init(&arena, &mem.mem, limit);
        write_original(&original);

        const struct mly_row *copy = mly_row_copy(&arena, &original.row, N_COLUMNS);

        was_copied = copy != NULL;
        assert_int_equal(arena.trouble, was_copied ? MLY_OK : MLY_E_LIMIT);
        mly_arena_fini(&arena);
        assert_nothing_leaks(&mem);
    }
    assert_true(limit > sizeof(struct mly_row) + N_COLUMNS * sizeof(struct mly_value));
}

static void every_allocation_of_a_copy_may_fail(void **state)
{
    (void)state;
    enum { N_LARGE = 40000 }; /* points that need a block of their own */
    static struct mly_point points[N_LARGE];
    struct original original;
    write_original(&original);
    original.row.points = points;
    original.part_ends[N_PARTS - 1] = N_LARGE;
    size_t n_allocs = 1;
    for (size_t i = 0; i <= n_allocs; i++) {
        struct fail_mem mem;
        struct mly_arena arena;
        fail_mem_init_failing(&mem, i == n_allocs ? SIZE_MAX : i, 1);
        mly_arena_init(&arena, &mem.mem, 4 << 20);

        const struct mly_row *copy = mly_row_copy(&arena, &original.row, N_COLUMNS);

        assert_int_equal(copy != NULL, mem.n_failed == 0);
        assert_int_equal(arena.trouble, copy ? MLY_OK : MLY_E_NOMEM);
        if (mem.n_allocs > n_allocs)
            n_allocs = mem.n_allocs;
        mly_arena_fini(&arena);
        assert_nothing_leaks(&mem);
    }
    assert_true(n_allocs >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_outlives_all_that_the_row_pointed_to),
        cmocka_unit_test(values_beyond_the_columns_are_not_looked_at),
        cmocka_unit_test(what_is_empty_stays_empty),
        cmocka_unit_test(an_arena_without_room_gives_no_copy),
        cmocka_unit_test(every_allocation_of_a_copy_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
