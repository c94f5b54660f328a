/* SPDX-License-Identifier: MIT */
#include "core/verdict.h"

#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/recorded.h"

/* An answer with these bytes as its body, until the next answer is made. Nobody frees them. */
static struct mly_response answer(int http, const void *body, size_t n)
{
    static uint8_t copy[1 << 20];
    assert_true(n <= sizeof copy);
    if (n)
        memcpy(copy, body, n);
    return (struct mly_response){.http = http, .body = {.data = copy, .size = n}};
}

static struct mly_response answer_text(int http, const char *body)
{
    return answer(http, body, strlen(body));
}

static struct mly_response silence(enum mly_status status, const char *why)
{
    struct mly_response response = {.status = status};
    (void)snprintf(response.why, sizeof response.why, "%s", why);
    return response;
}

static void assert_verdict(struct mly_response response, enum mly_verdict verdict, enum mly_status status)
{
    struct mly_error err = {.code = MLY_OK};
    const enum mly_verdict judged = mly_verdict_of_tile(&response, &err);
    if (judged != verdict)
        print_error("HTTP %d, status '%s': %s\n", response.http, mly_status_name(response.status), err.text);
    assert_int_equal(judged, verdict);
    assert_int_equal(err.code, status);
    assert_int_equal(err.text[0] != '\0', status != MLY_OK);
    assert_int_equal(mly_verdict_of_tile(&response, NULL), verdict); /* nobody has to listen */
}

/* ---- tiles: what can be read ---- */

static void a_200_with_bytes_is_a_body(void **state)
{
    (void)state;

    assert_verdict(answer(200, "\x1a\x00", 2), MLY_VERDICT_BODY, MLY_OK);
    assert_verdict(answer_text(200, "<html>"), MLY_VERDICT_BODY, MLY_OK); /* the reader of tiles refuses it */
    assert_verdict(answer_text(200, "{\"data\":[]}"), MLY_VERDICT_BODY, MLY_OK);
}

static void nothing_is_there_in_three_spellings(void **state)
{
    (void)state;

    assert_verdict(answer_text(200, ""), MLY_VERDICT_EMPTY, MLY_OK);
    assert_verdict(answer_text(204, ""), MLY_VERDICT_EMPTY, MLY_OK);
    assert_verdict(answer_text(404, ""), MLY_VERDICT_EMPTY, MLY_OK);
    assert_verdict(answer_text(404, "<html>not found</html>"), MLY_VERDICT_EMPTY, MLY_OK);
}

/* ---- tiles: what ends the read at once ---- */

static void a_redirect_means_that_the_caller_is_blocked(void **state)
{
    (void)state;
    static const int redirects[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < COUNT(redirects); i++) {
        const struct mly_response response = answer_text(redirects[i], "");
        struct mly_error err = {.code = MLY_OK};

        assert_verdict(response, MLY_VERDICT_STOP, MLY_E_QUOTA);
        (void)mly_verdict_of_tile(&response, &err);
        assert_says(err.text, "blocks");
        assert_says(err.text, "Wait");
    }
}

static void that_nothing_has_changed_is_no_redirect(void **state)
{
    (void)state;
    assert_verdict(answer_text(304, ""), MLY_VERDICT_FAILURE, MLY_E_REMOTE);
}

static void a_refused_token_stops_and_says_what_to_do(void **state)
{
    (void)state;
    const struct mly_response response = answer_text(401, "");
    struct mly_error err = {.code = MLY_OK};

    assert_verdict(response, MLY_VERDICT_STOP, MLY_E_AUTH);
    assert_verdict(answer_text(403, ""), MLY_VERDICT_STOP, MLY_E_AUTH);
    assert_verdict(answer_text(403, "<html>forbidden</html>"), MLY_VERDICT_STOP, MLY_E_AUTH);
    (void)mly_verdict_of_tile(&response, &err);
    assert_says(err.text, "MAPILLARY_ACCESS_TOKEN");
    assert_says(err.text, "https://www.mapillary.com/dashboard/developers");
}

