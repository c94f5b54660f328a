/* SPDX-License-Identifier: MIT */
#include "fake_clock.h"

static uint64_t now_ms(void *ctx)
{
    const struct fake_clock *clock = ctx;
    return clock->now_ms;
}

static void sleep_ms(void *ctx, uint32_t ms)
{
    struct fake_clock *clock = ctx;
    clock->now_ms += ms;
    clock->n_sleeps++;
}

void fake_clock_init(struct fake_clock *clock, uint64_t now)
{
    *clock = (struct fake_clock){
        .clock = {.now_ms = now_ms, .sleep_ms = sleep_ms, .ctx = clock},
        .now_ms = now,
    };
}
