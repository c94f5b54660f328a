/* SPDX-License-Identifier: MIT */
/* losses.h — what a read goes on without (SPEC.md 1, ON_ERROR=SKIP): each is told, up to a ceiling, and at the end how
 * many there were.
 * Owner: whoever reads; borrowed by its machines for the read's life. Threads: the read's. */
#ifndef MLY_LOSSES_H
#define MLY_LOSSES_H

#include <stdbool.h>

#include "machine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mly_loss {
    MLY_LOSS_TILE,
    MLY_LOSS_GRAPH,    /* a request to the Graph */
    MLY_LOSS_MADE_GOOD /* nothing is missing for want of it; told, but not counted */
};

/* Begins zeroed. */
struct mly_losses {
    const char *layer; /* for the messages; borrowed; set by the reader */
    uint64_t n_tiles, n_requests;
    uint64_t n_told; /* in warnings of their own */
    bool is_summed_up;
    uint32_t n_silent[MLY_REQUEST_NONE]; /* requests of a kind in a row that nobody answered */
};

/* Whether a read may go on after a failure of this kind. Not when the token or the caller is refused, since every other
 * request would be too; not without memory; not when the caller is at fault. */
bool mly_losses_can_bear(enum mly_status failure);

/* What failed for good, says `why`; `meaning` tells what comes of it for the rows. MLY_OK: it was noted, and the read
 * goes on without it. Else a failure, with the message in `err` (may be NULL): the read ends. */
enum mly_status mly_losses_bear(const struct mly_read_options *options, enum mly_loss what, const struct mly_error *why,
                                const char *meaning, struct mly_error *err);

/* An answer has come, or none will. Where not a single request is answered any more, what is lost next ends the read:
 * the others would be lost like it, after as many attempts each. Accepts NULL. */
void mly_losses_hear(struct mly_losses *losses, enum mly_request_kind kind, const struct mly_response *response);

/* Something is missing. Accepts NULL. */
bool mly_losses_are_there(const struct mly_losses *losses);

/* The read is over, however it ended: one warning, the first time and if something is missing. */
void mly_losses_sum_up(const struct mly_read_options *options);

#ifdef __cplusplus
}
#endif

#endif
