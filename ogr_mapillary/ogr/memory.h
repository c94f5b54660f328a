// SPDX-License-Identifier: MIT
// memory.h — what all datasets of the process share: decoded tiles, so that panning back asks nothing and features that
// were just read are found by their id; the memory that they and answers lie in; the pace of their requests; and which
// requests are under way, so that layers that are drawn at the same time do not ask twice.
// Owner: the process, until GDAL lets go of the driver. Threads: any.
#pragma once

#include <array>
#include <string>

#include "core/hold.h"
#include "io/flights.h"
#include "io/pace.h"

namespace mly
{
// For answers and tiles, on any thread, as long as the process lives.
const mly_mem *SharedMemory();

// Null when there is no memory for it.
mly_hold *SharedTiles();

// One for those who name the same folders. Null when there is no memory for it.
mly_pace *SharedPace(const std::array<std::string, MLY_PACE_FOLDERS> &folders);

// Null when there is no memory for it.
mly_flights *SharedFlights();

// The beginning of libcurl, once. False, with an error: there is none.
bool BeginNetwork(mly_error *error);

// The end: no dataset of the driver is open any more.
void ForgetShared();
}  // namespace mly
