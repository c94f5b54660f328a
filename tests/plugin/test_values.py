# SPDX-License-Identifier: MIT
"""Tiles made by hand: every encoding of every attribute, and every spelling of a tile."""
from __future__ import annotations

import json
import math

import mvt
import pytest
from mvt import Value
from osgeo import gdal

from reading import LAST_MS, TOLERANCE, grown, tile_box
from town import ORIGINAL, pixel_lon_lat

X, Y = 8580, 5554
TILE = (ORIGINAL, 14, X, Y)
BOX = grown(tile_box(X, Y), -1e-6)  # some centimetres less than the tile

NOON = 1_688_212_800_000  # 2023-07-01T12:00:00Z
LATE = 2 ** 40  # milliseconds that a float can hold: 2004-11-03T19:53:47.776Z
ABSURD = 10_000_000_000_000_000  # year 318857


def spellings(number):
    """A whole number as every type that can say it."""
    return [(make(number), number) for make in
            (Value.int, Value.uint, Value.sint, Value.float, Value.double)] + [
                (Value.string(str(number)), number)]


NOTHING = [(Value.string(""), None), (Value.empty(), None)]
NO_NUMBER = NOTHING + [(Value.string("seven"), None), (Value.string("0x10"), None),
                       (Value.string("nan"), None), (Value.double(math.nan), None),
                       (Value.double(math.inf), None), (Value.float(-math.inf), None)]
NO_WHOLE_NUMBER = NO_NUMBER + [(Value.double(7.5), None), (Value.string("7.5"), None),
                               (Value.double(1e300), None), (Value.uint(2 ** 63), None)]

REAL = spellings(90) + NO_NUMBER + [
    (Value.sint(-45), -45.0), (Value.float(0.5), 0.5), (Value.double(0.1), 0.1),
    (Value.string("90.25"), 90.25), (Value.string("-1e-2"), -0.01), (Value.bool(True), 1.0),
    (Value.double(0.0), 0.0)]
NUMBER = spellings(7) + NO_WHOLE_NUMBER + [
    (Value.bool(True), 1), (Value.int(2 ** 53 + 1), 2 ** 53 + 1),
    (Value.string("9007199254740993"), 2 ** 53 + 1)]

# For each column: what stands in the tile, and what the row shows.
ENCODINGS = {
    "id": spellings(7) + NO_WHOLE_NUMBER + [
        (Value.bool(False), None), (Value.int(0), None), (Value.int(-7), None),
        (Value.int(2 ** 53 + 1), 2 ** 53 + 1), (Value.uint(59 * 10 ** 15 + 1), 59 * 10 ** 15 + 1),
        (Value.sint(2 ** 62 + 1), 2 ** 62 + 1), (Value.int(2 ** 63 - 1), 2 ** 63 - 1),
        (Value.string("9007199254740993"), 2 ** 53 + 1),
        (Value.string("9223372036854775807"), 2 ** 63 - 1),
        (Value.string("9223372036854775808"), None)],
    "captured_at": spellings(LATE) + NO_WHOLE_NUMBER + [
        (Value.int(NOON + 123), NOON + 123), (Value.double(NOON + 123), NOON + 123),
        (Value.string(str(NOON + 123)), NOON + 123), (Value.int(999), 999),
        (Value.int(LAST_MS), LAST_MS), (Value.int(LAST_MS + 1), None), (Value.int(ABSURD), None),
        (Value.int(0), None), (Value.int(-NOON), None), (Value.bool(False), None)],
    "compass_angle": REAL,
    "quality_score": REAL,
    "sequence_id": NOTHING + [
        (Value.string("Zl3nGUYKRqWJmC1tPUqZtg"), "Zl3nGUYKRqWJmC1tPUqZtg"),
        (Value.string("Žluťoučký 🐎"), "Žluťoučký 🐎"), (Value.string(" '\"\\ "), " '\"\\ "),
        (Value.int(7), "7"), (Value.uint(7), "7"), (Value.sint(-7), "-7"), (Value.float(0.5), "0.5"),
        (Value.double(0.25), "0.25"), (Value.bool(True), "true"), (Value.bool(False), "false"),
        (Value.double(math.nan), None)],
    "is_pano": NOTHING + [(make(n), bool(n)) for n in (0, 1) for make in
                          (Value.int, Value.uint, Value.sint, Value.float, Value.double,
                           Value.bool)] + [
        (Value.string("true"), True), (Value.string("false"), False), (Value.string("1"), True),
        (Value.string("0"), False), (Value.string("yes"), None), (Value.double(math.nan), None)],
    "organization_id": NUMBER,
    "creator_id": NUMBER,
}


@pytest.fixture
def read(service, images):
    """Serves features as a tile of images and reads them."""

    def call(*features, **layer):
        service.tiles = {TILE: mvt.encode([mvt.Layer("image", list(features), **layer)])}
        return images().within(BOX).rows()

    return call


