"""The methods of DeviceService that are about device profiles: a thin adapter of `profiles/service.py`."""

from trunkline.core.gentle import mapped
from trunkline.core.profiles.service import Profiles
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.convert import required_id
from trunkline.core.rpc.paging import fitting, ids_of, page_of
from trunkline.core.rpc.profile_messages import profile_details, profile_message
from trunkline.core.validation import invalid
from trunkline.v1.device_service_pb2 import (
    CreateDeviceProfileRequest,
    CreateDeviceProfileResponse,
    DeleteDeviceProfileRequest,
    DeleteDeviceProfileResponse,
    DeviceProfileView,
    GetDeviceProfileRequest,
    GetDeviceProfileResponse,
    ListDeviceProfilesRequest,
    ListDeviceProfilesResponse,
    SetDefaultDeviceProfileRequest,
    SetDefaultDeviceProfileResponse,
    UpdateDeviceProfileRequest,
    UpdateDeviceProfileResponse,
)
from trunkline.v1.device_service_pb2_grpc import DeviceServiceServicer


class DeviceProfileMethods(Authenticated, DeviceServiceServicer):
    """Device profiles of a tenant."""

    _profiles: Profiles

    async def CreateDeviceProfile(
        self, request: CreateDeviceProfileRequest, context: Context
    ) -> CreateDeviceProfileResponse:
        """Add a profile to the caller's tenant."""
        new = request.profile
        profile = await self._profiles.create(self._caller(context), profile_details(new), is_default=new.is_default)
        return CreateDeviceProfileResponse(profile=profile_message(profile))

    async def GetDeviceProfile(self, request: GetDeviceProfileRequest, context: Context) -> GetDeviceProfileResponse:
        """One profile by its id or its name, or the default one."""
        principal, whole = self._caller(context), _whole(request.view)
        match request.WhichOneof("by"):
            case "id":
                profile = await self._profiles.get(principal, required_id(request.id, "id"), whole=whole)
            case "name":
                profile = await self._profiles.get_by_name(principal, request.name, whole=whole)
            case "default" if request.default:
                profile = await self._profiles.default(principal, whole=whole)
            case _:
                invalid("id, name or default is missing", "by")
        return GetDeviceProfileResponse(profile=profile_message(profile, whole=whole))

    async def UpdateDeviceProfile(
        self, request: UpdateDeviceProfileRequest, context: Context
    ) -> UpdateDeviceProfileResponse:
        """Replace what can be changed of a profile; connected devices follow at once."""
        new = request.profile
        profile = await self._profiles.update(
            self._caller(context),
            required_id(new.id, "profile.id"),
            profile_details(new),
            version=request.version,
            is_default=new.is_default,
        )
        return UpdateDeviceProfileResponse(profile=profile_message(profile))

    async def DeleteDeviceProfile(
        self, request: DeleteDeviceProfileRequest, context: Context
    ) -> DeleteDeviceProfileResponse:
        """Remove a profile that no device has."""
        await self._profiles.delete(self._caller(context), required_id(request.id, "id"))
        return DeleteDeviceProfileResponse()

    async def ListDeviceProfiles(
        self, request: ListDeviceProfilesRequest, context: Context
    ) -> ListDeviceProfilesResponse:
        """One page of the tenant's profiles."""
        whole = _whole(request.view)
        found = await self._profiles.page(
            self._caller(context),
            page_of(request.page),
            transport_type=request.transport_type,
            ids=ids_of(request.ids),
            whole=whole,
        )
        messages = await mapped(lambda profile: profile_message(profile, whole=whole), found.items)
        return fitting(ListDeviceProfilesResponse(profiles=messages, total=found.total))

    async def SetDefaultDeviceProfile(
        self, request: SetDefaultDeviceProfileRequest, context: Context
    ) -> SetDefaultDeviceProfileResponse:
        """Make a profile the one that devices without a type get."""
        profile = await self._profiles.make_default(self._caller(context), required_id(request.id, "id"))
        return SetDefaultDeviceProfileResponse(profile=profile_message(profile))


def _whole(view: DeviceProfileView.ValueType) -> bool:
    if view not in DeviceProfileView.values():
        invalid(f"Unknown view {view}", "view")
    return view != DeviceProfileView.DEVICE_PROFILE_VIEW_BASIC
