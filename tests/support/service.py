#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Mapillary service on loopback: its tiles, its Graph, its errors, and worse.

    with Service(town=Town()) as service:
        service.fault(503, match=("mly1_public", 14, 8580, 5554), times=2)
        read(service.url, service.token)
        assert service.tiles_asked() == [...]

As a command: `service.py --town` serves the made-up town and prints its address.

It keeps to what is known of the real one: the token only in the query of tile requests and with its
`|` escaped, errors told by code rather than by status, ids as strings, fields without a value left
out, `/` escaped in JSON. Of the Graph's search it knows what can be enumerated by it (a creator's
or an organisation's images); a search by box always fails as it does where images are dense.
"""
from __future__ import annotations

import argparse
import base64
import gzip
import json
import math
import os
import random
import re
import select
import signal
import socket
import struct
import sys
import threading
import time
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple
from typing import Union
from urllib.parse import parse_qsl, quote, unquote, urlencode

import mvt
from town import TILESETS, Town

TOKEN = "MLY|4242|c0ffee00c0ffee00c0ffee00c0ffee00"
PROTOBUF, JSON, HTML = "application/x-protobuf", "application/json", "text/html; charset=utf-8"
LOGIN_PAGE = "<h1>Not logged in</h1><p>Please log in to see this page.</p>".encode()
EMPTY_LAYER = mvt.encode([mvt.Layer("mapillary-empty", version=1)])
MEGABYTE = 1 << 20

TILE_PATH = re.compile(r"/maps/vtp/([^/]+)/2/(\d{1,9})/(\d{1,9})/(\d{1,9})")
TOKEN_SHAPE = re.compile(r"MLY\|\d+\|[0-9A-Za-z]+")

TileKey = Tuple[str, int, int, int]


@dataclass
class Request:
    """What arrived. `status` is what was answered, None when nothing was.

    `kind` is tile, entity, entities, image_ids, detections, search, login or other. `target` is the
    raw one; header names are in lower case; `at` is by the monotonic clock. `flaw` is what no
    client should ever do, where this one did it.
    """

    method: str
    target: str
    path: str
    query: Dict[str, str]
    headers: Dict[str, str]
    kind: str
    tile: Optional[TileKey] = None
    at: float = 0.0
    status: Optional[int] = None
    flaw: Optional[str] = None

    @property
    def tileset(self) -> Optional[str]:
        return self.tile[0] if self.tile else None

    @property
    def z(self) -> Optional[int]:
        return self.tile[1] if self.tile else None

    @property
    def x(self) -> Optional[int]:
        return self.tile[2] if self.tile else None

    @property
    def y(self) -> Optional[int]:
        return self.tile[3] if self.tile else None

    @property
    def name(self) -> str:
        """The request without its secret."""
        query = sorted((k, v) for k, v in self.query.items() if k != "access_token")
        return f"{self.path}?{urlencode(query)}"


@dataclass
class Answer:
    status: int
    body: bytes = b""
    type: str = JSON
    headers: Dict[str, str] = field(default_factory=dict)

    def head(self, length: Optional[int] = None) -> bytes:
        """The head; its length is the body's own unless it is to lie."""
        lines = [f"HTTP/1.1 {self.status} {_reason(self.status)}", f"Content-Type: {self.type}",
                 *(f"{name}: {value}" for name, value in self.headers.items())]
        if "Transfer-Encoding" not in self.headers and self.status != 204:
            lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Requests(List[Request]):
    """The requests in order of arrival. Safe to look at while more arrive."""

    def tiles_asked(self) -> List[TileKey]:
        return [request.tile for request in list(self) if request.tile]

    def flaws(self) -> List[str]:
        return [request.flaw for request in list(self) if request.flaw]


# ---- The server -------------------------------------------------------------------------------


