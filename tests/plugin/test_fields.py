# SPDX-License-Identifier: MIT
"""Fields that the Graph adds to the rows of tiles: their values, and that nothing is asked in vain."""
from __future__ import annotations

import json
import math
import re
import sqlite3
from contextlib import closing
from typing import Any, Callable, Dict, List, Tuple

import pytest
from osgeo import gdal, ogr

from features import (Layer, Seen, assert_same_features, at, batches, entities_asked, fields_asked, ids_asked, image_row,
                      kinds, listed, map_feature_row, schema)
from reading import GDAL_VERSION, Truth, assert_each_once, cover, listening, polygon
from service import JSON, dumps
from town import POINTS, SIGNS

BOX = (8.5470, 50.0160, 8.5500, 50.0185)  # some hundred images
WIDE = (8.538, 50.010, 8.562, 50.027)

Value = Callable[[Dict[str, Any]], Any]


def at_path(*path: Any, then: Callable[[Any], Any] = lambda value: value) -> Value:
    """What stands in an entity below these names; None as soon as one is missing."""

    def get(entity: Any) -> Any:
        for step in path:
            try:
                entity = entity[step]
            except (KeyError, IndexError):
                return None
        return then(entity)

    return get


def ids_in(items: List[Dict[str, Any]]) -> List[int]:
    return [int(item["id"]) for item in items]


TEXT, WHOLE, REAL = ogr.OFTString, ogr.OFTInteger64, ogr.OFTReal
PLACE = "computed_geometry", "coordinates"

# Each field that FIELDS can add: its type, and what of the Graph's entity it is.
OF_IMAGES: Dict[str, Tuple[int, Value]] = {
    "altitude": (REAL, at_path("altitude")),
    "computed_altitude": (REAL, at_path("computed_altitude")),
    "computed_compass_angle": (REAL, at_path("computed_compass_angle")),
    "computed_lon": (REAL, at_path(*PLACE, 0)),
    "computed_lat": (REAL, at_path(*PLACE, 1)),
    "computed_rotation": (ogr.OFTRealList, at_path("computed_rotation")),
    "atomic_scale": (REAL, at_path("atomic_scale")),
    "camera_type": (TEXT, at_path("camera_type")),
    "camera_parameters": (ogr.OFTRealList, at_path("camera_parameters")),
    "make": (TEXT, at_path("make")),
    "model": (TEXT, at_path("model")),
    "width": (WHOLE, at_path("width")),
    "height": (WHOLE, at_path("height")),
    "exif_orientation": (WHOLE, at_path("exif_orientation")),
    "merge_cc": (TEXT, at_path("merge_cc", then=json.dumps)),
    "mesh_id": (WHOLE, at_path("mesh", "id", then=int)),
    "mesh_url": (TEXT, at_path("mesh", "url")),
    "sfm_cluster_id": (WHOLE, at_path("sfm_cluster", "id", then=int)),
    "sfm_cluster_url": (TEXT, at_path("sfm_cluster", "url")),
    "creator_username": (TEXT, at_path("creator", "username")),
    "thumb_256_url": (TEXT, at_path("thumb_256_url")),
    "thumb_1024_url": (TEXT, at_path("thumb_1024_url")),
    "thumb_2048_url": (TEXT, at_path("thumb_2048_url")),
    "thumb_original_url": (TEXT, at_path("thumb_original_url")),
}
OF_MAP_FEATURES: Dict[str, Tuple[int, Value]] = {
    "object_type": (TEXT, at_path("object_type")),
    "aligned_direction": (REAL, at_path("aligned_direction")),
    "image_ids": (ogr.OFTInteger64List, at_path("images", "data", then=ids_in)),
}
OF_SEQUENCES = {"image_count": WHOLE, "image_ids": ogr.OFTInteger64List}


def with_fields(row: Seen, entity: Dict[str, Any], table: Dict[str, Tuple[int, Value]], *names: str) -> Seen:
    return row._replace(fields={**row.fields, **{name: table[name][1](entity) for name in table if name in names}})


@pytest.fixture(scope="session")
def images_in(town, truth: Truth) -> Callable[..., List[Seen]]:
    """The images in a box in the order of a plan, with these fields."""

    def call(box, *names: str, where: Callable[[Any], Any] = lambda row: True) -> List[Seen]:
        return [with_fields(image_row(town.image(row.id)), town.graph_image(row.id), OF_IMAGES, *names)
                for row in truth.within(box) if where(town.image(row.id))]

    return call


def fids(rows: List[Seen]) -> List[int]:
    return [row.fid for row in rows]


def enriched(service) -> List[int]:
    """The ids that entities were asked for, batches in the order of the rows' own."""
    return [n for batch in ids_asked(service.requests) for n in batch]


