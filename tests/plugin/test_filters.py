# SPDX-License-Identifier: MIT
"""Filters: which rows come, judged by the truth, and which tiles are asked for, judged by geometry.

Geometry is done here by brute force, not by the library that the driver uses.
"""
from __future__ import annotations

import math
import operator
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List, Sequence, Tuple

import mvt
import pytest
from osgeo import ogr

from reading import (GDAL_VERSION, Box, Heard, Row, as_read, assert_each_once, assert_same, corners, cover,
                     date_ms, grown, inside, listening, polygon, tile_box)
from town import ORIGINAL, pixel_lon_lat

CENTRE: Box = (8.538, 50.010, 8.562, 50.027)
LITTLE = 1e-9  # degrees: positions of tiles are at least a thousand times that apart
NORTH_END = 85.051128779806604  # of the tiled world

Position = Tuple[float, float]
Ring = List[Position]


# ---- Brute force ------------------------------------------------------------------------------


def holds(rings: Sequence[Ring], lon: float, lat: float) -> bool:
    """Whether a position lies within the rings: outside of all, or within a hole, is outside."""
    crossings = 0
    for (x0, y0), (x1, y1) in edges(rings):
        if (y0 > lat) != (y1 > lat) and lon < x0 + (lat - y0) / (y1 - y0) * (x1 - x0):
            crossings += 1
    return crossings % 2 == 1


def edges(rings: Sequence[Ring]) -> List[Tuple[Position, Position]]:
    return [pair for ring in rings for pair in zip(ring, ring[1:] + ring[:1])]


def crosses(box: Box, a: Position, b: Position) -> bool:
    """Whether a segment has a point in a box: what is left of it after clipping at four sides."""
    west, south, east, north = box
    start, end = 0.0, 1.0
    for origin, delta, low, high in ((a[0], b[0] - a[0], west, east), (a[1], b[1] - a[1], south, north)):
        if delta == 0:
            if not low <= origin <= high:
                return False
            continue
        first, last = sorted(((low - origin) / delta, (high - origin) / delta))
        start, end = max(start, first), min(end, last)
    return start <= end


def meets(box: Box, rings: Sequence[Ring]) -> bool:
    return (any(crosses(box, a, b) for a, b in edges(rings))
            or holds(rings, box[0], box[1]))


def tiles_meeting(rings: Sequence[Ring]) -> List[Tuple[str, int, int, int]]:
    lons, lats = zip(*(position for ring in rings for position in ring))
    return [key for key in cover((min(lons), min(lats), max(lons), max(lats)))
            if meets(tile_box(key[2], key[3]), rings)]


# ---- Rectangles -------------------------------------------------------------------------------


@pytest.mark.parametrize("box", [
    CENTRE,
    grown(tile_box(8581, 5554), -0.0001),
    grown(tile_box(8580, 5555), 0.0001),
    (8.5, 50.0199, 8.63, 50.0201),
    (8.55, 49.98, 8.5501, 50.06),
])
def test_a_rectangle_gives_its_rows_from_its_tiles(images, service, truth, box):
    rows = images().within(box).rows()

    assert len(rows) > 0
    assert_same(rows, truth.within(box))
    assert_each_once(service.requests, cover(box))


@pytest.mark.parametrize("edge, inwards", [(0, 1), (1, 1), (2, -1), (3, -1)])
def test_a_rectangle_is_closed(images, truth, edge, inwards):
    image = as_read(images, truth.within(CENTRE)[500])
    on_edge = list(grown((image.lon, image.lat) * 2, 0.002))
    on_edge[edge] = (image.lon, image.lat)[edge % 2]
    beside = list(on_edge)
    beside[edge] = math.nextafter(beside[edge], inwards * math.inf)

    rows = images().within(on_edge).rows()
    fewer = images().within(beside).rows()

    assert image.id in {row.id for row in rows} - {row.id for row in fewer}
    assert_same(rows, truth.within(grown(on_edge, LITTLE)))
    beside[edge] += inwards * LITTLE
    assert_same(fewer, truth.within(beside))


def test_a_rectangle_without_area_gives_what_lies_on_it(images, truth):
    image = as_read(images, truth.within(CENTRE)[500])

    spot = images().within((image.lon, image.lat) * 2).rows()
    line = images().within((8.54, image.lat, 8.56, image.lat)).rows()

    assert image.id in {row.id for row in spot}
    assert_same(spot, truth.within(grown((image.lon, image.lat) * 2, LITTLE)))
    assert_same(line, truth.within(grown((8.54, image.lat, 8.56, image.lat), LITTLE)))


