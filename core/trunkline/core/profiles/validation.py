"""What may be said of a device profile. The texts are the ones that ThingsBoard's clients know."""

from dataclasses import replace
from typing import Final

from trunkline.contract import json_text
from trunkline.core.profiles.model import ProfileDetails
from trunkline.core.validation import check_length, check_text, invalid
from trunkline.v1.call_pb2 import Redelivery, SubmitStrategy
from trunkline.v1.device_profile_pb2 import TransportType

LARGEST_TEXT: Final = 64 * 1024
"""Characters of a description or an image, bytes of extra settings: a page of profiles holds many."""

_NOUN: Final = "Device profile"

_TOPICS: Final = ("mqtt_telemetry_topic", "mqtt_attributes_topic", "mqtt_attributes_subscribe_topic")


def checked_details(details: ProfileDetails) -> ProfileDetails:
    """The details as they are stored. Raises INVALID_ARGUMENT."""
    if not details.name.strip():
        invalid("Device profile name should be specified!", "name")
    check_text(_NOUN, "name", details.name)
    check_text(_NOUN, "description", details.description, LARGEST_TEXT)
    check_text(_NOUN, "image", details.image, LARGEST_TEXT)
    check_text(_NOUN, "defaultQueueName", details.default_queue_name)
    _check_enums(details)
    return replace(_with_topics(details), extra=_extra(details.extra))


def _check_enums(details: ProfileDetails) -> None:
    """Refuse what a later version may know."""
    if details.transport_type not in TransportType.values() or not details.transport_type:
        invalid(f"Unknown transport type {details.transport_type}", "transport_type")
    if details.submit_strategy not in SubmitStrategy.values():
        invalid(f"Unknown submit strategy {details.submit_strategy}", "strategy")
    if details.redelivery not in Redelivery.values():
        invalid(f"Unknown redelivery {details.redelivery}", "redelivery")


def _with_topics(details: ProfileDetails) -> ProfileDetails:
    """The details with their filters checked; a blank one is the standard one."""
    topics = {field: getattr(details, field).strip() for field in _TOPICS}
    if details.transport_type != TransportType.TRANSPORT_TYPE_MQTT and (
        any(topics.values()) or details.mqtt_acknowledge_invalid
    ):
        invalid("mqtt settings are for profiles of transport type MQTT", "mqtt")
    for field, topic in topics.items():
        check_text(_NOUN, field, topic)
        if topic and not _is_filter(topic):
            invalid(f"'{topic}' is no filter of MQTT topics", field)
    return replace(details, **topics)


def _is_filter(topic: str) -> bool:
    """Whether MQTT allows it in a SUBSCRIBE: a wildcard fills its level, and `#` is the last one."""
    levels = topic.split("/")
    return "#" not in levels[:-1] and all(level in ("#", "+") or not {"#", "+"} & set(level) for level in levels)


def _extra(extra: bytes) -> bytes:
    check_length("extra", extra, LARGEST_TEXT)
    if not extra:
        return b""
    try:
        compact = json_text.compact(extra)
    except ValueError:
        compact = b""
    if compact != json_text.NULL and not compact.startswith(b"{"):
        invalid("extra is no JSON object", "extra")
    try:
        json_text.check_readable(compact)
    except ValueError as error:
        invalid(f"extra is not readable: {error}", "extra")
    return b"" if compact == json_text.NULL else compact
