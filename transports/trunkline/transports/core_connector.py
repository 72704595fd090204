"""Connects a worker to its core, wherever a restart of the core put its socket."""

import grpc.aio

from trunkline.contract.channel import part_metadata
from trunkline.contract.core_location import CoreAddress, CoreLocation
from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import CoreFrame, WorkerFrame
from trunkline.contract.streams.grpc_wire import GrpcConnector
from trunkline.contract.streams.link_codec import WORKER_CODEC
from trunkline.contract.streams.wire import Unreadable, Wire, WireBroken
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2_grpc import TransportServiceStub


class CoreConnector:
    """Opens links. The address and the secret are read anew each time: a core may have come up after this worker."""

    def __init__(self, location: CoreLocation, *, max_params_bytes: int) -> None:
        self._location = location
        self._max_params_bytes = max_params_bytes
        self._known: tuple[CoreAddress, str] | None = None
        self._channel: grpc.aio.Channel | None = None
        self._connector: GrpcConnector[WorkerFrame, CoreFrame | Unreadable]

    async def connect(self) -> Wire[WorkerFrame, CoreFrame | Unreadable]:
        """A fresh link. Raises WireBroken while a file that it takes is missing: the secret, before the core's first
        start."""
        try:
            found = self._location.address(), self._location.secret()
        except OSError as error:
            problem = f"there is no core to be found yet: {error}"
            raise WireBroken(TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, problem)) from None
        if found != self._known:
            await self.close()
            self._known = found
            address, secret = found
            self._channel = address.open_channel(max_params_bytes=self._max_params_bytes)
            link = TransportServiceStub(self._channel).Link
            self._connector = GrpcConnector(link, WORKER_CODEC, lambda: part_metadata(secret))
        return await self._connector.connect()

    async def close(self) -> None:
        """Close the channel, if there is one."""
        if self._channel is not None:
            await self._channel.close(None)
            self._channel = None
