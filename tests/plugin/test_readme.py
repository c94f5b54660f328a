# SPDX-License-Identifier: MIT
"""README.md is held to its word: each command in it is run, each table compared with the driver.

Commands that read the service are run against the one on loopback: the examples lie in its town.
What stands for a token, `MLY|…`, is replaced by the service's. A new code block is run as soon as
it is written; one in a language, or about a program, that nobody knows here fails the tests.
"""
from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import pytest
from osgeo import gdal

from documents import code_in, counts, definition_of, layers_in, source_text, table
from programs import gdal_of, need_python, need_r, not_instrumented, plugin, postgres, said_by

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAP = (ROOT / "ogr_mapillary" / "README.md").read_text(encoding="utf-8")
SOURCES = ROOT / "ogr_mapillary"

TOKEN = "MLY|…"  # as the README writes it
READ = "ogrinfo -ro -so MAPILLARY: images -spat 8.54 50.01 8.56 50.03"
NO_TOKEN = {"MAPILLARY_ACCESS_TOKEN": None}
NO_SERVICE = {**NO_TOKEN, "MAPILLARY_TILES_URL": None, "MAPILLARY_GRAPH_URL": None}


# ---- What stands in the README ----------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int

    @property
    def id(self) -> str:
        return f"line {self.line}: {self.text.split(chr(10))[0][:40]}"


def blocks() -> Iterator[Block]:
    """The fenced code blocks, without the indent of the list that they stand in."""
    for found in re.finditer(r"^( *)```(\S*)\n(.*?)\n\1```$", README, re.MULTILINE | re.DOTALL):
        indent, language, text = found.groups()
        line = README.count("\n", 0, found.start()) + 2
        yield Block(language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE), line)


def blocks_of(language: str, *about: str) -> List[Block]:
    """Those of a language that hold any of the words; all of them when no word is given."""
    return [block for block in blocks()
            if block.language == language and (not about or any(a in block.text for a in about))]


def each(name: str, found: List[Block]) -> pytest.MarkDecorator:
    assert found, f"the README has no block for {name}"
    return pytest.mark.parametrize(name, found, ids=lambda block: block.id)


# Shell blocks by the test that runs them.
DEMO = blocks_of("sh", "./data/demo")
TESTS = blocks_of("sh", "./tests/run")
INSTALL = blocks_of("sh", "cmake --install")
FROM_BUILD = blocks_of("sh", "$PWD/build/")
TOKENS = blocks_of("sh", TOKEN)
PACKAGE = blocks_of("sh", "cpack")
ARCHIVE = blocks_of("sh", "tar xzf")
POSTGRES = blocks_of("sh", "PG:")
QGIS_STARTS = blocks_of("sh", " qgis ")
READS = [block for block in blocks_of("sh")
         if block not in DEMO + TESTS + INSTALL + FROM_BUILD + PACKAGE + ARCHIVE + TOKENS + POSTGRES + QGIS_STARTS]


# ---- What is run ------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that looks like the project's, and may be written to."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("CHANGELOG.md", "CMakeLists.txt", "LICENSE", "README.md", "cmake", "data", "ogr_mapillary", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture
def shell(run, project):
    """Runs text as bash does, in the project's folder and with a reader's cache; it must succeed and print no error."""

    def call(text: str, **options):
        options["env"] = {"MAPILLARY_CACHE": "YES", **options.get("env", {})}
        done = run("bash", "-euo", "pipefail", "-c", text, cwd=project, **options)
        assert done.code == 0, done.text
        assert "ERROR" not in done.err, done.err
        return done

    return call


def test_every_block_is_known_here():
    assert {block.language for block in blocks()} == {"sh", "ini", "python", "r", "sql", "text"}
    for block in READS:
        assert "MAPILLARY:" in block.text, f"nothing tells whether this is right:\n{block.text}"


@each("block", READS)
def test_a_command_that_reads_gives_rows(block, shell, project):
    done = shell(block.text)

    found = counts(project, done.out)
    assert found and min(found) > 0, done.text


