# SPDX-License-Identifier: MIT
"""The area of interest: which tiles it asks for, which rows it gives, and what it refuses.

Points in polygons are decided here by counting crossings, with nothing of GDAL in it.
"""
from __future__ import annotations

import json
import random
from pathlib import Path
from typing import List, Sequence, Tuple

import pytest
from osgeo import gdal, ogr, osr

import mvt
from reading import assert_same, cover, grown, inside, listening, polygon, tile_box
from town import ORIGINAL, Town

Ring = Sequence[Tuple[float, float]]

WEST, SOUTH, EAST, NORTH = Town().bbox
TRIANGLE = [(8.52, 50.003), (8.60, 50.008), (8.55, 50.041)]
HOLE = [(8.545, 50.015), (8.560, 50.016), (8.553, 50.025)]
VILLAGE = [(8.60, 50.015), (8.62, 50.015), (8.62, 50.03), (8.60, 50.03)]


def crossings(point: Tuple[float, float], ring: Ring) -> int:
    x, y = point
    count = 0
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]]):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            count += 1
    return count


def in_rings(*rings: Ring):
    """Even-odd: holes and separate polygons alike."""
    return lambda row: sum(crossings((row.lon, row.lat), ring) for ring in rings) % 2 == 1


def segments_cross(a, b, c, d) -> bool:
    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) <= 0 and side(c, d, a) * side(c, d, b) <= 0


def touched(*rings: Ring):
    """The tiles that share a point with the area, in plan order."""
    box = (min(x for r in rings for x, _ in r), min(y for r in rings for _, y in r),
           max(x for r in rings for x, _ in r), max(y for r in rings for _, y in r))
    for key in cover(box):
        west, south, east, north = tile_box(key[2], key[3])
        outline = [(west, south), (east, south), (east, north), (west, north)]
        edges = list(zip(outline, [*outline[1:], outline[0]]))
        if (sum(crossings(outline[0], ring) for ring in rings) % 2
                or any(west <= x <= east and south <= y <= north for ring in rings for x, y in ring)
                or any(segments_cross(a, b, c, d) for ring in rings
                       for a, b in zip(ring, [*ring[1:], ring[0]]) for c, d in edges)):
            yield key


def test_a_polygon_gives_the_rows_in_it_from_the_tiles_that_it_touches(images, service, truth):
    opened = images(AOI=polygon(TRIANGLE))

    assert_same(opened.rows(), truth.rows(in_rings(TRIANGLE)))
    assert sorted(service.tiles_asked()) == sorted(touched(TRIANGLE))


@pytest.mark.parametrize("seed", range(12))
def test_any_triangle_gives_what_brute_force_gives(images, service, truth, seed):
    chance = random.Random(seed)
    ring = [(chance.uniform(WEST, EAST), chance.uniform(SOUTH, NORTH)) for _ in range(3)]

    assert_same(images(AOI=polygon(ring)).rows(), truth.rows(in_rings(ring)))
    assert sorted(service.tiles_asked()) == sorted(touched(ring))


def test_holes_count(images, truth):
    rows = images(AOI=polygon(TRIANGLE, HOLE)).rows()

    assert_same(rows, truth.rows(in_rings(TRIANGLE, HOLE)))
    assert len(rows) < len(truth.rows(in_rings(TRIANGLE)))


def test_several_polygons_count(images, truth):
    wkt = "MULTIPOLYGON (%s, %s)" % tuple(polygon(r)[len("POLYGON "):] for r in (TRIANGLE, VILLAGE))

    assert_same(images(AOI=wkt).rows(), truth.rows(lambda row: in_rings(TRIANGLE)(row) or in_rings(VILLAGE)(row)))


def test_polygons_that_overlap_give_each_row_once(images, truth, tmp_path):
    left = [(WEST, SOUTH), (8.56, SOUTH), (8.56, NORTH), (WEST, NORTH)]
    right = [(8.54, SOUTH), (EAST, SOUTH), (EAST, NORTH), (8.54, NORTH)]
    path = tmp_path / "two.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [[*r, r[0]]]}}
        for r in (left, right)]}))

    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"AOI={path}"])
        ids = [f.GetFID() for f in iter(dataset.GetLayer(0).GetNextFeature, None)]

    assert heard.errors == []
    box = (WEST, SOUTH, EAST, NORTH)
    assert ids == [row.fid for row in truth.rows(inside(box))]


