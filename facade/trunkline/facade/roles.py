"""Gates before paths that some roles may not use at all; who may do what with which entity is for the core to say."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from trunkline.contract.errors import TrunklineError
from trunkline.facade.authentication import Authenticator, Caller
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


def require_role(caller: Caller, *roles: Role.ValueType) -> None:
    """Raise TrunklineError (PERMISSION_DENIED) unless the caller has one of the roles."""
    if caller.principal.role not in roles:
        reason = ErrorReason.ERROR_REASON_PERMISSION_DENIED
        raise TrunklineError(reason, "You don't have permission to perform this operation!")


def caller_of_devices(authenticator: Authenticator) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency of routes about calls: who is calling; system administrators are refused whatever they ask for."""

    async def caller(request: Request) -> Caller:
        caller = await authenticator.of_request(request)
        require_role(caller, Role.ROLE_TENANT_ADMIN, Role.ROLE_CUSTOMER_USER)
        return caller

    return caller
