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
