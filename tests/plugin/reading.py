# SPDX-License-Identifier: MIT
"""What a read of the town's images must give, and a look at what it gave.

The truth is worked out from the town and its tiles alone, with nothing of the driver and nothing of
GDAL in it. Rows are compared one by one, in order: attributes exactly, positions to a billionth of
a degree (a tenth of a millimetre).
"""
from __future__ import annotations

import csv
import json
import math
import sqlite3
import struct
from calendar import timegm
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import (Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional,
                    Sequence, Tuple)

from osgeo import gdal, ogr

import mvt
from service import Request
from town import ORIGINAL, Image, TileKey, Town, pixel_lon_lat, world_pixel

gdal.DontUseExceptions()
ogr.DontUseExceptions()

GDAL_VERSION = tuple(int(part) for part in gdal.__version__.split(".")[:2])
TOLERANCE = 1e-9
MS_OF_DAY = 86_400_000
LAST_MS = 253_402_300_799_999  # of the year 9999

Box = Tuple[float, float, float, float]  # west, south, east, north


class Row(NamedTuple):
    """One image. `captured_at` is in milliseconds since 1970, UTC; None is NULL."""

    fid: int
    id: Optional[int]
    captured_at: Optional[int]
    compass_angle: Optional[float]
    sequence_id: Optional[str]
    is_pano: Optional[bool]
    organization_id: Optional[int]
    creator_id: Optional[int]
    quality_score: Optional[float]
    lon: Optional[float]
    lat: Optional[float]

    @property
    def attributes(self) -> Dict[str, Any]:
        return {name: value for name, value in self._asdict().items()
                if name not in ("fid", "lon", "lat")}


FIELDS = tuple(name for name in Row._fields if name not in ("fid", "lon", "lat"))


# ---- What must come ---------------------------------------------------------------------------


def row_of(image: Image) -> Row:
    """An image of the town as the layer shows it. A clock at 0 has stopped: that is no time."""
    return Row(image.id, image.id, image.captured_at or None, image.compass_angle,
               image.sequence_id, image.is_pano, image.organization_id, image.creator_id,
               image.quality_score, image.tile_lon, image.tile_lat)


