/* SPDX-License-Identifier: MIT */
/* What is no vector tile, or a broken one: a test for each rule of MVT 2.1 that the reader looks at.
 *
 * clause    rule                                          where it is tested, if not here
 * 3         the grid of tiles, and where a position lies  test_tile.c, test_mvt.c
 * 4         an encoded protocol buffers message
 * 4.1       layers: version, name, extent, dictionaries
 * 4.1       no extent means 4096; no features, no rows    test_mvt.c
 * 4.2       features: geometry; their own id
 * 4.3.1     command integers
 * 4.3.2     parameter integers
 * 4.3.3     commands: which, and how many of each         test_mvt_parts.c for lines and rings
 * 4.3.4.2   points
 * 4.3.4.3   lines                                         test_mvt_parts.c
 * 4.3.4.4   polygons: rings                               test_mvt_parts.c
 * 4.3.4.4   polygons: outer rings and holes               test_detections.c
 * 4.3.5     the specification's examples                  test_mvt_parts.c for lines and polygons
 * 4.4       attributes
 * 4.4       values in each of their types                 test_mvt.c
 *
 * More lenient than the specification, since it loses nothing: a layer without features, a line that stands still
 * (4.3.3.2), a type that is unknown (4.3.4.1), a value without a type. */
#include "core/mvt.h"

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

static void assert_refused(struct bytes tile, const char *words)
{
    struct open_tile open;
    open_images(&open, tile);
    assert_status(open.status, MLY_E_CORRUPT, &open.err);
    assert_says(open.err.text, words);
    open_tile_close(&open);
}

/* ---- what is refused: the tile ---- */

static void a_web_page_is_no_tile(void **state)
{
    (void)state;
    struct bytes page = {.size = 0}, short_page = {.size = 0};
    bytes_append(&page, "<!DOCTYPE html>\n<html lang=\"en\"><body>Log in</body></html>", 58);
    bytes_append(&short_page, "<html>", 6);

    assert_refused(page, "no vector tile");
    assert_refused(short_page, "no vector tile");
}

static void json_is_no_tile(void **state)
{
    (void)state;
    struct bytes object = {.size = 0}, list = {.size = 0}, word = {.size = 0};
    bytes_append(&object, "{\"error\":{\"code\":190}}", 22);
    bytes_append(&list, "[]", 2);
    bytes_append(&word, "null", 4);

    assert_refused(object, "no vector tile");
    assert_refused(list, "no vector tile");
    assert_refused(word, "no vector tile");
}

static void bytes_without_a_layer_are_no_tile(void **state)
{
    (void)state;
    struct bytes unknown_only = {.size = 0};
    bytes_put_varint(&unknown_only, 1, 1);

    assert_refused(unknown_only, "no vector tile");
}

static void a_layer_that_is_a_number_is_refused(void **state)
{
    (void)state;
    struct bytes tile = {.size = 0};
    bytes_put_varint(&tile, TILE_LAYER, 1);

    assert_refused(tile, "wire type");
}

static void two_layers_of_one_name_are_refused(void **state)
{
    (void)state;
    struct bytes tile = make_images(1, 1), second = make_images(2, 1);
    bytes_append(&tile, second.data, second.size);
    bytes_free(&second);

    assert_refused(tile, "4.1");
}

static void sizes_beyond_the_bytes_are_refused(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {5, 0x7fffffff, UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 34};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bytes tile = {.size = 0}, layer = {.size = 0};
        bytes_tag(&tile, TILE_LAYER, BYTES_LENGTH);
        bytes_varint(&tile, sizes[i]);
        bytes_append(&tile, "\x0a\x00", 2);
        bytes_put_text(&layer, LAYER_NAME, "image");
        bytes_tag(&layer, LAYER_FEATURE, BYTES_LENGTH);
        bytes_varint(&layer, sizes[i]);
        struct bytes nested = {.size = 0};
        bytes_put_message(&nested, TILE_LAYER, &layer);

        assert_refused(tile, "no vector tile");
        assert_refused(nested, "protocol buffers");
    }
}

