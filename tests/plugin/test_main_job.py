# SPDX-License-Identifier: MIT
"""The main job: an area and a filter in, rows in every format out, and not a request too many."""
from __future__ import annotations

import gzip
import json
import random
import re
import sqlite3
from contextlib import closing

import pytest
from osgeo import ogr

from reading import (FIELDS, MS_OF_DAY, assert_each_once, assert_same, corners, cover, csv_rows,
                     date_ms, geojson, geopackage, grown, milliseconds, polygon, tile_box)
from town import ORIGINAL

CENTRE = (8.538, 50.010, 8.562, 50.027)
WHERE = "is_pano = 1 AND captured_at >= '2023/01/01'"

# Of a GeoPackage's columns, what each type of the layer becomes.
COLUMNS = {
    "fid": "INTEGER", "geom": "POINT", "id": "INTEGER", "captured_at": "DATETIME",
    "compass_angle": "REAL", "sequence_id": "TEXT", "is_pano": "BOOLEAN",
    "organization_id": "INTEGER", "creator_id": "INTEGER", "quality_score": "REAL",
}


def passes(row):
    """WHERE, on a row of the truth."""
    return row.is_pano and (row.captured_at or 0) >= date_ms("2023/01/01")


def quiet(done):
    """The command succeeded without a word."""
    return (done.code, done.text) == (0, "")


# ---- Formats ----------------------------------------------------------------------------------


def test_an_area_and_a_filter_become_a_geopackage_that_equals_the_truth(
        run, service, truth, tmp_path):
    wanted = [row for row in truth.within(CENTRE) if passes(row)]
    assert 100 < len(wanted) < len(truth.within(CENTRE)) < len(truth.rows())

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", *CENTRE, "-where", WHERE)

    assert quiet(done), done.text
    types, rows = geopackage(tmp_path / "out.gpkg")
    assert types == COLUMNS
    assert_same(rows, wanted, fids=False)
    assert_each_once(service.requests, cover(CENTRE))


def test_a_whole_town_becomes_a_geopackage_with_null_where_the_service_says_nothing(
        run, service, truth, tmp_path):
    for name in ("captured_at", "compass_angle", "organization_id", "creator_id", "quality_score"):
        assert {getattr(row, name) is None for row in truth.rows()} == {True, False}, name

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", *truth.box)

    assert quiet(done), done.text
    types, rows = geopackage(tmp_path / "out.gpkg")
    assert types == COLUMNS
    assert_same(rows, truth.rows(), fids=False)
    assert_each_once(service.requests, cover(truth.box))


def test_geojson_has_typed_values_and_full_positions(run, service, truth, tmp_path):
    done = run("ogr2ogr", "out.geojson", "MAPILLARY:", "images", "-spat", *CENTRE)

    assert quiet(done), done.text
    assert_same(geojson(tmp_path / "out.geojson"), truth.within(CENTRE))
    assert_each_once(service.requests, cover(CENTRE))


def test_csv_has_every_digit_of_ids_times_and_positions(run, service, truth, tmp_path):
    done = run("ogr2ogr", "out.csv", "MAPILLARY:", "images", "-spat", *CENTRE,
               "-lco", "GEOMETRY=AS_XY")

    assert quiet(done), done.text
    assert_same(csv_rows(tmp_path / "out.csv"), truth.within(CENTRE))
    assert_each_once(service.requests, cover(CENTRE))


