/* SPDX-License-Identifier: MIT */
/* A test's outcome is a set: what the versions of GDAL, and the values that a column may have, could make of it. Before
 * GDAL 3.10 a comparison with NULL is FALSE and NOT of it TRUE; since then both are NULL. So NULL stands for either,
 * and NOT of it may be TRUE.
 * What is no comparison, such as a field by itself, can be NULL in old versions, too: there, AND and OR of it are
 * FALSE, whatever else they join. That NULL is called VOID. */
#include "expr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

enum { IS_TRUE = 1, IS_FALSE = 2, IS_NULL = 4, IS_VOID = 8, IS_ANYTHING = IS_TRUE | IS_FALSE | IS_NULL };

/* How a value may lie to a literal: a set, too. */
enum { LESS = 1, EQUAL = 2, GREATER = 4, ANY_ORDER = LESS | EQUAL | GREATER };

/* A double beyond this may stand for several whole numbers. */
static const double exact_end = 9007199254740992.0;

enum kind { KIND_CONSTANT, KIND_UNKNOWN, KIND_TEST, KIND_NOT, KIND_AND, KIND_OR };

/* What compares with what. ODD compares with nothing. */
enum family { FAMILY_ODD, FAMILY_NUMBERS, FAMILY_TEXTS, FAMILY_TIMES };

struct test {
    int column;
    enum mly_op op;
    enum family family; /* of all literals */
    uint32_t n_literals, n_plain;
    const struct mly_literal *literals; /* in the order of the text */
    const struct mly_value *sorted;     /* of IN, but for times: first the plain ones, that is whole numbers or texts in
                                           ASCII, then real numbers; each by value. Other texts are not in order */
};

struct mly_expr {
    enum kind kind;
    uint32_t depth, n_tests;
    uint64_t columns;
    bool may_be_null; /* for some row */
    bool may_be_void; /* likewise */
    bool is_exact;    /* for all rows of which the columns are known */
    union {
        struct test test;
        struct {
            const struct mly_expr *l, *r; /* NOT has the left one only */
        } under;
        const char *label;
        bool truth;
    } of;
};

/* ---- orders ---- */

static unsigned order_of_wholes(int64_t a, int64_t b)
{
    return a < b ? LESS : a > b ? GREATER : EQUAL;
}

static unsigned order_of_reals(double a, double b)
{
    return a < b ? LESS : a > b ? GREATER : EQUAL;
}

static double as_real(struct mly_value value)
{
    return value.type == MLY_REAL ? value.as.r : (double)value.as.i;
}

static unsigned char lower(char c)
{
    const unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte - 'A' + 'a') : byte;
}

/* Of other bytes versions, places and C strings think differently. */
static bool is_ascii(struct mly_value text)
{
    for (uint32_t i = 0; i < text.n_bytes; i++) {
        if (text.as.text[i] == '\0' || (unsigned char)text.as.text[i] >= 0x80)
            return false;
    }
    return true;
}

/* As strcasecmp has it, of ASCII. The lower case of I is another letter where people write Turkish. */
static unsigned order_of_ascii(struct mly_value a, struct mly_value b)
{
    const uint32_t n = a.n_bytes < b.n_bytes ? a.n_bytes : b.n_bytes;
    unsigned orders = 0;
    for (uint32_t i = 0; i < n; i++) {
        const char x = a.as.text[i], y = b.as.text[i];
        if (x == y)
            continue;
        if (x == 'I' || y == 'I')
            orders |= LESS | GREATER;
        if (lower(x) != lower(y))
            return orders | order_of_wholes(lower(x), lower(y));
    }
    return orders | order_of_wholes(a.n_bytes, b.n_bytes);
}

/* `value` is of the literal's family. */
static unsigned order_of(struct mly_value value, const struct mly_literal *literal)
{
    switch (value.type) {
    case MLY_TEXT:
        return is_ascii(value) && is_ascii(literal->value) ? order_of_ascii(value, literal->value) : ANY_ORDER;
    case MLY_TIME:
        return (value.as.i < literal->until ? LESS : 0) | (value.as.i > literal->value.as.i ? GREATER : 0) |
               (value.as.i >= literal->value.as.i && value.as.i <= literal->until ? EQUAL : 0);
    default:
        if (value.type == MLY_REAL || literal->value.type == MLY_REAL)
            return order_of_reals(as_real(value), as_real(literal->value));
        return order_of_wholes(value.as.i, literal->value.as.i);
    }
}

/* ---- lists ---- */

static int sign_of(unsigned order)
{
    return order == LESS ? -1 : order == GREATER;
}

static int compare_wholes(const void *a, const void *b)
{
    const struct mly_value *x = a, *y = b;
    return sign_of(order_of_wholes(x->as.i, y->as.i));
}

/* Whole numbers in order are in order as doubles. */
static int compare_as_reals(const void *a, const void *b)
{
    const struct mly_value *x = a, *y = b;
    return sign_of(order_of_reals(as_real(*x), as_real(*y)));
}

