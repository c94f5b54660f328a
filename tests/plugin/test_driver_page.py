# SPDX-License-Identifier: MIT
"""The driver's page, which is installed with it, is held to its word: tables, claims and examples."""
from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from typing import Dict, List, Tuple

import pytest
from osgeo import gdal, ogr

from documents import ROOT, SOURCES, code_in, counts, definition_of, source_text, table, type_name

PAGE = (SOURCES / "driver.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
LAYERS = re.findall(r'\.name = "(\w+)"', (SOURCES / "core" / "schema.c").read_text())

PLACE = "8.5495,50.0201"
AREA = ("8.54", "50.01", "8.56", "50.03")


def section(heading: str) -> str:
    """What stands below a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def blocks(language: str) -> List[str]:
    return re.findall(rf"^```{language}\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)


def fields_with(layer: str, *options: str) -> Dict[str, Tuple[str, str]]:
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=list(options))
    definition = dataset.GetLayerByName(layer).GetLayerDefn()
    fields = (definition.GetFieldDefn(n) for n in range(definition.GetFieldCount()))
    return {field.GetName(): (type_name(field), field.GetAlternativeName()) for field in fields}


# ---- Tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_the_schema_of_a_layer_is_that_of_the_driver(layer):
    """Names, types, order, the option that a field needs, and what GDAL calls it."""
    always = fields_with(layer)
    needed: Dict[str, List[str]] = {}
    for option in ("FIELDS=ALL", f"NEAR={PLACE}", f"LOOKING_AT={PLACE}"):
        for name in fields_with(layer, option):
            if name not in always:
                needed.setdefault(name, []).append(option.partition("=")[0])
    every = {**always, **fields_with(layer, "FIELDS=ALL", f"NEAR={PLACE}"),
             **fields_with(layer, "FIELDS=ALL", f"LOOKING_AT={PLACE}")}
    expected = [[f"`{name}`", kind, ", ".join(f"`{option}`" for option in needed.get(name, [])), words]
                for name, (kind, words) in every.items()]

    text = section(layer)

    assert table(text, "field", "type") == expected
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    assert text.startswith(f"\n{definition_of(dataset.GetLayerByName(layer))[0]}. ")


def test_every_layer_has_a_schema_and_those_that_are_listed_are_said_to_be():
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    listed = [dataset.GetLayer(i).GetName() for i in range(dataset.GetLayerCount())]

    assert re.findall(r"^### ([a-z]\w+)$", PAGE, re.MULTILINE) == LAYERS
    assert LAYERS[:4] == listed and "The first four are listed; `detections`, `overview` and `tiles`" in PAGE


def test_the_options_are_those_of_the_driver_and_of_the_readme():
    """Names, order, ranges and choices, defaults and meanings are the driver's; the rest is the README's."""
    in_readme = {row[0]: row for row in table(README, "open option", "configuration option")}
    expected = []
    for option in ElementTree.fromstring(gdal.GetDriverByName("MAPILLARY").GetMetadataItem("DMD_OPENOPTIONLIST")):
        name = f"`{option.get('name')}`"
        assert name in in_readme
        _, config, default, in_name, _ = in_readme[name]
        values = {"string": "text", "boolean": "`YES`, `NO`",
                  "string-select": ", ".join(f"`{value.text}`" for value in option)}.get(
                      option.get("type"), f"{option.get('min')} to {option.get('max')}")
        assert code_in(default) == ([option.get("default")] if option.get("default") else []), name
        expected.append([name, config, values, default, in_name, option.get("description")])

    assert table(PAGE, "open option", "configuration option") == expected


def test_the_readme_names_every_choice_of_an_option():
    rows = {code_in(row[0])[0]: row for row in table(README, "open option", "configuration option")}
    for option in ElementTree.fromstring(gdal.GetDriverByName("MAPILLARY").GetMetadataItem("DMD_OPENOPTIONLIST")):
        row = rows[option.get("name")]
        named = code_in(row[2]) + code_in(row[4])
        assert [value.text for value in option if value.text not in named] == [], option.get("name")


def test_the_options_of_gdal_are_those_of_the_readme():
    pattern = r"`(GDAL_HTTPS?_\w+|CURL_\w+|SSL_\w+)`(?: \(([^)]*)\))?"

    def defaults(text: str) -> Dict[str, str]:
        return {name: re.sub(r"^(default )?here ", "", default)
                for name, default in re.findall(pattern, text) if default}

    ours = section("Open options")
    assert {name for name, _ in re.findall(pattern, ours)} == {name for name, _ in re.findall(pattern, README)}
    assert defaults(README) == defaults(ours)


def test_the_domains_are_those_of_the_driver():
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=["FIELDS=ALL"])
    users: Dict[str, List[str]] = {}
    for layer in ("images", "sequences", "map_features", "traffic_signs", "detections", "overview", "tiles"):
        definition = dataset.GetLayerByName(layer).GetLayerDefn()
        for n in range(definition.GetFieldCount()):
            field = definition.GetFieldDefn(n)
            if field.GetDomainName():
                users.setdefault(field.GetDomainName(), []).append(f"{layer}.{field.GetName()}")
    expected = {}
    for name, fields in users.items():
        domain = dataset.GetFieldDomain(name)
        is_coded = domain.GetDomainType() == ogr.OFDT_CODED
        expected[name] = ("coded" if is_coded else f"glob `{domain.GetGlob()}`", fields)

    shown = {code_in(name)[0]: (kind, code_in(of)) for name, kind, of in table(PAGE, "domain", "kind")}

    assert shown == expected


def test_the_messages_are_messages_of_the_driver():
    source = source_text()
    for message, advice in table(PAGE, "the message says", "what to do"):
        assert advice
        for words in code_in(message):
            assert re.search(re.sub(r"\d+", "(%[a-z]+|[0-9]+)", re.escape(words)), source), words


# ---- Claims -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_can_what_the_page_says(layer):
    claimed = set(code_in(re.search(r"Layers can do (.*?)\. They", PAGE, re.DOTALL)[1]))
    assert "overview" in claimed
    claimed -= {"overview"} | ({"OLCRandomRead"} if layer == "overview" else set())
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    opened = dataset.GetLayerByName(layer)

    every = {name: value for name, value in vars(ogr).items() if name.startswith("OLC")}
    assert {name for name, value in every.items() if opened.TestCapability(value)} == claimed


def test_the_metadata_of_layers_are_as_the_page_says():
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    named = section("Metadata")
    always, some = {"DESCRIPTION", "ATTRIBUTION", "LICENSE"}, set(code_in(named.partition("in braces:")[2]))

    for layer in LAYERS:
        items = set(dataset.GetLayerByName(layer).GetMetadata())
        assert items == (always | {"VIEWER_URL"} if layer in some else always), layer
    assert always | {"VIEWER_URL"} <= set(code_in(named))


def test_opening_for_update_is_refused_without_a_message():
    gdal.ErrorReset()

    assert gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR | gdal.OF_UPDATE) is None
    assert "MAPILLARY:" not in gdal.GetLastErrorMsg().replace("`MAPILLARY:'", "")


def test_errors_have_the_numbers_that_the_page_tells(service, configured):
    named = set(re.findall(r"`(CPLE_\w+)`", section("Errors")))
    assert named == set(re.findall(r"CPLE_\w+", (SOURCES / "ogr" / "report.cpp").read_text()))

    def number(*options: str) -> int:
        gdal.ErrorReset()
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=list(options))
        if dataset:
            layer = dataset.GetLayerByName("images")
            layer.SetSpatialFilterRect(*map(float, AREA))
            layer.GetNextFeature()
        return gdal.GetLastErrorNo()

    assert number("MAX_TILES=none") == gdal.CPLE_IllegalArg
    assert number("OFFLINE=YES", "CACHE=YES", "CACHE_DIR=/dev/null") == gdal.CPLE_FileIO
    service.fault(500, times=None)
    assert number() == gdal.CPLE_AppDefined
    service.close()
    assert number() == gdal.CPLE_HttpResponse


def kinds_asked(service) -> str:
    """The sides that were asked, in the order of the first request to each, as the page writes them."""
    sides = ["tiles" if request.tile else "Graph" for request in list(service.requests)]
    return ", then ".join(dict.fromkeys(sides)) or "nothing"


@pytest.mark.parametrize("row", table(PAGE, "layer", "attribute filter"), ids=lambda row: " ".join(row))
def test_a_filter_sends_what_the_page_says(row, service, run):
    layer, where, area, sent = row
    (name,) = code_in(layer)
    words = code_in(where)
    command: List[str] = ["ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", name]
    if words:
        command += ["-where", words[0]]
    for option in words[1:]:
        command += ["-oo", option]
    if area:
        assert area == "A"
        command += ["-spat", *AREA]

    done = run(*command)

    expected, _, failure = sent.partition(": ")
    assert kinds_asked(service) == expected
    assert (done.code != 0) == (failure == "an error"), done.err
    if expected != "nothing":
        assert len(done.out.splitlines()) > 1, done.text


# ---- Examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("sh"))
def test_an_example_gives_rows(block, run, tmp_path):
    done = run("bash", "-euo", "pipefail", "-c", block, env={"MAPILLARY_CACHE": "YES"})

    assert done.code == 0 and "ERROR" not in done.err, done.text
    found = counts(tmp_path, done.out)
    assert found and min(found) > 0, done.text


@pytest.mark.parametrize("block", blocks("python"))
def test_the_example_in_python_names_the_types_of_cameras(block, run):
    done = run(sys.executable, "-c", block)

    assert done.code == 0, done.text
    rows = [line.partition(" ")[2] for line in done.out.splitlines()]
    assert rows and set(rows) <= {"Perspective", "Fisheye", "Panorama (equirectangular)", "Panorama (spherical)"}


def test_every_block_is_run():
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"sh", "python", "text"}
    (names,) = blocks("text")
    for name in names.splitlines():
        assert name == "MAPILLARY:" or name.startswith("MAPILLARY:KEY=VALUE")


def test_links_lead_somewhere():
    """The page is installed without the project around it: it links to itself and to the web."""
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert target.startswith("https://") or target[1:] in headings, target
