"""The methods of DeviceService that are about devices: a thin adapter of `devices/service.py`."""

from trunkline.core.devices.service import Devices
from trunkline.core.gentle import mapped
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.convert import optional_id, required_id
from trunkline.core.rpc.device_messages import (
    conflict_of,
    credentials_message,
    details_of,
    device_message,
    filter_of,
    first_credentials_of,
    new_credentials_of,
)
from trunkline.core.rpc.paging import fitting, page_of
from trunkline.core.validation import invalid
from trunkline.v1.device_service_pb2 import (
    AssignDeviceRequest,
    AssignDeviceResponse,
    CreateDeviceRequest,
    CreateDeviceResponse,
    DeleteDeviceRequest,
    DeleteDeviceResponse,
    GetDeviceCredentialsRequest,
    GetDeviceCredentialsResponse,
    GetDeviceRequest,
    GetDeviceResponse,
    ListDevicesRequest,
    ListDevicesResponse,
    ListDeviceTypesRequest,
    ListDeviceTypesResponse,
    UnassignDeviceRequest,
    UnassignDeviceResponse,
    UpdateDeviceCredentialsRequest,
    UpdateDeviceCredentialsResponse,
    UpdateDeviceRequest,
    UpdateDeviceResponse,
)
from trunkline.v1.device_service_pb2_grpc import DeviceServiceServicer


class DeviceMethods(Authenticated, DeviceServiceServicer):
    """Devices and their credentials."""

    _devices: Devices

    async def CreateDevice(self, request: CreateDeviceRequest, context: Context) -> CreateDeviceResponse:
        """Register a device of the caller's tenant."""
        device = await self._devices.create(
            self._caller(context), details_of(request), first_credentials_of(request), conflict_of(request)
        )
        return CreateDeviceResponse(device=device_message(device))

    async def GetDevice(self, request: GetDeviceRequest, context: Context) -> GetDeviceResponse:
        """One device by its id or its name."""
        principal = self._caller(context)
        match request.WhichOneof("by"):
            case "id":
                device = await self._devices.get(principal, required_id(request.id, "id"))
            case "name":
                device = await self._devices.get_by_name(principal, request.name)
            case None:
                invalid("id or name is missing", "by")
        return GetDeviceResponse(device=device_message(device))

    async def UpdateDevice(self, request: UpdateDeviceRequest, context: Context) -> UpdateDeviceResponse:
        """Change a device."""
        device = await self._devices.update(
            self._caller(context),
            required_id(request.device.id, "device.id"),
            details_of(request.device),
            request.version,
            new_credentials_of(request.credentials) if request.HasField("credentials") else None,
        )
        return UpdateDeviceResponse(device=device_message(device))

    async def DeleteDevice(self, request: DeleteDeviceRequest, context: Context) -> DeleteDeviceResponse:
        """Remove a device; its sessions and calls end."""
        await self._devices.delete(self._caller(context), required_id(request.id, "id"))
        return DeleteDeviceResponse()

    async def ListDevices(self, request: ListDevicesRequest, context: Context) -> ListDevicesResponse:
        """One page of the devices that the caller may see."""
        found = await self._devices.page(self._caller(context), page_of(request.page), filter_of(request))
        devices = await mapped(device_message, found.items)
        return fitting(ListDevicesResponse(devices=devices, total=found.total))

    async def ListDeviceTypes(self, request: ListDeviceTypesRequest, context: Context) -> ListDeviceTypesResponse:
        """The types of the devices that the caller may see."""
        return ListDeviceTypesResponse(types=await self._devices.types(self._caller(context)))

    async def AssignDevice(self, request: AssignDeviceRequest, context: Context) -> AssignDeviceResponse:
        """Give a device to a customer, or to everybody."""
        principal, device_id = self._caller(context), required_id(request.device_id, "device_id")
        if request.WhichOneof("to") == "customer_id":
            customer_id = required_id(request.customer_id, "customer_id")
            device = await self._devices.assign(principal, device_id, customer_id)
        elif request.public:
            device = await self._devices.make_public(principal, device_id)
        else:
            invalid("customer_id or public is missing", "to")
        return AssignDeviceResponse(device=device_message(device))

    async def UnassignDevice(self, request: UnassignDeviceRequest, context: Context) -> UnassignDeviceResponse:
        """Take a device from its customer."""
        principal, device_id = self._caller(context), required_id(request.device_id, "device_id")
        return UnassignDeviceResponse(device=device_message(await self._devices.unassign(principal, device_id)))

    async def GetDeviceCredentials(
        self, request: GetDeviceCredentialsRequest, context: Context
    ) -> GetDeviceCredentialsResponse:
        """What a device shows when it connects."""
        principal, device_id = self._caller(context), required_id(request.device_id, "device_id")
        credentials = await self._devices.credentials(principal, device_id)
        return GetDeviceCredentialsResponse(credentials=credentials_message(credentials))

    async def UpdateDeviceCredentials(
        self, request: UpdateDeviceCredentialsRequest, context: Context
    ) -> UpdateDeviceCredentialsResponse:
        """Have a device show something else; its sessions end."""
        new = request.credentials
        credentials = await self._devices.replace_credentials(
            self._caller(context),
            required_id(new.device_id, "credentials.device_id"),
            optional_id(new.id, "credentials.id"),
            new_credentials_of(new),
            request.version,
        )
        return UpdateDeviceCredentialsResponse(credentials=credentials_message(credentials))
