# SPDX-License-Identifier: MIT
"""ON_ERROR=SKIP: what fails for good costs its own rows, each loss is told, and nothing else changes."""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List

import pytest
from osgeo import gdal

from block import ATTEMPTS, BLOCK, PLACES, SPAT, TILES, box_of, name_of, tiles_of, truth_of
from conftest import serve
from features import Layer, assert_same_features, at, batches, ids_asked, image_row, listed, looked_up_image
from pieces import Expected, Pieces, pixel_lines, row_of as sequence_row
from reading import Heard, assert_each_once, assert_same, corners, cover, in_plan_order, listening
from service import Request
from town import ORIGINAL, Image

BOX = (8.5440, 50.0130, 8.5530, 50.0200)  # some hundred images of the town
WIDE = (8.538, 50.010, 8.562, 50.027)

# Faults that stay: how the service makes them, how often it is asked, and what a warning must say of them.
LASTING = {
    "503": ("status", {"status": 503}, ATTEMPTS, f"{ATTEMPTS} attempts: HTTP 503"),
    "a short body": ("short", {}, ATTEMPTS, f"{ATTEMPTS} attempts: Transferred a partial file"),
    "410": ("status", {"status": 410}, 1, "HTTP 410"),
    "too much data": ("json_error", {"code": 1, "message": "Please reduce"}, 1, "the service says: Please reduce"),
    "half a tile": ("garbage", {"body": "truncated"}, 2, "(asked for twice): "),
    "broken gzip": ("garbage", {"body": "gzip"}, 2, "(asked for twice): "),
    "a body of 100 MB": ("huge", {"megabytes": 100}, 1, "ceiling"),
}


def told(heard: Heard, n_tiles: int, n_requests: int = 0, layer: str = "images") -> List[str]:
    """The warnings about single losses, of a read that ended well and summed them up."""
    assert heard.errors == []
    *single, summary = heard.warnings
    assert summary == (f"MAPILLARY: {layer}: ON_ERROR=SKIP: the result is not complete: skipped were "
                       f"{n_tiles} tile{'s' * (n_tiles != 1)} and {n_requests} request{'s' * (n_requests != 1)} "
                       "to the Graph")
    assert [line.startswith(f"MAPILLARY: {layer}: skipped (ON_ERROR=SKIP): ") for line in single] == [True] * len(single)
    return single


def without(*lost):
    return [tile for tile in TILES if tile not in lost]


# ---- Tiles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", LASTING)
def test_a_tile_that_is_lost_costs_its_own_rows_and_is_named(images, block, kind, place):
    fault, arguments, n_asked, words = LASTING[kind]
    bad = PLACES[place]
    block.fault(fault, match=bad, times=None, **arguments)

    rows, heard = images(ON_ERROR="SKIP").within(BLOCK).read()

    assert_same(rows, truth_of(without(bad)))
    warning, = told(heard, 1)
    assert f"tile {name_of(bad)}" in warning and words in warning
    assert warning.endswith("; its rows are missing")
    assert_each_once(block.requests, TILES + [bad] * (n_asked - 1))


def test_losses_are_told_in_the_order_of_the_rows(images, block):
    lost = [TILES[0], TILES[1], TILES[5], TILES[-1]]
    for tile in reversed(lost):
        block.fault(503, match=tile, times=None)

    rows, heard = images(ON_ERROR="SKIP").within(BLOCK).read()

    assert_same(rows, truth_of(without(*lost)))
    assert [f"tile {name_of(tile)}: " in line for tile, line in zip(lost, told(heard, 4))] == [True] * 4


def test_everything_may_be_lost(images, block):
    block.fault(500, times=None)

    rows, heard = images(ON_ERROR="SKIP").within(BLOCK).read()

    assert rows == []
    assert len(told(heard, len(TILES))) == len(TILES)
    assert_each_once(block.requests, TILES * ATTEMPTS)


