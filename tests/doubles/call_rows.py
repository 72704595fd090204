"""Rows of stored calls, all alike but for what a test says."""

from typing import Any, Final

from trunkline.contract.ids import new_id
from trunkline.core.calls.model import Redelivery, Strategy
from trunkline.core.store.call_rows import NewCall
from trunkline.v1.call_pb2 import CallKind, CallState

CREATED_MS: Final = 1_700_000_000_000


def new_call(tenant_id: bytes, device_id: bytes, ordinal: int, **values: Any) -> NewCall:
    """A queued two-way call; later ones were made later."""
    row: dict[str, Any] = {
        "call_id": new_id(),
        "request_id": 1_048_576 + ordinal,
        "kind": CallKind.CALL_KIND_TWO_WAY,
        "method": "setValue",
        "params": b"{}",
        "additional_info": b"",
        "idempotency_key": "",
        "strategy": Strategy.BURST,
        "redelivery": Redelivery.UNANSWERED,
        "retries_asked": None,
        "max_retries": 5,
        "create_unix_ms": CREATED_MS + ordinal,
        "expire_unix_ms": CREATED_MS + 60_000,
        "version": 1,
        "state": CallState.CALL_STATE_QUEUED,
    }
    return NewCall(tenant_id=tenant_id, device_id=device_id, ordinal=ordinal, **(row | values))