static void code_190_is_the_token_whatever_the_status(void **state)
{
    (void)state;
    static const int statuses[] = {200, 400, 401, 403, 500};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        const struct mly_response response = answer_text(statuses[i],
                                                         "{\"error\":{\"message\":\"Failed to decode\",\"code\":190}}");
        struct mly_error err = {.code = MLY_OK};

        assert_verdict(response, MLY_VERDICT_STOP, MLY_E_AUTH);
        (void)mly_verdict_of_tile(&response, &err);
        assert_says(err.text, "Failed to decode");
    }
}

static void without_a_token_no_request_can_succeed(void **state)
{
    (void)state;
    const struct mly_response response = silence(MLY_E_AUTH, "no access token; set one");
    struct mly_error err = {.code = MLY_OK};

    assert_verdict(response, MLY_VERDICT_STOP, MLY_E_AUTH);
    (void)mly_verdict_of_tile(&response, &err);
    assert_string_equal(err.text, "no access token; set one");
}

static void a_blocked_caller_stops_with_what_the_transport_says(void **state)
{
    (void)state;
    const struct mly_response response = silence(MLY_E_QUOTA, "five pages in a row");
    struct mly_error err = {.code = MLY_OK};

    assert_verdict(response, MLY_VERDICT_STOP, MLY_E_QUOTA);
    (void)mly_verdict_of_tile(&response, &err);
    assert_string_equal(err.text, "five pages in a row");
}

/* ---- tiles: what may come out better later ---- */

static void pages_and_json_are_told_from_tiles_by_how_they_begin(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t n;
        bool is_page;
    } cases[] = {
        {"<!DOCTYPE html>", 15, true},
        {"{\"error\":{}}", 12, true},
        {"[]", 2, true},
        {" \t\r\n<", 5, true},
        {"\xef\xbb\xbf{", 4, true},
        {"\xef\xbb\xbf \n[", 6, true},
        {"\x1a\x02<{", 4, false},
        {"\0<", 2, false},
        {"text", 4, false},
        {"\xef\xbb\xbf", 3, false},
        {"   ", 3, false},
        {"", 0, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mly_span body = {.data = (const uint8_t *)cases[i].body, .size = cases[i].n};
        assert_int_equal(mly_verdict_is_page(body), cases[i].is_page);
    }
    assert_false(mly_verdict_is_page((struct mly_span){.data = NULL}));
}

static void outages_are_worth_another_attempt(void **state)
{
    (void)state;
    static const int statuses[] = {408, 500, 502, 503, 504};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        assert_verdict(answer_text(statuses[i], ""), MLY_VERDICT_RETRY, MLY_E_REMOTE);
        assert_verdict(answer_text(statuses[i], "<html>sorry</html>"), MLY_VERDICT_RETRY, MLY_E_REMOTE);
    }
}

static void a_429_is_worth_another_attempt_and_means_that_the_caller_asks_too_much(void **state)
{
    (void)state;

    assert_verdict(answer_text(429, ""), MLY_VERDICT_RETRY, MLY_E_QUOTA);
    assert_verdict(answer_text(429, "<html>sorry</html>"), MLY_VERDICT_RETRY, MLY_E_QUOTA);
    assert_verdict(answer_text(429, "{\"error\":{\"message\":\"slow down\",\"code\":9}}"), MLY_VERDICT_RETRY,
                   MLY_E_QUOTA);
}

static void code_2_is_an_outage_whatever_the_status(void **state)
{
    (void)state;
    static const char body[] = "{\"error\":{\"message\":\"Service temporarily unavailable\",\"code\":2}}";

    assert_verdict(answer_text(500, body), MLY_VERDICT_RETRY, MLY_E_REMOTE);
    assert_verdict(answer_text(400, body), MLY_VERDICT_RETRY, MLY_E_REMOTE);
    assert_verdict(answer_text(200, body), MLY_VERDICT_RETRY, MLY_E_REMOTE);
    assert_verdict(answer_text(403, body), MLY_VERDICT_RETRY, MLY_E_REMOTE);
}

