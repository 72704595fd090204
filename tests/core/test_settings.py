"""What the core refuses to be started with."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from trunkline.core.settings import CoreSettings


def test_without_a_word_it_stays_on_this_machine() -> None:
    settings = CoreSettings()
    assert (settings.host, settings.data_dir, settings.demo) == ("127.0.0.1", Path(".trunkline"), False)


def test_the_environment_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_CORE_GRPC_PORT", "7")
    assert CoreSettings().grpc_port == 7


@pytest.mark.parametrize("given", [{"tls_certificate": "core.pem"}, {"tls_key": "core-key.pem"}])
def test_a_certificate_and_its_key_come_together(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="are set together or not at all"):
        CoreSettings.model_validate(given)
    assert CoreSettings(tls_certificate="core.pem", tls_key="core-key.pem").tls_key == "core-key.pem"


@pytest.mark.parametrize(
    "given", [{"grpc_port": 65_536}, {"max_params_bytes": 17 * 1024 * 1024}, {"heartbeat_ms": 1}, {"unknown": 1}]
)
def test_what_has_a_bound_keeps_to_it(given: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        CoreSettings.model_validate(given)
