# SPDX-License-Identifier: MIT
"""Sequences: joined over tile borders, followed out of the area, and met again by their FIDs.

Whole sequences are known from the town. What a read must ask for, and what of a sequence with gaps is within reach, is
worked out from the bytes of the tiles (see pieces.py).
"""
from __future__ import annotations

import json
import random
import sys
from collections import Counter
from typing import Any, Dict, List, Tuple

import mvt
import pytest
from osgeo import gdal, ogr

from conftest import serve
from features import Layer, Seen, at, plain, schema
from pieces import (FIELDS, Expected, Pieces, Position, Row, covered, fields_of, fnv, loose_joints, meets,
                    pixel_lines, pixels, row_of, segments, stretches, walks_of, within_180, world)
from reading import (Heard, assert_each_once, corners, cover, date_ms, grown, listening, polygon,
                     tile_box)
from town import EXTENT, ORIGINAL, WORLD, Line, Pixel, noded, pixel_lon_lat, split

X, Y = 8580, 5554  # a tile
NOTHING = dict.fromkeys(FIELDS)


# ---- What must come ---------------------------------------------------------------------------


def fid_of_piece(name: str, zoom: int, x: int, y: int) -> int:
    return fnv(f"/{zoom}/{x}/{y}", fnv(name))


def rows_of(layer: Layer, zoom: int = 14) -> List[Row]:
    return [(one.fid, one.fields, pixel_lines(one.shape, zoom)) for one in layer.rows()]


@pytest.fixture(scope="session")
def pieces(tiles) -> Pieces:
    return Pieces(tiles)


def around(pixel: Pixel, reach: int = 20, zoom: int = 14):
    """The box of so many pixels about one."""
    size = EXTENT << zoom
    west, south = pixel_lon_lat(pixel[0] - reach, pixel[1] + reach, size)
    east, north = pixel_lon_lat(pixel[0] + reach, pixel[1] - reach, size)
    return west, south, east, north


def box_of(*lines: Line):
    """A box with all vertices in it."""
    xs, ys = [x for line in lines for x, _ in line], [y for line in lines for _, y in line]
    west, south = pixel_lon_lat(min(xs), max(ys))
    east, north = pixel_lon_lat(max(xs), min(ys))
    return grown((west, south, east, north), 1e-6)


def at_tile(*vertices: Pixel) -> Line:
    """Vertices counted from the north-western corner of the tile."""
    return [(X * EXTENT + x, Y * EXTENT + y) for x, y in vertices]


# ---- The whole town -----------------------------------------------------------------------------


def test_the_layer_has_multilines_typed_fields_and_an_id_that_is_text():
    opened = Layer("sequences")

    assert schema(opened.layer) == [
        ("id", ogr.OFTString, ogr.OFSTNone),
        ("captured_at", ogr.OFTDateTime, ogr.OFSTNone),
        ("image_id", ogr.OFTInteger64, ogr.OFSTNone),
        ("is_pano", ogr.OFTInteger, ogr.OFSTBoolean),
        ("organization_id", ogr.OFTInteger64, ogr.OFSTNone),
        ("creator_id", ogr.OFTInteger64, ogr.OFSTNone),
        ("quality_score", ogr.OFTReal, ogr.OFSTNone),
        ("foot", ogr.OFTInteger, ogr.OFSTBoolean),
    ]
    assert opened.layer.GetGeomType() == ogr.wkbMultiLineString
    assert opened.layer.GetFIDColumn() == ""


@pytest.mark.parametrize("stitch", ("AREA", "WHOLE"))
def test_every_sequence_of_the_town_is_one_feature_as_long_as_its_walks(service, town, truth, pieces, stitch):
    expected = Expected(town, pieces, corners(truth.box))
    with_a_line = [sequence for sequence in town.sequences if sequence.walks()]
    assert len(expected.meeting) == len(with_a_line) < len(town.sequences)

    found = rows_of(Layer("sequences", STITCH=stitch, **at(service)).within(truth.box))

    assert found == [row_of(sequence, sequence.walks()) for sequence in expected.meeting]
    assert_each_once(service.requests, cover(truth.box) if stitch == "AREA" else expected.followed)


def test_the_town_tries_all_that_can_be_null_or_not(town):
    rows = [fields_of(sequence) for sequence in town.sequences if sequence.walks()]

    for name in ("captured_at", "organization_id", "creator_id", "quality_score", "foot"):
        assert {row[name] is None for row in rows} == {True, False}, name
    for name in ("is_pano", "foot"):
        assert {True, False} <= {row[name] for row in rows}, name


def test_no_part_ends_where_another_begins(service, truth):
    layer = Layer("sequences", STITCH="AREA", **at(service)).within(truth.box)

    for one in layer.rows():
        assert loose_joints(pixel_lines(one.shape)) == [], one.fields["id"]


@pytest.mark.parametrize("zoom", range(6, 14))
def test_lower_zooms_give_the_generalised_lines_of_their_tiles(service, town, truth, tiles, zoom):
    pieces = Pieces(tiles, zoom)
    expected = Expected(town, pieces, corners(truth.box))
    assert len(expected.meeting) > 75

    found = rows_of(Layer("sequences", STITCH="AREA", ZOOM=zoom, **at(service)).within(truth.box), zoom)

    assert found == [row_of(sequence, walks_of(sequence, zoom)) for sequence in expected.meeting]
    assert_each_once(service.requests, pieces.keys(expected.cells))


@pytest.mark.parametrize("zoom", (12, 13))
def test_sequences_are_followed_at_lower_zooms_too(service, town, tiles, zoom):
    pieces = Pieces(tiles, zoom)
    corner = 8581 >> 14 - zoom, 5555 >> 14 - zoom
    filter_ = corners(grown(tile_box(*corner, zoom), -0.012))
    expected = Expected(town, pieces, filter_)
    assert expected.meeting and len(expected.followed) > len(expected.cells)

    layer = Layer("sequences", ZOOM=zoom, **at(service)).touching(polygon(filter_))

    assert rows_of(layer, zoom) == expected.whole
    assert_each_once(service.requests, expected.followed)


def test_zoom_14_is_the_default(service, truth):
    plainly = Layer("sequences", **at(service)).within(truth.box).rows()

    assert Layer("sequences", ZOOM=14, **at(service)).within(truth.box).rows() == plainly


