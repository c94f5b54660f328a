/* SPDX-License-Identifier: MIT */
#include "check_row.h"

#include <math.h>

#include "check.h"

static int64_t mix(int64_t seed, const void *bytes, size_t n)
{
    return mly_value_hash(seed, bytes, n);
}

static int64_t check_list(struct mly_value value, int64_t seed)
{
    assert_int_equal(value.n_bytes % sizeof(int64_t), 0);
    for (size_t i = 0; value.type == MLY_REALS && i < value.n_bytes / sizeof(double); i++)
        assert_true(isfinite(value.as.reals[i]));
    return mix(seed, value.as.ints, value.n_bytes);
}

int64_t check_value(enum mly_type want, struct mly_value value, int64_t seed)
{
    assert_true(value.type == MLY_NULL || value.type == want);
    seed = mix(seed, &value.type, sizeof value.type);
    switch (value.type) {
    case MLY_NULL:
        return seed;
    case MLY_TEXT:
        assert_non_null(value.as.text);
        return mix(seed, value.as.text, value.n_bytes);
    case MLY_INTS:
    case MLY_REALS:
        return check_list(value, seed);
    case MLY_REAL:
        assert_true(isfinite(value.as.r));
        break;
    case MLY_BOOL:
        assert_true(value.as.i == 0 || value.as.i == 1);
        break;
    case MLY_TIME:
        assert_true(value.as.i > 0 && value.as.i <= MLY_TIME_MAX);
        break;
    case MLY_INT:
        break;
    }
    return mix(seed, &value.as.i, sizeof value.as.i);
}

static int64_t check_position(const struct mly_row *row)
{
    if (!row->has_position)
        return 0;
    assert_true(fabs(row->longitude) <= 180.0 && fabs(row->latitude) <= 90.0); /* false for NaN */
    return mix(mix(1, &row->longitude, sizeof row->longitude), &row->latitude, sizeof row->latitude);
}

/* Ends count up: no part, no polygon is empty. */
static int64_t check_parts(const struct mly_row *row, enum mly_shape shape)
{
    int64_t digest = 2;
    uint32_t n_points = 0, n_parts = 0;
    for (uint32_t i = 0; i < row->n_parts; i++) {
        assert_true(row->part_ends[i] > n_points);
        for (; n_points < row->part_ends[i]; n_points++) {
            assert_true(isfinite(row->points[n_points].x) && isfinite(row->points[n_points].y));
            digest = mix(digest, &row->points[n_points], sizeof row->points[0]);
        }
        digest = mix(digest, &n_points, sizeof n_points);
    }
    if (shape != MLY_POLYGONS)
        return digest;
    for (uint32_t i = 0; i < row->n_polygons; i++) {
        assert_true(row->polygon_ends[i] > n_parts);
        n_parts = row->polygon_ends[i];
        digest = mix(digest, &n_parts, sizeof n_parts);
    }
    assert_true(row->n_polygons == 0 || n_parts == row->n_parts);
    return digest;
}

int64_t check_row(const struct mly_layer *layer, const struct mly_row *row)
{
    int64_t digest = layer->shape == MLY_POINT ? check_position(row) : check_parts(row, layer->shape);
    assert_true(row->id >= -1);
    for (uint32_t i = 0; i < layer->n_columns; i++)
        digest = check_value(layer->columns[i].type, row->values[i], digest);
    if (layer->columns[0].type == MLY_INT)
        assert_true(row->id == (row->values[0].type == MLY_INT ? row->values[0].as.i : -1));
    return mix(digest, &row->id, sizeof row->id);
}
