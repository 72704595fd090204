"""Nothing may have a package; to say that there is none is no mistake."""

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import entity
from trunkline.facade.schemas.ota_packages import refuse_packages

PACKAGE = entity("OTA_PACKAGE", "784f394c-42b6-435a-983c-b7beff2784f9")


def test_none() -> None:
    refuse_packages(firmware_id=None, software_id=None)
    refuse_packages(firmware_id=entity("OTA_PACKAGE", ""), software_id=entity("OTA_PACKAGE", ""))


def test_one_of_each() -> None:
    with pytest.raises(TrunklineError, match="Can't assign non-existent firmware!"):
        refuse_packages(firmware_id=PACKAGE, software_id=None)
    with pytest.raises(TrunklineError, match="Can't assign non-existent software!"):
        refuse_packages(firmware_id=None, software_id=PACKAGE)
