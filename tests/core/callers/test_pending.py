from collections.abc import Iterator

import pytest
from doubles.recording_caller import RecordingCaller
from doubles.recording_keeper import RecordingKeeper

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.core.callers.pending import RETRY_AFTER_MS, Pending, retry_after_ms
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.machine import DeviceCalls
from trunkline.core.calls.model import Call
from trunkline.core.calls.request_ids import RequestIds
from trunkline.core.calls.runner import CallRunner
from trunkline.core.journal.journal import Journal
from trunkline.core.metrics import Counters
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason

ONE, TWO, THREE = b"1" * 16, b"2" * 16, b"3" * 16


@pytest.fixture
def runner() -> CallRunner:
    return CallRunner(
        clock=monotonic_ms,
        new_machine=lambda device_id: DeviceCalls(device_id, RequestIds(1), LateTable()),
        counters=Counters(),
        journal=Journal(),
        keeper=RecordingKeeper(),
    )


def ids() -> Iterator[bytes]:
    for number in range(1000):
        yield number.to_bytes(16)


def accept(runner: CallRunner, tenant_id: bytes, call_ids: Iterator[bytes]) -> Call:
    call = Call(
        next(call_ids), b"d" * 16, tenant_id, CallKind.CALL_KIND_TWO_WAY, "set", b"1", 1 << 50, RecordingCaller()
    )
    waiter = call.owner
    assert isinstance(waiter, RecordingCaller)
    waiter.entered(call)
    assert runner.accept(call) is None
    return call


def is_full(pending: Pending, tenant_id: bytes) -> bool:
    try:
        pending.check(tenant_id)
    except TrunklineError as error:
        assert error.reason == ErrorReason.ERROR_REASON_QUEUE_FULL
        return True
    return False


def test_a_tenant_at_its_bound_takes_no_others_room(runner: CallRunner) -> None:
    pending, call_ids = Pending(runner, max_per_tenant=2, max_pending=5), ids()
    calls = [accept(runner, ONE, call_ids) for _ in range(2)]
    assert is_full(pending, ONE) and not is_full(pending, TWO)
    runner.hang_up(calls[0])
    assert not is_full(pending, ONE)


def test_all_tenants_together_have_a_bound(runner: CallRunner) -> None:
    pending, call_ids = Pending(runner, max_per_tenant=2, max_pending=3), ids()
    first = accept(runner, ONE, call_ids)
    for tenant_id in (ONE, TWO):
        accept(runner, tenant_id, call_ids)
    assert is_full(pending, THREE)
    runner.hang_up(first)
    assert not is_full(pending, THREE)


def test_when_to_try_again() -> None:
    for reason in (ErrorReason.ERROR_REASON_QUEUE_FULL, ErrorReason.ERROR_REASON_STORE_UNAVAILABLE):
        assert retry_after_ms(reason) == RETRY_AFTER_MS
    assert retry_after_ms(ErrorReason.ERROR_REASON_INVALID_ARGUMENT) == 0
