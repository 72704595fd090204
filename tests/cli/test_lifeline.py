import os
import signal
import subprocess
import sys

CHILD = """
import asyncio, os, signal
from trunkline.cli.lifeline import announce_ready, die_with_parent, watch_parent

async def main():
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    watch_parent(loop)
    announce_ready({"port": 1})
    await ended.wait()
    print("drained", flush=True)

die_with_parent()
asyncio.run(main())
"""


def start(parent: int) -> tuple["subprocess.Popen[str]", str]:
    reading, writing = os.pipe()
    environment = {**os.environ, "TRUNKLINE_STATUS_FD": str(writing), "TRUNKLINE_PARENT_PID": str(parent)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(writing,),
        text=True,
    )
    os.close(writing)
    with os.fdopen(reading) as status:
        return child, status.read()


def test_a_child_announces_itself_and_drains_when_its_pipe_ends() -> None:
    child, status = start(os.getpid())
    with child:
        assert status == '{"port": 1}\n'
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write("ignored")
        child.stdin.close()
        assert child.stdout.read() == "drained\n"
    assert child.returncode == 0


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    child, status = start(parent=1)
    with child:
        assert status == ""
    assert child.returncode == 1


def test_nobody_supervises_a_test_run() -> None:
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
