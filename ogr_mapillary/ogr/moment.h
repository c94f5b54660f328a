// SPDX-License-Identifier: MIT
// moment.h — a time of the service's by the calendar, in UTC.
// Owner: values. Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mly
{
struct Moment
{
    int year, month, day;  // of the Gregorian calendar; January is 1
    int hour, minute, second, millisecond;
};

// `ms` counts from 1970, is positive and before the year 10000, as all values of MLY_TIME are.
//
// GDAL's own function counts year by year. Here years begin in March, so that a leap day is the last of its year, and
// count in quarters of days, of which a century has 146097 and a year of it 1461: what is left over of one division is
// what the next one begins with. Here, since it runs once a row and its parts stay in registers where it is used.
inline Moment MomentOf(int64_t ms)
{
    const uint64_t sinceEpoch = static_cast<uint64_t>(ms);
    const auto inDay = static_cast<uint32_t>(sinceEpoch % 86400000);
    const uint32_t quarters = 4 * (static_cast<uint32_t>(sinceEpoch / 86400000) + 719468) + 3;
    const uint32_t inCentury = quarters % 146097 | 3;  // of whole days, the last quarter
    const uint32_t inYear = inCentury % 1461 / 4;
    const uint32_t month = (5 * inYear + 2) / 153;  // 0 is March
    const bool isNextYear = month >= 10;
    Moment moment{};
    moment.year = static_cast<int>(quarters / 146097 * 100 + inCentury / 1461 + (isNextYear ? 1 : 0));
    moment.month = static_cast<int>(isNextYear ? month - 9 : month + 3);
    moment.day = static_cast<int>(inYear - (153 * month + 2) / 5 + 1);
    moment.hour = static_cast<int>(inDay / 3600000);
    moment.minute = static_cast<int>(inDay / 60000 % 60);
    moment.second = static_cast<int>(inDay / 1000 % 60);
    moment.millisecond = static_cast<int>(inDay % 1000);
    return moment;
}

// As GDAL writes it, "2017-08-23T21:32:26.123Z", without the milliseconds where there are none, and not terminated.
// Returns its length, 20 or 24.
constexpr size_t kMomentText = 24;
size_t WriteMoment(int64_t ms, char *out);
}  // namespace mly
