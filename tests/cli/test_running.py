import asyncio
import gc
import os
import signal
from collections.abc import Iterator, Sequence

import httpx
import pytest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.cli.ready import Facts
from trunkline.cli.running import GC_THRESHOLDS, run


class Counted(Collector):
    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily("tested", "A figure", value=7)


class SmallPart:
    """A part that ends by itself with `code`, if that is set."""

    def __init__(self, code: int | None = None, metrics_port: int = 0) -> None:
        self.said: list[str] = []
        self.metrics_at = ("127.0.0.1", metrics_port)
        self.code = code

    @property
    def collectors(self) -> Sequence[Collector]:
        return (Counted(),)

    async def start(self) -> Facts:
        self.said.append("start")
        return Facts({"small": "url"})

    async def ended(self) -> int:
        if self.code is None:
            await asyncio.Event().wait()
        return self.code or 0

    async def drain(self) -> None:
        self.said.append("drain")


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(number: signal.Signals) -> None:
    part = SmallPart()
    assert run(lambda: part, lambda _: os.kill(os.getpid(), number)) == 0
    assert part.said == ["start", "drain"]


def test_a_part_that_ends_says_its_exit_code_and_is_drained() -> None:
    part = SmallPart(code=78)
    assert run(lambda: part, lambda _: None) == 78
    assert part.said == ["start", "drain"]


def test_figures_are_served_while_it_runs_where_the_facts_say() -> None:
    seen: list[str] = []

    def on_ready(facts: Facts) -> None:
        assert facts.urls["small"] == "url"
        seen.append(facts.urls["metrics"])
        seen.append(httpx.get(facts.urls["metrics"], trust_env=False).text)
        os.kill(os.getpid(), signal.SIGTERM)

    assert run(SmallPart, on_ready) == 0
    assert "tested_total 7.0" in seen[1]
    with pytest.raises(httpx.ConnectError):
        httpx.get(seen[0], trust_env=False)


def test_a_negative_port_serves_no_figures() -> None:
    facts: list[Facts] = []
    run(lambda: SmallPart(code=0, metrics_port=-1), facts.append)
    assert facts == [Facts({"small": "url"})]


def test_the_collector_is_calmed_before_anyone_hears_that_it_is_ready() -> None:
    thresholds: list[tuple[int, int, int]] = []
    run(lambda: SmallPart(code=0), lambda _: thresholds.append(gc.get_threshold()))
    assert thresholds == [GC_THRESHOLDS]


def test_first_comes_before_the_part_and_a_failed_start_is_told() -> None:
    order: list[str] = []

    class Failing(SmallPart):
        async def start(self) -> Facts:
            order.append("start")
            raise OSError("taken")

    with pytest.raises(OSError, match="taken"):
        run(Failing, lambda _: order.append("ready"), lambda: order.append("first"))
    assert order == ["first", "start"]
