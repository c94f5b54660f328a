/* SPDX-License-Identifier: MIT */
/* machine.h — a machine without I/O: it wants requests, is fed answers, and gives rows. Machines stand on one another.
 * Owner: as said at each maker; _free ends a machine and what it owns. Threads: one machine, one thread at a time.
 * Law: the rows and their order do not depend on the order in which answers arrive. */
#ifndef MLY_MACHINE_H
#define MLY_MACHINE_H

#include "block.h"
#include "progress.h"
#include "row.h"
#include "transport.h"
#include "worker.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A line for a person; never a secret. */
typedef void mly_debug_fn(void *ctx, const char *text);

/* Whether the host will want a row, as far as the tile columns and the position tell: only then is it worth asking
 * more about it. May say true in doubt, never false. Must not throw. */
typedef bool mly_keep_fn(void *ctx, const struct mly_row *row);

/* What the cache on disk knows of a request's answer. False: nothing. Must not throw. */
struct mly_stored {
    int64_t fetched_ms; /* since 1970, UTC */
    size_t n_bytes;
    bool is_fresh; /* it would be used without asking */
};
typedef bool mly_stored_fn(void *ctx, const char *key, struct mly_stored *out);

struct mly_hold;
struct mly_losses;

/* What all machines of one read share; borrowed for the read's life. */
struct mly_read_options {
    const struct mly_mem *mem;
    const char *tile_service, *graph_service; /* addresses, without a slash at the end */
    uint32_t max_in_flight;                   /* 1 to MLY_LIMIT_CONNECTIONS */
    mly_debug_fn *debug;                      /* may be NULL */
    void *debug_ctx;
    mly_debug_fn *warn; /* likewise, for what a user should see; may be NULL; gets debug_ctx */
    mly_keep_fn *keep;  /* NULL keeps all */
    void *keep_ctx;
    mly_stored_fn *stored; /* NULL: there is no cache */
    void *stored_ctx;
    struct mly_hold *hold;         /* decoded tiles to look among first, and to leave behind; NULL: none */
    const char *hold_scope;        /* which of them are this read's, see hold.h */
    const struct mly_clock *clock; /* tells their age; only with a hold */
    uint64_t hold_max_age_ms;
    bool is_folder;                /* tiles are files: one that is not there is empty, and no answer that may change */
    struct mly_losses *losses;     /* the read goes on without what fails for good, and notes it here; NULL: it ends */
    struct mly_progress *progress; /* NULL: nobody looks */
    size_t *held_bytes; /* the reader's: of answers that wait for their turn in any machine. NULL: nobody looks */
    struct mly_worker *worker; /* opens large tiles ahead; `mem` and the hold must serve two threads. NULL: none */
};

struct mly_machine;

struct mly_machine_vtbl {
    /* MLY_OK: send `out`. MLY_AGAIN: nothing to send now. */
    enum mly_status (*want)(struct mly_machine *m, struct mly_request *out, struct mly_error *err);
    /* Takes the answer to a wanted request, in any order; its body is moved. A failure ends the read at once: the
     * service refuses the caller. Other failures wait for their turn, so that the rows before them still come. */
    enum mly_status (*feed)(struct mly_machine *m, struct mly_response *response, struct mly_error *err);
    /* MLY_OK: a row, valid until the next call. MLY_AGAIN: want and feed first. MLY_DONE: that was the last one. After
     * a failure only destroy is allowed. */
    enum mly_status (*take)(struct mly_machine *m, struct mly_row *out, struct mly_error *err);
    /* The same, but several rows: those that come next, `max` at most. NULL: rows come one by one. */
    enum mly_status (*block)(struct mly_machine *m, uint32_t max, struct mly_block *out, struct mly_error *err);
    /* A row that was given, by its id, valid until the next call; MLY_DONE when it is not held. NULL: rows pass by. */
    enum mly_status (*find)(struct mly_machine *m, int64_t id, struct mly_row *out, struct mly_error *err);
    /* The tiles in which the row given last was found, where that is more than its place. NULL: it is not. */
    enum mly_status (*tiles)(struct mly_machine *m, mly_tile_fn *fn, void *ctx);
    void (*destroy)(struct mly_machine *m);
};

/* Implementations begin with this. A machine that stands on another one passes on what is not its own: wants of its
 * own come first, answers are told apart by their lane. */
struct mly_machine {
    const struct mly_machine_vtbl *vtbl;
};

/* Machines of one read number their requests apart: a ticket's highest byte. */
enum mly_lane {
    MLY_LANE_TILES,  /* and lists of detections */
    MLY_LANE_ENRICH, /* entities */
    MLY_LANE_IDS,    /* lists of ids */
    MLY_LANE_NAMES,  /* creators by name */
    MLY_LANE_SCOUT   /* what decides which tiles are read */
};

static inline enum mly_lane mly_machine_lane(uint64_t ticket)
{
    return (enum mly_lane)(ticket >> 56);
}

static inline enum mly_status mly_machine_want(struct mly_machine *m, struct mly_request *out, struct mly_error *err)
{
    return m->vtbl->want(m, out, err);
}

static inline enum mly_status mly_machine_feed(struct mly_machine *m, struct mly_response *response,
                                               struct mly_error *err)
{
    return m->vtbl->feed(m, response, err);
}

static inline enum mly_status mly_machine_take(struct mly_machine *m, struct mly_row *out, struct mly_error *err)
{
    return m->vtbl->take(m, out, err);
}

static inline enum mly_status mly_machine_block(struct mly_machine *m, uint32_t max, struct mly_block *out,
                                                struct mly_error *err)
{
    return m->vtbl->block(m, max, out, err);
}

static inline enum mly_status mly_machine_find(struct mly_machine *m, int64_t id, struct mly_row *out,
                                               struct mly_error *err)
{
    return m->vtbl->find ? m->vtbl->find(m, id, out, err) : MLY_DONE;
}

static inline enum mly_status mly_machine_tiles(struct mly_machine *m, mly_tile_fn *fn, void *ctx)
{
    return m->vtbl->tiles ? m->vtbl->tiles(m, fn, ctx) : MLY_OK;
}

/* Accepts NULL. */
static inline void mly_machine_free(struct mly_machine *m)
{
    if (m)
        m->vtbl->destroy(m);
}

#ifdef __cplusplus
}
#endif

#endif
