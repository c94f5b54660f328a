# SPDX-License-Identifier: MIT
"""What goes wrong on the way, and what becomes of it: every row, or an error; never something between."""
from __future__ import annotations

import gzip
import os
import sys
import time

import mvt
import pytest

from block import ATTEMPTS, BLOCK, PLACES, SPAT, TILES, name_of, times_asked, truth_of
from reading import assert_each_once, assert_same, grown, listening, tile_box
from town import ORIGINAL

PROTOBUF = "application/x-protobuf"

# Instrumented code keeps what it freed for a while.
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
MEGABYTES = 1500 if SANITIZED else 600


# ---- What passes ------------------------------------------------------------------------------

# Faults after which the same request may succeed, and what a message must say of them.
PASSING = {
    "500": (500, {}, "HTTP 500"),
    "502": (502, {}, "HTTP 502"),
    "503": (503, {"body": b"<h1>Unavailable</h1>", "type": "text/html"}, "HTTP 503"),
    "504": (504, {}, "HTTP 504"),
    "408": (408, {}, "HTTP 408"),
    "429": (429, {}, "HTTP 429"),
    "429, retry at once": (429, {"retry_after": 0}, "HTTP 429"),
    "429, retry on a date": (429, {"retry_after": "Wed, 21 Oct 2099 07:28:00 GMT"}, "HTTP 429"),
    "an outage": ("json_error", {"status": 500, "code": 2}, "HTTP 500: the service says: Service temp"),
    "an outage, said with 200": ("garbage", {"body": "json"}, "HTTP 200: the service says: Service temp"),
    "a rate limit": ("json_error", {"status": 403, "code": 4, "transient": True,
                                    "message": "Application request limit reached"},
                     "HTTP 403: the service says: Application request limit reached"),
    "something transient": ("json_error", {"status": 400, "code": 9, "transient": True,
                                           "message": "Try again"}, "the service says: Try again"),
    "a reset": ("reset", {}, "Connection reset"),
    "a reset in the body": ("reset", {"when": "body"}, "Connection reset"),
    "a closed connection": ("close", {}, "Empty reply"),
    "a short body": ("short", {}, "transfer closed"),
}


@pytest.mark.parametrize("times", (1, 3))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_within_three_retries_leaves_no_trace(images, block, kind, place, times):
    fault, arguments, _ = PASSING[kind]
    block.fault(fault, match=PLACES[place], times=times, **arguments)

    rows = images().within(BLOCK).rows()

    assert_same(rows, truth_of(TILES))
    assert_each_once(block.requests, TILES + [PLACES[place]] * times)


@pytest.mark.parametrize("kind", PASSING)
def test_what_does_not_pass_ends_the_read_with_an_error_that_tells_it_all(run, block, kind):
    fault, arguments, words = PASSING[kind]
    block.fault(fault, match=TILES[0], times=None, **arguments)

    # on one connection, because libcurl by itself repeats what broke on one that was used before
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT, "-oo", "CONNECTIONS=1")

    assert done.code != 0
    assert f"tile {name_of(TILES[0])}: {ATTEMPTS} attempts: " in done.err
    assert words in done.err
    assert block.tiles_asked() == TILES[:1] * ATTEMPTS


@pytest.mark.parametrize("place", PLACES)
def test_rows_before_a_failure_come_and_none_after_it(images, block, place):
    bad = PLACES[place]
    block.fault(503, match=bad, times=None)
    opened = images().within(BLOCK)

    rows, heard = opened.read()

    assert_same(rows, truth_of(TILES[:TILES.index(bad)]))
    assert [f"tile {name_of(bad)}: " in error for error in heard.errors] == [True]
    assert times_asked(block, bad) == ATTEMPTS
    assert all(times_asked(block, tile) <= 1 for tile in TILES if tile != bad)
    with listening() as after:
        assert opened.layer.GetNextFeature() is None
    assert after.text == ""


def test_after_a_failure_a_new_read_may_succeed(images, block):
    block.fault(503, match=TILES[3], times=ATTEMPTS)
    opened = images().within(BLOCK)
    opened.failure()

    assert_same(opened.rows(), truth_of(TILES))


