from pathlib import Path

import pytest
from pydantic import ValidationError

from trunkline.transports.settings import WorkerSettings


def test_the_environment_sets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_WORKER_DATA_DIR", "/elsewhere")
    monkeypatch.setenv("TRUNKLINE_WORKER_WORKER_ID", "mqtt-east")
    monkeypatch.setenv("TRUNKLINE_WORKER_LOG_FORMAT", "json")
    settings = WorkerSettings()
    assert (settings.data_dir, settings.worker_id, settings.log_format) == (Path("/elsewhere"), "mqtt-east", "json")


def test_it_follows_core_and_facade_on_the_metrics_ports() -> None:
    assert WorkerSettings().metrics_port == 9466


@pytest.mark.parametrize(("name", "value"), [("max_params_bytes", 1), ("metrics_port", -1), ("colour", "red")])
def test_nonsense_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        WorkerSettings.model_validate({name: value})


def test_every_setting_is_described() -> None:
    assert all(field.description for field in WorkerSettings.model_fields.values())
