"""All that calls go through, put together: gate, machines and their shell, the keeping of stored calls, the journal,
and whoever asks for calls later."""

import asyncio
from typing import Final

from trunkline.contract.clock import monotonic_ms
from trunkline.contract.logs import get_logger
from trunkline.core.callers.gate import CallGate
from trunkline.core.callers.idempotency import IdempotencyKeys
from trunkline.core.callers.new_calls import NewCalls
from trunkline.core.callers.pending import Pending
from trunkline.core.calls.late import LateTable
from trunkline.core.calls.machine import DeviceCalls
from trunkline.core.calls.model import STRATEGY, Call
from trunkline.core.calls.request_ids import RequestIds
from trunkline.core.calls.runner import CallRunner
from trunkline.core.clock import unix_ms
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.service import Devices
from trunkline.core.identity.revocations import Revocations
from trunkline.core.journal.journal import Journal
from trunkline.core.journal.watches import CallWatches
from trunkline.core.metrics import Counters
from trunkline.core.records.service import CallRecords
from trunkline.core.settings import CoreSettings
from trunkline.core.store.calls import CallRows
from trunkline.core.storing.cleaner import Cleaner
from trunkline.core.storing.keeper import Keeper
from trunkline.core.storing.replies import Replies
from trunkline.core.storing.take_up import take_up
from trunkline.core.storing.taken import TakenIds
from trunkline.core.tasks import Tasks
from trunkline.v1.call_pb2 import SubmitStrategy

log = get_logger(__name__)

_STRATEGY_PREFIX: Final = "SUBMIT_STRATEGY_"


class CallParts:
    """One core's. `take_up` before anybody may call, then `run`, and `close` once that was cancelled."""

    def __init__(
        self,
        settings: CoreSettings,
        rows: CallRows,
        *,
        start_number: int,
        directory: Directory,
        devices: Devices,
        revocations: Revocations,
        tasks: Tasks,
        counters: Counters,
    ) -> None:
        self._rows = rows
        self.journal = Journal(
            max_events=settings.max_call_events,
            max_explained=settings.max_explained_calls,
            explain_ms=int(settings.explain_s * 1000),
        )
        self.keeper = Keeper(rows, self.journal.take_steps, clock=monotonic_ms, store_wait_ms=settings.store_wait_ms)
        self.runner = self._runner(settings, start_number, counters)
        self.keys = IdempotencyKeys(monotonic_ms)
        self.runner.on_forgotten(self.keys.forgotten)
        new_calls = NewCalls(
            clock=monotonic_ms,
            start_number=start_number,
            max_timeout_ms=settings.max_timeout_ms,
            max_retries=settings.max_retries,
            strategy=STRATEGY[SubmitStrategy.Value(_STRATEGY_PREFIX + settings.submit_strategy)],
        )
        taken = TakenIds(rows, self.runner, self.keeper.keep, tasks, new_calls.ids)
        self.keeper.serves(self.runner, taken.taken)
        self.gate = CallGate(
            runner=self.runner,
            new_calls=new_calls,
            pending=Pending(
                self.runner.living, max_per_tenant=settings.max_pending_per_tenant, max_pending=settings.max_pending
            ),
            keys=self.keys,
            taken=taken,
            directory=directory,
            revocations=revocations,
            tasks=tasks,
            max_params_bytes=settings.max_params_bytes,
            counters=counters,
        )
        self.replies = Replies(rows, self.runner, self.journal)
        self._cleaner = Cleaner(rows, ttl_days=settings.call_ttl_days, interval_s=settings.cleanup_interval_s)
        self.records = CallRecords(
            rows=rows,
            runner=self.runner,
            journal=self.journal,
            directory=directory,
            devices=devices,
            clock=monotonic_ms,
            max_wait_ms=settings.max_timeout_ms,
            store_wait_ms=settings.store_wait_ms,
        )
        self.watches = CallWatches(
            self.journal.ring,
            start_number=start_number,
            living_calls=self.runner.living_calls,
            directory=directory,
            methods=rows,
            max_watches=settings.max_call_watches,
        )
        self._show_figures(counters)

    def _runner(self, settings: CoreSettings, start_number: int, counters: Counters) -> CallRunner:
        late = LateTable(int(settings.late_reply_s * 1000), settings.max_late_replies)
        request_ids = RequestIds(start_number)
        grace_until_ms = monotonic_ms() + settings.suspension_ms
        return CallRunner(
            clock=monotonic_ms,
            new_machine=lambda device_id: DeviceCalls(
                device_id,
                request_ids,
                late,
                max_pending=settings.max_pending_per_device,
                max_stored=settings.max_stored_per_device,
                max_sessions=settings.max_sessions_per_device,
                grace_until_ms=grace_until_ms,
                retry_backoff_ms=settings.retry_backoff_ms,
                response_timeout_ms=settings.response_timeout_ms,
                close_on_delivery_timeout=settings.close_session_on_delivery_timeout,
            ),
            counters=counters,
            journal=self.journal,
            keeper=self.keeper,
        )

    async def take_up(self) -> None:
        """Go on with the stored calls of the core's former starts; those of devices that are gone end. Raises
        STORE_UNAVAILABLE."""

        def tell(call: Call) -> None:
            self.runner.take_up(call)
            self.keys.taken_up(call)

        count = await take_up(self._rows, tell, now=monotonic_ms(), now_unix_ms=unix_ms())
        if count:
            log.info("calls_taken_up", calls=count)
            for device_id in await self._rows.orphaned_devices():
                self.runner.delete(device_id)

    async def run(self) -> None:
        """Write, read and clean until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.keeper.run(), name="keeper")
            tasks.create_task(self.replies.run(), name="replies")
            tasks.create_task(self._cleaner.run(), name="cleaner")

    async def close(self) -> None:
        """Write what is left."""
        self.runner.close()
        await self.keeper.close()

    def _show_figures(self, counters: Counters) -> None:
        runner, writer = self.runner, self.keeper.writer
        counters.watch("trunkline_calls_pending", "Calls without an outcome", lambda: runner.pending)
        counters.watch("trunkline_stored_calls", "Stored calls without an outcome", lambda: runner.living.stored)
        counters.watch("trunkline_stored_calls_unwritten", "Stored calls to be written", lambda: writer.waiting)
        counters.watch("trunkline_store_down", "1 while stored calls cannot be written", lambda: int(writer.down))
        counters.watch("trunkline_kept_replies", "Replies to stored calls to be written", lambda: len(self.replies))
        counters.watch("trunkline_idempotency_keys", "Idempotency keys in memory", lambda: len(self.keys))
        counters.total("trunkline_store_commits", "Transactions with stored calls", lambda: writer.commits)
        counters.total("trunkline_store_rows", "Rows written in these", lambda: writer.rows_written)
        counters.total("trunkline_store_commit_ms", "Milliseconds they took", lambda: int(writer.commit_s * 1000))
        counters.total("trunkline_calls_removed", "Calls removed for their age", lambda: self._cleaner.removed)
        counters.watch("trunkline_call_watches", "Streams that watch calls", lambda: len(self.watches))
        counters.total("trunkline_call_events", "Changes of calls", lambda: self.journal.ring.end)
        counters.watch("trunkline_calls_explained", "Failed calls kept", lambda: len(self.journal.explained))
