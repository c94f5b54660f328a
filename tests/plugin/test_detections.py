# SPDX-License-Identifier: MIT
"""Detections: what was seen in an image, or of a map feature, with outlines in the image."""
from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Sequence, Tuple

import mvt
import pytest
from osgeo import gdal, ogr

from conftest import serve
from features import Layer, Seen, assert_same_features, at, is_close, plain, schema
from reading import Heard, iso_ms, listening
from service import JSON, dumps

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "real" / "graph"
NOBODY = 999_999_999_999_999


# ---- What must come ---------------------------------------------------------------------------


def polygons_of(parts: Iterable[Sequence[Sequence[Tuple[int, int]]]]) -> Tuple:
    """Polygons in 4096ths of the image as a shape from 0 to 1, each ring closed."""
    return tuple(tuple(tuple((x / 4096, y / 4096) for x, y in (*ring, ring[0])) for ring in rings)
                 for rings in parts)


def row_of(detection, image_id=None, map_feature_id=None) -> Seen:
    """A detection of the town, asked for by an image or by a map feature."""
    fields = {"id": detection.id, "image_id": image_id or detection.image.id, "map_feature_id": map_feature_id,
              "value": detection.value, "created_at": detection.created_at // 1000 * 1000}
    return Seen(detection.id, fields, polygons_of(detection.polygons))


@pytest.fixture(scope="session")
def of_images(town) -> Callable[..., List[Seen]]:
    return lambda *ids: [row_of(each, image_id=n) for n in ids for each in town.truth_detections_of_image(n)]


@pytest.fixture(scope="session")
def of_map_features(town) -> Callable[..., List[Seen]]:
    return lambda *ids: [row_of(each, map_feature_id=n) for n in ids
                         for each in town.truth_detections_of_map_feature(n)]


@pytest.fixture(scope="session")
def seen_images(town) -> List[int]:
    """Images with detections of all kinds, those with the most first."""
    return sorted((image.id for image in town.images if town.truth_detections_of_image(image.id)),
                  key=lambda n: -len(town.truth_detections_of_image(n)))


@pytest.fixture(scope="session")
def seen_features(town) -> List[int]:
    return [feature.id for feature in (*town.signs[:30], *town.points[:30])
            if town.truth_detections_of_map_feature(feature.id)]


def ask(service, sql: str, **options: object) -> Layer:
    return Layer("detections", **{**at(service), **options}).where(sql)


def asked(service) -> List[str]:
    return [request.path for request in list(service.requests)]


def lists_of(*ids: int) -> List[str]:
    return [f"/{n}/detections" for n in ids]


def listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))


# ---- The layer --------------------------------------------------------------------------------------


def test_the_layer_has_multipolygons_without_a_reference_and_an_extent_of_one_image(service):
    opened = Layer("detections", **at(service))

    assert schema(opened.layer) == [
        ("id", ogr.OFTInteger64, ogr.OFSTNone), ("image_id", ogr.OFTInteger64, ogr.OFSTNone),
        ("map_feature_id", ogr.OFTInteger64, ogr.OFSTNone), ("value", ogr.OFTString, ogr.OFSTNone),
        ("created_at", ogr.OFTDateTime, ogr.OFSTNone)]
    assert opened.layer.GetGeomType() == ogr.wkbMultiPolygon
    assert opened.layer.GetSpatialRef() is None
    assert opened.layer.GetExtent() == (0, 1, 0, 1)
    assert opened.layer.GetFIDColumn() == ""
    assert service.requests == []


def test_geometries_have_no_reference_either(service, seen_images):
    opened = ask(service, f"image_id = {seen_images[0]}")

    for feature in opened.layer:
        assert feature.geometry().GetSpatialReference() is None
        assert feature.geometry().GetGeometryType() == ogr.wkbMultiPolygon


# ---- Whose ------------------------------------------------------------------------------------------


def test_an_image_has_its_detections_in_the_order_of_the_service(service, seen_images, of_images):
    image = seen_images[0]
    assert len(of_images(image)) > 3

    found = ask(service, f"image_id = {image}").rows()

    assert_same_features(found, of_images(image))
    assert asked(service) == lists_of(image)


