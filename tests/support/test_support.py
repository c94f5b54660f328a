# SPDX-License-Identifier: MIT
"""The tests' own tools are tested too: a lenient ruler would pass any driver."""
from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
import math
import os
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple
from urllib.parse import quote, urlsplit

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import mvt  # noqa: E402  (the path comes first)
import recording  # noqa: E402
import service as service_module  # noqa: E402
import town as town_module  # noqa: E402
from mvt import Feature, Layer, Value  # noqa: E402
from service import FIELDS, TOKEN, Folder, Service  # noqa: E402
from town import COMPUTED, EXTENT, ORIGINAL, POINTS, SIGNS, Town, clip, noded, split  # noqa: E402

PROJECT = HERE.parent.parent
RECORDED = PROJECT.parent / "shared" / "real"


@pytest.fixture(scope="module")
def town() -> Town:
    return Town(seed=3, size=0.4)


@pytest.fixture
def service(town: Town) -> Iterator[Service]:
    with Service(town=town) as running:
        yield running


# ---- Vector tiles -----------------------------------------------------------------------------


def test_every_kind_of_value_comes_back_as_it_went() -> None:
    values = {
        "string": Value.string("Straße"), "no string": Value.string(""),
        "float": Value.float(0.5), "double": Value.double(0.1), "minus zero": Value.double(-0.0),
        "int": Value.int(-1), "big": Value.int(2 ** 63 - 1), "small": Value.int(-2 ** 63),
        "uint": Value.uint(2 ** 64 - 1), "sint": Value.sint(-2 ** 62), "bool": Value.bool(True),
        "not": Value.bool(False), "empty": Value.empty()}
    tile = mvt.encode([Layer("a", [mvt.point(1, 2, values)])])

    [layer] = mvt.decode(tile, typed=True)

    assert layer.features[0].attributes == values
    assert math.copysign(1, layer.features[0].attributes["minus zero"].raw) == -1


def test_python_types_get_the_encodings_of_the_service() -> None:
    native = {"i": 5, "f": 1.5, "s": "x", "b": True}
    [layer] = mvt.decode(mvt.encode([Layer("a", [mvt.point(0, 0, native)])]), typed=True)
    assert {k: v.kind for k, v in layer.features[0].attributes.items()} == {
        "i": "int", "f": "double", "s": "string", "b": "bool"}


def test_equal_values_of_different_kinds_are_different_entries() -> None:
    values = {"a": 1, "b": True, "c": 1.0, "d": Value.uint(1), "e": Value.sint(1)}
    [layer] = mvt.decode(mvt.encode([Layer("a", [mvt.point(0, 0, values)])]), typed=True)
    assert {k: v.kind for k, v in layer.features[0].attributes.items()} == {
        "a": "int", "b": "bool", "c": "double", "d": "uint", "e": "sint"}


def test_dictionaries_are_shared_and_follow_the_features() -> None:
    features = [mvt.point(n, n, {"k": "v", "n": n % 2}) for n in range(10)]
    for first, order in ((False, [1, 2, 3, 4, 5, 15]), (True, [1, 3, 4, 2, 5, 15])):
        body = mvt.encode_layer(Layer("a", features, dictionaries_first=first))
        numbers = [number for number, _, _ in mvt.fields(body)]
        assert sorted(set(numbers), key=numbers.index) == order
        assert Counter(numbers)[3] == 2 and Counter(numbers)[4] == 3


def test_geometries_are_encoded_as_in_the_examples_of_the_specification() -> None:
    commands = mvt.geometry_commands
    assert commands(mvt.point(25, 17, {})) == [9, 50, 34]
    assert commands(Feature(mvt.POINT, [[(5, 7), (3, 2)]])) == [17, 10, 14, 3, 9]
    assert commands(mvt.lines([[(2, 2), (2, 10), (10, 10)]], {})) == [9, 4, 4, 18, 0, 16, 16, 0]
    assert commands(mvt.lines([[(2, 2), (2, 10), (10, 10)], [(1, 1), (3, 5)]], {})) == [
        9, 4, 4, 18, 0, 16, 16, 0, 9, 17, 17, 10, 4, 8]
    assert commands(mvt.polygons([[(3, 6), (8, 12), (20, 34)]], {})) == [
        9, 6, 12, 18, 10, 12, 24, 44, 15]


@pytest.mark.parametrize("packing", ["packed", "unpacked", "split"])
def test_geometries_come_back_however_they_are_packed(packing: str) -> None:
    layer = Layer("shapes", [
        Feature(mvt.POINT, [[(1, 2), (-3, 4), (5000, 4096)]], {"a": 1}, id=7),
        mvt.lines([[(0, 0), (4096, 4096)], [(4096, 0), (4095, 1), (4094, 0)]], {}, id=8),
        mvt.polygons([[(0, 0), (9, 0), (9, 9)], [(4, 1), (8, 5), (8, 1)]], {"b": "x"}, id=None)],
        version=1, extent=512, packing=packing)
    assert mvt.decode(mvt.encode([layer])) == [layer]