def test_a_shapefile_keeps_the_day_of_a_time_and_ten_letters_of_a_name(
        run, service, truth, tmp_path):
    done = run("ogr2ogr", "out.shp", "MAPILLARY:", "images", "-spat", *CENTRE)

    assert done.code == 0, done.text
    layer = (shapefile := ogr.Open(str(tmp_path / "out.shp"))).GetLayer(0)
    definition = layer.GetLayerDefn()
    names = [definition.GetFieldDefn(i).GetName() for i in range(definition.GetFieldCount())]
    assert names == [name[:10] for name in FIELDS]
    wanted = truth.within(CENTRE)
    assert layer.GetFeatureCount() == len(wanted)
    for feature, row in zip(layer, wanted):
        true = dict(row.attributes, captured_at=row.captured_at and row.captured_at // MS_OF_DAY)
        found = {name: feature.GetField(i) if feature.IsFieldSetAndNotNull(i) else None
                 for i, name in enumerate(FIELDS)}
        if found["captured_at"] is not None:
            year, month, day = map(int, re.split("[/T-]", feature.GetField(1))[:3])  # newer GDALs keep hours, as text
            found["captured_at"] = milliseconds((year, month, day, 0, 0, 0, 100)) // MS_OF_DAY
        assert found == pytest.approx(true, rel=1e-12, abs=0)
        position = feature.geometry().GetPoint_2D()
        assert position == pytest.approx((row.lon, row.lat), rel=0, abs=1e-9)
    assert shapefile is not None
    assert_each_once(service.requests, cover(CENTRE))


def test_preserved_fids_are_the_ids(run, truth, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", *CENTRE, "-preserve_fid")

    assert quiet(done), done.text
    _, rows = geopackage(tmp_path / "out.gpkg")
    assert_same(rows, sorted(truth.within(CENTRE), key=lambda row: row.id))


# ---- The layer --------------------------------------------------------------------------------


def test_the_layer_has_typed_fields_and_the_id_is_one_of_them(images, service):
    layer = images().layer
    definition = layer.GetLayerDefn()

    fields = [(field.GetName(), field.GetType(), field.GetSubType()) for field in (
        definition.GetFieldDefn(i) for i in range(definition.GetFieldCount()))]

    assert fields == [
        ("id", ogr.OFTInteger64, ogr.OFSTNone),
        ("captured_at", ogr.OFTDateTime, ogr.OFSTNone),
        ("compass_angle", ogr.OFTReal, ogr.OFSTNone),
        ("sequence_id", ogr.OFTString, ogr.OFSTNone),
        ("is_pano", ogr.OFTInteger, ogr.OFSTBoolean),
        ("organization_id", ogr.OFTInteger64, ogr.OFSTNone),
        ("creator_id", ogr.OFTInteger64, ogr.OFSTNone),
        ("quality_score", ogr.OFTReal, ogr.OFSTNone),
    ]
    assert layer.GetFIDColumn() == ""
    assert layer.GetGeomType() == ogr.wkbPoint
    assert service.requests == []


def test_the_fid_is_the_id(images, truth):
    rows = images().within(CENTRE).rows()

    assert_same(rows, truth.within(CENTRE))
    assert [row.fid for row in rows] == [row.id for row in rows]


def test_positions_are_longitude_first_in_epsg_4326(images, service, truth):
    layer = images().within(CENTRE).layer
    reference = layer.GetSpatialRef()
    feature = layer.GetNextFeature()

    assert (reference.GetAuthorityName(None), reference.GetAuthorityCode(None)) == ("EPSG", "4326")
    assert reference.GetDataAxisToSRSAxisMapping() == [2, 1]
    assert feature.geometry().GetSpatialReference().IsSame(reference)
    west, south, east, north = CENTRE
    lon, lat = feature.geometry().GetPoint_2D()
    assert west <= lon <= east and south <= lat <= north


def test_features_and_their_reference_outlive_the_dataset(images, truth):
    opened = images().within(CENTRE)
    feature = opened.layer.GetNextFeature()
    opened.close()

    first = truth.within(CENTRE)[0]
    assert (feature.GetFID(), feature.GetField("sequence_id")) == (first.id, first.sequence_id)
    assert feature.geometry().GetSpatialReference().GetAuthorityCode(None) == "4326"


# ---- Requests ---------------------------------------------------------------------------------


def test_one_connection_asks_for_tiles_in_the_order_of_the_plan(images, service, truth):
    rows = images(CONNECTIONS=1).within(truth.box).rows()

    assert_same(rows, truth.rows())
    assert service.tiles_asked() == cover(truth.box)
    assert service.max_in_flight == 1


@pytest.mark.parametrize("connections", (2, 3, 16))
def test_several_requests_are_in_flight_and_no_more_than_connections(
        images, service, truth, connections):
    service.latency = 0.1

    rows = images(CONNECTIONS=connections).within(truth.box).rows()

    assert_same(rows, truth.rows())
    assert 1 < service.max_in_flight <= connections
    assert_each_once(service.requests, cover(truth.box))


def test_rows_come_in_the_same_order_however_late_each_answer_is(run, service, truth, tmp_path):
    for seed in (1, 2):
        chance = random.Random(seed)
        for tile in cover(truth.box):
            service.fault("slow", match=tile, seconds=chance.uniform(0, 0.3))
        service.clear()

        done = run("ogr2ogr", f"{seed}.gpkg", "MAPILLARY:", "images", "-spat", *truth.box,
                   env={"XDG_CACHE_HOME": str(tmp_path / f"cache of {seed}")})

        assert quiet(done), done.text
        _, rows = geopackage(tmp_path / f"{seed}.gpkg")
        assert_same(rows, truth.rows(), fids=False)
        assert service.max_in_flight > 1
        assert_each_once(service.requests, cover(truth.box))


def test_a_limit_stops_the_requests(run, service, truth, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", *truth.box, "-limit", "5",
               "-oo", "CONNECTIONS=2")

    assert quiet(done), done.text
    _, rows = geopackage(tmp_path / "out.gpkg")
    assert_same(rows, truth.rows()[:5], fids=False)
    asked = service.tiles_asked()
    assert len(asked) < len(cover(truth.box)) / 2
    assert set(asked) <= set(cover(truth.box)) and len(set(asked)) == len(asked)


def test_a_reader_who_stops_and_starts_over_gets_all_rows(images, truth):
    opened = images().within(CENTRE)
    for _ in range(7):
        assert opened.layer.GetNextFeature() is not None

    assert_same(opened.rows(), truth.within(CENTRE))


def test_after_the_last_row_nothing_comes_and_nothing_is_asked(images, service, truth):
    opened = images().within(CENTRE)
    assert_same(opened.rows(), truth.within(CENTRE))
    service.clear()

    assert [opened.layer.GetNextFeature() for _ in range(3)] == [None] * 3
    assert service.requests == []


def test_a_count_within_an_area_is_that_of_its_rows(images, service, truth):
    opened = images().within(CENTRE).where(WHERE)

    assert opened.layer.GetFeatureCount() == sum(map(passes, truth.within(CENTRE)))
    assert_each_once(service.requests, cover(CENTRE))


def test_the_service_hears_who_asks_and_that_gzip_is_welcome(images, service, truth):
    images().within(CENTRE).rows()

    for request in service.requests:
        assert request.headers["user-agent"].startswith("ogr_MAPILLARY/")
        assert "gzip" in request.headers["accept-encoding"]
        assert "authorization" not in request.headers


def test_the_name_of_who_asks_may_be_set(images, service, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_USERAGENT", "somebody/1.0 (+https://example.com)")

    images().within(CENTRE).rows()

    assert {request.headers["user-agent"] for request in service.requests} == {
        "somebody/1.0 (+https://example.com)"}


@pytest.mark.parametrize("how", ["plain", "gzip", "gzip that is not announced"])
def test_answers_may_be_compressed_or_not(images, service, truth, tiles, how):
    service.gzip = how == "gzip"
    if how == "gzip that is not announced":
        service.tiles = {key: gzip.compress(body, 1) for key, body in tiles.items()}

    assert_same(images().within(CENTRE).rows(), truth.within(CENTRE))
    assert_each_once(service.requests, cover(CENTRE))


def test_connections_are_used_again(images, service, truth):
    images(CONNECTIONS=1).within(truth.box).rows()

    assert len(service.requests) == len(cover(truth.box))
    assert service.connections == 1


def test_the_next_read_uses_the_connections_of_the_one_before(images, service, truth):
    opened = images(CONNECTIONS=1)
    boxes = [grown(tile_box(x, 5554), -0.0001) for x in (8580, 8581, 8582)]

    for box in boxes:
        assert_same(opened.within(box).rows(), truth.within(box))

    assert len(service.requests) == len(boxes)
    assert service.connections == 1


# ---- Selecting --------------------------------------------------------------------------------


def test_selected_fields_are_the_only_ones(run, service, truth, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", *CENTRE,
               "-select", "is_pano,sequence_id")

    assert quiet(done), done.text
    types, rows = geopackage(tmp_path / "out.gpkg")
    assert sorted(types) == ["fid", "geom", "is_pano", "sequence_id"]
    assert [(row.is_pano, row.sequence_id, row.lon, row.lat) for row in rows] == [
        (row.is_pano, row.sequence_id, pytest.approx(row.lon, rel=0, abs=1e-9),
         pytest.approx(row.lat, rel=0, abs=1e-9)) for row in truth.within(CENTRE)]
    assert_each_once(service.requests, cover(CENTRE))


def test_sql_computes_with_fields_and_filters(run, service, truth, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "-nln", "images", "-spat", *CENTRE, "-sql",
               "SELECT id AS number, quality_score * 100 AS percent FROM images "
               "WHERE quality_score > 0.8")

    assert quiet(done), done.text
    with closing(sqlite3.connect(tmp_path / "out.gpkg")) as database:
        found = database.execute("SELECT number, percent FROM images ORDER BY fid").fetchall()
    assert found == [(row.id, pytest.approx(row.quality_score * 100))
                     for row in truth.within(CENTRE) if (row.quality_score or 0) > 0.8]
    assert_each_once(service.requests, cover(CENTRE))


def test_the_sqlite_dialect_groups_what_a_vrt_bounds(run, service, truth, tmp_path):
    (tmp_path / "centre.vrt").write_text(f"""<OGRVRTDataSource>
            <OGRVRTLayer name="images">
                <SrcDataSource>MAPILLARY:</SrcDataSource>
                <SrcRegion>{polygon(corners(CENTRE))}</SrcRegion>
            </OGRVRTLayer>
        </OGRVRTDataSource>""")

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "centre.vrt", "-dialect", "SQLITE", "-sql",
               "SELECT is_pano, count(*) AS n, max(id) AS newest FROM images GROUP BY is_pano")

    assert (done.code, done.err) == (0, "")
    groups = {pano: [row.id for row in truth.within(CENTRE) if row.is_pano is pano]
              for pano in (False, True)}
    assert done.out.replace('"', "").splitlines() == ["is_pano,n,newest"] + [
        f"{pano:d},{len(ids)},{max(ids)}" for pano, ids in groups.items()]
    assert set(service.tiles_asked()) == set(cover(CENTRE))


def mercator(gx, gy):
    """A pixel of the world in metres of EPSG:3857."""
    half, world = 20037508.342789244, 4096 << 14
    return half * (2 * gx / world - 1), half * (1 - 2 * gy / world)


def test_another_crs_is_made_on_the_way_out(run, truth, tmp_path):
    done = run("ogr2ogr", "out.geojson", "MAPILLARY:", "images", "-spat", *CENTRE,
               "-t_srs", "EPSG:3857", "-where", WHERE)

    assert quiet(done), done.text
    features = json.loads((tmp_path / "out.geojson").read_text())["features"]
    wanted = [truth.town.image(row.id) for row in truth.within(CENTRE) if passes(row)]
    assert [feature["geometry"]["coordinates"] for feature in features] == [
        pytest.approx(mercator(image.gx, image.gy), rel=0, abs=1e-4) for image in wanted]


def test_a_spatial_filter_in_another_crs_bounds_the_read(run, service, truth, tmp_path):
    west, east = 8580 * 4096 + 900, 8581 * 4096 + 700
    north, south = 5554 * 4096 + 3000, 5555 * 4096 + 9
    upper_left, lower_right = mercator(west - 0.5, north - 0.5), mercator(east + 0.5, south + 0.5)

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat_srs", "EPSG:3857",
               "-spat", upper_left[0], lower_right[1], lower_right[0], upper_left[1])

    assert quiet(done), done.text
    _, rows = geopackage(tmp_path / "out.gpkg")
    town = truth.town
    wanted = truth.rows(lambda row: west <= town.image(row.id).gx <= east
                        and north <= town.image(row.id).gy <= south)
    assert len(wanted) > 100
    assert_same(rows, wanted, fids=False)
    assert_each_once(service.requests, [
        (ORIGINAL, 14, x, y) for x in (8580, 8581) for y in (5554, 5555)])
