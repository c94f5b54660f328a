#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What tests/bench/run measures, once everything is built.

Every program runs `--runs` times, in turns with those it is compared with, so that a machine that is busy now and then
is busy for all of them; what counts is the median. Each checks that it read the right number of rows."""
from __future__ import annotations

import argparse
import datetime
import math
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

WEST, NORTH, ZOOM = 8576, 5536, 14
IMAGES, SEQUENCES, FEATURES, SIDE = 1_500_000, 20_000, 100_000, 16
WIDE, NARROW = 64, 8  # tiles across, of the areas that memory is measured with
DELAY_MS = 50
RUN_SECONDS = 900  # a program that takes longer hangs
TOKEN = "MLY|bench"


# ---- the city -------------------------------------------------------------------------------


@dataclass
class Area:
    """A folder of tiles, and what is in them."""

    folder: Path
    counts: Dict[Tuple[int, int], Tuple[int, int, int]]  # images, lines, map features of each tile

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    @property
    def side(self) -> int:
        return math.isqrt(len(self.counts))

    def tiles(self) -> List[Tuple[int, int]]:
        """Those with images in them."""
        return [tile for tile in self.counts if self.counts[tile][0]]

    def box(self) -> str:
        """All of it, a little smaller, so that it touches no tile around: the city keeps that far from its edge."""
        little = 4 / 4096
        west, north = WEST + little, NORTH + little
        east, south = WEST + self.side - little, NORTH + self.side - little
        return f"{longitude(west):.9f},{latitude(south):.9f},{longitude(east):.9f},{latitude(north):.9f}"

    def images(self) -> int:
        return sum(self.counts[tile][0] for tile in self.tiles())


def longitude(x: float) -> float:
    return x / (1 << ZOOM) * 360 - 180


def latitude(y: float) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / (1 << ZOOM)))))


def tile_path(folder: Path, x: int, y: int, tileset: str = "mly1_public") -> Path:
    return folder / "maps/vtp" / tileset / "2" / str(ZOOM) / str(x) / str(y)


def read_counts(folder: Path) -> Area:
    counts = {}
    for line in (folder / "counts").read_text().splitlines():
        x, y, *numbers = map(int, line.split())
        counts[x, y] = tuple(numbers)
    return Area(folder, counts)


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def make_city(program: Path, folder: Path, *numbers: int) -> Area:
    subprocess.run([program, folder, *map(str, numbers)], check=True)
    return read_counts(folder)


def compress(folder: Path) -> None:
    """A .gz beside each tile, as nginx wants them."""
    tiles = [str(path) for path in folder.glob("maps/vtp/**/*") if path.is_file()]
    for begin in range(0, len(tiles), 256):
        subprocess.run(["gzip", "--keep", "--no-name", "-6", *tiles[begin:begin + 256]], check=True)


METADATA = """{"name": "city", "version": "2", "format": "pbf", "type": "overlay", "minzoom": "14", "maxzoom": "14",
"bounds": "8.4375,50.0642,8.789,50.2893", "json": "{\\"vector_layers\\": [{\\"id\\": \\"image\\", \\"fields\\": {
\\"id\\": \\"Number\\", \\"sequence_id\\": \\"String\\", \\"captured_at\\": \\"Number\\",
\\"compass_angle\\": \\"Number\\", \\"is_pano\\": \\"Boolean\\", \\"organization_id\\": \\"Number\\",
\\"creator_id\\": \\"Number\\", \\"quality_score\\": \\"Number\\"}}]}"}"""


