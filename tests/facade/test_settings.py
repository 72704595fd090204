"""Settings come from the environment, say what they mean, and cannot be changed."""

import pytest
from pydantic import ValidationError

from trunkline.facade.settings import FacadeSettings


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_FACADE_PORT", "0")
    monkeypatch.setenv("TRUNKLINE_FACADE_CORS_ORIGINS", '["http://a.example"]')
    settings = FacadeSettings()
    assert (settings.port, settings.cors_origins) == (0, ("http://a.example",))


def test_defaults_are_those_of_thingsboard() -> None:
    settings = FacadeSettings()
    assert (settings.min_timeout_ms, settings.default_timeout_ms) == (5_000, 10_000)
    assert settings.host == "127.0.0.1"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in FacadeSettings.model_fields.values())


def test_they_are_frozen() -> None:
    with pytest.raises(ValidationError):
        FacadeSettings().port = 1
