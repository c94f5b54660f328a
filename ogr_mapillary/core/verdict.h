/* SPDX-License-Identifier: MIT */
/* verdict.h — what an answer means, in one place: the retry and the readers must agree on it.
 * Owner: nothing is kept. Threads: pure functions. Source: API.md 1.4 and 2.8, SPEC.md 4. */
#ifndef MLY_VERDICT_H
#define MLY_VERDICT_H

#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mly_verdict {
    MLY_VERDICT_BODY,     /* 200 with something to decode */
    MLY_VERDICT_EMPTY,    /* the service has nothing there: 204, 404, or 200 without a byte */
    MLY_VERDICT_RETRY,    /* asking again later may help; `err` says what happened */
    MLY_VERDICT_TOO_MUCH, /* asking for less may help, asking again will not */
    MLY_VERDICT_FAILURE,  /* asking again will not help */
    MLY_VERDICT_STOP      /* nor will any other request: the token or the caller is refused */
};

/* The end of a sentence about what a blocked caller gets (API.md 1.4). */
#define MLY_VERDICT_BLOCKED                                                                                            \
    "which means that it blocks the address for too many requests. Asking on makes the block longer. Wait (a day was " \
    "seen), then read smaller areas"

/* Whether a body is a web page or JSON: begins as either does, and as no tile can. */
bool mly_verdict_is_page(struct mly_span body);

/* For the last four, `err` (may be NULL) says what happened and what to do. A Graph answer is empty when the service
 * does not know the entity. */
enum mly_verdict mly_verdict_of(enum mly_request_kind kind, const struct mly_response *response, struct mly_error *err);
enum mly_verdict mly_verdict_of_tile(const struct mly_response *response, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
