/* SPDX-License-Identifier: MIT */
/* retry.h — a transport around a transport that asks again what may come out better later.
 * Owner: owns the inner one from the call on, also when the call fails. Threads: the inner's. Source: SPEC.md 1. */
#ifndef MLY_RETRY_H
#define MLY_RETRY_H

#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_retry_policy {
    uint32_t max_retries;    /* after the first attempt */
    uint32_t first_delay_ms; /* then twice, four times… this, with up to a quarter more by chance */
};

/* What comes here goes out, so it counts in its budget. `clock` and `mem` are borrowed for the transport's life. */
enum mly_status mly_retry_new(struct mly_transport *inner, const struct mly_retry_policy *policy,
                              const struct mly_clock *clock, const struct mly_mem *mem, struct mly_transport **out,
                              struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
