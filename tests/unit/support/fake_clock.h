/* SPDX-License-Identifier: MIT */
/* fake_clock.h — time that passes when somebody sleeps, and at no other time.
 * Owner: the test, on its stack; `clock` is what the code under test gets. Threads: one. */
#ifndef MLY_TEST_FAKE_CLOCK_H
#define MLY_TEST_FAKE_CLOCK_H

#include "core/transport.h"

struct fake_clock {
    struct mly_clock clock;
    uint64_t now_ms;
    uint64_t n_sleeps;
};

void fake_clock_init(struct fake_clock *clock, uint64_t now_ms);

#endif