@pytest.mark.parametrize("zoom", ("5", "15", "0", "-1", "", "z", "14.5"))
def test_zooms_without_lines_are_refused_at_once(zoom):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"ZOOM={zoom}"])

    assert dataset is None
    assert len(heard.errors) == 1 and "ZOOM" in heard.errors[0] and "6 to 14" in heard.errors[0]


@pytest.mark.parametrize("stitch", ("", "ALL", "WHOLE,AREA"))
def test_ways_of_stitching_that_do_not_exist_are_refused_at_once(stitch):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"STITCH={stitch}"])

    assert dataset is None
    assert len(heard.errors) == 1 and "STITCH" in heard.errors[0]


# ---- Filters --------------------------------------------------------------------------------------


def random_filters() -> Dict[str, List[Position]]:
    rng = random.Random(14)
    out: Dict[str, List[Position]] = {}
    for n in range(10):
        lon, lat = rng.uniform(8.535, 8.560), rng.uniform(50.008, 50.028)
        width = rng.choice((0.0002, 0.002, 0.01))
        out[f"box {n}"] = corners((lon, lat, lon + width, lat + width / 2))
        out[f"triangle {n}"] = [(lon, lat), (lon + width, lat + width * rng.random()),
                                (lon + width * rng.random(), lat + width)]
    for x, y in ((8580, 5554), (8581, 5555), (8582, 5554), (8581, 5554)):
        out[f"corner {x}/{y}"] = corners(around((x * EXTENT, y * EXTENT), 150))
    out["tile"] = corners(grown(tile_box(8580, 5554), -1e-7))
    out["triangle"] = [(8.540, 50.012), (8.556, 50.015), (8.549, 50.026)]
    out["centre"] = corners((8.545, 50.015, 8.555, 50.023))
    out["beside the town"] = corners((8.40, 50.10, 8.41, 50.11))
    return out


FILTERS = random_filters()


@pytest.fixture(scope="session")
def expected_of(town, pieces):
    """What must come of a filter by its name; each worked out once."""
    known: Dict[str, Expected] = {}

    def call(name: str) -> Expected:
        if name not in known:
            known[name] = Expected(town, pieces, FILTERS[name])
        return known[name]

    return call


@pytest.mark.parametrize("name", FILTERS)
def test_what_meets_a_filter_comes_whole_and_nothing_else_comes(service, expected_of, name):
    expected = expected_of(name)

    layer = Layer("sequences", **at(service)).touching(polygon(FILTERS[name]))

    assert rows_of(layer) == expected.whole
    assert_each_once(service.requests, expected.followed)


def test_the_filters_try_all_there_is(expected_of):
    expected = [expected_of(name) for name in FILTERS]

    assert any(not each.meeting for each in expected)
    assert any(len(each.meeting) > 20 for each in expected)
    assert any(len(each.near) > len(each.meeting) > 0 for each in expected)
    assert any(len(each.followed) == len(each.cells) for each in expected)
    assert sum(len(each.followed) > len(each.cells) for each in expected) > 5
    assert any(len(each.cells) >= 4 for each in expected)
    whole = [(sequence, lines) for each in expected for sequence in each.meeting
             for lines in [each.within_reach(sequence)]]
    assert {len(lines) for sequence, lines in whole if len(sequence.runs) == 2} == {1, 2}


@pytest.mark.parametrize("name", [name for name in FILTERS if not name.startswith("triangle ")])
def test_an_area_gives_what_its_tiles_hold_joined(service, pieces, expected_of, name):
    expected = expected_of(name)

    layer = Layer("sequences", STITCH="AREA", **at(service)).touching(polygon(FILTERS[name]))

    assert rows_of(layer) == expected.of_area
    assert_each_once(service.requests, pieces.keys(expected.cells))


@pytest.mark.parametrize("stitch", ["AREA", "NO"])
def test_a_sequence_by_its_id_is_cut_where_the_area_cuts_it_without_the_filter(service, pieces, expected_of, stitch):
    """A filter takes rows away and changes none; so the tiles of the area are read, and no others."""
    layer = Layer("sequences", STITCH=stitch, **at(service)).touching(polygon(FILTERS["tile"]))
    rows = layer.rows()
    service.clear()

    for row in rows[:3]:
        key = row.fields["id"]
        again = Layer("sequences", STITCH=stitch, **at(service)).touching(polygon(FILTERS["tile"])).where(f"id = '{key}'")
        assert again.rows() == [one for one in rows if one.fields["id"] == key]
    assert {request.kind for request in service.requests} <= {"tile"}
    assert set(service.tiles_asked()) <= set(pieces.keys(expected_of("tile").cells))


@pytest.mark.parametrize("sql, keep", [
    ("is_pano = 1", lambda s: s.is_pano),
    ("foot = 1 AND is_pano = 0", lambda s: s.foot and not s.is_pano),
    ("captured_at >= '2022/01/01'", lambda s: (s.captured_at or 0) >= date_ms("2022/01/01")),
    ("quality_score > 0.71", lambda s: (s.quality_score or 0) > 0.71),
    ("organization_id IS NOT NULL", lambda s: s.organization_id is not None),
    ("id LIKE 'a%'", lambda s: s.id[0] in "aA"),
    ("1 = 0", lambda s: False),
])
def test_what_the_attribute_filter_refuses_is_not_followed(service, town, pieces, expected_of, sql, keep):
    filter_ = FILTERS["tile"]
    expected = Expected(town, pieces, filter_, keep)
    assert set(expected.followed) < set(expected_of("tile").followed)

    layer = Layer("sequences", **at(service)).touching(polygon(filter_)).where(sql)

    assert rows_of(layer) == expected.whole
    if sql == "1 = 0":
        assert set(service.tiles_asked()) <= set(expected.followed)
    else:
        assert_each_once(service.requests, expected.followed)


def test_a_sequence_that_touches_the_filter_from_the_tile_beside_it_is_there(service):
    ends = at_tile((1000, 1000), (EXTENT, 1500))
    turns = at_tile((1000, 2000), (EXTENT, 2500), (1000, 3000))
    service.tiles = world(({"id": "ends"}, [ends]), ({"id": "turns"}, [turns]))

    layer = Layer("sequences", **at(service)).within(tile_box(X + 1, Y))

    assert [one.fields["id"] for one in layer.rows()] == ["ends", "turns"]


