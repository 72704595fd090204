"""Stored calls for tests that need no store."""

from trunkline.core.calls.model import Call, Keeping, Redelivery, State, Strategy
from trunkline.v1.call_pb2 import CallKind


def stored_call(
    ordinal: int,
    *,
    strategy: Strategy = Strategy.BURST,
    state: State = State.QUEUED,
    redelivery: Redelivery = Redelivery.UNANSWERED,
    body_bytes: int = 3,
    open: int = 0,
) -> Call:
    """A committed two-way call; its request id is its ordinal."""
    keeping = Keeping(ordinal, 0, 10_000, strategy, 5, body_bytes, version=1, committed=1)
    return Call(
        b"c", b"d", b"t", CallKind.CALL_KIND_TWO_WAY, "m", b"{}", 10_000, None,
        redelivery=redelivery, keeping=keeping, request_id=ordinal, state=state, open=open,
    )  # fmt: skip  # one argument a line says less
