/* SPDX-License-Identifier: MIT */
#include "core/mvt.h"

#include <math.h>
#include <string.h>

#include "support/check.h"
#include "support/make_tile.h"
#include "support/open_tile.h"

/* ---- helpers ---- */

/* Opens a tile, whose bytes it frees, for the layer of images. */
static void open_images(struct open_tile *open, struct bytes tile)
{
    open_tile(open, bytes_view(&tile), "images");
    bytes_free(&tile);
}

/* The row that a sketch is unless it says otherwise: the sketched point, with id 7 and is_pano true. */
static void assert_the_sketched_row(struct bytes tile)
{
    struct open_tile open;
    open_images(&open, tile);
    assert_status(open.status, MLY_OK, &open.err);
    assert_int_equal(open.n_rows, 1);

    const struct mly_row row = open_tile_row(&open, 0);
    assert_true(row.id == 7);
    assert_near(row.longitude, mly_tile_longitude(open_tile_place, 100, 4096), 1e-12);
    assert_near(row.latitude, mly_tile_latitude(open_tile_place, 200, 4096), 1e-12);
    assert_int_equal(open_tile_value("images", &row, "is_pano").type, MLY_BOOL);
    assert_int_equal(open_tile_value("images", &row, "is_pano").as.i, 1);
    open_tile_close(&open);
}

static void assert_no_rows(struct bytes tile)
{
    struct open_tile open;
    open_images(&open, tile);
    assert_status(open.status, MLY_OK, &open.err);
    assert_int_equal(open.n_rows, 0);
    assert_int_equal(mly_mvt_outside(open.mvt), 0);
    open_tile_close(&open);
}

/* ---- what is read ---- */

static void a_point_becomes_a_row(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();

    assert_the_sketched_row(make_sketched_tile(&sketch));
}

/* The value of `column` in a tile of one point whose only tag is this key with this value. */
static void read_one(struct open_tile *open, const char *key, struct make_value value)
{
    const struct make_tag tag = {.key = key, .value = value};
    const struct make_feature point = {.x = 1, .y = 2, .tags = &tag, .n_tags = 1};
    struct bytes tile = {.size = 0};
    make_layer(&tile, &(struct make_layer){.name = "image", .features = &point, .n_features = 1});
    open_images(open, tile);
}

static void every_integer_encoding_is_an_integer(void **state)
{
    (void)state;
    static const enum make_encoding encodings[] = {MAKE_INT, MAKE_UINT, MAKE_SINT};
    static const int64_t numbers[] = {1, 127, 128, INT64_C(59042170395811371), INT64_MAX};
    for (size_t e = 0; e < COUNT(encodings); e++) {
        for (size_t i = 0; i < COUNT(numbers); i++) {
            struct open_tile open;
            read_one(&open, "creator_id", (struct make_value){.encoding = encodings[e], .integer = numbers[i]});
            const struct mly_row row = open_tile_row(&open, 0);

            const struct mly_value value = open_tile_value("images", &row, "creator_id");

            assert_int_equal(value.type, MLY_INT);
            assert_true(value.as.i == numbers[i]);
            open_tile_close(&open);
        }
    }
}

static void signed_encodings_hold_negative_numbers(void **state)
{
    (void)state;
    static const enum make_encoding encodings[] = {MAKE_INT, MAKE_SINT};
    static const int64_t numbers[] = {-1, -64, -65, INT64_MIN};
    for (size_t e = 0; e < COUNT(encodings); e++) {
        for (size_t i = 0; i < COUNT(numbers); i++) {
            struct open_tile open;
            read_one(&open, "creator_id", (struct make_value){.encoding = encodings[e], .integer = numbers[i]});
            const struct mly_row row = open_tile_row(&open, 0);

            assert_true(open_tile_value("images", &row, "creator_id").as.i == numbers[i]);

            open_tile_close(&open);
        }
    }
}

