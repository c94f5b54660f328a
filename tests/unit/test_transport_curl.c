/* SPDX-License-Identifier: MIT */
/* What can be told of HTTP without a service; the rest is tested end to end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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
        .services = {[MLY_REQUEST_TILE] = {.token = token, .is_loopback = true},
                     [MLY_REQUEST_GRAPH] = {.token = token, .is_loopback = true}},
        .connections = 4,
        .connect_timeout_ms = 2000,
        .timeout_ms = 5000,
        .verify_tls = true,
        .http_version = "1.1",
        .user_agent = "unit test",
    };
}

static void set_up_as(struct rig *rig, struct mly_curl_options options)
{
    fail_mem_init(&rig->mem);
    rig->err = (struct mly_error){.code = MLY_OK};
    assert_status(mly_transport_curl(&options, &rig->curl, &rig->err), MLY_OK, &rig->err);
}

static void set_up(struct rig *rig, const char *token)
{
    set_up_as(rig, options_of(rig, token));
}

/* A token for each service. */
static void set_up_two(struct rig *rig, const char *for_tiles, const char *for_graph)
{
    struct mly_curl_options options = options_of(rig, for_tiles);
    options.services[MLY_REQUEST_GRAPH].token = for_graph;
    set_up_as(rig, options);
}

static void tear_down(struct rig *rig)
{
    mly_transport_free(rig->curl);
    assert_nothing_leaks(&rig->mem);
}

static enum mly_status send_as(struct rig *rig, enum mly_request_kind kind, const char *url, uint64_t ticket)
{
    struct mly_request request = {.ticket = ticket, .kind = kind, .key = "a thing", .max_bytes = 1000};
    (void)snprintf(request.url, sizeof request.url, "%s", url);
    return rig->curl->vtbl->submit(rig->curl, &request, &rig->err);
}

static enum mly_status send_tile(struct rig *rig, const char *url, uint64_t ticket)
{
    return send_as(rig, MLY_REQUEST_TILE, url, ticket);
}

static enum mly_status ask(struct rig *rig, uint32_t timeout_ms, struct mly_response *out)
{
    return rig->curl->vtbl->poll(rig->curl, timeout_ms, out, &rig->err);
}

/* The next answer; no answer here takes longer than its time-outs. */
static struct mly_response wait_for_answer(struct rig *rig)
{
    struct mly_response response;
    enum mly_status status;
    do
        status = ask(rig, 1000, &response);
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
        assert_status(send_tile(&rig, "http://127.0.0.1:1/maps", ticket), MLY_OK, &rig.err);

    for (size_t i = 0; i < COUNT(seen); i++) {
        assert_status(ask(&rig, 0, &response), MLY_OK, &rig.err);
        assert_status(response.status, MLY_E_AUTH, NULL);
        assert_says(response.why, "MAPILLARY_ACCESS_TOKEN");
        assert_says(response.why, "ACCESS_TOKEN_FILE");
        assert_int_equal(response.http, 0);
        seen[response.ticket] = true;
        mly_transport_fini_response(&response);
    }

    assert_true(seen[0] && seen[1] && seen[2]);
    assert_status(ask(&rig, 0, &response), MLY_DONE, &rig.err);
    tear_down(&rig);
}

static void a_service_without_a_token_is_not_sent_the_others(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const enum mly_request_kind with = kinds[i], without = kinds[1 - i];
        uint64_t n_sent = 0, n_unsent = 0;
        struct mly_response response;
        struct rig rig;
        set_up_two(&rig, with == MLY_REQUEST_TILE ? secret : NULL, with == MLY_REQUEST_GRAPH ? secret : NULL);
        for (uint64_t ticket = 0; ticket < 6; ticket++) {
            const enum mly_request_kind kind = ticket % 2 ? with : without;
            assert_status(send_as(&rig, kind, "http://127.0.0.1:1/maps", ticket), MLY_OK, &rig.err);
        }

        for (int n = 0; n < 6; n++) {
            response = wait_for_answer(&rig);
            assert_status(response.status, response.ticket % 2 ? MLY_E_NETWORK : MLY_E_AUTH, NULL);
            n_sent += response.ticket % 2;
            n_unsent += response.ticket % 2 == 0;
            mly_transport_fini_response(&response);
        }

        assert_true(n_sent == 3 && n_unsent == 3);
        assert_status(ask(&rig, 0, &response), MLY_DONE, &rig.err);
        tear_down(&rig);
    }
}

/* ---- a machine that listens ---- */

struct listener {
    int socket;
    char url[64];
};

