from collections.abc import Iterator

from trunkline.contract.errors import TrunklineError
from trunkline.core.callers.pending import RETRY_AFTER_MS, Pending, retry_after_ms
from trunkline.core.calls.living import LivingCalls
from trunkline.core.calls.model import Call
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason

ONE, TWO, THREE = b"1" * 16, b"2" * 16, b"3" * 16


def ids() -> Iterator[bytes]:
    for number in range(1000):
        yield number.to_bytes(16)


def add(living: LivingCalls, tenant_id: bytes, call_ids: Iterator[bytes]) -> Call:
    call = Call(next(call_ids), b"d" * 16, tenant_id, CallKind.CALL_KIND_TWO_WAY, "set", b"1", 1 << 50, None)
    assert living.add(call) is call
    return call


def is_full(pending: Pending, tenant_id: bytes) -> bool:
    try:
        pending.check(tenant_id)
    except TrunklineError as error:
        assert error.reason == ErrorReason.ERROR_REASON_QUEUE_FULL
        return True
    return False


def test_a_tenant_at_its_bound_takes_no_others_room() -> None:
    living = LivingCalls()
    pending, call_ids = Pending(living, max_per_tenant=2, max_pending=5), ids()
    calls = [add(living, ONE, call_ids) for _ in range(2)]
    assert is_full(pending, ONE) and not is_full(pending, TWO)
    living.discard(calls[0])
    assert not is_full(pending, ONE)


def test_all_tenants_together_have_a_bound() -> None:
    living = LivingCalls()
    pending, call_ids = Pending(living, max_per_tenant=2, max_pending=3), ids()
    first = add(living, ONE, call_ids)
    for tenant_id in (ONE, TWO):
        add(living, tenant_id, call_ids)
    assert is_full(pending, THREE)
    living.discard(first)
    assert not is_full(pending, THREE)


def test_when_to_try_again() -> None:
    for reason in (ErrorReason.ERROR_REASON_QUEUE_FULL, ErrorReason.ERROR_REASON_STORE_UNAVAILABLE):
        assert retry_after_ms(reason) == RETRY_AFTER_MS
    assert retry_after_ms(ErrorReason.ERROR_REASON_INVALID_ARGUMENT) == 0
