"""What the command line asks of a server over REST: entities by path and page, devices by name, calls."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from trunkline.cli.access import TOKEN_EXPIRED, Access
from trunkline.cli.answers import RestError, error_code, message, read_json, refusal
from trunkline.cli.login import Login
from trunkline.cli.stored_logins import StoredLogins
from trunkline.contract.metadata import CALL_ID_HEADER, CAUSE_HEADER

ANSWER_MARGIN_S: Final = 10.0
"""How long after a call's own deadline an answer may still come before the connection counts as dead."""

IDEMPOTENCY_KEY_HEADER: Final = "Idempotency-Key"

CONNECTIONS: Final = 16
"""How many requests may be made at once."""

PAGE_SIZE: Final = 500
PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Waits before a question is asked again that the server's rate limit refused."""

Entity = dict[str, Any]
"""A JSON object of the REST API."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What became of a call: HTTP status, the reply, the call's id; if it failed, the cause's name and a text."""

    status: int
    body: bytes
    call_id: str
    cause: str = ""
    detail: str = ""


class Rest:
    """One server and one login, which is used when something is first asked.

    Methods raise RestError for whatever is no success, and CommandError if the login is refused.
    """

    def __init__(self, url: str, login: Login, *, stored: StoredLogins | None = None) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        try:
            self._http = httpx.AsyncClient(
                base_url=url.rstrip("/"), limits=limits, timeout=ANSWER_MARGIN_S, trust_env=False
            )
        except httpx.InvalidURL as error:
            raise RestError(f"{url} is no URL: {error}") from None
        self.url = str(self._http.base_url).rstrip("/")
        self.access = Access(httpx.URL(self.url), login, stored, self._post_openly)
        self._me: Entity | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str | int | None) -> Any:
        """The JSON at a path; parameters that are None are left out."""
        return read_json(await self._get(path, query))

    async def content(self, path: str, *, wait_s: float = 0.0, **query: str | int | None) -> bytes:
        """What is at a path, byte for byte; the server may take `wait_s` to send it."""
        answer = await self._get(path, query, wait_s)
        if not answer.is_success:
            raise refusal(answer)
        return answer.content

    @asynccontextmanager
    async def stream(
        self, path: str, *, headers: dict[str, str], silence_s: float, **query: str | list[str] | None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """What the server sends as it comes, until it ends; after `silence_s` without anything it counts as gone."""
        timeout = httpx.Timeout(ANSWER_MARGIN_S, read=silence_s)
        answer = await self._send("GET", path, headers, params=_given(query), timeout=timeout, stream=True)
        try:
            if not answer.is_success:
                raise refusal(answer)
            async with aclosing(self._pieces(answer)) as pieces:
                yield pieces
        finally:
            await answer.aclose()

    async def pages(self, path: str, *, limit: int | None = None, **query: str | None) -> AsyncIterator[Entity]:
        """The entities of a list, page after page, as many as `limit` says."""
        seen = 0
        for number in itertools.count():
            page = await self.get(path, pageSize=min(PAGE_SIZE, limit or PAGE_SIZE), page=number, **query)
            for entity in page["data"]:
                yield entity
                seen += 1
                if seen == limit:
                    return
            if not page["hasNext"]:
                return

    async def post(self, path: str, body: Any = None, **query: str | None) -> Any:
        """Send JSON, read JSON; None if the server had nothing to say."""
        answer = await self._send("POST", path, params=_given(query), **({} if body is None else {"json": body}))
        return None if answer.is_success and not answer.content else read_json(answer)

    async def post_openly(self, path: str, body: dict[str, str]) -> Any:
        """Send JSON to a path that is open to everybody, without a login; the JSON of the answer."""
        return read_json(await self._post_openly(path, body))

    async def delete(self, path: str) -> Any:
        """Remove what is at a path; the JSON of the answer, or None."""
        answer = await self._send("DELETE", path)
        return None if answer.is_success and not answer.content else read_json(answer)

    async def text(self, path: str) -> str:
        """The text at a path."""
        return (await self.content(path)).decode()

    async def me(self) -> Entity:
        """The user that the server takes us for."""
        if self._me is None:
            self._me = await self.get("/api/auth/user")
        assert self._me is not None
        return self._me

    async def device_id(self, device: str) -> str:
        """The id of a device named by its id or by its name."""
        try:
            return str(uuid.UUID(device))
        except ValueError:
            pass
        answer = await self._send("GET", "/api/tenant/device", params={"deviceName": device})
        if answer.status_code == httpx.codes.FORBIDDEN:
            found = await self._device_of_customer(device)
        else:
            found = None if answer.status_code == httpx.codes.NOT_FOUND else read_json(answer)
        if found is None:
            raise RestError(f'There is no device named "{device}".', httpx.codes.NOT_FOUND)
        return str(found["id"]["id"])

    async def make_device(self, name: str, access_token: str) -> bool:
        """Create a device with this access token; False if the tenant has one of that name already."""
        try:
            await self.post("/api/device", {"name": name}, accessToken=access_token)
        except RestError as error:
            if error.status == httpx.codes.BAD_REQUEST and "already exists" in str(error):
                return False
            raise
        return True

    async def call(
        self, device_id: str, body: bytes, *, oneway: bool, wait_s: float, idempotency_key: str = ""
    ) -> CallAnswer:
        """Make a call (`body` is the request's JSON) and wait for its end, up to `wait_s` seconds and a margin."""
        kind = "oneway" if oneway else "twoway"
        answer = await self._send(
            "POST",
            f"/api/rpc/{kind}/{device_id}",
            content=body,
            headers={
                "Content-Type": "application/json",
                **({IDEMPOTENCY_KEY_HEADER: idempotency_key} if idempotency_key else {}),
            },
            timeout=wait_s + ANSWER_MARGIN_S,
        )
        headers = answer.headers
        call_id, cause = headers.get(CALL_ID_HEADER, ""), headers.get(CAUSE_HEADER, "")
        if answer.is_success:
            return CallAnswer(answer.status_code, answer.content, call_id)
        if not cause:
            raise refusal(answer)
        return CallAnswer(answer.status_code, b"", call_id, cause, message(answer) if answer.content else "")

    async def _device_of_customer(self, name: str) -> Entity | None:
        """A customer's user may not ask for names, but looks through the customer's devices."""
        me = await self.me()
        if me["authority"] != "CUSTOMER_USER":
            raise RestError("Only a tenant's administrator may look devices up by name: give the device's id.")
        path = f"/api/customer/{me['customerId']['id']}/devices"
        async for device in self.pages(path, textSearch=name):
            if device["name"] == name:
                return device
        return None

    async def _get(self, path: str, query: dict[str, Any], wait_s: float = 0.0) -> httpx.Response:
        pauses = iter(PAUSES_S)
        while True:
            answer = await self._send("GET", path, params=_given(query), timeout=wait_s + ANSWER_MARGIN_S)
            pause = next(pauses, None) if answer.status_code == httpx.codes.TOO_MANY_REQUESTS else None
            if pause is None:
                return answer
            await asyncio.sleep(pause)

    async def _send(
        self, verb: str, path: str, headers: dict[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """Ask as whom the login says; once more if the tokens had expired."""
        header = await self.access.header()
        request["headers"] = {"X-Authorization": header, **(headers or {})}
        answer = await self._exchange(verb, path, **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED and error_code(answer) == TOKEN_EXPIRED:
            if await self.access.renew(header):
                request["headers"]["X-Authorization"] = await self.access.header()
                answer = await self._exchange(verb, path, **request)
        return answer

    async def _post_openly(self, path: str, body: Mapping[str, str | None]) -> httpx.Response:
        return await self._exchange("POST", path, json=body)

    async def _exchange(self, verb: str, path: str, *, stream: bool = False, **request: Any) -> httpx.Response:
        with self._reached():
            answer = await self._http.send(self._http.build_request(verb, path, **request), stream=stream)
            if stream and not answer.is_success:
                await answer.aread()
            return answer

    async def _pieces(self, answer: httpx.Response) -> AsyncGenerator[bytes, None]:
        with self._reached():
            async for piece in answer.aiter_bytes():
                yield piece

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Says in one way that a server cannot be reached."""
        try:
            yield
        except httpx.TimeoutException:
            raise RestError(f"{self.url} did not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RestError(f"{self.url} cannot be reached: {error}") from None


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
