# SPDX-License-Identifier: MIT
"""A folder instead of the service: no token, no network, and the same rows."""
from __future__ import annotations

import gzip
import sys

import pytest
from osgeo import gdal

from features import Layer
from reading import Images, assert_same, cover, grown, listening, tile_box
from town import ORIGINAL

AREA = (8.52, 50.002, 8.592, 50.027)
TILE = (ORIGINAL, 14, 8581, 5554)
BARE = {"MAPILLARY_ACCESS_TOKEN": None, "MAPILLARY_TILES_URL": None, "MAPILLARY_GRAPH_URL": None}


def path_in(folder, key):
    tileset, z, x, y = key
    return folder / "maps" / "vtp" / tileset / "2" / str(z) / str(x) / str(y)


def write(folder, key, body):
    path = path_in(folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


@pytest.fixture
def folder(tmp_path, tiles):
    """The town's images in a folder."""
    for key, body in tiles.items():
        if key[:2] == (ORIGINAL, 14):
            write(tmp_path / "tiles", key, body)
    return tmp_path / "tiles"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No token is set, and no address; the tests give an address as users would."""
    for name in BARE:
        monkeypatch.delenv(name, raising=False)


def read(folder, box=AREA, **options):
    """The rows of a read that must succeed."""
    images = Images(TILES_URL=folder.as_uri(), **options).within(box)
    rows = images.rows()
    images.close()
    return rows


def failure(url, box=AREA):
    images = Images(TILES_URL=url).within(box)
    message = images.failure()
    images.close()
    return message


def test_a_folder_gives_what_the_service_gives(folder, truth):
    assert_same(read(folder), truth.within(AREA))


@pytest.mark.parametrize("connections", (1, 2, 64))
def test_files_come_in_the_order_of_the_plan(folder, truth, connections):
    assert_same(read(folder, truth.box, CONNECTIONS=connections), truth.rows())


@pytest.mark.parametrize("arguments, environment", [
    ("-oo TILES_URL={}", {}), ("--config MAPILLARY_TILES_URL {}", {}), ("", {"MAPILLARY_TILES_URL": "{}"})])
def test_a_conversion_of_a_folder_needs_no_token(run, service, folder, truth, arguments, environment):
    url = folder.as_uri()

    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", *AREA,
               "-select", "id", *(word.format(url) for word in arguments.split()),
               env={**BARE, **{name: value.format(url) for name, value in environment.items()}})

    assert (done.code, done.err) == (0, "")
    assert [int(line.strip('"')) for line in done.out.splitlines()[1:]] == [
        row.id for row in truth.within(AREA)]
    assert service.requests == []


SOCKETS = """
import os, sys
from osgeo import gdal
dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
layer = dataset.GetLayerByName("images")
layer.SetSpatialFilterRect(*map(float, sys.argv[1:]))
layer.GetNextFeature()
kinds = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
         if os.path.lexists(f"/proc/self/fd/{n}")]
print(layer.GetFeatureCount(), sum("socket" in kind for kind in kinds),
      len(os.listdir("/proc/self/task")))
