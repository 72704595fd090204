"""`trunkline tenant`: what the system administrator looks after."""

from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.commands.connected import connected
from trunkline.cli.commands.deleting import Yes, make_sure
from trunkline.cli.commands.options import Email, Limit, Phone, TitleSearch

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()
tenant_app = typer.Typer(help="Look after tenants, as system administrator.", no_args_is_help=True)
app.add_typer(tenant_app, name="tenant", rich_help_panel="Administration")

Tenant = Annotated[str, typer.Argument(help="The tenant's id or title.", show_default=False)]


@tenant_app.command("list")
@connected
async def list_command(
    rest: "Rest",
    output: "Output",
    search: TitleSearch = None,
    limit: Limit = None,
) -> None:
    """List tenants."""
    from trunkline.cli import columns

    found = rest.pages("/api/tenants", limit=limit, textSearch=search, sortProperty="title", sortOrder="ASC")
    output.several([tenant async for tenant in found], columns.CUSTOMERS)


@tenant_app.command("show")
@connected
async def show_command(rest: "Rest", output: "Output", tenant: Tenant) -> None:
    """Show a tenant."""
    from trunkline.cli import columns, named

    output.one(await named.tenant(rest, tenant), columns.CUSTOMER)


@tenant_app.command("create")
@connected
async def create_command(
    rest: "Rest",
    output: "Output",
    title: Annotated[str, typer.Argument(help="Its title.")],
    email: Email = None,
    phone: Phone = None,
) -> None:
    """Add a tenant; `trunkline user create --tenant` gives it an administrator."""
    from trunkline.cli.output import id_of

    made = await rest.post("/api/tenant", {"title": title, "email": email, "phone": phone})
    output.done(made, f"Tenant {title} is there, id {id_of(made)}.")


@tenant_app.command("delete")
@connected
async def delete_command(rest: "Rest", output: "Output", tenant: Tenant, yes: Yes = False) -> None:
    """Remove a tenant and all that it has: devices, customers, users."""
    from trunkline.cli import named
    from trunkline.cli.output import id_of

    found = await named.tenant(rest, tenant)
    make_sure(f"Delete tenant {found['title']} with all its devices, customers and users?", yes=yes)
    await rest.delete(f"/api/tenant/{id_of(found)}")
    output.done(found, f"Tenant {found['title']} is deleted.")
