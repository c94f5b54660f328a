# SPDX-License-Identifier: MIT
"""The dataset as a whole: which layers it has, what they say of themselves, and all of it converted at once."""
from __future__ import annotations

import csv
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from osgeo import gdal, ogr

from features import Layer, Seen, at, is_close, plain, schema, shape
from pieces import Expected, Pieces, pixel_lines
from reading import MS_OF_DAY, Heard, assert_each_once, corners, in_plan_order, iso_ms, listening
from town import POINTS, SIGNS

AREA = (8.543, 50.014, 8.556, 50.024)
LISTED = ("images", "sequences", "map_features", "traffic_signs")
BY_NAME = ("detections", "overview")

# The rows of a layer by their ids: values, and a shape in which lines are sorted and in pixels.
Rows = Dict[Any, Tuple[Dict[str, Any], Any]]


@pytest.fixture(scope="session")
def expected(town, tiles, truth) -> Dict[str, Rows]:
    """What the four layers hold within the area."""
    def feature_row(feature) -> Tuple[Dict[str, Any], Any]:
        return ({"id": feature.id, "value": feature.value, "first_seen_at": feature.first_seen_at,
                 "last_seen_at": feature.last_seen_at}, (feature.tile_lon, feature.tile_lat))

    west, south, east, north = AREA
    sequences = Expected(town, Pieces(tiles), corners(AREA))
    return {
        "images": {row.id: (row.attributes, (row.lon, row.lat)) for row in truth.within(AREA)},
        "sequences": {fields["id"]: (fields, lines) for _, fields, lines in sequences.whole},
        **{layer: {feature.id: feature_row(feature) for feature in features
                   if west <= feature.tile_lon <= east and south <= feature.tile_lat <= north}
           for layer, features in (("map_features", town.points), ("traffic_signs", town.signs))}}


def assert_same_rows(layer: str, found: List[Tuple[Dict[str, Any], Any]], rows: Rows) -> None:
    """The same rows, in whatever order: a format may have one of its own."""
    assert len(found) == len(rows) > 10, layer
    for fields, place in found:
        true_fields, true_place = rows[fields["id"]]
        assert fields == pytest.approx(true_fields, rel=1e-12, abs=0)
        if layer == "sequences":  # some formats tell a single line from several
            lines = (place,) if isinstance(place[0][0], float) else place
            assert pixel_lines(lines) == true_place
        else:
            assert is_close(place, true_place), (layer, fields)


def read_back(path: Path, layer: str) -> List[Tuple[Dict[str, Any], Any]]:
    source = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    return [(one.fields, one.shape) for one in map(plain, source.GetLayerByName(layer))]


def quiet(done) -> bool:
    """The command succeeded without a word."""
    return (done.code, done.text) == (0, "")


# ---- Which layers -----------------------------------------------------------------------------


def test_four_layers_are_listed_in_their_order(service):
    dataset = Layer("images", **at(service)).dataset

    assert dataset.GetLayerCount() == 4
    assert tuple(dataset.GetLayer(i).GetName() for i in range(4)) == LISTED
    assert service.requests == []


@pytest.mark.parametrize("index", (-1, 4, 5, 1000))
def test_there_is_no_layer_beyond_them(service, index):
    dataset = Layer("images", **at(service)).dataset

    with listening():
        assert dataset.GetLayer(index) is None


@pytest.mark.parametrize("spell", (str, str.upper, str.title))
@pytest.mark.parametrize("name", LISTED + BY_NAME)
def test_every_layer_is_found_by_its_name_however_spelled(service, name, spell):
    dataset = Layer("images", **at(service)).dataset

    assert dataset.GetLayerByName(spell(name)).GetName() == name


@pytest.mark.parametrize("name", ("image", "", "images ", "mly1_public"))
def test_other_names_are_none(service, name):
    dataset = Layer("images", **at(service)).dataset

    with listening() as heard:
        assert dataset.GetLayerByName(name) is None
    assert heard == Heard()


def test_layers_by_name_do_not_change_what_is_listed(service):
    dataset = Layer("detections", **at(service)).dataset

    assert dataset.GetLayerByName("overview") is not None
    assert dataset.GetLayerCount() == 4


@pytest.mark.parametrize("name", LISTED + BY_NAME)
def test_a_layer_says_what_it_is_whose_it_is_and_where_to_look(service, name):
    opened = Layer(name, **at(service))
    metadata = opened.layer.GetMetadata()

    assert metadata["DESCRIPTION"] and "Mapillary" in metadata["ATTRIBUTION"]
    assert "CC BY-SA 4.0" in metadata["LICENSE"]
    fields = {field for field, _, _ in schema(opened.layer)}
    if name in ("map_features", "traffic_signs"):
        assert "VIEWER_URL" not in metadata
    else:
        start, _, rest = metadata["VIEWER_URL"].partition("{")
        assert start == "https://www.mapillary.com/app/?pKey="
        assert rest.partition("}")[0] in fields and rest.endswith("}")
    assert service.requests == []


