# SPDX-License-Identifier: MIT
"""Many readers at once: datasets do not know of each other, and one may pass from hand to hand."""
from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import mvt
import pytest
from osgeo import gdal

from conftest import serve
from reading import Images, assert_each_once, assert_same, cover, grown, listening, tile_box
from town import ORIGINAL

AREA = (8.538, 50.010, 8.562, 50.027)
READERS = 8


def together(work, arguments):
    """Does the work in a thread for each argument, all starting at the same moment."""
    arguments = list(arguments)
    start = threading.Barrier(len(arguments))

    def begin(argument):
        start.wait()
        return work(argument)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(begin, arguments))


def read(box, **options):
    images = Images(**options).within(box)
    rows = images.rows()
    images.close()
    return rows


def test_many_datasets_that_read_the_same_area_at_once_give_the_same_rows(
        configured, service, truth):
    service.latency = 0.005

    results = together(lambda _: read(AREA), range(READERS))

    for rows in results:
        assert_same(rows, truth.within(AREA))
    assert set(service.tiles_asked()) == set(cover(AREA))
    assert len(service.requests) <= READERS * len(cover(AREA))


@pytest.mark.parametrize("cache", ("YES", "NO"))
def test_what_one_dataset_is_about_to_get_others_wait_for(configured, service, truth, monkeypatch, cache):
    monkeypatch.setenv("MAPILLARY_CACHE", cache)
    service.latency = 0.3
    opened = [Images().within(AREA) for _ in range(3)]  # so that nothing but reading is left to begin with

    results = together(lambda one: one.rows(), opened)

    for one, rows in zip(opened, results):
        assert_same(rows, truth.within(AREA))
        one.close()
    assert_each_once(service.requests, cover(AREA))


def test_a_failure_is_not_handed_on_to_those_who_wait(configured, service, truth, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    service.latency = 0.3
    bad = cover(AREA)[0]
    service.fault(503, match=bad)

    def work(_):
        images = Images().within(AREA)
        outcome = images.read()
        images.close()
        return outcome

    results = together(work, range(2))

    (failed,) = [heard for _, heard in results if heard.errors]
    assert "HTTP 503" in failed.text
    (whole,) = [rows for rows, heard in results if not heard.errors]
    assert_same(whole, truth.within(AREA))
    assert service.tiles_asked().count(bad) == 2


def test_who_waits_asks_when_the_other_one_is_closed_meanwhile(configured, service, truth):
    service.latency = 0.3
    last = cover(AREA)[-1]
    service.fault("slow", match=last, seconds=60, times=1)  # still under way at the end of the first
    has_asked, is_reading = threading.Event(), threading.Event()

    def work(n):
        images = Images().within(AREA)
        if n == 0:
            images.layer.GetNextFeature()
            while last not in service.tiles_asked():
                time.sleep(0.01)
            has_asked.set()
            assert is_reading.wait(60)
            images.close()
            return None
        assert has_asked.wait(60)
        ids = [images.layer.GetNextFeature().GetFID()]  # what comes after it has been asked for, or is waited for
        is_reading.set()
        ids += [feature.GetFID() for feature in iter(images.layer.GetNextFeature, None)]
        images.close()
        return ids

    _, ids = together(work, range(2))

    assert ids == [row.fid for row in truth.within(AREA)]
    assert service.tiles_asked().count(last) == 2


def test_many_datasets_with_filters_of_their_own_do_not_disturb_each_other(configured, truth):
    boxes = [grown(tile_box(x, y), -0.0001) for x in range(8579, 8583) for y in (5554, 5555)]

    results = together(read, boxes)

    for box, rows in zip(boxes, results):
        assert_same(rows, truth.within(box))


def test_readers_of_different_services_get_each_their_own(configured):
    tile, box = (ORIGINAL, 14, 8580, 5554), grown(tile_box(8580, 5554), -0.0001)
    services = [serve({tile: mvt.encode([mvt.Layer("image", [
        mvt.point(1000 + k, 1000, {"id": 1000 * n + k}) for k in range(1, 50)])])})
        for n in range(1, READERS + 1)]
    try:
        results = together(
            lambda one: read(box, TILES_URL=one.url, ACCESS_TOKEN=one.token), services)
        for n, (one, rows) in enumerate(zip(services, results), 1):
            assert [row.id for row in rows] == [1000 * n + k for k in range(1, 50)]
            assert_each_once(one.requests, [tile])
    finally:
        for one in services:
            one.close()


def test_failures_stay_in_the_thread_they_belong_to(configured, service, truth):
    bad = cover(AREA)[0]
    far = grown(tile_box(8582, 5555), -0.0001)
    assert bad not in cover(far)
    service.fault(503, match=bad, times=None)

    def work(n):
        images = Images().within(AREA if n % 2 else far)
        outcome = images.read()
        images.close()
        return outcome

    results = together(work, range(READERS))

    for n, (rows, heard) in enumerate(results):
        if n % 2:
            assert rows == [] and len(heard.errors) == 1 and "HTTP 503" in heard.errors[0]
        else:
            assert heard.text == ""
            assert_same(rows, truth.within(far))


def test_a_dataset_may_be_opened_by_one_thread_and_read_by_others_in_turn(images, truth):
    opened = images().within(AREA)
    for _ in range(3):
        (rows,) = together(lambda one: one.rows(), [opened])
        assert_same(rows, truth.within(AREA))


def test_a_read_begun_in_one_thread_goes_on_in_another(images, truth):
    opened = images().within(AREA)
    fids = []
    while len(fids) < len(truth.within(AREA)):
        (some,) = together(lambda layer: [layer.GetNextFeature().GetFID() for _ in range(
            min(200, len(truth.within(AREA)) - len(fids)))], [opened.layer])
        fids += some

    assert fids == [row.fid for row in truth.within(AREA)]
    assert opened.layer.GetNextFeature() is None


def test_two_datasets_read_in_turns_do_not_lose_their_place(images, truth):
    boxes = (AREA, grown(tile_box(8582, 5554), -0.0001))
    layers = [images().within(box).layer for box in boxes]
    found = [[], []]
    while True:
        features = [layer.GetNextFeature() for layer in layers]
        for fids, feature in zip(found, features):
            if feature is not None:
                fids.append(feature.GetFID())
        if features == [None, None]:
            break

    assert found == [[row.fid for row in truth.within(box)] for box in boxes]


@pytest.mark.parametrize("leave", (0, 1, 50))
def test_datasets_that_open_and_close_while_others_read_do_no_harm(
        configured, service, truth, leave):
    service.latency = 0.002

    def work(n):
        if n == 0:
            return read(AREA)
        for _ in range(10):
            images = Images().within(AREA)
            for _ in range(leave):
                images.layer.GetNextFeature()
            images.close()
        return None

    with listening() as heard:
        rows, *_ = together(work, range(4))

    assert heard.text == ""
    assert gdal.GetLastErrorMsg() == ""
    assert_same(rows, truth.within(AREA))
