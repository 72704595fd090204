"""`trunkline user`: people and their passwords."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from trunkline.cli.commands.connected import connected, server_at
from trunkline.cli.commands.deleting import Yes, make_sure
from trunkline.cli.commands.options import OfCustomer
from trunkline.cli.database_url import Database
from trunkline.cli.errors import CommandError
from trunkline.cli.settings import read

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.passwords import Source
    from trunkline.cli.rest import Entity, Rest

app = typer.Typer()
user_app = typer.Typer(help="Look after people and their passwords.", no_args_is_help=True)
app.add_typer(user_app, name="user", rich_help_panel="Administration")

Person = Annotated[str, typer.Argument(metavar="USER", help="The user's id or e-mail address.", show_default=False)]


@user_app.command("list")
@connected
async def list_command(
    rest: "Rest",
    output: "Output",
    search: Annotated[str | None, typer.Option(help="Only e-mail addresses with this text in them.")] = None,
    customer: OfCustomer = None,
    tenant: Annotated[
        str | None, typer.Option(help="Only this tenant's administrators, for the system administrator.")
    ] = None,
) -> None:
    """List users."""
    from trunkline.cli import columns, named
    from trunkline.cli.output import id_of

    found = named.users(
        rest,
        search=search,
        customer_id=id_of(await named.customer(rest, customer)) if customer else None,
        tenant_id=id_of(await named.tenant(rest, tenant)) if tenant else None,
    )
    output.several([user async for user in found], columns.USERS)


@user_app.command("show")
@connected
async def show_command(rest: "Rest", output: "Output", person: Person) -> None:
    """Show a user."""
    from trunkline.cli import columns, named

    output.one(await named.user(rest, person), columns.USER)


@user_app.command("create")
@connected
async def create_command(
    rest: "Rest",
    output: "Output",
    email: Annotated[str, typer.Argument(help="The e-mail address, which is how the user logs in.")],
    customer: Annotated[
        str | None,
        typer.Option(help="Make a user of this customer; its id or title.", show_default="a tenant administrator"),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Make an administrator of this tenant, for the system administrator.")
    ] = None,
    first_name: Annotated[str | None, typer.Option(help="First name.")] = None,
    last_name: Annotated[str | None, typer.Option(help="Last name.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Set the password: one line of standard input.")
    ] = False,
    generate_password: Annotated[
        bool, typer.Option("--generate-password", help="Set a password, made up and shown.")
    ] = False,
) -> None:
    """Add a user; whoever has the activation link that is printed can set the password: `trunkline user activate`."""
    from trunkline.cli import named
    from trunkline.cli.passwords import new_password

    if password_stdin and generate_password:
        raise typer.BadParameter("Not together with --password-stdin.", param_hint="--generate-password")
    password = new_password("stdin" if password_stdin else "generated") if password_stdin or generate_password else None
    made = await rest.post(
        "/api/user",
        {
            "email": email,
            "firstName": first_name,
            "lastName": last_name,
            "authority": "CUSTOMER_USER" if customer else "TENANT_ADMIN",
            "customerId": (await named.customer(rest, customer))["id"] if customer else None,
            "tenantId": (await named.tenant(rest, tenant))["id"] if tenant else None,
        },
        sendActivationMail="false",
    )
    link = await _activation_link(rest, made)
    if password is not None:
        await _activate(rest, made, link, password)
    secret = {} if password_stdin else {"password": password} if generate_password else {"activationLink": link}
    if output.as_json:
        output.json({**made, **secret})
    elif password_stdin:
        output.note(f"{email} is added, with that password.")
    elif generate_password:
        output.secret(f"{email} is added. The password, shown only this once:", str(password))
    else:
        told = "For 24 hours, whoever has this link can set the password with `trunkline user activate LINK`:"
        output.secret(f"{email} is added. {told}", link)


async def _activate(rest: "Rest", user: "Entity", link: str, password: str) -> None:
    """Set the first password; a user whose password the server refuses is not left behind."""
    from trunkline.cli.output import id_of

    try:
        await _set_first_password(rest, _token_in(link), password)
    except CommandError:
        await rest.delete(f"/api/user/{id_of(user)}")
        raise


async def _set_first_password(rest: "Rest", token: str, password: str) -> None:
    await rest.post_openly("/api/noauth/activate", {"activateToken": token, "password": password})


def _token_in(link: str) -> str:
    tokens = parse_qs(urlsplit(link).query).get("activateToken")
    if not tokens or not link.startswith("http"):
        raise CommandError("This is no activation link; it looks like https://…/api/noauth/activate?activateToken=…")
    return tokens[0]


@user_app.command("activate")
def activate_command(
    link: Annotated[str, typer.Argument(help="The activation link that an administrator gave you.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
    ] = False,
) -> None:
    """Set your first password; this needs no login."""
    from trunkline.cli.passwords import new_password

    token = _token_in(link)
    asyncio.run(_activate_at(link.partition("/api/")[0], token, new_password("stdin" if password_stdin else "prompt")))
    print("The password is set: go on with `trunkline login`.", file=sys.stderr)


async def _activate_at(url: str, token: str, password: str) -> None:
    async with server_at(url) as rest:
        await _set_first_password(rest, token, password)


async def _activation_link(rest: "Rest", user: "Entity") -> str:
    from trunkline.cli.output import id_of

    return await rest.text(f"/api/user/{id_of(user)}/activationLink")


@user_app.command("activation-link")
@connected
async def activation_link_command(rest: "Rest", output: "Output", person: Person) -> None:
    """Print the link that sets a new user's password."""
    from trunkline.cli import named

    link = await _activation_link(rest, await named.user(rest, person))
    if output.as_json:
        output.json({"activationLink": link})
    else:
        print(link)


