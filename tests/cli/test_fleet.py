import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from doubles.mqtt_server import MqttServer

from trunkline.cli.behaviours import Answer
from trunkline.cli.fleet import Fleet, Refused

CALL = b'{"method":"setGpio","params":{"pin":7,"value":1}}'


@asynccontextmanager
async def connected(fleet: Fleet) -> AsyncIterator[Fleet]:
    async with asyncio.timeout(20):
        await fleet.connect()
        yield fleet
        await fleet.close()


async def test_devices_connect_by_token_and_leave_politely() -> None:
    tokens = [f"T{n}" for n in range(10)]
    async with MqttServer() as server:
        async with connected(Fleet("127.0.0.1", server.port, tokens, keep_alive_s=0)) as fleet:
            assert fleet.connected == 10
            assert set(server.devices) == set(tokens)
            assert {connect.keep_alive_s for connect in server.connects} == {0}
        assert (fleet.connected, fleet.lost) == (0, 0)


async def test_a_call_is_answered_on_the_topic_of_its_id_with_what_it_asked() -> None:
    async with MqttServer() as server, connected(Fleet("127.0.0.1", server.port, ["A"])) as fleet:
        server.call("A", 1048577, CALL)
        reply = await server.published.get()
        assert (reply.topic, reply.payload, reply.qos) == ("v1/devices/me/rpc/response/1048577", CALL, 0)
        assert fleet.calls == 1


async def test_at_qos_1_calls_are_acknowledged_and_replies_ask_for_it() -> None:
    async with MqttServer() as server, connected(Fleet("127.0.0.1", server.port, ["A"], qos=1)):
        server.call("A", 5, CALL, qos=1, packet_id=513)
        server.call("A", 6, CALL, qos=1, packet_id=514)
        replies = [await server.published.get() for _ in range(2)]
        assert [await server.acknowledged.get() for _ in range(2)] == [513, 514]
        assert [reply.qos for reply in replies] == [1, 1]
        assert replies[0].packet_id != replies[1].packet_id
        assert replies[0].payload == CALL


@pytest.mark.parametrize("size", [0, 1, 97, 98, 99, 127, 128, 129, 16_383, 16_384, 200_000])
async def test_replies_of_every_length(size: int) -> None:
    async with MqttServer() as server:
        async with connected(Fleet("127.0.0.1", server.port, ["A"], answers=lambda: lambda _: b"x" * size)):
            server.call("A", 5, b"y" * size)
            assert (await server.published.get()).payload == b"x" * size


async def test_many_calls_at_once_and_calls_in_pieces() -> None:
    async with MqttServer() as server, connected(Fleet("127.0.0.1", server.port, ["A"])) as fleet:
        for request_id in range(2_000):  # far more than one read: some are cut anywhere
            server.call("A", request_id, CALL)
        topics = [(await server.published.get()).topic for _ in range(2_000)]
        assert topics == [f"v1/devices/me/rpc/response/{n}" for n in range(2_000)]
        assert fleet.calls == 2_000


async def test_a_call_may_stay_unanswered() -> None:
    async with (
        MqttServer() as server,
        connected(Fleet("127.0.0.1", server.port, ["A"], answers=lambda: lambda _: None, qos=1)) as fleet,
    ):
        server.call("A", 5, CALL, qos=1, packet_id=1)
        await server.acknowledged.get()
        assert fleet.calls == 1
        assert server.published.empty()


async def test_each_device_answers_for_itself() -> None:
    names = iter((b"first", b"second"))

    def answers() -> Answer:
        name = next(names)
        return lambda _payload: name

    async with MqttServer() as server, connected(Fleet("127.0.0.1", server.port, ["A", "B"], answers=answers)):
        for token, name in (("B", b"second"), ("A", b"first")):
            server.call(token, 5, CALL)
            assert (await server.published.get()).payload == name


async def test_a_late_reply_goes_to_its_own_call() -> None:
    async with MqttServer() as server, connected(Fleet("127.0.0.1", server.port, ["A"], delay_s=0.05)):
        began = asyncio.get_running_loop().time()
        server.call("A", 5, b"{}")
        server.call("A", 6, b"[]")
        replies = [await server.published.get() for _ in range(2)]
        assert asyncio.get_running_loop().time() - began > 0.045
        assert [(reply.topic[-1], reply.payload) for reply in replies] == [("5", b"{}"), ("6", b"[]")]


async def test_a_refused_token_is_an_error() -> None:
    async with MqttServer(refused=("B",)) as server:
        fleet = Fleet("127.0.0.1", server.port, ["B"])
        with pytest.raises(ExceptionGroup) as errors:
            await fleet.connect()
        assert errors.group_contains(Refused, match="access token B .return code 5")
        await fleet.close()


async def test_a_refused_subscription_is_an_error() -> None:
    async with MqttServer(codes=b"\x80") as server:
        fleet = Fleet("127.0.0.1", server.port, ["B"])
        with pytest.raises(ExceptionGroup) as errors:
            await fleet.connect()
        assert errors.group_contains(Refused, match="subscription")
        await fleet.close()


async def test_lost_devices_come_back() -> None:
    async with MqttServer() as server, connected(Fleet("127.0.0.1", server.port, ["A", "B"])) as fleet:
        assert {await server.arrived.get(), await server.arrived.get()} == {"A", "B"}
        staying = asyncio.create_task(fleet.stay_connected())
        server.drop("A")
        assert await server.arrived.get() == "A"
        server.call("A", 5, CALL)
        await server.published.get()
        assert (fleet.lost, fleet.connected) == (1, 2)
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)


async def test_pings_keep_the_connection() -> None:
    async with MqttServer() as server, connected(Fleet("127.0.0.1", server.port, ["A", "B"], keep_alive_s=1)) as fleet:
        staying = asyncio.create_task(fleet.stay_connected())
        assert {await server.pings.get(), await server.pings.get()} == {"A", "B"}
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)


async def test_nobody_there() -> None:
    async with MqttServer() as server:
        port = server.port
    with pytest.raises(ExceptionGroup) as errors:
        await Fleet("127.0.0.1", port, ["A"]).connect()
    assert errors.group_contains(ConnectionRefusedError)
