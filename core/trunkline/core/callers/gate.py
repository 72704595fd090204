"""The way in for every call, whether it came on a stream or alone: who may, to which device, in whose turn."""

import asyncio
from typing import Protocol, cast

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import new_ids
from trunkline.contract.json_text import compact
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.frames import DeliveryPolicy, StartCall
from trunkline.core.callers.joined import Joined
from trunkline.core.calls.endings import hung_up
from trunkline.core.calls.model import REDELIVERY, Call, Redelivery
from trunkline.core.calls.runner import CallRunner, Waiter
from trunkline.core.calls.turns import Turns
from trunkline.core.clock import unix_ms
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.devices.permissions import may_call
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.metrics import Counters
from trunkline.core.tasks import Tasks
from trunkline.v1.call_pb2 import CallKind
from trunkline.v1.error_pb2 import Cause, ErrorReason

log = get_logger(__name__)

CALLS_PER_TURN = 256
"""Calls that enter machines in one turn of the event loop, whoever's they are."""

_LONG_METHOD = 256
"""A method up to this needs no closer look: frames have that much room beside the largest params."""

_KINDS = (CallKind.CALL_KIND_ONE_WAY, CallKind.CALL_KIND_TWO_WAY)


class Caller(Waiter, Protocol):
    """Who waits for a call that may yet be refused."""

    @property
    def gone(self) -> bool:
        """It hung up before either of the following."""
        ...

    def entered(self, call: Call) -> None:
        """The call was accepted; `completed` follows."""
        ...

    def refused(self, error: TrunklineError, cause: Cause.ValueType) -> None:
        """The call never became one."""
        ...


_Entering = tuple[Principal, StartCall, bytes, Caller]
"""Who calls what, with the params to deliver, and who waits for it."""


