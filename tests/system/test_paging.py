"""Lists page by page over a whole server: everything once, in one order, and found by any part of its name."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx
import pytest
from system.rest_caller import rest_caller
from system.runners import serve

Json = dict[str, Any]

ORDERS: Final = (
    "",
    "&sortProperty=name",
    "&sortProperty=name&sortOrder=DESC",
    "&sortProperty=label&sortOrder=DESC",
    "&sortProperty=type",
    "&sortProperty=customerTitle",
    "&sortProperty=active&sortOrder=DESC",
    "&sortProperty=createdTime",
)

NAMES: Final = (
    "100%",
    "100 percent",
    "a_b",
    "axb",
    "back\\slash",
    "for/ward",
    "Grün",
    "GRÜN und mehr",
    "ΣΊΣΥΦΟΣ",
    "Привет",
    "日本語 センサー",
    "🙂 smile",
    "'quoted' \"twice\"",
    "İstanbul",
    "tab\tin it",
)
"""Each with something that a search could take for more than it is."""


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A tenant with a hundred devices, most of which sort equal, and one for each of the names."""
    with serve("one", tmp_path_factory.mktemp("data")) as served, rest_caller(served.rest) as caller:
        for number in range(100):
            device = {"name": f"Same {uuid.uuid4()}", "label": str(number % 3)}
            assert caller.http.post("/api/device", json=device).status_code == 200
        for name in NAMES:
            assert caller.http.post("/api/device", json={"name": name}).status_code == 200
        yield caller.http


def page(admin: httpx.Client, query: str) -> Json:
    answer = admin.get(f"/api/tenant/deviceInfos?{query}")
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def names(body: Json) -> Sequence[str]:
    return [device["name"] for device in body["data"]]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_everything_is_on_one_page_and_no_other(admin: httpx.Client, order: str, size: int) -> None:
    whole = page(admin, f"pageSize=10000&page=0{order}")
    total = whole["totalElements"]
    assert total == len(whole["data"]) > 100
    pages = -(-total // size)
    in_parts: list[str] = []
    for number in range(pages):
        part = page(admin, f"pageSize={size}&page={number}{order}")
        assert (part["totalPages"], part["totalElements"]) == (pages, total)
        assert part["hasNext"] == (number + 1 < pages)
        in_parts += names(part)
    assert in_parts == names(whole)
    assert len(set(in_parts)) == total
    beyond = page(admin, f"pageSize={size}&page={pages}{order}")
    assert (beyond["data"], beyond["totalElements"], beyond["hasNext"]) == ([], total, False)


def test_new_devices_on_the_first_page_move_none_out_of_the_rest(admin: httpx.Client) -> None:
    """In an order that does not depend on time, what comes later is found in its place, and all the rest still once."""
    query = "pageSize=40&sortProperty=name&textSearch=Same"
    first = names(page(admin, f"{query}&page=0"))
    assert admin.post("/api/device", json={"name": "Same zzz"}).status_code == 200
    rest = [name for number in (1, 2) for name in names(page(admin, f"{query}&page={number}"))]
    assert len({*first, *rest}) == len(first) + len(rest) == 101


@pytest.mark.parametrize("number", [10**6, 2**31 - 1])
@pytest.mark.parametrize("size", [1, 10_000, 2**31 - 1])
def test_pages_far_behind_the_last(admin: httpx.Client, size: int, number: int) -> None:
    assert page(admin, f"pageSize={size}&page={number}")["data"] == []


@pytest.mark.parametrize(
    ("size", "number"),
    [("0", "0"), ("-1", "0"), ("1", "-1"), ("1", "2147483648"), ("1", "9" * 30), ("x", "0"), ("1", ""), ("1e3", "0")],
)
def test_pages_that_cannot_be(admin: httpx.Client, size: str, number: str) -> None:
    for path in ("tenant/devices", "tenant/deviceInfos", "deviceProfiles", "deviceProfileInfos", "customers", "users"):
        answer = admin.get(f"/api/{path}", params={"pageSize": size, "page": number})
        assert (answer.status_code, answer.json()["errorCode"]) == (400, 31)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_found_by_itself_in_any_case(admin: httpx.Client, name: str) -> None:
    for text in (name, name.lower(), name[1:], name.swapcase() if name.isascii() else name):
        found = names(_search(admin, text))
        assert name in found
        assert all(text.casefold() in other.casefold() for other in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%", ["100%"]),
        ("_", ["a_b"]),
        ("\\", ["back\\slash"]),
        ("/", ["for/ward"]),
        ("a_b", ["a_b"]),
        ("0%", ["100%"]),
        ("grün", ["GRÜN und mehr", "Grün"]),
        ("ПРИВЕТ", ["Привет"]),
        ("センサー", ["日本語 センサー"]),
        ("ΣΊΣ", ["ΣΊΣΥΦΟΣ"]),
        ("🙂", ["🙂 smile"]),
        ("' OR 1=1 --", []),
        ("x" * 255, []),
    ],
)
def test_a_search_takes_every_character_as_itself(admin: httpx.Client, text: str, found: list[str]) -> None:
    assert sorted(names(_search(admin, text))) == sorted(found)


def _search(admin: httpx.Client, text: str) -> Json:
    answer = admin.get("/api/tenant/devices", params={"pageSize": 1000, "page": 0, "textSearch": text})
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body