def test_a_count_is_that_of_the_features(service, expected_of):
    expected = expected_of("tile")

    opened = Layer("sequences", **at(service)).touching(polygon(FILTERS["tile"]))

    assert opened.layer.GetFeatureCount() == len(expected.meeting)
    assert_each_once(service.requests, expected.followed)


def test_without_a_bound_there_is_no_request(service):
    layer = Layer("sequences", **at(service))

    assert layer.layer.GetFeatureCount() == -1
    assert "spatial filter" in layer.failure()
    assert service.requests == []


def test_an_ignored_geometry_is_absent_and_filters_all_the_same(service, expected_of):
    expected = expected_of("centre")
    assert len(expected.near) > len(expected.meeting) > 0

    layer = Layer("sequences", **at(service)).touching(polygon(FILTERS["centre"]))
    layer.ignoring("OGR_GEOMETRY", "is_pano")

    assert layer.rows() == [Seen(fnv(s.id), {**fields_of(s), "is_pano": None}, None) for s in expected.meeting]


# ---- The ceiling of tiles -----------------------------------------------------------------------


def forty() -> Line:
    """A line through forty tiles in a row."""
    return [((X + n) * EXTENT + 2000, Y * EXTENT + 2000 + 40 * n) for n in range(40)]


@pytest.mark.parametrize("n", (0, 17, 39))
def test_a_sequence_through_forty_tiles_is_followed_both_ways(service, n):
    service.tiles = world(({"id": "long"}, [forty()]))
    assert len(service.tiles) == 40

    (one,) = Layer("sequences", **at(service)).within(around(forty()[n])).rows()

    assert pixel_lines(one.shape) == [split(forty())]
    assert_each_once(service.requests, service.tiles)


def test_a_sequence_that_takes_exactly_as_many_tiles_as_allowed_is_whole(service):
    service.tiles = world(({"id": "long"}, [forty()]))

    (one,) = Layer("sequences", MAX_TILES=40, **at(service)).within(around(forty()[5])).rows()

    assert pixel_lines(one.shape) == [split(forty())]


@pytest.mark.parametrize("most", (1, 2, 39))
def test_following_beyond_the_ceiling_ends_with_an_error_that_says_what_to_do(service, most):
    service.tiles = world(({"id": "long"}, [forty()]))

    message = Layer("sequences", MAX_TILES=most, **at(service)).within(around(forty()[5])).failure()

    assert "STITCH=AREA" in message and "MAX_TILES" in message and str(most) in message
    asked = service.tiles_asked()
    assert 0 < len(asked) <= most and len(set(asked)) == len(asked)


def test_an_area_beyond_the_ceiling_is_refused_before_the_first_request(service, truth):
    message = Layer("sequences", MAX_TILES=10, **at(service)).within(truth.box).failure()

    assert "20 tiles" in message and "MAX_TILES" in message
    assert service.requests == []


def test_following_needs_no_more_tiles_with_an_area_than_it_covers(service):
    service.tiles = world(({"id": "long"}, [forty()]))

    (one,) = Layer("sequences", STITCH="AREA", MAX_TILES=1, **at(service)).within(around(forty()[5])).rows()

    assert pixel_lines(one.shape) == [split(forty())[9:12]]
    assert_each_once(service.requests, [(ORIGINAL, 14, X + 5, Y)])


# ---- Shapes ---------------------------------------------------------------------------------------

B = EXTENT  # a border of the tile, from its corner

# Lines that a reader trips over, from the corner of the tile; joined they must be exactly what they were.
SHAPES: Dict[str, Line] = {
    "straight through a corner": [(B - 96, B - 96), (B + 96, B + 96), (B + 900, B + 900)],
    "through a corner the other way": [(B + 96, B - 96), (B - 96, B + 96)],
    "a vertex on a corner": [(B - 500, B - 100), (B, B), (B + 500, B - 100)],
    "a vertex on a border": [(3000, 1000), (B, 1000), (5000, 1200)],
    "out and in by the same border vertex": [
        (3000, 1000), (B, 1000), (5000, 1500), (5000, 500), (B, 1000), (3000, 1200)],
    "out and in by the same border vertex, from the east": [
        (5000, 1000), (B, 1000), (3000, 1500), (3000, 500), (B, 1000), (5000, 1200)],
    "out and in by the same corner": [
        (3000, 3000), (B, B), (5000, 5000), (5000, 4500), (B, B), (3000, 3500)],
    "crossing itself on a border": [
        (3000, 1000), (B, 1000), (5000, 1000), (5000, 2000), (3000, 2000), (3000, 1500), (B, 1000), (5000, 500)],
    "a border touched and left": [(3000, 1000), (B, 1000), (3000, 1200)],
    "along a border": [(4000, 100), (B, 200), (B, 300), (4000, 400)],
    "along a border over a corner": [(4000, 4000), (B, 4050), (B, 4200), (4200, 4300)],
    "all of it on a border": [(B, 200), (B, 300)],
    "begins on a border": [(B, 300), (4000, 200), (3000, 200)],
    "ends on a border": [(3000, 200), (4000, 200), (B, 300)],
    "begins on a corner": [(B, B), (4000, 4000), (3000, 3900)],
    "an eight": [(1000, 1000), (2000, 2000), (2000, 1000), (1000, 2000)],
    "an eight over a border": [(4000, 1000), (4200, 2000), (4200, 1000), (4000, 2000)],
    "a loop over four tiles": [
        (4000, 4000), (4200, 4000), (4200, 4200), (4000, 4200), (4000, 4000)],
    "a loop over four tiles, the other way": [
        (4000, 4000), (4000, 4200), (4200, 4200), (4200, 4000), (4000, 4000)],
    "three rounds over four tiles": [
        (4000, 4000), (4200, 4000), (4200, 4200), (4000, 4200)] * 3 + [(3900, 3900)],
    "to and fro over a border": [(4000, 100), (4200, 100)] * 3,
    "in and out many times": [(4000 + 200 * (n % 2), 100 + 50 * n) for n in range(40)],
    "one step over three borders": [(100, 100), (100 + 3 * EXTENT, 200)],
    "two steps": [(100, 100), (101, 100), (101, 101)],
}


