"""Lists page by page: ThingsBoard's query parameters."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from fastapi import Query

from trunkline.facade.errors import bad_request
from trunkline.v1.page_pb2 import PageRequest

LARGEST_PAGE: Final = 10_000
"""What is asked beyond it comes on further pages: clients that want everything at once ask for two thousand million."""

_LAST_NUMBER: Final = 2**31 - 1  # ThingsBoard reads a Java int


def paging(sortable: Mapping[str, str], searched: str = "the name") -> Callable[..., PageRequest]:
    """A dependency: the page that a request asks for, in an order of `sortable` (`sortProperty` to the core's name).

    `searched` says what `textSearch` looks at. It raises TrunklineError (INVALID_ARGUMENT) with ThingsBoard's texts.
    """

    def page_request(
        page_size: Annotated[int, Query(alias="pageSize", description="At least 1; more than 10,000 count as that")],
        page: Annotated[int, Query(description="From 0")],
        text_search: Annotated[
            str, Query(alias="textSearch", description=f"Part of {searched}, letter case aside")
        ] = "",
        sort_property: Annotated[
            str, Query(alias="sortProperty", description=f"One of {', '.join(sortable)}; without it newest first")
        ] = "",
        sort_order: Annotated[str, Query(alias="sortOrder", description="ASC or DESC")] = "",
    ) -> PageRequest:
        if page_size < 1:
            raise bad_request(f"Incorrect page link page size '{page_size}'. Page size must be greater than zero.")
        if page < 0:
            raise bad_request(f"Incorrect page link page '{page}'. Page must be positive integer.")
        if page > _LAST_NUMBER:
            raise bad_request(f"Incorrect page link page '{page}'. There are not so many pages.")
        return PageRequest(
            size=min(page_size, LARGEST_PAGE),
            number=page,
            text_search=text_search,
            sort_by=_sort_by(sort_property, sortable),
            descending=bool(sort_property) and _descending(sort_order),
        )

    return page_request


def _sort_by(sort_property: str, sortable: Mapping[str, str]) -> str:
    if not re.fullmatch(r"[\w-]*", sort_property, re.ASCII):
        raise bad_request("Invalid sort property")
    if sort_property and sort_property not in sortable:
        raise bad_request(f"Invalid sort property '{sort_property}'; it is one of {', '.join(sortable)}")
    return sortable.get(sort_property, "")


def _descending(sort_order: str) -> bool:
    if sort_order.upper() not in ("", "ASC", "DESC"):
        raise bad_request(f"Unsupported sort order '{sort_order}'! Only 'ASC' or 'DESC' types are allowed.")
    return sort_order.upper() == "DESC"
