# SPDX-License-Identifier: MIT
"""PostgreSQL reads the service as foreign tables, with ogr_fdw: what it hands on of a query is what is asked for.

The server is one of our own, in a temporary folder, for all tests; each has a schema that leads to its service.
"""
from __future__ import annotations

import pytest

from features import entities_asked, ids_asked, kinds
from programs import not_instrumented, postgres
from reading import assert_each_once, cover
from service import TOKEN

pytestmark = not_instrumented
CENTRE = (8.5480, 50.0180, 8.5520, 50.0220)
IN_CENTRE = "geom && ST_MakeEnvelope(8.548, 50.018, 8.552, 50.022, 4326)"


@pytest.fixture(scope="module")
def server():
    with postgres({}, TOKEN) as found_at:
        yield found_at


@pytest.fixture
def sql(run, server, service):
    """Runs a query on foreign tables in the schema `street`; options are those of the dataset's name."""
    variables, token_file = server
    assert service.token == TOKEN

    def psql(text: str):
        return run("psql", "-X", "-q", "-A", "-t", "-F", ",", "-v", "ON_ERROR_STOP=1", "-c", text,
                   env={**variables, "MAPILLARY_ACCESS_TOKEN": None})

    def call(text: str, options: str = ""):
        made = psql(f"""
            SET client_min_messages = warning;
            CREATE EXTENSION IF NOT EXISTS postgis;
            CREATE EXTENSION IF NOT EXISTS ogr_fdw;
            DROP SERVER IF EXISTS mapillary CASCADE;
            DROP SCHEMA IF EXISTS street CASCADE;
            CREATE SERVER mapillary FOREIGN DATA WRAPPER ogr_fdw OPTIONS (
                datasource 'MAPILLARY:{options}', format 'MAPILLARY',
                config_options 'MAPILLARY_TILES_URL={service.url} MAPILLARY_GRAPH_URL={service.url} '
                    'MAPILLARY_ACCESS_TOKEN_FILE={token_file}');
            CREATE SCHEMA street;
            IMPORT FOREIGN SCHEMA ogr_all FROM SERVER mapillary INTO street;
            """.replace(" '\n                    '", " "))
        assert made.code == 0, made.text
        assert service.requests == []  # tables are made without a request
        return psql(text)

    return call


def lines(done):
    assert done.code == 0, done.text
    return done.out.splitlines()


def test_a_box_is_handed_on_and_rows_are_whole(sql, service, truth):
    found = lines(sql("SELECT id, sequence_id, is_pano, ST_X(geom), round(extract(epoch FROM captured_at)) "
                      f"FROM street.images WHERE {IN_CENTRE}"))

    rows = [line.split(",") for line in found]
    wanted = truth.within(CENTRE)
    assert [row[:3] for row in rows] == [[str(row.id), row.sequence_id, "t" if row.is_pano else "f"] for row in wanted]
    assert [float(row[3]) for row in rows] == pytest.approx([row.lon for row in wanted], abs=1e-9)
    assert [row[4] == "" for row in rows] == [row.captured_at is None for row in wanted]
    assert all(abs(int(row[4]) - one.captured_at / 1000) <= 1 for row, one in zip(rows, wanted) if row[4])
    assert_each_once(service.requests, cover(CENTRE))


@pytest.mark.parametrize("condition", ["id = {}", "fid = {}", "{} = id", "id = {} AND is_pano IS NOT NULL"])
def test_an_id_is_asked_for_and_nothing_else(sql, service, truth, condition):
    row = truth.rows()[700]

    assert lines(sql(f"SELECT id FROM street.images WHERE {condition.format(row.id)}")) == [str(row.id)]

    assert entities_asked(service.requests) == [(row.id,)]


def test_two_ids_with_or_are_asked_for_together(sql, service, truth):
    some = [row.id for row in truth.rows()[700:900:150]]

    found = lines(sql(f"SELECT id FROM street.images WHERE {' OR '.join(f'id = {n}' for n in some)}"))

    assert found == [str(n) for n in some]
    assert entities_asked(service.requests) == [tuple(some)]


