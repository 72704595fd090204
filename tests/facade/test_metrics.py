"""What Prometheus reads."""

from prometheus_client import CollectorRegistry

from trunkline.facade.metrics import Counters
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason


def test_everything_counted_is_shown() -> None:
    counters = Counters()
    registry = CollectorRegistry()
    registry.register(counters)
    for _ in range(2):
        counters.answered(CallKind.CALL_KIND_TWO_WAY, Outcome.OUTCOME_EXPIRED, Cause.CAUSE_NO_REPLY)
    counters.refused(ErrorReason.ERROR_REASON_UNAUTHENTICATED)
    counters.hung_up()
    counters.event_streams += 3
    labels = {"kind": "TWO_WAY", "outcome": "EXPIRED", "cause": "NO_REPLY"}
    assert registry.get_sample_value("trunkline_facade_calls_total", labels) == 2
    assert registry.get_sample_value("trunkline_facade_refused_total", {"reason": "UNAUTHENTICATED"}) == 1
    assert registry.get_sample_value("trunkline_facade_hang_ups_total") == 1
    assert registry.get_sample_value("trunkline_facade_event_streams") == 3