def test_a_read_without_a_loss_says_nothing(images, block):
    block.fault(503, match=TILES[3], times=ATTEMPTS - 1)
    block.fault("garbage", match=TILES[4], body="truncated")
    block.empty_tiles = {TILES[0]: 204}
    block.tiles = {tile: body for tile, body in block.tiles.items() if tile != TILES[0]}

    assert_same(images(ON_ERROR="SKIP").within(BLOCK).rows(), truth_of(TILES[1:]))


@pytest.mark.parametrize("options", ({}, {"ON_ERROR": "FAIL"}, {"ON_ERROR": "fail"}))
def test_unless_told_otherwise_a_loss_ends_the_read(images, block, options):
    block.fault(503, match=TILES[4], times=None)

    rows, heard = images(**options).within(BLOCK).read()

    assert_same(rows, truth_of(TILES[:4]))
    assert len(heard.errors) == 1 and heard.warnings == []


def test_another_word_is_refused(configured):
    with listening() as heard:
        assert gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["ON_ERROR=IGNORE"]) is None

    assert heard.errors == ["MAPILLARY: ON_ERROR must be one of FAIL,SKIP"]


def test_the_option_may_stand_in_the_name(images, block):
    block.fault(503, match=TILES[4], times=None)

    rows, heard = images("MAPILLARY:ON_ERROR=SKIP").within(BLOCK).read()

    assert_same(rows, truth_of(without(TILES[4])))
    told(heard, 1)


@pytest.mark.parametrize("place", PLACES)
def test_a_conversion_succeeds_with_warnings_or_fails(run, block, tmp_path, place):
    bad = PLACES[place]
    block.fault(503, match=bad, times=None)
    convert = ("ogr2ogr", "-f", "CSV", "out.csv", "MAPILLARY:", "images", *SPAT)

    skipped = run(*convert, "-oo", "ON_ERROR=SKIP")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    (tmp_path / "out.csv").unlink()
    failed = run(*convert)

    assert skipped.code == 0, skipped.err
    assert len(lines) == 1 + 3 * (len(TILES) - 1)
    assert f"tile {name_of(bad)}: " in skipped.err and "skipped were 1 tile and" in skipped.err
    assert failed.code != 0 and "Warning" not in failed.err


def test_the_token_is_in_no_warning_whatever_the_service_says(run, block):
    body = f'{{"error":{{"message":"no {block.token} here","code":100}}}}'.encode()
    block.fault("status", match=TILES[0], times=None, status=400, body=body, type="application/json")

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT, "-oo", "ON_ERROR=SKIP",
               env={"CPL_DEBUG": "ON"})

    assert done.code == 0
    assert "HTTP 400: the service says: no " in done.err  # run() looks for the token


# ---- The summary ----------------------------------------------------------------------------------


def test_a_read_that_stops_early_is_summed_up_too(images, block):
    block.fault(503, match=TILES[0], times=None)
    opened = images(ON_ERROR="SKIP", CONNECTIONS=1).within(BLOCK)

    with listening() as first:
        assert opened.layer.GetNextFeature() is not None
    with listening() as reset:
        opened.layer.ResetReading()
    with listening() as again:
        opened.layer.ResetReading()

    assert len(first.warnings) == 1 and "its rows are missing" in first.warnings[0]
    assert len(reset.warnings) == 1 and "skipped were 1 tile and" in reset.warnings[0]
    assert again == Heard()


def test_a_limit_is_summed_up_too(run, block):
    block.fault(503, match=TILES[0], times=None)

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT, "-limit", "1",
               "-oo", "ON_ERROR=SKIP")

    assert done.code == 0
    assert done.err.count("skipped were") == 1


def test_each_read_sums_up_its_own_losses(images, block):
    block.fault(503, match=TILES[0], times=2 * ATTEMPTS)
    opened = images(ON_ERROR="SKIP").within(BLOCK)

    told(opened.read()[1], 1)
    told(opened.read()[1], 1)
    assert_same(opened.rows(), truth_of(TILES))


