/* SPDX-License-Identifier: MIT */
#include "schema.h"

#include <stddef.h>
#include <string.h>

static const struct mly_column image_columns[] = {
    {"id", "image id", MLY_INT, "id", MLY_FROM_TILE},
    {"captured_at", "capture time (UTC)", MLY_TIME, "captured_at", MLY_FROM_TILE},
    {"compass_angle", "compass angle, original (degrees clockwise from north)", MLY_REAL, "compass_angle",
     MLY_FROM_TILE},
    {"sequence_id", "sequence id", MLY_TEXT, "sequence", MLY_FROM_TILE},
    {"is_pano", "panorama", MLY_BOOL, "is_pano", MLY_FROM_TILE},
    {"organization_id", "organization id", MLY_INT, "organization.id", MLY_FROM_TILE},
    {"creator_id", "creator id", MLY_INT, "creator.id", MLY_FROM_TILE},
    {"quality_score", "quality score (0 to 1)", MLY_REAL, "quality_score", MLY_FROM_TILE},
    {"altitude", "altitude, original (metres)", MLY_REAL, "altitude", MLY_FROM_GRAPH},
    {"computed_altitude", "altitude, computed from the images (metres)", MLY_REAL, "computed_altitude", MLY_FROM_GRAPH},
    {"computed_compass_angle", "compass angle, computed from the images (degrees clockwise from north)", MLY_REAL,
     "computed_compass_angle", MLY_FROM_GRAPH},
    {"computed_lon", "longitude, computed from the images (degrees)", MLY_REAL, "computed_geometry.coordinates.0",
     MLY_FROM_GRAPH},
    {"computed_lat", "latitude, computed from the images (degrees)", MLY_REAL, "computed_geometry.coordinates.1",
     MLY_FROM_GRAPH},
    {"computed_rotation", "orientation, computed from the images (axis and angle)", MLY_REALS, "computed_rotation",
     MLY_FROM_GRAPH},
    {"atomic_scale", "scale of the reconstruction around the image", MLY_REAL, "atomic_scale", MLY_FROM_GRAPH},
    {"camera_type", "perspective, fisheye, equirectangular or spherical", MLY_TEXT, "camera_type", MLY_FROM_GRAPH},
    {"camera_parameters", "focal length, k1, k2", MLY_REALS, "camera_parameters", MLY_FROM_GRAPH},
    {"make", "maker of the camera", MLY_TEXT, "make", MLY_FROM_GRAPH},
    {"model", "model of the camera", MLY_TEXT, "model", MLY_FROM_GRAPH},
    {"width", "width of the original (pixels)", MLY_INT, "width", MLY_FROM_GRAPH},
    {"height", "height of the original (pixels)", MLY_INT, "height", MLY_FROM_GRAPH},
    {"exif_orientation", "orientation by EXIF (1 to 8)", MLY_INT, "exif_orientation", MLY_FROM_GRAPH},
    /* A number beyond 2^53, which the service prints as a double: kept as it is spelled (API.md 2.7). */
    {"merge_cc", "id of the connected component of the reconstruction", MLY_TEXT, "merge_cc", MLY_FROM_GRAPH},
    {"mesh_id", "id of the mesh", MLY_INT, "mesh.id", MLY_FROM_GRAPH},
    {"mesh_url", "address of the mesh, for a limited time", MLY_TEXT, "mesh.url", MLY_FROM_GRAPH},
    {"sfm_cluster_id", "id of the point cloud", MLY_INT, "sfm_cluster.id", MLY_FROM_GRAPH},
    {"sfm_cluster_url", "address of the point cloud, for a limited time", MLY_TEXT, "sfm_cluster.url", MLY_FROM_GRAPH},
    {"creator_username", "user name of the creator", MLY_TEXT, "creator.username", MLY_FROM_GRAPH},
    {"thumb_256_url", "address of the image, 256 pixels wide, for a limited time", MLY_TEXT, "thumb_256_url",
     MLY_FROM_GRAPH},
    {"thumb_1024_url", "address of the image, 1024 pixels wide, for a limited time", MLY_TEXT, "thumb_1024_url",
     MLY_FROM_GRAPH},
    {"thumb_2048_url", "address of the image, 2048 pixels wide, for a limited time", MLY_TEXT, "thumb_2048_url",
     MLY_FROM_GRAPH},
    {"thumb_original_url", "address of the image in full size, for a limited time", MLY_TEXT, "thumb_original_url",
     MLY_FROM_GRAPH},
    {"distance", "distance from the place of NEAR or LOOKING_AT (metres)", MLY_REAL, NULL, MLY_FROM_NEAR},
    {"bearing", "direction to the place of LOOKING_AT (degrees clockwise from north)", MLY_REAL, NULL, MLY_FROM_AIM},
    {"angle_off", "angle between the compass angle and that direction (0 to 180 degrees)", MLY_REAL, NULL,
     MLY_FROM_AIM},
};

static const struct mly_column sequence_columns[] = {
    {"id", "sequence id", MLY_TEXT, NULL, MLY_FROM_TILE},
    {"captured_at", "capture time of the first image (UTC)", MLY_TIME, NULL, MLY_FROM_TILE},
    {"image_id", "id of an image of the sequence", MLY_INT, NULL, MLY_FROM_TILE},
    {"is_pano", "panoramas", MLY_BOOL, NULL, MLY_FROM_TILE},
    {"organization_id", "organization id", MLY_INT, NULL, MLY_FROM_TILE},
    {"creator_id", "creator id", MLY_INT, NULL, MLY_FROM_TILE},
    {"quality_score", "quality score (0 to 1)", MLY_REAL, NULL, MLY_FROM_TILE},
    {"foot", "captured on foot", MLY_BOOL, NULL, MLY_FROM_TILE},
    {"image_count", "number of images", MLY_INT, "data.#", MLY_FROM_GRAPH},
    {"image_ids", "ids of the images, in the order of capture", MLY_INTS, "data.*.id", MLY_FROM_GRAPH},
};

