"""Many calls at once on one stream that keeps itself connected: the fast way to call devices.

    async with client.call_stream() as stream:
        result = await stream.call(device_id, "setGpio", b'{"pin":7,"value":1}')

A call that was not sent when the connection broke goes out on the next one; one that was sent and whose result did not
come ends at once with outcome UNKNOWN, because nobody can tell whether the device got it.
"""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from trunkline.client.principals import PrincipalNumbers
from trunkline.contract.clock import Clock, monotonic_ms
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.caller_end import CallerEffect, CallerEnd, CoreGone
from trunkline.contract.streams.frames import (
    AnswerFrame,
    BindPrincipal,
    CallerFrame,
    CallerWelcome,
    CallResult,
    PrincipalRevoked,
    StartCall,
)
from trunkline.contract.streams.reconnect import stay_connected
from trunkline.contract.streams.wire import Connector, Unreadable
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import ErrorReason

LOOK_MS: Final = 250
"""How often calls are looked at whose time may be over."""

log = get_logger(__name__)

OnResult = Callable[[CallResult], None]


def _ignore_revoked(revoked: PrincipalRevoked) -> None:
    """What `on_revoked` is unless somebody wants to hear it."""


def _ignore_connection(connected: bool) -> None:
    """What `on_connection` is unless somebody wants to hear it."""


class CallStream:
    """An async context manager: connected (again and again) from entry to exit. Not for use from other threads.

    Its exit hangs up: every call that has no result yet gets one then.
    """

    def __init__(
        self,
        connector: Connector[CallerFrame, AnswerFrame | Unreadable],
        *,
        software: str = "trunkline-python",
        clock: Clock = monotonic_ms,
    ) -> None:
        self.on_revoked: Callable[[PrincipalRevoked], None] = _ignore_revoked
        """For parts: called with every revocation the core tells; cached verdicts on tokens must be forgotten."""
        self.on_connection: Callable[[bool], None] = _ignore_connection
        """Called with True whenever a core welcomed us, and with False when that connection is gone."""
        self._connector = connector
        self._clock = clock
        self._end = CallerEnd(software)
        self._numbers = PrincipalNumbers(self._end.bind, self._end.unwritten_principals)
        self._waiting: dict[int, OnResult] = {}
        self._last_tag = 0
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._refused: TrunklineError | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="call stream")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._task is not None  # entered
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (failure := self._task.exception()) is not None and error is None:
            raise failure

    @property
    def connected(self) -> bool:
        """A core has welcomed us on a connection that still stands."""
        return self._end.connected

    async def ended(self) -> None:
        """Wait until the stream has given up for good. Raises the TrunklineError why: credentials that the core
        refuses. A stream that only lost its connection goes on."""
        assert self._task is not None  # entered
        await asyncio.wait([self._task])
        if self._refused is not None:
            raise self._refused

    def start(self, call: StartCall, on_result: OnResult) -> int:
        """Begin a call and return the tag it was given (whatever its `tag` was).

        `on_result` is called exactly once, later, from the event loop, unless the call is hung up before. Raises
        TrunklineError if the stream is closed or has given up for good.
        """
        if self._over:
            raise self._refused or TrunklineError(
                ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "This stream is closed: make a new one"
            )
        self._last_tag = tag = self._last_tag + 1
        call.tag = tag
        self._waiting[tag] = on_result
        refused = self._end.start(call)
        if refused is not None:
            asyncio.get_running_loop().call_soon(self._handle, (refused,))
        return tag

    def hang_up(self, tag: int) -> None:
        """Nobody waits for this call any more: its `on_result` is not called. It is never sent if it was not yet;
        otherwise the core goes on with it or not by its own rules."""
        if self._waiting.pop(tag, None) is not None:
            self._end.hang_up(tag)

    def bind(self, principal: BindPrincipal) -> int:
        """The number that means this caller in a StartCall started before control returns to the event loop.

        For parts, which speak for many callers. Cheap enough to ask for every call, which is necessary: the number may
        mean somebody else later. The frame's own number is ignored. Raises QUEUE_FULL if 10,000 callers have calls
        waiting.
        """
        return self._numbers.number(principal)

    def renew(self, token: str) -> None:
        """For backends: prove ourselves anew on the standing connection, before its token ends."""
        self._end.renew(token)

    async def call(
        self,
        device_id: bytes,
        method: str,
        params: bytes = b"null",
        *,
        kind: CallKind.ValueType = CallKind.CALL_KIND_TWO_WAY,
        timeout_ms: int = 10_000,
        call_id: bytes = b"",
        fail_fast: bool = False,
        await_delivery: bool = False,
    ) -> CallResult:
        """One call, awaited: cancelling it hangs up. `params` is one JSON value, ids are 16 bytes, times milliseconds.

        Returns whatever the outcome was; it never raises for one.
        """
        outcome: asyncio.Future[CallResult] = asyncio.get_running_loop().create_future()

        def settle(result: CallResult) -> None:
            if not outcome.done():  # else cancelled in this very turn
                outcome.set_result(result)

        tag = self.start(
            StartCall(
                0,
                device_id,
                method,
                params,
                kind,
                self._clock() + timeout_ms,
                call_id=call_id,
                fail_fast=fail_fast,
                await_delivery=await_delivery,
            ),
            settle,
        )
        try:
            return await outcome
        except asyncio.CancelledError:
            self.hang_up(tag)
            raise

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                looking = tasks.create_task(self._look(), name="call stream deadlines")
                try:
                    await stay_connected(self._connector, self._end, self._handle, clock=self._clock)
                except TrunklineError as error:
                    self._refused = error
                looking.cancel()
        finally:
            self._over = True
            self._handle(self._end.abandon())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_MS / 1000)
            self._handle(self._end.passed(self._clock()))

    def _handle(self, effects: Sequence[CallerEffect]) -> None:
        for effect in effects:
            try:
                if isinstance(effect, CallResult):
                    on_result = self._waiting.pop(effect.tag, None)
                    if on_result is not None:
                        on_result(effect)
                elif isinstance(effect, PrincipalRevoked):
                    self.on_revoked(effect)
                elif isinstance(effect, CallerWelcome):
                    self.on_connection(True)
                elif isinstance(effect, CoreGone):
                    self.on_connection(False)
            except Exception:  # the callback's bug must not cost all other calls their stream
                log.exception("callback_failed", effect=type(effect).__name__)
