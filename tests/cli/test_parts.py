"""The real parts, together in this process over gRPC, as children would run them."""

import asyncio
from pathlib import Path

import pytest

from trunkline.cli.errors import CommandError
from trunkline.cli.fleet import Fleet
from trunkline.cli.layout import CORE, FACADE, MQTT
from trunkline.cli.login import Login
from trunkline.cli.parts import CorePart, FacadePart, WorkerPart, log_settings, make, settings_of
from trunkline.cli.rest import Rest
from trunkline.core.settings import CoreSettings
from trunkline.facade.settings import FacadeSettings
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.settings import WorkerSettings


def test_every_part_has_its_settings() -> None:
    assert settings_of(CORE) == (CoreSettings,)
    assert settings_of(FACADE) == (FacadeSettings,)
    assert settings_of(MQTT) == (WorkerSettings, MqttSettings)
    with pytest.raises(CommandError, match="zigbee"):
        settings_of("zigbee")


async def test_parts_are_made_by_name(tmp_path: Path) -> None:
    core = CoreSettings(data_dir=tmp_path, log_level="DEBUG", log_format="json")
    assert isinstance(make(CORE, [core]), CorePart)
    assert isinstance(make(FACADE, [FacadeSettings(data_dir=tmp_path)]), FacadePart)
    assert isinstance(make(MQTT, [WorkerSettings(data_dir=tmp_path), MqttSettings()]), WorkerPart)
    assert log_settings([core]) == ("DEBUG", "json")


async def test_the_parts_find_one_another_through_the_data_directory(tmp_path: Path) -> None:
    core = CorePart(CoreSettings(data_dir=tmp_path, grpc_port=0, metrics_port=0, demo=True))
    worker = WorkerPart(MQTT, WorkerSettings(data_dir=tmp_path), MqttSettings(port=0))
    facade = FacadePart(FacadeSettings(data_dir=tmp_path, port=0))
    async with asyncio.timeout(60):
        facts = await core.start() | await worker.start() | await facade.start()
        assert facts.urls.keys() == {"grpc", "mqtt", "rest", "docs"}
        assert ("tenant@thingsboard.org", "tenant") in facts.accounts
        assert all(part.collectors for part in (core, worker, facade))

        fleet = Fleet("127.0.0.1", int(facts.urls["mqtt"].rpartition(":")[2]), ["A1_TEST_TOKEN"])
        await fleet.connect()
        async with Rest(facts.urls["rest"], Login()) as rest:
            device_id = await rest.device_id("Test Device A1")
            answer = await rest.call(device_id, b'{"method":"m","params":1}', oneway=False, wait_s=10)
            assert (answer.status, answer.body) == (200, b'{"method":"m","params":1}')
        await fleet.close()

        for part in (facade, worker, core):
            await part.drain()
