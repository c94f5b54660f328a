/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <stdio.h>

#include "losses.h"
#include "verdict.h"

enum slot_state {
    SLOT_ASKED,     /* in flight */
    SLOT_ASK_AGAIN, /* the answer did not decode; one more attempt */
    SLOT_HELD,      /* waits for its turn */
    SLOT_READY,     /* so does this, and nothing was asked */
    SLOT_EMPTY,
    SLOT_TOO_MUCH, /* a failure, unless the taker asks for less */
    SLOT_LOST,     /* a failure that the taker goes on after */
    SLOT_FAILED    /* so did this; the read ends when its turn comes */
};

enum { MAX_DECODE_ATTEMPTS = 2 };
enum { FIRST_GUESS_BYTES = 128 << 10, LAST_ONES = 8 }; /* of an answer; how many count for the usual size */

struct slot {
    struct mly_request request;
    uint64_t tag;
    enum slot_state state;
    bool is_missing; /* SLOT_EMPTY: HTTP 404 */
    uint32_t n_asked;
    int64_t said_ms;
    struct mly_buf body;
    struct mly_error error;
};

/* Requests are numbered as the list orders them. [head, tail) are in the ring; a request's slot is its number modulo
 * n_slots, and its number is its ticket. */
struct mly_ring {
    struct mly_ring_options options;
    struct mly_request next; /* of the list, made ahead: the end must be known before it is reached */
    uint64_t next_tag;
    bool has_next, is_at_end;  /* of the list; neither: it is not known yet how it goes on */
    bool has_failed, is_taken; /* has_failed: some slot; is_taken: the head */
    uint64_t head, tail;
    uint32_t n_slots, n_in_flight, n_ask_again;
    size_t held_bytes, usual_bytes; /* of all bodies that are held; of an answer, as the last ones were */
    struct slot slots[];
};

static enum mly_status look_ahead(struct mly_ring *ring, struct mly_error *err)
{
    const enum mly_status status = ring->options.next(ring->options.next_ctx, &ring->next, &ring->next_tag, err);
    ring->has_next = status == MLY_OK;
    ring->is_at_end = status == MLY_DONE;
    return status;
}

static struct slot *slot_of(struct mly_ring *ring, uint64_t number)
{
    return &ring->slots[number % ring->n_slots];
}

enum mly_status mly_ring_new(const struct mly_ring_options *options, struct mly_ring **out, struct mly_error *err)
{
    if (options->max_in_flight < 1 || options->max_in_flight > MLY_LIMIT_CONNECTIONS)
        return mly_fail(err, MLY_E_ARG, "%u requests in flight: 1 to %d are possible", options->max_in_flight,
                        MLY_LIMIT_CONNECTIONS);
    const uint32_t n_slots = options->max_in_flight * 2; /* as many may wait for their turn as are on their way */
    const struct mly_mem *mem = options->mem;
    struct mly_ring *ring = mem->alloc(mem->ctx, sizeof *ring + n_slots * sizeof ring->slots[0]);
    if (!ring)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a read");
    *ring = (struct mly_ring){.options = *options, .n_slots = n_slots, .usual_bytes = FIRST_GUESS_BYTES};
    for (uint32_t i = 0; i < n_slots; i++)
        ring->slots[i] = (struct slot){.state = SLOT_EMPTY};
    const enum mly_status status = look_ahead(ring, err);
    if (status < 0) {
        mly_ring_free(ring);
        return status;
    }
    *out = ring;
    return MLY_OK;
}

/* What the ring holds becomes more by `more`, and less by `less`. */
static void count_held(struct mly_ring *ring, size_t more, size_t less)
{
    ring->held_bytes = ring->held_bytes + more - less;
    if (ring->options.held_bytes)
        *ring->options.held_bytes = *ring->options.held_bytes + more - less;
}

/* ---- messages ---- */

static const char *kind_of(const struct slot *slot)
{
    return slot->request.kind == MLY_REQUEST_TILE ? "tile" : "Graph request";
}

static void debug_slot(const struct mly_ring *ring, const struct slot *slot, const char *what)
{
    char text[MLY_LIMIT_KEY + 96];
    if (!ring->options.debug)
        return;
    (void)snprintf(text, sizeof text, "%s %s: %s", kind_of(slot), slot->request.key, what);
    ring->options.debug(ring->options.debug_ctx, text);
}

static enum mly_status wrap_slot(const struct slot *slot, enum mly_status status, struct mly_error *err)
{
    const char *often = slot->n_asked > 1 ? " (asked for twice)" : "";
    return mly_wrap(err, status, "%s %s%s", kind_of(slot), slot->request.key, often);
}

void mly_ring_debug(struct mly_ring *ring, const char *what)
{
    debug_slot(ring, slot_of(ring, ring->head), what);
}

