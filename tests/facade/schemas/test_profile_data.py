"""What `profileData` means here, and that what means nothing comes back as it was."""

import json
from typing import Any

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.profile_data import ProfileData, shown_profile_data, transport_name
from trunkline.v1.call_pb2 import REDELIVERY_UNDELIVERED, SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE, DeliveryPolicy
from trunkline.v1.device_profile_pb2 import DeviceProfile, MqttProfile, TransportType

SETTINGS = {"submitStrategy": None, "redelivery": None, "rpcThroughRuleChain": False, "deadlineInBody": False}
STANDARD = {
    "configuration": {"type": "DEFAULT"},
    "transportConfiguration": {"type": "DEFAULT"},
    "provisionConfiguration": {"type": "DISABLED", "provisionDeviceSecret": None},
    "trunkline": SETTINGS,
}
MQTT = {
    "type": "MQTT",
    "deviceTelemetryTopic": "v1/devices/me/telemetry",
    "deviceAttributesTopic": "v1/devices/me/attributes",
    "deviceAttributesSubscribeTopic": "v1/devices/me/attributes",
    "transportPayloadTypeConfiguration": {"transportPayloadType": "JSON"},
    "sparkplug": False,
    "sendAckOnValidationException": False,
}
COAP = {
    "type": "COAP",
    "coapDeviceTypeConfiguration": {
        "coapDeviceType": "DEFAULT",
        "transportPayloadTypeConfiguration": {"transportPayloadType": "JSON"},
    },
    "clientSettings": {"powerMode": "DRX"},
}


def read(data: dict[str, Any]) -> ProfileData:
    return ProfileData.read(json.dumps(data).encode())


@pytest.mark.parametrize(
    "data", [{}, STANDARD, {"configuration": None, "transportConfiguration": None, "alarms": None}]
)
def test_nothing_set(data: dict[str, Any]) -> None:
    assert read(data).mqtt() is None
    assert read(data).delivery_policy() == DeliveryPolicy()
    assert read(data).rest() == b""


def test_the_default_profile_as_it_is_shown() -> None:
    assert shown_profile_data(DeviceProfile()) == STANDARD
    assert shown_profile_data(DeviceProfile(transport_type=TransportType.TRANSPORT_TYPE_DEFAULT)) == STANDARD


def test_mqtt() -> None:
    profile = DeviceProfile(transport_type=TransportType.TRANSPORT_TYPE_MQTT)
    assert shown_profile_data(profile)["transportConfiguration"] == MQTT
    assert read({"transportConfiguration": MQTT}).mqtt() == MqttProfile()
    own = MQTT | {
        "deviceTelemetryTopic": "t/+",
        "deviceAttributesTopic": "a",
        "deviceAttributesSubscribeTopic": "s",
        "sendAckOnValidationException": True,
    }
    mqtt = read({"transportConfiguration": own}).mqtt()
    assert mqtt == MqttProfile(
        telemetry_topic="t/+", attributes_topic="a", attributes_subscribe_topic="s", acknowledge_invalid=True
    )
    profile = DeviceProfile(transport_type=TransportType.TRANSPORT_TYPE_MQTT, mqtt=mqtt)
    assert shown_profile_data(profile)["transportConfiguration"] == own


def test_coap() -> None:
    profile = DeviceProfile(transport_type=TransportType.TRANSPORT_TYPE_COAP)
    assert shown_profile_data(profile)["transportConfiguration"] == COAP
    assert read({"transportConfiguration": COAP}).rest() == b""


@pytest.mark.parametrize(
    ("transport", "name"),
    [(0, "DEFAULT"), (1, "DEFAULT"), (2, "MQTT"), (3, "COAP")],
)
def test_names_of_transports(transport: TransportType.ValueType, name: str) -> None:
    assert transport_name(transport) == name


def test_settings_of_ours() -> None:
    settings = {
        "submitStrategy": "SEQUENTIAL_ON_ACK_FROM_DEVICE",
        "redelivery": "undelivered",
        "rpcThroughRuleChain": True,
        "deadlineInBody": True,
    }
    data = read({"trunkline": settings})
    policy = DeliveryPolicy(strategy=SUBMIT_STRATEGY_SEQUENTIAL_ON_ACK_FROM_DEVICE, redelivery=REDELIVERY_UNDELIVERED)
    assert data.delivery_policy() == policy
    assert data.trunkline.rpc_through_rule_chain
    assert data.trunkline.deadline_in_body
    profile = DeviceProfile(delivery_policy=policy, calls_through_rule_chain=True, deadline_in_body=True)
    assert shown_profile_data(profile)["trunkline"] == settings
    assert read({"trunkline": SETTINGS}).delivery_policy() == DeliveryPolicy()


