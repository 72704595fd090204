"""What a device answered, read as leniently as ThingsBoard does: the first JSON value counts, text behind it not."""

from trunkline.contract import json_text
from trunkline.contract.errors import TrunklineError
from trunkline.facade.rpc_request import first_value


def lenient_json(payload: bytes) -> bytes | None:
    """The JSON value in a reply that is not exactly one; None if there is none. White space alone means `null`."""
    text = payload.decode(errors="replace")
    if not text.strip():
        return json_text.NULL
    try:
        value = first_value(text)
        json_text.validate(value)
    except (TrunklineError, ValueError):
        return None
    return value


def readable_json(payload: bytes) -> bytes | None:
    """The JSON value in a reply, if readers can build it amid other things; None if not. Nothing means `null`."""
    value: bytes | None = payload or json_text.NULL
    try:
        json_text.validate(payload or json_text.NULL)
    except ValueError:
        value = lenient_json(payload)
    if value is not None:
        try:
            json_text.check_readable(value)
        except ValueError:
            return None
    return value
