"""What payloads of devices must be: JSON, in the form that their topic demands. Nothing is kept of what is read."""

from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode


class Unfit(Exception):
    """A publish's payload, or the id in its topic, is not what the topic demands; the message says why."""


def json_value(payload: bytes) -> Any:
    """Any JSON."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unfit("The payload is not JSON") from None


def json_object(payload: bytes) -> dict[str, Any]:
    """A JSON object."""
    value = json_value(payload)
    if not isinstance(value, dict):
        raise Unfit("The payload is not a JSON object")
    return value


def telemetry_points(payload: bytes) -> int:
    """How many data points are in telemetry: `{…}`, `{"ts":…,"values":{…}}`, or an array of these."""
    value = json_value(payload)
    if isinstance(value, list):
        return sum(map(_points, value))
    return _points(value)


def _points(entry: Any) -> int:
    if not isinstance(entry, dict):
        raise Unfit("Telemetry is a JSON object or an array of them")
    if "ts" not in entry or "values" not in entry:
        return len(entry)
    ts, values = entry["ts"], entry["values"]
    if not isinstance(values, dict):
        raise Unfit("`values` beside `ts` is not a JSON object")
    if isinstance(ts, bool) or not (isinstance(ts, int | float) or (isinstance(ts, str) and ts.isdecimal())):
        raise Unfit("`ts` is not a number of milliseconds")
    return len(values)
