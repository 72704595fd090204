"""Gates before paths that some roles may not use at all; who may do what with which entity is for the core to say."""

from trunkline.contract.errors import TrunklineError
from trunkline.facade.authentication import Caller
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role


def require_role(caller: Caller, role: Role.ValueType) -> None:
    """Raise TrunklineError (PERMISSION_DENIED) unless the caller has the role."""
    if caller.principal.role != role:
        reason = ErrorReason.ERROR_REASON_PERMISSION_DENIED
        raise TrunklineError(reason, "You don't have permission to perform this operation!")
