"""MQTT 3.1, 3.1.1 and 5.0 packets, both ways and both roles: bytes to packets and packets to bytes, nothing else.

A packet is a first byte (kind and flags), a remaining length and a body. `packet_at` finds it in a buffer, one decoder
per kind reads the body, one function per kind writes a whole packet. Decoders raise Malformed for whatever the
specification forbids, and nothing else for any bytes. The server's decoders come first, then its packets, then what
only a client needs.
"""

from typing import Final

import msgspec

from trunkline.transports.endpoints.mqtt.fields import (
    NO_PROPERTIES,
    Malformed,
    Properties,
    PropertyId,
    binary,
    properties,
    read_binary,
    read_properties,
    read_text,
    read_u8,
    read_u16,
    text,
    varint,
)
from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode

V3_1: Final = 3
V3_1_1: Final = 4
V5: Final = 5
"""Protocol levels as CONNECT carries them."""

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREC: Final = 5
PUBREL: Final = 6
PUBCOMP: Final = 7
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14
AUTH: Final = 15
"""Packet kinds: the upper half of the first byte."""

PUBACK_FIRST: Final = PUBACK << 4
"""The whole first byte."""

NONE_WRITTEN: Final = b"\0"
"""An MQTT 5 property section without properties."""

LARGEST_REMAINING: Final = 268_435_455
_NAMES: Final = {b"MQIsdp": (V3_1,), b"MQTT": (V3_1_1, V5)}
_LONGEST_V3_1_CLIENT_ID: Final = 23


def packet_at(data: bytes | bytearray, at: int, max_remaining: int = LARGEST_REMAINING) -> tuple[int, int] | None:
    """Where the body of the packet at `at` starts and ends (the end may lie beyond `data`); None: too few bytes to say.

    Raises Malformed for a remaining length over `max_remaining` bytes or with more than four bytes.
    """
    length = shift = 0
    end = len(data)
    for position in range(at + 1, at + 5):
        if position >= end:
            return None
        byte = data[position]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            if length > max_remaining:
                raise Malformed(f"A packet of {length} bytes; at most {max_remaining} are taken")
            return position + 1, position + 1 + length
        shift += 7
    raise Malformed("The remaining length is longer than four bytes")


