# SPDX-License-Identifier: MIT
"""What the driver says of itself: to programs that list drivers, build forms from options, and explain fields."""
from __future__ import annotations

import fnmatch
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import pytest
from osgeo import gdal, ogr

SCHEMA = (Path(__file__).resolve().parents[2] / "ogr_mapillary" / "core" / "schema.c").read_text()
LAYERS = re.findall(r'\.name = "(\w+)"', SCHEMA)
EVERYTHING = ["FIELDS=ALL", "LOOKING_AT=8.55,50.02"]

CODED = {
    "mapillary_camera_type": ["perspective", "fisheye", "equirectangular", "spherical"],
    "mapillary_exif_orientation": [str(n) for n in range(1, 9)],
}
OPEN = {"mapillary_class": "*--*", "mapillary_sign": "*--*--g*"}


def open_dataset(*options: str) -> gdal.Dataset:
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=list(options))
    assert dataset
    return dataset


class Field(NamedTuple):
    """Copied: GDAL's own die with the dataset."""

    name: str
    kind: Tuple[int, int]
    words: str
    domain: str
    comment: str


def fields_of(dataset: gdal.Dataset, layer: str) -> List[Field]:
    definition = dataset.GetLayerByName(layer).GetLayerDefn()
    fields = [definition.GetFieldDefn(n) for n in range(definition.GetFieldCount())]
    return [Field(field.GetName(), (field.GetType(), field.GetSubType()), field.GetAlternativeName(),
                  field.GetDomainName(), field.GetComment() if hasattr(field, "GetComment") else "")
            for field in fields]


def domains_used(dataset: gdal.Dataset) -> Dict[Tuple[str, str], str]:
    return {(layer, field.name): field.domain
            for layer in LAYERS for field in fields_of(dataset, layer) if field.domain}


# ---- The driver -------------------------------------------------------------------------------


def test_ogrinfo_describes_the_format(run):
    done = run("ogrinfo", "--format", "MAPILLARY")

    assert done.code == 0
    for line in ("Short Name: MAPILLARY", "Long Name: Mapillary street-level imagery (API v4)", "Supports: Vector",
                 "Help Topic: https://", "Supports: Open() - Open existing dataset.",
                 "Supports: Multiple vector layers.", "Supports: Reading field domains.",
                 "Supported SQL dialects: OGRSQL SQLITE", "Connection prefix: MAPILLARY:", "<OpenOptionList>"):
        assert line in done.out, line


def test_the_driver_claims_to_read_and_nothing_else():
    items = gdal.GetDriverByName("MAPILLARY").GetMetadata()

    claims = {name for name, value in items.items() if name.startswith("DCAP_") and value == "YES"}
    assert claims == {"DCAP_VECTOR", "DCAP_OPEN", "DCAP_MULTIPLE_VECTOR_LAYERS", "DCAP_FIELD_DOMAINS"}
    assert items["DMD_CONNECTION_PREFIX"] == "MAPILLARY:"
    assert items["DMD_SUPPORTED_SQL_DIALECTS"].split() == ["OGRSQL", "SQLITE"]
    assert not any(name.startswith("DMD_CREATION") for name in items)


@pytest.mark.parametrize("dialect", ["OGRSQL", "SQLITE"])
def test_a_dialect_that_is_claimed_is_understood(dialect, configured):
    dataset = open_dataset("AOI=POLYGON ((8.54 50.01, 8.56 50.01, 8.56 50.03, 8.54 50.03, 8.54 50.01))")

    result = dataset.ExecuteSQL("SELECT id FROM images WHERE is_pano = 1", dialect=dialect)

    assert result and result.GetNextFeature()
    dataset.ReleaseResultSet(result)


def test_the_list_of_options_is_as_gdal_wants_it():
    """The attributes and types of GDAL's own schema for such lists; ranges and choices hold their default."""
    options = ElementTree.fromstring(gdal.GetDriverByName("MAPILLARY").GetMetadataItem("DMD_OPENOPTIONLIST"))

    assert options.tag == "OpenOptionList" and len(options)
    for option in options:
        name, kind, default = option.get("name"), option.get("type"), option.get("default")
        values = [value.text for value in option]
        assert set(option.attrib) <= {"name", "type", "description", "default", "min", "max"}, name
        assert kind in ("string", "string-select", "boolean", "int", "float"), name
        assert (kind == "string-select") == bool(values) and {value.tag for value in option} <= {"Value"}, name
        assert option.get("description"), name
        if kind == "string-select":
            assert default in values, name
        if kind == "boolean":
            assert default in ("YES", "NO"), name
        if kind in ("int", "float"):
            assert float(option.get("min")) <= float(default) <= float(option.get("max")), name


