"""Between DeviceService's messages about device profiles and the core's own values."""

from trunkline.contract.ids import to_text
from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.rpc.convert import optional_id, timestamp
from trunkline.v1 import device_profile_pb2
from trunkline.v1.call_pb2 import DeliveryPolicy
from trunkline.v1.device_profile_pb2 import MqttProfile, TransportType


def profile_message(profile: DeviceProfile, *, whole: bool = True) -> device_profile_pb2.DeviceProfile:
    """The profile as its service shows it; all of it, or what everybody in the tenant may see."""
    details = profile.details
    message = device_profile_pb2.DeviceProfile(
        id=to_text(profile.id),
        tenant_id=to_text(profile.tenant_id),
        name=details.name,
        is_default=profile.is_default,
        transport_type=details.transport_type,
        image=details.image,
        default_dashboard_id=to_text(details.default_dashboard_id),
    )
    if whole:
        message.MergeFrom(_rest_of(profile))
    return message


def _rest_of(profile: DeviceProfile) -> device_profile_pb2.DeviceProfile:
    details = profile.details
    message = device_profile_pb2.DeviceProfile(
        description=details.description,
        delivery_policy=DeliveryPolicy(strategy=details.submit_strategy, redelivery=details.redelivery),
        calls_through_rule_chain=details.calls_through_rule_chain,
        deadline_in_body=details.deadline_in_body,
        create_time=timestamp(profile.create_unix_ms),
        version=profile.version,
        default_rule_chain_id=to_text(details.default_rule_chain_id),
        default_queue_name=details.default_queue_name,
        extra=details.extra,
    )
    if details.transport_type == TransportType.TRANSPORT_TYPE_MQTT:
        message.mqtt.CopyFrom(
            MqttProfile(
                telemetry_topic=details.mqtt_telemetry_topic,
                attributes_topic=details.mqtt_attributes_topic,
                attributes_subscribe_topic=details.mqtt_attributes_subscribe_topic,
                acknowledge_invalid=details.mqtt_acknowledge_invalid,
            )
        )
    return message


def profile_details(message: device_profile_pb2.DeviceProfile) -> ProfileDetails:
    """What a request says of a profile. Raises INVALID_ARGUMENT for a bad id."""
    return ProfileDetails(
        name=message.name,
        description=message.description,
        image=message.image,
        transport_type=message.transport_type or TransportType.TRANSPORT_TYPE_DEFAULT,
        mqtt_telemetry_topic=message.mqtt.telemetry_topic,
        mqtt_attributes_topic=message.mqtt.attributes_topic,
        mqtt_attributes_subscribe_topic=message.mqtt.attributes_subscribe_topic,
        mqtt_acknowledge_invalid=message.mqtt.acknowledge_invalid,
        submit_strategy=message.delivery_policy.strategy,
        redelivery=message.delivery_policy.redelivery,
        calls_through_rule_chain=message.calls_through_rule_chain,
        deadline_in_body=message.deadline_in_body,
        default_rule_chain_id=optional_id(message.default_rule_chain_id, "default_rule_chain_id"),
        default_dashboard_id=optional_id(message.default_dashboard_id, "default_dashboard_id"),
        default_queue_name=message.default_queue_name,
        extra=message.extra,
    )
