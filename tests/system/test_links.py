"""Core, facade and worker started alone, and what happens to calls when the worker's link to the core breaks."""

import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from system.paho_device import paho_device
from system.rest_caller import RestCaller, rest_caller
from system.runners import Served, running
from system.unix_proxy import UnixProxy

CALL = {"method": "setGpio", "params": {"pin": 7}, "timeout": 20_000}
SUPERSEDED_EXIT = 78


@dataclass
class Parts:
    """Each part alone; the worker reaches the core through `link`."""

    facade: Served
    worker: Served
    link: UnixProxy
    worker_dir: Path


def alone(*words: str, data_dir: Path) -> list[str]:
    """The command that starts one part on free ports."""
    return [sys.executable, "-m", "trunkline.cli.main", *words, "--metrics-port=0", f"--data-dir={data_dir}"]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    core_dir, worker_dir = tmp_path / "core", tmp_path / "worker"
    with ExitStack() as all_of_them:
        all_of_them.enter_context(running(alone("core", "--demo", "--grpc-port=0", data_dir=core_dir), {}))
        worker_dir.mkdir()
        shutil.copy(core_dir / "part-secret", worker_dir)
        (worker_dir / "core.addr").write_text(str(tmp_path / "link.sock"))
        link = UnixProxy(tmp_path / "link.sock", core_dir / "core.sock")
        all_of_them.enter_context(link.running())
        worker = all_of_them.enter_context(running(alone("transport", "mqtt", "--port=0", data_dir=worker_dir), {}))
        facade = all_of_them.enter_context(running(alone("facade", "--http-port=0", data_dir=core_dir), {}))
        yield Parts(facade, worker, link, worker_dir)


def call_until(ended: threading.Event, tenant: RestCaller, device_id: str) -> Counter[str]:
    """Call again and again; how often each status came."""
    statuses: Counter[str] = Counter()
    while not ended.is_set():
        response = tenant.twoway(device_id, CALL)
        statuses[f"{response.status_code} {response.headers.get('Trunkline-Cause', '')}".strip()] += 1
    return statuses


def under_load(parts: Parts, broken_s: float, breaks: int) -> Counter[str]:
    """The statuses of calls made from eight threads while the link breaks."""
    ended = threading.Event()
    with (
        rest_caller(parts.facade.rest) as tenant,
        paho_device(parts.worker.mqtt_port, "A1_TEST_TOKEN", qos=0) as calls,
        ThreadPoolExecutor() as pool,
    ):
        device_id = tenant.device_id("Test Device A1")
        callers = [pool.submit(call_until, ended, tenant, device_id) for _ in range(8)]
        for _ in range(breaks):
            for _ in range(200):  # calls go through before the next break
                calls.get(timeout=10)
            parts.link.cut()
            time.sleep(broken_s)  # the fault is its length
            parts.link.mend()
        for _ in range(200):
            calls.get(timeout=10)
        ended.set()
        return sum((caller.result() for caller in callers), Counter())


def test_a_short_break_changes_no_outcome(parts: Parts) -> None:
    statuses = under_load(parts, broken_s=1.0, breaks=3)
    assert set(statuses) == {"200"}, statuses
    assert statuses["200"] > 600


@pytest.mark.long
def test_a_long_break_leaves_no_call_without_an_outcome(parts: Parts) -> None:
    statuses = under_load(parts, broken_s=5.0, breaks=2)
    assert set(statuses) <= {"200", "504 WORKER_LOST", "504 NO_ACK_FROM_WORKER", "504 NO_REPLY"}, statuses
    assert statuses["200"] > 400


def test_two_workers_with_one_name(parts: Parts) -> None:
    with running(alone("transport", "mqtt", "--port=0", data_dir=parts.worker_dir), {}) as second:
        assert parts.worker.process.wait(10) == SUPERSEDED_EXIT
        assert "worker_id" in "".join(parts.worker.output).lower()
        with rest_caller(parts.facade.rest) as tenant, paho_device(second.mqtt_port, "A1_TEST_TOKEN"):
            assert tenant.twoway(tenant.device_id("Test Device A1"), CALL).status_code == 200
