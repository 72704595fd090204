import re
from pathlib import Path

import pytest
from doubles.bare_endpoint import BareEndpoint

from trunkline.transports.endpoints.mqtt.server import MqttEndpoint
from trunkline.transports.main import UnknownTransport, build_worker, endpoint_class, kept_worker_id, transports
from trunkline.transports.scripted_core import ScriptedCore
from trunkline.transports.settings import WorkerSettings


def test_endpoints_are_found_by_their_name() -> None:
    assert "mqtt" in transports()
    assert endpoint_class("mqtt") is MqttEndpoint


def test_an_unknown_transport_names_the_known_ones() -> None:
    with pytest.raises(UnknownTransport, match=r"'pigeon'; installed: .*mqtt"):
        endpoint_class("pigeon")


def test_a_worker_keeps_its_name(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    name = kept_worker_id(data_dir, "mqtt")
    assert re.fullmatch(r"mqtt-[a-z0-9]{8}", name)
    assert kept_worker_id(data_dir, "mqtt") == name
    assert kept_worker_id(tmp_path, "mqtt") != name
    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_a_given_name_goes_before_the_kept_one(tmp_path: Path) -> None:
    core = ScriptedCore(())
    settings = WorkerSettings(data_dir=tmp_path, worker_id="mqtt-east")
    assert build_worker("mqtt", settings, BareEndpoint(), core.connector).worker_id == "mqtt-east"
    assert list(tmp_path.iterdir()) == []
    kept = build_worker("mqtt", WorkerSettings(data_dir=tmp_path), BareEndpoint(), core.connector).worker_id
    assert kept == kept_worker_id(tmp_path, "mqtt")
