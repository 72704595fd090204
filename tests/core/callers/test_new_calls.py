from typing import Any

from doubles.manual_clock import ManualClock

from trunkline.contract.streams.frames import DeliveryPolicy, Persistence, StartCall
from trunkline.core.callers.new_calls import LATEST_UNIX_MS, NewCalls
from trunkline.core.calls.model import Call, Keeping, Redelivery, Strategy
from trunkline.core.clock import unix_ms
from trunkline.core.devices.model import DeviceEntry
from trunkline.v1 import call_pb2
from trunkline.v1.call_pb2 import CallKind, SubmitStrategy

NOW = 1_000_000
NEARLY_MS = 5_000


class Making:
    """Calls of one device."""

    def __init__(self, *, start_number: int = 1) -> None:
        clock = ManualClock()
        clock.now = NOW
        self.new_calls = NewCalls(
            clock=clock, start_number=start_number, max_timeout_ms=3_600_000, max_retries=5, strategy=Strategy.ON_ACK
        )

    def make(self, device: dict[str, Any] | None = None, **start: Any) -> Call:
        values = {"deadline_ms": NOW + 10_000, "kind": CallKind.CALL_KIND_TWO_WAY, **start}
        frame = StartCall(0, b"d" * 16, "m\u20ac", b"[1]", **values)
        entry = DeviceEntry(b"d" * 16, b"t" * 16, b"", "lamp", "default", b"p" * 16, 1, False, **(device or {}))
        if frame.persistence is None:
            return self.new_calls.lightweight(frame, b"[1]", entry, None)
        return self.new_calls.stored(frame, b"[1]", frame.persistence.additional_info, entry, None)

    def keep(self, device: dict[str, Any] | None = None, **start: Any) -> Keeping:
        keeping = self.make(device, persistence=Persistence(b"{}"), **start).keeping
        assert keeping is not None
        return keeping


def test_a_stored_call_has_what_its_caller_said() -> None:
    making = Making()
    call = making.make(
        persistence=Persistence(b"{}"),
        call_id=b"c" * 16,
        idempotency_key="key",
        retries=3,
        policy=DeliveryPolicy(
            SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_RESPONSE_FROM_DEVICE, call_pb2.REDELIVERY_NEVER
        ),
    )
    keeping = call.keeping
    assert keeping is not None
    assert (call.call_id, call.redelivery, call.deadline_ms) == (b"c" * 16, Redelivery.NEVER, NOW + 10_000)
    assert (keeping.strategy, keeping.max_retries, keeping.retries_asked) == (Strategy.ON_RESPONSE, 3, 3)
    assert (keeping.idempotency_key, keeping.additional_info, keeping.body_bytes) == ("key", b"{}", 7)
    assert keeping.expire_unix_ms - keeping.create_unix_ms == 10_000
    assert abs(keeping.create_unix_ms - unix_ms()) < NEARLY_MS


def test_what_the_call_leaves_open_its_device_says_and_then_the_server() -> None:
    making = Making()
    assert (making.keep().strategy, making.keep().max_retries) == (Strategy.ON_ACK, 5)
    assert making.keep({"strategy": Strategy.BURST}).strategy is Strategy.BURST
    silent = DeliveryPolicy()
    assert making.keep({"strategy": Strategy.BURST}, policy=silent).strategy is Strategy.BURST
    assert making.make({"redelivery": Redelivery.NEVER}, policy=silent).redelivery is Redelivery.NEVER


def test_retries_have_a_maximum_and_none_is_none() -> None:
    making = Making()
    many, none = making.keep(retries=9), making.keep(retries=0)
    assert (many.max_retries, many.retries_asked) == (5, 9)
    assert (none.max_retries, none.retries_asked) == (0, 0)
    assert making.keep().retries_asked is None


def test_a_stored_call_may_wait_for_ever_and_a_lightweight_one_may_not() -> None:
    making = Making()
    starts: list[dict[str, Any]] = [{"deadline_ms": 1 << 62}, {"deadline_ms": 0, "expire_unix_ms": 1 << 62}]
    for start in starts:
        assert making.keep(**start).expire_unix_ms == LATEST_UNIX_MS
        assert making.make(**start).deadline_ms == NOW + 3_600_000


def test_the_past_is_no_time_before_1970() -> None:
    making = Making()
    call = making.make(persistence=Persistence(), deadline_ms=0, expire_unix_ms=-(1 << 62))
    assert call.keeping is not None and call.keeping.expire_unix_ms == 0
    assert call.deadline_ms <= NOW


def test_the_order_of_calls_goes_on_over_restarts() -> None:
    first, second = Making(start_number=1), Making(start_number=2)
    ordinals = [first.keep().ordinal, first.keep().ordinal, second.keep().ordinal, second.keep().ordinal]
    assert ordinals == sorted(set(ordinals))
    assert Making(start_number=2_000_000).keep().ordinal < 1 << 63
