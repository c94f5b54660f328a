/* SPDX-License-Identifier: MIT */
#include "reader.h"

#include <stdbool.h>
#include <stdio.h>

#include "losses.h"
#include "stack.h"

enum { POLL_MS = 1000 };  /* the transport returns earlier when something happens */
enum { PUMP_ROWS = 512 }; /* so often the network gets a turn while rows are taken: a slow writer must not stall it */

struct mly_reader {
    struct mly_machine *machine;
    struct mly_transport *transport; /* NULL once detached */
    struct mly_read_options options; /* the host's, but that lines for a person go through the reader */
    mly_debug_fn *debug, *warn;      /* the host's */
    void *debug_ctx;
    struct mly_budget budget;
    uint32_t n_rows; /* since the network had a turn */
    bool is_long;    /* it has given many rows, and is likely to go on */
    uint32_t n_in_flight;
    bool is_spent; /* MAX_REQUESTS, as `spent` says */
    struct mly_error spent;
    size_t held_bytes, told_bytes; /* of answers that wait in the machines; as the transport knows it */
};

/* What the machine shall give next: a row, or a block where there is one to fill. */
struct taking {
    struct mly_row *row;
    struct mly_block *block;
    uint32_t max;
};

/* ---- lines for a person ---- */

/* The service's own words may repeat what it was sent. */
static void pass_on(const struct mly_reader *reader, mly_debug_fn *to, const char *text)
{
    char masked[2 * MLY_ERROR_TEXT];
    (void)snprintf(masked, sizeof masked, "%s", text);
    if (reader->transport)
        mly_transport_mask(reader->transport, masked);
    to(reader->debug_ctx, masked);
}

static void debug(void *ctx, const char *text)
{
    const struct mly_reader *reader = ctx;
    pass_on(reader, reader->debug, text);
}

static void warn(void *ctx, const char *text)
{
    const struct mly_reader *reader = ctx;
    pass_on(reader, reader->warn, text);
}

/* ---- reading ---- */

static void prepare(struct mly_reader *reader, const struct mly_plan *plan)
{
    struct mly_read_options *options = &reader->options;
    reader->debug = options->debug;
    reader->warn = options->warn;
    reader->debug_ctx = options->debug_ctx;
    options->debug = options->debug ? debug : NULL;
    options->warn = options->warn ? warn : NULL;
    options->debug_ctx = reader;
    options->held_bytes = &reader->held_bytes;
    if (options->losses)
        options->losses->layer = reader->budget.layer;
    mly_progress_expect(options->progress, plan->scout.n_tiles);
    if (plan->source == MLY_SOURCE_TILES)
        mly_progress_expect(options->progress, plan->cover.n_tiles);
}

enum mly_status mly_reader_new(const struct mly_plan *plan, const struct mly_read_options *options,
                               struct mly_transport *transport, struct mly_reader **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct mly_reader *reader = mem->alloc(mem->ctx, sizeof *reader);
    if (!reader)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *reader = (struct mly_reader){
        .transport = transport, .options = *options, .budget = {.layer = plan->layer->name, .max = plan->max_requests}};
    prepare(reader, plan);
    const enum mly_status status = mly_stack_make(plan, &reader->options, &reader->machine, err);
    if (status < 0) {
        mem->release(mem->ctx, reader);
        return status;
    }
    *out = reader;
    return MLY_OK;
}

/* Nothing more may be sent. What has been asked for still comes: it is paid for, and the rows before the end are known
 * by it. */
static enum mly_status refuse(struct mly_reader *reader, struct mly_error *err)
{
    reader->is_spent = true;
    if (err)
        reader->spent = *err;
    return MLY_AGAIN;
}

static bool is_at_its_end(const struct mly_reader *reader)
{
    return reader->is_spent && reader->n_in_flight == 0;
}

/* Several machines may ask; together they have so many requests in flight. */
static enum mly_status ask_for_more(struct mly_reader *reader, struct mly_error *err)
{
    struct mly_request request;
    if (reader->is_spent && !is_at_its_end(reader))
        return MLY_AGAIN;
    if (is_at_its_end(reader)) {
        if (err)
            *err = reader->spent;
        return MLY_E_LIMIT;
    }
    while (reader->n_in_flight < reader->options.max_in_flight) {
        const enum mly_status status = mly_machine_want(reader->machine, &request, err);
        if (status != MLY_OK)
            return status;
        request.budget = &reader->budget;
        const enum mly_status sent = reader->transport->vtbl->submit(reader->transport, &request, err);
        if (sent == MLY_E_LIMIT)
            return refuse(reader, err);
        MLY_TRY(sent);
        reader->n_in_flight++;
    }
    return MLY_AGAIN;
}