def ask(service, layer: str, fields: str, **options: object) -> Layer:
    return Layer(layer, FIELDS=fields, **{**at(service), **options})


# ---- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_IMAGES)
def test_each_field_of_an_image_is_what_the_graph_says(service, images_in, name):
    expected = images_in(BOX, name)
    assert len(expected) > 50

    opened = ask(service, "images", name).within(BOX)

    assert schema(opened.layer)[8:] == [(name, OF_IMAGES[name][0], ogr.OFSTNone)]
    assert_same_features(opened.rows(), expected)
    tiles = [request for request in service.requests if request.kind == "tile"]
    assert sorted(request.tile for request in tiles) == sorted(cover(BOX))
    assert len(service.requests) == len(tiles) + math.ceil(len(expected) / 50)
    assert len(fields_asked(service.requests) - {"id"}) == 1


def test_the_box_tries_all_that_can_be_missing(images_in):
    rows = images_in(WIDE, *OF_IMAGES)

    always = {"camera_type", "width", "height", "exif_orientation", "creator_username", "thumb_256_url",
              "thumb_1024_url", "thumb_original_url"}
    for name in OF_IMAGES:
        missing = {row.fields[name] is None for row in rows}
        assert missing == ({False} if name in always else {True, False}), name


@pytest.mark.parametrize("spelling", ("ALL", "all", " All ", "make,ALL,model"))
def test_all_fields_of_an_image(service, images_in, spelling):
    expected = images_in(WIDE, *OF_IMAGES)

    opened = ask(service, "images", spelling).within(WIDE)

    assert schema(opened.layer)[8:] == [(name, kind, ogr.OFSTNone) for name, (kind, _) in OF_IMAGES.items()]
    assert_same_features(opened.rows(), expected)
    assert sorted(ids_asked(service.requests)) == sorted(batches(fids(expected)))


@pytest.mark.parametrize("spelling", ("make,model", "MODEL,Make", " model , make ", "make,make,model", "model,,make,"))
def test_fields_stand_in_the_order_of_the_layer_however_they_are_spelled(service, images_in, spelling):
    opened = ask(service, "images", spelling).within(BOX)

    assert [name for name, _, _ in schema(opened.layer)[8:]] == ["make", "model"]
    assert_same_features(opened.rows(), images_in(BOX, "make", "model"))
    assert fields_asked(service.requests) - {"id"} == {"make", "model"}


@pytest.mark.parametrize("layer", ("map_features", "traffic_signs"))
@pytest.mark.parametrize("name", (*OF_MAP_FEATURES, "ALL"))
def test_fields_of_map_features(service, town, layer, name):
    things = town.points if layer == "map_features" else town.signs
    names = tuple(OF_MAP_FEATURES) if name == "ALL" else (name,)
    expected = {thing.id: with_fields(map_feature_row(thing), town.graph_map_feature(thing.id), OF_MAP_FEATURES, *names)
                for thing in things if WIDE[0] <= thing.tile_lon <= WIDE[2] and WIDE[1] <= thing.tile_lat <= WIDE[3]}

    opened = ask(service, layer, name).within(WIDE)
    rows = opened.rows()

    assert [(field, kind) for field, kind, _ in schema(opened.layer)[4:]] == [
        (field, OF_MAP_FEATURES[field][0]) for field in OF_MAP_FEATURES if field in names]
    assert sorted(fids(rows)) == sorted(expected)
    assert_same_features(rows, [expected[row.fid] for row in rows])
    assert sorted(ids_asked(service.requests)) == sorted(batches(fids(rows)))
    assert {request.tileset for request in service.requests} - {None} == {POINTS if layer == "map_features" else SIGNS}


@pytest.mark.parametrize("names", (("image_count",), ("image_ids",), ("image_count", "image_ids")))
def test_fields_of_sequences(service, town, names):
    opened = ask(service, "sequences", ",".join(names)).within(WIDE)
    rows = opened.rows()

    assert [(name, kind) for name, kind, _ in schema(opened.layer)[8:]] == [(n, OF_SEQUENCES[n]) for n in names]
    assert len(rows) > 30
    for row in rows:
        images = [image.id for image in town.sequence(row.fields["id"]).images]
        assert {name: row.fields[name] for name in names} == {
            name: value for name, value in (("image_count", len(images)), ("image_ids", images)) if name in names}
    lists = [request.query["sequence_id"] for request in service.requests if request.kind == "image_ids"]
    assert sorted(lists) == sorted(row.fields["id"] for row in rows)
    assert set(kinds(service.requests)) == {"tile", "image_ids"}


