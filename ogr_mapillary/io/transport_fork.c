/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "io/transports.h"

enum { SLICE_MS = 10 }; /* how long one may keep the other waiting */

/* A request that nobody can answer. */
struct refused {
    struct refused *next;
    uint64_t ticket;
};

struct fork {
    struct mly_transport base;
    struct mly_transport *inner[MLY_SERVICES]; /* NULL: there is none */
    size_t turn;                               /* who is asked first */
    struct refused *first, **last;
    const char *why;
    const struct mly_mem *mem;
};

/* ---- requests ---- */

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct fork *fork = (struct fork *)t;
    struct mly_transport *inner = fork->inner[req->kind];
    if (inner)
        return inner->vtbl->submit(inner, req, err);
    struct refused *refused = fork->mem->alloc(fork->mem->ctx, sizeof *refused);
    if (!refused)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *refused = (struct refused){.ticket = req->ticket};
    *fork->last = refused;
    fork->last = &refused->next;
    return MLY_OK;
}

/* ---- answers ---- */

static void drop_first(struct fork *fork)
{
    struct refused *gone = fork->first;
    fork->first = gone->next;
    if (!fork->first)
        fork->last = &fork->first;
    fork->mem->release(fork->mem->ctx, gone);
}

static void answer_refused(struct fork *fork, struct mly_response *out)
{
    *out = (struct mly_response){.ticket = fork->first->ticket, .status = MLY_E_REMOTE};
    mly_buf_init(&out->body, fork->mem, 0);
    (void)snprintf(out->why, sizeof out->why, "%s", fork->why);
    drop_first(fork);
}

/* After an answer the other side has the first word: neither can keep the other from being heard. */
static enum mly_status poll_one(struct fork *fork, size_t kind, uint32_t timeout_ms, struct mly_response *out,
                                struct mly_error *err)
{
    struct mly_transport *inner = fork->inner[kind];
    const enum mly_status status = inner ? inner->vtbl->poll(inner, timeout_ms, out, err) : MLY_DONE;
    if (status == MLY_OK)
        fork->turn = (kind + 1) % MLY_SERVICES;
    return status;
}

/* What is there already. MLY_AGAIN: nothing is; `owes` says who may have something later. */
static enum mly_status poll_all(struct fork *fork, bool owes[MLY_SERVICES], struct mly_response *out,
                                struct mly_error *err)
{
    enum mly_status all = MLY_DONE;
    const size_t first = fork->turn;
    for (size_t i = 0; i < MLY_SERVICES; i++) {
        const size_t kind = (first + i) % MLY_SERVICES;
        const enum mly_status status = poll_one(fork, kind, 0, out, err);
        if (status <= MLY_OK)
            return status;
        owes[kind] = status == MLY_AGAIN;
        if (owes[kind])
            all = MLY_AGAIN;
    }
    return all;
}

/* No clock is needed: each slice that passes without an answer is taken to have been waited for. One that ends early
 * only makes the whole end early. */
static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct fork *fork = (struct fork *)t;
    if (fork->first) {
        answer_refused(fork, out);
        return MLY_OK;
    }
    for (uint32_t left_ms = timeout_ms;;) {
        bool owes[MLY_SERVICES] = {false};
        enum mly_status status = poll_all(fork, owes, out, err);
        if (status != MLY_AGAIN || left_ms == 0)
            return status;
        if (!owes[MLY_REQUEST_TILE])
            return poll_one(fork, MLY_REQUEST_GRAPH, left_ms, out, err);
        if (!owes[MLY_REQUEST_GRAPH])
            return poll_one(fork, MLY_REQUEST_TILE, left_ms, out, err);
        const uint32_t slice_ms = left_ms < SLICE_MS ? left_ms : SLICE_MS;
        const size_t waited_for = fork->turn;
        status = poll_one(fork, waited_for, slice_ms, out, err);
        if (status <= MLY_OK)
            return status;
        fork->turn = (waited_for + 1) % MLY_SERVICES;
        left_ms -= slice_ms;
    }
}

/* ---- life ---- */

static void reset(struct mly_transport *t)
{
    struct fork *fork = (struct fork *)t;
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        if (fork->inner[kind])
            fork->inner[kind]->vtbl->reset(fork->inner[kind]);
    }
    while (fork->first)
        drop_first(fork);
}

static void mask(struct mly_transport *t, char *text)
{
    const struct fork *fork = (struct fork *)t;
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        if (fork->inner[kind])
            mly_transport_mask(fork->inner[kind], text);
    }
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    const struct fork *fork = (struct fork *)t;
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        if (fork->inner[kind])
            mly_transport_held(fork->inner[kind], n_bytes);
    }
}

static void destroy(struct mly_transport *t)
{
    struct fork *fork = (struct fork *)t;
    reset(t);
    for (size_t kind = 0; kind < MLY_SERVICES; kind++)
        mly_transport_free(fork->inner[kind]);
    fork->mem->release(fork->mem->ctx, fork);
}

enum mly_status mly_transport_fork(struct mly_transport *tiles, struct mly_transport *graph, const char *why,
                                   const struct mly_mem *mem, struct mly_transport **out, struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    struct fork *fork = mem->alloc(mem->ctx, sizeof *fork);
    if (!fork) {
        mly_transport_free(tiles);
        mly_transport_free(graph);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    }
    *fork = (struct fork){
        .base = {.vtbl = &vtbl},
        .inner = {[MLY_REQUEST_TILE] = tiles, [MLY_REQUEST_GRAPH] = graph},
        .why = why,
        .mem = mem,
    };
    fork->last = &fork->first;
    *out = &fork->base;
    return MLY_OK;
}
