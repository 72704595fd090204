"""A worker that is only a wire: for what no worker's end would say."""

from typing import cast

from doubles.living_core import LivingCore

from trunkline.contract.streams.frames import (
    Batch,
    CoreFrame,
    LinkHello,
    ProfileChanged,
    Resume,
    Resumed,
    TransportProfile,
    Welcome,
    WorkerFrame,
)
from trunkline.contract.streams.wire import Unreadable, Wire


class RawWorker:
    """Says what no worker's end would say."""

    def __init__(self, wire: Wire[WorkerFrame, CoreFrame | Unreadable]) -> None:
        self.wire = wire
        self.profiles: list[TransportProfile] = []
        """What it was told of profiles meanwhile."""
        self._unheard: list[CoreFrame | Unreadable] = []

    async def say(self, *frames: WorkerFrame | Unreadable) -> None:
        await self.wire.write(cast(Batch[WorkerFrame], Batch(list(frames))))

    async def hear(self) -> CoreFrame | Unreadable:
        """The next frame that is not about a profile; waits for it."""
        while True:
            while self._unheard:
                frame = self._unheard.pop(0)
                if not isinstance(frame, ProfileChanged):
                    return frame
                self.profiles.append(frame.profile)
            batch = await self.wire.read()
            assert batch is not None
            self._unheard = list(batch.frames)


async def raw_worker(core: LivingCore, *list_of_sessions: Resume, name: str = "raw") -> RawWorker:
    """A worker that has said hello and listed these sessions."""
    raw = RawWorker(await core.links().connect())
    await raw.say(LinkHello(0, name, b"i" * 16, "mqtt"))
    assert isinstance(await raw.hear(), Welcome)
    await raw.say(*list_of_sessions, Resumed(0))
    return raw
