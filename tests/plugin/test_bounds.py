# SPDX-License-Identifier: MIT
"""What is refused before anything is asked, and what the refusal says."""
from __future__ import annotations

import math
import re
import subprocess
from xml.etree import ElementTree

import pytest
from osgeo import gdal, ogr

from programs import not_instrumented
from reading import Heard, assert_each_once, assert_same, cover, listening

AREA = (8.52, 50.002, 8.592, 50.027)
N_TILES = len(cover(AREA))

SECRETS_INLINE = ("ACCESS_TOKEN", "ACCESS_TOKEN_FILE", "TILES_URL", "GRAPH_URL")


def refusal(name="MAPILLARY:", *options):
    """The one error of an open that must fail."""
    with listening() as heard:
        dataset = gdal.OpenEx(name, gdal.OF_VECTOR, open_options=list(options))
    assert dataset is None
    assert len(heard.errors) == 1, heard.text
    assert heard.errors[0].startswith("MAPILLARY: ")
    return heard.errors[0]


def numbers(text):
    """The whole numbers that stand in a message."""
    return {int(word) for word in re.findall(r"\b\d+\b", text)}


# ---- Reads without a bound --------------------------------------------------------------------


def test_a_read_without_a_bound_is_refused_with_what_to_add(images, service):
    message = images().failure()

    assert "-spat" in message and "SetSpatialFilter()" in message
    assert service.requests == []


@pytest.mark.parametrize("sql", ["is_pano = 1", "captured_at >= '2023/01/01'", "quality_score > 0.99"])
def test_an_attribute_filter_alone_does_not_bound_a_read(images, service, sql):
    assert "-spat" in images().where(sql).failure()
    assert service.requests == []


def test_a_conversion_without_a_bound_fails_and_writes_no_row(run, service, tmp_path):
    done = run("ogr2ogr", "-f", "CSV", "out.csv", "MAPILLARY:", "images")

    assert done.code != 0
    assert "-spat" in done.err
    assert len((tmp_path / "out.csv").read_text().splitlines()) <= 1
    assert service.requests == []


def test_clipping_is_no_bound_and_the_message_says_so(run, service):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-clipsrc", *AREA)

    assert done.code != 0
    assert "-clipsrc" in done.err
    assert service.requests == []


def test_a_filter_that_was_taken_away_leaves_no_bound(images, service):
    opened = images().within(AREA)
    opened.layer.SetSpatialFilter(None)

    assert "-spat" in opened.failure()
    assert service.requests == []


def test_after_a_refusal_the_same_layer_reads_once_it_is_bounded(images, service, truth):
    opened = images()
    opened.failure()

    assert_same(opened.within(AREA).rows(), truth.within(AREA))
    assert_each_once(service.requests, cover(AREA))


def test_a_summary_of_the_layer_asks_for_nothing(run, service):
    done = run("ogrinfo", "-ro", "-so", "MAPILLARY:", "images")

    assert (done.code, done.err) == (0, "")
    assert "Feature Count: -1" in done.out
    assert "Extent: (-180.000000, -85.051129) - (180.000000, 85.051129)" in done.out
    assert service.requests == []


# ---- Too many tiles ---------------------------------------------------------------------------


def test_a_read_of_too_many_tiles_is_refused_with_both_numbers(images, service):
    message = images(MAX_TILES=N_TILES - 1).within(AREA).failure()

    assert {N_TILES, N_TILES - 1} <= numbers(message)
    assert "MAX_TILES" in message
    assert service.requests == []


def test_a_read_of_just_so_many_tiles_is_made(images, service, truth):
    rows = images(MAX_TILES=N_TILES).within(AREA).rows()

    assert_same(rows, truth.within(AREA))
    assert_each_once(service.requests, cover(AREA))


def test_a_conversion_of_too_many_tiles_fails(run, service):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", "5", "45", "15", "55")

    assert done.code != 0
    assert {len(cover((5, 45, 15, 55))), 10000} <= numbers(done.err)
    assert service.requests == []