def test_a_map_feature_has_those_of_all_its_images(service, seen_features, of_map_features):
    feature = seen_features[0]
    expected = of_map_features(feature)
    assert len({row.fields["image_id"] for row in expected}) > 1

    found = ask(service, f"map_feature_id = {feature}").rows()

    assert_same_features(found, expected)
    assert asked(service) == lists_of(feature)


def test_what_the_town_shows_has_holes_and_several_polygons(seen_images, of_images):
    shapes = [row.shape for row in of_images(*seen_images[:60])]

    assert any(len(shape) > 1 for shape in shapes)
    assert any(len(polygon) > 1 for shape in shapes for polygon in shape)
    assert any(len(shape) == 1 and len(shape[0]) == 1 for shape in shapes)


def test_many_images_at_once_have_every_outline_exact(service, seen_images, of_images):
    ids = seen_images[:60]

    found = ask(service, f"image_id IN ({listed(ids)})").rows()

    assert_same_features(found, of_images(*ids))
    for row in found:
        assert all(0 <= value <= 1 for polygon in row.shape for ring in polygon for place in ring for value in place)


def test_outlines_have_x_to_the_right_and_y_down(service):
    wide_and_low = [(400, 3000), (3600, 3000), (3600, 3500), (400, 3500)]  # at the foot of the image
    answer(service, 1, [{"id": "5", "geometry": outline([[wide_and_low]])}])

    (row,) = ask(service, "image_id = 1").rows()

    west, south, east, north = (min(x for x, _ in row.shape[0][0]), min(y for _, y in row.shape[0][0]),
                                max(x for x, _ in row.shape[0][0]), max(y for _, y in row.shape[0][0]))
    assert (west, south, east, north) == (400 / 4096, 3000 / 4096, 3600 / 4096, 3500 / 4096)


# Filters, of the ids of three images or of three map features, and whose lists must be asked for in which order.
WAYS = {
    "{f} = {a}": "a",
    "{a} = {f}": "a",
    "{f} IN ({b}, {a}, {c})": "bac",
    "{f} = {b} OR {f} = {a}": "ba",
    "{a} = {f} OR {f} IN ({c}, {b})": "acb",
    "({f} = {c})": "c",
    "{f} IN ({a}, {a}, {b}, {a}, {b})": "ab",
    "{f} = {a} OR {f} = {a}": "a",
    "{f} IN ({a}, {b}) AND {f} IN ({b}, {c})": "b",
    "{f} = {a} AND {f} = {b}": "",
    "{f} IN ({c}, {a}) AND value LIKE '%' AND created_at > '2001/01/01'": "ca",
    "value IS NOT NULL AND ({f} = {b} OR {f} = {c})": "bc",
    "{f} IN ({a}, {b}) AND {f} <> {a}": "ab",
    "{f} IN ({a}, {b}) AND NOT {f} = {a}": "ab",
    "CAST({f} AS bigint) >= 0 AND {f} = {a}": "a",
    "({f} = {a} AND id > 0) OR ({f} = {b} AND id < 0)": "ab",
}


@pytest.mark.parametrize("owner", ("image_id", "map_feature_id"))
@pytest.mark.parametrize("way", WAYS)
def test_filters_name_owners_in_many_ways(service, seen_images, seen_features, of_images, of_map_features, way, owner):
    ids = dict(zip("abc", seen_images[:3] if owner == "image_id" else seen_features[:3]))
    rows = of_images if owner == "image_id" else of_map_features
    kept = {"{f} IN ({a}, {b}) AND {f} <> {a}": "b", "{f} IN ({a}, {b}) AND NOT {f} = {a}": "b",
            "({f} = {a} AND id > 0) OR ({f} = {b} AND id < 0)": "a"}

    found = ask(service, way.format(f=owner, **ids), CONNECTIONS=1).rows()

    assert_same_features(found, rows(*(ids[letter] for letter in kept.get(way, WAYS[way]))))
    assert asked(service) == lists_of(*(ids[letter] for letter in WAYS[way]))


def test_an_id_that_was_written_as_a_real_number_is_one(service, seen_images, of_images):
    image = seen_images[0]

    assert_same_features(ask(service, f"image_id = {image}.0").rows(), of_images(image))


