"""Lists on the wire, and that long ones leave room for others."""

import asyncio
import json

import pytest

from trunkline.facade.list_answers import PART, list_answer, page_answer
from trunkline.facade.schemas.base import Body, EntityId
from trunkline.v1.page_pb2 import PageRequest


def shown(name: str) -> Body:
    return EntityId(entity_type="DEVICE", id=name)


async def test_a_page_on_the_wire() -> None:
    answer = await page_answer(["ü", "b"], shown, 3, PageRequest(size=2))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    data = [{"entityType": "DEVICE", "id": "ü"}, {"entityType": "DEVICE", "id": "b"}]
    page = {"data": data, "totalPages": 2, "totalElements": 3, "hasNext": True}
    assert json.loads(bytes(answer.body)) == page


@pytest.mark.parametrize(
    ("total", "size", "number", "pages", "more"),
    [(0, 10, 0, 0, False), (10, 10, 0, 1, False), (11, 10, 0, 2, True), (11, 10, 1, 2, False), (11, 10, 5, 2, False)],
)
async def test_counting(total: int, size: int, number: int, pages: int, more: bool) -> None:
    answer = await page_answer([], shown, total, PageRequest(size=size, number=number))
    page = {"data": [], "totalPages": pages, "totalElements": total, "hasNext": more}
    assert json.loads(bytes(answer.body)) == page


@pytest.mark.parametrize("count", [0, 1, PART, PART + 1, 3 * PART])
async def test_lists_are_whole_and_in_order(count: int) -> None:
    names = [str(number) for number in range(count)]
    listed = json.loads(bytes((await list_answer(names, shown)).body))
    assert [entry["id"] for entry in listed] == names


async def test_others_get_their_turn() -> None:
    turns: list[str] = []

    def noting(name: str) -> Body:
        turns.append(name)
        return shown(name)

    async def other() -> None:
        turns.append("other")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(list_answer(["a"] * (PART + 1), noting))
        tasks.create_task(other())
    assert turns == ["a"] * PART + ["other", "a"]
