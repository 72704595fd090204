"""Devices and their credentials."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from trunkline.contract import ids
from trunkline.contract.errors import TrunklineError
from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.errors import bad_request
from trunkline.facade.openapi import EMPTY_ANSWER, body_of
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.devices import Device, DeviceCredentials, NewDevice
from trunkline.v1.device_service_pb2 import DeleteDeviceRequest, GetDeviceCredentialsRequest, GetDeviceRequest
from trunkline.v1.error_pb2 import ErrorReason

DeviceIdText = Annotated[str, Path(alias="deviceId", json_schema_extra={"format": "uuid"})]


def device_routes(connection: CoreConnection, authenticator: Authenticator, body_limit: int) -> APIRouter:
    """The routes for devices below `/api`."""
    router = APIRouter(prefix="/api", tags=["devices"])
    devices = connection.devices

    @router.post("/device", openapi_extra=body_of(NewDevice))
    async def create_device(
        request: Request,
        caller: Annotated[Caller, Depends(authenticator.of_request)],
        access_token: Annotated[str | None, Query(alias="accessToken")] = None,
    ) -> Device:
        """Register a device; its access token is generated unless given."""
        device = NewDevice.read(await request_body(request, body_limit))
        if device.id is not None:
            reason = ErrorReason.ERROR_REASON_NOT_SUPPORTED
            raise TrunklineError(reason, "Devices cannot be changed in this version: leave out id to create one")
        answer = await connection.ask(devices.CreateDevice, device.request(access_token), caller.token)
        return Device.of(answer.device)

    @router.get("/tenant/devices", include_in_schema=False)  # the same, hidden in ThingsBoard too
    @router.get("/tenant/device")
    async def find_device(
        caller: Annotated[Caller, Depends(authenticator.of_request)],
        device_name: Annotated[str, Query(alias="deviceName")],
    ) -> Device:
        """The tenant's device of that name."""
        asked = GetDeviceRequest(name=device_name)
        return Device.of((await connection.ask(devices.GetDevice, asked, caller.token)).device)

    @router.get("/device/{deviceId}")
    async def get_device(
        device_id: DeviceIdText, caller: Annotated[Caller, Depends(authenticator.of_request)]
    ) -> Device:
        """One device."""
        asked = GetDeviceRequest(id=_device_id(device_id))
        return Device.of((await connection.ask(devices.GetDevice, asked, caller.token)).device)

    @router.delete("/device/{deviceId}", responses=EMPTY_ANSWER, response_class=Response)
    async def delete_device(
        device_id: DeviceIdText, caller: Annotated[Caller, Depends(authenticator.of_request)]
    ) -> Response:
        """Remove a device: its connections are closed and its calls end."""
        await connection.ask(devices.DeleteDevice, DeleteDeviceRequest(id=_device_id(device_id)), caller.token)
        return Response()

    @router.get("/device/{deviceId}/credentials")
    async def get_device_credentials(
        device_id: DeviceIdText, caller: Annotated[Caller, Depends(authenticator.of_request)]
    ) -> DeviceCredentials:
        """What the device shows when it connects."""
        asked = GetDeviceCredentialsRequest(device_id=_device_id(device_id))
        answer = await connection.ask(devices.GetDeviceCredentials, asked, caller.token)
        return DeviceCredentials.of(answer.credentials)

    return router


def _device_id(text: str) -> str:
    try:
        return ids.to_text(ids.from_text(text))
    except ValueError as error:
        raise bad_request(str(error)) from None
