/* SPDX-License-Identifier: MIT */
#include "io/transports.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/request.h"
#include "support/fake_clock.h"
#include "support/script_transport.h"
#include "support/store_kit.h"

static const char scope[] = "https://graph.example";
enum { DAY_S = 86400 };
static const int64_t second = 1000, day_ms = DAY_S * INT64_C(1000);

static struct mly_span span_of(const char *text)
{
    return (struct mly_span){.data = (const uint8_t *)text, .size = strlen(text)};
}

struct bench {
    struct store_kit kit;
    struct fake_clock clock;
    struct script_transport script;
    struct mly_transport *top;
    uint64_t ticket; /* of the last request */
};

static void stack_up(struct bench *bench, bool any_age)
{
    struct mly_error err;
    script_init(&bench->script, &bench->kit.mem.mem, &bench->clock);
    bench->script.secret = "s3cr3t";
    assert_status(mly_transport_entities(&bench->script.base, bench->kit.store, scope, any_age, &bench->kit.mem.mem,
                                         &bench->top, &err),
                  MLY_OK, &err);
}

static void begin(struct bench *bench)
{
    *bench = (struct bench){.top = NULL};
    store_kit_begin(&bench->kit);
    store_kit_open(&bench->kit);
    fake_clock_init(&bench->clock, 1000);
    stack_up(bench, false);
}

static void unstack(struct bench *bench)
{
    mly_transport_free(bench->top);
    assert_int_equal(bench->script.n_destroyed, 1);
    assert_script_is_used_up(&bench->script);
}

static void end(struct bench *bench)
{
    unstack(bench);
    store_kit_end(&bench->kit);
}

static void expect(struct bench *bench, const char *key, int http, const char *body)
{
    script_add(&bench->script, (struct script_answer){.key = key, .http = http, .body = span_of(body)});
}

/* `ids` as they stand in the address. */
static struct mly_request request_of(struct bench *bench, const char *ids, const char *fields)
{
    struct mly_request request = {.ticket = ++bench->ticket, .kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
    (void)snprintf(request.key, sizeof request.key, "entities/any");
    (void)snprintf(request.url, sizeof request.url, "%s/?ids=%s&fields=%s", scope, ids, fields);
    return request;
}

static struct mly_response exchange(struct bench *bench, const struct mly_request *request)
{
    struct mly_error err;
    struct mly_response response = {.ticket = 0};
    assert_status(bench->top->vtbl->submit(bench->top, request, &err), MLY_OK, &err);
    assert_status(bench->top->vtbl->poll(bench->top, 1000, &response, &err), MLY_OK, &err);
    assert_true(response.ticket == request->ticket);
    assert_status(bench->top->vtbl->poll(bench->top, 0, &(struct mly_response){.ticket = 0}, &err), MLY_DONE, NULL);
    return response;
}

static void check_request(struct bench *bench, const struct mly_request *request, int http, const char *body)
{
    struct mly_response response = exchange(bench, request);
    assert_status(response.status, MLY_OK, NULL);
    assert_int_equal(response.http, http);
    assert_span(mly_buf_view(&response.body), body, strlen(body));
    mly_transport_fini_response(&response);
}

static void check(struct bench *bench, const char *ids, const char *fields, const char *body)
{
    const struct mly_request request = request_of(bench, ids, fields);
    check_request(bench, &request, 200, body);
}

static const char two[] = "{\"7\":{\"id\":\"7\",\"make\":\"Acme\",\"altitude\":1.50},"
                          "\"8\":{\"id\":\"8\",\"altitude\":null}}";
static const char two_printed[] = "{\"7\":{\"id\":\"7\",\"make\":\"Acme\",\"altitude\":1.50},"
                                  "\"8\":{\"id\":\"8\",\"altitude\":null}}";

static void an_entity_is_asked_for_once(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7+1", 200, two);

    check(&bench, "7,8", "make,altitude", two_printed);
    check(&bench, "7,8", "make,altitude", two_printed);

    assert_string_equal(bench.script.log[0].url, "https://graph.example/?ids=7,8&fields=make,altitude");
    end(&bench);
}

static void each_entity_and_each_field_serves_for_itself(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7+1", 200, two);
    expect(&bench, "entities/9", 200, "{\"9\":{\"id\":\"9\",\"make\":\"Nine\"}}");
    expect(&bench, "entities/8", 200, "{\"8\":{\"id\":\"8\",\"width\":4000}}");
    check(&bench, "7,8", "make,altitude", two_printed);

    check(&bench, "8", "altitude", "{\"8\":{\"id\":\"8\",\"altitude\":null}}");
    check(&bench, "9,7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"},\"9\":{\"id\":\"9\",\"make\":\"Nine\"}}");
    check(&bench, "8", "width", "{\"8\":{\"id\":\"8\",\"width\":4000}}");
    check(&bench, "8", "make,altitude,width", "{\"8\":{\"id\":\"8\",\"altitude\":null,\"width\":4000}}");

