"""The body of the RPC POSTs as ThingsBoard reads it: strictly where callers write what is documented, else leniently.

`params` stays the bytes that came, without insignificant white space: numbers, big integers and key order are the
caller's. What the strict pass refuses but ThingsBoard accepts (`"method": 5`, text behind the object, broken UTF-8)
takes a second pass that coerces field by field.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from trunkline.contract import ids
from trunkline.contract.errors import TrunklineError
from trunkline.facade.errors import bad_request
from trunkline.v1.error_pb2 import ErrorReason

NO_BODY: Final = "Required request body is missing"
INVALID: Final = "Invalid request body"


class RpcRequest(msgspec.Struct, rename="camel", gc=False):
    """What a caller asks for. `params` is one compact JSON value."""

    method: str
    params: msgspec.Raw = msgspec.Raw(b"null")
    timeout: int | msgspec.UnsetType = msgspec.UNSET
    """Milliseconds."""
    expiration_time: int | msgspec.UnsetType = msgspec.UNSET
    """Unix milliseconds; goes before `timeout`."""
    persistent: bool = False
    fail_fast: bool = False
    await_delivery: bool = False
    request_id: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="requestUUID")

    @property
    def call_id(self) -> bytes:
        """The call id that the caller chose, empty if none."""
        return ids.from_text(self.request_id) if self.request_id else ids.NO_ID


_strict = msgspec.json.Decoder(RpcRequest)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WHITE: Final = " \t\r\n"
_NUMBER: Final = "-0123456789"
_value = json.JSONDecoder(parse_int=str, parse_float=str)
"""Finds where the first JSON value of a text ends."""


def parse_request(body: bytes, one_way: bool) -> RpcRequest:
    """The request in `body` (UTF-8). Raises TrunklineError: INVALID_ARGUMENT, NOT_SUPPORTED for persistent calls."""
    try:
        if not body.isascii():
            body.decode()  # msgspec looks only at the quotes of a raw value
        request = _strict.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        request = _parse_leniently(body)
    request.params = msgspec.Raw(msgspec.json.format(request.params, indent=-1))
    if request.request_id is not msgspec.UNSET:
        _check_id(request.request_id)
    if request.persistent or request.fail_fast or request.await_delivery:
        _check_combination(request, one_way)
    return request


def _check_id(text: str) -> None:
    try:
        ids.from_text(text)
    except ValueError:
        raise bad_request(INVALID) from None


def _check_combination(request: RpcRequest, one_way: bool) -> None:
    if request.persistent and request.fail_fast:
        raise bad_request("failFast does not go with persistent")
    if request.await_delivery and (request.persistent or not one_way):
        raise bad_request("awaitDelivery goes only with one-way calls that are not persistent")
    if request.persistent:
        reason = ErrorReason.ERROR_REASON_NOT_SUPPORTED
        raise TrunklineError(reason, "Persistent calls are not available in this version: leave out persistent")


def _parse_leniently(body: bytes) -> RpcRequest:
    text = first_value(body.decode(errors="replace"))
    try:
        fields = _fields.decode(text)
    except msgspec.ValidationError:
        raise bad_request(f"{INVALID}: it must be a JSON object") from None
    except (msgspec.DecodeError, RecursionError):
        raise bad_request(INVALID) from None
    if "method" not in fields:
        raise bad_request(f"{INVALID}: method is missing")
    request = RpcRequest(_text(_python(fields["method"])), fields.get("params", msgspec.Raw(b"null")))
    for key, attribute, coerce in _COERCIONS:
        if key in fields:
            setattr(request, attribute, coerce(_python(fields[key])))
    return request


def first_value(text: str) -> bytes:
    """The first JSON value of a text, which ThingsBoard reads and leaves the rest. Raises TrunklineError.

    The rest must not look like a part of that value: `22:20` and `nullable` are no JSON.
    """
    stripped = text.lstrip(_WHITE)
    if not stripped:
        raise bad_request(NO_BODY)
    try:
        _, end = _value.raw_decode(stripped)
    except (ValueError, RecursionError):
        raise bad_request(INVALID) from None
    first, following = stripped[0], stripped[end : end + 1]
    if (first in _NUMBER and following.strip(_WHITE)) or (
        first.isalpha() and (following.isalnum() or following == "_")
    ):
        raise bad_request(INVALID)
    return stripped[:end].encode()


def _python(raw: msgspec.Raw) -> Any:
    return json.loads(bytes(raw), parse_int=_big_int)


def _big_int(digits: str) -> int | float:
    """An integer; one of more digits than Python takes becomes infinite, which every limit cuts."""
    return int(digits) if len(digits) < 4000 else float(digits)


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return ""


def _integer(value: object) -> int:
    """A number of milliseconds; 0 for what is none."""
    if isinstance(value, str):
        try:
            value = float(value) if not value.strip().lstrip("-").isdigit() else int(value)
        except ValueError:
            return 0
    if not isinstance(value, int | float) or value != value:
        return 0
    return int(max(-(2.0**63), min(value, 2.0**63)))


def _flag(value: object) -> bool:
    if isinstance(value, str):
        return value.strip() == "true"
    return isinstance(value, int | float) and value != 0


def _uuid(value: object) -> str:
    if not isinstance(value, str):
        raise bad_request(INVALID)
    return value


_COERCIONS: Final[tuple[tuple[str, str, Callable[[object], object]], ...]] = (
    ("timeout", "timeout", _integer),
    ("expirationTime", "expiration_time", _integer),
    ("persistent", "persistent", _flag),
    ("failFast", "fail_fast", _flag),
    ("awaitDelivery", "await_delivery", _flag),
    ("requestUUID", "request_id", _uuid),
)
