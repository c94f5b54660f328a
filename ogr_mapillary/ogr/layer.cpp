// SPDX-License-Identifier: MIT
#include "layer.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_time.h>

#include <algorithm>
#include <cstring>

#include "area.h"
#include "dataset.h"
#include "geometry.h"
#include "owners.h"
#include "report.h"

namespace
{
struct FieldType
{
    OGRFieldType type;
    OGRFieldSubType subType;
};

FieldType FieldTypeOf(mly_type type)
{
    switch (type)
    {
        case MLY_BOOL:
            return {OFTInteger, OFSTBoolean};
        case MLY_INT:
            return {OFTInteger64, OFSTNone};
        case MLY_REAL:
            return {OFTReal, OFSTNone};
        case MLY_TIME:
            return {OFTDateTime, OFSTNone};
        case MLY_INTS:
            return {OFTInteger64List, OFSTNone};
        case MLY_REALS:
            return {OFTRealList, OFSTNone};
        default:
            return {OFTString, OFSTNone};
    }
}

OGRwkbGeometryType GeometryTypeOf(mly_shape shape)
{
    switch (shape)
    {
        case MLY_LINES:
            return wkbMultiLineString;
        case MLY_POLYGONS:
            return wkbMultiPolygon;
        default:
            return wkbPoint;
    }
}

OGRFeatureDefn *MakeDefn(const mly_layer *layer)
{
    auto *defn = new OGRFeatureDefn(layer->name);
    defn->Reference();
    defn->SetGeomType(GeometryTypeOf(layer->shape));
    if (layer->shape != MLY_POLYGONS)  // those lie in an image
    {
        auto *srs = new OGRSpatialReference();
        srs->SetFromUserInput("EPSG:4326");
        srs->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
        defn->GetGeomFieldDefn(0)->SetSpatialRef(srs);
        srs->Release();
    }
    for (uint32_t i = 0; i < layer->n_tile_columns; i++)
    {
        const mly_column &column = layer->columns[i];
        const FieldType type = FieldTypeOf(column.type);
        OGRFieldDefn field(column.name, type.type);
        field.SetSubType(type.subType);
        field.SetAlternativeName(column.label);
        if (column.type == MLY_TIME)
            mly::MarkUtc(field);
        defn->AddFieldDefn(&field);
    }
    mly::Seal(defn);
    return defn;
}

// A mly_keep_fn: of all sequences, the one with this id.
bool KeepOne(void *fid, const mly_row *row) noexcept
{
    return row->id == *static_cast<const GIntBig *>(fid);
}

void SetTime(OGRField *field, int64_t ms)
{
    struct tm time;
    CPLUnixTimeToYMDHMS(ms / 1000, &time);
    field->Date.Year = static_cast<GInt16>(time.tm_year + 1900);
    field->Date.Month = static_cast<GByte>(time.tm_mon + 1);
    field->Date.Day = static_cast<GByte>(time.tm_mday);
    field->Date.Hour = static_cast<GByte>(time.tm_hour);
    field->Date.Minute = static_cast<GByte>(time.tm_min);
    field->Date.Second = static_cast<float>(time.tm_sec + static_cast<double>(ms % 1000) / 1000.0);
    field->Date.TZFlag = 100;  // UTC
    field->Date.Reserved = 0;
}

// OGR's strings are UTF-8 and terminated; what came over the wire may be neither.
char *MakeString(const mly_value &value)
{
    char *text = static_cast<char *>(CPLMalloc(value.n_bytes + size_t{1}));
    memcpy(text, value.as.text, value.n_bytes);
    text[value.n_bytes] = '\0';
    if (CPLIsUTF8(text, static_cast<int>(value.n_bytes)))
        return text;
    char *ascii = CPLForceToASCII(text, static_cast<int>(value.n_bytes), '?');
    CPLFree(text);
    return ascii;
}

// A list, in memory that OGR frees.
void *CopyBytes(const mly_value &list)
{
    void *copy = CPLMalloc(list.n_bytes + size_t{1});  // an empty one, too, needs a place
    if (list.n_bytes > 0)
        memcpy(copy, list.as.ints, list.n_bytes);
    return copy;
}

// Written in place, without the look-ups and copies of SetField(). Zeroed first: parts that a type does not use hold
// OGR's mark for "unset".
void SetRawField(OGRField *field, const mly_value &value)
{
    memset(field, 0, sizeof *field);
    switch (value.type)
    {
        case MLY_BOOL:
            field->Integer = static_cast<int>(value.as.i);
            break;
        case MLY_INT:
            field->Integer64 = value.as.i;
            break;
        case MLY_REAL:
            field->Real = value.as.r;
            break;
        case MLY_TIME:
            SetTime(field, value.as.i);
            break;
        case MLY_TEXT:
            field->String = MakeString(value);
            break;
        case MLY_INTS:
            field->Integer64List.nCount = static_cast<int>(value.n_bytes / sizeof(GIntBig));
            field->Integer64List.paList = static_cast<GIntBig *>(CopyBytes(value));
            break;
        case MLY_REALS:
            field->RealList.nCount = static_cast<int>(value.n_bytes / sizeof(double));
            field->RealList.paList = static_cast<double *>(CopyBytes(value));
            break;
        case MLY_NULL:
            OGR_RawField_SetNull(field);
            break;
    }
}
}  // namespace