def test_a_count_that_fails_is_unknown(images, block):
    block.fault(503, match=TILES[3], times=None)
    layer = images().within(BLOCK).layer

    with listening() as heard:
        assert layer.GetFeatureCount() == -1

    assert [f"tile {name_of(TILES[3])}: " in error for error in heard.errors] == [True]


@pytest.mark.parametrize("when, times", [("start", 1), ("start", 3), ("body", 1)])
def test_an_answer_that_does_not_come_in_time_is_asked_for_again(
        images, block, monkeypatch, when, times):
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "1")
    block.fault("hang", match=TILES[4], times=times, when=when)
    alone = grown(tile_box(*TILES[4][2:]), -1e-6)  # others might be late as well where there is much else to do
    start = time.monotonic()

    rows = images().within(alone).rows()

    assert time.monotonic() - start < 30
    assert_same(rows, truth_of(TILES[4:5]))
    assert block.tiles_asked() == TILES[4:5] * (1 + times)


def test_an_answer_that_never_comes_in_time_is_an_error(run, block):
    block.fault("hang", match=TILES[4], times=None)

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT,
               env={"GDAL_HTTP_TIMEOUT": "0.3"}, timeout=30)

    assert done.code != 0
    assert f"tile {name_of(TILES[4])}: {ATTEMPTS} attempts: Timeout was reached" in done.err
    assert times_asked(block, TILES[4]) == ATTEMPTS


def test_an_answer_that_stalls_is_given_up_and_asked_for_again(images, block, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_LIMIT", "1000")
    block.fault("hang", match=TILES[4], when="body")
    start = time.monotonic()

    assert_same(images().within(BLOCK).rows(), truth_of(TILES))
    assert time.monotonic() - start < 30
    assert_each_once(block.requests, TILES + TILES[4:5])


def test_an_answer_that_comes_in_drips_is_waited_for(images, block):
    block.fault("drip", match=TILES[4], seconds=1.0)

    assert_same(images().within(BLOCK).rows(), truth_of(TILES))
    assert_each_once(block.requests, TILES)


@pytest.mark.parametrize("retries", (0, 1, 6))
def test_the_number_of_retries_is_that_of_gdal(images, block, monkeypatch, retries):
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", str(retries))
    block.fault(503, match=TILES[0], times=None)

    assert "HTTP 503" in images(CONNECTIONS=1).within(BLOCK).failure()
    assert block.tiles_asked() == TILES[:1] * (1 + retries)


def gaps(service, tile):
    """The seconds between the requests for a tile."""
    moments = [request.at for request in service.requests if request.tile == tile]
    return [later - sooner for sooner, later in zip(moments, moments[1:])]


def test_the_delay_before_a_retry_is_that_of_gdal_and_doubles(images, block, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.1")
    block.fault(503, match=TILES[4], times=3)

    assert_same(images().within(BLOCK).rows(), truth_of(TILES))
    delays = (0.099, 0.199, 0.399)  # a little less: clocks tick in milliseconds
    assert [gap >= delay for gap, delay in zip(gaps(block, TILES[4]), delays)] == [True] * 3


def test_a_retry_waits_as_long_as_the_service_asks(images, block):
    block.fault(429, match=TILES[4], retry_after=1)

    assert_same(images().within(BLOCK).rows(), truth_of(TILES))
    assert [1.0 <= gap < 10.0 for gap in gaps(block, TILES[4])] == [True]


@pytest.mark.parametrize("seconds", [86_400, 4_294_968, 10 ** 12])
def test_a_wait_that_is_asked_for_and_too_long_is_an_error_at_once(run, block, seconds):
    block.fault(429, match=TILES[4], times=None, retry_after=seconds)

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT, timeout=30)

    assert done.code != 0
    assert f"tile {name_of(TILES[4])}: HTTP 429" in done.err
    assert times_asked(block, TILES[4]) == 1


def test_without_anybody_listening_the_read_fails(run, block):
    block.close()

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT)

    assert done.code != 0
    assert f"tile {ORIGINAL}/14/" in done.err
    assert f"{ATTEMPTS} attempts: " in done.err
    assert block.requests == []


