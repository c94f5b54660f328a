# SPDX-License-Identifier: MIT
"""Rows by their ids: what the Graph says is what tiles say, in batches, and nothing else is asked.

Dates of map features are the exception: tiles have milliseconds, the Graph has seconds. And the Graph knows the
creators of images that are too old for their tiles to know.
"""
from __future__ import annotations

import math
import re
from typing import Any, Callable, Dict, List, Sequence, Tuple

import pytest
from osgeo import ogr

from features import (Layer, Seen, assert_same_features, at, batches, entities_asked, fields_asked, kinds, listed,
                      looked_up_image, map_feature_row)
from pieces import pixel_lines, row_of as sequence_row
from reading import assert_each_once, corners, cover, grown, listening, polygon
from service import JSON, dumps
from town import COMPUTED, ORIGINAL

LAYERS = ("images", "map_features", "traffic_signs")
NOBODY = 999_999_999_999_999
CENTRE = (8.538, 50.010, 8.562, 50.027)


@pytest.fixture(scope="session")
def things(town) -> Dict[str, List[Any]]:
    return {"images": town.images, "map_features": town.points, "traffic_signs": town.signs}


@pytest.fixture(scope="session")
def some(things) -> Callable[..., List[Seen]]:
    """Rows from all over a layer, as a look-up gives them: some(layer, 120)."""

    def call(layer: str, n: int) -> List[Seen]:
        step = len(things[layer]) // n
        return [by_id(layer, thing) for thing in things[layer][:step * n:step]]

    return call


def by_id(layer: str, thing: Any) -> Seen:
    return looked_up_image(thing) if layer == "images" else map_feature_row(thing, 1000)


def ids_of(rows: Sequence[Seen]) -> List[int]:
    return [row.fid for row in rows]


def ask(service, layer: str, sql: str, **options: object) -> Layer:
    return Layer(layer, **{**at(service), **options}).where(sql)


# ---- One and many ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("sql", ("id = {0}", "{0} = id", "FID = {0}", "{0} = FID", "id IN ({0})", "FID IN ({0})",
                                 "id = {0} OR id = {0}", "id = {0}.0", "NOT (NOT (id = {0}))"))
def test_one_id_is_one_request_and_the_row_that_tiles_have(service, some, layer, sql):
    for expected in some(layer, 2):
        service.clear()
        if sql.endswith(".0") and expected.fid >= 1 << 53:
            continue  # such a number is several ids
        found = ask(service, layer, sql.format(expected.fid)).rows()

        assert_same_features(found, [expected])
        assert entities_asked(service.requests) == [(expected.fid,)]


@pytest.mark.parametrize("layer", LAYERS)
def test_looked_up_rows_are_what_tiles_show(service, truth, some, layer):
    expected = some(layer, 300)
    ids = set(ids_of(expected))

    found = {row.fid: row for row in ask(service, layer, f"id IN ({listed(ids)})").rows()}
    from_tiles = {row.fid: row for row in Layer(layer, **at(service)).within(grown(truth.box, 0.002)).rows()}

    assert found.keys() == ids
    for fid, row in found.items():
        other = from_tiles[fid]
        assert row.shape == other.shape  # to the bit
        for name, value in other.fields.items():
            if name.endswith("_seen_at"):
                value = value // 1000 * 1000
            if (name, value) != ("creator_id", None):
                assert row.fields[name] == value, (fid, name)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("n", (2, 49, 50, 51, 100, 225))
def test_ids_go_out_in_batches_in_the_order_of_the_filter(service, some, layer, n):
    expected = some(layer, n)[::-1]

    found = ask(service, layer, f"id IN ({listed(ids_of(expected))})", CONNECTIONS=1).rows()

    assert_same_features(found, expected)
    assert entities_asked(service.requests) == batches(ids_of(expected))


def test_a_thousand_ids_are_twenty_requests_several_at_a_time(service, some):
    expected = some("images", 1000)
    service.latency = 0.1

    found = ask(service, "images", f"id IN ({listed(ids_of(expected))})", CONNECTIONS=8).rows()

    assert_same_features(found, expected)
    assert sorted(entities_asked(service.requests)) == sorted(batches(ids_of(expected)))
    assert 4 <= service.max_in_flight <= 8