def z_order(key: TileKey) -> int:
    """The place of a tile in a plan: the bits of x and y in turn, so that neighbours stay close."""
    _, z, x, y = key
    return sum((x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1 for bit in range(z))


def in_plan_order(keys: Iterable[TileKey]) -> List[TileKey]:
    return sorted(keys, key=z_order)


def cover(box: Box) -> List[TileKey]:
    """The tiles that hold a point of the closed box, in the order of a plan."""
    west, south, east, north = box
    first, last = world_pixel(west, north), world_pixel(east, south)
    return in_plan_order((ORIGINAL, 14, x, y)
                         for x in range(first[0] // 4096, last[0] // 4096 + 1)
                         for y in range(first[1] // 4096, last[1] // 4096 + 1))


def tile_box(x: int, y: int, z: int = 14) -> Box:
    west, north = pixel_lon_lat(x, y, 1 << z)
    east, south = pixel_lon_lat(x + 1, y + 1, 1 << z)
    return west, south, east, north


def grown(box: Box, margin: float) -> Box:
    """The box with a margin in degrees; a negative one shrinks it."""
    west, south, east, north = box
    return west - margin, south - margin, east + margin, north + margin


def polygon(*rings: Sequence[Tuple[float, float]]) -> str:
    """Rings that need not be closed, as well-known text on one line."""
    closed = (", ".join(f"{lon!r} {lat!r}" for lon, lat in (*ring, ring[0])) for ring in rings)
    return f"POLYGON ({', '.join(f'({ring})' for ring in closed)})"


def corners(box: Box) -> List[Tuple[float, float]]:
    west, south, east, north = box
    return [(west, south), (west, north), (east, north), (east, south)]


def inside(box: Box) -> Callable[[Row], bool]:
    """A closed box as a condition on rows."""
    west, south, east, north = box
    return lambda row: west <= row.lon <= east and south <= row.lat <= north


class Truth:
    """The images of a town's tiles, in the order in which a read must give them."""

    def __init__(self, town: Town, tiles: Mapping[TileKey, bytes]) -> None:
        self.town = town
        self.by_tile: Dict[TileKey, List[Row]] = {}
        for key in in_plan_order(key for key in tiles if key[:2] == (ORIGINAL, 14)):
            layer = mvt.layer_named(mvt.decode(tiles[key]), "image")
            self.by_tile[key] = [row_of(town.image(feature.attributes["id"]))
                                 for feature in layer.features]

    @property
    def box(self) -> Box:
        """All of the town, with a little around it."""
        return grown(self.town.bbox, 0.0003)

    def rows(self, where: Callable[[Row], Any] = lambda row: True) -> List[Row]:
        return [row for rows in self.by_tile.values() for row in rows if where(row)]

    def within(self, box: Box) -> List[Row]:
        return self.rows(inside(box))


# ---- What came, through GDAL in this process -----------------------------------------------------


@dataclass
class Heard:
    """The errors and warnings that GDAL raised."""

    errors: List[str] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.errors + self.warnings)


@contextmanager
def listening() -> Iterator[Heard]:
    """Collects what would go to the terminal."""
    heard = Heard()

    def hear(level: int, _number: int, message: str) -> None:
        (heard.errors if level >= gdal.CE_Failure else heard.warnings).append(message)

    gdal.ErrorReset()
    gdal.PushErrorHandler(hear)
    try:
        yield heard
    finally:
        gdal.PopErrorHandler()


class Images:
    """The layer of images, opened in this process. Options are open options."""

    def __init__(self, name: str = "MAPILLARY:", **options: object) -> None:
        with listening() as heard:
            self.dataset = gdal.OpenEx(
                name, gdal.OF_VECTOR, open_options=[f"{k}={v}" for k, v in options.items()])
        assert self.dataset is not None, heard.text
        assert heard == Heard()
        self.layer = self.dataset.GetLayerByName("images")

    def close(self) -> None:
        """Layers end with their dataset, so neither may be used after this."""
        self.layer = self.dataset = None

    def within(self, box: Box) -> "Images":
        self.layer.SetSpatialFilterRect(*box)
        return self

    def touching(self, wkt: str) -> "Images":
        self.layer.SetSpatialFilter(ogr.CreateGeometryFromWkt(wkt))
        return self

    def where(self, sql: str) -> "Images":
        assert self.layer.SetAttributeFilter(sql) == ogr.OGRERR_NONE, sql
        return self

    def ignoring(self, *names: str) -> "Images":
        assert self.layer.SetIgnoredFields(list(names)) == ogr.OGRERR_NONE
        return self

    def rows(self) -> List[Row]:
        """All rows of a read that must succeed, without a word."""
        rows, heard = self.read()
        assert heard == Heard()
        return rows

    def read(self) -> Tuple[List[Row], Heard]:
        """The rows up to the end or the first error, and what was said."""
        rows: List[Row] = []
        with listening() as heard:
            self.layer.ResetReading()
            for feature in iter(self.layer.GetNextFeature, None):
                rows.append(seen(feature))
        return rows, heard

    def failure(self) -> str:
        """The one error of a read that must fail. The read stays at its end."""
        _, heard = self.read()
        assert len(heard.errors) == 1, heard.text
        with listening() as after:
            assert self.layer.GetNextFeature() is None
        assert after == Heard()
        return heard.errors[0]


def seen(feature: ogr.Feature) -> Row:
    """A feature as a row. Fields that are unset read as NULL does."""
    values = [feature.GetField(i) if feature.IsFieldSetAndNotNull(i) else None
              for i in range(feature.GetFieldCount())]
    at = FIELDS.index("captured_at")
    if values[at] is not None:
        values[at] = milliseconds(feature.GetFieldAsDateTime(at))
    pano = FIELDS.index("is_pano")
    if values[pano] is not None:
        assert values[pano] in (0, 1)
        values[pano] = bool(values[pano])
    geometry = feature.geometry()
    position = geometry.GetPoint_2D() if geometry else (None, None)
    return Row(feature.GetFID(), *values, *position)


def milliseconds(parts: Sequence[float]) -> int:
    """OGR's parts of a time: year to second, and the flag that must say UTC."""
    *whole, second, flag = parts
    assert flag == 100
    return timegm((*whole, 0)) * 1000 + round(second * 1000)


# ---- What came, in files ----------------------------------------------------------------------


def geopackage(path: Path, table: str = "images") -> Tuple[Dict[str, str], List[Row]]:
    """The declared column types and the rows of a table, by SQLite alone."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        types = {column["name"]: column["type"]
                 for column in database.execute(f'PRAGMA table_info("{table}")')}
        records = database.execute(f'SELECT * FROM "{table}" ORDER BY fid').fetchall()
    return types, [_geopackage_row(record) for record in records]


def _geopackage_row(record: sqlite3.Row) -> Row:
    values = {name: record[name] if name in record.keys() else None for name in FIELDS}
    if values["captured_at"] is not None:
        values["captured_at"] = iso_ms(values["captured_at"])
    if values["is_pano"] is not None:
        values["is_pano"] = bool(values["is_pano"])
    lon, lat = _geopackage_point(record["geom"])
    return Row(record["fid"], **values, lon=lon, lat=lat)


def _geopackage_point(blob: bytes) -> Tuple[float, float]:
    """The standard's header, here without an envelope, and a little-endian WKB point."""
    magic, _version, flags, srs, order, kind, lon, lat = struct.unpack("<2sBBiBIdd", blob)
    assert (magic, flags >> 1 & 7, srs, order, kind) == (b"GP", 0, 4326, 1, 1)
    return lon, lat


def geojson(path: Path) -> List[Row]:
    rows = []
    for item in json.loads(path.read_text(encoding="utf-8"))["features"]:
        values = dict(item["properties"])
        if values["captured_at"] is not None:
            values["captured_at"] = iso_ms(values["captured_at"])
        lon, lat = item["geometry"]["coordinates"]
        rows.append(Row(values["id"], **values, lon=lon, lat=lat))
    return rows


def csv_rows(path: Path) -> List[Row]:
    """Of a file with columns X and Y before those of the layer."""
    convert: Dict[str, Callable[[str], Any]] = {
        "id": int, "captured_at": _slashed_ms, "compass_angle": float, "sequence_id": str,
        "is_pano": lambda text: {"0": False, "1": True}[text], "organization_id": int,
        "creator_id": int, "quality_score": float}
    with open(path, newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    return [Row(int(record["id"]), **{name: convert[name](record[name]) if record[name] else None
                                      for name in FIELDS},
                lon=float(record["X"]), lat=float(record["Y"])) for record in records]


def iso_ms(text: str) -> int:
    """2024-10-13T14:30:24.831Z"""
    assert text.endswith("Z")
    return _ms(datetime.fromisoformat(text[:-1]))


def _slashed_ms(text: str) -> int:
    """2024/10/13 14:30:24.831+00, where whole seconds have no fraction."""
    assert text.endswith("+00")
    form = "%Y/%m/%d %H:%M:%S.%f" if "." in text else "%Y/%m/%d %H:%M:%S"
    return _ms(datetime.strptime(text[:-3], form))


def _ms(time: datetime) -> int:
    return round(time.replace(tzinfo=timezone.utc).timestamp() * 1000)


def date_ms(text: str) -> int:
    """The time that a filter means by 2023/07/01, or by 2023/07/01 12:30:00."""
    form = "%Y/%m/%d %H:%M:%S" if ":" in text else "%Y/%m/%d"
    return _ms(datetime.strptime(text, form))


# ---- Comparing --------------------------------------------------------------------------------


def as_read(images: Callable[..., Images], image: Row) -> Row:
    """That row as the driver places it, for what is about the last bits of a position."""
    rows = images().within(grown((image.lon, image.lat) * 2, 1e-7)).rows()
    found = next(row for row in rows if row.id == image.id)
    assert math.isclose(found.lat, image.lat, rel_tol=0, abs_tol=1e-13)
    return found


def assert_same(rows: Sequence[Row], truth: Sequence[Row], fids: bool = True) -> None:
    """The same rows in the same order. With `fids` False each format numbers as it likes."""
    assert len(rows) == len(truth)
    for row, true in zip(rows, truth):
        assert row.attributes == true.attributes
        assert not fids or row.fid == true.fid
        assert math.isclose(row.lon, true.lon, rel_tol=0, abs_tol=TOLERANCE), row
        assert math.isclose(row.lat, true.lat, rel_tol=0, abs_tol=TOLERANCE), row


def assert_each_once(requests: Iterable[Request], tiles: Iterable[TileKey]) -> None:
    """Exactly these tiles were asked for, in whatever order they arrived, and nothing else was."""
    asked = list(requests)
    assert [request.name for request in asked if request.kind != "tile"] == []
    assert in_plan_order(request.tile for request in asked) == in_plan_order(tiles)
