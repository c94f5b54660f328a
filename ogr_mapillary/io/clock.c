/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <time.h>

static uint64_t now_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(void *ctx, uint32_t ms)
{
    (void)ctx;
    const struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&span, NULL); /* an interrupted sleep is a short one: callers look at the clock */
}

const struct mly_clock *mly_clock_system(void)
{
    static const struct mly_clock clock = {.now_ms = now_ms, .sleep_ms = sleep_ms, .ctx = NULL};
    return &clock;
}
