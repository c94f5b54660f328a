# SPDX-License-Identifier: MIT
"""The pace: what goes out at once, what waits, and when a read stops because the service has had enough.

The service is on loopback, where no pace is kept. Where one is to be, it stands behind a tunnel that
plays a host far away. There a slow RATE makes what would wait never come, so that no test depends
on how fast anything is.
"""
from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Mapping

import mvt
import pytest
from osgeo import gdal

from conftest import secrets
from features import Layer, at
from reading import Row, assert_each_once, assert_same, grown, in_plan_order, listening, tile_box
from service import Service
from town import ORIGINAL, pixel_lon_lat
from tunnel import Tunnel

TILES = in_plan_order((ORIGINAL, 14, x, y) for x in range(8580, 8584) for y in range(5552, 5555))
BLOCK = grown((tile_box(8580, 5552)[0], tile_box(8580, 5554)[1],
               tile_box(8583, 5552)[2], tile_box(8583, 5552)[3]), -1e-6)
SPAT = ("-spat", *BLOCK)
TWO = ("-spat", *grown((*tile_box(8580, 5552)[:2], *tile_box(8581, 5552)[2:]), -1e-6))  # tiles
NEVER = "0.01"  # a request in a hundred seconds: none within a test


def truth_of(tiles) -> List[Row]:
    return [Row(x * 10_000 + y, x * 10_000 + y, None, None, "s", None, None, None, None,
                *pixel_lon_lat(x * 4096 + 7, y * 4096 + 9)) for _, _, x, y in tiles]


@pytest.fixture
def block(service: Service) -> Service:
    """A service of twelve tiles with an image each."""
    service.tiles = {tile: mvt.encode([mvt.Layer("image", [
        mvt.point(7, 9, {"id": tile[2] * 10_000 + tile[3], "sequence_id": "s"})])]) for tile in TILES}
    return service


@pytest.fixture
def tunnel(block: Service, tmp_path: Path) -> Iterator[Tunnel]:
    folder = tmp_path / "tunnel"
    folder.mkdir()
    with Tunnel(block, folder) as running:
        yield running
        assert set(running.hosts) <= {f"{running.host}:443"}


@pytest.fixture
def far(tunnel: Tunnel) -> Dict[str, str]:
    """What makes the driver take the service for one far away."""
    return {"MAPILLARY_TILES_URL": tunnel.address, "GDAL_HTTPS_PROXY": tunnel.url,
            "CURL_CA_BUNDLE": str(tunnel.certificate), "CPL_DEBUG": "MAPILLARY"}


@pytest.fixture
def configured_far(configured: None, far: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in far.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def start(service: Service, environment: Mapping[str, str], far: Mapping[str, str], tmp_path: Path):
    """Starts a conversion of the block from afar and waits until it says that it waits; ends it afterwards."""

    @contextmanager
    def call(**options: str) -> Iterator[None]:
        words = [word for name, value in options.items() for word in ("-oo", f"{name}={value}")]
        with subprocess.Popen(
                ["ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *map(str, SPAT), *words],
                env={**os.environ, **environment, **far}, cwd=tmp_path, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8") as process:
            lines: List[str] = []
            for line in process.stderr:
                lines.append(line)
                if "pace: the burst of" in line:
                    break
            else:
                pytest.fail(f"it never waited: {lines}")
            hidden = not any(secret in line for secret in secrets(service.token) for line in lines)
            assert hidden, "the token is in what was said"
            yield
            process.terminate()
            process.communicate(timeout=30)

    return call


def wait_until_asked(service: Service, n: int) -> None:
    """Requests that went out may still be on their way here."""
    end = time.monotonic() + 60
    while len(service.requests) < n and time.monotonic() < end:
        time.sleep(0.01)


def bucket_of(home: Path) -> Path:
    return home / "cache" / "ogr_mapillary" / "tiles.mlyp"


def files_below(folder: Path) -> List[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# ---- Far away ---------------------------------------------------------------------------------


def test_all_rows_come_at_the_pace(run, block, far, home):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT, "-select", "id",
               "-oo", "BURST=3", "-oo", "RATE=50", env=far)

    assert done.code == 0, done.err
    assert [int(line.strip('"')) for line in done.out.splitlines()[1:]] == [row.id for row in truth_of(TILES)]
    assert_each_once(block.requests, TILES)
    assert done.err.count("pace: the burst of 3 tile requests is spent; from now on 50.000 a second") == 1
    assert files_below(home / "cache") == [bucket_of(home)]  # though nothing is cached


def test_what_fits_the_burst_does_not_wait(run, block, far):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT,
               "-oo", f"BURST={len(TILES)}", "-oo", f"RATE={NEVER}", env=far)

    assert done.code == 0, done.err
    assert_each_once(block.requests, TILES)
    assert "pace:" not in done.err


def test_after_the_burst_no_process_of_the_user_asks(start, block):
    with start(BURST="5", RATE=NEVER):
        wait_until_asked(block, 5)
        with start(BURST="5", RATE=NEVER):
            assert_each_once(block.requests, TILES[:5])
    with start(BURST="6", RATE=NEVER):  # the count outlives them
        wait_until_asked(block, 6)
        assert len(block.requests) == 6


def test_each_retry_counts(start, block):
    block.fault(503, match=TILES[0], times=2)
    with start(BURST="5", RATE=NEVER, CONNECTIONS="1"):
        wait_until_asked(block, 5)
        assert block.tiles_asked() == TILES[:1] * 3 + TILES[1:3]


def test_what_the_cache_holds_costs_nothing(run, block, far):
    for _ in range(3):
        done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT,
                   "-oo", f"BURST={len(TILES)}", "-oo", f"RATE={NEVER}", "-oo", "CACHE=YES", env=far)
        assert done.code == 0, done.err

    assert_each_once(block.requests, TILES)


def test_a_cache_elsewhere_has_no_pace_of_its_own(run, block, far, home, tmp_path):
    for name in ("one", "two"):
        done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT, "-oo", "RATE=100",
                   "-oo", f"BURST={2 * len(TILES)}", "-oo", "CACHE=YES", "-oo", f"CACHE_DIR={tmp_path / name}", env=far)
        assert done.code == 0, done.err
        assert not (tmp_path / name / "tiles.mlyp").exists()

    assert bucket_of(home).stat().st_size == 32


