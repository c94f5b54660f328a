// SPDX-License-Identifier: MIT
// wkb.h — a row's geometry as well-known binary, byte for byte as OGR would write what geometry.h makes of it: ISO,
// little-endian.
// Owner: the caller's memory. Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/row.h"

namespace mly
{
// Bytes; 0 for a row without a geometry.
size_t WkbSize(const mly_row &row, mly_shape shape);

// Exactly as many, where there are any.
void WriteWkb(const mly_row &row, mly_shape shape, uint8_t *out);

// A point's bytes, and those of several, one after another.
constexpr size_t kWkbPoint = 21;
void WriteWkbPoints(const double *longitudes, const double *latitudes, size_t n, uint8_t *out);
}  // namespace mly
