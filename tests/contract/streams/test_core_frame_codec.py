import pytest

from trunkline.contract.streams.frames import (
    Batch,
    Connected,
    CoreFrame,
    Deliver,
    DeviceCallAnswer,
    Frame,
    MqttProfile,
    ProfileChanged,
    TransportProfile,
)
from trunkline.contract.streams.link_codec import decode_link_response, encode_link_response
from trunkline.contract.streams.wire import Unreadable
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.transport_service_pb2 import LinkResponse


def travel(frame: CoreFrame, *, written: int, read: int, excess_ms: int = 0) -> Frame:
    text = encode_link_response(Batch([frame]), written).SerializeToString()
    (arrived,) = decode_link_response(LinkResponse.FromString(text), read, excess_ms).frames
    return arrived


def test_a_delivery_keeps_what_is_left_of_its_time() -> None:
    deliver = Deliver(5, 6, "m", b"1", 11_000, CallKind.CALL_KIND_ONE_WAY, prompt=True)
    arrived = travel(deliver, written=10_000, read=400_000, excess_ms=300)
    assert isinstance(arrived, Deliver)
    assert arrived.deadline_ms == 400_000 + 1_000 - 300
    arrived.deadline_ms = deliver.deadline_ms
    assert arrived == deliver


@pytest.mark.parametrize("kind", [0, 99])
def test_a_delivery_of_an_unknown_kind_is_unreadable(kind: int) -> None:
    message = LinkResponse()
    message.frames.add(session=1).deliver.kind = kind  # type: ignore[assignment]  # what a later core may send
    (frame,) = decode_link_response(message, 0, 0).frames
    assert isinstance(frame, Unreadable)


def test_a_profile_travels_only_if_there_is_one() -> None:
    connected = Connected(1, b"d" * 16, 3, "name", 1, b"p" * 16)
    assert travel(connected, written=0, read=0) == connected
    connected.profile = TransportProfile(b"p" * 16, 2)
    assert travel(connected, written=0, read=0) == connected


def test_the_standard_way_to_speak_mqtt_is_not_the_same_as_none() -> None:
    mqtt = TransportProfile(b"p" * 16, 2, TransportType.TRANSPORT_TYPE_MQTT, MqttProfile())
    changed = ProfileChanged(0, mqtt)
    assert travel(changed, written=0, read=0) == changed
    mqtt.mqtt = MqttProfile("a/+", "b/#", "c", True)
    assert travel(changed, written=0, read=0) == changed
    mqtt.deadline_in_body = True
    assert travel(changed, written=0, read=0) == changed


def test_an_empty_answer_is_an_answer_and_an_empty_error_an_error() -> None:
    assert travel(DeviceCallAnswer(1, 2), written=0, read=0) == DeviceCallAnswer(1, 2, b"", None)
    assert travel(DeviceCallAnswer(1, 2, error=""), written=0, read=0) == DeviceCallAnswer(1, 2, b"", "")
