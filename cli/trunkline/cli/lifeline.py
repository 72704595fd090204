"""A child's side of supervision: it ends with its parent, and tells it once that it is ready.

Two ties, because each covers what the other cannot: Linux kills the child when its parent dies (PR_SET_PDEATHSIG, also
when the child hangs), and everywhere the pipe that is the child's standard input ends.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final

STATUS_FD: Final = "TRUNKLINE_STATUS_FD"
"""Environment variable of a supervised child: the pipe it writes its one line to once it is ready."""

PARENT_PID: Final = "TRUNKLINE_PARENT_PID"
"""Environment variable of a supervised child: who started it."""

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; ends it at once if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[PARENT_PID]):
        os._exit(1)


def watch_parent(loop: asyncio.AbstractEventLoop) -> None:
    """End this process as SIGTERM would when its standard input, held open by the parent, ends."""

    def readable() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(0, readable)


def announce_ready(facts: Mapping[str, Any]) -> None:
    """Tell the parent that this process is ready, with what it wants to know, as JSON."""
    with os.fdopen(int(os.environ[STATUS_FD]), "w") as status:
        status.write(json.dumps(facts) + "\n")
