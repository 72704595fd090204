"""Finds what people name by its title or e-mail address instead of its id."""

import uuid
from collections.abc import AsyncIterator
from typing import Final

from trunkline.cli.answers import RestError
from trunkline.cli.errors import CommandError
from trunkline.cli.output import id_of
from trunkline.cli.rest import Entity, Rest

NOT_FOUND: Final = 404


async def device(rest: Rest, name: str) -> Entity:
    """A device by its id or name, with its customer's title, its profile's name and whether it is active."""
    found: Entity = await rest.get(f"/api/device/info/{await rest.device_id(name)}")
    return found


async def customer(rest: Rest, title: str) -> Entity:
    """A customer by its id or title."""
    customer_id = as_id(title)
    found: Entity | None
    found = await rest.get(f"/api/customer/{customer_id}") if customer_id else await customer_titled(rest, title)
    if found is None:
        raise RestError(f'There is no customer "{title}".', NOT_FOUND)
    return found


async def customer_titled(rest: Rest, title: str) -> Entity | None:
    """A customer by its title, whatever that looks like; None if there is none."""
    try:
        found: Entity = await rest.get("/api/tenant/customers", customerTitle=title)
    except RestError as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return found


async def tenant(rest: Rest, title: str) -> Entity:
    """A tenant by its id or title; several may have the same title."""
    if tenant_id := as_id(title):
        found: Entity = await rest.get(f"/api/tenant/{tenant_id}")
        return found
    several = [one async for one in rest.pages("/api/tenants", textSearch=title) if one["title"] == title]
    return _only(several, f'tenant "{title}"')


async def user(rest: Rest, email: str) -> Entity:
    """A user by id or e-mail address."""
    user_id = as_id(email)
    if user_id is None:
        several = [one async for one in users(rest, search=email) if one["email"] == email]
        user_id = id_of(_only(several, f"user {email}"))
    found: Entity = await rest.get(f"/api/user/{user_id}")
    return found


async def users(
    rest: Rest, *, search: str | None = None, customer_id: str | None = None, tenant_id: str | None = None
) -> AsyncIterator[Entity]:
    """The users that we may see: all, a customer's, or a tenant's administrators."""
    if customer_id:
        paths = [f"/api/customer/{customer_id}/users"]
    elif tenant_id:
        paths = [f"/api/tenant/{tenant_id}/users"]
    elif (await rest.me())["authority"] == "SYS_ADMIN":
        paths = [f"/api/tenant/{id_of(one)}/users" async for one in rest.pages("/api/tenants")]
    else:
        paths = ["/api/users"]
    for path in paths:
        async for one in rest.pages(path, textSearch=search):
            yield one


def as_id(text: str) -> str | None:
    """The id that a text is, None if it is none; names that look like one are taken for it."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _only(found: list[Entity], what: str) -> Entity:
    match found:
        case []:
            raise RestError(f"There is no {what}.", NOT_FOUND)
        case [one]:
            return one
        case _:
            raise CommandError(f"There are {len(found)} of {what}: give the id, {', '.join(map(id_of, found))}.")
