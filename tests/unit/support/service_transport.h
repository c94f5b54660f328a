/* SPDX-License-Identifier: MIT */
/* service_transport.h — a transport that asks a function of the test's for each answer, and hands the answers over when
 * they are due: whoever sets their delays sets their order.
 * Owner: the test, on its stack; _destroy as a transport leaves it there, with what it has counted. Threads: one. */
#ifndef MLY_TEST_SERVICE_TRANSPORT_H
#define MLY_TEST_SERVICE_TRANSPORT_H

#include "bytes.h"
#include "core/transport.h"
#include "fake_clock.h"

/* Zeroed members are the usual case: HTTP 0 with status MLY_OK becomes 200. */
struct service_answer {
    struct bytes body;      /* freed by the transport */
    enum mly_status status; /* below 0: no answer comes */
    int http;
    uint32_t retry_after_ms;
    uint32_t after_ms; /* so long after its request it arrives */
};

typedef void service_answer_fn(void *ctx, const struct mly_request *request, struct service_answer *out);

struct service_call;

struct service_transport {
    struct mly_transport base;
    const struct mly_mem *mem;
    struct fake_clock *clock;
    service_answer_fn *answer;
    void *ctx;
    struct service_call *calls; /* in flight */
    size_t n_in_flight, peak_in_flight, n_requests, n_polls;
};

/* `mem` and `clock` are borrowed. Waiting for an answer lets the clock's time pass. Gzipped bodies are inflated, as
 * real transports do, by gzip.h. */
void service_init(struct service_transport *service, const struct mly_mem *mem, struct fake_clock *clock,
                  service_answer_fn *answer, void *ctx);

#endif
