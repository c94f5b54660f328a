/* SPDX-License-Identifier: MIT */
/* What can be told of HTTP without a server; the rest is tested end to end. */
#include <stdio.h>
#include <string.h>

#include "io/transports.h"
#include "support/check.h"
#include "support/fail_mem.h"
#include "support/gzip.h"

static const char secret[] = "a|secret token";

struct rig {
    struct fail_mem mem;
    struct mly_transport *curl;
    struct mly_error err;
};

static struct mly_curl_options options_of(struct rig *rig, const char *token)
{
    return (struct mly_curl_options){
        .mem = &rig->mem.mem,
        .inflate = gzip_unstore,
        .token = token,
        .is_loopback = true,
        .connections = 4,
        .connect_timeout_ms = 2000,
        .timeout_ms = 5000,
        .verify_tls = true,
        .http_version = "1.1",
        .user_agent = "unit test",
    };
}

static void set_up(struct rig *rig, const char *token)
{
    fail_mem_init(&rig->mem);
    rig->err = (struct mly_error){.code = MLY_OK};
    const struct mly_curl_options options = options_of(rig, token);
    assert_status(mly_transport_curl(&options, &rig->curl, &rig->err), MLY_OK, &rig->err);
}

static void tear_down(struct rig *rig)
{
    mly_transport_free(rig->curl);
    assert_nothing_leaks(&rig->mem);
}

static enum mly_status send(struct rig *rig, const char *url, uint64_t ticket)
{
    struct mly_request request = {.ticket = ticket, .kind = MLY_REQUEST_TILE, .key = "a tile", .max_bytes = 1000};
    (void)snprintf(request.url, sizeof request.url, "%s", url);
    return rig->curl->vtbl->submit(rig->curl, &request, &rig->err);
}

static enum mly_status poll(struct rig *rig, uint32_t timeout_ms, struct mly_response *out)
{
    return rig->curl->vtbl->poll(rig->curl, timeout_ms, out, &rig->err);
}

/* The next answer; no answer here takes longer than its time-outs. */
static struct mly_response wait_for_answer(struct rig *rig)
{
    struct mly_response response;
    enum mly_status status;
    do
        status = poll(rig, 1000, &response);
    while (status == MLY_AGAIN);
    assert_status(status, MLY_OK, &rig->err);
    return response;
}

static void without_a_token_every_request_is_answered_unsent_with_advice(void **state)
{
    (void)state;
    bool seen[3] = {false};
    struct mly_response response;
    struct rig rig;
    set_up(&rig, NULL);
    for (uint64_t ticket = 0; ticket < COUNT(seen); ticket++)
        assert_status(send(&rig, "http://127.0.0.1:1/maps", ticket), MLY_OK, &rig.err);

    for (size_t i = 0; i < COUNT(seen); i++) {
        assert_status(poll(&rig, 0, &response), MLY_OK, &rig.err);
        assert_status(response.status, MLY_E_AUTH, NULL);
        assert_says(response.why, "MAPILLARY_ACCESS_TOKEN");
        assert_says(response.why, "ACCESS_TOKEN_FILE");
        assert_int_equal(response.http, 0);
        seen[response.ticket] = true;
        mly_transport_fini_response(&response);
    }

    assert_true(seen[0] && seen[1] && seen[2]);
    assert_status(poll(&rig, 0, &response), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void with_nothing_asked_nothing_is_owed(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig with, without;
    set_up(&with, secret);
    set_up(&without, NULL);

    assert_status(poll(&with, 1000, &response), MLY_DONE, &with.err);
    assert_status(poll(&without, 1000, &response), MLY_DONE, &without.err);

    tear_down(&with);
    tear_down(&without);
}

static void a_machine_that_does_not_listen_is_a_network_failure(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, secret);
    assert_status(send(&rig, "http://127.0.0.1:1/maps", 42), MLY_OK, &rig.err); /* port 1: nobody */

    struct mly_response response = wait_for_answer(&rig);

    assert_status(response.status, MLY_E_NETWORK, NULL);
    assert_int_equal(response.ticket, 42);
    assert_int_equal(response.body.size, 0);
    assert_int_not_equal(response.why[0], '\0');
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void no_message_holds_the_token(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://127.0.0.1:1/maps", "ftp://127.0.0.1:1/maps", "nonsense:", ""};
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct rig rig;
        set_up(&rig, secret);

        if (send(&rig, urls[i], 1) == MLY_OK) {
            struct mly_response response = wait_for_answer(&rig);
            assert_true(response.status < 0);
            assert_lacks(response.why, "secret");
            mly_transport_fini_response(&response);
        }

        assert_lacks(rig.err.text, "secret");
        tear_down(&rig);
    }
}

static void other_schemes_than_http_are_never_followed(void **state)
{
    (void)state;
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1:1/x", "gopher://127.0.0.1:1/x",
                                       "dict://127.0.0.1:1/x", "scp://127.0.0.1/x"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct rig rig;
        set_up(&rig, secret);
        enum mly_status status = send(&rig, urls[i], 1);
        struct mly_response response = {.status = status};
        if (status == MLY_OK)
            response = wait_for_answer(&rig);

        assert_true(response.status < 0);
        assert_int_not_equal(response.status, MLY_E_NETWORK); /* asking again would not help */
        assert_int_equal(response.body.size, 0);
        mly_transport_fini_response(&response);
        tear_down(&rig);
    }
}

