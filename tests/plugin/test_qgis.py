# SPDX-License-Identifier: MIT
"""QGIS, really run: what its users do, what they see, and what is asked of the service for it.

QGIS is a program of its own, see qgis_user.py. Pictures are compared with the town: a pixel is coloured if and only if
something that the driver should give lies there.
"""
from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy
import pytest
from osgeo import gdal

from conftest import SANITIZER, secrets
from programs import gdal_of, plugin, said_by
from reading import Row, assert_each_once, cover, tile_box

USER = Path(__file__).resolve().parent / "qgis_user.py"
SOURCE = "MAPILLARY:MAX_TILES=50|layername=images"
CORE = [8.535, 50.010, 8.565, 50.028]  # in the middle of the town
WORLD = [-170.0, -84.0, 170.0, 84.0]
RED = (255, 0, 0)
PATIENCE = 120  # seconds for one call


def why_not() -> str:
    """Why QGIS cannot be run here; empty when it can."""
    if "LD_PRELOAD" in os.environ:
        return "a program of others cannot hold the sanitizers' runtime"
    library = said_by(sys.executable, "-c", "import qgis._core, qgis._gui; print(qgis._core.__file__)")
    if not library:
        return "QGIS is not installed, or not for this Python (Debian: python3-qgis)"
    return "" if gdal_of(library) == gdal_of(plugin()) else "QGIS reads with another GDAL"


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(WHY_NOT != "", reason=WHY_NOT)


class Qgis:
    """The program. Its calls are the methods of `User` in qgis_user.py."""

    def __init__(self, env: Dict[str, str], errors: Path) -> None:
        self.errors = errors
        with open(errors, "wb") as file:
            self.process = subprocess.Popen([sys.executable, "-B", str(USER)], env=env, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=file, encoding="utf-8")

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            timer = threading.Timer(PATIENCE, self.process.kill)
            timer.start()
            try:
                print(json.dumps([name, arguments]), file=self.process.stdin, flush=True)
                answer = self.process.stdout.readline()
            finally:
                timer.cancel()
            assert answer, f"QGIS ended, or was too slow, at {name}:\n{self.text}"
            done, value = json.loads(answer)
            assert done, value
            return value

        return call

    @property
    def text(self) -> str:
        """All that went to standard error."""
        return self.errors.read_text(encoding="utf-8", errors="replace")

    @property
    def complaints(self) -> List[str]:
        """What the driver said there."""
        return [line for line in self.text.splitlines() if re.match(r"(ERROR|Warning) \d+: MAPILLARY", line)]

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


@pytest.fixture
def variables(environment, home) -> Dict[str, str]:
    return {**os.environ, **environment, "MAPILLARY_CACHE": "YES", "HOME": str(home), "TMPDIR": str(home),
            "XDG_RUNTIME_DIR": str(home), "QT_QPA_PLATFORM": "offscreen"}


@pytest.fixture
def qgis(variables, service, tmp_path) -> Iterator[Qgis]:
    """It must end by itself, and never show the token."""
    program = Qgis(variables, tmp_path / "stderr")
    try:
        yield program
        assert program.end() == 0, program.text
    finally:
        program.process.kill()
        program.process.wait()
    assert not SANITIZER.search(program.text)
    for secret in secrets(service.token):
        shown = secret in program.text  # not a comparison of texts: pytest would print them
        assert not shown, "the token is on standard error"


@pytest.fixture
def png(tmp_path) -> str:
    return str(tmp_path / "map.png")


# ---- Pictures -----------------------------------------------------------------------------------


def pixels(path: object) -> numpy.ndarray:
    """Height, width, and red, green, blue."""
    return gdal.Open(str(path)).ReadAsArray()[:3].transpose(1, 2, 0).astype(int)


def is_painted(picture: numpy.ndarray) -> numpy.ndarray:
    return (picture < 250).any(axis=2)


def is_coloured(picture: numpy.ndarray, colour) -> numpy.ndarray:
    return (abs(picture - numpy.array(colour)) < 40).all(axis=2)


def place(row: Row, extent: List[float], shape) -> tuple:
    """Where a row is in the picture of a part of the web mercator map: column and line, with fractions."""
    radius = 6378137.0
    x, y = radius * math.radians(row.lon), radius * math.asinh(math.tan(math.radians(row.lat)))
    west, south, east, north = extent
    return (x - west) / (east - west) * shape[1], (north - y) / (north - south) * shape[0]


