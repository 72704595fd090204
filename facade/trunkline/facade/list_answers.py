"""Lists as answers, made in parts: whoever calls a device meanwhile waits for a part, not for ten thousand entities."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from starlette.responses import Response

from trunkline.v1.page_pb2 import PageRequest

PART: Final = 50
"""Entities that are worked off at once: two or three milliseconds."""

Item = TypeVar("Item")


class Shown(Protocol):
    """What knows its JSON."""

    def as_json(self) -> str: ...


async def list_answer(items: Sequence[Item], shown: Callable[[Item], Shown]) -> Response:
    """A JSON array of what each item is shown as."""
    return _json(b"[" + await _joined(items, shown) + b"]")


async def page_answer(
    items: Sequence[Item], shown: Callable[[Item], Shown], total: int, request: PageRequest
) -> Response:
    """The page that answers `request`, of what each item is shown as; `total` counts the items of all pages."""
    pages = -(-total // request.size)
    more = "true" if request.number + 1 < pages else "false"
    counts = f'],"totalPages":{pages},"totalElements":{total},"hasNext":{more}}}'
    return _json(b'{"data":[' + await _joined(items, shown) + counts.encode())


async def _joined(items: Sequence[Item], shown: Callable[[Item], Shown]) -> bytes:
    parts: list[str] = []
    for start in range(0, len(items), PART):
        if start:
            await asyncio.sleep(0)
        parts += [shown(item).as_json() for item in items[start : start + PART]]
    return ",".join(parts).encode()


def _json(text: bytes) -> Response:
    return Response(text, media_type="application/json")
