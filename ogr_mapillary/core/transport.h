/* SPDX-License-Identifier: MIT */
/* transport.h — the only way out: requests go in, answers come back in any order.
 * curl, a folder, retry, inflate and the tests' script are implementations, stacked as decorators.
 * Owner: as said at each function. Threads: a transport serves one reader, on one thread at a time. */
#ifndef MLY_TRANSPORT_H
#define MLY_TRANSPORT_H

#include <stdbool.h>

#include "buf.h"
#include "limits.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Decides how the token travels (API.md 1.4, 2.1) and what an answer means. NONE: nothing is to be sent, see ring.h; no
 * transport meets it. */
enum mly_request_kind { MLY_REQUEST_TILE, MLY_REQUEST_GRAPH, MLY_REQUEST_NONE };

/* How many requests to the Graph a read may send (SPEC.md 1, MAX_REQUESTS). What a cache answers does not go out. */
struct mly_budget {
    const char *layer; /* that is read, for the message; borrowed */
    uint64_t max, n_sent;
};

struct mly_request {
    uint64_t ticket; /* the asker's own mark; comes back in the response; unique among those in flight */
    enum mly_request_kind kind;
    bool fresh;                          /* past every cache: the last answer did not decode */
    char key[MLY_LIMIT_KEY];             /* names the resource, e.g. mly1_public/14/8574/5735. No secret: safe to log */
    char url[MLY_LIMIT_URL];             /* without the token: the transport adds that */
    size_t max_bytes;                    /* ceiling of the answer, before and after decompression */
    char validator[MLY_LIMIT_VALIDATOR]; /* of an answer that is held: HTTP 304 says that it is still true. Empty: none
                                          */
    struct mly_budget *budget; /* where it counts when it goes out; borrowed until its answer; NULL: nowhere */
};

struct mly_response {
    uint64_t ticket;
    enum mly_status status;  /* MLY_OK: the service answered, see `http`. Else no answer came: see `why` */
    int http;                /* status code */
    uint32_t retry_after_ms; /* what the service asked for; 0 if it did not */
    uint32_t usage;          /* per cent of the application's quota, as X-App-Usage tells it; 0 if it does not */
    uint32_t attempts;       /* how often it was asked; set by retry.h */
    bool is_stored;          /* a cache has it, and the service was not asked */
    uint64_t age_ms;         /* how long ago the service said so; 0: now */
    struct mly_buf body;     /* owned by whoever holds the response */
    char validator[MLY_LIMIT_VALIDATOR]; /* with which this answer can be asked about later; empty: it cannot */
    char why[MLY_ERROR_TEXT];            /* for a person, never a secret */
};

struct mly_transport;

struct mly_transport_vtbl {
    /* Copies what it needs of `req`. A failure means that nothing was sent. */
    enum mly_status (*submit)(struct mly_transport *t, const struct mly_request *req, struct mly_error *err);
    /* MLY_OK: `out` was filled and is the caller's. MLY_AGAIN: none within `timeout_ms`. MLY_DONE: none is owed. */
    enum mly_status (*poll)(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err);
    void (*reset)(struct mly_transport *t); /* forgets and drops what is in flight; connections stay warm */
    void (*destroy)(struct mly_transport *t);
    /* Takes the token out of a text that the service had a part in; NULL where there is none. Only a transport knows
     * it, so only a transport can. */
    void (*mask)(struct mly_transport *t, char *text);
    /* Ends a poll that waits, or the next one, early. The only function that another thread may call; NULL: polls wait
     * as long as they were told to. */
    void (*wake)(struct mly_transport *t);
    /* So many bytes of answers wait for their turn where they were taken. Together with what it has itself, a transport
     * keeps them below MLY_LIMIT_ARRIVING_BYTES, as far as whoever waits for an answer gets one. NULL: it does not. */
    void (*held)(struct mly_transport *t, size_t n_bytes);
};

/* Implementations begin with this. */
struct mly_transport {
    const struct mly_transport_vtbl *vtbl;
};

/* Time is injected, so that tests wait for nothing. */
struct mly_clock {
    uint64_t (*now_ms)(void *ctx); /* monotonic */
    void (*sleep_ms)(void *ctx, uint32_t ms);
    void *ctx;
};

/* A validator is a header line, If-None-Match or If-Modified-Since (RFC 9110, 13.1), that was made from an answer's
 * ETag or Last-Modified. False: it is none, and must not be sent. */
bool mly_transport_is_validator(const char *text);

/* Counts a request that goes out, once however often it is tried. MLY_E_LIMIT: it must not. */
enum mly_status mly_transport_spend(const struct mly_request *request, struct mly_error *err);

/* Calls `mask` where there is one. */
void mly_transport_mask(struct mly_transport *t, char *text);

/* Calls `wake` where there is one. */
void mly_transport_wake(struct mly_transport *t);

/* Calls `held` where there is one. */
void mly_transport_held(struct mly_transport *t, size_t n_bytes);

/* Whether there was something to mask in these bytes, which may hold a NUL; true in doubt. What there was is masked. */
bool mly_transport_masks(struct mly_transport *t, struct mly_buf *text);

/* Accepts NULL. */
void mly_transport_free(struct mly_transport *t);

/* Frees the body and leaves the response zeroed. Accepts a zeroed one. */
void mly_transport_fini_response(struct mly_response *response);

#ifdef __cplusplus
}
#endif

#endif
