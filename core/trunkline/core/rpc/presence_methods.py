"""The method of DeviceService that watches presence: a thin adapter of `presence/watches.py`."""

from trunkline.contract.ids import to_text
from trunkline.core.identity.principal import Principal
from trunkline.core.presence.watch import PresenceUpdate
from trunkline.core.presence.watches import PresenceWatches
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.convert import required_id
from trunkline.core.rpc.device_messages import presence_message
from trunkline.core.validation import invalid
from trunkline.v1.device_service_pb2 import DevicePresence, WatchPresenceRequest, WatchPresenceResponse
from trunkline.v1.device_service_pb2_grpc import DeviceServiceServicer

MAX_NAMED = 10_000
"""Devices that one request may name."""


class PresenceMethods(Authenticated, DeviceServiceServicer):
    """Devices as they come and go."""

    _presence: PresenceWatches

    # Writes through the context, so that a cancelled stream stops at once; the generated type says iterator.
    async def WatchPresence(  # type: ignore[override]
        self, request: WatchPresenceRequest, context: Context
    ) -> None:
        """How things stand, then every change, until the caller ends the stream or its token is no longer good."""
        principal = self._caller(context)
        if len(request.device_ids) > MAX_NAMED:
            invalid(f"At most {MAX_NAMED} devices can be named; name none to watch all", "device_ids")
        device_ids = {required_id(text, "device_ids") for text in request.device_ids}
        await self._authentication.while_valid(principal, self._tell(principal, device_ids, context))

    async def _tell(self, principal: Principal, device_ids: set[bytes], context: Context) -> None:
        with self._presence.watch(principal, device_ids) as watch:
            while True:
                await context.write(_message(await watch.next()))


def _message(update: PresenceUpdate) -> WatchPresenceResponse:
    return WatchPresenceResponse(
        devices=[
            DevicePresence(
                device_id=to_text(device_id),
                presence=presence_message(presence) if presence is not None else None,
                deleted=presence is None,
            )
            for device_id, presence in update.devices.items()
        ],
        current=update.current,
    )
