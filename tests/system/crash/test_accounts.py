"""The accounts find what must not happen, and only that."""

import json
from typing import Any, Final

import pytest
from system.crash.accounts import Account, settle
from system.crash.ledger import NEVER, Down, Entry, Ledger, Reply, Standing, Wish, Write
from system.crash.rewrites import Why

ACK_TIMEOUT_S: Final = 2.0
ID: Final = "11111111-1111-1111-1111-111111111111"


class Life:
    """A ledger with one call to one device, which connected at 0 and, once told, again."""

    def __init__(self, *, qos: int = 1, **wish: Any) -> None:
        self.ledger = Ledger()
        self.ledger.qos[0] = qos
        self.first = self.ledger.new_connection()
        self.entry = self.new(**wish)

    def new(self, **wish: Any) -> Entry:
        """One more call; accepted, if it is a stored one."""
        usual: dict[str, Any] = {
            "number": len(self.ledger.calls),
            "device": 0,
            "two_way": True,
            "stored": True,
            "strategy": "BURST",
            "redelivery": "unanswered",
            "retries": 2,
            "expires_at": 100.0,
            "unacked": 0,
            "reply_s": 0.0,
            "keyed": False,
        }
        entry = self.ledger.new_call(Wish(**usual | wish))
        if entry.wish.stored:
            entry.call_id, entry.accepted_at = ID, 1.0
        return entry

    def write(self, at: float, *, acked: bool = True, again: bool = False, **changed: Any) -> None:
        """The device gets the call, after it subscribed again if `again`."""
        if again:
            self.ledger.connections[-1].ended_at = at - 0.1
            self.ledger.new_connection()
        usual: dict[str, Any] = {"request_id": 7, "acked_at": at + 0.001 if acked else NEVER}
        self.entry.writes.append(Write(at, self.ledger.connections[-1].number, **usual | changed))

    def reply(self, at: float, confirmed_at: float = NEVER) -> None:
        """The device answers."""
        self.entry.replies.append(Reply(at, self.ledger.connections[-1].number, '{"n": 0}', confirmed_at))

    def row(self, status: str, response: object = None, call_id: str = ID, number: int = 0) -> dict[str, Any]:
        """What the server has of it."""
        params = json.dumps({"n": number})
        return {
            "id": {"id": call_id},
            "status": status,
            "response": response,
            "request": {"body": {"params": params}},
        }

    def settled(self, *rows: dict[str, Any]) -> Account:
        return settle(self.ledger, rows, ACK_TIMEOUT_S)


def succeeded(**wish: Any) -> Life:
    life = Life(**wish)
    life.write(2)
    life.reply(2.1, 2.2)
    return life


def test_a_call_without_trouble() -> None:
    life = succeeded()
    account = life.settled(life.row("SUCCESSFUL", {"n": 0}))
    assert (account.faults, account.ends) == ([], {"SUCCESSFUL": 1})


@pytest.mark.parametrize("status", ["QUEUED", "SENT", "DELIVERED", "TIMEOUT", "DELETED"])
def test_a_call_that_has_not_ended(status: str) -> None:
    life = succeeded()
    assert "has not ended" in life.settled(life.row(status)).faults[0]


def test_lost_and_doubled_calls() -> None:
    life = succeeded()
    assert "is stored as []" in life.settled().faults[0]
    row = life.row("SUCCESSFUL", {"n": 0})
    assert "stored 2 times" in life.settled(row, {**row, "id": {"id": "another"}}).faults[0]
    life.entry.call_id = ""  # nobody was told of it
    assert not life.settled(row).faults
    assert not life.settled().faults


def test_two_ends() -> None:
    life = succeeded()
    life.entry.final = Standing(3, "FAILED", '{"error": "x"}')
    assert "had ended as" in life.settled(life.row("SUCCESSFUL", {"n": 0})).faults[0]


def test_a_reply_that_nobody_sent() -> None:
    life = succeeded()
    assert "none of" in life.settled(life.row("SUCCESSFUL", {"n": 1})).faults[0]


def test_expired() -> None:
    life = Life()
    assert not life.settled(life.row("EXPIRED")).faults
    life.entry.final = Standing(99, "EXPIRED", "null")
    assert "before its time" in life.settled(life.row("EXPIRED")).faults[0]
    life = succeeded()
    assert "had confirmed its reply" in life.settled(life.row("EXPIRED")).faults[0]


