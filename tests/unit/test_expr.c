/* SPDX-License-Identifier: MIT */
#include "core/expr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/limits.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/literals.h"

enum { KNOWN = 0xff, C = 2 /* the column that most tests look at */, K = 5 };

struct rig {
    struct fail_mem mem;
    struct mly_arena arena;
    struct mly_buf out;
};

static void set_up(struct rig *rig)
{
    fail_mem_init(&rig->mem);
    mly_arena_init(&rig->arena, &rig->mem.mem, 64 << 20);
    mly_buf_init(&rig->out, &rig->mem.mem, 64 << 20);
}

static void tear_down(struct rig *rig)
{
    mly_buf_fini(&rig->out);
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

static const struct mly_expr *one(struct rig *rig, enum mly_op op, struct mly_literal wanted)
{
    return mly_expr_test(&rig->arena, C, op, &wanted, 1);
}

static const struct mly_expr *equals(struct rig *rig, struct mly_value value)
{
    return one(rig, MLY_OP_EQ, literal(value));
}

static const struct mly_expr *is_null(struct rig *rig)
{
    return mly_expr_test(&rig->arena, C, MLY_OP_IS_NULL, NULL, 0);
}

static const struct mly_expr *in_wholes(struct rig *rig, const int64_t *values, uint32_t n)
{
    struct mly_literal *literals = calloc(n, sizeof *literals);
    assert_non_null(literals);
    for (uint32_t i = 0; i < n; i++)
        literals[i] = literal(whole(values[i]));
    const struct mly_expr *e = mly_expr_test(&rig->arena, C, MLY_OP_IN, literals, n);
    free(literals); /* the tree borrows nothing */
    return e;
}

static const struct mly_expr *in_texts(struct rig *rig, const char *const *texts, uint32_t n)
{
    struct mly_literal literals[8];
    for (uint32_t i = 0; i < n; i++)
        literals[i] = literal(words(texts[i]));
    return mly_expr_test(&rig->arena, C, MLY_OP_IN, literals, n);
}

static const struct mly_expr * not(struct rig * rig, const struct mly_expr *e)
{
    return mly_expr_not(&rig->arena, e);
}

static const struct mly_expr *both(struct rig *rig, const struct mly_expr *l, const struct mly_expr *r)
{
    return mly_expr_and(&rig->arena, l, r);
}

static const struct mly_expr *either(struct rig *rig, const struct mly_expr *l, const struct mly_expr *r)
{
    return mly_expr_or(&rig->arena, l, r);
}

static const struct mly_expr *always(struct rig *rig, bool truth)
{
    return mly_expr_constant(&rig->arena, truth);
}

static enum mly_truth eval(const struct mly_expr *e, struct mly_value value)
{
    struct mly_value values[8] = {{.type = MLY_NULL}};
    values[C] = value;
    return mly_expr_eval(e, -1, values, KNOWN);
}

/* ---- what a test says ---- */

static void numbers_are_compared_by_each_operator(void **state)
{
    (void)state;
    static const struct {
        enum mly_op op;
        enum mly_truth of_less, of_equal, of_greater;
    } ops[] = {
        {MLY_OP_EQ, MLY_NO, MLY_YES, MLY_NO}, {MLY_OP_NE, MLY_YES, MLY_NO, MLY_YES},
        {MLY_OP_LT, MLY_YES, MLY_NO, MLY_NO}, {MLY_OP_LE, MLY_YES, MLY_YES, MLY_NO},
        {MLY_OP_GT, MLY_NO, MLY_NO, MLY_YES}, {MLY_OP_GE, MLY_NO, MLY_YES, MLY_YES},
        {MLY_OP_IN, MLY_NO, MLY_YES, MLY_NO},
    };
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < COUNT(ops); i++) {
        const struct mly_expr *wholes = one(&rig, ops[i].op, literal(whole(5)));
        const struct mly_expr *reals = one(&rig, ops[i].op, literal(real(5)));
        assert_int_equal(eval(wholes, whole(4)), ops[i].of_less);
        assert_int_equal(eval(wholes, whole(5)), ops[i].of_equal);
        assert_int_equal(eval(wholes, real(5.5)), ops[i].of_greater);
        assert_int_equal(eval(reals, real(4.5)), ops[i].of_less);
        assert_int_equal(eval(reals, whole(5)), ops[i].of_equal);
        assert_int_equal(eval(reals, whole(INT64_MAX)), ops[i].of_greater);
    }
    tear_down(&rig);
}

static void whole_numbers_are_not_rounded_but_beside_real_ones(void **state)
{
    (void)state;
    const int64_t even = INT64_C(1) << 53;
    const struct mly_literal mixed[] = {literal(whole(even)), literal(real(0.5))};
    struct rig rig;
    set_up(&rig);

    assert_int_equal(eval(equals(&rig, whole(even)), whole(even + 1)), MLY_NO);
    assert_int_equal(eval(equals(&rig, real((double)even)), whole(even + 1)), MLY_YES);
    assert_int_equal(eval(in_wholes(&rig, &even, 1), whole(even + 1)), MLY_NO);
    assert_int_equal(eval(mly_expr_test(&rig.arena, C, MLY_OP_IN, mixed, 2), whole(even + 1)), MLY_MAYBE);
    assert_int_equal(eval(mly_expr_test(&rig.arena, C, MLY_OP_IN, mixed, 2), whole(even)), MLY_YES);

    tear_down(&rig);
}

static void truths_are_whole_numbers(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);

    assert_int_equal(eval(equals(&rig, whole(1)), yes_or_no(true)), MLY_YES);
    assert_int_equal(eval(equals(&rig, whole(1)), yes_or_no(false)), MLY_NO);
    assert_int_equal(eval(equals(&rig, yes_or_no(true)), whole(1)), MLY_YES);
    assert_int_equal(eval(one(&rig, MLY_OP_GT, literal(real(0.5))), yes_or_no(true)), MLY_YES);

    tear_down(&rig);
}