OGRMapillaryLayer::OGRMapillaryLayer(OGRMapillaryDataset *dataset, const mly_layer *layer)
    : dataset_(dataset), layer_(layer), defn_(MakeDefn(layer))
{
    SetDescription(layer->name);
    SetMetadataItem("DESCRIPTION", layer->label);
    SetMetadataItem("ATTRIBUTION", "© Mapillary, https://www.mapillary.com");
    SetMetadataItem("LICENSE", "CC BY-SA 4.0, https://creativecommons.org/licenses/by-sa/4.0/");
    if (layer->viewer)
        SetMetadataItem("VIEWER_URL", layer->viewer);
}

OGRMapillaryLayer::~OGRMapillaryLayer()
{
    StopReading();
    defn_->Release();
}

mly::LayerDefnPtr OGRMapillaryLayer::GetLayerDefn() MLY_CONST_SINCE_3_12
{
    return defn_;
}

GDALDataset *OGRMapillaryLayer::GetDataset()
{
    return dataset_;
}

int OGRMapillaryLayer::TestCapability(const char *capability) MLY_CONST_SINCE_3_12
{
    return EQUAL(capability, OLCStringsAsUTF8) || EQUAL(capability, OLCIgnoreFields) ||
           EQUAL(capability, OLCFastGetExtent) || EQUAL(capability, OLCFastSpatialFilter) ||
           (EQUAL(capability, OLCRandomRead) && layer_->shape != MLY_POINT);
}

// Setters only forget: the first request goes out when the first feature is asked for.
void OGRMapillaryLayer::OnSpatialFilter()
{
    ResetReading();
    plan_.reset();
}

OGRErr OGRMapillaryLayer::SetAttributeFilter(const char *filter)
{
    OGRErr err = OGRLayer::SetAttributeFilter(filter);
    ResetReading();
    plan_.reset();
    if (err == OGRERR_NONE && !residual_.Set(m_poAttrQuery, defn_))
        err = OGRERR_FAILURE;
    if (err != OGRERR_NONE)  // leave no half-set filter behind
    {
        OGRLayer::SetAttributeFilter(nullptr);
        residual_.Set(nullptr, defn_);
    }
    return err;
}

OGRErr OGRMapillaryLayer::SetIgnoredFields(mly::IgnoredFields fields)
{
    ResetReading();
    return OGRLayer::SetIgnoredFields(fields);
}

// Detections lie in images, not on earth.
const mly::Aoi *OGRMapillaryLayer::AreaOfInterest() const
{
    return layer_->shape == MLY_POLYGONS ? nullptr : dataset_->GetSettings().aoi.get();
}

