# SPDX-License-Identifier: MIT
"""Mapbox Vector Tile 2.1, written and read with nothing but the wire format.

The driver is judged by this module, so it shares nothing with it: no generated code, no protobuf
runtime. One set of classes serves both ways: `encode(layers)` and `decode(bytes) -> layers`.

Coordinates are tile units, x right, y down. A geometry is a list of parts and a part is a list of
(x, y): one part for all points of a feature, one for each line, one for each ring (rings are not
closed: ClosePath does it).
"""
from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

Point = Tuple[int, int]
Part = List[Point]

UNKNOWN, POINT, LINESTRING, POLYGON = range(4)
MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 7
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
COUNTED = -1


class MvtError(ValueError):
    """The bytes break the format."""


@dataclass(frozen=True)
class Value:
    """A value together with its encoding, for what a native Python type cannot tell apart.

    `Value.sint(5)` and `Value.uint(5)` are the same number in different fields of the message.
    """

    kind: str
    raw: Any

    @classmethod
    def string(cls, raw: Any) -> "Value":
        """Bytes are written as they are, so that a test can spell what is no UTF-8."""
        return cls("string", raw)

    @classmethod
    def float(cls, raw: Any) -> "Value":
        return cls("float", raw)

    @classmethod
    def double(cls, raw: Any) -> "Value":
        return cls("double", raw)

    @classmethod
    def int(cls, raw: Any) -> "Value":
        return cls("int", raw)

    @classmethod
    def uint(cls, raw: Any) -> "Value":
        return cls("uint", raw)

    @classmethod
    def sint(cls, raw: Any) -> "Value":
        return cls("sint", raw)

    @classmethod
    def bool(cls, raw: Any) -> "Value":
        return cls("bool", raw)

    @classmethod
    def empty(cls) -> "Value":
        """A value message without any field, which the specification forbids."""
        return cls("empty", None)

    @classmethod
    def of(cls, native: Any) -> "Value":
        """The encoding that the service uses for this Python type."""
        if isinstance(native, Value):
            return native
        for kind, python_type in _NATIVE:
            if isinstance(native, python_type):
                return cls(kind, native)
        raise TypeError(f"no vector tile value for {type(native).__name__}")


# bool stands before int, because it is one.
_NATIVE = (("bool", bool), ("int", int), ("double", float), ("string", str), ("string", bytes))


@dataclass
class Feature:
    """One feature. `id` COUNTED means: numbered within the tile, as the service does; None: no id.

    `commands`, when given, are written as the geometry just as they are, well-formed or not.
    """

    type: int
    parts: List[Part]
    attributes: Dict[str, Any] = field(default_factory=dict)
    id: Optional[int] = COUNTED
    commands: Optional[List[int]] = field(default=None, compare=False)


def point(x: int, y: int, attributes: Mapping[str, Any], **more: Any) -> Feature:
    return Feature(POINT, [[(x, y)]], dict(attributes), **more)


def lines(parts: Iterable[Iterable[Point]], attributes: Mapping[str, Any], **more: Any) -> Feature:
    return Feature(LINESTRING, [list(part) for part in parts], dict(attributes), **more)


def polygons(rings: Iterable[Iterable[Point]], attributes: Mapping[str, Any], **more: Any
             ) -> Feature:
    """Rings in the order of the specification: each outer ring (positive area), then its holes."""
    return Feature(POLYGON, [list(ring) for ring in rings], dict(attributes), **more)


@dataclass
class Layer:
    """A layer, and how to spell it.

    The service writes features before the dictionaries they refer to, hence `dictionaries_first`
    False. `packing` is how the repeated numbers of a feature stand in the bytes: "packed" (as
    everybody does), "unpacked" or "split" (in two packed chunks); a reader must take all three.
    """

    name: str
    features: List[Feature] = field(default_factory=list)
    version: int = 2
    extent: Optional[int] = 4096
    dictionaries_first: bool = field(default=False, compare=False)
    packing: str = field(default="packed", compare=False)


# ---- Writing --------------------------------------------------------------------------------


def encode(layers: Iterable[Layer]) -> bytes:
    """A tile. COUNTED feature ids count on through all its layers."""
    return b"".join(blob(3, body) for body in _layers(layers))


