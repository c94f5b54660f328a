/* SPDX-License-Identifier: MIT */
/* fake_graph.h — a service that a test writes as a function, and the loop that moves requests and answers between it
 * and a machine. Answers come in an order of chance.
 * Owner: the test. Threads: one. */
#ifndef MLY_TEST_FAKE_GRAPH_H
#define MLY_TEST_FAKE_GRAPH_H

#include "bytes.h"
#include "chance.h"
#include "check.h"
#include "core/machine.h"

/* Zeroed members are the usual case: HTTP 0 becomes 200. */
struct fake_answer {
    struct bytes body; /* freed by whoever called for the answer */
    int http;
};

typedef void fake_graph_fn(void *ctx, const struct mly_request *request, struct fake_answer *out);

enum { FAKE_GRAPH_MAX = 2 * MLY_LIMIT_CONNECTIONS };

struct fake_graph {
    fake_graph_fn *answer;
    void *ctx;
    struct chance chance; /* its state is the seed */
    struct mly_request in_flight[FAKE_GRAPH_MAX];
    size_t n_in_flight, peak_in_flight, n_requests;
};

/* Appends text as printf makes it, at most 1 kB. */
void fake_graph_say(struct fake_answer *answer, const char *format, ...) MLY_PRINTF(2, 3);

/* The service refuses: HTTP status, code and subcode as in API.md 2.8. */
void fake_graph_refuse(struct fake_answer *answer, int http, int code, int subcode, const char *words);

/* Drives the machine until it gives a row, ends or fails. Fails the test where the machine waits for nothing. */
enum mly_status fake_graph_take(struct fake_graph *graph, struct mly_machine *machine, struct mly_row *out,
                                struct mly_error *err);

/* The text after `name` in the request's address, up to the next `end` or its end: copied to `out`. False: the address
 * does not hold the name. */
bool fake_graph_parameter(const struct mly_request *request, const char *name, char end, char *out, size_t size);

#endif
