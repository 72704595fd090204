import pytest
from cli.conftest import Typed

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