static void an_unsigned_number_beyond_63_bits_is_no_integer_but_a_real(void **state)
{
    (void)state;
    const struct make_value all_bits = {.encoding = MAKE_UINT, .integer = -1};
    struct open_tile open;

    read_one(&open, "creator_id", all_bits);
    struct mly_row row = open_tile_row(&open, 0);
    assert_int_equal(open_tile_value("images", &row, "creator_id").type, MLY_NULL);
    open_tile_close(&open);

    read_one(&open, "compass_angle", all_bits);
    row = open_tile_row(&open, 0);
    assert_near(open_tile_value("images", &row, "compass_angle").as.r, 18446744073709551616.0, 0);
    open_tile_close(&open);
}

static void floats_and_doubles_keep_their_bits(void **state)
{
    (void)state;
    static const struct {
        struct make_value value;
        double expected;
    } cases[] = {
        {{.encoding = MAKE_FLOAT, .real = 0.1}, 0.100000001490116119384765625}, /* the float next to 0.1 */
        {{.encoding = MAKE_DOUBLE, .real = 0.1}, 0.1},
        {{.encoding = MAKE_DOUBLE, .real = 359.99999999999994}, 359.99999999999994},
        {{.encoding = MAKE_FLOAT, .real = -1.5}, -1.5},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct open_tile open;
        read_one(&open, "compass_angle", cases[i].value);
        const struct mly_row row = open_tile_row(&open, 0);

        assert_near(open_tile_value("images", &row, "compass_angle").as.r, cases[i].expected, 0);

        open_tile_close(&open);
    }
}

static void booleans_are_true_and_false(void **state)
{
    (void)state;
    for (int64_t truth = 0; truth <= 1; truth++) {
        struct open_tile open;
        read_one(&open, "is_pano", (struct make_value){.encoding = MAKE_BOOL, .integer = truth});
        const struct mly_row row = open_tile_row(&open, 0);

        assert_int_equal(open_tile_value("images", &row, "is_pano").type, MLY_BOOL);
        assert_int_equal(open_tile_value("images", &row, "is_pano").as.i, truth);

        open_tile_close(&open);
    }
}

static void text_is_text_and_an_empty_one_nothing(void **state)
{
    (void)state;
    struct open_tile open;

    read_one(&open, "sequence_id", (struct make_value){.encoding = MAKE_TEXT, .text = "7nfcwfvjdtphz7yj6zat6a"});
    struct mly_row row = open_tile_row(&open, 0);
    const struct mly_value key = open_tile_value("images", &row, "sequence_id");
    assert_int_equal(key.type, MLY_TEXT);
    assert_int_equal(key.n_bytes, 22);
    assert_memory_equal(key.as.text, "7nfcwfvjdtphz7yj6zat6a", 22);
    open_tile_close(&open);

    read_one(&open, "sequence_id", (struct make_value){.encoding = MAKE_TEXT, .text = ""});
    row = open_tile_row(&open, 0);
    assert_int_equal(open_tile_value("images", &row, "sequence_id").type, MLY_NULL);
    open_tile_close(&open);
}

static void a_value_in_another_encoding_becomes_what_its_column_wants(void **state)
{
    (void)state;
    struct open_tile open;

    read_one(&open, "id", (struct make_value){.encoding = MAKE_TEXT, .text = "59042170395811371"});
    struct mly_row row = open_tile_row(&open, 0);
    assert_true(row.id == INT64_C(59042170395811371));
    open_tile_close(&open);

    read_one(&open, "sequence_id", (struct make_value){.encoding = MAKE_INT, .integer = -12});
    row = open_tile_row(&open, 0);
    assert_memory_equal(open_tile_value("images", &row, "sequence_id").as.text, "-12", 3);
    open_tile_close(&open);

    read_one(&open, "captured_at", (struct make_value){.encoding = MAKE_DOUBLE, .real = 1623542400123.0});
    row = open_tile_row(&open, 0);
    assert_int_equal(open_tile_value("images", &row, "captured_at").type, MLY_TIME);
    open_tile_close(&open);
}

