# SPDX-License-Identifier: MIT
"""Sonnenfurt: a made-up town, photographed from 2015 to 2025, of which everything is known.

`Town(seed)` lays out streets, drives through them, puts up signs and benches, and then answers as
the service would: `tiles()` gives the bytes of its vector tiles, `graph_image(id)` and the like
give the entities of its Graph. The truth that tests compare with stands in `images`, `sequences`,
`signs` and `points`. The same arguments always give the same town, byte for byte.

Positions are kept three ways: as longitude and latitude (what the Graph says), as a pixel of the
world at zoom 14 (`gx`, `gy`: 2^26 of them each way, floored), and as that pixel's own longitude and
latitude (what a reader of the tile can know).
"""
from __future__ import annotations

import base64
import hashlib
import heapq
import itertools
import math
import random
import string
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from fractions import Fraction
from functools import lru_cache
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple, Union

import mvt

ZOOM = 14
EXTENT = 4096
WORLD = EXTENT << ZOOM
EARTH_RADIUS = 6378137.0

ORIGINAL = "mly1_public"
COMPUTED = "mly1_computed_public"
POINTS = "mly_map_feature_point"
SIGNS = "mly_map_feature_traffic_sign"
TILESETS = (ORIGINAL, COMPUTED, POINTS, SIGNS)

Pixel = Tuple[int, int]
Metres = Tuple[float, float]
Line = List[Pixel]
TileKey = Tuple[str, int, int, int]
Json = Dict[str, Any]


# ---- The world grid ---------------------------------------------------------------------------


def world_pixel(lon: float, lat: float) -> Pixel:
    """The zoom 14 pixel that holds a position."""
    x, y = _mercator(lon, lat)
    return math.floor(x), math.floor(y)


def pixel_lon_lat(gx: int, gy: int, world: int = WORLD) -> Tuple[float, float]:
    """The position of a pixel's north-western corner."""
    lon = float(Fraction(gx * 360, world) - 180)
    lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * gy / world))))
    return lon, lat


def _mercator(lon: float, lat: float) -> Tuple[float, float]:
    phi = math.radians(lat)
    return (WORLD * (lon + 180) / 360,
            WORLD * (1 - math.asinh(math.tan(phi)) / math.pi) / 2)


def _digits(value: float) -> float:
    """The service prints numbers with 14 significant digits."""
    return float(f"{value:.14g}")


@dataclass(frozen=True)
class Place:
    """A position as the Graph knows it (lon, lat) and as the tiles do (the rest)."""

    lon: float
    lat: float
    gx: int
    gy: int

    @classmethod
    def at(cls, lon: float, lat: float) -> "Place":
        lon, lat = _digits(lon), _digits(lat)
        return cls(lon, lat, *world_pixel(lon, lat))

    z = ZOOM

    @property
    def x(self) -> int:
        return self.gx // EXTENT

    @property
    def y(self) -> int:
        return self.gy // EXTENT

    @property
    def px(self) -> int:
        return self.gx % EXTENT

    @property
    def py(self) -> int:
        return self.gy % EXTENT

    @property
    def tile_lon(self) -> float:
        return pixel_lon_lat(self.gx, self.gy)[0]

    @property
    def tile_lat(self) -> float:
        return pixel_lon_lat(self.gx, self.gy)[1]

    @property
    def geojson(self) -> Json:
        return {"type": "Point", "coordinates": [self.lon, self.lat]}


class Placed:
    """Lets whatever has a `place` be asked for its parts directly: image.lon, image.px."""

    place: Place

    z = ZOOM
    lon = property(lambda self: self.place.lon)
    lat = property(lambda self: self.place.lat)
    gx = property(lambda self: self.place.gx)
    gy = property(lambda self: self.place.gy)
    x = property(lambda self: self.place.x)
    y = property(lambda self: self.place.y)
    px = property(lambda self: self.place.px)
    py = property(lambda self: self.place.py)
    tile_lon = property(lambda self: self.place.tile_lon)
    tile_lat = property(lambda self: self.place.tile_lat)


# ---- The truth --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Creator:
    id: int
    username: str


@dataclass(frozen=True)
class Organization:
    id: int
    slug: str
    name: str
    description: str


@dataclass
class Image(Placed):
    """One image. None is what the service leaves out.

    `creator_id` is what the tiles say (nothing, for old images); `creator` is what the Graph says.
    `computed` is None for an image that was never processed: it is absent from computed tiles.
    """

    id: int
    captured_at: Optional[int]
    compass_angle: Optional[float]
    sequence_id: str
    is_pano: bool
    organization_id: Optional[int]
    creator_id: Optional[int]
    quality_score: Optional[float]
    place: Place
    computed: Optional[Place]
    creator: Creator
    heading: float = field(repr=False)


@dataclass
class Sequence:
    """One sequence. A run is a list of pixels with a line along it.

    Nearly every sequence is one run. A few have a gap that no line crosses, so two. A run holds a
    pixel for each image, less repetitions; a run of a single pixel has no line.
    """

    id: str
    captured_at: Optional[int]
    image_id: int
    is_pano: bool
    organization_id: Optional[int]
    creator_id: Optional[int]
    quality_score: Optional[float]
    foot: Optional[bool]
    images: List[Image] = field(repr=False)
    runs: List[Line] = field(repr=False)
    computed_runs: List[Line] = field(repr=False)

    @property
    def points(self) -> Line:
        """All pixels in capture order."""
        return [pixel for run in self.runs for pixel in run]

    def walks(self, computed: bool = False) -> List[Line]:
        """What the pieces of all tiles make when joined: the runs, with the vertices that
        crossings of itself and of tile borders add. Runs without a line are left out."""
        runs = self.computed_runs if computed else self.runs
        return [split(noded(run)) for run in runs if len(run) > 1]


@dataclass
class MapFeature(Placed):
    """A traffic sign or another thing by the road. `images` are the images that show it."""

    id: int
    value: str
    first_seen_at: int
    last_seen_at: int
    place: Place
    is_sign: bool
    aligned_direction: Optional[float]
    images: List[Image] = field(repr=False)


@dataclass
class Detection:
    """Something seen in one image. `polygons` are in 4096ths of width and height, y down: for
    each feature of the encoded geometry its rings, the outer one first."""

    id: int
    image: Image
    map_feature_id: Optional[int]
    value: str
    created_at: int
    version: int
    polygons: List[List[mvt.Part]]

    @property
    def geometry(self) -> str:
        """Signs carry a tag and no feature id, segmentations the reverse: both as recorded."""
        sign = self.version == 1
        tags = {"type": "polygon"} if sign else {}
        features = [mvt.polygons(rings, tags, id=None if sign else n + 1)
                    for n, rings in enumerate(self.polygons)]
        layer = mvt.Layer("mpy-or", features, version=self.version)
        return base64.b64encode(mvt.encode([layer])).decode()

    @property
    def graph(self) -> Json:
        return {"created_at": _iso(self.created_at), "geometry": self.geometry,
                "image": {"geometry": self.image.place.geojson, "id": str(self.image.id)},
                "value": self.value, "id": str(self.id)}


