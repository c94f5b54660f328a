# SPDX-License-Identifier: MIT
"""Arrow streams: the rows of a layer as columns, the same as features say and as GDAL itself makes columns of those."""
from __future__ import annotations

import errno
import gc
import random
import sys
import time
from typing import Any, Callable, Dict, Iterator, List

import mvt
import pytest
from mvt import Value
from osgeo import gdal, ogr

import arrow_stream
from arrow_stream import Failed, Stream, Table, moved, release
import features
from features import at, listed, plain
from pieces import fnv
from reading import GDAL_VERSION, Heard, cover, grown, in_plan_order, listening, polygon, tile_box
from town import ORIGINAL

BOX = (8.5470, 50.0160, 8.5530, 50.0225)  # some hundred images
WIDE = (8.538, 50.010, 8.562, 50.027)
PLACE = "8.5495,50.0201"
TRIANGLE = polygon([(8.5470, 50.0160), (8.5500, 50.0160), (8.5485, 50.0185)])

FID = "OGC_FID"
SHAPE = "wkb_geometry"
BASE = "OGR_MAPILLARY_STREAM_BASE_IMPL"


_open: List[features.Layer] = []


class Layer(features.Layer):
    """As ever, but it stays open until the end of the test: layers end with their dataset."""

    def __init__(self, layer: str, name: str = "MAPILLARY:", **options: object) -> None:
        super().__init__(layer, name, **options)
        _open.append(self)


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    yield
    _open.clear()


def opened(name: str, box=BOX, **options: object) -> Callable[[Any, Any], Layer]:
    """How to open a layer of the town's service."""
    return lambda service, town: Layer(name, **at(service), **options).within(box)


def where(sql: str, name: str = "images", box=BOX) -> Callable[[Any, Any], Layer]:
    return lambda service, town: Layer(name, **at(service)).within(box).where(sql)


def detections(service, town) -> Layer:
    ids = [image.id for image in town.images if town.truth_detections_of_image(image.id)][:40]
    return Layer("detections", **at(service)).where(f"image_id IN ({listed(ids)})")


def by_ids(service, town) -> Layer:
    return Layer("images", FIELDS="make", **at(service)).where(
        f"id IN ({listed(image.id for image in town.images[:70])})")


def by_sequence(service, town) -> Layer:
    return Layer("images", **at(service)).where(f"sequence_id = '{town.images[0].sequence_id}'")


def ignoring(*names: str, sql: str = "", name: str = "images", **options: object) -> Callable[[Any, Any], Layer]:
    def call(service, town) -> Layer:
        layer = Layer(name, **at(service), **options).within(BOX).ignoring(*names)
        return layer.where(sql) if sql else layer

    return call