def test_geojson_is_taken_as_it_is(images, truth):
    inline = json.dumps({"type": "Polygon", "coordinates": [[*TRIANGLE, TRIANGLE[0]]]})

    assert_same(images(AOI=inline).rows(), truth.rows(in_rings(TRIANGLE)))


def write_utm(path: Path, rings: List[Ring]) -> None:
    """A GeoPackage in UTM zone 32, with a table of points beside the polygons."""
    degrees, metres = osr.SpatialReference(), osr.SpatialReference()
    degrees.ImportFromEPSG(4326)
    degrees.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    metres.ImportFromEPSG(25832)
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    points = dataset.CreateLayer("points", metres, ogr.wkbPoint)
    point = ogr.Feature(points.GetLayerDefn())
    point.SetGeometry(ogr.CreateGeometryFromWkt("POINT (500000 5500000)"))
    points.CreateFeature(point)
    layer = dataset.CreateLayer("districts", metres, ogr.wkbPolygon)
    for ring in rings:
        geometry = ogr.CreateGeometryFromWkt(polygon(ring))
        geometry.AssignSpatialReference(degrees)
        assert geometry.TransformTo(metres) == 0
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(geometry)
        layer.CreateFeature(feature)
    del point, points, feature, layer, dataset


def test_a_file_in_another_reference_system_is_turned_into_degrees(images, truth, tmp_path):
    write_utm(tmp_path / "districts.gpkg", [TRIANGLE, VILLAGE])

    rows = images(AOI=tmp_path / "districts.gpkg").rows()

    assert_same(rows, truth.rows(lambda row: in_rings(TRIANGLE)(row) or in_rings(VILLAGE)(row)))


def in_system(code: int, *rings: Ring) -> str:
    """A polygon of degrees as text in another reference system, with its number in front."""
    degrees, other = osr.SpatialReference(), osr.SpatialReference()
    for system, number in ((degrees, 4326), (other, code)):
        system.ImportFromEPSG(number)
        system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    geometry = ogr.CreateGeometryFromWkt(polygon(*rings))
    assert geometry.Transform(osr.CoordinateTransformation(degrees, other)) == 0
    return f"SRID={code};{geometry.ExportToWkt()}"


@pytest.mark.parametrize("code", (4326, 25832, 3857))
@pytest.mark.parametrize("in_name", (False, True), ids=("option", "name"))
def test_text_may_name_its_reference_system_as_postgis_does(images, truth, service, code, in_name):
    text = in_system(code, TRIANGLE, HOLE)

    rows = images(f'MAPILLARY:AOI="{text}"').rows() if in_name else images(AOI=text).rows()

    assert_same(rows, truth.rows(in_rings(TRIANGLE, HOLE)))
    assert set(service.tiles_asked()) == set(touched(TRIANGLE))


@pytest.mark.parametrize("front", ("SRID=0;", "srid=4326;", "SRID=4326; "))
def test_without_a_system_or_in_other_letters_it_is_degrees(images, truth, front):
    assert_same(images(AOI=front + polygon(TRIANGLE)).rows(), truth.rows(in_rings(TRIANGLE)))


def test_it_can_stand_in_the_dataset_name(images, truth):
    name = 'MAPILLARY:MAX_TILES=50,AOI="%s"' % polygon(TRIANGLE)

    assert_same(images(name).rows(), truth.rows(in_rings(TRIANGLE)))


def test_it_goes_together_with_a_spatial_and_an_attribute_filter(images, service, truth):
    box = grown(tile_box(8580, 5554), -0.002)

    rows = images(AOI=polygon(TRIANGLE)).within(box).where("is_pano = 1").rows()

    assert_same(rows, truth.rows(lambda row: in_rings(TRIANGLE)(row) and inside(box)(row) and row.is_pano))
    assert set(service.tiles_asked()) == set(cover(box)) & set(touched(TRIANGLE))


def test_a_filter_beside_it_gives_nothing_and_asks_nothing(images, service):
    assert images(AOI=polygon(VILLAGE)).within((8.5, 50.0, 8.51, 50.01)).rows() == []
    assert service.requests == []


