// SPDX-License-Identifier: MIT
#include "moment.h"

namespace mly
{
namespace
{
char *WriteNumber(char *out, int number, int nDigits, char after)
{
    for (int i = nDigits; i > 0; i--, number /= 10)
        out[i - 1] = static_cast<char>('0' + number % 10);
    out[nDigits] = after;
    return out + nDigits + 1;
}
}  // namespace

size_t WriteMoment(int64_t ms, char *out)
{
    const Moment moment = MomentOf(ms);
    char *at = WriteNumber(out, moment.year, 4, '-');
    at = WriteNumber(at, moment.month, 2, '-');
    at = WriteNumber(at, moment.day, 2, 'T');
    at = WriteNumber(at, moment.hour, 2, ':');
    at = WriteNumber(at, moment.minute, 2, ':');
    at = WriteNumber(at, moment.second, 2, moment.millisecond > 0 ? '.' : 'Z');
    if (moment.millisecond > 0)
        at = WriteNumber(at, moment.millisecond, 3, 'Z');
    return static_cast<size_t>(at - out);
}
}  // namespace mly
