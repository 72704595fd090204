from trunkline.core.presence.model import PresenceChange
from trunkline.core.presence.record import NEVER_HEARD, DeviceRecord


def test_a_new_record_knows_nothing_that_its_row_could_lose() -> None:
    record = DeviceRecord(b"d" * 16)
    assert record.change(connected=True) == PresenceChange(b"d" * 16, True, 0, 0, 0)
    assert record.heard_ms == NEVER_HEARD < 0