class Places:
    """All folders of tiles; made once, and kept while the generator stays the same."""

    def __init__(self, build: Path):
        self.root = build / "city"
        self.program = build / "bench" / "city"
        stamp, key = self.root / "made", str(self.program.stat().st_mtime_ns)
        if not stamp.exists() or stamp.read_text() != key:
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.mkdir(parents=True)
            print("Making the city …", file=sys.stderr, flush=True)
            self._make()
            stamp.write_text(key)
        self.city = read_counts(self.root / "dense")
        self.gzipped = Area(self.root / "gzipped", self.city.counts)
        self.small = read_counts(self.root / "small")
        self.sparse = read_counts(self.root / "sparse")
        self.small_sparse = read_counts(self.root / "small_sparse")
        self.wide = Area(self.root / "wide", {
            (WEST + i, NORTH + j): self.city.counts[WEST + i % SIDE, NORTH + j % SIDE]
            for j in range(WIDE) for i in range(WIDE)})
        self.gdal = self.root / "gdal" / str(ZOOM)

    def _make(self) -> None:
        city = make_city(self.program, self.root / "dense", SIDE, IMAGES, SEQUENCES, FEATURES)
        make_city(self.program, self.root / "small", NARROW, IMAGES // 2, SEQUENCES // 2, 0)
        for name, side in (("sparse", WIDE), ("small_sparse", NARROW)):
            make_city(self.program, self.root / name, side, 5 * side * side, side * side // 4, 0)
        compress(city.folder)
        (self.root / "gdal").mkdir()
        (self.root / "gdal" / "metadata.json").write_text(METADATA.replace("\n", " "))
        for x, y in city.tiles():
            tile = tile_path(city.folder, x, y)
            link(tile, self.root / "gdal" / str(ZOOM) / str(x) / f"{y}.pbf")
            link(tile.with_name(f"{y}.gz"), tile_path(self.root / "gzipped", x, y))
            for i in range(x - WEST, WIDE, SIDE):
                for j in range(y - NORTH, WIDE, SIDE):
                    link(tile, tile_path(self.root / "wide", WEST + i, NORTH + j))


# ---- the service ----------------------------------------------------------------------------

NGINX = """
daemon off; pid {work}/nginx.pid; error_log stderr warn; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off; log_not_found off; sendfile on; tcp_nodelay on; default_type application/x-protobuf; keepalive_requests 100000;
    client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u;
    scgi_temp_path {work}/s;
    server {{ listen 127.0.0.1:{plain}; root {places}/dense; location /gdal/ {{ root {places}; }}
              location ~ ^/(small|sparse|small_sparse|wide)/ {{ root {places}; }} }}
    server {{ listen 127.0.0.1:{gzip}; root {places}/dense; gzip_static on; }}
    server {{ listen 127.0.0.1:{tls} ssl http2; root {places}/dense; gzip_static on;
              http2_max_concurrent_streams 128; http2_chunk_size 64k;
              ssl_certificate {work}/certificate.pem; ssl_certificate_key {work}/key.pem; }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """nginx, and a way to each of its three sides that is DELAY_MS long."""

    def __init__(self, build: Path, places: Places):
        self.work = tempfile.TemporaryDirectory(prefix="mly-bench-")
        work = Path(self.work.name)
        self.ports = {name: free_port() for name in ("plain", "gzip", "tls")}
        self.far_ports: Dict[str, int] = {}
        self.certificate = work / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", work / "key.pem",
                        "-out", self.certificate], check=True, capture_output=True)
        config = work / "nginx.conf"
        config.write_text(NGINX.format(work=work, places=places.root, **self.ports))
        # Debian has it in a folder that only root looks into.
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.processes = [subprocess.Popen([nginx, "-e", "stderr", "-p", work, "-c", config])]
        for name, port in self.ports.items():
            self.far_ports[name] = free_port()
            delay = subprocess.Popen([build / "bench" / "delay", str(self.far_ports[name]), str(port), str(DELAY_MS)],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.processes.append(delay)
            delay.stdout.readline()  # it is ready
        for port in self.ports.values():
            self._wait(port)

    @staticmethod
    def _wait(port: int) -> None:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        sys.exit("nginx does not listen")

    def url(self, side: str, is_far: bool) -> str:
        scheme = "https" if side == "tls" else "http"
        return f"{scheme}://127.0.0.1:{(self.far_ports if is_far else self.ports)[side]}"

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
            process.wait()
        self.work.cleanup()


# ---- measuring ------------------------------------------------------------------------------


@dataclass
class Case:
    """One program with its arguments. `reference` is the case it is compared with."""

    name: str
    command: Sequence[str]
    reference: Optional[str] = None
    environment: Dict[str, str] = field(default_factory=dict)
    once: bool = False  # takes so long that one run must do
    check: Sequence[str] = ()  # run after it, and not measured; fails when the result is wrong
    found: List[Dict[str, float]] = field(default_factory=list)

    def median(self, what: str) -> float:
        return statistics.median(run[what] for run in self.found)


def run_program(case: Case, base: Dict[str, str]) -> Dict[str, float]:
    """The program's own line of results. One that has none is measured from outside."""
    before, begun = os.times(), datetime.datetime.now()
    done = subprocess.run([str(word) for word in case.command], env={**base, **case.environment}, text=True,
                          capture_output=True, timeout=RUN_SECONDS, check=False)
    after, seconds = os.times(), (datetime.datetime.now() - begun).total_seconds()
    if done.returncode != 0 or "ERROR" in done.stderr:
        sys.exit(f"{case.name}: status {done.returncode}: {done.stdout}{done.stderr}\n{case.command}")
    if case.check:
        checked = subprocess.run([str(word) for word in case.check], env=base, text=True, capture_output=True,
                                 timeout=RUN_SECONDS, check=False)
        if checked.returncode != 0:
            sys.exit(f"{case.name}: the result is wrong: {checked.stdout}{checked.stderr}\n{case.command}")
    found: Dict[str, float] = {}
    for name, value in re.findall(r"(\w+)=(\S+)", done.stdout):
        found[name] = float(int(value, 16) if name == "sum" else float(value))
    if "seconds" not in found:
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        found = {"seconds": seconds, "cpu": cpu}
    return found


class Bench:
    def __init__(self, build: Path, runs: int, places: Places, server: Server):
        self.build, self.runs, self.places, self.server = build, runs, places, server
        self.base = {**os.environ, "GDAL_DRIVER_PATH": str(build), "MAPILLARY_ACCESS_TOKEN": TOKEN,
                     "CURL_CA_BUNDLE": str(server.certificate), "MAPILLARY_CACHE": "NO", "CPL_LOG_ERRORS": "OFF",
                     "MAPILLARY_TILES_URL": places.city.url}
        self.cases: Dict[str, Case] = {}
        self.out = tempfile.TemporaryDirectory(prefix="mly-bench-out-")
        self.lines: List[str] = []

    def say(self, text: str = "") -> None:
        self.lines.append(text)
        print(text, flush=True)

    def program(self, name: str) -> str:
        return str(self.build / "bench" / name)

    def list_of(self, area: Area) -> str:
        path = Path(self.out.name) / f"{area.folder.name}.list"
        path.write_text("".join(f"{x} {y} {tile_path(area.folder, x, y)}\n" for x, y in area.tiles()))
        return str(path)

    def size_of(self, area: Area, suffix: str = "") -> str:
        paths = (tile_path(area.folder, x, y) for x, y in area.tiles())
        return str(sum(path.with_name(path.name + suffix).stat().st_size for path in paths))

    def read(self, area: Area, *options: str, url: str = "", layer: str = "images") -> List[str]:
        rows = {"images": area.images(), "sequences": SEQUENCES, "map_features": FEATURES}[layer]
        return [self.program("read"), *options, "-b", area.box(), "-o", f"TILES_URL={url or area.url}",
                "-o", f"ACCESS_TOKEN={TOKEN}", layer, str(rows), "MAPILLARY:"]

    def fetch(self, side: str, is_far: bool, *options: str) -> List[str]:
        suffix = ".gz" if "-z" in options else ""
        prefix = f"{self.server.url(side, is_far)}/maps/vtp/mly1_public/2/{ZOOM}"
        city = self.places.city
        return [self.program("fetch"), *options, prefix, self.list_of(city), self.size_of(city, suffix)]

    def measure(self, cases: List[Case]) -> None:
        """All of them in turns, `runs` times."""
        for turn in range(self.runs):
            for case in cases:
                if turn == 0 or not case.once:
                    case.found.append(run_program(case, self.base))
                    print(".", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        for case in cases:
            self.cases[case.name] = case

    def ratio(self, case: str, reference: str, what: str = "seconds") -> float:
        """How many times as long `reference` takes."""
        return self.cases[reference].median(what) / self.cases[case].median(what)

    def table(self, title: str, cases: List[Case], unit: Optional[Tuple[str, float]] = None) -> None:
        """Times, and by how much each is faster than its reference. `unit`: what is done, and how much of it."""
        self.measure(cases)
        self.say(f"\n### {title}\n")
        rate = f" | million {unit[0]}/s" if unit else ""
        self.say(f"| | seconds | of processors{rate} | compared with | times as fast | by processor time |")
        self.say("|---|---|---|---|---|---|" + ("---|" if unit else ""))
        for case in cases:
            seconds, cpu = case.median("seconds"), case.median("cpu")
            row = [case.name + (" (one run)" if case.once else ""), f"{seconds:.3f}", f"{cpu:.3f}"]
            if unit:
                row.append(f"{unit[1] / 1e6 / seconds:.2f}")
            if case.reference:
                row += [case.reference, f"{self.ratio(case.name, case.reference):.2f}",
                        f"{self.ratio(case.name, case.reference, 'cpu'):.2f}"]
            else:
                row += ["", "", ""]
            self.say("| " + " | ".join(row) + " |")

    # ---- what is measured ----

    def decoding(self) -> None:
        tiles, city = self.list_of(self.places.city), self.places.city
        def case(name: str, way: str, reference: Optional[str]) -> Case:
            return Case(name, [self.program("decode"), way, tiles, str(city.images())], reference)
        cases = [case("decode by hand", "hand", None), case("decode, driver", "driver", "decode by hand"),
                 case("decode, protobuf-c on an arena", "protobuf-c", "decode by hand")]
        self.table("Tiles in memory to columns", cases, ("images", IMAGES))
        if len({case.found[0]["sum"] for case in cases}) != 1:
            sys.exit("the ways to decode do not agree")

    def inflating(self) -> None:
        tiles, size = self.list_of(self.places.gzipped), self.size_of(self.places.city)
        self.table("Gzipped tiles in memory, decompressed", [
            Case("inflate, zlib", [self.program("inflate"), "zlib", tiles, size]),
            Case("inflate, driver (GDAL's)", [self.program("inflate"), "gdal", tiles, size], "inflate, zlib")])

    def rows(self) -> None:
        city, gzipped = self.places.city, self.places.gzipped
        single = Path(self.out.name) / "single.list"
        single.write_text("".join(f"MVT:{self.places.gdal}/{x}/{y}.pbf\n" for x, y in city.tiles()))
        read, n, ahead = self.program("read"), str(IMAGES), {"GDAL_NUM_THREADS": "ALL_CPUS"}
        self.table("All rows of `images` by OGR_L_GetNextFeature(), from a folder", [
            Case("rows, MVT driver, folder", [read, "image", n, f"MVT:{self.places.gdal}"]),
            Case("rows, MVT driver, tile by tile", [read, "-l", str(single), "image", n]),
            Case("rows, driver, raw", self.read(city), "rows, MVT driver, folder", ahead),
            Case("rows, driver, gzip", self.read(gzipped), "rows, MVT driver, folder", ahead),
            Case("rows, driver, raw, one thread", self.read(city), "rows, MVT driver, folder"),
            Case("rows, driver, gzip, one thread", self.read(gzipped), "rows, MVT driver, folder"),
            Case("rows, OGR alone", self.alone(), "rows, MVT driver, folder"),
        ], ("rows", IMAGES))
        self.say("\nOGR alone: copies of one row, made by OGR's C functions, looked at like the others and dropped. The driver "
                 "reads a folder on several threads with GDAL_NUM_THREADS=ALL_CPUS, or in programs that have some.")
        self.table("All batches of `images` by OGR_L_GetArrowStream(), from a folder", [
            Case("Arrow, MVT driver, folder", [read, "-a", "image", n, f"MVT:{self.places.gdal}"]),
            Case("Arrow, driver, raw", self.read(city, "-a"), "Arrow, MVT driver, folder", ahead),
            Case("Arrow, driver, gzip", self.read(gzipped, "-a"), "Arrow, MVT driver, folder", ahead),
            Case("Arrow, driver, raw, one thread", self.read(city, "-a"), "Arrow, MVT driver, folder"),
            Case("Arrow, driver, gzip, one thread", self.read(gzipped, "-a"), "Arrow, MVT driver, folder"),
        ], ("rows", IMAGES))
        self.table("Other layers, rows, from a folder", [
            Case("rows, driver, sequences (joined)", self.read(city, layer="sequences")),
            Case("rows, driver, map_features", self.read(city, layer="map_features"))])

    def written(self, form: str) -> Tuple[str, List[str]]:
        """Where to write such a file, and what looks for the right number of rows in it and takes it away."""
        target = str(Path(self.out.name) / f"out.{'fgb' if form == 'FlatGeobuf' else 'gpkg'}")
        script = 'n=$(ogrinfo -ro -so -al "$1" | sed -n "s/^Feature Count: //p") && [ "$n" = "$2" ] && rm -f "$1"'
        return target, ["bash", "-c", script, "check", target, str(IMAGES)]

    def translate(self, name: str, source: Sequence[str], form: str, *options: str,
                  reference: Optional[str] = None) -> Case:
        target, check = self.written(form)
        return Case(name, ["ogr2ogr", "-f", form, target, *options, *source], reference, check=check)

    def alone(self, *options: str) -> List[str]:
        """What GDAL takes for as many rows when the source costs nothing."""
        city = self.places.city
        return [self.program("alone"), "-b", city.box(), "-o", f"TILES_URL={city.url}", *options, "images", str(IMAGES),
                "MAPILLARY:"]

    def driver_source(self, url: str) -> List[str]:
        box = self.places.city.box().split(",")
        return ["-spat", *box, "-oo", f"TILES_URL={url}", "-oo", f"ACCESS_TOKEN={TOKEN}", "MAPILLARY:", "images"]

    def conversions(self) -> None:
        mvt, driver = [f"MVT:{self.places.gdal}", "image"], self.driver_source(self.places.city.url)
        cases = []
        for name, form, options in (("FlatGeobuf without index", "FlatGeobuf", ["-lco", "SPATIAL_INDEX=NO"]),
                                    ("FlatGeobuf with index", "FlatGeobuf", []),
                                    ("GeoPackage without index", "GPKG", ["-lco", "SPATIAL_INDEX=NO"])):
            cases += [self.translate(f"{name}, MVT driver", mvt, form, *options),
                      self.translate(f"{name}, driver", driver, form, *options, reference=f"{name}, MVT driver")]
            target, check = self.written(form)
            cases.append(Case(f"{name}, GDAL alone", [*self.alone("-f", form, "-t", target), *options[1:]],
                              f"{name}, MVT driver", check=check))
        self.table("ogr2ogr of `images`, from a folder (with the start of the program)", cases, ("rows", IMAGES))
        self.say("\nGDAL alone: what ogr2ogr does to write one row, again and again, without a source. No driver can be "
                 "faster.")

    def network(self) -> None:
        city = self.places.city
        for is_far in (False, True):
            ms = DELAY_MS if is_far else 0
            cases = []
            for side in ("plain", "gzip", "tls"):
                bare = f"bare libcurl, {side}, {ms} ms"
                options = [] if side == "plain" else ["-z"]
                cases += [Case(bare, self.fetch(side, is_far, *options)),
                          Case(f"rows, driver, {side}, {ms} ms",
                               self.read(city, url=self.server.url(side, is_far)), bare),
                          Case(f"Arrow, driver, {side}, {ms} ms",
                               self.read(city, "-a", url=self.server.url(side, is_far)), bare)]
            self.table(f"256 tiles over the network, 16 connections, {ms} ms there and back", cases)

    def peers(self) -> None:
        city, url = self.places.city, self.server.url("plain", True)
        remote = Path(self.out.name) / "remote.list"
        remote.write_text("".join(f"MVT:/vsicurl/{url}/gdal/{ZOOM}/{x}/{y}.pbf\n" for x, y in city.tiles()))
        tuned = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_USE_HEAD": "NO",
                 "CPL_VSIL_CURL_CHUNK_SIZE": "1048576", "CPL_VSIL_CURL_CACHE_SIZE": "134217728"}
        read, n = self.program("read"), str(IMAGES)
        far = f"rows, driver, plain, {DELAY_MS} ms"
        cases = [Case(f"rows, MVT driver, /vsicurl tile by tile, {DELAY_MS} ms", [read, "-l", str(remote), "image", n],
                      far, tuned, once=True),
                 Case(f"rows, MVT driver, MVT:http, {DELAY_MS} ms", [read, "image", n, f"MVT:{url}/gdal/{ZOOM}"], far,
                      once=True)]
        self.table(f"Other ways over the network, {DELAY_MS} ms there and back", cases)

    def overlap(self) -> None:
        mark = ["-lco", "SPATIAL_INDEX=NO"]
        self.table(f"ogr2ogr to FlatGeobuf without index, {DELAY_MS} ms there and back", [
            Case("network alone", self.fetch("plain", True)),
            self.translate("conversion, tiles at hand", self.driver_source(self.places.city.url), "FlatGeobuf", *mark),
            self.translate("conversion, network", self.driver_source(self.server.url("plain", True)), "FlatGeobuf",
                           *mark, reference="conversion, tiles at hand")])

    def tuning(self) -> None:
        base = f"{DELAY_MS} ms: HTTP/1.1, 16 connections"
        cases = [Case(base, self.fetch("plain", True))]
        cases += [Case(f"{DELAY_MS} ms: HTTP/1.1, {n} connections", self.fetch("plain", True, "-c", str(n)), base)
                  for n in (8, 32, 64)]
        cases += [Case(f"{DELAY_MS} ms: HTTP/1.1, 16 connections, buffer of {kb} KB",
                       self.fetch("plain", True, "-b", str(kb)), base) for kb in (64, 256)]
        cases += [Case(f"{DELAY_MS} ms: HTTP/2, gzip, {n} connections of {m} streams",
                       self.fetch("tls", True, "-z", "-c", str(n), "-m", str(m)), base)
                  for n, m in ((1, 16), (2, 8), (4, 4), (16, 1))]
        cases += [Case(f"{DELAY_MS} ms: HTTP/2, gzip, 16 connections, one answer at a time",
                       self.fetch("tls", True, "-z"), base),
                  Case("0 ms: gzip, left as it is", self.fetch("gzip", False, "-z"), base),
                  Case("0 ms: gzip, decoded by libcurl", self.fetch("gzip", False, "-d"), base)]
        self.table("Bare libcurl: connections, streams, buffers, decoding", cases)

    def memory(self) -> None:
        places = self.places
        plain = self.server.url("plain", False)
        areas = {"dense": (places.small, places.wide), "sparse": (places.small_sparse, places.sparse)}
        cases = [Case("memory, GDAL alone", [self.program("read"), "", "0"],
                      environment={"GDAL_DRIVER_PATH": "disable"})]
        for name, both in areas.items():
            for area in both:
                what, address = f"{area.side * area.side} {name} tiles", f"{plain}/{area.folder.name}"
                cases += [Case(f"memory, folder, {what}", self.read(area)),
                          Case(f"memory, folder, Arrow, {what}", self.read(area, "-a")),
                          Case(f"memory, network, {what}", self.read(area, url=address)),
                          Case(f"memory, network, Arrow, {what}", self.read(area, "-a", url=address))]
        for side in ("gzip", "tls"):
            cases.append(Case(f"memory, network, {side}, Arrow, {SIDE * SIDE} dense tiles",
                              self.read(places.city, "-a", url=self.server.url(side, False))))
        for case in cases:
            case.once = True
        self.measure(cases)
        alone = self.cases["memory, GDAL alone"].median("peak_kb")
        self.say("\n### Peak memory, in MB (one run each)\n")
        self.say("| | peak | above GDAL alone | rows |\n|---|---|---|---|")
        for case in cases:
            peak = case.median("peak_kb")
            self.say(f"| {case.name} | {peak / 1024:.1f} | {(peak - alone) / 1024:.1f} | {case.median('rows'):,.0f} |")

    def first_rows(self) -> None:
        city = self.places.city
        tile = max(city.counts, key=lambda at: at[1] * WIDE + at[0])  # at the edge, where tiles are small
        one = Area(city.folder, {tile: city.counts[tile]})
        little = 4 / 4096
        box = (f"{longitude(tile[0] + little):.9f},{latitude(tile[1] + 1 - little):.9f},"
               f"{longitude(tile[0] + 1 - little):.9f},{latitude(tile[1] + little):.9f}")
        single = Path(self.out.name) / "one.list"
        single.write_text("{} {} {}\n".format(*tile, tile_path(one.folder, *tile)))
        size = tile_path(one.folder, *tile).stat().st_size

        def first(url: str, *options: str) -> List[str]:
            return [self.program("read"), "-f", *options, "-b", box, "-o", f"TILES_URL={url}",
                    "-o", f"ACCESS_TOKEN={TOKEN}", "images", "1", "MAPILLARY:"]

        cases = []
        for is_far in (False, True):
            ms = DELAY_MS if is_far else 0
            url = self.server.url("plain", is_far)
            cases += [
                Case(f"first tile, bare libcurl, {ms} ms",
                     [self.program("fetch"), "-c", "1", f"{url}/maps/vtp/mly1_public/2/{ZOOM}", single, str(size)]),
                Case(f"first row, driver, cold, {ms} ms", first(url), f"first tile, bare libcurl, {ms} ms"),
                Case(f"first row, driver, warm, {ms} ms", first(url, "-n", "2"))]
        self.measure(cases)
        self.say(f"\n### Until the first row of a tile of {size // 1024} KB, in milliseconds\n")
        self.say("| | ms | times as long as the bare request |\n|---|---|---|")
        for case in cases:
            ratio = (f"{case.median('first_ms') / self.cases[case.reference].median('first_ms'):.2f}"
                     if case.reference else "")
            self.say(f"| {case.name} | {case.median('first_ms'):.1f} | {ratio} |")

    # ---- what it should come to ----

    def goals(self) -> None:
        """Ratios to reach. What runs on one thread is compared by processor time, which a busy machine stretches less;
        reads and conversions, of which the driver does a part on other threads, by the clock, as whoever waits for
        them does."""
        def cpu(case: str, reference: str) -> Optional[float]:
            return self.ratio(case, reference, "cpu") if {case, reference} <= set(self.cases) else None

        def wall(case: str, reference: str) -> Optional[float]:
            return self.ratio(case, reference) if {case, reference} <= set(self.cases) else None

        def peak() -> Optional[float]:
            peaks = [c.median("peak_kb") for n, c in self.cases.items() if n.startswith("memory, ")]
            return (max(peaks) - self.cases["memory, GDAL alone"].median("peak_kb")) / 1024 if peaks else None

        def overlap() -> Optional[float]:
            if "conversion, network" not in self.cases:
                return None
            least = max(self.cases[n].median("seconds") for n in ("network alone", "conversion, tiles at hand"))
            return self.cases["conversion, network"].median("seconds") / least

        def first(case: str, reference: Optional[str] = None) -> Optional[float]:
            if case not in self.cases:
                return None
            return self.cases[case].median("first_ms") / (
                self.cases[reference].median("first_ms") if reference else 1)

        far, hand, folder = f"{DELAY_MS} ms", "decode by hand", "rows, MVT driver, folder"
        remote = f"rows, MVT driver, MVT:http, {far}"
        least = [("decode: times as fast as protobuf-c on an arena", 4,
                  cpu("decode, driver", "decode, protobuf-c on an arena"), None),
                 ("rows, raw: times as fast as the MVT driver on a folder", 5, wall("rows, driver, raw", folder), None),
                 ("rows, raw: times as fast as the MVT driver tile by tile", 2.5,
                  wall("rows, driver, raw", "rows, MVT driver, tile by tile"),
                  wall("rows, OGR alone", "rows, MVT driver, tile by tile")),
                 ("rows, gzip: times as fast as the MVT driver on a folder", 4, wall("rows, driver, gzip", folder), None),
                 ("Arrow, raw: times as fast as the MVT driver on a folder", 20,
                  wall("Arrow, driver, raw", "Arrow, MVT driver, folder"), None),
                 ("Arrow, gzip: times as fast as the MVT driver on a folder", 12,
                  wall("Arrow, driver, gzip", "Arrow, MVT driver, folder"), None)]
        least += [(f"ogr2ogr, {name}: times as fast as the MVT driver", goal,
                   wall(f"{name}, driver", f"{name}, MVT driver"), wall(f"{name}, GDAL alone", f"{name}, MVT driver"))
                  for name, goal in (("FlatGeobuf without index", 4), ("FlatGeobuf with index", 1.8),
                                     ("GeoPackage without index", 2))]
        least += [(f"256 tiles at {far}: times as fast as tuned /vsicurl", 20,
                   wall(f"rows, driver, plain, {far}", f"rows, MVT driver, /vsicurl tile by tile, {far}"), None),
                  (f"256 tiles at {far}: times as fast as MVT:http", 55, wall(f"rows, driver, plain, {far}", remote),
                   wall(f"bare libcurl, plain, {far}", remote))]
        most = [("decode: times as long as by hand", 1.25, cpu(hand, "decode, driver"), None),
                (f"256 tiles at {far}: times as long as bare libcurl", 1.15,
                 wall(f"bare libcurl, plain, {far}", f"rows, driver, plain, {far}"), None),
                (f"conversion at {far}: times as long as the larger of network and work", 1.2, overlap(), None),
                ("peak memory above GDAL alone, MB", 48, peak(), None),
                ("first row, warm, ms", 10, first("first row, driver, warm, 0 ms"), None),
                (f"first row, cold, {far}: times as long as a bare request", 1.2,
                 first(f"first row, driver, cold, {far}", f"first tile, bare libcurl, {far}"), None)]
        self.say("\n### Goals\n")
        self.say("| | goal | measured | | GDAL or libcurl alone |\n|---|---|---|---|---|")
        for rows, sign in ((least, "at least"), (most, "at most")):
            for name, goal, value, alone in rows:
                if value is not None:
                    is_met = value >= goal if sign == "at least" else value <= goal
                    self.say(f"| {name} | {sign} {goal:g} | {value:.2f} | {'met' if is_met else 'NOT MET'} | "
                             f"{'' if alone is None else f'{alone:.2f}'} |")


PARTS = ["decoding", "inflating", "rows", "conversions", "network", "overlap", "first_rows", "memory", "tuning",
         "peers"]


HEAD = """# Speed, measured

To repeat it: `tests/bench/run --save tests/bench/RESULTS.md`, on a Debian or Ubuntu machine that does nothing else; with
`--help` it says what else it can do. Times differ from machine to machine and from hour to hour, ratios much less. The
seconds by the clock are what one waits for, and hold whatever else the machine did; the seconds of processors are what
the work costs, on whatever thread: the driver has up to three, GDAL's MVT driver one.

The service is nginx on the loopback; a small proxy makes the way to it longer. It delays each byte and the shaking of
hands, but knows neither TCP's slow start nor lost packets. "By hand" is a decoder that checks nothing.

"""


def describe(runs: int) -> List[str]:
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    gdal = subprocess.run(["gdalinfo", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    curl = subprocess.run(["curl-config", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    system = platform.freedesktop_os_release()["PRETTY_NAME"] if hasattr(platform, "freedesktop_os_release") else ""
    return [f"{os.cpu_count()} processors ({model.group(1) if model else platform.machine()}), {system}, {gdal}, {curl}.",
            f"Load when it began: {os.getloadavg()[0]:.1f}. Medians of {runs} runs in turns, except where one is said." if runs > 1 else
            f"Load when it began: {os.getloadavg()[0]:.1f}. One run of each.",
            f"A city of {SIDE * SIDE} tiles, {IMAGES:,} images, {SEQUENCES:,} sequences, {FEATURES:,} map features."]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/bench", help="the folder of the plugin and the programs")
    parser.add_argument("--runs", type=int, default=5, help="how often each is run (default: 5)")
    parser.add_argument("--save", metavar="FILE", help="write the tables there as well, as Markdown")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []],
                        help=f"what to measure (default: all): {', '.join(PARTS)}")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that nginx stops, too
    signal.signal(signal.SIGINT, lambda *_: sys.exit("stopped"))
    build = Path(options.build).resolve()
    places = Places(build)
    server = Server(build, places)
    try:
        bench = Bench(build, options.runs, places, server)
        for line in describe(options.runs):
            bench.say(line)
        for part in options.parts or PARTS:
            getattr(bench, part)()
        bench.goals()
        if options.save:
            Path(options.save).write_text(HEAD + "\n".join(bench.lines) + "\n")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
