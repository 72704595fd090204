"""Options that several commands have."""

from typing import Annotated

import typer

Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.", show_default="all")]
TitleSearch = Annotated[str | None, typer.Option(help="Only titles with this text in it.")]
OfCustomer = Annotated[str | None, typer.Option(help="Only this customer's; its id or title.")]
Email = Annotated[str | None, typer.Option(help="Its e-mail address.")]
Phone = Annotated[str | None, typer.Option(help="Its telephone number.")]
