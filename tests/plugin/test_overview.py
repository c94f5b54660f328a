# SPDX-License-Identifier: MIT
"""The overview: a sample of images, from tiles of a zoom that suits the size of the area."""
from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Sequence

import mvt
import pytest
from osgeo import gdal, ogr

from features import Layer, Seen, assert_same_features, at, plain, schema
from pieces import Cell, covered
from reading import Box, Heard, assert_each_once, in_plan_order, listening, polygon, tile_box
from town import COMPUTED, ORIGINAL, TileKey, pixel_lon_lat

FIELDS = ("id", "captured_at", "sequence_id", "is_pano", "organization_id", "creator_id")
NOTHING = dict.fromkeys(FIELDS)
A_HANDFUL = 9


def rows_of_tile(body: bytes, z: int, x: int, y: int) -> List[Seen]:
    """The rows of a tile, by the tests' own decoder. A clock at 0 has stopped: that is no time."""
    layer = mvt.layer_named(mvt.decode(body), "overview")
    out = []
    for feature in layer.features:
        fields = {**NOTHING, **feature.attributes}
        fields["captured_at"] = fields["captured_at"] or None
        ((px, py),) = feature.parts[0]
        out.append(Seen(fields["id"], fields, pixel_lon_lat(x * 4096 + px, y * 4096 + py, 4096 << z)))
    return out


def rows_of(tiles, keys: Sequence[TileKey]) -> List[Seen]:
    return [row for key in in_plan_order(keys) if key in tiles for row in rows_of_tile(tiles[key], *key[1:])]