def test_the_extent_is_its_own_and_asks_nothing(images, service):
    opened = images(AOI=polygon(TRIANGLE))

    assert opened.layer.GetExtent() == pytest.approx((8.52, 8.60, 50.003, 50.041), abs=1e-12)
    assert service.requests == []


def test_it_bounds_counts_and_sql(images, truth):
    opened = images(AOI=polygon(TRIANGLE))
    wanted = truth.rows(in_rings(TRIANGLE))

    assert opened.layer.GetFeatureCount() == len(wanted)
    result = opened.dataset.ExecuteSQL("SELECT COUNT(*), MAX(captured_at) FROM images WHERE is_pano = 1")
    row = result.GetNextFeature()
    assert row.GetField(0) == sum(bool(row.is_pano) for row in wanted)
    opened.dataset.ReleaseResultSet(result)


def test_it_bounds_every_layer_but_detections(configured, town):
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["AOI=" + polygon(VILLAGE)])
    inner = in_rings(VILLAGE)

    class At:
        def __init__(self, feature):
            self.lon, self.lat = feature.tile_lon, feature.tile_lat

    for name, truth in (("map_features", town.points), ("traffic_signs", town.signs)):
        found = {feature.GetFID() for feature in dataset.GetLayerByName(name)}
        assert found == {feature.id for feature in truth if inner(At(feature))}
    assert {f["id"] for f in dataset.GetLayerByName("sequences")}
    assert dataset.GetLayerByName("detections").GetExtent() == (0.0, 1.0, 0.0, 1.0)


# ---- 180 degrees ------------------------------------------------------------------------------------

EAST_END, WEST_END = (ORIGINAL, 14, 16383, 7734), (ORIGINAL, 14, 0, 7734)
NEXT = (ORIGINAL, 14, 1, 7734)


def box_ring(west: float, east: float) -> Ring:
    """Within one row of tiles."""
    return [(west, 10.001), (east, 10.001), (east, 10.01), (west, 10.01)]


@pytest.fixture
def ends(service):
    """An image in each of the tiles on both sides of 180 degrees, and in one beside."""
    service.tiles = {tile: mvt.encode([mvt.Layer("image", [mvt.point(2048, 1500, {"id": n})])])
                     for n, tile in enumerate((EAST_END, WEST_END, NEXT), 1)}
    return service


TWO_SIDES = "MULTIPOLYGON (%s, %s)" % tuple(
    polygon(box_ring(*ends))[len("POLYGON "):] for ends in ((-180.0, -179.985), (179.985, 180.0)))
HOLED = polygon(box_ring(179.985, 180.015), [(179.999, 10.003), (180.001, 10.003), (180.0, 10.004)])
ACROSS = {
    "a part on each side": TWO_SIDES,
    "beyond 180 degrees": polygon(box_ring(179.985, 180.015)),
    "with a hole on the border": HOLED,
    "beyond -180 degrees": polygon(box_ring(-180.015, -179.985)),
    "in degrees that have a name": "SRID=4258;" + polygon(box_ring(179.985, 180.015)),
    "in metres": in_system(3832, box_ring(179.985, -179.985)),
    "in metres, with a hole": in_system(3832, box_ring(179.985, -179.985), [
        (-179.999, 10.003), (179.999, 10.003), (180.0, 10.004)]),
    "in metres of a zone": in_system(32660, box_ring(179.985, -179.985)),
}


@pytest.mark.parametrize("way", ACROSS)
def test_an_area_across_180_degrees_gives_what_is_on_both_sides(ends, images, way):
    opened = images(AOI=ACROSS[way])

    assert [row.id for row in opened.rows()] == [2, 1]
    assert sorted(ends.tiles_asked()) == sorted([WEST_END, EAST_END])
    assert opened.layer.GetExtent() == pytest.approx((-180, 180, 10.001, 10.01), abs=1e-4)


def test_a_file_of_an_area_across_180_degrees_gives_both_sides(ends, images, tmp_path):
    path = tmp_path / "across.geojson"
    ring = box_ring(179.985, 180.015)
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))

    assert [row.id for row in images(AOI=path).rows()] == [2, 1]


def test_degrees_a_turn_away_are_the_same_place(images, service, truth):
    for turn in (-360, 360):
        service.clear()
        turned = [[(x + turn, y) for x, y in ring] for ring in (TRIANGLE, HOLE)]
        assert_same(images(AOI=polygon(*turned)).rows(), truth.rows(in_rings(TRIANGLE, HOLE)))
        assert sorted(service.tiles_asked()) in ([], sorted(touched(TRIANGLE)))  # the second time they are in memory


