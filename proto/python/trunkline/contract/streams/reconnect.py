"""Keeping one end connected: connect, pump, and after a break the same again, until cancelled or told to go away."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from trunkline.contract.clock import Clock
from trunkline.contract.errors import TrunklineError, reason_name
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.end import End
from trunkline.contract.streams.frames import Frame
from trunkline.contract.streams.pump import pump
from trunkline.contract.streams.wire import Connector, WireBroken
from trunkline.v1.error_pb2 import ErrorReason

FIRST_PAUSE_MS: Final = 100
LONGEST_PAUSE_MS: Final = 1_000
"""The pause after a break doubles from the first to the longest; a connection that outlived the longest begins anew."""

FATAL: Final = frozenset(
    {
        ErrorReason.ERROR_REASON_LINK_SUPERSEDED,
        ErrorReason.ERROR_REASON_UNAUTHENTICATED,
        ErrorReason.ERROR_REASON_TOKEN_EXPIRED,
        ErrorReason.ERROR_REASON_PERMISSION_DENIED,
    }
)
"""What no further attempt can mend."""

Out = TypeVar("Out", bound=Frame)
In = TypeVar("In", bound=Frame)
Effect = TypeVar("Effect")

log = get_logger(__name__)


async def stay_connected(
    connector: Connector[Out, In],
    end: End[Out, In, Effect],
    handle: Callable[[Sequence[Effect]], None],
    *,
    clock: Clock,
    first_pause_ms: int = FIRST_PAUSE_MS,
    longest_pause_ms: int = LONGEST_PAUSE_MS,
) -> None:
    """Keep `end` connected for as long as this runs; what it gives, also at a break, goes to `handle`, at once.

    Raises TrunklineError with a reason in FATAL; everything else is tried again.
    """
    pause_ms = first_pause_ms
    while True:
        began_ms = clock()
        error = await _connect_once(connector, end, handle, clock)
        if error is not None and error.reason in FATAL:
            raise error
        lasted_ms = clock() - began_ms
        pause_ms = first_pause_ms if lasted_ms > longest_pause_ms else pause_ms
        log.info(
            "stream_broken",
            reason="ENDED_BY_PEER" if error is None else reason_name(error.reason),
            detail="" if error is None else error.message,
            lasted_ms=lasted_ms,
            next_attempt_ms=pause_ms,
        )
        await asyncio.sleep(pause_ms / 1000)
        pause_ms = min(2 * pause_ms, longest_pause_ms)


async def _connect_once(
    connector: Connector[Out, In],
    end: End[Out, In, Effect],
    handle: Callable[[Sequence[Effect]], None],
    clock: Clock,
) -> TrunklineError | None:
    """One connection's life; returns what ended it, None if the peer did."""
    try:
        wire = await connector.connect()
    except WireBroken as broken:
        return broken.error
    try:
        await pump(wire, end, handle, clock=clock)
    except WireBroken as broken:
        return broken.error
    except TrunklineError as error:
        return error
    finally:
        await wire.close()
        effects = end.broken(clock())
        if effects:
            handle(effects)
    return None
