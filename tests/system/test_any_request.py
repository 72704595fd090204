"""Whatever is asked of whichever route or method: the answer is one of ours, and tells nothing that it should not."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import grpc
import httpx
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from system.rest_caller import rest_caller
from system.runners import ROOT, Served, serve

from trunkline.v1 import device_service_pb2, identity_service_pb2, rpc_service_pb2

Json = dict[str, Any]

SECRET: Final = "s3cr3t-kNw8"
"""In whatever is a secret: nothing says it, no log has it."""

UNKNOWN: Final = "11111111-1111-1111-1111-111111111111"
INTERNALS: Final = (
    "Traceback",
    "sqlalchemy",
    "sqlite",
    "asyncio",
    '.py"',
    "SELECT ",
    "INSERT ",
    "0x7f",
    str(ROOT),
    "grpc",
)

ODD: Final = (
    "",
    " ",
    "null",
    "abc",
    "0",
    "-1",
    "1.5",
    "9" * 400,
    "2147483648",
    "true",
    "%",
    "_",
    "\\",
    "'",
    '"',
    "../..",
    "a/b",
    "a;b",
    "{}",
    "[" * 2000,
    "\x00",
    "\x7f\r\n",
    "🙂",
    "ǅ",
    "x" * 300,
    "x" * 5000,
    "ǆ" * 1000,
    UNKNOWN,
    "13814000-1dd2-11b2-8080-808080808080",
    "1-2-3-4-5",
    "TENANT_ADMIN",
    "MQTT",
    "a@b.c",
)
GOOD: Final = {
    "pageSize": "10",
    "page": "0",
    "sortProperty": "name",
    "sortOrder": "DESC",
    "active": "true",
    "transportType": "MQTT",
    "nameConflictPolicy": "UNIQUIFY",
    "uniquifyStrategy": "INCREMENTAL",
    "sendActivationMail": "false",
    "rpcStatus": "EXPIRED",
    "waitMs": "10",
    "snapshot": "true",
}

odd_text = st.one_of(st.sampled_from(ODD), st.text(max_size=40))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), odd_text)
odd_json = st.one_of(
    scalars,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
)
HEADERS: Final = (
    "Accept Accept-Encoding Authorization Content-Encoding Content-Type Cookie Idempotency-Key If-Match Last-Event-ID "
    "Origin Range X-Forwarded-For X-Forwarded-Proto X-Http-Method-Override"
).split()
odd_headers = st.dictionaries(
    st.sampled_from(HEADERS),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60).map(str.strip),
    max_size=3,
)


SLOW: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


@dataclass
class Target:
    """A server, and what is there to be asked for."""

    served: Served
    callers: Mapping[str, httpx.Client]
    ids: tuple[str, ...]
    bodies: Mapping[str, Json]
    """By path: something that is taken, if nothing in it is changed."""


@pytest.fixture(scope="module", params=["one", pytest.param("parts", marks=pytest.mark.long)])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with (
        serve(request.param, tmp_path_factory.mktemp("data")) as served,
        rest_caller(served.rest, "sysadmin@thingsboard.org", "sysadmin") as sys_admin,
        rest_caller(served.rest) as admin,
        rest_caller(served.rest, "customer@thingsboard.org", "customer") as customer_user,
        httpx.Client(base_url=served.rest, trust_env=False) as nobody,
    ):
        device = admin.http.post(f"/api/device?accessToken={SECRET}", json={"name": "Odd", "type": "odd"}).json()
        device_id, profile_id = device["id"]["id"], device["deviceProfileId"]["id"]
        credentials = admin.http.get(f"/api/device/{device_id}/credentials").json()
        profile = admin.http.get(f"/api/deviceProfile/{profile_id}").json()
        customer = admin.http.post("/api/customer", json={"title": "Odd"}).json()
        person = {"email": "odd@example.org", "authority": "CUSTOMER_USER", "customerId": customer["id"]}
        user = admin.http.post("/api/user?sendActivationMail=false", json=person).json()
        tenant = sys_admin.http.post("/api/tenant", json={"title": "Odd"}).json()
        over = {"method": "odd", "params": SECRET, "persistent": True, "expirationTime": 1}  # nobody waits for its end
        call_id = admin.oneway(device_id, over).json()["rpcId"]
        yield Target(
            served,
            {"sysadmin": sys_admin.http, "admin": admin.http, "user": customer_user.http, "nobody": nobody},
            (*(thing["id"]["id"] for thing in (device, profile, customer, user, tenant)), call_id),
            {
                "/api/auth/login": {"username": "tenant@thingsboard.org", "password": SECRET},
                "/api/auth/login/public": {"publicId": customer["id"]["id"]},
                "/api/auth/token": {"refreshToken": SECRET},
                "/api/auth/changePassword": {"currentPassword": SECRET, "newPassword": SECRET},
                "/api/noauth/activate": {"activateToken": "a token", "password": SECRET},
                "/api/device": device,
                "/api/device-with-credentials": {"device": device, "credentials": credentials},
                "/api/device/credentials": credentials,
                "/api/deviceProfile": profile,
                "/api/customer": customer,
                "/api/user": user,
                "/api/tenant": tenant,
            },
        )
        assert not [line for line in served.output if SECRET in line]
        assert not [line for line in served.output if "[error" in line or "[critical" in line or "Traceback" in line]


@pytest.mark.parametrize("examples", [300, pytest.param(5_000, marks=pytest.mark.long)])
def test_any_request_over_rest(target: Target, examples: int) -> None:
    page = target.callers["nobody"].get("/openapi.json").json()
    operations = [
        (method.upper(), path, tuple((one["name"], one["in"]) for one in operation.get("parameters", [])))
        for path, methods in page["paths"].items()
        for method, operation in methods.items()
    ]

    @settings(max_examples=examples, deadline=None, suppress_health_check=SLOW)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        method, template, parameters = data.draw(st.sampled_from(operations), "operation")
        asked = data.draw(st.sampled_from([method] * 6 + ["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "ODD"]), "method")
        who = data.draw(st.sampled_from(list(target.callers)), "caller") if template != "/api/auth/logout" else "nobody"
        is_call = "way/" in template  # one that is taken takes long
        ids = st.one_of(odd_text.filter(bool), st.sampled_from(ODD[-6:] if is_call else target.ids))
        path, query = template, {}
        for name, place in parameters:
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(data.draw(ids, name), safe=""))
            elif data.draw(st.integers(0, 5), f"has {name}"):
                usual = GOOD.get(name, "Odd" if "Name" in name else target.ids[0])
                query[name] = data.draw(st.one_of(st.just(usual), odd_text), name)
        body = data.draw(_body(target.bodies.get(template, {"method": "m"})), "body") if asked != "GET" else b""
        headers = data.draw(odd_headers, "headers")
        with target.callers[who].stream(
            asked,
            path,
            params=query,
            content=body,
            headers={name.encode(): text.encode("latin-1") for name, text in headers.items()},
        ) as answer:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                return  # it does not end
            answer.read()
            _check(answer, asked)

    ask()


def _body(good: Json) -> st.SearchStrategy[bytes]:
    """Mostly what is good, but for a member or two."""
    changes = st.dictionaries(st.sampled_from([*good, "odd"]), odd_json, max_size=2)
    changed = changes.map(lambda new: json.dumps(good | new).encode())
    new = changes.map(lambda new: json.dumps({**good, "id": None, "name": "x", **new}).encode())
    return st.one_of(changed, new, odd_json.map(lambda value: json.dumps(value).encode()), st.binary(max_size=60))


def _check(answer: httpx.Response, method: str) -> None:
    assert answer.status_code < 500, answer.text
    assert not [word for word in INTERNALS if word in answer.text]
    if answer.status_code >= 400 and method != "HEAD":
        problem = answer.json()
        assert problem.keys() == {"status", "message", "errorCode", "timestamp"}
        assert (problem["status"], type(problem["errorCode"])) == (answer.status_code, int)
        assert problem["message"] and SECRET not in answer.text


LARGE: Final = tuple(
    shape % value
    for value in (b"1" * 5000, b"[" * 300 + b"]" * 300, b"1e400", b'"\\ud800"', b"1" * 1000)
    for shape in (b"%b", b'{"a":%b}')
)
"""JSON at or beyond what others can read."""

METHODS: Final = tuple(
    (service.full_name, method)
    for service in (
        device_service_pb2.DESCRIPTOR.services_by_name["DeviceService"],
        identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],
        rpc_service_pb2.DESCRIPTOR.services_by_name["RpcService"],
    )
    for method in service.methods
    if method.name not in ("Logout", "WatchPresence", "WatchCalls", "Call", "CallStream")
)
"""All but the one that would end it, and those that do not end, or only after a call's time."""