# ---- Clipping ---------------------------------------------------------------------------------
#
# All of it works on whole numbers in the pixels of one zoom's world, so that two neighbouring tiles
# cannot disagree about where a line crosses from one into the other.


def split(line: Line, size: int = EXTENT) -> Line:
    """The line with a vertex wherever it crosses the border of a tile."""
    out = line[:1]
    for a, b in zip(line, line[1:]):
        out += [q for _, q, _ in _segment_pieces(a, b, size)]
    return out


def clip(line: Line, size: int = EXTENT) -> Dict[Pixel, List[Line]]:
    """The parts of a line in each tile it enters, in pixels of the world.

    A tile is the closed square, but what runs along a border stands, as points on it do, only in
    the tile east or south of it. A part ends where the line leaves the tile and at every vertex the
    line visits more than once. The service's tiles are like that in each of these points.
    """
    walk = split(line, size)
    visits = Counter(walk)
    tiles: Dict[Pixel, List[Line]] = {}
    last_piece: Dict[Pixel, int] = {}
    pieces = (piece for a, b in zip(line, line[1:]) for piece in _segment_pieces(a, b, size))
    for n, (p, q, tile) in enumerate(pieces):
        parts = tiles.setdefault(tile, [])
        if last_piece.get(tile) == n - 1 and visits[p] == 1:
            parts[-1].append(q)
        else:
            parts.append([p, q])
        last_piece[tile] = n
    return tiles