def test_what_means_nothing_comes_back() -> None:
    alarms = [{"alarmType": "hot", "createRules": {"CRITICAL": {"condition": None}}}]
    data = {
        "alarms": alarms,
        "configuration": {"type": "DEFAULT", "later": 1},
        "transportConfiguration": {
            **MQTT,
            "sparkplugAttributesMetricNames": ["a"],
            "transportPayloadTypeConfiguration": {"transportPayloadType": "JSON", "enableCompatibility": False},
        },
    }
    rest = read(data).rest()
    assert json.loads(rest) == {
        "alarms": alarms,
        "configuration": {"later": 1},
        "transportConfiguration": {
            "sparkplugAttributesMetricNames": ["a"],
            "transportPayloadTypeConfiguration": {"enableCompatibility": False},
        },
    }
    shown = shown_profile_data(DeviceProfile(transport_type=TransportType.TRANSPORT_TYPE_MQTT, extra=rest))
    assert shown == STANDARD | data
    assert read(shown).rest() == rest


@pytest.mark.parametrize("extra", [b'{"transportConfiguration":5}', b'{"trunkline":{"redelivery":"x"}}', b"[]"])
def test_what_others_keep_there_hides_nothing(extra: bytes) -> None:
    assert shown_profile_data(DeviceProfile(extra=extra)) == STANDARD


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"configuration": []}, "configuration"),
        ({"configuration": {"type": "OTHER"}}, "configuration.type"),
        ({"transportConfiguration": {}}, "transportConfiguration"),
        ({"transportConfiguration": {"type": "LWM2M"}}, "transportConfiguration"),
        ({"transportConfiguration": MQTT | {"deviceTelemetryTopic": []}}, "transportConfiguration.MQTT.device"),
        ({"transportConfiguration": MQTT | {"deviceAttributesTopic": {}}}, "transportConfiguration.MQTT.device"),
        ({"transportConfiguration": MQTT | {"deviceAttributesSubscribeTopic": {}}}, "transportConfiguration.MQTT"),
        ({"transportConfiguration": MQTT | {"sparkplug": True}}, "transportConfiguration.MQTT.sparkplug"),
        ({"transportConfiguration": MQTT | {"sendAckOnValidationException": "x"}}, "transportConfiguration.MQTT.send"),
        (
            {
                "transportConfiguration": MQTT
                | {"transportPayloadTypeConfiguration": {"transportPayloadType": "PROTOBUF"}}
            },
            "transportConfiguration.MQTT.transportPayloadTypeConfiguration.transportPayloadType",
        ),
        (
            {"transportConfiguration": {"type": "COAP", "coapDeviceTypeConfiguration": {"coapDeviceType": "EFENTO"}}},
            "transportConfiguration.COAP.coapDeviceTypeConfiguration.coapDeviceType",
        ),
        (
            {"transportConfiguration": {"type": "COAP", "clientSettings": {"powerMode": "PSM"}}},
            "transportConfiguration.COAP.clientSettings.powerMode",
        ),
        ({"provisionConfiguration": {"type": "ALLOW_CREATE_NEW_DEVICES"}}, "provisionConfiguration.type"),
        ({"provisionConfiguration": {"provisionDeviceSecret": "s"}}, "provisionConfiguration.provisionDeviceSecret"),
        ({"trunkline": {"submitStrategy": "LATER"}}, "trunkline.submitStrategy"),
        ({"trunkline": {"redelivery": "UNANSWERED"}}, "trunkline.redelivery"),
        ({"trunkline": {"rpcThroughRuleChain": "x"}}, "trunkline.rpcThroughRuleChain"),
        ({"trunkline": {"deadlineInBody": "x"}}, "trunkline.deadlineInBody"),
        ({"trunkline": {"reDelivery": "never"}}, "trunkline.reDelivery"),
    ],
)
def test_every_member_wrong_once(data: dict[str, Any], where: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        read(data)
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(f"Invalid request body: {where}")
