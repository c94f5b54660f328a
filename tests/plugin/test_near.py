# SPDX-License-Identifier: MIT
"""NEAR and LOOKING_AT: what lies around a place, and the images that look at it, nearest first.

Distances and bearings are worked out here from the positions that tiles show; so is which tiles the
circle touches.
"""
from __future__ import annotations

import math
from typing import List, Optional, Tuple

import pytest
from osgeo import gdal

import mvt
from features import Layer, Seen, at, entities_asked, image_row, kinds, map_feature_row
from reading import corners, listening, polygon, tile_box
from conftest import serve
from town import ORIGINAL, world_pixel

EARTH = 6371008.8
PLACE = (8.5495, 50.0201)
LonLat = Tuple[float, float]


def distance(a: LonLat, b: LonLat) -> float:
    (lon1, lat1), (lon2, lat2) = [(math.radians(lon), math.radians(lat)) for lon, lat in (a, b)]
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH * math.asin(min(1.0, math.sqrt(h)))


def bearing(a: LonLat, b: LonLat) -> float:
    (lon1, lat1), (lon2, lat2) = [(math.radians(lon), math.radians(lat)) for lon, lat in (a, b)]
    east = math.sin(lon2 - lon1) * math.cos(lat2)
    north = math.cos(lat1) * math.sin(lat2) - math.sin(lat1) * math.cos(lat2) * math.cos(lon2 - lon1)
    return math.degrees(math.atan2(east, north)) % 360


def angle(a: float, b: float) -> float:
    return abs((a - b + 180) % 360 - 180)


def looks(row: Seen, place: LonLat, fov: float) -> bool:
    if row.fields["is_pano"]:
        return True
    compass = row.fields["compass_angle"]
    return compass is not None and angle(compass, bearing(row.shape, place)) <= fov / 2


def ring(rows: List[Seen], place: LonLat, radius: float, least: float = 0.0) -> List[Seen]:
    found = [row for row in rows if least <= distance(row.shape, place) <= radius]
    return sorted(found, key=lambda row: distance(row.shape, place))