def test_what_was_lost_is_not_taken_for_empty_later(images, block):
    block.fault(503, match=TILES[0], times=ATTEMPTS)
    opened = images(ON_ERROR="SKIP").within(BLOCK)
    told(opened.read()[1], 1)
    block.clear()

    assert_same(opened.rows(), truth_of(TILES))
    assert_each_once(block.requests, TILES[:1])


# ---- Counts and single features -------------------------------------------------------------------


def test_a_count_with_a_loss_is_unknown(images, block):
    block.fault(503, match=TILES[3], times=ATTEMPTS)
    opened = images(ON_ERROR="SKIP").within(BLOCK)

    with listening() as heard:
        assert opened.layer.GetFeatureCount() == -1
    told(heard, 1)
    with listening() as heard:
        assert opened.layer.GetFeatureCount() == 3 * len(TILES)
    assert heard == Heard()


def test_a_single_feature_that_cannot_be_asked_for_is_an_error(service, town):
    service.fault(500, times=None)

    with listening() as heard:
        assert Layer("images", ON_ERROR="SKIP", **at(service)).layer.GetFeature(town.images[0].id) is None

    assert len(heard.errors) == 1 and "HTTP 500" in heard.errors[0] and heard.warnings == []


# ---- What still ends a read -----------------------------------------------------------------------

ENDING = {
    "a redirect": ("redirect", {}, "blocks the address", 1),
    "a refused token": (401, {}, "refuses the access token", 1),
    "429": (429, {}, "HTTP 429", ATTEMPTS),
    "a rate limit": ("json_error", {"status": 403, "code": 4, "message": "limit reached"}, "limit reached", ATTEMPTS),
}


@pytest.mark.parametrize("kind", ENDING)
def test_what_would_befall_every_request_ends_the_read(images, block, kind):
    fault, arguments, words, n_asked = ENDING[kind]
    block.fault(410, match=TILES[0], times=None)
    block.fault(fault, match=TILES[2], times=None, **arguments)

    with listening() as heard:
        opened = images(ON_ERROR="SKIP", CONNECTIONS=1).within(BLOCK)
        rows = [feature.GetFID() for feature in iter(opened.layer.GetNextFeature, None)]
        assert gdal.GetLastErrorType() == gdal.CE_Failure  # the failure is the last word
        assert opened.layer.GetNextFeature() is None

    assert rows == [row.fid for row in truth_of(TILES[1:2])]
    assert len(heard.errors) == 1 and words in heard.errors[0]
    assert f"tile {name_of(TILES[2])}: " in heard.errors[0]
    assert len(heard.warnings) == 2 and "skipped were 1 tile and" in heard.warnings[1]
    assert block.tiles_asked() == TILES[:2] + TILES[2:3] * n_asked


def test_pages_instead_of_tiles_end_the_read_at_the_fifth(images, block):
    block.fault("garbage", times=None, body="html")

    with listening() as heard:
        opened = images(ON_ERROR="SKIP", CONNECTIONS=1).within(BLOCK)
        assert opened.layer.GetNextFeature() is None

    assert len(heard.errors) == 1 and "blocks the address" in heard.errors[0]
    assert block.tiles_asked() == [tile for tile in TILES[:3] for _ in range(2)][:5]


@pytest.mark.parametrize("fault", ("reset", "close"))
def test_a_service_that_answers_nothing_any_more_ends_the_read(images, block, fault):
    block.fault(fault, match="tile", times=None, after=3)
    opened = images(ON_ERROR="SKIP", CONNECTIONS=1).within(BLOCK)

    rows, heard = opened.read()

    assert_same(rows, truth_of(TILES[:3]))
    assert len(heard.errors) == 1
    assert "the last 5 requests got no answer, so the read ends here: tile " + name_of(TILES[7]) in heard.errors[0]
    assert "Check the network" in heard.errors[0]
    assert [name_of(tile) in line for tile, line in zip(TILES[3:7], heard.warnings)] == [True] * 4
    assert len(heard.warnings) == 5 and "skipped were 4 tiles and" in heard.warnings[4]
    asked = block.tiles_asked()
    assert list(dict.fromkeys(asked)) == TILES[:8]
    # Where a connection that was used before ends without a word, libcurl itself tries a new one.
    assert len(asked) - (3 + 5 * ATTEMPTS) in (0, 1)