class Service:
    """Serves `tiles` and the Graph of `town` from a free port of 127.0.0.1 until closed.

    `empty` is how a tile without data is answered: 200 (no bytes), 204, 404 or "layer" (one layer
    named mapillary-empty); `empty_tiles` says so for single tiles. `gone` are ids that the Graph
    has lost. `latency` is waited before each answer. `paging_url`, when set, is where `paging.next`
    points instead of here; with `paging` False there is no such thing. `ignores_case` of user names: nobody knows of the
    real one.
    """

    def __init__(self, tiles: Optional[Mapping[TileKey, bytes]] = None, token: str = TOKEN,
                 town: Optional[Town] = None, *, empty: Union[int, str] = 200, gzip: bool = True,
                 latency: float = 0.0, page_size: int = 2000, port: int = 0) -> None:
        self.tiles = tiles if tiles is not None else town.tiles() if town else {}
        self.token, self.town = token, town
        self.empty, self.gzip, self.latency, self.page_size = empty, gzip, latency, page_size
        self.empty_tiles: Dict[TileKey, Union[int, str]] = {}
        self.gone: Set[int] = set()
        self.validators: Iterable[str] = ()  # "ETag", "Last-Modified": what tiles are marked with
        self.paging = True
        self.ignores_case = False  # of user names that are searched for
        self.paging_url: Optional[str] = None
        self.requests = Requests()
        self.errors: List[BaseException] = []
        self.connections = self.in_flight = self.max_in_flight = 0
        self._faults: List[Fault] = []
        self._chance: Optional[RandomFaults] = None
        self._zipped: Dict[TileKey, bytes] = {}
        self._lock = threading.Lock()
        self._open: Dict[socket.socket, threading.Thread] = {}
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
        if self.errors and exception[0] is None:
            raise self.errors[0]

    def close(self) -> None:
        """Ends at once whatever is going on. Harmless when repeated."""
        self._closed.set()
        _shut(self._listener)
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            threads = list(self._open.items())
            for connection, _ in threads:
                _shut(connection)
        for _, thread in threads:
            thread.join()

    def tiles_asked(self) -> List[TileKey]:
        return self.requests.tiles_asked()

    def flaws(self) -> List[str]:
        return self.requests.flaws()

    def clear(self) -> None:
        """Forgets the requests so far, not the faults."""
        with self._lock:
            self.requests.clear()
            self.max_in_flight = self.in_flight

    # -- faults

    def fault(self, kind: Union[str, int], *, match: "Match" = None, times: Optional[int] = 1,
              after: int = 0, **args: Any) -> None:
        """From now on, some requests fare ill.

        `kind` is a name in FAULTS or an HTTP status; `args` are that fault's own. `match` picks
        requests: a predicate, a tile (tileset, z, x, y), a kind of request, or None for all. The
        first `after` of them pass, then `times` of them fail (None: for ever). Where several
        faults fit, the one set first goes first.
        """
        if isinstance(kind, int):
            kind, args = "status", {"status": kind, **args}
        with self._lock:
            self._faults.append(Fault(FAULTS[kind], args, match, times, after))

    def random_faults(self, seed: int, rate: float, kinds: Iterable[Union[str, int]] = (
            500, 503, "reset", "close", "short", "garbage")) -> None:
        """Each request fares ill at this rate. What befalls the n-th try of a request depends on
        the seed alone, not on the order in which requests arrive."""
        self._chance = RandomFaults(seed, rate, tuple(kinds))

    def no_faults(self) -> None:
        """All is well again."""
        self._faults, self._chance = [], None

    # -- inside

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                if self._closed.is_set():
                    connection.close()
                    return
                self.connections += 1
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            for head in _heads(connection):
                if not self._exchange(connection, head):
                    break
        except OSError:
            pass  # the client left, or close() cut the line
        except Exception as error:  # a fault of the test's own making: told at the end
            self.errors.append(error)
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()

    def _exchange(self, connection: socket.socket, head: bytes) -> bool:
        """One request and its answer. False when the connection is to be closed."""
        request = _parse(head)
        with self._lock:
            request.at = time.monotonic()
            self.requests.append(request)
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            fault = self._fault_for(request)
        exchange = Exchange(self, connection, request)
        try:
            if self.latency:
                exchange.wait(self.latency)
            if fault:
                fault.run(exchange)
            else:
                exchange.send(exchange.answer)
        finally:
            exchange.lands()
        return exchange.keep and request.headers.get("connection", "").lower() != "close"

    def _fault_for(self, request: Request) -> Optional["Fault"]:
        for fault in self._faults:
            if fault.fires(request):
                return fault
        return self._chance.fault_for(request) if self._chance else None

    def answer(self, request: Request) -> Answer:
        """What the service says when nothing goes wrong."""
        if "|" in request.target:
            return Answer(400, b"Bad Request", "text/plain")
        if request.method != "GET":
            return Answer(405, b"", "text/plain")
        if request.tile:
            return self._tile(request, request.tile)
        if request.kind == "login":
            return Answer(200, LOGIN_PAGE, HTML)
        refusal = _graph_refusal(request, self.token)
        if refusal or not self.town:
            return refusal or _unsupported(request.path.strip("/"))
        return Graph(self, self.town, request).answer()

    def _tile(self, request: Request, key: TileKey) -> Answer:
        if "authorization" in request.headers:
            return _error(403, 190, "Invalid OAuth 2.0 Access Token")
        token = request.query.get("access_token")
        if token is None:
            return _error(401, 190, "Invalid OAuth 2.0 Access Token")
        if token != self.token:
            return _error(403, 190, "Error validating application", kind="OAuthException")
        tileset, z, x, y = key
        if tileset not in TILESETS or z > 14 or x >> z or y >> z:
            return Answer(404, b"", "text/plain")
        body = self.tiles.get(key, b"")
        if not body:
            return self._nothing(key)
        marks = self._marks(key, body)
        held = request.headers.get("if-none-match"), request.headers.get("if-modified-since")
        if marks and set(filter(None, held)) & set(marks.values()):
            return Answer(304, b"", PROTOBUF, marks)
        if not (self.gzip and "gzip" in request.headers.get("accept-encoding", "")):
            return Answer(200, body, PROTOBUF, marks)
        if key not in self._zipped:
            self._zipped[key] = gzip.compress(body, 6, mtime=0)
        return Answer(200, self._zipped[key], PROTOBUF, {"Content-Encoding": "gzip", **marks})

    def _marks(self, key: TileKey, body: bytes) -> Dict[str, str]:
        """What tells this body from others: the headers that `validators` names."""
        marks = {"ETag": f'"{zlib.crc32(body):08x}"', "Last-Modified": "Sat, 21 Jun 2025 10:00:00 GMT"}
        return {name: marks[name] for name in self.validators}

    def _nothing(self, key: TileKey) -> Answer:
        how = self.empty_tiles.get(key, self.empty)
        if how == "layer":
            return Answer(200, EMPTY_LAYER, PROTOBUF)
        return Answer(int(how), b"", PROTOBUF)


