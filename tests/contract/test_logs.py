"""Logging is one setting per process, so each test runs a process of its own."""

import json
import subprocess
import sys

SPEAK = """
import logging
from trunkline.contract.logs import configure_logs, get_logger
configure_logs({level!r}, {log_format!r})
log = get_logger("trunkline.test")
log.debug("call_started", call_id="c-1")
log.info("link_opened", worker_id="w-1")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("task_failed")
logging.getLogger("library").info("every parameter, secrets too")
logging.getLogger("library").warning("something is wrong")
"""


def speak(level: str, log_format: str) -> list[str]:
    """What a process logs at this level and in this form, line by line; nothing may go to standard output."""
    code = SPEAK.format(level=level, log_format=log_format)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_lines_are_the_same_for_us_and_for_libraries() -> None:
    opened, failed, library = (json.loads(line) for line in speak("INFO", "json"))
    assert (opened["event"], opened["worker_id"], opened["level"]) == ("link_opened", "w-1", "info")
    assert opened["logger"] == "trunkline.test"
    assert opened["timestamp"].endswith("Z")
    assert failed["event"] == "task_failed"
    assert "ZeroDivisionError" in failed["exception"]
    assert library["event"] == "something is wrong"


def test_the_level_is_ours_and_does_not_let_libraries_talk() -> None:
    events = [json.loads(line)["event"] for line in speak("debug", "json")]
    assert events == ["call_started", "link_opened", "task_failed", "something is wrong"]


def test_the_console_form_is_for_people() -> None:
    text = "\n".join(speak("INFO", "console"))
    assert "link_opened" in text
    assert "worker_id=w-1" in text
    assert "call_started" not in text


def test_in_somebody_elses_program_it_is_quiet() -> None:
    code = "from trunkline.contract.logs import get_logger; get_logger('trunkline.test').info('link_opened')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "")
