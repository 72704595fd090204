"""Lightweight calls that ended without success: kept for a while, so that somebody can ask why."""

from collections import OrderedDict
from typing import Final

import msgspec

from trunkline.core.calls.model import Call, Redelivery
from trunkline.core.journal.timeline import MAX_STEPS, TimelineEntry
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

MAX_REPLY_BYTES: Final = 64 * 1024 * 1024
"""Of all late replies together; beyond it the oldest calls are forgotten with theirs."""


class ExplainedCall(msgspec.Struct):
    """What is left of such a call: all but its params. `persistent`: it was to be stored, and was refused."""

    tenant_id: bytes
    call_id: bytes
    device_id: bytes
    request_id: int
    kind: CallKind.ValueType
    method: str
    redelivery: Redelivery
    persistent: bool
    outcome: Outcome.ValueType
    reason: ErrorReason.ValueType
    cause: Cause.ValueType
    detail: str
    create_unix_ms: int
    expire_unix_ms: int
    end_unix_ms: int
    steps: list[TimelineEntry]
    late_reply: bytes | None = None


class ExplainedCalls:
    """The last of them, for `keep_ms`; beyond `max_calls` the oldest are forgotten. Times are Unix milliseconds."""

    def __init__(self, max_calls: int, keep_ms: int) -> None:
        self._max_calls = max_calls
        self._keep_ms = keep_ms
        self._reply_bytes = 0
        self._calls: OrderedDict[tuple[bytes, bytes], ExplainedCall] = OrderedDict()
        self._by_request: dict[tuple[bytes, int], ExplainedCall] = {}
        """By device and request id: whose late reply this is."""

    def __len__(self) -> int:
        return len(self._calls)

    def keep(self, call: ExplainedCall) -> None:
        """The call has just ended."""
        self._drop((call.tenant_id, call.call_id))  # an id may be used again once its call ended
        self._calls[call.tenant_id, call.call_id] = call
        if call.request_id:
            self._by_request[call.device_id, call.request_id] = call
        self._forget(call.end_unix_ms)

    def find(self, tenant_id: bytes, call_id: bytes, now_unix_ms: int) -> ExplainedCall | None:
        """The call of this id, if it is still kept."""
        self._forget(now_unix_ms)
        return self._calls.get((tenant_id, call_id))

    def add(self, call: Call, step: TimelineEntry) -> None:
        """Something happened to a call after its end."""
        kept = self._calls.get((call.tenant_id, call.call_id))
        if kept is not None and kept.request_id == call.request_id and len(kept.steps) < MAX_STEPS:
            kept.steps.append(step)

    def add_late_reply(
        self, device_id: bytes, request_id: int, payload: bytes, step: TimelineEntry
    ) -> ExplainedCall | None:
        """A reply came from a device; the call whose late reply it is, if it is kept and this is the first."""
        call = self._by_request.get((device_id, request_id))
        if call is None or call.late_reply is not None:
            return None
        call.late_reply = payload
        call.steps.append(step)
        self._reply_bytes += len(payload)
        while self._reply_bytes > MAX_REPLY_BYTES:
            self._drop(next(iter(self._calls)))
        return call

    def _forget(self, now_unix_ms: int) -> None:
        ended_before = now_unix_ms - self._keep_ms
        while self._calls:
            key, oldest = next(iter(self._calls.items()))
            if oldest.end_unix_ms > ended_before and len(self._calls) <= self._max_calls:
                break
            self._drop(key)

    def _drop(self, key: tuple[bytes, bytes]) -> None:
        call = self._calls.pop(key, None)
        if call is not None:
            self._by_request.pop((call.device_id, call.request_id), None)
            self._reply_bytes -= len(call.late_reply or b"")