static int compare_texts(const void *a, const void *b)
{
    const struct mly_value *x = a, *y = b;
    const uint32_t n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
    for (uint32_t i = 0; i < n; i++) {
        const int difference = lower(x->as.text[i]) - lower(y->as.text[i]);
        if (difference != 0)
            return difference;
    }
    return sign_of(order_of_wholes(x->n_bytes, y->n_bytes));
}

static bool holds(const struct mly_value *sorted, uint32_t n, struct mly_value value,
                  int (*compare)(const void *, const void *))
{
    return bsearch(&value, sorted, n, sizeof *sorted, compare) != NULL;
}

static unsigned find_number(const struct test *test, struct mly_value value)
{
    const uint32_t n_reals = test->n_literals - test->n_plain;
    const bool is_whole = value.type != MLY_REAL;
    if (is_whole && holds(test->sorted, test->n_plain, value, compare_wholes))
        return IS_TRUE;
    if (is_whole && n_reals == 0)
        return IS_FALSE;
    if (holds(test->sorted + test->n_plain, n_reals, value, compare_as_reals))
        return IS_TRUE;
    if (!holds(test->sorted, test->n_plain, value, compare_as_reals))
        return IS_FALSE;
    return is_whole ? IS_ANYTHING : IS_TRUE; /* beside a real number GDAL 3.6 compares whole ones as doubles, too */
}

static unsigned find_text(const struct test *test, struct mly_value value)
{
    if (!is_ascii(value))
        return IS_ANYTHING;
    unsigned absent = test->n_plain < test->n_literals ? IS_ANYTHING : IS_FALSE;
    const struct mly_value *end = test->sorted + test->n_plain;
    const struct mly_value *at = bsearch(&value, test->sorted, test->n_plain, sizeof *at, compare_texts);
    if (!at)
        return absent;
    while (at > test->sorted && compare_texts(at - 1, &value) == 0)
        at--;
    for (; at < end && compare_texts(at, &value) == 0; at++) {
        if (order_of_ascii(value, *at) == EQUAL)
            return IS_TRUE;
    }
    return IS_ANYTHING;
}

static unsigned find_time(const struct test *test, struct mly_value value)
{
    unsigned orders = 0;
    for (uint32_t i = 0; i < test->n_literals; i++) {
        const unsigned order = order_of(value, &test->literals[i]);
        if (order == EQUAL)
            return IS_TRUE;
        orders |= order;
    }
    return orders & EQUAL ? IS_ANYTHING : IS_FALSE;
}

/* ---- patterns ---- */

/* Which letters are the same. */
enum fold { FOLD_NONE, FOLD_SURELY, FOLD_ALL };

static bool is_same(char x, char y, enum fold fold)
{
    if (x == y || fold == FOLD_NONE)
        return x == y;
    return lower(x) == lower(y) && (fold == FOLD_ALL || lower(x) != 'i'); /* the latter as in order_of_ascii */
}

/* Where letters do not match, the last % takes one byte more. Those before it never need to: it could take those bytes
 * as well. */
static bool matches(struct mly_value text, struct mly_value pattern, enum fold fold)
{
    uint32_t at = 0, in = 0, resume_at = 0, behind_run = 0;
    while (at < text.n_bytes) {
        const bool is_run = in < pattern.n_bytes && pattern.as.text[in] == '%';
        if (is_run) {
            behind_run = ++in;
            resume_at = at;
        } else if (in < pattern.n_bytes &&
                   (pattern.as.text[in] == '_' || is_same(text.as.text[at], pattern.as.text[in], fold))) {
            at++;
            in++;
        } else if (behind_run > 0) {
            at = ++resume_at;
            in = behind_run;
        } else {
            return false;
        }
    }
    while (in < pattern.n_bytes && pattern.as.text[in] == '%')
        in++;
    return in == pattern.n_bytes;
}

/* GDAL 3.6 has 'a' not match 'a%%'. */
static bool has_double_run(struct mly_value pattern)
{
    for (uint32_t i = 1; i < pattern.n_bytes; i++) {
        if (pattern.as.text[i - 1] == '%' && pattern.as.text[i] == '%')
            return true;
    }
    return false;
}

/* The configuration option OGR_SQL_LIKE_AS_ILIKE may be set or not. */
static unsigned match(const struct test *test, struct mly_value text)
{
    const struct mly_value pattern = test->literals[0].value;
    if (text.n_bytes > MLY_LIMIT_LIKE || pattern.n_bytes > MLY_LIMIT_LIKE || !is_ascii(text) || !is_ascii(pattern))
        return IS_ANYTHING;
    if (!matches(text, pattern, FOLD_ALL))
        return IS_FALSE;
    const enum fold fold = test->op == MLY_OP_LIKE ? FOLD_NONE : FOLD_SURELY;
    return matches(text, pattern, fold) && !has_double_run(pattern) ? IS_TRUE : IS_ANYTHING;
}

/* ---- tests ---- */

static enum family family_of(enum mly_type type)
{
    switch (type) {
    case MLY_BOOL:
    case MLY_INT:
    case MLY_REAL:
        return FAMILY_NUMBERS;
    case MLY_TEXT:
        return FAMILY_TEXTS;
    case MLY_TIME:
        return FAMILY_TIMES;
    default:
        return FAMILY_ODD;
    }
}