def test_with_both_named_the_map_feature_is_asked_and_the_image_filters(service, town, of_map_features, seen_features):
    feature = seen_features[0]
    image = town.truth_detections_of_map_feature(feature)[-1].image.id
    expected = [row for row in of_map_features(feature) if row.fields["image_id"] == image]
    assert 0 < len(expected) < len(of_map_features(feature))

    found = ask(service, f"image_id = {image} AND map_feature_id = {feature}").rows()

    assert_same_features(found, expected)
    assert asked(service) == lists_of(feature)


def test_other_predicates_filter_the_rows(service, seen_images, of_images):
    ids = seen_images[:40]
    expected = [row for row in of_images(*ids) if row.fields["value"].startswith("nature--")]
    assert 0 < len(expected) < len(of_images(*ids))

    found = ask(service, f"image_id IN ({listed(ids)}) AND value LIKE 'nature--%'").rows()

    assert_same_features(found, expected)


def test_times_filter_the_rows(service, seen_images, of_images):
    ids = seen_images[:40]
    expected = [row for row in of_images(*ids) if row.fields["created_at"] >= iso_ms("2021-01-01T00:00:00Z")]
    assert 0 < len(expected) < len(of_images(*ids))

    found = ask(service, f"image_id IN ({listed(ids)}) AND created_at >= '2021/01/01'").rows()

    assert_same_features(found, expected)


def test_a_spatial_filter_is_one_within_the_image(service):
    boxes = {5: (100, 100), 6: (1000, 100), 7: (100, 3000), 8: (1000, 1000)}
    answer(service, 1, [{"id": str(n), "geometry": outline([[[(x, y), (x + 99, y), (x + 99, y + 99), (x, y + 99)]]])}
                        for n, (x, y) in boxes.items()])

    found = ask(service, "image_id = 1").within((0.0, 0.0, 1100 / 4096, 1100 / 4096)).rows()
    none = ask(service, "image_id = 1").within((8.0, 50.0, 9.0, 51.0)).rows()

    assert [row.fid for row in found] == [5, 6, 8]
    assert none == []


# Filters that name no owner, though some seem to.
UNBOUND = (
    None, "image_id > 5", "image_id <> 5", "NOT image_id = 5", "image_id = 5 OR value = 'object--bench'",
    "image_id IS NULL", "image_id BETWEEN 1 AND 9", "image_id = id", "value = 'object--bench'", "id = 7",
    "image_id + 0 = 5", "image_id = 5 OR map_feature_id = 6",
)


@pytest.mark.parametrize("sql", UNBOUND)
def test_filters_that_name_no_owner_are_refused_before_any_request(service, sql):
    opened = Layer("detections", **at(service))
    if sql:
        opened.where(sql)

    assert opened.layer.GetFeatureCount() == -1
    message = opened.failure()

    assert "image_id = " in message and "image_id IN (" in message and "map_feature_id = " in message
    assert service.requests == []


def test_no_owner_at_all_is_an_empty_answer_without_a_request(service, seen_images):
    opened = ask(service, f"image_id = {seen_images[0]} AND image_id = {seen_images[1]}")

    assert opened.rows() == []
    assert opened.layer.GetFeatureCount() == 0
    assert service.requests == []


def test_an_image_that_shows_nothing_has_no_rows(service, town):
    image = next(image.id for image in town.images if not town.truth_detections_of_image(image.id))

    assert ask(service, f"image_id = {image}").rows() == []
    assert asked(service) == lists_of(image)


def test_a_count_is_that_of_the_rows(service, seen_images, of_images):
    ids = seen_images[:5]

    opened = ask(service, f"image_id IN ({listed(ids)})")

    assert opened.layer.GetFeatureCount() == len(of_images(*ids))


# ---- Requests ---------------------------------------------------------------------------------------


def test_three_hundred_images_are_asked_for_in_parallel_and_rows_keep_the_order_of_the_filter(
        service, seen_images, of_images):
    ids = sorted(seen_images[:300], key=lambda n: n % 9973)  # in no order of the town's
    service.latency = 0.01

    found = ask(service, f"image_id IN ({listed(ids)})", CONNECTIONS=8).rows()

    assert_same_features(found, of_images(*ids))
    assert sorted(asked(service)) == sorted(lists_of(*ids))
    assert 1 < service.max_in_flight <= 8


