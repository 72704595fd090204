"""What people see of an entity: columns of a list, and all fields of one."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from trunkline.cli.output import ID, Columns, Entity, id_of, instant, moment, reference

DEVICES: Final[Columns] = {
    "NAME": lambda device: device["name"],
    "TYPE": lambda device: device["type"],
    "LABEL": lambda device: device["label"],
    "CUSTOMER": lambda device: device["customerTitle"],
    "ACTIVE": lambda device: device["active"],
    ID: id_of,
}

DEVICE: Final[Columns] = {
    "Name": lambda device: device["name"],
    "Id": id_of,
    "Type": lambda device: device["type"],
    "Label": lambda device: device["label"],
    "Customer": lambda device: device["customerTitle"],
    "Public": lambda device: device["customerIsPublic"] or None,
    "Gateway": lambda device: _additional(device, "gateway") or None,
    "Description": lambda device: _additional(device, "description"),
    "Active": lambda device: device["active"],
    "Created": lambda device: moment(device["createdTime"]),
    "Version": lambda device: device["version"],
}

CUSTOMERS: Final[Columns] = {
    "TITLE": lambda customer: customer["title"],
    "E-MAIL": lambda customer: customer["email"],
    "CITY": lambda customer: customer["city"],
    "COUNTRY": lambda customer: customer["country"],
    ID: id_of,
}
"""Tenants have the same."""

CUSTOMER: Final[Columns] = {
    "Title": lambda customer: customer["title"],
    "Id": id_of,
    "E-mail": lambda customer: customer["email"],
    "Phone": lambda customer: customer["phone"],
    "Address": lambda customer: customer["address"],
    "Zip": lambda customer: customer["zip"],
    "City": lambda customer: customer["city"],
    "State": lambda customer: customer["state"],
    "Country": lambda customer: customer["country"],
    "Description": lambda customer: _additional(customer, "description"),
    "Created": lambda customer: moment(customer["createdTime"]),
    "Version": lambda customer: customer["version"],
}

USERS: Final[Columns] = {
    "E-MAIL": lambda user: user["email"],
    "ROLE": lambda user: role(user["authority"]),
    "NAME": lambda user: _name(user),
    ID: id_of,
}

USER: Final[Columns] = {
    "E-mail": lambda user: user["email"],
    "Id": id_of,
    "Role": lambda user: role(user["authority"]),
    "Name": lambda user: _name(user),
    "Phone": lambda user: user["phone"],
    "Tenant": lambda user: reference(user["tenantId"]),
    "Customer": lambda user: reference(user["customerId"]),
    "Activated": lambda user: _additional(user, "userActivated"),
    "Enabled": lambda user: _additional(user, "userCredentialsEnabled"),
    "Last login": lambda user: moment(_additional(user, "lastLoginTs")),
    "Created": lambda user: moment(user["createdTime"]),
}

CALLS: Final[Columns] = {
    "METHOD": lambda call: call["request"]["body"]["method"],
    "STATUS": lambda call: call["status"],
    "CREATED": lambda call: moment(call["createdTime"]),
    "EXPIRES": lambda call: moment(call["expirationTime"]),
    ID: id_of,
}

CALL: Final[Columns] = {
    "Method": lambda call: call["request"]["body"]["method"],
    "Params": lambda call: call["request"]["body"]["params"],
    "Id": id_of,
    "Device": lambda call: reference(call["deviceId"]),
    "Kind": lambda call: "one-way" if call["request"]["oneway"] else "two-way",
    "Stored": lambda call: call["request"]["persisted"],
    "Status": lambda call: call["status"],
    "Response": lambda call: _json(call["response"]),
    "Retries": lambda call: call["request"]["retries"],
    "Information": lambda call: _json(call["additionalInfo"]),
    "Created": lambda call: moment(call["createdTime"]),
    "Expires": lambda call: moment(call["expirationTime"]),
}


def _of_rpc(field: Callable[[Entity], object], explained: Entity) -> object:
    return field(explained["rpc"])


EXPLAINED: Final[Columns] = {
    **{title: partial(_of_rpc, field) for title, field in CALL.items()},
    "Ended": lambda explained: moment(explained["endTime"]),
    "Outcome": lambda explained: explained["outcome"] and in_words(explained["outcome"]),
    "Cause": lambda explained: explained["cause"],
    "Hint": lambda explained: explained["hint"],
    "Late answer": lambda explained: _json(explained["lateResponse"]),
    "Request id": lambda explained: explained["requestId"] or None,
    "Timeouts": lambda explained: explained["timeouts"] or None,
    "Strategy": lambda explained: explained["submitStrategy"],
    "Redelivery": lambda explained: explained["redelivery"],
    "Key": lambda explained: explained["idempotencyKey"],
}

TIMELINE: Final[Columns] = {
    "TIME": lambda entry: instant(entry["ts"]),
    "STEP": lambda entry: in_words(entry["step"]),
    "DETAIL": lambda entry: entry["detail"],
}


ROLES: Final = {
    "SYS_ADMIN": "system administrator",
    "TENANT_ADMIN": "tenant administrator",
    "CUSTOMER_USER": "customer's user",
}


def role(authority: str) -> str:
    """SYS_ADMIN as people say it."""
    return ROLES.get(authority, authority)


def in_words(name: str) -> str:
    """NOT_SENT as people say it."""
    return name.lower().replace("_", " ")


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _name(user: Entity) -> str:
    return " ".join(part for part in (user["firstName"], user["lastName"]) if part)


def _additional(entity: Entity, name: str) -> Any:
    information = entity["additionalInfo"]
    return information.get(name) if isinstance(information, dict) else None
