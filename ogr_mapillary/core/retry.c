/* SPDX-License-Identifier: MIT */
#include "retry.h"

#include "verdict.h"

/* A request that is in flight, or waits for its next attempt. */
struct pending {
    struct pending *next;
    struct mly_request request;
    uint32_t attempts;
    uint64_t due_ms; /* 0: in flight */
    bool neglected;  /* nobody polled for a while: a time-out is then our own doing */
};

struct retry {
    struct mly_transport base;
    struct mly_transport *inner;
    struct mly_retry_policy policy;
    const struct mly_clock *clock;
    const struct mly_mem *mem;
    struct pending *pending;
    uint64_t polled_ms; /* when the last poll ended */
    uint64_t chance;    /* state of the generator of jitter */
};

static uint64_t now(const struct retry *r)
{
    return r->clock->now_ms(r->clock->ctx);
}

/* xorshift64: spreads out clients that were refused together; nothing depends on its quality. */
static uint32_t jitter(struct retry *r, uint64_t below)
{
    r->chance ^= r->chance << 13;
    r->chance ^= r->chance >> 7;
    r->chance ^= r->chance << 17;
    return below ? (uint32_t)(r->chance % below) : 0;
}

static uint64_t delay_before(struct retry *r, uint32_t attempt)
{
    uint64_t delay = r->policy.first_delay_ms;
    for (uint32_t i = 1; i < attempt && delay < MLY_LIMIT_RETRY_DELAY_MS; i++)
        delay *= 2;
    delay = delay < MLY_LIMIT_RETRY_DELAY_MS ? delay : MLY_LIMIT_RETRY_DELAY_MS;
    return delay + jitter(r, delay / 4 + 1);
}

static struct pending **find(struct retry *r, uint64_t ticket)
{
    struct pending **link = &r->pending;
    while (*link && (*link)->request.ticket != ticket)
        link = &(*link)->next;
    return link;
}

static void drop(struct retry *r, struct pending **link)
{
    struct pending *gone = *link;
    *link = gone->next;
    r->mem->release(r->mem->ctx, gone);
}

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct retry *r = (struct retry *)t;
    MLY_TRY(mly_transport_spend(req, err));
    struct pending *p = r->mem->alloc(r->mem->ctx, sizeof *p);
    if (!p)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *p = (struct pending){.next = r->pending, .request = *req, .attempts = 1};
    if (!r->pending)
        r->polled_ms = now(r); /* nobody was waiting */
    const enum mly_status status = r->inner->vtbl->submit(r->inner, req, err);
    if (status < 0) {
        r->mem->release(r->mem->ctx, p);
        return status;
    }
    r->pending = p;
    return MLY_OK;
}

/* Sends what is due. `*wait_ms` comes back as the time until the next one is, if that is less. */
static enum mly_status resubmit_due(struct retry *r, uint64_t at, uint64_t *wait_ms, struct mly_error *err)
{
    for (struct pending *p = r->pending; p; p = p->next) {
        if (p->due_ms == 0)
            continue;
        if (p->due_ms > at) {
            *wait_ms = p->due_ms - at < *wait_ms ? p->due_ms - at : *wait_ms;
            continue;
        }
        p->due_ms = 0;
        p->attempts++;
        MLY_TRY(r->inner->vtbl->submit(r->inner, &p->request, err));
    }
    return MLY_OK;
}

/* A consumer that takes its time between rows keeps everybody waiting: connections that were being made run out of
 * theirs. That says nothing about the service, and costs no attempt. */
static void mark_neglected(struct retry *r)
{
    enum { A_WHILE_MS = 1000 };
    const uint64_t at = now(r);
    for (struct pending *p = r->pending; p && at - r->polled_ms > A_WHILE_MS; p = p->next)
        p->neglected = p->neglected || p->due_ms == 0;
}

/* True: the answer was put aside and its request waits. */
static bool put_aside(struct retry *r, struct pending *p, struct mly_response *response)
{
    if (p->neglected && response->status == MLY_E_NETWORK) {
        p->neglected = false;
        p->attempts--; /* the next one takes its place */
        p->due_ms = now(r) + 1;
        mly_transport_fini_response(response);
        return true;
    }
    if (mly_verdict_of(p->request.kind, response, NULL) != MLY_VERDICT_RETRY || p->attempts > r->policy.max_retries ||
        response->retry_after_ms > MLY_LIMIT_RETRY_AFTER_MS)
        return false;
    uint64_t delay = delay_before(r, p->attempts);
    if (delay <= response->retry_after_ms && response->retry_after_ms > 0)
        delay = response->retry_after_ms + UINT64_C(1); /* not sooner: the clock counts whole milliseconds */
    p->due_ms = now(r) + (delay ? delay : 1);
    mly_transport_fini_response(response);
    return true;
}

static bool has_waiting(const struct retry *r)
{
    const struct pending *p = r->pending;
    while (p && p->due_ms == 0)
        p = p->next;
    return p != NULL;
}

/* One answer of the inner transport. MLY_AGAIN also when it was put aside. */
static enum mly_status poll_inner(struct retry *r, uint64_t wait_ms, struct mly_response *out, struct mly_error *err)
{
    const enum mly_status status = r->inner->vtbl->poll(r->inner, (uint32_t)wait_ms, out, err);
    if (status == MLY_DONE && has_waiting(r)) { /* all that is left waits for its time */
        r->clock->sleep_ms(r->clock->ctx, (uint32_t)wait_ms);
        return MLY_AGAIN;
    }
    if (status != MLY_OK)
        return status;
    struct pending **link = find(r, out->ticket);
    if (!*link)
        return mly_fail(err, MLY_E_ARG, "an answer nobody asked for");
    if (put_aside(r, *link, out))
        return MLY_AGAIN;
    out->attempts = (*link)->attempts;
    drop(r, link);
    return MLY_OK;
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct retry *r = (struct retry *)t;
    const uint64_t end = now(r) + timeout_ms;
    mark_neglected(r);
    for (;;) {
        const uint64_t at = now(r);
        uint64_t wait_ms = at < end ? end - at : 0;
        MLY_TRY(resubmit_due(r, at, &wait_ms, err));
        const enum mly_status status = poll_inner(r, wait_ms, out, err);
        r->polled_ms = now(r);
        if (status != MLY_AGAIN || r->polled_ms >= end)
            return status;
    }
}

static void reset(struct mly_transport *t)
{
    struct retry *r = (struct retry *)t;
    r->inner->vtbl->reset(r->inner);
    while (r->pending)
        drop(r, &r->pending);
}

static void mask(struct mly_transport *t, char *text)
{
    mly_transport_mask(((struct retry *)t)->inner, text);
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    mly_transport_held(((struct retry *)t)->inner, n_bytes);
}

static void destroy(struct mly_transport *t)
{
    struct retry *r = (struct retry *)t;
    reset(t);
    mly_transport_free(r->inner);
    r->mem->release(r->mem->ctx, r);
}

enum mly_status mly_retry_new(struct mly_transport *inner, const struct mly_retry_policy *policy,
                              const struct mly_clock *clock, const struct mly_mem *mem, struct mly_transport **out,
                              struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    struct retry *r = mem->alloc(mem->ctx, sizeof *r);
    if (!r) {
        mly_transport_free(inner);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    }
    *r = (struct retry){
        .base = {.vtbl = &vtbl},
        .inner = inner,
        .policy = *policy,
        .clock = clock,
        .mem = mem,
        .chance = clock->now_ms(clock->ctx) * 2 + 1, /* xorshift must not begin at 0 */
    };
    *out = &r->base;
    return MLY_OK;
}