    assert_string_equal(bench.script.log[1].url, "https://graph.example/?ids=9&fields=make");
    end(&bench);
}

static void fields_age_for_themselves(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"old\"}}");
    expect(&bench, "entities/7", 200, "{\"7\":{\"model\":\"later\"}}");
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"new\"}}");
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"old\"}}");
    bench.kit.now_ms += day_ms - second;
    check(&bench, "7", "model", "{\"7\":{\"id\":\"7\",\"model\":\"later\"}}");
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"old\"}}");

    bench.kit.now_ms += 2 * second;

    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"new\"}}");
    check(&bench, "7", "model", "{\"7\":{\"id\":\"7\",\"model\":\"later\"}}");
    end(&bench);
}

static void a_signed_address_serves_until_it_ends(void **state)
{
    (void)state;
    static const char body[] = "{\"7\":{\"id\":\"7\",\"thumb\":\"https://x.example/a?oe=6554C000\"}}"; /* 2023-11-15 */
    struct bench bench;
    begin(&bench);
    bench.kit.now_ms = (INT64_C(0x6554C000) - 100) * second;
    expect(&bench, "entities/7", 200, body);
    expect(&bench, "entities/7", 200, "{\"7\":{\"thumb\":\"fresh\"}}");
    check(&bench, "7", "thumb", body);
    bench.kit.now_ms += 99 * second;
    check(&bench, "7", "thumb", body);
    bench.kit.now_ms += second;
    check(&bench, "7", "thumb", "{\"7\":{\"id\":\"7\",\"thumb\":\"fresh\"}}");
    end(&bench);

    begin(&bench);
    bench.kit.now_ms = (INT64_C(0x6554C000) + 100) * second; /* our clock is late, or theirs: it is as good as any */
    expect(&bench, "entities/7", 200, body);
    check(&bench, "7", "thumb", body);
    check(&bench, "7", "thumb", body);
    end(&bench);
}

static void offline_fields_of_any_age_serve(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"old\"}}");
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"old\"}}");
    unstack(&bench);
    bench.kit.now_ms += INT64_C(1000) * day_ms;

    stack_up(&bench, true);
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"old\"}}");
    end(&bench);
}