static void a_number_without_an_end_is_refused(void **state)
{
    (void)state;
    static const uint8_t endless[10] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
    struct bytes in_tile = make_images(1, 1);
    struct make_sketch in_layer = make_sketch(), in_feature = make_sketch();
    bytes_tag(&in_tile, 7, BYTES_VARINT);
    bytes_append(&in_tile, endless, sizeof endless);
    bytes_tag(make_rewrite(&in_layer, MAKE_VERSION), LAYER_VERSION, BYTES_VARINT);
    bytes_append(&in_layer.layer[MAKE_VERSION], endless, sizeof endless);
    bytes_put_data(make_rewrite_feature(&in_feature, MAKE_TAGS), FEATURE_TAGS, endless, sizeof endless);

    assert_refused(in_tile, "no vector tile");
    assert_refused(make_sketched_tile(&in_layer), "protocol buffers");
    assert_refused(make_sketched_tile(&in_feature), "protocol buffers");
}

/* ---- what is refused: the layer (MVT 4.1) ---- */

static void a_layer_without_a_version_is_refused(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    (void)make_rewrite(&sketch, MAKE_VERSION);

    assert_refused(make_sketched_tile(&sketch), "head");
}

static void versions_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const uint64_t versions[] = {0, 3, 255, UINT32_MAX};
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct make_sketch sketch = make_sketch();
        bytes_put_varint(make_rewrite(&sketch, MAKE_VERSION), LAYER_VERSION, versions[i]);

        assert_refused(make_sketched_tile(&sketch), "4.1");
    }
}

static void an_extent_of_nothing_or_beyond_28_bits_is_refused(void **state)
{
    (void)state;
    static const uint64_t extents[] = {0, (1 << 28) + 1, INT32_MAX, UINT64_C(1) << 31, UINT32_MAX};
    for (size_t i = 0; i < COUNT(extents); i++) {
        struct make_sketch sketch = make_sketch();
        bytes_put_varint(make_rewrite(&sketch, MAKE_EXTENT), LAYER_EXTENT, extents[i]);

        assert_refused(make_sketched_tile(&sketch), "4.1");
    }
}

static void a_layer_s_field_of_the_wrong_wire_type_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum make_part part;
        uint32_t number;
        bool is_text; /* else it is a number */
    } wrong[] = {
        {MAKE_NAME, LAYER_NAME, false},    {MAKE_FEATURES, LAYER_FEATURE, false}, {MAKE_KEYS, LAYER_KEY, false},
        {MAKE_VALUES, LAYER_VALUE, false}, {MAKE_EXTENT, LAYER_EXTENT, true},     {MAKE_VERSION, LAYER_VERSION, true},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct make_sketch sketch = make_sketch();
        if (wrong[i].is_text)
            bytes_put_text(&sketch.layer[wrong[i].part], wrong[i].number, "2");
        else
            bytes_put_varint(&sketch.layer[wrong[i].part], wrong[i].number, 2);

        assert_refused(make_sketched_tile(&sketch), "");
    }
}

static void a_layer_of_another_name_must_be_framed_as_well(void **state)
{
    (void)state;
    struct bytes tile = make_images(1, 1), other = {.size = 0};
    bytes_put_text(&other, LAYER_NAME, "sequence");
    bytes_tag(&other, LAYER_FEATURE, BYTES_LENGTH);
    bytes_varint(&other, 100);
    bytes_put_message(&tile, TILE_LAYER, &other);

    assert_refused(tile, "protocol buffers");
}

static void a_value_of_two_types_is_refused(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes value = {.size = 0};
    make_value(&value, (struct make_value){.encoding = MAKE_INT, .integer = 7});
    make_value(&value, (struct make_value){.encoding = MAKE_TEXT, .text = ""});
    make_put_first_value(&sketch, &value);

    assert_refused(make_sketched_tile(&sketch), "4.1");
}

