"""Unary questions to the core: on whose behalf, and what its failures become."""

from pathlib import Path

import pytest
from doubles.recording_core import RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.facade.core_connection import CoreConnection, core_connection
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.device_service_pb2 import GetDeviceRequest, GetDeviceResponse
from trunkline.v1.error_pb2 import ErrorReason


async def test_a_user_is_named_by_its_token(connection: CoreConnection, core: RecordingCore) -> None:
    core.answers[GetDeviceRequest] = GetDeviceResponse()
    await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"), "a.b.c")
    await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
    assert core.tokens == ["Bearer a.b.c", ""]


async def test_an_error_keeps_its_reason_and_text(connection: CoreConnection, core: RecordingCore) -> None:
    core.answers[GetDeviceRequest] = TrunklineError(ErrorReason.ERROR_REASON_NOT_FOUND, "not here")
    with pytest.raises(TrunklineError, match="not here") as caught:
        await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
    assert caught.value.reason == ErrorReason.ERROR_REASON_NOT_FOUND


async def test_a_core_that_is_away_or_slow_is_named_without_addresses(
    connection: CoreConnection, core: RecordingCore
) -> None:
    late = TrunklineError(ErrorReason.ERROR_REASON_CALL_EXPIRED, "Deadline Exceeded at unix:/x")
    core.answers[GetDeviceRequest] = late
    for _ in range(2):
        with pytest.raises(TrunklineError, match="cannot answer at the moment") as caught:
            await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
        assert caught.value.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE
        await core.stop()


async def test_before_the_cores_first_start_there_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with core_connection(FacadeSettings(data_dir=tmp_path)):
            raise AssertionError("connected")


async def test_the_target_can_be_set(core: RecordingCore, tmp_path: Path) -> None:
    core.answers[GetDeviceRequest] = GetDeviceResponse()
    settings = FacadeSettings(data_dir=tmp_path, core_target=f"unix:{tmp_path}/core.sock")
    async with core_connection(settings) as connection:
        await connection.ask(connection.devices.GetDevice, GetDeviceRequest(id="x"))
