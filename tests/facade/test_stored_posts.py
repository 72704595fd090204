"""The RPC POSTs with `persistent`: what reaches the core, how long its word is awaited, and the keys of all calls."""

import asyncio
import time

import httpx
import pytest
from doubles.recording_core import DEVICE, RecordingCore

from trunkline.contract import ids
from trunkline.facade.app import create_app
from trunkline.facade.core_connection import CoreConnection
from trunkline.facade.rpc_routes import LAST_UNIX_MS
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.call_pb2 import CallKind, DeliveryPolicy, Outcome, Redelivery, SubmitStrategy
from trunkline.v1.error_pb2 import Cause, ErrorReason
from trunkline.v1.rpc_service_pb2 import CallResult, StartCall

RPC = "b10bb1a0-0afd-11ec-a08f-1b3182194747"
V1 = f"/api/plugins/rpc/twoway/{DEVICE}"
V2 = f"/api/rpc/twoway/{DEVICE}"

pytestmark = pytest.mark.usefixtures("storing")


@pytest.fixture
def storing(core: RecordingCore) -> None:
    """Every call is stored at once, or succeeds."""

    def answer(call: StartCall) -> CallResult:
        stored = call.HasField("persistence")
        outcome = Outcome.OUTCOME_ACCEPTED if stored else Outcome.OUTCOME_SUCCEEDED
        return CallResult(outcome=outcome, call_id=call.call_id)

    core.answer = answer


async def started(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], body: str, **headers: str
) -> StartCall:
    response = await client.post(V2, content=body, headers=bearer | headers)
    assert response.status_code == 200
    return core.calls.get_nowait()


@pytest.mark.parametrize("kind", ["oneway", "twoway"])
@pytest.mark.parametrize("base", ["/api/plugins/rpc", "/api/rpc"])
async def test_the_answer_is_the_id(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], base: str, kind: str
) -> None:
    body = '{"method":"m","params":{ "pin" : 7 },"persistent":true}'
    response = await client.post(f"{base}/{kind}/{DEVICE}", content=body, headers=bearer)
    call = core.calls.get_nowait()
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == {"rpcId": ids.to_text(call.call_id)}
    assert response.headers["trunkline-call-id"] == ids.to_text(call.call_id)
    assert (call.params, call.kind) == (b'{"pin":7}', CallKind.Value(f"CALL_KIND_{kind[:3].upper()}_WAY"))
    assert call.HasField("persistence")
    assert not call.persistence.additional_info
    assert not call.HasField("retries")
    assert not call.HasField("policy")
    assert not call.idempotency_key
    assert 8_000 < call.timeout_ms <= 10_000