def test_feature_ids_count_through_the_whole_tile() -> None:
    layers = [Layer("a", [mvt.point(0, 0, {})] * 2), Layer("b", [mvt.point(0, 0, {})] * 2)]
    ids = [f.id for layer in mvt.decode(mvt.encode(layers)) for f in layer.features]
    assert ids == [0, 1, 2, 3]


def test_a_tile_that_breaks_off_is_refused_or_shorter_but_never_invented() -> None:
    layers = [Layer("a", [mvt.point(n, n, {"n": n}) for n in range(4)]), Layer("b")]
    tile = mvt.encode(layers)
    for end in range(len(tile)):
        with contextlib.suppress(mvt.MvtError):
            assert mvt.decode(tile[:end]) == mvt.decode(tile)[:len(mvt.decode(tile[:end]))]


@pytest.mark.parametrize("commands", [[9, 2], [10, 2], [12], [9, 2, 2, 18, 1]])
def test_broken_geometries_can_be_written_and_are_refused(commands: List[int]) -> None:
    broken = Feature(mvt.LINESTRING, [], commands=commands)
    with pytest.raises(mvt.MvtError):
        mvt.decode(mvt.encode([Layer("a", [broken])]))


@pytest.mark.parametrize("path, images, sequences", [
    ("3251/6257.mvt", 31261, 331), ("3251/6258.mvt", 7890, 96), ("3252/6257.mvt", 8695, 89),
    ("3252/6258.mvt", 4888, 70), ("unknown.mvt", 10231, 222)])
def test_recorded_tiles_hold_what_is_known_of_them(path: str, images: int, sequences: int) -> None:
    file = RECORDED / "tiles" / "mly1_public" / "14" / path
    if not file.exists():
        pytest.skip("the recorded tiles are not beside the project")
    layers = mvt.decode(file.read_bytes(), typed=True)
    assert len(mvt.layer_named(layers, "image").features) == images
    assert len(mvt.layer_named(layers, "sequence").features) == sequences
    assert mvt.decode(mvt.encode(layers), typed=True) == layers


# ---- Clipping ---------------------------------------------------------------------------------


def test_a_crossing_stands_in_both_tiles_at_the_same_height() -> None:
    assert clip([(4090, 10), (4103, 17)]) == {
        (0, 0): [[(4090, 10), (4096, 13)]], (1, 0): [[(4096, 13), (4103, 17)]]}


def test_a_line_through_a_corner_enters_only_the_tiles_it_is_inside_of() -> None:
    assert clip([(4000, 4000), (4200, 4200)]) == {
        (0, 0): [[(4000, 4000), (4096, 4096)]], (1, 1): [[(4096, 4096), (4200, 4200)]]}


def test_a_line_that_cuts_a_corner_by_less_than_a_pixel_meets_itself_there() -> None:
    assert clip([(4000, 4000), (4300, 4299)]) == {
        (0, 0): [[(4000, 4000), (4096, 4096)]], (1, 1): [[(4096, 4096), (4300, 4299)]]}


def test_a_line_along_a_border_belongs_to_the_tile_east_or_south_of_it() -> None:
    assert set(clip([(4096, 10), (4096, 20)])) == {(1, 0)}
    assert set(clip([(10, 4096), (20, 4096)])) == {(0, 1)}


def test_a_vertex_on_a_border_ends_one_piece_and_begins_the_next() -> None:
    assert clip([(4090, 5), (4096, 5), (4100, 5)]) == {
        (0, 0): [[(4090, 5), (4096, 5)]], (1, 0): [[(4096, 5), (4100, 5)]]}


def test_a_line_that_comes_back_has_two_parts() -> None:
    assert clip([(4090, 0), (4100, 0), (4100, 8), (4090, 8)])[0, 0] == [
        [(4090, 0), (4096, 0)], [(4096, 8), (4090, 8)]]


def test_parts_end_where_the_line_meets_itself() -> None:
    eight = noded([(0, 0), (10, 10), (10, 0), (0, 10)])
    assert eight == [(0, 0), (5, 5), (10, 10), (10, 0), (5, 5), (0, 10)]
    assert clip(eight)[0, 0] == [
        [(0, 0), (5, 5)], [(5, 5), (10, 10), (10, 0), (5, 5)], [(5, 5), (0, 10)]]


@pytest.mark.parametrize("seed", range(40))
def test_pieces_of_any_line_make_the_line_again(seed: int) -> None:
    rng = random.Random(seed)
    reach, size = rng.choice([(40, 16), (400, 16), (5000, 4096), (30000, 4096)])
    line = [(rng.randrange(reach), rng.randrange(reach)) for _ in range(rng.randrange(2, 30))]
    walk = split(line, size)

    tiles = clip(line, size)

    steps = Counter(step for parts in tiles.values() for part in parts for step in pairs(part))
    assert steps == Counter(step for step in pairs(walk))
    for (column, row), parts in tiles.items():
        for gx, gy in (pixel for part in parts for pixel in part):
            assert 0 <= gx - column * size <= size and 0 <= gy - row * size <= size
    assert split(line[::-1], size) == walk[::-1]


