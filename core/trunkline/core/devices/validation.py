"""What may be said of a device. The texts are the ones that ThingsBoard's clients know."""

from dataclasses import replace

from trunkline.core.devices.model import DeviceDetails
from trunkline.core.validation import check_text, invalid, stored_json


def checked_details(details: DeviceDetails) -> DeviceDetails:
    """The details as they are stored. Raises INVALID_ARGUMENT."""
    if not details.name.strip():
        invalid("Device name should be specified!", "name")
    for field, text in (("name", details.name), ("type", details.type), ("label", details.label)):
        check_text("Device", field, text)
    return replace(details, additional_info=stored_json(details.additional_info))