static void texts_are_compared_without_regard_to_case(void **state)
{
    (void)state;
    static const char *const list[] = {"zebra", "Apple", "APPLE", "mango"};
    struct rig rig;
    set_up(&rig);

    assert_int_equal(eval(equals(&rig, words("abc")), words("ABC")), MLY_YES);
    assert_int_equal(eval(equals(&rig, words("abc")), words("abcd")), MLY_NO);
    assert_int_equal(eval(one(&rig, MLY_OP_LT, literal(words("b"))), words("A")), MLY_YES);
    assert_int_equal(eval(one(&rig, MLY_OP_LT, literal(words("["))), words("A")), MLY_NO); /* [ stands before a */
    assert_int_equal(eval(one(&rig, MLY_OP_GT, literal(words("ab"))), words("ABC")), MLY_YES);
    assert_int_equal(eval(in_texts(&rig, list, COUNT(list)), words("apple")), MLY_YES);
    assert_int_equal(eval(in_texts(&rig, list, COUNT(list)), words("apples")), MLY_NO);

    tear_down(&rig);
}

static void texts_beyond_ascii_are_left_open(void **state)
{
    (void)state;
    static const char *const list[] = {"caf\xc3\xa9", "bar"};
    const struct mly_value cut = {.as.text = "a\0b", .n_bytes = 3, .type = MLY_TEXT};
    struct rig rig;
    set_up(&rig);

    assert_int_equal(eval(equals(&rig, words("caf\xc3\xa9")), words("caf\xc3\xa9")), MLY_MAYBE);
    assert_int_equal(eval(equals(&rig, words("cafe")), words("caf\xc3\xa9")), MLY_MAYBE);
    assert_int_equal(eval(equals(&rig, words("a")), cut), MLY_MAYBE);
    assert_int_equal(eval(in_texts(&rig, list, 2), words("BAR")), MLY_YES);
    assert_int_equal(eval(in_texts(&rig, list, 2), words("foo")), MLY_MAYBE);
    assert_int_equal(eval(one(&rig, MLY_OP_LIKE, literal(words("%"))), words("\xc3\xa9")), MLY_MAYBE);

    tear_down(&rig);
}

static void the_letter_i_has_two_cases_but_not_everywhere(void **state)
{
    (void)state;
    static const char *const list[] = {"BIT"};
    struct rig rig;
    set_up(&rig);

    assert_int_equal(eval(equals(&rig, words("BIT")), words("bit")), MLY_MAYBE);
    assert_int_equal(eval(equals(&rig, words("BIT")), words("BIT")), MLY_YES);
    assert_int_equal(eval(equals(&rig, words("BIT")), words("bat")), MLY_NO);
    assert_int_equal(eval(equals(&rig, words("BIT")), words("bits")), MLY_NO);
    assert_int_equal(eval(in_texts(&rig, list, 1), words("bit")), MLY_MAYBE);
    assert_int_equal(eval(one(&rig, MLY_OP_LT, literal(words("a"))), words("I")), MLY_MAYBE);
    assert_int_equal(eval(one(&rig, MLY_OP_ILIKE, literal(words("b_t"))), words("BIT")), MLY_YES);
    assert_int_equal(eval(one(&rig, MLY_OP_ILIKE, literal(words("bi%"))), words("BIT")), MLY_MAYBE);

    tear_down(&rig);
}

static void patterns_match_runs_and_single_characters(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        enum mly_truth truth;
    } cases[] = {
        {"object--%", "object--bench", MLY_YES},
        {"object--%", "object-bench", MLY_NO},
        {"%", "a", MLY_YES},
        {"_", "a", MLY_YES},
        {"_", "ab", MLY_NO},
        {"__", "a", MLY_NO},
        {"a%c", "abcbc", MLY_YES},
        {"a%c", "abcb", MLY_NO},
        {"%ab%cd%", "xabxcdx", MLY_YES},
        {"%ab%cd%", "xcdxabx", MLY_NO},
        {"a%", "a", MLY_YES},
        {"", "a", MLY_NO},
        {"a", "a", MLY_YES},
        {"%a_", "aab", MLY_YES},
        {"\\%", "%", MLY_NO},
        {"\\%", "\\x", MLY_YES},
        {"a", "aa", MLY_NO},
        {"aa", "a", MLY_NO},
    };
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mly_literal pattern = literal(words(cases[i].pattern));
        assert_int_equal(eval(one(&rig, MLY_OP_LIKE, pattern), words(cases[i].text)), cases[i].truth);
        assert_int_equal(eval(one(&rig, MLY_OP_ILIKE, pattern), words(cases[i].text)), cases[i].truth);
    }
    tear_down(&rig);
}

static void like_that_matches_but_for_case_is_left_open(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);

    assert_int_equal(eval(one(&rig, MLY_OP_LIKE, literal(words("a%"))), words("Ab")), MLY_MAYBE);
    assert_int_equal(eval(one(&rig, MLY_OP_ILIKE, literal(words("a%"))), words("Ab")), MLY_YES);

    tear_down(&rig);
}

static void a_run_beside_a_run_matches_in_some_versions_only(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);

    assert_int_equal(eval(one(&rig, MLY_OP_LIKE, literal(words("a%%"))), words("a")), MLY_MAYBE);
    assert_int_equal(eval(one(&rig, MLY_OP_LIKE, literal(words("a%%"))), words("b")), MLY_NO);

    tear_down(&rig);
}

static void a_pattern_of_many_runs_ends_in_time(void **state)
{
    (void)state;
    char pattern[MLY_LIMIT_LIKE + 2], text[MLY_LIMIT_LIKE + 2];
    struct rig rig;
    set_up(&rig);
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '%';
    text[MLY_LIMIT_LIKE] = pattern[1001] = '\0';
    pattern[1000] = 'b';

    assert_int_equal(eval(one(&rig, MLY_OP_LIKE, literal(words(pattern))), words(text)), MLY_NO);
    text[MLY_LIMIT_LIKE] = 'a'; /* too long to be looked at */
    text[MLY_LIMIT_LIKE + 1] = '\0';
    assert_int_equal(eval(one(&rig, MLY_OP_LIKE, literal(words("b"))), words(text)), MLY_MAYBE);

    tear_down(&rig);
}

