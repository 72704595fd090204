"""What may be said of a device. The texts are the ones that ThingsBoard's clients know."""

from dataclasses import replace
from typing import Final

from trunkline.core.devices.model import DeviceDetails
from trunkline.core.identity.validation import invalid, stored_json

LONGEST: Final = 255
"""Characters of a name, a type or a label."""


def checked_details(details: DeviceDetails) -> DeviceDetails:
    """The details as they are stored. Raises INVALID_ARGUMENT."""
    if not details.name.strip():
        invalid("Device name should be specified!", "name")
    for field, text in (("name", details.name), ("type", details.type), ("label", details.label)):
        check_text(field, text)
    return replace(details, additional_info=stored_json(details.additional_info))


def check_text(field: str, text: str) -> None:
    """Raise INVALID_ARGUMENT for a text that is too long, or that no database takes."""
    if len(text) > LONGEST:
        invalid(f"Validation error: {field} length must be equal or less than {LONGEST}", field)
    if "\x00" in text:
        invalid(f"Device {field} should not contain 0x00 symbol!", field)