def tiles_of(box: Box, zoom: int) -> List[Cell]:
    """The tiles that hold a point of the closed box; a point on a border is in the tile to its east or south."""
    size = 1 << zoom
    xs, ys = ([min(size - 1, max(0, math.floor(part * size))) for part in parts] for parts in (
        [(lon + 180) / 360 for lon in (box[0], box[2])],
        [(1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 for lat in (box[3], box[1])]))
    return [(x, y) for x in range(xs[0], xs[1] + 1) for y in range(ys[0], ys[1] + 1)]


def suitable(box: Box, cells: Callable[[Any, int], List[Cell]] = tiles_of) -> List[TileKey]:
    """The tiles of the largest zoom at which the area is a handful of them."""
    zoom = max(zoom for zoom in range(6) if len(cells(box, zoom)) <= A_HANDFUL)
    return keys(zoom, cells(box, zoom))


def within(box: Box, rows: Sequence[Seen]) -> List[Seen]:
    west, south, east, north = box
    return [row for row in rows if west <= row.shape[0] <= east and south <= row.shape[1] <= north]


def keys(zoom: int, cells: Sequence[Cell], tileset: str = ORIGINAL) -> List[TileKey]:
    return in_plan_order((tileset, zoom, x, y) for x, y in cells)


def a_world(tileset: str = ORIGINAL) -> Dict[TileKey, bytes]:
    """Every tile from zoom 0 to 5, with two images each that no other has."""
    out = {}
    for z in range(6):
        for x in range(1 << z):
            for y in range(1 << z):
                number = (z << 20 | x << 10 | y) * 2 + 1
                out[tileset, z, x, y] = mvt.encode([mvt.Layer("overview", [
                    mvt.point(1000, 3000, {"id": number, "captured_at": 1_600_000_000_000 + number}),
                    mvt.point(3000, 1000, {"id": number + 1, "sequence_id": f"s{number}"})])])
    return out


@pytest.fixture(scope="module")
def everywhere() -> Dict[TileKey, bytes]:
    return a_world()


def test_the_layer_has_typed_fields(service):
    opened = Layer("overview", **at(service))

    assert schema(opened.layer) == [
        ("id", ogr.OFTInteger64, ogr.OFSTNone), ("captured_at", ogr.OFTDateTime, ogr.OFSTNone),
        ("sequence_id", ogr.OFTString, ogr.OFSTNone), ("is_pano", ogr.OFTInteger, ogr.OFSTBoolean),
        ("organization_id", ogr.OFTInteger64, ogr.OFSTNone), ("creator_id", ogr.OFTInteger64, ogr.OFSTNone)]
    assert opened.layer.GetGeomType() == ogr.wkbPoint
    assert opened.layer.GetFIDColumn() == ""
    assert opened.layer.GetSpatialRef().GetAuthorityCode(None) == "4326"
    assert service.requests == []


def test_without_a_filter_the_world_is_one_tile(service, everywhere):
    service.tiles = everywhere

    found = Layer("overview", **at(service)).rows()

    assert_same_features(found, rows_of(everywhere, [(ORIGINAL, 0, 0, 0)]))
    assert_each_once(service.requests, [(ORIGINAL, 0, 0, 0)])


def test_a_town_is_a_few_tiles_of_the_finest_zoom(service, tiles, truth):
    expected = [(ORIGINAL, 5, 16, 10)]
    assert suitable(truth.box) == expected
    rows = within(truth.box, rows_of(tiles, expected))
    assert len(rows) > 1

    found = Layer("overview", **at(service)).within(truth.box).rows()

    assert_same_features(found, rows)
    assert_each_once(service.requests, expected)


BOXES: List[Box] = [
    (8.0, 50.0, 9.0, 51.0), (5.0, 47.0, 16.0, 55.0), (-5.0, 41.0, 10.0, 52.0), (-10.0, 35.0, 40.0, 70.0),
    (-20.0, -35.0, 55.0, 40.0), (-180.0, 0.0, 0.0, 85.0), (-125.0, 24.0, -66.0, 49.0), (100.0, -80.0, 180.0, -10.0),
    (179.0, -1.0, 180.0, 1.0), (11.25, 40.9, 11.26, 41.0), (-0.001, -0.001, 0.001, 0.001),
    (-125.0, -60.0, 60.0, 70.0), (-180.0, -85.05, 180.0, 85.05), (-180.0, -90.0, 180.0, 90.0)]


@pytest.mark.parametrize("box", BOXES)
def test_the_zoom_suits_the_size_of_the_box(service, everywhere, box):
    service.tiles = everywhere
    expected = suitable(box)

    found = Layer("overview", **at(service)).within(box).rows()

    assert_each_once(service.requests, expected)
    assert len(service.requests) <= A_HANDFUL
    assert_same_features(found, within(box, rows_of(everywhere, expected)))


def test_the_boxes_try_most_zooms():
    assert {suitable(box)[0][1] for box in BOXES} >= {1, 2, 3, 4, 5}


def test_a_triangle_chooses_its_zoom_by_its_own_tiles(service, everywhere):
    service.tiles = everywhere
    triangle = [(-60.0, -60.0), (-55.0, -60.0), (60.0, 70.0)]
    expected = suitable(triangle, covered)
    assert expected[0][1] > suitable((-60.0, -60.0, 60.0, 70.0))[0][1]

    Layer("overview", **at(service)).touching(polygon(triangle)).rows()

    assert_each_once(service.requests, expected)


def test_the_smaller_the_box_the_finer_the_sample(service, tiles):
    counts = []
    for half in (60.0, 20.0, 1.0):
        box = (8.55 - half, 50.02 - half / 2, 8.55 + half, 50.02 + half / 2)
        found = Layer("overview", **at(service)).within(box).rows()
        assert_same_features(found, within(box, rows_of(tiles, suitable(box))))
        counts.append(len(found))

    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_a_count_without_a_filter_is_that_of_the_whole_world(service, everywhere):
    service.tiles = everywhere
    opened = Layer("overview", **at(service))

    assert opened.layer.GetFeatureCount() == 2
    assert_each_once(service.requests, [(ORIGINAL, 0, 0, 0)])


def test_attribute_filters_apply(service, tiles, truth):
    rows = within(truth.box, rows_of(tiles, suitable(truth.box)))
    expected = [row for row in rows if row.fields["is_pano"]]
    assert 0 < len(expected) < len(rows)

    found = Layer("overview", **at(service)).within(truth.box).where("is_pano = 1").rows()

    assert_same_features(found, expected)


def test_what_tiles_leave_out_is_null_and_what_they_add_is_ignored(service):
    service.tiles = {(ORIGINAL, 0, 0, 0): mvt.encode([mvt.Layer("overview", [
        mvt.point(5, 5, {"id": 7, "captured_at": 0, "organization_id": 2 ** 60 + 1, "zebra": "x"}),
        mvt.point(6, 6, {"sequence_id": "", "is_pano": False, "creator_id": "12"})])])}

    found = Layer("overview", **at(service)).rows()

    assert [(row.fid, row.fields) for row in found] == [
        (7, {**NOTHING, "id": 7, "organization_id": 2 ** 60 + 1}),
        (-1, {**NOTHING, "is_pano": False, "creator_id": 12})]


def test_the_world_does_not_count_against_the_ceiling_of_tiles(service, everywhere):
    service.tiles = everywhere

    assert len(Layer("overview", MAX_TILES=1, **at(service)).rows()) == 2
    assert len(Layer("overview", MAX_TILES=1, **at(service)).within(tile_box(3, 3, 4)).rows()) >= 2


def test_the_zoom_of_sequences_does_not_concern_it(service, everywhere):
    service.tiles = everywhere

    Layer("overview", ZOOM=9, STITCH="NO", **at(service)).rows()

    assert_each_once(service.requests, [(ORIGINAL, 0, 0, 0)])


def test_computed_positions_come_from_their_own_tiles(service):
    service.tiles = {**a_world(), (COMPUTED, 0, 0, 0): mvt.encode([
        mvt.Layer("overview", [mvt.point(5, 9, {"id": 77})])])}

    found = Layer("overview", GEOMETRY="COMPUTED", **at(service)).rows()

    assert_same_features(found, [Seen(77, {**NOTHING, "id": 77}, pixel_lon_lat(5, 9, 4096))])
    assert_each_once(service.requests, [(COMPUTED, 0, 0, 0)])


def test_a_conversion_of_the_world_needs_no_filter(run, service, everywhere):
    service.tiles = everywhere

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "overview", "-select", "id,sequence_id")

    assert (done.code, done.err) == (0, "")
    assert done.out.replace('"', "").splitlines()[1:] == ["1,", "2,s1"]


def test_a_tile_that_fails_fails_the_read(run, service):
    service.fault("redirect", match=(ORIGINAL, 0, 0, 0), times=None)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "overview")

    assert done.code != 0
    assert "302" in done.err
    assert len(service.requests) == 1


def test_rows_can_be_ordered_or_the_statement_fails(service, everywhere):
    service.tiles = everywhere
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"{k}={v}" for k, v in at(service).items()])

    with listening() as heard:
        result = dataset.ExecuteSQL("SELECT * FROM overview ORDER BY id DESC")
        found = [plain(feature).fid for feature in result]
        dataset.ReleaseResultSet(result)

    assert found == [2, 1] if heard == Heard() else len(heard.errors) == 1
