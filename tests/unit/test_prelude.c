/* SPDX-License-Identifier: MIT */
/* A part that finds out and a machine that reads, both made up: who is asked what, and when. */
#include "core/prelude.h"

#include <string.h>

#include "support/check.h"
#include "support/fail_mem.h"

static const struct mly_plan found = {.max_tiles = 7};

struct rig {
    struct fail_mem mem;
    struct mly_read_options options;
    struct mly_machine *machine;
    struct mly_error err;
    enum mly_status step, made; /* what they answer */
    size_t n_part_wants, n_part_feeds, n_part_destroyed;
    size_t n_inner_wants, n_inner_feeds, n_inner_takes, n_inner_destroyed;
    const struct mly_plan *plan; /* that the inner machine was made for */
};

/* ---- the part ---- */

static enum mly_status part_want(void *self, struct mly_request *out, struct mly_error *err)
{
    struct rig *rig = self;
    (void)err;
    rig->n_part_wants++;
    out->ticket = 1;
    return MLY_OK;
}

static enum mly_status part_feed(void *self, struct mly_response *response, struct mly_error *err)
{
    struct rig *rig = self;
    rig->n_part_feeds++;
    return response->http == 200 ? MLY_OK : mly_fail(err, MLY_E_QUOTA, "refused");
}

static enum mly_status part_step(void *self, const struct mly_plan **plan, struct mly_error *err)
{
    struct rig *rig = self;
    *plan = &found;
    return rig->step < 0 ? mly_fail(err, rig->step, "nothing was found out") : rig->step;
}

static void part_destroy(void *self)
{
    struct rig *rig = self;
    rig->n_part_destroyed++;
    assert_int_equal(rig->n_inner_destroyed, rig->plan != NULL); /* whoever borrows the plan goes first */
}

/* ---- the machine ---- */

struct inner {
    struct mly_machine base;
    struct rig *rig;
};

static enum mly_status inner_want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    (void)err;
    out->ticket = 2;
    ((struct inner *)m)->rig->n_inner_wants++;
    return MLY_OK;
}

static enum mly_status inner_feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    (void)response;
    (void)err;
    ((struct inner *)m)->rig->n_inner_feeds++;
    return MLY_OK;
}

static enum mly_status inner_take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    (void)err;
    *out = (struct mly_row){.id = 5};
    return ((struct inner *)m)->rig->n_inner_takes++ == 0 ? MLY_OK : MLY_DONE;
}

static enum mly_status inner_find(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err)
{
    (void)m;
    (void)err;
    *out = (struct mly_row){.id = id};
    return id == 5 ? MLY_OK : MLY_DONE;
}

static enum mly_status inner_tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    (void)m;
    return fn(ctx, (struct mly_tile){.x = 1, .y = 2, .z = 3});
}

static void inner_destroy(struct mly_machine *m)
{
    struct rig *rig = ((struct inner *)m)->rig;
    rig->n_inner_destroyed++;
    rig->mem.mem.release(rig->mem.mem.ctx, m);
}

/* A mly_make_fn. */
static enum mly_status make_inner(const struct mly_plan *plan, const struct mly_read_options *options,
                                  struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {.want = inner_want,
                                                 .feed = inner_feed,
                                                 .take = inner_take,
                                                 .find = inner_find,
                                                 .tiles = inner_tiles,
                                                 .destroy = inner_destroy};
    struct rig *rig = options->debug_ctx;
    if (rig->made < 0)
        return mly_fail(err, rig->made, "no machine");
    struct inner *inner = options->mem->alloc(options->mem->ctx, sizeof *inner);
    if (!inner)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *inner = (struct inner){.base = {.vtbl = &vtbl}, .rig = rig};
    rig->plan = plan;
    *out = &inner->base;
    return MLY_OK;
}

/* ---- the rig ---- */

static enum mly_status start(struct rig *rig)
{
    const struct mly_prelude_part part = {
        .self = rig, .want = part_want, .feed = part_feed, .step = part_step, .destroy = part_destroy};
    rig->options = (struct mly_read_options){.mem = &rig->mem.mem, .max_in_flight = 1, .debug_ctx = rig};
    return mly_prelude_new(&part, &rig->options, make_inner, &rig->machine, &rig->err);
}