class Exchange:
    """A request on its connection, waiting for what will be done to it."""

    def __init__(self, service: Service, connection: socket.socket, request: Request) -> None:
        self.service, self.connection, self.request = service, connection, request
        self.keep = self.in_flight = True

    @cached_property
    def answer(self) -> Answer:
        """What would be said if nothing went wrong."""
        return self.service.answer(self.request)

    def send(self, answer: Answer) -> None:
        self.request.status = answer.status
        self.finish(answer.head() + answer.body)

    def finish(self, data: bytes) -> None:
        """Sends the last of an answer. By then it counts as landed: otherwise a quick client's next
        request, on another connection, would be counted together with this one."""
        self.lands()
        self.connection.sendall(data)

    def lands(self) -> None:
        """The request is no longer in flight. Harmless when repeated."""
        with self.service._lock:
            self.service.in_flight -= self.in_flight
            self.in_flight = False

    def wait(self, seconds: Optional[float]) -> bool:
        """Lets time pass (None: for ever). False as soon as the client or the service ends."""
        end = math.inf if seconds is None else time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while not self.service._closed.is_set():
            left = end - time.monotonic()
            if left <= 0:
                return True
            if not poll.poll(math.ceil(1000 * min(left, 1.0))):
                continue
            if not self.connection.recv(1, socket.MSG_PEEK):
                break
            time.sleep(0.01)  # it talks on without waiting, which is its right
        self.keep = False
        return False

    def hang_up(self) -> None:
        self.keep = False

    def reset(self) -> None:
        """Ends the connection with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.keep = False


def _heads(connection: socket.socket) -> Iterator[bytes]:
    """The request heads that come in over a connection. Requests have no bodies here."""
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            more = connection.recv(65536)
            if not more or len(pending) > MEGABYTE:
                return
            pending += more
        head, pending = pending.split(b"\r\n\r\n", 1)
        yield head


def _parse(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = (first.split(" ") + ["", ""])[:3]
    headers = {name.strip().lower(): value.strip()
               for name, _, value in (line.partition(":") for line in lines)}
    path, _, query = target.partition("?")
    path = unquote(path)
    match = TILE_PATH.fullmatch(path)
    tile = (match[1], int(match[2]), int(match[3]), int(match[4])) if match else None
    request = Request(method, target, path, dict(parse_qsl(query, keep_blank_values=True)), headers,
                      "tile" if tile else _kind(path), tile)
    request.flaw = _flaw(request)
    return request


def _flaw(request: Request) -> Optional[str]:
    if "|" in request.target:
        return "an unescaped |"
    if request.tile and "authorization" in request.headers:
        return "a token in the header of a tile request"
    return "a redirect followed" if request.kind == "login" else None


def _kind(path: str) -> str:
    if path.startswith("/login"):
        return "login"
    known = {"/": "entities", "/images": "search", "/image_ids": "image_ids"}
    if path in known:
        return known[path]
    if re.fullmatch(r"/\d+/detections/?", path):
        return "detections"
    return "entity" if re.fullmatch(r"/\d+/?", path) else "other"


def _shut(connection: socket.socket) -> None:
    """Wakes whoever waits on the socket. Closing it would not."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Whatever"