# ---- What does not decode ---------------------------------------------------------------------

# Answers that are no tile: how the service makes them.
BROKEN = {
    "a page": ("garbage", {"body": "html"}),
    "noise": ("garbage", {"body": "random"}),
    "half a tile": ("garbage", {"body": "truncated"}),
    "broken gzip": ("garbage", {"body": "gzip"}),
    "JSON": ("status", {"status": 200, "body": b'{"data":[]}', "type": "application/json"}),
    "a JSON list": ("status", {"status": 200, "body": b"[]", "type": "application/json"}),
    "text": ("status", {"status": 200, "body": b"Too many requests", "type": "text/plain"}),
    "a number without an end": ("status", {"status": 200, "body": b"\x1a" + b"\xff" * 11}),
    "a layer longer than its tile": ("status", {"status": 200, "body": b"\x1a\x80\x80\x80\x80\x08\n\5"}),
    "a layer of another version": (
        "status", {"status": 200, "body": mvt.encode([mvt.Layer("image", [], version=3)])}),
    "two layers of one name": (
        "status", {"status": 200, "body": mvt.encode([mvt.Layer("image")] * 2)}),
    "a feature that is a line": ("status", {"status": 200, "body": mvt.encode([mvt.Layer(
        "image", [mvt.lines([[(1, 1), (2, 2)]], {"id": 1})])])}),
    "a tag outside of its dictionary": ("status", {"status": 200, "body": mvt.blob(
        3, mvt.blob(1, b"image") + mvt.blob(2, mvt.blob(2, b"\0\0") + mvt.blob(4, b"\t\2\2"))
        + mvt.number(15, 2))}),
    "a gzip trailer that lies": ("status", {
        "status": 200, "body": gzip.compress(b"x" * 100)[:-4] + b"\xff\xff\0\0",
        "headers": {"Content-Encoding": "gzip"}}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", BROKEN)
def test_an_answer_that_does_not_decode_is_asked_for_once_more(images, block, kind, place):
    fault, arguments = BROKEN[kind]
    block.fault(fault, match=PLACES[place], **arguments)

    rows = images().within(BLOCK).rows()

    assert_same(rows, truth_of(TILES))
    assert_each_once(block.requests, TILES + [PLACES[place]])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", BROKEN)
def test_an_answer_that_does_not_decode_twice_is_an_error(images, block, kind, place):
    bad = PLACES[place]
    fault, arguments = BROKEN[kind]
    block.fault(fault, match=bad, times=None, **arguments)

    rows, heard = images().within(BLOCK).read()

    assert_same(rows, truth_of(TILES[:TILES.index(bad)]))
    assert [f"tile {name_of(bad)} (asked for twice): " in error for error in heard.errors] == [True]
    assert times_asked(block, bad) == 2


def test_a_conversion_of_what_does_not_decode_fails(run, block):
    block.fault("garbage", match=TILES[4], times=None, body="truncated")

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT)

    assert done.code != 0
    assert f"tile {name_of(TILES[4])} (asked for twice): " in done.err


# ---- What does not pass -----------------------------------------------------------------------


@pytest.mark.parametrize("fault, arguments, words", [
    (400, {}, "HTTP 400"), (402, {}, "HTTP 402"), (410, {}, "HTTP 410"), (451, {}, "HTTP 451"),
    ("json_error", {"status": 500, "code": 1, "message": "Please reduce the amount of data"},
     "HTTP 500: the service says: Please reduce the amount of data"),
    ("json_error", {"status": 400, "code": 100, "message": "Unsupported get request", "subcode": 33},
     "HTTP 400: the service says: Unsupported get request"),
    ("status", {"status": 200, "body": b'{"error":"Param is wrong"}', "type": "application/json"},
     "HTTP 200: the service says: Param is wrong"),
])
@pytest.mark.parametrize("place", PLACES)
def test_a_refusal_that_stays_one_is_not_asked_again(images, block, fault, arguments, words, place):
    bad = PLACES[place]
    block.fault(fault, match=bad, times=None, **arguments)

    rows, heard = images().within(BLOCK).read()

    assert_same(rows, truth_of(TILES[:TILES.index(bad)]))
    assert [f"tile {name_of(bad)}: {words}" in error for error in heard.errors] == [True]
    assert times_asked(block, bad) == 1


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
def test_a_redirect_means_a_block_and_stops_everything(run, block, status):
    block.fault("redirect", status=status, times=None)

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT, "-oo", "CONNECTIONS=1")

    assert done.code != 0
    assert f"tile {name_of(TILES[0])}: HTTP {status}: " in done.err
    assert [word for word in ("blocks", "too many requests", "Wait") if word not in done.err] == []
    assert "login/" not in done.err
    assert block.tiles_asked() == TILES[:1]
    assert len(block.requests) == 1