def test_a_sequence_is_asked_for_by_its_key(sql, service, town):
    sequence = next(one for one in town.sequences if 3 < len(one.images) < 40)

    found = lines(sql(f"SELECT id FROM street.images WHERE sequence_id = '{sequence.id}'"))

    assert sorted(map(int, found)) == sorted(image.id for image in sequence.images)
    assert set(kinds(service.requests)) == {"image_ids", "entities"}


def test_conditions_are_handed_on_so_that_only_rows_that_pass_are_asked_about(sql, service, truth):
    found = lines(sql(f"SELECT id, make FROM street.images WHERE {IN_CENTRE} AND is_pano AND quality_score > 0.7 "
                      "AND captured_at >= '2019-01-01' AND captured_at < '2030-01-01'", "FIELDS=make"))

    wanted = [row for row in truth.within(CENTRE) if row.is_pano and (row.quality_score or 0) > 0.7
              and (row.captured_at or 0) >= 1546300800000]
    assert wanted and found == [f"{row.id},{truth.town.graph_image(row.id).get('make', '')}" for row in wanted]
    assert sorted(n for batch in ids_asked(service.requests) for n in batch) == sorted(row.id for row in wanted)


def test_postgresql_groups_and_sorts_what_it_reads(sql, truth):
    groups = lines(sql(f"SELECT is_pano, count(*), max(id) FROM street.images WHERE {IN_CENTRE} GROUP BY is_pano "
                       "ORDER BY is_pano"))

    by_kind = [[row.id for row in truth.within(CENTRE) if row.is_pano is kind] for kind in (False, True)]
    assert groups == [f"{kind},{len(ids)},{max(ids)}" for kind, ids in zip("ft", by_kind)]


def test_images_near_signs_come_of_a_join(sql, service, truth, town):
    west, south, east, north = CENTRE
    reach = 0.0001
    found = lines(sql(f"SELECT count(*) FROM street.images i JOIN street.traffic_signs s "
                      f"ON ST_DWithin(i.geom, s.geom, {reach}) WHERE i.{IN_CENTRE} AND s.{IN_CENTRE}"))

    signs = [(s.tile_lon, s.tile_lat) for s in town.signs
             if west <= s.tile_lon <= east and south <= s.tile_lat <= north]
    near = sum((row.lon - lon) ** 2 + (row.lat - lat) ** 2 <= reach ** 2
               for row in truth.within(CENTRE) for lon, lat in signs)
    assert near > 10 and found == [str(near)]
    assert {key[0] for key in service.tiles_asked()} == {"mly1_public", "mly_map_feature_traffic_sign"}


@pytest.mark.parametrize("query", [
    "SELECT count(*) FROM street.images",
    "SELECT id FROM street.images WHERE id IN (1, 2)",  # which ogr_fdw keeps to itself
    "SELECT count(*) FROM street.images WHERE ST_Intersects(geom, ST_MakeEnvelope(8.548, 50.018, 8.552, 50.022, 4326))"])
def test_what_bounds_nothing_is_an_error_of_the_query_and_asks_nothing(sql, service, query):
    done = sql(query)

    assert done.code != 0 and "nothing bounds this read" in done.err
    assert service.requests == []


def test_a_read_that_fails_half_way_is_an_error_of_the_query(sql, service):
    service.fault(503, match=cover(CENTRE)[-1], times=None)

    done = sql(f"SELECT count(*) FROM street.images WHERE {IN_CENTRE}")

    assert done.code != 0 and "HTTP 503" in done.err and done.out == ""


def test_tables_cannot_be_written_to(sql, service):
    done = sql("UPDATE street.images SET is_pano = true WHERE id = 3")

    assert done.code != 0 and "does not allow updates" in done.err
    assert service.requests == []


def test_who_looks_at_the_server_sees_no_token(sql, server):
    done = sql("SELECT srvoptions FROM pg_foreign_server; SELECT * FROM pg_settings")

    assert "MAPILLARY_ACCESS_TOKEN_FILE=" in "\n".join(lines(done))  # `run` has looked for the token itself