@pytest.mark.parametrize("elsewhere", (True, False))
def test_a_user_without_a_home_has_the_pace_in_the_cache_or_in_the_process(
        run, block, far, tmp_path, elsewhere):
    blocked, cache = tmp_path / "blocked", tmp_path / "elsewhere"
    blocked.write_text("no folder")
    options = ("-oo", f"CACHE_DIR={cache}") if elsewhere else ()

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT, *options,
               env={**far, "XDG_CACHE_HOME": str(blocked / "cache")})

    assert done.code == 0, done.err
    assert_each_once(block.requests, TILES)
    assert (cache / "tiles.mlyp").exists() == elsewhere
    assert done.err.count("the pace is kept for this process alone: ") == (not elsewhere)


def test_two_datasets_of_a_process_share_the_pace_where_there_is_no_file(
        images, block, configured_far, tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked / "cache"))
    first = images(BURST=1, RATE=NEVER, CONNECTIONS=1).within(BLOCK)
    assert first.layer.GetNextFeature() is not None

    second = images(BURST=2, RATE=NEVER, CONNECTIONS=1).within(tile_box(*TILES[5][2:]))
    with listening():
        assert second.layer.GetNextFeature() is not None

    wait_until_asked(block, 2)
    assert len(block.requests) == 2


def test_closing_a_dataset_whose_requests_wait_takes_no_time(images, block, configured_far):
    opened = images(BURST=1, RATE=NEVER).within(BLOCK)
    begin = time.monotonic()
    with listening():
        assert opened.layer.GetNextFeature().GetFID() == truth_of(TILES)[0].fid
        opened.layer.ResetReading()
        opened.close()

    assert time.monotonic() - begin < 60  # the next tile would have come after 100 s
    assert_each_once(block.requests, TILES[:1])


def test_a_certificate_that_nobody_vouches_for_is_refused(run, block, far):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT,
               env={**far, "CURL_CA_BUNDLE": None})

    assert done.code != 0
    assert "certificate" in done.err
    assert block.requests == []


# ---- On this machine --------------------------------------------------------------------------


def test_a_service_on_this_machine_is_asked_at_full_speed(images, block, home):
    rows = images(BURST=1, RATE=NEVER).within(BLOCK).rows()

    assert_same(rows, truth_of(TILES))
    assert_each_once(block.requests, TILES)
    assert files_below(home) == []


def test_a_folder_is_read_at_full_speed(run, tmp_path, home):
    for _, z, x, y in TILES:
        path = tmp_path / "maps" / "vtp" / ORIGINAL / "2" / str(z) / str(x) / str(y)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mvt.encode([mvt.Layer("image", [mvt.point(7, 9, {"id": x})])]))

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *SPAT, "-oo", "BURST=1",
               "-oo", f"RATE={NEVER}", "-oo", f"TILES_URL=file://{tmp_path}")

    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 1 + len(TILES)
    assert files_below(home) == []


# ---- The quota --------------------------------------------------------------------------------


def gaps(requests) -> List[float]:
    return [later.at - sooner.at for sooner, later in zip(requests, requests[1:])]


