/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "core/graph.h"
#include "core/request.h"
#include "core/verdict.h"
#include "io/store.h"
#include "io/transports.h"

enum { TILE_FIRST_BYTE = 0x1a }; /* MVT 2.1, 4.1: a tile is a series of field 3, length-delimited */

enum source {
    FROM_INNER,  /* in flight */
    FROM_STORE,  /* there when it was asked for; the poll that hands it over reads it, so that one body is held at once
                  */
    FROM_NOWHERE /* missing, and nobody to ask */
};

struct pending {
    struct pending *next;
    struct mly_request request;
    enum source source;
    struct mly_store_about about; /* FROM_STORE */
};

/* In the order in which they came. */
struct queue {
    struct pending *first, **last;
};

struct cache {
    struct mly_transport base;
    struct mly_transport *inner; /* NULL: offline */
    struct mly_store *store;
    const struct mly_mem *mem;
    struct queue ready;                           /* FROM_STORE and FROM_NOWHERE */
    struct queue asked;                           /* FROM_INNER */
    char scopes[MLY_SERVICES][MLY_LIMIT_ADDRESS]; /* empty: none */
};

/* ---- requests ---- */

static void append(struct queue *queue, struct pending *pending)
{
    pending->next = NULL;
    *queue->last = pending;
    queue->last = &pending->next;
}

/* Takes what `link` leads to out of the queue. */
static struct pending *take(struct queue *queue, struct pending **link)
{
    struct pending *taken = *link;
    *link = taken->next;
    if (queue->last == &taken->next)
        queue->last = link;
    return taken;
}

static struct pending **find(struct queue *queue, uint64_t ticket)
{
    struct pending **link = &queue->first;
    while (*link && (*link)->request.ticket != ticket)
        link = &(*link)->next;
    return link;
}

static void release(const struct cache *cache, struct pending *pending)
{
    cache->mem->release(cache->mem->ctx, pending);
}

/* Entities are stored one by one, which is another transport's job. */
static bool is_stored(const struct cache *cache, const struct mly_request *request)
{
    int64_t ids[MLY_LIMIT_BATCH];
    const char *fields = NULL;
    return cache->scopes[request->kind][0] != '\0' && mly_request_read_entities(request, ids, &fields) == 0;
}

static struct mly_entry_name name_of(const struct cache *cache, const struct mly_request *request)
{
    return (struct mly_entry_name){.scope = cache->scopes[request->kind], .key = request->key};
}

/* ---- asking ---- */

static enum source choose_source(struct cache *cache, const struct mly_request *request, struct mly_store_about *about)
{
    const enum source otherwise = cache->inner ? FROM_INNER : FROM_NOWHERE;
    const struct mly_entry_name name = name_of(cache, request);
    if (!is_stored(cache, request))
        return otherwise;
    if (request->fresh) { /* what is there does not decode; as the only answer there will be, it may stay */
        if (cache->inner)
            mly_store_remove(cache->store, &name);
        return otherwise;
    }
    if (mly_store_stat(cache->store, &name, about) != MLY_OK)
        return otherwise;
    return about->is_fresh || !cache->inner ? FROM_STORE : FROM_INNER;
}

/* Takes `pending`, also when it fails. */
static enum mly_status ask_inner(struct cache *cache, struct pending *pending, struct mly_error *err)
{
    const enum mly_status status = cache->inner->vtbl->submit(cache->inner, &pending->request, err);
    if (status < 0)
        release(cache, pending);
    else
        append(&cache->asked, pending);
    return status;
}

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct cache *cache = (struct cache *)t;
    struct pending *pending = cache->mem->alloc(cache->mem->ctx, sizeof *pending);
    if (!pending)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *pending = (struct pending){.request = *req};
    pending->source = choose_source(cache, req, &pending->about);
    memcpy(pending->request.validator, pending->about.validator, sizeof pending->request.validator);
    if (pending->source == FROM_INNER)
        return ask_inner(cache, pending, err);
    append(&cache->ready, pending);
    return MLY_OK;
}

