# SPDX-License-Identifier: MIT
"""What programs in Python do with the driver: GDAL's own bindings, fiona, and geopandas on top of it.

fiona and geopandas run in a process of their own, as they would at home, and print what they saw as JSON.
"""
from __future__ import annotations

import sys
from textwrap import dedent

import pytest
from osgeo import gdal, ogr

from features import Layer, at, entities_asked, ids_asked, kinds
from programs import need_python, values_of
from reading import GDAL_VERSION, Images, assert_each_once, corners, cover, geopackage, listening, polygon

CENTRE = (8.5480, 50.0180, 8.5520, 50.0220)
HALF = [(CENTRE[0], CENTRE[1]), (CENTRE[2], CENTRE[1]), (CENTRE[0], CENTRE[3])]
FIONA = "import json, logging, fiona\nfiona.supported_drivers['MAPILLARY'] = 'r'\n"
GEOPANDAS = "import json, logging, fiona, geopandas\nfiona.supported_drivers['MAPILLARY'] = 'r'\n"


def in_half(row):
    return ogr.CreateGeometryFromWkt(polygon(HALF)).Intersects(
        ogr.CreateGeometryFromWkt(f"POINT ({row.lon!r} {row.lat!r})"))


@pytest.fixture
def python(run):
    """Runs statements in a process of its own."""

    def call(text: str, **options):
        return run(sys.executable, "-c", dedent(text), **options)

    return call


# ---- GDAL's bindings --------------------------------------------------------------------------


def test_vector_translate_filters_and_selects_as_ogr2ogr_does(configured, service, truth, tmp_path):
    out = str(tmp_path / "out.gpkg")

    with listening() as heard:
        made = gdal.VectorTranslate(out, "MAPILLARY:", layers=["images"], spatFilter=CENTRE,
                                    where="is_pano = 1", selectFields=["id", "sequence_id", "is_pano"])
        assert made is not None
        made = None

    assert heard.text == ""
    types, rows = geopackage(out)
    wanted = [row for row in truth.within(CENTRE) if row.is_pano]
    # Where a filter names a field, GDAL 3.13 moves columns with all fields, as it does from one GeoPackage to another.
    selected = {"fid", "geom", "id", "is_pano", "sequence_id"}
    assert set(types) == selected if GDAL_VERSION < (3, 8) else set(types) >= selected
    assert [(row.id, row.sequence_id) for row in rows] == [(row.id, row.sequence_id) for row in wanted]
    assert_each_once(service.requests, cover(CENTRE))


def test_vector_translate_of_an_open_dataset_uses_its_options(configured, service, truth):
    source = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"AOI={polygon(HALF)}"])

    made = gdal.VectorTranslate("", source, format="Memory", layers=["images"])

    assert [feature["id"] for feature in made.GetLayer(0)] == [row.id for row in truth.within(CENTRE) if in_half(row)]
    assert_each_once(service.requests, cover(CENTRE))


def test_sql_sums_up_each_layer_in_the_area(configured, service, truth, town):
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"AOI={polygon(corners(CENTRE))}"])

    def one(sql):
        result = dataset.ExecuteSQL(sql)
        (values,) = [list(feature.items().values()) for feature in result]
        dataset.ReleaseResultSet(result)
        return values

    west, south, east, north = CENTRE
    flat = [row for row in truth.within(CENTRE) if not row.is_pano]
    assert one("SELECT COUNT(*), MAX(quality_score) FROM images WHERE is_pano = 0") == [
        len(flat), max(row.quality_score or 0 for row in flat)]
    assert one("SELECT COUNT(DISTINCT value) FROM traffic_signs") == [len({
        sign.value for sign in town.signs if west <= sign.tile_lon <= east and south <= sign.tile_lat <= north})]
    assert len(service.tiles_asked()) == len(set(service.tiles_asked()))