@pytest.mark.parametrize("name, options, environment", [
    ("MAPILLARY:MAX_TILES=3", {}, {}),
    ("MAPILLARY:", {"MAX_TILES": 3}, {}),
    ("MAPILLARY:", {"max_tiles": 3}, {}),
    ("MAPILLARY:", {}, {"MAPILLARY_MAX_TILES": "3"}),
    ("MAPILLARY:MAX_TILES=3", {}, {"MAPILLARY_MAX_TILES": "100"}),
    ("MAPILLARY:", {"MAX_TILES": 3}, {"MAPILLARY_MAX_TILES": "100"}),
])
def test_the_bound_on_tiles_is_an_option_of_the_name_of_the_open_or_of_the_environment(
        images, service, monkeypatch, name, options, environment):
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    assert {N_TILES, 3} <= numbers(images(name, **options).within(AREA).failure())
    assert service.requests == []


def test_the_bound_on_tiles_is_a_configuration_option_too(run, service):
    done = run("ogr2ogr", "out.gpkg", "MAPILLARY:", "images", "-spat", *AREA,
               "--config", "MAPILLARY_MAX_TILES", "3")

    assert done.code != 0
    assert {N_TILES, 3} <= numbers(done.err)
    assert service.requests == []


# ---- Opening ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MAPILLARY:", "mapillary:", "MAPILLARY:MAX_TILES=5",
                                  "MAPILLARY:nonsense", "MAPILLARY:x.gpkg"])
def test_the_prefix_identifies_the_driver_whatever_follows(name, configured, service):
    with listening() as heard:
        driver = gdal.IdentifyDriverEx(name, gdal.OF_VECTOR)

    assert driver.ShortName == "MAPILLARY"
    assert heard == Heard()
    assert service.requests == []


@pytest.mark.parametrize("name", ["MAPILLARY", " MAPILLARY:", "MAPILLARY;", "MAPILLARYX:",
                                  "x/MAPILLARY:", "MAP:", "", "mapillary.gpkg"])
def test_without_the_prefix_the_driver_is_not_concerned(name):
    assert gdal.IdentifyDriverEx(name, gdal.OF_VECTOR, ["MAPILLARY"]) is None


def test_update_access_is_refused_silently(configured, service, capfd):
    gdal.ErrorReset()

    assert ogr.Open("MAPILLARY:", update=1) is None
    assert gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR | gdal.OF_UPDATE,
                       allowed_drivers=["MAPILLARY"]) is None

    assert (gdal.GetLastErrorMsg(), gdal.GetLastErrorType()) == ("", gdal.CE_None)
    assert capfd.readouterr() == ("", "")
    assert service.requests == []


def test_ogrinfo_which_tries_update_first_says_nothing_of_it(run, service):
    done = run("ogrinfo", "MAPILLARY:")

    assert (done.code, done.err) == (0, "")
    assert "images (Point)" in done.out
    assert service.requests == []


@not_instrumented
def test_in_a_gdal_of_another_version_the_driver_stays_away_and_nothing_breaks(run, tmp_path):
    """GDAL's answer to the driver is what this test forges; how it complains is its own affair."""
    (tmp_path / "other.c").write_text("""
        #include <string.h>
        int GDALCheckVersion(int a, int b, const char *who) { return a > 0 && b > 0 && strcmp(who, "MAPILLARY driver"); }
        """)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "other.so", tmp_path / "other.c"], check=True)
    other = {"LD_PRELOAD": str(tmp_path / "other.so")}

    listed = run("ogrinfo", "--formats", env=other)
    read = run("ogrinfo", "-ro", "MAPILLARY:", env=other)

    assert listed.code == 0 and "GeoJSON" in listed.out and "MAPILLARY" not in listed.out
    assert read.code == 1 and "unable to open" in read.text.lower()


def test_the_driver_lists_its_prefix_and_its_options():
    driver = gdal.GetDriverByName("MAPILLARY")

    assert driver.GetMetadataItem("DCAP_VECTOR") == "YES"
    assert driver.GetMetadataItem("DMD_CONNECTION_PREFIX") == "MAPILLARY:"
    assert driver.GetMetadataItem("DCAP_CREATE") is None
    names = {option.get("name") for option in ElementTree.fromstring(driver.GetMetadataItem("DMD_OPENOPTIONLIST"))}
    assert {"ACCESS_TOKEN", "ACCESS_TOKEN_FILE", "TILES_URL", "GRAPH_URL", "MAX_TILES",
            "CONNECTIONS"} <= names