def test_delivered() -> None:
    life = Life(two_way=False)
    assert "never acknowledged" in life.settled(life.row("DELIVERED")).faults[0]
    life.write(2)
    assert not life.settled(life.row("DELIVERED")).faults
    life = Life(two_way=False, qos=0)
    assert not life.settled(life.row("DELIVERED")).faults  # nobody knows whether what was written to a socket is read


def test_failed() -> None:
    retries = {"error": "There was a Timeout and all retry attempts have been exhausted. Retry attempts set: 2"}
    life = Life()
    for at in (2, 5, 8):
        assert "but was written so" in life.settled(life.row("FAILED", retries)).faults[0]
        life.write(at, acked=False)
    assert not life.settled(life.row("FAILED", retries)).faults
    life = Life(redelivery="never")
    assert not life.settled(life.row("FAILED", retries)).faults  # written to a connection that was lost
    life.write(2)
    assert "but was written so" in life.settled(life.row("FAILED", retries)).faults[0]
    life.ledger.downs.append(Down("core", 2.5, 3))
    assert not life.settled(life.row("FAILED", retries)).faults
    in_turn = {"error": "There was a timeout awaiting for RPC response from device."}
    assert life.settled(life.row("FAILED", in_turn)).faults
    assert not Life(strategy="SEQUENTIAL_ON_RESPONSE_FROM_DEVICE").settled(life.row("FAILED", in_turn)).faults
    cancelled = {"error": "Cancelled before the device got it"}
    assert "by nobody" in Life().settled(life.row("FAILED", cancelled)).faults[0]
    assert not Life(cancel_after_s=1.0).settled(life.row("FAILED", cancelled)).faults
    lost = {"error": "The worker was lost"}
    assert Life().settled(life.row("FAILED", lost)).faults
    assert not Life(redelivery="never").settled(life.row("FAILED", lost)).faults


def test_a_call_that_nobody_cares_for() -> None:
    life = Life(expires_at=100.0)
    life.ledger.quiet_at = 50.0
    assert "although its device was there" in life.settled(life.row("EXPIRED")).faults[0]
    life.ledger.quiet_at = 90.0
    assert not life.settled(life.row("EXPIRED")).faults


@pytest.mark.parametrize("did", ["WITHDRAWN", "MARKED"])
def test_cancelled(did: str) -> None:
    life = Life(cancel_after_s=1.0)
    life.entry.cancelled = did
    cancelled = life.row("FAILED", {"error": "Cancelled before the device got it"})
    assert not life.settled(cancelled).faults
    assert "was cancelled" in life.settled(life.row("EXPIRED")).faults[0]
    life.write(2)
    assert len(life.settled(cancelled).faults) == (did == "WITHDRAWN")
    life.ledger.downs.append(Down("core", 2.5, 3))  # the next one cannot know that it was written
    assert not life.settled(cancelled).faults


def test_lightweight_calls() -> None:
    life = succeeded(stored=False)
    life.entry.response = '{"n": 0}'
    assert not life.settled().faults
    life.entry.response = '{"n": 1}'
    assert "none of" in life.settled().faults[0]
    life = succeeded(stored=False)  # whose worker may be lost with the reply that it confirmed
    life.write(2.5, again=True)
    assert not life.settled().faults
    life = Life(stored=False)
    life.write(2)
    life.write(3)
    assert "without a reason" in life.settled().faults[0]


def test_writes_against_the_rules() -> None:
    life = succeeded(expires_at=5.0)
    life.write(2.15, again=True)
    row = life.row("SUCCESSFUL", {"n": 0})
    assert not life.settled(row).faults
    life.write(2.5, again=True)
    assert "after its reply was confirmed" in life.settled(row).faults[0]
    life.entry.writes[-1] = Write(7, 3, 7, 7)
    assert "after its deadline" in life.settled(row).faults[0]
    life.entry.writes[-1] = Write(2.15, 3, 8, 2.15)
    assert "several request ids" in life.settled(row).faults[0]
    life.entry.writes[-1] = Write(2.15, 3, 7, 2.15, remaining_ms=0)
    assert "with 0 ms left" in life.settled(row).faults[0]
    life.entry.writes[-1] = Write(2.15, 3, 7, 2.15, remaining_ms=9_000)
    assert "more than it had" in life.settled(row).faults[0]
    life.entry.writes[-1] = Write(2.15, 3, 7, 2.15, remaining_ms=2_900)
    life.entry.final = Standing(1.0, "SUCCESSFUL", '{"n": 0}')
    assert "after it had ended" in life.settled(row).faults[0]


