"""The late table tells late, repeated and unknown replies apart, and forgets."""

from trunkline.core.calls.late import LateTable
from trunkline.core.calls.model import Stray

A, B = b"a" * 16, b"b" * 16


def test_the_first_reply_is_late_and_the_next_a_duplicate() -> None:
    table = LateTable()
    table.remember(A, 7, now=0)
    assert table.classify(A, 7, 1, issued=True) is Stray.LATE
    assert table.classify(A, 7, 2, issued=True) is Stray.DUPLICATE
    assert table.classify(B, 7, 2, issued=False) is Stray.UNKNOWN


def test_a_call_that_was_answered_makes_any_other_reply_a_duplicate() -> None:
    assert LateTable().classify(A, 7, 0, issued=True) is Stray.DUPLICATE


def test_entries_are_forgotten_with_time() -> None:
    table = LateTable(keep_ms=1000)
    table.remember(A, 1, now=0)
    table.remember(A, 2, now=500)
    assert table.classify(A, 1, 1001, issued=False) is Stray.UNKNOWN
    assert table.classify(A, 2, 1001, issued=False) is Stray.LATE
    assert len(table) == 1


def test_the_oldest_entries_make_room() -> None:
    table = LateTable(max_entries=2)
    for number in range(3):
        table.remember(A, number, now=0)
    assert (A, 0) not in table
    assert (A, 1) in table and (A, 2) in table


def test_an_id_remembered_again_counts_from_then() -> None:
    table = LateTable(keep_ms=1000)
    table.remember(A, 1, now=0)
    table.classify(A, 1, 1, issued=True)
    table.remember(A, 1, now=900)
    assert table.classify(A, 1, 1500, issued=True) is Stray.LATE