def test_the_token_goes_in_a_header_and_nothing_of_it_in_the_address(service, seen_images):
    ask(service, f"image_id = {seen_images[0]}").rows()

    (request,) = service.requests
    assert request.headers["authorization"] == f"OAuth {service.token}"
    assert "access_token" not in request.query
    assert service.token.rpartition("|")[2] not in request.target
    assert request.query["fields"].split(",") == ["created_at", "geometry", "image", "value"]


def test_more_ids_than_requests_allowed_are_refused_before_the_first(service, seen_images):
    message = ask(service, f"image_id IN ({listed(seen_images[:11])})", MAX_REQUESTS=10).failure()

    assert "11" in message and "10" in message and "MAX_REQUESTS" in message
    assert service.requests == []


def test_as_many_ids_as_requests_allowed_are_asked_for(service, seen_images, of_images):
    ids = seen_images[:10]

    found = ask(service, f"image_id IN ({listed(ids)}, {ids[0]})", MAX_REQUESTS=10).rows()

    assert_same_features(found, of_images(*ids))
    assert sorted(asked(service)) == sorted(lists_of(*ids))


@pytest.mark.parametrize("value", ("0", "-1", "many", ""))
def test_ceilings_that_are_none_are_refused_at_once(value):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"MAX_REQUESTS={value}"])

    assert dataset is None
    assert len(heard.errors) == 1 and "MAX_REQUESTS" in heard.errors[0]


def test_whoever_stops_reading_stops_the_requests(service, seen_images):
    opened = ask(service, f"image_id IN ({listed(seen_images[:300])})", CONNECTIONS=2)

    assert opened.layer.GetNextFeature() is not None
    opened.layer.ResetReading()

    assert len(service.requests) < 20


# ---- What goes wrong -----------------------------------------------------------------------------------


def answer(service, owner: int, data: Any, times=None, **more: Any) -> None:
    """From now on, a list of detections is this."""
    body = data if isinstance(data, bytes) else dumps({"data": data, **more})
    service.fault(200, match=lambda request: request.path == f"/{owner}/detections", times=times, body=body, type=JSON)


def outline(polygons: Iterable[Sequence[mvt.Part]], layer: str = "mpy-or", **more: Any) -> str:
    return base64.b64encode(mvt.encode([mvt.Layer(
        layer, [mvt.polygons(rings, {}) for rings in polygons], **more)])).decode()


BOX = [(100, 100), (200, 100), (200, 300), (100, 300)]
GOOD = outline([[BOX]])


@pytest.mark.parametrize("place", (0, 2, 4))
def test_an_id_that_the_service_does_not_know_has_no_rows_and_is_no_error(service, seen_images, of_images, place):
    ids = seen_images[:4]

    found = ask(service, f"image_id IN ({listed([*ids[:place], NOBODY, *ids[place:]])})").rows()

    assert_same_features(found, of_images(*ids))
    assert f"/{NOBODY}/detections" in asked(service)


def test_nothing_but_unknown_ids_give_nothing(service):
    assert ask(service, f"image_id IN ({NOBODY}, {NOBODY - 1})").rows() == []
    assert ask(service, f"map_feature_id = {NOBODY}").rows() == []


