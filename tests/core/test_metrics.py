import threading

from prometheus_client import CollectorRegistry, generate_latest

from trunkline.core.calls.model import Stray
from trunkline.core.metrics import Counters
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.transport_service_pb2 import DisconnectCause


def shown(counters: Counters) -> str:
    registry = CollectorRegistry()
    registry.register(counters)
    return generate_latest(registry).decode()


def test_every_figure_is_shown() -> None:
    counters = Counters()
    counters.ended(CallKind.CALL_KIND_TWO_WAY, Outcome.OUTCOME_SUCCEEDED, Cause.CAUSE_UNSPECIFIED)
    counters.ended(CallKind.CALL_KIND_ONE_WAY, Outcome.OUTCOME_EXPIRED, Cause.CAUSE_DEVICE_OFFLINE)
    counters.refused_call(ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND)
    counters.stray_reply(Stray.LATE)
    counters.opened_session()
    counters.refused_session(ErrorReason.ERROR_REASON_BAD_CREDENTIALS)
    counters.closed_session(DisconnectCause.DISCONNECT_CAUSE_CLIENT)
    counters.refused_login(ErrorReason.ERROR_REASON_UNAUTHENTICATED)
    counters.activity(3)
    counters.rejected("link_frame")
    counters.watch("trunkline_sessions", "Live sessions", lambda: 7)
    counters.total("trunkline_presence_written", "Rows", lambda: 9)
    lines = shown(counters).splitlines()
    for line in (
        'trunkline_calls_total{cause="",kind="TWO_WAY",outcome="SUCCEEDED"} 1.0',
        'trunkline_calls_total{cause="DEVICE_OFFLINE",kind="ONE_WAY",outcome="EXPIRED"} 1.0',
        'trunkline_calls_refused_total{reason="DEVICE_NOT_FOUND"} 1.0',
        'trunkline_stray_replies_total{kind="late"} 1.0',
        'trunkline_stray_replies_total{kind="duplicate"} 0.0',
        "trunkline_sessions_opened_total 1.0",
        'trunkline_sessions_refused_total{reason="BAD_CREDENTIALS"} 1.0',
        'trunkline_sessions_closed_total{cause="CLIENT"} 1.0',
        'trunkline_logins_refused_total{reason="UNAUTHENTICATED"} 1.0',
        "trunkline_session_activity_total 3.0",
        'trunkline_rejected_input_total{what="link_frame"} 1.0',
        "trunkline_sessions 7.0",
        "trunkline_presence_written_total 9.0",
    ):
        assert line in lines


def test_figures_may_be_asked_for_while_they_grow() -> None:
    counters = Counters()
    asking = threading.Event()

    def ask() -> None:
        while not asking.is_set():
            shown(counters)

    thread = threading.Thread(target=ask)
    thread.start()
    for number in range(20_000):
        counters.rejected(f"thing {number % 1_000}")
    asking.set()
    thread.join()
    assert 'trunkline_rejected_input_total{what="thing 5"} 20.0' in shown(counters)