# ---- The Graph --------------------------------------------------------------------------------


FIELDS = {
    "image": set("""altitude atomic_scale camera_parameters camera_type captured_at compass_angle
        computed_altitude computed_compass_angle computed_geometry computed_rotation creator
        detections exif_orientation geometry height id is_pano make merge_cc mesh model organization
        quality_score sequence sfm_cluster thumb_256_url thumb_1024_url thumb_2048_url
        thumb_original_url width""".split()),
    "map_feature": set("""aligned_direction first_seen_at geometry id images last_seen_at
        object_type object_value""".split()),
    "detection": {"created_at", "geometry", "id", "image", "value"},
    "user": {"id", "username"},
    "organization": {"description", "id", "name", "slug"},
}


class GraphError(Exception):
    """An error on its way to become the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def _graph_refusal(request: Request, expected: str) -> Optional[Answer]:
    """What a caller without the right token is told: each way to be wrong has its own answer."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    in_header = scheme in ("OAuth", "Bearer")
    if not in_header:
        token = request.query.get("access_token", "")
    if not token:
        return _error(500, 190, "Invalid OAuth 2.0 Access Token", error_data={})
    if not TOKEN_SHAPE.fullmatch(token):
        return _error(401, 190, "Failed to decode", kind="OAuthException")
    if token != expected:
        return _error(401 if in_header else 400, 190, "Error validating application",
                      kind="OAuthException")
    return None


