/* SPDX-License-Identifier: MIT */
#include "ids.h"

#include <stdio.h>
#include <string.h>

#include "graph.h"
#include "losses.h"
#include "request.h"
#include "ring.h"

/* Of the list of a creator: the image that it begins with. An image has one creator. */
struct first {
    size_t value;
    int64_t id;
};

struct ids {
    struct mly_machine base;
    struct mly_read_options options;
    struct mly_ids_source source;
    struct mly_ring *ring;  /* NULL where the ids are given */
    size_t next_value;      /* to be asked for, or to be given */
    size_t n_unread;        /* requests that were made and not read yet */
    struct mly_graph *list; /* of which rows are being given; NULL between answers */
    size_t row;
    struct mly_request page;  /* of a search: the page asked for last, or the one to ask for next */
    bool has_page;            /* it is the one to ask for next */
    struct mly_buf pages;     /* of int64_t: hashes of the addresses of all pages of this search */
    struct mly_buf firsts;    /* of struct first */
    struct mly_error trouble; /* why no page can follow the list; its own rows come first */
};

static bool is_search(const struct ids *ids)
{
    return ids->source.kind == MLY_IDS_CREATORS || ids->source.kind == MLY_IDS_ORGANIZATIONS;
}

/* ---- requests ---- */

static struct mly_span text_of(const struct mly_value *value)
{
    return (struct mly_span){.data = (const uint8_t *)value->as.text, .size = value->n_bytes};
}

static enum mly_status begin_search(const struct ids *ids, const struct mly_value *value, struct mly_request *out,
                                    struct mly_error *err)
{
    if (ids->source.kind == MLY_IDS_CREATORS)
        return mly_request_images_of_creator(ids->options.graph_service, text_of(value), out, err);
    return mly_request_images_of_organization(ids->options.graph_service, value->as.i, out, err);
}

/* MLY_OK: the page has not been asked for in this search, and counts as asked for now. */
static enum mly_status enter_page(struct ids *ids, const struct mly_request *page, struct mly_error *err)
{
    const int64_t *known = (const void *)ids->pages.data;
    const int64_t hash = mly_value_hash(0, page->url, strlen(page->url));
    for (size_t i = 0; i < ids->pages.size / sizeof *known; i++) {
        if (known[i] == hash)
            return mly_fail(err, MLY_E_REMOTE,
                            "the service names a page as the next one that was read already; repeat the read");
    }
    const enum mly_status status = mly_buf_append(&ids->pages, &hash, sizeof hash);
    return status < 0 ? mly_fail(err, status, "no room for the list of pages") : MLY_OK;
}

/* A page is known when the one before it has been read. */
static enum mly_status next_page(struct ids *ids, struct mly_request *out, struct mly_error *err)
{
    if (ids->n_unread > 0)
        return MLY_AGAIN;
    if (!ids->has_page) {
        if (ids->next_value == ids->source.n_values)
            return MLY_DONE;
        ids->pages.size = 0;
        MLY_TRY(begin_search(ids, &ids->source.values[ids->next_value++], &ids->page, err));
        MLY_TRY(enter_page(ids, &ids->page, err));
    }
    ids->has_page = false;
    ids->n_unread++;
    *out = ids->page;
    return MLY_OK;
}

static enum mly_status next_request(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err)
{
    struct ids *ids = ctx;
    *tag = 0;
    if (is_search(ids))
        return next_page(ids, out, err);
    if (ids->next_value == ids->source.n_values)
        return MLY_DONE;
    ids->n_unread++;
    return mly_request_image_ids(ids->options.graph_service, text_of(&ids->source.values[ids->next_value++]), out, err);
}

/* ---- answers ---- */

static struct mly_value id_at(const struct ids *ids, size_t index)
{
    const struct mly_graph_entity *entity = mly_graph_at(ids->list, index);
    return entity ? mly_graph_int(entity, "id") : (struct mly_value){.type = MLY_NULL};
}

/* All of them before the first one is given: what is asked for once more must not have given rows. */
static enum mly_status check_ids(const struct ids *ids, struct mly_error *err)
{
    const size_t n = mly_graph_count(ids->list);
    for (size_t i = 0; i < n; i++) {
        const struct mly_value id = id_at(ids, i);
        if (id.type != MLY_INT || id.as.i <= 0)
            return mly_fail(err, MLY_E_CORRUPT, "number %zu of the list has no id", i + 1);
    }
    return MLY_OK;
}

/* What comes after the list: another page, nothing, or a failure. */
static enum mly_status look_for_next(struct ids *ids, struct mly_error *err)
{
    struct mly_request page;
    const struct mly_span next = mly_graph_next(ids->list);
    const size_t n = mly_graph_count(ids->list);
    if (next.size == 0 && n < MLY_LIMIT_PAGE)
        return MLY_OK;
    if (next.size == 0)
        return mly_fail(err, MLY_E_REMOTE,
                        "the service gives %zu images, as many as it can in one answer, and names no next page: the "
                        "list may go on; add an area",
                        n);
    MLY_TRY(mly_request_page(ids->options.graph_service, next, &ids->page, &page, err));
    MLY_TRY(enter_page(ids, &page, err));
    ids->page = page;
    ids->has_page = true;
    return MLY_OK;
}

