// SPDX-License-Identifier: MIT
// area.h — OGR's spatial filter, the area of interest, and the circle of NEAR and LOOKING_AT, as an area that the core
// can cover with tiles. Owner: borrows them for its own life. Threads: the layer's.
#pragma once

#include <vector>

#include "aoi.h"
#include "compat.h"
#include "core/near.h"

namespace mly
{
class FilterArea
{
  public:
    // `geometry` null: no filter. `prepared` may be null, when GDAL was built without GEOS: then the box counts. `aoi`
    // and `near` null: none.
    FilterArea(const OGRGeometry *geometry, const OGREnvelope &envelope, bool isRectangle,
               OGRPreparedGeometry *prepared, const Aoi *aoi, const mly_near *near);
    FilterArea(const FilterArea &) = delete;
    FilterArea &operator=(const FilterArea &) = delete;

    // Null when nothing bounds the read. Valid as long as this object.
    const mly_area *Get() const
    {
        return isBounded_ ? &area_ : nullptr;
    }

  private:
    void Restrict(const mly_box &box);
    void Restrict(const OGREnvelope &envelope, OGRPreparedGeometry *shape);
    static mly_touch Touch(void *self, const mly_box *box) noexcept;

    bool isBounded_ = false;
    mly_area area_{};
    std::vector<OGRPreparedGeometry *> shapes_;  // beside the box
    mly_area circle_{};
};
}  // namespace mly
