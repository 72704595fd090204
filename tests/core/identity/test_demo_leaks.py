"""What a demo leaves behind, and where that is refused."""

from pathlib import Path
from typing import Any

import pytest
from doubles.people import NOW_MS
from doubles.wall_clock import WallClock
from structlog.testing import capture_logs

from trunkline.contract.demo import DEMO_PASSWORDS
from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.accounts import Accounts
from trunkline.core.identity.demo_leaks import check_demo_leaks
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.seeding import seed
from trunkline.core.store.store import Store

DEVICES = ["Test Device A1", "Test Device A2", "Test Device B1", "Test Device T2", "Test Gateway"]


async def check(store: Store, passwords: Passwords, host: str) -> list[dict[str, Any]]:
    """What is warned of."""
    with capture_logs() as logs:
        await check_demo_leaks(store, passwords, host=host, data_dir=Path("data"))
    return [dict(line) for line in logs]


async def test_an_installation_of_its_own_has_nothing_of_a_demo(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=False)
    assert await check(store, passwords, "0.0.0.0") == []


async def test_known_passwords_are_a_warning_at_home_and_refused_outside(store: Store, passwords: Passwords) -> None:
    await seed(store, passwords, NOW_MS, demo=True)
    (warning,) = await check(store, passwords, "127.0.0.1")
    assert warning["log_level"] == "warning"
    assert warning["known_passwords"] == list(DEMO_PASSWORDS)
    assert warning["known_tokens"] == DEVICES
    with pytest.raises(TrunklineError) as refused:
        await check(store, passwords, "192.0.2.7")
    for said in (*DEMO_PASSWORDS, "192.0.2.7", "trunkline user reset-password --data-dir data EMAIL"):
        assert said in refused.value.message


async def test_new_passwords_open_the_way_and_the_devices_are_still_told(
    store: Store, passwords: Passwords, wall: WallClock
) -> None:
    await seed(store, passwords, NOW_MS, demo=True)
    accounts = Accounts(store.users, passwords, await Revocations.load(store.revocations, wall.now_ms), wall)
    *most, last = DEMO_PASSWORDS
    for email in most:
        await accounts.reset_password(email, "a new one")
    with pytest.raises(TrunklineError, match=f"^{last}: left from a demo"):
        await check(store, passwords, "0.0.0.0")
    await accounts.reset_password(last, "a new one")
    (warning,) = await check(store, passwords, "0.0.0.0")
    assert (warning["known_passwords"], warning["known_tokens"]) == ([], DEVICES)
