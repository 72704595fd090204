"""For commands that wait long: a server that goes away meanwhile is waited for, too."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Final

from trunkline.cli.answers import RestError

PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0)
"""Waits before it is asked again; the last one from then on."""


class Patience:
    """How often in a row a server did not answer. Says so once, and that it is back."""

    def __init__(self, say: Callable[[str], None], pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._say = say
        self._pauses_s = pauses_s
        self._answered = False
        self._waiting: Iterator[float] | None = None

    def answered(self) -> None:
        """The server answered as it should."""
        if self._waiting is not None:
            self._say("The server is back.")
        self._answered, self._waiting = True, None

    async def wait(self, error: RestError) -> None:
        """Wait a little; raises the error if waiting does not help, or if the server never answered at all."""
        if not (error.passing and self._answered):
            raise error
        if self._waiting is None:
            self._say(f"{error} Waiting for it.")
            self._waiting = chain(self._pauses_s, repeat(self._pauses_s[-1]))
        await asyncio.sleep(next(self._waiting))