@pytest.mark.parametrize("x, y, place", [(8581, 5554, (0, 100)), (8580, 5555, (100, 0))])
def test_a_point_on_the_border_of_two_tiles_is_found_from_the_tile_before_it(
        images, service, x, y, place):
    lon, lat = pixel_lon_lat(x * 4096 + place[0], y * 4096 + place[1])
    service.tiles = {(ORIGINAL, 14, x, y): mvt.encode([
        mvt.Layer("image", [mvt.point(*place, {"id": 7})])])}
    ends_there = (lon - 0.002, lat, lon, lat + 0.002)

    assert [row.id for row in images().within(ends_there).rows()] == [7]
    assert (ORIGINAL, 14, x, y) in service.tiles_asked()


def test_corners_in_the_wrong_order_mean_the_same_rectangle(images, truth):
    west, south, east, north = CENTRE

    assert_same(images().within((east, north, west, south)).rows(), truth.within(CENTRE))


@pytest.mark.parametrize("box", [
    (-math.inf, -math.inf, math.inf, math.inf),
    (-1e300, -1e300, 1e300, 1e300),
    (-180, -90, 180, 90),
    (-1e9, -86, 1e9, math.inf),
])
def test_a_rectangle_around_the_world_is_refused_with_the_number_of_its_tiles(images, service, box):
    opened = images()
    with listening():  # GDAL itself may complain of such a rectangle
        opened.within(box)

    assert f" {4 ** 14} tiles" in opened.failure()
    assert service.requests == []


@pytest.mark.parametrize("which", [(0,), (1,), (2,), (3,), (0, 2), (0, 1, 2, 3)])
def test_a_rectangle_with_a_coordinate_that_is_no_number_is_refused(images, service, which):
    opened = images()
    box = [math.nan if n in which else value for n, value in enumerate(CENTRE)]
    with listening():
        opened.within(box)

    assert "no number" in opened.failure()
    assert service.requests == []


@pytest.mark.parametrize("box", [
    (190, 50, 191, 51), (-191, 50, -181, 51), (8.5, 85.06, 8.6, 89), (8.5, -89, 8.6, -85.06),
    (1e9, 50, 1e10, 51), (200, 89, 1e300, 1e300)])
def test_a_rectangle_outside_of_the_tiled_world_is_empty_without_a_request(images, service, box):
    assert images().within(box).rows() == []
    assert service.requests == []


@pytest.mark.parametrize("box, existing", [
    ((8.5401, 84.9, 8.5601, 89.9), cover((8.5401, 84.9, 8.5601, 85.05))),
    ((8.5401, -1e300, 8.5601, -84.9), cover((8.5401, -85.05, 8.5601, -84.9))),
    ((179.99, 10.01, 181, 10.02), cover((179.99, 10.01, 179.999, 10.02))),
    ((-math.inf, 10.01, -179.99, 10.02), cover((-179.999, 10.01, -179.99, 10.02))),
])
def test_a_rectangle_across_the_end_of_the_world_asks_for_what_there_is(
        images, service, box, existing):
    opened = images()
    with listening():
        opened.within(box)

    assert opened.rows() == []
    assert_each_once(service.requests, existing)


def test_the_northernmost_and_westernmost_point_is_found(images, service):
    service.tiles = {(ORIGINAL, 14, 0, 0): mvt.encode([
        mvt.Layer("image", [mvt.point(0, 0, {"id": 7})])])}

    rows = images().within((-200, 85.0, -179.99, 89.0)).rows()

    assert [(row.id, row.lon, row.lat) for row in rows] == [
        (7, -180.0, pytest.approx(NORTH_END, rel=0, abs=1e-9))]


# ---- Other shapes -----------------------------------------------------------------------------

