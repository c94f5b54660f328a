/* SPDX-License-Identifier: MIT */
#include "schema.h"

#include <stddef.h>
#include <string.h>

static const struct mly_column image_columns[] = {
    {"id", "image id", MLY_INT, MLY_FROM_TILE, "id"},
    {"captured_at", "capture time (UTC)", MLY_TIME, MLY_FROM_TILE, "captured_at"},
    {"compass_angle", "compass angle, original (degrees clockwise from north)", MLY_REAL, MLY_FROM_TILE,
     "compass_angle"},
    {"sequence_id", "sequence id", MLY_TEXT, MLY_FROM_TILE, "sequence"},
    {"is_pano", "panorama", MLY_BOOL, MLY_FROM_TILE, "is_pano"},
    {"organization_id", "organization id", MLY_INT, MLY_FROM_TILE, "organization.id"},
    {"creator_id", "creator id", MLY_INT, MLY_FROM_TILE, "creator.id"},
    {"quality_score", "quality score (0 to 1)", MLY_REAL, MLY_FROM_TILE, "quality_score"},
    {"altitude", "altitude, original (metres)", MLY_REAL, MLY_FROM_GRAPH, "altitude"},
    {"computed_altitude", "altitude, computed from the images (metres)", MLY_REAL, MLY_FROM_GRAPH, "computed_altitude"},
    {"computed_compass_angle", "compass angle, computed from the images (degrees clockwise from north)", MLY_REAL,
     MLY_FROM_GRAPH, "computed_compass_angle"},
    {"computed_lon", "longitude, computed from the images (degrees)", MLY_REAL, MLY_FROM_GRAPH,
     "computed_geometry.coordinates.0"},
    {"computed_lat", "latitude, computed from the images (degrees)", MLY_REAL, MLY_FROM_GRAPH,
     "computed_geometry.coordinates.1"},
    {"computed_rotation", "orientation, computed from the images (axis and angle)", MLY_REALS, MLY_FROM_GRAPH,
     "computed_rotation"},
    {"atomic_scale", "scale of the reconstruction around the image", MLY_REAL, MLY_FROM_GRAPH, "atomic_scale"},
    {"camera_type", "perspective, fisheye, equirectangular or spherical", MLY_TEXT, MLY_FROM_GRAPH, "camera_type"},
    {"camera_parameters", "focal length, k1, k2", MLY_REALS, MLY_FROM_GRAPH, "camera_parameters"},
    {"make", "maker of the camera", MLY_TEXT, MLY_FROM_GRAPH, "make"},
    {"model", "model of the camera", MLY_TEXT, MLY_FROM_GRAPH, "model"},
    {"width", "width of the original (pixels)", MLY_INT, MLY_FROM_GRAPH, "width"},
    {"height", "height of the original (pixels)", MLY_INT, MLY_FROM_GRAPH, "height"},
    {"exif_orientation", "orientation by EXIF (1 to 8)", MLY_INT, MLY_FROM_GRAPH, "exif_orientation"},
    /* A number beyond 2^53, which the service prints as a double: kept as it is spelled (API.md 2.7). */
    {"merge_cc", "id of the connected component of the reconstruction", MLY_TEXT, MLY_FROM_GRAPH, "merge_cc"},
    {"mesh_id", "id of the mesh", MLY_INT, MLY_FROM_GRAPH, "mesh.id"},
    {"mesh_url", "address of the mesh, for a limited time", MLY_TEXT, MLY_FROM_GRAPH, "mesh.url"},
    {"sfm_cluster_id", "id of the point cloud", MLY_INT, MLY_FROM_GRAPH, "sfm_cluster.id"},
    {"sfm_cluster_url", "address of the point cloud, for a limited time", MLY_TEXT, MLY_FROM_GRAPH, "sfm_cluster.url"},
    {"creator_username", "user name of the creator", MLY_TEXT, MLY_FROM_GRAPH, "creator.username"},
    {"thumb_256_url", "address of the image, 256 pixels wide, for a limited time", MLY_TEXT, MLY_FROM_GRAPH,
     "thumb_256_url"},
    {"thumb_1024_url", "address of the image, 1024 pixels wide, for a limited time", MLY_TEXT, MLY_FROM_GRAPH,
     "thumb_1024_url"},
    {"thumb_2048_url", "address of the image, 2048 pixels wide, for a limited time", MLY_TEXT, MLY_FROM_GRAPH,
     "thumb_2048_url"},
    {"thumb_original_url", "address of the image in full size, for a limited time", MLY_TEXT, MLY_FROM_GRAPH,
     "thumb_original_url"},
    {"distance", "distance from the place of NEAR or LOOKING_AT (metres)", MLY_REAL, MLY_FROM_NEAR, NULL},
    {"bearing", "direction to the place of LOOKING_AT (degrees clockwise from north)", MLY_REAL, MLY_FROM_AIM, NULL},
    {"angle_off", "angle between the compass angle and that direction (0 to 180 degrees)", MLY_REAL, MLY_FROM_AIM,
     NULL},
};