static void offline_an_address_that_has_ended_is_left_out(void **state)
{
    (void)state;
    static const char body[] = "{\"7\":{\"id\":\"7\",\"make\":\"Acme\",\"thumb\":\"https://x.example/a?oe=6554C000\"}}";
    struct bench bench;
    begin(&bench);
    bench.kit.now_ms = (INT64_C(0x6554C000) - 100) * second;
    expect(&bench, "entities/7", 200, body);
    check(&bench, "7", "make,thumb", body);
    unstack(&bench);
    bench.kit.now_ms += day_ms;

    stack_up(&bench, true);
    check(&bench, "7", "make,thumb", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    end(&bench);
}

static void offline_what_is_there_serves_and_the_rest_is_asked_about_alone(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"Acme\"}}");
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    unstack(&bench);

    stack_up(&bench, true);
    check(&bench, "7,8", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    script_add(&bench.script,
               (struct script_answer){.key = "entities/8", .status = MLY_E_REMOTE, .why = "not in the cache"});
    const struct mly_request request = request_of(&bench, "8", "make");
    struct mly_response response = exchange(&bench, &request);
    assert_status(response.status, MLY_E_REMOTE, NULL);
    mly_transport_fini_response(&response);
    end(&bench);
}

static const char unknown[] = "{\"error\":{\"code\":100,\"error_subcode\":33,\"message\":\"Object does not exist\"}}";

static void that_an_entity_is_unknown_is_known_for_ten_minutes(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7", 400, unknown);
    expect(&bench, "entities/7", 400, unknown);
    struct mly_request request = request_of(&bench, "7", "make");
    check_request(&bench, &request, 400, unknown);
    check(&bench, "7", "make", "{}");
    bench.kit.now_ms += MLY_STORE_TTL_404_S * second;

    request = request_of(&bench, "7", "make");
    check_request(&bench, &request, 400, unknown);
    end(&bench);
}

static void what_was_known_of_an_entity_outlasts_that_it_is_gone(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"Acme\"}}");
    expect(&bench, "entities/7", 400, unknown);
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    const struct mly_request request = request_of(&bench, "7", "model");
    check_request(&bench, &request, 400, unknown);
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    end(&bench);
}

static void one_unknown_entity_does_not_spoil_what_is_known(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7+1", 200, two);
    expect(&bench, "entities/6", 400, unknown);
    check(&bench, "7,8", "make,altitude", two_printed);

    check(&bench, "6,7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    check(&bench, "6", "make", "{}");
    end(&bench);
}

static void silence_counts_only_when_it_was_asked_about_alone(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/6+1", 200, "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    expect(&bench, "entities/6", 200, "{}");
    check(&bench, "6,7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    check(&bench, "6", "make", "{}"); /* asked */
    check(&bench, "6", "make", "{}"); /* not asked */
    end(&bench);
}

static void refusals_pass_through_and_are_not_kept(void **state)
{
    (void)state;
    static const struct {
        int http;
        const char *body;
    } answers[] = {
        {400, "{\"error\":{\"code\":100,\"error_subcode\":33}}"}, /* of several: which one is not known */
        {400, "{\"error\":{\"code\":100,\"message\":\"no such field\"}}"},
        {500, "{\"error\":{\"code\":1}}"},
        {200, "{\"error\":\"words\"}"},
        {200, "<html>"},
        {200, "{\"7\":{\"make\":1}"},
        {429, ""},
    };
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct bench bench;
        begin(&bench);
        for (int round = 0; round < 2; round++) {
            expect(&bench, "entities/7+1", answers[i].http, answers[i].body);
            const struct mly_request request = request_of(&bench, "7,8", "make");
            check_request(&bench, &request, answers[i].http, answers[i].body);
        }
        end(&bench);
    }
}

static void what_is_no_request_for_entities_passes_through(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int round = 0; round < 2; round++) {
        struct mly_request request = {.ticket = ++bench.ticket, .kind = MLY_REQUEST_GRAPH, .max_bytes = MLY_LIMIT_JSON};
        (void)snprintf(request.key, sizeof request.key, "7/detections");
        (void)snprintf(request.url, sizeof request.url, "%s/7/detections?fields=value", scope);
        expect(&bench, "7/detections", 200, "{\"data\":[]}");
        check_request(&bench, &request, 200, "{\"data\":[]}");
    }
    end(&bench);
}

