// SPDX-License-Identifier: MIT
// dataset.h — the dataset: settings, layers, and the transports that its layers borrow.
// Owner: GDAL's reference count; layers live as long. Threads: one dataset, one thread at a time; any number of
// datasets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compat.h"
#include "handles.h"
#include "options.h"

class OGRMapillaryLayer;

class OGRMapillaryDataset final : public mly::DatasetBase
{
  public:
    explicit OGRMapillaryDataset(mly::Settings settings);
    ~OGRMapillaryDataset() override;

    static int Identify(GDALOpenInfo *info);
    static GDALDataset *Open(GDALOpenInfo *info);

    int GetLayerCount() MLY_CONST_SINCE_3_12 override;
    mly::LayerPtr GetLayer(int index) MLY_CONST_SINCE_3_12 override;
    OGRLayer *GetLayerByName(const char *name) override;
    int TestCapability(const char *capability) MLY_CONST_SINCE_3_12 override;

    const mly::Settings &GetSettings() const
    {
        return settings_;
    }

    // A transport to both services for one read, warm if one was given back. Null, with an error, if there can be none.
    mly::TransportPtr BorrowTransport();
    void GiveBack(mly::TransportPtr transport) noexcept;

    // What all reads have in common. Valid as long as the dataset.
    mly_read_options ReadOptions();

    // Which of the tiles that the process has decoded are this dataset's too, and how old they may be.
    const std::string &HoldScope() const
    {
        return holdScope_;
    }
    uint64_t HoldMaxAgeMs() const;

    // How many of the plan's tiles the cache holds; negative when nobody knows, or there are too many to look at.
    int64_t CountCached(const mly_plan &plan);

  private:
    bool Stat(const char *key, mly_stored *out);
    static bool Stored(void *dataset, const char *key, mly_stored *out) noexcept;
    mly_transport *MakeTransport(mly_error *error);
    mly_transport *Cached(mly_transport *transport, mly_store *store, mly_error *error);
    mly_transport *MakeNetwork(mly_error *error);
    mly_transport *MakeFolder(mly_error *error) const;
    static mly_status MakeNetworkLate(void *dataset, mly_transport **out, mly_error *error) noexcept;
    mly_store *Store();

    mly::Settings settings_;
    const std::string holdScope_;
    mly::StorePtr store_;  // outlives the transports that borrow it
    bool storeWasTried_ = false;
    mly::HelperPtr helper_;  // null: tiles are opened by whoever reads them
    mly_error whyNoStore_{};
    std::vector<mly::TransportPtr> idle_;
    std::vector<std::unique_ptr<OGRMapillaryLayer>> layers_;  // those that are listed come first
    int nListed_ = 0;
};
