# SPDX-License-Identifier: MIT
"""`gdal vector`, the program that GDAL has since 3.11 beside ogr2ogr and ogrinfo."""
from __future__ import annotations

import json
import re
import shutil

import pytest

from programs import ROOT
from reading import assert_each_once, cover, geopackage
from town import ORIGINAL

CENTRE = (8.5480, 50.0180, 8.5520, 50.0220)
BBOX = "--bbox=" + ",".join(map(str, CENTRE))


@pytest.fixture(autouse=True)
def program():
    if not shutil.which("gdal"):
        pytest.skip("GDAL before 3.11 has no program of this name")


def test_a_description_lists_fields_and_asks_nothing(run, service):
    done = run("gdal", "vector", "info", "--format=json", "MAPILLARY:")

    assert (done.code, done.err) == (0, "")
    layers = {layer["name"]: layer for layer in json.loads(done.out)["layers"]}
    assert list(layers) == ["images", "sequences", "map_features", "traffic_signs"]
    assert {field["name"] for field in layers["images"]["fields"]} >= {"id", "captured_at", "is_pano"}
    assert service.requests == []


def test_a_box_and_a_filter_bound_what_is_asked(run, service, truth, tmp_path):
    done = run("gdal", "vector", "pipeline", "read", "MAPILLARY:", "--layer=images", "!", "filter", BBOX,
               "--where=is_pano = 1", "!", "write", "out.gpkg")

    assert (done.code, done.err) == (0, ""), done.text
    _, rows = geopackage(tmp_path / "out.gpkg")
    assert sorted(row.id for row in rows) == sorted(row.id for row in truth.within(CENTRE) if row.is_pano)
    assert_each_once(service.requests, cover(CENTRE))


def test_clipping_is_a_bound_here(run, service, truth, tmp_path):
    done = run("gdal", "vector", "clip", "MAPILLARY:", "out.gpkg", "--layer=images", BBOX)

    assert done.code == 0, done.text
    _, rows = geopackage(tmp_path / "out.gpkg")
    assert sorted(row.id for row in rows) == sorted(row.id for row in truth.within(CENTRE))
    assert_each_once(service.requests, cover(CENTRE))


def test_a_conversion_without_a_bound_fails_and_asks_nothing(run, service):
    done = run("gdal", "vector", "convert", "MAPILLARY:", "out.gpkg", "--layer=images")

    assert done.code != 0 and "nothing bounds this read" in done.err
    assert service.requests == []


# Where `filter` stands directly before the writing, GDAL moves columns that it makes of rows, and hears no error.
@pytest.mark.parametrize("step, columns", [("clip", None), ("filter", "NO")])
def test_a_read_that_fails_half_way_fails_the_command(run, service, step, columns):
    service.fault(500, times=None, match=(ORIGINAL, *cover(CENTRE)[-1][1:]))

    done = run("gdal", "vector", step, "MAPILLARY:", "out.gpkg", "--layer=images", BBOX,
               env={"OGR2OGR_USE_ARROW_API": columns})

    assert done.code != 0 and "4 attempts" in done.err


def test_commands_that_documents_show_give_rows(run, tmp_path):
    texts = (ROOT / "README.md").read_text(encoding="utf-8"), (ROOT / "ogr_mapillary" / "driver.md").read_text("utf-8")
    shown = [command.replace("\n", " ") for text in texts for command in re.findall(r"`(gdal vector [^`]*MAPILLARY:[^`]*)`", text)]
    assert shown

    for command in shown:
        done = run("bash", "-c", command)
        assert done.code == 0, done.text
        _, rows = geopackage(tmp_path / "images.gpkg")
        assert rows
        (tmp_path / "images.gpkg").unlink()
