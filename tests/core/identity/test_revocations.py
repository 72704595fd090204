"""Which tokens are refused, for how long, and who hears of it."""

from trunkline.contract.ids import new_id
from trunkline.contract.streams.frames import PrincipalRevoked
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.store.revocations import KEEP_MS, Revocation
from trunkline.core.store.store import Store
from trunkline.v1.rpc_service_pb2 import Role

NOW = 1_720_000_000_000


def somebody(user_id: bytes, issued_unix_ms: int = NOW) -> Principal:
    """A caller with a fresh session, whose id tells when it was issued."""
    session_id = bytearray(issued_unix_ms.to_bytes(6) + new_id()[6:])
    session_id[6] = 0x70
    return Principal(
        Role.ROLE_TENANT_ADMIN,
        new_id(),
        user_id,
        token_session_id=bytes(session_id),
        issued_unix_ms=issued_unix_ms,
    )


async def test_a_logged_out_session_is_refused_and_the_others_are_not(store: Store) -> None:
    revocations = await Revocations.load(store.revocations, NOW)
    user_id = new_id()
    gone, other = somebody(user_id), somebody(user_id)
    assert not revocations.is_revoked(gone)
    await revocations.revoke_session(user_id, gone.token_session_id, NOW)
    assert revocations.is_revoked(gone)  # at once, also within the second of its login
    assert not revocations.is_revoked(other)


async def test_a_revoked_user_is_refused_until_the_next_login(store: Store) -> None:
    revocations = await Revocations.load(store.revocations, NOW)
    user_id = new_id()
    await revocations.revoke_user(user_id, NOW)
    assert revocations.is_revoked(somebody(user_id, NOW - 1))
    assert not revocations.is_revoked(somebody(user_id, NOW))
    assert not revocations.is_revoked(somebody(new_id(), NOW - 1))


async def test_a_restarted_core_still_refuses_them(store: Store) -> None:
    before = await Revocations.load(store.revocations, NOW)
    user = somebody(new_id(), NOW - 1)
    session = somebody(new_id())
    await before.revoke_user(user.user_id, NOW)
    await before.revoke_session(session.user_id, session.token_session_id, NOW)
    after = await Revocations.load(store.revocations, NOW + KEEP_MS - 1)
    assert after.is_revoked(user)
    assert after.is_revoked(session)


async def test_they_are_forgotten_once_their_tokens_have_expired_anyway(store: Store) -> None:
    revocations = await Revocations.load(store.revocations, NOW)
    old, old_session = somebody(new_id(), NOW - 1), somebody(new_id())
    await revocations.revoke_user(old.user_id, NOW)
    await revocations.revoke_session(old_session.user_id, old_session.token_session_id, NOW)
    await revocations.revoke_user(new_id(), NOW + KEEP_MS)
    assert not revocations.is_revoked(old)
    assert not revocations.is_revoked(old_session)
    later = await Revocations.load(store.revocations, NOW + KEEP_MS)
    assert not later.is_revoked(old)


async def test_listeners_hear_of_each(store: Store) -> None:
    revocations = await Revocations.load(store.revocations, NOW)
    heard: list[PrincipalRevoked] = []
    unsubscribe = revocations.subscribe(heard.append)
    user_id = new_id()
    await revocations.revoke_session(user_id, b"s" * 16, NOW)
    await revocations.revoke_user(user_id, NOW)
    unsubscribe()
    await revocations.revoke_user(user_id, NOW)
    assert heard == [PrincipalRevoked(user_id, b"s" * 16, NOW), PrincipalRevoked(user_id, b"", NOW)]


async def test_beyond_its_bound_a_session_is_refused_with_all_older_ones(store: Store) -> None:
    revocations = await Revocations.load(store.revocations, NOW, max_sessions=1)
    user_id = new_id()
    older, first, later = somebody(user_id, NOW - 1), somebody(user_id, NOW), somebody(user_id, NOW + 1)
    await revocations.revoke_session(user_id, first.token_session_id, NOW)
    assert not revocations.is_revoked(older)
    await revocations.revoke_session(new_id(), new_id(), NOW)
    assert revocations.is_revoked(first)
    assert revocations.is_revoked(older)
    assert not revocations.is_revoked(later)
    reloaded = await Revocations.load(store.revocations, NOW, max_sessions=1)
    assert reloaded.is_revoked(first)


async def test_what_was_revoked_with_its_user_is_taken_as_it_is(store: Store) -> None:
    revocations = await Revocations.load(store.revocations, NOW)
    heard: list[PrincipalRevoked] = []
    revocations.subscribe(heard.append)
    gone = somebody(new_id(), NOW + 1)
    revocations.take([Revocation(gone.user_id, b"", NOW + KEEP_MS, NOW + KEEP_MS)])
    assert revocations.is_revoked(gone)  # though it was issued later
    assert heard == [PrincipalRevoked(gone.user_id, b"", NOW + KEEP_MS)]