@pytest.mark.parametrize("name", LISTED + ("overview",))
def test_positions_are_longitude_first_in_epsg_4326_and_the_extent_is_the_world(service, name):
    opened = Layer(name, **at(service))
    reference = opened.layer.GetSpatialRef()

    assert (reference.GetAuthorityName(None), reference.GetAuthorityCode(None)) == ("EPSG", "4326")
    assert reference.GetDataAxisToSRSAxisMapping() == [2, 1]
    west, east, south, north = opened.layer.GetExtent()
    assert (west, east) == (-180, 180)
    assert -south == north == pytest.approx(85.0511287798, abs=1e-9)
    assert service.requests == []


@pytest.mark.parametrize("name", LISTED + BY_NAME)
def test_a_layer_can_what_it_says(service, name):
    opened = Layer(name, **at(service))

    for capability in (ogr.OLCStringsAsUTF8, ogr.OLCIgnoreFields, ogr.OLCFastGetExtent):
        assert opened.layer.TestCapability(capability), capability
    for capability in (ogr.OLCSequentialWrite, ogr.OLCRandomWrite, ogr.OLCDeleteFeature, ogr.OLCFastFeatureCount,
                       ogr.OLCFastSetNextByIndex, ogr.OLCCreateField):
        assert not opened.layer.TestCapability(capability), capability


@pytest.mark.parametrize("name", LISTED + BY_NAME)
def test_times_are_utc_where_the_schema_can_say_so(service, name):
    opened = Layer(name, **at(service))
    definition = opened.layer.GetLayerDefn()
    times = [field for field in map(definition.GetFieldDefn, range(definition.GetFieldCount()))
             if field.GetType() == ogr.OFTDateTime]

    assert times
    for field in times:
        assert field.GetAlternativeName().endswith("(UTC)")
        if hasattr(field, "GetTZFlag"):
            assert field.GetTZFlag() == 100


# ---- All of it at once --------------------------------------------------------------------------


def test_a_conversion_of_the_dataset_makes_a_geopackage_of_four_layers(run, service, expected, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "-spat", *AREA)

    assert quiet(done), done.text
    written = gdal.OpenEx(str(tmp_path / "out.gpkg"))
    assert [written.GetLayer(i).GetName() for i in range(written.GetLayerCount())] == list(LISTED)
    assert [written.GetLayer(i).GetGeomType() for i in range(4)] == [
        ogr.wkbPoint, ogr.wkbMultiLineString, ogr.wkbPoint, ogr.wkbPoint]
    for i, layer in enumerate(LISTED):
        source = Layer(layer, **at(service))
        assert schema(written.GetLayer(i)) == schema(source.layer)
        assert_same_rows(layer, read_back(tmp_path / "out.gpkg", layer), expected[layer])


def test_a_conversion_keeps_the_order_of_rows(run, service, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "-spat", *AREA)

    assert quiet(done), done.text
    for layer in LISTED:
        found = [fields["id"] for fields, _ in read_back(tmp_path / "out.gpkg", layer)]
        assert found == [row.fields["id"] for row in Layer(layer, **at(service)).within(AREA).rows()]


def test_a_conversion_asks_for_each_tile_once_for_each_layer(run, service, tiles, town):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "map_features", "traffic_signs", "-spat", *AREA)

    assert quiet(done), done.text
    cells = Expected(town, Pieces(tiles), corners(AREA)).cells
    assert_each_once(service.requests, in_plan_order((tileset, 14, x, y) for tileset in (POINTS, SIGNS)
                                                     for x, y in cells))


def test_a_conversion_without_a_bound_fails_before_the_first_request(run, service):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:")

    assert done.code != 0 and "-spat" in done.err
    assert service.requests == []


def test_one_layer_that_fails_fails_the_conversion(run, service):
    service.fault(503, match=lambda request: request.tileset == SIGNS, times=None)

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "-spat", *AREA)

    assert done.code != 0 and SIGNS in done.err


# ---- Formats --------------------------------------------------------------------------------------


