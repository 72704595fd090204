"""Persistent calls over REST: what is asked of the core, how its answers look, and every argument wrong once."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from doubles.recording_core import DEVICE, TENANT, RecordingCore

from trunkline.contract.errors import TrunklineError
from trunkline.facade.main import FacadeServer
from trunkline.facade.settings import FacadeSettings
from trunkline.v1.call_pb2 import CallKind, CallRecord, CallState
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.page_pb2 import PageRequest
from trunkline.v1.rpc_service_pb2 import (
    CancelCallRequest,
    CancelCallResponse,
    CancelResult,
    DeleteCallRequest,
    DeleteCallResponse,
    ExplainCallRequest,
    ExplainCallResponse,
    GetCallRequest,
    GetCallResponse,
    ListCallsRequest,
    ListCallsResponse,
)

RPC = "b10bb1a0-0afd-11ec-a08f-1b3182194747"
ONE = f"/api/rpc/persistent/{RPC}"
LIST = f"/api/rpc/persistent/device/{DEVICE}"
CANCEL = f"{ONE}/cancel"
EXPLAIN = f"/api/rpc/{RPC}/explain"

OF_ONE = [
    pytest.param("GET", ONE, GetCallRequest, id="get"),
    pytest.param("DELETE", ONE, DeleteCallRequest, id="delete"),
    pytest.param("POST", CANCEL, CancelCallRequest, id="cancel"),
    pytest.param("GET", EXPLAIN, ExplainCallRequest, id="explain"),
]


@pytest.fixture(autouse=True)
def scripted(core: RecordingCore) -> None:
    call = CallRecord(
        call_id=RPC,
        tenant_id=TENANT,
        device_id=DEVICE,
        kind=CallKind.CALL_KIND_TWO_WAY,
        method="m",
        params=b"null",
        persistent=True,
        state=CallState.CALL_STATE_QUEUED,
    )
    core.answers[GetCallRequest] = GetCallResponse(call=call)
    core.answers[ListCallsRequest] = ListCallsResponse(calls=[call], total=11)
    core.answers[DeleteCallRequest] = DeleteCallResponse()
    core.answers[CancelCallRequest] = CancelCallResponse(result=CancelResult.CANCEL_RESULT_WITHDRAWN, call=call)
    core.answers[ExplainCallRequest] = ExplainCallResponse(call=call, hint="hint")


def assert_problem(response: httpx.Response, status: int, code: int, message: str) -> None:
    body = response.json()
    assert response.headers["content-type"] == "application/json"
    assert (response.status_code, body["status"], body["errorCode"], body["message"]) == (status, status, code, message)


async def test_one(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.get(f"/api/rpc/persistent/{RPC.upper()}", headers=bearer)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.json()["id"] == {"entityType": "RPC", "id": RPC}
    assert core.asked == [GetCallRequest(call_id=RPC)]
    assert core.tokens == [bearer["X-Authorization"]]


async def test_deleting(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    response = await client.request("DELETE", ONE, headers=bearer, content=b"{}")
    assert (response.status_code, response.content) == (200, b"")
    assert core.asked == [DeleteCallRequest(call_id=RPC)]


async def test_cancelling(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    answer = (await client.post(CANCEL, headers=bearer)).json()
    assert (answer["result"], answer["rpc"]["status"]) == ("WITHDRAWN", "QUEUED")
    assert core.asked == [CancelCallRequest(call_id=RPC)]


async def test_explaining(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    answer = (await client.get(EXPLAIN, headers=bearer)).json()
    assert (answer["hint"], answer["rpc"]["id"]["id"]) == ("hint", RPC)
    assert core.asked == [ExplainCallRequest(call_id=RPC)]


@pytest.mark.parametrize(("method", "path", "request_type"), OF_ONE)
async def test_a_call_that_nobody_knows(
    client: httpx.AsyncClient,
    core: RecordingCore,
    bearer: dict[str, str],
    method: str,
    path: str,
    request_type: type,
) -> None:
    core.answers[request_type] = TrunklineError(ErrorReason.ERROR_REASON_CALL_NOT_FOUND, "no such call")
    assert_problem(await client.request(method, path, headers=bearer), 404, 32, f"Rpc with id [{RPC}] is not found")


@pytest.mark.parametrize(("method", "path", "request_type"), OF_ONE)
async def test_a_store_that_is_away(
    client: httpx.AsyncClient,
    core: RecordingCore,
    bearer: dict[str, str],
    method: str,
    path: str,
    request_type: type,
) -> None:
    core.answers[request_type] = TrunklineError(ErrorReason.ERROR_REASON_STORE_UNAVAILABLE, "it is away")
    response = await client.request(method, path, headers=bearer)
    assert_problem(response, 503, 2, "it is away")
    assert response.headers["retry-after"] == "1"


async def test_what_is_not_persistent_is_not_there(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    core.answers[GetCallRequest] = GetCallResponse(call=CallRecord(call_id=RPC))
    assert_problem(await client.get(ONE, headers=bearer), 404, 32, f"Rpc with id [{RPC}] is not found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/rpc/persistent/abc"),
        ("DELETE", "/api/rpc/persistent/abc"),
        ("POST", "/api/rpc/persistent/abc/cancel"),
        ("GET", "/api/rpc/abc/explain"),
        ("GET", "/api/rpc/persistent/device/abc?pageSize=1&page=0"),
    ],
)
async def test_ids_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], method: str, path: str
) -> None:
    assert_problem(await client.request(method, path, headers=bearer), 400, 31, "Invalid UUID string: abc")
    assert core.asked == []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", ONE), ("GET", CANCEL), ("POST", EXPLAIN), ("POST", f"{LIST}?pageSize=1&page=0")]
)
async def test_wrong_verbs(client: httpx.AsyncClient, bearer: dict[str, str], method: str, path: str) -> None:
    response = await client.request(method, path, headers=bearer)
    assert_problem(response, 405, 31, f"Request method '{method}' is not supported")


ALL = [
    ("GET", ONE),
    ("DELETE", ONE),
    ("POST", CANCEL),
    ("GET", EXPLAIN),
    ("GET", LIST),
    ("GET", "/api/rpc/persistent/abc"),
]


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_system_administrators_may_not_whatever_they_ask(
    client: httpx.AsyncClient, core: RecordingCore, method: str, path: str
) -> None:
    headers = {"X-Authorization": f"Bearer {core.signer.sign(scopes=['SYS_ADMIN'])}"}
    response = await client.request(method, path, headers=headers)
    assert_problem(response, 403, 20, "You don't have permission to perform this operation!")
    assert core.asked == []


async def test_users_of_customers_may_all_but_delete(client: httpx.AsyncClient, core: RecordingCore) -> None:
    headers = {"X-Authorization": f"Bearer {core.signer.sign(scopes=['CUSTOMER_USER'], customerId=RPC)}"}
    for method, path in ALL[:-1]:
        response = await client.request(method, f"{path}?pageSize=1&page=0", headers=headers)
        assert response.status_code == (403 if method == "DELETE" else 200)
    assert DeleteCallRequest not in [type(asked) for asked in core.asked]


# --- waiting ---


@pytest.mark.parametrize(("wait_ms", "asked"), [("0", 0), ("30000", 30_000), ("99999999999", 300_000)])
async def test_waiting_for_the_end(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], wait_ms: str, asked: int
) -> None:
    assert (await client.get(f"{ONE}?waitMs={wait_ms}", headers=bearer)).status_code == 200
    assert core.asked == [GetCallRequest(call_id=RPC, wait_ms=asked)]


@pytest.mark.parametrize("wait_ms", ["-1", "soon", "", "1.5"])
async def test_waits_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], wait_ms: str
) -> None:
    response = await client.get(f"{ONE}?waitMs={wait_ms}", headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert "waitMs" in response.json()["message"]
    assert core.asked == []


@pytest.fixture
async def server(core: RecordingCore, settings: FacadeSettings) -> AsyncIterator[FacadeServer]:
    server = FacadeServer(settings)
    await server.start()
    yield server
    await server.drain()


async def test_who_waits_and_leaves_is_forgotten(
    core: RecordingCore, server: FacadeServer, bearer: dict[str, str]
) -> None:
    unanswered: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    core.answers[GetCallRequest] = unanswered
    head = f"GET {ONE}?waitMs=60000 HTTP/1.1\r\nHost: x\r\nX-Authorization: {bearer['X-Authorization']}\r\n\r\n"
    async with asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head.encode())
        while not core.asked:  # noqa: ASYNC110 - the double has no event for it
            await asyncio.sleep(0)
        writer.close()
        await asyncio.wait([unanswered])  # its request was cancelled
        await writer.wait_closed()
    assert unanswered.cancelled()


async def test_who_still_waits_when_the_facade_ends_is_told(
    core: RecordingCore, server: FacadeServer, bearer: dict[str, str]
) -> None:
    core.answers[GetCallRequest] = asyncio.get_running_loop().create_future()
    url = f"http://127.0.0.1:{server.port}{ONE}?waitMs=60000"
    async with asyncio.timeout(10), httpx.AsyncClient(headers=bearer) as client, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(client.get(url))
        while not core.asked:  # noqa: ASYNC110 - the double has no event for it
            await asyncio.sleep(0)
        await server.drain()
    assert_problem(waiting.result(), 503, 2, "The service cannot answer at the moment; try again")


# --- lists ---


async def test_a_page(client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]) -> None:
    answer = (await client.get(f"{LIST}?pageSize=10&page=0", headers=bearer)).json()
    assert (answer["totalPages"], answer["totalElements"], answer["hasNext"]) == (2, 11, True)
    assert [rpc["request"]["id"] for rpc in answer["data"]] == [RPC]
    assert core.asked == [ListCallsRequest(device_id=DEVICE, page=PageRequest(size=10))]


SORTABLE = {
    "createdTime": "create_time",
    "expirationTime": "expire_time",
    "status": "state",
    "request": "method",
    "response": "end_time",
    "id": "call_id",
    "deviceId": "create_time",
    "tenantId": "create_time",
}


async def test_sorting_searching_and_filtering(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    for sort_property in SORTABLE:
        query = f"pageSize=2147483647&page=2&textSearch=Ab&sortProperty={sort_property}&sortOrder=desc&rpcStatus=FAILED"
        assert (await client.get(f"{LIST}?{query}", headers=bearer)).status_code == 200
    assert core.asked == [
        ListCallsRequest(
            device_id=DEVICE,
            page=PageRequest(size=10_000, number=2, text_search="Ab", sort_by=sort_by, descending=True),
            states=[CallState.CALL_STATE_FAILED],
        )
        for sort_by in SORTABLE.values()
    ]


async def test_empty_arguments_count_as_absent(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str]
) -> None:
    query = "pageSize=1&page=0&rpcStatus=&textSearch=&sortProperty=&sortOrder=DESC"
    assert (await client.get(f"{LIST}?{query}", headers=bearer)).status_code == 200
    assert core.asked == [ListCallsRequest(device_id=DEVICE, page=PageRequest(size=1))]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("page=0", "Required request parameter 'pageSize' is not present"),
        ("pageSize=1", "Required request parameter 'page' is not present"),
        ("pageSize=0&page=0", "Incorrect page link page size '0'. Page size must be greater than zero."),
        ("pageSize=1&page=-1", "Incorrect page link page '-1'. Page must be positive integer."),
        ("pageSize=1&page=9999999999", "Incorrect page link page '9999999999'. There are not so many pages."),
        ("pageSize=1&page=0&sortProperty=a.b", "Invalid sort property"),
        ("pageSize=1&page=0&sortProperty=status&sortOrder=up", "Unsupported sort order 'up'! Only 'ASC' or 'DESC'"),
        ("pageSize=1&page=0&sortProperty=createdtime", "Invalid sort property 'createdtime'; it is one of createdTime"),
        ("pageSize=abc&page=0", "Invalid value of request parameter 'pageSize'"),
        ("pageSize=&page=0", "Invalid value of request parameter 'pageSize'"),
        ("pageSize=1&page=0&rpcStatus=DELETED", "Invalid value of request parameter 'rpcStatus': it is one of QUEUED"),
        ("pageSize=1&page=0&rpcStatus=queued", "Invalid value of request parameter 'rpcStatus': it is one of QUEUED"),
        ("pageSize=1&page=0&rpcStatus=FOO", "Invalid value of request parameter 'rpcStatus': it is one of QUEUED"),
    ],
)
async def test_pages_that_are_none(
    client: httpx.AsyncClient, core: RecordingCore, bearer: dict[str, str], query: str, message: str
) -> None:
    response = await client.get(f"{LIST}?{query}", headers=bearer)
    assert (response.status_code, response.json()["errorCode"]) == (400, 31)
    assert response.json()["message"].startswith(message)
    assert core.asked == []


@pytest.mark.parametrize(
    ("reason", "message", "status", "code"),
    [
        ("DEVICE_NOT_FOUND", "Device with requested id wasn't found!", 404, 32),
        ("PERMISSION_DENIED", "You don't have permission to perform this operation!", 403, 20),
    ],
)
async def test_somebody_elses_device(
    client: httpx.AsyncClient,
    core: RecordingCore,
    bearer: dict[str, str],
    reason: str,
    message: str,
    status: int,
    code: int,
) -> None:
    core.answers[ListCallsRequest] = TrunklineError(ErrorReason.Value(f"ERROR_REASON_{reason}"), message)
    assert_problem(await client.get(f"{LIST}?pageSize=1&page=0", headers=bearer), status, code, message)
