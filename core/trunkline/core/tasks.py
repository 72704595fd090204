"""Tasks that outlive the request that started them, all owned by one task group."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from trunkline.contract.logs import get_logger

log = get_logger(__name__)


class Tasks:
    """Spawns background tasks; `run` owns them and ends them with itself."""

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