/* But for booleans, of which protobuf-c takes any bytes. */
static void a_value_in_the_wrong_wire_type_is_refused(void **state)
{
    (void)state;
    static const enum bytes_wire_type right[] = {
        [MAKE_TEXT] = BYTES_LENGTH, [MAKE_FLOAT] = BYTES_32,    [MAKE_DOUBLE] = BYTES_64,
        [MAKE_INT] = BYTES_VARINT,  [MAKE_UINT] = BYTES_VARINT, [MAKE_SINT] = BYTES_VARINT,
    };
    static const enum bytes_wire_type types[] = {BYTES_VARINT, BYTES_64, BYTES_LENGTH, BYTES_32};
    for (uint32_t number = MAKE_TEXT; number <= MAKE_SINT; number++) {
        for (size_t i = 0; i < COUNT(types); i++) {
            if (types[i] == right[number])
                continue;
            struct make_sketch sketch = make_sketch();
            struct bytes value = {.size = 0};
            bytes_tag(&value, number, types[i]);
            bytes_append(&value, "\1\0\0\0\0\0\0\0", types[i] == BYTES_64 ? 8 : types[i] == BYTES_32 ? 4 : 1);
            if (types[i] == BYTES_LENGTH)
                bytes_byte(&value, 'x');
            make_put_first_value(&sketch, &value);

            assert_refused(make_sketched_tile(&sketch), "a value");
        }
    }
}

static void a_broken_value_is_refused_even_when_nobody_uses_it(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    bytes_put_data(&sketch.layer[MAKE_VALUES], LAYER_VALUE, "\x09\x01", 2);

    assert_refused(make_sketched_tile(&sketch), "a value");
}

/* ---- what is refused: the feature ---- */

static void a_feature_without_geometry_is_refused(void **state)
{
    (void)state;
    struct make_sketch absent = make_sketch(), empty = make_sketch();
    (void)make_rewrite_feature(&absent, MAKE_GEOMETRY);
    make_put_geometry(&empty, NULL, 0);

    assert_refused(make_sketched_tile(&absent), "4.2");
    assert_refused(make_sketched_tile(&empty), "4.2");
}

static void another_shape_than_the_layer_s_is_refused(void **state)
{
    (void)state;
    static const uint64_t shapes[] = {SHAPE_LINE, SHAPE_POLYGON, 4, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct make_sketch sketch = make_sketch();
        bytes_put_varint(make_rewrite_feature(&sketch, MAKE_TYPE), FEATURE_TYPE, shapes[i]);

        assert_refused(make_sketched_tile(&sketch), "4.3.4");
    }
}

static void a_point_that_does_not_begin_with_one_move_to_is_refused(void **state)
{
    (void)state;
    const uint32_t commands[] = {
        make_command(MOVE_TO, 0),
        make_command(MOVE_TO, 2),
        make_command(LINE_TO, 1),
        make_command(CLOSE_PATH, 1),
        make_command(0, 1),
        make_command(3, 1),
        make_command(MOVE_TO, (1 << 29) - 1),
        0,
        make_command(MOVE_TO, 1 << 28),
    };
    for (size_t i = 0; i < COUNT(commands); i++) {
        const uint32_t geometry[] = {commands[i], 200, 400};
        struct make_sketch sketch = make_sketch();
        make_put_geometry(&sketch, geometry, COUNT(geometry));

        assert_refused(make_sketched_tile(&sketch), "4.3.4.2");
    }
}

static void several_points_in_one_feature_are_refused(void **state)
{
    (void)state;
    const uint32_t two_at_once[] = {make_command(MOVE_TO, 2), 200, 400, 2, 2};
    const uint32_t one_by_one[] = {make_command(MOVE_TO, 1), 200, 400, make_command(MOVE_TO, 1), 2, 2};
    struct make_sketch at_once = make_sketch(), by_one = make_sketch();
    make_put_geometry(&at_once, two_at_once, COUNT(two_at_once));
    make_put_geometry(&by_one, one_by_one, COUNT(one_by_one));

    assert_refused(make_sketched_tile(&at_once), "4.3.4.2");
    assert_refused(make_sketched_tile(&by_one), "4.3.4.2");
}

static void a_position_that_lacks_a_number_is_refused(void **state)
{
    (void)state;
    for (size_t n = 1; n < 3; n++) {
        const uint32_t geometry[] = {make_command(MOVE_TO, 1), 200, 400};
        struct make_sketch sketch = make_sketch();
        make_put_geometry(&sketch, geometry, n);

        assert_refused(make_sketched_tile(&sketch), "4.3.2");
    }
}

