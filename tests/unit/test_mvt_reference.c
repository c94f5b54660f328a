/* SPDX-License-Identifier: MIT */
/* The tile reader beside a plain one: the same bytes must be accepted or refused by both, and give the same rows. */
#include "core/mvt.h"

#include <math.h>
#include <string.h>

#include "support/chance.h"
#include "support/check.h"
#include "support/make_tile.h"
#include "support/mutate.h"
#include "support/open_tile.h"
#include "support/recorded.h"
#include "support/reference.h"

/* What became of many tiles: a comparison of nothing but refusals would prove little. */
struct tally {
    unsigned long n_tiles, n_refused, n_with_rows;
};

/* ---- comparing ---- */

static bool is_same_value(struct mly_value a, struct mly_value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case MLY_NULL:
        return true;
    case MLY_REAL:
        return a.as.r >= b.as.r && a.as.r <= b.as.r; /* what a column holds is finite */
    case MLY_TEXT:
        return a.n_bytes == b.n_bytes && (a.n_bytes == 0 || memcmp(a.as.text, b.as.text, a.n_bytes) == 0);
    default:
        return a.as.i == b.as.i;
    }
}

/* What the column makes of a raw value is tested for itself; here it is the same function for both. */
static bool has_same_values(const struct mly_layer *layer, const struct mly_row *row,
                            const struct reference_row *expected)
{
    for (uint32_t i = 0; i < layer->n_tile_columns; i++) {
        char scratch[MLY_VALUE_SCRATCH];
        struct mly_value value = mly_value_coerce(layer->columns[i].type, expected->values[i], scratch);
        if (i == 0 && value.type == MLY_INT && value.as.i <= 0)
            value.type = MLY_NULL; /* no id */
        if (!is_same_value(row->values[i], value))
            return false;
        if (i == 0 && value.type != MLY_TEXT && row->id != (value.type == MLY_INT ? value.as.i : -1))
            return false;
    }
    return true;
}

static bool has_same_parts(const struct mly_mvt *mvt, uint32_t index, const struct reference_row *expected)
{
    struct mly_mvt_walk walk;
    mly_mvt_walk_open(mvt, index, &walk);
    for (size_t i = 0; i < expected->n_vertices; i++) {
        const struct reference_vertex *vertex = &expected->vertices[i];
        const enum mly_mvt_vertex kind = vertex->is_first ? MLY_MVT_FIRST : MLY_MVT_NEXT;
        if (mly_mvt_walk_next(&walk) != kind || walk.x != vertex->x || walk.y != vertex->y)
            return false;
    }
    return mly_mvt_walk_next(&walk) == MLY_MVT_END;
}

static bool has_same_rows(struct open_tile *open, const struct mly_layer *layer, const struct reference *reference)
{
    if (open->n_rows != reference->n_rows || mly_mvt_outside(open->mvt) != reference->n_outside)
        return false;
    for (uint32_t i = 0; i < open->n_rows; i++) {
        const struct mly_row row = open_tile_row(open, i);
        const struct reference_row *expected = &reference->rows[i];
        const bool same_place = layer->shape != MLY_POINT ? has_same_parts(open->mvt, i, expected)
                                                          : fabs(row.longitude - expected->longitude) <= 1e-9 &&
                                                                fabs(row.latitude - expected->latitude) <= 1e-9;
        if (!same_place || !has_same_values(layer, &row, expected))
            return false;
    }
    return true;
}

static void show(struct mly_span bytes)
{
    for (size_t i = 0; i < bytes.size && i < 1000; i++)
        print_error("%02x", bytes.data[i]);
    print_error("%s\n", bytes.size > 1000 ? "…" : "");
}

static void compare(struct mly_span bytes, const char *layer, struct tally *tally)
{
    struct open_tile open;
    struct reference reference;
    open_tile(&open, bytes, layer);
    reference_read(bytes, open_tile_place, mly_schema_find(layer), &reference);

    const bool same = reference.refusal
                          ? open.status == MLY_E_CORRUPT
                          : open.status == MLY_OK && has_same_rows(&open, mly_schema_find(layer), &reference);
    if (!same) {
        print_error("tile %lu of layer %s: '%s' against '%s'\n", tally->n_tiles, layer,
                    open.status < 0 ? open.err.text : "accepted", reference.refusal ? reference.refusal : "accepted");
        show(bytes);
    }
    assert_true(same);

    tally->n_tiles++;
    tally->n_refused += reference.refusal != NULL;
    tally->n_with_rows += reference.n_rows > 0 && !reference.refusal;
    reference_free(&reference);
    open_tile_close(&open);
}

static void assert_worth_the_while(const struct tally *tally)
{
    assert_true(tally->n_refused >= tally->n_tiles / 50);
    assert_true(tally->n_with_rows >= tally->n_tiles / 50);
}

/* ---- tiles by chance ---- */

enum { MAX_FEATURES = 4, MAX_TAGS = 5, MAX_PARTS = 24 };

