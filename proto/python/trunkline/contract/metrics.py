"""Each process's Prometheus port: plain text at /metrics, on a thread of prometheus-client's own server."""

from dataclasses import dataclass
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """A running metrics endpoint."""

    server: Any
    port: int

    def close(self) -> None:
        """Stop answering; returns once the port is free."""
        self.server.shutdown()
        self.server.server_close()


def serve_metrics(host: str, port: int, registry: CollectorRegistry = REGISTRY) -> MetricsServer:
    """Serve `registry` on `host:port` (0: any free port). OSError if the port is taken."""
    server, _thread = start_http_server(port, addr=host, registry=registry)
    return MetricsServer(server, server.server_port)