/* A sequence is known to come in one answer (API.md 2.2). */
static enum mly_status check_whole(const struct ids *ids, struct mly_error *err)
{
    if (mly_graph_next(ids->list).size == 0)
        return MLY_OK;
    return mly_fail(err, MLY_E_REMOTE,
                    "the service gives only a page of the sequence, where all of it is expected; please report it");
}

/* ---- creators ---- */

static bool is_same_letter(char a, char b)
{
    return a == b || (a >= 'A' && a <= 'Z' && a + ('a' - 'A') == b) || (b >= 'A' && b <= 'Z' && b + ('a' - 'A') == a);
}

/* As OGR compares them. */
static bool is_same_name(const struct mly_value *a, const struct mly_value *b)
{
    uint32_t i = 0;
    while (i < a->n_bytes && i < b->n_bytes && is_same_letter(a->as.text[i], b->as.text[i]))
        i++;
    return i == a->n_bytes && i == b->n_bytes;
}

static bool lists(const struct ids *ids, int64_t id)
{
    const size_t n = mly_graph_count(ids->list);
    for (size_t i = 0; i < n; i++) {
        if (id_at(ids, i).as.i == id)
            return true;
    }
    return false;
}

/* OGR takes two spellings of a name for the same one. The service may, too: then the images that the first one led to
 * must not come again; or there are two creators, and both are meant. */
static bool is_known_creator(const struct ids *ids, size_t value)
{
    const struct first *firsts = (const void *)ids->firsts.data;
    for (size_t i = 0; i < ids->firsts.size / sizeof *firsts; i++) {
        if (is_same_name(&ids->source.values[firsts[i].value], &ids->source.values[value]) && lists(ids, firsts[i].id))
            return true;
    }
    return false;
}

/* OGR compares without case, and the service as it likes: nothing might be found in silence. */
static void warn_of_unknown(const struct ids *ids, const struct mly_value *name)
{
    char text[256];
    if (!ids->options.warn)
        return;
    (void)snprintf(text, sizeof text,
                   "images: the service lists none of a creator '%.*s'; check the spelling, with its upper and lower "
                   "case",
                   (int)(name->n_bytes < 100 ? name->n_bytes : 100), name->as.text);
    ids->options.warn(ids->options.debug_ctx, text);
}

static bool is_first_page(const struct ids *ids)
{
    return ids->pages.size == sizeof(int64_t);
}

/* MLY_DONE: the list is to be passed over. */
static enum mly_status begin_creator(struct ids *ids, struct mly_error *err)
{
    const struct first first = {.value = ids->next_value - 1, .id = id_at(ids, 0).as.i};
    if (mly_graph_count(ids->list) == 0) {
        warn_of_unknown(ids, &ids->source.values[first.value]);
        return MLY_OK;
    }
    if (is_known_creator(ids, first.value)) {
        mly_ring_debug(ids->ring, "another spelling of a creator whose images have come");
        return MLY_DONE;
    }
    const enum mly_status status = mly_buf_append(&ids->firsts, &first, sizeof first);
    return status < 0 ? mly_fail(err, status, "no room for the list of creators") : MLY_OK;
}

/* ---- lists ---- */

static void close_list(struct ids *ids)
{
    mly_graph_free(ids->list);
    ids->list = NULL;
    ids->row = 0;
}

static enum mly_status open_list(struct ids *ids, struct mly_span body, struct mly_error *err)
{
    enum mly_status status = mly_graph_open_list(body, &ids->list, err);
    if (status == MLY_OK)
        status = check_ids(ids, err);
    if (status == MLY_OK && !is_search(ids))
        status = check_whole(ids, err);
    if (status == MLY_OK && ids->source.kind == MLY_IDS_CREATORS && is_first_page(ids))
        status = begin_creator(ids, err);
    if (status != MLY_OK) {
        close_list(ids);
        return status < 0 ? status : MLY_OK;
    }
    if (is_search(ids) && look_for_next(ids, &ids->trouble) < 0)
        mly_wrap(&ids->trouble, ids->trouble.code, "Graph request %s", ids->page.key);
    return MLY_OK;
}

/* What the service does not know has no rows; but a page that it named itself is no end. */
static enum mly_status accept_empty(struct ids *ids, struct mly_error *err)
{
    if (is_search(ids) && !is_first_page(ids))
        return mly_fail(err, MLY_E_REMOTE,
                        "Graph request %s: the service does not know the page that it named itself; repeat the read",
                        ids->page.key);
    mly_ring_debug(ids->ring, "the service does not know it");
    if (ids->source.kind == MLY_IDS_CREATORS)
        warn_of_unknown(ids, &ids->source.values[ids->next_value - 1]);
    return MLY_OK;
}

