"""`trunkline watch`: tells every change of calls as it happens, and misses none while the server is away."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from trunkline.cli.answers import RestError
from trunkline.cli.delivery import Status
from trunkline.cli.output import Entity, Output, instant, printable
from trunkline.cli.patience import Patience
from trunkline.cli.rest import Rest
from trunkline.cli.server_sent_events import Event, EventReader

PATH: Final = "/api/rpc/events"

SILENCE_S: Final = 60.0
"""The server says something every 15 s, if only that it is there."""

LONGEST_STATUS: Final = max(map(len, Status))

MAX_NAMES: Final = 10_000


class Names:
    """Devices' names, looked up once."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._names: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    async def of(self, device_id: str) -> str:
        """A device's name; its id if it has none any more, or none can be had now."""
        if device_id not in self._names:
            try:
                self.remember(device_id, (await self._rest.get(f"/api/device/{device_id}"))["name"])
            except RestError as error:
                if error.passing:
                    return device_id
                self.remember(device_id, device_id)
        return self._names[device_id]

    def remember(self, device_id: str, name: str) -> None:
        """Do not ask for this one again."""
        if len(self._names) == MAX_NAMES:
            self._names.clear()
        self._names[device_id] = name


async def follow(
    rest: Rest, patience: Patience, cursor: str = "", **query: str | list[str] | None
) -> AsyncGenerator[Event, None]:
    """Events from now on, or behind `cursor`, over as many connections as it takes."""
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": cursor} if cursor else {})}
        reader = EventReader(cursor)
        try:
            async with rest.stream(PATH, headers=headers, silence_s=SILENCE_S, **query) as pieces:
                async for piece in pieces:
                    patience.answered()
                    for event in reader.feed(piece):
                        if event.kind == "end":
                            raise RestError(f"{rest.url} ended the stream: {json.loads(event.data)['message']}.")
                        yield event
            raise RestError(f"{rest.url} ended the stream.")
        except RestError as error:
            cursor = reader.cursor
            await patience.wait(error)


async def watch(events: AsyncGenerator[Event, None], names: Names, output: Output, limit: int | None = None) -> None:
    """Print a line for each change, so many at most."""
    shown = 0
    async with aclosing(events):
        async for event in events:
            if output.as_json:
                print(as_json(event), flush=True)
            elif event.kind == "call":
                print(await in_one_line(json.loads(event.data), names), flush=True)
            elif event.kind == "cursorExpired":
                output.note("What happened meanwhile is not known any more. These calls have not ended:")
            shown += event.kind == "call"
            if shown == limit:
                return


def as_json(event: Event) -> str:
    """An event for programs: what the server says, of which kind it is, and the cursor to go on from."""
    return json.dumps({"event": event.kind, "cursor": event.cursor, **json.loads(event.data)}, ensure_ascii=False)


async def in_one_line(change: Entity, names: Names) -> str:
    """A change for people: when, to what, of which call; what is as long as it likes comes last."""
    device = await names.of(change["deviceId"])
    parts = [
        instant(change["ts"]),
        f"{change['status']:<{LONGEST_STATUS}}",
        change["rpcId"],
        f"{device}: {change['method']}",
        "late answer" if change["lateReply"] else change["cause"] or "",
    ]
    return printable("  ".join(part for part in parts if part))
