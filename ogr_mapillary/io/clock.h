/* SPDX-License-Identifier: MIT */
/* clock.h — the system's monotonic clock.
 * Owner: a constant. Threads: any. */
#ifndef MLY_CLOCK_H
#define MLY_CLOCK_H

#include "core/transport.h"

#ifdef __cplusplus
extern "C" {
#endif

const struct mly_clock *mly_clock_system(void);

#ifdef __cplusplus
}
#endif

#endif
