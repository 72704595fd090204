"""What surrounds every gRPC method: errors become statuses, ids reach the logs, no secret is taken in the clear.

Methods are wrapped once, when the server is built. gRPC's interceptors do the same anew for each call, which costs a
single call a third of its time.
"""

import inspect
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import grpc.aio
import structlog

from trunkline.contract.errors import TrunklineError
from trunkline.contract.logs import get_logger
from trunkline.contract.metadata import PART_SECRET, REQUEST_ID
from trunkline.contract.status import abort
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

LONGEST_REQUEST_ID: Final = 64

_SECURITY: Final = "transport_security_type"
"""What gRPC calls the kind of a connection in its authentication context."""

Context = grpc.aio.ServicerContext[Any, Any]
Behaviour = Callable[[Any, Context], Awaitable[Any]]
S = TypeVar("S")


def guard(servicer: S) -> S:
    """`servicer`, whose methods may now raise what they like.

    A TrunklineError ends the call with its own status, anything else with INTERNAL and a request id. A method that was
    sent the installation's secret where others could read it is not even called.
    """
    for name, _ in inspect.getmembers(type(servicer), inspect.iscoroutinefunction):
        if name.startswith("_"):
            continue  # what methods are made of
        setattr(servicer, name, _guarded(getattr(servicer, name), name))
    return servicer


def _guarded(behaviour: Behaviour, method: str) -> Behaviour:
    async def guarded(request: Any, context: Context) -> Any:
        request_id = ""
        try:
            metadata: Any = context.invocation_metadata()  # its stub leaves the keys' type open
            for key, value in metadata or ():
                if key == PART_SECRET:
                    _refuse_in_the_clear(context)
                elif key == REQUEST_ID and isinstance(value, str) and len(value) <= LONGEST_REQUEST_ID:
                    request_id = value
            if not request_id:
                return await behaviour(request, context)
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                return await behaviour(request, context)
        except TrunklineError as error:
            await abort(context, error)
        except grpc.aio.AbortError:
            raise  # the method ended itself
        except Exception:
            request_id = request_id or secrets.token_hex(8)
            log.exception("method_failed", method=method, request_id=request_id)
            await abort(
                context,
                TrunklineError(
                    ErrorReason.ERROR_REASON_INTERNAL,
                    f"Internal error; the server's log has the details under {request_id}",
                    request_id=request_id,
                ),
            )

    return guarded


def _refuse_in_the_clear(context: Context) -> None:
    """Raise UNAUTHENTICATED, whatever the secret, if others on the network could read this connection."""
    if not context.peer().startswith("unix:") and context.auth_context().get(_SECURITY) != [b"ssl"]:
        raise TrunklineError(
            ErrorReason.ERROR_REASON_UNAUTHENTICATED,
            "The installation's secret came unencrypted: it is taken on the core's Unix socket, and on its TCP "
            "port once tls_certificate and tls_key are set there",
        )