static enum family family_of_literal(const struct mly_literal *literal)
{
    if (literal->value.type == MLY_REAL && !isfinite(literal->value.as.r))
        return FAMILY_ODD;
    if (literal->value.type == MLY_TIME && literal->until < literal->value.as.i)
        return FAMILY_ODD;
    return family_of(literal->value.type);
}

/* One odd literal makes the test odd: with NULL in its list, GDAL 3.6 has IN false, whatever else is in it. */
static enum family family_of_test(enum mly_op op, const struct mly_literal *literals, uint32_t n)
{
    const bool is_list = op == MLY_OP_IN, is_match = op == MLY_OP_LIKE || op == MLY_OP_ILIKE;
    if (n == 0 || (n > 1 && !is_list))
        return FAMILY_ODD;
    const enum family family = family_of_literal(&literals[0]);
    for (uint32_t i = 1; i < n; i++) {
        if (family_of_literal(&literals[i]) != family)
            return FAMILY_ODD;
    }
    return is_match && family != FAMILY_TEXTS ? FAMILY_ODD : family;
}

static unsigned compare_one(const struct test *test, struct mly_value value)
{
    static const unsigned accepted[] = {
        [MLY_OP_EQ] = EQUAL,        [MLY_OP_NE] = LESS | GREATER, [MLY_OP_LT] = LESS,
        [MLY_OP_LE] = LESS | EQUAL, [MLY_OP_GT] = GREATER,        [MLY_OP_GE] = GREATER | EQUAL,
    };
    const unsigned orders = order_of(value, &test->literals[0]);
    return (orders & accepted[test->op] ? IS_TRUE : 0) | (orders & ~accepted[test->op] ? IS_FALSE : 0);
}

static unsigned find(const struct test *test, struct mly_value value)
{
    if (test->family == FAMILY_NUMBERS)
        return find_number(test, value);
    return test->family == FAMILY_TEXTS ? find_text(test, value) : find_time(test, value);
}

unsigned mly_expr_outcome(const struct mly_expr *test, struct mly_value value)
{
    const struct test *t = &test->of.test;
    if (t->op == MLY_OP_IS_NULL)
        return value.type == MLY_NULL ? IS_TRUE : IS_FALSE;
    if (value.type == MLY_NULL)
        return IS_NULL;
    if (t->family == FAMILY_ODD || family_of(value.type) != t->family)
        return IS_ANYTHING;
    switch (t->op) {
    case MLY_OP_IN:
        return find(t, value);
    case MLY_OP_LIKE:
    case MLY_OP_ILIKE:
        return match(t, value);
    default:
        return compare_one(t, value);
    }
}

unsigned mly_expr_fid_outcome(const struct mly_expr *test, int64_t fid)
{
    const unsigned as_number = mly_expr_outcome(test, (struct mly_value){.as.i = fid, .type = MLY_INT});
    return fid < 0 ? as_number | mly_expr_outcome(test, (struct mly_value){.type = MLY_NULL}) : as_number;
}

unsigned mly_expr_any_outcome(void)
{
    return IS_ANYTHING;
}

/* ---- building ---- */

static struct mly_expr *make(struct mly_arena *arena, enum kind kind)
{
    struct mly_expr *e = mly_arena_alloc(arena, sizeof *e);
    if (e)
        *e = (struct mly_expr){.kind = kind, .depth = 1};
    return e;
}

static char *copy_text(struct mly_arena *arena, const char *text, size_t n)
{
    char *copy = mly_arena_alloc(arena, n);
    if (copy && n > 0)
        memcpy(copy, text, n);
    return copy;
}

static struct mly_literal *copy_literals(struct mly_arena *arena, const struct mly_literal *literals, uint32_t n)
{
    struct mly_literal *copy = mly_arena_array(arena, n, sizeof *copy);
    for (uint32_t i = 0; copy && i < n; i++) {
        copy[i] = literals[i];
        if (copy[i].value.type != MLY_TEXT)
            continue;
        copy[i].value.as.text = copy_text(arena, literals[i].value.as.text, literals[i].value.n_bytes);
        if (!copy[i].value.as.text)
            return NULL;
    }
    return copy;
}

static bool is_plain(struct mly_value value)
{
    return value.type == MLY_TEXT ? is_ascii(value) : value.type != MLY_REAL;
}

/* False: the arena refused. */
static bool sort_list(struct test *test, struct mly_arena *arena)
{
    struct mly_value *sorted = mly_arena_array(arena, test->n_literals, sizeof *sorted);
    if (!sorted)
        return false;
    struct mly_value *plain = sorted, *other = sorted + test->n_plain;
    for (uint32_t i = 0; i < test->n_literals; i++)
        *(is_plain(test->literals[i].value) ? plain++ : other++) = test->literals[i].value;
    if (test->family == FAMILY_TEXTS) {
        qsort(sorted, test->n_plain, sizeof *sorted, compare_texts);
    } else {
        qsort(sorted, test->n_plain, sizeof *sorted, compare_wholes);
        qsort(sorted + test->n_plain, test->n_literals - test->n_plain, sizeof *sorted, compare_as_reals);
    }
    test->sorted = sorted;
    return true;
}