def described(value):
    """A value as an attribute's whole truth, where NaN would not equal itself."""
    return f"{value.kind} {value.raw!r}"


# ---- Attributes -------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ENCODINGS)
def test_a_value_in_any_encoding_becomes_the_columns_type_or_null(read, column):
    encodings = ENCODINGS[column]

    rows = read(*(mvt.point(8 + n, 9, {"id": 1000 + n, column: value})
                  for n, (value, _) in enumerate(encodings)))

    assert [(described(value), getattr(row, column)) for (value, _), row in zip(encodings, rows)] \
        == [(described(value), expected) for value, expected in encodings]
    assert len(rows) == len(encodings)


@pytest.mark.parametrize("column", [name for name in ENCODINGS if name != "id"])
def test_an_absent_attribute_is_null(read, column):
    present = {"id": 7, "captured_at": NOON, "compass_angle": 1.5, "sequence_id": "s",
               "is_pano": True, "organization_id": 8, "creator_id": 9, "quality_score": 0.5}

    rows = read(mvt.point(8, 9, {k: v for k, v in present.items() if k != column}))

    assert [row.attributes for row in rows] == [{**present, column: None}]


@pytest.mark.parametrize("attributes", [
    {}, {"id": 0}, {"id": -5}, {"id": ""}, {"id": "none"}, {"id": Value.uint(2 ** 63)}])
def test_a_row_without_a_usable_id_stays_with_null_and_no_fid(read, attributes):
    rows = read(mvt.point(8, 9, {"id": 7}), mvt.point(9, 9, {**attributes, "sequence_id": "s"}))

    assert [(row.fid, row.id, row.sequence_id) for row in rows] == [(7, 7, None), (-1, None, "s")]


@pytest.mark.parametrize("number", [2 ** 53 + 1, 59 * 10 ** 15 + 1, 2 ** 63 - 1])
def test_an_id_beyond_the_digits_of_a_double_is_exact_as_field_and_fid(read, number):
    rows = read(mvt.point(8, 9, {"id": number}))

    assert [(row.fid, row.id) for row in rows] == [(number, number)]


def test_times_reach_files_to_the_millisecond(run, service, tmp_path):
    times = [1, 999, 1000, NOON, NOON + 1, NOON + 499, NOON + 500, NOON + 999, LAST_MS, 0, ABSURD]
    service.tiles = {TILE: mvt.encode([mvt.Layer("image", [
        mvt.point(8, 9, {"id": 1 + n, "captured_at": time}) for n, time in enumerate(times)])])}

    done = run("ogr2ogr", "out.geojson", "MAPILLARY:", "images", "-spat", *BOX)

    assert (done.code, done.text) == (0, "")
    features = json.loads((tmp_path / "out.geojson").read_text())["features"]
    assert [feature["properties"]["captured_at"] for feature in features] == [
        "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.999Z", "1970-01-01T00:00:01Z",
        "2023-07-01T12:00:00Z", "2023-07-01T12:00:00.001Z", "2023-07-01T12:00:00.499Z",
        "2023-07-01T12:00:00.500Z", "2023-07-01T12:00:00.999Z", "9999-12-31T23:59:59.999Z",
        None, None]


def test_times_are_the_same_where_milliseconds_are_cut_off(service, images):
    """OGR holds seconds as a float. GDAL rounds them, QGIS does not."""
    times = [NOON + 1000 * (n % 60) + n for n in range(0, 60_000, 7)]
    service.tiles = {TILE: mvt.encode([mvt.Layer("image", [
        mvt.point(1, 1, {"id": n, "captured_at": time}) for n, time in enumerate(times, 1)])])}

    layer = images().within(BOX).layer
    seconds = [feature.GetFieldAsDateTime("captured_at")[5] for feature in layer]

    assert [math.floor((second % 1) * 1000) for second in seconds] == [time % 1000 for time in times]
    assert [round(second * 1000) for second in seconds] == [time % 60_000 for time in times]


def test_keys_that_nobody_knows_are_passed_over(read):
    strangers = {f"key {n}": n for n in range(500)}
    strangers.update({"ID": 1, "id ": 2, "": 3, "schlüssel": "x", "captured_at_": NOON, "i": 4})

    rows = read(mvt.point(8, 9, {**strangers, "id": 7, "sequence_id": "s"}),
                mvt.point(9, 9, {"id": 8}))

    assert [(row.id, row.sequence_id, row.captured_at) for row in rows] == [
        (7, "s", None), (8, None, None)]


@pytest.mark.parametrize("raw", [
    b"\xff\xfe\xfa", b"ab\xc0\xafcd", b"ab\xe2\x82", b"\xf8\x88\x80\x80\x80", b"caf\xe9"])
