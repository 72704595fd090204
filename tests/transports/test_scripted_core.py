import asyncio

import pytest
from doubles.bare_endpoint import BareDevice, BareEndpoint

from trunkline.contract.streams.frames import Connect, Connected, LinkHello, Subscribe, Subscribed
from trunkline.transports.scripted_core import ScriptedCore
from trunkline.transports.worker import Worker


async def test_it_hears_each_frame_once_and_in_order() -> None:
    async with asyncio.timeout(10), ScriptedCore({"a", "b"}) as core:
        worker = Worker("bare", BareEndpoint(), core.connector, worker_id="bare-1", drain_grace_s=0.0)
        await worker.start()
        for token in ("a", "b"):
            BareDevice(worker).connect(token)
        assert (await core.hear(Connect)).access_token == "a"
        assert [connect.access_token for connect in core.heard(Connect)] in ([], ["b"])
        assert (await core.hear(Connect)).access_token == "b"
        assert (await core.hear(LinkHello)).worker_id == "bare-1"
        await worker.drain()


async def test_a_silent_core_answers_only_what_the_test_answers() -> None:
    async with asyncio.timeout(10), ScriptedCore({"gateway-1"}) as core:
        core.silent = True
        worker = Worker("bare", BareEndpoint(), core.connector, worker_id="bare-1", drain_grace_s=0.0)
        await worker.start()
        device = BareDevice(worker)
        device.connect("gateway-1")
        device.subscribe()
        connect = await core.hear(Connect)
        await core.hear(Subscribe)
        assert device.told.empty()
        core.answer(connect)
        core.send(Subscribed(device.number))
        connected = await device.told.get()
        assert isinstance(connected, Connected)
        assert connected.gateway
        assert await device.told.get() == "subscribed"
        await worker.drain()


def test_it_says_nothing_before_a_worker_came() -> None:
    with pytest.raises(RuntimeError, match="no worker"):
        ScriptedCore(()).send(Subscribed(1))