static void a_row_without_a_usable_id_stays_without_one(void **state)
{
    (void)state;
    static const struct make_tag tags[] = {
        {"id", {.encoding = MAKE_INT, .integer = 0}},   {"id", {.encoding = MAKE_INT, .integer = -5}},
        {"id", {.encoding = MAKE_TEXT, .text = ""}},    {"id", {.encoding = MAKE_TEXT, .text = "abc"}},
        {"id", {.encoding = MAKE_DOUBLE, .real = 0.5}}, {"is_pano", {.encoding = MAKE_BOOL, .integer = 1}},
    };
    for (size_t i = 0; i < COUNT(tags); i++) {
        struct open_tile open;
        read_one(&open, tags[i].key, tags[i].value);

        const struct mly_row row = open_tile_row(&open, 0);

        assert_true(row.id == -1);
        assert_int_equal(open_tile_value("images", &row, "id").type, MLY_NULL);
        open_tile_close(&open);
    }
}

static void what_a_feature_does_not_say_is_nothing(void **state)
{
    (void)state;
    const struct make_feature point = {.x = 0, .y = 0};
    struct bytes tile = {.size = 0};
    struct open_tile open;
    make_layer(&tile, &(struct make_layer){.name = "image", .features = &point, .n_features = 1});
    open_images(&open, tile);

    const struct mly_row row = open_tile_row(&open, 0);

    for (uint32_t i = 0; i < mly_schema_find("images")->n_tile_columns; i++)
        assert_int_equal(row.values[i].type, MLY_NULL);
    open_tile_close(&open);
}

static void keys_that_nobody_knows_are_stepped_over(void **state)
{
    (void)state;
    const struct make_tag tags[] = {
        {"weather", {.encoding = MAKE_TEXT, .text = "fog"}},
        {"id", {.encoding = MAKE_INT, .integer = 7}},
        {"weather2", {.encoding = MAKE_DOUBLE, .real = 0.5}},
        {"is_pano", {.encoding = MAKE_BOOL, .integer = 1}},
    };
    const struct make_feature point = {.x = 100, .y = 200, .tags = tags, .n_tags = COUNT(tags)};
    struct bytes tile = {.size = 0};
    make_layer(&tile, &(struct make_layer){.name = "image", .features = &point, .n_features = 1});

    assert_the_sketched_row(tile);
}

static void dictionaries_may_stand_before_or_after_the_features(void **state)
{
    (void)state;
    static const enum make_order orders[] = {MAKE_DICTIONARIES_FIRST, MAKE_FEATURES_FIRST};
    const struct make_tag tags[] = {{"is_pano", {.encoding = MAKE_BOOL, .integer = 1}},
                                    {"id", {.encoding = MAKE_INT, .integer = 7}}};
    const struct make_feature point = {.x = 100, .y = 200, .tags = tags, .n_tags = COUNT(tags)};
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct bytes tile = {.size = 0};
        make_layer(&tile,
                   &(struct make_layer){.name = "image", .order = orders[i], .features = &point, .n_features = 1});

        assert_the_sketched_row(tile);
    }
}

static void both_versions_are_read(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= 2; version++) {
        struct make_sketch sketch = make_sketch();
        bytes_put_varint(make_rewrite(&sketch, MAKE_VERSION), LAYER_VERSION, version);

        assert_the_sketched_row(make_sketched_tile(&sketch));
    }
}

static void without_a_word_the_extent_is_4096(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    (void)make_rewrite(&sketch, MAKE_EXTENT);

    assert_the_sketched_row(make_sketched_tile(&sketch));
}

static void any_other_extent_divides_the_tile_as_finely(void **state)
{
    (void)state;
    static const uint32_t extents[] = {201, 512, 8192, 8193, 65536, 1 << 28};
    for (size_t i = 0; i < COUNT(extents); i++) {
        struct make_sketch sketch = make_sketch();
        struct open_tile open;
        bytes_put_varint(make_rewrite(&sketch, MAKE_EXTENT), LAYER_EXTENT, extents[i]);
        open_images(&open, make_sketched_tile(&sketch));

        const struct mly_row row = open_tile_row(&open, 0);

        assert_near(row.longitude, mly_tile_longitude(open_tile_place, 100, extents[i]), 1e-12);
        assert_near(row.latitude, mly_tile_latitude(open_tile_place, 200, extents[i]), 1e-12);
        open_tile_close(&open);
    }
}

