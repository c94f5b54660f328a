/* SPDX-License-Identifier: MIT */
#include "schema.h"

#include <stddef.h>
#include <string.h>

static const struct mly_column image_columns[] = {
    {"id", "image id", MLY_INT, NULL},
    {"captured_at", "capture time (UTC)", MLY_TIME, NULL},
    {"compass_angle", "compass angle, original (degrees clockwise from north)", MLY_REAL, NULL},
    {"sequence_id", "sequence id", MLY_TEXT, NULL},
    {"is_pano", "panorama", MLY_BOOL, NULL},
    {"organization_id", "organization id", MLY_INT, NULL},
    {"creator_id", "creator id", MLY_INT, NULL},
    {"quality_score", "quality score (0 to 1)", MLY_REAL, NULL},
};

static const struct mly_column sequence_columns[] = {
    {"id", "sequence id", MLY_TEXT, NULL},
    {"captured_at", "capture time of the first image (UTC)", MLY_TIME, NULL},
    {"image_id", "id of an image of the sequence", MLY_INT, NULL},
    {"is_pano", "panoramas", MLY_BOOL, NULL},
    {"organization_id", "organization id", MLY_INT, NULL},
    {"creator_id", "creator id", MLY_INT, NULL},
    {"quality_score", "quality score (0 to 1)", MLY_REAL, NULL},
    {"foot", "captured on foot", MLY_BOOL, NULL},
};

static const struct mly_column map_feature_columns[] = {
    {"id", "map feature id", MLY_INT, NULL},
    {"value", "class, e.g. object--bench or regulatory--stop--g1", MLY_TEXT, NULL},
    {"first_seen_at", "capture time of the first image that shows it (UTC)", MLY_TIME, NULL},
    {"last_seen_at", "capture time of the last image that shows it (UTC)", MLY_TIME, NULL},
};

static const struct mly_column detection_columns[] = {
    {"id", "detection id", MLY_INT, "id"},
    {"image_id", "id of the image", MLY_INT, "image.id"},
    {"map_feature_id", "id of the map feature, where it was asked for", MLY_INT, NULL},
    {"value", "class, e.g. object--bench", MLY_TEXT, "value"},
    {"created_at", "time of detection (UTC)", MLY_TIME, "created_at"},
};

static const struct mly_column overview_columns[] = {
    {"id", "image id", MLY_INT, NULL},
    {"captured_at", "capture time (UTC)", MLY_TIME, NULL},
    {"sequence_id", "sequence id", MLY_TEXT, NULL},
    {"is_pano", "panorama", MLY_BOOL, NULL},
    {"organization_id", "organization id", MLY_INT, NULL},
    {"creator_id", "creator id", MLY_INT, NULL},
};

#define MLY_COLUMNS(table) .columns = (table), .n_columns = sizeof(table) / sizeof((table)[0])

static const struct mly_layer layers[] = {
    {
        .name = "images",
        .label = "street-level images",
        .tileset = "mly1_public",
        .computed_tileset = "mly1_computed_public",
        .tile_layer = "image",
        .viewer = "https://www.mapillary.com/app/?pKey={id}",
        .shape = MLY_POINT,
        .min_zoom = 14,
        .zoom = 14,
        MLY_COLUMNS(image_columns),
    },
    {
        .name = "sequences",
        .label = "ways along which images were captured",
        .tileset = "mly1_public",
        .computed_tileset = "mly1_computed_public",
        .tile_layer = "sequence",
        .shape = MLY_LINES,
        .min_zoom = 6,
        .zoom = 14,
        .viewer = "https://www.mapillary.com/app/?pKey={image_id}",
        MLY_COLUMNS(sequence_columns),
    },
    {
        .name = "map_features",
        .label = "objects found in images, without traffic signs",
        .tileset = "mly_map_feature_point",
        .tile_layer = "point",
        .shape = MLY_POINT,
        .min_zoom = 14,
        .zoom = 14,
        MLY_COLUMNS(map_feature_columns),
    },
    {
        .name = "traffic_signs",
        .label = "traffic signs found in images",
        .tileset = "mly_map_feature_traffic_sign",
        .tile_layer = "traffic_sign",
        .shape = MLY_POINT,
        .min_zoom = 14,
        .zoom = 14,
        MLY_COLUMNS(map_feature_columns),
    },
    {
        .name = "detections",
        .label = "outlines of what was found in an image, from 0 to 1, x to the right and y down",
        .tile_layer = "mpy-or",
        .way = MLY_WAY_OWNERS,
        .by_name_only = true,
        .shape = MLY_POLYGONS,
        .viewer = "https://www.mapillary.com/app/?pKey={image_id}",
        MLY_COLUMNS(detection_columns),
    },
    {
        .name = "overview",
        .label = "where there is coverage: a sample of images",
        .tileset = "mly1_public",
        .computed_tileset = "mly1_computed_public",
        .tile_layer = "overview",
        .way = MLY_WAY_OVERVIEW,
        .by_name_only = true,
        .shape = MLY_POINT,
        .min_zoom = 0,
        .zoom = 5,
        .viewer = "https://www.mapillary.com/app/?pKey={id}",
        MLY_COLUMNS(overview_columns),
    },
};

uint32_t mly_schema_count(void)
{
    return sizeof layers / sizeof layers[0];
}

const struct mly_layer *mly_schema_layer(uint32_t index)
{
    return index < mly_schema_count() ? &layers[index] : NULL;
}

const struct mly_layer *mly_schema_find(const char *name)
{
    for (uint32_t i = 0; i < mly_schema_count(); i++) {
        if (strcmp(layers[i].name, name) == 0)
            return &layers[i];
    }
    return NULL;
}
