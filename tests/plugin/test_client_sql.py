# SPDX-License-Identifier: MIT
"""Files of GDAL's virtual format over the service, and SQL in the dialect of SQLite with its spatial functions."""
from __future__ import annotations

import math

import pytest
from osgeo import ogr

from features import entities_asked, ids_asked, kinds
from reading import assert_each_once, corners, cover, listening, polygon

CENTRE = (8.5480, 50.0180, 8.5520, 50.0220)
EAST = (8.5500, 50.0180, 8.5520, 50.0220)


@pytest.fixture
def vrt(tmp_path):
    """Writes a virtual dataset, and gives its path."""

    def call(layers: str, name: str = "street.vrt"):
        (tmp_path / name).write_text(f"<OGRVRTDataSource>{layers}</OGRVRTDataSource>")
        return tmp_path / name

    return call


def layer_of(name: str, *more: str, source: str = "MAPILLARY:") -> str:
    return (f'<OGRVRTLayer name="{name}"><SrcDataSource>{source}</SrcDataSource>'
            f"<SrcLayer>{name}</SrcLayer>{''.join(more)}</OGRVRTLayer>")


def csv(run, path, *words):
    """The lines of a conversion to CSV, without its head; it must succeed in silence."""
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", path, *words)
    assert (done.code, done.err) == (0, ""), done.err
    return [line.replace('"', "") for line in done.out.splitlines()[1:]]


# ---- Virtual datasets -------------------------------------------------------------------------


def test_a_box_on_a_virtual_layer_reaches_the_service(run, service, truth, vrt):
    path = vrt(layer_of("images"))

    assert csv(run, path, "images", "-select", "id", "-spat", *CENTRE) == [str(row.id) for row in truth.within(CENTRE)]

    assert_each_once(service.requests, cover(CENTRE))


def test_a_region_in_the_file_is_cut_by_a_box_from_outside(run, service, truth, vrt):
    path = vrt(layer_of("images", f"<SrcRegion>{polygon(corners(CENTRE))}</SrcRegion>"))

    found = csv(run, path, "images", "-select", "id", "-spat", *(EAST[0], 49.0, 9.0, 51.0))

    assert found == [str(row.id) for row in truth.within(EAST)]
    assert_each_once(service.requests, cover(EAST))


def test_ids_on_a_virtual_layer_are_asked_for_and_no_tile_is(run, service, truth, vrt):
    some = [row.id for row in truth.rows()[100:1000:300]]
    path = vrt(layer_of("images"))

    assert csv(run, path, "-select", "id", "-where", f"id IN ({', '.join(map(str, some))})") == list(map(str, some))

    assert entities_asked(service.requests) == [tuple(some)]


def test_fields_can_be_renamed_and_left_out(run, service, truth, vrt):
    path = vrt(layer_of(
        "images", f"<SrcRegion>{polygon(corners(CENTRE))}</SrcRegion>",
        '<Field name="number" src="id" type="Integer64"/><Field name="panorama" src="is_pano" type="Integer"/>'))

    found = csv(run, path, "-where", "panorama = 1")

    assert found == [f"{row.id},1" for row in truth.within(CENTRE) if row.is_pano]
    assert_each_once(service.requests, cover(CENTRE))


def test_detections_of_some_images_can_be_a_layer(run, service, town, vrt):
    seen = [image.id for image in town.images if town.truth_detections_of_image(image.id)][:3]
    path = vrt(f"""<OGRVRTLayer name="outlines"><SrcDataSource>MAPILLARY:</SrcDataSource>
        <SrcSQL>SELECT id, value FROM detections WHERE image_id IN ({', '.join(map(str, seen))})</SrcSQL></OGRVRTLayer>""")

    found = csv(run, path, "outlines", "-select", "id")

    assert found == [str(one.id) for image in seen for one in town.truth_detections_of_image(image)]
    assert set(kinds(service.requests)) == {"detections"}


