# SPDX-License-Identifier: MIT
"""The pieces of sequences in tiles, and what joins them: worked out from the tiles' bytes, by the tests' own decoder.

Lines are lists of pixels of the zoom's world, 4096 to a tile. Two parts are connected where an end of one is an end of
the other; 180 degrees east and west are one place. At the end of the module stands what, by all this, a read of the
town must give.
"""
from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Set, Tuple

import mvt
from reading import TOLERANCE, Box, in_plan_order, tile_box
from town import EXTENT, ORIGINAL, Line, Pixel, TileKey, Town, clip, pixel_lon_lat, simplified, split
from town import Sequence as Drive

Cell = Tuple[int, int]  # x and y of a tile
Position = Tuple[float, float]
Attributes = Dict[str, Any]


# ---- Lines as features have them --------------------------------------------------------------


@lru_cache(maxsize=1 << 18)
def position(pixel: Pixel, zoom: int = 14) -> Position:
    return pixel_lon_lat(*pixel, EXTENT << zoom)


def pixels(line: Sequence[Position], zoom: int = 14) -> Line:
    """The line's vertices as pixels, each of which must be met to a billionth of a degree."""
    size = EXTENT << zoom
    out = []
    for lon, lat in line:
        y = size * (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
        pixel = round(size * (lon + 180) / 360), round(y)
        true = position(pixel, zoom)
        assert math.isclose(lon, true[0], rel_tol=0, abs_tol=TOLERANCE), (lon, lat)
        assert math.isclose(lat, true[1], rel_tol=0, abs_tol=TOLERANCE), (lon, lat)
        out.append(pixel)
    return out


def pixel_lines(shape: Sequence[Sequence[Position]], zoom: int = 14) -> List[Line]:
    """The lines of a feature, sorted: which of them comes first has no meaning."""
    return sorted(pixels(line, zoom) for line in shape)


def segments(lines: Iterable[Line]) -> Counter[Tuple[Pixel, Pixel]]:
    """How often each step from a vertex to the next is made."""
    return Counter((tuple(a), tuple(b)) for line in lines for a, b in zip(line, line[1:]))


def loose_joints(lines: Sequence[Line]) -> List[Pixel]:
    """Where one line ends and another begins, which therefore should be one."""
    return [a[-1] for n, a in enumerate(lines) for m, b in enumerate(lines) if n != m and a[-1] == b[0]]


def fewest_lines(parts: Sequence[Line]) -> int:
    """How many lines it takes to draw all parts, each once and in its direction, without a jump within a line: one for
    each end in excess where parts meet, and at least one for whatever is connected."""
    group: Dict[Pixel, Pixel] = {}

    def leader(vertex: Pixel) -> Pixel:
        while group.setdefault(vertex, vertex) != vertex:
            vertex = group[vertex]
        return vertex

    excess: Counter[Pixel] = Counter()
    for line in parts:
        group[leader(line[0])] = leader(line[-1])
        excess.update([line[0]])
        excess.subtract([line[-1]])
    needed: Counter[Pixel] = Counter()
    for vertex in list(group):
        needed[leader(vertex)] += max(0, excess[vertex])
    return sum(max(1, n) for n in needed.values())


def within_180(line: Line, zoom: int = 14) -> List[Line]:
    """A line that may leave the world in the east or west, cut there; precondition: with a vertex on each border."""
    size = EXTENT << zoom
    out: List[Line] = []
    turn = None
    for a, b in zip(line, line[1:]):
        turns = (a[0] + b[0]) // 2 // size
        p, q = ((x - turns * size, y) for x, y in (a, b))
        if turns == turn:
            out[-1].append(q)
        else:
            out.append([p, q])
        turn = turns
    return out


# ---- Tiles ------------------------------------------------------------------------------------


class Part(NamedTuple):
    cell: Cell
    line: Line


class Pieces:
    """All lines of the tiles of a zoom, by the id of their sequence."""

    def __init__(self, tiles: Mapping[TileKey, bytes], zoom: int = 14, tileset: str = ORIGINAL) -> None:
        self.zoom, self.tileset = zoom, tileset
        self.parts: Dict[str, List[Part]] = defaultdict(list)
        self.by_cell: Dict[Cell, List[Tuple[str, Attributes, List[Line]]]] = {}
        for key in in_plan_order(key for key in tiles if key[:2] == (tileset, zoom)):
            cell = key[2:]
            features = mvt.layer_named(mvt.decode(tiles[key]), "sequence").features
            self.by_cell[cell] = [(feature.attributes["id"], feature.attributes,
                                   [self._in_world(cell, part) for part in feature.parts])
                                  for feature in features]
            for name, _, lines in self.by_cell[cell]:
                self.parts[name] += [Part(cell, line) for line in lines]

    @staticmethod
    def _in_world(cell: Cell, part: mvt.Part) -> Line:
        return [(cell[0] * EXTENT + x, cell[1] * EXTENT + y) for x, y in part]

    def keys(self, cells: Iterable[Cell]) -> List[TileKey]:
        return in_plan_order((self.tileset, self.zoom, x, y) for x, y in set(cells))

    def ids(self, cells: Iterable[Cell]) -> List[str]:
        """In the order in which a read of these tiles first meets them."""
        return list(dict.fromkeys(name for _, _, x, y in self.keys(cells)
                                  for name, _, _ in self.by_cell.get((x, y), ())))

    def parts_of(self, name: str) -> List[Line]:
        return [part.line for part in self.parts[name]]

    def inside(self, name: str, cells: Iterable[Cell]) -> List[Line]:
        """The parts of a sequence that these tiles hold."""
        cells = set(cells)
        return [part.line for part in self.parts[name] if part.cell in cells]

    def connected(self, name: str, cells: Iterable[Cell]) -> List[Line]:
        """Those parts, and all that are connected with them over however many others."""
        cells = set(cells)
        reached: Set[Pixel] = set()
        todo = list(self.parts[name])
        out: List[Line] = []
        spreading = True
        while spreading:
            more = [part for part in todo if part.cell in cells or reached & set(self._ends(part.line))]
            todo = [part for part in todo if part not in more]
            out += [part.line for part in more]
            reached.update(end for part in more for end in self._ends(part.line))
            spreading = bool(more)
        return out

    def followed(self, names: Iterable[str], cells: Iterable[Cell]) -> List[TileKey]:
        """The tiles that a read of these must ask for to have these sequences whole: for want of a sign that says
        where a sequence ends, all in whose closed squares an end of a connected part lies."""
        cells = set(cells)
        ends = {end for name in names for line in self.connected(name, cells) for end in self._ends(line)}
        return self.keys(cells | {cell for end in ends for cell in self._cells_at(end)})

    def _ends(self, line: Line) -> Tuple[Pixel, Pixel]:
        size = EXTENT << self.zoom
        return (line[0][0] % size, line[0][1]), (line[-1][0] % size, line[-1][1])

    def _cells_at(self, end: Pixel) -> List[Cell]:
        across = 1 << self.zoom
        xs, ys = ({value // EXTENT, -(-value // EXTENT) - 1} for value in end)
        return [(x % across, y) for x in xs for y in ys if 0 <= y < across]


def world(*sequences: Tuple[Attributes, Sequence[Line]], zoom: int = 14, tileset: str = ORIGINAL
          ) -> Dict[TileKey, bytes]:
    """The tiles of these sequences: for each its attributes and its runs, lines without a gap."""
    features: Dict[Cell, List[mvt.Feature]] = defaultdict(list)
    for attributes, runs in sequences:
        parts: Dict[Cell, List[Line]] = defaultdict(list)
        for run in runs:
            for cell, more in clip(list(run)).items():
                parts[cell] += more
        for (x, y), lines in parts.items():
            features[x % (1 << zoom), y].append(mvt.lines(
                ([(px - x * EXTENT, py - y * EXTENT) for px, py in line] for line in lines), attributes))
    return {(tileset, zoom, x, y): mvt.encode([mvt.Layer("sequence", here)])
            for (x, y), here in features.items()}


# ---- Filters ----------------------------------------------------------------------------------


def overlap(a: Sequence[Position], b: Sequence[Position]) -> bool:
    """Whether a convex polygon, as its corners in turn, and another, or a segment, have a point in common: no side of
    either parts them."""
    for side in (a, b):
        for p, q in zip(side, (*side[1:], side[0])):
            across = (p[1] - q[1], q[0] - p[0])
            spans = [[x * across[0] + y * across[1] for x, y in points] for points in (a, b)]
            if max(spans[0]) < min(spans[1]) or max(spans[1]) < min(spans[0]):
                return False
    return True


def meets(lines: Iterable[Line], corners: Sequence[Position], zoom: int = 14) -> bool:
    """Whether one of the lines has a point in a convex polygon."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    west, south, east, north = min(xs), min(ys), max(xs), max(ys)
    for line in lines:
        places = [position(pixel, zoom) for pixel in line]
        for a, b in zip(places, places[1:]):
            is_near = (min(a[0], b[0]) <= east and max(a[0], b[0]) >= west
                       and min(a[1], b[1]) <= north and max(a[1], b[1]) >= south)
            if is_near and overlap(corners, (a, b)):
                return True
    return False


def covered(corners: Sequence[Position], zoom: int = 14) -> List[Cell]:
    """The tiles that have a point in common with a convex polygon."""
    box: Box = (min(x for x, _ in corners), min(y for _, y in corners),
                max(x for x, _ in corners), max(y for _, y in corners))
    size = 1 << zoom
    (x0, y0), (x1, y1) = (((lon + 180) / 360 * size,
                           (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * size)
                          for lon, lat in ((box[0], box[3]), (box[2], box[1])))
    out = []
    for x in range(max(0, math.floor(x0) - 1), min(size, math.floor(x1) + 2)):
        for y in range(max(0, math.floor(y0) - 1), min(size, math.floor(y1) + 2)):
            west, south, east, north = tile_box(x, y, zoom)
            if overlap(corners, [(west, south), (west, north), (east, north), (east, south)]):
                out.append((x, y))
    return out


# ---- What a read of the town must give ----------------------------------------------------------

FIELDS = ("id", "captured_at", "image_id", "is_pano", "organization_id", "creator_id", "quality_score", "foot")

Row = Tuple[int, Attributes, List[Line]]  # the lines sorted


def fnv(text: str, seed: int = 0) -> int:
    """FNV-1a of 64 bits, without the sign."""
    value = 14695981039346656037 ^ seed
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % (1 << 64)
    return value % (1 << 63)


def fields_of(sequence: Drive) -> Attributes:
    """A sequence of the town as the layer shows it. A clock at 0 has stopped: that is no time."""
    values = {name: getattr(sequence, name) for name in FIELDS}
    return {**values, "captured_at": values["captured_at"] or None}


def row_of(sequence: Drive, lines: Sequence[Line]) -> Row:
    return fnv(sequence.id), fields_of(sequence), sorted(lines)


_walks: Dict[Tuple[str, int], List[Line]] = {}


def walks_of(sequence: Drive, zoom: int = 14) -> List[Line]:
    """What the pieces of a sequence of the town make at this zoom when joined."""
    key = sequence.id, zoom
    if key not in _walks:
        runs = [simplified(run, zoom) for run in sequence.runs]
        _walks[key] = sequence.walks() if zoom == 14 else [split(run) for run in runs if len(run) > 1]
    return _walks[key]


def stretches(walk: Line, held: Counter[Tuple[Pixel, Pixel]]) -> List[Line]:
    """The stretches of a walk whose every step is held."""
    out: List[Line] = []
    going = False
    for a, b in zip(walk, walk[1:]):
        if (a, b) in held and going:
            out[-1].append(b)
        elif (a, b) in held:
            out.append([a, b])
        going = (a, b) in held
    return out


class Expected:
    """What a read of the town must give for a convex filter, and ask for."""

    def __init__(self, town: Town, pieces: Pieces, filter_: Sequence[Position],
                 keep: Callable[[Drive], Any] = lambda sequence: True) -> None:
        self.pieces, self.filter, self.cells = pieces, filter_, covered(filter_, pieces.zoom)
        self.near = [town.sequence(name) for name in pieces.ids(self.cells)]
        self.meeting = [sequence for sequence in self.near
                        if meets(walks_of(sequence, pieces.zoom), filter_, pieces.zoom) and keep(sequence)]
        assert {s.id for s in self.meeting} == {
            s.id for s in town.sequences
            if meets(walks_of(s, pieces.zoom), filter_, pieces.zoom) and keep(s)}

    def within_reach(self, sequence: Drive) -> List[Line]:
        """The walks of which a part is connected with one in the covered tiles, each of them whole."""
        connected = segments(self.pieces.connected(sequence.id, self.cells))
        lines = [walk for walk in walks_of(sequence, self.pieces.zoom) if (walk[0], walk[1]) in connected]
        assert segments(lines) == connected
        return lines

    @property
    def whole(self) -> List[Row]:
        """Of STITCH=WHOLE."""
        return [row_of(sequence, self.within_reach(sequence)) for sequence in self.meeting]

    @property
    def followed(self) -> List[TileKey]:
        """What that asks for."""
        return self.pieces.followed([sequence.id for sequence in self.meeting], self.cells)

    @property
    def of_area(self) -> List[Row]:
        """Of STITCH=AREA."""
        rows = []
        for sequence in self.near:
            held = segments(self.pieces.inside(sequence.id, self.cells))
            lines = [line for walk in walks_of(sequence, self.pieces.zoom) for line in stretches(walk, held)]
            if meets(lines, self.filter, self.pieces.zoom):
                rows.append(row_of(sequence, lines))
        return rows