def is_in(row: Row, extent: List[float], shape) -> bool:
    """Whether it lies in the picture, and not on its edge: QGIS does not look for what reaches into it."""
    x, y = place(row, extent, shape)
    return 1 <= x <= shape[1] - 1 and 1 <= y <= shape[0] - 1


def near_rows(rows: List[Row], extent: List[float], shape, radius: float) -> numpy.ndarray:
    """The pixels whose middle is within so many pixels of a row."""
    mask = numpy.zeros(shape[:2], bool)
    lines, columns = numpy.mgrid[0:shape[0], 0:shape[1]] + 0.5
    for row in rows:
        x, y = place(row, extent, shape)
        part = tuple(slice(max(int(at - radius) - 1, 0), max(int(at + radius) + 2, 0)) for at in (y, x))
        mask[part] |= (columns[part] - x) ** 2 + (lines[part] - y) ** 2 <= radius ** 2
    return mask


def assert_shows(path: object, extent: List[float], rows: List[Row]) -> None:
    """Discs of RADIUS at all rows, and nothing elsewhere. QGIS puts them on whole pixels, and smooths their edges."""
    picture = pixels(path)
    painted = is_painted(picture)
    sure = near_rows([row for row in rows if is_in(row, extent, picture.shape)], extent, picture.shape, RADIUS - 1.5)
    possible = near_rows(rows, extent, picture.shape, RADIUS + 1.5)
    assert sure.any()
    assert not (sure & ~painted).any(), f"{(sure & ~painted).sum()} pixels are empty where something is"
    assert not (painted & ~possible).any(), f"{(painted & ~possible).sum()} pixels are coloured where nothing is"


MM = 96 / 25.4  # pixels in a millimetre
SIZE, RADIUS = 8 / MM, 4.0  # discs of eight pixels


# ---- Opening ------------------------------------------------------------------------------------


def test_opening_shows_the_layers_and_asks_nothing(qgis, service):
    listed = qgis.sublayers(source="MAPILLARY:")
    added = {one["name"]: qgis.add(source=one["uri"], name=one["name"]) for one in listed}
    named = {name: qgis.add(source=f"MAPILLARY:|layername={name}", name=name)
             for name in ("detections", "overview", "tiles")}

    assert {one["name"]: one["geometry"] for one in listed} == {
        "images": "Point", "sequences": "MultiLineString", "map_features": "Point", "traffic_signs": "Point"}
    assert {one["provider"] for one in listed} == {"ogr"}
    for layer in added.values():
        assert layer["valid"] and layer["crs"] == "EPSG:4326"
        assert layer["extent"][0] == -180 and layer["extent"][2] == 180
    assert all(layer["valid"] for layer in named.values())
    assert {qgis.count(name=name) for name in added} == {-1}  # unknown
    assert "capture time (UTC)" in added["images"]["aliases"]
    assert service.requests == []
    assert qgis.complaints == []


def test_open_options_come_in_the_form_of_qgis(qgis, service, truth):
    layer = qgis.add(name="images", source=(
        "MAPILLARY:|layername=images|option:AOI=POLYGON ((8.54 50.01, 8.56 50.01, 8.56 50.03, 8.54 50.03, 8.54 50.01))"
        "|option:FIELDS=camera_type,exif_orientation"))

    box = (8.54, 50.01, 8.56, 50.03)
    assert qgis.count(name="images") == len(truth.within(box))
    assert layer["extent"] == list(box)
    assert layer["fields"][-2:] == ["camera_type", "exif_orientation"]
    assert_each_once(service.requests, cover(box))


def test_fields_have_a_persons_words_and_their_codes_are_explained(qgis, service):
    layer = qgis.add(name="images", source="MAPILLARY:|layername=images|option:FIELDS=camera_type,exif_orientation")

    assert dict(zip(layer["fields"], layer["aliases"]))["captured_at"] == "capture time (UTC)"
    offered = {field: words for field, words in layer["choices"].items() if words}
    assert set(offered) == {"camera_type", "exif_orientation"}
    assert offered["camera_type"]["Panorama (spherical)"] == "spherical"
    assert [str(code) for code in offered["exif_orientation"].values()] == [str(n) for n in range(1, 9)]
    assert service.requests == []