static void a_point_on_the_south_or_east_border_is_the_neighbour_s(void **state)
{
    (void)state;
    static const struct make_feature points[] = {
        {.x = 0, .y = 0},
        {.x = 4095, .y = 4095},
        {.x = 0, .y = 4095}, /* inside */
        {.x = 4096, .y = 0},
        {.x = 0, .y = 4096},
        {.x = -1, .y = 0},
        {.x = 0, .y = -1},
        {.x = INT32_MIN, .y = INT32_MAX},
    };
    struct bytes tile = {.size = 0};
    struct open_tile open;
    make_layer(&tile,
               &(struct make_layer){.name = "image", .extent = 4096, .features = points, .n_features = COUNT(points)});

    open_images(&open, tile);

    assert_int_equal(open.n_rows, 3);
    assert_int_equal(mly_mvt_outside(open.mvt), 5);
    open_tile_close(&open);
}

static void rows_keep_the_order_of_features(void **state)
{
    (void)state;
    struct open_tile open;
    open_images(&open, make_images(1000, 500));

    assert_int_equal(open.n_rows, 500);
    for (uint32_t i = 0; i < 500; i++) {
        const struct mly_row row = open_tile_row(&open, i);
        assert_true(row.id == 1000 + (int64_t)i);
        assert_near(row.longitude, mly_tile_longitude(open_tile_place, i, 4096), 1e-12);
    }

    open_tile_close(&open);
}

static void few_points_and_many_stand_where_the_grid_says(void **state)
{
    (void)state;
    static const size_t numbers[] = {1, 1023, 1024, 5000};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct open_tile open;
        open_images(&open, make_images(1, numbers[i]));
        assert_int_equal(open.n_rows, numbers[i]);
        for (uint32_t row = 0; row < open.n_rows; row++) {
            const struct mly_row is = open_tile_row(&open, row);
            assert_near(is.latitude, mly_tile_latitude(open_tile_place, 2 * row % 4096, 4096), 3e-14);
            assert_true(is.longitude == mly_tile_longitude(open_tile_place, row % 4096, 4096));
        }
        open_tile_close(&open);
    }
}

static void the_type_unknown_is_read_by_its_geometry(void **state)
{
    (void)state;
    struct make_sketch unknown = make_sketch(), absent = make_sketch();
    bytes_put_varint(make_rewrite_feature(&unknown, MAKE_TYPE), FEATURE_TYPE, SHAPE_UNKNOWN);
    (void)make_rewrite_feature(&absent, MAKE_TYPE);

    assert_the_sketched_row(make_sketched_tile(&unknown));
    assert_the_sketched_row(make_sketched_tile(&absent));
}

/* ---- tiles without rows ---- */

static void no_bytes_are_a_tile_without_rows(void **state)
{
    (void)state;

    assert_no_rows((struct bytes){.size = 0});
}

static void a_layer_without_features_is_a_tile_without_rows(void **state)
{
    (void)state;
    struct bytes tile = {.size = 0};
    make_layer(&tile, &(struct make_layer){.name = "image", .extent = 4096});

    assert_no_rows(tile);
}

static void a_tile_of_other_layers_is_a_tile_without_rows(void **state)
{
    (void)state;
    const struct make_feature point = {.x = 1, .y = 1};
    struct bytes tile = {.size = 0};
    make_layer(&tile, &(struct make_layer){.name = "mapillary-empty"});
    make_layer(&tile, &(struct make_layer){.name = "imag", .features = &point, .n_features = 1});
    make_layer(&tile, &(struct make_layer){.name = "images", .features = &point, .n_features = 1});
    make_layer(&tile, &(struct make_layer){.name = "Image", .features = &point, .n_features = 1});

    assert_no_rows(tile);
}

static void a_layer_without_a_name_is_nobody_s(void **state)
{
    (void)state;
    struct make_sketch nameless = make_sketch(), empty = make_sketch(), with_zero = make_sketch();
    (void)make_rewrite(&nameless, MAKE_NAME);
    bytes_put_text(make_rewrite(&empty, MAKE_NAME), LAYER_NAME, "");
    bytes_put_data(make_rewrite(&with_zero, MAKE_NAME), LAYER_NAME, "image\0x", 7);

    assert_no_rows(make_sketched_tile(&nameless));
    assert_no_rows(make_sketched_tile(&empty));
    assert_no_rows(make_sketched_tile(&with_zero));
}

