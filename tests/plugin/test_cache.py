# SPDX-License-Identifier: MIT
"""The cache on disk: what it saves, what it never does to a read, and reading from it alone."""
from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Dict, List

import pytest

from features import Layer, at
from reading import in_plan_order

AREA = ("8.52", "50.002", "8.592", "50.027")
SPAT = ("-spat", *AREA)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tiles"


@pytest.fixture
def cached(folder: Path) -> Dict[str, str]:
    return {"MAPILLARY_CACHE": "YES", "MAPILLARY_CACHE_DIR": str(folder)}


@pytest.fixture
def convert(run, tmp_path: Path, cached):
    """Converts to CSV, which shows every bit of a row, and gives its lines."""

    def call(*words: str, layer: str = "images", env=None, code: int = 0):
        out = tmp_path / f"out{random.random()}.csv"
        done = run("ogr2ogr", "-lco", "GEOMETRY=AS_WKT", out, "MAPILLARY:", layer, *SPAT, *words,
                   env={**cached, **(env or {})})
        assert done.code == code, done.err
        return (out.read_text().splitlines() if code == 0 else []), done

    return call


def entries(folder: Path) -> List[Path]:
    return sorted(folder.glob("??/*.mlyc"))


def test_two_layers_of_an_area_ask_for_each_tile_once(run, service, cached, tmp_path):
    done = run("ogr2ogr", tmp_path / "out.gpkg", "MAPILLARY:", "images", "sequences", "-oo", "STITCH=AREA", *SPAT,
               env=cached)

    assert done.code == 0, done.err
    asked = service.tiles_asked()
    assert asked and len(asked) == len(set(asked))


def test_the_same_area_again_asks_nothing_and_gives_the_same_rows(convert, service):
    first, _ = convert()
    service.clear()

    second, _ = convert()

    assert len(first) > 1000 and second == first
    assert service.tiles_asked() == []


def test_without_a_cache_nothing_is_written_and_everything_is_asked_again(convert, service, folder):
    first, _ = convert(env={"MAPILLARY_CACHE": "NO"})
    asked = len(service.tiles_asked())

    second, _ = convert(env={"MAPILLARY_CACHE": "NO"})

    assert second == first
    assert len(service.tiles_asked()) == 2 * asked > 0
    assert not folder.exists()


def test_an_old_tile_is_asked_for_anew(convert, service):
    convert()
    asked = len(service.tiles_asked())
    service.clear()

    convert("-oo", "CACHE_TTL=0")

    assert len(service.tiles_asked()) == asked > 0


@pytest.mark.parametrize("validators", [("ETag",), ("Last-Modified",), ("ETag", "Last-Modified")])
def test_an_old_tile_is_only_asked_about_where_the_service_marks_its_tiles(convert, service, validators):
    service.validators = validators
    first, _ = convert()
    asked = len(service.tiles_asked())
    service.clear()

    again, _ = convert("-oo", "CACHE_TTL=0")

    assert again == first
    tiles = [request for request in service.requests if request.kind == "tile"]
    assert len(tiles) == asked > 0
    assert {request.status for request in tiles if service.tiles.get(request.tile)} == {304}
    name = "if-none-match" if "ETag" in validators else "if-modified-since"
    assert all((name in request.headers) == bool(service.tiles.get(request.tile)) for request in tiles)


def test_a_tile_that_has_changed_is_read_anew(convert, service):
    service.validators = ("ETag",)
    convert()
    changed = next(tile for tile in service.tiles_asked() if service.tiles.get(tile))
    before = dict(service.tiles)
    service.tiles = {key: body for key, body in before.items() if key != changed}
    service.clear()

    fewer, _ = convert("-oo", "CACHE_TTL=0")
    assert fewer == convert(env={"MAPILLARY_CACHE": "NO"})[0]

    service.tiles = before
    assert convert("-oo", "CACHE_TTL=0")[0] == convert(env={"MAPILLARY_CACHE": "NO"})[0] != fewer


def test_a_tile_that_is_missing_for_a_while_is_read_from_the_cache(convert, service):
    first, _ = convert()
    gone = next(tile for tile in service.tiles_asked() if service.tiles.get(tile))
    service.fault(404, match=gone, times=None)
    service.clear()

    again, done = convert("-oo", "CACHE_TTL=0")

    assert again == first
    assert gone in service.tiles_asked()
    assert "HTTP 404" not in done.err


