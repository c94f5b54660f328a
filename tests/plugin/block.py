# SPDX-License-Identifier: MIT
"""Land to break things on: tiles with three images each, all of it quick to read, and what a read of it must give."""
from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Mapping, Tuple

import mvt
from reading import Box, Row, grown, in_plan_order, tile_box
from service import Request
from town import ORIGINAL, TileKey, pixel_lon_lat

ATTEMPTS = 4  # three retries


def tiles_of(columns: range, rows: range) -> List[TileKey]:
    return in_plan_order((ORIGINAL, 14, x, y) for x in columns for y in rows)


def box_of(columns: range, rows: range) -> Box:
    """A box that touches these tiles and no others."""
    west, _, _, north = tile_box(columns[0], rows[0])
    _, south, east, _ = tile_box(columns[-1], rows[-1])
    return grown((west, south, east, north), -1e-6)


COLUMNS, ROWS = range(8580, 8584), range(5552, 5555)
TILES = tiles_of(COLUMNS, ROWS)
BLOCK = box_of(COLUMNS, ROWS)
PLACES = {"first": TILES[0], "middle": TILES[len(TILES) // 2], "last": TILES[-1]}
SPAT = ("-spat", *BLOCK)


def images_of(tile: TileKey) -> List[Tuple[int, int, int]]:
    """The three images of a tile: (id, x, y)."""
    _, _, x, y = tile
    return [(x * 10 ** 6 + y * 10 + n, 1000 + n, 2000 - n) for n in (1, 2, 3)]


def body_of(tile: TileKey) -> bytes:
    return mvt.encode([mvt.Layer("image", [
        mvt.point(px, py, {"id": number, "sequence_id": f"s{number}"})
        for number, px, py in images_of(tile)])])


def truth_of(tiles: Iterable[TileKey]) -> List[Row]:
    return [Row(number, number, None, None, f"s{number}", None, None, None, None,
                *pixel_lon_lat(tile[2] * 4096 + px, tile[3] * 4096 + py))
            for tile in tiles for number, px, py in images_of(tile)]


class Land(Mapping[TileKey, bytes]):
    """Such tiles without an end, made when they are asked for."""

    def __init__(self, tiles: Iterable[TileKey]) -> None:
        self.keys_: Dict[TileKey, None] = dict.fromkeys(tiles)

    def __getitem__(self, key: TileKey) -> bytes:
        self.keys_[key]
        return body_of(key)

    def __iter__(self) -> Iterator[TileKey]:
        return iter(self.keys_)

    def __len__(self) -> int:
        return len(self.keys_)


def name_of(tile: TileKey) -> str:
    """As messages spell it."""
    return "/".join(map(str, tile))


def request_of(tile: TileKey) -> Request:
    tileset, z, x, y = tile
    path = f"/maps/vtp/{tileset}/2/{z}/{x}/{y}"
    return Request("GET", path, path, {}, {}, "tile", tile)


def times_asked(service, tile: TileKey) -> int:
    return service.tiles_asked().count(tile)
