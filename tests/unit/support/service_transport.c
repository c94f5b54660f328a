/* SPDX-License-Identifier: MIT */
#include "service_transport.h"

#include <stdio.h>

#include "check.h"
#include "gzip.h"

struct service_call {
    struct service_call *next; /* as they came */
    struct mly_request request;
    struct service_answer answer;
    uint64_t due_ms;
};

static enum mly_status submit(struct mly_transport *t, const struct mly_request *request, struct mly_error *err)
{
    struct service_transport *service = (struct service_transport *)t;
    struct service_call **last = &service->calls;
    for (; *last; last = &(*last)->next)
        assert_true((*last)->request.ticket != request->ticket); /* tickets in flight are unique */
    struct service_call *call = service->mem->alloc(service->mem->ctx, sizeof *call);
    if (!call)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *call = (struct service_call){.request = *request};
    service->n_requests++;
    service->answer(service->ctx, request, &call->answer);
    call->due_ms = service->clock->now_ms + call->answer.after_ms;
    *last = call;
    if (++service->n_in_flight > service->peak_in_flight)
        service->peak_in_flight = service->n_in_flight;
    return MLY_OK;
}

static struct service_call **earliest(struct service_transport *service)
{
    struct service_call **found = &service->calls;
    for (struct service_call **link = found; *link; link = &(*link)->next) {
        if ((*link)->due_ms < (*found)->due_ms)
            found = link;
    }
    return found;
}

static void drop(struct service_transport *service, struct service_call **link)
{
    struct service_call *gone = *link;
    *link = gone->next;
    bytes_free(&gone->answer.body);
    service->mem->release(service->mem->ctx, gone);
    service->n_in_flight--;
}

static void fill(const struct service_transport *service, const struct service_call *call, struct mly_response *out)
{
    const struct service_answer *answer = &call->answer;
    *out = (struct mly_response){
        .ticket = call->request.ticket,
        .status = answer->status,
        .http = answer->http || answer->status < 0 ? answer->http : 200,
        .retry_after_ms = answer->retry_after_ms,
        .attempts = 1,
        .why = "the service is made up",
    };
    mly_buf_init(&out->body, service->mem, call->request.max_bytes);
    const enum mly_status status = answer->status < 0
                                       ? MLY_OK
                                       : mly_buf_append(&out->body, answer->body.data, answer->body.size);
    if (status < 0) {
        out->status = status;
        (void)snprintf(out->why, sizeof out->why, "the answer finds no room");
    }
    mly_inflate_body(gzip_unstore, out);
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct service_transport *service = (struct service_transport *)t;
    struct service_call **next = earliest(service);
    (void)err;
    service->n_polls++;
    if (!*next)
        return MLY_DONE;
    const uint64_t due_ms = (*next)->due_ms, now_ms = service->clock->now_ms;
    if (due_ms > now_ms + timeout_ms) {
        service->clock->now_ms += timeout_ms;
        return MLY_AGAIN;
    }
    service->clock->now_ms = due_ms > now_ms ? due_ms : now_ms;
    fill(service, *next, out);
    drop(service, next);
    return MLY_OK;
}

static void reset(struct mly_transport *t)
{
    struct service_transport *service = (struct service_transport *)t;
    while (service->calls)
        drop(service, &service->calls);
}

void service_init(struct service_transport *service, const struct mly_mem *mem, struct fake_clock *clock,
                  service_answer_fn *answer, void *ctx)
{
    static const struct mly_transport_vtbl vtbl = {.submit = submit, .poll = poll, .reset = reset, .destroy = reset};
    *service = (struct service_transport){
        .base = {.vtbl = &vtbl}, .mem = mem, .clock = clock, .answer = answer, .ctx = ctx};
}
