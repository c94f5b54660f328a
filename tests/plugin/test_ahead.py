# SPDX-License-Identifier: MIT
"""Tiles that are read and opened ahead, on threads of their own: nobody can tell by the rows, and at rest there is no
thread."""
from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import mvt
import pytest

from child import BEGIN
from reading import assert_each_once, grown, in_plan_order, tile_box
from town import ORIGINAL

ROWS = 3000  # of each tile: some 150 kB, worth handing over
KEYS = in_plan_order((ORIGINAL, 14, x, y) for x in range(8580, 8583) for y in range(5553, 5556))
AREA = grown((tile_box(8580, 5555)[0], tile_box(8580, 5555)[1], tile_box(8582, 5553)[2], tile_box(8582, 5553)[3]), -1e-6)
IDS = [n * ROWS + k + 1 for n in range(len(KEYS)) for k in range(ROWS)]
WAYS = ("folder", "gzipped folder", "network")


def body_of(n: int) -> bytes:
    return mvt.encode([mvt.Layer("image", [
        mvt.point(k + 9, k + 9, {"id": n * ROWS + k + 1, "sequence_id": f"{n}-{k:020}", "is_pano": k % 2 == 0})
        for k in range(ROWS)])])


BODIES = {key: body_of(n) for n, key in enumerate(KEYS)}


def write_folder(folder: Path, pack: Callable[[bytes], bytes]) -> str:
    for (tileset, z, x, y), body in BODIES.items():
        path = folder / "maps" / "vtp" / tileset / "2" / str(z) / str(x) / str(y)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(body))
    return folder.as_uri()


@pytest.fixture
def program(run, service, tmp_path):
    """Runs a program that reads these tiles in one of the ways, and gives what it told."""
    service.tiles = dict(BODIES)

    def call(way: str, threads: object, text: str) -> Dict[str, Any]:
        env = {"GDAL_NUM_THREADS": threads if threads is None else str(threads), "MAPILLARY_CACHE": "NO"}
        if way != "network":
            env["MAPILLARY_TILES_URL"] = write_folder(
                tmp_path, (lambda body: body) if way == "folder" else lambda body: gzip.compress(body, 6))
        done = run(sys.executable, "-c", BEGIN.replace("AREA = ", f"AREA = {AREA!r} #") + TOOLS + text, env=env)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return call


# A thread that has ended may stay on the system's list a moment longer. And a tile is opened ahead if it comes in time:
# rows are read slowly while there may be threads to come, and what counts is how many there were at most.
TOOLS = """
def threads():
    return len(os.listdir("/proc/self/task"))

def settled(wanted):
    end = time.monotonic() + 5
    while threads() != wanted and time.monotonic() < end:
        time.sleep(0.001)
    return threads()

def first_rows(layer, n, wanted):
    ids, most = [], threads()
    while len(ids) < n:
        ids.append(layer.GetNextFeature().GetFID())
        if len(ids) % 100 == 0:
            if threads() < wanted:
                time.sleep(0.02)
            most = max(most, threads())
    return ids, most

"""


@pytest.mark.parametrize("way, threads, beside", (
    ("folder", 2, 2), ("gzipped folder", 2, 2), ("network", 2, 2), ("folder", 1, 0), ("network", 1, 1)))
def test_there_are_threads_while_tiles_are_read_and_none_at_rest(program, way: str, threads: int, beside: int):
    told = program(way, threads, f"""
dataset, layer = opened()
before = threads()
ids, most = first_rows(layer, {8 * ROWS}, before + {beside})
layer.ResetReading()
after = settled(before)
again = rest(layer)
tell(before=before, most=most, after=after, end=settled(before), ids=ids, again=again, said=said)
""")

    assert told["said"] == []
    assert told["ids"] == IDS[:8 * ROWS] and told["again"] == IDS
    assert (told["most"], told["after"], told["end"]) == (told["before"] + beside, told["before"], told["before"])


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="without a second processor there are none unasked")
@pytest.mark.parametrize("way, threads, has_one, beside", (
    ("folder", None, False, 0), ("folder", None, True, 2), ("folder", "ALL_CPUS", False, 2), ("network", None, False, 2)))