# Failures for good: the fault, and what a message must say of it.
FAILING = {
    "another code 100": ("json_error", {"status": 400, "code": 100, "message": "Tried accessing it"}, "Tried"),
    "code 100 with another subcode": ("json_error", {"status": 400, "code": 100, "subcode": 34}, "HTTP 400"),
    "too much data": ("json_error", {"status": 500, "code": 1, "message": "Please reduce"}, "Please reduce"),
    "a token refused": ("json_error", {"status": 400, "code": 190, "message": "Error validating"}, "token"),
    "an error in words": (200, {"body": b'{"error":"Param x is wrong"}', "type": JSON}, "Param x is wrong"),
    "an outage that stays": (503, {}, "HTTP 503"),
    "a redirect": ("redirect", {}, "HTTP 302"),
    "a page of the web": ("garbage", {"body": "html"}, "detections"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_list_that_fails_for_good_fails_the_read(run, service, seen_images, name):
    fault, arguments, words = FAILING[name]
    bad = seen_images[2]
    service.fault(fault, match=lambda request: request.path == f"/{bad}/detections", times=None, **arguments)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "detections", "-where",
               f"image_id IN ({listed(seen_images[:5])})")

    assert done.code != 0
    assert f"{bad}/detections" in done.err and words in done.err


@pytest.mark.parametrize("fault, arguments", [
    (503, {}), ("reset", {}), ("short", {}), ("json_error", {"status": 500, "code": 2}),
    ("json_error", {"status": 403, "code": 4, "transient": True})],
    ids=("503", "a reset", "a short body", "an outage", "a rate limit"))
def test_what_passes_leaves_no_trace(service, seen_images, of_images, fault, arguments):
    ids = seen_images[:6]
    service.fault(fault, match=lambda request: request.path == f"/{ids[3]}/detections", **arguments)

    found = ask(service, f"image_id IN ({listed(ids)})").rows()

    assert_same_features(found, of_images(*ids))
    assert sorted(asked(service)) == sorted(lists_of(*ids, ids[3]))


# Bodies that are no list of detections.
NO_LISTS = {
    "no JSON": b"this is no JSON", "half of it": dumps({"data": [{"id": "5"}]})[:-4],
    "an array": b"[]", "no data": b"{}", "data that is no list": b'{"data":{"id":"5"}}', "null": b'{"data":null}',
    "a number": b"7",
    "too deep": b'{"data":' + b"[" * 100_000,
}


@pytest.mark.parametrize("name", NO_LISTS)
def test_a_body_that_is_no_list_is_asked_for_once_more_and_is_then_an_error(service, seen_images, name):
    bad = seen_images[1]
    answer(service, bad, NO_LISTS[name])

    message = ask(service, f"image_id = {bad}").failure()

    assert f"{bad}/detections" in message and "twice" in message
    assert asked(service) == lists_of(bad, bad)


@pytest.mark.parametrize("name", NO_LISTS)
def test_a_body_that_is_a_list_the_second_time_is_taken(service, seen_images, of_images, name):
    bad = seen_images[1]
    answer(service, bad, NO_LISTS[name], times=1)

    assert_same_features(ask(service, f"image_id = {bad}").rows(), of_images(bad))
    assert asked(service) == lists_of(bad, bad)


def test_an_empty_body_is_no_empty_list(service, seen_images):
    answer(service, seen_images[0], b"")

    assert f"{seen_images[0]}/detections" in ask(service, f"image_id = {seen_images[0]}").failure()


def test_a_number_that_no_id_can_be_names_nobody(service):
    assert ask(service, "image_id = 5.5").rows() == []
    assert service.requests == []
    ask(service, "image_id IN (1, 2.5)").rows()
    assert asked(service) == lists_of(1)


def test_a_next_page_without_an_address_is_no_end(service, seen_images):
    answer(service, seen_images[0], [{"id": "5", "geometry": GOOD}], paging={"next": "", "cursors": {}})

    assert f"{seen_images[0]}/detections" in ask(service, f"image_id = {seen_images[0]}").failure()
    assert asked(service) == 2 * lists_of(seen_images[0])


def test_a_list_that_goes_on_elsewhere_fails_loudly(service, seen_images):
    url = "https://graph.mapillary.com/1/detections?after=x"
    answer(service, seen_images[0], [{"id": "5", "geometry": GOOD}], paging={"next": url, "cursors": {}})

    message = ask(service, f"image_id = {seen_images[0]}").failure()

    assert "pages" in message and f"{seen_images[0]}/detections" in message
    assert "graph.mapillary.com" not in message
    assert asked(service) == lists_of(seen_images[0])


def test_a_list_with_nothing_behind_it_is_whole(service):
    answer(service, 1, [{"id": "5", "geometry": GOOD}], paging={"cursors": {"before": "a", "after": "b"}})

    assert [row.fid for row in ask(service, "image_id = 1").rows()] == [5]


# ---- Outlines that do not decode -------------------------------------------------------------------


def spoiled(text: str, keep: int) -> str:
    return base64.b64encode(base64.b64decode(text)[:keep]).decode()


UNREADABLE = {
    "not there": None,
    "empty": "",
    "no base64": "this is *no* base64!",
    "base64 cut off": GOOD[:-3],
    "a truncated tile": spoiled(GOOD, len(base64.b64decode(GOOD)) // 2),
    "another layer": outline([[BOX]], "mpy-and"),
    "no features": outline([]),
    "no tile": base64.b64encode(b"nothing of the kind").decode(),
    "lines": base64.b64encode(mvt.encode([mvt.Layer("mpy-or", [mvt.lines([BOX], {})])])).decode(),
    "a number": 7,
    "an object": {"type": "Polygon"},
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_outline_that_does_not_decode_is_null_with_a_warning_and_its_row_stays(service, name):
    bad = {"id": "6", "value": "b", "image": {"id": "1"}}
    if name != "not there":
        bad["geometry"] = UNREADABLE[name]
    answer(service, 1, [{"id": "5", "value": "a", "geometry": GOOD}, bad, {"id": "7", "value": "c", "geometry": GOOD}])

    rows, heard = ask(service, "image_id = 1").read()

    assert [(row.fid, row.fields["value"], row.shape) for row in rows] == [
        (5, "a", polygons_of([[BOX]])), (6, "b", None), (7, "c", polygons_of([[BOX]]))]
    assert heard.errors == []
    assert len(heard.warnings) == 1 and "6" in heard.warnings[0] and "NULL" in heard.warnings[0]


def test_a_conversion_with_an_unreadable_outline_succeeds_and_says_so(run, service):
    answer(service, 1, [{"id": "5", "geometry": GOOD}, {"id": "6", "geometry": "*"}])

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "detections", "-where", "image_id = 1",
               "-select", "id,image_id")

    assert done.code == 0
    assert done.out.replace('"', "").splitlines()[1:] == ["5,1", "6,1"]
    assert "6" in done.err and "NULL" in done.err


def test_holes_belong_to_the_polygon_before_them_and_extents_other_than_4096_scale(service):
    outer, hole, other = (
        [(100, 100), (900, 100), (900, 900), (100, 900)], [(200, 200), (200, 300), (300, 300), (300, 200)],
        [(500, 500), (600, 500), (600, 600)])
    rings = [[outer, hole, [(x + 200, y + 200) for x, y in hole], [(x + 1000, y) for x, y in other]], [other]]
    answer(service, 1, [{"id": "5", "geometry": outline(rings, extent=2048)}])

    (row,) = ask(service, "image_id = 1").rows()

    shift = [[outer, rings[0][1], rings[0][2]], [rings[0][3]], [other]]
    assert is_close(row.shape, tuple(
        tuple(tuple((x / 2048, y / 2048) for x, y in (*ring, ring[0])) for ring in polygon) for polygon in shift))


def test_values_of_other_encodings_and_those_left_out(service):
    answer(service, 1, [
        {"id": 5, "geometry": GOOD, "created_at": 1_500_000_000_000, "image": {"id": 1}},
        {"id": "59999999999999999", "geometry": GOOD, "created_at": "2017-08-23T21:32:26+0200"},
        {"geometry": GOOD, "value": "", "created_at": "yesterday", "new": [1]}])

    found = ask(service, "image_id = 1").rows()

    nothing = {"id": None, "image_id": 1, "map_feature_id": None, "value": None, "created_at": None}
    assert [(row.fid, row.fields) for row in found] == [
        (5, {**nothing, "id": 5, "created_at": 1_500_000_000_000}),
        (59999999999999999, {**nothing, "id": 59999999999999999, "created_at": iso_ms("2017-08-23T19:32:26Z")}),
        (-1, nothing)]


# ---- By FID ---------------------------------------------------------------------------------------------


def test_every_fid_is_good_while_reading_and_afterwards_under_any_filter(service, seen_images, of_images):
    ids = seen_images[:8]
    opened, seen = ask(service, f"image_id IN ({listed(ids)})"), []

    for feature in iter(opened.layer.GetNextFeature, None):
        seen.append(plain(feature))
        assert opened.get(seen[0].fid) == seen[0]
        assert opened.get(seen[-1].fid) == seen[-1]

    assert_same_features(seen, of_images(*ids))
    assert [opened.get(row.fid) for row in seen] == seen
    opened.layer.ResetReading()
    assert [opened.get(row.fid) for row in seen] == seen
    opened.where("image_id = 1")
    assert [opened.get(row.fid) for row in seen] == seen
    assert opened.rows() == []
    assert [opened.get(row.fid) for row in seen] == seen


def test_a_fid_of_a_map_features_detection_names_the_map_feature_again(service, seen_features, of_map_features):
    feature = seen_features[0]
    opened = ask(service, f"map_feature_id = {feature}")
    found = opened.rows()

    assert_same_features([opened.get(row.fid) for row in found], of_map_features(feature))


def test_fids_that_nobody_was_given_are_quietly_none(service, seen_images):
    opened = ask(service, f"image_id = {seen_images[0]}")
    assert [opened.get(fid) for fid in (-1, 0, 1, (1 << 63) - 1)] == [None] * 4
    assert opened.rows()

    assert [opened.get(fid) for fid in (-1, 0, 1, (1 << 63) - 1)] == [None] * 4
    assert [request for request in service.requests if request.kind != "detections"] == []


def test_rows_can_be_ordered(service, seen_images, of_images):
    ids = seen_images[:5]
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"{k}={v}" for k, v in at(service).items()])

    with listening() as heard:
        result = dataset.ExecuteSQL(
            f"SELECT * FROM detections WHERE image_id IN ({listed(ids)}) ORDER BY value, id DESC")
        found = [plain(feature) for feature in result]
        dataset.ReleaseResultSet(result)

    assert heard == Heard()
    expected = sorted(sorted(of_images(*ids), key=lambda row: -row.fid), key=lambda row: row.fields["value"])
    assert_same_features(found, expected)


