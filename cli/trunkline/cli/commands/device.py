"""`trunkline device`: registers devices, shows them, gives them to customers and replaces what they connect with."""

from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from trunkline.cli.commands.connected import connected
from trunkline.cli.commands.deleting import Yes, make_sure
from trunkline.cli.commands.options import Limit, OfCustomer
from trunkline.cli.errors import CommandError

if TYPE_CHECKING:
    from trunkline.cli.credentials import Credentials
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()
device_app = typer.Typer(help="Register devices, show them and what they connect with.", no_args_is_help=True)
app.add_typer(device_app, name="device", rich_help_panel="Administration")

CREDENTIALS_PANEL: Final = "Credentials"

Device = Annotated[str, typer.Argument(help="The device's id or name.", show_default=False)]
AccessToken = Annotated[
    str | None,
    typer.Option(help="Its access token; - reads it from standard input.", rich_help_panel=CREDENTIALS_PANEL),
]
MqttClientId = Annotated[str | None, typer.Option(help="MQTT client id.", rich_help_panel=CREDENTIALS_PANEL)]
MqttUserName = Annotated[str | None, typer.Option(help="MQTT user name.", rich_help_panel=CREDENTIALS_PANEL)]
MqttPassword = Annotated[
    str | None,
    typer.Option(help="MQTT password; - reads it from standard input.", rich_help_panel=CREDENTIALS_PANEL),
]
Certificate = Annotated[
    Path | None,
    typer.Option(help="File with its X.509 certificate, PEM or DER.", rich_help_panel=CREDENTIALS_PANEL),
]
CustomerOption = Annotated[str | None, typer.Option(help="The customer's id or title.")]


@device_app.command("list")
@connected
async def list_command(
    rest: "Rest",
    output: "Output",
    search: Annotated[str | None, typer.Option(help="Only names with this text in it.")] = None,
    type_name: Annotated[str | None, typer.Option("--type", help="Only this type (device profile).")] = None,
    customer: OfCustomer = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only those that were heard of lately, or only others.")
    ] = None,
    sort: Annotated[str, typer.Option(help="Order: name, createdTime, type, label or customerTitle.")] = "name",
    descending: Annotated[bool, typer.Option("--descending", help="The other way round.")] = False,
    limit: Limit = None,
) -> None:
    """List devices: a tenant administrator's are the tenant's, a customer's user's those of the customer."""
    from trunkline.cli import columns

    devices = rest.pages(
        await _list_path(rest, customer),
        limit=limit,
        textSearch=search,
        type=type_name,
        active=None if active is None else str(active).lower(),
        sortProperty=sort,
        sortOrder="DESC" if descending else "ASC",
    )
    output.several([device async for device in devices], columns.DEVICES)


@device_app.command("show")
@connected
async def show_command(rest: "Rest", output: "Output", device: Device) -> None:
    """Show a device."""
    from trunkline.cli import columns, named

    output.one(await named.device(rest, device), columns.DEVICE)