static void other_layers_may_stand_around_and_hold_what_they_want(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes whole = make_sketched_tile(&sketch), tile = {.size = 0}, other = {.size = 0};
    bytes_put_text(&other, LAYER_NAME, "sequence");
    bytes_put_text(&other, LAYER_FEATURE, "no feature at all");
    bytes_put_text(&other, LAYER_VALUE, "nor a value");
    bytes_put_varint(&other, LAYER_VERSION, 99);
    bytes_put_data(&tile, TILE_LAYER, other.data, other.size);
    bytes_append(&tile, whole.data, whole.size);
    bytes_put_message(&tile, TILE_LAYER, &other);
    bytes_free(&whole);

    assert_the_sketched_row(tile);
}

/* ---- other spellings of the same ---- */

static void unknown_fields_are_stepped_over_everywhere(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes value = {.size = 0}, tile = {.size = 0};
    bytes_put_text(&value, 9, "unknown");
    make_value(&value, (struct make_value){.encoding = MAKE_INT, .integer = 7});
    bytes_put_64(&value, 10, 1);
    make_put_first_value(&sketch, &value);
    bytes_put_text(&sketch.feature[MAKE_GEOMETRY], 5, "unknown");
    bytes_put_32(&sketch.feature[MAKE_ID], 6, 1);
    bytes_put_varint(&sketch.layer[MAKE_NAME], 16, 12345);
    bytes_put_text(&sketch.layer[MAKE_VERSION], 100000, "unknown");
    bytes_put_varint(&tile, 1, 1);
    bytes_put_text(&tile, 4, "unknown");
    struct bytes known = make_sketched_tile(&sketch);
    bytes_append(&tile, known.data, known.size);
    bytes_put_64(&tile, 2000, 1);
    bytes_free(&known);

    assert_the_sketched_row(tile);
}

static void tags_and_geometry_need_not_be_packed(void **state)
{
    (void)state;
    static const uint32_t tags[] = {0, 0, 1, 1};
    const uint32_t geometry[] = {make_command(MOVE_TO, 1), bytes_zigzag32(100), bytes_zigzag32(200)};
    struct make_sketch sketch = make_sketch();
    (void)make_rewrite_feature(&sketch, MAKE_TAGS);
    (void)make_rewrite_feature(&sketch, MAKE_GEOMETRY);
    for (size_t i = 0; i < COUNT(tags); i++)
        bytes_put_varint(&sketch.feature[MAKE_TAGS], FEATURE_TAGS, tags[i]);
    for (size_t i = 0; i < COUNT(geometry); i++)
        bytes_put_varint(&sketch.feature[MAKE_GEOMETRY], FEATURE_GEOMETRY, geometry[i]);

    assert_the_sketched_row(make_sketched_tile(&sketch));
}

static void a_list_may_be_split_into_chunks(void **state)
{
    (void)state;
    static const uint32_t first_tags[] = {0, 0}, other_tags[] = {1, 1};
    const uint32_t first[] = {make_command(MOVE_TO, 1), bytes_zigzag32(100)}, second[] = {bytes_zigzag32(200)};
    struct make_sketch of_tags = make_sketch(), of_geometry = make_sketch();
    make_put_tags(&of_tags, first_tags, COUNT(first_tags));
    bytes_put_packed(&of_tags.feature[MAKE_TAGS], FEATURE_TAGS, other_tags, COUNT(other_tags));
    make_put_geometry(&of_geometry, first, COUNT(first));
    bytes_put_packed(&of_geometry.feature[MAKE_GEOMETRY], FEATURE_GEOMETRY, NULL, 0);
    bytes_put_packed(&of_geometry.feature[MAKE_GEOMETRY], FEATURE_GEOMETRY, second, COUNT(second));

    assert_the_sketched_row(make_sketched_tile(&of_tags));
    assert_the_sketched_row(make_sketched_tile(&of_geometry));
}

