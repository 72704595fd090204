"""What a stored call's row says, by who asks. Times are Unix milliseconds; `end_unix_ms` 0: the call lives."""

from typing import TypeAlias

import msgspec

from trunkline.core.calls.model import Redelivery, Strategy
from trunkline.v1.call_pb2 import CallKind, CallState, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason

CallKey: TypeAlias = tuple[bytes, bytes]
"""The tenant's id and the call's."""


class NewCall(msgspec.Struct, frozen=True, gc=False):
    """A row to insert. Its call may have ended already."""

    tenant_id: bytes
    call_id: bytes
    device_id: bytes
    ordinal: int
    """Unique; the order in which calls were accepted."""
    request_id: int
    kind: CallKind.ValueType
    method: str
    params: bytes
    additional_info: bytes
    idempotency_key: str
    """Unique among the device's calls; empty: none."""
    strategy: Strategy
    redelivery: Redelivery
    retries_asked: int | None
    max_retries: int
    create_unix_ms: int
    expire_unix_ms: int
    version: int
    state: CallState.ValueType
    timeouts: int = 0
    outcome: Outcome.ValueType = Outcome.OUTCOME_UNSPECIFIED
    reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_UNSPECIFIED
    cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED
    detail: str = ""
    reply: bytes | None = None
    end_unix_ms: int = 0
    timeline: str = ""
    """Whole lines, one for each step."""


class CallChange(msgspec.Struct, frozen=True, gc=False):
    """What a row shall say from `version` on; `steps` are added to its timeline."""

    tenant_id: bytes
    call_id: bytes
    version: int
    state: CallState.ValueType
    timeouts: int = 0
    outcome: Outcome.ValueType = Outcome.OUTCOME_UNSPECIFIED
    reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_UNSPECIFIED
    cause: Cause.ValueType = Cause.CAUSE_UNSPECIFIED
    detail: str = ""
    reply: bytes | None = None
    end_unix_ms: int = 0
    steps: str = ""
    """Whole lines, one for each step."""


class LivingCall(msgspec.Struct, frozen=True, gc=False):
    """What a core that starts has to know of a call that has not ended; its method and params stay in the store."""

    tenant_id: bytes
    call_id: bytes
    device_id: bytes
    ordinal: int
    request_id: int
    kind: CallKind.ValueType
    idempotency_key: str
    """Empty: none."""
    strategy: Strategy
    redelivery: Redelivery
    retries_asked: int | None
    max_retries: int
    timeouts: int
    state: CallState.ValueType
    create_unix_ms: int
    expire_unix_ms: int
    version: int
    body_bytes: int
    """Of method, in UTF-8, and params."""


class StoredCall(msgspec.Struct, frozen=True, gc=False):
    """A whole row."""

    tenant_id: bytes
    call_id: bytes
    device_id: bytes
    ordinal: int
    request_id: int
    kind: CallKind.ValueType
    method: str
    params: bytes
    additional_info: bytes
    idempotency_key: str
    """Empty: none."""
    strategy: Strategy
    redelivery: Redelivery
    retries_asked: int | None
    max_retries: int
    timeouts: int
    state: CallState.ValueType
    outcome: Outcome.ValueType
    reason: ErrorReason.ValueType
    cause: Cause.ValueType
    detail: str
    reply: bytes | None
    late_reply: bytes | None
    """A reply that came after the end."""
    create_unix_ms: int
    expire_unix_ms: int
    end_unix_ms: int
    version: int
    timeline: str
    """Whole lines, one for each step."""