async def test_what_else_the_caller_says_travels(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    body = (
        '{"method":"m","persistent":true,"retries":null,"additionalInfo":{ "a" : [1.0] },"redelivery":"never",'
        '"submitStrategy":"SEQUENTIAL_ON_RESPONSE_FROM_DEVICE"}'
    )
    call = await started(client, core, bearer, body)
    assert call.persistence.additional_info == b'{"a":[1.0]}'
    assert call.HasField("retries")
    assert call.retries == 0
    on_response = SubmitStrategy.SUBMIT_STRATEGY_SEQUENTIAL_ON_RESPONSE_FROM_DEVICE
    assert call.policy == DeliveryPolicy(strategy=on_response, redelivery=Redelivery.REDELIVERY_NEVER)
    assert (await started(client, core, bearer, '{"method":"m","persistent":true,"retries":9}')).retries == 9


async def test_a_lightweight_call_may_have_a_policy_and_keeps_nothing(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    call = await started(
        client, core, bearer, '{"method":"m","redelivery":"undelivered","retries":3,"additionalInfo":1}'
    )
    assert call.policy == DeliveryPolicy(redelivery=Redelivery.REDELIVERY_UNDELIVERED)
    assert not call.HasField("persistence")
    assert not call.HasField("retries")


@pytest.mark.parametrize(
    ("field", "timeout_ms"),
    [('"timeout":1', 5_000), ('"timeout":null', 5_000), ('"timeout":86400000', 86_400_000)],
)
async def test_a_timeout_has_a_minimum_and_no_maximum(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], field: str, timeout_ms: int
) -> None:
    call = await started(client, core, bearer, f'{{"method":"m","persistent":true,{field}}}')
    assert timeout_ms - 2_000 < call.timeout_ms <= timeout_ms


@pytest.mark.parametrize(("timeout", "expected"), [(2**40, 2**40), (10**30, LAST_UNIX_MS)])
async def test_a_timeout_of_years_is_a_time(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], timeout: int, expected: int
) -> None:
    call = await started(client, core, bearer, f'{{"method":"m","persistent":true,"timeout":{timeout}}}')
    now = 0 if expected == LAST_UNIX_MS else int(time.time() * 1000)
    assert abs(call.expire_unix_ms - now - expected) < 60_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1720000000000", 1_720_000_000_000),
        ("null", 0),
        ("-5", 0),
        ("9999999999999", 9_999_999_999_999),
        ("1e40", LAST_UNIX_MS),
    ],
)
async def test_expiration_time_travels_as_it_is(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], value: str, expected: int
) -> None:
    call = await started(client, core, bearer, f'{{"method":"m","persistent":true,"expirationTime":{value}}}')
    assert call.WhichOneof("deadline") == "expire_unix_ms"
    assert call.expire_unix_ms == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"method":"m","persistent":true,"failFast":true}', "failFast does not go with persistent"),
        (
            '{"method":"m","persistent":true,"redelivery":"often"}',
            "redelivery is one of unanswered, undelivered, never",
        ),
        ('{"method":"m","persistent":true,"submitStrategy":"burst"}', "submitStrategy is one of BURST, "),
        ('{"method":"m","submitStrategy":"BURST"}', "submitStrategy goes only with persistent calls"),
        ('{"method":"m","persistent":true,"additionalInfo":1e999}', "additionalInfo"),
    ],
)
async def test_400(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], body: str, message: str
) -> None:
    for path in (V1, V2):
        response = await client.post(path, content=body, headers=bearer)
        assert (response.status_code, response.json()["errorCode"]) == (400, 31)
        assert message in response.json()["message"]
    assert core.calls.empty()


# --- keys ---


@pytest.mark.parametrize("persistent", ["true", "false"])
async def test_the_callers_id_is_a_key_too(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], persistent: str
) -> None:
    body = f'{{"method":"m","persistent":{persistent},"requestUUID":"{RPC.upper()}"}}'
    call = await started(client, core, bearer, body)
    assert (ids.to_text(call.call_id), call.idempotency_key) == (RPC, RPC)
    call = await started(client, core, bearer, body.replace(RPC.upper(), "1-2-3-4-5"))
    padded = "00000001-0002-0003-0004-000000000005"
    assert (ids.to_text(call.call_id), call.idempotency_key) == (padded, padded)


@pytest.mark.parametrize("persistent", ["true", "false"])
async def test_a_key_of_its_own_goes_before(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], persistent: str
) -> None:
    body = f'{{"method":"m","persistent":{persistent},"requestUUID":"{RPC}"}}'
    call = await started(client, core, bearer, body, **{"Idempotency-Key": " order 7/1 "})
    assert (ids.to_text(call.call_id), call.idempotency_key) == (RPC, "order 7/1")


@pytest.mark.parametrize("key", ["", "  ", "k" * 256, "\u00fc", "a\tb"])
async def test_keys_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], key: str
) -> None:
    headers = {name.encode(): value.encode() for name, value in bearer.items()}
    headers[b"Idempotency-Key"] = key.encode("latin-1")
    response = await client.post(V2, content='{"method":"m"}', headers=headers)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"] == "Idempotency-Key must be 1 to 255 printable ASCII characters"
    assert core.calls.empty()


