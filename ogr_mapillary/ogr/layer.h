// SPDX-License-Identifier: MIT
// layer.h — one layer of the service as OGR sees it: filters in, features out.
// Owner: the dataset. Features and the spatial reference outlive both. Threads: the dataset's.
#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "area.h"
#include "arrow.h"
#include "compat.h"
#include "core/losses.h"
#include "definition.h"
#include "handles.h"
#include "progress.h"
#include "residual.h"
#include "waiting.h"

class OGRMapillaryDataset;

class OGRMapillaryLayer final : public mly::LayerBase
{
  public:
    OGRMapillaryLayer(OGRMapillaryDataset *dataset, const mly_layer *layer);
    ~OGRMapillaryLayer() override;

    mly::LayerDefnPtr GetLayerDefn() MLY_CONST_SINCE_3_12 override;
    GDALDataset *GetDataset() override;
    int TestCapability(const char *capability) MLY_CONST_SINCE_3_12 override;

    void ResetReading() override;
    OGRFeature *GetNextFeature() override;
    OGRFeature *GetFeature(GIntBig fid) override;
    GIntBig GetFeatureCount(int force) override;
    OGRErr SetAttributeFilter(const char *filter) override;
    OGRErr SetIgnoredFields(mly::IgnoredFields fields) override;
    bool GetArrowStream(ArrowArrayStream *stream, CSLConstList options) override;

  protected:
    int GetNextArrowArray(ArrowArrayStream *stream, ArrowArray *out) override;
    void OnSpatialFilter() override;
    OGRErr Extent(OGREnvelope *extent) const override;

  private:
    static bool Keep(void *layer, const mly_row *row) noexcept;
    static mly_status AddTile(void *place, mly_tile tile) noexcept;

    // What must not be decided about a row before the Graph has told more of it.
    bool IsExact() const;
    const mly::Aoi *AreaOfInterest() const;
    const mly_near *Near() const;
    mly::FilterArea Area() const;
    bool IsLocal() const;
    mly_query BaseQuery() const;
    bool AddFilter(mly_query &query, mly::Plan &plan) const;
    bool IsBounded() const;
    bool MakePlan(const mly_query &query, mly::Plan &plan) const;
    bool IsRecorded(mly::Plan &plan);
    bool IsRecordedById(mly_query query);
    bool PlanReading();
    mly_read_options ReadOptions();
    bool StartReading();
    static mly::ReaderPtr MakeReader(mly::Plan &plan, mly_transport *transport, const mly_read_options &options);
    mly_status ReadRow(mly_row *row, mly_error *error);
    bool GoesOn(mly_status status, const mly_error &error);
    bool NextRow(mly_row *row);
    void RememberBlock(const mly_block &block);
    bool NextBlock(uint32_t max);
    bool HasWaiting();
    std::unique_ptr<OGRFeature> ReadPassing();
    GIntBig CountPassing();
    bool IsWithin() const;
    bool MeetsArea(const mly_row &row, const OGRGeometry *geometry);
    bool MayMeetArea(const mly_row &row, const OGRFeature &feature);
    bool MayPass(const mly_row &row);
    bool RemembersPlaces() const;
    void RememberPlace(const mly_row &row);
    void StopReading() noexcept;

    static void ReleaseArrowStream(ArrowArrayStream *stream) noexcept;
    void LayOutArrow(ArrowArrayStream *stream);
    size_t MaxRowsOfBatch() const;
    bool FiltersExactly() const;
    bool RowMeetsArea(const mly_row &row);
    bool RowPasses(const mly_row &row);
    bool PassesAsAWhole(const mly_block &block) const;
    uint32_t SelectWithin(const mly_block &block);
    void SelectPassing(mly_block &block);
    bool AppendRow(mly::ArrowBatch &batch);
    bool AppendBlock(mly::ArrowBatch &batch);
    int NextBatch(ArrowArrayStream *stream, ArrowArray *out);
    int EndStream(const mly_error &error) noexcept;

    mly::FieldUse AllFields() const;
    OGRFeature *MakeFound(mly_row row) const;
    OGRFeature *FindHeld(mly_reader *reader, GIntBig fid);
    OGRFeature *FindInPlan(mly::Plan &plan, GIntBig fid, mly_error &error);
    OGRFeature *FindByQuery(const mly_query &query, GIntBig fid);
    OGRFeature *FindByScan(GIntBig fid);
    OGRFeature *FindTile(GIntBig fid);
    bool AsksGraph() const;
    OGRFeature *FindInTile(mly_tile tile, GIntBig fid);
    OGRFeature *FindInArea(GIntBig fid);
    bool FindInMemory(GIntBig fid, OGRFeature **feature);
    OGRFeature *FindPoint(GIntBig fid);
    OGRFeature *FindPlace(GIntBig fid);

    // What has to be asked for to meet a row again.
    struct Place
    {
        std::vector<mly_tile> tiles;  // of a sequence: those of the read that found it; of a point: its own
        mly_owner owner{};            // of a detection
        int64_t ownerId = 0;
    };

    OGRMapillaryDataset *dataset_;
    const mly_layer *layer_;
    mly::Definition definition_;
    mly::Residual residual_;
    mly::FieldUse fields_, filterFields_;
    bool isFilteredExactly_ = false;         // by the core: OGR need not judge by attributes
    std::optional<mly::ArrowLayout> arrow_;  // of the stream; nothing where GDAL has to make its columns
    bool isArrowLaidOut_ = false;
    size_t arrowRows_ = 0;      // in its last batch
    mly::WaitingRows waiting_;  // they pass the filters; without any, the reader has to be asked
    std::array<uint32_t, MLY_BLOCK_ROWS> passing_{};
    mly_row_space space_{};  // of a row that is being judged
    bool filterAsksGraph_ = false;
    bool isCounting_ = false;
    std::shared_ptr<mly::Plan> plan_;
    mly::TransportPtr transport_;
    mly_losses losses_{};  // of the read that goes on, or was the last one
    mly::ProgressBar progress_;
    mly::ReaderPtr reader_;
    // For GetFeature(): the last read of sequences that came to rows, and where rows handed out can be met again.
    std::shared_ptr<mly::Plan> heldPlan_;
    mly::ReaderPtr held_;
    std::unordered_map<GIntBig, Place> places_;
    size_t nPlaces_ = 0;   // tiles and owners in them
    bool ended_ = false;   // after the last feature, or an error: nothing more until a reset
    bool failed_ = false;  // it was an error
    bool gaveRows_ = false;
    bool gaveNameless_ = false;  // rows with FID -1
};
