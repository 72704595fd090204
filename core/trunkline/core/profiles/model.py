"""Device profiles: what devices of one type have in common."""

from dataclasses import dataclass
from typing import Final

from trunkline.contract.ids import NO_ID, new_id
from trunkline.v1.call_pb2 import Redelivery, SubmitStrategy
from trunkline.v1.device_profile_pb2 import TransportType

DEFAULT_PROFILE: Final = "default"
"""The name that the default device profile of a new tenant has."""


@dataclass(frozen=True, slots=True)
class ProfileDetails:
    """What can be said of a profile. Ids are 16 bytes, empty where there is none."""

    name: str
    """Unique in its tenant; the `type` of its devices."""
    description: str = ""
    image: str = ""
    transport_type: TransportType.ValueType = TransportType.TRANSPORT_TYPE_DEFAULT
    mqtt_telemetry_topic: str = ""
    """Filter of topics; empty: the standard one, as for the two others."""
    mqtt_attributes_topic: str = ""
    mqtt_attributes_subscribe_topic: str = ""
    mqtt_acknowledge_invalid: bool = False
    submit_strategy: SubmitStrategy.ValueType = SubmitStrategy.SUBMIT_STRATEGY_UNSPECIFIED
    """Unspecified: as the server says, as for `redelivery`."""
    redelivery: Redelivery.ValueType = Redelivery.REDELIVERY_UNSPECIFIED
    calls_through_rule_chain: bool = False
    deadline_in_body: bool = False
    """Calls tell the device their id and what is left of their time, beside method and params."""
    default_rule_chain_id: bytes = NO_ID
    default_dashboard_id: bytes = NO_ID
    default_queue_name: str = ""
    extra: bytes = b""
    """JSON object; empty: none."""


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """A profile of a tenant."""

    id: bytes
    tenant_id: bytes
    details: ProfileDetails
    create_unix_ms: int
    version: int = 1
    is_default: bool = False
    """Devices without a type get this one; each tenant has exactly one."""


def unasked_profile(tenant_id: bytes, name: str, create_unix_ms: int, *, is_default: bool = False) -> DeviceProfile:
    """A profile that nobody described: a new tenant's, or that of a device of a new type."""
    details = ProfileDetails(name, description="Default device profile")
    return DeviceProfile(new_id(), tenant_id, details, create_unix_ms, is_default=is_default)
