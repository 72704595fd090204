"""What is left of a call's time, as devices are told it in the body of a call."""

from typing import Final

from trunkline.contract.ids import to_text

LONGEST_MS: Final = 0xFFFF_FFFF
"""About 49 days. No device is told of more: no more travels over a link, nor fits into an MQTT property."""


def in_body(body: bytes, call_id: bytes, remaining_ms: int) -> bytes:
    """`body`, a JSON object that is not empty, with one more member: `"trunkline":{"callId":"…","remainingMs":n}`.

    For device profiles that ask for it; other devices might not take a member that they do not know. `call_id` is 16
    bytes, or none.
    """
    remaining_ms = min(remaining_ms, LONGEST_MS)
    named = b'"callId":"%b",' % to_text(call_id).encode() if call_id else b""
    return b'%b,"trunkline":{%b"remainingMs":%d}}' % (body[:-1], named, remaining_ms)
