"""What the core counts: plain integers on the hot path, read out when Prometheus asks."""

from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.contract.errors import cause_name, reason_name
from trunkline.core.calls.model import Stray
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import DisconnectCause


class Counters(Collector):
    """All of the core's figures; one instance per core."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[CallKind.ValueType, Outcome.ValueType, Cause.ValueType]] = Counter()
        self._refused_calls: Counter[ErrorReason.ValueType] = Counter()
        self._strays: Counter[Stray] = Counter()
        self._refused_sessions: Counter[ErrorReason.ValueType] = Counter()
        self._closed_sessions: Counter[DisconnectCause.ValueType] = Counter()
        self._refused_logins: Counter[ErrorReason.ValueType] = Counter()
        self._rejected: Counter[str] = Counter()
        self._opened_sessions = 0
        self._activity = 0
        self._gauges: list[tuple[str, str, Callable[[], int]]] = []
        self._totals: list[tuple[str, str, Callable[[], int]]] = []

    def ended(self, kind: CallKind.ValueType, outcome: Outcome.ValueType, cause: Cause.ValueType) -> None:
        """A call has its outcome."""
        self._calls[kind, outcome, cause] += 1

    def refused_call(self, reason: ErrorReason.ValueType) -> None:
        """A request never became a call."""
        self._refused_calls[reason] += 1

    def stray_reply(self, stray: Stray) -> None:
        """A reply completed no call."""
        self._strays[stray] += 1

    def opened_session(self) -> None:
        """A device connected."""
        self._opened_sessions += 1

    def refused_session(self, reason: ErrorReason.ValueType) -> None:
        """A device was not let in."""
        self._refused_sessions[reason] += 1

    def closed_session(self, cause: DisconnectCause.ValueType) -> None:
        """A worker reported the end of a session."""
        self._closed_sessions[cause] += 1

    def refused_login(self, reason: ErrorReason.ValueType) -> None:
        """Somebody was not let in."""
        self._refused_logins[reason] += 1

    def activity(self, sessions: int) -> None:
        """So many sessions were active."""
        self._activity += sessions

    def rejected(self, what: str) -> None:
        """Input of a peer that could not be handled."""
        self._rejected[what] += 1

    def watch(self, name: str, documentation: str, value: Callable[[], int]) -> None:
        """Show a figure that somebody else keeps."""
        self._gauges.append((name, documentation, value))

    def total(self, name: str, documentation: str, value: Callable[[], int]) -> None:
        """Show a count that somebody else keeps; it only grows."""
        self._totals.append((name, documentation, value))

    def collect(self) -> Iterable[Metric]:
        """The figures now, for prometheus-client."""
        calls = CounterMetricFamily(
            "trunkline_calls", "Calls by kind, outcome and cause", labels=["kind", "outcome", "cause"]
        )
        for (kind, outcome, cause), count in list(self._calls.items()):  # Prometheus asks from another thread
            labels = [
                CallKind.Name(kind).removeprefix("CALL_KIND_"),
                Outcome.Name(outcome).removeprefix("OUTCOME_"),
                cause_name(cause),
            ]
            calls.add_metric(labels, count)
        yield calls
        yield _by_reason("trunkline_calls_refused", "Requests that never became a call", self._refused_calls)
        strays = CounterMetricFamily("trunkline_stray_replies", "Replies that completed no call", labels=["kind"])
        for stray in Stray:
            strays.add_metric([stray.value], self._strays[stray])
        yield strays
        yield CounterMetricFamily("trunkline_sessions_opened", "Sessions opened", value=self._opened_sessions)
        yield _by_reason("trunkline_sessions_refused", "Devices not let in", self._refused_sessions)
        closed = CounterMetricFamily("trunkline_sessions_closed", "Sessions that ended", labels=["cause"])
        for disconnect, count in list(self._closed_sessions.items()):
            closed.add_metric([DisconnectCause.Name(disconnect).removeprefix("DISCONNECT_CAUSE_")], count)
        yield closed
        yield _by_reason("trunkline_logins_refused", "People not let in", self._refused_logins)
        yield CounterMetricFamily("trunkline_session_activity", "Activity reported by workers", value=self._activity)
        rejected = CounterMetricFamily("trunkline_rejected_input", "Input that could not be handled", labels=["what"])
        for what, count in list(self._rejected.items()):
            rejected.add_metric([what], count)
        yield rejected
        for name, documentation, value in self._gauges:
            yield GaugeMetricFamily(name, documentation, value=value())
        for name, documentation, value in self._totals:
            yield CounterMetricFamily(name, documentation, value=value())


def _by_reason(name: str, documentation: str, counts: Counter[ErrorReason.ValueType]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, documentation, labels=["reason"])
    for reason, count in list(counts.items()):
        family.add_metric([reason_name(reason)], count)
    return family