def test_an_id_that_is_named_again_is_one_row_in_its_first_place(service, some):
    expected = some("images", 60)
    ids = ids_of(expected)

    found = ask(service, "images", f"id IN ({listed(ids + ids[::-1])}) OR id = {ids[7]}").rows()

    assert_same_features(found, expected)
    assert sorted(entities_asked(service.requests)) == sorted(batches(ids))


@pytest.mark.parametrize("sql, wanted", [
    ("id = {0} OR id = {1}", (0, 1)),
    ("id = {1} OR id IN ({0}, {2})", (1, 0, 2)),
    ("id IN ({2}, {1}) OR FID = 5", (2, 1)),
    ("id IN ({0}, {1}, {2}) AND id IN ({1}, {2}, {3})", (1, 2)),
    ("id IN ({0}, {1}) AND FID IN ({1}, {3})", (1,)),
    ("(id = {0} AND is_pano = 0) OR (id = {1} AND is_pano = 0)", None),
    ("id IN ({0}, {1}) AND captured_at >= '2000/01/01'", None),
    ("id IN ({0}, {1}, {2}) AND NOT id = {1}", (0, 2)),
    ("id IN ({0}, {1}) AND 1 = 1", (0, 1)),
])
def test_combinations_of_ids_ask_for_no_others(service, some, sql, wanted):
    rows = [row for row in some("images", 400) if row.fields["is_pano"] is False and row.fields["captured_at"]][:4]
    ids = ids_of(rows)

    found = ask(service, "images", sql.format(*ids)).rows()

    assert_same_features(found, [rows[n] for n in wanted or (0, 1)])
    asked = {n for batch in entities_asked(service.requests) for n in batch}
    assert set(ids_of(found)) <= asked <= {*ids, 5}


@pytest.mark.parametrize("sql", ("id = {0} AND id = {1}", "id IN ({0}) AND FID IN ({1})", "id = {0} AND 1 = 0",
                                 "id IN ({0}, {1}) AND 0 = 1"))
def test_ids_that_exclude_each_other_ask_for_nothing(service, some, sql):
    assert ask(service, "images", sql.format(*ids_of(some("images", 2)))).rows() == []
    assert service.requests == []


@pytest.mark.parametrize("sql", ("id BETWEEN {0} AND {1}", "id >= {0} AND id <= {1}", "id <> {0}", "NOT id = {0}",
                                 "id = {0} OR is_pano = 1", "id = {0} OR id IS NULL", "id > {0}"))
def test_what_is_no_list_of_ids_is_no_look_up(service, truth, some, sql):
    first, last = sorted(ids_of(some("images", 2)))
    sql = sql.format(first, last)
    meaning = {
        "id BETWEEN": lambda row: first <= row.id <= last, "id >=": lambda row: first <= row.id <= last,
        "id <>": lambda row: row.id != first, "NOT id": lambda row: row.id != first,
        "id > ": lambda row: row.id > first,
        "IS NULL": lambda row: row.id == first, "is_pano": lambda row: row.id == first or row.is_pano}
    where = next(meaning[key] for key in ("IS NULL", "is_pano", "id BETWEEN", "id >=", "id <>", "NOT id", "id > ")
                 if key in sql)
    bounded = ask(service, "images", sql).within(CENTRE)

    assert "nothing bounds" in ask(service, "images", sql).failure()
    assert service.requests == []
    assert ids_of(bounded.rows()) == [row.id for row in truth.within(CENTRE) if where(row)]
    assert_each_once(service.requests, cover(CENTRE))


# ---- Together with other filters -----------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_a_spatial_filter_leaves_a_look_up_what_it_is(service, some, layer):
    rows = some(layer, 200)
    west, south, east, north = CENTRE
    expected = [row for row in rows if west <= row.shape[0] <= east and south <= row.shape[1] <= north]
    assert 10 < len(expected) < 190

    found = ask(service, layer, f"id IN ({listed(ids_of(rows))})").within(CENTRE).rows()
    in_triangle = ask(service, layer, f"id IN ({listed(ids_of(rows))})").touching(
        polygon([CENTRE[:2], (CENTRE[2], CENTRE[1]), CENTRE[2:]])).rows()

    assert_same_features(found, expected)
    assert 0 < len(in_triangle) < len(expected)
    assert sorted(entities_asked(service.requests)) == sorted(2 * batches(ids_of(rows)))