def test_what_the_cache_has_does_not_hide_that_nobody_answers(images, block, tmp_path):
    options = {"ON_ERROR": "SKIP", "CONNECTIONS": 1, "CACHE": "YES", "CACHE_DIR": tmp_path / "cache"}
    half = TILES[::2]
    block.fault(410, match=lambda request: request.tile not in half, times=None)
    images(**options).within(BLOCK).read()
    block.no_faults()
    block.clear()
    block.fault("close", times=None)

    rows, heard = images(**options).within(BLOCK).read()

    assert_same(rows, truth_of(half[:5]))
    assert len(heard.errors) == 1 and "the last 5 requests got no answer" in heard.errors[0]
    assert block.tiles_asked() == [tile for tile in TILES[1::2][:5] for _ in range(ATTEMPTS)]


def test_a_service_that_answers_in_between_loses_no_more_than_it_must(images, block):
    lost = [tile for n, tile in enumerate(TILES) if n % 5 != 4]
    block.fault("close", match=lambda request: request.tile in lost, times=None)

    rows, heard = images(ON_ERROR="SKIP", CONNECTIONS=1).within(BLOCK).read()

    assert_same(rows, truth_of(without(*lost)))
    told(heard, len(lost))


def test_a_graph_that_answers_nothing_any_more_ends_the_read(service, town):
    ids = [image.id for image in town.images[::len(town.images) // 400]][:400]
    service.fault("close", match="entities", times=None)
    opened = Layer("images", ON_ERROR="SKIP", CONNECTIONS=1, **at(service)).where(f"id IN ({listed(ids)})")

    assert "the last 5 requests got no answer" in opened.read()[1].errors[0]
    assert ids_asked(service.requests) == [batch for batch in batches(ids)[:5] for _ in range(ATTEMPTS)]


def test_a_conversion_that_must_end_fails(run, block):
    block.fault(410, match=TILES[0], times=None)
    block.fault("redirect", match=TILES[5], times=None)

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT, "-oo", "ON_ERROR=SKIP", "-oo", "CONNECTIONS=1")

    assert done.code != 0
    assert block.tiles_asked() == TILES[:6]


def test_without_a_token_nothing_is_skipped(run, block):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT, "-oo", "ON_ERROR=SKIP",
               env={"MAPILLARY_ACCESS_TOKEN": None})

    assert done.code != 0 and "no access token" in done.err
    assert "skipped" not in done.err and block.requests == []


def test_max_requests_is_a_limit_still(service):
    opened = Layer("images", FIELDS="make", MAX_REQUESTS=1, ON_ERROR="SKIP", **at(service)).within(BOX)

    assert "more Graph requests than the 1 that MAX_REQUESTS allows" in opened.failure()
    assert len(ids_asked(service.requests)) <= 1


def test_max_tiles_is_a_limit_still(images, block):
    assert "MAX_TILES allows 5" in images(ON_ERROR="SKIP", MAX_TILES=5).within(BLOCK).failure()
    assert block.requests == []


# ---- The Graph: fields of rows --------------------------------------------------------------------


def asks_for(*ids: int) -> Callable[[Request], bool]:
    """Requests about entities that name one of these."""
    wanted = set(map(str, ids))
    return lambda request: request.kind == "entities" and bool(wanted & set(request.query["ids"].split(",")))


def makes(town, rows, lost=()):
    return [image_row(town.image(row.id))._replace(fields={
        **image_row(town.image(row.id)).fields,
        "make": None if row.id in lost else town.graph_image(row.id).get("make")}) for row in rows]