def test_fields_of_a_sequence_by_its_key(service, town):
    key = town.sequences[1].id

    (row,) = ask(service, "sequences", "ALL").where(f"id = '{key}'").rows()

    assert row.fields["image_ids"] == [image.id for image in town.sequence(key).images]
    assert row.fields["image_count"] == len(town.sequence(key).images)


@pytest.mark.parametrize("layer", ("images", "map_features", "traffic_signs"))
def test_fields_of_looked_up_rows_come_with_the_same_request(service, town, layer):
    things = {"images": town.images, "map_features": town.points, "traffic_signs": town.signs}[layer][::25][:40]
    entity_of = town.graph_image if layer == "images" else town.graph_map_feature
    table = OF_IMAGES if layer == "images" else OF_MAP_FEATURES

    rows = ask(service, layer, "ALL").where(f"id IN ({listed(thing.id for thing in things)})").rows()

    assert fids(rows) == [thing.id for thing in things]
    for row in rows:
        assert {name: row.fields[name] for name in table} == {
            name: value(entity_of(row.fid)) for name, (_, value) in table.items()}
    assert len(service.requests) == 1


def test_a_single_feature_has_all_fields(service, town):
    image = town.images[500]
    opened = ask(service, "images", "ALL")

    row = opened.get(image.id)

    entity = town.graph_image(image.id)
    assert {name: row.fields[name] for name in OF_IMAGES} == {
        name: value(entity) for name, (_, value) in OF_IMAGES.items()}
    assert len(service.requests) == 1


@pytest.mark.parametrize("options", ({"FIELDS": "ALL"}, {"PRECISION": "EXACT"}))
def test_a_single_feature_is_the_row_that_was_read(service, town, options):
    """The Graph knows more of some images than the tiles: who took the old ones."""
    opened = Layer("images", **at(service), **options).within((8.549, 50.018, 8.551, 50.022))
    rows = opened.rows()
    old = [row for row in rows if row.fields["creator_id"] is None][:3]
    assert old and all(town.image(row.fid).creator for row in old)
    service.clear()

    assert [opened.get(row.fid) for row in old + rows[:3]] == old + rows[:3]
    assert entities_asked(service.requests) == [(row.fid,) for row in old + rows[:3]]


def test_a_single_sequence_has_all_fields_once_it_was_met(service, town):
    opened = ask(service, "sequences", "ALL").within(BOX)
    rows = opened.rows()

    for row in rows[:3]:
        assert opened.get(row.fid) == row


# ---- The option -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value, named", [
    ("nonsense", "nonsense"), ("make,nonsense", "nonsense"), ("mak", "mak"), ("computed_geometry", "computed_geometry"),
    ("make;model", ""), ("ALL,nonsense", "nonsense"), ("ma ke", "")])
def test_a_field_that_does_not_exist_is_refused_by_name_at_open(service, value, named):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"FIELDS={value}"])

    assert dataset is None
    assert len(heard.errors) == 1 and "FIELDS" in heard.errors[0] and named in heard.errors[0]
    assert service.requests == []


@pytest.mark.parametrize("name", ('MAPILLARY:FIELDS="make,model"', 'MAPILLARY:ZOOM=14,FIELDS="make, model",CACHE=NO',
                                  "MAPILLARY:fields=make"))
def test_fields_can_stand_in_the_name(service, images_in, name):
    wanted = ("make", "model") if "model" in name else ("make",)

    rows = Layer("images", name, **at(service)).within(BOX).rows()

    assert_same_features(rows, images_in(BOX, *wanted))


def test_fields_of_the_tiles_are_there_anyway(service, images_in):
    opened = ask(service, "images", "captured_at,id,make").within(BOX)

    assert [name for name, _, _ in schema(opened.layer)[8:]] == ["make"]
    assert_same_features(opened.rows(), images_in(BOX, "make"))


def names_of(opened: Layer) -> List[str]:
    return [name for name, _, _ in schema(opened.layer)]


def test_each_layer_takes_the_fields_that_it_has(service):
    assert names_of(ask(service, "images", "image_ids"))[8:] == []
    assert names_of(ask(service, "map_features", "image_ids,make"))[4:] == ["image_ids"]
    assert names_of(ask(service, "detections", "ALL")) == ["id", "image_id", "map_feature_id", "value", "created_at"]


def test_without_the_option_there_are_none(service):
    assert len(names_of(Layer("images", **at(service)))) == 8
    assert len(names_of(ask(service, "images", ""))) == 8


# ---- What is not asked for ------------------------------------------------------------------------


