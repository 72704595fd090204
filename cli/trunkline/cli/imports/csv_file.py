"""Devices in a CSV file: a head that names the columns, one device a line."""

import csv
import io
import re
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, Final

from trunkline.cli.credentials import Credentials
from trunkline.cli.errors import CommandError
from trunkline.cli.imports.device import Batch, Candidate, ImportedDevice

COLUMNS: Final[Mapping[str, str]] = {
    "name": "name",
    "type": "type",
    "label": "label",
    "customer": "customer",
    "description": "description",
    "gateway": "gateway",
    "is gateway": "gateway",
    "token": "token",
    "access token": "token",
    "mqtt client id": "mqtt_client_id",
    "mqtt user name": "mqtt_user_name",
    "mqtt username": "mqtt_user_name",
    "mqtt password": "mqtt_password",
    "x509": "certificate",
    "certificate": "certificate",
}
"""What may stand in the head, letter case, hyphens and underscores aside, and what it means."""

DELIMITERS: Final = ",;\t"
TRUE: Final = ("true", "yes", "1")
FALSE: Final = ("", "false", "no", "0")

BATCH: Final = 100

MOST_TOLD: Final = 20
"""Lines that are told to be wrong; more would scroll the first ones away."""


def read_devices(text: str, *, ignore_unknown: bool = False) -> list[ImportedDevice]:
    """The devices of a file, in its order. Raises CommandError that names every line that cannot be used."""
    text = text.removeprefix("\ufeff")
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    devices: list[ImportedDevice] = []
    wrong: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    try:
        columns = _columns(next(reader, []), ignore_unknown=ignore_unknown)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                device = _device(columns, cells)
                _refuse_twins(device, seen, reader.line_num)
            except CommandError as error:
                wrong.append(f"line {reader.line_num}: {error}")
            else:
                devices.append(device)
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: {error}")
    if wrong:
        more = f"\n… and {len(wrong) - MOST_TOLD} more" if len(wrong) > MOST_TOLD else ""
        raise CommandError("\n".join(["Nothing is imported:", *wrong[:MOST_TOLD]]) + more)
    return devices


def _columns(head: list[str], *, ignore_unknown: bool) -> list[str | None]:
    """What each column means, None for one that is ignored."""
    columns = [COLUMNS.get(re.sub(r"[\s_-]+", " ", title.strip().lower())) for title in head]
    unknown = [title for title, column in zip(head, columns, strict=True) if column is None]
    if unknown and not ignore_unknown:
        raise CommandError(
            f"Nobody knows what to do with {', '.join(map(repr, unknown))}; columns are {', '.join(COLUMNS)}. "
            "--ignore-unknown leaves others out."
        )
    for column in set(columns):
        if column is not None and columns.count(column) > 1:
            raise CommandError(f"Several columns say the {column.replace('_', ' ')}.")
    if "name" not in columns:
        raise CommandError("The first line names the columns, and one of them is `name`.")
    return columns


def _device(columns: list[str | None], cells: list[str]) -> ImportedDevice:
    if len(cells) > len(columns):
        raise CommandError(f"there are {len(cells)} cells for {len(columns)} columns")
    row = {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if column is not None}
    if not row.get("name"):
        raise CommandError("the device has no name")
    return ImportedDevice(
        name=row["name"],
        type=row.get("type") or None,
        label=row.get("label") or None,
        customer=row.get("customer") or None,
        additional_info=_additional_info(row),
        credentials=_credentials(row),
    )


def _additional_info(row: Mapping[str, str]) -> dict[str, Any]:
    information: dict[str, Any] = {}
    gateway = row.get("gateway", "").lower()
    if gateway in TRUE:
        information["gateway"] = True
    elif gateway not in FALSE:
        raise CommandError(f"{gateway!r} is neither true nor false")
    if description := row.get("description"):
        information["description"] = description
    return information


def _credentials(row: Mapping[str, str]) -> Credentials | None:
    token, certificate = row.get("token"), row.get("certificate")
    mqtt = [row.get(column) for column in ("mqtt_client_id", "mqtt_user_name", "mqtt_password")]
    if bool(token) + bool(certificate) + any(mqtt) > 1:
        raise CommandError("a device has one kind of credentials: a token, MQTT credentials or a certificate")
    if token:
        return Credentials.access_token(token)
    if certificate:
        return Credentials.certificate(certificate)
    client_id, user_name, password = mqtt
    return Credentials.mqtt(client_id=client_id, user_name=user_name, password=password) if any(mqtt) else None


def _refuse_twins(device: ImportedDevice, seen: dict[tuple[str, str], int], line: int) -> None:
    names = [("name", device.name)]
    if device.credentials is not None and device.credentials.id:
        names.append(("token", device.credentials.id))
    for kind, name in names:
        if first := seen.get((kind, name)):
            raise CommandError(f"line {first} has the same {kind}")
    seen.update(dict.fromkeys(names, line))


async def batches(devices: list[ImportedDevice]) -> AsyncIterator[Batch]:
    """The devices, some at a time."""
    for first in range(0, len(devices), BATCH):
        part = devices[first : first + BATCH]
        yield Batch([Candidate(device.name, partial(_known, device)) for device in part], len(devices))


async def _known(device: ImportedDevice) -> ImportedDevice:
    return device
