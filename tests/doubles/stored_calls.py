"""Stored calls as objects, for tests of what happens to them."""

from itertools import count
from typing import Any

from trunkline.contract.ids import new_id
from trunkline.core.calls.model import Call, Keeping, Strategy
from trunkline.v1.call_pb2 import CallKind

_ordinals = count(1)


def stored_call(*, taken_up: bool = False, keeping: dict[str, Any] | None = None, **call: Any) -> Call:
    """A fresh two-way call `set 1`, or one whose row is committed and whose body is not in memory."""
    body = {"method": "", "params": b""} if taken_up else {"method": "set", "params": b"1"}
    known = {"loaded": False, "version": 1, "committed": 1} if taken_up else {}
    values = {
        "call_id": new_id(),
        "kind": CallKind.CALL_KIND_TWO_WAY,
        "owner": None,
        "deadline_ms": 1 << 50,
        "request_id": (1 << 20) + next(_ordinals) if taken_up else 0,
        **body,
        **call,
    }
    kept = {
        "ordinal": next(_ordinals),
        "create_unix_ms": 1_720_000_000_000,
        "expire_unix_ms": 1_720_000_010_000,
        "strategy": Strategy.BURST,
        "max_retries": 5,
        "body_bytes": 4,
        **known,
        **(keeping or {}),
    }
    return Call(keeping=Keeping(**kept), **values)
