import json
from typing import Any

import pytest
from doubles.manual_clock import ManualClock

from trunkline.cli.behaviours import PINS, Answer, Behaviour, answer_of


def ask(answer: Answer, method: str, params: Any = None) -> Any:
    reply = answer(json.dumps({"method": method, "params": params}).encode())
    assert reply is not None
    return json.loads(reply)


@pytest.mark.parametrize("behaviour", [Behaviour.ECHO, Behaviour.SLOW])
def test_an_echo(behaviour: Behaviour) -> None:
    assert answer_of(behaviour)(b'{"method":"m","params":1.50}') == b'{"method":"m","params":1.50}'


def test_silence() -> None:
    assert answer_of(Behaviour.SILENT)(b"{}") is None


def test_wrong_replies_are_no_json_each_in_another_way() -> None:
    answer = answer_of(Behaviour.WRONG)
    replies = [answer(b"{}") for _ in range(6)]
    assert replies[:3] == replies[3:]
    assert len(set(replies)) == 3
    for reply in replies:
        assert reply is not None
        with pytest.raises(ValueError):
            json.loads(reply)


def test_pins_are_set_and_read() -> None:
    answer = answer_of(Behaviour.GPIO)
    assert ask(answer, "getGpio", {"pin": 7}) == {"pin": 7, "value": 0}
    assert ask(answer, "setGpio", {"pin": 7, "value": 1}) == {"pin": 7, "value": 1}
    assert ask(answer, "getGpio", {"pin": 7}) == {"pin": 7, "value": 1}
    status = ask(answer, "setGpioStatus", {"pin": "8", "enabled": True})
    assert status == ask(answer, "getGpioStatus", {})
    assert {pin for pin, on in status.items() if on} == {"7", "8"}
    assert len(status) == PINS


def test_each_device_has_pins_of_its_own() -> None:
    one, other = answer_of(Behaviour.GPIO), answer_of(Behaviour.GPIO)
    ask(one, "setGpio", {"pin": 7, "value": 1})
    assert ask(other, "getGpio", {"pin": 7})["value"] == 0


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        ("setGpio", {"value": 1}, "params have no 'pin'"),
        ("setGpio", {"pin": 7}, "params have no 'value'"),
        ("setGpio", {"pin": PINS + 1, "value": 1}, f"there is no pin {PINS + 1}"),
        ("setGpio", None, "cannot be used"),
        ("setGpio", [], "cannot be used"),
        ("setGpio", {"pin": "x", "value": 1}, "cannot be used"),
        ("reboot", None, "unknown method reboot, known are setGpio, getGpio"),
    ],
)
def test_what_a_gpio_cannot_do_is_told(method: str, params: Any, said: str) -> None:
    assert said in ask(answer_of(Behaviour.GPIO), method, params)["error"]


def test_a_room_follows_its_thermostat() -> None:
    clock = ManualClock()
    answer = answer_of(Behaviour.THERMOSTAT, lambda: clock() / 1000)
    assert ask(answer, "getState") == {"temperature": 20.0, "setpoint": 20.0, "heating": False}
    assert ask(answer, "setSetpoint", 21.5) == {"temperature": 20.0, "setpoint": 21.5, "heating": True}
    clock.advance(10_000)
    assert ask(answer, "getState") == {"temperature": 21.0, "setpoint": 21.5, "heating": True}
    clock.advance(10_000)
    assert ask(answer, "getState") == {"temperature": 21.5, "setpoint": 21.5, "heating": False}
    assert ask(answer, "setValue", "18") == 18.0
    clock.advance(20_000)
    assert ask(answer, "getState")["temperature"] == 19.5
    assert ask(answer, "getValue") == 18.0


@pytest.mark.parametrize("params", [None, "warm", {"to": 3}, [], float("inf")])
def test_a_thermostat_refuses_what_is_no_temperature(params: Any) -> None:
    answer = answer_of(Behaviour.THERMOSTAT)
    assert "error" in ask(answer, "setSetpoint", params)
    assert ask(answer, "getValue") == 20.0
