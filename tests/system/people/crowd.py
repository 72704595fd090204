"""Everybody who may come to a tenant's devices, and what there is to come to."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

import httpx
from system.people.answers import Callers, Json, activated, by, made, unique, user_of

OWNER: Final = "customer_user"
"""Whose customer has the device."""


@contextmanager
def crowd(url: str, callers: Callers) -> Iterator[Callers]:
    """The callers, a user of another customer, one of the public customer, and one whose token was revoked."""
    admin, nobody = callers["admin"], callers["nobody"]
    other = made(admin.post("/api/customer", json={"title": unique()}))
    open_device = made(admin.post("/api/device", json={"name": unique()}))
    public = made(admin.post(f"/api/customer/public/device/{open_device['id']['id']}"))["customerId"]["id"]
    left = {"username": "tenant@thingsboard.org", "password": "tenant"}
    tokens = {
        "other_customer_user": activated(admin, nobody, _added(admin, other)),
        "public": made(nobody.post("/api/auth/login/public", json={"publicId": public})),
        "revoked": made(nobody.post("/api/auth/login", json=left)),
    }
    nobody.post("/api/auth/logout", headers=by(tokens["revoked"]))
    with ExitStack() as stack:
        more = {
            name: stack.enter_context(httpx.Client(base_url=url, trust_env=False, headers=by(pair)))
            for name, pair in tokens.items()
        }
        yield {**callers, **more}


def _added(admin: httpx.Client, customer: Json) -> Json:
    return made(admin.post("/api/user?sendActivationMail=false", json=user_of(customer)))


def things(callers: Callers) -> Mapping[str, Json]:
    """A device of the owner's with its own profile, its credentials, a call that waits for it, and another customer."""
    admin = callers["admin"]
    mine = made(callers[OWNER].get("/api/auth/user"))
    new = {"name": unique(), "type": unique(), "customerId": mine["customerId"]}
    device = made(admin.post("/api/device", json=new))
    device_id, profile_id = device["id"]["id"], device["deviceProfileId"]["id"]
    waiting = {"method": "m", "persistent": True, "timeout": 3_600_000}
    call = made(admin.post(f"/api/rpc/oneway/{device_id}", json=waiting))
    return {
        "device": device | {"version": None},
        "credentials": made(admin.get(f"/api/device/{device_id}/credentials")) | {"version": None},
        "profile": made(admin.get(f"/api/deviceProfile/{profile_id}")) | {"version": None},
        "customer": made(admin.get(f"/api/customer/{mine['customerId']['id']}")),
        "call": {"id": {"id": call["rpcId"]}},
        "other": made(admin.post("/api/customer", json={"title": unique()})),
    }


def token_of(caller: httpx.Client) -> str:
    """The access token that a caller shows; empty: none."""
    return str(caller.headers.get("X-Authorization", "")).removeprefix("Bearer ")
