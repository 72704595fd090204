"""What devices say over MQTT, made up from a seed: sensible packets, and what faults and malice make of them."""

from collections.abc import Callable
from random import Random
from typing import Final

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import Properties, PropertyId
from trunkline.transports.endpoints.mqtt.packets import V5

TOPICS: Final = (
    "v1/devices/me/rpc/response/{}",
    "v2/r/res/{}",
    "v1/devices/me/rpc/request/{}",
    "v2/r/req/j/{}",
    "v1/devices/me/telemetry",
    "v2/a",
    "v1/devices/me/attributes/request/{}",
    "v1/devices/me/claim",
    "v2/fw/request/{}/chunk/0",
    "v1/gateway/rpc",
    "somewhere/else/{}",
)
FILTERS: Final = (
    "v1/devices/me/rpc/request/+",
    "v2/r/req/j/+",
    "v1/devices/me/rpc/response/+",
    "v1/devices/me/attributes",
    "#",
    "$share/g/v2/a",
)
PAYLOADS: Final = (
    b"",
    b"{}",
    b'{"method":"getSessionLimits","params":{}}',
    b'{"method":"time"}',
    b'{"ts":1,"values":{"t":21.5}}',
    b'[{"a":1},{"b":null}]',
    b"not json",
    b"\xff\xfe",
    b'{"a":' * 2_000,
)


def connect(random: Random, level: int, token: str) -> bytes:
    """A CONNECT that is let in if the core knows the token."""
    stated: tuple[Properties, ...] = (
        {},
        {PropertyId.RECEIVE_MAXIMUM: random.randint(1, 3)},
        {PropertyId.MAXIMUM_PACKET_SIZE: random.randint(1, 300)},
        {PropertyId.REQUEST_PROBLEM_INFO: 0, PropertyId.SESSION_EXPIRY: 9},
    )
    values = random.choice(stated) if level == V5 else {}
    will = random.choice((None, packets.Will("gone", b"bye", 1, True)))
    password = random.choice((None, b"", b"\xffsecret"))
    clean = random.random() < 0.5
    return packets.connect(level, "a-device", token, password, clean=clean, will=will, values=values)


def packet(random: Random, level: int) -> bytes:
    """Any one packet that a device may send once it is connected."""
    packet_id = random.randint(1, 65_535)
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: packets.publish(
            level,
            random.choice(TOPICS).format(random.randint(-3, 60)).encode(),
            random.choice(PAYLOADS),
            qos := random.randint(0, 2),
            packet_id if qos else 0,
        ),
        lambda: packets.subscribe(
            level, packet_id, tuple((random.choice(FILTERS), random.randint(0, 2)) for _ in range(random.randint(1, 3)))
        ),
        lambda: packets.unsubscribe(level, packet_id, (random.choice(FILTERS),)),
        lambda: packets.puback(level, random.randint(1, 5), random.choice((0, 0x80))),
        lambda: packets.PINGREQ_PACKET,
        lambda: packets.packet(random.choice((0x50, 0x62, 0x70)), packet_id.to_bytes(2, "big")),
        lambda: packets.packet(packets.AUTH << 4, b""),
    )
    return random.choices(kinds, weights=(8, 4, 2, 4, 1, 1, 0.2))[0]()


def damaged(random: Random, data: bytes) -> bytes:
    """The same with a few bytes changed, lost, doubled or invented."""
    found = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(found) + 1)
        match random.randrange(5):
            case 0 if at < len(found):
                found[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
            case 1:
                del found[at : at + random.randint(1, 8)]
            case 2:
                found[at:at] = found[at : at + random.randint(1, 30)]
            case 3:
                found[at:at] = random.randbytes(random.randint(1, 8))
            case _:
                del found[at:]
        if not found:
            break
    return bytes(found)


def pieces(random: Random, data: bytes) -> list[bytes]:
    """The same as a network may bring it."""
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randint(0, 5)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True) if start < end]
