"""Tenants take turns: one that sends a thousand calls at once does not make another's single call wait behind them."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
I = TypeVar("I")  # noqa: E741 - one capital letter, as type variables are named here


class Turns(Generic[T, I]):
    """Waiting items by tenant, taken round robin. Pure, and unbounded: whoever adds has the bound."""

    __slots__ = ("_queues", "_waiting")

    def __init__(self) -> None:
        self._queues: dict[T, deque[I]] = {}  # in the order of their next turn; never an empty queue
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def add(self, tenant: T, item: I) -> None:
        """Queue an item behind its tenant's others; a tenant without items gets the last turn."""
        queue = self._queues.get(tenant)
        if queue is None:
            self._queues[tenant] = deque((item,))
        else:
            queue.append(item)
        self._waiting += 1

    def take(self, n: int) -> list[I]:
        """Up to `n` items: one of each tenant in turn, each tenant's in the order they were added."""
        queues = self._queues
        if len(queues) == 1:
            return self._take_from_only(n)
        items: list[I] = []
        while queues and len(items) < n:
            tenant = next(iter(queues))
            queue = queues.pop(tenant)
            items.append(queue.popleft())
            if queue:
                queues[tenant] = queue
        self._waiting -= len(items)
        return items

    def _take_from_only(self, n: int) -> list[I]:
        ((tenant, queue),) = self._queues.items()
        if n >= len(queue):
            del self._queues[tenant]
            items = list(queue)
        else:
            items = [queue.popleft() for _ in range(n)]
        self._waiting -= len(items)
        return items