def test_the_plan_in_the_text_is_the_plan_that_is_made(shell):
    shown = re.search(r"with `CPL_DEBUG` the plan of the read \(`(.+?)`\)", README)
    assert shown
    (block,) = blocks_of("sh", "CPL_DEBUG=MAPILLARY")

    done = shell(block.text)

    assert f"MAPILLARY: {shown[1]}" in done.err


@each("block", TOKENS)
def test_a_token_set_like_this_is_found(block, shell, service):
    shell(f"{block.text.replace(TOKEN, service.token)}\n{READ}", env=NO_TOKEN)

    assert service.tiles_asked()


@each("block", blocks_of("ini"))
def test_a_token_in_the_configuration_file_is_found(block, shell, service, home):
    (home / ".gdal").mkdir()
    (home / ".gdal" / "gdalrc").write_text(block.text.replace(TOKEN, service.token) + "\n")

    shell(READ, env=NO_TOKEN)

    assert service.tiles_asked()


def test_a_token_may_be_written_without_bars(shell, service):
    shell(READ, env={"MAPILLARY_ACCESS_TOKEN": service.token.replace("|", "%7C")})

    assert service.tiles_asked()


@each("block", DEMO)
def test_the_demo_reads_the_whole_sample(block, shell, project):
    """With the plugin of this build; data/demo builds one of its own where nobody names it."""
    truth = json.loads((ROOT / "data" / "sample" / "truth.json").read_text())

    shell(block.text, env=NO_SERVICE)

    assert layers_in(project / "mapillary-demo.gpkg")["images"] == truth["layers"]["images"]


@each("block", TESTS)
def test_the_script_that_runs_all_tests_is_there(block, shell):
    """It is what runs this test, and is itself run by .ci/run."""
    script = ROOT / block.text
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    assert f"Usage: {block.text.lstrip('./')}" in shell(f"{block.text} --help").out
    assert block.text in (ROOT / ".ci" / "run").read_text()


def test_building_installing_and_packing_gives_plugins_that_load(shell, project, tmp_path):
    """Really built. Packages are only named, and the root of the file system is a folder."""
    tools, system = tmp_path / "tools", tmp_path / "system"
    tools.mkdir()
    for name, text in {"sudo": 'exec "$@"', "apt": f'echo "$@" >>{tmp_path}/apt'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    prefix = said_by("gdal-config", "--prefix").lstrip("/")  # below which a GDAL looks
    folders = [system / prefix / lib / "gdalplugins"
               for lib in (f"lib/{sysconfig.get_config_var('MULTIARCH')}", "lib64", "lib")]
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "DESTDIR": str(system), "LD_PRELOAD": None,
           "GDAL_DRIVER_PATH": ":".join(map(str, folders)), **NO_SERVICE}
    (install,) = INSTALL

    done = shell(install.text, env=env, timeout=600)

    assert "MAPILLARY" in done.out.splitlines()[-1]
    (action, *packages) = (tmp_path / "apt").read_text().split()
    needed = shell(". cmake/packages.sh && packages_of build && packages_of use").out.split()
    assert action == "install" and sorted(packages) == sorted(needed)
    (package,), packers = PACKAGE, shell(". cmake/packages.sh && packages_of package").out.split()
    assert f"With `{'` and `'.join(packers)}` installed, `cpack` makes" in README
    packing, installing = package.text.splitlines()
    shell(packing, env=env)
    if list((project / "build" / "release").glob("*.deb")):  # else this GDAL is not the system's
        shell(installing, env=env)
        (action, deb) = (tmp_path / "apt").read_text().splitlines()[-1].split()
        assert action == "install" and (project / deb).is_file()
    for block in FROM_BUILD + ARCHIVE:
        done = shell(f"{block.text}\nogrinfo --formats", env={**env, "GDAL_DRIVER_PATH": None})
        assert "MAPILLARY" in done.out


# ---- The Python SDK ---------------------------------------------------------------------------

# All that mapillary.interface offers.
SDK = (
    "set_access_token", "get_image_close_to", "get_image_looking_at", "get_detections_with_image_id",
    "get_detections_with_map_feature_id", "image_thumbnail", "images_in_bbox", "sequences_in_bbox",
    "map_feature_points_in_bbox", "traffic_signs_in_bbox", "images_in_geojson", "images_in_shape",
    "map_features_in_geojson", "map_features_in_shape", "image_from_key", "feature_from_key",
    "is_image_being_looked_at", "save_locally",
)


