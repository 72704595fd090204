"""Group commit: whatever gathers while one transaction runs goes into the next one.

A call that was kept is written as it is when its turn comes, so changes that follow one another closely cost one write.
Three things may become of a batch. It is committed. Nothing of it is: calls that were to be inserted are refused, what
was to be changed is written again until the store is back. Or the answer to the commit is lost: then the same is
written again, which waits for whatever the lost transaction still does, and the rows tell how far they are.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

import msgspec

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.core.calls.model import Call, Keeping
from trunkline.core.clock import unix_ms
from trunkline.core.store.call_rows import CallChange, CallKey, NewCall
from trunkline.core.store.database import CommitUnknown
from trunkline.core.storing.pauses import Pauses
from trunkline.core.storing.rows_of import changed_row, key_of, new_row

log = get_logger(__name__)

MOST_ROWS: Final = 256
MOST_BYTES: Final = 4 * 1024 * 1024
"""Of one transaction; one row goes into each in any case."""

ROW_BYTES: Final = 512
"""What a row weighs beside what its call carries."""

BEHIND_S: Final = 0.02
"""How long a change waits for company, unless a submitter waits for it, or somebody who waits for a call's end."""


class Rows(Protocol):
    """Where calls are written."""

    async def write(self, inserts: Sequence[NewCall], updates: Sequence[CallChange]) -> Collection[CallKey]:
        """Write all or nothing; the inserts without a row, since another call has their id or idempotency key, or their
        tenant is gone."""
        ...

    async def versions(self, keys: Sequence[CallKey]) -> dict[CallKey, int]:
        """How far these rows are, as far as they exist."""
        ...


class Answers(Protocol):
    """Who hears what became of a call's row."""

    def stored(self, call: Call, version: int) -> None:
        """It is committed as it was at this version, or later."""
        ...

    def not_stored(self, call: Call, *, unknown: bool) -> None:
        """It was not inserted; `unknown`: nobody can tell yet, and its submitter has waited long enough."""
        ...

    def taken(self, call: Call) -> None:
        """It was not inserted: another row has its id or its idempotency key, or its tenant is gone."""
        ...


class _Written(msgspec.Struct):
    """What a batch has of one call."""

    call: Call
    keeping: Keeping
    version: int
    steps: str


