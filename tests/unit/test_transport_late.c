/* SPDX-License-Identifier: MIT */
#include "io/transports.h"

#include "support/fail_mem.h"
#include "support/fake_clock.h"
#include "support/script_transport.h"

/* A script that is made late, and how often it was. */
struct bench {
    struct fail_mem mem;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_transport *late;
    struct mly_error err;
    enum mly_status refusal; /* of the maker; MLY_OK: it makes one */
    size_t n_made;
};

static enum mly_status make(void *ctx, struct mly_transport **out, struct mly_error *err)
{
    struct bench *bench = ctx;
    if (bench->refusal < 0)
        return mly_fail(err, bench->refusal, "no way out");
    bench->n_made++;
    *out = &bench->script.base;
    return MLY_OK;
}

static void begin(struct bench *bench)
{
    *bench = (struct bench){.late = NULL};
    fail_mem_init(&bench->mem);
    fake_clock_init(&bench->clock, 1000);
    script_init(&bench->script, &bench->mem.mem, &bench->clock);
    bench->script.secret = "hush";
    assert_status(mly_transport_late(make, bench, &bench->mem.mem, &bench->late, &bench->err), MLY_OK, &bench->err);
}

static void end(struct bench *bench)
{
    mly_transport_free(bench->late);
    assert_int_equal(bench->script.n_destroyed, bench->n_made);
    assert_script_is_used_up(&bench->script);
    assert_nothing_leaks(&bench->mem);
}

static enum mly_status submit(struct bench *bench, uint64_t ticket)
{
    const struct mly_request request = {.ticket = ticket, .key = "a thing", .max_bytes = 10};
    return bench->late->vtbl->submit(bench->late, &request, &bench->err);
}

static enum mly_status poll(struct bench *bench, uint32_t timeout_ms, struct mly_response *out)
{
    return bench->late->vtbl->poll(bench->late, timeout_ms, out, &bench->err);
}

static void without_a_request_nothing_is_made(void **state)
{
    (void)state;
    char text[] = "hush";
    struct mly_response response;
    struct bench bench;
    begin(&bench);

    assert_status(poll(&bench, 1000, &response), MLY_DONE, &bench.err);
    bench.late->vtbl->reset(bench.late);
    mly_transport_mask(bench.late, text);

    assert_int_equal(bench.n_made, 0);
    assert_int_equal(bench.clock.now_ms, 1000);
    assert_string_equal(text, "hush");
    end(&bench);
}

static void the_first_request_makes_what_answers_all(void **state)
{
    (void)state;
    struct mly_response response;
    struct bench bench;
    begin(&bench);
    for (uint64_t ticket = 1; ticket <= 3; ticket++) {
        script_add(&bench.script, (struct script_answer){.key = "a thing", .after_ms = 200});
        assert_status(submit(&bench, ticket), MLY_OK, &bench.err);
        assert_status(poll(&bench, 50, &response), MLY_AGAIN, &bench.err);
        assert_status(poll(&bench, 150, &response), MLY_OK, &bench.err);
        assert_int_equal(response.ticket, ticket);
        mly_transport_fini_response(&response);
        assert_status(poll(&bench, 1000, &response), MLY_DONE, &bench.err);
    }
    assert_int_equal(bench.n_made, 1);
    end(&bench);
}

static void once_made_it_is_reset_and_masks(void **state)
{
    (void)state;
    char text[] = "hush";
    struct mly_response response;
    struct bench bench;
    begin(&bench);
    script_add(&bench.script, (struct script_answer){.key = "a thing"});
    assert_status(submit(&bench, 1), MLY_OK, &bench.err);

    bench.late->vtbl->reset(bench.late);
    mly_transport_mask(bench.late, text);

    assert_status(poll(&bench, 1000, &response), MLY_DONE, &bench.err);
    assert_int_equal(bench.script.n_resets, 1);
    assert_string_equal(text, "****");
    end(&bench);
}

static void what_cannot_be_made_refuses_requests_until_it_can(void **state)
{
    (void)state;
    struct mly_response response;
    struct bench bench;
    begin(&bench);
    bench.refusal = MLY_E_IO;
    for (int round = 0; round < 2; round++) {
        assert_status(submit(&bench, 1), MLY_E_IO, NULL);
        assert_says(bench.err.text, "no way out");
        assert_status(poll(&bench, 1000, &response), MLY_DONE, &bench.err);
    }

    bench.refusal = MLY_OK;
    script_add(&bench.script, (struct script_answer){.key = "a thing"});
    assert_status(submit(&bench, 1), MLY_OK, &bench.err);
    assert_status(poll(&bench, 1000, &response), MLY_OK, &bench.err);
    mly_transport_fini_response(&response);
    end(&bench);
}

static void without_memory_there_is_no_transport(void **state)
{
    (void)state;
    struct mly_transport *late;
    struct fail_mem mem;
    fail_mem_init_failing(&mem, 0, 1);
    assert_status(mly_transport_late(make, NULL, &mem.mem, &late, NULL), MLY_E_NOMEM, NULL);
    assert_nothing_leaks(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_request_nothing_is_made),
        cmocka_unit_test(the_first_request_makes_what_answers_all),
        cmocka_unit_test(once_made_it_is_reset_and_masks),
        cmocka_unit_test(what_cannot_be_made_refuses_requests_until_it_can),
        cmocka_unit_test(without_memory_there_is_no_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
