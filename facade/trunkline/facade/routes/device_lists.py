"""Devices page by page, and several by id."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.list_answers import list_answer, page_answer
from trunkline.facade.paging import paging
from trunkline.facade.path_ids import CustomerId
from trunkline.facade.query_ids import all_of, ids_in_query, in_order
from trunkline.facade.roles import require_role
from trunkline.facade.schemas.base import Page, uuid_text
from trunkline.facade.schemas.devices import Device, DeviceInfo
from trunkline.v1.device_service_pb2 import ListDevicesRequest
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import Role

_SORTABLE: Final = {
    "createdTime": "create_time",
    "name": "name",
    "type": "type",
    "deviceProfileName": "type",
    "label": "label",
    "customerTitle": "customer_title",
    "active": "active",
}

_page: Final = Depends(paging(_SORTABLE))


def device_list_routes(connection: CoreConnection, authenticator: Authenticator) -> APIRouter:
    """The routes for many devices below `/api`."""
    router = APIRouter(prefix="/api", tags=["devices"])
    list_devices = connection.devices.ListDevices
    signed_in = Depends(authenticator.of_request)

    @router.get("/tenant/devices", response_model=Page[Device])
    async def tenant_devices(
        caller: Annotated[Caller, signed_in],
        page: Annotated[PageRequest, _page],
        device_type: Annotated[str, Query(alias="type")] = "",
    ) -> Response:
        """All devices of the tenant."""
        require_role(caller, Role.ROLE_TENANT_ADMIN)
        answer = await connection.ask(list_devices, ListDevicesRequest(page=page, type=device_type), caller.token)
        return await page_answer(answer.devices, Device.of, answer.total, page)

    @router.get("/tenant/deviceInfos", response_model=Page[DeviceInfo])
    async def tenant_device_infos(
        caller: Annotated[Caller, signed_in], asked: Annotated[ListDevicesRequest, Depends(_infos_asked)]
    ) -> Response:
        """All devices of the tenant, with their customers' titles and whether they are active."""
        require_role(caller, Role.ROLE_TENANT_ADMIN)
        answer = await connection.ask(list_devices, asked, caller.token)
        return await page_answer(answer.devices, DeviceInfo.of, answer.total, asked.page)

    @router.get("/customer/{customerId}/devices", response_model=Page[Device])
    async def customer_devices(
        customer_id: CustomerId,
        caller: Annotated[Caller, signed_in],
        page: Annotated[PageRequest, _page],
        device_type: Annotated[str, Query(alias="type")] = "",
    ) -> Response:
        """A customer's devices."""
        asked = ListDevicesRequest(page=page, customer_id=customer_id, type=device_type)
        answer = await connection.ask(list_devices, asked, caller.token)
        return await page_answer(answer.devices, Device.of, answer.total, page)

    @router.get("/customer/{customerId}/deviceInfos", response_model=Page[DeviceInfo])
    async def customer_device_infos(
        customer_id: CustomerId,
        caller: Annotated[Caller, signed_in],
        asked: Annotated[ListDevicesRequest, Depends(_infos_asked)],
    ) -> Response:
        """A customer's devices, with the customer's title and whether they are active."""
        asked.customer_id = customer_id
        answer = await connection.ask(list_devices, asked, caller.token)
        return await page_answer(answer.devices, DeviceInfo.of, answer.total, asked.page)

    @router.get("/devices", response_model=list[Device])
    async def devices_by_id(
        caller: Annotated[Caller, signed_in],
        device_ids: Annotated[list[str], Query(alias="deviceIds", description="One or more, separated by commas")],
    ) -> Response:
        """Devices by id, in the order asked; those that do not exist or may not be seen are left out."""
        asked = ids_in_query("deviceIds", device_ids)
        answer = await connection.ask(list_devices, ListDevicesRequest(page=all_of(asked), ids=asked), caller.token)
        return await list_answer(in_order(asked, answer.devices), Device.of)

    return router


def _infos_asked(
    page: Annotated[PageRequest, _page],
    device_type: Annotated[str, Query(alias="type")] = "",
    profile_id: Annotated[str, Query(alias="deviceProfileId", json_schema_extra={"format": "uuid"})] = "",
    active: Annotated[bool | None, Query()] = None,
) -> ListDevicesRequest:
    profile = uuid_text(profile_id) if profile_id else ""
    return ListDevicesRequest(page=page, type=device_type, device_profile_id=profile, active=active)
