import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.endpoints.mqtt.topics import DEVICE_CALL_V1, FILTERS, Uplink, Wants, int32, meaning


def test_filters_for_calls_say_where_calls_go() -> None:
    calls = {name: known.calls_to for name, known in FILTERS.items() if known.wants is Wants.CALLS}
    assert calls == {
        "v1/devices/me/rpc/request/+": b"v1/devices/me/rpc/request/",
        "v2/r/req/+": b"v2/r/req/",
        "v2/r/req/j/+": b"v2/r/req/j/",
    }


def test_each_filter_has_its_own_bit() -> None:
    assert sorted(known.bit for known in FILTERS.values()) == [1 << index for index in range(len(FILTERS))]


@pytest.mark.parametrize(
    "name", ["#", "v1/devices/me/rpc/request/#", "v1/devices/me/#", "v2/r/req/p/+", "$share/g/v1/devices/me/attributes"]
)
def test_other_filters_mean_nothing(name: str) -> None:
    assert name not in FILTERS


@pytest.mark.parametrize(
    ("topic", "uplink", "rest", "answer"),
    [
        ("v1/devices/me/telemetry", Uplink.TELEMETRY, "", None),
        ("v2/t", Uplink.TELEMETRY, "", None),
        ("v2/t/j", Uplink.TELEMETRY, "", None),
        ("v1/devices/me/attributes", Uplink.ATTRIBUTES, "", None),
        ("v2/a", Uplink.ATTRIBUTES, "", None),
        ("v1/devices/me/attributes/request/1", Uplink.ATTRIBUTES_REQUEST, "1", b"v1/devices/me/attributes/response/"),
        ("v2/a/req/1", Uplink.ATTRIBUTES_REQUEST, "1", b"v2/a/res/"),
        ("v2/a/req/j/1", Uplink.ATTRIBUTES_REQUEST, "1", b"v2/a/res/j/"),
        ("v1/devices/me/rpc/response/42", Uplink.REPLY, "42", None),
        ("v2/r/res/42", Uplink.REPLY, "42", None),
        ("v2/r/res/j/42", Uplink.REPLY, "42", None),
        ("v1/devices/me/rpc/request/3", Uplink.DEVICE_CALL, "3", b"v1/devices/me/rpc/response/"),
        ("v2/r/req/3", Uplink.DEVICE_CALL, "3", b"v2/r/res/"),
        ("v2/r/req/j/3", Uplink.DEVICE_CALL, "3", b"v2/r/res/j/"),
        ("v1/devices/me/claim", Uplink.CLAIM, "", None),
        ("v2/fw/request/1/chunk/0", Uplink.CHUNK_REQUEST, "1/chunk/0", b"v2/fw/error"),
        ("v2/sw/request/1/chunk/0", Uplink.CHUNK_REQUEST, "1/chunk/0", b"v2/sw/error"),
        ("v1/gateway/telemetry", Uplink.GATEWAY, "telemetry", None),
    ],
)
def test_topics_mean_what_thingsboard_means(topic: str, uplink: Uplink, rest: str, answer: bytes | None) -> None:
    meant = meaning(topic)
    assert meant is not None
    assert (meant.uplink, meant.rest) == (uplink, rest)
    assert (None if meant.answer is None else meant.answer.topic) == answer


@pytest.mark.parametrize(
    "topic",
    [
        "wrong/topic/",
        "v2/r/res/p/42",
        "v2/r/req/p/3",
        "v2/a/req/p/1",
        "v2/t/p",
        "v2/a/p",
        "v2/fw/request/x/chunk/0",
        "",
    ],
)
def test_other_topics_mean_nothing(topic: str) -> None:
    assert meaning(topic) is None


def test_an_answer_is_covered_by_the_filter_that_devices_subscribe() -> None:
    assert DEVICE_CALL_V1.bit == FILTERS["v1/devices/me/rpc/response/+"].bit


@given(st.integers(-(2**31), 2**31 - 1))
def test_any_32_bit_integer_is_an_id(value: int) -> None:
    assert int32(str(value)) == value


@pytest.mark.parametrize(
    "digits", ["", "x", "1x", "1_0", " 1", "1.0", "٣", "2147483648", "-2147483649", "--1", "9" * 5_000]
)
def test_nothing_else_is_one(digits: str) -> None:
    assert int32(digits) is None


def test_leading_signs_and_zeros_are_taken() -> None:
    assert (int32("+5"), int32("-5"), int32("007")) == (5, -5, 7)
