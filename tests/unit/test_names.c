/* SPDX-License-Identifier: MIT */
/* Names of creators in a filter, and a service that knows some of them. */
#include "core/names.h"

#include <string.h>

#include "core/ids.h"
#include "support/fail_mem.h"
#include "support/fake_graph.h"
#include "support/hamlet.h"
#include "support/literals.h"

enum { MAX_NAMES = 8 };

/* What the service says to a name. */
struct user {
    const char *name;  /* as it stands in an address */
    const char *spelt; /* as the service spells it; NULL: its answer does not say */
    int64_t id;
    bool is_unknown;   /* an empty list */
    unsigned n_broken; /* so many answers have an image without a creator */
    int http, code;    /* it refuses; 0: it does not */
};

struct rig {
    struct fail_mem mem;
    struct mly_arena arena;
    struct mly_area area;
    struct mly_plan plan;
    struct mly_read_options options;
    struct fake_graph graph;
    struct mly_machine *machine;
    struct mly_error err;
    struct user users[MAX_NAMES];
    size_t n_users;
    char asked[MAX_NAMES * 2][64];
    size_t n_asked;
    const struct mly_plan *resolved;
};

/* ---- the service ---- */

static void answer(void *ctx, const struct mly_request *request, struct fake_answer *out)
{
    struct rig *rig = ctx;
    char name[64];
    assert_true(fake_graph_parameter(request, "creator_username=", '&', name, sizeof name));
    assert_true(rig->n_asked < COUNT(rig->asked));
    memcpy(rig->asked[rig->n_asked++], name, sizeof name);
    for (size_t i = 0; i < rig->n_users; i++) {
        struct user *user = &rig->users[i];
        if (strcmp(user->name, name) != 0)
            continue;
        if (user->http)
            fake_graph_refuse(out, user->http, user->code, 0, "no");
        else if (user->is_unknown)
            fake_graph_say(out, "{\"data\":[]}");
        else if (user->n_broken > 0 && user->n_broken--)
            fake_graph_say(out, "{\"data\":[{\"id\":\"1\"}]}");
        else if (user->spelt)
            fake_graph_say(out, "{\"data\":[{\"creator\":{\"id\":\"%lld\",\"username\":\"%s\"}}]}", (long long)user->id,
                           user->spelt);
        else
            fake_graph_say(out, "{\"data\":[{\"creator\":{\"id\":\"%lld\"}}]}", (long long)user->id);
        return;
    }
    fail_msg("nobody asked for %s", name);
}

/* A mly_make_fn: the machine that reads would begin here. */
static enum mly_status note_plan(const struct mly_plan *plan, const struct mly_read_options *options,
                                 struct mly_machine **out, struct mly_error *err)
{
    struct rig *rig = options->keep_ctx;
    const struct mly_ids_source nothing = {.kind = MLY_IDS_GIVEN};
    rig->resolved = plan;
    return mly_ids_new(&nothing, options, out, err);
}

/* ---- the rig ---- */

static void begin(struct rig *rig, uint64_t seed)
{
    memset(rig, 0, sizeof *rig);
    fail_mem_init(&rig->mem);
    mly_arena_init(&rig->arena, mly_mem_system(), 1 << 20);
    rig->graph = (struct fake_graph){.answer = answer, .ctx = rig, .chance = {.state = seed}};
}

static void add_user(struct rig *rig, struct user user)
{
    assert_true(rig->n_users < MAX_NAMES);
    rig->users[rig->n_users++] = user;
}

static int column(const char *name)
{
    return mly_schema_column(mly_schema_find("images"), name);
}

static const struct mly_expr *by_names(struct rig *rig, const char *const *names, uint32_t n)
{
    struct mly_literal literals[MAX_NAMES];
    for (uint32_t i = 0; i < n; i++)
        literals[i] = literal(words(names[i]));
    return mly_expr_test(&rig->arena, column("creator_username"), MLY_OP_IN, literals, n);
}

static enum mly_status start(struct rig *rig, const struct mly_expr *filter)
{
    rig->area = (struct mly_area){.box = mly_tile_box(hamlet_home)};
    const struct mly_query query = {.layer = mly_schema_find("images"),
                                    .filter = filter,
                                    .area = &rig->area,
                                    .max_tiles = 100,
                                    .max_requests = 100,
                                    .columns = UINT64_MAX};
    assert_status(mly_plan_make(&query, mly_mem_system(), &rig->plan, &rig->err), MLY_OK, &rig->err);
    rig->options = (struct mly_read_options){
        .mem = &rig->mem.mem, .graph_service = hamlet_graph_service, .max_in_flight = 3, .keep_ctx = rig};
    return mly_names_new(&rig->plan, &rig->options, note_plan, &rig->machine, &rig->err);
}