def sdk_rows() -> List[Tuple[str, str]]:
    return [(code_in(function)[0].partition("(")[0], code_in(command)[0])
            for function, command in table(README, "SDK", "here")]


def test_every_function_of_the_sdk_has_its_equal():
    assert sorted(function for function, _ in sdk_rows()) == sorted(SDK)


@pytest.mark.parametrize("function,command", [row for row in sdk_rows() if "ogr2ogr" in row[1]],
                         ids=[function for function, command in sdk_rows() if "ogr2ogr" in command])
def test_the_equal_of_a_function_of_the_sdk_gives_rows(function, command, shell, project):
    district = next(block.text for block in READS if "district.geojson triangle.gpkg" in block.text)
    shell(f"{district}\nmkdir sdk && mv district.geojson sdk")

    done = shell(f"cd sdk && {command}")

    made = [path for path in (project / "sdk").iterdir() if path.name.startswith("out.")]
    found = [count for path in made for count in layers_in(path).values()]
    assert found and min(found) > 0, done.text


def test_the_token_of_the_sdk_is_set_as_everywhere(shell, service):
    (command,) = [command for function, command in sdk_rows() if function == "set_access_token"]

    shell(command.replace("\\|", "|").replace(TOKEN, service.token) + f"\n{READ}", env=NO_TOKEN)

    assert service.tiles_asked()


# ---- Other programs ---------------------------------------------------------------------------


@each("block", blocks_of("python"))
def test_python_that_is_shown_gives_rows(block, run, project):
    for module in ("fiona", "geopandas"):
        if f"import {module}" in block.text:
            need_python(module, f"python3-{module}")

    done = run(sys.executable, "-c", block.text, cwd=project)

    assert done.code == 0, done.text
    assert done.out.split() and done.out.split() != ["0"]


@not_instrumented
@each("block", blocks_of("r"))
def test_r_that_is_shown_gives_rows(block, run, project):
    done = run(need_r(), "--vanilla", "-e", block.text, cwd=project)

    assert done.code == 0, done.text
    assert int(re.search(r"^\[1\] (\d+)$", done.out, re.MULTILINE)[1]) > 0


