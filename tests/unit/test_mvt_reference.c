/* SPDX-License-Identifier: MIT */
/* The tile reader beside a plain one: the same bytes must be accepted or refused by both, and give the same rows. */
#include "core/mvt.h"

#include "support/chance.h"
#include "support/check.h"
#include "support/compare_tile.h"
#include "support/make_tile.h"
#include "support/mutate.h"
#include "support/random_tile.h"
#include "support/recorded.h"

static void assert_worth_the_while(const struct compare_tally *tally)
{
    assert_true(tally->n_refused >= tally->n_tiles / 50);
    assert_true(tally->n_with_rows >= tally->n_tiles / 50);
}

/* ---- tiles by chance ---- */

struct kind {
    const char *layer, *tile_layer;
    uint32_t shape;
};

static const struct kind kinds[] = {
    {"images", "image", SHAPE_POINT},
    {"sequences", "sequence", SHAPE_LINE},
    {"detections", "mpy-or", SHAPE_POLYGON},
};

static struct bytes random_tile(struct chance *chance)
{
    struct bytes tile = {.size = 0};
    const size_t first = chance_below(chance, COUNT(kinds));
    random_tile_layer(&tile, kinds[first].tile_layer, kinds[first].shape, chance);
    if (chance_below(chance, 3) == 0)
        random_tile_layer(&tile, "overview", SHAPE_POINT, chance);
    if (chance_below(chance, 2)) {
        const size_t second = (first + 1) % COUNT(kinds);
        random_tile_layer(&tile, kinds[second].tile_layer, kinds[second].shape, chance);
    }
    return tile;
}

static void compare_all_layers(const struct bytes *tile, struct compare_tally *tally)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        compare_tile(bytes_view(tile), kinds[i].layer, tally);
}

static void whole_tiles_give_the_same_rows(void **state)
{
    (void)state;
    struct chance chance = {.state = 20};
    struct compare_tally tally = {.n_tiles = 0};
    for (unsigned long round = chance_rounds(5000); round > 0; round--) {
        struct bytes tile = random_tile(&chance);
        compare_all_layers(&tile, &tally);
        bytes_free(&tile);
    }
    assert_int_equal(tally.n_refused, 0);
}

static void blind_damage_is_judged_alike(void **state)
{
    (void)state;
    struct chance chance = {.state = 21};
    struct compare_tally tally = {.n_tiles = 0};
    for (unsigned long round = chance_rounds(30000); round > 0; round--) {
        struct bytes tile = random_tile(&chance);
        for (size_t n = 1 + chance_below(&chance, 3); n > 0; n--)
            mutate_bytes(&tile, &chance);
        compare_all_layers(&tile, &tally);
        bytes_free(&tile);
    }
    assert_worth_the_while(&tally);
}

static void damage_within_its_frame_is_judged_alike(void **state)
{
    (void)state;
    struct chance chance = {.state = 22};
    struct compare_tally tally = {.n_tiles = 0};
    for (unsigned long round = chance_rounds(60000); round > 0; round--) {
        struct bytes tile = random_tile(&chance);
        for (size_t n = 1 + chance_below(&chance, 3); n > 0; n--)
            mutate_message(&tile, &chance, 1 + (unsigned)chance_below(&chance, 4));
        compare_all_layers(&tile, &tally);
        bytes_free(&tile);
    }
    assert_worth_the_while(&tally);
}

/* ---- recorded tiles ---- */

static const char *const recorded[] = {
    "tiles/mly1_public/14/3251/6257.mvt", "tiles/mly1_public/14/3251/6258.mvt", "tiles/mly1_public/14/3252/6257.mvt",
    "tiles/mly1_public/14/3252/6258.mvt", "tiles/mly1_public/14/unknown.mvt",
};

static void recorded_tiles_give_the_same_rows(void **state)
{
    (void)state;
    struct compare_tally tally = {.n_tiles = 0};
    for (size_t i = 0; i < COUNT(recorded); i++) {
        struct bytes tile = recorded_read(recorded[i]);
        compare_all_layers(&tile, &tally);
        bytes_free(&tile);
    }
    assert_int_equal(tally.n_refused, 0);
    assert_int_equal(tally.n_with_rows, 2 * COUNT(recorded)); /* images and sequences in each */
}

static void damaged_recorded_tiles_are_judged_alike(void **state)
{
    (void)state;
    struct chance chance = {.state = 23};
    struct compare_tally tally = {.n_tiles = 0};
    for (size_t i = 0; i < COUNT(recorded); i++) {
        for (unsigned long round = 1 + chance_rounds(30000) / 2000; round > 0; round--) {
            struct bytes tile = recorded_read(recorded[i]);
            if (round % 2)
                mutate_bytes(&tile, &chance);
            else
                mutate_message(&tile, &chance, 3);
            compare_all_layers(&tile, &tally);
            bytes_free(&tile);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_tiles_give_the_same_rows),          cmocka_unit_test(blind_damage_is_judged_alike),
        cmocka_unit_test(damage_within_its_frame_is_judged_alike), cmocka_unit_test(recorded_tiles_give_the_same_rows),
        cmocka_unit_test(damaged_recorded_tiles_are_judged_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
