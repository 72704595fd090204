"""The parts of the OpenAPI page that the framework cannot know: the RPC POSTs, which are no routes of its own, bodies
that are read by hand because their content type does not matter, and the header that carries the token."""

from typing import Any, Final

from trunkline.contract.metadata import CALL_ID_HEADER, CAUSE_HEADER
from trunkline.facade.rpc_answer import V1
from trunkline.facade.rpc_routes import ROUTES, Route
from trunkline.facade.schemas.base import Body
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
        "requestUUID": {"type": "string", "format": "uuid", "description": "Becomes the call's id"},
        "failFast": {"type": "boolean", "description": "Do not wait for a device that is offline"},
        "awaitDelivery": {"type": "boolean", "description": "One-way: wait until the device acknowledged"},
        "persistent": {"type": "boolean", "description": "Not available in this version"},
    },
}


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
    success: Schema = {"description": "Handed to the transport; no body" if one_way else "The device's reply"}
    if not one_way:
        success["content"] = {"application/json": {"schema": {}}}
    if route.dialect is V1:
        failures = {
            "408": {"description": "Sent, no answer in time; no body"},
            "409": {"description": "Never sent; no body"},
        }
    else:
        failures = {"504": {"description": "No answer in time, sent or not; no body"}}
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {
        "400": "The request is malformed",
        "401": "No token, or one that is no good",
        "403": "Not the caller's device",
        "404": "No such device",
        "406": "The device answered with something that is no JSON",
        "413": "The body is too large",
        "429": "Too many pending calls",
        "503": "The core cannot be reached",
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
            {"name": "deviceId", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _RPC_BODY}}},
        "responses": responses,
    }