def test_a_spatial_filter_that_goes_on_beyond_180_degrees_ends_there_without_a_word(ends, images):
    opened = images().within((179.985, 10.001, 180.015, 10.01))

    assert [row.id for row in opened.rows()] == [1]
    assert ends.tiles_asked() == [EAST_END]
    assert [row.id for row in opened.touching(polygon(box_ring(179.985, 180.015))).rows()] == [1]


@pytest.mark.parametrize("area", (polygon(box_ring(179.985, -179.985)),
                                  "SRID=4326;" + polygon(box_ring(-179.9, 179.9))))
def test_an_edge_around_the_world_is_taken_so_with_a_warning(area):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["AOI=" + area, "MAX_TILES=20000"])

    assert heard.errors == []
    warning, = heard.warnings
    assert "an edge spans more than 180 degrees of longitude, and is taken the long way round" in warning
    west, east, _, _ = dataset.GetLayer(0).GetExtent()
    assert -180 < west < -179 and 179 < east < 180


@pytest.mark.parametrize("reach", (20037508.342789244, 20000000, 19000000, 100))
def test_most_of_the_world_in_metres_is_not_taken_for_the_rest_of_it(reach):
    ring = [(-reach, -100), (reach, -100), (reach, 100), (-reach, 100)]

    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["AOI=SRID=3857;" + polygon(ring)])

    assert heard.errors == []
    width = reach * 180 / 20037508.342789244
    assert dataset.GetLayer(0).GetExtent()[:2] == pytest.approx((-width, width), abs=1e-6)


REFUSED_AROUND = {
    "SRID=3031;" + polygon([(-1e6, -1e6), (1e6, -1e6), (1e6, 1e6), (-1e6, 1e6)]): "an outline goes around a pole",
    polygon([(500000, 5500000), (510000, 5500000), (510000, 5510000)]): "it goes beyond 540 degrees of longitude",
}


@pytest.mark.parametrize("area", REFUSED_AROUND)
def test_an_area_that_has_no_place_between_180_degrees_is_refused(service, area):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["AOI=" + area])

    assert dataset is None and service.requests == []
    assert ["MAPILLARY: AOI: " + REFUSED_AROUND[area] in error for error in heard.errors] == [True]


# ---- What is refused --------------------------------------------------------------------------------


def test_a_countrys_outline_is_found_by_descending_not_tile_by_tile(images, service):
    ring = [(6.0 + i * 0.001, 47.3 + (i % 2) * 0.0001) for i in range(5000)] + [(11.0, 55.0), (6.0, 55.0)]

    assert "tiles and MAX_TILES allows 10000" in images(AOI=polygon(ring)).failure()
    assert service.requests == []


REFUSED = {
    "nonsense.shp": "nonsense.shp cannot be read",
    "": "cannot be read",
    "POLYGON ((8 50, 9 50": "this well-known text cannot be read",
    "SRID=4326;POLYGON ((8 50, 9 50": "this well-known text cannot be read",
    "SRID=4326;area.gpkg": "this well-known text cannot be read",
    "SRID=;POLYGON ((8 50, 9 50, 9 51, 8 50))": "after SRID= comes the number",
    "SRID=4326 POLYGON ((8 50, 9 50, 9 51, 8 50))": "after SRID= comes the number",
    "SRID=999999;POLYGON ((8 50, 9 50, 9 51, 8 50))": "after SRID= comes the number",
    "SRID=4294971622;POLYGON ((8 50, 9 50, 9 51, 8 50))": "after SRID= comes the number",
    "POLYGON EMPTY": "there is no polygon in it",
    "POINT (8 50)": "there is no polygon in it",
    '{"type": "Polygo"}': "this GeoJSON cannot be read",
    "MAPILLARY:": "a MAPILLARY: dataset cannot be its own area",
    "mapillary:MAX_TILES=5": "a MAPILLARY: dataset cannot be its own area",
    "POLYGON ((8 50, 9 50, nan 51, 8 50))": "AOI",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text or "nothing")
