/* SPDX-License-Identifier: MIT */
/* The law of filters, for random trees and rows: what SQL keeps in some version of GDAL is never refused. SQL is
 * evaluated here a second time, by a plain evaluator over a tree of its own, in dialects: whatever versions, places and
 * configurations are known to differ in, or are not known to agree in. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/limits.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/literals.h"

enum { A_WHOLE, A_REAL, A_TRUTH, A_TEXT, A_TIME, A_LIST, A_KEY, A_NAME, N_COLUMNS };
enum { MAX_LITERALS = 6, MAX_NODES = 64 };
enum { ALL_KNOWN = (1 << N_COLUMNS) - 1 };

/* ---- SQL, once more ---- */

enum word { WORD_CONSTANT, WORD_UNKNOWN, WORD_TEST, WORD_NOT, WORD_AND, WORD_OR };

struct node {
    enum word word;
    bool truth;
    unsigned number; /* of an unknown */
    int column;
    enum mly_op op;
    struct mly_literal literals[MAX_LITERALS];
    uint32_t n_literals;
    const struct node *l, *r;
};

enum result { SAYS_FALSE, SAYS_TRUE, SAYS_NULL };

struct dialect {
    bool knows_null;         /* since GDAL 3.10 */
    bool like_ignores_case;  /* OGR_SQL_LIKE_AS_ILIKE */
    bool has_strict_end;     /* 'a' does not match 'a%%' */
    bool is_turkish;         /* I is not the upper case of i */
    bool folds_beyond_ascii; /* some bytes, in some way */
    bool lists_are_uniform;  /* one real number in a list makes all of them real */
    int moment;              /* of an interval: in hundredths of its length */
    uint64_t whim;           /* what unknowns and odd comparisons say */
};

struct sample {
    int64_t fid;
    struct mly_value values[N_COLUMNS];
};

static enum result whim(const struct dialect *dialect, unsigned number)
{
    return (enum result)((dialect->whim >> (number * 2 % 60)) % 3);
}