/* ---- answers of the inner transport ---- */

static bool is_tile(const struct mly_buf *body)
{
    return body->size > 0 && body->data[0] == TILE_FIRST_BYTE;
}

/* Whether the answer is worth keeping. A body that is no tile is an error page in disguise. */
static bool is_kept(const struct mly_response *response)
{
    const enum mly_verdict verdict = mly_verdict_of_tile(response, NULL);
    return verdict == MLY_VERDICT_EMPTY || (verdict == MLY_VERDICT_BODY && is_tile(&response->body));
}

static void keep_tile(struct cache *cache, const struct mly_request *request, const struct mly_response *response)
{
    const struct mly_entry_name name = name_of(cache, request);
    struct mly_span body = mly_buf_view(&response->body);
    if (response->http != 200) /* the words of a 404 */
        body.size = 0;
    if (is_kept(response))
        (void)mly_store_put_validated(cache->store, &name, response->http, response->validator, body);
}

/* Searches come in pages; other lists are whole, however long. */
static bool is_cut(const struct mly_request *request, const struct mly_graph *list)
{
    return strncmp(request->key, "images/", strlen("images/")) == 0 && mly_graph_count(list) >= MLY_LIMIT_PAGE;
}

/* Prints the list without what was not asked for. The address of its next page carries the token (API.md 2.4), in
 * whatever spelling: what is kept is the page's request, which never has one. MLY_DONE: a full page that nothing
 * follows is no list but the service's failure, which the asker will find. */
static enum mly_status print_list(const struct cache *cache, const struct mly_request *request,
                                  const struct mly_graph *list, struct mly_buf *out)
{
    struct mly_request page;
    const struct mly_span next = mly_graph_next(list);
    if (next.size == 0)
        return is_cut(request, list) ? MLY_DONE : mly_graph_print_list(list, NULL, out, NULL);
    MLY_TRY(mly_request_page(cache->scopes[MLY_REQUEST_GRAPH], next, request, &page, NULL));
    return mly_graph_print_list(list, page.url, out, NULL);
}

static void keep_list(struct cache *cache, const struct mly_request *request, const struct mly_response *response)
{
    struct mly_graph *list = NULL;
    struct mly_buf text;
    const struct mly_entry_name name = name_of(cache, request);
    if (mly_verdict_of(MLY_REQUEST_GRAPH, response, NULL) != MLY_VERDICT_BODY ||
        mly_graph_open_list(mly_buf_view(&response->body), &list, NULL) != MLY_OK)
        return;
    mly_buf_init(&text, cache->mem, MLY_LIMIT_JSON + MLY_LIMIT_URL);
    if (print_list(cache, request, list, &text) == MLY_OK && !mly_transport_masks(cache->inner, &text))
        (void)mly_store_put_validated(cache->store, &name, 200, response->validator, mly_buf_view(&text));
    mly_buf_fini(&text);
    mly_graph_free(list);
}

static void write_through(struct cache *cache, const struct mly_request *request, const struct mly_response *response)
{
    if (!is_stored(cache, request))
        return;
    if (request->kind == MLY_REQUEST_TILE)
        keep_tile(cache, request, response);
    else
        keep_list(cache, request, response);
}

/* Whether there are bytes of the tile. That it is missing now may pass (API.md 1.4): old rows are better than none. */
static bool is_tile_stored(struct cache *cache, const struct mly_request *request)
{
    struct mly_store_about about;
    const struct mly_entry_name name = name_of(cache, request);
    return request->kind == MLY_REQUEST_TILE && !request->fresh && is_stored(cache, request) &&
           mly_store_stat(cache->store, &name, &about) == MLY_OK && about.n_bytes > 0;
}

