from doubles.stored_calls import stored_call

from trunkline.core.calls.living import LivingCalls

ONE, TWO = b"1" * 16, b"2" * 16


def test_calls_live_by_tenant_and_id() -> None:
    living = LivingCalls()
    call = stored_call(device_id=b"d" * 16, tenant_id=ONE)
    same_id = stored_call(device_id=b"d" * 16, tenant_id=ONE, call_id=call.call_id)
    other_tenants = stored_call(device_id=b"e" * 16, tenant_id=TWO, call_id=call.call_id, keeping=None)
    other_tenants.keeping = None  # a lightweight one
    assert [living.add(one) for one in (call, same_id, other_tenants)] == [call, call, other_tenants]
    assert living.find(ONE, call.call_id) is call and living.find(b"3" * 16, call.call_id) is None
    assert (len(living), living.stored, living.of(ONE), living.of(b"3" * 16)) == (2, 1, 1, 0)
    assert set(living) == {call, other_tenants}
    assert not living.discard(same_id) and living.discard(call) and not living.discard(call)
    assert (len(living), living.stored, living.of(ONE)) == (1, 0, 0)
    assert living.find(ONE, call.call_id) is None
    assert living.discard(other_tenants) and not len(living)
