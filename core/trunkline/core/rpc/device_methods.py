"""The methods of DeviceService that are about devices: a thin adapter of `devices/service.py`."""

from trunkline.contract.errors import TrunklineError
from trunkline.core.devices.service import Devices, NewDevice
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.convert import credentials_message, device_message, optional_id, required_id
from trunkline.v1.device_service_pb2 import (
    CreateDeviceRequest,
    CreateDeviceResponse,
    DeleteDeviceRequest,
    DeleteDeviceResponse,
    GetDeviceCredentialsRequest,
    GetDeviceCredentialsResponse,
    GetDeviceRequest,
    GetDeviceResponse,
)
from trunkline.v1.device_service_pb2_grpc import DeviceServiceServicer
from trunkline.v1.error_pb2 import ErrorReason


class DeviceMethods(Authenticated, DeviceServiceServicer):
    """Devices and their credentials."""

    _devices: Devices

    async def CreateDevice(self, request: CreateDeviceRequest, context: Context) -> CreateDeviceResponse:
        """Register a device of the caller's tenant."""
        new = NewDevice(
            name=request.name,
            type=request.type,
            label=request.label,
            access_token=request.access_token,
            profile_id=optional_id(request.device_profile_id, "device_profile_id"),
            customer_id=optional_id(request.customer_id, "customer_id"),
            additional_info=request.additional_info,
        )
        return CreateDeviceResponse(device=device_message(await self._devices.create(self._caller(context), new)))

    async def GetDevice(self, request: GetDeviceRequest, context: Context) -> GetDeviceResponse:
        """One device by its id or its name."""
        principal = self._caller(context)
        match request.WhichOneof("by"):
            case "id":
                device = await self._devices.get(principal, required_id(request.id, "id"))
            case "name":
                device = await self._devices.get_by_name(principal, request.name)
            case None:
                raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "id or name is missing", field="by")
        return GetDeviceResponse(device=device_message(device))

    async def DeleteDevice(self, request: DeleteDeviceRequest, context: Context) -> DeleteDeviceResponse:
        """Remove a device; its sessions and calls end."""
        await self._devices.delete(self._caller(context), required_id(request.id, "id"))
        return DeleteDeviceResponse()

    async def GetDeviceCredentials(
        self, request: GetDeviceCredentialsRequest, context: Context
    ) -> GetDeviceCredentialsResponse:
        """What a device shows when it connects."""
        device_id = required_id(request.device_id, "device_id")
        credentials = await self._devices.credentials(self._caller(context), device_id)
        return GetDeviceCredentialsResponse(credentials=credentials_message(credentials))
