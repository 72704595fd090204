"""Ids in queries: each is asked for once, and what is found comes in that order."""

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.facade.query_ids import all_of, ids_in_query, in_order
from trunkline.v1.device_pb2 import Device
from trunkline.v1.page_pb2 import PageRequest

A = "00000000-0000-0000-0000-00000000000a"
B = "00000000-0000-0000-0000-00000000000b"


@pytest.mark.parametrize("values", [[A.upper(), B, A], [f"{A}, {B}"], [f"{B},{A}", A]])
def test_each_id_once_in_one_form(values: list[str]) -> None:
    assert sorted(ids_in_query("deviceIds", values)) == [A, B]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "Parameter 'deviceIds' can't be empty!"),
        ([" "], "Parameter 'deviceIds' can't be empty!"),
        ([A, ""], "Invalid UUID string: "),
        ([f"{A},abc"], "Invalid UUID string: abc"),
    ],
)
def test_what_is_no_list_of_ids(values: list[str], message: str) -> None:
    with pytest.raises(TrunklineError, match=message):
        ids_in_query("deviceIds", values)


def test_the_order_is_that_of_the_question() -> None:
    found = [Device(id=A), Device(id=B)]
    assert in_order([B, "unknown", A], found) == [Device(id=B), Device(id=A)]


def test_never_more_than_a_page() -> None:
    assert all_of([A, B]) == PageRequest(size=2)
    assert all_of([A] * 20_000) == PageRequest(size=10_000)
