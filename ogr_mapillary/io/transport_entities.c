/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/graph.h"
#include "core/request.h"
#include "core/verdict.h"
#include "io/record.h"
#include "io/store.h"
#include "io/transports.h"

/* What one answer says of one entity, and what other answers said of its other fields. */
enum { MAX_RECORD = 2 * MLY_LIMIT_JSON };

/* A request for entities, with what the store knew of them. */
struct question {
    struct question *next;
    struct mly_request request;
    struct mly_buf body; /* the answer so far: an open JSON object */
    int64_t missing[MLY_LIMIT_BATCH];
    uint32_t n_missing;
    uint32_t n_ids;
    enum mly_status trouble; /* of the body: MLY_E_NOMEM or MLY_E_LIMIT */
};

struct entities {
    struct mly_transport base;
    struct mly_transport *inner;
    struct mly_store *store;
    const struct mly_mem *mem;
    bool any_age;                         /* of what is stored */
    struct question *ready, **last_ready; /* in the order in which they came; complete */
    struct question *asked;               /* in flight */
    char scope[MLY_LIMIT_ADDRESS];
};

/* ---- records ---- */

static struct mly_entry_name name_of(const struct entities *e, int64_t id, char key[MLY_LIMIT_KEY])
{
    (void)snprintf(key, MLY_LIMIT_KEY, "entity/%" PRId64, id);
    return (struct mly_entry_name){.scope = e->scope, .key = key};
}

/* Reads what is stored of an entity; an empty record of HTTP 404 says that the service did not know it. */
static bool read_record(const struct entities *e, int64_t id, struct mly_store_about *about, struct mly_buf *record)
{
    char key[MLY_LIMIT_KEY];
    const struct mly_entry_name name = name_of(e, id, key);
    mly_buf_init(record, e->mem, MAX_RECORD);
    return mly_store_get(e->store, &name, about, record) == MLY_OK;
}

static bool may_serve(const struct entities *e, int http, int64_t fetched_ms)
{
    return e->any_age || mly_store_is_fresh(e->store, http, fetched_ms);
}

/* An address that is not valid any more is worth nothing: where nobody can be asked for another, there is none. */
static bool is_alive(const struct entities *e, const struct mly_record_field *field)
{
    return field->expires_ms == 0 || mly_store_now(e->store) < field->expires_ms;
}

static bool is_usable(const struct entities *e, const struct mly_record_field *field)
{
    return (e->any_age || is_alive(e, field)) && may_serve(e, 200, field->fetched_ms);
}

static bool has_all(const struct entities *e, struct mly_span record, const char *fields)
{
    struct mly_span name;
    struct mly_record_field field;
    while (mly_record_next_name(&fields, &name)) {
        if (mly_record_find(record, name, &field) != MLY_OK || !is_usable(e, &field))
            return false;
    }
    return true;
}

/* ---- the answer that the asker gets ---- */

static void put(struct question *question, const void *bytes, size_t n)
{
    if (question->trouble == MLY_OK)
        question->trouble = mly_buf_append(&question->body, bytes, n);
}

static void put_words(struct question *question, const char *words)
{
    put(question, words, strlen(words));
}

/* The entity as the service has it: of its members those that were asked for, and its id. */
static void put_entity(const struct entities *e, struct question *question, int64_t id, struct mly_span record,
                       const char *fields)
{
    char head[64];
    struct mly_span name;
    struct mly_record_field field;
    (void)snprintf(head, sizeof head, "%s\"%" PRId64 "\":{\"id\":\"%" PRId64 "\"", question->body.size > 1 ? "," : "",
                   id, id);
    put_words(question, head);
    while (mly_record_next_name(&fields, &name)) {
        const bool is_id = name.size == 2 && memcmp(name.data, "id", 2) == 0;
        if (is_id || mly_record_find(record, name, &field) != MLY_OK || field.json.size == 0 || !is_alive(e, &field))
            continue;
        put_words(question, ",\"");
        put(question, name.data, name.size);
        put_words(question, "\":");
        put(question, field.json.data, field.json.size);
    }
    put_words(question, "}");
}

