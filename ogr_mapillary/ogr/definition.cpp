// SPDX-License-Identifier: MIT
#include "definition.h"

#include <cpl_conv.h>

#include <cstring>

#include "domains.h"
#include "geometry.h"
#include "moment.h"
#include "text.h"

namespace mly
{
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

// Where a field comes from, and so what it costs.
const char *WhereFrom(const mly_layer *layer, mly_origin origin)
{
    if (origin == MLY_FROM_NEAR || origin == MLY_FROM_AIM)
        return "Worked out from the place of the open option";
    if (origin == MLY_FROM_GRAPH)
        return "From the Graph API, which is asked for rows that pass the filters";
    switch (layer->way)
    {
        case MLY_WAY_OWNERS:
            return "From the Graph API's list of detections";
        case MLY_WAY_PLAN:
            return "Worked out without a request";
        default:
            return "From the tiles, without a further request";
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
        case MLY_BOX:
            return wkbPolygon;
        default:
            return wkbPoint;
    }
}

// OGR's seconds are a float. GDAL rounds them to milliseconds, QGIS cuts them off: a float not below the true value is
// right for both. Of positive floats, the bits of the next one count one more; which of two it is cannot be guessed, so
// there is no branch.
float SecondsOf(int seconds, int milliseconds)
{
    const double exact = seconds + milliseconds / 1000.0;
    auto nearest = static_cast<float>(exact);
    uint32_t bits;
    memcpy(&bits, &nearest, sizeof bits);
    bits += static_cast<double>(nearest) < exact ? 1 : 0;
    memcpy(&nearest, &bits, sizeof bits);
    return nearest;
}

void SetTime(OGRField *field, int64_t ms)
{
    const Moment moment = MomentOf(ms);
    field->Date.Year = static_cast<GInt16>(moment.year);
    field->Date.Month = static_cast<GByte>(moment.month);
    field->Date.Day = static_cast<GByte>(moment.day);
    field->Date.Hour = static_cast<GByte>(moment.hour);
    field->Date.Minute = static_cast<GByte>(moment.minute);
    field->Date.Second = SecondsOf(moment.second, moment.millisecond);
    field->Date.TZFlag = 100;  // UTC
    field->Date.Reserved = 0;
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

Definition::Definition(const mly_layer *layer, const Settings &settings)
    : layer_(layer), isNear_(settings.near && mly_schema_columns(layer, MLY_FROM_NEAR) != 0 &&
                             (!settings.near->is_looking || mly_schema_columns(layer, MLY_FROM_AIM) != 0)),
      defn_(new OGRFeatureDefn(layer->name))
{
    defn_->Reference();
    defn_->SetGeomType(GeometryTypeOf(layer->shape));
    if (layer->shape != MLY_POLYGONS)  // those lie in an image
    {
        auto *srs = new OGRSpatialReference();
        srs->SetFromUserInput("EPSG:4326");
        srs->SetAxisMappingStrategy(OAMS_TRADITIONAL_GIS_ORDER);
        defn_->GetGeomFieldDefn(0)->SetSpatialRef(srs);
        srs->Release();
    }
    for (uint32_t i = 0; i < layer->n_columns; i++)
    {
        if (!IsShown(layer->columns[i], settings))
            continue;
        AddField(layer->columns[i]);
        columns_.push_back(static_cast<int>(i));
    }
    Seal(defn_);
}

Definition::~Definition()
{
    defn_->Release();
}

bool Definition::IsShown(const mly_column &column, const Settings &settings) const
{
    switch (column.origin)
    {
        case MLY_FROM_GRAPH:
            return settings.fields.FindString(column.name) >= 0;
        case MLY_FROM_NEAR:
            return isNear_;
        case MLY_FROM_AIM:
            return isNear_ && settings.near->is_looking;
        default:
            return true;
    }
}

void Definition::AddField(const mly_column &column)
{
    const FieldType type = FieldTypeOf(column.type);
    OGRFieldDefn field(column.name, type.type);
    field.SetSubType(type.subType);
    field.SetAlternativeName(column.label);
    SetComment(field, WhereFrom(layer_, column.origin));
    if (const char *domain = DomainOf(layer_, column))
        field.SetDomainName(domain);
    if (column.type == MLY_TIME)
        MarkUtc(field);
    defn_->AddFieldDefn(&field);
}

uint64_t Definition::ColumnsOf(const std::vector<int> &fields) const
{
    uint64_t columns = 0;
    for (const int field : fields)
        columns |= uint64_t{1} << columns_[static_cast<size_t>(field)];
    return columns;
}

std::unique_ptr<OGRFeature> Definition::MakeFeature(const mly_row &row, const FieldUse &fields) const
{
    auto feature = std::make_unique<OGRFeature>(defn_);
    feature->SetFID(row.id);
    for (const int field : fields.Read())
        SetRawField(feature->GetRawFieldRef(field), row.values[columns_[static_cast<size_t>(field)]]);
    if (fields.ReadsGeometry())
        feature->SetGeometryDirectly(MakeGeometry(row, layer_->shape, defn_).release());
    return feature;
}
}  // namespace mly