OGRErr OGRMapillaryLayer::Extent(OGREnvelope *extent) const
{
    if (AreaOfInterest())
    {
        *extent = AreaOfInterest()->Envelope();
        return OGRERR_NONE;
    }
    const bool isInImage = layer_->shape == MLY_POLYGONS;
    extent->MinX = isInImage ? 0.0 : -180.0;
    extent->MaxX = isInImage ? 1.0 : 180.0;
    extent->MinY = isInImage ? 0.0 : -MLY_TILE_MAX_LATITUDE;
    extent->MaxY = isInImage ? 1.0 : MLY_TILE_MAX_LATITUDE;
    return OGRERR_NONE;
}

// A reader that holds rows stays at hand for GetFeature(); its transport is needed no more.
void OGRMapillaryLayer::StopReading()
{
    if (reader_)
        mly_reader_detach(reader_.get());
    dataset_->GiveBack(std::move(transport_));
    if (reader_ && gaveRows_ && layer_->shape == MLY_LINES)
    {
        held_ = std::move(reader_);
        heldPlan_ = plan_;
    }
    reader_.reset();
    gaveRows_ = false;
}

void OGRMapillaryLayer::ResetReading()
{
    StopReading();
    ended_ = false;
    failed_ = false;
}

// What the settings say of every read.
mly_query OGRMapillaryLayer::BaseQuery() const
{
    const mly::Settings &settings = dataset_->GetSettings();
    mly_query query{};
    query.layer = layer_;
    query.max_tiles = static_cast<uint64_t>(settings.maxTiles);
    query.max_requests = static_cast<uint64_t>(settings.maxRequests);
    query.computed = settings.computed;
    query.zoom = layer_->min_zoom < layer_->zoom ? settings.zoom : layer_->zoom;
    query.stitch = settings.stitch;
    return query;
}

std::unique_ptr<mly::Plan> OGRMapillaryLayer::MakePlan(const mly_query &query)
{
    mly_error error{};
    auto plan = std::make_unique<mly::Plan>();
    if (mly_plan_make(&query, mly_mem_system(), plan->get(), &error) < 0)
    {
        mly::ReportError(error);
        return nullptr;
    }
    char text[MLY_PLAN_TEXT];
    mly_plan_print(plan->get(), text);
    mly::Debug(nullptr, text);
    return plan;
}

mly::ReaderPtr OGRMapillaryLayer::MakeReader(mly::Plan &plan, mly_transport *transport, mly_keep_fn *keep,
                                             void *keepCtx)
{
    const mly::Settings &settings = dataset_->GetSettings();
    mly_read_options options{};
    options.mem = mly_mem_system();
    options.tile_service = dataset_->GetSettings().tiles.url.text;
    options.graph_service = dataset_->GetSettings().graph.url.text;
    options.max_in_flight = static_cast<uint32_t>(settings.connections);
    options.debug = mly::Debug;
    options.warn = mly::Warn;
    options.keep = keep;
    options.keep_ctx = keepCtx;
    mly_error error{};
    mly_reader *reader = nullptr;
    if (mly_reader_new(plan.get(), &options, transport, &reader, &error) < 0)
        mly::ReportError(error);
    return mly::ReaderPtr(reader);
}

// The images, or map features, whose rows the attribute filter demands; the latter go first, since their lists name the
// images as well.
std::vector<int64_t> OGRMapillaryLayer::Owners(mly_query &query) const
{
    for (const mly_owner owner : {MLY_OWNER_MAP_FEATURE, MLY_OWNER_IMAGE})
    {
        const std::optional<std::vector<int64_t>> ids = mly::DemandedIds(m_poAttrQuery, OwnerField(owner));
        if (!ids)
            continue;
        query.owner = owner;
        static const int64_t nobody = 0;
        query.owners = &nobody;  // named, if only to say that there is none
        return *ids;
    }
    return {};
}

int OGRMapillaryLayer::OwnerField(mly_owner owner) const
{
    return defn_->GetFieldIndex(owner == MLY_OWNER_IMAGE ? "image_id" : "map_feature_id");
}

bool OGRMapillaryLayer::IsBounded() const
{
    mly_query query{};
    if (layer_->way == MLY_WAY_OWNERS)
        Owners(query);
    return query.owners || layer_->way == MLY_WAY_OVERVIEW ||
           (layer_->way == MLY_WAY_COVER && (m_poFilterGeom || AreaOfInterest()));
}

