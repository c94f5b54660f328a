/* SPDX-License-Identifier: MIT */
/* transports.h — makers of the transports that reach something.
 * Owner: the caller owns what it gets, and ends it with mly_transport_free. Threads: see core/transport.h. */
#ifndef MLY_TRANSPORTS_H
#define MLY_TRANSPORTS_H

#include "core/inflate.h"
#include "core/transport.h"
#include "pace.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MLY_SERVICES = MLY_REQUEST_GRAPH + 1 }; /* one for each enum mly_request_kind, which is its index */

struct mly_curl_service {
    const char *token;    /* NULL: every request of this kind is answered with MLY_E_AUTH, unsent … */
    const char *withheld; /* … and with this: why there is none, and what to do. NULL: how to get one */
    bool is_loopback;     /* no proxy stands between this machine and itself */
};

/* Texts are copied; NULL or 0 leaves libcurl's own default. */
struct mly_curl_options {
    const struct mly_mem *mem;
    mly_inflate_fn *inflate;
    struct mly_curl_service services[MLY_SERVICES];
    uint32_t connections; /* to one machine */
    uint32_t connect_timeout_ms;
    uint32_t timeout_ms;        /* of a whole answer, without what it was paused or nobody polled; 0: none */
    uint32_t low_speed_time_s;  /* an answer that stays below … */
    uint32_t low_speed_bytes_s; /* … this is given up */
    bool verify_tls;
    const char *http_version; /* "1.0", "1.1", "2", "2TLS" */
    const char *proxy, *proxy_user_password;
    const char *ca_bundle, *ca_path;
    const char *user_agent;
};

/* libcurl's process-wide beginning; safe to repeat, on one thread at a time. */
enum mly_status mly_transport_curl_global(struct mly_error *err);

/* Both services over HTTP. Nothing is sent before the first submit. Redirects are never followed: a tile's redirect
 * means that the caller is throttled, and its target holds the token (API.md 1.4). */
enum mly_status mly_transport_curl(const struct mly_curl_options *options, struct mly_transport **out,
                                   struct mly_error *err);

/* A folder with the service's layout, /maps/vtp/TILESET/2/Z/X/Y: what is not there is HTTP 404. `folder` is absolute
 * and copied. MLY_E_IO: it has no maps/vtp: a mistaken path must not look like an empty world. */
enum mly_status mly_transport_dir(const char *folder, mly_inflate_fn *inflate, const struct mly_mem *mem,
                                  struct mly_transport **out, struct mly_error *err);

struct mly_store;

/* Answers from the store where it can; else `inner` is asked, and what it says is stored: of a tile its bytes, or that
 * there are none; of the Graph whole lists, without what could hold a token. Requests for entities pass through, see
 * below. Without `inner` (NULL) nothing is ever asked: stored answers of
 * any age serve, and what is missing is answered with MLY_E_REMOTE. `scopes` are the addresses of the services, no
 * secrets, and are copied: answers of different scopes never mix. NULL: nothing of this service is stored, its requests
 * pass through. Owns `inner` from the call on, also when the call fails; borrows `store`, which several transports may
 * share, and `mem`. MLY_E_ARG: no scope can be spelled so. */
enum mly_status mly_transport_cache(struct mly_transport *inner, struct mly_store *store,
                                    const char *const scopes[MLY_SERVICES], const struct mly_mem *mem,
                                    struct mly_transport **out, struct mly_error *err);

/* Keeps what the Graph says of entities, each field of each for itself: a request for entities is answered from the
 * store as far as it goes, and `inner` is asked about the others. Fields are as fresh as tiles may be, or with
 * `any_age` as old as they are; signed addresses serve until they end. That an entity is unknown is kept for
 * MLY_STORE_TTL_404_S. Refusals and what is no answer pass through as they are. `scope`, `inner`, `store` and `mem` as
 * above. */
enum mly_status mly_transport_entities(struct mly_transport *inner, struct mly_store *store, const char *scope,
                                       bool any_age, const struct mly_mem *mem, struct mly_transport **out,
                                       struct mly_error *err);

struct mly_transport_pace_options {
    struct mly_pace *bucket;     /* of tile requests; borrowed; NULL: none is kept */
    struct mly_pace_limit limit; /* of this transport's requests */
    const struct mly_clock *clock;
    const struct mly_mem *mem;
    void (*debug)(void *ctx, const char *text); /* what makes a read wait; may be NULL */
    void *debug_ctx;
};

/* Sends to `inner` what the pace allows and keeps the rest waiting; it stands between the retry and the network, so
 * that each attempt counts. A poll returns in its time also while requests wait, and a reset drops them at once. Tile
 * requests take from the bucket; above MLY_LIMIT_USAGE per cent of the application's quota, requests to the service
 * that tells it keep a distance. The fifth tile answer in a row that is no tile, and those behind it until a tile
 * comes, are answered with MLY_E_QUOTA: the caller is blocked (SPEC.md 4). After that, as after a redirect, one tile is
 * asked for at a time until one comes. Owns `inner` from the call on, also when the call fails; borrows what the
 * options point to. */
enum mly_status mly_transport_pace(struct mly_transport *inner, const struct mly_transport_pace_options *options,
                                   struct mly_transport **out, struct mly_error *err);

/* Lets `inner` work on a thread of its own, so that the network, or the disk, and the inflating go on while the
 * reader does. The thread lives from the first request to the reset; at rest there is none. Answers that wait for the
 * reader are bounded in bytes: when there are enough, the thread rests. What `inner` refuses comes back as an answer.
 * `inner` must have a `wake`, unless its polls never wait, in which case it does without a thread where the system has
 * none left; and its `mask` must only read what never changes. In a child of the process that made it, requests are
 * refused, and nothing is waited for, sent or freed: what there is belongs to the parent. Owns `inner` from the call
 * on, also when the call fails; borrows `mem`, which must serve two threads at once. */
enum mly_status mly_transport_threaded(struct mly_transport *inner, const struct mly_mem *mem,
                                       struct mly_transport **out, struct mly_error *err);

/* Sends each request to the transport of its kind. Where that is NULL, requests are answered with MLY_E_REMOTE and the
 * text `why`, which is borrowed for the transport's life. While both owe answers, a poll waits for them in turns, a few
 * milliseconds each: made for a folder beside a network, not for two networks. Owns both from the call on, also when
 * the call fails; borrows `mem`. */
enum mly_status mly_transport_fork(struct mly_transport *tiles, struct mly_transport *graph, const char *why,
                                   const struct mly_mem *mem, struct mly_transport **out, struct mly_error *err);

struct mly_flights;

/* Asks `inner` for a tile, unless a transport with the same flights is asking for it: then waits for that one's answer,
 * and asks after all if none comes of it. Other requests pass through. Owns `inner` from the call on, also when the
 * call fails; borrows `flights`, see flights.h, and the others. */
enum mly_status mly_transport_share(struct mly_transport *inner, struct mly_flights *flights,
                                    const struct mly_clock *clock, const struct mly_mem *mem,
                                    struct mly_transport **out, struct mly_error *err);

/* Makes a transport, which is the caller's. Must not throw. */
typedef enum mly_status mly_transport_make_fn(void *ctx, struct mly_transport **out, struct mly_error *err);

/* A transport that is made when the first request comes: what is never asked opens no socket and no cache. If it cannot
 * be made, the request is refused with the maker's error, and the next one tries again. Borrows `ctx` and `mem`. */
enum mly_status mly_transport_late(mly_transport_make_fn *make, void *ctx, const struct mly_mem *mem,
                                   struct mly_transport **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