/* 4.3.1: the lower three bits are the command, the others its count. */
static void command_integers_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(make_command(MOVE_TO, 1), 9);
    assert_int_equal(make_command(MOVE_TO, 120), 961);
    assert_int_equal(make_command(LINE_TO, 1), 10);
    assert_int_equal(make_command(LINE_TO, 3), 26);
    assert_int_equal(make_command(CLOSE_PATH, 1), 15);
}

/* 4.3.5.1 and 4.3.5.2, as they stand there. */
static void the_specification_s_point_is_read_and_its_points_are_refused(void **state)
{
    (void)state;
    static const uint32_t point[] = {9, 50, 34}, points[] = {17, 10, 14, 3, 9};
    struct make_sketch one = make_sketch(), several = make_sketch();
    struct open_tile open;
    make_put_geometry(&one, point, COUNT(point));
    make_put_geometry(&several, points, COUNT(points));

    open_images(&open, make_sketched_tile(&one));

    assert_int_equal(open.n_rows, 1);
    assert_near(open_tile_row(&open, 0).longitude, mly_tile_longitude(open_tile_place, 25, 4096), 1e-12);
    assert_near(open_tile_row(&open, 0).latitude, mly_tile_latitude(open_tile_place, 17, 4096), 1e-12);
    open_tile_close(&open);
    assert_refused(make_sketched_tile(&several), "4.3.4.2");
}

/* 4.3.2: odd numbers are negative, so -1 is outside of the tile, and a neighbour's. */
static void parameter_integers_are_zigzag_encoded(void **state)
{
    (void)state;
    static const struct {
        uint32_t parameter;
        bool is_inside;
    } parameters[] = {{0, true},     {1, false},    {2, true},          {8190, true},
                      {8191, false}, {8192, false}, {UINT32_MAX, false}};
    for (size_t i = 0; i < COUNT(parameters); i++) {
        const uint32_t geometry[] = {make_command(MOVE_TO, 1), parameters[i].parameter, 0};
        struct make_sketch sketch = make_sketch();
        struct open_tile open;
        make_put_geometry(&sketch, geometry, COUNT(geometry));

        open_images(&open, make_sketched_tile(&sketch));

        assert_status(open.status, MLY_OK, &open.err);
        assert_int_equal(open.n_rows, parameters[i].is_inside);
        assert_int_equal(mly_mvt_outside(open.mvt), !parameters[i].is_inside);
        open_tile_close(&open);
    }
}

/* 4.2: it is optional, and no row's id: the service's ids are attributes. */
static void a_feature_s_own_id_says_nothing(void **state)
{
    (void)state;
    static const uint64_t ids[] = {0, 1, 8, UINT64_MAX};
    for (size_t i = 0; i <= COUNT(ids); i++) {
        struct make_sketch sketch = make_sketch();
        struct open_tile open;
        struct bytes *own = make_rewrite_feature(&sketch, MAKE_ID);
        if (i < COUNT(ids))
            bytes_put_varint(own, FEATURE_ID, ids[i]);

        open_images(&open, make_sketched_tile(&sketch));

        assert_int_equal(open.n_rows, 1);
        assert_int_equal(open_tile_row(&open, 0).id, 7);
        open_tile_close(&open);
    }
}

static void numbers_after_the_position_are_refused(void **state)
{
    (void)state;
    const uint32_t geometry[] = {make_command(MOVE_TO, 1), 200, 400, 0};
    struct make_sketch sketch = make_sketch();
    make_put_geometry(&sketch, geometry, COUNT(geometry));

    assert_refused(make_sketched_tile(&sketch), "4.3.4.2");
}

static void a_key_without_a_value_is_refused(void **state)
{
    (void)state;
    static const uint32_t tags[] = {0, 0, 1};
    struct make_sketch sketch = make_sketch();
    make_put_tags(&sketch, tags, COUNT(tags));

    assert_refused(make_sketched_tile(&sketch), "4.4");
}

