# SPDX-License-Identifier: MIT
"""A cache folder as the driver keeps it, written without the driver: ogr_mapillary/io/entry.h describes the form."""
from __future__ import annotations

import struct
from typing import Tuple

MAGIC = b"MLYC\r\n\x1a\x02"
VERSION = MAGIC[-1]
VALIDATOR_BYTES = 128

P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)
MASK = (1 << 64) - 1


def entry(scope: str, key: str, body: bytes, http: int = 200, fetched_ms: int = 0) -> Tuple[str, bytes]:
    """The path below the folder, and the bytes, of a stored answer."""
    texts = scope.encode() + key.encode()
    fields = struct.pack("<QqIHHH6x", xxh64(body), fetched_ms, len(body), http, len(scope.encode()), len(key.encode()))
    rest = fields + bytes(VALIDATOR_BYTES) + texts
    name = f"{xxh64(struct.pack('<HH', VERSION, len(scope.encode())) + texts):016x}"
    return f"{name[:2]}/{name}.mlyc", MAGIC + struct.pack("<Q", xxh64(rest)) + rest + body


def xxh64(data: bytes) -> int:
    """XXH64 with seed 0, after the specification of xxHash."""
    at, size = 0, len(data)
    if size >= 32:
        lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        stripes = size // 32
        for words in struct.iter_unpack("<4Q", data[:32 * stripes]):
            lanes = [_round(lane, word) for lane, word in zip(lanes, words)]
        at = 32 * stripes
        acc = sum(_rotl(lane, turn) for lane, turn in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            acc = ((acc ^ _round(0, lane)) * P1 + P4) & MASK
    else:
        acc = P5
    acc = (acc + size) & MASK
    while at + 8 <= size:
        acc = (_rotl(acc ^ _round(0, struct.unpack_from("<Q", data, at)[0]), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= size:
        acc = (_rotl(acc ^ struct.unpack_from("<I", data, at)[0] * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        acc = _rotl(acc ^ byte * P5 & MASK, 11) * P1 & MASK
    acc = (acc ^ acc >> 33) * P2 & MASK
    acc = (acc ^ acc >> 29) * P3 & MASK
    return acc ^ acc >> 32


def _rotl(value: int, turn: int) -> int:
    return (value << turn | value >> (64 - turn)) & MASK


def _round(lane: int, word: int) -> int:
    return _rotl((lane + word * P2) & MASK, 31) * P1 & MASK
