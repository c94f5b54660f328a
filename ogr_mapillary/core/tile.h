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

/* Degrees of the position `px` / `extent` of the way through the tile, from its west or north edge. */
double mly_tile_longitude(struct mly_tile tile, double px, double extent);
double mly_tile_latitude(struct mly_tile tile, double py, double extent);

/* Latitudes within one tile, of zoom MLY_TILE_SERIES_ZOOM or more: a power series about its middle. It differs from
 * mly_tile_latitude by 2e-14 degrees at most, which is two nanometres: the last bits of the number. */
enum { MLY_TILE_SERIES_ZOOM = 12 };

struct mly_tile_latitudes {
    double terms[5];
};

struct mly_tile_latitudes mly_tile_latitudes(struct mly_tile tile);

/* At `y` of the way through the tile, 0 to 1 from its north edge. */
static inline double mly_tile_latitude_at(const struct mly_tile_latitudes *latitudes, double y)
{
    const double *terms = latitudes->terms, u = y - 0.5;
    return terms[0] + u * (terms[1] + u * (terms[2] + u * (terms[3] + u * terms[4])));
}

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
