"""What may be said of a device."""

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.core.devices.model import DeviceDetails
from trunkline.core.devices.validation import checked_details
from trunkline.core.validation import LARGEST_INFO, LONGEST
from trunkline.v1.error_pb2 import ErrorReason


@pytest.mark.parametrize(
    ("details", "message", "field"),
    [
        (DeviceDetails(""), "Device name should be specified!", "name"),
        (DeviceDetails(" \t"), "Device name should be specified!", "name"),
        (DeviceDetails("a\0b"), "Device name should not contain 0x00 symbol!", "name"),
        (DeviceDetails("a", label="\0"), "Device label should not contain 0x00 symbol!", "label"),
        (DeviceDetails("a" * 256), "Validation error: name length must be equal or less than 255", "name"),
        (DeviceDetails("a", type="t" * 256), "Validation error: type length must be equal or less than 255", "type"),
        (DeviceDetails("a", label="l" * 256), "Validation error: label length must be equal or less than 255", "label"),
        (DeviceDetails("a", additional_info=b"{"), "The additional info is no JSON", "additional_info"),
        (
            DeviceDetails("a", additional_info=b'"%s"' % (b"x" * LARGEST_INFO)),
            "Validation error: additionalInfo length must be equal or less than 65536",
            "additional_info",
        ),
    ],
)
def test_bad_details_name_their_field(details: DeviceDetails, message: str, field: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        checked_details(details)
    assert (caught.value.reason, caught.value.message) == (ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)
    assert caught.value.metadata == {"field": field}


def test_the_longest_pass() -> None:
    long = "ä" * LONGEST
    details = DeviceDetails(long, type=long, label=long, additional_info=b'"' + b"1" * (LARGEST_INFO - 2) + b'"')
    assert checked_details(details) == details


@pytest.mark.parametrize(("info", "stored"), [(b' { "a" : 1 } ', b'{"a":1}'), (b"null", b""), (b"", b"")])
def test_additional_info_is_stored_compactly(info: bytes, stored: bytes) -> None:
    assert checked_details(DeviceDetails("a", additional_info=info)).additional_info == stored
