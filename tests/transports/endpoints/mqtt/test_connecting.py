from trunkline.contract.streams.frames import Connect, MqttBasic
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.connecting import QUEUED_BYTES, Connecting
from trunkline.transports.endpoints.mqtt.packets import V5
from trunkline.v1.transport_service_pb2 import SessionKind

PACKET = packets.Connect(V5, "id", True, 60, "user", b"\xffsecret")
KIND = SessionKind.SESSION_KIND_ASYNCHRONOUS


def test_packets_wait_in_order_up_to_a_size() -> None:
    connecting = Connecting(PACKET)
    assert connecting.add(0x30, b"x" * QUEUED_BYTES)
    assert not connecting.add(0x32, b"y")
    assert connecting.queued == [(0x30, b"x" * QUEUED_BYTES), (0x32, b"y")]


def test_the_core_is_shown_what_the_device_showed() -> None:
    assert Connecting(PACKET).frame(7, 16, b"") == Connect(
        7, KIND, 16, mqtt_basic=MqttBasic("id", "user", "\ufffdsecret")
    )
    nothing = packets.Connect(V5, "id", True, 60)
    assert Connecting(nothing).frame(7, 16, b"") == Connect(7, KIND, 16, mqtt_basic=MqttBasic("id", "", ""))


def test_a_certificate_stands_alone() -> None:
    assert Connecting(PACKET).frame(7, 16, b"der") == Connect(7, KIND, 16, certificate_der=b"der")
