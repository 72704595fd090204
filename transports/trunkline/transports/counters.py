"""What a worker counts: plain integers on the hot path, read out when Prometheus asks."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.contract.errors import reason_name
from trunkline.contract.streams.worker_end import WorkerEnd
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DisconnectCause


class WorkerCounters(Collector):
    """All figures of one worker."""

    def __init__(self, transport: str, end: WorkerEnd) -> None:
        self.transport = transport
        self._end = end
        self.sessions = 0
        """Live ones."""
        self.opened = 0
        self.delivered = 0
        """Calls written to devices."""
        self.not_sent = 0
        """Calls that could not be written, and went back to the core."""
        self.replies = 0
        self.failed_frames = 0
        """Frames from the core that could not be understood or handled."""
        self.refused: Counter[ErrorReason.ValueType] = Counter()
        self.closed: Counter[DisconnectCause.ValueType] = Counter()
        self.rejected: Counter[str] = Counter()
        self.linked = 0

    def collect(self) -> Iterable[Metric]:
        """The figures now, for prometheus-client."""
        yield self._gauge("trunkline_worker_linked", "1 while a core has welcomed this worker", self.linked)
        yield self._gauge("trunkline_worker_sessions", "Live sessions of devices", self.sessions)
        yield self._counter("trunkline_worker_sessions_opened", "Sessions since the start", self.opened)
        yield self._counter("trunkline_worker_calls_written", "Calls written to devices", self.delivered)
        yield self._counter("trunkline_worker_calls_not_sent", "Calls that went back to the core", self.not_sent)
        yield self._counter("trunkline_worker_replies", "Replies of devices", self.replies)
        yield self._gauge(
            "trunkline_worker_replies_kept",
            "Replies to stored calls that the core has yet to store",
            self._end.kept_replies,
        )
        yield self._counter(
            "trunkline_worker_replies_dropped", "Replies to stored calls that found no room", self._end.dropped_replies
        )
        yield self._counter("trunkline_worker_frames_failed", "Frames of the core not handled", self.failed_frames)
        refused = {reason_name(reason): count for reason, count in self.refused.items()}
        yield self._labelled("trunkline_worker_sessions_refused", "Devices not let in, by reason", "reason", refused)
        closed = {
            DisconnectCause.Name(cause).removeprefix("DISCONNECT_CAUSE_"): count for cause, count in self.closed.items()
        }
        yield self._labelled("trunkline_worker_sessions_closed", "Ended sessions, by cause", "cause", closed)
        yield self._labelled(
            "trunkline_worker_input_rejected", "Input of devices not taken, by reason", "reason", self.rejected
        )

    def _gauge(self, name: str, documentation: str, value: int) -> Metric:
        metric = GaugeMetricFamily(name, documentation, labels=["transport"])
        metric.add_metric([self.transport], value)
        return metric

    def _counter(self, name: str, documentation: str, value: int) -> Metric:
        metric = CounterMetricFamily(name, documentation, labels=["transport"])
        metric.add_metric([self.transport], value)
        return metric

    def _labelled(self, name: str, documentation: str, label: str, values: dict[str, int]) -> Metric:
        metric = CounterMetricFamily(name, documentation, labels=["transport", label])
        for key, value in values.items():
            metric.add_metric([self.transport, key], value)
        return metric
