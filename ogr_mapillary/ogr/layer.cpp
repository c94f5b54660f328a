// SPDX-License-Identifier: MIT
#include "layer.h"

#include <cpl_conv.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "core/hold.h"
#include "core/listing.h"
#include "core/plan_text.h"
#include "dataset.h"
#include "filter.h"
#include "geometry.h"
#include "io/clock.h"
#include "memory.h"
#include "report.h"

namespace
{
// A mly_keep_fn: of all rows, the one with this id.
bool KeepOne(void *fid, const mly_row *row) noexcept
{
    return row->id == *static_cast<const GIntBig *>(fid);
}

bool IsPointEntity(const mly_layer *layer)
{
    return layer->shape == MLY_POINT && layer->entity != MLY_ENTITY_NONE;
}
}  // namespace

OGRMapillaryLayer::OGRMapillaryLayer(OGRMapillaryDataset *dataset, const mly_layer *layer)
    : dataset_(dataset), layer_(layer), definition_(layer, dataset->GetSettings())
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
}

mly::LayerDefnPtr OGRMapillaryLayer::GetLayerDefn() MLY_CONST_SINCE_3_12
{
    return definition_.Get();
}

GDALDataset *OGRMapillaryLayer::GetDataset()
{
    return dataset_;
}

int OGRMapillaryLayer::TestCapability(const char *capability) MLY_CONST_SINCE_3_12
{
    return EQUAL(capability, OLCStringsAsUTF8) || EQUAL(capability, OLCIgnoreFields) ||
           EQUAL(capability, OLCFastGetExtent) || EQUAL(capability, OLCFastSpatialFilter) ||
           EQUAL(capability, OLCFastGetArrowStream) ||
           (EQUAL(capability, OLCRandomRead) && layer_->way != MLY_WAY_OVERVIEW);
}

// ---- filters ----

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
    if (err == OGRERR_NONE && !residual_.Set(m_poAttrQuery, definition_.Get()))
        err = OGRERR_FAILURE;
    if (err != OGRERR_NONE)  // leave no half-set filter behind
    {
        OGRLayer::SetAttributeFilter(nullptr);
        residual_.Set(nullptr, definition_.Get());
    }
    return err;
}

OGRErr OGRMapillaryLayer::SetIgnoredFields(mly::IgnoredFields fields)
{
    ResetReading();
    plan_.reset();  // what the Graph is asked for depends on them
    isArrowLaidOut_ = false;
    return OGRLayer::SetIgnoredFields(fields);
}

// Detections lie in images, not on earth.
const mly::Aoi *OGRMapillaryLayer::AreaOfInterest() const
{
    return layer_->shape == MLY_POLYGONS ? nullptr : dataset_->GetSettings().aoi.get();
}

const mly_near *OGRMapillaryLayer::Near() const
{
    return definition_.IsNear() ? &*dataset_->GetSettings().near : nullptr;
}

