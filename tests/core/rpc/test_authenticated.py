"""Methods that know their caller."""

from typing import Any, cast

import pytest

from trunkline.contract.errors import TrunklineError
from trunkline.core.identity.model import User
from trunkline.core.identity.tokens import Tokens
from trunkline.core.rpc.authenticated import Authenticated, Context
from trunkline.core.rpc.authentication import Authentication, Metadata
from trunkline.v1.error_pb2 import ErrorReason


class Call:
    """What a method looks at of its call."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> Metadata:
        return self._metadata


class Service(Authenticated):
    """A service with nothing but a caller."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def caller(self, metadata: Metadata) -> Any:
        return self._caller(cast("Context", Call(metadata)))


async def test_the_caller_is_whose_token_it_is(authentication: Authentication, tokens: Tokens, ann: User) -> None:
    service = Service(authentication)
    shown = (("authorization", f"Bearer {tokens.issue(ann).access}"),)
    assert service.caller(shown).user_id == ann.id
    with pytest.raises(TrunklineError) as caught:
        service.caller(())
    assert caught.value.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED
