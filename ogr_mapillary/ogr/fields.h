// SPDX-License-Identifier: MIT
// fields.h — which fields a read must fill: those that are wanted, and those that only its filters look at.
// Owner: a value. Threads: a value.
#pragma once

#include <vector>

#include "compat.h"

namespace mly
{
class FieldUse
{
  public:
    FieldUse() = default;

    // `query` may be null.
    FieldUse(OGRFeatureDefn *defn, OGRFeatureQuery *query, bool hasSpatialFilter);

    const std::vector<int> &Read() const
    {
        return read_;
    }

    // Those that the attribute filter looks at.
    const std::vector<int> &Filtered() const
    {
        return filtered_;
    }

    bool ReadsGeometry() const
    {
        return readsGeometry_;
    }

    // What the filters look at, and nothing else.
    FieldUse OnlyFiltered() const;

    // Takes out again what is ignored, once the filters have seen it.
    void DropFilterOnly(OGRFeature *feature) const;

  private:
    std::vector<int> read_, filtered_, filterOnly_;
    bool readsGeometry_ = true, filtersGeometry_ = false, geometryIsFilterOnly_ = false;
};
}  // namespace mly
