# SPDX-License-Identifier: MIT
"""GEOMETRY=COMPUTED: positions computed from the images, from a tileset of their own."""
from __future__ import annotations

import pytest
from osgeo import gdal

import mvt
from features import Layer, at
from pieces import Pieces, covered, meets, pixel_lines, world
from reading import (Images, assert_each_once, assert_same, corners, cover, grown, in_plan_order, inside,
                     listening, row_of, tile_box)
from town import COMPUTED, ORIGINAL, POINTS, SIGNS

CENTRE = (8.538, 50.010, 8.562, 50.027)


def computed_cover(box):
    return [(COMPUTED, z, x, y) for _, z, x, y in cover(box)]


@pytest.fixture(scope="session")
def computed_rows(town, tiles):
    """The images that have a computed position, there, in the order of the plan and of each tile."""
    rows = []
    for key in in_plan_order(key for key in tiles if key[:2] == (COMPUTED, 14)):
        for feature in mvt.layer_named(mvt.decode(tiles[key]), "image").features:
            image = town.image(feature.attributes["id"])
            rows.append(row_of(image)._replace(lon=image.computed.tile_lon, lat=image.computed.tile_lat))
    return rows


def test_images_stand_where_they_were_computed_and_unprocessed_ones_are_absent(service, town, truth, computed_rows):
    box = grown(truth.box, 0.002)
    assert 0 < len(computed_rows) < len(town.images)
    assert any((image.gx, image.gy) != (image.computed.gx, image.computed.gy)
               for image in town.images if image.computed)

    assert_same(Images(GEOMETRY="COMPUTED", **at(service)).within(box).rows(), computed_rows)
    assert_each_once(service.requests, computed_cover(box))


def test_filters_mean_the_computed_position(service, truth, computed_rows):
    expected = [row for row in computed_rows if inside(CENTRE)(row)]
    assert {row.id for row in expected} != {row.id for row in truth.within(CENTRE)}

    assert_same(Images(GEOMETRY="COMPUTED", **at(service)).within(CENTRE).rows(), expected)


def test_sequences_run_through_the_computed_positions(service, town, tiles, truth):
    box = grown(truth.box, 0.002)
    order = Pieces(tiles, tileset=COMPUTED).ids(covered(corners(box)))
    processed = {s.id for s in town.sequences if s.walks(computed=True)}
    assert set(order) == processed
    assert any(s.walks() and s.id not in processed for s in town.sequences)

    found = Layer("sequences", GEOMETRY="COMPUTED", STITCH="AREA", **at(service)).within(box).rows()

    assert [(row.fields["id"], pixel_lines(row.shape)) for row in found] == [
        (name, sorted(town.sequence(name).walks(computed=True))) for name in order]
    assert_each_once(service.requests, computed_cover(box))


def test_sequences_are_followed_through_the_computed_tiles(service, town, tiles):
    box = grown(tile_box(8580, 5555), -0.002)
    cells = covered(corners(box))
    pieces = Pieces(tiles, tileset=COMPUTED)
    names = [name for name in pieces.ids(cells)
             if meets(town.sequence(name).walks(computed=True), corners(box))]

    found = Layer("sequences", GEOMETRY="COMPUTED", **at(service)).within(box).rows()

    assert [row.fields["id"] for row in found] == names
    assert_each_once(service.requests, pieces.followed(names, cells))
    assert {tileset for tileset, *_ in service.tiles_asked()} == {COMPUTED}


@pytest.mark.parametrize("zoom", (6, 10))
def test_computed_lines_of_lower_zooms_come_from_their_own_tiles_too(service, zoom):
    lines = {ORIGINAL: [(5000, 5000), (5100, 5100)], COMPUTED: [(5001, 5002), (5103, 5104)]}
    service.tiles = {**world(({"id": "s"}, [lines[ORIGINAL]]), zoom=zoom),
                     **world(({"id": "s"}, [lines[COMPUTED]]), zoom=zoom, tileset=COMPUTED)}
    box = grown(tile_box(1, 1, zoom), -1e-6)

    (row,) = Layer("sequences", GEOMETRY="COMPUTED", ZOOM=zoom, **at(service)).within(box).rows()

    assert pixel_lines(row.shape, zoom) == [lines[COMPUTED]]
    assert_each_once(service.requests, [(COMPUTED, zoom, 1, 1)])


@pytest.mark.parametrize("layer, tileset", [("map_features", POINTS), ("traffic_signs", SIGNS)])
def test_map_features_have_one_position_only(service, layer, tileset):
    plainly = Layer(layer, **at(service)).within(CENTRE).rows()
    assert len(plainly) > 50

    assert Layer(layer, GEOMETRY="COMPUTED", **at(service)).within(CENTRE).rows() == plainly
    assert {tileset for tileset, *_ in service.tiles_asked()} == {tileset}


@pytest.mark.parametrize("value", ("ORIGINAL", "original"))
def test_original_is_the_default(service, truth, value):
    assert_same(Images(GEOMETRY=value, **at(service)).within(CENTRE).rows(), truth.within(CENTRE))
    assert_each_once(service.requests, cover(CENTRE))


def test_the_name_of_the_dataset_may_say_it(run, service, computed_rows):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:GEOMETRY=COMPUTED", "images", "-spat", *CENTRE,
               "-select", "id")

    assert (done.code, done.err) == (0, "")
    assert [int(line.strip('",')) for line in done.out.splitlines()[1:]] == [
        row.id for row in computed_rows if inside(CENTRE)(row)]
    assert_each_once(service.requests, computed_cover(CENTRE))


def test_both_positions_can_be_read_side_by_side(service, truth, computed_rows):
    original, computed = (Images(GEOMETRY=value, **at(service)).within(CENTRE) for value in ("ORIGINAL", "COMPUTED"))

    rows = [(a.GetFID(), b.GetFID()) for a, b in zip(iter(original.layer.GetNextFeature, None),
                                                     iter(computed.layer.GetNextFeature, None))]

    wanted = truth.within(CENTRE), [row for row in computed_rows if inside(CENTRE)(row)]
    assert rows == [(a.id, b.id) for a, b in zip(*wanted)]


@pytest.mark.parametrize("value", ("", "SFM", "COMPUTED,ORIGINAL", "0", "COMPUTE"))
def test_other_values_are_refused_at_once(value):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"GEOMETRY={value}"])

    assert dataset is None
    assert len(heard.errors) == 1
    assert all(word in heard.errors[0] for word in ("GEOMETRY", "ORIGINAL", "COMPUTED"))


def test_an_image_without_an_original_position_in_the_area_is_found_by_its_computed_one(service):
    place = mvt.encode([mvt.Layer("image", [mvt.point(2000, 2000, {"id": 5})])])
    service.tiles = {(COMPUTED, 14, 8580, 5554): place}
    box = grown(tile_box(8580, 5554), -1e-6)

    (row,) = Images(GEOMETRY="COMPUTED", **at(service)).within(box).rows()

    assert row.id == 5
    assert Images(**at(service)).within(box).rows() == []
