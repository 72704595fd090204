"""Bodies are read whatever else they hold, ids in one form, and what an update asks for is never nothing."""

from typing import Any

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.facade.schemas.base import (
    Body,
    EntityId,
    asked_version,
    changed,
    entity,
    json_text,
    json_value,
    named,
    uuid_text,
)

NONE = "13814000-1dd2-11b2-8080-808080808080"
DEVICE = "784f394c-42b6-435a-983c-b7beff2784f9"


class Thing(Body):
    some_name: str | None = None
    other: EntityId | None = None
    extra: Any = None


def test_names_are_camel_case_on_the_wire_and_others_are_passed_over() -> None:
    thing = Thing.read(b'{"someName":5,"unknown":{},"extra":[1]}')
    assert (thing.some_name, thing.other, thing.extra) == ("5", None, [1])
    assert thing.model_dump(by_alias=True)["someName"] == "5"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Invalid request body: "),
        (b"[]", "Invalid request body: "),
        (b"null", "Invalid request body: "),
        (b"{", "Invalid request body: "),
        (b"\xff", "Invalid request body: "),
        (b'{"someName":"\\ud800"}', "Invalid request body: "),
        (b'{"someName":[]}', "Invalid request body: someName: "),
        (b'{"other":{"id":"i"}}', "Invalid request body: other.entityType: "),
        (b'{"extra":' + b"[" * 100_000, "Invalid request body: "),
    ],
)
def test_what_is_wrong_is_named(body: bytes, message: str) -> None:
    with pytest.raises(TrunklineError) as caught:
        Thing.read(body)
    assert caught.value.row.http == 400
    assert caught.value.message.startswith(message)


def test_entities() -> None:
    assert entity("CUSTOMER", "") == EntityId(entity_type="CUSTOMER", id=NONE)
    assert named(EntityId(entity_type="DEVICE", id=DEVICE.upper()), "DEVICE") == DEVICE
    assert named(EntityId(entity_type="CUSTOMER", id=NONE), "CUSTOMER") == ""
    assert named(None, "DEVICE") == ""
    assert changed(EntityId(entity_type="DEVICE", id=DEVICE.upper()), "DEVICE") == DEVICE
    assert changed(EntityId(entity_type="DEVICE", id=NONE), "DEVICE") == NONE


def test_an_id_of_something_else() -> None:
    with pytest.raises(TrunklineError, match="an id of type DEVICE is needed, not CUSTOMER"):
        named(EntityId(entity_type="CUSTOMER", id=DEVICE), "DEVICE")
    with pytest.raises(TrunklineError, match="Invalid UUID string: abc"):
        named(EntityId(entity_type="DEVICE", id="abc"), "DEVICE")


def test_ids_have_one_form() -> None:
    assert uuid_text("1-2-3-4-5") == "00000001-0002-0003-0004-000000000005"
    with pytest.raises(TrunklineError, match="Invalid UUID string: "):
        uuid_text("")


def test_json_that_is_kept() -> None:
    assert json_text(None) == b""
    assert json_text({"a": [1, "ü"]}) == b'{"a":[1,"\\u00fc"]}'
    assert json_value(b"") is None
    assert json_value(b'{"a":1}') == {"a": 1}
    for beyond in (b'{"extra":NaN}', b'{"extra":[1e400]}'):
        with pytest.raises(TrunklineError, match="a number is out of range"):
            json_text(Thing.read(beyond).extra)


@pytest.mark.parametrize(("said", "asked"), [(None, 0), (0, -1), (1, 1), (-5, -5)])
def test_versions(said: int | None, asked: int) -> None:
    assert asked_version(said) == asked