def split_packets(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """All whole packets in `data` as (first byte, body), and the bytes of the packet that is not yet whole."""
    packets = []
    at = 0
    while (place := packet_at(data, at)) is not None and place[1] <= len(data):
        packets.append((data[at], data[place[0] : place[1]]))
        at = place[1]
    return packets, data[at:]


def check_flags(first: int, level: int) -> int:
    """The packet's kind; Malformed if the flags beside it are not those that the kind demands.

    MQTT 3.1 also sends SUBSCRIBE, UNSUBSCRIBE and PUBREL once more, with DUP set.
    """
    kind = first >> 4
    if kind != PUBLISH:
        flags = first & (0x07 if level == V3_1 else 0x0F)
        if flags != (0x02 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0x00):
            raise Malformed("Wrong flags in the first byte")
    return kind


# --- what a server reads ---


class Will(msgspec.Struct, frozen=True, gc=False):
    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(msgspec.Struct, frozen=True):
    level: int
    client_id: str
    clean: bool
    keep_alive_s: int
    user_name: str | None = None
    password: bytes | None = None
    will: Will | None = None
    properties: Properties = NO_PROPERTIES


def decode_connect(body: bytes) -> Connect:
    """A CONNECT of any of the three versions; Malformed for other protocol names and levels too.

    In MQTT 3.1 a user name or password may be missing although its flag is set, if the packet ends there.
    """
    name, at = read_binary(body, 0)
    level, at = read_u8(body, at)
    if level not in _NAMES.get(name, ()):
        raise Malformed(f"Unknown protocol {name!r} level {level}")
    flags, at = read_u8(body, at)
    if flags & 0x01 and level != V3_1:
        raise Malformed("The reserved CONNECT flag is set")
    keep_alive_s, at = read_u16(body, at)
    found: Properties = NO_PROPERTIES
    if level == V5:
        found, at = read_properties(body, at)
    client_id, at = read_text(body, at)
    if level == V3_1 and not 1 <= len(client_id) <= _LONGEST_V3_1_CLIENT_ID:
        raise Malformed("A client identifier of MQTT 3.1 has 1 to 23 characters")
    will, at = _read_will(body, at, level, flags)
    user_name: str | None = None
    password: bytes | None = None
    may_end = level == V3_1
    if flags & 0x80 and not (may_end and at == len(body)):
        user_name, at = read_text(body, at)
    if flags & 0x40 and not (may_end and at == len(body)):
        password, at = read_binary(body, at)
    if at != len(body):
        raise Malformed("Bytes behind the end of CONNECT")
    return Connect(level, client_id, bool(flags & 0x02), keep_alive_s, user_name, password, will, found)


def _read_will(body: bytes, at: int, level: int, flags: int) -> tuple[Will | None, int]:
    qos = flags >> 3 & 0x03
    if not flags & 0x04:
        if flags & 0x38:
            raise Malformed("Will flags without a will")
        return None, at
    if qos == 3:
        raise Malformed("QoS 3")
    if level == V5:
        _, at = read_properties(body, at)
    topic, at = read_text(body, at)
    payload, at = read_binary(body, at)
    return Will(topic, payload, qos, bool(flags & 0x20)), at


class Publish(msgspec.Struct, frozen=True):
    """`packet_id` is 0 at QoS 0. `topic` is empty only in MQTT 5 (with a topic alias)."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    properties: Properties = NO_PROPERTIES


def decode_publish(first: int, body: bytes, level: int) -> Publish:
    """A PUBLISH; DUP and RETAIN are not looked at."""
    if len(body) < 2:
        raise Malformed("The packet ends within a field")
    at = 2 + (body[0] << 8 | body[1])
    raw = body[2:at]
    if len(raw) != at - 2:
        raise Malformed("The packet ends within a field")
    try:
        topic = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("The topic is not UTF-8") from None
    if "+" in topic or "#" in topic or "\0" in topic or (not topic and level != V5):
        raise Malformed("Not a topic name")
    qos = first >> 1 & 0x03
    packet_id = 0
    if qos:
        if qos == 3:
            raise Malformed("QoS 3")
        packet_id, at = _read_packet_id(body, at)
    found: Properties = NO_PROPERTIES
    if level == V5:
        found, at = read_properties(body, at)
    return Publish(topic, body[at:], qos, packet_id, found)


def decode_puback(body: bytes, level: int) -> tuple[int, int]:
    """A PUBACK's packet id and reason code (0 in MQTT 3)."""
    packet_id, at = _read_packet_id(body, 0)
    if len(body) == at:
        return packet_id, 0
    if level != V5:
        raise Malformed("Bytes behind the end of PUBACK")
    reason, at = read_u8(body, at)
    if len(body) > at:
        _, at = read_properties(body, at)
    if at != len(body):
        raise Malformed("Bytes behind the end of PUBACK")
    return packet_id, reason


class Subscribe(msgspec.Struct, frozen=True):
    """`filters`: (topic filter, QoS asked for), at least one."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


def decode_subscribe(body: bytes, level: int) -> Subscribe:
    """A SUBSCRIBE; of MQTT 5's options only the QoS is kept."""
    packet_id, at = _read_packet_id(body, 0)
    if level == V5:
        _, at = read_properties(body, at)
    filters = []
    while at < len(body):
        topic_filter, at = read_text(body, at)
        options, at = read_u8(body, at)
        if options & (0xC0 if level == V5 else 0xFC) or options & 0x03 == 3 or options & 0x30 == 0x30:
            raise Malformed("Wrong subscription options")
        filters.append((topic_filter, options & 0x03))
    if not filters:
        raise Malformed("SUBSCRIBE without a filter", ReasonCode.PROTOCOL_ERROR)
    return Subscribe(packet_id, tuple(filters))


class Unsubscribe(msgspec.Struct, frozen=True):
    packet_id: int
    filters: tuple[str, ...]


def decode_unsubscribe(body: bytes, level: int) -> Unsubscribe:
    """An UNSUBSCRIBE with at least one filter."""
    packet_id, at = _read_packet_id(body, 0)
    if level == V5:
        _, at = read_properties(body, at)
    filters = []
    while at < len(body):
        topic_filter, at = read_text(body, at)
        filters.append(topic_filter)
    if not filters:
        raise Malformed("UNSUBSCRIBE without a filter", ReasonCode.PROTOCOL_ERROR)
    return Unsubscribe(packet_id, tuple(filters))


def decode_disconnect(body: bytes, level: int) -> int:
    """A DISCONNECT's reason code (0 in MQTT 3)."""
    if level != V5 or not body:
        if body:
            raise Malformed("Bytes behind the end of DISCONNECT")
        return 0
    reason, at = read_u8(body, 0)
    if at < len(body):
        _, at = read_properties(body, at)
    if at != len(body):
        raise Malformed("Bytes behind the end of DISCONNECT")
    return reason


def _read_packet_id(body: bytes, at: int) -> tuple[int, int]:
    packet_id, at = read_u16(body, at)
    if not packet_id:
        raise Malformed("Packet identifier 0")
    return packet_id, at


# --- what a server writes ---


PINGRESP_PACKET: Final = bytes((PINGRESP << 4, 0))


def packet(first: int, body: bytes) -> bytes:
    """A whole packet of a first byte and a body."""
    if len(body) < 0x80:
        return bytes((first, len(body))) + body
    return bytes((first,)) + varint(len(body)) + body


def connack(level: int, code: int, values: Properties = NO_PROPERTIES) -> bytes:
    """`code` is a return code (MQTT 3) or a reason code (5). Session Present is never set: nothing is kept here."""
    return packet(CONNACK << 4, bytes((0, code)) + (properties(values) if level == V5 else b""))


def publish(
    level: int, topic: bytes, payload: bytes, qos: int = 0, packet_id: int = 0, values: bytes = NONE_WRITTEN
) -> bytes:
    """`topic` is UTF-8 already; `packet_id` is needed at QoS 1. DUP and RETAIN are 0.

    `values` is the property section of MQTT 5, its length included; MQTT 3 has none.
    """
    head = len(topic).to_bytes(2, "big") + topic
    if qos:
        head += packet_id.to_bytes(2, "big")
    if level == V5:
        head += values
    length = len(head) + len(payload)
    first = PUBLISH << 4 | qos << 1
    if length < 0x80:
        return b"%c%c%b%b" % (first, length, head, payload)
    if length < 0x4000:
        return b"%c%c%c%b%b" % (first, length & 0x7F | 0x80, length >> 7, head, payload)
    return b"%c%b%b%b" % (first, varint(length), head, payload)


def puback(level: int, packet_id: int, reason: int = 0, reason_string: str = "") -> bytes:
    """The reason is written only where MQTT 5 has something other than success to say."""
    if reason and level == V5:
        if reason_string:
            return packet(PUBACK << 4, b"%c%c%c" % (packet_id >> 8, packet_id & 0xFF, reason) + _why(reason_string))
        return b"\x40\x03%c%c%c" % (packet_id >> 8, packet_id & 0xFF, reason)
    return b"\x40\x02%c%c" % (packet_id >> 8, packet_id & 0xFF)


def suback(level: int, packet_id: int, codes: bytes, reason_string: str = "") -> bytes:
    """`codes`: for each filter, in order, the granted QoS or a refusal."""
    return packet(SUBACK << 4, packet_id.to_bytes(2, "big") + (_why(reason_string) if level == V5 else b"") + codes)


def unsuback(level: int, packet_id: int, codes: bytes) -> bytes:
    """`codes`: one reason for each filter; MQTT 3 has none."""
    return packet(UNSUBACK << 4, packet_id.to_bytes(2, "big") + (b"\0" + codes if level == V5 else b""))


def disconnect(level: int, reason: int = 0, reason_string: str = "") -> bytes:
    """A DISCONNECT of either side; MQTT 3 has no reason, and there only a client may send it."""
    if level != V5 or (not reason and not reason_string):
        return bytes((DISCONNECT << 4, 0))
    return packet(DISCONNECT << 4, bytes((reason,)) + (_why(reason_string) if reason_string else b""))


def _why(reason_string: str) -> bytes:
    """Properties: a reason string, or none."""
    return properties({PropertyId.REASON_STRING: reason_string} if reason_string else NO_PROPERTIES)


# --- what only a client needs ---


PINGREQ_PACKET: Final = bytes((PINGREQ << 4, 0))


def connect(
    level: int,
    client_id: str,
    user_name: str | None = None,
    password: bytes | None = None,
    *,
    clean: bool = True,
    keep_alive_s: int = 60,
    will: Will | None = None,
    values: Properties = NO_PROPERTIES,
) -> bytes:
    """A CONNECT of any of the three versions."""
    flags = 0x02 if clean else 0x00
    body = text("MQIsdp" if level == V3_1 else "MQTT") + bytes((level,))
    payload = text(client_id)
    if will is not None:
        flags |= 0x04 | will.qos << 3 | (0x20 if will.retain else 0)
        payload += (b"\0" if level == V5 else b"") + text(will.topic) + binary(will.payload)
    if user_name is not None:
        flags |= 0x80
        payload += text(user_name)
    if password is not None:
        flags |= 0x40
        payload += binary(password)
    body += bytes((flags,)) + keep_alive_s.to_bytes(2, "big")
    return packet(CONNECT << 4, body + (properties(values) if level == V5 else b"") + payload)


def subscribe(level: int, packet_id: int, filters: tuple[tuple[str, int], ...]) -> bytes:
    """`filters`: (topic filter, QoS asked for)."""
    body = packet_id.to_bytes(2, "big") + (b"\0" if level == V5 else b"")
    return packet(SUBSCRIBE << 4 | 2, body + b"".join(text(name) + bytes((qos,)) for name, qos in filters))


def unsubscribe(level: int, packet_id: int, filters: tuple[str, ...]) -> bytes:
    """Give up these filters."""
    body = packet_id.to_bytes(2, "big") + (b"\0" if level == V5 else b"")
    return packet(UNSUBSCRIBE << 4 | 2, body + b"".join(map(text, filters)))


class Connack(msgspec.Struct, frozen=True):
    session_present: bool
    code: int
    properties: Properties = NO_PROPERTIES


def decode_connack(body: bytes, level: int) -> Connack:
    """A CONNACK: the return code of MQTT 3 or the reason code of 5."""
    flags, at = read_u8(body, 0)
    code, at = read_u8(body, at)
    found: Properties = NO_PROPERTIES
    if level == V5:
        found, at = read_properties(body, at)
    if at != len(body) or flags > 1:
        raise Malformed("Not a CONNACK")
    return Connack(bool(flags), code, found)


def decode_suback(body: bytes, level: int) -> tuple[int, bytes]:
    """A SUBACK's or (MQTT 5) UNSUBACK's packet id and its codes, one for each filter."""
    packet_id, at = _read_packet_id(body, 0)
    if level == V5:
        _, at = read_properties(body, at)
    return packet_id, body[at:]