def test_with_exceptions_a_read_that_fails_raises_in_the_loop_and_in_the_conversion(python, service):
    """gdal.UseExceptions() alone is not enough before GDAL 3.7: loops over layers belong to ogr."""
    service.fault(503, match=cover(CENTRE)[-1], times=None)

    done = python(f"""
        import json
        from osgeo import gdal, ogr
        gdal.UseExceptions()
        ogr.UseExceptions()
        said = []
        for work in (lambda layer: [feature for feature in layer], lambda layer: layer.GetFeatureCount(),
                     lambda layer: gdal.VectorTranslate("", "MAPILLARY:", format="Memory", layers=["images"],
                                                        spatFilter={CENTRE})):
            dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
            layer = dataset.GetLayer("images")
            layer.SetSpatialFilterRect(*{CENTRE})
            try:
                said.append(repr(work(layer)))
            except RuntimeError as error:
                said.append("raised " + str(error))
        print(json.dumps(said))""")

    loop, count, conversion = values_of(done)
    assert loop.startswith("raised ") and "HTTP 503" in loop
    assert count.startswith("raised ") and "HTTP 503" in count
    assert conversion.startswith("raised ")


def test_single_features_are_those_of_the_loop(configured, truth):
    images = Images().within(CENTRE)
    wanted = truth.within(CENTRE)[::90]

    assert [images.layer.GetFeature(row.id).GetField("sequence_id") for row in wanted] == [
        row.sequence_id for row in wanted]
    images.layer.SetNextByIndex(len(truth.within(CENTRE)) - 1)
    assert images.layer.GetNextFeature().GetFID() == truth.within(CENTRE)[-1].id
    assert images.layer.GetNextFeature() is None


# ---- fiona ------------------------------------------------------------------------------------


@pytest.fixture
def fiona():
    need_python("fiona", "python3-fiona")


def test_fiona_lists_and_opens_layers_without_a_request(fiona, python, service):
    done = python(FIONA + """
with fiona.open("MAPILLARY:", layer="sequences") as layer:
    print(json.dumps([fiona.listlayers("MAPILLARY:"), layer.schema["geometry"], layer.crs.to_epsg(),
                      list(layer.schema["properties"].items()), layer.bounds]))""")

    layers, geometry, epsg, properties, bounds = values_of(done)
    assert layers == ["images", "sequences", "map_features", "traffic_signs"]
    assert (geometry, epsg) == ("MultiLineString", 4326)
    assert properties[:2] == [["id", "str"], ["captured_at", "datetime"]]
    assert bounds == pytest.approx([-180, -85.0511287798066, 180, 85.0511287798066])
    assert service.requests == []


def test_fiona_reads_what_a_box_and_a_filter_leave(fiona, python, service, truth):
    done = python(FIONA + f"""
with fiona.open("MAPILLARY:", layer="images", MAX_TILES=9) as layer:
    found = layer.filter(bbox={CENTRE}, where="is_pano = 1 AND captured_at >= '2020/01/01'")
    print(json.dumps([[f.properties["id"], f.properties["captured_at"], f.properties["is_pano"],
                       f.geometry.coordinates] for f in found]))""")

    wanted = [row for row in truth.within(CENTRE) if row.is_pano and (row.captured_at or 0) >= 1577836800000]
    found = values_of(done)
    assert wanted and [row[0] for row in found] == [row.id for row in wanted]
    assert all(at.endswith("+00:00") and pano is True for _, at, pano, _ in found)
    assert [place for *_, place in found] == [pytest.approx([row.lon, row.lat], abs=1e-9) for row in wanted]
    assert_each_once(service.requests, cover(CENTRE))


def test_fiona_takes_an_area_in_the_name_and_ids_in_the_filter(fiona, python, service, truth):
    some = [row.id for row in truth.within(CENTRE)[::300]]
    done = python(FIONA + f"""
with fiona.open('MAPILLARY:AOI="{polygon(HALF)}"', layer="images") as layer:
    area = sorted(f.properties["id"] for f in layer)
with fiona.open("MAPILLARY:", layer="images") as layer:
    print(json.dumps([area, [int(f.id) for f in layer.filter(where="id IN ({', '.join(map(str, some))})")]]))""")

    area, ids = values_of(done)
    assert area == sorted(row.id for row in truth.within(CENTRE) if in_half(row))
    assert ids == some
    assert sorted(set(kinds(service.requests))) == ["entities", "tile"] and ids_asked(service.requests) == [tuple(some)]