@pytest.mark.parametrize("usage, waits", [('{"call_volume":96}', True), ('{"call_count":12,"total_time":96}', True),
                                          ('{"call_volume":95}', False), ("nonsense", False)])
def test_near_the_end_of_the_quota_tile_requests_keep_a_distance(run, block, usage, waits):
    block.fault("headers", times=None, headers={"X-App-Usage": usage})
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", *TWO,
               "-oo", "CONNECTIONS=1", env={"CPL_DEBUG": "MAPILLARY"})

    assert done.code == 0, done.err
    assert len(block.requests) == 2
    assert ("96 % of the application's quota is used" in done.err) == waits
    if waits:
        assert gaps(block.requests)[0] > 0.95  # a second after the answer; clocks tick in milliseconds


def test_near_the_end_of_the_quota_graph_requests_keep_a_distance(service, town):
    ids = [image.id for image in town.images[:101]]
    service.fault("headers", match="entities", times=1, headers={"X-App-Usage": '{"call_volume":97}'})
    listed = ", ".join(map(str, ids))

    found = Layer("images", CONNECTIONS=1, **at(service)).where(f"id IN ({listed})").rows()

    assert [row.fid for row in found] == ids
    assert len(service.requests) == 3
    first, _ = gaps(service.requests)
    assert first > 1.95


# ---- A block ----------------------------------------------------------------------------------

BLOCKED = ("blocks the address", "too many requests", "Wait")


@pytest.mark.parametrize("body", ("html", "json"))
def test_five_answers_in_a_row_that_are_no_tiles_stop_the_read(images, block, body):
    connections = 5
    if body == "html":
        block.fault("garbage", times=None, body=body)
    else:
        block.fault("status", times=None, status=200, body=b'{"data":[]}', type="application/json")
    block.latency = 0.3  # all that may be in flight is, and comes together
    opened = images(CONNECTIONS=connections).within(BLOCK)

    message = opened.failure()

    assert "pages or messages instead of tiles (5 answers in a row)" in message
    assert [words for words in BLOCKED if words not in message] == []
    assert 5 <= len(block.requests) < 5 + connections

    assert "(6 answers in a row)" in opened.failure()  # whoever tries again is stopped by the first one
    assert len(block.requests) < 5 + connections + 1

    block.no_faults()
    assert_same(opened.rows(), truth_of(TILES))


def test_whoever_was_redirected_asks_one_request_at_a_time(images, block):
    connections = 5
    block.fault("redirect", times=None)
    opened = images(CONNECTIONS=connections).within(BLOCK)
    for again in range(4):
        message = opened.failure()
        assert [words for words in BLOCKED if words not in message] == []
        assert len(block.requests) <= connections + again

    block.no_faults()
    assert_same(opened.rows(), truth_of(TILES))


def test_fewer_in_a_row_are_asked_for_once_more(images, block):
    for tile in TILES[::3]:
        block.fault("garbage", match=tile, times=1, body="html")

    assert_same(images().within(BLOCK).rows(), truth_of(TILES))
    assert_each_once(block.requests, TILES + TILES[::3])


def test_a_page_in_the_place_of_a_tile_is_called_so(images, block):
    block.fault("garbage", times=None, body="html")

    message = images(CONNECTIONS=1).within(BLOCK).failure()

    assert "no vector tile but a page or a message" in message
    assert len(block.requests) == 2


# ---- The options ------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [
    "RATE=0", "RATE=-1", "RATE=0.009", "RATE=1000.1", "RATE=", "RATE=fast", "RATE=nan", "RATE=inf", "RATE=5 ",
    "RATE=5,5", "BURST=0", "BURST=-300", "BURST=50001", "BURST=1.5", "BURST=", "BURST=all"])
@pytest.mark.parametrize("where", ("open option", "configuration"))
def test_a_pace_that_cannot_be_is_refused(configured, service, monkeypatch, option, where):
    name, _, value = option.partition("=")
    if where == "configuration":
        monkeypatch.setenv(f"MAPILLARY_{name}", value)
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR,
                              open_options=[option] if where == "open option" else [])

    assert dataset is None
    assert len(heard.errors) == 1
    assert name in heard.errors[0]
    assert ("0.01 to 1000" if name == "RATE" else "1 to 50000") in heard.errors[0]
    assert service.requests == []


@pytest.mark.parametrize("name", ["MAPILLARY:RATE=0.01,BURST=1", "MAPILLARY:RATE=1000,BURST=50000",
                                  "MAPILLARY:RATE=2.5", "MAPILLARY:BURST=300"])
def test_a_pace_may_stand_in_the_name(images, block, name):
    assert_same(images(name).within(BLOCK).rows(), truth_of(TILES))
