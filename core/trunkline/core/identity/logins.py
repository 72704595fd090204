"""Logging in, refreshing, logging out and changing a password, with the texts that ThingsBoard's clients know."""

import time
from collections.abc import Callable
from typing import Final, NoReturn

from trunkline.contract.errors import TrunklineError
from trunkline.contract.ids import from_text, to_text
from trunkline.contract.logs import get_logger
from trunkline.core.identity.model import User, anonymous_user
from trunkline.core.identity.passwords import Passwords
from trunkline.core.identity.permissions import deny, only, visible_user
from trunkline.core.identity.principal import Principal
from trunkline.core.identity.revocations import Revocations
from trunkline.core.identity.tokens import TokenPair, Tokens
from trunkline.core.identity.validation import check_password
from trunkline.core.store.customers import CustomerRows
from trunkline.core.store.users import UserRows
from trunkline.core.tasks import uncancelled
from trunkline.core.validation import invalid
from trunkline.v1.error_pb2 import ErrorReason
from trunkline.v1.rpc_service_pb2 import Role

log = get_logger(__name__)

_NOT_ACTIVE: Final = "User account is not active"


class Logins:
    """Exchanges what people have for tokens. `now_s` is the wall clock in seconds.

    A pair counts from when its user was read: a user disabled, deleted or given another password in between gets none
    that is good. `on_refused` hears why somebody's password was not taken.
    """

    def __init__(
        self,
        *,
        users: UserRows,
        customers: CustomerRows,
        passwords: Passwords,
        tokens: Tokens,
        revocations: Revocations,
        impersonation: bool = True,
        on_refused: Callable[[ErrorReason.ValueType], None] = lambda reason: None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._users = users
        self._customers = customers
        self._passwords = passwords
        self._tokens = tokens
        self._revocations = revocations
        self._impersonation = impersonation
        self._on_refused = on_refused
        self._now_s = now_s

    async def login(self, email: str, password: str) -> TokenPair:
        """A pair of tokens for the user with this e-mail address, letter case included.

        Raises UNAUTHENTICATED (nothing given, or wrong) and ACCOUNT_DISABLED, whatever the password.
        """
        try:
            return await self._login(email, password)
        except TrunklineError as error:
            self._on_refused(error.reason)
            raise

    async def _login(self, email: str, password: str) -> TokenPair:
        if not email.strip() or not password.strip():
            raise _failed()
        now = self._now_s()
        user, password_hash = await self._users.find_login(email) or (None, None)
        good = await self._passwords.verify(password, password_hash)
        if user is not None and not user.enabled:
            raise _not_active()
        if user is None or not good:
            raise _wrong()
        await self._users.logged_in(user.id, int(now * 1000))
        return self._tokens.issue(user, as_of_s=now)

    async def login_public(self, public_id: str) -> TokenPair:
        """A pair of tokens for anybody, with which to use the devices of the public customer with this UUID.

        Raises UNAUTHENTICATED (nothing given, or no public customer).
        """
        if not public_id.strip():
            raise _failed()
        now = self._now_s()
        try:
            customer_id = from_text(public_id)
        except ValueError:
            raise _wrong() from None
        return self._tokens.issue(await self._anonymous(customer_id), as_of_s=now, is_public=True)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """A new pair for a new session; the old pair stays good until it expires.

        Raises UNAUTHENTICATED (nothing given, no refresh token of ours, its user gone or its session revoked),
        TOKEN_EXPIRED and ACCOUNT_DISABLED.
        """
        if not refresh_token.strip():
            raise _failed()
        now = self._now_s()
        claims = self._tokens.verify_refresh(refresh_token)
        user = await (self._anonymous(claims.user_id) if claims.is_public else self._known(claims.user_id))
        if not user.enabled:
            raise _not_active()
        principal = Principal(
            role=user.role,
            tenant_id=user.tenant_id,
            user_id=user.id,
            customer_id=user.customer_id,
            token_session_id=claims.token_session_id,
            issued_unix_ms=claims.issued_unix_ms,
        )
        if self._revocations.is_revoked(principal):
            raise TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Token is outdated")
        return self._tokens.issue(user, as_of_s=now, is_public=claims.is_public)

    @uncancelled
    async def logout(self, principal: Principal) -> None:
        """Refuse the tokens of the principal's session from now on; its user's other sessions go on."""
        await self._revocations.revoke_session(principal.user_id, principal.token_session_id, self._now_ms())

    async def user(self, principal: Principal) -> User:
        """The user behind the principal.

        Raises UNAUTHENTICATED if the account is gone, INVALID_ARGUMENT if the token is a public customer's.
        """
        if principal.is_anonymous:
            invalid("A public customer's token stands for no user", "authorization")
        user = await self._users.find(principal.user_id)
        if user is None:
            raise _failed()
        return user

    @uncancelled
    async def change_password(self, principal: Principal, current: str, new: str) -> TokenPair:
        """Give the principal's user another password; all earlier tokens end, and here is a new pair.

        Raises INVALID_ARGUMENT (the current one is wrong, or the new one too short, too long, or the same).
        """
        user = await self.user(principal)
        _, password_hash = await self._users.find_login(user.email) or (None, "")
        if not await self._passwords.verify(current, password_hash):
            _no_match()
        check_password(new)
        if current == new:
            invalid("New password should be different from existing!", "new_password")
        new_hash = await self._passwords.hash(new)
        if not await self._users.replace_password(user.id, new_hash, instead_of=password_hash):
            _no_match()  # somebody else was quicker
        now = self._now_ms() + 1  # what was issued in this millisecond ends, too
        await self._revocations.revoke_user(user.id, now)
        return self._tokens.issue(user, as_of_s=now / 1000)

    async def impersonate(self, principal: Principal, user_id: bytes) -> TokenPair:
        """A pair of tokens of a user whom the principal administers.

        Raises PERMISSION_DENIED (also where the settings allow it to nobody), NOT_FOUND, and INVALID_ARGUMENT if that
        user could not log in.
        """
        only(principal, Role.ROLE_SYS_ADMIN, Role.ROLE_TENANT_ADMIN)
        if not self._impersonation:
            deny()
        now = self._now_s()
        user = visible_user(principal, await self._users.find(user_id), user_id)
        if not user.enabled:
            invalid(_NOT_ACTIVE, "id")
        log.info("user_impersonated", user_id=to_text(user.id), by=to_text(principal.user_id))
        return self._tokens.issue(user, as_of_s=now)

    async def _known(self, user_id: bytes) -> User:
        user = await self._users.find(user_id)
        if user is None:
            raise _wrong()
        return user

    async def _anonymous(self, customer_id: bytes) -> User:
        customer = await self._customers.find(customer_id)
        if customer is None or not customer.is_public:
            raise _wrong()
        return anonymous_user(customer, to_text(customer_id))

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000)


def _failed() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Authentication failed")


def _wrong() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_UNAUTHENTICATED, "Invalid username or password")


def _not_active() -> TrunklineError:
    return TrunklineError(ErrorReason.ERROR_REASON_ACCOUNT_DISABLED, _NOT_ACTIVE)


def _no_match() -> NoReturn:
    invalid("Current password doesn't match!", "current_password")
