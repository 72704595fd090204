"""The RPC POSTs, the hottest path of the product: plain ASGI, matched before the framework's router.

Reads top to bottom in the order in which ThingsBoard evaluates a request: who is calling, how large is the body, which
device, what is in the body; then the core decides about permission and the device about the rest.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Receive, Scope, Send

from trunkline.client.call_stream import CallStream
from trunkline.contract import ids, json_text
from trunkline.contract.clock import monotonic_ms
from trunkline.contract.errors import TrunklineError, cause_name
from trunkline.contract.logs import get_logger
from trunkline.contract.streams.frames import CallResult, Persistence, StartCall
from trunkline.facade.authentication import Authenticator, Caller, token_of
from trunkline.facade.errors import BAD_REQUEST, bad_request, error_body, internal_error
from trunkline.facade.http_protocol import answer_at_once
from trunkline.facade.metrics import Counters
from trunkline.facade.request_body import CallerGone, read_body, utf8_body
from trunkline.facade.rpc_answer import (
    V1,
    V2,
    Answer,
    Dialect,
    answer_error,
    answer_json,
    answer_result,
    answer_stored,
    name_call,
)
from trunkline.facade.rpc_request import RpcRequest, parse_request
from trunkline.facade.settings import FacadeSettings
from trunkline.facade.waiting import Patience, Waiting, hung_up
from trunkline.v1.call_pb2 import CALL_KIND_ONE_WAY, CALL_KIND_TWO_WAY, CallKind, Outcome
from trunkline.v1.error_pb2 import ErrorReason

log = get_logger(__name__)

ARRIVAL_MS: Final = 1_000
"""What a call whose `expirationTime` passed gets for its way to the core, which alone says what time it is and who may
know of the device."""

KEY_HEADER: Final = b"idempotency-key"
LONGEST_KEY: Final = 255

LAST_UNIX_MS: Final = 253_402_300_799_999
"""The end of the year 9999: no later deadline can be told in the contract's words."""

_LONGEST_MS: Final = 2**31 - 1
"""A timeout beyond this travels as a time."""


class Route(NamedTuple):
    """One of the four paths."""

    kind: CallKind.ValueType
    dialect: Dialect


ROUTES: Final[Mapping[str, Route]] = {
    "/api/plugins/rpc/oneway": Route(CALL_KIND_ONE_WAY, V1),
    "/api/plugins/rpc/twoway": Route(CALL_KIND_TWO_WAY, V1),
    "/api/rpc/oneway": Route(CALL_KIND_ONE_WAY, V2),
    "/api/rpc/twoway": Route(CALL_KIND_TWO_WAY, V2),
}
"""Path without its last segment, the device id."""