static void code_4_is_a_rate_limit_although_it_comes_with_403(void **state)
{
    (void)state;

    assert_verdict(answer_text(403, "{\"error\":{\"message\":\"Application request limit reached\",\"code\":4}}"),
                   MLY_VERDICT_RETRY, MLY_E_QUOTA);
    assert_verdict(answer_text(403, "{\"error\":{\"code\":4,\"is_transient\":true}}"), MLY_VERDICT_RETRY, MLY_E_QUOTA);
}

static void what_the_service_calls_transient_is(void **state)
{
    (void)state;

    assert_verdict(answer_text(400, "{\"error\":{\"code\":100,\"is_transient\":true}}"), MLY_VERDICT_RETRY,
                   MLY_E_REMOTE);
    assert_verdict(answer_text(400, "{\"error\":{\"code\":100,\"is_transient\":false}}"), MLY_VERDICT_FAILURE,
                   MLY_E_REMOTE);
}

static void a_network_that_fails_may_work_again(void **state)
{
    (void)state;

    assert_verdict(silence(MLY_E_NETWORK, "connection lost"), MLY_VERDICT_RETRY, MLY_E_NETWORK);
}

/* ---- tiles: what stays as it is ---- */

static void code_1_is_too_much_data_and_fails_the_same_way_again(void **state)
{
    (void)state;

    assert_verdict(answer_text(500, "{\"error\":{\"code\":1,\"error_subcode\":99,\"message\":\"Please reduce the "
                                    "amount of data you're asking for, then retry your request\"}}"),
                   MLY_VERDICT_TOO_MUCH, MLY_E_REMOTE);
}

static void other_statuses_are_failures(void **state)
{
    (void)state;
    static const int statuses[] = {400, 405, 410, 414, 418, 451, 501, 505, 201, 202, 206};
    for (size_t i = 0; i < COUNT(statuses); i++)
        assert_verdict(answer_text(statuses[i], ""), MLY_VERDICT_FAILURE, MLY_E_REMOTE);
}

static void an_error_body_is_a_failure_also_with_status_200(void **state)
{
    (void)state;
    const struct mly_response response = answer_text(
        200, "{\"error\": \"Param radius must be a number less than or equal to 50\"}");
    struct mly_error err = {.code = MLY_OK};

    assert_verdict(response, MLY_VERDICT_FAILURE, MLY_E_REMOTE);
    (void)mly_verdict_of_tile(&response, &err);
    assert_says(err.text, "HTTP 200");
    assert_says(err.text, "Param radius");
}

static void ceilings_and_broken_bytes_are_failures(void **state)
{
    (void)state;

    assert_verdict(silence(MLY_E_LIMIT, "larger than its ceiling"), MLY_VERDICT_FAILURE, MLY_E_LIMIT);
    assert_verdict(silence(MLY_E_CORRUPT, "the gzipped answer is broken"), MLY_VERDICT_FAILURE, MLY_E_CORRUPT);
    assert_verdict(silence(MLY_E_NOMEM, "out of memory"), MLY_VERDICT_FAILURE, MLY_E_NOMEM);
    assert_verdict(silence(MLY_E_IO, "permission denied"), MLY_VERDICT_FAILURE, MLY_E_IO);
    assert_verdict(silence(MLY_E_REMOTE, "the certificate is not valid"), MLY_VERDICT_FAILURE, MLY_E_REMOTE);
}

