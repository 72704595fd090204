"""A core without devices, on the real answer end: it answers a call at once, with its params, or leaves it open."""

import asyncio
from collections.abc import Callable, Sequence

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.answer_end import AnswerEnd
from trunkline.contract.streams.frames import (
    AnswerFrame,
    BindPrincipal,
    CallerFrame,
    CallerWelcome,
    CallResult,
    HangUp,
    RenewCredentials,
    StartCall,
)
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.wire import Unreadable, Wire, WireBroken
from trunkline.v1.call_pb2 import Outcome

CORE_ID = b"core-id-16-bytes"

SILENT = "stay silent"
"""The method of calls that stay open."""


class EchoingCore:
    """Serves call streams, all alike, and remembers what came."""

    def __init__(self, *, max_open_calls: int = 10_000, max_frame_bytes: int = 64 * 1024, heartbeat_ms: int = 2_000):
        self._max_open_calls = max_open_calls
        self._max_frame_bytes = max_frame_bytes
        self._heartbeat_ms = heartbeat_ms
        self.streams: list[AnswerEnd] = []
        self.wires: list[Wire[AnswerFrame, CallerFrame | Unreadable]] = []
        self.calls: list[StartCall] = []
        self.hung_up: list[int] = []
        self.principals: list[BindPrincipal] = []
        self.tokens: list[str] = []
        self.refuse: TrunklineError | None = None
        """Set: every further stream ends with it at once."""
        self.answer_and_end = False
        """Set: a stream ends, cleanly, once it has answered a call."""
        self.changed = asyncio.Event()

    def welcome(self) -> CallerWelcome:
        """What this core's ends greet with."""
        return CallerWelcome(CORE_ID, self._max_open_calls, self._max_frame_bytes, 1 << 26, self._heartbeat_ms)

    async def until(self, method: str, count: int = 1) -> None:
        """Wait until so many calls of this method came."""
        while sum(call.method == method for call in self.calls) < count:
            await self._change()

    async def until_streams(self, count: int) -> None:
        """Wait until so many streams have been opened in all."""
        while len(self.streams) < count:
            await self._change()

    async def until_hung_up(self, count: int) -> None:
        """Wait until so many calls were hung up."""
        while len(self.hung_up) < count:
            await self._change()

    async def _change(self) -> None:
        self.changed.clear()
        await self.changed.wait()

    async def serve(self, wire: Wire[AnswerFrame, CallerFrame | Unreadable]) -> TrunklineError | None:
        """One stream, from hello to its end."""
        if self.refuse is not None:
            return self.refuse
        end = AnswerEnd(
            CORE_ID,
            max_frame_bytes=self._max_frame_bytes,
            max_open_calls=self._max_open_calls,
            heartbeat_ms=self._heartbeat_ms,
        )
        self.streams.append(end)
        self.wires.append(wire)
        self.changed.set()

        def handle(frames: Sequence[CallerFrame | Unreadable]) -> None:
            self._handle(end, frames)

        try:
            if self.answer_and_end:
                await self._answer_one(wire, end, handle)
            else:
                await pump(wire, end, handle, clock=monotonic_ms)
        except WireBroken as broken:
            return broken.error
        except TrunklineError as error:
            return error
        finally:
            handle(end.broken(monotonic_ms()))
        return None

    async def _answer_one(
        self,
        wire: Wire[AnswerFrame, CallerFrame | Unreadable],
        end: AnswerEnd,
        handle: Callable[[Sequence[CallerFrame | Unreadable]], None],
    ) -> None:
        """What the pump would do, until the first answer is written."""
        end.opened(0)
        answered = False
        while not answered and (batch := await wire.read()) is not None:
            handle(end.receive(batch, monotonic_ms()))
            while (answers := end.gather(monotonic_ms())) is not None:
                await wire.write(answers)
                answered |= any(isinstance(frame, CallResult) for frame in answers.frames)

    def _handle(self, end: AnswerEnd, frames: Sequence[CallerFrame | Unreadable]) -> None:
        for frame in frames:
            match frame:
                case StartCall():
                    self.calls.append(frame)
                    if frame.method != SILENT:
                        end.answer(CallResult(frame.tag, Outcome.OUTCOME_SUCCEEDED, frame.params))
                case HangUp():
                    self.hung_up.extend(frame.tags)
                    for tag in frame.tags:
                        end.answer(CallResult(tag, Outcome.OUTCOME_CANCELLED))
                case BindPrincipal():
                    self.principals.append(frame)
                case RenewCredentials():
                    self.tokens.append(frame.token)
                case _:
                    pass
        self.changed.set()
