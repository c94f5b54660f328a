# SPDX-License-Identifier: MIT
"""What a process may use of what it has seen: offline, at what age, and with which cache."""
from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import List

import mvt
import pytest

from block import BLOCK, SPAT, TILES, images_of, truth_of
from features import Layer, at
from reading import assert_each_once, corners, cover, grown, listening, polygon, seen, tile_box

BOX = (8.5450, 50.0150, 8.5500, 50.0190)  # some hundred images
LAYERS = ("images", "map_features", "traffic_signs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache-of-its-own"


@pytest.fixture
def opened(service, folder):
    """Opens a layer with that cache."""

    def call(layer: str = "images", **options: object) -> Layer:
        return Layer(layer, **{**at(service), "CACHE": "YES", "CACHE_DIR": folder, **options})

    return call


# ---- Single features, and an order of one's own -----------------------------------------------------


def test_offline_a_feature_that_is_not_there_does_not_disturb_the_read(service, opened):
    rows = opened().within(BOX).rows()
    service.clear()

    offline = opened(OFFLINE="YES", AOI=polygon(corners(BOX)))
    first = [offline.layer.GetNextFeature().GetFID() for _ in range(10)]
    with listening() as heard:
        assert offline.layer.GetFeature(1) is None
    rest = []
    while (feature := offline.layer.GetNextFeature()) is not None:  # a loop over the layer would begin anew
        rest.append(feature.GetFID())

    assert not heard.warnings
    assert first + rest == [row.fid for row in rows]
    assert service.requests == []


def test_offline_one_recorded_feature_is_found_among_others_that_are_not(service, opened):
    rows = opened().within(BOX).rows()
    number = rows[7].fid
    [expected] = opened(FIELDS="make").where(f"id = {number}").rows()
    service.clear()

    offline = opened(OFFLINE="YES", FIELDS="make", AOI=polygon(corners(BOX)))

    assert offline.get(number) == expected
    assert service.requests == []


def test_what_cannot_be_had_of_a_feature_is_asked_for_once(service, opened):
    rows = opened().within(BOX).rows()
    service.fault(400, match="entities", times=None)
    service.clear()
    layer = opened(FIELDS="make")

    with listening() as heard:
        assert layer.layer.GetFeature(rows[3].fid) is None

    assert len(heard.errors) == 1
    assert len(service.requests) == 1


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("by_aoi", (True, False))
def test_offline_features_that_were_read_are_found_while_reading_goes_on(service, opened, layer, by_aoi):
    area = {"AOI": polygon(corners(BOX))} if by_aoi else {}
    rows = opened(layer).within(BOX).rows()
    assert rows
    service.clear()

    offline = opened(layer, OFFLINE="YES", **area)
    if not by_aoi:
        offline.within(BOX)
    assert offline.rows() == rows
    offline.layer.ResetReading()
    for number, row in enumerate(rows):
        assert offline.layer.GetNextFeature().GetFID() == row.fid
        assert offline.get(rows[-1 - number].fid) == rows[-1 - number]

    assert offline.layer.GetNextFeature() is None
    assert service.requests == []


@pytest.mark.parametrize("order", ("captured_at", "id DESC"))
def test_offline_rows_are_put_in_order(service, opened, order):
    rows = [row for row in opened().within(BOX).rows() if row.fields["captured_at"]]
    service.clear()
    offline = opened(OFFLINE="YES", AOI=polygon(corners(BOX)))

    with listening() as heard:
        result = offline.dataset.ExecuteSQL(f"SELECT * FROM images WHERE captured_at IS NOT NULL ORDER BY {order}")
        found = [seen(feature) for feature in result]
        offline.dataset.ReleaseResultSet(result)

    assert heard.text == ""
    keys = [row.captured_at if order == "captured_at" else -row.id for row in found]
    assert keys == sorted(keys)
    assert {row.fid: row.attributes for row in found} == {row.fid: row.fields for row in rows}
    assert len(found) == len(rows)
    assert service.requests == []


def columns(layer: Layer) -> List[List[int]]:
    """The ids in the batches of an Arrow stream."""
    numpy = pytest.importorskip("numpy")
    stream = layer.layer.GetArrowStreamAsNumPy(["USE_MASKED_ARRAYS=NO"])
    return [list(map(int, numpy.asarray(batch["id"]))) for batch in stream]


@pytest.mark.parametrize("by_rows", (True, False))
def test_offline_a_feature_is_found_in_a_tile_that_is_too_large_to_be_remembered(block, opened, by_rows):
    """Of more than half of what the process may hold; nobody else knows where the row lies."""
    large, n_rows = TILES[4], 900
    first, _, _ = images_of(large)[0]
    block.tiles = {**block.tiles, large: mvt.encode([mvt.Layer("image", [
        mvt.point(1000 + n, 1000, {"id": first + n, "sequence_id": f"{n:010000}"}) for n in range(n_rows)])])}
    opened().within(BLOCK).rows()
    block.clear()
    offline = opened(OFFLINE="YES").within(BLOCK)
    ids = [row.fid for row in offline.rows()] if by_rows else [fid for batch in columns(offline) for fid in batch]
    assert len(ids) == n_rows + 3 * (len(TILES) - 1)
    offline.layer.ResetReading()

    for number in random.Random(1).sample(range(n_rows), 5):
        assert offline.layer.GetNextFeature() is not None
        assert offline.get(first + number).fields["sequence_id"] == f"{number:010000}"

    assert offline.layer.GetNextFeature().GetFID() == ids[5]
    assert block.requests == []


# ---- Whose memory it is ------------------------------------------------------------------------------


def test_a_second_cache_of_a_process_is_filled_from_the_service_and_not_from_memory(service, opened, tmp_path, truth):
    opened().within(BOX).rows()
    service.clear()

    again = opened(CACHE_DIR=tmp_path / "second").within(BOX)
    rows = again.rows()
    assert_each_once(service.requests, cover(BOX))
    assert again.rows() == rows
    service.clear()
    shutil.copytree(tmp_path / "second", tmp_path / "copied")

    assert opened(CACHE_DIR=tmp_path / "copied", OFFLINE="YES").within(BOX).rows() == rows
    assert [row.fid for row in rows] == [row.id for row in truth.within(BOX)]
    assert service.requests == []


@pytest.mark.parametrize("options", ({"CACHE": "NO"}, {"CACHE_DIR": "elsewhere"}))
def test_offline_takes_nothing_that_only_the_process_has_seen(block, opened, tmp_path, folder, options):
    if "CACHE_DIR" in options:
        options = {"CACHE_DIR": tmp_path / "elsewhere"}
    assert len(opened(**options).within(BLOCK).rows()) == 3 * len(TILES)
    opened().within(grown(tile_box(*TILES[0][2:]), -1e-6)).rows()
    block.clear()

    message = opened(OFFLINE="YES").within(BLOCK).failure()

    assert "not in the cache (OFFLINE=YES)" in message
    assert block.requests == []


def test_offline_tiles_serve_from_memory_at_any_age(block, opened):
    opened().within(BLOCK).rows()
    offline = opened(OFFLINE="YES", CACHE_TTL=0).within(BLOCK)
    rows = offline.rows()

    assert [row.fid for row in rows] == [row.fid for row in truth_of(TILES)]
    assert [offline.get(row.fid) for row in rows] == rows


def test_a_tile_is_as_old_in_memory_as_it_is_on_disk(run, block, opened, folder):
    done = run("ogr2ogr", "out.csv", "MAPILLARY:", "images", *SPAT,
               env={"MAPILLARY_CACHE": "YES", "MAPILLARY_CACHE_DIR": str(folder)})
    assert done.code == 0, done.err
    time.sleep(1.01)  # another process had it so long ago
    block.clear()
    rows = opened().within(BLOCK).rows()
    assert block.requests == []

    assert opened(CACHE_TTL=1).within(BLOCK).rows() == rows

    assert_each_once(block.requests, TILES)
