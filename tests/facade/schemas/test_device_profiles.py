"""Profiles' shapes, field by field, and what a body asks the core for."""

import json
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.device_profiles import DeviceProfile, DeviceProfileBody, DeviceProfileInfo, EntityName
from trunkline.facade.schemas.profile_data import shown_profile_data
from trunkline.v1.call_pb2 import REDELIVERY_NEVER, DeliveryPolicy
from trunkline.v1.device_profile_pb2 import DeviceProfile as ProfileMessage
from trunkline.v1.device_profile_pb2 import MqttProfile, TransportType
from trunkline.v1.device_service_pb2 import CreateDeviceProfileRequest, UpdateDeviceProfileRequest

NONE = "13814000-1dd2-11b2-8080-808080808080"
ID = "00000000-0000-0000-0000-00000000000f"
NEW = {"name": "pump", "type": "DEFAULT", "transportType": "DEFAULT"}
TIME = Timestamp(seconds=1_720_000_000, nanos=123_000_000)


def as_json(body: Body) -> Any:
    return body.model_dump(mode="json", by_alias=True)


def read(**fields: Any) -> DeviceProfileBody:
    return DeviceProfileBody.read(json.dumps(NEW | fields).encode())


def test_profile() -> None:
    profile = ProfileMessage(id="p", tenant_id="t", name="default", is_default=True, create_time=TIME, version=1)
    assert as_json(DeviceProfile.of(profile)) == {
        "id": {"entityType": "DEVICE_PROFILE", "id": "p"},
        "createdTime": 1_720_000_000_123,
        "tenantId": {"entityType": "TENANT", "id": "t"},
        "name": "default",
        "description": None,
        "image": None,
        "type": "DEFAULT",
        "transportType": "DEFAULT",
        "provisionType": "DISABLED",
        "defaultRuleChainId": None,
        "defaultDashboardId": None,
        "defaultQueueName": None,
        "profileData": shown_profile_data(profile),
        "provisionDeviceKey": None,
        "firmwareId": None,
        "softwareId": None,
        "defaultEdgeRuleChainId": None,
        "externalId": None,
        "version": 1,
        "default": True,
    }


def test_info() -> None:
    profile = ProfileMessage(
        id="p",
        tenant_id="t",
        name="pump",
        image="data:",
        default_dashboard_id="b",
        transport_type=TransportType.TRANSPORT_TYPE_MQTT,
    )
    assert as_json(DeviceProfileInfo.of(profile)) == {
        "id": {"entityType": "DEVICE_PROFILE", "id": "p"},
        "tenantId": {"entityType": "TENANT", "id": "t"},
        "name": "pump",
        "image": "data:",
        "defaultDashboardId": {"entityType": "DASHBOARD", "id": "b"},
        "type": "DEFAULT",
        "transportType": "MQTT",
    }
    assert as_json(EntityName.of(profile)) == {"id": {"entityType": "DEVICE_PROFILE", "id": "p"}, "name": "pump"}


def test_the_least_there_is() -> None:
    plain = ProfileMessage(
        name="pump", transport_type=TransportType.TRANSPORT_TYPE_DEFAULT, delivery_policy=DeliveryPolicy()
    )
    assert read().creation() == CreateDeviceProfileRequest(profile=plain)
    assert read(profileData=None, unknown=1, default=False).creation() == CreateDeviceProfileRequest(profile=plain)


def test_a_profile_goes_back_as_it_came() -> None:
    profile = ProfileMessage(
        id=ID,
        name="pump",
        description="Pumps",
        is_default=True,
        transport_type=TransportType.TRANSPORT_TYPE_MQTT,
        mqtt=MqttProfile(telemetry_topic="t"),
        delivery_policy=DeliveryPolicy(redelivery=REDELIVERY_NEVER),
        calls_through_rule_chain=True,
        deadline_in_body=True,
        image="data:",
        default_rule_chain_id=ID,
        default_dashboard_id=ID,
        default_queue_name="Main",
        extra=b'{"alarms":[]}',
    )
    read = ProfileMessage()
    read.CopyFrom(profile)
    read.tenant_id, read.version = ID, 3
    sent_back = DeviceProfile.of(read).model_dump_json(by_alias=True).encode()
    assert DeviceProfileBody.read(sent_back).update() == UpdateDeviceProfileRequest(profile=profile, version=3)


def test_the_id_of_no_profile_is_one_that_nobody_has() -> None:
    assert read(id={"entityType": "DEVICE_PROFILE", "id": NONE}).update().profile.id == NONE


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": {"id": ID}}, "Invalid request body: id.entityType: Field required"),
        ({"createdTime": "now"}, "Invalid request body: createdTime: "),
        ({"tenantId": {"entityType": "USER", "id": ID}}, "Invalid request body: an id of type TENANT is needed"),
        ({"name": []}, "Invalid request body: name: "),
        ({"description": {}}, "Invalid request body: description: "),
        ({"image": []}, "Invalid request body: image: "),
        ({"type": None}, "Device profile type should be specified!"),
        ({"type": "OTHER"}, "Invalid request body: type: "),
        ({"transportType": None}, "Device profile transport type should be specified!"),
        (
            {"transportType": "LWM2M"},
            "Invalid request body: transportType: Input should be 'DEFAULT', 'MQTT' or 'COAP'",
        ),
        ({"provisionType": "X509_CERTIFICATE_CHAIN"}, "Invalid request body: provisionType: "),
        ({"defaultRuleChainId": {"entityType": "RULE_CHAIN", "id": "abc"}}, "Invalid UUID string: abc"),
        ({"defaultDashboardId": {"entityType": "DEVICE", "id": ID}}, "Invalid request body: an id of type DASHBOARD"),
        ({"defaultQueueName": []}, "Invalid request body: defaultQueueName: "),
        ({"profileData": []}, "Invalid request body: profileData: "),
        ({"profileData": {"configuration": 1}}, "Invalid request body: profileData.configuration: "),
        (
            {"profileData": {"transportConfiguration": {"type": "MQTT"}}},
            "Transport type DEFAULT has a transport configuration of MQTT",
        ),
        ({"provisionDeviceKey": []}, "Invalid request body: provisionDeviceKey: "),
        ({"firmwareId": {"entityType": "OTA_PACKAGE", "id": ID}}, "Can't assign non-existent firmware!"),
        ({"softwareId": {"entityType": "OTA_PACKAGE", "id": ID}}, "Can't assign non-existent software!"),
        ({"defaultEdgeRuleChainId": {"entityType": "RULE_CHAIN", "id": ID}}, "Can't assign non-existent rule chain!"),
        ({"externalId": {"entityType": "DEVICE_PROFILE", "id": "abc"}}, "Invalid UUID string: abc"),
        ({"version": 2**63}, "Invalid request body: version: "),
        ({"default": "x"}, "Invalid request body: default: "),
    ],
)
def test_every_field_wrong_once(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        read(**fields).creation()
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(message)