static void a_moment_holds_for_all_that_the_literal_may_stand_for_or_is_left_open(void **state)
{
    (void)state;
    static const struct {
        enum mly_op op;
        enum mly_truth before, first, within, last, after;
    } cases[] = {
        {MLY_OP_EQ, MLY_NO, MLY_MAYBE, MLY_MAYBE, MLY_MAYBE, MLY_NO},
        {MLY_OP_NE, MLY_YES, MLY_MAYBE, MLY_MAYBE, MLY_MAYBE, MLY_YES},
        {MLY_OP_LT, MLY_YES, MLY_MAYBE, MLY_MAYBE, MLY_NO, MLY_NO},
        {MLY_OP_LE, MLY_YES, MLY_YES, MLY_MAYBE, MLY_MAYBE, MLY_NO},
        {MLY_OP_GT, MLY_NO, MLY_NO, MLY_MAYBE, MLY_MAYBE, MLY_YES},
        {MLY_OP_GE, MLY_NO, MLY_MAYBE, MLY_MAYBE, MLY_YES, MLY_YES},
        {MLY_OP_IN, MLY_NO, MLY_MAYBE, MLY_MAYBE, MLY_MAYBE, MLY_NO},
    };
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mly_expr *e = one(&rig, cases[i].op, interval(100, 200));
        assert_int_equal(eval(e, moment(99)), cases[i].before);
        assert_int_equal(eval(e, moment(100)), cases[i].first);
        assert_int_equal(eval(e, moment(150)), cases[i].within);
        assert_int_equal(eval(e, moment(200)), cases[i].last);
        assert_int_equal(eval(e, moment(201)), cases[i].after);
    }
    assert_int_equal(eval(one(&rig, MLY_OP_EQ, interval(100, 100)), moment(100)), MLY_YES);
    assert_int_equal(eval(one(&rig, MLY_OP_GT, interval(INT64_MIN, INT64_MAX)), moment(100)), MLY_MAYBE);
    assert_int_equal(eval(one(&rig, MLY_OP_GT, interval(200, 100)), moment(300)), MLY_MAYBE);
    tear_down(&rig);
}

