/* SPDX-License-Identifier: MIT */
/* expr.h — an attribute filter as a tree: what it demands, and what it says of a row.
 * Owner: nodes live in the arena that they were built in; texts and lists are copied there. A finished tree is
 * constant. Threads: building, one thread; then any. Source: SPEC.md 3; OGR SQL, GDAL.md 4, 5 and 10. Law: never MLY_NO
 * for a row that OGR's own evaluation keeps, in any version of GDAL. OGR always has the last word. */
#ifndef MLY_EXPR_H
#define MLY_EXPR_H

#include <stdbool.h>

#include "arena.h"
#include "buf.h"
#include "value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_expr;

enum mly_truth { MLY_NO, MLY_YES, MLY_MAYBE };

enum mly_op {
    MLY_OP_EQ, /* texts without regard to case, as OGR compares them; so do the next six */
    MLY_OP_NE,
    MLY_OP_LT,
    MLY_OP_LE,
    MLY_OP_GT,
    MLY_OP_GE,
    MLY_OP_IN,
    MLY_OP_LIKE,  /* with regard to case; % and _, without an escape character */
    MLY_OP_ILIKE, /* without */
    MLY_OP_IS_NULL
};

enum { MLY_EXPR_FID = -1 };       /* the column that stands for the row's id; of a row without one, -1 or NULL */
enum { MLY_EXPR_MAX_DEPTH = 64 }; /* deeper trees than people and programs write: the rest is unknown */

/* What a column is compared with. */
struct mly_literal {
    struct mly_value value; /* MLY_BOOL counts as MLY_INT. Of MLY_TIME: the earliest moment that it may stand for … */
    int64_t until; /* … and the latest: with a time zone, versions of GDAL differ. Any 64 bits, unlike a value's */
};

/* Builders. NULL means that the arena refused, and NULL operands give NULL: it is enough to look at the end. */

/* `column`, MLY_EXPR_FID or below MLY_SCHEMA_MAX_COLUMNS, and the literals: several for MLY_OP_IN only, of which none
 * is a constant false; none for MLY_OP_IS_NULL. Numbers are compared as OGR does: whole ones as 64-bit integers, and as
 * doubles if one of the two is real. A literal of a type that the column's values do not compare with gives MLY_MAYBE,
 * in a list whatever else is in it; so do NULL, a real number that is not finite, and an interval that ends before it
 * begins. */
const struct mly_expr *mly_expr_test(struct mly_arena *arena, int column, enum mly_op op,
                                     const struct mly_literal *literals, uint32_t n_literals);
const struct mly_expr *mly_expr_and(struct mly_arena *arena, const struct mly_expr *l, const struct mly_expr *r);
const struct mly_expr *mly_expr_or(struct mly_arena *arena, const struct mly_expr *l, const struct mly_expr *r);
const struct mly_expr *mly_expr_not(struct mly_arena *arena, const struct mly_expr *e);
const struct mly_expr *mly_expr_constant(struct mly_arena *arena, bool truth);
/* Something that cannot be said here: always MLY_MAYBE. `label` names it for the plan, e.g. "SUBSTR". The first is for
 * what gives true or false, such as a comparison; the second for anything else that stands where a condition is wanted,
 * such as a field by itself: before GDAL 3.10 its NULL makes any OR that it stands in false. */
const struct mly_expr *mly_expr_unknown(struct mly_arena *arena, const char *label);
const struct mly_expr *mly_expr_unknown_value(struct mly_arena *arena, const char *label);

/* ---- rows ---- */

/* `values` as in struct mly_row. Columns whose bit is not in `known` could have any value; the FID is always known. */
enum mly_truth mly_expr_eval(const struct mly_expr *e, int64_t fid, const struct mly_value *values, uint64_t known);

/* No row can pass, whatever it holds. */
bool mly_expr_is_never(const struct mly_expr *e);

/* Never MLY_MAYBE for a row of which these columns are known, whatever they hold of the types that their literals
 * compare with: no unknown, no text (OGR's comparison of what is not ASCII differs by version and place), no NOT over
 * what may be NULL, no literal that may stand for more than one moment, no whole numbers and real ones in one list, and
 * no FID. */
bool mly_expr_is_exact(const struct mly_expr *e, uint64_t known);

