"""What is left of a call's time, as MQTT 5 properties of its PUBLISH: Message Expiry Interval and two user properties.

They stand on the path of every call, so they are written in one go, and not by `fields.properties`.
"""

from binascii import hexlify
from functools import lru_cache
from struct import Struct
from typing import Final

from trunkline.transports.deadlines import LONGEST_MS
from trunkline.transports.endpoints.mqtt.fields import PropertyId

_BEGIN: Final = Struct(">BBI").pack
_GROUPS: Final = Struct("8s4s4s4s12s").unpack
_REMAINING_MS: Final = b"%c\0\x16trunkline-remaining-ms\0" % PropertyId.USER_PROPERTY
_CALL_ID: Final = b"%c\0\x11trunkline-call-id\0\x24" % PropertyId.USER_PROPERTY
_CALL_ID_BYTES: Final = len(_CALL_ID) + 36


def deadline_properties(call_id: bytes, remaining_ms: int) -> bytes:
    """The whole property section, its length included: at most 101 bytes.

    `remaining_ms`, 1 or more, goes into the user property `trunkline-remaining-ms`, and rounded up to seconds into
    Message Expiry Interval; `call_id`, 16 bytes or none, as UUID text into `trunkline-call-id`.
    """
    if not call_id:
        return _times(remaining_ms, 0)
    return b"%b%b-%b-%b-%b-%b" % (_times(remaining_ms, _CALL_ID_BYTES), *_GROUPS(hexlify(call_id)))


@lru_cache(maxsize=4096)
def _times(remaining_ms: int, more: int) -> bytes:
    """All but the call's id, `more` bytes long or 0. Kept: under load nearly all calls have the same time left."""
    remaining_ms = min(remaining_ms, LONGEST_MS)
    digits = b"%d" % remaining_ms
    length = 5 + len(_REMAINING_MS) + 1 + len(digits) + more
    section = _BEGIN(length, PropertyId.MESSAGE_EXPIRY, -(-remaining_ms // 1000))
    return b"%b%b%c%b%b" % (section, _REMAINING_MS, len(digits), digits, _CALL_ID if more else b"")
