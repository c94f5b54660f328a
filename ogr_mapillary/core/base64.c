/* SPDX-License-Identifier: MIT */
#include "base64.h"

/* -1 for what is not of the alphabet. */
static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool mly_base64_decode(struct mly_span text, uint8_t *out, size_t *n_out)
{
    size_t n = text.size, n_padding = 0, n_bytes = 0;
    if (n % 4 != 0)
        return false;
    while (n_padding < 2 && n > 0 && text.data[n - 1] == '=') {
        n--;
        n_padding++;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const int value = digit(text.data[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)
            out[n_bytes++] = (uint8_t)(bits >> (6 - i % 4 * 2));
    }
    *n_out = n_bytes;
    return true;
}
