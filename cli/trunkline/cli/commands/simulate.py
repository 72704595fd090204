"""`trunkline simulate`."""

from typing import Annotated

import typer

from trunkline.cli.commands.options import Password, Token, Url, User
from trunkline.cli.login import DEFAULT_URL, Login

app = typer.Typer()


@app.command("simulate")
def simulate_command(
    count: Annotated[int, typer.Argument(min=1, metavar="N", help="How many devices.")],
    mqtt_host: Annotated[str, typer.Option(help="Where MQTT is.")] = "127.0.0.1",
    mqtt_port: Annotated[int, typer.Option(envvar="TRUNKLINE_MQTT_PORT", help="MQTT port.")] = 1883,
    access_token: Annotated[
        list[str] | None,
        typer.Option(help="Be this device, may be repeated N times; without it devices are created over REST."),
    ] = None,
    qos: Annotated[int, typer.Option(min=0, max=1, help="QoS of calls and replies.")] = 0,
    silent: Annotated[bool, typer.Option("--silent", help="Take calls, answer none.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    user: User = None,
    password: Password = None,
) -> None:
    """Be N real MQTT devices that answer every call with what it asked, until Ctrl-C."""
    from trunkline.cli.simulate import Simulation, run

    if access_token and len(access_token) != count:
        raise typer.BadParameter(f"{len(access_token)} given for {count} devices.", param_hint="--access-token")
    simulation = Simulation(count, mqtt_host, mqtt_port, tuple(access_token or ()), qos, silent)
    run(simulation, url, Login(token, user, password))