static int folded(const struct dialect *dialect, char c)
{
    const int byte = (unsigned char)c;
    if (dialect->folds_beyond_ascii && byte >= 0x80)
        return byte | 0x20;
    if (byte == 'I' && dialect->is_turkish)
        return 0xfd;
    return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

/* Texts as C has them: up to the first NUL. */
static void spell(struct mly_value text, char out[64])
{
    assert_true(text.n_bytes < 64);
    memcpy(out, text.as.text, text.n_bytes);
    out[text.n_bytes] = '\0';
}

static int compare_spelled(const struct dialect *dialect, const char *a, const char *b)
{
    while (*a && folded(dialect, *a) == folded(dialect, *b)) {
        a++;
        b++;
    }
    return (*a ? folded(dialect, *a) : 0) - (*b ? folded(dialect, *b) : 0);
}

/* NOLINTNEXTLINE(misc-no-recursion): LIKE as it is defined; texts here have fewer than 64 bytes. */
static bool is_like(const struct dialect *dialect, const char *text, const char *pattern, bool ignores_case)
{
    if (!*text && dialect->has_strict_end)
        return !*pattern || strcmp(pattern, "%") == 0;
    if (*pattern == '%')
        return is_like(dialect, text, pattern + 1, ignores_case) ||
               (*text && is_like(dialect, text + 1, pattern, ignores_case));
    if (!*text || !*pattern)
        return !*text && !*pattern;
    const bool is_same = ignores_case ? folded(dialect, *text) == folded(dialect, *pattern) : *text == *pattern;
    return (*pattern == '_' || is_same) && is_like(dialect, text + 1, pattern + 1, ignores_case);
}

static bool is_number(struct mly_value value)
{
    return value.type == MLY_INT || value.type == MLY_BOOL || value.type == MLY_REAL;
}

static double number(struct mly_value value)
{
    return value.type == MLY_REAL ? value.as.r : (double)value.as.i;
}

/* False: these do not compare. */
static bool compare(const struct dialect *dialect, struct mly_value value, const struct mly_literal *literal,
                    bool as_reals, int *sign)
{
    if (is_number(value) && is_number(literal->value)) {
        const double a = number(value), b = number(literal->value);
        if (isnan(b))
            return false;
        if (as_reals || value.type == MLY_REAL || literal->value.type == MLY_REAL)
            *sign = (a > b) - (a < b);
        else
            *sign = (value.as.i > literal->value.as.i) - (value.as.i < literal->value.as.i);
        return true;
    }
    if (value.type == MLY_TEXT && literal->value.type == MLY_TEXT) {
        char a[64], b[64];
        spell(value, a);
        spell(literal->value, b);
        *sign = compare_spelled(dialect, a, b);
        return true;
    }
    if (value.type == MLY_TIME && literal->value.type == MLY_TIME && literal->until >= literal->value.as.i) {
        const int64_t meant = literal->value.as.i + (literal->until - literal->value.as.i) / 100 * dialect->moment;
        *sign = (value.as.i > meant) - (value.as.i < meant);
        return true;
    }
    return false;
}

static bool holds_real(const struct node *node)
{
    for (uint32_t i = 0; i < node->n_literals; i++) {
        if (node->literals[i].value.type == MLY_REAL)
            return true;
    }
    return false;
}

static enum result say_list(const struct dialect *dialect, const struct node *node, struct mly_value value)
{
    const bool as_reals = dialect->lists_are_uniform && holds_real(node);
    enum result result = SAYS_FALSE;
    for (uint32_t i = 0; i < node->n_literals; i++) {
        int sign = 1;
        if (node->literals[i].value.type == MLY_NULL && !dialect->knows_null)
            return SAYS_FALSE;
        if (node->literals[i].value.type == MLY_NULL)
            result = result == SAYS_TRUE ? result : SAYS_NULL;
        else if (!compare(dialect, value, &node->literals[i], as_reals, &sign))
            return whim(dialect, i);
        else if (sign == 0)
            result = SAYS_TRUE;
    }
    return result;
}

static enum result say_test(const struct dialect *dialect, const struct node *node, const struct sample *sample)
{
    const struct mly_value value = node->column == MLY_EXPR_FID ? whole(sample->fid) : sample->values[node->column];
    if (node->op == MLY_OP_IS_NULL)
        return value.type == MLY_NULL ? SAYS_TRUE : SAYS_FALSE;
    if (node->op == MLY_OP_IN && node->n_literals == 0)
        return SAYS_FALSE;
    if (value.type == MLY_NULL)
        return dialect->knows_null ? SAYS_NULL : SAYS_FALSE;
    if (node->op == MLY_OP_IN)
        return say_list(dialect, node, value);

    const struct mly_literal *literal = &node->literals[0];
    int sign = 0;
    if (literal->value.type == MLY_NULL)
        return dialect->knows_null ? SAYS_NULL : SAYS_FALSE;
    if (node->op == MLY_OP_LIKE || node->op == MLY_OP_ILIKE) {
        char text[64], pattern[64];
        if (value.type != MLY_TEXT || literal->value.type != MLY_TEXT)
            return whim(dialect, 0);
        spell(value, text);
        spell(literal->value, pattern);
        return is_like(dialect, text, pattern, node->op == MLY_OP_ILIKE || dialect->like_ignores_case) ? SAYS_TRUE
                                                                                                       : SAYS_FALSE;
    }
    if (!compare(dialect, value, literal, false, &sign))
        return whim(dialect, 1);
    const bool holds[] = {
        [MLY_OP_EQ] = sign == 0,
        [MLY_OP_NE] = sign != 0,
        [MLY_OP_LT] = sign<0, [MLY_OP_LE] = sign <= 0, [MLY_OP_GT] = sign> 0,
        [MLY_OP_GE] = sign >= 0,
    };
    return holds[node->op] ? SAYS_TRUE : SAYS_FALSE;
}

// NOLINTNEXTLINE(misc-no-recursion): a tree of few nodes
static enum result say(const struct dialect *dialect, const struct node *node, const struct sample *sample)
{
    static const enum result and[3][3] = {
        [SAYS_FALSE] = {SAYS_FALSE, SAYS_FALSE, SAYS_FALSE},
        [SAYS_TRUE] = {SAYS_FALSE, SAYS_TRUE, SAYS_NULL},
        [SAYS_NULL] = {SAYS_FALSE, SAYS_NULL, SAYS_NULL},
    };
    static const enum result not [3] = {SAYS_TRUE, SAYS_FALSE, SAYS_NULL};
    if (node->word == WORD_CONSTANT)
        return node->truth ? SAYS_TRUE : SAYS_FALSE;
    if (node->word == WORD_UNKNOWN && !dialect->knows_null)
        return whim(dialect, node->number) == SAYS_TRUE ? SAYS_TRUE : SAYS_FALSE;
    if (node->word == WORD_UNKNOWN)
        return whim(dialect, node->number);
    if (node->word == WORD_TEST)
        return say_test(dialect, node, sample);
    if (node->word == WORD_NOT)
        return not [say(dialect, node->l, sample)];
    const enum result l = say(dialect, node->l, sample), r = say(dialect, node->r, sample);
    return node->word == WORD_AND ? and[l][r] : not [and[not [l]][not [r]]];
}

/* ---- chance ---- */

static struct dialect random_dialect(struct chance *chance)
{
    const uint64_t bits = chance_next(chance);
    return (struct dialect){
        .knows_null = bits & 1,
        .like_ignores_case = bits & 2,
        .has_strict_end = bits & 4,
        .is_turkish = bits & 8,
        .folds_beyond_ascii = bits & 16,
        .lists_are_uniform = bits & 32,
        .moment = (int)chance_below(chance, 101),
        .whim = chance_next(chance),
    };
}

static const int64_t wholes[] = {
    INT64_MIN, -9007199254740993, -1, 0, 1, 2, 7, 9007199254740991, 9007199254740992, 9007199254740993, INT64_MAX,
};

static struct mly_value random_text(struct chance *chance)
{
    static const char *const texts[] = {"",    "a",   "A",  "i",  "I", "b", "ab",   "aB",       "AB",      "aib",
                                        "aIb", "a_b", "a%", "ba", "[", "_", "abab", "\xc3\xa9", "\xc3\x89"};
    const size_t index = chance_below(chance, COUNT(texts) + 1);
    if (index == COUNT(texts))
        return (struct mly_value){.as.text = "a\0b", .n_bytes = 3, .type = MLY_TEXT};
    return words(texts[index]);
}

static struct mly_value random_real(struct chance *chance)
{
    static const double reals[] = {-1, -0.0, 0, 0.5, 1, 1.5, 2, 7, 0x1p53, -0x1p53, 0x1p53 - 1, 0x1p63, 1e300};
    return real(reals[chance_below(chance, COUNT(reals))]);
}

static struct mly_value random_value(struct chance *chance, int column)
{
    static const int64_t list[] = {1, 2};
    switch (column) {
    case A_REAL:
        return random_real(chance);
    case A_TRUTH:
        return yes_or_no(chance_below(chance, 2));
    case A_TEXT:
    case A_NAME:
        return random_text(chance);
    case A_TIME:
        return moment(1000 + (int64_t)chance_below(chance, 9) * 100);
    case A_LIST:
        return (struct mly_value){.as.ints = list, .n_bytes = 2, .type = MLY_INTS};
    default:
        return whole(wholes[chance_below(chance, COUNT(wholes))]);
    }
}

static struct sample random_sample(struct chance *chance)
{
    struct sample sample = {.fid = wholes[chance_below(chance, COUNT(wholes))]};
    for (int i = 0; i < N_COLUMNS; i++)
        sample.values[i] = chance_below(chance, 4) ? random_value(chance, i) : nothing();
    return sample;
}

static struct mly_literal random_literal(struct chance *chance, int column, bool is_typed)
{
    const size_t luck = chance_below(chance, 40);
    if (luck == 0)
        return literal(nothing());
    if (luck == 1)
        return literal(real(chance_below(chance, 2) ? (double)INFINITY : (double)NAN));
    if (luck == 2 && !is_typed)
        return literal(random_value(chance, (int)chance_below(chance, N_COLUMNS)));
    if (column == A_TIME && luck < 20) {
        const int64_t from = 1000 + (int64_t)chance_below(chance, 9) * 100;
        return interval(from, from + (int64_t)chance_below(chance, 4) * 100);
    }
    const bool is_number = column <= A_TRUTH || column == A_KEY;
    return literal(is_number && luck < 12 ? random_real(chance) : random_value(chance, column));
}

static struct mly_literal random_pattern(struct chance *chance)
{
    static const char *const patterns[] = {"%", "a%", "%b", "%i%", "_", "A_", "a%%", "%%", "%_%b", "%a%b%", "i", ""};
    return chance_below(chance, 2) ? literal(words(patterns[chance_below(chance, COUNT(patterns))]))
                                   : random_literal(chance, A_TEXT, false);
}

struct forest {
    struct node nodes[MAX_NODES];
    size_t n;
    bool is_plain;  /* no unknowns, no texts: what can be exact */
    bool is_typed;  /* literals compare with their column */
    bool is_narrow; /* most tests choose values for one column */
    int column;
};

static void random_test(struct chance *chance, const struct forest *forest, struct node *out)
{
    static const int plain_columns[] = {A_WHOLE, A_REAL, A_TRUTH, A_TIME, A_KEY};
    *out = (struct node){.word = WORD_TEST, .column = (int)chance_below(chance, N_COLUMNS + 1) - 1};
    if (forest->is_plain)
        out->column = plain_columns[chance_below(chance, COUNT(plain_columns))];
    const bool is_choice = forest->is_narrow && chance_below(chance, 8) > 0;
    if (is_choice)
        out->column = forest->column;
    const bool is_text = out->column == A_TEXT || out->column == A_NAME;
    out->op = is_choice ? (chance_below(chance, 3) ? MLY_OP_IN : MLY_OP_EQ)
                        : (enum mly_op)chance_below(chance, is_text ? MLY_OP_IS_NULL + 1 : MLY_OP_LIKE + 1);
    if (out->op == MLY_OP_LIKE && !is_text)
        out->op = MLY_OP_IS_NULL;
    if (out->op == MLY_OP_IS_NULL)
        return;
    out->n_literals = out->op == MLY_OP_IN ? (uint32_t)chance_below(chance, MAX_LITERALS + 1) : 1;
    for (uint32_t i = 0; i < out->n_literals; i++)
        out->literals[i] = out->op == MLY_OP_LIKE || out->op == MLY_OP_ILIKE
                               ? random_pattern(chance)
                               : random_literal(chance, out->column, forest->is_typed);
}

// NOLINTNEXTLINE(misc-no-recursion): `depth` bounds it
static const struct node *grow(struct forest *forest, struct chance *chance, int depth)
{
    assert_true(forest->n < MAX_NODES);
    struct node *node = &forest->nodes[forest->n++];
    const size_t luck = chance_below(chance, 20);
    *node = (struct node){.word = WORD_CONSTANT, .truth = luck == 0};
    if (luck < 2)
        return node;
    if (luck == 2 && !forest->is_plain) {
        *node = (struct node){.word = WORD_UNKNOWN, .number = (unsigned)forest->n};
        return node;
    }
    if (depth == 0 || luck < 8) {
        random_test(chance, forest, node);
        return node;
    }
    node->word = luck < 11 ? WORD_NOT : luck < 16 ? WORD_AND : WORD_OR;
    node->l = grow(forest, chance, depth - 1);
    node->r = node->word == WORD_NOT ? NULL : grow(forest, chance, depth - 1);
    return node;
}

// NOLINTNEXTLINE(misc-no-recursion): a tree of few nodes
static const struct mly_expr *build(struct mly_arena *arena, const struct node *node)
{
    switch (node->word) {
    case WORD_CONSTANT:
        return mly_expr_constant(arena, node->truth);
    case WORD_UNKNOWN:
        return mly_expr_unknown(arena, "SUBSTR");
    case WORD_TEST:
        return mly_expr_test(arena, node->column, node->op, node->literals, node->n_literals);
    case WORD_NOT:
        return mly_expr_not(arena, build(arena, node->l));
    case WORD_AND:
        return mly_expr_and(arena, build(arena, node->l), build(arena, node->r));
    default:
        return mly_expr_or(arena, build(arena, node->l), build(arena, node->r));
    }
}

struct rig {
    struct fail_mem mem;
    struct mly_arena arena;
    struct chance chance;
    struct forest forest;
    const struct node *root;
    const struct mly_expr *expr;
};

static void set_up(struct rig *rig, uint64_t seed)
{
    fail_mem_init(&rig->mem);
    mly_arena_init(&rig->arena, &rig->mem.mem, 64 << 20);
    rig->chance = (struct chance){.state = seed};
    rig->forest.is_typed = rig->forest.is_narrow = false;
}

static void plant(struct rig *rig, bool is_plain)
{
    mly_arena_reset(&rig->arena);
    rig->forest.n = 0;
    rig->forest.is_plain = is_plain;
    rig->root = grow(&rig->forest, &rig->chance, 4);
    rig->expr = build(&rig->arena, rig->root);
    assert_non_null(rig->expr);
}

static void tear_down(struct rig *rig)
{
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

/* ---- the law ---- */

enum { N_ROWS = 12, N_DIALECTS = 12 };

/* Values of the columns that are not known are none that the code could look at. */
static struct sample hide(struct sample sample, uint64_t known)
{
    for (int i = 0; i < N_COLUMNS; i++) {
        if (!(known >> i & 1))
            sample.values[i] = (struct mly_value){.as.text = NULL, .n_bytes = 99, .type = MLY_TEXT};
    }
    return sample;
}

static void assert_law(struct rig *rig, const struct sample *sample, uint64_t known, enum mly_truth truth)
{
    for (int i = 0; i < N_DIALECTS; i++) {
        const struct dialect dialect = random_dialect(&rig->chance);
        struct sample other = random_sample(&rig->chance);
        for (int k = 0; k < N_COLUMNS; k++) {
            if (known >> k & 1)
                other.values[k] = sample->values[k];
        }
        other.fid = sample->fid;
        const bool is_kept = say(&dialect, rig->root, &other) == SAYS_TRUE;
        assert_false(truth == MLY_NO && is_kept);
        assert_false(truth == MLY_YES && !is_kept);
    }
}

static void what_sql_keeps_in_some_version_is_never_refused(void **state)
{
    (void)state;
    struct rig rig;
    unsigned long n_seen[3] = {0};
    set_up(&rig, 1);
    const unsigned long rounds = chance_rounds(6000);
    for (unsigned long round = 0; round < rounds; round++) {
        plant(&rig, false);
        for (int i = 0; i < N_ROWS; i++) {
            const struct sample sample = random_sample(&rig.chance);
            const enum mly_truth truth = mly_expr_eval(rig.expr, sample.fid, sample.values, ALL_KNOWN);
            n_seen[truth]++;
            assert_law(&rig, &sample, ALL_KNOWN, truth);
            if (mly_expr_is_never(rig.expr))
                assert_int_equal(truth, MLY_NO);
        }
    }
    assert_true(n_seen[MLY_NO] > rounds && n_seen[MLY_YES] > rounds && n_seen[MLY_MAYBE] > rounds);
    tear_down(&rig);
}

static void what_is_not_known_could_be_anything(void **state)
{
    (void)state;
    struct rig rig;
    unsigned long n_seen[3] = {0};
    set_up(&rig, 2);
    const unsigned long rounds = chance_rounds(6000);
    for (unsigned long round = 0; round < rounds; round++) {
        plant(&rig, round % 2);
        for (int i = 0; i < N_ROWS; i++) {
            const uint64_t known = chance_next(&rig.chance) & ALL_KNOWN;
            const struct sample sample = random_sample(&rig.chance), hidden = hide(sample, known);
            const enum mly_truth truth = mly_expr_eval(rig.expr, hidden.fid, hidden.values, known);
            n_seen[truth]++;
            assert_law(&rig, &sample, known, truth);
        }
    }
    assert_true(n_seen[MLY_NO] > rounds && n_seen[MLY_YES] > rounds && n_seen[MLY_MAYBE] > rounds);
    tear_down(&rig);
}

static void an_exact_tree_is_never_in_doubt(void **state)
{
    (void)state;
    struct rig rig;
    unsigned long n_exact = 0, n_doubts = 0;
    set_up(&rig, 3);
    const unsigned long rounds = chance_rounds(6000);
    for (unsigned long round = 0; round < rounds; round++) {
        rig.forest.is_typed = true;
        plant(&rig, round % 4);
        const uint64_t known = round % 3 ? ALL_KNOWN : chance_next(&rig.chance) & ALL_KNOWN;
        const bool is_exact = mly_expr_is_exact(rig.expr, known);
        n_exact += is_exact;
        for (int i = 0; i < N_ROWS; i++) {
            const struct sample sample = random_sample(&rig.chance), hidden = hide(sample, known);
            const enum mly_truth truth = mly_expr_eval(rig.expr, hidden.fid, hidden.values, known);
            assert_false(is_exact && truth == MLY_MAYBE);
            n_doubts += truth == MLY_MAYBE;
        }
    }
    assert_true(n_exact > rounds / 10 && n_doubts > rounds / 10);
    tear_down(&rig);
}

/* ---- demands ---- */

static bool is_among(const struct dialect *dialect, struct mly_value value, const struct mly_buf *demanded)
{
    const struct mly_value *values = (const void *)demanded->data;
    for (size_t i = 0; i < demanded->size / sizeof *values; i++) {
        const struct mly_literal wanted = literal(values[i]);
        int sign = 1;
        if (compare(dialect, value, &wanted, false, &sign) && sign == 0)
            return true;
    }
    return false;
}

static void assert_each_once(const struct mly_buf *demanded)
{
    const struct mly_value *values = (const void *)demanded->data;
    const size_t n = demanded->size / sizeof *values;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (values[i].type == MLY_INT)
                assert_true(values[i].as.i != values[k].as.i);
            else
                assert_true(values[i].n_bytes != values[k].n_bytes ||
                            memcmp(values[i].as.text, values[k].as.text, values[i].n_bytes) != 0);
        }
    }
}

