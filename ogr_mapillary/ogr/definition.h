// SPDX-License-Identifier: MIT
// definition.h — a layer's fields, as the options have them, and rows as features of it.
// Owner: the definition holds GDAL's, counted: features and the spatial reference outlive it. Threads: the layer's.
#pragma once

#include <memory>
#include <vector>

#include "compat.h"
#include "core/row.h"
#include "fields.h"
#include "options.h"

namespace mly
{
class Definition
{
  public:
    Definition(const mly_layer *layer, const Settings &settings);
    ~Definition();
    Definition(const Definition &) = delete;
    Definition &operator=(const Definition &) = delete;

    OGRFeatureDefn *Get() const
    {
        return defn_;
    }

    // The layer's column of each field.
    const std::vector<int> &Columns() const
    {
        return columns_;
    }

    mly_type TypeOf(int column) const
    {
        return layer_->columns[column].type;
    }

    // The columns of these fields, a bit each.
    uint64_t ColumnsOf(const std::vector<int> &fields) const;

    // Whether rows of the layer lie around the place that NEAR or LOOKING_AT names.
    bool IsNear() const
    {
        return isNear_;
    }

    std::unique_ptr<OGRFeature> MakeFeature(const mly_row &row, const FieldUse &fields) const;

  private:
    bool IsShown(const mly_column &column, const Settings &settings) const;
    void AddField(const mly_column &column);

    const mly_layer *layer_;
    bool isNear_;
    OGRFeatureDefn *defn_;
    std::vector<int> columns_;
};
}  // namespace mly