# ---- Options ----------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["BOGUS=hidden", "MAXTILES=hidden", "MAX_TILE=hidden", "NATIVE=hidden"])
def test_an_unknown_open_option_is_refused_by_name(configured, service, option):
    message = refusal("MAPILLARY:", option)

    assert option.partition("=")[0] in message
    assert "hidden" not in message
    assert service.requests == []


@pytest.mark.parametrize("name", ["BOGUS=hidden", "MAX_TILES=5,BOGUS=hidden", "bogus=hidden,MAX_TILES=5"])
def test_an_unknown_option_in_the_name_is_refused_by_name(configured, service, name):
    message = refusal("MAPILLARY:" + name)

    assert "BOGUS" in message.upper()
    assert "hidden" not in message
    assert service.requests == []


@pytest.mark.parametrize("name", [
    "MAX_TILES", "hidden", "=hidden", "MAX_TILES=5,", ",MAX_TILES=5", "MAX_TILES=5,,CONNECTIONS=2",
    "MAX_TILES=5;hidden", 'MAX_TILES="5', 'MAX_TILES="5"hidden', 'MAX_TILES="5""', " MAX_TILES=5",
    "MAX_TILES =5", "MAX_TILES=5,MAX_TILES=6", "MAX_TILES=5,max_tiles=5", "hidden|layername=images"])
def test_a_malformed_name_is_refused_without_being_repeated(configured, service, name):
    message = refusal("MAPILLARY:" + name)

    assert "hidden" not in message
    assert service.requests == []


@pytest.mark.parametrize("name", [
    "MAPILLARY:MAX_TILES=5,CONNECTIONS=2", "MAPILLARY:CONNECTIONS=2,MAX_TILES=5",
    "mapillary:max_tiles=5,connections=2", 'MAPILLARY:MAX_TILES="5",CONNECTIONS="2"'])
def test_options_in_the_name_count(images, service, name):
    service.latency = 0.05

    assert {N_TILES, 5} <= numbers(images(name).within(AREA).failure())
    assert service.requests == []

    opened = images(name.replace("5", str(N_TILES))).within(AREA)
    assert len(opened.rows()) > 0
    assert_each_once(service.requests, cover(AREA))
    assert service.max_in_flight <= 2


@pytest.mark.parametrize("key", SECRETS_INLINE)
@pytest.mark.parametrize("spelling", ["{}={}", 'MAX_TILES=5,{}="{}"', "{},{}"])
def test_what_steers_secrets_is_refused_in_the_name_without_being_repeated(
        configured, service, key, spelling):
    value = f"{service.url}/hidden" if key.endswith("URL") else "hidden"

    for name in (spelling.format(key, value), spelling.format(key.lower(), value)):
        message = refusal(f"MAPILLARY:{name}")
        assert "hidden" not in message and service.url not in message
        assert spelling == "{},{}" or key in message.upper()
    assert service.requests == []


@pytest.mark.parametrize("option", [
    "NATIVE_DATA=YES", "LIST_ALL_TABLES=YES", "native_data=no", "@LIST_ALL_TABLES=YES",
    "VALIDATE_OPEN_OPTIONS=NO", "@MAX_TILES=5"])
def test_options_that_programs_send_to_every_driver_pass(configured, service, option):
    with listening() as heard:
        dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR, open_options=[option])

    assert dataset is not None
    assert heard.errors == []
    assert service.requests == []


@pytest.mark.parametrize("value", [
    "abc", "", "0", "-1", "5.5", "5 tiles", "1e3", "0x10", "1000000000", "99999999999999999999",
    "-9223372036854775809", "nan"])
def test_a_bound_on_tiles_that_is_no_sensible_number_is_refused(
        configured, service, monkeypatch, value):
    messages = {refusal("MAPILLARY:", f"MAX_TILES={value}"), refusal(f"MAPILLARY:MAX_TILES={value}")}
    monkeypatch.setenv("MAPILLARY_MAX_TILES", value)
    messages.add(refusal())

    assert len(messages) == 1
    assert "MAX_TILES must be a whole number from 1 to " in messages.pop()
    assert service.requests == []


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1000", "65", "1.5"])
def test_a_number_of_connections_that_makes_no_sense_is_refused(
        configured, service, monkeypatch, value):
    messages = {refusal("MAPILLARY:", f"CONNECTIONS={value}"), refusal(f"MAPILLARY:CONNECTIONS={value}")}
    monkeypatch.setenv("MAPILLARY_CONNECTIONS", value)
    messages.add(refusal())

    assert messages == {"MAPILLARY: CONNECTIONS must be a whole number from 1 to 64"}
    assert service.requests == []


