/* SPDX-License-Identifier: MIT */
#include "core/schema.h"

#include <string.h>

#include "support/check.h"

static void layers_are_found_by_place_and_by_exact_name(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < mly_schema_count(); i++)
        assert_ptr_equal(mly_schema_find(mly_schema_layer(i)->name), mly_schema_layer(i));

    assert_null(mly_schema_layer(mly_schema_count()));
    assert_null(mly_schema_layer(UINT32_MAX));
    assert_null(mly_schema_find(""));
    assert_null(mly_schema_find("Images"));
    assert_null(mly_schema_find("image"));
}

static void the_four_layers_of_a_conversion_come_first(void **state)
{
    (void)state;
    static const struct {
        const char *name, *tileset, *tile_layer;
        enum mly_shape shape;
    } expected[] = {
        {"images", "mly1_public", "image", MLY_POINT},
        {"sequences", "mly1_public", "sequence", MLY_LINES},
        {"map_features", "mly_map_feature_point", "point", MLY_POINT},
        {"traffic_signs", "mly_map_feature_traffic_sign", "traffic_sign", MLY_POINT},
    };
    for (uint32_t i = 0; i < COUNT(expected); i++) {
        const struct mly_layer *layer = mly_schema_layer(i);

        assert_string_equal(layer->name, expected[i].name);
        assert_string_equal(layer->tileset, expected[i].tileset);
        assert_string_equal(layer->tile_layer, expected[i].tile_layer);
        assert_int_equal(layer->shape, expected[i].shape);
        assert_int_equal(layer->zoom, 14);
    }
}

static void every_layer_begins_with_its_id_and_has_no_name_twice(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < mly_schema_count(); i++) {
        const struct mly_layer *layer = mly_schema_layer(i);

        if (layer->way != MLY_WAY_PLAN) { /* a tile has no id */
            assert_string_equal(layer->columns[0].name, "id");
            assert_true(layer->columns[0].type == MLY_INT || layer->columns[0].type == MLY_TEXT);
        }
        for (uint32_t a = 0; a < layer->n_columns; a++) {
            for (uint32_t b = 0; b < a; b++)
                assert_string_not_equal(layer->columns[a].name, layer->columns[b].name);
        }
    }
}

static void every_column_fits_and_can_be_shown(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < mly_schema_count(); i++) {
        const struct mly_layer *layer = mly_schema_layer(i);

        assert_true(layer->n_columns <= MLY_SCHEMA_MAX_COLUMNS);
        assert_true(layer->min_zoom <= layer->zoom);
        assert_true(strlen(layer->label) > 0);
        for (uint32_t column = 0; column < layer->n_columns; column++) {
            assert_true(strlen(layer->columns[column].label) > 0);
            assert_int_not_equal(layer->columns[column].type, MLY_NULL);
        }
    }
}

static void what_tiles_carry_comes_first_and_the_rest_says_where_it_is_from(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < mly_schema_count(); i++) {
        const struct mly_layer *layer = mly_schema_layer(i);

        for (uint32_t column = 0; column < layer->n_columns; column++) {
            const struct mly_column *c = &layer->columns[column];
            assert_int_equal(c->origin == MLY_FROM_TILE, column < layer->n_tile_columns);
            if (c->origin == MLY_FROM_GRAPH)
                assert_non_null(c->graph);
            if (c->origin == MLY_FROM_NEAR || c->origin == MLY_FROM_AIM)
                assert_null(c->graph);
            if (layer->entity != MLY_ENTITY_NONE && layer->entity != MLY_ENTITY_SEQUENCE && c->origin == MLY_FROM_TILE)
                assert_non_null(c->graph); /* a row looked up by its id has all that a tile's has */
        }
    }
}

static void columns_are_found_by_name_and_by_where_they_are_from(void **state)
{
    (void)state;
    const struct mly_layer *signs = mly_schema_find("traffic_signs");

    assert_int_equal(mly_schema_column(signs, "value"), 1);
    assert_int_equal(mly_schema_column(signs, "make"), -1);
    assert_true(mly_schema_columns(signs, MLY_FROM_TILE) == 0x0f);
    assert_true(mly_schema_columns(signs, MLY_FROM_GRAPH) == 0x70);
    assert_true(mly_schema_columns(signs, MLY_FROM_NEAR) == 0x80);
    assert_true(mly_schema_columns(signs, MLY_FROM_AIM) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_found_by_place_and_by_exact_name),
        cmocka_unit_test(the_four_layers_of_a_conversion_come_first),
        cmocka_unit_test(every_layer_begins_with_its_id_and_has_no_name_twice),
        cmocka_unit_test(every_column_fits_and_can_be_shown),
        cmocka_unit_test(what_tiles_carry_comes_first_and_the_rest_says_where_it_is_from),
        cmocka_unit_test(columns_are_found_by_name_and_by_where_they_are_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