static void a_key_beyond_the_dictionary_is_refused(void **state)
{
    (void)state;
    static const uint32_t keys[] = {2, 3, 1000, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < COUNT(keys); i++) {
        const uint32_t tags[] = {0, 0, keys[i], 1};
        struct make_sketch sketch = make_sketch();
        make_put_tags(&sketch, tags, COUNT(tags));

        assert_refused(make_sketched_tile(&sketch), "4.4");
    }
}

static void a_value_beyond_the_dictionary_is_refused(void **state)
{
    (void)state;
    static const uint32_t values[] = {2, 3, 1000, INT32_MAX, UINT32_MAX};
    for (size_t i = 0; i < COUNT(values); i++) {
        const uint32_t tags[] = {0, 0, 1, values[i]};
        struct make_sketch sketch = make_sketch();
        make_put_tags(&sketch, tags, COUNT(tags));

        assert_refused(make_sketched_tile(&sketch), "4.4");
    }
}

static void tags_without_dictionaries_are_refused(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    (void)make_rewrite(&sketch, MAKE_KEYS);
    (void)make_rewrite(&sketch, MAKE_VALUES);

    assert_refused(make_sketched_tile(&sketch), "4.4");
}

static void a_key_twice_in_one_feature_is_refused(void **state)
{
    (void)state;
    static const uint32_t same[] = {0, 0, 0, 1}, spelled_twice[] = {0, 0, 2, 0};
    struct make_sketch same_index = make_sketch(), same_name = make_sketch();
    make_put_tags(&same_index, same, COUNT(same));
    make_put_tags(&same_name, spelled_twice, COUNT(spelled_twice));
    bytes_put_text(&same_name.layer[MAKE_KEYS], LAYER_KEY, "id");

    assert_refused(make_sketched_tile(&same_index), "4.4");
    assert_refused(make_sketched_tile(&same_name), "4.4");
}

static void a_feature_s_field_of_the_wrong_wire_type_is_refused(void **state)
{
    (void)state;
    struct make_sketch id = make_sketch(), type = make_sketch(), tags = make_sketch(), geometry = make_sketch();
    bytes_put_text(make_rewrite_feature(&id, MAKE_ID), FEATURE_ID, "1");
    bytes_put_text(make_rewrite_feature(&type, MAKE_TYPE), FEATURE_TYPE, "\1");
    bytes_put_32(make_rewrite_feature(&tags, MAKE_TAGS), FEATURE_TAGS, 1);
    bytes_put_64(make_rewrite_feature(&geometry, MAKE_GEOMETRY), FEATURE_GEOMETRY, 1);

    assert_refused(make_sketched_tile(&id), "protocol buffers");
    assert_refused(make_sketched_tile(&type), "protocol buffers");
    assert_refused(make_sketched_tile(&tags), "protocol buffers");
    assert_refused(make_sketched_tile(&geometry), "protocol buffers");
}

static void one_broken_feature_refuses_the_tile_and_is_named(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes whole = make_sketched_feature(&sketch), broken = {.size = 0};
    bytes_put_varint(&broken, FEATURE_TYPE, SHAPE_POINT);
    for (int i = 0; i < 40; i++)
        bytes_put_data(&sketch.layer[MAKE_FEATURES], LAYER_FEATURE, whole.data, whole.size);
    bytes_put_message(&sketch.layer[MAKE_FEATURES], LAYER_FEATURE, &broken);
    bytes_free(&whole);

    assert_refused(make_sketched_tile(&sketch),
                   "layer 'image': feature 41: "); /* counted from 0, after the sketched one */
}

/* ---- cut anywhere ---- */