static void set_up(struct rig *rig)
{
    *rig = (struct rig){.step = MLY_AGAIN};
    fail_mem_init(&rig->mem);
    assert_status(start(rig), MLY_OK, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_machine_free(rig->machine);
    assert_int_equal(rig->n_part_destroyed, 1);
    assert_nothing_leaks(&rig->mem);
}

static enum mly_status take(struct rig *rig)
{
    struct mly_row row;
    return mly_machine_take(rig->machine, &row, &rig->err);
}

static enum mly_status count_tile(void *ctx, struct mly_tile tile)
{
    (void)tile;
    ++*(size_t *)ctx;
    return MLY_OK;
}

/* ---- tests ---- */

static void until_it_has_found_out_the_part_asks_and_is_answered(void **state)
{
    (void)state;
    struct mly_request request;
    struct mly_response response = {.ticket = 1, .http = 200};
    struct rig rig;
    set_up(&rig);

    assert_status(take(&rig), MLY_AGAIN, &rig.err);
    assert_status(mly_machine_want(rig.machine, &request, &rig.err), MLY_OK, &rig.err);
    assert_status(mly_machine_feed(rig.machine, &response, &rig.err), MLY_OK, &rig.err);
    assert_status(take(&rig), MLY_AGAIN, &rig.err);

    assert_int_equal(request.ticket, 1);
    assert_int_equal(rig.n_part_wants, 1);
    assert_int_equal(rig.n_part_feeds, 1);
    assert_null(rig.plan);
    tear_down(&rig);
}

static void then_the_machine_that_reads_the_plan_does(void **state)
{
    (void)state;
    struct mly_request request;
    struct mly_response response = {.ticket = 2, .http = 200};
    struct mly_row row;
    struct rig rig;
    set_up(&rig);
    rig.step = MLY_DONE;

    assert_status(mly_machine_take(rig.machine, &row, &rig.err), MLY_OK, &rig.err);
    assert_int_equal(row.id, 5);
    assert_status(mly_machine_want(rig.machine, &request, &rig.err), MLY_OK, &rig.err);
    assert_status(mly_machine_feed(rig.machine, &response, &rig.err), MLY_OK, &rig.err);
    assert_status(take(&rig), MLY_DONE, &rig.err);

    assert_ptr_equal(rig.plan, &found);
    assert_int_equal(request.ticket, 2);
    assert_int_equal(rig.n_inner_wants, 1);
    assert_int_equal(rig.n_inner_feeds, 1);
    assert_int_equal(rig.n_part_wants + rig.n_part_feeds, 0);
    tear_down(&rig);
}

static void before_there_is_a_machine_no_row_is_held(void **state)
{
    (void)state;
    struct mly_row row;
    size_t n_tiles = 0;
    struct rig rig;
    set_up(&rig);

    assert_status(mly_machine_find(rig.machine, 5, &row, &rig.err), MLY_DONE, NULL);
    assert_status(mly_machine_tiles(rig.machine, count_tile, &n_tiles), MLY_OK, NULL);

    assert_int_equal(n_tiles, 0);
    tear_down(&rig);
}

static void what_the_machine_holds_is_found(void **state)
{
    (void)state;
    struct mly_row row;
    size_t n_tiles = 0;
    struct rig rig;
    set_up(&rig);
    rig.step = MLY_DONE;
    assert_status(take(&rig), MLY_OK, &rig.err);

    assert_status(mly_machine_find(rig.machine, 5, &row, &rig.err), MLY_OK, NULL);
    assert_status(mly_machine_find(rig.machine, 6, &row, &rig.err), MLY_DONE, NULL);
    assert_status(mly_machine_tiles(rig.machine, count_tile, &n_tiles), MLY_OK, NULL);

    assert_int_equal(n_tiles, 1);
    tear_down(&rig);
}

static void a_part_that_fails_ends_the_read(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    rig.step = MLY_E_REMOTE;

    assert_status(take(&rig), MLY_E_REMOTE, &rig.err);

    assert_says(rig.err.text, "nothing was found out");
    assert_null(rig.plan);
    tear_down(&rig);
}

static void a_refusal_reaches_whoever_feeds(void **state)
{
    (void)state;
    struct mly_response response = {.ticket = 1, .http = 302};
    struct rig rig;
    set_up(&rig);

    assert_status(mly_machine_feed(rig.machine, &response, &rig.err), MLY_E_QUOTA, &rig.err);

    tear_down(&rig);
}

static void a_machine_that_cannot_be_made_ends_the_read(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig);
    rig.step = MLY_DONE;
    rig.made = MLY_E_LIMIT;

    assert_status(take(&rig), MLY_E_LIMIT, &rig.err);

    assert_says(rig.err.text, "no machine");
    tear_down(&rig);
}

static void without_memory_the_part_is_ended_all_the_same(void **state)
{
    (void)state;
    struct rig rig = {.step = MLY_AGAIN};
    fail_mem_init_failing(&rig.mem, 0, 1);

    assert_status(start(&rig), MLY_E_NOMEM, &rig.err);

    assert_null(rig.machine);
    assert_int_equal(rig.n_part_destroyed, 1);
    assert_nothing_leaks(&rig.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_it_has_found_out_the_part_asks_and_is_answered),
        cmocka_unit_test(then_the_machine_that_reads_the_plan_does),
        cmocka_unit_test(before_there_is_a_machine_no_row_is_held),
        cmocka_unit_test(what_the_machine_holds_is_found),
        cmocka_unit_test(a_part_that_fails_ends_the_read),
        cmocka_unit_test(a_refusal_reaches_whoever_feeds),
        cmocka_unit_test(a_machine_that_cannot_be_made_ends_the_read),
        cmocka_unit_test(without_memory_the_part_is_ended_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
