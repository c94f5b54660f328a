# SPDX-License-Identifier: MIT
"""What the tests of documents share: tables of Markdown, and what they are compared with."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, List, Tuple

from osgeo import gdal, ogr

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "ogr_mapillary"


def table(text: str, first: str, second: str) -> List[List[str]]:
    """The rows of the table with these two columns at its head, as lists of cells."""
    found = re.search(rf"^\| {first} \| {second} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert found, f"no table begins with {first}, {second}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))]
            for row in found[1].splitlines()]


def code_in(cell: str) -> List[str]:
    return re.findall(r"`([^`]+)`", cell)


def layers_in(path: Path) -> Dict[str, int]:
    """The number of rows in each layer of a file."""
    dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR)
    assert dataset, path
    return {dataset.GetLayer(i).GetName(): dataset.GetLayer(i).GetFeatureCount()
            for i in range(dataset.GetLayerCount())}


def counts(folder: Path, output: str) -> List[int]:
    """The numbers of rows in all that a command wrote: files of its own, and what it said."""
    files = [path for path in folder.iterdir()
             if path.suffix in (".csv", ".geojson", ".gpkg") and not path.is_symlink()]
    written = [count for path in files for count in layers_in(path).values()]
    return written + [int(count) for count in re.findall(r"^Feature Count: (.*)$", output, re.MULTILINE)]


def type_name(field: ogr.FieldDefn) -> str:
    if field.GetSubType() == ogr.OFSTBoolean:
        return "Boolean"
    return field.GetTypeName()


def definition_of(layer: ogr.Layer) -> Tuple[str, Dict[str, str]]:
    """Geometry type and fields, as the documents write them."""
    definition = layer.GetLayerDefn()
    fields = (definition.GetFieldDefn(n) for n in range(definition.GetFieldCount()))
    return (ogr.GeometryTypeToName(definition.GetGeomType()).replace(" ", ""),
            {field.GetName(): type_name(field) for field in fields})


def source_text() -> str:
    """All sources, with the literals of C that stand side by side made one."""
    files = sorted(path for path in SOURCES.rglob("*") if path.suffix in (".c", ".cpp", ".h"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    text = re.sub(r'"\s*PRI\w+\s*"', "llu", text)
    return re.sub(r'"\s*\n?\s*"', "", text)
