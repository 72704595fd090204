from collections.abc import Callable
from typing import cast

from trunkline.contract.streams.core_end import Written
from trunkline.contract.streams.frames import (
    Connect,
    DeliveryReport,
    DeviceData,
    Refused,
    Reply,
    Resume,
    Subscribe,
)
from trunkline.contract.streams.wire import Unreadable
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.links.admission import Admission
from trunkline.core.links.openings import BEHIND_BYTES, Opening, Openings, WorkerEffect
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DataKind, DeliveryState, SessionKind

ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
LAMP = b"l" * 16
ENTRY = DeviceEntry(LAMP, b"t" * 16, b"", "lamp", "default", b"p" * 16, 1, False)
CONNECT = Connect(1, ASYNCHRONOUS, 1, access_token="lamp")
RESUME = Resume(1, LAMP, 1, ASYNCHRONOUS)
REPORT = DeliveryReport(1, 5, DeliveryState.DELIVERY_STATE_DELIVERED)


class SlowAdmission:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[Connect | Resume, Callable[[DeviceEntry | Refused], None]]] = []

    def connect(self, frame: Connect, admitted: Callable[[DeviceEntry | Refused], None]) -> None:
        self.asked.append((frame, admitted))

    def resume(self, frame: Resume, admitted: Callable[[DeviceEntry | Refused], None]) -> None:
        self.asked.append((frame, admitted))

    def answer(self, outcome: DeviceEntry | Refused = ENTRY) -> None:
        _, admitted = self.asked.pop(0)
        admitted(outcome)


class Link:
    def __init__(self) -> None:
        self.admission = SlowAdmission()
        self.settled: list[tuple[Opening, DeviceEntry | Refused]] = []
        self.openings = Openings(cast(Admission, self.admission), lambda *settled: self.settled.append(settled))
        self.openings.go_on()


def test_what_comes_behind_waits_in_its_order() -> None:
    link = Link()
    assert not link.openings.holds(Subscribe(1, True))
    link.openings.begin(CONNECT)
    behind: list[WorkerEffect] = [Subscribe(1, True), REPORT, Written(1, 5)]
    assert all(link.openings.holds(frame) for frame in behind)
    assert not link.openings.holds(Subscribe(2, True))
    assert not link.openings.holds(Unreadable("of no session"))
    link.admission.answer()
    ((opening, outcome),) = link.settled
    assert (opening.frame, opening.behind, outcome) == (CONNECT, behind, ENTRY)
    assert 1 not in link.openings


def test_behind_a_resume_only_what_changes_the_session_waits() -> None:
    link = Link()
    link.openings.begin(RESUME)
    assert not link.openings.holds(Reply(1, 5, b"{}"))
    assert not link.openings.holds(DeviceData(1, 1, DataKind.DATA_KIND_TELEMETRY, b"{}"))
    assert link.openings.holds(REPORT)
    assert link.openings.device_id(1) == LAMP
    assert link.openings.device_id(2) == b""


def test_what_waits_is_bounded() -> None:
    link = Link()
    link.openings.begin(CONNECT)
    assert link.openings.holds(DeviceData(1, 1, DataKind.DATA_KIND_TELEMETRY, b"x" * 2 * BEHIND_BYTES))
    assert link.openings.holds(Subscribe(1, True))
    ((_, outcome),) = link.settled
    assert isinstance(outcome, Refused) and outcome.reason == ErrorReason.ERROR_REASON_QUEUE_FULL
    link.admission.answer()  # comes too late
    assert len(link.settled) == 1


def test_an_outcome_found_while_the_link_is_down_is_asked_for_again() -> None:
    link = Link()
    link.openings.begin(CONNECT)
    link.openings.holds(REPORT)
    link.openings.stop()
    assert not link.openings.holds(Written(1, 5))  # said of the time before
    link.admission.answer()
    assert not link.settled and 1 in link.openings
    link.openings.go_on()
    link.admission.answer()
    assert [opening.behind for opening, _ in link.settled] == [[REPORT]]


def test_a_look_up_that_outlasts_a_break_is_not_asked_for_twice() -> None:
    link = Link()
    link.openings.begin(RESUME)
    link.openings.stop()
    link.openings.go_on()
    named_again = Resume(1, LAMP, 1, ASYNCHRONOUS, True)
    link.openings.begin(named_again)
    assert len(link.admission.asked) == 1
    link.admission.answer()
    assert [opening.frame for opening, _ in link.settled] == [named_again]
