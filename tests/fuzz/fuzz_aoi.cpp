// SPDX-License-Identifier: MIT
// An area of interest as text, as GeoJSON and as a file, and a spatial filter beside it: an area, or an error that
// names the option. Of an area the tiles hold each of its points, and so they do of area and filter together.
// Input: a byte that chooses what the area is, a line that is the filter's well-known text, or empty; the area.
#include <cpl_error.h>
#include <cpl_http.h>
#include <cpl_vsi.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ogr/area.h"
#include "unit/support/chance.h"

namespace {
constexpr int kPoints = 24;
constexpr uint64_t kMaxTiles = 20000;

void Require(bool holds, const char *what)
{
    if (holds)
        return;
    (void)fprintf(stderr, "not so: %s\n", what);
    abort();
}

struct Said {
    int nFailures = 0;
    bool namesOption = false;
};

void CPL_STDCALL Listen(CPLErr type, CPLErrorNum, const char *message)
{
    auto *said = static_cast<Said *>(CPLGetErrorHandlerUserData());
    said->nFailures += type == CE_Failure;
    said->namesOption = said->namesOption || std::string(message).find("AOI: ") != std::string::npos;
}

// Whoever asks a network ends the run.
CPLHTTPResult *Refuse(const char *, CSLConstList, GDALProgressFunc, void *, CPLHTTPFetchWriteFunc, void *, void *)
{
    Require(false, "an area is read without a network");
    return nullptr;
}

// Only formats whose content is text of ours to make, and leads nowhere else.
void Prepare()
{
    RegisterOGRGeoJSON();
    RegisterOGRCSV();
    CPLHTTPSetFetchCallback(Refuse, nullptr);
}

// In memory; gone with this object.
class File
{
  public:
    File(const char *name, const std::string &content)
        : path_(std::string("/vsimem/") + name), content_(content.begin(), content.end())
    {
        VSILFILE *file = VSIFileFromMemBuffer(path_.c_str(), content_.data(), content_.size(), FALSE);
        Require(file != nullptr && VSIFCloseL(file) == 0, "a file can be made");
    }

    ~File() { (void)VSIUnlink(path_.c_str()); }

    File(const File &) = delete;
    File &operator=(const File &) = delete;

    const std::string &Path() const { return path_; }

  private:
    std::string path_;
    std::vector<GByte> content_;
};

std::unique_ptr<mly::Aoi> ReadArea(uint8_t what, const std::string &text)
{
    if (what % 4 == 2) {
        const File file("area.geojson", text);
        return mly::Aoi::Read(file.Path());
    }
    if (what % 4 == 3) {
        const File file("area.csv", text);
        return mly::Aoi::Read(file.Path());
    }
    return mly::Aoi::Read(what % 4 == 1 ? "{" + text : text);
}

// Text that is neither would be the name of a file, or of a driver's prefix.
bool IsText(const std::string &text)
{
    const size_t n = text.find_first_of(" (");
    if (text.compare(0, 5, "SRID=") == 0)
        return true;
    return n != std::string::npos &&
           text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == n;
}

// GDAL's spatial filter, as a layer hands it on.
class Filter
{
  public:
    explicit Filter(const std::string &text)
    {
        OGRGeometry *geometry = nullptr;
        if (!text.empty())
            OGRGeometryFactory::createFromWkt(text.c_str(), nullptr, &geometry);
        geometry_.reset(geometry);
        if (!geometry_)
            return;
        geometry_->getEnvelope(&envelope_);
        prepared_ = OGRCreatePreparedGeometry(OGRGeometry::ToHandle(geometry_.get()));
    }

    ~Filter() { OGRDestroyPreparedGeometry(prepared_); }

    Filter(const Filter &) = delete;
    Filter &operator=(const Filter &) = delete;

    bool Meets(const OGRGeometry *point) const { return !geometry_ || geometry_->Intersects(point); }

    std::unique_ptr<mly::FilterArea> With(const mly::Aoi *aoi) const
    {
        return std::make_unique<mly::FilterArea>(geometry_.get(), envelope_, false, prepared_, aoi, nullptr);
    }

  private:
    std::unique_ptr<OGRGeometry> geometry_;
    OGREnvelope envelope_;
    OGRPreparedGeometry *prepared_ = nullptr;
};

bool Holds(const mly_cover &cover, double longitude, double latitude)
{
    mly_cover_cursor cursor{};
    mly_tile tile;
    const auto x = static_cast<uint32_t>(mly_tile_x(longitude, cover.zoom));
    const auto y = static_cast<uint32_t>(mly_tile_y(latitude, cover.zoom));
    while (mly_cover_next(&cover, &cursor, &tile, nullptr)) {
        if (tile.x == x && tile.y == y)
            return true;
    }
    return false;
}

void CheckCover(const mly_area *area, const OGREnvelope &envelope, const mly::Aoi &aoi, const Filter &filter,
                uint8_t zoom)
{
    mly_cover cover{};
    mly_error error{};
    chance luck{};
    const mly_status status = mly_cover_make(area, zoom, kMaxTiles, mly_mem_system(), &cover, &error);
    for (int i = 0; status == MLY_OK && i < kPoints; i++) {
        const OGRPoint point(chance_between(&luck, envelope.MinX, envelope.MaxX),
                             chance_between(&luck, envelope.MinY, envelope.MaxY));
        const bool isOnMap = std::fabs(point.getX()) < 180 && std::fabs(point.getY()) < MLY_TILE_MAX_LATITUDE;
        if (isOnMap && aoi.Meets(&point) && filter.Meets(&point))
            Require(Holds(cover, point.getX(), point.getY()), "a point of the area lies in a tile of its cover");
    }
    Require(status == MLY_OK || error.text[0] != '\0', "no cover is refused without a word");
    mly_cover_fini(&cover);
}

void Check(const mly::Aoi &aoi, const std::string &filterText)
{
    const OGREnvelope &envelope = aoi.Envelope();
    const Filter filter(filterText);
    const std::unique_ptr<mly::FilterArea> area = filter.With(&aoi);
    Require(std::isfinite(envelope.MinX) && std::isfinite(envelope.MaxX) && std::isfinite(envelope.MinY) &&
                std::isfinite(envelope.MaxY) && envelope.MinX <= envelope.MaxX && envelope.MinY <= envelope.MaxY,
            "an area has a box");
    Require(area->Get() != nullptr, "an area bounds a read");
    if (std::isnan(area->Get()->box.west)) // which the plan refuses
        return;
    for (const uint8_t zoom : {uint8_t{3}, uint8_t{8}, uint8_t{11}})
        CheckCover(area->Get(), envelope, aoi, filter, zoom);
}
} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bool isPrepared = (Prepare(), true);
    (void)isPrepared;
    if (size < 3 || size > 4096)
        return 0;
    std::string text(reinterpret_cast<const char *>(data + 1), size - 1);
    const size_t line = text.find('\n');
    if (line == std::string::npos)
        return 0;
    const std::string filter = text.substr(0, line);
    text = text.substr(line + 1);
    text.resize(strlen(text.c_str())); // an option ends there
    if (data[0] % 4 == 0 && !IsText(text))
        return 0;

    Said said;
    CPLErrorReset();
    CPLPushErrorHandlerEx(Listen, &said);
    const std::unique_ptr<mly::Aoi> aoi = ReadArea(data[0], text);
    Require(aoi || (said.nFailures > 0 && said.namesOption), "no area is refused without a word");
    if (aoi)
        Check(*aoi, filter);
    CPLPopErrorHandler();
    return 0;
}
