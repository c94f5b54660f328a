# SPDX-License-Identifier: MIT
"""Programs that fork, or end, in the middle of a read: the child reads or fails with a word, nothing hangs or crashes,
and the parent does not notice."""
from __future__ import annotations

import json
import sys
from typing import Any, Dict, List

import pytest

from child import AREA, BEGIN, ENDINGS
from reading import cover

@pytest.fixture
def program(run, service):
    """Runs such a program, and gives what it told."""
    service.latency = 0.02

    def call(text: str, **env: str) -> Dict[str, Any]:
        done = run(sys.executable, "-c", BEGIN + text, env=env)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return call


def ids(truth) -> List[int]:
    return [row.id for row in truth.within(AREA)]


def assert_reads_or_says(child: Dict[str, Any], wanted: List[int]) -> None:
    assert child["status"] == 0, "it hung, or crashed"
    if child["said"]:
        assert len(child["said"]) == 1 and "fork" in child["said"][0]
        assert child["rows"] == wanted[:len(child["rows"])]
    else:
        assert child["rows"] == wanted


@pytest.mark.parametrize("n_read", (1, 300))
def test_a_read_that_goes_on_in_a_child_ends_with_all_rows_or_with_a_word(program, service, truth, n_read):
    told = program(f"""
dataset, layer = opened()
first = [layer.GetNextFeature().GetFID() for _ in range({n_read})]
child = in_child(lambda: rest(layer))
tell(child=child, parent=first + rest(layer), said=said)
""")

    assert (told["parent"], told["said"]) == (ids(truth), [])
    assert_reads_or_says(told["child"], ids(truth)[n_read:])
    assert set(service.tiles_asked()) == set(cover(AREA))


@pytest.mark.parametrize("begin", ("layer.ResetReading()", "layer.SetSpatialFilterRect(*AREA)",
                                   "dataset, layer = opened()", "layer = dataset.GetLayerByName('images')"))
def test_a_read_that_is_begun_anew_in_a_child_gives_all_rows(program, truth, begin):
    told = program(f"""
dataset, layer = opened()
first = [layer.GetNextFeature().GetFID()]
def work():
    global dataset, layer
    {begin}
    layer.ResetReading()
    return rest(layer)
child = in_child(work)
tell(child=child, parent=first + rest(layer), said=said)
""")

    assert (told["parent"], told["said"]) == (ids(truth), [])
    assert told["child"] == {"rows": ids(truth), "said": [], "status": 0}


def test_a_child_that_closes_what_its_parent_reads_does_no_harm(program, truth):
    told = program("""
dataset, layer = opened()
first = [layer.GetNextFeature().GetFID()]
def work():
    global dataset, layer
    layer = dataset = None
    return []
child = in_child(work)
tell(child=child, parent=first + rest(layer), said=said)
""")

    assert (told["parent"], told["said"]) == (ids(truth), [])
    assert told["child"] == {"rows": [], "said": [], "status": 0}


def test_a_child_of_a_program_that_has_read_reads_over_connections_of_its_own(program, service, truth):
    told = program("""
dataset, layer = opened()
first = rest(layer)
def work():
    layer.SetSpatialFilterRect(8.52, 50.002, 8.538, 50.027)
    layer.ResetReading()
    return rest(layer)
child = in_child(work)
layer.SetSpatialFilterRect(8.562, 50.002, 8.592, 50.027)
tell(child=child, first=first, parent=rest(layer), said=said)
""")

    assert (told["first"], told["said"]) == (ids(truth), [])
    assert told["parent"] == [row.id for row in truth.within((8.562, 50.002, 8.592, 50.027))]
    assert told["child"] == {
        "rows": [row.id for row in truth.within((8.52, 50.002, 8.538, 50.027))], "said": [], "status": 0}


# ---- The end of a program ---------------------------------------------------------------------------

@pytest.mark.parametrize("ending", ENDINGS)
def test_a_program_may_end_in_the_middle_of_a_read(run, service, ending):
    service.latency = 0.02

    done = run(sys.executable, "-c", BEGIN + f"""
dataset, layer = opened()
assert layer.GetNextFeature() is not None
{ENDINGS[ending]}
""", timeout=50)

    assert (done.code, done.err) == (0, "")
