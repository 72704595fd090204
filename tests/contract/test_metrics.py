import socket
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from trunkline.contract.metrics import serve_metrics


def test_a_registry_is_served_as_text() -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls by outcome.", ["outcome"], registry=registry).labels("SENT").inc(3)
    server = serve_metrics("127.0.0.1", 0, registry)
    try:
        with urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    finally:
        server.close()
    assert 'calls_total{outcome="SENT"} 3.0' in text


def test_a_closed_server_leaves_its_port() -> None:
    server = serve_metrics("127.0.0.1", 0, CollectorRegistry())
    server.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


def test_a_taken_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            serve_metrics("127.0.0.1", taken.getsockname()[1], CollectorRegistry())