@pytest.mark.parametrize("number", (0, 1, -1))
def test_rows_of_a_lost_batch_stay_without_what_only_the_graph_knows(service, town, truth, number):
    rows = truth.within(BOX)
    lost = batches([row.id for row in rows])[number]
    service.fault(500, match=asks_for(*lost), times=None)

    found, heard = Layer("images", FIELDS="make", ON_ERROR="SKIP", **at(service)).within(BOX).read()

    assert_same_features(found, makes(town, rows, lost))
    warning, = told(heard, 0, 1)
    assert f"{len(lost)} ids, the first of them {lost[0]}: fields from the Graph stay NULL" in warning
    assert f"Graph request entities/{lost[0]}+{len(lost) - 1}: {ATTEMPTS} attempts: HTTP 500" in warning
    asked = ids_asked(service.requests)
    assert sorted(asked) == sorted(batches([row.id for row in rows]) + [lost] * (ATTEMPTS - 1))


def test_one_id_that_is_always_too_much_costs_no_other(service, town, truth):
    rows = truth.within(BOX)
    assert len(rows) > 200
    bad = rows[60].id
    service.fault("json_error", match=asks_for(bad), times=None, code=1, message="Please reduce")

    found, heard = Layer("images", FIELDS="make", ON_ERROR="SKIP", **at(service)).within(BOX).read()

    assert_same_features(found, makes(town, rows, [bad]))
    assert f"; id {bad}: fields from the Graph stay NULL" in told(heard, 0, 1)[0]


def test_a_filter_on_a_lost_field_drops_the_rows_and_the_warning_says_so(service, town, truth):
    rows = truth.within(BOX)
    lost = batches([row.id for row in rows])[0]
    service.fault(500, match=asks_for(*lost), times=None)
    make = next(filter(None, (town.graph_image(row.id).get("make") for row in rows if row.id not in lost)))
    opened = Layer("images", FIELDS="make", ON_ERROR="SKIP", **at(service)).within(BOX).where(f"make = '{make}'")

    found, heard = opened.read()

    expected = [row.id for row in rows if town.graph_image(row.id).get("make") == make and row.id not in lost]
    assert [row.fid for row in found] == expected != []
    assert told(heard, 0, 1)[0].endswith("filters judge them so")
    with listening():
        assert opened.layer.GetFeatureCount() == -1


def test_positions_of_a_lost_batch_are_those_of_the_tiles(service, town, truth):
    rows = truth.within(BOX)
    service.fault(500, match="entities", times=None)

    found, heard = Layer("images", PRECISION="EXACT", ON_ERROR="SKIP", **at(service)).within(BOX).read()

    assert_same_features(found, [image_row(town.image(row.id)) for row in rows])
    assert "positions on the grid of the tiles" in told(heard, 0, len(batches(rows)))[0]


