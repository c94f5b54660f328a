/* SPDX-License-Identifier: MIT */
/* Row by row, as a program does that wants everything. */
#include <gdal.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

static void look_at_field(OGRFeatureH feature, int i, OGRFieldType type, struct reading *reading)
{
    int year, month, day, hour, minute, zone;
    float second;
    double real;
    uint64_t bits = 0;
    switch (type) {
    case OFTInteger:
        reading->sum += (uint64_t)OGR_F_GetFieldAsInteger(feature, i);
        break;
    case OFTInteger64:
        reading->sum += (uint64_t)OGR_F_GetFieldAsInteger64(feature, i);
        break;
    case OFTReal:
        real = OGR_F_GetFieldAsDouble(feature, i);
        memcpy(&bits, &real, sizeof bits);
        reading->sum += bits;
        break;
    case OFTDateTime:
        OGR_F_GetFieldAsDateTimeEx(feature, i, &year, &month, &day, &hour, &minute, &second, &zone);
        reading->sum += (uint64_t)(year + month + day + hour + minute) + (uint64_t)(second * 1000);
        break;
    default:
        for (const char *text = OGR_F_GetFieldAsString(feature, i); *text; text++)
            reading->sum += (unsigned char)*text;
    }
}

static void look_at_geometry(OGRGeometryH geometry, struct reading *reading)
{
    if (OGR_G_GetGeometryType(geometry) == wkbPoint) {
        reading->sum += (uint64_t)(int64_t)((OGR_G_GetX(geometry, 0) + OGR_G_GetY(geometry, 0)) * 1e7);
        return;
    }
    const int n_parts = OGR_G_GetGeometryCount(geometry);
    for (int i = 0; i < n_parts; i++)
        look_at_geometry(OGR_G_GetGeometryRef(geometry, i), reading);
    const int n_points = n_parts > 0 ? 0 : OGR_G_GetPointCount(geometry);
    for (int i = 0; i < n_points; i++)
        reading->sum += (uint64_t)(int64_t)((OGR_G_GetX(geometry, i) + OGR_G_GetY(geometry, i)) * 1e7);
}

struct fields fields_of(OGRFeatureDefnH defn)
{
    struct fields fields = {.n = OGR_FD_GetFieldCount(defn)};
    fields.types = bench_must(calloc((size_t)fields.n + 1, sizeof *fields.types));
    for (int i = 0; i < fields.n; i++)
        fields.types[i] = OGR_Fld_GetType(OGR_FD_GetFieldDefn(defn, i));
    return fields;
}

void read_feature(OGRFeatureH feature, const struct fields *fields, struct reading *reading)
{
    reading->sum += (uint64_t)OGR_F_GetFID(feature);
    for (int i = 0; i < fields->n; i++) {
        if (OGR_F_IsFieldSetAndNotNull(feature, i))
            look_at_field(feature, i, fields->types[i], reading);
    }
    OGRGeometryH geometry = OGR_F_GetGeometryRef(feature);
    if (geometry)
        look_at_geometry(geometry, reading);
    reading->rows++;
}

void read_rows(OGRLayerH layer, struct reading *reading)
{
    const struct fields fields = fields_of(OGR_L_GetLayerDefn(layer));
    for (OGRFeatureH feature; (feature = OGR_L_GetNextFeature(layer)) != NULL;) {
        if (reading->first_at == 0)
            reading->first_at = bench_now();
        read_feature(feature, &fields, reading);
        OGR_F_Destroy(feature);
    }
    free(fields.types);
}