bool OGRMapillaryLayer::PlanReading()
{
    if (plan_)
        return true;
    const mly::FilterArea area(m_poFilterGeom, m_sFilterEnvelope, CPL_TO_BOOL(m_bFilterIsEnvelope),
                               m_pPreparedFilterGeom, AreaOfInterest());
    mly_query query = BaseQuery();
    std::vector<int64_t> owners;
    if (layer_->way == MLY_WAY_OWNERS)
    {
        owners = Owners(query);
        if (!owners.empty())
            query.owners = owners.data();
        query.n_owners = static_cast<uint32_t>(owners.size());
    }
    else
    {
        query.area = area.Get();
    }
    plan_ = MakePlan(query);
    return plan_ != nullptr;
}

bool OGRMapillaryLayer::StartReading()
{
    if (!PlanReading())
        return false;
    transport_ = dataset_->BorrowTransport();
    if (!transport_)
        return false;
    fields_ = mly::FieldUse(defn_, m_poAttrQuery, m_poFilterGeom || AreaOfInterest());
    reader_ = MakeReader(*plan_, transport_.get(), Keep, this);
    return reader_ != nullptr;
}

OGRFeature *OGRMapillaryLayer::MakeFeature(const mly_row &row, const mly::FieldUse &fields) const
{
    auto *feature = new OGRFeature(defn_);
    feature->SetFID(row.id);
    for (const int i : fields.Read())
        SetRawField(feature->GetRawFieldRef(i), row.values[i]);
    if (fields.ReadsGeometry())
        feature->SetGeometryDirectly(mly::MakeGeometry(row, layer_->shape, defn_).release());
    return feature;
}

bool OGRMapillaryLayer::Passes(OGRFeature *feature)
{
    const OGRGeometry *geometry = feature->GetGeometryRef();
    return (!AreaOfInterest() || AreaOfInterest()->Meets(geometry)) && FilterGeometry(feature->GetGeometryRef()) &&
           residual_.Passes(feature);
}

// A mly_keep_fn: what the filters refuse need not be followed over borders. Called by C, so nothing may be thrown.
bool OGRMapillaryLayer::Keep(void *layer, const mly_row *row) noexcept
{
    try
    {
        auto *self = static_cast<OGRMapillaryLayer *>(layer);
        const std::unique_ptr<OGRFeature> feature(self->MakeFeature(*row, self->fields_));
        return self->Passes(feature.get());
    }
    catch (...)
    {
        return true;
    }
}

mly_status OGRMapillaryLayer::ReadRow(mly_row *row)
{
    if (!reader_ && !StartReading())
        return MLY_E_ARG;  // reported there
    mly_error error{};
    const mly_status status = mly_reader_next(reader_.get(), row, &error);
    if (status < 0)
        mly::ReportError(error);
    return status;
}

// The next feature of the plan, before OGR's filters; null at the end or after an error, for good.
OGRFeature *OGRMapillaryLayer::ReadFeature()
{
    mly_row row;
    const mly_status status = ended_ ? MLY_DONE : ReadRow(&row);
    if (status == MLY_OK)
    {
        gaveRows_ = true;
        gaveNameless_ = gaveNameless_ || row.id < 0;
        RememberPlace(row);
        return MakeFeature(row, fields_);
    }
    ended_ = true;
    failed_ = failed_ || status < 0;
    StopReading();
    return nullptr;
}

OGRFeature *OGRMapillaryLayer::GetNextFeature()
{
    while (OGRFeature *feature = ReadFeature())
    {
        if (Passes(feature))
        {
            fields_.DropFilterOnly(feature);
            return feature;
        }
        delete feature;
    }
    return nullptr;
}

// Without a bound the number is unknown, at once and without a request: QGIS and ogrinfo ask for it unasked.
GIntBig OGRMapillaryLayer::GetFeatureCount(int force)
{
    if (!force || !IsBounded())
        return -1;
    GIntBig count = 0;
    ResetReading();
    while (std::unique_ptr<OGRFeature> feature{GetNextFeature()})
        count++;
    const bool failed = failed_;
    ResetReading();
    return failed ? -1 : count;
}