static void a_row_that_passes_has_a_value_that_is_demanded(void **state)
{
    (void)state;
    static const int columns[] = {MLY_EXPR_FID, A_WHOLE, A_TEXT, A_KEY, A_NAME};
    struct rig rig;
    unsigned long n_demands = 0, n_kept = 0;
    set_up(&rig, 4);
    const unsigned long rounds = chance_rounds(20000);
    for (unsigned long round = 0; round < rounds; round++) {
        const int column = columns[round % COUNT(columns)];
        rig.forest.is_typed = rig.forest.is_narrow = true;
        rig.forest.column = column;
        plant(&rig, false);
        struct mly_buf demanded;
        mly_buf_init(&demanded, &rig.mem.mem, 1 << 20);
        const enum mly_status status = mly_expr_demand(rig.expr, column, &demanded);
        assert_true(status == MLY_OK || (status == MLY_DONE && demanded.size == 0));
        n_demands += demanded.size > 0;
        assert_each_once(&demanded);
        for (int i = 0; status == MLY_OK && i < 100; i++) {
            const struct dialect dialect = random_dialect(&rig.chance);
            const struct sample sample = random_sample(&rig.chance);
            if (say(&dialect, rig.root, &sample) != SAYS_TRUE)
                continue;
            n_kept++;
            assert_true(is_among(&dialect, column < 0 ? whole(sample.fid) : sample.values[column], &demanded));
        }
        mly_buf_fini(&demanded);
    }
    assert_true(n_demands > rounds / 10 && n_kept > rounds);
    tear_down(&rig);
}

