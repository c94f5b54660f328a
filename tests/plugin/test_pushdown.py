# SPDX-License-Identifier: MIT
"""Whatever an attribute filter says, the driver's rows are those that GDAL alone would keep.

Random filters are put to the driver, and to GDAL's own driver for memory, which holds the same rows
unfiltered. What of them the driver evaluates by itself must make no difference.
"""
from __future__ import annotations

import random
from typing import Any, Callable, Dict, List

import pytest
from osgeo import ogr

from features import Layer, at
from reading import listening

BOX = (8.546, 50.016, 8.553, 50.023)
DATES = ("'2019/05/01'", "'2021/08/15 10:30:00'", "'2017/01/01 00:00:00.5'", "'2022/08/29 09:50:14.111'",
         "'2020/01/01 00:00:00+02'")
COLUMNS: Dict[str, Dict[str, List[str]]] = {
    "images": {
        "number": ["compass_angle", "quality_score", "organization_id", "creator_id", "is_pano", "id", "FID"],
        "text": ["sequence_id"], "date": ["captured_at"]},
    "traffic_signs": {"number": ["id", "FID"], "text": ["value"], "date": ["first_seen_at", "last_seen_at"]},
}


@pytest.fixture(scope="module", params=sorted(COLUMNS))
def layer(request) -> str:
    return request.param


class Reference:
    """The layer's rows in GDAL's memory, in their order. Rows without a date are left out: before 3.10 GDAL fails on
    comparing them, which the driver does not."""

    def __init__(self, opened: Layer) -> None:
        self.source = ogr.GetDriverByName("Memory").CreateDataSource("")
        self.layer = self.source.CreateLayer("rows", geom_type=ogr.wkbPoint)
        definition = opened.layer.GetLayerDefn()
        for i in range(definition.GetFieldCount()):
            self.layer.CreateField(definition.GetFieldDefn(i))
        self.values: Dict[str, List[Any]] = {}
        for feature in opened.layer:
            if all(feature.IsFieldSetAndNotNull(i) for i in range(definition.GetFieldCount())
                   if definition.GetFieldDefn(i).GetType() == ogr.OFTDateTime):
                copy = ogr.Feature(self.layer.GetLayerDefn())
                copy.SetFrom(feature)
                copy.SetFID(feature.GetFID())
                self.layer.CreateFeature(copy)
                for name in feature.keys():
                    self.values.setdefault(name, []).append(feature[name])

    def fids(self, sql: str) -> List[int]:
        assert self.layer.SetAttributeFilter(sql) == ogr.OGRERR_NONE, sql
        return sorted(feature.GetFID() for feature in self.layer)


