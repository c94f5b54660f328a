/* SPDX-License-Identifier: MIT */
/* near.h — rows around a place: a ring of metres, and a field of view that must hold the place; nearest first.
 * Owner: values; the machine owns the one that it stands on. Threads: pure functions; see machine.h.
 * Source: SPEC.md 1 (NEAR, RADIUS, MIN_RADIUS, LOOKING_AT, FOV). The earth is a sphere of 6,371,008.8 m. */
#ifndef MLY_NEAR_H
#define MLY_NEAR_H

#include "cover.h"
#include "machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The radius of the sphere: IUGG's mean, as the Python SDK has it. */
#define MLY_NEAR_EARTH_M 6371008.8

struct mly_near {
    struct mly_point place;        /* degrees; latitude within the tiled world */
    double min_radius_m, radius_m; /* closed ring; 0 to MLY_LIMIT_RADIUS_M */
    bool is_looking;               /* only images that look at the place; panoramas look everywhere */
    double fov_degrees;            /* 0 to 360; of it, half lies on each side of the compass angle */
};

/* Great-circle distance in metres, and the initial direction from `a` to `b` in [0, 360). */
double mly_near_distance(struct mly_point a, struct mly_point b);
double mly_near_bearing(struct mly_point a, struct mly_point b);

/* The distance to the nearest point of the box, exact but for rounding; 0 inside. Boxes lie within ±180. */
double mly_near_to_box(struct mly_point place, const struct mly_box *box);

/* The ring as an area, on both sides of 180° too: boxes are outside that lie beyond `radius_m`, or wholly nearer than
 * `min_radius_m`. Borrows `near`. */
void mly_near_area(const struct mly_near *near, struct mly_area *out);

/* Puts the tiles of the cover in the order of their distance from the place; equal ones stay in their order. `inside`
 * flags are kept. MLY_E_NOMEM. */
enum mly_status mly_near_sort(const struct mly_near *near, struct mly_cover *cover, const struct mly_mem *mem,
                              struct mly_error *err);

/* Whether the row lies in the ring and, if asked, looks at the place. Fills distance, bearing, angle_off (NULL where
 * there is none: no position, no compass angle, or at the place itself). NULL may stand for an output. */
struct mly_near_view {
    struct mly_value distance, bearing, angle_off;
};
bool mly_near_sees(const struct mly_near *near, const struct mly_layer *layer, const struct mly_row *row,
                   struct mly_near_view *out);

/* Could a row whose position is known to within `slack_m` metres be in the ring and look at the place? One without a
 * position could be anywhere: true. */
bool mly_near_may_see(const struct mly_near *near, const struct mly_layer *layer, const struct mly_row *row,
                      double slack_m);

/* Sorts the rows of `inner`, nearest first, equal ones in the order in which they came, and fills the layer's columns
 * distance, bearing and angle_off. Those that mly_near_sees refuses are left out. `is_sorted`: the inner rows' tiles
 * come in the order of _sort, and rows lie in their tiles, so that rows nearer than the tile that is being read can be
 * given at once, and a reader that needs only a few stops early. A failure of `inner` ends the read at once. Owns
 * `inner` from the call on, also when the call fails; borrows the rest, but for `near`, which is copied.
 * MLY_E_LIMIT: more rows wait than MLY_LIMIT_NEAR_MEMORY holds. */
enum mly_status mly_near_new(const struct mly_near *near, const struct mly_layer *layer, bool is_sorted,
                             const struct mly_read_options *options, struct mly_machine *inner,
                             struct mly_machine **out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
