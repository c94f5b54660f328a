// SPDX-License-Identifier: MIT
#include "aoi.h"

#include <cpl_http.h>
#include <cpl_string.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "options.h"
#include "report.h"

namespace mly
{
namespace
{
// Vertices: the outline of a continent at full resolution; more is a mistaken file.
constexpr int kMaxVertices = 5'000'000;

thread_local bool isBeingRead = false;

class Reading
{
  public:
    Reading()
    {
        isBeingRead = true;
    }

    ~Reading()
    {
        isBeingRead = false;
    }

    Reading(const Reading &) = delete;
    Reading &operator=(const Reading &) = delete;
};

// GeoJSON may name its reference system by an address, which GDAL would ask: that text may be a stranger's, in the name
// of a dataset. While this object lives, this thread fetches nothing.
class NoNetwork
{
  public:
    explicit NoNetwork(bool isOn) : isOn_(isOn && CPLHTTPPushFetchCallback(Refuse, nullptr))
    {
    }

    ~NoNetwork()
    {
        if (isOn_)
            CPLHTTPPopFetchCallback();
    }

    NoNetwork(const NoNetwork &) = delete;
    NoNetwork &operator=(const NoNetwork &) = delete;

  private:
    static CPLHTTPResult *Refuse(const char *, CSLConstList, GDALProgressFunc, void *, CPLHTTPFetchWriteFunc, void *,
                                 void *) noexcept
    {
        ReportUsage("AOI: this GeoJSON names its reference system by an address, which is not asked; give the system's "
                    "name, or degrees");
        auto *failure = static_cast<CPLHTTPResult *>(
            CPLCalloc(1, sizeof(CPLHTTPResult)));  // without one GDAL asks itself
        failure->nStatus = 1;
        return failure;
    }

    bool isOn_;
};

// PostGIS writes a number of EPSG's in front of well-known text, and a semicolon between.
constexpr const char *kSrid = "SRID=";

bool IsExtended(const std::string &text)
{
    return STARTS_WITH_CI(text.c_str(), kSrid);
}

bool IsWellKnownText(const std::string &text)
{
    if (IsExtended(text))
        return true;
    constexpr std::array<const char *, 9> kTypes{"POLYGON",      "MULTIPOLYGON",       "CURVEPOLYGON",
                                                 "MULTISURFACE", "GEOMETRYCOLLECTION", "POINT",
                                                 "LINESTRING",   "MULTIPOINT",         "MULTILINESTRING"};
    return std::any_of(kTypes.begin(), kTypes.end(),
                       [&](const char *type)
                       {
                           const size_t n = strlen(type);
                           return EQUALN(text.c_str(), type, n) && text.find_first_of(" (", n) == n;
                       });
}

class VertexCounter final : public OGRDefaultConstGeometryVisitor
{
  public:
    using OGRDefaultConstGeometryVisitor::visit;

    void visit(const OGRPoint *point) override
    {
        n_++;
        isFinite_ = isFinite_ && std::isfinite(point->getX()) && std::isfinite(point->getY());
    }

    int Count() const
    {
        return n_;
    }

    bool IsFinite() const
    {
        return isFinite_;
    }

  private:
    int n_ = 0;
    bool isFinite_ = true;
};

// Gathers polygons, in degrees.
class Collector
{
  public:
    // False, with an error, when the geometry cannot be part of an area.
    bool Add(const OGRGeometry *geometry, const OGRSpatialReference *srs);

    std::unique_ptr<OGRMultiPolygon> Take()
    {
        return std::move(polygons_);
    }

