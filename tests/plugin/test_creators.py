# SPDX-License-Identifier: MIT
"""Images by who made them: a user name or an organisation, in an area and everywhere."""
from __future__ import annotations

from typing import List

import pytest

from features import Layer, at, ids_asked, kinds, listed
from reading import listening

BOX = (8.54, 50.01, 8.56, 50.03)
NAMES = ("lena_maps", "Mira Feld", "sonnenfurt-opönv")


def ask(service, sql: str, **options: object) -> Layer:
    return Layer("images", FIELDS="creator_username", **{**at(service), **options}).where(sql)


def by(town, *names: str) -> List[int]:
    return sorted(image.id for image in town.images if image.creator.username in names)


def names_asked(service) -> List[str]:
    return [request.query["creator_username"] for request in service.requests if request.kind == "search"]


def within(truth, town, *names: str) -> List[int]:
    return [row.id for row in truth.within(BOX) if town.image(row.id).creator.username in names]


# ---- In an area -----------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [(name,) for name in NAMES] + [NAMES, ("lena_maps", "nobody_has_it")])
def test_in_an_area_tiles_are_asked_and_each_name_once(service, town, truth, names):
    rows, heard = ask(service, f"creator_username IN ({listed(names)})").within(BOX).read()

    assert heard.errors == [] and len(heard.warnings) == ("nobody_has_it" in names)
    assert [row.fid for row in rows] == within(truth, town, *names)
    assert {row.fields["creator_username"] for row in rows} == set(names) - {"nobody_has_it"}
    assert sorted(names_asked(service)) == sorted(names)
    # Only old tiles do not say who it was.
    unsaid = {row.id for row in truth.rows() if row.creator_id is None}
    assert {n for batch in ids_asked(service.requests) for n in batch} <= unsaid


def test_a_name_that_nobody_has_finds_nothing(service, truth):
    rows, heard = ask(service, "creator_username = 'nobody_has_it'").within(BOX).read()

    assert rows == [] and heard.errors == []
    assert ["the service knows no creator 'nobody_has_it'; check the spelling" in text for text in heard.warnings] == [True]
    asked = {n for batch in ids_asked(service.requests) for n in batch}
    assert asked <= {row.id for row in truth.rows() if row.creator_id is None}


def test_names_go_together_with_other_conditions(service, town, truth):
    sql = "creator_username = 'lena_maps' AND captured_at >= '2020/01/01' OR creator_username = 'Mira Feld'"
    rows = ask(service, sql).within(BOX).rows()

    since = 1577836800000
    assert [row.fid for row in rows] == [
        row.id for row in truth.within(BOX)
        if town.image(row.id).creator.username == "Mira Feld"
        or town.image(row.id).creator.username == "lena_maps" and (row.captured_at or 0) >= since]


def test_all_but_one(service, town, truth):
    rows = ask(service, "NOT creator_username = 'lena_maps'").within(BOX).rows()

    assert [row.fid for row in rows] == [
        row.id for row in truth.within(BOX) if town.image(row.id).creator.username != "lena_maps"]


def test_a_pattern_is_looked_up_row_by_row(service, town, truth):
    rows = ask(service, "creator_username LIKE '%maps' AND is_pano = 1").within(BOX).rows()

    assert [row.fid for row in rows] == [
        row.id for row in truth.within(BOX) if row.is_pano and town.image(row.id).creator.username == "lena_maps"]
    assert names_asked(service) == []
    assert sorted(n for batch in ids_asked(service.requests) for n in batch) == sorted(
        row.id for row in truth.within(BOX) if row.is_pano)


def test_a_name_that_cannot_be_asked_for_is_a_failure(service):
    service.fault(500, match="search", times=None)

    assert "HTTP 500" in ask(service, "creator_username = 'lena_maps'").within(BOX).failure()
    assert service.tiles_asked() == []


def test_without_the_field_there_is_nothing_to_filter_by(service):
    with listening() as heard:
        assert Layer("images", **at(service)).layer.SetAttributeFilter("creator_username = 'lena_maps'") != 0
    assert "creator_username" in heard.text


