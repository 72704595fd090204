"""Parts that are killed or stopped in mid-call: every caller gets an answer, and nothing needs a restart by hand."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from system.paho_device import paho_device
from system.rest_caller import RestCaller, rest_caller
from system.runners import Served, serve

pytestmark = pytest.mark.long

CALL = {"method": "setGpio", "params": {}}
SILENT = {"method": "beSilent", "params": None, "timeout": 60_000}
NAME = "Test Device A1"
TOKEN = "A1_TEST_TOKEN"
STOPPED_S = 20.0


def part(served: Served, name: str) -> psutil.Process:
    """The child process that runs a part: `core`, `facade`, `mqtt`."""
    (found,) = [child for child in psutil.Process(served.process.pid).children() if child.cmdline()[-1] == name]
    return found


def answer(method: str, params: object) -> bytes | None:
    return None if method == "beSilent" else b"{}"


@contextmanager
def waiting_calls(served: Served) -> Iterator[tuple[RestCaller, str, dict[bool, Future[httpx.Response]]]]:
    """A device that has got two calls and keeps silent, and the callers who wait: by whether they use the v1 path."""
    with (
        rest_caller(served.rest) as tenant,
        paho_device(served.mqtt_port, TOKEN, answer=answer) as calls,
        ThreadPoolExecutor() as pool,
    ):
        device_id = tenant.device_id(NAME)
        waiting = {v1: pool.submit(tenant.twoway, device_id, SILENT, v1=v1) for v1 in (False, True)}
        for _ in waiting:
            calls.get(timeout=10)
        yield tenant, device_id, waiting


def eventually_answers(tenant: RestCaller, device_id: str, within_s: float) -> None:
    """Calls are refused at most for a while; then they work again."""
    end = time.monotonic() + within_s
    while True:
        try:
            response = tenant.twoway(device_id, {**CALL, "timeout": 5000})
            if response.status_code == 200:
                return
            last = f"{response.status_code} {response.headers.get('Trunkline-Cause')}"
        except httpx.TransportError as error:
            last = repr(error)
        assert time.monotonic() < end, f"still {last} after {within_s} s"


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Served]:
    with serve("parts", tmp_path / "data") as served:
        yield served


def test_core_killed(parts: Served) -> None:
    with waiting_calls(parts) as (tenant, device_id, waiting):
        part(parts, "core").kill()
        for v1, call in waiting.items():
            response = call.result(3)
            assert (response.status_code, response.content) == (408 if v1 else 504, b"")
            assert response.headers["Trunkline-Cause"] == "CORE_LOST"
            assert response.headers["Trunkline-Call-Id"]
        eventually_answers(tenant, device_id, 20)


def test_core_stopped(parts: Served) -> None:
    core = part(parts, "core")
    with waiting_calls(parts) as (tenant, device_id, waiting):
        core.suspend()
        stopped = time.monotonic()
        for v1, call in waiting.items():
            response = call.result(10)
            assert response.status_code == (408 if v1 else 504)
            assert response.headers["Trunkline-Cause"] == "CORE_LOST"
            assert response.headers["Trunkline-Call-Id"]
        assert time.monotonic() - stopped < 9  # three heartbeats of 2 s, and some slack
        time.sleep(STOPPED_S - (time.monotonic() - stopped))  # the fault is its length
        core.resume()
        eventually_answers(tenant, device_id, 20)


def test_worker_killed(parts: Served) -> None:
    with rest_caller(parts.rest) as tenant, paho_device(parts.mqtt_port, TOKEN, answer=answer) as calls:
        device_id = tenant.device_id(NAME)
        with ThreadPoolExecutor() as pool:
            call = pool.submit(tenant.twoway, device_id, {**SILENT, "timeout": 8_000})
            calls.get(timeout=10)
            part(parts, "mqtt").kill()
            response = call.result(12)
            assert (response.status_code, response.headers["Trunkline-Cause"]) == (504, "NO_REPLY")
        eventually_answers(tenant, device_id, 20)


def test_worker_stopped(parts: Served) -> None:
    worker = part(parts, "mqtt")
    with rest_caller(parts.rest) as tenant, paho_device(parts.mqtt_port, TOKEN, answer=answer):
        device_id = tenant.device_id(NAME)
        worker.suspend()
        stopped = time.monotonic()
        response = tenant.twoway(device_id, {**CALL, "timeout": 5_000})
        assert response.status_code == 504
        assert response.headers["Trunkline-Cause"] in {"NO_ACK_FROM_WORKER", "WORKER_LOST", "DEVICE_OFFLINE"}
        time.sleep(STOPPED_S - (time.monotonic() - stopped))  # the fault is its length
        worker.resume()
        eventually_answers(tenant, device_id, 20)


def test_facade_killed(parts: Served) -> None:
    with waiting_calls(parts) as (tenant, device_id, waiting):
        part(parts, "facade").kill()
        for call in waiting.values():
            with pytest.raises(httpx.TransportError):
                call.result(5)
        eventually_answers(tenant, device_id, 20)


def test_facade_stopped(parts: Served) -> None:
    facade = part(parts, "facade")
    with rest_caller(parts.rest) as tenant, paho_device(parts.mqtt_port, TOKEN, answer=answer) as calls:
        device_id = tenant.device_id(NAME)
        with ThreadPoolExecutor() as pool:
            call = pool.submit(tenant.twoway, device_id, {**SILENT, "timeout": 5_000})
            calls.get(timeout=10)
            facade.suspend()
            time.sleep(STOPPED_S)  # the fault is its length
            facade.resume()
            assert call.result(5).status_code == 504
        eventually_answers(tenant, device_id, 20)


def test_serve_killed_leaves_no_child(parts: Served) -> None:
    children = psutil.Process(parts.process.pid).children(recursive=True)
    assert len(children) >= 3
    os.kill(parts.process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
