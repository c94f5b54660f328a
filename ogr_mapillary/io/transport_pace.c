/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "core/verdict.h"
#include "io/transports.h"

struct call {
    struct call *next;
    struct mly_request request;
};

/* The requests to one service. */
struct lane {
    struct call *waiting, **last; /* in the order in which they came */
    struct call *asked;           /* in flight, in no order */
    uint64_t due_ms;              /* nothing is sent before */
    uint32_t gap_ms;              /* between requests; 0: the service asks for none */
};

struct pace {
    struct mly_transport base;
    struct mly_transport *inner;
    struct mly_transport_pace_options options;
    struct lane lanes[MLY_SERVICES];
    uint32_t n_no_tiles; /* answers in a row */
    bool is_blocked;     /* by the last tile answer that said something of it */
    bool has_told;       /* that this read waits */
};

static uint64_t now(const struct pace *pace)
{
    return pace->options.clock->now_ms(pace->options.clock->ctx);
}

static void release(const struct pace *pace, struct call *call)
{
    pace->options.mem->release(pace->options.mem->ctx, call);
}

static void debug(const struct pace *pace, const char *text)
{
    if (pace->options.debug)
        pace->options.debug(pace->options.debug_ctx, text);
}

/* ---- asking ---- */

static void tell_that_it_waits(struct pace *pace)
{
    char text[160];
    const struct mly_pace_limit limit = pace->options.limit;
    if (pace->has_told)
        return;
    pace->has_told = true;
    (void)snprintf(text, sizeof text,
                   "pace: the burst of %u tile requests is spent; from now on %u.%03u a second (BURST, RATE)",
                   (unsigned)limit.burst, (unsigned)(limit.rate_mhz / 1000), (unsigned)(limit.rate_mhz % 1000));
    debug(pace, text);
}

/* Whether a request may go out now; if so, it is counted. */
static bool may_send(struct pace *pace, enum mly_request_kind kind, uint64_t at)
{
    struct lane *lane = &pace->lanes[kind];
    const bool is_probing = kind == MLY_REQUEST_TILE && pace->is_blocked && lane->asked;
    if (is_probing || at < lane->due_ms)
        return false;
    const bool is_paced = kind == MLY_REQUEST_TILE && pace->options.bucket;
    const uint32_t wait_ms = is_paced ? mly_pace_take(pace->options.bucket, pace->options.limit) : 0;
    if (wait_ms > 0) {
        tell_that_it_waits(pace);
        lane->due_ms = at + wait_ms;
        return false;
    }
    lane->due_ms = at + lane->gap_ms;
    return true;
}

/* Takes the call, also when it fails. */
static enum mly_status send(struct pace *pace, struct call *call, struct mly_error *err)
{
    struct lane *lane = &pace->lanes[call->request.kind];
    const enum mly_status status = pace->inner->vtbl->submit(pace->inner, &call->request, err);
    if (status < 0) {
        release(pace, call);
        return status;
    }
    call->next = lane->asked;
    lane->asked = call;
    return MLY_OK;
}

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct pace *pace = (struct pace *)t;
    struct lane *lane = &pace->lanes[req->kind];
    struct call *call = pace->options.mem->alloc(pace->options.mem->ctx, sizeof *call);
    if (!call)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *call = (struct call){.request = *req};
    if (!lane->waiting && may_send(pace, req->kind, now(pace)))
        return send(pace, call, err);
    *lane->last = call;
    lane->last = &call->next;
    return MLY_OK;
}

static struct call *take_waiting(struct lane *lane)
{
    struct call *call = lane->waiting;
    lane->waiting = call->next;
    if (!lane->waiting)
        lane->last = &lane->waiting;
    return call;
}

/* `*wait_ms` comes back as the time until the next request is due, if that is less. */
static enum mly_status send_due(struct pace *pace, uint64_t at, uint64_t *wait_ms, struct mly_error *err)
{
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        struct lane *lane = &pace->lanes[kind];
        while (lane->waiting && may_send(pace, (enum mly_request_kind)kind, at))
            MLY_TRY(send(pace, take_waiting(lane), err));
        if (lane->waiting && lane->due_ms > at && lane->due_ms - at < *wait_ms)
            *wait_ms = lane->due_ms - at;
    }
    return MLY_OK;
}

/* ---- what answers say of the pace ---- */

/* Above the limit, requests keep a distance that grows with what is used (API.md 2.9). An answer that says nothing of
 * it means that there is nothing to say. */
static void heed_usage(struct pace *pace, enum mly_request_kind kind, uint32_t per_cent)
{
    char text[160];
    struct lane *lane = &pace->lanes[kind];
    const uint32_t over = per_cent > MLY_LIMIT_USAGE ? per_cent - MLY_LIMIT_USAGE : 0;
    const uint32_t gap_ms = over < MLY_LIMIT_GAP_MS / 1000 ? over * 1000 : MLY_LIMIT_GAP_MS;
    const uint64_t at = now(pace);
    if (gap_ms == 0 && lane->gap_ms == 0)
        return;
    if (gap_ms != lane->gap_ms && gap_ms > 0) {
        (void)snprintf(text, sizeof text,
                       "pace: %u %% of the application's quota is used (X-App-Usage); %s keep %u s from each other",
                       (unsigned)per_cent, kind == MLY_REQUEST_TILE ? "tile requests" : "Graph requests",
                       (unsigned)(gap_ms / 1000));
        debug(pace, text);
    }
    lane->gap_ms = gap_ms;
    if (gap_ms == 0)
        lane->due_ms = 0; /* the bucket, if it has more to say, says it again */
    else if (lane->due_ms < at + gap_ms)
        lane->due_ms = at + gap_ms;
}

