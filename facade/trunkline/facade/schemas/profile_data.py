"""`profileData` of a device profile: which of it means something here, and what is kept of the rest.

All that it holds beyond is kept and shown again, so that a profile that comes from ThingsBoard's console and goes back
there loses nothing. What would change how devices work and is not offered is refused, not kept.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trunkline.facade.schemas.base import Body, json_text, json_value
from trunkline.v1.call_pb2 import DeliveryPolicy, Redelivery, SubmitStrategy
from trunkline.v1.device_profile_pb2 import DeviceProfile, MqttProfile, TransportType

TransportName = Literal["DEFAULT", "MQTT", "COAP"]

TELEMETRY_TOPIC: Final = "v1/devices/me/telemetry"
ATTRIBUTES_TOPIC: Final = "v1/devices/me/attributes"


class _Kept(Body):
    """A part of `profileData`: members that are unknown here are kept, and null is the same as absent."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, members: Any) -> Any:
        if not isinstance(members, Mapping):
            return members
        return {name: value for name, value in members.items() if value is not None}


class ProfileConfiguration(_Kept):
    """The only kind of profile configuration there is."""

    type: Literal["DEFAULT"] = "DEFAULT"


class DefaultTransport(_Kept):
    """Every transport, with the standard topics and paths."""

    type: Literal["DEFAULT"] = "DEFAULT"


class JsonPayload(_Kept):
    """Payloads in JSON, the only form offered."""

    transport_payload_type: Literal["JSON"] = "JSON"


class MqttTransport(_Kept):
    """MQTT alone, with topics of its own beside the standard ones."""

    type: Literal["MQTT"] = "MQTT"
    device_telemetry_topic: str = TELEMETRY_TOPIC
    device_attributes_topic: str = ATTRIBUTES_TOPIC
    device_attributes_subscribe_topic: str = ATTRIBUTES_TOPIC
    transport_payload_type_configuration: JsonPayload = JsonPayload()
    sparkplug: Literal[False] = False
    send_ack_on_validation_exception: bool = False


class CoapDevices(_Kept):
    """Ordinary CoAP devices, the only kind offered."""

    coap_device_type: Literal["DEFAULT"] = "DEFAULT"
    transport_payload_type_configuration: JsonPayload = JsonPayload()


class CoapClient(_Kept):
    """Devices that are always reachable, the only kind offered."""

    power_mode: Literal["DRX"] = "DRX"


class CoapTransport(_Kept):
    """CoAP alone."""

    type: Literal["COAP"] = "COAP"
    coap_device_type_configuration: CoapDevices = CoapDevices()
    client_settings: CoapClient = CoapClient()


class Provisioning(_Kept):
    """Devices do not register themselves."""

    type: Literal["DISABLED"] = "DISABLED"
    provision_device_secret: None = None


class TrunklineSettings(Body):
    """Settings that ThingsBoard does not have; null leaves one to the server."""

    model_config = ConfigDict(extra="forbid")

    submit_strategy: Literal["BURST", "SEQUENTIAL_ON_ACK_FROM_DEVICE", "SEQUENTIAL_ON_RESPONSE_FROM_DEVICE"] | None = (
        None
    )
    redelivery: Literal["unanswered", "undelivered", "never"] | None = None
    rpc_through_rule_chain: bool | None = None
    deadline_in_body: bool | None = None


class ProfileData(_Kept):
    """How devices of the profile are reached and how calls get to them."""

    configuration: ProfileConfiguration = ProfileConfiguration()
    transport_configuration: Annotated[
        DefaultTransport | MqttTransport | CoapTransport | None, Field(discriminator="type")
    ] = None
    provision_configuration: Provisioning = Provisioning()
    trunkline: TrunklineSettings = TrunklineSettings()

    def mqtt(self) -> MqttProfile | None:
        """How the profile's devices speak MQTT; None where its transport is another."""
        transport = self.transport_configuration
        if not isinstance(transport, MqttTransport):
            return None
        return MqttProfile(
            telemetry_topic=_own(transport.device_telemetry_topic, TELEMETRY_TOPIC),
            attributes_topic=_own(transport.device_attributes_topic, ATTRIBUTES_TOPIC),
            attributes_subscribe_topic=_own(transport.device_attributes_subscribe_topic, ATTRIBUTES_TOPIC),
            acknowledge_invalid=transport.send_ack_on_validation_exception,
        )

    def delivery_policy(self) -> DeliveryPolicy:
        """How calls reach the profile's devices."""
        settings = self.trunkline
        return DeliveryPolicy(
            strategy=SubmitStrategy.Value(f"SUBMIT_STRATEGY_{settings.submit_strategy or 'UNSPECIFIED'}"),
            redelivery=Redelivery.Value(f"REDELIVERY_{(settings.redelivery or 'UNSPECIFIED').upper()}"),
        )

    def rest(self) -> bytes:
        """The members that mean nothing here, as a JSON object; empty if there are none."""
        return json_text(_unknown(self) or None)


def shown_profile_data(profile: DeviceProfile) -> dict[str, Any]:
    """The profile's `profileData`: what means something here, over what was kept beside it."""
    known = ProfileData(transport_configuration=_transport(profile), trunkline=_settings(profile))
    return _merged(json_value(profile.extra), known.model_dump(by_alias=True))


def transport_name(transport_type: TransportType.ValueType) -> str:
    """A transport type's name in ThingsBoard's JSON."""
    name = TransportType.Name(transport_type).removeprefix("TRANSPORT_TYPE_")
    return "DEFAULT" if name == "UNSPECIFIED" else name


def _own(topic: str, standard: str) -> str:
    return "" if topic == standard else topic


def _transport(profile: DeviceProfile) -> DefaultTransport | MqttTransport | CoapTransport:
    match transport_name(profile.transport_type):
        case "MQTT":
            mqtt = profile.mqtt
            return MqttTransport(
                device_telemetry_topic=mqtt.telemetry_topic or TELEMETRY_TOPIC,
                device_attributes_topic=mqtt.attributes_topic or ATTRIBUTES_TOPIC,
                device_attributes_subscribe_topic=mqtt.attributes_subscribe_topic or ATTRIBUTES_TOPIC,
                send_ack_on_validation_exception=mqtt.acknowledge_invalid,
            )
        case "COAP":
            return CoapTransport()
        case _:
            return DefaultTransport()


def _settings(profile: DeviceProfile) -> TrunklineSettings:
    policy = profile.delivery_policy
    strategy = SubmitStrategy.Name(policy.strategy).removeprefix("SUBMIT_STRATEGY_") if policy.strategy else None
    redelivery = Redelivery.Name(policy.redelivery).removeprefix("REDELIVERY_").lower() if policy.redelivery else None
    return TrunklineSettings.model_validate(
        {
            "submit_strategy": strategy,
            "redelivery": redelivery,
            "rpc_through_rule_chain": profile.calls_through_rule_chain,
            "deadline_in_body": profile.deadline_in_body,
        }
    )


def _unknown(part: BaseModel) -> dict[str, Any]:
    """The members of a part that are unknown here, and of the parts in it."""
    unknown = dict(part.model_extra or {})
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, _Kept) and (inner := _unknown(value)):
            unknown[field.alias or name] = inner
    return unknown


def _merged(kept: Any, known: dict[str, Any]) -> dict[str, Any]:
    """`known`, with the members of `kept` that it lacks, and of the objects in it."""
    if not isinstance(kept, dict):
        return known
    merged = {**kept, **known}
    for name, value in known.items():
        if isinstance(value, dict):
            merged[name] = _merged(kept.get(name), value)
    return merged