/* Of values that are not NULL. */
static bool is_exact_test(const struct test *test)
{
    if (test->op == MLY_OP_IS_NULL)
        return true;
    if (test->family == FAMILY_ODD || test->family == FAMILY_TEXTS)
        return false;
    if (test->family == FAMILY_NUMBERS) /* see find_number */
        return test->op != MLY_OP_IN || test->n_plain == 0 || test->n_plain == test->n_literals;
    for (uint32_t i = 0; i < test->n_literals; i++) {
        if (test->literals[i].value.as.i != test->literals[i].until)
            return false;
    }
    return true;
}

/* `literals` lie in the arena already. */
static struct mly_expr *make_test(struct mly_arena *arena, int column, enum mly_op op,
                                  const struct mly_literal *literals, uint32_t n)
{
    struct mly_expr *e = make(arena, KIND_TEST);
    if (!e || !literals)
        return NULL;
    struct test *test = &e->of.test;
    *test = (struct test){.column = column, .op = op, .literals = literals, .n_literals = n};
    test->family = family_of_test(op, literals, n);
    for (uint32_t i = 0; i < n; i++)
        test->n_plain += is_plain(literals[i].value);
    if (op == MLY_OP_IN && (test->family == FAMILY_NUMBERS || test->family == FAMILY_TEXTS) && !sort_list(test, arena))
        return NULL;
    e->n_tests = 1;
    e->columns = column >= 0 ? UINT64_C(1) << column : 0;
    e->may_be_null = op != MLY_OP_IS_NULL;
    e->is_exact = column >= 0 && is_exact_test(test);
    return e;
}

const struct mly_expr *mly_expr_test(struct mly_arena *arena, int column, enum mly_op op,
                                     const struct mly_literal *literals, uint32_t n_literals)
{
    if (op == MLY_OP_IN && n_literals == 0)
        return mly_expr_constant(arena, false);
    return make_test(arena, column, op, copy_literals(arena, literals, n_literals), n_literals);
}

const struct mly_expr *mly_expr_constant(struct mly_arena *arena, bool truth)
{
    struct mly_expr *e = make(arena, KIND_CONSTANT);
    if (!e)
        return NULL;
    e->of.truth = truth;
    e->is_exact = true;
    return e;
}

static const struct mly_expr *make_unknown(struct mly_arena *arena, const char *label, bool may_be_void)
{
    struct mly_expr *e = make(arena, KIND_UNKNOWN);
    const char *copy = copy_text(arena, label, strlen(label) + 1);
    if (!e || !copy)
        return NULL;
    e->of.label = copy;
    e->may_be_null = true;
    e->may_be_void = may_be_void;
    return e;
}

const struct mly_expr *mly_expr_unknown(struct mly_arena *arena, const char *label)
{
    return make_unknown(arena, label, false);
}

const struct mly_expr *mly_expr_unknown_value(struct mly_arena *arena, const char *label)
{
    return make_unknown(arena, label, true);
}

/* AND and OR of two that are not constant, unless they are too deep together. */
static const struct mly_expr *make_pair(struct mly_arena *arena, enum kind kind, const struct mly_expr *l,
                                        const struct mly_expr *r, uint32_t max_depth)
{
    const uint32_t depth = l->depth > r->depth ? l->depth : r->depth;
    if (depth >= max_depth)
        return mly_expr_unknown_value(arena, "depth");
    struct mly_expr *e = make(arena, kind);
    if (!e)
        return NULL;
    e->depth = depth + 1;
    e->n_tests = l->n_tests + r->n_tests;
    e->columns = l->columns | r->columns;
    e->may_be_null = l->may_be_null || r->may_be_null;
    e->may_be_void = kind == KIND_OR && (l->may_be_void || r->may_be_void);
    e->is_exact = l->is_exact && r->is_exact;
    e->of.under.l = l;
    e->of.under.r = r;
    return e;
}

/* A constant decides AND and OR alone, or leaves it to the other; but what may be void decides OR as well. */
static const struct mly_expr *join(struct mly_arena *arena, enum kind kind, const struct mly_expr *l,
                                   const struct mly_expr *r, uint32_t max_depth)
{
    const bool deciding = kind == KIND_OR;
    if (!l || !r)
        return NULL;
    if (l->kind == KIND_CONSTANT && !(deciding && l->of.truth && r->may_be_void))
        return l->of.truth == deciding ? l : r;
    if (r->kind == KIND_CONSTANT && !(deciding && r->of.truth && l->may_be_void))
        return r->of.truth == deciding ? r : l;
    return make_pair(arena, kind, l, r, max_depth);
}

