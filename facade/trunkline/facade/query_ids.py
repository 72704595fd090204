"""Ids in queries: entities that are asked for by id, several at once, and answered in that order."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from trunkline.facade.errors import bad_request
from trunkline.facade.paging import LARGEST_PAGE
from trunkline.facade.schemas.base import uuid_text
from trunkline.v1.page_pb2 import PageRequest


class _WithId(Protocol):
    @property
    def id(self) -> str: ...


Found = TypeVar("Found", bound=_WithId)


def ids_in_query(name: str, values: list[str]) -> list[str]:
    """The ids in a parameter that lists them or stands there several times, each once.

    Raises TrunklineError (INVALID_ARGUMENT).
    """
    text = ",".join(values)
    if not text.strip():
        raise bad_request(f"Parameter '{name}' can't be empty!")
    return list(dict.fromkeys(uuid_text(part.strip()) for part in text.split(",")))


def all_of(asked: list[str]) -> PageRequest:
    """The one page with everything that is asked by id. More cannot stand in a request's head."""
    return PageRequest(size=min(len(asked), LARGEST_PAGE))


def in_order(asked: list[str], found: Iterable[Found]) -> list[Found]:
    """What was found, in the order in which it was asked for."""
    by_id = {one.id: one for one in found}
    return [by_id[entity_id] for entity_id in asked if entity_id in by_id]
