"""Options that several commands share."""

from typing import Annotated

import typer

Url = Annotated[str, typer.Option(envvar="TRUNKLINE_URL", help="Where the REST API is.")]
Token = Annotated[str | None, typer.Option(envvar="TRUNKLINE_TOKEN", help="A JWT, instead of user and password.")]
User = Annotated[
    str | None,
    typer.Option(envvar="TRUNKLINE_USER", help="Whom to log in as. [default: the demo's tenant administrator]"),
]
Password = Annotated[str | None, typer.Option(envvar="TRUNKLINE_PASSWORD", help="That user's password.")]
