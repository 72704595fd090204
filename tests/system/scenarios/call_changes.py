"""What becomes of a device's calls, as the server tells it: events, so that no test asks again and again."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from trunkline.cli.server_sent_events import EventReader


class CallChanges:
    """The states of a device's calls, each as often as it was told."""

    def __init__(self) -> None:
        self.states: dict[str, list[str]] = defaultdict(list)
        """By the id of the call, in the order in which they came."""
        self._last_words: str | None = None
        """Once the stream has ended."""
        self._news = asyncio.Event()

    async def until(self, rpc_id: str, *states: str) -> None:
        """Wait until the call's states are these."""
        while (told := tuple(self.states[rpc_id])) != states:
            assert told == states[: len(told)], f"{told}, which does not go on as {states}"
            assert self._last_words is None, f"the stream ended: {self._last_words}"
            self._news.clear()
            await self._news.wait()

    async def read(self, answer: httpx.Response) -> None:
        """Take what the stream tells."""
        reader = EventReader()
        words = ""
        try:
            async for piece in answer.aiter_bytes():
                for event in reader.feed(piece):
                    words = event.data
                    if event.kind == "call":
                        change = json.loads(words)
                        self.states[change["rpcId"]].append(change["status"])
                        self._news.set()
        except httpx.HTTPError as error:
            words = repr(error)
        self._last_words = words
        self._news.set()


@asynccontextmanager
async def call_changes(http: httpx.Client, device_id: str) -> AsyncIterator[CallChanges]:
    """Watch one device's calls, from now on."""
    changes = CallChanges()
    headers = {"X-Authorization": http.headers["X-Authorization"]}
    async with (
        httpx.AsyncClient(base_url=http.base_url, headers=headers, timeout=None, trust_env=False) as watcher,
        watcher.stream("GET", "/api/rpc/events", params={"deviceId": device_id}) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        reading = asyncio.create_task(changes.read(answer), name="events")
        try:
            yield changes
        finally:
            reading.cancel()
            await asyncio.wait((reading,))
