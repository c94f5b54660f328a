# SPDX-License-Identifier: MIT
"""Reads a layer's Arrow stream by its C interface, with nothing between the structs and the test.

`read(layer)` gives the whole stream as plain values, after a look at everything that a consumer may
rely on: lengths, offsets, alignment, counts of NULLs. `Stream` is for tests that stop on the way.
"""
from __future__ import annotations

import ctypes
import struct
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_bool, c_char_p, c_int, c_int64, c_void_p, string_at
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from osgeo import gdal, ogr

NULLABLE = 2
ALIGNMENT = 64


class Schema(Structure):
    pass


class Array(Structure):
    pass


class CStream(Structure):
    pass


Schema._fields_ = [
    ("format", c_char_p), ("name", c_char_p), ("metadata", c_void_p), ("flags", c_int64), ("n_children", c_int64),
    ("children", POINTER(POINTER(Schema))), ("dictionary", POINTER(Schema)),
    ("release", CFUNCTYPE(None, POINTER(Schema))), ("private_data", c_void_p)]
Array._fields_ = [
    ("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64), ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)), ("children", POINTER(POINTER(Array))), ("dictionary", POINTER(Array)),
    ("release", CFUNCTYPE(None, POINTER(Array))), ("private_data", c_void_p)]
CStream._fields_ = [
    ("get_schema", CFUNCTYPE(c_int, POINTER(CStream), POINTER(Schema))),
    ("get_next", CFUNCTYPE(c_int, POINTER(CStream), POINTER(Array))),
    ("get_last_error", CFUNCTYPE(c_char_p, POINTER(CStream))),
    ("release", CFUNCTYPE(None, POINTER(CStream))), ("private_data", c_void_p)]


def _library() -> ctypes.CDLL:
    """The GDAL that Python's bindings have loaded, whatever its version."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    library = ctypes.CDLL(next(word for word in maps if "/libgdal.so" in word))
    library.OGR_L_GetArrowStream.restype = c_bool
    library.OGR_L_GetArrowStream.argtypes = [c_void_p, POINTER(CStream), POINTER(c_char_p)]
    return library


GDAL = _library()


class Failed(Exception):
    """What get_next() said: its errno, and the message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


class Column(NamedTuple):
    """The schema of a column. Metadata are bytes."""

    name: str
    format: str
    is_nullable: bool
    metadata: Optional[bytes]
    items: Tuple["Column", ...]


class Table(NamedTuple):
    """All that a stream gave. Columns hold texts, numbers, lists of them, or bytes; None is NULL."""

    schema: List[Column]
    columns: Dict[str, List[Any]]
    lengths: List[int]  # of the batches


class Stream:
    """A stream of a layer; names and values are GDAL's options. Released at the end of a `with`."""

    def __init__(self, layer: ogr.Layer, **options: object) -> None:
        words = [f"{name}={value}".encode() for name, value in options.items()]
        self._c = CStream()
        if not GDAL.OGR_L_GetArrowStream(int(layer.this), byref(self._c), (c_char_p * (len(words) + 1))(*words, None)):
            raise Failed(0, gdal.GetLastErrorMsg())

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.release()

    def release(self) -> None:
        """Harmless when repeated."""
        if self._c.release:
            self._c.release(byref(self._c))
        assert not self._c.release

    def schema(self) -> List[Column]:
        c = Schema()
        code = self._c.get_schema(byref(self._c), byref(c))
        if code:
            raise Failed(code, self.last_error())
        assert c.format == b"+s"
        columns = [_column(c.children[i][0]) for i in range(c.n_children)]
        c.release(byref(c))
        return columns

    def next(self) -> Optional[Array]:
        """The next batch, to be released by the caller; None at the end."""
        c = Array()
        code = self._c.get_next(byref(self._c), byref(c))
        if code:
            assert not c.release
            raise Failed(code, self.last_error())
        return c if c.release else None

    def last_error(self) -> str:
        return (self._c.get_last_error(byref(self._c)) or b"").decode()


def read(layer: ogr.Layer, **options: object) -> Table:
    """The whole stream. Failed: it did not come to its end."""
    with Stream(layer, **options) as stream:
        schema = stream.schema()
        columns: Dict[str, List[Any]] = {column.name: [] for column in schema}
        lengths = []
        for batch in iter(stream.next, None):
            for name, part in table(schema, batch).items():
                columns[name] += part
            lengths.append(batch.length)
            release(batch)
        assert stream.next() is None
        return Table(schema, columns, lengths)


def table(schema: Sequence[Column], batch: Array) -> Dict[str, List[Any]]:
    """The columns of one batch."""
    assert batch.length > 0 and batch.n_children == len(schema)
    assert (batch.offset, batch.null_count, batch.n_buffers, batch.buffers[0]) == (0, 0, 1, None)
    out = {}
    for i, column in enumerate(schema):
        child = batch.children[i][0]
        assert child.length == batch.length
        out[column.name] = values(column, child)
    assert len(out) == len(schema)
    return out


def release(array: Array) -> None:
    array.release(byref(array))
    assert not array.release


def moved(array: Array, child: int) -> Array:
    """A child that is taken out of its parent, and has to be released by itself."""
    inner = array.children[child][0]
    out = Array.from_buffer_copy(inner)
    inner.release = type(inner.release)()
    return out


# ---- Values -----------------------------------------------------------------------------------


def values(column: Column, array: Array) -> List[Any]:
    n = array.length
    assert array.offset == 0 and not array.dictionary
    valid = _validity(column, array)
    kind = column.format[0]
    if kind in "uz":
        return _sliced(valid, _offsets(array, n), _texts(array, column.format == "u"))
    if kind == "+":
        assert array.n_buffers == 2 and array.n_children == 1 and column.format == "+l"
        items = values(column.items[0], array.children[0][0])
        return _sliced(valid, _offsets(array, n), lambda begin, end: items[begin:end])
    assert array.n_buffers == 2 and array.n_children == 0
    if kind == "b":
        bits = _buffer(array, 1, (n + 7) // 8)
        return [bool(bits[i // 8] >> i % 8 & 1) if ok else None for i, ok in enumerate(valid)]
    assert kind in "lg" or column.format.startswith("tsm:"), column
    numbers = struct.unpack(f"={n}{'d' if kind == 'g' else 'q'}", _buffer(array, 1, 8 * n))
    return [number if ok else None for number, ok in zip(numbers, valid)]


def _validity(column: Column, array: Array) -> List[bool]:
    n = array.length
    assert array.null_count == 0 or column.is_nullable
    if not array.buffers[0]:
        assert array.null_count == 0
        return [True] * n
    bits = _buffer(array, 0, (n + 7) // 8)
    valid = [bool(bits[i // 8] >> i % 8 & 1) for i in range(n)]
    assert valid.count(False) == array.null_count
    return valid


def _buffer(array: Array, index: int, size: int) -> bytes:
    at = array.buffers[index]
    if not size:
        return b""
    assert at % ALIGNMENT == 0
    return string_at(at, size)


def _offsets(array: Array, n: int) -> Tuple[int, ...]:
    offsets = struct.unpack(f"={n + 1}i", _buffer(array, 1, 4 * (n + 1)))
    assert offsets[0] == 0 and all(a <= b for a, b in zip(offsets, offsets[1:]))
    return offsets


def _texts(array: Array, is_text: bool) -> Any:
    assert array.n_buffers == 3 and array.n_children == 0

    def cut(begin: int, end: int) -> Any:
        part = string_at(array.buffers[2] + begin, end - begin) if end > begin else b""
        return part.decode("utf-8") if is_text else part

    return cut


def _sliced(valid: List[bool], offsets: Tuple[int, ...], cut: Any) -> List[Any]:
    """NULLs take no room."""
    assert all(ok or begin == end for ok, begin, end in zip(valid, offsets, offsets[1:]))
    return [cut(begin, end) if ok else None for ok, begin, end in zip(valid, offsets, offsets[1:])]


def _column(c: Schema) -> Column:
    assert not c.dictionary
    items = tuple(_column(c.children[i][0]) for i in range(c.n_children))
    return Column(c.name.decode(), c.format.decode(), bool(c.flags & NULLABLE), _metadata(c.metadata), items)


def _metadata(at: Optional[int]) -> Optional[bytes]:
    """Pairs, each text behind its length, behind their number."""
    if not at:
        return None
    end = at + 4
    for _ in range(2 * c_int.from_address(at).value):
        end += 4 + c_int.from_address(end).value
    return string_at(at, end - at)
