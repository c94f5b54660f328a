/* SPDX-License-Identifier: MIT */
#include "hash.h"

enum { LANES = 4, STRIPE = 8 * LANES };

static const uint64_t prime1 = UINT64_C(0x9e3779b185ebca87);
static const uint64_t prime2 = UINT64_C(0xc2b2ae3d27d4eb4f);
static const uint64_t prime3 = UINT64_C(0x165667b19e3779f9);
static const uint64_t prime4 = UINT64_C(0x85ebca77c2b2ae63);
static const uint64_t prime5 = UINT64_C(0x27d4eb2f165667c5);

/* Little-endian on every machine; compilers make one load of it. */
static uint64_t load32(const uint8_t *at)
{
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

static uint64_t load64(const uint8_t *at)
{
    return load32(at) | load32(at + 4) << 32;
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * prime2, 31) * prime1;
}

/* The lanes do not wait for each other's multiplications: this is where the speed comes from. */
static uint64_t hash_stripes(const uint8_t *at, const uint8_t *end)
{
    uint64_t a = prime1 + prime2, b = prime2, c = 0, d = 0 - prime1;
    for (; end - at >= STRIPE; at += STRIPE) {
        a = mix(a, load64(at));
        b = mix(b, load64(at + 8));
        c = mix(c, load64(at + 16));
        d = mix(d, load64(at + 24));
    }
    uint64_t hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    const uint64_t lanes[LANES] = {a, b, c, d};
    for (int i = 0; i < LANES; i++)
        hash = (hash ^ mix(0, lanes[i])) * prime1 + prime4;
    return hash;
}

/* What is left after the stripes, fewer than STRIPE bytes. */
static uint64_t hash_tail(uint64_t hash, const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 8; at += 8)
        hash = rotate(hash ^ mix(0, load64(at)), 27) * prime1 + prime4;
    if (end - at >= 4) {
        hash = rotate(hash ^ (load32(at) * prime1), 23) * prime2 + prime3;
        at += 4;
    }
    for (; at < end; at++)
        hash = rotate(hash ^ (*at * prime5), 11) * prime1;
    return hash;
}

/* Every bit of the input reaches every bit of the result. */
static uint64_t avalanche(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}

uint64_t mly_hash_bytes(struct mly_span bytes)
{
    if (bytes.size == 0)
        return avalanche(prime5);
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    const size_t n_striped = bytes.size - bytes.size % STRIPE;
    uint64_t hash = n_striped ? hash_stripes(at, end) : prime5;
    hash += bytes.size;
    return avalanche(hash_tail(hash, at + n_striped, end));
}
