/* SPDX-License-Identifier: MIT */
/* chance.h — repeatable randomness: the same seed, the same numbers, on every machine.
 * Owner: a value. Threads: one generator, one thread. */
#ifndef MLY_TEST_CHANCE_H
#define MLY_TEST_CHANCE_H

#include <stdint.h>
#include <stdlib.h>

struct chance {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t chance_next(struct chance *chance)
{
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In [0, n); `n` is not 0. */
static inline size_t chance_below(struct chance *chance, size_t n)
{
    return (size_t)(chance_next(chance) % n);
}

/* In [low, high). */
static inline double chance_between(struct chance *chance, double low, double high)
{
    return low + (high - low) * (double)(chance_next(chance) >> 11) * 0x1p-53;
}

/* How many rounds a random test makes: `usual` of them, or as many as the environment variable MLY_TEST_ROUNDS says. */
static inline unsigned long chance_rounds(unsigned long usual)
{
    const char *wish = getenv("MLY_TEST_ROUNDS");
    return wish ? strtoul(wish, NULL, 10) : usual;
}

#endif