static struct make_value random_value(struct chance *chance)
{
    static const char *const texts[] = {"", "x", "42", "-7", "1e3", "true", "7nfcwfvjdtphz7yj6zat6a"};
    static const int64_t integers[] = {0, 1, -1, 7, 300, INT64_MIN, INT64_MAX, INT64_C(1623542400123)};
    static const double reals[] = {0, 1, -0.5, 359.9, 1e300, (double)NAN, (double)INFINITY};
    return (struct make_value){
        .encoding = (enum make_encoding)(MAKE_TEXT + chance_below(chance, 7)),
        .text = texts[chance_below(chance, COUNT(texts))],
        .integer = integers[chance_below(chance, COUNT(integers))],
        .real = reals[chance_below(chance, COUNT(reals))],
    };
}

static size_t random_tags(struct make_tag tags[MAX_TAGS], struct chance *chance)
{
    static const char *const keys[] = {"id",      "captured_at", "sequence_id", "is_pano", "compass_angle",
                                       "weather", "image_id",    "creator_id",  "foot",    "quality_score"};
    const size_t first = chance_below(chance, COUNT(keys)), n = chance_below(chance, MAX_TAGS + 1);
    for (size_t i = 0; i < n; i++) /* neighbours in the list, so that none comes twice */
        tags[i] = (struct make_tag){.key = keys[(first + i) % COUNT(keys)], .value = random_value(chance)};
    return n;
}

static size_t random_parts(uint32_t parts[MAX_PARTS], uint32_t shape, struct chance *chance)
{
    const uint32_t fewest = shape == SHAPE_POLYGON ? 2 : 1;
    size_t n = 0;
    for (size_t i = 1 + chance_below(chance, 2); i > 0; i--) {
        const uint32_t count = fewest + (uint32_t)chance_below(chance, 2);
        parts[n++] = make_command(MOVE_TO, 1);
        parts[n++] = bytes_zigzag32((int32_t)chance_below(chance, 2000));
        parts[n++] = bytes_zigzag32((int32_t)chance_below(chance, 2000));
        parts[n++] = make_command(LINE_TO, count);
        for (uint32_t j = 0; j < 2 * count; j++)
            parts[n++] = bytes_zigzag32((int32_t)chance_below(chance, 400) - 200);
        if (shape == SHAPE_POLYGON)
            parts[n++] = make_command(CLOSE_PATH, 1);
        assert_true(n <= MAX_PARTS);
    }
    return n;
}

struct kind {
    const char *layer, *tile_layer;
    uint32_t shape;
};

static const struct kind kinds[] = {
    {"images", "image", SHAPE_POINT},
    {"sequences", "sequence", SHAPE_LINE},
    {"detections", "mpy-or", SHAPE_POLYGON},
};

static void put_random_layer(struct bytes *tile, const char *name, uint32_t shape, struct chance *chance)
{
    struct make_feature features[MAX_FEATURES];
    struct make_tag tags[MAX_FEATURES][MAX_TAGS];
    uint32_t parts[MAX_FEATURES][MAX_PARTS];
    const size_t n = chance_below(chance, MAX_FEATURES + 1);
    for (size_t i = 0; i < n; i++) {
        features[i] = (struct make_feature){
            .x = (int32_t)chance_below(chance, 4200) - 50,
            .y = (int32_t)chance_below(chance, 4200) - 50,
            .shape = shape,
            .tags = tags[i],
            .n_tags = random_tags(tags[i], chance),
        };
        if (shape != SHAPE_POINT) {
            features[i].parts = parts[i];
            features[i].n_parts = random_parts(parts[i], shape, chance);
        }
    }
    make_layer(tile, &(struct make_layer){
                         .name = name,
                         .version = 1 + (uint32_t)chance_below(chance, 2),
                         .extent = chance_below(chance, 2) ? 4096 : 0,
                         .order = chance_below(chance, 2) ? MAKE_FEATURES_FIRST : MAKE_DICTIONARIES_FIRST,
                         .features = features,
                         .n_features = n,
                     });
}

static struct bytes random_tile(struct chance *chance)
{
    struct bytes tile = {.size = 0};
    const size_t first = chance_below(chance, COUNT(kinds));
    put_random_layer(&tile, kinds[first].tile_layer, kinds[first].shape, chance);
    if (chance_below(chance, 3) == 0)
        put_random_layer(&tile, "overview", SHAPE_POINT, chance);
    if (chance_below(chance, 2)) {
        const size_t second = (first + 1) % COUNT(kinds);
        put_random_layer(&tile, kinds[second].tile_layer, kinds[second].shape, chance);
    }
    return tile;
}

static void compare_all_layers(const struct bytes *tile, struct tally *tally)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        compare(bytes_view(tile), kinds[i].layer, tally);
}

static void whole_tiles_give_the_same_rows(void **state)
{
    (void)state;
    struct chance chance = {.state = 20};
    struct tally tally = {.n_tiles = 0};
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
    struct tally tally = {.n_tiles = 0};
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
    struct tally tally = {.n_tiles = 0};
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
    struct tally tally = {.n_tiles = 0};
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
    struct tally tally = {.n_tiles = 0};
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
