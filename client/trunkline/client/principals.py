"""Numbers for the callers that a part speaks for: each caller is named to the core once and meant by number then."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from trunkline.contract.errors import TrunklineError
from trunkline.contract.streams.frames import BindPrincipal
from trunkline.v1.error_pb2 import ErrorReason

MAX_PRINCIPALS: Final = 10_000
"""As many callers as the core lets one stream have bound at once."""

_FREED_AT_ONCE: Final = 256
"""Finding out which numbers are in use costs a look at every unwritten call: then several are freed."""

_Key = tuple[bytes, bytes, int, bytes, bytes, int]


class PrincipalNumbers:
    """A bounded table, least recently used first; a number that an unwritten call means goes to nobody else."""

    def __init__(
        self,
        bind: Callable[[BindPrincipal], None],
        in_use: Callable[[], set[int]],
        *,
        max_principals: int = MAX_PRINCIPALS,
    ) -> None:
        """`bind` is told every new meaning of a number; `in_use` says which numbers unwritten calls mean."""
        self._bind = bind
        self._in_use = in_use
        self._max_principals = max_principals
        self._numbers: OrderedDict[_Key, int] = OrderedDict()
        self._free: list[int] = []

    def number(self, principal: BindPrincipal) -> int:
        """The caller's number, whatever number its frame has. Raises QUEUE_FULL if all are in use."""
        key = (
            principal.user_id,
            principal.token_session_id,
            principal.issued_unix_ms,
            principal.tenant_id,
            principal.customer_id,
            principal.role,
        )
        number = self._numbers.get(key)
        if number is not None:
            self._numbers.move_to_end(key)
            return number
        number = self._fresh()
        self._numbers[key] = number
        self._bind(msgspec.structs.replace(principal, principal=number))
        return number

    def _fresh(self) -> int:
        if len(self._numbers) < self._max_principals and not self._free:
            return len(self._numbers) + 1
        if not self._free:
            self._free_some()
        return self._free.pop()

    def _free_some(self) -> None:
        in_use = self._in_use()
        idle = (key for key, number in self._numbers.items() if number not in in_use)
        for key in [key for key, _ in zip(idle, range(_FREED_AT_ONCE), strict=False)]:
            self._free.append(self._numbers.pop(key))
        if not self._free:
            raise TrunklineError(
                ErrorReason.ERROR_REASON_QUEUE_FULL, f"More than {self._max_principals} callers have calls waiting"
            )
