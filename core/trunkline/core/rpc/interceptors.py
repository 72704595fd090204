"""What happens around every gRPC method: a request id in the logs, and errors as statuses."""

import inspect
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import structlog

from trunkline.contract.errors import TrunklineError
from trunkline.contract.metadata import REQUEST_ID
from trunkline.contract.status import abort
from trunkline.v1.error_pb2 import ErrorReason

log = structlog.get_logger(__name__)

Behaviour = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Awaitable[Any]]


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic only in its stub
    """Ends methods that raise: a TrunklineError with its own status, anything else with INTERNAL and a request id.

    Only coroutine methods are touched; the async generators of the reflection service raise nothing of ours.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any]"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """The method's handler with the errors of its coroutine translated."""
        handler: Any = await continuation(handler_call_details)
        for name in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            behaviour = getattr(handler, name, None)  # there is no handler for an unknown method
            if inspect.iscoroutinefunction(behaviour):
                handler = handler._replace(**{name: _translated(behaviour, handler_call_details.method)})
        checked: grpc.RpcMethodHandler[Any, Any] = handler
        return checked


def _translated(behaviour: Behaviour, method: str) -> Behaviour:
    async def translated(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        request_id = _request_id(context)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                return await behaviour(request, context)
            except TrunklineError as error:
                await abort(context, error)
            except grpc.aio.AbortError:
                raise  # the method ended itself
            except Exception:
                log.exception("method_failed", method=method)
                await abort(
                    context,
                    TrunklineError(
                        ErrorReason.ERROR_REASON_INTERNAL,
                        f"Internal error; the server's log has the details under {request_id}",
                        request_id=request_id,
                    ),
                )

    return translated


def _request_id(context: "grpc.aio.ServicerContext[Any, Any]") -> str:
    """The id that the caller gave this request, else a fresh one."""
    metadata: Any = context.invocation_metadata()  # its stub leaves the keys' type open
    for key, value in metadata or ():
        if key == REQUEST_ID and isinstance(value, str) and len(value) <= 64:
            return value
    return secrets.token_hex(8)
