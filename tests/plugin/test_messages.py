# SPDX-License-Identifier: MIT
"""Errors are help: every message says what happened, where, and what to do, and is listed in messages.py.

The list is held against the sources, from which all texts are collected: a message that is added without an entry, or
an entry whose message is gone, fails. Then the messages themselves are brought about.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
from osgeo import gdal

from documents import ROOT, SOURCES
from features import at
from messages import ADVICE, BY_CODE, FAILURES, MISTAKES, OTHERS, PIECES, REASONS, SELDOM, WARNINGS
from reading import listening
from service import Service

# ---- What stands in the sources ---------------------------------------------------------------

LITERAL = r'"(?:[^"\\\n]|\\.)*"'
# Words for people that other tests look at: labels of fields and options, domains, the driver's own description.
ELSEWHERE = {"core/plan_text.c", "core/schema.c", "ogr/definition.cpp", "ogr/domains.cpp", "ogr/driver.cpp"}
MAKERS = r"\b(mly_fail|mly_wrap|ReportUsage|Warn|fail|note|answer_failure)\s*\(([^;\"]*)$"


@dataclass(frozen=True)
class Text:
    text: str
    code: Optional[str]  # of a failure that is made right there
    where: str


def without_comments(source: str) -> str:
    def blank(found: "re.Match[str]") -> str:
        return found[0] if found[1] else re.sub(r"[^\n]", " ", found[0])
    return re.sub(rf"({LITERAL})|/\*.*?\*/|//[^\n]*", blank, source, flags=re.DOTALL)


def joined(literals: str) -> str:
    """Adjoining literals as one text."""
    literals = re.sub(r'"\s*PRI\w+\b\s*', 'llu" ', literals)
    literals = re.sub(r'"\s*CPL_FRMT_GIB\b\s*', '%llu" ', literals)
    return "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', literals)).replace('\\"', '"')


def sources() -> Dict[str, str]:
    """Each file's text, without comments and continued lines, with macros that are text put in."""
    files = {str(path.relative_to(SOURCES)): without_comments(path.read_text(encoding="utf-8")).replace("\\\n", "  ")
             for path in sorted(SOURCES.rglob("*")) if path.suffix in (".c", ".cpp", ".h")}
    macros: Dict[str, str] = {}
    for text in files.values():
        macros.update(re.findall(rf"^#define (MLY_\w+)\s+({LITERAL}(?:\s*{LITERAL})*)\s*$", text, re.MULTILINE))
    for name, text in files.items():
        text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
        for macro, literals in macros.items():
            text = re.sub(rf"\b{macro}\b", lambda _, literals=literals: literals, text)
        files[name] = text
    return files


def texts() -> Iterator[Text]:
    """All literals that a person could read: those of several words, and those that make a failure or a warning."""
    for name, source in sources().items():
        if name in ELSEWHERE:
            continue
        if name == "ogr/options.cpp":  # the options' descriptions
            source = re.sub(r"kOptions\{\{.*?^\}\};", "", source, flags=re.DOTALL | re.MULTILINE)
        if name == "ogr/report.cpp":  # what stands in ADVICE
            source = re.sub(r"AdviceOn\(mly_status.*?^\}", "", source, flags=re.DOTALL | re.MULTILINE)
        pattern = rf"{LITERAL}(?:\s*(?:PRI\w+|CPL_FRMT_GIB|MLY_VERSION)?\s*{LITERAL})*(?:\s*PRI\w+\b)?"
        for found in re.finditer(pattern, source):
            made = re.search(MAKERS, source[max(0, found.start() - 200):found.start()])
            text = joined(found[0])
            if re.search(r"[A-Za-z%].* .*[A-Za-z%]", text) or (made and text):
                code = re.findall(r"\bMLY_E_\w+", made[2]) if made else []
                line = source.count("\n", 0, found.start()) + 1
                yield Text(text, code[0] if len(code) == 1 else None, f"{name}:{line}")