/* ---- want ---- */

static enum mly_status ask(struct mly_ring *ring, uint64_t number, struct mly_request *out)
{
    struct slot *slot = slot_of(ring, number);
    slot->request.ticket = (uint64_t)ring->options.lane << 56 | number;
    slot->request.fresh = slot->n_asked > 0;
    slot->n_asked++;
    slot->state = SLOT_ASKED;
    ring->n_in_flight++;
    *out = slot->request;
    return MLY_OK;
}

static enum mly_status ask_again(struct mly_ring *ring, struct mly_request *out)
{
    for (uint64_t number = ring->head; number < ring->tail; number++) {
        if (slot_of(ring, number)->state == SLOT_ASK_AGAIN) {
            ring->n_ask_again--;
            return ask(ring, number, out);
        }
    }
    return MLY_AGAIN;
}

static bool may_ask_for_next(const struct mly_ring *ring)
{
    if (!ring->has_next || ring->has_failed || ring->tail - ring->head >= ring->n_slots)
        return false;
    if (ring->tail == ring->head)
        return true;
    return ring->held_bytes + ring->n_in_flight * ring->usual_bytes < ring->options.max_held_bytes;
}

/* Gives the next request of the list the next slot. */
static enum mly_status admit(struct mly_ring *ring, enum slot_state state, struct mly_error *err)
{
    *slot_of(ring, ring->tail) = (struct slot){.request = ring->next, .tag = ring->next_tag, .state = state};
    MLY_TRY(look_ahead(ring, err));
    ring->tail++;
    return MLY_OK;
}

/* What is ready takes slots, and does not count as in flight. */
static enum mly_status admit_ready(struct mly_ring *ring, struct mly_error *err)
{
    while (may_ask_for_next(ring) && ring->next.kind == MLY_REQUEST_NONE)
        MLY_TRY(admit(ring, SLOT_READY, err));
    return MLY_OK;
}

enum mly_status mly_ring_want(struct mly_ring *ring, struct mly_request *out, struct mly_error *err)
{
    if (ring->n_in_flight >= ring->options.max_in_flight)
        return MLY_AGAIN;
    if (ring->n_ask_again > 0)
        return ask_again(ring, out);
    if (!ring->has_next && !ring->is_at_end && !ring->has_failed)
        MLY_TRY(look_ahead(ring, err));
    MLY_TRY(admit_ready(ring, err));
    if (!may_ask_for_next(ring))
        return MLY_AGAIN;
    MLY_TRY(admit(ring, SLOT_ASKED, err));
    return ask(ring, ring->tail - 1, out);
}

/* ---- feed ---- */

static void fail_slot(const struct mly_ring *ring, struct slot *slot, uint32_t attempts)
{
    if (attempts > 1)
        mly_wrap(&slot->error, slot->error.code, "%u attempts", attempts);
    wrap_slot(slot, slot->error.code, &slot->error);
    slot->state = ring->options.losses && mly_losses_can_bear(slot->error.code) ? SLOT_LOST : SLOT_FAILED;
}

/* The bytes are broken: another answer may be whole, once. */
static bool give_second_chance(struct mly_ring *ring, struct slot *slot)
{
    if (slot->n_asked >= MAX_DECODE_ATTEMPTS)
        return false;
    debug_slot(ring, slot, "the answer does not decode; asking once more");
    slot->state = SLOT_ASK_AGAIN;
    ring->n_ask_again++;
    return true;
}

static int64_t said_ms(const struct mly_ring *ring, const struct mly_response *response)
{
    const struct mly_clock *clock = ring->options.clock;
    return clock ? (int64_t)clock->now_ms(clock->ctx) - (int64_t)response->age_ms : 0;
}

enum mly_status mly_ring_feed(struct mly_ring *ring, struct mly_response *response, struct mly_error *err)
{
    const uint64_t number = response->ticket & ((UINT64_C(1) << 56) - 1);
    struct slot *slot = slot_of(ring, number);
    if (mly_machine_lane(response->ticket) != ring->options.lane || number < ring->head || number >= ring->tail ||
        slot->state != SLOT_ASKED)
        return mly_fail(err, MLY_E_ARG, "an answer nobody asked for");
    ring->n_in_flight--;
    slot->said_ms = said_ms(ring, response);
    mly_losses_hear(ring->options.losses, slot->request.kind, response);
    if (response->status == MLY_E_CORRUPT && give_second_chance(ring, slot))
        return MLY_OK;