def test_an_area_of_interest_leaves_a_look_up_what_it_is(service, some):
    rows = some("images", 120)
    west, south, east, north = CENTRE

    found = ask(service, "images", f"id IN ({listed(ids_of(rows))})", AOI=polygon(corners(CENTRE))).rows()

    assert_same_features(found, [row for row in rows
                                 if west <= row.shape[0] <= east and south <= row.shape[1] <= north])
    assert sorted(entities_asked(service.requests)) == sorted(batches(ids_of(rows)))


def test_an_edge_that_a_tile_position_lies_on_holds_the_looked_up_row_too(service, some):
    for row in ask(service, "images", f"id IN ({listed(ids_of(some('images', 40)))})").rows():
        on_it = (*row.shape, *row.shape)
        beside = (math.nextafter(row.shape[0], math.inf), row.shape[1], row.shape[0] + 1, row.shape[1] + 1)
        opened = ask(service, "images", f"id = {row.fid}")

        assert ids_of(opened.within(on_it).rows()) == [row.fid]
        assert ids_of(opened.within(beside).rows()) == []


@pytest.mark.parametrize("layer", LAYERS)
def test_only_what_somebody_looks_at_is_asked_for(service, some, layer):
    expected = some(layer, 3)
    opened = ask(service, layer, f"id IN ({listed(ids_of(expected))})")
    names = [name for name in expected[0].fields if name != "id"]

    found = opened.ignoring(*names).rows()

    assert ids_of(found) == ids_of(expected)
    assert fields_asked(service.requests) <= {"id", "geometry", "object_type", "object_value"}


def test_an_ignored_field_of_the_filter_is_asked_for(service, some):
    rows = some("images", 100)
    opened = ask(service, "images", f"id IN ({listed(ids_of(rows))}) AND is_pano = 1")

    found = opened.ignoring(*(name for name in rows[0].fields if name != "id")).rows()

    assert ids_of(found) == [row.fid for row in rows if row.fields["is_pano"]]
    assert fields_asked(service.requests) <= {"id", "geometry", "is_pano"}


def test_computed_positions_are_those_of_computed_tiles(service, town):
    images = town.images[::90]
    expected = [looked_up_image(image)._replace(shape=(image.computed.tile_lon, image.computed.tile_lat))
                for image in images if image.computed]
    assert 0 < len(expected) < len(images)

    found = ask(service, "images", f"id IN ({listed(image.id for image in images)})", GEOMETRY="COMPUTED").rows()

    assert_same_features(found, expected)
    assert "computed_geometry" in fields_asked(service.requests)


# ---- Ids that are none ----------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("place", (0, 1, 24, 25, 49, 77))
def test_an_unknown_id_is_found_by_halving_and_the_others_come(service, some, layer, place):
    expected = some(layer, 100)
    gone = expected.pop(place)
    ids = ids_of(expected)
    service.gone = {gone.fid}

    found = ask(service, layer, f"id IN ({listed(ids[:place] + [gone.fid] + ids[place:])})").rows()

    assert_same_features(found, expected)
    assert len(entities_asked(service.requests)) <= 2 + 2 * math.ceil(math.log2(50))


def test_several_unknown_ids_cost_some_requests_each(service, some):
    rows = some("images", 200)
    service.gone = set(ids_of(rows)[3::40])

    found = ask(service, "images", f"id IN ({listed(ids_of(rows))})").rows()

    assert_same_features(found, [row for row in rows if row.fid not in service.gone])
    assert len(entities_asked(service.requests)) <= 4 + len(service.gone) * 2 * 6


def test_nothing_but_unknown_ids_end_without_a_row_and_without_an_error(service, some):
    ids = ids_of(some("images", 100))
    service.gone = set(ids)

    assert ask(service, "images", f"id IN ({listed(ids)})").rows() == []
    assert len(entities_asked(service.requests)) < 2 * len(ids)


@pytest.mark.parametrize("layer, other", [("map_features", "traffic_signs"), ("traffic_signs", "map_features")])
def test_each_layer_of_map_features_drops_the_others(service, some, layer, other):
    mine, others = some(layer, 40), some(other, 40)
    mixed = [number for pair in zip(ids_of(mine), ids_of(others)) for number in pair]

    assert_same_features(ask(service, layer, f"id IN ({listed(mixed)})").rows(), mine)
    assert ask(service, layer, f"id = {others[0].fid}").rows() == []


@pytest.mark.parametrize("layer, other", [
    ("map_features", "images"), ("traffic_signs", "images"), ("images", "map_features"), ("images", "traffic_signs")])
