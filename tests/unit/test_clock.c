/* SPDX-License-Identifier: MIT */
#include "io/clock.h"

#include "support/check.h"

static void time_never_goes_back(void **state)
{
    (void)state;
    const struct mly_clock *clock = mly_clock_system();
    uint64_t last = clock->now_ms(clock->ctx);
    for (int i = 0; i < 100000; i++) {
        const uint64_t now = clock->now_ms(clock->ctx);
        assert_true(now >= last);
        last = now;
    }
}

static void sleeping_takes_its_time(void **state)
{
    (void)state;
    const struct mly_clock *clock = mly_clock_system();
    const uint64_t before = clock->now_ms(clock->ctx);

    clock->sleep_ms(clock->ctx, 20);

    assert_true(clock->now_ms(clock->ctx) - before >= 19); /* milliseconds are cut off at both ends */
}

static void no_sleep_is_no_sleep(void **state)
{
    (void)state;
    const struct mly_clock *clock = mly_clock_system();
    const uint64_t before = clock->now_ms(clock->ctx);

    for (int i = 0; i < 100; i++)
        clock->sleep_ms(clock->ctx, 0);

    assert_true(clock->now_ms(clock->ctx) - before < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(sleeping_takes_its_time),
        cmocka_unit_test(no_sleep_is_no_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
