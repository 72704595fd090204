"""The calls that live: accepted, and without an outcome; of stored ones, without an end that is committed."""

from collections.abc import Iterator

from trunkline.core.calls.model import Call


class LivingCalls:
    """By tenant and call id. Calls are many and tenants few, so each tenant has a table of its own."""

    __slots__ = ("_count", "_tenants", "stored")

    def __init__(self) -> None:
        self._tenants: dict[bytes, dict[bytes, Call]] = {}
        self._count = 0
        self.stored = 0
        """How many of them are stored ones."""

    def __len__(self) -> int:
        return self._count

    def add(self, call: Call) -> Call:
        """The call that lives under this id from now on: the one that did before, if there is one."""
        calls = self._tenants.get(call.tenant_id)
        if calls is None:
            calls = self._tenants[call.tenant_id] = {}
        living = calls.setdefault(call.call_id, call)
        if living is call:
            self._count += 1
            if call.keeping is not None:
                self.stored += 1
        return living

    def find(self, tenant_id: bytes, call_id: bytes) -> Call | None:
        """The call of this id."""
        calls = self._tenants.get(tenant_id)
        return calls.get(call_id) if calls is not None else None

    def discard(self, call: Call) -> bool:
        """The call lives no more; False if it did not."""
        calls = self._tenants.get(call.tenant_id)
        if calls is None or calls.get(call.call_id) is not call:
            return False
        del calls[call.call_id]
        if not calls:
            del self._tenants[call.tenant_id]
        self._count -= 1
        if call.keeping is not None:
            self.stored -= 1
        return True

    def of(self, tenant_id: bytes) -> int:
        """How many a tenant has."""
        return len(self._tenants.get(tenant_id, ()))

    def __iter__(self) -> Iterator[Call]:
        for calls in self._tenants.values():
            yield from calls.values()
