"""The simulated devices as one lean process.

`fleet.py PORT COUNT` connects so many, says `connected SECONDS`, answers every call with its own params, and goes at
SIGTERM. The seconds are those of the connection storm: 64 connections at a time, each to its SUBACK.
"""

import asyncio
import signal
import sys
import time

import uvloop
from installation import access_token

from trunkline.cli.fleet import Fleet
from trunkline.cli.simulate import allow_connections


async def main(port: int, count: int) -> None:
    allow_connections(count)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    fleet = Fleet("127.0.0.1", port, [access_token(number) for number in range(count)], keep_alive_s=0)
    started = time.perf_counter()
    await fleet.connect(at_once=64)
    print(f"connected {time.perf_counter() - started:.4f}", flush=True)
    await ending.wait()
    await fleet.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
