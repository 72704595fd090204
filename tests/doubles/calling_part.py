"""A part that calls devices for somebody, as the facade does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from doubles.faulty_wire import FaultyConnector
from doubles.pairs import CallConnector

from trunkline.client.call_stream import CallStream
from trunkline.contract.clock import monotonic_ms
from trunkline.contract.streams.frames import AnswerFrame, BindPrincipal, CallerFrame, CallResult, StartCall
from trunkline.contract.streams.wire import Unreadable
from trunkline.core.identity.principal import Principal
from trunkline.v1.call_pb2 import CallKind


class CallingPart:
    """Its calls are futures. `network` has the faults."""

    def __init__(self, stream: CallStream, network: FaultyConnector[CallerFrame, AnswerFrame | Unreadable]) -> None:
        self.stream = stream
        self.network = network
        self.principal: Principal
        """For whom it calls."""
        self.tags: dict[asyncio.Future[CallResult], int] = {}

    def call(
        self,
        device_id: bytes,
        *,
        one_way: bool = False,
        timeout_ms: int = 20_000,
        params: bytes = b"1",
        principal: int | None = None,
        **start: Any,
    ) -> asyncio.Future[CallResult]:
        """Begin a call; its result."""
        kind = CallKind.CALL_KIND_ONE_WAY if one_way else CallKind.CALL_KIND_TWO_WAY
        number = self.stream.bind(bound(self.principal)) if principal is None else principal
        result: asyncio.Future[CallResult] = asyncio.get_running_loop().create_future()
        deadline_ms = monotonic_ms() + timeout_ms
        self.tags[result] = self.stream.start(
            StartCall(0, device_id, "set", params, kind, deadline_ms, principal=number, **start), result.set_result
        )
        return result

    def hang_up(self, call: asyncio.Future[CallResult]) -> None:
        """Nobody waits for this call any more."""
        self.stream.hang_up(self.tags[call])


def bound(principal: Principal) -> BindPrincipal:
    """How a part names a caller."""
    return BindPrincipal(
        0,
        principal.tenant_id,
        principal.user_id,
        principal.role,
        principal.customer_id,
        principal.token_session_id,
        principal.issued_unix_ms,
    )


@asynccontextmanager
async def calling_part(connector: CallConnector, principal: Principal) -> AsyncIterator[CallingPart]:
    """Connected from entry to exit."""
    network: FaultyConnector[CallerFrame, AnswerFrame | Unreadable] = FaultyConnector(connector)
    async with CallStream(network) as stream:
        part = CallingPart(stream, network)
        part.principal = principal
        yield part
