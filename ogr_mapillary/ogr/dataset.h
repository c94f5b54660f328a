// SPDX-License-Identifier: MIT
// dataset.h — the dataset: settings, layers, and the transports that its layers borrow.
// Owner: GDAL's reference count; layers live as long. Threads: one dataset, one thread at a time; any number of
// datasets.
#pragma once

#include <map>
#include <memory>
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

    // The service that answers for a layer.
    const mly::Service &ServiceOf(const mly_layer *layer) const;

    // A transport to that service for one read, warm if one was given back. Null, with an error, if there can be none.
    mly::TransportPtr BorrowTransport(const mly_layer *layer);
    void GiveBack(const mly_layer *layer, mly::TransportPtr transport);

  private:
    mly_transport *MakeTransport(const mly::Service &service, mly_error *error);
    mly_store *Store();

    mly::Settings settings_;
    mly::StorePtr store_;  // outlives the transports that borrow it
    bool storeWasTried_ = false;
    std::map<const mly::Service *, std::vector<mly::TransportPtr>> idle_;
    std::vector<std::unique_ptr<OGRMapillaryLayer>> layers_;  // those that are listed come first
    int nListed_ = 0;
};
