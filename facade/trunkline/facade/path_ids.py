"""Ids in paths: taken in every form of UUID that ThingsBoard takes, refused with 400 and its text otherwise."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator

from trunkline.facade.schemas.base import uuid_text


def _id(name: str) -> Any:
    return Path(alias=name, json_schema_extra={"format": "uuid"})


DeviceId = Annotated[str, _id("deviceId"), AfterValidator(uuid_text)]
DeviceProfileId = Annotated[str, _id("deviceProfileId"), AfterValidator(uuid_text)]
CustomerId = Annotated[str, _id("customerId"), AfterValidator(uuid_text)]
UserId = Annotated[str, _id("userId"), AfterValidator(uuid_text)]
TenantId = Annotated[str, _id("tenantId"), AfterValidator(uuid_text)]
RpcId = Annotated[str, _id("rpcId"), AfterValidator(uuid_text)]
