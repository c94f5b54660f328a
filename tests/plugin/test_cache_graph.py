# SPDX-License-Identifier: MIT
"""What the Graph says is cached, too: each field of each entity, and whole lists."""
from __future__ import annotations

import shutil
from pathlib import Path
from typing import List

import pytest

from conftest import secrets
from features import Layer, Seen, at, fields_asked, ids_asked, kinds, listed
from reading import corners, grown, polygon

BOX = (8.5470, 50.0160, 8.5500, 50.0185)  # some hundred images
HALF = (8.5470, 50.0160, 8.5486, 50.0185)
LAYERS = ("images", "map_features", "traffic_signs")
AREA = (8.538, 50.010, 8.562, 50.027)
COUNTRY = (5.0, 45.0, 15.0, 55.0)  # far more tiles than any read may ask for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache-of-its-own"


@pytest.fixture
def read(service, folder):
    """The rows of a layer, with that cache. What the process remembers of tiles does not count here: only the requests
    to the Graph do."""

    def call(layer: str = "images", where: str = "", box=BOX, **options: object) -> List[Seen]:
        given = {**at(service), "CACHE": "YES", "CACHE_DIR": folder, **options}
        opened = Layer(layer, **given)
        if box:
            opened.within(box)
        return (opened.where(where) if where else opened).rows()

    return call


def graph_requests(service) -> List[str]:
    return [kind for kind in kinds(service.requests) if kind != "tile"]


def test_the_same_fields_again_ask_nothing_and_are_the_same(service, read):
    first = read(FIELDS="ALL")
    assert len(graph_requests(service)) > 1
    service.clear()

    assert read(FIELDS="ALL") == first
    assert graph_requests(service) == []


def test_fields_serve_whatever_they_were_asked_for_with(service, read):
    everything = {row.fid: row for row in read(FIELDS="make,model,creator_username")}
    service.clear()

    some = read(FIELDS="model", box=HALF)

    assert 0 < len(some) < len(everything)
    assert all(row.fields["model"] == everything[row.fid].fields["model"] for row in some)
    assert graph_requests(service) == []


def test_only_what_is_missing_is_asked_for(service, read):
    known = {row.fid for row in read(FIELDS="make", box=HALF)}
    service.clear()

    rows = read(FIELDS="make")

    asked = [n for batch in ids_asked(service.requests) for n in batch]
    assert sorted(asked) == sorted(row.fid for row in rows if row.fid not in known)
    assert known and asked


def test_another_field_is_asked_for_alone(service, read):
    read(FIELDS="make")
    service.clear()

    read(FIELDS="altitude")

    assert fields_asked(service.requests) - {"id"} == {"altitude"}


def test_offline_reads_fields_from_a_copied_folder(service, read, folder, tmp_path):
    first = read(FIELDS="ALL")
    copied = tmp_path / "elsewhere"
    shutil.copytree(folder, copied)
    service.clear()

    again = read(FIELDS="ALL", CACHE_DIR=copied, OFFLINE="YES")

    assert again == first
    assert service.requests == []


def test_offline_a_field_that_nobody_asked_for_is_an_error(service, read, folder):
    read(FIELDS="make")
    service.clear()

    layer = Layer("images", **{**at(service), "CACHE": "YES", "CACHE_DIR": folder, "OFFLINE": "YES",
                               "FIELDS": "altitude"}).within(BOX)

    assert "not in the cache (OFFLINE=YES)" in layer.failure()
    assert service.requests == []


def test_an_interrupted_read_asks_for_what_is_missing_only(service, read, folder):
    wanted = read(FIELDS="make", CACHE="NO", CONNECTIONS=1)  # one after the other: the last to arrive is the last sent
    batches = ids_asked(service.requests)
    service.clear()
    last = str(batches[-1][-1])
    service.fault(400, times=None, match=lambda request: last in request.query.get("ids", ""))
    layer = Layer("images", **{**at(service), "CACHE": "YES", "CACHE_DIR": folder, "FIELDS": "make",
                               "CONNECTIONS": 1}).within(BOX)
    assert layer.failure()
    service.no_faults()
    service.clear()

    assert read(FIELDS="make") == wanted
    assert set(map(tuple, ids_asked(service.requests))) <= set(batches)
    assert len(ids_asked(service.requests)) < len(batches)