# ---- The map ------------------------------------------------------------------------------------


def test_points_are_where_they_are_in_truth_at_every_scale(qgis, truth, png):
    qgis.add(source=SOURCE, name="images", colour="red", size=SIZE)
    middle = (8.5495, 50.0201)
    for half_width in (0.0004, 0.003, 0.015, 0.06):
        box = [middle[0] - half_width, middle[1] - half_width / 2, middle[0] + half_width, middle[1] + half_width / 2]
        shown = qgis.look(layers=["images"], box=box, path=png)

        assert_shows(png, shown["extent"], truth.rows())
    assert qgis.complaints == []


def test_a_view_asks_for_its_tiles_once_and_panning_back_for_nothing(qgis, service, png):
    qgis.add(source=SOURCE, name="images")

    first = qgis.look(layers=["images"], box=CORE, path=png)
    picture = pixels(png)
    assert_each_once(service.requests, cover(first["degrees"]))

    east = [CORE[0] + 0.03, CORE[1], CORE[2] + 0.03, CORE[3]]
    second = qgis.look(layers=["images"], box=east, path=png)
    assert_each_once(service.requests, set(cover(first["degrees"])) | set(cover(second["degrees"])))

    service.clear()
    qgis.look(layers=["images"], box=CORE, path=png)
    assert (pixels(png) == picture).all()
    inner = [CORE[0] + 0.01, CORE[1] + 0.006, CORE[2] - 0.01, CORE[3] - 0.006]
    qgis.look(layers=["images"], box=inner, path=png)
    assert service.requests == []
    assert qgis.complaints == []


def test_layers_of_the_same_tiles_that_are_drawn_at_once_ask_for_each_of_them_once(qgis, service, png):
    service.latency = 0.2
    qgis.add(source=SOURCE, name="images", colour="red")
    qgis.add(source="MAPILLARY:MAX_TILES=50,STITCH=AREA|layername=sequences", name="sequences")

    shown = qgis.look(layers=["images", "sequences"], box=CORE, path=png)

    assert_each_once(service.requests, cover(shown["degrees"]))
    assert is_coloured(pixels(png), RED).any()


def test_a_new_session_draws_from_the_cache(variables, service, png, tmp_path):
    pictures = []
    for session in range(2):
        service.clear()
        program = Qgis(variables, tmp_path / "stderr")
        program.add(source=SOURCE, name="images", colour="red")
        program.look(layers=["images"], box=CORE, path=png)
        assert program.end() == 0
        pictures.append(pixels(png))

    assert service.requests == []
    assert is_painted(pictures[0]).any() and (pictures[0] == pictures[1]).all()


def test_a_view_of_the_world_asks_nothing_and_standard_error_says_why(qgis, service, png):
    qgis.add(source=SOURCE, name="images", colour="red")

    qgis.look(layers=["images"], box=WORLD, path=png)

    assert service.requests == []
    assert not is_painted(pixels(png)).any()
    assert qgis.complaints and "tiles and MAX_TILES allows 50" in qgis.complaints[0]


def test_a_view_where_there_are_no_tiles_is_empty_without_a_word(qgis, service, png):
    qgis.add(source=SOURCE, name="images", colour="red")

    qgis.look(layers=["images"], box=[8.5, 85.8, 8.6, 85.805], path=png)

    assert not is_painted(pixels(png)).any()
    assert service.requests == [] and qgis.complaints == []


# ---- Features -----------------------------------------------------------------------------------


def test_a_click_on_the_map_identifies_the_image_and_asks_nothing(qgis, service, truth, png):
    qgis.add(source=SOURCE, name="images", colour="red")
    shown = qgis.look(layers=["images"], box=[8.5485, 50.0196, 8.5505, 50.0206], path=png)
    row = min(truth.within(shown["degrees"]), key=lambda row: math.hypot(row.lon - 8.5495, row.lat - 50.0201))
    service.clear()

    found = qgis.identify(name="images", lon=row.lon, lat=row.lat)

    (one,) = [feature for feature in found if feature["id"] == row.id]
    assert {name: one[name] for name in row.attributes} == row.attributes
    assert one["fid"] == row.id
    assert service.requests == []