    switch (mly_verdict_of(slot->request.kind, response, &slot->error)) {
    case MLY_VERDICT_BODY:
        slot->state = SLOT_HELD;
        mly_buf_move(&slot->body, &response->body);
        count_held(ring, slot->body.size, 0);
        ring->usual_bytes = (ring->usual_bytes * (LAST_ONES - 1) + slot->body.size) / LAST_ONES;
        break;
    case MLY_VERDICT_EMPTY:
        slot->state = SLOT_EMPTY;
        slot->is_missing = response->http == 404;
        if (slot->is_missing)
            debug_slot(ring, slot, "HTTP 404, taken as empty");
        break;
    case MLY_VERDICT_TOO_MUCH:
        fail_slot(ring, slot, response->attempts);
        if (ring->options.takes_all)
            slot->state = SLOT_TOO_MUCH;
        break;
    case MLY_VERDICT_RETRY:
    case MLY_VERDICT_FAILURE:
        fail_slot(ring, slot, response->attempts);
        break;
    case MLY_VERDICT_STOP:
        if (err)
            *err = slot->error;
        return wrap_slot(slot, slot->error.code, err);
    }
    ring->has_failed = ring->has_failed || slot->state == SLOT_FAILED;
    return MLY_OK;
}

/* ---- take ---- */

static void forget_body(struct mly_ring *ring, struct slot *slot)
{
    if (slot->body.mem) {
        count_held(ring, 0, slot->body.size);
        mly_buf_fini(&slot->body);
    }
}

static void leave_head(struct mly_ring *ring)
{
    forget_body(ring, slot_of(ring, ring->head));
    ring->is_taken = false;
    ring->head++;
}

static enum mly_status take_head(struct mly_ring *ring, enum mly_answer_kind kind, struct mly_ring_answer *out)
{
    const struct slot *slot = slot_of(ring, ring->head);
    ring->is_taken = true;
    *out = (struct mly_ring_answer){
        .kind = kind, .tag = slot->tag, .is_missing = slot->is_missing, .said_ms = slot->said_ms};
    if (kind == MLY_ANSWER_BODY)
        out->body = mly_buf_view(&slot->body);
    return MLY_OK;
}

static enum mly_status end_with(const struct slot *slot, struct mly_error *err)
{
    if (err)
        *err = slot->error;
    return slot->error.code;
}

/* The head of what was asked for or is ready. Behind the last of it there may be more that is ready: since nobody owes
 * it, nobody would come back for it. */
static enum mly_status find_head(struct mly_ring *ring, struct slot **out, struct mly_error *err)
{
    if (ring->head == ring->tail)
        MLY_TRY(admit_ready(ring, err));
    if (ring->head == ring->tail)
        return ring->is_at_end ? MLY_DONE : MLY_AGAIN;
    *out = slot_of(ring, ring->head);
    return MLY_OK;
}

enum mly_status mly_ring_take(struct mly_ring *ring, struct mly_ring_answer *out, struct mly_error *err)
{
    if (ring->is_taken)
        leave_head(ring);
    for (;; leave_head(ring)) {
        struct slot *slot = NULL;
        const enum mly_status status = find_head(ring, &slot, err);
        if (status != MLY_OK)
            return status;
        switch (slot->state) {
        case SLOT_HELD:
            return take_head(ring, MLY_ANSWER_BODY, out);
        case SLOT_READY:
            return take_head(ring, MLY_ANSWER_READY, out);
        case SLOT_EMPTY:
            if (ring->options.takes_all)
                return take_head(ring, MLY_ANSWER_EMPTY, out);
            continue;
        case SLOT_TOO_MUCH:
            return take_head(ring, MLY_ANSWER_TOO_MUCH, out);
        case SLOT_LOST:
            return take_head(ring, MLY_ANSWER_LOST, out);
        case SLOT_FAILED:
            return end_with(slot, err);
        default:
            return MLY_AGAIN;
        }
    }
}

void mly_ring_move(struct mly_ring *ring, struct mly_buf *out)
{
    struct slot *slot = slot_of(ring, ring->head);
    count_held(ring, 0, slot->body.size);
    mly_buf_move(out, &slot->body);
}

enum mly_status mly_ring_give_up(struct mly_ring *ring, struct mly_error *err)
{
    return end_with(slot_of(ring, ring->head), err);
}

enum mly_status mly_ring_refuse(struct mly_ring *ring, enum mly_status status, struct mly_error *err)
{
    struct slot *slot = slot_of(ring, ring->head);
    forget_body(ring, slot);
    if (status == MLY_E_CORRUPT && give_second_chance(ring, slot)) {
        ring->is_taken = false;
        return MLY_AGAIN;
    }
    return wrap_slot(slot, status, err);
}

void mly_ring_free(struct mly_ring *ring)
{
    if (!ring)
        return;
    for (uint32_t i = 0; i < ring->n_slots; i++)
        forget_body(ring, &ring->slots[i]);
    ring->options.mem->release(ring->options.mem->ctx, ring);
}