/* MLY_OK: the read goes on without the list, or without what would have followed it. */
static enum mly_status lose(const struct ids *ids, const struct mly_error *why, struct mly_error *err)
{
    const char *usual = is_search(ids) ? "the images that it and the pages after it would name are missing"
                                       : "the images that it would name are missing";
    return mly_losses_bear(&ids->options, MLY_LOSS_GRAPH, why, ids->source.loss ? ids->source.loss : usual, err);
}

/* What an answer holds. MLY_AGAIN: it will be asked for once more. */
static enum mly_status open_answer(struct ids *ids, const struct mly_ring_answer *answer, struct mly_error *err)
{
    if (answer->kind == MLY_ANSWER_EMPTY)
        return accept_empty(ids, err);
    if (answer->kind != MLY_ANSWER_BODY)
        return mly_ring_give_up(ids->ring, err);
    const enum mly_status status = open_list(ids, answer->body, err);
    return status < 0 ? mly_ring_refuse(ids->ring, status, err) : MLY_OK;
}

/* MLY_OK: another answer was read; its list is open unless it is empty, or lost. */
static enum mly_status read_answer(struct ids *ids, struct mly_error *err)
{
    struct mly_ring_answer answer;
    struct mly_error why = {.code = MLY_OK};
    enum mly_status status = mly_ring_take(ids->ring, &answer, err);
    if (status != MLY_OK)
        return status;
    status = open_answer(ids, &answer, &why);
    if (status == MLY_AGAIN)
        return MLY_OK;
    if (status < 0)
        MLY_TRY(lose(ids, &why, err));
    ids->n_unread--;
    return MLY_OK;
}

static enum mly_status end_list(struct ids *ids, struct mly_error *err)
{
    close_list(ids);
    if (ids->trouble.code == MLY_OK)
        return MLY_OK;
    const struct mly_error why = ids->trouble;
    ids->trouble = (struct mly_error){.code = MLY_OK};
    return lose(ids, &why, err);
}

/* ---- the machine ---- */

static enum mly_status want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    struct ids *ids = (struct ids *)m;
    return ids->ring ? mly_ring_want(ids->ring, out, err) : MLY_AGAIN;
}

static enum mly_status feed(struct mly_machine *m, struct mly_response *response, struct mly_error *err)
{
    struct ids *ids = (struct ids *)m;
    return ids->ring ? mly_ring_feed(ids->ring, response, err) : mly_fail(err, MLY_E_ARG, "an answer nobody asked for");
}

static enum mly_status give(int64_t id, struct mly_row *out)
{
    static const struct mly_value nothing[MLY_SCHEMA_MAX_COLUMNS] = {{.type = MLY_NULL}};
    *out = (struct mly_row){.id = id, .values = nothing};
    return MLY_OK;
}

static enum mly_status take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    struct ids *ids = (struct ids *)m;
    for (;;) {
        if (ids->list && ids->row < mly_graph_count(ids->list))
            return give(id_at(ids, ids->row++).as.i, out);
        MLY_TRY(end_list(ids, err));
        const bool is_last = ids->next_value == ids->source.n_values;
        if (!ids->ring)
            return is_last ? MLY_DONE : give(ids->source.values[ids->next_value++].as.i, out);
        if (is_last && ids->n_unread == 0 && !ids->has_page)
            return MLY_DONE;
        const enum mly_status status = read_answer(ids, err);
        if (status != MLY_OK)
            return status;
    }
}

static void destroy(struct mly_machine *m)
{
    struct ids *ids = (struct ids *)m;
    mly_ring_free(ids->ring);
    mly_graph_free(ids->list);
    mly_buf_fini(&ids->pages);
    mly_buf_fini(&ids->firsts);
    ids->options.mem->release(ids->options.mem->ctx, ids);
}

enum mly_status mly_ids_new(const struct mly_ids_source *source, const struct mly_read_options *options,
                            struct mly_machine **out, struct mly_error *err)
{
    static const struct mly_machine_vtbl vtbl = {.want = want, .feed = feed, .take = take, .destroy = destroy};
    const struct mly_mem *mem = options->mem;
    struct ids *ids = mem->alloc(mem->ctx, sizeof *ids);
    if (!ids)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *ids = (struct ids){.base = {.vtbl = &vtbl}, .options = *options, .source = *source};
    mly_buf_init(&ids->pages, mem, MLY_LIMIT_IDS);
    mly_buf_init(&ids->firsts, mem, MLY_LIMIT_IDS * sizeof(struct first));
    const struct mly_ring_options ring = {
        .mem = mem,
        .max_in_flight = options->max_in_flight,
        .lane = MLY_LANE_IDS,
        .takes_all = true,
        .losses = options->losses,
        .next = next_request,
        .next_ctx = ids,
        .debug = options->debug,
        .debug_ctx = options->debug_ctx,
        .max_held_bytes = MLY_LIMIT_HELD_BYTES,
        .held_bytes = options->held_bytes,
    };
    const enum mly_status status = source->kind == MLY_IDS_GIVEN ? MLY_OK : mly_ring_new(&ring, &ids->ring, err);
    if (status < 0) {
        destroy(&ids->base);
        return status;
    }
    *out = &ids->base;
    return MLY_OK;
}