async def test_the_answer_names_the_call_that_was_joined(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    core.answer = lambda call: CallResult(outcome=Outcome.OUTCOME_ACCEPTED, call_id=ids.from_text(RPC))
    headers = bearer | {"Idempotency-Key": "k" * 255}
    response = await client.post(V2, content='{"method":"m","persistent":true}', headers=headers)
    assert (response.json(), response.headers["trunkline-call-id"]) == ({"rpcId": RPC}, RPC)


async def test_a_key_that_means_another_call(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    core.answer = lambda call: CallResult(
        outcome=Outcome.OUTCOME_FAILED,
        reason=ErrorReason.ERROR_REASON_CALL_CONFLICT,
        cause=Cause.CAUSE_IDEMPOTENCY_CONFLICT,
        detail="another call",
    )
    for path in (V1, V2):
        response = await client.post(path, content=f'{{"method":"m","requestUUID":"{RPC}"}}', headers=bearer)
        assert (response.status_code, response.json()["errorCode"]) == (409, 35)
        assert response.headers["trunkline-cause"] == "IDEMPOTENCY_CONFLICT"


# --- a core that is full, without a store, or away ---


@pytest.mark.parametrize(
    ("reason", "status", "code", "retry"),
    [("QUEUE_FULL", 429, 33, "3"), ("STORE_UNAVAILABLE", 503, 2, "3"), ("DEVICE_NOT_FOUND", 404, 32, None)],
)
async def test_what_the_core_refuses(
    client: httpx.AsyncClient,
    core: RecordingCore,
    bearer: dict[str, str],
    reason: str,
    status: int,
    code: int,
    retry: str | None,
) -> None:
    core.answer = lambda call: CallResult(
        outcome=Outcome.OUTCOME_FAILED,
        reason=ErrorReason.Value(f"ERROR_REASON_{reason}"),
        detail="why",
        retry_after_ms=2_001,
    )
    for path in (V1, V2):
        response = await client.post(path, content='{"method":"m","persistent":true}', headers=bearer)
        assert (response.status_code, response.json()["errorCode"], response.json()["message"]) == (status, code, "why")
        assert response.headers.get("retry-after") == retry


async def test_a_call_that_was_written_to_a_core_that_broke_off_is_sent_again(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    storing, core.answer = core.answer, lambda call: None
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(client.post(V2, content='{"method":"m","persistent":true}', headers=bearer))
        first = await core.calls.get()
        await core.stop()
        core.answer = storing
        await core.start()
        again = await core.calls.get()
    assert (again.call_id, again.resent, first.resent) == (first.call_id, True, False)
    assert again.principal in core.principals
    assert waiting.result().json() == {"rpcId": ids.to_text(first.call_id)}


@pytest.fixture
async def impatient(connection: CoreConnection, settings: FacadeSettings, bearer: dict[str, str]) -> httpx.AsyncClient:
    """A facade that waits a moment for its core."""
    app = create_app(connection, settings.model_copy(update={"accept_wait_ms": 1}))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trunkline", headers=bearer)


async def test_nobody_waits_for_long_for_a_core_that_is_away(
    impatient: httpx.AsyncClient, core: RecordingCore, connection: CoreConnection
) -> None:
    gone = asyncio.Event()
    connection.calls.on_connection = lambda connected: None if connected else gone.set()
    await impatient.post(V2, content='{"method":"m","persistent":true}')  # the caller's token is known now
    await core.stop()
    async with asyncio.timeout(20):
        await gone.wait()
        for path in (V1, V2):
            body = '{"method":"m","persistent":true,"timeout":3600000}'
            response = await impatient.post(path, content=body)
            assert (response.status_code, response.headers["trunkline-cause"]) == (503, "STREAM_BROKEN")
            assert response.headers["retry-after"] == "1"


async def test_nor_for_a_core_that_says_nothing(impatient: httpx.AsyncClient, core: RecordingCore) -> None:
    core.answer = lambda call: None
    async with asyncio.timeout(20):
        for path, status in ((V1, 408), (V2, 504)):
            body = '{"method":"m","persistent":true,"timeout":3600000}'
            response = await impatient.post(path, content=body)
            assert (response.status_code, response.content) == (status, b"")
            assert response.headers["trunkline-cause"] == "CORE_LOST"