@each("block", QGIS_STARTS)
def test_qgis_is_started_with_a_project_that_is_there_and_reads_the_sample(block, shell, project, service, tmp_path):
    """A program that reads what the project names stands in for QGIS, which would wait for its user."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "qgis").write_text("#!/bin/sh\ngrep -q 'datasource>MAPILLARY:.*layername=images' \"$1\" &&\n"
                                "    exec ogrinfo -ro -so MAPILLARY: images -spat 8.54 50.01 8.56 50.03\n")
    (tools / "qgis").chmod(0o755)

    done = shell(block.text, env={**NO_SERVICE, "PATH": f"{tools}:{os.environ['PATH']}"})

    assert min(counts(project, done.out)) > 0
    assert service.requests == []


QGIS = """
import sys
from qgis.core import Qgis, QgsApplication, QgsFeatureRequest, QgsRectangle, QgsVectorLayer
application = QgsApplication([], False)
application.initQgis()
layer = QgsVectorLayer(sys.argv[1], "", "ogr")
area = QgsFeatureRequest().setFilterRect(QgsRectangle(8.54, 50.01, 8.56, 50.03))
print("rows", sum(1 for _ in layer.getFeatures(area)))
del layer
application.exitQgis()
"""


def qgis_sources() -> List[str]:
    return [source for block in blocks_of("text", "|layername=") for source in block.text.splitlines()]


@not_instrumented
@pytest.mark.parametrize("source", qgis_sources())
def test_a_source_for_qgis_gives_rows(source, run, project):
    library = said_by(sys.executable, "-c", "import qgis._core; print(qgis._core.__file__)")
    if not library:
        pytest.skip("QGIS is not installed, or not for this Python")
    if gdal_of(library) != gdal_of(plugin()):
        pytest.skip("QGIS reads with another GDAL")

    done = run(sys.executable, "-c", QGIS, source, cwd=project,
               env={"QT_QPA_PLATFORM": "offscreen", "TMPDIR": str(project.parent)})

    assert done.code == 0, done.text
    assert int(re.search(r"^rows (\d+)$", done.out, re.MULTILINE)[1]) > 0


@not_instrumented
def test_postgresql_copies_and_reads_in_place(shell, service, environment):
    file_shown = "/etc/postgresql/mapillary-token"
    setting_up, reading = (block.text for block in blocks_of("sql"))
    assert file_shown in setting_up and not POSTGRES[1:]
    psql = "psql -X -q -A -t -v ON_ERROR_STOP=1 <<'SQL'\n{}\nSQL"

    with postgres(environment, service.token) as (found_at, token_file):
        shell(POSTGRES[0].text, env=found_at)
        copied = shell(psql.format("SELECT count(*) FROM images"), env=found_at)
        assert int(copied.out) > 0

        service.clear()
        shell(psql.format(setting_up.replace(file_shown, str(token_file))), env=found_at)
        read = shell(psql.format(reading), env=found_at)
        assert len(read.out.splitlines()) == int(re.search(r"LIMIT (\d+)", reading)[1])
        assert service.tiles_asked()


# ---- What the tables say ----------------------------------------------------------------------


def layers_shown() -> Dict[str, Tuple[str, Dict[str, str]]]:
    return {code_in(name)[0]: (geometry, dict(re.findall(r"`(\w+)` (\w+)", fields)))
            for name, geometry, _, fields in table(README, "layer", "geometry")}


def test_the_layers_are_those_of_the_driver():
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    listed = {dataset.GetLayer(i).GetName() for i in range(dataset.GetLayerCount())}
    in_source = set(re.findall(r'\.name = "(\w+)"', (SOURCES / "core" / "schema.c").read_text()))

    assert listed | in_source <= set(layers_shown())
    for name, shown in layers_shown().items():
        assert shown == definition_of(dataset.GetLayerByName(name)), name


def test_every_field_has_a_meaning():
    explained = [name for names, _ in table(README, "field", "meaning") for name in code_in(names)]

    assert set(explained) == {name for _, fields in layers_shown().values() for name in fields}
    assert len(explained) == len(set(explained))


def test_the_extra_fields_are_those_of_the_driver():
    with_all = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["FIELDS=ALL"])
    without = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    shown: Dict[str, Dict[str, str]] = {}
    for names, fields, _ in table(README, "layer", "extra field"):
        for name in code_in(names):
            shown.setdefault(name, {}).update(re.findall(r"`(\w+)` (\w+)", fields))

    for name in ("images", "sequences", "map_features", "traffic_signs"):
        always = definition_of(without.GetLayerByName(name))[1]
        fields = definition_of(with_all.GetLayerByName(name))[1]
        assert shown[name] == {field: kind for field, kind in fields.items() if field not in always}, name


def test_the_fields_of_a_place_are_those_of_the_driver():
    said = re.search(r"With `NEAR` or `LOOKING_AT` the layers have a field `(\w+)` \((\w+), .*?`images` have\n"
                     r"`(\w+)` .*? and `(\w+)` ", README, re.DOTALL)
    assert said

    def added(option: str) -> List[str]:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[option])
        fields = definition_of(dataset.GetLayerByName("images"))[1]
        return [name for name in fields if name not in layers_shown()["images"][1] and fields[name] == said[2]]

    assert added("NEAR=8.5,50") == [said[1]]
    assert added("LOOKING_AT=8.5,50") == [said[1], said[3], said[4]]


def test_the_options_are_those_of_the_driver():
    xml = ElementTree.fromstring(gdal.GetDriverByName("MAPILLARY").GetMetadataItem("DMD_OPENOPTIONLIST"))
    offered = [(option.get("name"), option.get("default")) for option in xml]
    source = (SOURCES / "ogr" / "options.cpp").read_text()

    shown = []
    for name, config, default, _, _ in table(README, "open option", "configuration option"):
        shown.append((code_in(name)[0], (code_in(default) or [None])[0]))
        configured = f'"{code_in(config)[0]}"' if config else "nullptr"
        assert re.search(rf'"{shown[-1][0]}",\s*{configured},', source), name

    assert shown == offered


# What an option means nothing without.
COMPANIONS = {"RADIUS": 'NEAR="8.55,50.02"', "MIN_RADIUS": 'NEAR="8.55,50.02"', "FOV": 'LOOKING_AT="8.55,50.02"'}


@pytest.mark.parametrize("row", table(README, "open option", "configuration option"), ids=lambda row: row[0])
def test_the_dataset_name_takes_the_options_that_it_is_said_to_take(row, run):
    name, default, may_stand = code_in(row[0])[0], (code_in(row[2]) or ["x"])[0], row[3]
    assert may_stand in ("yes", "no")

    given = [COMPANIONS[name]] if name in COMPANIONS else []
    done = run("ogrinfo", "-ro", "MAPILLARY:" + ",".join([*given, f"{name}={default}"]))

    assert ("is not allowed in the dataset name" in done.text) == (may_stand == "no")
    assert done.code == 0 or may_stand == "no" or not code_in(row[2])


def test_messages_that_are_explained_are_messages_of_the_driver():
    source = source_text()
    for message, _ in table(README, "the message says", "what to do"):
        for words in code_in(message):
            pattern = re.sub(r"\\?\d+", "(%[a-z]+|[0-9]+)", re.escape(words))
            assert re.search(pattern, source) or words == "ogrinfo --formats", words


def test_options_of_gdal_that_are_named_are_read():
    source = (SOURCES / "ogr" / "options.cpp").read_text()
    named = set(re.findall(r"`(GDAL_HTTPS?_\w+|CURL_\w+|SSL_\w+)`", README))

    assert named and [name for name in sorted(named) if f'"{name}"' not in source] == []


@pytest.mark.parametrize("path", ["README.md", "ogr_mapillary/README.md"])
def test_links_lead_somewhere(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    headings = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert ((ROOT / path).parent / target).exists(), target


# ---- The picture, and the map of the source ---------------------------------------------------


def test_the_picture_is_one_and_not_too_large():
    picture = (ROOT / "data" / "town.png").read_bytes()

    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (1200, 800)
    assert len(picture) < 400_000


def test_the_picture_shows_what_the_driver_reads(run, tmp_path):
    """But for the shapes of letters, which another version of the library may draw otherwise."""
    image = pytest.importorskip("PIL.Image", reason="python3-pil is not installed")
    chops, stat = pytest.importorskip("PIL.ImageChops"), pytest.importorskip("PIL.ImageStat")
    if not Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf").exists():
        pytest.skip("fonts-dejavu-core is not installed")

    done = run(sys.executable, "-B", ROOT / "data" / "draw", tmp_path / "town.png", env=NO_SERVICE)

    assert done.code == 0, done.text
    drawn, kept = (image.open(folder / "town.png").convert("L") for folder in (tmp_path, ROOT / "data"))
    assert stat.Stat(chops.difference(drawn, kept)).mean[0] < 1.0


def test_what_is_said_to_be_shown_by_a_test_has_that_test():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = table(text, "a driver should", "met")
    named = [name for *_, shown in rows for name in re.findall(r"`(?:\w+::)\w+`", shown)]

    assert len(rows) == 42 and len(named) > 60
    for name in named:
        file, test = name.strip("`").split("::")
        sources = [*ROOT.glob(f"tests/plugin/test_{file}.py"), *ROOT.glob(f"tests/unit/test_{file}.c")]
        assert any(re.search(rf"\b{test}\(", path.read_text(encoding="utf-8")) for path in sources), name
    for row in rows:
        assert re.match(r"yes$|(in part|no): ", row[1]) and row[2], row[0]


def test_the_map_of_the_source_has_every_file_once():
    for folder in ("core", "io", "ogr"):
        section = re.search(rf"^### {folder}\n(.*?)^###? ", MAP, re.MULTILINE | re.DOTALL)[1]
        shown = re.findall(r"^\|(?: \w* ?\|)? `(\w+)` \|", section, re.MULTILINE)
        files = {path.name.split(".")[0] for path in (SOURCES / folder).iterdir()
                 if not path.name.startswith(".") and path.suffix != ".map"}
        assert sorted(shown) == sorted(files), folder
