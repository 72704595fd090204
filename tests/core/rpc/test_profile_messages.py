"""Profiles between messages and values."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.rpc.profile_messages import profile_details, profile_message
from trunkline.v1.call_pb2 import Redelivery, SubmitStrategy
from trunkline.v1.device_profile_pb2 import DeviceProfile as ProfileMessage
from trunkline.v1.device_profile_pb2 import TransportType

MQTT = TransportType.TRANSPORT_TYPE_MQTT

_TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
_ID = st.just(b"") | st.binary(min_size=16, max_size=16)

DETAILS = st.builds(
    ProfileDetails,
    name=_TEXT,
    description=_TEXT,
    image=_TEXT,
    transport_type=st.sampled_from([value for value in TransportType.values() if value]),
    mqtt_telemetry_topic=_TEXT,
    mqtt_attributes_topic=_TEXT,
    mqtt_attributes_subscribe_topic=_TEXT,
    mqtt_acknowledge_invalid=st.booleans(),
    submit_strategy=st.sampled_from(SubmitStrategy.values()),
    redelivery=st.sampled_from(Redelivery.values()),
    calls_through_rule_chain=st.booleans(),
    deadline_in_body=st.booleans(),
    default_rule_chain_id=_ID,
    default_dashboard_id=_ID,
    default_queue_name=_TEXT,
    extra=st.binary(max_size=10),
)


@given(DETAILS)
def test_what_is_shown_can_be_sent_back(details: ProfileDetails) -> None:
    message = profile_message(DeviceProfile(b"p" * 16, b"t" * 16, details, 1_720_000_000_123, 7, is_default=True))
    again = profile_details(message)
    assert message.HasField("mqtt") == (details.transport_type == MQTT)
    if details.transport_type == MQTT:
        assert again == details
    else:  # it has no MQTT settings, whatever the row says
        assert (again.mqtt_telemetry_topic, again.mqtt_acknowledge_invalid) == ("", False)
    assert (message.version, message.is_default, message.create_time.ToMilliseconds()) == (7, True, 1_720_000_000_123)


def test_a_message_that_says_nothing_is_of_the_default_transport_type() -> None:
    assert profile_details(ProfileMessage(name="pump")) == ProfileDetails("pump")


def test_the_outline_hides_how_devices_are_reached() -> None:
    details = ProfileDetails("pump", "secret", "icon", MQTT, redelivery=Redelivery.REDELIVERY_NEVER, extra=b"{}")
    message = profile_message(DeviceProfile(b"p" * 16, b"t" * 16, details, 1, 7), whole=False)
    assert {field.name for field, _ in message.ListFields()} == {"id", "tenant_id", "name", "image", "transport_type"}