/* The set of columns that tests look at; what an unknown looks at is not known. The FID is in no set. */
uint64_t mly_expr_columns(const struct mly_expr *e);

/* Calls `fn` for each unknown, in the order of the text. */
typedef void mly_expr_label_fn(void *ctx, const char *label);
void mly_expr_unknowns(const struct mly_expr *e, mly_expr_label_fn *fn, void *ctx);

/* ---- a look inside ---- */

enum mly_expr_kind {
    MLY_EXPR_CONSTANT,
    MLY_EXPR_UNKNOWN,
    MLY_EXPR_TEST,
    MLY_EXPR_NOT, /* has the left side only */
    MLY_EXPR_AND,
    MLY_EXPR_OR
};

/* What the builder of this node was given: with it, the same builder makes the same node. */
struct mly_expr_node {
    enum mly_expr_kind kind;
    bool truth;        /* of a constant */
    bool is_value;     /* of an unknown: made by mly_expr_unknown_value */
    const char *label; /* likewise */
    int column;        /* of a test, as all that follows but for the sides */
    enum mly_op op;
    const struct mly_literal *literals;
    uint32_t n_literals;
    const struct mly_expr *l, *r;
};

/* Borrows from the tree. */
struct mly_expr_node mly_expr_look(const struct mly_expr *e);

/* ---- demands ---- */

/* MLY_OK: each row that passes has one of these values in `column`, which is of integers or of text: `out`, an
 * initialised buffer, gets them as struct mly_value, each once, in the order of the text; none at all if no row can
 * pass. Texts are borrowed from the tree; two that differ in case only are one for OGR, and both are named, but of the
 * two sides of an AND the left one's spellings. Real literals count as the whole number that they are, below 2^53.
 * MLY_DONE: nothing of the kind is demanded. MLY_E_NOMEM, MLY_E_LIMIT: `out` refused, or its allocator. */
enum mly_status mly_expr_demand(const struct mly_expr *e, int column, struct mly_buf *out);

/* Calls `fn` for each text with which `column` is compared by = or IN anywhere in the tree, in the order of the text,
 * until it gives something else than MLY_OK, which is then given back. Lists that hold anything but texts are left out.
 */
typedef enum mly_status mly_expr_text_fn(void *ctx, const char *text, uint32_t n_bytes);
enum mly_status mly_expr_texts(const struct mly_expr *e, int column, mly_expr_text_fn *fn, void *ctx);

/* The same tree in `arena`, but where `column` is compared with texts by = or IN stands, for each such test,
 * ( `key` IN keys OR ( `key` IS NULL AND the test ) ), with the keys that `fn` gives for its texts: `key` is a column
 * of integers that tells the same and is better known (creator_id for creator_username, SPEC.md 3). `fn` appends
 * int64_t, MLY_LIMIT_IDS at most; no keys at all leave the second half. NULL: the arena refused, or `fn` failed. */
typedef enum mly_status mly_expr_key_fn(void *ctx, const char *text, uint32_t n_bytes, struct mly_buf *keys);
const struct mly_expr *mly_expr_rekey(const struct mly_expr *e, int column, int key, mly_expr_key_fn *fn, void *ctx,
                                      struct mly_arena *arena);

/* ---- many rows with few values ---- */

/* Tests are numbered from 0, in the order of the text. */
struct mly_expr_probe {
    /* The outcome of test `number`, which looks at `column`: what mly_expr_outcome says of the row's value there. */
    unsigned (*outcome)(void *ctx, uint32_t number, int column, const struct mly_expr *test);
    void *ctx;
};

uint32_t mly_expr_count(const struct mly_expr *e);
enum mly_truth mly_expr_decide(const struct mly_expr *e, const struct mly_expr_probe *probe);

/* What one test says of one value (MLY_NULL included), as a number below 256 and above 0 that only _decide understands:
 * the same for the same value, so that it can be kept. */
unsigned mly_expr_outcome(const struct mly_expr *test, struct mly_value value);
unsigned mly_expr_fid_outcome(const struct mly_expr *test, int64_t fid); /* of one on MLY_EXPR_FID */
unsigned mly_expr_any_outcome(void);                                     /* of a value that is not known */

#ifdef __cplusplus
}
#endif

#endif