static void what_does_not_compare_is_left_open(void **state)
{
    (void)state;
    static const double list[] = {1};
    const struct mly_value reals = {.as.reals = list, .n_bytes = 1, .type = MLY_REALS};
    const struct mly_value values[] = {whole(1), words("1"), moment(1), reals};
    const struct mly_literal odd[] = {literal(whole(1)), literal(nothing())};
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < COUNT(values); i++) {
        for (size_t k = 0; k < COUNT(values); k++) {
            const bool compares = i == k && values[i].type != MLY_REALS;
            assert_int_equal(eval(equals(&rig, values[i]), values[k]), compares ? MLY_YES : MLY_MAYBE);
        }
        assert_int_equal(eval(is_null(&rig), values[i]), MLY_NO);
        assert_int_equal(eval(equals(&rig, nothing()), values[i]), MLY_MAYBE);
    }
    assert_int_equal(eval(equals(&rig, real((double)INFINITY)), real(1)), MLY_MAYBE);
    assert_int_equal(eval(equals(&rig, real((double)NAN)), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(mly_expr_test(&rig.arena, C, MLY_OP_IN, odd, 2), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(one(&rig, MLY_OP_LIKE, literal(whole(1))), whole(1)), MLY_MAYBE);
    tear_down(&rig);
}

static void a_long_list_finds_what_is_in_it_and_nothing_else(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct rig rig;
    set_up(&rig);
    int64_t *values = malloc(N * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < N; i++)
        values[i] = i * 7919 % N * 2 - N; /* all even numbers of a range, in some order */
    const struct mly_expr *e = in_wholes(&rig, values, N);

    for (int64_t i = -N - 3; i < N + 3; i++) {
        const bool is_there = i % 2 == 0 && i >= -N && i < N;
        assert_int_equal(eval(e, whole(i)), is_there ? MLY_YES : MLY_NO);
        assert_int_equal(eval(e, real((double)i)), is_there ? MLY_YES : MLY_NO);
    }
    assert_int_equal(mly_expr_demand(e, C, &rig.out), MLY_OK);
    assert_int_equal(rig.out.size, N * sizeof(struct mly_value));
    const struct mly_value *demanded = (const void *)rig.out.data;
    for (size_t i = 0; i < N; i++)
        assert_true(demanded[i].as.i == values[i]);
    free(values);
    tear_down(&rig);
}

static void the_fid_is_always_known(void **state)
{
    (void)state;
    const struct mly_literal seven = literal(whole(7));
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = mly_expr_test(&rig.arena, MLY_EXPR_FID, MLY_OP_EQ, &seven, 1);
    const struct mly_expr *null = mly_expr_test(&rig.arena, MLY_EXPR_FID, MLY_OP_IS_NULL, NULL, 0);

    assert_int_equal(mly_expr_eval(e, 7, NULL, 0), MLY_YES);
    assert_int_equal(mly_expr_eval(e, -1, NULL, 0), MLY_NO);
    assert_int_equal(mly_expr_eval(null, 7, NULL, 0), MLY_NO);
    assert_int_equal(mly_expr_columns(e), 0);

    tear_down(&rig);
}

/* GDAL takes the FID of a feature without one, -1, for NULL. */
static void the_fid_of_a_row_without_an_id_may_be_null(void **state)
{
    (void)state;
    const struct mly_literal seven = literal(whole(7)), none = literal(whole(-1));
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *is_seven = mly_expr_test(&rig.arena, MLY_EXPR_FID, MLY_OP_EQ, &seven, 1);
    const struct mly_expr *is_other = mly_expr_test(&rig.arena, MLY_EXPR_FID, MLY_OP_NE, &seven, 1);
    const struct mly_expr *is_none = mly_expr_test(&rig.arena, MLY_EXPR_FID, MLY_OP_EQ, &none, 1);
    const struct mly_expr *null = mly_expr_test(&rig.arena, MLY_EXPR_FID, MLY_OP_IS_NULL, NULL, 0);

    assert_int_equal(mly_expr_eval(null, -1, NULL, 0), MLY_MAYBE);
    assert_int_equal(mly_expr_eval(is_none, -1, NULL, 0), MLY_MAYBE);
    assert_int_equal(mly_expr_eval(not(&rig, is_other), -1, NULL, 0), MLY_MAYBE);
    assert_int_equal(mly_expr_eval(is_seven, -1, NULL, 0), MLY_NO);
    assert_false(mly_expr_is_exact(is_none, 0));

    tear_down(&rig);
}

/* ---- NULL, AND, OR, NOT ---- */

static void nothing_passes_no_comparison_and_not_of_it_depends_on_the_version(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = equals(&rig, whole(1));

    assert_int_equal(eval(e, nothing()), MLY_NO);
    assert_int_equal(eval(not(&rig, e), nothing()), MLY_MAYBE);
    assert_int_equal(eval(not(&rig, not(&rig, e)), nothing()), MLY_NO); /* no version keeps it */
    assert_int_equal(eval(is_null(&rig), nothing()), MLY_YES);
    assert_int_equal(eval(not(&rig, is_null(&rig)), nothing()), MLY_NO);
    assert_int_equal(eval(either(&rig, e, is_null(&rig)), nothing()), MLY_YES);
    assert_int_equal(eval(not(&rig, both(&rig, e, not(&rig, is_null(&rig)))), nothing()), MLY_YES);

    tear_down(&rig);
}

/* In old versions, a field that is NULL makes FALSE of an OR, whatever else is true in it; and NOT of that is TRUE. */
static void what_is_no_comparison_may_be_null_and_decide_an_or(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = equals(&rig, whole(1)), *field = mly_expr_unknown_value(&rig.arena, "a field by itself");
    const struct mly_expr *always = mly_expr_constant(&rig.arena, true);

    assert_int_equal(eval(not(&rig, either(&rig, field, e)), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(not(&rig, either(&rig, e, field)), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(not(&rig, either(&rig, always, field)), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(not(&rig, either(&rig, field, always)), whole(1)), MLY_MAYBE);
    assert_false(mly_expr_is_never(not(&rig, either(&rig, always, field))));
    assert_int_equal(eval(either(&rig, e, field), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(both(&rig, field, e), whole(2)), MLY_NO);
    tear_down(&rig);
}

/* (e OR e) OR (field OR f) stands for ((e OR e) OR field) OR f, too: GDAL and the shim shape chains as they like. */
static void it_does_so_anywhere_in_a_chain_of_ors(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = equals(&rig, whole(1)), *f = equals(&rig, whole(2));
    const struct mly_expr *field = mly_expr_unknown_value(&rig.arena, "a field by itself");
    const struct mly_expr *chain = either(&rig, either(&rig, e, e), either(&rig, field, f));

    assert_int_equal(eval(not(&rig, chain), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(not(&rig, either(&rig, e, not(&rig, field))), whole(1)), MLY_NO); /* which is no NULL */
    tear_down(&rig);
}

static void an_unknown_matters_only_where_nothing_else_decides(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = equals(&rig, whole(1)), *unknown = mly_expr_unknown(&rig.arena, "SUBSTR");

    assert_int_equal(eval(unknown, whole(1)), MLY_MAYBE);
    assert_int_equal(eval(both(&rig, unknown, e), whole(2)), MLY_NO);
    assert_int_equal(eval(both(&rig, e, unknown), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(either(&rig, unknown, e), whole(1)), MLY_YES);
    assert_int_equal(eval(either(&rig, e, unknown), whole(2)), MLY_MAYBE);
    assert_int_equal(eval(not(&rig, unknown), whole(1)), MLY_MAYBE);
    assert_int_equal(eval(not(&rig, both(&rig, unknown, e)), whole(2)), MLY_YES);

    tear_down(&rig);
}

static void a_column_that_is_not_known_could_be_anything(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);

    assert_int_equal(mly_expr_eval(equals(&rig, whole(1)), 1, NULL, 0), MLY_MAYBE);
    assert_int_equal(mly_expr_eval(is_null(&rig), 1, NULL, ~(UINT64_C(1) << C)), MLY_MAYBE);

    tear_down(&rig);
}

static void constants_are_folded(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = equals(&rig, whole(1)), *yes = always(&rig, true), *no = always(&rig, false);

    assert_ptr_equal(both(&rig, yes, e), e);
    assert_ptr_equal(both(&rig, e, yes), e);
    assert_ptr_equal(either(&rig, no, e), e);
    assert_ptr_equal(either(&rig, e, no), e);
    assert_true(mly_expr_is_never(both(&rig, e, no)));
    assert_true(mly_expr_is_never(both(&rig, no, e)));
    assert_true(mly_expr_is_never(not(&rig, either(&rig, e, yes))));
    assert_true(mly_expr_is_never(not(&rig, either(&rig, yes, e))));
    assert_true(mly_expr_is_never(both(&rig, e, in_wholes(&rig, NULL, 0))));
    assert_false(mly_expr_is_never(e));
    assert_false(mly_expr_is_never(yes));
    assert_int_equal(eval(yes, nothing()), MLY_YES);
    assert_int_equal(eval(no, nothing()), MLY_NO);

    tear_down(&rig);
}

enum {
    ALL_BYTES = 64 /* of every list of words below */
};

static void append_word(char all[ALL_BYTES], const char *word, size_t n_bytes)
{
    const size_t at = strlen(all);
    assert_true(at + n_bytes + 2 < ALL_BYTES);
    memcpy(all + at, word, n_bytes);
    memcpy(all + at + n_bytes, " ", 2);
}

static void label_into(void *ctx, const char *label)
{
    append_word(ctx, label, strlen(label));
}

static void a_tree_that_is_too_deep_is_unknown(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    char labels[ALL_BYTES] = "";
    const struct mly_expr *e = equals(&rig, whole(1));
    for (int depth = 1; depth < MLY_EXPR_MAX_DEPTH; depth++)
        e = depth % 3 != 1 ? either(&rig, e, equals(&rig, whole(depth))) : not(&rig, e);
    mly_expr_unknowns(e, label_into, labels);
    assert_string_equal(labels, "");

    mly_expr_unknowns(not(&rig, e), label_into, labels);
    mly_expr_unknowns(both(&rig, is_null(&rig), e), label_into, labels);
    assert_string_equal(labels, "depth depth ");
    for (int i = 0; i < 100000; i++)
        e = both(&rig, e, is_null(&rig));
    assert_int_equal(eval(e, nothing()), MLY_MAYBE);

    tear_down(&rig);
}

static void exact_is_what_no_row_leaves_open(void **state)
{
    (void)state;
    const struct mly_literal mixed[] = {literal(whole(1)), literal(real(0.5))};
    const uint64_t c = UINT64_C(1) << C;
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = equals(&rig, whole(1));

    assert_true(mly_expr_is_exact(e, c));
    assert_false(mly_expr_is_exact(e, ~c));
    assert_false(mly_expr_is_exact(not(&rig, e), c));
    assert_true(mly_expr_is_exact(not(&rig, is_null(&rig)), c));
    assert_true(mly_expr_is_exact(both(&rig, e, is_null(&rig)), c));
    assert_false(mly_expr_is_exact(either(&rig, e, mly_expr_unknown(&rig.arena, "x")), c));
    assert_false(mly_expr_is_exact(equals(&rig, words("a")), c));
    assert_false(mly_expr_is_exact(equals(&rig, nothing()), c));
    assert_true(mly_expr_is_exact(one(&rig, MLY_OP_LT, interval(5, 5)), c));
    assert_false(mly_expr_is_exact(one(&rig, MLY_OP_LT, interval(5, 6)), c));
    assert_true(mly_expr_is_exact(mly_expr_test(&rig.arena, C, MLY_OP_IN, mixed, 1), c));
    assert_false(mly_expr_is_exact(mly_expr_test(&rig.arena, C, MLY_OP_IN, mixed, 2), c));
    assert_true(mly_expr_is_exact(always(&rig, true), 0));

    tear_down(&rig);
}

static void columns_and_unknowns_are_named(void **state)
{
    (void)state;
    char labels[ALL_BYTES] = "";
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *key = mly_expr_test(&rig.arena, 47, MLY_OP_IS_NULL, NULL, 0);
    const struct mly_expr *e = either(&rig, both(&rig, mly_expr_unknown(&rig.arena, "CAST"), not(&rig, key)),
                                      both(&rig, equals(&rig, whole(1)), mly_expr_unknown(&rig.arena, "a + b")));

    mly_expr_unknowns(e, label_into, labels);

    assert_string_equal(labels, "CAST a + b ");
    assert_true(mly_expr_columns(e) == (UINT64_C(1) << 47 | UINT64_C(1) << C));
    assert_int_equal(mly_expr_count(e), 2);
    tear_down(&rig);
}

/* ---- demands ---- */

/* The demand as text: "1 2 ", "none" for MLY_DONE. */
static const char *demand_of(struct rig *rig, const struct mly_expr *e)
{
    static char text[256];
    mly_buf_fini(&rig->out);
    const enum mly_status status = mly_expr_demand(e, C, &rig->out);
    if (status == MLY_DONE) {
        assert_int_equal(rig->out.size, 0);
        return "none";
    }
    assert_int_equal(status, MLY_OK);
    const struct mly_value *values = (const void *)rig->out.data;
    text[0] = '\0';
    for (size_t i = 0; i < rig->out.size / sizeof *values; i++) {
        const size_t n = strlen(text);
        if (values[i].type == MLY_INT)
            (void)snprintf(text + n, sizeof text - n, "%lld ", (long long)values[i].as.i);
        else
            (void)snprintf(text + n, sizeof text - n, "%.*s ", (int)values[i].n_bytes, values[i].as.text);
    }
    return text;
}

static void a_column_that_is_to_equal_something_demands_it(void **state)
{
    (void)state;
    static const int64_t list[] = {3, 1, 2, 3, 1};
    const struct mly_literal three = literal(whole(3));
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *other = mly_expr_test(&rig.arena, K, MLY_OP_EQ, &three, 1);

    assert_string_equal(demand_of(&rig, equals(&rig, whole(7))), "7 ");
    assert_string_equal(demand_of(&rig, equals(&rig, yes_or_no(true))), "1 ");
    assert_string_equal(demand_of(&rig, in_wholes(&rig, list, COUNT(list))), "3 1 2 ");
    assert_string_equal(demand_of(&rig, other), "none");
    assert_string_equal(demand_of(&rig, is_null(&rig)), "none");
    assert_string_equal(demand_of(&rig, not(&rig, equals(&rig, whole(7)))), "none");
    assert_string_equal(demand_of(&rig, one(&rig, MLY_OP_GE, three)), "none");
    assert_string_equal(demand_of(&rig, mly_expr_unknown(&rig.arena, "x")), "none");
    assert_string_equal(demand_of(&rig, always(&rig, true)), "none");
    assert_string_equal(demand_of(&rig, always(&rig, false)), "");
    assert_string_equal(demand_of(&rig, equals(&rig, nothing())), "none");

    tear_down(&rig);
}

static void and_intersects_and_or_unites(void **state)
{
    (void)state;
    static const int64_t list[] = {5, 3, 1}, other[] = {1, 9, 5};
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *l = in_wholes(&rig, list, 3), *r = in_wholes(&rig, other, 3), *null = is_null(&rig);

    assert_string_equal(demand_of(&rig, both(&rig, l, r)), "5 1 ");
    assert_string_equal(demand_of(&rig, either(&rig, l, r)), "5 3 1 9 ");
    assert_string_equal(demand_of(&rig, both(&rig, l, null)), "5 3 1 ");
    assert_string_equal(demand_of(&rig, both(&rig, null, r)), "1 9 5 ");
    assert_string_equal(demand_of(&rig, both(&rig, null, null)), "none");
    assert_string_equal(demand_of(&rig, either(&rig, l, null)), "none");
    assert_string_equal(demand_of(&rig, either(&rig, null, l)), "none");
    assert_string_equal(demand_of(&rig, both(&rig, l, equals(&rig, whole(4)))), "");
    assert_string_equal(demand_of(&rig, either(&rig, r, both(&rig, l, not(&rig, null)))), "1 9 5 3 ");
    assert_string_equal(demand_of(&rig, both(&rig, l, equals(&rig, words("a")))), "5 3 1 ");
    assert_string_equal(demand_of(&rig, either(&rig, l, equals(&rig, words("a")))), "none");

    tear_down(&rig);
}

static void a_real_number_demands_the_whole_one_that_it_is(void **state)
{
    (void)state;
    const struct mly_literal mixed[] = {literal(real(1.5)), literal(real(2)), literal(whole(3)), literal(real(-0.0))};
    const struct mly_literal large[] = {literal(whole((INT64_C(1) << 53) + 1)), literal(real(2))};
    struct rig rig;
    set_up(&rig);

    assert_string_equal(demand_of(&rig, equals(&rig, real(7))), "7 ");
    assert_string_equal(demand_of(&rig, equals(&rig, real(7.5))), "");
    assert_string_equal(demand_of(&rig, equals(&rig, real(0x1p53 - 1))), "9007199254740991 ");
    assert_string_equal(demand_of(&rig, equals(&rig, real(0x1p53))), "none"); /* 2^53 + 1 equals it, too */
    assert_string_equal(demand_of(&rig, equals(&rig, real(-1e300))), "none");
    assert_string_equal(demand_of(&rig, mly_expr_test(&rig.arena, C, MLY_OP_IN, mixed, 4)), "2 3 0 ");
    assert_string_equal(demand_of(&rig, mly_expr_test(&rig.arena, C, MLY_OP_IN, large, 1)), "9007199254740993 ");
    assert_string_equal(demand_of(&rig, mly_expr_test(&rig.arena, C, MLY_OP_IN, large, 2)), "none");
    assert_string_equal(demand_of(&rig, equals(&rig, real((double)NAN))), "none");

    tear_down(&rig);
}

static void texts_are_demanded_as_spelled(void **state)
{
    (void)state;
    static const char *const list[] = {"b", "Abc", "aBc", "b", "x"}, *const other[] = {"ABC", "B"};
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *l = in_texts(&rig, list, 5), *r = in_texts(&rig, other, 2);

    assert_string_equal(demand_of(&rig, l), "b Abc aBc x ");
    assert_string_equal(demand_of(&rig, both(&rig, l, r)), "b Abc aBc ");
    assert_string_equal(demand_of(&rig, both(&rig, r, l)), "ABC B ");
    assert_string_equal(demand_of(&rig, either(&rig, r, l)), "ABC B b Abc aBc x ");
    assert_string_equal(demand_of(&rig, both(&rig, l, equals(&rig, words("y")))), "");
    assert_string_equal(demand_of(&rig, both(&rig, equals(&rig, words("\xc3\xa9")), equals(&rig, words("\xc3\x89")))),
                        "\xc3\xa9 ");

    tear_down(&rig);
}

/* ---- texts and keys ---- */

static enum mly_status text_into(void *ctx, const char *text, uint32_t n_bytes)
{
    append_word(ctx, text, n_bytes);
    return strncmp(text, "stop", n_bytes) == 0 ? MLY_E_ARG : MLY_OK;
}

static void texts_are_named_wherever_they_are_compared(void **state)
{
    (void)state;
    static const char *const list[] = {"bob", "eve"}, *const stop[] = {"stop", "carol"};
    const struct mly_literal elsewhere = literal(words("elsewhere")), mixed[] = {literal(words("x")), elsewhere};
    char texts[ALL_BYTES] = "";
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = both(&rig, not(&rig, in_texts(&rig, list, 2)),
                                    either(&rig, one(&rig, MLY_OP_GT, elsewhere), equals(&rig, words("Bob"))));
    e = both(&rig, e, mly_expr_test(&rig.arena, K, MLY_OP_IN, mixed, 2));

    assert_int_equal(mly_expr_texts(e, C, text_into, texts), MLY_OK);
    assert_string_equal(texts, "bob eve Bob ");
    texts[0] = '\0';
    assert_int_equal(mly_expr_texts(both(&rig, in_texts(&rig, stop, 2), e), C, text_into, texts), MLY_E_ARG);
    assert_string_equal(texts, "stop ");

    tear_down(&rig);
}

/* The key of a name is its length; "nobody" has none, "twins" have two, "broken" fails. */
static enum mly_status length_of(void *ctx, const char *text, uint32_t n_bytes, struct mly_buf *keys)
{
    const int64_t length[] = {n_bytes, 100 + (int64_t)n_bytes};
    (void)ctx;
    if (n_bytes == 6 && memcmp(text, "broken", 6) == 0)
        return MLY_E_REMOTE;
    if (n_bytes == 6 && memcmp(text, "nobody", 6) == 0)
        return MLY_OK;
    return mly_buf_append(keys, length, sizeof length[0] * (n_bytes == 5 && memcmp(text, "twins", 5) == 0 ? 2 : 1));
}

static const struct mly_expr *rekey(struct rig *rig, const struct mly_expr *e)
{
    return mly_expr_rekey(e, C, K, length_of, NULL, &rig->arena);
}

static enum mly_truth eval_key(const struct mly_expr *e, struct mly_value key)
{
    struct mly_value values[8] = {{.type = MLY_NULL}};
    values[K] = key;
    return mly_expr_eval(e, -1, values, ~(UINT64_C(1) << C));
}

static void a_test_of_names_becomes_one_of_keys(void **state)
{
    (void)state;
    static const char *const list[] = {"bob", "twins", "nobody"};
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = rekey(&rig, in_texts(&rig, list, 3));

    assert_int_equal(eval_key(e, whole(3)), MLY_YES);
    assert_int_equal(eval_key(e, whole(105)), MLY_YES);
    assert_int_equal(eval_key(e, whole(6)), MLY_NO);
    assert_int_equal(eval_key(e, nothing()), MLY_MAYBE);
    assert_int_equal(eval(e, words("bob")), MLY_YES); /* without a key the name counts */
    assert_int_equal(eval(e, words("joe")), MLY_NO);
    assert_int_equal(eval_key(not(&rig, e), whole(6)), MLY_YES);

    tear_down(&rig);
}

static void names_that_nobody_has_leave_the_rows_without_a_key(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = rekey(&rig, equals(&rig, words("nobody")));

    assert_int_equal(eval_key(e, whole(6)), MLY_NO);
    assert_int_equal(eval_key(e, nothing()), MLY_MAYBE);

    tear_down(&rig);
}

static void all_else_stays_what_it_was(void **state)
{
    (void)state;
    const struct mly_literal number = literal(whole(4)), bob = literal(words("bob"));
    char labels[ALL_BYTES] = "", texts[ALL_BYTES] = "";
    struct rig rig;
    struct mly_arena other;
    set_up(&rig);
    mly_arena_init(&other, &rig.mem.mem, 1 << 20);
    const struct mly_expr *e = either(
        &rig, both(&rig, mly_expr_test(&rig.arena, 0, MLY_OP_EQ, &number, 1), mly_expr_unknown(&rig.arena, "CAST")),
        both(&rig, not(&rig, one(&rig, MLY_OP_LT, bob)), equals(&rig, words("eve"))));

    const struct mly_expr *rekeyed = mly_expr_rekey(e, C, K, length_of, NULL, &other);
    mly_arena_fini(&rig.arena); /* nothing of the first tree is in the second */

    mly_expr_unknowns(rekeyed, label_into, labels);
    assert_string_equal(labels, "CAST ");
    assert_int_equal(mly_expr_texts(rekeyed, C, text_into, texts), MLY_OK);
    assert_string_equal(texts, "eve ");
    assert_true(mly_expr_columns(rekeyed) == (1 | 1 << C | 1 << K));
    assert_int_equal(mly_expr_count(rekeyed), 5);
    mly_arena_fini(&other);
    tear_down(&rig);
}

static void a_tree_of_the_greatest_depth_can_be_rekeyed(void **state)
{
    (void)state;
    char labels[ALL_BYTES] = "";
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *e = equals(&rig, words("bob"));
    for (int depth = 1; depth < MLY_EXPR_MAX_DEPTH; depth++)
        e = not(&rig, e);

    e = rekey(&rig, e);

    mly_expr_unknowns(e, label_into, labels);
    assert_string_equal(labels, "");
    assert_int_equal(eval_key(e, whole(3)), MLY_NO); /* an odd number of NOTs */
    assert_int_equal(eval_key(e, whole(4)), MLY_YES);
    tear_down(&rig);
}

static void a_name_that_cannot_be_looked_up_gives_no_tree(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);

    assert_null(rekey(&rig, both(&rig, is_null(&rig), equals(&rig, words("broken")))));
    assert_null(rekey(&rig, both(&rig, equals(&rig, words("broken")), is_null(&rig))));

    tear_down(&rig);
}

/* ---- many rows with few values ---- */

struct noted {
    char text[64];
    unsigned outcome;
};

static unsigned note(void *ctx, uint32_t number, int column, const struct mly_expr *test)
{
    struct noted *noted = ctx;
    const size_t n = strlen(noted->text);
    (void)snprintf(noted->text + n, sizeof noted->text - n, "%u:%d ", number, column);
    assert_non_null(test);
    return noted->outcome;
}

static void tests_are_numbered_from_left_to_right(void **state)
{
    (void)state;
    struct noted noted = {.outcome = mly_expr_any_outcome()};
    const struct mly_expr_probe probe = {.outcome = note, .ctx = &noted};
    struct rig rig;
    set_up(&rig);
    const struct mly_expr *tests[4];
    for (int i = 0; i < 4; i++)
        tests[i] = mly_expr_test(&rig.arena, 10 + i, MLY_OP_IS_NULL, NULL, 0);
    const struct mly_expr *l = both(&rig, tests[0], mly_expr_unknown(&rig.arena, "x"));
    const struct mly_expr *e = either(&rig, both(&rig, l, not(&rig, tests[1])), both(&rig, tests[2], tests[3]));

    assert_int_equal(mly_expr_count(e), 4);
    assert_int_equal(mly_expr_decide(e, &probe), MLY_MAYBE);
    assert_string_equal(noted.text, "0:10 1:11 2:12 3:13 ");

    noted = (struct noted){.outcome = mly_expr_outcome(tests[0], whole(1))};
    assert_int_equal(mly_expr_decide(e, &probe), MLY_NO);
    assert_string_equal(noted.text, "0:10 2:12 "); /* what is false on the left of an AND decides it */
    tear_down(&rig);
}

static void outcomes_can_be_kept_in_a_byte(void **state)
{
    (void)state;
    const struct mly_value values[] = {nothing(), whole(1), real(1.5), words("a"), moment(5)};
    struct rig rig;
    set_up(&rig);
    for (size_t i = 0; i < COUNT(values); i++) {
        for (int op = MLY_OP_EQ; op <= MLY_OP_ILIKE; op++) {
            for (size_t k = 0; k < COUNT(values); k++) {
                const unsigned outcome = mly_expr_outcome(one(&rig, (enum mly_op)op, literal(values[i])), values[k]);
                assert_true(outcome > 0 && outcome < 256);
            }
        }
    }
    assert_true(mly_expr_any_outcome() > 0 && mly_expr_any_outcome() < 256);
    tear_down(&rig);
}

/* ---- memory ---- */

/* One of everything. False: the arena refused, and the end shows it. */
static bool build_all(struct rig *rig)
{
    static const char *const names[] = {"bob", "eve"};
    static const int64_t list[] = {2, 1};
    const struct mly_expr *e = both(rig, in_texts(rig, names, 2), not(rig, mly_expr_unknown(&rig->arena, "CAST")));
    e = either(rig, e, both(rig, in_wholes(rig, list, 2), not(rig, always(rig, false))));
    e = e ? rekey(rig, e) : NULL;
    if (!e)
        return false;
    const enum mly_status status = mly_expr_demand(either(rig, in_wholes(rig, list, 2), in_wholes(rig, list, 2)), C,
                                                   &rig->out);
    assert_true(status == MLY_OK || status == MLY_E_NOMEM);
    return status == MLY_OK;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    bool is_whole = false;
    size_t k = 0;
    for (; !is_whole; k++) {
        struct rig rig;
        set_up(&rig);
        fail_mem_init_failing(&rig.mem, k, 1);

        is_whole = build_all(&rig);

        assert_int_equal(is_whole, rig.mem.n_failed == 0);
        tear_down(&rig);
    }
    assert_true(k > 4);
}

static void any_ceiling_of_the_arena_may_be_too_low(void **state)
{
    (void)state;
    bool is_whole = false;
    for (size_t ceiling = 0; !is_whole; ceiling += 16) {
        struct rig rig;
        set_up(&rig);
        rig.arena.limit = ceiling;

        assert_true(ceiling < 100000);
        const struct mly_expr *e = both(&rig, equals(&rig, words("bob")), in_texts(&rig, &(const char *){"eve"}, 1));
        e = either(&rig, e, not(&rig, mly_expr_unknown(&rig.arena, "CAST")));
        e = e ? rekey(&rig, e) : NULL;
        is_whole = e != NULL;

        assert_int_equal(rig.arena.trouble, is_whole ? MLY_OK : MLY_E_LIMIT);
        tear_down(&rig);
    }
}

static void a_demand_that_is_too_large_for_its_buffer_is_refused(void **state)
{
    (void)state;
    static const int64_t list[] = {1, 2, 3};
    struct rig rig;
    set_up(&rig);
    rig.out.limit = 2 * sizeof(struct mly_value);

    assert_int_equal(mly_expr_demand(in_wholes(&rig, list, 3), C, &rig.out), MLY_E_LIMIT);

    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_compared_by_each_operator),
        cmocka_unit_test(whole_numbers_are_not_rounded_but_beside_real_ones),
        cmocka_unit_test(truths_are_whole_numbers),
        cmocka_unit_test(texts_are_compared_without_regard_to_case),
        cmocka_unit_test(texts_beyond_ascii_are_left_open),
        cmocka_unit_test(the_letter_i_has_two_cases_but_not_everywhere),
        cmocka_unit_test(patterns_match_runs_and_single_characters),
        cmocka_unit_test(like_that_matches_but_for_case_is_left_open),
        cmocka_unit_test(a_run_beside_a_run_matches_in_some_versions_only),
        cmocka_unit_test(a_pattern_of_many_runs_ends_in_time),
        cmocka_unit_test(a_moment_holds_for_all_that_the_literal_may_stand_for_or_is_left_open),
        cmocka_unit_test(what_does_not_compare_is_left_open),
        cmocka_unit_test(a_long_list_finds_what_is_in_it_and_nothing_else),
        cmocka_unit_test(the_fid_is_always_known),
        cmocka_unit_test(the_fid_of_a_row_without_an_id_may_be_null),
        cmocka_unit_test(nothing_passes_no_comparison_and_not_of_it_depends_on_the_version),
        cmocka_unit_test(what_is_no_comparison_may_be_null_and_decide_an_or),
        cmocka_unit_test(it_does_so_anywhere_in_a_chain_of_ors),
        cmocka_unit_test(an_unknown_matters_only_where_nothing_else_decides),
        cmocka_unit_test(a_column_that_is_not_known_could_be_anything),
        cmocka_unit_test(constants_are_folded),
        cmocka_unit_test(a_tree_that_is_too_deep_is_unknown),
        cmocka_unit_test(exact_is_what_no_row_leaves_open),
        cmocka_unit_test(columns_and_unknowns_are_named),
        cmocka_unit_test(a_column_that_is_to_equal_something_demands_it),
        cmocka_unit_test(and_intersects_and_or_unites),
        cmocka_unit_test(a_real_number_demands_the_whole_one_that_it_is),
        cmocka_unit_test(texts_are_demanded_as_spelled),
        cmocka_unit_test(texts_are_named_wherever_they_are_compared),
        cmocka_unit_test(a_test_of_names_becomes_one_of_keys),
        cmocka_unit_test(names_that_nobody_has_leave_the_rows_without_a_key),
        cmocka_unit_test(all_else_stays_what_it_was),
        cmocka_unit_test(a_tree_of_the_greatest_depth_can_be_rekeyed),
        cmocka_unit_test(a_name_that_cannot_be_looked_up_gives_no_tree),
        cmocka_unit_test(tests_are_numbered_from_left_to_right),
        cmocka_unit_test(outcomes_can_be_kept_in_a_byte),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(any_ceiling_of_the_arena_may_be_too_low),
        cmocka_unit_test(a_demand_that_is_too_large_for_its_buffer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
