from collections.abc import AsyncIterator

import pytest
from system.runners import Served

from trunkline.cli.answers import RestError
from trunkline.cli.credentials import Credentials
from trunkline.cli.errors import CommandError
from trunkline.cli.imports.csv_file import batches
from trunkline.cli.imports.device import Batch, Candidate, ImportedDevice
from trunkline.cli.imports.importer import Importer, Summary
from trunkline.cli.login import Login
from trunkline.cli.named import customer_titled, device
from trunkline.cli.rest import Rest


@pytest.fixture
async def target(demo: Served) -> AsyncIterator[Rest]:
    async with Rest(demo.rest, Login()) as rest:
        yield rest


async def bring_in(target: Rest, *devices: ImportedDevice, dry_run: bool = False) -> Summary:
    importer = Importer(target, dry_run=dry_run)
    await importer.run(batches(list(devices)))
    return importer.summary


async def test_what_is_new_comes_in_and_what_is_there_stays(target: Rest) -> None:
    new = ImportedDevice("New pump", "pump", customer="Importer A", credentials=Credentials.access_token("NEW_PUMP"))
    old = ImportedDevice("Test Device A1", "another type")
    assert await bring_in(target, new, old) == Summary(created=1, existing=1, customers=["Importer A"])
    assert await bring_in(target, new, old) == Summary(existing=2)
    made = await device(target, "New pump")
    assert (made["type"], made["customerTitle"]) == ("pump", "Importer A")
    assert (await target.get(f"/api/device/{made['id']['id']}/credentials"))["credentialsId"] == "NEW_PUMP"
    assert (await device(target, "Test Device A1"))["type"] != "another type"


async def test_a_dry_run_changes_nothing(target: Rest) -> None:
    new = ImportedDevice("Dry", customer="Nobody yet"), ImportedDevice("Test Device A1")
    assert await bring_in(target, *new, dry_run=True) == Summary(created=1, existing=1, customers=["Nobody yet"])
    with pytest.raises(RestError, match="no device named"):
        await device(target, "Dry")
    assert await customer_titled(target, "Nobody yet") is None


async def test_one_that_is_refused_holds_up_no_other(target: Rest) -> None:
    taken = ImportedDevice("Taken", credentials=Credentials.access_token("A1_TEST_TOKEN"))
    summary = await bring_in(
        target,
        ImportedDevice("Before"),
        taken,
        ImportedDevice("n" * 256),
        ImportedDevice("Of nobody", customer="c" * 256),
        ImportedDevice("After"),
    )
    assert (summary.created, summary.existing, summary.ended) == (2, 0, "")
    reasons = dict(summary.failed)
    assert reasons.keys() == {"Taken", "n" * 256, "Of nobody"}
    assert "already assigned to another device" in reasons["Taken"]
    assert "must be equal or less than 255" in reasons["n" * 256]
    assert reasons["Of nobody"].startswith(f"its customer {'c' * 256}: ")


async def test_what_everybody_may_use(target: Rest) -> None:
    assert (await bring_in(target, ImportedDevice("Imported for all", public=True))).created == 1
    assert (await device(target, "Imported for all"))["customerIsPublic"]


async def test_progress_is_told(target: Rest) -> None:
    told: list[tuple[int, int]] = []
    importer = Importer(target, dry_run=True, progress=lambda done, total: told.append((done, total)))
    await importer.run(batches([ImportedDevice(str(number)) for number in range(150)]))
    assert told == [(100, 150), (150, 150)]


async def test_devices_that_cannot_be_read_are_told_one_by_one(target: Rest) -> None:
    async def broken() -> ImportedDevice:
        raise CommandError("it is broken")

    async def several() -> AsyncIterator[Batch]:
        yield Batch([Candidate("Broken", broken)], 1)

    importer = Importer(target)
    await importer.run(several())
    assert importer.summary == Summary(failed=[("Broken", "it is broken")])


async def test_a_server_that_goes_away_ends_it_and_says_how_far_it_came(target: Rest) -> None:
    async def gone() -> ImportedDevice:
        raise RestError("http://127.0.0.1:1 cannot be reached: gone")

    async def several() -> AsyncIterator[Batch]:
        async for batch in batches([ImportedDevice("Came before the end")]):
            yield batch
        yield Batch([Candidate("Gone", gone)] * 40, 41)
        raise AssertionError("went on")

    importer = Importer(target)
    await importer.run(several())
    assert importer.summary == Summary(created=1, ended="http://127.0.0.1:1 cannot be reached: gone")


async def test_whoever_may_not_import_is_told_once(demo: Served) -> None:
    async with Rest(demo.rest, Login(user="customer@thingsboard.org", password="customer")) as rest:
        summary = await bring_in(rest, ImportedDevice("Never"))
    assert summary == Summary(ended=summary.ended)
    assert "HTTP 403" in summary.ended
