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
#include "support/plain_sql.h"

struct rig {
    struct fail_mem mem;
    struct mly_arena arena;
    struct chance chance;
    struct plain_forest forest;
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
    rig->forest.is_plain = is_plain;
    plain_plant(&rig->forest, &rig->chance);
    rig->expr = plain_build(&rig->arena, rig->forest.root);
    assert_non_null(rig->expr);
}

static void tear_down(struct rig *rig)
{
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

/* ---- the law ---- */

enum { N_ROWS = 12 };

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
            const struct plain_sample sample = plain_random_sample(&rig.chance);
            const enum mly_truth truth = mly_expr_eval(rig.expr, sample.fid, sample.values, PLAIN_ALL_KNOWN);
            n_seen[truth]++;
            plain_check_law(rig.forest.root, &sample, PLAIN_ALL_KNOWN, truth, &rig.chance);
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
            const uint64_t known = chance_next(&rig.chance) & PLAIN_ALL_KNOWN;
            const struct plain_sample sample = plain_random_sample(&rig.chance), hidden = plain_hide(sample, known);
            const enum mly_truth truth = mly_expr_eval(rig.expr, hidden.fid, hidden.values, known);
            n_seen[truth]++;
            plain_check_law(rig.forest.root, &sample, known, truth, &rig.chance);
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
        const uint64_t known = round % 3 ? PLAIN_ALL_KNOWN : chance_next(&rig.chance) & PLAIN_ALL_KNOWN;
        const bool is_exact = mly_expr_is_exact(rig.expr, known);
        n_exact += is_exact;
        for (int i = 0; i < N_ROWS; i++) {
            const struct plain_sample sample = plain_random_sample(&rig.chance), hidden = plain_hide(sample, known);
            const enum mly_truth truth = mly_expr_eval(rig.expr, hidden.fid, hidden.values, known);
            assert_false(is_exact && truth == MLY_MAYBE);
            n_doubts += truth == MLY_MAYBE;
        }
    }
    assert_true(n_exact > rounds / 10 && n_doubts > rounds / 10);
    tear_down(&rig);
}

/* ---- demands ---- */

static void a_row_that_passes_has_a_value_that_is_demanded(void **state)
{
    (void)state;
    static const int columns[] = {MLY_EXPR_FID, PLAIN_WHOLE, PLAIN_TEXT, PLAIN_KEY, PLAIN_NAME};
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
        plain_check_each_once(&demanded);
        for (int i = 0; status == MLY_OK && i < 100; i++) {
            const struct plain_dialect dialect = plain_random_dialect(&rig.chance);
            const struct plain_sample sample = plain_random_sample(&rig.chance);
            if (plain_say(&dialect, rig.forest.root, &sample) != PLAIN_SAYS_TRUE)
                continue;
            n_kept++;
            assert_true(plain_is_among(&dialect, column < 0 ? whole(sample.fid) : sample.values[column], &demanded));
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
    const struct plain_dialect dialect = {.knows_null = true};
    const struct mly_literal asked = literal((struct mly_value){.as.text = text, .n_bytes = n_bytes, .type = MLY_TEXT});
    for (size_t i = 0; i < COUNT(users); i++) {
        int sign = 1;
        if (plain_compare(&dialect, words(users[i].name), &asked, false, &sign) && sign == 0)
            MLY_TRY(mly_buf_append(keys, &users[i].key, sizeof users[i].key));
    }
    return MLY_OK;
}

static void a_key_tells_the_same_as_the_name(void **state)
{
    (void)state;
    struct rig rig;
    unsigned long n_kept = 0, n_refused = 0;
    const uint64_t known = PLAIN_ALL_KNOWN & ~(UINT64_C(1) << PLAIN_NAME);
    set_up(&rig, 5);
    const unsigned long rounds = chance_rounds(10000);
    for (unsigned long round = 0; round < rounds; round++) {
        plant(&rig, false);
        const struct mly_expr *rekeyed = mly_expr_rekey(rig.expr, PLAIN_NAME, PLAIN_KEY, keys_of, NULL, &rig.arena);
        assert_non_null(rekeyed);
        for (int i = 0; i < N_ROWS; i++) {
            struct plain_dialect dialect = plain_random_dialect(&rig.chance);
            struct plain_sample sample = plain_random_sample(&rig.chance);
            const size_t user = chance_below(&rig.chance, COUNT(users) + 1);
            dialect.is_turkish = dialect.folds_beyond_ascii = false;
            sample.values[PLAIN_KEY] = user < COUNT(users) ? whole(users[user].key) : nothing();
            if (user < COUNT(users))
                sample.values[PLAIN_NAME] = words(users[user].name);
            const struct plain_sample hidden = plain_hide(sample, known);
            const enum mly_truth truth = mly_expr_eval(rekeyed, hidden.fid, hidden.values, known);
            const bool is_kept = plain_say(&dialect, rig.forest.root, &sample) == PLAIN_SAYS_TRUE;
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
