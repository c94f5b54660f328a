# SPDX-License-Identifier: MIT
"""Sequences of the real service, in four adjoining tiles that somebody has put beside the project.

They are not the project's to give away. Without them these tests are skipped. Whoever recorded the tiles blanked all
values but the ids of sequences.
"""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from features import Layer
from pieces import Pieces, fewest_lines, loose_joints, pixel_lines, pixels, segments
from reading import Images, grown, in_plan_order, tile_box
from town import EXTENT, ORIGINAL

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "real" / "tiles" / ORIGINAL / "14"

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded tiles of the real service are not beside the project")

BLOCK = [(x, y) for x in (3251, 3252) for y in (6257, 6258)]
N_PIECES, N_SEQUENCES, N_BORDER_VERTICES = 586, 488, 110
BLANK = ""


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    """By the tests' own decoder."""
    return Pieces({(ORIGINAL, 14, x, y): (RECORDED / str(x) / f"{y}.mvt").read_bytes() for x, y in BLOCK})


@pytest.fixture
def url(tmp_path, monkeypatch):
    """The recorded tiles in the layout of the service, with neither token nor service at hand."""
    for x, y in BLOCK:
        target = tmp_path / "tiles" / "maps" / "vtp" / ORIGINAL / "2" / "14" / str(x) / str(y)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(RECORDED / str(x) / f"{y}.mvt")
    for name in ("ACCESS_TOKEN", "TILES_URL", "GRAPH_URL"):
        monkeypatch.delenv(f"MAPILLARY_{name}", raising=False)
    return (tmp_path / "tiles").as_uri()


def box_of(cells, margin=-1e-6):
    """A box of tiles, a hair within its borders."""
    west, _, _, north = tile_box(min(x for x, _ in cells), min(y for _, y in cells))
    _, south, east, _ = tile_box(max(x for x, _ in cells), max(y for _, y in cells))
    return grown((west, south, east, north), margin)


@pytest.fixture
def block(url):
    """All rows of the four tiles."""
    return Layer("sequences", STITCH="AREA", TILES_URL=url).within(box_of(BLOCK)).rows()


def inner_border_vertices(pieces, name):
    """Vertices at which parts of a sequence end on a border between two of the tiles, by the tile of each."""
    inner_x, inner_y = 3252 * EXTENT, 6258 * EXTENT
    ends = {}
    for part in pieces.parts[name]:
        for end in (part.line[0], part.line[-1]):
            if end[0] == inner_x or end[1] == inner_y:
                ends.setdefault(end, set()).add(part.cell)
    return {end: cells for end, cells in ends.items() if len(cells) > 1}


def test_the_recorded_tiles_hold_what_is_known_of_them(pieces):
    assert sum(len(features) for features in pieces.by_cell.values()) == N_PIECES
    assert len(pieces.parts) == N_SEQUENCES
    assert sum(len(inner_border_vertices(pieces, name)) for name in pieces.parts) == N_BORDER_VERTICES


def test_each_sequence_is_one_feature_in_the_order_of_the_tiles(pieces, block):
    assert [row.fields["id"] for row in block] == pieces.ids(BLOCK)
    assert len({row.fid for row in block}) == N_SEQUENCES == len(block)
    for row in block:
        assert {name: value for name, value in row.fields.items() if name != "id"} == dict.fromkeys(
            ("captured_at", "image_id", "is_pano", "organization_id", "creator_id", "quality_score", "foot"))


def test_every_segment_of_every_piece_is_there_exactly_once(pieces, block):
    n_segments = 0
    for row in block:
        held = segments(pieces.parts_of(row.fields["id"]))
        assert segments(pixel_lines(row.shape)) == held, row.fields["id"]
        n_segments += sum(held.values())
    assert n_segments > 40_000


def test_parts_are_joined_at_every_border_vertex(pieces, block):
    n_vertices = 0
    for row in block:
        lines = pixel_lines(row.shape)
        inner = Counter(vertex for line in lines for vertex in line[1:-1])
        for vertex in inner_border_vertices(pieces, row.fields["id"]):
            n_vertices += 1
            assert inner[vertex] > 0, (row.fields["id"], vertex)
    assert n_vertices == N_BORDER_VERTICES


def test_nothing_is_left_to_join(block):
    for row in block:
        assert loose_joints(pixel_lines(row.shape)) == [], row.fields["id"]


def test_there_are_as_few_lines_as_the_pieces_allow(pieces, block):
    fewest = {row.fields["id"]: fewest_lines(pieces.parts_of(row.fields["id"])) for row in block}
    assert sum(n > 1 for n in fewest.values()) > 5

    assert {row.fields["id"]: len(row.shape) for row in block} == fewest


@pytest.mark.parametrize("cell", BLOCK)
def test_whole_sequences_of_one_tile_are_those_of_the_block(pieces, block, url, cell):
    by_id = {row.fields["id"]: row for row in block}

    found = Layer("sequences", TILES_URL=url).within(box_of([cell])).rows()

    assert [row.fields["id"] for row in found] == pieces.ids([cell])
    for row in found:
        name = row.fields["id"]
        reached = segments(pieces.connected(name, [cell]))
        assert segments(pixel_lines(row.shape)) == reached
        if reached == segments(pieces.parts_of(name)):
            assert pixel_lines(row.shape) == pixel_lines(by_id[name].shape)


def test_unstitched_pieces_are_those_of_the_tiles(pieces, url):
    found = Layer("sequences", STITCH="NO", TILES_URL=url).within(box_of(BLOCK)).rows()

    assert len({row.fid for row in found}) == len(found) == N_PIECES
    assert [(row.fields["id"], [pixels(line) for line in row.shape]) for row in found] == [
        (name, lines) for key in in_plan_order((ORIGINAL, 14, x, y) for x, y in BLOCK)
        for name, _, lines in pieces.by_cell[key[2:]]]


def test_every_fid_is_good_after_the_read(url, block):
    layer = Layer("sequences", STITCH="AREA", TILES_URL=url).within(box_of(BLOCK))
    found = layer.rows()

    assert found == block
    assert [layer.get(row.fid) for row in found] == found


def test_images_of_the_block_lie_on_its_sequences(block, url):
    """Vertices are the images' positions: most images are one."""
    vertices = {vertex for row in block for line in row.shape for vertex in line}

    images = Images(TILES_URL=url).within(box_of(BLOCK)).rows()

    on_line = sum((image.lon, image.lat) in vertices for image in images)
    assert on_line > 0.9 * len(images) > 40_000
