"""gRPC load as a process of its own; prints one line of JSON.

`grpc_load.py stream TARGET IN_FLIGHT SECONDS` two-way calls on one CallStream
`grpc_load.py beside TARGET LARGE SECONDS`     small calls one after another beside LARGE callers of 64 KB params
`grpc_load.py unary TARGET IN_FLIGHT SECONDS`  two-way calls, each a unary Call
`grpc_load.py echo TARGET IN_FLIGHT SECONDS`   the empty echo of reference_echo.py

The JWT and the devices' ids come as lines on standard input.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import grpc.aio
import uvloop

from trunkline.client.client import Client
from trunkline.contract.ids import from_text
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.rpc_service_pb2 import CallRequest
from trunkline.v1.rpc_service_pb2_grpc import RpcServiceStub

PARAMS = b'{"pin":7,"value":1}'
LARGE_PARAMS = b'"' + b"x" * 64_000 + b'"'

Call = Callable[[int], Awaitable[object]]


async def closed_loop(call: Call, in_flight: int, seconds: float) -> dict[str, float]:
    """Keep so many calls in flight for so long; rate and latencies of those that ended within."""
    latencies: list[float] = []
    started = time.perf_counter()
    end = started + seconds

    async def caller(number: int) -> None:
        turn = number
        while (before := time.perf_counter()) < end:
            await call(turn)
            latencies.append(time.perf_counter() - before)
            turn += in_flight

    async with asyncio.TaskGroup() as callers:
        for number in range(in_flight):
            callers.create_task(caller(number), name=f"caller {number}")
    took = time.perf_counter() - started
    latencies.sort()
    return {
        "rate": len(latencies) / took,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "requests": len(latencies),
    }


async def stream(target: str, jwt: str, ids: list[bytes], in_flight: int, seconds: float) -> dict[str, float]:
    async with Client.connect(target, token=jwt) as client, client.call_stream() as calls:

        async def call(turn: int) -> None:
            result = await calls.call(ids[turn % len(ids)], "setGpio", PARAMS)
            assert result.payload, result

        return await closed_loop(call, in_flight, seconds)


async def beside(target: str, jwt: str, ids: list[bytes], large: int, seconds: float) -> dict[str, float]:
    """Small calls one after another, on a stream that `large` callers of 64 KB share."""
    async with Client.connect(target, token=jwt) as client, client.call_stream() as calls:
        ending = False

        async def bulk(number: int) -> None:
            while not ending:
                await calls.call(ids[1 + number % (len(ids) - 1)], "store", LARGE_PARAMS)

        async def call(turn: int) -> None:
            result = await calls.call(ids[0], "setGpio", PARAMS)
            assert result.payload, result

        async with asyncio.TaskGroup() as tasks:
            for number in range(large):
                tasks.create_task(bulk(number), name=f"large {number}")
            figures = await closed_loop(call, 1, seconds)
            ending = True
        return figures


async def unary(target: str, jwt: str, ids: list[bytes], in_flight: int, seconds: float) -> dict[str, float]:
    async with grpc.aio.insecure_channel(target) as channel:
        method = RpcServiceStub(channel).Call
        metadata = grpc.aio.Metadata(("authorization", f"Bearer {jwt}"))
        texts = [f"{int.from_bytes(one):032x}" for one in ids]
        requests = [
            CallRequest(
                device_id="-".join((t[:8], t[8:12], t[12:16], t[16:20], t[20:])),
                method="setGpio",
                params=PARAMS,
                kind=CallKind.CALL_KIND_TWO_WAY,
            )
            for t in texts
        ]

        async def call(turn: int) -> None:
            answer = await method(requests[turn % len(requests)], metadata=metadata, timeout=10)
            assert answer.reply, answer

        return await closed_loop(call, in_flight, seconds)


async def echo(target: str, jwt: str, ids: list[bytes], in_flight: int, seconds: float) -> dict[str, float]:
    async with grpc.aio.insecure_channel(target) as channel:
        method = channel.unary_unary("/bench.Echo/Call", bytes, bytes)
        metadata = grpc.aio.Metadata(("authorization", f"Bearer {jwt}"))

        async def call(turn: int) -> None:
            await method(PARAMS, metadata=metadata, timeout=10)

        return await closed_loop(call, in_flight, seconds)


LOADS = {"stream": stream, "beside": beside, "unary": unary, "echo": echo}


if __name__ == "__main__":
    lines = sys.stdin.read().split()
    kind, target, in_flight, seconds = sys.argv[1:]
    load = LOADS[kind](target, lines[0], [from_text(line) for line in lines[1:]], int(in_flight), float(seconds))
    print(json.dumps(uvloop.run(load)))