static void chunks_and_loose_numbers_may_alternate(void **state)
{
    (void)state;
    static const uint32_t first_tag[] = {0}, other_tags[] = {0, 1};
    struct make_sketch sketch = make_sketch();
    make_put_tags(&sketch, first_tag, COUNT(first_tag));
    bytes_put_packed(&sketch.feature[MAKE_TAGS], FEATURE_TAGS, other_tags, COUNT(other_tags));
    bytes_put_varint(&sketch.feature[MAKE_TAGS], FEATURE_TAGS, 1);

    assert_the_sketched_row(make_sketched_tile(&sketch));
}

static void numbers_may_be_spelled_with_more_bytes_than_they_need(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes tags = {.size = 0}, geometry = {.size = 0};
    bytes_long_varint(&tags, 0, 10);
    bytes_varint(&tags, 0);
    bytes_long_varint(&tags, 1, 2);
    bytes_long_varint(&tags, 1, 6);
    bytes_long_varint(&geometry, make_command(MOVE_TO, 1), 6);
    bytes_long_varint(&geometry, bytes_zigzag32(100), 3);
    bytes_long_varint(&geometry, bytes_zigzag32(200), 10);
    bytes_put_message(make_rewrite_feature(&sketch, MAKE_TAGS), FEATURE_TAGS, &tags);
    bytes_put_message(make_rewrite_feature(&sketch, MAKE_GEOMETRY), FEATURE_GEOMETRY, &geometry);

    assert_the_sketched_row(make_sketched_tile(&sketch));
}

static void of_a_repeated_single_field_the_last_one_counts(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes value = {.size = 0};
    make_value(&value, (struct make_value){.encoding = MAKE_INT, .integer = 1});
    make_value(&value, (struct make_value){.encoding = MAKE_INT, .integer = 7});
    make_put_first_value(&sketch, &value);
    bytes_put_text(make_rewrite(&sketch, MAKE_NAME), LAYER_NAME, "sequence");
    bytes_put_text(&sketch.layer[MAKE_NAME], LAYER_NAME, "image");
    bytes_put_varint(make_rewrite(&sketch, MAKE_VERSION), LAYER_VERSION, 5);
    bytes_put_varint(&sketch.layer[MAKE_VERSION], LAYER_VERSION, 2);
    bytes_put_varint(make_rewrite(&sketch, MAKE_EXTENT), LAYER_EXTENT, 0);
    bytes_put_varint(&sketch.layer[MAKE_EXTENT], LAYER_EXTENT, 4096);
    bytes_put_varint(make_rewrite_feature(&sketch, MAKE_TYPE), FEATURE_TYPE, SHAPE_LINE);
    bytes_put_varint(&sketch.feature[MAKE_TYPE], FEATURE_TYPE, SHAPE_POINT);

    assert_the_sketched_row(make_sketched_tile(&sketch));
}

static void a_name_that_is_taken_back_is_not_the_layer_s(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    bytes_put_text(&sketch.layer[MAKE_VERSION], LAYER_NAME, "sequence");

    assert_no_rows(make_sketched_tile(&sketch));
}

static void a_type_has_32_bits_however_many_are_sent(void **state)
{
    (void)state;
    struct make_sketch plain = make_sketch(), odd = make_sketch();
    const uint64_t point = (UINT64_C(1) << 32) + SHAPE_POINT;
    bytes_put_varint(make_rewrite_feature(&plain, MAKE_TYPE), FEATURE_TYPE, point);
    bytes_put_varint(make_rewrite_feature(&odd, MAKE_TYPE), FEATURE_TYPE, point);
    bytes_put_varint(&odd.feature[MAKE_TYPE], 9, 1);

    assert_the_sketched_row(make_sketched_tile(&plain));
    assert_the_sketched_row(make_sketched_tile(&odd));
}

static void a_value_without_a_type_says_nothing(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes empty = {.size = 0};
    struct open_tile open;
    make_put_first_value(&sketch, &empty);

    open_images(&open, make_sketched_tile(&sketch));

    const struct mly_row row = open_tile_row(&open, 0);
    assert_int_equal(open_tile_value("images", &row, "id").type, MLY_NULL);
    open_tile_close(&open);
}

