"""One page of a list: what may be asked, and how every list is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.core.gentle import mapped
from trunkline.core.store.texts import Search, by_code_point
from trunkline.core.validation import invalid

S = TypeVar("S")
T = TypeVar("T")

DEFAULT_SORT: Final = "create_time"
"""Every list can be sorted by it, and is, newest first, if nothing is asked."""

LONGEST_SEARCH: Final = 255
"""Characters: as many as the longest name has."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list somebody wants, and in which order."""

    size: int = 100
    number: int = 0
    """0 is the first page."""
    text_search: str = ""
    """Part of the name, letter case aside; empty: all."""
    sort_by: str = ""
    """A field's name; empty: create_time, newest first."""
    descending: bool = False
    """Together with `sort_by`."""


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page, and how many items all pages have together."""

    items: Sequence[T]
    total: int

    async def mapped(self, function: Callable[[T], S]) -> "Paged[S]":
        """The same page of what `function` makes of each item."""
        return Paged(await mapped(function, self.items), self.total)


async def paged(
    connection: AsyncConnection,
    query: Select[*tuple[Any, ...]],
    page: Page,
    *,
    sortable: Mapping[str, ColumnElement[Any]],
    search: Search,
    id_column: ColumnElement[bytes],
) -> Paged[Row[*tuple[Any, ...]]]:
    """The rows of one page of `query`, each of which `id_column` names once.

    `sortable` says what `sort_by` may name, create_time at least; `search` is what `text_search` asks.
    What sorts equal is ordered by id, so that no row is on two pages. Raises INVALID_ARGUMENT for anything else.
    """
    if page.size < 1:
        invalid(f"A page has at least one item, not {page.size}", "size")
    if page.number < 0:
        invalid(f"There is no page {page.number}", "number")
    if page.text_search:
        query = query.where(search(_searched(page.text_search)))
    total = await connection.scalar(select(func.count()).select_from(query.with_only_columns(id_column).subquery()))
    in_order = query.order_by(_order(page, sortable), id_column)
    rows = await connection.execute(in_order.limit(page.size).offset(page.size * page.number))
    return Paged(rows.all(), total or 0)


def _order(page: Page, sortable: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    if not page.sort_by:
        return sortable[DEFAULT_SORT].desc()
    column = sortable.get(page.sort_by)
    if column is None:
        invalid(f"Invalid sort property '{page.sort_by}'; it is one of {', '.join(sortable)}", "sort_by")
    column = by_code_point(column)
    return column.desc() if page.descending else column.asc()


def _searched(text: str) -> str:
    if len(text) > LONGEST_SEARCH:
        invalid(f"The text to search for is longer than {LONGEST_SEARCH} characters", "text_search")
    if "\x00" in text:  # PostgreSQL takes none in a text
        invalid("The text to search for should not contain 0x00 symbol!", "text_search")
    return text
