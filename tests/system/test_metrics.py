"""Every metric that docs/operations.md names is there, and counts."""

import re

import httpx
from system.paho_device import paho_device
from system.rest_caller import rest_caller
from system.runners import ROOT, Served


def scrape(served: Served) -> str:
    """The text of all metrics ports."""
    return "".join(httpx.get(url, trust_env=False).text for url in served.urls["metrics"].split(","))


def test_documented_metrics_exist(served: Served) -> None:
    documented = set(re.findall(r"`(trunkline_\w+)`", (ROOT / "docs/operations.md").read_text()))
    names = set(re.findall(r"^# TYPE (\w+)", scrape(served), re.MULTILINE))
    assert documented
    assert documented <= names


def test_a_call_is_counted_with_its_outcome(served: Served) -> None:
    line = 'trunkline_calls_total{cause="",kind="TWO_WAY",outcome="SUCCEEDED"}'

    def count() -> float:
        found = re.search(rf"^{re.escape(line)} (\S+)$", scrape(served), re.MULTILINE)
        return float(found[1]) if found else 0.0

    before = count()
    with rest_caller(served.rest) as tenant, paho_device(served.mqtt_port, "A1_TEST_TOKEN"):
        assert tenant.twoway(tenant.device_id("Test Device A1"), {"method": "m"}).status_code == 200
    assert count() == before + 1
