"""`trunkline call`: one call to one device, its reply on standard output, what went wrong on standard error."""

import sys
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec
from rich.console import Console

from trunkline.cli.delivery import STRATEGY_IN_REST, Redelivery, Strategy
from trunkline.cli.errors import CommandError
from trunkline.cli.output import Output, printable, waiting
from trunkline.cli.rest import CallAnswer, Rest
from trunkline.contract.json_text import compact

REST_MINIMUM_MS: Final = 5_000
"""REST lifts a shorter `timeout` to this, as ThingsBoard does; an `expirationTime` it takes as it is."""

EXPLANATIONS: Final = {
    "DEVICE_OFFLINE": "The device was not connected; the call was not sent.",
    "DEVICE_NOT_SUBSCRIBED": "The device is connected but has not subscribed to calls; the call was not sent.",
    "DEVICE_BUSY": "The device had not acknowledged earlier calls until this one expired; it was not sent.",
    "NO_ACK_FROM_WORKER": "The call was on its way to the device when it expired; it may have arrived.",
    "NO_ACK_FROM_DEVICE": "The device did not acknowledge the call in time; it may have arrived.",
    "NO_REPLY": "The device got the call and did not answer in time.",
    "EXPIRED_ON_ARRIVAL": "The call had expired when the server got it: do the clocks differ?",
    "QUEUE_FULL": "Too many calls are open for this device; it was not sent.",
    "WORKER_LOST": "The transport that had the call went away; nobody knows whether it arrived.",
    "CORE_LOST": "The server lost its core while the call was open; nobody knows whether it arrived.",
    "CORE_DRAINING": "The server was stopped while the call was open.",
    "DEVICE_DELETED": "The device was deleted while the call was open.",
    "DEVICE_TRANSPORT_ERROR": "The transport could not convert the call or the reply.",
    "REPLY_NOT_JSON": "The device answered with something that is no JSON.",
    "IDEMPOTENCY_CONFLICT": "The idempotency key, or the call's id, belongs to a call with other content.",
    "STREAM_BROKEN": "The server had no connection to its core until the call expired; it was not sent.",
    "COMMIT_UNKNOWN": "The database went away while the call was stored; if it was, it will not be delivered.",
}


STORE_WAIT_S: Final = 30.0
"""How long a server may take to store a call; the call itself may then wait for days."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What only a stored call has; None leaves it to the server. `additional_info` is one JSON value."""

    retries: int | None = None
    strategy: Strategy | None = None
    additional_info: bytes | None = None

    def fields(self) -> dict[str, Any]:
        """Its part of the JSON body."""
        fields: dict[str, Any] = {"persistent": True}
        if self.retries is not None:
            fields["retries"] = self.retries
        if self.strategy is not None:
            fields["submitStrategy"] = STRATEGY_IN_REST[self.strategy]
        if self.additional_info is not None:
            fields["additionalInfo"] = msgspec.Raw(self.additional_info)
        return fields


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call as it was asked for; `params` is one JSON value."""

    device: str
    method: str
    params: bytes
    timeout_ms: int
    oneway: bool = False
    fail_fast: bool = False
    await_delivery: bool = False
    redelivery: Redelivery | None = None
    idempotency_key: str = ""
    keeping: Keeping | None = None
    """Present: the call is stored."""

    def body(self, now_unix_ms: int) -> bytes:
        """The JSON body of the REST request."""
        fields: dict[str, Any] = {"method": self.method, "params": msgspec.Raw(self.params)}
        if self.timeout_ms < REST_MINIMUM_MS:
            fields["expirationTime"] = now_unix_ms + self.timeout_ms
        else:
            fields["timeout"] = self.timeout_ms
        if self.fail_fast:
            fields["failFast"] = True
        if self.await_delivery:
            fields["awaitDelivery"] = True
        if self.redelivery is not None:
            fields["redelivery"] = self.redelivery
        if self.keeping is not None:
            fields |= self.keeping.fields()
        return msgspec.json.encode(fields)


def json_value(name: str, text: bytes) -> bytes:
    """The one JSON value that an argument is. Raises CommandError if it is none."""
    try:
        return compact(text)
    except ValueError as error:
        raise CommandError(f"{name} is {error}. A text needs its quotes: '\"text\"'.") from None


async def call(request: CallRequest, rest: Rest, output: Output) -> int:
    """Make the call and show how it ended; the exit code: 0 for success, 1 for a call that failed.

    Raises CommandError if the server refuses the request itself.
    """
    with waiting(f"{request.method} …"):
        answer = await send(request, rest, wait_s=request.timeout_ms / 1000)
    return show_answer(answer, request, output)


async def send(request: CallRequest, rest: Rest, *, wait_s: float) -> CallAnswer:
    """The server's answer, for which it may take `wait_s`."""
    device_id = await rest.device_id(request.device)
    body = request.body(time.time_ns() // 1_000_000)
    key = request.idempotency_key
    return await rest.call(device_id, body, oneway=request.oneway, wait_s=wait_s, idempotency_key=key)


def show_answer(answer: CallAnswer, request: CallRequest, output: Output) -> int:
    """Print an answer; the exit code."""
    if output.as_json:
        sys.stdout.buffer.write(as_json(answer) + b"\n")
    else:
        show(answer, request)
    return 0 if httpx.codes.is_success(answer.status) else 1


def as_json(answer: CallAnswer) -> bytes:
    """An answer for programs: `callId`, `cause` (null for success), `message` and `reply`, which stays as it came."""
    return msgspec.json.encode(
        {
            "callId": answer.call_id or None,
            "cause": answer.cause or None,
            "message": _explanation(answer) or None,
            "reply": msgspec.Raw(answer.body) if answer.body else None,
        }
    )


def show(answer: CallAnswer, request: CallRequest) -> None:
    """Print an answer: the reply byte for byte, indented and coloured only for a terminal."""
    if not httpx.codes.is_success(answer.status):
        _say(f"failed: {answer.cause}. {_explanation(answer)}", answer)
    elif answer.body:
        show_reply(answer.body)
    elif request.oneway:
        _say("delivered" if request.await_delivery else "handed to the transport", answer)


def show_reply(reply: bytes) -> None:
    """Print what a device answered."""
    if sys.stdout.isatty():
        Console().print_json(reply.decode(errors="replace"), ensure_ascii=False)
    else:
        sys.stdout.buffer.write(reply + b"\n")
        sys.stdout.flush()


def _explanation(answer: CallAnswer) -> str:
    return f"{EXPLANATIONS.get(answer.cause, '')} {answer.detail}".strip()


def _say(text: str, answer: CallAnswer) -> None:
    call_id = f" (call {answer.call_id})" if answer.call_id else ""
    print(f"{printable(text)}{call_id}", file=sys.stderr)
