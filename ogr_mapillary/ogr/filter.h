// SPDX-License-Identifier: MIT
// filter.h — GDAL's attribute filter, a tree of swq_expr_node, as the core's: what it cannot say becomes "unknown".
// Owner: the tree lives in the caller's arena. Threads: pure functions. Source: SPEC.md 3, GDAL.md 5 and 10.
#pragma once

#include <vector>

#include "compat.h"
#include "core/expr.h"
#include "core/schema.h"

namespace mly
{
// `query` may be null: then there is no filter, which is null, too. `columns` has the layer's column of each field.
// Null also, with `arena` in trouble, when there is no memory.
const mly_expr *MakeExpr(OGRFeatureQuery *query, const mly_layer *layer, const std::vector<int> &columns,
                         mly_arena *arena);
}  // namespace mly
