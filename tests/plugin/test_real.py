# SPDX-License-Identifier: MIT
"""Tiles that the real service once gave, where somebody has put them beside the project.

They are not the project's to give away. Without them these tests are skipped.
"""
from __future__ import annotations

from pathlib import Path

import mvt
import pytest
from town import ORIGINAL, pixel_lon_lat

from reading import Images, Row, assert_same, geopackage, grown, in_plan_order, tile_box

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "real" / "tiles" / ORIGINAL / "14"

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded tiles of the real service are not beside the project")

BLOCK = [(x, y) for _, _, x, y in in_plan_order(
    (ORIGINAL, 14, x, y) for x in (3251, 3252) for y in (6257, 6258))]
N_BLOCK = 52_734
N_TILE = 10_231
ANYWHERE = (8580, 5554)  # for the tile whose place was not recorded

# What those who recorded the block put in place of its values.
BLANK = ""


def decoded(path, x, y):
    """The tile's images, by the tests' own decoder: attributes as they stand there, and position."""
    layer = mvt.layer_named(mvt.decode(path.read_bytes()), "image")
    return [(feature.attributes,
             pixel_lon_lat(x * layer.extent + feature.parts[0][0][0],
                           y * layer.extent + feature.parts[0][0][1], layer.extent << 14))
            for feature in layer.features]


def row_of(attributes, position):
    value = {name: None if attributes.get(name, BLANK) == BLANK else attributes[name]
             for name in Row._fields}
    number = value.pop("id")
    for name in ("fid", "lon", "lat"):
        del value[name]
    value["captured_at"] = value["captured_at"] or None
    return Row(-1 if number is None else number, number, **value, lon=position[0], lat=position[1])


@pytest.fixture
def folder(tmp_path):
    """The recorded tiles in the layout of the service."""
    def place(x, y, path):
        target = tmp_path / "tiles" / "maps" / "vtp" / ORIGINAL / "2" / "14" / str(x) / str(y)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)

    for x, y in BLOCK:
        place(x, y, RECORDED / str(x) / f"{y}.mvt")
    place(*ANYWHERE, RECORDED / "unknown.mvt")
    return tmp_path / "tiles"


@pytest.fixture
def url(folder, monkeypatch):
    """The folder's address, with neither token nor service at hand."""
    for name in ("ACCESS_TOKEN", "TILES_URL", "GRAPH_URL"):
        monkeypatch.delenv(f"MAPILLARY_{name}", raising=False)
    return folder.as_uri()


def box_of(tiles):
    """A box of tiles, closed to the north and west and a hair short of its other borders."""
    west, _, _, north = tile_box(min(x for x, _ in tiles), min(y for _, y in tiles))
    _, south, east, _ = tile_box(max(x for x, _ in tiles), max(y for _, y in tiles))
    return west, south + 1e-7, east - 1e-7, north


def test_four_adjoining_tiles_give_every_image_at_its_place(url):
    truth = [row_of(*image) for x, y in BLOCK
             for image in decoded(RECORDED / str(x) / f"{y}.mvt", x, y)]
    assert len(truth) == N_BLOCK

    rows = Images(TILES_URL=url).within(box_of(BLOCK)).rows()

    assert_same(rows, truth)


def test_a_tile_with_true_values_gives_every_one_of_them(url):
    recorded = decoded(RECORDED / "unknown.mvt", *ANYWHERE)
    assert len(recorded) == N_TILE
    assert sum("organization_id" in attributes for attributes, _ in recorded) == 2410
    assert all("creator_id" in attributes for attributes, _ in recorded)

    rows = Images(TILES_URL=url).within(grown(box_of([ANYWHERE]), 0.001)).rows()

    assert_same(rows, [row_of(*image) for image in recorded])


def test_a_tile_with_true_values_becomes_a_geopackage(run, service, url, tmp_path):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images",
               "-spat", *grown(box_of([ANYWHERE]), 0.001), "-oo", f"TILES_URL={url}",
               env={"MAPILLARY_ACCESS_TOKEN": None, "MAPILLARY_TILES_URL": None})

    assert (done.code, done.text) == (0, "")
    _, rows = geopackage(tmp_path / "out.gpkg")
    assert_same(rows, [row_of(*image) for image in decoded(RECORDED / "unknown.mvt", *ANYWHERE)],
                fids=False)
    assert service.requests == []
