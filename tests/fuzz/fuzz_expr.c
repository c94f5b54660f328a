/* SPDX-License-Identifier: MIT */
/* Attribute filters: what core/expr.c says of rows, beside a plain evaluator of SQL in the dialects of GDAL's versions.
 * Input: a byte of flags and one for a column, then the numbers that grow the tree. */
#include "fuzz.h"
#include "unit/support/fail_mem.h"
#include "unit/support/literals.h"
#include "unit/support/plain_sql.h"

enum { N_ROWS = 8 };

static void check_rows(const struct plain_forest *forest, const struct mly_expr *expr, struct chance *chance)
{
    for (int i = 0; i < N_ROWS; i++) {
        const uint64_t known = i % 2 ? PLAIN_ALL_KNOWN : chance_next(chance) & PLAIN_ALL_KNOWN;
        const struct plain_sample sample = plain_random_sample(chance), hidden = plain_hide(sample, known);
        const enum mly_truth truth = mly_expr_eval(expr, hidden.fid, hidden.values, known);
        plain_check_law(forest->root, &sample, known, truth, chance);
        if (mly_expr_is_never(expr))
            assert_int_equal(truth, MLY_NO);
        if (forest->is_typed && mly_expr_is_exact(expr, known))
            assert_int_not_equal(truth, MLY_MAYBE);
    }
}

static void check_demand(const struct plain_forest *forest, const struct mly_expr *expr, int column,
                         const struct mly_mem *mem, struct chance *chance)
{
    struct mly_buf demanded;
    mly_buf_init(&demanded, mem, 1 << 20);
    const enum mly_status status = mly_expr_demand(expr, column, &demanded);
    assert_true(status == MLY_OK || (status == MLY_DONE && demanded.size == 0));
    plain_check_each_once(&demanded);
    for (int i = 0; status == MLY_OK && i < N_ROWS; i++) {
        const struct plain_dialect dialect = plain_random_dialect(chance);
        const struct plain_sample sample = plain_random_sample(chance);
        if (plain_say(&dialect, forest->root, &sample) == PLAIN_SAYS_TRUE)
            assert_true(plain_is_among(&dialect, column < 0 ? whole(sample.fid) : sample.values[column], &demanded));
    }
    mly_buf_fini(&demanded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int columns[] = {MLY_EXPR_FID, PLAIN_WHOLE, PLAIN_TEXT, PLAIN_KEY, PLAIN_NAME};
    static struct plain_forest forest;
    if (size < 3)
        return 0;
    struct fail_mem mem;
    struct mly_arena arena;
    struct chance steered = {.bytes = data + 2, .n_bytes = size - 2};
    struct chance chance = {.state = (uint64_t)mly_value_hash(0, data, size)}; /* rows follow from the tree */
    fail_mem_init(&mem);
    mly_arena_init(&arena, &mem.mem, 64 << 20);
    forest.is_plain = data[0] & 1;
    forest.is_typed = data[0] & 2;
    forest.is_narrow = data[0] & 4;
    forest.column = columns[data[1] % COUNT(columns)];

    plain_plant(&forest, &steered);
    const struct mly_expr *expr = plain_build(&arena, forest.root);
    assert_non_null(expr);
    check_rows(&forest, expr, &chance);
    if (forest.is_typed) /* else a value and a literal of other types compare in ways that nobody knows */
        check_demand(&forest, expr, forest.column, &mem.mem, &chance);

    mly_arena_fini(&arena);
    assert_nothing_leaks(&mem);
    return 0;
}