@pytest.mark.parametrize("stitch", ("AREA", "WHOLE"))
@pytest.mark.parametrize("name", SHAPES)
def test_a_line_comes_back_as_it_was(service, name, stitch):
    line = noded(at_tile(*SHAPES[name]))
    service.tiles = world(({"id": "s"}, [line]))
    box = box_of(line) if stitch == "AREA" else around(line[0])
    cells = covered(corners(box))

    (one,) = Layer("sequences", STITCH=stitch, **at(service)).within(box).rows()

    assert [pixels(part) for part in one.shape] == [split(line)]
    pieces = Pieces(service.tiles)
    assert_each_once(service.requests, pieces.keys(cells) if stitch == "AREA" else pieces.followed(["s"], cells))


@pytest.mark.parametrize("start", [(B, B), (B, 4000)])
def test_a_loop_that_begins_on_a_border_is_one_line_from_some_vertex_on(service, start):
    line = at_tile(start, (4200, 4000), (4200, 4200), (4000, 4200), (4000, 4000), start)
    service.tiles = world(({"id": "s"}, [line]))

    (one,) = Layer("sequences", **at(service)).within(around(line[0])).rows()

    (ring,) = pixel_lines(one.shape)
    assert ring[0] == ring[-1]
    assert segments([ring]) == segments([split(line)])


def test_one_line_that_touches_a_border_and_crosses_it_there_later_is_one_line(service):
    line = at_tile((3000, 1000), (B, 1000), (3000, 1200), (2000, 800), (3000, 900), (B, 1000), (5000, 1100))
    service.tiles = world(({"id": "s"}, [line]))

    (one,) = Layer("sequences", **at(service)).within(around(line[0])).rows()

    assert [pixels(part) for part in one.shape] == [line]