# Every layer, every way to its rows, every kind of filter.
READS: Dict[str, Callable[[Any, Any], Layer]] = {
    "images": opened("images"),
    "images of whole tiles": opened("images", tile_box(8580, 5554)),
    "images, computed": opened("images", GEOMETRY="COMPUTED"),
    "images, exact": opened("images", PRECISION="EXACT"),
    "images with all fields": opened("images", FIELDS="ALL"),
    "images in a polygon": lambda service, town: Layer("images", **at(service)).touching(TRIANGLE),
    "images in an area of interest": lambda service, town: Layer("images", AOI=TRIANGLE, **at(service)),
    "images near": lambda service, town: Layer("images", NEAR=PLACE, RADIUS=150, **at(service)),
    "images looking at": lambda service, town: Layer("images", LOOKING_AT=PLACE, RADIUS=150, **at(service)),
    "images by id": by_ids,
    "images by sequence": by_sequence,
    "images none": where("captured_at < '1990/01/01'"),
    "sequences": opened("sequences"),
    "sequences with all fields": opened("sequences", FIELDS="ALL"),
    "sequences of an area": opened("sequences", STITCH="AREA"),
    "sequences in pieces": opened("sequences", STITCH="NO"),
    "sequences, generalised": opened("sequences", ZOOM=10),
    "map_features": opened("map_features", WIDE),
    "map_features with all fields": opened("map_features", WIDE, FIELDS="ALL"),
    "traffic_signs": opened("traffic_signs", WIDE),
    "detections": detections,
    "overview": opened("overview", (8.4, 49.9, 8.7, 50.1)),
    "tiles": opened("tiles", WIDE),
    # that the core decides
    "whole numbers": where("creator_id > 0 AND organization_id IS NULL"),
    "booleans": where("is_pano = 1"),
    "reals": where("compass_angle BETWEEN 90 AND 270 OR quality_score IS NULL"),
    "dates": where("captured_at >= '2019/03/01' AND captured_at < '2022/01/01 12:00:00'"),
    "everything": where("1 = 1"),
    # that OGR has to
    "no NULLs": where("NOT (quality_score > 0.5)"),
    "texts": where("sequence_id < 'm'"),
    "patterns": where("sequence_id LIKE '%a%' OR is_pano = 1"),
    "a moment": where("captured_at <> '2019/03/01 10:00:00'"),
    "fids": where("FID > 0 AND SUBSTR(sequence_id, 1, 1) < 'n'"),
    "shapes": where("OGR_GEOM_WKT LIKE 'POINT (8.54%'"),
    "sequences that OGR picks": where("id LIKE '%a%' AND is_pano = 0", "sequences"),
    "sequences by area": where("OGR_GEOM_WKT LIKE '%9%'", "sequences"),
    "ids in capitals": where("value LIKE 'OBJECT%' OR value LIKE 'object--m%'", "map_features", WIDE),
    # what is ignored
    "no geometry": ignoring("OGR_GEOMETRY"),
    "no geometry, but for the filter": ignoring("OGR_GEOMETRY", sql="OGR_GEOM_WKT LIKE 'POINT (8.54%'"),
    "few fields": ignoring("captured_at", "is_pano", "sequence_id"),
    "few fields, but for the filter": ignoring("captured_at", "sequence_id", sql="sequence_id < 'm'"),
    "fields that the Graph has": ignoring("make", "id", FIELDS="make,altitude"),
    "sequences without geometry": ignoring("OGR_GEOMETRY", "image_id", name="sequences"),
    "nothing but the fid": ignoring("OGR_GEOMETRY", "id", "captured_at", "compass_angle", "sequence_id", "is_pano",
                                    "organization_id", "creator_id", "quality_score"),
}


def by_features(layer: ogr.Layer) -> Dict[str, List[Any]]:
    """The columns that the features make, one after another."""
    definition = layer.GetLayerDefn()
    fields = map(definition.GetFieldDefn, range(definition.GetFieldCount()))
    names = [field.GetName() for field in fields if not field.IsIgnored()]
    columns: Dict[str, List[Any]] = {name: [] for name in (FID, *names)}
    if not definition.IsGeometryIgnored():
        columns[SHAPE] = []
    layer.ResetReading()
    for feature in iter(layer.GetNextFeature, None):
        row = plain(feature)
        geometry = feature.geometry()
        shape = None if geometry is None else bytes(geometry.ExportToIsoWkb(ogr.wkbNDR))
        for name, column in columns.items():
            column.append(row.fid if name == FID else shape if name == SHAPE else row.fields[name])
    return columns


def by_gdal(layer: ogr.Layer, **options: object) -> Table:
    """The columns that GDAL makes of the features."""
    gdal.SetConfigOption(BASE, "YES")
    try:
        return arrow_stream.read(layer, **options)
    finally:
        gdal.SetConfigOption(BASE, None)


def read(layer: ogr.Layer, **options: object) -> Table:
    """The columns of a read without a word."""
    with listening() as heard:
        found = arrow_stream.read(layer, **options)
    assert heard == Heard()
    return found


# ---- The same rows every way ------------------------------------------------------------------------


@pytest.mark.parametrize("name", READS)
def test_columns_hold_what_features_say_and_what_gdal_makes_of_them(service, town, name):
    layer = READS[name](service, town)

    found = read(layer.layer)

    expected = by_features(layer.layer)
    assert list(found.columns) == list(expected)
    assert found.columns == expected
    of_gdal = by_gdal(layer.layer)
    assert found.schema == of_gdal.schema
    assert found.columns == of_gdal.columns
    assert bool(found.columns[FID]) == (name != "images none")


