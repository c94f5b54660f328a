# SPDX-License-Identifier: MIT
"""The token: all the ways to give it, the hosts that may have it, and that nobody else ever sees it.

Every command run here also has its output searched for the token (see `run` in conftest.py).
"""
from __future__ import annotations

import gzip
import json
from urllib.parse import quote

import pytest
from osgeo import gdal

from conftest import secrets, serve
from reading import Images, assert_each_once, corners, cover, listening, polygon

AREA = (8.52, 50.002, 8.592, 50.027)
NOTHING = {"MAPILLARY_ACCESS_TOKEN": None, "MAPILLARY_TILES_URL": None, "MAPILLARY_GRAPH_URL": None}
LOUD = {"CPL_DEBUG": "ON", "CPL_CURL_VERBOSE": "YES", "CPL_LOG_ERRORS": "ON"}

HOW_TO = ("https://www.mapillary.com/dashboard/developers", "MAPILLARY_ACCESS_TOKEN",
          "ACCESS_TOKEN_FILE")


def convert(run, *arguments, **more):
    """A conversion of AREA, with arguments of the test's own."""
    return run("ogr2ogr", "-f", "CSV", "/vsistdout/", "MAPILLARY:", "images", "-spat", *AREA,
               "-select", "id", *arguments, **more)


def ids(done):
    return [int(line.strip('"')) for line in done.out.splitlines()[1:]]


def assert_complete(done, truth):
    assert (done.code, done.err) == (0, "")
    assert ids(done) == [row.id for row in truth.within(AREA)]


def tokens_received(service):
    """Whatever a service was told in the place of a token."""
    return {request.query.get("access_token") or request.headers.get("authorization")
            for request in service.requests}


def assert_hidden(text, token):
    """Without showing the text: it may hold what must not be shown."""
    shown = any(secret in text for secret in secrets(token))
    assert not shown, "the token is in what was said"


@pytest.fixture
def other():
    """A service that belongs to somebody else."""
    with serve({}) as running:
        running.fault(200, times=None)
        yield running


# ---- Ways to give it --------------------------------------------------------------------------


@pytest.mark.parametrize("spell", [str, lambda token: token.replace("|", "%7C"),
                                   lambda token: token.replace("|", "%7c")])
@pytest.mark.parametrize("give", ["environment", "configuration", "open option"])
def test_the_token_may_be_given_in_three_ways_and_with_escaped_bars(
        run, service, truth, give, spell):
    token = spell(service.token)
    environment = {"MAPILLARY_ACCESS_TOKEN": token if give == "environment" else None}
    arguments = {
        "environment": (), "configuration": ("--config", "MAPILLARY_ACCESS_TOKEN", token),
        "open option": ("-oo", f"ACCESS_TOKEN={token}")}[give]

    assert_complete(convert(run, *arguments, env=environment), truth)
    assert_each_once(service.requests, cover(AREA))
    assert tokens_received(service) == {service.token}
    assert {"|" in request.target for request in service.requests} == {False}


@pytest.mark.parametrize("form", [
    "{}", "{}\n", "{}\r\n", "  {}\t \n", "{}\nsecond line\n", "{}\r\nMLY|0|x\r\n"])
@pytest.mark.parametrize("give", ["environment", "open option"])
def test_a_file_may_hold_the_token_in_its_first_line(run, service, truth, tmp_path, form, give):
    (tmp_path / "token.txt").write_bytes(form.format(service.token).encode())
    path = str(tmp_path / "token.txt")
    environment = {"MAPILLARY_ACCESS_TOKEN": None}
    if give == "environment":
        environment["MAPILLARY_ACCESS_TOKEN_FILE"] = path
    arguments = ("-oo", f"ACCESS_TOKEN_FILE={path}") if give == "open option" else ()

    assert_complete(convert(run, *arguments, env=environment), truth)
    assert tokens_received(service) == {service.token}


