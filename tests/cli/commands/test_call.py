import json
import re

import pytest
from cli.conftest import Ended, Typed

pytestmark = pytest.mark.usefixtures("at_demo")


def test_params_come_from_the_command_line_or_standard_input(typed: Typed) -> None:
    for arguments, given in ((["null"], ""), (["-"], '{"pin": 7}')):
        ended = typed("call", "Test Device B1", "setGpio", *arguments, "--fail-fast", given=given)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("failed: DEVICE_OFFLINE. The device was not connected")


def test_json_has_the_cause(typed: Typed) -> None:
    ended = typed("call", "Test Device B1", "setGpio", "--oneway", "--timeout-ms=50", "--json")
    assert ended.code == 1
    assert '"cause":"DEVICE_OFFLINE"' in ended.out
    assert ended.err == ""


def test_what_never_became_a_call(typed: Typed) -> None:
    for arguments, said in (
        (("Nobody", "m"), 'There is no device named "Nobody".'),
        (("Test Device B1", "m", "{"), "PARAMS is not JSON"),
        (("Test Device B1", "m", "--await-delivery"), "HTTP 400"),
    ):
        ended = typed("call", *arguments)
        assert (ended.code, ended.out) == (1, "")
        assert said in ended.err


def test_options_of_stored_calls_go_only_with_them(typed: Typed) -> None:
    for option in ("--wait", "--retries=1", "--strategy=burst", "--expires-in-s=1", "--additional-info=1"):
        ended = typed("call", "Test Device B1", "m", option)
        assert ended.code == 2
        assert "Only with --persistent" in ended.err
    both = typed("call", "--persistent", "Test Device B1", "m", "--expires-in-s=1", "--timeout-ms=1")
    assert (both.code, "Not together with --timeout-ms" in both.err) == (2, True)


def test_a_stored_call_is_waited_for_to_its_end(typed: Typed) -> None:
    ended = typed("call", "--persistent", "--wait", "--timeout-ms=100", "Test Device B1", "m")
    assert (ended.code, ended.out) == (1, "")
    assert re.match(r"stored \(call \S{36}\)\nfailed: DEVICE_OFFLINE\. .+ \(call \S{36}\)\n$", ended.err)


def test_the_same_key_is_the_same_call(typed: Typed) -> None:
    def store(params: str, *options: str) -> Ended:
        return typed("call", "--persistent", "--idempotency-key=order 4711", "Test Device B1", "m", params, *options)

    first = store("1")
    assert store(" 1 ").out == first.out
    other = store("2", "--json")
    assert (other.code, json.loads(other.out)["cause"]) == (1, "IDEMPOTENCY_CONFLICT")
    assert "letters, digits" in typed("call", "Test Device B1", "m", "--idempotency-key=é").err


def test_how_a_call_reaches_its_device_is_said_with_it(typed: Typed) -> None:
    options = ("--strategy=on-ack", "--redelivery=never")
    call_id = typed("call", "--persistent", "Test Device B1", "m", *options).out.strip()
    explained = typed("explain", call_id, "--json").json
    assert explained["submitStrategy"] == "SEQUENTIAL_ON_ACK_FROM_DEVICE"
    assert explained["redelivery"] == "never"


def test_what_is_not_stored(typed: Typed) -> None:
    for options in (["--fail-fast"], ["--oneway", "--await-delivery"]):
        refused = typed("call", "--persistent", "Test Device B1", "m", *options)
        assert (refused.code, refused.out) == (1, "")
        assert "HTTP 400" in refused.err
    assert "--additional-info is not JSON" in typed("call", "--persistent", "x", "m", "--additional-info={").err
