/* SPDX-License-Identifier: MIT */
#include "io/flights.h"
#include "io/transports.h"

enum { NAP_MS = 5 }; /* between looks at what others have got */

struct call {
    struct call *next;
    struct mly_request request;
    struct mly_flight *flight; /* NULL: nobody else's business */
};

struct share {
    struct mly_transport base;
    struct mly_transport *inner;
    struct mly_flights *flights;
    const struct mly_clock *clock;
    const struct mly_mem *mem;
    struct mly_flight_asker asker;
    struct call *asked;   /* of the inner transport */
    struct call *waiting; /* for what others asked */
};

static uint64_t now(const struct share *share)
{
    return share->clock->now_ms(share->clock->ctx);
}

static void push(struct call **list, struct call *call)
{
    call->next = *list;
    *list = call;
}

static struct call *take(struct call **link)
{
    struct call *call = *link;
    *link = call->next;
    return call;
}

static void release(const struct share *share, struct call *call)
{
    share->mem->release(share->mem->ctx, call);
}

/* Gives up a call, whoever was to answer it. */
static void leave(struct share *share, struct call *call)
{
    if (call->flight)
        mly_flights_leave(share->flights, &share->asker, call->flight);
    release(share, call);
}

/* ---- asking ---- */

/* Waits where somebody else asks, or asks. Takes the call, also when it fails. */
static enum mly_status ask_or_wait(struct share *share, struct call *call, struct mly_error *err)
{
    const struct mly_request *request = &call->request;
    bool is_first = true;
    /* What did not decode is asked for anew, whatever others are about to get. */
    if (request->kind == MLY_REQUEST_TILE && !request->fresh)
        call->flight = mly_flights_join(share->flights, &share->asker, request, now(share), &is_first);
    if (!is_first) {
        push(&share->waiting, call);
        return MLY_OK;
    }
    const enum mly_status status = share->inner->vtbl->submit(share->inner, request, err);
    if (status < 0)
        leave(share, call);
    else
        push(&share->asked, call);
    return status;
}

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct share *share = (struct share *)t;
    struct call *call = share->mem->alloc(share->mem->ctx, sizeof *call);
    if (!call)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *call = (struct call){.request = *req};
    return ask_or_wait(share, call, err);
}

/* ---- answers ---- */

/* MLY_AGAIN: others have nothing yet. A call whose answer will not come is asked after all. */
static enum mly_status look_at_others(struct share *share, struct mly_response *out, struct mly_error *err)
{
    struct call **link = &share->waiting;
    while (*link) {
        const enum mly_status status = mly_flights_look(share->flights, &share->asker, (*link)->flight, now(share),
                                                        &(*link)->request, share->mem, out, err);
        if (status == MLY_AGAIN) {
            link = &(*link)->next;
            continue;
        }
        struct call *call = take(link);
        call->flight = NULL;
        if (status == MLY_DONE) {
            MLY_TRY(ask_or_wait(share, call, err));
            link = &share->waiting; /* it may stand in front now */
            continue;
        }
        out->ticket = call->request.ticket;
        release(share, call);
        return status;
    }
    return MLY_AGAIN;
}

static enum mly_status poll_inner(struct share *share, uint32_t timeout_ms, struct mly_response *out,
                                  struct mly_error *err)
{
    const enum mly_status status = share->inner->vtbl->poll(share->inner, timeout_ms, out, err);
    struct call **link = &share->asked;
    if (status != MLY_OK)
        return status;
    while (*link && (*link)->request.ticket != out->ticket)
        link = &(*link)->next;
    if (!*link) {
        mly_transport_fini_response(out);
        return mly_fail(err, MLY_E_ARG, "an answer nobody asked for");
    }
    struct call *call = take(link);
    if (call->flight)
        mly_flights_land(share->flights, call->flight, out);
    release(share, call);
    return MLY_OK;
}

static enum mly_status poll_both(struct share *share, uint32_t timeout_ms, struct mly_response *out,
                                 struct mly_error *err)
{
    const uint64_t end_ms = now(share) + timeout_ms;
    for (;;) {
        enum mly_status status = look_at_others(share, out, err);
        if (status != MLY_AGAIN)
            return status;
        if (!share->asked && !share->waiting)
            return MLY_DONE;
        const uint64_t at_ms = now(share);
        uint32_t wait_ms = at_ms < end_ms ? (uint32_t)(end_ms - at_ms) : 0;
        if (share->waiting && wait_ms > NAP_MS)
            wait_ms = NAP_MS;
        if (share->asked)
            status = poll_inner(share, wait_ms, out, err);
        else if (wait_ms > 0)
            share->clock->sleep_ms(share->clock->ctx, wait_ms);
        if (status != MLY_AGAIN || now(share) >= end_ms)
            return status;
    }
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct share *share = (struct share *)t;
    mly_flights_begin_poll(share->flights, &share->asker, now(share));
    const enum mly_status status = poll_both(share, timeout_ms, out, err);
    mly_flights_end_poll(share->flights, &share->asker, now(share));
    return status;
}

/* ---- life ---- */

static void reset(struct mly_transport *t)
{
    struct share *share = (struct share *)t;
    share->inner->vtbl->reset(share->inner);
    while (share->asked)
        leave(share, take(&share->asked));
    while (share->waiting)
        leave(share, take(&share->waiting));
}

static void mask(struct mly_transport *t, char *text)
{
    mly_transport_mask(((struct share *)t)->inner, text);
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    mly_transport_held(((struct share *)t)->inner, n_bytes);
}

static void destroy(struct mly_transport *t)
{
    struct share *share = (struct share *)t;
    reset(t);
    mly_transport_free(share->inner);
    share->mem->release(share->mem->ctx, share);
}

enum mly_status mly_transport_share(struct mly_transport *inner, struct mly_flights *flights,
                                    const struct mly_clock *clock, const struct mly_mem *mem,
                                    struct mly_transport **out, struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    struct share *share = mem->alloc(mem->ctx, sizeof *share);
    if (!share) {
        mly_transport_free(inner);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    }
    *share = (struct share){.base = {.vtbl = &vtbl}, .inner = inner, .flights = flights, .clock = clock, .mem = mem};
    *out = &share->base;
    return MLY_OK;
}
