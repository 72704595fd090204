"""Request ids are never zero, fit 31 bits, and do not come again while somebody could still use them."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.calls.request_ids import COUNTER_MASK, RequestIds

A, B = b"a" * 16, b"b" * 16


@given(st.integers(0, 10**6))
def test_ids_are_positive_and_fit_31_bits(start: int) -> None:
    first = RequestIds(start).next(A, ())
    assert 0 < first < 2**31
    assert first & COUNTER_MASK == 0


def test_each_device_counts_for_itself() -> None:
    ids = RequestIds(1)
    assert [ids.next(A, ()), ids.next(A, ()), ids.next(B, ())] == [2 << 20, (2 << 20) + 1, 2 << 20]


def test_successive_starts_never_meet() -> None:
    assert len({RequestIds(start).next(A, ()) for start in range(2047)}) == 2047


def test_issued_knows_the_ids_of_this_start_only() -> None:
    ids, earlier = RequestIds(5), RequestIds(4)
    number = ids.next(A, ())
    assert ids.issued(A, number)
    assert not ids.issued(A, number + 1)
    assert not ids.issued(B, number)
    assert not ids.issued(A, earlier.next(A, ()))


def test_once_around_it_skips_what_is_taken() -> None:
    ids = RequestIds(0)
    first = ids.next(A, ())
    last = [ids.next(A, ()) for _ in range(COUNTER_MASK)][-1]
    assert last == first + COUNTER_MASK
    assert ids.next(A, {first, first + 1}) == first + 2
    assert ids.next(A, {first}) == first + 3
    assert ids.issued(A, last)
