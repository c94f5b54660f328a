/* SPDX-License-Identifier: MIT */
#include "io/hash.h"

#include <string.h>

#include "support/check.h"

/* The buffer of xxHash's own sanity check. */
static void fill(uint8_t *bytes, size_t n)
{
    uint64_t state = 2654435761;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(state >> 56);
        state *= UINT64_C(11400714785074694797);
    }
}

static void it_is_xxh64(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint64_t hash;
    } published[] = {
        {0, UINT64_C(0xef46db3751d8e999)},   {1, UINT64_C(0xe934a84adb052768)},   {4, UINT64_C(0x9136a0dca57457ee)},
        {14, UINT64_C(0x8282dcc4994e35c8)},  {32, UINT64_C(0x18b216492bb44b70)},  {33, UINT64_C(0x55c8dc3e578f5b59)},
        {222, UINT64_C(0xb641ae8cb691c174)}, {512, UINT64_C(0x4358d2fdd62b58a7)},
    };
    uint8_t bytes[512];
    fill(bytes, sizeof bytes);

    for (size_t i = 0; i < COUNT(published); i++)
        assert_true(mly_hash_bytes((struct mly_span){.data = bytes, .size = published[i].n}) == published[i].hash);
    assert_true(mly_hash_bytes((struct mly_span){.data = NULL}) == published[0].hash);
}

static void every_bit_counts(void **state)
{
    (void)state;
    uint8_t bytes[71]; /* two stripes, an eight, a four and odd bytes */
    fill(bytes, sizeof bytes);
    for (size_t n = 1; n <= sizeof bytes; n++) {
        const struct mly_span span = {.data = bytes, .size = n};
        const uint64_t hash = mly_hash_bytes(span);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_true(mly_hash_bytes(span) != hash);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void where_the_bytes_lie_does_not_matter(void **state)
{
    (void)state;
    uint8_t bytes[222], shifted[222 + 8];
    fill(bytes, sizeof bytes);
    const uint64_t hash = mly_hash_bytes((struct mly_span){.data = bytes, .size = sizeof bytes});
    for (size_t shift = 0; shift < 8; shift++) {
        memcpy(shifted + shift, bytes, sizeof bytes);
        assert_true(mly_hash_bytes((struct mly_span){.data = shifted + shift, .size = sizeof bytes}) == hash);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_xxh64),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(where_the_bytes_lie_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
