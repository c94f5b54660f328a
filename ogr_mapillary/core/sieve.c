/* SPDX-License-Identifier: MIT */
#include "sieve.h"

#include <string.h>

#include "limits.h"

struct mly_sieve {
    const struct mly_expr *expr;
    const struct mly_mvt *mvt;
    uint32_t n_columns, row; /* the row that is looked at */
    size_t n_cells;          /* numbers that a cell can have */
    uint8_t *outcomes;       /* of each test for each cell; 0 when not yet known. NULL: too many to keep */
    struct mly_expr_probe probe;
    char digits[MLY_VALUE_SCRATCH];
};

static unsigned probe_row(void *ctx, uint32_t number, int column, const struct mly_expr *test)
{
    struct mly_sieve *s = ctx;
    if (column == MLY_EXPR_FID)
        return mly_expr_fid_outcome(test, mly_mvt_id(s->mvt, s->row));
    if ((uint32_t)column >= s->n_columns)
        return mly_expr_any_outcome();

    const uint32_t cell = mly_mvt_cell(s->mvt, (uint32_t)column, s->row);
    uint8_t *kept = s->outcomes ? &s->outcomes[number * s->n_cells + cell] : NULL;
    const unsigned known = kept ? *kept : 0; /* 0: nobody has looked yet */
    if (known)
        return known;
    const unsigned outcome = mly_expr_outcome(test, mly_mvt_value(s->mvt, (uint32_t)column, cell, s->digits));
    if (kept)
        *kept = (uint8_t)outcome;
    return outcome;
}

/* A filter must not make a tile fail that fits without it: a table that does not fit is no table. */
static bool fits(const struct mly_arena *arena, size_t n_tests, size_t n_cells)
{
    const size_t room = (arena->limit - arena->used) / 2;
    return n_tests <= (room < MLY_LIMIT_SIEVE_MEMORY ? room : MLY_LIMIT_SIEVE_MEMORY) / n_cells;
}

enum mly_status mly_sieve_open(const struct mly_expr *expr, const struct mly_mvt *mvt, struct mly_arena *arena,
                               struct mly_sieve **out, struct mly_error *err)
{
    const size_t n_tests = expr ? mly_expr_count(expr) : 0;
    struct mly_sieve *s = mly_arena_alloc(arena, sizeof *s);
    if (!s)
        return mly_arena_fail(arena, "the filter over a tile", err);
    *s = (struct mly_sieve){
        .expr = expr,
        .mvt = mvt,
        .n_columns = mly_mvt_layer(mvt)->n_tile_columns,
        .n_cells = (size_t)mly_mvt_n_values(mvt) + 1,
        .probe = {.outcome = probe_row, .ctx = s},
    };
    if (n_tests > 0 && fits(arena, n_tests, s->n_cells)) {
        s->outcomes = mly_arena_alloc(arena, n_tests * s->n_cells);
        if (!s->outcomes)
            return mly_arena_fail(arena, "the filter over a tile", err);
        memset(s->outcomes, 0, n_tests * s->n_cells);
    }
    *out = s;
    return MLY_OK;
}

enum mly_truth mly_sieve_test(struct mly_sieve *sieve, uint32_t row)
{
    if (!sieve->expr)
        return MLY_YES;
    sieve->row = row;
    return mly_expr_decide(sieve->expr, &sieve->probe);
}
