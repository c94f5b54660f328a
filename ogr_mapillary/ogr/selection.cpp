// SPDX-License-Identifier: MIT
#include "selection.h"

#include <cpl_conv.h>
#include <cpl_string.h>

#include <cmath>

#include "core/limits.h"
#include "report.h"

namespace mly
{
namespace
{
bool ReadPositions(const Given &given, Settings &settings)
{
    int computed = 0;
    int exact = 0;
    if (!GetChoice("GEOMETRY", given, computed) || !GetChoice("PRECISION", given, exact))
        return false;
    settings.computed = computed == 1;
    settings.isExact = exact == 1;
    return true;
}

bool ReadSequences(const Given &given, Settings &settings)
{
    GIntBig zoom = 0;
    int stitch = 0;
    if (!GetInt("ZOOM", given, zoom) || !GetChoice("STITCH", given, stitch))
        return false;
    settings.zoom = static_cast<uint8_t>(zoom);
    settings.stitch = static_cast<mly_stitch_mode>(stitch);  // the option's list has the order of the enumeration
    return true;
}

// The schema's name of a field that some layer has; null if none has.
const char *FindField(const char *name)
{
    for (uint32_t i = 0; const mly_layer *layer = mly_schema_layer(i); i++)
    {
        for (uint32_t c = 0; layer->entity != MLY_ENTITY_NONE && c < layer->n_columns; c++)
        {
            if (EQUAL(layer->columns[c].name, name))
                return layer->columns[c].name;
        }
    }
    return nullptr;
}

void AddAllFields(CPLStringList &fields)
{
    for (uint32_t i = 0; const mly_layer *layer = mly_schema_layer(i); i++)
    {
        for (uint32_t c = 0; c < layer->n_columns; c++)
        {
            if (layer->columns[c].origin == MLY_FROM_GRAPH)
                fields.AddString(layer->columns[c].name);
        }
    }
}

bool ReadFields(const Given &given, CPLStringList &fields)
{
    const CPLStringList names(
        CSLTokenizeString2(Get("FIELDS", given).text.c_str(), ",", CSLT_STRIPLEADSPACES | CSLT_STRIPENDSPACES));
    for (int i = 0; i < names.Count(); i++)
    {
        const char *field = FindField(names[i]);
        if (EQUAL(names[i], "ALL"))
            AddAllFields(fields);
        else if (field)
            fields.AddString(field);
        else
        {
            ReportUsage("FIELDS: there is no field %s. ALL stands for all there are; they are listed in the "
                        "documentation",
                        LooksLikeKey(names[i]) ? names[i] : "of such a name");
            return false;
        }
    }
    return true;
}

// Two numbers with a comma between.
bool ReadPlace(const char *name, const std::string &text, mly_point &place)
{
    const size_t comma = text.find(',');
    char *end = nullptr;
    place.x = CPLStrtod(text.c_str(), &end);
    bool isPlace = comma != std::string::npos && comma > 0 && end == text.c_str() + comma;
    if (isPlace)
    {
        const char *second = text.c_str() + comma + 1;
        place.y = CPLStrtod(second, &end);
        isPlace = end != second && *end == '\0' && std::fabs(place.x) <= 180.0 &&
                  std::fabs(place.y) <= MLY_TILE_MAX_LATITUDE;
    }
    if (!isPlace)
        ReportUsage("%s must be LON,LAT in degrees, e.g. 13.4033,52.5229; latitudes end at 85.0511", name);
    return isPlace;
}

// An option that another one gives its meaning.
bool CheckCompanion(const char *name, const Given &given, bool isMeant, const char *companion)
{
    if (isMeant || !Get(name, given).isSet)
        return true;
    ReportUsage("%s means nothing without %s; give both or none", name, companion);
    return false;
}

bool ReadNear(const Given &given, std::optional<mly_near> &out)
{
    mly_near near{};
    const Value around = Get("NEAR", given);
    const Value target = Get("LOOKING_AT", given);
    near.is_looking = target.isSet;
    if (around.isSet && target.isSet)
    {
        ReportUsage("NEAR and LOOKING_AT cannot both be given; choose one");
        return false;
    }
    const bool isGiven = around.isSet || target.isSet;
    if (!CheckCompanion("RADIUS", given, isGiven, "NEAR or LOOKING_AT") ||
        !CheckCompanion("MIN_RADIUS", given, isGiven, "NEAR or LOOKING_AT") ||
        !CheckCompanion("FOV", given, target.isSet, "LOOKING_AT"))
        return false;
    if (!isGiven)
        return true;
    if (!ReadPlace(around.isSet ? "NEAR" : "LOOKING_AT", around.isSet ? around.text : target.text, near.place) ||
        !GetNumber("RADIUS", given, near.radius_m) || !GetNumber("MIN_RADIUS", given, near.min_radius_m) ||
        !GetNumber("FOV", given, near.fov_degrees))
        return false;
    if (near.min_radius_m > near.radius_m)
    {
        ReportUsage("MIN_RADIUS is larger than RADIUS, so nothing could be there; set RADIUS higher");
        return false;
    }
    out = near;
    return true;
}

bool ReadAoi(const Given &given, std::unique_ptr<Aoi> &out)
{
    const Value aoi = Get("AOI", given);
    if (aoi.isSet)
        out = Aoi::Read(aoi.text);
    return !aoi.isSet || out;
}
}  // namespace

bool ReadSelection(const Given &given, Settings &settings)
{
    return ReadPositions(given, settings) && GetBool("PRUNE", given, settings.isPruned) &&
           ReadSequences(given, settings) && ReadFields(given, settings.fields) && ReadNear(given, settings.near) &&
           ReadAoi(given, settings.aoi);  // last: it opens a file
}
}  // namespace mly
