"""The cache in front of the device rows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest
from doubles.certificates import make_certificate
from doubles.device_rows import device, give_token, stored
from doubles.people import People, stored_people
from doubles.wall_clock import WallClock

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import Connect, GatewayChild, MqttBasic, Refused
from trunkline.core.calls.model import Redelivery
from trunkline.core.clock import unix_ms
from trunkline.core.devices.credentials import ACCESS_TOKEN, MQTT_BASIC, X509_CERTIFICATE, NewCredentials, checked
from trunkline.core.devices.directory import Directory
from trunkline.core.devices.model import DeviceEntry, KnownCredentials, access_token_credentials
from trunkline.core.profiles.model import ProfileDetails
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.database import Database, sqlite_url
from trunkline.core.store.devices import DeviceRows
from trunkline.core.store.store import Store
from trunkline.core.store.tenants import TenantRows
from trunkline.v1 import call_pb2
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.transport_service_pb2 import SessionKind

KIND = SessionKind.SESSION_KIND_ASYNCHRONOUS


async def test_a_device_is_read_once(store: Store, people: People) -> None:
    directory = Directory(store.devices)
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    assert directory.cached(pump.id) is None
    entry = await directory.load(pump.id)
    assert entry is not None
    assert entry.name == "Pump"
    assert directory.cached(pump.id) is entry
    assert await directory.load(pump.id) is entry


async def test_an_unknown_device_is_not_remembered(store: Store, people: People) -> None:
    directory = Directory(store.devices)
    pump = device(people.tenant_id, "Pump")
    assert await directory.load(pump.id) is None
    await stored(store.devices, pump)
    assert await directory.load(pump.id) is not None


async def test_many_are_loaded_with_what_is_cached_already(store: Store, people: People) -> None:
    directory = Directory(store.devices)
    pumps = [await stored(store.devices, device(people.tenant_id, f"Pump {number}")) for number in range(3)]
    first = await directory.load(pumps[0].id)
    found = await directory.load_many([new_id(), *(pump.id for pump in pumps)])
    assert found.keys() == {pump.id for pump in pumps}
    assert found[pumps[0].id] is first
    assert all(directory.cached(pump.id) for pump in pumps)


async def test_a_forgotten_device_is_read_anew(store: Store, people: People) -> None:
    directory = Directory(store.devices)
    pump = await stored(store.devices, device(people.tenant_id, "Pump"))
    await directory.load(pump.id)
    await give_token(store.devices, pump.id, "new")
    directory.forget(pump.id)
    assert directory.cached(pump.id) is None
    entry = await directory.load(pump.id)
    assert entry is not None
    assert entry.credentials_version == 2


def rows_of(database: Database) -> DeviceRows:
    return DeviceRows(database, unix_ms)


class InterruptedRows(DeviceRows):
    """The real rows, with something happening between a query and whoever waits for it, once."""

    def __init__(self, database: Database, happening: Callable[[], Awaitable[None]]) -> None:
        super().__init__(database, unix_ms)
        self._happening: Callable[[], Awaitable[None]] | None = happening

    async def entries(self, device_ids: Collection[bytes]) -> list[DeviceEntry]:
        found = await super().entries(device_ids)
        await self._happen()
        return found

    async def entries_by_credentials(self, credentials_ids: Collection[str]) -> dict[str, KnownCredentials]:
        found = await super().entries_by_credentials(credentials_ids)
        await self._happen()
        return found

    async def _happen(self) -> None:
        happening, self._happening = self._happening, None
        if happening is not None:
            await happening()


class CountingRows(DeviceRows):
    """The real rows, which count how often devices are looked for by what they show."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, unix_ms)
        self.queries = 0

    async def entries_by_credentials(self, credentials_ids: Collection[str]) -> dict[str, KnownCredentials]:
        self.queries += 1
        return await super().entries_by_credentials(credentials_ids)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(sqlite_url(tmp_path / "trunkline.db"))
    yield opened
    await opened.close()


async def test_a_device_deleted_while_it_is_read_is_not_there(database: Database) -> None:
    people = await stored_people(TenantRows(database), CustomerRows(database))
    pump = await stored(rows_of(database), device(people.tenant_id, "Pump"))

    async def delete() -> None:
        await rows_of(database).delete(pump.id)
        directory.forget(pump.id)

    directory = Directory(InterruptedRows(database, delete))
    assert await directory.load(pump.id) is None
    assert directory.cached(pump.id) is None


async def test_a_token_replaced_while_it_is_checked_opens_nothing(database: Database) -> None:
    people = await stored_people(TenantRows(database), CustomerRows(database))
    pump = await stored(rows_of(database), device(people.tenant_id, "Pump"), "old")

    async def replace() -> None:
        await give_token(rows_of(database), pump.id, "new")
        directory.forget(pump.id)

    directory = Directory(InterruptedRows(database, replace))
    (verdict,) = await directory.authenticate([Connect(1, KIND, 1, access_token="old")])
    assert isinstance(verdict, Refused)
    assert directory.cached(pump.id) is None


async def test_memory_is_bounded(store: Store, people: People) -> None:
    directory = Directory(store.devices, max_entries=2)
    pumps = [await stored(store.devices, device(people.tenant_id, f"Pump {number}")) for number in range(3)]
    for pump in pumps:
        await directory.load(pump.id)
    assert [directory.cached(pump.id) is not None for pump in pumps] == [False, True, True]


