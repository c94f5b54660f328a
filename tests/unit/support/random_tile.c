/* SPDX-License-Identifier: MIT */
#include "random_tile.h"

#include <math.h>

#include "check.h"
#include "make_tile.h"

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

struct cursor {
    int32_t x, y;
};

static size_t go_to(uint32_t *parts, struct cursor *cursor, int32_t x, int32_t y)
{
    parts[0] = bytes_zigzag32(x - cursor->x);
    parts[1] = bytes_zigzag32(y - cursor->y);
    *cursor = (struct cursor){x, y};
    return 2;
}

/* Often on a border, where lines go on in the next tile. */
static int32_t random_ordinate(struct chance *chance)
{
    const size_t luck = chance_below(chance, 8);
    return luck == 0 ? 0 : luck == 1 ? 4096 : (int32_t)chance_below(chance, 4096);
}

static size_t random_parts(uint32_t parts[MAX_PARTS], uint32_t shape, struct chance *chance)
{
    const uint32_t fewest = shape == SHAPE_POLYGON ? 2 : 1;
    struct cursor cursor = {0, 0};
    size_t n = 0;
    for (size_t i = 1 + chance_below(chance, 2); i > 0; i--) {
        const uint32_t count = fewest + (uint32_t)chance_below(chance, 2);
        parts[n++] = make_command(MOVE_TO, 1);
        n += go_to(parts + n, &cursor, random_ordinate(chance), random_ordinate(chance));
        parts[n++] = make_command(LINE_TO, count);
        for (uint32_t j = 0; j < count; j++)
            n += go_to(parts + n, &cursor, random_ordinate(chance), random_ordinate(chance));
        if (shape == SHAPE_POLYGON)
            parts[n++] = make_command(CLOSE_PATH, 1);
        assert_true(n <= MAX_PARTS);
    }
    return n;
}

void random_tile_layer(struct bytes *tile, const char *name, uint32_t shape, struct chance *chance)
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