def test_fiona_tells_of_a_read_that_failed_in_its_log_and_nowhere_else(fiona, python, service):
    """So the README advises to switch the log on."""
    service.fault(503, match=cover(CENTRE)[0], times=None)

    done = python(FIONA + f"""
logging.basicConfig()
with fiona.open("MAPILLARY:", layer="images") as layer:
    print(json.dumps([len(list(layer.filter(bbox={CENTRE}))), len(list(layer))]))""")

    assert values_of(done) == [0, 0]
    assert "ERROR:fiona._env:" in done.err and "HTTP 503" in done.err and "nothing bounds this read" in done.err


# ---- geopandas --------------------------------------------------------------------------------


@pytest.fixture
def geopandas():
    need_python("fiona", "python3-fiona")
    need_python("geopandas", "python3-geopandas")


def test_geopandas_reads_typed_columns_and_asks_each_tile_once(geopandas, python, service, truth):
    done = python(GEOPANDAS + f"""
frame = geopandas.read_file("MAPILLARY:", layer="images", bbox={CENTRE}, where="quality_score > 0.5")
print(json.dumps([frame.crs.to_epsg(), {{name: str(kind) for name, kind in frame.dtypes.items()}},
                  frame["id"].tolist(), frame["quality_score"].tolist(),
                  [int(at.timestamp() * 1000 + 0.5) if at == at else None for at in frame["captured_at"]],
                  frame.geometry.x.tolist()]))""")

    epsg, types, ids, scores, times, x = values_of(done)
    wanted = [row for row in truth.within(CENTRE) if (row.quality_score or 0) > 0.5]
    assert epsg == 4326
    assert (types["id"], types["captured_at"], types["is_pano"]) == ("int64", "datetime64[ns, UTC]", "bool")
    assert ids == [row.id for row in wanted]
    assert scores == [row.quality_score for row in wanted]
    assert times == [row.captured_at for row in wanted]
    assert x == pytest.approx([row.lon for row in wanted], abs=1e-9)
    assert_each_once(service.requests, cover(CENTRE))


def test_geopandas_takes_a_polygon_a_number_of_rows_and_columns(geopandas, python, service, truth):
    done = python(GEOPANDAS + f"""
from shapely.geometry import Polygon
mask = Polygon({HALF})
both = geopandas.read_file("MAPILLARY:", layer="images", mask=mask, rows=7)
lines = geopandas.read_file("MAPILLARY:", layer="sequences", bbox={CENTRE}, STITCH="AREA",
                            include_fields=["id", "is_pano"])
print(json.dumps([both["id"].tolist(), list(lines.columns), lines["id"].tolist(), sorted(set(lines.geom_type))]))""")

    some, columns, keys, shapes = values_of(done)
    assert some == [row.id for row in truth.within(CENTRE) if in_half(row)][:7]
    assert columns == ["id", "is_pano", "geometry"] and shapes == ["MultiLineString"]
    assert set(service.tiles_asked()) == set(cover(CENTRE)) and len(service.requests) == 2 * len(cover(CENTRE))
    lines = Layer("sequences", STITCH="AREA", **at(service)).within(CENTRE).rows()
    assert keys == [line.fields["id"] for line in lines] and len(keys) > 10


def test_geopandas_asks_the_graph_for_no_field_that_is_left_out(geopandas, python, service, truth):
    done = python(GEOPANDAS + f"""
plain = geopandas.read_file("MAPILLARY:", layer="images", bbox={CENTRE}, FIELDS="make", include_fields=["id"])
makes = geopandas.read_file("MAPILLARY:", layer="images", bbox={CENTRE}, FIELDS="make", include_fields=["make"],
                            where="is_pano = 1 AND quality_score > 0.7")
print(json.dumps([len(plain), makes["make"].fillna("").tolist()]))""")

    wanted = [row for row in truth.within(CENTRE) if row.is_pano and (row.quality_score or 0) > 0.7]
    n_rows, makes = values_of(done)
    assert n_rows == len(truth.within(CENTRE))
    assert makes == [truth.town.graph_image(row.id).get("make", "") for row in wanted]
    graph = [request for request in service.requests if request.kind != "tile"]
    assert sorted(n for batch in entities_asked(graph) for n in batch) == sorted(row.id for row in wanted)