def test_a_tile_that_is_missing_is_warned_of(convert, service):
    whole, _ = convert(env={"MAPILLARY_CACHE": "NO"})
    gone = next(tile for tile in service.tiles_asked() if service.tiles.get(tile))
    service.fault(404, match=gone, times=None)

    rows, done = convert(env={"MAPILLARY_CACHE": "NO"})

    assert len(rows) < len(whole)
    assert done.err.count("HTTP 404, taken as empty") == 1


def test_an_interrupted_read_goes_on_where_it_ended(convert, service):
    wanted = convert(env={"MAPILLARY_CACHE": "NO"})[0]
    last = in_plan_order(service.tiles_asked())[-1]  # its turn, and so the end, comes when the others have come
    service.clear()
    service.fault(500, times=None, match=last)
    _, done = convert(code=1)
    assert "HTTP 500" in done.err
    service.no_faults()
    service.clear()

    rows, _ = convert()

    assert rows == wanted
    assert service.tiles_asked() == [last]


def test_offline_reads_what_was_read_before_without_a_token_or_a_request(convert, service, folder, tmp_path):
    rows, _ = convert()
    copied = tmp_path / "elsewhere"
    shutil.copytree(folder, copied)
    service.clear()

    again, _ = convert("-oo", "OFFLINE=YES", env={"MAPILLARY_CACHE_DIR": str(copied), "MAPILLARY_ACCESS_TOKEN": None})

    assert again == rows
    assert service.requests == []


def test_offline_reads_tiles_of_any_age(convert, service):
    rows, _ = convert()
    service.clear()

    again, _ = convert("-oo", "OFFLINE=YES", "-oo", "CACHE_TTL=0")

    assert again == rows
    assert service.requests == []