OURS: Final = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
"""Codes for what is our fault."""


@pytest.mark.parametrize("examples", [300, pytest.param(5_000, marks=pytest.mark.long)])
def test_any_request_over_grpc(target: Target, examples: int) -> None:
    with grpc.insecure_channel(target.served.grpc) as channel:

        @settings(max_examples=examples, deadline=None, suppress_health_check=SLOW)
        @given(st.data())
        def ask(data: st.DataObject) -> None:
            service, method = data.draw(st.sampled_from(METHODS), "method")
            request = data.draw(_message(method.input_type, target.ids), "request")
            who = data.draw(st.sampled_from(list(target.callers)), "caller")
            token = str(target.callers[who].headers.get("X-Authorization", "Bearer odd"))
            call: Callable[..., bytes] = channel.unary_unary(
                f"/{service}/{method.name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=bytes,
            )
            try:
                call(request, timeout=30, metadata=(("authorization", token),))
            except grpc.RpcError as error:
                assert isinstance(error, grpc.Call)
                assert error.code() not in OURS, error.details()
                assert not [word for word in INTERNALS if word in (error.details() or "")]

        ask()
        answer = target.callers["admin"].get("/api/tenant/deviceInfos?pageSize=10000&page=0")
        assert answer.status_code == 200, answer.text  # whatever was let in can be shown
        assert target.callers["admin"].get("/api/deviceProfiles?pageSize=10000&page=0").status_code == 200
        assert target.callers["admin"].get("/api/customers?pageSize=10000&page=0").status_code == 200


