"""An installation of version 0.1 goes on working: its people log in, its devices are who they were."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from doubles.people import NOW_MS
from doubles.wall_clock import WallClock
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from trunkline.contract.ids import NO_ID, new_id
from trunkline.core.identity.model import Contact, Customer, Tenant, User, UserDetails
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.users import Users
from trunkline.core.store.database import MIGRATIONS, sqlite_url
from trunkline.core.store.pages import Page
from trunkline.core.store.revocations import Revocation
from trunkline.core.store.store import Store
from trunkline.v1.device_pb2 import CredentialsType
from trunkline.v1.rpc_service_pb2 import Role

TENANT, CUSTOMER, PROFILE, DEVICE, CREDENTIALS = (new_id() for _ in range(5))
ROOT, ADMIN, USER = (new_id() for _ in range(3))
REVOCATION = Revocation(ADMIN, b"", NOW_MS, NOW_MS + 1)

HASH = "$argon2id$as-it-was"


def migrate_to_first_release(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")


def fill(connection: Connection) -> None:
    """Rows as version 0.1 wrote them."""

    def insert(table: str, **values: object) -> None:
        columns = ", ".join(values)
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES (:{', :'.join(values)})"), values)

    made = {"create_unix_ms": NOW_MS, "version": 1}
    insert("starts", started_unix_ms=NOW_MS)
    insert("tenants", id=TENANT, title="Tenant", **made)
    insert("customers", id=CUSTOMER, tenant_id=TENANT, title="Customer A", **made)
    insert("device_profiles", id=PROFILE, tenant_id=TENANT, name="default", is_default=True, **made)
    device = {"name": "Pump", "label": "Room 1", "additional_info": b'{"gateway":true}'}
    insert("devices", id=DEVICE, tenant_id=TENANT, customer_id=CUSTOMER, profile_id=PROFILE, **device, **made)
    insert(
        "device_credentials",
        id=CREDENTIALS,
        device_id=DEVICE,
        type=CredentialsType.CREDENTIALS_TYPE_ACCESS_TOKEN,
        credentials_id="TOKEN",
        credentials_value="",
        **made,
    )
    for user_id, email, role, tenant_id, customer_id in (
        (ROOT, "sysadmin@thingsboard.org", Role.ROLE_SYS_ADMIN, None, None),
        (ADMIN, "tenant@thingsboard.org", Role.ROLE_TENANT_ADMIN, TENANT, None),
        (USER, "customer@thingsboard.org", Role.ROLE_CUSTOMER_USER, TENANT, CUSTOMER),
    ):
        insert(
            "users",
            id=user_id,
            tenant_id=tenant_id,
            customer_id=customer_id,
            email=email,
            role=role,
            password_hash=HASH,
            enabled=True,
            first_name="",
            last_name="",
            phone="",
            additional_info=b"",
            **made,
        )
    insert(
        "revocations",
        user_id=REVOCATION.user_id,
        token_session_id=REVOCATION.token_session_id,
        issued_before_unix_ms=REVOCATION.issued_before_unix_ms,
        forget_unix_ms=REVOCATION.forget_unix_ms,
    )


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[Store]:
    """A store of version 0.1, opened by this one."""
    path = tmp_path / "trunkline.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate_to_first_release(connection)
        fill(connection)
    engine.dispose()
    store = await Store.open(sqlite_url(path))
    yield store
    await store.close()


async def test_its_people_are_there_and_activated(old: Store) -> None:
    for user in (
        User(ROOT, NO_ID, NO_ID, "sysadmin@thingsboard.org", Role.ROLE_SYS_ADMIN, NOW_MS),
        User(ADMIN, TENANT, NO_ID, "tenant@thingsboard.org", Role.ROLE_TENANT_ADMIN, NOW_MS),
        User(USER, TENANT, CUSTOMER, "customer@thingsboard.org", Role.ROLE_CUSTOMER_USER, NOW_MS),
    ):
        assert user.enabled
        assert user.activated
        assert await old.users.find_login(user.email) == (user, HASH)
        assert await old.users.find_activation(user.id) is None
    assert await old.tenants.find(TENANT) == Tenant(TENANT, "Tenant", NOW_MS, "Global", Contact())
    assert await old.customers.find(CUSTOMER) == Customer(CUSTOMER, TENANT, "Customer A", NOW_MS)
    assert await old.revocations.living(NOW_MS) == [REVOCATION]
    assert await old.starts.next_start(NOW_MS) == 2


async def test_its_devices_are_who_they_were(old: Store) -> None:
    device = await old.devices.find(DEVICE)
    assert device is not None
    assert (device.tenant_id, device.customer_id, device.profile_id) == (TENANT, CUSTOMER, PROFILE)
    assert (device.name, device.type, device.label, device.version) == ("Pump", "default", "Room 1", 1)
    (entry,) = await old.devices.entries([DEVICE])
    assert entry.gateway
    credentials = await old.devices.find_credentials(DEVICE)
    assert credentials is not None
    assert credentials.credentials_id == "TOKEN"


async def test_what_is_bytes_is_bytes_in_its_rows_too(old: Store) -> None:
    async def types(connection: AsyncConnection) -> set[str]:
        columns = (("tenants", "additional_info"), ("customers", "additional_info"), ("device_profiles", "extra"))
        query = " UNION ".join(f"SELECT typeof({column}) FROM {table}" for table, column in columns)
        return set((await connection.execute(text(query))).scalars())

    assert await old.users._database.run(types) == {"blob"}


async def test_its_people_change_and_add_others(old: Store, wall: WallClock) -> None:
    revocations = await Revocations.load(old.revocations, wall.now_ms)
    users = Users(old.users, customers=old.customers, tenants=old.tenants, revocations=revocations, now_s=wall)
    admin = Principal(Role.ROLE_TENANT_ADMIN, TENANT, ADMIN)
    await users.update(admin, USER, UserDetails("customer@thingsboard.org", last_name="B"), version=1)
    made = await users.create(
        admin, UserDetails("new@example.com", Role.ROLE_CUSTOMER_USER, customer_id=CUSTOMER, first_name="N")
    )
    found = await users.page(admin, Page(sort_by="email"))
    assert [user.id for user in found.items] == [USER, made.id, ADMIN]
    departure = await old.tenants.delete(TENANT, NOW_MS)
    assert departure.device_ids == [DEVICE]