async def test_devices_are_known_by_what_they_show(store: Store, people: People) -> None:
    directory = Directory(store.devices)
    pump = await stored(store.devices, device(people.tenant_id, "Pump"), "pump token")
    valve = await stored(store.devices, device(people.other_tenant_id, "Valve"), "valve token")
    shown = [
        Connect(1, KIND, 1, access_token="valve token"),
        Connect(2, KIND, 1, access_token="nobody's"),
        Connect(3, KIND, 1, mqtt_basic=MqttBasic("client", "pump token", "any password")),
        Connect(4, KIND, 1, access_token="pump token"),
        Connect(5, KIND, 1, access_token="PUMP TOKEN"),
        Connect(6, KIND, 1, access_token=""),
        Connect(7, KIND, 1, mqtt_basic=MqttBasic("pump token")),
        Connect(8, KIND, 1, certificate_der=b"x"),
        Connect(9, KIND, 1, access_token="é"),
    ]
    verdicts = await directory.authenticate(shown)
    known = {
        connect.session: verdict.device_id
        for connect, verdict in zip(shown, verdicts, strict=True)
        if isinstance(verdict, DeviceEntry)
    }
    assert known == {1: valve.id, 3: pump.id, 4: pump.id}
    refused = [verdict for verdict in verdicts if isinstance(verdict, Refused)]
    assert [verdict.session for verdict in refused] == [2, 5, 6, 7, 8, 9]
    assert {verdict.reason for verdict in refused} == {ErrorReason.ERROR_REASON_BAD_CREDENTIALS}
    assert directory.cached(pump.id) is not None


async def test_devices_of_a_gateway_are_refused_by_name(store: Store) -> None:
    (verdict,) = await Directory(store.devices).authenticate([Connect(2, KIND, 1, child=GatewayChild(1, "Child"))])
    assert isinstance(verdict, Refused)
    assert verdict.reason == ErrorReason.ERROR_REASON_NOT_SUPPORTED


async def test_nobody_is_let_in_without_showing_anything(store: Store) -> None:
    assert await Directory(store.devices).authenticate([]) == []


async def test_credentials_of_all_kinds_share_one_query(database: Database, tmp_path: Path) -> None:
    people = await stored_people(TenantRows(database), CustomerRows(database))
    rows, certificate = CountingRows(database), make_certificate(tmp_path)
    kinds = (
        NewCredentials(ACCESS_TOKEN, "token"),
        NewCredentials(MQTT_BASIC, credentials_value='{"clientId":"a","userName":"b","password":"c"}'),
        NewCredentials(X509_CERTIFICATE, credentials_value=certificate.pem),
    )
    made = []
    for number, new in enumerate(map(checked, kinds)):
        pump = await stored(rows, device(people.tenant_id, f"Pump {number}"))
        credentials = await rows.find_credentials(pump.id)
        assert credentials is not None
        changed = replace(
            credentials, type=new.type, credentials_id=new.credentials_id, credentials_value=new.credentials_value
        )
        await rows.change_credentials(changed, 0)
        made.append(pump.id)
    shown = [
        Connect(1, KIND, 1, access_token="token"),
        Connect(2, KIND, 1, mqtt_basic=MqttBasic("a", "b", "c")),
        Connect(3, KIND, 1, certificate_der=certificate.der),
        Connect(4, KIND, 1, access_token="a\0b"),
        Connect(5, KIND, 1, mqtt_basic=MqttBasic("a", "b", "wrong")),
    ]
    *let_in, odd, wrong = await Directory(rows).authenticate(shown)
    assert [verdict.device_id for verdict in let_in if isinstance(verdict, DeviceEntry)] == made
    assert isinstance(odd, Refused)
    assert isinstance(wrong, Refused)
    assert rows.queries == 1


async def test_a_certificate_is_judged_by_the_clock(store: Store, people: People, tmp_path: Path) -> None:
    certificate, wall = make_certificate(tmp_path), WallClock()
    new = checked(NewCredentials(X509_CERTIFICATE, credentials_value=certificate.pem))
    pump = device(people.tenant_id, "Pump")
    await store.devices.add(pump, replace(access_token_credentials(pump, new.credentials_id), type=new.type))
    directory = Directory(store.devices, now_s=wall)
    shown = [Connect(1, KIND, 1, certificate_der=certificate.der)]
    (early,) = await directory.authenticate(shown)
    assert isinstance(early, Refused)
    assert early.detail.startswith("The certificate is not valid before ")
    assert directory.cached(pump.id) is None
    wall.now_s = certificate.certificate.stat().st_mtime
    (in_time,) = await directory.authenticate(shown)
    assert isinstance(in_time, DeviceEntry)


async def test_with_a_profile_its_devices_are_forgotten(store: Store, people: People) -> None:
    directory = Directory(store.devices)
    pumps = [await stored(store.devices, device(people.tenant_id, f"Pump {n}", type_name="pump")) for n in range(2)]
    valve = await stored(store.devices, device(people.tenant_id, "Valve", type_name="valve"))
    await directory.load_many([pumps[0].id, pumps[1].id, valve.id])
    details = ProfileDetails("big pump", redelivery=call_pb2.REDELIVERY_NEVER)
    await store.profiles.change(pumps[0].profile_id, details, 0)
    directory.forget_profile(pumps[0].profile_id)
    assert [directory.cached(one.id) is None for one in (*pumps, valve)] == [True, True, False]
    entry = await directory.load(pumps[1].id)
    assert entry is not None
    assert (entry.type, entry.redelivery) == ("big pump", Redelivery.NEVER)
