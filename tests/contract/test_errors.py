import pytest

from trunkline.contract.errors import TABLE, TrunklineError, cause_name, reason_name, reason_of
from trunkline.v1.error_pb2 import Cause, ErrorReason


def test_the_table_has_every_reason_and_no_other() -> None:
    assert TABLE.keys() == set(ErrorReason.values()) - {ErrorReason.ERROR_REASON_UNSPECIFIED}


def test_no_error_is_a_success() -> None:
    for row in TABLE.values():
        assert row.grpc.value[0] != 0
        assert row.http >= 400


def test_what_may_be_tried_again_is_not_the_callers_fault() -> None:
    for reason, row in TABLE.items():
        if row.retryable and reason != ErrorReason.ERROR_REASON_SESSION_UNKNOWN:
            assert row.http in (409, 429, 503, 504), reason_name(reason)


@pytest.mark.parametrize("reason", TABLE, ids=ErrorReason.Name)
def test_a_reasons_name_leads_back_to_it(reason: ErrorReason.ValueType) -> None:
    assert reason_of(reason_name(reason)) == reason


def test_a_reason_of_a_later_version_is_an_internal_error() -> None:
    assert reason_of("NEVER_HEARD_OF") == ErrorReason.ERROR_REASON_INTERNAL


def test_a_causes_name_is_empty_for_none() -> None:
    assert cause_name(Cause.CAUSE_NO_REPLY) == "NO_REPLY"
    assert cause_name(Cause.CAUSE_UNSPECIFIED) == ""


def test_an_error_carries_its_row_and_what_varies() -> None:
    error = TrunklineError(ErrorReason.ERROR_REASON_DEVICE_OFFLINE, "Device d is offline", device_id="d")
    assert error.row is TABLE[ErrorReason.ERROR_REASON_DEVICE_OFFLINE]
    assert (str(error), error.metadata) == ("Device d is offline", {"device_id": "d"})