@pytest.mark.parametrize("connections", (1, 64))
def test_the_least_and_the_most_connections_work(images, service, truth, connections):
    rows = images(CONNECTIONS=connections, MAX_TILES=100_000_000).within(AREA).rows()

    assert_same(rows, truth.within(AREA))
    assert_each_once(service.requests, cover(AREA))


@pytest.mark.parametrize("name, options", [
    ("MAPILLARY:", ["MAX_TILES=" + "9" * 1_000_000]),
    ("MAPILLARY:", ["CONNECTIONS=" + "hidden" * 200_000]),
    ("MAPILLARY:", ["TILES_URL=https://" + "hidden" * 200_000]),
    ("MAPILLARY:", ["GRAPH_URL=https://" + "hidden" * 200_000]),
    ("MAPILLARY:", ["TILES_URL=file:///" + "hidden" * 200_000]),
    ("MAPILLARY:", ["K" * 1_000_000 + "=hidden"]),
    ("MAPILLARY:", ["hidden" * 200_000]),
    ("MAPILLARY:MAX_TILES=" + "9" * 1_000_000, []),
    ("MAPILLARY:" + "hidden" * 200_000, []),
    ("MAPILLARY:" + "MAX_TILES=5," * 100_000, []),
    ("MAPILLARY:MAX_TILES=" + '"' * 1_000_001, []),
])
def test_an_option_of_a_megabyte_is_refused_in_few_words(configured, service, name, options):
    with listening() as heard:
        dataset = gdal.OpenEx(name, gdal.OF_VECTOR, open_options=options)

    assert dataset is None
    driver = [error for error in heard.errors if error.startswith("MAPILLARY: ")]
    assert len(driver) == 1 and len(driver[0]) < 1000
    assert "hidden" not in driver[0] and "99999" not in driver[0]
    assert service.requests == []


@pytest.mark.parametrize("address", [
    "", "ftp://127.0.0.1", "127.0.0.1", "/data", "https:", "https://", "https:///x", "https://a b",
    "https://user@host", "https://user:word@host", "https://host?x=1", "https://host#x",
    "https://host:port", "https://host:123456", "https://host\\x", "https://ho|st",
    "http://example.com", "http://10.0.0.1", "http://0.0.0.0", "http://[::2]", "http://127.1",
    "http://0x7f.0.0.1", "http://127.0.0.1.example.com", "http://localhost.example.com",
    "http://127.0.0.1@example.com", "http://127.0.0.256", "file://relative/folder", "file:///a%2",
    "file:///a%00b", "https://host/\r\nX: y"])
@pytest.mark.parametrize("option", ["TILES_URL", "GRAPH_URL"])
def test_an_address_that_is_not_plainly_allowed_is_refused_without_being_repeated(
        configured, service, option, address):
    message = refusal("MAPILLARY:", f"{option}={address}")

    assert option in message
    assert len(address) < 9 or address not in message
    assert service.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("end", ["", "/", "//"])
def test_addresses_on_this_machine_may_be_plain(images, service, truth, monkeypatch, host, end):
    monkeypatch.setenv("MAPILLARY_TILES_URL", service.url.replace("127.0.0.1", host) + end)

    rows = images().within(AREA).rows()

    assert_same(rows, truth.within(AREA))
    assert_each_once(service.requests, cover(AREA))


def test_an_address_with_a_path_is_the_beginning_of_every_request(images, service, monkeypatch):
    monkeypatch.setenv("MAPILLARY_TILES_URL", f"{service.url}/a/mirror/")
    service.fault(200, times=None)  # whatever is asked, there is nothing

    assert images().within(AREA).rows() == []
    assert {request.path for request in service.requests} == {
        f"/a/mirror/maps/vtp/{tileset}/2/{z}/{x}/{y}" for tileset, z, x, y in cover(AREA)}


def test_infinite_bounds_need_the_number_of_all_tiles(images, service):
    opened = images(MAX_TILES=100_000_000)
    with listening():
        opened.within((-math.inf,) * 2 + (math.inf,) * 2)

    assert {4 ** 14, 100_000_000} <= numbers(opened.failure())
    assert service.requests == []