@user_app.command("enable")
@connected
async def enable_command(rest: "Rest", output: "Output", person: Person) -> None:
    """Let a user log in again."""
    await _set_enabled(rest, output, person, enabled=True)


@user_app.command("disable")
@connected
async def disable_command(rest: "Rest", output: "Output", person: Person) -> None:
    """Let a user log in no more; all the user's tokens end at once."""
    await _set_enabled(rest, output, person, enabled=False)


async def _set_enabled(rest: "Rest", output: "Output", person: str, *, enabled: bool) -> None:
    from trunkline.cli import named
    from trunkline.cli.output import id_of

    user = await named.user(rest, person)
    answer = str(enabled).lower()
    await rest.post(f"/api/user/{id_of(user)}/userCredentialsEnabled", userCredentialsEnabled=answer)
    output.done(await named.user(rest, id_of(user)), f"{user['email']} is {'enabled' if enabled else 'disabled'}.")


@user_app.command("delete")
@connected
async def delete_command(rest: "Rest", output: "Output", person: Person, yes: Yes = False) -> None:
    """Remove a user; all the user's tokens end at once."""
    from trunkline.cli import named
    from trunkline.cli.output import id_of

    user = await named.user(rest, person)
    make_sure(f"Delete {user['email']}?", yes=yes)
    await rest.delete(f"/api/user/{id_of(user)}")
    output.done(user, f"{user['email']} is deleted.")


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
            help="Where everything is kept.",
            show_default="./.trunkline",
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Give an account a new password while no server runs, made up and printed unless told otherwise.

    Its tokens end.
    """
    if ask and password_stdin:
        raise typer.BadParameter("Not together with --ask.", param_hint="--password-stdin")
    from trunkline.cli.reset_password import reset_password
    from trunkline.core.settings import CoreSettings

    source: Source = "prompt" if ask else "stdin" if password_stdin else "generated"
    url = database or os.environ.get("TRUNKLINE_DATABASE")
    reset_password(read(CoreSettings, data_dir=data_dir, database=url), email, source)
