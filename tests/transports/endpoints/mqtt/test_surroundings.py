from doubles.mqtt_bench import MqttBench, RecordingLine

from trunkline.transports.endpoints.mqtt.server import Connection
from trunkline.transports.endpoints.mqtt.surroundings import Line, Pause
from trunkline.transports.endpoints.mqtt.uplinks import Uplinks


def test_pauses_are_told_apart_by_bits() -> None:
    assert sum(pause.value for pause in Pause) == 2 ** len(Pause) - 1


def test_sockets_are_lines() -> None:
    for method in ("write", "close", "pause", "resume"):
        assert callable(getattr(Connection, method))
    lines: list[Line] = [RecordingLine()]
    assert lines


def test_sessions_share_what_surrounds_them() -> None:
    bench = MqttBench()
    assert bench.session.around is bench.around
    assert isinstance(bench.around.publishes, Uplinks)
    assert bench.around.now_ms == bench.clock.now
