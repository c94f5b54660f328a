/* SPDX-License-Identifier: MIT */
#include "io/flights.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum state {
    UNDER_WAY,
    LANDED, /* with an answer; nothing of it changes any more */
    LOST    /* without */
};

struct mly_flight {
    struct mly_flight *next; /* of those under way */
    enum state state;
    struct mly_flight_asker *asker; /* UNDER_WAY */
    uint32_t n_users;               /* who asked, and who waits */
    int http;
    struct mly_buf body;
    char answer_validator[MLY_LIMIT_VALIDATOR];
    char url[MLY_LIMIT_URL];
    char validator[MLY_LIMIT_VALIDATOR];
};

struct mly_flights {
    struct mly_flights_options options;
    pthread_mutex_t mutex;
    struct mly_flight *under_way; /* as many as there are connections: no table is needed */
};

static void lock(struct mly_flights *flights)
{
    (void)pthread_mutex_lock(&flights->mutex);
}

static void unlock(struct mly_flights *flights)
{
    (void)pthread_mutex_unlock(&flights->mutex);
}

/* Not the same for two threads at once; that is all that is asked of it. */
static uint64_t system_thread(void *ctx)
{
    (void)ctx;
    const pthread_t self = pthread_self();
    uint64_t number = 0;
    memcpy(&number, &self, sizeof self < sizeof number ? sizeof self : sizeof number);
    return number;
}

enum mly_status mly_flights_new(const struct mly_flights_options *options, struct mly_flights **out,
                                struct mly_error *err)
{
    struct mly_flights *flights = options->mem->alloc(options->mem->ctx, sizeof *flights);
    if (!flights)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the requests under way");
    *flights = (struct mly_flights){.options = *options};
    if (!options->thread)
        flights->options.thread = system_thread;
    if (pthread_mutex_init(&flights->mutex, NULL) != 0) {
        options->mem->release(options->mem->ctx, flights);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the requests under way");
    }
    *out = flights;
    return MLY_OK;
}

void mly_flights_free(struct mly_flights *flights)
{
    if (!flights)
        return;
    const struct mly_mem *mem = flights->options.mem;
    (void)pthread_mutex_destroy(&flights->mutex);
    mem->release(mem->ctx, flights);
}

/* ---- with the lock closed ---- */

static void be_seen(const struct mly_flights *flights, struct mly_flight_asker *asker, uint64_t now_ms)
{
    asker->thread = flights->options.thread(flights->options.thread_ctx);
    asker->seen_ms = now_ms;
}

/* Whether an answer can come of a flight while `waiting` waits. */
static bool is_hopeful(const struct mly_flights *flights, const struct mly_flight *flight,
                       const struct mly_flight_asker *waiting, uint64_t now_ms)
{
    const struct mly_flight_asker *asker = flight->asker;
    if (asker == waiting)
        return true; /* it looks for answers itself */
    if (asker->thread == flights->options.thread(flights->options.thread_ctx))
        return false;
    /* A poll that lives comes back at least every second; one that does not may be another process's, before a fork. */
    const uint64_t patience_ms = asker->is_polling ? MLY_FLIGHTS_POLL_PATIENCE_MS : MLY_FLIGHTS_PATIENCE_MS;
    return now_ms < asker->seen_ms || now_ms - asker->seen_ms <= patience_ms;
}

static struct mly_flight *find(const struct mly_flights *flights, const struct mly_request *request)
{
    struct mly_flight *flight = flights->under_way;
    while (flight && !(strcmp(flight->url, request->url) == 0 && strcmp(flight->validator, request->validator) == 0))
        flight = flight->next;
    return flight;
}

/* It is under way no more. */
static void end(struct mly_flights *flights, struct mly_flight *flight, enum state state)
{
    struct mly_flight **link = &flights->under_way;
    while (*link != flight)
        link = &(*link)->next;
    *link = flight->next;
    flight->state = state;
    flight->asker = NULL;
}

static struct mly_flight *begin(struct mly_flights *flights, struct mly_flight_asker *asker,
                                const struct mly_request *request)
{
    const struct mly_mem *mem = flights->options.mem;
    struct mly_flight *flight = mem->alloc(mem->ctx, sizeof *flight);
    if (!flight)
        return NULL;
    *flight = (struct mly_flight){.next = flights->under_way, .asker = asker, .n_users = 1};
    mly_buf_init(&flight->body, mem, request->max_bytes);
    memcpy(flight->url, request->url, sizeof flight->url);
    memcpy(flight->validator, request->validator, sizeof flight->validator);
    flights->under_way = flight;
    return flight;
}