def test_a_time_has_its_zone_where_gdal_has_it(service):
    with Stream(opened("images")(service, None).layer) as stream:
        columns = {column.name: column for column in stream.schema()}

    assert columns["captured_at"].format == ("tsm:UTC" if GDAL_VERSION >= (3, 8) else "tsm:")
    assert [columns[name].format for name in ("id", "is_pano", "compass_angle", "sequence_id", SHAPE)] == list("lbguz")


def test_the_capability_is_announced_for_every_layer(service):
    for name in ("images", "sequences", "map_features", "traffic_signs", "detections", "overview", "tiles"):
        assert Layer(name, **at(service)).layer.TestCapability("FastGetArrowStream")
    assert service.requests == []


@pytest.mark.parametrize("size", [1, 7, 100, 65536, 10 ** 9, 0, -5])
def test_batches_have_as_many_rows_as_asked_for(service, size):
    layer = opened("images")(service, None).layer
    whole = read(layer)
    n = len(whole.columns["id"])
    assert 100 < n < 65536 and whole.lengths == [n]

    found = read(layer, MAX_FEATURES_IN_BATCH=size)

    size = max(1, size)
    assert found.lengths == [size] * (n // size) + ([n % size] if n % size else [])
    assert found.columns == whole.columns


def test_the_fid_can_be_left_out(service):
    layer = opened("images")(service, None).layer
    whole = read(layer, INCLUDE_FID="YES").columns

    found = read(layer, INCLUDE_FID="NO").columns

    assert whole.pop(FID) == whole["id"]
    assert found == whole


def test_with_no_column_at_all_the_rows_are_still_counted(service, town):
    layer = READS["nothing but the fid"](service, town).layer

    assert sum(read(layer, INCLUDE_FID="NO").lengths) == len(by_features(layer)[FID])


def test_options_that_gdal_does_not_know_make_no_difference(service):
    layer = opened("images")(service, None).layer

    assert read(layer, GEOMETRY_ENCODING="WKB", NO_SUCH_OPTION="1") == read(layer)


@pytest.mark.skipif(GDAL_VERSION < (3, 11), reason="GDAL has no such option")
def test_times_as_texts_are_as_gdal_writes_them(service):
    layer = opened("images")(service, None).layer

    assert read(layer, DATETIME_AS_STRING="YES") == by_gdal(layer, DATETIME_AS_STRING="YES")


# ---- Values -----------------------------------------------------------------------------------------

TILE = (ORIGINAL, 14, 8580, 5554)
INSIDE = grown(tile_box(8580, 5554), -1e-6)
TEXTS = ["7 bytes", "8 bytes.", "9 bytes..", "a" * 40, "é", "1234567é", "Žluťoučký 🐎", "cut\0here", "\0", "8 bytes\0",
         "x" * 5000]


def hand_made(service, *features: Dict[str, Any]) -> Layer:
    """The images of one tile."""
    service.tiles = {TILE: mvt.encode([mvt.Layer("image", [
        mvt.point(100 + n % 4000, 200 + n // 4000, attributes) for n, attributes in enumerate(features)])])}
    return Layer("images", **at(service)).within(INSIDE)


def assert_all_agree(layer: ogr.Layer, **options: object) -> Table:
    found = read(layer, **options)
    assert found.columns == by_features(layer)
    assert found == by_gdal(layer, **options)
    return found


def test_texts_are_utf_8_and_end_where_features_end_them(service):
    layer = hand_made(service, *({"id": n + 1, "sequence_id": text} for n, text in enumerate(TEXTS)))

    found = assert_all_agree(layer.layer)

    assert found.columns["sequence_id"] == [text.split("\0")[0] for text in TEXTS]


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_whatever_is_missing_is_null_and_nothing_else_is(service, size):
    chance = random.Random(size)
    whole = {"captured_at": 1_688_212_800_123, "compass_angle": 0.1, "sequence_id": "s", "is_pano": True,
             "organization_id": 7, "creator_id": 2 ** 53 + 1, "quality_score": 1.0}
    features = [{"id": n + 1, **{name: value for name, value in whole.items() if chance.random() < 0.6}}
                for n in range(300)]
    layer = hand_made(service, *features, {}, {"id": Value.string("none"), **whole})

    found = assert_all_agree(layer.layer, MAX_FEATURES_IN_BATCH=size)

    for name in whole:
        assert found.columns[name][:-2] == [feature.get(name) for feature in features]
    assert found.columns["id"][-2:] == [None, None] and found.columns[FID][-2:] == [-1, -1]


def test_a_row_without_a_value_at_all_is_one_of_nulls(service):
    found = assert_all_agree(hand_made(service, {}).layer).columns

    assert found.pop(FID) == [-1] and len(found.pop(SHAPE)[0]) == 21
    assert set(map(tuple, found.values())) == {(None,)}


def test_batches_of_large_rows_are_shorter(service):
    long = "x" * 1_000_000
    layer = hand_made(service, *({"id": n + 1, "sequence_id": long} for n in range(40)))

    found = read(layer.layer)

    assert found.lengths == [17, 17, 6]  # 16 MB each
    assert found.columns["id"] == list(range(1, 41)) and set(found.columns["sequence_id"]) == {long}


def test_many_rows_go_by_gdals_number_or_all_in_one(service):
    body = mvt.encode([mvt.Layer("image", [
        mvt.point(n + 9, n + 9, {"id": n + 1, "sequence_id": f"{n:022}", **({"is_pano": n % 2 == 0} if n % 3 else {})})
        for n in range(3000)])])
    places = in_plan_order((ORIGINAL, 14, x, y) for x in range(8580, 8586) for y in range(5552, 5556))
    service.tiles = dict.fromkeys(places, body)
    layer = Layer("images", **at(service)).within(grown(
        (tile_box(8580, 5555)[0], tile_box(8580, 5555)[1], tile_box(8585, 5552)[2], tile_box(8585, 5552)[3]), -1e-6))

    by_number = read(layer.layer)
    in_one = read(layer.layer, MAX_FEATURES_IN_BATCH=200_000)

    assert by_number.lengths == [65536, 72000 - 65536] and in_one.lengths == [72000]
    assert by_number.columns == in_one.columns
    assert in_one.columns["id"] == 24 * list(range(1, 3001))
    assert in_one.columns["sequence_id"] == 24 * [f"{n:022}" for n in range(3000)]
    assert in_one.columns["is_pano"] == 24 * [n % 2 == 0 if n % 3 else None for n in range(3000)]


def test_batches_of_nothing_but_numbers_end_too_however_many_rows_are_asked_for(service):
    body = mvt.encode([mvt.Layer("image", [
        mvt.point(9 + n % 4000, 9 + n // 4000, {"id": n + 1}) for n in range(44_000)])])
    service.tiles = {(ORIGINAL, 14, x, y): body for x in range(8580, 8582) for y in range(5552, 5555)}
    box = (*tile_box(8580, 5554)[:2], *tile_box(8581, 5552)[2:])
    layer = Layer("images", **at(service)).within(grown(box, -1e-6)).ignoring(
        "OGR_GEOMETRY", "captured_at", "compass_angle", "sequence_id", "is_pano", "organization_id", "creator_id",
        "quality_score")

    found = read(layer.layer, MAX_FEATURES_IN_BATCH=4_000_000_000, INCLUDE_FID="NO")

    assert found.lengths == [262_144, 6 * 44_000 - 262_144]
    assert found.columns["id"] == 6 * list(range(1, 44_001))


def test_numpy_gets_the_same(service):
    numpy = pytest.importorskip("numpy")
    layer = opened("images")(service, None).layer
    expected = by_features(layer)

    batches = list(layer.GetArrowStreamAsNumPy(options=["USE_MASKED_ARRAYS=NO", "MAX_FEATURES_IN_BATCH=50"]))

    assert len(batches) == -(-len(expected["id"]) // 50)
    assert [n for batch in batches for n in batch[FID].tolist()] == expected[FID]
    assert [bytes(wkb) for batch in batches for wkb in batch[SHAPE]] == expected[SHAPE]
    for batch in batches:
        assert batch["captured_at"].dtype == numpy.dtype("datetime64[ms]")


# ---- Requests ---------------------------------------------------------------------------------------


def tiles_of(service) -> List[Any]:
    return sorted(service.tiles_asked())


def test_a_stream_asks_for_the_tiles_of_its_area_once(service):
    layer = opened("images")(service, None).layer
    with Stream(layer) as stream:
        stream.schema()
        assert service.requests == []

    read(layer)

    assert tiles_of(service) == sorted(cover(BOX)) and len(service.requests) == len(cover(BOX))


def test_ignored_fields_are_not_asked_for(service, town):
    read(ignoring("make", FIELDS="make")(service, town).layer)

    assert {request.kind for request in service.requests} == {"tile"}


def test_ids_are_asked_for_together(service, town):
    ids = [image.id for image in town.images[:120]]
    layer = Layer("images", **at(service)).where(f"FID IN ({listed(ids)})").layer

    assert read(layer).columns["id"] == ids
    assert len(service.requests) == 3


COLUMNS, ROWS = range(8580, 8584), range(5552, 5555)
BLOCK = in_plan_order((ORIGINAL, 14, x, y) for x in COLUMNS for y in ROWS)
AROUND = grown((tile_box(8580, 5554)[0], tile_box(8580, 5554)[1], tile_box(8583, 5552)[2], tile_box(8583, 5552)[3]),
               -1e-6)


@pytest.fixture
def block(service):
    """Twelve tiles with three images each, numbered from 1 in the order of a plan."""
    service.tiles = {tile: mvt.encode([mvt.Layer("image", [
        mvt.point(1000 + n, 2000 - n, {"id": 3 * i + n, "sequence_id": "s"}) for n in (1, 2, 3)])])
        for i, tile in enumerate(BLOCK)}
    return service


def of_block(service, **options: object) -> ogr.Layer:
    return Layer("images", **at(service), **options).within(AROUND).layer


def wait_until(true: Callable[[], bool]) -> None:
    """For what happens in another thread, soon or the test has failed."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def test_whoever_releases_a_stream_stops_the_requests(block):
    block.fault("hang", match=lambda request: request.tile != BLOCK[0], times=None)
    layer = of_block(block, CONNECTIONS=2)
    stream = Stream(layer, MAX_FEATURES_IN_BATCH=1)

    release(stream.next())
    wait_until(lambda: block.in_flight > 0)
    stream.release()

    wait_until(lambda: block.in_flight == 0)
    assert len(block.requests) < len(BLOCK)


def test_after_a_release_features_and_streams_begin_at_the_first_row(block):
    layer = of_block(block)
    with Stream(layer, MAX_FEATURES_IN_BATCH=5) as stream:
        release(stream.next())

    assert layer.GetNextFeature().GetFID() == 1
    layer.ResetReading()
    assert read(layer).columns["id"] == list(range(1, 37))


def test_features_in_between_are_missing_from_the_stream_and_no_others(block):
    layer = of_block(block)
    with Stream(layer, MAX_FEATURES_IN_BATCH=10) as stream:
        schema = stream.schema()
        batch = stream.next()
        assert arrow_stream.table(schema, batch)["id"] == list(range(1, 11))
        release(batch)
        assert layer.GetNextFeature().GetFID() == 11
        batch = stream.next()
        assert arrow_stream.table(schema, batch)["id"] == list(range(12, 22))
        release(batch)


def test_features_in_between_come_first_where_long_texts_end_batches(service):
    layer = hand_made(service, *({"id": n + 1, "sequence_id": f"{n:03}" + "x" * 1_000_000} for n in range(60))).layer
    with Stream(layer) as stream:
        schema = stream.schema()
        seen = []
        while batch := stream.next():
            seen += arrow_stream.table(schema, batch)["id"]
            release(batch)
            seen += [feature.GetFID() for feature in (layer.GetNextFeature() for _ in range(3)) if feature]

    assert seen == list(range(1, 61))


def test_a_filter_holds_numbers_to_the_last_digit_whether_a_date_is_there_or_not(service):
    number = 0.12345678901234568
    layer = hand_made(service, {"id": 1, "quality_score": number, "captured_at": 1_500_000_000_000},
                      {"id": 2, "quality_score": number}).layer
    for where in (f"quality_score = {number!r}", f"quality_score = {number!r} AND CAST(id AS character(10)) <> 'x'",
                  f"quality_score = {number!r} AND (captured_at IS NULL OR captured_at > '2000/01/01')"):
        layer.SetAttributeFilter(where)
        assert assert_all_agree(layer).columns["id"] == [1, 2], where


def test_booleans_are_held_against_real_numbers_as_gdal_does(service):
    layer = hand_made(service, *({"id": n + 1, "is_pano": n % 2 == 0} for n in range(6))).layer
    memory = ogr.GetDriverByName("Memory").CreateDataSource("")
    kept = memory.CopyLayer(layer, "images")
    for where in ("is_pano BETWEEN 0.5 AND 1", "is_pano BETWEEN 1 AND 1.5", "is_pano IN (0.5, 1)",
                  "is_pano IN (1, 0.5)", "NOT is_pano IN (0.5, 1)", "is_pano > 0.5"):
        layer.SetAttributeFilter(where)
        kept.SetAttributeFilter(where)
        found = assert_all_agree(layer)
        assert found.columns.get("id", []) == [feature["id"] for feature in kept], where


def test_fields_that_are_ignored_on_the_way_start_the_read_over_without_them(block):
    layer = of_block(block)
    with Stream(layer, MAX_FEATURES_IN_BATCH=10) as stream:
        release(stream.next())
        layer.SetIgnoredFields(["captured_at", "is_pano"])
        schema = stream.schema()
        batch = stream.next()
        found = arrow_stream.table(schema, batch)
        release(batch)

    assert found["id"] == list(range(1, 11))
    assert not found.keys() & {"captured_at", "is_pano"}


def test_features_by_fid_do_not_disturb_a_stream(service):
    layer = opened("sequences")(service, None).layer
    whole = read(layer)

    with Stream(layer, MAX_FEATURES_IN_BATCH=1) as stream:
        found = []
        for batch in iter(stream.next, None):
            found += arrow_stream.table(whole.schema, batch)["id"]
            release(batch)
            assert layer.GetFeature(fnv(found[-1])).GetField("id") == found[-1]

    assert found == whole.columns["id"]


def test_one_stream_at_a_time(block):
    layer = of_block(block)
    with Stream(layer), listening() as heard:
        with pytest.raises(Failed, match="in progress"):
            Stream(layer)
    assert len(heard.errors) == 1
    assert read(layer).columns["id"] == list(range(1, 37))


# ---- Errors -----------------------------------------------------------------------------------------


@pytest.fixture(params=["NO", "YES"], ids=["own", "of GDAL"])
def whose(request) -> Iterator[str]:
    """Both ways of making columns."""
    gdal.SetConfigOption(BASE, request.param)
    yield request.param
    gdal.SetConfigOption(BASE, None)


@pytest.mark.parametrize("size", [4, 65536])
def test_a_read_that_fails_on_the_way_is_an_error_and_no_end(block, whose, size):
    block.fault(404, match=BLOCK[5], times=None, body=b"no", type="text/html")
    block.fault(400, match=BLOCK[6], times=None)
    layer = of_block(block, CONNECTIONS=1)
    found: List[int] = []

    with Stream(layer, MAX_FEATURES_IN_BATCH=size) as stream, listening() as heard:
        schema = stream.schema()
        with pytest.raises(Failed) as failure:
            for batch in iter(stream.next, None):
                found += arrow_stream.table(schema, batch)["id"]
                release(batch)
        again = listening()
        with again as heard_again, pytest.raises(Failed) as still:
            stream.next()

    assert failure.value.code == still.value.code == errno.EIO
    assert len(heard.errors) == 1 and failure.value.message == heard.errors[0]
    assert "/".join(map(str, BLOCK[6])) in failure.value.message
    assert len(heard_again.errors) == 1 and still.value.message == heard_again.errors[0]
    ids = [n for i in range(12) if i != 5 for n in (3 * i + 1, 3 * i + 2, 3 * i + 3)]
    assert found == ids[:15 // size * size]
    block.no_faults()
    assert read(layer).columns["id"] == list(range(1, 37))


def test_a_read_that_cannot_begin_is_an_error_and_no_end(service, whose):
    layer = Layer("images", **at(service))

    with Stream(layer.layer) as stream, listening() as heard:
        stream.schema()
        with pytest.raises(Failed) as failure:
            stream.next()

    assert failure.value.code == errno.EIO
    assert heard.errors == [failure.value.message] and service.requests == []


def test_what_may_be_skipped_is_missing_with_a_warning_that_names_it(block, whose):
    block.fault(400, match=BLOCK[6], times=None)
    layer = of_block(block, ON_ERROR="SKIP")

    with listening() as heard:
        found = arrow_stream.read(layer)

    assert heard.errors == [] and "/".join(map(str, BLOCK[6])) in heard.warnings[0]
    assert found.columns["id"] == [n for n in range(1, 37) if (n - 1) // 3 != 6]


# A handler of errors that does what a program's, written in C++, might: it throws.
THROWING = """
import ctypes, sys
sys.path[:0] = {path!r}
from osgeo import gdal, ogr
gdal.DontUseExceptions()
ogr.DontUseExceptions()
import arrow_stream

dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options={options!r})
layer = dataset.GetLayerByName("images")
layer.SetSpatialFilterRect(*{box!r})
handler = ctypes.CDLL("libstdc++.so.6")._ZSt17__throw_bad_allocv
with arrow_stream.Stream(layer) as stream:
    arrow_stream.GDAL.CPLPushErrorHandler(ctypes.cast(handler, ctypes.c_void_p))
    for _ in range(2):
        try:
            batch = stream.next()
            print(batch.length if batch else "the end")
        except arrow_stream.Failed as failure:
            print(failure.code > 0)
    arrow_stream.GDAL.CPLPopErrorHandler()
"""


@pytest.mark.parametrize("options, says", [([], ["True", "True"]), (["ON_ERROR=SKIP"], ["33", "the end"])])
def test_what_a_programs_handler_throws_does_not_come_through_the_stream(block, run, options, says):
    block.fault(400, match=BLOCK[6], times=None)

    done = run(sys.executable, "-c", THROWING.format(path=sys.path, options=options, box=AROUND))

    assert (done.code, done.out.split("\n")) == (0, [*says, ""]), done.err


# ---- Ownership --------------------------------------------------------------------------------------


def test_batches_outlive_stream_layer_and_dataset(service):
    layer = opened("images", FIELDS="camera_parameters,make")(service, None)
    expected = read(layer.layer).columns
    stream = Stream(layer.layer, MAX_FEATURES_IN_BATCH=60)
    schema = stream.schema()
    batches = list(iter(stream.next, None))
    assert len(batches) > 2

    stream.release()
    layer.close()
    gc.collect()

    found = [arrow_stream.table(schema, batch) for batch in batches]
    assert {name: [value for part in found for value in part[name]] for name in expected} == expected
    for batch in random.Random(1).sample(batches, len(batches)):
        release(batch)


def test_a_stream_outlives_its_layer_and_says_so(service):
    layer = opened("images")(service, None)
    stream = Stream(layer.layer, MAX_FEATURES_IN_BATCH=60)
    release(stream.next())

    layer.close()
    gc.collect()

    with listening() as heard:
        for call in (stream.schema, stream.next):
            with pytest.raises(Failed) as failure:
                call()
            assert failure.value.code == errno.EINVAL
    assert len(heard.errors) == 2
    stream.release()


@pytest.mark.parametrize("first", ["parent", "children"])
def test_children_that_are_moved_out_are_their_new_owners(service, first):
    layer = opened("images", FIELDS="camera_parameters,make")(service, None).layer
    expected = read(layer).columns
    with Stream(layer) as stream:
        schema = stream.schema()
        batch = stream.next()
        names = [column.name for column in schema]
        taken = {name: moved(batch, names.index(name)) for name in ("camera_parameters", SHAPE, "make", "id")}
        if first == "parent":
            release(batch)

    for name, column in taken.items():
        assert arrow_stream.values(schema[names.index(name)], column) == expected[name]
        release(column)
    if first == "children":
        release(batch)
