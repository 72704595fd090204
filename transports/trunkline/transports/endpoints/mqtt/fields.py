"""What MQTT packets are made of: integers, strings and MQTT 5 properties, read from and written to bytes.

A reader takes the packet's body and a position and returns the value and the position behind it. Whatever does not fit
raises Malformed; nothing else is ever raised for any bytes.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from typing import Final

from trunkline.transports.endpoints.mqtt.reason_codes import ReasonCode


class Malformed(Exception):
    """The bytes are not the MQTT packet they claim to be; the connection cannot go on."""

    def __init__(self, what: str, reason: ReasonCode = ReasonCode.MALFORMED_PACKET) -> None:
        super().__init__(what)
        self.reason = reason


class PropertyId(IntEnum):
    """MQTT 5 specification, section 2.2.2.2."""

    PAYLOAD_FORMAT = 0x01
    MESSAGE_EXPIRY = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_ID = 0x0B
    SESSION_EXPIRY = 0x11
    ASSIGNED_CLIENT_ID = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTH_METHOD = 0x15
    AUTH_DATA = 0x16
    REQUEST_PROBLEM_INFO = 0x17
    WILL_DELAY = 0x18
    REQUEST_RESPONSE_INFO = 0x19
    RESPONSE_INFO = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARDS_AVAILABLE = 0x28
    SUBSCRIPTION_IDS_AVAILABLE = 0x29
    SHARED_SUBSCRIPTIONS_AVAILABLE = 0x2A


class _Form(Enum):
    BYTE = auto()
    U16 = auto()
    U32 = auto()
    VARINT = auto()
    TEXT = auto()
    BINARY = auto()
    PAIR = auto()


_P = PropertyId
_FORMS: Final[Mapping[int, _Form]] = {
    _P.PAYLOAD_FORMAT: _Form.BYTE,
    _P.MESSAGE_EXPIRY: _Form.U32,
    _P.CONTENT_TYPE: _Form.TEXT,
    _P.RESPONSE_TOPIC: _Form.TEXT,
    _P.CORRELATION_DATA: _Form.BINARY,
    _P.SUBSCRIPTION_ID: _Form.VARINT,
    _P.SESSION_EXPIRY: _Form.U32,
    _P.ASSIGNED_CLIENT_ID: _Form.TEXT,
    _P.SERVER_KEEP_ALIVE: _Form.U16,
    _P.AUTH_METHOD: _Form.TEXT,
    _P.AUTH_DATA: _Form.BINARY,
    _P.REQUEST_PROBLEM_INFO: _Form.BYTE,
    _P.WILL_DELAY: _Form.U32,
    _P.REQUEST_RESPONSE_INFO: _Form.BYTE,
    _P.RESPONSE_INFO: _Form.TEXT,
    _P.SERVER_REFERENCE: _Form.TEXT,
    _P.REASON_STRING: _Form.TEXT,
    _P.RECEIVE_MAXIMUM: _Form.U16,
    _P.TOPIC_ALIAS_MAXIMUM: _Form.U16,
    _P.TOPIC_ALIAS: _Form.U16,
    _P.MAXIMUM_QOS: _Form.BYTE,
    _P.RETAIN_AVAILABLE: _Form.BYTE,
    _P.USER_PROPERTY: _Form.PAIR,
    _P.MAXIMUM_PACKET_SIZE: _Form.U32,
    _P.WILDCARDS_AVAILABLE: _Form.BYTE,
    _P.SUBSCRIPTION_IDS_AVAILABLE: _Form.BYTE,
    _P.SHARED_SUBSCRIPTIONS_AVAILABLE: _Form.BYTE,
}

PropertyValue = int | str | bytes
Properties = Mapping[int, PropertyValue]
"""By PropertyId. User properties are checked when read, then dropped: nothing here uses them."""

NO_PROPERTIES: Final[Properties] = {}


def read_u8(body: bytes, at: int) -> tuple[int, int]:
    """One byte."""
    if at >= len(body):
        raise Malformed("The packet ends within a field")
    return body[at], at + 1


def read_u16(body: bytes, at: int) -> tuple[int, int]:
    """Two bytes, big-endian."""
    if at + 2 > len(body):
        raise Malformed("The packet ends within a field")
    return body[at] << 8 | body[at + 1], at + 2


def read_u32(body: bytes, at: int) -> tuple[int, int]:
    """Four bytes, big-endian."""
    if at + 4 > len(body):
        raise Malformed("The packet ends within a field")
    return int.from_bytes(body[at : at + 4], "big"), at + 4


def read_varint(body: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer, at most four bytes."""
    value = shift = 0
    for _ in range(4):
        byte, at = read_u8(body, at)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("A variable byte integer is longer than four bytes")