/* ---- asking ---- */

static void release(const struct entities *e, struct question *question)
{
    mly_buf_fini(&question->body);
    e->mem->release(e->mem->ctx, question);
}

static void add_ready(struct entities *e, struct question *question)
{
    question->next = NULL;
    *e->last_ready = question;
    e->last_ready = &question->next;
}

/* Answers from the store what it can. */
static void look_up(const struct entities *e, struct question *question, int64_t id, const char *fields)
{
    struct mly_buf record = {.mem = NULL};
    struct mly_store_about about = {.http = 0};
    bool is_known = !question->request.fresh && read_record(e, id, &about, &record);
    if (is_known)
        is_known = about.http == 404 ? may_serve(e, about.http, about.fetched_ms)
                                     : has_all(e, mly_buf_view(&record), fields);
    if (!is_known)
        question->missing[question->n_missing++] = id;
    else if (about.http != 404)
        put_entity(e, question, id, mly_buf_view(&record), fields);
    mly_buf_fini(&record);
}

/* NULL: out of memory. */
static struct question *make_question(const struct entities *e, const struct mly_request *request, const int64_t *ids,
                                      uint32_t n_ids, const char *fields)
{
    struct question *question = e->mem->alloc(e->mem->ctx, sizeof *question);
    if (!question)
        return NULL;
    *question = (struct question){.request = *request, .n_ids = n_ids};
    mly_buf_init(&question->body, e->mem, request->max_bytes);
    put_words(question, "{");
    for (uint32_t i = 0; i < n_ids; i++)
        look_up(e, question, ids[i], fields);
    return question;
}

static enum mly_status ask_inner(struct entities *e, struct question *question, struct mly_error *err)
{
    struct mly_request narrow;
    enum mly_status status = mly_request_narrow(&question->request, question->missing, question->n_missing, &narrow,
                                                err);
    if (status == MLY_OK)
        status = e->inner->vtbl->submit(e->inner, &narrow, err);
    if (status < 0) {
        release(e, question);
        return status;
    }
    question->next = e->asked;
    e->asked = question;
    return MLY_OK;
}

static enum mly_status submit(struct mly_transport *t, const struct mly_request *request, struct mly_error *err)
{
    struct entities *e = (struct entities *)t;
    int64_t ids[MLY_LIMIT_BATCH];
    const char *fields = NULL;
    const uint32_t n_ids = mly_request_read_entities(request, ids, &fields);
    if (n_ids == 0)
        return e->inner->vtbl->submit(e->inner, request, err);
    struct question *question = make_question(e, request, ids, n_ids, fields);
    if (!question)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    /* Where nobody can be asked, each that is missing fails for itself: whoever asked will ask again for it alone. */
    if (question->n_missing > 0 && !(e->any_age && n_ids > 1))
        return ask_inner(e, question, err);
    add_ready(e, question);
    return MLY_OK;
}

/* ---- what the service says ---- */

/* Appends the fields that the answer is about. */
static enum mly_status add_answer(const struct entities *e, const struct mly_graph_entity *entity, const char *fields,
                                  struct mly_buf *record)
{
    char name[64];
    struct mly_record_field field = {.fetched_ms = mly_store_now(e->store)};
    while (mly_record_next_name(&fields, &field.name)) {
        if (field.name.size >= sizeof name)
            return MLY_E_LIMIT;
        memcpy(name, field.name.data, field.name.size);
        name[field.name.size] = '\0';
        MLY_TRY(mly_graph_member(entity, name, &field.json, NULL));
        field.expires_ms = mly_record_expiry(field.json);
        if (field.expires_ms <= field.fetched_ms) /* nobody signs what has ended: the clocks differ */
            field.expires_ms = 0;
        MLY_TRY(mly_record_append(record, &field));
    }
    return MLY_OK;
}