TEXTS = list(texts())
LISTED: Dict[str, str] = {}
for _kind, _texts in {"failure": FAILURES, "warning": WARNINGS, "reason": REASONS, "piece": PIECES,
                      "mistake": MISTAKES, "other": OTHERS,
                      **{code: listed for code, listed in BY_CODE.items()}}.items():
    for _text in _texts:
        LISTED.setdefault(_text, _kind)


def kind_of(text: Text) -> Optional[str]:
    if text.text.startswith("out of memory for "):
        return "MLY_E_NOMEM"
    return LISTED.get(text.text)


def test_the_sources_are_read_as_the_compiler_reads_them():
    found = {text.text for text in TEXTS}

    assert len(found) > 200
    assert "%s must be YES or NO" in found
    assert "tile %s/%u/%u/%u" in found
    assert any(text.code == "MLY_E_CORRUPT" and text.text == "no geometry (MVT 4.2)" for text in TEXTS)
    assert joined('"one %" PRIu64 " and"\n  " another"') == "one %llu and another"
    assert without_comments('a("//b"); // "c"\n/* "d" */e') == 'a("//b");       \n         e'


def test_every_text_of_the_sources_is_listed():
    """One that is not wants a line in messages.py, and what it tells the user to do."""
    missing = {f"{text.where}: {text.text!r}" for text in TEXTS if kind_of(text) is None}

    assert sorted(missing) == []


def test_every_listed_text_is_in_the_sources():
    """One that is not was changed or taken out, and its line with it."""
    found = {text.text for text in TEXTS}

    assert sorted(text for text in LISTED if text not in found) == []


def test_no_text_is_listed_twice():
    every = [*FAILURES, *WARNINGS, *REASONS, *PIECES, *MISTAKES, *OTHERS,
             *(text for listed in BY_CODE.values() for text in listed)]

    assert sorted({text for text in every if every.count(text) > 1}) == []


@pytest.mark.parametrize("text", FAILURES)
def test_a_failure_tells_what_to_do(text):
    advice = FAILURES[text]

    assert advice and advice in text
    # What happened comes first; what to do may be part of the fact itself ("must be YES or NO").
    assert text.index(advice) > 0


@pytest.mark.parametrize("text", WARNINGS)
def test_a_warning_tells_what_is_lost_or_done_instead(text):
    assert WARNINGS[text] and WARNINGS[text] in text


def test_failures_that_do_not_tell_it_have_a_code_for_which_the_driver_does():
    codes = {text.code for text in TEXTS for code in ADVICE if kind_of(text) == code and text.code}
    wrong = [text for text in TEXTS if kind_of(text) in ADVICE and text.code not in (None, kind_of(text), "MLY_E_ARG")]

    assert codes >= {"MLY_E_NOMEM", "MLY_E_CORRUPT", "MLY_E_NETWORK"} and wrong == []
    report = sources()["ogr/report.cpp"]
    assert dict(re.findall(r'case (MLY_E_\w+):\s*return "\. ([^"]+)";', report)) == ADVICE


def test_failures_that_do_tell_it_are_not_told_more():
    assert [text for text in TEXTS if kind_of(text) == "failure" and text.code in ADVICE] == []


# ---- What the user sees -----------------------------------------------------------------------

SPAT = (8.549, 50.0195, 8.551, 50.0205)
IMAGE = 2827123356502275
SEQUENCE = "zcUrfETm8MrHtn42Pjt9a0"


@dataclass(frozen=True)
class Case:
    """What is done, and the message that it brings. `says` is the message, as the sources have it."""

    says: str
    options: Dict[str, object] = field(default_factory=dict)
    name: str = "MAPILLARY:"
    layer: str = "images"
    spat: Optional[Tuple[float, float, float, float]] = SPAT
    where: str = ""
    before: Optional[Callable[[Any], None]] = None  # with the fixture `stage`
    context: str = ""  # what must stand in front


def opts(**options: object) -> Dict[str, object]:
    return options


def fault(kind: Any, **more: Any) -> Callable[[Any], None]:
    return lambda stage: stage.service.fault(kind, times=None, **more)