/* ---- another column that tells the same ---- */

/* Who has which key: the service knows some names, whatever their case. */
static const struct {
    const char *name;
    int64_t key;
} users[] = {{"a", 1}, {"b", 2}, {"ab", 7}, {"I", -1}};

static enum mly_status keys_of(void *ctx, const char *text, uint32_t n_bytes, struct mly_buf *keys)
{
    (void)ctx;
    const struct dialect dialect = {.knows_null = true};
    const struct mly_literal asked = literal((struct mly_value){.as.text = text, .n_bytes = n_bytes, .type = MLY_TEXT});
    for (size_t i = 0; i < COUNT(users); i++) {
        int sign = 1;
        if (compare(&dialect, words(users[i].name), &asked, false, &sign) && sign == 0)
            MLY_TRY(mly_buf_append(keys, &users[i].key, sizeof users[i].key));
    }
    return MLY_OK;
}

static void a_key_tells_the_same_as_the_name(void **state)
{
    (void)state;
    struct rig rig;
    unsigned long n_kept = 0, n_refused = 0;
    const uint64_t known = ALL_KNOWN & ~(UINT64_C(1) << A_NAME);
    set_up(&rig, 5);
    const unsigned long rounds = chance_rounds(10000);
    for (unsigned long round = 0; round < rounds; round++) {
        plant(&rig, false);
        const struct mly_expr *rekeyed = mly_expr_rekey(rig.expr, A_NAME, A_KEY, keys_of, NULL, &rig.arena);
        assert_non_null(rekeyed);
        for (int i = 0; i < N_ROWS; i++) {
            struct dialect dialect = random_dialect(&rig.chance);
            struct sample sample = random_sample(&rig.chance);
            const size_t user = chance_below(&rig.chance, COUNT(users) + 1);
            dialect.is_turkish = dialect.folds_beyond_ascii = false;
            sample.values[A_KEY] = user < COUNT(users) ? whole(users[user].key) : nothing();
            if (user < COUNT(users))
                sample.values[A_NAME] = words(users[user].name);
            const struct sample hidden = hide(sample, known);
            const enum mly_truth truth = mly_expr_eval(rekeyed, hidden.fid, hidden.values, known);
            const bool is_kept = say(&dialect, rig.root, &sample) == SAYS_TRUE;
            n_kept += is_kept;
            n_refused += truth == MLY_NO;
            assert_false(truth == MLY_NO && is_kept);
        }
    }
    assert_true(n_kept > rounds && n_refused > rounds);
    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_sql_keeps_in_some_version_is_never_refused),
        cmocka_unit_test(what_is_not_known_could_be_anything),
        cmocka_unit_test(an_exact_tree_is_never_in_doubt),
        cmocka_unit_test(a_row_that_passes_has_a_value_that_is_demanded),
        cmocka_unit_test(a_key_tells_the_same_as_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