def test_the_attribute_table_holds_what_the_map_shows_and_asks_nothing(qgis, service, truth, png):
    qgis.add(source=SOURCE, name="images", colour="red")
    shown = qgis.look(layers=["images"], box=[8.545, 50.017, 8.555, 50.023], path=png)
    service.clear()

    table = qgis.table(name="images")

    rows = truth.within(shown["degrees"])
    assert len(table) == len(rows) > 300
    assert ([{name: one[name] for name in rows[0].attributes} for one in sorted(table, key=lambda one: one["id"])]
            == [row.attributes for row in sorted(rows, key=lambda row: row.id)])
    assert qgis.select(name="images", box=shown["degrees"]) == len(rows)
    assert service.requests == []


def test_a_table_that_nothing_bounds_is_empty_and_asks_nothing(qgis, service):
    qgis.add(source=SOURCE, name="images")

    assert qgis.unique(name="images", field="is_pano") == []

    assert service.requests == []
    assert any("nothing bounds this read" in line for line in qgis.complaints)


def test_a_filter_leaves_on_the_map_what_passes_it(qgis, service, truth, png):
    qgis.add(source=SOURCE, name="images", colour="red", size=SIZE)
    shown = qgis.look(layers=["images"], box=CORE, path=png)
    service.clear()
    wanted = {
        "is_pano = 1": lambda row: row.is_pano,
        "\"captured_at\" >= '2023/01/01' AND NOT is_pano = 1":
            lambda row: row.captured_at and row.captured_at >= 1672531200000 and not row.is_pano,
    }
    for filter, passes in wanted.items():
        assert qgis.subset(name="images", filter=filter) == {"taken": True, "is": filter, "count": -1}
        qgis.look(layers=["images"], box=CORE, path=png)
        assert_shows(png, shown["extent"], truth.rows(passes))

    assert qgis.subset(name="images", filter="is_pano = 2 AND")["taken"] is False
    assert qgis.subset(name="images", filter="")["taken"] is True
    qgis.look(layers=["images"], box=CORE, path=png)
    assert_shows(png, shown["extent"], truth.rows())
    assert service.requests == []


def test_a_style_by_category_colours_each_value(qgis, service, truth, png):
    """Classifying reads all values, so the layer has to be bounded."""
    area = "8.54 50.01, 8.56 50.01, 8.56 50.03, 8.54 50.03, 8.54 50.01"
    qgis.add(source=f"MAPILLARY:|layername=images|option:AOI=POLYGON (({area}))", name="images")
    box = [8.54, 50.01, 8.56, 50.03]

    qgis.categorise(name="images", field="is_pano", colours={"True": "#0000ff", "False": "#ff0000"}, size=SIZE)
    shown = qgis.look(layers=["images"], box=box, path=png)

    picture = pixels(png)
    rows = truth.within(tuple(box))
    flat, panoramas = ([row for row in rows if row.is_pano == kind] for kind in (False, True))
    for kind, others, colour in ((flat, panoramas, RED), (panoramas, flat, (0, 0, 255))):
        hidden = near_rows(others, shown["extent"], picture.shape, RADIUS + 1.5)
        alone = near_rows(kind, shown["extent"], picture.shape, 1) & ~hidden
        assert alone.any() and is_coloured(picture, colour)[alone].mean() > 0.99
    assert_each_once(service.requests, cover(tuple(box)))


def test_lines_are_drawn_along_the_images_of_their_sequence(qgis, service, truth, png):
    qgis.add(source="MAPILLARY:MAX_TILES=50,STITCH=AREA|layername=sequences", name="sequences")
    shown = qgis.look(layers=["sequences"], box=CORE, path=png)

    assert_each_once(service.requests, cover(shown["degrees"]))
    picture = pixels(png)
    many = {id for id, n in Counter(row.sequence_id for row in truth.rows()).items() if n > 20}
    rows = [row for row in truth.within(tuple(shown["degrees"])) if row.sequence_id in many]
    on_a_line = near_rows(rows, shown["extent"], picture.shape, 0.8)
    assert is_painted(picture)[on_a_line].mean() > 0.95
    beside = ~near_rows(truth.rows(), shown["extent"], picture.shape, 25)
    assert is_painted(picture)[beside].mean() < 0.02


# ---- Projects -----------------------------------------------------------------------------------


