"""All callers' streams: how one is opened for whoever proved to be somebody, and what all of them must hear."""

from __future__ import annotations

from collections.abc import Callable

from trunkline.contract.clock import Clock
from trunkline.contract.streams.answer_end import AnswerEnd
from trunkline.contract.streams.frames import AnswerFrame, CallerFrame, PrincipalRevoked
from trunkline.contract.streams.wire import Unreadable, Wire
from trunkline.core.callers.authority import Authority
from trunkline.core.callers.caller_stream import CallerStream
from trunkline.core.callers.gate import CallGate
from trunkline.core.metrics import Counters


class Callers:
    """Serves every call stream."""

    def __init__(
        self,
        *,
        new_end: Callable[[bool], AnswerEnd],
        gate: CallGate,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._new_end = new_end
        self._gate = gate
        self._clock = clock
        self._counters = counters
        self._streams: set[CallerStream] = set()

    def __len__(self) -> int:
        return len(self._streams)

    async def serve(self, wire: Wire[AnswerFrame, CallerFrame | Unreadable], authority: Authority) -> None:
        """Serve one stream until it ends. Raises TrunklineError where its peer must be told why, else WireBroken."""
        stream = CallerStream(
            end=self._new_end(authority.trusted),  # parts beat, backends in other languages need not
            authority=authority,
            gate=self._gate,
            clock=self._clock,
            counters=self._counters,
        )
        self._streams.add(stream)
        try:
            await stream.serve(wire)
        finally:
            self._streams.discard(stream)

    def revoke(self, revoked: PrincipalRevoked) -> None:
        """Tell every part to forget what it remembers of these tokens."""
        for stream in self._streams:
            stream.revoke(revoked)

    def drain(self, grace_ms: int) -> None:
        """No new calls on any stream."""
        for stream in self._streams:
            stream.drain(grace_ms)
