/* SPDX-License-Identifier: MIT */
/* chance.h — repeatable randomness: the same seed, the same numbers, on every machine. Or numbers that somebody chose:
 * bytes, so that a fuzzer can steer whatever a test does by chance.
 * Owner: a value; the bytes are borrowed. Threads: one generator, one thread. */
#ifndef MLY_TEST_CHANCE_H
#define MLY_TEST_CHANCE_H

#include <stdint.h>
#include <stdlib.h>

struct chance {
    uint64_t state;
    const uint8_t *bytes; /* NULL: the state decides; else these, and zeros after them */
    size_t n_bytes;
};

static inline uint64_t chance_take(struct chance *chance, unsigned n)
{
    uint64_t taken = 0;
    for (unsigned i = 0; i < n && chance->n_bytes > 0; i++, chance->n_bytes--)
        taken |= (uint64_t)*chance->bytes++ << (8 * i);
    return taken;
}

/* splitmix64 */
static inline uint64_t chance_next(struct chance *chance)
{
    if (chance->bytes)
        return chance_take(chance, 8);
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In [0, n); `n` is not 0. */
static inline size_t chance_below(struct chance *chance, size_t n)
{
    if (n == 0) /* a test's mistake: nothing can be chosen */
        abort();
    if (chance->bytes)
        return (size_t)(chance_take(chance, n <= 0x100 ? 1 : n <= 0x10000 ? 2 : 8) % n);
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
    char *end;
    return wish ? strtoul(wish, &end, 10) : usual;
}

#endif