def encode_layer(layer: Layer, first_id: int = 0) -> bytes:
    """The message of one layer, without the tile around it."""
    keys: Dict[str, int] = {}
    values: Dict[Tuple[str, Any], int] = {}
    features = b"".join(
        blob(2, _feature(feature, layer, first_id + n, keys, values))
        for n, feature in enumerate(layer.features))
    dictionaries = b"".join(blob(3, key.encode()) for key in keys) + b"".join(
        blob(4, value_message(Value(kind, _thaw(kind, raw)))) for kind, raw in values)
    halves = (dictionaries, features) if layer.dictionaries_first else (features, dictionaries)
    extent = b"" if layer.extent is None else number(5, layer.extent)
    return blob(1, layer.name.encode()) + b"".join(halves) + extent + number(15, layer.version)


def value_message(value: Value) -> bytes:
    raw = value.raw
    if value.kind == "string":
        return blob(1, raw if isinstance(raw, bytes) else raw.encode())
    if value.kind == "float":
        return varint(2 << 3 | FIXED32) + struct.pack("<f", raw)
    if value.kind == "double":
        return varint(3 << 3 | FIXED64) + struct.pack("<d", raw)
    if value.kind == "int":
        return number(4, raw)
    if value.kind == "uint":
        return number(5, raw)
    if value.kind == "sint":
        return number(6, zigzag(raw))
    if value.kind == "bool":
        return number(7, int(raw))
    if value.kind == "empty":
        return b""
    raise ValueError(f"unknown kind of value: {value.kind}")


def geometry_commands(feature: Feature) -> List[int]:
    """The command integers of a feature's geometry (specification, 4.3)."""
    out: List[int] = []
    x = y = 0
    for part in feature.parts:
        head = part if feature.type == POINT else part[:1]
        out.append(MOVE_TO | len(head) << 3)
        for n, (px, py) in enumerate(part):
            if n == 1 and feature.type != POINT:
                out.append(LINE_TO | (len(part) - 1) << 3)
            out += (zigzag(px - x), zigzag(py - y))
            x, y = px, py
        if feature.type == POLYGON:
            out.append(CLOSE_PATH | 1 << 3)
    return out


def varint(n: int) -> bytes:
    """Negative numbers take ten bytes, as int64 does."""
    if 0 <= n < 0x80:
        return bytes((n,))
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n: int) -> int:
    return n << 1 if n >= 0 else (-n << 1) - 1


def number(tag: int, n: int) -> bytes:
    """A varint field."""
    return varint(tag << 3 | VARINT) + varint(n)


def blob(tag: int, body: bytes) -> bytes:
    """A length-delimited field."""
    return varint(tag << 3 | BYTES) + varint(len(body)) + body


def _layers(layers: Iterable[Layer]) -> Iterator[bytes]:
    counter = 0
    for layer in layers:
        yield encode_layer(layer, counter)
        counter += len(layer.features)


def _feature(feature: Feature, layer: Layer, counter: int, keys: Dict[str, int],
             values: Dict[Tuple[str, Any], int]) -> bytes:
    tags: List[int] = []
    for key, native in feature.attributes.items():
        value = Value.of(native)
        tags.append(keys.setdefault(key, len(keys)))
        tags.append(values.setdefault((value.kind, _freeze(value)), len(values)))
    commands = geometry_commands(feature) if feature.commands is None else feature.commands
    feature_id = counter if feature.id == COUNTED else feature.id
    return ((b"" if feature_id is None else number(1, feature_id))
            + _repeated(2, tags, layer.packing)
            + number(3, feature.type)
            + _repeated(4, commands, layer.packing))


def _freeze(value: Value) -> Any:
    """A dictionary key that keeps apart what == does not: -0.0 from 0.0, one NaN from another."""
    return struct.pack("<d", value.raw) if value.kind in ("float", "double") else value.raw


def _thaw(kind: str, raw: Any) -> Any:
    return struct.unpack("<d", raw)[0] if kind in ("float", "double") else raw


def _repeated(tag: int, numbers: Sequence[int], packing: str) -> bytes:
    if not numbers:
        return b""
    if packing == "unpacked":
        return b"".join(number(tag, n) for n in numbers)
    if packing == "split":
        middle = len(numbers) // 2
        return (blob(tag, b"".join(map(varint, numbers[:middle])))
                + blob(tag, b"".join(map(varint, numbers[middle:]))))
    return blob(tag, b"".join(map(varint, numbers)))


# ---- Reading --------------------------------------------------------------------------------