class CallGate:
    """Checks a StartCall and lets it into its device's machine."""

    def __init__(
        self,
        *,
        clock: Clock,
        runner: CallRunner,
        directory: Directory,
        revocations: Revocations,
        tasks: Tasks,
        max_params_bytes: int,
        max_timeout_ms: int,
        counters: Counters,
    ) -> None:
        self._loop = asyncio.get_running_loop()  # asking again costs a system call
        self._clock = clock
        self._runner = runner
        self._directory = directory
        self._revocations = revocations
        self._tasks = tasks
        self._max_params_bytes = max_params_bytes
        self._max_timeout_ms = max_timeout_ms
        self._counters = counters
        self._turns: Turns[bytes, Call] = Turns()
        self._turn_ahead = False
        self._new_ids = new_ids()
        self._loading: dict[bytes, list[_Entering]] = {}
        """Calls to devices that are being read from the store; they keep their order."""
        self.draining = False

    def enter(self, principal: Principal, start: StartCall, caller: Caller, *, validated: bool) -> None:
        """Let the call in or refuse it; `validated` says that a part has checked its params already.

        Exactly one of `caller.entered` and `caller.refused` follows, at once unless the device must be read first;
        neither if the caller is gone by then. Call `take_turn` when all that came together has entered.
        """
        try:
            params = self._checked_params(start, validated=validated)
        except TrunklineError as error:
            self._refuse(caller, error)
            return
        waiting = self._loading.get(start.device_id)
        if waiting is not None:
            waiting.append((principal, start, params, caller))
            return
        entry = self._directory.cached(start.device_id)
        if entry is not None:
            self._admit(principal, start, params, caller, entry)
        else:
            self._loading[start.device_id] = [(principal, start, params, caller)]
            self._tasks.spawn(self._load(start.device_id), name="load device")

    def take_turn(self) -> None:
        """Submit what entered, tenants in turn; what one turn of the event loop does not take, the next ones do."""
        for call in self._turns.take(CALLS_PER_TURN):
            self._runner.submit(call)
        if self._turns and not self._turn_ahead:
            self._turn_ahead = True
            self._loop.call_soon(self._next_turn)

    def _checked_params(self, start: StartCall, *, validated: bool) -> bytes:
        """The params to deliver, if the call may be made at all. The StartCall stays as it is: its stream counts it."""
        if start.kind not in _KINDS:
            raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "kind must be ONE_WAY or TWO_WAY")
        if start.await_delivery and start.kind != CallKind.CALL_KIND_ONE_WAY:
            raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "await_delivery is for one-way calls")
        if start.persistence is not None or start.idempotency_key or start.dry_run:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_NOT_SUPPORTED,
                "This server has no persistent calls, idempotency keys and dry runs",
            )
        if start.policy is not None:
            _check_policy(start.policy)
        if start.call_id and len(start.call_id) != 16:
            raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "call_id must be 16 bytes")
        if len(start.params) > self._max_params_bytes or len(start.method) > _LONG_METHOD:
            self._check_size(start)
        if validated:
            return start.params
        if not start.method:
            raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "method must not be empty")
        try:
            return compact(start.params)
        except ValueError as error:
            raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, f"params are {error}") from None

    def _check_size(self, start: StartCall) -> None:
        if len(start.params) + len(start.method.encode()) > self._max_params_bytes:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE, f"method and params exceed {self._max_params_bytes} bytes"
            )

    def hang_up(self, call: Call, caller: Caller) -> None:
        """The caller went away: it is answered CANCELLED. Whoever joined the call still gets its outcome."""
        owner = call.owner
        if isinstance(owner, Joined) and owner.leave(caller):
            caller.completed(call, hung_up(call))
        else:
            self._runner.hang_up(call)

    async def _load(self, device_id: bytes) -> None:
        problem: TrunklineError | None = None
        entry: DeviceEntry | None = None
        try:
            entry = await self._directory.load(device_id)
        except TrunklineError as error:
            problem = error
        except Exception:  # whoever waits must be answered, whatever it was
            log.exception("device_not_loaded", device_id=device_id.hex())
            problem = TrunklineError(ErrorReason.ERROR_REASON_INTERNAL, "The device could not be looked up")
        for principal, start, params, caller in self._loading.pop(device_id):
            if caller.gone:
                continue
            if problem is not None:
                self._refuse(caller, problem)
            else:
                self._admit(principal, start, params, caller, entry)
        self.take_turn()

    def _admit(
        self, principal: Principal, start: StartCall, params: bytes, caller: Caller, entry: DeviceEntry | None
    ) -> None:
        try:
            if self.draining:
                raise TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The core is shutting down; try again")
            if self._revocations.is_revoked(principal):
                raise TrunklineError(ErrorReason.ERROR_REASON_TOKEN_EXPIRED, "Token has expired")
            device = may_call(principal, entry)
        except TrunklineError as error:
            self._refuse(caller, error)
            return
        call = Call(
            call_id=start.call_id or next(self._new_ids),
            device_id=device.device_id,
            tenant_id=device.tenant_id,
            kind=start.kind,
            method=start.method,
            params=params,
            deadline_ms=self._deadline(start),
            fail_fast=start.fail_fast,
            await_delivery=start.await_delivery,
            redelivery=device.redelivery if start.policy is None else _redelivery(start.policy, device),
            owner=caller,
        )
        living = self._runner.accept(call)
        if living is not None:
            self._join(living, call, caller)
            return
        caller.entered(call)
        self._turns.add(call.tenant_id, call)

    def _refuse(self, caller: Caller, error: TrunklineError, cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED) -> None:
        self._counters.refused_call(error.reason)
        caller.refused(error, cause)

    def _deadline(self, start: StartCall) -> int:
        now = self._clock()
        deadline = start.deadline_ms
        if start.expire_unix_ms is not None:
            deadline = now + start.expire_unix_ms - unix_ms()
        return min(deadline, now + self._max_timeout_ms)

    def _join(self, living: Call, call: Call, caller: Caller) -> None:
        """Let the caller of `call` wait for the living call of the same id, if it is the same call."""
        if (living.device_id, living.kind, living.method, living.params) != (
            call.device_id,
            call.kind,
            call.method,
            call.params,
        ):
            conflict = TrunklineError(ErrorReason.ERROR_REASON_CALL_CONFLICT, "This call id belongs to another call")
            self._refuse(caller, conflict, Cause.CAUSE_IDEMPOTENCY_CONFLICT)
            return
        if not isinstance(living.owner, Joined):
            living.owner = Joined(cast(Caller, living.owner))
        living.owner.join(caller)
        caller.entered(living)

    def _next_turn(self) -> None:
        self._turn_ahead = False
        self.take_turn()


def _check_policy(policy: DeliveryPolicy) -> None:
    if policy.strategy:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, "policy.strategy is for persistent calls")
    if policy.redelivery not in REDELIVERY:
        raise TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, f"Unknown redelivery {policy.redelivery}")


def _redelivery(policy: DeliveryPolicy, device: DeviceEntry) -> Redelivery:
    """The call's own, unless it leaves that to the device's profile."""
    return REDELIVERY[policy.redelivery] if policy.redelivery else device.redelivery
