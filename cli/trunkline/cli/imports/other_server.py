"""Devices of a tenant on another server with ThingsBoard's REST API."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from trunkline.cli.credentials import Credentials
from trunkline.cli.errors import CommandError
from trunkline.cli.imports.device import Batch, Candidate, ImportedDevice
from trunkline.cli.output import id_of
from trunkline.cli.rest import Entity, Rest

PAGE_SIZE: Final = 100

KNOWN_CREDENTIALS: Final = ("ACCESS_TOKEN", "MQTT_BASIC", "X509_CERTIFICATE")


async def batches(rest: Rest) -> AsyncIterator[Batch]:
    """The devices page by page, the oldest first so that new ones move none."""
    number = 0
    while True:
        page = await rest.get(
            "/api/tenant/deviceInfos",
            pageSize=PAGE_SIZE,
            page=number,
            sortProperty="createdTime",
            sortOrder="ASC",
        )
        candidates = [Candidate(info["name"], partial(_read, rest, info)) for info in page["data"]]
        yield Batch(candidates, page["totalElements"])
        if not page["hasNext"]:
            return
        number += 1


async def _read(rest: Rest, info: Entity) -> ImportedDevice:
    public = bool(info.get("customerIsPublic"))
    information = info.get("additionalInfo")
    return ImportedDevice(
        name=info["name"],
        type=info.get("type"),
        label=info.get("label"),
        customer=None if public else info.get("customerTitle"),
        public=public,
        additional_info=information if isinstance(information, dict) else {},
        credentials=known_credentials(await rest.get(f"/api/device/{id_of(info)}/credentials")),
    )


def known_credentials(found: dict[str, Any]) -> Credentials:
    """Credentials of the REST API as this server knows them, too. Raises CommandError for other kinds."""
    kind = found["credentialsType"]
    if kind not in KNOWN_CREDENTIALS:
        raise CommandError(f"its credentials are {kind}, which this server does not know")
    if kind == "ACCESS_TOKEN":
        return Credentials.access_token(found["credentialsId"])
    return Credentials(kind, value=found["credentialsValue"])
