"""A journal and those who watch it, on a real store with devices."""

from contextlib import AbstractContextManager
from typing import Any, Final

from doubles.call_rows import new_call
from doubles.device_rows import device, stored
from doubles.people import People
from doubles.told_calls import lightweight

from trunkline.core.calls.model import Call
from trunkline.core.devices.directory import Directory
from trunkline.core.journal.journal import Journal
from trunkline.core.journal.watch import CallFilter, CallWatch
from trunkline.core.journal.watches import CallWatches
from trunkline.core.presence.scope import Scope
from trunkline.core.store.store import Store

EVENTS: Final = 20
"""That the ring keeps."""


class Scenery:
    """Devices `lamp` of nobody, `pump` of a customer, and what happens to their calls."""

    def __init__(self, store: Store, people: People, lamp: bytes, pump: bytes) -> None:
        self.store = store
        self.people = people
        self.lamp = lamp
        self.pump = pump
        self.directory = Directory(store.devices)
        self.journal = Journal(max_events=EVENTS)
        self.living: list[Call] = []
        self.watches = self.new_watches()
        self.all = Scope(people.tenant_id)
        self.customers = Scope(people.tenant_id, people.customer_id)

    def new_watches(self, **settings: Any) -> CallWatches:
        values: dict[str, Any] = {"start_number": 3, "max_watches": 10, "idle_s": 60.0, **settings}
        return CallWatches(
            self.journal.ring,
            living_calls=lambda: self.living,
            directory=self.directory,
            methods=self.store.calls,
            **values,
        )

    def watch(
        self,
        scope: Scope | None = None,
        only: CallFilter | None = None,
        cursor: str = "",
        *,
        snapshot: bool = False,
    ) -> AbstractContextManager[CallWatch]:
        return self.watches.watch(scope or self.all, only or CallFilter(), cursor, snapshot=snapshot)

    def call(self, device_id: bytes | None = None, **values: Any) -> Call:
        """A lightweight call that was let in."""
        whose: dict[str, Any] = {"tenant_id": self.people.tenant_id, "device_id": device_id or self.lamp}
        call = lightweight(**(whose | values))
        self.journal.accepted(call)
        return call

    async def row(self, call: Call, method: str) -> None:
        """Give a stored call its row."""
        new = new_call(call.tenant_id, call.device_id, 1, call_id=call.call_id, method=method)
        await self.store.calls.write([new], [])


async def scenery_on(store: Store, people: People) -> Scenery:
    """The devices, in the store, and a journal that nothing was told of."""
    lamp = await stored(store.devices, device(people.tenant_id, "lamp"))
    pump = await stored(store.devices, device(people.tenant_id, "pump", customer_id=people.customer_id))
    return Scenery(store, people, lamp.id, pump.id)
