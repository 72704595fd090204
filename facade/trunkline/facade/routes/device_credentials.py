"""What devices show when they connect."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.openapi import body_of
from trunkline.facade.path_ids import DeviceId
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.device_credentials import DeviceCredentials, DeviceCredentialsBody
from trunkline.v1.device_service_pb2 import GetDeviceCredentialsRequest


def device_credentials_routes(connection: CoreConnection, authenticator: Authenticator, body_limit: int) -> APIRouter:
    """The routes for credentials below `/api`."""
    router = APIRouter(prefix="/api", tags=["devices"])
    devices = connection.devices
    signed_in = Depends(authenticator.of_request)

    @router.get("/device/{deviceId}/credentials")
    async def get_device_credentials(device_id: DeviceId, caller: Annotated[Caller, signed_in]) -> DeviceCredentials:
        """What the device shows when it connects."""
        asked = GetDeviceCredentialsRequest(device_id=device_id)
        answer = await connection.ask(devices.GetDeviceCredentials, asked, caller.token)
        return DeviceCredentials.of(answer.credentials)

    @router.post("/device/credentials", openapi_extra=body_of(DeviceCredentialsBody))
    async def save_device_credentials(request: Request, caller: Annotated[Caller, signed_in]) -> DeviceCredentials:
        """Replace credentials, with the `id` and `deviceId` as they were read; the device's connections are closed."""
        body = DeviceCredentialsBody.read(await request_body(request, body_limit))
        answer = await connection.ask(devices.UpdateDeviceCredentials, body.update(), caller.token)
        return DeviceCredentials.of(answer.credentials)

    return router
