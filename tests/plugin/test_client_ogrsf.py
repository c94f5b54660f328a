# SPDX-License-Identifier: MIT
"""GDAL's own conformance program, test_ogrsf, finds no fault with any layer. tests/conformance makes it.

It counts, reads and filters each layer some forty times, fetches single features, sends filters that are infinite, huge,
or match nothing, and compares what comes. Only bounded layers pass: it takes an unknown count for a fault.
"""
from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from programs import ROOT, gdal_of, plugin
from reading import corners, cover, polygon

PROGRAM = Path(os.environ.get("MLY_TEST_OGRSF") or ROOT / "build" / "conformance" / "test_ogrsf")
BOX = (8.5490, 50.0185, 8.5510, 50.0220)
AOI = f"AOI={polygon(corners(BOX))}"
SMALL = "AOI=" + polygon(corners((8.5495, 50.0195, 8.5505, 50.0205)))  # still with five rows of each layer
LISTED = ["images", "sequences", "map_features", "traffic_signs"]

# What it says of a layer when it has tried everything.
SAID = ("Feature count verified", "Spatial filter inclusion seems to work", "Spatial filter exclusion seems to work",
        "Spatial filter is ignored by GetFeature", "Infinity spatial filter works", "Huge coords spatial filter works",
        "Attribute filter inclusion seems to work", "Attribute filter exclusion seems to work",
        "Attribute filter is ignored by GetFeature", "GetExtent() test passed", "Random read test passed",
        "SetNextByIndex() read test passed", "IgnoreFields test passed", "TestLayerSQL passed")


@pytest.fixture(autouse=True)
def built():
    if not PROGRAM.is_file():
        pytest.skip("test_ogrsf is not there; tests/conformance makes it")
    if gdal_of(PROGRAM) != gdal_of(plugin()):
        pytest.skip("test_ogrsf was made for another GDAL; tests/conformance makes it anew")


@pytest.fixture
def passes(run):
    """Runs it on layers of the service: each must pass, and be tried as often as said, with nothing left out."""

    def call(*arguments, layers, times=1, env=None, said=SAID):
        done = run(PROGRAM, "-ro", *arguments, env=env)
        assert done.code == 0 and not re.search("ERROR|WARNING|FAILURE|FAILED", done.text), done.text
        assert sorted(re.findall(r"Testing layer (\w+)\.", done.out)) == sorted(layers * times), done.text
        for words in said:
            assert done.out.count(words) == len(layers) * times, f"{words}:\n{done.text}"
        return done

    return call


@pytest.mark.parametrize("layer", LISTED)
def test_a_layer_conforms_and_no_tile_is_asked_for_twice(passes, service, layer):
    passes("MAPILLARY:", layer, "-oo", AOI, layers=[layer])

    tiles = [(x, y) for _, _, x, y in service.tiles_asked()]
    assert len(tiles) == len(set(tiles))
    assert {(x, y) for _, _, x, y in cover(BOX)} <= set(tiles)
    if layer != "sequences":  # which are followed beyond the area
        assert len(tiles) == len(cover(BOX))


def test_the_layers_conform_side_by_side(passes, service):
    passes("MAPILLARY:", "-oo", AOI, layers=LISTED)


def test_the_overview_conforms(passes, service):
    around = "AOI=" + polygon(corners((0.0, 40.0, 20.0, 60.0)))
    passes("MAPILLARY:", "overview", "-oo", around, layers=["overview"])


def test_the_listing_of_tiles_conforms_without_a_request(passes, service):
    passes("MAPILLARY:", "tiles", "-oo", AOI, layers=["tiles"])

    assert service.requests == []


def test_the_detections_of_images_conform(passes, town):
    """As the result of SQL, which names the images, and for which some of the trials are left out. In columns GDAL's
    results of SQL lose a filter that is set on them, whatever the driver (seen in 3.13), but not when made of rows."""
    seen = [image.id for image in town.images if town.truth_detections_of_image(image.id)][:20]

    passes("MAPILLARY:", "-sql", f"SELECT * FROM detections WHERE image_id IN ({', '.join(map(str, seen))})",
           layers=["detections"], said=[words for words in SAID if "Ignore" not in words and "SQL" not in words],
           env={"OGR_GENSQL_STREAM_BASE_IMPL": "YES"})


def test_every_row_is_found_by_a_filter_around_it(passes):
    passes("-fsf", "MAPILLARY:", "-oo", SMALL, layers=LISTED, said=[*SAID, "Full spatial filter succeeded"])


def test_threads_with_datasets_of_their_own_conform(passes):
    passes("-threads", "4", "-loops", "2", "MAPILLARY:", "-oo", SMALL, layers=LISTED, times=8, said=())


@pytest.mark.parametrize("options", [
    ["FIELDS=ALL"], ["PRECISION=EXACT"], ["GEOMETRY=COMPUTED"], ["STITCH=AREA"], ["STITCH=NO"], ["ZOOM=11"],
    ["GEOMETRY=COMPUTED", "PRECISION=EXACT", "FIELDS=ALL", "STITCH=AREA"], ["CONNECTIONS=1"]], ids=" ".join)
def test_the_layers_conform_with_options(passes, options):
    passes("MAPILLARY:", "-oo", SMALL, *(word for option in options for word in ("-oo", option)), layers=LISTED)


@pytest.mark.parametrize("place", ["NEAR", "LOOKING_AT"])
def test_what_lies_around_a_place_conforms(passes, place):
    layers = ["images", "map_features", "traffic_signs"] if place == "NEAR" else ["images"]
    passes("MAPILLARY:", *layers, "-oo", f"{place}=8.5495,50.0201", "-oo", "RADIUS=150", layers=layers)


def test_layers_from_a_folder_conform(passes, service):
    passes("MAPILLARY:", "-oo", AOI, layers=LISTED, env={
        "MAPILLARY_TILES_URL": f"file://{ROOT}/data/sample", "MAPILLARY_ACCESS_TOKEN": None})

    assert service.requests == []


def test_layers_from_the_cache_conform_without_a_request(passes, service, tmp_path):
    cached = {"MAPILLARY_CACHE": "YES", "MAPILLARY_CACHE_DIR": str(tmp_path / "cache")}
    passes("MAPILLARY:", "-oo", AOI, layers=LISTED, env=cached)
    service.clear()

    passes("MAPILLARY:", "-oo", AOI, layers=LISTED, env={
        **cached, "MAPILLARY_OFFLINE": "YES", "MAPILLARY_ACCESS_TOKEN": None})

    assert service.requests == []


def test_opening_for_update_falls_back_to_reading(run):
    done = run(PROGRAM, "MAPILLARY:", "traffic_signs", "-oo", AOI)

    assert done.code == 0 and "Had to open data source read-only." in done.out
    assert "ERROR" not in done.text
