/* SPDX-License-Identifier: MIT */
#include "reader.h"

#include "detections.h"
#include "sequences.h"

enum { POLL_MS = 1000 };  /* the transport returns earlier when something happens */
enum { PUMP_ROWS = 512 }; /* so often the network gets a turn while rows are taken: a slow writer must not stall it */

/* A machine behind one face: it wants requests, is fed answers and gives rows. */
struct machine {
    enum mly_status (*want)(void *self, struct mly_request *out, struct mly_error *err);
    enum mly_status (*feed)(void *self, struct mly_response *response, struct mly_error *err);
    enum mly_status (*take)(void *self, struct mly_row *out, struct mly_error *err);
    enum mly_status (*find)(void *self, int64_t id, struct mly_row *out, struct mly_error *err);
    enum mly_status (*tiles)(const void *self, mly_tile_fn *fn, void *ctx);
    void (*destroy)(void *self);
};

struct mly_reader {
    const struct machine *machine;
    void *self;                      /* the machine's */
    struct mly_transport *transport; /* NULL once detached */
    const struct mly_mem *mem;
    uint32_t n_rows;
};

#define MACHINE(name)                                                                                                  \
    static enum mly_status name##_want(void *self, struct mly_request *out, struct mly_error *err)                     \
    {                                                                                                                  \
        return mly_##name##_want(self, out, err);                                                                      \
    }                                                                                                                  \
    static enum mly_status name##_feed(void *self, struct mly_response *response, struct mly_error *err)               \
    {                                                                                                                  \
        return mly_##name##_feed(self, response, err);                                                                 \
    }                                                                                                                  \
    static enum mly_status name##_take(void *self, struct mly_row *out, struct mly_error *err)                         \
    {                                                                                                                  \
        return mly_##name##_take(self, out, err);                                                                      \
    }                                                                                                                  \
    static void name##_destroy(void *self)                                                                             \
    {                                                                                                                  \
        mly_##name##_free(self);                                                                                       \
    }

MACHINE(tiles)
MACHINE(sequences)
MACHINE(detections)

static enum mly_status find_sequence(void *self, int64_t id, struct mly_row *out, struct mly_error *err)
{
    return mly_sequences_find(self, id, out, err);
}

/* Points and detections pass by; only sequences are held. */
static enum mly_status find_nothing(void *self, int64_t id, struct mly_row *out, struct mly_error *err)
{
    (void)self;
    (void)id;
    (void)out;
    (void)err;
    return MLY_DONE;
}

static enum mly_status tiles_of_sequence(const void *self, mly_tile_fn *fn, void *ctx)
{
    return mly_sequences_tiles(self, fn, ctx);
}

static enum mly_status no_tiles(const void *self, mly_tile_fn *fn, void *ctx)
{
    (void)self;
    (void)fn;
    (void)ctx;
    return MLY_OK;
}

/* Points come tile by tile, sequences are joined first, detections come owner by owner. */
static enum mly_status start_machine(struct mly_reader *reader, const struct mly_plan *plan,
                                     const struct mly_tiles_options *options, struct mly_error *err)
{
    static const struct machine machines[] = {
        [MLY_POINT] = {tiles_want, tiles_feed, tiles_take, find_nothing, no_tiles, tiles_destroy},
        [MLY_LINES] = {sequences_want, sequences_feed, sequences_take, find_sequence, tiles_of_sequence,
                       sequences_destroy},
        [MLY_POLYGONS] = {detections_want, detections_feed, detections_take, find_nothing, no_tiles,
                          detections_destroy},
    };
    struct mly_tiles *tiles = NULL;
    struct mly_sequences *sequences = NULL;
    struct mly_detections *detections = NULL;
    enum mly_status status = MLY_OK;
    reader->machine = &machines[plan->layer->shape];
    switch (plan->layer->shape) {
    case MLY_POINT:
        status = mly_tiles_new(plan, options, &tiles, err);
        reader->self = tiles;
        break;
    case MLY_LINES:
        status = mly_sequences_new(plan, options, &sequences, err);
        reader->self = sequences;
        break;
    case MLY_POLYGONS:
        status = mly_detections_new(plan, options, &detections, err);
        reader->self = detections;
        break;
    }
    return status;
}

enum mly_status mly_reader_new(const struct mly_plan *plan, const struct mly_tiles_options *options,
                               struct mly_transport *transport, struct mly_reader **out, struct mly_error *err)
{
    const struct mly_mem *mem = options->mem;
    struct mly_reader *reader = mem->alloc(mem->ctx, sizeof *reader);
    if (!reader)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *reader = (struct mly_reader){.transport = transport, .mem = mem};
    const enum mly_status status = start_machine(reader, plan, options, err);
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
        const enum mly_status status = reader->machine->want(reader->self, &request, err);
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
    const enum mly_status fed = reader->machine->feed(reader->self, &response, err);
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
        enum mly_status status = reader->machine->take(reader->self, out, err);
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

enum mly_status mly_reader_tiles(const struct mly_reader *reader, mly_tile_fn *fn, void *ctx)
{
    return reader->machine->tiles(reader->self, fn, ctx);
}

enum mly_status mly_reader_find(struct mly_reader *reader, int64_t id, struct mly_row *out, struct mly_error *err)
{
    return reader->machine->find(reader->self, id, out, err);
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
    reader->machine->destroy(reader->self);
    reader->mem->release(reader->mem->ctx, reader);
}
