# SPDX-License-Identifier: MIT
"""What R does with the driver, through sf."""
from __future__ import annotations

import re

import pytest

from features import ids_asked
from programs import need_r, not_instrumented
from reading import assert_each_once, corners, cover, polygon

pytestmark = not_instrumented
CENTRE = (8.5480, 50.0180, 8.5520, 50.0220)
AREA = polygon(corners(CENTRE))


@pytest.fixture
def r(run):
    """Runs statements with sf at hand; its greetings are left out."""
    program = need_r()

    def call(text: str):
        return run(program, "--vanilla", "-e", f"suppressPackageStartupMessages(library(sf)); {text}")

    return call


def test_layers_are_listed_without_a_request(r, service):
    done = r('cat(st_layers("MAPILLARY:")$name)')

    assert (done.code, done.out) == (0, "images sequences map_features traffic_signs"), done.text
    assert service.requests == []


def test_rows_in_an_area_keep_all_digits_and_fractions(r, service, truth):
    done = r(f'i <- st_read("MAPILLARY:", "images", wkt_filter = "{AREA}", int64_as_string = TRUE, quiet = TRUE, '
             'options = "MAX_TILES=9"); '
             'write.csv(cbind(id = i$id, at = format(i$captured_at, "%Y-%m-%d %H:%M:%S"), pano = i$is_pano, '
             'x = format(st_coordinates(i)[, 1], digits = 15)), quote = FALSE, row.names = FALSE)')

    assert done.code == 0, done.text
    rows = [line.split(",") for line in done.out.splitlines()[1:]]
    wanted = truth.within(CENTRE)
    assert [row[0] for row in rows] == [str(row.id) for row in wanted]
    assert [row[1] == "NA" for row in rows] == [row.captured_at is None for row in wanted]
    assert [row[2] for row in rows] == [str(row.is_pano).upper() for row in wanted]
    assert [float(row[3]) for row in rows] == pytest.approx([row.lon for row in wanted], abs=1e-9)
    assert_each_once(service.requests, cover(CENTRE))


def test_a_query_is_handed_on_and_only_rows_that_pass_are_asked_about(r, service, truth):
    done = r(f'i <- st_read("MAPILLARY:", query = "SELECT id, make FROM images WHERE is_pano = 1 AND '
             f'quality_score > 0.7", wkt_filter = "{AREA}", int64_as_string = TRUE, quiet = TRUE, '
             'options = "FIELDS=make"); cat(i$id)')

    wanted = [row.id for row in truth.within(CENTRE) if row.is_pano and (row.quality_score or 0) > 0.7]
    assert done.code == 0, done.text
    assert wanted and list(map(int, done.out.split())) == wanted
    assert sorted(n for batch in ids_asked(service.requests) for n in batch) == sorted(wanted)


def test_sequences_become_lines_that_r_can_measure(r, service):
    done = r(f'i <- st_read("MAPILLARY:", "sequences", wkt_filter = "{AREA}", quiet = TRUE); '
             'cat(as.character(st_geometry_type(i, by_geometry = FALSE)), all(as.numeric(st_length(i)) > 0), nrow(i))')

    shape, are_long, n_rows = done.out.split()
    assert (shape, are_long) == ("MULTILINESTRING", "TRUE") and int(n_rows) > 10


@pytest.mark.parametrize("strict", (False, True))
def test_a_read_that_fails_is_a_warning_and_with_warn_2_an_error(r, service, strict):
    service.fault(503, match=cover(CENTRE)[0], times=None)

    done = r(("options(warn = 2); " if strict else "") +
             f'i <- st_read("MAPILLARY:", "images", wkt_filter = "{AREA}", quiet = TRUE); cat("went on")')

    assert re.search(r"GDAL Error 1: MAPILLARY: tile mly1_public/14/\d+/\d+", done.err) and "HTTP 503" in done.err
    assert (done.code, done.out) == ((1, "") if strict else (0, "went on"))