def test_shapefiles_keep_days_and_ten_letters_of_a_name(run, service, expected, tmp_path):
    done = run("ogr2ogr", "-f", "ESRI Shapefile", "out", "MAPILLARY:", "-spat", *AREA)

    assert done.code == 0, done.text
    assert {path.stem for path in (tmp_path / "out").glob("*.shp")} == set(LISTED)
    for layer in LISTED:
        source = Layer(layer, **at(service))
        types = {name: kind for name, kind, _ in schema(source.layer)}
        names = {name[:10]: name for name in types}
        shapefile = ogr.Open(str(tmp_path / "out" / f"{layer}.shp"))
        found = []
        for feature in shapefile.GetLayer(0):
            fields = {}
            for i in range(feature.GetFieldCount()):
                name = names[feature.GetFieldDefnRef(i).GetName()]
                value = feature.GetField(i) if feature.IsFieldSetAndNotNull(i) else None
                if types[name] == ogr.OFTDateTime and value is not None:
                    value = day_of(value)
                fields[name] = value
            found.append((fields, shape(feature.geometry())))
        days = {key: ({name: value // MS_OF_DAY if types[name] == ogr.OFTDateTime and value else value
                       for name, value in fields.items()}, place)
                for key, (fields, place) in expected[layer].items()}
        assert_same_rows(layer, found, days)


def day_of(text: str) -> int:
    """2023/07/01 as days since 1970. Newer GDALs keep the hours, as text: 2023-07-01T12:00:00Z."""
    day = text.partition("T")[0].replace("-", "/")
    return int(datetime.strptime(day, "%Y/%m/%d").replace(tzinfo=timezone.utc).timestamp()) // 86_400


@pytest.mark.parametrize("layer", LISTED)
def test_geojson_holds_one_layer_at_a_time(run, service, expected, tmp_path, layer):
    done = run("ogr2ogr", "out.geojson", "MAPILLARY:", layer, "-spat", *AREA)

    assert quiet(done), done.text
    document = json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))
    source = Layer(layer, **at(service))
    times = [name for name, kind, _ in schema(source.layer) if kind == ogr.OFTDateTime]
    found = []
    for item in document["features"]:
        fields = dict(item["properties"])
        for name in times:
            fields[name] = fields[name] and iso_ms(fields[name])
        found.append((fields, item["geometry"]["coordinates"]))
    assert_same_rows(layer, found, expected[layer])


