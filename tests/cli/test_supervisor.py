"""Real child processes: tiny programs that say when they started, and end as each test wants."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from doubles.output import Output
from structlog.typing import EventDict

from trunkline.cli.prefixed_logs import PrefixedLogs
from trunkline.cli.supervisor import Program, StartFailed, Supervisor

PREAMBLE = """
import json, os, signal, sys, time
def ready(**facts):
    with os.fdopen(int(os.environ["TRUNKLINE_STATUS_FD"]), "w") as status:
        status.write(json.dumps(facts) + "\\n")
print("started", os.getpid(), flush=True)
"""
STEADY = "ready(pid=os.getpid())\nsignal.pause()"
STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nready()\nwhile True: signal.pause()"


def program(name: str, code: str, **environment: str) -> Program:
    return Program(name, (sys.executable, "-c", PREAMBLE + code), environment, grace_s=10)


async def supervised(body: Callable[[Supervisor, Output], Coroutine[Any, Any, None]]) -> Output:
    output = Output()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, PrefixedLogs(output, ["core", "facade", "mqtt"], colours=False))
        try:
            await body(supervisor, output)
        finally:
            await supervisor.stop()
    return output


async def test_start_returns_what_the_child_said_and_stop_ends_it() -> None:
    pids: list[int] = []

    async def body(supervisor: Supervisor, _: Output) -> None:
        facts = await supervisor.start(
            program("core", "ready(pid=os.getpid(), kind=os.environ['KIND'])\nsignal.pause()", KIND="x")
        )
        assert facts["kind"] == "x"
        pids.append(facts["pid"])
        os.kill(facts["pid"], 0)

    output = await supervised(body)
    assert output.text == f"core   | started {pids[0]}\n"
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


async def test_a_killed_child_is_started_again() -> None:
    async def body(supervisor: Supervisor, output: Output) -> None:
        first = (await supervisor.start(program("mqtt", STEADY)))["pid"]
        await output.line("started")
        for _ in range(2):
            os.kill(first, signal.SIGKILL)
            again = int((await output.line(r"started (\d+)"))[1])
            assert again != first
            first = again

    await supervised(body)


async def test_a_child_that_ends_well_is_started_again_too() -> None:
    async def body(supervisor: Supervisor, output: Output) -> None:
        await supervisor.start(program("mqtt", "ready()"))
        await output.line("started")
        await output.line("started")

    await supervised(body)


async def test_a_superseded_worker_is_not_started_again() -> None:
    async def body(supervisor: Supervisor, output: Output) -> None:
        await supervisor.start(program("mqtt", "ready()\nsys.exit(78)"))
        await supervisor.start(program("core", STEADY))
        os.kill(int((await output.line(r"core +\| started (\d+)"))[1]), signal.SIGKILL)
        await output.line("core.*started")  # by then the other would long have been back

    output = await supervised(body)
    assert output.text.count("mqtt   | started") == 1


async def test_a_first_start_that_fails_is_an_error_that_says_how() -> None:
    async def body(supervisor: Supervisor, output: Output) -> None:
        with pytest.raises(StartFailed, match=r"core ended before it was ready \(exit code 3\)"):
            await supervisor.start(program("core", "print('bad option')\nsys.exit(3)"))
        await output.line(r"core   \| bad option")

    await supervised(body)


@pytest.fixture
def events() -> Iterator["asyncio.Queue[str]"]:
    """What is logged, as it is logged."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    def hear(_logger: object, _level: str, event: EventDict) -> EventDict:
        heard.put_nowait(event["event"])
        raise structlog.DropEvent

    structlog.configure(processors=[hear])
    yield heard
    structlog.reset_defaults()


async def test_a_program_that_cannot_be_started_again_is_tried_until_it_can(
    tmp_path: Path, events: "asyncio.Queue[str]"
) -> None:
    script = tmp_path / "program"
    text = f"#!{sys.executable}\n{PREAMBLE}\nready()\nos.unlink(__file__)"

    def install() -> None:
        script.write_text(text)
        script.chmod(0o755)

    async def body(supervisor: Supervisor, output: Output) -> None:
        install()
        await supervisor.start(Program("core", (str(script),)))
        await output.line("started")
        while await events.get() != "part_not_started":
            pass
        install()
        await output.line("started")

    await supervised(body)


async def test_programs_end_in_the_opposite_order() -> None:
    said = "signal.signal(signal.SIGTERM, lambda *_: (print('told', flush=True), sys.exit(0)))\n" + STEADY

    async def body(supervisor: Supervisor, _: Output) -> None:
        for name in ("core", "mqtt", "facade"):
            await supervisor.start(program(name, said))

    output = await supervised(body)
    assert [line.split()[0] for line in output.text.splitlines() if "told" in line] == ["facade", "mqtt", "core"]


async def test_a_child_that_does_not_listen_is_killed_after_its_grace() -> None:
    async def body(supervisor: Supervisor, _: Output) -> None:
        await supervisor.start(Program("core", (sys.executable, "-c", PREAMBLE + STUBBORN), grace_s=0.05))

    await supervised(body)


async def test_kill_cuts_a_graceful_end_short() -> None:
    async def body(supervisor: Supervisor, _: Output) -> None:
        await supervisor.start(Program("core", (sys.executable, "-c", PREAMBLE + STUBBORN), grace_s=1000))
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.stop())
            await asyncio.sleep(0)
            supervisor.kill()

    await supervised(body)


async def test_stop_does_not_wait_for_the_next_restart() -> None:
    async def body(supervisor: Supervisor, output: Output) -> None:
        await supervisor.start(program("mqtt", "ready()\nsys.exit(1)"))
        for _ in range(4):
            await output.line("started")  # the pause has grown to most of a second by now

    await supervised(body)


async def test_cancelling_ends_the_children() -> None:
    output = Output()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            supervisor = Supervisor(group, PrefixedLogs(output, ["core"], colours=False))
            started.set_result((await supervisor.start(program("core", STEADY)))["pid"])
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


SUPERVISING = """
import asyncio, sys
from structlog.typing import EventDict

from trunkline.cli.prefixed_logs import PrefixedLogs
from trunkline.cli.supervisor import Program, Supervisor

CHILD = '''
import asyncio, os
from trunkline.cli.lifeline import announce_ready, die_with_parent, watch_parent
die_with_parent()
async def main():
    watch_parent(asyncio.get_running_loop())
    announce_ready({"pid": os.getpid()})
    await asyncio.Event().wait()
asyncio.run(main())
'''

async def main():
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(group, PrefixedLogs(sys.stderr.buffer, ["core"], colours=False))
        facts = await supervisor.start(Program("core", (sys.executable, "-c", CHILD)))
        print(facts["pid"], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="children of other systems end by their pipe: test_lifeline.py")
def test_sigkill_of_the_supervisor_leaves_no_child(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SUPERVISING], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        _await_end(child)
    finally:
        os.close(child)


def _await_end(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(10_000), "the child lives on"
