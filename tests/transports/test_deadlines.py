import json
import uuid

from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.deadlines import LONGEST_MS, in_body

PLAIN = b'{"method":"setGpio","params":{"pin":7}}'
CALL_ID = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")


def test_the_member_stands_behind_all_others() -> None:
    assert in_body(PLAIN, CALL_ID.bytes, 4_321) == (
        b'{"method":"setGpio","params":{"pin":7},'
        b'"trunkline":{"callId":"01234567-89ab-cdef-0123-456789abcdef","remainingMs":4321}}'
    )


def test_a_call_without_an_id_has_its_time_only() -> None:
    assert json.loads(in_body(PLAIN, b"", 1))["trunkline"] == {"remainingMs": 1}


@given(st.uuids(), st.integers(1, 2**62))
def test_it_is_json_whatever_it_says(call_id: uuid.UUID, remaining_ms: int) -> None:
    assert json.loads(in_body(PLAIN, call_id.bytes, remaining_ms)) == json.loads(PLAIN) | {
        "trunkline": {"callId": str(call_id), "remainingMs": min(remaining_ms, LONGEST_MS)}
    }
