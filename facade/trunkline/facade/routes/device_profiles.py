"""Device profiles."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from trunkline.facade.authentication import Authenticator, Caller
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.list_answers import list_answer, page_answer
from trunkline.facade.openapi import EMPTY_ANSWER, body_of
from trunkline.facade.paging import LARGEST_PAGE, paging
from trunkline.facade.path_ids import DeviceProfileId
from trunkline.facade.query_ids import all_of, ids_in_query, in_order
from trunkline.facade.request_body import request_body
from trunkline.facade.schemas.base import Page
from trunkline.facade.schemas.device_profiles import DeviceProfile, DeviceProfileBody, DeviceProfileInfo, EntityName
from trunkline.facade.schemas.profile_data import TransportName
from trunkline.v1 import device_service_pb2 as pb
from trunkline.v1.device_profile_pb2 import DeviceProfile as ProfileMessage
from trunkline.v1.device_profile_pb2 import TransportType
from trunkline.v1.page_pb2 import PageRequest

_BASIC: Final = pb.DEVICE_PROFILE_VIEW_BASIC

_SORTABLE: Final = {
    "createdTime": "create_time",
    "name": "name",
    "type": "create_time",  # they are all of one type, so any order will do
    "transportType": "transport_type",
    "description": "description",
    "isDefault": "is_default",
}

_page: Final = Depends(paging(_SORTABLE))


def device_profile_routes(connection: CoreConnection, authenticator: Authenticator, body_limit: int) -> APIRouter:
    """The routes for device profiles below `/api`."""
    router = APIRouter(prefix="/api", tags=["device profiles"])
    devices = connection.devices
    signed_in = Depends(authenticator.of_request)

    @router.post("/deviceProfile", openapi_extra=body_of(DeviceProfileBody))
    async def save_device_profile(request: Request, caller: Annotated[Caller, signed_in]) -> DeviceProfile:
        """Add a profile, or with an `id`, change one; connected devices follow at once."""
        body = DeviceProfileBody.read(await request_body(request, body_limit))
        if body.id is not None:
            update = await connection.ask(devices.UpdateDeviceProfile, body.update(), caller.token)
            return DeviceProfile.of(update.profile)
        creation = await connection.ask(devices.CreateDeviceProfile, body.creation(), caller.token)
        return DeviceProfile.of(creation.profile)

    @router.get("/deviceProfile/names", response_model=list[EntityName])
    async def device_profile_names(
        caller: Annotated[Caller, signed_in],
        active_only: Annotated[bool, Query(alias="activeOnly", description="Only those that have devices")] = False,
    ) -> Response:
        """The names of all profiles, in order."""
        profiles = [profile async for profile in all_profiles(caller)]
        if active_only:
            answer = await connection.ask(devices.ListDeviceTypes, pb.ListDeviceTypesRequest(), caller.token)
            used = set(answer.types)
            profiles = [profile for profile in profiles if profile.name in used]
        return await list_answer(profiles, EntityName.of)

    async def all_profiles(caller: Caller) -> AsyncIterator[ProfileMessage]:
        page = PageRequest(size=LARGEST_PAGE, sort_by="name")
        while True:
            asked = pb.ListDeviceProfilesRequest(page=page, view=_BASIC)
            answer = await connection.ask(devices.ListDeviceProfiles, asked, caller.token)
            for profile in answer.profiles:
                yield profile
            page.number += 1
            if page.number * LARGEST_PAGE >= answer.total:
                return

    @router.get("/deviceProfile/{deviceProfileId}")
    async def get_device_profile(profile_id: DeviceProfileId, caller: Annotated[Caller, signed_in]) -> DeviceProfile:
        """One profile."""
        asked = pb.GetDeviceProfileRequest(id=profile_id)
        return DeviceProfile.of((await connection.ask(devices.GetDeviceProfile, asked, caller.token)).profile)

    @router.delete("/deviceProfile/{deviceProfileId}", responses=EMPTY_ANSWER, response_class=Response)
    async def delete_device_profile(profile_id: DeviceProfileId, caller: Annotated[Caller, signed_in]) -> Response:
        """Remove a profile that no device has and that is not the default one."""
        asked = pb.DeleteDeviceProfileRequest(id=profile_id)
        await connection.ask(devices.DeleteDeviceProfile, asked, caller.token)
        return Response()

    @router.post("/deviceProfile/{deviceProfileId}/default")
    async def set_default_device_profile(
        profile_id: DeviceProfileId, caller: Annotated[Caller, signed_in]
    ) -> DeviceProfile:
        """Make a profile the one that devices without a type get."""
        asked = pb.SetDefaultDeviceProfileRequest(id=profile_id)
        return DeviceProfile.of((await connection.ask(devices.SetDefaultDeviceProfile, asked, caller.token)).profile)

    @router.get("/deviceProfiles", response_model=Page[DeviceProfile])
    async def device_profiles(caller: Annotated[Caller, signed_in], page: Annotated[PageRequest, _page]) -> Response:
        """All profiles of the tenant."""
        asked = pb.ListDeviceProfilesRequest(page=page)
        answer = await connection.ask(devices.ListDeviceProfiles, asked, caller.token)
        return await page_answer(answer.profiles, DeviceProfile.of, answer.total, page)

    @router.get("/deviceProfileInfos", response_model=Page[DeviceProfileInfo])
    async def device_profile_infos(
        caller: Annotated[Caller, signed_in],
        page: Annotated[PageRequest, _page],
        transport_type: Annotated[TransportName | None, Query(alias="transportType")] = None,
    ) -> Response:
        """All profiles of the tenant, in short."""
        asked = pb.ListDeviceProfilesRequest(page=page, view=_BASIC)
        if transport_type:
            asked.transport_type = TransportType.Value(f"TRANSPORT_TYPE_{transport_type}")
        answer = await connection.ask(devices.ListDeviceProfiles, asked, caller.token)
        return await page_answer(answer.profiles, DeviceProfileInfo.of, answer.total, page)

    @router.get("/deviceProfileInfos/list", response_model=list[DeviceProfileInfo])
    async def device_profile_infos_by_id(
        caller: Annotated[Caller, signed_in],
        profile_ids: Annotated[
            list[str], Query(alias="deviceProfileIds", description="One or more, separated by commas")
        ],
    ) -> Response:
        """Profiles by id, in the order asked; those that do not exist are left out."""
        asked = ids_in_query("deviceProfileIds", profile_ids)
        request = pb.ListDeviceProfilesRequest(page=all_of(asked), view=_BASIC, ids=asked)
        answer = await connection.ask(devices.ListDeviceProfiles, request, caller.token)
        return await list_answer(in_order(asked, answer.profiles), DeviceProfileInfo.of)

    @router.get("/deviceProfileInfo/default")
    async def default_device_profile_info(caller: Annotated[Caller, signed_in]) -> DeviceProfileInfo:
        """The profile that devices without a type get, in short."""
        asked = pb.GetDeviceProfileRequest(default=True, view=_BASIC)
        return DeviceProfileInfo.of((await connection.ask(devices.GetDeviceProfile, asked, caller.token)).profile)

    @router.get("/deviceProfileInfo/{deviceProfileId}")
    async def device_profile_info(
        profile_id: DeviceProfileId, caller: Annotated[Caller, signed_in]
    ) -> DeviceProfileInfo:
        """One profile, in short."""
        asked = pb.GetDeviceProfileRequest(id=profile_id, view=_BASIC)
        return DeviceProfileInfo.of((await connection.ask(devices.GetDeviceProfile, asked, caller.token)).profile)

    return router