@pytest.mark.parametrize("layer, options", [("images", ()), ("sequences", ()), ("sequences", ("-oo", "STITCH=AREA"))])
def test_offline_ids_in_an_area_filter_the_tiles_that_were_read_before(convert, service, layer, options):
    """Nobody had asked the Graph for them."""
    (head, *rows), _ = convert(*options, layer=layer)
    service.clear()

    keys = [row["id"] for row in csv.DictReader([head, *rows])]
    key = keys[len(keys) // 2]
    again, _ = convert(*options, "-oo", "OFFLINE=YES", "-where", f"id = {key}" if key.isdigit() else f"id = '{key}'",
                       layer=layer)

    assert again == [head, rows[keys.index(key)]] and keys.count(key) == 1
    assert service.requests == []


def test_offline_a_missing_tile_is_an_error_that_names_it(convert, service, folder):
    convert()
    entries(folder)[0].unlink()
    service.clear()

    _, done = convert("-oo", "OFFLINE=YES", code=1)

    assert "not in the cache (OFFLINE=YES)" in done.err and "mly1_public/14/" in done.err
    assert service.requests == []


def test_offline_without_a_cache_is_refused(run, tmp_path, service):
    for words in (("-oo", "CACHE=NO"), ("-oo", f"CACHE_DIR={tmp_path}/nothing-here")):
        done = run("ogrinfo", "-ro", "MAPILLARY:", "images", *SPAT, "-oo", "OFFLINE=YES", *words,
                   env={"MAPILLARY_CACHE": "YES"})
        assert "OFFLINE=YES" in done.err
    assert service.requests == []


@pytest.mark.parametrize("layer", ["images", "tiles"])
def test_offline_a_folder_that_is_not_there_is_one_error_and_nothing_else(service, tmp_path, layer):
    folder = tmp_path / "nothing-here"
    opened = Layer(layer, **at(service), CACHE="YES", CACHE_DIR=folder, OFFLINE="YES")
    opened.within(tuple(map(float, AREA)))

    for _ in range(2):  # a second read finds no more than the first
        rows, heard = opened.read()
        assert (rows, heard.warnings) == ([], [])
        error, = heard.errors
        assert f"OFFLINE=YES: there is no cache to read: {folder}: No such file" in error

    assert service.requests == [] and not folder.exists()


def test_damaged_files_cost_requests_and_never_a_row(convert, service, folder):
    rows, _ = convert()
    chance = random.Random(7)
    for path in entries(folder):
        body = bytearray(path.read_bytes())
        kind = chance.randrange(3)
        if kind == 0:
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del body[chance.randrange(len(body)):]
        else:
            body += b"\0"
        path.write_bytes(body)
    service.clear()

    again, _ = convert()

    assert again == rows
    assert service.tiles_asked()


def test_a_folder_that_cannot_be_used_costs_a_warning(convert, service, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")

    rows, done = convert(env={"MAPILLARY_CACHE_DIR": str(blocked)})

    assert len(rows) > 1000
    assert "Warning" in done.err and "cache" in done.err
    assert blocked.read_text() == "no folder"


def test_a_folder_that_others_may_write_to_is_not_used(convert, folder):
    folder.mkdir()
    folder.chmod(0o777)

    rows, done = convert()

    assert len(rows) > 1000
    assert "Warning" in done.err
    assert list(folder.iterdir()) == []


def test_the_folder_is_the_users_own_and_holds_no_secret(convert, service, folder):
    convert()

    secret = service.token.rsplit("|", 1)[1].encode()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert entries(folder)
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
        assert not path.is_file() or secret not in path.read_bytes()


def test_without_a_setting_the_cache_is_in_the_users_cache_folder(run, tmp_path, home):
    run("ogr2ogr", tmp_path / "out.csv", "MAPILLARY:", "images", *SPAT, env={"MAPILLARY_CACHE": "YES"})

    assert entries(home / "cache" / "ogr_mapillary")


def test_answers_of_different_services_do_not_mix(convert, run, cached, tiles, town):
    from service import Service

    convert()
    with Service(tiles, town=town) as other:
        env = {"MAPILLARY_TILES_URL": other.url}
        convert(env=env)
        assert other.tiles_asked()


def test_a_file_service_is_not_cached(run, cached, folder, tmp_path):
    root = Path(__file__).resolve().parents[2]
    done = run("ogr2ogr", tmp_path / "out.csv", "MAPILLARY:", "images", *SPAT,
               env={**cached, "MAPILLARY_TILES_URL": f"file://{root}/data/sample"})

    assert done.code == 0, done.err
    assert not folder.exists()


def test_foreign_files_in_the_folder_stay(convert, folder):
    folder.mkdir(mode=0o700)
    (folder / "letter.txt").write_text("mine")
    (folder / "9f").mkdir(mode=0o700)
    (folder / "9f" / "photo.jpg").write_text("mine too")

    convert("-oo", "CACHE_MAX_SIZE=1")

    assert (folder / "letter.txt").read_text() == "mine"
    assert (folder / "9f" / "photo.jpg").read_text() == "mine too"


def test_processes_that_are_killed_leave_a_cache_that_reads_right(service, environment, cached, convert, tmp_path):
    chance = random.Random(3)
    variables = {**os.environ, **environment, **cached}
    service.latency = 0.01
    for n in range(8):
        process = subprocess.Popen(["ogr2ogr", tmp_path / f"k{n}.csv", "MAPILLARY:", "images", *SPAT], env=variables,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
    service.latency = 0.0

    rows, _ = convert()

    assert rows == convert(env={"MAPILLARY_CACHE": "NO"})[0]


def test_several_processes_share_one_cache(environment, cached, convert, tmp_path):
    variables = {**os.environ, **environment, **cached}
    outs = [tmp_path / f"p{n}.csv" for n in range(4)]
    processes = [subprocess.Popen(["ogr2ogr", "-lco", "GEOMETRY=AS_WKT", out, "MAPILLARY:", "images", *SPAT],
                                  env=variables, stderr=subprocess.PIPE) for out in outs]
    for process in processes:
        assert process.wait(120) == 0, process.stderr.read()
        process.stderr.close()

    wanted = convert(env={"MAPILLARY_CACHE": "NO"})[0]
    assert all(out.read_text().splitlines() == wanted for out in outs)


@pytest.mark.parametrize("option", ["CACHE=MAYBE", "OFFLINE=2", "CACHE_MAX_SIZE=0", "CACHE_MAX_SIZE=big",
                                    "CACHE_TTL=-1"])
def test_a_value_that_is_none_is_refused_by_name(run, option):
    done = run("ogrinfo", "-ro", "MAPILLARY:", "-oo", option)

    assert done.code != 0
    assert f"MAPILLARY: {option.split('=')[0]} must be" in done.err
