"""How many calls may live at once: of a tenant, and of all together. A device's bounds are its machine's."""

from typing import Final

from trunkline.contract.errors import TrunklineError
from trunkline.core.calls.living import LivingCalls
from trunkline.v1.error_pb2 import ErrorReason

RETRY_AFTER_MS: Final = 1_000
"""What a caller is told that comes when there is no room, or no store."""

_TRY_AGAIN: Final = frozenset({ErrorReason.ERROR_REASON_QUEUE_FULL, ErrorReason.ERROR_REASON_STORE_UNAVAILABLE})


def retry_after_ms(reason: ErrorReason.ValueType) -> int:
    """When a caller that was refused for this reason may try again; 0: nothing is known of that."""
    return RETRY_AFTER_MS if reason in _TRY_AGAIN else 0


class Pending:
    """The bounds, and what they are about."""

    __slots__ = ("_living", "_max", "_max_per_tenant")

    def __init__(self, living: LivingCalls, *, max_per_tenant: int, max_pending: int) -> None:
        self._living = living
        self._max_per_tenant = max_per_tenant
        self._max = max_pending

    def check(self, tenant_id: bytes) -> None:
        """Raise QUEUE_FULL unless there is room for one more call of this tenant."""
        living = len(self._living)
        if living < self._max_per_tenant and living < self._max:
            return  # then no tenant alone has as many
        if living >= self._max:
            raise _full("Too many calls wait on this server")
        if self._living.of(tenant_id) >= self._max_per_tenant:
            raise _full("Too many calls of this tenant wait")


def _full(message: str) -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_QUEUE_FULL, message)
