"""How simulated devices answer: from a call's payload, `{"method":…,"params":…}`, to the reply's. No I/O.

A behaviour is made once for each device, so that devices have states of their own.
"""

import itertools
import json
import math
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, assert_never

Answer = Callable[[bytes], bytes | None]
"""From a call's payload to the reply's; None leaves the call unanswered."""

Method = Callable[[Any], Any]
"""From `params` to the reply, both JSON values."""

PINS: Final = 40
ROOM_TEMPERATURE: Final = 20.0
WARMING_PER_S: Final = 0.1
"""Degrees by which a thermostat's room follows its setpoint each second."""

WRONG_REPLIES: Final = (b"on", b'{"pin": 7, ', b"\xff\xfe")
"""A word without quotes, half an object, and what is no text at all."""


class Behaviour(StrEnum):
    """What `trunkline simulate --behaviour` takes."""

    ECHO = "echo"
    SILENT = "silent"
    SLOW = "slow"
    WRONG = "wrong"
    GPIO = "gpio"
    THERMOSTAT = "thermostat"


def answer_of(behaviour: Behaviour, clock: Callable[[], float] = time.monotonic) -> Answer:
    """How one device answers; `clock` gives seconds. A slow one answers like an echo: it is slow only in sending."""
    match behaviour:
        case Behaviour.ECHO | Behaviour.SLOW:
            return echo
        case Behaviour.SILENT:
            return silence
        case Behaviour.WRONG:
            replies = itertools.cycle(WRONG_REPLIES)
            return lambda _payload: next(replies)
        case Behaviour.GPIO:
            return _with_methods(Gpio().methods())
        case Behaviour.THERMOSTAT:
            return _with_methods(Thermostat(clock).methods())
        case _:
            assert_never(behaviour)


def echo(payload: bytes) -> bytes:
    """Answer a call with what it asked."""
    return payload


def silence(_payload: bytes) -> None:
    """Take a call and say nothing."""
    return None


class Gpio:
    """Pins that can be set and read: as ThingsBoard's GPIO widgets ask, and as the quick start does."""

    def __init__(self) -> None:
        self._pins = dict.fromkeys(range(1, PINS + 1), 0)

    def methods(self) -> Mapping[str, Method]:
        """setGpio {"pin", "value"}, getGpio {"pin"}, setGpioStatus {"pin", "enabled"}, getGpioStatus."""
        return {
            "setGpio": lambda params: self._set(params, "value"),
            "getGpio": lambda params: self._pin(self._number(params)),
            "setGpioStatus": lambda params: self._status(self._set(params, "enabled")),
            "getGpioStatus": self._status,
        }

    def _set(self, params: Any, field: str) -> dict[str, int]:
        number = self._number(params)
        self._pins[number] = int(bool(params[field]))
        return self._pin(number)

    def _number(self, params: Any) -> int:
        number = int(params["pin"])
        if number not in self._pins:
            raise ValueError(f"there is no pin {number}")
        return number

    def _pin(self, number: int) -> dict[str, int]:
        return {"pin": number, "value": self._pins[number]}

    def _status(self, _params: Any) -> dict[str, bool]:
        return {str(number): bool(value) for number, value in self._pins.items()}


class Thermostat:
    """A room whose temperature follows the setpoint."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._temperature = self._setpoint = ROOM_TEMPERATURE

    def methods(self) -> Mapping[str, Method]:
        """getState, setSetpoint N; getValue and setValue N, as ThingsBoard's knob asks."""
        return {
            "getState": lambda _params: self._state(),
            "setSetpoint": self._set,
            "getValue": lambda _params: self._setpoint,
            "setValue": lambda params: self._set(params)["setpoint"],
        }

    def _set(self, params: Any) -> dict[str, Any]:
        setpoint = float(params["setpoint"] if isinstance(params, dict) else params)
        if not math.isfinite(setpoint):  # JSON's 1e400
            raise ValueError(f"{setpoint} is no temperature")
        self._follow()
        self._setpoint = setpoint
        return self._state()

    def _state(self) -> dict[str, Any]:
        self._follow()
        return {
            "temperature": round(self._temperature, 1),
            "setpoint": self._setpoint,
            "heating": self._temperature < self._setpoint,
        }

    def _follow(self) -> None:
        """Let the temperature go as far as it can have gone since it was last looked at."""
        now = self._clock()
        most = (now - self._since) * WARMING_PER_S
        self._since = now
        self._temperature += max(-most, min(most, self._setpoint - self._temperature))


def _with_methods(methods: Mapping[str, Method]) -> Answer:
    """Answers by method name; what cannot be done is told as `{"error": …}`."""

    def answer(payload: bytes) -> bytes:
        call = json.loads(payload)
        method = methods.get(call["method"])
        if method is None:
            reply: Any = {"error": f"unknown method {call['method']}, known are {', '.join(methods)}"}
        else:
            try:
                reply = method(call["params"])
            except KeyError as error:
                reply = {"error": f"params have no {error}"}
            except (ValueError, TypeError, OverflowError) as error:
                reply = {"error": f"params cannot be used: {error}"}
        return json.dumps(reply, separators=(",", ":"), allow_nan=False).encode()

    return answer