@pytest.mark.parametrize("option", ["ACCESS_TOKEN={token}", "ACCESS_TOKEN_FILE={file}"])
@pytest.mark.parametrize("variable", ["MAPILLARY_ACCESS_TOKEN", "MAPILLARY_ACCESS_TOKEN_FILE"])
def test_an_open_option_counts_before_the_environment(
        run, service, truth, tmp_path, option, variable):
    (tmp_path / "mine").write_text(service.token)
    (tmp_path / "theirs").write_text("MLY|0|theirs")
    environment = {"MAPILLARY_ACCESS_TOKEN": None, variable: (
        str(tmp_path / "theirs") if variable.endswith("FILE") else "MLY|0|theirs")}

    done = convert(run, "-oo", option.format(token=service.token, file=tmp_path / "mine"),
                   env=environment)

    assert_complete(done, truth)
    assert tokens_received(service) == {service.token}


@pytest.mark.parametrize("name, content", [
    ("missing.txt", None), ("empty.txt", b""), ("blank.txt", b" \n"), ("two words.txt", b"a b\n"),
    ("binary.txt", b"MLY|1|\x00\x01\x02"), ("long.txt", b"x" * 2000), ("umlaut.txt", "MLY|1|ä".encode())])
def test_a_file_without_a_token_is_refused_before_any_request(run, service, tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    done = convert(run, "-oo", f"ACCESS_TOKEN_FILE={tmp_path / name}",
                   env={"MAPILLARY_ACCESS_TOKEN": None})

    assert done.code != 0
    assert "ACCESS_TOKEN_FILE" in done.err
    assert content is not None or str(tmp_path / name) in done.err
    assert "MLY|1|" not in done.err and "xxxx" not in done.err and "a b" not in done.err
    assert service.requests == []


@pytest.mark.parametrize("path", [
    "/vsicurl/{url}/token", "/vsimem/token", "/vsigzip//etc/passwd", "/etc", "/vsistdin/"])
def test_only_a_plain_local_file_may_hold_the_token(run, service, path):
    done = convert(run, "-oo", f"ACCESS_TOKEN_FILE={path.format(url=service.url)}",
                   env={"MAPILLARY_ACCESS_TOKEN": None})

    assert done.code != 0
    assert "ACCESS_TOKEN_FILE" in done.err
    assert service.requests == []


@pytest.mark.parametrize("token", ["two words", "MLY|1|x\r\nX-Header: y", "MLY|1|ä", "x" * 1025, "\x7f"])
def test_what_cannot_be_a_token_is_refused_without_being_repeated(configured, service, token):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[f"ACCESS_TOKEN={token}"])

    assert dataset is None
    assert len(heard.errors) == 1 and "ACCESS_TOKEN" in heard.errors[0]
    assert token not in heard.text
    assert service.requests == []


def test_a_token_of_odd_but_printable_characters_arrives_as_it_is(images, service):
    odd = "MLY|1|z+b/c=d&e?f#g%h;i\"j'k\\l~m"
    service.token = odd

    images(ACCESS_TOKEN=odd).within(AREA).rows()

    assert_each_once(service.requests, cover(AREA))
    assert tokens_received(service) == {odd}


# ---- None, or a refused one -------------------------------------------------------------------


def test_without_a_token_opening_works_and_reading_says_how_to_get_one(run, service):
    done = run("ogrinfo", "-ro", "-so", "MAPILLARY:", "images", env={"MAPILLARY_ACCESS_TOKEN": None})
    assert (done.code, done.err) == (0, "")

    done = convert(run, env={"MAPILLARY_ACCESS_TOKEN": None})

    assert done.code != 0
    assert [word for word in HOW_TO if word not in done.err] == []
    assert ids(done) == []
    assert service.requests == []


@pytest.mark.parametrize("refusal", [
    {"status": 401}, {"status": 403}, {"status": 403, "body": b"<h1>Forbidden</h1>"},
    {"status": 401, "code": 190}, {"status": 400, "code": 190}, {"status": 500, "code": 190},
    {"status": 200, "code": 190}])
