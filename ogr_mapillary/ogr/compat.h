// SPDX-License-Identifier: MIT
// compat.h — GDAL 3.6 to 3.13 in one spelling: the only place that asks for GDAL's version in a header.
// Owner: nothing. Threads: nothing.
#pragma once

#include <gdal_priv.h>
#include <ogrsf_frmts.h>

#define MLY_GDAL_AT_LEAST(major, minor) (GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(major, minor, 0))

#if MLY_GDAL_AT_LEAST(3, 12)
#define MLY_CONST_SINCE_3_12 const
#else
#define MLY_CONST_SINCE_3_12
#endif

namespace mly
{
#if MLY_GDAL_AT_LEAST(3, 12)
using LayerDefnPtr = const OGRFeatureDefn *;
using LayerPtr = const OGRLayer *;
#else
using LayerDefnPtr = OGRFeatureDefn *;
using LayerPtr = OGRLayer *;
#endif

#if MLY_GDAL_AT_LEAST(3, 9)
using IgnoredFields = CSLConstList;
#else
using IgnoredFields = const char **;
#endif

// GDAL 3.9 seals definitions that layers hand out (RFC 97).
inline void Seal(OGRFeatureDefn *defn)
{
#if MLY_GDAL_AT_LEAST(3, 9)
    defn->Seal(true);
#else
    (void)defn;
#endif
}

// Since 3.8 a field can say that its times are UTC.
inline void MarkUtc(OGRFieldDefn &field)
{
#if MLY_GDAL_AT_LEAST(3, 8)
    field.SetTZFlag(OGR_TZFLAG_UTC);
#else
    (void)field;
#endif
}

// Since 3.7 a field has room for a remark beside its alternative name.
inline void SetComment(OGRFieldDefn &field, const char *comment)
{
#if MLY_GDAL_AT_LEAST(3, 7)
    field.SetComment(comment);
#else
    (void)field;
    (void)comment;
#endif
}

// Since 3.8 GDAL turns a filter on FIDs into calls of GetFeature for its own columns, drops what those fail to find,
// and judges no row by the spatial filter: the plan of the read serves the FIDs whole or fails.
template <class Shared> auto ForgetQueriedFids(Shared &shared, int) -> decltype(shared.m_anQueriedFIDs.clear())
{
    shared.m_anQueriedFIDs.clear();
}
template <class Shared> void ForgetQueriedFids(Shared &, long)
{
}

// Before 3.10 SQL had no NULL: a comparison with an absent date was an error (residual.h).
constexpr bool kSqlKnowsNull = MLY_GDAL_AT_LEAST(3, 10);

// A layer whose derived class hears of a new spatial filter, and gives its extent, in one way for all versions.
class LayerBase : public OGRLayer
{
  protected:
    virtual void OnSpatialFilter() = 0;
    virtual OGRErr Extent(OGREnvelope *extent) const = 0;

#if MLY_GDAL_AT_LEAST(3, 11)
    OGRErr ISetSpatialFilter(int geomField, const OGRGeometry *geometry) override
    {
        const OGRErr err = OGRLayer::ISetSpatialFilter(geomField, geometry);
        OnSpatialFilter();
        return err;
    }

    OGRErr IGetExtent(int, OGREnvelope *extent, bool) override
    {
        return Extent(extent);
    }

  public:
#else
  public:
    using OGRLayer::GetExtent;
    using OGRLayer::SetSpatialFilter;

    void SetSpatialFilter(OGRGeometry *geometry) override
    {
        OGRLayer::SetSpatialFilter(geometry);
        OnSpatialFilter();
    }

    OGRErr GetExtent(OGREnvelope *extent, int) override
    {
        return Extent(extent);
    }
#endif

#if MLY_GDAL_AT_LEAST(3, 12)
    using OGRLayer::GetLayerDefn;
#endif
};

class DatasetBase : public GDALDataset
{
  public:
#if MLY_GDAL_AT_LEAST(3, 12)
    using GDALDataset::GetLayer;
#endif
};

}  // namespace mly