# Rings of each polygon, outer one first. None of their edges meets a corner of a tile.
SHAPES: Dict[str, List[List[Ring]]] = {
    "triangle": [[[(8.501, 49.981), (8.633, 50.013), (8.557, 50.071)]]],
    "sliver": [[[(8.511, 50.001), (8.601, 50.0393), (8.602, 50.0391)]]],
    "star": [[[(8.55 + r * math.sin(n * math.pi / 7), 50.02 + 0.6 * r * math.cos(n * math.pi / 7))
               for n in range(14) for r in [0.07 if n % 2 else 0.011]]]],
    "ring": [[corners((8.4903, 49.9707, 8.6301, 50.0703)),
              corners((8.5283, 50.0003, 8.5901, 50.0383))]],
    "two": [[[(8.531, 50.012), (8.541, 50.013), (8.537, 50.019)]],
            [[(8.571, 50.021), (8.589, 50.022), (8.588, 50.029)]]],
}


def shape_text(polygons: List[List[Ring]]) -> str:
    texts = [polygon(*rings) for rings in polygons]
    if len(texts) == 1:
        return texts[0]
    return f"MULTIPOLYGON ({', '.join(text[len('POLYGON '):] for text in texts)})"


@pytest.mark.parametrize("name", SHAPES)
def test_a_polygon_gives_its_rows_from_the_tiles_that_it_touches(images, service, truth, name):
    polygons = SHAPES[name]
    rings = [ring for rings in polygons for ring in rings]
    wanted = truth.rows(lambda row: holds(rings, row.lon, row.lat))
    tiles = sorted({key for rings in polygons for key in tiles_meeting(rings)})
    lons, lats = zip(*(position for ring in rings for position in ring))
    assert 0 < len(tiles) < len(cover((min(lons), min(lats), max(lons), max(lats))))

    rows = images().touching(shape_text(polygons)).rows()

    assert len(rows) > 20
    assert_same(rows, wanted)
    assert_each_once(service.requests, tiles)


def test_a_hole_in_a_polygon_is_not_asked_for(images, service, truth):
    hole = corners(grown(truth.box, 0.001))
    around = corners(grown(tile_box(8581, 5554), 0.08))

    rows = images().touching(polygon(around, hole)).rows()

    assert rows == []
    assert_each_once(service.requests, tiles_meeting([around, hole]))
    assert (ORIGINAL, 14, 8581, 5554) not in service.tiles_asked()


def test_a_point_gives_the_rows_at_it(images, service, truth):
    image = as_read(images, truth.within(CENTRE)[500])
    lon, lat = image.lon, image.lat

    rows = images().touching(f"POINT ({lon!r} {lat!r})").rows()

    assert image.id in {row.id for row in rows}
    assert_same(rows, truth.within(grown((lon, lat) * 2, LITTLE)))
    assert_each_once(service.requests, cover((lon, lat, lon, lat)))


def test_a_line_gives_the_rows_on_it(images, service, truth):
    image = truth.within(CENTRE)[500]
    lon, south, north = image.lon, 50.0001, 50.0401

    rows = images().touching(f"LINESTRING ({lon!r} {south}, {lon!r} {north})").rows()

    assert image.id in {row.id for row in rows}
    assert_same(rows, truth.within((lon, south, lon, north)))
    assert_each_once(service.requests, cover((lon, south, lon, north)))


def test_a_collection_gives_the_rows_of_its_parts(images, truth):
    image = as_read(images, truth.within(CENTRE)[500])
    at_it = inside(grown((image.lon, image.lat) * 2, LITTLE))
    triangle = SHAPES["two"][1][0]

    rows = images().touching(
        f"GEOMETRYCOLLECTION (POINT ({image.lon!r} {image.lat!r}), {polygon(triangle)})").rows()

    assert_same(rows, truth.rows(lambda row: at_it(row) or holds([triangle], row.lon, row.lat)))


def test_a_circle_is_taken_for_what_it_is(images, service, truth):
    lon, lat, radius, slack = 8.56, 50.01, 0.02, 1e-4  # an arc is made of chords, a little inside

    rows = images().touching(
        f"CURVEPOLYGON (CIRCULARSTRING ({lon - radius} {lat}, {lon} {lat + radius}, {lon + radius} {lat}, "
        f"{lon} {lat - radius}, {lon - radius} {lat}))").rows()

    found = {row.id for row in rows}
    assert len(found) == len(rows) > 1000
    assert {row.id for row in truth.rows(
        lambda row: math.dist((row.lon, row.lat), (lon, lat)) < radius - slack)} <= found
    assert found <= {row.id for row in truth.rows(
        lambda row: math.dist((row.lon, row.lat), (lon, lat)) <= radius)}
    assert set(service.tiles_asked()) <= set(cover(grown((lon, lat) * 2, radius)))


