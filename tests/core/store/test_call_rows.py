"""The structs and the table have the same words."""

from trunkline.core.store.call_rows import CallChange, LivingCall, NewCall, StoredCall
from trunkline.core.store.tables import calls

COLUMNS = {"call_id" if column == "id" else column for column in calls.c.keys()} - {"living"}


def test_a_stored_call_has_every_column() -> None:
    assert set(StoredCall.__struct_fields__) == COLUMNS


def test_a_new_call_has_all_that_can_be_known_of_it() -> None:
    assert set(NewCall.__struct_fields__) == COLUMNS - {"late_reply"}


def test_a_living_call_has_what_outlives_a_restart() -> None:
    assert set(LivingCall.__struct_fields__) - {"body_bytes"} < COLUMNS


def test_a_change_can_say_whatever_a_new_call_can_leave_out() -> None:
    optional = NewCall.__struct_fields__[-len(NewCall.__struct_defaults__) :]
    key = {"tenant_id", "call_id", "version", "state"}
    assert set(CallChange.__struct_fields__) - {"steps"} == key | set(optional) - {"timeline"}