/* A text value with `text` as the first value, that is the id's, with an unknown field beside it or without. */
static int64_t read_id(const char *text, size_t n, bool with_unknown)
{
    struct make_sketch sketch = make_sketch();
    struct bytes value = {.size = 0};
    struct open_tile open;
    bytes_put_data(&value, MAKE_TEXT, text, n);
    if (with_unknown)
        bytes_put_varint(&value, 99, 1);
    make_put_first_value(&sketch, &value);
    open_images(&open, make_sketched_tile(&sketch));
    const int64_t id = open_tile_row(&open, 0).id;
    open_tile_close(&open);
    return id;
}

static void a_zero_byte_does_not_end_a_text(void **state)
{
    (void)state;

    assert_true(read_id("12", 2, false) == 12);
    assert_true(read_id("12", 2, true) == 12);
    assert_true(read_id("12\0x", 4, false) == -1);
    assert_true(read_id("12\0x", 4, true) == -1);
}

static void a_zero_byte_does_not_end_a_key(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct open_tile open;
    bytes_put_data(make_rewrite(&sketch, MAKE_KEYS), LAYER_KEY, "id\0x", 4);
    bytes_put_text(&sketch.layer[MAKE_KEYS], LAYER_KEY, "is_pano");

    open_images(&open, make_sketched_tile(&sketch));

    assert_true(open_tile_row(&open, 0).id == -1);
    open_tile_close(&open);
}

static void a_dictionary_may_hold_a_key_twice(void **state)
{
    (void)state;
    static const uint32_t tags[] = {2, 0, 1, 1}; /* the second spelling of `id` */
    struct make_sketch sketch = make_sketch();
    bytes_put_text(&sketch.layer[MAKE_KEYS], LAYER_KEY, "id");
    make_put_tags(&sketch, tags, COUNT(tags));

    assert_the_sketched_row(make_sketched_tile(&sketch));
}

/* ---- memory ---- */

/* A tile that takes every way through the decoder: plain and odd features, plain and odd values, an unknown field. */
static struct bytes make_odd_tile(void)
{
    struct make_sketch sketch = make_sketch();
    struct bytes plain = make_sketched_feature(&sketch), value = {.size = 0};
    bytes_put_data(&sketch.layer[MAKE_FEATURES], LAYER_FEATURE, plain.data, plain.size);
    bytes_put_text(&plain, 17, "unknown");
    bytes_put_data(&sketch.layer[MAKE_FEATURES], LAYER_FEATURE, plain.data, plain.size);
    bytes_put_message(&sketch.layer[MAKE_FEATURES], LAYER_FEATURE, &plain);
    make_value(&value, (struct make_value){.encoding = MAKE_TEXT, .text = "odd"});
    bytes_put_varint(&value, 17, 1);
    bytes_put_message(&sketch.layer[MAKE_VALUES], LAYER_VALUE, &value);
    bytes_put_text(&sketch.layer[MAKE_VALUES], 17, "unknown");
    return make_sketched_tile(&sketch);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    struct bytes tile = make_odd_tile();
    enum mly_status status = MLY_E_NOMEM;
    size_t k = 0;
    for (; status != MLY_OK; k++) {
        struct open_tile open;
        fail_mem_init_failing(&open.mem, k, 1);

        open_tile_in(&open, bytes_view(&tile), "images", 64 << 20);

        status = open.status;
        assert_status(status, open.mem.n_failed ? MLY_E_NOMEM : MLY_OK, &open.err);
        open_tile_close(&open);
    }
    assert_true(k > 2);
    bytes_free(&tile);
}

static void any_ceiling_that_is_too_low_is_named_as_such(void **state)
{
    (void)state;
    struct bytes tile = make_odd_tile();
    bool has_fit = false;
    for (size_t ceiling = 0; ceiling < 80000 && !has_fit; ceiling += 48) {
        struct open_tile open;
        fail_mem_init(&open.mem);

        open_tile_in(&open, bytes_view(&tile), "images", ceiling);

        has_fit = open.status == MLY_OK;
        assert_true(has_fit || open.status == MLY_E_LIMIT);
        open_tile_close(&open);
    }
    assert_true(has_fit);
    bytes_free(&tile);
}