def test_unasked_a_folder_is_read_on_threads_by_programs_that_have_some(
        program, way: str, threads: object, has_one: bool, beside: int):
    told = program(way, threads, f"""
if {has_one}:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
dataset, layer = opened()
before = threads()
ids, most = first_rows(layer, {9 * ROWS}, before + {beside})
tell(before=before, most=most, ids=ids + rest(layer), said=said)
""")

    assert (told["ids"], told["said"]) == (IDS, [])
    assert (told["before"], told["most"]) == (1 + has_one, 1 + has_one + beside)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", (1, 2))
def test_the_rows_and_the_requests_are_the_same_with_and_without_threads(program, service, way: str, threads: int):
    told = program(way, threads, """
dataset, layer = opened()
values = []
for feature in iter(layer.GetNextFeature, None):
    values.append((feature.GetFID(), feature["sequence_id"], feature["is_pano"]))
tell(values=values, said=said)
""")

    assert told["said"] == []
    assert [tuple(row) for row in told["values"]] == [
        (n * ROWS + k + 1, f"{n}-{k:020}", int(k % 2 == 0)) for n in range(len(KEYS)) for k in range(ROWS)]
    if way == "network":
        assert_each_once(service.requests, KEYS)


@pytest.mark.parametrize("threads", (1, 2))
def test_rows_before_a_broken_file_come_first_and_then_the_error(program, threads: int):
    text = f"""
import pathlib
tileset, z, x, y = {KEYS[4]!r}
folder = os.environ["MAPILLARY_TILES_URL"][len("file://"):]
pathlib.Path(folder, "maps", "vtp", tileset, "2", str(z), str(x), str(y)).write_bytes(b"<" * (64 << 10))
dataset, layer = opened()
tell(ids=rest(layer), said=said, threads=settled(1))
"""
    told = program("folder", threads, text)

    assert told["ids"] == IDS[:4 * ROWS]
    assert len(told["said"]) == 1 and "14/%d/%d" % KEYS[4][2:] in told["said"][0]
    assert told["threads"] == 1


# ---- a fork in the middle of a read ----

def forked(program, way: str, n_read: int) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    told = program(way, 2, f"""
dataset, layer = opened()
first = [layer.GetNextFeature().GetFID() for _ in range({n_read})]
child = in_child(lambda: rest(layer))
tell(child=child, parent=first + rest(layer), said=said)
""")
    return told, told["child"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("n_read", (1, ROWS + 600))
def test_a_read_that_goes_on_in_a_child_ends_with_all_rows_or_with_a_word(program, way: str, n_read: int):
    told, child = forked(program, way, n_read)

    assert (told["parent"], told["said"]) == (IDS, [])
    assert child["status"] == 0, "it hung, or crashed"
    wanted: List[int] = IDS[n_read:]
    if child["said"]:
        assert len(child["said"]) == 1 and "fork" in child["said"][0]
        assert child["rows"] == wanted[:len(child["rows"])]
    else:
        assert child["rows"] == wanted


@pytest.mark.parametrize("way", ("folder", "network"))
def test_a_read_that_is_begun_anew_in_a_child_gives_all_rows(program, way: str):
    told = program(way, 2, f"""
dataset, layer = opened()
first = [layer.GetNextFeature().GetFID() for _ in range({ROWS + 600})]
def work():
    layer.ResetReading()
    return rest(layer)
child = in_child(work)
tell(child=child, parent=first + rest(layer), said=said)
""")

    assert (told["parent"], told["said"]) == (IDS, [])
    assert told["child"] == {"rows": IDS, "said": [], "status": 0}