static enum mly_status run(struct rig *rig, const struct mly_expr *filter)
{
    struct mly_row row;
    const enum mly_status status = start(rig, filter);
    return status < 0 ? status : fake_graph_take(&rig->graph, rig->machine, &row, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_machine_free(rig->machine);
    mly_plan_fini(&rig->plan);
    mly_arena_fini(&rig->arena);
    assert_nothing_leaks(&rig->mem);
}

/* What the resolved filter says of a tile's row, of which the Graph's columns are not known. */
static enum mly_truth judge(const struct rig *rig, struct mly_value creator_id)
{
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS] = {{.type = MLY_NULL}};
    values[column("creator_id")] = creator_id;
    return mly_expr_eval(rig->resolved->filter, 1, values,
                         mly_schema_columns(mly_schema_find("images"), MLY_FROM_TILE));
}

/* ---- tests ---- */

static void a_name_becomes_a_number(void **state)
{
    (void)state;
    static const char *const names[] = {"ann"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9});

    assert_status(run(&rig, by_names(&rig, names, 1)), MLY_DONE, &rig.err);

    assert_int_not_equal(judge(&rig, whole(9)), MLY_NO);
    assert_int_equal(judge(&rig, whole(8)), MLY_NO);
    assert_int_equal(rig.n_asked, 1);
    tear_down(&rig);
}

static void rows_without_a_number_stay_candidates(void **state)
{
    (void)state;
    static const char *const names[] = {"ann"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9});

    assert_status(run(&rig, by_names(&rig, names, 1)), MLY_DONE, &rig.err);

    assert_int_equal(judge(&rig, nothing()), MLY_MAYBE);
    tear_down(&rig);
}

static void of_a_name_that_nobody_has_only_rows_without_a_number_stay(void **state)
{
    (void)state;
    static const char *const names[] = {"nobody"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "nobody", .is_unknown = true});

    assert_status(run(&rig, by_names(&rig, names, 1)), MLY_DONE, &rig.err);

    assert_int_equal(judge(&rig, whole(9)), MLY_NO);
    assert_int_equal(judge(&rig, nothing()), MLY_MAYBE);
    assert_int_equal(rig.resolved->n_creators, 0);
    tear_down(&rig);
}

static void each_name_is_asked_for_once_whatever_the_order_of_answers(void **state)
{
    (void)state;
    static const char *const names[] = {"ann", "bob", "cat", "ann"};
    for (uint64_t seed = 1; seed <= chance_rounds(50); seed++) {
        struct rig rig;
        begin(&rig, seed);
        add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9});
        add_user(&rig, (struct user){.name = "bob", .is_unknown = true});
        add_user(&rig, (struct user){.name = "cat", .spelt = "Cat", .id = 11});

        assert_status(run(&rig, by_names(&rig, names, COUNT(names))), MLY_DONE, &rig.err);

        assert_int_equal(rig.n_asked, 3);
        assert_int_equal(rig.resolved->n_creators, 2);
        assert_int_equal(rig.resolved->creators[0].id, 9); /* in the filter's order */
        assert_int_equal(rig.resolved->creators[1].id, 11);
        assert_int_not_equal(judge(&rig, whole(11)), MLY_NO);
        assert_int_equal(judge(&rig, whole(10)), MLY_NO);
        tear_down(&rig);
    }
}

static void spellings_of_one_name_are_asked_for_each(void **state)
{
    (void)state;
    static const char *const names[] = {"ann", "Ann"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .is_unknown = true});
    add_user(&rig, (struct user){.name = "Ann", .spelt = "Ann", .id = 9});

    assert_status(run(&rig, by_names(&rig, names, 2)), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_asked, 2);
    assert_int_not_equal(judge(&rig, whole(9)), MLY_NO);
    tear_down(&rig);
}

static void the_service_s_spelling_is_kept_or_else_the_filter_s(void **state)
{
    (void)state;
    static const char *const names[] = {"ann", "bob"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .spelt = "aNN", .id = 9});
    add_user(&rig, (struct user){.name = "bob", .id = 10});

    assert_status(run(&rig, by_names(&rig, names, 2)), MLY_DONE, &rig.err);

    assert_int_equal(rig.resolved->n_creators, 2);
    assert_memory_equal(rig.resolved->creators[0].name, "aNN", 3);
    assert_memory_equal(rig.resolved->creators[1].name, "bob", 3);
    tear_down(&rig);
}

static void all_else_of_the_plan_stays_as_it_was(void **state)
{
    (void)state;
    static const char *const names[] = {"ann"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9});

    assert_status(run(&rig, by_names(&rig, names, 1)), MLY_DONE, &rig.err);

    assert_int_equal(rig.resolved->source, MLY_SOURCE_TILES);
    assert_int_equal(rig.resolved->cover.n_tiles, rig.plan.cover.n_tiles);
    assert_int_equal(rig.resolved->names.size, 0); /* so that nobody asks again */
    assert_int_equal(rig.resolved->graph_columns, rig.plan.graph_columns);
    tear_down(&rig);
}

