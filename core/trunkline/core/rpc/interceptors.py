"""What happens around every gRPC method: a request id in the logs, errors as statuses, and care for the secret."""

import inspect
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc.aio
import structlog

from trunkline.contract.errors import TrunklineError
from trunkline.contract.metadata import PART_SECRET, REQUEST_ID
from trunkline.contract.status import abort
from trunkline.v1.error_pb2 import ErrorReason

log = structlog.get_logger(__name__)

_SECURITY: Final = "transport_security_type"
"""What gRPC calls the kind of a connection in its authentication context."""

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
        handler = await continuation(handler_call_details)
        return _around(handler, lambda behaviour: _translated(behaviour, handler_call_details.method))


class SecretInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic only in its stub
    """Refuses the installation's secret, right or wrong, where others on the network could read it."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[Any, Any]"]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """The method's handler, which raises UNAUTHENTICATED if the secret came along in the clear."""
        handler = await continuation(handler_call_details)
        metadata: Any = handler_call_details.invocation_metadata  # its stub leaves the keys' type open
        if any(key == PART_SECRET for key, _ in metadata or ()):
            return _around(handler, _unless_in_the_clear)
        return handler


def _around(handler: Any, change: Callable[[Behaviour], Behaviour]) -> "grpc.RpcMethodHandler[Any, Any]":
    for name in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
        behaviour = getattr(handler, name, None)  # there is no handler for an unknown method
        if inspect.iscoroutinefunction(behaviour):
            handler = handler._replace(**{name: change(behaviour)})
    changed: grpc.RpcMethodHandler[Any, Any] = handler
    return changed


def _unless_in_the_clear(behaviour: Behaviour) -> Behaviour:
    async def guarded(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        if not context.peer().startswith("unix:") and context.auth_context().get(_SECURITY) != [b"ssl"]:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED,
                "The installation's secret came unencrypted: it is taken on the core's Unix socket, and on its TCP "
                "port once tls_certificate and tls_key are set there",
            )
        return await behaviour(request, context)

    return guarded


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