def pairs(line: List[Any]) -> List[Tuple[Any, Any]]:
    return [(a, b) for a, b in zip(line, line[1:]) if a != b]


# ---- The town ---------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_town_and_another_seed_another(town: Town) -> None:
    again = Town(seed=3, size=0.4)
    assert again.tiles() == town.tiles()
    assert again.images == town.images and again.signs == town.signs
    assert Town(seed=4, size=0.4).tiles() != town.tiles()


def test_the_sample_on_disk_is_what_its_generator_writes() -> None:
    outcome = subprocess.run([sys.executable, str(PROJECT / "data" / "make_sample"), "--check"],
                             stderr=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": "11"})
    assert outcome.stderr == b"" and outcome.returncode == 0


def test_the_readme_of_the_sample_tells_the_numbers_of_its_truth() -> None:
    readme = (PROJECT / "data" / "README.md").read_text()
    truth = json.loads((PROJECT / "data" / "sample" / "truth.json").read_text())
    layers = truth["layers"]
    sequences = layers["sequences"] + truth["sequences_without_line"]
    assert f"{layers['images']:,} images in {sequences} sequences" in " ".join(readme.split())
    assert f"{layers['traffic_signs']} traffic signs" in readme
    assert f"{layers['map_features']:,} other" in readme


def test_a_pixel_is_the_floor_of_its_position(town: Town) -> None:
    for image in town.images[::50]:
        step_lon = 360 / town_module.WORLD
        assert 0 <= image.lon - image.tile_lon < step_lon
        north, south = image.tile_lat, town_module.pixel_lon_lat(image.gx, image.gy + 1)[1]
        assert south < image.lat <= north
        assert (image.x * EXTENT + image.px, image.y * EXTENT + image.py) == (image.gx, image.gy)


def test_positions_of_known_pixels_are_known() -> None:
    half = town_module.WORLD // 2
    assert town_module.pixel_lon_lat(half, half) == (0.0, 0.0)
    lon, lat = town_module.pixel_lon_lat(0, 0)
    assert lon == -180.0 and lat == pytest.approx(85.0511287798066, abs=1e-12)


def features_of(town: Town, tileset: str, layer: str, zoom: int = 14
                ) -> Iterator[Tuple[int, int, Feature]]:
    for (name, z, x, y), body in town.tiles().items():
        if (name, z) == (tileset, zoom):
            for feature in mvt.layer_named(mvt.decode(body), layer).features:
                yield x, y, feature


@pytest.mark.parametrize("tileset", [ORIGINAL, COMPUTED])
def test_each_image_stands_once_in_the_tiles_with_just_what_is_known_of_it(
        town: Town, tileset: str) -> None:
    names = ("id", "captured_at", "compass_angle", "sequence_id", "is_pano", "organization_id",
             "creator_id", "quality_score")
    expected = {}
    for image in town.images:
        place = image.computed if tileset == COMPUTED else image.place
        if place:
            known = {name: getattr(image, name) for name in names}
            expected[image.id] = (place.x, place.y, [[(place.px, place.py)]],
                                  {k: v for k, v in known.items() if v is not None})
    found = list(features_of(town, tileset, "image"))
    assert len(found) == len(expected)
    assert {f.attributes["id"]: (x, y, f.parts, f.attributes) for x, y, f in found} == expected


@pytest.mark.parametrize("tileset, layer", [(POINTS, "point"), (SIGNS, "traffic_sign")])
def test_each_map_feature_stands_once_in_the_tiles(town: Town, tileset: str, layer: str) -> None:
    features = town.points if tileset == POINTS else town.signs
    expected = Counter((f.x, f.y, f.px, f.py, f.id, f.value, f.first_seen_at, f.last_seen_at)
                       for f in features)
    found = Counter((x, y, *f.parts[0][0], *(f.attributes[name] for name in (
        "id", "value", "first_seen_at", "last_seen_at")))
        for x, y, f in features_of(town, tileset, layer))
    assert found == expected


@pytest.mark.parametrize("tileset", [ORIGINAL, COMPUTED])
def test_joined_pieces_are_the_sequences(town: Town, tileset: str) -> None:
    parts: Dict[str, List[List[Any]]] = defaultdict(list)
    seen: Counter[Any] = Counter()
    for x, y, feature in features_of(town, tileset, "sequence"):
        key = feature.attributes["id"]
        seen[key, x, y] += 1
        parts[key] += [[(x * EXTENT + px, y * EXTENT + py) for px, py in part]
                       for part in feature.parts]
    assert set(seen.values()) == {1}
    for sequence in town.sequences:
        walks = sequence.walks(computed=tileset == COMPUTED)
        assert Counter(step for part in parts.pop(sequence.id, []) for step in pairs(part)) \
            == Counter(step for walk in walks for step in pairs(walk))
    assert not parts


def test_a_sequence_has_the_same_attributes_in_every_tile_and_they_are_true(town: Town) -> None:
    names = ("id", "captured_at", "image_id", "is_pano", "organization_id", "creator_id",
             "quality_score", "foot")
    for _, _, feature in features_of(town, ORIGINAL, "sequence"):
        sequence = town.sequence(feature.attributes["id"])
        known = {name: getattr(sequence, name) for name in names}
        assert feature.attributes == {k: v for k, v in known.items() if v is not None}
    for sequence in town.sequences:
        times = [i.captured_at for i in sequence.images if i.captured_at is not None]
        assert sequence.captured_at == min(times, default=None)
        assert sequence.image_id in {image.id for image in sequence.images}


@pytest.mark.parametrize("zoom", range(6, 14))
def test_lower_zooms_show_the_same_lines_more_coarsely(town: Town, zoom: int) -> None:
    found = {f.attributes["id"] for _, _, f in features_of(town, ORIGINAL, "sequence", zoom)}
    lines = {s.id for s in town.sequences if s.walks()}
    assert found <= lines and len(found) >= (0.9 if zoom > 6 else 0.7) * len(lines)
    for x, y, feature in features_of(town, ORIGINAL, "sequence", zoom):
        own = {(gx >> (14 - zoom), gy >> (14 - zoom))
               for gx, gy in town.sequence(feature.attributes["id"]).points}
        for px, py in (point for part in feature.parts for point in part):
            at_border = px in (0, EXTENT) or py in (0, EXTENT)
            assert at_border or (x * EXTENT + px, y * EXTENT + py) in own


def test_the_overview_shows_one_image_for_each_cell(town: Town) -> None:
    for zoom in range(6):
        cells = [(x, y, feature.parts[0][0])
                 for x, y, feature in features_of(town, ORIGINAL, "overview", zoom)]
        assert len(set(cells)) == len(cells) > 0
        assert all(px % 16 == 7 and py % 16 == 7 for _, _, (px, py) in cells)


def test_the_whole_town_is_as_large_as_it_says() -> None:
    whole = Town()
    tiles = [(x, y) for tileset, z, x, y in whole.tiles() if (tileset, z) == (ORIGINAL, 14)]
    assert 6000 <= len(whole.images) <= 10000
    assert 60 <= len(whole.sequences) <= 100
    assert len({x for x, _ in tiles}) >= 4 and len({y for _, y in tiles}) >= 3
    assert sum(map(len, whole.tiles().values())) < 3_000_000


def test_the_town_has_the_shapes_that_readers_trip_over(town: Town) -> None:
    sequences = town.sequences
    assert sum(len(s.images) == 1 for s in sequences) >= 2
    assert any(len(s.images) > 1 and len(s.points) == 1 for s in sequences), "nobody stands still"
    assert sum(len(s.runs) == 2 for s in sequences) == 2, "no gaps"
    assert any(len(noded(run)) > len(run) for s in sequences for run in s.runs), "no crossings"
    excursion = sequences[0]
    tiles = [(gx // EXTENT, gy // EXTENT) for gx, gy in excursion.points]
    assert tiles[0] == tiles[-1] and len(set(tiles)) > 3
    assert {None, 0} < {s.captured_at for s in sequences} | {i.captured_at for i in town.images}


def test_the_town_leaves_out_what_the_service_leaves_out(town: Town) -> None:
    for name in ("captured_at", "compass_angle", "organization_id", "creator_id", "quality_score",
                 "computed"):
        missing = sum(getattr(image, name) is None for image in town.images)
        assert 0 < missing < len(town.images), name
    assert any(i.is_pano for i in town.images) and not all(i.is_pano for i in town.images)


def test_ids_and_keys_look_as_they_do_in_earnest(town: Town) -> None:
    assert all(len(str(image.id)) == 16 and image.id < 2 ** 53 for image in town.images)
    beyond = [f.id for f in town.signs + town.points if f.id > 2 ** 53]
    assert beyond and all(int(float(n)) != n for n in beyond if n > 2 ** 54)
    ids = [thing.id for thing in town.images + town.signs + town.points + town.creators]
    assert len(set(ids)) == len(ids)
    letters = set(town_module.KEY_LETTERS)
    assert all(len(s.id) == 22 and set(s.id) <= letters for s in town.sequences)


def test_no_string_holds_an_apostrophe(town: Town) -> None:
    for body in town.tiles().values():
        for layer in mvt.decode(body):
            for feature in layer.features:
                assert not any("'" in v for v in feature.attributes.values() if isinstance(v, str))
    assert "'" not in json.dumps([town.graph_image(i.id) for i in town.images[::100]])


def test_outer_rings_have_positive_area_and_holes_negative(town: Town) -> None:
    holes = several = 0
    versions = set()
    for image in town.images:
        for truth, told in zip(town.truth_detections_of_image(image.id),
                               town.detections_of_image(image.id)):
            [layer] = mvt.decode(base64.b64decode(told["geometry"], validate=True))
            assert (layer.name, layer.extent, layer.version) == ("mpy-or", 4096, truth.version)
            assert [feature.parts for feature in layer.features] == truth.polygons
            versions.add(layer.version)
            several += len(layer.features) > 1
            for outer, *inner in truth.polygons:
                assert area(outer) > 0 and all(area(hole) < 0 for hole in inner)
                assert all(0 <= n <= 4096 for corner in outer for n in corner)
                holes += len(inner)
    assert versions == {1, 2} and holes and several


def area(ring: List[Tuple[int, int]]) -> int:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1]))