def test_a_read_that_may_ask_no_more_keeps_what_it_has_asked_for(service, read, folder):
    wanted = read(FIELDS="make", CACHE="NO")
    batches = len(ids_asked(service.requests))
    service.clear()
    layer = Layer("images", **{**at(service), "CACHE": "YES", "CACHE_DIR": folder, "FIELDS": "make",
                               "MAX_REQUESTS": 1}).within(BOX)
    assert "MAX_REQUESTS" in layer.failure()
    assert len(ids_asked(service.requests)) == 1
    service.clear()

    assert read(FIELDS="make", MAX_REQUESTS=batches - 1) == wanted
    assert len(ids_asked(service.requests)) == batches - 1 > 0


def test_ids_that_were_looked_up_are_not_asked_for_again(service, read, town):
    ids = [image.id for image in town.images[:70]]
    where = f"id IN ({listed(ids)}, 999999999999)"
    first = read(where=where, box=None)
    asked = len(graph_requests(service))
    service.clear()

    assert read(where=where, box=None) == first
    assert sorted(row.fid for row in first) == sorted(ids)
    assert asked > 1 and graph_requests(service) == []


@pytest.mark.parametrize("layer,where", [
    ("images", "creator_username = 'lena_maps'"),
    ("sequences", "id = '{sequence}'"),
    ("images", "sequence_id = '{sequence}'"),
    ("detections", "image_id = {image}"),
])
def test_lists_are_kept_without_the_token_that_comes_with_them(service, read, town, folder, layer, where):
    image = next(image for image in town.images if town.truth_detections_of_image(image.id))
    where = where.format(sequence=image.sequence_id, image=image.id)
    fields = {"FIELDS": "creator_username"} if "creator" in where else {}
    first = read(layer, where, box=None, **fields)
    assert first and graph_requests(service)
    service.clear()

    assert read(layer, where, box=None, **fields) == first
    assert graph_requests(service) == []
    kept = [path.read_bytes() for path in folder.rglob("*.mlyc")]
    assert kept
    for secret in secrets(service.token):
        assert not any(secret.encode() in body for body in kept)


def test_old_fields_are_asked_for_anew(service, read):
    first = read(FIELDS="make")
    asked = graph_requests(service)
    service.clear()

    assert read(FIELDS="make", CACHE_TTL=0) == first
    assert graph_requests(service) == asked


# ---- The budget of requests -------------------------------------------------------------------------


def test_what_the_cache_answers_does_not_count_so_that_a_read_repeated_goes_on(service, read, folder):
    """Some requests for each read, until nothing is left to be asked."""
    wanted = read(FIELDS="make", CACHE="NO", box=AREA)
    n_batches = len(ids_asked(service.requests))
    n_reads = 0
    assert n_batches > 15
    while True:
        service.clear()
        opened = Layer("images", **{**at(service), "CACHE": "YES", "CACHE_DIR": folder, "FIELDS": "make",
                                    "MAX_REQUESTS": 12, "CONNECTIONS": 1}).within(AREA)
        rows, heard = opened.read()
        n_reads += 1
        assert len(graph_requests(service)) <= 12
        if not heard.errors:
            break
        assert "more Graph requests than the 12 that MAX_REQUESTS allows" in heard.errors[0]
        assert rows == wanted[:len(rows)]
        assert n_reads <= n_batches

    assert rows == wanted and n_reads > 2


def test_a_list_and_entities_that_the_cache_has_need_no_budget(service, read, town):
    where = f"sequence_id = '{max(town.sequences, key=lambda one: len(one.images)).id}'"
    first = read(where=where, box=None)
    assert len(graph_requests(service)) > 3
    service.clear()

    assert read(where=where, box=None, MAX_REQUESTS=1) == first
    assert service.requests == []


def test_offline_no_number_of_ids_is_too_large(service, read, some):
    where = f"id IN ({listed(some('images', 120))})"
    first = read(where=where, box=None)
    service.clear()

    assert read(where=where, box=None, OFFLINE="YES", MAX_REQUESTS=1) == first
    assert len(first) == 120 and service.requests == []


