# SPDX-License-Identifier: MIT
"""The layer `tiles`: what a read of an area would ask for, told without a request."""
from __future__ import annotations

import time
from pathlib import Path
from typing import List, Tuple


from features import Layer, at, is_close
from reading import corners, cover, polygon, tile_box
from town import COMPUTED, ORIGINAL, POINTS, SIGNS

BOX = (8.54, 50.01, 8.56, 50.03)


def expected(original: str = ORIGINAL, box=BOX) -> List[Tuple[str, int, int]]:
    return [(tileset, x, y) for _, _, x, y in cover(box) for tileset in (original, POINTS, SIGNS)]


def places(rows) -> List[Tuple[str, int, int]]:
    return [(row.fields["tileset"], row.fields["x"], row.fields["y"]) for row in rows]


def test_there_is_a_row_for_each_tileset_and_tile_and_no_request(service):
    rows = Layer("tiles", **at(service)).within(BOX).rows()

    assert places(rows) == expected()
    for row in rows:
        west, south, east, north = tile_box(row.fields["x"], row.fields["y"])
        ring = ((west, south), (west, north), (east, north), (east, south), (west, south))
        assert is_close(row.shape, (ring,))
        assert row.fields["z"] == 14
        assert (row.fields["cached"], row.fields["fetched_at"], row.fields["bytes"]) == (False, None, None)
    assert len({row.fid for row in rows}) == len(rows) and min(row.fid for row in rows) >= 0
    assert service.requests == []


def test_what_the_cache_holds_is_told(service, tiles, tmp_path: Path):
    options = {**at(service), "CACHE": "YES", "CACHE_DIR": str(tmp_path / "cache")}
    small = (8.549, 50.019, 8.5491, 50.0191)
    before = time.time() * 1000
    Layer("images", **options).within(small).rows()
    service.clear()

    rows = Layer("tiles", **options).within(BOX).rows()

    held = set((ORIGINAL, x, y) for _, _, x, y in cover(small))
    for row, place in zip(rows, places(rows)):
        assert row.fields["cached"] == (place in held)
        if place in held:
            assert row.fields["bytes"] == len(tiles[ORIGINAL, 14, place[1], place[2]])
            assert before - 1 <= row.fields["fetched_at"] <= time.time() * 1000 + 1
    old = Layer("tiles", **{**options, "CACHE_TTL": 0}).within(small).rows()
    assert [row.fields["cached"] for row in old] == [False] * len(old)
    assert old[0].fields["fetched_at"] is not None
    offline = Layer("tiles", **{**options, "CACHE_TTL": 0, "OFFLINE": "YES"}).within(small).rows()
    assert [row.fields["cached"] for row in offline if row.fields["tileset"] == ORIGINAL] == [True] * len(held)
    assert service.requests == []


def test_computed_positions_have_their_own_tileset(service):
    assert places(Layer("tiles", GEOMETRY="COMPUTED", **at(service)).within(BOX).rows()) == expected(COMPUTED)


def test_an_area_of_interest_and_a_circle_count(service):
    triangle = [(8.54, 50.01), (8.56, 50.01), (8.55, 50.03)]

    by_aoi = Layer("tiles", AOI=polygon(triangle), **at(service)).rows()
    by_place = Layer("tiles", NEAR="8.5495,50.0201", RADIUS=10, **at(service)).rows()

    assert {place[1:] for place in places(by_aoi)} <= {place[1:] for place in expected()}
    assert places(by_place) == expected(box=(8.5495, 50.0201, 8.5495, 50.0201))
    assert places(Layer("tiles", AOI=polygon(corners(BOX)), **at(service)).rows()) == expected()


def test_the_number_of_tiles_is_no_limit(service):
    opened = Layer("tiles", MAX_TILES=1, **at(service)).within((5.0, 47.0, 6.0, 48.0))

    assert opened.layer.GetFeatureCount() == 3 * len(cover((5.0, 47.0, 6.0, 48.0)))
    assert service.requests == []


def test_filters_and_single_rows(service):
    opened = Layer("tiles", **at(service)).within(BOX)
    rows = opened.rows()

    assert [opened.get(row.fid) for row in rows] == rows
    assert opened.get(max(row.fid for row in rows) + (1 << 40)) is None
    found = opened.where(f"tileset = '{SIGNS}' AND x > 8580 AND cached = 0").rows()
    assert places(found) == [place for place in expected() if place[0] == SIGNS and place[1] > 8580]


def test_something_must_bound_it(service):
    assert "nothing bounds this read" in Layer("tiles", **at(service)).failure()
    assert Layer("tiles", **at(service)).layer.GetFeatureCount() == -1


def test_it_is_opened_by_its_name_only(service):
    dataset = Layer("tiles", **at(service)).dataset

    assert "tiles" not in [dataset.GetLayer(i).GetName() for i in range(dataset.GetLayerCount())]