@pytest.mark.parametrize("wkt", [
    "POLYGON EMPTY", "MULTIPOLYGON EMPTY", "POINT EMPTY", "LINESTRING EMPTY",
    "GEOMETRYCOLLECTION EMPTY", "GEOMETRYCOLLECTION (POINT EMPTY)"])
def test_an_empty_filter_gives_nothing_without_a_request(images, service, wkt):
    assert images().touching(wkt).rows() == []
    assert service.requests == []


def test_a_new_filter_starts_the_read_over(images, truth):
    first, second = CENTRE, grown(tile_box(8582, 5554), -0.0001)
    opened = images().within(first)
    for _ in range(3):
        assert opened.layer.GetNextFeature() is not None

    opened.within(second)
    feature = opened.layer.GetNextFeature()

    assert feature.GetFID() == truth.within(second)[0].id


# ---- What asks for nothing --------------------------------------------------------------------


def test_opening_describing_and_setting_filters_make_no_request(images, service):
    with listening() as heard:
        opened = images()
        layer = opened.layer
        assert opened.dataset.GetLayerCount() >= 1
        assert layer.GetLayerDefn().GetFieldCount() == 8
        assert layer.GetExtent(force=1) == pytest.approx((-180, 180, -NORTH_END, NORTH_END))
        assert layer.GetFeatureCount(force=1) == -1
        assert layer.TestCapability(ogr.OLCFastGetExtent) == 1
        assert layer.TestCapability(ogr.OLCFastFeatureCount) == 0
        opened.within(CENTRE).touching(shape_text(SHAPES["triangle"])).within(CENTRE)
        opened.where("is_pano = 1").where("captured_at IS NULL").ignoring("compass_angle")
        layer.ResetReading()
        layer.SetSpatialFilter(None)
        layer.SetAttributeFilter(None)

    assert heard == Heard()
    assert service.requests == []


def test_the_extent_is_the_world_whatever_the_filters(images, service):
    layer = images().within(CENTRE).where("is_pano = 1").layer

    assert layer.GetExtent() == pytest.approx((-180, 180, -NORTH_END, NORTH_END))
    assert service.requests == []


def test_a_filter_that_is_set_again_and_again_is_read_once(images, service, truth):
    opened = images()
    for _ in range(4):
        opened.within(CENTRE).where("is_pano = 1").ignoring("compass_angle").layer.ResetReading()

    rows = opened.rows()

    assert [row.id for row in rows] == [row.id for row in truth.within(CENTRE) if row.is_pano]
    assert_each_once(service.requests, cover(CENTRE))


def test_a_box_within_one_that_was_read_asks_nothing(images, service, truth):
    opened = images()
    opened.within(CENTRE).rows()
    service.clear()
    smaller = grown(CENTRE, -0.002)

    assert_same(opened.within(smaller).rows(), truth.within(smaller))
    assert_same(images().within(smaller).rows(), truth.within(smaller))  # nor does another dataset
    assert service.requests == []


# ---- Attribute filters ------------------------------------------------------------------------
#
# Conditions are True, False or unknown (None), as in SQL. GDAL before 3.10 had no unknown: there, a
# comparison with NULL is False, and its negation True.

UNKNOWN = None if GDAL_VERSION >= (3, 10) else False


def compare(how: Callable[[Any, Any], bool], a: Any, b: Any) -> Any:
    return UNKNOWN if a is None or b is None else how(a, b)


def at_least(a: Any, b: Any) -> Any:
    return compare(operator.ge, a, b)


def less(a: Any, b: Any) -> Any:
    return compare(operator.lt, a, b)


def between(value: Any, low: Any, high: Any) -> Any:
    return all_of(at_least(value, low), compare(operator.le, value, high))


def negation(condition: Any) -> Any:
    return None if condition is None else not condition


def any_of(*conditions: Any) -> Any:
    return True if True in conditions else None if None in conditions else False


def negated_or(*conditions: Any) -> Any:
    """Since it knows NULL, GDAL takes "true or unknown" for true, but for unknown where it is negated."""
    return None if UNKNOWN in conditions and UNKNOWN is None else any_of(*conditions)


def all_of(*conditions: Any) -> Any:
    return False if False in conditions else None if None in conditions else True


def written(ms: int, form: str = "%Y/%m/%d %H:%M:%S") -> str:
    """A time as a filter spells it."""
    time = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)
    return time.strftime(form)