# ---- Offline, ids in an area ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def some(town):
    """Ids of a layer, from all over the town."""
    things = {"images": town.images, "map_features": town.points, "traffic_signs": town.signs}
    return lambda layer, n: [thing.id for thing in things[layer][::len(things[layer]) // n][:n]]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("options", ({}, {"AOI": polygon(corners(AREA))}, {"AOI": polygon(corners(COUNTRY))}))
def test_offline_ids_in_an_area_are_what_was_recorded_by_ids(service, read, some, layer, options):
    area = None if options else AREA
    where = f"id IN ({listed(some(layer, 60))}, 999999999999)"
    first = read(layer, where, box=area, **options)
    assert graph_requests(service) and service.tiles_asked() == []
    service.clear()

    assert read(layer, where, box=area, OFFLINE="YES", **options) == first
    assert 0 < len(first) <= 60
    for some_ids in (some(layer, 60)[:7], [999999999999]):
        again = read(layer, f"id IN ({listed(some_ids)})", box=area, OFFLINE="YES", **options)
        assert again == [row for row in first if row.fid in some_ids]
    assert service.requests == []


def test_offline_ids_with_fields_and_exact_positions_are_what_was_recorded(service, read, some):
    where = f"id IN ({listed(some('images', 60))})"
    options = {"FIELDS": "make,altitude", "PRECISION": "EXACT"}
    first = read(where=where, box=AREA, **options)
    service.clear()

    assert read(where=where, box=AREA, OFFLINE="YES", **options) == first != []
    assert service.requests == []


def test_offline_ids_of_which_one_was_not_recorded_are_sought_in_the_tiles_of_the_area(service, read, some, truth):
    inside = [row.id for row in truth.within(BOX)]
    known, unknown = inside[:40:2], inside[1]
    first = read(where=f"id IN ({listed(known)})", box=BOX)
    read(box=BOX)
    service.clear()

    again = read(where=f"id IN ({listed([*known, unknown])})", box=BOX, OFFLINE="YES")

    assert [row.fid for row in first] == known
    assert [row.fid for row in again] == [n for n in inside if n in known or n == unknown]
    assert service.requests == []


@pytest.mark.parametrize("number", (0, -1))
def test_offline_ids_that_neither_way_holds_are_an_error_that_names_a_tile(service, read, folder, truth, number):
    ids = [row.id for row in truth.within(AREA)][:120:2]
    unknown = ids.pop(number)
    read(where=f"id IN ({listed(ids)})", box=AREA)
    service.clear()
    layer = Layer("images", **{**at(service), "CACHE": "YES", "CACHE_DIR": folder, "OFFLINE": "YES"})

    message = layer.within(AREA).where(f"id IN ({listed([*ids, unknown])})").failure()

    assert "tile mly1_public/14/" in message and "not in the cache (OFFLINE=YES)" in message
    assert service.requests == []


def test_offline_ids_without_a_field_that_was_not_recorded_are_an_error(service, read, folder, truth):
    ids = [row.id for row in truth.within(AREA)][:60]
    read(where=f"id IN ({listed(ids)})", box=AREA)
    service.clear()
    options = {**at(service), "CACHE": "YES", "CACHE_DIR": folder, "OFFLINE": "YES", "FIELDS": "make"}

    message = Layer("images", **options).within(AREA).where(f"id IN ({listed(ids)})").failure()

    assert "not in the cache (OFFLINE=YES)" in message
    assert service.requests == []


def test_offline_a_count_of_ids_is_that_of_the_rows(service, read, folder, truth):
    ids = [row.id for row in truth.within(AREA)][:60]
    where = f"id IN ({listed(ids)})"
    first = read(where=where, box=AREA)
    service.clear()
    layer = Layer("images", **{**at(service), "CACHE": "YES", "CACHE_DIR": folder, "OFFLINE": "YES"})

    assert layer.within(AREA).where(where).layer.GetFeatureCount() == len(first) == 60
    assert service.requests == []


@pytest.mark.parametrize("margin", (None, 0.001, 5.0))
def test_offline_a_sequence_by_its_key_is_what_was_recorded(service, read, town, margin):
    sequence = max(town.sequences, key=lambda one: len(one.images))
    image = sequence.images[len(sequence.images) // 2]
    area = margin and grown((image.lon, image.lat) * 2, margin)
    first = read("sequences", f"id = '{sequence.id}'", box=area)
    assert len(first) == 1 and graph_requests(service)
    service.clear()

    assert read("sequences", f"id = '{sequence.id}'", box=area, OFFLINE="YES") == first
    assert service.requests == []


@pytest.mark.parametrize("layer", LAYERS)
def test_offline_a_feature_that_was_recorded_by_its_id_is_found_by_it(service, read, folder, some, layer):
    ids = some(layer, 5)
    rows = {row.fid: row for row in read(layer, f"id IN ({listed(ids)})", box=None)}
    service.clear()
    options = {**at(service), "CACHE": "YES", "CACHE_DIR": folder, "OFFLINE": "YES"}

    for area in ({}, {"AOI": polygon(corners(grown(AREA, 0.1)))}):
        opened = Layer(layer, **options, **area)
        assert {n: opened.get(n) for n in ids} == rows
    assert service.requests == []