// A mly_tile_fn: called by C, so nothing may be thrown.
mly_status OGRMapillaryLayer::AddTile(void *place, mly_tile tile) noexcept
{
    try
    {
        std::vector<mly_tile> &tiles = static_cast<Place *>(place)->tiles;
        const bool isKnown = std::any_of(tiles.begin(), tiles.end(),
                                         [&](const mly_tile &other) { return other.x == tile.x && other.y == tile.y; });
        if (!isKnown)
            tiles.push_back(tile);
        return MLY_OK;
    }
    catch (...)
    {
        return MLY_E_NOMEM;
    }
}

// A hash tells nothing of where a sequence lies, nor an id of whose detection it is.
void OGRMapillaryLayer::RememberPlace(const mly_row &row)
{
    constexpr size_t kMaxPlaces = 1 << 19;  // some 30 MB
    if (row.id < 0 || layer_->shape == MLY_POINT || nPlaces_ >= kMaxPlaces || places_.count(row.id) != 0)
        return;
    Place place;
    if (layer_->shape == MLY_POLYGONS)
    {
        place.owner = plan_->get()->owner;
        place.ownerId = row.values[OwnerField(place.owner)].as.i;
    }
    else if (mly_reader_tiles(reader_.get(), AddTile, &place) < 0)
    {
        return;
    }
    nPlaces_ += 1 + place.tiles.size();
    places_.emplace(row.id, std::move(place));
}

OGRFeature *OGRMapillaryLayer::FindHeld(mly_reader *reader, GIntBig fid)
{
    mly_row row;
    mly_error error{};
    const mly_status status = reader ? mly_reader_find(reader, fid, &row, &error) : MLY_DONE;
    if (status < 0)
        mly::ReportError(error);
    return status == MLY_OK ? MakeFeature(row, mly::FieldUse(defn_, nullptr, false)) : nullptr;
}

// The row with this id among those of the plan, filters aside; null if it is not there.
OGRFeature *OGRMapillaryLayer::FindInPlan(mly::Plan &plan, GIntBig fid)
{
    mly::TransportPtr transport = dataset_->BorrowTransport();
    mly::ReaderPtr reader = transport ? MakeReader(plan, transport.get(), KeepOne, &fid) : nullptr;
    OGRFeature *feature = nullptr;
    mly_status status = reader ? MLY_OK : MLY_DONE;
    mly_error error{};
    while (status == MLY_OK && !feature)
    {
        mly_row row;
        status = mly_reader_next(reader.get(), &row, &error);
        if (status == MLY_OK && row.id == fid)
            feature = MakeFeature(row, mly::FieldUse(defn_, nullptr, false));
    }
    if (status < 0)
        mly::ReportError(error);
    reader.reset();
    dataset_->GiveBack(std::move(transport));
    return feature;
}

// A row that was handed out, from where it was found.
OGRFeature *OGRMapillaryLayer::ReadAgain(GIntBig fid)
{
    const auto found = places_.find(fid);
    if (found == places_.end())
        return nullptr;
    const Place &place = found->second;
    mly_query query = BaseQuery();
    query.tiles = place.tiles.data();
    query.n_tiles = place.tiles.size();
    query.owner = place.owner;
    query.owners = &place.ownerId;
    query.n_owners = 1;
    const std::unique_ptr<mly::Plan> plan = MakePlan(query);
    return plan ? FindInPlan(*plan, fid) : nullptr;
}

OGRFeature *OGRMapillaryLayer::GetFeature(GIntBig fid)
{
    if (fid < 0)
    {
        // GDAL's ORDER BY fetches row by row, and would take the first missing one for the end.
        if (gaveNameless_)
            mly::ReportUsage(
                "%s: rows without an id cannot be fetched one by one, nor put in order by SQL. Add \"id IS "
                "NOT NULL\" to the filter",
                layer_->name);
        return nullptr;
    }
    if (layer_->shape == MLY_POINT)
        return OGRLayer::GetFeature(fid);
    for (mly_reader *reader : {reader_.get(), held_.get()})
    {
        if (OGRFeature *feature = FindHeld(reader, fid))
            return feature;
    }
    return ReadAgain(fid);
}
