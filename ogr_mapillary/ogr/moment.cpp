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

// GDAL's own function counts year by year. Here years begin in March, so that a leap day is the last of its year; 400
// of them have 146097 days.
Moment MomentOf(int64_t ms)
{
    const auto sinceMarch0 = static_cast<uint32_t>(ms / 86400000) + 719468;
    const auto inDay = static_cast<uint32_t>(ms % 86400000);
    const uint32_t inEra = sinceMarch0 % 146097;
    const uint32_t year = (inEra - inEra / 1460 + inEra / 36524 - inEra / 146096) / 365;
    const uint32_t inYear = inEra - (365 * year + year / 4 - year / 100);
    const uint32_t month = (5 * inYear + 2) / 153;  // 0 is March
    Moment moment{};
    moment.year = static_cast<int>(sinceMarch0 / 146097 * 400 + year + (month >= 10 ? 1 : 0));
    moment.month = static_cast<int>(month >= 10 ? month - 9 : month + 3);
    moment.day = static_cast<int>(inYear - (153 * month + 2) / 5 + 1);
    moment.hour = static_cast<int>(inDay / 3600000);
    moment.minute = static_cast<int>(inDay / 60000 % 60);
    moment.second = static_cast<int>(inDay / 1000 % 60);
    moment.millisecond = static_cast<int>(inDay % 1000);
    return moment;
}

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
