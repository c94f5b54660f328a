/* SPDX-License-Identifier: MIT */
#include "gzip.h"

#include <string.h>

static const uint8_t header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};

enum { STORED_MAX = 0xffff, TRAILER = 8 };

static uint32_t crc32_of(const uint8_t *data, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

static void put(struct bytes *bytes, uint32_t value, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        bytes_byte(bytes, (uint8_t)(value >> (8 * i)));
}

static uint32_t get(const uint8_t *at, unsigned n)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint32_t)at[i] << (8 * i);
    return value;
}

struct bytes gzip_store(const void *data, size_t n)
{
    const uint8_t *at = data;
    struct bytes out = {.size = 0};
    bytes_append(&out, header, sizeof header);
    size_t left = n;
    do {
        const uint32_t length = (uint32_t)(left < STORED_MAX ? left : STORED_MAX);
        bytes_byte(&out, left == length); /* the last block has the first bit set */
        put(&out, length, 2);
        put(&out, ~length, 2);
        bytes_append(&out, at, length);
        at += length;
        left -= length;
    } while (left > 0);
    put(&out, crc32_of(data, n), 4);
    put(&out, (uint32_t)n, 4);
    return out;
}

bool gzip_unstore(const void *bytes, size_t n, void *out, size_t n_out)
{
    const uint8_t *at = bytes, *end = at + n;
    uint8_t *to = out;
    if (n < sizeof header || memcmp(at, header, sizeof header) != 0)
        return false;
    at += sizeof header;
    for (bool is_last = false; !is_last;) {
        if (end - at < 5 || at[0] > 1)
            return false;
        is_last = at[0];
        const uint32_t length = get(at + 1, 2);
        if ((length ^ get(at + 3, 2)) != UINT16_MAX || (size_t)(end - at - 5) < length || n_out < length)
            return false;
        if (length)
            memcpy(to, at + 5, length);
        to += length;
        n_out -= length;
        at += 5 + length;
    }
    const size_t size = (size_t)(to - (uint8_t *)out);
    return n_out == 0 && end - at == TRAILER && get(at, 4) == crc32_of(out, size) && get(at + 4, 4) == size;
}