# What the filter says, where {a} and {b} are rows of the truth, and what it means.
Filter = Callable[[Row, Row, Row], Any]
FILTERS: Dict[str, Filter] = {
    # numbers and booleans
    "is_pano = 1": lambda row, a, b: row.is_pano,
    "is_pano <> 1": lambda row, a, b: not row.is_pano,
    "1 = is_pano": lambda row, a, b: row.is_pano,
    "quality_score > {a.quality_score}":
        lambda row, a, b: compare(operator.gt, row.quality_score, a.quality_score),
    "quality_score >= {a.quality_score}": lambda row, a, b: at_least(row.quality_score, a.quality_score),
    "quality_score < {a.quality_score}": lambda row, a, b: less(row.quality_score, a.quality_score),
    "quality_score <= {a.quality_score}":
        lambda row, a, b: compare(operator.le, row.quality_score, a.quality_score),
    "quality_score = {a.quality_score!r}":
        lambda row, a, b: compare(operator.eq, row.quality_score, a.quality_score),
    "quality_score BETWEEN 0.6 AND 0.7": lambda row, a, b: between(row.quality_score, 0.6, 0.7),
    "0.7 < quality_score": lambda row, a, b: less(0.7, row.quality_score),
    "compass_angle * 2 < 90": lambda row, a, b: less(row.compass_angle, 45),
    "compass_angle < 90 OR compass_angle >= 270":
        lambda row, a, b: any_of(less(row.compass_angle, 90), at_least(row.compass_angle, 270)),
    "creator_id = {a.creator_id}": lambda row, a, b: compare(operator.eq, row.creator_id, a.creator_id),
    "creator_id IN ({a.creator_id}, {b.creator_id})":
        lambda row, a, b: any_of(compare(operator.eq, row.creator_id, a.creator_id),
                                 compare(operator.eq, row.creator_id, b.creator_id)),
    "organization_id = {b.organization_id}":
        lambda row, a, b: compare(operator.eq, row.organization_id, b.organization_id),

    # absent values
    "organization_id IS NULL": lambda row, a, b: row.organization_id is None,
    "organization_id IS NOT NULL": lambda row, a, b: row.organization_id is not None,
    "captured_at IS NULL": lambda row, a, b: row.captured_at is None,
    "captured_at IS NOT NULL AND quality_score IS NULL":
        lambda row, a, b: row.captured_at is not None and row.quality_score is None,

    # text: = and IN do not tell capitals from small letters, LIKE does
    "sequence_id = '{a.sequence_id}'": lambda row, a, b: row.sequence_id == a.sequence_id,
    "SEQUENCE_ID = '{A.sequence_id}'": lambda row, a, b: row.sequence_id == a.sequence_id,
    "sequence_id <> '{a.sequence_id}'": lambda row, a, b: row.sequence_id != a.sequence_id,
    "sequence_id IN ('{A.sequence_id}', '{b.sequence_id}', 'no such thing')":
        lambda row, a, b: row.sequence_id in (a.sequence_id, b.sequence_id),
    "sequence_id LIKE '{a.sequence_id[0]}%'":
        lambda row, a, b: row.sequence_id.startswith(a.sequence_id[0]),
    "sequence_id ILIKE '%{A.sequence_id[3]}_%'":
        lambda row, a, b: a.sequence_id[3].lower() in row.sequence_id.lower()[:-1],
    "sequence_id NOT LIKE '{a.sequence_id[0]}%'":
        lambda row, a, b: not row.sequence_id.startswith(a.sequence_id[0]),
    "CAST(organization_id AS CHARACTER(30)) LIKE '4%'":
        lambda row, a, b: compare(str.startswith, row.organization_id and str(row.organization_id), "4"),

    # times
    "captured_at >= '2021/01/01'": lambda row, a, b: at_least(row.captured_at, date_ms("2021/01/01")),
    "captured_at < '2021/01/01'": lambda row, a, b: less(row.captured_at, date_ms("2021/01/01")),
    "'2021/01/01' <= captured_at": lambda row, a, b: at_least(row.captured_at, date_ms("2021/01/01")),
    "captured_at >= '2021-01-01T00:00:00'":
        lambda row, a, b: at_least(row.captured_at, date_ms("2021/01/01")),
    "captured_at BETWEEN '2020/06/01' AND '2022/06/01 12:30:00'":
        lambda row, a, b: between(row.captured_at, date_ms("2020/06/01"),
                                  date_ms("2022/06/01 12:30:00")),
    "captured_at >= '{a_time}' AND captured_at < '{a_time_next}'":
        lambda row, a, b: between(row.captured_at, a.captured_at // 1000 * 1000,
                                  a.captured_at // 1000 * 1000 + 999),
    "captured_at >= '2019/01/01' AND NOT captured_at >= '2020/01/01'":
        lambda row, a, b: between(row.captured_at, date_ms("2019/01/01"), date_ms("2020/01/01") - 1),

    # absent times must neither end the read nor drag a row out that passes otherwise
    "captured_at >= '2022/01/01' OR is_pano = 1":
        lambda row, a, b: any_of(at_least(row.captured_at, date_ms("2022/01/01")), row.is_pano),
    "captured_at < '2022/01/01' OR captured_at IS NULL":
        lambda row, a, b: any_of(less(row.captured_at, date_ms("2022/01/01")), row.captured_at is None),
    "is_pano = 0 AND (captured_at IN ('2022/01/01') OR quality_score > 0.5)":
        lambda row, a, b: all_of(not row.is_pano, any_of(
            compare(operator.eq, row.captured_at, date_ms("2022/01/01")),
            compare(operator.gt, row.quality_score, 0.5))),
    "NOT (captured_at < '2020/01/01')":
        lambda row, a, b: negation(less(row.captured_at, date_ms("2020/01/01"))),
    "NOT (captured_at >= '2020/01/01' OR is_pano = 1)":
        lambda row, a, b: negation(any_of(at_least(row.captured_at, date_ms("2020/01/01")),
                                          row.is_pano)),
    "NOT (captured_at BETWEEN '2018/01/01' AND '2021/01/01')":
        lambda row, a, b: negation(between(row.captured_at, date_ms("2018/01/01"),
                                           date_ms("2021/01/01"))),

    # NULL in a list equals nothing, and takes nothing away from the others
    "captured_at IN ('{a_moment}', NULL) OR captured_at IN (NULL)":
        lambda row, a, b: compare(operator.eq, row.captured_at, a.captured_at),
    "captured_at IN (NULL, '2022/01/01') OR is_pano = 1": lambda row, a, b: row.is_pano,

    # negation and nesting
    "NOT (is_pano = 1)": lambda row, a, b: not row.is_pano,
    "NOT (quality_score > 0.7)":
        lambda row, a, b: negation(compare(operator.gt, row.quality_score, 0.7)),
    "NOT (organization_id = {b.organization_id})":
        lambda row, a, b: negation(compare(operator.eq, row.organization_id, b.organization_id)),
    "NOT (is_pano = 1 AND sequence_id LIKE '{b.sequence_id[0]}%')":
        lambda row, a, b: not (row.is_pano and row.sequence_id.startswith(b.sequence_id[0])),
    "NOT (NOT (is_pano = 1 OR quality_score < 0.5))":
        lambda row, a, b: negated_or(row.is_pano, less(row.quality_score, 0.5)),
    "(is_pano = 1 AND captured_at >= '2020/01/01') OR (is_pano = 0 AND quality_score > 0.85)":
        lambda row, a, b: any_of(
            all_of(row.is_pano, at_least(row.captured_at, date_ms("2020/01/01"))),
            all_of(not row.is_pano, compare(operator.gt, row.quality_score, 0.85))),

    # what is no field
    "OGR_GEOMETRY = 'POINT' AND is_pano = 1": lambda row, a, b: row.is_pano,
    "OGR_GEOM_WKT LIKE 'POINT (8.55%'": lambda row, a, b: str(row.lon).startswith("8.55"),
}


def samples(truth) -> Tuple[Row, Row]:
    """Two images of different creators, one of them old enough to be of no organisation."""
    rows = truth.within(CENTRE)
    a = next(row for row in rows if None not in (row.creator_id, row.quality_score, row.captured_at))
    b = next(row for row in rows if row.is_pano and row.organization_id
             and row.creator_id not in (None, a.creator_id))
    return a, b


def filled_in(sql: str, a: Row, b: Row) -> str:
    """The filter with the rows' values; {A} is a with its letters' case changed."""
    return sql.format(a=a, b=b, A=a._replace(sequence_id=a.sequence_id.swapcase()),
                      a_time=written(a.captured_at),
                      a_moment=f"{written(a.captured_at)}.{a.captured_at % 1000:03}", a_time_next=written(a.captured_at + 1000))


@pytest.mark.parametrize("sql", FILTERS)
def test_an_attribute_filter_keeps_exactly_the_rows_that_pass(images, service, truth, sql):
    a, b = samples(truth)
    everything = truth.within(CENTRE)
    wanted = [row for row in everything if FILTERS[sql](row, a, b)]
    assert 0 < len(wanted) < len(everything)

    rows = images().within(CENTRE).where(filled_in(sql, a, b)).rows()

    assert_same(rows, wanted)
    assert_each_once(service.requests, cover(CENTRE))


@pytest.mark.parametrize("sql", [
    "id = {a.id}", "{a.id} = id", "id IN ({b.id}, {a.id}, 1)", "FID = {a.id}", "FID IN ({a.id}, {b.id})",
    "id = {a.id} OR id = {b.id}", "id = {a.id} AND is_pano = 1", "id <> {a.id}", "id = 5"])
def test_an_id_in_the_filter_gives_its_row(images, service, truth, sql):
    a, b = samples(truth)
    named = {row.id for row, name in ((a, "{a.id}"), (b, "{b.id}")) if name in sql}
    if "is_pano" in sql:
        named = {row.id for row in (a,) if row.is_pano}
    if "<>" in sql:
        named = {row.id for row in truth.within(CENTRE)} - named

    rows = images().within(CENTRE).where(filled_in(sql, a, b)).rows()

    assert {row.id for row in rows} == named
    assert len(rows) == len(named)
    assert set(service.tiles_asked()) <= set(cover(CENTRE))


@pytest.mark.parametrize("sql, passes", [
    ("1 = 1", True), ("1 = 0", False), ("0 = 1", False), ("id IS NULL", False),
    ("NOT (1 = 0)", True), ("is_pano = 1 AND 1 = 0", False), ("is_pano < 2 OR 1 = 1", True),
    ("organization_id = NULL", False), ("captured_at = NULL", False)])
def test_a_filter_that_is_the_same_for_all_rows_keeps_all_or_none(
        images, service, truth, sql, passes):
    rows = images().within(CENTRE).where(sql).rows()

    assert_same(rows, truth.within(CENTRE) if passes else [])
    assert set(service.tiles_asked()) <= set(cover(CENTRE))


def test_filters_of_both_kinds_act_together(images, service, truth):
    triangle = SHAPES["triangle"][0]

    rows = images().touching(polygon(*triangle)).where("captured_at < '2020/01/01'").rows()

    assert_same(rows, truth.rows(lambda row: holds(triangle, row.lon, row.lat)
                                 and less(row.captured_at, date_ms("2020/01/01"))))
    assert_each_once(service.requests, tiles_meeting(triangle))


@pytest.mark.parametrize("sql, n_rows", [
    ("captured_at >= '2100/01/01'", 0),
    ("captured_at >= '2020/01/01'", 2),
    ("captured_at <> '2020/01/01'", None),
    ("captured_at IN ('2020/01/01', '2021/01/01')", 0),
])
def test_absent_times_under_a_time_filter_do_not_fail_a_conversion(
        run, service, tmp_path, sql, n_rows):
    times = [None, date_ms("2020/02/01"), None, 0, date_ms("2021/02/01"), None]
    service.tiles = {(ORIGINAL, 14, 8580, 5554): mvt.encode([mvt.Layer("image", [
        mvt.point(100, 100 + n, {"id": 1 + n, **({} if time is None else {"captured_at": time})})
        for n, time in enumerate(times)])])}

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-select", "id",
               "-spat", *grown(tile_box(8580, 5554), -0.0001), "-where", sql)

    assert (done.code, done.err) == (0, "")
    ids = [int(line.strip('"')) for line in done.out.splitlines()[1:]]
    with_time = [2, 5]
    if n_rows is None:
        assert [one for one in ids if one in with_time] == with_time
    else:
        assert ids == with_time[:n_rows]