bool OGRMapillaryLayer::IsExact() const
{
    return dataset_->GetSettings().isExact && IsPointEntity(layer_);
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

// ---- plans ----

// What bounds a read on earth. The listing of tiles shows what NEAR takes, too.
mly::FilterArea OGRMapillaryLayer::Area() const
{
    const std::optional<mly_near> &near = dataset_->GetSettings().near;
    const bool isListing = layer_->way == MLY_WAY_PLAN;
    if (layer_->way == MLY_WAY_OWNERS)
        return mly::FilterArea(nullptr, m_sFilterEnvelope, false, nullptr, nullptr, nullptr);
    return mly::FilterArea(m_poFilterGeom, m_sFilterEnvelope, CPL_TO_BOOL(m_bFilterIsEnvelope), m_pPreparedFilterGeom,
                           AreaOfInterest(), isListing && near ? &*near : Near());
}

// There are tiles, of an area at least, and the Graph is out of reach.
bool OGRMapillaryLayer::IsLocal() const
{
    const mly::Settings &settings = dataset_->GetSettings();
    return settings.cache.isOffline || (settings.tiles.url.scheme == MLY_SCHEME_FILE && settings.graph.token.empty());
}

// What the settings say of every read.
mly_query OGRMapillaryLayer::BaseQuery() const
{
    const mly::Settings &settings = dataset_->GetSettings();
    mly_query query{};
    query.layer = layer_;
    query.max_tiles = static_cast<uint64_t>(settings.maxTiles);
    query.max_requests = settings.cache.isOffline ? UINT64_MAX : static_cast<uint64_t>(settings.maxRequests);
    query.computed = settings.computed;
    query.is_exact = settings.isExact;
    query.is_pruned = settings.isPruned;
    query.zoom = layer_->min_zoom < layer_->zoom ? settings.zoom : layer_->zoom;
    query.stitch = settings.stitch;
    query.is_local = IsLocal();
    return query;
}

// The attribute filter in the plan's memory. False, with an error, without memory.
bool OGRMapillaryLayer::AddFilter(mly_query &query, mly::Plan &plan) const
{
    query.filter = mly::MakeExpr(m_poAttrQuery, layer_, definition_.Columns(), plan.Arena());
    if (query.filter || !m_poAttrQuery)
        return true;
    mly_error error{};
    mly_arena_fail(plan.Arena(), "the attribute filter", &error);
    mly::ReportError(error);
    return false;
}

bool OGRMapillaryLayer::IsBounded() const
{
    mly::Plan plan;
    const mly::FilterArea area = Area();
    mly_query query = BaseQuery();
    query.area = area.Get();
    return AddFilter(query, plan) && mly_plan_is_bounded(&query, mly_mem_system());
}

bool OGRMapillaryLayer::MakePlan(const mly_query &query, mly::Plan &plan) const
{
    mly_error error{};
    if (mly_plan_make(&query, mly_mem_system(), plan.get(), &error) < 0)
    {
        mly::ReportError(error);
        return false;
    }
    if (mly::IsDebugging())
    {
        char text[MLY_PLAN_TEXT];
        mly_plan_print(plan.get(), dataset_->CountCached(*plan.get()), text);
        mly::Debug(nullptr, text);
    }
    if (mly::IsDebuggingPlans())
    {
        constexpr size_t kMostBytes = 16 << 20;
        mly_buf text{};
        mly_buf_init(&text, mly_mem_system(), kMostBytes);
        (void)mly_plan_text_write(plan.get(), &text);  // as far as there is room
        mly::DebugPlan(reinterpret_cast<const char *>(text.data), text.size);
        mly_buf_fini(&text);
    }
    return true;
}

// Whether the cache can answer all that a plan asks for, as far as the end; it is asked, and nobody hears of it.
bool OGRMapillaryLayer::IsRecorded(mly::Plan &plan)
{
    mly_error error{};
    mly_row row;
    mly_reader *reader = nullptr;
    mly::TransportPtr transport = dataset_->BorrowTransport();
    mly_read_options options = dataset_->ReadOptions();
    options.warn = nullptr;
    options.keep = Keep;  // sequences that will not be given are not followed
    options.keep_ctx = this;
    mly_status status = transport ? mly_reader_new(plan.get(), &options, transport.get(), &reader, &error) : MLY_E_IO;
    while (status == MLY_OK)
        status = mly_reader_next(reader, &row, &error);
    mly_reader_free(reader);
    dataset_->GiveBack(std::move(transport));
    return status == MLY_DONE;
}

// Offline, ids in an area are looked up as they are else, if the cache holds all that was once said of them; and are
// sought in the area's tiles if it does not.
bool OGRMapillaryLayer::IsRecordedById(mly_query query)
{
    const mly::Settings &settings = dataset_->GetSettings();
    if (!settings.cache.isOffline || settings.tiles.url.scheme == MLY_SCHEME_FILE || !query.area)
        return false;
    mly::Plan plan;
    query.is_local = false;
    if (mly_plan_make(&query, mly_mem_system(), plan.get(), nullptr) < 0)
        return false;
    const mly_source source = plan.get()->source;
    return (source == MLY_SOURCE_ENTITIES || source == MLY_SOURCE_TRACE) && IsRecorded(plan);
}

bool OGRMapillaryLayer::PlanReading()
{
    if (plan_)
        return true;
    auto plan = std::make_shared<mly::Plan>();
    const mly::FilterArea area = Area();
    fields_ = mly::FieldUse(definition_.Get(), m_poAttrQuery, m_poFilterGeom || AreaOfInterest());
    const uint64_t graph = mly_schema_columns(layer_, MLY_FROM_GRAPH);
    filterAsksGraph_ = (definition_.ColumnsOf(fields_.Filtered()) & graph) != 0;
    mly_query query = BaseQuery();
    query.area = area.Get();
    query.near = Near();
    query.columns = definition_.ColumnsOf(isCounting_ ? fields_.Filtered() : fields_.Read());
    const bool hasFilter = AddFilter(query, *plan);
    query.is_local = hasFilter && query.is_local && !IsRecordedById(query);
    if (hasFilter && MakePlan(query, *plan))
        plan_ = std::move(plan);
    filterFields_ = fields_.OnlyFiltered();
    isFilteredExactly_ = !m_poAttrQuery || (plan_ && FiltersExactly());
    return plan_ != nullptr;
}

// ---- reading ----

// A reader that holds rows stays at hand for GetFeature(); its transport is needed no more.
void OGRMapillaryLayer::StopReading() noexcept
{
    if (reader_)
        mly_reader_detach(reader_.get());
    progress_.Stop();
    dataset_->GiveBack(std::move(transport_));
    if (reader_ && gaveRows_ && layer_->shape == MLY_LINES)
    {
        held_ = std::move(reader_);
        heldPlan_ = plan_;
    }
    reader_.reset();
    waiting_.Clear();
    gaveRows_ = false;
}

void OGRMapillaryLayer::ResetReading()
{
    StopReading();
    ended_ = false;
    failed_ = false;
}

// Of a read from the first row to the last.
mly_read_options OGRMapillaryLayer::ReadOptions()
{
    const mly::Settings &settings = dataset_->GetSettings();
    mly_read_options options = dataset_->ReadOptions();
    options.keep = Keep;
    options.keep_ctx = this;
    losses_ = {};
    options.losses = settings.skips ? &losses_ : nullptr;
    options.progress = settings.showsProgress ? progress_.Begin() : nullptr;
    return options;
}

mly::ReaderPtr OGRMapillaryLayer::MakeReader(mly::Plan &plan, mly_transport *transport, const mly_read_options &options)
{
    mly_error error{};
    mly_reader *reader = nullptr;
    if (mly_reader_new(plan.get(), &options, transport, &reader, &error) < 0)
        mly::ReportError(error);
    return mly::ReaderPtr(reader);
}

bool OGRMapillaryLayer::StartReading()
{
    if (!PlanReading())
        return false;
    transport_ = dataset_->BorrowTransport();
    if (!transport_)
        return false;
    reader_ = MakeReader(*plan_, transport_.get(), ReadOptions());
    return reader_ != nullptr;
}

// Points only have to lie within the rectangle that the spatial filter is: OGR would find the same.
bool OGRMapillaryLayer::IsWithin() const
{
    return layer_->shape == MLY_POINT && m_poFilterGeom && m_bFilterIsEnvelope && !AreaOfInterest();
}

// In a tile that the area holds as a whole, no row has to be looked at.
bool OGRMapillaryLayer::MeetsArea(const mly_row &row, const OGRGeometry *geometry)
{
    if (row.is_inside && !IsExact())
        return true;
    if (IsWithin() && row.has_position)
        return m_sFilterEnvelope.MinX <= row.longitude && row.longitude <= m_sFilterEnvelope.MaxX &&
               m_sFilterEnvelope.MinY <= row.latitude && row.latitude <= m_sFilterEnvelope.MaxY;
    auto *shape = const_cast<OGRGeometry *>(geometry);  // GDAL 3.6 asks for one that it could change
    return (!AreaOfInterest() || AreaOfInterest()->Meets(shape)) && FilterGeometry(shape);
}

// Tiles round positions down, to the west and the north: what the Graph will say lies in this cell of the grid.
bool OGRMapillaryLayer::MayMeetArea(const mly_row &row, const OGRFeature &feature)
{
    constexpr double kCell = 360.0 / (1 << 26);  // degrees: 2^14 tiles of 4096 units
    constexpr double kSlackM = 0.9;              // its diagonal, in metres, at the equator
    if (!IsExact())
        return MeetsArea(row, feature.GetGeometryRef());
    if (Near() && !mly_near_may_see(Near(), layer_, &row, kSlackM))
        return false;
    if (!feature.GetGeometryRef())
        return true;
    OGRPolygon cell;
    auto *ring = new OGRLinearRing();
    for (const mly_point &corner : {mly_point{0.0, 0.0}, mly_point{kCell, 0.0}, mly_point{kCell, -kCell},
                                    mly_point{0.0, -kCell}, mly_point{0.0, 0.0}})
        ring->addPoint(row.longitude + corner.x, row.latitude + corner.y);
    cell.addRingDirectly(ring);
    return (!AreaOfInterest() || AreaOfInterest()->Meets(&cell)) && FilterGeometry(&cell);
}

// As far as can be told before the Graph has been asked.
bool OGRMapillaryLayer::MayPass(const mly_row &row)
{
    const std::unique_ptr<OGRFeature> feature = definition_.MakeFeature(row, fields_);
    return MayMeetArea(row, *feature) && (filterAsksGraph_ || IsExact() || residual_.Passes(feature.get()));
}

// A mly_keep_fn: what the filters refuse need not be asked about any further. Called by C, so nothing may be thrown.
bool OGRMapillaryLayer::Keep(void *layer, const mly_row *row) noexcept
{
    try
    {
        return static_cast<OGRMapillaryLayer *>(layer)->MayPass(*row);
    }
    catch (...)
    {
        return true;
    }
}

// A failure without an error in it has been reported.
mly_status OGRMapillaryLayer::ReadRow(mly_row *row, mly_error *error)
{
    if (!reader_ && !StartReading())
        return MLY_E_ARG;
    return mly_reader_next(reader_.get(), row, error);
}

// What a read has come to: false at the end or after an error, for good.
bool OGRMapillaryLayer::GoesOn(mly_status status, const mly_error &error)
{
    if (status == MLY_OK)
    {
        gaveRows_ = true;
        return true;
    }
    if (!ended_ && status == MLY_DONE)
        progress_.Finish();
    ended_ = true;
    failed_ = failed_ || status < 0;
    StopReading();
    if (error.code < 0)  // last of all: the handler of some programs does not come back
        mly::ReportError(error);
    return false;
}

// The next row, whatever OGR's filters say of it.
bool OGRMapillaryLayer::NextRow(mly_row *row)
{
    mly_error error;
    error.code = MLY_OK;  // its text has 640 bytes, which few rows need: zeroed each time, they cost as much as a field
    if (!GoesOn(ended_ ? MLY_DONE : ReadRow(row, &error), error))
        return false;
    gaveNameless_ = gaveNameless_ || row->id < 0;
    RememberPlace(*row);
    return true;
}

void OGRMapillaryLayer::RememberBlock(const mly_block &block)
{
    std::array<int64_t, MLY_BLOCK_ROWS> ids;
    gaveNameless_ = gaveNameless_ || mly_block_ids(&block, ids.data()) < block.n;
    mly_row row{};
    row.tile = mly_block_tile(&block);
    for (uint32_t i = 0; RemembersPlaces() && i < block.n; i++)
    {
        row.id = ids[i];
        RememberPlace(row);
    }
}

// Several rows, of a reader that gives them so: points of one tile. Those of them that pass OGR's filters wait then,
// and there may be none.
bool OGRMapillaryLayer::NextBlock(uint32_t max)
{
    mly_error error{};
    mly_block block{};
    if (!GoesOn(mly_reader_next_block(reader_.get(), max, &block, &error), error))
        return false;
    RememberBlock(block);
    if (!PassesAsAWhole(block))
        SelectPassing(block);
    waiting_.Set(block);
    return true;
}

// Whether rows wait, or come in a block. Where a row has to become a feature before it can be judged, they come one by
// one. The first row, too: it starts the reader.
bool OGRMapillaryLayer::HasWaiting()
{
    while (waiting_.Size() == 0)
    {
        if (!isFilteredExactly_ || !reader_ || !mly_reader_has_blocks(reader_.get()) || !NextBlock(MLY_BLOCK_ROWS))
            return false;
    }
    return true;
}

// The next feature that passes OGR's filters; null at the end or after an error. Rows that wait come first: the reader
// takes their tile back when it is asked for more.
std::unique_ptr<OGRFeature> OGRMapillaryLayer::ReadPassing()
{
    if (HasWaiting())
        return definition_.MakeFeature(waiting_.Take(), fields_);
    mly_row row;
    while (NextRow(&row))
    {
        std::unique_ptr<OGRFeature> feature = definition_.MakeFeature(row, fields_);
        if (MeetsArea(row, feature->GetGeometryRef()) && residual_.Passes(feature.get()))
            return feature;
    }
    return nullptr;
}

OGRFeature *OGRMapillaryLayer::GetNextFeature()
{
    std::unique_ptr<OGRFeature> feature = ReadPassing();
    if (feature)
        fields_.DropFilterOnly(feature.get());
    return feature.release();
}

// The number of rows left that pass OGR's filters. Of rows that wait no feature is made.
GIntBig OGRMapillaryLayer::CountPassing()
{
    GIntBig count = 0;
    for (;;)
    {
        if (HasWaiting())
        {
            count += waiting_.Size();
            waiting_.Clear();
        }
        else if (ReadPassing())
        {
            count++;
        }
        else
        {
            return count;
        }
    }
}

// Without a bound the number is unknown, at once and without a request: QGIS and ogrinfo ask for it unasked.
GIntBig OGRMapillaryLayer::GetFeatureCount(int force)
{
    if (!force || !IsBounded())
        return -1;
    ResetReading();
    plan_.reset();
    isCounting_ = true;  // nobody looks at more than the filters do
    const GIntBig count = CountPassing();
    const bool isUnknown = failed_ || mly_losses_are_there(&losses_);  // a number would look like the whole
    isCounting_ = false;
    ResetReading();
    plan_.reset();
    return isUnknown ? -1 : count;
}

// ---- columns ----

// Before GDAL 3.8 a stream that is released goes on with its requests.
void OGRMapillaryLayer::ReleaseArrowStream(ArrowArrayStream *stream) noexcept
{
    OGRLayer *layer = static_cast<ArrowArrayStreamPrivateDataSharedDataWrapper *>(stream->private_data)
                          ->poShared->m_poLayer;
    stream->release = OGRLayer::ReleaseStream;
    stream->release(stream);
    if (layer)  // else it has ended before the stream
        layer->ResetReading();
}

// All rows, whatever was read before: newer GDALs go on where the last read stopped.
bool OGRMapillaryLayer::GetArrowStream(ArrowArrayStream *stream, CSLConstList options)
{
    if (!OGRLayer::GetArrowStream(stream, options))
        return false;
    mly::ForgetQueriedFids(*m_poSharedArrowArrayStreamPrivateData, 0);
    ResetReading();
    arrowRows_ = 0;
    stream->release = ReleaseArrowStream;
    isArrowLaidOut_ = false;
    return true;
}

// GDAL keeps the options, and makes the schema.
void OGRMapillaryLayer::LayOutArrow(ArrowArrayStream *stream)
{
    ArrowSchema schema;
    arrow_.reset();
    isArrowLaidOut_ = true;
    if (CPLTestBool(CPLGetConfigOption("OGR_MAPILLARY_STREAM_BASE_IMPL", "NO")) || GetArrowSchema(stream, &schema) != 0)
        return;
    const auto release = [](ArrowSchema *made) { made->release(made); };
    const std::unique_ptr<ArrowSchema, decltype(release)> guard(&schema, release);
    arrow_ = mly::MakeArrowLayout(schema, definition_);
}

// As GDAL reads the option, which has no ceiling there.
size_t OGRMapillaryLayer::MaxRowsOfBatch() const
{
    const char *text = m_aosArrowArrayStreamOptions.FetchNameValueDef("MAX_FEATURES_IN_BATCH", "65536");
    return static_cast<size_t>(std::clamp(strtol(text, nullptr, 10), 1L, long{MLY_LIMIT_ARROW_ROWS}));
}

// Whether all rows that the plan gives are known to pass the attribute filter.
bool OGRMapillaryLayer::FiltersExactly() const
{
    const mly_plan *plan = plan_->get();
    return plan->source == MLY_SOURCE_TILES && layer_->shape == MLY_POINT && plan->graph_columns == 0 && !IsExact() &&
           plan->filter && mly_expr_is_exact(plan->filter, mly_schema_columns(layer_, MLY_FROM_TILE));
}

bool OGRMapillaryLayer::RowMeetsArea(const mly_row &row)
{
    if (!m_poFilterGeom && !AreaOfInterest())
        return true;
    if (layer_->shape != MLY_POINT)
        return MeetsArea(row, mly::MakeGeometry(row, layer_->shape, definition_.Get()).get());
    const OGRPoint point(row.longitude, row.latitude);
    return MeetsArea(row, row.has_position ? &point : nullptr);
}

// What OGR's filters say, with no more made of the row than they look at.
bool OGRMapillaryLayer::RowPasses(const mly_row &row)
{
    if (isFilteredExactly_)
        return RowMeetsArea(row);
    const std::unique_ptr<OGRFeature> feature = definition_.MakeFeature(row, filterFields_);
    return MeetsArea(row, feature->GetGeometryRef()) && residual_.Passes(feature.get());
}

bool OGRMapillaryLayer::PassesAsAWhole(const mly_block &block) const
{
    const bool isAnywhere = !m_poFilterGeom && !AreaOfInterest();
    return isFilteredExactly_ && (isAnywhere || (block.is_inside && !IsExact()));
}

// The rows of the block whose position lies within the rectangle that the spatial filter is, as OGR would find.
uint32_t OGRMapillaryLayer::SelectWithin(const mly_block &block)
{
    std::array<double, MLY_BLOCK_ROWS> x;
    std::array<double, MLY_BLOCK_ROWS> y;
    const OGREnvelope &box = m_sFilterEnvelope;
    uint32_t n = 0;
    mly_block_points(&block, x.data(), y.data());
    for (uint32_t i = 0; i < block.n; i++)
    {
        if (x[i] >= box.MinX && x[i] <= box.MaxX && y[i] >= box.MinY && y[i] <= box.MaxY)
            passing_[n++] = block.rows[i];
    }
    return n;
}

// Leaves those rows of the block that OGR's filters let pass.
void OGRMapillaryLayer::SelectPassing(mly_block &block)
{
    const bool isByPlace = isFilteredExactly_ && IsWithin();
    uint32_t n = isByPlace ? SelectWithin(block) : 0;
    for (uint32_t i = 0; i < block.n && !isByPlace; i++)
    {
        mly_row row;
        mly_block_row(&block, i, &space_, &row);
        if (RowPasses(row))
            passing_[n++] = block.rows[i];
    }
    block.rows = passing_.data();
    block.n = n;
}

bool OGRMapillaryLayer::AppendRow(mly::ArrowBatch &batch)
{
    mly_row row;
    if (!NextRow(&row))
        return false;
    if (RowPasses(row))
        batch.Append(row);
    return true;
}

// Rows at hand, or else those that come next. Long texts may fill a batch in the middle of a block.
bool OGRMapillaryLayer::AppendBlock(mly::ArrowBatch &batch)
{
    constexpr uint32_t kShortText = 127;
    if (waiting_.Size() == 0)
        return NextBlock(batch.Room());
    if (waiting_.Size() <= batch.Room() && mly_block_longest_text(&waiting_.Get()) <= kShortText)
    {
        batch.Append(waiting_.Get());
        waiting_.Clear();
    }
    else
    {
        batch.Append(waiting_.Take());
    }
    return true;
}

// Of a read that fails, the batch that it fails in is given back: without rows the end has come, and a batch that came
// with an error would hide it.
int OGRMapillaryLayer::NextBatch(ArrowArrayStream *stream, ArrowArray *out)
{
    if (!isArrowLaidOut_)
        LayOutArrow(stream);
    if (!arrow_)
    {
        const int status = OGRLayer::GetNextArrowArray(stream, out);
        if (failed_ && out->release)
            out->release(out);
        return failed_ ? EIO : status;
    }
    mly::ArrowBatch batch(*arrow_, layer_->shape, MaxRowsOfBatch(), arrowRows_);
    bool goesOn = true;
    while (goesOn && !batch.IsFull())  // the first row starts the reader
        goesOn = reader_ && mly_reader_has_blocks(reader_.get()) ? AppendBlock(batch) : AppendRow(batch);
    arrowRows_ = batch.Size();
    if (!failed_ && arrowRows_ > 0)
        batch.MoveTo(out);
    return failed_ ? EIO : 0;
}

// What a batch that failed comes to. A program's handler of errors is called, and may throw: the code tells all the
// same.
int OGRMapillaryLayer::EndStream(const mly_error &error) noexcept
{
    ended_ = failed_ = true;
    StopReading();
    try
    {
        mly::ReportError(error);
    }
    catch (...)
    {
    }
    return error.code == MLY_E_NOMEM ? ENOMEM : EIO;
}

// Called by C, so nothing may be thrown.
int OGRMapillaryLayer::GetNextArrowArray(ArrowArrayStream *stream, ArrowArray *out)
{
    mly_error error{};
    *out = ArrowArray{};
    try
    {
        if (!failed_)
            return NextBatch(stream, out);
        mly_fail(&error, MLY_E_ARG, "%s: the read has failed; after a reset it begins anew", layer_->name);
    }
    catch (const std::length_error &e)
    {
        mly_fail(&error, MLY_E_LIMIT, "%s: %s", layer_->name, e.what());
    }
    catch (...)
    {
        mly_fail(&error, MLY_E_NOMEM, "%s: out of memory for a batch of columns", layer_->name);
    }
    return EndStream(error);
}

// ---- single features ----

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

// A hash tells nothing of where a sequence lies, nor an id of whose detection it is; and offline nobody tells where the
// point with an id lies.
bool OGRMapillaryLayer::RemembersPlaces() const
{
    const bool isOfTile = plan_->get()->source == MLY_SOURCE_TILES;
    return layer_->shape == MLY_POLYGONS || layer_->shape == MLY_LINES ||
           (IsPointEntity(layer_) && isOfTile && dataset_->GetSettings().cache.isOffline);
}

void OGRMapillaryLayer::RememberPlace(const mly_row &row)
{
    constexpr size_t kMaxPlaces = 1 << 19;  // some 50 MB
    const bool isRemembered = RemembersPlaces();
    if (row.id < 0 || !isRemembered || nPlaces_ >= kMaxPlaces || places_.count(row.id) != 0)
        return;
    Place place;
    if (layer_->shape == MLY_POLYGONS)
    {
        place.owner = plan_->get()->owner;
        const char *column = place.owner == MLY_OWNER_IMAGE ? "image_id" : "map_feature_id";
        place.ownerId = row.values[mly_schema_column(layer_, column)].as.i;
    }
    else if (layer_->shape == MLY_POINT)
    {
        place.tiles.push_back(row.tile);
    }
    else if (mly_reader_tiles(reader_.get(), AddTile, &place) < 0)
    {
        return;
    }
    nPlaces_ += 1 + place.tiles.size();
    places_.emplace(row.id, std::move(place));
}

mly::FieldUse OGRMapillaryLayer::AllFields() const
{
    return mly::FieldUse(definition_.Get(), nullptr, false);
}

// Filters do not count for a single feature, so neither does the ring of NEAR; but its fields are there.
OGRFeature *OGRMapillaryLayer::MakeFound(mly_row row) const
{
    std::vector<mly_value> values(row.values, row.values + layer_->n_columns);
    if (Near())
    {
        mly_near_view view{};
        mly_near_sees(Near(), layer_, &row, &view);
        const std::pair<const char *, mly_value> columns[] = {
            {"distance", view.distance}, {"bearing", view.bearing}, {"angle_off", view.angle_off}};
        for (const auto &[name, value] : columns)
        {
            const int column = mly_schema_column(layer_, name);
            if (column >= 0)
                values[static_cast<size_t>(column)] = value;
        }
    }
    row.values = values.data();
    return definition_.MakeFeature(row, AllFields()).release();
}

OGRFeature *OGRMapillaryLayer::FindHeld(mly_reader *reader, GIntBig fid)
{
    mly_row row;
    mly_error error{};
    const mly_status status = reader ? mly_reader_find(reader, fid, &row, &error) : MLY_DONE;
    if (status < 0)
        mly::ReportError(error);
    return status == MLY_OK ? definition_.MakeFeature(row, AllFields()).release() : nullptr;
}

// The row with this id among those of the plan, filters aside; null if it is not there. There is nothing to go on with
// if a request fails, so ON_ERROR does not count here: whoever gets no row and no error takes it for gone.
OGRFeature *OGRMapillaryLayer::FindInPlan(mly::Plan &plan, GIntBig fid, mly_error &error)
{
    mly::TransportPtr transport = dataset_->BorrowTransport();
    mly_read_options options = dataset_->ReadOptions();
    options.keep = KeepOne;
    options.keep_ctx = &fid;
    mly::ReaderPtr reader = transport ? MakeReader(plan, transport.get(), options) : nullptr;
    OGRFeature *feature = nullptr;
    mly_status status = reader ? MLY_OK : MLY_DONE;
    while (status == MLY_OK && !feature)
    {
        mly_row row;
        status = mly_reader_next(reader.get(), &row, &error);
        if (status == MLY_OK && row.id == fid)
            feature = MakeFound(row);
    }
    reader.reset();
    dataset_->GiveBack(std::move(transport));
    return feature;
}

OGRFeature *OGRMapillaryLayer::FindByQuery(const mly_query &query, GIntBig fid)
{
    mly::Plan plan;
    mly_error error{};
    OGRFeature *feature = MakePlan(query, plan) ? FindInPlan(plan, fid, error) : nullptr;
    if (error.code < 0)
        mly::ReportError(error);
    return feature;
}

// By GDAL's own read of all rows, to which ON_ERROR does count.
OGRFeature *OGRMapillaryLayer::FindByScan(GIntBig fid)
{
    losses_ = {};
    OGRFeature *feature = OGRLayer::GetFeature(fid);
    if (!feature && mly_losses_are_there(&losses_))
        mly::ReportUsage("%s: feature " CPL_FRMT_GIB
                         " was not found, but it may be in what was skipped; repeat the read",
                         layer_->name, fid);
    return feature;
}

OGRFeature *OGRMapillaryLayer::FindTile(GIntBig fid)
{
    mly_tile tile;
    if (!mly_listing_tile(fid, &tile) || tile.z != layer_->zoom)
        return nullptr;
    return FindInTile(tile, fid);
}

OGRFeature *OGRMapillaryLayer::FindInTile(mly_tile tile, GIntBig fid)
{
    mly_query query = BaseQuery();
    query.columns = definition_.ColumnsOf(AllFields().Read());
    query.tiles = &tile;
    query.n_tiles = 1;
    return FindByQuery(query, fid);
}

// Among the tiles of the area of interest, by a read of its own: the one that goes on is not disturbed, and of other
// rows no more is made than is needed to pass them by.
OGRFeature *OGRMapillaryLayer::FindInArea(GIntBig fid)
{
    const mly::FilterArea area(nullptr, m_sFilterEnvelope, false, nullptr, AreaOfInterest(), nullptr);
    mly_query query = BaseQuery();
    query.area = area.Get();
    query.columns = definition_.ColumnsOf(AllFields().Read());
    return FindByQuery(query, fid);
}

// Among the tiles that the process holds. What the Graph adds to a row is asked for that one alone: the Graph's own row
// can differ from the one that was read, as it knows the creators of old images.
// False: no tile there has it. True with null: what the Graph adds could not be had, which has been reported.
bool OGRMapillaryLayer::FindInMemory(GIntBig fid, OGRFeature **feature)
{
    mly_hold *hold = mly::SharedTiles();
    if (!hold)
        return false;
    const bool isWhole = !IsExact() && !AsksGraph();
    const mly::Settings &settings = dataset_->GetSettings();
    const char *tileset = settings.computed && layer_->computed_tileset ? layer_->computed_tileset : layer_->tileset;
    const mly_hold_name name{dataset_->HoldScope().c_str(), tileset, layer_, {}};
    const mly_clock *clock = mly_clock_system();
    mly_arena arena;
    mly_row *row = nullptr;
    mly_error error{};
    mly_arena_init(&arena, mly_mem_system(), MLY_LIMIT_SCRATCH_MEMORY);
    const mly_status status = mly_hold_find(hold, &name, fid, clock->now_ms(clock->ctx), dataset_->HoldMaxAgeMs(),
                                            &arena, &row, &error);
    const bool isFound = status == MLY_OK;
    const mly_tile tile = isFound ? row->tile : mly_tile{};
    *feature = isFound && isWhole ? MakeFound(*row) : nullptr;
    mly_arena_fini(&arena);
    if (isFound && !isWhole)
        *feature = FindInTile(tile, fid);
    return isFound;
}

// Whether the layer shows what only the Graph knows.
bool OGRMapillaryLayer::AsksGraph() const
{
    const uint64_t shown = definition_.ColumnsOf(AllFields().Read());
    return (shown & mly_schema_columns(layer_, MLY_FROM_GRAPH)) != 0;
}

// From the Graph, with everything that the layer shows. Where that is out of reach, and the cache does not hold what it
// once said, the area has to be read.
OGRFeature *OGRMapillaryLayer::FindPoint(GIntBig fid)
{
    OGRFeature *feature = nullptr;
    if (FindInMemory(fid, &feature))
        return feature;
    if (places_.count(fid) != 0)
        return FindPlace(fid);
    mly_query query = BaseQuery();
    query.columns = definition_.ColumnsOf(AllFields().Read());
    const int64_t id = fid;
    query.ids = &id;
    query.n_ids = 1;
    const bool isFolder = dataset_->GetSettings().tiles.url.scheme == MLY_SCHEME_FILE;
    if (!AreaOfInterest() || !(IsLocal() || isFolder))
        return FindByQuery(query, fid);
    mly::Plan plan;
    mly_error unheard{};
    feature = isFolder || !MakePlan(query, plan) ? nullptr : FindInPlan(plan, fid, unheard);
    return feature ? feature : FindInArea(fid);
}

// A row that was handed out, from where it was found.
OGRFeature *OGRMapillaryLayer::FindPlace(GIntBig fid)
{
    const auto found = places_.find(fid);
    if (found == places_.end())
        return nullptr;
    const Place &place = found->second;
    mly_query query = BaseQuery();
    query.columns = definition_.ColumnsOf(AllFields().Read());
    query.tiles = place.tiles.empty() ? nullptr : place.tiles.data();
    query.n_tiles = place.tiles.size();
    if (layer_->shape == MLY_POLYGONS)
    {
        query.owner = place.owner;
        query.ids = &place.ownerId;
        query.n_ids = 1;
    }
    return FindByQuery(query, fid);
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
    if (layer_->way == MLY_WAY_PLAN)
        return FindTile(fid);
    if (layer_->way == MLY_WAY_OVERVIEW)
        return FindByScan(fid);
    if (IsPointEntity(layer_))
        return FindPoint(fid);
    for (mly_reader *reader : {reader_.get(), held_.get()})
    {
        OGRFeature *feature = AsksGraph() ? nullptr : FindHeld(reader, fid);
        if (feature)
            return feature;
    }
    return FindPlace(fid);
}
