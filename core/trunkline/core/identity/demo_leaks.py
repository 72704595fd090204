"""Keeps what everybody knows from a demo out of reach once its data directory is served for real."""

from pathlib import Path

from trunkline.contract.addresses import is_loopback
from trunkline.contract.demo import DEMO_PASSWORDS
from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.seeding import DEMO_DEVICES, SECOND_TENANT_DEVICES
from trunkline.core.store.store import Store
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)


async def check_demo_leaks(store: Store, passwords: Passwords, *, host: str, data_dir: Path) -> None:
    """Look for accounts and devices that a demo left with its passwords and tokens; ask only outside a demo.

    On a loopback address, and for devices on any, it is a warning. Raises PERMISSION_DENIED for accounts if `host` can
    be reached from elsewhere.
    """
    accounts = [email for email, password in DEMO_PASSWORDS.items() if await _opens(store, passwords, email, password)]
    tokens = [device.access_token for device in (*DEMO_DEVICES, *SECOND_TENANT_DEVICES)]
    devices = sorted(known.entry.name for known in (await store.devices.entries_by_credentials(tokens)).values())
    if accounts and not is_loopback(host):
        raise TrunklineError(
            ErrorReason.ERROR_REASON_PERMISSION_DENIED,
            f"{', '.join(accounts)}: left from a demo, with passwords that everybody knows, and {host} is reachable "
            f"from elsewhere. Give each a new one with `trunkline user reset-password --data-dir {data_dir} EMAIL`, "
            "or start with another data directory, or leave --host at 127.0.0.1.",
        )
    if accounts or devices:
        log.warning(
            "demo_left_over",
            known_passwords=accounts,
            known_tokens=devices,
            advice="before others can reach this server, run `trunkline user reset-password` and delete the devices",
        )


async def _opens(store: Store, passwords: Passwords, email: str, password: str) -> bool:
    found = await store.users.find_login(email)
    return found is not None and await passwords.verify(password, found[1])
