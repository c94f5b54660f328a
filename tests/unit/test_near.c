/* SPDX-License-Identifier: MIT */
#include "core/near.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "support/chance.h"
#include "support/check.h"
#include "support/fail_mem.h"

/* ---- the sphere by another way: vectors, in more digits ---- */

static const long double pi = 3.14159265358979323846264338327950288L;

struct vector {
    long double x, y, z;
};

static struct vector vector_of(struct mly_point at)
{
    const long double lambda = at.x * pi / 180, phi = at.y * pi / 180;
    return (struct vector){cosl(phi) * cosl(lambda), cosl(phi) * sinl(lambda), sinl(phi)};
}

static long double dot(struct vector a, struct vector b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vector cross(struct vector a, struct vector b)
{
    return (struct vector){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static double true_distance(struct mly_point a, struct mly_point b)
{
    const struct vector va = vector_of(a), vb = vector_of(b), normal = cross(va, vb);
    return (double)(atan2l(sqrtl(dot(normal, normal)), dot(va, vb)) * 6371008.8L);
}

/* From the part of `b` that points to the east, and the one to the north, at `a`. */
static double true_bearing(struct mly_point a, struct mly_point b)
{
    const long double lambda = a.x * pi / 180, phi = a.y * pi / 180;
    const struct vector east = {-sinl(lambda), cosl(lambda), 0};
    const struct vector north = {-sinl(phi) * cosl(lambda), -sinl(phi) * sinl(lambda), cosl(phi)};
    const long double bearing = atan2l(dot(vector_of(b), east), dot(vector_of(b), north)) * 180 / pi;
    return (double)(bearing < 0 ? bearing + 360 : bearing);
}

static double angle_between(double a, double b)
{
    const double turn = fmod(fabs(a - b), 360);
    return turn > 180 ? 360 - turn : turn;
}

static double wrapped(double longitude)
{
    return longitude < -180 ? longitude + 360 : longitude >= 180 ? longitude - 360 : longitude;
}

/* About `meters` away in a random direction, within the tiled world. */
static struct mly_point random_beside(struct chance *chance, struct mly_point place, double meters)
{
    const double reach = meters / 111195, phi = chance_between(chance, 0, 6.2831853),
                 off = chance_between(chance, 0, 1);
    const double latitude = place.y + reach * off * cos(phi);
    return (struct mly_point){
        .x = wrapped(place.x + reach * off * sin(phi) / cos(place.y * 3.14159265 / 180)),
        .y = fmin(fmax(latitude, -MLY_TILE_MAX_LATITUDE), MLY_TILE_MAX_LATITUDE),
    };
}

/* Often at 180°, at the ends of the tiled world, at the equator, or at a tile's corner. */
static struct mly_point random_place(struct chance *chance)
{
    const struct mly_tile tile = {
        .x = (uint32_t)chance_below(chance, 1 << 14), .y = (uint32_t)chance_below(chance, 1 << 14), .z = 14};
    const double longitudes[] = {chance_between(chance, -180, 180), chance_between(chance, -180, -179.99),
                                 chance_between(chance, 179.99, 180), chance_below(chance, 2) ? 180 : -180,
                                 mly_tile_box(tile).west};
    const double latitudes[] = {chance_between(chance, -85, 85), chance_between(chance, 84.9, MLY_TILE_MAX_LATITUDE),
                                chance_between(chance, -MLY_TILE_MAX_LATITUDE, -84.9), 0, mly_tile_box(tile).north};
    return (struct mly_point){longitudes[chance_below(chance, COUNT(longitudes))],
                              latitudes[chance_below(chance, COUNT(latitudes))]};
}

static struct mly_tile tile_at(struct mly_point at, uint8_t z)
{
    const double last = (double)((1u << z) - 1);
    return (struct mly_tile){.x = (uint32_t)fmin(floor(mly_tile_x(at.x, z)), last),
                             .y = (uint32_t)fmin(floor(mly_tile_y(at.y, z)), last),
                             .z = z};
}

/* ---- distance and bearing ---- */

static void distances_and_bearings_are_those_of_vectors(void **state)
{
    (void)state;
    struct chance chance = {.state = 1};
    for (unsigned long round = chance_rounds(20000); round > 0; round--) {
        const struct mly_point a = random_place(&chance);
        const struct mly_point b = chance_below(&chance, 2)
                                       ? random_place(&chance)
                                       : random_beside(&chance, a, chance_below(&chance, 2) ? 1 : 1e5);
        const double distance = true_distance(a, b);

        assert_near(mly_near_distance(a, b), distance, distance * 1e-12 + (distance > 1.9e7 ? 1 : 1e-7));
        assert_true(mly_near_distance(a, b) == mly_near_distance(b, a));
        const double bearing = mly_near_bearing(a, b);
        assert_true(bearing >= 0 && bearing < 360);
        if (distance > 0.01 && distance < 1.9e7)
            assert_near(angle_between(bearing, true_bearing(a, b)), 0, 1e-5 / fmin(distance, 1e3));
    }
}

static void known_distances_and_directions_come_out(void **state)
{
    (void)state;
    const struct mly_point equator = {0, 0}, east = {1, 0}, north = {0, 1}, west = {-1, 0}, south = {0, -1};
    const double degree = 6371008.8 * 3.14159265358979323846 / 180;

    assert_near(mly_near_distance(equator, east), degree, 1e-6);
    assert_near(mly_near_distance(equator, north), degree, 1e-6);
    assert_near(mly_near_distance((struct mly_point){180, 10}, (struct mly_point){-180, 10}), 0, 0);
    assert_near(mly_near_distance((struct mly_point){0, 0}, (struct mly_point){180, 0}), 180 * degree, 1e-3);
    assert_near(mly_near_bearing(equator, north), 0, 0);
    assert_near(mly_near_bearing(equator, east), 90, 1e-12);
    assert_near(mly_near_bearing(equator, south), 180, 1e-12);
    assert_near(mly_near_bearing(equator, west), 270, 1e-12);
    assert_near(mly_near_bearing((struct mly_point){179.9, 0}, (struct mly_point){-179.9, 0}), 90, 1e-12);
    assert_near(mly_near_bearing(equator, (struct mly_point){-1e-300, 1}), 0, 0); /* not 360 */
}

/* ---- boxes ---- */

/* The least distance to a grid of points, then to a finer one around the best, and so on. */
static double sampled_to_box(struct mly_point place, const struct mly_box *box)
{
    enum { N = 24, ROUNDS = 12 };
    struct mly_box window = *box;
    double best = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        const double dx = (window.east - window.west) / N, dy = (window.north - window.south) / N;
        struct mly_point at_best = {window.west, window.south};
        for (int i = 0; i < (N + 1) * (N + 1); i++) {
            const int column = i % (N + 1), row = i / (N + 1);
            const struct mly_point at = {fmin(window.west + column * dx, window.east),
                                         fmin(window.south + row * dy, window.north)};
            const double distance = true_distance(place, at);
            if (distance <= best) {
                best = distance;
                at_best = at;
            }
        }
        window = (struct mly_box){
            .west = fmax(at_best.x - 2 * dx, box->west),
            .south = fmax(at_best.y - 2 * dy, box->south),
            .east = fmin(at_best.x + 2 * dx, box->east),
            .north = fmin(at_best.y + 2 * dy, box->north),
        };
    }
    return best;
}

static void the_distance_to_a_box_is_what_sampling_finds(void **state)
{
    (void)state;
    struct chance chance = {.state = 2};
    for (unsigned long round = chance_rounds(200); round > 0; round--) {
        const struct mly_point place = random_place(&chance);
        const uint8_t zoom = (uint8_t)(2 + chance_below(&chance, 13));
        const struct mly_point there = chance_below(&chance, 3)
                                           ? random_beside(&chance, place, 4e7 / (double)(1u << zoom))
                                           : random_place(&chance);
        const struct mly_box box = mly_tile_box(tile_at(there, zoom));
        const double expected = sampled_to_box(place, &box);

        assert_near(mly_near_to_box(place, &box), expected, 1e-3 + expected * 1e-7);
    }
}

static void no_point_of_a_box_is_nearer_than_the_box(void **state)
{
    (void)state;
    struct chance chance = {.state = 3};
    for (unsigned long round = chance_rounds(5000); round > 0; round--) {
        const struct mly_point place = random_place(&chance), there = random_place(&chance);
        const struct mly_box box = mly_tile_box(tile_at(there, (uint8_t)chance_below(&chance, 15)));
        const double distance = mly_near_to_box(place, &box);
        for (int i = 0; i < 20; i++) {
            const struct mly_point at = {i % 4 == 0 ? box.west : chance_between(&chance, box.west, box.east),
                                         i % 5 == 0 ? box.north : chance_between(&chance, box.south, box.north)};
            assert_true(true_distance(place, at) >= distance * (1 - 1e-12) - 1e-6);
        }
        assert_true((distance == 0) == (place.y >= box.south && place.y <= box.north &&
                                        ((place.x >= box.west && place.x <= box.east) ||
                                         (fabs(place.x) == 180 && (box.west == -180 || box.east == 180)))));
    }
}

static void the_nearest_point_of_a_far_edge_lies_poleward_or_at_its_end(void **state)
{
    (void)state;
    const struct mly_box opposite = {170, -80, 175, 60}, aside = {89, -10, 91, 85};
    const struct mly_point equator = {0, 0}, north = {0, 45};

    assert_near(mly_near_to_box(equator, &opposite), sampled_to_box(equator, &opposite), 1); /* over the south pole */
    assert_near(mly_near_to_box(north, &opposite), true_distance(north, (struct mly_point){170, 60}), 1e-3);
    assert_near(mly_near_to_box(north, &aside), sampled_to_box(north, &aside), 1e-2); /* 89.x° N */
}

/* ---- areas ---- */

static bool is_in_cover(const struct mly_cover *cover, struct mly_tile sought, bool *inside)
{
    struct mly_cover_cursor cursor = {.node = 0};
    struct mly_tile tile;
    while (mly_cover_next(cover, &cursor, &tile, inside)) {
        if (tile.x == sought.x && tile.y == sought.y)
            return true;
    }
    return false;
}

static struct mly_cover cover_ring(const struct mly_near *near, uint8_t zoom)
{
    struct mly_area area;
    struct mly_cover cover;
    struct mly_error err;
    mly_near_area(near, &area);
    assert_status(mly_cover_make(&area, zoom, UINT64_MAX, mly_mem_system(), &cover, &err), MLY_OK, &err);
    return cover;
}

static void every_point_of_a_ring_lies_in_its_area_s_cover(void **state)
{
    (void)state;
    struct chance chance = {.state = 4};
    for (unsigned long round = chance_rounds(500); round > 0; round--) {
        struct mly_near near = {.place = random_place(&chance), .radius_m = chance_between(&chance, 0, 3000)};
        near.min_radius_m = chance_below(&chance, 2) ? chance_between(&chance, 0, near.radius_m) : 0;
        struct mly_cover cover = cover_ring(&near, 14);
        for (int i = 0; i < 30; i++) {
            const struct mly_point at = random_beside(&chance, near.place, near.radius_m);
            const double distance = true_distance(at, near.place);
            bool inside = false;
            if (distance >= near.min_radius_m && distance <= near.radius_m)
                assert_true(is_in_cover(&cover, tile_at(at, 14), &inside));
            else if (is_in_cover(&cover, tile_at(at, 14), &inside))
                assert_false(inside); /* whoever believes it tests no point */
        }
        mly_cover_fini(&cover);
    }
}

static void an_area_takes_no_tile_that_lies_wholly_beside_the_ring(void **state)
{
    (void)state;
    struct chance chance = {.state = 5};
    for (unsigned long round = chance_rounds(60); round > 0; round--) {
        const struct mly_near near = {
            .place = random_place(&chance), .min_radius_m = 4000, .radius_m = chance_between(&chance, 5000, 10000)};
        struct mly_cover cover = cover_ring(&near, 14);
        struct mly_cover_cursor cursor = {.node = 0};
        struct mly_tile tile;
        bool inside = false;
        while (mly_cover_next(&cover, &cursor, &tile, &inside)) {
            const struct mly_box box = mly_tile_box(tile);
            double most = 0;
            for (int i = 0; i < 4; i++)
                most = fmax(most, true_distance(near.place, (struct mly_point){i % 2 ? box.west : box.east,
                                                                               i / 2 ? box.south : box.north}));
            assert_true(mly_near_to_box(near.place, &box) <= near.radius_m + 1e-3);
            assert_true(most >= near.min_radius_m - 1e-3);
        }
        mly_cover_fini(&cover);
    }
}

static void a_circle_across_the_antimeridian_has_tiles_on_both_sides(void **state)
{
    (void)state;
    const struct mly_near near = {.place = {179.999, -17}, .radius_m = 1000};
    struct mly_cover cover = cover_ring(&near, 14);
    bool inside = false;

    assert_true(is_in_cover(&cover, tile_at((struct mly_point){179.995, -17}, 14), &inside));
    assert_true(is_in_cover(&cover, tile_at((struct mly_point){-179.999, -17}, 14), &inside));
    assert_true(cover.n_tiles <= 9);
    mly_cover_fini(&cover);
}

static void an_area_that_meets_a_pole_takes_all_longitudes(void **state)
{
    (void)state;
    const struct mly_near near = {.place = {10, 89.99}, .radius_m = 10000};
    struct mly_area area;

    mly_near_area(&near, &area);

    assert_near(area.box.west, -180, 0);
    assert_near(area.box.east, 180, 0);
    assert_true(area.box.north > 90);
}

static void tiles_amid_a_large_circle_are_inside(void **state)
{
    (void)state;
    const struct mly_near near = {.place = {8.5, 50}, .radius_m = 10000};
    struct mly_cover cover = cover_ring(&near, 14);
    bool inside = false;

    assert_true(is_in_cover(&cover, tile_at(near.place, 14), &inside));

    assert_true(inside);
    mly_cover_fini(&cover);
}

/* ---- tiles in order ---- */

static void sorted_tiles_come_nearest_first_with_their_flags(void **state)
{
    (void)state;
    struct chance chance = {.state = 6};
    for (unsigned long round = chance_rounds(60); round > 0; round--) {
        const struct mly_near near = {.place = random_place(&chance), .radius_m = chance_between(&chance, 0, 10000)};
        struct mly_cover plain = cover_ring(&near, 14), cover = cover_ring(&near, 14);
        struct mly_cover_cursor cursor = {.node = 0};
        struct mly_error err;
        struct mly_tile tile;
        double last = 0;
        uint64_t n = 0;
        bool inside = false, expected = false;

        assert_status(mly_near_sort(&near, &cover, mly_mem_system(), &err), MLY_OK, &err);

        while (mly_cover_next(&cover, &cursor, &tile, &inside)) {
            const struct mly_box box = mly_tile_box(tile);
            const double distance = mly_near_to_box(near.place, &box);
            assert_true(distance >= last);
            last = distance;
            if (n < 100) {
                assert_true(is_in_cover(&plain, tile, &expected));
                assert_int_equal(inside, expected);
            }
            n++;
        }
        assert_int_equal(n, plain.n_tiles);
        assert_int_equal(cover.n_tiles, plain.n_tiles);
        mly_cover_fini(&cover);
        mly_cover_fini(&plain);
    }
}

static void tiles_that_are_equally_far_stay_in_their_order(void **state)
{
    (void)state;
    const struct mly_tile tiles[] = {{7, 4, 4}, {8, 4, 4}, {9, 4, 4}, {7, 4, 4}, {8, 8, 4}}; /* at 0°, two are equal */
    const struct mly_near near = {.place = {0, 0}, .radius_m = 1};
    struct mly_cover cover;
    struct mly_error err;
    assert_status(mly_cover_of(tiles, COUNT(tiles), 4, mly_mem_system(), &cover, &err), MLY_OK, &err);

    assert_status(mly_near_sort(&near, &cover, mly_mem_system(), &err), MLY_OK, &err);

    const struct mly_cover_node *nodes = (const void *)cover.nodes.data;
    const uint32_t expected[] = {8, 7, 8, 7, 9};
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_int_equal(nodes[i].x, expected[i]);
    mly_cover_fini(&cover);
}

static void any_allocation_of_a_sort_may_fail(void **state)
{
    (void)state;
    const struct mly_near near = {.place = {8.5, 50}, .radius_m = 10000};
    enum mly_status status = MLY_E_NOMEM;
    size_t k = 0;
    for (; status != MLY_OK; k++) {
        struct fail_mem mem;
        struct mly_error err = {.code = MLY_OK};
        struct mly_cover cover = cover_ring(&near, 14);
        const uint64_t n_tiles = cover.n_tiles;
        fail_mem_init_failing(&mem, k, 1);

        status = mly_near_sort(&near, &cover, &mem.mem, &err);

        assert_status(status, mem.n_failed ? MLY_E_NOMEM : MLY_OK, &err);
        assert_int_equal(cover.n_tiles, n_tiles);
        mly_cover_fini(&cover);
        assert_nothing_leaks(&mem);
    }
    assert_true(k > 2);
}

/* ---- what sees the place ---- */

static const struct mly_layer *images(void)
{
    return mly_schema_find("images");
}

struct image {
    struct mly_row row;
    struct mly_value values[MLY_SCHEMA_MAX_COLUMNS];
};

enum { NO_COMPASS = -1 };

/* An image with a compass angle (NO_COMPASS: without), as a tile has it. */
static void make_image(struct image *image, struct mly_point at, double compass, bool pano)
{
    memset(image, 0, sizeof *image);
    image->row = (struct mly_row){
        .id = 1, .has_position = true, .longitude = at.x, .latitude = at.y, .values = image->values};
    if (compass != NO_COMPASS)
        image->values[mly_schema_column(images(), "compass_angle")] = (struct mly_value){.as.r = compass,
                                                                                         .type = MLY_REAL};
    image->values[mly_schema_column(images(), "is_pano")] = (struct mly_value){.as.i = pano, .type = MLY_BOOL};
}

static bool sees(const struct mly_near *near, struct mly_point at, double compass, bool pano,
                 struct mly_near_view *view)
{
    struct image image;
    make_image(&image, at, compass, pano);
    return mly_near_sees(near, images(), &image.row, view);
}

static void the_ring_is_closed_at_both_ends(void **state)
{
    (void)state;
    const struct mly_point place = {8.5, 50}, at = {8.5001, 50.0001};
    const double distance = mly_near_distance(at, place);
    const struct mly_near outer = {.place = place, .radius_m = distance},
                          inner = {.place = place, .min_radius_m = distance, .radius_m = 10000},
                          small = {.place = place, .radius_m = nextafter(distance, 0)},
                          large = {.place = place, .min_radius_m = nextafter(distance, 1e9), .radius_m = 10000};

    assert_true(sees(&outer, at, NO_COMPASS, false, NULL));
    assert_true(sees(&inner, at, NO_COMPASS, false, NULL));
    assert_false(sees(&small, at, NO_COMPASS, false, NULL));
    assert_false(sees(&large, at, NO_COMPASS, false, NULL));
}

/* The image stands south of the place, so that it must look to the north. */
static void an_image_looks_at_the_place_within_half_its_field_of_view(void **state)
{
    (void)state;
    static const struct {
        double compass;
        bool pano, looks;
    } cases[] = {
        {0, false, true},         {50, false, true},   {50.001, false, false},     {310, false, true},
        {309.9, false, false},    {180, false, false}, {360, false, true},         {410, false, true},
        {770, false, true},       {540, false, false}, {-1, false, false},         {-30, false, false},
        {NO_COMPASS, true, true}, {180, true, true},   {NO_COMPASS, false, false}, {-30, true, true},
    };
    const struct mly_near near = {.place = {8.5, 50}, .radius_m = 50, .is_looking = true, .fov_degrees = 100};
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(sees(&near, (struct mly_point){8.5, 49.9999}, cases[i].compass, cases[i].pano, NULL),
                         cases[i].looks);
}

static void a_full_field_of_view_takes_all_and_an_empty_one_the_exact_direction(void **state)
{
    (void)state;
    struct mly_near near = {.place = {8.5, 50}, .radius_m = 50, .is_looking = true, .fov_degrees = 360};
    const struct mly_point south = {8.5, 49.9999};

    for (int compass = 0; compass < 360; compass += 7)
        assert_true(sees(&near, south, compass, false, NULL));
    near.fov_degrees = 0;
    assert_true(sees(&near, south, 0, false, NULL));
    assert_false(sees(&near, south, 0.001, false, NULL));
}

static void at_the_place_itself_only_panoramas_look(void **state)
{
    (void)state;
    const struct mly_near near = {.place = {8.5, 50}, .radius_m = 50, .is_looking = true, .fov_degrees = 360};
    struct mly_near_view view;

    assert_false(sees(&near, near.place, 10, false, NULL));
    assert_true(sees(&near, near.place, 10, true, &view));

    assert_int_equal(view.distance.type, MLY_REAL);
    assert_near(view.distance.as.r, 0, 0);
    assert_int_equal(view.bearing.type, MLY_NULL);
    assert_int_equal(view.angle_off.type, MLY_NULL);
}

static void the_view_tells_distance_bearing_and_angle(void **state)
{
    (void)state;
    const struct mly_near near = {.place = {8.5, 50}, .radius_m = 50, .is_looking = true, .fov_degrees = 100};
    const struct mly_point west = {8.4999, 50};
    struct mly_near_view view;

    assert_true(sees(&near, west, 60, false, &view));
    assert_near(view.distance.as.r, true_distance(west, near.place), 1e-6);
    assert_near(view.bearing.as.r, 90, 1e-3);
    assert_near(view.angle_off.as.r, 30, 1e-3);
    assert_true(sees(&near, west, 359, true, &view)); /* panoramas have an angle, too */
    assert_near(view.angle_off.as.r, 91, 1e-3);
    assert_true(sees(&near, west, NO_COMPASS, true, &view));
    assert_int_equal(view.bearing.type, MLY_REAL);
    assert_int_equal(view.angle_off.type, MLY_NULL);
}

static void a_row_without_a_position_is_never_seen_but_may_be(void **state)
{
    (void)state;
    const struct mly_near near = {.place = {0, 0}, .radius_m = 10000};
    struct mly_near_view view;
    struct image image;
    make_image(&image, near.place, 0, true);
    image.row.has_position = false;

    assert_false(mly_near_sees(&near, images(), &image.row, &view));
    assert_true(mly_near_may_see(&near, images(), &image.row, 0));

    assert_int_equal(view.distance.type, MLY_NULL);
    assert_int_equal(view.bearing.type, MLY_NULL);
}

static void random_images_are_seen_as_vectors_say(void **state)
{
    (void)state;
    struct chance chance = {.state = 7};
    size_t n_seen = 0;
    for (unsigned long round = chance_rounds(20000); round > 0; round--) {
        const struct mly_near near = {
            .place = random_place(&chance),
            .min_radius_m = chance_below(&chance, 2) ? 10 : 0,
            .radius_m = chance_between(&chance, 10, 10000),
            .is_looking = chance_below(&chance, 4) > 0,
            .fov_degrees = chance_between(&chance, 0, 360),
        };
        const struct mly_point at = random_beside(&chance, near.place, 1.3 * near.radius_m);
        const double compass = chance_below(&chance, 5) ? chance_between(&chance, 0, 400) : NO_COMPASS;
        const bool pano = chance_below(&chance, 5) == 0;
        const double distance = true_distance(at, near.place), bearing = true_bearing(at, near.place);
        const double off = angle_between(compass, bearing);
        if (distance < 0.01 || fabs(distance - near.radius_m) < 1e-3 || fabs(off - near.fov_degrees / 2) < 1e-4)
            continue; /* rounding decides */
        const bool looks = !near.is_looking || pano || (compass >= 0 && off <= near.fov_degrees / 2);
        const bool expected = looks && distance >= near.min_radius_m && distance <= near.radius_m;

        assert_int_equal(sees(&near, at, compass, pano, NULL), expected);
        n_seen += expected;
    }
    assert_true(n_seen > 1000);
}

/* The image is somewhere, and its row is up to `slack` away: never refused when the image itself sees the place. */
static void a_row_is_not_refused_while_its_image_could_see(void **state)
{
    (void)state;
    struct chance chance = {.state = 8};
    size_t n_seen = 0, n_refused = 0;
    for (unsigned long round = chance_rounds(50000); round > 0; round--) {
        const struct mly_near near = {
            .place = random_place(&chance),
            .min_radius_m = chance_below(&chance, 2) ? 20 : 0,
            .radius_m = chance_between(&chance, 10, chance_below(&chance, 2) ? 100 : 10000),
            .is_looking = chance_below(&chance, 4) > 0,
            .fov_degrees = chance_between(&chance, 0, chance_below(&chance, 2) ? 10 : 200),
        };
        const struct mly_point at = random_beside(&chance, near.place, near.radius_m);
        const double slack = chance_below(&chance, 4) ? chance_between(&chance, 0, near.radius_m / 4) : 0;
        const struct mly_point known = slack > 0 ? random_beside(&chance, at, slack) : at;
        const double compass = fmod(true_bearing(at, near.place) + chance_between(&chance, 270, 450), 360);
        struct image image;
        if (true_distance(at, known) > slack)
            continue;
        make_image(&image, known, compass, false);
        const bool may = mly_near_may_see(&near, images(), &image.row, slack);

        if (sees(&near, at, compass, false, NULL))
            assert_true(may);
        n_seen += may;
        n_refused += !may;
    }
    assert_true(n_seen > 1000);
    assert_true(n_refused > 1000);
}

static void rows_that_cannot_see_are_refused_in_advance(void **state)
{
    (void)state;
    const struct mly_near near = {
        .place = {8.5, 50}, .min_radius_m = 20, .radius_m = 100, .is_looking = true, .fov_degrees = 90};
    const struct mly_point south = {8.5, 49.9995}; /* 55.6 m */
    struct image image;

    make_image(&image, south, 180, false);
    assert_false(mly_near_may_see(&near, images(), &image.row, 10));
    assert_true(mly_near_may_see(&near, images(), &image.row, 60)); /* it may be anywhere around the place */
    make_image(&image, south, 60, false);
    assert_false(mly_near_may_see(&near, images(), &image.row, 10)); /* asin(10 / 55.6) is 10.4° */
    assert_true(mly_near_may_see(&near, images(), &image.row, 16));  /* 16.7° */
    make_image(&image, south, NO_COMPASS, false);
    assert_false(mly_near_may_see(&near, images(), &image.row, 1000));
    make_image(&image, south, NO_COMPASS, true);
    assert_true(mly_near_may_see(&near, images(), &image.row, 0));
    make_image(&image, (struct mly_point){8.5, 49.998}, NO_COMPASS, true); /* 222 m */
    assert_false(mly_near_may_see(&near, images(), &image.row, 122));
    assert_true(mly_near_may_see(&near, images(), &image.row, 123));
    make_image(&image, near.place, 0, true);
    assert_false(mly_near_may_see(&near, images(), &image.row, 19));
    assert_true(mly_near_may_see(&near, images(), &image.row, 21));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_and_bearings_are_those_of_vectors),
        cmocka_unit_test(known_distances_and_directions_come_out),
        cmocka_unit_test(the_distance_to_a_box_is_what_sampling_finds),
        cmocka_unit_test(no_point_of_a_box_is_nearer_than_the_box),
        cmocka_unit_test(the_nearest_point_of_a_far_edge_lies_poleward_or_at_its_end),
        cmocka_unit_test(every_point_of_a_ring_lies_in_its_area_s_cover),
        cmocka_unit_test(an_area_takes_no_tile_that_lies_wholly_beside_the_ring),
        cmocka_unit_test(a_circle_across_the_antimeridian_has_tiles_on_both_sides),
        cmocka_unit_test(an_area_that_meets_a_pole_takes_all_longitudes),
        cmocka_unit_test(tiles_amid_a_large_circle_are_inside),
        cmocka_unit_test(sorted_tiles_come_nearest_first_with_their_flags),
        cmocka_unit_test(tiles_that_are_equally_far_stay_in_their_order),
        cmocka_unit_test(any_allocation_of_a_sort_may_fail),
        cmocka_unit_test(the_ring_is_closed_at_both_ends),
        cmocka_unit_test(an_image_looks_at_the_place_within_half_its_field_of_view),
        cmocka_unit_test(a_full_field_of_view_takes_all_and_an_empty_one_the_exact_direction),
        cmocka_unit_test(at_the_place_itself_only_panoramas_look),
        cmocka_unit_test(the_view_tells_distance_bearing_and_angle),
        cmocka_unit_test(a_row_without_a_position_is_never_seen_but_may_be),
        cmocka_unit_test(random_images_are_seen_as_vectors_say),
        cmocka_unit_test(a_row_is_not_refused_while_its_image_could_see),
        cmocka_unit_test(rows_that_cannot_see_are_refused_in_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