static void a_fresh_request_goes_past_the_store_and_replaces_what_is_there(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"old\"}}");
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"new\"}}");
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"old\"}}");

    struct mly_request request = request_of(&bench, "7", "make");
    request.fresh = true;
    check_request(&bench, &request, 200, "{\"7\":{\"id\":\"7\",\"make\":\"new\"}}");

    assert_true(bench.script.log[1].fresh);
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"new\"}}");
    end(&bench);
}

static void an_answer_that_holds_the_token_is_not_kept(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int round = 0; round < 2; round++) {
        expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"it is s3cr3t\"}}");
        check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"it is s3cr3t\"}}");
    }
    end(&bench);
}

static void a_damaged_record_is_asked_for_anew(void **state)
{
    (void)state;
    static const char *const records[] = {"", "1700000000000 0 make", "99 0 make 1\n", "no record at all\n"};
    for (size_t i = 0; i < COUNT(records); i++) {
        struct bench bench;
        begin(&bench);
        const struct mly_entry_name name = {.scope = scope, .key = "entity/7"};
        assert_status(mly_store_put(bench.kit.store, &name, 200, span_of(records[i])), MLY_OK, NULL);
        expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"new\"}}");
        check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"new\"}}");
        check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"new\"}}");
        end(&bench);
    }
}

static void an_answer_too_large_for_its_ceiling_is_a_failure(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"Acme\"}}");
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    struct mly_request request = request_of(&bench, "7", "make");
    request.max_bytes = strlen("{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}");

    struct mly_response response = exchange(&bench, &request);

    assert_status(response.status, MLY_E_LIMIT, NULL);
    assert_int_equal(response.body.size, 0);
    mly_transport_fini_response(&response);
    end(&bench);
}

static void hits_do_not_wait_for_the_network(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mly_response response;
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"Acme\"}}");
    script_add(
        &bench.script,
        (struct script_answer){.key = "entities/9", .body = span_of("{\"9\":{\"make\":\"Late\"}}"), .after_ms = 500});
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    const struct mly_request miss = request_of(&bench, "9", "make"), hit = request_of(&bench, "7", "make");
    assert_status(bench.top->vtbl->submit(bench.top, &miss, NULL), MLY_OK, NULL);
    assert_status(bench.top->vtbl->submit(bench.top, &hit, NULL), MLY_OK, NULL);

    assert_status(bench.top->vtbl->poll(bench.top, 1000, &response, NULL), MLY_OK, NULL);
    assert_true(response.ticket == hit.ticket);
    mly_transport_fini_response(&response);
    assert_status(bench.top->vtbl->poll(bench.top, 1000, &response, NULL), MLY_OK, NULL);
    assert_true(response.ticket == miss.ticket);
    mly_transport_fini_response(&response);
    end(&bench);
}

static void a_reset_forgets_both_sides(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct mly_response response;
    expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"Acme\"}}");
    expect(&bench, "entities/9", 200, "{}");
    check(&bench, "7", "make", "{\"7\":{\"id\":\"7\",\"make\":\"Acme\"}}");
    const struct mly_request miss = request_of(&bench, "9", "make"), hit = request_of(&bench, "7", "make");
    assert_status(bench.top->vtbl->submit(bench.top, &miss, NULL), MLY_OK, NULL);
    assert_status(bench.top->vtbl->submit(bench.top, &hit, NULL), MLY_OK, NULL);

    bench.top->vtbl->reset(bench.top);

    assert_status(bench.top->vtbl->poll(bench.top, 1000, &response, NULL), MLY_DONE, NULL);
    end(&bench);
}

static void what_the_inner_transport_refuses_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    script_add(&bench.script, (struct script_answer){.key = "entities/7", .refused = MLY_E_NETWORK});
    const struct mly_request request = request_of(&bench, "7", "make");
    assert_status(bench.top->vtbl->submit(bench.top, &request, NULL), MLY_E_NETWORK, NULL);
    assert_status(bench.top->vtbl->poll(bench.top, 0, &(struct mly_response){.ticket = 0}, NULL), MLY_DONE, NULL);
    end(&bench);
}