static void a_tile_of_tiny_features_meets_the_ceiling_before_it_takes_memory(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct open_tile open;
    for (int i = 0; i < 1000000; i++)
        bytes_append(&sketch.layer[MAKE_FEATURES], "\x12\x00", 2);
    struct bytes tile = make_sketched_tile(&sketch);
    fail_mem_init(&open.mem);

    open_tile_in(&open, bytes_view(&tile), "images", 8 << 20);

    assert_status(open.status, MLY_E_LIMIT, &open.err);
    assert_true(open.mem.peak_bytes <= 16 << 20);
    open_tile_close(&open);
    bytes_free(&tile);
}

static void a_tile_in_plain_form_takes_one_block_with_nothing_to_spare(void **state)
{
    (void)state;
    static const size_t numbers[] = {0, 1, 100, 5000};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct open_tile open;
        open_images(&open, make_images(1, numbers[i]));
        assert_status(open.status, MLY_OK, &open.err);

        assert_int_equal(open.mem.n_allocs, 1);
        assert_true(mly_arena_measure(&open.arena) - open.arena.used < 1024);

        open_tile_close(&open);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_becomes_a_row),
        cmocka_unit_test(every_integer_encoding_is_an_integer),
        cmocka_unit_test(signed_encodings_hold_negative_numbers),
        cmocka_unit_test(an_unsigned_number_beyond_63_bits_is_no_integer_but_a_real),
        cmocka_unit_test(floats_and_doubles_keep_their_bits),
        cmocka_unit_test(booleans_are_true_and_false),
        cmocka_unit_test(text_is_text_and_an_empty_one_nothing),
        cmocka_unit_test(a_value_in_another_encoding_becomes_what_its_column_wants),
        cmocka_unit_test(a_row_without_a_usable_id_stays_without_one),
        cmocka_unit_test(what_a_feature_does_not_say_is_nothing),
        cmocka_unit_test(keys_that_nobody_knows_are_stepped_over),
        cmocka_unit_test(dictionaries_may_stand_before_or_after_the_features),
        cmocka_unit_test(both_versions_are_read),
        cmocka_unit_test(without_a_word_the_extent_is_4096),
        cmocka_unit_test(any_other_extent_divides_the_tile_as_finely),
        cmocka_unit_test(a_point_on_the_south_or_east_border_is_the_neighbour_s),
        cmocka_unit_test(rows_keep_the_order_of_features),
        cmocka_unit_test(few_points_and_many_stand_where_the_grid_says),
        cmocka_unit_test(the_type_unknown_is_read_by_its_geometry),
        cmocka_unit_test(no_bytes_are_a_tile_without_rows),
        cmocka_unit_test(a_layer_without_features_is_a_tile_without_rows),
        cmocka_unit_test(a_tile_of_other_layers_is_a_tile_without_rows),
        cmocka_unit_test(a_layer_without_a_name_is_nobody_s),
        cmocka_unit_test(other_layers_may_stand_around_and_hold_what_they_want),
        cmocka_unit_test(unknown_fields_are_stepped_over_everywhere),
        cmocka_unit_test(tags_and_geometry_need_not_be_packed),
        cmocka_unit_test(a_list_may_be_split_into_chunks),
        cmocka_unit_test(chunks_and_loose_numbers_may_alternate),
        cmocka_unit_test(numbers_may_be_spelled_with_more_bytes_than_they_need),
        cmocka_unit_test(of_a_repeated_single_field_the_last_one_counts),
        cmocka_unit_test(a_name_that_is_taken_back_is_not_the_layer_s),
        cmocka_unit_test(a_type_has_32_bits_however_many_are_sent),
        cmocka_unit_test(a_value_without_a_type_says_nothing),
        cmocka_unit_test(a_zero_byte_does_not_end_a_text),
        cmocka_unit_test(a_zero_byte_does_not_end_a_key),
        cmocka_unit_test(a_dictionary_may_hold_a_key_twice),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(any_ceiling_that_is_too_low_is_named_as_such),
        cmocka_unit_test(a_tile_in_plain_form_takes_one_block_with_nothing_to_spare),
        cmocka_unit_test(a_tile_of_tiny_features_meets_the_ceiling_before_it_takes_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
