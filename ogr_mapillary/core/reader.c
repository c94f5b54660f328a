/* SPDX-License-Identifier: MIT */
#include "reader.h"

#include "detections.h"
#include "sequences.h"
#include "tiles.h"

enum { POLL_MS = 1000 };  /* the transport returns earlier when something happens */
enum { PUMP_ROWS = 512 }; /* so often the network gets a turn while rows are taken: a slow writer must not stall it */

struct mly_reader {
    struct mly_machine *machine;
    struct mly_transport *transport; /* NULL once detached */
    const struct mly_mem *mem;
    uint32_t n_rows;
};

/* Points come tile by tile, sequences are joined first, detections come owner by owner. */
static enum mly_status start_machine(const struct mly_plan *plan, const struct mly_read_options *options,
                                     struct mly_machine **out, struct mly_error *err)
{
    switch (plan->layer->shape) {
    case MLY_LINES:
        return mly_sequences_new(plan, options, out, err);
    case MLY_POLYGONS:
        return mly_detections_new(plan, options, out, err);
    default:
        return mly_tiles_new(plan, options, out, err);
    }
}

enum mly_status mly_reader_new(const struct mly_plan *plan, const struct mly_read_options *options,
                               struct mly_transport *transport, struct mly_reader **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct mly_reader *reader = mem->alloc(mem->ctx, sizeof *reader);
    if (!reader)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *reader = (struct mly_reader){.transport = transport, .mem = mem};
    const enum mly_status status = start_machine(plan, options, &reader->machine, err);
    if (status < 0) {
        mem->release(mem->ctx, reader);
        return status;
    }
    *out = reader;
    return MLY_OK;
}

static enum mly_status ask_for_more(struct mly_reader *reader, struct mly_error *err)
{
    struct mly_request request;
    for (;;) {
        const enum mly_status status = mly_machine_want(reader->machine, &request, err);
        if (status != MLY_OK)
            return status;
        MLY_TRY(reader->transport->vtbl->submit(reader->transport, &request, err));
    }
}

/* Sends what is wanted and takes one answer, if there is one within the time. MLY_DONE: none is owed. */
static enum mly_status exchange(struct mly_reader *reader, uint32_t timeout_ms, struct mly_error *err)
{
    struct mly_response response;
    MLY_TRY(ask_for_more(reader, err));
    const enum mly_status status = reader->transport->vtbl->poll(reader->transport, timeout_ms, &response, err);
    if (status != MLY_OK)
        return status;
    const enum mly_status fed = mly_machine_feed(reader->machine, &response, err);
    mly_transport_fini_response(&response);
    return fed;
}

static enum mly_status pump(struct mly_reader *reader, struct mly_error *err)
{
    enum mly_status status;
    do
        status = exchange(reader, 0, err);
    while (status == MLY_OK);
    return status;
}

static enum mly_status next_row(struct mly_reader *reader, struct mly_row *out, struct mly_error *err)
{
    if (reader->n_rows++ % PUMP_ROWS == PUMP_ROWS - 1)
        MLY_TRY(pump(reader, err));
    for (;;) {
        enum mly_status status = mly_machine_take(reader->machine, out, err);
        if (status != MLY_AGAIN)
            return status;
        status = exchange(reader, POLL_MS, err);
        if (status < 0)
            return status;
        if (status == MLY_DONE)
            return mly_fail(err, MLY_E_ARG, "waiting for an answer nobody owes");
    }
}

enum mly_status mly_reader_next(struct mly_reader *reader, struct mly_row *out, struct mly_error *err)
{
    const enum mly_status status = next_row(reader, out, err);
    if (status < 0 && err) /* the service's own words may repeat what it was sent */
        mly_transport_mask(reader->transport, err->text);
    return status;
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
    if (reader->transport)
        reader->transport->vtbl->reset(reader->transport);
    reader->transport = NULL;
}

void mly_reader_free(struct mly_reader *reader)
{
    if (!reader)
        return;
    mly_reader_detach(reader);
    mly_machine_free(reader->machine);
    reader->mem->release(reader->mem->ctx, reader);
}