def test_a_refused_token_ends_the_read_at_its_first_request(run, service, refusal):
    if "code" in refusal:
        service.fault("json_error", times=None, message="The token has expired", **refusal)
    else:
        service.fault("status", times=None, **refusal)

    done = convert(run, "-oo", "CONNECTIONS=1")

    assert done.code != 0
    assert f"HTTP {refusal['status']}" in done.err
    assert [word for word in HOW_TO if word not in done.err] == []
    assert "code" not in refusal or "The token has expired" in done.err
    assert ids(done) == []
    assert service.tiles_asked() == cover(AREA)[:1]


def test_a_refused_token_is_not_tried_again_on_any_connection(run, service):
    service.latency = 0.05

    done = convert(run, "-oo", "CONNECTIONS=4", "-oo", "ACCESS_TOKEN=MLY|1|wrong")

    assert done.code != 0
    assert "HTTP 403" in done.err and "MLY" not in done.err
    asked = service.tiles_asked()
    assert 1 <= len(asked) <= 4
    assert len(set(asked)) == len(asked)


# ---- Nobody else sees it ----------------------------------------------------------------------


def test_the_loudest_debugging_does_not_show_the_token(run, service, truth, tmp_path):
    (tmp_path / "token.txt").write_text(service.token)
    for variables in ({}, {"MAPILLARY_ACCESS_TOKEN": None,
                           "MAPILLARY_ACCESS_TOKEN_FILE": str(tmp_path / "token.txt")}):
        log = tmp_path / f"log {len(variables)}"
        done = convert(run, env={**LOUD, **variables, "CPL_LOG": str(log)})

        assert ids(done) == [row.id for row in truth.within(AREA)]
        assert "MAPILLARY:" in done.err + log.read_text()
        assert_hidden(log.read_text(), service.token)


@pytest.mark.parametrize("fault, arguments", [
    ("redirect", {}), ("reset", {}), ("garbage", {}), (500, {}), ("close", {}),
    ("json_error", {"code": 1})])
def test_no_failure_shows_the_token(run, service, fault, arguments):
    service.fault(fault, times=None, **arguments)

    done = convert(run, env=LOUD)

    assert done.code != 0
    assert "MAPILLARY: " in done.err


# How a service could repeat a token in what it says; each hides it from a plain search.
ECHOES = {
    "raw": str,
    "escaped": lambda token: quote(token, safe=""),
    "escaped in small letters": lambda token: quote(token, safe="").lower(),
    "escaped twice": lambda token: quote(quote(token, safe=""), safe=""),
    "as JSON escapes it": lambda token: token.replace("|", "\\u007c"),
    "all in JSON escapes": lambda token: "".join(f"\\u{ord(letter):04x}" for letter in token),
    "its secret part": lambda token: token.rpartition("|")[2],
    "in a sentence": lambda token: f"the token '{token}' is not known, '{token}' has expired",
    "in an address": lambda token: f"https:\\/\\/x\\/y?access_token={quote(token, safe='')}&z=1",
}


