# SPDX-License-Identifier: MIT
"""One read, whatever its layer, area, filter and options, is the same by every way: cold, with a cache that has all of
it, from that cache alone, row by row and in columns.

Seeds make the reads; MLY_TEST_ROUNDS sets how many.
"""
from __future__ import annotations

import os
import random
from typing import Any, Dict, List, Tuple

import pytest

import arrow_stream
from features import Layer, at, listed
from reading import Heard, listening
from test_arrow import by_features

ROUNDS = int(os.environ.get("MLY_TEST_ROUNDS", "10"))
LAYERS = ("images", "sequences", "map_features", "traffic_signs", "detections")
WEST, SOUTH, EAST, NORTH = 8.535, 50.005, 8.575, 50.035
TEXTS = {"images": "sequence_id", "sequences": "id", "map_features": "value", "traffic_signs": "value"}
FIELDS = {"images": "altitude,make,model,creator_username", "map_features": "aligned_direction",
          "traffic_signs": "aligned_direction"}
DATES = {"images": "captured_at", "sequences": "captured_at", "map_features": "first_seen_at",
         "traffic_signs": "last_seen_at"}


class Question:
    """A read by chance."""

    def __init__(self, seed: int, town: Any) -> None:
        self.chance = random.Random(seed)
        self.layer = LAYERS[seed % len(LAYERS)]
        self.options: Dict[str, Any] = {}
        self.box: Tuple[float, ...] = ()
        self.where = ""
        if self.layer == "detections":
            ids = [image.id for image in town.images if town.truth_detections_of_image(image.id)]
            self.where = f"image_id IN ({listed(self.chance.sample(ids, 5))})"
            return
        self.choose_options()
        self.choose_area()
        if self.chance.random() < 0.7:
            self.where = self.condition(2)

    def choose_options(self) -> None:
        maybe = self.chance.random
        if self.layer == "sequences":
            self.options["STITCH"] = self.chance.choice(["WHOLE", "AREA", "NO"])
            if maybe() < 0.3:
                self.options["ZOOM"] = self.chance.choice([8, 10, 12])
            return
        if maybe() < 0.5:
            self.options["FIELDS"] = FIELDS[self.layer]
        if self.layer == "images" and maybe() < 0.3:
            self.options["GEOMETRY"] = "COMPUTED"
        if maybe() < 0.3:
            self.options["PRECISION"] = "EXACT"

    def choose_area(self) -> None:
        x, y = self.chance.uniform(WEST, EAST), self.chance.uniform(SOUTH, NORTH)
        if self.layer != "sequences" and self.chance.random() < 0.3:
            self.options.update(NEAR=f"{x},{y}", RADIUS=self.chance.randint(50, 400))
        else:
            self.box = (x - 0.004, y - 0.003, x + self.chance.uniform(0, 0.006), y + self.chance.uniform(0, 0.006))

    def condition(self, depth: int) -> str:
        if depth and self.chance.random() < 0.5:
            word = self.chance.choice(["AND", "OR"])
            return f"({self.condition(depth - 1)} {word} {self.condition(depth - 1)})"
        return self.chance.choice([
            f"{DATES[self.layer]} >= '{self.chance.randint(2016, 2022)}/05/01'",
            f"{TEXTS[self.layer]} < '{self.chance.choice('aghmortz')}'",
            f"{TEXTS[self.layer]} LIKE '%{self.chance.choice('aeiosx')}%'",
            f"{DATES[self.layer]} IS NOT NULL",
            "FID > 1000000",
            "NOT (FID IS NULL)",
        ])

    def ask(self, **more: object) -> Layer:
        layer = Layer(self.layer, **self.options, **more)
        if self.box:
            layer.within(self.box)
        return layer.where(self.where) if self.where else layer


def rows_of(layer: Layer) -> List[Any]:
    """All of them, without a word."""
    rows, heard = layer.read()
    assert heard == Heard()
    return rows


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_read_is_the_same_cold_warm_offline_and_in_columns(service, town, tmp_path, seed):
    question = Question(seed, town)
    cache = {"CACHE": "YES", "CACHE_DIR": str(tmp_path / "cache")}
    here = {"TILES_URL": service.url, "GRAPH_URL": service.url}

    cold = rows_of(question.ask(**cache, **at(service)))
    asked = list(service.requests)
    service.clear()
    warm = rows_of(question.ask(**cache, **at(service)))
    offline_layer = question.ask(**cache, **here, OFFLINE="YES")
    offline = rows_of(offline_layer)
    with listening() as heard:
        columns = arrow_stream.read(offline_layer.layer).columns

    assert asked, "a read that asks for nothing shows nothing"
    assert warm == cold and offline == cold
    assert columns == by_features(offline_layer.layer)
    assert all(len(column) == len(cold) for column in columns.values())
    assert heard == Heard() and service.requests == []


def test_the_reads_try_every_layer_and_most_have_rows(service, town):
    questions = [Question(seed, town) for seed in range(10)]

    filled = [question.layer for question in questions if rows_of(question.ask(**at(service)))]

    assert set(filled) == set(LAYERS) and len(filled) >= 7