def test_a_redirect_stops_requests_on_every_connection(images, block):
    block.fault("redirect", match=TILES[2], times=None)
    block.latency = 0.02

    message = images(CONNECTIONS=3).within(BLOCK).failure()

    assert f"tile {name_of(TILES[2])}: HTTP 302: " in message
    assert times_asked(block, TILES[2]) == 1
    assert len(block.requests) < len(TILES)
    assert {request.kind for request in block.requests} == {"tile"}


@pytest.mark.parametrize("words", [
    "line one\\nline two\\u001b[31m red", "x" * 5000, "%s %n %d 100%", "ünïcödé ✓", ""])
def test_what_the_service_says_is_repeated_without_harm(run, block, words):
    body = f'{{"error":{{"message":"{words}","code":100}}}}'.encode()
    block.fault("status", match=TILES[0], times=None, status=400, body=body, type="application/json")

    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", *SPAT)

    assert done.code != 0
    line = next(line for line in done.err.splitlines() if "MAPILLARY: " in line)
    assert f"tile {name_of(TILES[0])}: HTTP 400" in line
    assert "\x1b" not in done.err
    assert words[:12].replace("\\n", " ") in line
    assert len(line) < 1000


# ---- What is empty ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", (200, 204, 404, "layer"))
def test_tiles_without_data_are_empty_however_the_service_says_so(images, block, how):
    block.empty = how
    missing = {TILES[0], TILES[5], TILES[-1]}
    block.tiles = {tile: body for tile, body in block.tiles.items() if tile not in missing}

    rows, heard = images().within(BLOCK).read()

    assert heard.errors == [] and ["HTTP 404" in text for text in heard.warnings] == [True] * (how == 404)

    assert_same(rows, truth_of(tile for tile in TILES if tile not in missing))
    assert_each_once(block.requests, TILES)


def test_an_area_without_data_is_an_empty_file_and_no_error(run, block, tmp_path):
    block.tiles = {}

    done = run("ogr2ogr", "-f", "CSV", "out.csv", "MAPILLARY:", "images", *SPAT)

    assert (done.code, done.text) == (0, "")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1
    assert_each_once(block.requests, TILES)


def test_a_tile_that_is_not_found_is_told_to_whoever_debugs(run, block):
    block.empty_tiles = {TILES[0]: 404, TILES[5]: 204}
    for tile in block.empty_tiles:
        del block.tiles[tile]

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT,
               env={"CPL_DEBUG": "MAPILLARY"})

    assert done.code == 0
    told = [line for line in done.err.splitlines() if "404" in line and "Warning" not in line]
    assert len(told) == 1
    assert told[0].startswith("MAPILLARY: ") and name_of(TILES[0]) in told[0]


# ---- What is too large ------------------------------------------------------------------------

