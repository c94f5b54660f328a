/* SPDX-License-Identifier: MIT */
/* tile.h — the web-mercator tile grid: x to the east, y to the south, (0,0) at 180° W, 85.0511° N.
 * Owner: values. Threads: pure functions. Source: MVT 2.1 clause 3, API.md 1.1 and 1.3. */
#ifndef MLY_TILE_H
#define MLY_TILE_H

#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mly_tile {
    uint32_t x, y; /* below 2^z */
    uint8_t z;
};

/* Degrees, longitude and latitude. Closed. */
struct mly_box {
    double west, south, east, north;
};

/* Where the tiled world ends, north and south: atan(sinh(pi)) in degrees. */
#define MLY_TILE_MAX_LATITUDE 85.051128779806604

/* For lists of tiles that are handed over one by one. A failure ends the list and comes back. Must not throw. */
typedef enum mly_status mly_tile_fn(void *ctx, struct mly_tile tile);

/* Degrees of the position `px` / `extent` of the way through the tile, from its west or north edge. A position has the
 * same degrees from whatever tile of its zoom it is reached: those of the border that it stands on, to the last bit
 * the same at all zooms, or those within the tile that holds it. */
double mly_tile_longitude(struct mly_tile tile, double px, double extent);
double mly_tile_latitude(struct mly_tile tile, double py, double extent);

/* What latitudes within a row of tiles have in common, from zoom MLY_TILE_SERIES_ZOOM on: a power series about its
 * middle, exact to 3e-14 degrees, which is three nanometres. */
enum { MLY_TILE_SERIES_ZOOM = 12 };

struct mly_tile_latitudes {
    uint32_t y; /* the row */
    uint8_t z;  /* 0: of none yet */
    double north, terms[5];
};

struct mly_tile_latitudes mly_tile_latitudes(struct mly_tile tile);

/* At `way` through it, 0 on its north edge to less than 1. */
static inline double mly_tile_latitude_at(const struct mly_tile_latitudes *latitudes, double way)
{
    const double *terms = latitudes->terms, u = way - 0.5;
    const double within = terms[0] + u * (terms[1] + u * (terms[2] + u * (terms[3] + u * terms[4])));
    return way > 0.0 ? within : latitudes->north;
}

/* mly_tile_latitude for who asks often: `latitudes`, zeroed at first, keep the row of tiles that was asked for last. */
double mly_tile_latitude_again(struct mly_tile_latitudes *latitudes, struct mly_tile tile, double py, double extent);

/* The tile's outline in degrees. */
struct mly_box mly_tile_box(struct mly_tile tile);

/* Fractional tile coordinates at zoom `z`, clamped to [0, 2^z]: safe for infinities and 1e300. NaN is for the caller
 * to refuse. */
double mly_tile_x(double longitude, uint8_t z);
double mly_tile_y(double latitude, uint8_t z);

#ifdef __cplusplus
}
#endif

#endif
