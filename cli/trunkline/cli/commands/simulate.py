"""`trunkline simulate`."""

from typing import Annotated, Final

import typer

from trunkline.cli.behaviours import Behaviour
from trunkline.cli.commands.connected import Password, Token, Url, User, server_at

app = typer.Typer()

SLOW_MS: Final = 3_000


@app.command("simulate", rich_help_panel="Calling devices")
def simulate_command(
    count: Annotated[int, typer.Argument(min=1, metavar="N", help="How many devices.")],
    behaviour: Annotated[
        Behaviour,
        typer.Option(
            "--behaviour",
            "-b",
            help="echo: answer with what was asked; silent: take calls, answer none; slow: echo after a while; wrong: "
            "answer with what is no JSON; gpio: setGpio, getGpio, setGpioStatus, getGpioStatus; thermostat: "
            "setSetpoint, getState, setValue, getValue.",
        ),
    ] = Behaviour.ECHO,
    delay_ms: Annotated[
        int | None,
        typer.Option(
            min=0, help="How long after its call a reply is sent.", show_default=f"0; slow devices: {SLOW_MS}"
        ),
    ] = None,
    silent: Annotated[bool, typer.Option("--silent", help="The same as --behaviour silent.")] = False,
    mqtt_host: Annotated[str, typer.Option(help="Where MQTT is.")] = "127.0.0.1",
    mqtt_port: Annotated[int, typer.Option(envvar="TRUNKLINE_MQTT_PORT", help="MQTT port.")] = 1883,
    access_token: Annotated[
        list[str] | None,
        typer.Option(help="Be this device, may be repeated N times; without it devices are created over REST."),
    ] = None,
    qos: Annotated[int, typer.Option(min=0, max=1, help="QoS of calls and replies.")] = 0,
    url: Url = None,
    token: Token = None,
    user: User = None,
    password: Password = None,
) -> None:
    """Be N real MQTT devices that answer calls, until Ctrl-C."""
    from trunkline.cli.simulate import Simulation, run

    if access_token and len(access_token) != count:
        raise typer.BadParameter(f"{len(access_token)} given for {count} devices.", param_hint="--access-token")
    if silent:
        behaviour = Behaviour.SILENT
    if delay_ms is None:
        delay_ms = SLOW_MS if behaviour is Behaviour.SLOW else 0
    simulation = Simulation(count, mqtt_host, mqtt_port, tuple(access_token or ()), qos, behaviour, delay_ms)
    run(simulation, lambda: server_at(url, token, user, password))
