from prometheus_client import CollectorRegistry, generate_latest

from trunkline.contract.streams.frames import Connect, Reply
from trunkline.contract.streams.worker_end import WorkerEnd
from trunkline.transports.counters import WorkerCounters
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import DisconnectCause, SessionKind


def test_everything_counted_is_shown() -> None:
    end = WorkerEnd("mqtt-1", "mqtt", b"incarnation-16-b")
    end.send(Connect(1, SessionKind.SESSION_KIND_ASYNCHRONOUS, 16, access_token="token"))
    for request_id in (1, 2):
        assert end.send(Reply(1, request_id, b"{}"))
    end.max_unacked_bytes = 0
    assert not end.send(Reply(1, 3, b"{}"))
    counters = WorkerCounters("mqtt", end)
    counters.sessions = 3
    counters.opened = 5
    counters.delivered = 7
    counters.not_sent = 2
    counters.replies = 6
    counters.failed_frames = 1
    counters.linked = 1
    counters.refused[ErrorReason.ERROR_REASON_BAD_CREDENTIALS] += 1
    counters.closed[DisconnectCause.DISCONNECT_CAUSE_KEEPALIVE] += 2
    counters.rejected["malformed_packet"] += 4
    registry = CollectorRegistry()
    registry.register(counters)
    lines = generate_latest(registry).decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'trunkline_worker_linked{transport="mqtt"} 1.0',
        'trunkline_worker_sessions{transport="mqtt"} 3.0',
        'trunkline_worker_sessions_opened_total{transport="mqtt"} 5.0',
        'trunkline_worker_calls_written_total{transport="mqtt"} 7.0',
        'trunkline_worker_calls_not_sent_total{transport="mqtt"} 2.0',
        'trunkline_worker_replies_total{transport="mqtt"} 6.0',
        'trunkline_worker_replies_kept{transport="mqtt"} 2.0',
        'trunkline_worker_replies_dropped_total{transport="mqtt"} 1.0',
        'trunkline_worker_frames_failed_total{transport="mqtt"} 1.0',
        'trunkline_worker_sessions_refused_total{reason="BAD_CREDENTIALS",transport="mqtt"} 1.0',
        'trunkline_worker_sessions_closed_total{cause="KEEPALIVE",transport="mqtt"} 2.0',
        'trunkline_worker_input_rejected_total{reason="malformed_packet",transport="mqtt"} 4.0',
    ]