class RpcRoutes:
    """Answers the RPC POSTs."""

    def __init__(
        self, calls: CallStream, authenticator: Authenticator, settings: FacadeSettings, counters: Counters
    ) -> None:
        self._loop = asyncio.get_running_loop()  # asking again costs a system call
        self._calls = calls
        self._authenticator = authenticator
        self._counters = counters
        self._body_limit = settings.max_params_bytes
        self._min_timeout_ms = settings.min_timeout_ms
        self._default_timeout_ms = max(settings.min_timeout_ms, settings.default_timeout_ms)
        self._max_timeout_ms = settings.max_timeout_ms
        self._accept_wait_ms = settings.accept_wait_ms
        self._patience = Patience(self._loop, settings.hang_up_watch_ms / 1000)
        self._new_ids = ids.new_ids()
        self._log_calls = logging.getLogger(__name__).isEnabledFor(logging.DEBUG)

    async def __call__(self, route: Route, device: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for `device`, the last segment of its path.

        The id of its call is chosen here, so that every answer names it: also a refusal, and one to a call whose core
        is gone.
        """
        call_id = next(self._new_ids)
        try:
            answer = await self._answer(route, device, call_id, scope, receive)
        except CallerGone:
            self._counters.hung_up()
            return
        except TrunklineError as error:
            answer = self._refuse(error, call_id)
        except Exception as exception:  # a bug: this request gets 500, the others go on
            answer = name_call(answer_json(*internal_error(exception)), call_id)
        if answer_at_once(scope, answer):
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, route: Route, device: str, call_id: bytes, scope: Scope, receive: Receive) -> Answer:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        token = token_of(headers)
        caller = self._authenticator.recall(token) or await self._authenticator.verify(token)
        if scope["method"] != "POST":
            return _method_not_allowed(scope["method"])
        body = await read_body(headers, receive, self._body_limit)
        device_id = _device_id(device)
        request = parse_request(utf8_body(headers, body), route.kind == CALL_KIND_ONE_WAY)
        call = self._call(route.kind, device_id, request, call_id)
        key = headers.get(KEY_HEADER)
        if key is not None:
            call.idempotency_key = _checked_key(key)
        try:
            result = await self._run(call, caller, receive)
        except TrunklineError as error:
            return self._refuse(error, call.call_id)
        self._counters.answered(route.kind, result.outcome, result.cause)
        if self._log_calls:
            _log_call(call, result)
        call_id = result.call_id or call.call_id  # another one's, whose idempotency key this is
        if call.persistence is not None:
            return name_call(answer_stored(result, call_id, route.dialect), call_id)
        return name_call(answer_result(result, route.dialect), call_id)

    def _refuse(self, error: TrunklineError, call_id: bytes) -> Answer:
        self._counters.refused(error.reason)
        return name_call(answer_error(error), call_id)

    def _call(self, kind: CallKind.ValueType, device_id: bytes, request: RpcRequest, call_id: bytes) -> StartCall:
        now = monotonic_ms()
        call = StartCall(
            tag=0,
            device_id=device_id,
            method=request.method,
            params=bytes(request.params),
            kind=kind,
            deadline_ms=now + self._timeout_ms(request),
            call_id=call_id,
            fail_fast=request.fail_fast,
            await_delivery=request.await_delivery,
        )
        if request.request_id:
            call.call_id = ids.from_text(request.request_id)
            call.idempotency_key = ids.to_text(call.call_id)
        if request.persistent:
            self._store(call, request, now)
        elif isinstance(request.expiration_time, int):
            left_ms = request.expiration_time - time.time_ns() // 1_000_000
            call.deadline_ms = now + max(ARRIVAL_MS, min(left_ms, self._max_timeout_ms))
            if left_ms <= self._max_timeout_ms:
                call.expire_unix_ms = max(0, request.expiration_time)
        if request.redelivery is not None or request.submit_strategy is not None:
            call.policy = request.policy
        return call

    def _store(self, call: StartCall, request: RpcRequest, now: int) -> None:
        """Make it a persistent call: nothing cuts its time, which is the device's; its caller waits for an id alone."""
        info = bytes(request.additional_info)
        call.persistence = Persistence(b"" if info == json_text.NULL else info)
        if isinstance(request.retries, int):
            call.retries = request.retries
        call.wait_until_ms = now + self._accept_wait_ms
        if isinstance(request.expiration_time, int):
            call.expire_unix_ms = max(0, min(request.expiration_time, LAST_UNIX_MS))
        elif isinstance(request.timeout, int):
            timeout_ms = max(request.timeout, self._min_timeout_ms)
            call.deadline_ms = now + timeout_ms
            if timeout_ms > _LONGEST_MS:
                call.expire_unix_ms = min(time.time_ns() // 1_000_000 + timeout_ms, LAST_UNIX_MS)

    def _timeout_ms(self, request: RpcRequest) -> int:
        if not isinstance(request.timeout, int):
            return self._default_timeout_ms
        return min(max(request.timeout, self._min_timeout_ms), self._max_timeout_ms)

    async def _run(self, call: StartCall, caller: Caller, receive: Receive) -> CallResult:
        """The call's result. Raises CallerGone, and TrunklineError if there can be no call."""
        waiting = self._patience.begin()
        call.principal = self._calls.bind(caller.principal)
        try:
            tag = self._calls.start(call, waiting.settle)
        except TrunklineError as error:  # the core refused this facade, not the caller
            raise TrunklineError(ErrorReason.ERROR_REASON_CORE_UNAVAILABLE, "") from error
        try:
            await waiting.wake
            if waiting.result is None:
                await self._watch(waiting, receive)
        except BaseException:
            self._calls.hang_up(tag)
            raise
        result, waiting.result = waiting.result, None  # it may be large, and `waiting` is kept for a while
        assert result is not None
        return result

    async def _watch(self, waiting: Waiting, receive: Receive) -> None:
        """Wait on, for the result or for the caller to hang up. Raises CallerGone."""
        waiting.wake = self._loop.create_future()
        watcher = asyncio.create_task(hung_up(receive), name="hang-up watch")
        try:
            await asyncio.wait((waiting.wake, watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watcher.cancel()
        if waiting.result is None:
            raise CallerGone


def _checked_key(value: bytes) -> str:
    key = value.decode("latin-1").strip()
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise bad_request(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters")
    return key


def _device_id(text: str) -> bytes:
    try:
        return ids.from_text(text)
    except ValueError as error:
        raise bad_request(str(error)) from None


def _method_not_allowed(method: str) -> Answer:
    status = HTTPStatus.METHOD_NOT_ALLOWED
    answer = answer_json(status, error_body(status, f"Request method '{method}' is not supported", BAD_REQUEST))
    answer.headers.append((b"allow", b"POST"))
    return answer


def _log_call(call: StartCall, result: CallResult) -> None:
    log.debug(
        "call_answered",
        call_id=ids.to_text(call.call_id),
        device_id=ids.to_text(call.device_id),
        method=call.method,
        outcome=Outcome.Name(result.outcome),
        cause=cause_name(result.cause),
    )
