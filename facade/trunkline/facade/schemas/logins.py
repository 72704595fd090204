"""What people show to get tokens, and the tokens."""

from typing import Self

from pydantic import ConfigDict

from trunkline.facade.schemas.base import Body
from trunkline.v1 import identity_pb2 as identity_pb


class CredentialsBody(Body):
    """A login."""

    model_config = ConfigDict(extra="forbid")

    username: str
    password: str


class PublicLoginBody(Body):
    """The login of somebody who uses a public customer's devices."""

    model_config = ConfigDict(extra="forbid")

    public_id: str


class RefreshBody(Body):
    """A token refresh."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: str


class PasswordChangeBody(Body):
    """Another password; the core tells what is wrong with one that is missing."""

    current_password: str | None = None
    new_password: str | None = None


class ActivationBody(Body):
    """A user's first password; the core tells what is wrong with one that is missing."""

    activate_token: str | None = None
    password: str | None = None


class Tokens(Body):
    """A pair of tokens."""

    token: str
    refresh_token: str

    @classmethod
    def of(cls, pair: identity_pb.TokenPair) -> Self:
        """The pair as ThingsBoard's clients expect it."""
        return cls(token=pair.access_token, refresh_token=pair.refresh_token)


class ActivationLink(Body):
    """Where somebody sets a user's first password."""

    value: str
    ttl_ms: int
    """Milliseconds for which it is still good."""
