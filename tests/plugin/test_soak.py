# SPDX-License-Identifier: MIT
"""Thousands of tiles, and a fault in every tenth answer: exact rows, and exactly the requests that this takes.

What befalls the n-th request for a tile follows from a seed alone. So it can be told beforehand how often each tile has
to be asked for, and which ones are lost. MLY_SOAK_TILES says how many tiles there are, MLY_SOAK_SEED which chance.
"""
from __future__ import annotations

import math
import os
from typing import Iterator, List, NamedTuple

import pytest

from block import Land, box_of, name_of, request_of, tiles_of, truth_of
from conftest import serve
from reading import assert_each_once, assert_same
from service import RandomFaults, Service, answer_garbage
from town import TileKey

SIDE = math.isqrt(int(os.environ.get("MLY_SOAK_TILES", 2500)))
SEED = int(os.environ.get("MLY_SOAK_SEED", 1))
AREA = range(8400, 8400 + SIDE), range(5400, 5400 + SIDE)
TILES, BOX = tiles_of(*AREA), box_of(*AREA)
RATE = 0.1
TOLD = 100  # losses that have a warning of their own

# Faults after which the same request may succeed.
PASSING = (429, 500, 502, 503, 504, "reset", "close", "short", "json_error")
# Those of which libcurl repeats none by itself, so that attempts can be counted; and bodies that do not decode.
COUNTED = (500, 502, 503, 504, "short", "json_error", "garbage")


class Fate(NamedTuple):
    n_requests: int
    is_lost: bool


def fate_of(chance: RandomFaults, tile: TileKey, retries: int) -> Fate:
    """How a tile fares: so many retries of what may pass, then it is lost; and one more try where it does not decode."""
    request = request_of(tile)
    n_requests = n_failed = n_broken = 0
    while True:
        fault = chance.fault_for(request)
        n_requests += 1
        if fault is None:
            return Fate(n_requests, False)
        if fault.action is answer_garbage:
            n_broken, n_failed = n_broken + 1, 0
        else:
            n_failed += 1
        if n_broken > 1 or n_failed > retries:
            return Fate(n_requests, True)


@pytest.fixture
def service() -> Iterator[Service]:
    """Of this land alone, which does not spend its time on compressing."""
    with serve(Land(TILES), gzip=False) as running:
        yield running
        assert running.flaws() == []


def test_with_enough_retries_every_row_comes(images, service, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "20")  # by chance, one fails many times in a row
    service.random_faults(SEED, RATE, PASSING)
    broken = set(TILES[SEED % 40::40])
    service.fault("garbage", match=lambda request: request.tile in broken and not broken.discard(request.tile),
               times=None, body="truncated")
    chance = RandomFaults(SEED, RATE, PASSING)
    expected: List[TileKey] = sorted(broken) + [
        tile for tile in TILES for _ in range(fate_of(chance, tile, 20).n_requests)]
    assert len(expected) > 1.05 * len(TILES)

    rows = images(MAX_TILES=len(TILES), CONNECTIONS=16).within(BOX).rows()

    assert_same(rows, truth_of(TILES))
    assert_each_once(service.requests, expected)
    assert service.max_in_flight <= 16


def test_what_is_lost_for_good_is_all_that_is_missing(images, service, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "1")
    service.random_faults(SEED, RATE, COUNTED)
    chance = RandomFaults(SEED, RATE, COUNTED)
    fates = {tile: fate_of(chance, tile, 1) for tile in TILES}
    lost = [tile for tile in TILES if fates[tile].is_lost]
    assert len(lost) > len(TILES) / 500

    rows, heard = images(MAX_TILES=len(TILES), CONNECTIONS=16, ON_ERROR="SKIP").within(BOX).read()

    assert_same(rows, truth_of(tile for tile in TILES if not fates[tile].is_lost))
    assert_each_once(service.requests, [tile for tile in TILES for _ in range(fates[tile].n_requests)])
    assert service.max_in_flight <= 16
    assert heard.errors == []
    told, summary = heard.warnings[:min(len(lost), TOLD)], heard.warnings[-1]
    assert [f"tile {name_of(tile)}" in warning for tile, warning in zip(lost, told)] == [True] * len(told)
    assert f"skipped were {len(lost)} tiles and 0 requests to the Graph" in summary
    assert len(heard.warnings) == len(told) + (len(lost) > TOLD) + 1