static void drop(struct mly_flights *flights, struct mly_flight *flight)
{
    const struct mly_mem *mem = flights->options.mem;
    if (--flight->n_users > 0)
        return;
    mly_buf_fini(&flight->body);
    mem->release(mem->ctx, flight);
}

/* What is as true for everybody. */
static bool is_for_all(const struct mly_response *response)
{
    return response->status == MLY_OK &&
           (response->http == 200 || response->http == 204 || response->http == 304 || response->http == 404);
}

static bool keep(struct mly_flight *flight, const struct mly_response *response)
{
    flight->http = response->http;
    memcpy(flight->answer_validator, response->validator, sizeof flight->answer_validator);
    return mly_buf_reserve(&flight->body, response->body.size) == MLY_OK &&
           mly_buf_append(&flight->body, response->body.data, response->body.size) == MLY_OK;
}

/* ---- the interface ---- */

void mly_flights_before_fork(struct mly_flights *flights)
{
    lock(flights);
}

void mly_flights_after_fork(struct mly_flights *flights)
{
    unlock(flights);
}

void mly_flights_begin_poll(struct mly_flights *flights, struct mly_flight_asker *asker, uint64_t now_ms)
{
    lock(flights);
    be_seen(flights, asker, now_ms);
    asker->is_polling = true;
    unlock(flights);
}

void mly_flights_end_poll(struct mly_flights *flights, struct mly_flight_asker *asker, uint64_t now_ms)
{
    lock(flights);
    be_seen(flights, asker, now_ms);
    asker->is_polling = false;
    unlock(flights);
}

struct mly_flight *mly_flights_join(struct mly_flights *flights, struct mly_flight_asker *asker,
                                    const struct mly_request *request, uint64_t now_ms, bool *is_first)
{
    lock(flights);
    be_seen(flights, asker, now_ms);
    struct mly_flight *flight = find(flights, request);
    if (flight && !is_hopeful(flights, flight, asker, now_ms)) {
        end(flights, flight, LOST);
        flight = NULL;
    }
    *is_first = !flight;
    if (flight)
        flight->n_users++;
    else
        flight = begin(flights, asker, request);
    unlock(flights);
    return flight;
}

void mly_flights_land(struct mly_flights *flights, struct mly_flight *flight, const struct mly_response *response)
{
    lock(flights);
    if (flight->state == UNDER_WAY) {
        const bool is_wanted = flight->n_users > 1 && is_for_all(response);
        end(flights, flight, is_wanted && keep(flight, response) ? LANDED : LOST);
    }
    drop(flights, flight);
    unlock(flights);
}

void mly_flights_leave(struct mly_flights *flights, struct mly_flight_asker *asker, struct mly_flight *flight)
{
    lock(flights);
    if (flight->state == UNDER_WAY && flight->asker == asker)
        end(flights, flight, LOST);
    drop(flights, flight);
    unlock(flights);
}

static enum mly_status copy_answer(const struct mly_flight *flight, const struct mly_request *request,
                                   const struct mly_mem *mem, struct mly_response *out, struct mly_error *err)
{
    *out = (struct mly_response){.http = flight->http, .attempts = 1};
    mly_buf_init(&out->body, mem, request->max_bytes);
    memcpy(out->validator, flight->answer_validator, sizeof out->validator);
    if (mly_buf_reserve(&out->body, flight->body.size) == MLY_OK &&
        mly_buf_append(&out->body, flight->body.data, flight->body.size) == MLY_OK)
        return MLY_OK;
    mly_buf_fini(&out->body);
    return mly_fail(err, MLY_E_NOMEM, "out of memory for an answer");
}

enum mly_status mly_flights_look(struct mly_flights *flights, struct mly_flight_asker *asker, struct mly_flight *flight,
                                 uint64_t now_ms, const struct mly_request *request, const struct mly_mem *mem,
                                 struct mly_response *out, struct mly_error *err)
{
    enum mly_status status = MLY_DONE;
    lock(flights);
    if (flight->state == UNDER_WAY && is_hopeful(flights, flight, asker, now_ms))
        status = MLY_AGAIN;
    else if (flight->state == LANDED)
        status = copy_answer(flight, request, mem, out, err);
    if (status != MLY_AGAIN)
        drop(flights, flight);
    unlock(flights);
    return status;
}