  private:
    std::unique_ptr<OGRMultiPolygon> polygons_ = std::make_unique<OGRMultiPolygon>();
    int nVertices_ = 0;
};

// The polygons of a geometry; lines and points, of which mending leaves some over, are dropped.
void AddPolygons(const OGRGeometry *geometry, OGRMultiPolygon &to)
{
    std::vector<const OGRGeometry *> todo{geometry};
    while (!todo.empty())
    {
        const OGRGeometry *next = todo.back();
        todo.pop_back();
        if (wkbFlatten(next->getGeometryType()) == wkbPolygon)
            to.addGeometry(next);
        else if (OGR_GT_IsSubClassOf(next->getGeometryType(), wkbGeometryCollection))
            todo.insert(todo.end(), next->toGeometryCollection()->begin(), next->toGeometryCollection()->end());
    }
}

constexpr double kTurn = 360.0;
constexpr double kHalfTurn = 180.0;
constexpr double kNoise = 1e-6;  // of a projection, in degrees: the step from -180 to 0 is no larger than half a turn

// The same meridian, as near as can be to another one.
double Nearest(double longitude, double to)
{
    const double step = longitude - to;
    return std::fabs(step) <= kHalfTurn + kNoise ? longitude : longitude - kTurn * std::round(step / kTurn);
}

// Longitudes that come out of a projection begin anew at 180 degrees, and an edge across it would become one around the
// world. Which of both it is, its middle tells: longitudes go on from `near`, beyond 180 where they must.
bool TransformRing(OGRLinearRing &ring, OGRCoordinateTransformation *transformation, double near)
{
    OGRLineString path;
    const int n = ring.getNumPoints();
    for (int i = 0; i < n; i++)
    {
        if (i > 0)
            path.addPoint((ring.getX(i - 1) + ring.getX(i)) / 2, (ring.getY(i - 1) + ring.getY(i)) / 2);
        path.addPoint(ring.getX(i), ring.getY(i));
    }
    if (path.transform(transformation) != OGRERR_NONE)
        return false;
    for (int i = 0; i < path.getNumPoints(); i++)
    {
        near = Nearest(path.getX(i), i == 0 && std::isnan(near) ? path.getX(i) : near);
        if (i % 2 == 0)
            ring.setPoint(i / 2, near, path.getY(i));
    }
    return true;
}

bool IsAroundPole(const OGRLinearRing &ring)
{
    const int n = ring.getNumPoints();
    return n > 0 && std::fabs(ring.getX(n - 1) - ring.getX(0)) > kHalfTurn;
}

// False, with an error: there is no such polygon in degrees.
bool TransformPolygon(OGRPolygon &polygon, OGRCoordinateTransformation *transformation)
{
    OGREnvelope outline;
    double near = std::numeric_limits<double>::quiet_NaN();  // the outline begins where it does
    for (OGRLinearRing *ring : polygon)
    {
        if (!transformation || !TransformRing(*ring, transformation, near))
        {
            ReportUsage("AOI: its coordinates cannot be turned into longitude and latitude; give it in EPSG:4326");
            return false;
        }
        if (IsAroundPole(*ring))
        {
            ReportUsage(
                "AOI: an outline goes around a pole, which degrees have no room for; give it in EPSG:4326, with "
                "an edge along the pole");
            return false;
        }
        if (ring == polygon.getExteriorRing())
            ring->getEnvelope(&outline);
        near = (outline.MinX + outline.MaxX) / 2;  // holes lie in it
    }
    return true;
}

bool TransformAll(OGRMultiPolygon &polygons, const OGRSpatialReference *srs)
{
    OGRSpatialReference degrees;
    degrees.SetFromUserInput("EPSG:4326");
    degrees.SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    OGRSpatialReference from(*srs);
    from.SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
    const std::unique_ptr<OGRCoordinateTransformation> transformation(
        OGRCreateCoordinateTransformation(&from, &degrees));
    return std::all_of(polygons.begin(), polygons.end(),
                       [&](OGRPolygon *polygon) { return TransformPolygon(*polygon, transformation.get()); });
}

bool Collector::Add(const OGRGeometry *geometry, const OGRSpatialReference *srs)
{
    VertexCounter counter;
    geometry->accept(&counter);
    nVertices_ += counter.Count();
    if (nVertices_ > kMaxVertices)
    {
        ReportUsage("AOI: more than %d vertices; simplify the outline", kMaxVertices);
        return false;
    }
    if (!counter.IsFinite())
    {
        ReportUsage("AOI: one of its coordinates is no number; correct the outline");
        return false;
    }
    const std::unique_ptr<OGRGeometry> linear(geometry->getLinearGeometry());
    OGRMultiPolygon polygons;
    linear->flattenTo2D();
    AddPolygons(linear.get(), polygons);
    if (srs && !TransformAll(polygons, srs))
        return false;
    AddPolygons(&polygons, *polygons_);
    return true;
}

// The reference system in front of the text, which begins `at` there. 0 is PostGIS's word for an unknown one. False:
// there is none of such a name.
bool ReadSystem(const std::string &text, OGRSpatialReference &srs, size_t &at)
{
    constexpr size_t kMostDigits = 9;  // an int's
    const size_t first = strlen(kSrid);
    const size_t end = text.find_first_not_of("0123456789", first);
    if (end == std::string::npos || text[end] != ';' || end == first || end - first > kMostDigits)
        return false;
    const CPLErrorHandlerPusher quiet(CPLQuietErrorHandler);  // PROJ's words say less
    const CPLErrorStateBackuper keep;
    const int code = static_cast<int>(strtol(text.c_str() + first, nullptr, 10));
    at = end + 1;
    return code == 0 || srs.importFromEPSG(code) == OGRERR_NONE;
}

bool CollectText(const std::string &text, Collector &collector)
{
    OGRSpatialReference srs;
    size_t at = 0;
    if (IsExtended(text) && !ReadSystem(text, srs, at))
    {
        ReportUsage("AOI: after SRID= comes the number of a reference system that EPSG knows; write e.g. "
                    "SRID=4326;POLYGON ((8 50, 9 50, 9 51, 8 50))");
        return false;
    }
    OGRGeometry *parsed = nullptr;
    OGRGeometryFactory::createFromWkt(text.c_str() + at, nullptr, &parsed);
    const std::unique_ptr<OGRGeometry> geometry(parsed);
    if (geometry)
        return collector.Add(geometry.get(), srs.IsEmpty() ? nullptr : &srs);
    ReportUsage("AOI: this well-known text cannot be read; write e.g. POLYGON ((8 50, 9 50, 9 51, 8 50))");
    return false;
}

bool CollectLayer(OGRLayer *layer, Collector &collector)
{
    layer->ResetReading();
    while (const std::unique_ptr<OGRFeature> feature{layer->GetNextFeature()})
    {
        const OGRGeometry *geometry = feature->GetGeometryRef();
        if (geometry && !collector.Add(geometry, layer->GetSpatialRef()))
            return false;
    }
    return true;
}

// False: a layer has something that cannot be used, which has been reported.
bool CollectLayers(GDALDataset *dataset, Collector &collector)
{
    for (OGRLayer *layer : dataset->GetLayers())
    {
        if (!CollectLayer(layer, collector))
            return false;
    }
    return true;
}

bool CollectFile(const std::string &path, Collector &collector)
{
    const bool isInline = path[0] == '{';
    const char *const geojson[] = {"GeoJSON", nullptr};
    const char *shown = isInline ? "this GeoJSON" : path.c_str();
    int nFailures = 0;
    {
        const ErrorCount counting(nFailures);
        const NoNetwork offline(isInline);
        const GDALDatasetUniquePtr dataset(
            GDALDataset::Open(path.c_str(), GDAL_OF_VECTOR | GDAL_OF_READONLY, isInline ? geojson : nullptr));
        if (dataset && !CollectLayers(dataset.get(), collector))
            return false;
        if (!dataset)
            nFailures = -1;
    }
    if (nFailures < 0)
        ReportUsage("AOI: %s cannot be read; give a path to anything OGR reads, well-known text or GeoJSON", shown);
    else if (nFailures > 0)
        ReportUsage("AOI: %s was read only in part, for the reason before this; mend it, since the area would be too "
                    "small",
                    shown);
    return nFailures == 0;
}

// Each for itself: together, a polygon inside another one would be taken for a hole. False: it cannot be mended.
bool Mend(const OGRMultiPolygon &polygons, OGRMultiPolygon &to, bool &isMended)
{
    for (const OGRPolygon *polygon : polygons)
    {
        if (polygon->IsValid())
        {
            to.addGeometry(polygon);
            continue;
        }
        const std::unique_ptr<OGRGeometry> mended(polygon->MakeValid());
        const int nBefore = to.getNumGeometries();
        if (mended)
            AddPolygons(mended.get(), to);
        if (to.getNumGeometries() == nBefore)
            return false;
        isMended = true;
    }
    return true;
}

// One valid geometry: what GEOS cannot reason about would lose rows without a word.
std::unique_ptr<OGRGeometry> Unite(std::unique_ptr<OGRMultiPolygon> polygons)
{
    std::unique_ptr<OGRGeometry> area;
    bool isMended = false;
    {
        const CPLErrorHandlerPusher quiet(CPLQuietErrorHandler);  // GEOS says where; the user wants to know what
        const CPLErrorStateBackuper keep;
        if (polygons->IsValid())
            return polygons;
        OGRMultiPolygon valid;
        if (Mend(*polygons, valid, isMended))
            area.reset(valid.UnionCascaded());
        if (area && (area->IsEmpty() || !area->IsValid()))
            area.reset();
    }
    if (!area)
        ReportUsage("AOI: its polygons cross themselves or each other, or a ring is not closed, in a way that cannot "
                    "be mended; correct them");
    else if (isMended)
        Warn(nullptr, "AOI: one of its polygons crosses itself; it was mended");
    return area;
}
// ---- 180 degrees ----

// An edge that spans most of the world, but not the whole of it.
bool HasLongEdge(const OGRMultiPolygon &polygons)
{
    for (const OGRPolygon *polygon : polygons)
    {
        for (const OGRLinearRing *ring : polygon)
        {
            for (int i = 1; i < ring->getNumPoints(); i++)
            {
                const double step = std::fabs(ring->getX(i) - ring->getX(i - 1));
                if (step > kHalfTurn + kNoise && step < kTurn - kNoise)
                    return true;
            }
        }
    }
    return false;
}

// What of the area lies within half a turn of that meridian, turned to the first one. False: GEOS cannot tell.
bool AddTurned(const OGRGeometry &area, const OGREnvelope &box, double meridian, OGRMultiPolygon &to)
{
    OGRPolygon strip;
    auto *ring = new OGRLinearRing();
    for (const auto &[x, y] : {std::pair(-kHalfTurn, box.MinY - 1), std::pair(-kHalfTurn, box.MaxY + 1),
                               std::pair(kHalfTurn, box.MaxY + 1), std::pair(kHalfTurn, box.MinY - 1)})
        ring->addPoint(meridian + x, y);
    ring->closeRings();
    strip.addRingDirectly(ring);
    const std::unique_ptr<OGRGeometry> cut(area.Intersection(&strip));
    OGRMultiPolygon parts;
    if (cut)
        AddPolygons(cut.get(), parts);
    for (OGRPolygon *part : parts)
    {
        for (OGRLinearRing *outline : part)
        {
            for (int i = 0; i < outline->getNumPoints(); i++)
                outline->setPoint(i, outline->getX(i) - meridian, outline->getY(i));
        }
    }
    AddPolygons(&parts, to);
    return cut != nullptr;
}

// The map begins anew at 180 degrees: what goes on beyond it lies on the other side.
std::unique_ptr<OGRGeometry> Wrap(std::unique_ptr<OGRGeometry> area)
{
    OGREnvelope box;
    area->getEnvelope(&box);
    if (box.MinX >= -kHalfTurn && box.MaxX <= kHalfTurn)
        return area;
    if (box.MinX < -kTurn - kHalfTurn || box.MaxX > kTurn + kHalfTurn)
    {
        ReportUsage("AOI: it goes beyond 540 degrees of longitude; if these are no degrees, put their reference system "
                    "in front, e.g. SRID=3857;POLYGON ((0 0, 9000 0, 0 9000, 0 0))");
        return nullptr;
    }
    std::unique_ptr<OGRGeometry> whole;
    OGRMultiPolygon parts;
    if (AddTurned(*area, box, -kTurn, parts) && AddTurned(*area, box, 0, parts) && AddTurned(*area, box, kTurn, parts))
        whole.reset(parts.UnionCascaded());
    if (whole && !whole->IsEmpty() && whole->IsValid())
        return whole;
    ReportUsage("AOI: it cannot be divided at 180 degrees; give it as two polygons, one on each side");
    return nullptr;
}
}  // namespace

bool Aoi::IsBeingRead()
{
    return isBeingRead;
}

// Virtual file systems and drivers' prefixes can lead anywhere.
bool Aoi::IsAtHand(const std::string &text)
{
    VSIStatBufL about;
    if (IsWellKnownText(text) || text[0] == '{' || STARTS_WITH_CI(text.c_str(), kPrefix))
        return true;
    const bool isVirtual = STARTS_WITH(text.c_str(), "/vsi") && !STARTS_WITH(text.c_str(), "/vsimem/");
    return !isVirtual && VSIStatExL(text.c_str(), &about, VSI_STAT_EXISTS_FLAG) == 0;
}

std::unique_ptr<Aoi> Aoi::Read(const std::string &text)
{
    const Reading reading;
    Collector collector;
    if (STARTS_WITH_CI(text.c_str(), kPrefix))
    {
        ReportUsage("AOI: a MAPILLARY: dataset cannot be its own area; name a file");
        return nullptr;
    }
    if (!(IsWellKnownText(text) ? CollectText(text, collector) : CollectFile(text, collector)))
        return nullptr;
    std::unique_ptr<OGRMultiPolygon> polygons = collector.Take();
    if (polygons->IsEmpty())
    {
        ReportUsage("AOI: there is no polygon in it; lines and points make no area");
        return nullptr;
    }
    const bool isLong = HasLongEdge(*polygons);
    std::unique_ptr<OGRGeometry> area = Unite(std::move(polygons));
    if (area)
        area = Wrap(std::move(area));
    if (area && isLong)
        Warn(nullptr,
             "AOI: an edge spans more than 180 degrees of longitude, and is taken the long way round; for an area "
             "across 180 degrees let longitudes go on beyond it, e.g. from 179 to 181");
    return area ? std::unique_ptr<Aoi>(new Aoi(std::move(area))) : nullptr;
}

Aoi::Aoi(std::unique_ptr<OGRGeometry> area)
    : area_(std::move(area)), prepared_(OGRCreatePreparedGeometry(OGRGeometry::ToHandle(area_.get())))
{
    area_->getEnvelope(&envelope_);
}

Aoi::~Aoi()
{
    OGRDestroyPreparedGeometry(prepared_);
}

bool Aoi::Meets(const OGRGeometry *geometry) const
{
    OGREnvelope envelope;
    if (!geometry || geometry->IsEmpty())
        return false;
    geometry->getEnvelope(&envelope);
    if (!envelope.Intersects(envelope_))
        return false;
    // OGR's C interface takes what it only reads as if it wrote.
    OGRGeometryH handle = OGRGeometry::ToHandle(const_cast<OGRGeometry *>(geometry));
    return prepared_ ? OGRPreparedGeometryIntersects(prepared_, handle) != 0 : area_->Intersects(geometry) != 0;
}
}  // namespace mly
