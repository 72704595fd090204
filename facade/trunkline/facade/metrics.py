"""What the facade counts: plain integers on the hot path, read out when Prometheus asks."""

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.contract.errors import cause_name, reason_name
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason


class Counters(Collector):
    """All of the facade's figures; one instance per facade."""

    def __init__(self) -> None:
        self._answered: Counter[tuple[CallKind.ValueType, Outcome.ValueType, Cause.ValueType]] = Counter()
        self._refused: Counter[ErrorReason.ValueType] = Counter()
        self._hung_up = 0
        self.event_streams = 0
        """Open now."""
        self._rejected: Counter[str] = Counter()

    def answered(self, kind: CallKind.ValueType, outcome: Outcome.ValueType, cause: Cause.ValueType) -> None:
        """A call's result went back to its caller."""
        self._answered[kind, outcome, cause] += 1

    def refused(self, reason: ErrorReason.ValueType) -> None:
        """A request did not become a call."""
        self._refused[reason] += 1

    def hung_up(self) -> None:
        """A caller went away before its answer."""
        self._hung_up += 1

    def rejected(self, what: str) -> None:
        """A connection was ended for what it sent, or did not send in time."""
        self._rejected[what] += 1

    def collect(self) -> Iterable[Metric]:
        """The figures now, for prometheus-client."""
        answered = CounterMetricFamily(
            "trunkline_facade_calls",
            "Calls answered over REST, by kind, outcome and cause",
            labels=["kind", "outcome", "cause"],
        )
        for (kind, outcome, cause), count in self._answered.items():
            labels = [
                CallKind.Name(kind).removeprefix("CALL_KIND_"),
                Outcome.Name(outcome).removeprefix("OUTCOME_"),
                cause_name(cause),
            ]
            answered.add_metric(labels, count)
        yield answered
        refused = CounterMetricFamily(
            "trunkline_facade_refused", "REST requests for a call that did not become one", labels=["reason"]
        )
        for reason, count in self._refused.items():
            refused.add_metric([reason_name(reason)], count)
        yield refused
        yield CounterMetricFamily(
            "trunkline_facade_hang_ups", "REST callers that went away before their answer", value=self._hung_up
        )
        yield GaugeMetricFamily("trunkline_facade_event_streams", "Event streams open", value=self.event_streams)
        rejected = CounterMetricFamily(
            "trunkline_facade_connections_rejected",
            "HTTP connections ended for what they sent, or did not send in time",
            labels=["what"],
        )
        for what, count in self._rejected.items():
            rejected.add_metric([what], count)
        yield rejected