@device_app.command("create")
@connected
async def create_command(
    rest: "Rest",
    output: "Output",
    name: Annotated[str, typer.Argument(help="Its name, unique in the tenant.")],
    type_name: Annotated[
        str | None, typer.Option("--type", help="Its type: a device profile by name, made if there is none.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="A label for people.")] = None,
    customer: CustomerOption = None,
    gateway: Annotated[bool, typer.Option("--gateway", help="It speaks for other devices.")] = False,
    access_token: AccessToken = None,
    mqtt_client_id: MqttClientId = None,
    mqtt_user_name: MqttUserName = None,
    mqtt_password: MqttPassword = None,
    certificate: Certificate = None,
) -> None:
    """Register a device. Without credentials its access token is made up, and shown."""
    from trunkline.cli import named
    from trunkline.cli.credentials import Credentials, generated_token
    from trunkline.cli.output import id_of

    given = _credentials(access_token, mqtt_client_id, mqtt_user_name, mqtt_password, certificate)
    credentials = given or Credentials.access_token(generated_token())
    device = {
        "name": name,
        "type": type_name,
        "label": label,
        "customerId": (await named.customer(rest, customer))["id"] if customer else None,
        "additionalInfo": {"gateway": True} if gateway else None,
    }
    made = await rest.post("/api/device-with-credentials", {"device": device, "credentials": credentials.body()})
    if output.as_json:
        output.json({"device": made, "credentials": await rest.get(f"/api/device/{id_of(made)}/credentials")})
        return
    output.note(f"{made['name']} is registered, id {id_of(made)}.")
    if given is None:
        output.secret("Its access token, made up:", str(credentials.id))


@device_app.command("delete")
@connected
async def delete_command(
    rest: "Rest",
    output: "Output",
    devices: Annotated[list[str], typer.Argument(metavar="DEVICE...", help="Ids or names of devices.")],
    yes: Yes = False,
) -> None:
    """Remove devices: their connections are closed, their calls end."""
    from trunkline.cli import named
    from trunkline.cli.output import id_of

    found = [await named.device(rest, device) for device in devices]
    make_sure(f"Delete {', '.join(device['name'] for device in found)}?", yes=yes)
    for device in found:
        await rest.delete(f"/api/device/{id_of(device)}")
        output.note(f"{device['name']} is deleted.")


@device_app.command("assign")
@connected
async def assign_command(
    rest: "Rest",
    output: "Output",
    device: Device,
    customer: Annotated[str | None, typer.Argument(help="The customer's id or title.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Give it to the public customer, whom all may be.")] = False,
) -> None:
    """Give a device to a customer, or to everybody; it leaves the customer that has it."""
    from trunkline.cli import named
    from trunkline.cli.output import id_of

    if public == (customer is not None):
        raise typer.BadParameter("Give either a customer or --public.", param_hint="CUSTOMER")
    whose = "public" if customer is None else id_of(await named.customer(rest, customer))
    given = await rest.post(f"/api/customer/{whose}/device/{await rest.device_id(device)}")
    output.done(given, f"{given['name']} is {'public' if customer is None else f'assigned to {customer}'}.")


@device_app.command("unassign")
@connected
async def unassign_command(rest: "Rest", output: "Output", device: Device) -> None:
    """Take a device from its customer."""
    taken = await rest.delete(f"/api/customer/device/{await rest.device_id(device)}")
    output.done(taken, f"{taken['name']} is assigned to nobody.")


@device_app.command("credentials")
@connected
async def credentials_command(
    rest: "Rest",
    output: "Output",
    device: Device,
    show: Annotated[bool, typer.Option("--show", help="Show secrets, too; with --json they are always shown.")] = False,
    new_token: Annotated[
        bool,
        typer.Option("--new-token", help="Replace by an access token, made up.", rich_help_panel=CREDENTIALS_PANEL),
    ] = False,
    access_token: AccessToken = None,
    mqtt_client_id: MqttClientId = None,
    mqtt_user_name: MqttUserName = None,
    mqtt_password: MqttPassword = None,
    certificate: Certificate = None,
) -> None:
    """Show what a device connects with, or replace it: all its connections are closed then."""
    from trunkline.cli.credentials import Credentials, generated_token, shown

    new = _credentials(access_token, mqtt_client_id, mqtt_user_name, mqtt_password, certificate)
    if new_token:
        if new is not None:
            raise typer.BadParameter("Not together with other credentials.", param_hint="--new-token")
        new = Credentials.access_token(generated_token())
    current = await rest.get(f"/api/device/{await rest.device_id(device)}/credentials")
    if new is not None:
        current = await rest.post("/api/device/credentials", {**current, **new.body()})
        output.note("Its credentials are replaced; its connections are closed.")
    if output.as_json:
        output.json(current)
    elif new_token:
        output.secret("The new access token:", current["credentialsId"])
    else:
        fields = shown(current, secrets_too=show)
        output.one(fields, {title: itemgetter(title) for title in fields})


async def _list_path(rest: "Rest", customer: str | None) -> str:
    from trunkline.cli import named
    from trunkline.cli.output import id_of

    if customer is not None:
        return f"/api/customer/{id_of(await named.customer(rest, customer))}/deviceInfos"
    me = await rest.me()
    if me["authority"] == "CUSTOMER_USER":
        return f"/api/customer/{me['customerId']['id']}/deviceInfos"
    return "/api/tenant/deviceInfos"


def _credentials(
    access_token: str | None,
    mqtt_client_id: str | None,
    mqtt_user_name: str | None,
    mqtt_password: str | None,
    certificate: Path | None,
) -> "Credentials | None":
    """The credentials that the options mean, None without any. Raises CommandError if they mean several."""
    from trunkline.cli.credentials import Credentials, from_stdin, read_certificate

    mqtt = any(option is not None for option in (mqtt_client_id, mqtt_user_name, mqtt_password))
    if mqtt + (access_token is not None) + (certificate is not None) > 1:
        raise CommandError("A device has one kind of credentials: an access token, MQTT credentials or a certificate.")
    if mqtt:
        return Credentials.mqtt(client_id=mqtt_client_id, user_name=mqtt_user_name, password=from_stdin(mqtt_password))
    if certificate is not None:
        return Credentials.certificate(read_certificate(certificate))
    return None if access_token is None else Credentials.access_token(from_stdin(access_token) or "")
