"""A token as callers send it along."""

Metadata = tuple[tuple[str, str], ...]


def bearer(token: str) -> Metadata:
    """The metadata that shows a token."""
    return (("authorization", f"Bearer {token}"),)