def random_line(rng: random.Random) -> Line:
    """On a coarse grid, so that it meets itself, borders and corners all the time."""
    step = rng.choice((512, 700, 1024, 1365, 2048, 4096))
    line = at_tile((rng.randrange(8) * step, rng.randrange(8) * step))
    while len(line) < 40:
        dx, dy = rng.choice([(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy])
        steps = rng.randrange(1, 3) * step
        line.append((line[-1][0] + dx * steps, line[-1][1] + dy * steps))
    return noded(line)


@pytest.mark.parametrize("seed", range(5))
def test_of_random_lines_every_step_is_there_once_and_nothing_is_left_to_join(service, seed):
    rng = random.Random(seed)
    lines = {f"line {n}": random_line(rng) for n in range(12)}
    service.tiles = world(*(({"id": name}, [line]) for name, line in lines.items()))
    everything = Layer("sequences", STITCH="AREA", **at(service)).within(box_of(*lines.values()))
    middle = Layer("sequences", **at(service)).within(around(at_tile((B, B))[0], 3000))

    for found in everything.rows(), middle.rows():
        for one in found:
            parts = pixel_lines(one.shape)
            assert segments(parts) == segments([split(lines[one.fields["id"]])])
            assert loose_joints(parts) == []
    assert len(everything.rows()) == len(lines)


def test_a_sequence_of_one_image_is_no_line(service, town, truth):
    single = {s.id for s in town.sequences if all(len(run) == 1 for run in s.runs)}
    assert len(single) > 3

    found = {one.fields["id"] for one in Layer("sequences", **at(service)).within(truth.box).rows()}

    assert found == {s.id for s in town.sequences} - single


# ---- Gaps -----------------------------------------------------------------------------------------

NEAR = at_tile((500, 500), (700, 600), (900, 500))
BESIDE = at_tile((2000, 500), (2200, 600), (5000, 700), (9000, 700))  # begins in the same tile
FAR = at_tile((20000, 500), (20500, 600))


@pytest.mark.parametrize("stitch, lines", [
    ("WHOLE", [NEAR, split(BESIDE)]), ("AREA", [NEAR, split(BESIDE)[:3]])])
def test_parts_beyond_a_gap_are_there_if_the_covered_tiles_hold_any_of_them(service, stitch, lines):
    service.tiles = world(({"id": "gaps"}, [NEAR, BESIDE, FAR]))

    (one,) = Layer("sequences", STITCH=stitch, **at(service)).within(around(NEAR[0])).rows()

    assert pixel_lines(one.shape) == lines
    followed = [(ORIGINAL, 14, X + n, Y) for n in range(3 if stitch == "WHOLE" else 1)]
    assert_each_once(service.requests, followed)


def test_parts_beyond_a_gap_that_are_met_while_another_sequence_is_followed_are_out_of_reach(service):
    guide, leaving = at_tile((500, 1000), (30000, 1000)), at_tile((20000, 500), (20500, 6000))
    service.tiles = world(({"id": "gaps"}, [NEAR, leaving]), ({"id": "guide"}, [guide]))
    assert (ORIGINAL, 14, X + 5, Y + 1) in service.tiles

    found = Layer("sequences", **at(service)).within(grown(tile_box(X, Y), -1e-6)).rows()

    assert [one.fields["id"] for one in found] == ["gaps", "guide"]
    assert pixel_lines(found[0].shape) == [NEAR]
    assert pixel_lines(found[1].shape) == [split(guide)]
    assert_each_once(service.requests, [(ORIGINAL, 14, X + n, Y) for n in range(8)])


@pytest.mark.parametrize("stitch", ("WHOLE", "AREA"))
def test_a_run_that_passes_where_another_began_goes_on_with_its_own_next_part(service, stitch):
    spot = (2000, 2000)
    begins = at_tile(spot, (2500, 2500))
    passes = at_tile((1000, 1000), spot, (1500, 2500), (1000, 2000), spot, (3000, 2000))
    service.tiles = world(({"id": "s"}, [begins, passes]))

    (one,) = Layer("sequences", STITCH=stitch, **at(service)).within(around(begins[0])).rows()

    assert pixel_lines(one.shape) == sorted([begins, passes])


def test_a_gap_of_two_units_on_one_border_stays_a_gap(service):
    out, back = at_tile((4000, 100), (4200, 100)), at_tile((4200, 102), (4000, 102))
    service.tiles = world(({"id": "gap"}, [out, back]))

    (one,) = Layer("sequences", **at(service)).within(around(out[0])).rows()

    assert pixel_lines(one.shape) == sorted([split(out), split(back)])


# ---- 180 degrees and the poles --------------------------------------------------------------------

LOW = Y * EXTENT


def crossing_lines() -> Dict[str, Line]:
    """Lines over 180 degrees; they go on east of the world, or begin west of it."""
    return {
        "eastward": [(WORLD - 9000 + 3000 * n, LOW + 1000 + 10 * n) for n in range(7)],
        "westward": [(9000 - 3000 * n, LOW + 1000 + 10 * n) for n in range(7)],
        "there and back": [(WORLD + 100 * (n % 2 * 2 - 1), LOW + 100 * n) for n in range(6)],
        "a vertex on it": [(WORLD - 100, LOW + 100), (WORLD, LOW + 200), (WORLD + 100, LOW + 300)],
        "through a corner": [(WORLD - 100, LOW - 100), (WORLD + 100, LOW + 100)],
        "westward through a corner": [(100, LOW - 100), (-100, LOW + 100)],
        "along it": [(WORLD - 100, LOW + 100), (WORLD, LOW + 200), (WORLD, LOW + 300), (WORLD - 100, LOW + 400)],
    }


@pytest.mark.parametrize("end", (0, -1))
@pytest.mark.parametrize("name", crossing_lines())
def test_a_sequence_over_180_degrees_is_one_feature_split_there(service, name, end):
    line = crossing_lines()[name]
    service.tiles = world(({"id": "s"}, [line]))
    cells = covered(corners(around((line[end][0] % WORLD, line[end][1]))))

    (one,) = Layer("sequences", **at(service)).within(around((line[end][0] % WORLD, line[end][1]))).rows()

    assert pixel_lines(one.shape) == sorted(within_180(split(line)))
    assert all(-180 <= lon <= 180 for part in one.shape for lon, _ in part)
    assert_each_once(service.requests, Pieces(service.tiles).followed(["s"], cells))


@pytest.mark.parametrize("stitch", ("AREA", "WHOLE"))
def test_a_filter_on_both_sides_of_180_degrees_gives_one_feature(service, stitch):
    line = crossing_lines()["eastward"]
    service.tiles = world(({"id": "s"}, [line]))
    sides = [around((line[n][0] % WORLD, line[n][1]), 1500) for n in (2, 4)]
    wkt = ", ".join(polygon(corners(side)).removeprefix("POLYGON ") for side in sides)

    layer = Layer("sequences", STITCH=stitch, **at(service)).touching(f"MULTIPOLYGON ({wkt})")

    (one,) = layer.rows()
    held = segments(Pieces(service.tiles).inside("s", [cell for side in sides for cell in covered(corners(side))]))
    cut = within_180(split(line))
    assert pixel_lines(one.shape) == sorted(
        cut if stitch == "WHOLE" else [line for part in cut for line in stretches(part, held)])
    assert (stitch == "WHOLE") == (segments(pixel_lines(one.shape)) == segments(cut))


def test_a_loop_over_180_degrees_is_one_line_on_each_side(service):
    loop = [(WORLD - 100, LOW + 100), (WORLD + 100, LOW + 100), (WORLD + 100, LOW + 300),
            (WORLD - 100, LOW + 300), (WORLD - 100, LOW + 100)]
    service.tiles = world(({"id": "s"}, [loop]))

    (one,) = Layer("sequences", **at(service)).within(around(loop[0])).rows()

    assert pixel_lines(one.shape) == [
        [(0, LOW + 100), (100, LOW + 100), (100, LOW + 300), (0, LOW + 300)],
        [(WORLD, LOW + 300), (WORLD - 100, LOW + 300), (WORLD - 100, LOW + 100), (WORLD, LOW + 100)]]


@pytest.mark.parametrize("line", [
    [(5000, 5000), (5500, 0), (6000, 4000), (9000, 3000)],
    [(5000, 300), (9000, 0)],
    [(5000, WORLD - 5000), (5500, WORLD), (9000, WORLD - 100)],
    [(WORLD - 300, 300), (WORLD + 300, 0)],
    [(300, WORLD - 300), (-300, WORLD)],
], ids=("in the north", "to the northern end", "in the south", "north-eastern corner", "south-western corner"))
def test_sequences_at_the_ends_of_the_world_are_whole_and_nothing_beyond_is_asked(service, line):
    service.tiles = world(({"id": "s"}, [line]))
    box = around(line[0])

    (one,) = Layer("sequences", **at(service)).within(box).rows()

    assert pixel_lines(one.shape) == sorted(within_180(split(line)))
    assert_each_once(service.requests, Pieces(service.tiles).followed(["s"], covered(corners(box))))
    assert all(request.status == 200 for request in service.requests)


# ---- Attributes -----------------------------------------------------------------------------------


def one_line(n: int) -> Line:
    return at_tile((100, 100 + 20 * n), (200, 110 + 20 * n))


def rows_of_attributes(service, *attributes: Dict[str, Any]) -> List[Seen]:
    """A sequence with each of these attributes, in one tile and of a different place each."""
    service.tiles = world(*((each, [one_line(n)]) for n, each in enumerate(attributes)))
    return Layer("sequences", **at(service)).within(grown(tile_box(X, Y), -1e-6)).rows()


def test_values_have_their_types_and_what_is_left_out_is_null(service):
    full = {"id": "full", "captured_at": 1_650_000_000_123, "image_id": 2 ** 53 + 1, "is_pano": True,
            "organization_id": 2 ** 62 + 1, "creator_id": 7, "quality_score": 0.5, "foot": False}

    found = rows_of_attributes(service, full, {"id": "bare"})

    assert [one.fields for one in found] == [full, {**NOTHING, "id": "bare"}]


@pytest.mark.parametrize("value", [0, -1, 253_402_300_800_000, 10_000_000_000_000_000, "", "soon"])
def test_a_capture_time_that_is_none_is_null(service, value):
    (one,) = rows_of_attributes(service, {"id": "s", "captured_at": value})

    assert one.fields == {**NOTHING, "id": "s"}


def test_values_of_another_encoding_are_taken_for_what_they_mean(service):
    (one,) = rows_of_attributes(service, {
        "id": 77, "captured_at": "1650000000123", "image_id": "9007199254740993", "is_pano": 1,
        "organization_id": 12.0, "creator_id": mvt.Value.uint(5), "quality_score": "0.25", "foot": "false"})

    assert one.fields == {
        "id": "77", "captured_at": 1_650_000_000_123, "image_id": 9007199254740993, "is_pano": True,
        "organization_id": 12, "creator_id": 5, "quality_score": 0.25, "foot": False}
    assert one.fid == fnv("77")


def test_sequences_without_an_id_are_features_of_their_own_without_a_fid(service):
    found = rows_of_attributes(service, {"id": "", "image_id": 1}, {"id": "s", "image_id": 2},
                               {"id": "", "image_id": 3}, {"image_id": 4})

    assert [(one.fid, one.fields["id"], one.fields["image_id"]) for one in found] == [
        (-1, None, 1), (fnv("s"), "s", 2), (-1, None, 3), (-1, None, 4)]
    assert [pixel_lines(one.shape) for one in found] == [[one_line(n)] for n in range(4)]


def test_a_sequence_without_an_id_is_not_followed_for_nothing_could_join_it(service):
    line = at_tile((3000, 1000), (5000, 1000))
    service.tiles = world(({"id": ""}, [line]))

    (one,) = Layer("sequences", **at(service)).within(around(line[0])).rows()

    assert pixel_lines(one.shape) == [split(line)[:2]]
    assert_each_once(service.requests, [(ORIGINAL, 14, X, Y)])


@pytest.mark.parametrize("name", ["Ünï-日本", "a'b\"c", "x" * 500, "line\nbreak", "7"])
def test_ids_may_be_any_text(service, name):
    (one,) = rows_of_attributes(service, {"id": name})

    assert (one.fields["id"], one.fid) == (name, fnv(name))


def test_attributes_that_differ_between_pieces_are_those_of_the_first_tile_of_the_plan(service):
    pieces = [world(({"id": "s", "image_id": n}, [at_tile((3000, 100), (5000, 100))])) for n in (1, 2)]
    east = (ORIGINAL, 14, X + 1, Y)
    service.tiles = {**pieces[0], east: pieces[1][east]}
    service.fault("slow", match=(ORIGINAL, 14, X, Y), seconds=0.2)

    (one,) = Layer("sequences", **at(service)).within(grown(tile_box(X, Y), -1e-6)).rows()

    assert one.fields == {**NOTHING, "id": "s", "image_id": 1}
    assert pixel_lines(one.shape) == [split(at_tile((3000, 100), (5000, 100)))]


def test_pieces_on_another_grid_cannot_be_joined_and_that_is_an_error(service):
    service.tiles = {(ORIGINAL, 14, X, Y): mvt.encode([mvt.Layer(
        "sequence", [mvt.lines([[(1, 2), (3, 4)]], {"id": "s"})], extent=512)])}
    box = grown(tile_box(X, Y), -1e-6)

    message = Layer("sequences", STITCH="AREA", **at(service)).within(box).failure()
    (one,) = Layer("sequences", STITCH="NO", **at(service)).within(box).rows()

    assert "512" in message
    assert pixel_lines(one.shape) == [at_tile((8, 16), (24, 32))]


# ---- Pieces -----------------------------------------------------------------------------------------


def pieces_of(tiles, filter_, zoom=14) -> List[Row]:
    """A row for each id and tile, in the order of the plan, parts in the order of the tile."""
    held = Pieces(tiles, zoom)
    return [(fid_of_piece(name, zoom, *key[2:]), attributes, lines)
            for key in held.keys(covered(filter_, zoom))
            for name, attributes, lines in held.by_cell.get(key[2:], ()) if meets(lines, filter_, zoom)]


def read_pieces(service, filter_, **options) -> List[Row]:
    zoom = options.get("ZOOM", 14)
    layer = Layer("sequences", STITCH="NO", **options, **at(service)).touching(polygon(filter_))
    return [(one.fid, one.fields, [pixels(part, zoom) for part in one.shape]) for one in layer.rows()]


@pytest.mark.parametrize("name", ("tile", "centre", "triangle", "corner 8581/5555"))
def test_unstitched_there_is_a_feature_for_each_id_and_tile_that_meets_the_filter(
        service, town, tiles, pieces, name):
    expected = [(fid, fields_of(town.sequence(attributes["id"])), lines)
                for fid, attributes, lines in pieces_of(tiles, FILTERS[name])]
    assert expected

    assert read_pieces(service, FILTERS[name]) == expected
    assert_each_once(service.requests, pieces.keys(covered(FILTERS[name])))


@pytest.mark.parametrize("zoom", (9, 13, 14))
def test_unstitched_pieces_of_the_town_have_fids_of_their_own(service, town, truth, tiles, zoom):
    expected = [(fid, fields_of(town.sequence(attributes["id"])), lines)
                for fid, attributes, lines in pieces_of(tiles, corners(truth.box), zoom)]

    found = read_pieces(service, corners(truth.box), ZOOM=zoom)

    assert found == expected
    assert len({fid for fid, _, _ in found}) == len(found)


FIDS = """
import json, sys
from osgeo import gdal
dataset = gdal.OpenEx("MAPILLARY:STITCH=" + sys.argv[1], gdal.OF_VECTOR)
layer = dataset.GetLayerByName("sequences")
layer.SetSpatialFilterRect(*map(float, sys.argv[2:]))
print(json.dumps([feature.GetFID() for feature in layer]))
"""


@pytest.mark.parametrize("stitch", ("NO", "WHOLE"))
def test_fids_are_the_same_in_every_process(run, tiles, pieces, stitch):
    box = grown(tile_box(8580, 5555), -0.001)
    expected = ([fid for fid, _, _ in pieces_of(tiles, corners(box))] if stitch == "NO" else
                [fnv(name) for name in pieces.ids(covered(corners(box)))
                 if meets(pieces.parts_of(name), corners(box))])

    runs = [run(sys.executable, "-c", FIDS, stitch, *box) for _ in range(2)]

    assert [(done.code, done.err) for done in runs] == [(0, "")] * 2
    assert [json.loads(done.out) for done in runs] == [expected] * 2


def test_the_fid_is_the_well_known_hash_of_the_id_without_its_sign(service):
    (one,) = rows_of_attributes(service, {"id": "a"})

    assert fnv("a") == 0xAF63DC4C8601EC8C - (1 << 63)  # published with the hash, as that of this text
    assert one.fid == fnv("a")


# ---- Order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", (1, 2, 3))
def test_features_come_in_the_same_order_however_late_each_answer_is(service, expected_of, seed):
    expected = expected_of("tile")
    chance = random.Random(seed)
    for tile in expected.followed:
        service.fault("slow", match=tile, seconds=chance.uniform(0, 0.2))

    found = rows_of(Layer("sequences", **at(service)).touching(polygon(FILTERS["tile"])))

    assert found == expected.whole
    assert service.max_in_flight > 1


@pytest.mark.parametrize("stitch", ("AREA", "NO"))
@pytest.mark.parametrize("seed", (1, 2))
def test_areas_and_pieces_keep_their_order_too(tiles, truth, seed, stitch):
    found = []
    for connections in (1, 7):
        with serve(tiles) as service:
            chance = random.Random(seed)
            for tile in cover(truth.box):
                service.fault("slow", match=tile, seconds=chance.uniform(0, 0.05))
            layer = Layer("sequences", STITCH=stitch, CONNECTIONS=connections, **at(service))
            found.append(layer.within(truth.box).rows())

    assert found[0] == found[1]


# ---- Features by their FIDs -------------------------------------------------------------------------

STITCHES = ("WHOLE", "AREA", "NO")


@pytest.fixture
def reading(service) -> Any:
    """Reads a tile of the town in one of the ways, with all its FIDs tried at once."""
    def start(stitch: str, box=grown(tile_box(8580, 5555), -0.001)) -> Layer:
        return Layer("sequences", STITCH=stitch, **at(service)).within(box)
    return start


@pytest.mark.parametrize("stitch", STITCHES)
def test_every_fid_is_good_while_the_read_goes_on(reading, stitch):
    layer, seen = reading(stitch), []

    with listening() as heard:
        for feature in iter(layer.layer.GetNextFeature, None):
            seen.append(plain(feature))
            assert layer.get(seen[0].fid) == seen[0]
            assert layer.get(seen[-1].fid) == seen[-1]

    assert heard == Heard()
    assert seen == reading(stitch).rows()


@pytest.mark.parametrize("stitch", STITCHES)
def test_every_fid_is_good_after_the_end_and_after_a_reset_and_under_other_filters(reading, stitch):
    layer = reading(stitch)
    found = layer.rows()
    assert len(found) > 20

    assert [layer.get(one.fid) for one in found] == found
    layer.layer.ResetReading()
    assert [layer.get(one.fid) for one in found] == found
    layer.within((1, 1, 2, 2)).where("id = 'nobody'")
    assert [layer.get(one.fid) for one in found] == found
    assert layer.rows() == []
    assert [layer.get(one.fid) for one in found] == found


@pytest.mark.parametrize("stitch", STITCHES)
def test_a_read_is_not_disturbed_by_features_asked_for_by_fid(reading, stitch):
    undisturbed = reading(stitch).rows()
    layer, found = reading(stitch), []

    for feature in iter(layer.layer.GetNextFeature, None):
        found.append(plain(feature))
        layer.get(undisturbed[-1].fid)

    assert found == undisturbed


@pytest.mark.parametrize("stitch", STITCHES)
def test_a_fid_is_good_after_another_read_took_its_place(reading, stitch):
    layer = reading(stitch)
    found = layer.rows()
    more = layer.within(grown(tile_box(8582, 5555), -1e-6)).rows()
    assert more and {one.fid for one in found} - {one.fid for one in more}

    last = {one.fid: one for one in (*found, *more)}  # an area gives of a sequence what lies in it

    assert [layer.get(fid) for fid in last] == list(last.values())


@pytest.mark.parametrize("lines", [
    [NEAR, BESIDE, FAR],
    [at_tile((B, 2000), (2000, 2000))],
    [at_tile((2000, B), (2000, 2000))],
    [at_tile((5000, 2000), (2000, 2000))],
    [at_tile((0, 2000), (2000, 2000))],
], ids=("gaps", "from the eastern border", "from the southern border", "westward", "from the western border"))
@pytest.mark.parametrize("stitch", STITCHES)
def test_wherever_a_line_begins_its_fid_is_good_after_another_read(service, stitch, lines):
    elsewhere = at_tile((40000, 500), (40500, 500))
    service.tiles = world(({"id": "s"}, lines), ({"id": "other"}, [elsewhere]))
    layer = Layer("sequences", STITCH=stitch, **at(service)).within(box_of(*lines))
    found = layer.rows()
    assert found

    assert len(layer.within(box_of(elsewhere)).rows()) == 1

    assert [layer.get(one.fid) for one in found] == found


@pytest.mark.parametrize("stitch", ("WHOLE", "AREA"))
def test_features_that_are_still_held_are_not_asked_for_again(service, stitch):
    layer = Layer("sequences", STITCH=stitch, CACHE="NO", **at(service)).within(grown(tile_box(8580, 5555), -0.001))
    found = layer.rows()
    service.clear()

    assert [layer.get(one.fid) for one in found] == found
    assert service.requests == []


@pytest.mark.parametrize("stitch", STITCHES)
def test_a_feature_that_cannot_be_had_again_is_an_error_and_not_just_missing(service, stitch):
    elsewhere = at_tile((40000, 500), (40500, 500))
    service.tiles = world(({"id": "s"}, [BESIDE]), ({"id": "other"}, [elsewhere]))
    layer = Layer("sequences", STITCH=stitch, CACHE="NO", **at(service)).within(around(BESIDE[0]))
    (one,) = layer.rows()
    assert len(layer.within(box_of(elsewhere)).rows()) == 1
    service.fault(503, times=None)

    with listening() as heard:
        feature = layer.layer.GetFeature(one.fid)

    if feature is None:
        assert len(heard.errors) == 1 and "503" in heard.errors[0]
    else:
        assert (plain(feature), heard) == (one, Heard())


def test_a_row_without_an_id_cannot_be_fetched_and_that_is_said(service):
    layer = Layer("sequences", **at(service)).within(grown(tile_box(X, Y), -1e-6))
    service.tiles = world(({"id": ""}, [one_line(0)]))
    assert [one.fid for one in layer.rows()] == [-1]

    with listening() as heard:
        assert layer.layer.GetFeature(-1) is None

    assert len(heard.errors) == 1 and "id" in heard.errors[0]


@pytest.mark.parametrize("stitch", STITCHES)
def test_fids_that_nobody_was_given_are_quietly_none(service, reading, stitch):
    layer = reading(stitch)
    before = [layer.get(fid) for fid in (-1, 0, 1, fnv("nobody"), (1 << 63) - 1)]
    found = layer.rows()

    assert before == [None] * 5
    assert [layer.get(fid) for fid in (-1, 0, 1, fnv("nobody"), (1 << 63) - 1)] == [None] * 5
    service.clear()
    assert [reading(stitch).get(one.fid) for one in found] == [None] * len(found)
    assert service.requests == []


# ---- SQL ------------------------------------------------------------------------------------------


def ask(service, sql: str, box, **options) -> Tuple[List[Seen], Heard]:
    """What a statement gives within a box."""
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR,
                          open_options=[f"{k}={v}" for k, v in {**at(service), **options}.items()])
    with listening() as heard:
        result = dataset.ExecuteSQL(sql, ogr.CreateGeometryFromWkt(polygon(corners(box))))
        found = [plain(feature) for feature in result] if result else []
        dataset.ReleaseResultSet(result)
    return found, heard


