from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from doubles.certificates import make_certificate
from system.runners import Served

from trunkline.cli.credentials import Credentials
from trunkline.cli.errors import CommandError
from trunkline.cli.imports.device import ImportedDevice
from trunkline.cli.imports.other_server import PAGE_SIZE, batches, known_credentials
from trunkline.cli.login import Login
from trunkline.cli.output import id_of
from trunkline.cli.rest import Rest


@pytest.fixture
async def source(other: Served) -> AsyncIterator[Rest]:
    async with Rest(other.rest, Login()) as rest:
        yield rest


async def read(source: Rest, name: str) -> ImportedDevice:
    async for batch in batches(source):
        for candidate in batch.candidates:
            if candidate.name == name:
                return await candidate.read()
    raise AssertionError(name)


async def test_a_device_is_read_whole(source: Rest, tmp_path: Path) -> None:
    await source.post("/api/customer", {"title": "Source"})
    customer = await source.get("/api/tenant/customers", customerTitle="Source")
    device = {
        "name": "Whole",
        "type": "pump",
        "label": "Cellar",
        "customerId": customer["id"],
        "additionalInfo": {"gateway": True, "mine": [1]},
    }
    await source.post("/api/device", device, accessToken="WHOLE")
    assert await read(source, "Whole") == ImportedDevice(
        "Whole",
        "pump",
        "Cellar",
        "Source",
        additional_info={"gateway": True, "mine": [1]},
        credentials=Credentials.access_token("WHOLE"),
    )


async def test_what_everybody_may_use_stays_so(source: Rest) -> None:
    made = await source.post("/api/device", {"name": "Everybody's"})
    await source.post(f"/api/customer/public/device/{id_of(made)}")
    device = await read(source, "Everybody's")
    assert (device.public, device.customer) == (True, None)


async def test_all_kinds_of_credentials(source: Rest, tmp_path: Path) -> None:
    mqtt = Credentials.mqtt(client_id="c", user_name="u", password="p")
    certificate = Credentials.certificate(make_certificate(tmp_path).pem)
    for name, given in (("By MQTT", mqtt), ("By certificate", certificate)):
        await source.post("/api/device-with-credentials", {"device": {"name": name}, "credentials": given.body()})
    assert (await read(source, "By MQTT")).credentials == mqtt
    read_back = (await read(source, "By certificate")).credentials
    assert read_back is not None and read_back.value is not None
    assert read_back.type == "X509_CERTIFICATE"


def test_credentials_that_this_server_does_not_know() -> None:
    with pytest.raises(CommandError, match="its credentials are LWM2M_CREDENTIALS"):
        known_credentials({"credentialsType": "LWM2M_CREDENTIALS", "credentialsId": "x", "credentialsValue": "{}"})


async def test_page_after_page(source: Rest) -> None:
    for number in range(PAGE_SIZE):
        await source.make_device(f"Paged {number}", f"PAGED_{number}")
    pages = [batch async for batch in batches(source)]
    names = [candidate.name for batch in pages for candidate in batch.candidates]
    assert len(pages) > 1
    assert len(names) == len(set(names)) == pages[0].total
    assert {f"Paged {number}" for number in range(PAGE_SIZE)} <= set(names)
