/* SPDX-License-Identifier: MIT */
/* read.h — ways to take all that a layer has. Each returns the number of rows, and looks at all of them. */
#ifndef READ_H
#define READ_H

#include <ogr_api.h>

#include "bench.h"

struct reading {
    unsigned long long rows;
    uint64_t sum;    /* of everything that was looked at, so that nothing is left out */
    double first_at; /* when the first row, or batch, was there */
};

struct fields {
    int n;
    OGRFieldType *types; /* free() gives it back */
};

struct fields fields_of(OGRFeatureDefnH defn);

/* Each field, and the geometry. */
void read_feature(OGRFeatureH feature, const struct fields *fields, struct reading *reading);

/* OGR_L_GetNextFeature(), and all of each. */
void read_rows(OGRLayerH layer, struct reading *reading);

/* OGR_L_GetArrowStream(), each byte of each buffer. */
void read_stream(OGRLayerH layer, struct reading *reading);

#endif