def test_an_id_of_something_else_fails_and_the_service_says_why(service, some, layer, other):
    (wrong,) = some(other, 1)

    message = ask(service, layer, f"id = {wrong.fid}").failure()

    assert "nonexisting field" in message and str(wrong.fid) in message and "400" in message
    assert len(service.requests) == 1


@pytest.mark.parametrize("sql", ("id = -1", "id = 0", "id IN (-5, 0)", "FID = 0"))
def test_ids_that_no_entity_can_have_ask_for_nothing(service, sql):
    assert ask(service, "images", sql).rows() == []
    assert service.requests == []


def test_the_fid_of_rows_without_an_id_is_no_look_up(service):
    assert "nothing bounds" in ask(service, "images", "FID = -1").failure()
    assert ask(service, "images", "FID = -1").within(CENTRE).rows() == []
    assert_each_once(service.requests, cover(CENTRE))


@pytest.mark.parametrize("layer", LAYERS)
def test_ids_spelled_as_text_are_refused_or_mean_the_same(service, some, layer):
    """GDAL makes a double of the text, which is one id only up to 2^53: beyond it, nothing bounds the read."""
    (row,) = some(layer, 1)
    opened = Layer(layer, **at(service))
    with listening():
        status = opened.layer.SetAttributeFilter(f"id = '{row.fid}'")
    if row.fid > 1 << 53:
        assert "nothing bounds this read" in opened.failure()
        assert service.requests == []
        return

    if status == ogr.OGRERR_NONE:
        assert_same_features(opened.rows(), [row])
        assert entities_asked(service.requests) == [(row.fid,)]
    else:
        assert service.requests == []


@pytest.mark.parametrize("layer", ("map_features", "traffic_signs"))
def test_ids_beyond_the_reach_of_a_double_are_exact(service, things, layer):
    largest = sorted(things[layer], key=lambda thing: -thing.id)[:5]
    assert largest[0].id > 5.8e16 and int(float(largest[0].id)) != largest[0].id

    found = ask(service, layer, f"id IN ({listed(thing.id for thing in largest)})").rows()
    neighbours = ask(service, layer, f"id IN ({listed(thing.id - 1 for thing in largest)})").rows()

    assert_same_features(found, [by_id(layer, thing) for thing in largest])
    assert neighbours == []


def test_the_largest_number_is_asked_for_as_it_is(service):
    assert ask(service, "images", f"id IN ({(1 << 63) - 1}, 1)").rows() == []
    assert entities_asked(service.requests)[0] == ((1 << 63) - 1, 1)


# ---- How much --------------------------------------------------------------------------------------


def test_more_batches_than_allowed_are_refused_before_the_first(service, some):
    ids = ids_of(some("images", 151))

    message = ask(service, "images", f"id IN ({listed(ids)})", MAX_REQUESTS=3).failure()

    assert "needs 4 requests" in message and "MAX_REQUESTS allows 3" in message
    assert service.requests == []
    assert len(ask(service, "images", f"id IN ({listed(ids[1:])})", MAX_REQUESTS=3).rows()) == 150


def test_halving_counts_against_the_ceiling_and_the_rows_before_it_come(service, some):
    rows = some("images", 100)
    service.gone = {rows[70].fid}

    found, heard = ask(service, "images", f"id IN ({listed(ids_of(rows))})", MAX_REQUESTS=3, CONNECTIONS=1).read()

    assert len(heard.errors) == 1 and "MAX_REQUESTS" in heard.errors[0]
    assert_same_features(found, rows[:len(found)])
    assert len(service.requests) == 3


def test_whoever_wants_one_row_of_a_thousand_gets_it_with_few_requests(run, service, some):
    rows = some("images", 1000)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-limit", 1, "-select", "id", "-where",
               f"id IN ({listed(ids_of(rows))})", "-oo", "CONNECTIONS=2")

    assert done.code == 0
    assert done.out.replace('"', "").splitlines()[1:] == [str(rows[0].fid)]
    assert len(service.requests) <= 4


@pytest.mark.parametrize("layer", LAYERS)
def test_the_count_is_that_of_the_rows(service, some, layer):
    rows = some(layer, 70)
    service.gone = {rows[5].fid}
    opened = ask(service, layer, f"id IN ({listed(ids_of(rows))})")

    assert opened.layer.GetFeatureCount() == 69
    assert opened.within(CENTRE).layer.GetFeatureCount() == len(opened.rows()) < 69