def test_a_saved_project_opens_without_a_request_and_holds_no_secret(qgis, service, png, tmp_path):
    qgis.add(source=SOURCE, name="images", colour="red", size=SIZE)
    qgis.subset(name="images", filter="is_pano = 1")
    qgis.look(layers=["images"], box=CORE, path=png)
    picture = pixels(png)
    service.clear()

    path = tmp_path / "project.qgs"
    assert qgis.save(path=str(path))
    qgis.clear()
    assert qgis.load(path=str(path))
    assert qgis.names() == ["images"]
    assert qgis.sources() == {"images": f"{SOURCE}|subset=is_pano = 1"}
    assert service.requests == []

    text = path.read_text(encoding="utf-8")
    assert service.url not in text
    for secret in secrets(service.token):
        held = secret in text
        assert not held, "the token is in the project"
    qgis.look(layers=["images"], box=CORE, path=png)
    assert is_painted(picture).any() and (pixels(png) == picture).all()


# ---- Many threads ---------------------------------------------------------------------------------


def test_many_maps_drawn_at_once_are_each_right(qgis, service, tmp_path):
    """Layers of one map, and maps of one layer, are read by threads of their own; some are given up on the way."""
    service.latency = 0.003
    layers = ["images", "sequences", "traffic_signs", "map_features"]
    for name in layers:
        qgis.add(source=f"MAPILLARY:MAX_TILES=50,STITCH=AREA|layername={name}", name=name)
    boxes = [list(tile_box(x, y)) for x in (8580, 8581) for y in (5554, 5555)] * 2
    together = [[str(tmp_path / f"{turn}-{n}.png") for n in range(len(boxes))] for turn in range(3)]
    alone = [str(tmp_path / f"alone-{n}.png") for n in range(4)]

    for paths in together:
        qgis.draw_many(layers=layers, boxes=boxes, paths=paths, cancelled=6)
    service.clear()
    for box, path in zip(boxes, alone):
        qgis.draw_many(layers=layers, boxes=[box], paths=[path])

    assert service.requests == []
    for paths in together:
        for n, path in enumerate(paths):
            difference = abs(pixels(path) - pixels(alone[n % 4]))
            assert is_painted(pixels(path)).any() and difference.max() == 0, path
    assert qgis.complaints == []


# ---- What stands in data/qgis ---------------------------------------------------------------------

DATA = Path(__file__).resolve().parents[2] / "data" / "qgis"
PROJECT = DATA / "mapillary.qgs"
MIDDLE = (8.5495, 50.0201)
YEARS = {2015: "#345b9e", 2016: "#345b9e", 2017: "#268296", 2018: "#268296", 2019: "#4a9e6c", 2020: "#4a9e6c",
         2021: "#bea630", 2022: "#bea630", 2023: "#e2792c", 2024: "#e2792c", 2025: "#c4323c"}
SHOWN = ["Traffic signs", "Map features", "Images", "Sequences"]  # close by, from top to bottom


def year_of(ms) -> int:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).year


def rgb(colour: str) -> tuple:
    return tuple(bytes.fromhex(colour[1:]))


@pytest.fixture
def project(qgis, service) -> Qgis:
    """The project, opened. That asks nothing."""
    assert qgis.load(path=str(PROJECT))
    assert service.requests == []
    return qgis


def test_the_project_holds_no_address_no_folder_and_no_token(project):
    sources = project.sources()

    assert project.names()[:4] == SHOWN
    assert all(re.fullmatch(r"MAPILLARY:[A-Z_=,0-9a-z]+\|layername=[a-z_]+", source) for source in sources.values())
    for path in DATA.iterdir():
        if path.suffix in (".qgs", ".qml"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"ACCESS_TOKEN|TILES_URL|GRAPH_URL|file:|/home/|/tmp/|saveUser=\"[^\"]", text), path