def test_detections_of_a_feature_are_in_the_images_that_show_it(town: Town) -> None:
    for feature in (town.signs + town.points)[::10]:
        told = town.detections_of_map_feature(feature.id)
        assert [d["image"]["id"] for d in told] == [str(i.id) for i in feature.images]
        for detection in told:
            assert detection["value"] == feature.value
            assert detection in town.detections_of_image(int(detection["image"]["id"]))


def test_the_graph_tells_every_field_of_some_image_but_not_all_of_every(town: Town) -> None:
    told = [set(town.graph_image(image.id)) for image in town.images[::5]]
    assert set.union(*told) == FIELDS["image"]
    always = {name for name in FIELDS["image"] if all(name in fields for fields in told)}
    assert FIELDS["image"] - always >= {
        "altitude", "computed_geometry", "camera_parameters", "mesh", "organization", "detections"}


def test_the_graph_spells_things_its_own_way(town: Town) -> None:
    image = next(i for i in town.images if i.computed and i.captured_at)
    told = town.graph_image(image.id)
    assert told["id"] == str(image.id) and told["captured_at"] == image.captured_at
    assert told["geometry"] == {"type": "Point", "coordinates": [image.lon, image.lat]}
    assert told["creator"] == {"username": image.creator.username, "id": str(image.creator.id)}
    assert isinstance(told["merge_cc"], float) and told["merge_cc"] > 2 ** 53
    sign = town.graph_map_feature(town.signs[0].id)
    assert sign["object_type"] == "trafficsign" and sign["first_seen_at"].endswith("+0000")


