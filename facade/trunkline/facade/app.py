"""The facade as one ASGI application: the hot paths first, then the framework with everything else."""

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from trunkline.contract.addresses import is_loopback
from trunkline.contract.errors import TrunklineError
from trunkline.facade import errors, openapi
from trunkline.facade.authentication import Authenticator
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.event_streams import HEAD_ALONE, EventStreams
from trunkline.facade.headers import CrossOrigin, with_security_headers
from trunkline.facade.metrics import Counters
from trunkline.facade.request_body import CallerGone
from trunkline.facade.routes.activation import activation_routes
from trunkline.facade.routes.auth import auth_routes
from trunkline.facade.routes.call_events import call_event_routes
from trunkline.facade.routes.customers import customer_routes
from trunkline.facade.routes.device_credentials import device_credentials_routes
from trunkline.facade.routes.device_lists import device_list_routes
from trunkline.facade.routes.device_profiles import device_profile_routes
from trunkline.facade.routes.devices import device_routes
from trunkline.facade.routes.persistent_calls import persistent_call_routes
from trunkline.facade.routes.system import system_routes
from trunkline.facade.routes.tenants import tenant_routes
from trunkline.facade.routes.users import user_routes
from trunkline.facade.rpc_routes import ROUTES, RpcRoutes
from trunkline.facade.schemas.base import Problem
from trunkline.facade.settings import FacadeSettings

API: Final = "/api/"
_OPEN: Final = ("/api/auth/login", "/api/auth/token", "/api/noauth/", "/api/ws/", "/api/v1/")
"""Below these an unknown path or method is told to anybody; elsewhere in the API only to callers with a token."""


def create_app(
    connection: CoreConnection,
    settings: FacadeSettings,
    mounts: Mapping[str, ASGIApp] | None = None,
    counters: Counters | None = None,
    streams: EventStreams | None = None,
) -> ASGIApp:
    """The facade's application over a connection to the core that somebody else opens and closes, for this event loop.

    `mounts` maps path prefixes (`/api/v1`) to ASGI applications that answer everything below them; they get the request
    as it came, with its whole path. `counters` keep what happened. Who gives `streams` may end them.
    """
    authenticator = Authenticator(connection.calls, connection.signing_keys, cache_size=settings.token_cache_size)
    counters = counters or Counters()
    return Facade(
        RpcRoutes(connection.calls, authenticator, settings, counters),
        _framework(connection, authenticator, settings, streams or EventStreams(settings, counters)),
        mounts or {},
        settings.cors_origins,
    )


class Facade:
    """Sends each request to what answers it."""

    def __init__(
        self, rpc: RpcRoutes, framework: ASGIApp, mounts: Mapping[str, ASGIApp], cors_origins: tuple[str, ...]
    ) -> None:
        self._rpc = rpc
        self._framework = framework
        self._mounts = tuple((f"{prefix}/", app) for prefix, app in mounts.items())
        self._api: ASGIApp = CrossOrigin(self._answer, cors_origins) if cors_origins else self._answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
        elif scope["path"].startswith(API):
            await self._api(scope, receive, with_security_headers(send))
        else:
            await self._answer_slowly(scope, receive, with_security_headers(send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        parent, _, last = path.rpartition("/")
        route = ROUTES.get(parent)
        if route is not None and last:
            await self._rpc(route, last, scope, receive, send)
            return
        for prefix, app in self._mounts:
            if path.startswith(prefix):
                await app(scope, receive, send)
                return
        await self._answer_slowly(scope, receive, send)

    async def _answer_slowly(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":  # GET without its body, which the server leaves out
            scope = {**scope, "method": "GET", HEAD_ALONE: True}
        with suppress(Exception):  # a handler answered and logged it; the framework still raises
            await self._framework(scope, receive, send)


class _Framework(FastAPI):
    """FastAPI, with the pages of the paths that it does not serve."""

    def openapi(self) -> dict[str, Any]:
        return openapi.complete(super().openapi())


def _framework(
    connection: CoreConnection, authenticator: Authenticator, settings: FacadeSettings, streams: EventStreams
) -> FastAPI:
    app = _Framework(
        title="Trunkline",
        summary="Calls methods on devices. The paths below /api are ThingsBoard's.",
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": Problem, "description": "What is wrong with the request"}},
    )
    limit = settings.max_params_bytes
    app.include_router(auth_routes(connection, authenticator, limit, public=not is_loopback(settings.host)))
    app.include_router(device_routes(connection, authenticator, limit))
    app.include_router(device_list_routes(connection, authenticator))
    app.include_router(device_credentials_routes(connection, authenticator, limit))
    app.include_router(device_profile_routes(connection, authenticator, limit))
    app.include_router(persistent_call_routes(connection, authenticator, most_wait_ms=settings.max_timeout_ms))
    app.include_router(call_event_routes(connection, authenticator, streams))
    app.include_router(activation_routes(connection, authenticator, limit, public_url=settings.public_url))
    app.include_router(user_routes(connection, authenticator, limit))
    app.include_router(customer_routes(connection, authenticator, limit))
    app.include_router(tenant_routes(connection, authenticator, limit))  # last of the entities, as it says
    app.include_router(system_routes(connection))

    async def on_unserved(request: Request, error: Exception) -> Response:
        """Nobody without a token learns which paths there are."""
        path = request.url.path
        if path.startswith(API) and not path.startswith(_OPEN):
            try:
                await authenticator.of_request(request)
            except TrunklineError as refusal:
                return errors.respond(refusal)
        return await errors.on_http_exception(request, error)

    async def on_caller_gone(request: Request, error: Exception) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    app.add_exception_handler(TrunklineError, errors.on_trunkline_error)
    app.add_exception_handler(CallerGone, on_caller_gone)
    app.add_exception_handler(RequestValidationError, errors.on_validation_error)
    app.add_exception_handler(HTTPException, errors.on_http_exception)
    app.add_exception_handler(HTTPStatus.NOT_FOUND, on_unserved)
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, on_unserved)
    app.add_exception_handler(Exception, errors.on_unknown_exception)
    return app
