# SPDX-License-Identifier: MIT
"""Map features and traffic signs: two layers of one kind, each from tiles of its own."""
from __future__ import annotations

from typing import Callable, Dict, List, Tuple

import mvt
import pytest
from osgeo import gdal, ogr

from features import Layer, Seen, assert_same_features, at, is_close, plain, schema
from reading import (Heard, assert_each_once, corners, cover, date_ms, grown, in_plan_order,
                     iso_ms, listening, polygon, tile_box)
from town import POINTS, SIGNS, TileKey, pixel_lon_lat

CENTRE = (8.538, 50.010, 8.562, 50.027)
TRIANGLE = [(8.535, 50.008), (8.565, 50.012), (8.548, 50.030)]

# What each layer is called, and the tileset and layer of tiles that hold it.
SOURCES = {"map_features": (POINTS, "point"), "traffic_signs": (SIGNS, "traffic_sign")}
LAYERS = pytest.mark.parametrize("layer", SOURCES)


def row_of(feature) -> Seen:
    """A map feature of the town as the layers show it."""
    values = {"id": feature.id, "value": feature.value, "first_seen_at": feature.first_seen_at,
              "last_seen_at": feature.last_seen_at}
    return Seen(feature.id, values, (feature.tile_lon, feature.tile_lat))


@pytest.fixture(scope="session")
def rows(town, tiles) -> Callable[..., List[Seen]]:
    """What a layer must give within a box, in the order of the plan and of each tile."""
    known: Dict[str, List[Seen]] = {}
    for layer, (tileset, name) in SOURCES.items():
        known[layer] = [
            row_of(town.map_feature(feature.attributes["id"]))
            for key in in_plan_order(key for key in tiles if key[0] == tileset)
            for feature in mvt.layer_named(mvt.decode(tiles[key]), name).features]

    def call(layer: str, box, where=lambda row: True) -> List[Seen]:
        west, south, east, north = box
        return [row for row in known[layer] if where(row.fields)
                and west <= row.shape[0] <= east and south <= row.shape[1] <= north]

    return call


def cover_of(layer: str, box) -> List[TileKey]:
    return [(SOURCES[layer][0], z, x, y) for _, z, x, y in cover(box)]


@LAYERS
def test_the_layer_has_typed_fields_and_the_id_is_one_of_them(layer):
    opened = Layer(layer)

    assert schema(opened.layer) == [
        ("id", ogr.OFTInteger64, ogr.OFSTNone), ("value", ogr.OFTString, ogr.OFSTNone),
        ("first_seen_at", ogr.OFTDateTime, ogr.OFSTNone), ("last_seen_at", ogr.OFTDateTime, ogr.OFSTNone)]
    assert opened.layer.GetGeomType() == ogr.wkbPoint
    assert opened.layer.GetFIDColumn() == ""


@LAYERS
def test_every_feature_of_the_town_comes_from_the_layer_it_belongs_to(service, town, truth, rows, layer):
    box = grown(truth.box, 0.002)
    expected = rows(layer, box)
    everything = town.points if layer == "map_features" else town.signs
    assert sorted(row.fid for row in expected) == sorted(feature.id for feature in everything)

    found = Layer(layer, **at(service)).within(box).rows()

    assert_same_features(found, expected)
    assert_each_once(service.requests, cover_of(layer, box))


def test_the_layers_have_nothing_in_common(service, truth):
    points, signs = ({row.fid for row in Layer(layer, **at(service)).within(truth.box).rows()}
                     for layer in SOURCES)

    assert points and signs and not points & signs


@LAYERS
def test_ids_beyond_the_reach_of_a_double_are_exact(service, rows, layer):
    beyond = rows(layer, CENTRE, lambda row: row["id"] > 1 << 53)
    assert any(int(float(row.fid)) != row.fid for row in beyond) and len(beyond) > 50

    found = Layer(layer, **at(service)).within(CENTRE).where(f"id > {1 << 53}").rows()

    assert [row.fid for row in found] == [row.fid for row in beyond]
    assert [row.fields["id"] for row in found] == [row.fid for row in beyond]


@LAYERS
def test_the_largest_and_smallest_ids_are_exact(service, layer):
    ids = (1, 59_999_999_999_999_999, (1 << 63) - 1)
    tileset, name = SOURCES[layer]
    service.tiles = {(tileset, 14, 8580, 5554): mvt.encode([mvt.Layer(name, [
        mvt.point(100 * n, 100, {"id": number, "value": "v"}) for n, number in enumerate(ids, 1)])])}

    found = Layer(layer, **at(service)).within(grown(tile_box(8580, 5554), -1e-9)).rows()

    assert [(row.fid, row.fields["id"]) for row in found] == [(number, number) for number in ids]
    assert [row.shape for row in found] == pytest.approx(
        [pixel_lon_lat(8580 * 4096 + 100 * n, 5554 * 4096 + 100) for n in (1, 2, 3)], rel=0, abs=1e-9)