def test_csv_files_have_every_digit(run, service, expected, tmp_path):
    done = run("ogr2ogr", "-f", "CSV", "out", "MAPILLARY:", "-spat", *AREA, "-lco", "GEOMETRY=AS_WKT")

    assert quiet(done), done.text
    assert {path.stem for path in (tmp_path / "out").iterdir()} == set(LISTED)
    for layer in LISTED:
        source = Layer(layer, **at(service))
        types = {name: (kind, sub) for name, kind, sub in schema(source.layer)}
        with open(tmp_path / "out" / f"{layer}.csv", newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
        found = [({name: typed(record[name], *types[name]) for name in types},
                  shape(ogr.CreateGeometryFromWkt(record["WKT"]))) for record in records]
        assert_same_rows(layer, found, expected[layer])


def typed(text: str, kind: int, sub: int) -> Any:
    """A value of a CSV file as the layer has it."""
    if text == "":
        return None
    if kind == ogr.OFTDateTime:
        day, _, fraction = text.removesuffix("+00").partition(".")
        return iso_ms(day.replace("/", "-").replace(" ", "T") + "." + fraction.ljust(6, "0") + "Z")
    if sub == ogr.OFSTBoolean:
        return {"0": False, "1": True}[text]
    return {ogr.OFTInteger64: int, ogr.OFTReal: float, ogr.OFTString: str}[kind](text)


def test_flatgeobuf_files_hold_all_layers(run, expected, tmp_path):
    done = run("ogr2ogr", "-f", "FlatGeobuf", "out", "MAPILLARY:", "-spat", *AREA)

    assert quiet(done), done.text
    assert {path.stem for path in (tmp_path / "out").iterdir()} == set(LISTED)
    for layer in LISTED:
        assert_same_rows(layer, read_back(tmp_path / "out" / f"{layer}.fgb", layer), expected[layer])


def test_pmtiles_hold_every_id(run, expected, tmp_path):
    driver = gdal.GetDriverByName("PMTiles")
    if driver is None or driver.GetMetadataItem("DCAP_CREATE") != "YES":
        pytest.skip("this GDAL does not write PMTiles")

    done = run("ogr2ogr", "out.pmtiles", "MAPILLARY:", "-spat", *AREA, "-dsco", "MINZOOM=14", "-dsco", "MAXZOOM=14",
               "-dsco", "MAX_FEATURES=1000000", "-dsco", "MAX_SIZE=100000000")

    assert done.code == 0, done.text
    written = gdal.OpenEx(str(tmp_path / "out.pmtiles"), gdal.OF_VECTOR)
    assert {written.GetLayer(i).GetName() for i in range(written.GetLayerCount())} == set(LISTED)
    for layer in LISTED:
        found = {feature.GetField("id") for feature in written.GetLayerByName(layer)}
        assert found == set(expected[layer])


# ---- Side by side -----------------------------------------------------------------------------------


def test_two_layers_can_be_read_in_turn(service):
    alone = {name: Layer(name, **at(service)).within(AREA).rows() for name in LISTED}
    dataset = Layer("images", CONNECTIONS=2, **at(service)).dataset
    layers = {name: dataset.GetLayerByName(name) for name in LISTED}
    for layer in layers.values():
        layer.SetSpatialFilterRect(*AREA)

    found: Dict[str, List[Seen]] = {name: [] for name in LISTED}
    unfinished = list(LISTED)
    while unfinished:
        for name in list(unfinished):
            feature = layers[name].GetNextFeature()
            if feature:
                found[name].append(plain(feature))
            else:
                unfinished.remove(name)

    assert found == alone


def test_a_layer_read_to_its_end_does_not_end_another(service):
    dataset = Layer("images", **at(service)).dataset
    images, signs = dataset.GetLayerByName("images"), dataset.GetLayerByName("traffic_signs")
    for layer in (images, signs):
        layer.SetSpatialFilterRect(*AREA)
    first = plain(images.GetNextFeature())

    n_signs = sum(1 for _ in iter(signs.GetNextFeature, None))
    rest = [plain(feature) for feature in iter(images.GetNextFeature, None)]

    assert n_signs == len(Layer("traffic_signs", **at(service)).within(AREA).rows())
    assert [first, *rest] == Layer("images", **at(service)).within(AREA).rows()


def test_filters_belong_to_one_layer(service):
    dataset = Layer("images", **at(service)).dataset
    points, signs = dataset.GetLayerByName("map_features"), dataset.GetLayerByName("traffic_signs")
    points.SetSpatialFilterRect(*AREA)
    points.SetAttributeFilter("value = 'object--bench'")
    signs.SetSpatialFilterRect(*AREA)

    assert {feature.GetField("value") for feature in points} == {"object--bench"}
    assert len({feature.GetField("value") for feature in signs}) > 5


# ---- ogrinfo ----------------------------------------------------------------------------------------


def test_ogrinfo_lists_the_four_layers_without_a_request(run, service):
    done = run("ogrinfo", "-ro", "MAPILLARY:")

    assert (done.code, done.err) == (0, "")
    lines = [line for line in done.out.splitlines() if line[:2] in ("1:", "2:", "3:", "4:", "5:")]
    assert lines == ["1: images (Point)", "2: sequences (Multi Line String)", "3: map_features (Point)",
                     "4: traffic_signs (Point)"]
    assert service.requests == []


def test_a_summary_of_everything_makes_no_request(run, service):
    done = run("ogrinfo", "-ro", "-so", "-al", "MAPILLARY:")

    assert (done.code, done.err) == (0, "")
    assert done.out.count("Feature Count: -1") == 4
    assert done.out.count("ATTRIBUTION=© Mapillary") == 4
    assert service.requests == []


@pytest.mark.parametrize("sql, layer, keep", [
    ("SELECT * FROM sequences WHERE is_pano = 1", "sequences", lambda fields: fields["is_pano"]),
    ("SELECT id, value FROM traffic_signs WHERE value LIKE 'regulatory--%'", "traffic_signs",
     lambda fields: fields["value"].startswith("regulatory--")),
    ("SELECT * FROM map_features", "map_features", lambda fields: True),
])
def test_a_summary_of_a_bounded_statement_counts_its_rows(run, expected, sql, layer, keep):
    done = run("ogrinfo", "-ro", "-so", "MAPILLARY:", "-spat", *AREA, "-sql", sql)

    assert (done.code, done.err) == (0, "")
    count = sum(bool(keep(fields)) for fields, _ in expected[layer].values())
    assert count > 0 and f"Feature Count: {count}\n" in done.out


def test_a_summary_of_the_overview_counts_the_world(run, service):
    done = run("ogrinfo", "-ro", "-so", "MAPILLARY:", "OverView")

    assert (done.code, done.err) == (0, "")
    assert "Layer name: overview" in done.out and "Feature Count: 1\n" in done.out
    assert len(service.requests) == 1


def test_detections_can_be_converted_by_name(run, town, tmp_path):
    image = max(town.images, key=lambda image: len(town.truth_detections_of_image(image.id)))

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "Detections", "-where", f"image_id = {image.id}")

    assert done.code == 0, done.text
    written = gdal.OpenEx(str(tmp_path / "out.gpkg"))
    assert written.GetLayerCount() == 1
    assert [feature.GetField("id") for feature in written.GetLayer(0)] == [
        each.id for each in town.truth_detections_of_image(image.id)]
