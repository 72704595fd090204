"""What all JSON bodies have in common: how they are read, how entities are named, and pages of them."""

import json
from typing import Annotated, Any, Generic, Self, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from trunkline.contract import ids
from trunkline.contract.json_text import NULL
from trunkline.facade.errors import bad_request

Item = TypeVar("Item")

Version = Annotated[int | None, Field(ge=-(2**63), lt=2**63)]
"""Of an entity that a body changes: the one that was read, absent for whichever there is."""


class Body(BaseModel):
    """Python's names inside, ThingsBoard's on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, coerce_numbers_to_str=True)

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The object in a request's body. Raises TrunklineError (INVALID_ARGUMENT) that names what is wrong."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise bad_request(f"Invalid request body: {where + ': ' if where else ''}{first['msg']}") from None

    def as_json(self) -> str:
        """Its JSON, as an answer has it."""
        return self.model_dump_json(by_alias=True)


class EntityId(Body):
    """How ThingsBoard names an entity."""

    entity_type: str
    id: str


class Page(Body, Generic[Item]):
    """One page of a list."""

    data: list[Item]
    total_pages: int
    total_elements: int
    has_next: bool


class Problem(Body):
    """The standard error body."""

    status: int
    message: str
    error_code: int
    timestamp: int


def entity(entity_type: str, entity_id: str) -> EntityId:
    """The entity of that id; ThingsBoard's "none" for an empty one."""
    return EntityId(entity_type=entity_type, id=entity_id or ids.NO_ID_TEXT)


def named(entity: EntityId | None, entity_type: str) -> str:
    """The id that a body names; empty for none. Raises TrunklineError (INVALID_ARGUMENT) if it names something else."""
    if entity is None:
        return ""
    if entity.entity_type != entity_type:
        raise bad_request(f"Invalid request body: an id of type {entity_type} is needed, not {entity.entity_type}")
    text = uuid_text(entity.id)
    return "" if text == ids.NO_ID_TEXT else text


def changed(entity: EntityId | None, entity_type: str) -> str:
    """The id of the entity that a body changes; the core finds nothing by ThingsBoard's "none".

    Raises TrunklineError (INVALID_ARGUMENT) if it is the id of something else.
    """
    return named(entity, entity_type) or ids.NO_ID_TEXT


def uuid_text(text: str) -> str:
    """A UUID in the one form in which the core has it. Raises TrunklineError (INVALID_ARGUMENT) if it is none."""
    try:
        return ids.to_text(ids.from_text(text))
    except ValueError as error:
        raise bad_request(str(error)) from None


def json_value(text: bytes) -> Any:
    """The value of JSON that the core keeps; None for none."""
    return json.loads(text or NULL)


def json_text(value: Any) -> bytes:
    """A value of a body as JSON that the core keeps; empty for None.

    Raises TrunklineError (INVALID_ARGUMENT) for numbers that JSON cannot write.
    """
    try:
        return b"" if value is None else json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise bad_request("Invalid request body: a number is out of range") from None


def asked_version(version: int | None) -> int:
    """The version that an update asks for: 0 asks for none, so what a body says is never 0.

    Versions start at 1, so 0 in a body is a conflict as every other wrong one is.
    """
    return 0 if version is None else version or -1


def unix_ms(time: Timestamp) -> int:
    """Milliseconds since 1970."""
    return time.ToMilliseconds()