# ---- The service ------------------------------------------------------------------------------


Reply = Tuple[int, Dict[str, str], bytes]


def get(service: Service, path: str, headers: Optional[Dict[str, str]] = None) -> Reply:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=5)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def tile_path(key: Tuple[str, int, int, int], token: Optional[str] = TOKEN) -> str:
    tail = "" if token is None else f"?access_token={quote(token, safe='')}"
    return "/maps/vtp/{}/2/{}/{}/{}".format(*key) + tail


def graph(service: Service, path: str, token: Optional[str] = TOKEN) -> Tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"OAuth {token}"}
    status, _, body = get(service, path, headers)
    return status, json.loads(body)


def some_tile(service: Service) -> Tuple[str, int, int, int]:
    return next(key for key in service.tiles if key[:2] == (ORIGINAL, 14))


def test_a_tile_is_served_for_the_token_in_the_query(service: Service) -> None:
    key = some_tile(service)
    status, headers, body = get(service, tile_path(key))
    assert (status, headers["content-type"]) == (200, "application/x-protobuf")
    assert body == service.tiles[key]
    assert service.tiles_asked() == [key] and service.requests[0].status == 200


def test_tiles_are_compressed_for_those_who_ask(service: Service) -> None:
    key = some_tile(service)
    _, headers, body = get(service, tile_path(key), {"Accept-Encoding": "deflate, gzip"})
    assert headers["content-encoding"] == "gzip" and gzip.decompress(body) == service.tiles[key]
    service.gzip = False
    _, headers, body = get(service, tile_path(key), {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in headers and body == service.tiles[key]


def test_tiles_without_the_right_token_are_refused(service: Service) -> None:
    key = some_tile(service)
    assert get(service, tile_path(key, None))[0] == 401
    assert json.loads(get(service, tile_path(key, None))[2])["error"]["code"] == 190
    assert get(service, tile_path(key, "MLY|1|abc"))[0] == 403
    assert get(service, tile_path(key), {"Authorization": f"OAuth {TOKEN}"})[0] == 403
    assert service.flaws() == ["a token in the header of a tile request"]


def test_an_unescaped_bar_is_refused_and_noted(service: Service) -> None:
    path = tile_path(some_tile(service), None) + "?access_token=" + TOKEN
    assert get(service, path)[0] == 400
    assert service.requests[0].flaw == "an unescaped |"


@pytest.mark.parametrize("key", [("mly2_public", 14, 1, 1), (ORIGINAL, 15, 1, 1),
                                 (ORIGINAL, 3, 8, 0), (ORIGINAL, 0, 0, 1)])
def test_tiles_that_cannot_be_are_not_found(service: Service, key: Any) -> None:
    assert get(service, tile_path(key))[0] == 404


def test_a_tile_without_data_is_answered_as_one_wishes(service: Service) -> None:
    key = (ORIGINAL, 14, 0, 0)
    for how, status, body in ((200, 200, b""), (204, 204, b""), (404, 404, b"")):
        service.empty = how
        assert get(service, tile_path(key))[::2] == (status, body)
    service.empty_tiles[key] = "layer"
    [layer] = mvt.decode(get(service, tile_path(key))[2])
    assert (layer.name, layer.version, layer.features) == ("mapillary-empty", 1, [])


def test_the_graph_tells_only_what_was_asked_and_the_id_last(service: Service, town: Town) -> None:
    image = town.images[0]
    status, told = graph(service, f"/{image.id}?fields=sequence,captured_at,organization,geometry")
    assert status == 200
    names = ["sequence", "captured_at", "organization", "geometry", "id"]
    assert list(told) == [n for n in names if n != "organization" or image.organization_id]
    assert list(graph(service, f"/{image.id}")[1]) == ["id"]
    assert list(graph(service, f"/{image.id}?fields=id,height")[1]) == ["id", "height"]


def test_the_graph_escapes_slashes(service: Service, town: Town) -> None:
    path = f"/{town.images[0].id}?fields=thumb_256_url"
    _, _, body = get(service, path, {"Authorization": f"OAuth {TOKEN}"})
    assert b"https:\\/\\/" in body and b"://" not in body


def test_the_graph_refuses_each_wrong_token_in_its_way(service: Service, town: Town) -> None:
    path = f"/{town.images[0].id}?fields=id"
    messages = []
    for token in (None, "nonsense", "MLY|1|abc"):
        status, told = graph(service, path, token)
        messages.append((status, told["error"]["type"], told["error"]["message"]))
        assert told["error"]["code"] == 190
    assert messages == [(500, "MLYApiException", "Invalid OAuth 2.0 Access Token"),
                        (401, "OAuthException", "Failed to decode"),
                        (401, "OAuthException", "Error validating application")]
    assert get(service, f"{path}&access_token=MLY%7C1%7Cabc")[0] == 400
    assert get(service, f"{path}&access_token={quote(TOKEN, safe='')}")[0] == 200


def test_one_unknown_id_fails_the_whole_batch(service: Service, town: Town) -> None:
    ids = [str(image.id) for image in town.images[:5]]
    status, told = graph(service, f"/?ids={','.join(ids)}&fields=id,sequence")
    assert status == 200 and list(told) == ids
    service.gone.add(town.images[2].id)
    status, told = graph(service, f"/?ids={','.join(ids)}&fields=id")
    assert (status, told["error"]["code"], told["error"]["error_subcode"]) == (400, 100, 33)
    assert ids[2] in told["error"]["message"]


def test_an_unknown_field_is_a_code_100_without_subcode(service: Service, town: Town) -> None:
    status, told = graph(service, f"/{town.images[0].id}?fields=id,colour")
    assert (status, told["error"]["code"]) == (400, 100)
    assert "error_subcode" not in told["error"]
    assert "nonexisting field (colour)" in told["error"]["message"]


def test_image_ids_are_the_sequence_in_capture_order(service: Service, town: Town) -> None:
    sequence = town.sequences[2]
    _, told = graph(service, f"/image_ids?sequence_id={sequence.id}")
    assert [item["id"] for item in told["data"]] == [str(image.id) for image in sequence.images]


def test_detections_are_told_of_images_and_of_map_features(service: Service, town: Town) -> None:
    feature = town.signs[0]
    fields = "created_at,geometry,image,value"
    assert graph(service, f"/{feature.id}/detections?fields={fields}") == (
        200, {"data": town.detections_of_map_feature(feature.id)})
    image = feature.images[0]
    assert graph(service, f"/{image.id}/detections?fields={fields}")[1] == {
        "data": town.detections_of_image(image.id)}
    _, told = graph(service, f"/{image.id}?fields=detections.value")
    assert {"value", "id"} == set(told["detections"]["data"][0])


def test_pages_of_a_creator_hold_each_image_once_and_never_the_token(
        service: Service, town: Town) -> None:
    creator = town.creators[3]
    expected = {str(image.id) for image in town.images if image.creator == creator}
    service.page_size = len(expected) // 3
    path = (f"/images?creator_username={quote(creator.username)}&fields=id"
            f"&access_token={quote(TOKEN, safe='')}")
    found: List[str] = []
    while path:
        _, told = graph(service, path)
        found += [item["id"] for item in told["data"]]
        following = told["paging"].get("next", "")
        assert "access_token" not in following
        path = following[len(service.url):]
    assert len(found) == len(expected) and set(found) == expected
    assert len(service.requests) == 4


def test_a_search_by_box_fails_as_it_does_where_images_are_dense(service: Service) -> None:
    status, told = graph(service, "/images?bbox=8,50,8.01,50.01&fields=id")
    assert (status, told["error"]["code"]) == (500, 1)


def test_users_and_organisations_can_be_asked_for(service: Service, town: Town) -> None:
    creator, organization = town.creators[2], town.organizations[0]
    assert graph(service, f"/{creator.id}?fields=username")[1]["username"] == creator.username
    _, told = graph(service, f"/{organization.id}?fields=slug,name,description")
    assert told["name"] == organization.name


# ---- Faults -----------------------------------------------------------------------------------


def test_a_status_comes_as_often_as_was_said_and_after_as_many(service: Service) -> None:
    service.fault(429, match=some_tile(service), times=2, after=1, retry_after=7)
    path = tile_path(some_tile(service))
    replies = [get(service, path) for _ in range(4)]
    assert [status for status, _, _ in replies] == [200, 429, 429, 200]
    assert replies[1][1]["retry-after"] == "7"


def test_faults_hit_only_what_they_are_meant_for(service: Service, town: Town) -> None:
    service.fault(500, match="entity", times=None)
    service.fault(502, match=lambda request: request.query.get("fields") == "height", times=None)
    assert get(service, tile_path(some_tile(service)))[0] == 200
    image = town.images[0].id
    assert get(service, f"/{image}?fields=id")[0] == 500
    assert get(service, f"/?ids={image}&fields=height")[0] == 502
    service.no_faults()
    assert graph(service, f"/{image}?fields=id")[0] == 200


def test_the_right_answer_may_have_more_in_its_head(service: Service) -> None:
    service.fault("headers", headers={"X-App-Usage": '{"call_volume":97}'})

    status, headers, body = get(service, tile_path(some_tile(service)))
    assert (status, body) == (200, service.tiles[some_tile(service)])
    assert headers["x-app-usage"] == '{"call_volume":97}'
    assert "x-app-usage" not in get(service, tile_path(some_tile(service)))[1]


def test_a_redirect_leads_to_a_login_page_and_following_it_is_noted(service: Service) -> None:
    service.fault("redirect")
    status, headers, _ = get(service, tile_path(some_tile(service)))
    assert status == 302
    assert get(service, headers["location"][len(service.url):])[2].startswith(b"<")
    assert service.flaws() == ["a redirect followed"]


def test_json_errors_are_spelled_as_the_graph_does(service: Service, town: Town) -> None:
    service.fault("json_error", code=4, message="Application request limit reached", status=403,
                  transient=True)
    status, told = graph(service, f"/{town.images[0].id}?fields=id")
    assert status == 403 and told["error"]["is_transient"] is True and told["error"]["code"] == 4


@pytest.mark.parametrize("when", ["start", "body"])
def test_a_reset_is_a_reset(service: Service, when: str) -> None:
    service.fault("reset", when=when)
    with pytest.raises(ConnectionResetError):
        get(service, tile_path(some_tile(service)))


def test_a_closed_connection_and_a_short_body_are_told_apart(service: Service) -> None:
    service.fault("close")
    with pytest.raises(http.client.RemoteDisconnected):
        get(service, tile_path(some_tile(service)))
    service.fault("short")
    with pytest.raises(http.client.IncompleteRead):
        get(service, tile_path(some_tile(service)))


@pytest.mark.parametrize("when", ["start", "body"])
def test_a_hang_ends_after_its_time_and_the_rest_is_right(service: Service, when: str) -> None:
    key = some_tile(service)
    service.fault("hang", seconds=0.2, when=when)
    start = time.monotonic()
    assert get(service, tile_path(key))[2] == service.tiles[key]
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize("kind, args", [("slow", {"seconds": 0.2}),
                                        ("drip", {"seconds": 0.2, "drips": 7})])
def test_slow_answers_are_right_and_slow(service: Service, kind: str, args: Dict[str, Any]) -> None:
    key = some_tile(service)
    service.fault(kind, **args)
    start = time.monotonic()
    assert get(service, tile_path(key))[2] == service.tiles[key]
    assert time.monotonic() - start >= 0.15


def test_garbage_is_of_the_kind_that_was_asked_for(service: Service) -> None:
    key = some_tile(service)
    bodies = {}
    for body in ("html", "json", "random", "truncated", "gzip"):
        service.fault("garbage", body=body)
        status, _, bodies[body] = get(service, tile_path(key))
        assert status == 200
    assert bodies["html"].startswith(b"<") and bodies["json"].startswith(b"{")
    assert service.tiles[key].startswith(bodies["truncated"])
    with pytest.raises(mvt.MvtError):
        mvt.decode(bodies["truncated"])
    with pytest.raises(mvt.MvtError):
        mvt.decode(bodies["random"])
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(bodies["gzip"])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body_is_huge(service: Service, chunked: bool) -> None:
    service.fault("huge", megabytes=3, chunked=chunked)
    _, headers, body = get(service, tile_path(some_tile(service)))
    assert len(body) == 3 << 20 and ("content-length" in headers) is not chunked


def test_a_bomb_is_small_until_it_bursts(service: Service) -> None:
    service.fault("bomb", megabytes=8)
    _, headers, body = get(service, tile_path(some_tile(service)))
    assert headers["content-encoding"] == "gzip" and len(body) < 20_000
    assert len(gzip.decompress(body)) == 8 << 20


def test_random_faults_depend_on_the_seed_and_not_on_the_order(town: Town) -> None:
    keys = [key for key in town.tiles() if key[1] == 14]

    def fates(order: List[Any], seed: int) -> Dict[Any, List[int]]:
        out = defaultdict(list)
        with Service(town=town) as service:
            service.random_faults(seed, 0.5, (500, 503))
            for key in order:
                out[key].append(get(service, tile_path(key))[0])
                out[key].append(get(service, tile_path(key))[0])
        return dict(out)

    assert fates(keys, 1) == fates(keys[::-1], 1) != fates(keys, 2)


def test_a_service_ends_at_once_whatever_it_is_doing(town: Town) -> None:
    with Service(town=town) as service:
        service.fault("hang", times=2)
        service.fault("hang", when="body", times=2)
        service.fault("huge", megabytes=500)
        clients = []
        for _ in range(5):
            client = socket.create_connection(("127.0.0.1", urlsplit(service.url).port or 0))
            client.sendall(f"GET {tile_path(some_tile(service))} HTTP/1.1\r\n\r\n".encode())
            clients.append(client)
        patience = time.monotonic() + 5
        while service.in_flight < 5 and time.monotonic() < patience:
            time.sleep(0.005)
        start = time.monotonic()
    assert time.monotonic() - start < 2.0
    assert not [thread.name for thread in threading.enumerate() if "(_serve)" in thread.name]
    for client in clients:
        client.close()


def test_a_mistake_in_a_test_comes_to_light_when_the_service_ends(town: Town) -> None:
    with pytest.raises(ZeroDivisionError):
        with Service(town=town) as service:
            service.fault(500, match=lambda request: 1 / 0 > 0)
            with pytest.raises(http.client.RemoteDisconnected):
                get(service, "/")


def test_requests_in_flight_are_counted_but_never_one_too_many(service: Service) -> None:
    service.latency = 0.05
    path = tile_path(some_tile(service))

    def ask() -> None:
        for _ in range(5):
            get(service, path)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.max_in_flight == 6 and service.in_flight == 0
    assert len(service.tiles_asked()) == 30
    service.clear()
    assert service.requests == [] and service.max_in_flight == 0


def test_a_connection_serves_many_requests(service: Service) -> None:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc)
    for _ in range(20):
        connection.request("GET", tile_path(some_tile(service)))
        assert connection.getresponse().read()
    connection.close()
    assert service.connections == 1


def test_the_command_prints_its_address_and_serves_the_sample() -> None:
    sample = PROJECT / "data" / "sample"
    command = subprocess.Popen(
        [sys.executable, service_module.__file__, "--folder", str(sample)],
        stdout=subprocess.PIPE, text=True)
    assert command.stdout
    try:
        url = command.stdout.readline().strip()
        key = next(iter(Folder(str(sample))))
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        connection.request("GET", tile_path(key))
        assert connection.getresponse().read() == Folder(str(sample))[key]
        connection.close()
    finally:
        command.terminate()
        assert command.wait(timeout=5) == 0
        command.stdout.close()


# ---- Recordings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text, hash_", [
    (b"", 0xEF46DB3751D8E999), (b"a", 0xD24EC4F1A98C6E5B), (b"abc", 0x44BC2CF5AD770999),
    (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1)])
def test_hashes_are_those_of_the_specification(text, hash_):
    assert recording.xxh64(text) == hash_


# ---- What was skipped ------------------------------------------------------------------------------


def test_what_was_skipped_is_summed_up_by_reason(tmp_path):
    log = tmp_path / "Testing" / "Temporary" / "LastTest.log"
    log.parent.mkdir(parents=True)
    log.write_text("Output:\n..s. [100%]\nSKIPPED [2] plugin/test_a.py:12: R is not installed\n"
                   "SKIPPED [1] ../plugin/test_b.py:7: no room: none\n3 passed\n"
                   "SKIPPED [10] plugin/programs.py:3: R is not installed\n")

    done = subprocess.run([HERE / "skipped", tmp_path], check=True, capture_output=True, text=True)

    assert done.stdout == "1 skipped: no room: none\n12 skipped: R is not installed\n"
