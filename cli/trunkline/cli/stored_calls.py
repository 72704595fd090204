"""`trunkline call --persistent`: a call that is stored, and whose end can be waited for whatever happens meanwhile."""

import sys
import time
from typing import Any, Final

import httpx
import msgspec

from trunkline.cli.answers import RestError
from trunkline.cli.call import CallRequest, send, show_answer, show_reply
from trunkline.cli.errors import CommandError
from trunkline.cli.output import Output, printable, waiting
from trunkline.cli.patience import Patience
from trunkline.cli.rest import Rest

STORE_WAIT_S: Final = 30.0
"""How long a server may take to store a call; the call itself may then wait for days."""

WAIT_MS: Final = 30_000
"""So long one question waits for the end of a call; then it is asked again."""

FINAL: Final = frozenset({"SUCCESSFUL", "EXPIRED", "FAILED"})

CANCELLED: Final = {
    "WITHDRAWN": "cancelled in time, the device does not get it",
    "MARKED": "cancelled, but the device has it or may have it",
    "ALREADY_ENDED": "had ended already, nothing is changed",
}
"""What a cancellation did, in words."""

NULL: Final = b"null"


class Asked(msgspec.Struct):
    """What the caller asked for, as far as it is looked at."""

    oneway: bool


class StoredCall(msgspec.Struct):
    """A stored call as the server has it, as far as it is looked at; `response` stays as it came."""

    status: str
    request: Asked
    response: msgspec.Raw = msgspec.Raw(NULL)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL or (self.request.oneway and self.status == "DELIVERED")

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.ended and self.status in ("SUCCESSFUL", "DELIVERED")

    @property
    def reply(self) -> bytes | None:
        """What the device answered, None if there is nothing."""
        response = bytes(self.response)
        return response if self.status == "SUCCESSFUL" and response != NULL else None


async def store(request: CallRequest, rest: Rest, output: Output, *, wait: bool) -> int:
    """Have the call stored and print its id, or wait for its end and show that; the exit code."""
    with waiting(f"{request.method} …"):
        answer = await send(request, rest, wait_s=STORE_WAIT_S)
    if not httpx.codes.is_success(answer.status):
        return show_answer(answer, request, output)
    call_id = str(msgspec.json.decode(answer.body)["rpcId"])
    if wait:
        if not output.as_json:
            output.note(f"stored (call {call_id})")
        patience = Patience(output.note)
        patience.answered()
        with waiting(f"{request.method} …"):
            found = await at_end(rest, call_id, patience)
        return await show_end(call_id, decode(found), rest, output)
    if output.as_json:
        show_json(call_id, "QUEUED")
    else:
        output.note("stored")
        print(call_id)
    return 0


async def at_end(rest: Rest, call_id: str, patience: Patience, limit_s: float | None = None) -> bytes:
    """A call's JSON once it has ended, or as it stands after `limit_s`. A server that goes away is waited for."""
    until = None if limit_s is None else time.monotonic() + limit_s
    while True:
        left_ms = WAIT_MS if until is None else max(0, min(WAIT_MS, int((until - time.monotonic()) * 1000)))
        path = f"/api/rpc/persistent/{call_id}"
        try:
            found = await rest.content(path, wait_s=left_ms / 1000, waitMs=left_ms or None)
        except RestError as error:
            await patience.wait(error)
            continue
        patience.answered()
        if not left_ms or decode(found).ended:
            return found


def decode(found: bytes) -> StoredCall:
    """A call in the server's JSON. Raises CommandError if it is none."""
    try:
        return msgspec.json.decode(found, type=StoredCall)
    except msgspec.DecodeError:
        raise CommandError("The server's answer is no stored call.") from None


async def show_end(call_id: str, call: StoredCall, rest: Rest, output: Output) -> int:
    """Print how a call ended; the exit code."""
    cause, hint = "", ""
    if not call.succeeded:
        explained = await rest.get(f"/api/rpc/{call_id}/explain")
        cause, hint = explained["cause"] or "", explained["hint"] or ""
    if output.as_json:
        show_json(call_id, call.status, cause, hint, call.reply)
    elif not call.succeeded:
        print(printable(f"failed: {cause or call.status}. {hint}".strip()), f"(call {call_id})", file=sys.stderr)
    elif call.reply is not None:
        show_reply(call.reply)
    else:
        output.note(call.status.lower())
    return 0 if call.succeeded else 1


def show_json(call_id: str, status: str, cause: str = "", message: str = "", reply: bytes | None = None) -> None:
    """The same for programs: what `call` says, and the status."""
    fields: dict[str, Any] = {
        "callId": call_id,
        "status": status,
        "cause": cause or None,
        "message": message or None,
        "reply": None if reply is None else msgspec.Raw(reply),
    }
    sys.stdout.buffer.write(msgspec.json.encode(fields) + b"\n")
    sys.stdout.flush()
