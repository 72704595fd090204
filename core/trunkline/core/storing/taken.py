"""Submits that repeat an earlier call of the store: they are answered as that one was, or refused."""

from collections.abc import Callable, Iterator

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import to_text
from trunkline.contract.logs import get_logger
from trunkline.core.calls.endings import failed
from trunkline.core.calls.model import Call, Complete
from trunkline.core.calls.runner import CallRunner
from trunkline.core.store.call_rows import StoredCall
from trunkline.core.store.calls import CallRows
from trunkline.core.tasks import Tasks
from trunkline.v1.call_pb2 import Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

log = get_logger(__name__)


class TakenIds:
    """Finds out whose the id or idempotency key is that a new call came with."""

    def __init__(
        self,
        rows: CallRows,
        runner: CallRunner,
        keep: Callable[[Call], None],
        tasks: Tasks,
        new_ids: Iterator[bytes],
    ) -> None:
        self._rows = rows
        self._runner = runner
        self._keep = keep
        self._tasks = tasks
        self._new_ids = new_ids

    def taken(self, call: Call) -> None:
        """The call's row was not inserted."""
        self._tasks.spawn(self._settle(call), name="find the first call")

    def compare(self, first: Call, repeated: Call) -> None:
        """A new call that was not let in has the id or the key of a living one; what that carries is in the store."""
        self._tasks.spawn(self._compare(first, repeated), name="compare calls")

    async def _compare(self, first: Call, repeated: Call) -> None:
        try:
            row = await self._rows.find(first.tenant_id, first.call_id)
            done = answer_of(row, repeated) if row is not None else gone(repeated)
        except TrunklineError as error:
            done = failed(repeated, error.reason, Cause.CAUSE_UNSPECIFIED, error.message)
        except Exception:  # whoever waits must be answered, whatever it was
            log.exception("calls_not_compared", call_id=first.call_id.hex())
            done = failed(repeated, ErrorReason.ERROR_REASON_INTERNAL, Cause.CAUSE_UNSPECIFIED)
        self._runner.answer(done)

    async def _settle(self, call: Call) -> None:
        try:
            await self._look_up(call)
        except TrunklineError:
            self._runner.not_stored(call, unknown=False)
        except Exception:  # as above
            log.exception("call_not_found", call_id=call.call_id.hex())
            self._runner.not_stored(call, unknown=False)

    async def _look_up(self, call: Call) -> None:
        """With an idempotency key that one decides, and the id is but a wish; otherwise the id does."""
        key = call.keeping.idempotency_key if call.keeping is not None else ""
        of_id = await self._rows.find(call.tenant_id, call.call_id)
        first = await self._rows.find_by_key(call.tenant_id, call.device_id, key) if key else of_id
        if first is not None:
            self._runner.dropped(call)
            self._runner.answer(answer_of(first, call))
        elif of_id is not None:
            self._runner.rename(call, next(self._new_ids))
            self._keep(call)
        else:  # the row that was in the way is gone, or the tenant is: whoever tries again will see
            self._runner.not_stored(call, unknown=False)


def answer_of(first: StoredCall, repeated: Call) -> Complete:
    """What the submitter of `repeated`, which takes the first one's id, is told."""
    if not _same(first, repeated):
        return conflict(repeated)
    repeated.call_id = first.call_id
    return Complete(repeated, Outcome.OUTCOME_ACCEPTED)


def gone(repeated: Call) -> Complete:
    """What the submitter of `repeated` is told if the first one was removed a moment ago."""
    reason, cause = ErrorReason.ERROR_REASON_CALL_CONFLICT, Cause.CAUSE_IDEMPOTENCY_CONFLICT
    return failed(repeated, reason, cause, "The call was removed a moment ago; try again")


def conflict(call: Call) -> Complete:
    """The answer to a call that bears the id or the key of another one."""
    reason, cause = ErrorReason.ERROR_REASON_CALL_CONFLICT, Cause.CAUSE_IDEMPOTENCY_CONFLICT
    keeping = call.keeping
    if keeping is not None and keeping.idempotency_key:
        return failed(call, reason, cause, "This idempotency key belongs to another call of the device")
    return failed(call, reason, cause, f"The call id {to_text(call.call_id)} belongs to another call")


def _same(first: StoredCall, call: Call) -> bool:
    return (first.device_id, first.kind, first.method, first.params) == (
        call.device_id,
        call.kind,
        call.method,
        call.params,
    )
