"""DeviceService over gRPC, made of its methods by subject."""

from trunkline.core.devices.service import Devices
from trunkline.core.presence.watches import PresenceWatches
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.device_methods import DeviceMethods
from trunkline.core.rpc.presence_methods import PresenceMethods


class DeviceService(DeviceMethods, PresenceMethods):
    """Devices, for whoever shows a token."""

    def __init__(self, *, authentication: Authentication, devices: Devices, presence: PresenceWatches) -> None:
        self._authentication = authentication
        self._devices = devices
        self._presence = presence