def test_what_is_no_area_is_refused_by_name(service, text):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"AOI={text}"])

    assert dataset is None
    assert any(error.startswith("MAPILLARY: AOI: ") and REFUSED[text] in error for error in heard.errors), heard.text
    assert service.requests == []


def test_a_dataset_that_leads_back_to_itself_is_refused(tmp_path, service):
    path = tmp_path / "loop.vrt"
    path.write_text(f"""<OGRVRTDataSource><OGRVRTLayer name="images">
        <SrcDataSource>MAPILLARY:AOI={path}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>""")

    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"AOI={path}"])

    assert dataset is None
    assert any("cannot be its own area" in error for error in heard.errors), heard.text


def test_an_outline_that_crosses_itself_is_mended_with_a_warning(configured, truth):
    bow = [(8.53, 50.005), (8.57, 50.035), (8.57, 50.005), (8.53, 50.035)]

    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["AOI=" + polygon(bow)])
        ids = [feature.GetFID() for feature in iter(dataset.GetLayer(0).GetNextFeature, None)]

    assert heard.errors == [] and "crosses itself" in heard.text
    assert ids == [row.fid for row in truth.rows(in_rings(bow))]


def test_polygons_inside_and_over_each_other_count_whole_without_a_word(configured, truth, tmp_path):
    outer, inner = (8.53, 50.005, 8.57, 50.035), (8.54, 50.012, 8.55, 50.022)
    beside = (8.565, 50.005, 8.58, 50.02)
    parts = [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [
        [[w, s], [e, s], [e, n], [w, n], [w, s]]]}} for w, s, e, n in (outer, inner, beside)]
    path = tmp_path / "levels.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": parts}))

    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"AOI={path}"])
        ids = [feature.GetFID() for feature in iter(dataset.GetLayer(0).GetNextFeature, None)]

    def inside(row):
        return any(w <= row.lon <= e and s <= row.lat <= n for w, s, e, n in (outer, beside))

    assert heard.text == ""
    assert ids == [row.fid for row in truth.rows(inside)]


@pytest.mark.parametrize("place", ["/vsicurl/http://127.0.0.1:9/area.geojson", "http://127.0.0.1:9/area.geojson",
                                   "PG:host=127.0.0.1", "/nowhere/at/all.gpkg"])
def test_a_dataset_name_leads_to_no_area_but_on_this_machine(configured, place):
    with listening() as heard:
        dataset = gdal.OpenEx(f'MAPILLARY:AOI="{place}"', gdal.OF_VECTOR)

    assert dataset is None
    assert len(heard.errors) == 1 and "must be text or a file of this machine" in heard.errors[0]


@pytest.mark.parametrize("system", [{"type": "link", "properties": {"href": "%s"}},
                                    {"type": "url", "properties": {"url": "%s"}}], ids=lambda system: system["type"])
@pytest.mark.parametrize("in_name", [False, True], ids=["option", "name"])
def test_geojson_leads_to_no_host_for_its_reference_system(configured, service, system, in_name):
    area = json.dumps({"type": "FeatureCollection", "crs": system, "features": [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [TRIANGLE]}}]})
    area %= service.url + "/epsg"
    quoted = area.replace('"', '""')

    with listening() as heard:
        dataset = gdal.OpenEx(f'MAPILLARY:AOI="{quoted}"' if in_name else "MAPILLARY:", gdal.OF_VECTOR,
                              open_options=[] if in_name else [f"AOI={area}"])

    assert dataset is None
    assert any("names its reference system by an address" in error for error in heard.errors), heard.text
    assert service.requests == []


def test_an_outline_of_too_many_vertices_is_refused(service):
    line = "LINESTRING (" + "0 0," * 5_000_000 + "0 0)"

    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["AOI=" + line])

    assert dataset is None
    assert heard.errors == ["MAPILLARY: AOI: more than 5000000 vertices; simplify the outline"]


def test_an_outline_beyond_its_reference_system_is_refused(tmp_path, service):
    path = tmp_path / "beyond.geojson"
    path.write_text(json.dumps({
        "type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}},
        "features": [{"type": "Feature", "properties": {}, "geometry": {
            "type": "Polygon", "coordinates": [[[1e30, 0], [1e30, 1e30], [0, 1e30], [1e30, 0]]]}}]}))

    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"AOI={path}"])

    assert dataset is None
    assert any("cannot be turned into longitude and latitude" in error for error in heard.errors), heard.text
