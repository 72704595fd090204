"""`trunkline customer`: those whom a tenant gives devices to."""

from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.commands.connected import connected
from trunkline.cli.commands.deleting import Yes, make_sure
from trunkline.cli.commands.options import Email, Limit, Phone, TitleSearch

if TYPE_CHECKING:
    from trunkline.cli.output import Output
    from trunkline.cli.rest import Rest

app = typer.Typer()
customer_app = typer.Typer(help="Look after customers.", no_args_is_help=True)
app.add_typer(customer_app, name="customer", rich_help_panel="Administration")

Customer = Annotated[str, typer.Argument(help="The customer's id or title.", show_default=False)]


@customer_app.command("list")
@connected
async def list_command(
    rest: "Rest",
    output: "Output",
    search: TitleSearch = None,
    limit: Limit = None,
) -> None:
    """List the tenant's customers."""
    from trunkline.cli import columns

    found = rest.pages("/api/customers", limit=limit, textSearch=search, sortProperty="title", sortOrder="ASC")
    output.several([customer async for customer in found], columns.CUSTOMERS)


@customer_app.command("show")
@connected
async def show_command(rest: "Rest", output: "Output", customer: Customer) -> None:
    """Show a customer."""
    from trunkline.cli import columns, named

    output.one(await named.customer(rest, customer), columns.CUSTOMER)


@customer_app.command("create")
@connected
async def create_command(
    rest: "Rest",
    output: "Output",
    title: Annotated[str, typer.Argument(help="Its title, unique in the tenant.")],
    email: Email = None,
    phone: Phone = None,
) -> None:
    """Add a customer."""
    from trunkline.cli.output import id_of

    made = await rest.post("/api/customer", {"title": title, "email": email, "phone": phone})
    output.done(made, f"Customer {title} is there, id {id_of(made)}.")


@customer_app.command("delete")
@connected
async def delete_command(rest: "Rest", output: "Output", customer: Customer, yes: Yes = False) -> None:
    """Remove a customer and its users; its devices stay, assigned to nobody."""
    from trunkline.cli import named
    from trunkline.cli.output import id_of

    found = await named.customer(rest, customer)
    make_sure(f"Delete customer {found['title']} and its users?", yes=yes)
    await rest.delete(f"/api/customer/{id_of(found)}")
    output.done(found, f"Customer {found['title']} is deleted.")