def test_a_union_of_layers_has_the_rows_of_both_and_hands_filters_on(run, service, town, vrt):
    west, south, east, north = CENTRE
    path = vrt('<OGRVRTUnionLayer name="things">' + layer_of("map_features") + layer_of("traffic_signs") +
               "</OGRVRTUnionLayer>")

    found = csv(run, path, "things", "-select", "id", "-spat", *CENTRE, "-where", "last_seen_at >= '2020/01/01'")

    assert sorted(map(int, found)) == sorted(
        thing.id for thing in [*town.points, *town.signs] if west <= thing.tile_lon <= east
        and south <= thing.tile_lat <= north and thing.last_seen_at >= 1577836800000)
    assert {key[0] for key in service.tiles_asked()} == {"mly_map_feature_point", "mly_map_feature_traffic_sign"}
    assert {key[1:] for key in service.tiles_asked()} == {key[1:] for key in cover(CENTRE)}


def test_a_warped_layer_bounds_the_read_by_a_box_in_its_own_system(run, service, truth, vrt):
    half = 20037508.342789244
    metres = [half * CENTRE[0] / 180, math.log(math.tan(math.radians(45 + CENTRE[1] / 2))) * half / math.pi,
              half * CENTRE[2] / 180, math.log(math.tan(math.radians(45 + CENTRE[3] / 2))) * half / math.pi]
    path = vrt("<OGRVRTWarpedLayer>" + layer_of("images") + "<TargetSRS>EPSG:3857</TargetSRS></OGRVRTWarpedLayer>")

    found = csv(run, path, "images", "-select", "id", "-spat", *metres)

    assert sorted(map(int, found)) == sorted(row.id for row in truth.within(CENTRE))
    assert_each_once(service.requests, cover(CENTRE))


def test_a_failure_below_a_virtual_layer_fails_the_conversion(run, service, vrt):
    service.fault(503, match=cover(CENTRE)[-1], times=None)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", vrt(layer_of("images")), "images", "-spat", *CENTRE)

    assert done.code != 0 and "HTTP 503" in done.err


# ---- The dialect of SQLite --------------------------------------------------------------------


@pytest.fixture
def spatialite():
    """Whether this GDAL has the functions is asked of another driver's layer."""
    source = ogr.GetDriverByName("Memory").CreateDataSource("")
    source.CreateLayer("one", geom_type=ogr.wkbPoint)
    with listening() as heard:
        result = source.ExecuteSQL("SELECT ST_Length(ST_GeomFromText('LINESTRING (0 0, 3 4)')) AS n",
                                   dialect="SQLITE")
        n_units = result.GetNextFeature().GetField("n") if result else None
    if n_units is None and "no such function" in heard.text:
        pytest.skip("this GDAL is built without SpatiaLite")
    assert n_units == 5.0


def query(run, text, *words, box=CENTRE):
    return csv(run, "MAPILLARY:", "-dialect", "SQLITE", "-sql", text, "-oo", f"AOI={polygon(corners(box))}", *words)


def test_spatial_functions_see_positions(spatialite, run, service, truth):
    found = query(run, "SELECT id, ST_X(geometry) AS x, ST_Distance(geometry, MakePoint(8.55, 50.02, 4326)) AS far "
                       "FROM images ORDER BY far, id LIMIT 5")

    far = sorted((math.hypot(row.lon - 8.55, row.lat - 50.02), row.id, row.lon) for row in truth.within(CENTRE))[:5]
    rows = [line.split(",") for line in found]
    assert [int(row[0]) for row in rows] == [one[1] for one in far]
    assert [float(row[1]) for row in rows] == pytest.approx([one[2] for one in far], abs=1e-9)
    assert [float(row[2]) for row in rows] == pytest.approx([one[0] for one in far], abs=1e-9)
    assert_each_once(service.requests, cover(CENTRE))


