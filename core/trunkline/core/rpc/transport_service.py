"""TransportService: hands a worker's stream to the links."""

from collections.abc import AsyncIterator
from contextlib import suppress

import grpc.aio

from trunkline.contract.streams.grpc_wire import ServerWire
from trunkline.contract.streams.link_codec import CORE_CODEC
from trunkline.contract.streams.wire import WireBroken
from trunkline.core.links.links import Links
from trunkline.core.rpc.authentication import Authentication
from trunkline.v1 import transport_service_pb2_grpc
from trunkline.v1.transport_service_pb2 import LinkRequest, LinkResponse


class TransportService(transport_service_pb2_grpc.TransportServiceServicer):
    """Only parts may open links."""

    def __init__(self, authentication: Authentication, links: Links) -> None:
        self._authentication = authentication
        self._links = links

    # Reads and writes through the context, so that a cancelled stream stops both its tasks; the generated type says
    # iterator.
    async def Link(  # type: ignore[override]
        self, request_iterator: AsyncIterator[LinkRequest], context: grpc.aio.ServicerContext[LinkRequest, LinkResponse]
    ) -> None:
        """One link, until it breaks or is superseded."""
        self._authentication.part(context.invocation_metadata())
        with suppress(WireBroken):  # nobody is there to be told
            await self._links.serve(await ServerWire(context, CORE_CODEC).open())