def _segment_pieces(a: Pixel, b: Pixel, size: int) -> Iterator[Tuple[Pixel, Pixel, Pixel]]:
    """A segment cut at tile borders: (from, to, tile it lies in), without empty pieces.

    The crossing is an exact fraction, rounded once. Rounding cannot carry a point across the other
    border, because borders are whole numbers; at worst it lands on a corner, and the piece that
    became empty is left out.
    """
    delta = (b[0] - a[0], b[1] - a[1])
    cuts = sorted({Fraction(border - a[axis], delta[axis])
                   for axis in (0, 1) for border in _borders_between(a[axis], b[axis], size)})
    p, t0 = a, Fraction(0)
    for t in cuts + [Fraction(1)]:
        q = _rounded(a, delta, t)
        if p != q:
            middle = (t0 + t) / 2
            yield p, q, (math.floor(a[0] + delta[0] * middle) // size,
                         math.floor(a[1] + delta[1] * middle) // size)
        p, t0 = q, t


def _rounded(start: Pixel, delta: Pixel, t: Fraction) -> Pixel:
    """The pixel nearest to a point of a segment; halves go up, whichever way the segment runs."""
    half = Fraction(1, 2)
    return (math.floor(start[0] + delta[0] * t + half), math.floor(start[1] + delta[1] * t + half))


def _borders_between(a: int, b: int, size: int) -> range:
    low, high = min(a, b), max(a, b)
    return range((low // size + 1) * size, high, size)


def noded(line: Line) -> Line:
    """The line with a vertex wherever it crosses itself, on both segments, rounded to a pixel."""
    segments = list(zip(line, line[1:]))
    extra: Dict[int, Set[Fraction]] = defaultdict(set)
    where: Dict[Tuple[int, Fraction], Pixel] = {}
    for i, j in _close_pairs(segments):
        crossing = _crossing(*segments[i], *segments[j])
        if crossing:
            for n, t in ((i, crossing[0]), (j, crossing[1])):
                extra[n].add(t)
                where[n, t] = crossing[2]
    out = line[:1]
    for n, (_, b) in enumerate(segments):
        for pixel in [where[n, t] for t in sorted(extra[n])] + [b]:
            if pixel != out[-1]:
                out.append(pixel)
    return out


def _close_pairs(segments: List[Tuple[Pixel, Pixel]], cell: int = 128) -> List[Tuple[int, int]]:
    """Pairs of segments that share a cell of a coarse grid: the only ones that can cross."""
    grid: Dict[Pixel, List[int]] = defaultdict(list)
    for n, (a, b) in enumerate(segments):
        for x in range(min(a[0], b[0]) // cell, max(a[0], b[0]) // cell + 1):
            for y in range(min(a[1], b[1]) // cell, max(a[1], b[1]) // cell + 1):
                grid[x, y].append(n)
    return sorted({(i, j) for ns in grid.values() for i in ns for j in ns if i + 1 < j})


def _crossing(a: Pixel, b: Pixel, c: Pixel, d: Pixel
              ) -> Optional[Tuple[Fraction, Fraction, Pixel]]:
    """Where two segments properly cross: the parameters on each, and the nearest pixel."""
    ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    determinant = ux * vy - uy * vx
    if determinant == 0:
        return None
    wx, wy = c[0] - a[0], c[1] - a[1]
    t = Fraction(wx * vy - wy * vx, determinant)
    s = Fraction(wx * uy - wy * ux, determinant)
    if not (0 < t < 1 and 0 < s < 1):
        return None
    return t, s, _rounded(a, (ux, uy), t)


def simplified(line: Line, zoom: int, tolerance: int = 2) -> Line:
    """The line on the grid of a lower zoom, thinned (Douglas-Peucker) to `tolerance` of its
    pixels."""
    shift = ZOOM - zoom
    return _thinned(_without_repeats((gx >> shift, gy >> shift) for gx, gy in line), tolerance)


def _thinned(line: Line, tolerance: int) -> Line:
    keep = {0, len(line) - 1}
    open_spans = [(0, len(line) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if last - first < 2:
            continue
        far, at = max((_distance_squared(line[n], line[first], line[last]), n)
                      for n in range(first + 1, last))
        if far > tolerance * tolerance:
            keep.add(at)
            open_spans += [(first, at), (at, last)]
    return [line[n] for n in sorted(keep)]


def _distance_squared(p: Pixel, a: Pixel, b: Pixel) -> Fraction:
    """From a point to a segment."""
    ux, uy, wx, wy = b[0] - a[0], b[1] - a[1], p[0] - a[0], p[1] - a[1]
    length = ux * ux + uy * uy
    along = min(max(ux * wx + uy * wy, 0), length)
    if length == 0:
        return Fraction(wx * wx + wy * wy)
    return Fraction((wx * length - ux * along) ** 2 + (wy * length - uy * along) ** 2,
                    length * length)


def _without_repeats(pixels: Iterable[Pixel]) -> Line:
    out: Line = []
    for pixel in pixels:
        if not out or pixel != out[-1]:
            out.append(pixel)
    return out


# ---- Streets ----------------------------------------------------------------------------------


@dataclass
class Edge:
    """A stretch of street between two junctions, in metres east and north of the town's centre."""

    to: "Node"
    line: List[Metres]
    kind: str


class Node:
    """A junction."""

    def __init__(self, at: Metres) -> None:
        self.at = at
        self.edges: List[Edge] = []


class Streets:
    """The plan of the town.

    A bent grid of blocks, denser in the old core, a park, an avenue across it all, a river with
    three bridges and a promenade, a ring road, and country roads, one of which leads to a village.
    """

    BLOCK = (190.0, 172.0)
    BRIDGES = (-8, 0, 8)
    MAIN_EVERY = 8

    def __init__(self, rng: random.Random, size: float) -> None:
        self.size = size
        self.radius = 1450.0 * size
        self.nodes: List[Node] = []
        self.phase = [rng.uniform(0, math.tau) for _ in range(6)]
        self.grid: Dict[Tuple[int, int], Node] = {}
        self.park = self.grid_point(4 * size, 12 * size)
        self.lay_grid(rng)
        self.lay_avenue()
        self.lay_promenade()
        self.lay_ring()
        self.country = self.lay_country_roads()
        self.nodes = list(_ways_from(self.junctions[0]))

    def edge_of_town(self, angle: float) -> float:
        a, b = self.phase[:2]
        return self.radius * (1 + 0.08 * math.sin(3 * angle + a) + 0.05 * math.sin(5 * angle + b))

    def river(self, east: float) -> float:
        """How far north the river flows."""
        east /= self.size
        return self.size * (-330 + 150 * math.sin(east / 640 + self.phase[2])
                            + 55 * math.sin(east / 230 + self.phase[3]))

    def grid_point(self, u: float, v: float) -> Metres:
        """Grid coordinates count half blocks; the bends are what makes its streets curved."""
        e, n = u * self.BLOCK[0] / 2, v * self.BLOCK[1] / 2
        e, n = (e + 70 * math.sin(n / 520 + self.phase[4]),
                n + 60 * math.sin(e / 610 + self.phase[5]))
        turn = 0.2
        return (e * math.cos(turn) - n * math.sin(turn), e * math.sin(turn) + n * math.cos(turn))

    def node(self, at: Metres) -> Node:
        self.nodes.append(Node(at))
        return self.nodes[-1]

    def join(self, a: Node, b: Node, line: List[Metres], kind: str) -> None:
        a.edges.append(Edge(b, line, kind))
        b.edges.append(Edge(a, line[::-1], kind))

    def lay_grid(self, rng: random.Random) -> None:
        reach = int(2 * self.radius / min(self.BLOCK) * 1.3)
        for u in range(-reach, reach + 1):
            for v in range(-reach, reach + 1):
                e, n = at = self.grid_point(u, v)
                out = math.hypot(e, n)
                lane = u % 2 or v % 2
                if out > (0.25 * self.radius if lane else self.edge_of_town(math.atan2(n, e))):
                    continue
                in_park = math.dist(at, self.park) < 260 * self.size
                if abs(n - self.river(e)) > 60 and not in_park:
                    self.grid[u, v] = self.node(at)
        for (u, v), node in self.grid.items():
            self.lay_block(rng, u, v, node, (1, 0))
            self.lay_block(rng, u, v, node, (0, 1))

    def lay_block(self, rng: random.Random, u: int, v: int, node: Node, step: Pixel) -> None:
        """The street from a junction to the next one east or north, if there is one."""
        crosswise = v if step[0] else u
        main = crosswise % self.MAIN_EVERY == 0
        bridge = step == (0, 1) and crosswise in self.BRIDGES
        for distance in range(1, 7 if bridge else 3):
            other = self.grid.get((u + distance * step[0], v + distance * step[1]))
            if other:
                break
        else:
            return
        wet = self.bank(node.at) != self.bank(other.at)
        if (wet and not bridge) or (not main and rng.random() < 0.08):
            return
        if distance > 2 and not wet:
            return
        line = [self.grid_point(u + distance * step[0] * t / 8, v + distance * step[1] * t / 8)
                for t in range(9)]
        self.join(node, other, line, "main" if main else "side")

    def bank(self, at: Metres) -> bool:
        return at[1] > self.river(at[0])

    def lay_avenue(self) -> None:
        """An old road that cuts the grid diagonally, north of the river."""
        for n in range(-20, 20):
            a, b = self.grid.get((2 * n, 2 * n + 2)), self.grid.get((2 * n + 2, 2 * n + 4))
            if a and b and self.bank(a.at) and self.bank(b.at):
                line = [self.grid_point(2 * n + t / 4, 2 * n + 2 + t / 4) for t in range(9)]
                self.join(a, b, line, "main")

    def lay_promenade(self) -> None:
        """A path along the northern bank, reached from the streets above it."""
        easts = [e * 40.0 for e in range(int(-self.radius / 50), int(self.radius / 50) + 1)]
        points = [(e, self.river(e) + 38) for e in easts]
        previous: Optional[Tuple[Node, int]] = None
        for n in range(0, len(points), 6):
            near = min(self.grid.values(), key=lambda node: math.dist(node.at, points[n]))
            if math.dist(near.at, points[n]) > 220 or not self.bank(near.at):
                continue
            node = self.node(points[n])
            self.join(node, near, [node.at, near.at], "path")
            if previous:
                self.join(previous[0], node, points[previous[1]:n + 1], "path")
            previous = node, n

    def lay_ring(self) -> None:
        steps = 120
        ring = []
        for n in range(steps):
            angle = n * math.tau / steps
            out = self.edge_of_town(angle) + 180 * self.size
            ring.append((out * math.cos(angle), out * math.sin(angle)))
        outer = [node for (u, v), node in self.grid.items()
                 if (u % self.MAIN_EVERY == 0 or v % self.MAIN_EVERY == 0)
                 and math.hypot(*node.at) > 0.8 * self.radius]
        junctions: Dict[int, Node] = {}
        for node in outer:
            n = min(range(steps), key=lambda k: math.dist(ring[k], node.at))
            crowded = any(min((n - m) % steps, (m - n) % steps) < 5 for m in junctions)
            if not crowded and math.dist(ring[n], node.at) < 100 + 320 * self.size:
                junctions[n] = self.node(ring[n])
                self.join(junctions[n], node, [ring[n], node.at], "main")
        order = sorted(junctions)
        for n, m in zip(order, order[1:] + [order[0] + steps]):
            line = [ring[k % steps] for k in range(n, m + 1)]
            self.join(junctions[n], junctions[m % steps], line, "ring")
        self.junctions = [junctions[n] for n in order]

    def lay_country_roads(self) -> List[Tuple[Node, Node]]:
        """Roads out of town, by their ends; the first is the long one, which leads to the village.
        """
        roads = []
        for k in range(5):
            bearing = k * math.tau / 5 + 0.35
            start = min(self.junctions, key=lambda node: abs(math.remainder(
                math.atan2(node.at[1], node.at[0]) - bearing, math.tau)))
            length = self.size * (2600 if k == 0 else 1150)
            bearing = math.atan2(start.at[1], start.at[0])
            line = [(start.at[0] + t * math.cos(bearing + 0.25 * math.sin(t / length * 4)),
                     start.at[1] + t * math.sin(bearing + 0.25 * math.sin(t / length * 4)))
                    for t in (length * n / 40 for n in range(41))]
            end = self.node(line[-1])
            self.join(start, end, line, "country")
            roads.append((start, end))
        village = roads[0][1]
        loop = [(village.at[0] + 90 * (1 - math.cos(a)), village.at[1] + 90 * math.sin(a))
                for a in (math.tau * n / 24 for n in range(25))]
        village.edges.append(Edge(village, loop, "side"))
        return roads

    def stroll(self, rng: random.Random, start: Node, length: float,
               taste: Dict[str, float]) -> List[Metres]:
        """A way through town that rather goes straight on, on the kinds of street it likes."""
        way, node, heading = [start.at], start, rng.uniform(0, math.tau)
        came_from: Optional[Node] = None
        while length > 0:
            choices = [edge for edge in node.edges if edge.to is not came_from] or node.edges
            weights = []
            for edge in choices:
                turn = _bearing(edge.line[0], edge.line[1]) - heading
                weights.append(taste.get(edge.kind, 0.1) * (1.05 + math.cos(turn)) ** 2)
            edge = rng.choices(choices, weights)[0]
            way += edge.line[1:]
            heading = _bearing(edge.line[-2], edge.line[-1])
            length -= _length(edge.line)
            came_from, node = node, edge.to
        return way


def _bearing(a: Metres, b: Metres) -> float:
    """Radians, clockwise from north."""
    return math.atan2(b[0] - a[0], b[1] - a[1])


def _length(line: List[Metres]) -> float:
    return sum(math.dist(a, b) for a, b in zip(line, line[1:]))


class Track:
    """A way that can be asked for the point at a distance along it."""

    def __init__(self, way: List[Metres]) -> None:
        self.way = [way[0]] + [b for a, b in zip(way, way[1:]) if a != b]
        self.at = [0.0]
        for a, b in zip(self.way, self.way[1:]):
            self.at.append(self.at[-1] + math.dist(a, b))
        self.length = self.at[-1]
        self.leg = 0

    def point(self, s: float) -> Metres:
        s = min(max(s, 0.0), self.length)
        while self.leg > 0 and self.at[self.leg] > s:
            self.leg -= 1
        while self.leg < len(self.way) - 2 and self.at[self.leg + 1] < s:
            self.leg += 1
        a, b = self.way[self.leg], self.way[self.leg + 1]
        t = (s - self.at[self.leg]) / (self.at[self.leg + 1] - self.at[self.leg])
        return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t

    def driven(self, s: float) -> Tuple[Metres, float]:
        """Point and bearing with corners cut as wheels do it."""
        back, here, ahead = self.point(s - 5), self.point(s), self.point(s + 5)
        at = ((back[0] + here[0] + ahead[0]) / 3, (back[1] + here[1] + ahead[1]) / 3)
        return at, _bearing(back, ahead)


# ---- What happens in town ---------------------------------------------------------------------


@dataclass(frozen=True)
class Camera:
    make: str
    model: str
    width: int
    height: int
    type: str
    mount: float = 0.0

    @property
    def is_pano(self) -> bool:
        return self.type in ("spherical", "equirectangular")


CAMERAS = (
    Camera("Kestrel", "K7 Dash", 3840, 2160, "perspective"),
    Camera("Orbita", "Action 5", 4000, 3000, "fisheye"),
    Camera("Nordlicht", "Phone 11", 4032, 3024, "perspective"),
    Camera("Nordlicht", "Phone 7", 2688, 1512, "perspective", 90.0),
)
PANO_CAMERAS = (
    Camera("Orbita", "Dome 360", 5760, 2880, "spherical"),
    Camera("Kugelwerk", "K360 \u2013 S", 7680, 3840, "equirectangular"),
)

USERNAMES = ("lena_maps", "radweg_ralf", "sonnenfurt-op\u00f6nv", "k_oe_lsch", "Mira Feld",
             "strassenkind", "anlieger42")
ORGANIZATIONS = (
    ("stadt_sonnenfurt", "Stadt Sonnenfurt", "Tiefbauamt, Befahrung der Gemeindestrassen"),
    ("sonnenbus", "Sonnenbus / Verkehrsbetriebe", "Haltestellen und Linienwege"),
)

SIGN_VALUES = (
    ("regulatory--maximum-speed-limit-50--g1", 12), ("regulatory--maximum-speed-limit-30--g1", 24),
    ("regulatory--yield--g1", 20), ("regulatory--stop--g1", 6), ("regulatory--no-entry--g1", 10),
    ("regulatory--priority-road--g4", 16), ("regulatory--keep-right--g1", 8),
    ("regulatory--no-stopping--g15", 14), ("regulatory--no-parking--g1", 12),
    ("regulatory--one-way-right--g2", 7), ("information--pedestrians-crossing--g1", 14),
    ("information--parking--g1", 14), ("information--bus-stop--g1", 6),
    ("warning--children--g2", 5), ("warning--roundabout--g25", 2),
    ("warning--slippery-road--g1", 2), ("information--general-directions--g1", 6),
    ("complementary--both-directions--g2", 4), ("complementary--except-bicycles--g1", 4),
    # The next two stand in no published list.
    ("general--traffic-sign--g1", 2), ("regulatory--texts-two-lines--g1", 2),
)
POINT_VALUES = (
    ("object--street-light", 30), ("object--support--utility-pole", 16), ("object--manhole", 18),
    ("object--bench", 12), ("object--trash-can", 9), ("object--fire-hydrant", 6),
    ("object--sign--advertisement", 8), ("object--bike-rack", 5),
    ("object--traffic-light--general", 8),
    ("object--junction-box", 5), ("marking--discrete--crosswalk-zebra", 10),
    ("marking--discrete--stop-line", 8), ("construction--barrier--temporary", 2),
    ("object--cctv-camera", 1), ("object--unheard-of", 1),
)
SEGMENT_VALUES = ("nature--vegetation", "nature--sky", "construction--structure--building",
                  "construction--flat--road", "object--vehicle--car", "void--ego-vehicle")

DAY_MS = 86_400_000
KEY_LETTERS = string.ascii_letters + string.digits + "-_"
WHEELS = {"main": 3.0, "side": 1.4, "ring": 2.5, "country": 0.4, "path": 0.02}
SHOES = {"path": 6.0, "side": 2.0, "main": 1.0, "ring": 0.05, "country": 0.05}


@dataclass
class Trip:
    """How one sequence came about.

    More than one way makes a gap between them. `stands` is a number of images from a single spot.
    `clock` is that of the camera: right, stopped (always 0) or faltering (0 at times).
    """

    ways: List[List[Metres]]
    start: int
    camera: Camera
    creator: Creator
    organization: Optional[Organization]
    spacing: float = 8.0
    speed: float = 8.0
    lane: float = 3.0
    foot: bool = False
    limit: int = 400
    processed: bool = True
    stands: int = 0
    clock: str = "right"

    @property
    def is_old(self) -> bool:
        """From before tiles told the creator and the quality."""
        return self.start < _utc_ms(2017, 1, 1)


class Town:
    """The town and what was seen in it.

    `size` 1.0 is a town of three kilometres with about 9,000 images; 0.3, the least, is a village
    made in half a second.
    """

    def __init__(self, seed: int = 1, lon: float = 8.55, lat: float = 50.02, size: float = 1.0
                 ) -> None:
        if size < 0.3:
            raise ValueError("a town smaller than 0.3 has no room for its ring road")
        self.seed, self.lon, self.lat, self.size = seed, lon, lat, size
        self._rng = random.Random(f"sonnenfurt/{seed}")
        self._ids: Set[int] = set()
        self._tiles: Dict[TileKey, bytes] = {}
        self._centre = _mercator(lon, lat)
        self._pixels_per_metre = WORLD / (math.tau * EARTH_RADIUS * math.cos(math.radians(lat)))
        self.streets = Streets(self._rng, size)
        self._starts = itertools.cycle(
            self._rng.sample(self.streets.nodes, len(self.streets.nodes)))
        self.creators = [Creator(self._new_id(10 ** 14, 2 * 10 ** 14), name) for name in USERNAMES]
        self.organizations = [Organization(self._new_id(10 ** 14, 10 ** 15), *words)
                              for words in ORGANIZATIONS]
        self.sequences: List[Sequence] = []
        self._trips: Dict[str, Trip] = {}
        for trip in self._trips_of_all_years():
            self._record(trip)
        self.images: List[Image] = [image for s in self.sequences for image in s.images]
        self._image = {image.id: image for image in self.images}
        self._sequence = {sequence.id: sequence for sequence in self.sequences}
        self._nearby = self._by_place()
        self.signs = self._put_up(SIGN_VALUES, round(420 * size ** 2) + 30, True)
        self.points = self._put_up(POINT_VALUES, round(1100 * size ** 2) + 40, False)
        self._map_feature = {feature.id: feature for feature in self.signs + self.points}
        self._detections = self._detect()
        self._by_image = _grouped(self._detections, lambda d: d.image.id)
        self._by_feature = _grouped(self._detections, lambda d: d.map_feature_id)
        self._detection = {detection.id: detection for detection in self._detections}

    # -- asking

    def image(self, image_id: int) -> Image:
        return self._image[image_id]

    def sequence(self, key: str) -> Sequence:
        return self._sequence[key]

    def map_feature(self, feature_id: int) -> MapFeature:
        return self._map_feature[feature_id]

    @property
    def bbox(self) -> Tuple[float, float, float, float]:
        """West, south, east, north of all original image positions."""
        lons, lats = [i.lon for i in self.images], [i.lat for i in self.images]
        return min(lons), min(lats), max(lons), max(lats)

    # -- places and ids

    def _place(self, at: Metres) -> Place:
        x = self._centre[0] + at[0] * self._pixels_per_metre
        y = self._centre[1] - at[1] * self._pixels_per_metre
        lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / WORLD))))
        return Place.at(x * 360 / WORLD - 180, lat)

    def _new_id(self, low: int, high: int) -> int:
        """Odd, so that one that went through a double beyond 2^54 is noticed."""
        while True:
            new = self._rng.randrange(low, high) | 1
            if new not in self._ids:
                self._ids.add(new)
                return new

    # -- driving

    def _trips_of_all_years(self) -> Iterator[Trip]:
        yield from self._special_trips()
        drives = max(8, round(56 * self.size ** 2))
        for n in range(drives):
            yield self._drive(_utc_ms(2015 + 11 * n // drives, 1, 1))
        for start, end in self.streets.country:
            yield self._outing(start, end)
        for n in range(max(3, round(12 * self.size ** 2))):
            yield self._walk(_utc_ms(2019 + n % 7, 4, 1))
        for _ in range(max(2, round(4 * self.size))):
            yield self._walk(_utc_ms(2023, 6, 1), limit=1)

    def _drive(self, not_before: int, length: Optional[float] = None) -> Trip:
        rng = self._rng
        length = length or rng.choice((300, 500, 800, 1500)) * rng.uniform(0.8, 1.3)
        way = self.streets.stroll(rng, next(self._starts), length, WHEELS)
        camera = rng.choice(PANO_CAMERAS if rng.random() < 0.27 else CAMERAS)
        organization = rng.choice(self.organizations) if rng.random() < 0.3 else None
        daylight = rng.randrange(DAY_MS // 3, DAY_MS * 2 // 3)
        return Trip([way], not_before + rng.randrange(340) * DAY_MS + daylight, camera,
                    rng.choice(self.creators), organization, spacing=rng.choice((7.0, 10.0, 13.0)),
                    speed=rng.uniform(6, 12), processed=rng.random() > 0.1)

    def _outing(self, start: Node, end: Node) -> Trip:
        """Into town over a country road."""
        trip = self._drive(_utc_ms(self._rng.randrange(2017, 2025), 1, 1))
        road = next(edge for edge in end.edges if edge.to is start).line
        trip.ways = [road + self.streets.stroll(self._rng, start, 300, WHEELS)[1:]]
        trip.spacing = self._rng.uniform(10, 16)
        return trip

    def _walk(self, not_before: int, limit: int = 160) -> Trip:
        rng = self._rng
        old_town = [node for node in self.streets.nodes
                    if math.hypot(*node.at) < 0.5 * self.streets.radius]
        trip = self._drive(not_before)
        node, length = rng.choice(old_town), rng.uniform(300, 800)
        trip.ways = [self.streets.stroll(rng, node, length, SHOES)]
        trip.spacing, trip.speed, trip.lane = rng.uniform(3, 6), 1.4, 1.0
        trip.foot, trip.limit = True, limit
        return trip

    def _special_trips(self) -> Iterator[Trip]:
        """The shapes and clocks that a reader trips over."""
        rng, streets = self._rng, self.streets
        start, village = streets.country[0]
        out = next(edge for edge in start.edges if edge.to is village).line
        around = village.edges[-1].line
        ways = _ways_from(start)
        core = min(ways, key=lambda node: math.hypot(*node.at))

        excursion = self._drive(_utc_ms(2022, 3, 1))
        excursion.ways = [ways[core][::-1] + out[1:] + around[1:] + out[::-1][1:] + ways[core][1:]]
        excursion.spacing, excursion.limit = 18.0, 2000
        yield excursion

        lap = self._drive(_utc_ms(2021, 8, 1))
        ring = streets.junctions
        lap.ways = [[at for a, b in zip(ring, ring[1:] + ring[:1])
                     for at in next(e.line for e in a.edges if e.to is b and e.kind == "ring")]]
        lap.spacing, lap.limit = 16.0, 2000
        yield lap

        eight = self._drive(_utc_ms(2020, 5, 1))
        east, north = streets.park
        eight.ways = [[(east + 170 * self.size * math.sin(2 * a),
                        north + 150 * self.size * math.sin(a))
                       for a in (math.tau * n / 96 for n in range(100))]]
        eight.foot, eight.lane, eight.spacing, eight.speed = True, 0.5, 6.0, 1.5
        yield eight

        tunnel = self._drive(_utc_ms(2018, 2, 1), length=1500)
        length = _length(tunnel.ways[0])
        tunnel.ways = [_stretch(tunnel.ways[0], 0, length * 0.4),
                       _stretch(tunnel.ways[0], length * 0.6, length)]
        yield tunnel

        leap = self._drive(_utc_ms(2018, 9, 1), length=400)
        far = max(streets.nodes, key=lambda node: math.dist(node.at, leap.ways[0][0]))
        leap.ways.append(streets.stroll(rng, far, 400, WHEELS))
        yield leap

        standing = self._walk(_utc_ms(2024, 7, 1))
        standing.stands = 3
        yield standing

        stopped = self._drive(_utc_ms(2016, 4, 1))
        stopped.clock, stopped.limit = "stopped", 14
        yield stopped

        faltering = self._drive(_utc_ms(2019, 10, 1))
        faltering.clock, faltering.limit = "faltering", 90
        yield faltering

    def _record(self, trip: Trip) -> None:
        key = "".join(self._rng.choice(KEY_LETTERS) for _ in range(22))
        ways = self._shoot(trip, key)
        images = [image for way in ways for image in way]
        times = [image.captured_at for image in images if image.captured_at is not None]
        scores = [i.quality_score for i in images if i.quality_score is not None]
        self._trips[key] = trip
        self.sequences.append(Sequence(
            id=key, captured_at=min(times, default=None),
            image_id=max(images, key=lambda image: image.quality_score or 0).id,
            is_pano=trip.camera.is_pano, organization_id=images[0].organization_id,
            creator_id=images[0].creator_id,
            quality_score=_digits(sum(scores) / len(scores)) if scores else None,
            foot=None if trip.is_old else trip.foot, images=images,
            runs=_runs([[i.place for i in way] for way in ways]),
            computed_runs=_runs([[i.computed for i in way if i.computed] for way in ways])))

    def _shoot(self, trip: Trip, key: str) -> List[List[Image]]:
        """The images of each way of a trip."""
        rng, now = self._rng, trip.start
        shift = (rng.uniform(-3, 3), rng.uniform(-3, 3))
        has_compass = rng.random() > 0.06
        ways = []
        for way in trip.ways:
            images = []
            wander = (0.0, 0.0)
            for at, heading, step in self._stops(trip, way):
                if not trip.stands:
                    wander = (0.9 * wander[0] + rng.gauss(0, 0.35),
                              0.9 * wander[1] + rng.gauss(0, 0.35))
                taken = (at[0] + trip.lane * math.cos(heading) + wander[0],
                         at[1] - trip.lane * math.sin(heading) + wander[1])
                images.append(self._image_at(trip, key, now, taken, heading, shift, has_compass))
                now += round(1000 * step / trip.speed) + rng.randrange(40)
                if rng.random() < 0.01:
                    now += rng.randrange(5_000, 60_000)
            ways.append(images)
            now += rng.randrange(60_000, 600_000)
        return ways

    def _stops(self, trip: Trip, way: List[Metres]) -> Iterator[Tuple[Metres, float, float]]:
        """Where the shutter opens: position, heading, and metres to the next."""
        if trip.stands:
            yield from [(way[0], 0.0, trip.spacing)] * trip.stands
            return
        track, s = Track(way), 0.0
        for _ in range(trip.limit):
            step = trip.spacing * self._rng.uniform(0.85, 1.15)
            yield (*track.driven(s), step)
            s += step
            if s > track.length:
                return

    def _image_at(self, trip: Trip, key: str, now: int, taken: Metres, heading: float,
                  shift: Metres, has_compass: bool) -> Image:
        """An image; `shift` is how far the whole sequence moves when its position is computed."""
        rng = self._rng
        better = (taken[0] + shift[0] + rng.gauss(0, 0.3), taken[1] + shift[1] + rng.gauss(0, 0.3))
        compass = (math.degrees(heading) + trip.camera.mount + rng.gauss(0, 4)) % 360
        return Image(
            id=self._new_id(10 ** 15, 9 * 10 ** 15),
            captured_at=self._clock(trip.clock, now),
            compass_angle=(0.0 if not has_compass else
                           None if rng.random() < 0.015 else _digits(compass)),
            sequence_id=key, is_pano=trip.camera.is_pano,
            organization_id=trip.organization.id if trip.organization else None,
            creator_id=None if trip.is_old else trip.creator.id,
            quality_score=(None if trip.is_old or rng.random() < 0.08
                           else _digits(min(1.0, max(0.0, rng.gauss(0.7, 0.14))))),
            place=self._place(taken),
            computed=(self._place(better) if trip.processed and rng.random() > 0.02 else None),
            creator=trip.creator, heading=math.degrees(heading) % 360)

    def _clock(self, clock: str, now: int) -> Optional[int]:
        if clock == "stopped" or (clock == "faltering" and self._rng.random() < 0.06):
            return 0
        return None if self._rng.random() < 0.0012 else now

    # -- signs and things

    def _by_place(self) -> Dict[Pixel, List[Image]]:
        return _grouped(self.images, lambda image: (image.gx >> 7, image.gy >> 7))

    def _seen_from(self, place: Place, metres: float) -> List[Image]:
        reach = metres * self._pixels_per_metre
        near = [image for dx in (-1, 0, 1) for dy in (-1, 0, 1)
                for image in self._nearby.get(((place.gx >> 7) + dx, (place.gy >> 7) + dy), ())
                if image.captured_at
                and math.dist((image.gx, image.gy), (place.gx, place.gy)) < reach]
        return sorted(near, key=lambda image: image.id)

    def _put_up(self, values: Tuple[Tuple[str, int], ...], count: int, signs: bool
                ) -> List[MapFeature]:
        rng = self._rng
        witnesses = [image for image in self.images if image.captured_at]
        out: List[MapFeature] = []
        while len(out) < count:
            image = rng.choice(witnesses)
            heading = math.radians(image.heading)
            ahead, aside = rng.uniform(6, 18), rng.uniform(3, 6)
            if rng.random() < 0.25:
                aside = -aside - 4
            e = (image.gx - self._centre[0]) / self._pixels_per_metre
            n = (self._centre[1] - image.gy) / self._pixels_per_metre
            place = self._place(
                (e + ahead * math.sin(heading) + aside * math.cos(heading) + rng.uniform(-.5, .5),
                 n + ahead * math.cos(heading) - aside * math.sin(heading) + rng.uniform(-.5, .5)))
            seen = self._seen_from(place, 28)
            seen = sorted(rng.sample(seen, min(len(seen), rng.randrange(2, 6))), key=lambda i: i.id)
            if not seen:
                continue
            times = [i.captured_at or 0 for i in seen]
            out.append(MapFeature(
                id=self._new_id(10 ** 16, 59 * 10 ** 15) if rng.random() < 0.8
                else self._new_id(10 ** 14, 10 ** 15),
                value=rng.choices([v for v, _ in values], [w for _, w in values])[0],
                first_seen_at=min(times), last_seen_at=max(times), place=place, is_sign=signs,
                aligned_direction=(_digits((image.heading + 180) % 360) if rng.random() < 0.7
                                   else None),
                images=seen))
        return out

    def _detect(self) -> List[Detection]:
        """A box for each image that shows a map feature, and segments in every third image."""
        out = []
        for feature in self.signs + self.points:
            for image in feature.images:
                rng = self._rng_of("box", feature.id, image.id)
                out.append(Detection(
                    self._hash_id("box", feature.id, image.id), image, feature.id, feature.value,
                    self._processed_at(image, rng), 1, [[_box(rng)]]))
        for image in self.images:
            rng = self._rng_of("segments", image.id)
            for n in range(rng.choice((0, 0, 0, 0, 1, 3))):
                out.append(Detection(
                    self._hash_id("segment", image.id, n), image, None, rng.choice(SEGMENT_VALUES),
                    self._processed_at(image, rng), 2,
                    [_segment(rng, slot) for slot in range(rng.choice((1, 1, 2, 3)))]))
        return out

    def _processed_at(self, image: Image, rng: random.Random) -> int:
        return self._trips[image.sequence_id].start + rng.randrange(DAY_MS, 30 * DAY_MS)

    def _rng_of(self, *what: Union[str, int]) -> random.Random:
        """Chance of its own for each thing, so that details do not depend on their order."""
        return random.Random("/".join(map(str, (self.seed,) + what)))

    def _hash_id(self, *what: Union[str, int]) -> int:
        digest = hashlib.sha256("/".join(map(str, (self.seed,) + what)).encode()).digest()
        return 10 ** 14 + int.from_bytes(digest[:8], "big") % (10 ** 17) | 1

    # -- tiles

    def tiles(self) -> Dict[TileKey, bytes]:
        """Every tile of the service that is not empty."""
        if not self._tiles:
            self._tiles = self._made_tiles()
        return dict(self._tiles)

    def _made_tiles(self) -> Dict[TileKey, bytes]:
        out: Dict[TileKey, bytes] = {}
        for tileset in (ORIGINAL, COMPUTED):
            out.update(self._coverage_tiles(tileset))
        out.update(self._feature_tiles(SIGNS, "traffic_sign", self.signs))
        out.update(self._feature_tiles(POINTS, "point", self.points))
        for zoom in range(6, ZOOM):
            out.update(self._line_tiles(zoom))
        for zoom in range(6):
            out.update(self._overview_tiles(zoom))
        return out

    def _coverage_tiles(self, tileset: str) -> Iterator[Tuple[TileKey, bytes]]:
        computed = tileset == COMPUTED
        images: Dict[Pixel, List[mvt.Feature]] = defaultdict(list)
        for image in self.images:
            place = image.computed if computed else image.place
            if place:
                images[place.x, place.y].append(
                    mvt.point(place.px, place.py, _image_attributes(image)))
        lines = self._lines(ZOOM, {s.id: [noded(run) for run in
                                          (s.computed_runs if computed else s.runs)]
                                   for s in self.sequences})
        for x, y in sorted(set(images) | set(lines)):
            self._rng_of("shuffle", tileset, x, y).shuffle(images[x, y])
            layers = [mvt.Layer("sequence", lines.get((x, y), [])),
                      mvt.Layer("image", images[x, y])]
            yield (tileset, ZOOM, x, y), _encoded(layers[::-1] if (x + y) % 3 == 0 else layers)

    def _line_tiles(self, zoom: int) -> Iterator[Tuple[TileKey, bytes]]:
        lines = self._lines(zoom, {s.id: [simplified(run, zoom) for run in s.runs]
                                   for s in self.sequences})
        for (x, y), features in lines.items():
            yield (ORIGINAL, zoom, x, y), _encoded([mvt.Layer("sequence", features)])

    def _lines(self, zoom: int, runs: Dict[str, List[Line]]) -> Dict[Pixel, List[mvt.Feature]]:
        """One feature for each sequence and tile it enters."""
        tiles: Dict[Pixel, List[mvt.Feature]] = defaultdict(list)
        for sequence in self.sequences:
            parts: Dict[Pixel, List[Line]] = defaultdict(list)
            for run in runs[sequence.id]:
                for cell, more in clip(run).items():
                    parts[cell] += more
            for cell, pieces in parts.items():
                tiles[cell].append(mvt.lines(
                    ([(gx - cell[0] * EXTENT, gy - cell[1] * EXTENT) for gx, gy in piece]
                     for piece in pieces), _sequence_attributes(sequence)))
        return tiles

    def _feature_tiles(self, tileset: str, layer: str, features: List[MapFeature]
                       ) -> Iterator[Tuple[TileKey, bytes]]:
        for (x, y), here in _grouped(features, lambda f: (f.x, f.y)).items():
            yield (tileset, ZOOM, x, y), _encoded([mvt.Layer(layer, [
                mvt.point(f.px, f.py, _present(
                    first_seen_at=f.first_seen_at, id=f.id, last_seen_at=f.last_seen_at,
                    value=f.value)) for f in here])])

    def _overview_tiles(self, zoom: int) -> Iterator[Tuple[TileKey, bytes]]:
        """The newest image of each of 256 by 256 cells, in the middle of its cell."""
        shift = ZOOM - zoom + 4
        cells: Dict[Pixel, Image] = {}
        for image in self.images:
            cell = image.gx >> shift, image.gy >> shift
            if cell not in cells or (image.captured_at or 0) > (cells[cell].captured_at or 0):
                cells[cell] = image
        for (x, y), here in _grouped(sorted(cells), lambda c: (c[0] >> 8, c[1] >> 8)).items():
            yield (ORIGINAL, zoom, x, y), _encoded([mvt.Layer("overview", [
                mvt.point((cx & 255) * 16 + 7, (cy & 255) * 16 + 7,
                          _overview_attributes(cells[cx, cy])) for cx, cy in here])])

    # -- the Graph

    @lru_cache(maxsize=None)  # asked for again and again, by the service and by tests; nobody changes it
    def graph_image(self, image_id: int) -> Json:
        """All fields that the Graph has for an image; what has no value is left out."""
        image = self.image(image_id)
        trip, rng = self._trips[image.sequence_id], self._rng_of("graph", image_id)
        detections = self.detections_of_image(image_id)
        out = {
            "altitude": _digits(112 + rng.gauss(0, 3)),
            "camera_type": trip.camera.type,
            "captured_at": image.captured_at,
            "compass_angle": image.compass_angle,
            "creator": {"username": image.creator.username, "id": str(image.creator.id)},
            "exif_orientation": rng.choice((1, 1, 1, 1, 6)),
            "geometry": image.place.geojson,
            "height": trip.camera.height,
            "is_pano": image.is_pano,
            "make": trip.camera.make,
            "model": trip.camera.model,
            "organization": ({"id": str(image.organization_id)} if image.organization_id else None),
            "quality_score": image.quality_score,
            "sequence": image.sequence_id,
            "width": trip.camera.width,
            "id": str(image_id),
            "detections": {"data": detections} if detections else None,
        }
        if trip.camera.type != "spherical":
            out["camera_parameters"] = [0.85136388143343, -6.6499673206348e-05, 0.00013121033151786]
        if rng.random() < 0.1:
            del out["altitude"], out["make"], out["model"]
        for size in ("256", "1024", "2048", "original"):
            if size != "2048" or rng.random() > 0.02:
                out[f"thumb_{size}_url"] = _blob_url(f"thumb-{size}", image_id)
        if image.computed:
            out.update(self._reconstruction(image, rng))
        return {key: value for key, value in out.items() if value is not None}

    def _reconstruction(self, image: Image, rng: random.Random) -> Json:
        """What only processed images have. Images of a sequence share a cluster."""
        cluster = self._hash_id("cluster", image.sequence_id)
        out: Json = {
            "atomic_scale": _digits(rng.gauss(1, 0.02)),
            "computed_altitude": _digits(110 + rng.gauss(0, 1)),
            "computed_compass_angle": _digits((image.heading + rng.gauss(0, 0.5)) % 360),
            "computed_geometry": image.computed.geojson if image.computed else None,
            "computed_rotation": [_digits(rng.uniform(-1.5, 1.5)) for _ in range(3)],
            "merge_cc": _digits(float(cluster * 50)),
            "sfm_cluster": {"id": str(cluster)},
        }
        if rng.random() < 0.9:
            out["sfm_cluster"]["url"] = _blob_url("cluster", cluster)
        if rng.random() < 0.8:
            mesh = self._hash_id("mesh", image.id)
            out["mesh"] = {"id": str(mesh), "url": _blob_url("mesh", mesh)}
        return out

    def graph_map_feature(self, feature_id: int) -> Json:
        feature = self.map_feature(feature_id)
        kind = ("trafficsign" if feature.is_sign
                else "panoptic" if feature.value.startswith("construction") else "mvd_fast")
        out = {
            "first_seen_at": _iso(feature.first_seen_at),
            "last_seen_at": _iso(feature.last_seen_at),
            "object_value": feature.value,
            "object_type": kind,
            "geometry": feature.place.geojson,
            "images": {"data": [{"geometry": image.place.geojson, "id": str(image.id)}
                                for image in feature.images]},
            "aligned_direction": feature.aligned_direction,
            "id": str(feature_id),
        }
        return {key: value for key, value in out.items() if value is not None}

    def detections_of_image(self, image_id: int) -> List[Json]:
        return [d.graph for d in self.truth_detections_of_image(image_id)]

    def detections_of_map_feature(self, feature_id: int) -> List[Json]:
        return [d.graph for d in self.truth_detections_of_map_feature(feature_id)]

    def truth_detections_of_image(self, image_id: int) -> List[Detection]:
        return self._by_image.get(image_id, [])

    def truth_detections_of_map_feature(self, feature_id: int) -> List[Detection]:
        return self._by_feature.get(feature_id, [])

    def graph_entity(self, entity_id: int) -> Optional[Tuple[str, Json]]:
        """Any entity by its id, with its kind; None if nobody has that id."""
        if entity_id in self._image:
            return "image", self.graph_image(entity_id)
        if entity_id in self._map_feature:
            return "map_feature", self.graph_map_feature(entity_id)
        if entity_id in self._detection:
            return "detection", self._detection[entity_id].graph
        for creator in self.creators:
            if creator.id == entity_id:
                return "user", {"username": creator.username, "id": str(entity_id)}
        for org in self.organizations:
            if org.id == entity_id:
                return "organization", {"slug": org.slug, "name": org.name,
                                        "description": org.description, "id": str(entity_id)}
        return None


# ---- Small things -----------------------------------------------------------------------------


def _present(**attributes: Any) -> Dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None}


def _image_attributes(image: Image) -> Dict[str, Any]:
    return _present(
        captured_at=image.captured_at, compass_angle=image.compass_angle,
        creator_id=image.creator_id, id=image.id, is_pano=image.is_pano,
        organization_id=image.organization_id, quality_score=image.quality_score,
        sequence_id=image.sequence_id)


def _sequence_attributes(sequence: Sequence) -> Dict[str, Any]:
    return _present(
        captured_at=sequence.captured_at, creator_id=sequence.creator_id, foot=sequence.foot,
        id=sequence.id, image_id=sequence.image_id, is_pano=sequence.is_pano,
        organization_id=sequence.organization_id, quality_score=sequence.quality_score)


def _overview_attributes(image: Image) -> Dict[str, Any]:
    return _present(captured_at=image.captured_at, creator_id=image.creator_id, id=image.id,
                    is_pano=image.is_pano, sequence_id=image.sequence_id)


def _encoded(layers: List[mvt.Layer]) -> bytes:
    return mvt.encode(layer for layer in layers if layer.features)


def _grouped(things: Iterable[Any], key: Any) -> Dict[Any, List[Any]]:
    out: Dict[Any, List[Any]] = defaultdict(list)
    for thing in things:
        out[key(thing)].append(thing)
    return dict(out)


def _ways_from(start: Node) -> Dict[Node, List[Metres]]:
    """The shortest way over the streets to every junction that can be reached."""
    done: Dict[Node, List[Metres]] = {}
    queue = [(0.0, 0, start, [start.at])]
    serial = 0  # decides between ways of one length, so that nodes are never compared
    while queue:
        length, _, node, way = heapq.heappop(queue)
        if node in done:
            continue
        done[node] = way
        for edge in node.edges:
            serial += 1
            heapq.heappush(queue, (length + _length(edge.line), serial, edge.to,
                                   way + edge.line[1:]))
    return done


def _stretch(way: List[Metres], start: float, end: float) -> List[Metres]:
    """A way from one distance along it to another."""
    track = Track(way)
    return [track.point(start + (end - start) * n / 200) for n in range(201)]


def _runs(ways: List[List[Place]]) -> List[Line]:
    lines = [_without_repeats((place.gx, place.gy) for place in way) for way in ways]
    return [line for line in lines if line]


def _box(rng: random.Random) -> mvt.Part:
    """Four corners, clockwise as one sees them, from the upper left."""
    x, y = rng.randrange(100, 3600), rng.randrange(900, 2800)
    w, h = rng.randrange(24, 240), rng.randrange(24, 240)
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def _segment(rng: random.Random, slot: int) -> List[mvt.Part]:
    """A blob with a hole at times; each slot has a third of the image to itself."""
    x, y, r = 680 + 1365 * slot, rng.randrange(1000, 3000), rng.randrange(120, 600)
    corners = rng.randrange(5, 14)
    angles = [math.tau * n / corners for n in range(corners)]
    outer = [(round(x + r * rng.uniform(0.7, 1) * math.cos(a)),
              round(y + r * rng.uniform(0.7, 1) * math.sin(a))) for a in angles]
    if rng.random() < 0.5:
        return [outer]
    h = r // 4
    return [outer, [(x - h, y - h), (x - h, y + h), (x + h, y + h), (x + h, y - h)]]


def _blob_url(what: str, number: int) -> str:
    """Signed and short-lived in earnest; here on a host that no one has."""
    return f"https://images.sonnenfurt.example/m1/v/{what}/{number}?oh=00_Af&oe=6A5E3F11"


def _utc_ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=timezone.utc).timestamp()) * 1000


def _iso(ms: int) -> str:
    """The Graph's spelling of a time: whole seconds, no colon in the offset."""
    return datetime.fromtimestamp(ms // 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S+0000")
