import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from system.runners import Served

from trunkline.cli.call import EXPLANATIONS, CallRequest, Keeping, as_json, call, json_value, show
from trunkline.cli.delivery import Redelivery, Strategy
from trunkline.cli.errors import CommandError
from trunkline.cli.fleet import Fleet
from trunkline.cli.login import Login
from trunkline.cli.output import Output
from trunkline.cli.rest import CallAnswer, Rest
from trunkline.contract.errors import cause_name
from trunkline.v1.error_pb2 import Cause

TOLD_OTHERWISE = {"HUNG_UP", "CANCELLED", "NO_REPLY_IN_TURN", "BEHIND_OTHERS"}
"""Causes that nobody meets who waits for an answer: `trunkline explain` tells them."""


@pytest.fixture
async def device(demo: Served) -> AsyncIterator[Fleet]:
    fleet = Fleet("127.0.0.1", demo.mqtt_port, ["A1_TEST_TOKEN"])
    await fleet.connect()
    yield fleet
    await fleet.close()


@pytest.fixture
async def rest(demo: Served) -> AsyncIterator[Rest]:
    async with Rest(demo.rest, Login()) as rest:
        yield rest


def request(device: str, params: bytes = b"null", timeout_ms: int = 10_000, **options: Any) -> CallRequest:
    return CallRequest(device, "setGpio", params, timeout_ms, **options)


async def test_a_reply_goes_to_standard_output_as_it_came(
    rest: Rest, device: Fleet, capfd: pytest.CaptureFixture[str]
) -> None:
    params = b'{"pin": 7, "big": 12345678901234567890123, "float": 1.50}'
    assert await call(request("Test Device A1", params), rest, Output()) == 0
    out, err = capfd.readouterr()
    assert out == '{"method":"setGpio","params":{"pin":7,"big":12345678901234567890123,"float":1.50}}\n'
    assert err == ""


async def test_a_oneway_call_says_how_far_it_came(rest: Rest, device: Fleet, capfd: pytest.CaptureFixture[str]) -> None:
    assert await call(request("Test Device A1", oneway=True), rest, Output()) == 0
    assert "handed to the transport (call " in capfd.readouterr().err
    assert await call(request("Test Device A1", oneway=True, await_delivery=True), rest, Output()) == 0
    out, err = capfd.readouterr()
    assert (out, err.split(" (")[0]) == ("", "delivered")


async def test_an_absent_device_is_waited_for_as_long_as_was_said_or_not_at_all(
    rest: Rest, capfd: pytest.CaptureFixture[str]
) -> None:
    for asked in (request("Test Device A2", timeout_ms=300), request("Test Device A2", fail_fast=True)):
        assert await call(asked, rest, Output()) == 1
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith("failed: DEVICE_OFFLINE. The device was not connected")


def test_what_is_no_json_goes_nowhere() -> None:
    assert json_value("PARAMS", b' {"a": 1.50}\n') == b'{"a":1.50}'
    with pytest.raises(CommandError, match=r"PARAMS is not JSON.* A text needs its quotes"):
        json_value("PARAMS", b"{x")


async def test_json_tells_all_of_a_reply_and_of_a_failure(
    rest: Rest, device: Fleet, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await call(request("Test Device A1", b'{"float": 1.50}'), rest, Output(as_json=True)) == 0
    out, err = capfd.readouterr()
    assert '"reply":{"method":"setGpio","params":{"float":1.50}}' in out
    told = json.loads(out)
    assert (told["cause"], told["message"], err) == (None, None, "")
    uuid.UUID(told["callId"])
    assert await call(request("Test Device A2", fail_fast=True), rest, Output(as_json=True)) == 1
    told = json.loads(capfd.readouterr().out)
    assert (told["cause"], told["reply"]) == ("DEVICE_OFFLINE", None)
    assert told["message"].startswith("The device was not connected")


def test_json_of_a_oneway_call() -> None:
    assert json.loads(as_json(CallAnswer(200, b"", "id"))) == {
        "callId": "id",
        "cause": None,
        "message": None,
        "reply": None,
    }


@pytest.mark.parametrize(("timeout_ms", "field"), [(4_999, "expirationTime"), (5_000, "timeout")])
def test_any_positive_timeout_is_honoured(timeout_ms: int, field: str) -> None:
    body = json.loads(request("x", timeout_ms=timeout_ms).body(now_unix_ms=1_000_000))
    assert body == {"method": "setGpio", "params": None, field: {"expirationTime": 1_004_999, "timeout": 5_000}[field]}


def test_options_are_said_only_when_they_are_on() -> None:
    body = json.loads(request("x", fail_fast=True, await_delivery=True).body(0))
    assert (body["failFast"], body["awaitDelivery"]) == (True, True)
    assert json.loads(CallRequest("x", "m", b"1", 5_000, redelivery=Redelivery.NEVER).body(0)) == {
        "method": "m",
        "params": 1,
        "timeout": 5_000,
        "redelivery": "never",
    }


def test_a_stored_call_says_only_what_its_caller_wants() -> None:
    def body(keeping: Keeping) -> Any:
        return json.loads(CallRequest("x", "m", b"1", 86_400_000, keeping=keeping).body(0))

    bare = {"method": "m", "params": 1, "timeout": 86_400_000, "persistent": True}
    assert body(Keeping()) == bare
    assert body(Keeping(0, Strategy.ON_ACK, b'{"why":"test"}')) == {
        **bare,
        "retries": 0,
        "submitStrategy": "SEQUENTIAL_ON_ACK_FROM_DEVICE",
        "additionalInfo": {"why": "test"},
    }


def test_a_reply_that_is_no_json_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    answer = CallAnswer(406, b"", "id", "REPLY_NOT_JSON", "22:20")
    show(answer, request("x"))
    assert capfd.readouterr().err == (
        "failed: REPLY_NOT_JSON. The device answered with something that is no JSON. 22:20 (call id)\n"
    )


def test_every_cause_is_explained() -> None:
    causes = {cause_name(cause) for cause in Cause.values() if cause}
    assert causes - EXPLANATIONS.keys() == TOLD_OTHERWISE
