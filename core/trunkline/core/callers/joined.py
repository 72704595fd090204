"""Several callers of one call: whoever names its id or idempotency key with the same content waits for it too."""

from collections.abc import Callable

from trunkline.core.calls.model import Call, Complete
from trunkline.core.calls.runner import Waiter


class Joined:
    """The waiter of a call that more than one caller may name."""

    def __init__(self, first: Waiter, remember: Callable[[Call, Complete], None] | None = None) -> None:
        """`remember` is told of the outcome first: the call has an idempotency key, and may outlast its callers."""
        self._waiters = [first]
        self._remember = remember

    @property
    def remembered(self) -> bool:
        """Whether the call's outcome is worth something when nobody waits for it any more."""
        return self._remember is not None

    def join(self, waiter: Waiter) -> None:
        """One more waits for the outcome."""
        self._waiters.append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """One hung up."""
        self._waiters = [other for other in self._waiters if other is not waiter]

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiters)

    def completed(self, call: Call, done: Complete) -> None:
        """The call ended: everybody hears of it."""
        if self._remember is not None:
            self._remember(call, done)
        for waiter in self._waiters:
            waiter.completed(call, done)