def touched(place: LonLat, radius: float) -> List[Tuple[str, int, int, int]]:
    """The z14 tiles that hold a point of the circle: of each, points along its border are tried."""
    gx, gy = world_pixel(*place)
    found = []
    for x in range(gx // 4096 - 6, gx // 4096 + 7):
        for y in range(gy // 4096 - 6, gy // 4096 + 7):
            west, south, east, north = tile_box(x, y)
            edge = [(west + (east - west) * t / 400, lat) for t in range(401) for lat in (south, north)]
            edge += [(lon, south + (north - south) * t / 400) for t in range(401) for lon in (west, east)]
            if (gx // 4096, gy // 4096) == (x, y) or min(distance(p, place) for p in edge) <= radius:
                found.append((ORIGINAL, 14, x, y))
    return found


def text(place: LonLat) -> str:
    return f"{place[0]!r},{place[1]!r}"


def check(found: List[Seen], expected: List[Seen], place: LonLat) -> None:
    """Images at one position come in either order."""
    metres = [row.fields["distance"] for row in found]
    assert sorted(row.fid for row in found) == sorted(row.fid for row in expected)
    assert metres == sorted(metres)
    for row in found:
        assert row.fields["distance"] == pytest.approx(distance(row.shape, place), abs=1e-6)


@pytest.fixture(scope="module")
def images(town) -> List[Seen]:
    return [image_row(image) for image in town.images]


@pytest.mark.parametrize("radius", (20, 50, 300, 2500))
def test_what_lies_around_a_place_comes_nearest_first_from_the_tiles_that_the_circle_touches(
        service, images, radius):
    expected = ring(images, PLACE, radius)
    assert expected

    found = Layer("images", NEAR=text(PLACE), RADIUS=radius, **at(service)).rows()

    check(found, expected, PLACE)
    assert sorted(service.tiles_asked()) == sorted(touched(PLACE, radius))


def corner(x: int, y: int) -> LonLat:
    west, _, _, north = tile_box(x, y)
    return west, north


@pytest.mark.parametrize("place", (corner(8581, 5555), (8.5510, 50.0155), corner(8580, 5555)))
def test_borders_of_tiles_make_no_difference(service, images, place):
    found = Layer("images", NEAR=text(place), RADIUS=400, **at(service)).rows()

    check(found, ring(images, place, 400), place)
    assert sorted(service.tiles_asked()) == sorted(touched(place, 400))


def test_what_is_too_near_is_left_out(service, images):
    found = Layer("images", NEAR=text(PLACE), RADIUS=120, MIN_RADIUS=60, **at(service)).rows()

    check(found, ring(images, PLACE, 120, 60), PLACE)
    assert 60 <= found[0].fields["distance"]


@pytest.mark.parametrize("name,is_sign", (("map_features", False), ("traffic_signs", True)))
def test_features_have_a_distance_too(service, town, name, is_sign):
    rows = [map_feature_row(f) for f in (town.signs if is_sign else town.points)]

    found = Layer(name, NEAR=text(PLACE), RADIUS=500, **at(service)).rows()

    check(found, ring(rows, PLACE, 500), PLACE)
    assert found and "bearing" not in found[0].fields


@pytest.mark.parametrize("radius,fov", ((50, None), (100, 30), (100, 180), (100, 360), (100, 0)))
def test_images_that_look_at_a_place(service, images, radius, fov):
    expected = [row for row in ring(images, PLACE, radius) if looks(row, PLACE, 100 if fov is None else fov)]
    options = {} if fov is None else {"FOV": fov}

    found = Layer("images", LOOKING_AT=text(PLACE), RADIUS=radius, **options, **at(service)).rows()

    check(found, expected, PLACE)
    for row in found:
        assert angle(row.fields["bearing"], bearing(row.shape, PLACE)) < 1e-6
        compass: Optional[float] = row.fields["compass_angle"]
        off = None if compass is None else pytest.approx(angle(compass, bearing(row.shape, PLACE)), abs=1e-6)
        assert row.fields["angle_off"] == off


def test_the_nearest_one_is_the_first_one(run, service, images):
    done = run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-oo", f"NEAR={text(PLACE)}", "-oo",
               "RADIUS=300", "-limit", 1, "-select", "id,distance")

    assert done.code == 0
    assert int(done.out.splitlines()[1].split(",")[0].strip('"')) == ring(images, PLACE, 300)[0].fid


def test_filters_go_together_with_it(service, images):
    box = (8.5480, 50.0190, 8.5500, 50.0210)
    opened = Layer("images", NEAR=text(PLACE), RADIUS=250, AOI=polygon(corners(box)), **at(service))

    found = opened.where("is_pano = 0 AND distance > 40").rows()

    expected = [row for row in ring(images, PLACE, 250) if not row.fields["is_pano"]
                and distance(row.shape, PLACE) > 40
                and box[0] <= row.shape[0] <= box[2] and box[1] <= row.shape[1] <= box[3]]
    check(found, expected, PLACE)
    assert found


def test_ids_are_sorted_and_sifted_by_distance(service, images):
    some = ring(images, PLACE, 600)[::17][:30]

    ids = ", ".join(str(row.fid) for row in reversed(some))
    found = Layer("images", NEAR=text(PLACE), RADIUS=300, **at(service)).where(f"id IN ({ids})").rows()

    assert [row.fid for row in found] == [row.fid for row in some if distance(row.shape, PLACE) <= 300]
    assert set(kinds(service.requests)) == {"entities"}


def test_the_graph_is_asked_about_the_nearest_only(service, images):
    opened = Layer("images", NEAR=text(PLACE), RADIUS=300, FIELDS="make", CONNECTIONS=1, **at(service))

    first = opened.layer.GetNextFeature()
    opened.close()

    nearest = ring(images, PLACE, 300)
    assert first.GetFID() == nearest[0].fid
    asked = [request for request in service.requests if request.kind == "entities"]
    assert entities_asked(asked)[0] == tuple(row.fid for row in nearest[:50])
    assert len(asked) <= 2


def test_exact_positions_have_exact_distances(service, town):
    exact = {image.id: (image.lon, image.lat) for image in town.images}
    expected = sorted((distance(place, PLACE), fid) for fid, place in exact.items()
                      if distance(place, PLACE) <= 80)

    found = Layer("images", NEAR=text(PLACE), RADIUS=80, PRECISION="EXACT", **at(service)).rows()

    assert [row.fid for row in found] == [fid for _, fid in expected]
    for row, (metres, _) in zip(found, expected):
        assert row.fields["distance"] == pytest.approx(metres, abs=1e-6)


def test_a_feature_by_its_fid_has_its_distance_wherever_it_lies(service, images):
    far = max(images, key=lambda row: distance(row.shape, PLACE))

    opened = Layer("images", NEAR=text(PLACE), **at(service))

    assert opened.get(far.fid).fields["distance"] == pytest.approx(distance(far.shape, PLACE), abs=1e-6)


def test_sequences_take_no_notice(configured):
    opened = Layer("sequences", NEAR=text(PLACE))

    assert opened.layer.GetLayerDefn().GetFieldIndex("distance") == -1
    assert "nothing bounds this read" in opened.failure()


def test_a_circle_across_180_degrees_is_whole():
    """A point at each end of the world, some 50 m apart."""
    tiles = {(ORIGINAL, 14, x, 8191): mvt.encode([mvt.Layer("image", [mvt.point(px, 100, {"id": number})])])
             for number, (x, px) in enumerate(((16383, 4060), (0, 40)), 1)}
    with serve(tiles) as service:
        found = Layer("images", NEAR="180,0.02", RADIUS=5000, **at(service)).rows()

        assert {row.fid for row in found} == {1, 2}
        assert {key[2] for key in service.tiles_asked()} >= {0, 16383}


REFUSED = {
    "NEAR=abc": "NEAR must be LON,LAT", "NEAR=1": "NEAR must be LON,LAT", "NEAR=1,2,3": "NEAR must be LON,LAT",
    "NEAR=200,0": "NEAR must be LON,LAT", "NEAR=0,89": "NEAR must be LON,LAT", "NEAR=nan,0": "NEAR must be LON,LAT",
    "NEAR=": "NEAR must be LON,LAT", "LOOKING_AT=x,y": "LOOKING_AT must be LON,LAT",
    "NEAR=1,2 RADIUS=-1": "RADIUS must be a number from 0 to 10000", "NEAR=1,2 RADIUS=20000": "RADIUS must be",
    "NEAR=1,2 RADIUS=nan": "RADIUS must be", "NEAR=1,2 RADIUS=abc": "RADIUS must be", "NEAR=1,2 RADIUS=": "RADIUS must",
    "LOOKING_AT=1,2 FOV=361": "FOV must be", "RADIUS=50": "RADIUS means nothing without NEAR or LOOKING_AT",
    "MIN_RADIUS=5": "MIN_RADIUS means nothing", "FOV=90": "FOV means nothing without LOOKING_AT",
    "NEAR=1,2 FOV=90": "FOV means nothing without LOOKING_AT", "NEAR=1,2 LOOKING_AT=1,2": "cannot both be given",
    "NEAR=1,2 MIN_RADIUS=60": "MIN_RADIUS is larger than RADIUS",
}


@pytest.mark.parametrize("options", REFUSED)
def test_what_names_no_place_is_refused_by_name(options):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=options.split())

    assert dataset is None
    assert REFUSED[options] in heard.text


def test_it_can_stand_in_the_dataset_name(configured, images):
    found = Layer("images", f'MAPILLARY:NEAR="{text(PLACE)}",RADIUS=30').rows()

    check(found, ring(images, PLACE, 30), PLACE)