@pytest.mark.parametrize("sql", [
    "captured_at >= '{}'", "'{}' > captured_at", "captured_at IN ('2020/01/01', '{}')",
    "captured_at BETWEEN '2020/01/01' AND '{}'", "is_pano = 1 OR NOT (captured_at < '{}')"])
@pytest.mark.parametrize("literal", ["2022", "yesterday", "2022/13/01", "01.02.2022"])
def test_a_time_that_cannot_be_read_is_refused_by_name(images, service, sql, literal):
    opened = images().within(CENTRE)

    with listening() as heard:
        assert opened.layer.SetAttributeFilter(sql.format(literal)) != ogr.OGRERR_NONE

    assert [f"'{literal}'" in error for error in heard.errors] == [True]
    assert service.requests == []


def test_a_conversion_with_a_time_that_cannot_be_read_fails_before_any_request(run, service):
    done = run("ogr2ogr", "out.csv", "MAPILLARY:", "images", "-spat", *CENTRE,
               "-where", "captured_at >= '2022'")

    assert done.code != 0
    assert "'2022'" in done.err
    assert service.requests == []


@pytest.mark.parametrize("sql", ["colour = 'red'", "is_pano = ", "captured_at >> 3", "')"])
def test_a_filter_that_is_no_filter_is_refused(images, service, sql):
    opened = images().within(CENTRE)

    with listening() as heard:
        assert opened.layer.SetAttributeFilter(sql) != ogr.OGRERR_NONE

    assert heard.errors
    assert service.requests == []


