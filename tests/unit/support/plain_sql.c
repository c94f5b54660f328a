/* SPDX-License-Identifier: MIT */
#include "plain_sql.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "literals.h"

/* ---- SQL, once more ---- */

static enum plain_result whim(const struct plain_dialect *dialect, unsigned number)
{
    return (enum plain_result)((dialect->whim >> (number * 2 % 60)) % 3);
}

static int folded(const struct plain_dialect *dialect, char c)
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

static int compare_spelled(const struct plain_dialect *dialect, const char *a, const char *b)
{
    while (*a && folded(dialect, *a) == folded(dialect, *b)) {
        a++;
        b++;
    }
    return (*a ? folded(dialect, *a) : 0) - (*b ? folded(dialect, *b) : 0);
}

/* NOLINTNEXTLINE(misc-no-recursion): LIKE as it is defined; texts here have fewer than 64 bytes. */
static bool is_like(const struct plain_dialect *dialect, const char *text, const char *pattern, bool ignores_case)
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

bool plain_compare(const struct plain_dialect *dialect, struct mly_value value, const struct mly_literal *literal,
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

static bool holds_real(const struct plain_node *node)
{
    for (uint32_t i = 0; i < node->n_literals; i++) {
        if (node->literals[i].value.type == MLY_REAL)
            return true;
    }
    return false;
}

static enum plain_result say_list(const struct plain_dialect *dialect, const struct plain_node *node,
                                  struct mly_value value)
{
    const bool as_reals = dialect->lists_are_uniform && holds_real(node);
    enum plain_result result = PLAIN_SAYS_FALSE;
    for (uint32_t i = 0; i < node->n_literals; i++) {
        int sign = 1;
        if (node->literals[i].value.type == MLY_NULL && !dialect->knows_null)
            return PLAIN_SAYS_FALSE;
        if (node->literals[i].value.type == MLY_NULL)
            result = result == PLAIN_SAYS_TRUE ? result : PLAIN_SAYS_NULL;
        else if (!plain_compare(dialect, value, &node->literals[i], as_reals, &sign))
            return whim(dialect, i);
        else if (sign == 0)
            result = PLAIN_SAYS_TRUE;
    }
    return result;
}

static struct mly_value value_of(const struct plain_dialect *dialect, const struct plain_node *node,
                                 const struct plain_sample *sample)
{
    if (node->column != MLY_EXPR_FID)
        return sample->values[node->column];
    return sample->fid == -1 && dialect->fid_is_null ? nothing() : whole(sample->fid);
}

static enum plain_result say_test(const struct plain_dialect *dialect, const struct plain_node *node,
                                  const struct plain_sample *sample)
{
    const struct mly_value value = value_of(dialect, node, sample);
    if (node->op == MLY_OP_IS_NULL)
        return value.type == MLY_NULL ? PLAIN_SAYS_TRUE : PLAIN_SAYS_FALSE;
    if (node->op == MLY_OP_IN && node->n_literals == 0)
        return PLAIN_SAYS_FALSE;
    if (value.type == MLY_NULL)
        return dialect->knows_null ? PLAIN_SAYS_NULL : PLAIN_SAYS_FALSE;
    if (node->op == MLY_OP_IN)
        return say_list(dialect, node, value);

    const struct mly_literal *literal = &node->literals[0];
    int sign = 0;
    if (literal->value.type == MLY_NULL)
        return dialect->knows_null ? PLAIN_SAYS_NULL : PLAIN_SAYS_FALSE;
    if (node->op == MLY_OP_LIKE || node->op == MLY_OP_ILIKE) {
        char text[64], pattern[64];
        if (value.type != MLY_TEXT || literal->value.type != MLY_TEXT)
            return whim(dialect, 0);
        spell(value, text);
        spell(literal->value, pattern);
        return is_like(dialect, text, pattern, node->op == MLY_OP_ILIKE || dialect->like_ignores_case)
                   ? PLAIN_SAYS_TRUE
                   : PLAIN_SAYS_FALSE;
    }
    if (!plain_compare(dialect, value, literal, false, &sign))
        return whim(dialect, 1);
    const bool holds[] = {
        [MLY_OP_EQ] = sign == 0,
        [MLY_OP_NE] = sign != 0,
        [MLY_OP_LT] = sign<0, [MLY_OP_LE] = sign <= 0, [MLY_OP_GT] = sign> 0,
        [MLY_OP_GE] = sign >= 0,
    };
    return holds[node->op] ? PLAIN_SAYS_TRUE : PLAIN_SAYS_FALSE;
}

/* Old versions know NULL where no comparison has made FALSE of it. */
static enum plain_result say_unknown(const struct plain_dialect *dialect, const struct plain_node *node)
{
    const enum plain_result result = whim(dialect, node->number);
    if (dialect->knows_null || result != PLAIN_SAYS_NULL)
        return result;
    return node->is_value ? PLAIN_SAYS_VOID : PLAIN_SAYS_FALSE;
}

// NOLINTNEXTLINE(misc-no-recursion): a tree of few nodes
enum plain_result plain_say(const struct plain_dialect *dialect, const struct plain_node *node,
                            const struct plain_sample *sample)
{
    static const enum plain_result and[4][4] = {
        [PLAIN_SAYS_FALSE] = {PLAIN_SAYS_FALSE, PLAIN_SAYS_FALSE, PLAIN_SAYS_FALSE, PLAIN_SAYS_FALSE},
        [PLAIN_SAYS_TRUE] = {PLAIN_SAYS_FALSE, PLAIN_SAYS_TRUE, PLAIN_SAYS_NULL, PLAIN_SAYS_FALSE},
        [PLAIN_SAYS_NULL] = {PLAIN_SAYS_FALSE, PLAIN_SAYS_NULL, PLAIN_SAYS_NULL, PLAIN_SAYS_FALSE},
        [PLAIN_SAYS_VOID] = {PLAIN_SAYS_FALSE, PLAIN_SAYS_FALSE, PLAIN_SAYS_FALSE, PLAIN_SAYS_FALSE},
    };
    static const enum plain_result not [4] = {PLAIN_SAYS_TRUE, PLAIN_SAYS_FALSE, PLAIN_SAYS_NULL, PLAIN_SAYS_FALSE};
    if (node->word == PLAIN_WORD_CONSTANT)
        return node->truth ? PLAIN_SAYS_TRUE : PLAIN_SAYS_FALSE;
    if (node->word == PLAIN_WORD_UNKNOWN)
        return say_unknown(dialect, node);
    if (node->word == PLAIN_WORD_TEST)
        return say_test(dialect, node, sample);
    if (node->word == PLAIN_WORD_NOT)
        return not [plain_say(dialect, node->l, sample)];
    const enum plain_result l = plain_say(dialect, node->l, sample), r = plain_say(dialect, node->r, sample);
    if (node->word == PLAIN_WORD_OR && (l == PLAIN_SAYS_VOID || r == PLAIN_SAYS_VOID))
        return PLAIN_SAYS_FALSE;
    return node->word == PLAIN_WORD_AND ? and[l][r] : not [and[not [l]][not [r]]];
}

/* ---- chance ---- */

struct plain_dialect plain_random_dialect(struct chance *chance)
{
    const uint64_t bits = chance_next(chance);
    return (struct plain_dialect){
        .knows_null = bits & 1,
        .like_ignores_case = bits & 2,
        .has_strict_end = bits & 4,
        .is_turkish = bits & 8,
        .folds_beyond_ascii = bits & 16,
        .lists_are_uniform = bits & 32,
        .fid_is_null = bits & 64,
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
    case PLAIN_REAL:
        return random_real(chance);
    case PLAIN_TRUTH:
        return yes_or_no(chance_below(chance, 2));
    case PLAIN_TEXT:
    case PLAIN_NAME:
        return random_text(chance);
    case PLAIN_TIME:
        return moment(1000 + (int64_t)chance_below(chance, 9) * 100);
    case PLAIN_LIST:
        return (struct mly_value){.as.ints = list, .n_bytes = 2, .type = MLY_INTS};
    default:
        return whole(wholes[chance_below(chance, COUNT(wholes))]);
    }
}

struct plain_sample plain_random_sample(struct chance *chance)
{
    struct plain_sample sample = {.fid = wholes[chance_below(chance, COUNT(wholes))]};
    for (int i = 0; i < PLAIN_N_COLUMNS; i++)
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
        return literal(random_value(chance, (int)chance_below(chance, PLAIN_N_COLUMNS)));
    if (column == PLAIN_TIME && luck < 20) {
        const int64_t from = 1000 + (int64_t)chance_below(chance, 9) * 100;
        return interval(from, from + (int64_t)chance_below(chance, 4) * 100);
    }
    const bool is_number = column <= PLAIN_TRUTH || column == PLAIN_KEY;
    return literal(is_number && luck < 12 ? random_real(chance) : random_value(chance, column));
}

static struct mly_literal random_pattern(struct chance *chance)
{
    static const char *const patterns[] = {"%", "a%", "%b", "%i%", "_", "A_", "a%%", "%%", "%_%b", "%a%b%", "i", ""};
    return chance_below(chance, 2) ? literal(words(patterns[chance_below(chance, COUNT(patterns))]))
                                   : random_literal(chance, PLAIN_TEXT, false);
}

static void random_test(struct chance *chance, const struct plain_forest *forest, struct plain_node *out)
{
    static const int plain_columns[] = {PLAIN_WHOLE, PLAIN_REAL, PLAIN_TRUTH, PLAIN_TIME, PLAIN_KEY};
    *out = (struct plain_node){.word = PLAIN_WORD_TEST, .column = (int)chance_below(chance, PLAIN_N_COLUMNS + 1) - 1};
    if (forest->is_plain)
        out->column = plain_columns[chance_below(chance, COUNT(plain_columns))];
    const bool is_choice = forest->is_narrow && chance_below(chance, 8) > 0;
    if (is_choice)
        out->column = forest->column;
    const bool is_text = out->column == PLAIN_TEXT || out->column == PLAIN_NAME;
    out->op = is_choice ? (chance_below(chance, 3) ? MLY_OP_IN : MLY_OP_EQ)
                        : (enum mly_op)chance_below(chance, is_text ? MLY_OP_IS_NULL + 1 : MLY_OP_LIKE + 1);
    if (out->op == MLY_OP_LIKE && !is_text)
        out->op = MLY_OP_IS_NULL;
    if (out->op == MLY_OP_IS_NULL)
        return;
    out->n_literals = out->op == MLY_OP_IN ? (uint32_t)chance_below(chance, PLAIN_MAX_LITERALS + 1) : 1;
    for (uint32_t i = 0; i < out->n_literals; i++)
        out->literals[i] = out->op == MLY_OP_LIKE || out->op == MLY_OP_ILIKE
                               ? random_pattern(chance)
                               : random_literal(chance, out->column, forest->is_typed);
}

// NOLINTNEXTLINE(misc-no-recursion): `depth` bounds it
static const struct plain_node *grow(struct plain_forest *forest, struct chance *chance, int depth)
{
    assert_true(forest->n < PLAIN_MAX_NODES);
    struct plain_node *node = &forest->nodes[forest->n++];
    const size_t luck = chance_below(chance, 20);
    *node = (struct plain_node){.word = PLAIN_WORD_CONSTANT, .truth = luck == 0};
    if (luck < 2)
        return node;
    if (luck == 2 && !forest->is_plain) {
        *node = (struct plain_node){
            .word = PLAIN_WORD_UNKNOWN, .number = (unsigned)forest->n, .is_value = chance_below(chance, 2)};
        return node;
    }
    if (depth == 0 || luck < 8) {
        random_test(chance, forest, node);
        return node;
    }
    node->word = luck < 11 ? PLAIN_WORD_NOT : luck < 16 ? PLAIN_WORD_AND : PLAIN_WORD_OR;
    node->l = grow(forest, chance, depth - 1);
    node->r = node->word == PLAIN_WORD_NOT ? NULL : grow(forest, chance, depth - 1);
    return node;
}

void plain_plant(struct plain_forest *forest, struct chance *chance)
{
    forest->n = 0;
    forest->root = grow(forest, chance, 4);
}

// NOLINTNEXTLINE(misc-no-recursion): a tree of few nodes
const struct mly_expr *plain_build(struct mly_arena *arena, const struct plain_node *node)
{
    switch (node->word) {
    case PLAIN_WORD_CONSTANT:
        return mly_expr_constant(arena, node->truth);
    case PLAIN_WORD_UNKNOWN:
        return node->is_value ? mly_expr_unknown_value(arena, "SUBSTR") : mly_expr_unknown(arena, "SUBSTR");
    case PLAIN_WORD_TEST:
        return mly_expr_test(arena, node->column, node->op, node->literals, node->n_literals);
    case PLAIN_WORD_NOT:
        return mly_expr_not(arena, plain_build(arena, node->l));
    case PLAIN_WORD_AND:
        return mly_expr_and(arena, plain_build(arena, node->l), plain_build(arena, node->r));
    default:
        return mly_expr_or(arena, plain_build(arena, node->l), plain_build(arena, node->r));
    }
}

/* ---- the law ---- */

struct plain_sample plain_hide(struct plain_sample sample, uint64_t known)
{
    for (int i = 0; i < PLAIN_N_COLUMNS; i++) {
        if (!(known >> i & 1))
            sample.values[i] = (struct mly_value){.as.text = NULL, .n_bytes = 99, .type = MLY_TEXT};
    }
    return sample;
}

void plain_check_law(const struct plain_node *root, const struct plain_sample *sample, uint64_t known,
                     enum mly_truth truth, struct chance *chance)
{
    for (int i = 0; i < PLAIN_N_DIALECTS; i++) {
        const struct plain_dialect dialect = plain_random_dialect(chance);
        struct plain_sample other = plain_random_sample(chance);
        for (int k = 0; k < PLAIN_N_COLUMNS; k++) {
            if (known >> k & 1)
                other.values[k] = sample->values[k];
        }
        other.fid = sample->fid;
        const bool is_kept = plain_say(&dialect, root, &other) == PLAIN_SAYS_TRUE;
        assert_false(truth == MLY_NO && is_kept);
        assert_false(truth == MLY_YES && !is_kept);
    }
}

bool plain_is_among(const struct plain_dialect *dialect, struct mly_value value, const struct mly_buf *demanded)
{
    const struct mly_value *values = (const void *)demanded->data;
    for (size_t i = 0; i < demanded->size / sizeof *values; i++) {
        const struct mly_literal wanted = literal(values[i]);
        int sign = 1;
        if (plain_compare(dialect, value, &wanted, false, &sign) && sign == 0)
            return true;
    }
    return false;
}

void plain_check_each_once(const struct mly_buf *demanded)
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
