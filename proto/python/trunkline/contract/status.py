"""A TrunklineError as a gRPC status with one google.rpc.ErrorInfo, and back: both directions in one place."""

from typing import Any, Final

import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from trunkline.contract.errors import DOMAIN, TABLE, TrunklineError, reason_name, reason_of
from trunkline.v1.error_pb2 import ErrorReason

_DETAILS_KEY = "grpc-status-details-bin"

MOST_MESSAGE_BYTES: Final = 1200
MOST_VALUE_BYTES: Final = 400
"""Of UTF-8. Errors repeat what callers said, and gRPC throws away a status beyond 8 KiB, in which every byte of the
message may become three and stands a second time among the details."""

# What a status without our ErrorInfo means: it came from gRPC itself or from a proxy on the way.
_BARE: dict[StatusCode, ErrorReason.ValueType] = {
    StatusCode.UNAVAILABLE: ErrorReason.ERROR_REASON_CORE_UNAVAILABLE,
    StatusCode.DEADLINE_EXCEEDED: ErrorReason.ERROR_REASON_CALL_EXPIRED,
    StatusCode.CANCELLED: ErrorReason.ERROR_REASON_CALL_CANCELLED,
    StatusCode.UNAUTHENTICATED: ErrorReason.ERROR_REASON_UNAUTHENTICATED,
    StatusCode.PERMISSION_DENIED: ErrorReason.ERROR_REASON_PERMISSION_DENIED,
    StatusCode.NOT_FOUND: ErrorReason.ERROR_REASON_NOT_FOUND,
    StatusCode.UNIMPLEMENTED: ErrorReason.ERROR_REASON_NOT_SUPPORTED,
    StatusCode.INVALID_ARGUMENT: ErrorReason.ERROR_REASON_INVALID_ARGUMENT,
    StatusCode.RESOURCE_EXHAUSTED: ErrorReason.ERROR_REASON_PAYLOAD_TOO_LARGE,
}


async def abort(context: "grpc.aio.ServicerContext[Any, Any]", error: TrunklineError) -> None:
    """End the RPC with the error's status; raises, as `context.abort` does."""
    row = TABLE[error.reason]
    message = _clipped(error.message, MOST_MESSAGE_BYTES)
    metadata = {name: _clipped(value, MOST_VALUE_BYTES) for name, value in error.metadata.items()}
    status = status_pb2.Status(code=row.grpc.value[0], message=message)
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(reason=reason_name(error.reason), domain=DOMAIN, metadata=metadata)
    )
    await context.abort(row.grpc, message, ((_DETAILS_KEY, status.SerializeToString()),))


def error_of(rpc_error: grpc.aio.AioRpcError) -> TrunklineError:
    """The error behind a failed RPC; one made from the bare status code if it carries no ErrorInfo of ours."""
    for detail in _details(rpc_error):
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return TrunklineError(reason_of(info.reason), rpc_error.details() or "", **dict(info.metadata))
    reason = _BARE.get(rpc_error.code(), ErrorReason.ERROR_REASON_INTERNAL)
    return TrunklineError(reason, rpc_error.details() or rpc_error.code().name)


def _clipped(text: str, most_bytes: int) -> str:
    if len(text) * 4 <= most_bytes or len(encoded := text.encode()) <= most_bytes:
        return text
    return encoded[:most_bytes].decode(errors="ignore") + "…"


def _details(rpc_error: grpc.aio.AioRpcError) -> list[Any]:
    trailing: Any = rpc_error.trailing_metadata()  # its stub types the pairs too narrowly
    for key, value in trailing or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            return list(status_pb2.Status.FromString(value).details)
    return []
