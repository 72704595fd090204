"""Verdicts on tokens: what a principal is made of, how long it is remembered, and what makes it forgotten."""

import asyncio
import time

import pytest
from doubles.recording_core import SESSION, TENANT, USER, RecordingCore

from trunkline.contract import ids
from trunkline.contract.errors import TrunklineError
from trunkline.facade.authentication import Authenticator, token_of
from trunkline.facade.core_connection import CoreConnection
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import AnswerFrame, PrincipalRevoked, Role


@pytest.fixture
def authenticator(connection: CoreConnection) -> Authenticator:
    return Authenticator(connection.calls, connection.signing_keys, cache_size=2)


async def test_a_principal(authenticator: Authenticator, core: RecordingCore) -> None:
    customer = "2a246bf2-7f96-418e-a96b-785d7893650b"
    issued = int(time.time()) - 5
    token = core.signer.sign(scopes=["CUSTOMER_USER"], customerId=customer, iat=issued)
    caller = await authenticator.verify(token.encode())
    principal = caller.principal
    assert principal.role == Role.ROLE_CUSTOMER_USER
    assert principal.tenant_id == ids.from_text(TENANT)
    assert principal.user_id == ids.from_text(USER)
    assert principal.customer_id == ids.from_text(customer)
    assert principal.token_session_id == ids.from_text(SESSION)
    assert principal.issued_unix_ms == issued * 1000
    assert caller.token == token


async def test_none_is_an_empty_id(authenticator: Authenticator, core: RecordingCore) -> None:
    token = core.signer.sign(scopes=["SYS_ADMIN"], tenantId="13814000-1dd2-11b2-8080-808080808080")
    principal = (await authenticator.verify(token.encode())).principal
    assert (principal.role, principal.tenant_id, principal.customer_id) == (Role.ROLE_SYS_ADMIN, b"", b"")


async def test_a_verdict_is_remembered_until_the_token_expires(
    authenticator: Authenticator, core: RecordingCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    expires = int(time.time()) + 100
    token = core.signer.sign(exp=expires).encode()
    assert authenticator.recall(token) is None
    caller = await authenticator.verify(token)
    assert authenticator.recall(token) is caller
    monkeypatch.setattr("time.time", lambda: float(expires))
    assert authenticator.recall(token) is None


async def test_the_memory_is_bounded(authenticator: Authenticator, core: RecordingCore) -> None:
    tokens = [core.signer.sign(jti=str(number)).encode() for number in range(3)]
    for token in tokens:
        await authenticator.verify(token)
    assert [authenticator.recall(token) is not None for token in tokens] == [False, True, True]


async def test_a_revocation_empties_it(
    authenticator: Authenticator, core: RecordingCore, connection: CoreConnection
) -> None:
    token = core.signer.sign().encode()
    await authenticator.verify(token)
    told = asyncio.Event()
    forget = connection.calls.on_revoked

    def on_revoked(revoked: object) -> None:
        forget(revoked)  # type: ignore[arg-type]  # as the stream gives it
        told.set()

    connection.calls.on_revoked = on_revoked
    core.send(AnswerFrame(revoked=PrincipalRevoked(user_id=b"u" * 16)))
    async with asyncio.timeout(10):
        await told.wait()
    assert authenticator.recall(token) is None


async def test_without_a_stream_nothing_is_remembered(
    authenticator: Authenticator, core: RecordingCore, connection: CoreConnection
) -> None:
    token = core.signer.sign().encode()
    await authenticator.verify(token)
    gone, back = asyncio.Event(), asyncio.Event()
    forget = connection.calls.on_connection

    def on_connection(connected: bool) -> None:
        forget(connected)
        (back if connected else gone).set()

    connection.calls.on_connection = on_connection
    async with asyncio.timeout(10):
        await core.stop()
        await gone.wait()
        assert authenticator.recall(token) is None
        assert await authenticator.verify(token)  # the key is known
        assert authenticator.recall(token) is None
        await core.start()
        await back.wait()
        assert authenticator.recall(token) is None  # it may have been revoked meanwhile


async def test_without_a_key_nobody_can_tell(authenticator: Authenticator, core: RecordingCore) -> None:
    await core.stop()
    with pytest.raises(TrunklineError) as caught:
        await authenticator.verify(core.signer.sign().encode())
    assert caught.value.reason == ErrorReason.ERROR_REASON_CORE_UNAVAILABLE


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"iat": None},
        {"exp": "soon"},
        {"iat": "now"},
        {"userId": None},
        {"userId": 5},
        {"tenantId": "abc"},
        {"sessionId": None},
        {"customerId": None},
    ],
)
async def test_claims_that_are_missing_or_wrong(
    authenticator: Authenticator, core: RecordingCore, claims: dict[str, object]
) -> None:
    with pytest.raises(TrunklineError, match="Invalid username or password"):
        await authenticator.verify(core.signer.sign(**claims).encode())


@pytest.mark.parametrize("scopes", [None, [], "TENANT_ADMIN", [5], ["ROOT"], [["TENANT_ADMIN"]]])
async def test_scopes_that_are_none(authenticator: Authenticator, core: RecordingCore, scopes: object) -> None:
    with pytest.raises(TrunklineError, match="don't have permission"):
        await authenticator.verify(core.signer.sign(scopes=scopes).encode())


@pytest.mark.parametrize("token", [b"", b"\xff", b"a.b.c", b"a" * 100_000, b"..", b"e30.e30.", b"bnVsbA.e30.x"])
async def test_bytes_that_are_no_token(authenticator: Authenticator, token: bytes) -> None:
    with pytest.raises(TrunklineError) as caught:
        await authenticator.verify(token)
    assert caught.value.row.http == 401


def test_where_a_token_stands() -> None:
    assert token_of({b"x-authorization": b"Bearer a.b.c"}) == b"a.b.c"
    assert token_of({b"authorization": b"Bearer a.b.c"}) == b"a.b.c"
    assert token_of({b"x-authorization": b"a.b.c"}) == b"a.b.c"
    assert token_of({b"x-authorization": b"Bearer x", b"authorization": b"Bearer y"}) == b"x"
