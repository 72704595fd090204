"""The one error table: what each reason means on gRPC, on HTTP and at ThingsBoard's REST API, and the error to raise.

Nobody else writes a status code: the core's interceptor and the facade's exception handler both read this table.
ThingsBoard's error codes (2 general … 35 version conflict) are those its REST clients look at.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from grpc import StatusCode

from trunkline.v1.error_pb2 import Cause, ErrorReason

DOMAIN: Final = "trunkline"
"""The `domain` of every google.rpc.ErrorInfo."""


class Row(NamedTuple):
    """What one reason means to each kind of client."""

    grpc: StatusCode
    http: HTTPStatus
    thingsboard_code: int
    retryable: bool


_S = StatusCode
_H = HTTPStatus

TABLE: Final[Mapping[ErrorReason.ValueType, Row]] = {
    ErrorReason.ERROR_REASON_INTERNAL: Row(_S.INTERNAL, _H.INTERNAL_SERVER_ERROR, 2, False),
    ErrorReason.ERROR_REASON_INVALID_ARGUMENT: Row(_S.INVALID_ARGUMENT, _H.BAD_REQUEST, 31, False),
    ErrorReason.ERROR_REASON_NOT_SUPPORTED: Row(_S.UNIMPLEMENTED, _H.BAD_REQUEST, 31, False),
    ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE: Row(_S.INVALID_ARGUMENT, _H.REQUEST_ENTITY_TOO_LARGE, 31, False),
    ErrorReason.ERROR_REASON_UNAUTHENTICATED: Row(_S.UNAUTHENTICATED, _H.UNAUTHORIZED, 10, False),
    ErrorReason.ERROR_REASON_TOKEN_EXPIRED: Row(_S.UNAUTHENTICATED, _H.UNAUTHORIZED, 11, False),
    ErrorReason.ERROR_REASON_ACCOUNT_DISABLED: Row(_S.UNAUTHENTICATED, _H.UNAUTHORIZED, 10, False),
    ErrorReason.ERROR_REASON_PERMISSION_DENIED: Row(_S.PERMISSION_DENIED, _H.FORBIDDEN, 20, False),
    ErrorReason.ERROR_REASON_NOT_FOUND: Row(_S.NOT_FOUND, _H.NOT_FOUND, 32, False),
    ErrorReason.ERROR_REASON_DEVICE_NOT_FOUND: Row(_S.NOT_FOUND, _H.NOT_FOUND, 32, False),
    ErrorReason.ERROR_REASON_CALL_NOT_FOUND: Row(_S.NOT_FOUND, _H.NOT_FOUND, 32, False),
    ErrorReason.ERROR_REASON_ALREADY_EXISTS: Row(_S.ALREADY_EXISTS, _H.BAD_REQUEST, 31, False),
    ErrorReason.ERROR_REASON_VERSION_CONFLICT: Row(_S.ABORTED, _H.CONFLICT, 35, True),
    ErrorReason.ERROR_REASON_CALL_CONFLICT: Row(_S.ALREADY_EXISTS, _H.CONFLICT, 35, False),
    ErrorReason.ERROR_REASON_QUEUE_FULL: Row(_S.RESOURCE_EXHAUSTED, _H.TOO_MANY_REQUESTS, 33, True),
    ErrorReason.ERROR_REASON_RATE_LIMITED: Row(_S.RESOURCE_EXHAUSTED, _H.TOO_MANY_REQUESTS, 33, True),
    ErrorReason.ERROR_REASON_DEVICE_OFFLINE: Row(_S.UNAVAILABLE, _H.GATEWAY_TIMEOUT, 2, True),
    ErrorReason.ERROR_REASON_CALL_EXPIRED: Row(_S.DEADLINE_EXCEEDED, _H.GATEWAY_TIMEOUT, 2, True),
    ErrorReason.ERROR_REASON_CALL_CANCELLED: Row(_S.CANCELLED, _H.GATEWAY_TIMEOUT, 2, False),
    ErrorReason.ERROR_REASON_DEVICE_DELETED: Row(_S.NOT_FOUND, _H.NOT_FOUND, 32, False),
    ErrorReason.ERROR_REASON_DEVICE_TRANSPORT_ERROR: Row(_S.FAILED_PRECONDITION, _H.NOT_ACCEPTABLE, 31, False),
    ErrorReason.ERROR_REASON_OUTCOME_UNKNOWN: Row(_S.UNAVAILABLE, _H.GATEWAY_TIMEOUT, 2, False),
    ErrorReason.ERROR_REASON_CORE_UNAVAILABLE: Row(_S.UNAVAILABLE, _H.SERVICE_UNAVAILABLE, 2, True),
    ErrorReason.ERROR_REASON_STORE_UNAVAILABLE: Row(_S.UNAVAILABLE, _H.SERVICE_UNAVAILABLE, 2, True),
    ErrorReason.ERROR_REASON_LINK_SUPERSEDED: Row(_S.ABORTED, _H.CONFLICT, 2, False),
    ErrorReason.ERROR_REASON_SESSION_SUPERSEDED: Row(_S.ABORTED, _H.CONFLICT, 2, True),
    ErrorReason.ERROR_REASON_CREDENTIALS_CHANGED: Row(_S.ABORTED, _H.CONFLICT, 2, False),
    ErrorReason.ERROR_REASON_BAD_CREDENTIALS: Row(_S.UNAUTHENTICATED, _H.UNAUTHORIZED, 10, False),
    ErrorReason.ERROR_REASON_SESSION_UNKNOWN: Row(_S.NOT_FOUND, _H.NOT_FOUND, 32, True),
    ErrorReason.ERROR_REASON_STREAM_OVERRUN: Row(_S.RESOURCE_EXHAUSTED, _H.TOO_MANY_REQUESTS, 33, True),
    ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION: Row(_S.INVALID_ARGUMENT, _H.BAD_REQUEST, 31, False),
    ErrorReason.ERROR_REASON_DELIVERY_TIMEOUT: Row(_S.DEADLINE_EXCEEDED, _H.GATEWAY_TIMEOUT, 2, True),
}


class TrunklineError(Exception):
    """An error with a reason from the table; every layer turns it into its own protocol's form.

    `message` is for people: what, which id, what to do, and no internals. What varies in it is also in `metadata`.
    """

    def __init__(self, reason: ErrorReason.ValueType, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: dict[str, str] = metadata

    @property
    def row(self) -> Row:
        """The reason's row of the table."""
        return TABLE[self.reason]


def reason_name(reason: ErrorReason.ValueType) -> str:
    """The reason as ErrorInfo and logs write it: `DEVICE_OFFLINE`."""
    return ErrorReason.Name(reason).removeprefix("ERROR_REASON_")


def reason_of(name: str) -> ErrorReason.ValueType:
    """The reason that `reason_name` wrote so; INTERNAL for one this version does not know."""
    try:
        return ErrorReason.Value(f"ERROR_REASON_{name}")
    except ValueError:
        return ErrorReason.ERROR_REASON_INTERNAL


def cause_name(cause: Cause.ValueType) -> str:
    """The cause as headers, metadata and logs write it: `NO_REPLY`; empty for none."""
    return Cause.Name(cause).removeprefix("CAUSE_") if cause else ""
