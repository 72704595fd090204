"""Devices, one at a time, and whom they are assigned to."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from trunkline.contract import ids
from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.openapi import EMPTY_ANSWER, body_of
from trunkline.facade.path_ids import CustomerId, DeviceId
from trunkline.facade.request_body import request_body
from trunkline.facade.roles import require_role
from trunkline.facade.schemas.base import entity
from trunkline.facade.schemas.devices import Device, DeviceBody, DeviceInfo, DeviceType, DeviceWithCredentialsBody
from trunkline.v1 import device_service_pb2 as pb
from trunkline.v1.rpc_service_pb2 import Role


def device_routes(connection: CoreConnection, authenticator: Authenticator, body_limit: int) -> APIRouter:
    """The routes for single devices below `/api`."""
    router = APIRouter(prefix="/api", tags=["devices"])
    devices = connection.devices
    signed_in = Depends(authenticator.of_request)

    @router.post("/device", openapi_extra=body_of(DeviceBody))
    async def save_device(
        request: Request,
        caller: Annotated[Caller, signed_in],
        name_conflict: Annotated[pb.NameConflict | None, Depends(_name_conflict)],
        access_token: Annotated[str | None, Query(alias="accessToken")] = None,
    ) -> Device:
        """Register a device, its access token generated unless given; or with an `id`, change one."""
        body = DeviceBody.read(await request_body(request, body_limit))
        if body.id is not None:
            return Device.of((await connection.ask(devices.UpdateDevice, body.update(), caller.token)).device)
        creation = body.creation(access_token=access_token, name_conflict=name_conflict)
        return Device.of((await connection.ask(devices.CreateDevice, creation, caller.token)).device)

    @router.post("/device-with-credentials", openapi_extra=body_of(DeviceWithCredentialsBody))
    async def save_device_with_credentials(
        request: Request,
        caller: Annotated[Caller, signed_in],
        name_conflict: Annotated[pb.NameConflict | None, Depends(_name_conflict)],
    ) -> Device:
        """Register a device with credentials of any kind; or with an `id`, change both."""
        body, credentials = DeviceWithCredentialsBody.read(await request_body(request, body_limit)).parts()
        if body.id is not None:
            require_role(caller, Role.ROLE_TENANT_ADMIN)  # who may change the device alone changes nothing here
            update = body.update()
            update.credentials.CopyFrom(credentials.message())
            return Device.of((await connection.ask(devices.UpdateDevice, update, caller.token)).device)
        creation = body.creation(credentials=credentials, name_conflict=name_conflict)
        return Device.of((await connection.ask(devices.CreateDevice, creation, caller.token)).device)

    @router.get("/tenant/device")
    async def find_device(
        caller: Annotated[Caller, signed_in], device_name: Annotated[str, Query(alias="deviceName")]
    ) -> Device:
        """The tenant's device of that name."""
        asked = pb.GetDeviceRequest(name=device_name)
        return Device.of((await connection.ask(devices.GetDevice, asked, caller.token)).device)

    router.add_api_route("/tenant/devices", find_device, include_in_schema=False, route_class_override=_ByName)

    @router.get("/device/types")
    async def device_types(caller: Annotated[Caller, signed_in]) -> list[DeviceType]:
        """The names of the profiles that have devices."""
        answer = await connection.ask(devices.ListDeviceTypes, pb.ListDeviceTypesRequest(), caller.token)
        tenant_id = entity("TENANT", ids.to_text(caller.principal.tenant_id))
        return [DeviceType(tenant_id=tenant_id, type=name) for name in answer.types]

    @router.get("/device/{deviceId}")
    async def get_device(device_id: DeviceId, caller: Annotated[Caller, signed_in]) -> Device:
        """One device."""
        asked = pb.GetDeviceRequest(id=device_id)
        return Device.of((await connection.ask(devices.GetDevice, asked, caller.token)).device)

    @router.get("/device/info/{deviceId}")
    async def get_device_info(device_id: DeviceId, caller: Annotated[Caller, signed_in]) -> DeviceInfo:
        """One device, with its customer's title and whether it is active."""
        asked = pb.GetDeviceRequest(id=device_id)
        return DeviceInfo.of((await connection.ask(devices.GetDevice, asked, caller.token)).device)

    @router.delete("/device/{deviceId}", responses=EMPTY_ANSWER, response_class=Response)
    async def delete_device(device_id: DeviceId, caller: Annotated[Caller, signed_in]) -> Response:
        """Remove a device: its connections are closed and its calls end."""
        await connection.ask(devices.DeleteDevice, pb.DeleteDeviceRequest(id=device_id), caller.token)
        return Response()

    @router.post("/customer/public/device/{deviceId}")
    async def make_device_public(device_id: DeviceId, caller: Annotated[Caller, signed_in]) -> Device:
        """Assign a device to the tenant's customer `Public`, who everybody may be."""
        asked = pb.AssignDeviceRequest(device_id=device_id, public=True)
        return Device.of((await connection.ask(devices.AssignDevice, asked, caller.token)).device)

    @router.post("/customer/{customerId}/device/{deviceId}")
    async def assign_device(
        customer_id: CustomerId, device_id: DeviceId, caller: Annotated[Caller, signed_in]
    ) -> Device:
        """Assign a device to a customer, whoever had it before."""
        asked = pb.AssignDeviceRequest(device_id=device_id, customer_id=customer_id)
        return Device.of((await connection.ask(devices.AssignDevice, asked, caller.token)).device)

    @router.delete("/customer/device/{deviceId}")
    async def unassign_device(device_id: DeviceId, caller: Annotated[Caller, signed_in]) -> Device:
        """Take a device from its customer."""
        asked = pb.UnassignDeviceRequest(device_id=device_id)
        return Device.of((await connection.ask(devices.UnassignDevice, asked, caller.token)).device)

    return router


class _ByName(APIRoute):
    """A path that is the list of all devices unless a name is asked for."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if b"deviceName=" not in scope["query_string"]:
            return Match.NONE, {}
        return super().matches(scope)


def _name_conflict(
    policy: Annotated[Literal["FAIL", "UNIQUIFY"], Query(alias="nameConflictPolicy")] = "FAIL",
    separator: Annotated[str, Query(alias="uniquifySeparator")] = "_",
    strategy: Annotated[Literal["RANDOM", "INCREMENTAL"], Query(alias="uniquifyStrategy")] = "RANDOM",
) -> pb.NameConflict | None:
    if policy == "FAIL":
        return None
    return pb.NameConflict(make_unique=True, separator=separator, count=strategy == "INCREMENTAL")
