# SPDX-License-Identifier: MIT
"""PROGRESS=YES: GDAL's bar on the terminal, by tiles, for long reads; at its end only when the read is."""
from __future__ import annotations

import sys

import pytest

from block import ATTEMPTS, SPAT, TILES, box_of

BAR = "0...10...20...30...40...50...60...70...80...90...100 - done.\n"
CONVERT = ("ogr2ogr", "-f", "CSV", "out.csv", "MAPILLARY:", "images", *SPAT)
SHOWN = ("-oo", "PROGRESS=YES")


def test_a_long_read_draws_one_bar(run, block):
    done = run(*CONVERT, *SHOWN)

    assert (done.code, done.out, done.err) == (0, BAR, "")


def test_without_being_asked_for_there_is_none(run, block):
    assert run(*CONVERT).out == ""
    assert run(*CONVERT[:3], "again.csv", *CONVERT[4:], "-oo", "PROGRESS=NO").out == ""


def test_the_environment_can_ask_for_it(run, block):
    assert run(*CONVERT, env={"MAPILLARY_PROGRESS": "YES"}).out == BAR


def test_a_few_tiles_are_not_worth_a_bar(run, block):
    few = box_of(range(8580, 8584), range(5552, 5554))

    done = run(*CONVERT[:6], "-spat", *few, *SHOWN)

    assert (done.code, done.out) == (0, "")
    assert len(block.requests) == 8


def test_tiles_without_data_count_as_tiles(run, block):
    block.tiles = {TILES[7]: block.tiles[TILES[7]]}
    block.empty_tiles = {TILES[0]: 404, TILES[1]: 204, TILES[2]: "layer"}

    assert run(*CONVERT, *SHOWN).out == BAR


@pytest.mark.parametrize("place", (0, 6, 11))
def test_a_read_that_fails_does_not_come_to_the_end(run, block, place):
    block.fault(410, match=TILES[place], times=None)

    done = run(*CONVERT, *SHOWN)

    assert done.code != 0
    assert BAR.startswith(done.out) and "100" not in done.out
    assert (done.out == "") == (place == 0)


def test_a_read_that_stops_early_does_not_come_to_the_end(run, block):
    done = run(*CONVERT, *SHOWN, "-limit", "10")

    assert done.code == 0
    assert BAR.startswith(done.out) and done.out != "" and "100" not in done.out


def test_a_read_that_went_on_without_a_tile_has_gone_through_all(run, block):
    block.fault(503, match=TILES[-1], times=ATTEMPTS)

    done = run(*CONVERT, *SHOWN, "-oo", "ON_ERROR=SKIP")

    assert (done.code, done.out) == (0, BAR)
    assert "skipped were 1 tile and" in done.err


def test_layers_that_are_read_one_after_another_have_a_bar_each(run, service):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "traffic_signs", *SHOWN,
               "-spat", *box_of(range(8579, 8583), range(5553, 5557)))

    assert (done.code, done.out) == (0, 2 * BAR)


@pytest.mark.parametrize("stitch", ("AREA", "WHOLE"))
def test_the_tiles_that_sequences_are_followed_to_count(run, service, stitch):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "sequences", *SHOWN, "-oo", f"STITCH={stitch}", "-nlt",
               "PROMOTE_TO_MULTI", "-spat", *box_of(range(8579, 8583), range(5553, 5557)))

    assert (done.code, done.out) == (0, BAR)


def test_coarse_tiles_and_those_that_they_leave_are_one_bar(run, service):
    done = run("ogr2ogr", "-f", "CSV", "out.csv", "MAPILLARY:", "images", *SHOWN, "-oo", "PRUNE=YES",
               "-spat", "8.0", "49.6", "9.2", "50.5")

    assert (done.code, done.out) == (0, BAR)


# Reads two layers in turn: the first one's bar is the only one. Then a count has one of its own.
IN_TURN = """
import sys
from osgeo import gdal

dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["PROGRESS=YES"])
layers = [dataset.GetLayerByName(name) for name in ("images", "map_features")]
for layer in layers:
    layer.SetSpatialFilterRect(*map(float, sys.argv[1:]))
reading = list(layers)
while reading:
    reading = [layer for layer in reading if layer.GetNextFeature() is not None]
print("counted", layers[0].GetFeatureCount(), flush=True)
"""


def test_reads_at_the_same_time_share_one_terminal(run, service, truth):
    box = box_of(range(8579, 8583), range(5553, 5557))

    done = run(sys.executable, "-c", IN_TURN, *box)

    assert done.code == 0, done.err
    assert done.out == 2 * BAR + f"counted {len(truth.within(box))}\n"
