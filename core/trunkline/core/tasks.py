"""Tasks that outlive the request that started them."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from trunkline.contract.logs import get_logger

log = get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_unwatched: Final[set[asyncio.Task[Any]]] = set()
"""Keeps the tasks alive that nobody may be waiting for any more."""


def uncancelled(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """`work`, which goes on to its end even if whoever awaits it is cancelled.

    For what changes the store and then tells others: a caller who leaves in between must not keep them from hearing.
    """

    @wraps(work)
    async def to_its_end(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(work(*args, **kwargs), name=work.__name__)
        _unwatched.add(task)
        task.add_done_callback(_end)
        return await asyncio.shield(task)

    return to_its_end


def _end(task: asyncio.Task[Any]) -> None:
    _unwatched.discard(task)
    if not task.cancelled():
        task.exception()  # looked at here, since nobody may be waiting any more


class Tasks:
    """Spawns background tasks, all owned by one task group; `run` owns it and ends them with itself."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None

    @property
    def running(self) -> bool:
        """Whether there is somebody to own a task."""
        return self._group is not None

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` in the background; not at all once its owner has ended. Its failure is logged and ends nothing
        else."""
        if self._group is None:
            work.close()
            return
        self._group.create_task(self._guard(work, name), name=name)

    async def run(self) -> None:
        """Own the tasks until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def _guard(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:
            log.exception("task_failed", task=name)
