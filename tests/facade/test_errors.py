"""The standard error body, and what each kind of failure says in it."""

import json
import time

import pytest
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from trunkline.contract.errors import TrunklineError
from trunkline.facade import errors
from trunkline.v1.error_pb2 import ErrorReason

REQUEST = Request({"type": "http", "method": "PUT", "path": "/x", "headers": [], "query_string": b""})


def test_the_standard_body() -> None:
    body = json.loads(errors.error_body(404, "Größe", 32))
    assert abs(body.pop("timestamp") - time.time() * 1000) < 60_000
    assert body == {"status": 404, "message": "Größe", "errorCode": 32}


async def test_an_error_of_the_contract() -> None:
    response = await errors.on_trunkline_error(REQUEST, errors.bad_request("no"))
    assert (response.status_code, json.loads(bytes(response.body))["errorCode"]) == (400, 31)
    assert response.media_type == "application/json"
    assert "retry-after" not in response.headers


async def test_what_passes_says_when_to_come_again() -> None:
    error = TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "away")
    assert errors.respond(error).headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [(405, 31, "Request method 'PUT' is not supported"), (404, 32, "Not Found"), (418, 2, "I'm a Teapot")],
)
async def test_what_the_framework_refuses(status: int, code: int, message: str) -> None:
    response = await errors.on_http_exception(REQUEST, HTTPException(status))
    body = json.loads(bytes(response.body))
    assert (body["status"], body["errorCode"], body["message"]) == (status, code, message)


async def test_parameters_of_a_wrong_form() -> None:
    missing = RequestValidationError([{"type": "missing", "loc": ("query", "deviceName"), "msg": "Field required"}])
    response = await errors.on_validation_error(REQUEST, missing)
    assert json.loads(bytes(response.body))["message"] == "Required request parameter 'deviceName' is not present"
    wrong = RequestValidationError([{"type": "int_parsing", "loc": ("query", "page"), "msg": "no integer"}])
    assert (
        json.loads(bytes((await errors.on_validation_error(REQUEST, wrong)).body))["message"]
        == "Invalid value of request parameter 'page': no integer"
    )


async def test_a_bug_is_logged_under_the_id_its_caller_gets() -> None:
    with structlog.testing.capture_logs() as logs:
        response = await errors.on_unknown_exception(REQUEST, ValueError("secret"))
    body = json.loads(bytes(response.body))
    assert (response.status_code, body["errorCode"]) == (500, 2)
    assert logs[0]["request_id"] in body["message"]
    assert "secret" not in body["message"]