static const struct mly_expr *negate(struct mly_arena *arena, const struct mly_expr *inner, uint32_t max_depth)
{
    if (!inner)
        return NULL;
    if (inner->kind == KIND_CONSTANT)
        return mly_expr_constant(arena, !inner->of.truth);
    if (inner->kind == KIND_NOT) /* twice is nothing: of NULL, too, it makes NULL or, in old versions, FALSE */
        return inner->of.under.l;
    if (inner->depth >= max_depth)
        return mly_expr_unknown_value(arena, "depth");
    struct mly_expr *e = make(arena, KIND_NOT);
    if (!e)
        return NULL;
    e->depth = inner->depth + 1;
    e->n_tests = inner->n_tests;
    e->columns = inner->columns;
    e->may_be_null = inner->may_be_null;
    e->is_exact = inner->is_exact && !inner->may_be_null;
    e->of.under.l = inner;
    return e;
}

const struct mly_expr *mly_expr_and(struct mly_arena *arena, const struct mly_expr *l, const struct mly_expr *r)
{
    return join(arena, KIND_AND, l, r, MLY_EXPR_MAX_DEPTH);
}

const struct mly_expr *mly_expr_or(struct mly_arena *arena, const struct mly_expr *l, const struct mly_expr *r)
{
    return join(arena, KIND_OR, l, r, MLY_EXPR_MAX_DEPTH);
}

const struct mly_expr *mly_expr_not(struct mly_arena *arena, const struct mly_expr *e)
{
    return negate(arena, e, MLY_EXPR_MAX_DEPTH);
}

/* ---- rows ---- */

static unsigned outcome_of_not(unsigned inner)
{
    return (inner & IS_TRUE ? IS_FALSE : 0) | (inner & IS_FALSE ? IS_TRUE : 0) |
           (inner & IS_NULL ? IS_NULL | IS_TRUE : 0);
}

static unsigned outcome_of_and(unsigned l, unsigned r)
{
    const bool may_be_null = (l & IS_NULL && r & (IS_NULL | IS_TRUE)) || (r & IS_NULL && l & IS_TRUE);
    return (l & r & IS_TRUE) | ((l | r) & IS_FALSE) | (may_be_null ? IS_NULL : 0);
}

/* A chain of ORs that holds something void is FALSE up to there; since GDAL and the shim build chains of other shapes,
 * it may be so as a whole. */
static unsigned outcome_of_or(unsigned l, unsigned r)
{
    const bool may_be_null = (l & IS_NULL && r & (IS_NULL | IS_FALSE)) || (r & IS_NULL && l & IS_FALSE);
    return ((l | r) & (IS_TRUE | IS_VOID)) | (l & r & IS_FALSE) | (may_be_null ? IS_NULL : 0) |
           ((l | r) & IS_VOID ? IS_FALSE : 0);
}

/* `first` is the number of the first test in `e`. */
// NOLINTNEXTLINE(misc-no-recursion): a tree; the builders bound its depth
static unsigned outcome_of(const struct mly_expr *e, const struct mly_expr_probe *probe, uint32_t first)
{
    if (e->kind == KIND_CONSTANT)
        return e->of.truth ? IS_TRUE : IS_FALSE;
    if (e->kind == KIND_UNKNOWN)
        return e->may_be_void ? IS_ANYTHING | IS_VOID : IS_ANYTHING;
    if (e->kind == KIND_TEST)
        return probe->outcome(probe->ctx, first, e->of.test.column, e);

    const unsigned left = outcome_of(e->of.under.l, probe, first);
    if (e->kind == KIND_NOT)
        return outcome_of_not(left);
    if (left == (e->kind == KIND_AND ? IS_FALSE : IS_TRUE) && !(e->kind == KIND_OR && e->of.under.r->may_be_void))
        return left;
    const unsigned right = outcome_of(e->of.under.r, probe, first + e->of.under.l->n_tests);
    return e->kind == KIND_AND ? outcome_of_and(left, right) : outcome_of_or(left, right);
}

enum mly_truth mly_expr_decide(const struct mly_expr *e, const struct mly_expr_probe *probe)
{
    const unsigned outcome = outcome_of(e, probe, 0);
    if (outcome == IS_TRUE)
        return MLY_YES;
    return outcome & IS_TRUE ? MLY_MAYBE : MLY_NO;
}

struct row {
    int64_t fid;
    const struct mly_value *values;
    uint64_t known;
};

static unsigned outcome_in_row(void *ctx, uint32_t number, int column, const struct mly_expr *test)
{
    const struct row *row = ctx;
    (void)number;
    if (column == MLY_EXPR_FID)
        return mly_expr_fid_outcome(test, row->fid);
    return row->known >> column & 1 ? mly_expr_outcome(test, row->values[column]) : IS_ANYTHING;
}

enum mly_truth mly_expr_eval(const struct mly_expr *e, int64_t fid, const struct mly_value *values, uint64_t known)
{
    struct row row = {.fid = fid, .values = values, .known = known};
    const struct mly_expr_probe probe = {.outcome = outcome_in_row, .ctx = &row};
    return mly_expr_decide(e, &probe);
}

bool mly_expr_is_never(const struct mly_expr *e)
{
    return e->kind == KIND_CONSTANT && !e->of.truth;
}

bool mly_expr_is_exact(const struct mly_expr *e, uint64_t known)
{
    return e->is_exact && (e->columns & ~known) == 0;
}

uint64_t mly_expr_columns(const struct mly_expr *e)
{
    return e->columns;
}

