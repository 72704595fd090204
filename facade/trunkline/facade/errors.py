"""The one error body of the REST API, and what turns each kind of failure into it.

ThingsBoard's clients look at the status, and its console at `errorCode`; both come from the contract's error table.
"""

import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

GENERAL: Final = 2
BAD_REQUEST: Final = 31

# What ThingsBoard's framework answers where no reason of ours is behind a status.
_CODE_OF_STATUS: Final[Mapping[int, int]] = {
    HTTPStatus.BAD_REQUEST: BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED: 10,
    HTTPStatus.FORBIDDEN: 20,
    HTTPStatus.NOT_FOUND: 32,
    HTTPStatus.METHOD_NOT_ALLOWED: BAD_REQUEST,
    HTTPStatus.NOT_ACCEPTABLE: BAD_REQUEST,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: BAD_REQUEST,
}

RETRY_SOON: Final = "1"
"""Retry-After, in seconds, where the core is away or full: parts find each other again within a second."""


class ErrorBody(msgspec.Struct):
    """The standard error body."""

    status: int
    message: str
    errorCode: int
    timestamp: int
    """Unix milliseconds."""


def error_body(status: int, message: str, code: int) -> bytes:
    """The standard error body as JSON."""
    return msgspec.json.encode(ErrorBody(status, message, code, time.time_ns() // 1_000_000))


def status_body(status: int, message: str) -> bytes:
    """The standard error body where no reason of ours is behind a status."""
    return error_body(status, message, _CODE_OF_STATUS.get(status, GENERAL))


def error_headers(error: TrunklineError) -> dict[str, str]:
    """Headers that go with an error: when to come again, if that helps at once."""
    return {"Retry-After": RETRY_SOON} if error.row.retryable and error.row.http >= HTTPStatus.TOO_MANY_REQUESTS else {}


def internal_error(exception: Exception) -> tuple[HTTPStatus, bytes]:
    """Log a bug of ours under a fresh id, and tell the caller that id and nothing else."""
    request_id = secrets.token_hex(8)
    log.error("request_failed", request_id=request_id, exc_info=exception)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return status, error_body(status, f"Internal error, logged as request {request_id}", GENERAL)


def error_response(status: int, message: str, code: int, headers: Mapping[str, str] | None = None) -> Response:
    """The standard error body as an ordinary route's answer."""
    return Response(error_body(status, message, code), status, headers, "application/json")


def respond(error: TrunklineError) -> Response:
    """An error of the contract as an ordinary route's answer."""
    row = error.row
    return error_response(row.http, error.message, row.thingsboard_code, error_headers(error))


async def on_trunkline_error(request: Request, error: Exception) -> Response:
    """Exception handler for TrunklineError."""
    assert isinstance(error, TrunklineError)
    return respond(error)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Exception handler for what the framework refuses by itself: unknown paths, methods, broken requests."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    message = str(error.detail)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"Request method '{request.method}' is not supported"
    return error_response(status, message, _CODE_OF_STATUS.get(status, GENERAL), error.headers)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Exception handler for query and path parameters of a wrong form."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = first["loc"][-1]
    if first["type"] == "missing":
        message = f"Required request parameter '{name}' is not present"
    else:
        message = f"Invalid value of request parameter '{name}': {first['msg']}"
    return error_response(HTTPStatus.BAD_REQUEST, message, BAD_REQUEST)


async def on_unknown_exception(request: Request, error: Exception) -> Response:
    """Exception handler for bugs."""
    status, body = internal_error(error)
    return Response(body, status, media_type="application/json")


def bad_request(message: str) -> TrunklineError:
    """What a caller did wrong, in its words."""
    return TrunklineError(ErrorReason.ERROR_REASON_INVALID_ARGUMENT, message)
