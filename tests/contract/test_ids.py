"""UUID text as ThingsBoard's REST API takes it, and ids as it writes them."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract import ids


@given(st.uuids())
def test_text_and_bytes_round_trip(value: uuid.UUID) -> None:
    assert ids.from_text(str(value)) == value.bytes
    assert ids.from_text(str(value).upper()) == value.bytes
    assert ids.to_text(value.bytes) == str(value)


def test_short_groups_are_padded() -> None:
    assert ids.to_text(ids.from_text("1-2-3-4-5")) == "00000001-0002-0003-0004-000000000005"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "784f394c42b6435a983cb7beff2784f9",
        "784f394c-42b6-435a-983c-b7beff2784fg",
        "784f394c-42b6-435a-983c-b7beff2784f9-",
        "784f394c-42b6-435a-983c-b7be-f2784f9",
        "784f39 c-42b6-435a-983c-b7beff2784f9",
        "78 4f 39-42b6-435a-983c-b7beff2784f9",
        "--------------------------------",
        "1-2-3-4-",
        "123456789-2-3-4-5",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"Invalid UUID string: {text}"):
        ids.from_text(text)


def test_an_absent_id_is_empty() -> None:
    assert ids.to_text(ids.NO_ID) == ""


def test_new_ids_are_random_version_4() -> None:
    first, second = ids.new_id(), ids.new_id()
    assert first != second
    assert uuid.UUID(bytes=first).version == 4
