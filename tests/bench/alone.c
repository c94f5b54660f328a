/* SPDX-License-Identifier: MIT */
/* alone [OPTIONS] LAYER ROWS DATASET [K=V...] — what GDAL itself takes for so many rows, when nothing has to be read:
 * copies of the layer's first row, made as cheaply as OGR's C functions allow, are looked at and dropped. Or that row
 * is written to a file, again and again.
 *   -b W,S,E,N  a spatial filter for that row
 *   -f FORMAT   writes with this driver, with the layer creation options K=V …
 *   -t FILE     … into this file
 *   -o K=V      an open option */
#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "read.h"

struct options {
    const char *box, *format, *target;
    char **open_options, **creation_options;
};

static void must(bool is_well, const char *what)
{
    if (is_well)
        return;
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static OGRFeatureH first_row(GDALDatasetH dataset, const char *name, const char *box)
{
    double b[4];
    OGRLayerH layer = dataset ? GDALDatasetGetLayerByName(dataset, name) : NULL;
    must(layer != NULL, "there is no such layer");
    if (box && sscanf(box, "%lf,%lf,%lf,%lf", &b[0], &b[1], &b[2], &b[3]) == 4)
        OGR_L_SetSpatialFilterRect(layer, b[0], b[1], b[2], b[3]);
    OGRFeatureH row = OGR_L_GetNextFeature(layer);
    OGR_L_ResetReading(layer);
    must(row != NULL, "the layer has no row");
    return row;
}

/* Raw, as a driver may: no look-up, no conversion, each text copied once. */
static OGRFeatureH copy_row(OGRFeatureH from, const struct fields *fields, GIntBig fid)
{
    OGRGeometryH shape = OGR_F_GetGeometryRef(from);
    OGRFeatureH to = OGR_F_Create(OGR_F_GetDefnRef(from));
    OGR_F_SetFID(to, fid);
    for (int i = 0; i < fields->n; i++) {
        const OGRField *value = OGR_F_GetRawFieldRef(from, i);
        OGRField *copy = OGR_F_GetRawFieldRef(to, i);
        *copy = *value;
        if (fields->types[i] == OFTString && !OGR_RawField_IsNull(value) && !OGR_RawField_IsUnset(value))
            copy->String = CPLStrdup(value->String);
    }
    OGRGeometryH point = OGR_G_CreateGeometry(wkbPoint);
    OGR_G_SetPoint_2D(point, 0, OGR_G_GetX(shape, 0), OGR_G_GetY(shape, 0));
    OGR_G_AssignSpatialReference(point, OGR_G_GetSpatialReference(shape));
    OGR_F_SetGeometryDirectly(to, point);
    return to;
}

/* A layer like the row's, in a file of its own. */
static OGRLayerH make_layer(const struct options *options, OGRFeatureH row, GDALDatasetH *file)
{
    GDALDriverH driver = GDALGetDriverByName(options->format);
    *file = driver && options->target ? GDALCreate(driver, options->target, 0, 0, 0, GDT_Unknown, NULL) : NULL;
    must(*file != NULL, "the file cannot be made");
    OGRLayerH layer = GDALDatasetCreateLayer(*file, "alone", OGR_G_GetSpatialReference(OGR_F_GetGeometryRef(row)),
                                             wkbPoint, options->creation_options);
    must(layer != NULL, "the layer cannot be made");
    const int n = OGR_F_GetFieldCount(row);
    for (int i = 0; i < n; i++)
        must(OGR_L_CreateField(layer, OGR_F_GetFieldDefnRef(row, i), TRUE) == OGRERR_NONE, "a field cannot be made");
    return layer;
}

/* As ogr2ogr does, with a source that costs nothing: into a feature of the target's, by a map of the fields. */
static void write_row(OGRLayerH layer, OGRFeatureH row, const int *map)
{
    OGRFeatureH feature = OGR_F_Create(OGR_L_GetLayerDefn(layer));
    must(OGR_F_SetFromWithMap(feature, row, TRUE, map) == OGRERR_NONE, "a row cannot be copied");
    must(OGR_L_CreateFeature(layer, feature) == OGRERR_NONE, "a row cannot be written");
    OGR_F_Destroy(feature);
}

static void write_rows(const struct options *options, OGRFeatureH row, unsigned long long n)
{
    enum { ROWS_OF_TRANSACTION = 100000 }; /* ogr2ogr's */
    GDALDatasetH file = NULL;
    OGRLayerH layer = make_layer(options, row, &file);
    const int n_fields = OGR_F_GetFieldCount(row);
    int *map = bench_must(calloc((size_t)n_fields + 1, sizeof *map));
    for (int i = 0; i < n_fields; i++)
        map[i] = i;
    for (unsigned long long i = 0; i < n; i++) {
        if (i % ROWS_OF_TRANSACTION == 0) {
            must(i == 0 || OGR_L_CommitTransaction(layer) == OGRERR_NONE, "the rows cannot be written");
            must(OGR_L_StartTransaction(layer) == OGRERR_NONE, "the rows cannot be written");
        }
        write_row(layer, row, map);
    }
    must(n == 0 || OGR_L_CommitTransaction(layer) == OGRERR_NONE, "the rows cannot be written");
    GDALClose(file); /* which writes the index */
    free(map);
}

static void make_rows(OGRFeatureH row, unsigned long long n, struct reading *reading)
{
    const struct fields fields = fields_of(OGR_F_GetDefnRef(row));
    for (unsigned long long i = 0; i < n; i++) {
        OGRFeatureH copy = copy_row(row, &fields, (GIntBig)i + 1);
        read_feature(copy, &fields, reading);
        OGR_F_Destroy(copy);
    }
    free(fields.types);
}

static bool parse(int argc, char **argv, struct options *options)
{
    for (int option; (option = getopt(argc, argv, "b:f:t:o:")) != -1;) {
        if (option == 'b')
            options->box = optarg;
        else if (option == 'f')
            options->format = optarg;
        else if (option == 't')
            options->target = optarg;
        else if (option == 'o')
            options->open_options = CSLAddString(options->open_options, optarg);
        else
            return false;
    }
    for (int i = optind + 3; i < argc; i++)
        options->creation_options = CSLAddString(options->creation_options, argv[i]);
    return argc - optind >= 3;
}

int main(int argc, char **argv)
{
    struct options options = {.box = NULL};
    if (!parse(argc, argv, &options)) {
        fputs("usage: alone [-b BOX] [-f FORMAT -t FILE] [-o K=V] LAYER ROWS DATASET [K=V...]\n", stderr);
        return 2;
    }
    GDALAllRegister();
    struct reading reading = {.rows = 0};
    GDALDatasetH dataset = GDALOpenEx(argv[optind + 2], GDAL_OF_VECTOR, NULL, (const char *const *)options.open_options,
                                      NULL);
    OGRFeatureH row = first_row(dataset, argv[optind], options.box);
    const unsigned long long n = strtoull(argv[optind + 1], NULL, 10);
    const double begun = bench_now(), cpu_begun = bench_cpu();
    if (options.format)
        write_rows(&options, row, n);
    else
        make_rows(row, n, &reading);
    printf("seconds=%.6f cpu=%.6f rows=%llu peak_kb=%ld sum=%016llx\n", bench_now() - begun, bench_cpu() - cpu_begun, n,
           bench_peak_kb(), (unsigned long long)reading.sum);
    OGR_F_Destroy(row);
    GDALClose(dataset);
    CSLDestroy(options.open_options);
    CSLDestroy(options.creation_options);
    GDALDestroyDriverManager();
    return 0;
}