# Conditions that OGR knows, and what they mean here.
CONDITIONS: Dict[str, Tuple[str, Callable]] = {
    "a value": ("value = 'object--bench'", lambda row: row["value"] == "object--bench"),
    "a beginning": ("value LIKE 'regulatory--%'", lambda row: row["value"].startswith("regulatory--")),
    "a middle": ("value LIKE '%--maximum-speed-limit-_0--%'", lambda row: "--maximum-speed-limit-" in row["value"]),
    "not like": ("value NOT LIKE '%--g1'", lambda row: not row["value"].endswith("--g1")),
    "some values": ("value IN ('object--manhole', 'regulatory--stop--g1')",
                    lambda row: row["value"] in ("object--manhole", "regulatory--stop--g1")),
    "seen first": ("first_seen_at >= '2020/01/01'", lambda row: row["first_seen_at"] >= date_ms("2020/01/01")),
    "seen last": ("last_seen_at < '2019/07/01 12:00:00'",
                  lambda row: row["last_seen_at"] < date_ms("2019/07/01 12:00:00")),
    "seen between": ("first_seen_at >= '2018/01/01' AND last_seen_at < '2022/01/01' AND value LIKE '%'",
                     lambda row: row["first_seen_at"] >= date_ms("2018/01/01")
                     and row["last_seen_at"] < date_ms("2022/01/01")),
    "seen once": ("first_seen_at = last_seen_at", lambda row: row["first_seen_at"] == row["last_seen_at"]),
    "never": ("value = 'object--bench' AND value = 'object--manhole'", lambda row: False),
}


@pytest.mark.parametrize("name", CONDITIONS)
@LAYERS
def test_conditions_mean_what_they_mean_in_sql(service, rows, layer, name):
    sql, where = CONDITIONS[name]
    expected = rows(layer, CENTRE, where)

    found = Layer(layer, **at(service)).within(CENTRE).where(sql).rows()

    assert_same_features(found, expected)


def test_the_conditions_are_met_by_some_rows_and_not_by_others(rows):
    for name, (_, where) in CONDITIONS.items():
        counts = [len(rows(layer, CENTRE, where)) for layer in SOURCES]
        if name != "never":
            assert 0 < sum(counts) < sum(len(rows(layer, CENTRE)) for layer in SOURCES), name


def test_values_that_stand_in_no_list_are_values_like_any_other(service, truth, rows):
    for layer, unlisted in (("map_features", {"object--unheard-of"}),
                            ("traffic_signs", {"general--traffic-sign--g1", "regulatory--texts-two-lines--g1"})):
        found = Layer(layer, **at(service)).within(truth.box).rows()

        assert unlisted <= {row.fields["value"] for row in found}
        assert [row.fields["value"] for row in found] == [row.fields["value"] for row in rows(layer, truth.box)]


@LAYERS
def test_a_triangle_asks_for_its_tiles_and_gives_what_lies_in_it(service, truth, rows, layer):
    def is_inside(shape) -> bool:
        sides = zip(TRIANGLE, TRIANGLE[1:] + TRIANGLE[:1])
        return all((bx - ax) * (shape[1] - ay) - (by - ay) * (shape[0] - ax) >= 0 for (ax, ay), (bx, by) in sides)

    expected = [row for row in rows(layer, truth.box) if is_inside(row.shape)]
    assert 20 < len(expected) < len(rows(layer, truth.box))

    found = Layer(layer, **at(service)).touching(polygon(TRIANGLE)).rows()

    assert_same_features(found, expected)
    box = (8.535, 50.008, 8.565, 50.030)
    assert set(service.tiles_asked()) <= set(cover_of(layer, box))
    assert len(set(service.tiles_asked())) == len(service.tiles_asked())


@LAYERS
def test_a_count_is_that_of_the_rows(service, rows, layer):
    opened = Layer(layer, **at(service)).within(CENTRE).where("value LIKE '%--g1'")

    assert opened.layer.GetFeatureCount() == len(
        rows(layer, CENTRE, lambda row: row["value"].endswith("--g1")))
    assert_each_once(service.requests, cover_of(layer, CENTRE))


@LAYERS
def test_without_a_bound_there_is_no_request(service, layer):
    opened = Layer(layer, **at(service))

    assert opened.layer.GetFeatureCount() == -1
    assert "spatial filter" in opened.failure()
    assert service.requests == []