def test_a_plan_in_words(run, service, some):
    ids = ids_of(some("images", 3))

    done = run("ogrinfo", "-q", "MAPILLARY:", "images", "-where", f"id IN ({listed(ids)}) AND is_pano = 1",
               "--debug", "MAPILLARY")

    (line,) = re.findall(r"MAPILLARY: (images: .*)", done.text)
    assert line.startswith("images: Graph entities by id: 3; pushed id, is_pano; left to OGR: nothing; Graph: ")
    assert {"captured_at", "geometry", "creator_id"} <= set(line.split("Graph: ")[1].split(", "))


def test_a_plan_whole(run, service, some):
    ids = ids_of(some("images", 3))

    done = run("ogrinfo", "-q", "MAPILLARY:", "images", "-where", f"id IN ({listed(ids)}) AND is_pano = 1",
               "--debug", "MAPILLARY_PLAN")

    lines = re.findall(r"MAPILLARY_PLAN: (.*)", done.text)
    assert lines[:2] == ["layer images", "source entities"]
    assert "id " + ", ".join(str(id) for id in ids) in lines
    assert lines[-1] == f"filter (id IN ({', '.join(str(id) for id in ids)}) AND is_pano = 1)"
    assert "MAPILLARY_PLAN" not in run("ogrinfo", "-q", "MAPILLARY:", "images", "-where", "id = 1",
                                       "--debug", "MAPILLARY").text


def test_of_a_plan_that_is_long_the_first_lines_are_shown(run, service):
    ids = list(range(1, 2001))

    done = run("ogrinfo", "-q", "MAPILLARY:", "images", "-where", f"id IN ({listed(ids)})", "-oo", "MAX_REQUESTS=100",
               "--debug", "MAPILLARY_PLAN")

    lines = re.findall(r"MAPILLARY_PLAN: (.*)", done.text)
    assert len(lines) == 101 and re.fullmatch(r"and \d+ lines more", lines[-1])


# ---- By FID ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_ogrinfo_finds_a_feature_by_its_fid(run, service, some, layer):
    row = some(layer, 2)[1]

    done = run("ogrinfo", "MAPILLARY:", layer, "-fid", row.fid, "-q")

    assert done.code == 0
    assert f"OGRFeature({layer}):{row.fid}" in done.out and "POINT (" in done.out
    assert entities_asked(service.requests) == [(row.fid,)]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_feature_is_the_same_before_while_and_after_reading_under_any_filter(service, some, layer):
    rows = some(layer, 5)
    opened = Layer(layer, **at(service))

    assert_same_features([opened.get(row.fid) for row in rows], rows)
    opened.where("id = 1").within((0, 0, 1, 1))
    assert_same_features([opened.get(row.fid) for row in rows], rows)
    opened.layer.SetSpatialFilter(None)
    opened.where(f"id IN ({listed(ids_of(rows[:3]))})")
    assert opened.layer.GetNextFeature().GetFID() == rows[0].fid
    assert_same_features([opened.get(row.fid) for row in rows], rows)
    assert opened.layer.GetNextFeature().GetFID() == rows[1].fid
    assert opened.layer.GetNextFeature().GetFID() == rows[2].fid
    assert opened.layer.GetNextFeature() is None
    assert_same_features([opened.get(row.fid) for row in rows], rows)


def test_a_feature_outside_of_the_area_of_interest_is_found_by_its_fid(service, some):
    row = some("images", 1)[0]
    opened = Layer("images", AOI=polygon(corners((0, 0, 0.01, 0.01))), **at(service))

    assert_same_features([opened.get(row.fid)], [row])


@pytest.mark.parametrize("layer", LAYERS)
def test_a_feature_that_nobody_knows_is_quietly_none(service, some, layer):
    opened = Layer(layer, **at(service))

    assert [opened.get(fid) for fid in (-1, 0, 1, NOBODY, (1 << 63) - 1)] == [None] * 5
    assert {n for batch in entities_asked(service.requests) for n in batch} <= {0, 1, NOBODY, (1 << 63) - 1}
    assert opened.get(some(layer, 1)[0].fid) is not None