static void the_service_s_own_answers_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int http;
        enum mly_verdict verdict;
        enum mly_status status;
    } recorded[] = {
        {"errors/application_request_limit_reached.json", 403, MLY_VERDICT_RETRY, MLY_E_QUOTA},
        {"errors/error_malformed_token_http401.json", 401, MLY_VERDICT_STOP, MLY_E_AUTH},
        {"errors/error_no_token_http500.json", 500, MLY_VERDICT_STOP, MLY_E_AUTH},
        {"errors/error_radius_http200.json", 200, MLY_VERDICT_FAILURE, MLY_E_REMOTE},
        {"errors/error_unknown_object_http400.json", 400, MLY_VERDICT_FAILURE, MLY_E_REMOTE},
        {"errors/error_unknown_token_header_http401.json", 401, MLY_VERDICT_STOP, MLY_E_AUTH},
        {"errors/error_unknown_token_query_http400.json", 400, MLY_VERDICT_STOP, MLY_E_AUTH},
        {"errors/tile_ip_block_login_body.html", 302, MLY_VERDICT_STOP, MLY_E_QUOTA},
        {"tiles/mly1_public/14/3252/6258.mvt", 200, MLY_VERDICT_BODY, MLY_OK},
    };
    for (size_t i = 0; i < COUNT(recorded); i++) {
        struct bytes body = recorded_read(recorded[i].name);

        assert_verdict(answer(recorded[i].http, body.data, body.size), recorded[i].verdict, recorded[i].status);

        bytes_free(&body);
    }
}

/* ---- what to do ---- */

static void assert_advice(enum mly_request_kind kind, struct mly_response response, const char *says, const char *lacks)
{
    struct mly_error err = {.code = MLY_OK};
    (void)mly_verdict_of(kind, &response, &err);
    assert_says(err.text, says);
    assert_lacks(err.text, lacks);
}

static void a_bad_request_is_not_to_be_repeated_later(void **state)
{
    (void)state;
    static const struct {
        int http;
        const char *body;
    } cases[] = {
        {400, ""},
        {410, ""},
        {400, "{\"error\":{\"code\":100,\"message\":\"Tried accessing nonexisting field (x)\"}}"},
        {500, "{\"error\":{\"code\":100,\"message\":\"wrong\"}}"},
        {200, "{\"error\":\"Param radius must be a number less than or equal to 50\"}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct mly_response response = answer_text(cases[i].http, cases[i].body);
        assert_advice(MLY_REQUEST_TILE, response, "unless the day's quota of tiles is spent", "later");
        assert_advice(MLY_REQUEST_GRAPH, response, "leave out what the service does not take, of FIELDS", "later");
    }
}

static void an_outage_is_to_be_repeated_later(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        assert_advice(kinds[i], answer_text(503, ""), "repeat the read later", "FIELDS");
        assert_advice(kinds[i], answer_text(408, ""), "repeat the read later", "quota");
        assert_advice(kinds[i], answer_text(400, "{\"error\":{\"code\":2}}"), "repeat the read later", "FIELDS");
        assert_advice(kinds[i], answer_text(429, ""), "wait an hour", "later");
    }
}

/* ---- the Graph ---- */

static void assert_graph_verdict(struct mly_response response, enum mly_verdict verdict)
{
    struct mly_error err = {.code = MLY_OK};
    assert_int_equal(mly_verdict_of(MLY_REQUEST_GRAPH, &response, &err), verdict);
    assert_int_equal(mly_verdict_of(MLY_REQUEST_GRAPH, &response, NULL), verdict);
    assert_int_equal(err.code < 0, verdict >= MLY_VERDICT_RETRY);
}

static void an_entity_that_the_graph_does_not_know_is_empty(void **state)
{
    (void)state;

    assert_graph_verdict(
        answer_text(400, "{\"error\":{\"code\":100,\"error_subcode\":33,\"message\":\"Unsupported\"}}"),
        MLY_VERDICT_EMPTY);
    assert_graph_verdict(answer_text(400, "{\"error\":{\"code\":100,\"message\":\"nonexisting field\"}}"),
                         MLY_VERDICT_FAILURE);
}

