"""The RPC POSTs end to end: requests, successes, the whole error matrix, hang-ups, and a core that goes away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import httpx
import pytest
from doubles.recording_core import DEVICE, RecordingCore, Signer

from trunkline.contract import ids
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.main import FacadeServer
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.call_pb2 import CallKind, Outcome
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import CallResult, StartCall

V1 = "/api/plugins/rpc"
V2 = "/api/rpc"

Post = Callable[..., Coroutine[Any, Any, httpx.Response]]


@pytest.fixture
def post(client: httpx.AsyncClient, bearer: dict[str, str]) -> Post:
    async def post(body: str | bytes = '{"method":"m"}', path: str = f"{V2}/twoway/{DEVICE}") -> httpx.Response:
        response = await client.post(path, content=body, headers=bearer)
        named_call(response)
        return response

    return post


def named_call(response: httpx.Response) -> bytes:
    """The id of the call that every answer names."""
    return ids.from_text(response.headers["trunkline-call-id"])


def fails(reason: str, detail: str = "", cause: str = "UNSPECIFIED") -> Callable[[StartCall], CallResult]:
    return lambda call: CallResult(
        outcome=Outcome.OUTCOME_FAILED,
        reason=ErrorReason.Value(f"ERROR_REASON_{reason}"),
        detail=detail,
        cause=Cause.Value(f"CAUSE_{cause}"),
    )


def expires(cause: str) -> Callable[[StartCall], CallResult]:
    return lambda call: CallResult(
        outcome=Outcome.OUTCOME_EXPIRED,
        reason=ErrorReason.ERROR_REASON_CALL_EXPIRED,
        cause=Cause.Value(f"CAUSE_{cause}"),
    )


def replies(payload: bytes) -> Callable[[StartCall], CallResult]:
    return lambda call: CallResult(outcome=Outcome.OUTCOME_SUCCEEDED, payload=payload)


def assert_problem(response: httpx.Response, status: int, code: int, message: str) -> None:
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert set(body) == {"status", "message", "errorCode", "timestamp"}
    assert (response.status_code, body["status"], body["errorCode"], body["message"]) == (status, status, code, message)
    assert abs(body["timestamp"] - time.time() * 1000) < 60_000


# --- requests and successes ---


@pytest.mark.parametrize("base", [V1, V2])
async def test_two_way(post: Post, core: RecordingCore, base: str) -> None:
    response = await post('{"method":"getGpio","params":{ "pin" : 7 }}', f"{base}/twoway/{DEVICE}")
    assert (response.status_code, response.content) == (200, b'{"ok":true}')
    assert response.headers["content-type"] == "application/json"
    call = core.calls.get_nowait()
    assert (call.method, call.params, call.kind) == ("getGpio", b'{"pin":7}', CallKind.CALL_KIND_TWO_WAY)
    assert call.device_id.hex() == DEVICE.replace("-", "")
    assert not (call.fail_fast or call.await_delivery or call.HasField("persistence"))
    assert call.call_id == named_call(response)


@pytest.mark.parametrize("base", [V1, V2])
async def test_one_way_answers_without_a_body(post: Post, core: RecordingCore, base: str) -> None:
    response = await post(path=f"{base}/oneway/{DEVICE}")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "0"
    assert "content-type" not in response.headers
    assert core.calls.get_nowait().kind == CallKind.CALL_KIND_ONE_WAY


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json", "application/x-www-form-urlencoded"])
async def test_any_content_type_will_do(
    client: httpx.AsyncClient, bearer: dict[str, str], content_type: str | None
) -> None:
    headers = bearer if content_type is None else bearer | {"Content-Type": content_type}
    response = await client.post(f"{V2}/twoway/{DEVICE}", content=b'{"method":"m"}', headers=headers)
    assert response.status_code == 200


async def test_another_charset_is_honoured(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    headers = bearer | {"Content-Type": "text/plain; charset=iso-8859-1"}
    await client.post(f"{V2}/twoway/{DEVICE}", content='{"method":"grün"}'.encode("latin-1"), headers=headers)
    assert core.calls.get_nowait().method == "grün"


@pytest.mark.parametrize(
    ("field", "timeout_ms"),
    [
        ("", 10_000),
        (',"timeout":1', 5_000),
        (',"timeout":null', 5_000),
        (',"timeout":"7000"', 7_000),
        (',"timeout":60000', 60_000),
        (',"timeout":1e30', 300_000),
        (',"timeout":100000000000000000000000', 300_000),
    ],
)
async def test_timeouts_have_a_minimum_and_a_maximum(
    post: Post, core: RecordingCore, field: str, timeout_ms: int
) -> None:
    await post('{"method":"m"' + field + "}")
    call = core.calls.get_nowait()
    assert timeout_ms - 2_000 < call.timeout_ms <= timeout_ms
    assert call.WhichOneof("deadline") == "timeout_ms"


async def test_expiration_time_goes_before_timeout_and_has_no_minimum(post: Post, core: RecordingCore) -> None:
    soon = int(time.time() * 1000) + 2_000
    await post(f'{{"method":"m","timeout":60000,"expirationTime":{soon}}}')
    call = core.calls.get_nowait()
    assert (call.WhichOneof("deadline"), call.expire_unix_ms) == ("expire_unix_ms", soon)
    await post(f'{{"method":"m","expirationTime":{soon * 1000}}}')
    call = core.calls.get_nowait()
    assert call.WhichOneof("deadline") == "timeout_ms"
    assert 298_000 < call.timeout_ms <= 300_000


async def test_options_travel(post: Post, core: RecordingCore) -> None:
    text = "b10bb1a0-0afd-11ec-a08f-1b3182194747"
    body = f'{{"method":"m","requestUUID":"{text}","failFast":true,"awaitDelivery":true}}'
    response = await post(body, f"{V2}/oneway/{DEVICE}")
    call = core.calls.get_nowait()
    assert call.call_id == named_call(response) == ids.from_text(text)
    assert call.fail_fast
    assert call.await_delivery


async def test_a_caller_is_named_once(post: Post, core: RecordingCore) -> None:
    numbers = set()
    for _ in range(3):
        await post()
        numbers.add(core.calls.get_nowait().principal)
    assert numbers == core.principals.keys()
    assert len(numbers) == 1


# --- the error matrix ---

UNAUTHENTICATED = [
    pytest.param({}, 10, "Authentication failed", id="no header"),
    pytest.param({"X-Authorization": ""}, 10, "Authentication failed", id="blank header"),
    pytest.param({"X-Authorization": "Bearer"}, 10, "Authentication failed", id="bare Bearer"),
    pytest.param({"X-Authorization": "Basic dTpw"}, 10, "Authentication failed", id="another scheme"),
    pytest.param({"X-Authorization": "bearer {good}"}, 10, "Authentication failed", id="lower-case scheme"),
    pytest.param({"X-Authorization": "Bearer  {good}"}, 10, "Invalid username or password", id="two spaces"),
    pytest.param({"X-Authorization": "Bearer abc"}, 10, "Invalid username or password", id="malformed"),
    pytest.param({"X-Authorization": "Bearer a.b.c"}, 10, "Invalid username or password", id="malformed in three"),
    pytest.param({"X-Authorization": "ApiKey tb_x"}, 10, "Invalid username or password", id="unknown API key"),
    pytest.param({"X-Authorization": "Bearer {expired}"}, 11, "Token has expired", id="expired"),
    pytest.param({"X-Authorization": "Bearer {forged}"}, 11, "Token has expired", id="wrong signature"),
    pytest.param({"X-Authorization": "Bearer {stranger}"}, 11, "Token has expired", id="unknown key"),
    pytest.param({"X-Authorization": "Bearer {refresh}"}, 10, "Authentication failed", id="refresh token"),
    pytest.param({"Authorization": "{good}"}, 10, "Authentication failed", id="bare JWT in Authorization"),
    pytest.param(
        {"X-Authorization": "Basic dTpw", "Authorization": "Bearer {good}"},
        10,
        "Authentication failed",
        id="X-Authorization goes first",
    ),
]


@pytest.mark.parametrize("base", [V1, V2])
@pytest.mark.parametrize(("headers", "code", "message"), UNAUTHENTICATED)
async def test_401(
    client: httpx.AsyncClient, core: RecordingCore, base: str, headers: dict[str, str], code: int, message: str
) -> None:
    tokens = {
        "good": core.signer.sign(),
        "expired": core.signer.sign(exp=int(time.time())),
        "forged": Signer("key-1").sign(),
        "stranger": Signer("key-2").sign(),
        "refresh": core.signer.sign(scopes=["REFRESH_TOKEN"], tenantId=None, customerId=None),
    }
    filled = {name: value.format(**tokens) for name, value in headers.items()}
    # not even the body's size is looked at before the caller is known
    response = await client.post(f"{base}/twoway/abc", content=b"x" * 2_000_000, headers=filled)
    assert_problem(response, 401, code, message)
    assert core.calls.empty()


@pytest.mark.parametrize("headers", [{"X-Authorization": "{}"}, {"Authorization": "Bearer {}"}])
async def test_other_ways_to_show_a_token(
    client: httpx.AsyncClient, core: RecordingCore, headers: dict[str, str]
) -> None:
    filled = {name: value.format(core.signer.sign()) for name, value in headers.items()}
    response = await client.post(f"{V1}/twoway/{DEVICE}", content=b'{"method":"m"}', headers=filled)
    assert response.status_code == 200


async def test_403_for_a_token_that_is_for_something_else(client: httpx.AsyncClient, core: RecordingCore) -> None:
    headers = {"X-Authorization": f"Bearer {core.signer.sign(scopes=['PRE_VERIFICATION_TOKEN'])}"}
    response = await client.post(f"{V2}/twoway/abc", content=b"", headers=headers)
    assert_problem(response, 403, 20, "You don't have permission to perform this operation!")


async def test_413_announced_and_chunked(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 500_000

    for content in (b"x" * 1_048_577, chunks()):
        response = await client.post(f"{V2}/twoway/abc", content=content, headers=bearer)
        assert_problem(response, 413, 31, "Payload size exceeds the limit of 1048576 bytes")


async def test_the_largest_body_that_is_taken(post: Post, core: RecordingCore) -> None:
    empty = '{"method":"m","params":""}'
    response = await post(empty[:-2] + "x" * (1_048_576 - len(empty)) + empty[-2:])
    assert response.status_code == 200
    assert len(core.calls.get_nowait().params) > 1_048_000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "Required request body is missing"),
        ("  ", "Required request body is missing"),
        ("hello", "Invalid request body"),
        ("[]", "Invalid request body: it must be a JSON object"),
        ("null", "Invalid request body: it must be a JSON object"),
        ("{}", "Invalid request body: method is missing"),
        ('{"method":"m","requestUUID":null}', "Invalid request body"),
        ('{"method":"m","persistent":true,"failFast":true}', "failFast does not go with persistent"),
    ],
)
@pytest.mark.parametrize("base", [V1, V2])
async def test_400(post: Post, core: RecordingCore, base: str, body: str, message: str) -> None:
    # the body is read before the device is looked up, so this core would say 404
    core.answer = fails("DEVICE_NOT_FOUND")
    assert_problem(await post(body, f"{base}/twoway/{DEVICE}"), 400, 31, message)
    assert core.calls.empty()


async def test_400_for_a_device_id_that_is_none_before_the_body_is_read(post: Post) -> None:
    assert_problem(await post("hello", f"{V2}/twoway/abc"), 400, 31, "Invalid UUID string: abc")


async def test_400_for_a_nonsensical_length(client: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    response = await client.post(f"{V2}/twoway/{DEVICE}", content=b"", headers=bearer | {"Content-Length": "many"})
    assert_problem(response, 400, 31, "Invalid Content-Length")


@pytest.mark.parametrize("base", [V1, V2])
@pytest.mark.parametrize(
    ("reason", "detail", "status", "code"),
    [
        ("DEVICE_NOT_FOUND", "Device with requested id wasn't found!", 404, 32),
        ("PERMISSION_DENIED", "You don't have permission to perform this operation!", 403, 20),
        ("PERMISSION_DENIED", "System administrator is not allowed to perform this operation!", 403, 20),
        ("DEVICE_DELETED", "Deleted", 404, 32),
        ("QUEUE_FULL", "Full", 429, 33),
        ("TOKEN_EXPIRED", "Token has expired", 401, 11),
    ],
)
async def test_what_the_core_refuses(
    post: Post, core: RecordingCore, base: str, reason: str, detail: str, status: int, code: int
) -> None:
    core.answer = fails(reason, detail)
    assert_problem(await post(path=f"{base}/twoway/{DEVICE}"), status, code, detail)


@pytest.mark.parametrize(
    ("cause", "v1"),
    [
        ("DEVICE_OFFLINE", 409),
        ("DEVICE_BUSY", 409),
        ("NO_REPLY", 408),
        ("NO_ACK_FROM_WORKER", 408),
        ("EXPIRED_ON_ARRIVAL", 408),
    ],
)
async def test_expired(post: Post, core: RecordingCore, cause: str, v1: int) -> None:
    core.answer = expires(cause)
    for base, status in ((V1, v1), (V2, 504)):
        response = await post(path=f"{base}/twoway/{DEVICE}")
        assert (response.status_code, response.content) == (status, b"")
        assert response.headers["trunkline-cause"] == cause
        assert named_call(response) == core.calls.get_nowait().call_id


async def test_fail_fast(post: Post, core: RecordingCore) -> None:
    core.answer = fails("DEVICE_OFFLINE", "offline", "DEVICE_OFFLINE")
    for base, status in ((V1, 409), (V2, 504)):
        response = await post('{"method":"m","failFast":true}', f"{base}/twoway/{DEVICE}")
        assert (response.status_code, response.content) == (status, b"")
        assert response.headers["trunkline-cause"] == "DEVICE_OFFLINE"


async def test_an_expiration_time_that_passed_is_the_cores_to_judge(post: Post, core: RecordingCore) -> None:
    core.answer = expires("EXPIRED_ON_ARRIVAL")
    for value in ("5", "null", '"soon"', "-1"):
        response = await post(f'{{"method":"m","expirationTime":{value}}}')
        assert response.status_code == 504
        assert core.calls.get_nowait().expire_unix_ms in (0, 5)


@pytest.mark.parametrize("base", [V1, V2])
async def test_406_for_a_reply_that_is_no_json(post: Post, core: RecordingCore, base: str) -> None:
    core.answer = replies(b"22:20")
    response = await post(path=f"{base}/twoway/{DEVICE}")
    assert_problem(response, 406, 31, "22:20")
    assert response.headers["trunkline-cause"] == "REPLY_NOT_JSON"


@pytest.mark.parametrize("base", [V1, V2])
async def test_a_transport_that_could_not_convert(post: Post, core: RecordingCore, base: str) -> None:
    core.answer = fails("DEVICE_TRANSPORT_ERROR", '{"error":"no"}', "DEVICE_TRANSPORT_ERROR")
    response = await post(path=f"{base}/twoway/{DEVICE}")
    assert (response.status_code, response.json()) == (200, {"error": "no"})
    core.answer = fails("DEVICE_TRANSPORT_ERROR", "could not convert", "DEVICE_TRANSPORT_ERROR")
    response = await post(path=f"{base}/twoway/{DEVICE}")
    assert_problem(response, 406, 31, "could not convert")
    assert response.headers["trunkline-cause"] == "DEVICE_TRANSPORT_ERROR"


async def test_the_accept_header_does_not_matter(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    response = await client.post(
        f"{V2}/twoway/{DEVICE}", content=b'{"method":"m"}', headers=bearer | {"Accept": "text/html"}
    )
    assert (response.status_code, response.json()) == (200, {"ok": True})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("base", [V1, V2])
async def test_405(client: httpx.AsyncClient, bearer: dict[str, str], base: str, method: str) -> None:
    response = await client.request(method, f"{base}/twoway/{DEVICE}", headers=bearer)
    assert_problem(response, 405, 31, f"Request method '{method}' is not supported")
    assert response.headers["allow"] == "POST"
    assert (await client.request(method, f"{base}/twoway/{DEVICE}")).status_code == 401


@pytest.mark.parametrize("path", [f"{V2}/twoway/", f"{V2}/twoway", f"{V2}/threeway/{DEVICE}", f"{V1}/twoway/x/y"])
async def test_paths_that_are_none(client: httpx.AsyncClient, bearer: dict[str, str], path: str) -> None:
    assert_problem(await client.post(path, content=b"{}", headers=bearer), 404, 32, "Not Found")
    assert_problem(await client.post(path, content=b"{}"), 401, 10, "Authentication failed")


# --- the core goes away, callers hang up ---


async def test_a_core_that_breaks_off_ends_written_calls_at_once(
    post: Post, core: RecordingCore, connection: CoreConnection
) -> None:
    core.answer = lambda call: None
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(post(path=f"{base}/twoway/{DEVICE}")) for base in (V1, V2)]
        calls = {(await core.calls.get()).call_id for _ in waiting}
        await core.stop()
    assert [task.result().status_code for task in waiting] == [408, 504]
    assert {task.result().headers["trunkline-cause"] for task in waiting} == {"CORE_LOST"}
    assert {named_call(task.result()) for task in waiting} == calls
    assert not connection.calls.connected


async def test_calls_wait_for_a_core_that_comes_back(
    post: Post, core: RecordingCore, connection: CoreConnection
) -> None:
    await core.stop()
    gone = asyncio.Event()
    connection.calls.on_connection = lambda connected: None if connected else gone.set()
    if connection.calls.connected:
        await gone.wait()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(post())
        await asyncio.sleep(0)
        await core.start()
    assert waiting.result().json() == {"ok": True}


@pytest.fixture
async def server(core: RecordingCore, settings: FacadeSettings) -> AsyncIterator[FacadeServer]:
    server = FacadeServer(settings.model_copy(update={"hang_up_watch_ms": 0}))  # every call that waits is watched
    await server.start()
    yield server
    await server.drain()


async def test_a_caller_that_hangs_up_releases_its_call(
    core: RecordingCore, server: FacadeServer, bearer: dict[str, str]
) -> None:
    core.answer = lambda call: None
    body = b'{"method":"m","timeout":60000}'
    head = f"POST {V2}/twoway/{DEVICE} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    head += f"X-Authorization: {bearer['X-Authorization']}\r\n\r\n"
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head.encode() + body)
        call = await core.calls.get()
        writer.close()
        assert await core.hang_ups.get() == call.tag
        await writer.wait_closed()


async def test_a_result_that_comes_after_the_watch_began(
    core: RecordingCore, server: FacadeServer, bearer: dict[str, str]
) -> None:
    core.answer = lambda call: None
    async with (
        asyncio.timeout(10),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=bearer) as client,
    ):
        for attempt in range(2):  # the second on the same connection: the watch left nothing behind
            waiting = asyncio.create_task(client.post(f"{V2}/twoway/{DEVICE}", content=b'{"method":"m"}'))
            call = await core.calls.get()
            core.finish(call, CallResult(outcome=Outcome.OUTCOME_SUCCEEDED, payload=b"%d" % attempt))
            assert (await waiting).json() == attempt
    assert core.hang_ups.empty()


async def test_a_caller_that_leaves_in_the_middle_of_its_body(
    core: RecordingCore, server: FacadeServer, bearer: dict[str, str]
) -> None:
    head = f"POST {V2}/twoway/{DEVICE} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    head += f"X-Authorization: {bearer['X-Authorization']}\r\n\r\n{{"
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=bearer) as client:
        assert (await client.post(f"{V2}/twoway/{DEVICE}", content=b'{"method":"m"}')).status_code == 200
    assert core.calls.qsize() == 1