@pytest.mark.parametrize("sql, key", [
    ("ORDER BY captured_at", lambda row: row.fields["captured_at"] or 0),
    ("ORDER BY id DESC", lambda row: -row.fid),
])
def test_rows_of_an_area_can_be_put_in_order(run, service, truth, tmp_path, sql, key):
    box = (8.5450, 50.0150, 8.5500, 50.0190)
    wanted = [row for row in truth.within(box) if row.captured_at]
    assert 40 < len(wanted)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "-sql",
               f"SELECT id FROM images WHERE captured_at IS NOT NULL {sql}",
               "-oo", f"AOI={polygon(corners(box))}")

    assert done.code == 0, done.err
    found = [int(word.strip('"')) for word in done.out.split()[1:]]
    assert sorted(found) == sorted(row.id for row in wanted)
    by_id_ = {row.id: row for row in wanted}
    keys = [by_id_[n].captured_at if "captured" in sql else -n for n in found]
    assert keys == sorted(keys)


# ---- Images of a sequence --------------------------------------------------------------------------


def of_sequence(town, *keys: str) -> List[Seen]:
    return [looked_up_image(image) for key in keys for image in town.sequence(key).images]


def long_ones(town, n: int = 3) -> List[str]:
    return [s.id for s in sorted(town.sequences, key=lambda s: -len(s.images))[:n]]


def test_a_sequence_names_its_images_in_the_order_of_capture(service, town):
    key = long_ones(town)[1]
    expected = of_sequence(town, key)
    assert len(expected) > 500

    found = ask(service, "images", f"sequence_id = '{key}'", CONNECTIONS=1).rows()

    assert_same_features(found, expected)
    first, *others = service.requests
    assert first.path == "/image_ids" and first.query["sequence_id"] == key
    assert entities_asked(others) == batches(ids_of(expected))


def test_several_sequences_come_in_the_order_of_the_filter(service, town):
    keys = [s.id for s in town.sequences[20:24]]

    found = ask(service, "images", f"sequence_id IN ({listed(keys)})").rows()

    assert_same_features(found, of_sequence(town, *keys))
    lists = [request.query["sequence_id"] for request in service.requests if request.kind == "image_ids"]
    assert sorted(lists) == sorted(keys)
    assert len(service.requests) - len(lists) <= math.ceil(len(found) / 50) + 1


def test_other_conditions_on_the_images_of_a_sequence_are_applied(service, town):
    key = long_ones(town)[0]

    found = ask(service, "images", f"sequence_id = '{key}' AND compass_angle < 90").rows()

    assert_same_features(found, [row for row in of_sequence(town, key)
                                 if row.fields["compass_angle"] is not None and row.fields["compass_angle"] < 90])


def test_with_an_area_a_sequence_is_a_condition_on_tiles(service, town, truth):
    keys = [s.id for s in town.sequences[20:30]]

    found = ask(service, "images", f"sequence_id IN ({listed(keys)})").within(CENTRE).rows()
    by_aoi = ask(service, "images", f"sequence_id IN ({listed(keys)})", AOI=polygon(corners(CENTRE))).rows()

    expected = [row.id for row in truth.within(CENTRE) if row.sequence_id in keys]
    assert expected and ids_of(found) == ids_of(by_aoi) == expected
    assert sorted(service.tiles_asked()) == sorted(cover(CENTRE))  # the second read finds them in memory
    assert kinds(service.requests) == ["tile"] * len(service.requests)


@pytest.mark.parametrize("name", ("nobodyhasasequencelike", "a", "ö ?&=#%'s", "x" * 256))
def test_a_sequence_that_the_service_does_not_know_has_no_images_and_is_no_error(service, name):
    assert ask(service, "images", f"sequence_id IN ({listed([name])})").rows() == []
    (request,) = service.requests
    assert request.query == {"sequence_id": name}


def test_keys_go_to_the_service_as_spelled(service, town):
    key = town.sequences[20].id
    other = key.swapcase()

    assert ask(service, "images", f"sequence_id = '{other}'").rows() == []
    found = ask(service, "images", f"sequence_id IN ({listed([other, key])})").rows()
    assert_same_features(found, of_sequence(town, key))
    assert [request.query["sequence_id"] for request in service.requests if request.kind == "image_ids"][0] == other


def test_images_that_a_list_names_and_the_service_lost_are_no_rows(service, town):
    key = town.sequences[24].id
    images = of_sequence(town, key)
    lost = images[10].fid
    body = dumps({"data": [{"id": str(row.fid)} for row in images]})
    service.fault(200, match="image_ids", body=body, type=JSON)
    service.gone = {lost}

    found = ask(service, "images", f"sequence_id = '{key}'").rows()

    assert_same_features(found, [row for row in images if row.fid != lost])


