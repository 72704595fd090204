"""JSON is checked and compacted, never rebuilt."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract import json_text

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_compacting_keeps_the_value(value: object) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False).encode()
    assert json.loads(json_text.compact(text)) == value


@pytest.mark.parametrize(
    ("text", "compacted"),
    [
        (b"", b"null"),
        (b' { "b" : [ 1 , 2 ] , "a" : 1.0e3 } ', b'{"b":[1,2],"a":1.0e3}'),
        (b"1e400", b"1e400"),
        (b"1" * 5000, b"1" * 5000),
        (b'{"a":1,"a":2}', b'{"a":1,"a":2}'),
        ('"grün  \\u00fc"'.encode(), '"grün  \\u00fc"'.encode()),
    ],
)
def test_numbers_order_and_text_stay_as_sent(text: bytes, compacted: bytes) -> None:
    assert json_text.compact(text) == compacted


@pytest.mark.parametrize(
    "text",
    [
        b" ",
        b"hello",
        b"22:20",
        b"{} x",
        b"{'a':1}",
        b"[1,]",
        b"NaN",
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"[" * 100_000,
        b"01",
    ],
)
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        json_text.compact(text)
    with pytest.raises(ValueError, match="not JSON"):
        json_text.validate(text)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200 + b"]" * 200,
        b'{"a":' * 199 + b"[1]" + b"}" * 199,
        b"1" * 1000,
        b"-1e308",
        b'["' + b"1" * 5000 + b'"]',
    ],
)
def test_what_others_can_read(text: bytes) -> None:
    json_text.check_readable(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[" * 201 + b"]" * 201, "nested too deeply"),
        (b"[" * 900 + b"]" * 900, "nested too deeply"),
        (b'[0,{"a":' + b'{"a":' * 199 + b"1" + b"}" * 200 + b"]", "nested too deeply"),
        (b"1" * 1001, "too long"),
        (b"0." + b"1" * 1000, "too long"),
        (b'{"a":[1e400]}', "out of range"),
    ],
)
def test_what_others_cannot_read(text: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        json_text.check_readable(text)