@pytest.mark.parametrize("stitch", STITCHES)
def test_rows_can_be_ordered(service, reading, stitch):
    box = grown(tile_box(8580, 5555), -0.001)
    plainly = reading(stitch).rows()

    found, heard = ask(service, "SELECT * FROM sequences ORDER BY image_id DESC, id", box, STITCH=stitch)

    assert heard == Heard()
    assert [one.fields["image_id"] for one in found] == sorted(
        (one.fields["image_id"] for one in plainly), reverse=True)
    assert sorted(one.fid for one in found) == sorted(one.fid for one in plainly)
    by_fid = {one.fid: one for one in plainly}
    for one in found:
        assert one == by_fid[one.fid]


def test_ordering_never_loses_a_row_without_a_word(service):
    service.tiles = world(({"id": "b"}, [one_line(0)]), ({"id": ""}, [one_line(1)]), ({"id": "a"}, [one_line(2)]))

    found, heard = ask(service, "SELECT * FROM sequences ORDER BY id", grown(tile_box(X, Y), -1e-6))

    assert len(heard.errors) == 1 or [one.fields["id"] for one in found] == [None, "a", "b"]


def test_an_ordered_conversion_has_every_row_in_order(run, truth, town):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "-spat", *truth.box, "-sql",
               "SELECT id, image_id FROM sequences ORDER BY image_id")

    assert (done.code, done.err) == (0, "")
    rows = [line.replace('"', "").split(",") for line in done.out.splitlines()[1:]]
    expected = sorted((s.image_id, s.id) for s in town.sequences if s.walks())
    assert [(int(number), name) for name, number in rows] == expected


