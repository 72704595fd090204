"""Stores calls over one CallStream, as fast as it takes them; prints one line of JSON.

`queue_calls.py TARGET COUNT BYTES STRATEGY` stores COUNT calls whose params have about BYTES, for the devices in turn,
so that each gets its own in the order of their numbers. The JWT and the devices' ids come as lines on standard input.
"""

import asyncio
import json
import sys
import time

import uvloop

from trunkline.client.client import Client
from trunkline.contract.clock import monotonic_ms
from trunkline.contract.ids import from_text
from trunkline.contract.streams.frames import CallResult, DeliveryPolicy, Persistence, StartCall
from trunkline.v1.call_pb2 import CallKind, Outcome, SubmitStrategy

IN_FLIGHT = 512
LIFE_MS = 24 * 3_600_000


async def store(target: str, jwt: str, ids: list[bytes], count: int, size: int, strategy: int) -> dict[str, float]:
    async with Client.connect(target, token=jwt) as client, client.call_stream() as calls:
        free = asyncio.Semaphore(IN_FLIGHT)
        refused: list[CallResult] = []

        def on_result(result: CallResult) -> None:
            free.release()
            if result.outcome != Outcome.OUTCOME_ACCEPTED:
                refused.append(result)

        started = time.perf_counter()
        for number in range(count):
            await free.acquire()
            params = b'{"n":%d,"text":"%b"}' % (number, b"x" * size)
            two_way, policy = CallKind.CALL_KIND_TWO_WAY, DeliveryPolicy(strategy)
            call = StartCall(0, ids[number % len(ids)], "store", params, two_way, monotonic_ms() + LIFE_MS)
            call.persistence, call.policy = Persistence(), policy
            calls.start(call, on_result)
        for _ in range(IN_FLIGHT):
            await free.acquire()
        assert not refused, refused[0]
        return {"rate": count / (time.perf_counter() - started)}


if __name__ == "__main__":
    lines = sys.stdin.read().split()
    target, count, size, name = sys.argv[1:]
    strategy = SubmitStrategy.Value(f"SUBMIT_STRATEGY_{name}")
    ids = [from_text(line) for line in lines[1:]]
    print(json.dumps(uvloop.run(store(target, lines[0], ids, int(count), int(size), strategy))))
