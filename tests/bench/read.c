/* SPDX-License-Identifier: MIT */
/* read [OPTIONS] LAYER ROWS [DATASET...] — reads a layer as a program would, and looks at everything. LAYER "" is the
 * first one; ROWS is how many there are in all datasets together. Without a dataset: GDAL alone, ready to read.
 *   -a       by Arrow stream, not row by row
 *   -b W,S,E,N  a spatial filter
 *   -f       the first row only
 *   -n N     reads that often, in one process; the line is about the last time
 *   -o K=V   an open option
 *   -l FILE  datasets, a line each, after those named */
#include "read.h"

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    bool by_stream, first_only;
    const char *box, *layer;
    int times;
    char **open_options, **datasets;
};

static void read_first(OGRLayerH layer, struct reading *reading)
{
    OGRFeatureH feature = OGR_L_GetNextFeature(layer);
    reading->first_at = bench_now();
    reading->rows += feature != NULL;
    OGR_F_Destroy(feature);
}

static void read_dataset(const char *name, const struct options *options, struct reading *reading)
{
    double box[4];
    GDALDatasetH dataset = GDALOpenEx(name, GDAL_OF_VECTOR, NULL, (const char *const *)options->open_options, NULL);
    OGRLayerH layer = !dataset                 ? NULL
                      : options->layer[0] != 0 ? GDALDatasetGetLayerByName(dataset, options->layer)
                                               : GDALDatasetGetLayer(dataset, 0);
    if (!layer) {
        fprintf(stderr, "bench: %s has no layer '%s'\n", name, options->layer);
        exit(1);
    }
    if (options->box && sscanf(options->box, "%lf,%lf,%lf,%lf", &box[0], &box[1], &box[2], &box[3]) == 4)
        OGR_L_SetSpatialFilterRect(layer, box[0], box[1], box[2], box[3]);
    if (options->first_only)
        read_first(layer, reading);
    else if (options->by_stream)
        read_stream(layer, reading);
    else
        read_rows(layer, reading);
    GDALClose(dataset); /* an error shows in the number of rows; not all that GDAL reports is one */
}

static void add_list(struct options *options, const char *path)
{
    char **lines = CSLLoad(path);
    options->datasets = CSLInsertStrings(options->datasets, -1, (CSLConstList)lines);
    CSLDestroy(lines);
}

static bool parse(int argc, char **argv, struct options *options)
{
    options->times = 1;
    for (int option; (option = getopt(argc, argv, "ab:fn:o:l:")) != -1;) {
        options->by_stream |= option == 'a';
        options->first_only |= option == 'f';
        if (option == 'b')
            options->box = optarg;
        else if (option == 'n')
            options->times = atoi(optarg);
        else if (option == 'o')
            options->open_options = CSLAddString(options->open_options, optarg);
        else if (option == 'l')
            add_list(options, optarg);
        else if (option == '?')
            return false;
    }
    for (int i = optind + 2; i < argc; i++)
        options->datasets = CSLAddString(options->datasets, argv[i]);
    options->layer = argc - optind >= 2 ? argv[optind] : NULL;
    return options->layer != NULL;
}

int main(int argc, char **argv)
{
    struct options options = {.times = 1};
    if (!parse(argc, argv, &options)) {
        fputs("usage: read [-a] [-b BOX] [-f] [-n N] [-o K=V] [-l FILE] LAYER ROWS [DATASET...]\n", stderr);
        return 2;
    }
    GDALAllRegister();
    struct reading reading = {.rows = 0};
    double seconds = 0, cpu = 0, first = 0;
    for (int i = 0; i < options.times; i++) {
        reading = (struct reading){.rows = 0};
        const double begun = bench_now(), cpu_begun = bench_cpu();
        for (char **name = options.datasets; name && *name; name++)
            read_dataset(*name, &options, &reading);
        seconds = bench_now() - begun;
        cpu = bench_cpu() - cpu_begun;
        first = reading.first_at - begun;
        bench_expect("rows", reading.rows, strtoull(argv[optind + 1], NULL, 10));
    }
    printf("seconds=%.6f cpu=%.6f first_ms=%.3f rows=%llu peak_kb=%ld sum=%016llx\n", seconds, cpu, first * 1000,
           reading.rows, bench_peak_kb(), (unsigned long long)reading.sum);
    CSLDestroy(options.open_options);
    CSLDestroy(options.datasets);
    GDALDestroyDriverManager();
    return 0;
}
