"""`trunkline watch`: tells every change of calls as it happens, and misses none while the server is away."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from trunkline.cli.answers import RestError
from trunkline.cli.output import Entity, Output, printable
from trunkline.cli.patience import Patience
from trunkline.cli.rest import Rest
from trunkline.cli.server_sent_events import Event, EventReader

PATH: Final = "/api/rpc/events"

SILENCE_S: Final = 60.0
"""The server says something every 15 s, if only that it is there."""

MAX_NAMES: Final = 10_000


class Names:
    """Devices' names, looked up once."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._names: dict[str, str] = {}

    async def of(self, device_id: str) -> str:
        """A device's name; its id if it has none any more."""
        if device_id not in self._names:
            if len(self._names) == MAX_NAMES:
                self._names.clear()
            try:
                self._names[device_id] = (await self._rest.get(f"/api/device/{device_id}"))["name"]
            except RestError:
                self._names[device_id] = device_id
        return self._names[device_id]


async def follow(
    rest: Rest, patience: Patience, cursor: str = "", **query: str | list[str] | None
) -> AsyncGenerator[Event, None]:
    """Events from now on, or behind `cursor`, over as many connections as it takes."""
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": cursor} if cursor else {})}
        try:
            async with rest.stream(PATH, headers=headers, silence_s=SILENCE_S, **query) as pieces:
                reader = EventReader(cursor)
                async for piece in pieces:
                    patience.answered()
                    for event in reader.feed(piece):
                        cursor = event.cursor
                        yield event
            raise RestError(f"{rest.url} ended the stream.")
        except RestError as error:
            await patience.wait(error)


async def watch(events: AsyncGenerator[Event, None], names: Names, output: Output, limit: int | None) -> None:
    """Print a line for each event, so many at most."""
    shown = 0
    async with aclosing(events):
        async for event in events:
            line = as_json(event) if output.as_json else await in_one_line(event, names)
            print(line, flush=True)
            shown += event.kind == "call"
            if shown == limit:
                return


def as_json(event: Event) -> str:
    """An event for programs, on one line: what the server says, what kind it is of, and the cursor to go on from."""
    said: Any = json.loads(event.data)
    return json.dumps({"event": event.kind, "cursor": event.cursor, **said}, ensure_ascii=False)


async def in_one_line(event: Event, names: Names) -> str:
    """An event for people."""
    said: Entity = json.loads(event.data)
    return printable(str(said))