def test_fields_that_nobody_looks_at_are_not_asked_for(service, images_in):
    opened = ask(service, "images", "ALL").within(BOX)

    rows = opened.ignoring(*(name for name in OF_IMAGES if name not in ("make", "sfm_cluster_url"))).rows()

    assert_same_features(
        [row._replace(fields={k: v for k, v in row.fields.items() if v is not None or k in ("make", "sfm_cluster_url")
                              or k not in OF_IMAGES}) for row in rows],
        images_in(BOX, "make", "sfm_cluster_url"))
    assert fields_asked(service.requests) - {"id"} == {"make", "sfm_cluster"}


def test_without_a_need_for_the_graph_it_is_not_asked(service, images_in):
    rows = ask(service, "images", "ALL").within(BOX).ignoring(*OF_IMAGES).rows()

    assert fids(rows) == fids(images_in(BOX))
    assert_each_once(service.requests, cover(BOX))


def test_a_selection_asks_for_what_it_selects(run, service, images_in):
    expected = images_in(BOX, "make")

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", *BOX, "-oo", "FIELDS=ALL",
               "-select", "id,make")

    assert done.code == 0, done.err
    assert done.out.replace('"', "").splitlines()[1:] == [
        f"{row.fid},{row.fields['make'] or ''}" for row in expected]
    assert fields_asked(service.requests) - {"id"} == {"make"}


def test_a_selection_of_tile_fields_asks_the_graph_for_nothing(run, service):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", *BOX, "-oo", "FIELDS=ALL",
               "-select", "id,captured_at")

    assert done.code == 0, done.err
    assert_each_once(service.requests, cover(BOX))


def test_a_plain_count_asks_the_graph_for_nothing(service, truth):
    opened = ask(service, "images", "ALL").within(BOX)

    assert opened.layer.GetFeatureCount() == len(truth.within(BOX))
    assert_each_once(service.requests, cover(BOX))


def test_rows_that_others_filters_refuse_are_not_asked_about(service, images_in, town):
    triangle = [(8.5470, 50.0160), (8.5500, 50.0160), (8.5500, 50.0185)]

    rows = ask(service, "images", "make").touching(polygon(triangle)).where("is_pano = 0").rows()

    everyone = images_in(BOX, "make", where=lambda image: not image.is_pano)
    assert 0 < len(rows) < len(everyone)
    expected = [row for row in everyone if is_below_diagonal(row.shape)]
    assert_same_features(rows, expected)
    assert enriched_sorted(service) == sorted(fids(rows))


def is_below_diagonal(place: Tuple[float, float]) -> bool:
    x, y = (place[0] - BOX[0]) / (BOX[2] - BOX[0]), (place[1] - BOX[1]) / (BOX[3] - BOX[1])
    return y <= x


def enriched_sorted(service) -> List[int]:
    return sorted(enriched(service))


@pytest.mark.parametrize("sql, where", [
    ("sequence_id LIKE '%!_%' ESCAPE '!'", lambda image: "_" in image.sequence_id),
    ("SUBSTR(sequence_id, 1, 1) = 'z'", lambda image: image.sequence_id[0] in "zZ"),
    ("CAST(id AS character) LIKE '%7'", lambda image: str(image.id).endswith("7")),
    ("compass_angle * 2 < 90", lambda image: image.compass_angle is not None and image.compass_angle * 2 < 90),
    ("is_pano = 1 AND SUBSTR(sequence_id, 1, 1) <> 'z'", lambda image: image.is_pano and image.sequence_id[0] not in "zZ"),
])
def test_rows_that_only_ogr_can_refuse_are_not_asked_about_either(service, images_in, sql, where):
    expected = images_in(WIDE, "make", where=where)
    assert 0 < len(expected) < len(images_in(WIDE))

    rows = ask(service, "images", "make").within(WIDE).where(sql).rows()

    assert_same_features(rows, expected)
    assert enriched_sorted(service) == sorted(fids(rows))


def test_whoever_wants_one_row_gets_it_with_few_requests(run, service, images_in):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", *WIDE, "-oo", "FIELDS=make",
               "-oo", "CONNECTIONS=2", "-limit", 1, "-select", "id,make")

    first = images_in(WIDE, "make")[0]
    assert done.code == 0
    assert done.out.replace('"', "").splitlines()[1:] == [f"{first.fid},{first.fields['make'] or ''}"]
    assert len(ids_asked(service.requests)) <= 5


# ---- Filters on what only the Graph knows ---------------------------------------------------------

UNKNOWN = GDAL_VERSION >= (3, 10)  # whether SQL knows it: before, a comparison with NULL is false, its negation true


def make_of(town, image) -> Any:
    return town.graph_image(image.id).get("make")


# What the filter says, what it means of (make, width, image), and the images that have to be asked about.
def anyone(image: Any) -> bool:
    return True