static bool is_listed(struct mly_span name, const char *list)
{
    struct mly_span listed;
    while (mly_record_next_name(&list, &listed)) {
        if (listed.size == name.size && memcmp(listed.data, name.data, name.size) == 0)
            return true;
    }
    return false;
}

/* Appends what was stored of other fields. */
static enum mly_status add_stored(struct mly_span stored, const char *fields, struct mly_buf *record)
{
    struct mly_record_field field;
    while (mly_record_next(&stored, &field) == MLY_OK) {
        if (!is_listed(field.name, fields))
            MLY_TRY(mly_record_append(record, &field));
    }
    return MLY_OK;
}

/* Two processes that store other fields of one entity at once may lose one's: it costs a request later. */
static void store_record(const struct entities *e, int64_t id, struct mly_buf *record, const char *fields)
{
    char key[MLY_LIMIT_KEY];
    struct mly_buf stored;
    struct mly_store_about about;
    const struct mly_entry_name name = name_of(e, id, key);
    enum mly_status status = MLY_OK;
    if (read_record(e, id, &about, &stored))
        status = add_stored(mly_buf_view(&stored), fields, record);
    mly_buf_fini(&stored);
    if (status == MLY_OK && !mly_transport_masks(e->inner, record))
        (void)mly_store_put(e->store, &name, 200, mly_buf_view(record));
}

static void store_unknown(const struct entities *e, int64_t id)
{
    char key[MLY_LIMIT_KEY];
    struct mly_store_about about;
    const struct mly_entry_name name = name_of(e, id, key);
    if (mly_store_stat(e->store, &name, &about) == MLY_OK && about.n_bytes > 0)
        return; /* what was once known of it is worth more than that it is gone for now */
    (void)mly_store_put(e->store, &name, 404, (struct mly_span){.data = NULL});
}

/* Stores an entity, and puts it into the answer. */
static void take_entity(const struct entities *e, struct question *question, int64_t id,
                        const struct mly_graph_entity *entity, const char *fields)
{
    struct mly_buf record;
    mly_buf_init(&record, e->mem, MAX_RECORD);
    const enum mly_status status = add_answer(e, entity, fields, &record);
    if (status == MLY_OK)
        put_entity(e, question, id, mly_buf_view(&record), fields);
    else
        question->trouble = status;
    if (question->trouble == MLY_OK)
        store_record(e, id, &record, fields);
    mly_buf_fini(&record);
}

/* Closes the object, and makes it the answer's body. */
static void complete(struct question *question, struct mly_response *out)
{
    put_words(question, "}");
    mly_buf_fini(&out->body);
    if (question->trouble < 0) {
        out->status = question->trouble;
        (void)snprintf(out->why, sizeof out->why,
                       "the entities asked for do not fit the answer's ceiling of memory; please report it");
        return;
    }
    out->http = 200;
    mly_buf_move(&out->body, &question->body);
}

/* The service's answer to the ids that were missing becomes the answer to all. What is no such answer is left to the
 * asker, who may ask for fewer, or anew. */
static void merge(const struct entities *e, struct question *question, struct mly_response *out)
{
    struct mly_graph *answer = NULL;
    int64_t ids[MLY_LIMIT_BATCH];
    const char *fields = NULL;
    const enum mly_verdict verdict = mly_verdict_of(MLY_REQUEST_GRAPH, out, NULL);
    if (verdict == MLY_VERDICT_EMPTY && question->n_missing == 1) {
        store_unknown(e, question->missing[0]);
        if (question->n_ids > 1)
            complete(question, out);
        return;
    }
    if (verdict != MLY_VERDICT_BODY || mly_graph_open(mly_buf_view(&out->body), &answer, NULL) != MLY_OK)
        return;
    (void)mly_request_read_entities(&question->request, ids, &fields);
    for (uint32_t i = 0; i < question->n_missing; i++) {
        const struct mly_graph_entity *entity = mly_graph_get(answer, question->missing[i]);
        if (entity)
            take_entity(e, question, question->missing[i], entity, fields);
        else if (question->n_ids == 1) /* passed over in silence, although asked for alone */
            store_unknown(e, question->missing[i]);
    }
    mly_graph_free(answer);
    complete(question, out);
}