# ---- What goes wrong while following ------------------------------------------------------------------


@pytest.fixture
def long(service):
    """A service with the line through forty tiles, to be read from its beginning."""
    service.tiles = world(({"id": "long"}, [forty()]), ({"id": "short"}, [at_tile((1900, 1900), (2100, 1950))]))
    return service


TWELFTH = (ORIGINAL, 14, X + 12, Y)


def convert(run):
    return run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "sequences", "-spat", *around(forty()[0], 200),
               "-select", "id")


@pytest.mark.parametrize("fault, arguments, times_asked, words", [
    ("garbage", {"body": "truncated"}, 2, "twice"),
    ("garbage", {"body": "random"}, 2, "twice"),
    ("redirect", {}, 1, "302"),
    (503, {}, 4, "HTTP 503"),
    (403, {}, 1, "token"),
], ids=("truncated", "noise", "a redirect", "an outage", "a refusal"))
def test_a_tile_that_fails_while_a_sequence_is_followed_fails_the_read(
        run, long, fault, arguments, times_asked, words):
    long.fault(fault, match=TWELFTH, times=None, **arguments)

    done = convert(run)

    assert done.code != 0
    assert "/".join(map(str, TWELFTH)) in done.err and words in done.err
    assert [line for line in done.out.splitlines() if "long" in line or "short" in line] == []
    assert long.tiles_asked().count(TWELFTH) == times_asked
    assert (ORIGINAL, 14, X + 13, Y) not in long.tiles_asked()