FILTERS: Dict[str, Tuple[str, Callable[[Dict[str, Any], Any], Any], Callable[[Any], Any]]] = {
    "a text": ("make = 'Nordlicht'", lambda g, i: g.get("make") == "Nordlicht", anyone),
    "another case": ("make = 'nordlicht'", lambda g, i: g.get("make") == "Nordlicht", anyone),
    "a list": ("make IN ('Nordlicht', 'Kugelwerk')", lambda g, i: g.get("make") in ("Nordlicht", "Kugelwerk"), anyone),
    "a pattern": ("make LIKE '%l_cht'", lambda g, i: g.get("make") == "Nordlicht", anyone),
    "null": ("make IS NULL", lambda g, i: "make" not in g, anyone),
    "not null": ("make IS NOT NULL", lambda g, i: "make" in g, anyone),
    "not": ("NOT make = 'Nordlicht'",
            lambda g, i: g.get("make") != "Nordlicht" and ("make" in g or not UNKNOWN), anyone),
    "unequal": ("make <> 'Nordlicht'", lambda g, i: "make" in g and g["make"] != "Nordlicht", anyone),
    "a number": ("width > 4100", lambda g, i: g["width"] > 4100, anyone),
    "another number": ("altitude BETWEEN 110 AND 112", lambda g, i: 110 <= g.get("altitude", 0) <= 112, anyone),
    "with a tile's": ("make = 'Nordlicht' AND is_pano = 0 AND captured_at >= '2020/01/01'",
                      lambda g, i: g.get("make") == "Nordlicht",
                      lambda i: not i.is_pano and (i.captured_at or 0) >= 1577836800000),
    "or a tile's": ("make = 'Nordlicht' OR is_pano = 1", lambda g, i: g.get("make") == "Nordlicht" or i.is_pano,
                    anyone),
    "mixed": ("(make = 'Nordlicht' OR compass_angle < 90) AND is_pano = 0",
              lambda g, i: g.get("make") == "Nordlicht" or (i.compass_angle is not None and i.compass_angle < 90),
              lambda i: not i.is_pano),
    "two": ("make = 'Nordlicht' AND width > 4000", lambda g, i: g.get("make") == "Nordlicht" and g["width"] > 4000,
            anyone),
    "two fields": ("width > height", lambda g, i: g["width"] > g["height"], anyone),
    "a function": ("SUBSTR(make, 1, 1) = 'K' AND is_pano = 0", lambda g, i: g.get("make", "")[:1] == "K",
                   lambda i: not i.is_pano),
}


@pytest.mark.parametrize("ignored", (False, True))
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_on_a_field_of_the_graph(service, town, images_in, name, ignored):
    sql, means, is_asked = FILTERS[name]
    candidates = images_in(WIDE, where=is_asked)
    expected = [row for row in candidates if means(town.graph_image(row.fid), town.image(row.fid))]
    assert 0 < len(expected)
    opened = ask(service, "images", "make,width,height,altitude").within(WIDE).where(sql)
    if ignored:
        opened.ignoring("make", "width", "height", "altitude")

    rows = opened.rows()

    assert fids(rows) == fids(expected)
    if ignored:
        assert all(row.fields["make"] is None for row in rows)
        assert "captured_at" not in fields_asked(service.requests)
    else:
        assert [row.fields["make"] for row in rows] == [town.graph_image(row.fid).get("make") for row in rows]
    assert enriched_sorted(service) == sorted(fids(candidates))


def test_a_filter_on_a_field_of_the_graph_is_counted(service, town, images_in):
    expected = [row for row in images_in(WIDE) if make_of(town, town.image(row.fid)) == "Kugelwerk"]
    opened = ask(service, "images", "ALL").within(WIDE).where("make = 'Kugelwerk'")

    assert opened.layer.GetFeatureCount() == len(expected) > 0


def test_a_filter_on_a_field_of_the_graph_does_not_bound_a_read(service):
    opened = ask(service, "images", "make").where("make = 'Nordlicht'")

    assert "nothing bounds" in opened.failure()
    assert opened.layer.GetFeatureCount() == -1
    assert service.requests == []


def test_filters_on_fields_of_map_features_and_sequences(service, town):
    types = {thing.id: town.graph_map_feature(thing.id)["object_type"] for thing in town.points}

    panoptic = ask(service, "map_features", "object_type").within(WIDE).where("object_type = 'panoptic'").rows()
    everything = Layer("map_features", **at(service)).within(WIDE).rows()
    long_ones = ask(service, "sequences", "image_count").within(WIDE).where("image_count > 200").rows()
    all_lines = Layer("sequences", **at(service)).within(WIDE).rows()

    assert fids(panoptic) == [row.fid for row in everything if types[row.fid] == "panoptic"] != []
    assert [row.fields["id"] for row in long_ones] == [
        row.fields["id"] for row in all_lines if len(town.sequence(row.fields["id"]).images) > 200] != []