@pytest.mark.parametrize("kind", ["int", "float"])
def test_what_lies_outside_a_range_that_is_told_is_refused(kind, run):
    options = ElementTree.fromstring(gdal.GetDriverByName("MAPILLARY").GetMetadataItem("DMD_OPENOPTIONLIST"))
    ranges = [(option.get("name"), option.get("min"), option.get("max"))
              for option in options if option.get("type") == kind]
    assert ranges
    place = ["-oo", "LOOKING_AT=8.55,50.02"] if kind == "float" else []

    for name, lowest, highest in ranges:
        for value in (float(lowest) - 1, float(highest) + 1):
            done = run("ogrinfo", "-ro", "MAPILLARY:", *place, "-oo", f"{name}={value:.15g}")
            assert done.code != 0 and f"{name} must be " in done.text, (name, value)
            assert f"from {lowest} to {highest}" in done.text, (name, value)


# ---- Fields -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_every_field_has_words_for_people(layer):
    dataset = open_dataset(*EVERYTHING)

    for field in fields_of(dataset, layer):
        assert field.words and field.words != field.name, field.name


@pytest.mark.skipif(not hasattr(ogr.FieldDefn, "GetComment"), reason="GDAL before 3.7 has no comments")
def test_a_comment_tells_where_a_field_comes_from():
    dataset = open_dataset(*EVERYTHING)
    plain = open_dataset()

    for layer in LAYERS:
        always = {field.name for field in fields_of(plain, layer)}
        for field in fields_of(dataset, layer):
            if field.name in ("distance", "bearing", "angle_off") or layer == "tiles":
                assert field.comment.startswith("Worked out"), field.name
            elif field.name in always and layer != "detections":
                assert field.comment.startswith("From the tiles"), field.name
            else:
                assert field.comment.startswith("From the Graph API"), field.name


def test_fields_name_their_domains():
    dataset = open_dataset(*EVERYTHING)

    assert domains_used(dataset) == {
        ("images", "camera_type"): "mapillary_camera_type",
        ("images", "exif_orientation"): "mapillary_exif_orientation",
        ("map_features", "value"): "mapillary_class",
        ("traffic_signs", "value"): "mapillary_sign",
        ("detections", "value"): "mapillary_class",
    }


def test_the_dataset_has_every_domain_of_its_fields_with_the_fields_type():
    dataset = open_dataset(*EVERYTHING)

    assert sorted(dataset.GetFieldDomainNames()) == sorted([*CODED, *OPEN])
    for (layer, name), domain_name in domains_used(dataset).items():
        domain = dataset.GetFieldDomain(domain_name)
        (field,) = [field for field in fields_of(dataset, layer) if field.name == name]
        assert domain.GetName() == domain_name and domain.GetDescription()
        assert (domain.GetFieldType(), domain.GetFieldSubType()) == field.kind
    assert dataset.GetFieldDomain("mapillary_unheard_of") is None


@pytest.mark.parametrize("name", CODED)
def test_a_coded_domain_explains_each_code(name):
    dataset = open_dataset()
    domain = dataset.GetFieldDomain(name)

    assert domain.GetDomainType() == ogr.OFDT_CODED
    assert list(domain.GetEnumeration()) == CODED[name]
    assert all(domain.GetEnumeration().values())


@pytest.mark.parametrize("name", OPEN)
def test_an_open_domain_tells_the_form_of_its_values(name):
    dataset = open_dataset()
    domain = dataset.GetFieldDomain(name)

    assert domain.GetDomainType() == ogr.OFDT_GLOB
    assert domain.GetGlob() == OPEN[name]


def test_what_is_read_lies_in_the_domains(configured):
    """As far as the town goes, which has classes that are in nobody's list."""
    dataset = open_dataset("FIELDS=camera_type,exif_orientation")
    seen: Dict[str, List[str]] = {}
    for (layer, field), domain in domains_used(dataset).items():
        rows = dataset.GetLayerByName(layer)
        if layer == "detections":
            rows.SetAttributeFilter("image_id = 2827123356502275")
        else:
            rows.SetSpatialFilterRect(8.54, 50.01, 8.56, 50.03)
        seen.setdefault(domain, []).extend(
            row.GetFieldAsString(field) for row in rows if row.IsFieldSetAndNotNull(field))

    for domain, values in seen.items():
        assert values, domain
        allowed = CODED.get(domain)
        assert all(value in allowed if allowed else fnmatch.fnmatchcase(value, OPEN[domain]) for value in values)
    assert len(set(seen["mapillary_camera_type"])) > 1 and len(set(seen["mapillary_sign"])) > 5


def test_a_geopackage_keeps_the_domains(run, tmp_path):
    done = run("ogr2ogr", tmp_path / "kept.gpkg", "MAPILLARY:", "-oo", "FIELDS=camera_type,exif_orientation",
               "-spat", 8.549, 50.019, 8.551, 50.021)
    assert (done.code, done.err) == (0, "")

    kept = gdal.OpenEx(str(tmp_path / "kept.gpkg"), gdal.OF_VECTOR)
    assert sorted(kept.GetFieldDomainNames()) == sorted([*CODED, *OPEN])
    made = open_dataset()
    for name in CODED:
        assert kept.GetFieldDomain(name).GetEnumeration() == made.GetFieldDomain(name).GetEnumeration()
    assert kept.GetFieldDomain("mapillary_sign").GetGlob() == OPEN["mapillary_sign"]