def test_after_a_refused_filter_another_one_works(images, truth):
    opened = images().within(CENTRE)
    with listening():
        assert opened.layer.SetAttributeFilter("captured_at > 'never'") != ogr.OGRERR_NONE

    rows = opened.where("is_pano = 1").rows()

    assert_same(rows, [row for row in truth.within(CENTRE) if row.is_pano])


# ---- Ignored fields ---------------------------------------------------------------------------


def test_ignored_fields_are_unset_and_the_others_are_as_ever(images, truth):
    opened = images().within(CENTRE).ignoring("compass_angle", "sequence_id")

    rows = opened.rows()

    assert_same(rows, [row._replace(compass_angle=None, sequence_id=None)
                       for row in truth.within(CENTRE)])
    opened.layer.ResetReading()
    feature = opened.layer.GetNextFeature()
    assert [feature.IsFieldSet(i) for i in range(8)] == [True, True, False, False] + [True] * 4


@pytest.mark.parametrize("name, sql, passes", [
    ("quality_score", "quality_score > 0.8", lambda row: (row.quality_score or 0) > 0.8),
    ("captured_at", "captured_at >= '2021/01/01'",
     lambda row: (row.captured_at or 0) >= date_ms("2021/01/01")),
    ("id", "id > 5000000000000000", lambda row: row.id > 5 * 10 ** 15)])
