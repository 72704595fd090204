"""Takes up the stored calls that have not ended when the core starts, without what they carry."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from trunkline.core.calls.model import Call, Keeping, State
from trunkline.core.store.call_rows import LivingCall
from trunkline.v1.call_pb2 import CallState

PAGE: Final = 2_000

STATES: Final = {
    CallState.CALL_STATE_QUEUED: State.QUEUED,
    CallState.CALL_STATE_SENT: State.SENT,
    CallState.CALL_STATE_TIMEOUT: State.UNACKNOWLEDGED,
    CallState.CALL_STATE_DELIVERED: State.DELIVERED,
}
"""What is known of a call of which no session has told yet, by what its row says."""


class LivingRows(Protocol):
    """Where they are."""

    async def living(self, after_ordinal: int, limit: int) -> Sequence[LivingCall]:
        """The first `limit` of them behind this ordinal, in order."""
        ...


async def take_up(rows: LivingRows, tell: Callable[[Call], None], *, now: int, now_unix_ms: int) -> int:
    """Tell of each of them, in the order in which they were accepted; how many they are.

    `now` is monotonic milliseconds at `now_unix_ms`: deadlines go on where the wall clock says. Raises
    STORE_UNAVAILABLE.
    """
    count, after = 0, -1
    ids: dict[bytes, bytes] = {}  # many calls share a device: its id is kept once
    while page := await rows.living(after, PAGE):
        for row in page:
            tell(_call(row, ids, now - now_unix_ms))
        count += len(page)
        after = page[-1].ordinal
    return count


def _call(row: LivingCall, ids: dict[bytes, bytes], clock_offset_ms: int) -> Call:
    keeping = Keeping(
        ordinal=row.ordinal,
        create_unix_ms=row.create_unix_ms,
        expire_unix_ms=row.expire_unix_ms,
        strategy=row.strategy,
        max_retries=row.max_retries,
        body_bytes=row.body_bytes,
        retries_asked=row.retries_asked,
        idempotency_key=row.idempotency_key,
        loaded=False,
        version=row.version,
        committed=row.version,
        timeouts=row.timeouts,
    )
    return Call(
        call_id=row.call_id,
        device_id=ids.setdefault(row.device_id, row.device_id),
        tenant_id=ids.setdefault(row.tenant_id, row.tenant_id),
        kind=row.kind,
        method="",
        params=b"",
        deadline_ms=row.expire_unix_ms + clock_offset_ms,
        owner=None,
        redelivery=row.redelivery,
        keeping=keeping,
        request_id=row.request_id,
        state=STATES[row.state],
        completed=True,
    )
