/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <stdio.h>
#include <string.h>

#include "graph.h"
#include "losses.h"
#include "request.h"
#include "ring.h"

struct names {
    const struct mly_plan *plan; /* as it was given */
    const struct mly_read_options *options;
    struct mly_ring *ring;
    size_t n_listed;
    struct mly_arena arena;   /* the new filter, and names */
    struct mly_buf asked;     /* of size_t, for each creator: which of plan->names it answers */
    struct mly_buf creators;  /* of struct mly_creator */
    struct mly_plan resolved; /* borrows the plan's buffers */
};

static const struct mly_value *name_at(const struct names *n, size_t index)
{
    return (const struct mly_value *)(const void *)n->plan->names.data + index;
}

static size_t count(const struct names *n)
{
    return n->plan->names.size / sizeof(struct mly_value);
}

static enum mly_status next_request(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err)
{
    struct names *n = ctx;
    if (n->n_listed == count(n))
        return MLY_DONE;
    *tag = n->n_listed;
    const struct mly_value *name = name_at(n, n->n_listed++);
    const struct mly_span text = {.data = (const uint8_t *)name->as.text, .size = name->n_bytes};
    return mly_request_creator(n->options->graph_service, text, out, err);
}

/* ---- answers ---- */

static enum mly_status no_memory(struct mly_error *err)
{
    return mly_fail(err, MLY_E_NOMEM, "out of memory for a creator");
}

static enum mly_status add_creator(struct names *n, size_t index, int64_t id, struct mly_value name,
                                   struct mly_error *err)
{
    char *copy = mly_arena_alloc(&n->arena, name.n_bytes);
    if (!copy)
        return no_memory(err);
    memcpy(copy, name.as.text, name.n_bytes);
    const struct mly_creator creator = {.id = id, .name = copy, .n_bytes = name.n_bytes};
    if (mly_buf_append(&n->creators, &creator, sizeof creator) < 0 ||
        mly_buf_append(&n->asked, &index, sizeof index) < 0)
        return no_memory(err);
    return MLY_OK;
}

/* OGR compares without case, and the service as it likes: a name in another spelling would find nothing in silence. */
static void warn_of_unknown(const struct names *n, const struct mly_value *name)
{
    char text[256];
    if (!n->options->warn)
        return;
    (void)snprintf(text, sizeof text,
                   "%s: the service knows no creator '%.*s'; check the spelling, with its upper and lower case",
                   n->plan->layer->name, (int)(name->n_bytes < 100 ? name->n_bytes : 100), name->as.text);
    n->options->warn(n->options->debug_ctx, text);
}

/* Whose an image of the list is; `image` is NULL where something stands in the list that is none. */
static enum mly_status take_creator(struct names *n, size_t index, const struct mly_graph_entity *image,
                                    struct mly_error *err)
{
    if (!image)
        return mly_fail(err, MLY_E_CORRUPT, "an image without its creator");
    const struct mly_value id = mly_graph_int(image, "creator.id");
    const struct mly_value name = mly_graph_text(image, "creator.username");
    if (id.type == MLY_NULL)
        return mly_fail(err, MLY_E_CORRUPT, "an image without its creator");
    return add_creator(n, index, id.as.i, name.type == MLY_TEXT ? name : *name_at(n, index), err);
}

static enum mly_status read_answer(struct names *n, const struct mly_ring_answer *answer, struct mly_error *err)
{
    struct mly_graph *list = NULL;
    enum mly_status status = mly_graph_open_list(answer->body, &list, err);
    if (status < 0)
        return status;
    if (mly_graph_count(list) > 0)
        status = take_creator(n, answer->tag, mly_graph_at(list, 0), err);
    else
        warn_of_unknown(n, name_at(n, answer->tag));
    mly_graph_free(list);
    return status;
}

