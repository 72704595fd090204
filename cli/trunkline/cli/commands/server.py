"""`trunkline serve`, and each part alone: reads options, then hands over; a part is imported when it runs."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from trunkline.cli.database_url import Database
from trunkline.cli.settings import Processes, ServeSettings, read

PANEL: Final = "Running the server"

app = typer.Typer()

# None means not given: then the environment decides, then the default.
Demo = Annotated[
    bool | None, typer.Option("--demo", help="Demo accounts and devices with known passwords; loopback only.")
]
Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
HttpPort = Annotated[int | None, typer.Option(help="REST port; 0 picks a free one.", show_default="8080")]
MqttPort = Annotated[int | None, typer.Option(help="MQTT port; 0 picks a free one.", show_default="1883")]
MqttTlsPort = Annotated[
    int | None, typer.Option(help="MQTT port with TLS: with a certificate, or in a demo.", show_default="8883")
]
MqttTlsCertificate = Annotated[
    str | None, typer.Option(metavar="FILE", help="PEM certificate of that port; in a demo one is made.")
]
MqttTlsKey = Annotated[str | None, typer.Option(metavar="FILE", help="PEM key of the certificate.")]
GrpcPort = Annotated[int | None, typer.Option(help="gRPC port for backends; 0 picks a free one.", show_default="9090")]
MetricsPort = Annotated[
    int | None, typer.Option(help="Prometheus port; 0 picks a free one.", show_default="9464 … 9466")
]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept.", show_default="./.trunkline")]
LogLevel = Annotated[
    str | None,
    typer.Option(parser=str.upper, metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR.", show_default="INFO"),
]
PrintSettings = Annotated[
    bool, typer.Option("--print-settings", help="Print all settings in force as a commented .env file, and end.")
]


@app.command("serve", rich_help_panel=PANEL)
def serve_command(
    demo: Demo = None,
    processes: Annotated[
        Processes | None,
        typer.Option(help="parts: a child process for each part; one: all in one.", show_default="parts"),
    ] = None,
    host: Host = None,
    http_port: HttpPort = None,
    mqtt_port: MqttPort = None,
    mqtt_tls_port: MqttTlsPort = None,
    mqtt_tls_certificate: MqttTlsCertificate = None,
    mqtt_tls_key: MqttTlsKey = None,
    coap_port: Annotated[
        int | None, typer.Option(help="CoAP port; this version has no CoAP worker yet.", show_default="5683")
    ] = None,
    grpc_port: GrpcPort = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Prometheus port of the core; facade and MQTT follow.", show_default="9464")
    ] = None,
    data_dir: DataDir = None,
    database: Database = None,
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
        mqtt_tls_port=mqtt_tls_port,
        mqtt_tls_certificate=mqtt_tls_certificate,
        mqtt_tls_key=mqtt_tls_key,
        coap_port=coap_port,
        grpc_port=grpc_port,
        metrics_port=metrics_port,
        data_dir=data_dir,
        database=database,
        log_level=log_level,
    )
    from trunkline.cli.serve import all_settings, serve

    if print_settings:
        print(all_settings(settings))
    else:
        raise typer.Exit(serve(settings))


@app.command("core", rich_help_panel=PANEL)
def core_command(
    demo: Demo = None,
    host: Host = None,
    grpc_port: GrpcPort = None,
    metrics_port: MetricsPort = None,
    data_dir: DataDir = None,
    database: Database = None,
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
        database=database,
        log_level=log_level,
    )


@app.command("facade", rich_help_panel=PANEL)
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


@app.command("transport", rich_help_panel=PANEL)
def transport_command(
    name: Annotated[str, typer.Argument(help="The transport's name: mqtt, or that of an installed package.")],
    host: Host = None,
    port: Annotated[
        int | None,
        typer.Option("--port", "--mqtt-port", help="Port for devices; 0 picks a free one.", show_default="1883"),
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
