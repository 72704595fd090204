"""One MQTT session between a recording socket and a recording link, on a clock that the test moves."""

from copy import copy

from doubles.manual_clock import ManualClock
from doubles.recording_link import RecordingLink

from trunkline.contract.streams.frames import Connected, Deliver
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import PropertyId, read_properties
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode
from trunkline.transports.endpoints.mqtt.session import MqttSession, Stage
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.endpoints.mqtt.surroundings import Pause, Surroundings
from trunkline.transports.endpoints.mqtt.uplinks import Uplinks
from trunkline.v1.call_pb2 import CallKind

CALLS = "v1/devices/me/rpc/request/+"


class RecordingLine:
    """A socket that keeps what is written to it."""

    def __init__(self, certificate: bytes = b"") -> None:
        self.certificate = certificate
        self.address = "192.0.2.7"
        self.waiting = 0
        self.written = b""
        self.open = True
        self.pauses: set[Pause] = set()

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.open = False

    def pause(self, why: Pause) -> None:
        self.pauses.add(why)

    def resume(self, why: Pause) -> None:
        self.pauses.discard(why)

    def take(self) -> list[tuple[int, bytes]]:
        """The packets written since the last time: first byte and body."""
        found, rest = packets.split_packets(self.written)
        assert not rest
        self.written = b""
        return found


class MqttBench:
    """A session and what surrounds it."""

    def __init__(self, level: int = packets.V3_1_1, **settings: int | str) -> None:
        self.level = level
        self.clock = ManualClock()
        self.link = RecordingLink()
        self.around = Surroundings(self.link, MqttSettings.model_validate(settings), Uplinks(self.clock), self.clock)
        self.line = RecordingLine()
        self.session = MqttSession(self.around, self.line)

    def another(self) -> "MqttBench":
        """One more connection at the same endpoint, from the same address."""
        bench = copy(self)
        bench.line = RecordingLine()
        bench.session = MqttSession(self.around, bench.line)
        return bench

    def connect(self, *, gateway: bool = False, **options: object) -> list[tuple[int, bytes]]:
        """CONNECT and let in; what the device was sent."""
        self.session.receive(
            packets.connect(self.level, "a-device", "a-token", **options)  # type: ignore[arg-type]  # passed through
        )
        self.link.take()
        self.let_in(gateway=gateway)
        assert self.session.stage is Stage.OPEN
        return self.line.take()

    def let_in(self, *, gateway: bool = False) -> None:
        """The core's answer to CONNECT."""
        self.session.connected(Connected(self.session.number, b"d" * 16, 1, "device", 1, b"p" * 16, gateway))

    def subscribe(self, topic: str = CALLS, qos: int = 1) -> None:
        """SUBSCRIBE, applied by the core."""
        self.session.receive(packets.subscribe(self.level, 1, ((topic, qos),)))
        self.session.subscribed()
        self.link.take()
        self.line.take()

    def publish(self, topic: str, payload: bytes, qos: int = 1, packet_id: int = 7) -> None:
        """A publish of the device."""
        self.session.receive(packets.publish(self.level, topic.encode(), payload, qos, packet_id if qos else 0))

    def deliver(
        self, request_id: int, params: bytes = b'{"pin":7}', timeout_ms: int = 60_000, call_id: bytes = b""
    ) -> bool:
        """A call from the core."""
        call = Deliver(
            self.session.number,
            request_id,
            "setGpio",
            params,
            self.clock.now + timeout_ms,
            CallKind.CALL_KIND_TWO_WAY,
            call_id,
        )
        return self.session.deliver(call, self.clock.now)

    def said(self) -> list[tuple[int, int, str]]:
        """Kind, reason code and reason string of the PUBACKs and DISCONNECTs of MQTT 5 written since the last time;
        nothing else may be among them."""
        found = []
        for first, body in self.line.take():
            kind = first >> 4
            code, at = (body[2:3] or b"\0", 3) if kind == packets.PUBACK else (body[:1] or b"\0", 1)
            assert kind in (packets.PUBACK, packets.DISCONNECT), kind
            values = read_properties(body, at)[0] if len(body) > at else {}
            found.append((kind, code[0], str(values.get(PropertyId.REASON_STRING, ""))))
        return found

    def published(self) -> list[packets.Publish]:
        """The publishes written to the device since the last time; nothing else may be among them."""
        return [packets.decode_publish(first, body, self.level) for first, body in self.line.take()]

    def advance(self, milliseconds: int) -> int:
        """Let time pass, for the session too; its new time."""
        self.around.now_ms = self.clock.advance(milliseconds) - self.around.stood_ms
        return self.around.now_ms


def opened(level: int = packets.V3_1_1, qos: int = 1, **limits: int | str) -> MqttBench:
    """A session that is connected and subscribed to calls."""
    bench = MqttBench(level, **limits)
    bench.connect()
    bench.subscribe(qos=qos)
    return bench


def ended_with(bench: MqttBench, reason: ReasonCode) -> bool:
    """Whether the connection is closed, and an MQTT 5 device was told why."""
    told = [(first, body[:1]) for first, body in bench.line.take()]
    expected = [(packets.DISCONNECT << 4, bytes((reason,)))] if bench.level == packets.V5 else []
    return not bench.line.open and bench.session.stage is Stage.CLOSED and told == expected
