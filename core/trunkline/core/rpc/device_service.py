"""DeviceService over gRPC, made of its methods by subject."""

from trunkline.core.devices.service import Devices
from trunkline.core.presence.watches import PresenceWatches
from trunkline.core.profiles.service import Profiles
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.device_methods import DeviceMethods
from trunkline.core.rpc.device_profile_methods import DeviceProfileMethods
from trunkline.core.rpc.presence_methods import PresenceMethods


class DeviceService(  # pyright: ignore[reportIncompatibleMethodOverride] - WatchPresence writes to its context
    DeviceMethods, DeviceProfileMethods, PresenceMethods
):
    """Devices, for whoever shows a token."""

    def __init__(
        self, *, authentication: Authentication, devices: Devices, profiles: Profiles, presence: PresenceWatches
    ) -> None:
        self._authentication = authentication
        self._devices = devices
        self._profiles = profiles
        self._presence = presence