static void a_scope_that_cannot_be_stored_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    struct script_transport other;
    struct mly_transport *out = NULL;
    script_init(&other, &bench.kit.mem.mem, &bench.clock);
    assert_status(mly_transport_entities(&other.base, bench.kit.store, "", false, &bench.kit.mem.mem, &out, NULL),
                  MLY_E_ARG, NULL);
    assert_int_equal(other.n_destroyed, 1);
    end(&bench);
}

/* Twice the same, from the service and from the store; returns whether all went well. */
static bool ask_twice(struct bench *bench)
{
    bool is_well = true;
    for (int round = 0; round < 2 && is_well; round++) {
        struct mly_response response = {.ticket = 0};
        const struct mly_request request = request_of(bench, "7,8", "make,altitude");
        enum mly_status status = bench->top->vtbl->submit(bench->top, &request, NULL);
        if (status == MLY_OK)
            status = bench->top->vtbl->poll(bench->top, 1000, &response, NULL);
        is_well = status == MLY_OK && response.status == MLY_OK;
        if (is_well)
            assert_int_equal(response.body.size, strlen(two_printed)); /* what was asked for anew comes last */
        else
            assert_true(status == MLY_E_NOMEM || response.status == MLY_E_NOMEM);
        mly_transport_fini_response(&response);
    }
    return is_well;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool is_well = false;
    for (size_t i = 0; !is_well; i++) {
        struct bench bench;
        begin(&bench);
        for (int answer = 0; answer < 2; answer++)
            expect(&bench, "entities/7+1", 200, two);
        expect(&bench, "entities/7", 200, "{\"7\":{\"make\":\"Acme\",\"altitude\":1.50}}");
        expect(&bench, "entities/8", 200, "{\"8\":{\"altitude\":null}}");
        bench.kit.mem.first_failure = bench.kit.mem.n_allocs + i;
        bench.kit.mem.n_failures = 1;
        is_well = ask_twice(&bench) && bench.kit.mem.n_failed == 0;
        mly_transport_free(bench.top);
        store_kit_end(&bench.kit);
        assert_in_range(i, 0, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entity_is_asked_for_once),
        cmocka_unit_test(each_entity_and_each_field_serves_for_itself),
        cmocka_unit_test(fields_age_for_themselves),
        cmocka_unit_test(a_signed_address_serves_until_it_ends),
        cmocka_unit_test(offline_fields_of_any_age_serve),
        cmocka_unit_test(offline_an_address_that_has_ended_is_left_out),
        cmocka_unit_test(offline_what_is_there_serves_and_the_rest_is_asked_about_alone),
        cmocka_unit_test(what_was_known_of_an_entity_outlasts_that_it_is_gone),
        cmocka_unit_test(that_an_entity_is_unknown_is_known_for_ten_minutes),
        cmocka_unit_test(one_unknown_entity_does_not_spoil_what_is_known),
        cmocka_unit_test(silence_counts_only_when_it_was_asked_about_alone),
        cmocka_unit_test(refusals_pass_through_and_are_not_kept),
        cmocka_unit_test(what_is_no_request_for_entities_passes_through),
        cmocka_unit_test(a_fresh_request_goes_past_the_store_and_replaces_what_is_there),
        cmocka_unit_test(an_answer_that_holds_the_token_is_not_kept),
        cmocka_unit_test(a_damaged_record_is_asked_for_anew),
        cmocka_unit_test(an_answer_too_large_for_its_ceiling_is_a_failure),
        cmocka_unit_test(hits_do_not_wait_for_the_network),
        cmocka_unit_test(a_reset_forgets_both_sides),
        cmocka_unit_test(what_the_inner_transport_refuses_is_refused),
        cmocka_unit_test(a_scope_that_cannot_be_stored_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