static void reset_drops_what_is_in_flight(void **state)
{
    (void)state;
    static const char *const tokens[] = {secret, NULL};
    for (size_t i = 0; i < COUNT(tokens); i++) {
        struct mly_response response;
        struct rig rig;
        set_up(&rig, tokens[i]);
        for (uint64_t ticket = 0; ticket < 5; ticket++)
            assert_status(send(&rig, "http://127.0.0.1:1/maps", ticket), MLY_OK, &rig.err);

        rig.curl->vtbl->reset(rig.curl);

        assert_status(poll(&rig, 0, &response), MLY_DONE, &rig.err);
        assert_status(send(&rig, "http://127.0.0.1:1/maps", 9), MLY_OK, &rig.err);
        response = wait_for_answer(&rig);
        assert_int_equal(response.ticket, 9);
        mly_transport_fini_response(&response);
        tear_down(&rig);
    }
}

static void ending_it_with_requests_in_flight_leaks_nothing(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, secret);
    for (uint64_t ticket = 0; ticket < 5; ticket++)
        assert_status(send(&rig, "http://127.0.0.1:1/maps", ticket), MLY_OK, &rig.err);

    tear_down(&rig);
}

static void its_texts_are_its_own(void **state)
{
    (void)state;
    char token[] = "token", agent[] = "agent";
    struct rig rig;
    fail_mem_init(&rig.mem);
    struct mly_curl_options options = options_of(&rig, token);
    options.user_agent = agent;
    assert_status(mly_transport_curl(&options, &rig.curl, &rig.err), MLY_OK, &rig.err);

    memset(token, 0, sizeof token);
    memset(agent, 0, sizeof agent);
    assert_status(send(&rig, "http://127.0.0.1:1/maps", 1), MLY_OK, &rig.err);
    struct mly_response response = wait_for_answer(&rig);

    assert_status(response.status, MLY_E_NETWORK, NULL); /* sent, so the token was there */
    mly_transport_fini_response(&response);
    tear_down(&rig);
}

static void any_of_its_allocations_may_fail(void **state)
{
    (void)state;
    bool has_failed = true;
    for (size_t k = 0; has_failed; k++) {
        struct rig rig = {.err = {.code = MLY_OK}};
        fail_mem_init_failing(&rig.mem, k, 1);
        const struct mly_curl_options options = options_of(&rig, secret);

        enum mly_status status = mly_transport_curl(&options, &rig.curl, &rig.err);
        if (status == MLY_OK)
            status = send(&rig, "http://127.0.0.1:1/maps", 1);

        has_failed = rig.mem.n_failed > 0;
        assert_status(status, has_failed ? MLY_E_NOMEM : MLY_OK, &rig.err);
        mly_transport_free(rig.curl);
        assert_nothing_leaks(&rig.mem);
    }
}

static int begin(void **state)
{
    (void)state;
    struct mly_error err = {.code = MLY_OK};
    const enum mly_status once = mly_transport_curl_global(&err), twice = mly_transport_curl_global(&err);
    return once == MLY_OK && twice == MLY_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_token_every_request_is_answered_unsent_with_advice),
        cmocka_unit_test(with_nothing_asked_nothing_is_owed),
        cmocka_unit_test(a_machine_that_does_not_listen_is_a_network_failure),
        cmocka_unit_test(no_message_holds_the_token),
        cmocka_unit_test(other_schemes_than_http_are_never_followed),
        cmocka_unit_test(reset_drops_what_is_in_flight),
        cmocka_unit_test(ending_it_with_requests_in_flight_leaks_nothing),
        cmocka_unit_test(its_texts_are_its_own),
        cmocka_unit_test(any_of_its_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