@pytest.mark.parametrize("fault, arguments", [("garbage", {"body": "truncated"}), (503, {}), ("reset", {})])
def test_what_passes_while_a_sequence_is_followed_leaves_no_trace(run, long, fault, arguments):
    long.fault(fault, match=TWELFTH, **arguments)

    done = convert(run)

    assert (done.code, done.err) == (0, "")
    assert [line.strip(',"') for line in done.out.splitlines()] == ["id", "long", "short"]
    assert Counter(long.tiles_asked()) == Counter([*long.tiles, TWELFTH])


@pytest.mark.parametrize("how", (204, 404, 200))
def test_an_empty_tile_on_the_way_ends_the_line_there(long, how):
    long.tiles = {key: body for key, body in long.tiles.items() if key != TWELFTH}
    long.empty = how

    found, heard = Layer("sequences", **at(long)).within(around(forty()[0], 200)).read()

    line = split(forty())
    assert heard.errors == [] and ["HTTP 404" in text for text in heard.warnings] == [True] * (how == 404)
    assert [one.fields["id"] for one in found] == ["long", "short"]
    assert pixel_lines(found[0].shape) == [line[:next(n for n, (x, _) in enumerate(line)
                                                     if x == (X + 12) * EXTENT) + 1]]
    assert TWELFTH in long.tiles_asked()


def test_a_read_that_failed_while_following_can_be_started_over(long):
    long.fault(503, match=TWELFTH, times=4)
    layer = Layer("sequences", **at(long)).within(around(forty()[0], 200))

    assert "HTTP 503" in layer.failure()

    assert [one.fields["id"] for one in layer.rows()] == ["long", "short"]