static const struct mly_column map_feature_columns[] = {
    {"id", "map feature id", MLY_INT, "id", MLY_FROM_TILE},
    {"value", "class, e.g. object--bench or regulatory--stop--g1", MLY_TEXT, "object_value", MLY_FROM_TILE},
    {"first_seen_at", "capture time of the first image that shows it (UTC)", MLY_TIME, "first_seen_at", MLY_FROM_TILE},
    {"last_seen_at", "capture time of the last image that shows it (UTC)", MLY_TIME, "last_seen_at", MLY_FROM_TILE},
    {"object_type", "kind, e.g. trafficsign, mvd_fast or panoptic", MLY_TEXT, "object_type", MLY_FROM_GRAPH},
    {"aligned_direction", "direction that it faces (degrees clockwise from north)", MLY_REAL, "aligned_direction",
     MLY_FROM_GRAPH},
    {"image_ids", "ids of the images that show it", MLY_INTS, "images.data.*.id", MLY_FROM_GRAPH},
    {"distance", "distance from the place of NEAR (metres)", MLY_REAL, NULL, MLY_FROM_NEAR},
};

static const struct mly_column detection_columns[] = {
    {"id", "detection id", MLY_INT, "id", MLY_FROM_TILE},
    {"image_id", "id of the image", MLY_INT, "image.id", MLY_FROM_TILE},
    {"map_feature_id", "id of the map feature, where it was asked for", MLY_INT, NULL, MLY_FROM_TILE},
    {"value", "class, e.g. object--bench", MLY_TEXT, "value", MLY_FROM_TILE},
    {"created_at", "time of detection (UTC)", MLY_TIME, "created_at", MLY_FROM_TILE},
};

static const struct mly_column overview_columns[] = {
    {"id", "image id", MLY_INT, NULL, MLY_FROM_TILE},
    {"captured_at", "capture time (UTC)", MLY_TIME, NULL, MLY_FROM_TILE},
    {"sequence_id", "sequence id", MLY_TEXT, NULL, MLY_FROM_TILE},
    {"is_pano", "panorama", MLY_BOOL, NULL, MLY_FROM_TILE},
    {"organization_id", "organization id", MLY_INT, NULL, MLY_FROM_TILE},
    {"creator_id", "creator id", MLY_INT, NULL, MLY_FROM_TILE},
};

#define MLY_COLUMNS(table, tile_columns)                                                                               \
    .columns = (table), .n_columns = sizeof(table) / sizeof((table)[0]), .n_tile_columns = (tile_columns)

static const struct mly_layer layers[] = {
    {
        .name = "images",
        .entity = MLY_ENTITY_IMAGE,
        .label = "street-level images",
        .tileset = "mly1_public",
        .computed_tileset = "mly1_computed_public",
        .tile_layer = "image",
        .viewer = "https://www.mapillary.com/app/?pKey={id}",
        .shape = MLY_POINT,
        .min_zoom = 14,
        .zoom = 14,
        MLY_COLUMNS(image_columns, 8),
    },
    {
        .name = "sequences",
        .entity = MLY_ENTITY_SEQUENCE,
        .label = "ways along which images were captured",
        .tileset = "mly1_public",
        .computed_tileset = "mly1_computed_public",
        .tile_layer = "sequence",
        .shape = MLY_LINES,
        .min_zoom = 6,
        .zoom = 14,
        .viewer = "https://www.mapillary.com/app/?pKey={image_id}",
        MLY_COLUMNS(sequence_columns, 8),
    },
    {
        .name = "map_features",
        .entity = MLY_ENTITY_MAP_FEATURE,
        .label = "objects found in images, without traffic signs",
        .tileset = "mly_map_feature_point",
        .tile_layer = "point",
        .shape = MLY_POINT,
        .min_zoom = 14,
        .zoom = 14,
        MLY_COLUMNS(map_feature_columns, 4),
    },
    {
        .name = "traffic_signs",
        .entity = MLY_ENTITY_SIGN,
        .label = "traffic signs found in images",
        .tileset = "mly_map_feature_traffic_sign",
        .tile_layer = "traffic_sign",
        .shape = MLY_POINT,
        .min_zoom = 14,
        .zoom = 14,
        MLY_COLUMNS(map_feature_columns, 4),
    },
    {
        .name = "detections",
        .label = "outlines of what was found in an image, from 0 to 1, x to the right and y down",
        .tile_layer = "mpy-or",
        .way = MLY_WAY_OWNERS,
        .by_name_only = true,
        .shape = MLY_POLYGONS,
        .viewer = "https://www.mapillary.com/app/?pKey={image_id}",
        MLY_COLUMNS(detection_columns, 5),
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
        MLY_COLUMNS(overview_columns, 6),
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

int mly_schema_column(const struct mly_layer *layer, const char *name)
{
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (strcmp(layer->columns[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

uint64_t mly_schema_columns(const struct mly_layer *layer, enum mly_origin origin)
{
    uint64_t columns = 0;
    for (uint32_t i = 0; i < layer->n_columns; i++) {
        if (layer->columns[i].origin == origin)
            columns |= UINT64_C(1) << i;
    }
    return columns;
}