def test_text_that_is_no_utf8_does_not_escape(run, service, tmp_path, raw):
    service.tiles = {TILE: mvt.encode([mvt.Layer("image", [
        mvt.point(8, 9, {"id": 7, "sequence_id": Value.string(raw)})])])}

    done = run("ogr2ogr", "out.geojson", "MAPILLARY:", "images", "-spat", *BOX)

    assert (done.code, done.text) == (0, "")
    found = json.loads((tmp_path / "out.geojson").read_bytes().decode("utf-8", "strict"))
    text = found["features"][0]["properties"]["sequence_id"]
    plain = bytes(byte for byte in raw if byte < 0x80).decode()
    assert "".join(letter for letter in text if letter != "?") == plain
    assert len(text) > len(plain)


def test_text_with_a_zero_byte_in_it_ends_there(read):
    rows = read(mvt.point(8, 9, {"id": 7, "sequence_id": Value.string(b"ab\0cd")}),
                mvt.point(9, 9, {"id": 8, "sequence_id": "next"}))

    assert [(row.id, row.sequence_id) for row in rows] == [(7, "ab"), (8, "next")]


def test_long_text_stays_whole(read):
    text = "ä€🐎" * 50_000

    rows = read(mvt.point(8, 9, {"id": 7, "sequence_id": text}))

    assert [row.sequence_id for row in rows] == [text]


# ---- Spellings of a tile ----------------------------------------------------------------------


@pytest.mark.parametrize("extent", (None, 256, 4096, 8192, 1000, 65536))
def test_positions_follow_the_extent(read, extent):
    grid = extent or 4096
    places = [(8, 8), (grid // 3, grid // 2), (grid - 8, grid - 9)]

    rows = read(*(mvt.point(*place, {"id": 1 + n}) for n, place in enumerate(places)),
                extent=extent)

    assert [(row.lon, row.lat) for row in rows] == [
        pytest.approx(pixel_lon_lat(X * grid + x, Y * grid + y, grid << 14), rel=0, abs=TOLERANCE)
        for x, y in places]


@pytest.mark.parametrize("layer", [
    {"packing": "packed"}, {"packing": "unpacked"}, {"packing": "split"},
    {"dictionaries_first": True}, {"dictionaries_first": False}, {"version": 1}])
def test_every_spelling_that_the_format_allows_reads_the_same(read, layer):
    rows = read(*(mvt.point(10 + n, 20 + n, {"id": 1 + n, "sequence_id": f"s{n}", "is_pano": n > 1})
                  for n in range(4)), **layer)

    assert [(row.id, row.sequence_id, row.is_pano) for row in rows] == [
        (1, "s0", False), (2, "s1", False), (3, "s2", True), (4, "s3", True)]
    assert [(row.lon, row.lat) for row in rows] == [
        pytest.approx(pixel_lon_lat(X * 4096 + 10 + n, Y * 4096 + 20 + n), rel=0, abs=TOLERANCE)
        for n in range(4)]


def test_only_the_layer_of_images_counts(service, images):
    service.tiles = {TILE: mvt.encode([
        mvt.Layer("sequence", [mvt.lines([[(0, 0), (9, 9)]], {"id": "s"})]),
        mvt.Layer("images", [mvt.point(1, 1, {"id": 1})]),
        mvt.Layer("image", [mvt.point(8, 9, {"id": 7})]),
        mvt.Layer("Image", [mvt.point(2, 2, {"id": 2})])])}

    assert [row.id for row in images().within(BOX).rows()] == [7]


def test_a_layer_without_images_is_empty(read):
    assert read() == []


def test_a_tile_holds_its_northwestern_border_and_leaves_the_others_to_its_neighbours(
        service, images):
    within = [(0, 0), (0, 4095), (4095, 0), (4095, 4095)]
    beyond = [(-1, 5), (5, -1), (4096, 5), (5, 4096), (4096, 4096)]
    service.tiles = {TILE: mvt.encode([mvt.Layer("image", [
        mvt.point(*place, {"id": 1 + n}) for n, place in enumerate(beyond[:2] + within + beyond[2:])
    ])])}

    rows = images().within(grown(tile_box(X, Y), 0.001)).rows()

    assert [(row.lon, row.lat) for row in rows] == [
        pytest.approx(pixel_lon_lat(X * 4096 + x, Y * 4096 + y), rel=0, abs=TOLERANCE)
        for x, y in within]


def test_feature_ids_of_the_tile_are_no_ids(read):
    rows = read(mvt.point(8, 9, {"id": 7}, id=99), mvt.point(9, 9, {}, id=98),
                mvt.point(10, 9, {"id": 8}, id=None))

    assert [(row.fid, row.id) for row in rows] == [(7, 7), (-1, None), (8, 8)]


def test_null_values_are_null_and_not_unset(service, images):
    service.tiles = {TILE: mvt.encode([mvt.Layer("image", [mvt.point(8, 9, {"id": 7})])])}

    feature = images().within(BOX).layer.GetNextFeature()

    states = [(feature.IsFieldSet(i), feature.IsFieldNull(i))
              for i in range(feature.GetFieldCount())]
    assert states == [(True, False)] + [(True, True)] * 7
    assert gdal.GetLastErrorMsg() == ""