def folder_with(name: str, data: Optional[bytes]) -> Callable[[Any], None]:
    def prepare(stage: Any) -> None:
        path = stage.folder / "tiles" / name
        path.parent.mkdir(parents=True)
        if data is None:
            path.mkdir()
        else:
            path.write_bytes(data)
        stage.options["TILES_URL"] = f"file://{stage.folder}/tiles"
    return prepare


def cache_of_others(stage: Any) -> None:
    folder = stage.folder / "cache"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    stage.options.update(CACHE="YES", CACHE_DIR=str(folder))


def close_service(stage: Any) -> None:
    stage.service.close()


CASES: List[Case] = [
    # the dataset's name and options
    Case("%s: there is no option %s; ogrinfo --format MAPILLARY lists them", opts(MAX_TILE="5"),
         context="open options"),
    Case("%s: there is no option %s; ogrinfo --format MAPILLARY lists them", name="MAPILLARY:MAX_TILE=5",
         context="the dataset name"),
    Case("%s: something there is not of the form KEY=VALUE", name="MAPILLARY:MLY|one|two=", context="the dataset name"),
    Case("%s is not allowed in the dataset name, which", name="MAPILLARY:ACCESS_TOKEN=x", context="ACCESS_TOKEN"),
    Case("the dataset name: %s stands there twice; give it once", name="MAPILLARY:ZOOM=8,ZOOM=9"),
    Case("the dataset name: after %s come KEY=VALUE pairs", name="MAPILLARY:ZOOM"),
    Case("the dataset name ends with a comma; take it off", name="MAPILLARY:ZOOM=8,"),
    Case("%s must be a whole number from %.15g to %.15g", opts(ZOOM="5"), context="ZOOM"),
    Case("%s must be a number from %.15g to %.15g", opts(NEAR="8,50", RADIUS="far"), context="RADIUS"),
    Case("%s must be YES or NO", opts(CACHE="perhaps"), context="CACHE"),
    Case("%s must be one of %s", opts(STITCH="ALL"), context="STITCH"),
    Case("%s means nothing without %s; give both or none", opts(FOV="90"), context="FOV"),
    Case("%s must be LON,LAT in degrees", opts(NEAR="here"), context="NEAR"),
    Case("NEAR and LOOKING_AT cannot both be given; choose one", opts(NEAR="8,50", LOOKING_AT="8,50")),
    Case("MIN_RADIUS is larger than RADIUS, so nothing could be there; set RADIUS higher",
         opts(NEAR="8,50", MIN_RADIUS="60")),
    Case("FIELDS: there is no field %s. ALL stands", opts(FIELDS="maker")),
    Case("OFFLINE=YES reads from the cache: it needs CACHE=YES and a CACHE_DIR", opts(OFFLINE="YES", CACHE="NO")),
    # the area of interest
    Case("AOI: one of its coordinates is no number; correct the outline",
         opts(AOI="POLYGON ((8 50, 9 50, 1e999 51, 8 50))")),
    Case("AOI: this well-known text cannot be read; write e.g. POLYGON", opts(AOI="POLYGON ((8 50, 9")),
    Case("AOI: after SRID= comes the number of a reference system", opts(AOI="SRID=x;POLYGON ((8 50, 9 50, 8 50))")),
    Case("AOI: it goes beyond 540 degrees of longitude; if", opts(AOI="POLYGON ((0 0, 9000 0, 0 9000, 0 0))")),
    Case("AOI: %s cannot be read; give a path", opts(AOI="/nowhere/area.gpkg")),
    Case("AOI: %s cannot be read; give a path", opts(AOI='{"type": "Poly'), context="this GeoJSON"),
    Case("AOI: a MAPILLARY: dataset cannot be its own area; name a file", opts(AOI="MAPILLARY:")),
    Case("AOI: there is no polygon in it; lines and points make no area", opts(AOI="POINT (8 50)")),
    # addresses and the token
    Case("%s: a file address is file:// and an absolute path", opts(TILES_URL="file://tiles"), context="TILES_URL"),
    Case("%s: a per cent sign that begins no escape (write it as %%25)", opts(TILES_URL="file:///a%zz")),
    Case("%s: not a plain address; the form is https://host", opts(TILES_URL="https://user@host/")),
    Case("%s: the port is no number from 1 to 65535; the form is https://host", opts(GRAPH_URL="https://host:port"),
         context="GRAPH_URL"),
    Case("%s: plain http is for this machine only", opts(TILES_URL="http://example.com")),
    Case("%s: longer than %zu characters; use a shorter address", opts(TILES_URL="https://host/" + "a" * 4000)),
    Case("%s: must begin with https://, file:// or", opts(TILES_URL="ftp://host")),
    Case("ACCESS_TOKEN_FILE: %s cannot be read%s; name a local file",
         opts(ACCESS_TOKEN=None, ACCESS_TOKEN_FILE="/nowhere")),
    Case("%s holds no access token: one is a line of", opts(ACCESS_TOKEN="two words"), context="ACCESS_TOKEN"),
    Case("no access token for this service. Get one at", opts(ACCESS_TOKEN=None), context="tile mly1_public/14/"),
    Case("HTTP %d: the service refuses the access token%s%s. Get one at", opts(ACCESS_TOKEN="MLY|wrong"),
         context="tile mly1_public/14/"),
    # filters
    Case("%s: the service lists them for an image or a map feature only. Add", layer="detections",
         context="detections"),
    Case("%s: nothing bounds this read, and", spat=None, context="images"),
    Case("the attribute filter compares a date with '%s', which is none; write e.g.", where="captured_at > '2022'"),
    Case("%s has 1 to %d bytes, not %zu; correct the attribute filter", layer="sequences", spat=None,
         where=f"id = '{'a' * 300}'", context="a sequence key"),
    # how much may be asked for
    Case("%s: this read needs %llu tiles and MAX_TILES allows %llu. Make", opts(MAX_TILES=1),
         spat=(8.5, 50.0, 8.6, 50.1),
         context="images"),
    Case("%s: following the sequences out of the area needs at least", opts(MAX_TILES=1), layer="sequences",
         context="sequences"),
    Case("%s: these sequences lie in %llu tiles and MAX_TILES allows %llu. Name", opts(MAX_TILES=1), layer="sequences",
         spat=None, where=f"id = '{SEQUENCE}'", context="sequences"),
    Case("%s: this read needs %llu requests and MAX_REQUESTS allows %llu. Name", opts(MAX_REQUESTS=1), spat=None,
         where=f"id IN ({', '.join(str(IMAGE + n) for n in range(60))})", context="images"),
    Case("%s: this read needs more Graph requests than the %llu that", opts(MAX_REQUESTS=1, FIELDS="make"),
         spat=(8.54, 50.01, 8.56, 50.03), context="images"),
    # what the service answers
    Case("HTTP %d; %s", before=fault(500), context="tile mly1_public/14/8581/5555: 4 attempts"),
    Case("HTTP %d: the service says: %s; %s", before=fault("json_error"), context="tile mly1_public/14/8581/5555"),
    Case("HTTP %d; %s", before=fault(400), context="HTTP 400; asking again does not help, unless the day's quota"),
    Case("HTTP %d; %s", opts(FIELDS="make"), before=fault(400, match="entities"),
         context="HTTP 400; asking again does not help: leave out what the service does not take, of FIELDS"),
    Case("HTTP %d: the service sends this machine to its login page, which", before=fault("redirect"),
         context="tile mly1_public/14/8581/5555"),
    Case("the answer is larger than its ceiling of %zu bytes; please report it", before=fault("huge", megabytes=100),
         context="tile mly1_public/14/8581/5555"),
    Case("MLY_E_NETWORK", before=close_service, context="tile mly1_public/14/8581/5555: 4 attempts"),
    Case("MLY_E_CORRUPT", before=fault("garbage"), context="tile mly1_public/14/8581/5555"),
    # the cache, and a folder in place of the service
    Case("not in the cache (OFFLINE=YES); read it once without OFFLINE", opts(OFFLINE="YES", CACHE="YES"),
         before=lambda stage: (stage.folder / "empty").mkdir() or stage.options.update(
             CACHE_DIR=str(stage.folder / "empty")), context="tile mly1_public/14/8581/5555"),
    Case("OFFLINE=YES: there is no cache to read: %s. Name", opts(OFFLINE="YES", CACHE="YES", CACHE_DIR="/nowhere"),
         context="/nowhere"),
    Case("no cache, so every request is sent anew: ", before=cache_of_others),
    Case("GRAPH_URL: this comes from the Graph API, which no folder", opts(GRAPH_URL="file:///nowhere"), spat=None,
         where=f"id = {IMAGE}", context="Graph request"),
    Case("%s: %s; a folder of tiles has the layout", opts(TILES_URL="file:///nowhere"), context="/nowhere/maps/vtp"),
    Case("%s is no folder; a folder of tiles has the layout", before=folder_with("maps/vtp", b""), context="/maps/vtp"),
    Case("%.*s cannot be read: %s; check the folder", before=folder_with(
        "maps/vtp/mly1_public/2/14/8581/5555", None), context="tile mly1_public/14/8581/5555"),
]


