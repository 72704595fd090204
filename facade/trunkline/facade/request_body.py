"""Reading a request's body, bounded, whatever its content type says about the rest."""

import codecs
from collections.abc import Mapping
from email.message import Message

from starlette.requests import Request
from starlette.types import Receive

from trunkline.contract.errors import TrunklineError
from trunkline.facade.errors import bad_request
from trunkline.v1.error_pb2 import ErrorReason


class CallerGone(Exception):
    """The caller hung up before its request was complete: nobody waits for an answer."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The whole body, at most `limit` bytes.

    Raises TrunklineError (PAYLOAD_TOO_LARGE; INVALID_ARGUMENT for a nonsensical Content-Length) and CallerGone.
    """
    announced = headers.get(b"content-length")
    if announced is not None and (not announced.isdigit() or int(announced) > limit):
        raise _too_large(limit) if announced.isdigit() else bad_request("Invalid Content-Length")
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        return body
    return await _read_parts(message, receive, limit)


async def _read_parts(message: Mapping[str, object], receive: Receive, limit: int) -> bytes:
    parts = bytearray()
    while message["type"] == "http.request":
        part = message.get("body", b"")
        assert isinstance(part, bytes)
        parts += part
        if len(parts) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(parts)
        message = await receive()
    raise CallerGone


def _too_large(limit: int) -> TrunklineError:
    reason = ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE
    return TrunklineError(reason, f"Payload size exceeds the limit of {limit} bytes", limit=str(limit))


def utf8_body(headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    """The body in UTF-8, from the charset that the content type names, if it names one that exists."""
    content_type = headers.get(b"content-type")
    if content_type is None or b"charset" not in content_type.lower():
        return body
    header = Message()
    header["content-type"] = content_type.decode("latin-1")
    charset = header.get_content_charset("utf-8")
    try:
        if codecs.lookup(charset).name == "utf-8":
            return body
        return body.decode(charset, "replace").encode()
    except (LookupError, UnicodeError):
        return body


async def request_body(request: Request, limit: int) -> bytes:
    """The body of an ordinary route's request, in UTF-8 and bounded as `read_body` says."""
    headers = dict(request.headers.raw)
    return utf8_body(headers, await read_body(headers, request.receive, limit))
