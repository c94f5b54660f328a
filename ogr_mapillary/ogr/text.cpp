// SPDX-License-Identifier: MIT
#include "text.h"

#include <cpl_conv.h>
#include <cpl_string.h>

namespace mly
{
char *MakeString(const mly_value &value)
{
    char *text = static_cast<char *>(CPLMalloc(value.n_bytes + size_t{1}));
    memcpy(text, value.as.text, value.n_bytes);
    text[value.n_bytes] = '\0';
    if (IsPlain(text, value.n_bytes) || CPLIsUTF8(text, static_cast<int>(value.n_bytes)))
        return text;
    char *ascii = CPLForceToASCII(text, static_cast<int>(value.n_bytes), '?');
    CPLFree(text);
    return ascii;
}
}  // namespace mly