static struct question **find(struct entities *e, uint64_t ticket)
{
    struct question **link = &e->asked;
    while (*link && (*link)->request.ticket != ticket)
        link = &(*link)->next;
    return link;
}

static enum mly_status poll_inner(struct entities *e, uint32_t timeout_ms, struct mly_response *out,
                                  struct mly_error *err)
{
    const enum mly_status status = e->inner->vtbl->poll(e->inner, timeout_ms, out, err);
    struct question **link = status == MLY_OK ? find(e, out->ticket) : &e->asked;
    if (status != MLY_OK || !*link)
        return status;
    struct question *question = *link;
    *link = question->next;
    merge(e, question, out);
    release(e, question);
    return MLY_OK;
}

static void answer_first(struct entities *e, struct mly_response *out)
{
    struct question *question = e->ready;
    e->ready = question->next;
    if (!e->ready)
        e->last_ready = &e->ready;
    *out = (struct mly_response){.ticket = question->request.ticket, .is_stored = true};
    mly_buf_init(&out->body, e->mem, question->request.max_bytes);
    complete(question, out);
    release(e, question);
}

/* The network gets its turn before each answer of our own. */
static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct entities *e = (struct entities *)t;
    const enum mly_status status = poll_inner(e, e->ready ? 0 : timeout_ms, out, err);
    if (status <= MLY_OK || !e->ready)
        return status;
    answer_first(e, out);
    return MLY_OK;
}

/* ---- life ---- */

static void drop_all(const struct entities *e, struct question *first)
{
    while (first) {
        struct question *next = first->next;
        release(e, first);
        first = next;
    }
}

static void reset(struct mly_transport *t)
{
    struct entities *e = (struct entities *)t;
    e->inner->vtbl->reset(e->inner);
    drop_all(e, e->ready);
    drop_all(e, e->asked);
    e->ready = e->asked = NULL;
    e->last_ready = &e->ready;
}

static void mask(struct mly_transport *t, char *text)
{
    mly_transport_mask(((struct entities *)t)->inner, text);
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    mly_transport_held(((struct entities *)t)->inner, n_bytes);
}

static void destroy(struct mly_transport *t)
{
    struct entities *e = (struct entities *)t;
    reset(t);
    mly_transport_free(e->inner);
    e->mem->release(e->mem->ctx, e);
}

enum mly_status mly_transport_entities(struct mly_transport *inner, struct mly_store *store, const char *scope,
                                       bool any_age, const struct mly_mem *mem, struct mly_transport **out,
                                       struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .held = held};
    const struct mly_entry_name any = {.scope = scope, .key = "any"};
    struct entities *e = mly_entry_is_name(&any) ? mem->alloc(mem->ctx, sizeof *e) : NULL;
    if (!e) {
        const bool is_name = mly_entry_is_name(&any);
        mly_transport_free(inner);
        return is_name ? mly_fail(err, MLY_E_NOMEM, "out of memory for the transport")
                       : mly_fail(err, MLY_E_ARG,
                                  "answers of this address cannot be kept: it is empty, too long or not printable");
    }
    *e = (struct entities){.base = {.vtbl = &vtbl}, .inner = inner, .store = store, .mem = mem, .any_age = any_age};
    e->last_ready = &e->ready;
    (void)snprintf(e->scope, sizeof e->scope, "%s", scope);
    *out = &e->base;
    return MLY_OK;
}
