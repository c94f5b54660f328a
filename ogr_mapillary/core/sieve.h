/* SPDX-License-Identifier: MIT */
/* sieve.h — a filter over the rows of a decoded tile: each test looks once at each value of the tile's dictionary, not
 * once at each row. Nothing is copied and no row is made.
 * Owner: lives in the arena that it was opened in; filter and tile are borrowed. Threads: one sieve, one thread. */
#ifndef MLY_SIEVE_H
#define MLY_SIEVE_H

#include "expr.h"
#include "mvt.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_sieve;

/* `expr` NULL: everything passes. Columns that tiles do not carry could have any value. MLY_E_LIMIT, MLY_E_NOMEM. */
enum mly_status mly_sieve_open(const struct mly_expr *expr, const struct mly_mvt *mvt, struct mly_arena *arena,
                               struct mly_sieve **out, struct mly_error *err);

/* What mly_expr_eval says of the row that mly_mvt_row makes. */
enum mly_truth mly_sieve_test(struct mly_sieve *sieve, uint32_t row);

#ifdef __cplusplus
}
#endif

#endif
