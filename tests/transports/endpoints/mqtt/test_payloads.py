from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.endpoints.mqtt.payloads import Unfit, json_object, json_value, telemetry_points


@pytest.mark.parametrize(
    ("payload", "points"),
    [
        (b"{}", 0),
        (b'{"t":1,"h":{"a":[1,2]},"n":null}', 3),
        (b'{"ts":1700000000000,"values":{"t":1,"h":2}}', 2),
        (b'{"ts":"1700000000000","values":{}}', 0),
        (b'{"ts":1700000000000}', 1),
        (b'{"values":{"t":1}}', 1),
        (b'[{"t":1},{"ts":1,"values":{"t":1,"h":2}}]', 3),
        (b"[]", 0),
    ],
)
def test_data_points_are_counted(payload: bytes, points: int) -> None:
    assert telemetry_points(payload) == points


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "not JSON"),
        (b'{"t":1', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"21.5", "JSON object or an array"),
        (b"[1]", "JSON object or an array"),
        (b"[[{}]]", "JSON object or an array"),
        (b'{"ts":1,"values":[1]}', "`values`"),
        (b'{"ts":true,"values":{}}', "`ts`"),
        (b'{"ts":"yesterday","values":{}}', "`ts`"),
    ],
)
def test_other_telemetry_does_not_fit(payload: bytes, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        telemetry_points(payload)


def test_an_object_is_an_object() -> None:
    assert json_object(b'{"a":1}') == {"a": 1}
    with pytest.raises(Unfit, match="not a JSON object"):
        json_object(b"[]")


@given(st.binary(max_size=100))
@pytest.mark.parametrize("read", [json_value, json_object, telemetry_points])
def test_any_bytes_fit_or_not(read: Callable[[bytes], object], payload: bytes) -> None:
    try:
        read(payload)
    except Unfit as problem:
        assert str(problem)