static void tell_held(struct mly_reader *reader)
{
    if (reader->told_bytes != reader->held_bytes)
        mly_transport_held(reader->transport, reader->held_bytes);
    reader->told_bytes = reader->held_bytes;
}

/* Sends what is wanted and takes one answer, if there is one within the time. MLY_DONE: none is owed. */
static enum mly_status exchange(struct mly_reader *reader, uint32_t timeout_ms, struct mly_error *err)
{
    struct mly_response response;
    MLY_TRY(ask_for_more(reader, err));
    tell_held(reader);
    const enum mly_status status = reader->transport->vtbl->poll(reader->transport, timeout_ms, &response, err);
    if (status != MLY_OK)
        return status;
    reader->n_in_flight--;
    const enum mly_status fed = mly_machine_feed(reader->machine, &response, err);
    mly_transport_fini_response(&response);
    tell_held(reader);
    return fed;
}

/* What would be too much waits where it is. That no more may be sent is told when there is nothing left to take. */
static enum mly_status pump(struct mly_reader *reader, struct mly_error *err)
{
    enum mly_status status = MLY_OK;
    while (status == MLY_OK && !is_at_its_end(reader) && reader->held_bytes < MLY_LIMIT_ARRIVING_BYTES)
        status = exchange(reader, 0, err);
    return status;
}

/* Answers come together, and the next take may decode one for long: the requests that take the others' places go out
 * before. Not for whoever has seen few rows, and may not want many: what is asked for would be for nothing. */
static enum mly_status wait_for_answer(struct mly_reader *reader, struct mly_error *err)
{
    const enum mly_status status = exchange(reader, POLL_MS, err);
    if (status != MLY_OK || !reader->is_long)
        return status;
    const enum mly_status pumped = pump(reader, err);
    return pumped < 0 ? pumped : MLY_OK;
}

static enum mly_status take(struct mly_reader *reader, const struct taking *taking, struct mly_error *err)
{
    if (taking->block)
        return mly_machine_block(reader->machine, taking->max, taking->block, err);
    return mly_machine_take(reader->machine, taking->row, err);
}

static enum mly_status take_or_wait(struct mly_reader *reader, const struct taking *taking, struct mly_error *err)
{
    if (reader->n_rows >= PUMP_ROWS) {
        reader->n_rows = 0;
        reader->is_long = true;
        MLY_TRY(pump(reader, err));
    }
    for (bool is_stuck = false;;) {
        enum mly_status status = take(reader, taking, err);
        if (status != MLY_AGAIN)
            return status;
        status = wait_for_answer(reader, err);
        if (status < 0)
            return status;
        if (status == MLY_DONE && is_stuck)
            return mly_fail(err, MLY_E_ARG, "waiting for an answer nobody owes");
        is_stuck = status == MLY_DONE; /* what was wanted may have needed no request */
    }
}

static enum mly_status next(struct mly_reader *reader, const struct taking *taking, struct mly_error *err)
{
    const enum mly_status status = take_or_wait(reader, taking, err);
    if (status == MLY_OK)
        reader->n_rows += taking->block ? taking->block->n : 1;
    else
        mly_losses_sum_up(&reader->options);
    if (status < 0 && err) /* the service's own words may repeat what it was sent */
        mly_transport_mask(reader->transport, err->text);
    return status;
}

enum mly_status mly_reader_next(struct mly_reader *reader, struct mly_row *out, struct mly_error *err)
{
    return next(reader, &(struct taking){.row = out}, err);
}

bool mly_reader_has_blocks(const struct mly_reader *reader)
{
    return reader->machine->vtbl->block != NULL;
}

enum mly_status mly_reader_next_block(struct mly_reader *reader, uint32_t max, struct mly_block *out,
                                      struct mly_error *err)
{
    return next(reader, &(struct taking){.block = out, .max = max}, err);
}

enum mly_status mly_reader_tiles(struct mly_reader *reader, mly_tile_fn *fn, void *ctx)
{
    return mly_machine_tiles(reader->machine, fn, ctx);
}

enum mly_status mly_reader_find(struct mly_reader *reader, int64_t id, struct mly_row *out, struct mly_error *err)
{
    return mly_machine_find(reader->machine, id, out, err);
}

void mly_reader_detach(struct mly_reader *reader)
{
    if (!reader->transport)
        return;
    mly_losses_sum_up(&reader->options);
    reader->transport->vtbl->reset(reader->transport);
    reader->transport = NULL;
}

void mly_reader_free(struct mly_reader *reader)
{
    if (!reader)
        return;
    mly_reader_detach(reader);
    mly_machine_free(reader->machine);
    const struct mly_mem *mem = reader->options.mem;
    mem->release(mem->ctx, reader);
}
