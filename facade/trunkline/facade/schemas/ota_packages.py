"""Packages of firmware and software, of which there are none: what names one is refused in ThingsBoard's words."""

from trunkline.facade.errors import bad_request
from trunkline.facade.schemas.base import EntityId, named


def refuse_packages(*, firmware_id: EntityId | None, software_id: EntityId | None) -> None:
    """Raise TrunklineError (INVALID_ARGUMENT) if a device or a profile is to have one."""
    if named(firmware_id, "OTA_PACKAGE"):
        raise bad_request("Can't assign non-existent firmware!")
    if named(software_id, "OTA_PACKAGE"):
        raise bad_request("Can't assign non-existent software!")
