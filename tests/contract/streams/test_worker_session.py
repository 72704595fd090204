"""One session as its worker's end knows it."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.streams.frames import (
    Connect,
    Connected,
    Deliver,
    DeviceData,
    Resume,
    Subscribe,
    Unsubscribe,
)
from trunkline.contract.streams.worker_session import BEHIND_BYTES, KEPT_REPLIES, LIGHT_IDS, WorkerSession
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.transport_service_pb2 import Acknowledgement, DataKind, SessionKind

IMPLIED = Acknowledgement.ACKNOWLEDGEMENT_IMPLIED
EXPLICIT = Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
NONE = Acknowledgement.ACKNOWLEDGEMENT_UNSPECIFIED
ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS


def session() -> WorkerSession:
    return WorkerSession(Connect(1, ASYNCHRONOUS, 16, "127.0.0.1:5", access_token="token"))


def connected() -> WorkerSession:
    one = session()
    one.connected(Connected(1, b"d" * 16, 7, "device", 3, b"p" * 16))
    return one


def deliver(request_id: int, *, durable: bool = False) -> Deliver:
    return Deliver(1, request_id, "m", b"{}", 1_000, CallKind.CALL_KIND_TWO_WAY, durable=durable)


def test_a_device_may_say_so_much_behind_its_connect_and_no_more() -> None:
    one = session()
    frame = DeviceData(1, 0, DataKind.DATA_KIND_TELEMETRY, b"x" * (BEHIND_BYTES // 2))
    one.send_behind(frame)
    assert one.readable
    one.send_behind(frame)
    assert not one.readable
    one.connected(Connected(1, b"d" * 16, 7, "device", 3, b"p" * 16))
    assert one.readable


def test_many_kept_replies_stop_the_reading() -> None:
    one = connected()
    one.kept_replies = KEPT_REPLIES - 1
    assert one.readable
    one.kept_replies += 1
    assert not one.readable


def test_a_subscription_holds_once_it_is_answered() -> None:
    one = connected()
    one.ask(Subscribe(1, True, False, IMPLIED))
    one.ask(Subscribe(1, False, True))
    assert (one.acknowledgement, one.attributes) == (NONE, False)
    one.subscribed()
    assert (one.acknowledgement, one.attributes) == (IMPLIED, False)
    one.subscribed()
    assert (one.acknowledgement, one.attributes) == (IMPLIED, True)
    assert one.asked is None


def test_an_unsubscription_ends_also_what_was_not_answered_yet() -> None:
    one = connected()
    one.ask(Subscribe(1, True, True, EXPLICIT))
    one.unsubscribe(Unsubscribe(1, True, False))
    one.ask(Subscribe(1, True, False, IMPLIED))
    one.subscribed()
    assert (one.acknowledgement, one.attributes) == (NONE, True)
    one.subscribed()
    assert one.acknowledgement == IMPLIED


def test_the_list_of_sessions_tells_all_that_another_core_must_know() -> None:
    one = connected()
    one.ask(Subscribe(1, True, True, EXPLICIT))
    one.subscribed()
    for request_id in (5, 6, 5, 7):  # 5 was sent again: two packets, and each holds a slot
        one.delivered(deliver(request_id))
    one.reported(6)
    assert one.resume(1) == Resume(
        1,
        b"d" * 16,
        7,
        ASYNCHRONOUS,
        rpc_subscribed=True,
        attributes_subscribed=True,
        acknowledgement=EXPLICIT,
        max_inflight=16,
        credentials_version=3,
        peer_address="127.0.0.1:5",
        open=(5, 5, 7),
    )


def test_a_session_that_is_over_wants_no_more_deliveries() -> None:
    one = connected()
    one.ask(Subscribe(1, True, True, IMPLIED))
    one.subscribed()
    one.over = True
    resume = one.resume(1)
    assert (resume.rpc_subscribed, resume.attributes_subscribed) == (False, False)


def test_an_implied_delivery_is_never_open() -> None:
    one = connected()
    one.ask(Subscribe(1, True, False, IMPLIED))
    one.subscribed()
    one.delivered(deliver(5))
    assert one.resume(1).open == ()


@given(st.lists(st.tuples(st.integers(1, 3 * LIGHT_IDS), st.booleans()), max_size=60))
def test_only_ids_of_lightweight_calls_are_taken_for_such(deliveries: list[tuple[int, bool]]) -> None:
    one = connected()
    light: set[int] = set()
    for request_id, durable in dict(deliveries).items():
        one.delivered(deliver(request_id, durable=durable))
        if not durable:
            light.add(request_id)
    newest = max(light, default=0)
    for request_id in range(3 * LIGHT_IDS + 1):
        assert one.is_light(request_id) == (request_id in light and newest - request_id < LIGHT_IDS)
