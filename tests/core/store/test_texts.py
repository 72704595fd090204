"""Both databases say the same of texts."""

import itertools

import pytest
from sqlalchemy import ColumnElement, LargeBinary, String, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.store.database import Database
from trunkline.core.store.texts import any_holds, by_code_point, holds


async def true(database: Database, question: ColumnElement[bool]) -> bool:
    async def work(connection: AsyncConnection) -> bool:
        return bool(await connection.scalar(select(question)))

    return await database.run(work)


@pytest.mark.parametrize(
    ("whole", "part", "within"),
    [
        ("Pump", "UM", True),
        ("Ärger", "äR", True),
        ("ΠΑΣΧΑ", "πας", True),  # a sigma at the end of a word is one within it
        ("ΟΔΟΣ", "οδοσ", True),
        ("Straße", "STRASSE", True),
        ("STRASSE", "ß", True),
        ("Ωm", "ωM", True),
        ("a%b", "%", True),
        ("ab", "%", False),
        ("ab", "_", False),
        ("a\\b", "\\", True),
        ("ab", "ä", False),
        ("", "a", False),
        ("a", "a" * 255, False),
    ],
)
async def test_letter_case_is_no_matter_in_people_s_texts(
    database: Database, whole: str, part: str, within: bool
) -> None:
    assert await true(database, holds(literal(whole, String))(part)) is within


@pytest.mark.parametrize(
    ("wholes", "part", "within"),
    [
        ([b"setGpio"], "GPIO", True),
        ([b"a", b"b", b"c"], "C", True),
        ([b"a", b"b"], "ab", False),
        ([b""], "a", False),
        ([b"\x00\xff\xfe key \x00"], " KEY ", True),
        ([b"\xff"], "\xff", False),  # whose UTF-8 has other bytes
        (["Ä".encode()], "Ä", True),
        (["Ä".encode()], "ä", False),
        ([b"a\x00b"], "ab", False),
        ([b"\\000"], "\\000", True),
        ([b"\x00"], "000", False),
        ([b"\\\x00"], "\\000", False),
        ([b"\xc3"], "303", False),
        ([b"\\303"], "\\303", True),
        ([b"\\\xc3\xa4"], "\\ä", True),
        ([b"x" * 1_000_000 + b"Y"], "xy", True),
    ],
)
async def test_bytes_that_are_no_text_are_searched_all_the_same(
    database: Database, wholes: list[bytes], part: str, within: bool
) -> None:
    columns = (literal(whole, LargeBinary) for whole in wholes)
    assert await true(database, any_holds(*columns)(part)) is within


async def test_what_is_absent_holds_nothing(database: Database) -> None:
    for nothing in (holds(literal(None, String)), any_holds(literal(None, LargeBinary))):
        assert not await true(database, nothing("a"))
    assert await true(database, any_holds(literal(None, LargeBinary), literal(b"A", LargeBinary))("a"))


async def test_texts_sort_by_code_point(database: Database) -> None:
    in_order = ["", "1", "B", "a", "a b", "ab", "b", "Ä", "ä", "Ω", "\uffff", "\U00010000"]
    assert in_order == sorted(in_order)
    for one, other in itertools.pairwise(in_order):
        smaller = by_code_point(literal(one, String)) < by_code_point(literal(other, String))
        assert await true(database, smaller), (one, other)


def test_what_is_no_text_sorts_as_it_is() -> None:
    column = literal(b"", LargeBinary)
    assert by_code_point(column) is column
