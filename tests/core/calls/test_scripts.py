"""The scenarios in scripts/*.txt, played to the machine.

Each block is commands, a line `----`, and what they brought about: effects, and changes of calls' states. After a
deliberate change of a rule run with REWRITE_SCRIPTS=1 and commit the difference only if you understand it.
"""

import os
import re
from pathlib import Path

import pytest
from doubles.call_shell import CallShell

from trunkline.core.calls.model import Redelivery, Strategy
from trunkline.v1.call_pb2 import CallState

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


def milliseconds(text: str) -> int:
    """`250ms`, `10s`."""
    number, unit = re.fullmatch(r"(\d+)(ms|s)", text).groups()  # type: ignore[union-attr]  # a bad script may fail so
    return int(number) * (1000 if unit == "s" else 1)


def play(shell: CallShell, line: str) -> CallShell:
    """Perform one command; `core` starts anew with other limits."""
    command, *words = line.split()
    options = dict(word.split("=", 1) for word in words if "=" in word)
    flags = {word for word in words if "=" not in word}
    names = [word for word in words if "=" not in word]
    explicit = "explicit" in flags
    match command:
        case "core":
            later = CallShell(
                sessions=int(options.get("sessions", 1)),
                pending=int(options.get("pending", 1000)),
                grace_ms=shell.now + milliseconds(options.get("grace", "0s")),
                start=int(options.get("start", 1)),
                stored=int(options.get("stored", 1000)),
                close_sessions="close-sessions" in flags,
            )
            later.now = shell.now
            later.calls, later.names, later.shown = shell.calls, shell.names, shell.shown
            later.finished, later.ends = shell.finished, shell.ends
            return later
        case "call":
            shell.call(
                names[0],
                one_way="one-way" in flags,
                await_delivery="await-delivery" in flags,
                fail_fast="fail-fast" in flags,
                timeout_ms=milliseconds(options.get("timeout", "10s")),
                redelivery=Redelivery(options.get("redelivery", "unanswered")),
                strategy=Strategy(options["stored"].replace("-", " ")) if "stored" in options else None,
                retries=int(options.get("retries", 5)),
            )
        case "stored":
            for name in names:
                shell.stored(name)
        case "not-stored":
            shell.not_stored(names[0], "unknown" in flags)
        case "drop":
            shell.drop(names[0])
        case "remove":
            shell.remove(names[0])
        case "take-up":
            shell.take_up(names[0], CallState.Value(f"CALL_STATE_{names[1]}"))
        case "fetched":
            shell.fetched()
        case "cancel":
            shell.cancel(names[0])
        case "hang-up":
            shell.hang_up(names[0])
        case "open":
            kind = options.get("kind", "asynchronous")
            shell.open(names[0], int(options.get("epoch", 1)), kind, int(options.get("slots", 16)))
        case "subscribe":
            shell.subscribe(names[0], explicit)
        case "unsubscribe":
            shell.unsubscribe(names[0])
        case "suspend":
            shell.suspend(names[0])
        case "unsuspend":
            shell.unsuspend(names[0])
        case "resume":
            shell.resume(
                names[0],
                int(options.get("epoch", 1)),
                subscribed="unsubscribed" not in flags,
                explicit=explicit,
                slots=int(options.get("slots", 16)),
                open=tuple(shell.calls[name].request_id for name in options.get("open", "").split(",") if name),
            )
        case "close":
            shell.close(names[0])
        case "clog":
            shell.held.add(names[0])
        case "unclog":
            shell.held.discard(names[0])
        case "written":
            shell.written(*names)
        case "not-written":
            shell.not_written(*names)
        case "report":
            shell.report(*names)
        case "reply":
            if names[0] in shell.calls:
                shell.reply(names[0], " ".join(names[1:]).encode())
            else:
                shell.reply_id(int(names[0]))
        case "reply-error":
            shell.reply_error(names[0], " ".join(names[1:]))
        case "tick":
            shell.tick(milliseconds(names[0]))
        case "delete":
            shell.delete()
        case "drain":
            shell.drain()
        case _:
            raise ValueError(f"no such command: {line}")
    return shell


def perform(text: str) -> str:
    """The script with the outputs it has now."""
    shell = CallShell()
    blocks = []
    for block in text.strip().split("\n\n"):
        commands = block.split("\n----")[0].splitlines()
        shell.log.clear()
        for line in commands:
            if not line.startswith("#"):
                log = shell.log
                shell = play(shell, line)
                shell.log = log
        heading = all(line.startswith("#") for line in commands)
        blocks.append("\n".join(commands if heading else [*commands, "----", *shell.log]))
    return "\n\n".join(blocks) + "\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script(script: Path) -> None:
    expected = script.read_text()
    actual = perform(expected)
    if os.environ.get("REWRITE_SCRIPTS"):
        script.write_text(actual)
    else:
        assert actual == expected
