"""Replies that workers keep: each is answered once what it means is committed, or known to match nothing stored.

A worker keeps every reply that may belong to a stored call, and the device's acknowledgement waits with it, until it is
told `ReplyStored`. While the store is down that stays away; a reply that comes again meanwhile waits with the first.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.frames import Reply
from trunkline.core.calls.model import Stray
from trunkline.core.calls.runner import CallRunner
from trunkline.core.journal.journal import Journal
from trunkline.core.store.calls import CallRows
from trunkline.core.storing.pauses import Pauses
from trunkline.v1.call_pb2 import CallKind

log = get_logger(__name__)

Answer = Callable[[], None]
"""Tells the worker that the reply is stored."""

_TWO_WAY: Final = CallKind.CALL_KIND_TWO_WAY


class _Late(msgspec.Struct):
    """A reply that completes no living call, and may belong to an ended one."""

    device_id: bytes
    request_id: int
    payload: bytes
    stray: Stray
    """What it is if the store does not know its call either."""


class Replies:
    """Hands kept replies to the calls they complete, and looks for the call of each that completes none."""

    def __init__(self, rows: CallRows, runner: CallRunner, journal: Journal) -> None:
        self._rows = rows
        self._journal = journal
        self._runner = runner
        self._waiting: dict[tuple[bytes, int], list[Answer]] = {}
        """Whom to answer, by device and request id."""
        self._late: deque[_Late] = deque()
        self._wake = asyncio.Event()
        self._pauses = Pauses()

    def __len__(self) -> int:
        """Replies that wait to be stored."""
        return len(self._waiting)

    def came(self, device_id: bytes, reply: Reply, answer: Answer, now: int) -> None:
        """A kept reply came; `answer` is called when it is stored, perhaps at once. The caller releases the machine.

        `now` is monotonic milliseconds.
        """
        request_id = reply.request_id
        waiting = self._waiting.get((device_id, request_id))
        if waiting is not None:
            waiting.append(answer)
            return
        machine = self._runner.known(device_id)
        call = machine.find(request_id) if machine is not None else None
        stray = self._runner.replied(device_id, request_id, reply.payload, reply.error, now)
        end = call.keeping.end if call is not None and call.keeping is not None else None
        late: _Late | None = None
        if stray is not None:
            if (call is None or end is not None) and reply.error is None:
                late = _Late(device_id, request_id, reply.payload, stray)
            else:
                self._runner.stray(device_id, request_id, reply.payload, stray)
        if end is not None and call is not None:
            self._waiting[device_id, request_id] = [answer]
            self._runner.when_ended(call).add_done_callback(lambda _: self._ended(device_id, request_id, late))
        elif late is not None:
            self._waiting[device_id, request_id] = [answer]
            self._look_for(late)
        else:
            answer()

    async def run(self) -> None:
        """Look for the calls of late replies until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._late:
                late = self._late[0]
                try:
                    stray = await self._keep(late)
                except TrunklineError as error:
                    log.warning("late_replies_not_stored", replies=len(self._late), problem=error.message)
                    await asyncio.sleep(self._pauses.next_s())
                    continue
                except Exception:  # those behind it are to be stored all the same
                    log.exception("late_reply_not_stored", device_id=late.device_id.hex())
                    stray = late.stray
                self._pauses.reset()
                self._late.popleft()
                self._runner.stray(late.device_id, late.request_id, late.payload, stray)
                self._stored(late.device_id, late.request_id)

    def _ended(self, device_id: bytes, request_id: int, late: _Late | None) -> None:
        """The end of a reply's call is committed, with the reply unless that is late."""
        if late is not None:
            self._look_for(late)
        else:
            self._stored(device_id, request_id)

    def _look_for(self, late: _Late) -> None:
        self._late.append(late)
        self._wake.set()

    async def _keep(self, late: _Late) -> Stray:
        """Keep the reply with its call, if the store has that; what the reply turned out to be."""
        call = await self._rows.find_by_request(late.device_id, late.request_id)
        if call is None or not call.end_unix_ms:
            return late.stray
        if call.kind != _TWO_WAY and call.reply is None and not call.reason:
            return Stray.DUPLICATE  # it got all that it wanted
        steps = self._journal.late_steps()
        if not await self._rows.add_late_reply(call.tenant_id, call.call_id, late.payload, steps):
            return Stray.DUPLICATE
        self._journal.late_reply_stored(call)
        return Stray.LATE

    def _stored(self, device_id: bytes, request_id: int) -> None:
        for answer in self._waiting.pop((device_id, request_id)):
            answer()