class Graph:
    """Answers one request to the Graph."""

    def __init__(self, service: Service, town: Town, request: Request) -> None:
        self.service, self.town, self.request = service, town, request
        self.fields = [name for name in request.query.get("fields", "").split(",") if name]

    def answer(self) -> Answer:
        handlers: Dict[str, Callable[[], Any]] = {
            "entity": self.entity, "entities": self.entities, "detections": self.detections,
            "image_ids": self.image_ids, "search": self.search, "other": self.other}
        try:
            return Answer(200, dumps(handlers[self.request.kind]()))
        except GraphError as error:
            return error.answer

    def entity(self) -> Any:
        return self.selected(self.request.path.strip("/"), self.fields)

    def entities(self) -> Any:
        ids = [name for name in self.request.query.get("ids", "").split(",") if name]
        if not ids:
            raise GraphError(_error(400, 100, "The parameter ids is required"))
        return {name: self.selected(name, self.fields) for name in ids}

    def detections(self) -> Any:
        name = self.request.path.split("/")[1]
        kind, _ = self.lookup(name)
        if kind not in ("image", "map_feature"):
            raise GraphError(_nonexisting("detections"))
        ask = (self.town.detections_of_image if kind == "image"
               else self.town.detections_of_map_feature)
        return {"data": [_select("detection", entity, self.fields) for entity in ask(int(name))]}

    def image_ids(self) -> Any:
        key = self.request.query.get("sequence_id", "")
        found = [s for s in self.town.sequences if s.id == key]
        images = found[0].images if found else []
        return {"data": [{"id": str(i.id)} for i in images if i.id not in self.service.gone]}

    def search(self) -> Any:
        query = self.request.query
        if "image_ids" in query:
            known = [name for name in query["image_ids"].split(",") if self.has(name)]
            return {"data": [self.selected(name, self.fields) for name in sorted(known)]}
        if "radius" in query and float(query["radius"]) > 50:
            raise GraphError(Answer(200, dumps(
                {"error": "Param radius must be a number less than or equal to 50"})))
        if not {"creator_username", "organization_id"} & set(query):
            raise GraphError(_error(500, 1, "Please reduce the amount of data you're asking for, "
                                            "then retry your request", kind="OAuthException"))
        return self.page(self.matching(query))

    def matching(self, query: Mapping[str, str]) -> List[int]:
        """The images of a creator or an organisation, newest first."""
        fold = str.lower if self.service.ignores_case else str
        images = [
            image for image in self.town.images
            if fold(query.get("creator_username", image.creator.username)) == fold(image.creator.username)
            and query.get("organization_id", str(image.organization_id))
            == str(image.organization_id)
            and query.get("is_pano", str(image.is_pano).lower()) == str(image.is_pano).lower()
            and image.id not in self.service.gone]
        images.sort(key=lambda image: (-(image.captured_at or 0), image.id))
        return [image.id for image in images]

    def page(self, ids: List[int]) -> Any:
        limit = min(int(self.request.query.get("limit", 2000)), self.service.page_size)
        start = _offset(self.request.query.get("after"))
        end = start + limit
        out: Dict[str, Any] = {
            "data": [self.selected(str(n), self.fields) for n in ids[start:end]]}
        if self.service.paging and out["data"]:
            out["paging"] = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
            if end < len(ids):
                query = {k: v for k, v in self.request.query.items() if k != "access_token"}
                query["after"] = _cursor(end)
                base = self.service.paging_url or self.service.url
                out["paging"]["next"] = f"{base}/images?{urlencode(query)}"
        return out

    def other(self) -> Any:
        raise GraphError(_unsupported(self.request.path.strip("/").split("/")[0]))

    def has(self, name: str) -> bool:
        try:
            self.lookup(name)
        except GraphError:
            return False
        return True

    def lookup(self, name: str) -> Tuple[str, Dict[str, Any]]:
        here = name.isdecimal() and int(name) not in self.service.gone
        found = self.town.graph_entity(int(name)) if here else None
        if not found:
            raise GraphError(_unsupported(name))
        return found

    def selected(self, name: str, fields: List[str]) -> Dict[str, Any]:
        kind, entity = self.lookup(name)
        return _select(kind, entity, fields)


