import asyncio
from pathlib import Path

import pytest

from trunkline.cli.demo_certificate import provide_certificate
from trunkline.cli.fleet import Fleet
from trunkline.cli.layout import claimed
from trunkline.cli.login import Login
from trunkline.cli.one_process import OneProcess
from trunkline.cli.rest import Rest
from trunkline.cli.settings import ServeSettings


async def test_all_parts_start_work_and_end_together(tmp_path: Path) -> None:
    settings = ServeSettings(
        demo=True,
        processes="one",
        http_port=0,
        mqtt_port=0,
        mqtt_tls_port=0,
        grpc_port=0,
        metrics_port=0,
        data_dir=tmp_path,
    )
    provide_certificate(tmp_path)
    layout = claimed(settings)
    everything = OneProcess(layout)
    async with asyncio.timeout(60):
        facts = await everything.start()
        assert facts.urls["rest"] == f"http://127.0.0.1:{layout.facade.port}"
        assert everything.metrics_at == ("127.0.0.1", layout.core.metrics_port)
        assert len(everything.collectors) == 3

        ended = asyncio.create_task(everything.ended())
        fleet = Fleet("127.0.0.1", layout.mqtt.port, ["A1_TEST_TOKEN"], qos=1)
        await fleet.connect()
        async with Rest(facts.urls["rest"], Login()) as rest:
            device_id = await rest.device_id("Test Device A1")
            answers = await asyncio.gather(
                *(rest.call(device_id, b'{"method":"m","params":%d}' % n, oneway=False, wait_s=10) for n in range(20))
            )
        assert [answer.body for answer in answers] == [b'{"method":"m","params":%d}' % n for n in range(20)]
        assert not ended.done()
        ended.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ended
        await fleet.close()
        await everything.drain()
