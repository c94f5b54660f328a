// SPDX-License-Identifier: MIT
// residual.h — OGR's own attribute filter, with what must not go wrong around it.
// Owner: owns queries that it compiles; the layer's query is borrowed. Threads: the layer's.
//
// Before GDAL 3.10 comparing an absent date, or a date with NULL, is an error, which drops the row whatever else the
// filter says and ends ogr2ogr with a failure. There, rows with absent dates are judged by the same filter with the
// comparisons of those dates replaced by FALSE, which is how the same versions treat every other absent value.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "compat.h"

namespace mly
{
class Residual
{
  public:
    // Called after each change of the layer's filter. `query` may be null: everything passes.
    // False, with an error that names the literal: a date in it cannot be read, and no row could ever pass.
    bool Set(OGRFeatureQuery *query, OGRFeatureDefn *defn);

    bool Passes(OGRFeature *feature);

  private:
    OGRFeatureQuery *QueryWithout(uint64_t absentDates);

    OGRFeatureQuery *query_ = nullptr;
    OGRFeatureDefn *defn_ = nullptr;
    bool comparesWithNull_ = false;
    uint64_t comparedDates_ = 0;
    std::map<uint64_t, std::unique_ptr<OGRFeatureQuery>> withoutDates_;  // by set of absent fields
};
}  // namespace mly
