"""An installation on disk: how its store is opened, and what an operator does to it while no core runs."""

from typing import Final

from trunkline.core.clock import unix_ms
from trunkline.core.identity.accounts import Accounts
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.settings import CoreSettings
from trunkline.core.store.database import sqlite_url
from trunkline.core.store.store import Store

DATABASE_FILE: Final = "trunkline.db"
"""In the data directory, unless the settings name another database."""


async def open_store(settings: CoreSettings) -> Store:
    """The store that the settings name, its schema brought up to date. Raises STORE_UNAVAILABLE."""
    url = settings.database or sqlite_url(settings.data_dir / DATABASE_FILE)
    return await Store.open(url, inactivity_timeout_s=settings.inactivity_timeout_s)


async def reset_password(settings: CoreSettings, email: str, password: str) -> None:
    """Give the user a new password and end the user's tokens. A core that runs would not hear of the latter: hold its
    lock. Raises NOT_FOUND, STORE_UNAVAILABLE."""
    store = await open_store(settings)
    try:
        revocations = await Revocations.load(store.revocations, unix_ms())
        await Accounts(store.users, Passwords(), revocations).reset_password(email, password)
    finally:
        await store.close()