uint32_t mly_expr_count(const struct mly_expr *e)
{
    return e->n_tests;
}

/* ---- words ---- */

/* What is called for each test, constant and unknown, until it gives something else than MLY_OK. */
typedef enum mly_status leaf_fn(void *ctx, const struct mly_expr *leaf);

// NOLINTNEXTLINE(misc-no-recursion): a tree; the builders bound its depth
static enum mly_status visit(const struct mly_expr *e, leaf_fn *fn, void *ctx)
{
    if (e->kind != KIND_NOT && e->kind != KIND_AND && e->kind != KIND_OR)
        return fn(ctx, e);
    const enum mly_status status = visit(e->of.under.l, fn, ctx);
    if (status != MLY_OK || e->kind == KIND_NOT)
        return status;
    return visit(e->of.under.r, fn, ctx);
}

struct label_visit {
    mly_expr_label_fn *fn;
    void *ctx;
};

static enum mly_status visit_label(void *ctx, const struct mly_expr *leaf)
{
    const struct label_visit *to = ctx;
    if (leaf->kind == KIND_UNKNOWN)
        to->fn(to->ctx, leaf->of.label);
    return MLY_OK;
}

void mly_expr_unknowns(const struct mly_expr *e, mly_expr_label_fn *fn, void *ctx)
{
    struct label_visit to = {.fn = fn, .ctx = ctx};
    (void)visit(e, visit_label, &to); /* no label stops it */
}

static bool is_choice(const struct mly_expr *e, int column)
{
    return e->kind == KIND_TEST && e->of.test.column == column &&
           (e->of.test.op == MLY_OP_EQ || e->of.test.op == MLY_OP_IN);
}

static bool is_choice_of_texts(const struct mly_expr *e, int column)
{
    return is_choice(e, column) && e->of.test.family == FAMILY_TEXTS;
}

struct text_visit {
    int column;
    mly_expr_text_fn *fn;
    void *ctx;
};

static enum mly_status visit_texts(void *ctx, const struct mly_expr *leaf)
{
    const struct text_visit *to = ctx;
    enum mly_status status = MLY_OK;
    if (!is_choice_of_texts(leaf, to->column))
        return MLY_OK;
    for (uint32_t i = 0; status == MLY_OK && i < leaf->of.test.n_literals; i++) {
        const struct mly_value text = leaf->of.test.literals[i].value;
        status = to->fn(to->ctx, text.as.text, text.n_bytes);
    }
    return status;
}

enum mly_status mly_expr_texts(const struct mly_expr *e, int column, mly_expr_text_fn *fn, void *ctx)
{
    struct text_visit to = {.column = column, .fn = fn, .ctx = ctx};
    return visit(e, visit_texts, &to);
}

struct mly_expr_node mly_expr_look(const struct mly_expr *e)
{
    const struct test *test = &e->of.test;
    switch (e->kind) {
    case KIND_CONSTANT:
        return (struct mly_expr_node){.kind = MLY_EXPR_CONSTANT, .truth = e->of.truth};
    case KIND_UNKNOWN:
        return (struct mly_expr_node){.kind = MLY_EXPR_UNKNOWN, .is_value = e->may_be_void, .label = e->of.label};
    case KIND_TEST:
        return (struct mly_expr_node){.kind = MLY_EXPR_TEST,
                                      .column = test->column,
                                      .op = test->op,
                                      .literals = test->literals,
                                      .n_literals = test->n_literals};
    case KIND_NOT:
        return (struct mly_expr_node){.kind = MLY_EXPR_NOT, .l = e->of.under.l};
    default:
        return (struct mly_expr_node){
            .kind = e->kind == KIND_AND ? MLY_EXPR_AND : MLY_EXPR_OR, .l = e->of.under.l, .r = e->of.under.r};
    }
}

/* ---- demands ---- */

struct wish {
    struct mly_value value; /* MLY_INT or MLY_TEXT */
    uint32_t place;         /* in the order of the text */
};

struct demand {
    int column;
    const struct mly_mem *mem;
    uint32_t n_wishes;
};

/* Sets are buffers of wishes, each once, in the order of compare_wishes. */
static struct wish *wishes_in(const struct mly_buf *set)
{
    return (struct wish *)(void *)set->data;
}

static size_t count_of(const struct mly_buf *set)
{
    return set->size / sizeof(struct wish);
}

static struct mly_buf no_wishes(const struct demand *d)
{
    struct mly_buf set;
    mly_buf_init(&set, d->mem, (size_t)MLY_LIMIT_IDS * sizeof(struct wish));
    return set;
}

static int compare_values(const struct wish *a, const struct wish *b)
{
    return a->value.type == MLY_TEXT ? compare_texts(&a->value, &b->value) : compare_wholes(&a->value, &b->value);
}

/* Texts that differ in case only lie side by side, and are two. */
static int compare_spellings(const struct wish *a, const struct wish *b)
{
    const int difference = compare_values(a, b);
    if (difference != 0 || a->value.type != MLY_TEXT || a->value.n_bytes == 0)
        return difference;
    return memcmp(a->value.as.text, b->value.as.text, a->value.n_bytes);
}

