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
Moment MomentOf(int64_t ms);

// As GDAL writes it, "2017-08-23T21:32:26.123Z", without the milliseconds where there are none, and not terminated.
// Returns its length, 20 or 24.
constexpr size_t kMomentText = 24;
size_t WriteMoment(int64_t ms, char *out);
}  // namespace mly
