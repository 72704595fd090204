from doubles.mqtt_bench import MqttBench, RecordingLine

from trunkline.transports.endpoints.mqtt.server import Connection
from trunkline.transports.endpoints.mqtt.surroundings import Line, Pause
from trunkline.transports.endpoints.mqtt.uplinks import Uplinks


def test_pauses_are_told_apart_by_bits() -> None:
    assert sum(pause.value for pause in Pause) == 2 ** len(Pause) - 1


def test_sockets_are_lines() -> None:
    for member in ("certificate", "address", "waiting", "write", "close", "pause", "resume"):
        assert hasattr(Connection, member)
    lines: list[Line] = [RecordingLine()]
    assert lines


def test_sessions_share_what_surrounds_them() -> None:
    bench = MqttBench()
    assert bench.session.around is bench.around
    assert isinstance(bench.around.publishes, Uplinks)
    assert bench.around.now_ms == bench.clock.now


def test_what_is_not_limited_costs_nothing() -> None:
    around = MqttBench().around
    assert (around.rate_limits, around.failed_logins) == (None, None)
    around = MqttBench(rate_limit_telemetry_data_points="1:1", max_failed_logins=1).around
    assert around.rate_limits is not None
    assert around.failed_logins is not None
