import json
from typing import Any

import pytest
from doubles.scripted_http import ScriptedHttp, answer

from trunkline.cli.call import CallRequest, Keeping
from trunkline.cli.errors import CommandError
from trunkline.cli.login import Login
from trunkline.cli.output import Output
from trunkline.cli.patience import Patience
from trunkline.cli.rest import Rest
from trunkline.cli.stored_calls import CANCELLED, at_end, decode, store
from trunkline.v1.rpc_service_pb2 import CancelResult

DEVICE_ID = "784f394c-42b6-435a-983c-b7beff2784f9"
CALL_ID = "bea26301-1aec-41ec-9441-73a37bbb7cd2"
STORED = answer({"rpcId": CALL_ID})


def call(status: str, response: Any = None, *, oneway: bool = False) -> dict[str, Any]:
    """What is looked at of a stored call in the server's JSON."""
    return {"status": status, "request": {"oneway": oneway}, "response": response}


def explained(cause: str, hint: str) -> bytes:
    return answer({"cause": cause, "hint": hint})


async def stored(server: ScriptedHttp, output: Output, *, wait: bool, oneway: bool = False, key: str = "") -> int:
    request = CallRequest(
        DEVICE_ID, "setGpio", b'{"pin":7}', 86_400_000, oneway, idempotency_key=key, keeping=Keeping(retries=2)
    )
    async with Rest(server.url, Login(token="t")) as rest:
        return await store(request, rest, output, wait=wait)


async def test_the_id_alone_goes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    async with ScriptedHttp(STORED) as server:
        assert await stored(server, Output(), wait=False, key="order-7") == 0
    assert capfd.readouterr() == (f"{CALL_ID}\n", "stored\n")
    head, _, body = server.asked[0].partition("\r\n\r\n")
    assert head.startswith(f"POST /api/rpc/twoway/{DEVICE_ID} ")
    assert "Idempotency-Key: order-7\r\n" in head
    assert json.loads(body) == {
        "method": "setGpio",
        "params": {"pin": 7},
        "timeout": 86_400_000,
        "persistent": True,
        "retries": 2,
    }


async def test_json_of_a_call_that_is_stored(capfd: pytest.CaptureFixture[str]) -> None:
    async with ScriptedHttp(STORED) as server:
        assert await stored(server, Output(as_json=True), wait=False) == 0
    out, err = capfd.readouterr()
    assert json.loads(out) == {"callId": CALL_ID, "status": "QUEUED", "cause": None, "message": None, "reply": None}
    assert err == ""


async def test_the_reply_is_waited_for_and_stays_as_it_came(capfd: pytest.CaptureFixture[str]) -> None:
    ended = b'{"status":"SUCCESSFUL","request":{"oneway":false},"response":{"pi":3.140,"big":12345678901234567890123}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(ended)
    async with ScriptedHttp(STORED, answer(call("DELIVERED")), head + ended) as server:
        assert await stored(server, Output(), wait=True) == 0
    assert capfd.readouterr() == ('{"pi":3.140,"big":12345678901234567890123}\n', f"stored (call {CALL_ID})\n")
    assert server.asked[1].startswith(f"GET /api/rpc/persistent/{CALL_ID}?waitMs=30000 ")


async def test_a_oneway_call_ends_with_its_delivery(capfd: pytest.CaptureFixture[str]) -> None:
    async with ScriptedHttp(
        STORED, answer(call("SENT", oneway=True)), answer(call("DELIVERED", oneway=True))
    ) as server:
        assert await stored(server, Output(), wait=True, oneway=True) == 0
    assert capfd.readouterr() == ("", f"stored (call {CALL_ID})\ndelivered\n")


async def test_why_it_failed_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    expired = answer(call("EXPIRED"))
    why = explained("DEVICE_OFFLINE", "The device was never there.")
    async with ScriptedHttp(STORED, expired, why, STORED, expired, why) as server:
        assert await stored(server, Output(), wait=True) == 1
        out, err = capfd.readouterr()
        assert out == ""
        assert err.endswith(f"failed: DEVICE_OFFLINE. The device was never there. (call {CALL_ID})\n")
        assert await stored(server, Output(as_json=True), wait=True) == 1
    assert json.loads(capfd.readouterr().out) == {
        "callId": CALL_ID,
        "status": "EXPIRED",
        "cause": "DEVICE_OFFLINE",
        "message": "The device was never there.",
        "reply": None,
    }


async def test_a_call_that_is_not_taken_has_failed(capfd: pytest.CaptureFixture[str]) -> None:
    head = b"HTTP/1.1 409 Conflict\r\nTrunkline-Cause: IDEMPOTENCY_CONFLICT\r\nContent-Length: 0\r\n"
    async with ScriptedHttp(head + b"Connection: close\r\n\r\n") as server:
        assert await stored(server, Output(), wait=True) == 1
    assert capfd.readouterr().err.startswith("failed: IDEMPOTENCY_CONFLICT. The idempotency key")


async def test_a_server_that_goes_away_meanwhile_is_waited_for() -> None:
    said: list[str] = []
    patience = Patience(said.append, pauses_s=(0,))
    queued, ended = call("QUEUED"), call("SUCCESSFUL", {"done": True})
    async with ScriptedHttp(answer(queued), b"", answer({}, "503 No"), answer(ended)) as server:
        async with Rest(server.url, Login(token="t")) as rest:
            assert json.loads(await at_end(rest, CALL_ID, patience)) == ended
    assert [text.endswith("Waiting for it.") for text in said] == [True, False]


async def test_a_wait_has_its_bound() -> None:
    async with ScriptedHttp(answer(call("QUEUED")), answer(call("SENT"))) as server:
        async with Rest(server.url, Login(token="t")) as rest:
            for limit_s in (0.0, 1e-9):
                found = await at_end(rest, CALL_ID, Patience(print), limit_s)
                assert not decode(found).ended
    assert [asked.split()[1] for asked in server.asked] == [f"/api/rpc/persistent/{CALL_ID}"] * 2


@pytest.mark.parametrize(
    ("found", "ended", "succeeded", "reply"),
    [
        (call("QUEUED"), False, False, None),
        (call("SENT"), False, False, None),
        (call("TIMEOUT"), False, False, None),
        (call("DELIVERED"), False, False, None),
        (call("DELIVERED", oneway=True), True, True, None),
        (call("SUCCESSFUL", {"a": 1}), True, True, b'{"a":1}'),
        (call("SUCCESSFUL"), True, True, None),
        (call("EXPIRED"), True, False, None),
        (call("FAILED", {"error": "x"}), True, False, None),
    ],
)
def test_what_a_status_means(found: dict[str, Any], ended: bool, succeeded: bool, reply: bytes | None) -> None:
    decoded = decode(json.dumps(found, separators=(",", ":")).encode())
    assert (decoded.ended, decoded.succeeded, decoded.reply) == (ended, succeeded, reply)


def test_what_is_no_call() -> None:
    with pytest.raises(CommandError, match="no stored call"):
        decode(b"[]")


def test_every_result_of_a_cancellation_has_words() -> None:
    names = {name.removeprefix("CANCEL_RESULT_") for name in CancelResult.keys()}
    assert names - {"UNSPECIFIED"} == CANCELLED.keys()
