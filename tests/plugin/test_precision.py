# SPDX-License-Identifier: MIT
"""PRECISION=EXACT: positions as the Graph has them, and filters that go by these."""
from __future__ import annotations

from typing import Callable, List, Tuple

import pytest

from features import Layer, at, kinds
from reading import corners, polygon

CENTRE = (8.5480, 50.0185, 8.5510, 50.0215)
Box = Tuple[float, float, float, float]


def exact(service, **options: object) -> Layer:
    return Layer("images", PRECISION="EXACT", **{**at(service), **options})


def inside(town, box: Box, where: Callable = lambda image: True) -> List[int]:
    west, south, east, north = box
    return sorted(i.id for i in town.images if west <= i.lon <= east and south <= i.lat <= north and where(i))


def test_positions_are_those_of_the_graph(service, town):
    rows = exact(service).within(CENTRE).rows()

    assert sorted(row.fid for row in rows) == inside(town, CENTRE)
    for row in rows:
        image = town.image(row.fid)
        assert row.shape == pytest.approx((image.lon, image.lat), abs=1e-12)
    assert set(kinds(service.requests)) == {"tile", "entities"}


def edges(town) -> List[Box]:
    """Boxes that part an image's two positions: what tiles show lies to the west and north of the true one."""
    boxes = []
    for image in [i for i in town.images if CENTRE[0] < i.lon < CENTRE[2] and CENTRE[1] < i.lat < CENTRE[3]][::40]:
        lon, lat = (image.lon + image.tile_lon) / 2, (image.lat + image.tile_lat) / 2
        boxes += [(lon, CENTRE[1], CENTRE[2], CENTRE[3]), (CENTRE[0], CENTRE[1], lon, CENTRE[3]),
                  (CENTRE[0], lat, CENTRE[2], CENTRE[3]), (CENTRE[0], CENTRE[1], CENTRE[2], lat)]
    return boxes[:16]


def test_at_an_edge_the_exact_position_decides(service, town):
    boxes = edges(town)
    assert len(boxes) == 16

    for box in boxes:
        assert sorted(row.fid for row in exact(service).within(box).rows()) == inside(town, box)
        by_aoi = exact(service, AOI=polygon(corners(box))).rows()
        assert sorted(row.fid for row in by_aoi) == inside(town, box)


def test_a_look_up_gives_them_too(service, town):
    some = [image.id for image in town.images[::700]]

    rows = exact(service).where(f"id IN ({', '.join(map(str, some))})").rows()

    assert [row.fid for row in rows] == some
    for row in rows:
        image = town.image(row.fid)
        assert row.shape == pytest.approx((image.lon, image.lat), abs=1e-12)
        assert exact(service).get(row.fid).shape == row.shape


def test_only_rows_that_may_lie_there_are_asked_about(service, town):
    box = (8.5490, 50.0195, 8.5500, 50.0205)
    margin = 6e-6  # a cell of the tiles' grid
    rows = exact(service).within(box).where("is_pano = 0").rows()

    asked = {int(n) for r in service.requests if r.kind == "entities" for n in r.query["ids"].split(",")}
    grown = (box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin)
    assert {row.fid for row in rows} <= asked <= set(inside(town, grown, lambda image: not image.is_pano))


def test_computed_positions_are_exact_as_well(service, town):
    rows = exact(service, GEOMETRY="COMPUTED").within(CENTRE).rows()

    assert rows
    for row in rows:
        place = town.image(row.fid).computed
        assert row.shape == pytest.approx((place.lon, place.lat), abs=1e-12)


@pytest.mark.parametrize("name,is_sign", (("map_features", False), ("traffic_signs", True)))
def test_features_have_exact_positions(service, town, name, is_sign):
    rows = Layer(name, PRECISION="EXACT", **at(service)).within(CENTRE).rows()

    west, south, east, north = CENTRE
    things = town.signs if is_sign else town.points
    assert {row.fid for row in rows} == {
        t.id for t in things if west <= t.lon <= east and south <= t.lat <= north}
    assert all(row.shape == pytest.approx((town.map_feature(row.fid).lon, town.map_feature(row.fid).lat), abs=1e-12)
               for row in rows)


def test_nobody_who_does_not_look_at_positions_asks_for_them(service, truth):
    opened = Layer("images", PRECISION="TILE", **at(service)).within(CENTRE)

    assert [row.fid for row in opened.rows()] == [row.id for row in truth.within(CENTRE)]
    assert set(kinds(service.requests)) == {"tile"}