# ---- What the Graph does not know -----------------------------------------------------------------


def test_rows_that_the_graph_does_not_know_stay_with_nulls(service, images_in):
    expected = images_in(BOX, "make", "width")
    service.gone = set(fids(expected)[7:90:40])
    assert len(service.gone) > 1

    rows = ask(service, "images", "make,width").within(BOX).rows()

    assert_same_features(rows, [
        row._replace(fields={**row.fields, "make": None, "width": None}) if row.fid in service.gone else row
        for row in expected])
    assert len(ids_asked(service.requests)) <= math.ceil(len(expected) / 50) + 3 * 12


def test_a_graph_that_knows_no_row_at_all_leaves_nulls(service, images_in):
    expected = images_in((8.548, 50.0165, 8.5487, 50.0172))
    assert 0 < len(expected) < 60
    service.gone = set(fids(expected))

    rows = ask(service, "images", "make").within((8.548, 50.0165, 8.5487, 50.0172)).rows()

    assert fids(rows) == fids(expected) and {row.fields["make"] for row in rows} == {None}


def test_a_filter_treats_rows_that_the_graph_does_not_know_as_null(service, images_in, town):
    everyone = images_in(BOX)
    service.gone = set(fids(everyone)[5:50:10])
    expected = [row.fid for row in everyone
                if row.fid in service.gone or make_of(town, town.image(row.fid)) is None]

    assert fids(ask(service, "images", "make").within(BOX).where("make IS NULL").rows()) == expected


def test_a_sequence_without_a_list_has_an_empty_one(service, town):
    service.fault(200, match="image_ids", body=b'{"data":[]}', type=JSON, times=None)

    rows = ask(service, "sequences", "ALL").within(BOX).rows()

    assert rows and {row.fields["image_count"] for row in rows} == {0}
    assert all(row.fields["image_ids"] in ([], None) for row in rows)


# ---- Files ----------------------------------------------------------------------------------------


def listed_in(text: str) -> List[int]:
    """A list as formats without lists keep it: (3:1,2,3) or [ 1, 2, 3 ]."""
    return [int(number) for number in re.findall(r"\d+", text.partition(":")[2] or text)]


def test_all_fields_reach_a_geopackage(run, tmp_path, service, images_in):
    path = tmp_path / "out.gpkg"
    expected = images_in(BOX, *OF_IMAGES)

    done = run("ogr2ogr", path, "MAPILLARY:", "images", "-spat", *BOX, "-oo", "FIELDS=ALL")

    assert done.code == 0 and "ERROR" not in done.err
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        records = {record["id"]: record for record in database.execute("SELECT * FROM images")}
    assert records.keys() == set(fids(expected))
    for row in expected:
        for name, (kind, _) in OF_IMAGES.items():
            value = records[row.fid][name]
            if kind == ogr.OFTRealList and value is not None:
                numbers = value.rpartition(":")[2].strip("()[] ")  # (2:0.5,1.5), or as JSON in newer GDALs
                value = pytest.approx([float(number) for number in numbers.split(",")])
            assert row.fields[name] == value, name


def test_all_fields_reach_a_shapefile_as_far_as_it_can_hold_them(run, tmp_path, service, images_in):
    expected = images_in(BOX, *OF_IMAGES)

    done = run("ogr2ogr", tmp_path / "out.shp", "MAPILLARY:", "images", "-spat", *BOX, "-oo", "FIELDS=ALL")

    assert done.code == 0
    dataset = ogr.Open(str(tmp_path / "out.shp"))
    rows = list(dataset.GetLayer(0))
    assert [feature["id"] for feature in rows] == fids(expected)
    assert [feature["make"] for feature in rows] == [row.fields["make"] for row in expected]
    assert [feature["merge_cc"] for feature in rows] == [row.fields["merge_cc"] for row in expected]
    assert [feature["width"] for feature in rows] == [row.fields["width"] for row in expected]


def test_lists_of_sequences_reach_a_geopackage(run, tmp_path, service, town):
    path = tmp_path / "out.gpkg"

    done = run("ogr2ogr", path, "MAPILLARY:", "sequences", "-spat", *BOX, "-oo", "FIELDS=ALL")

    assert done.code == 0, done.err
    with closing(sqlite3.connect(path)) as database:
        records = database.execute("SELECT id, image_count, image_ids FROM sequences").fetchall()
    assert records
    for key, count, ids in records:
        assert (count, listed_in(ids)) == (len(town.sequence(key).images), [i.id for i in town.sequence(key).images])


