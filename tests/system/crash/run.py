"""One run: parts, devices and callers come up, parts are killed for a while, then everything may come to its end."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from doubles.postgres_server import PostgresServer
from system.crash.accounts import Account, settle
from system.crash.callers import Callers, is_final
from system.crash.devices import Device, access_token
from system.crash.kills import kill_at_random
from system.crash.ledger import Entry, Ledger, Row
from system.crash.parts import Core, Facade, Mortal, Part, Postgres, Worker
from system.crash.wishes import LONG_S, NATURES

SETTINGS: Final = {
    "TRUNKLINE_CORE_RETRY_BACKOFF_MS": "200",
    "TRUNKLINE_CORE_RESPONSE_TIMEOUT_MS": "2000",
    "TRUNKLINE_CORE_STORE_WAIT_MS": "3000",
    "TRUNKLINE_CORE_SUSPENSION_MS": "2000",
    "TRUNKLINE_CORE_LOG_LEVEL": "WARNING",
    "TRUNKLINE_MQTT_ACK_TIMEOUT_MS": "2000",
    "TRUNKLINE_MQTT_SWEEP_MS": "100",
    "TRUNKLINE_WORKER_LOG_LEVEL": "WARNING",
    "TRUNKLINE_FACADE_MIN_TIMEOUT_MS": "500",
    "TRUNKLINE_FACADE_LOG_LEVEL": "WARNING",
}
ACK_TIMEOUT_S: Final = 2.0
USER: Final = {"username": "tenant@thingsboard.org", "password": "tenant"}
START_S: Final = 60.0
SETTLE_S: Final = LONG_S + 30.0
PAGE: Final = 1_000
READERS: Final = 2
STORIES: Final = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; the seed decides the calls, the devices' moods and the kills."""

    seed: int
    kills: int
    seconds: float
    """It kills no more after so many kills or so much time."""
    mean_s: float
    """Between two kills, beside the time that restarts take."""
    postgres: bool
    callers: int = 24
    think_s: float = 0.05


class Run:
    """The run of a plan in a folder of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.ledger = Ledger()
        self.account = Account()
        self.stories: list[str] = []
        """What happened to the first calls with a fault, as the server explains it."""
        self._plan = plan
        self._folder = folder
        self._background: list[asyncio.Task[None]] = []
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """An ExceptionGroup if the parts cannot be started or read; all else is in the ledger."""
        with postgres_server() if self._plan.postgres else nullcontext() as server:
            environment = dict(SETTINGS)
            if server is not None:
                environment["TRUNKLINE_CORE_DATABASE"] = server.url(await server.make_database(migrated=False))
            async with self._group:
                await self._run(environment, None if server is None else Postgres(server, self.ledger))
                for task in self._background:
                    task.cancel()

    async def _run(self, environment: Mapping[str, str], postgres: Postgres | None) -> None:
        self._keep(self.ledger.look(), "look")
        core, worker, facade = (kind(self._folder, environment, self.ledger) for kind in (Core, Worker, Facade))
        for part in (core, worker, facade):
            await self._start(part)
        parts: list[Mortal] = [core, worker, facade]
        if postgres is not None:
            self._keep(postgres.keep_running(), postgres.name)
            parts.append(postgres)
        url = f"http://127.0.0.1:{facade.port}"
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as http:
            device_ids = await make_devices(http)
            callers = Callers(http, device_ids, self.ledger, random.Random(self._plan.seed))
            devices = self._devices(worker.port)
            async with asyncio.TaskGroup() as reading:
                readers = [reading.create_task(callers.read(), name="reader") for _ in range(READERS)]
                await self._be_called(callers, parts)
                for device in devices:
                    device.settled = True
                async with asyncio.timeout(START_S):
                    await asyncio.gather(*(part.ready.wait() for part in parts))
                self.ledger.quiet_at = time.time()
                self.account = settle(self.ledger, await settled_rows(http, device_ids), ACK_TIMEOUT_S)
                self.stories = [await self._story(http, entry) for entry in self.account.suspects[:STORIES]]
                for reader in readers:
                    reader.cancel()

    async def _start(self, part: Part) -> None:
        self._keep(part.keep_running(), part.name)
        async with asyncio.timeout(START_S):
            await part.ready.wait()

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._background.append(self._group.create_task(work, name=name))

    def _devices(self, port: int) -> Sequence[Device]:
        devices = []
        for number, nature in enumerate(NATURES):
            chance = random.Random(f"{self._plan.seed} {number}")
            devices.append(Device(number, port, nature.level, nature.qos, self.ledger, chance))
            self._keep(devices[-1].live(), f"device {number}")
        return devices

    async def _story(self, http: httpx.AsyncClient, entry: Entry) -> str:
        """A call's timeline, and what was killed during it."""
        explained = await http.get(f"/api/rpc/{entry.call_id}/explain")
        first = min([*entry.asked, *(write.at for write in entry.writes)])
        last = max([first, *(write.at for write in entry.writes)])
        downs = [down for down in self.ledger.downs if down.back_at > first - 2 and down.at < last + 2]
        ends = [self.ledger.connections[write.connection].ended_at for write in entry.writes]
        return f"{entry}\n{explained.text}\n{entry.writes}\ntheir connections ended {ends}\n{downs}"

    async def _be_called(self, callers: Callers, parts: Sequence[Mortal]) -> None:
        """Calls and kills, as long as the plan says."""
        plan = self._plan
        async with asyncio.TaskGroup() as calling:
            for _ in range(plan.callers):
                calling.create_task(callers.call(plan.think_s), name="caller")
            with suppress(TimeoutError):
                async with asyncio.timeout(plan.seconds):
                    await kill_at_random(parts, plan.kills, plan.mean_s, random.Random(f"{plan.seed} kills"))
            callers.ending = True


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """One that runs at the beginning, whatever it does at the end."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        with suppress(FileNotFoundError, psutil.NoSuchProcess):  # the run may have ended while it was down
            server.kill()
        server.remove()


async def make_devices(http: httpx.AsyncClient) -> list[str]:
    """Log in, and make the devices; their ids."""
    answer = await http.post("/api/auth/login", json=USER)
    http.headers["X-Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"
    ids = []
    for number in range(len(NATURES)):
        made = await http.post("/api/device", params={"accessToken": access_token(number)}, json={"name": f"{number}"})
        ids.append(str(made.raise_for_status().json()["id"]["id"]))
    return ids


async def settled_rows(http: httpx.AsyncClient, device_ids: Sequence[str]) -> list[Row]:
    """All stored calls, once each has come to its end or SETTLE_S have passed."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        rows = [row for device_id in device_ids async for row in rows_of(http, device_id)]
        ended = all(is_final(row["status"], not row["request"]["oneway"]) for row in rows)
        if ended or time.monotonic() > deadline:
            return rows
        await asyncio.sleep(1)


async def rows_of(http: httpx.AsyncClient, device_id: str) -> AsyncIterator[Row]:
    """The stored calls of one device, page by page."""
    page, more = 0, True
    while more:
        where: Mapping[str, str | int] = {"pageSize": PAGE, "page": page, "sortProperty": "createdTime"}
        answer = await http.get(f"/api/rpc/persistent/device/{device_id}", params=where)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # a facade that started last looks for its core
            await asyncio.sleep(0.1)
            continue
        found = answer.raise_for_status().json()
        for row in found["data"]:
            yield row
        page, more = page + 1, found["hasNext"]
