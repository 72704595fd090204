import pytest
from doubles.manual_clock import ManualClock
from hypothesis import given
from hypothesis import strategies as st

from trunkline.transports.endpoints.mqtt.rate_limits import Bucket, Limit, RateLimits, limits


def test_limits_are_read_as_thingsboard_writes_them() -> None:
    assert limits("20:600") == (Limit(20, 600_000),)
    assert limits("10:1, 60:60") == (Limit(10, 1_000), Limit(60, 60_000))
    assert limits("") == ()


@pytest.mark.parametrize(
    "text", ["20", "20:", ":1", "0:1", "1:0", "-1:1", "1.5:1", "1:1,", "1:1;2:2", "x:y", "9" * 40 + ":1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="capacity"):
        limits(text)


def test_a_bucket_is_refilled_evenly() -> None:
    bucket = Bucket(limits("2:1"), 0)
    assert [bucket.take(1, 0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1, 499), bucket.take(1, 500), bucket.take(1, 500)] == [False, True, False]
    assert [bucket.take(1, 60_000) for _ in range(3)] == [True, True, False]  # it holds no more than that


def test_all_limits_must_allow_it_and_none_is_charged_otherwise() -> None:
    bucket = Bucket(limits("1:1,3:3600"), 0)
    assert [bucket.take(1, now) for now in (0, 0, 1_000, 2_000, 3_000)] == [True, False, True, True, False]


def test_more_than_it_holds_is_never_allowed() -> None:
    bucket = Bucket(limits("5:1"), 0)
    assert not bucket.take(6, 10_000)
    assert bucket.take(5, 10_000)


def test_without_limits_all_is_allowed() -> None:
    assert Bucket((), 0).take(1_000_000, 0)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 3)), max_size=60))
def test_no_stretch_of_time_brings_more_than_a_full_bucket_and_its_refill(steps: list[tuple[int, int]]) -> None:
    bucket = Bucket(limits("5:1"), 0)
    now = taken = 0
    for passed, tokens in steps:
        now += passed
        taken += tokens if bucket.take(tokens, now) else 0
        assert taken <= 5 + now * 5 / 1_000


class TestDevices:
    def test_each_kind_of_message_has_its_own_limits(self) -> None:
        rates = RateLimits("2:600", "1:600", "3:600", ManualClock()).of(b"a")
        assert [rates.data(3), rates.data(1)] == [True, False]
        assert [rates.message(), rates.message(), rates.message()] == [True, True, False]

    def test_data_points_are_limited_too(self) -> None:
        rates = RateLimits("", "", "3:600", ManualClock()).of(b"a")
        assert [rates.data(2), rates.data(2), rates.message()] == [True, False, True]

    def test_data_without_points_is_a_message(self) -> None:
        rates = RateLimits("1:600", "", "", ManualClock()).of(b"a")
        assert [rates.data(0), rates.data(0), rates.data(1)] == [True, False, True]

    def test_connecting_again_gains_nothing(self) -> None:
        devices = RateLimits("1:600", "", "", ManualClock())
        assert devices.of(b"a").message()
        assert not devices.of(b"a").message()
        assert devices.of(b"b").message()

    def test_who_is_not_limited_any_more_is_forgotten(self) -> None:
        clock = ManualClock()
        devices = RateLimits("1:60", "1:120", "", clock)
        devices.of(b"a")
        clock.advance(119_999)
        devices.of(b"b")
        assert len(devices) == 2
        clock.advance(60_001)
        assert not devices.of(b"b").message() or len(devices) == 1
        assert len(devices) == 1
