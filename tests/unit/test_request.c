/* SPDX-License-Identifier: MIT */
#include "core/request.h"

#include <string.h>

#include "support/check.h"

static const struct mly_tile place = {.x = 8574, .y = 5735, .z = 14};

static void a_tile_is_asked_for_as_the_service_spells_it(void **state)
{
    (void)state;
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};

    const enum mly_status status = mly_request_tile("https://tiles.mapillary.com", "mly1_public", place, &request,
                                                    &err);

    assert_status(status, MLY_OK, &err);
    assert_string_equal(request.url, "https://tiles.mapillary.com/maps/vtp/mly1_public/2/14/8574/5735");
    assert_string_equal(request.key, "mly1_public/14/8574/5735");
    assert_int_equal(request.kind, MLY_REQUEST_TILE);
}

static void a_new_request_asks_nothing_special(void **state)
{
    (void)state;
    struct mly_request request;
    memset(&request, 0xff, sizeof request);

    assert_status(mly_request_tile("https://a", "b", place, &request, NULL), MLY_OK, NULL);

    assert_int_equal(request.ticket, 0);
    assert_false(request.fresh);
    assert_true(request.max_bytes == MLY_LIMIT_BODY);
}

static void the_largest_numbers_fit(void **state)
{
    (void)state;
    const struct mly_tile last = {.x = UINT32_MAX, .y = UINT32_MAX, .z = UINT8_MAX};
    struct mly_request request;
    char service[MLY_LIMIT_ADDRESS];
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';

    assert_status(mly_request_tile(service, "mly_map_feature_traffic_sign", last, &request, NULL), MLY_OK, NULL);

    assert_string_equal(request.key, "mly_map_feature_traffic_sign/255/4294967295/4294967295");
    assert_int_equal(strlen(request.url), MLY_LIMIT_ADDRESS - 1 + strlen("/maps/vtp//2") + strlen(request.key));
}

static void an_address_that_does_not_fit_is_refused_not_cut(void **state)
{
    (void)state;
    struct mly_request request;
    struct mly_error err = {.code = MLY_OK};
    char service[MLY_LIMIT_URL];
    memset(service, 's', sizeof service - 1);
    service[sizeof service - 1] = '\0';

    assert_status(mly_request_tile(service, "mly1_public", place, &request, &err), MLY_E_LIMIT, NULL);
    assert_says(err.text, "too long");

    service[MLY_LIMIT_KEY] = '\0';
    assert_status(mly_request_tile("https://a", service, place, &request, &err), MLY_E_LIMIT, NULL);
}

static void detections_are_asked_for_by_their_owner(void **state)
{
    (void)state;
    struct mly_request request;

    assert_status(mly_request_detections("https://graph.mapillary.com", INT64_C(59042170395811371), &request, NULL),
                  MLY_OK, NULL);

    assert_int_equal(request.kind, MLY_REQUEST_GRAPH);
    assert_string_equal(request.key, "59042170395811371/detections");
    assert_string_equal(request.url, "https://graph.mapillary.com/59042170395811371/detections"
                                     "?fields=created_at,geometry,image,value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_is_asked_for_as_the_service_spells_it),
        cmocka_unit_test(a_new_request_asks_nothing_special),
        cmocka_unit_test(the_largest_numbers_fit),
        cmocka_unit_test(an_address_that_does_not_fit_is_refused_not_cut),
        cmocka_unit_test(detections_are_asked_for_by_their_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
