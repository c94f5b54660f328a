/* SPDX-License-Identifier: MIT */
/* flights.h — the requests that are under way in the process, so that of several readers who need the same answer one
 * asks and the others wait for it.
 * Owner: whoever called _new; askers come after it and go before it. Threads: any number at once; an asker, one at a
 * time.
 *
 * Nobody waits for an asker that does not look for answers: its reader may be at rest, for ever. Nor for one of the
 * same thread, which cannot go on while the other waits. */
#ifndef MLY_FLIGHTS_H
#define MLY_FLIGHTS_H

#include "core/transport.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_flights;
struct mly_flight; /* a request; there as long as somebody has it */

struct mly_flights_options {
    const struct mly_mem *mem;     /* for any thread; borrowed for the life of the flights */
    uint64_t (*thread)(void *ctx); /* which thread this is; NULL: the system says */
    void *thread_ctx;
};

/* Somebody who asks and waits. Zeroed at first; nobody but flights.c looks inside. */
struct mly_flight_asker {
    uint64_t thread, seen_ms;
    bool is_polling;
};

enum { MLY_FLIGHTS_POLL_PATIENCE_MS = 5000 }; /* a poll takes a second at most; one that takes longer is dead */
enum { MLY_FLIGHTS_PATIENCE_MS = 500 };       /* a reader that drew or wrote rows for so long is at rest */

enum mly_status mly_flights_new(const struct mly_flights_options *options, struct mly_flights **out,
                                struct mly_error *err);

/* Nobody has a flight of it any more. Accepts NULL. */
void mly_flights_free(struct mly_flights *flights);

/* The process forks between these two: nobody else is in the middle of something then, so that parent and child can go
 * on. The child's askers of other threads will be given up in time. */
void mly_flights_before_fork(struct mly_flights *flights);
void mly_flights_after_fork(struct mly_flights *flights);

/* The asker looks for answers between these two. `now_ms` is of the clock that all share. */
void mly_flights_begin_poll(struct mly_flights *flights, struct mly_flight_asker *asker, uint64_t now_ms);
void mly_flights_end_poll(struct mly_flights *flights, struct mly_flight_asker *asker, uint64_t now_ms);

/* What the asker is to do about a request: ask, `*is_first`, or wait for who does. To be given back by one of the three
 * functions below. NULL: there is no memory for it; then ask, and tell nobody. */
struct mly_flight *mly_flights_join(struct mly_flights *flights, struct mly_flight_asker *asker,
                                    const struct mly_request *request, uint64_t now_ms, bool *is_first);

/* The first one's: this came of it. What may come out otherwise for others (a failure) makes them ask themselves. */
void mly_flights_land(struct mly_flights *flights, struct mly_flight *flight, const struct mly_response *response);

/* Gives up: waits no more; or, as the first one, will not have an answer. */
void mly_flights_leave(struct mly_flights *flights, struct mly_flight_asker *asker, struct mly_flight *flight);

/* A waiting one's. MLY_AGAIN: still under way, and stays the caller's. Else it is given back. MLY_OK: the answer is in
 * `out`, but for its ticket; the body is a copy in `mem`. MLY_DONE: no answer will come of it: join again. MLY_E_NOMEM.
 */
enum mly_status mly_flights_look(struct mly_flights *flights, struct mly_flight_asker *asker, struct mly_flight *flight,
                                 uint64_t now_ms, const struct mly_request *request, const struct mly_mem *mem,
                                 struct mly_response *out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
