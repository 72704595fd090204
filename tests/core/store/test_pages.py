"""Lists, page by page."""

import itertools
from typing import Any

import pytest
from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_id
from trunkline.core.store.database import Database
from trunkline.core.store.pages import LONGEST_SEARCH, Page, Paged, paged
from trunkline.core.store.tables import tenants
from trunkline.core.store.texts import holds
from trunkline.v1.error_pb2 import ErrorReason

SORTABLE = {"create_time": tenants.c.create_unix_ms, "title": tenants.c.title}

TEXTS = ("country", "state", "city", "address", "address2", "zip", "phone", "email", "region")

TITLES = ("Äpfel", "apples", "Pears", "100 %", "100_pears", "100/2", "pears")


@pytest.fixture(autouse=True)
async def tenants_in_pairs(database: Database) -> None:
    """Tenants, each pair of them made at the same time."""
    rows = [
        {"id": new_id(), "title": title, "create_unix_ms": number // 2, "version": 1, "additional_info": b""}
        | dict.fromkeys(TEXTS, "")
        for number, title in enumerate(TITLES)
    ]
    await database.run(lambda connection: connection.execute(insert(tenants), rows))


async def read(database: Database, page: Page) -> Paged[Row[Any]]:
    async def work(connection: AsyncConnection) -> Paged[Row[Any]]:
        return await paged(
            connection, select(tenants), page, sortable=SORTABLE, search=holds(tenants.c.title), id_column=tenants.c.id
        )

    return await database.run(work)


async def titles(database: Database, page: Page) -> list[str]:
    return [row.title for row in (await read(database, page)).items]


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("sort_by", ["", "create_time", "title"])
async def test_every_item_is_on_one_page(database: Database, size: int, sort_by: str) -> None:
    whole = await titles(database, Page(size=100, sort_by=sort_by))
    assert sorted(whole) == sorted(TITLES)
    parts: list[str] = []
    for number in itertools.count():
        page = await read(database, Page(size=size, number=number, sort_by=sort_by))
        assert page.total == len(TITLES)
        if not page.items:
            break
        assert len(page.items) <= size
        parts += [row.title for row in page.items]
    assert parts == whole


async def test_the_newest_come_first_unless_asked(database: Database) -> None:
    newest = [row.create_unix_ms for row in (await read(database, Page())).items]
    assert newest == sorted(newest, reverse=True)
    oldest = [row.create_unix_ms for row in (await read(database, Page(sort_by="create_time"))).items]
    assert oldest == sorted(oldest)


async def test_either_direction_can_be_asked_for(database: Database) -> None:
    up = await titles(database, Page(sort_by="title"))
    assert up == sorted(TITLES)
    assert await titles(database, Page(sort_by="title", descending=True)) == up[::-1]


async def test_what_sorts_equal_is_ordered_by_id(database: Database) -> None:
    rows = (await read(database, Page(sort_by="create_time"))).items
    assert [row.id for row in rows] == [row.id for row in sorted(rows, key=lambda row: (row.create_unix_ms, row.id))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pear", {"Pears", "100_pears", "pears"}),
        ("PEARS", {"Pears", "100_pears", "pears"}),
        ("äPF", {"Äpfel"}),
        ("%", {"100 %"}),
        ("_", {"100_pears"}),
        ("/", {"100/2"}),
        ("\\", set()),
        ("", set(TITLES)),
    ],
)
async def test_a_text_is_found_anywhere_letter_case_aside(database: Database, text: str, found: set[str]) -> None:
    page = await read(database, Page(text_search=text))
    assert {row.title for row in page.items} == found
    assert page.total == len(found)


@pytest.mark.parametrize(
    ("page", "field"),
    [
        (Page(size=0), "size"),
        (Page(size=-1), "size"),
        (Page(number=-1), "number"),
        (Page(sort_by="password_hash"), "sort_by"),
        (Page(sort_by="title; drop table tenants"), "sort_by"),
        (Page(text_search="x" * (LONGEST_SEARCH + 1)), "text_search"),
        (Page(text_search="a\0b"), "text_search"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(database: Database, page: Page, field: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        await read(database, page)
    assert caught.value.reason == ErrorReason.ERROR_REASON_INVALID_ARGUMENT
    assert caught.value.metadata == {"field": field}


async def test_a_page_far_behind_the_last_one_is_empty(database: Database) -> None:
    page = await read(database, Page(size=10_000, number=2**32 - 1))
    assert (list(page.items), page.total) == ([], len(TITLES))


async def test_the_longest_search_is_taken(database: Database) -> None:
    assert await titles(database, Page(text_search="%" * LONGEST_SEARCH)) == []


async def test_a_page_of_what_is_made_of_its_items() -> None:
    assert await Paged([1, 2], 7).mapped(str) == Paged(["1", "2"], 7)