class GroupWriter:
    """Writes one batch after the other, as long as `run` runs."""

    def __init__(
        self,
        rows: Rows,
        answers: Answers,
        take_steps: Callable[[Call], str],
        *,
        clock: Clock,
        store_wait_ms: int,
    ) -> None:
        """`take_steps` gives the lines that a call's timeline has got; a submitter waits up to `store_wait_ms`."""
        self._rows = rows
        self._answers = answers
        self._take_steps = take_steps
        self._clock = clock
        self._store_wait_ms = store_wait_ms
        self._kept: dict[Call, None] = {}
        """To be written, in the order in which they were kept."""
        self._inserts: dict[Call, int] = {}
        """Those that have no row yet and whose submitters wait, and until when; the oldest first."""
        self._steps: dict[Call, str] = {}
        """Lines that were taken and are not written."""
        self._ended: dict[Call, int] = {}
        """When those ended that did, in Unix milliseconds."""
        self._batch: list[_Written] = []
        """What is being written."""
        self._doubtful: dict[Call, _Written] = {}
        """What may have been written."""
        self._singly = 0
        """So many rows are written alone: one of them is not taken."""
        self._wake = asyncio.Event()
        self._behind: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._pauses = Pauses()
        self.down = False
        """The store did not answer the last time."""
        self.commits = 0
        self.rows_written = 0
        self.commit_s = 0.0
        """Time that all of these took."""

    @property
    def waiting(self) -> int:
        """Calls to be written, those of the batch under way included."""
        return len(self._kept) + len(self._batch)

    def keep(self, call: Call) -> None:
        """Write the call's row; the first time it is inserted."""
        keeping = _keeping(call)
        self._kept[call] = None
        if keeping.end is not None:
            self._ended.setdefault(call, unix_ms())
            self._wake.set()
        elif not keeping.committed:
            self._wake.set()
        elif self._behind is None:
            self._behind = asyncio.get_running_loop().call_later(BEHIND_S, self._wake_behind)
        if not keeping.committed and not call.completed and call not in self._inserts:
            self._inserts[call] = self._clock() + self._store_wait_ms
            if self._giving_up is None:
                self._give_up_later()

    def remove(self, call: Call) -> None:
        """The call's row was deleted: nothing more is written of it."""
        self._forget(call)
        self._doubtful.pop(call, None)
        self._batch[:] = [one for one in self._batch if one.call is not call]

    async def run(self) -> None:
        """Write until cancelled; call `flush` then."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self._write():
                await asyncio.sleep(self._pauses.next_s())
                self._wake.set()
            elif self._kept and self._behind is None:  # more than fits into one transaction
                self._wake.set()

    async def flush(self) -> None:
        """Write what is left after `run` was cancelled, unless the store does not answer."""
        self._doubt(self._batch)
        while self._kept and await self._write():
            pass
        for timer in (self._behind, self._giving_up):
            if timer is not None:
                timer.cancel()

    # --- one batch ---

    async def _write(self) -> bool:
        """Write a batch; False if the store does not answer."""
        try:
            await self._settle_changes()
        except TrunklineError:
            return self._does_not_answer()
        started = time.perf_counter()
        batch = self._take()
        try:
            taken = await self._rows.write(*self._rows_of(batch))
        except CommitUnknown:
            log.warning("calls_perhaps_written", calls=len(batch))
            self._doubt(batch)
            return self._does_not_answer()
        except TrunklineError as error:
            return self._fail(batch, error)
        except Exception as error:  # whatever it is, the other rows are to be written
            self._blame(batch, error)
            return True
        try:
            versions = await self._found(batch)
        except TrunklineError:
            self._doubt(batch)
            return self._does_not_answer()
        self._count(len(batch), time.perf_counter() - started)
        self._batch = []
        for one in batch:
            key = key_of(one.call)
            try:
                self._written(one, None if key in taken else versions.get(key, one.version))
            except Exception:  # the others are to hear all the same
                log.exception("commit_not_told", call_id=one.call.call_id.hex())
        return True

    def _take(self) -> list[_Written]:
        batch: list[_Written] = []
        self._batch = batch
        most_rows = 1 if self._singly else MOST_ROWS
        self._singly = max(0, self._singly - 1)
        size = 0
        for call in list(self._kept):
            keeping = _keeping(call)
            size += ROW_BYTES if keeping.committed else ROW_BYTES + keeping.body_bytes + len(keeping.additional_info)
            if batch and (size > MOST_BYTES or len(batch) == most_rows):
                break
            del self._kept[call]
            steps = self._steps.pop(call, "") + self._take_steps(call)
            batch.append(_Written(call, keeping, keeping.version, steps))
        return batch

    def _rows_of(self, batch: list[_Written]) -> tuple[list[NewCall], list[CallChange]]:
        inserts: list[NewCall] = []
        updates: list[CallChange] = []
        for one in batch:
            ended = self._ended.get(one.call, 0)
            if one.keeping.committed:
                updates.append(changed_row(one.call, one.keeping, one.steps, ended))
            else:
                inserts.append(new_row(one.call, one.keeping, one.steps, ended))
        return inserts, updates

    def _written(self, one: _Written, version: int | None) -> None:
        """A call's part of a committed batch: its row is of this version; None: it has no row."""
        call = one.call
        first = self._doubtful.pop(call, None)
        self._inserts.pop(call, None)
        if version is None:
            self._forget(call)
            self._answers.taken(call)
            return
        if version < one.version:  # it was there from a commit whose answer was lost; the rest is a change
            self._steps[call] = one.steps.removeprefix(first.steps) if first is not None else one.steps
            self._kept[call] = None
            self._wake.set()
        elif version == one.keeping.version:
            self._ended.pop(call, None)
        self._answers.stored(call, version)

    # --- the store fails ---

    def _fail(self, batch: list[_Written], error: TrunklineError) -> bool:
        """Nothing of the batch was written: its submitters hear so, everything else is written again."""
        log.warning("calls_not_written", calls=len(batch), problem=error.message)
        self._batch = []
        lost = [one for one in batch if not one.keeping.committed and one.call not in self._doubtful]
        self._put_back([one for one in batch if one.keeping.committed or one.call in self._doubtful])
        for one in lost:
            self._refuse(one.call)
        return self._does_not_answer()

    def _doubt(self, batch: list[_Written]) -> None:
        """Nobody knows whether the batch was written."""
        self._batch = []
        self._put_back(batch)
        for one in batch:
            self._doubtful[one.call] = one

    def _blame(self, batch: list[_Written], error: Exception) -> None:
        """A row is not taken, such as one of a tenant that was just deleted, or there is a bug: only it must suffer."""
        self._batch = []
        if len(batch) > 1:
            self._put_back(batch)
            self._singly = len(batch)
            self._wake.set()
            return
        for one in batch:
            log.error("call_not_written", call_id=one.call.call_id.hex(), problem=repr(error))
            self._doubtful.pop(one.call, None)
            if not one.keeping.committed:
                self._refuse(one.call)

    def _put_back(self, batch: list[_Written]) -> None:
        """Before what was kept since, so that everything stays in its order."""
        later, self._kept = self._kept, {}
        for one in batch:
            self._kept[one.call] = None
            self._steps[one.call] = one.steps
        self._kept.update(later)

    async def _settle_changes(self) -> None:
        """Ask how far the rows are that were perhaps changed, so that no line gets into a timeline twice."""
        changes = {key_of(call): one for call, one in self._doubtful.items() if one.keeping.committed}
        if not changes:
            return
        versions = await self._rows.versions(list(changes))
        for key, one in changes.items():
            if versions.get(key, 0) >= one.version:
                self._steps[one.call] = self._steps.get(one.call, "").removeprefix(one.steps)
            self._doubtful.pop(one.call, None)

    async def _found(self, batch: list[_Written]) -> dict[CallKey, int]:
        """How far those rows are that a commit whose answer was lost may have inserted before this one."""
        doubtful = [key_of(one.call) for one in batch if one.call in self._doubtful]
        return await self._rows.versions(doubtful) if doubtful else {}

    def _refuse(self, call: Call) -> None:
        self._forget(call)
        self._answers.not_stored(call, unknown=False)

    def _forget(self, call: Call) -> None:
        for memory in (self._kept, self._inserts, self._steps, self._ended):
            memory.pop(call, None)

    def _does_not_answer(self) -> bool:
        if not self.down:
            log.error("store_down")
        self.down = True
        return False

    def _count(self, rows: int, seconds: float) -> None:
        if self.down:
            log.info("store_back")
        self.down = False
        self._pauses.reset()
        self.commits += 1
        self.rows_written += rows
        self.commit_s += seconds

    # --- time ---

    def _wake_behind(self) -> None:
        self._behind = None
        self._wake.set()

    def _give_up_later(self) -> None:
        self._giving_up = None
        if self._inserts:
            due = next(iter(self._inserts.values()))
            delay = max(0, due - self._clock()) / 1000
            self._giving_up = asyncio.get_running_loop().call_later(delay, self._give_up)

    def _give_up(self) -> None:
        """Submitters have waited long enough: those hear that their call is not stored for whom that is certain."""
        now = self._clock()
        under_way = {one.call for one in self._batch} | self._doubtful.keys()
        for call in [call for call, until in self._inserts.items() if until <= now]:
            del self._inserts[call]
            if call in under_way:
                self._answers.not_stored(call, unknown=True)
            else:
                self._refuse(call)
        self._give_up_later()


def _keeping(call: Call) -> Keeping:
    keeping = call.keeping
    assert keeping is not None, "only stored calls are written"
    return keeping
