// SPDX-License-Identifier: MIT
#include "area.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mly
{
namespace
{
// About a tenth of a millimetre: what lies on a tile's border must not be lost to rounding.
constexpr double kMargin = 1e-9;

OGRPolygon Rectangle(const mly_box &box)
{
    auto *ring = new OGRLinearRing();
    ring->addPoint(box.west - kMargin, box.south - kMargin);
    ring->addPoint(box.west - kMargin, box.north + kMargin);
    ring->addPoint(box.east + kMargin, box.north + kMargin);
    ring->addPoint(box.east + kMargin, box.south - kMargin);
    ring->closeRings();
    OGRPolygon polygon;
    polygon.addRingDirectly(ring);
    return polygon;
}
// Looks for coordinates with which nothing can be computed.
class FiniteVisitor final : public OGRDefaultConstGeometryVisitor
{
  public:
    using OGRDefaultConstGeometryVisitor::visit;

    void visit(const OGRPoint *point) override
    {
        hasNan_ = hasNan_ || std::isnan(point->getX()) || std::isnan(point->getY());
        isFinite_ = isFinite_ && std::isfinite(point->getX()) && std::isfinite(point->getY());
    }

    bool HasNan() const
    {
        return hasNan_;
    }

    bool IsFinite() const
    {
        return isFinite_;
    }

  private:
    bool hasNan_ = false;
    bool isFinite_ = true;
};
}  // namespace

FilterArea::FilterArea(const OGRGeometry *geometry, const OGREnvelope &envelope, bool isRectangle,
                       OGRPreparedGeometry *prepared, const Aoi *aoi, const mly_near *near)
{
    FiniteVisitor seen;
    if (geometry)
        geometry->accept(&seen);
    if (geometry && geometry->IsEmpty())  // its envelope is 0,0,0,0, a place on earth; nothing meets it
    {
        OGREnvelope nowhere;
        nowhere.MinX = nowhere.MinY = 1.0;
        nowhere.MaxX = nowhere.MaxY = -1.0;
        Restrict(nowhere, nullptr);
    }
    else if (geometry)
    {
        Restrict(envelope, isRectangle || !seen.IsFinite() ? nullptr : prepared);
    }
    if (aoi)
        Restrict(aoi->Envelope(), aoi->Prepared());
    if (near)
    {
        mly_near_area(near, &circle_);
        Restrict(circle_.box);
        area_.touch = Touch;
        area_.ctx = this;
    }
    if (seen.HasNan())  // an envelope may hide it; the plan refuses it
        area_.box.west = std::numeric_limits<double>::quiet_NaN();
}

// What is in both: the boxes' intersection, which is inverted where there is none, and in all shapes.
void FilterArea::Restrict(const mly_box &box)
{
    const mly_box &old = area_.box;
    area_.box = isBounded_ ? mly_box{std::max(old.west, box.west), std::max(old.south, box.south),
                                     std::min(old.east, box.east), std::min(old.north, box.north)}
                           : box;
    isBounded_ = true;
}

void FilterArea::Restrict(const OGREnvelope &envelope, OGRPreparedGeometry *shape)
{
    Restrict(mly_box{envelope.MinX, envelope.MinY, envelope.MaxX, envelope.MaxY});
    if (shape)
    {
        shapes_.push_back(shape);
        area_.touch = Touch;
        area_.ctx = this;
    }
}

// A mly_area_fn: called by C, so nothing may be thrown. In doubt the tile is taken.
mly_touch FilterArea::Touch(void *self, const mly_box *box) noexcept
{
    try
    {
        const auto *area = static_cast<FilterArea *>(self);
        mly_touch touch = area->circle_.touch ? area->circle_.touch(area->circle_.ctx, box) : MLY_INSIDE;
        if (touch == MLY_OUTSIDE || area->shapes_.empty())
            return touch;
        OGRPolygon polygon = Rectangle(*box);
        for (OGRPreparedGeometry *shape : area->shapes_)
        {
            if (!OGRPreparedGeometryIntersects(shape, OGRGeometry::ToHandle(&polygon)))
                return MLY_OUTSIDE;
            if (!OGRPreparedGeometryContains(shape, OGRGeometry::ToHandle(&polygon)))
                touch = MLY_PARTLY;
        }
        return touch;
    }
    catch (...)
    {
        return MLY_PARTLY;
    }
}
}  // namespace mly
