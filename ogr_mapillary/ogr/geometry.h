// SPDX-License-Identifier: MIT
// geometry.h — a row's geometry as OGR has it.
// Owner: the caller owns what it gets. Threads: pure functions.
#pragma once

#include <memory>

#include "compat.h"
#include "core/row.h"

namespace mly
{
// In the reference system of the definition's geometry field. Null for a row without a geometry.
std::unique_ptr<OGRGeometry> MakeGeometry(const mly_row &row, mly_shape shape, OGRFeatureDefn *defn);
}  // namespace mly
