"""`trunkline serve`: checks first what can be wrong, then runs the parts as child processes, or all in this one."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Final

from trunkline.cli import ready
from trunkline.cli.data_dir import locked
from trunkline.cli.demo_certificate import provide_certificate
from trunkline.cli.errors import CommandError
from trunkline.cli.layout import CORE, FACADE, MQTT, Layout, claimed, lay_out, wanted_ports
from trunkline.cli.prefixed_logs import PrefixedLogs
from trunkline.cli.ready import Facts
from trunkline.cli.settings import ServeSettings, commented
from trunkline.cli.supervisor import Program, Supervisor
from trunkline.contract.logs import configure_logs

SPARE_GRACE_S: Final = 5.0
"""What a part gets beyond its own grace before it is killed."""


def serve(settings: ServeSettings) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code. Raises CommandError if it cannot start."""
    if settings.processes == "parts" and sys.platform != "linux":
        raise CommandError("Only on Linux do parts end with their parent: use --processes one on this system.")
    with locked(settings.data_dir):
        if settings.demo and not settings.mqtt_tls_certificate:
            provide_certificate(settings.data_dir)
        layout = claimed(settings)
        configure_logs(settings.log_level, settings.log_format)

        def say_ready(facts: Facts) -> None:
            sys.stdout.write(ready.text(facts, demo=settings.demo))
            sys.stdout.flush()

        return (_serve_in_one if settings.processes == "one" else _serve_in_parts)(layout, say_ready)


def all_settings(settings: ServeSettings) -> str:
    """The settings of `serve` and of every part, as `serve` would run them, as a commented .env file."""
    layout = lay_out(settings, wanted_ports(settings))
    return "\n".join(map(commented, (settings, layout.core, layout.facade, layout.worker, layout.mqtt)))


def _serve_in_one(layout: Layout, say_ready: Callable[[Facts], None]) -> int:
    from trunkline.cli.one_process import run_in_one  # a supervisor does without what the parts need

    return run_in_one(layout, say_ready)


def _serve_in_parts(layout: Layout, say_ready: Callable[[Facts], None]) -> int:
    try:
        asyncio.run(_supervise(layout, say_ready))
    except ExceptionGroup as errors:
        failed, rest = errors.split(CommandError)
        if failed is None or rest is not None:
            raise
        raise CommandError("\n".join(map(str, failed.exceptions))) from None
    return 0


async def _supervise(layout: Layout, say_ready: Callable[[Facts], None]) -> None:
    logs = PrefixedLogs(sys.stderr.buffer, (CORE, MQTT, FACADE), colours=sys.stderr.isatty())
    with suppress(asyncio.CancelledError):  # by a signal
        async with asyncio.TaskGroup() as group:
            supervisor = Supervisor(group, logs)
            _obey_signals(supervisor)
            try:
                say_ready(await _start(supervisor, layout))
                await asyncio.Event().wait()
            finally:
                await supervisor.stop()


async def _start(supervisor: Supervisor, layout: Layout) -> Facts:
    """The core first; all end in the opposite order: no caller waits at a facade whose core is gone."""
    core = await supervisor.start(_program(CORE, layout, layout.core.drain_grace_s))
    others = await asyncio.gather(
        supervisor.start(_program(MQTT, layout, layout.worker.drain_grace_s)),
        supervisor.start(_program(FACADE, layout, layout.facade.drain_grace_s)),
    )
    return reduce(or_, (Facts(**facts) for facts in (core, *others)))


def _program(name: str, layout: Layout, grace_s: float) -> Program:
    argv = (sys.executable, "-m", "trunkline.cli.child", name)
    return Program(name, argv, layout.overrides[name], grace_s=grace_s + SPARE_GRACE_S)


def _obey_signals(supervisor: Supervisor) -> None:
    """The first SIGTERM or SIGINT ends the parts gracefully, the next one at once."""
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()
    assert serving is not None

    def told() -> None:
        serving.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.kill)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
