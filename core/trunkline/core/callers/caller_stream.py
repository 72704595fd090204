"""One call stream: who speaks on it, its open calls, and their results."""

from collections.abc import Sequence

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.answer_end import AnswerEnd
from trunkline.contract.streams.frames import (
    VERSION,
    AnswerFrame,
    BindPrincipal,
    CallerFrame,
    CallerHello,
    CallResult,
    HangUp,
    PrincipalRevoked,
    RenewCredentials,
    StartCall,
)
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.wire import Unreadable, Wire
from trunkline.core.callers.authority import Authority
from trunkline.core.callers.gate import CallGate
from trunkline.core.callers.pending import retry_after_ms
from trunkline.core.calls.model import Call, Complete
from trunkline.core.metrics import Counters
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

log = get_logger(__name__)


class OpenCall:
    """One StartCall until its CallResult: the waiter behind the call."""

    __slots__ = ("_stream", "_tag", "call", "gone")

    def __init__(self, stream: "CallerStream", tag: int) -> None:
        self._stream = stream
        self._tag = tag
        self.call: Call | None = None
        self.gone = False

    def entered(self, call: Call) -> None:
        self.call = call

    def completed(self, call: Call, done: Complete) -> None:
        reason = done.reason
        result = CallResult(self._tag, done.outcome, done.payload, reason, done.cause, call.call_id, done.detail)
        if reason:
            result.retry_after_ms = retry_after_ms(reason)
        self._stream.answer(result)

    def refused(self, error: TrunklineError, cause: Cause.ValueType) -> None:
        self._stream.answer(
            CallResult(
                self._tag,
                Outcome.OUTCOME_FAILED,
                reason=error.reason,
                cause=cause,
                detail=error.message,
                retry_after_ms=retry_after_ms(error.reason),
            )
        )

    def hung_up(self) -> None:
        """Hung up before it was even a call."""
        self.gone = True
        self._stream.answer(
            CallResult(
                self._tag,
                Outcome.OUTCOME_CANCELLED,
                reason=ErrorReason.ERROR_REASON_CALL_CANCELLED,
                cause=Cause.CAUSE_HUNG_UP,
            )
        )


class CallerStream:
    """The core's side of one caller's stream, from hello to hang-up."""

    def __init__(
        self,
        *,
        end: AnswerEnd,
        authority: Authority,
        gate: CallGate,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._end = end
        self._authority = authority
        self._gate = gate
        self._clock = clock
        self._counters = counters
        self._open: dict[int, OpenCall] = {}

    async def serve(self, wire: Wire[AnswerFrame, CallerFrame | Unreadable]) -> None:
        """Serve the stream until its peer ends it or its connection breaks; its open calls are hung up then."""
        try:
            await pump(wire, self._end, self._handle, clock=self._clock)
        finally:
            self._handle(self._end.broken(self._clock()))

    def answer(self, result: CallResult) -> None:
        """Queue the one result of an open call."""
        del self._open[result.tag]
        self._end.answer(result)

    def revoke(self, revoked: PrincipalRevoked) -> None:
        """Tell a part to forget its cached verdicts."""
        if self._authority.trusted:
            self._end.send(revoked)

    def drain(self, grace_ms: int) -> None:
        """Take no more calls here; results still go out."""
        self._end.drain(grace_ms)

    def _handle(self, frames: Sequence[CallerFrame | Unreadable]) -> None:
        for frame in frames:
            match frame:
                case StartCall():
                    self._start(frame)
                case HangUp():
                    for tag in frame.tags:
                        self._hang_up(tag)
                case BindPrincipal():
                    self._authority.bind(frame)
                case RenewCredentials():
                    self._authority.renew(frame)
                case CallerHello():
                    self._greeted(frame)
                case _:
                    self._counters.rejected("call_stream_frame")
        self._gate.take_turn()

    def _greeted(self, hello: CallerHello) -> None:
        if hello.version != VERSION:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_NOT_SUPPORTED,
                f"This core speaks version {VERSION} of the stream, the caller speaks {hello.version}",
            )
        log.info("caller_connected", software=hello.software)

    def _start(self, start: StartCall) -> None:
        waiter = OpenCall(self, start.tag)
        self._open[start.tag] = waiter
        try:
            principal = self._authority.principal(start.principal)
        except TrunklineError as error:
            self._counters.refused_call(error.reason)
            waiter.refused(error, Cause.CAUSE_UNSPECIFIED)
            return
        self._gate.enter(principal, start, waiter, validated=self._authority.trusted)

    def _hang_up(self, tag: int) -> None:
        waiter = self._open.get(tag)
        if waiter is None:
            return
        if waiter.call is not None:
            self._gate.hang_up(waiter.call, waiter)
        else:
            waiter.hung_up()
