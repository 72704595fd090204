"""A connection between its CONNECT and the core's answer: what it said, and what it sent without waiting."""

from typing import Final

from trunkline.contract.streams.frames import Connect, MqttBasic
from trunkline.transports.endpoints.mqtt import packets
from trunkline.v1.transport_service_pb2 import SessionKind

QUEUED_BYTES: Final = 64 * 1024
"""What a device may send before its CONNECT is answered; then it is not read."""


class Connecting:
    """Exists until the answer comes."""

    __slots__ = ("_bytes", "packet", "queued")

    def __init__(self, packet: packets.Connect) -> None:
        self.packet = packet
        self.queued: list[tuple[int, bytes]] = []
        """First bytes and bodies, in order."""
        self._bytes = 0

    def add(self, first: int, body: bytes) -> bool:
        """Queue a packet; False: that is enough, the device is to be read no further for now."""
        self.queued.append((first, body))
        self._bytes += len(body)
        return self._bytes <= QUEUED_BYTES

    def frame(self, number: int, max_inflight: int, certificate: bytes) -> Connect:
        """What the core is shown: a certificate (DER) stands alone, as in ThingsBoard."""
        packet = self.packet
        kind = SessionKind.SESSION_KIND_ASYNCHRONOUS
        if certificate:
            return Connect(number, kind, max_inflight, certificate_der=certificate)
        password = (packet.password or b"").decode(errors="replace")
        shown = MqttBasic(packet.client_id, packet.user_name or "", password)
        return Connect(number, kind, max_inflight, mqtt_basic=shown)
