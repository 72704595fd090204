"""Reading, cancelling, deleting and explaining calls, for those who may see their devices.

A stored call is read from its row, a lightweight one from memory: while it lives, and from the journal if it failed.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import to_text
from trunkline.core.calls.model import Call, Complete, State
from trunkline.core.calls.rules import MISSING
from trunkline.core.calls.runner import CallRunner
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import DeviceEntry
from trunkline.core.devices.permissions import may_call
from trunkline.core.devices.service import Devices
from trunkline.core.identity.permissions import only
from trunkline.core.identity.principal import Principal
from trunkline.core.journal.hints import hint
from trunkline.core.journal.journal import Journal
from trunkline.core.journal.timeline import TimelineEntry, read
from trunkline.core.presence.model import Presence
from trunkline.core.records.model import CallRecord, Explanation, of_call, of_explained, of_row
from trunkline.core.store.calls import CallRows
from trunkline.core.store.pages import Page, Paged
from trunkline.core.tasks import uncancelled
from trunkline.v1.call_pb2 import CallState
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import CancelResult, Role


@dataclass(frozen=True, slots=True)
class _Found:
    record: CallRecord
    timeline: list[TimelineEntry]
    living: Call | None


class CallRecords:
    """Calls for those who may see them.

    Raises PERMISSION_DENIED for whoever has no calls, CALL_NOT_FOUND for a call that is not there or may not be seen,
    and STORE_UNAVAILABLE.
    """

    def __init__(
        self,
        *,
        rows: CallRows,
        runner: CallRunner,
        journal: Journal,
        directory: Directory,
        devices: Devices,
        clock: Clock,
        max_wait_ms: int,
        store_wait_ms: int,
    ) -> None:
        """`max_wait_ms`: the longest that `get` waits; `store_wait_ms`: how long `cancel` waits for the end."""
        self._rows = rows
        self._runner = runner
        self._journal = journal
        self._directory = directory
        self._devices = devices
        self._clock = clock
        self._max_wait_ms = max_wait_ms
        self._store_wait_ms = store_wait_ms
        self._drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def drain(self) -> None:
        """The core is about to end: nobody waits any longer."""
        if not self._drained.done():
            self._drained.set_result(None)

    async def get(self, principal: Principal, call_id: bytes, wait_ms: int = 0) -> CallRecord:
        """The call as it stands; with `wait_ms` once it ended, or so much later."""
        found = await self._find(principal, call_id)
        if not wait_ms or found.living is None:
            return found.record
        end = await self._end_of(found.living, min(wait_ms, self._max_wait_ms))
        if end is not None and found.living.keeping is None:
            return self._of_lightweight(found.living, found.timeline, end)
        return (await self._find(principal, call_id)).record

    async def page(
        self, principal: Principal, device_id: bytes, page: Page, states: Collection[CallState.ValueType]
    ) -> Paged[CallRecord]:
        """One page of the device's stored calls, of those in some states if any are named.

        Raises as `may_call` does, and INVALID_ARGUMENT for a page that cannot be.
        """
        device = may_call(principal, await self._directory.load(device_id))
        found = await self._rows.page(device.tenant_id, device_id, states, page)
        return await found.mapped(
            lambda row: of_row(
                row, self._runner.living_call(row.tenant_id, row.call_id) if not row.end_unix_ms else None
            )
        )

    @uncancelled
    async def delete(self, principal: Principal, call_id: bytes) -> None:
        """Remove a stored call; if it lives, it is withdrawn and has no end. For tenant administrators."""
        only(principal, Role.ROLE_TENANT_ADMIN)
        row = await self._rows.find(principal.tenant_id, call_id)
        if row is not None and not await self._rows.delete(principal.tenant_id, call_id):
            row = None  # somebody else was quicker
        living = self._runner.living_call(principal.tenant_id, call_id)
        if living is not None and living.keeping is not None and living.keeping.committed:
            self._runner.remove(living)
        if row is None:
            raise _not_found(call_id)
        self._journal.removed(row.tenant_id, row.device_id, call_id, row.method, row.kind)

    async def cancel(self, principal: Principal, call_id: bytes) -> tuple[CancelResult.ValueType, CallRecord]:
        """End a living call, and say whether its device can have got it."""
        found = await self._find(principal, call_id)
        call = found.living
        if call is None or self._runner.living_call(call.tenant_id, call_id) is not call:
            return CancelResult.CANCEL_RESULT_ALREADY_ENDED, (await self._find(principal, call_id)).record
        ended = self._runner.when_ended(call)
        self._runner.cancel(call)
        end = await self._within(ended, self._store_wait_ms)
        if end is None:
            if call.keeping is not None and call.keeping.end is not None:
                raise TrunklineError(
                    ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "The call has ended, but the store does not take that"
                )
            return CancelResult.CANCEL_RESULT_MARKED, (await self._find(principal, call_id)).record
        if call.keeping is None:
            record = self._of_lightweight(call, found.timeline, end)
        else:
            record = (await self._find(principal, call_id)).record
        if end.cause != Cause.CAUSE_CANCELLED:
            return CancelResult.CANCEL_RESULT_ALREADY_ENDED, record
        in_time = call.state in (State.STORING, State.QUEUED)
        return (CancelResult.CANCEL_RESULT_WITHDRAWN if in_time else CancelResult.CANCEL_RESULT_MARKED), record

    async def explain(self, principal: Principal, call_id: bytes) -> Explanation:
        """What happened to the call."""
        found = await self._find(principal, call_id)
        record = found.record
        cause = self._lacks(found.living) if found.living is not None and not record.end_unix_ms else record.cause
        presence = None
        if cause == Cause.CAUSE_DEVICE_OFFLINE:
            presence = await self._presence(principal, record.device_id)
        return Explanation(record, found.timeline, cause, hint(cause, presence))

    # --- finding ---

    async def _find(self, principal: Principal, call_id: bytes) -> _Found:
        only(principal, Role.ROLE_TENANT_ADMIN, Role.ROLE_CUSTOMER_USER)
        found = await self._known(principal.tenant_id, call_id)
        if found is None or not await self._sees(principal, found.record.device_id):
            raise _not_found(call_id)
        return found

    async def _known(self, tenant_id: bytes, call_id: bytes) -> _Found | None:
        living = self._runner.living_call(tenant_id, call_id)
        if living is not None and living.keeping is None:
            timeline = self._journal.unsaved(living)
            return _Found(self._of_lightweight(living, timeline), timeline, living)
        row = await self._rows.find(tenant_id, call_id)
        if row is not None:
            living = self._runner.living_call(tenant_id, call_id) if not row.end_unix_ms else None
            unsaved = self._journal.unsaved(living) if living is not None else []
            return _Found(of_row(row, living), read(row.timeline) + unsaved, living)
        kept = self._journal.find_explained(tenant_id, call_id)
        return _Found(of_explained(kept), list(kept.steps), None) if kept is not None else None

    async def _sees(self, principal: Principal, device_id: bytes) -> bool:
        """Whether the device, of the principal's tenant if it is still there, is within the principal's reach."""
        if principal.role == Role.ROLE_TENANT_ADMIN:
            return True
        device: DeviceEntry | None = await self._directory.load(device_id)
        return device is not None and bool(device.customer_id) and device.customer_id == principal.customer_id

    def _of_lightweight(self, call: Call, timeline: list[TimelineEntry], end: Complete | None = None) -> CallRecord:
        now = self._journal.now_unix_ms()
        created = timeline[0].unix_ms if timeline else now
        left_ms = call.deadline_ms - self._clock()
        return of_call(call, created_unix_ms=created, now_unix_ms=now, left_ms=left_ms, end=end)

    async def _end_of(self, call: Call, wait_ms: int) -> Complete | None:
        if self._runner.living_call(call.tenant_id, call.call_id) is not call:
            return None
        return await self._within(self._runner.when_ended(call), wait_ms)

    async def _within(self, end: "asyncio.Future[Complete]", wait_ms: int) -> Complete | None:
        """How a call ended; None if it did not within this time. Raises CORE_UNAVAILABLE."""
        await asyncio.wait((end, self._drained), timeout=wait_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
        if end.done():
            return end.result()
        end.cancel()
        if self._drained.done():
            raise TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "The core is shutting down; ask again")
        return None

    # --- explaining ---

    def _lacks(self, call: Call) -> Cause.ValueType:
        """What a living call waits for: the cause it would have if its deadline came now."""
        if call.state in (State.STORING, State.QUEUED):
            machine = self._runner.known(call.device_id)
            return machine.lacks(call) if machine is not None and call.request_id else Cause.CAUSE_UNSPECIFIED
        return MISSING[call.state].get(call.wants, Cause.CAUSE_UNSPECIFIED)

    async def _presence(self, principal: Principal, device_id: bytes) -> Presence | None:
        try:
            return (await self._devices.get(principal, device_id)).presence
        except TrunklineError as error:
            if error.reason != ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND:
                raise
            return None


def _not_found(call_id: bytes) -> TrunklineError:
    """The error for a call that is not there, or that its caller may not know of, in the words of ThingsBoard."""
    text = to_text(call_id)
    return TrunklineError(ErrorReason.ERROR_REASON_CALL_NOT_FOUND, f"Rpc with id [{text}] is not found", call_id=text)