def decode(data: bytes, typed: bool = False) -> List[Layer]:
    """The layers of a tile; attributes are native values, or `Value`s when `typed`."""
    return [_decode_layer(body, typed) for tag, wire, body in fields(data)
            if (tag, wire) == (3, BYTES)]


def layer_named(layers: Iterable[Layer], name: str) -> Layer:
    """The layer of that name, or an empty one: the service leaves out what would be empty."""
    return next((layer for layer in layers if layer.name == name), Layer(name))


def fields(data: bytes) -> Iterator[Tuple[int, int, Any]]:
    """(field number, wire type, number or bytes) of each field of a message."""
    at, end = 0, len(data)
    while at < end:
        key, at = _read_varint(data, at)
        tag, wire = key >> 3, key & 7
        if wire == VARINT:
            n, at = _read_varint(data, at)
            yield tag, wire, n
            continue
        if wire == BYTES:
            size, at = _read_varint(data, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise MvtError(f"field {tag} has wire type {wire}")
        if size > end - at:
            raise MvtError(f"field {tag} is longer than what holds it")
        yield tag, wire, data[at:at + size]
        at += size


def _read_varint(data: bytes, at: int) -> Tuple[int, int]:
    n = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise MvtError("a number without an end")
        byte = data[at]
        at += 1
        n |= (byte & 0x7F) << shift
        if byte < 0x80:
            return n, at
        shift += 7


def _numbers(wire: int, body: Any) -> List[int]:
    """The numbers of one chunk of a repeated field, packed or not."""
    if wire == VARINT:
        return [body]
    out: List[int] = []
    at = 0
    while at < len(body):
        n, at = _read_varint(body, at)
        out.append(n)
    return out


def _decode_layer(data: bytes, typed: bool) -> Layer:
    layer = Layer("", version=1)
    keys: List[str] = []
    values: List[Any] = []
    bodies: List[bytes] = []
    for tag, _, body in fields(data):
        if tag == 1:
            layer.name = body.decode()
        elif tag == 2:
            bodies.append(body)
        elif tag == 3:
            keys.append(body.decode())
        elif tag == 4:
            value = _decode_value(body)
            values.append(value if typed else value.raw)
        elif tag == 5:
            layer.extent = body
        elif tag == 15:
            layer.version = body
    layer.features = [_decode_feature(body, keys, values) for body in bodies]
    return layer


def _decode_value(data: bytes) -> Value:
    value = Value.empty()
    for tag, _, body in fields(data):
        if tag == 1:
            value = Value.string(body.decode())
        elif tag == 2:
            value = Value.float(struct.unpack("<f", body)[0])
        elif tag == 3:
            value = Value.double(struct.unpack("<d", body)[0])
        elif tag == 4:
            value = Value.int(body - (1 << 64) if body >> 63 else body)
        elif tag == 5:
            value = Value.uint(body)
        elif tag == 6:
            value = Value.sint(_unzigzag(body))
        elif tag == 7:
            value = Value.bool(body != 0)
    return value


def _decode_feature(data: bytes, keys: Sequence[str], values: Sequence[Any]) -> Feature:
    feature = Feature(UNKNOWN, [], id=None)
    tags: List[int] = []
    commands: List[int] = []
    for tag, wire, body in fields(data):
        if tag == 1:
            feature.id = body
        elif tag == 2:
            tags += _numbers(wire, body)
        elif tag == 3:
            feature.type = body
        elif tag == 4:
            commands += _numbers(wire, body)
    if len(tags) % 2:
        raise MvtError("a key without a value")
    try:
        feature.attributes = {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2])}
    except IndexError:
        raise MvtError("a tag points outside its dictionary") from None
    feature.parts = _decode_geometry(feature.type, commands)
    return feature


def _decode_geometry(kind: int, commands: Sequence[int]) -> List[Part]:
    parts: List[Part] = []
    at = x = y = 0
    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        if command == CLOSE_PATH:
            continue
        if command not in (MOVE_TO, LINE_TO) or len(commands) - at < 2 * count:
            raise MvtError(f"a geometry that breaks at command {at - 1}")
        if command == MOVE_TO and not (kind == POINT and parts):
            parts.append([])
        for _ in range(count):
            x += _unzigzag(commands[at])
            y += _unzigzag(commands[at + 1])
            at += 2
            parts[-1].append((x, y))
    return parts


def _unzigzag(n: int) -> int:
    return n >> 1 ^ -(n & 1)