/* MLY_DONE: all have been answered. */
static enum mly_status read_answers(struct names *n, struct mly_error *err)
{
    for (;;) {
        struct mly_ring_answer answer;
        struct mly_error why = {.code = MLY_OK};
        enum mly_status status = mly_ring_take(n->ring, &answer, err);
        if (status != MLY_OK)
            return status;
        if (answer.kind == MLY_ANSWER_BODY) {
            status = read_answer(n, &answer, &why);
            if (status < 0)
                status = mly_ring_refuse(n->ring, status, &why);
        } else {
            status = mly_ring_give_up(n->ring, &why);
        }
        if (status < 0)
            MLY_TRY(mly_losses_bear(n->options, MLY_LOSS_GRAPH, &why, "images of this creator are missing", err));
    }
}

/* ---- the new plan ---- */

/* A mly_expr_key_fn. */
static enum mly_status append_keys(void *ctx, const char *text, uint32_t n_bytes, struct mly_buf *keys)
{
    const struct names *n = ctx;
    const struct mly_creator *creators = (const void *)n->creators.data;
    const size_t *asked = (const void *)n->asked.data;
    for (size_t i = 0; i < n->creators.size / sizeof *creators; i++) {
        const struct mly_value *name = name_at(n, asked[i]);
        if (name->n_bytes == n_bytes && memcmp(name->as.text, text, n_bytes) == 0)
            MLY_TRY(mly_buf_append(keys, &creators[i].id, sizeof creators[i].id));
    }
    return MLY_OK;
}

static enum mly_status resolve(struct names *n, struct mly_error *err)
{
    const struct mly_layer *layer = n->plan->layer;
    n->resolved = *n->plan;
    n->resolved.names = (struct mly_buf){.size = 0};
    n->resolved.creators = (const void *)n->creators.data;
    n->resolved.n_creators = n->creators.size / sizeof(struct mly_creator);
    n->resolved.filter = mly_expr_rekey(n->plan->filter, mly_schema_column(layer, "creator_username"),
                                        mly_schema_column(layer, "creator_id"), append_keys, n, &n->arena);
    return n->resolved.filter ? MLY_DONE : mly_arena_fail(&n->arena, "the filter", err);
}

/* ---- the part ---- */

static enum mly_status want(void *self, struct mly_request *out, struct mly_error *err)
{
    return mly_ring_want(((struct names *)self)->ring, out, err);
}

static enum mly_status feed(void *self, struct mly_response *response, struct mly_error *err)
{
    return mly_ring_feed(((struct names *)self)->ring, response, err);
}

static enum mly_status step(void *self, const struct mly_plan **plan, struct mly_error *err)
{
    struct names *n = self;
    const enum mly_status status = read_answers(n, err);
    *plan = &n->resolved;
    return status == MLY_DONE ? resolve(n, err) : status;
}

static void destroy(void *self)
{
    struct names *n = self;
    mly_ring_free(n->ring);
    mly_arena_fini(&n->arena);
    mly_buf_fini(&n->asked);
    mly_buf_fini(&n->creators);
    n->options->mem->release(n->options->mem->ctx, n);
}

enum mly_status mly_names_new(const struct mly_plan *plan, const struct mly_read_options *options, mly_make_fn *make,
                              struct mly_machine **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct names *n = mem->alloc(mem->ctx, sizeof *n);
    if (!n)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *n = (struct names){.plan = plan, .options = options};
    mly_arena_init(&n->arena, mem, MLY_LIMIT_SCRATCH_MEMORY);
    mly_buf_init(&n->asked, mem, MLY_LIMIT_SCRATCH_MEMORY);
    mly_buf_init(&n->creators, mem, MLY_LIMIT_SCRATCH_MEMORY);
    const struct mly_ring_options ring = {
        .mem = mem,
        .max_in_flight = options->max_in_flight,
        .lane = MLY_LANE_NAMES,
        .losses = options->losses,
        .next = next_request,
        .next_ctx = n,
        .debug = options->debug,
        .debug_ctx = options->debug_ctx,
        .max_held_bytes = MLY_LIMIT_HELD_BYTES,
        .held_bytes = options->held_bytes,
    };
    const enum mly_status status = mly_ring_new(&ring, &n->ring, err);
    if (status < 0) {
        destroy(n);
        return status;
    }
    const struct mly_prelude_part part = {.self = n, .want = want, .feed = feed, .step = step, .destroy = destroy};
    return mly_prelude_new(&part, options, make, out, err);
}