/* Where a tile of three layers is cut decides: at a layer's end it is a smaller tile, anywhere else none. */
static void a_cut_tile_is_a_smaller_tile_or_none(void **state)
{
    (void)state;
    struct bytes tile = {.size = 0}, images = make_images(1, 3);
    const struct make_feature point = {.x = 1, .y = 1};
    make_layer(&tile, &(struct make_layer){.name = "sequence", .features = &point, .n_features = 1});
    const size_t end_of_first = tile.size;
    bytes_append(&tile, images.data, images.size);
    const size_t end_of_images = tile.size;
    make_layer(&tile, &(struct make_layer){.name = "overview", .features = &point, .n_features = 1});
    bytes_free(&images);

    for (size_t n = 0; n <= tile.size; n++) {
        struct open_tile open;
        const bool is_whole = n == 0 || n == end_of_first || n == end_of_images || n == tile.size;

        open_tile(&open, (struct mly_span){.data = tile.data, .size = n}, "images");

        assert_status(open.status, is_whole ? MLY_OK : MLY_E_CORRUPT, &open.err);
        assert_int_equal(open.n_rows, is_whole && n >= end_of_images ? 3 : 0);
        open_tile_close(&open);
    }
    bytes_free(&tile);
}

/* Cut within, and framed again: what is left of the last field's message is framed as if it had been meant so. */
static void a_cut_layer_is_never_read_in_part(void **state)
{
    (void)state;
    struct make_sketch sketch = make_sketch();
    struct bytes layer = make_sketched_layer(&sketch);
    for (size_t n = 0; n < layer.size; n++) {
        struct bytes tile = {.size = 0};
        struct open_tile open;
        bytes_put_data(&tile, TILE_LAYER, layer.data, n);

        open_images(&open, tile);

        assert_int_equal(open.n_rows, 0); /* the version stands last, so no part of it is a layer */
        assert_true(open.status == MLY_OK || open.status == MLY_E_CORRUPT);
        open_tile_close(&open);
    }
    bytes_free(&layer);
    make_free_sketch(&sketch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_web_page_is_no_tile),
        cmocka_unit_test(json_is_no_tile),
        cmocka_unit_test(bytes_without_a_layer_are_no_tile),
        cmocka_unit_test(a_layer_that_is_a_number_is_refused),
        cmocka_unit_test(two_layers_of_one_name_are_refused),
        cmocka_unit_test(sizes_beyond_the_bytes_are_refused),
        cmocka_unit_test(a_number_without_an_end_is_refused),
        cmocka_unit_test(a_layer_without_a_version_is_refused),
        cmocka_unit_test(versions_that_do_not_exist_are_refused),
        cmocka_unit_test(an_extent_of_nothing_or_beyond_28_bits_is_refused),
        cmocka_unit_test(a_layer_s_field_of_the_wrong_wire_type_is_refused),
        cmocka_unit_test(a_layer_of_another_name_must_be_framed_as_well),
        cmocka_unit_test(a_value_of_two_types_is_refused),
        cmocka_unit_test(a_value_in_the_wrong_wire_type_is_refused),
        cmocka_unit_test(a_broken_value_is_refused_even_when_nobody_uses_it),
        cmocka_unit_test(a_feature_without_geometry_is_refused),
        cmocka_unit_test(another_shape_than_the_layer_s_is_refused),
        cmocka_unit_test(a_point_that_does_not_begin_with_one_move_to_is_refused),
        cmocka_unit_test(several_points_in_one_feature_are_refused),
        cmocka_unit_test(a_position_that_lacks_a_number_is_refused),
        cmocka_unit_test(command_integers_are_those_of_the_specification),
        cmocka_unit_test(the_specification_s_point_is_read_and_its_points_are_refused),
        cmocka_unit_test(parameter_integers_are_zigzag_encoded),
        cmocka_unit_test(a_feature_s_own_id_says_nothing),
        cmocka_unit_test(numbers_after_the_position_are_refused),
        cmocka_unit_test(a_key_without_a_value_is_refused),
        cmocka_unit_test(a_key_beyond_the_dictionary_is_refused),
        cmocka_unit_test(a_value_beyond_the_dictionary_is_refused),
        cmocka_unit_test(tags_without_dictionaries_are_refused),
        cmocka_unit_test(a_key_twice_in_one_feature_is_refused),
        cmocka_unit_test(a_feature_s_field_of_the_wrong_wire_type_is_refused),
        cmocka_unit_test(one_broken_feature_refuses_the_tile_and_is_named),
        cmocka_unit_test(a_cut_tile_is_a_smaller_tile_or_none),
        cmocka_unit_test(a_cut_layer_is_never_read_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
