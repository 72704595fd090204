"""The command line `trunkline`: reads options, then hands over; what a command needs is imported when it runs."""

import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from trunkline.cli.errors import CommandError
from trunkline.cli.login import DEFAULT_URL, Login
from trunkline.cli.settings import Processes, ServeSettings, read

ONE_GRPC_THREAD: Final = "-event_engine_client,-event_engine_listener"
"""Lets gRPC do its I/O on the thread that waits for it, not on a pool: batches then change threads less often, which
takes a seventh off what a call costs. gRPC reads this when it is imported; children inherit it."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    help="Call methods on devices, and run the server that does it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

user_app = typer.Typer(help="Look after accounts while no server runs.", no_args_is_help=True)
app.add_typer(user_app, name="user")

# Options that several commands share. None means not given: then the environment decides, then the default.
Demo = Annotated[
    bool | None, typer.Option("--demo", help="Demo accounts and devices with known passwords; loopback only.")
]
Host = Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")]
HttpPort = Annotated[int | None, typer.Option(help="REST port; 0 picks a free one. [default: 8080]")]
MqttPort = Annotated[int | None, typer.Option(help="MQTT port; 0 picks a free one. [default: 1883]")]
GrpcPort = Annotated[int | None, typer.Option(help="gRPC port for backends; 0 picks a free one. [default: 9090]")]
MetricsPort = Annotated[int | None, typer.Option(help="Prometheus port; 0 picks a free one. [default: 9464 … 9466]")]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept. [default: ./.trunkline]")]
LogLevel = Annotated[
    str | None,
    typer.Option(parser=str.upper, metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR. [default: INFO]"),
]
PrintSettings = Annotated[
    bool, typer.Option("--print-settings", help="Print all settings in force as a commented .env file, and end.")
]
Url = Annotated[str, typer.Option(envvar="TRUNKLINE_URL", help="Where the REST API is.")]
Token = Annotated[str | None, typer.Option(envvar="TRUNKLINE_TOKEN", help="A JWT, instead of user and password.")]
User = Annotated[
    str | None,
    typer.Option(envvar="TRUNKLINE_USER", help="Whom to log in as. [default: the demo's tenant administrator]"),
]
Password = Annotated[str | None, typer.Option(envvar="TRUNKLINE_PASSWORD", help="That user's password.")]


@app.callback(invoke_without_command=True)
def trunkline(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version, and end.")] = False,
) -> None:
    if show_version:
        print(f"trunkline {version('trunkline')}")
        raise typer.Exit


@app.command("serve")
def serve_command(
    demo: Demo = None,
    processes: Annotated[
        Processes | None, typer.Option(help="parts: a child process for each part; one: all in one. [default: parts]")
    ] = None,
    host: Host = None,
    http_port: HttpPort = None,
    mqtt_port: MqttPort = None,
    coap_port: Annotated[
        int | None, typer.Option(help="CoAP port; this version has no CoAP worker yet. [default: 5683]")
    ] = None,
    grpc_port: GrpcPort = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Prometheus port of the core; facade and MQTT follow. [default: 9464]")
    ] = None,
    data_dir: DataDir = None,
    log_level: LogLevel = None,
    print_settings: PrintSettings = False,
) -> None:
    """Run the whole server on this machine: core, REST facade and MQTT worker.

    Every option is also an environment variable: TRUNKLINE_HTTP_PORT for --http-port.
    """
    settings = read(
        ServeSettings,
        demo=demo,
        processes=processes,
        host=host,
        http_port=http_port,
        mqtt_port=mqtt_port,
        coap_port=coap_port,
        grpc_port=grpc_port,
        metrics_port=metrics_port,
        data_dir=data_dir,
        log_level=log_level,
    )
    from trunkline.cli.serve import all_settings, serve

    if print_settings:
        print(all_settings(settings))
    else:
        raise typer.Exit(serve(settings))


@app.command("core")
def core_command(
    demo: Demo = None,
    host: Host = None,
    grpc_port: GrpcPort = None,
    metrics_port: MetricsPort = None,
    data_dir: DataDir = None,
    log_level: LogLevel = None,
    print_settings: PrintSettings = False,
) -> None:
    """Run the core alone. Every option is also an environment variable: TRUNKLINE_CORE_GRPC_PORT for --grpc-port."""
    ports = {"--grpc-port": "grpc_port", "--metrics-port": "metrics_port"}
    _alone(
        "core",
        print_settings,
        ports,
        demo=demo,
        host=host,
        grpc_port=grpc_port,
        metrics_port=metrics_port,
        data_dir=data_dir,
        log_level=log_level,
    )


@app.command("facade")
def facade_command(
    host: Host = None,
    http_port: HttpPort = None,
    metrics_port: MetricsPort = None,
    data_dir: DataDir = None,
    log_level: LogLevel = None,
    print_settings: PrintSettings = False,
) -> None:
    """Run the REST facade alone, beside a core. Options are variables, too: TRUNKLINE_FACADE_PORT for --http-port."""
    ports = {"--http-port": "port", "--metrics-port": "metrics_port"}
    _alone(
        "facade",
        print_settings,
        ports,
        host=host,
        port=http_port,
        metrics_port=metrics_port,
        data_dir=data_dir,
        log_level=log_level,
    )


@app.command("transport")
def transport_command(
    name: Annotated[str, typer.Argument(help="The transport's name: mqtt, or that of an installed package.")],
    host: Host = None,
    port: Annotated[
        int | None, typer.Option("--port", "--mqtt-port", help="Port for devices; 0 picks a free one. [default: 1883]")
    ] = None,
    metrics_port: MetricsPort = None,
    data_dir: DataDir = None,
    log_level: LogLevel = None,
    print_settings: PrintSettings = False,
) -> None:
    """Run one transport worker alone, beside a core. Options are variables, too: TRUNKLINE_MQTT_PORT for --port."""
    ports = {"--port": "port", "--metrics-port": "metrics_port"}
    _alone(
        name,
        print_settings,
        ports,
        host=host,
        port=port,
        metrics_port=metrics_port,
        data_dir=data_dir,
        log_level=log_level,
    )


def _alone(name: str, show: bool, ports: dict[str, str], **given: Any) -> None:
    from trunkline.cli import alone

    settings = alone.settings_for(name, given)
    if show:
        alone.print_settings(settings)
    else:
        raise typer.Exit(alone.run_alone(name, settings, ports))


@app.command("call")
def call_command(
    device: Annotated[str, typer.Argument(help="The device's id or name.")],
    method: Annotated[str, typer.Argument(help="The method's name.")],
    params: Annotated[str, typer.Argument(help="Parameters as JSON; - reads them from standard input.")] = "null",
    oneway: Annotated[bool, typer.Option("--oneway", help="Do not wait for a reply.")] = False,
    timeout_ms: Annotated[int, typer.Option(min=1, help="How long the call may take.")] = 10_000,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Do not wait for a device that is not connected.")
    ] = False,
    await_delivery: Annotated[
        bool, typer.Option("--await-delivery", help="One-way: wait until the device has acknowledged it.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    user: User = None,
    password: Password = None,
) -> None:
    """Call a method of a device, print its reply. Exit code 1: the call failed."""
    from trunkline.cli.call import CallRequest, call

    text = sys.stdin.buffer.read() if params == "-" else params.encode()
    request = CallRequest(device, method, text, timeout_ms, oneway, fail_fast, await_delivery)
    raise typer.Exit(asyncio.run(call(request, url, Login(token, user, password))))


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


@user_app.command("reset-password")
def reset_password_command(
    email: Annotated[str, typer.Argument(help="The account's e-mail address.")],
    ask: Annotated[bool, typer.Option("--ask", help="Ask for the password instead of making one up.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar=["TRUNKLINE_DATA_DIR", "TRUNKLINE_CORE_DATA_DIR"],
            help="Where everything is kept. [default: ./.trunkline]",
        ),
    ] = None,
) -> None:
    """Give an account a new password, made up and printed unless told otherwise. Its tokens end."""
    if ask and password_stdin:
        raise typer.BadParameter("Not together with --ask.", param_hint="--password-stdin")
    from trunkline.cli.user import Source, reset_password
    from trunkline.core.settings import CoreSettings

    source: Source = "prompt" if ask else "stdin" if password_stdin else "generated"
    reset_password(read(CoreSettings, data_dir=data_dir), email, source)


def main() -> None:
    """The command `trunkline`."""
    os.environ.setdefault("GRPC_EXPERIMENTS", ONE_GRPC_THREAD)
    try:
        app()
    except CommandError as error:
        print(f"trunkline: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
