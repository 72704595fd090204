"""What a StartCall may ask for, whoever it is from."""

from typing import Final, NoReturn

from trunkline.contract.errors import TrunklineError
from trunkline.contract.json_text import compact
from trunkline.contract.streams.frames import DeliveryPolicy, StartCall
from trunkline.core.calls.model import REDELIVERY, STRATEGY
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason

LONGEST_KEY: Final = 255
"""Characters of an idempotency key."""

MOST_RETRIES: Final = (1 << 32) - 1
"""What a caller may say; the server has its own maximum."""

_LONG_METHOD: Final = 256
"""A method up to this needs no closer look: frames have that much room beside the largest params."""

_ONE_WAY: Final = CallKind.CALL_KIND_ONE_WAY
_KINDS: Final = (CallKind.CALL_KIND_ONE_WAY, CallKind.CALL_KIND_TWO_WAY)


def checked_params(start: StartCall, max_params_bytes: int, *, validated: bool) -> bytes:
    """The params to deliver, if the call may be made at all; `validated` says that a part has checked its JSON already.

    The StartCall stays as it is: its stream counts it. Raises INVALID_ARGUMENT, NOT_SUPPORTED and PAYLOAD_TOO_LARGE.
    """
    if start.kind not in _KINDS:
        _invalid("kind must be ONE_WAY or TWO_WAY")
    if start.await_delivery and (start.kind != _ONE_WAY or start.persistence is not None):
        _invalid("await_delivery is for one-way calls that are not persistent")
    if start.dry_run:
        raise TrunklineError(ErrorReason.ERROR_REASON_NOT_SUPPORTED, "This server has no dry runs")
    if start.persistence is not None:
        _check_stored(start, start.persistence.additional_info, max_params_bytes)
    if start.policy is not None:
        _check_policy(start.policy, persistent=start.persistence is not None)
    if start.idempotency_key:
        _check_key(start.idempotency_key)
    if start.call_id and len(start.call_id) != 16:
        _invalid("call_id must be 16 bytes")
    if len(start.params) > max_params_bytes or len(start.method) > _LONG_METHOD:
        _check_size(start, max_params_bytes)
    if validated:
        return start.params
    if not start.method:
        _invalid("method must not be empty")
    return _json(start.params, "params are")


def checked_info(start: StartCall) -> bytes:
    """The additional info to keep with a persistent call. Raises INVALID_ARGUMENT."""
    info = start.persistence.additional_info if start.persistence is not None else b""
    return _json(info, "additional_info is") if info else b""


def _check_stored(start: StartCall, additional_info: bytes, max_params_bytes: int) -> None:
    if start.fail_fast:
        _invalid("fail_fast is for calls that are not persistent")
    if "\0" in start.method:
        _invalid("The method of a persistent call must not have the character U+0000")
    if start.retries is not None and not 0 <= start.retries <= MOST_RETRIES:
        _invalid(f"retries must be from 0 to {MOST_RETRIES}")
    if len(additional_info) > max_params_bytes:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE, f"additional_info exceeds {max_params_bytes} bytes"
        )


def _check_policy(policy: DeliveryPolicy, *, persistent: bool) -> None:
    if policy.strategy and not persistent:
        _invalid("policy.strategy is for persistent calls")
    if policy.strategy and policy.strategy not in STRATEGY:
        _invalid(f"Unknown strategy {policy.strategy}")
    if policy.redelivery not in REDELIVERY:
        _invalid(f"Unknown redelivery {policy.redelivery}")


def _check_key(key: str) -> None:
    if len(key) > LONGEST_KEY or not key.isprintable():
        _invalid(f"idempotency_key must have at most {LONGEST_KEY} characters, all of them printable")


def _check_size(start: StartCall, max_params_bytes: int) -> None:
    if len(start.params) + len(start.method.encode()) > max_params_bytes:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE, f"method and params exceed {max_params_bytes} bytes"
        )


def _json(text: bytes, what: str) -> bytes:
    try:
        return compact(text)
    except ValueError as error:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, f"{what} {error}") from None


def _invalid(message: str) -> NoReturn:
    raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)