# ---- Recorded ones --------------------------------------------------------------------------------------


def signed_area(ring: Sequence[Tuple[int, int]]) -> int:
    return sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]]))


def decoded(text: str) -> Tuple:
    """An outline by the tests' own decoder: a ring of positive area begins a polygon, others are holes in it."""
    (layer,) = mvt.decode(base64.b64decode(text, validate=True))
    assert (layer.name, layer.extent) == ("mpy-or", 4096)
    polygons: List[List[mvt.Part]] = []
    for feature in layer.features:
        assert feature.type == mvt.POLYGON and signed_area(feature.parts[0]) > 0
        for ring in feature.parts:
            polygons += [[ring]] if signed_area(ring) > 0 else []
            polygons[-1] += [] if signed_area(ring) > 0 else [ring]
    return polygons_of(polygons)


def recorded() -> Dict[int, Path]:
    return {int(path.parent.name): path for path in sorted(RECORDED.glob("*/detections.json"))}


@pytest.mark.skipif(not recorded(), reason="the recorded answers of the real service are not beside the project")
def test_every_recorded_detection_comes_with_each_of_its_rings():
    n_rows = n_rings = 0
    with serve({}) as service:
        for owner, path in recorded().items():
            answer(service, owner, path.read_bytes())
            about = json.loads((path.parent.parent / f"{owner}.json").read_text(encoding="utf-8"))
            column = "map_feature_id" if "object_value" in about else "image_id"
            expected = []
            for each in json.loads(path.read_text(encoding="utf-8"))["data"]:
                fields = {"id": int(each["id"]), "image_id": int(each["image"]["id"]), "map_feature_id": None,
                          "value": each["value"],
                          "created_at": iso_ms(each["created_at"].replace("+0000", "Z")), column: owner}
                expected.append(Seen(int(each["id"]), fields, decoded(each["geometry"])))

            assert_same_features(ask(service, f"{column} = {owner}").rows(), expected)

            n_rows += len(expected)
            n_rings += sum(len(polygon) for row in expected for polygon in row.shape)
    assert (len(recorded()), n_rows) == (4, 15)
    assert n_rings > n_rows


@pytest.mark.skipif(not recorded(), reason="the recorded answers of the real service are not beside the project")
def test_recorded_lists_are_asked_for_like_any_other_and_come_in_the_order_of_the_filter():
    images = [owner for owner, path in recorded().items()
              if "object_value" not in (path.parent.parent / f"{owner}.json").read_text(encoding="utf-8")]
    lists = {owner: json.loads(recorded()[owner].read_text(encoding="utf-8"))["data"] for owner in images}
    with serve({}) as service:
        for owner in images:
            answer(service, owner, recorded()[owner].read_bytes())

        found = ask(service, f"image_id IN ({listed(reversed(images))})").rows()

    assert [row.fid for row in found] == [int(each["id"]) for owner in reversed(images) for each in lists[owner]]
    assert [request.kind for request in service.requests] == ["detections"] * len(images)