def _select(kind: str, entity: Dict[str, Any], fields: List[str]) -> Dict[str, Any]:
    """The fields asked for, in that order, and the id last unless it was one of them."""
    out: Dict[str, Any] = {}
    nested: Dict[str, List[str]] = {}
    for spelled in fields:
        name, _, inner = spelled.partition(".")
        if name not in FIELDS[kind]:
            raise GraphError(_nonexisting(name))
        if name in entity:
            out[name] = entity[name]
            nested.setdefault(name, []).extend([inner] if inner else [])
    for name, value in out.items():
        if isinstance(value, dict) and "data" in value:
            wanted = nested[name] or (["id"] if name == "detections" else ["geometry"])
            out[name] = {"data": [_narrow(item, wanted) for item in value["data"]]}
    return _narrow({**out, "id": entity["id"]}, list(out))


def _narrow(entity: Dict[str, Any], names: List[str]) -> Dict[str, Any]:
    wanted = names if "id" in names else names + ["id"]
    return {name: entity[name] for name in wanted if name in entity}


def dumps(value: Any) -> bytes:
    """Compact, ASCII, and with `/` escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def _error(status: int, code: int, message: str, kind: str = "MLYApiException", **more: Any
           ) -> Answer:
    return Answer(status, dumps({"error": {"message": message, "type": kind, "code": code, **more,
                                           "fbtrace_id": "AbCdEfGhIjKlMnOpQrStUvW"}}))


def _unsupported(name: str) -> Answer:
    return _error(400, 100, f"Unsupported get request. Object with ID '{name}' does not exist, "
                            "cannot be loaded due to missing permissions, or does not support this "
                            "operation", error_subcode=33)


def _nonexisting(name: str) -> Answer:
    return _error(400, 100,
                  f"Tried accessing nonexisting field ({name}) on node type (ChunkObject)")


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"from {offset}".encode()).decode()


def _offset(cursor: Optional[str]) -> int:
    return int(base64.urlsafe_b64decode(cursor).split()[1]) if cursor else 0


# ---- Faults -----------------------------------------------------------------------------------


Match = Union[None, str, TileKey, Callable[[Request], bool]]


@dataclass
class Fault:
    action: Callable[..., None]
    args: Dict[str, Any]
    match: Match = None
    times: Optional[int] = 1
    after: int = 0

    def fires(self, request: Request) -> bool:
        """Whether this request is one of those; counts it if so."""
        if self.times == 0 or not self.fits(request):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def fits(self, request: Request) -> bool:
        if self.match is None:
            return True
        if isinstance(self.match, str):
            return request.kind == self.match
        if isinstance(self.match, tuple):
            return request.tile == self.match
        return self.match(request)

    def run(self, exchange: Exchange) -> None:
        self.action(exchange, **self.args)


class RandomFaults:
    """Chance with a memory of how often each request was tried."""

    def __init__(self, seed: int, rate: float, kinds: Tuple[Union[str, int], ...]) -> None:
        self.seed, self.rate, self.kinds = seed, rate, kinds
        self.tries: Dict[str, int] = {}

    def fault_for(self, request: Request) -> Optional[Fault]:
        n = self.tries[request.name] = self.tries.get(request.name, 0) + 1
        rng = random.Random(f"{self.seed}/{request.name}/{n}")
        if rng.random() >= self.rate:
            return None
        kind = rng.choice(self.kinds)
        if isinstance(kind, int):
            return Fault(answer_status, {"status": kind})
        return Fault(FAULTS[kind], {})


def answer_status(exchange: Exchange, status: int = 503, body: bytes = b"",
                  type: str = "text/plain", headers: Optional[Mapping[str, str]] = None,
                  retry_after: Union[None, int, str] = None) -> None:
    """Any status, body and headers."""
    more = dict(headers or {})
    if retry_after is not None:
        more["Retry-After"] = str(retry_after)
    exchange.send(Answer(status, body, type, more))


def answer_redirect(exchange: Exchange, status: int = 302, location: Optional[str] = None) -> None:
    """To the login page, as for a caller that asked too much. Following it would show up as a
    request of kind login."""
    here = exchange.service.url
    login = f"{here}/login/?next={quote(here + exchange.request.target, safe='')}"
    exchange.send(Answer(status, b"", HTML, {"Location": location or login}))


def answer_json_error(exchange: Exchange, code: int = 2,
                      message: str = "Service temporarily unavailable", status: int = 500,
                      type: str = "MLYApiException", subcode: Optional[int] = None,
                      transient: Optional[bool] = None) -> None:
    more: Dict[str, Any] = {}
    if subcode is not None:
        more["error_subcode"] = subcode
    if transient is not None:
        more["is_transient"] = transient
    exchange.send(_error(status, code, message, kind=type, **more))


def break_with_reset(exchange: Exchange, when: str = "start") -> None:
    """RST, instead of an answer ("start") or in the middle of its body ("body")."""
    if when == "body":
        _send_half(exchange)
        exchange.wait(0.05)  # RST overtakes what it finds on its way
    exchange.reset()


def break_with_close(exchange: Exchange) -> None:
    """An orderly end instead of an answer."""
    exchange.hang_up()


def break_short(exchange: Exchange) -> None:
    """Half of the body that was promised, then an orderly end."""
    _send_half(exchange)
    exchange.hang_up()


def hang(exchange: Exchange, seconds: Optional[float] = None, when: str = "start") -> None:
    """Silence instead of an answer ("start") or in the middle of its body ("body"); None is for
    ever, otherwise the rest comes after all."""
    if when == "start":
        return answer_slowly(exchange, seconds)
    first, rest = _halves(exchange)
    exchange.connection.sendall(first)
    if exchange.wait(seconds):
        exchange.request.status = exchange.answer.status
        exchange.finish(rest)


def answer_slowly(exchange: Exchange, seconds: Optional[float] = 1.0) -> None:
    """The right answer, late."""
    if exchange.wait(seconds):
        exchange.send(exchange.answer)


def answer_with_headers(exchange: Exchange, headers: Mapping[str, str]) -> None:
    """The right answer, with more in its head."""
    exchange.answer.headers.update(headers)
    exchange.send(exchange.answer)


def answer_in_drips(exchange: Exchange, seconds: float = 2.0, drips: int = 20) -> None:
    """The whole answer, evenly over so many seconds."""
    answer = exchange.answer
    data = answer.head() + answer.body
    exchange.request.status = answer.status
    size = -(-len(data) // drips)
    for at in range(0, len(data) - size, size):
        exchange.connection.sendall(data[at:at + size])
        if not exchange.wait(seconds / drips):
            return
    exchange.finish(data[-(len(data) % size or size):])


def answer_garbage(exchange: Exchange, body: str = "html") -> None:
    """200 with what was not asked for: html (the login page), json (an error), random (bytes),
    truncated (half of the answer, well-formed as HTTP), gzip (announced, but none)."""
    rng = random.Random(exchange.request.name)
    noise = bytes(rng.randrange(256) for _ in range(3000))
    answers: Dict[str, Callable[[], Answer]] = {
        "html": lambda: Answer(200, LOGIN_PAGE, HTML),
        "json": lambda: Answer(200, _error(200, 2, "Service temporarily unavailable").body, JSON),
        "random": lambda: Answer(200, noise, PROTOBUF),
        "truncated": lambda: _truncated(exchange.answer),
        "gzip": lambda: Answer(200, b"\x1f\x8b\x08\x00" + noise, PROTOBUF,
                               {"Content-Encoding": "gzip"})}
    exchange.send(answers[body]())


def answer_hugely(exchange: Exchange, megabytes: int = 64, chunked: bool = False) -> None:
    """A body of so many megabytes; `chunked` does not say beforehand how long it will be."""
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    head = Answer(200, b"", PROTOBUF, headers).head(megabytes * MEGABYTE)
    exchange.request.status = 200
    exchange.connection.sendall(head)
    block = b"\x1a" + bytes(MEGABYTE - 1)
    for _ in range(megabytes - 1):
        exchange.connection.sendall(_chunk(block) if chunked else block)
    exchange.finish(_chunk(block) + _chunk(b"") if chunked else block)


def answer_bomb(exchange: Exchange, megabytes: int = 64) -> None:
    """A small gzip body that becomes so many megabytes."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(MEGABYTE)
    body = b"".join(deflate.compress(block) for _ in range(megabytes)) + deflate.flush()
    exchange.send(Answer(200, body, PROTOBUF, {"Content-Encoding": "gzip"}))


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _truncated(answer: Answer) -> Answer:
    body = gzip.decompress(answer.body) if answer.body[:2] == b"\x1f\x8b" else answer.body
    return Answer(200, body[:len(body) // 2], answer.type)


def _halves(exchange: Exchange) -> Tuple[bytes, bytes]:
    """The answer in two, parted in the middle of the body; an empty body is given one, so that it
    can break off."""
    answer = exchange.answer
    body = answer.body or b"\0\0"
    middle = len(body) // 2
    return answer.head(len(body)) + body[:middle], body[middle:]


def _send_half(exchange: Exchange) -> None:
    exchange.connection.sendall(_halves(exchange)[0])
    exchange.request.status = exchange.answer.status


FAULTS: Dict[str, Callable[..., None]] = {
    "status": answer_status,
    "redirect": answer_redirect,
    "json_error": answer_json_error,
    "reset": break_with_reset,
    "close": break_with_close,
    "short": break_short,
    "hang": hang,
    "slow": answer_slowly,
    "headers": answer_with_headers,
    "drip": answer_in_drips,
    "garbage": answer_garbage,
    "huge": answer_hugely,
    "bomb": answer_bomb,
}


# ---- The command ------------------------------------------------------------------------------


class Folder(Mapping[TileKey, bytes]):
    """The tiles of a folder laid out as maps/vtp/TILESET/2/Z/X/Y."""

    def __init__(self, root: str) -> None:
        self.root = os.path.join(root, "maps", "vtp")

    def __getitem__(self, key: TileKey) -> bytes:
        tileset, z, x, y = key
        try:
            with open(os.path.join(self.root, tileset, "2", str(z), str(x), str(y)), "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[TileKey]:
        for folder, _, names in os.walk(self.root):
            parts = os.path.relpath(folder, self.root).split(os.sep)
            if len(parts) == 4:
                for name in names:
                    yield parts[0], int(parts[2]), int(parts[3]), int(name)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the Mapillary API on loopback.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--town", action="store_true", help="the made-up town, with its Graph")
    source.add_argument("--folder", help="tiles below FOLDER/maps/vtp, without a Graph")
    parser.add_argument("--seed", type=int, default=1, help="of the town")
    parser.add_argument("--size", type=float, default=1.0, help="of the town")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--empty", default="200", choices=("200", "204", "404", "layer"))
    parser.add_argument("--no-gzip", action="store_true")
    parser.add_argument("--fault-rate", type=float, default=0.0, help="0 to 1, of all requests")
    args = parser.parse_args()

    town = Town(args.seed, size=args.size) if args.town else None
    with Service(Folder(args.folder) if args.folder else None, args.token, town, port=args.port,
                 empty=args.empty if args.empty == "layer" else int(args.empty),
                 gzip=not args.no_gzip, latency=args.latency) as service:
        if args.fault_rate:
            service.random_faults(args.seed, args.fault_rate)
        print(service.url, flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    # Blocked before any thread starts, so that only sigwait() ever sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.exit(main())
