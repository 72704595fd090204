"""What may be said of a database on a command line."""

from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer


def without_password(url: str | None) -> str | None:
    """The URL as given. Raises BadParameter if it tells a password: everybody on the machine can read command lines."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        raise typer.BadParameter("This is no URL, such as postgresql://user@host/name.") from None
    if parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise typer.BadParameter(
            "Everybody on this machine could read the password: leave it out here, and say it in PGPASSWORD or "
            "~/.pgpass, or the whole URL in TRUNKLINE_DATABASE."
        )
    return url


Database = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        callback=without_password,
        help="postgresql://user@host/name; a password goes into the environment.",
        show_default="SQLite in the data directory",
    ),
]
