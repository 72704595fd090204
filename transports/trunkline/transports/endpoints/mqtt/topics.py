"""ThingsBoard's device topics: what may be subscribed, what a publish means, and where its answer goes.

A subscription is matched as text against the table: nothing here is a broker, so no filter but these means anything.
The protobuf forms (`/p/`) are refused like unknown ones.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple


class Wants(Enum):
    """What a subscription asks the core for; the rest of the filters only receive what needs no subscription."""

    CALLS = auto()
    ATTRIBUTES = auto()
    NOTHING = auto()


class Filter(NamedTuple):
    """A filter that is granted. `bit` names it in a session's set of subscriptions; `calls_to` is where calls go."""

    bit: int
    wants: Wants
    calls_to: bytes = b""


_GRANTED: Final[tuple[tuple[str, Wants], ...]] = (
    ("v1/devices/me/rpc/request/+", Wants.CALLS),
    ("v2/r/req/+", Wants.CALLS),
    ("v2/r/req/j/+", Wants.CALLS),
    ("v1/devices/me/attributes", Wants.ATTRIBUTES),
    ("v2/a", Wants.ATTRIBUTES),
    ("v2/a/j", Wants.ATTRIBUTES),
    ("v1/devices/me/rpc/response/+", Wants.NOTHING),
    ("v2/r/res/+", Wants.NOTHING),
    ("v2/r/res/j/+", Wants.NOTHING),
    ("v1/devices/me/attributes/response/+", Wants.NOTHING),
    ("v2/a/res/+", Wants.NOTHING),
    ("v2/a/res/j/+", Wants.NOTHING),
    ("v1/gateway/attributes", Wants.NOTHING),
    ("v1/gateway/rpc", Wants.NOTHING),
    ("v1/gateway/attributes/response", Wants.NOTHING),
    ("v2/fw/response/+/chunk/+", Wants.NOTHING),
    ("v2/fw/error", Wants.NOTHING),
    ("v2/sw/response/+/chunk/+", Wants.NOTHING),
    ("v2/sw/error", Wants.NOTHING),
)

FILTERS: Final[Mapping[str, Filter]] = {
    name: Filter(1 << index, wants, name.removesuffix("+").encode() if wants is Wants.CALLS else b"")
    for index, (name, wants) in enumerate(_GRANTED)
}
"""The filters that are granted, by their text."""


class Answer(NamedTuple):
    """Where a device's request is answered: the topic before the request's id, and the filter that covers it."""

    topic: bytes
    bit: int


def _answer(name: str) -> Answer:
    return Answer(name.removesuffix("+").encode(), FILTERS[name].bit)


class Uplink(Enum):
    """What a publish means."""

    TELEMETRY = auto()
    ATTRIBUTES = auto()
    ATTRIBUTES_REQUEST = auto()
    REPLY = auto()
    DEVICE_CALL = auto()
    CLAIM = auto()
    CHUNK_REQUEST = auto()
    GATEWAY = auto()


class Meaning(NamedTuple):
    """A publish's meaning, the text behind its prefix (an id) and where its answer goes, if it has one."""

    uplink: Uplink
    rest: str = ""
    answer: Answer | None = None


REPLY_PREFIX: Final = "v1/devices/me/rpc/response/"
DEVICE_CALL_V1: Final = _answer("v1/devices/me/rpc/response/+")

_EXACT: Final[Mapping[str, Meaning]] = {
    "v1/devices/me/telemetry": Meaning(Uplink.TELEMETRY),
    "v2/t": Meaning(Uplink.TELEMETRY),
    "v2/t/j": Meaning(Uplink.TELEMETRY),
    "v1/devices/me/attributes": Meaning(Uplink.ATTRIBUTES),
    "v2/a": Meaning(Uplink.ATTRIBUTES),
    "v2/a/j": Meaning(Uplink.ATTRIBUTES),
    "v1/devices/me/claim": Meaning(Uplink.CLAIM),
}

_PREFIXES: Final[tuple[tuple[str, Uplink, Answer | None], ...]] = (
    (REPLY_PREFIX, Uplink.REPLY, None),
    ("v1/devices/me/rpc/request/", Uplink.DEVICE_CALL, DEVICE_CALL_V1),
    ("v1/devices/me/attributes/request/", Uplink.ATTRIBUTES_REQUEST, _answer("v1/devices/me/attributes/response/+")),
    ("v2/r/res/j/", Uplink.REPLY, None),
    ("v2/r/res/", Uplink.REPLY, None),
    ("v2/r/req/j/", Uplink.DEVICE_CALL, _answer("v2/r/res/j/+")),
    ("v2/r/req/", Uplink.DEVICE_CALL, _answer("v2/r/res/+")),
    ("v2/a/req/j/", Uplink.ATTRIBUTES_REQUEST, _answer("v2/a/res/j/+")),
    ("v2/a/req/", Uplink.ATTRIBUTES_REQUEST, _answer("v2/a/res/+")),
    ("v2/fw/request/", Uplink.CHUNK_REQUEST, Answer(b"v2/fw/error", FILTERS["v2/fw/error"].bit)),
    ("v2/sw/request/", Uplink.CHUNK_REQUEST, Answer(b"v2/sw/error", FILTERS["v2/sw/error"].bit)),
    ("v1/gateway/", Uplink.GATEWAY, None),
)

_CHUNK: Final = re.compile(r"[0-9]+/chunk/[0-9]+")
_PROTOBUF: Final = ("v2/r/res/p/", "v2/r/req/p/", "v2/a/req/p/")


def meaning(topic: str) -> Meaning | None:
    """What a publish to `topic` means; None if it means nothing here."""
    found = _EXACT.get(topic)
    if found is not None or topic.startswith(_PROTOBUF):
        return found
    for prefix, uplink, answer in _PREFIXES:
        if topic.startswith(prefix):
            rest = topic[len(prefix) :]
            return (
                None if uplink is Uplink.CHUNK_REQUEST and not _CHUNK.fullmatch(rest) else Meaning(uplink, rest, answer)
            )
    return None


def int32(digits: str) -> int | None:
    """The signed 32-bit decimal that a topic ends with, as devices write ids; None if it is none."""
    unsigned = digits[1:] if digits[:1] in ("-", "+") else digits
    if not (unsigned.isascii() and unsigned.isdigit() and len(unsigned) <= 10):
        return None
    value = int(digits)
    return value if -(2**31) <= value < 2**31 else None
