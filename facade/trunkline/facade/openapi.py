"""The parts of the OpenAPI page that the framework cannot know: the RPC POSTs, which are no routes of its own, bodies
that are read by hand because their content type does not matter, and the header that carries the token."""

from typing import Any, Final

import msgspec

from trunkline.contract.metadata import CALL_ID_HEADER, CAUSE_HEADER
from trunkline.facade.rpc_answer import V1
from trunkline.facade.rpc_request import REDELIVERIES, STRATEGIES
from trunkline.facade.rpc_routes import KEY_HEADER, LONGEST_KEY, ROUTES, Route
from trunkline.facade.schemas.base import Body
from trunkline.facade.schemas.rpc import Cancellation, Explanation, Rpc, RpcEvent, RpcPage, Shown
from trunkline.v1.call_pb2 import CallKind

Schema = dict[str, Any]

EMPTY_ANSWER: Final[dict[int | str, Schema]] = {200: {"description": "Done; no body", "content": {}}}

_HEADERS: Final[Schema] = {
    CALL_ID_HEADER: {"schema": {"type": "string", "format": "uuid"}, "description": "The call's id"},
    CAUSE_HEADER: {"schema": {"type": "string"}, "description": "Why the call ended without an answer"},
}

_RPC_BODY: Final[Schema] = {
    "type": "object",
    "required": ["method"],
    "properties": {
        "method": {"type": "string", "examples": ["setGpio"]},
        "params": {"description": "Any JSON value; sent to the device as it is", "examples": [{"pin": 7, "value": 1}]},
        "timeout": {"type": "integer", "description": "Milliseconds; raised to the minimum, 5000 unless set otherwise"},
        "expirationTime": {"type": "integer", "description": "Unix milliseconds; goes before timeout"},
        "requestUUID": {
            "type": "string",
            "format": "uuid",
            "description": "Becomes the call's id; the same one again for the same device joins the same call",
        },
        "failFast": {"type": "boolean", "description": "Do not wait for a device that is offline"},
        "awaitDelivery": {"type": "boolean", "description": "One-way: wait until the device acknowledged"},
        "redelivery": {
            "enum": list(REDELIVERIES),
            "description": "Whether the device gets the call again when it subscribes anew; else as its profile says",
        },
        "persistent": {
            "type": "boolean",
            "description": "Store the call; the answer is its `rpcId`, what becomes of it is for later requests",
        },
        "retries": {
            "type": "integer",
            "description": "Persistent: how often it is sent again if the device does not acknowledge it",
        },
        "additionalInfo": {"description": "Persistent: any JSON value, which stays with the call"},
        "submitStrategy": {
            "enum": list(STRATEGIES),
            "description": "Persistent: when the device gets the calls behind this one; else as its profile says",
        },
    },
}


_SHOWN: Final = (Rpc, RpcPage, RpcEvent, Explanation, Cancellation)


def answer_of(schema: type[Shown]) -> dict[int | str, Schema]:
    """`responses` of a route that writes this answer by hand."""
    shown = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema.__name__}"}}}
    return {200: {"description": "As asked", "content": shown}}


def body_of(schema: type[Body]) -> Schema:
    """`openapi_extra` of a route that reads this body by hand."""
    described = schema.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": described}}}}


def complete(page: Schema) -> Schema:
    """Add to the framework's page what it does not know. Doing so twice is harmless."""
    schemas = page["components"]["schemas"]
    for path in page["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # bad parameters are answered 400
            for content in operation.get("requestBody", {"content": {}})["content"].values():
                for name, schema in content["schema"].pop("$defs", {}).items():
                    schemas.setdefault(name, schema)  # what a body refers to has its place with all others
    schemas |= msgspec.json.schema_components(_SHOWN, ref_template="#/components/schemas/{name}")[1]
    for path, route in ROUTES.items():
        page["paths"][f"{path}/{{deviceId}}"] = {"post": _rpc_post(path, route)}
    page["components"]["securitySchemes"] = {
        "token": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Authorization",
            "description": "`Bearer` and the `token` of /api/auth/login",
        }
    }
    page["security"] = [{"token": []}]
    return page


def _rpc_post(path: str, route: Route) -> Schema:
    one_way = route.kind == CallKind.CALL_KIND_ONE_WAY
    success: Schema = {
        "description": ("Handed to the transport; no body" if one_way else "The reply") + ". Persistent: the `rpcId`",
        "content": {"application/json": {"schema": {}}},
    }
    conflict = "The id or key belongs to a call with other content"
    if route.dialect is V1:
        failures = {
            "408": {"description": "Sent, no answer in time; no body"},
            "409": {"description": f"Never sent; no body. {conflict}: with one"},
        }
    else:
        failures = {
            "409": {"description": conflict},
            "504": {"description": "No answer in time, sent or not; no body"},
        }
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {
        "400": "The request is malformed",
        "401": "No token, or one that is no good",
        "403": "Not the caller's device",
        "404": "No such device",
        "406": "The device answered with something that is no JSON",
        "413": "The body is too large",
        "429": "Too many pending calls",
        "503": "The core cannot be reached, or the call cannot be stored",
    }
    responses = {"200": success, **failures}
    responses |= {status: {"description": text, "content": problem} for status, text in refusals.items()}
    for response in responses.values():
        response["headers"] = _HEADERS
    return {
        "tags": ["calls"],
        "summary": f"Call a device, {'one-way' if one_way else 'two-way'} ({route.dialect.name})",
        "operationId": path.removeprefix("/api/").replace("/", "_"),
        "parameters": [
            {"name": "deviceId", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
            {
                "name": KEY_HEADER.decode().title(),
                "in": "header",
                "description": "The same one again for the same device, with the same content, joins the same call",
                "schema": {"type": "string", "maxLength": LONGEST_KEY},
            },
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _RPC_BODY}}},
        "responses": responses,
    }
