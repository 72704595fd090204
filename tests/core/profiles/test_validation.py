from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.contract.errors import TrunklineError
from trunkline.core.profiles.model import ProfileDetails
from trunkline.core.profiles.validation import LARGEST_TEXT, checked_details
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import ErrorReason

PUMP = ProfileDetails("pump", transport_type=TransportType.TRANSPORT_TYPE_MQTT)


def test_what_is_good_stays_as_it_is() -> None:
    good = replace(
        PUMP,
        description="x" * LARGEST_TEXT,
        mqtt_telemetry_topic="/devices/+/t",
        mqtt_attributes_topic="a",
        mqtt_attributes_subscribe_topic="#",
        mqtt_acknowledge_invalid=True,
        extra=b'{"a":1}',
    )
    assert checked_details(good) == good


def test_what_says_nothing_is_left_out() -> None:
    assert checked_details(replace(PUMP, mqtt_telemetry_topic=" ", extra=b" null ")) == PUMP
    assert checked_details(replace(PUMP, extra=b'{ "a": 1.50 }')).extra == b'{"a":1.50}'


@pytest.mark.parametrize(
    ("change", "message", "field"),
    [
        ({"name": ""}, "Device profile name should be specified!", "name"),
        ({"name": " \t"}, "Device profile name should be specified!", "name"),
        ({"name": "x" * 256}, "Validation error: name length must be equal or less than 255", "name"),
        ({"name": "a\x00"}, "Device profile name should not contain 0x00 symbol!", "name"),
        ({"description": "\x00"}, "Device profile description should not contain 0x00 symbol!", "description"),
        ({"image": "x" * 65_537}, "Validation error: image length must be equal or less than 65536", "image"),
        (
            {"default_queue_name": "x" * 256},
            "Validation error: defaultQueueName length must be equal or less than 255",
            "defaultQueueName",
        ),
        ({"transport_type": 0}, "Unknown transport type 0", "transport_type"),
        ({"transport_type": 77}, "Unknown transport type 77", "transport_type"),
        ({"submit_strategy": 9}, "Unknown submit strategy 9", "strategy"),
        ({"redelivery": 9}, "Unknown redelivery 9", "redelivery"),
        ({"mqtt_telemetry_topic": "a/#/b"}, "'a/#/b' is no filter of MQTT topics", "mqtt_telemetry_topic"),
        ({"mqtt_attributes_topic": "a+/b"}, "'a+/b' is no filter of MQTT topics", "mqtt_attributes_topic"),
        (
            {"mqtt_attributes_subscribe_topic": "a#"},
            "'a#' is no filter of MQTT topics",
            "mqtt_attributes_subscribe_topic",
        ),
        (
            {"mqtt_telemetry_topic": "x" * 256},
            "Validation error: mqtt_telemetry_topic length must be equal or less than 255",
            "mqtt_telemetry_topic",
        ),
        (
            {"mqtt_telemetry_topic": "t", "transport_type": TransportType.TRANSPORT_TYPE_DEFAULT},
            "mqtt settings are for profiles of transport type MQTT",
            "mqtt",
        ),
        (
            {"mqtt_acknowledge_invalid": True, "transport_type": TransportType.TRANSPORT_TYPE_COAP},
            "mqtt settings are for profiles of transport type MQTT",
            "mqtt",
        ),
        ({"extra": b"{"}, "extra is no JSON object", "extra"),
        ({"extra": b"[]"}, "extra is no JSON object", "extra"),
        ({"extra": b'{"a":1e400}'}, "extra is not readable: a number is out of range", "extra"),
        ({"extra": b" " * 65_537}, "Validation error: extra length must be equal or less than 65536", "extra"),
    ],
)
def test_every_field_may_be_wrong(change: dict[str, object], message: str, field: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        checked_details(replace(PUMP, **change))  # type: ignore[arg-type]  # wrong on purpose
    error = caught.value
    assert (error.reason, error.message, error.metadata["field"]) == (
        ErrorReason.ERROR_REASON_INVALID_ARGUMENT,
        message,
        field,
    )


@given(st.text(st.sampled_from("a/+#"), min_size=1, max_size=8))
def test_a_filter_is_what_mqtt_takes(topic: str) -> None:
    wildcards_alone = all(level in ("+", "#") or not set(level) & {"+", "#"} for level in topic.split("/"))
    last_only = "#" not in topic[:-1]
    details = replace(PUMP, mqtt_telemetry_topic=topic)
    if wildcards_alone and last_only:
        assert checked_details(details) == details
    else:
        with pytest.raises(TrunklineError):
            checked_details(details)
