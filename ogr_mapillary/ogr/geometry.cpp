// SPDX-License-Identifier: MIT
#include "geometry.h"

namespace mly
{
namespace
{
void SetPoints(OGRSimpleCurve *curve, const mly_point *points, uint32_t n)
{
    curve->setNumPoints(static_cast<int>(n), FALSE);
    for (uint32_t i = 0; i < n; i++)
        curve->setPoint(static_cast<int>(i), points[i].x, points[i].y);
}

std::unique_ptr<OGRGeometry> MakeLines(const mly_row &row)
{
    auto lines = std::make_unique<OGRMultiLineString>();
    uint32_t begin = 0;
    for (uint32_t part = 0; part < row.n_parts; begin = row.part_ends[part++])
    {
        auto line = std::make_unique<OGRLineString>();
        SetPoints(line.get(), row.points + begin, row.part_ends[part] - begin);
        lines->addGeometryDirectly(line.release());
    }
    return lines;
}

std::unique_ptr<OGRGeometry> MakePolygons(const mly_row &row)
{
    auto polygons = std::make_unique<OGRMultiPolygon>();
    uint32_t begin = 0;
    uint32_t part = 0;
    for (uint32_t i = 0; i < row.n_polygons; i++)
    {
        auto polygon = std::make_unique<OGRPolygon>();
        for (; part < row.polygon_ends[i]; begin = row.part_ends[part++])
        {
            auto ring = std::make_unique<OGRLinearRing>();
            SetPoints(ring.get(), row.points + begin, row.part_ends[part] - begin);
            ring->closeRings();
            polygon->addRingDirectly(ring.release());
        }
        polygons->addGeometryDirectly(polygon.release());
    }
    return row.n_polygons > 0 ? std::move(polygons) : nullptr;
}

std::unique_ptr<OGRGeometry> MakeBox(const mly_row &row)
{
    auto polygon = std::make_unique<OGRPolygon>();
    auto ring = std::make_unique<OGRLinearRing>();
    SetPoints(ring.get(), row.points, row.part_ends[0]);
    ring->closeRings();
    polygon->addRingDirectly(ring.release());
    return polygon;
}

std::unique_ptr<OGRGeometry> MakeShape(const mly_row &row, mly_shape shape)
{
    switch (shape)
    {
        case MLY_LINES:
            return MakeLines(row);
        case MLY_POLYGONS:
            return MakePolygons(row);
        case MLY_BOX:
            return MakeBox(row);
        default:
            return row.has_position ? std::make_unique<OGRPoint>(row.longitude, row.latitude) : nullptr;
    }
}
}  // namespace

std::unique_ptr<OGRGeometry> MakeGeometry(const mly_row &row, mly_shape shape, OGRFeatureDefn *defn)
{
    std::unique_ptr<OGRGeometry> geometry = MakeShape(row, shape);
    if (geometry)
        geometry->assignSpatialReference(defn->GetGeomFieldDefn(0)->GetSpatialRef());
    return geometry;
}
}  // namespace mly
