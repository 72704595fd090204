"""What the command line asks of a Trunkline server over REST: log in, find a device, make one, call it."""

import uuid
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login
from trunkline.contract.metadata import CALL_ID_HEADER, CAUSE_HEADER

ANSWER_MARGIN_S: Final = 10.0
"""How long after a call's own deadline an answer may still come before the connection counts as dead."""


class RestError(CommandError):
    """The server refused a request or could not be reached; the message is for people."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What became of a call: HTTP status, the reply, the call's id; if it failed, the cause's name and a text."""

    status: int
    body: bytes
    call_id: str
    cause: str = ""
    detail: str = ""


class Rest:
    """One server and one login. Methods raise RestError for whatever is no success."""

    def __init__(self, url: str, login: Login, *, connections: int = 1) -> None:
        self._login = login
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"), limits=limits, timeout=ANSWER_MARGIN_S, trust_env=False
        )

    async def __aenter__(self) -> Self:
        try:
            await self._authenticate()
        except BaseException:
            await self._http.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def device_id(self, device: str) -> str:
        """The id of a device named by its id or by its name."""
        try:
            return str(uuid.UUID(device))
        except ValueError:
            pass
        answer = await self._send("GET", f"/api/tenant/device?deviceName={quote(device, safe='')}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise RestError(f'There is no device named "{device}".')
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise RestError("Only a tenant's administrator may look devices up by name: give the device's id.")
        return str(_json(answer)["id"]["id"])

    async def make_device(self, name: str, access_token: str) -> bool:
        """Create a device with this access token; False if the tenant has one of that name already."""
        answer = await self._send(
            "POST", f"/api/device?accessToken={quote(access_token, safe='')}", json={"name": name}
        )
        if answer.status_code == httpx.codes.BAD_REQUEST and "already exists" in _message(answer):
            return False
        _json(answer)
        return True

    async def call(self, device_id: str, body: bytes, *, oneway: bool, wait_s: float) -> CallAnswer:
        """Make a call (`body` is the request's JSON) and wait for its end, up to `wait_s` seconds and a margin."""
        kind = "oneway" if oneway else "twoway"
        answer = await self._send(
            "POST",
            f"/api/rpc/{kind}/{device_id}",
            content=body,
            headers={"Content-Type": "application/json"},
            timeout=wait_s + ANSWER_MARGIN_S,
        )
        headers = answer.headers
        call_id, cause = headers.get(CALL_ID_HEADER, ""), headers.get(CAUSE_HEADER, "")
        if answer.is_success:
            return CallAnswer(answer.status_code, answer.content, call_id)
        if not cause:
            raise _refusal(answer)
        return CallAnswer(answer.status_code, b"", call_id, cause, _message(answer) if answer.content else "")

    async def _authenticate(self) -> None:
        login = self._login.or_demo(self._http.base_url.host)
        token = login.token or await self._log_in(login.user, login.password)
        self._http.headers["X-Authorization"] = f"Bearer {token}"

    async def _log_in(self, user: str | None, password: str | None) -> str:
        answer = await self._send("POST", "/api/auth/login", json={"username": user, "password": password})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise RestError(f"{user}: {_message(answer)}. Give --token (TRUNKLINE_TOKEN), or --user and --password.")
        return str(_json(answer)["token"])

    async def _send(self, verb: str, path: str, **request: Any) -> httpx.Response:
        try:
            return await self._http.request(verb, path, **request)
        except httpx.TimeoutException:
            raise RestError(f"{self._http.base_url} did not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RestError(f"{self._http.base_url} cannot be reached: {error}") from None


def _json(answer: httpx.Response) -> Any:
    if answer.is_success:
        try:
            return answer.json()
        except ValueError:
            raise RestError(f"{answer.url.copy_with(query=None)} is not a Trunkline server.") from None
    raise _refusal(answer)


def _refusal(answer: httpx.Response) -> RestError:
    return RestError(f"{_message(answer)} (HTTP {answer.status_code})")


def _message(answer: httpx.Response) -> str:
    """The standard error body's message, or whatever came instead of one."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or answer.reason_phrase