static const struct mly_column sequence_columns[] = {
    {"id", "sequence id", MLY_TEXT, MLY_FROM_TILE, NULL},
    {"captured_at", "capture time of the first image (UTC)", MLY_TIME, MLY_FROM_TILE, NULL},
    {"image_id", "id of an image of the sequence", MLY_INT, MLY_FROM_TILE, NULL},
    {"is_pano", "panoramas", MLY_BOOL, MLY_FROM_TILE, NULL},
    {"organization_id", "organization id", MLY_INT, MLY_FROM_TILE, NULL},
    {"creator_id", "creator id", MLY_INT, MLY_FROM_TILE, NULL},
    {"quality_score", "quality score (0 to 1)", MLY_REAL, MLY_FROM_TILE, NULL},
    {"foot", "captured on foot", MLY_BOOL, MLY_FROM_TILE, NULL},
    {"image_count", "number of images", MLY_INT, MLY_FROM_GRAPH, "data.#"},
    {"image_ids", "ids of the images, in the order of capture", MLY_INTS, MLY_FROM_GRAPH, "data.*.id"},
};

static const struct mly_column map_feature_columns[] = {
    {"id", "map feature id", MLY_INT, MLY_FROM_TILE, "id"},
    {"value", "class, e.g. object--bench or regulatory--stop--g1", MLY_TEXT, MLY_FROM_TILE, "object_value"},
    {"first_seen_at", "capture time of the first image that shows it (UTC)", MLY_TIME, MLY_FROM_TILE, "first_seen_at"},
    {"last_seen_at", "capture time of the last image that shows it (UTC)", MLY_TIME, MLY_FROM_TILE, "last_seen_at"},
    {"object_type", "kind, e.g. trafficsign, mvd_fast or panoptic", MLY_TEXT, MLY_FROM_GRAPH, "object_type"},
    {"aligned_direction", "direction that it faces (degrees clockwise from north)", MLY_REAL, MLY_FROM_GRAPH,
     "aligned_direction"},
    {"image_ids", "ids of the images that show it", MLY_INTS, MLY_FROM_GRAPH, "images.data.*.id"},
    {"distance", "distance from the place of NEAR (metres)", MLY_REAL, MLY_FROM_NEAR, NULL},
};

static const struct mly_column detection_columns[] = {
    {"id", "detection id", MLY_INT, MLY_FROM_TILE, "id"},
    {"image_id", "id of the image", MLY_INT, MLY_FROM_TILE, "image.id"},
    {"map_feature_id", "id of the map feature, where it was asked for", MLY_INT, MLY_FROM_TILE, NULL},
    {"value", "class, e.g. object--bench", MLY_TEXT, MLY_FROM_TILE, "value"},
    {"created_at", "time of detection (UTC)", MLY_TIME, MLY_FROM_TILE, "created_at"},
};

static const struct mly_column overview_columns[] = {
    {"id", "image id", MLY_INT, MLY_FROM_TILE, NULL},
    {"captured_at", "capture time (UTC)", MLY_TIME, MLY_FROM_TILE, NULL},
    {"sequence_id", "sequence id", MLY_TEXT, MLY_FROM_TILE, NULL},
    {"is_pano", "panorama", MLY_BOOL, MLY_FROM_TILE, NULL},
    {"organization_id", "organization id", MLY_INT, MLY_FROM_TILE, NULL},
    {"creator_id", "creator id", MLY_INT, MLY_FROM_TILE, NULL},
};

static const struct mly_column tile_columns[] = {
    {"tileset", "name of the set of tiles", MLY_TEXT, MLY_FROM_TILE, NULL},
    {"z", "zoom", MLY_INT, MLY_FROM_TILE, NULL},
    {"x", "column, from west to east", MLY_INT, MLY_FROM_TILE, NULL},
    {"y", "row, from north to south", MLY_INT, MLY_FROM_TILE, NULL},
    {"cached", "whether the cache on disk holds it and it is fresh", MLY_BOOL, MLY_FROM_TILE, NULL},
    {"fetched_at", "when the cache got it (UTC)", MLY_TIME, MLY_FROM_TILE, NULL},
    {"bytes", "what it takes in the cache; 0 for one without data", MLY_INT, MLY_FROM_TILE, NULL},
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
    {
        .name = "tiles",
        .label = "the tiles that a read of the area asks for, without a request",
        .way = MLY_WAY_PLAN,
        .by_name_only = true,
        .shape = MLY_BOX,
        .min_zoom = 14,
        .zoom = 14,
        MLY_COLUMNS(tile_columns, 7),
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