static uint64_t age_of(struct cache *cache, const struct mly_store_about *about)
{
    const int64_t now_ms = mly_store_now(cache->store);
    return now_ms > about->fetched_ms ? (uint64_t)now_ms - (uint64_t)about->fetched_ms : 0;
}

/* Answers with what is stored; when the service says that it is still true, it is young again. MLY_DONE: it has gone in
 * the meantime. */
static enum mly_status renew(struct cache *cache, const struct mly_request *request, bool is_true,
                             struct mly_response *out)
{
    struct mly_store_about about;
    const struct mly_entry_name name = name_of(cache, request);
    mly_buf_fini(&out->body);
    mly_buf_init(&out->body, cache->mem, request->max_bytes);
    const enum mly_status status = mly_store_get(cache->store, &name, &about, &out->body);
    if (status == MLY_OK) {
        out->http = about.http;
        out->age_ms = is_true ? 0 : age_of(cache, &about);
        if (is_true)
            (void)mly_store_put_validated(cache->store, &name, about.http, about.validator, mly_buf_view(&out->body));
    }
    return status;
}

/* Takes an answer that the inner transport gave to `pending`. MLY_AGAIN: it was no answer, and is asked for anew. */
static enum mly_status take_answer(struct cache *cache, struct pending *pending, struct mly_response *out,
                                   struct mly_error *err)
{
    const bool is_unchanged = out->status == MLY_OK && out->http == 304 && pending->request.validator[0];
    const bool is_gone = out->status == MLY_OK && out->http == 404 && is_tile_stored(cache, &pending->request);
    if (is_unchanged || is_gone) {
        const int http = out->http;
        if (renew(cache, &pending->request, is_unchanged, out) != MLY_OK && http == 304) {
            mly_transport_fini_response(out);
            pending->request.validator[0] = '\0';
            const enum mly_status status = ask_inner(cache, pending, err);
            return status < 0 ? status : MLY_AGAIN;
        }
    } else {
        write_through(cache, &pending->request, out);
    }
    release(cache, pending);
    return MLY_OK;
}

static enum mly_status poll_inner(struct cache *cache, uint32_t timeout_ms, struct mly_response *out,
                                  struct mly_error *err)
{
    const enum mly_status status = cache->inner->vtbl->poll(cache->inner, timeout_ms, out, err);
    if (status != MLY_OK)
        return status;
    struct pending **link = find(&cache->asked, out->ticket);
    if (!*link) {
        mly_transport_fini_response(out);
        return mly_fail(err, MLY_E_ARG, "an answer nobody asked for");
    }
    return take_answer(cache, take(&cache->asked, link), out, err);
}

/* ---- answers of our own ---- */

/* Returns MLY_OK: a failure is an answer, too. */
static enum mly_status answer_failure(struct mly_response *out, enum mly_status status, const char *why)
{
    out->status = status;
    (void)snprintf(out->why, sizeof out->why, "%s", why);
    return MLY_OK;
}

/* MLY_DONE: it has gone in the meantime, or is damaged. */
static enum mly_status answer_from_store(struct cache *cache, const struct pending *pending, struct mly_response *out)
{
    const struct mly_entry_name name = name_of(cache, &pending->request);
    struct mly_store_about about = pending->about;
    if (about.n_bytes > 0) { /* else all is known */
        const enum mly_status status = mly_store_get(cache->store, &name, &about, &out->body);
        if (status == MLY_E_NOMEM)
            return answer_failure(out, MLY_E_NOMEM, "out of memory for the answer");
        if (status != MLY_OK)
            return MLY_DONE;
    }
    out->http = about.http;
    out->age_ms = age_of(cache, &about);
    out->is_stored = true;
    return MLY_OK;
}

static enum mly_status answer_missing(const struct pending *pending, struct mly_response *out)
{
    return answer_failure(out, MLY_E_REMOTE,
                          pending->request.fresh
                              ? "what the cache holds does not decode, and nothing else may be asked "
                                "(OFFLINE=YES); read it once without OFFLINE"
                              : "not in the cache (OFFLINE=YES); read it once without OFFLINE");
}

