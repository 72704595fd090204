"""Fuzz targets: the codec, one session on a clock, and the whole endpoint over sockets.

Each round is made from its number alone; a failure names it, and `one_round(number)` plays it again.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from doubles import mqtt_traffic
from doubles.mqtt_bench import MqttBench
from doubles.mqtt_device import MqttDevice

from trunkline.contract.streams.frames import (
    CloseSession,
    Connect,
    DeviceCall,
    DeviceCallAnswer,
    DeviceData,
    DeviceDataAnswer,
    Refused,
    Reply,
    ReplyStored,
    Subscribe,
)
from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import Malformed
from trunkline.transports.endpoints.mqtt.packets import V3_1, V3_1_1, V5
from trunkline.transports.endpoints.mqtt.server import MqttEndpoint
from trunkline.transports.endpoints.mqtt.session import Stage
from trunkline.transports.endpoints.mqtt.settings import MqttSettings
from trunkline.transports.endpoints.mqtt.timeouts import look_at, overdue
from trunkline.transports.scripted_core import ScriptedCore
from trunkline.transports.worker import Worker
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DataKind

LEVELS = (V3_1, V3_1_1, V5)
TOKEN = "a-token"


def long(short: int, rounds: int) -> pytest.MarkDecorator:
    """Few rounds in each test run, many in the long one."""
    return pytest.mark.parametrize("rounds", [short, pytest.param(rounds, marks=pytest.mark.long)])


def for_each_round(rounds: int, one_round: Callable[[int], None]) -> None:
    """One round after the other; what fails says in which."""
    for number in range(rounds):
        try:
            one_round(number)
        except Exception as problem:
            problem.add_note(f"round {number}")
            raise


class TestCodec:
    @long(3_000, 600_000)
    def test_bytes_are_packets_or_malformed(self, rounds: int) -> None:
        for_each_round(rounds, self.one_round)

    def one_round(self, number: int) -> None:
        """What is read must be what was written, and what was damaged must be refused or be another packet."""
        random = Random(number)
        level = random.choice(LEVELS)
        data = mqtt_traffic.connect(random, level, TOKEN) if number % 5 == 0 else mqtt_traffic.packet(random, level)
        (whole,), rest = packets.split_packets(data)
        assert rest == b""
        assert self.again(*whole, level) in (None, data)
        for _ in range(3):
            try:
                found, _ = packets.split_packets(mqtt_traffic.damaged(random, data))
                for first, body in found:
                    written = self.again(first, body, level)
                    if written is not None:
                        self.same(written, level)
            except Malformed as problem:
                assert str(problem)

    def same(self, written: bytes, level: int) -> None:
        """What the codec wrote it reads as what it wrote."""
        ((first, body),), rest = packets.split_packets(written)
        assert (self.again(first, body, level), rest) == (written, b"")

    def again(self, first: int, body: bytes, level: int) -> bytes | None:
        """Read a packet and write it again; None for what is not written here. Properties are lost on the way."""
        match packets.check_flags(first, level):
            case packets.CONNECT:
                found = packets.decode_connect(body)
                return packets.connect(
                    found.level,
                    found.client_id,
                    found.user_name,
                    found.password,
                    clean=found.clean,
                    keep_alive_s=found.keep_alive_s,
                    will=found.will,
                    values=found.properties,
                )
            case packets.PUBLISH:
                published = packets.decode_publish(first, body, level)
                topic = published.topic.encode()
                return packets.publish(level, topic, published.payload, published.qos, published.packet_id)
            case packets.SUBSCRIBE:
                subscribed = packets.decode_subscribe(body, level)
                return packets.subscribe(level, subscribed.packet_id, subscribed.filters)
            case packets.UNSUBSCRIBE:
                unsubscribed = packets.decode_unsubscribe(body, level)
                return packets.unsubscribe(level, unsubscribed.packet_id, unsubscribed.filters)
            case packets.PUBACK:
                return packets.puback(level, *packets.decode_puback(body, level))
            case packets.DISCONNECT:
                return packets.disconnect(level, packets.decode_disconnect(body, level))
            case _:
                return None


class TestSession:
    @long(300, 60_000)
    def test_nothing_said_on_either_side_breaks_a_session(self, rounds: int) -> None:
        for_each_round(rounds, self.one_round)

    def one_round(self, number: int) -> None:
        """A device talks, is called, answered and let wait, in any order, sane or not."""
        random = Random(number)
        level = random.choice(LEVELS)
        bench = MqttBench(
            level,
            max_queued_packets=random.choice((3, 100)),
            rate_limit_messages=random.choice(("", "", "20:1")),
            max_failed_logins=random.choice((0, 2)),
        )
        bench.link.keeps = {41, 42}
        session = bench.session
        session.receive(mqtt_traffic.connect(random, level, TOKEN))
        for _ in range(40):
            if session.stage is Stage.CLOSED:
                break
            random.choices(self.moves(bench, random), weights=(12, 3, 4, 2, 6, 4, 3, 2, 2))[0]()
        overdue(session, bench.advance(700_000))
        look_at(session, bench.around.now_ms)
        look_at(session, bench.advance(700_000))
        assert session.stage is Stage.CLOSED
        assert not bench.line.open
        assert session not in bench.around.waiting
        assert len(bench.link.ends) <= 1
        packets.split_packets(bench.line.written)  # whatever was written is packets
        if level == V5 and session.limits.packet_bytes < 1_000:
            assert all(len(body) + 2 <= session.limits.packet_bytes for _, body in bench.line.take())

    def moves(self, bench: MqttBench, random: Random) -> tuple[Callable[[], object], ...]:
        """What may happen next."""
        session = bench.session

        def say() -> None:
            data = b"".join(mqtt_traffic.packet(random, bench.level) for _ in range(random.randint(1, 4)))
            if random.random() < 0.1:
                data = mqtt_traffic.damaged(random, data)
            for piece in mqtt_traffic.pieces(random, data):
                session.receive(piece)

        def answer() -> None:
            number = random.randint(1, 5)
            session.answer(DeviceCallAnswer(1, number, b"{}", random.choice((None, "no handler"))))
            session.data_answer(DeviceDataAnswer(1, number, b"{}"))

        def wait() -> None:
            now = bench.advance(random.choice((1, 500, 5_000)))
            look_at(session, now)
            overdue(session, now)

        def refuse() -> None:
            session.refused(Refused(1, random.choice(ErrorReason.values())))

        return (
            say,
            lambda: session.subscribed() if session.stage is Stage.OPEN else None,
            lambda: bench.let_in() if random.random() < 0.9 else refuse(),
            wait,
            lambda: bench.deliver(random.randint(1, 60), random.choice((b"", b'"x"', b'"%b"' % (b"x" * 300)))),
            answer,
            lambda: session.reply_stored(random.choice((41, 42, 43))),
            lambda: setattr(bench.link, "readable", random.random() < 0.5),
            lambda: (
                session.close(CloseSession(1, random.choice(ErrorReason.values()))) if random.random() < 0.1 else None
            ),
        )


class TestEndpoint:
    """Over sockets, and with a core that answers, cuts and closes as it likes."""

    @long(150, 15_000)
    async def test_strangers_harm_nobody_and_leave_nothing(self, rounds: int) -> None:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
        settings = MqttSettings(port=0, sweep_ms=20, rate_limit_messages="1000000:1")
        endpoint = MqttEndpoint(settings)
        async with asyncio.timeout(30 + rounds / 20), ScriptedCore({TOKEN, "good"}) as core:
            worker = Worker("mqtt", endpoint, core.connector, worker_id="mqtt-1", drain_grace_s=0.0)
            await worker.start()
            good = MqttDevice(endpoint.port, qos=1)
            assert await good.connect("good")
            await good.subscribe()
            session = (await core.hear(Subscribe)).session
            try:
                for number in range(0, rounds, 10):
                    async with asyncio.TaskGroup() as strangers:
                        for each in range(number, number + 10):
                            strangers.create_task(self.stranger(each, endpoint.port))
                    self.answer(core, Random(number))
                    core.deliver(session, number + 1)
                    assert (await good.receive()).request_id == number + 1
            finally:
                await good.leave()
                await worker.drain()
            assert worker.counters.failed_frames == 0
            assert worker.counters.sessions == 0
            assert (endpoint.connections, endpoint.around.waiting) == (set(), set())
        assert problems == []

    async def stranger(self, number: int, port: int) -> None:
        """One connection that says something and goes, in one of the ways to go."""
        random = Random(number)
        level = random.choice(LEVELS)
        data = mqtt_traffic.connect(random, level, random.choice((TOKEN, TOKEN, "wrong")))
        data += b"".join(mqtt_traffic.packet(random, level) for _ in range(random.randint(0, 20)))
        if random.random() < 0.7:
            data = mqtt_traffic.damaged(random, data)
        device = await MqttDevice(port, level=level).open()
        try:
            for piece in mqtt_traffic.pieces(random, data):
                device.send(piece)
                await asyncio.sleep(0)  # one turn of the loop: the pieces come apart
        except ConnectionError:
            pass  # it was thrown out meanwhile
        match random.randrange(3):
            case 0:
                device.cut()
            case 1:
                device.half_close()
                await device.closed()
                await device.leave()
            case _:
                await device.leave()

    def answer(self, core: ScriptedCore, random: Random) -> None:
        """The core's side: answers, repeats, closings, and calls to whoever subscribed."""
        for call in core.heard(DeviceCall):
            core.send(DeviceCallAnswer(call.session, call.id, b"{}"))
        for data in core.heard(DeviceData):
            if data.kind == DataKind.DATA_KIND_ATTRIBUTES_REQUEST:
                core.send(DeviceDataAnswer(data.session, data.id, b"{}"))
        for reply in core.heard(Reply):
            if reply.keep:
                core.send(ReplyStored(reply.session, reply.request_id))
        for subscribe in core.heard(Subscribe):
            core.deliver(subscribe.session, random.randint(1, 60), durable=random.random() < 0.5)
        for connect in core.heard(Connect):
            if random.random() < 0.2:
                core.send(CloseSession(connect.session, ErrorReason.ERROR_REASON_DEVICE_DELETED))
        core.forget()
