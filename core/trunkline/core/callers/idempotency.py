"""Idempotency keys: which call of a device bears one, so that the same request again joins it or gets its answer.

A key means something within its device alone. That of a stored call is remembered here while the call lives, and by its
row for as long as that is kept; that of a lightweight call for some minutes after its end.
"""

from collections import OrderedDict
from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from trunkline.contract.clock import Clock
from trunkline.core.calls.model import Call, Complete
from trunkline.v1.error_pb2 import Cause

KEEP_MS: Final = 300_000
MOST_ENDED: Final = 10_000
MOST_BYTES: Final = 16 * 1024 * 1024
"""How long an ended lightweight call's answer is remembered; of each tenant so many, with replies of so many bytes."""

Key: TypeAlias = tuple[bytes, bytes, str]
"""Tenant, device, and what the caller said."""


class Bearer(msgspec.Struct):
    """The call that bears a key."""

    call: Call
    fingerprint: bytes
    """Of its content; empty: not known, the store has it."""
    done: Complete | None = None
    """Of an ended lightweight call, which `call` then has the id of and nothing else."""
    until_ms: int = 0
    """When that is forgotten."""


class _Ended(msgspec.Struct):
    """A tenant's ended calls, oldest first."""

    bearers: OrderedDict[Key, Bearer] = msgspec.field(default_factory=OrderedDict)
    bytes: int = 0


class IdempotencyKeys:
    """All keys that this start of the core knows."""

    def __init__(
        self,
        clock: Clock,
        *,
        keep_ms: int = KEEP_MS,
        most_ended: int = MOST_ENDED,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._clock = clock
        self._keep_ms = keep_ms
        self._most_ended = most_ended
        self._most_bytes = most_bytes
        self._living: dict[Key, Bearer] = {}
        self._ended: OrderedDict[bytes, _Ended] = OrderedDict()
        """By tenant; the one that was not looked through for the longest time comes first."""

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._living) + sum(len(ended.bearers) for ended in self._ended.values())

    def find(self, key: Key) -> Bearer | None:
        """The call that bears the key, unless only the store knows."""
        living = self._living.get(key)
        if living is not None:
            return living
        ended = self._ended.get(key[0])
        if ended is None:
            return None
        self._forget_old(ended)
        return ended.bearers.get(key)

    def claim(self, key: Key, call: Call, fingerprint: bytes) -> None:
        """The key is this call's, which lives."""
        self._living[key] = Bearer(call, fingerprint)

    def taken_up(self, call: Call) -> None:
        """A stored call that lives is read from the store."""
        key = _key_of(call)
        if key is not None:
            self.claim(key, call, b"")

    def forgotten(self, call: Call) -> None:
        """A stored call lives no more: its row has the key, if there is one."""
        key = _key_of(call)
        if key is not None and (living := self._living.get(key)) is not None and living.call is call:
            del self._living[key]

    def ended(self, key: Key, call: Call, done: Complete) -> None:
        """A lightweight call has its outcome. One that never got to its device's calls, or was taken back since its
        caller left, is not remembered: it may be tried again."""
        bearer = self._living.pop(key, None)
        if bearer is None or not call.request_id or done.cause == Cause.CAUSE_HUNG_UP:
            return
        bearer.call = Call(call.call_id, call.device_id, call.tenant_id, call.kind, "", b"", 0, None)
        bearer.done = done
        bearer.until_ms = self._clock() + self._keep_ms
        self._look_through_oldest()
        ended = self._ended.setdefault(call.tenant_id, _Ended())
        ended.bearers[key] = bearer
        ended.bytes += len(done.payload)
        while len(ended.bearers) > self._most_ended or ended.bytes > self._most_bytes:
            self._forget(ended, next(iter(ended.bearers)))

    def _look_through_oldest(self) -> None:
        """Tenants that call no more are forgotten while others call."""
        if self._ended:
            tenant_id, ended = self._ended.popitem(last=False)
            self._forget_old(ended)
            if ended.bearers:
                self._ended[tenant_id] = ended

    def _forget_old(self, ended: _Ended) -> None:
        now = self._clock()
        while ended.bearers and next(iter(ended.bearers.values())).until_ms <= now:
            self._forget(ended, next(iter(ended.bearers)))

    def _forget(self, ended: _Ended, key: Key) -> None:
        bearer = ended.bearers.pop(key)
        ended.bytes -= len(bearer.done.payload) if bearer.done is not None else 0


def fingerprint(call: Call) -> bytes:
    """What must be the same for two requests to be one: kind, persistence, method and the bytes of params."""
    digest = blake2b(
        f"{call.kind} {call.keeping is not None} {len(call.method)} {call.method}".encode(), digest_size=16
    )
    digest.update(call.params)
    return digest.digest()


def _key_of(call: Call) -> Key | None:
    keeping = call.keeping
    if keeping is None or not keeping.idempotency_key:
        return None
    return call.tenant_id, call.device_id, keeping.idempotency_key