# Runs a command and says how many megabytes it took at most.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
print("peak:", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(done.returncode)
"""


def peak(done):
    return int(done.out.rpartition("peak:")[2])


@pytest.fixture
def convert(run):
    def call(*arguments):
        return run(sys.executable, "-c", MEASURED, "ogr2ogr", "-f", "CSV", "out.csv",
                   "MAPILLARY:", "images", *SPAT, *arguments)

    return call


def packed(layer):
    """A tile of one layer of images, compressed: the layer's fields but name and version."""
    body = mvt.blob(3, mvt.blob(1, b"image") + layer + mvt.number(15, 2))
    return {"status": 200, "body": gzip.compress(body, 1), "type": PROTOBUF,
            "headers": {"Content-Encoding": "gzip"}}


POINT = mvt.blob(2, mvt.number(3, 1) + mvt.blob(4, b"\t\2\2"))

# Answers larger than what the driver takes: how the service makes them.
TOO_LARGE = {
    "a body of 100 MB": lambda: ("huge", {"megabytes": 100}),
    "a body of 100 MB of unknown length": lambda: ("huge", {"megabytes": 100, "chunked": True}),
    "gzip of 200 MB": lambda: ("bomb", {"megabytes": 200}),
    "20 million values": lambda: ("status", packed(b"\x22\0" * 20_000_000)),
    "20 million keys": lambda: ("status", packed(b"\x1a\0" * 20_000_000)),
    "20 million empty features": lambda: ("status", packed(b"\x12\0" * 20_000_000)),
    "7 million features": lambda: ("status", packed(POINT * 7_000_000)),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_an_answer_that_is_too_large_is_a_clear_error_in_bounded_memory(convert, block, kind):
    fault, arguments = TOO_LARGE[kind]()
    block.fault(fault, match=TILES[0], times=None, **arguments)

    done = convert()

    assert done.code != 0
    message = next(line for line in done.err.splitlines() if "MAPILLARY: " in line)
    assert f"tile {name_of(TILES[0])}: " in message
    assert "ceiling" in message
    assert times_asked(block, TILES[0]) == 1
    assert peak(done) < MEGABYTES


def test_answers_that_are_all_too_large_take_bounded_memory_together(convert, block):
    block.fault("huge", times=None, megabytes=100)

    done = convert()

    assert done.code != 0
    assert "larger" in done.err
    assert peak(done) < MEGABYTES


def test_small_answers_that_become_large_wait_for_their_turn(convert, block):
    block.fault("slow", match=TILES[0], times=None)
    block.fault("bomb", times=None, megabytes=60)

    done = convert("-oo", f"CONNECTIONS={len(TILES)}")

    assert done.code != 0
    assert peak(done) < MEGABYTES


def test_a_million_images_of_one_tile_are_read_in_bounded_memory(convert, block, tmp_path):
    block.fault("status", match=TILES[0], **packed(POINT * 1_000_000))

    done = convert("-select", "id")

    assert done.code == 0, done.err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 1_000_000 + 3 * (len(TILES) - 1)
    assert_each_once(block.requests, TILES)
    assert peak(done) < MEGABYTES


# ---- What is left open ------------------------------------------------------------------------

# Reads a little, again and again, and says whether threads or files are left behind.
LEAVING = """
import os, sys
from osgeo import gdal

def left():
    return len(os.listdir("/proc/self/task")), sorted(
        os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{n}"))

def read(rows):
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    layer = dataset.GetLayerByName("images")
    layer.SetSpatialFilterRect(*map(float, sys.argv[1:]))
    for _ in range(rows):
        if layer.GetNextFeature() is None:
            break

read(1000)
before = left()
for rows in (1, 4, 0, 1000, 7) * 6:
    read(rows)
print(before == left() or (before, left()), len(before[1]))
"""


def test_a_dataset_closed_in_the_middle_of_a_read_leaves_no_thread_and_no_connection(run, block):
    block.latency = 0.005

    done = run(sys.executable, "-c", LEAVING, *BLOCK)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("True ")
    assert set(block.tiles_asked()) == set(TILES)


def test_a_dataset_closed_after_failures_leaves_no_thread_and_no_connection(run, block):
    block.random_faults(1, 0.3, ("reset", "short", "garbage", 400, 403, "redirect"))

    done = run(sys.executable, "-c", LEAVING, *BLOCK)

    assert done.code == 0
    assert done.out.startswith("True ")
    assert "MAPILLARY: " in done.err