class Filters:
    """Random filters over a layer's columns, with constants that its rows have, or nearly."""

    def __init__(self, rng: random.Random, layer: str, reference: Reference) -> None:
        self.rng, self.columns, self.reference = rng, COLUMNS[layer], reference
        self.tests: List[Callable[[], str]] = [
            self.compare, self.compare, self.compare, self.listed, self.between, self.like, self.null, self.odd]

    def sql(self, depth: int = 3) -> str:
        kind = self.rng.random()
        if depth == 0 or kind < 0.3:
            return self.rng.choice(self.tests)()
        if kind < 0.5:
            return f"NOT ({self.sql(depth - 1)})"
        word = self.rng.choice((" AND ", " OR "))
        return "(" + word.join(self.sql(depth - 1) for _ in range(self.rng.choice((2, 2, 3)))) + ")"

    def kind(self) -> str:
        return self.rng.choice(sorted(self.columns))

    def column(self, kind: str) -> str:
        return self.rng.choice(self.columns[kind])

    def constant(self, kind: str, column: str) -> str:
        if kind == "date":
            return self.rng.choice(DATES)
        values = [v for v in self.reference.values["id" if column == "FID" else column] if v is not None] or [0]
        value = self.rng.choice(values)
        if kind == "text":
            return f"'{self.rng.choice((value, value.upper(), value.swapcase(), value[:5], 'nobody'))}'"
        value = int(value) if isinstance(value, bool) else value
        return repr(self.rng.choice((value, value, value + 1, value * 0.5 if abs(value) < 1e6 else value)))

    def compare(self) -> str:
        kind = self.kind()
        column = self.column(kind)
        words = [column, self.rng.choice(("=", "<>", "<", "<=", ">", ">=")), self.constant(kind, column)]
        return " ".join(words if self.rng.random() < 0.7 else reversed(words))

    def listed(self) -> str:
        kind = self.rng.choice(("number", "text"))
        column = self.column(kind)
        return f"{column} IN ({', '.join(self.constant(kind, column) for _ in range(self.rng.randint(1, 6)))})"

    def between(self) -> str:
        kind = self.rng.choice(("number", "date"))
        column = self.column(kind)
        return f"{column} BETWEEN {self.constant(kind, column)} AND {self.constant(kind, column)}"

    def like(self) -> str:
        column = self.column("text")
        value = self.rng.choice(self.reference.values[column])
        pattern = self.rng.choice((value[:3] + "%", "%" + value[-4:], value[:2] + "_" + value[3:],
                                   "%" + value[4:7].upper() + "%"))
        return f"{column} {self.rng.choice(('LIKE', 'ILIKE'))} '{pattern}'"

    def null(self) -> str:
        return f"{self.column('number')} IS {self.rng.choice(('', 'NOT '))}NULL".replace("FID", "id")

    def odd(self) -> str:
        """What the driver cannot say, and constants alone."""
        return self.rng.choice((
            f"SUBSTR({self.column('text')}, 1, 1) = 'r'", "id * 2 > id", "1 = 1", "0 = 1", "2 > 1",
            f"CAST(id AS character) LIKE '%{self.rng.randint(0, 9)}'", f"{self.column('text')} LIKE '%!_%' ESCAPE '!'"))


@pytest.mark.parametrize("seed", range(4))
def test_random_filters_keep_what_gdal_alone_keeps(service, layer, seed):
    reference = Reference(Layer(layer, **at(service)).within(BOX))
    known = set(reference.fids("1 = 1"))
    filters = Filters(random.Random(f"{layer} {seed}"), layer, reference)
    opened = Layer(layer, **at(service)).within(BOX)
    n_kept = 0

    for _ in range(60):
        sql = filters.sql()
        with listening() as heard:
            expected = reference.fids(sql)
        if heard.errors:
            continue  # GDAL itself cannot evaluate it
        opened.layer.SetAttributeFilter(sql)
        with listening() as said:
            found = sorted(f.GetFID() for f in opened.layer if f.GetFID() in known)
        assert (found, said.errors) == (expected, []), sql
        n_kept += bool(expected) and len(expected) < len(known)
    assert n_kept > 15  # most filters are selective


@pytest.mark.parametrize("sql", (
    "NOT (is_pano = 1 AND SUBSTR(sequence_id, 1, 1) = 'z')", "NOT (compass_angle < 90 AND sequence_id LIKE 'z%')",
    "NOT (NOT (is_pano = 1) OR SUBSTR(sequence_id, 1, 1) = 'z')", "NOT (organization_id OR compass_angle > 90)",
    "NOT (1 = 1 OR organization_id)", "NOT (is_pano = 1 OR compass_angle > 90 OR organization_id OR is_pano = 0)"))
def test_not_over_what_is_known_in_part_loses_nothing(service, sql):
    reference = Reference(Layer("images", **at(service)).within(BOX))
    opened = Layer("images", **at(service)).within(BOX).where(sql)

    assert sorted(row.fid for row in opened.rows() if row.fields["captured_at"]) == reference.fids(sql)


@pytest.mark.parametrize("sql", ("1 = 0", "is_pano = 1 AND 1 = 0", "id = 5 AND 2 < 1", "NOT (1 = 1)"))
def test_a_filter_that_nothing_can_pass_asks_nothing(service, sql):
    opened = Layer("images", **at(service)).within(BOX).where(sql)

    assert opened.rows() == [] and opened.layer.GetFeatureCount() == 0
    assert service.requests == []