"""


def test_a_folder_is_read_without_a_socket_or_a_thread(run, folder, truth):
    done = run(sys.executable, "-c", SOCKETS, *AREA,
               env={**BARE, "MAPILLARY_TILES_URL": folder.as_uri()})

    assert (done.code, done.err) == (0, "")
    assert done.out.split() == [str(len(truth.within(AREA))), "0", "1"]


def test_a_file_that_is_not_there_is_an_empty_tile(folder, truth):
    path_in(folder, TILE).unlink()

    beyond = grown(AREA, 0.05)
    assert len(cover(beyond)) > 3 * len(cover(AREA))
    kept = truth.rows(lambda row: row not in truth.by_tile[TILE])
    assert len(kept) < len(truth.rows())
    assert_same(read(folder, beyond), kept)


def test_an_empty_file_is_an_empty_tile(folder):
    path_in(folder, TILE).write_bytes(b"")

    assert read(folder, grown(tile_box(8581, 5554), -0.0001)) == []


def test_a_gzipped_file_is_a_tile_like_any_other(folder, truth):
    for path in (folder / "maps").rglob("555?"):
        path.write_bytes(gzip.compress(path.read_bytes(), 9))

    assert_same(read(folder), truth.within(AREA))


@pytest.mark.parametrize("name", [
    "a folder", "ümläüte", "100%", "50%25", "#1?x=2&y", "a+b", "日本", "quote'\"", "semi;colon,comma"])
def test_a_folder_of_any_name_is_found_by_its_escaped_address(folder, truth, name):
    assert_same(read(folder.rename(folder.parent / name)), truth.within(AREA))


@pytest.mark.parametrize("end", ["", "/", "///"])
def test_slashes_at_the_end_do_not_matter(folder, truth, end):
    images = Images(TILES_URL=folder.as_uri() + end).within(AREA)

    assert_same(images.rows(), truth.within(AREA))


def test_small_letters_in_escapes_are_read_too(folder, truth):
    moved = folder.rename(folder.parent / "ü")
    url = moved.as_uri()
    assert "%C3%BC" in url

    images = Images(TILES_URL=url.replace("%C3%BC", "%c3%bc")).within(AREA)

    assert_same(images.rows(), truth.within(AREA))


def test_a_folder_that_is_not_there_is_no_empty_world(tmp_path):
    message = failure((tmp_path / "missing").as_uri())

    assert str(tmp_path / "missing") in message
    assert "maps/vtp" in message


def test_a_folder_of_another_layout_is_no_empty_world(tmp_path):
    (tmp_path / "tiles" / "14" / "8581").mkdir(parents=True)

    message = failure((tmp_path / "tiles").as_uri())

    assert str(tmp_path / "tiles") in message
    assert "maps/vtp" in message


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "tiles").write_bytes(b"")

    assert str(tmp_path / "tiles") in failure((tmp_path / "tiles").as_uri())


def test_a_conversion_of_a_folder_that_is_not_there_fails(run, service, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", *AREA,
               "-oo", f"TILES_URL={(tmp_path / 'missing').as_uri()}", env=BARE)

    assert done.code != 0
    assert str(tmp_path / "missing") in done.err
    assert service.requests == []


@pytest.mark.parametrize("url", ["file://tiles", "file:tiles", "file:///a%", "file:///a%zz", "file:///a%00"])
def test_an_address_that_names_no_folder_is_refused_at_once(url):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"TILES_URL={url}"])

    assert dataset is None
    assert len(heard.errors) == 1 and "TILES_URL" in heard.errors[0]


# Files that are no tile.
BROKEN = {
    "text": b"this is no tile",
    "a number without an end": b"\x1a" + b"\xff" * 11,
    "half a tile": lambda body: body[:len(body) // 2],
    "half a gzip": lambda body: gzip.compress(body)[:-20],
    "a gzip that promises too much": lambda body: gzip.compress(body)[:-4] + b"\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_an_error_that_names_it(folder, truth, kind):
    path = path_in(folder, TILE)
    broken = BROKEN[kind]
    path.write_bytes(broken if isinstance(broken, bytes) else broken(path.read_bytes()))
    images = Images(TILES_URL=folder.as_uri()).within(truth.box)

    rows, heard = images.read()

    assert len(heard.errors) == 1
    assert "/".join(map(str, TILE)) in heard.errors[0]
    whole = list(truth.by_tile)[:list(truth.by_tile).index(TILE)]
    assert_same(rows, [row for key in whole for row in truth.by_tile[key]])


def test_a_folder_in_place_of_a_file_is_an_error(folder):
    path_in(folder, TILE).unlink()
    path_in(folder, TILE).mkdir()

    message = failure(folder.as_uri())

    assert "/".join(map(str, TILE)) in message


def test_a_file_that_is_too_large_is_an_error(folder):
    with open(path_in(folder, TILE), "wb") as file:
        file.truncate(100 << 20)

    message = failure(folder.as_uri())

    assert "/".join(map(str, TILE)) in message
    assert "more than 64 MiB" in message


def test_a_file_that_is_mended_reads_the_next_time(folder, truth):
    whole = path_in(folder, TILE).read_bytes()
    path_in(folder, TILE).write_bytes(b"broken")
    images = Images(TILES_URL=folder.as_uri()).within(AREA)
    assert "/".join(map(str, TILE)) in images.failure()

    path_in(folder, TILE).write_bytes(whole)

    assert_same(images.rows(), truth.within(AREA))


# ---- The Graph beside it ----------------------------------------------------------------------


@pytest.fixture
def image(town):
    """An image in which something was seen."""
    return next(image.id for image in town.images if town.truth_detections_of_image(image.id))


@pytest.mark.parametrize("cache", ["NO", "YES"])
def test_beside_a_folder_the_graph_is_asked_as_ever(folder, service, town, image, truth, cache):
    asked = Layer("detections", TILES_URL=folder.as_uri(), GRAPH_URL=service.url, ACCESS_TOKEN=service.token,
                  CACHE=cache)
    rows, heard = asked.where(f"image_id = {image}").read()

    assert heard.errors == []
    assert [row.fid for row in rows] == [each.id for each in town.truth_detections_of_image(image)]
    assert len(service.requests) == 1
    assert_same(read(folder, GRAPH_URL=service.url, ACCESS_TOKEN=service.token, CACHE=cache), truth.within(AREA))
    assert len(service.requests) == 1


def test_beside_a_folder_the_graph_asks_for_a_token(folder, service, image):
    asked = Layer("detections", TILES_URL=folder.as_uri(), GRAPH_URL=service.url).where(f"image_id = {image}")

    assert "no access token" in asked.failure()
    assert service.requests == []


def test_without_a_token_ids_in_an_area_filter_what_the_folder_holds(folder, service, truth):
    wanted = truth.within(AREA)[::150]
    number = f"id IN ({', '.join(str(row.id) for row in wanted)})"
    options = {"TILES_URL": folder.as_uri(), "GRAPH_URL": service.url}

    assert_same(Images(**options).within(AREA).where(number).rows(), wanted)
    pieces = Layer("sequences", STITCH="AREA", **options).within(AREA)
    key = next(row.fields["id"] for row in pieces.rows() if row.fields["id"])
    assert [row.fields["id"] for row in pieces.where(f"id = '{key}'").rows()] == [key]
    assert service.requests == []
    assert "no access token" in Images(**options).where(number).failure()


def test_with_a_token_the_graph_is_asked_for_ids_beside_a_folder_too(folder, service, truth):
    wanted = truth.within(AREA)[:3]
    images = Images(TILES_URL=folder.as_uri(), GRAPH_URL=service.url, ACCESS_TOKEN=service.token)

    rows = images.within(AREA).where(f"id IN ({', '.join(str(row.id) for row in wanted)})").rows()

    assert [row.id for row in rows] == [row.id for row in wanted]
    assert [request.kind for request in service.requests] == ["entities"]


@pytest.mark.parametrize("with_tiles", [False, True])
def test_a_folder_cannot_stand_in_for_the_graph(folder, service, image, truth, with_tiles):
    options = {"TILES_URL": service.url if with_tiles else folder.as_uri(), "GRAPH_URL": folder.as_uri(),
               "ACCESS_TOKEN": service.token}

    message = Layer("detections", **options).where(f"image_id = {image}").failure()

    assert "GRAPH_URL: " in message and "no folder can stand in for" in message
    assert str(image) in message
    assert service.requests == []
    assert_same(Images(**options).within(AREA).rows(), truth.within(AREA))


def test_a_folder_is_read_offline_and_leaves_no_cache(folder, home, image, truth):
    assert_same(read(folder, OFFLINE="YES", CACHE="YES"), truth.within(AREA))
    assert_same(read(folder, OFFLINE="NO", CACHE="YES"), truth.within(AREA))
    assert not (home / "cache").exists()

    asked = Layer("detections", TILES_URL=folder.as_uri(), OFFLINE="YES", CACHE="YES").where(f"image_id = {image}")

    assert "OFFLINE=YES" in asked.failure()
