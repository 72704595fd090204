"""What a request becomes that was let in: a call with its deadline, and with what its device and the server add."""

from collections.abc import Iterator
from itertools import count
from typing import Final

from trunkline.contract.clock import Clock
from trunkline.contract.ids import new_ids
from trunkline.contract.streams.frames import DeliveryPolicy, StartCall
from trunkline.core.calls.model import REDELIVERY, STRATEGY, Call, Keeping, Redelivery, Strategy
from trunkline.core.clock import unix_ms
from trunkline.core.devices.model import DeviceEntry

ORDINAL_BITS: Final = 40
"""An ordinal is the start number and so many bits of a counter: it grows over restarts without a look at the store."""

LATEST_UNIX_MS: Final = 253_402_300_799_999
"""The end of the year 9999: no later time can be written as a date."""


class NewCalls:
    """Makes calls. Lightweight ones wait for `max_timeout_ms` at most; stored ones as long as they like."""

    def __init__(
        self,
        *,
        clock: Clock,
        start_number: int,
        max_timeout_ms: int,
        max_retries: int,
        strategy: Strategy,
    ) -> None:
        """`max_retries` and `strategy` are what the server says of stored calls."""
        self._clock = clock
        self._max_timeout_ms = max_timeout_ms
        self._max_retries = max_retries
        self._strategy = strategy
        self._ordinals = count((start_number << ORDINAL_BITS) + 1)
        self.ids: Iterator[bytes] = new_ids()

    def lightweight(self, start: StartCall, params: bytes, device: DeviceEntry, owner: object) -> Call:
        """A call that lives in memory."""
        now = self._clock()
        deadline = start.deadline_ms
        if start.expire_unix_ms is not None:
            deadline = now + start.expire_unix_ms - unix_ms()
        return Call(
            call_id=start.call_id or next(self.ids),
            device_id=device.device_id,
            tenant_id=device.tenant_id,
            kind=start.kind,
            method=start.method,
            params=params,
            deadline_ms=min(deadline, now + self._max_timeout_ms),
            fail_fast=start.fail_fast,
            await_delivery=start.await_delivery,
            redelivery=device.redelivery if start.policy is None else _redelivery(start.policy, device),
            owner=owner,
        )

    def stored(
        self, start: StartCall, params: bytes, additional_info: bytes, device: DeviceEntry, owner: object
    ) -> Call:
        """A call that is to be kept; the wall clock says when it expires, over restarts too."""
        now, wall = self._clock(), unix_ms()
        expire = start.expire_unix_ms
        if expire is None:
            expire = wall + start.deadline_ms - now
        expire = max(0, min(expire, LATEST_UNIX_MS))
        policy, retries = start.policy, start.retries
        strategy = STRATEGY.get(policy.strategy) if policy is not None else None
        keeping = Keeping(
            ordinal=next(self._ordinals),
            create_unix_ms=wall,
            expire_unix_ms=expire,
            strategy=strategy or device.strategy or self._strategy,
            max_retries=self._max_retries if retries is None else min(retries, self._max_retries),
            body_bytes=len(start.method.encode()) + len(params),
            retries_asked=retries,
            additional_info=additional_info,
            idempotency_key=start.idempotency_key,
        )
        return Call(
            call_id=start.call_id or next(self.ids),
            device_id=device.device_id,
            tenant_id=device.tenant_id,
            kind=start.kind,
            method=start.method,
            params=params,
            deadline_ms=now + expire - wall,
            redelivery=device.redelivery if policy is None else _redelivery(policy, device),
            owner=owner,
            keeping=keeping,
        )


def _redelivery(policy: DeliveryPolicy, device: DeviceEntry) -> Redelivery:
    """The call's own, unless it leaves that to the device's profile."""
    return REDELIVERY[policy.redelivery] if policy.redelivery else device.redelivery
