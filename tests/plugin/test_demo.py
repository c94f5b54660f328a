# SPDX-License-Identifier: MIT
"""data/demo: the first thing that a newcomer runs."""
from __future__ import annotations

import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
DEMO = DATA / "demo"
OUTPUT = "mapillary-demo.gpkg"

# No token and no service: what a newcomer has.
BARE = {"MAPILLARY_ACCESS_TOKEN": None, "MAPILLARY_TILES_URL": None, "MAPILLARY_GRAPH_URL": None}


def shown(text: str, label: str) -> str:
    """What the summary says after a label."""
    found = re.search(rf"^  {label} +(.*)$", text, re.MULTILINE)
    assert found, text
    return found[1]


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT count(*) FROM images").fetchone()[0]


def test_the_sample_is_converted_and_summed_up_without_token_or_network(run, tmp_path):
    truth = json.loads((DATA / "sample" / "truth.json").read_text())

    done = run(DEMO, env=BARE)

    assert done.code == 0, done.text
    n_images = truth["layers"]["images"]
    assert count(tmp_path / OUTPUT) == n_images
    assert shown(done.out, "images") == str(n_images)
    assert shown(done.out, "panoramas") == f"{100 * truth['images_with']['is_pano'] / n_images:.1f} %"
    west, south, east, north = map(float, re.findall(r"-?\d+\.\d+", shown(done.out, "extent")))
    assert truth["bbox"][0] <= west < east <= truth["bbox"][2]
    assert truth["bbox"][1] <= south < north <= truth["bbox"][3]
    assert re.fullmatch(r"2015-\d\d-\d\d to 2025-\d\d-\d\d", shown(done.out, "captured"))
    heading, *rows = done.out.partition("The latest five:\n")[2].splitlines()
    assert heading.startswith("id,captured_at,")
    assert [row.split(",")[1][:4] for row in rows] == ["2025"] * 5


def test_a_second_run_replaces_the_first_and_says_so(run, tmp_path):
    (tmp_path / OUTPUT).write_bytes(b"an earlier one")

    done = run(DEMO, env=BARE)

    assert done.code == 0, done.text
    assert f"Replacing the earlier {OUTPUT}" in done.out
    assert count(tmp_path / OUTPUT) > 0


def test_a_box_and_a_token_read_the_service(run, town, service, tmp_path):
    west, south, east, north = town.bbox

    done = run(DEMO, west, south, east, north)

    assert done.code == 0, done.text
    assert service.tiles_asked()
    assert shown(done.out, "images") == str(count(tmp_path / OUTPUT)) != "0"


def test_a_read_that_fails_leaves_the_earlier_file_alone(run, service, tmp_path):
    (tmp_path / OUTPUT).write_bytes(b"an earlier one")
    service.fault(400, times=None)

    done = run(DEMO, 8.5, 50.0, 8.6, 50.1)

    assert done.code != 0
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == [OUTPUT]
    assert (tmp_path / OUTPUT).read_bytes() == b"an earlier one"


def test_an_empty_box_is_told_as_such(run, tmp_path):
    done = run(DEMO, -30.02, 40.0, -30.01, 40.01)

    assert done.code == 0, done.text
    assert shown(done.out, "images") == "0"
    assert "no image in this box" in done.out


def test_without_a_token_a_box_is_refused_with_the_way_to_get_one(run, service):
    done = run(DEMO, 8.5, 50.0, 8.6, 50.1, env=BARE)

    assert done.code == 2
    assert "https://www.mapillary.com/dashboard/developers" in done.err
    assert not service.requests


@pytest.mark.parametrize("box, complaint", [
    (("8.5", "50", "8.6"), "four"),
    (("8.5", "fifty", "8.6", "51"), "SOUTH must be a number"),
    (("8.5", "50", "$(id)", "51"), "EAST must be a number"),
    (("-181", "50", "8.6", "51"), "WEST must lie between"),
    (("8.5", "50", "8.6", "90.1"), "NORTH must lie between"),
    (("8.6", "50", "8.5", "51"), "WEST (8.6) must be less"),
    (("8.5", "51", "8.6", "50"), "SOUTH (51) must be less"),
])
def test_arguments_that_are_no_box_are_refused(run, service, box, complaint):
    done = run(DEMO, *box)

    assert done.code == 2
    assert complaint in done.err
    assert not service.requests


def test_a_folder_with_odd_characters_in_its_name_is_found(run, tmp_path):
    odd = tmp_path / "a folder, 100% größer #1"
    odd.mkdir()
    for name in ("data", "cmake"):
        os.symlink(DATA.parent / name, odd / name)

    done = run(odd / "data" / "demo", env=BARE)

    assert done.code == 0, done.text
