import pytest
from typer.testing import CliRunner

from trunkline.cli.main import app

OPTIONS = {
    "serve": ("--demo", "--processes", "--host", "--http-port", "--mqtt-port", "--coap-port", "--grpc-port"),
    "core": ("--demo", "--host", "--grpc-port"),
    "facade": ("--host", "--http-port"),
    "transport": ("--host", "--port", "--mqtt-port"),
}
EVERYWHERE = ("--metrics-port", "--data-dir", "--log-level", "--print-settings")


@pytest.mark.parametrize("command", OPTIONS)
def test_help_lists_the_options(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "-h"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert not [option for option in (*OPTIONS[command], *EVERYWHERE) if option not in shown.output]


@pytest.mark.parametrize("command", [["serve"], ["core"], ["facade"], ["transport", "mqtt"]])
def test_settings_in_force_are_printed_with_what_was_given(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--print-settings", "--host=192.0.2.7", "--log-level=debug"])
    assert shown.exit_code == 0
    assert "_HOST=192.0.2.7\n" in shown.output
    assert "_LOG_LEVEL=DEBUG\n" in shown.output


@pytest.mark.parametrize("arguments", [["serve", "--processes=two"], ["serve", "--http-port=many"], ["transport"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
