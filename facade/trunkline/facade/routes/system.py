"""What machines ask: whether this process lives and is ready, and by which keys tokens are verified."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import JSONResponse, RedirectResponse, Response

from trunkline.facade.core_connection import CoreConnection


def system_routes(connection: CoreConnection) -> APIRouter:
    """The routes outside `/api`."""
    router = APIRouter(tags=["system"])

    @router.get("/livez")
    async def live() -> JSONResponse:
        """200 while the process serves."""
        return JSONResponse({"status": "ok"})

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        """200 while the core is connected, so that calls can be made; else 503."""
        if connection.calls.connected:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "core not connected"}, HTTPStatus.SERVICE_UNAVAILABLE)

    @router.get("/.well-known/jwks.json")
    async def jwks() -> Response:
        """The public keys that tokens are signed with, as a JSON Web Key Set."""
        return Response(await connection.signing_keys.key_set(), media_type="application/json")

    @router.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    return router