/* MLY_AGAIN: inner had to be asked after all. */
static enum mly_status answer_first(struct cache *cache, struct mly_response *out, struct mly_error *err)
{
    struct pending *pending = take(&cache->ready, &cache->ready.first);
    struct mly_response response = {.ticket = pending->request.ticket};
    mly_buf_init(&response.body, cache->mem, pending->request.max_bytes);
    enum mly_status status = MLY_DONE;
    if (pending->source == FROM_STORE)
        status = answer_from_store(cache, pending, &response);
    if (status == MLY_DONE && cache->inner) {
        pending->request.validator[0] = '\0';
        status = ask_inner(cache, pending, err);
        return status < 0 ? status : MLY_AGAIN;
    }
    if (status == MLY_DONE)
        status = answer_missing(pending, &response);
    *out = response;
    release(cache, pending);
    return status;
}

/* The network gets its turn before each answer of our own: a long row of hits must not stall it. */
static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct cache *cache = (struct cache *)t;
    for (;;) {
        const bool is_ready = cache->ready.first != NULL;
        enum mly_status status = MLY_DONE;
        if (cache->asked.first)
            status = poll_inner(cache, is_ready ? 0 : timeout_ms, out, err);
        if (status <= MLY_OK || !is_ready)
            return status;
        status = answer_first(cache, out, err);
        if (status != MLY_AGAIN)
            return status;
    }
}

/* ---- life ---- */

static void drop_all(const struct cache *cache, struct queue *queue)
{
    while (queue->first)
        release(cache, take(queue, &queue->first));
}

static void reset(struct mly_transport *t)
{
    struct cache *cache = (struct cache *)t;
    if (cache->inner)
        cache->inner->vtbl->reset(cache->inner);
    drop_all(cache, &cache->ready);
    drop_all(cache, &cache->asked);
}

static void mask(struct mly_transport *t, char *text)
{
    const struct cache *cache = (struct cache *)t;
    if (cache->inner)
        mly_transport_mask(cache->inner, text);
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    const struct cache *cache = (struct cache *)t;
    if (cache->inner)
        mly_transport_held(cache->inner, n_bytes);
}

static void destroy(struct mly_transport *t)
{
    struct cache *cache = (struct cache *)t;
    reset(t);
    mly_transport_free(cache->inner);
    cache->mem->release(cache->mem->ctx, cache);
}

static bool can_be_kept(const char *const scopes[MLY_SERVICES])
{
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        const struct mly_entry_name any = {.scope = scopes[kind], .key = "any"};
        if (any.scope && !mly_entry_is_name(&any))
            return false;
    }
    return true;
}

enum mly_status mly_transport_cache(struct mly_transport *inner, struct mly_store *store,
                                    const char *const scopes[MLY_SERVICES], const struct mly_mem *mem,
                                    struct mly_transport **out, struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    if (!can_be_kept(scopes)) {
        mly_transport_free(inner);
        return mly_fail(err, MLY_E_ARG,
                        "answers of this address cannot be kept: it is empty, too long or not printable");
    }
    struct cache *cache = mem->alloc(mem->ctx, sizeof *cache);
    if (!cache) {
        mly_transport_free(inner);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    }
    *cache = (struct cache){.base = {.vtbl = &vtbl}, .inner = inner, .store = store, .mem = mem};
    cache->ready.last = &cache->ready.first;
    cache->asked.last = &cache->asked.first;
    for (size_t kind = 0; kind < MLY_SERVICES; kind++)
        (void)snprintf(cache->scopes[kind], sizeof cache->scopes[kind], "%s", scopes[kind] ? scopes[kind] : "");
    *out = &cache->base;
    return MLY_OK;
}
