// SPDX-License-Identifier: MIT
// owners.h — the ids that an attribute filter demands of a field: what the Graph has to be asked for.
// Owner: values. Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compat.h"

namespace mly
{
// Each row that `query` (may be null) lets through has one of these values in the Integer64 field, each named once, in
// the order of the filter. Nothing: the filter demands no such thing.
std::optional<std::vector<int64_t>> DemandedIds(OGRFeatureQuery *query, int field);
}  // namespace mly