def test_the_count_of_a_sequences_images(service, town):
    key = long_ones(town)[2]

    assert ask(service, "images", f"sequence_id = '{key}'").layer.GetFeatureCount() == len(of_sequence(town, key))


def test_a_page_where_a_sequence_was_expected_is_an_error(service, town):
    key = town.sequences[24].id
    body = dumps({"data": [{"id": "5"}], "paging": {"next": f"{service.url}/image_ids?after=x"}})
    service.fault(200, match="image_ids", body=body, type=JSON, times=None)

    assert "only a page" in ask(service, "images", f"sequence_id = '{key}'").failure()


# ---- Sequences ---------------------------------------------------------------------------------------


def lines_of(layer: Layer, zoom: int = 14) -> List[Tuple]:
    return [(one.fid, one.fields, pixel_lines(one.shape, zoom)) for one in layer.rows()]


def walks(town, *keys: str) -> List[Tuple]:
    return [sequence_row(town.sequence(key), town.sequence(key).walks()) for key in keys]


def gapped(town) -> List[str]:
    return [s.id for s in town.sequences if len(s.walks()) > 1]


def cells_of(sequence, computed: bool = False) -> set:
    places = [image.computed if computed else image.place for image in sequence.images]
    return {(COMPUTED if computed else ORIGINAL, 14, place.x, place.y) for place in places if place}


@pytest.mark.parametrize("which", range(6))
def test_a_sequence_by_its_key_is_whole_and_what_an_area_gives(service, town, truth, which):
    keys = [*long_ones(town), *gapped(town), town.sequences[30].id]
    sequence = town.sequence(keys[which])

    found = lines_of(ask(service, "sequences", f"id = '{sequence.id}'"))

    assert found == walks(town, sequence.id)
    first, *others = service.requests
    assert first.path == "/image_ids" and first.query["sequence_id"] == sequence.id
    n_batches = math.ceil(len(sequence.images) / 50)
    assert kinds(others[:n_batches]) == ["entities"] * n_batches
    assert fields_asked(others[:n_batches]) <= {"id", "geometry"}
    tiles = [request.tile for request in others[n_batches:]]
    assert len(tiles) == len(set(tiles)) and set(tiles) >= cells_of(sequence)

    everywhere = lines_of(Layer("sequences", **at(service)).within(truth.box))
    assert [row for row in everywhere if row[0] == found[0][0]] == found


def test_several_sequences_by_their_keys(service, town):
    keys = [s.id for s in town.sequences[20:32]]

    found = lines_of(ask(service, "sequences", f"id IN ({listed(keys)})"))

    assert sorted(found) == sorted(walks(town, *keys))
    tiles = service.tiles_asked()
    assert len(tiles) == len(set(tiles))


def test_a_sequence_of_one_image_has_no_line_and_is_no_row(service, town):
    for sequence in town.sequences:
        if len(sequence.images) == 1:
            assert ask(service, "sequences", f"id = '{sequence.id}'").rows() == []


def test_a_sequence_that_nobody_knows_is_no_row_and_no_error(service, town):
    key = town.sequences[20].id

    assert ask(service, "sequences", "id = 'nobodyhasasequencelike'").rows() == []
    assert kinds(service.requests) == ["image_ids"]
    assert ask(service, "sequences", f"id = '{key.swapcase()}'").rows() == []
    assert lines_of(ask(service, "sequences", f"id IN ('{key.swapcase()}', '{key}')")) == walks(town, key)


def test_a_key_with_other_conditions_and_an_area(service, town):
    sequence = town.sequence(long_ones(town)[0])
    west, south, east, north = box = CENTRE
    key = f"id = '{sequence.id}'"

    assert lines_of(ask(service, "sequences", f"{key} AND is_pano = {int(sequence.is_pano)}")) == walks(
        town, sequence.id)
    assert ask(service, "sequences", f"{key} AND is_pano = {int(not sequence.is_pano)}").rows() == []
    assert lines_of(ask(service, "sequences", key).within(grown(town.bbox, 0.01))) == walks(town, sequence.id)
    assert ask(service, "sequences", key).within((0, 0, 1, 1)).rows() == []