def test_an_ignored_field_still_serves_the_filter(images, service, truth, name, sql, passes):
    rows = images().within(CENTRE).where(sql).ignoring(name).rows()

    assert_same(rows, [row._replace(**{name: None}) for row in truth.within(CENTRE) if passes(row)])
    assert set(service.tiles_asked()) == set(cover(CENTRE))


@pytest.mark.parametrize("sql, passes", [
    ("is_pano = 1", lambda row: row.is_pano),
    ("OGR_GEOM_WKT LIKE 'POINT (8.55%'", lambda row: str(row.lon).startswith("8.55"))])
def test_an_ignored_geometry_still_serves_the_filters(images, service, truth, sql, passes):
    triangle = SHAPES["triangle"][0]

    rows = images().touching(polygon(*triangle)).where(sql).ignoring("OGR_GEOMETRY").rows()

    wanted = truth.rows(lambda row: holds(triangle, row.lon, row.lat) and passes(row))
    assert len(wanted) > 20
    assert rows == [row._replace(lon=None, lat=None) for row in wanted]
    assert_each_once(service.requests, tiles_meeting(triangle))


def test_with_everything_ignored_the_rows_are_still_there(images, truth):
    names = ("id", "captured_at", "compass_angle", "sequence_id", "is_pano", "organization_id",
             "creator_id", "quality_score", "OGR_GEOMETRY", "OGR_STYLE")

    rows = images().ignoring(*names).within(CENTRE).rows()

    assert rows == [Row(row.id, *[None] * 10) for row in truth.within(CENTRE)]


def test_fields_that_are_wanted_again_come_again(images, truth):
    opened = images().within(CENTRE).ignoring("is_pano", "OGR_GEOMETRY")
    assert opened.layer.GetNextFeature().geometry() is None

    assert_same(opened.ignoring().rows(), truth.within(CENTRE))
