"""What workers must know of profiles."""

from dataclasses import replace

import pytest
from doubles.people import NOW_MS, People

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import Connect, GatewayChild, MqttProfile, Refused, TransportProfile
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.profiles.model import DeviceProfile, ProfileDetails
from trunkline.core.profiles.transports import TransportProfiles, transport_profile
from trunkline.core.store.store import Store
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import SessionKind

DEFAULT = TransportType.TRANSPORT_TYPE_DEFAULT
MQTT = TransportType.TRANSPORT_TYPE_MQTT
COAP = TransportType.TRANSPORT_TYPE_COAP
ASYNCHRONOUS = SessionKind.SESSION_KIND_ASYNCHRONOUS
CHILD = Connect(8, ASYNCHRONOUS, 1, child=GatewayChild(7, "lamp"))
ENTRY = DeviceEntry(b"l" * 16, b"t" * 16, b"", "lamp", "pump", b"p" * 16, 1, gateway=False)


async def added(store: Store, people: People, name: str) -> DeviceProfile:
    profile = DeviceProfile(new_id(), people.tenant_id, ProfileDetails(name), NOW_MS)
    await store.profiles.add(profile)
    return profile


def test_workers_are_told_no_more_than_they_need() -> None:
    details = ProfileDetails(
        "pump",
        "All",
        transport_type=MQTT,
        mqtt_telemetry_topic="t",
        mqtt_acknowledge_invalid=True,
        deadline_in_body=True,
    )
    profile = DeviceProfile(b"p" * 16, b"t" * 16, details, NOW_MS, version=3)
    assert transport_profile(profile) == TransportProfile(b"p" * 16, 3, MQTT, MqttProfile("t", "", "", True), True)
    standard = replace(profile, details=ProfileDetails("pump"))
    assert transport_profile(standard) == TransportProfile(b"p" * 16, 3, DEFAULT, None, False)


@pytest.mark.parametrize(
    ("transport_type", "excluded"),
    [(DEFAULT, ()), (MQTT, ("coap",)), (COAP, ("mqtt",))],
)
def test_mqtt_and_coap_ask_for_the_type_and_others_take_any(
    store: Store, transport_type: TransportType.ValueType, excluded: tuple[str, ...]
) -> None:
    profiles = TransportProfiles(store.profiles)
    details = ProfileDetails("pump", transport_type=transport_type)
    profiles.changed(DeviceProfile(ENTRY.profile_id, ENTRY.tenant_id, details, NOW_MS))
    connect = Connect(7, ASYNCHRONOUS, 1, access_token="lamp")
    for transport in ("mqtt", "http", "coap", "ours"):
        outcome = profiles.checked(connect, ENTRY, transport)
        if transport not in excluded:
            assert outcome == ENTRY
        else:
            assert isinstance(outcome, Refused)
            assert (outcome.session, outcome.reason) == (7, ErrorReason.ERROR_REASON_NOT_SUPPORTED)
            assert outcome.detail == f"Devices with the profile 'pump' do not use {transport}"
        assert profiles.checked(CHILD, ENTRY, transport) == ENTRY


def test_who_was_refused_stays_refused(store: Store) -> None:
    refused = Refused(1, ErrorReason.ERROR_REASON_BAD_CREDENTIALS)
    assert TransportProfiles(store.profiles).checked(CHILD, refused, "mqtt") == refused


async def test_a_profile_is_read_once(store: Store, people: People) -> None:
    profile = await added(store, people, "pump")
    profiles = TransportProfiles(store.profiles)
    assert profiles.cached(profile.id) is None
    await profiles.load([profile.id, new_id()])
    assert profiles.cached(profile.id) == transport_profile(profile)
    await store.profiles.change(profile.id, ProfileDetails("valve"), 0)
    await profiles.load([profile.id])
    assert profiles.cached(profile.id) == transport_profile(profile)


async def test_a_change_goes_before_what_was_being_read(store: Store, people: People) -> None:
    profile = await added(store, people, "pump")
    profiles = TransportProfiles(store.profiles)
    later = replace(profile, details=ProfileDetails("pump", transport_type=MQTT), version=2)
    profiles.changed(later)
    profiles.changed(profile)  # as a slow read brings it
    assert profiles.cached(profile.id) == transport_profile(later)


async def test_the_cache_has_a_bound(store: Store, people: People) -> None:
    kept = [await added(store, people, name) for name in "abc"]
    profiles = TransportProfiles(store.profiles, max_profiles=2)
    await profiles.load([profile.id for profile in kept])
    assert sum(profiles.cached(profile.id) is not None for profile in kept) == 2