@pytest.mark.parametrize("cache", ["NO", "YES"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("status, code", [(403, 190), (200, 190), (500, 1)])
@pytest.mark.parametrize("echo", ECHOES)
def test_a_refusal_that_repeats_the_token_does_not_bring_it_to_light(
        images, service, echo, status, code, zipped, cache):
    message = f"before {ECHOES[echo](service.token)} after"
    body = f'{{"error":{{"message":"{message}","code":{code}}}}}'.encode()
    service.fault("status", status=status, times=None, type="application/json",
                  body=gzip.compress(body) if zipped else body,
                  headers={"Content-Encoding": "gzip"} if zipped else {})
    assert isinstance(json.loads(body), dict)

    said = images(CACHE=cache).within(AREA).failure()

    assert_hidden(said, service.token)
    assert "before " in said and " after" in said


@pytest.mark.parametrize("echo", ["raw", "escaped", "its secret part"])
def test_a_body_that_is_no_tile_and_repeats_the_token_does_not_bring_it_to_light(
        run, service, echo):
    said = ECHOES[echo](service.token)
    service.fault("status", status=200, times=None, type="text/html",
                  body=f"<html>access_token={said}</html>".encode())

    done = convert(run, env=LOUD)

    assert done.code != 0
    assert "MAPILLARY: " in done.err


def test_the_dataset_shows_the_token_nowhere(images, service):
    opened = images(ACCESS_TOKEN=service.token)
    dataset, layer = opened.dataset, opened.layer

    said = [dataset.GetDescription(), dataset.GetDriver().GetDescription(), layer.GetName(),
            layer.GetDescription()]
    for thing in (dataset, layer):
        for domain in ("", *(thing.GetMetadataDomainList() or ())):
            said.append(repr(thing.GetMetadata(domain)))

    assert "MAPILLARY:" in said
    assert_hidden("\n".join(said), service.token)


# ---- Hosts that may have it -------------------------------------------------------------------


@pytest.mark.parametrize("arguments, environment", [
    ("-oo TILES_URL={url}", {"MAPILLARY_ACCESS_TOKEN": "{token}"}),
    ("-oo TILES_URL={url} --config MAPILLARY_ACCESS_TOKEN {token}", {}),
    ("-oo TILES_URL={url}", {"MAPILLARY_ACCESS_TOKEN_FILE": "{file}"}),
    ("-oo TILES_URL={url} -oo GRAPH_URL={url}", {"MAPILLARY_ACCESS_TOKEN": "{token}"}),
])
def test_a_token_of_the_environment_does_not_go_to_a_host_given_as_an_open_option(
        run, service, other, tmp_path, arguments, environment):
    words = {"url": other.url, "token": service.token, "file": tmp_path / "token.txt"}
    words["file"].write_text(service.token)

    done = convert(run, *(word.format(**words) for word in arguments.split()),
                   env={**NOTHING, **{k: v.format(**words) for k, v in environment.items()}})

    assert done.code != 0
    assert "no access token for this service: the one in the environment or the configuration does not" in done.err
    assert "ACCESS_TOKEN, or the address as MAPILLARY_TILES_URL or MAPILLARY_GRAPH_URL" in done.err
    assert other.requests == [] and other.connections == 0
    assert service.requests == []


@pytest.mark.parametrize("arguments, environment", [
    ("", {"MAPILLARY_ACCESS_TOKEN": "{token}", "MAPILLARY_TILES_URL": "{url}"}),
    ("--config MAPILLARY_ACCESS_TOKEN {token}", {"MAPILLARY_TILES_URL": "{url}"}),
    ("--config MAPILLARY_TILES_URL {url}", {"MAPILLARY_ACCESS_TOKEN_FILE": "{file}"}),
    ("-oo ACCESS_TOKEN={token}", {"MAPILLARY_TILES_URL": "{url}"}),
    ("-oo ACCESS_TOKEN_FILE={file}", {"MAPILLARY_TILES_URL": "{url}"}),
    ("-oo ACCESS_TOKEN={token} -oo TILES_URL={url}", {}),
    ("-oo ACCESS_TOKEN_FILE={file} -oo TILES_URL={url}", {}),  # to this machine, that is
])
def test_a_token_goes_to_a_host_that_was_given_no_less_deliberately(
        run, service, truth, tmp_path, arguments, environment):
    words = {"url": service.url, "token": service.token, "file": tmp_path / "token.txt"}
    words["file"].write_text(service.token)

    done = convert(run, *(word.format(**words) for word in arguments.split()),
                   env={**NOTHING, **{k: v.format(**words) for k, v in environment.items()}})

    assert_complete(done, truth)
    assert tokens_received(service) == {service.token}


@pytest.mark.parametrize("more", ({}, {"MAPILLARY_ACCESS_TOKEN": "MLY|0|theirs"}))
def test_a_file_named_in_an_open_option_does_not_go_to_a_distant_host_named_there(
        run, service, other, tmp_path, more):
    (tmp_path / "private.txt").write_text("the-first-line-of-any-file\n")

    done = convert(run, "-oo", f"ACCESS_TOKEN_FILE={tmp_path / 'private.txt'}",
                   "-oo", "TILES_URL=" + other.url.replace("http:", "https:"), env={**NOTHING, **more})

    assert done.code != 0
    assert "no access token for this service: the open option ACCESS_TOKEN_FILE does not count for an https" in done.err
    assert "Give the token itself as ACCESS_TOKEN, or the address as MAPILLARY_TILES_URL" in done.err
    assert str(tmp_path) not in done.err
    assert "first-line" not in done.text
    assert other.connections == 0


VRT = """<OGRVRTDataSource>
    <OGRVRTLayer name="images">
        <SrcDataSource>{name}</SrcDataSource>
        <OpenOptions>{options}</OpenOptions>
        <SrcRegion>{region}</SrcRegion>
    </OGRVRTLayer>
</OGRVRTDataSource>"""


def read_vrt(run, tmp_path, name, environment, **options):
    """Reads a file that somebody else made, with a token in the environment."""
    (tmp_path / "found.vrt").write_text(VRT.format(
        name=name, region=polygon(corners(AREA)),
        options="".join(f'<OOI key="{key}">{value}</OOI>' for key, value in options.items())))
    return run("ogr2ogr", "-f", "CSV", "/vsistdout/", "found.vrt", "-select", "id", env=environment)


def test_a_file_made_by_somebody_else_cannot_have_the_token_sent_to_its_own_address(
        run, service, other, tmp_path):
    done = read_vrt(run, tmp_path, "MAPILLARY:", {}, TILES_URL=other.url)

    assert done.code != 0
    assert other.requests == [] and other.connections == 0
    assert service.requests == []


@pytest.mark.parametrize("key", ["TILES_URL", "GRAPH_URL", "tiles_url"])
def test_nor_can_the_name_of_the_dataset_in_it(run, service, other, tmp_path, key):
    done = read_vrt(run, tmp_path, f"MAPILLARY:{key}={other.url}", {})

    assert done.code != 0
    assert other.requests == [] and other.connections == 0
    assert service.requests == []


def test_a_file_made_by_somebody_else_reads_with_the_readers_token(run, service, truth, tmp_path):
    done = read_vrt(run, tmp_path, "MAPILLARY:MAX_TILES=15", {}, CONNECTIONS=3)

    assert done.code == 0, done.err
    assert ids(done) == [row.id for row in truth.within(AREA)]
    assert tokens_received(service) == {service.token}


def test_a_redirect_does_not_carry_the_token_away(run, service, other):
    service.fault("redirect", times=None, location=f"{other.url}/login/?next=x")

    done = convert(run)

    assert done.code != 0
    assert other.requests == [] and other.connections == 0


@pytest.mark.parametrize("name, value", [
    ("http_proxy", "http://127.0.0.1:1"), ("all_proxy", "socks5://127.0.0.1:1"),
    ("ALL_PROXY", "http://127.0.0.1:1"), ("GDAL_HTTP_PROXY", "127.0.0.1:1"),
    ("GDAL_HTTPS_PROXY", "127.0.0.1:1")])
def test_no_proxy_stands_between_this_machine_and_itself(run, service, truth, name, value):
    assert_complete(convert(run, env={name: value}), truth)
    assert_each_once(service.requests, cover(AREA))


def test_datasets_with_different_tokens_do_not_share_them(monkeypatch, service, other):
    monkeypatch.setenv("MAPILLARY_GRAPH_URL", service.url)
    theirs = "MLY|7|theirs"
    opened = [Images(ACCESS_TOKEN=token, TILES_URL=at.url).within(AREA)
              for token, at in ((service.token, service), (theirs, other))]

    for one in opened + opened:
        one.layer.ResetReading()
        one.layer.GetNextFeature()
    for one in opened:
        one.close()

    assert tokens_received(service) == {service.token}
    assert tokens_received(other) == {theirs}


@pytest.mark.parametrize("spelling", ["{}", "a{}"])
def test_a_token_in_the_place_of_its_file_is_not_shown(run, service, spelling):
    done = run("ogrinfo", "-ro", "MAPILLARY:", "images", "-spat", "8.54", "50.01", "8.56", "50.03",
               env={"MAPILLARY_ACCESS_TOKEN": None, "MAPILLARY_ACCESS_TOKEN_FILE": spelling.format(service.token)})

    assert "ACCESS_TOKEN_FILE: the file cannot be read" in done.err  # `run` looks for the token itself
