"""The way in for every call, whether it came on a stream or alone: who may, to which device, in whose turn."""

import asyncio
from typing import Final, Protocol, cast

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.frames import StartCall
from trunkline.core.callers.idempotency import Bearer, IdempotencyKeys, fingerprint
from trunkline.core.callers.joined import Joined
from trunkline.core.callers.new_calls import NewCalls
from trunkline.core.callers.pending import Pending
from trunkline.core.callers.start_checks import checked_info, checked_params
from trunkline.core.calls.endings import hung_up
from trunkline.core.calls.model import Call, Complete, State
from trunkline.core.calls.runner import CallRunner, Waiter
from trunkline.core.calls.turns import Turns
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.devices.permissions import may_call
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.metrics import Counters
from trunkline.core.storing.taken import TakenIds, conflict
from trunkline.core.tasks import Tasks
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

log = get_logger(__name__)

CALLS_PER_TURN = 256
"""Calls that enter machines in one turn of the event loop, whoever's they are."""

_QUEUED: Final = State.QUEUED


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
        runner: CallRunner,
        new_calls: NewCalls,
        pending: Pending,
        keys: IdempotencyKeys,
        taken: TakenIds,
        directory: Directory,
        revocations: Revocations,
        tasks: Tasks,
        max_params_bytes: int,
        counters: Counters,
    ) -> None:
        self._loop = asyncio.get_running_loop()  # asking again costs a system call
        self._runner = runner
        self._new_calls = new_calls
        self._pending = pending
        self._keys = keys
        self._taken = taken
        self._directory = directory
        self._revocations = revocations
        self._tasks = tasks
        self._max_params_bytes = max_params_bytes
        self._counters = counters
        self._turns: Turns[bytes, Call] = Turns()
        self._turn_ahead = False
        self._loading: dict[bytes, list[_Entering]] = {}
        """Calls to devices that are being read from the store; they keep their order."""
        self.draining = False

    def enter(self, principal: Principal, start: StartCall, caller: Caller, *, validated: bool) -> None:
        """Let the call in or refuse it; `validated` says that a part has checked its params already.

        Exactly one of `caller.entered` and `caller.refused` follows, at once unless the device must be read first;
        neither if the caller is gone by then. Call `take_turn` when all that came together has entered.
        """
        try:
            params = checked_params(start, self._max_params_bytes, validated=validated)
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

    def hang_up(self, call: Call, caller: Caller) -> None:
        """The caller went away: it is answered CANCELLED. Whoever joined the call still gets its outcome.

        A stored call goes on alone, and so does one with an idempotency key if its device may have it: its caller may
        come again.
        """
        owner = call.owner
        if call.keeping is not None and not isinstance(owner, Joined):
            call.owner = owner = Joined(caller)
        if isinstance(owner, Joined) and (
            len(owner) > 1 or call.keeping is not None or (owner.remembered and call.state is not _QUEUED)
        ):
            owner.leave(caller)
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
            self._pending.check(device.tenant_id)
            if start.persistence is None:
                call = self._new_calls.lightweight(start, params, device, caller)
            else:
                call = self._new_calls.stored(start, params, checked_info(start), device, caller)
        except TrunklineError as error:
            self._refuse(caller, error)
            return
        if start.idempotency_key:
            self._enter_with_key(start.idempotency_key, call, caller)
            return
        living = self._runner.accept(call)
        if living is not None:
            self._join(living, call, caller)
        else:
            self._let_in(call, caller)

    def _let_in(self, call: Call, caller: Caller) -> None:
        caller.entered(call)
        self._turns.add(call.tenant_id, call)

    def _enter_with_key(self, text: str, call: Call, caller: Caller) -> None:
        """The key decides whether the call is a repetition; its id is but a wish."""
        key = (call.tenant_id, call.device_id, text)
        content = fingerprint(call)
        bearer = self._keys.find(key)
        if bearer is not None:
            self._repeat(bearer, content, call, caller)
            return
        while self._runner.accept(call) is not None:
            call.call_id = next(self._new_calls.ids)
        self._keys.claim(key, call, content)
        if call.keeping is None:
            call.owner = Joined(caller, lambda ended, done: self._keys.ended(key, ended, done))
        self._let_in(call, caller)

    def _repeat(self, bearer: Bearer, content: bytes, call: Call, caller: Caller) -> None:
        first, done = bearer.call, bearer.done
        if bearer.fingerprint and bearer.fingerprint != content:
            self._conflict(call, caller)
        elif done is not None:
            call.call_id = first.call_id
            again = Complete(call, done.outcome, done.payload, done.reason, done.cause, done.detail)
            self._answer(caller, again)
        elif bearer.fingerprint:
            self._wait_too(first, caller)
        else:
            self._compare_in_store(first, call, caller)

    def _join(self, living: Call, call: Call, caller: Caller) -> None:
        """Let the caller of `call` wait for the living call of the same id, if it is the same call."""
        if living.device_id != call.device_id or (living.keeping is None) != (call.keeping is None):
            self._conflict(call, caller)
        elif living.keeping is not None and not living.keeping.loaded:
            self._compare_in_store(living, call, caller)
        elif (living.kind, living.method, living.params) != (call.kind, call.method, call.params):
            self._conflict(call, caller)
        else:
            self._wait_too(living, caller)

    def _wait_too(self, living: Call, caller: Caller) -> None:
        """One more caller gets what the living call's first one gets, or got."""
        keeping, owner = living.keeping, living.owner
        if keeping is not None and keeping.committed:
            self._answer(caller, Complete(living, Outcome.OUTCOME_ACCEPTED))
        elif owner is None:
            problem = "The database does not answer, and nobody can tell yet whether this call is stored"
            self._refuse(caller, TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, problem))
        else:
            if not isinstance(owner, Joined):
                living.owner = owner = Joined(cast(Caller, owner))
            owner.join(caller)
            caller.entered(living)

    def _compare_in_store(self, first: Call, call: Call, caller: Caller) -> None:
        caller.entered(call)
        self._taken.compare(first, call)

    def _answer(self, caller: Caller, done: Complete) -> None:
        caller.entered(done.call)
        caller.completed(done.call, done)

    def _conflict(self, call: Call, caller: Caller) -> None:
        done = conflict(call)
        self._refuse(caller, TrunklineError(done.reason, done.detail), done.cause)

    def _refuse(self, caller: Caller, error: TrunklineError, cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED) -> None:
        self._counters.refused_call(error.reason)
        caller.refused(error, cause)

    def _next_turn(self) -> None:
        self._turn_ahead = False
        self.take_turn()
