/* SPDX-License-Identifier: MIT */
#include "script_transport.h"

#include <stdio.h>
#include <string.h>

struct script_call {
    struct script_call *next; /* as they came */
    const struct script_answer *answer;
    uint64_t ticket, due_ms;
    size_t max_bytes;
};

static const struct script_answer *find_answer(struct script_transport *script, const char *key)
{
    for (size_t i = 0; i < script->n_answers; i++) {
        if (!script->used[i] && strcmp(script->answers[i].key, key) == 0) {
            script->used[i] = true;
            return &script->answers[i];
        }
    }
    fail_msg("nobody expected a request for %s", key);
    return NULL;
}

static void write_log(struct script_transport *script, const struct mly_request *request)
{
    assert_true(script->n_log < SCRIPT_MAX);
    struct script_request *entry = &script->log[script->n_log++];
    (void)snprintf(entry->key, sizeof entry->key, "%s", request->key);
    (void)snprintf(entry->url, sizeof entry->url, "%s", request->url);
    entry->fresh = request->fresh;
    (void)snprintf(entry->validator, sizeof entry->validator, "%s", request->validator);
    entry->at_ms = script->clock->now_ms;
}

static enum mly_status submit(struct mly_transport *t, const struct mly_request *request, struct mly_error *err)
{
    struct script_transport *script = (struct script_transport *)t;
    struct script_call **last = &script->calls;
    for (; *last; last = &(*last)->next)
        assert_true((*last)->ticket != request->ticket); /* tickets in flight are unique */
    struct script_call *call = script->mem->alloc(script->mem->ctx, sizeof *call);
    if (!call)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");

    write_log(script, request);
    const struct script_answer *answer = find_answer(script, request->key);
    if (answer->refused < 0) {
        script->mem->release(script->mem->ctx, call);
        return mly_fail(err, answer->refused, "%s", answer->why ? answer->why : "refused");
    }
    *call = (struct script_call){
        .answer = answer,
        .ticket = request->ticket,
        .due_ms = script->clock->now_ms + answer->after_ms,
        .max_bytes = request->max_bytes,
    };
    *last = call;
    if (++script->n_in_flight > script->peak_in_flight)
        script->peak_in_flight = script->n_in_flight;
    return MLY_OK;
}

static struct script_call **earliest(struct script_transport *script)
{
    struct script_call **found = &script->calls;
    for (struct script_call **link = found; *link; link = &(*link)->next) {
        if ((*link)->due_ms < (*found)->due_ms)
            found = link;
    }
    return found;
}

static void drop(struct script_transport *script, struct script_call **link)
{
    struct script_call *gone = *link;
    *link = gone->next;
    script->mem->release(script->mem->ctx, gone);
    script->n_in_flight--;
}

static void fill(const struct script_transport *script, const struct script_call *call, struct mly_response *out)
{
    const struct script_answer *answer = call->answer;
    *out = (struct mly_response){
        .ticket = call->ticket,
        .status = answer->status,
        .http = answer->http || answer->status < 0 ? answer->http : 200,
        .retry_after_ms = answer->retry_after_ms,
        .usage = answer->usage,
        .attempts = 1,
        .is_stored = answer->is_stored,
        .age_ms = answer->age_ms,
    };
    mly_buf_init(&out->body, script->mem, call->max_bytes);
    (void)snprintf(out->why, sizeof out->why, "%s", answer->why ? answer->why : "");
    (void)snprintf(out->validator, sizeof out->validator, "%s", answer->validator ? answer->validator : "");
    const enum mly_status status = mly_buf_append(&out->body, answer->body.data, answer->body.size);
    if (status < 0) {
        out->status = status;
        (void)snprintf(out->why, sizeof out->why, "the answer finds no room");
    }
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct script_transport *script = (struct script_transport *)t;
    struct script_call **next = earliest(script);
    (void)err;
    if (!*next)
        return MLY_DONE;
    const uint64_t due_ms = (*next)->due_ms, now_ms = script->clock->now_ms;
    if (due_ms > now_ms + timeout_ms) {
        script->clock->now_ms += timeout_ms;
        return MLY_AGAIN;
    }
    script->clock->now_ms = due_ms > now_ms ? due_ms : now_ms;
    fill(script, *next, out);
    drop(script, next);
    return MLY_OK;
}

static void reset(struct mly_transport *t)
{
    struct script_transport *script = (struct script_transport *)t;
    while (script->calls)
        drop(script, &script->calls);
    script->n_resets++;
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    ((struct script_transport *)t)->held_bytes = n_bytes;
}

static void mask(struct mly_transport *t, char *text)
{
    const char *secret = ((struct script_transport *)t)->secret;
    for (char *found = secret ? strstr(text, secret) : NULL; found; found = strstr(found, secret))
        memset(found, '*', strlen(secret));
}

static void destroy(struct mly_transport *t)
{
    struct script_transport *script = (struct script_transport *)t;
    while (script->calls)
        drop(script, &script->calls);
    script->n_destroyed++;
}

void script_init(struct script_transport *script, const struct mly_mem *mem, struct fake_clock *clock)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    *script = (struct script_transport){.base = {.vtbl = &vtbl}, .mem = mem, .clock = clock};
}

void script_add(struct script_transport *script, struct script_answer answer)
{
    assert_true(script->n_answers < SCRIPT_MAX);
    script->answers[script->n_answers++] = answer;
}

void script_check(const struct script_transport *script, const char *file, int line)
{
    for (size_t i = 0; i < script->n_answers; i++) {
        if (!script->used[i]) {
            print_error("nobody asked for answer %zu, to %s\n", i, script->answers[i].key);
            _fail(file, line);
        }
    }
}

size_t script_count(const struct script_transport *script, const char *key)
{
    size_t n = 0;
    for (size_t i = 0; i < script->n_log; i++)
        n += strcmp(script->log[i].key, key) == 0;
    return n;
}