def test_at_each_scale_the_project_shows_something_that_takes_few_tiles(project, service, png):
    """From the whole world to one crossing, and out again."""
    scales = [200_000_000, 6_000_000, 1_500_000, 400_000, 100_000, 25_000, 9000, 4500, 2000, 500]
    everything = []
    for scale in scales:
        service.clear()
        project.look_at_scale(lon=MIDDLE[0], lat=MIDDLE[1], scale=scale, path=png)

        picture = pixels(png)
        assert (picture != picture[0, 0]).any(), scale
        asked = Counter(tile[:2] for tile in service.tiles_asked())  # by tileset and zoom
        assert sum(asked.values()) > 0 or scale <= 9000, scale
        assert max(asked.values(), default=0) <= 12, scale  # for a view of 600 by 400 pixels
        assert [request.name for request in service.requests if request.kind != "tile"] == []
        everything += service.tiles_asked()
    assert len(everything) == len(set(everything))
    service.clear()
    for scale in reversed(scales):
        project.look_at_scale(lon=MIDDLE[0], lat=MIDDLE[1], scale=scale, path=png)
    assert service.requests == []
    assert project.complaints == []


def test_a_full_screen_takes_no_more_tiles_than_the_project_allows(project):
    """In web mercator, where a tile has the same size everywhere. Computed, for 3840 by 2160 pixels."""
    screen = 3840 * 0.0254 / 96, 2160 * 0.0254 / 96  # metres
    for name, (farthest, _) in project.scales().items():
        source = project.sources()[name]
        if "layername=overview" in source or name == "Thumbnails":
            continue
        zoom = int((re.findall(r"ZOOM=(\d+)", source) or ["14"])[0])
        tile = 2 * math.pi * 6378137 / 2 ** zoom
        needed = math.prod(math.ceil(side * farthest / tile) + 1 for side in screen)
        assert farthest > 0 and needed <= int(re.search(r"MAX_TILES=(\d+)", source)[1]), name


def test_scales_follow_each_other_without_a_gap(project):
    ranges = sorted((closest, farthest) for name, (farthest, closest) in project.scales().items()
                    if name.startswith(("Sequences", "Overview")))

    assert ranges[0][0] == 0 and ranges[-1][1] == 0
    assert [farthest for _, farthest in ranges[:-1]] == [closest for closest, _ in ranges[1:]]


def metres(things) -> numpy.ndarray:
    """East and north of somewhere, a line for each thing with a longitude and a latitude."""
    return numpy.array([(thing.lon * 71_500, thing.lat * 111_200) for thing in things])


def lonely(rows: List[Row], distance: float) -> List[Row]:
    """Those with no other row as near as that, in metres."""
    at = metres(rows)
    return [row for row, (x, y) in zip(rows, at)
            if (numpy.hypot(at[:, 0] - x, at[:, 1] - y) <= distance).sum() == 1]


def test_a_wedge_opens_to_where_the_image_looks(project, truth, png):
    """At 1:500 in the middle of the town, a metre is some five pixels."""
    rows = truth.within((8.53, 50.01, 8.57, 50.03))
    looking = [row for row in lonely(rows, 12) if row.compass_angle is not None and not row.is_pano and row.captured_at]
    assert len(looking) > 5
    for row in looking[:6]:
        shown = project.look_at_scale(lon=row.lon, lat=row.lat, scale=500, layers=["Images"], path=png)
        picture = pixels(png)
        x, y = place(row, shown["extent"], picture.shape)
        paper = picture[0, 0]

        def depth(angle: float) -> int:
            """How much colour there is 12 pixels from the image, in a direction."""
            at = picture[round(y - 12 * math.cos(math.radians(angle))), round(x + 12 * math.sin(math.radians(angle)))]
            return int(abs(at - paper).sum())

        assert depth(row.compass_angle) > 60
        assert max(depth(row.compass_angle + turn) for turn in (90, 180, 270)) < 10
        assert is_coloured(picture, rgb(YEARS[year_of(row.captured_at)]))[round(y), round(x)]


def test_a_panorama_is_a_ring_in_the_colour_of_its_year(project, truth, png):
    rows = truth.within((8.53, 50.01, 8.57, 50.03))
    panoramas = [row for row in lonely(rows, 8) if row.is_pano and row.captured_at]
    assert len(panoramas) > 5
    for row in panoramas[:6]:
        shown = project.look_at_scale(lon=row.lon, lat=row.lat, scale=500, layers=["Images"], path=png)
        picture = pixels(png)
        x, y = (round(at) for at in place(row, shown["extent"], picture.shape))
        assert (picture[y, x] > 250).all()
        around = picture[y - 9:y + 10, x - 9:x + 10]
        assert is_coloured(around, rgb(YEARS[year_of(row.captured_at)])).sum() > 30


