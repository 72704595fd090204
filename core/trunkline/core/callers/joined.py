"""Several callers of one call: whoever names the id of a living call with the same content waits for it too."""

from trunkline.core.calls.model import Call, Complete
from trunkline.core.calls.runner import Waiter


class Joined:
    """The waiter of a call whose id its caller chose."""

    def __init__(self, living: dict[tuple[bytes, bytes], Call], key: tuple[bytes, bytes], first: Waiter) -> None:
        self._living = living
        self._key = key
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
        """The call ended: its id is free again, and everybody hears of it."""
        del self._living[self._key]
        for waiter in self._waiters:
            waiter.completed(call, done)
