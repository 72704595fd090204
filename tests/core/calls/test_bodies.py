"""Which bodies are fetched, and when they are given up."""

from doubles.waiting_calls import stored_call

from trunkline.core.calls.bodies import LOW, MAX_BYTES, MAX_CALLS, Bodies
from trunkline.core.calls.model import Call


def waiting(count: int, body_bytes: int = 100) -> list[Call]:
    """Calls whose bodies are in the store."""
    bodies = Bodies()
    calls = [stored_call(ordinal, body_bytes=body_bytes) for ordinal in range(1, count + 1)]
    for call in calls:
        bodies.give_up(call)
    return calls


def load(calls: list[Call] | tuple[Call, ...], bodies: Bodies) -> None:
    for call in calls:
        assert call.keeping is not None
        call.method, call.params, call.keeping.loaded = "m", b"{}", True
        bodies.came(call)
    bodies.fetching = False


def test_the_next_ones_are_fetched_in_order_and_once() -> None:
    bodies, calls = Bodies(), waiting(100)
    assert bodies.wanted(calls) == tuple(calls[:MAX_CALLS])
    assert bodies.fetching
    assert bodies.wanted(calls) == ()


def test_a_fetch_is_bounded_but_never_empty() -> None:
    calls = waiting(10, body_bytes=MAX_BYTES // 3)
    assert Bodies().wanted(calls) == tuple(calls[:3])
    large = waiting(2, body_bytes=10 * MAX_BYTES)
    assert Bodies().wanted(large) == (large[0],)


def test_more_are_fetched_when_few_are_left() -> None:
    bodies, calls = Bodies(), waiting(100)
    load(bodies.wanted(calls), bodies)
    left = calls
    while len(left) > 100 - MAX_CALLS + LOW:
        assert bodies.wanted(left) == ()
        bodies.used(left[0])
        left = left[1:]
    bodies.used(left[0])
    assert bodies.wanted(left[1:]) == tuple(calls[MAX_CALLS:])


def test_what_is_given_up_is_in_the_store_alone() -> None:
    bodies = Bodies()
    call, uncommitted = stored_call(1), stored_call(2)
    assert call.keeping is not None and uncommitted.keeping is not None
    uncommitted.keeping.committed = 0
    call.keeping.additional_info = b"1"
    bodies.came(call)
    bodies.came(uncommitted)
    bodies.give_all_up()
    assert (call.method, call.params, call.keeping.additional_info, call.keeping.loaded) == ("", b"", b"", False)
    assert uncommitted.keeping.loaded, "nobody else has it"