static void the_graph_s_other_answers_mean_what_they_mean_for_tiles(void **state)
{
    (void)state;

    assert_graph_verdict(answer_text(200, "{\"data\":[]}"), MLY_VERDICT_BODY);
    assert_graph_verdict(answer_text(401, ""), MLY_VERDICT_STOP);
    assert_graph_verdict(answer_text(500, "{\"error\":{\"code\":190}}"), MLY_VERDICT_STOP);
    assert_graph_verdict(answer_text(500, "{\"error\":{\"code\":1}}"), MLY_VERDICT_TOO_MUCH);
    assert_graph_verdict(answer_text(500, "{\"error\":{\"code\":2}}"), MLY_VERDICT_RETRY);
    assert_graph_verdict(answer_text(403, "{\"error\":{\"code\":4}}"), MLY_VERDICT_RETRY);
    assert_graph_verdict(answer_text(429, ""), MLY_VERDICT_RETRY);
    assert_graph_verdict(silence(MLY_E_NETWORK, "lost"), MLY_VERDICT_RETRY);
    assert_graph_verdict(silence(MLY_E_AUTH, "no token"), MLY_VERDICT_STOP);
    assert_graph_verdict(silence(MLY_E_CORRUPT, "broken"), MLY_VERDICT_FAILURE);
}

static void a_ceiling_is_one_for_fewer_entities_too_and_a_tile_cannot_be_made_smaller(void **state)
{
    (void)state;
    const struct mly_response large = silence(MLY_E_LIMIT, "larger than its ceiling");

    assert_graph_verdict(large, MLY_VERDICT_TOO_MUCH);
    assert_verdict(large, MLY_VERDICT_FAILURE, MLY_E_LIMIT);
}

static void the_kind_of_a_request_chooses_the_judge(void **state)
{
    (void)state;
    const struct mly_response unknown = answer_text(400, "{\"error\":{\"code\":100,\"error_subcode\":33}}");

    assert_int_equal(mly_verdict_of(MLY_REQUEST_TILE, &unknown, NULL), MLY_VERDICT_FAILURE);
    assert_int_equal(mly_verdict_of(MLY_REQUEST_GRAPH, &unknown, NULL), MLY_VERDICT_EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_200_with_bytes_is_a_body),
        cmocka_unit_test(nothing_is_there_in_three_spellings),
        cmocka_unit_test(a_redirect_means_that_the_caller_is_blocked),
        cmocka_unit_test(that_nothing_has_changed_is_no_redirect),
        cmocka_unit_test(a_refused_token_stops_and_says_what_to_do),
        cmocka_unit_test(code_190_is_the_token_whatever_the_status),
        cmocka_unit_test(without_a_token_no_request_can_succeed),
        cmocka_unit_test(a_blocked_caller_stops_with_what_the_transport_says),
        cmocka_unit_test(pages_and_json_are_told_from_tiles_by_how_they_begin),
        cmocka_unit_test(outages_are_worth_another_attempt),
        cmocka_unit_test(a_429_is_worth_another_attempt_and_means_that_the_caller_asks_too_much),
        cmocka_unit_test(code_2_is_an_outage_whatever_the_status),
        cmocka_unit_test(code_4_is_a_rate_limit_although_it_comes_with_403),
        cmocka_unit_test(what_the_service_calls_transient_is),
        cmocka_unit_test(a_network_that_fails_may_work_again),
        cmocka_unit_test(code_1_is_too_much_data_and_fails_the_same_way_again),
        cmocka_unit_test(other_statuses_are_failures),
        cmocka_unit_test(an_error_body_is_a_failure_also_with_status_200),
        cmocka_unit_test(ceilings_and_broken_bytes_are_failures),
        cmocka_unit_test(the_service_s_own_answers_are_judged),
        cmocka_unit_test(a_bad_request_is_not_to_be_repeated_later),
        cmocka_unit_test(an_outage_is_to_be_repeated_later),
        cmocka_unit_test(an_entity_that_the_graph_does_not_know_is_empty),
        cmocka_unit_test(the_graph_s_other_answers_mean_what_they_mean_for_tiles),
        cmocka_unit_test(a_ceiling_is_one_for_fewer_entities_too_and_a_tile_cannot_be_made_smaller),
        cmocka_unit_test(the_kind_of_a_request_chooses_the_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
