"""Several callers of one call: whoever names the id of a living call with the same content waits for it too."""

from trunkline.core.calls.model import Call, Complete
from trunkline.core.calls.runner import Waiter


class Joined:
    """The waiter of a call that more than one caller named."""

    def __init__(self, first: Waiter) -> None:
        self._waiters = [first]

    def join(self, waiter: Waiter) -> None:
        """One more waits for the outcome."""
        self._waiters.append(waiter)

    def leave(self, waiter: Waiter) -> bool:
        """One hung up; True if others still wait, so that the call itself must not be hung up."""
        if len(self._waiters) == 1:
            return False
        self._waiters = [other for other in self._waiters if other is not waiter]
        return True

    def completed(self, call: Call, done: Complete) -> None:
        """The call ended: everybody hears of it."""
        for waiter in self._waiters:
            waiter.completed(call, done)