@pytest.mark.parametrize("options", ({"AOI": True}, {}))
def test_a_key_within_an_area_that_it_crosses_is_whole(service, town, options):
    sequence = town.sequence(long_ones(town)[1])
    image = sequence.images[len(sequence.images) // 2]
    box = grown((image.lon, image.lat) * 2, 0.001)
    if options:
        found = lines_of(ask(service, "sequences", f"id = '{sequence.id}'", AOI=polygon(corners(box))))
    else:
        found = lines_of(ask(service, "sequences", f"id = '{sequence.id}'").within(box))

    assert found == walks(town, sequence.id)


def test_a_computed_sequence_by_its_key(service, town):
    sequence = max((s for s in town.sequences if s.walks(True)), key=lambda s: len(s.images))

    found = lines_of(ask(service, "sequences", f"id = '{sequence.id}'", GEOMETRY="COMPUTED"))

    assert found == [sequence_row(sequence, sequence.walks(True))]
    assert {key[0] for key in service.tiles_asked()} == {COMPUTED}
    assert set(service.tiles_asked()) >= cells_of(sequence, True)


def test_a_sequence_without_computed_positions_has_no_row_there(service, town):
    sequence = next(s for s in town.sequences if len(s.images) > 20 and not s.walks(True))

    assert ask(service, "sequences", f"id = '{sequence.id}'", GEOMETRY="COMPUTED").rows() == []
    assert service.tiles_asked() == []


def test_a_generalised_sequence_by_its_key(service, town):
    from pieces import walks_of
    sequence = town.sequence(long_ones(town)[0])

    found = lines_of(ask(service, "sequences", f"id = '{sequence.id}'", ZOOM=10), 10)

    assert found == [sequence_row(sequence, walks_of(sequence, 10))]
    assert {key[1] for key in service.tiles_asked()} == {10}


def test_the_pieces_of_a_sequence_by_its_key(service, town):
    sequence = town.sequence(long_ones(town)[0])

    area = lines_of(ask(service, "sequences", f"id = '{sequence.id}'", STITCH="AREA"))
    tiles = service.tiles_asked()
    service.clear()
    pieces = lines_of(ask(service, "sequences", f"id = '{sequence.id}'", STITCH="NO"))

    assert len(area) == 1 and set(tiles) == cells_of(sequence)
    assert len(pieces) == len(tiles) > 1
    assert len({row[0] for row in pieces}) == len(pieces)
    assert {row[1]["id"] for row in pieces} == {sequence.id}


def test_sequences_in_more_tiles_than_allowed_are_refused(service, town):
    keys = [s.id for s in town.sequences]

    message = ask(service, "sequences", f"id IN ({listed(keys)})", MAX_TILES=3).failure()

    assert "MAX_TILES" in message
    assert service.tiles_asked() == []


def test_more_keys_than_requests_are_refused_beforehand(service, town):
    keys = [s.id for s in town.sequences[:11]]

    assert "MAX_REQUESTS" in ask(service, "sequences", f"id IN ({listed(keys)})", MAX_REQUESTS=10).failure()
    assert "MAX_REQUESTS" in ask(service, "images", f"sequence_id IN ({listed(keys)})", MAX_REQUESTS=10).failure()
    assert service.requests == []


def test_sequences_by_their_keys_are_counted_and_met_again(service, town):
    keys = [s.id for s in town.sequences[20:24]]
    opened = ask(service, "sequences", f"id IN ({listed(keys)})")

    rows = opened.rows()

    assert opened.layer.GetFeatureCount() == 4
    assert [opened.get(row.fid) for row in rows] == rows


def test_the_plan_of_a_sequence_in_words(run, service, town):
    done = run("ogrinfo", "-q", "MAPILLARY:", "sequences", "-where", f"id = '{town.sequences[20].id}'",
               "--debug", "MAPILLARY")

    assert "sequences: tiles of mly1_public where the images of 1 sequence are; pushed id; left to OGR: " in done.text


# ---- What goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ids, words", [("image_ids", "image_ids/"), ("entities", "entities/")])
@pytest.mark.parametrize("layer, sql", [("images", "sequence_id = '{}'"), ("sequences", "id = '{}'")])
def test_what_is_needed_for_a_sequence_and_fails_for_good_fails_the_read(service, town, ids, words, layer, sql):
    service.fault("json_error", match=ids, status=500, code=1, message="Please reduce", times=None)

    message = ask(service, layer, sql.format(town.sequences[20].id)).failure()

    assert words in message and "Please reduce" in message
