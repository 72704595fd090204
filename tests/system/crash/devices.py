"""Devices that do what a call's params tell them, lose their connection now and then, and write down all they see."""

import asyncio
import json
import random
import time
from typing import Final

from doubles.mqtt_device import MqttDevice
from system.crash.ledger import Connection, Entry, Ledger, Reply, Write

from trunkline.transports.endpoints.mqtt import packets
from trunkline.transports.endpoints.mqtt.fields import Malformed, read_text, text

TOPIC: Final = "v1/devices/me/rpc/request/+"
REMAINING: Final = text("trunkline-remaining-ms")
CONNECT_S: Final = 15.0
GONE: Final = (OSError, EOFError, ConnectionError)  # EOFError: asyncio.IncompleteReadError is one


def access_token(number: int) -> str:
    """How a device says which one it is."""
    return f"CRASH_{number}"


class Device:
    """One device over all its connections."""

    def __init__(self, number: int, port: int, level: int, qos: int, ledger: Ledger, chance: random.Random) -> None:
        self.settled = False
        """Stays connected, acknowledges and answers at once from now on."""
        self._number = number
        self._port = port
        self._level = level
        self._qos = qos
        self._ledger = ledger
        self._chance = chance
        self._connection = Connection(0)
        self._unconfirmed: dict[int, Reply] = {}
        self._later: set[asyncio.Task[None]] = set()
        ledger.qos[number] = qos

    def settle(self) -> None:
        """Behave from now on."""
        self.settled = True

    async def live(self) -> None:
        """Connect, take calls, lose the connection, come back; until cancelled."""
        while True:
            line = MqttDevice(self._port, level=self._level, qos=self._qos)
            self._unconfirmed.clear()
            try:
                await line.open()
            except OSError:
                await self._stay_away()
                continue
            try:
                async with asyncio.timeout(CONNECT_S):
                    line.send(packets.connect(self._level, "a-device", access_token(self._number)))
                    connack = await line.connack()
                if connack.code == 0:
                    await self._take_calls(line)
            except (*GONE, TimeoutError, Malformed, AssertionError) as error:
                if isinstance(error, Malformed | AssertionError):
                    self._ledger.faults.append(f"device {self._number}: {error!r}")
            finally:
                for task in self._later:
                    task.cancel()
                line.cut()
            await self._stay_away()

    async def _stay_away(self) -> None:
        await asyncio.sleep(0.05 if self.settled else self._chance.uniform(0.02, 1.0))

    async def _take_calls(self, line: MqttDevice) -> None:
        self._connection = connection = self._ledger.new_connection()
        try:
            await self._read_on(line)
        finally:
            connection.ended_at = time.time()

    async def _read_on(self, line: MqttDevice) -> None:
        line.send(packets.subscribe(self._level, line.next_id(), ((TOPIC, self._qos),)))
        stays_s = self._chance.expovariate(1 / 6)
        async with asyncio.timeout(None) as until:
            if not self.settled:
                until.reschedule(asyncio.get_running_loop().time() + stays_s)
            while True:
                first, body = await line.read()
                kind = first >> 4
                if kind == packets.PUBLISH:
                    self._take(line, packets.decode_publish(first, body, self._level), remaining(body))
                elif kind == packets.PUBACK:
                    packet_id, _ = packets.decode_puback(body, self._level)
                    if (reply := self._unconfirmed.pop(packet_id, None)) is not None:
                        reply.confirmed_at = time.time()
                elif kind == packets.SUBACK:
                    _, codes = packets.decode_suback(body, self._level)
                    assert codes == bytes((self._qos,)), codes

    def _take(self, line: MqttDevice, got: packets.Publish, remaining_ms: int | None) -> None:
        params = json.loads(got.payload)["params"]
        entry = self._ledger.calls[params["n"]]
        write = Write(
            time.time(),
            self._connection.number,
            int(got.topic.rpartition("/")[2]),
            remaining_ms=remaining_ms,
            earliest=self._ledger.looked_at,
        )
        entry.writes.append(write)
        if got.qos and (self.settled or len(entry.writes) > params["unacked"]):
            write.acked_at = time.time()
            line.send(packets.puback(self._level, got.packet_id))
        if params["reply_s"] is None or not entry.wish.two_way:
            return
        if self.settled or not params["reply_s"]:
            self._reply(line, entry, write)
        else:
            task = asyncio.create_task(self._reply_later(line, entry, write, params["reply_s"]), name="reply later")
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _reply_later(self, line: MqttDevice, entry: Entry, write: Write, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._reply(line, entry, write)

    def _reply(self, line: MqttDevice, entry: Entry, write: Write) -> None:
        body = json.dumps({"n": entry.wish.number, "reply": len(entry.replies)})
        reply = Reply(time.time(), write.connection, body)
        try:
            packet_id = line.publish(f"v1/devices/me/rpc/response/{write.request_id}", body.encode())
        except ConnectionError:
            return
        entry.replies.append(reply)
        if packet_id:
            self._unconfirmed[packet_id] = reply


def remaining(body: bytes) -> int | None:
    """The milliseconds that the worker says are left: a user property of MQTT 5."""
    _, found, behind = body.partition(REMAINING)
    return int(read_text(behind, 0)[0]) if found else None