def test_a_spatial_condition_keeps_what_it_means(spatialite, run, truth):
    triangle = polygon([(8.548, 50.018), (8.552, 50.018), (8.550, 50.022)])
    shape = ogr.CreateGeometryFromWkt(triangle)

    found = query(run, f"SELECT id FROM images WHERE is_pano = 1 AND ST_Intersects(geometry, GeomFromText("
                       f"'{triangle}', 4326))")

    assert list(map(int, found)) == [
        row.id for row in truth.within(CENTRE) if row.is_pano
        and shape.Intersects(ogr.CreateGeometryFromWkt(f"POINT ({row.lon!r} {row.lat!r})"))]


def test_layers_can_be_joined_by_distance(spatialite, run, service, truth, town):
    west, south, east, north = EAST
    reach = 0.0001

    found = query(run, f"SELECT i.id, s.id AS sign FROM images i, traffic_signs s WHERE "
                       f"ST_Distance(i.geometry, s.geometry) < {reach}", box=EAST)

    signs = [s for s in town.signs if west <= s.tile_lon <= east and south <= s.tile_lat <= north]
    wanted = sorted((row.id, s.id) for row in truth.within(EAST) for s in signs
                    if math.hypot(row.lon - s.tile_lon, row.lat - s.tile_lat) < reach)
    assert len(wanted) > 5 and sorted(tuple(map(int, line.split(","))) for line in found) == wanted
    asked = service.tiles_asked()
    assert len(asked) == len(set(asked))  # though the inner layer is read for each row of the outer one


def test_sequences_have_a_length(spatialite, run):
    found = query(run, "SELECT id, ST_NumGeometries(geometry) AS n, ST_Length(geometry) AS length FROM sequences",
                  "-oo", "STITCH=AREA")

    assert len(found) > 10
    assert all(int(line.split(",")[1]) >= 1 and float(line.split(",")[2]) > 0 for line in found)


def test_conditions_are_handed_on_so_that_only_rows_that_pass_are_asked_about(run, service, truth):
    found = query(run, "SELECT id, make FROM images WHERE is_pano = 1 AND quality_score > 0.7 "
                       "AND captured_at >= '2019/01/01'", "-oo", "FIELDS=make")

    wanted = [row for row in truth.within(CENTRE) if row.is_pano and (row.quality_score or 0) > 0.7
              and (row.captured_at or 0) >= 1546300800000]
    assert found == [f"{row.id},{truth.town.graph_image(row.id).get('make', '')}" for row in wanted]
    assert {n for batch in ids_asked(service.requests) for n in batch} == {row.id for row in wanted}


def test_ids_need_no_area(run, service, truth):
    row = truth.rows()[700]

    found = csv(run, "MAPILLARY:", "-dialect", "SQLITE", "-sql", f"SELECT id, sequence_id FROM images WHERE id = {row.id}")

    assert found == [f"{row.id},{row.sequence_id}"]
    assert {n for batch in entities_asked(service.requests) for n in batch} == {row.id}


@pytest.mark.parametrize("words", [
    ("SELECT id FROM images WHERE ST_Intersects(geometry, BuildMbr(8.548, 50.018, 8.552, 50.022, 4326))",),
    ("SELECT id FROM images", "-spat", *map(str, CENTRE))])
def test_a_spatial_condition_alone_bounds_nothing_and_that_is_said(run, service, words):
    """The status says nothing of it: GDAL reads the first row before it looks at errors."""
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "-dialect", "SQLITE", "-sql", *words)

    assert "ERROR 5: MAPILLARY: images: nothing bounds this read" in done.err
    assert len(done.out.splitlines()) <= 1
    assert service.requests == []


def test_a_read_that_fails_half_way_fails_the_conversion(run, service):
    service.fault(503, match=cover(CENTRE)[-1], times=None)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "-dialect", "SQLITE", "-sql",
               "SELECT id FROM images", "-oo", f"AOI={polygon(corners(CENTRE))}")

    assert done.code != 0 and "HTTP 503" in done.err