static void listener_begin(struct listener *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    listener->socket = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(listener->socket >= 0);
    assert_int_equal(bind(listener->socket, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener->socket, 4), 0);
    assert_int_equal(getsockname(listener->socket, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(listener->url, sizeof listener->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
}

/* Waits up to 10 ms, while the transport does not move. */
static bool is_readable(int fd)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, 10) == 1;
}

/* What the listener is sent, up to the end of its head. It never answers. */
static void receive(struct rig *rig, const struct listener *listener, char *text, size_t size)
{
    struct mly_response response;
    size_t n = 0;
    int connection = -1;
    text[0] = '\0';
    for (int round = 0; round < 500 && !strstr(text, "\r\n\r\n"); round++) {
        assert_status(ask(rig, 1, &response), MLY_AGAIN, &rig->err);
        if (connection < 0 && is_readable(listener->socket))
            connection = accept(listener->socket, NULL, NULL);
        if (connection < 0 || !is_readable(connection))
            continue;
        const ssize_t got = recv(connection, text + n, size - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        text[n] = '\0';
    }
    assert_says(text, "\r\n\r\n");
    (void)close(connection);
}

static void each_service_is_sent_its_own_token(void **state)
{
    (void)state;
    static const struct {
        enum mly_request_kind kind;
        const char *sent, *kept;
    } cases[] = {
        {MLY_REQUEST_TILE, "GET /x?access_token=MLY%7C1%7Cseen HTTP", "unseen"},
        {MLY_REQUEST_GRAPH, "\r\nAuthorization: OAuth MLY|2|unseen\r\n", "MLY%7C1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[2000], url[100];
        struct listener listener;
        struct rig rig;
        listener_begin(&listener);
        set_up_two(&rig, "MLY|1|seen", "MLY|2|unseen");
        (void)snprintf(url, sizeof url, "%s/x", listener.url);
        assert_status(send_as(&rig, cases[i].kind, url, 1), MLY_OK, &rig.err);

        receive(&rig, &listener, text, sizeof text);

        assert_says(text, cases[i].sent);
        assert_lacks(text, cases[i].kept);
        tear_down(&rig);
        (void)close(listener.socket);
    }
}

static void the_tokens_of_both_are_taken_out_of_a_text(void **state)
{
    (void)state;
    char text[] = "MLY|1|one MLY%7C1%7Cone one MLY|2|two MLY%7C2%7Ctwo two https://user:word@proxy, the rest";
    struct rig rig;
    set_up_two(&rig, "MLY|1|one", "MLY|2|two");

    mly_transport_mask(rig.curl, text);

    assert_lacks(text, "one");
    assert_lacks(text, "two");
    assert_lacks(text, "word");
    assert_says(text, "@proxy, the rest");
    tear_down(&rig);
}

/* The ports of the messages tell whom libcurl turned to. */
static void a_proxy_is_passed_by_for_the_service_on_this_machine_alone(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct rig rig;
        struct mly_curl_options options = options_of(&rig, secret);
        options.proxy = "http://127.0.0.1:2";
        options.services[kinds[1 - i]].is_loopback = false;
        set_up_as(&rig, options);
        for (size_t k = 0; k < COUNT(kinds); k++) {
            assert_status(send_as(&rig, kinds[k], "http://127.0.0.1:1/maps", k), MLY_OK, &rig.err);

            struct mly_response response = wait_for_answer(&rig);

            assert_says(response.why, k == i ? "port 1" : "port 2");
            mly_transport_fini_response(&response);
        }
        tear_down(&rig);
    }
}

static void the_longest_address_and_token_fit(void **state)
{
    (void)state;
    static const enum mly_request_kind kinds[] = {MLY_REQUEST_TILE, MLY_REQUEST_GRAPH};
    char token[MLY_LIMIT_TOKEN + 1], url[MLY_LIMIT_URL];
    memset(token, '|', MLY_LIMIT_TOKEN); /* each is three characters in a query */
    token[MLY_LIMIT_TOKEN] = '\0';
    memset(url, 'x', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    memcpy(url, "http://127.0.0.1:1/", 19);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct rig rig;
        set_up(&rig, token);
        assert_status(send_as(&rig, kinds[i], url, 1), MLY_OK, &rig.err);
        struct mly_response response = wait_for_answer(&rig);
        assert_status(response.status, MLY_E_NETWORK, NULL);
        mly_transport_fini_response(&response);
        tear_down(&rig);
    }
}

/* ---- whose time it is ---- */

/* Takes a connection, and what is sent over it: a request for /1, /2 or the like, whose number comes back. */
static int take_request(struct rig *rig, const struct listener *listener, int *connection)
{
    struct mly_response response;
    char text[2000] = "";
    size_t n = 0;
    *connection = -1;
    for (int round = 0; round < 500 && !strstr(text, "\r\n\r\n"); round++) {
        assert_status(ask(rig, 1, &response), MLY_AGAIN, &rig->err);
        if (*connection < 0 && is_readable(listener->socket))
            *connection = accept(listener->socket, NULL, NULL);
        if (*connection < 0 || !is_readable(*connection))
            continue;
        const ssize_t got = recv(*connection, text + n, sizeof text - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        text[n] = '\0';
    }
    assert_says(text, "GET /");
    return text[5] - '0';
}

static void answer(int connection)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
    assert_int_equal(send(connection, text, sizeof text - 1, 0), sizeof text - 1);
}

static void set_up_hasty(struct rig *rig, struct listener *listener)
{
    struct mly_curl_options options;
    listener_begin(listener);
    options = options_of(rig, secret);
    options.timeout_ms = 500;
    set_up_as(rig, options);
}

static void send_numbered(struct rig *rig, const struct listener *listener, uint64_t number)
{
    char url[100];
    (void)snprintf(url, sizeof url, "%s/%llu", listener->url, (unsigned long long)number);
    assert_status(send_tile(rig, url, number), MLY_OK, &rig->err);
}

/* The reader holds all that may be held, so that only the oldest answer is taken; and that one never comes. */
static void an_answer_that_was_paused_has_its_time_left(void **state)
{
    (void)state;
    struct listener listener;
    struct rig rig;
    int connections[2];
    set_up_hasty(&rig, &listener);
    mly_transport_held(rig.curl, MLY_LIMIT_ARRIVING_BYTES);
    for (uint64_t i = 0; i < COUNT(connections); i++) {
        send_numbered(&rig, &listener, i + 1);
        assert_int_equal(take_request(&rig, &listener, &connections[i]), i + 1);
        if (i == 0)
            continue;
        answer(connections[i]);
    }

    struct mly_response late = wait_for_answer(&rig), paused = wait_for_answer(&rig);

    assert_int_equal(paused.ticket, 2);
    assert_status(paused.status, MLY_OK, NULL);
    assert_span(mly_buf_view(&paused.body), "body", 4);
    assert_int_equal(late.ticket, 1);
    assert_status(late.status, MLY_E_NETWORK, NULL);
    assert_says(late.why, "Timeout was reached: no whole answer in 500 ms, but 0 bytes");
    mly_transport_fini_response(&late);
    mly_transport_fini_response(&paused);
    for (size_t i = 0; i < COUNT(connections); i++)
        (void)close(connections[i]);
    (void)close(listener.socket);
    tear_down(&rig);
}

static void an_answer_that_nobody_polled_for_has_its_time_left(void **state)
{
    (void)state;
    struct listener listener;
    struct rig rig;
    int connection = -1;
    const struct timespec longer = {.tv_nsec = 700000000};
    set_up_hasty(&rig, &listener);
    send_numbered(&rig, &listener, 1);
    assert_int_equal(take_request(&rig, &listener, &connection), 1);

    assert_int_equal(nanosleep(&longer, NULL), 0);
    answer(connection);
    struct mly_response response = wait_for_answer(&rig);

    assert_status(response.status, MLY_OK, NULL);
    assert_span(mly_buf_view(&response.body), "body", 4);
    mly_transport_fini_response(&response);
    (void)close(connection);
    (void)close(listener.socket);
    tear_down(&rig);
}

/* ---- nobody listens ---- */

static void with_nothing_asked_nothing_is_owed(void **state)
{
    (void)state;
    struct mly_response response;
    struct rig with, without;
    set_up(&with, secret);
    set_up(&without, NULL);

    assert_status(ask(&with, 1000, &response), MLY_DONE, &with.err);
    assert_status(ask(&without, 1000, &response), MLY_DONE, &without.err);

    tear_down(&with);
    tear_down(&without);
}

static void a_machine_that_does_not_listen_is_a_network_failure(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, secret);
    assert_status(send_tile(&rig, "http://127.0.0.1:1/maps", 42), MLY_OK, &rig.err); /* port 1: nobody */

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

        if (send_tile(&rig, urls[i], 1) == MLY_OK) {
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
        enum mly_status status = send_tile(&rig, urls[i], 1);
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
            assert_status(send_tile(&rig, "http://127.0.0.1:1/maps", ticket), MLY_OK, &rig.err);

        rig.curl->vtbl->reset(rig.curl);

        assert_status(ask(&rig, 0, &response), MLY_DONE, &rig.err);
        assert_status(send_tile(&rig, "http://127.0.0.1:1/maps", 9), MLY_OK, &rig.err);
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
        assert_status(send_tile(&rig, "http://127.0.0.1:1/maps", ticket), MLY_OK, &rig.err);

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
    assert_status(send_tile(&rig, "http://127.0.0.1:1/maps", 1), MLY_OK, &rig.err);
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
            status = send_tile(&rig, "http://127.0.0.1:1/maps", 1);

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
        cmocka_unit_test(a_service_without_a_token_is_not_sent_the_others),
        cmocka_unit_test(each_service_is_sent_its_own_token),
        cmocka_unit_test(the_tokens_of_both_are_taken_out_of_a_text),
        cmocka_unit_test(a_proxy_is_passed_by_for_the_service_on_this_machine_alone),
        cmocka_unit_test(the_longest_address_and_token_fit),
        cmocka_unit_test(an_answer_that_was_paused_has_its_time_left),
        cmocka_unit_test(an_answer_that_nobody_polled_for_has_its_time_left),
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
