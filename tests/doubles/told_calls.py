"""Calls to tell a journal of, and a session that they may be about."""

from typing import Any, Final

from trunkline.contract.ids import new_id
from trunkline.core.calls.model import Call
from trunkline.v1.call_pb2 import CallKind

TENANT: Final = b"tenant.........."
LAMP: Final = b"lamp............"


class WorkersLink:
    """What is told of a link."""

    worker_id = "mqtt-1"


class WorkersSession:
    """What is told of a session."""

    link = WorkersLink()
    handle = 7


def lightweight(**values: Any) -> Call:
    """A fresh two-way call `set 1`."""
    fresh: dict[str, Any] = {
        "call_id": new_id(),
        "device_id": LAMP,
        "tenant_id": TENANT,
        "kind": CallKind.CALL_KIND_TWO_WAY,
        "method": "set",
        "params": b"1",
        "deadline_ms": 10_000,
        "owner": None,
        "request_id": 1 << 20,
    }
    return Call(**(fresh | values))
