# SPDX-License-Identifier: MIT
"""PRUNE=YES: lines of a lower zoom tell which tiles of zoom 14 are worth asking for."""
from __future__ import annotations

from typing import Set, Tuple


from features import Layer, at
from reading import cover, listening

LAND = (8.0, 49.6, 9.2, 50.5)  # the town and a lot of nothing around it


def near_a_line(town, computed: bool = False) -> Set[Tuple[int, int]]:
    """The z14 tiles with a vertex of a line in them, and those beside."""
    runs = [run for s in town.sequences for run in (s.computed_runs if computed else s.runs) if len(run) > 1]
    marked = {(gx // 4096, gy // 4096) for run in runs for gx, gy in run}
    return {(x + dx, y + dy) for x, y in marked for dx in (-1, 0, 1) for dy in (-1, 0, 1)}


def pruned(service, layer: str, **options):
    return Layer(layer, PRUNE="YES", **options, **at(service)).within(LAND)


def test_images_come_from_a_fraction_of_the_tiles(service, town, truth):
    rows, heard = pruned(service, "images").read()

    assert heard.errors == [] and len(heard.warnings) == 1
    assert "images whose sequence has a single position, or is not drawn at zoom" in heard.warnings[0]
    found, missed = {row.fid for row in rows}, {row.id for row in truth.within(LAND)} - {row.fid for row in rows}
    assert found <= {row.id for row in truth.within(LAND)}
    reach = near_a_line(town)
    assert all((town.image(fid).x, town.image(fid).y) not in reach for fid in missed)
    assert all(len(town.sequence(town.image(fid).sequence_id).images) == 1 for fid in missed)
    asked = service.tiles_asked()
    assert len(asked) < len(cover(LAND)) / 20
    assert len(asked) == len(set(asked))


def test_coarse_tiles_are_asked_for_first(service):
    pruned(service, "images", CONNECTIONS=1).read()

    zooms = [key[1] for key in service.tiles_asked()]
    assert zooms == sorted(zooms) and zooms[0] <= 10 and zooms[-1] == 14


def test_rows_come_in_the_plan_s_order(service, truth):
    rows, _ = pruned(service, "images").read()

    found = {row.fid for row in rows}
    assert [row.fid for row in rows] == [row.id for row in truth.rows() if row.id in found]


def test_no_sequence_is_missed(service, town):
    rows, heard = pruned(service, "sequences").read()

    assert heard.errors == [] and len(heard.warnings) == 1
    assert {row.fields["id"] for row in rows} == {s.id for s in town.sequences if s.walks()}


def test_each_read_warns_once(service):
    opened = pruned(service, "images")

    assert len(opened.read()[1].warnings) == len(opened.read()[1].warnings) == 1


def test_filters_are_as_always(service, truth):
    opened = pruned(service, "images").where("is_pano = 1")

    found = {row.fid for row in opened.read()[0]}

    assert found == {row.id for row in truth.within(LAND) if row.is_pano}


def test_map_features_are_not_pruned(service):
    opened = pruned(service, "map_features", MAX_TILES=100)

    assert f"needs {len(cover(LAND))} tiles and MAX_TILES allows 100" in opened.failure()


def test_the_tiles_that_are_left_count(service):
    with listening() as heard:
        assert pruned(service, "images", MAX_TILES=40).layer.GetNextFeature() is None

    assert "after pruning, this read needs" in heard.text and "MAX_TILES allows 40" in heard.text
    assert all(key[1] < 14 for key in service.tiles_asked())


def test_the_coarse_tiles_count_before_anything_is_asked(service):
    assert "MAX_TILES allows 3" in pruned(service, "images", MAX_TILES=3).failure()
    assert service.requests == []


def test_a_small_area_is_read_at_once(service, truth):
    box = (8.548, 50.018, 8.551, 50.021)
    rows = Layer("images", PRUNE="YES", **at(service)).within(box).rows()

    assert [row.fid for row in rows] == [row.id for row in truth.within(box)]
    assert {key[1] for key in service.tiles_asked()} == {14}


def test_a_coarse_tile_that_fails_is_a_failure(service):
    service.fault(500, match=lambda request: request.z is not None and request.z < 14, times=None)

    with listening() as heard:
        assert pruned(service, "images").layer.GetNextFeature() is None
    assert len(heard.errors) == 1 and "HTTP 500" in heard.text
    assert all(key[1] < 14 for key in service.tiles_asked())
