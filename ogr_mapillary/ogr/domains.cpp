// SPDX-License-Identifier: MIT
#include "domains.h"

#include <cpl_conv.h>

#include <array>

namespace mly
{
namespace
{
struct Code
{
    const char *code;
    const char *meaning;
};

constexpr std::array<Code, 4> kCameraTypes{{
    {"perspective", "Perspective"},
    {"fisheye", "Fisheye"},
    {"equirectangular", "Panorama (equirectangular)"},
    {"spherical", "Panorama (spherical)"},
}};

// EXIF 2.3, tag 274, as what makes the picture upright.
constexpr std::array<Code, 8> kOrientations{{
    {"1", "Upright"},
    {"2", "Mirror left to right"},
    {"3", "Turn by 180 degrees"},
    {"4", "Mirror top to bottom"},
    {"5", "Mirror left to right, then turn by 90 degrees to the left"},
    {"6", "Turn by 90 degrees to the right"},
    {"7", "Mirror left to right, then turn by 90 degrees to the right"},
    {"8", "Turn by 90 degrees to the left"},
}};

constexpr const char *kCameraType = "mapillary_camera_type";
constexpr const char *kOrientation = "mapillary_exif_orientation";
constexpr const char *kClass = "mapillary_class";
constexpr const char *kSign = "mapillary_sign";

struct Use
{
    const char *column;
    const char *domain;
};

constexpr std::array<Use, 3> kUses{{
    {"camera_type", kCameraType},
    {"exif_orientation", kOrientation},
    {"value", kClass},
}};

template <size_t N>
std::unique_ptr<OGRFieldDomain> MakeCoded(const char *name, const char *description, OGRFieldType type,
                                          const std::array<Code, N> &codes)
{
    std::vector<OGRCodedValue> values;
    values.reserve(N);
    for (const Code &code : codes)
        values.push_back({CPLStrdup(code.code), CPLStrdup(code.meaning)});  // freed by the domain
    return std::make_unique<OGRCodedFieldDomain>(name, description, type, OFSTNone, std::move(values));
}

// The service adds classes as it likes and no list of them is complete, so what they have in common is their form.
std::unique_ptr<OGRFieldDomain> MakeOpen(const char *name, const char *description, const char *pattern)
{
    return std::make_unique<OGRGlobFieldDomain>(name, description, OFTString, OFSTNone, pattern);
}
}  // namespace

const char *DomainOf(const mly_layer *layer, const mly_column &column)
{
    for (const Use &use : kUses)
    {
        if (EQUAL(use.column, column.name))
            return layer->entity == MLY_ENTITY_SIGN && use.domain == kClass ? kSign : use.domain;
    }
    return nullptr;
}

std::vector<std::unique_ptr<OGRFieldDomain>> MakeDomains()
{
    std::vector<std::unique_ptr<OGRFieldDomain>> domains;
    domains.push_back(MakeCoded(kCameraType, "Type of camera", OFTString, kCameraTypes));
    domains.push_back(MakeCoded(kOrientation, "Orientation of the picture by EXIF", OFTInteger64, kOrientations));
    domains.push_back(MakeOpen(kClass, "Classes such as object--bench; new ones come at any time", "*--*"));
    domains.push_back(MakeOpen(kSign, "Signs such as regulatory--stop--g1; new ones come at any time", "*--*--g*"));
    return domains;
}
}  // namespace mly
