from collections.abc import Callable

from doubles.manual_clock import ManualClock
from doubles.stored_calls import stored_call

from trunkline.core.callers.idempotency import IdempotencyKeys, fingerprint
from trunkline.core.calls.model import Call, Complete
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause

TENANT, OTHER = b"t" * 16, b"o" * 16
DEVICE = b"d" * 16
KEY = (TENANT, DEVICE, "key")


def lightweight(tenant_id: bytes = TENANT, **values: object) -> Call:
    call = Call(b"c" * 16, DEVICE, tenant_id, CallKind.CALL_KIND_TWO_WAY, "set", b"1", 0, None, request_id=7)
    for name, value in values.items():
        setattr(call, name, value)
    return call


def end(keys: IdempotencyKeys, text: str = "key", tenant_id: bytes = TENANT, payload: bytes = b"7") -> None:
    """A lightweight call with this key comes and has its reply."""
    key, call = (tenant_id, DEVICE, text), lightweight(tenant_id)
    keys.claim(key, call, fingerprint(call))
    keys.ended(key, call, Complete(call, Outcome.OUTCOME_SUCCEEDED, payload))


def test_a_key_is_its_living_calls_and_then_its_answers() -> None:
    keys = IdempotencyKeys(ManualClock())
    call = lightweight()
    keys.claim(KEY, call, fingerprint(call))
    bearer = keys.find(KEY)
    assert bearer is not None and bearer.call is call and bearer.done is None
    done = Complete(call, Outcome.OUTCOME_SUCCEEDED, b"7")
    keys.ended(KEY, call, done)
    bearer = keys.find(KEY)
    assert bearer is not None and bearer.done is done and bearer.fingerprint == fingerprint(call)
    assert bearer.call.call_id == call.call_id and not bearer.call.params  # what it carried is not kept
    assert keys.find((TENANT, b"e" * 16, "key")) is None and keys.find((OTHER, DEVICE, "key")) is None


def test_a_call_that_never_got_to_its_device_may_be_tried_again() -> None:
    keys = IdempotencyKeys(ManualClock())
    call = lightweight(request_id=0)
    keys.claim(KEY, call, b"f")
    keys.ended(KEY, call, Complete(call, Outcome.OUTCOME_FAILED))
    assert keys.find(KEY) is None
    call = lightweight()
    keys.claim(KEY, call, b"f")
    keys.ended(KEY, call, Complete(call, Outcome.OUTCOME_CANCELLED, cause=Cause.CAUSE_HUNG_UP))
    assert keys.find(KEY) is None and not len(keys)


def test_answers_are_remembered_for_a_while() -> None:
    clock = ManualClock()
    keys = IdempotencyKeys(clock, keep_ms=100)
    end(keys)
    clock.now += 60
    end(keys, "later")
    clock.now += 40
    assert keys.find(KEY) is None and keys.find((TENANT, DEVICE, "later")) is not None
    clock.now += 60
    assert keys.find((TENANT, DEVICE, "later")) is None and not len(keys)


def test_tenants_that_call_no_more_are_forgotten_while_others_call() -> None:
    clock = ManualClock()
    keys = IdempotencyKeys(clock, keep_ms=100)
    end(keys)
    clock.now += 100
    end(keys, tenant_id=OTHER)
    assert len(keys) == 1


def test_each_tenant_has_so_many_answers_and_so_many_bytes() -> None:
    keys = IdempotencyKeys(ManualClock(), most_ended=3, most_bytes=10)
    for number in range(5):
        end(keys, str(number), payload=b"")
    end(keys, "other", tenant_id=OTHER)
    assert [number for number in range(5) if keys.find((TENANT, DEVICE, str(number)))] == [2, 3, 4]
    end(keys, "large", payload=b"x" * 8)
    end(keys, "larger", payload=b"x" * 9)
    assert keys.find((TENANT, DEVICE, "large")) is None and keys.find((TENANT, DEVICE, "larger")) is not None
    assert keys.find((OTHER, DEVICE, "other")) is not None


def test_a_stored_calls_key_is_known_while_it_lives() -> None:
    keys = IdempotencyKeys(ManualClock())
    call = stored_call(device_id=DEVICE, tenant_id=TENANT, taken_up=True, keeping={"idempotency_key": "key"})
    keys.taken_up(call)
    bearer = keys.find(KEY)
    assert bearer is not None and bearer.call is call and not bearer.fingerprint  # the store knows its content
    keys.forgotten(stored_call(device_id=DEVICE, tenant_id=TENANT, keeping={"idempotency_key": "key"}))
    assert keys.find(KEY) is bearer
    keys.forgotten(call)
    assert keys.find(KEY) is None
    keyless = stored_call(device_id=DEVICE, tenant_id=TENANT)
    keys.taken_up(keyless)
    keys.forgotten(keyless)
    assert not len(keys)


def test_the_fingerprint_is_of_kind_persistence_method_and_params() -> None:
    makes: list[Callable[[], Call]] = [
        lightweight,
        lambda: lightweight(kind=CallKind.CALL_KIND_ONE_WAY),
        lambda: lightweight(method="get"),
        lambda: lightweight(params=b"2"),
        lambda: lightweight(method="set1", params=b""),
        lambda: stored_call(device_id=DEVICE, tenant_id=TENANT),
    ]
    prints = [fingerprint(make()) for make in makes]
    assert len(set(prints)) == len(prints)
    assert prints == [fingerprint(make()) for make in makes]
    assert fingerprint(lightweight(deadline_ms=5, call_id=b"e" * 16)) == prints[0]
