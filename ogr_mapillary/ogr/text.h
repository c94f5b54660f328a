// SPDX-License-Identifier: MIT
// text.h — texts of the service's as OGR keeps them.
// Owner: as said at each function. Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/value.h"

namespace mly
{
// The highest bit of any byte is set if one of the first `n`, eight at most, is NUL or beyond ASCII.
inline uint64_t OddBits(const char *text, size_t n)
{
    constexpr uint64_t kOnes = 0x0101010101010101U;
    uint64_t word = kOnes;
    memcpy(&word, text, n);
    return (word - kOnes) | word;  // borrows from the byte above only where this one is NUL
}

// Whether OGR would keep the text as it is, without a look at its encoding. Here, since it runs once a text, and most
// are short. Words may overlap: their number of bytes is known then.
inline bool IsPlain(const char *text, size_t n)
{
    constexpr uint64_t kHighs = 0x8080808080808080U;
    constexpr size_t kWord = sizeof kHighs;
    if (n < kWord)
        return (OddBits(text, n) & kHighs) == 0;
    const char *const last = text + n - kWord;
    uint64_t odd = OddBits(last, kWord);
    for (; text < last; text += kWord)
        odd |= OddBits(text, kWord);
    return (odd & kHighs) == 0;
}

// To be freed by VSIFree: UTF-8 and terminated; what came over the wire may be neither.
char *MakeString(const mly_value &value);
}  // namespace mly