def test_sequences_have_the_colour_of_their_year(project, town, png):
    images = metres(town.images)
    names = numpy.array([image.sequence_id for image in town.images])
    drawn = 0
    for sequence in town.sequences:
        others = images[names != sequence.id]
        alone = [image for image, at in zip(sequence.images, metres(sequence.images))
                 if numpy.hypot(*(others - at).T).min() > 40]
        if drawn == 6 or not sequence.captured_at or len(alone) < 20:
            continue
        image = alone[len(alone) // 2]
        project.look_at_scale(lon=image.tile_lon, lat=image.tile_lat, scale=9000, layers=["Sequences"], path=png)
        middle = pixels(png)[190:210, 290:310]
        assert is_coloured(middle, rgb(YEARS[year_of(sequence.captured_at)])).any(), sequence.id
        drawn += 1
    assert drawn == 6


def test_a_map_tip_shows_the_thumbnail_for_one_request_and_leads_to_the_viewer(project, service, truth, png):
    row = truth.within((8.545, 50.018, 8.552, 50.022))[0]
    project.look_at_scale(lon=row.lon, lat=row.lat, scale=1000, path=png)
    service.clear()

    tip = project.tip(name="Images", lon=row.lon, lat=row.lat)

    (id,) = set(re.findall(r"pKey=(\d+)", tip))
    thumbnail = service.town.graph_image(int(id))["thumb_256_url"]
    viewer = f"https://www.mapillary.com/app/?pKey={id}"
    assert f'<a href="{viewer}"><img width="256" src="{thumbnail}"></a>' in tip
    assert f'<a href="{viewer}">Show in Mapillary</a>' in tip
    assert len(service.requests) == 1 and service.requests[0].kind in ("entity", "entities")
    assert "[%" not in tip


def test_styles_fit_layers_of_their_kind(qgis, service, png):
    for path in sorted(DATA.glob("*.qml")):
        name = path.stem
        assert qgis.add(source=f"MAPILLARY:MAX_TILES=50,STITCH=AREA|layername={name}", name=name)["valid"]
        assert qgis.apply_style(name=name, path=str(path)), name
        scale = 100_000_000 if name == "overview" else 2000
        qgis.look_at_scale(lon=MIDDLE[0], lat=MIDDLE[1], scale=scale, layers=[name], path=png)
        assert is_painted(pixels(png)).any(), name
    assert qgis.complaints == []


def test_the_message_log_says_why_a_layer_is_empty_where_the_script_is_installed(qgis, service, png):
    qgis.run(path=str(DATA / "startup.py"))
    qgis.add(source=SOURCE, name="images")
    qgis.look(layers=["images"], box=WORLD, path=png)

    messages = [(tag, level) for tag, level, text in qgis.said() if "tiles and MAX_TILES allows 50" in text]

    assert messages and set(messages) == {("Mapillary", 2)}
    assert service.requests == []


def test_project_and_styles_are_as_the_script_writes_them(variables, tmp_path):
    written = subprocess.run([DATA / "make", tmp_path], env=variables, stdin=subprocess.DEVNULL, capture_output=True,
                             encoding="utf-8", timeout=PATIENCE)

    assert written.returncode == 0, written.stderr
    kept = {path.name: path.read_text(encoding="utf-8") for path in DATA.iterdir() if path.suffix in (".qgs", ".qml")}
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.name in kept}
    version = re.compile(r'version="(3[^"]*)"')
    if version.findall(kept["images.qml"]) != version.findall(made["images.qml"]):
        pytest.skip("they were written by another version of QGIS")
    assert sorted(made) == sorted(kept)
    for name in kept:
        same = made[name] == kept[name]  # not a comparison of texts: they are long
        assert same, f"{name} is not as data/qgis/make writes it"


def test_the_picture_is_what_qgis_draws(variables, tmp_path):
    """But for the shapes of letters, which another version of a library may draw otherwise."""
    drawn = subprocess.run([DATA / "draw", tmp_path / "town.png"], env=variables, stdin=subprocess.DEVNULL,
                           capture_output=True, encoding="utf-8", timeout=PATIENCE)

    assert drawn.returncode == 0, drawn.stderr
    assert abs(pixels(tmp_path / "town.png") - pixels(DATA / "town.png")).mean() < 1.0