def _message(descriptor: Descriptor, ids: tuple[str, ...]) -> st.SearchStrategy[Message]:
    """Any message of a type, some of its fields set."""
    fields = {field.name: _field(field, ids) for field in descriptor.fields}
    oneofs = {field.name: field.containing_oneof.name for field in descriptor.fields if field.containing_oneof}

    def build(values: dict[str, Any]) -> Message:
        taken: set[str] = set()
        kept = {}
        for name, value in values.items():
            if oneofs.get(name) not in taken:
                kept[name] = value
                taken |= {oneofs[name]} if name in oneofs else set()
        return GetMessageClass(descriptor)(**kept)

    return st.fixed_dictionaries({}, optional=fields).map(build)


def _field(field: FieldDescriptor, ids: tuple[str, ...]) -> st.SearchStrategy[Any]:
    one: st.SearchStrategy[Any]
    kind = FieldDescriptor
    match field.type:
        case kind.TYPE_MESSAGE:
            assert field.message_type is not None
            one = _message(field.message_type, ids)
        case kind.TYPE_STRING:
            one = st.one_of(odd_text, st.sampled_from(ids))
        case kind.TYPE_BYTES:
            one = st.one_of(
                st.sampled_from(LARGE), st.binary(max_size=20), odd_json.map(lambda value: json.dumps(value).encode())
            )
        case kind.TYPE_BOOL:
            one = st.booleans()
        case kind.TYPE_ENUM:
            one = st.one_of(st.integers(0, 4), st.integers(-(2**31), 2**31 - 1))
        case kind.TYPE_UINT32:
            one = st.one_of(st.integers(0, 20), st.integers(0, 2**32 - 1))
        case kind.TYPE_UINT64:
            one = st.integers(0, 2**64 - 1)
        case kind.TYPE_INT32:
            one = st.integers(-(2**31), 2**31 - 1)
        case _:
            one = st.integers(-(2**63), 2**63 - 1)
    return st.lists(one, max_size=3) if field.is_repeated else one
