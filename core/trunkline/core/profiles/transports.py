"""What workers must know of device profiles, kept at hand so that letting a device in seldom reads the store."""

from collections.abc import Collection
from typing import Final

from trunkline.contract.streams.frames import Connect, MqttProfile, Refused, TransportProfile
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.profiles.model import DeviceProfile
from trunkline.core.store.profiles import ProfileRows
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.error_pb2 import ErrorReason

MAX_PROFILES: Final = 10_000

_TYPE_OF: Final = {"mqtt": TransportType.TRANSPORT_TYPE_MQTT, "coap": TransportType.TRANSPORT_TYPE_COAP}
"""Transports that ask; HTTP and all others take any device."""


def transport_profile(profile: DeviceProfile) -> TransportProfile:
    """The part of the profile that workers are told."""
    details = profile.details
    mqtt = None
    if details.transport_type == TransportType.TRANSPORT_TYPE_MQTT:
        mqtt = MqttProfile(
            details.mqtt_telemetry_topic,
            details.mqtt_attributes_topic,
            details.mqtt_attributes_subscribe_topic,
            details.mqtt_acknowledge_invalid,
        )
    return TransportProfile(profile.id, profile.version, details.transport_type, mqtt, details.deadline_in_body)


class TransportProfiles:
    """Read-through cache of what workers must know. Whoever changes a profile says so with `changed`."""

    def __init__(self, rows: ProfileRows, *, max_profiles: int = MAX_PROFILES) -> None:
        self._rows = rows
        self._max_profiles = max_profiles
        self._profiles: dict[bytes, TransportProfile] = {}  # oldest first

    def cached(self, profile_id: bytes) -> TransportProfile | None:
        """The profile if it is in the cache; None says only that `load` must be asked."""
        return self._profiles.get(profile_id)

    async def load(self, profile_ids: Collection[bytes]) -> None:
        """Put what is missing into the cache, if it exists, with one query. Raises STORE_UNAVAILABLE."""
        missing = [profile_id for profile_id in profile_ids if profile_id not in self._profiles]
        if missing:
            for profile in await self._rows.find_many(missing):
                self._remember(transport_profile(profile))

    def changed(self, profile: DeviceProfile) -> None:
        """Take a change."""
        self._remember(transport_profile(profile))

    def checked(self, connect: Connect, outcome: DeviceEntry | Refused, transport: str) -> DeviceEntry | Refused:
        """The outcome of a device's Connect, unless its profile is for another transport.

        A device behind a gateway may have any profile, since it does not speak for itself.
        """
        wanted = _TYPE_OF.get(transport)
        if wanted is None or connect.child is not None or isinstance(outcome, Refused):
            return outcome
        profile = self._profiles.get(outcome.profile_id)
        if profile is None or profile.transport_type in (TransportType.TRANSPORT_TYPE_DEFAULT, wanted):
            return outcome
        return Refused(
            connect.session,
            ErrorReason.ERROR_REASON_NOT_SUPPORTED,
            f"Devices with the profile '{outcome.type}' do not use {transport}",
        )

    def _remember(self, profile: TransportProfile) -> None:
        known = self._profiles.get(profile.profile_id)
        if known is not None and known.version > profile.version:
            return  # it was changed while it was read
        self._profiles[profile.profile_id] = profile
        if len(self._profiles) > self._max_profiles:
            del self._profiles[next(iter(self._profiles))]
