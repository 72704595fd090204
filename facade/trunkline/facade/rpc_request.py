"""The body of the RPC POSTs as ThingsBoard reads it: strictly where callers write what is documented, else leniently.

`params` stays the bytes that came, without insignificant white space: numbers, big integers and key order are the
caller's. What the strict pass refuses but ThingsBoard accepts (`"method": 5`, text behind the object, broken UTF-8)
takes a second pass that coerces field by field.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from trunkline.contract import ids, json_text
from trunkline.contract.streams.frames import DeliveryPolicy
from trunkline.facade.errors import bad_request
from trunkline.v1 import call_pb2
from trunkline.v1.call_pb2 import Redelivery, SubmitStrategy

NO_BODY: Final = "Required request body is missing"
INVALID: Final = "Invalid request body"

MOST_RETRIES: Final = 2**31 - 1
"""What ThingsBoard's rows can hold; the server's own limit counts anyway."""

_UNSET: Final = msgspec.UNSET
_NULL: Final = msgspec.Raw(json_text.NULL)

STRATEGIES: Final[Mapping[str, SubmitStrategy.ValueType]] = {
    "BURST": call_pb2.SUBMIT_STRATEGY_BURST,
    "SEQUENTIAL_ON_ACK_FROM_DEVICE": call_pb2.SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE,
    "SEQUENTIAL_ON_RESPONSE_FROM_DEVICE": call_pb2.SUBMIT_STRATEGY_SEQUENTIAL_ON_RESPONSE_FROM_DEVICE,
}
REDELIVERIES: Final[Mapping[str, Redelivery.ValueType]] = {
    "unanswered": call_pb2.REDELIVERY_UNANSWERED,
    "undelivered": call_pb2.REDELIVERY_UNDELIVERED,
    "never": call_pb2.REDELIVERY_NEVER,
}


class RpcRequest(msgspec.Struct, rename="camel", gc=False):
    """What a caller asks for. `params` is one compact JSON value."""

    method: str
    params: msgspec.Raw = _NULL
    timeout: int | msgspec.UnsetType = _UNSET
    """Milliseconds."""
    expiration_time: int | msgspec.UnsetType = _UNSET
    """Unix milliseconds; goes before `timeout`."""
    persistent: bool = False
    fail_fast: bool = False
    await_delivery: bool = False
    request_id: str | msgspec.UnsetType = msgspec.field(default=_UNSET, name="requestUUID")
    retries: int | msgspec.UnsetType = _UNSET
    additional_info: msgspec.Raw = _NULL
    """One compact JSON value, which stays with a persistent call."""
    redelivery: str | None = None
    submit_strategy: str | None = None

    @property
    def policy(self) -> DeliveryPolicy | None:
        """How the caller wants this call to reach its device; None: as the device's profile says."""
        if self.redelivery is None and self.submit_strategy is None:
            return None
        return DeliveryPolicy(STRATEGIES.get(self.submit_strategy or "", 0), REDELIVERIES.get(self.redelivery or "", 0))


_strict = msgspec.json.Decoder(RpcRequest)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WHITE: Final = " \t\r\n"
_NUMBER: Final = "-0123456789"
_value = json.JSONDecoder(parse_int=str, parse_float=str)
"""Finds where the first JSON value of a text ends."""


def parse_request(body: bytes, one_way: bool) -> RpcRequest:
    """The request in `body` (UTF-8). Raises TrunklineError (INVALID_ARGUMENT)."""
    try:
        if not body.isascii():
            body.decode()  # msgspec looks only at the quotes of a raw value
        request = _strict.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        request = _parse_leniently(body)
    request.params = msgspec.Raw(msgspec.json.format(request.params, indent=-1))
    if request.request_id is not msgspec.UNSET:
        _check_id(request.request_id)
    if (
        request.persistent
        or request.fail_fast
        or request.await_delivery
        or request.redelivery is not None
        or request.submit_strategy is not None
    ):
        _check_options(request, one_way)
    return request


def _check_id(text: str) -> None:
    try:
        ids.from_text(text)
    except ValueError:
        raise bad_request(INVALID) from None


def _check_options(request: RpcRequest, one_way: bool) -> None:
    if request.persistent and request.fail_fast:
        raise bad_request("failFast does not go with persistent")
    if request.await_delivery and (request.persistent or not one_way):
        raise bad_request("awaitDelivery goes only with one-way calls that are not persistent")
    _check_named(request.redelivery, "redelivery", REDELIVERIES)
    _check_named(request.submit_strategy, "submitStrategy", STRATEGIES)
    if request.submit_strategy is not None and not request.persistent:
        raise bad_request("submitStrategy goes only with persistent calls")
    if request.persistent:
        _check_stored(request)


def _check_named(name: str | None, member: str, known: Mapping[str, int]) -> None:
    if name is not None and name not in known:
        raise bad_request(f"{INVALID}: {member} is one of {', '.join(known)}")


def _check_stored(request: RpcRequest) -> None:
    if request.retries is not _UNSET:
        request.retries = max(0, min(request.retries, MOST_RETRIES))
    try:
        json_text.check_readable(bytes(request.additional_info))
    except ValueError as error:
        raise bad_request(f"{INVALID}: additionalInfo: {error}") from None
    request.additional_info = msgspec.Raw(msgspec.json.format(request.additional_info, indent=-1))


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
    request = RpcRequest(
        _text(_python(fields["method"])),
        fields.get("params", _NULL),
        additional_info=fields.get("additionalInfo", _NULL),
    )
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


def _name(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise bad_request(f"{INVALID}: redelivery and submitStrategy are names")
    return value


_COERCIONS: Final[tuple[tuple[str, str, Callable[[object], object]], ...]] = (
    ("timeout", "timeout", _integer),
    ("expirationTime", "expiration_time", _integer),
    ("persistent", "persistent", _flag),
    ("failFast", "fail_fast", _flag),
    ("awaitDelivery", "await_delivery", _flag),
    ("requestUUID", "request_id", _uuid),
    ("retries", "retries", _integer),
    ("redelivery", "redelivery", _name),
    ("submitStrategy", "submit_strategy", _name),
)