static void a_name_beside_other_tests_decides_only_its_own(void **state)
{
    (void)state;
    static const char *const names[] = {"ann"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9});
    const struct mly_literal seven = literal(whole(7));
    const struct mly_expr *other = mly_expr_test(&rig.arena, column("creator_id"), MLY_OP_EQ, &seven, 1);

    assert_status(run(&rig, mly_expr_or(&rig.arena, by_names(&rig, names, 1), other)), MLY_DONE, &rig.err);

    assert_int_not_equal(judge(&rig, whole(9)), MLY_NO);
    assert_int_not_equal(judge(&rig, whole(7)), MLY_NO);
    assert_int_equal(judge(&rig, whole(8)), MLY_NO);
    tear_down(&rig);
}

static void an_image_without_its_creator_is_asked_for_once_more(void **state)
{
    (void)state;
    static const char *const names[] = {"ann"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9, .n_broken = 1});

    assert_status(run(&rig, by_names(&rig, names, 1)), MLY_DONE, &rig.err);

    assert_int_equal(rig.n_asked, 2);
    assert_int_not_equal(judge(&rig, whole(9)), MLY_NO);
    tear_down(&rig);
}

static void twice_without_its_creator_is_a_failure_that_names_the_request(void **state)
{
    (void)state;
    static const char *const names[] = {"ann"};
    struct rig rig;
    begin(&rig, 1);
    add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9, .n_broken = 2});

    assert_status(run(&rig, by_names(&rig, names, 1)), MLY_E_CORRUPT, &rig.err);

    assert_says(rig.err.text, "without its creator");
    assert_says(rig.err.text, "ann");
    assert_null(rig.resolved);
    tear_down(&rig);
}

static void a_service_that_refuses_ends_the_read(void **state)
{
    (void)state;
    static const struct {
        int http, code;
        enum mly_status status;
    } refusals[] = {{400, 190, MLY_E_AUTH}, {400, 100, MLY_E_REMOTE}, {302, 0, MLY_E_QUOTA}, {500, 2, MLY_E_REMOTE}};
    static const char *const names[] = {"ann"};
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct rig rig;
        begin(&rig, 1);
        add_user(&rig, (struct user){.name = "ann", .http = refusals[i].http, .code = refusals[i].code});

        assert_status(run(&rig, by_names(&rig, names, 1)), refusals[i].status, &rig.err);

        assert_null(rig.resolved);
        tear_down(&rig);
    }
}

static void nothing_is_asked_before_something_is_wanted(void **state)
{
    (void)state;
    static const char *const names[] = {"ann"};
    struct mly_row row;
    struct rig rig;
    begin(&rig, 1);

    assert_status(start(&rig, by_names(&rig, names, 1)), MLY_OK, &rig.err);
    assert_status(mly_machine_take(rig.machine, &row, &rig.err), MLY_AGAIN, &rig.err);

    assert_int_equal(rig.n_asked, 0);
    tear_down(&rig);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"ann", "bob"};
    size_t n_failed = 1, k = 0;
    for (; n_failed > 0; k++) {
        struct rig rig;
        begin(&rig, 1);
        add_user(&rig, (struct user){.name = "ann", .spelt = "ann", .id = 9});
        add_user(&rig, (struct user){.name = "bob", .id = 10});
        rig.mem.first_failure = k;
        rig.mem.n_failures = 1;

        const enum mly_status status = run(&rig, by_names(&rig, names, 2));

        n_failed = rig.mem.n_failed;
        assert_status(status, n_failed ? MLY_E_NOMEM : MLY_DONE, &rig.err);
        tear_down(&rig);
    }
    assert_true(k > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_becomes_a_number),
        cmocka_unit_test(rows_without_a_number_stay_candidates),
        cmocka_unit_test(of_a_name_that_nobody_has_only_rows_without_a_number_stay),
        cmocka_unit_test(each_name_is_asked_for_once_whatever_the_order_of_answers),
        cmocka_unit_test(spellings_of_one_name_are_asked_for_each),
        cmocka_unit_test(the_service_s_spelling_is_kept_or_else_the_filter_s),
        cmocka_unit_test(all_else_of_the_plan_stays_as_it_was),
        cmocka_unit_test(a_name_beside_other_tests_decides_only_its_own),
        cmocka_unit_test(an_image_without_its_creator_is_asked_for_once_more),
        cmocka_unit_test(twice_without_its_creator_is_a_failure_that_names_the_request),
        cmocka_unit_test(a_service_that_refuses_ends_the_read),
        cmocka_unit_test(nothing_is_asked_before_something_is_wanted),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