# ---- Batches and faults ---------------------------------------------------------------------------


def test_batches_of_fifty_go_out_in_the_order_of_the_rows(service, images_in):
    expected = images_in(WIDE, "make")

    rows = ask(service, "images", "make", CONNECTIONS=1).within(WIDE).rows()

    assert_same_features(rows, expected)
    assert ids_asked(service.requests) == batches(fids(expected))


def test_several_batches_are_on_their_way_at_once(service, images_in):
    service.latency = 0.05

    rows = ask(service, "images", "make", CONNECTIONS=8).within(WIDE).rows()

    assert_same_features(rows, images_in(WIDE, "make"))
    assert 4 <= service.max_in_flight <= 8


@pytest.mark.parametrize("kind, arguments", [("huge", {"megabytes": 9}), ("bomb", {"megabytes": 9}),
                                             ("huge", {"megabytes": 9, "chunked": True})])
def test_an_answer_above_its_ceiling_is_asked_for_in_parts(service, images_in, kind, arguments):
    expected = images_in(BOX, "make")
    many = lambda request: request.kind == "entities" and request.query["ids"].count(",") >= 13
    service.fault(kind, match=many, times=None, **arguments)

    rows = ask(service, "images", "make").within(BOX).rows()

    assert_same_features(rows, expected)
    asked = ids_asked(service.requests)
    assert sorted(n for batch in asked if len(batch) < 14 for n in batch) == sorted(fids(expected))
    assert sorted(map(len, asked)) == sorted(n for batch in batches(fids(expected)) for n in halves(len(batch), 13))


