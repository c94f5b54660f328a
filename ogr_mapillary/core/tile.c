/* SPDX-License-Identifier: MIT */
#include "tile.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

static double tiles_across(uint8_t z)
{
    return (double)(UINT64_C(1) << z);
}

double mly_tile_longitude(struct mly_tile tile, double px, double extent)
{
    return (tile.x + px / extent) / tiles_across(tile.z) * 360.0 - 180.0;
}

/* Of a position in rows of tiles from the north. */
static double latitude_of(double y, uint8_t z)
{
    return atan(sinh(pi * (1.0 - 2.0 * (y / tiles_across(z))))) * (180.0 / pi);
}

/* Latitude is the Gudermannian function of the way north on the map. Its derivatives are polynomials of its sine s and
 * cosine c, the hyperbolic tangent and secant of that way. What is left out is below 1e-17 radians at zoom 12. */
struct mly_tile_latitudes mly_tile_latitudes(struct mly_tile tile)
{
    const double across = tiles_across(tile.z), degrees = 180.0 / pi;
    const double north = pi * (1.0 - 2.0 * (tile.y + 0.5) / across), h = -2.0 * pi / across;
    const double s = tanh(north), c = 1.0 / cosh(north);
    return (struct mly_tile_latitudes){
        .y = tile.y,
        .z = tile.z,
        .north = latitude_of(tile.y, tile.z),
        .terms = {latitude_of(tile.y + 0.5, tile.z), degrees * h * c, degrees * h * h / 2.0 * -s * c,
                  degrees * h * h * h / 6.0 * c * (2.0 * s * s - 1.0),
                  degrees * h * h * h * h / 24.0 * s * c * (5.0 - 6.0 * s * s)},
    };
}

double mly_tile_latitude_again(struct mly_tile_latitudes *latitudes, struct mly_tile tile, double py, double extent)
{
    const double y = tile.y + py / extent, row = floor(y);
    if (!(y > row) || tile.z < MLY_TILE_SERIES_ZOOM || row < 0.0 || row >= tiles_across(tile.z))
        return latitude_of(y, tile.z);
    const struct mly_tile there = {.y = (uint32_t)row, .z = tile.z};
    if (latitudes->y != there.y || latitudes->z != there.z)
        *latitudes = mly_tile_latitudes(there);
    return mly_tile_latitude_at(latitudes, y - row);
}

double mly_tile_latitude(struct mly_tile tile, double py, double extent)
{
    struct mly_tile_latitudes latitudes = {.z = 0};
    return mly_tile_latitude_again(&latitudes, tile, py, extent);
}

struct mly_box mly_tile_box(struct mly_tile tile)
{
    return (struct mly_box){
        .west = mly_tile_longitude(tile, 0, 1),
        .south = mly_tile_latitude(tile, 1, 1),
        .east = mly_tile_longitude(tile, 1, 1),
        .north = mly_tile_latitude(tile, 0, 1),
    };
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

double mly_tile_x(double longitude, uint8_t z)
{
    return (clamp(longitude, -180.0, 180.0) + 180.0) / 360.0 * tiles_across(z);
}

double mly_tile_y(double latitude, uint8_t z)
{
    const double phi = clamp(latitude, -MLY_TILE_MAX_LATITUDE, MLY_TILE_MAX_LATITUDE) * (pi / 180.0);
    return clamp((1.0 - asinh(tan(phi)) / pi) / 2.0, 0.0, 1.0) * tiles_across(z);
}