def read_binary(body: bytes, at: int) -> tuple[bytes, int]:
    """Bytes behind their 16-bit length."""
    length, at = read_u16(body, at)
    end = at + length
    if end > len(body):
        raise Malformed("The packet ends within a field")
    return body[at:end], end


def read_text(body: bytes, at: int) -> tuple[str, int]:
    """UTF-8 text behind its 16-bit length; U+0000 and surrogates are malformed."""
    raw, at = read_binary(body, at)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("Text is not UTF-8") from None
    if "\0" in text:
        raise Malformed("Text holds U+0000")
    return text, at


def read_properties(body: bytes, at: int) -> tuple[Properties, int]:
    """MQTT 5 properties behind their length."""
    if at < len(body) and body[at] == 0:
        return NO_PROPERTIES, at + 1
    length, at = read_varint(body, at)
    end = at + length
    if end > len(body):
        raise Malformed("The packet ends within its properties")
    section = body[:end]
    found: dict[int, PropertyValue] = {}
    while at < end:
        key, at = read_varint(section, at)
        value: PropertyValue
        match _FORMS.get(key):
            case _Form.BYTE:
                value, at = read_u8(section, at)
            case _Form.U16:
                value, at = read_u16(section, at)
            case _Form.U32:
                value, at = read_u32(section, at)
            case _Form.VARINT:
                value, at = read_varint(section, at)
            case _Form.TEXT:
                value, at = read_text(section, at)
            case _Form.BINARY:
                value, at = read_binary(section, at)
            case _Form.PAIR:
                _, at = read_text(section, at)
                _, at = read_text(section, at)
                continue
            case None:
                raise Malformed(f"Unknown property {key}")
        if key in found and key != PropertyId.SUBSCRIPTION_ID:  # a message may match several subscriptions
            raise Malformed(f"Property {key} stands twice", ReasonCode.PROTOCOL_ERROR)
        found[key] = value
    return found, end


def varint(value: int) -> bytes:
    """A variable byte integer, 0 … 268,435,455."""
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def binary(value: bytes) -> bytes:
    """Bytes behind their 16-bit length; ValueError above 65,535."""
    if len(value) > 0xFFFF:
        raise ValueError("an MQTT field holds at most 65,535 bytes")
    return len(value).to_bytes(2, "big") + value


def text(value: str) -> bytes:
    """UTF-8 text behind its 16-bit length; ValueError above 65,535 bytes."""
    return binary(value.encode())


def properties(values: Properties) -> bytes:
    """MQTT 5 properties behind their length."""
    if not values:
        return b"\0"
    encoded = bytearray()
    for key, value in values.items():
        encoded.append(key)
        match _FORMS[key], value:
            case _Form.BYTE, int():
                encoded.append(value)
            case _Form.U16, int():
                encoded += value.to_bytes(2, "big")
            case _Form.U32, int():
                encoded += value.to_bytes(4, "big")
            case _Form.VARINT, int():
                encoded += varint(value)
            case _Form.TEXT, str():
                encoded += text(value)
            case _Form.BINARY, bytes():
                encoded += binary(value)
            case form, _:
                raise ValueError(f"property {key} is written as {form.name}, not {type(value).__name__}")
    return varint(len(encoded)) + bytes(encoded)
