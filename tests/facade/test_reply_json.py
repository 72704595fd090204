"""Replies that are not exactly one JSON value, and those that would spoil the answer they stand in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.facade.reply_json import lenient_json, readable_json


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"1 junk", b"1"),
        (b' {"a":1} x', b'{"a":1}'),
        (b" \n", b"null"),
        (b"", b"null"),
        (b'"\xff"', '"\ufffd"'.encode()),
        (b"hello", None),
        (b"22:20", None),
        (b"NaN", None),
        (b"[" * 100_000, None),
    ],
)
def test_leniently(payload: bytes, value: bytes | None) -> None:
    assert lenient_json(payload) == value
    assert readable_json(payload) == value


@pytest.mark.parametrize("payload", [b'{"a":1.0e3}', b" [ 1 ] ", b"[" * 200 + b"]" * 200, b"9" * 1000])
def test_what_readers_can_build_stays_as_it_is(payload: bytes) -> None:
    assert readable_json(payload) == payload


@pytest.mark.parametrize("payload", [b"[" * 201 + b"]" * 201, b"9" * 1001, b"1e999", b"1e999 junk"])
def test_what_they_cannot_build_is_none(payload: bytes) -> None:
    assert readable_json(payload) is None


@given(st.binary())
def test_whatever_comes_can_stand_in_an_answer(payload: bytes) -> None:
    value = readable_json(payload)
    assert value is None or json.loads(value) is not NotImplemented
