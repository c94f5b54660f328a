/* SPDX-License-Identifier: MIT */
/* ring.h — a list of requests → their answers in the list's order, some in flight, as a machine without I/O.
 * Owner: whoever called _new; what the options point to is borrowed. Threads: one ring, one thread at a time.
 * Law: what comes out, and its order, does not depend on the order in which answers arrive. */
#ifndef MLY_RING_H
#define MLY_RING_H

#include "machine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_ring;

/* What is in a ring at most: answers to come, and as many that wait for their turn. */
enum { MLY_RING_MAX_SLOTS = 2 * MLY_LIMIT_CONNECTIONS };

/* Makes the next request of the list; the ring sets its ticket. `tag` comes back with the answer. A request of
 * MLY_REQUEST_NONE is not sent: its answer, MLY_ANSWER_READY, comes when its turn does. MLY_DONE: the list is at its
 * end. MLY_AGAIN: not known yet; it is called again, and then has a request to send or is at its end. */
typedef enum mly_status mly_ring_next_fn(void *ctx, struct mly_request *out, uint64_t *tag, struct mly_error *err);

struct mly_ring_options {
    const struct mly_mem *mem;
    uint32_t max_in_flight; /* 1 to MLY_LIMIT_CONNECTIONS */
    enum mly_lane lane;
    bool takes_all;                /* the taker is told of answers without a body, too */
    const struct mly_clock *clock; /* tells when the service said something; NULL: nobody wants to know */
    struct mly_losses *losses; /* what fails for good is an answer, where a read can go on without it: MLY_ANSWER_LOST.
                                * NULL: it is a failure */
    mly_ring_next_fn *next;
    void *next_ctx;
    mly_debug_fn *debug; /* may be NULL */
    void *debug_ctx;
    size_t max_held_bytes; /* with so many that wait for their turn, or are expected, it asks for no more */
    size_t *held_bytes;    /* to which it adds what it holds; NULL: nobody looks */
};

enum mly_status mly_ring_new(const struct mly_ring_options *options, struct mly_ring **out, struct mly_error *err);

/* MLY_OK: send `out`. MLY_AGAIN: nothing to send now. */
enum mly_status mly_ring_want(struct mly_ring *ring, struct mly_request *out, struct mly_error *err);

/* Takes the answer to a wanted request, in any order; its body is moved. A failure ends the read at once: the service
 * refuses the caller. Other failures wait for their turn, so that the answers before them still come; unless the ring
 * has `losses` for them, nothing new is asked for once there is one. */
enum mly_status mly_ring_feed(struct mly_ring *ring, struct mly_response *response, struct mly_error *err);

enum mly_answer_kind {
    MLY_ANSWER_BODY,     /* something to decode */
    MLY_ANSWER_EMPTY,    /* the service has nothing there, or does not know one of the entities */
    MLY_ANSWER_TOO_MUCH, /* it may answer when asked for less; or the answer may stay below its ceiling */
    MLY_ANSWER_LOST,     /* it failed for good */
    MLY_ANSWER_READY     /* nothing was asked: the list has the answer already */
};

struct mly_ring_answer {
    enum mly_answer_kind kind;
    uint64_t tag;
    struct mly_span body; /* valid until the next call */
    bool is_missing;      /* of MLY_ANSWER_EMPTY: HTTP 404, which may change soon (API.md 1.4) */
    int64_t said_ms; /* by the ring's clock, when the service said so: perhaps before its zero; 0 without a clock */
};

/* MLY_OK: the next answer. Unless the ring `takes_all`, it has a body or is ready: empty ones are passed over, and too
 * much is a failure. MLY_AGAIN: want and feed first. MLY_DONE: that was the last one. After a failure only _free is
 * allowed. */
enum mly_status mly_ring_take(struct mly_ring *ring, struct mly_ring_answer *out, struct mly_error *err);

/* Moves the body of the answer taken last, whose view stays valid as long as `out`, which must be zeroed or finished.
 */
void mly_ring_move(struct mly_ring *ring, struct mly_buf *out);

/* The answer taken last is lost, or cannot be made smaller: the failure that it was, with the service's words. */
enum mly_status mly_ring_give_up(struct mly_ring *ring, struct mly_error *err);

/* The body taken last does not decode, says `status` and `err`. MLY_AGAIN: it will be asked for once more, and taken
 * again. Else a failure, with the request's name in front of the message; if the reader can go on without it, it may
 * take the next answer. */
enum mly_status mly_ring_refuse(struct mly_ring *ring, enum mly_status status, struct mly_error *err);

/* A debug line about the answer taken last. */
void mly_ring_debug(struct mly_ring *ring, const char *what);

/* Accepts NULL. */
void mly_ring_free(struct mly_ring *ring);

#ifdef __cplusplus
}
#endif

#endif