/* Tiles, and that there is none, or no newer one. */
static bool is_said_of_tiles(int http)
{
    return http == 200 || http == 204 || http == 304 || http == 404;
}

/* Errors say nothing about a block: theirs is the retry's business. Whoever is blocked and asks again does so with one
 * request at a time, until there is a tile. */
static void watch_for_block(struct pace *pace, struct mly_response *response)
{
    if (response->status < 0)
        return;
    if (!is_said_of_tiles(response->http)) {
        const bool is_redirect = response->http >= 300 && response->http < 400;
        pace->is_blocked = pace->is_blocked || is_redirect;
        return;
    }
    if (response->http != 200 || !mly_verdict_is_page(mly_buf_view(&response->body))) {
        pace->n_no_tiles = 0;
        pace->is_blocked = false;
        return;
    }
    if (++pace->n_no_tiles < MLY_LIMIT_NO_TILES)
        return;
    pace->is_blocked = true;
    mly_buf_fini(&response->body);
    response->status = MLY_E_QUOTA;
    (void)snprintf(response->why, sizeof response->why,
                   "the service sends pages or messages instead of tiles (%u answers in a row), " MLY_VERDICT_BLOCKED,
                   (unsigned)pace->n_no_tiles);
}

/* ---- answers ---- */

/* What leads to a request in flight; it leads to NULL if the lane has none of that ticket. */
static struct call **find_asked(struct lane *lane, uint64_t ticket)
{
    struct call **link = &lane->asked;
    while (*link && (*link)->request.ticket != ticket)
        link = &(*link)->next;
    return link;
}

static enum mly_status look_at(struct pace *pace, struct mly_response *response, struct mly_error *err)
{
    struct call **link = find_asked(&pace->lanes[MLY_REQUEST_TILE], response->ticket);
    if (!*link)
        link = find_asked(&pace->lanes[MLY_REQUEST_GRAPH], response->ticket);
    if (!*link) {
        mly_transport_fini_response(response);
        return mly_fail(err, MLY_E_ARG, "an answer nobody asked for");
    }
    struct call *call = *link;
    const enum mly_request_kind kind = call->request.kind;
    *link = call->next;
    release(pace, call);
    if (response->status >= 0)
        heed_usage(pace, kind, response->usage);
    if (kind == MLY_REQUEST_TILE)
        watch_for_block(pace, response);
    return MLY_OK;
}

static bool has_waiting(const struct pace *pace)
{
    size_t kind = 0;
    while (kind < MLY_SERVICES && !pace->lanes[kind].waiting)
        kind++;
    return kind < MLY_SERVICES;
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct pace *pace = (struct pace *)t;
    const uint64_t end = now(pace) + timeout_ms;
    for (;;) {
        const uint64_t at = now(pace);
        uint64_t wait_ms = at < end ? end - at : 0;
        MLY_TRY(send_due(pace, at, &wait_ms, err));
        enum mly_status status = pace->inner->vtbl->poll(pace->inner, (uint32_t)wait_ms, out, err);
        if (status == MLY_OK)
            return look_at(pace, out, err);
        if (status == MLY_DONE && has_waiting(pace)) { /* all that is left waits for its time */
            pace->options.clock->sleep_ms(pace->options.clock->ctx, (uint32_t)wait_ms);
            status = MLY_AGAIN;
        }
        if (status != MLY_AGAIN || now(pace) >= end)
            return status;
    }
}

/* ---- life ---- */

static void drop_all(const struct pace *pace, struct call *calls)
{
    while (calls) {
        struct call *gone = calls;
        calls = gone->next;
        release(pace, gone);
    }
}

/* What the service said of the pace holds for the next read, too. */
static void reset(struct mly_transport *t)
{
    struct pace *pace = (struct pace *)t;
    pace->inner->vtbl->reset(pace->inner);
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        struct lane *lane = &pace->lanes[kind];
        drop_all(pace, lane->waiting);
        drop_all(pace, lane->asked);
        lane->waiting = lane->asked = NULL;
        lane->last = &lane->waiting;
    }
    pace->has_told = false;
}

static void mask(struct mly_transport *t, char *text)
{
    mly_transport_mask(((struct pace *)t)->inner, text);
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    mly_transport_held(((struct pace *)t)->inner, n_bytes);
}

static void destroy(struct mly_transport *t)
{
    struct pace *pace = (struct pace *)t;
    reset(t);
    mly_transport_free(pace->inner);
    pace->options.mem->release(pace->options.mem->ctx, pace);
}

enum mly_status mly_transport_pace(struct mly_transport *inner, const struct mly_transport_pace_options *options,
                                   struct mly_transport **out, struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    struct pace *pace = options->mem->alloc(options->mem->ctx, sizeof *pace);
    if (!pace) {
        mly_transport_free(inner);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    }
    *pace = (struct pace){.base = {.vtbl = &vtbl}, .inner = inner, .options = *options};
    for (size_t kind = 0; kind < MLY_SERVICES; kind++)
        pace->lanes[kind].last = &pace->lanes[kind].waiting;
    *out = &pace->base;
    return MLY_OK;
}
