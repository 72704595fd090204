import pytest

from trunkline.client.principals import PrincipalNumbers
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import BindPrincipal
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


class Table:
    """The numbers, what was bound, and which numbers calls mean at the moment."""

    def __init__(self, size: int) -> None:
        self.bound: list[tuple[int, bytes]] = []
        self.in_use: set[int] = set()
        self.numbers = PrincipalNumbers(self._bind, lambda: self.in_use, max_principals=size)

    def _bind(self, principal: BindPrincipal) -> None:
        self.bound.append((principal.principal, principal.user_id))

    def number(self, user: str, issued_unix_ms: int = 0) -> int:
        frame = BindPrincipal(0, b"tenant", user.encode(), Role.ROLE_TENANT_ADMIN, issued_unix_ms=issued_unix_ms)
        number = self.numbers.number(frame)
        assert frame.principal == 0, "the caller's frame stays as it is"
        return number


def test_a_caller_is_bound_once() -> None:
    table = Table(10)
    assert [table.number("a"), table.number("b"), table.number("a")] == [1, 2, 1]
    assert table.bound == [(1, b"a"), (2, b"b")]


def test_every_token_is_a_caller_of_its_own() -> None:
    table = Table(10)
    assert table.number("a", issued_unix_ms=1) != table.number("a", issued_unix_ms=2)


def test_the_least_recently_used_number_goes_to_the_next_caller() -> None:
    table = Table(2)
    table.number("a")
    table.number("b")
    table.number("a")
    table.in_use = {1}
    assert table.number("c") == 2
    assert table.bound[-1] == (2, b"c")
    assert table.number("a") == 1
    table.in_use = set()
    assert table.number("b") in (1, 2), "b was forgotten, and is bound anew"
    assert table.bound[-1][1] == b"b"


def test_a_number_that_waiting_calls_mean_is_never_given_away() -> None:
    table = Table(2)
    table.number("a")
    table.number("b")
    table.in_use = {1, 2}
    with pytest.raises(TrunklineError) as raised:
        table.number("c")
    assert raised.value.reason == ErrorReason.ERROR_REASON_QUEUE_FULL
    table.in_use = {2}
    assert table.number("c") == 1


def test_numbers_stay_within_the_bound() -> None:
    table = Table(300)
    seen = {table.number(f"user {n}") for n in range(1_000)}
    assert seen == set(range(1, 301))