def test_every_failure_is_brought_about():
    """Here, or, where that takes a broken service or gigabytes, by a test of its own."""
    here = [case.says for case in CASES]
    missed = [text for text in FAILURES if not any(text.startswith(start) for start in [*here, *SELDOM])]

    assert missed == []
    for start, file in SELDOM.items():
        assert len([text for text in FAILURES if text.startswith(start)]) == 1, start
        assert (ROOT / "tests" / file).is_file(), start


@dataclass
class Stage:
    service: Service
    folder: Path
    options: Dict[str, object]


def pattern_of(text: str) -> str:
    """What a format of printf can become."""
    parts = re.split(r"(%%|%\.15g|%\.\*s|%03u|%(?:zu|llu|lld|u|d|s))", text)
    return "".join("%" if part == "%%" else r".*" if part in ("%s", "%.*s") else r"-?[\d.]+"
                   if part.startswith("%") and len(part) > 1 else re.escape(part) for part in parts)


@pytest.fixture
def stage(service, tmp_path) -> Stage:
    return Stage(service, tmp_path, dict(at(service)))


def messages_of(case: Case, options: Dict[str, object]) -> List[str]:
    """All that GDAL tells while the layer is opened and read."""
    with listening() as heard:
        dataset = gdal.OpenEx(case.name, gdal.OF_VECTOR, open_options=[
            f"{name}={value}" for name, value in options.items() if value is not None])
        layer = dataset.GetLayerByName(case.layer) if dataset else None
        if layer and case.spat:
            west, south, east, north = case.spat
            layer.SetSpatialFilterRect(west, south, east, north)
        if layer and (not case.where or layer.SetAttributeFilter(case.where) == 0):
            for _ in range(2000):
                if layer.GetNextFeature() is None:
                    break
    return heard.errors + heard.warnings


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.says[:48]}{case.context and ' ' + case.context}")
def test_a_message_says_what_happened_where_and_what_to_do(case, stage):
    stage.options.update(CACHE="NO")
    stage.options.update(case.options)
    if case.before:
        case.before(stage)
    whole = [text for text in [*FAILURES, *WARNINGS] if text.startswith(case.says)]

    told = messages_of(case, stage.options)

    if case.says in ADVICE:
        assert any(message.startswith("MAPILLARY: ") and message.endswith(". " + ADVICE[case.says])
                   and case.context in message for message in told), told
        return
    (text,) = whole
    assert any(re.search(rf"^MAPILLARY: .*{re.escape(case.context)}.*", message, re.DOTALL)
               and re.search(pattern_of(text), message, re.DOTALL) for message in told), told
    assert not any(stage.service.token in message for message in told)