@LAYERS
def test_an_area_without_features_gives_none(service, layer):
    box = (8.40, 50.10, 8.41, 50.11)

    assert Layer(layer, **at(service)).within(box).rows() == []
    assert_each_once(service.requests, cover_of(layer, box))


@LAYERS
def test_what_the_service_leaves_out_is_null(service, layer):
    tileset, name = SOURCES[layer]
    service.tiles = {(tileset, 14, 8580, 5554): mvt.encode([
        mvt.Layer("image", [mvt.point(1, 1, {"id": 3})]),
        mvt.Layer(name, [mvt.point(5, 5, {}), mvt.point(6, 6, {"id": 7, "value": "", "first_seen_at": 0}),
                         mvt.point(7, 7, {"id": "8", "last_seen_at": "2017-08-23T21:32:26+0000", "new": 1})])])}
    nothing = {"id": None, "value": None, "first_seen_at": None, "last_seen_at": None}

    found = Layer(layer, **at(service)).within(grown(tile_box(8580, 5554), -1e-9)).rows()

    assert [(row.fid, row.fields) for row in found] == [
        (-1, nothing), (7, {**nothing, "id": 7}),
        (8, {**nothing, "id": 8, "last_seen_at": iso_ms("2017-08-23T21:32:26Z")})]


@LAYERS
def test_a_tile_with_features_of_the_other_kind_only_is_empty(service, layer):
    tileset, _ = SOURCES[layer]
    (other,) = {name for _, name in SOURCES.values()} - {SOURCES[layer][1]}
    service.tiles = {(tileset, 14, 8580, 5554): mvt.encode([mvt.Layer(other, [mvt.point(5, 5, {"id": 5})])])}

    assert Layer(layer, **at(service)).within(grown(tile_box(8580, 5554), -1e-9)).rows() == []


@LAYERS
def test_ignored_fields_are_null_and_filter_all_the_same(service, rows, layer):
    opened = Layer(layer, **at(service)).within(CENTRE).where("value LIKE '%--g1'")
    opened.ignoring("value", "first_seen_at", "OGR_GEOMETRY")

    expected = rows(layer, CENTRE, lambda row: row["value"].endswith("--g1"))
    assert opened.rows() == [Seen(row.fid, {**row.fields, "value": None, "first_seen_at": None}, None)
                             for row in expected]


@LAYERS
def test_a_failing_tile_fails_the_read(run, service, layer):
    bad = cover_of(layer, CENTRE)[1]
    service.fault("garbage", body="truncated", match=bad, times=None)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", layer, "-spat", *CENTRE)

    assert done.code != 0
    assert "/".join(map(str, bad)) in done.err


def test_an_id_that_comes_twice_from_the_service_comes_twice_from_the_layer(service):
    service.tiles = {(POINTS, 14, 8580, 5554): mvt.encode([mvt.Layer("point", [
        mvt.point(5, 5, {"id": 5, "value": "a"}), mvt.point(6, 6, {"id": 5, "value": "a"})])])}

    found = Layer("map_features", **at(service)).within(grown(tile_box(8580, 5554), -1e-9)).rows()

    assert [row.fid for row in found] == [5, 5]


@LAYERS
def test_rows_can_be_ordered_or_the_statement_fails(service, rows, layer):
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"{k}={v}" for k, v in at(service).items()])

    with listening() as heard:
        result = dataset.ExecuteSQL(f"SELECT * FROM {layer} ORDER BY value, id",
                                    ogr.CreateGeometryFromWkt(polygon(corners(CENTRE))))
        found = [plain(feature) for feature in result]
        dataset.ReleaseResultSet(result)

    expected = sorted(rows(layer, CENTRE), key=lambda row: (row.fields["value"], row.fid))
    if heard == Heard():
        assert [one.fields for one in found] == [row.fields for row in expected]
        assert is_close([one.shape for one in found], [row.shape for row in expected])
    else:
        assert len(heard.errors) == 1 and len(found) < len(expected)


@LAYERS
def test_a_conversion_has_every_row(run, rows, layer, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", layer, "-spat", *CENTRE, "-where", "value LIKE '%--g1'")

    assert (done.code, done.text) == (0, "")
    source = gdal.OpenEx(str(tmp_path / "out.gpkg"))
    written = [plain(feature) for feature in source.GetLayerByName(layer)]
    expected = rows(layer, CENTRE, lambda row: row["value"].endswith("--g1"))
    assert [one.fields for one in written] == [row.fields for row in expected]
    assert is_close([one.shape for one in written], [row.shape for row in expected])
    assert source.GetLayerCount() == 1