def halves(n: int, most: int) -> List[int]:
    """The sizes of all requests that come of a batch, if more than `most` are too many."""
    return [n] + (halves(n // 2, most) + halves(n - n // 2, most) if n > most else [])


def test_an_answer_about_a_single_row_above_its_ceiling_fails_by_its_name(service, images_in):
    bad = images_in(BOX, "make")[3].fid
    service.fault("huge", match=lambda request: str(bad) in request.query.get("ids", ""), times=None, megabytes=9)

    message = ask(service, "images", "make").within(BOX).failure()

    assert f"entities/{bad}: the answer is larger than its ceiling" in message


PASSING = {
    "503": (503, {}), "garbage": ("garbage", {"body": "random"}), "html": ("garbage", {"body": "html"}),
    "half": ("garbage", {"body": "truncated"}), "a reset": ("reset", {}), "a reset in the body": ("reset", {"when": "body"}),
    "a short body": ("short", {}), "no answer": ("close", {}), "an outage": ("json_error", {"status": 500, "code": 2}),
    "a rate limit": ("json_error", {"status": 403, "code": 4, "transient": True}),
    "too much": ("json_error", {"status": 500, "code": 1, "message": "Please reduce"}),
    "an error with 200": ("garbage", {"body": "json"}), "an empty body": (200, {"body": b"", "type": JSON}),
    "no object": (200, {"body": b"[]", "type": JSON}),
    "ids in silence": (200, {"body": b"{}", "type": JSON}),
}


def at_batch(n: int) -> Callable[[Any], bool]:
    """The n-th batch of a read over one connection at a time."""
    seen: List[str] = []

    def match(request: Any) -> bool:
        if request.kind != "entities":
            return False
        if request.name not in seen:
            seen.append(request.name)
        return seen.index(request.name) == n

    return match


def places(expected: List[Seen]) -> List[int]:
    last = len(batches(fids(expected))) - 1
    return [0, last // 2, last]


@pytest.mark.parametrize("place", (0, 1, 2))
@pytest.mark.parametrize("name", PASSING)
def test_what_passes_leaves_no_trace(service, images_in, name, place):
    expected = images_in(WIDE, "make")
    fault, arguments = PASSING[name]
    service.fault(fault, match=at_batch(places(expected)[place]), **arguments)

    rows = ask(service, "images", "make", CONNECTIONS=1).within(WIDE).rows()

    assert_same_features(rows, expected)
    assert len(ids_asked(service.requests)) > len(batches(fids(expected)))


FAILING = {
    "an outage that stays": (503, {}, "HTTP 503"),
    "a rate limit that stays": ("json_error", {"status": 403, "code": 4, "transient": True, "message": "limit reached"},
                                "limit reached"),
    "too much however small": ("json_error", {"status": 500, "code": 1, "message": "Please reduce"}, "Please reduce"),
    "another code 100": ("json_error", {"status": 400, "code": 100, "message": "Tried accessing it"}, "Tried accessing"),
    "an error in words": (200, {"body": b'{"error":"Param x is wrong"}', "type": JSON}, "Param x is wrong"),
    "garbage that stays": ("garbage", {"body": "random"}, "twice"),
    "a token refused": ("json_error", {"status": 400, "code": 190, "message": "Error validating"}, "Error validating"),
    "a redirect": ("redirect", {}, "login page"),
    "resets": ("reset", {}, "4 attempts"),
    "short bodies": ("short", {}, "4 attempts"),
}


@pytest.mark.parametrize("place", (0, 1, 2))
@pytest.mark.parametrize("name", FAILING)
def test_what_fails_for_good_fails_the_read_after_the_rows_before_it(service, images_in, name, place):
    expected = images_in(WIDE, "make")
    batch = places(expected)[place]
    fault, arguments, words = FAILING[name]
    service.fault(fault, match=lambda request: request.kind == "entities" and
                  request.query["ids"].split(",")[0] in set(map(str, fids(expected)[50 * batch:50 * batch + 50])),
                  times=None, **arguments)

    rows, heard = ask(service, "images", "make", CONNECTIONS=1).within(WIDE).read()

    assert len(heard.errors) == 1 and words in heard.errors[0]
    assert f"entities/{fids(expected)[50 * batch]}" in heard.errors[0]
    is_stop = name in ("a token refused", "a redirect")
    assert len(rows) <= 50 * batch if is_stop else len(rows) == 50 * batch
    assert_same_features(rows, expected[:len(rows)])


def test_a_conversion_whose_graph_fails_ends_with_a_status(run, service):
    service.fault(503, match="entities", times=None, after=2)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", *WIDE, "-oo", "FIELDS=make")

    assert done.code != 0
    assert "HTTP 503" in done.err and "entities/" in done.err


def test_a_count_whose_graph_fails_is_unknown(service):
    service.fault(503, match="entities", times=None)
    opened = ask(service, "images", "make").within(BOX).where("make = 'Nordlicht'")
    with listening() as heard:
        assert opened.layer.GetFeatureCount() == -1
    assert len(heard.errors) == 1


def test_the_ceiling_of_requests_ends_a_read_after_the_rows_that_it_paid_for(service, images_in):
    expected = images_in(WIDE, "make")

    rows, heard = ask(service, "images", "make", MAX_REQUESTS=3, CONNECTIONS=1).within(WIDE).read()

    assert len(heard.errors) == 1 and "MAX_REQUESTS" in heard.errors[0] and "3" in heard.errors[0]
    assert_same_features(rows, expected[:len(rows)])
    assert len(ids_asked(service.requests)) == 3


def test_values_of_other_encodings_are_taken_or_null(service, images_in):
    (first, *_) = ids = fids(images_in(BOX))
    odd = {"make": 7, "width": "4032", "height": "no number", "computed_rotation": [1, "2.5", 3],
           "camera_parameters": [1, None], "altitude": "12.5", "merge_cc": 528265926572220000,
           "creator": {"username": ""}, "mesh": None, "sfm_cluster": "none", "exif_orientation": 6.0, "thumb_256_url": None,
           "id": str(first)}
    body = dumps({str(n): odd if n == first else {"id": str(n)} for n in ids[:50]})
    service.fault(200, match="entities", body=body, type=JSON)

    row = ask(service, "images", "ALL", CONNECTIONS=1).within(BOX).rows()[0]

    assert {name: row.fields[name] for name in OF_IMAGES} == {
        **dict.fromkeys(OF_IMAGES), "make": "7", "width": 4032, "computed_rotation": [1.0, 2.5, 3.0], "altitude": 12.5,
        "merge_cc": "528265926572220000", "exif_orientation": 6}


# ---- In words -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer, fields, sql, end", [
    ("images", "make,model", "is_pano = 1", "pushed is_pano; left to OGR: nothing; Graph: make, model"),
    ("images", "ALL", "make LIKE 'N%' AND SUBSTR(model, 1, 1) = 'P'",
     "pushed make; left to OGR: =; Graph: altitude, "),
    ("map_features", "image_ids", "1 = 1", "pushed nothing; left to OGR: nothing; Graph: image_ids"),
    ("sequences", "image_count", "image_count > 5", "pushed image_count; left to OGR: nothing; Graph: image_count"),
])
def test_the_plan_names_what_the_graph_is_asked(run, service, layer, fields, sql, end):
    done = run("ogrinfo", "-q", "MAPILLARY:", layer, "-spat", *BOX, "-where", sql, "-oo", f"FIELDS={fields}",
               "--debug", "MAPILLARY")

    lines = re.findall(rf"MAPILLARY: ({layer}: .*)", done.text)
    assert done.code == 0 and end in lines[0]