def test_looked_up_rows_of_a_lost_batch_are_missing(service, town):
    ids = [image.id for image in town.images[::len(town.images) // 130]][:130]
    lost = batches(sorted(ids))[1]
    service.fault(500, match=asks_for(*lost), times=None)

    found, heard = Layer("images", ON_ERROR="SKIP", **at(service)).where(f"id IN ({listed(sorted(ids))})").read()

    assert_same_features(found, [looked_up_image(town.image(n)) for n in sorted(ids) if n not in lost])
    assert f"50 ids, the first of them {lost[0]}: their rows are missing" in told(heard, 0, 1)[0]


# ---- The Graph: lists -----------------------------------------------------------------------------


def test_a_list_of_detections_that_is_lost_costs_its_own(service, town):
    first, second, third = [image.id for image in town.images if town.truth_detections_of_image(image.id)][:3]
    service.fault(500, match=lambda request: request.path == f"/{second}/detections", times=None)

    found, heard = Layer("detections", ON_ERROR="SKIP", **at(service)).where(
        f"image_id IN ({listed((first, second, third))})").read()

    assert [row.fid for row in found] == [
        each.id for n in (first, third) for each in town.truth_detections_of_image(n)]
    warning, = told(heard, 0, 1, "detections")
    assert f"Graph request {second}/detections: {ATTEMPTS} attempts: HTTP 500; repeat the read later; its detections are missing" in warning


def test_a_sequence_s_list_that_is_lost_costs_its_own_images(service, town):
    first, second = [sequence for sequence in town.sequences if 2 < len(sequence.images) < 40][:2]
    service.fault(500, match=lambda request: request.query.get("sequence_id") == first.id, times=None)

    found, heard = Layer("images", ON_ERROR="SKIP", **at(service)).where(
        f"sequence_id IN ({listed((first.id, second.id))})").read()

    assert [row.fid for row in found] == [image.id for image in second.images]
    assert "the images that it would name are missing" in told(heard, 0, 1)[0]


def test_a_page_that_is_lost_costs_those_after_it_and_no_other_search(service, town):
    service.page_size = 50
    of: Dict[str, List[Image]] = {}
    for image in town.images:
        of.setdefault(image.creator.username, []).append(image)
    names = sorted(sorted(name for name in of if len(of[name]) > 100), key=lambda name: len(of[name]))[:2]
    service.fault(500, match=lambda request: request.query.get("creator_username") == names[0]
                  and "after" in request.query, times=None)

    found, heard = Layer("images", FIELDS="creator_username", ON_ERROR="SKIP", **at(service)).where(
        f"creator_username IN ({listed(names)})").read()

    newest = sorted(of[names[0]], key=lambda image: (-(image.captured_at or 0), image.id))[:50]
    assert sorted(row.fid for row in found) == sorted(image.id for image in newest + of[names[1]])
    assert "the pages after it would name are missing" in told(heard, 0, 1)[0]


def test_a_search_that_ends_at_a_full_page_goes_on_with_what_came(service, town):
    service.paging = False
    service.page_size = 2000
    name = max({image.creator.username for image in town.images},
               key=lambda one: sum(image.creator.username == one for image in town.images))
    n = sum(image.creator.username == name for image in town.images)
    assert n > 2000

    found, heard = Layer("images", FIELDS="creator_username", ON_ERROR="SKIP", **at(service)).where(
        f"creator_username = '{name}'").read()

    assert len(found) == 2000
    assert "names no next page" in told(heard, 0, 1)[0]


def test_a_creator_who_cannot_be_asked_for_has_no_images(service, town, truth):
    names = sorted({town.image(row.id).creator.username for row in truth.within(BOX)
                    if town.image(row.id).creator_id})[:2]
    service.fault(500, match=lambda request: request.query.get("creator_username") == names[0], times=None)

    found, heard = Layer("images", FIELDS="creator_username", ON_ERROR="SKIP", **at(service)).within(BOX).where(
        f"creator_username IN ({listed(names)})").read()

    told_of = told(heard, 0, 1)[0]
    assert "images of this creator are missing" in told_of and names[0].split()[0] in told_of
    assert {row.fid for row in found} == {
        row.id for row in truth.within(BOX) if town.image(row.id).creator.username == names[1]
        or (town.image(row.id).creator.username == names[0] and not town.image(row.id).creator_id)}


# ---- Sequences ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def pieces(tiles) -> Pieces:
    return Pieces(tiles)


def rows_by_fid(layer: Layer):
    found, heard = layer.read()
    return {one.fid: (one.fid, one.fields, pixel_lines(one.shape)) for one in found}, heard


@pytest.mark.parametrize("stitch", ("WHOLE", "AREA"))
@pytest.mark.parametrize("place", ("first", "middle", "last"))
def test_sequences_that_do_not_meet_a_lost_tile_are_whole(service, town, truth, pieces, stitch, place):
    covered = cover(WIDE)
    bad = covered[{"first": 0, "middle": len(covered) // 2, "last": -1}[place]]
    whole, _ = rows_by_fid(Layer("sequences", STITCH=stitch, CACHE="NO", **at(service)).within(WIDE))
    # Elsewhere, since this process remembers what the first service said.
    with serve(service.tiles, town=town) as other:
        other.fault(500, match=bad, times=None)

        found, heard = rows_by_fid(Layer("sequences", STITCH=stitch, ON_ERROR="SKIP", **at(other)).within(WIDE))

    warning, = told(heard, 1, 0, "sequences")
    assert f"tile {name_of(bad)}: {ATTEMPTS} attempts: HTTP 500" in warning
    assert warning.endswith("; sequences that run through it may be cut at its border, or missing")
    through = {row[0] for row in map(lambda s: sequence_row(s, s.walks()), town.sequences)
               if any((x // 4096, y // 4096) == bad[2:] for line in row[2] for x, y in line)}
    untouched = {fid for fid in whole if fid not in through}
    assert untouched and untouched <= found.keys() <= whole.keys()
    assert [fid for fid in untouched if found[fid] != whole[fid]] == []


def test_a_tile_that_is_followed_to_and_lost_cuts_what_runs_into_it(service, town, pieces):
    box = (8.5470, 50.0160, 8.5500, 50.0185)
    expected = Expected(town, pieces, corners(box))
    beyond = in_plan_order(set(expected.followed) - set(cover(box)))
    assert beyond
    service.fault(500, match=beyond[0], times=None)

    found, heard = rows_by_fid(Layer("sequences", ON_ERROR="SKIP", **at(service)).within(box))

    assert told(heard, 1, 0, "sequences")[0].endswith("; sequences that run into it are cut at its border")
    assert found.keys() == {row[0] for row in expected.whole}
    assert set(service.tiles_asked()) <= set(expected.followed)


def test_pieces_of_a_lost_tile_are_missing(service, town, tiles):
    bad = cover(WIDE)[3]
    with serve(tiles, town=town) as other:
        every, _ = Layer("sequences", STITCH="NO", **at(other)).within(WIDE).read()
    service.fault(500, match=bad, times=None)

    found, heard = Layer("sequences", STITCH="NO", ON_ERROR="SKIP", **at(service)).within(WIDE).read()

    assert told(heard, 1, 0, "sequences")[0].endswith("; its pieces of sequences are missing")
    kept = {one.fid for one in found}
    assert [one for one in every if one.fid in kept] == found
    assert 0 < len(found) < len(every)


def test_a_sequence_whose_images_cannot_be_listed_is_missing_and_others_are_whole(service, town):
    first, second = [sequence for sequence in town.sequences if sequence.walks() and len(sequence.images) < 60][:2]
    service.fault(500, match=lambda request: request.query.get("sequence_id") == first.id, times=None)

    found, heard = rows_by_fid(Layer("sequences", ON_ERROR="SKIP", **at(service)).where(
        f"id IN ({listed((first.id, second.id))})"))

    assert "the sequences may be cut, or missing" in told(heard, 0, 1, "sequences")[0]
    assert sequence_row(second, second.walks()) in found.values()


# ---- Other layers and options ---------------------------------------------------------------------


def test_near_rows_keep_their_order_around_a_hole(service, town, truth):
    near = {"NEAR": "8.5495,50.0201", "RADIUS": 2000}
    with serve(service.tiles, town=town) as other:
        every = Layer("images", **near, **at(other)).rows()
    bad = next(tile for tile in service.tiles if tile[:2] == (ORIGINAL, 14) and any(
        row.fid == every[0].fid for row in truth.by_tile[tile]))
    service.fault(500, match=bad, times=None)

    found, heard = Layer("images", ON_ERROR="SKIP", **near, **at(service)).read()

    told(heard, 1)
    lost = {row.fid for row in truth.by_tile[bad]}
    assert_same_features(found, [row for row in every if row.fid not in lost])


def test_under_a_coarse_tile_that_is_lost_everything_is_read(service, town):
    land = (8.3, 49.85, 8.8, 50.2)
    with serve(service.tiles, town=town) as other:
        every, _ = Layer("images", PRUNE="YES", **at(other)).within(land).read()
        coarse = [tile for tile in other.tiles_asked() if tile[1] < 14]
        n_fine = len(other.tiles_asked()) - len(coarse)
    service.fault(500, match=lambda request: request.z is not None and request.z < 14, times=None)

    found, heard = Layer("images", PRUNE="YES", ON_ERROR="SKIP", **at(service)).within(land).read()

    assert heard.errors == []
    assert {row.fid for row in every} <= {row.fid for row in found}
    lost = [line for line in heard.warnings if "all tiles under it are read" in line]
    assert len(lost) == len(coarse) and not any("skipped were" in line for line in heard.warnings)
    fine = [tile for tile in service.tiles_asked() if tile[1] == 14]
    assert len(fine) == len(set(fine)) == len(cover(land)) > n_fine


# ---- The cache ------------------------------------------------------------------------------------


@pytest.fixture
def cached(tmp_path: Path) -> Dict[str, str]:
    return {"MAPILLARY_CACHE": "YES", "MAPILLARY_CACHE_DIR": str(tmp_path / "cache")}


def test_the_same_conversion_again_asks_only_for_what_is_missing(run, block, cached):
    block.fault(503, match=TILES[5], times=ATTEMPTS)
    convert = ("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT, "-oo", "ON_ERROR=SKIP")
    first = run(*convert, env=cached)
    block.clear()

    second = run(*convert, env=cached)

    assert (first.code, second.code, second.err) == (0, 0, "")
    assert len(second.out.splitlines()) == len(first.out.splitlines()) + 3
    assert block.tiles_asked() == [TILES[5]]


def test_offline_gives_what_the_cache_holds_and_names_the_rest(run, block, cached, tmp_path):
    half = box_of(range(8580, 8582), range(5552, 5555))
    held = tiles_of(range(8580, 8582), range(5552, 5555))
    run("ogr2ogr", "first.gpkg", "MAPILLARY:", "images", "-spat", *half, env=cached)
    block.clear()

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT, "-oo", "OFFLINE=YES",
               "-oo", "ON_ERROR=SKIP", env={**cached, "MAPILLARY_ACCESS_TOKEN": None})

    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1 + 3 * len(held)
    for tile in TILES:
        assert (f"tile {name_of(tile)}: not in the cache (OFFLINE=YES); " in done.err) == (tile not in held)
    assert f"skipped were {len(TILES) - len(held)} tiles and" in done.err
    assert block.requests == []


def test_offline_rows_stay_without_fields_that_the_cache_does_not_hold(run, service, cached, truth):
    read = ("ogr2ogr", "-f", "CSV", "/vsistdout/", "-select", "id,make", "MAPILLARY:", "images", "-spat", *BOX)
    bare = run(*read[:4], "-select", "id", *read[6:], env=cached)
    service.clear()

    done = run(*read, "-oo", "FIELDS=make", "-oo", "OFFLINE=YES", "-oo", "ON_ERROR=SKIP", env=cached)

    rows = truth.within(BOX)
    assert (bare.code, done.code) == (0, 0)
    assert done.out.replace('"', "").splitlines()[1:] == [f"{row.id}," for row in rows]  # quoted by some GDALs
    assert f"skipped were 0 tiles and {len(rows)} requests to the Graph" in done.err
    assert "fields from the Graph stay NULL" in done.err and "OFFLINE=YES" in done.err
    assert service.requests == []


def test_only_so_many_losses_are_told_one_by_one_and_all_are_counted(run, service, cached):
    area = range(8580, 8600), range(5552, 5570)
    run("ogr2ogr", "first.gpkg", "MAPILLARY:", "images", *SPAT, env=cached)
    service.clear()
    read = ("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", *box_of(*area),
            "-oo", "OFFLINE=YES", "-oo", "ON_ERROR=SKIP")
    n = len(area[0]) * len(area[1]) - len(TILES)

    done = run(*read, env=cached)
    debugged = run(*read, env={**cached, "CPL_DEBUG": "MAPILLARY"})

    assert (done.code, debugged.code) == (0, 0)
    assert done.err.count("skipped (ON_ERROR=SKIP)") == 100
    assert done.err.count("is only counted") == 1
    assert f"skipped were {n} tiles and 0 requests" in done.err
    assert debugged.err.count("skipped (ON_ERROR=SKIP)") == n
    assert service.requests == []