# ---- Everywhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_without_an_area_all_pages_are_followed(service, town, name):
    service.page_size = 150

    rows = ask(service, f"creator_username = '{name}'").rows()

    assert sorted(row.fid for row in rows) == by(town, name)
    assert {row.fields["creator_username"] for row in rows} == {name}
    searches = [request for request in service.requests if request.kind == "search"]
    assert len(searches) == -(-len(by(town, name)) // 150) and all("access_token" not in s.query for s in searches)
    assert service.tiles_asked() == []


def test_an_organisation_is_found_likewise(service, town):
    number = town.organizations[0].id
    other = town.organizations[1].id

    one = Layer("images", **at(service)).where(f"organization_id = {number}").rows()
    both = Layer("images", **at(service)).where(f"organization_id IN ({number}, {other})").rows()

    assert sorted(row.fid for row in one) == sorted(i.id for i in town.images if i.organization_id == number)
    assert sorted(row.fid for row in both) == sorted(i.id for i in town.images if i.organization_id in (number, other))
    assert set(kinds(service.requests)) == {"search", "entities"}


def test_an_area_turns_it_into_a_condition_on_tiles(service, town, truth):
    number = town.organizations[0].id

    rows = Layer("images", **at(service)).within(BOX).where(f"organization_id = {number}").rows()

    assert [row.fid for row in rows] == [row.id for row in truth.within(BOX) if row.organization_id == number]
    assert set(kinds(service.requests)) == {"tile"}


def test_a_next_page_elsewhere_is_not_followed(service):
    service.page_size, service.paging_url = 100, "https://graph.example.org"

    message = ask(service, "creator_username = 'lena_maps'").failure()

    assert "elsewhere" in message and "graph.example.org" not in message


def test_a_full_page_without_a_next_one_is_no_end(service):
    service.paging = False

    rows, heard = ask(service, "creator_username = 'sonnenfurt-opönv'").read()

    assert len(heard.errors) == 1 and "names no next page" in heard.errors[0]
    assert len(rows) <= 2000


def test_the_budget_of_requests_ends_it_loudly(service):
    service.page_size = 100

    _, heard = ask(service, "creator_username = 'lena_maps'", MAX_REQUESTS=5).read()

    assert len(heard.errors) == 1 and "MAX_REQUESTS" in heard.errors[0]
    assert len(service.requests) <= 5


def test_a_page_that_fails_for_a_while_is_asked_for_again(service, town):
    service.page_size = 400
    service.fault(503, match="search", after=2, times=2)

    rows = ask(service, "creator_username = 'lena_maps'").rows()

    assert sorted(row.fid for row in rows) == by(town, "lena_maps")


# ---- Upper and lower case -----------------------------------------------------------------------------

SPELLINGS = ("lena_maps", "LENA_MAPS", "Lena_Maps")


@pytest.mark.parametrize("ignores_case", (False, True))
def test_without_an_area_spellings_of_one_name_give_each_image_once(service, town, ignores_case):
    service.ignores_case, service.page_size = ignores_case, 150

    rows, heard = ask(service, f"creator_username IN ({listed(SPELLINGS)}, 'Mira Feld')").read()

    assert sorted(row.fid for row in rows) == by(town, "lena_maps", "Mira Feld")
    assert {row.fields["creator_username"] for row in rows} == {"lena_maps", "Mira Feld"}
    pages = [-(-len(by(town, name)) // 150) for name in ("lena_maps", "Mira Feld")]
    assert pages[0] > 1
    assert len(names_asked(service)) == sum(pages) + 2  # the first page of each other spelling
    unknown = [] if ignores_case else list(SPELLINGS[1:])
    assert heard.errors == []
    assert [f"lists none of a creator '{name}'; check the spelling" in text
            for name, text in zip(unknown, heard.warnings)] == [True] * len(unknown)
    assert len(heard.warnings) == len(unknown)


def test_without_an_area_a_name_that_nobody_has_is_warned_of(service):
    rows, heard = ask(service, "creator_username = 'LENA_MAPS'").read()

    assert rows == [] and heard.errors == []
    assert len(heard.warnings) == 1 and "check the spelling, with its upper and lower case" in heard.warnings[0]


@pytest.mark.parametrize("ignores_case", (False, True))
def test_in_an_area_spellings_of_one_name_give_each_image_once(service, town, truth, ignores_case):
    service.ignores_case = ignores_case

    rows, heard = ask(service, f"creator_username IN ({listed(SPELLINGS)})").within(BOX).read()

    assert [row.fid for row in rows] == within(truth, town, "lena_maps")
    assert {row.fields["creator_username"] for row in rows} == {"lena_maps"}
    assert heard.errors == [] and len(heard.warnings) == (0 if ignores_case else 2)


def test_a_service_that_knows_other_spellings_has_the_last_word(service, town, truth):
    service.ignores_case = True

    everywhere = ask(service, "creator_username = 'LENA_MAPS'").rows()
    here = ask(service, "creator_username = 'LENA_MAPS'").within(BOX).rows()

    assert sorted(row.fid for row in everywhere) == by(town, "lena_maps")
    assert [row.fid for row in here] == within(truth, town, "lena_maps")
