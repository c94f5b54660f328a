// SPDX-License-Identifier: MIT
// area.h — OGR's spatial filter, and the area of interest, as an area that the core can cover with tiles.
// Owner: borrows both for its own life. Threads: the layer's.
#pragma once

#include <vector>

#include "aoi.h"
#include "compat.h"
#include "core/cover.h"

namespace mly
{
class FilterArea
{
  public:
    // `geometry` null: no filter. `prepared` may be null, when GDAL was built without GEOS: then the box counts. `aoi`
    // null: none.
    FilterArea(const OGRGeometry *geometry, const OGREnvelope &envelope, bool isRectangle,
               OGRPreparedGeometry *prepared, const Aoi *aoi);
    FilterArea(const FilterArea &) = delete;
    FilterArea &operator=(const FilterArea &) = delete;

    // Null when nothing bounds the read. Valid as long as this object.
    const mly_area *Get() const
    {
        return isBounded_ ? &area_ : nullptr;
    }

  private:
    void Restrict(const OGREnvelope &envelope, OGRPreparedGeometry *shape);
    static mly_touch Touch(void *self, const mly_box *box) noexcept;

    bool isBounded_ = false;
    mly_area area_{};
    std::vector<OGRPreparedGeometry *> shapes_;  // beside the box
};
}  // namespace mly