def test_two_calls_under_one_request_id() -> None:
    life = succeeded()
    other = life.new(stored=False)
    other.writes.append(Write(3, 1, 7))
    assert "have the same request id" in life.settled(life.row("SUCCESSFUL", {"n": 0})).faults[0]


def rewritten(life: Life) -> Why | None:
    """The reason of the only re-write; None: there was none, which was found to be a fault."""
    life.reply(90)
    account = life.settled(life.row("SUCCESSFUL", {"n": 0}))
    if not account.rewrites:
        assert len(account.faults) == 1 and "without a reason" in account.faults[0]
        return None
    assert not account.faults
    ((reason, count),) = account.rewrites.items()
    assert count == 1
    return reason


@pytest.mark.parametrize(
    ("redelivery", "acked", "reason"),
    [
        ("unanswered", True, Why.UNANSWERED),
        ("unanswered", False, Why.UNANSWERED),
        ("undelivered", False, Why.UNDELIVERED),
        ("undelivered", True, None),
        ("never", True, None),
        ("never", False, None),
    ],
)
def test_a_device_that_comes_back(redelivery: str, acked: bool, reason: Why | None) -> None:
    life = Life(redelivery=redelivery)
    life.write(10, acked=acked)
    if not acked:  # the timeout had not passed when the connection was lost
        life.first.ended_at = 11
        life.ledger.new_connection()
        life.write(20)
    else:
        life.write(20, again=True)
    assert rewritten(life) == reason


def test_no_acknowledgement_in_time() -> None:
    life = Life(redelivery="never", retries=1)
    life.write(10, acked=False)
    life.write(13)
    assert rewritten(life) is Why.ACK_TIMEOUT
    life.entry.writes[-1].acked_at = NEVER
    life.write(16)
    assert "without a reason" in life.settled(life.row("SUCCESSFUL", {"n": 0})).faults[0]
    life = Life(redelivery="never")
    life.write(10, acked=False)
    life.write(11)
    assert rewritten(life) is None


def test_a_timeout_that_the_core_forgot() -> None:
    life = Life(redelivery="never", retries=0)
    life.write(10, acked=False)
    life.write(13)
    assert rewritten(life) is None
    life.entry.replies.clear()
    life.ledger.downs.append(Down("core", 12.5, 12.8))
    assert rewritten(life) is Why.ACK_TIMEOUT


@pytest.mark.parametrize("redelivery", ["unanswered", "undelivered"])
def test_a_worker_that_was_lost(redelivery: str) -> None:
    life = Life(redelivery=redelivery)
    life.write(10, acked=False)
    life.ledger.downs.append(Down("mqtt", 10.2, 11))
    life.first.ended_at = 10.2
    life.ledger.new_connection()
    life.write(12)
    assert rewritten(life) is Why.WORKER_LOST


@pytest.mark.parametrize(
    ("downs", "reason"),
    [
        ([Down("core", 10.5, 11)], Why.MARK_LOST),
        ([Down("core", 9.9, 11)], Why.MARK_LOST),
        ([Down("core", 14, 15)], None),
        ([Down("core", 14, 15), Down("postgres", 9, 16)], Why.MARK_LOST),
        ([Down("core", 14, 15), Down("postgres", 7, 8.5)], Why.MARK_LOST),
        ([Down("core", 14, 15), Down("postgres", 7, 7.5)], None),
        ([Down("postgres", 9, 16)], None),
        ([Down("facade", 10, 11), Down("mqtt", 10, 11)], None),
        ([Down("core", 20.1, 22)], None),
    ],
)
@pytest.mark.parametrize("qos", [0, 1])
def test_a_core_that_was_killed(downs: list[Down], reason: Why | None, qos: int) -> None:
    life = Life(redelivery="never", qos=qos)
    life.ledger.downs += downs
    life.write(10)
    life.write(20)
    assert rewritten(life) == reason
