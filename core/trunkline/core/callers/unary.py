"""Single calls: each waits in its own gRPC request."""

import asyncio
from typing import Final

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError, cause_name
from trunkline.contract.ids import from_text, to_text
from trunkline.contract.streams.frames import DeliveryPolicy, Persistence, StartCall
from trunkline.core.callers.gate import CallGate
from trunkline.core.callers.pending import retry_after_ms
from trunkline.core.calls.model import Call, Complete
from trunkline.core.identity.principal import Principal
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import CallRequest, CallResponse, SubmitRequest, SubmitResponse

DEFAULT_TIMEOUT_MS: Final = 10_000

STATUS_MARGIN_MS: Final = 50
"""A call ends this much before its gRPC deadline, so that the status with its ErrorInfo arrives."""

FEW_OPEN: Final = 3
GATHERED: Final = 8
GATHER_S: Final = 0.001
"""With this many open calls, starts wait until so many are together, or so long: a batch on the link costs little more
than one call."""

_OK: Final = (
    Outcome.OUTCOME_SENT,
    Outcome.OUTCOME_DELIVERED,
    Outcome.OUTCOME_SUCCEEDED,
    Outcome.OUTCOME_ACCEPTED,
)


class UnaryCalls:
    """Runs unary calls through the gate, several starts together when many are open."""

    def __init__(self, *, gate: CallGate, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()  # asking again costs a system call
        self._gate = gate
        self._clock = clock
        self._open = 0
        self._gathered: list[tuple[Principal, StartCall, _Waiting]] = []
        self._timer: asyncio.TimerHandle | None = None

    async def call(self, principal: Principal, request: CallRequest, remaining_s: float | None) -> CallResponse:
        """Run one call to its outcome; `remaining_s` is what the gRPC deadline leaves, None without one.

        Raises TrunklineError for every outcome that is not OK, with call_id, outcome and cause in its metadata. A
        cancelled caller has hung up.
        """
        return await self._run(principal, self._start(request, remaining_s))

    async def submit(self, principal: Principal, request: SubmitRequest) -> SubmitResponse:
        """Store one call; answered when that is durable. Raises as `call` does; a cancelled caller leaves the call
        alone."""
        response = await self._run(principal, self._start_stored(request))
        return SubmitResponse(call_id=response.call_id)

    async def _run(self, principal: Principal, start: StartCall) -> CallResponse:
        waiting = _Waiting(self._loop.create_future())
        self._open += 1
        try:
            self._gather(principal, start, waiting)
            return await waiting.outcome
        except asyncio.CancelledError:
            if waiting.call is not None:
                self._gate.hang_up(waiting.call, waiting)
            raise
        finally:
            self._open -= 1

    def _start(self, request: CallRequest, remaining_s: float | None) -> StartCall:
        device_id, call_id = _ids(request)
        return StartCall(
            tag=0,
            device_id=device_id,
            method=request.method,
            params=request.params,
            kind=request.kind,
            deadline_ms=self._clock() + _timeout_ms(request.timeout_ms, remaining_s),
            call_id=call_id,
            idempotency_key=request.idempotency_key,
            persistence=_persistence(request),
            policy=_policy(request),
            fail_fast=request.fail_fast,
            await_delivery=request.await_delivery,
            retries=request.retries if request.HasField("retries") else None,
        )

    def _start_stored(self, request: SubmitRequest) -> StartCall:
        device_id, call_id = _ids(request)
        expire = request.expire_time if request.HasField("expire_time") else None
        return StartCall(
            tag=0,
            device_id=device_id,
            method=request.method,
            params=request.params,
            kind=request.kind,
            deadline_ms=self._clock() + (request.timeout_ms or DEFAULT_TIMEOUT_MS),
            expire_unix_ms=None if expire is None else expire.seconds * 1000 + expire.nanos // 1_000_000,
            call_id=call_id,
            idempotency_key=request.idempotency_key,
            persistence=Persistence(request.additional_info),
            policy=_policy(request),
            retries=request.retries if request.HasField("retries") else None,
        )

    def _gather(self, principal: Principal, start: StartCall, waiting: "_Waiting") -> None:
        self._gathered.append((principal, start, waiting))
        if self._open < FEW_OPEN or len(self._gathered) >= GATHERED:
            self._let_in()
        elif self._timer is None:
            self._timer = self._loop.call_later(GATHER_S, self._let_in)

    def _let_in(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._gathered = self._gathered, []
        for principal, start, waiting in gathered:
            if not waiting.outcome.cancelled():
                self._gate.enter(principal, start, waiting, validated=False)
        self._gate.take_turn()


class _Waiting:
    """The waiter behind one unary call."""

    __slots__ = ("call", "outcome")

    def __init__(self, outcome: asyncio.Future[CallResponse]) -> None:
        self.outcome = outcome
        self.call: Call | None = None

    @property
    def gone(self) -> bool:
        return self.outcome.done()

    def entered(self, call: Call) -> None:
        self.call = call

    def completed(self, call: Call, done: Complete) -> None:
        if self.outcome.done():
            return  # the caller hung up
        call_id = to_text(call.call_id)
        if done.outcome in _OK:
            self.outcome.set_result(CallResponse(call_id=call_id, outcome=done.outcome, reply=done.payload))
            return
        name = Outcome.Name(done.outcome).removeprefix("OUTCOME_")
        cause = cause_name(done.cause)
        message = done.detail or f"The call ended {name}: {cause}"
        error = TrunklineError(done.reason, message, call_id=call_id, outcome=name, cause=cause)
        self.outcome.set_exception(_with_retry(error))

    def refused(self, error: TrunklineError, cause: Cause.ValueType) -> None:
        if self.outcome.done():
            return
        if cause:
            error.metadata["cause"] = cause_name(cause)
        self.outcome.set_exception(_with_retry(error))


def _with_retry(error: TrunklineError) -> TrunklineError:
    """The error, with when its caller may try again, if that is known."""
    wait_ms = retry_after_ms(error.reason)
    if wait_ms:
        error.metadata["retry_after_ms"] = str(wait_ms)
    return error


def _ids(request: CallRequest | SubmitRequest) -> tuple[bytes, bytes]:
    """The device's id and the call's, empty if the caller does not choose it."""
    try:
        return from_text(request.device_id), from_text(request.call_id) if request.call_id else b""
    except ValueError as error:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, str(error)) from None


def _timeout_ms(wanted_ms: int, remaining_s: float | None) -> int:
    """The explicit timeout, else the gRPC deadline, else 10 s; never later than slightly before the gRPC deadline."""
    if remaining_s is None:
        return wanted_ms or DEFAULT_TIMEOUT_MS
    remaining_ms = int(remaining_s * 1000)
    latest = remaining_ms - min(STATUS_MARGIN_MS, remaining_ms // 4)
    return min(wanted_ms, latest) if wanted_ms else latest


def _persistence(request: CallRequest) -> Persistence | None:
    return Persistence(request.persistence.additional_info) if request.HasField("persistence") else None


def _policy(request: CallRequest | SubmitRequest) -> DeliveryPolicy | None:
    if not request.HasField("policy"):
        return None
    return DeliveryPolicy(request.policy.strategy, request.policy.redelivery)
