# SPDX-License-Identifier: MIT
"""Any layer, opened in this process, and its features as plain values."""
from __future__ import annotations

import math
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from osgeo import ogr

from reading import TOLERANCE, Heard, Images, listening, milliseconds, row_of
from service import Request, Service
from town import Image, MapFeature


class Seen(NamedTuple):
    """A feature. Times are milliseconds since 1970, booleans are such, None is NULL.

    A shape is a position, or a tuple of shapes: lines and rings of positions, polygons of rings, and so on.
    """

    fid: int
    fields: Dict[str, Any]
    shape: Any


class Layer(Images):
    """A layer by its name; options are open options."""

    def __init__(self, layer: str, name: str = "MAPILLARY:", **options: object) -> None:
        super().__init__(name, **options)
        self.layer = self.dataset.GetLayerByName(layer)
        assert self.layer is not None, layer

    def read(self) -> Tuple[List[Seen], Heard]:  # type: ignore[override]
        """The features up to the end or the first error, and what was said."""
        found: List[Seen] = []
        with listening() as heard:
            self.layer.ResetReading()
            found.extend(map(plain, iter(self.layer.GetNextFeature, None)))
        return found, heard

    def get(self, fid: int) -> Optional[Seen]:
        """The feature with this FID, without a word; None if there is none."""
        with listening() as heard:
            feature = self.layer.GetFeature(fid)
        assert heard == Heard()
        return None if feature is None else plain(feature)


def at(service: Service) -> Dict[str, str]:
    """The open options that make a dataset read this service."""
    return {"TILES_URL": service.url, "GRAPH_URL": service.url, "ACCESS_TOKEN": service.token}


def plain(feature: ogr.Feature) -> Seen:
    values = {}
    for i in range(feature.GetFieldCount()):
        definition = feature.GetFieldDefnRef(i)
        values[definition.GetName()] = _value(feature, i, definition)
    return Seen(feature.GetFID(), values, shape(feature.geometry()))


def _value(feature: ogr.Feature, i: int, definition: ogr.FieldDefn) -> Any:
    if not feature.IsFieldSetAndNotNull(i):
        return None
    if definition.GetType() == ogr.OFTDateTime:
        return milliseconds(feature.GetFieldAsDateTime(i))
    value = feature.GetField(i)
    if definition.GetSubType() == ogr.OFSTBoolean:
        assert value in (0, 1)
        return bool(value)
    return value


def shape(geometry: Optional[ogr.Geometry]) -> Any:
    if geometry is None:
        return None
    if geometry.GetGeometryCount():
        return tuple(shape(geometry.GetGeometryRef(i)) for i in range(geometry.GetGeometryCount()))
    if ogr.GT_Flatten(geometry.GetGeometryType()) == ogr.wkbPoint:
        return geometry.GetPoint_2D()
    return tuple(geometry.GetPoints(2) or ())


def is_close(a: Any, b: Any) -> bool:
    """Whether two shapes, or lists of them, are the same to a billionth of a degree."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=0, abs_tol=TOLERANCE)
    return (isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b)
            and all(map(is_close, a, b)))


def schema(layer: ogr.Layer) -> List[Tuple[str, int, int]]:
    """Name, type and subtype of each field."""
    definition = layer.GetLayerDefn()
    fields = map(definition.GetFieldDefn, range(definition.GetFieldCount()))
    return [(field.GetName(), field.GetType(), field.GetSubType()) for field in fields]


def assert_same_features(found: Sequence[Seen], truth: Sequence[Seen]) -> None:
    """The same features in the same order: attributes exactly, positions to a billionth of a degree."""
    assert [one.fid for one in found] == [one.fid for one in truth]
    for one, true in zip(found, truth):
        assert one.fields == true.fields
        assert is_close(one.shape, true.shape), one.fid


# ---- What the town's Graph says -------------------------------------------------------------------


def listed(values: Iterable[Any]) -> str:
    """Values as the list of an IN: numbers as they are, texts in quotes."""
    return ", ".join("'{}'".format(value.replace("'", "''")) if isinstance(value, str) else str(value)
                     for value in values)


def image_row(image: Image) -> Seen:
    """An image of the town as tiles show it. A clock at 0 has stopped: that is no time."""
    row = row_of(image)
    return Seen(row.fid, row.attributes, (row.lon, row.lat))


def looked_up_image(image: Image) -> Seen:
    """The same by its id: the Graph knows the creator of old images, too."""
    row = image_row(image)
    return row._replace(fields={**row.fields, "creator_id": image.creator.id})


def map_feature_row(feature: MapFeature, unit_ms: int = 1) -> Seen:
    """A map feature of the town; the Graph's times are in whole seconds (`unit_ms` 1000)."""
    values = {"id": feature.id, "value": feature.value,
              "first_seen_at": feature.first_seen_at // unit_ms * unit_ms,
              "last_seen_at": feature.last_seen_at // unit_ms * unit_ms}
    return Seen(feature.id, values, (feature.tile_lon, feature.tile_lat))


def batches(ids: Sequence[int], size: int = 50) -> List[Tuple[int, ...]]:
    return [tuple(ids[at:at + size]) for at in range(0, len(ids), size)]


def entities_asked(requests: Iterable[Request]) -> List[Tuple[int, ...]]:
    """The ids of each request about entities; nothing else may be among the requests."""
    asked = list(requests)
    assert [request.name for request in asked if request.kind != "entities"] == []
    return ids_asked(asked)


def ids_asked(requests: Iterable[Request]) -> List[Tuple[int, ...]]:
    """The ids of each request about entities, whatever else was asked."""
    return [tuple(map(int, request.query["ids"].split(","))) for request in list(requests)
            if request.kind == "entities"]


def fields_asked(requests: Iterable[Request]) -> Set[str]:
    """All fields that any request named."""
    return {name for request in list(requests) for name in request.query.get("fields", "").split(",") if name}


def kinds(requests: Iterable[Request]) -> List[str]:
    return [request.kind for request in list(requests)]
