"""Headers of every answer, and those that browsers want before their pages may read one: plain ASGI."""

from collections.abc import Awaitable, Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.contract.metadata import CALL_ID_HEADER, CAUSE_HEADER

SECURITY_HEADERS: Final = (
    (b"cache-control", b"no-cache, no-store, max-age=0, must-revalidate"),
    (b"pragma", b"no-cache"),
    (b"expires", b"0"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
)
"""What ThingsBoard sends with every answer."""

PREFLIGHT_AGE_S: Final = 1800


def with_security_headers(send: Send) -> Send:
    """`send`, adding the headers. No coroutine of its own: this runs twice for every answer."""

    def send_with_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
        return send(message)

    return send_with_headers


class CrossOrigin:
    """Lets pages of the given origins call `app` from a browser, without credentials; everybody else passes by."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._for_browsers = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[CALL_ID_HEADER, CAUSE_HEADER],
            max_age=PREFLIGHT_AGE_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if b"origin" in dict(scope["headers"]):
            # without extensions every answer passes through `send`, where the headers are added
            await self._for_browsers({**scope, "extensions": {}}, receive, send)
        else:
            await self._app(scope, receive, send)
