/* SPDX-License-Identifier: MIT */
/* script_transport.h — a transport that answers as a test wrote it down, and fails the test on any other request.
 * Owner: the test, on its stack; _destroy as a transport leaves it there, with what it has seen. Threads: one. */
#ifndef MLY_TEST_SCRIPT_TRANSPORT_H
#define MLY_TEST_SCRIPT_TRANSPORT_H

#include "check.h"
#include "core/transport.h"
#include "fake_clock.h"

/* One answer. Zeroed members are the usual case: HTTP 0 with status MLY_OK becomes 200. */
struct script_answer {
    const char *key;         /* of the request that it answers; borrowed */
    struct mly_span body;    /* borrowed; copied when the answer is handed over */
    enum mly_status status;  /* below 0: no answer comes, `why` says why */
    enum mly_status refused; /* below 0: submit itself fails */
    int http;
    uint32_t retry_after_ms;
    uint32_t usage;
    bool is_stored;
    uint64_t age_ms;
    uint32_t after_ms; /* so long after its request it arrives: this makes the order */
    const char *why;
    const char *validator; /* that the answer comes with; borrowed; NULL: none */
};

struct script_request {
    char key[MLY_LIMIT_KEY];
    char url[MLY_LIMIT_URL];
    uint64_t at_ms; /* when it was sent */
    bool fresh;
    char validator[MLY_LIMIT_VALIDATOR];
};

enum { SCRIPT_MAX = 256 };

struct script_call;

struct script_transport {
    struct mly_transport base;
    const struct mly_mem *mem;
    struct fake_clock *clock;
    struct script_answer answers[SCRIPT_MAX];
    bool used[SCRIPT_MAX];
    size_t n_answers;
    struct script_request log[SCRIPT_MAX]; /* in the order in which they came */
    size_t n_log;
    const char *secret;        /* what mask takes out; borrowed; NULL: nothing */
    struct script_call *calls; /* in flight */
    size_t n_in_flight, peak_in_flight;
    size_t n_resets, n_destroyed;
    size_t held_bytes; /* as it was told last */
};

/* `mem` and `clock` are borrowed. Waiting for an answer lets the clock's time pass. */
void script_init(struct script_transport *script, const struct mly_mem *mem, struct fake_clock *clock);

/* The next answer to requests of its key: the first request gets the first one, the second the second. */
void script_add(struct script_transport *script, struct script_answer answer);

/* Every answer that was written down has been asked for. */
#define assert_script_is_used_up(script) script_check(script, __FILE__, __LINE__)
void script_check(const struct script_transport *script, const char *file, int line);

/* How often a key was asked for. */
size_t script_count(const struct script_transport *script, const char *key);

#endif
