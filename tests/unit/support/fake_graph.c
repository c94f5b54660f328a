/* SPDX-License-Identifier: MIT */
#include "fake_graph.h"

#include <stdio.h>
#include <string.h>

void fake_graph_say(struct fake_answer *answer, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof text);
    bytes_append(&answer->body, text, (size_t)n);
}

void fake_graph_refuse(struct fake_answer *answer, int http, int code, int subcode, const char *words)
{
    answer->http = http;
    fake_graph_say(answer, "{\"error\":{\"message\":\"%s\",\"type\":\"MLYApiException\",\"code\":%d", words, code);
    if (subcode)
        fake_graph_say(answer, ",\"error_subcode\":%d", subcode);
    fake_graph_say(answer, ",\"fbtrace_id\":\"A\"}}");
}

bool fake_graph_parameter(const struct mly_request *request, const char *name, char end, char *out, size_t size)
{
    const char *at = strstr(request->url, name);
    if (!at)
        return false;
    at += strlen(name);
    const char *stop = strchr(at, end);
    const size_t n = stop ? (size_t)(stop - at) : strlen(at);
    assert_true(n < size);
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

static enum mly_status want_all(struct fake_graph *graph, struct mly_machine *machine, struct mly_error *err)
{
    for (;;) {
        struct mly_request request;
        const enum mly_status status = mly_machine_want(machine, &request, err);
        if (status != MLY_OK)
            return status;
        assert_true(graph->n_in_flight < FAKE_GRAPH_MAX);
        for (size_t i = 0; i < graph->n_in_flight; i++)
            assert_true(graph->in_flight[i].ticket != request.ticket);
        graph->in_flight[graph->n_in_flight++] = request;
        graph->n_requests++;
        if (graph->n_in_flight > graph->peak_in_flight)
            graph->peak_in_flight = graph->n_in_flight;
    }
}

static enum mly_status answer_one(struct fake_graph *graph, struct mly_machine *machine, struct mly_error *err)
{
    if (graph->n_in_flight == 0) {
        fail_msg("%s", "the machine waits for an answer that nobody owes");
        return MLY_E_ARG;
    }
    const size_t i = chance_below(&graph->chance, graph->n_in_flight);
    const struct mly_request request = graph->in_flight[i];
    graph->in_flight[i] = graph->in_flight[--graph->n_in_flight];
    struct fake_answer answer = {.http = 0};
    graph->answer(graph->ctx, &request, &answer);
    struct mly_response response = {.ticket = request.ticket, .http = answer.http ? answer.http : 200, .attempts = 1};
    mly_buf_init(&response.body, mly_mem_system(), MLY_LIMIT_BODY);
    assert_status(mly_buf_append(&response.body, answer.body.data, answer.body.size), MLY_OK, NULL);
    bytes_free(&answer.body);
    const enum mly_status status = mly_machine_feed(machine, &response, err);
    mly_transport_fini_response(&response);
    return status;
}

enum mly_status fake_graph_take(struct fake_graph *graph, struct mly_machine *machine, struct mly_row *out,
                                struct mly_error *err)
{
    if (chance_below(&graph->chance, 8) == 0) { /* the network gets a turn between rows, too */
        const enum mly_status status = want_all(graph, machine, err);
        if (status < 0)
            return status;
        if (graph->n_in_flight > 0)
            MLY_TRY(answer_one(graph, machine, err));
    }
    for (;;) {
        enum mly_status status = mly_machine_take(machine, out, err);
        if (status != MLY_AGAIN)
            return status;
        MLY_TRY(want_all(graph, machine, err));
        MLY_TRY(answer_one(graph, machine, err));
    }
}