static int compare_places(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    return sign_of(order_of_wholes(x->place, y->place));
}

static int compare_wishes(const void *a, const void *b)
{
    const int difference = compare_spellings(a, b);
    return difference != 0 ? difference : compare_places(a, b);
}

/* Brings a set into its order; of equal wishes the first stays. */
static void tidy(struct mly_buf *set)
{
    struct wish *wishes = wishes_in(set);
    const size_t n = count_of(set);
    size_t n_kept = 0;
    if (n > 1)
        qsort(wishes, n, sizeof *wishes, compare_wishes);
    for (size_t i = 0; i < n; i++) {
        if (n_kept == 0 || compare_spellings(&wishes[n_kept - 1], &wishes[i]) != 0)
            wishes[n_kept++] = wishes[i];
    }
    set->size = n_kept * sizeof *wishes;
}

/* The whole number that a literal stands for, `is_there` false for one that no whole number equals. MLY_DONE: it may
 * equal several, since it is compared as a double. */
static enum mly_status read_whole(struct mly_value literal, bool is_among_reals, struct mly_value *out, bool *is_there)
{
    *out = (struct mly_value){.type = MLY_INT};
    *is_there = true;
    if (is_among_reals && !(as_real(literal) > -exact_end && as_real(literal) < exact_end))
        return MLY_DONE;
    out->as.i = literal.type == MLY_REAL ? (int64_t)literal.as.r : literal.as.i;
    *is_there = literal.type != MLY_REAL || order_of_reals((double)out->as.i, literal.as.r) == EQUAL;
    return MLY_OK;
}

static enum mly_status wish_for_literals(struct demand *d, const struct test *test, struct mly_buf *set)
{
    for (uint32_t i = 0; i < test->n_literals; i++) {
        struct wish wish = {.value = test->literals[i].value, .place = d->n_wishes++};
        bool is_there = true;
        if (test->family == FAMILY_NUMBERS) {
            const bool is_among_reals = test->n_plain < test->n_literals;
            const enum mly_status status = read_whole(wish.value, is_among_reals, &wish.value, &is_there);
            if (status != MLY_OK)
                return status;
        }
        if (is_there)
            MLY_TRY(mly_buf_append(set, &wish, sizeof wish));
    }
    tidy(set);
    return MLY_OK;
}

static bool is_odd_text(const struct wish *wish)
{
    return wish->value.type == MLY_TEXT && !is_ascii(wish->value);
}

static bool has_odd_text(const struct mly_buf *set)
{
    for (size_t i = 0; i < count_of(set); i++) {
        if (is_odd_text(&wishes_in(set)[i]))
            return true;
    }
    return false;
}

/* A column that is compared with numbers here and with texts there. */
static bool is_at_odds(const struct mly_buf *a, const struct mly_buf *b)
{
    return count_of(a) > 0 && count_of(b) > 0 && wishes_in(a)->value.type != wishes_in(b)->value.type;
}

/* Keeps of `set` what equals something in `other`; what a text beyond ASCII equals is not known. */
static void intersect(struct mly_buf *set, const struct mly_buf *other)
{
    struct wish *wishes = wishes_in(set);
    const struct wish *others = wishes_in(other);
    const size_t n_others = count_of(other);
    const bool is_odd = has_odd_text(other);
    size_t n_kept = 0, at = 0;
    for (size_t i = 0; i < count_of(set); i++) {
        while (at < n_others && compare_values(&others[at], &wishes[i]) < 0)
            at++;
        const bool is_there = at < n_others && compare_values(&others[at], &wishes[i]) == 0;
        if (is_there || is_odd || (n_others > 0 && is_odd_text(&wishes[i])))
            wishes[n_kept++] = wishes[i];
    }
    set->size = n_kept * sizeof *wishes;
}

/* `set` and `other` are what the sides demand, if they do: `left` and `right` are MLY_OK or MLY_DONE. */
static enum mly_status join_demands(enum kind kind, enum mly_status left, enum mly_status right, struct mly_buf *set,
                                    struct mly_buf *other)
{
    if (kind == KIND_OR && (left == MLY_DONE || right == MLY_DONE || is_at_odds(set, other)))
        return MLY_DONE;
    if (kind == KIND_OR) {
        MLY_TRY(mly_buf_append(set, other->data, other->size));
        tidy(set);
        return MLY_OK;
    }
    if (right == MLY_DONE)
        return left;
    if (left == MLY_OK && !is_at_odds(set, other))
        intersect(set, other);
    if (left == MLY_DONE) {
        mly_buf_fini(set);
        mly_buf_move(set, other);
    }
    return MLY_OK;
}

