"""DeviceService over gRPC, made of its methods by subject."""

from trunkline.core.devices.service import Devices
from trunkline.core.rpc.authentication import Authentication
from trunkline.core.rpc.device_methods import DeviceMethods


class DeviceService(DeviceMethods):
    """Devices, for whoever shows a token."""

    def __init__(self, *, authentication: Authentication, devices: Devices) -> None:
        self._authentication = authentication
        self._devices = devices
