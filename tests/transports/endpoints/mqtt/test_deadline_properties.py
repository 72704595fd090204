import uuid

from hypothesis import example, given
from hypothesis import strategies as st

from trunkline.transports.deadlines import LONGEST_MS
from trunkline.transports.endpoints.mqtt.deadline_properties import deadline_properties
from trunkline.transports.endpoints.mqtt.fields import PropertyId, read_properties, text, varint


def user_property(name: str, value: str) -> bytes:
    return bytes((PropertyId.USER_PROPERTY,)) + text(name) + text(value)


@given(st.none() | st.uuids(), st.integers(1, 2**62))
@example(None, 1_000)
@example(None, 1_001)
def test_they_are_what_the_specification_makes_of_them(call_id: uuid.UUID | None, remaining_ms: int) -> None:
    told_ms = min(remaining_ms, LONGEST_MS)
    seconds = told_ms // 1000 + (told_ms % 1000 > 0)
    expected = bytes((PropertyId.MESSAGE_EXPIRY,)) + seconds.to_bytes(4, "big")
    expected += user_property("trunkline-remaining-ms", str(told_ms))
    if call_id is not None:
        expected += user_property("trunkline-call-id", str(call_id))
    section = deadline_properties(call_id.bytes if call_id is not None else b"", remaining_ms)
    assert section == varint(len(expected)) + expected
    assert read_properties(section, 0) == ({PropertyId.MESSAGE_EXPIRY: seconds}, len(section))


def test_none_is_longer_than_it_says() -> None:
    assert len(deadline_properties(bytes(16), LONGEST_MS)) == 101