/* `set` comes empty, and holds something of use only with MLY_OK. */
// NOLINTNEXTLINE(misc-no-recursion): a tree; the builders bound its depth
static enum mly_status demand_of(struct demand *d, const struct mly_expr *e, struct mly_buf *set)
{
    if (mly_expr_is_never(e))
        return MLY_OK;
    if (is_choice(e, d->column) && (e->of.test.family == FAMILY_NUMBERS || e->of.test.family == FAMILY_TEXTS))
        return wish_for_literals(d, &e->of.test, set);
    if (e->kind != KIND_AND && e->kind != KIND_OR)
        return MLY_DONE;
    const enum mly_status left = demand_of(d, e->of.under.l, set);
    if (left < 0 || (left == MLY_DONE && e->kind == KIND_OR))
        return left;
    struct mly_buf other = no_wishes(d);
    enum mly_status status = demand_of(d, e->of.under.r, &other);
    if (status >= 0)
        status = join_demands(e->kind, left, status, set, &other);
    mly_buf_fini(&other);
    return status;
}

static enum mly_status give_values(struct mly_buf *set, struct mly_buf *out)
{
    struct wish *wishes = wishes_in(set);
    const size_t n = count_of(set);
    if (n > 1)
        qsort(wishes, n, sizeof *wishes, compare_places);
    for (size_t i = 0; i < n; i++)
        MLY_TRY(mly_buf_append(out, &wishes[i].value, sizeof wishes[i].value));
    return MLY_OK;
}

enum mly_status mly_expr_demand(const struct mly_expr *e, int column, struct mly_buf *out)
{
    struct demand d = {.column = column, .mem = out->mem};
    struct mly_buf set = no_wishes(&d);
    enum mly_status status = demand_of(&d, e, &set);
    if (status == MLY_OK)
        status = give_values(&set, out);
    mly_buf_fini(&set);
    return status;
}

/* ---- another column that tells the same ---- */

struct rekeying {
    int column, key;
    mly_expr_key_fn *fn;
    void *ctx;
    struct mly_arena *arena;
};

/* An OR, an AND and a test take the place of a test. */
enum { MAX_REKEYED_DEPTH = MLY_EXPR_MAX_DEPTH + 2 };

static enum mly_status ask_for_keys(const struct rekeying *to, const struct test *test, struct mly_buf *keys)
{
    for (uint32_t i = 0; i < test->n_literals; i++) {
        const struct mly_value text = test->literals[i].value;
        MLY_TRY(to->fn(to->ctx, text.as.text, text.n_bytes, keys));
    }
    return MLY_OK;
}

static const struct mly_expr *make_key_test(const struct rekeying *to, struct mly_span keys)
{
    const uint32_t n = (uint32_t)(keys.size / sizeof(int64_t)); /* MLY_LIMIT_IDS at most */
    if (n == 0)
        return mly_expr_constant(to->arena, false);
    struct mly_literal *literals = mly_arena_array(to->arena, n, sizeof *literals);
    for (uint32_t i = 0; literals && i < n; i++) {
        literals[i] = (struct mly_literal){.value.type = MLY_INT};
        memcpy(&literals[i].value.as.i, keys.data + i * sizeof(int64_t), sizeof(int64_t));
    }
    return make_test(to->arena, to->key, MLY_OP_IN, literals, n);
}

/* `test` is the copy. */
static const struct mly_expr *rekey_test(const struct rekeying *to, const struct mly_expr *test)
{
    struct mly_buf keys;
    const struct mly_expr *by_key = NULL;
    mly_buf_init(&keys, to->arena->mem, (size_t)MLY_LIMIT_IDS * sizeof(int64_t));
    if (ask_for_keys(to, &test->of.test, &keys) >= 0)
        by_key = make_key_test(to, mly_buf_view(&keys));
    mly_buf_fini(&keys);
    const struct mly_expr *has_none = mly_expr_test(to->arena, to->key, MLY_OP_IS_NULL, NULL, 0);
    const struct mly_expr *by_text = join(to->arena, KIND_AND, has_none, test, MAX_REKEYED_DEPTH);
    return join(to->arena, KIND_OR, by_key, by_text, MAX_REKEYED_DEPTH);
}

// NOLINTNEXTLINE(misc-no-recursion): a tree; the builders bound its depth
static const struct mly_expr *rekey(const struct rekeying *to, const struct mly_expr *e)
{
    if (e->kind == KIND_CONSTANT)
        return mly_expr_constant(to->arena, e->of.truth);
    if (e->kind == KIND_UNKNOWN)
        return make_unknown(to->arena, e->of.label, e->may_be_void);
    if (e->kind == KIND_TEST) {
        const struct test *test = &e->of.test;
        const struct mly_expr *copy = mly_expr_test(to->arena, test->column, test->op, test->literals,
                                                    test->n_literals);
        return copy && is_choice_of_texts(copy, to->column) ? rekey_test(to, copy) : copy;
    }
    const struct mly_expr *l = rekey(to, e->of.under.l);
    if (!l || e->kind == KIND_NOT)
        return negate(to->arena, l, MAX_REKEYED_DEPTH);
    return join(to->arena, e->kind, l, rekey(to, e->of.under.r), MAX_REKEYED_DEPTH);
}

const struct mly_expr *mly_expr_rekey(const struct mly_expr *e, int column, int key, mly_expr_key_fn *fn, void *ctx,
                                      struct mly_arena *arena)
{
    const struct rekeying to = {.column = column, .key = key, .fn = fn, .ctx = ctx, .arena = arena};
    return rekey(&to, e);
}
